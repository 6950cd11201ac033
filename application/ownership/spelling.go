package ownership

import (
	"strings"

	"github.com/gatehousehq/gatehouse/input"
)

// A spelling has the paths that servers may make of one.
type spelling struct {
	escaped string
	head    string   // of the path as it stands, in lower case
	paths   []string // its readings
	heads   []string // theirs, by which most rules are told to be for other paths
	whole   bool
	room    [2]string
}

func (s *spelling) of(escapedPath string) {
	s.escaped, s.head, s.paths, s.heads = escapedPath, input.FoldPath(input.DecodePath(headOf(escapedPath))), s.room[:0:1], s.room[1:1]
	s.whole = input.Readings(escapedPath, func(read input.Reading) bool {
		s.paths, s.heads = append(s.paths, read.Path), append(s.heads, headOf(read.Path))
		return true
	})
}

// headOf is a path's first segment.
func headOf(path string) string {
	head, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return head
}

// firstOf is what the first segment of every path of a pattern is in lower case; ""
// where it may be any.
func firstOf(pattern string) string {
	first := headOf(pattern)
	for i := range len(first) {
		if c := first[i]; c == '{' || c == '%' || c >= 0x80 {
			return ""
		}
	}
	return strings.ToLower(first)
}

// near are the rules that may be for a path, in their order: with those that are for
// any first segment.
type near struct {
	all, anywhere []*rule
	first         map[string][]*rule
}

func newNear(rules []*rule) near {
	n := near{all: rules, first: make(map[string][]*rule)}
	for _, r := range rules {
		n.first[r.first] = nil
	}
	for first := range n.first {
		for _, r := range rules {
			if r.first == "" || r.first == first {
				n.first[first] = append(n.first[first], r)
			}
		}
	}
	n.anywhere = n.first[""]
	return n
}

// to is none that could be left out where readings of the path begin differently, or
// where it has an ending or escapes in its first segment.
func (n *near) to(s *spelling) []*rule {
	if !s.whole || strings.ContainsAny(s.head, ".%") {
		return n.all
	}
	for _, head := range s.heads {
		if head != s.head {
			return n.all
		}
	}
	if found, ok := n.first[s.head]; ok {
		return found
	}
	return n.anywhere
}

// exactly reports whether a pattern, whose first segment is given, matches the path
// as it stands.
func (s *spelling) exactly(p *input.Pattern, first string) bool {
	// What an escaped segment is decoded to is the pattern's own first, or it does
	// not match.
	return (first == "" || first == s.head) && p.Match(s.escaped)
}

// oddly reports whether some server may take the path for a rule's that the
// pattern does not match as it stands: in other letters, with other slashes,
// escapes, parameters, steps or an ending.
func (s *spelling) oddly(r *rule) bool {
	if !s.whole {
		return true
	}
	for i, head := range s.heads {
		// A reading may have an ending that loosely takes away.
		if (r.first == "" || strings.HasPrefix(head, r.first) || strings.IndexByte(head, '%') >= 0) && r.loosely(s.paths[i]) {
			return true
		}
	}
	return false
}

// loosely compares one reading, with and without a format at its end:
// /orders/42.json.
func (r *rule) loosely(lower string) bool {
	if len(lower) > 1 {
		lower = strings.TrimSuffix(lower, "/")
	}
	if r.loose.Match(lower) {
		return true
	}
	dot := strings.LastIndexByte(lower, '.')
	return dot > strings.LastIndexByte(lower, '/')+1 && r.loose.Match(lower[:dot])
}

// loosePattern is the pattern in lower case, without a slash at its end.
func loosePattern(text string) (input.Pattern, error) {
	text = strings.TrimSuffix(text, "/{$}")
	var b strings.Builder
	for rest := text; rest != ""; {
		literal, after, wild := strings.Cut(rest, "{")
		b.WriteString(input.FoldPath(literal))
		if !wild {
			break
		}
		name, more, _ := strings.Cut(after, "}")
		b.WriteString("{" + name + "}")
		rest = more
	}
	return input.ParsePattern(b.String())
}
