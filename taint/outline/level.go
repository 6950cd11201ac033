package outline

import "github.com/gatehousehq/gatehouse/taint"

// A scope is the names that WITH gives to queries: they are no tables.
type scope struct {
	names []string
	up    *scope
}

func (s *scope) has(table string) bool {
	for ; s != nil; s = s.up {
		for _, n := range s.names {
			if n == table {
				return true
			}
		}
	}
	return false
}

// A part is where in a query the reader is.
type part uint8

const (
	elsewhere part = iota
	list           // of SELECT
	want           // a table is due: after FROM, JOIN, a comma between tables
	have           // after a table, where a comma means another one
	set            // what UPDATE assigns: a column is due
	assigned       // after the column's name
)

// A level is what stands between two brackets, or the statement as a whole.
type level struct {
	part part
	// query is set where FROM begins a list of tables, and not the second
	// argument of substring.
	query bool
	// target is the index of the table that is written here, plus one.
	target int
	// verb is how it is written.
	verb Verb
	// merge is set in MERGE.
	merge bool
	// first is how many tables there were when the level began: what FOR UPDATE
	// locks came since.
	first int
	// filtered is set where it has a condition that not every row meets.
	filtered bool
	// defines is set in a definition, where AS begins what is defined.
	defines bool
}

// level reads up to the bracket that closes the level, or to a semicolon.
func (r *reader) level(sc *scope, l level) level {
	r.deeper()
	defer func() { r.depth-- }()
	l.first = len(r.st.Tables)
	for r.i < len(r.tokens) {
		switch r.class(r.i) {
		case taint.Punct:
			switch r.sql[r.tokens[r.i].Start] {
			case ')', ']', ';':
				return l
			case '(', '[':
				r.bracket(sc, &l)
				continue
			case ',':
				r.comma(&l)
			case '.': // of (a).b: a field, whatever its name
				if c := r.class(r.i + 1); c == taint.Word || c == taint.Quoted {
					r.i++
				}
			}
			r.i++
		case taint.Word, taint.Quoted:
			r.word(sc, &l)
		default:
			if l.part == want {
				r.notTable(sc, &l)
				continue
			}
			r.i++
		}
	}
	return l
}

// deeper counts a level; one too deep ends the reading.
func (r *reader) deeper() {
	if r.depth++; r.depth > maxDepth {
		r.capped("it is nested deeper than is read")
		r.i = len(r.tokens)
	}
}

func (r *reader) comma(l *level) {
	switch l.part {
	case have:
		l.part = want
	case assigned:
		l.part = set
	}
}

// notTable is called where a table is due and something else stands there.
func (r *reader) notTable(sc *scope, l *level) {
	if r.isName(r.i) { // SQLite: a string
		r.source(sc, l)
		return
	}
	r.unsure("a table's name is due where none is")
	l.part = have
	r.i++
}

// bracket reads what is between brackets.
func (r *reader) bracket(sc *scope, l *level) {
	inner := level{}
	switch l.part {
	case want: // a query, or tables joined
		inner.part, inner.query = want, true
		l.part = have
		r.nested(sc, inner)
		r.alias()
		return
	case set: // (a, b) = …
		r.columns(l)
		l.part = assigned
		return
	}
	r.nested(sc, inner)
}

// nested reads what is between brackets, the brackets included: a query, or
// anything else.
func (r *reader) nested(sc *scope, inner level) {
	r.i++
	if r.beginsQuery() {
		r.inner(sc)
	} else {
		r.level(sc, inner)
	}
	if r.punct(')') || r.punct(']') {
		r.i++
		return
	}
	r.unsure("a bracket is not closed")
}

// beginsQuery reports whether a query begins at the reader's place.
func (r *reader) beginsQuery() bool {
	switch r.kw(r.i) {
	case kwSelect, kwWith, kwTable:
		return true
	case kwValues:
		return r.isPunct(r.i+1, '(')
	}
	return false
}

// word reads a word, with what belongs to it.
func (r *reader) word(sc *scope, l *level) {
	if r.class(r.i) == taint.Word && r.keyword(sc, l) {
		return
	}
	switch {
	case l.part == want && r.isName(r.i):
		r.source(sc, l)
	case l.part == set && r.isName(r.i):
		r.assign(l)
	case l.part == want:
		r.notTable(sc, l)
	case r.isName(r.i) || r.kw(r.i).isCalled():
		r.call(sc)
	default:
		r.i++
	}
}

// keyword reads a word that means something where it stands; false where it
// does not.
func (r *reader) keyword(sc *scope, l *level) bool {
	switch k := r.kw(r.i); k {
	case kwSelect:
		l.query, l.part = true, list
	case kwFrom:
		if !l.query || r.kw(r.i-1) == kwDistinct && (r.is(r.i-2, "is") || r.kw(r.i-2) == kwNot) {
			break
		}
		l.part = want
	case kwJoin:
		l.part = want
	case kwUsing, kwOnly, kwLateral:
	case kwInto:
		if l.part != list {
			break
		}
		r.i++
		r.selectInto(l)
		return true
	case kwTable:
		r.wholeTable(sc, l)
		return true
	case kwWith:
		if !l.defines || r.kw(r.i-1) != kwAs {
			return false
		}
		r.inner(sc)
		return true
	case kwValues:
		if l.part == want {
			return false
		}
		l.part = elsewhere
	case kwAs:
		r.label(l)
		return true
	default:
		return r.clause(sc, l, k)
	}
	r.i++
	return true
}

// wholeTable reads TABLE x, which is SELECT * FROM x.
func (r *reader) wholeTable(sc *scope, l *level) {
	r.i++
	r.skip("only")
	if r.isName(r.i) {
		r.source(sc, l)
		l.part = elsewhere
	}
}

// label goes past AS and the name after it, which may be any word; in a
// definition a query may follow instead.
func (r *reader) label(l *level) {
	r.i++
	if l.defines && !l.query {
		return
	}
	if r.class(r.i) == taint.Quoted || r.class(r.i) == taint.Word && r.kw(r.i) != kwSelect && r.kw(r.i) != kwWith {
		r.pastName()
	}
}

// clause reads a word that begins or ends a part of a query.
func (r *reader) clause(sc *scope, l *level, k keyword) bool {
	switch k {
	case kwWhere:
		r.where(l)
	case kwClause:
		l.part = elsewhere
	case kwFor:
		r.lock(l)
	case kwOn:
		if r.kw(r.i+1) == kwConflict && l.verb == Insert {
			r.conflict(l)
		}
	case kwReturning:
		l.part = elsewhere
		r.note(l.target-1, Returns)
	case kwThen:
		if l.merge {
			return r.merged(l)
		}
		return false
	case kwUpdate: // DO UPDATE SET, of ON CONFLICT
		if l.verb != Insert || !r.is(r.i-1, "do") {
			return false
		}
		r.note(l.target-1, Updates|Compares)
	case kwSet:
		if l.target == 0 || r.kw(r.i-1) != kwUpdate {
			return false
		}
		l.part = set
	case kwReferences:
		r.i++
		if r.isName(r.i) {
			r.chain()
		}
		return true
	case kwTablesample:
		r.sampled(sc)
		return true
	default:
		return false
	}
	r.i++
	return true
}

// source reads a table, or a function that stands for one, in a list of
// tables, with its alias.
func (r *reader) source(sc *scope, l *level) {
	if r.is(r.i, "rows") && r.kw(r.i+1) == kwFrom { // ROWS FROM (f(), g())
		r.i += 2
		l.part = have
		return
	}
	l.part = have
	at := r.i
	schema, table := r.chain()
	if r.punct('(') {
		r.i = at
		r.call(sc)
	} else if schema != "" || !sc.has(table) {
		r.table(schema, table, Reads)
	}
	r.alias()
}

// alias goes past an alias without AS: its list of columns must not be taken
// for a call.
func (r *reader) alias() {
	if r.class(r.i) == taint.Operator && r.text(r.i) == "*" {
		r.i++
	}
	if r.kw(r.i) == kwAs {
		r.i++
		if r.class(r.i) == taint.Word || r.class(r.i) == taint.Quoted {
			r.pastName()
		}
		return
	}
	if r.kw(r.i) != kwSet && r.isName(r.i) && !r.is(r.i, "indexed") {
		r.pastName()
	}
}

// sampled reads TABLESAMPLE method (…) REPEATABLE (…): neither is a function
// that the statement calls.
func (r *reader) sampled(sc *scope) {
	r.i++
	if r.isName(r.i) {
		r.chain()
	}
	if r.punct('(') {
		r.nested(sc, level{})
	}
	r.skip("repeatable")
}

// assign reads the column that UPDATE assigns to.
func (r *reader) assign(l *level) {
	l.part = assigned
	if l.target > 0 {
		t := &r.st.Tables[l.target-1]
		t.Updated = r.column(t.Updated, r.ident(r.i))
	}
	r.pastName()
	for r.punct('.') && r.isName(r.i+1) { // a field of a composite; SQLite's and MERGE's table.column
		r.i += 2
	}
}

// columns reads (a, b, c), of an INSERT or an UPDATE.
func (r *reader) columns(l *level) {
	insert := l.part != set
	for r.i++; r.i < len(r.tokens) && !r.punct(')') && !r.punct(';'); {
		switch {
		case r.punct('['):
			r.nested(nil, level{})
		case r.isName(r.i):
			if l.target > 0 {
				t := &r.st.Tables[l.target-1]
				if insert {
					t.Inserted = r.column(t.Inserted, r.ident(r.i))
				} else {
					t.Updated = r.column(t.Updated, r.ident(r.i))
				}
			}
			r.pastName()
			for r.punct('.') && r.isName(r.i+1) {
				r.i += 2
			}
		default:
			r.i++
		}
	}
	if r.punct(')') {
		r.i++
	}
}
