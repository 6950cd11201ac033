package ownership

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// A backend is an application with sessions of its own. Without checks it gives
// anybody who is signed in whatever they name; with them it is its correct twin.
// Its router, and how it reads identifiers, are as careless as frameworks are.
type backend struct {
	*tenancy
	checks bool
}

// tenancy is what a backend and its twin share.
type tenancy struct {
	// shelf is the database as the backend reaches it, truth past every gate.
	shelf, truth shelf
	mu           sync.Mutex
	users        map[string]*user // by name
	// sessions are the users by cookie or token.
	sessions map[string]*user
	made     int
	// transfers are the things that are about to change hands, with to whom.
	transfers map[string]int64
}

func newTenancy(s shelf) *tenancy {
	return &tenancy{shelf: s, truth: s, users: map[string]*user{}, sessions: map[string]*user{}, transfers: map[string]int64{}}
}

// serve has a backend listen until the test ends.
func serve(t testing.TB, h http.Handler) (origin string) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	s.Start()
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s.URL
}

// A call is a request as the backend understands it.
type call struct {
	*http.Request
	w      http.ResponseWriter
	u      *user
	method string
	parts  []string
	query  url.Values
	body   []byte
	// form and doc are the body's fields.
	form url.Values
	doc  any
}

func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		http.Error(w, "reading the request", http.StatusBadRequest)
		return
	}
	c := &call{Request: r, w: w, method: r.Method, query: r.URL.Query(), body: body}
	switch kind := r.Header.Get("Content-Type"); {
	case strings.Contains(kind, "json"):
		if err := json.Unmarshal(body, &c.doc); err != nil {
			http.Error(w, "no JSON", http.StatusBadRequest)
			return
		}
	case strings.HasPrefix(kind, "application/x-www-form-urlencoded"):
		c.form, _ = url.ParseQuery(string(body))
	case strings.HasPrefix(kind, "multipart/form-data"):
		again := r.Clone(r.Context())
		again.Body = io.NopCloser(bytes.NewReader(body))
		if again.ParseMultipartForm(1<<20) == nil {
			c.form = url.Values(again.MultipartForm.Value)
		}
	}
	c.route()
	c.u = b.session(r)
	if c.parts[0] == "login" || len(c.parts) == 2 && c.parts[1] == "login" {
		b.signIn(c)
		return
	}
	if c.u == nil {
		http.Error(w, "sign in", http.StatusUnauthorized)
		return
	}
	if r.Header.Get("Gate-Probe") == "" {
		b.handOver(r.Context())
	}
	b.dispatch(c)
}

// route finds the method and path as lenient frameworks and servers do.
func (c *call) route() {
	for _, name := range []string{"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"} {
		if m := c.Header.Get(name); m != "" {
			c.method = m
		}
	}
	for _, fields := range []url.Values{c.query, c.form} {
		if m := fields.Get("_method"); m != "" {
			c.method = m
		}
	}
	c.method = strings.ToUpper(c.method)
	p := c.URL.EscapedPath()
	for range 2 {
		if plain, err := url.PathUnescape(p); err == nil {
			p = plain
		}
	}
	p = strings.ReplaceAll(p, `\`, "/")
	parts := strings.Split(p, "/")
	for i, part := range parts {
		part, _, _ = strings.Cut(part, ";")
		parts[i] = strings.TrimSpace(part)
	}
	p = strings.Trim(path.Clean(strings.Join(parts, "/")), "/")
	c.parts = strings.Split(p, "/")
	for i := range c.parts { // but for identifiers and names of files
		if i == 0 || c.parts[0] == "api" {
			c.parts[i] = strings.ToLower(c.parts[i])
		}
	}
	last := &c.parts[len(c.parts)-1]
	*last = strings.TrimSuffix(*last, ".json")
}

func (b *backend) session(r *http.Request) *user {
	b.mu.Lock()
	defer b.mu.Unlock()
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return b.sessions[token]
	}
	if c, err := r.Cookie("sid"); err == nil {
		return b.sessions[c.Value]
	}
	return nil
}

// signIn answers a form by a cookie and JSON by a token.
func (b *backend) signIn(c *call) {
	name, password := c.form.Get("user"), c.form.Get("password")
	if c.doc != nil {
		name, password = c.text("email"), c.text("password")
	}
	b.mu.Lock()
	u := b.users[name]
	b.made++
	sid := fmt.Sprintf("s%dk3v9x0q27bz5m1w8r4t6y2c7d5f0hg1j", b.made)
	if u != nil && u.password == password {
		b.sessions[sid] = u
	}
	b.mu.Unlock()
	switch {
	case u == nil || u.password != password:
		c.w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(c.w, `{"error":"wrong name or password"}`)
	case c.doc != nil:
		c.json(http.StatusOK, map[string]any{"access_token": sid, "token_type": "Bearer", "expires_in": 3600})
	default:
		http.SetCookie(c.w, &http.Cookie{Name: "sid", Value: sid, Path: "/", HttpOnly: true})
		http.Redirect(c.w, c.Request, "/account", http.StatusSeeOther)
	}
}

// handOver lets things change hands between the gate's check and their use, as by
// somebody else's request.
func (b *backend) handOver(ctx context.Context) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, to := range b.transfers {
		kind, id, _ := strings.Cut(key, " ")
		_, _ = b.truth.db.ExecContext(ctx, "UPDATE "+kind+" SET user_id = $1, secret = 'of the new owner' WHERE id = $2", to, id)
		delete(b.transfers, key)
	}
}

func (b *backend) dispatch(c *call) {
	p := c.parts
	switch {
	case p[0] == "graphql":
		b.graphql(c)
	case p[0] == "files" && len(p) == 2:
		b.download(c, p[1])
	case p[0] != "api":
		b.page(c)
	case len(p) == 2:
		b.collection(c, p[1])
	case p[1] == "users" && len(p) == 7:
		b.thing(c, "lines", number(p[4])+"-"+number(p[6]))
	case p[1] == "users" && len(p) == 4:
		b.profile(c, p[2])
	case len(p) == 3 && p[2] == "all":
		b.everything(c, p[1])
	case len(p) == 3 && known(p[1]):
		id := p[2]
		for _, more := range []string{c.query.Get("id"), c.text("id")} { // as frameworks that merge them do
			if more != "" {
				id = more
			}
		}
		b.thing(c, p[1], id)
	case len(p) == 4 && known(p[1]):
		b.below(c, p[1], p[2], p[3])
	default:
		http.NotFound(c.w, c.Request)
	}
}

func known(kind string) bool {
	return kind == "orders" || kind == "documents" || kind == "invoices" || kind == "reports" || kind == "receipts" || kind == "files"
}

// number reads as PHP's (int) does: what follows the digits is nothing.
func number(s string) string {
	s = strings.TrimPrefix(strings.TrimSpace(s), "+")
	end := 0
	for end < len(s) && s[end] >= '0' && s[end] <= '9' {
		end++
	}
	if s = strings.TrimLeft(s[:end], "0"); s == "" {
		return "0"
	}
	return s
}

func owner(s string) int64 {
	n, _ := strconv.ParseInt(number(s), 10, 64) // too large a number is nobody's
	return n
}

// canonical is an identifier as the database has it.
func canonical(kind, id string) string {
	switch kind {
	case "orders", "receipts", "reports":
		return number(id)
	case "documents", "invoices":
		return strings.ToLower(strings.TrimSpace(id))
	}
	return id
}

// text is a field of the body: of a form, or a path into JSON.
func (c *call) text(name string) string {
	if v := c.form.Get(name); v != "" {
		return v
	}
	v := c.doc
	for _, part := range strings.Split(name, ".") {
		object, _ := v.(map[string]any)
		v = object[part]
	}
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}

func (c *call) json(status int, v any) {
	c.w.Header().Set("Content-Type", "application/json")
	c.w.WriteHeader(status)
	_ = json.NewEncoder(c.w).Encode(v) // a client that is gone reads nothing
}

// get finds a thing that the caller may have, which with no checks is any.
func (b *backend) get(c *call, kind, id string) *thing {
	t, err := b.shelf.find(c.Context(), kind, canonical(kind, id))
	if err != nil || t == nil || b.checks && !t.may(c.u) {
		return nil
	}
	return t
}

// shown is a thing's JSON.
func shown(t *thing) map[string]any {
	m := map[string]any{"user_id": t.Owner, "tenant": t.Tenant, "secret": t.Secret, "status": t.Status, "shared": t.Shared}
	m["id"] = t.ID
	if n, err := strconv.ParseInt(t.ID, 10, 64); err == nil {
		m["id"] = n
	}
	return m
}
