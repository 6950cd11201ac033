package scenarios

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// An answer is what a request came to.
type answer struct {
	status  int
	header  http.Header
	body    string
	request string // the identifier, from the header or the problem document
	err     error
}

// request [-X METHOD] [-H 'NAME: VALUE']… [-d BODY] STATUS URL sends a request,
// trusting the local authority of the script's state. The answer is what stdout
// then matches; $REQUEST is the identifier that it tells.
func request(ts *testscript.TestScript, neg bool, args []string) {
	r, status := parseRequest(ts, neg, args)
	a := do(clientOf(ts), r)
	ts.Check(a.err)
	a.told(ts, status)
}

// begin NAME [as request] sends one and does not wait for the answer.
func begin(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 3 {
		ts.Fatalf("usage: begin NAME [as request]")
	}
	r, status := parseRequest(ts, neg, args[1:])
	done := make(chan answer, 1)
	worldOf(ts).underWay[args[0]+" "+status] = done
	client := clientOf(ts)
	go func() { done <- do(client, r) }()
}

// finished NAME waits for the answer of what begin sent.
func finished(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: finished NAME")
	}
	w := worldOf(ts)
	for key, done := range w.underWay {
		name, status, _ := strings.Cut(key, " ")
		if name != args[0] {
			continue
		}
		delete(w.underWay, key)
		select {
		case a := <-done:
			ts.Check(a.err)
			a.told(ts, status)
		case <-time.After(patience):
			ts.Fatalf("%s has no answer after %s", name, patience)
		}
		return
	}
	ts.Fatalf("nothing began as %s", args[0])
}

// closed URL waits until nobody accepts connections there any more.
func closed(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: closed URL")
	}
	u, err := url.Parse(args[0])
	ts.Check(err)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		c, err := net.DialTimeout("tcp", "127.0.0.1:"+u.Port(), patience)
		if err != nil {
			return
		}
		ts.Check(c.Close())
	}
	ts.Fatalf("%s still accepts connections", args[0])
}

func parseRequest(ts *testscript.TestScript, neg bool, args []string) (r *http.Request, status string) {
	method, body, header := "", "", make(http.Header)
	for len(args) > 2 && strings.HasPrefix(args[0], "-") {
		switch args[0] {
		case "-X":
			method = args[1]
		case "-d":
			body = args[1]
		case "-H":
			name, value, _ := strings.Cut(args[1], ": ")
			header.Add(name, value)
		default:
			ts.Fatalf("request: unknown flag %s", args[0])
		}
		args = args[2:]
	}
	if neg || len(args) != 2 {
		ts.Fatalf("usage: request [-X METHOD] [-H 'NAME: VALUE'] [-d BODY] STATUS URL")
	}
	if body != "" && header.Get("Content-Type") == "" {
		header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if method == "" && body != "" {
		method = http.MethodPost
	}
	r, err := http.NewRequest(method, args[1], strings.NewReader(body))
	ts.Check(err)
	r.Header = header
	return r, args[0]
}

func clientOf(ts *testscript.TestScript) *http.Client {
	roots := x509.NewCertPool()
	file := filepath.Join(ts.Getenv("GATEHOUSE_STATE"), "authority", "local-authority.crt")
	if pem, err := os.ReadFile(file); err == nil {
		roots.AppendCertsFromPEM(pem)
	}
	return &http.Client{
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       patience,
	}
}

func do(client *http.Client, r *http.Request) (a answer) {
	res, err := client.Do(r)
	if err != nil {
		return answer{err: err}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	a = answer{status: res.StatusCode, header: res.Header, body: string(body), request: res.Header.Get("Gate-Request-Id"), err: err}
	var problem struct {
		Request string `json:"request_id"`
	}
	if json.Unmarshal(body, &problem) == nil && problem.Request != "" {
		a.request = problem.Request
	}
	return a
}

// told hands an answer to the script.
func (a answer) told(ts *testscript.TestScript, want string) {
	w := ts.Stdout()
	fmt.Fprintln(w, a.status)
	for _, name := range slices.Sorted(maps.Keys(a.header)) {
		fmt.Fprintf(w, "%s: %s\n", name, strings.Join(a.header[name], ", "))
	}
	fmt.Fprintf(w, "\n%s\n", a.body)
	ts.Setenv("REQUEST", a.request)
	if fmt.Sprint(a.status) != want {
		ts.Fatalf("status %d, want %s: %s", a.status, want, oneLine(a.body))
	}
}

// backend starts a backend in the test's process, at $BACKEND. It answers with
// what it was asked; /slow answers after release.
func backend(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 1 {
		ts.Fatalf("usage: backend [ADDRESS]")
	}
	w := worldOf(ts)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			_ = os.WriteFile(filepath.Join(w.dir, "slow.asked"), []byte("yes\n"), 0o600) // the script waits for it
			select {
			case <-w.slow:
			case <-r.Context().Done():
			}
		}
		asked(rw, r)
	}))
	if len(args) == 1 {
		ln, err := net.Listen("tcp", args[0])
		ts.Check(err)
		ts.Check(s.Listener.Close())
		s.Listener = ln
	}
	s.Start()
	w.closers = append(w.closers, s.Close)
	ts.Setenv("BACKEND", s.URL)
}

// release lets the slow answers go.
func release(ts *testscript.TestScript, _ bool, _ []string) {
	w := worldOf(ts)
	w.freed.Do(func() { close(w.slow) })
}

// asked answers with the request.
func asked(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "the backend was asked: %s %s\n", r.Method, r.URL.Path)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		fmt.Fprintf(w, "%s: %s\n", name, strings.Join(r.Header[name], ", "))
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	fmt.Fprintf(w, "body: %s %v\n", body, err)
}

// shopkeeper is a backend as a program of its own: shopkeeper PORT [CODE]. It
// says what it answers and that it was told to end; with CODE it ends by itself.
func shopkeeper() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if len(os.Args) > 2 {
		time.Sleep(300 * time.Millisecond)
		code, _ := strconv.Atoi(os.Args[2])
		os.Exit(code)
	}
	server := &http.Server{Addr: "127.0.0.1:" + os.Args[1], Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("asked", r.URL.Path)
		if r.URL.Path == "/slow" {
			time.Sleep(700 * time.Millisecond)
		}
		asked(w, r)
		fmt.Println("answered", r.URL.Path)
	})}
	go func() {
		if err := server.ListenAndServe(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}()
	fmt.Println("listening")
	<-ctx.Done()
	fmt.Println("told to end")
	os.Exit(0)
}
