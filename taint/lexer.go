package taint

import (
	"math"
	"strings"
)

// maxText is how many bytes of a statement are lexed: what is after them is
// not judged, and Lex says so. Both servers take statements as long as that,
// and no application writes one.
const maxText = 16 << 20

// Lex appends the tokens of sql to dst and gives the result. Every byte that is
// in no token is white space to the server. Whole is false where Lex stopped
// before the end: after MaxTokens tokens, or after 16 MiB of text, where the
// last token may be cut short. Lex does not fail: what the server would refuse
// is Open or Stray. Its work is linear in the length of sql, and it allocates
// only to grow dst.
//
// A NUL byte ends the text that a server reads; it is a Stray together with
// everything after it. Bytes above 0x7F belong to words whether or not they are
// valid UTF-8, as in the servers. Text in an encoding whose trailing bytes can
// be ASCII (SJIS, BIG5, GBK, GB18030, UHC, JOHAB) is not for this lexer: in it
// a quote may be half of a letter. The SQL gate refuses such a client_encoding.
//
// A dollar quote whose tag is longer than 253 bytes does not fit Lead and Tail:
// it is Stray as a whole, or Open with a Lead of 255.
//
// A dialect other than SQLite is read by PostgreSQL's rules.
func (l Lexer) Lex(sql string, dst []Token) (tokens []Token, whole bool) {
	whole = true
	if len(sql) > maxText {
		sql, whole = sql[:maxText], false
	}
	text := sql
	if nul := strings.IndexByte(sql, 0); nul >= 0 {
		text = sql[:nul]
	}
	limit := len(dst) + MaxTokens
	var read int
	if l.Dialect == SQLite {
		tokens, read = lexSQLite(text, dst, limit)
	} else {
		tokens, read = lexPostgres(text, dst, limit, l.Backslash)
	}
	switch {
	case read < len(text), len(text) < len(sql) && len(tokens) >= limit:
		whole = false
	case len(text) < len(sql):
		tokens = append(tokens, span(Stray, len(text), len(sql)))
	}
	return tokens, whole
}

// A kind is what a byte at the start of a token may begin, with flags for what
// it may be inside one.
type kind uint8

const (
	stray kind = iota // the server refuses it
	space
	word
	prefix // a letter that may begin a string: E'x', x'1f'
	digit
	dot
	quote
	quoted // begins a quoted identifier
	dollar
	colon
	punct
	operator
	minus
	slash
	question
	mark // a byte whose case is the dialect's own

	kinds kind = 0x0F
	// inWord is set for what continues a word.
	inWord kind = 0x10
	// inOperator is set for what continues an operator.
	inOperator kind = 0x20
	// inHex is set for hexadecimal digits.
	inHex kind = 0x40
	// inSpace is set for what continues white space.
	inSpace kind = 0x80
)

type kindTable [256]kind

// kindsOf makes a dialect's table; a byte that is in several rows is what the
// last one says, and has the flags of all.
func kindsOf(rows ...kindRow) *kindTable {
	table := &kindTable{}
	for _, row := range rows {
		for _, c := range []byte(row.bytes) {
			table[c] = table[c]&^kinds | row.kind
		}
	}
	for c := 0x80; c <= 0xFF; c++ {
		table[c] |= word | inWord
	}
	for _, c := range []byte("0123456789abcdefABCDEF") {
		table[c] |= inHex
	}
	return table
}

type kindRow struct {
	bytes string
	kind  kind
}

const (
	letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
	digits  = "0123456789"
)

func span(class Class, start, end int) Token {
	return Token{Start: int32(start), End: int32(end), Class: class}
}

// delimited gives a token with delimiters. One whose delimiter is too long for
// Lead, a dollar quote that no application writes, is Stray rather than a
// literal with the wrong content; an Open one stays Open.
func delimited(class Class, start, end, lead, tail int) Token {
	if lead > math.MaxUint8 {
		if class != Open {
			return span(Stray, start, end)
		}
		lead = math.MaxUint8
	}
	return Token{Start: int32(start), End: int32(end), Class: class, Lead: uint8(lead), Tail: uint8(tail)}
}

// unclosed gives the token of a construct that the text ends in.
func unclosed(sql string, start, lead int) Token {
	return delimited(Open, start, len(sql), lead, 0)
}

// wordEnd gives where the word that goes on at i ends.
func wordEnd(table *kindTable, sql string, i int) int {
	for i < len(sql) && table[sql[i]]&inWord != 0 {
		i++
	}
	return i
}

// closing gives the place after the mark that closes what is quoted at i, where
// a doubled mark is one mark inside it; -1 if there is none.
func closing(sql string, i int, mark byte) int {
	for i < len(sql) {
		if sql[i] != mark {
			next := strings.IndexByte(sql[i:], mark)
			if next < 0 {
				return -1
			}
			i += next
		}
		if i+1 >= len(sql) || sql[i+1] != mark {
			return i + 1
		}
		i += 2
	}
	return -1
}

func isDigit(sql string, i int) bool { return i < len(sql) && sql[i]-'0' < 10 }

func isByte(sql string, i int, c byte) bool { return i < len(sql) && sql[i] == c }

func digitsEnd(sql string, i int) int {
	for isDigit(sql, i) {
		i++
	}
	return i
}

// exponentEnd gives where the exponent ends that is at i, or i if none is.
func exponentEnd(sql string, i int) int {
	if !isByte(sql, i, 'e') && !isByte(sql, i, 'E') {
		return i
	}
	j := i + 1
	if isByte(sql, j, '+') || isByte(sql, j, '-') {
		j++
	}
	if !isDigit(sql, j) {
		return i
	}
	return j
}
