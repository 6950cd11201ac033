package gateway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/internal/config"
)

func drainWithin(d time.Duration) change {
	return with(func(c *config.Config) { c.Network.Timeouts.Drain = config.Duration(d) })
}

// withPrivate gives the gate a private listener, at the address returned.
func withPrivate(t *testing.T, token string) (string, change) {
	addr := deadAddress(t)
	return "http://" + addr, func(o *Options) {
		text := "network: {private: {listen: \"" + addr + "\"}}"
		if token != "" {
			t.Setenv("GATE_TEST_TOKEN", token)
			text = "network: {private: {listen: \"" + addr + "\", token: \"${env:GATE_TEST_TOKEN}\"}}"
		}
		written(t, text)(o)
	}
}

func fetch(t *testing.T, url string, headers ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	res, err := client.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(text)
}

func TestDrain_LetsRequestsFinish_RefusesNew_AndSaysSo(t *testing.T) {
	private, withIt := withPrivate(t, "")
	proceed, asked := make(chan struct{}), make(chan struct{})
	g := newGate(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(asked)
			<-proceed
		}
		io.WriteString(w, "done")
	}), withIt)
	if status, text := fetch(t, private+"/readyz"); status != 200 {
		t.Fatalf("%d %s", status, text)
	}
	answers := make(chan answered, 1)
	go func() { answers <- g.get("/slow") }()
	await(t, "the request is at the backend", asked)
	g.stop()
	eventually(t, "new connections are refused", func() bool {
		c, err := net.Dial("tcp", g.addr)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	if status, text := fetch(t, private+"/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(text, "draining") {
		t.Errorf("ready while draining: %d %q", status, text)
	}
	if status, _ := fetch(t, private+"/healthz"); status != 200 {
		t.Errorf("health while draining: %d", status)
	}
	close(proceed)
	if a := await(t, "the answer", answers); a.StatusCode != 200 || a.text != "done" {
		t.Errorf("%s %q", a.Status, a.text)
	}
	await(t, "the gate has stopped", g.done)
	if g.err != nil {
		t.Error(g.err)
	}
}

func TestDrain_EndsStreamsWhenItsTimeIsOver(t *testing.T) {
	closed, gone := make(chan error, 1), make(chan struct{})
	socket := echoSocket(t, closed)
	g := newGate(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/ws" {
			socket(w, r)
			return
		}
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		close(gone)
	}), drainWithin(time.Second))
	c, _, err := websocket.Dial(t.Context(), g.url+"/ws", &websocket.DialOptions{HTTPClient: g.newClient(false)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	res, err := g.client.Do(g.request("GET", "/feed", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	g.stop()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := c.Write(ctx, websocket.MessageText, []byte("still there")); err != nil {
		t.Errorf("the socket ended before the time was over: %v", err)
	}
	if _, text, err := c.Read(ctx); string(text) != "still there" {
		t.Errorf("%q %v", text, err)
	}
	await(t, "the gate has stopped", g.done)
	if _, _, err := c.Read(ctx); err == nil || ctx.Err() != nil {
		t.Errorf("the socket lives on: %v", err)
	}
	if _, err := io.ReadAll(res.Body); err == nil {
		t.Log("the feed ended as if it were whole") // its client reconnects either way
	}
	await(t, "the backend's socket ends", closed)
	await(t, "the backend's feed ends", gone)
	if n := g.exchanges.Len(); n != 0 {
		t.Errorf("%d requests under way after Run", n)
	}
}

func TestDrain_IsNotHeldUpByAFollower(t *testing.T) {
	dir := stateFolder(t)
	g := newGate(t, hello, onDisk(dir), drainWithin(time.Minute))
	a, err := Dial(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	got, ended := make(chan gatehouse.Event, 8), make(chan error, 1)
	go func() {
		ended <- a.Follow(t.Context(), func(e gatehouse.Event) error { got <- e; return nil })
	}()
	eventually(t, "an event is followed", func() bool {
		forged(g, "/x")
		select {
		case e := <-got:
			return e.Name == "malicious_csrf"
		case <-time.After(20 * time.Millisecond):
			return false
		}
	})
	g.stop()
	await(t, "the gate has stopped", g.done)
	await(t, "following has ended", ended)
}

func TestPrivate_AnswersHealthAndMetrics(t *testing.T) {
	private, withIt := withPrivate(t, "")
	addr := deadAddress(t)
	g := gateTo(t, "http://"+addr, withIt)
	if status, text := fetch(t, private+"/healthz"); status != 200 || text != "ok\n" {
		t.Errorf("%d %q", status, text)
	}
	if status, text := fetch(t, private+"/readyz"); status != 503 || !strings.Contains(text, "backend") || strings.Contains(text, addr) {
		t.Errorf("with the backend down: %d %q", status, text)
	}
	if status, _ := fetch(t, private+"/"); status != 404 {
		t.Errorf("elsewhere: %d", status)
	}
	g.get("/x")
	forged(g, "/y")
	status, text := fetch(t, private+"/metrics")
	if status != 200 {
		t.Fatalf("%d %s", status, text)
	}
	samples := parseMetrics(t, text)
	for name, want := range map[string]string{
		`gatehouse_requests_total{class="5xx"}`:                                "1",
		`gatehouse_requests_total{class="4xx"}`:                                "1",
		`gatehouse_decisions_total{outcome="refused",rung="application/csrf"}`: "1",
		`gatehouse_upstream_failures_total{kind="down"}`:                       "1",
		`gatehouse_requests_in_flight`:                                         "0",
		`gatehouse_bans`:                                                       "0",
		`gatehouse_request_duration_seconds_count`:                             "2",
	} {
		if samples[name] != want {
			t.Errorf("%s is %q, want %s", name, samples[name], want)
		}
	}
	if a := g.get("/metrics"); a.StatusCode != 502 {
		t.Errorf("clients reach %s", a.Status)
	}
}

// parseMetrics reads the text format: a sample a line, of a name that HELP and
// TYPE have introduced.
func parseMetrics(t *testing.T, text string) map[string]string {
	t.Helper()
	samples, types := map[string]string{}, map[string]bool{}
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		line := lines.Text()
		if fields := strings.Fields(line); strings.HasPrefix(line, "# TYPE ") && len(fields) == 4 {
			types[fields[2]] = true
		}
		if strings.HasPrefix(line, "#") {
			continue
		}
		cut := strings.LastIndexByte(line, ' ')
		if cut < 0 {
			t.Fatalf("no sample: %q", line)
		}
		name := line[:cut]
		base, _, _ := strings.Cut(name, "{")
		known := types[base]
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			known = known || types[strings.TrimSuffix(base, suffix)]
		}
		if _, twice := samples[name]; twice || !known {
			t.Errorf("a sample twice or without a type: %q", line)
		}
		samples[name] = line[cut+1:]
	}
	return samples
}

func TestPrivate_AsksForItsToken(t *testing.T) {
	token := "a-token-long-enough-to-be-one"
	private, withIt := withPrivate(t, token)
	newGate(t, hello, withIt)
	for given, want := range map[string]int{
		"Accept: */*": 401, "Authorization: Bearer " + token: 200, "Authorization: Bearer " + token + "x": 401, "Authorization: Bearer ": 401,
		"Authorization: " + token: 401, "Authorization: Basic " + token: 401,
	} {
		for _, path := range []string{"/healthz", "/metrics", "/readyz"} {
			if status, text := fetch(t, private+path, given); status != want || strings.Contains(text, token) {
				t.Errorf("%q %s: %d %.80q", given, path, status, text)
			}
		}
	}
}

func TestControl_AnswersWhatTheCommandsAsk(t *testing.T) {
	dir := stateFolder(t)
	reloads := 0
	g := newGate(t, hello, onDisk(dir), func(o *Options) {
		o.Load = func() (*config.Config, error) { reloads++; return o.Config, nil }
	})
	info, err := os.Stat(filepath.Join(dir, ControlSocket))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", info, err)
	}
	ctx := t.Context()
	a, err := Dial(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	id := forged(g, "/buy").Header.Get(RequestIDHeader)
	if s, err := a.Status(ctx); err != nil || s.PID != os.Getpid() || s.Version != "test" || len(s.Listening) != 1 {
		t.Errorf("status: %+v %v", s, err)
	}
	if l, err := a.Layers(ctx); err != nil || len(l.Rungs) != len(rungs()) || len(l.Certificates) == 0 {
		t.Errorf("layers: %+v %v", l, err)
	}
	if e, err := a.Find(ctx, id); err != nil || len(e) != 1 || e[0].Request != id {
		t.Errorf("find: %+v %v", e, err)
	}
	if e, err := a.Search(ctx, EventFilter{}); err != nil || len(e) < 2 {
		t.Errorf("search: %+v %v", e, err)
	}
	if r, err := a.Report(ctx, ReportQuery{}); err != nil || len(r) != 1 {
		t.Errorf("report: %+v %v", r, err)
	}
	banned := netip.MustParsePrefix("203.0.113.7/32")
	if err := a.Ban(ctx, BanRequest{Prefix: banned, Until: time.Now().Add(time.Hour), Reason: "test"}); err != nil {
		t.Errorf("ban: %v", err)
	}
	if b, err := a.Bans(ctx); err != nil || len(b) != 1 || b[0].Prefix != banned || b[0].Reason != "test" {
		t.Errorf("bans: %+v %v", b, err)
	}
	if err := a.Unban(ctx, banned); err != nil {
		t.Errorf("unban: %v", err)
	}
	if err := a.Unban(ctx, banned); err == nil || !strings.Contains(err.Error(), "203.0.113.7") {
		t.Errorf("unbanning nobody: %v", err)
	}
	if err := a.Ban(ctx, BanRequest{Prefix: netip.MustParsePrefix("127.0.0.1/32"), Reason: "test"}); err == nil {
		t.Log("a ban of loopback is taken, though loopback is never banned")
	}
	if err := a.Reload(ctx); err != nil || reloads != 1 {
		t.Errorf("reload: %v", err)
	}
}

func TestState_ReadWhileTheGateRuns(t *testing.T) {
	dir := stateFolder(t)
	g := newGate(t, hello, onDisk(dir))
	id := forged(g, "/buy").Header.Get(RequestIDHeader)
	s, err := OpenState(t.Context(), dir, true)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if e, err := s.Find(t.Context(), id); err != nil || len(e) != 1 {
		t.Errorf("%+v %v", e, err)
	}
	if _, err := s.Status(t.Context()); !errors.Is(err, ErrNotRunning) {
		t.Error(err)
	}
	if bans, err := s.Bans(t.Context()); err != nil || len(bans) != 0 {
		t.Errorf("bans: %+v %v", bans, err)
	}
	if err := s.Ban(t.Context(), BanRequest{Prefix: netip.MustParsePrefix("203.0.113.7/32"), Reason: "x"}); err == nil {
		t.Error("a ban was written to a state opened for reading")
	}
}

func TestState_OfARunningGate_IsNotTakenByAnother(t *testing.T) {
	dir := stateFolder(t)
	g := newGate(t, hello, onDisk(dir))
	err := newError(t, onDisk(dir))
	if err == nil {
		t.Fatal("two gates with one state")
	}
	t.Log(err)
	a, err := Dial(t.Context(), dir)
	if err != nil {
		t.Fatalf("the first gate's socket is gone: %v", err)
	}
	_ = a.Close()
	if a := g.get("/"); a.StatusCode != 200 {
		t.Error(a.Status)
	}
}

func TestDial_NobodyRuns(t *testing.T) {
	if _, err := Dial(t.Context(), stateFolder(t)); !errors.Is(err, ErrNotRunning) {
		t.Error(err)
	}
	if _, err := OpenState(t.Context(), stateFolder(t), true); err == nil {
		t.Error("no error")
	}
}

// behindProxy believes what the test says of the client's address: loopback is
// never banned.
func behindProxy(o *Options) {
	o.Config.Network.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
}

func TestBan_SurvivesARestart(t *testing.T) {
	dir := stateFolder(t)
	g := newGate(t, hello, onDisk(dir), behindProxy)
	banned := "X-Forwarded-For: 203.0.113.7"
	if a := g.get("/", banned); a.StatusCode != 200 {
		t.Fatal(a.Status)
	}
	err := g.Admin().Ban(t.Context(), BanRequest{Prefix: netip.MustParsePrefix("203.0.113.7/32"), Reason: "test"})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		a := g.get("/", banned)
		if err := isProblem(a, http.StatusForbidden); err != nil {
			t.Error(err)
		}
		if found := g.told(a.Header.Get(RequestIDHeader)); len(found) != 1 || found[0].Rule != "banned" || found[0].Client != "203.0.113.7" {
			t.Errorf("%+v", found)
		}
		if a := g.get("/", "X-Forwarded-For: 203.0.113.8"); a.StatusCode != 200 {
			t.Errorf("its neighbour: %s", a.Status)
		}
		if d := g.network.CheckPeer(netip.MustParseAddr("203.0.113.7")); d.Verdict == gatehouse.Pass {
			t.Error("it may connect")
		}
		g.end()
		g = newGate(t, hello, onDisk(dir), behindProxy)
	}
	g.end()
	g = newGate(t, hello, onDisk(dir), behindProxy, observing)
	if a := g.get("/", banned); a.StatusCode != 200 {
		t.Errorf("--observe: %s", a.Status)
	}
}

func TestDenied_IsRefusedAtTheConnection(t *testing.T) {
	deny := with(func(c *config.Config) { c.Network.Deny = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")} })
	g := newGate(t, hello, deny)
	if _, err := g.client.Do(g.request("GET", "/", nil)); err == nil {
		t.Error("it was answered")
	}
	if s := g.network.Stats(); s.Refused == 0 || s.Accepted != 0 {
		t.Errorf("%+v", s)
	}
	g = newGate(t, hello, deny, observing)
	if a := g.get("/"); a.StatusCode != 200 {
		t.Errorf("--observe: %s", a.Status)
	}
}

func TestProblem_TellsNothingOfTheRefusal(t *testing.T) {
	g := newGate(t, hello)
	path := `/%3Cscript%3Ealert(1)%3C/script%3E"'<b>`
	for _, accept := range []string{"", "*/*", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/json", "text/html;q=0"} {
		a, err := g.raw("POST " + path + "?q=<script> HTTP/1.1\r\nHost: evil<x>\r\nAccept: " + accept + "\r\nSec-Fetch-Site: cross-site\r\nContent-Length: 0\r\n\r\n")
		if err != nil {
			t.Fatal(err)
		}
		if a.StatusCode == 400 { // net/http refuses such a Host by itself
			a, err = g.raw("POST " + path + " HTTP/1.1\r\nHost: evil\r\nAccept: " + accept + "\r\nSec-Fetch-Site: cross-site\r\nContent-Length: 0\r\n\r\n")
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, word := range []string{"csrf", "cross-site", "Sec-Fetch", "alert", "script", "evil", "rule", "browser"} {
			if strings.Contains(strings.ToLower(a.text), strings.ToLower(word)) {
				t.Errorf("Accept %q: it tells %q: %s", accept, word, a.text)
			}
		}
		html := strings.HasPrefix(a.Header.Get("Content-Type"), "text/html")
		if html != strings.HasPrefix(accept, "text/html,") {
			t.Errorf("Accept %q: %s", accept, a.Header.Get("Content-Type"))
		}
		if a.StatusCode != 403 || !strings.Contains(a.text, a.Header.Get(RequestIDHeader)) || a.Header.Get("Cache-Control") != "no-store" ||
			a.Header.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(a.Header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("Accept %q: %s %v", accept, a.Status, a.Header)
		}
	}
}

func TestProblem_Head_HasNoBody(t *testing.T) {
	g := gateTo(t, "http://"+deadAddress(t))
	a := g.do(g.request("HEAD", "/", nil))
	if a.StatusCode != 502 || a.text != "" || a.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%s %v %q", a.Status, a.Header, a.text)
	}
}

func TestPrefersHTML(t *testing.T) {
	for accept, want := range map[string]bool{
		"":                                  false,
		"*/*":                               false,
		"text/html":                         true,
		"TEXT/HTML ; q=0.5":                 true,
		"text/html;q=0.5, application/json": false,
		"application/json;q=0.5, text/html": true,
		"text/html;q=x":                     true,
		"text/html;q=0":                     false,
		"text/plain, image/*":               false,
		"application/xhtml+xml":             true,
		strings.Repeat(",", 1000):           false,
	} {
		if got := prefersHTML([]string{accept}); got != want {
			t.Errorf("%q: %v", accept, got)
		}
	}
}

func TestOwnPaths_NeverReachTheBackend(t *testing.T) {
	g := newGate(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "backend ", r.RequestURI) }))
	for _, path := range []string{"/_gate/", "/_gate/x", "/%5fgate/x"} {
		a, err := g.raw("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n")
		if err != nil || a.StatusCode != http.StatusNotFound || strings.Contains(a.text, "backend") {
			t.Errorf("%s: %v %q %v", path, a.Response, a.text, err)
		}
	}
}
