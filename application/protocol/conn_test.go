package protocol

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gatehousehq/gatehouse/internal/testkit/certs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const refusal = "HTTP/1.1 400 Bad Request\r\nContent-Length: 7\r\nConnection: close\r\n\r\nrefused"

// A server is net/http's with the rung before it.
type server struct {
	addr    string
	served  atomic.Int32
	mu      sync.Mutex
	refused []Refusal
	failed  int
	observe bool
}

func serve(t *testing.T, secure bool, h http.HandlerFunc) *server {
	t.Helper()
	s := &server{}
	p := newProtocol(t, Options{
		Handshake: 2 * time.Second,
		Refuse: func(r Refusal) []byte {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.refused = append(s.refused, r)
			if s.observe {
				return nil
			}
			return []byte(refusal)
		},
		Failed: func(net.Conn, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.failed++
		},
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	server := &http.Server{
		ReadHeaderTimeout: time.Second, IdleTimeout: 2 * time.Second, MaxHeaderBytes: DefaultHead, HTTP2: HTTP2(time.Minute),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.served.Add(1)
			h(w, r)
		}),
	}
	if secure {
		server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certs.New(t).Issue(t, certs.Want{Names: []string{"localhost"}}).TLS(t)}, NextProtos: []string{"h2", "http/1.1"}, MinVersion: tls.VersionTLS12}
		l = tls.NewListener(l, server.TLSConfig)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(Listener(l, func() *Protocol { return p }))
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return s
}

func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	fmt.Fprintf(w, "%s %s %d", r.Method, r.URL.Path, len(body))
}

// exchange sends a text in pieces, and gives everything that came back.
func (s *server) exchange(t *testing.T, text string, piece int) string {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	got := make(chan string)
	go func() {
		b, _ := io.ReadAll(c)
		got <- string(b)
	}()
	for text != "" {
		n := min(piece, len(text))
		if _, err := io.WriteString(c, text[:n]); err != nil {
			break
		}
		if text = text[n:]; piece < 50 {
			time.Sleep(200 * time.Microsecond)
		}
	}
	if half, ok := c.(*net.TCPConn); ok {
		_ = half.CloseWrite()
	}
	return <-got
}

func TestConn_SeveralRequests_AreAnsweredInOrder(t *testing.T) {
	s := serve(t, false, echo)
	text := "GET /a HTTP/1.1\r\nHost: x\r\n\r\nPOST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcPOST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\nGET /d HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
	for _, piece := range []int{1, 7, 1000} {
		got := s.exchange(t, text, piece)
		at := 0
		for _, want := range []string{"GET /a 0", "POST /b 3", "POST /c 2", "GET /d 0"} {
			i := strings.Index(got[at:], want)
			if i < 0 {
				t.Fatalf("in pieces of %d: no %q in %q", piece, want, got)
			}
			at += i
		}
	}
	if len(s.refused) > 0 {
		t.Errorf("%+v", s.refused)
	}
}

func TestConn_BadHead_IsRefusedBeforeItIsServed(t *testing.T) {
	s := serve(t, false, echo)
	for _, piece := range []int{1, 1000} {
		got := s.exchange(t, "POST /secret?q=1 HTTP/1.1\r\nHost: shop\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", piece)
		if got != refusal || s.served.Load() != 0 {
			t.Errorf("in pieces of %d: %q, %d served", piece, got, s.served.Load())
		}
	}
	if r := s.refused[0]; len(s.refused) != 2 || r.Decision.Rule != RuleFraming || r.Method != "POST" || r.Target != "/secret?q=1" || r.Host != "shop" {
		t.Errorf("%+v", s.refused)
	}
}

// TestConn_BadSecondHead_DoesNotOvertakeTheFirstAnswer: the refusal of a pipelined
// request must not be taken for the answer to the one before it.
func TestConn_BadSecondHead_DoesNotOvertakeTheFirstAnswer(t *testing.T) {
	s := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(50 * time.Millisecond)
		echo(w, r)
	})
	for _, second := range []string{"\nGET /b HTTP/1.1\r\n\r\n", "GET /b HTTP/1.1\nHost: x\n\n", "GET /b HTTP/9.9\r\n\r\n"} {
		for _, piece := range []int{1, 10_000} {
			s.served.Store(0)
			got := s.exchange(t, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"+second, piece)
			if !strings.Contains(got, "GET /a 0") || !strings.HasSuffix(got, refusal) || s.served.Load() != 1 {
				t.Errorf("%q in pieces of %d: %q", second, piece, got)
			}
		}
	}
}

func TestConn_BadChunk_IsAnErrorOfTheBody(t *testing.T) {
	failed := make(chan error, 10)
	s := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		failed <- err
		w.WriteHeader(http.StatusBadRequest)
	})
	for _, piece := range []int{1, 1000} {
		got := s.exchange(t, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloGET /x HTTP/1.1\r\nHost: x\r\n\r\n", piece)
		err := <-failed
		var refused *Error
		if !asError(err, &refused) || refused.Decision.Rule != RuleFraming {
			t.Errorf("%v", err)
		}
		if strings.Count(got, "HTTP/1.1") != 1 || !strings.HasPrefix(got, "HTTP/1.1 400") {
			t.Errorf("in pieces of %d: %q", piece, got)
		}
	}
}

func asError(err error, target **Error) bool {
	e, ok := err.(*Error) //nolint:errorlint // net/http gives the error of a body as it is
	*target = e
	return ok
}

func TestConn_Observing_LetsItPassAsNetHTTPReadsIt(t *testing.T) {
	s := serve(t, false, echo)
	s.observe = true
	got := s.exchange(t, "GET /a HTTP/1.1\nHost: x\nConnection: close\n\n", 1000)
	if !strings.Contains(got, "GET /a 0") || len(s.refused) != 1 {
		t.Errorf("%q, %+v", got, s.refused)
	}
}

func TestConn_Hijacked_PassesWhatever(t *testing.T) {
	s := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		Aside(c)
		defer c.Close()
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
		b := make([]byte, 11)
		if _, err := io.ReadFull(rw, b); err != nil {
			t.Error(err)
		}
		_, _ = c.Write(b)
	})
	if got := s.exchange(t, "GET /a HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: y\r\n\r\n\x00\n\n\r\rnot HTTP", 1000); !strings.HasSuffix(got, "\x00\n\n\r\rnot HT") {
		t.Errorf("%q", got)
	}
}

func TestListener_OverTLS_DispatchesByALPN(t *testing.T) {
	s := serve(t, true, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Proto, " ", r.TLS != nil && r.TLS.HandshakeComplete)
	})
	for want, protocols := range map[string][]string{"HTTP/2.0 true": {"h2"}, "HTTP/1.1 true": {"http/1.1"}} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, NextProtos: protocols}, ForceAttemptHTTP2: protocols[0] == "h2"} //nolint:gosec // the test's own certificate
		if protocols[0] != "h2" {
			transport.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
		}
		res, err := (&http.Client{Transport: transport}).Get("https://" + s.addr)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		transport.CloseIdleConnections()
		if string(body) != want {
			t.Errorf("%s, want %s", body, want)
		}
	}
}

// TestConn_SplitRecords: what TLS records cut up is read as one.
func TestConn_SplitRecords_AreReadAsOne(t *testing.T) {
	s := serve(t, true, echo)
	c, err := tls.Dial("tcp", s.addr, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}) //nolint:gosec // as above
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, b := range []byte("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") {
		if _, err := c.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	got, _ := io.ReadAll(c)
	if string(got) != refusal || s.served.Load() != 0 {
		t.Errorf("%q", got)
	}
}

func TestListener_SlowAndPlainHandshakes_AreEnded(t *testing.T) {
	s := serve(t, true, echo)
	slow, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	_ = slow.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := slow.Read(make([]byte, 1)); err == nil {
		t.Error("a handshake that never begins is waited for")
	} else if wait, ok := err.(net.Error); ok && wait.Timeout() { //nolint:errorlint // net gives it so
		t.Error("a handshake that never begins was held for 5 s")
	}
	if got := s.exchange(t, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 1000); !strings.Contains(got, "This port speaks HTTPS") {
		t.Errorf("plain HTTP: %q", got)
	}
}

// TestConn_Slow ends connections that stop in each place of a request: net/http's
// timeouts reach through the rung.
func TestConn_SlowInEachPlace_IsEnded(t *testing.T) {
	s := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(500 * time.Millisecond))
		echo(w, r)
	})
	var all sync.WaitGroup
	for _, text := range []string{
		"", "GE", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: x\r\nA: b", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc",
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /b HT",
	} {
		all.Go(func() { // each waits for the server's patience
			c, err := net.Dial("tcp", s.addr)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			if _, err := io.WriteString(c, text); err != nil {
				t.Error(err)
			}
			_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
			if _, err := io.Copy(io.Discard, bufio.NewReader(c)); err != nil {
				t.Errorf("%q: %v", text, err)
			}
		})
	}
	all.Wait()
}
