package input

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// selected writes a selection as "key=field{…}", with a "!" where it is not plain.
func selected(s *Selection) string {
	var b strings.Builder
	b.WriteString(strings.Join(s.Fields, "|"))
	if !s.Plain {
		b.WriteString("!")
	}
	for i, key := range slices.Sorted(maps.Keys(s.Members)) {
		fmt.Fprintf(&b, "%s%s=%s", map[bool]string{true: "{", false: " "}[i == 0], key, selected(s.Members[key]))
	}
	if len(s.Members) > 0 {
		b.WriteString("}")
	}
	return b.String()
}

// graphqlOf reads a request of GraphQL; what is wrong with it is not asked.
func graphqlOf(t *testing.T, target, body string) *Inputs {
	t.Helper()
	in, _ := parser(t, Options{}).Parse(request("POST", target, body, jsonHeader))
	return in
}

func TestSelected_ByWhateverNames_SaysWhatTheSchemaCallsIt(t *testing.T) {
	for query, want := range map[string]string{
		`{ a b: c }`: `Query{a=a b=c}`,
		`query Q { me { id orders { user { id } } } }`:                         `Query{me=me{id=id orders=orders{user=user{id=id}}}}`,
		`{ o: orders(first: 3) { id } }`:                                       `Query{o=orders!{id=id}}`,
		`{ a @include(if: true) b @skip(if: false) c @deprecated }`:            `Query{a=a b=b c=c!}`,
		`{ ...F } fragment F on Query { a ...G } fragment G on Query { b: a }`: `Query{a=a b=a}`,
		`{ x: t { ...F } y: t { ...F } } fragment F on T { id }`:               `Query{x=t{id=id} y=t{id=id}}`,
		`{ t { ... on A { x: a } ... on B { x: b } } }`:                        `Query{t=t{x=a|b}}`,
		`{ t { a } t { b } }`:                                                  `Query{t=t{a=a b=b}}`,
		`{ t { id } t { id(of: 1) } }`:                                         `Query{t=t{id=id!}}`,
		`{ ... @mask { a } ...F @mask } fragment F on Query { b }`:             `Query{a=a! b=b!}`,
		`{ ...F } fragment F on Query @mask { b { c } }`:                       `Query{b=b!{c=c}}`,
		`query A { a } mutation B { a: b }`:                                    `Query|Mutation{a=a|b}`,
		`subscription { orders { id } }`:                                       `Subscription{orders=orders{id=id}}`,
	} {
		in := graphqlOf(t, "/graphql", `{"query":"`+query+`"}`)
		got, whole := in.Selected()
		if selected(got) != want || !whole {
			t.Errorf("%s:\n%s, whole %t, want\n%s", query, selected(got), whole, want)
		}
		if again, _ := in.Selected(); again != got {
			t.Errorf("%s is read anew", query)
		}
	}
}

func TestSelected_BatchesAndBothPlaces_AreOne(t *testing.T) {
	in := graphqlOf(t, "/graphql?query={q}", `[{"query":"{ a }"},{"query":"{ a: b c }","operationName":"none"}]`)
	if got, whole := in.Selected(); selected(got) != `Query{a=a|b c=c q=q}` || !whole {
		t.Errorf("%s, whole %t", selected(got), whole)
	}
	in = graphqlOf(t, "/graphql", `{"operationName":"B","query":"query A { a } query B { b }"}`)
	if got, whole := in.Selected(); selected(got) != `Query{b=b}` || !whole {
		t.Errorf("one of two that is chosen: %s, whole %t", selected(got), whole)
	}
}

func TestSelected_TooMuchOrUnread_IsNotWhole(t *testing.T) {
	var bomb strings.Builder
	for i := range 20 {
		fmt.Fprintf(&bomb, "fragment f%d on Query { x: self { ...f%d } y: self { ...f%d } } ", i, i+1, i+1)
	}
	for name, body := range map[string]string{
		"a bomb":     `{"query":"{ ...f0 } ` + bomb.String() + `fragment f20 on Query { z }"}`,
		"not whole":  `{"query":"{ a { b }"}`,
		"by a hash":  `{"extensions":{"persistedQuery":{"sha256Hash":"00"}}}`,
		"a circle":   `{"query":"{ ...a } fragment a on Query { x { ...a } }"}`,
		"wide names": `{"query":"{ ` + strings.Repeat("x", 9000) + ` { y(z: 1) } }"}`,
	} {
		if got, whole := graphqlOf(t, "/graphql", body).Selected(); whole || got == nil {
			t.Errorf("%s is taken for whole: %.200s", name, selected(got))
		}
	}
}
