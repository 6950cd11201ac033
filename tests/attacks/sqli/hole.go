package sqli

import (
	"regexp"
	"strings"
)

var holes = regexp.MustCompile(`\[\[(@?)(\w+)\]\]`)

// A hole is where the attacked input stands in a statement.
type hole struct {
	kind string
	// open is what the hole is inside of: "", "'", `"`, "/*" or "--".
	open string
	// escapes says that the literal is E'…'.
	escapes bool
	// depth is how many brackets are open.
	depth int
	// form is the member of forms to attack it with.
	form string
	// rowTail is what follows in a row of VALUES, up to its bracket; rowHead is
	// what stands before the hole there. Both have holes of their own.
	rowHead, rowTail string
}

// attacked finds the attacked hole of a site.
func (s site) attacked() hole {
	at := s.holeAt()
	h := hole{kind: s.sql[at[4]:at[5]]}
	head, tail := s.sql[:at[0]], s.sql[at[1]:]
	starts := h.scan(head)
	if s.context == "insert" && len(starts) > 0 {
		start := starts[len(starts)-1]
		if strings.HasSuffix(strings.ToUpper(strings.TrimSpace(head[:start])), "VALUES") || len(starts) > 1 {
			h.rowHead = head[starts[0]+1:]
			h.rowTail = closing(tail, len(starts), h.open == "'")
		}
	}
	h.form = h.formOf(s, head)
	return h
}

func (s site) holeAt() []int {
	for _, at := range holes.FindAllStringSubmatchIndex(s.sql, -1) {
		if at[2] != at[3] {
			return at
		}
	}
	panic("sqli: a site without an attacked hole: " + s.sql)
}

// scan reads the text before the hole. It gives where the brackets that are
// open stand.
func (h *hole) scan(head string) (starts []int) {
	for i := 0; i < len(head); i++ {
		rest := head[i:]
		switch {
		case h.open == "" && strings.HasPrefix(rest, "/*"), h.open == "" && strings.HasPrefix(rest, "--"):
			h.open = rest[:2]
			i++
		case h.open == "" && (rest[0] == '\'' || rest[0] == '"'):
			h.open = rest[:1]
			h.escapes = rest[0] == '\'' && strings.HasSuffix(head[:i], " E")
		case h.open == rest[:1], h.open == "/*" && strings.HasPrefix(rest, "*/"), h.open == "--" && rest[0] == '\n':
			h.open, h.escapes = "", false
		case h.open == "" && rest[0] == '(':
			starts = append(starts, i)
		case h.open == "" && rest[0] == ')' && len(starts) > 0:
			starts = starts[:len(starts)-1]
		}
	}
	h.depth = len(starts)
	return starts
}

// closing is the text up to the bracket that closes as many as are open. quoted
// says that it begins inside a literal.
func closing(tail string, depth int, quoted bool) string {
	for i := range len(tail) {
		switch {
		case tail[i] == '\'':
			quoted = !quoted
		case quoted:
		case tail[i] == '(':
			depth++
		case tail[i] == ')':
			if depth--; depth == 0 {
				return tail[:i+1]
			}
		}
	}
	return tail
}

func (h *hole) formOf(s site, head string) string {
	bare := h.open == ""
	switch {
	case h.open == "/*" || h.open == "--":
		return "comment"
	case h.open == `"` && h.kind == "table":
		return "quoted relation"
	case h.open == `"`:
		return "quoted name"
	case h.kind == "ids":
		return "list"
	case h.kind == "words":
		return "words"
	case s.context == "insert" && bare:
		return "bare values"
	case s.context == "insert":
		return "values"
	case s.context == "update" && bare:
		return "bare set"
	case s.context == "update":
		return "set"
	case h.kind == "direction":
		return "direction"
	case s.context == "order-by":
		return "sort"
	case s.context == "limit":
		return "limit"
	case h.kind == "table":
		return "relation"
	case s.context == "identifier":
		return "name"
	case bare:
		return "bare"
	}
	return "quoted"
}

// fill renders a template: the attacked hole with a value, the others with what
// is drawn. It gives the values drawn too, by kind.
func (d *dice) fill(template, attacked string) (string, []string) {
	var drawn []string
	return holes.ReplaceAllStringFunc(template, func(found string) string {
		if strings.HasPrefix(found, "[[@") {
			return attacked
		}
		value := d.ordinary(strings.Trim(found, "[]"))
		drawn = append(drawn, strings.Split(value, "','")...)
		return value
	}), drawn
}
