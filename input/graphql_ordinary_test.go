package input

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
	graphqlparser "github.com/vektah/gqlparser/v2/parser"
)

// ordinary are requests as clients send them.
var ordinary = map[string]struct{ document, variables, arguments string }{
	"Apollo": {
		"query GetDogs($breed: String!, $first: Int = 10) {\n  dogs(breed: $breed, first: $first) {\n    id\n    name\n    owner {\n      id\n      __typename\n    }\n    __typename\n  }\n}",
		`{"breed":"bulldog"}`, "[Query.dogs(breed)=bulldog Query.dogs(first)=10]",
	},
	"Relay": {
		"query StoryQuery(\n  $id: ID!\n  $count: Int!\n  $cursor: ID\n) {\n  node(id: $id) {\n    __typename\n    ... on Story {\n      ...Comments_story_1G22uz\n    }\n    id\n  }\n}\n\nfragment Comments_story_1G22uz on Story {\n  comments(first: $count, after: $cursor) {\n    edges { node { id text } cursor }\n    pageInfo { hasNextPage endCursor }\n  }\n}\n",
		`{"id":"U3Rvcnk6MQ==","count":3,"cursor":null}`, "[Query.node(id)=U3Rvcnk6MQ== Query.node.comments(first)=3]",
	},
	"GitHub": {
		"{\n  repository(owner: \"octocat\", name: \"Hello-World\") {\n    issues(last: 20, states: [OPEN, CLOSED]) {\n      edges { node { title url labels(first: 5) { edges { node { name } } } } }\n    }\n  }\n}",
		`{}`, "[Query.repository(owner)=octocat Query.repository(name)=Hello-World Query.repository.issues(last)=20 Query.repository.issues(states[])=OPEN Query.repository.issues(states[])=CLOSED Query.repository.issues.edges.node.labels(first)=5]",
	},
	"Shopify": {
		"mutation orderUpdate($input: OrderInput!) {\n  orderUpdate(input: $input) {\n    order { id note metafields(first: 3) { edges { node { key } } } }\n    userErrors { field message }\n  }\n}",
		`{"input":{"id":"gid://shopify/Order/148977776","note":"it's \"late\"","metafields":[{"namespace":"ns","key":"k","value":"v","type":"single_line_text_field"}]}}`,
		`[Mutation.orderUpdate(input.id)=gid://shopify/Order/148977776 Mutation.orderUpdate(input.note)=it's "late" Mutation.orderUpdate(input.metafields[].namespace)=ns Mutation.orderUpdate(input.metafields[].key)=k Mutation.orderUpdate(input.metafields[].value)=v Mutation.orderUpdate(input.metafields[].type)=single_line_text_field Mutation.orderUpdate.order.metafields(first)=3]`,
	},
	"Hasura": {
		"mutation ($id: uuid!, $set: orders_set_input) { update_orders(where: {id: {_eq: $id}}, _set: $set) { affected_rows } }",
		`{"id":"0b1a5f1e-8f0e-4c33-8d0e-9c5f3d2b1a00","set":{"status":"paid"}}`,
		"[Mutation.update_orders(where.id._eq)=0b1a5f1e-8f0e-4c33-8d0e-9c5f3d2b1a00 Mutation.update_orders(_set.status)=paid]",
	},
	"a client's introspection": {
		"query IntrospectionQuery { __schema { queryType { name } types { ...FullType } directives { name args { ...InputValue } } } } fragment FullType on __Type { kind name fields(includeDeprecated: true) { name args { ...InputValue } type { ...TypeRef } } } fragment InputValue on __InputValue { name type { ...TypeRef } defaultValue } fragment TypeRef on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }",
		`{}`, "[Query.__schema.types.fields(includeDeprecated)=true]",
	},
}

func requestOf(t testing.TB, document, variables string) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": document, "variables": json.RawMessage(variables), "operationName": nil})
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestGraphQL_OrdinaryRequests_GiveTheirArguments(t *testing.T) {
	for name, c := range ordinary {
		in, err := parser(t, Options{}).Parse(request("POST", "/graphql", requestOf(t, c.document, c.variables), jsonHeader))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, arguments, whole := short(in); fmt.Sprint(arguments) != c.arguments || !whole {
			t.Errorf("%s: %s, whole %v", name, arguments, whole)
		}
	}
}

// literals collects the scalars of a document's arguments that no fragment or
// directive holds, by a way of its own.
func literals(set ast.SelectionSet, out []string) []string {
	var values func(v *ast.Value)
	values = func(v *ast.Value) {
		switch v.Kind {
		case ast.Variable, ast.NullValue:
		case ast.ListValue, ast.ObjectValue:
			for _, c := range v.Children {
				values(c.Value)
			}
		default:
			out = append(out, v.Raw)
		}
	}
	for _, s := range set {
		if f, ok := s.(*ast.Field); ok {
			for _, a := range f.Arguments {
				values(a.Value)
			}
			out = literals(f.SelectionSet, out)
		}
	}
	return out
}

// FuzzGraphQL: whatever is sent, it is passed on as it came, nothing panics, the
// bounds hold, and what stands in a document is among the arguments.
func FuzzGraphQL(f *testing.F) {
	for _, c := range ordinary {
		f.Add(c.document, c.variables, uint8(0))
	}
	for _, c := range bombs() {
		if len(c.body) < 4096 {
			var r struct {
				Query     string
				Variables json.RawMessage
			}
			if json.Unmarshal([]byte(c.body), &r) == nil {
				f.Add(r.Query, string(r.Variables), uint8(1))
			}
		}
	}
	f.Add("query($a: I = 1) { a(x: $a, y: {b: [\"\"\"c\"\"\"]}) @d(e: 1) }", `{"a":[{"b":1,"b":2}]}`, uint8(2))
	f.Fuzz(func(t *testing.T, document, variables string, how uint8) {
		text, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		body, header := `{"variables":`+variables+`,"query":`+string(text)+`}`, jsonHeader
		switch how % 3 {
		case 1:
			body = `[{"query":` + string(text) + `,"variables":` + variables + `}]`
		case 2:
			body, header = document, "Content-Type: application/graphql"
		}
		const most = 2000
		r := request("POST", "/graphql", body, header)
		in, failed := parser(t, Options{MaxInputs: most}).Parse(r)
		if sent, err := io.ReadAll(r.Body); err != nil || string(sent) != body {
			t.Fatalf("%q became %q, %v", body, sent, err)
		}
		have := map[string]bool{}
		for _, i := range in.GraphQL() {
			have[i.Value] = true
			if len(i.Place.Name) > maxPlaceName {
				t.Fatalf("the place %q", i.Place.Name)
			}
		}
		if n := len(in.GraphQL()); n > 4*most+4 {
			t.Fatalf("%d arguments", n)
		}
		_, whole := in.Operations()
		if failed != nil || !whole || how%3 != 2 || startsJSON(document) && json.Valid([]byte(document)) {
			return
		}
		doc, err := graphqlparser.ParseQuery(&ast.Source{Input: strings.TrimPrefix(document, "\uFEFF")})
		if err != nil {
			if strings.Contains(document, "{") {
				t.Fatalf("%q is whole, and can't be parsed: %v", document, err)
			}
			return
		}
		for _, o := range doc.Operations {
			for _, want := range literals(o.SelectionSet, nil) {
				if !have[want] {
					t.Fatalf("%q: %q is missing in %q", document, want, list(in.GraphQL()))
				}
			}
		}
	})
}

func BenchmarkGraphQL(b *testing.B) {
	for name, body := range map[string]string{
		"Apollo": requestOf(b, ordinary["Apollo"].document, ordinary["Apollo"].variables),
		"Relay":  requestOf(b, ordinary["Relay"].document, ordinary["Relay"].variables),
		"search": `{"query":"winter shoes","page":2,"filters":{"size":42}}`,
	} {
		b.Run(name, func(b *testing.B) {
			p := parser(b, Options{})
			r := request("POST", "/graphql", body, jsonHeader)
			text := strings.NewReader("")
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				text.Reset(body)
				r.Body, r.ContentLength = io.NopCloser(text), int64(len(body))
				if _, err := p.Parse(r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
