package outline

import (
	"strings"

	"github.com/gatehousehq/gatehouse/taint"
)

// A reader goes through the tokens of a text, comments left out.
type reader struct {
	lexer  taint.Lexer
	sql    string
	tokens []taint.Token
	words  []keyword // of each token
	i      int
	depth  int
	texts  int
	steps  int // see ahead

	out *Outline
	st  *Statement
}

// OfTokens is [Of] for a text whose tokens, and whether they are all of it,
// are known from the same lexer.
func OfTokens(l taint.Lexer, sql string, tokens []taint.Token, whole bool) Outline {
	out := Outline{}
	r := reader{lexer: l, sql: sql, out: &out}
	broken := r.take(tokens)
	for r.i < len(r.tokens) {
		if r.punct(';') {
			r.i++
			continue
		}
		if len(out.Statements) >= maxStatements {
			r.capped("there are more statements than are looked at")
			break
		}
		r.statement()
	}
	if broken != "" || !whole {
		if len(out.Statements) == 0 {
			out.Statements = []Statement{{}}
		}
		r.st = &out.Statements[len(out.Statements)-1]
		if !whole {
			r.capped("it is longer than is read")
		}
		if broken != "" {
			r.unsure(broken)
		}
	}
	return out
}

// take keeps the tokens that are no comments, and says what is wrong with them.
func (r *reader) take(tokens []taint.Token) (broken string) {
	r.tokens = make([]taint.Token, 0, len(tokens))
	r.words = make([]keyword, 0, len(tokens))
	for _, t := range tokens {
		word := name
		switch t.Class {
		case taint.Line, taint.Block:
			continue
		case taint.Open, taint.Stray:
			broken = "it has a quotation mark that is not closed, or a byte that the server refuses"
		case taint.Word:
			word = keywordOf(r.sql[t.Start:t.End])
		}
		r.tokens, r.words = append(r.tokens, t), append(r.words, word)
	}
	return broken
}

// statement reads one statement of the text, up to its semicolon.
func (r *reader) statement() {
	r.out.Statements = append(r.out.Statements, Statement{})
	r.st = &r.out.Statements[len(r.out.Statements)-1]
	r.inner(nil)
	for r.i < len(r.tokens) && !r.punct(';') {
		// A bracket too many, or a statement that is not known.
		r.level(nil, level{})
		if r.i < len(r.tokens) && !r.punct(';') {
			r.unsure("a bracket closes that was not opened")
			r.i++
		}
	}
}

// unsure notes the first reason why not all was understood.
func (r *reader) unsure(why string) {
	if r.st.Unsure == "" {
		r.st.Unsure = why
	}
}

// capped notes that something is not looked at.
func (r *reader) capped(why string) {
	r.st.Capped = true
	r.unsure(why)
}

// ahead counts tokens looked at before the reader comes to them, so that a text
// with brackets in brackets takes no more than so much; false where it does.
func (r *reader) ahead(n int) bool {
	if r.steps += n; r.steps > maxSteps {
		r.capped("it takes more work than is spent")
		return false
	}
	return true
}

func (r *reader) text(i int) string {
	if i < 0 || i >= len(r.tokens) {
		return ""
	}
	return r.sql[r.tokens[i].Start:r.tokens[i].End]
}

// class is a token's, or zero after the last.
func (r *reader) class(i int) taint.Class {
	if i < 0 || i >= len(r.tokens) {
		return 0
	}
	return r.tokens[i].Class
}

// kw is what the word at i means.
func (r *reader) kw(i int) keyword {
	if i < 0 || i >= len(r.words) {
		return name
	}
	return r.words[i]
}

// is reports whether the token at i is this unquoted word.
func (r *reader) is(i int, word string) bool {
	return r.class(i) == taint.Word && equalFold(r.text(i), word)
}

// skip goes past any of the words, in any order.
func (r *reader) skip(words ...string) {
	for again := true; again; {
		again = false
		for _, w := range words {
			if r.is(r.i, w) {
				r.i++
				again = true
			}
		}
	}
}

func (r *reader) punct(c byte) bool { return r.isPunct(r.i, c) }

func (r *reader) isPunct(i int, c byte) bool {
	return r.class(i) == taint.Punct && r.sql[r.tokens[i].Start] == c
}

// isName reports whether an identifier is at i, reserved words apart.
func (r *reader) isName(i int) bool {
	switch r.class(i) {
	case taint.Quoted:
		return true
	case taint.Word:
		return !r.kw(i).isReserved()
	case taint.String: // SQLite takes a string for a name where it wants one
		return r.lexer.Dialect == taint.SQLite
	}
	return false
}

// longestName is PostgreSQL's NAMEDATALEN less one: it cuts longer ones.
const longestName = 63

// ident is the name at i as the server has it, and nothing of the text: that
// may be the caller's own.
func (r *reader) ident(i int) string {
	text := r.text(i)
	t := r.tokens[i]
	var s string
	switch t.Class {
	case taint.Quoted:
		s = r.quoted(i)
	case taint.String:
		s = r.literal(i)
	default:
		s = strings.Map(func(c rune) rune {
			if 'A' <= c && c <= 'Z' {
				return c + 'a' - 'A'
			}
			return c
		}, text)
	}
	if r.lexer.Dialect == taint.SQLite {
		s = strings.ToLower(s) // SQLite's names have no case
	} else if len(s) > longestName {
		cut := longestName
		for cut > 0 && s[cut]&0xC0 == 0x80 {
			cut--
		}
		s = s[:cut]
	}
	return strings.Clone(s)
}

// quoted is a quoted identifier's content.
func (r *reader) quoted(i int) string {
	t := r.tokens[i]
	content := r.sql[int(t.Start)+int(t.Lead) : max(int(t.End)-int(t.Tail), int(t.Start)+int(t.Lead))]
	mark := r.sql[int(t.Start)+int(t.Lead)-1 : int(t.Start)+int(t.Lead)]
	if mark != "[" {
		content = strings.ReplaceAll(content, mark+mark, mark)
	}
	if t.Lead == 3 {
		escape := byte('\\')
		if r.is(i+1, "uescape") && r.class(i+2) == taint.String {
			if e := r.literal(i + 2); len(e) == 1 {
				escape = e[0]
			}
		}
		content = unescaped(content, escape)
	}
	return content
}

// chain reads a name with its qualifiers at the reader's place, and goes past
// it. Of more than two parts the last two count: the first is the database's.
func (r *reader) chain() (schema, table string) {
	table = r.ident(r.i)
	r.pastName()
	for r.punct('.') {
		if next := r.class(r.i + 1); next != taint.Word && next != taint.Quoted {
			break
		}
		r.i++
		schema, table = table, r.ident(r.i)
		r.pastName()
	}
	return schema, table
}

// pastName goes past one part of a name, with its UESCAPE.
func (r *reader) pastName() {
	t := r.tokens[r.i]
	r.i++
	if t.Class == taint.Quoted && t.Lead == 3 && r.is(r.i, "uescape") && r.class(r.i+1) == taint.String {
		r.i += 2
	}
}

// table notes what becomes of a table, and gives its index; -1 where there are
// too many.
func (r *reader) table(schema, table string, use Use) int {
	for i := range r.st.Tables {
		if t := &r.st.Tables[i]; t.Name == table && t.Schema == schema {
			t.Use |= use
			return i
		}
	}
	if len(r.st.Tables) >= maxNames {
		r.capped("it names more tables than are kept")
		return -1
	}
	r.st.Tables = append(r.st.Tables, Table{Schema: schema, Name: table, Use: use})
	return len(r.st.Tables) - 1
}

// note adds a use of a table by its index.
func (r *reader) note(i int, use Use) {
	if i >= 0 && i < len(r.st.Tables) {
		r.st.Tables[i].Use |= use
	}
}

// column adds a name to a list of columns.
func (r *reader) column(columns []string, column string) []string {
	for _, c := range columns {
		if c == column {
			return columns
		}
	}
	if len(columns) >= maxColumns {
		r.capped("it names more columns than are kept")
		return columns
	}
	return append(columns, column)
}
