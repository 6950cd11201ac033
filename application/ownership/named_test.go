package ownership_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse/application/ownership"
)

// orders are ann's 1 and 2, and bob's 7, as their own path shows them.
func orders(d *desk) {
	for id, owner := range map[string]string{"1": "1", "2": "1", "7": "2"} {
		d.answers["/orders/"+id] = jsonAnswer(`{"user_id":` + owner + `}`)
	}
}

var byField = ownership.Rule{Path: "/orders/{id}", Methods: []string{"GET"}, Owner: ownership.Owner{Field: []string{"user_id"}, As: "users.id"}}

func TestOwnership_SeveralIdentifiers_MustEachBeOwn(t *testing.T) {
	probe := ownership.Owner{Probe: "/orders/{id}"}
	d := open(t, byField, ownership.Rule{Path: "/bulk", ID: []string{"query:ids"}, Owner: probe},
		ownership.Rule{Path: "/show", ID: []string{"query:n"}, Owner: ownership.Owner{Field: []string{"user_id"}, As: "users.id", Probe: "/orders/{id}"}},
		ownership.Rule{Path: "/boxes/{id}", Owner: ownership.Owner{Field: []string{"user_id"}, As: "users.id"}})
	orders(d)
	d.answers["/show?n=1&n=7"] = ownership.Answer{Status: 200, Header: http.Header{"Content-Type": {"text/csv"}}, Body: []byte("7;secret"), Whole: true}
	d.answers["/show?n=1&n=2"] = d.answers["/show?n=1&n=7"]
	d.answers["/boxes/1,7"] = jsonAnswer(`{"user_id":1}`)
	for target, want := range map[string]int{
		"POST /bulk?ids=1,2": 204, "POST /bulk?ids=1,7": 404, "POST /bulk?ids=1&ids=2": 204, "POST /bulk?ids=7&ids=1": 404, "POST /bulk?ids=,1,": 204,
		// What an answer does not tell, the identifiers do: all of them.
		"GET /show?n=1&n=2": 200, "GET /show?n=1&n=7": 404, "DELETE /boxes/1,7": 404,
	} {
		method, path, _ := strings.Cut(target, " ")
		if status, why, _ := d.ask(ann, method, path, ""); status != want {
			t.Errorf("%s: %d %s, want %d", target, status, why, want)
		}
	}
}

func TestOwnership_IdentifierOfAnyName_FillsTheProbe(t *testing.T) {
	probe := ownership.Owner{Probe: "/orders/{id}"}
	d := open(t, byField, ownership.Rule{Path: "/graphql", ID: []string{"graphql:order(id)"}, Owner: probe})
	orders(d)
	for query, want := range map[string]int{
		`{ order(id: 1) { x } }`: 204, `{ order(id: 7) { x } }`: 404, `{ a: order(id: 1) { x } b: order(id: 7) { x } }`: 404,
		`{ me { self { order(id: 1) { x } } } }`: 204, `{ me { self { order(id: 7) { x } } } }`: 404, `{ me { reorder(id: 7) { x } } }`: 204,
	} {
		if status, why, _ := d.ask(ann, "POST", "/graphql", `{"query":"`+query+`"}`); status != want {
			t.Errorf("%s: %d %s, want %d", query, status, why, want)
		}
	}
}

func TestOwnership_ListByPost_IsCutWhereTheRuleNamesTheMethod(t *testing.T) {
	own := ownership.Owner{Field: []string{"user_id"}, As: "users.id"}
	d := open(t, ownership.Rule{Path: "/search", Methods: []string{"POST"}, Items: "[]", Owner: own}, ownership.Rule{Path: "/orders", Items: "[]", Owner: own})
	d.answers["/search"] = jsonAnswer(`[{"id":1,"user_id":1},{"id":7,"user_id":2}]`)
	if _, got, _ := d.ask(ann, "POST", "/search", `{"q":"x"}`); got != `[{"id":1,"user_id":1}]` {
		t.Error(got)
	}
	if status, why, _ := d.ask(ann, "POST", "/orders", `{"q":"x"}`); status != 204 {
		t.Errorf("making a thing: %d %s", status, why)
	}
}

func TestOwnership_PageWithoutIdentifier_GoesByItsAnswer(t *testing.T) {
	d := open(t, ownership.Rule{Path: "/account", Owner: ownership.Owner{Selector: "[data-owner]", Attribute: "data-owner", As: "users.id"}})
	html := http.Header{"Content-Type": {"text/html"}}
	d.answers["/account"] = ownership.Answer{Status: 200, Header: html, Body: []byte(`<p data-owner=1>`), Whole: true}
	d.answers["/account?user=2"] = ownership.Answer{Status: 200, Header: html, Body: []byte(`<p data-owner=2>`), Whole: true}
	for target, want := range map[string]int{"GET /account": 200, "GET /account?user=2": 404, "POST /account": 404,
		"HEAD /account": 200, "HEAD /account?user=2": 404} {
		method, path, _ := strings.Cut(target, " ")
		if status, why, _ := d.ask(ann, method, path, ""); status != want {
			t.Errorf("%s: %d %s, want %d", target, status, why, want)
		}
	}
}

func TestNew_FieldOfGraphQL_IsRefused(t *testing.T) {
	_, err := ownership.New(ownership.Options{Rules: []ownership.Rule{{Path: "/graphql", ID: []string{"graphql:Query.order(id)"}, Owner: ownership.Owner{Field: []string{"data.order.user_id"}}}}})
	if err == nil || !strings.Contains(err.Error(), "the names that the client gives it") {
		t.Errorf("clients choose what an alias is called: %v", err)
	}
}

func TestOwnership_ErrorWithAnothersThing_IsNotShown(t *testing.T) {
	d := open(t, byField)
	for id, owner := range map[string]string{"1": "1", "7": "2"} {
		a := jsonAnswer(`{"error":"it is locked","user_id":` + owner + `}`)
		a.Status = http.StatusConflict
		d.answers["/orders/"+id] = a
	}
	a := jsonAnswer(`{"error":"it is broken"}`)
	a.Status = http.StatusInternalServerError
	d.answers["/orders/8"] = a
	for path, want := range map[string]int{"/orders/1": 409, "/orders/7": 404, "/orders/8": 500} {
		if status, got, _ := d.ask(ann, "GET", path, ""); status != want {
			t.Errorf("%s: %d %s, want %d", path, status, got, want)
		}
	}
}

func TestNew_RuleThatNeverDecidesOrProbesTheUnknown_IsRefused(t *testing.T) {
	own := ownership.Owner{Field: []string{"user_id"}}
	for words, rules := range map[string][]ownership.Rule{
		"never decides": {{Path: "/o/", Public: "everybody may"}, {Path: "/o/{id}", Owner: own}},
		"no rule says":  {{Path: "/o/{id}/x", Owner: ownership.Owner{Probe: "/o/{id}"}}, {Path: "/o/{id}", Methods: []string{"PUT"}, Owner: own}},
		"":              {{Path: "/o/{id}/x", Owner: ownership.Owner{Probe: "/O/{id}?full=1"}}, {Path: "/o/free", Public: "everybody may"}, {Path: "/o/{id}", Owner: own}},
	} {
		_, err := ownership.New(ownership.Options{Rules: rules})
		if (err == nil) != (words == "") || err != nil && !strings.Contains(err.Error(), words) {
			t.Errorf("%v, want words like %q", err, words)
		}
	}
}
