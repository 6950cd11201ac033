package network

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener of one connection that lives in memory, so that a test
// owns its time.
type pipes struct {
	conn chan net.Conn
	once sync.Once
	done chan struct{}
}

type pipeConn struct{ net.Conn }

func (pipeConn) RemoteAddr() net.Addr { return tcp("203.0.113.9:4000") }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conn:
		return pipeConn{c}, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return tcp("192.0.2.1:80") }

// serve runs handler in front of one connection, whose other end it gives.
func serve(t *testing.T, protocols *http.Protocols, handler http.HandlerFunc) net.Conn {
	t.Helper()
	near, far := net.Pipe()
	ln := &pipes{conn: make(chan net.Conn, 1), done: make(chan struct{})}
	ln.conn <- near
	server := &http.Server{Handler: handler, Protocols: protocols}
	go server.Serve(ln)
	t.Cleanup(func() {
		server.Close()
		far.Close()
		time.Sleep(time.Second) // the server lingers half of that before it closes
	})
	return far
}

func defaults(t testing.TB) Timeouts {
	t.Helper()
	d, err := (Timeouts{}).WithDefaults()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// outcome is what the handler of a test saw.
type outcome struct {
	n    int64
	err  error
	cut  bool
	gone error
	took time.Duration
}

// upload has a client send a body of size bytes in parts of part bytes, each
// after pause, through HTTP/1.1, and gives what the handler read.
func upload(t *testing.T, limits Timeouts, size, part int, pause time.Duration, backend func()) outcome {
	t.Helper()
	result := make(chan outcome, 1)
	conn := serve(t, nil, func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		body := SlowBody(r.Body, http.NewResponseController(w), limits)
		var o outcome
		buffer := make([]byte, 64<<10)
		for o.err == nil {
			var n int
			n, o.err = body.Read(buffer)
			o.n += int64(n)
			if backend != nil {
				backend()
			}
		}
		o.took = time.Since(began)
		time.Sleep(2 * limits.BodyIdle) // an answer that takes its time
		o.cut, o.gone = body.Cut(), r.Context().Err()
		result <- o
	})
	go func() {
		head := "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + itoa(size) + "\r\n\r\n"
		if _, err := io.WriteString(conn, head); err != nil {
			return
		}
		piece := bytes.Repeat([]byte("x"), part)
		for sent := 0; sent < size; sent += part {
			select {
			case <-time.After(pause):
			case <-t.Context().Done():
				return
			}
			if _, err := conn.Write(piece[:min(part, size-sent)]); err != nil {
				return
			}
		}
	}()
	go io.Copy(io.Discard, conn)
	return <-result
}

func itoa(n int) string {
	var b []byte
	for ; n > 0 || len(b) == 0; n /= 10 {
		b = append([]byte{byte('0' + n%10)}, b...)
	}
	return string(b)
}

func TestSlowBody(t *testing.T) {
	cases := []struct {
		name    string
		size    int
		part    int
		pause   time.Duration
		backend time.Duration
		cut     bool
		// soon is the latest moment for the cut.
		soon time.Duration
	}{
		{"fast", 100_000, 10_000, 0, 0, false, 0},
		{"64 MB at 100 kB/s, eleven minutes", 64 << 20, 100_000, time.Second, 0, false, 0},
		{"an old telephone, 1 kB/s", 600_000, 1000, time.Second, 0, false, 0},
		{"a tunnel of 25 seconds between parts", 500_000, 50_000, 25 * time.Second, 0, false, 0},
		{"a small form sent slowly but whole", 200, 10, time.Second, 0, false, 0},
		{"a slow backend", 1 << 20, 100_000, 0, 40 * time.Second, false, 0},
		{"silence", 1000, 1000, time.Hour, 0, true, 31 * time.Second},
		{"one byte in ten seconds", 1000, 1, 10 * time.Second, 0, true, 31 * time.Second},
		{"one byte a second", 10_000, 1, time.Second, 0, true, 31 * time.Second},
		{"a little too slow", 10_000_000, 200, time.Second, 0, true, 4 * time.Minute},
		{"a burst, then silence", 10_000_000, 5_000_000, time.Minute, 0, true, 3 * time.Minute},
		{"one byte, with a backend slower still", 1000, 1, 10 * time.Second, time.Second, true, 40 * time.Second},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := upload(t, defaults(t), tc.size, tc.part, tc.pause, func() { time.Sleep(tc.backend) })
				if tc.cut {
					if !o.cut || !errors.Is(o.err, ErrSlowBody) || o.took > tc.soon {
						t.Errorf("%+v, want a cut within %s", o, tc.soon)
					}
					return
				}
				if o.cut || o.err != io.EOF || o.n != int64(tc.size) || o.gone != nil {
					t.Errorf("%+v, want all %d bytes and a living request", o, tc.size)
				}
			})
		})
	}
}

func TestSlowBody_NoLeastRate_OnlySilenceIsCut(t *testing.T) {
	limits := defaults(t).ForStream()
	synctest.Test(t, func(t *testing.T) {
		if o := upload(t, limits, 50, 1, 4*time.Minute, nil); o.cut || o.n != 50 {
			t.Errorf("a message every four minutes: %+v", o)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		if o := upload(t, limits, 50, 1, 6*time.Minute, nil); !o.cut {
			t.Errorf("a message every six minutes: %+v", o)
		}
	})
}

// h2c runs handler behind HTTP/2 and gives a client of it.
func h2c(t *testing.T, handler http.HandlerFunc) *http.Client {
	t.Helper()
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	conn := serve(t, &protocols, handler)
	transport := &http.Transport{Protocols: &protocols, DialContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil }}
	one, err := transport.NewClientConn(t.Context(), "http", "x:80")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { one.Close() })
	return &http.Client{Transport: one}
}

func TestSlowBody_HTTP2_OnlyTheSlowStreamIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := defaults(t)
		cut := make(chan error, 2)
		client := h2c(t, func(w http.ResponseWriter, r *http.Request) {
			body := SlowBody(r.Body, http.NewResponseController(w), limits)
			_, err := io.Copy(io.Discard, body)
			if r.URL.Path == "/slow" {
				cut <- err
				w.WriteHeader(http.StatusRequestTimeout)
				return
			}
			time.Sleep(2 * time.Minute)
			io.WriteString(w, "done")
		})
		silent, hold := io.Pipe()
		defer hold.Close()
		var all sync.WaitGroup
		all.Go(func() {
			resp, err := client.Post("http://x/slow", "text/plain", silent)
			if err == nil {
				resp.Body.Close()
			}
			if err != nil || resp.StatusCode != http.StatusRequestTimeout {
				t.Errorf("the slow one got %v, %v, want 408", resp, err)
			}
		})
		all.Go(func() {
			resp, err := client.Post("http://x/good", "text/plain", strings.NewReader(strings.Repeat("x", 1<<20)))
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			if got, err := io.ReadAll(resp.Body); string(got) != "done" || err != nil {
				t.Errorf("the good one got %q, %v", got, err)
			}
		})
		all.Wait()
		if err := <-cut; !errors.Is(err, ErrSlowBody) {
			t.Errorf("error %v, want ErrSlowBody", err)
		}
	})
}

func TestSlowBody_StreamInBothDirections_LivesOnceAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := defaults(t)
		client := h2c(t, func(w http.ResponseWriter, r *http.Request) {
			rc := http.NewResponseController(w)
			body := SlowBody(r.Body, rc, limits)
			go func() { // the answer begins while the body is waited for
				time.Sleep(20 * time.Second)
				body.Answering()
			}()
			if err := rc.Flush(); err != nil {
				t.Error(err)
			}
			got, err := io.ReadAll(body)
			if string(got) != "after an hour" || err != nil {
				t.Errorf("read %q, %v", got, err)
			}
		})
		stream, send := io.Pipe()
		go func() {
			time.Sleep(time.Hour)
			io.WriteString(send, "after an hour")
			send.Close()
		}()
		resp, err := client.Post("http://x/chat", "application/grpc", stream)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	})
}

func TestSlowClient(t *testing.T) {
	for _, reads := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			limits := defaults(t)
			wrote := make(chan error, 1)
			conn := serve(t, nil, func(w http.ResponseWriter, r *http.Request) {
				w = SlowClient(w, limits)
				_, err := w.Write(make([]byte, 1<<20))
				if err == nil && reads {
					time.Sleep(time.Hour) // a silent backend is no slow client
					_, err = io.WriteString(w, "end")
				}
				if err == nil {
					err = http.NewResponseController(w).Flush()
				}
				wrote <- err
			})
			go io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			if reads {
				go io.Copy(io.Discard, conn)
			}
			began := time.Now()
			err := <-wrote
			if reads && err != nil {
				t.Errorf("a client that reads: %v", err)
			}
			if took := time.Since(began); !reads && (err == nil || took > limits.Write+time.Second) {
				t.Errorf("a client that does not read: %v after %s", err, took)
			}
		})
	}
}

func TestTimeouts_Negative_IsAnErrorThatNamesTheField(t *testing.T) {
	if _, err := (Timeouts{Idle: -1}).WithDefaults(); err == nil || !strings.Contains(err.Error(), "Timeouts.Idle") {
		t.Errorf("error %v", err)
	}
	kept, err := Timeouts{Header: time.Second, BodyMinRate: -1}.WithDefaults()
	if err != nil || kept.Header != time.Second || kept.BodyMinRate != -1 || kept.BodyIdle != 30*time.Second {
		t.Errorf("%+v, %v", kept, err)
	}
}

func BenchmarkSlowBody_Read(b *testing.B) {
	body := SlowBody(io.NopCloser(endless{}), http.NewResponseController(nil), defaults(b))
	buffer := make([]byte, 32<<10)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := body.Read(buffer); err != nil {
			b.Fatal(err)
		}
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
