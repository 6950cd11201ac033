package answer

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func plan(t testing.TB, o Options) *Plan {
	t.Helper()
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// say puts owners into a line: owners, tenants after a slash, and a question
// mark where they are not all.
func say(o Owners) string {
	s := strings.Join(o.Owner, ",")
	if o.Tenant != nil {
		s += "/" + strings.Join(o.Tenant, ",")
	}
	if !o.Complete {
		s += "?"
	}
	return s
}

func one(paths ...string) Options { return Options{Owner: paths} }

func TestRead_OneThing_GivesItsOwners(t *testing.T) {
	for _, c := range []struct {
		name string
		o    Options
		body string
		want string
	}{
		{"a number", one("user_id"), `{"id":1,"user_id":7}`, "7"},
		{"a string of digits is the number", one("user_id"), ` { "user_id" : "7" } ` + "\n", "7"},
		{"a number with a fraction is another", one("user_id"), `{"user_id":7.0}`, "7.0"},
		{"a number with an exponent is another", one("user_id"), `{"user_id":1e3}`, "1e3"},
		{"leading zeros are another", one("user_id"), `{"user_id":"007"}`, "007"},
		{"minus zero is another", one("user_id"), `{"user_id":-0}`, "-0"},
		{"beyond 2^53", one("user_id"), `{"user_id":9007199254740993}`, "9007199254740993"},
		{"beyond 2^64", one("user_id"), `{"user_id":123456789012345678901234567890}`, "123456789012345678901234567890"},
		{"case is kept", one("user"), `{"user":"Bob@Example.org"}`, "Bob@Example.org"},
		{"Unicode's form is kept", one("user"), "{\"user\":\"e\u0301\"}", "e\u0301"},
		{"escapes", one("user"), `{"user":"\u0062o\"\\\/\b\f\n\r\tb\u00e9\ud83d\ude00"}`, "bo\"\\/\b\f\n\r\tbé😀"},
		{"NUL stays", one("user"), `{"user":"7\u0000"}`, "7\x00"},
		{"an escape in the name", one("user_id"), `{"user\u005fid":7,"x":1}`, "7"},
		{"another name with NUL", one("user_id"), `{"user_id\u0000":7}`, "?"},
		{"another case of the name", one("user_id"), `{"User_ID":7}`, "?"},
		{"deeper", one("data.owner.id"), `{"data":{"x":[{"owner":1}],"owner":{"id":"a","name":"b"}}}`, "a"},
		{"not at that depth", one("owner.id"), `{"data":{"owner":{"id":1}}}`, "?"},
		{"a quoted name", one(`"a.b"."c\"[]"`), `{"a.b":{"c\"[]":1}}`, "1"},
		{"every element", one("lines[].user_id"), `{"lines":[{"user_id":1},{"user_id":2},{"user_id":1}]}`, "1,2"},
		{"an element without", one("lines[].user_id"), `{"lines":[{"user_id":1},{"x":2}]}`, "1?"},
		{"an element that is null", one("lines[].user_id"), `{"lines":[{"user_id":1},null]}`, "1?"},
		{"no element", one("lines[].user_id"), `{"lines":[]}`, "?"},
		{"scalars", one("members[]"), `{"members":[1,"2"]}`, "1,2"},
		{"scalars, one null", one("members[]"), `{"members":[1,null]}`, "1?"},
		{"arrays of arrays", one("[][]"), `[[1,2],[3]]`, "1,2,3"},
		{"arrays of arrays, one empty", one("[][]"), `[[1,2],[]]`, "1,2?"},
		{"the root is an array", one("[].u"), `[{"u":1}]`, "1"},
		{"several, one is there", one("user_id", "owner.id"), `{"owner":{"id":2}}`, "2"},
		{"several, both are there", one("user_id", "owner.id"), `{"owner":{"id":2},"user_id":1}`, "2,1"},
		{"several, in elements one or the other", one("l[].a", "l[].b"), `{"l":[{"a":1},{"b":2}]}`, "1,2"},
		{"either form", one("data.u", "data[].u"), `{"data":[{"u":1}]}`, "1"},
		{"either form", one("owner", "owner.id"), `{"owner":{"id":1}}`, "1"},
		{"either form", one("owner", "owner.id"), `{"owner":1}`, "1"},
		{"all, both are there", Options{Owner: []string{"a", "b"}, All: true}, `{"a":1,"b":1}`, "1"},
		{"all, one is there", Options{Owner: []string{"a", "b"}, All: true}, `{"a":1}`, "1?"},
		{"all, one in each element", Options{Owner: []string{"a", "l[].b"}, All: true}, `{"a":1,"l":[{"b":1},{}]}`, "1?"},
		{"all, an empty array", Options{Owner: []string{"a", "l[].b"}, All: true}, `{"a":1,"l":[]}`, "1?"},
		{"null", one("user_id"), `{"user_id":null}`, "?"},
		{"true", one("user_id"), `{"user_id":true}`, "?"},
		{"false", one("user_id"), `{"user_id":false}`, "?"},
		{"empty", one("user_id"), `{"user_id":""}`, "?"},
		{"null on the way", one("owner.id"), `{"owner":null}`, "?"},
		{"PHP's empty object", one("owner.id"), `{"owner":[]}`, "?"},
		{"an error page in JSON", one("user_id"), `{"error":"not found"}`, "?"},
		{"a tenant beside", Options{Owner: []string{"u"}, Tenant: []string{"t"}}, `{"u":1,"t":"x"}`, "1/x"},
		{"a tenant is missing", Options{Owner: []string{"u"}, Tenant: []string{"t"}}, `{"u":1}`, "1?"},
		{"an owner is missing", Options{Owner: []string{"u"}, Tenant: []string{"t"}}, `{"t":1}`, "/1?"},
		{"tenant alone", Options{Tenant: []string{"t"}}, `{"t":1}`, "/1"},
		{"twice the same", one("user_id"), `{"user_id":7,"user_id":7}`, "7"},
		{"beside it, twice", one("user_id"), `{"x":7,"user_id":7,"x":8}`, "7"},
		{"beside it, no Unicode", one("user_id"), "{\"x\":\"\xff\\ud800\",\"user_id\":7}", "7"},
		{"items together", Options{Owner: []string{"u"}, Items: "[]"}, `[{"u":1},{"u":2}]`, "1,2"},
		{"items together, one without", Options{Owner: []string{"u"}, Items: "[]"}, `[{"u":1},{}]`, "1?"},
		{"items, none", Options{Owner: []string{"u"}, Items: "a.b[]"}, `{"a":{"b":[]}}`, ""},
		{"items, Go's empty list", Options{Owner: []string{"u"}, Items: "a.b[]"}, `{"a":{"b":null}}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := plan(t, c.o).Read([]byte(c.body))
			if err != nil || say(got) != c.want {
				t.Errorf("%s: %q, %v; want %q", c.body, say(got), err, c.want)
			}
		})
	}
}

func TestRead_WhatReadersTakeDifferently_IsAnError(t *testing.T) {
	owner := one("user_id")
	for _, c := range []struct {
		name string
		o    Options
		body string
		want Fault
	}{
		{"nothing", owner, ``, Truncated},
		{"white space", owner, " \n", Truncated},
		{"a page", owner, `<html><body>sorry`, NotJSON},
		{"truncated behind the owner", owner, `{"user_id":7`, Truncated},
		{"truncated in a string", owner, `{"user_id":7,"x":"a`, Truncated},
		{"truncated in an escape", owner, `{"user_id":7,"x":"\u00`, Truncated},
		{"truncated in a word", owner, `{"user_id":7,"x":tru`, Truncated},
		{"truncated in a number", owner, `{"user_id":-`, Truncated},
		{"several values", owner, `{"user_id":7} {"user_id":8}`, NotJSON},
		{"garbage behind", owner, `{"user_id":7}x`, NotJSON},
		{"NUL behind", owner, "{\"user_id\":7}\x00", NotJSON},
		{"a byte order mark", owner, "\uFEFF" + `{"user_id":7}`, NotJSON},
		{"a guard in front", owner, ")]}'\n" + `{"user_id":7}`, NotJSON},
		{"UTF-16", owner, "{\x00\"\x00u\x00", NotJSON},
		{"a comma at the end", owner, `{"user_id":7,}`, NotJSON},
		{"single quotes", owner, `{'user_id':7}`, NotJSON},
		{"a comment", owner, `{"user_id":7/**/}`, NotJSON},
		{"a number with a zero in front", owner, `{"user_id":07}`, NotJSON},
		{"a number with a plus", owner, `{"user_id":+7}`, NotJSON},
		{"NaN", owner, `{"user_id":NaN}`, NotJSON},
		{"a control character", owner, "{\"user_id\":\"7\n\"}", NotJSON},
		{"an unknown escape", owner, `{"user_id":"\x37"}`, NotJSON},
		{"brackets crossed", owner, `{"x":[1},"user_id":7]`, NotJSON},
		{"twice", owner, `{"user_id":7,"user_id":8}`, Twice},
		{"twice, once escaped", owner, `{"user_id":7,"user\u005fid":8}`, Twice},
		{"twice, once null", owner, `{"user_id":7,"user_id":null}`, Twice},
		{"twice on the way", one("o.id"), `{"o":{"id":7},"o":{"id":7,"x":1}}`, Twice},
		{"twice on the way, once null", one("o.id"), `{"o":null,"o":{"id":7}}`, Twice},
		{"an object", owner, `{"user_id":{"$oid":"7"}}`, NotScalar},
		{"an array", owner, `{"user_id":[7]}`, NotScalar},
		{"an empty array", owner, `{"user_id":[]}`, NotScalar},
		{"a string on the way", one("owner.id"), `{"owner":"7"}`, UnexpectedType},
		{"an array on the way", one("owner.id"), `{"owner":[{"id":7}]}`, UnexpectedType},
		{"an object for an array", one("l[].id"), `{"l":{"id":7}}`, UnexpectedType},
		{"the root is an array", owner, `[{"user_id":7}]`, UnexpectedType},
		{"the root is a string", owner, `"x"`, UnexpectedType},
		{"not UTF-8", owner, "{\"user_id\":\"7\xff\"}", InvalidText},
		{"half a surrogate pair", owner, `{"user_id":"7\ud800"}`, InvalidText},
		{"half a surrogate pair, and an escape", owner, `{"user_id":"7\ud800\u0041"}`, InvalidText},
		{"surrogates the wrong way round", owner, `{"user_id":"7\ude00\ud83d"}`, InvalidText},
		{"a name that is not UTF-8", owner, "{\"user\xff_id\":8,\"user_id\":7}", InvalidText},
		{"a name with half a pair", owner, `{"user\ud800_id":8,"user_id":7}`, InvalidText},
		{"a long value", owner, `{"user_id":"` + strings.Repeat("7", 513) + `"}`, TooLong},
		{"a long number", owner, `{"user_id":1` + strings.Repeat("0", 1<<20) + `}`, TooLong},
		{"deep", owner, `{"x":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, TooDeep},
		{"deep without an end", owner, `{"x":` + strings.Repeat(`{"":[`, 1<<19), TooDeep},
		{"items, not there", Options{Owner: []string{"u"}, Items: "a[]"}, `{"A":[{"u":1}]}`, NoItems},
		{"items, not in every array", Options{Owner: []string{"u"}, Items: "g[].a[]"}, `{"g":[{"a":[]},{}]}`, NoItems},
		{"items, an object by key", Options{Owner: []string{"u"}, Items: "a[]"}, `{"a":{"1":{"u":1}}}`, UnexpectedType},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := plan(t, c.o).Read([]byte(c.body))
			var e *Error
			if !errors.As(err, &e) || e.Fault != c.want {
				t.Errorf("%.100s: %v, %v; want %q", c.body, got, err, c.want)
			}
			if got.Complete || got.Owner != nil {
				t.Errorf("an error, and owners beside: %v", got)
			}
		})
	}
}

func TestCut_List_HoldsOwnItemsOnly(t *testing.T) {
	root := Options{Owner: []string{"u"}, Items: "[]"}
	orders := Options{Owner: []string{"u"}, Items: "data.orders[]", Counts: []string{"total", "data.count"}}
	for _, c := range []struct {
		name      string
		o         Options
		body      string
		want      string
		cut, kept int
	}{
		{"all own", root, `[{"u":7}, {"u":"7"}]`, `[{"u":7}, {"u":"7"}]`, 0, 2},
		{"none own", root, "[\n {\"u\":8},\n {\"u\":9}\n]\n", "[]\n", 2, 0},
		{"the first is another's", root, "[\n {\"u\":8},\n {\"u\":7}\n]", "[\n {\"u\":7}\n]", 1, 1},
		{"the last is another's", root, "[\n {\"u\":7},\n {\"u\":8}\n]", "[\n {\"u\":7}\n]", 1, 1},
		{"the middle is another's", root, `[{"u":7} , {"u":8} , {"u":7}]`, `[{"u":7} , {"u":7}]`, 1, 2},
		{"own ones between", root, `[{"u":8},{"u":9},{"u":7},{"u":8},{"u":9},{"u":7,"x":1},{"u":9}]`, `[{"u":7},{"u":7,"x":1}]`, 5, 2},
		{"one without an owner", root, `[{"u":7},{},{"u":null},null]`, `[{"u":7}]`, 3, 1},
		{"empty", root, `[ ]`, `[ ]`, 0, 0},
		{"null", root, `null`, `null`, 0, 0},
		{"counts before and behind", orders, `{"total": 30, "data":{"orders":[{"u":8},{"u":7}],"count":2}}`, `{"total": 29, "data":{"orders":[{"u":7}],"count":1}}`, 1, 1},
		{"counts where nothing is cut", orders, `{"total": 0.5, "data":{"orders":[{"u":7}],"count":"1"}}`, `{"total": 0.5, "data":{"orders":[{"u":7}],"count":"1"}}`, 0, 1},
		{"counts that do not count", orders, `{"total":null,"data":{"orders":[{"u":8}],"count":-1}}`, `{"total":null,"data":{"orders":[],"count":-1}}`, 1, 0},
		{"arrays of lists", Options{Owner: []string{"u"}, Items: "g[].a[]", Counts: []string{"n"}}, `{"g":[{"a":[{"u":7},{"u":8}]},{"a":[{"u":8}]},{"a":null}],"n":3}`, `{"g":[{"a":[{"u":7}]},{"a":[]},{"a":null}],"n":1}`, 2, 1},
		{"arrays in an item", Options{Owner: []string{"l[].u"}, Items: "[]"}, `[{"l":[{"u":7},{"u":8}]},{"l":[{"u":7}]},{"l":[]}]`, `[{"l":[{"u":7}]}]`, 2, 1},
		{"scalars as items", Options{Owner: []string{"[]"}, Items: "[]"}, `[[7],[8]]`, `[[7]]`, 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, cut, kept, err := plan(t, c.o).Cut([]byte("before "), []byte(c.body), ownedBy("7"))
			if err != nil || string(out) != "before "+c.want || cut != c.cut || kept != c.kept {
				t.Errorf("%s: %s, %d cut, %d kept, %v; want %s", c.body, out, cut, kept, err, c.want)
			}
		})
	}
}

func ownedBy(id string) func(Owners) bool {
	return func(o Owners) bool {
		return o.Complete && !slices.ContainsFunc(o.Owner, func(owner string) bool { return owner != id })
	}
}

func TestCut_WhatItCannotCut_IsAnError(t *testing.T) {
	o := Options{Owner: []string{"u"}, Items: "a[]", Counts: []string{"n"}}
	for _, c := range []struct {
		body string
		want Fault
	}{
		{`{"a":[{"u":8}],"n":"1"}`, BadCount},
		{`{"a":[{"u":8}],"n":1.0}`, BadCount},
		{`{"a":[{"u":8}],"n":1e3}`, BadCount},
		{`{"a":[{"u":8}],"n":-0}`, BadCount},
		{`{"n":[],"a":[{"u":8}]}`, BadCount},
		{`{"a":[{"u":8}],"n":0}`, BadCount},
		{`{"a":[{"u":8}],"n":99999999999999999999}`, BadCount},
		{`{"a":[{"u":8}],"n":1,"n":2}`, Twice},
		{`{"a":[{"u":8}],"a":[]}`, Twice},
		{`{"a":[{"u":8,"u":7}]}`, Twice},
		{`{"a":[{"u":{}}]}`, NotScalar},
		{`{"a":[8]}`, UnexpectedType},
		{`{"a":[{"u":7}]`, Truncated},
		{`{"b":[{"u":8}]}`, NoItems},
	} {
		out, _, _, err := plan(t, o).Cut([]byte("before"), []byte(c.body), ownedBy("7"))
		var e *Error
		if !errors.As(err, &e) || e.Fault != c.want || string(out) != "before" {
			t.Errorf("%s: %s, %v; want %q", c.body, out, err, c.want)
		}
	}
	if _, _, _, err := plan(t, one("u")).Cut(nil, []byte(`{"u":7}`), ownedBy("7")); err == nil {
		t.Error("a plan without Items cuts")
	}
	if out, cut, _, err := plan(t, o).Cut(nil, []byte(`{"a":[{"u":7}]}`), nil); err != nil || cut != 1 || string(out) != `{"a":[]}` {
		t.Errorf("without a judge: %s, %d, %v", out, cut, err)
	}
}

func TestRead_MoreOwnersThanAreKept_IsNotComplete(t *testing.T) {
	var b strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&b, `,{"u":%d,"t":%d}`, i, i%70)
	}
	body := "[" + b.String()[1:] + "]"
	got, err := plan(t, Options{Owner: []string{"[].u"}, Tenant: []string{"[].t"}}).Read([]byte(body))
	if err != nil || got.Complete || !got.Overflow || len(got.Owner) != 64 || len(got.Tenant) != 64 {
		t.Errorf("%d owners, %v, %v", len(got.Owner), got.Complete, err)
	}
	// As items each is judged by its own.
	out, cut, kept, err := plan(t, Options{Owner: []string{"u"}, Items: "[]"}).Cut(nil, []byte(body), ownedBy("99999"))
	if err != nil || kept != 1 || cut != 99_999 || string(out) != `[{"u":99999,"t":39}]` {
		t.Errorf("%s, %d cut, %d kept, %v", out, cut, kept, err)
	}
}

func TestReadHeader_GivesOneOwnerALine(t *testing.T) {
	p := plan(t, Options{Header: "x-owner-id"})
	for _, c := range []struct {
		lines []string
		want  string
	}{
		{nil, "?"},
		{[]string{" "}, "?"},
		{[]string{" 7 "}, "7"},
		{[]string{"7", "8", "7"}, "7,8"},
		{[]string{"Doe, Jane"}, "Doe, Jane"},
	} {
		got, err := p.ReadHeader(http.Header{"X-Owner-Id": c.lines})
		if err != nil || say(got) != c.want {
			t.Errorf("%q: %q, %v; want %q", c.lines, say(got), err, c.want)
		}
	}
	for _, line := range []string{"\xff", strings.Repeat("7", 513)} {
		if got, err := p.ReadHeader(http.Header{"X-Owner-Id": {"7", line}}); err == nil {
			t.Errorf("%.20q: %v", line, got)
		}
	}
	if got, err := p.Read([]byte(`{}`)); err == nil || got.Complete {
		t.Errorf("a body read by a plan of a header: %v", got)
	}
	if got, err := new(Plan).Read([]byte(`{}`)); err != nil || got.Complete {
		t.Errorf("a plan of nothing: %v, %v", got, err)
	}
	if got, err := plan(t, one("u")).ReadHeader(http.Header{}); err == nil || got.Complete {
		t.Errorf("a header read by a plan of a body: %v", got)
	}
}
