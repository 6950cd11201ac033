package gateway

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/exchange"
	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/network"
)

// forwarded is a backend that tells whose request it was told.
var forwarded = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	io.WriteString(w, r.Header.Get("X-Forwarded-For"))
})

func senders(list ...string) change {
	return with(func(c *config.Config) {
		for _, s := range list {
			c.Network.ProxyProtocol = append(c.Network.ProxyProtocol, netip.MustParsePrefix(s))
		}
	})
}

func v1(client string) string {
	return "PROXY TCP4 " + client + " 203.0.113.1 40000 443\r\n"
}

func v2(client string) string {
	from, to := netip.MustParseAddr(client).As4(), netip.MustParseAddr("203.0.113.1").As4()
	b := append([]byte("\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c"), from[:]...)
	b = binary.BigEndian.AppendUint16(append(b, to[:]...), 40000)
	return string(binary.BigEndian.AppendUint16(b, 443))
}

// proxied opens a connection that begins with a header, and asks on it.
func (g *testGate) proxied(header string) (net.Conn, string, error) {
	g.t.Helper()
	raw, err := net.Dial("tcp", g.addr)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { _ = raw.Close() })
	_ = raw.SetDeadline(time.Now().Add(patience))
	_, _ = io.WriteString(raw, header) // one that is refused shows below
	c := tls.Client(raw, &tls.Config{RootCAs: g.roots, ServerName: "localhost"})
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 192.0.2.99\r\n\r\n"); err != nil {
		return c, "", err
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return c, "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return c, string(text), err
}

// refusals gives the rules by which connections were refused.
func (g *testGate) refusals() (rules []string) {
	if err := g.network.Close(); err != nil { // what is counted is told at once
		g.t.Error(err)
	}
	for _, e := range g.found(EventFilter{}, "authz_fail") {
		rules = append(rules, e.Rung+" "+e.Rule)
	}
	return rules
}

func TestProxyProtocol_DeclaredSender_NamesTheClientBelowTLS(t *testing.T) {
	g := newGate(t, forwarded, senders("127.0.0.1/32"))
	for name, header := range map[string]string{"version 1": v1("198.51.100.7"), "version 2": v2("198.51.100.7")} {
		if _, text, err := g.proxied(header); err != nil || text != "198.51.100.7" {
			t.Errorf("%s: the backend was told %q, %v", name, text, err)
		}
	}
	if _, text, err := g.proxied(""); err == nil {
		t.Errorf("a connection without a header was answered: %q", text)
	}
	if rules := g.refusals(); len(rules) != 1 || rules[0] != network.RungProxyProtocol+" "+network.RuleNoHeader {
		t.Errorf("told: %v", rules)
	}
}

func TestProxyProtocol_UndeclaredPeer_IsRefusedWithAHeaderAndServedWithout(t *testing.T) {
	g := newGate(t, forwarded, senders("192.0.2.5/32"))
	for name, header := range map[string]string{"version 1": v1("198.51.100.7"), "version 2": v2("198.51.100.7")} {
		if _, text, err := g.proxied(header); err == nil {
			t.Errorf("%s was believed: %q", name, text)
		}
	}
	if _, text, err := g.proxied(""); err != nil || text != "127.0.0.1" {
		t.Errorf("without a header: %q, %v", text, err)
	}
	if rules := g.refusals(); len(rules) != 1 || rules[0] != network.RungProxyProtocol+" "+network.RuleUndeclaredHeader {
		t.Errorf("told: %v", rules)
	}
}

func TestProxyProtocol_NamedClientIsDenied_AtTheRedirectToo(t *testing.T) {
	redirect := deadAddress(t)
	g := newGate(t, forwarded, senders("127.0.0.1/32"), with(func(c *config.Config) {
		c.Network.Redirect, c.Network.Deny = redirect, []netip.Prefix{netip.MustParsePrefix("198.51.100.7/32")}
	}))
	if _, text, err := g.proxied(v2("198.51.100.7")); err == nil {
		t.Errorf("a denied client was answered: %q", text)
	}
	ask := func(header string) (int, error) {
		c, err := net.Dial("tcp", redirect)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(patience))
		_, _ = io.WriteString(c, header+"GET / HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Mode: navigate\r\nAccept: text/html\r\nConnection: close\r\n\r\n")
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return 0, err
		}
		return res.StatusCode, res.Body.Close()
	}
	if status, err := ask(v1("198.51.100.8")); err != nil || status/100 != 3 {
		t.Errorf("the redirect answered %d, %v", status, err)
	}
	for name, header := range map[string]string{"a denied client": v1("198.51.100.7"), "no header": ""} {
		if status, err := ask(header); err == nil {
			t.Errorf("%s: the redirect answered %d", name, status)
		}
	}
}

func TestLimits_ConnectionsOfOneClient_ChangeWithAReload(t *testing.T) {
	bound := func(n int) change {
		return with(func(c *config.Config) { c.Network.Limits.ConnectionsPerAddress = n })
	}
	g := newGate(t, forwarded, senders("127.0.0.1/32"), bound(2))
	for i := range 2 {
		if _, _, err := g.proxied(v1("198.51.100.7")); err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
	}
	if _, text, err := g.proxied(v1("198.51.100.7")); err == nil {
		t.Errorf("a third connection was answered: %q", text)
	}
	if _, _, err := g.proxied(v1("198.51.100.8")); err != nil {
		t.Errorf("another client: %v", err)
	}
	next := *g.current.Load().config
	next.Network.Limits.ConnectionsPerAddress = 0
	if err := g.Reload(&next); err != nil {
		t.Fatal(err)
	}
	if _, _, err := g.proxied(v1("198.51.100.7")); err != nil {
		t.Errorf("without a bound: %v", err)
	}
	if rules := g.refusals(); len(rules) != 1 || rules[0] != "network/address "+network.RuleConnections {
		t.Errorf("told: %v", rules)
	}
}

func TestLimits_RequestsOfOneClientUnderWay_Are429UntilOneEnds(t *testing.T) {
	proceed, arrived := make(chan struct{}), make(chan struct{}, 8)
	g := newGate(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			arrived <- struct{}{}
			<-proceed
		}
	}), written(t, "network: {trusted_proxies: [127.0.0.1], limits: {requests_per_address: 2}}"))
	const from, other = "X-Forwarded-For: 2001:db8::7", "X-Forwarded-For: 2001:db8:0:1::7"
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() { g.get("/slow", from) })
		await(t, "a request is at the backend", arrived)
	}
	a := g.get("/", "X-Forwarded-For: 2001:db8::8") // of the same /64
	if a.StatusCode != http.StatusTooManyRequests || a.Header.Get("Retry-After") != "1" {
		t.Errorf("a third request: %s, Retry-After %q", a.Status, a.Header.Get("Retry-After"))
	}
	if told := g.told(a.Header.Get(RequestIDHeader)); len(told) != 1 || told[0].Name != "excess_rate_limit_exceeded" || told[0].Rule != network.RuleRequests || told[0].Rung != "network/client" {
		t.Errorf("told: %v", told)
	}
	if a := g.get("/", other); a.StatusCode != http.StatusOK {
		t.Errorf("another client: %s", a.Status)
	}
	close(proceed)
	all.Wait()
	for i := range 5 { // more than may be at once
		if a := g.get("/", from); a.StatusCode != http.StatusOK {
			t.Errorf("request %d after those ended: %s", i, a.Status)
		}
	}
}

var missing = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) })

// scan asks for so many routes that do not exist.
func (g *testGate) scan(n int, from string) {
	for i := range n {
		g.get(fmt.Sprintf("/no%c%c/page", 'a'+i/26, 'a'+i%26), "X-Forwarded-For: "+from)
	}
}

func TestPatterns_ScanningClient_IsTold_AndAnotherIsNot(t *testing.T) {
	g := newGate(t, missing, written(t, "network: {trusted_proxies: [127.0.0.1], deny: [198.51.100.66]}"))
	g.scan(45, "198.51.100.7")
	g.scan(20, "198.51.100.8")
	g.scan(60, "198.51.100.66") // refused for its address alone
	for range 60 {
		g.get("/favicon.ico", "X-Forwarded-For: 198.51.100.9")
	}
	var told []gatehouse.Event
	eventually(t, "the scan is told", func() bool {
		told = g.found(EventFilter{}, "malicious_excess_404")
		return len(told) > 0
	})
	if len(told) != 1 || told[0].Client != "198.51.100.7" || told[0].Detail["count"] != "40" {
		t.Errorf("told: %v", told)
	}
}

func TestPatterns_AddressOfEverybody_IsNotWatched(t *testing.T) {
	g := newGate(t, missing)
	g.scan(45, "10.1.2.3") // loopback sends forwarding headers: a proxy that nobody declared
	if told := g.found(EventFilter{}, "malicious_excess_404"); len(told) != 0 {
		t.Errorf("told: %v", told)
	}
}

func TestPatterns_WalkThroughIdentifiers_IsTold_UnlessExempt(t *testing.T) {
	g := newGate(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
	}), written(t, `network:
  trusted_proxies: [127.0.0.1]
  patterns: {exempt: [{path: /export/, reason: the partner takes everything each night}]}
`))
	for i := range 60 {
		g.get(fmt.Sprintf("/orders/%d", 1000+i*7), "X-Forwarded-For: 198.51.100.7")
		g.get(fmt.Sprintf("/export/%d", 1000+i*7), "X-Forwarded-For: 198.51.100.8")
	}
	var told []gatehouse.Event // at the end of an answer, which the client may have before
	eventually(t, "the walk is told", func() bool {
		told = g.found(EventFilter{}, "malicious_direct_reference")
		return len(told) > 0
	})
	if len(told) != 1 || told[0].Client != "198.51.100.7" || !strings.HasPrefix(told[0].Route, "GET /orders/{") {
		t.Errorf("told: %v", told)
	}
	l, err := g.Layers(t.Context())
	if err != nil || len(l.Bypasses) != 1 || !strings.Contains(l.Bypasses[0].What, "/export/") {
		t.Errorf("bypasses: %v, %v", l.Bypasses, err)
	}
}

func TestPatterns_NewDevice_IsTold_AndAKnownOneIsNot(t *testing.T) {
	g, _ := officeGate(t, "")
	home, away, again := &visitor{g: g, from: "198.51.100.1"}, &visitor{g: g, from: "203.0.113.9"}, &visitor{g: g, from: "203.0.113.9"}
	for range 3 { // the first is no news, and then it is known
		home.signIn("ann", "correct horse")
	}
	if told := g.found(EventFilter{}, "gate_new_device"); len(told) != 0 {
		t.Fatalf("told of her own: %v", told)
	}
	away.signIn("ann", "correct horse")
	again.signIn("ann", "correct horse") // keeps no cookies, at the same address
	home.signIn("ann", "wrong")
	told := g.found(EventFilter{}, "gate_new_device")
	if len(told) != 1 || told[0].Client != "203.0.113.9" || told[0].Principal != "ann" {
		t.Errorf("told: %v", told)
	}
}

// anybody is a backend that lets in whoever knows the one password.
func anybody() http.Handler {
	o := &office{sessions: map[string]string{}, shared: "open sesame"}
	return o
}

func TestPatterns_GoodSessions_KeepASharedAddressFromBans(t *testing.T) {
	g := newGate(t, anybody(), written(t, "network: {trusted_proxies: [127.0.0.1]}"))
	const shared, alone = "198.51.100.1", "198.51.100.2"
	for i := range 8 {
		v := &visitor{g: g, from: shared}
		if a := v.signIn(fmt.Sprintf("colleague%d", i), "open sesame"); a.StatusCode != http.StatusSeeOther {
			t.Fatalf("signing in: %s", a.Status)
		}
		v.do("GET", "/home", "")
	}
	for _, from := range []string{shared, alone} {
		g.network.Strike(t.Context(), netip.MustParseAddr(from), 5, "a test")
	}
	if a := g.get("/", "X-Forwarded-For: "+shared); a.StatusCode != http.StatusOK {
		t.Errorf("the office is banned: %s", a.Status)
	}
	if a := g.get("/", "X-Forwarded-For: "+alone); a.StatusCode != http.StatusForbidden {
		t.Errorf("the other is not: %s", a.Status)
	}
	if told := g.found(EventFilter{}, "gate_ban_spared"); len(told) != 1 || told[0].Client != shared {
		t.Errorf("told: %v", told)
	}
}

const ordersAccess = `
application:
  access: [{path: /orders/, methods: [GET, POST], signed_in: true}, {path: /orders/, methods: [DELETE], roles: [admin]}]
identity:
  backend_session: {accounts: [{name: ann, roles: [admin]}]}
`

// upload is a form with a file before its field.
func upload(t *testing.T, size int, name, value string) (kind, body string) {
	t.Helper()
	var b strings.Builder
	w := multipart.NewWriter(&b)
	f, err := w.CreateFormFile("file", "a.bin")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(f, strings.Repeat("x", size)) // to a Builder
	if err := w.WriteField(name, value); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), b.String()
}

func TestAccess_MethodThatAFormNames_IsHeldToItsRule(t *testing.T) {
	g, _ := officeGate(t, ordersAccess)
	ann, bob := &visitor{g: g, from: "198.51.100.1"}, &visitor{g: g, from: "198.51.100.2"}
	ann.signIn("ann", "correct horse")
	bob.signIn("bob", "battery staple")
	const form = "application/x-www-form-urlencoded"
	smallType, small := upload(t, 10, "_method", "DELETE")
	largeType, large := upload(t, 3<<19, "_method", "DELETE")
	otherType, other := upload(t, 3<<19, "method", "DELETE")
	for _, c := range []struct {
		name, kind, body string
		bob, ann         int
	}{
		{"an ordinary form", form, "note=x&method=DELETE", 200, 200},
		{"the method itself", form, "_method=POST", 200, 200},
		{"another method", form, "_method=delete&note=x", 403, 200},
		{"escaped", form, "%5fmethod=D%45LETE", 403, 200},
		{"as PHP reads it", form, ".method=DELETE", 403, 200},
		{"of ASP.NET", form, "X-HTTP-Method-Override=DELETE", 403, 200},
		{"behind another", form, "_method=POST&_method=DELETE", 403, 403}, // "POST,DELETE" is none of a rule
		{"a method of no rule", form, "_method=PATCH", 403, 403},
		{"JSON", "application/json", `{"_method":"DELETE"}`, 403, 200},
		{"deeper in JSON", "application/json", `{"form":{"_method":"DELETE"}}`, 200, 200},
		{"an upload", smallType, small, 403, 200},
		{"a large upload", largeType, large, 403, 200},
		{"a large upload of another field", otherType, other, 200, 200},
	} {
		for who, want := range map[*visitor]int{bob: c.bob, ann: c.ann} {
			a := g.post("/orders/7", c.kind, c.body, "X-Forwarded-For: "+who.from, "X-Forwarded-Proto: https", "Cookie: sid="+who.cookies["sid"])
			if a.StatusCode != want {
				t.Errorf("%s from %s: %s, want %d", c.name, who.from, a.Status, want)
			}
			if told := g.told(a.Header.Get(RequestIDHeader)); want == 403 && (len(told) == 0 || told[0].Rung != "application/access") {
				t.Errorf("%s from %s: told %v", c.name, who.from, told)
			}
		}
	}
	nobody := g.post("/orders/7", form, url.Values{"_method": {"DELETE"}}.Encode(), "X-Forwarded-For: 198.51.100.3")
	if nobody.StatusCode != http.StatusUnauthorized {
		t.Errorf("nobody: %s", nobody.Status)
	}
}

// aTransit is a request that was answered, as the perimeter sees it.
func aTransit(g *Gate, path string) *transit {
	x := &exchange.Exchange{ID: "x", Method: "GET", Path: path, Principal: gatehouse.Principal{ID: "ann", Issuer: "backend"}}
	asm := g.current.Load()
	x.Route = asm.route("GET", path)
	t := &transit{gate: g, asm: asm, x: x, r: httptest.NewRequest("GET", path, nil), client: network.Client{Addr: netip.MustParseAddr("198.51.100.7")}}
	t.w = &answer{t: t, status: http.StatusOK}
	return t
}

func TestPatterns_OrdinaryRequest_CostsHardlyAnAllocation(t *testing.T) {
	g := newGate(t, hello)
	seen := aTransit(g.Gate, "/orders/4711/lines?sort=price")
	if n := testing.AllocsPerRun(1000, seen.seen); n > 2 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkSeen(b *testing.B) {
	g := newGate(b, hello)
	seen := aTransit(g.Gate, "/orders/4711/lines")
	b.ReportAllocs()
	for b.Loop() {
		seen.seen()
	}
}
