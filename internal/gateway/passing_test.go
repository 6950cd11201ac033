package gateway

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"
)

const film = "0123456789abcdefghijklmnopqrstuvwxyz"

// files serves one file with everything that net/http knows of ranges and
// conditions.
var files = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "video/mp4")
	w.Header().Set("ETag", `"v1"`)
	http.ServeContent(w, r, "", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), strings.NewReader(film))
})

func TestProxy_RangesAndConditions_AreTheBackends(t *testing.T) {
	g := newGate(t, files)
	for _, c := range []struct {
		name, method string
		headers      []string
		status       int
		text         string
	}{
		{"whole", "GET", nil, 200, film},
		{"range", "GET", []string{"Range: bytes=2-5"}, 206, film[2:6]},
		{"suffix", "GET", []string{"Range: bytes=-3"}, 206, film[len(film)-3:]},
		{"If-Range holds", "GET", []string{"Range: bytes=0-0", `If-Range: "v1"`}, 206, "0"},
		{"If-Range fails", "GET", []string{"Range: bytes=0-0", `If-Range: "v0"`}, 200, film},
		{"beyond", "GET", []string{"Range: bytes=99-"}, 416, "invalid range: failed to overlap\n"},
		{"If-None-Match", "GET", []string{`If-None-Match: "v1"`}, 304, ""},
		{"If-Match", "GET", []string{`If-Match: "v2"`}, 412, ""},
		{"If-Modified-Since", "GET", []string{"If-Modified-Since: Fri, 02 Jan 2026 03:04:05 GMT"}, 304, ""},
		{"head", "HEAD", nil, 200, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := g.do(g.request(c.method, "/film", nil, c.headers...))
			if a.StatusCode != c.status || a.text != c.text {
				t.Errorf("got %d %q, want %d %q", a.StatusCode, a.text, c.status, c.text)
			}
			if c.status < 400 && a.Header.Get("ETag") != `"v1"` {
				t.Errorf("ETag: %q", a.Header.Get("ETag"))
			}
			if c.method == "HEAD" && a.ContentLength != int64(len(film)) {
				t.Errorf("Content-Length of HEAD: %d", a.ContentLength)
			}
		})
	}
	a := g.get("/film", "Range: bytes=0-1,4-5")
	if a.StatusCode != 206 || !strings.HasPrefix(a.Header.Get("Content-Type"), "multipart/byteranges; boundary=") ||
		strings.Count(a.text, "Content-Range: bytes") != 2 {
		t.Errorf("several ranges: %d %v %q", a.StatusCode, a.Header, a.text)
	}
}

// targets must reach the backend byte for byte: signatures cover them.
var targets = []string{
	"/", "/a/b", "//", "//a//b/", "/@scope%2fname", "/%7Euser", "/a%20b", "/a+b", "/%C3%BC", "/%ff",
	"/a;b=c", "/a:b@c", "/a,b!$&'()*+=", "/[x]", "/?", "/??", "/?a", "/?a=1;b=2", "/?a=%zz&%", "/?a=1&a=2&&=", "/?q=a+b%20c",
	"/?q=http://x/?y#", "/%2F%2f", "/a%3Fb", "/a%23b", "/a|b", "/a%2Fb|c", "/{id}", "/\"x\"", "/a^b`c", "/\xc3\xbc", "/a%2fb\xc3\xbc",
	"/a\\b", "/" + strings.Repeat("long/", 1000),
}

func TestProxy_Target_ReachesTheBackendByteForByte(t *testing.T) {
	got := make(chan string, 1)
	g := newGate(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r.RequestURI }))
	c := g.dial()
	in := bufio.NewReader(c)
	for _, target := range targets {
		fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", target)
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatalf("%q: %v", target, err)
		}
		_ = res.Body.Close()
		if res.StatusCode != 200 {
			t.Errorf("%q: %s", target, res.Status)
			continue
		}
		if uri := await(t, "the backend is asked", got); uri != target {
			t.Errorf("sent %q, the backend got %q", target, uri)
		}
	}
}

func TestProxy_Asterisk_And_AbsoluteForm(t *testing.T) {
	got := make(chan string, 1)
	g := newGate(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r.Method + " " + r.RequestURI + " " + r.Host }))
	for request, want := range map[string]string{
		"GET http://localhost/a?b HTTP/1.1\r\nHost: localhost\r\n\r\n":      "GET /a?b localhost",
		"PROPFIND /dav/%2f HTTP/1.1\r\nHost: Shop.Example:99\r\n\r\n":       "PROPFIND /dav/%2f Shop.Example:99",
		"VERSION-CONTROL / HTTP/1.1\r\nHost: localhost\r\n\r\n":             "VERSION-CONTROL / localhost",
		"GET http://localhost HTTP/1.1\r\nHost: localhost\r\n\r\n":          "GET / localhost",
		"GET https://localhost//x%2f?y HTTP/1.1\r\nHost: localhost\r\n\r\n": "GET //x%2f?y localhost",
	} {
		a, err := g.raw(request)
		if err != nil || a.StatusCode != 200 {
			t.Errorf("%q: %v %v", request, a.Response, err)
			continue
		}
		if uri := await(t, "the backend is asked", got); uri != want {
			t.Errorf("%q: the backend got %q", request, uri)
		}
	}
}

func TestProxy_Trailers_OfTheAnswer(t *testing.T) {
	g := newGate(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "Checksum")
		io.WriteString(w, "body")
		w.Header().Set("Checksum", "abc")
		w.Header().Set(http.TrailerPrefix+"Unannounced", "def")
	}))
	for _, http2 := range []bool{false, true} {
		g.client = g.newClient(http2)
		a := g.get("/")
		if a.text != "body" || a.Trailer.Get("Checksum") != "abc" || a.Trailer.Get("Unannounced") != "def" {
			t.Errorf("http2=%v: %q %v", http2, a.text, a.Trailer)
		}
	}
}

func TestProxy_Trailers_OfTheRequest_Cleaned(t *testing.T) {
	got := make(chan http.Header, 1)
	g := newGate(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		got <- r.Trailer
	}))
	for _, contentType := range []string{"application/octet-stream", "application/json"} { // streamed, and held
		for _, http2 := range []bool{false, true} {
			r := g.request("POST", "/", nil, "Content-Type: "+contentType)
			r.Trailer = http.Header{"Checksum": nil, "Gate-User": nil, "X-Forwarded-For": nil}
			r.ContentLength = -1
			r.Body = io.NopCloser(&atEnd{strings.NewReader("{}"), func() {
				r.Trailer.Set("Checksum", "abc")
				r.Trailer.Set("Gate-User", "admin")
				r.Trailer.Set("X-Forwarded-For", "10.0.0.1")
			}})
			g.client = g.newClient(http2)
			if a := g.do(r); a.StatusCode != 200 {
				t.Fatalf("%s", a.Status)
			}
			if tr := await(t, "the backend is asked", got); tr.Get("Checksum") != "abc" || len(tr) != 1 {
				t.Errorf("%s, http2=%v: the backend got the trailers %v", contentType, http2, tr)
			}
		}
	}
}

type atEnd struct {
	io.Reader
	f func()
}

func (a *atEnd) Read(p []byte) (int, error) {
	n, err := a.Reader.Read(p)
	if err == io.EOF {
		a.f()
	}
	return n, err
}

func TestProxy_Continue_IsAskedOfTheBackend(t *testing.T) {
	g := newGate(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/no" {
			http.Error(w, "no", http.StatusExpectationFailed)
			return
		}
		n, _ := io.Copy(io.Discard, r.Body) // the first read sends 100 Continue
		fmt.Fprint(w, n)
	}))
	for _, contentType := range []string{"application/octet-stream", "application/json"} {
		c := g.dial()
		in := bufio.NewReader(c)
		fmt.Fprintf(c, "PUT /yes HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n", contentType)
		line, err := in.ReadString('\n')
		if err != nil || !strings.HasPrefix(line, "HTTP/1.1 100 ") {
			t.Fatalf("%s: %q %v", contentType, line, err)
		}
		if line, _ = in.ReadString('\n'); line != "\r\n" {
			t.Fatalf("%s: 100 with %q", contentType, line)
		}
		io.WriteString(c, "{}")
		res, err := http.ReadResponse(in, nil)
		if err != nil || res.StatusCode != 200 {
			t.Fatalf("%s: %v %v: a second 100?", contentType, res, err)
		}
		if text, _ := io.ReadAll(res.Body); string(text) != "2" {
			t.Errorf("%s: the backend read %s bytes", contentType, text)
		}
		if res.Header.Get(RequestIDHeader) == "" {
			t.Errorf("%s: the answer after 100 Continue has no %s", contentType, RequestIDHeader)
		}
	}
	a, err := g.raw("PUT /no HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
	if err != nil || a.StatusCode != http.StatusExpectationFailed || a.text != "no\n" {
		t.Errorf("the backend's 417: %v %q %v", a.Response, a.text, err)
	}
}

// TestProxy_Continue_IsSaidOnce: of a backend that says it unasked, or again.
func TestProxy_Continue_IsSaidOnce(t *testing.T) {
	g := gateTo(t, rawBackend(t, func(c net.Conn, r *http.Request) {
		io.WriteString(c, strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 3))
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\n%d", n)
	}))
	for _, http2 := range []bool{false, true} {
		for _, contentType := range []string{"application/octet-stream", "application/json"} {
			for expect, want := range map[string]int{"": 0, "Expect: 100-continue": 1} {
				seen := 0
				r := g.request("PUT", "/", strings.NewReader("{}"), "Content-Type: "+contentType)
				if expect != "" {
					r.Header.Set("Expect", "100-continue")
				}
				r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
					Got1xxResponse: func(int, textproto.MIMEHeader) error { seen++; return nil },
				}))
				g.client = g.newClient(http2)
				g.client.Transport.(*http.Transport).ExpectContinueTimeout = patience
				if a := g.do(r); a.StatusCode != 200 || a.text != "2" || seen != want {
					t.Errorf("http2=%v, %s, %q: %s %q, 100 seen %d times, want %d", http2, contentType, expect, a.Status, a.text, seen, want)
				}
			}
		}
	}
}

func TestProxy_EarlyHints_PassAndCostTheAnswerNothing(t *testing.T) {
	g := newGate(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.Header().Set("Gate-User", "admin")
		w.Header().Set("Set-Cookie", "gate-session=evil")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusOK)
		io.WriteString(w, "page")
	}))
	for _, http2 := range []bool{false, true} {
		g.client = g.newClient(http2)
		var hints http.Header
		r := g.request("GET", "/", nil)
		r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
			Got1xxResponse: func(_ int, h textproto.MIMEHeader) error { hints = http.Header(h); return nil },
		}))
		a := g.do(r)
		if hints.Get("Link") == "" || a.text != "page" {
			t.Errorf("http2=%v: hints %v, text %q", http2, hints, a.text)
		}
		if len(a.Header.Get(RequestIDHeader)) != 32 {
			t.Errorf("http2=%v: the answer after 103 has no %s: %v", http2, RequestIDHeader, a.Header)
		}
		for _, h := range []http.Header{hints, a.Header} {
			if h.Get("Gate-User") != "" || h.Get("Set-Cookie") != "" {
				t.Errorf("http2=%v: what only the gate may send passed: %v", http2, h)
			}
		}
	}
}

func TestProxy_AnswersWithoutBody(t *testing.T) {
	g := newGate(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/204" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("ETag", `"x"`)
		w.WriteHeader(http.StatusNotModified)
	}))
	for path, status := range map[string]int{"/204": 204, "/304": 304} {
		for _, http2 := range []bool{false, true} {
			g.client = g.newClient(http2)
			for range 2 { // the second finds the connection as it should be
				if a := g.get(path); a.StatusCode != status || a.text != "" || a.Header.Get("Content-Length") != "" {
					t.Errorf("%s: %d %q %v", path, a.StatusCode, a.text, a.Header)
				}
			}
		}
	}
}

func TestProxy_HTTP10_GetsAnAnswerThatEndsWithTheConnection(t *testing.T) {
	g := newGate(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "one ")
		_ = http.NewResponseController(w).Flush() // chunked, on HTTP/1.1
		io.WriteString(w, "two")
	}))
	c := g.dial()
	io.WriteString(c, "GET / HTTP/1.0\r\n\r\n")
	all, err := io.ReadAll(c)
	if err != nil || !strings.HasSuffix(string(all), "\r\n\r\none two") || strings.Contains(string(all), "chunked") {
		t.Errorf("%q %v", all, err)
	}
}

func TestProxy_KeepAlive_ReusesBothSides(t *testing.T) {
	var mu sync.Mutex
	peers := map[string]int{}
	g := newGate(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		peers[r.RemoteAddr]++
		mu.Unlock()
		_, _ = io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, "ok")
	}))
	g.client = g.newClient(false)
	for i := range 10 {
		if i%2 == 0 {
			g.get("/")
		} else {
			g.post("/", "application/json", "{}")
		}
	}
	if open := g.network.Stats().Accepted; open != 1 || len(peers) != 1 {
		t.Errorf("%d client connections, %d to the backend", open, len(peers))
	}
}

func TestProxy_Pipelined_AnsweredInOrder(t *testing.T) {
	g := newGate(t, hello)
	c := g.dial()
	for i := range 3 {
		fmt.Fprintf(c, "GET /%d HTTP/1.1\r\nHost: localhost\r\n\r\n", i)
	}
	in := bufio.NewReader(c)
	for i := range 3 {
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if text, _ := io.ReadAll(res.Body); string(text) != fmt.Sprintf("hello /%d", i) {
			t.Errorf("answer %d: %q", i, text)
		}
	}
}

func TestProxy_ManyAtOnce(t *testing.T) {
	g := newGate(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s", r.Header.Get(RequestIDHeader), r.URL.RawQuery, text)
	}))
	each := 8
	if longRun() {
		each = 200
	}
	var all sync.WaitGroup
	for i := range 32 {
		client := g.newClient(i%2 == 0)
		all.Go(func() {
			for j := range each {
				n := fmt.Sprintf("%d-%d", i, j)
				res, err := client.Do(g.request("POST", "/?"+n, strings.NewReader(`{"n":"`+n+`"}`), "Content-Type: application/json"))
				if err != nil {
					t.Error(err)
					return
				}
				text, _ := io.ReadAll(res.Body)
				_ = res.Body.Close()
				if want := res.Header.Get(RequestIDHeader) + " " + n + ` {"n":"` + n + `"}`; string(text) != want {
					t.Errorf("got %q, want %q", text, want)
				}
			}
		})
	}
	all.Wait()
	if n := g.exchanges.Len(); n != 0 {
		eventually(t, "every exchange is over", func() bool { return g.exchanges.Len() == 0 })
	}
}

func TestProxy_UnixSocket(t *testing.T) {
	path := stateFolder(t) + "/app.sock"
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: hello}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close(); <-done })
	g := gateTo(t, "unix:"+path)
	if a := g.get("/x"); a.text != "hello /x" {
		t.Errorf("%s %q", a.Status, a.text)
	}
}

func TestProxy_BodiesArriveUnchanged(t *testing.T) {
	got := make(chan []byte, 1)
	g := newGate(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		got <- text
	}))
	binary := make([]byte, 3000)
	for i := range binary {
		binary[i] = byte(i * 7)
	}
	for _, c := range []struct{ contentType, body string }{
		{"application/json", "{ \"a\" : 1.0 ,\n\"a\":2, \"\\u0041\":\"\\ud83d\\ude00\"}"},
		{"application/json", `{"broken":`},
		{"application/json; charset=utf-16", "\xff\xfe{\x00}\x00"},
		{"application/x-www-form-urlencoded", "a=1&a=%zz&b;c&=&%"},
		{"multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x--\r\nepilogue"},
		{"multipart/form-data", "no boundary"},
		{"text/plain", "words"}, {"", "{}"}, {"application/octet-stream", string(binary)}, {"application/x-git-upload-pack-request", "0000"},
		{"application/json", `["` + strings.Repeat("x", 2<<20) + `"]`},
		{"application/json", ""},
	} {
		for _, length := range []int64{int64(len(c.body)), -1} {
			r := g.request("POST", "/", io.NopCloser(strings.NewReader(c.body)), "Content-Type: "+c.contentType)
			r.ContentLength = length
			if a := g.do(r); a.StatusCode != 200 {
				t.Errorf("%s %.30q: %s", c.contentType, c.body, a.Status)
				continue
			}
			if text := await(t, "the backend is asked", got); !bytes.Equal(text, []byte(c.body)) {
				t.Errorf("%s: sent %.60q, the backend got %.60q", c.contentType, c.body, text)
			}
		}
	}
}
