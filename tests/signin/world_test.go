package signin

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

func longRun() bool { return os.Getenv("GATEHOUSE_LONG") == "1" }

const patience = 20 * time.Second

// A site is a gate before a backend, with a clock of its own.
type site struct {
	*gateway.Gate
	t       testing.TB
	origin  string // https://localhost:PORT
	address string
	roots   *x509.CertPool
	ahead   atomic.Int64 // of the real clock
	logs    testkit.Output
}

// startSite runs a gate before upstream until the test ends. more is YAML, beside
// what the gate does by itself.
func startSite(t testing.TB, upstream, more string) *site {
	t.Helper()
	c, err := config.Parse("", []byte(more), config.Options{Upstream: upstream, Rungs: gateway.RungNames(), Strict: gateway.StrictRungs()})
	if err != nil {
		t.Fatal(err)
	}
	c.Network.Listen, c.Store.Durable = []string{"127.0.0.1:0"}, "memory"
	state, err := os.MkdirTemp("", "gate") // a Unix socket's path has 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, roots: x509.NewCertPool()}
	t.Cleanup(func() { _ = os.RemoveAll(state) })
	s.Gate, err = gateway.New(gateway.Options{Config: c, State: state, Now: s.now, Logger: slog.New(slog.NewTextHandler(&s.logs, nil))})
	if err != nil {
		t.Fatal(err)
	}
	s.run()
	pem, _, err := gateway.AuthorityRoot(context.Background(), state)
	if err != nil {
		t.Fatal(err)
	}
	s.roots.AppendCertsFromPEM(pem)
	return s
}

func (s *site) run() {
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
		s.origin, s.address = "https://localhost:"+u.Port(), "127.0.0.1:"+u.Port()
	case err := <-ended:
		s.t.Fatalf("the gate did not start: %v", err)
	case <-time.After(patience):
		s.t.Fatal("the gate did not start in time")
	}
}

func (s *site) now() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) }

// pass lets time pass at the gate.
func (s *site) pass(d time.Duration) { s.ahead.Add(int64(d)) }

// transport has connections of its own to the gate.
func (s *site) transport() *http.Transport {
	tr := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: s.roots, ServerName: "localhost"}, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 64,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", s.address)
		},
	}
	s.t.Cleanup(tr.CloseIdleConnections)
	return tr
}

// told are the events of one request with a name; empty is any.
func (s *site) told(request, name string) (some []gatehouse.Event) {
	s.t.Helper()
	all, err := s.Admin().Find(context.Background(), request)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range all {
		if name == "" || e.Name == name {
			some = append(some, e)
		}
	}
	return some
}

// A recorder stands between the gate and an application, and remembers whom the
// gate named.
type recorder struct {
	*httptest.Server
	mu    sync.Mutex
	users map[string]string // by request
}

// startRecorder stands before what listens at backend, or will.
func startRecorder(t testing.TB, backend string) *recorder {
	t.Helper()
	to, err := url.Parse(backend)
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{MaxIdleConnsPerHost: 16}
	proxy := &httputil.ReverseProxy{Transport: tr, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = r.In.Host
		for name, values := range r.In.Header {
			if strings.HasPrefix(name, "X-Forwarded-") {
				r.Out.Header[name] = values
			}
		}
	}}
	rec := &recorder{users: map[string]string{}}
	rec.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec.mu.Lock()
		rec.users[r.Header.Get(gateway.RequestIDHeader)] = r.Header.Get("Gate-User")
		rec.mu.Unlock()
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		rec.CloseClientConnections()
		rec.Close()
		tr.CloseIdleConnections()
	})
	return rec
}

// user is whom the gate named to the backend; ok is false where the request did
// not arrive.
func (r *recorder) user(request string) (name string, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	name, ok = r.users[request]
	return name, ok
}

// An answered is an answer that was read.
type answered struct {
	*http.Response
	text string
}

func (a answered) request() string { return a.Header.Get(gateway.RequestIDHeader) }

func readAll(t testing.TB, c *http.Client, r *http.Request) answered {
	t.Helper()
	res, err := c.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", r.Method, r.URL.Path, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%s %s: reading the answer: %v", r.Method, r.URL.Path, err)
	}
	return answered{res, string(text)}
}
