package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/gatehousehq/gatehouse/input"
)

// maxAnswer is the most of an answer that is read.
const maxAnswer = 16 << 20

// A visitor sends requests as browsers do, one after the other. After the
// first error it sends nothing, and err has it.
type visitor struct {
	ctx      context.Context
	origin   string
	log      *journal
	database *sqlRelay
	*rand.Rand
	err     error
	agent   agent
	cookies []*http.Cookie // the program's own
	others  []string       // cookies of analytics and the like
	referer string
	client  *http.Client
	// pool says that the program keeps connections to the database open.
	pool bool
	// forgiving says that the program has faults of its own, which are counted
	// and don't end the recording.
	forgiving bool
	sent      int
	// refused counts answers of 400 and more, by route: too many would be a corpus of errors.
	refused map[string]int
}

func newVisitor(ctx context.Context, origin, address string, log *journal, database *sqlRelay, from *rand.Rand) *visitor {
	v := &visitor{ctx: ctx, origin: origin, log: log, database: database, Rand: from, refused: map[string]int{}}
	v.client = &http.Client{
		Timeout: time.Minute,
		Transport: &http.Transport{DisableCompression: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", address) // whatever the name, it is the relay
		}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	v.someone()
	return v
}

// someone goes on as another person at another browser, signed in as nobody.
func (v *visitor) someone() {
	v.agent = agents[v.IntN(len(agents))]
	v.cookies, v.others, v.referer = nil, v.otherCookies(), ""
}

// An answer is what came back.
type answer struct {
	status   int
	body     string
	location string
}

// A body is what a request carries.
type body struct {
	kind string
	data []byte
}

func form(pairs ...string) *body {
	var parts []string
	for i := 0; i+1 < len(pairs); i += 2 {
		parts = append(parts, url.QueryEscape(pairs[i])+"="+url.QueryEscape(pairs[i+1]))
	}
	return &body{"application/x-www-form-urlencoded", []byte(strings.Join(parts, "&"))}
}

func (v *visitor) json(value any) *body {
	data, err := json.Marshal(value)
	v.fail(err)
	return &body{"application/json", data}
}

// A file is one that a form uploads.
type file struct{ field, name, data string }

func (v *visitor) multipart(f *file, pairs ...string) *body {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	v.fail(w.SetBoundary(fmt.Sprintf("----WebKitFormBoundary%016x", v.Uint64())))
	for i := 0; i+1 < len(pairs); i += 2 {
		v.fail(w.WriteField(pairs[i], pairs[i+1]))
	}
	if f != nil {
		part, err := w.CreateFormFile(f.field, f.name)
		v.fail(err)
		_, err = io.WriteString(part, f.data)
		v.fail(err)
	}
	v.fail(w.Close())
	return &body{w.FormDataContentType(), b.Bytes()}
}

func (v *visitor) fail(err error) {
	if v.err == nil && err != nil {
		v.err = err
	}
}

// query makes a path with parameters.
func query(path string, pairs ...string) string {
	b := form(pairs...)
	if len(b.data) == 0 {
		return path
	}
	return path + "?" + string(b.data)
}

// get asks for a page.
func (v *visitor) get(path string, pairs ...string) answer {
	return v.send("GET", query(path, pairs...), nil)
}

// post sends a form, and follows where it is sent.
func (v *visitor) post(path string, b *body) answer {
	a := v.send("POST", path, b)
	if a.status == http.StatusFound || a.status == http.StatusSeeOther {
		to, err := url.Parse(a.location)
		v.fail(err)
		if err == nil {
			return v.send("GET", to.RequestURI(), nil)
		}
	}
	return a
}

// send sends one request, waits until the database has nothing left of it, and
// closes its exchange.
func (v *visitor) send(method, path string, b *body) answer {
	if v.err != nil {
		return answer{}
	}
	v.sent++
	v.log.begin(method, path)
	a, err := v.roundTrip(method, path, b)
	if err == nil {
		err = v.settle()
	}
	v.log.end()
	if err == nil && (a.status >= 500 && !v.forgiving || a.status == http.StatusTeapot) {
		err = fmt.Errorf("answered %d: %s", a.status, tail([]byte(a.body)))
	}
	if err != nil {
		v.fail(fmt.Errorf("%s %s: %w", method, path, err))
	}
	if a.status >= http.StatusBadRequest {
		route, _, _ := strings.Cut(path, "?")
		v.refused[fmt.Sprintf("%d %s", a.status, input.Route(method, route))]++
		if os.Getenv("RECORD_VERBOSE") == "2" {
			fmt.Fprintln(os.Stderr, method, path, string(tail([]byte(a.body))[:min(300, len(a.body))]))
		}
	}
	if method == "GET" && a.status == http.StatusOK {
		v.referer = v.origin + path
	}
	return a
}

func (v *visitor) roundTrip(method, path string, b *body) (answer, error) {
	var from io.Reader
	if b != nil {
		from = bytes.NewReader(b.data)
	}
	r, err := http.NewRequestWithContext(v.ctx, method, v.origin+path, from)
	if err != nil {
		return answer{}, err
	}
	v.dress(r, b)
	res, err := v.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	decoded, err := input.Decoder(res.Header.Get("Content-Encoding"), res.Body, maxAnswer)
	if err != nil {
		return answer{}, err
	}
	defer decoded.Close()
	text, err := io.ReadAll(decoded)
	if err != nil {
		return answer{}, fmt.Errorf("reading the answer: %w", err)
	}
	v.takeCookies(res.Cookies())
	return answer{res.StatusCode, string(text), res.Header.Get("Location")}, nil
}

func (v *visitor) takeCookies(set []*http.Cookie) {
	for _, c := range set {
		kept := v.cookies[:0]
		for _, have := range v.cookies {
			if have.Name != c.Name {
				kept = append(kept, have)
			}
		}
		v.cookies = kept
		if c.MaxAge >= 0 && c.Value != "" && (c.Expires.IsZero() || c.Expires.After(time.Now())) {
			v.cookies = append(v.cookies, c)
		}
	}
}

func (v *visitor) cookie(name string) string {
	for _, c := range v.cookies {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// settle waits until a request's inputs and all its statements have been seen:
// until its connections are closed, or the pool's have their answers.
func (v *visitor) settle() error {
	for began := time.Now(); time.Since(began) < 20*time.Second; time.Sleep(200 * time.Microsecond) {
		if v.log.whole() && v.database.pending.Load() == 0 && (v.pool || v.database.open.Load() == 0) {
			return nil
		}
	}
	return errors.New("the database is still busy 20 s after the answer")
}

// one picks an element.
func one[T any](v *visitor, from []T) T { return from[v.IntN(len(from))] }

// some picks up to most elements, each once, in their own order.
func some[T any](v *visitor, from []T, most int) []T {
	var picked []T
	want := 1 + v.IntN(most)
	for i, e := range from {
		if left := len(from) - i; v.IntN(left) < want-len(picked) {
			picked = append(picked, e)
		}
	}
	return picked
}

// chance is true in so many of a hundred cases.
func (v *visitor) chance(percent int) bool { return v.IntN(100) < percent }
