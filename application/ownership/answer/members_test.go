package answer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestMembers_GivesThePathsOfMembers(t *testing.T) {
	deep := func(n int) string { return strings.Repeat(`{"a":[`, n/2) + `{"b":1` }
	for body, want := range map[string][]string{
		`{"id":1,"owner":{"name":"x","tags":["a","b"]},"n":null}`: {"id", "owner", "owner.name", "owner.tags", "n"},
		`[{"a":1},{"a":2,"b":"c"}]`:                               {"[].a", "[].b"},
		`[[{"a":1}],[{"b":2}]]`:                                   {"[].[].a", "[].[].b"},
		`{"rows":[{"a":{"b":[]}}],"z":"end"}`:                     {"rows", "rows.[].a", "rows.[].a.b", "z"},
		`[{"a":1,"b":2},{"b":1,"a":2},{"c":true,"a":-1e5}]`:       {"[].a", "[].b", "[].c"},
		` { "a" : { } , "b" : [ ] , "c" : "}\"," } `:              {"a", "b", "c"},
		`{"a.b":1,"a":{"b":2}}`:                                   {"a.b", "a"},
		`{"na\u006de":1,"\u00fc":2,"ü":3}`:                        {"name", "ü"},
		`{"\ud800":1}`:                                            {`\ud800`},
		`{"a":1}` + "\n" + `{"b":2}`:                              {"a", "b"},
		`{"a":"b","c`:                                             {"a"},
		`{"a":{"b":`:                                              {"a", "a.b"},
		`{"a":1,}`:                                                {"a"},
		`{"a":1 "b":2}`:                                           {"a"},
		`{"a":x,"b":2}`:                                           {"a"},
		`<html>{"a":1}`:                                           nil,
		`"text"`:                                                  nil,
		``:                                                        nil,
		deep(14):                                                  {"a", "a.[].a", "a.[].a.[].a", "a.[].a.[].a.[].a", "a.[].a.[].a.[].a.[].a", "a.[].a.[].a.[].a.[].a.[].a", "a.[].a.[].a.[].a.[].a.[].a.[].a", "a.[].a.[].a.[].a.[].a.[].a.[].a.[].b"},
	} {
		if got := Members([]byte(body), 256); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
	if got := Members([]byte(deep(16)), 256); slices.ContainsFunc(got, func(m string) bool { return strings.HasSuffix(m, "b") }) {
		t.Errorf("below 16 there is %q", got)
	}
}

func TestMembers_Many_AreBounded(t *testing.T) {
	var keys, paths bytes.Buffer
	for i := range 20_000 {
		fmt.Fprintf(&keys, `"%d":1,`, i)
	}
	long := strings.Repeat("n", 250)
	fmt.Fprintf(&paths, `{"%s":{%s"z":{"y":1}},"behind":1}`, long, keys.String())
	if got := Members([]byte("{"+keys.String()), 256); len(got) != 256 {
		t.Errorf("%d members, want 256", len(got))
	}
	got := Members(paths.Bytes(), 100_000)
	if last := got[len(got)-1]; last != "behind" || slices.ContainsFunc(got, func(m string) bool { return len(m) > maxPath }) {
		t.Errorf("%d members, the last is %q", len(got), last)
	}
}

// membersByTokens is Members by encoding/json, slowly; for bodies without empty
// names.
func membersByTokens(body []byte) (all []string) {
	d := json.NewDecoder(bytes.NewReader(body))
	type open struct {
		path  string
		array bool
		named bool // of an object: the next is a value
	}
	var stack []open
	name := ""
	for len(all) < 256 {
		t, err := d.Token()
		if err != nil {
			return all
		}
		var in *open
		if len(stack) > 0 {
			in = &stack[len(stack)-1]
		}
		if text, is := t.(string); is && in != nil && !in.array && !in.named {
			in.named = true
			name = strings.TrimPrefix(in.path+"."+text, ".")
			if len(name) <= maxPath && !slices.Contains(all, name) {
				all = append(all, name)
			}
			continue
		}
		at := name
		if in != nil {
			if in.named = false; in.array {
				at = strings.TrimPrefix(in.path+".[]", ".")
			}
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			if len(stack) == memberDepth {
				return all
			}
			stack = append(stack, open{path: at, array: t == json.Delim('[')})
		case json.Delim('}'), json.Delim(']'):
			stack = stack[:len(stack)-1]
			name = ""
			if len(stack) > 0 {
				stack[len(stack)-1].named = false
			}
		}
	}
	return all
}

func FuzzMembers_AsEncodingJSON(f *testing.F) {
	for _, s := range []string{`{"id":1,"owner":{"name":"x","tags":["a",{"b":1}]},"n":null}`, `[{"a":1},{"a":2,"b":"c"}]`, `[[1,{"x":[]}],{"y":{}}]`, `{"a.b":{"c":1},"a":{"b":{"c":2}}}`, `{"a":1} [{"b":2}]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if !json.Valid(body) || bytes.ContainsAny(body, `\`) || bytes.Contains(body, []byte(`""`)) || !validText(body) || bytes.Contains(body, []byte(`".`)) {
			return
		}
		if got, want := Members(body, 256), membersByTokens(body); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	})
}

func validText(b []byte) bool { return bytes.Equal(b, bytes.ToValidUTF8(b, nil)) }

func BenchmarkMembers(b *testing.B) {
	var body bytes.Buffer
	body.WriteString(`{"id":1,"user_id":7,"lines":[`)
	for i := range 120 {
		fmt.Fprintf(&body, `{"product":"Heron teapot number %d","maker":"Wren & Alder","price":1000,"quantity":1},`, i)
	}
	body.WriteString(`{}]}`)
	b.SetBytes(int64(body.Len()))
	b.ReportAllocs()
	for b.Loop() {
		Members(body.Bytes(), 256)
	}
}
