package gateway

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/gatehousehq/gatehouse"
)

// encoders write a body in each content coding that is inspected.
var encoders = map[string]func(io.Writer) io.WriteCloser{
	"gzip":    func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
	"deflate": func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) },
	"br":      func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) },
	"zstd": func(w io.Writer) io.WriteCloser {
		z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
		if err != nil {
			panic(err) // the options are ours
		}
		return z
	},
}

func encode(t testing.TB, coding string, body io.Reader) string {
	t.Helper()
	var b bytes.Buffer
	w := encoders[coding](&b)
	if _, err := io.Copy(w, body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestEncodedRequest_IsInspected_AndPassesByteForByte(t *testing.T) {
	got := make(chan string, 1)
	var values []string
	var g *testGate // the backend looks into it
	g = newGate(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		values = liveInputs(g, r)
		got <- r.Header.Get("Content-Encoding") + ":" + string(text)
	}))
	for coding := range encoders {
		body := encode(t, coding, strings.NewReader(`{"name":"in `+coding+`"}`))
		if a := g.post("/", "application/json", body, "Content-Encoding: "+coding); a.StatusCode != 200 {
			t.Errorf("%s: %s", coding, a.Status)
			continue
		}
		if await(t, "the backend is asked", got) != coding+":"+body {
			t.Errorf("%s: the body changed on the way", coding)
		}
		if !strings.Contains(strings.Join(values, "\n"), "in "+coding) {
			t.Errorf("%s: the inputs are %q", coding, values)
		}
	}
}

// liveInputs are the values of the body's inputs of the request that the
// backend was asked.
func liveInputs(g *testGate, r *http.Request) (values []string) {
	x, ok := g.exchanges.ByTrace(r.Header.Get("Traceparent")[3:35])
	if !ok || x.Inputs == nil {
		return nil
	}
	for in := range x.Inputs.Each {
		values = append(values, in.Value)
	}
	return values
}

func TestBomb_OfEachCoding_IsRefusedWith413(t *testing.T) {
	asked := make(chan struct{}, 16)
	g := newGate(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked <- struct{}{} }))
	zeros := func() io.Reader { return io.LimitReader(zeroes{}, 2<<20) } // twice what is read
	for coding := range encoders {
		bomb := encode(t, coding, zeros())
		for _, contentType := range []string{"application/json", "application/x-www-form-urlencoded"} {
			a := g.post("/bomb", contentType, bomb, "Content-Encoding: "+coding)
			if a.StatusCode != http.StatusRequestEntityTooLarge {
				t.Errorf("%s, %s (%d bytes): %s", coding, contentType, len(bomb), a.Status)
				continue
			}
			events := g.told(a.Header.Get(RequestIDHeader))
			if len(events) != 1 || events[0].Rule != "bomb" || events[0].Rung != "input" || events[0].Outcome != gatehouse.Refused {
				t.Errorf("%s: events %+v", coding, events)
			}
		}
	}
	if len(asked) > 0 {
		t.Errorf("the backend was asked %d times", len(asked))
	}
}

func TestBomb_Stacked_IsRefused(t *testing.T) {
	g := newGate(t, hello)
	bomb := encode(t, "gzip", strings.NewReader(encode(t, "gzip", io.LimitReader(zeroes{}, 4<<20))))
	if a := g.post("/", "application/json", bomb, "Content-Encoding: gzip, gzip"); a.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("%d bytes: %s", len(bomb), a.Status)
	}
}

func TestEncoding_BrokenOrUnknown_PassesObserved(t *testing.T) {
	g := newGate(t, hello)
	for _, c := range []struct{ coding, body string }{{"gzip", "not gzip"}, {"br", "\xff\xff"}, {"zstd", "x"}, {"deflate", "\xff"}, {"compress", "x"}, {"gzip", ""}} {
		a := g.post("/", "application/json", c.body, "Content-Encoding: "+c.coding)
		if a.StatusCode != 200 {
			t.Errorf("%s %q: %s", c.coding, c.body, a.Status)
		}
	}
}

type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestEncodedAnswer_PassesByteForByte(t *testing.T) {
	for coding := range encoders {
		body := encode(t, coding, strings.NewReader(strings.Repeat("a page ", 10_000)))
		g := newGate(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", coding)
			w.Header().Set("X-Asked", r.Header.Get("Accept-Encoding"))
			io.WriteString(w, body)
		}))
		a := g.get("/", "Accept-Encoding: "+coding+";q=0.9, odd")
		if a.text != body || a.Header.Get("Content-Encoding") != coding || a.Header.Get("X-Asked") != coding+";q=0.9, odd" {
			t.Errorf("%s: %v", coding, a.Header)
		}
	}
}

// large is how much the tests of constant memory send.
func large() int64 {
	if longRun() {
		return 1 << 30
	}
	return 28 << 20 // more than mostMemory
}

// peak gives the most memory that the process has from the system in use by its
// heap, above what it had before, while f runs.
func peak(f func()) uint64 {
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	ctx, cancel := context.WithCancel(context.Background())
	most := make(chan uint64)
	go func() {
		var highest uint64
		for ctx.Err() == nil {
			runtime.ReadMemStats(&now)
			highest = max(highest, now.HeapInuse)
			time.Sleep(5 * time.Millisecond)
		}
		most <- highest
	}()
	f()
	cancel()
	if highest := <-most; highest > before.HeapInuse {
		return highest - before.HeapInuse
	}
	return 0
}

// mostMemory is what a transfer of any size may take, client and backend
// included, which live in this process too.
const mostMemory = 24 << 20

func TestUpload_Large_AtConstantMemory(t *testing.T) {
	g := newGate(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n, err)
	}))
	size := large()
	form := "--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f.bin\"\r\n\r\n"
	for _, c := range []struct {
		name, contentType string
		http2, chunked    bool
		head, tail        string
	}{
		{"http/1.1", "application/octet-stream", false, false, "", ""},
		{"http/1.1 chunked", "video/mp4", false, true, "", ""},
		{"http/2", "application/octet-stream", true, false, "", ""},
		{"json beyond the limit", "application/json", false, false, `{"a":"`, `"}`},
		{"multipart", "multipart/form-data; boundary=x", false, false, form, "\r\n--x--\r\n"},
		{"multipart chunked, http/2", "multipart/form-data; boundary=x", true, true, form, "\r\n--x--\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g.client = g.newClient(c.http2)
			g.client.Timeout = 5 * time.Minute
			body := io.MultiReader(strings.NewReader(c.head), &endless{left: size}, strings.NewReader(c.tail))
			r := g.request("POST", "/", io.NopCloser(body), "Content-Type: "+c.contentType)
			total := int64(len(c.head)+len(c.tail)) + size
			if r.ContentLength = total; c.chunked {
				r.ContentLength = -1
			}
			var a answered
			used := peak(func() { a = g.do(r) })
			if a.text != fmt.Sprint(total, nil) {
				t.Errorf("%s: the backend read %s", a.Status, a.text)
			}
			if used > mostMemory {
				t.Errorf("%d MiB took %d KiB of memory", size>>20, used>>10)
			}
		})
	}
}

func TestDownload_Large_AtConstantMemory(t *testing.T) {
	size := large()
	g := newGate(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/sized" {
			w.Header().Set("Content-Length", fmt.Sprint(size))
		}
		_, _ = io.Copy(w, &endless{left: size})
	}))
	for _, path := range []string{"/sized", "/chunked"} {
		for _, http2 := range []bool{false, true} {
			client := g.newClient(http2)
			client.Timeout = 5 * time.Minute
			var n int64
			used := peak(func() {
				res, err := client.Do(g.request("GET", path, nil))
				if err != nil {
					t.Error(err)
					return
				}
				defer res.Body.Close()
				n, err = io.Copy(io.Discard, res.Body)
				if err != nil {
					t.Error(err)
				}
			})
			if n != size || used > mostMemory {
				t.Errorf("%s http2=%v: %d bytes took %d KiB of memory", path, http2, n, used>>10)
			}
		}
	}
}

func TestInputLimit_Enforced_Refuses(t *testing.T) {
	// The backend reads: one that answers before is not waited for.
	reads := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	g := newGate(t, reads, written(t, "modes: {input: enforce}\ninput: {limit: 1KiB}"))
	big := `["` + strings.Repeat("x", 2000) + `"]`
	for name, c := range map[string]struct {
		contentType, body string
		status            int
	}{
		"large":            {"application/json", big, 413},
		"small":            {"application/json", "[1]", 200},
		"malformed":        {"application/json", "[1", 400},
		"unknown coding":   {"application/json", "[1]", 200},
		"large, not read":  {"application/octet-stream", big, 200},
		"large multipart":  {"multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=a\r\n\r\n" + big + "\r\n--x--\r\n", 413},
		"large file":       {"multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=a; filename=b\r\n\r\n" + big + "\r\n--x--\r\n", 200},
		"broken multipart": {"multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=a; filename=b\r\n\r\n" + big, 400},
	} {
		a := g.post("/", c.contentType, c.body)
		if a.StatusCode != c.status {
			t.Errorf("%s: %s %q", name, a.Status, a.text)
		}
		if id := a.Header.Get(RequestIDHeader); c.status != 200 && (len(g.told(id)) != 1 || !strings.Contains(a.text, id)) {
			t.Errorf("%s: events %+v", name, g.told(id))
		}
	}
}

func TestRoute_BodyPass_IsNotRead(t *testing.T) {
	g := newGate(t, hello, written(t, "modes: {input: enforce}\nroutes: [{path: /hooks/, body: pass, reason: signed}]"))
	if a := g.post("/hooks/x", "application/json", "{broken"); a.StatusCode != 200 {
		t.Errorf("%s", a.Status)
	}
	if a := g.post("/other", "application/json", "{broken"); a.StatusCode != 400 {
		t.Errorf("%s", a.Status)
	}
}
