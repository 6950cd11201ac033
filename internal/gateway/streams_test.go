package gateway

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// echoSocket accepts a WebSocket and sends back what it gets.
func echoSocket(t testing.TB, closed chan<- error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"echo.v2"}, InsecureSkipVerify: true})
		if err != nil {
			t.Errorf("backend: %v", err)
			return
		}
		defer c.CloseNow()
		c.SetReadLimit(8 << 20)
		for {
			kind, message, err := c.Read(r.Context())
			if err != nil {
				closed <- err
				return
			}
			if err := c.Write(r.Context(), kind, message); err != nil {
				closed <- err
				return
			}
		}
	}
}

func TestWebSocket_EchoesLargeMessagesAndTellsTheClose(t *testing.T) {
	closed := make(chan error, 1)
	g := newGate(t, echoSocket(t, closed))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, res, err := websocket.Dial(ctx, g.url+"/chat", &websocket.DialOptions{
		HTTPClient: g.newClient(false), Subprotocols: []string{"echo.v1", "echo.v2"},
		HTTPHeader: http.Header{"Cookie": {"sid=1"}, "Origin": {g.url}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if c.Subprotocol() != "echo.v2" || len(res.Header.Get(RequestIDHeader)) != 32 {
		t.Errorf("subprotocol %q, header %v", c.Subprotocol(), res.Header)
	}
	c.SetReadLimit(8 << 20)
	for _, size := range []int{0, 1, 125, 126, 65536, 4 << 20} {
		message := bytes.Repeat([]byte("x"), size)
		if err := c.Write(ctx, websocket.MessageBinary, message); err != nil {
			t.Fatal(err)
		}
		_, back, err := c.Read(ctx)
		if err != nil || !bytes.Equal(back, message) {
			t.Fatalf("%d bytes: %d came back, %v", size, len(back), err)
		}
	}
	if err := c.Close(4321, "enough"); err != nil {
		t.Errorf("closing: %v", err)
	}
	var told websocket.CloseError
	if err := await(t, "the backend sees the close", closed); !errors.As(err, &told) || told.Code != 4321 || told.Reason != "enough" {
		t.Errorf("the backend was told %v", err)
	}
	eventually(t, "the exchange is over", func() bool { return g.exchanges.Len() == 0 })
}

func TestWebSocket_ClientVanishes_EndsTheBackendsConnection(t *testing.T) {
	closed := make(chan error, 1)
	g := newGate(t, echoSocket(t, closed))
	c, _, err := websocket.Dial(t.Context(), g.url, &websocket.DialOptions{HTTPClient: g.newClient(false)})
	if err != nil {
		t.Fatal(err)
	}
	_ = c.CloseNow()
	if err := await(t, "the backend sees the end", closed); err == nil {
		t.Error("no error")
	}
}

func TestWebSocket_OfAnotherOriginWithCookies_IsRefused(t *testing.T) {
	g := newGate(t, echoSocket(t, make(chan error, 1)))
	_, res, err := websocket.Dial(t.Context(), g.url, &websocket.DialOptions{
		HTTPClient: g.newClient(false), HTTPHeader: http.Header{"Cookie": {"sid=1"}, "Origin": {"https://evil.example"}},
	})
	if err == nil || res.StatusCode != http.StatusForbidden {
		t.Fatalf("%v", err)
	}
}

func TestWebSocket_BackendRefuses_ItsAnswerArrives(t *testing.T) {
	g := newGate(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "sign in first", http.StatusUnauthorized)
	}))
	_, res, err := websocket.Dial(t.Context(), g.url, &websocket.DialOptions{HTTPClient: g.newClient(false)})
	if err == nil || res.StatusCode != http.StatusUnauthorized {
		t.Fatalf("%v", err)
	}
	if text, _ := io.ReadAll(res.Body); string(text) != "sign in first\n" {
		t.Errorf("%q", text)
	}
}

// The backend waits after each event until the client has read it: an event
// that was held back would never come.
func TestServerSentEvents_ArriveOneByOne(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("http2=%v", http2), func(t *testing.T) {
			seen, gone := make(chan int), make(chan struct{})
			g := newGate(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer close(gone)
				w.Header().Set("Content-Type", "text/event-stream")
				for i := 0; ; i++ {
					fmt.Fprintf(w, "data: %d\n\n", i)
					_ = http.NewResponseController(w).Flush()
					select {
					case <-seen:
					case <-r.Context().Done():
						return
					}
				}
			}))
			res, err := g.newClient(http2).Do(g.request("GET", "/feed", nil))
			if err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewReader(res.Body)
			for i := range 5 {
				line, err := lines.ReadString('\n')
				if err != nil || line != fmt.Sprintf("data: %d\n", i) {
					t.Fatalf("event %d: %q, %v", i, line, err)
				}
				_, _ = lines.ReadString('\n')
				if i < 4 {
					seen <- i
				}
			}
			_ = res.Body.Close()
			await(t, "the backend sees that the client has gone", gone)
		})
	}
}

// grpcService answers the health service: Check, and Watch as a stream.
type grpcService struct{ *health.Server }

// bidi is a stream in both directions, of the health service's messages.
func bidi(_ any, s grpc.ServerStream) error {
	for {
		var in healthpb.HealthCheckRequest
		if err := s.RecvMsg(&in); err != nil {
			s.SetTrailer(metadata.Pairs("said", "goodbye"))
			if errors.Is(err, io.EOF) {
				return status.Error(codes.ResourceExhausted, "enough: 100 % ü")
			}
			return err
		}
		known := healthpb.HealthCheckResponse_SERVING
		if in.Service != "known" {
			known = healthpb.HealthCheckResponse_SERVICE_UNKNOWN
		}
		if err := s.SendMsg(&healthpb.HealthCheckResponse{Status: known}); err != nil {
			return err
		}
	}
}

func grpcBackend(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	healthpb.RegisterHealthServer(s, grpcService{health.NewServer()})
	s.RegisterService(&grpc.ServiceDesc{
		ServiceName: "test.Talk", HandlerType: (*any)(nil),
		Streams: []grpc.StreamDesc{{StreamName: "Both", Handler: bidi, ServerStreams: true, ClientStreams: true}},
	}, nil)
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Stop()
		<-done
	})
	return "http://" + l.Addr().String()
}

func TestGRPC_UnaryAndBothWays_WithTrailers(t *testing.T) {
	g := gateTo(t, grpcBackend(t))
	conn, err := grpc.NewClient(g.addr, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: g.roots, ServerName: "localhost"})))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	res, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{})
	if err != nil || res.Status != healthpb.HealthCheckResponse_SERVING {
		t.Fatalf("unary: %v %v", res, err)
	}
	_, err = healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{Service: "nobody"})
	if status.Code(err) != codes.NotFound {
		t.Errorf("an error of the backend's: %v", err)
	}
	s, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/test.Talk/Both")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		in := &healthpb.HealthCheckRequest{Service: []string{"known", strings.Repeat("x", 100_000)}[i%2]}
		if err := s.SendMsg(in); err != nil {
			t.Fatal(err)
		}
		var out healthpb.HealthCheckResponse
		if err := s.RecvMsg(&out); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
	}
	_ = s.CloseSend()
	err = s.RecvMsg(new(healthpb.HealthCheckResponse))
	if status.Code(err) != codes.ResourceExhausted || status.Convert(err).Message() != "enough: 100 % ü" {
		t.Errorf("the status in the trailers: %v", err)
	}
	if s.Trailer().Get("said") == nil {
		t.Errorf("trailers: %v", s.Trailer())
	}
}

func TestGRPC_ClientCancels_CancelsTheBackend(t *testing.T) {
	g := gateTo(t, grpcBackend(t))
	conn, err := grpc.NewClient(g.addr, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: g.roots, ServerName: "localhost"})))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithCancel(t.Context())
	w, err := healthpb.NewHealthClient(conn).Watch(ctx, &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Recv(); err != nil { // the first status comes while the stream stays open
		t.Fatal(err)
	}
	cancel()
	eventually(t, "the exchange is over", func() bool { return g.exchanges.Len() == 0 })
}

// The backend answers each line as it comes; the client sends the next only
// after the answer.
func TestFullDuplex_BackendAnswersBeforeTheBodyIsComplete(t *testing.T) {
	backend := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		_ = rc.EnableFullDuplex()
		for lines := bufio.NewScanner(r.Body); lines.Scan(); {
			fmt.Fprintf(w, "%s!\n", lines.Text())
			_ = rc.Flush()
		}
	})
	for _, http2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("http2=%v", http2), func(t *testing.T) {
			g := newGate(t, backend)
			in, out := io.Pipe()
			defer out.Close()
			answers := make(chan *http.Response, 1)
			go func() {
				res, err := g.newClient(http2).Do(g.request("POST", "/talk", in, "Content-Type: application/octet-stream"))
				if err != nil {
					t.Errorf("%v", err)
					close(answers)
					return
				}
				answers <- res
			}()
			io.WriteString(out, "one\n")
			res := await(t, "the answer's head before the body's end", answers)
			if res == nil {
				return
			}
			defer res.Body.Close()
			lines := bufio.NewReader(res.Body)
			for _, word := range []string{"one", "two", "three"} {
				if word != "one" {
					io.WriteString(out, word+"\n")
				}
				if line, err := lines.ReadString('\n'); line != word+"!\n" {
					t.Fatalf("%q: %q, %v", word, line, err)
				}
			}
			_ = out.Close()
			if _, err := lines.ReadString('\n'); !errors.Is(err, io.EOF) {
				t.Errorf("the end: %v", err)
			}
		})
	}
}

// A backend may answer at once and not read the rest, as one does that refuses
// an upload; the client still gets the answer.
func TestUpload_BackendAnswersWithoutReading_TheAnswerArrives(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("http2=%v", http2), func(t *testing.T) {
			g := newGate(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Connection", "close")
				http.Error(w, "too much", http.StatusRequestEntityTooLarge)
			}))
			g.client = g.newClient(http2)
			a := g.do(g.request("PUT", "/big", &endless{left: 8 << 20}, "Content-Type: application/octet-stream"))
			if a.StatusCode != http.StatusRequestEntityTooLarge || a.text != "too much\n" {
				t.Errorf("%s %q", a.Status, a.text)
			}
			if events := g.found(EventFilter{}, "gate_upstream_failed"); len(events) > 0 {
				t.Errorf("the backend was blamed: %v", events[0].Words)
			}
		})
	}
}

// endless gives left bytes that do not compress.
type endless struct{ left int64 }

// uneven is made once: the race detector counts each byte.
var uneven = func() []byte {
	b := make([]byte, 32<<10)
	for i := range b {
		b[i] = byte(i) ^ byte(i>>8)
	}
	return b
}()

func (e *endless) Read(p []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(int64(len(p)), e.left)], uneven)
	e.left -= int64(n)
	return n, nil
}

func TestUpgrade_OtherThanWebSocket_Passes(t *testing.T) {
	g := gateTo(t, rawBackend(t, func(c net.Conn, r *http.Request) {
		fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", r.Header.Get("Upgrade"))
		_, _ = io.CopyN(c, c, 5)
	}))
	c := g.dial()
	fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: custom\r\n\r\n")
	in := bufio.NewReader(c)
	res, err := http.ReadResponse(in, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v %v", res, err)
	}
	io.WriteString(c, "12345")
	var back [5]byte
	if _, err := io.ReadFull(in, back[:]); err != nil || string(back[:]) != "12345" {
		t.Errorf("%q %v", back, err)
	}
}

// A feed that is silent for longer than every timeout of ordinary requests
// lives: only waiting for the answer's head is bounded.
func TestStream_SilentAfterItsHead_LivesPastTheBackendsTimeout(t *testing.T) {
	proceed := make(chan struct{})
	g := newGate(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = http.NewResponseController(w).Flush()
		<-proceed
		io.WriteString(w, "late")
	}), backendTimeout(100*time.Millisecond))
	res, err := g.client.Do(g.request("GET", "/", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	time.Sleep(300 * time.Millisecond) // the silence itself is what is tested
	close(proceed)
	if text, err := io.ReadAll(res.Body); string(text) != "late" {
		t.Errorf("%q %v", text, err)
	}
}
