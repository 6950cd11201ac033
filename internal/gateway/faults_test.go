package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/internal/config"
)

// upstreamEvents are the kinds of failure told, oldest first, with the request.
func upstreamEvents(g *testGate, name string) (kinds []string) {
	for _, e := range g.found(EventFilter{}, name) {
		kinds = append(kinds, e.Detail["kind"])
	}
	return kinds
}

func isProblem(a answered, status int) error {
	var doc problemDocument
	switch err := json.Unmarshal([]byte(a.text), &doc); {
	case a.StatusCode != status:
		return fmt.Errorf("%s, want %d", a.Status, status)
	case a.Header.Get("Content-Type") != "application/problem+json":
		return fmt.Errorf("type %q", a.Header.Get("Content-Type"))
	case err != nil:
		return err
	case doc.Status != status || doc.Request != a.Header.Get(RequestIDHeader) || doc.Title == "":
		return fmt.Errorf("%+v", doc)
	}
	return nil
}

// deadAddress is one where nobody listens.
func deadAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestBackend_Down_Is502_AndRecoversByItself(t *testing.T) {
	addr := deadAddress(t)
	g := gateTo(t, "http://"+addr)
	a := g.get("/x")
	if err := isProblem(a, http.StatusBadGateway); err != nil || a.Header.Get("Retry-After") == "" {
		t.Errorf("%v %v", err, a.Header)
	}
	if found := g.told(a.Header.Get(RequestIDHeader)); len(found) != 1 || found[0].Name != "gate_upstream_failed" || found[0].Detail["kind"] != "down" {
		t.Errorf("%+v", found)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: hello}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	defer func() { _ = s.Close(); <-done }()
	for range 2 {
		if a := g.get("/x"); a.StatusCode != 200 {
			t.Fatalf("%s", a.Status)
		}
	}
	if found := g.found(EventFilter{}, "gate_upstream_recovered"); len(found) != 1 {
		t.Errorf("%d events of recovery", len(found))
	}
}

func TestBackend_Hangs_Is504(t *testing.T) {
	gone := make(chan struct{}, 1)
	g := newGate(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		gone <- struct{}{}
	}), backendTimeout(100*time.Millisecond))
	if err := isProblem(g.get("/"), http.StatusGatewayTimeout); err != nil {
		t.Error(err)
	}
	await(t, "the backend's request is cancelled", gone)
	if kinds := upstreamEvents(g, "gate_upstream_failed"); fmt.Sprint(kinds) != "[timeout]" {
		t.Error(kinds)
	}
}

func TestBackend_Misbehaves_BeforeItsAnswer(t *testing.T) {
	for _, c := range []struct {
		name, says, kind string
	}{
		{"garbage", "\x00\x01\x02 not HTTP\r\n\r\n", "garbage"},
		{"closes", "", "cut"},
		{"half a head", "HTTP/1.1 200 OK\r\nContent-", "garbage"},
		{"another protocol", "SSH-2.0-OpenSSH_9.2\r\n", "garbage"},
		{"bad status", "HTTP/1.1 abc OK\r\n\r\n", "garbage"},
		{"bad header", "HTTP/1.1 200 OK\r\nbad header\r\n\r\n", "garbage"},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "garbage"},
		{"bad length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "garbage"},
		{"huge head", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 2<<20) + "\r\n\r\n", "garbage"},
		{"101 unasked", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", "garbage"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := gateTo(t, rawBackend(t, func(conn net.Conn, _ *http.Request) { _, _ = io.WriteString(conn, c.says) }))
			if err := isProblem(g.get("/"), http.StatusBadGateway); err != nil {
				t.Error(err)
			}
			if kinds := upstreamEvents(g, "gate_upstream_failed"); fmt.Sprint(kinds) != "["+c.kind+"]" {
				t.Errorf("%q: %+v", kinds, g.found(EventFilter{}, "gate_upstream_failed"))
			}
		})
	}
}

func TestBackend_ClosesMidBody_TheClientSeesIt(t *testing.T) {
	for name, says := range map[string]string{
		"sized":   "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
		"chunked": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
		"garbage": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n",
	} {
		for _, http2 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s http2=%v", name, http2), func(t *testing.T) {
				g := gateTo(t, rawBackend(t, func(conn net.Conn, _ *http.Request) { _, _ = io.WriteString(conn, says) }))
				res, err := g.newClient(http2).Do(g.request("GET", "/", nil))
				if err != nil { // the head and the end may arrive as one
					t.Logf("no head: %v", err)
				} else {
					defer res.Body.Close()
					if text, err := io.ReadAll(res.Body); err == nil {
						t.Errorf("the client took %q for whole", text)
					}
				}
				eventually(t, "the event", func() bool { return fmt.Sprint(upstreamEvents(g, "gate_upstream_failed")) == "[cut]" })
			})
		}
	}
}

func TestBackend_NeverEnds_StopsWhenTheClientLeaves(t *testing.T) {
	gone := make(chan error, 1)
	g := newGate(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 32<<10)); err != nil {
				gone <- err
				return
			}
		}
	}))
	for _, http2 := range []bool{false, true} {
		client := g.newClient(http2)
		before := runtime.NumGoroutine()
		res, err := client.Do(g.request("GET", "/", nil))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.CopyN(io.Discard, res.Body, 1<<20)
		_ = res.Body.Close()
		client.CloseIdleConnections()
		await(t, "the backend is told", gone)
		eventually(t, "the exchange is over", func() bool { return g.exchanges.Len() == 0 })
		eventually(t, "its goroutines have ended", func() bool { return runtime.NumGoroutine() <= before+4 })
	}
	if found := g.found(EventFilter{}, "gate_upstream_failed"); len(found) != 0 {
		t.Errorf("the backend is blamed: %+v", found)
	}
}

func TestClient_LeavesWhileTheBackendThinks_NobodyIsBlamed(t *testing.T) {
	asked, gone := make(chan struct{}), make(chan struct{})
	g := newGate(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
		close(gone)
	}))
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if _, err := g.client.Do(g.request("GET", "/", nil).WithContext(ctx)); err == nil {
		t.Error("no error")
	}
	await(t, "the backend's request is cancelled", gone)
	eventually(t, "the exchange is over", func() bool { return g.exchanges.Len() == 0 })
	if found := g.found(EventFilter{}, "gate_upstream_failed"); len(found) != 0 {
		t.Errorf("%+v", found)
	}
}

func TestClient_LeavesDuringItsUpload_NobodyIsBlamed(t *testing.T) {
	for _, contentType := range []string{"application/json", "application/octet-stream"} {
		g := newGate(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
		c := g.dial()
		fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: 100\r\n\r\nhalf", contentType)
		eventually(t, "the request is in", func() bool { return g.exchanges.Len() == 1 })
		_ = c.Close()
		eventually(t, "the exchange is over", func() bool { return g.exchanges.Len() == 0 })
		if found := g.found(EventFilter{}, "gate_upstream_failed"); len(found) != 0 {
			t.Errorf("%s: %+v", contentType, found)
		}
	}
}

// A backend that sends informational answers for ever is bounded by the time
// that it has for its answer.
func TestBackend_InformsForEver_IsCut(t *testing.T) {
	g := gateTo(t, rawBackend(t, func(conn net.Conn, _ *http.Request) {
		for {
			if _, err := io.WriteString(conn, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"); err != nil {
				return
			}
			time.Sleep(time.Millisecond)
		}
	}), backendTimeout(200*time.Millisecond))
	if err := isProblem(g.get("/"), http.StatusGatewayTimeout); err != nil {
		t.Error(err)
	}
}

func slowClients(c *config.Config) {
	c.Network.Timeouts.Header = config.Duration(200 * time.Millisecond)
	c.Network.Timeouts.BodyIdle = config.Duration(200 * time.Millisecond)
}

func TestSlowHead_IsCut(t *testing.T) {
	g := newGate(t, hello, with(slowClients))
	for _, text := range []string{"", "G", "GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "} {
		c := g.dial()
		io.WriteString(c, text)
		if _, err := io.ReadAll(c); err != nil && !isEnd(err) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestSlowBody_IsCutWith408(t *testing.T) {
	g := newGate(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, err)
	}), with(slowClients))
	for _, contentType := range []string{"application/json", "application/octet-stream", "multipart/form-data; boundary=x"} {
		for _, head := range []string{"Content-Length: 9000000", "Transfer-Encoding: chunked"} {
			a, err := g.raw("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: " + contentType + "\r\n" + head + "\r\n\r\n5\r\n[1234")
			if err != nil {
				t.Errorf("%s, %s: %v", contentType, head, err)
				continue
			}
			if err := isProblem(a, http.StatusRequestTimeout); err != nil {
				t.Errorf("%s, %s: %v", contentType, head, err)
			}
			if !a.Close {
				t.Errorf("%s, %s: the connection stays open with half a request on it", contentType, head)
			}
		}
	}
	if found := g.found(EventFilter{}, "gate_upstream_failed"); len(found) != 0 {
		t.Errorf("the backend is blamed: %+v", found)
	}
}

func TestSlowBody_IsCutWithInputOff(t *testing.T) {
	g := newGate(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }),
		written(t, "modes: {input: {mode: off, reason: test}}"), with(slowClients))
	a, err := g.raw("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n1")
	if err != nil || a.StatusCode != http.StatusRequestTimeout {
		t.Errorf("%v %v", a.Response, err)
	}
}

func TestIdleConnections_DoNotStopOthers(t *testing.T) {
	n := 500
	if longRun() {
		n = 10_000
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err == nil && limit.Cur < uint64(2*n+500) {
		n = int(limit.Cur-500) / 2 // both ends are in this process
		t.Logf("only %d connections: ulimit -n is %d", n, limit.Cur)
	}
	g := newGate(t, hello)
	conns := make([]net.Conn, n)
	for i := range conns {
		c, err := net.Dial("tcp", g.addr)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		defer c.Close()
		if conns[i] = c; i%3 == 0 { // some with half a handshake
			io.WriteString(c, "\x16\x03\x01")
		}
	}
	eventually(t, "they are accepted", func() bool { return g.network.Stats().Open >= int64(n) })
	for i := range 20 {
		if a := g.get("/"); a.StatusCode != 200 {
			t.Fatalf("request %d: %s", i, a.Status)
		}
	}
}

func TestGarbage_OnTheTLSPort_CostsNothingElse(t *testing.T) {
	g := newGate(t, hello)
	for _, text := range []string{
		"\x00", strings.Repeat("\xff", 4096), "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "\x16\x03\x01\xff\xff" + strings.Repeat("x", 100),
		"SSH-2.0-x\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	} {
		c, err := net.Dial("tcp", g.addr)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(patience))
		io.WriteString(c, text)
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.CloseWrite()
		}
		got, _ := io.ReadAll(c)
		_ = c.Close()
		if strings.HasPrefix(text, "GET") && !strings.Contains(string(got), "400") {
			t.Errorf("plain HTTP on the TLS port: %q", got)
		}
	}
	for _, text := range []string{
		"\r\n\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", "\x00\x01\x02\r\n\r\n",
		"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 100<<10) + "\r\n\r\n",
		"GET /" + strings.Repeat("x", 100<<10) + " HTTP/1.1\r\nHost: a\r\n\r\n", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\n\r\n",
	} {
		if a, err := g.raw(text); err == nil && (a.StatusCode < 400 || a.StatusCode > 505) {
			t.Errorf("%.60q: %s", text, a.Status)
		}
	}
	for _, text := range []string{"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"} {
		if _, err := g.raw(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	if a := g.get("/"); a.StatusCode != 200 {
		t.Errorf("%s", a.Status)
	}
	if found := g.found(EventFilter{}, "sys_crash"); len(found) != 0 {
		t.Errorf("%+v", found)
	}
}

// newError is what making a gate says.
func newError(t *testing.T, changes ...change) error {
	t.Helper()
	o := Options{Config: config.Default(), State: stateFolder(t)}
	o.Config.Upstream, o.Config.Network.Listen = "http://127.0.0.1:1", []string{"127.0.0.1:0"}
	for _, c := range changes {
		c(&o)
	}
	g, err := New(o)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err = g.Run(ctx, func([]string) { cancel() })
	return errors.Join(err, g.Close())
}

func TestStart_WhatIsWrong_IsOneClearLine(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := filepath.Join(stateFolder(t), "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	garbageDB := stateFolder(t)
	if err := os.WriteFile(filepath.Join(garbageDB, StoreFile), []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	files := func(c, k string) change {
		return with(func(cfg *config.Config) {
			cfg.Transport.Certificates = config.Certificates{Files: []config.CertificateFile{{Certificate: c, Key: k}}}
		})
	}
	for _, c := range []struct {
		name   string
		change change
		says   []string
	}{
		{"port in use", with(func(c *config.Config) { c.Network.Listen = []string{taken.Addr().String()} }), []string{taken.Addr().String(), "in use"}},
		{"private port in use", with(func(c *config.Config) { c.Network.Private.Listen = taken.Addr().String() }), []string{taken.Addr().String(), "in use"}},
		{"state is a file", onDisk(file), []string{file, "--state"}},
		{"state below a file", onDisk(file + "/state"), []string{file, "--state"}},
		{"state below /proc", onDisk("/proc/gatehouse"), []string{"/proc/gatehouse", "--state"}},
		{"store is garbage", onDisk(garbageDB), []string{garbageDB}},
		{"certificate missing", files("/nowhere/c.pem", "/nowhere/k.pem"), []string{"/nowhere/c.pem"}},
		{"certificate garbage", files(file, file), []string{file}},
		{"events file below a file", with(func(c *config.Config) { c.Events.File = file + "/events" }), []string{file}},
		{"state's name too long for a socket", onDisk(filepath.Join(stateFolder(t), strings.Repeat("x", 120))), []string{"--state"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := newError(t, c.change)
			if err == nil {
				t.Fatal("no error")
			}
			t.Log(err)
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("several lines: %v", err)
			}
			for _, word := range c.says {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("it does not say %q: %v", word, err)
				}
			}
		})
	}
}

func TestState_WithoutAFolder_StillProtects(t *testing.T) {
	g, err := New(Options{Config: func() *config.Config {
		c := config.Default()
		c.Upstream, c.Network.Listen = newBackend(t, hello).URL, []string{"127.0.0.1:0"}
		return c
	}()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := g.Run(ctx, func([]string) { cancel() }); err != nil {
		t.Error(err)
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
}

// tinyDisk mounts a file system of that size, where this process may.
func tinyDisk(t *testing.T, size string) string {
	dir := stateFolder(t)
	if err := syscall.Mount("gate", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("a small file system can't be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

func TestDiskFull_TheGateServesOn(t *testing.T) {
	dir := tinyDisk(t, "1m")
	g := newGate(t, hello, onDisk(dir), written(t, "modes: {application/csrf: observe}"))
	filler, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(filler, zeroes{})
	_ = filler.Close()
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("filling: %v", err)
	}
	var failed atomic.Int64
	for i := range 200 { // each another route, so that they are not one flood
		if a := forged(g, fmt.Sprintf("/r%c%c", 'a'+i/26, 'a'+i%26)); a.StatusCode != 200 {
			failed.Add(1)
		}
		if a := g.get("/"); a.StatusCode != 200 {
			t.Fatalf("%s", a.Status)
		}
	}
	if failed.Load() > 0 {
		t.Errorf("%d requests that may pass failed", failed.Load())
	}
	if !strings.Contains(g.logs.String(), "level=") {
		t.Error("nobody is told")
	}
	if err := os.Remove(filepath.Join(dir, "filler")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "events are kept again", func() bool {
		a := forged(g, "/after")
		return len(g.told(a.Header.Get(RequestIDHeader))) == 1
	})
}

func TestPipe_HalfRequests_LeaveNothing(t *testing.T) {
	g := newGate(t, hello)
	for _, text := range []string{"G", "GET / HTTP/1.1\r\n", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\nabc", "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"} {
		c := g.dial()
		io.WriteString(c, text)
		_ = c.Close()
	}
	eventually(t, "nothing is in flight", func() bool { return g.exchanges.Len() == 0 })
	g.client.CloseIdleConnections()
	eventually(t, "every connection is closed", func() bool { return g.network.Stats().Open == 0 })
}
