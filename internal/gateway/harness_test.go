package gateway

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/internal/testkit"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) {
	code := m.Run()
	if err := shared.close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// longRun reports whether the long forms of tests were asked for.
func longRun() bool { return os.Getenv("GATEHOUSE_LONG") == "1" }

// patience is how long a test waits for what must happen, on a machine that has ten
// other things to do.
const patience = 30 * time.Second

// A change adapts what a gate under test is made with.
type change func(*Options)

// with changes the configuration.
func with(f func(*config.Config)) change { return func(o *Options) { f(o.Config) } }

// written reads the configuration from YAML; where it listens and its backend
// are the harness's.
func written(t testing.TB, text string) change {
	t.Helper()
	return func(o *Options) {
		c, err := config.Parse("", []byte(text), config.Options{Upstream: o.Config.Upstream, Rungs: RungNames(), Strict: StrictRungs()})
		if err != nil {
			t.Fatal(err)
		}
		c.Network.Listen = o.Config.Network.Listen
		o.Config = c
	}
}

// onDisk keeps state in dir.
func onDisk(dir string) change { return func(o *Options) { o.State = dir } }

// backendTimeout is how long the backend may take to begin its answer.
func backendTimeout(d time.Duration) change {
	return with(func(c *config.Config) { c.Network.Timeouts.Backend = config.Duration(d) })
}

func observing(o *Options) { o.Observe = true }

// A testGate is a gate that runs, with a client that trusts it.
type testGate struct {
	*Gate
	t      testing.TB
	addr   string // where it listens
	url    string // https://…
	plain  bool
	roots  *x509.CertPool
	client *http.Client
	stop   context.CancelFunc
	done   chan struct{}
	err    error // of Run, once done is closed
	closed sync.Once
	logs   *testkit.Output
}

// newGate runs a gate before backend until the test ends.
func newGate(t testing.TB, backend http.Handler, changes ...change) *testGate {
	t.Helper()
	return gateTo(t, newBackend(t, backend).URL, changes...)
}

// newBackend serves HTTP/1.1 and, for gRPC, HTTP/2 with prior knowledge.
func newBackend(t testing.TB, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	s.Start()
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

// gateTo runs a gate before the backend at upstream.
func gateTo(t testing.TB, upstream string, changes ...change) *testGate {
	t.Helper()
	logs := new(testkit.Output)
	o := Options{Config: config.Default(), Version: "test", Logger: slog.New(slog.NewTextHandler(logs, nil))}
	o.Config.Upstream = upstream
	o.Config.Network.Listen = []string{"127.0.0.1:0"}
	for _, c := range changes {
		c(&o)
	}
	if o.State == "" { // nothing to keep but the authority, which the client trusts
		o.State = stateFolder(t)
		o.Config.Store.Durable = "memory"
	}
	gate, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return start(t, gate, logs)
}

// stateFolder is one with a short name: a Unix socket's path has 108 bytes.
func stateFolder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "gate")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func start(t testing.TB, gate *Gate, logs *testkit.Output) *testGate {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	g := &testGate{Gate: gate, t: t, stop: stop, done: make(chan struct{}), logs: logs}
	ready := make(chan []string, 1)
	go func() {
		defer close(g.done)
		g.err = gate.Run(ctx, func(a []string) { ready <- a })
	}()
	t.Cleanup(g.end)
	select {
	case addresses := <-ready:
		g.locate(addresses[0])
	case <-g.done:
		t.Fatalf("the gate did not start: %v", g.err)
	case <-time.After(patience):
		t.Fatal("the gate did not start in time")
	}
	return g
}

func (g *testGate) locate(address string) {
	g.t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		g.t.Fatal(err)
	}
	g.url, g.plain, g.addr = address, u.Scheme == "http", net.JoinHostPort("127.0.0.1", u.Port())
	g.roots = x509.NewCertPool()
	if !g.plain {
		pem, _, err := AuthorityRoot(context.Background(), g.options.State)
		if err != nil {
			g.t.Fatal(err)
		}
		g.roots.AppendCertsFromPEM(pem)
	}
	g.client = g.newClient(true)
}

// newClient makes a client of its own connections; it follows no redirect.
func (g *testGate) newClient(http2 bool) *http.Client {
	tr := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: g.roots}, ForceAttemptHTTP2: http2,
		DisableCompression: true, MaxIdleConnsPerHost: 64,
	}
	if !http2 {
		tr.Protocols = new(http.Protocols)
		tr.Protocols.SetHTTP1(true)
	}
	g.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
}

// end stops the gate and closes it.
func (g *testGate) end() {
	g.closed.Do(func() {
		if g.client != nil {
			g.client.CloseIdleConnections()
		}
		g.stop()
		select {
		case <-g.done:
		case <-time.After(2 * patience):
			g.t.Error("the gate did not stop in time")
		}
		if err := g.Close(); err != nil {
			g.t.Errorf("closing the gate: %v", err)
		}
	})
}

// request makes one; headers are "Name: value".
func (g *testGate) request(method, path string, body io.Reader, headers ...string) *http.Request {
	g.t.Helper()
	r, err := http.NewRequest(method, g.url+path, body)
	if err != nil {
		g.t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			r.Host = value
			continue
		}
		r.Header.Add(name, value)
	}
	return r
}

// An answered is a response that was read.
type answered struct {
	*http.Response
	text string
}

// do sends a request and reads its answer.
func (g *testGate) do(r *http.Request) answered {
	g.t.Helper()
	res, err := g.client.Do(r)
	if err != nil {
		g.t.Fatalf("%s %s: %v", r.Method, r.URL.Path, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		g.t.Fatalf("%s %s: reading the answer: %v", r.Method, r.URL.Path, err)
	}
	return answered{res, string(text)}
}

func (g *testGate) get(path string, headers ...string) answered {
	g.t.Helper()
	return g.do(g.request(http.MethodGet, path, nil, headers...))
}

func (g *testGate) post(path, contentType, body string, headers ...string) answered {
	g.t.Helper()
	return g.do(g.request(http.MethodPost, path, strings.NewReader(body), append(headers, "Content-Type: "+contentType)...))
}

// dial opens a connection, with TLS unless the gate speaks none.
func (g *testGate) dial() net.Conn {
	g.t.Helper()
	c, err := net.Dial("tcp", g.addr)
	if err != nil {
		g.t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(2 * patience))
	if !g.plain {
		c = tls.Client(c, &tls.Config{RootCAs: g.roots, ServerName: "localhost", NextProtos: []string{"http/1.1"}})
	}
	g.t.Cleanup(func() { _ = c.Close() })
	return c
}

// raw sends bytes on a connection of their own and reads one answer.
func (g *testGate) raw(bytes string) (answered, error) {
	g.t.Helper()
	c := g.dial()
	if _, err := io.WriteString(c, bytes); err != nil {
		return answered{}, err
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return answered{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return answered{res, string(text)}, err
}

// events gives those with the name, the newest last.
func (g *testGate) found(f EventFilter, name string) []gatehouse.Event {
	g.t.Helper()
	all, err := g.Admin().Search(context.Background(), f)
	if err != nil {
		g.t.Fatal(err)
	}
	var some []gatehouse.Event
	for _, e := range all {
		if name == "" || e.Name == name {
			some = append(some, e)
		}
	}
	return some
}

// about gives the events of one request.
func (g *testGate) told(id string) []gatehouse.Event {
	g.t.Helper()
	all, err := g.Admin().Find(context.Background(), id)
	if err != nil {
		g.t.Fatal(err)
	}
	return all
}

// eventually waits until ok; what says what was waited for.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); ; {
		if ok() {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// await receives, or fails.
func await[T any](t testing.TB, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("not in time: %s", what)
		panic("not reached")
	}
}

// rawBackend serves each connection with serve, which speaks for itself.
func rawBackend(t testing.TB, serve func(net.Conn, *http.Request)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(2 * patience))
				r, err := http.ReadRequest(bufio.NewReader(c))
				if err == nil {
					serve(c, r)
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		all.Wait()
	})
	return "http://" + l.Addr().String()
}

// hello is a backend that greets.
var hello = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "hello %s", r.URL.Path)
})

func TestGate_Run_ServesTheBackendOverTLS(t *testing.T) {
	g := newGate(t, hello)
	a := g.get("/world")
	if a.StatusCode != http.StatusOK || a.text != "hello /world" || a.ProtoMajor != 2 || a.TLS == nil {
		t.Fatalf("got %s %s %q", a.Proto, a.Status, a.text)
	}
	if id := a.Header.Get(RequestIDHeader); len(id) != 32 {
		t.Errorf("%s: %q", RequestIDHeader, id)
	}
}

func isEnd(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(fmt.Sprint(err), "reset by peer")
}
