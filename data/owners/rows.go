package owners

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/gatehousehq/gatehouse/data/sqlgate"
)

// A target is the table whose rows a statement changes.
type target struct {
	tableName
	// from and to are the tokens of its name, with ONLY and *; label those by which
	// the statement calls it.
	from, to int
	label    string
	column   string
	owners   []string
}

// target reads a table with its alias at i. asked is false where nobody wants to
// know.
func (s *statement) target(i int, stop ...string) (t target, next int, asked bool, err error) {
	t.from = i
	only := s.is(i, "only")
	if only {
		i++
	}
	open := only && s.is(i, "(")
	if open {
		i++
	}
	if t.tableName, i, err = s.name(i); err != nil {
		return t, i, false, err
	}
	if t.column, t.owners, asked = s.ask(t.full()); !asked {
		return t, i, false, nil
	}
	if open {
		if !s.is(i, ")") {
			return t, i, true, unknown("a parenthesis is open")
		}
		i++
	}
	if s.is(i, "*") {
		i++
	}
	t.to, t.label = i, s.text(t.tableName.to-1)
	if s.is(i, "as") {
		i++
	} else {
		for _, word := range stop {
			if s.is(i, word) {
				return t, i, true, nil
			}
		}
	}
	if i < len(s.tokens) {
		if !s.identifier(i) {
			return t, i, true, unknown("there is no alias where one should be")
		}
		t.label = s.text(i)
		i++
	}
	return t, i, true, nil
}

// update reads UPDATE at i.
func (s *statement) update(i int) ([]sqlgate.Own, error) {
	end := len(s.tokens)
	t, next, asked, err := s.target(i+1, "set")
	if err != nil || !asked {
		return nil, err
	}
	if !s.is(next, "set") {
		return nil, unknown("there is no SET where it should be")
	}
	returning := s.endOr(s.find(next, end, "returning"))
	where := s.find(next, returning, "where")
	from := s.find(next, s.endsAt(where, returning), "from")
	given, gives, err := s.given(next+1, s.first(from, where, returning), t.column)
	if err != nil {
		return nil, err
	}
	r := rows{t: t, main: i, returning: returning, where: where, from: from, given: given, gives: gives}
	return s.assert(r)
}

// delete reads DELETE at i.
func (s *statement) delete(i int) ([]sqlgate.Own, error) {
	if !s.is(i+1, "from") {
		return nil, unknown("there is no FROM where it should be")
	}
	t, next, asked, err := s.target(i+2, "using", "where", "returning")
	if err != nil || !asked {
		return nil, err
	}
	end := len(s.tokens)
	if next < end && !s.is(next, "using") && !s.is(next, "where") && !s.is(next, "returning") {
		return nil, unknown("%s stands where no clause should", s.text(next))
	}
	returning := s.endOr(s.find(next, end, "returning"))
	r := rows{t: t, main: i, returning: returning, where: s.find(next, returning, "where"), from: -1}
	if s.is(next, "using") {
		r.from = next
	}
	return s.assert(r)
}

func (s *statement) endOr(i int) int { return s.endsAt(i, len(s.tokens)) }

// endsAt is i, or otherwise where it is -1.
func (s *statement) endsAt(i, otherwise int) int {
	if i < 0 {
		return otherwise
	}
	return i
}

// first is the first of these places; -1 is none.
func (s *statement) first(places ...int) int {
	first := len(s.tokens)
	for _, p := range places {
		if p >= 0 && p < first {
			first = p
		}
	}
	return first
}

// given finds the expression that SET gives the owner column, if it does.
func (s *statement) given(from, to int, column string) (expr [2]int, gives bool, err error) {
	for _, part := range s.split(from, to) {
		if s.is(part[0], "(") {
			end := s.closing(part[0])
			for i := part[0]; i < end; i++ {
				if s.identifier(i) && s.named(i, column) {
					return expr, false, unknown("the owner is set together with other columns")
				}
			}
			continue
		}
		if !s.identifier(part[0]) || !s.named(part[0], column) {
			continue
		}
		if gives || !s.is(part[0]+1, "=") || part[0]+2 >= part[1] || s.is(part[0]+2, "default") {
			return expr, false, unknown("the owner is set to what does not stand there")
		}
		expr, gives = [2]int{part[0] + 2, part[1]}, true
	}
	return expr, gives, nil
}

// named reports whether the i-th token names the column; also where it cannot be
// read.
func (s *statement) named(i int, column string) bool {
	name, err := s.unquoted(i)
	return err != nil || name == column
}

// rows are those that an UPDATE or a DELETE changes, as places in the statement;
// -1 is none.
type rows struct {
	t                            target
	main, from, where, returning int
	given                        [2]int
	gives                        bool
}

// assert makes the statement that reads them.
func (s *statement) assert(r rows) ([]sqlgate.Own, error) {
	w := &writer{s: s}
	w.write("SELECT pg_catalog.count(c) FROM (")
	if r.main > 0 {
		w.copy(0, r.main) // WITH
		w.write(" ")
	}
	owner := r.t.label + "." + quoteName(r.t.column)
	w.write("SELECT CASE WHEN ", own("("+owner+")", r.t.owners))
	if r.gives {
		w.write(" AND ")
		w.canonical(r.given, r.t, func(expr string) { w.write(own(expr, r.t.owners)) })
	}
	w.write(" THEN 1 ELSE ", denies(owner), " END AS c FROM ")
	w.table(r.t)
	if s.text(r.t.tableName.to-1) != r.t.label {
		w.write(" AS ", r.t.label)
	}
	if r.from >= 0 {
		w.write(", ")
		w.copy(r.from+1, s.endsAt(r.where, r.returning))
	}
	if r.where >= 0 {
		if s.is(r.where+1, "current") && s.is(r.where+2, "of") {
			return nil, unknown("a cursor says which row")
		}
		w.write(" ")
		w.copy(r.where, r.returning)
	}
	w.write(" FOR UPDATE OF ", r.t.label, ") AS gatehouse")
	return w.done()
}

func (w *writer) done() ([]sqlgate.Own, error) {
	if w.err != nil {
		return nil, w.err
	}
	return []sqlgate.Own{{SQL: w.b.String(), Params: w.params}}, nil
}

// table adds the target, with ONLY and * where it has them.
func (w *writer) table(t target) {
	if w.s.is(t.from, "only") {
		w.write("ONLY ")
	}
	w.name(t.tableName)
	if w.s.is(t.to-1, "*") {
		w.write(" *")
	}
}

// canonical writes a condition on an expression that the owner column is set to.
// A constant or a parameter is taken to be of the column's type, and is compared
// as that writes it.
func (w *writer) canonical(expr [2]int, t target, condition func(expr string)) {
	inner := &writer{s: w.s, params: w.params}
	inner.copy(expr[0], expr[1])
	w.params, w.err = inner.params, cmpErr(w.err, inner.err)
	text := "(" + inner.b.String() + ")"
	if expr[1] == expr[0]+1 && (w.s.text(expr[0])[0] == '\'' || w.s.text(expr[0])[0] == '$') {
		name := &writer{s: w.s}
		name.name(t.tableName)
		text = fmt.Sprintf("(COALESCE((SELECT gatehouse_t.%s FROM %s AS gatehouse_t WHERE false), %s))", quoteName(t.column), name.b.String(), text)
	}
	condition(text)
}

func cmpErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// own is a condition that an expression is one of the owners.
func own(expr string, owners []string) string {
	var b strings.Builder
	b.WriteString(expr + "::pg_catalog.text OPERATOR(pg_catalog.=) ANY (ARRAY[")
	n := 0
	for _, o := range owners {
		if !utf8.ValidString(o) || strings.ContainsRune(o, 0) {
			continue // no value of the database is so
		}
		if n > 0 {
			b.WriteByte(',')
		}
		b.WriteString(quoteText(o))
		n++
	}
	b.WriteString("]::pg_catalog.text[])")
	return b.String()
}

// denies is an expression that fails where it is evaluated, and not before. What
// it is of says nothing of itself.
func denies(expr string) string {
	return "pg_catalog.concat('" + sqlgate.Denies + "', pg_catalog.left(" + expr + "::pg_catalog.text, 0))::pg_catalog.int4"
}

func quoteName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// quoteText writes a string in ASCII, which reads alike in every encoding and
// however backslashes are read.
func quoteText(text string) string {
	var b strings.Builder
	plain := true
	for _, r := range text {
		switch {
		case r == '\'':
			b.WriteString("''")
		case r >= ' ' && r < 0x7f && r != '\\':
			b.WriteRune(r)
		default:
			plain = false
			fmt.Fprintf(&b, `\U%08X`, r)
		}
	}
	if plain {
		return "'" + b.String() + "'"
	}
	return "E'" + b.String() + "'"
}
