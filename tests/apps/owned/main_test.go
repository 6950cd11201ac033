package owned

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/internal/gateway"
	"github.com/gatehousehq/gatehouse/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func longRun() bool { return os.Getenv("GATEHOUSE_LONG") == "1" }

const patience = 30 * time.Second

// A site is a gate before a program, and what stands between them and records.
type site struct {
	*gateway.Gate
	*tape
	t       *testing.T
	origin  string // https://localhost:PORT
	address string
	roots   *x509.CertPool
	logs    testkit.Output
	more    string // the configuration
	c       *config.Config
}

// ample lifts what bounds how much one address may ask: everybody here has the
// same, and some ask for each other's things hundreds of times.
const ample = `
application:
  ratelimit: {default: 100000/min burst 100000, address: 100000/min burst 100000, sign_in: 1000/min burst 1000}
`

// startSite runs a gate at 127.0.0.1:port, before what listens at upstream or
// will, until the test ends. more is YAML. With state "" the gate has one of its
// own.
func startSite(t *testing.T, port, upstream, more string) *site {
	t.Helper()
	s := &site{t: t, origin: "https://localhost:" + port, address: "127.0.0.1:" + port, tape: startTape(t, upstream), more: ample + more}
	s.c = s.parse()
	state, err := os.MkdirTemp("", "gate") // a Unix socket's path has 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(state) })
	s.Gate, err = gateway.New(gateway.Options{Config: s.c, State: state, Logger: slog.New(slog.NewTextHandler(&s.logs, nil))})
	if err != nil {
		t.Fatal(err)
	}
	s.run()
	pem, _, err := gateway.AuthorityRoot(context.Background(), state)
	if err != nil {
		t.Fatal(err)
	}
	s.roots = x509.NewCertPool()
	s.roots.AppendCertsFromPEM(pem)
	return s
}

func (s *site) parse() *config.Config {
	s.t.Helper()
	c, err := config.Parse("", []byte(s.more), config.Options{Upstream: s.tape.URL, Rungs: gateway.RungNames(), Strict: gateway.StrictRungs()})
	if err != nil {
		s.t.Fatal(err)
	}
	c.Network.Listen, c.Store.Durable = []string{s.address}, "memory"
	return c
}

func (s *site) run() {
	s.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- s.Run(ctx, func([]string) { close(ready) }) }()
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
	case <-ready:
	case err := <-ended:
		ended <- err
		s.t.Fatalf("the gate did not start: %v", err)
	case <-time.After(patience):
		s.t.Fatal("the gate did not start in time")
	}
}

// transport has connections of its own to the gate.
func (s *site) transport() *http.Transport {
	tr := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: s.roots, ServerName: "localhost", MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", s.address)
		},
	}
	s.t.Cleanup(tr.CloseIdleConnections)
	return tr
}

// refusals are the rung's refusals, and what would have been some.
func (s *site) refusals(since time.Time, rung string) (some []gatehouse.Event) {
	s.t.Helper()
	all, err := s.Admin().Search(context.Background(), gateway.EventFilter{Since: since, Limit: 100_000})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range all {
		if e.Rung == rung && e.Outcome != "" {
			some = append(some, e)
		}
	}
	return some
}

// A recorded request, as the program got it.
type recorded struct {
	// user is whom the gate named; of the request's credentials only whether they
	// came by HTTP Basic is kept.
	user, method, target string
	basic                bool
	header               http.Header
	body                 string
	status               int
}

func (r *recorded) path() string {
	path, _, _ := strings.Cut(r.target, "?")
	return path
}

// A tape stands between the gate and the program, and records.
type tape struct {
	*httptest.Server
	mu      sync.Mutex
	all     []recorded
	running bool
}

func startTape(t *testing.T, upstream string) *tape {
	t.Helper()
	to, err := url.Parse(upstream)
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{MaxIdleConnsPerHost: 16}
	p := &tape{}
	proxy := &httputil.ReverseProxy{
		Transport: tr,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host
			for name, values := range r.In.Header {
				if strings.HasPrefix(name, "X-Forwarded-") {
					r.Out.Header[name] = values
				}
			}
		},
	}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.pass(proxy, w, r) }))
	t.Cleanup(func() {
		p.CloseClientConnections()
		p.Close()
		tr.CloseIdleConnections()
	})
	return p
}

func (p *tape) pass(proxy http.Handler, w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	one := recorded{
		user: r.Header.Get("Gate-User"), method: r.Method, target: r.URL.RequestURI(), body: string(body), header: http.Header{},
		basic: strings.HasPrefix(r.Header.Get("Authorization"), "Basic "),
	}
	for _, name := range [...]string{"Content-Type", "Accept", "X-Requested-With", "X-Csrf-Token", "Depth", "If-None-Match", "If-Match"} {
		if v := r.Header.Values(name); len(v) > 0 {
			one.header[name] = v
		}
	}
	c := &counted{ResponseWriter: w, status: http.StatusOK}
	proxy.ServeHTTP(c, r)
	one.status = c.status
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running && r.Header.Get("Gate-Probe") == "" {
		p.all = append(p.all, one)
	}
}

// record forgets what is on the tape and records, and cut stops and gives it.
func (p *tape) record() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all, p.running = nil, true
}

func (p *tape) cut() []recorded {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = false
	return p.all
}

type counted struct {
	http.ResponseWriter
	status int
}

func (c *counted) WriteHeader(status int) {
	c.status = status
	c.ResponseWriter.WriteHeader(status)
}

func (c *counted) Unwrap() http.ResponseWriter { return c.ResponseWriter }
