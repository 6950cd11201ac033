package ownership

import (
	"slices"
	"strings"

	"github.com/gatehousehq/gatehouse/input"
)

// A spelling has the paths that servers may make of one, read when first asked for.
type spelling struct {
	escaped string
	read    bool
	paths   []string
	whole   bool
}

// oddly reports whether some server may take the path for a rule's that the
// pattern does not match as it stands: in other letters, with other slashes,
// escapes, parameters, steps or an ending.
func (s *spelling) oddly(r *rule) bool {
	if !s.read {
		s.read = true
		s.whole = input.Readings(s.escaped, func(read input.Reading) bool {
			s.paths = append(s.paths, read.Path)
			return true
		})
	}
	return !s.whole || slices.ContainsFunc(s.paths, r.loosely)
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
