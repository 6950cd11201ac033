package outline

import (
	"strings"

	"github.com/gatehousehq/gatehouse/taint"
)

// call reads a name, and notes the function where it is one that is called.
func (r *reader) call(sc *scope) {
	built := r.class(r.i) == taint.Word && !r.kw(r.i).isCalled()
	schema, function := r.chain()
	if !r.punct('(') {
		return
	}
	if schema != "" || !built {
		r.function(schema, function)
	}
	r.nested(sc, level{})
}

// function notes a function whose arguments' bracket is at the reader's place.
func (r *reader) function(schema, function string) {
	f := Function{Schema: schema, Name: function}
	switch function {
	case "nextval", "currval", "setval", "table_to_xml", "table_to_xmlschema", "table_to_xml_and_xmlschema":
		f.First, _ = r.argument(r.i + 1)
	case "set_config":
		var next int
		if f.First, next = r.argument(r.i + 1); r.isPunct(next, ',') {
			f.Second, _ = r.argument(next + 1)
		}
		r.out.Bound = r.out.Bound || f.First.Param > 0 || f.Second.Param > 0
		r.setting(Setting{Name: Text{strings.ToLower(f.First.Value), f.First.Known, f.First.Param}, Value: f.Second})
	}
	r.executed(f)
	for i := range r.st.Functions {
		if r.st.Functions[i] == f {
			return
		}
	}
	if len(r.st.Functions) >= maxNames {
		r.capped("it calls more functions than are kept")
		return
	}
	r.st.Functions = append(r.st.Functions, f)
}

func (r *reader) setting(s Setting) {
	if len(r.st.Settings) >= maxNames {
		r.capped("it has more settings than are kept")
		return
	}
	r.st.Settings = append(r.st.Settings, s)
}

// executed looks into the texts that a function executes, or reads the table
// that it names by a text.
func (r *reader) executed(f Function) {
	switch f.Name {
	case "table_to_xml", "table_to_xmlschema", "table_to_xml_and_xmlschema":
		if !f.First.Known || !r.inside(f.First.Value, (*reader).named) {
			r.st.Executes = true
		}
	case "schema_to_xml", "schema_to_xmlschema", "schema_to_xml_and_xmlschema",
		"database_to_xml", "database_to_xmlschema", "database_to_xml_and_xmlschema", "cursor_to_xml", "cursor_to_xmlschema":
		r.st.Executes = true
	case "query_to_xml", "query_to_xmlschema", "query_to_xml_and_xmlschema", "ts_stat", "ts_rewrite",
		"crosstab", "crosstab2", "crosstab3", "crosstab4", "schedule", "schedule_in_database":
		r.out.Literal = true
		looked, end := false, r.closing(r.i)
		if !r.ahead(end - r.i) {
			end = 0
		}
		for i := r.i + 1; i < end; i++ {
			if r.class(i) != taint.String || !r.isPunct(i-1, ',') && !r.isPunct(i-1, '(') || !r.isPunct(i+1, ',') && !r.isPunct(i+1, ')') {
				continue
			}
			if text := r.literal(i); isStatement(text) {
				looked = r.inside(text, (*reader).all) || looked
			}
		}
		if !looked {
			r.st.Executes = true
		}
	}
}

// isStatement reports whether a text begins as a statement does.
func isStatement(text string) bool {
	word := strings.TrimLeft(text, " \t\r\n(;")
	end := 0
	for end < len(word) && 'a' <= lower(word[end]) && lower(word[end]) <= 'z' {
		end++
	}
	return keywordOf(word[:end]) != name || strings.HasPrefix(word, "/*") || strings.HasPrefix(word, "--")
}

// inside reads a text that the statement has executed as a part of it.
func (r *reader) inside(text string, read func(*reader)) bool {
	if r.texts++; r.texts > maxTexts || r.depth >= maxDepth {
		r.capped("it has more texts executed than are looked into")
		return false
	}
	tokens, whole := r.lexer.Lex(text, nil) // a text beyond what that reads is none that is told
	in := reader{lexer: r.lexer, sql: text, out: r.out, st: r.st, depth: r.depth + 1, texts: r.texts, steps: r.steps}
	if in.take(tokens) != "" || !whole {
		return false
	}
	verb, object, temporary := r.st.Verb, r.st.Object, r.st.Temporary
	defer func() { r.st.Verb, r.st.Object, r.st.Temporary = verb, object, temporary }()
	read(&in)
	r.texts, r.steps = in.texts, in.steps
	return true
}

// named reads the whole text as one table's name.
func (r *reader) named() {
	if !r.isName(r.i) {
		r.unsure("a table is named by a text that is no name")
		return
	}
	schema, table := r.chain()
	r.table(schema, table, Reads)
}

// all reads the text as statements.
func (r *reader) all() {
	for r.i < len(r.tokens) {
		before := r.i
		r.st.Verb = Unknown
		r.inner(nil)
		r.level(nil, level{})
		if r.i == before || r.i < len(r.tokens) && !r.punct(';') {
			r.unsure("a text that it executes can't be read")
			return
		}
		if r.st.Verb == Unknown {
			r.unsure("a text that it executes is no statement that is known")
		}
		r.i++
	}
}

// closing gives the index of the bracket that closes the one at i.
func (r *reader) closing(i int) int {
	depth, from := 0, i
	if r.steps > maxSteps {
		return len(r.tokens)
	}
	defer func() { r.ahead(i - from) }()
	for ; i < len(r.tokens); i++ {
		switch {
		case r.isPunct(i, '('), r.isPunct(i, '['):
			depth++
		case r.isPunct(i, ')'), r.isPunct(i, ']'):
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return i
}

// with reads the queries that WITH names, and gives the scope that has them.
func (r *reader) with(sc *scope) *scope {
	r.i++
	in := &scope{up: sc}
	recursive := r.kw(r.i) == kwRecursive
	if recursive {
		r.i++
		r.forward(in)
	}
	verb, object := r.st.Verb, r.st.Object
	defer func() { r.st.Verb, r.st.Object = verb, object }()
	for r.isName(r.i) {
		query := r.ident(r.i)
		r.pastName()
		if r.punct('(') {
			r.i = r.closing(r.i) + 1
		}
		r.skip("as", "not", "materialized")
		if !r.punct('(') {
			break
		}
		r.i++
		r.inner(in)
		if !r.punct(')') {
			break
		}
		r.i++
		r.pastCycle()
		if !recursive {
			in.names = append(in.names, query)
		}
		if !r.punct(',') {
			return in
		}
		r.i++
	}
	r.unsure("its WITH can't be read")
	return in
}

// forward adds the names of all queries of a WITH RECURSIVE, each of which may
// be read by those before it.
func (r *reader) forward(in *scope) {
	at := r.i
	defer func() { r.i = at }()
	for r.isName(r.i) && len(in.names) < maxNames {
		in.names = append(in.names, r.ident(r.i))
		r.pastName()
		if r.punct('(') {
			r.i = r.closing(r.i) + 1
		}
		r.skip("as", "not", "materialized")
		if !r.punct('(') {
			return
		}
		r.i = r.closing(r.i) + 1
		r.pastCycle()
		if !r.punct(',') {
			return
		}
		r.i++
	}
}

// pastCycle goes past SEARCH … SET a and CYCLE … SET a [TO b DEFAULT c] USING d.
func (r *reader) pastCycle() {
	for r.is(r.i, "search") || r.is(r.i, "cycle") {
		cycle := r.is(r.i, "cycle")
		for r.i < len(r.tokens) && r.kw(r.i) != kwSet {
			r.i++
		}
		r.i += 2
		for cycle && r.i < len(r.tokens) && r.kw(r.i) != kwUsing {
			r.i++
		}
		if cycle {
			r.i += 2
		}
	}
}

// selectInto reads the table that SELECT … INTO makes.
func (r *reader) selectInto(l *level) {
	l.part = list
	r.st.Verb, r.st.Object = Define, "select into"
	r.st.Temporary = r.is(r.i, "temp") || r.is(r.i, "temporary")
	r.skip("temp", "temporary", "unlogged", "table", "local", "global")
	if !r.isName(r.i) {
		r.unsure("SELECT INTO names no table")
		return
	}
	schema, table := r.chain()
	r.st.Temporary = r.st.Temporary || schema == "pg_temp"
	r.table(schema, table, Defines)
}

// lock reads FOR UPDATE and the like.
func (r *reader) lock(l *level) {
	strength := r.i + 1
	if r.is(strength, "no") {
		strength++
	}
	if r.is(strength, "key") {
		strength++
	}
	if !l.query || r.kw(strength) != kwUpdate && !r.is(strength, "share") {
		return
	}
	l.part = elsewhere
	r.i = strength
	for i := l.first; i < len(r.st.Tables); i++ {
		if r.st.Tables[i].Use&Reads != 0 {
			r.st.Tables[i].Use |= Locks
		}
	}
}

// conflict reads ON CONFLICT up to its target.
func (r *reader) conflict(l *level) {
	r.i++ // at CONFLICT
	l.part = elsewhere
	if r.isPunct(r.i+1, '(') || r.kw(r.i+1) == kwOn {
		r.note(l.target-1, Compares)
	}
}

// merged reads what MERGE does after THEN.
func (r *reader) merged(l *level) bool {
	l.part = elsewhere
	switch r.kw(r.i + 1) {
	case kwUpdate:
		r.i += 2
		r.note(l.target-1, Updates)
		if r.kw(r.i) == kwSet {
			r.i++
			l.part = set
		}
	case kwDelete:
		r.i += 2
		r.note(l.target-1, Deletes)
	case kwInsert:
		r.i += 2
		r.note(l.target-1, Inserts)
		if r.punct('(') {
			r.columns(l)
		} else if l.target > 0 {
			r.st.Tables[l.target-1].AllInserted = true
		}
	default:
		return false
	}
	return true
}
