package ownership_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/ownership"
	"github.com/gatehousehq/gatehouse/application/ownership/ledger"
	"github.com/gatehousehq/gatehouse/input"
	"github.com/gatehousehq/gatehouse/store/memory"
)

// ann and bob have orders; eve has none; root is an administrator.
func person(name, id string, roles ...string) gatehouse.Principal {
	return gatehouse.Principal{ID: name, Issuer: "backend", Roles: roles, Tenant: "acme", Aliases: []gatehouse.Alias{{Name: "users.id", Value: id, Provenance: "/me"}}}
}

var (
	ann = person("ann@example.com", "1")
	bob = person("bob@example.com", "2")
)

// A desk is the rung with a backend that is a table of answers by path.
type desk struct {
	t       *testing.T
	o       *ownership.Ownership
	answers map[string]ownership.Answer
	probes  []string
	// acts is what happens when the backend has the request, before it answers.
	acts func()
	// writes is what the SQL gate was told of the last request.
	writes map[string][]string
}

func open(t *testing.T, rules ...ownership.Rule) *desk {
	t.Helper()
	s, err := memory.New(memory.Options{})
	if err != nil {
		t.Fatal(err)
	}
	l, err := ledger.New(ledger.Options{Store: s})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	o, err := ownership.New(ownership.Options{Rules: rules, Ledger: l})
	if err != nil {
		t.Fatal(err)
	}
	return &desk{t: t, o: o, answers: map[string]ownership.Answer{}}
}

func (d *desk) Probe(_ context.Context, path string) (*ownership.Answer, error) {
	d.probes = append(d.probes, path)
	if plain, err := url.PathUnescape(path); err == nil {
		path = plain
	}
	a, ok := d.answers[path]
	if !ok {
		a = ownership.Answer{Status: http.StatusNotFound, Header: http.Header{}, Whole: true}
	}
	return &a, nil
}

func jsonAnswer(body string) ownership.Answer {
	return ownership.Answer{Status: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(body), Whole: true}
}

// ask takes a request through the rung: what the client gets, and whether the
// backend acted.
func (d *desk) ask(p gatehouse.Principal, method, target, body string) (status int, got string, acted bool) {
	d.t.Helper()
	var reader *strings.Reader
	r := httptest.NewRequest(method, target, http.NoBody)
	if body != "" {
		reader = strings.NewReader(body)
		r = httptest.NewRequest(method, target, reader)
		r.Header.Set("Content-Type", "application/json")
		if body[0] != '{' && body[0] != '[' {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
	}
	return d.sends(p, r)
}

func (d *desk) sends(p gatehouse.Principal, r *http.Request) (status int, got string, acted bool) {
	d.t.Helper()
	method := r.Method
	parser, err := input.New(input.Options{})
	if err != nil {
		d.t.Fatal(err)
	}
	inputs, _ := parser.Parse(r)
	q := ownership.Request{
		Method: method, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery, Route: input.Route(method, r.URL.EscapedPath()), Host: r.Host, Header: r.Header, Inputs: inputs, Principal: p,
	}
	c, decision := d.o.Begin(q)
	if decision.Verdict == gatehouse.Pass && c != nil {
		decision = c.Before(d.t.Context(), d)
	}
	if decision.Verdict != gatehouse.Pass {
		return decision.HTTPStatus(), decision.Rule, false
	}
	if d.writes = c.Written(); d.acts != nil {
		d.acts()
	}
	a, ok := d.answers[r.URL.RequestURI()]
	if !ok {
		a = ownership.Answer{Status: 404, Header: http.Header{}, Whole: true}
		if method != http.MethodGet {
			a.Status = 204
		}
	}
	if c.Waits() {
		decision, out, _ := c.After(d.t.Context(), d, &a)
		if decision.Verdict != gatehouse.Pass {
			return decision.HTTPStatus(), decision.Rule, true
		}
		if out != nil {
			a.Body = out
		}
	}
	if err := d.o.Given(d.t.Context(), &q, &a); err != nil {
		d.t.Error(err)
	}
	return a.Status, string(a.Body), true
}

func TestOwnership_FieldOfTheAnswer_DecidesReadsAndChanges(t *testing.T) {
	d := open(t, ownership.Rule{Path: "/api/orders/{id}", Owner: ownership.Owner{Field: []string{"user_id"}, As: "users.id"}})
	d.answers["/api/orders/42"] = jsonAnswer(`{"id":42,"user_id":1,"street":"Secret Street"}`)
	for _, c := range []struct {
		who    gatehouse.Principal
		method string
		path   string
		status int
		acted  bool
	}{
		{ann, "GET", "/api/orders/42", 200, true},
		{bob, "GET", "/api/orders/42", 404, true},
		{gatehouse.Principal{}, "GET", "/api/orders/42", 401, false},
		{ann, "GET", "/api/orders/43", 404, true},
		{bob, "GET", "/api/orders/43", 404, true},
		{ann, "PATCH", "/api/orders/42", 200, true},
		{bob, "PATCH", "/api/orders/42", 404, false},
		{bob, "DELETE", "/api/orders/42", 404, false},
		{ann, "DELETE", "/api/orders/42/", 404, false},
		{bob, "DELETE", "/API/orders/42", 404, false},
		{bob, "DELETE", "/api//orders/42", 404, false},
		{bob, "DELETE", "/api/x/../orders/42", 404, false},
		{bob, "DELETE", "/api/orders%2f42", 404, false},
		{bob, "DELETE", "/api/orders/42;v=1", 404, false},
		{bob, "DELETE", "/api/orders/42.json", 404, false},
		{bob, "DELETE", "/%61pi/orders/%34%32", 404, false},
		{ann, "DELETE", "/%61pi/orders/42", 204, true},
		{bob, "HEAD", "/api/orders/42", 404, false},
		{ann, "HEAD", "/api/orders/42", 200, true},
		{ann, "HEAD", "/api/orders/43", 404, false},
	} {
		status, got, acted := d.ask(c.who, c.method, c.path, "")
		if status != c.status || acted != c.acted {
			t.Errorf("%s %s by %q: %d %s, acted %t; want %d, %t", c.method, c.path, c.who.ID, status, got, acted, c.status, c.acted)
		}
	}
}

func TestOwnership_List_LosesOthersItems(t *testing.T) {
	d := open(t, ownership.Rule{Path: "/api/orders", Methods: []string{"GET"}, Items: "orders[]", Counts: []string{"total"}, Owner: ownership.Owner{Field: []string{"user_id"}}})
	d.answers["/api/orders"] = jsonAnswer(`{"total":3,"orders":[{"id":1,"user_id":1},{"id":2,"user_id":2},{"id":3,"user_id":1}]}`)
	if _, got, _ := d.ask(ann, "GET", "/api/orders", ""); got != `{"total":2,"orders":[{"id":1,"user_id":1},{"id":3,"user_id":1}]}` {
		t.Error(got)
	}
	if _, got, _ := d.ask(bob, "GET", "/api/orders", ""); got != `{"total":1,"orders":[{"id":2,"user_id":2}]}` {
		t.Error(got)
	}
}

func TestOwnership_Ledger_KnowsWhoMadeAndWasShownAThing(t *testing.T) {
	d := open(t, ownership.Rule{
		Path: "/orders/{id}", Owner: ownership.Owner{Ledger: true},
		Gives: []ownership.Giving{{Path: "/checkout", Methods: []string{"POST"}}, {Path: "/account", Methods: []string{"GET"}}},
	}, ownership.Rule{Path: "/orders/{id}/cancel", Thing: "/orders", Owner: ownership.Owner{Ledger: true}, Gives: []ownership.Giving{{Path: "/checkout", Methods: []string{"POST"}}}})
	d.answers["/checkout"] = ownership.Answer{Status: 303, Header: http.Header{"Location": {"/orders/57?new=1"}}, Whole: true}
	d.answers["/orders/57"] = ownership.Answer{Status: 200, Header: http.Header{"Content-Type": {"text/html"}}, Body: []byte("<p>yours"), Whole: true}
	d.answers["/orders/58"] = d.answers["/orders/57"]
	d.answers["/account"] = ownership.Answer{Status: 200, Header: http.Header{"Content-Type": {"text/html"}}, Body: []byte(`<a href="/orders/58">58</a><a href=https://other.example/orders/9>`), Whole: true}
	want := func(who gatehouse.Principal, method, path string, status int) {
		t.Helper()
		if got, why, _ := d.ask(who, method, path, ""); got != status {
			t.Errorf("%s %s by %s: %d %s, want %d", method, path, who.ID, got, why, status)
		}
	}
	want(ann, "GET", "/orders/57", 404)
	want(ann, "POST", "/checkout", 303)
	want(ann, "GET", "/orders/57", 200)
	want(bob, "GET", "/orders/57", 404)
	want(bob, "POST", "/orders/57/cancel", 404)
	want(ann, "POST", "/orders/57/cancel", 204)
	want(bob, "GET", "/orders/58", 404)
	want(bob, "GET", "/account", 200)
	want(bob, "GET", "/orders/58", 200)
	want(bob, "GET", "/orders/9", 404)
	want(ann, "GET", "/account", 200) // a link to what is another's gives nothing
	want(ann, "GET", "/orders/58", 404)
}

func TestOwnership_Location_ThatTheClientNamed_GivesNothing(t *testing.T) {
	d := open(t, ownership.Rule{Path: "/orders/{id}", Owner: ownership.Owner{Ledger: true}, Gives: []ownership.Giving{{Path: "/login", Methods: []string{"POST"}}}})
	d.answers["/login?next=/orders/57"] = ownership.Answer{Status: 303, Header: http.Header{"Location": {"/orders/57"}}, Whole: true}
	d.answers["/orders/57"] = ownership.Answer{Status: 200, Whole: true}
	d.ask(bob, "POST", "/login?next=/orders/57", "")
	if status, _, _ := d.ask(bob, "GET", "/orders/57", ""); status != 404 {
		t.Errorf("a redirect to what the client named gave it: %d", status)
	}
}

func TestOwnership_Share_EndsAndIsForReadingAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, err := ownership.New(ownership.Options{
			Rules: []ownership.Rule{{Path: "/api/orders/{id}", Thing: "orders", Owner: ownership.Owner{Field: []string{"user_id"}}}},
			Shares: []ownership.Share{
				{Thing: "orders", ID: "42", Principal: "bob@example.com", Until: time.Now().Add(time.Hour), Reason: "test"},
				{Thing: "orders", ID: "43", Principal: "2", Until: time.Now().Add(time.Hour), Change: true, Reason: "test"},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		d := &desk{t: t, o: o, answers: map[string]ownership.Answer{}}
		d.answers["/api/orders/42"] = jsonAnswer(`{"user_id":1}`)
		d.answers["/api/orders/43"] = jsonAnswer(`{"user_id":1}`)
		want := func(method, path string, status int) {
			t.Helper()
			if got, why, _ := d.ask(bob, method, path, ""); got != status {
				t.Errorf("%s %s: %d %s, want %d", method, path, got, why, status)
			}
		}
		want("GET", "/api/orders/42", 200)
		want("DELETE", "/api/orders/42", 404)
		want("DELETE", "/api/orders/43", 200)
		time.Sleep(time.Hour)
		want("GET", "/api/orders/42", 404)
		want("DELETE", "/api/orders/43", 404)
	})
}

func TestOwnership_Administrator_HasEverybodysWithAStepUp(t *testing.T) {
	d := open(t, ownership.Rule{Path: "/api/orders/{id}", Owner: ownership.Owner{Field: []string{"user_id"}}, Admins: ownership.Admins{Roles: []string{"admin"}, SecondFactor: true, MaxAge: time.Hour}})
	d.answers["/api/orders/42"] = jsonAnswer(`{"user_id":1}`)
	root := person("root@example.com", "9", "admin")
	for _, c := range []struct {
		factor bool
		since  time.Duration
		status int
	}{{false, 0, 401}, {true, 2 * time.Hour, 401}, {true, time.Minute, 200}} {
		root.SecondFactor, root.SignedIn = c.factor, time.Now().Add(-c.since)
		if got, why, _ := d.ask(root, "GET", "/api/orders/42", ""); got != c.status {
			t.Errorf("second factor %t, %s ago: %d %s, want %d", c.factor, c.since, got, why, c.status)
		}
	}
}

func TestOwnership_Tenants_AreNotMixed(t *testing.T) {
	d := open(t, ownership.Rule{Path: "/api/invoices/{id}", Tenant: []string{"org"}}, ownership.Rule{Path: "/api/invoices", Items: "[]", Whole: true, Tenant: []string{"org"}})
	d.answers["/api/invoices/1"] = jsonAnswer(`{"org":"acme"}`)
	d.answers["/api/invoices/2"] = jsonAnswer(`{"org":"other"}`)
	d.answers["/api/invoices/3"] = jsonAnswer(`{}`)
	d.answers["/api/invoices"] = jsonAnswer(`[{"org":"acme"},{"org":"other"}]`)
	for path, want := range map[string]int{"/api/invoices/1": 200, "/api/invoices/2": 404, "/api/invoices/3": 404, "/api/invoices": 404} {
		if got, why, _ := d.ask(ann, "GET", path, ""); got != want {
			t.Errorf("%s: %d %s, want %d", path, got, why, want)
		}
	}
}

func TestOwnership_DuplicateParameters_MustAllBeOwn(t *testing.T) {
	d := open(t, ownership.Rule{Path: "/profile", ID: []string{"query:id"}, Owner: ownership.Owner{Self: true, As: "users.id"}})
	for _, c := range []struct {
		method, target, body string
		status               int
	}{
		{"GET", "/profile?id=1", "", 404}, // ann's own, which the backend does not have here
		{"GET", "/profile", "", 404},
		{"POST", "/profile", "name=x", 204},
		{"POST", "/profile?id=1", "name=x", 204},
		{"POST", "/profile", "id=1&name=x", 204},
		{"POST", "/profile", "id=2&name=x", 404},
		{"POST", "/profile?id=1", "id=2&name=x", 404},
		{"POST", "/profile?id=1&id=2", "name=x", 404},
		{"POST", "/profile", `{"id":2}`, 404},
		{"POST", "/profile", "ID=2", 404},
		{"POST", "/profile", "id[]=2", 404},
		{"POST", "/profile", `{"id":"02"}`, 404},
	} {
		if got, why, _ := d.ask(ann, c.method, c.target, c.body); got != c.status {
			t.Errorf("%s %s %s: %d %s, want %d", c.method, c.target, c.body, got, why, c.status)
		}
	}
}

// TestOwnership_MoveAndCopy_NeedBothEnds: WebDAV names the second thing in a field.
func TestOwnership_MoveAndCopy_NeedBothEnds(t *testing.T) {
	d := open(t, ownership.Rule{Path: "/{user}/{calendar}/{id}", ID: []string{"path:user"}, Owner: ownership.Owner{Self: true}})
	const own, others = "/ann@example.com/c/7.ics", "/bob@example.com/c/7.ics"
	for _, c := range []struct {
		name, method, path string
		to                 []string
		acted              bool
	}{
		{"one's own", "MOVE", own, []string{"https://example.com/ann@example.com/c/8.ics"}, true},
		{"one's own, by a path", "COPY", own, []string{"/ann@example.com/d/7.ics"}, true},
		{"into another's", "MOVE", own, []string{"https://example.com" + others}, false},
		{"into another's, escaped", "COPY", own, []string{"https://example.com/bob%40example.com/c/7.ics"}, false},
		{"out of another's", "COPY", others, []string{"https://example.com" + own}, false},
		{"from where no rule is", "COPY", "/public", []string{others}, false},
		{"to two places", "MOVE", own, []string{own, others}, false},
		{"to what is no address", "MOVE", own, []string{"https://[example/"}, false},
		{"to another host, as the backend may take it for itself", "MOVE", own, []string{"http://inside:8000" + others}, false},
		{"a field that means nothing with the method", "PUT", own, []string{others}, true},
	} {
		r := httptest.NewRequest(c.method, c.path, http.NoBody)
		r.Header["Destination"] = c.to
		if _, rule, acted := d.sends(ann, r); acted != c.acted {
			t.Errorf("%s: acted is %v (%s), want %v", c.name, acted, rule, c.acted)
		}
	}
}

func TestOwnership_ListOfSomebodyElse_GivesNothing(t *testing.T) {
	d := open(t, ownership.Rule{Path: "/orders/{id}", Owner: ownership.Owner{Ledger: true}, Gives: []ownership.Giving{{Path: "/api/orders", Methods: []string{"GET"}, Field: []string{"orders[].id"}}}})
	d.answers["/api/orders?customer=1"] = jsonAnswer(`{"orders":[{"id":57}]}`)
	d.answers["/api/orders?page=2"] = jsonAnswer(`{"orders":[{"id":58}]}`)
	d.answers["/orders/57"] = ownership.Answer{Status: 200, Whole: true}
	d.answers["/orders/58"] = d.answers["/orders/57"]
	d.ask(bob, "GET", "/api/orders?customer=1", "")
	d.ask(bob, "GET", "/api/orders?page=2", "")
	for path, want := range map[string]int{"/orders/57": 404, "/orders/58": 200} {
		if status, _, _ := d.ask(bob, "GET", path, ""); status != want {
			t.Errorf("%s: %d, want %d", path, status, want)
		}
	}
}
