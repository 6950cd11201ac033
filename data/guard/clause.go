package guard

import (
	"strings"

	"github.com/gatehousehq/gatehouse/taint"
)

// maxRead is how much of a statement is read for findings, in bytes.
const maxRead = 256 << 10

// firstTable is the table that a statement reads or writes first, for a person.
// It is a copy: the statement may be a view of a buffer, and events are kept.
func firstTable(st taint.Statement) string {
	sql := st.SQL[:min(len(st.SQL), 4<<10)]
	tokens, _ := st.Lexer.Lex(sql, nil)
	for i, t := range tokens {
		if t.Class != taint.Word {
			continue
		}
		switch word(sql, t) {
		case "from", "into", "join", "update", "table":
			if name, _ := tableAt(sql, tokens, i+1); name != "" {
				return strings.Clone(name)
			}
		}
	}
	return ""
}

// word is a token's text in lower case.
func word(sql string, t taint.Token) string { return strings.ToLower(sql[t.Start:t.End]) }

// name is an identifier without its quotation marks.
func name(sql string, t taint.Token) string {
	return sql[int(t.Start)+int(t.Lead) : max(int(t.End)-int(t.Tail), int(t.Start)+int(t.Lead))]
}

// beforeTable are words that may stand between a verb and its table.
var beforeTable = map[string]bool{
	"only": true, "or": true, "replace": true, "ignore": true, "rollback": true, "abort": true, "fail": true,
	"if": true, "not": true, "exists": true, "lateral": true,
}

// tableAt reads the table's name at token i, schema included, and gives the
// token after it; empty where there is none.
func tableAt(sql string, tokens []taint.Token, i int) (table string, next int) {
	for i < len(tokens) && tokens[i].Class == taint.Word && beforeTable[word(sql, tokens[i])] {
		i++
	}
	for i < len(tokens) && (tokens[i].Class == taint.Word || tokens[i].Class == taint.Quoted) {
		table += name(sql, tokens[i])
		if i+2 >= len(tokens) || sql[tokens[i+1].Start:tokens[i+1].End] != "." {
			return table, i + 1
		}
		table += "."
		i += 2
	}
	return table, i
}

// writers are the words that a statement which writes begins with, alone or
// after something else.
var writers = []string{"insert", "update", "replace", "merge", "with", "begin", "start"}

// mayWrite reports whether a statement's first word is one that writes. It is
// asked of every statement, and looks at no more than its beginning.
func mayWrite(sql string) bool {
	for {
		sql = strings.TrimLeft(sql, " \t\r\n\f;(")
		switch {
		case strings.HasPrefix(sql, "/*"):
			_, rest, ok := strings.Cut(sql[2:], "*/")
			if !ok {
				return false
			}
			sql = rest
		case strings.HasPrefix(sql, "--"):
			_, rest, ok := strings.Cut(sql, "\n")
			if !ok {
				return false
			}
			sql = rest
		default:
			for _, w := range writers {
				if len(sql) > len(w) && strings.EqualFold(sql[:len(w)], w) {
					return true
				}
			}
			return false
		}
	}
}

// A target is where a value of a statement is written to.
type target struct {
	token         taint.Token
	table, column string
	// call is the function that it is handed to; empty where none but those
	// that leave it as it is.
	call string
	// param is the number of a bound value, from 0; -1 for a literal, and for a
	// parameter with a name.
	param int
}

// The parts of a statement that a walker is in.
type part uint8

const (
	elsewhere part = iota
	columns        // of an INSERT
	values         // its rows
	selected       // its SELECT list
	set            // SET of an UPDATE, or of ON CONFLICT
)

// A walker goes through the tokens of a statement that writes, and knows where
// each value goes. It reads what servers accept; of anything else its answers
// are of no meaning, and only findings come of them.
type walker struct {
	sql    string
	tokens []taint.Token

	part   part
	depth  int      // of parentheses
	base   int      // the depth of the current part
	calls  []string // what stood before each open parenthesis
	table  string
	names  []string // the columns of INSERT
	index  int      // of the value in its row
	column string   // what SET assigns to
	// compared is the depth of a subquery's FROM or WHERE that the walker is
	// in, whose values are not written; 0 outside.
	compared int
	unbound  int // parameters without a number so far
}

// targets calls yield for each value that the statement writes, until it
// returns false.
func targets(st taint.Statement, yield func(target) bool) {
	w := walker{sql: st.SQL[:min(len(st.SQL), maxRead)]}
	w.tokens, _ = st.Lexer.Lex(w.sql, nil)
	for i := 0; i < len(w.tokens); i++ {
		switch t := w.tokens[i]; t.Class {
		case taint.Word, taint.Quoted:
			i = w.word(i)
		case taint.Punct:
			w.punct(i)
		case taint.String, taint.Param:
			param := -1
			if t.Class == taint.Param {
				param = w.number(t)
			}
			if w.part == elsewhere || w.part == columns || w.compared > 0 {
				continue
			}
			if !yield(target{token: t, table: w.table, column: w.at(), call: w.call(), param: param}) {
				return
			}
		}
	}
}

// word takes an identifier or keyword, and gives the last token that it took.
func (w *walker) word(i int) int {
	if w.tokens[i].Class == taint.Quoted {
		w.assigns(i)
		return i
	}
	switch word(w.sql, w.tokens[i]) {
	case "into", "update":
		if table, next := tableAt(w.sql, w.tokens, i+1); table != "" && !strings.EqualFold(table, "set") {
			w.table, w.names, w.part = table, nil, elsewhere
			if w.follows(next-1, "(") {
				w.part, w.base = columns, w.depth
			}
			return next - 1
		}
	case "insert":
		if w.follows(i, "(") { // of MERGE
			w.names, w.part, w.base = nil, columns, w.depth
		}
	case "values":
		w.part, w.base, w.index = values, w.depth, 0
	case "select":
		if w.part == columns || w.part == elsewhere && w.table != "" && w.names != nil {
			w.part, w.base, w.index = selected, w.depth, 0
		}
	case "set":
		w.part, w.base, w.column = set, w.depth, ""
	case "from", "where", "returning", "on":
		if w.depth <= w.base {
			w.part = elsewhere
		} else if w.compared == 0 {
			w.compared = w.depth
		}
	default:
		w.assigns(i)
	}
	return i
}

// assigns notes a column that SET gives a value, or one of INSERT's list.
func (w *walker) assigns(i int) {
	switch {
	case w.part == set && w.depth == w.base && w.follows(i, "="):
		w.column = name(w.sql, w.tokens[i])
	case w.part == columns && w.depth == w.base+1:
		w.names = append(w.names, name(w.sql, w.tokens[i]))
	}
}

// follows reports whether text is the token after i.
func (w *walker) follows(i int, text string) bool {
	if i+1 >= len(w.tokens) {
		return false
	}
	t := w.tokens[i+1]
	return w.sql[t.Start:t.End] == text
}

func (w *walker) punct(i int) {
	switch w.sql[w.tokens[i].Start] {
	case '(':
		before := ""
		if i > 0 && w.tokens[i-1].Class == taint.Word {
			before = word(w.sql, w.tokens[i-1])
		}
		w.depth++
		w.calls = append(w.calls, before)
		if w.part == values && w.depth == w.base+1 {
			w.index = 0
		}
	case ')':
		if w.depth > 0 {
			w.depth--
			w.calls = w.calls[:w.depth]
		}
		if w.depth < w.compared {
			w.compared = 0
		}
	case ',':
		if w.part == values && w.depth == w.base+1 || w.part == selected && w.depth == w.base {
			w.index++
		}
	case ';':
		*w = walker{sql: w.sql, tokens: w.tokens, unbound: w.unbound}
	}
}

// at is the column that a value here is written to; empty where unknown.
func (w *walker) at() string {
	switch {
	case w.part == set:
		return w.column
	case w.index < len(w.names):
		return w.names[w.index]
	}
	return ""
}

// transparent are functions, and words before parentheses, that leave a text as
// it is, or nearly.
var transparent = map[string]bool{
	"": true, "values": true, "coalesce": true, "ifnull": true, "nullif": true, "trim": true, "ltrim": true, "rtrim": true,
	"cast": true, "convert": true, "concat": true, "row": true, "select": true, "set": true, "case": true, "then": true, "else": true,
}

// call is the function around a value that says most of what becomes of it: one
// that may hash slowly, else the innermost that does something to it.
func (w *walker) call() (found string) {
	for i := len(w.calls) - 1; i >= w.base && i >= 0; i-- {
		call := w.calls[i]
		switch {
		case transparent[call]:
		case hashing[call] == "":
			return call
		case found == "":
			found = call
		}
	}
	return found
}

// number is a parameter's place among the bound values, from 0: "$2" and "?2"
// say it, "?" is one more than those before; -1 where it has a name.
func (w *walker) number(t taint.Token) int {
	text := w.sql[t.Start+1 : t.End]
	if text == "" {
		w.unbound++
		return w.unbound - 1
	}
	n := 0
	for _, c := range []byte(text) {
		if c < '0' || c > '9' || n > 1<<16 {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	return n - 1
}
