package apps

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/internal/testkit"
)

// A shelf is a backend of files and echoes, as curl's users meet them.
type shelf struct {
	file    []byte
	changed time.Time
}

func newShelf(size int) *shelf {
	s := &shelf{file: make([]byte, size), changed: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	random := rand.NewChaCha8([32]byte{7})
	random.Read(s.file)
	return s
}

func (s *shelf) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /file.bin", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"seven"`)
		http.ServeContent(w, r, "file.bin", s.changed, bytes.NewReader(s.file))
	})
	mux.HandleFunc("GET /page", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Vary", "Accept-Encoding")
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			defer z.Close()
			io.WriteString(z, "<p>a page</p>")
			return
		}
		io.WriteString(w, "<p>a page</p>")
	})
	// What came, in words: the protocol is the gate's, the rest the client's.
	mux.HandleFunc("/echo/", func(w http.ResponseWriter, r *http.Request) {
		sum := sha256.New()
		n, err := io.Copy(sum, r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		fmt.Fprintf(w, "%s %s %d %x", r.Method, r.RequestURI, n, sum.Sum(nil))
	})
	mux.HandleFunc("POST /form", func(w http.ResponseWriter, r *http.Request) {
		file, head, err := r.FormFile("file")
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		defer file.Close()
		sum := sha256.New()
		n, _ := io.Copy(sum, file) // a difference shows in the sum
		fmt.Fprintf(w, "%s %q %d %x", head.Filename, r.FormValue("note"), n, sum.Sum(nil))
	})
	mux.HandleFunc("PUT /refused", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no room", http.StatusRequestEntityTooLarge) // the body stays unread
	})
	return mux
}

func hashOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// A curl is curl, trusting the gate alone.
type curl struct {
	program, authority, version string
}

func (c curl) command(args ...string) *exec.Cmd {
	return exec.Command(c.program, append([]string{"--disable"}, c.with(args)...)...)
}

// with puts before a request's options those that all have.
func (c curl) with(args []string) []string {
	return append([]string{"--silent", "--show-error", "--max-time", "60", "--noproxy", "*", "--cacert", c.authority, c.version}, args...)
}

// each has one curl do several requests, one after the other, and gives a line for
// each.
func (c curl) each(t *testing.T, requests [][]string) []string {
	t.Helper()
	all := c.with(requests[0])
	for _, args := range requests[1:] {
		all = append(append(all, "--next"), c.with(args)...)
	}
	said := testkit.Run(t, exec.Command(c.program, append([]string{"--disable"}, all...)...))
	lines := strings.Split(strings.TrimSuffix(said, "\n"), "\n")
	if len(lines) != len(requests) {
		t.Fatalf("%d answers to %d requests:\n%s", len(lines), len(requests), said)
	}
	return lines
}

func (c curl) run(t *testing.T, args ...string) string {
	t.Helper()
	return testkit.Run(t, c.command(args...))
}

// curlFile is more than any buffer on the way holds.
const curlFile = 6 << 20

func TestCurl_DownloadsAndUploads_AsWithoutTheGate(t *testing.T) {
	t.Parallel()
	program := testkit.Need(t, "curl")
	s := newShelf(curlFile)
	gate := testkit.StartGate(t, serve(t, s.handler()))
	local := filepath.Join(t.TempDir(), "it's a file;v=1.bin")
	writeFile(t, local, s.file)
	for _, version := range []string{"--http1.0", "--http1.1", "--http2"} {
		t.Run(version, func(t *testing.T) {
			c := curl{program, gate.Authority, version}
			t.Run("ranges", func(t *testing.T) { curlRanges(t, c, gate.Origin, s) })
			t.Run("conditions", func(t *testing.T) { curlConditions(t, c, gate.Origin) })
			t.Run("uploads", func(t *testing.T) { curlUploads(t, c, gate.Origin, local, s) })
			t.Run("paths", func(t *testing.T) { curlPaths(t, c, gate.Origin) })
		})
	}
	gate.WantQuiet(t)
}

// curlRanges takes a file whole, in parts, and in two goes.
func curlRanges(t *testing.T, c curl, origin string, s *shelf) {
	url := origin + "/file.bin"
	if got := c.run(t, url); got != string(s.file) {
		t.Errorf("a download of %d bytes has %d, or others", len(s.file), len(got))
	}
	if got := c.run(t, "--range", "100-199", url); got != string(s.file[100:200]) {
		t.Errorf("bytes 100-199 are not those of the file (%d came)", len(got))
	}
	if got := c.run(t, "--range", "-5", url); got != string(s.file[len(s.file)-5:]) {
		t.Errorf("the last 5 bytes are %q", got)
	}
	multipart := c.run(t, "--range", "0-1,10-11", "--dump-header", "-", url)
	if !strings.Contains(multipart, "multipart/byteranges") {
		t.Errorf("two ranges did not come as multipart/byteranges:\n%.300s", multipart)
	}
	if got := c.run(t, "--range", fmt.Sprint(len(s.file), "-"), "--output", os.DevNull, "--write-out", "%{http_code}", url); got != "416" {
		t.Errorf("a range beyond the end is answered %s, want 416", got)
	}
	half := filepath.Join(t.TempDir(), "half.bin")
	writeFile(t, half, s.file[:len(s.file)/2])
	c.run(t, "--continue-at", "-", "--output", half, url)
	if !bytes.Equal(readFile(t, half), s.file) {
		t.Error("the resumed download differs from the file")
	}
}

// curlConditions asks for what it has already, for the head alone, and for
// compressed bodies.
func curlConditions(t *testing.T, c curl, origin string) {
	const code = "%{http_code} %{size_download}\n"
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"If-None-Match, same", []string{"-H", `If-None-Match: "seven"`, "/file.bin"}, "304 0"},
		{"If-None-Match, other", []string{"-H", `If-None-Match: "six"`, "--range", "0-0", "/file.bin"}, "206 1"},
		{"If-Modified-Since", []string{"--time-cond", "Mon, 02 Mar 2026 12:00:00 GMT", "/file.bin"}, "304 0"},
		{"If-Range, same", []string{"-H", `If-Range: "seven"`, "--range", "0-9", "/file.bin"}, "206 10"},
		{"If-Match, other", []string{"-H", `If-Match: "six"`, "/file.bin"}, "412 0"},
		{"HEAD", []string{"--head", "/file.bin"}, "200 0"},
		{"HEAD of what is not there", []string{"--head", "/nothing"}, "404 0"},
		{"OPTIONS", []string{"--request", "OPTIONS", "/page"}, "405 19"},
	}
	var requests [][]string
	for _, test := range tests {
		args := append([]string{"--output", os.DevNull, "--write-out", code}, test.args[:len(test.args)-1]...)
		requests = append(requests, append(args, origin+test.args[len(test.args)-1]))
	}
	for i, got := range c.each(t, requests) {
		if test := tests[i]; got != test.want {
			t.Errorf("%s: status and size %s, want %s", test.name, got, test.want)
		}
	}
	head := c.run(t, "--head", origin+"/file.bin")
	for _, want := range []string{fmt.Sprintf("content-length: %d", curlFile), `etag: "seven"`, "accept-ranges: bytes"} {
		if !strings.Contains(strings.ToLower(head), want) {
			t.Errorf("HEAD: no %q in\n%s", want, head)
		}
	}
	if got := c.run(t, "--compressed", origin+"/page"); got != "<p>a page</p>" {
		t.Errorf("--compressed: %q", got)
	}
	if got := c.run(t, origin+"/page"); got != "<p>a page</p>" {
		t.Errorf("without --compressed: %q", got)
	}
}

// curlUploads sends a file as a body, in chunks, and in a form.
func curlUploads(t *testing.T, c curl, origin, file string, s *shelf) {
	sum := hashOf(s.file)
	want := fmt.Sprintf("PUT /echo/put %d %s", len(s.file), sum)
	if got := c.run(t, "--upload-file", file, origin+"/echo/put"); got != want {
		t.Errorf("--upload-file: %s, want %s", got, want)
	}
	if got := c.run(t, "-H", "Expect: 100-continue", "--expect100-timeout", "30", "--upload-file", file, origin+"/echo/put"); got != want {
		t.Errorf("--upload-file with Expect: %s, want %s", got, want)
	}
	if c.version != "--http1.0" { // it has no chunks
		cmd := c.command("--upload-file", "-", origin+"/echo/put")
		cmd.Stdin = io.MultiReader(bytes.NewReader(s.file)) // no length
		if got := testkit.Run(t, cmd); got != want {
			t.Errorf("--upload-file of unknown length: %s, want %s", got, want)
		}
	}
	if got, want := c.run(t, "-F", `file=@"`+file+`"`, "-F", "note=SELECT 'a' -- <b>", origin+"/form"),
		fmt.Sprintf("%s %q %d %s", filepath.Base(file), "SELECT 'a' -- <b>", len(s.file), sum); got != want {
		t.Errorf("-F: %s, want %s", got, want)
	}
	if c.version == "--http1.1" { // older curls lose early answers of Go's own server over HTTP/2
		args := []string{"--output", os.DevNull, "--write-out", "%{http_code} %{size_upload}", "-H", "Content-Type: application/octet-stream", "-H", "Expect: 100-continue", "--expect100-timeout", "30"}
		if got := c.run(t, append(args, "--upload-file", file, origin+"/refused")...); got != "413 0" {
			t.Errorf("an upload that the backend refuses before it reads: status and bytes sent %s, want 413 0", got)
		}
	}
	if got, want := c.run(t, "--json", `{"name": "O'Reilly", "q": "1 OR 1=1"}`, origin+"/echo/json"),
		fmt.Sprintf("POST /echo/json 37 %s", hashOf([]byte(`{"name": "O'Reilly", "q": "1 OR 1=1"}`))); got != want {
		t.Errorf("--json: %s, want %s", got, want)
	}
}

// curlPaths asks for paths and queries that must arrive as they were sent:
// package managers put a scope's slash into one segment.
func curlPaths(t *testing.T, c curl, origin string) {
	var requests [][]string
	var want []string
	for _, path := range []string{
		"/echo/@types%2fnode", "/echo/@types%2Fnode/-/node-20.1.0.tgz", "/echo/pkg/%40scope%2Fname",
		"/echo/simple/zope.interface/", "/echo/v2/library/alpine/manifests/sha256:0a1b", "/echo/github.com/!burnt!sushi/toml/@v/v1.0.0.info",
		"/echo/a%20b+c", "/echo/%E2%98%95", "/echo/x;v=1,2", "/echo/?a=1;b=2&c=%zz", "/echo/?q=a+b%2Bc&q=&flag", "/echo/a%25b", "/echo/((d))'e'*!",
	} {
		requests = append(requests, []string{"--write-out", "\n", "--path-as-is", "--globoff", origin + path})
		want = append(want, "GET "+path+" 0 "+hashOf(nil))
	}
	for _, method := range []string{"PROPFIND", "MKCOL", "DELETE", "PATCH", "REPORT"} {
		requests = append(requests, []string{"--write-out", "\n", "--request", method, origin + "/echo/dav"})
		want = append(want, method+" /echo/dav 0 "+hashOf(nil))
	}
	for i, got := range c.each(t, requests) {
		if got != want[i] {
			t.Errorf("%q arrives as %s", want[i], got)
		}
	}
}
