package ownership_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/ownership"
	"github.com/gatehousehq/gatehouse/application/ownership/profile"
	"github.com/gatehousehq/gatehouse/input"
)

func sends(t *testing.T, p *profile.Profile, who gatehouse.Principal, method, path, kind, body string) gatehouse.Decision {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", kind)
	parser, err := input.New(input.Options{})
	if err != nil {
		t.Fatal(err)
	}
	inputs, err := parser.Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	q := ownership.Request{Method: method, Path: path, Route: input.Route(method, path), Header: r.Header, Inputs: inputs, Principal: who}
	return ownership.Fields(&q, "192.0.2.1", p)
}

func TestFields_PrivilegeThatNobodySends_IsMassAssignment(t *testing.T) {
	p, err := profile.New(profile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	const form, object, patch = "application/x-www-form-urlencoded", "application/json", "application/json-patch+json"
	for n := range 40 {
		who := person(fmt.Sprintf("p%d@example.com", n%8), fmt.Sprint(100+n%8))
		for _, d := range []gatehouse.Decision{
			sends(t, p, who, http.MethodPatch, "/api/profile", object, `{"name":"x","city":"y"}`),
			sends(t, p, who, http.MethodPost, "/profile", form, "name=x&city=y"),
			sends(t, p, who, http.MethodPatch, "/api/orders/7", patch, `[{"op":"replace","path":"/note","value":"x"}]`),
			sends(t, p, who, http.MethodPost, "/graphql", object, `{"query":"mutation($n:String){setName(name:$n){id}}","variables":{"n":"x"}}`),
			sends(t, p, who, http.MethodPost, "/api/members", object, `{"user_id":7,"role":"reader"}`), // an ordinary field there
		} {
			if d.Verdict != gatehouse.Pass {
				t.Fatalf("ordinary use: %s %s", d.Rule, d.Place)
			}
		}
	}
	for _, c := range []struct{ method, path, kind, body, rule string }{
		{"PATCH", "/api/profile", object, `{"role":"admin"}`, ownership.RuleAssignment},
		{"PATCH", "/api/profile", object, `{"name":"x","isAdmin":true}`, ownership.RuleAssignment},
		{"PATCH", "/api/profile", object, `{"user":{"is_admin":1}}`, ownership.RuleAssignment},
		{"PATCH", "/api/profile", object, `{"USER_ID":2}`, ownership.RuleAssignment},
		{"PATCH", "/api/profile", object, `{"user_id":1}`, ownership.RuleField}, // one's own
		{"PATCH", "/api/profile", object, `{"nickname":"x"}`, ownership.RuleField},
		{"POST", "/profile", form, "name=x&user[role]=admin", ownership.RuleAssignment},
		{"POST", "/profile", form, "name=x&price=1", ownership.RuleAssignment},
		{"PATCH", "/api/orders/7", patch, `[{"op":"replace","path":"/user_id","value":2}]`, ownership.RuleAssignment},
		{"POST", "/graphql", object, `{"query":"mutation{setName(name:\"x\",role:\"admin\"){id}}"}`, ownership.RuleAssignment},
		{"POST", "/graphql", object, `{"query":"mutation{other(role:\"admin\"){id}}"}`, ""},                     // nobody knows it yet
		{"PATCH", "/api/profile", object, `{"query":"{ me { id } }","role":"admin"}`, ownership.RuleAssignment}, // a document beside it hides nothing
		{"POST", "/api/members", object, `{"user_id":9,"role":"admin"}`, ""},
	} {
		if d := sends(t, p, ann, c.method, c.path, c.kind, c.body); d.Rule != c.rule {
			t.Errorf("%s %s %s: %q, want %q", c.method, c.path, c.body, d.Rule, c.rule)
		}
	}
}
