package input

import (
	"strings"

	"github.com/gatehousehq/gatehouse"
)

// pairInputs adds the parameters of a query or of a form body, in each reading
// that backends give them.
func pairInputs(s string, kind gatehouse.PlaceKind, b *builder) *Error {
	if s == "" {
		return nil
	}
	f := form{kind: kind, b: b}
	pairs := strings.Count(s, "&") + 1
	b.grow(3 * pairs)
	f.names.list = make([]string, 0, min(pairs, 64))
	f.first = make([]string, 0, min(pairs, 64))
	for rest := s; rest != ""; {
		var pair string
		pair, rest, _ = strings.Cut(rest, "&")
		if err := f.pair(pair); err != nil {
			return err
		}
		if !strings.Contains(pair, ";") {
			continue
		}
		f.sub = true
		for sub := range strings.SplitSeq(pair, ";") {
			if err := f.pair(sub); err != nil {
				return err
			}
		}
		f.sub = false
	}
	if f.asked != nil {
		b.ask(f.asked)
	}
	return f.joined()
}

type form struct {
	kind  gatehouse.PlaceKind
	b     *builder
	names names
	// first holds the first value of each name, by its position in names;
	// repeat those of the names that came again.
	first  []string
	repeat map[int][]string
	// asked is what the pairs ask of GraphQL; sub is set in what is split at ";".
	asked *asked
	sub   bool
	// printableOnly skips pairs with other than printable ASCII in them.
	printableOnly bool
}

func (f *form) pair(pair string) *Error {
	if pair == "" {
		return nil
	}
	rawName, rawValue, _ := strings.Cut(pair, "=")
	name, value := unescape(rawName, true), unescape(rawValue, true)
	if f.printableOnly && (rawName == "" || rawValue == "" || !printable(name) || !printable(value)) {
		return nil
	}
	if asksMore(name) {
		f.ask(name, value)
	}
	place := placeName(name)
	if at, known := f.names.add(name); !known {
		f.first = append(f.first, value)
		if err := keyInputs(name, f.kind, f.b); err != nil {
			return err
		}
	} else {
		f.again(at, value)
	}
	if err := f.b.add(f.kind, place, value); err != nil {
		return err
	}
	if plain(value) {
		return nil
	}
	return f.readings(place, rawValue, value)
}

// readings adds what backends other than most make of a value.
func (f *form) readings(place, raw, value string) *Error {
	if strings.Contains(raw, "+") {
		if err := f.b.add(f.kind, place, unescape(raw, false)); err != nil {
			return err
		}
	}
	if !strings.Contains(raw, "%") || !strings.Contains(value, "%") {
		return nil
	}
	// IIS reads %uXXXX, and drops the percent sign of a broken escape.
	for _, r := range [2]string{unescapeU(raw), unescape(dropBroken(raw), true)} {
		if r != value {
			if err := f.b.add(f.kind, place, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// maxJoined bounds how many values of one name are joined.
const maxJoined = 64

// again notes a further value of the name at this position.
func (f *form) again(at int, value string) {
	if f.repeat == nil {
		f.repeat = map[int][]string{}
	}
	values := f.repeat[at]
	if values == nil {
		values = []string{f.first[at]}
	}
	if len(values) < maxJoined {
		f.repeat[at] = append(values, value)
	}
}

// joined adds repeated parameters as ASP.NET and the arrays of JavaScript join
// them: an attack can be spread over them.
func (f *form) joined() *Error {
	if f.repeat == nil {
		return nil
	}
	for at, name := range f.names.list {
		values := f.repeat[at]
		if values == nil {
			continue
		}
		if err := f.b.add(f.kind, placeName(name), strings.Join(values, ",")); err != nil {
			return err
		}
	}
	return nil
}

// keyInputs adds a parameter's name, and its parts where a backend takes them
// apart: "a[b][c]" (PHP, Rails, qs) and "a.b" (Spring, ASP.NET).
func keyInputs(name string, kind gatehouse.PlaceKind, b *builder) *Error {
	if err := b.add(gatehouse.Key, kind.String(), name); err != nil {
		return err
	}
	_, rest, bracketed := strings.Cut(name, "[")
	if !bracketed {
		if _, rest, ok := strings.Cut(name, "."); ok && rest != "" {
			return b.add(gatehouse.Key, kind.String(), rest)
		}
		return nil
	}
	for part := range strings.SplitSeq(rest, "[") {
		if part = strings.TrimSuffix(part, "]"); part == "" {
			continue
		}
		if err := b.add(gatehouse.Key, kind.String(), part); err != nil {
			return err
		}
	}
	return nil
}

// names is a set that keeps its order and is cheap while small.
type names struct {
	list []string
	set  map[string]int
}

// add gives the position of name, and whether it was there before.
func (n *names) add(name string) (at int, known bool) {
	const small = 16
	if n.set == nil {
		for at, have := range n.list {
			if have == name {
				return at, true
			}
		}
		if len(n.list) == small {
			n.set = make(map[string]int, 4*small)
			for at, have := range n.list {
				n.set[have] = at
			}
		}
	} else if at, ok := n.set[name]; ok {
		return at, true
	}
	at = len(n.list)
	n.list = append(n.list, name)
	if n.set != nil {
		n.set[name] = at
	}
	return at, false
}

// unescape decodes %xx and, with plus, "+" as a space. A broken escape stays
// as it is, as PHP, Node and the URL standard read it. Without anything to
// decode it returns s itself.
func unescape(s string, plus bool) string {
	i := 0
	for i < len(s) && s[i] != '%' && (s[i] != '+' || !plus) {
		i++
	}
	if i == len(s) {
		return s
	}
	out := make([]byte, i, len(s))
	copy(out, s)
	for ; i < len(s); i++ {
		switch {
		case s[i] == '%' && escapeAt(s, i):
			out = append(out, hex[s[i+1]]<<4|hex[s[i+2]])
			i += 2
		case s[i] == '+' && plus:
			out = append(out, ' ')
		default:
			out = append(out, s[i])
		}
	}
	return string(out)
}

// escapeAt reports whether two hexadecimal digits follow the percent sign at i.
func escapeAt(s string, i int) bool {
	return i+2 < len(s) && hex[s[i+1]] < 16 && hex[s[i+2]] < 16
}

// unescapeU is unescape with %uXXXX decoded too.
func unescapeU(s string) string {
	if !strings.Contains(s, "%u") && !strings.Contains(s, "%U") {
		return unescape(s, true)
	}
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+5 < len(s) && s[i+1]|0x20 == 'u' {
			if r, ok := hexRune(s[i+2 : i+6]); ok {
				out.WriteRune(r)
				i += 5
				continue
			}
		}
		out.WriteByte(s[i])
	}
	return unescape(out.String(), true)
}

// dropBroken removes the percent signs that begin no escape.
func dropBroken(s string) string {
	var out strings.Builder
	for i := range len(s) {
		if s[i] != '%' || escapeAt(s, i) {
			out.WriteByte(s[i])
		}
	}
	return out.String()
}

// hex is the value of a hexadecimal digit, 16 and above for other bytes.
var hex = func() (t [256]byte) {
	for c := range t {
		switch {
		case c >= '0' && c <= '9':
			t[c] = byte(c - '0')
		case c >= 'a' && c <= 'f':
			t[c] = byte(c-'a') + 10
		case c >= 'A' && c <= 'F':
			t[c] = byte(c-'A') + 10
		default:
			t[c] = 255
		}
	}
	return t
}()

// hexRune reads four hexadecimal digits.
func hexRune(s string) (rune, bool) {
	var r rune
	for i := range 4 {
		d := hex[s[i]]
		if d > 15 {
			return 0, false
		}
		r = r<<4 | rune(d)
	}
	return r, true
}
