package owners

import (
	"strconv"
	"strings"

	"github.com/gatehousehq/gatehouse/taint"
)

// maxName is how much of a name PostgreSQL tells apart (NAMEDATALEN - 1).
const maxName = 63

// A statement is one, as its tokens without comments.
type statement struct {
	lexer  taint.Lexer
	sql    string
	tokens []taint.Token
	ask    Ask
}

func (s *statement) text(i int) string {
	if i < 0 || i >= len(s.tokens) {
		return ""
	}
	return s.sql[s.tokens[i].Start:s.tokens[i].End]
}

// word is the i-th token in lower case, where it is no quoted name and no string.
func (s *statement) word(i int) string {
	if i < 0 || i >= len(s.tokens) {
		return ""
	}
	switch s.tokens[i].Class {
	case taint.Quoted, taint.String:
		return ""
	}
	return lower(s.text(i))
}

// lower folds ASCII alone, as the database does.
func lower(text string) string {
	for i := range len(text) {
		if c := text[i]; c >= 'A' && c <= 'Z' {
			return strings.Map(func(r rune) rune {
				if r >= 'A' && r <= 'Z' {
					return r + 'a' - 'A'
				}
				return r
			}, text)
		}
	}
	return text
}

func (s *statement) is(i int, word string) bool { return s.word(i) == word }

// identifier reports whether the i-th token may be a name.
func (s *statement) identifier(i int) bool {
	return i >= 0 && i < len(s.tokens) && (s.tokens[i].Class == taint.Word || s.tokens[i].Class == taint.Quoted)
}

// unquoted is a name as the database takes it.
func (s *statement) unquoted(i int) (string, error) {
	text := s.text(i)
	if s.tokens[i].Class == taint.Quoted {
		if s.tokens[i].Lead != 1 {
			return "", unknown("the name %s is written in escapes", text)
		}
		text = strings.ReplaceAll(text[1:len(text)-1], `""`, `"`)
	} else {
		text = lower(text)
	}
	return text[:min(len(text), maxName)], nil
}

// A tableName is one as it stands: with a schema or without.
type tableName struct {
	schema, name string
	from, to     int // its tokens
}

func (n tableName) full() string {
	if n.schema == "" {
		return n.name
	}
	return n.schema + "." + n.name
}

// name reads the name of a table at i, and gives where it ends.
func (s *statement) name(i int) (n tableName, next int, err error) {
	n = tableName{from: i}
	var parts []string
	for {
		if !s.identifier(i) {
			return n, i, unknown("there is no table's name")
		}
		part, err := s.unquoted(i)
		if err != nil {
			return n, i, err
		}
		if strings.Contains(part, ".") {
			return n, i, unknown("a name has a full stop in it")
		}
		parts = append(parts, part)
		i++
		if !s.is(i, ".") {
			break
		}
		i++
	}
	if len(parts) > 2 {
		return n, i, unknown("the name has %d parts", len(parts))
	}
	n.name, n.to = parts[len(parts)-1], i
	if len(parts) == 2 {
		n.schema = parts[0]
	}
	return n, i, nil
}

// find gives the first of these words between from and to that is in no
// parentheses; -1 if there is none. FROM after DISTINCT compares.
func (s *statement) find(from, to int, words ...string) int {
	depth := 0
	for i := from; i < to; i++ {
		switch w := s.word(i); w {
		case "(", "[":
			depth++
		case ")", "]":
			depth--
		default:
			if depth != 0 || w == "" || s.is(i-1, ".") || w == "from" && s.is(i-1, "distinct") {
				continue
			}
			for _, wanted := range words {
				if w == wanted {
					return i
				}
			}
		}
	}
	return -1
}

// split gives the parts between commas that are in no parentheses.
func (s *statement) split(from, to int) (parts [][2]int) {
	start := from
	for {
		i := s.find(start, to, ",")
		if i < 0 {
			return append(parts, [2]int{start, to})
		}
		parts = append(parts, [2]int{start, i})
		start = i + 1
	}
}

// closing gives where the parenthesis at i is closed; -1 if it is not.
func (s *statement) closing(i int) int {
	depth := 0
	for ; i < len(s.tokens); i++ {
		switch s.word(i) {
		case "(":
			depth++
		case ")":
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// A writer puts parts of the statement into one of the gate's own.
type writer struct {
	s      *statement
	b      strings.Builder
	params []int
	err    error
}

func (w *writer) write(texts ...string) {
	for _, t := range texts {
		w.b.WriteString(t)
	}
}

// copy adds the tokens from from to to, with the parameters numbered anew. What
// may give another answer the second time is an error.
func (w *writer) copy(from, to int) {
	for i := from; i < to && w.err == nil; i++ {
		if i > from && w.s.tokens[i].Start != w.s.tokens[i-1].End {
			w.write(" ")
		}
		w.err = w.s.steady(i)
		switch text := w.s.text(i); w.s.tokens[i].Class {
		case taint.Param:
			w.param(text)
		case taint.String:
			w.write(w.s.literal(i, text))
		default:
			w.write(text)
		}
	}
}

// name adds a table's name as it stands.
func (w *writer) name(n tableName) {
	for i := n.from; i < n.to; i++ {
		w.write(w.s.text(i))
	}
}

func (w *writer) param(text string) {
	n, err := strconv.Atoi(strings.TrimPrefix(text, "$"))
	if err != nil || n < 1 {
		w.err = unknown("%s is no parameter", text)
		return
	}
	at := -1
	for i, p := range w.params {
		if p == n-1 {
			at = i
		}
	}
	if at < 0 {
		at = len(w.params)
		w.params = append(w.params, n-1)
	}
	w.write("$", strconv.Itoa(at+1))
}

// literal is a string constant that reads alike however backslashes are read.
func (s *statement) literal(i int, text string) string {
	if text[0] != '\'' || !strings.Contains(text, `\`) {
		return text
	}
	if !s.lexer.Backslash {
		text = strings.ReplaceAll(text, `\`, `\\`)
	}
	return "E" + text
}
