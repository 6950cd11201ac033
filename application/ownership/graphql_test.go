package ownership_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/ownership"
)

// shopOrders is a rule for the things of a field of GraphQL.
func shopOrders(field string) ownership.Rule {
	return ownership.Rule{Path: "/graphql", GraphQL: field, Owner: ownership.Owner{Field: []string{"user.id"}, Shared: []string{"friends.id"}, As: "users.id"}}
}

// TestOwnership_ListOfGraphQL_IsJudgedByWhatTheClientAskedFor: ann is 1, bob is 2.
func TestOwnership_ListOfGraphQL_IsJudgedByWhatTheClientAskedFor(t *testing.T) {
	for _, c := range []struct {
		name, query, answer string
		status              int
		got                 string // the answer's where it is empty
	}{
		{"plainly", `{ orders { no user { id } } }`, `{"data":{"orders":[{"no":1,"user":{"id":1}},{"no":7,"user":{"id":2}},{"no":2,"user":{"id":"1"}}]}}`, 200,
			`{"data":{"orders":[{"no":1,"user":{"id":1}},{"no":2,"user":{"id":"1"}}]}}`},
		{"all own", `{ orders { no user { id } } }`, ` {"data": {"orders": [ {"no":1,"user":{"id":1}} , null ]}, "extensions": {"ms": 3}} `, 200, ""},
		{"none", `{ orders { user { id } } }`, `{"data":{"orders":[]}}`, 200, ""},
		{"all others'", `{ orders { user { id } } }`, `{"data":{"orders":[{"user":{"id":2}}, {"user":{"id":3}} ]}}`, 200, `{"data":{"orders":[ ]}}`},
		{"by aliases", `{ a: orders { u: user { x: id } no } }`, `{"data":{"a":[{"u":{"x":2},"no":7},{"u":{"x":1},"no":1}]}}`, 200, `{"data":{"a":[{"u":{"x":1},"no":1}]}}`},
		{"two aliases", `{ a: orders { user { id } } b: orders { user { id } } }`, `{"data":{"a":[{"user":{"id":2}}],"b":[{"user":{"id":1}}]}}`, 200, `{"data":{"a":[],"b":[{"user":{"id":1}}]}}`},
		{"in fragments", `{ ...F } fragment F on Query { orders { ... on Order { user { ...U } } } } fragment U on User { id }`, `{"data":{"orders":[{"user":{"id":2}}]}}`, 200, `{"data":{"orders":[]}}`},
		{"one fragment under two aliases", `{ a: orders { ...F } b: orders { ...F } } fragment F on Order { user { id } }`, `{"data":{"a":[{"user":{"id":1}}],"b":[{"user":{"id":2}}]}}`, 200, `{"data":{"a":[{"user":{"id":1}}],"b":[]}}`},
		{"deeper", `{ me { shop { orders { user { id } } } } }`, `{"data":{"me":{"shop":[{"orders":[{"user":{"id":2}}]}]}}}`, 200, `{"data":{"me":{"shop":[{"orders":[]}]}}}`},
		{"one that is no list", `{ orders { user { id } } }`, `{"data":{"orders":{"user":{"id":1}}}}`, 200, ""},
		{"another's that is no list", `{ orders { user { id } } }`, `{"data":{"orders":{"user":{"id":2}}}}`, 404, ""},
		{"shared", `{ orders { user { id } friends { id } } }`, `{"data":{"orders":[{"user":{"id":2},"friends":[{"id":3},{"id":1}]},{"user":{"id":2},"friends":[{"id":3}]}]}}`, 200,
			`{"data":{"orders":[{"user":{"id":2},"friends":[{"id":3},{"id":1}]}]}}`},
		{"lists within lists", `{ orders { user { id } no parts: orders { user { id } } } }`,
			`{"data":{"orders":[{"user":{"id":2},"no":1,"parts":[{"user":{"id":2}}]},{"user":{"id":1},"no":2,"parts":[{"user":{"id":2}},{"user":{"id":1}}]},{"user":{"id":2},"no":3,"parts":[]}]}}`, 200,
			`{"data":{"orders":[{"user":{"id":1},"no":2,"parts":[{"user":{"id":1}}]}]}}`},
		{"on condition", `{ orders { user { id @include(if: true) } } }`, `{"data":{"orders":[{"user":{"id":2}}]}}`, 200, `{"data":{"orders":[]}}`},
		{"something else", `{ products { user: secret } }`, `{"data":{"products":[{"user":"x"}]}}`, 200, ""},
		{"an error", `{ orders { user { id } } }`, `{"errors":[{"message":"no"}]}`, 200, ""},
		{"an error beside", `{ orders { user { id } } }`, `{"errors":[{"message":"no"}],"data":null}`, 200, ""},
		{"of nobody", `{ orders { user { id } } }`, `{"data":{"orders":[{"user":null}]}}`, 404, ""},
		// What only looks like the owner.
		{"not asked for", `{ orders { no } }`, `{"data":{"orders":[{"no":7}]}}`, 404, ""},
		{"added by nobody's wish", `{ orders { no } }`, `{"data":{"orders":[{"no":7,"user":{"id":1}}]}}`, 404, ""},
		{"another field under its name", `{ orders { user: viewer { id } } }`, `{"data":{"orders":[{"user":{"id":1}}]}}`, 404, ""},
		{"a member under its name", `{ orders { user { id: shop } } }`, `{"data":{"orders":[{"user":{"id":1}}]}}`, 404, ""},
		{"by an argument", `{ orders { user(of: 1) { id } } }`, `{"data":{"orders":[{"user":{"id":1}}]}}`, 404, ""},
		{"by a directive", `{ orders { user { id @default(to: 1) } } }`, `{"data":{"orders":[{"user":{"id":1}}]}}`, 404, ""},
		{"by a directive around it", `{ orders { ... @mine { user { id } } } }`, `{"data":{"orders":[{"user":{"id":1}}]}}`, 404, ""},
		{"by type", `{ orders { ... on A { user { id } } ... on B { user: viewer { id } } } }`, `{"data":{"orders":[{"user":{"id":1}}]}}`, 404, ""},
		{"by which operation runs", `query A { orders { user { id } } } query B { orders { user: viewer { id } } }`, `{"data":{"orders":[{"user":{"id":1}}]}}`, 404, ""},
		{"the field, by type", `{ me { ... on A { x: orders { user { id } } } ... on B { x: name } } }`, `{"data":{"me":{"x":[{"user":{"id":2}}]}}}`, 200, `{"data":{"me":{"x":[]}}}`},
		{"twice in the answer", `{ orders { user { id } } }`, `{"data":{"orders":[{"user":{"id":2},"user":{"id":1}}]}}`, 404, ""},
		{"data twice", `{ orders { user { id } } }`, `{"data":{"orders":[{"user":{"id":2}}]},"data":{}}`, 404, ""},
		{"escaped", `{ orders { user { id } } }`, `{"data":{"orders":[{"us\u0065r":{"id":2}}]}}`, 200, `{"data":{"orders":[]}}`},
		{"several owners", `{ orders { user { id } } }`, `{"data":{"orders":[{"user":[{"id":1},{"id":2}]}]}}`, 404, ""},
		{"an object", `{ orders { user { id } } }`, `{"data":{"orders":[{"user":{"id":{"is":1}}}]}}`, 404, ""},
		{"a text", `{ orders { user { id } } }`, `{"data":{"orders":"[{secret}]"}}`, 404, ""},
		{"no answer of GraphQL", `{ orders { user { id } } }`, `{"orders":[{"user":{"id":1}}]}`, 404, ""},
		{"cut short", `{ orders { user { id } } }`, `{"data":{"orders":[{"user":{"id":1}}`, 404, ""},
		{"with something behind", `{ orders { user { id } } }`, `{"data":{"orders":[]}} {"data":{"orders":[{"user":{"id":2}}]}}`, 404, ""},
	} {
		d := open(t, shopOrders("orders"))
		d.answers["/graphql"] = jsonAnswer(c.answer)
		status, got, _ := d.ask(ann, "POST", "/graphql", `{"query":"`+c.query+`"}`)
		if c.got == "" {
			c.got = c.answer
		}
		if status != c.status || status == 200 && got != c.got {
			t.Errorf("%s: %d %s, want %d %s", c.name, status, got, c.status, c.got)
		}
	}
}

func TestOwnership_GraphQLInBatches_IsJudgedWhicheverAnswerIsWhose(t *testing.T) {
	d := open(t, shopOrders("Query.orders"))
	d.answers["/graphql"] = jsonAnswer(`[{"data":{"me":{"id":1}}},{"data":{"orders":[{"user":{"id":2}},{"user":{"id":1}}]}}]`)
	if status, got, _ := d.ask(ann, "POST", "/graphql", `[{"query":"{ me { id } }"},{"query":"{ orders { user { id } } }"}]`); status != 200 || got != `[{"data":{"me":{"id":1}}},{"data":{"orders":[{"user":{"id":1}}]}}]` {
		t.Errorf("%d %s", status, got)
	}
	if status, got, _ := d.ask(ann, "POST", "/graphql", `[{"query":"{ orders { user: me { id } } }"},{"query":"{ orders { user { id } } }"}]`); status != 404 {
		t.Errorf("one that names another field so: %d %s", status, got)
	}
	if status, _, _ := d.ask(ann, "POST", "/graphql", `[{"query":"{ me { id } }"},{"query":"{ me { orders } }"}]`); status != 200 {
		t.Errorf("the field in another than the rule says: %d", status)
	}
}

func TestOwnership_GraphQLThatCannotBeFollowed_IsRefused(t *testing.T) {
	d := open(t, shopOrders("orders"))
	d.answers["/graphql"] = jsonAnswer(`{"data":{"orders":[{"user":{"id":1}}]}}`)
	for path := range map[string]bool{"/graphql?id=8f3a": true, "/graphql": true} {
		d.answers[path] = d.answers["/graphql"]
	}
	var bomb strings.Builder
	for i := range 16 {
		next := string(rune('a' + i + 1))
		bomb.WriteString("fragment " + string(rune('a'+i)) + " on Query { x: self { ..." + next + " } y: self { ..." + next + " } } ")
	}
	for body, want := range map[string]int{
		`{"query":"{ orders { user { id } }"}`:                  404, // not to its end
		`{"extensions":{"persistedQuery":{"sha256Hash":"00"}}}`: 404,
		`{"id":"8f3a"}`: 404,
		`{"query":"{ ...a } ` + bomb.String() + `fragment q on Query { z }"}`: 404,
	} {
		if status, why, acted := d.ask(ann, "POST", "/graphql", body); status != want || acted {
			t.Errorf("%.60s: %d %s, acted %t, want %d", body, status, why, acted, want)
		}
	}
	if status, _, _ := d.ask(ann, "GET", "/graphql?id=8f3a", ""); status != 404 {
		t.Errorf("a document that the backend alone has: %d", status)
	}
	d.answers["/graphql"] = ownership.Answer{Status: 200, Header: http.Header{"Content-Type": {"text/html"}}, Body: []byte("<p>write a query"), Whole: true}
	for _, who := range []gatehouse.Principal{ann, {}} {
		if status, why, _ := d.ask(who, "GET", "/graphql", ""); status != 200 {
			t.Errorf("the page to write queries with: %d %s", status, why)
		}
		if status, why, _ := d.ask(who, "OPTIONS", "/graphql?id=8f3a", ""); status >= 400 {
			t.Errorf("a preflight: %d %s", status, why)
		}
	}
	d.answers["/graphql?token=x"] = ownership.Answer{Status: 101, Header: http.Header{}}
	if status, why, _ := d.ask(ann, "GET", "/graphql?token=x", ""); status != 101 {
		t.Errorf("a WebSocket: %d %s", status, why)
	}
}

// tableRows are the owners of rows, as the SQL gate has them.
type tableRows []string

func (r tableRows) Owners(context.Context, string, string) ([]string, bool) { return r, true }

func TestOwnership_RowsBehindGraphQL_TellWhatTheClientDidNotAskFor(t *testing.T) {
	r := shopOrders("orders")
	r.Owner.Column = "orders.user_id"
	d := open(t, r)
	for _, c := range []struct {
		body   string
		rows   tableRows
		status int
	}{
		{`{"data":{"orders":[{"no":1},{"no":2}]}}`, tableRows{"1"}, 200},
		{`{"data":{"orders":[{"no":1},{"no":2}]}}`, tableRows{"1", "2"}, 404},
		{`{"data":{"orders":[{"no":1}]}}`, tableRows{}, 404},
		{`{"data":{"orders":[{"no":1},{"no":2,"user":{"id":2}}]}}`, tableRows{"1"}, 404},
	} {
		a := jsonAnswer(c.body)
		a.Rows = c.rows
		d.answers["/graphql"] = a
		if status, got, _ := d.ask(ann, "POST", "/graphql", `{"query":"{ orders { no user { id } } }"}`); status != c.status {
			t.Errorf("%s from rows of %s: %d %s, want %d", c.body, c.rows, status, got, c.status)
		}
	}
}

func TestOwnership_ErrorOfGraphQLWithAnothersThings_IsNotShown(t *testing.T) {
	d := open(t, shopOrders("orders"))
	for body, want := range map[string]int{
		`{"errors":[{"message":"one field failed"}],"data":{"orders":[{"user":{"id":2}}]}}`: 404,
		`{"errors":[{"message":"one field failed"}],"data":{"orders":[{"user":{"id":1}}]}}`: 500,
		`{"errors":[{"message":"one field failed"}],"data":{"orders":[{"no":1}]}}`:          404,
		`{"errors":[{"message":"no"}]}`: 500,
		`{"message":"it is broken"}`:    500,
	} {
		a := jsonAnswer(body)
		a.Status = http.StatusInternalServerError
		d.answers["/graphql"] = a
		if status, got, _ := d.ask(ann, "POST", "/graphql", `{"query":"{ orders { user { id } } x: bad }"}`); status != want {
			t.Errorf("%s: %d %s, want %d", body, status, got, want)
		}
	}
}

func TestNew_FieldOfGraphQLWithWhatItDoesNotTake_IsRefused(t *testing.T) {
	own := ownership.Owner{Field: []string{"user_id"}}
	for name, r := range map[string]ownership.Rule{
		"graphql goes by": {Path: "/graphql", GraphQL: "orders", Owner: ownership.Owner{Probe: "/orders/{id}"}},
		"no field":        {Path: "/graphql", GraphQL: "orders[]", Owner: own},
		"want fields":     {Path: "/graphql", GraphQL: "orders", Owner: ownership.Owner{Field: []string{"user id"}}},
		"no field of":     {Path: "/graphql", GraphQL: "Query", Owner: own},
		"leave out id":    {Path: "/graphql", GraphQL: "orders", ID: []string{"query:id"}, Owner: own},
	} {
		if _, err := ownership.New(ownership.Options{Rules: []ownership.Rule{r}}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want words like %q", err, name)
		}
	}
	if _, err := ownership.New(ownership.Options{Rules: []ownership.Rule{
		shopOrders("orders"), shopOrders("me.receipts"), {Path: "/graphql", GraphQL: "bills", Whole: true, Owner: ownership.Owner{Column: "bills.user_id"}},
	}}); err != nil {
		t.Error(err)
	}
}
