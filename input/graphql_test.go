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

func TestGraphQL_Values_StandOnceAmongAllInputs(t *testing.T) {
	const body = `{"query":"mutation($id: ID!, $n: Int = 41) { set(id: $id, n: $n, note: \"x' OR 1=1\") }","variables":{"id":"order-7"}}`
	in, err := parser(t, Options{}).Parse(request("POST", "/graphql", body, jsonHeader))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	in.Each(func(i Input) bool {
		all = append(all, i.Place.String()+"="+i.Value)
		return true
	})
	for value, places := range map[string]string{
		"order-7": "[json:variables.id=order-7]", "41": "[graphql:Mutation.set(n)=41]", "x' OR 1=1": "[graphql:Mutation.set(note)=x' OR 1=1]",
	} {
		found := slices.DeleteFunc(slices.Clone(all), func(s string) bool { return !strings.HasSuffix(s, "="+value) })
		if fmt.Sprint(found) != places {
			t.Errorf("%s, want %s", found, places)
		}
	}
	if got := list(in.GraphQL()); fmt.Sprint(got) != "[graphql:Mutation.set(id)=order-7 graphql:Mutation.set(n)=41 graphql:Mutation.set(note)=x' OR 1=1]" {
		t.Errorf("arguments %s", got)
	}
}

func TestGraphQL_PersistedDocument_IsNotWhole(t *testing.T) {
	const extensions = `{"persistedQuery":{"version":1,"sha256Hash":"ecf4edb46db40b5132295c0291d62fb65d6759a9eedfa4d5d612dd5ec54a6b38"}}`
	for name, r := range map[string][2]string{
		"JSON": {"/graphql", `{"operationName":"Order","variables":{"id":7,"of":["a"]},"extensions":` + extensions + `}`},
		"GET":  {"/graphql?operationName=Order&variables=" + url.QueryEscape(`{"id":7,"of":["a"]}`) + "&extensions=" + url.QueryEscape(extensions), ""},
	} {
		in, err := parser(t, Options{}).Parse(request("POST", r[0], r[1], jsonHeader))
		if err != nil {
			t.Fatal(name, err)
		}
		operations, arguments, whole := short(in)
		if whole || len(operations) > 0 || fmt.Sprint(arguments) != "[$id=7 $of[]=a]" {
			t.Errorf("%s: %s %s, whole %v", name, operations, arguments, whole)
		}
	}
}

func TestGraphQL_WhatIsNone_IsNoError(t *testing.T) {
	for name, c := range map[string]struct {
		target, body, header string
		whole                bool
	}{
		"a search":                {"/search", `{"query":"winter shoes","page":2}`, jsonHeader, true},
		"prose that begins so":    {"/search", `{"query":"query for a {thing}, please","variables":{"a":1}}`, jsonHeader, false},
		"a title":                 {"/search", `{"query":"Mutation testing in practice"}`, jsonHeader, true},
		"Elasticsearch":           {"/_search", `{"query":{"match":{"title":"x"}},"size":10}`, jsonHeader, true},
		"PromQL":                  {"/api/v1/query?query=" + url.QueryEscape(`rate(http_requests_total{job="x"}[5m])`), "", "", false},
		"LogQL":                   {"/loki/api/v1/query", url.Values{"query": {`{app="x"} |= "error"`}}.Encode(), formHeader, false},
		"AQL":                     {"/_api/cursor", `{"query":"FOR u IN users FILTER u.x == @x RETURN {a: u.b}","bindVars":{"x":1}}`, jsonHeader, false},
		"SPARQL":                  {"/sparql?query=" + url.QueryEscape("SELECT ?s WHERE { ?s ?p ?o }"), "", "", false},
		"MongoDB's shell":         {"/find", `{"query":"{name: 1, age: {$gt: 3}}"}`, jsonHeader, false},
		"extensions of something": {"/certificates", `{"extensions":{"basicConstraints":true}}`, jsonHeader, true},
		"operations of a form":    {"/jobs", parts(field("operations", "add, remove"), field("query", "x")), multipartType, true},
		"a semicolon in a query":  {"/graphql?query=" + url.QueryEscape(`{ a(x: "1;query={") }`), "", "", true},
		"a plus in a query":       {"/graphql?query=query+Q+{a(x:1)}", "", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			in, err := parser(t, Options{}).Parse(request("POST", c.target, c.body, c.header))
			if err != nil {
				t.Error(err)
			}
			if _, whole := in.Operations(); whole != c.whole {
				t.Errorf("whole is %v", whole)
			}
		})
	}
}

func TestGraphQL_Malformed_IsAnErrorThatKeepsWhatWasRead(t *testing.T) {
	for name, c := range map[string][3]string{
		"cut off":                   {`{"query":"mutation { a(x: 1) b(x: "}`, jsonHeader, "[Mutation.a(x)=1]"},
		"not the language":          {`{"query":"{ a(x: 1) ; }","variables":{}}`, jsonHeader, "[Query.a(x)=1]"},
		"by its type":               {"a b c {", "Content-Type: application/graphql", "[]"},
		"a fragment of itself":      {`{"query":"query Q { a(x: 1) ...F } fragment F on Query { b { ...F } }"}`, jsonHeader, "[Query.a(x)=1]"},
		"fragments of each other":   {`{"query":"query Q { ...F } fragment F on Query { a(x: 1) ...G } fragment G on Query { ...F }"}`, jsonHeader, "[Query.a(x)=1]"},
		"a document nine times":     {"{" + strings.Repeat(`"query":"{a}",`, 9) + `"x":1}`, jsonHeader, "[]"},
		"a definition of the types": {`{"query":"query { a(x: 1) } type T { a: Int }"}`, jsonHeader, "[Query.a(x)=1]"},
	} {
		in, err := parser(t, Options{}).Parse(request("POST", "/graphql", c[0], c[1]))
		_, arguments, whole := short(in)
		if rule(err) != RuleMalformedGraphQL || whole || fmt.Sprint(arguments) != c[2] {
			t.Errorf("%s: %v, %s, whole %v", name, err, arguments, whole)
		}
		if err != nil && strings.Contains(err.Error(), "a(x") {
			t.Errorf("%s: the error holds an input: %v", name, err)
		}
	}
}

// bombs are documents that are small beside what they ask for.
func bombs() map[string]struct{ body, rule string } {
	wrap := func(doc, variables string) string {
		return `{"query":"` + strings.ReplaceAll(doc, `"`, `\"`) + `","variables":` + variables + `}`
	}
	var doubling, nested strings.Builder
	doubling.WriteString("query Q { ...F0 } ")
	for i := range 40 {
		fmt.Fprintf(&doubling, "fragment F%d on T { a { ...F%d } b { ...F%d } } ", i, i+1, i+1)
	}
	doubling.WriteString("fragment F40 on T { x(y: 1) }")
	var same strings.Builder
	same.WriteString("query Q { ...F0 } ")
	for i := range 100 {
		fmt.Fprintf(&same, "fragment F%d on T { ...F%d ...F%d } ", i, i+1, i+1)
	}
	same.WriteString("fragment F100 on T { x(y: 1) }")
	for i := range 60 {
		fmt.Fprintf(&nested, "fragment F%d on T { a { a { a { ...F%d } } } } ", i, i+1)
	}
	return map[string]struct{ body, rule string }{
		"fragments that double":         {wrap(doubling.String(), "{}"), RuleBomb},
		"fragments that double nothing": {wrap(same.String(), "{}"), ""},
		"fragments that nest":           {wrap("query Q { ...F0 } "+nested.String()+"fragment F60 on T { x(y: 1) }", "{}"), RuleTooDeep},
		"aliases":                       {wrap("{ "+strings.Repeat("a: b(x: 1) ", 3000)+"}", "{}"), RuleBomb},
		"fields that nest":              {wrap("query "+strings.Repeat("{a", 500)+strings.Repeat("}", 500), "{}"), RuleTooDeep},
		"fields that nest very deep":    {wrap("query "+strings.Repeat("{a", 5000)+strings.Repeat("}", 5000), "{}"), RuleTooDeep},
		"lists that nest":               {wrap("query {a(x: "+strings.Repeat("[", 100_000)+")}", "{}"), RuleTooDeep},
		"a variable many times":         {wrap("query($v: [I]) { "+strings.Repeat("a(x: $v) ", 1500)+"}", `{"v":[`+strings.Repeat("1,", 5000)+`1]}`), RuleBomb},
		"nothing, many times":           {wrap("query($v: [I]) { "+strings.Repeat("a(x: $v) ", 1500)+"}", `{"v":[`+strings.Repeat("{},", 5000)+`{}]}`), RuleBomb},
		"a long document":               {wrap("query { "+strings.Repeat("a ", 140_000)+"}", "{}"), RuleBomb},
		"a large batch":                 {"[" + strings.Repeat(`{"query":"{a}"},`, 1200) + "1]", RuleBomb},
		"a name that is too long":       {wrap("{ "+strings.Repeat("a", 4000)+"(x: 1) "+strings.Repeat("b", 90)+" { c("+strings.Repeat("d", 60)+": 2) e(f: 3) } }", "{}"), ""},
	}
}

func TestGraphQL_Bombs_AreBounded(t *testing.T) {
	for name, c := range bombs() {
		t.Run(name, func(t *testing.T) {
			in, err := parser(t, Options{}).Parse(request("POST", "/graphql", c.body, jsonHeader))
			if rule(err) != c.rule {
				t.Errorf("%v, want %q", err, c.rule)
			}
			if n := len(in.GraphQL()); n > 2*100_000+2 {
				t.Errorf("%d arguments", n)
			}
			_, whole := in.Operations()
			if cut := strings.Contains(c.body, strings.Repeat("a", 4000)); whole != (c.rule == "" && !cut) {
				t.Errorf("whole is %v", whole)
			}
			for _, i := range in.GraphQL() {
				if len(i.Place.Name) > maxPlaceName {
					t.Fatalf("the place %q", i.Place.Name)
				}
			}
		})
	}
}

func TestGraphQL_NameThatIsCut_LeavesOthersWhole(t *testing.T) {
	in, err := parser(t, Options{}).Parse(request("POST", "/graphql", bombs()["a name that is too long"].body, jsonHeader))
	if err != nil {
		t.Fatal(err)
	}
	want := "Query." + strings.Repeat("b", 90) + ".e(f)=3"
	if _, arguments, _ := short(in); !slices.Contains(arguments, want) {
		t.Errorf("%q is not in %q", want, arguments)
	}
}

func TestGraphQL_StreamedUpload_IsKnownBeforeTheBackendReadsOn(t *testing.T) {
	const doc = `mutation($f: Upload!, $id: ID!) { attach(order: $id, file: $f, note: \"n\") { id } }`
	body := parts(field("operations", `{"query":"`+doc+`","variables":{"f":null,"id":"7"}}`), field("map", `{"0":["variables.f"]}`),
		"Content-Disposition: form-data; name=\"0\"; filename=\"a.bin\"\r\n\r\n"+strings.Repeat("x", 1<<16))
	r := request("POST", "/graphql", body, multipartType)
	r.ContentLength = -1
	in, err := parser(t, Options{}).Parse(r)
	if err != nil || !in.Streamed() {
		t.Fatal(err)
	}
	var seen []string
	in.OnInput(func(i Input) error {
		if i.Place.Name == "operations" {
			_, arguments, whole := short(in)
			seen = append(arguments, fmt.Sprint(whole))
		}
		return nil
	})
	if sent, err := io.ReadAll(r.Body); err != nil || string(sent) != body {
		t.Error(err)
	}
	if fmt.Sprint(seen) != "[Mutation.attach(order)=7 Mutation.attach(note)=n true]" {
		t.Errorf("when the field arrived: %q", seen)
	}
}
