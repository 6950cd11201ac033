package outline

import (
	"strings"

	"github.com/gatehousehq/gatehouse/taint"
)

// begin says what a statement is, where it is not said yet: a query inside
// another changes nothing of it.
func (r *reader) begin(v Verb, object string) {
	if r.st.Verb == Unknown {
		r.st.Verb, r.st.Object = v, object
	}
}

// inner reads a statement up to its end: a semicolon, the bracket that closes
// what it stands in.
func (r *reader) inner(sc *scope) {
	r.deeper()
	defer func() { r.depth-- }()
	if r.punct('(') {
		r.begin(Select, "select")
		r.level(sc, level{query: true})
		return
	}
	switch k := r.kw(r.i); k {
	case kwWith:
		r.inner(r.with(sc))
	case kwSelect, kwValues, kwTable:
		r.begin(Select, "select")
		r.level(sc, level{query: true})
	case kwInsert, kwReplace:
		r.insert(sc)
	case kwUpdate:
		r.update(sc)
	case kwDelete:
		r.delete(sc)
	case kwMerge:
		r.merge(sc)
	default:
		r.command(sc, k)
	}
}

// command reads a statement that stands in no other, but for what looks
// through: EXPLAIN, PREPARE, DECLARE.
func (r *reader) command(sc *scope, k keyword) {
	switch k {
	case kwCopy:
		r.copy(sc)
	case kwTruncate:
		r.i++
		r.begin(Truncate, "truncate")
		r.listed(Truncates)
	case kwLock:
		r.i++
		r.begin(Lock, "lock")
		r.listed(Locks)
	case kwExplain:
		r.explain(sc)
	case kwPrepare:
		r.prepare(sc)
	case kwDeclare:
		for r.i < len(r.tokens) && r.kw(r.i) != kwFor && !r.punct(';') {
			r.i++
		}
		r.i++
		r.inner(sc)
	case kwExecute:
		r.begin(Execute, "execute")
		r.arguments(sc)
	case kwSet, kwReset:
		r.set(k)
	case kwDo:
		r.do()
	case kwCall:
		r.begin(Call, "call")
		r.i++
		r.level(sc, level{})
	case kwVacuum:
		r.vacuum()
	default:
		r.plain(sc)
	}
}

// arguments reads EXECUTE name (…): the name is no function.
func (r *reader) arguments(sc *scope) {
	r.i++
	if r.isName(r.i) {
		r.pastName()
	}
	r.level(sc, level{})
}

// explain reads EXPLAIN, whose statement is looked at as if it were executed:
// with ANALYZE it is.
func (r *reader) explain(sc *scope) {
	r.i++
	if r.punct('(') {
		if k := r.kw(r.i + 1); k != kwSelect && k != kwWith && k != kwValues && k != kwTable && !r.isPunct(r.i+1, '(') {
			r.i = r.closing(r.i) + 1
		}
	}
	r.skip("analyze", "analyse", "verbose", "query", "plan")
	r.inner(sc)
}

// prepare reads PREPARE name (types) AS statement, and PREPARE TRANSACTION.
func (r *reader) prepare(sc *scope) {
	if r.is(r.i+1, "transaction") {
		r.begin(Transaction, "prepare transaction")
		r.toEnd()
		return
	}
	for r.i < len(r.tokens) && r.kw(r.i) != kwAs && !r.punct(';') {
		r.i++
	}
	r.i++
	r.inner(sc)
}

// toEnd goes to the statement's end.
func (r *reader) toEnd() {
	for r.i < len(r.tokens) && !r.punct(';') {
		r.i++
	}
}

// target reads the table that is written, and gives its index plus one.
func (r *reader) target(use Use) int {
	r.skip("only")
	if !r.isName(r.i) {
		r.unsure("the table that it writes can't be read")
		return 0
	}
	schema, table := r.chain()
	return r.table(schema, table, use) + 1
}

func (r *reader) insert(sc *scope) {
	r.begin(Insert, "insert")
	replace := r.kw(r.i) == kwReplace
	r.i++
	if r.kw(r.i) == kwOr { // SQLite
		replace = r.kw(r.i+1) == kwReplace
		r.i += 2
	}
	if r.kw(r.i) != kwInto {
		r.unsure("it has no INTO")
		return
	}
	r.i++
	l := level{query: true, verb: Insert, target: r.target(Inserts)}
	if replace {
		r.note(l.target-1, Deletes)
	}
	if r.kw(r.i) == kwAs {
		r.i += 2
	}
	if r.punct('(') && !r.queryIn(r.i) {
		r.columns(&l)
	} else if l.target > 0 {
		r.st.Tables[l.target-1].AllInserted = true
	}
	if r.kw(r.i) == kwWith {
		sc = r.with(sc)
	}
	r.level(sc, l)
}

// queryIn reports whether the brackets at i have a query in them, and no names.
func (r *reader) queryIn(i int) bool {
	for r.isPunct(i, '(') {
		i++
	}
	switch r.kw(i) {
	case kwSelect, kwWith, kwTable:
		return true
	case kwValues:
		return r.isPunct(i+1, '(')
	}
	return false
}

func (r *reader) update(sc *scope) {
	r.begin(Update, "update")
	r.i++
	if r.kw(r.i) == kwOr { // SQLite
		r.i += 2
	}
	l := level{query: true, verb: Update, target: r.target(Updates)}
	r.alias()
	if r.kw(r.i) != kwSet {
		r.unsure("it has no SET")
	}
	r.i++
	l.part = set
	r.written(sc, l)
}

func (r *reader) delete(sc *scope) {
	r.begin(Delete, "delete")
	r.i++
	if r.kw(r.i) != kwFrom {
		r.unsure("it has no FROM")
	}
	r.i++
	l := level{query: true, verb: Delete, target: r.target(Deletes)}
	r.alias()
	if r.kw(r.i) == kwUsing {
		r.i++
		l.part = want
	}
	r.written(sc, l)
}

// written reads the rest of an UPDATE or DELETE.
func (r *reader) written(sc *scope, l level) {
	if l = r.level(sc, l); !l.filtered && l.target > 0 {
		r.st.Unfiltered = append(r.st.Unfiltered, l.target-1)
	}
}

func (r *reader) merge(sc *scope) {
	r.begin(Merge, "merge")
	r.i++
	r.skip("into")
	l := level{query: true, verb: Merge, merge: true, target: r.target(Compares)}
	r.alias()
	if r.kw(r.i) != kwUsing {
		r.unsure("it has no USING")
	}
	r.i++
	l.part = want
	r.level(sc, l)
}

// listed reads the tables of TRUNCATE and LOCK.
func (r *reader) listed(use Use) {
	for r.skip("table"); ; r.i++ {
		if r.target(use) == 0 {
			break
		}
		if r.class(r.i) == taint.Operator { // *
			r.i++
		}
		if !r.punct(',') {
			break
		}
	}
	r.toEnd()
}

// copy reads COPY table FROM or TO, and COPY (query) TO.
func (r *reader) copy(sc *scope) {
	r.i++
	r.skip("binary")
	target := 0
	l := level{verb: Insert}
	if r.punct('(') {
		r.begin(CopyTo, "copy")
		r.i++
		r.inner(sc) // a query, or a DELETE with RETURNING
		if !r.punct(')') {
			r.unsure("COPY's query can't be read")
			return
		}
		r.i++
	} else if target = r.target(0); r.punct('(') {
		from := r.closing(r.i) + 1
		if r.kw(from) == kwFrom {
			l.target = target
			r.columns(&l)
		}
		r.i = from
	} else if target > 0 {
		r.st.Tables[target-1].AllInserted = r.kw(r.i) == kwFrom
	}
	switch r.kw(r.i) {
	case kwFrom:
		r.begin(CopyFrom, "copy")
		r.note(target-1, Inserts)
	case kwTo:
		r.begin(CopyTo, "copy")
		r.note(target-1, Reads)
	default:
		r.unsure("COPY says neither FROM nor TO")
	}
	r.i++
	switch {
	case r.is(r.i, "stdin"), r.is(r.i, "stdout"):
		r.st.Copy = Client
	case r.is(r.i, "program"):
		r.st.Copy = Program
	default: // a file, or what can't be read
		r.st.Copy = File
	}
	r.copyWhere(sc, l)
}

// copyWhere reads COPY's options, and its WHERE for the functions in it.
func (r *reader) copyWhere(sc *scope, l level) {
	for r.i < len(r.tokens) && r.kw(r.i) != kwWhere && !r.punct(';') {
		r.i++
	}
	l.verb = CopyFrom
	r.level(sc, l)
}

// do reads DO: its body is code.
func (r *reader) do() {
	r.begin(Do, "do")
	r.st.Executes = true
	for r.i < len(r.tokens) && !r.punct(';') {
		if r.kw(r.i) == kwLanguage {
			r.language()
		} else if r.class(r.i) == taint.String {
			r.body(r.literal(r.i))
		}
		r.i++
	}
}

// language reads LANGUAGE name, with the reader at the word.
func (r *reader) language() {
	switch r.class(r.i + 1) {
	case taint.Word, taint.Quoted:
		r.st.Language = r.ident(r.i + 1)
	case taint.String:
		r.st.Language = strings.Clone(strings.ToLower(r.literal(r.i + 1)))
	}
}

// body looks at code for what it calls, whatever its language: the functions,
// and COPY with a program or a file. What it puts together as text is not seen.
func (r *reader) body(code string) {
	r.inside(code, func(in *reader) {
		for in.i < len(in.tokens) {
			switch {
			case in.isName(in.i) || in.kw(in.i).isCalled() && in.class(in.i) == taint.Word:
				if in.kw(in.i) == kwCopy {
					in.copyInside()
					continue
				}
				if schema, function := in.chain(); in.punct('(') {
					in.function(schema, function)
				}
			default:
				in.i++
			}
		}
	})
}

// copyInside looks at COPY in code.
func (r *reader) copyInside() {
	for r.i++; r.i < len(r.tokens) && !r.punct(';'); r.i++ {
		if r.kw(r.i) != kwFrom && r.kw(r.i) != kwTo {
			continue
		}
		switch {
		case r.is(r.i+1, "program"):
			r.st.Copy = Program
		case r.class(r.i+1) == taint.String && r.st.Copy != Program:
			r.st.Copy = File
		}
	}
}
