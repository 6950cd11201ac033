package attacks

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/netip"
	"net/textproto"
	"net/url"
	"strings"
	"time"
)

// A visitor is one browser, or one program, with its own cookies.
type visitor struct {
	t       *Target
	cookies map[string]*http.Cookie
	// address is where the requests come from, as a proxy in front of the gate
	// tells: nobody else has it. To whom no proxy is known it says nothing.
	address string
	// program sends no header that only browsers send.
	program bool
	// hurried does not wait when it is asked to come again: a tool's machine, which
	// leaves the next try to another.
	hurried bool
	// Of the account, where signUp made one.
	id                    int64
	email, name, password string
}

func newVisitor(t *Target) *visitor {
	return &visitor{t: t, address: newAddress(), cookies: map[string]*http.Cookie{}}
}

// newAddress draws an address of the range that is for examples (RFC 3849): of a
// household, or an office, of its own.
func newAddress() string {
	var a [16]byte
	rand.Read(a[:]) // never fails: crypto/rand ends the process instead
	copy(a[:], []byte{0x20, 0x01, 0x0d, 0xb8})
	return netip.AddrFrom16(a).String()
}

func newProgram(t *Target) *visitor {
	v := newVisitor(t)
	v.program = true
	return v
}

type ask struct {
	method, path string
	kind         string // Content-Type
	body         string
	header       map[string]string
	// from is the site of the page that sends it; the zero value is the
	// shop's own page.
	from sender
}

// A sender is another site's page, in a browser, that sends a request.
type sender struct {
	origin string
	// relation is what the browser says in Sec-Fetch-Site; empty: a browser
	// of before 2020, which says Origin alone.
	relation string
	mode     string // Sec-Fetch-Mode
}

type reply struct {
	status int
	header http.Header
	body   []byte
}

const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

// patience is how long a person waits who is asked to come again.
const patience = 5 * time.Second

// send sends a request. Who is asked to come again in a moment does so, once.
func (v *visitor) send(ctx context.Context, a ask) (*reply, error) {
	r, err := v.sendOnce(ctx, a)
	var refused *refusedError
	if v.hurried || !errors.As(err, &refused) || refused.status != http.StatusTooManyRequests {
		return r, err
	}
	wait, asked := time.ParseDuration(r.header.Get("Retry-After") + "s")
	if asked != nil || wait <= 0 || wait > patience {
		return r, err
	}
	select {
	case <-ctx.Done():
		return r, ctx.Err()
	case <-time.After(wait):
		return v.sendOnce(ctx, a)
	}
}

func (v *visitor) sendOnce(ctx context.Context, a ask) (*reply, error) {
	request, err := http.NewRequestWithContext(ctx, a.method, strings.TrimSuffix(v.t.Base.String(), "/")+a.path, strings.NewReader(a.body))
	if err != nil {
		return nil, err
	}
	if a.kind != "" {
		request.Header.Set("Content-Type", a.kind)
	}
	v.dress(request, a)
	for name, value := range a.header {
		request.Header.Set(name, value)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if v.t.Client != nil {
		client.Transport, client.Timeout = v.t.Client.Transport, v.t.Client.Timeout
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, 16<<20))
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return nil, fmt.Errorf("reading the answer of %s %s: %w", a.method, a.path, err)
	}
	v.remember(response.Cookies())
	r := &reply{status: response.StatusCode, header: response.Header, body: body}
	if id, refused := r.refusal(); refused {
		return r, &refusedError{request: a.method + " " + request.URL.Path, id: id, status: r.status}
	}
	return r, nil
}

// dress adds what a browser adds: cookies, and where the request came from.
func (v *visitor) dress(request *http.Request, a ask) {
	request.Header.Set("X-Forwarded-For", v.address)
	for _, c := range v.cookies {
		// A browser keeps Lax and Strict cookies back when another site asks.
		foreign := a.from.origin != "" && a.from.relation != "same-site"
		if !foreign || c.SameSite == http.SameSiteNoneMode || c.SameSite == 0 {
			request.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
		}
	}
	if v.program {
		request.Header.Set("User-Agent", "stocktaker/2.1")
		return
	}
	request.Header.Set("User-Agent", firefox)
	if request.Header.Get("Accept") == "" {
		request.Header.Set("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
	}
	from := a.from
	if from.origin == "" {
		from = sender{origin: v.t.Base.Scheme + "://" + v.t.Base.Host, relation: "same-origin", mode: "navigate"}
	}
	if a.method != http.MethodGet && a.method != http.MethodHead || from.mode == "cors" {
		request.Header.Set("Origin", from.origin)
	}
	if from.relation != "" {
		request.Header.Set("Sec-Fetch-Site", from.relation)
		request.Header.Set("Sec-Fetch-Mode", from.mode)
	}
}

func (v *visitor) remember(cookies []*http.Cookie) {
	for _, c := range cookies {
		if c.MaxAge < 0 {
			delete(v.cookies, c.Name)
			continue
		}
		v.cookies[c.Name] = c
	}
}

// refusal reports whether a gate refused, and its identifier: the header
// alone could stand on any answer, so the body must quote it as well.
func (r *reply) refusal() (string, bool) {
	id := r.header.Get("Gate-Request-Id")
	kind, _, err := mime.ParseMediaType(r.header.Get("Content-Type"))
	spoken := err == nil && (kind == "application/problem+json" || kind == "text/html")
	unavailable := r.status >= 502 && r.status <= 504
	// The answer to HEAD quotes nothing; the shop itself has no problem documents.
	quoted := bytes.Contains(r.body, []byte(id)) || len(r.body) == 0 && kind == "application/problem+json"
	return id, id != "" && spoken && r.status >= 400 && !unavailable && quoted
}

func (r *reply) has(words string) bool { return bytes.Contains(r.body, []byte(words)) }

func (r *reply) location() string { return r.header.Get("Location") }

func (r *reply) json(into any) error {
	if err := json.Unmarshal(r.body, into); err != nil {
		return fmt.Errorf("the answer (%d) is not the JSON that was expected: %w", r.status, err)
	}
	return nil
}

func (v *visitor) get(ctx context.Context, path string) (*reply, error) {
	return v.send(ctx, ask{method: http.MethodGet, path: path})
}

const formKind = "application/x-www-form-urlencoded"

// post sends a form of pairs: name, value, name, value.
func (v *visitor) post(ctx context.Context, path string, pairs ...string) (*reply, error) {
	return v.send(ctx, ask{method: http.MethodPost, path: path, kind: formKind, body: query(pairs...)})
}

// query encodes pairs: name, value, name, value.
func query(pairs ...string) string {
	values := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Add(pairs[i], pairs[i+1])
	}
	return values.Encode()
}

func (v *visitor) sendJSON(ctx context.Context, method, path string, value any) (*reply, error) {
	body, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	return v.send(ctx, ask{method: method, path: path, kind: "application/json", body: string(body),
		header: map[string]string{"Accept": "application/json", "Sec-Fetch-Mode": "cors"}})
}

func upload(from sender, path, filename, kind string, content []byte) (ask, error) {
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	part, err := form.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {multipart.FileContentDisposition("picture", filename)}, "Content-Type": {kind}})
	if err != nil {
		return ask{}, err
	}
	if _, err := part.Write(content); err != nil {
		return ask{}, err
	}
	if err := form.Close(); err != nil {
		return ask{}, err
	}
	return ask{method: http.MethodPost, path: path, kind: form.FormDataContentType(), body: b.String(), from: from}, nil
}

// marker is a word that occurs nowhere else.
func marker() string { return "w" + strings.ToLower(rand.Text()[:12]) }

// copied is the same browser again, as another tab with the same cookies.
func (v *visitor) copied() *visitor {
	c := *v
	c.cookies = maps.Clone(v.cookies)
	return &c
}

// preparing marks a refusal as one that hit the preparations of a case.
func preparing(err error) error {
	var r *refusedError
	if errors.As(err, &r) {
		r.preparing = true
	}
	if err != nil {
		return fmt.Errorf("preparing: %w", err)
	}
	return nil
}

// signUp makes an account of its own and is signed in with it.
func signUp(ctx context.Context, t *Target, password string) (*visitor, error) {
	return newVisitor(t).signsUp(ctx, password)
}

func (v *visitor) signsUp(ctx context.Context, password string) (*visitor, error) {
	v.email, v.name, v.password = marker()+"@example.com", "Visitor "+marker(), password
	r, err := v.post(ctx, "/signup", "name", v.name, "email", v.email, "password", password)
	if err != nil {
		return nil, preparing(err)
	}
	if r.status != http.StatusSeeOther {
		return nil, fmt.Errorf("preparing: signing up gave %d", r.status)
	}
	p, err := v.profile(ctx)
	v.id = p.ID
	return v, preparing(err)
}

type profile struct {
	ID       int64  `json:"id"`
	Email    string `json:"email"`
	Name     string `json:"name"`
	Nickname string `json:"nickname"`
	Role     string `json:"role"`
	Street   string `json:"street"`
	City     string `json:"city"`
	Picture  string `json:"picture"`
}

// profile gives what the shop holds about the visitor.
func (v *visitor) profile(ctx context.Context) (profile, error) {
	var p profile
	r, err := v.send(ctx, ask{method: http.MethodGet, path: "/api/profile", header: map[string]string{"Accept": "application/json"}})
	if err != nil {
		return p, err
	}
	return p, r.json(&p)
}

type placed struct {
	ID     int64  `json:"id"`
	Status string `json:"status"`
	Name   string `json:"name"`
	Street string `json:"street"`
	City   string `json:"city"`
	Note   string `json:"note"`
	path   string
}

// order buys two mugs, and gives the order.
func (v *visitor) order(ctx context.Context, street, note string) (placed, error) {
	if _, err := v.post(ctx, "/cart/add", "product", "2", "quantity", "2"); err != nil {
		return placed{}, preparing(err)
	}
	r, err := v.post(ctx, "/checkout", "name", v.name, "street", street, "city", "20457 Hamburg", "note", note)
	if err != nil {
		return placed{}, preparing(err)
	}
	path, _, _ := strings.Cut(r.location(), "?")
	if r.status != http.StatusSeeOther || !strings.HasPrefix(path, "/orders/") {
		return placed{}, fmt.Errorf("preparing: ordering gave %d", r.status)
	}
	o, err := v.placed(ctx, path)
	return o, preparing(err)
}

// placed reads an order at its path, such as /orders/42.
func (v *visitor) placed(ctx context.Context, path string) (placed, error) {
	o := placed{path: path}
	r, err := v.send(ctx, ask{method: http.MethodGet, path: "/api" + path, header: map[string]string{"Accept": "application/json"}})
	if err != nil {
		return o, err
	}
	return o, r.json(&o)
}
