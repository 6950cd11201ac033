package learn_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/ownership/learn"
)

func TestWalk_ByOne_IsNamedAndDoesNotPreventTheRule(t *testing.T) {
	w := newWorld(t, learn.Options{})
	w.visit(37, 33, numbered)
	attacker := numbered(40)
	for n := range 20 {
		w.see(asked{who: attacker, path: fmt.Sprintf("/orders/%d", 1000*(1+n)), body: order(1000*(1+n), n)})
	}
	w.want("GET,POST,PUT,PATCH,DELETE /orders/{id} field=[user_id] as=users.id")
	if e := w.evidence("GET /orders/{id}").Evidence; !strings.Contains(e, "it would have refused 20, all of 1 principal of 38: a walk?") || !strings.Contains(e, "1,221 of 1,241 answers") {
		t.Error(e)
	}
}

func TestWalk_FirstOfAll_DoesNotBecomeTheRule(t *testing.T) {
	w := newWorld(t, learn.Options{})
	for n := range 400 {
		w.see(asked{who: numbered(40), path: fmt.Sprintf("/orders/%d", n), body: order(n, n%37)})
	}
	w.want()
	w.visit(37, 2, numbered)
	w.want() // too much of it is one person's
	w.visit(37, 600, numbered)
	w.want("GET,POST,PUT,PATCH,DELETE /orders/{id} field=[user_id] as=users.id")
}

func TestWalk_OfPages_IsNamedAndDoesNotPreventTheLedger(t *testing.T) {
	w := newWorld(t, learn.Options{})
	for n := range 600 {
		buy(w, ann(n%12), 400+n)
	}
	for n := range 10 {
		look(w, ann(40), 400+n)
	}
	w.want("GET,POST,PUT,PATCH,DELETE /orders/{id} ledger gives=POST:/checkout")
	if e := w.evidence("GET /orders/{id}").Evidence; !strings.Contains(e, "10 were asked for by 1 principal who had not been given them") || !strings.Contains(e, "a walk?") {
		t.Error(e)
	}
}

func TestWalk_ByTwo_PreventsTheRule(t *testing.T) {
	w := newWorld(t, learn.Options{})
	w.visit(10, 30, numbered)
	for n := range 4 {
		w.see(asked{who: numbered(40 + n%2), path: fmt.Sprintf("/orders/%d", 1000*(1+n)), body: order(1000*(1+n), n)})
	}
	w.want()
	if e := w.evidence("GET /orders/{id}").Evidence; !strings.Contains(e, "4 had another's, of 2 principals") {
		t.Error(e)
	}
}

func TestWalk_WithARoleOfOnesOwn_MakesNoAdministrator(t *testing.T) {
	w := newWorld(t, learn.Options{})
	w.visit(10, 30, numbered)
	p := numbered(40)
	p.Roles = []string{"trial"}
	for n := range 200 {
		w.see(asked{who: p, path: fmt.Sprintf("/orders/%d", 1000*(1+n%10)+n/10), body: order(n, n%10)})
	}
	for _, l := range w.rules() {
		t.Errorf("proposed %s", l)
	}
}

func TestAlias_TakenFromAnother_IsNobodys(t *testing.T) {
	// One whose own profile says another's number is not taken for that other.
	w := newWorld(t, learn.Options{})
	for n := range 100 {
		id := 100 + n%10
		if n%10 == 9 {
			id = 100
		}
		w.see(asked{who: ann(n % 10), path: "/api/me", body: fmt.Sprintf(`{"id":%d,"email":"ann%d@example.com"}`, id, n%10)})
	}
	for _, l := range w.rules() {
		t.Errorf("proposed %s", l)
	}
}

func TestWalk_BySomebodyNotSignedIn_MakesNothingPublic(t *testing.T) {
	w := newWorld(t, learn.Options{})
	for n := range 300 {
		buy(w, ann(n%10), 400+n)
	}
	for n := range 300 {
		for range 8 {
			look(w, gatehouse.Principal{}, 400+n)
			look(w, ann(66), 400+n)
		}
	}
	for _, l := range w.rules() {
		t.Errorf("proposed %s", l)
	}
}

func TestFlood_OfRoutesAndThings_StaysWithinItsBounds(t *testing.T) {
	w := newWorld(t, learn.Options{MaxRoutes: 16, MaxEntries: 4000, MaxPrincipals: 50})
	w.visit(10, 30, numbered)
	word := func(n int) string { return strings.Repeat(string(rune('a'+n%26)), 1+n/26%12) + "x" }
	for n := range 5000 {
		w.see(asked{who: numbered(n % 400), path: fmt.Sprintf("/%s/%d", word(n), n), body: fmt.Sprintf(`{"%s":{"%s_id":%d}}`, word(n), word(n+1), n)})
		w.see(asked{path: fmt.Sprintf("/orders/%d", n), body: order(n, 3), status: 404})
	}
	w.want("GET,POST,PUT,PATCH,DELETE /orders/{id} field=[user_id] as=users.id")
}

func TestObserve_WhatIsNoAnswer_IsBorne(t *testing.T) {
	w := newWorld(t, learn.Options{})
	for _, body := range []string{
		"", "{", `{"user_id":100`, `{"user_id":100}}`, strings.Repeat("[", 100_000), strings.Repeat(`{"a":`, 50_000), `{"\ud800":1}`, "\xff\xfe", `"`, `{"a":"\`, `[1,]`,
		"[" + strings.Repeat(`{"user_id":100},`, 10_000) + "1]", `{"user_id":` + strings.Repeat("9", 70_000) + "}", "nul", "-", "tru", `{"a":tru}`,
	} {
		w.see(asked{who: numbered(1), path: "/orders/7", body: body})
	}
	for _, route := range []string{"", "GET", "GET ", "GET *", "TRACE /a", "GET /orders/{id}", "POST /{id}/{id}/{id}"} {
		w.Observe(learn.Observation{Route: route, Path: "/%zz//..%2f{id}", Status: 200, Principal: numbered(1)})
	}
	w.want()
}
