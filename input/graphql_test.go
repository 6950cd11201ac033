package input

import (
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"
)

const (
	jsonHeader = "Content-Type: application/json"
	formHeader = "Content-Type: application/x-www-form-urlencoded"
)

// short writes what was asked for as "kind.name(fields)", and the arguments as
// "name=value".
func short(in *Inputs) (operations, arguments []string, whole bool) {
	list, whole := in.Operations()
	for _, o := range list {
		operations = append(operations, fmt.Sprintf("%s %s %s", o.Kind, o.Name, strings.Join(o.Fields, ",")))
	}
	for _, i := range in.GraphQL() {
		arguments = append(arguments, i.Place.Name+"="+i.Value)
	}
	return operations, arguments, whole
}

// wideJSON writes ASCII in UTF-16.
func wideJSON(s string) string {
	var out strings.Builder
	for i := range len(s) {
		out.WriteByte(s[i])
		out.WriteByte(0)
	}
	return out.String()
}

func TestGraphQL_EachWayToAsk_GivesTheArguments(t *testing.T) {
	const (
		doc    = `mutation Pay($id: ID!, $note: String = "none") { pay(order: $id, note: $note) { id } }`
		wanted = `[Mutation.pay(order)=7 Mutation.pay(note)=none]`
	)
	quoted := strings.ReplaceAll(doc, `"`, `\"`)
	for name, c := range map[string]struct {
		method, target, body string
		headers              []string
	}{
		"JSON":                        {"POST", "/graphql", `{"query":"` + quoted + `","variables":{"id":7}}`, []string{jsonHeader}},
		"members in another order":    {"POST", "/graphql", `{"variables":{"id":"7"},"operationName":"Pay","query":"` + quoted + `"}`, []string{jsonHeader}},
		"a member's name in capitals": {"POST", "/graphql", `{"QUERY":"` + quoted + `","Variables":{"id":"7"}}`, []string{jsonHeader}},
		"variables as a text":         {"POST", "/graphql", `{"query":"` + quoted + `","variables":"{\"id\":\"7\"}"}`, []string{jsonHeader}},
		"escapes":                     {"POST", "/graphql", `{"qu\u0065ry":"` + strings.ReplaceAll(quoted, "pay", `p\u0061y`) + `","variables":{"i\u0064":"\u0037"}}`, []string{jsonHeader}},
		"a batch of one":              {"POST", "/graphql", ` [ {"query":"` + quoted + `","variables":{"id":7}} ] `, []string{jsonHeader}},
		"values after each other":     {"POST", "/graphql", `{"a":1}` + "\n" + `{"query":"` + quoted + `","variables":{"id":7}}`, []string{jsonHeader}},
		"no type":                     {"POST", "/graphql", `{"query":"` + quoted + `","variables":{"id":7}}`, nil},
		"UTF-16":                      {"POST", "/graphql", wideJSON(`{"query":"` + quoted + `","variables":{"id":7}}`), []string{jsonHeader}},
		"compressed":                  {"POST", "/graphql", encode(t, `{"query":"`+quoted+`","variables":{"id":7}}`, "gzip"), []string{jsonHeader, "Content-Encoding: gzip"}},
		"a document":                  {"POST", "/graphql", `mutation Pay($note: String = "none") { pay(order: 7, note: $note) { id } }`, []string{"Content-Type: application/graphql"}},
		"a document and a query":      {"POST", "/graphql?variables=" + url.QueryEscape(`{"id":7}`), doc, []string{"Content-Type: application/graphql; charset=utf-8"}},
		"JSON that says it is none":   {"POST", "/graphql", `{"query":"` + quoted + `","variables":{"id":7}}`, []string{"Content-Type: application/graphql"}},
		"GET":                         {"GET", "/graphql?query=" + url.QueryEscape(doc) + "&variables=" + url.QueryEscape(`{"id":7}`), "", nil},
		"GET with escaped names":      {"GET", "/graphql?%71uery=" + url.QueryEscape(doc) + "&v%61riables=" + url.QueryEscape(`{"id":7}`), "", nil},
		"a form":                      {"POST", "/graphql", url.Values{"query": {doc}, "variables": {`{"id":7}`}}.Encode(), []string{formHeader}},
		"JSON sent as a form":         {"POST", "/graphql", `{"query":"` + quoted + `","variables":{"id":7}}`, []string{formHeader}},
		"variables in the query":      {"POST", "/graphql?variables=" + url.QueryEscape(`{"id":7}`), `{"query":"` + quoted + `"}`, []string{jsonHeader}},
		"the document in the query":   {"POST", "/graphql?query=" + url.QueryEscape(doc), `{"variables":{"id":7}}`, []string{jsonHeader}},
		"multipart fields":            {"POST", "/graphql", parts(field("query", doc), field("variables", `{"id":7}`)), []string{multipartType}},
		"a multipart request":         {"POST", "/graphql", parts(field("operations", `{"query":"`+quoted+`","variables":{"id":7,"file":null}}`), field("map", `{"0":["variables.file"]}`), "Content-Disposition: form-data; name=\"0\"; filename=\"a.txt\"\r\n\r\nx"), []string{multipartType}},
	} {
		t.Run(name, func(t *testing.T) {
			r := request(c.method, c.target, c.body, c.headers...)
			in, err := parser(t, Options{}).Parse(r)
			if err != nil {
				t.Fatal(err)
			}
			operations, arguments, whole := short(in)
			slices.Sort(arguments)
			arguments = slices.Compact(arguments)
			slices.Reverse(arguments)
			if got := fmt.Sprint(arguments); got != wanted || !whole {
				t.Errorf("%s, whole %v, of %q", got, whole, operations)
			}
			if len(operations) == 0 || operations[len(operations)-1] != "Mutation Pay pay" {
				t.Errorf("operations %q", operations)
			}
			if sent, err := io.ReadAll(r.Body); err != nil || string(sent) != c.body {
				t.Errorf("the backend gets %q, %v", sent, err)
			}
		})
	}
}

func TestGraphQL_Documents_AreFollowed(t *testing.T) {
	for name, c := range map[string]struct {
		body       string // ' stands for an escaped quote
		operations string
		arguments  string
	}{
		"an alias keeps no name":       {`{"query":"{ a: order(id: 1) { id } b: order(id: 2) { id } }"}`, "[Query  order,order]", "[Query.order(id)=1 Query.order(id)=2]"},
		"nested fields":                {`{"query":"{ me { orders(status: OPEN, first: 10) { lines(sku: 'x') { id } } } }"}`, "[Query  me]", "[Query.me.orders(status)=OPEN Query.me.orders(first)=10 Query.me.orders.lines(sku)=x]"},
		"objects and lists":            {`{"query":"mutation { put(in: {id: 1, tags: ['a', 'b'], of: [{n: 2.5e3}], no: null, yes: true}) }"}`, "[Mutation  put]", "[Mutation.put(in.id)=1 Mutation.put(in.tags[])=a Mutation.put(in.tags[])=b Mutation.put(in.of[].n)=2.5e3 Mutation.put(in.yes)=true]"},
		"a variable that is an object": {`{"query":"mutation($in: In!) { put(in: $in) }","variables":{"in":{"id":9007199254740993,"lines":[{"sku":"s"},{"sku":"t"}],"no":null}}}`, "[Mutation  put]", "[Mutation.put(in.id)=9007199254740993 Mutation.put(in.lines[].sku)=s Mutation.put(in.lines[].sku)=t]"},
		"a variable inside an object":  {`{"query":"mutation($id: ID!) { put(in: {id: $id, name: 'n'}) }","variables":{"id":"i"}}`, "[Mutation  put]", "[Mutation.put(in.id)=i Mutation.put(in.name)=n]"},
		"a variable given twice":       {`{"query":"query($id: ID!) { order(id: $id) }","variables":{"id":1,"id":2}}`, "[Query  order]", "[Query.order(id)=1 Query.order(id)=2]"},
		"variables given twice":        {`{"query":"query($id: ID!) { order(id: $id) }","variables":{"id":1},"variables":{"id":2}}`, "[Query  order]", "[Query.order(id)=1 Query.order(id)=2]"},
		"a default, and null":          {`{"query":"query($a: ID = 1, $b: ID = 2, $c: ID) { order(a: $a, b: $b, c: $c) }","variables":{"b":null}}`, "[Query  order]", "[Query.order(a)=1]"},
		"two documents":                {`{"query":"{ a(x: 1) }","query":"{ b(x: 2) }"}`, "[Query  a Query  b]", "[Query.a(x)=1 Query.b(x)=2]"},
		"named fragments":              {`{"query":"query($id: ID!) { me { ...F } } fragment F on User { order(id: $id) { ...G } } fragment G on Order { line(n: 3) }","variables":{"id":7}}`, "[Query  me]", "[Query.me.order(id)=7 Query.me.order.line(n)=3]"},
		"inline fragments":             {`{"query":"{ ... on Query { node(id: 'a') { ... @include(if: true) { x(y: 1) } } } }"}`, "[Query  node]", "[Query.node(id)=a Query.node.x(y)=1]"},
		"a fragment at two places":     {`{"query":"mutation { ...F b: c { ...F } ...F } fragment F on M { set(id: 1) }"}`, "[Mutation  set,c]", "[Mutation.set(id)=1 Mutation.c.set(id)=1]"},
		"the operation that is named":  {`{"query":"query A { a(x: 1) } mutation B { b(x: 2) }","operationName":"B"}`, "[Mutation B b]", "[Mutation.b(x)=2]"},
		"no operation of that name":    {`{"query":"query A { a(x: 1) } mutation B { b(x: 2) }","operationName":"C"}`, "[Query A a Mutation B b]", "[Query.a(x)=1 Mutation.b(x)=2]"},
		"none that is named":           {`{"query":"query A { a(x: 1) } mutation B { b(x: 2) }","operationName":null}`, "[Query A a Mutation B b]", "[Query.a(x)=1 Mutation.b(x)=2]"},
		"two names":                    {`{"query":"query A { a(x: 1) } mutation B { b(x: 2) } query C { c(x: 3) }","operationName":"A","operationName":"B"}`, "[Query A a Mutation B b]", "[Query.a(x)=1 Mutation.b(x)=2]"},
		"a directive's arguments":      {`{"query":"{ a @cache(key: 'k') @include(if: true) }"}`, "[Query  a]", "[Query.a@cache(key)=k]"},
		"a subscription":               {`{"query":"subscription S { changed(id: 1) }"}`, "[Subscription S changed]", "[Subscription.changed(id)=1]"},
		"a block string":               {`{"query":"{ a(x: '''\n  one\n    two\n  ''') }"}`, "[Query  a]", "[Query.a(x)=one\n  two]"},
		"escapes":                      {`{"query":"{ a(x: '\\u0041\\n\\u{1F600}') }"}`, "[Query  a]", "[Query.a(x)=A\n\U0001F600]"},
		"comments, commas, a mark":     {`{"query":"\uFEFF,, # query { no(x: 1) }\n{,a(,x:,1,),}"}`, "[Query  a]", "[Query.a(x)=1]"},
		"a batch":                      {`[{"query":"{ a(x: 1) }"},5,{"query":"query($v: I) { b(x: $v) }","variables":{"v":2}}]`, "[Query  a Query  b]", "[Query.a(x)=1 Query.b(x)=2]"},
	} {
		t.Run(name, func(t *testing.T) {
			in, err := parser(t, Options{}).Parse(request("POST", "/graphql", strings.ReplaceAll(c.body, "'", `\"`), jsonHeader))
			if err != nil {
				t.Fatal(err)
			}
			operations, arguments, whole := short(in)
			if fmt.Sprint(operations) != c.operations || fmt.Sprint(arguments) != c.arguments || !whole {
				t.Errorf("%s\n%s, whole %v\nwant %s\n%s", operations, arguments, whole, c.operations, c.arguments)
			}
		})
	}
}
