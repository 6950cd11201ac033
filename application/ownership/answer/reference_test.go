package answer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// The reference reads answers with encoding/json, one level at a time, and
// follows each path by itself.

type refMember struct {
	name    string
	rawName string
	value   []byte
}

// refObject gives the members of an object, in order.
func refObject(raw []byte) []refMember {
	d := json.NewDecoder(bytes.NewReader(raw))
	var members []refMember
	must(d.Token())
	for d.More() {
		from := d.InputOffset()
		name := must(d.Token()).(string)
		rawName := bytes.TrimLeft(raw[from:d.InputOffset()], " \t\r\n,{")
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			panic(err)
		}
		members = append(members, refMember{name, string(rawName), bytes.TrimSpace(value)})
	}
	return members
}

func refArray(raw []byte) []json.RawMessage {
	var elements []json.RawMessage
	if err := json.Unmarshal(raw, &elements); err != nil {
		panic(err)
	}
	return elements
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

var errRef = errors.New("readers differ, or it is not what the paths say")

// refThing gives the owners in one value. found is false where an element of an
// array has none.
func refThing(raw []byte, paths [][]step) (owners []string, found bool, err error) {
	raw = bytes.TrimSpace(raw)
	ends, members, elements := false, map[string][][]step{}, [][]step(nil)
	for _, p := range paths {
		switch {
		case len(p) == 0:
			ends = true
		case p[0].element:
			elements = append(elements, p[1:])
		default:
			members[p[0].name] = append(members[p[0].name], p[1:])
		}
	}
	found = true
	add := func(raw []byte, paths [][]step) bool {
		more, whole, e := refThing(raw, paths)
		owners, found, err = append(owners, more...), found && whole, errors.Join(err, e)
		return len(more) > 0
	}
	switch {
	case raw[0] == '{' && len(members) > 0:
		before := map[string][]byte{}
		for _, m := range refObject(raw) {
			if paths, ok := members[m.name]; ok {
				if had, ok := before[m.name]; ok && !bytes.Equal(had, m.value) {
					err = errRef
				}
				before[m.name] = m.value
				add(m.value, paths)
			}
		}
	case raw[0] == '[' && elements != nil:
		for _, e := range refArray(raw) {
			if !add(e, elements) {
				found = false
			}
		}
	case raw[0] == '{' || raw[0] == '[':
		if ends || len(bytes.TrimSpace(raw[1:len(raw)-1])) > 0 {
			err = errRef
		}
	case string(raw) == "null" || string(raw) == "false" || string(raw) == "true" && ends:
	case !ends:
		err = errRef
	case raw[0] == '"':
		var text string
		if json.Unmarshal(raw, &text) != nil || len(text) > maxValue {
			err = errRef
		}
		if text != "" {
			owners = append(owners, text)
		}
	default:
		if len(raw) > maxValue {
			err = errRef
		}
		owners = append(owners, string(raw))
	}
	return owners, found, err
}

// refCut gives the value without the items that are not the owner's, compact;
// whether the list was there; and how many were cut.
func refCut(raw []byte, items []step, paths [][]step, owner string) (out []byte, there bool, cut int, err error) {
	raw = bytes.TrimSpace(raw)
	if s := string(raw); s == "null" || s == "false" || (s[0] == '{' && items[0].element || s[0] == '[') && strings.TrimSpace(s[1:len(s)-1]) == "" {
		return raw, true, 0, nil
	}
	var parts [][]byte
	switch {
	case raw[0] == '{' && !items[0].element:
		listed := false
		for _, m := range refObject(raw) {
			value := m.value
			if m.name == items[0].name {
				if listed {
					err = errRef
				}
				listed = true
				var n int
				var e error
				if value, there, n, e = refCut(value, items[1:], paths, owner); e != nil {
					err = e
				}
				cut += n
			}
			parts = append(parts, fmt.Appendf(nil, "%s:%s", m.rawName, value))
		}
		return slices.Concat([]byte("{"), bytes.Join(parts, []byte(",")), []byte("}")), there, cut, err
	case raw[0] == '[' && items[0].element:
		for _, e := range refArray(raw) {
			if len(items) > 1 {
				part, was, n, e2 := refCut(e, items[1:], paths, owner)
				if !was || e2 != nil {
					err = errRef
				}
				parts, cut = append(parts, part), cut+n
				continue
			}
			owners, found, e2 := refThing(e, paths)
			if e2 != nil {
				err = e2
			}
			if found && len(owners) > 0 && !slices.ContainsFunc(owners, func(o string) bool { return o != owner }) {
				parts = append(parts, e)
			} else {
				cut++
			}
		}
		return slices.Concat([]byte("["), bytes.Join(parts, []byte(",")), []byte("]")), true, cut, err
	}
	return raw, false, 0, errRef
}

func refDepth(body []byte) int {
	d := json.NewDecoder(bytes.NewReader(body))
	deepest, depth := 0, 0
	for {
		token, err := d.Token()
		if err != nil {
			return deepest
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
			deepest = max(deepest, depth)
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
	}
}

var readPlans = []Options{
	one("u"), one("a.u"), one("a.u", "u"), one("a[].u"), one("a[].l[].u", "a[].n"), one("[].u", "u"), one("a", "a.u"), one("[][]"), one(`"x\\y"`),
	{Owner: []string{"u"}, Items: "[]"}, {Owner: []string{"u", "l[].n"}, Items: "a[]"}, {Owner: []string{"u"}, Items: "g[].a[]"}, {Owner: []string{"[]"}, Items: "l[]"},
}

func steps(t *testing.T, paths []string) (parsed [][]step) {
	t.Helper()
	for _, p := range paths {
		parsed = append(parsed, must(parsePath(p)))
	}
	return parsed
}

// agrees holds Read, and Cut where the plan has items, to the reference.
func agrees(t *testing.T, o Options, body []byte) {
	t.Helper()
	p := plan(t, o)
	got, err := p.Read(body)
	fault := Fault("")
	if err != nil {
		fault = err.(*Error).Fault
	}
	switch valid := json.Valid(body); {
	case fault == TooDeep || refDepth(body) > maxDepth:
		if refDepth(body) <= maxDepth || err == nil {
			t.Fatalf("%q: %v, and it is %d deep", body, err, refDepth(body))
		}
		return
	case !valid && err == nil, valid && (fault == NotJSON || fault == Truncated):
		t.Fatalf("%q: %v; encoding/json: %v", body, err, valid)
	case !valid, !utf8.Valid(body) || bytes.Contains(bytes.ToLower(body), []byte(`\ud`)):
		return // encoding/json can't tell what was no Unicode
	}
	if o.Items != "" {
		agreesCut(t, o, p, body, got, err)
		return
	}
	owners, found, refErr := refThing(body, steps(t, o.Owner))
	if (refErr != nil) != (err != nil) {
		t.Fatalf("%q by %q: %v; the reference: %v", body, o.Owner, err, refErr)
	}
	if err != nil {
		return
	}
	want := distinct(owners)
	if len(want) > maxOwners {
		want, found = want[:maxOwners], false
	}
	if !slices.Equal(got.Owner, want) || got.Complete != (found && len(want) > 0) {
		t.Fatalf("%q by %q: %q, %v; the reference: %q, %v", body, o.Owner, got.Owner, got.Complete, want, found)
	}
}

func distinct(texts []string) (out []string) {
	for _, text := range texts {
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return out
}

func agreesCut(t *testing.T, o Options, p *Plan, body []byte, read Owners, readErr error) {
	t.Helper()
	want, there, wantCut, refErr := refCut(body, must(parsePath(o.Items)), steps(t, o.Owner), "7")
	out, cut, kept, err := p.Cut(nil, body, ownedBy("7"))
	if (err != nil) != (refErr != nil || !there) || (err != nil) != (readErr != nil) {
		t.Fatalf("%q by %q: %v, read: %v; the reference: %v, %v", body, o.Items, err, readErr, refErr, there)
	}
	if err != nil {
		return
	}
	var compact, compactWant bytes.Buffer
	if err := json.Compact(&compact, out); err != nil {
		t.Fatalf("%q by %q: %q: %v", body, o.Items, out, err)
	}
	if err := json.Compact(&compactWant, want); err != nil {
		t.Fatal(err)
	}
	if compact.String() != compactWant.String() || cut != wantCut {
		t.Fatalf("%q by %q: %q, %d cut; the reference: %q, %d", body, o.Items, out, cut, want, wantCut)
	}
	if cut == 0 && !bytes.Equal(out, body) || !within(out, body) {
		t.Fatalf("%q by %q: %q: what stays is not as it was", body, o.Items, out)
	}
	if kept == 0 && cut > 0 && read.Complete && len(read.Owner) == 1 && read.Owner[0] == "7" {
		t.Fatalf("%q by %q: read as %q, and everything was cut", body, o.Items, read.Owner)
	}
	// Cut again, nothing goes.
	if again, cut, _, err := p.Cut(nil, out, ownedBy("7")); err != nil || cut != 0 || !bytes.Equal(again, out) {
		t.Fatalf("%q by %q: %q, again: %q, %d, %v", body, o.Items, out, again, cut, err)
	}
}

// within reports whether out is left of body where bytes are taken out.
func within(out, body []byte) bool {
	for _, c := range out {
		i := bytes.IndexByte(body, c)
		if i < 0 {
			return false
		}
		body = body[i+1:]
	}
	return true
}

var seeds = []string{
	`{"u":7}`, `[{"u":7},{"u":8}]`, `{"a":[{"u":7,"l":[{"u":1}]} , {"n":"x\u00e9\ud83d\ude00"}],"u":-1.5e+3}`, `{"g":[{"a":[{"u":"7"},null]},{"a":null}]}`,
	`{"\u0075":7,"u":7}`, `{"u":7,"u":8}`, `[[1],[2,3]]`, `{"l":[[7],[8]]}`, `{"x\\y":[]}`, "", "{", "[1,]", `{"u":07}`, "\ufeff{}", "{} {}", "nul", `{"u":"\ud800"}`, "\"\xff\"",
	`{"u":"` + "\x00" + `"}`, strings.Repeat("[", 70), `{"u":9007199254740993,"a":{"u":-0}}`, `[ {"u":8} , {"u":7} ]`,
}

func FuzzRead(f *testing.F) {
	for i, seed := range seeds {
		f.Add(uint8(i), []byte(seed))
	}
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		agrees(t, readPlans[int(which)%9], body)
	})
}

func FuzzCut(f *testing.F) {
	for i, seed := range seeds {
		f.Add(uint8(i), []byte(seed))
	}
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		agrees(t, readPlans[9+int(which)%4], body)
	})
}

// random makes answers of few names and values, so that paths meet them.
type random struct {
	*rand.Rand
	b strings.Builder
}

func (r *random) pick(of ...string) string { return of[r.IntN(len(of))] }

func (r *random) value(depth int) {
	r.b.WriteString(r.pick("", "", "", " ", "\n "))
	if depth == 0 || r.IntN(4) == 0 {
		r.b.WriteString(r.pick("7", "7", `"7"`, "8", `"\u0037"`, "null", "false", "true", `""`, "7.0", "0", "[]", "{ }", `"a\"b\\ü"`, `"`+strings.Repeat("x", r.IntN(30))+`"`))
	} else if r.IntN(2) == 0 {
		r.list("[", "]", func() { r.value(depth - 1) })
	} else {
		r.list("{", "}", func() {
			r.b.WriteString(r.pick(`"u"`, `"a"`, `"n"`, `"g"`, `"l"`, `"x"`, `"\u0075"`, `"some other name"`) + r.pick(":", ":", " :"))
			r.value(depth - 1)
		})
	}
	r.b.WriteString(r.pick("", "", "", " ", "\r\n\t"))
}

func (r *random) list(open, end string, one func()) {
	r.b.WriteString(open)
	for i := range r.IntN(5) {
		if i > 0 {
			r.b.WriteByte(',')
		}
		one()
	}
	r.b.WriteString(end)
}

func TestReadAndCut_RandomAnswers_AgreeWithEncodingJSON(t *testing.T) {
	r := &random{Rand: rand.New(rand.NewPCG(8, 1))}
	complete, cut := 0, 0
	for range 40_000 {
		r.b.Reset()
		o := readPlans[r.IntN(len(readPlans))]
		shaped(r, o)
		body := []byte(r.b.String())
		agrees(t, o, body)
		if got, err := plan(t, o).Read(body); err == nil && got.Complete {
			complete++
		}
		if o.Items != "" {
			if _, n, kept, err := plan(t, o).Cut(nil, body, ownedBy("7")); err == nil && n > 0 && kept > 0 {
				cut++
			}
		}
		// What is broken somewhere is refused as encoding/json refuses it.
		i := r.IntN(len(body))
		agrees(t, o, slices.Concat(body[:i], []byte(r.pick("", "\"", "}", ",", "\\", "0", "\x00")), body[min(i+r.IntN(2), len(body)):]))
		agrees(t, o, body[:i])
	}
	if complete < 2000 || cut < 500 {
		t.Errorf("the random answers are too wild: %d complete, %d cut", complete, cut)
	}
}

// shaped makes an answer that is often what the plan expects.
func shaped(r *random, o Options) {
	if r.IntN(3) == 0 {
		r.value(4)
		return
	}
	path := o.Owner[r.IntN(len(o.Owner))]
	all := must(parsePath(path))
	if o.Items != "" {
		all = append(must(parsePath(o.Items)), all...)
	}
	r.along(all)
}

func (r *random) along(path []step) {
	switch {
	case len(path) == 0:
		r.b.WriteString(r.pick("7", "7", `"7"`, "8", `"\u0037"`, strconv.Itoa(r.IntN(100))))
	case path[0].element:
		r.list("[ ", " ]", func() { r.along(path[1:]) })
	default:
		r.b.WriteString(`{"x": 1, ` + strconv.Quote(path[0].name) + " : ")
		r.along(path[1:])
		if r.IntN(5) == 0 {
			r.b.WriteString(`,"y":`)
			r.value(2)
		}
		r.b.WriteString("}")
	}
}

func TestCut_RandomCounts_AreLoweredByWhatIsCut(t *testing.T) {
	p := plan(t, Options{Owner: []string{"u"}, Items: "a[]", Counts: []string{"n", "meta.n"}})
	r := rand.New(rand.NewPCG(8, 2))
	for range 2000 {
		var items, own []string
		for i := range r.IntN(8) {
			who := 7 + r.IntN(2)
			item := fmt.Sprintf(`{"u":%d,"i":%d}`, who, i)
			if items = append(items, item); who == 7 {
				own = append(own, item)
			}
		}
		cut := len(items) - len(own)
		body := func(list []string, cut int) string {
			return fmt.Sprintf(`{"n":%d,"a":[%s],"meta":{"n": %d }}`, 100-cut, strings.Join(list, ", "), 20-cut)
		}
		out, n, kept, err := p.Cut(nil, []byte(body(items, 0)), ownedBy("7"))
		if err != nil || string(out) != body(own, cut) || n != cut || kept != len(own) {
			t.Fatalf("%s: %s, %d, %d, %v", body(items, 0), out, n, kept, err)
		}
	}
}
