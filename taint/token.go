package taint

import "fmt"

// A Dialect is whose rules of lexing apply. The zero value is not a dialect.
type Dialect uint8

const (
	// PostgreSQL is versions 13 to 18, with standard_conforming_strings as
	// Lexer says.
	PostgreSQL Dialect = iota + 1
	// SQLite is version 3.
	SQLite
)

var dialectNames = [...]string{PostgreSQL: "postgresql", SQLite: "sqlite"}

func (d Dialect) String() string {
	if d != 0 && int(d) < len(dialectNames) {
		return dialectNames[d]
	}
	return fmt.Sprintf("Dialect(%d)", uint8(d))
}

// MarshalText writes the dialect's name.
func (d Dialect) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads "postgresql" or "sqlite".
func (d *Dialect) UnmarshalText(text []byte) error {
	for i, name := range dialectNames {
		if name != "" && name == string(text) {
			*d = Dialect(i)
			return nil
		}
	}
	return fmt.Errorf("unknown SQL dialect %q: want postgresql or sqlite", text)
}

// A Class is what a token is to the server's lexer.
type Class uint8

const (
	// Word is a keyword or an unquoted identifier.
	Word Class = iota + 1
	// Quoted is a quoted identifier, its quotes included: "x", U&"x"; in
	// SQLite also `x` and [x].
	Quoted
	// String is a string constant of any kind, its prefix and quotes
	// included: 'x', E'x', U&'x', B'1', X'1f', $tag$x$tag$. Parts that the
	// server joins over a line break are one token.
	String
	// Number is a numeric constant, without a sign.
	Number
	// Param is a place for a bound value: $1, ?, ?1, :name, @name, $name.
	Param
	// Operator is an operator: + || ->> <=> ::
	Operator
	// Punct is one of ( ) [ ] , ; . : where it is not part of an operator.
	Punct
	// Line is a comment to the end of the line, without the line break.
	Line
	// Block is a comment between /* and */, nested where the dialect nests.
	Block
	// Open is a string, quoted identifier or block comment that does not end
	// before the statement does: the rest of the text is in it.
	Open
	// Stray is a byte that the server's lexer refuses, such as NUL.
	Stray
)

var classNames = [...]string{
	Word: "word", Quoted: "quoted", String: "string", Number: "number", Param: "param", Operator: "operator",
	Punct: "punct", Line: "line", Block: "block", Open: "open", Stray: "stray",
}

func (c Class) String() string {
	if c != 0 && int(c) < len(classNames) {
		return classNames[c]
	}
	return fmt.Sprintf("Class(%d)", uint8(c))
}

// A Token is one token of a statement: bytes Start to End of its text. White
// space between tokens is in none.
type Token struct {
	Start, End int32
	Class      Class
	// Lead and Tail are how many bytes at the start and the end of a String,
	// Quoted, Block, Line or Open token are its delimiters: what is between
	// is its content. U&'x' has 3 and 1.
	Lead, Tail uint8
}

// A Lexer is a dialect with the session's settings that change how text is
// lexed. The zero value of a setting is the server's default.
type Lexer struct {
	Dialect Dialect
	// Backslash is PostgreSQL's standard_conforming_strings = off: a backslash
	// escapes in ordinary strings.
	Backslash bool
}

// MaxTokens is how many tokens a statement may have to be judged whole: a
// statement with more is cut there, and its decision says so.
const MaxTokens = 1 << 16
