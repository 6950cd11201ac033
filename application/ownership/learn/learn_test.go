package learn_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/ownership/learn"
	"github.com/gatehousehq/gatehouse/input"
)

// A world is a learner, and who it is told of.
type world struct {
	*testing.T
	*learn.Learner
	parser *input.Parser
}

func newWorld(t *testing.T, o learn.Options) *world {
	t.Helper()
	l, err := learn.New(o)
	if err != nil {
		t.Fatal(err)
	}
	p, err := input.New(input.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return &world{t, l, p}
}

// ann is the nth person, whom the backend's users.id calls 100+n.
func ann(n int) gatehouse.Principal {
	return gatehouse.Principal{ID: fmt.Sprintf("ann%d@example.com", n), Issuer: "backend"}
}

func numbered(n int) gatehouse.Principal {
	p := ann(n)
	p.Aliases = []gatehouse.Alias{{Name: "users.id", Value: fmt.Sprint(100 + n), Provenance: "sign-in row"}}
	return p
}

// An asked is one exchange.
type asked struct {
	who          gatehouse.Principal
	method, path string
	form         string
	json         string // of the request
	status       int
	location     string
	kind         string // of the answer; empty: JSON
	cache        string
	body         string
	owners       map[string][]string
}

func (w *world) see(a asked) {
	w.Helper()
	method := a.method
	if method == "" {
		method = http.MethodGet
	}
	sent, kind := a.form, "application/x-www-form-urlencoded"
	if a.json != "" {
		sent, kind = a.json, "application/json"
	}
	r := httptest.NewRequest(method, a.path, strings.NewReader(sent))
	if sent != "" {
		r.Header.Set("Content-Type", kind)
	}
	in, err := w.parser.Parse(r)
	if err != nil {
		w.Fatal(err)
	}
	h := http.Header{"Content-Type": {"application/json"}}
	if a.kind != "" {
		h.Set("Content-Type", a.kind)
	}
	if a.location != "" {
		h.Set("Location", a.location)
	}
	if a.cache != "" {
		h.Set("Cache-Control", a.cache)
	}
	status := a.status
	if status == 0 {
		status = 200
	}
	w.Observe(learn.Observation{
		Method: method, Route: input.Route(method, r.URL.EscapedPath()), Path: r.URL.EscapedPath(), Principal: a.who, Inputs: in,
		Status: status, Header: h, Body: []byte(a.body), Owners: a.owners,
	})
}

// rules are what is proposed, each as a line.
func (w *world) rules() (lines []string) {
	w.Helper()
	for _, p := range w.Suggest() {
		if p.Evidence == "" || p.Proposed && p.Wanted > 0 {
			w.Errorf("a proposal without evidence, or that wants more: %+v", p)
		}
		if p.Proposed {
			lines = append(lines, line(p))
		}
	}
	return lines
}

// line writes a proposal as short as can be.
func line(p learn.Proposal) string {
	if p.Me != nil {
		return fmt.Sprintf("me %s %v", p.Me.Path, p.Me.Aliases)
	}
	r := p.Rule
	out := strings.Join(r.Methods, ",") + " " + r.Path
	add := func(name string, value any) {
		if v := reflect.ValueOf(value); !v.IsZero() {
			out += fmt.Sprintf(" %s=%v", name, value)
		}
	}
	add("thing", r.Thing)
	add("id", r.ID)
	add("self", r.Owner.Self)
	add("items", r.Items)
	add("field", r.Owner.Field)
	add("column", r.Owner.Column)
	add("as", r.Owner.As)
	add("probe", r.Owner.Probe)
	add("atwrite", r.Owner.AtWrite)
	add("tenant", r.Tenant)
	add("counts", r.Counts)
	if r.Owner.Ledger {
		out += " ledger"
	}
	for _, g := range r.Gives {
		out += fmt.Sprintf(" gives=%s:%s", strings.Join(g.Methods, ","), g.Path)
		if len(g.Field) > 0 {
			out += ":" + strings.Join(g.Field, ",")
		}
	}
	add("admins", r.Admins.Roles)
	add("public", r.Public)
	return out
}

func (w *world) want(want ...string) {
	w.Helper()
	got := w.rules()
	if !slices.Equal(got, want) {
		w.Errorf("proposed:\n\t%s\nwant:\n\t%s\nall:\n%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"), w.all())
	}
}

func (w *world) all() string {
	var b strings.Builder
	for _, p := range w.Suggest() {
		fmt.Fprintf(&b, "%v %d %s\n    %s\n", p.Proposed, p.Wanted, line(p), p.Evidence)
	}
	return b.String()
}

// evidence is that of the first proposal for a route.
func (w *world) evidence(route string) learn.Proposal {
	w.Helper()
	for _, p := range w.Suggest() {
		if p.Route == route {
			return p
		}
	}
	w.Fatalf("nothing is said of %s:\n%s", route, w.all())
	return learn.Proposal{}
}

func order(n, owner int) string {
	return fmt.Sprintf(`{"id":%d,"user_id":%d,"status":"packed","goods":{"lines":[{"product":{"id":%d},"quantity":2}],"total":%d}}`, n, 100+owner, n%24+1, n*7)
}

// visit has each of some people look at some orders of their own.
func (w *world) visit(people, orders int, who func(int) gatehouse.Principal) {
	for n := range people * orders {
		id := 1000*(1+n%people) + n/people
		w.see(asked{who: who(n % people), path: fmt.Sprintf("/orders/%d", id), body: order(id, n%people)})
	}
}

func TestSuggest_MemberThatIsAlwaysThePrincipal_IsTheOwner(t *testing.T) {
	w := newWorld(t, learn.Options{})
	w.visit(37, 33, numbered)
	w.want("GET,POST,PUT,PATCH,DELETE /orders/{id} field=[user_id] as=users.id")
	if got, want := w.evidence("GET /orders/{id}").Evidence, "1,221 of 1,221 answers of `/orders/{id}` had `user_id` equal to the principal's `users.id`, 37 principals, 0 shared; of POST, PUT, PATCH, DELETE little or nothing was seen, which the rule is for as well"; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestSuggest_TooFewSoFar_SaysHowManyAreWanted(t *testing.T) {
	w := newWorld(t, learn.Options{})
	w.visit(2, 6, numbered)
	w.want()
	if p := w.evidence("GET /orders/{id}"); p.Wanted != 8 || !strings.Contains(p.Evidence, "8 more observations are wanted") {
		t.Errorf("%+v", p)
	}
	w.visit(2, 60, numbered)
	w.want()
	if p := w.evidence("GET /orders/{id}"); p.Wanted != 1 {
		t.Errorf("of two people only: %+v", p)
	}
	w.visit(3, 20, numbered)
	w.want("GET,POST,PUT,PATCH,DELETE /orders/{id} field=[user_id] as=users.id")
}

func TestSuggest_FailedAnswers_AreNoObservations(t *testing.T) {
	w := newWorld(t, learn.Options{})
	w.visit(5, 10, numbered)
	for n := range 200 {
		w.see(asked{who: numbered(n % 5), path: fmt.Sprintf("/orders/%d", n), status: []int{404, 403, 500, 304}[n%4], body: order(n, 9)})
	}
	w.want("GET,POST,PUT,PATCH,DELETE /orders/{id} field=[user_id] as=users.id")
	if e := w.evidence("GET /orders/{id}").Evidence; !strings.HasPrefix(e, "50 of 50 ") {
		t.Error(e)
	}
}

func TestSuggest_RouteThatTellsWhoIsSignedIn_GivesTheNameForTheRest(t *testing.T) {
	for _, first := range []bool{true, false} {
		w := newWorld(t, learn.Options{})
		me := func() {
			for n := range 5 {
				for range 5 {
					w.see(asked{who: ann(n), path: "/api/me", body: fmt.Sprintf(`{"id":%d,"email":"ann%d@example.com","name":"Ann","plan":"free","visits":%d}`, 100+n, n, n*n)})
				}
			}
		}
		if first {
			me()
		}
		w.visit(5, 10, ann)
		if !first {
			me()
		}
		w.want("me /api/me map[id:users.id]", "GET /api/me id=[query:id] field=[id] as=users.id", "GET,POST,PUT,PATCH,DELETE /orders/{id} field=[user_id] as=users.id")
	}
}

func TestSuggest_TwoPeopleOrOneWithManyFaces_MakeNoMe(t *testing.T) {
	w := newWorld(t, learn.Options{})
	for n := range 40 {
		w.see(asked{who: ann(n % 2), path: "/api/me", body: fmt.Sprintf(`{"id":%d,"email":"ann%d@example.com"}`, 100+n%2, n%2)})
	}
	w.want()
	// The number is everybody's: it is of the page.
	w = newWorld(t, learn.Options{})
	for n := range 40 {
		w.see(asked{who: ann(n % 8), path: "/api/me", body: fmt.Sprintf(`{"site_id":3,"email":"ann%d@example.com"}`, n%8)})
	}
	w.want()
	// It is another at each answer.
	w = newWorld(t, learn.Options{})
	for n := range 40 {
		w.see(asked{who: ann(n % 8), path: "/api/me", body: fmt.Sprintf(`{"answer_id":%d,"email":"ann%d@example.com"}`, n, n%8)})
	}
	w.want()
}
