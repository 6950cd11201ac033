package ownership

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gatehousehq/gatehouse"
	rules "github.com/gatehousehq/gatehouse/application/ownership"
	"github.com/gatehousehq/gatehouse/application/ownership/learn"
	"github.com/gatehousehq/gatehouse/examples/shop"
	"github.com/gatehousehq/gatehouse/examples/shop/attacks"
	"github.com/gatehousehq/gatehouse/input"
)

// A watcher stands in front of the shop, and tells a learner of every exchange: who
// it is from is known by the session that a sign-in began, as in the gate.
type watcher struct {
	t      *testing.T
	next   http.Handler
	parser *input.Parser
	learn  *learn.Learner

	mu  sync.Mutex
	who map[string]string // the e-mail address by session
}

const session = "wren_session"

func (w *watcher) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	in, _ := w.parser.Parse(r) // what can't be parsed is the shop's to refuse
	who := w.principal(r)
	answer := &kept{ResponseWriter: out, status: http.StatusOK}
	w.next.ServeHTTP(answer, r)
	w.follow(r, in, answer)
	body := answer.body.Bytes()
	w.learn.Observe(learn.Observation{
		Method: r.Method, Route: input.Route(r.Method, r.URL.EscapedPath()), Path: r.URL.EscapedPath(), Principal: who, Inputs: in,
		Status: answer.status, Header: answer.Header(), Body: body[:min(len(body), learn.MaxBody)], Truncated: len(body) > learn.MaxBody,
	})
}

func (w *watcher) principal(r *http.Request) gatehouse.Principal {
	c, err := r.Cookie(session)
	if err != nil {
		return gatehouse.Principal{}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	email := w.who[c.Value]
	if email == "" {
		return gatehouse.Principal{}
	}
	p := gatehouse.Principal{ID: email, Issuer: "backend", Roles: []string{"customer"}}
	if strings.HasPrefix(email, "ingrid@") {
		p.Roles = []string{"admin"}
	}
	return p
}

// follow binds a session to the account that signed in.
func (w *watcher) follow(r *http.Request, in *input.Inputs, answer *kept) {
	if r.Method != http.MethodPost || answer.status >= 400 {
		return
	}
	switch r.URL.Path {
	case "/login", "/signup", "/api/session":
	default:
		return
	}
	email := ""
	for _, i := range in.Body() {
		if i.Place.Name == "email" && i.Place.Kind != gatehouse.Key {
			email = i.Value
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range (&http.Response{Header: answer.Header()}).Cookies() {
		if c.Name == session && c.Value != "" {
			w.who[c.Value] = email
			return
		}
	}
	if c, err := r.Cookie(session); err == nil { // a session that was not renewed
		w.who[c.Value] = email
	}
}

type kept struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (k *kept) WriteHeader(status int) {
	k.status = status
	k.ResponseWriter.WriteHeader(status)
}

func (k *kept) Write(b []byte) (int, error) {
	k.body.Write(b[:min(len(b), max(0, 2*learn.MaxBody-k.body.Len()))])
	return k.ResponseWriter.Write(b)
}

// watched is a shop with a learner in front of it.
func watched(t *testing.T) (*attacks.Target, *learn.Learner) {
	t.Helper()
	s, err := shop.New(shop.Options{Path: filepath.Join(t.TempDir(), "shop.db")})
	if err != nil {
		t.Fatal(err)
	}
	parser, err := input.New(input.Options{})
	if err != nil {
		t.Fatal(err)
	}
	l, err := learn.New(learn.Options{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(&watcher{t: t, next: s, parser: parser, learn: l, who: map[string]string{}})
	t.Cleanup(func() {
		server.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	base, err := url.Parse(server.URL + "/")
	if err != nil {
		t.Fatal(err)
	}
	return &attacks.Target{Base: base, Client: server.Client()}, l
}

// run runs the cases of one kind, each of which has people of its own.
func run(t *testing.T, target *attacks.Target, wanted func(attacks.Case) bool) {
	t.Helper()
	for _, c := range attacks.All(shop.SQLite) {
		if !wanted(c) {
			continue
		}
		result, err := c.Run(t.Context(), target)
		if err != nil {
			t.Fatalf("%s: %v", c.ID, err)
		}
		if c.Kind == attacks.Ordinary && !result.Succeeded {
			t.Fatalf("%s: %s", c.ID, result.Words)
		}
	}
}

// costly are ordinary uses that take long, or load much, and are of no one's things.
var costly = map[string]bool{"upload-large": true, "sign-in-office": true, "sign-in-guessed": true, "sign-in-mistyped": true, "feed": true}

func ordinary(c attacks.Case) bool { return c.Kind == attacks.Ordinary && !costly[c.ID] }

// proposed are the proposals as lines, without what is everybody's.
func proposed(l *learn.Learner) (lines []string, all string) {
	var b strings.Builder
	for _, p := range l.Suggest() {
		fmt.Fprintf(&b, "%v, %d wanted: %s\n    %s\n", p.Proposed, p.Wanted, line(p), p.Evidence)
		if p.Proposed && !p.Rule.Public.Given() {
			lines = append(lines, line(p))
		}
	}
	return lines, b.String()
}

func line(p learn.Proposal) string {
	if p.Me != nil {
		return fmt.Sprintf("me %s %v", p.Me.Path, p.Me.Aliases)
	}
	out := strings.Join(p.Rule.Methods, ",") + " " + p.Rule.Path
	if len(p.Rule.ID) > 0 {
		out += " id=" + strings.Join(p.Rule.ID, ",")
	}
	if p.Rule.Items != "" {
		out += " items=" + p.Rule.Items
	}
	return out + " " + owner(p.Rule)
}

func owner(r rules.Rule) string {
	var ways []string
	for name, is := range map[string]bool{"self": r.Owner.Self, "ledger": r.Owner.Ledger, "field=" + strings.Join(r.Owner.Field, ","): len(r.Owner.Field) > 0,
		"probe=" + r.Owner.Probe: r.Owner.Probe != "", "as=" + r.Owner.As: r.Owner.As != "", "admins=" + strings.Join(r.Admins.Roles, ","): len(r.Admins.Roles) > 0,
		"public": r.Public.Given()} {
		if is {
			ways = append(ways, name)
		}
	}
	slices.Sort(ways)
	for _, g := range r.Gives {
		ways = append(ways, "gives="+strings.Join(g.Methods, ",")+":"+g.Path+strings.Join(append([]string{""}, g.Field...), ":"))
	}
	return strings.Join(ways, " ")
}

// What people do in the shop, over and over, and nothing that the shop says of itself.
func TestShop_OrdinaryTraffic_ProposesItsRules(t *testing.T) {
	target, l := watched(t)
	for range 20 {
		run(t, target, ordinary)
	}
	got, all := proposed(l)
	t.Log("\n" + all)
	want := []string{
		"GET /api/orders items=orders[] as=users.id field=user_id",
		"GET,POST,PUT,PATCH,DELETE /api/orders/{id} as=users.id field=user_id",
		"me /api/profile map[id:users.id]",
		"GET /api/profile id=query:id as=users.id field=id",
		"GET,POST,PUT,PATCH,DELETE /orders/{id} ledger gives=POST:/checkout",
		"GET,POST,PUT,PATCH,DELETE /orders/{id}/address ledger gives=POST:/checkout",
		"GET,POST,PUT,PATCH,DELETE /orders/{id}/cancel ledger gives=POST:/checkout",
		"GET,POST /profile id=body:id as=users.id self",
	}
	for _, w := range want {
		if !slices.Contains(got, w) {
			t.Errorf("not proposed: %s", w)
		}
	}
	for _, g := range got {
		if !slices.Contains(want, g) {
			t.Errorf("proposed: %s", g)
		}
	}
}
