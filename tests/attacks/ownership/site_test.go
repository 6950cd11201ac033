package ownership

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/internal/gateway"
	"github.com/gatehousehq/gatehouse/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func long() bool { return os.Getenv("GATEHOUSE_LONG") == "1" }

const patience = 20 * time.Second

// A site is a gate before a backend.
type site struct {
	*gateway.Gate
	t      testing.TB
	origin string
	client *http.Client
	ahead  atomic.Int64 // of the real clock
	logs   testkit.Output
}

// startSite runs a gate before upstream until the test ends.
func startSite(t testing.TB, upstream, settings string) *site {
	t.Helper()
	c, err := config.Parse("", []byte(settings), config.Options{Upstream: upstream, Rungs: gateway.RungNames(), Strict: gateway.StrictRungs()})
	if err != nil {
		t.Fatal(err)
	}
	c.Network.Listen, c.Store.Durable = []string{"127.0.0.1:0"}, "memory"
	state, err := os.MkdirTemp("", "gate") // a Unix socket's path has 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(state) })
	s := &site{t: t}
	s.Gate, err = gateway.New(gateway.Options{Config: c, State: state, Now: s.now, Logger: slog.New(slog.NewTextHandler(&s.logs, nil))})
	if err != nil {
		t.Fatal(err)
	}
	address := s.run()
	pem, _, err := gateway.AuthorityRoot(context.Background(), state)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	s.client = newClient(t, &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "localhost"}, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 64, DisableCompression: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		},
	})
	return s
}

// newClient follows no redirect.
func newClient(t testing.TB, tr *http.Transport) *http.Client {
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func (s *site) now() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) }

// run gives where the gate listens.
func (s *site) run() (address string) {
	s.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	addresses, ended := make(chan []string, 1), make(chan error, 1)
	go func() { ended <- s.Run(ctx, func(a []string) { addresses <- a }) }()
	s.t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			s.t.Errorf("the gate: %v", err)
		}
		if err := s.Close(); err != nil {
			s.t.Errorf("closing the gate: %v", err)
		}
		if said := s.logs.String(); strings.Contains(said, "panic") {
			s.t.Errorf("the gate said:\n%s", said)
		}
	})
	select {
	case a := <-addresses:
		u, err := url.Parse(a[0])
		if err != nil {
			s.t.Fatal(err)
		}
		s.origin = "https://localhost:" + u.Port()
		return "127.0.0.1:" + u.Port()
	case err := <-ended:
		ended <- err // the cleanup wants it too
		s.t.Fatalf("the gate did not start: %v", err)
	case <-time.After(patience):
		s.t.Fatal("the gate did not start in time")
	}
	return ""
}

// why says which rules refused a request.
func (s *site) why(request string) string {
	all, err := s.Admin().Find(context.Background(), request)
	if err != nil {
		return err.Error()
	}
	var said []string
	for _, e := range all {
		if e.Rung == "application/ownership" {
			said = append(said, e.Rule+": "+e.Evidence)
		}
	}
	return strings.Join(said, "; ")
}

// refusals are the ownership rung's events so far.
func (s *site) refusals() (all []gatehouse.Event) {
	s.t.Helper()
	found, err := s.Admin().Search(context.Background(), gateway.EventFilter{Limit: 10_000})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range found {
		if e.Rung == "application/ownership" && e.Name != "authz_admin" {
			all = append(all, e)
		}
	}
	return all
}

// A person is signed in, by a cookie or a token.
type person struct {
	*user
	from, cookie, token string
}

func (p *person) sign(r *http.Request) {
	r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	r.Header.Set("X-Forwarded-For", p.from)
	r.Header.Set("X-Forwarded-Proto", "https")
	if p.token != "" {
		r.Header.Set("Authorization", "Bearer "+p.token)
		return
	}
	if p.cookie != "" {
		r.Header.Set("Cookie", "sid="+p.cookie)
	}
}

// An answered is an answer that was read.
type answered struct {
	*http.Response
	text string
}

// all is what stands in it anywhere.
func (a *answered) all() string { return fmt.Sprint(a.Header) + a.text }

func (a *answered) request() string { return a.Header.Get(gateway.RequestIDHeader) }

func read(t testing.TB, c *http.Client, r *http.Request) *answered {
	t.Helper()
	res, err := c.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%s %s: reading the answer: %v", r.Method, r.URL, err)
	}
	return &answered{res, string(text)}
}

// do sends a request of the person's through the gate.
func (s *site) do(p *person, method, target, body string) *answered {
	s.t.Helper()
	e := entry{Method: method, Target: target, Body: body}
	return read(s.t, s.client, e.request(s.t, s.origin, p))
}

// enter signs a person in through the gate, by the form or by JSON; the gate is
// told who they are by /api/me, as every client asks that first.
func (s *site) enter(u *user, number int, byToken bool) *person {
	s.t.Helper()
	p := &person{user: u, from: fmt.Sprintf("198.51.%d.%d", 100+number/250, 1+number%250)}
	if byToken {
		text, _ := json.Marshal(map[string]string{"email": u.Name, "password": u.password}) // of texts it never fails
		a := s.do(p, "POST", "/api/login", string(text))
		var said struct {
			Token string `json:"access_token"`
		}
		if err := json.Unmarshal([]byte(a.text), &said); err != nil || said.Token == "" {
			s.t.Fatalf("%s signs in: %d %s", u.Name, a.StatusCode, a.text)
		}
		p.token = said.Token
	} else {
		a := s.do(p, "POST", "/login", url.Values{"user": {u.Name}, "password": {u.password}}.Encode())
		for _, c := range a.Cookies() {
			if c.Name == "sid" {
				p.cookie = c.Value
			}
		}
		if p.cookie == "" {
			s.t.Fatalf("%s signs in: %d %s", u.Name, a.StatusCode, a.text)
		}
	}
	for _, path := range []string{"/api/me", "/account"} {
		if a := s.do(p, "GET", path, ""); a.StatusCode != http.StatusOK {
			s.t.Fatalf("%s of %s: %d %s %s", path, u.Name, a.StatusCode, a.text, s.why(a.request()))
		}
	}
	return p
}

// everybody is a world's people.
func (w *world) everybody() []*user { return slices.Collect(maps.Values(w.people)) }
