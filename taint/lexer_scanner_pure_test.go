//go:build !race

package taint_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	pganalyze "github.com/pganalyze/pg_query_go/v6"
	pgquery "github.com/wasilibs/go-pgquery"
	"github.com/wasilibs/go-pgquery/parser"

	"github.com/gatehousehq/gatehouse/taint"
)

// pgFragments are what statements are put together from: every construct, its
// halves, and what stands between them.
var pgFragments = []string{
	" ", " ", "  ", "\n", "\r", "\t", "\v", "\f", "-- c\n", "-- c\r", "--", "/*", "*/", "/* c */", "/**/", "/*/", "/* /* */ */", "//*",
	"'", "''", "'a'", "'a''b'", "'a\\'", "\\'", "\\\\", "\\", "\n'b'", "\r\n 'c'", "-- x\n'd'", "E'", "e'\\''", "E'a\\\\'", "E'\\\\''", "E",
	"U&'", "U&'a\\0061'", "u&\"d\\0061\"", "U&", "u", "B'", "B'01'", "b'1''0'", "X'", "x'1f'", "N'", "n'a'", "N",
	"\"", "\"a\"", "\"a\"\"b\"", "$", "$$", "$a$", "$a$ x $a$", "$é$", "$a", "$1", "$12", "$1a", "a$1$", "$_$", "$1$",
	"1", "0", "12", "1.", ".5", "1.5", "1e5", "1e", "1e+", "1e-5", "1.e5", ".5e3", "1..2", "..", ".", "1_000", "1__0", "1_", "_1", "0x", "0x1F", "0x_1", "0o17", "0o8", "0b1", "0b2", "0xg",
	"a", "ab", "é", "\xff", "\x80", "_", "select", "SELECT", "from", "uescape", "or",
	"+", "-", "*", "/", "%", "<", ">", "=", "~", "!", "@", "#", "^", "&", "|", "`", "?", "<=", ">=", "<>", "!=", "=>", "::", ":=", ":", "->>", "||", "@-", "+-", "-+", "*-",
	"(", ")", "[", "]", ",", ";", "{", "}", "\x01", "\x7f",
}

func pgStatement(random *rand.Rand) string {
	var sql strings.Builder
	for range 1 + random.IntN(12) {
		sql.WriteString(pgFragments[random.IntN(len(pgFragments))])
	}
	return sql.String()
}

func FuzzPostgresAgainstScanner(f *testing.F) {
	for _, text := range statements(f, "testdata/lexer/postgresql.txt") {
		f.Add(text)
	}
	for _, fragment := range pgFragments {
		f.Add(fragment)
	}
	for _, test := range postgresTests {
		f.Add(test.sql)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		if len(sql) > 4096 {
			t.Skip("longer statements find nothing that shorter ones do not")
		}
		for _, difference := range pgDifferences(sql) {
			t.Error(difference)
		}
	})
}

// The file has what the fuzz test found to take ways of its own through the
// lexer.
func TestPostgres_FoundStatements_LexAsScanner(t *testing.T) {
	found := statements(t, "testdata/lexer/postgresql.txt")
	if len(found) < 100 {
		t.Errorf("%d statements, want some hundreds", len(found))
	}
	for _, text := range found {
		for _, difference := range pgDifferences(text) {
			t.Error(difference)
		}
	}
}

// statements reads a file of quoted statements, one a line.
func statements(t testing.TB, name string) (texts []string) {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		text, err := strconv.Unquote(strings.TrimSuffix(line, "\n"))
		if err != nil {
			t.Fatalf("%s: %s: %v", name, line, err)
		}
		texts = append(texts, text)
	}
	return texts
}

// The random seed is fixed: what fails here fails for everybody. The fuzz test
// is for what is new.
func TestPostgres_GeneratedStatements_LexAsScanner(t *testing.T) {
	if _, err := pgquery.Scan("select 1"); err != nil { // it compiles the scanner at its first call
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	compared := 0
	for until := time.Now().Add(2 * time.Second); compared < 20000 && time.Now().Before(until); compared++ {
		for _, difference := range pgDifferences(pgStatement(random)) {
			t.Error(difference)
		}
		if t.Failed() {
			return
		}
	}
	if compared < 200 {
		t.Errorf("only %d statements in the time: the comparison is not worth its name", compared)
	}
}

// pgDifferences compares the lexer with pg_query's scanner, the one of
// PostgreSQL 17 with a small patch, once with each setting of
// standard_conforming_strings.
func pgDifferences(sql string) []string {
	found := difference(taint.Lexer{Dialect: taint.PostgreSQL}, sql)
	return append(found, difference(taint.Lexer{Dialect: taint.PostgreSQL, Backslash: true}, sql)...)
}

func difference(lexer taint.Lexer, sql string) []string {
	if strings.IndexByte(sql, 0) >= 0 {
		return nil // the scanner's caller stops at it
	}
	tokens, _ := lexer.Lex(sql, nil)
	found := lexBroken(lexer.Dialect, sql, tokens)
	text, want := plainer(lexer, sql, tokens)
	scanned, err := pgquery.Scan(text)
	if err == nil {
		if got := scannerTokens(text, scanned); !slices.Equal(got, want) {
			found = append(found, fmt.Sprintf("%+v %q\nread as %q\nscanner: %s\nlexer:   %s", lexer, sql, text, show(text, got), show(text, want)))
		}
		return found
	}
	if problem := unclosedDiffers(text, want, err); problem != "" {
		found = append(found, fmt.Sprintf("%+v %q\nread as %q\nscanner: %v\nlexer:   %s: %s", lexer, sql, text, err, show(text, want), problem))
	}
	return found
}

// plainer gives a text that every version reads as this lexer does sql, so that
// the scanner has no reason to refuse it or to differ, and its tokens:
//   - a number or parameter with a word at its end is set apart from it;
//   - line comments between the parts of a string are spaces, for pg_query's
//     patch does not join those; PostgreSQL does;
//   - with Backslash, a string has its E; where N was, E is.
func plainer(lexer taint.Lexer, sql string, tokens []taint.Token) (text string, moved []taint.Token) {
	var b strings.Builder
	last := 0
	for i, t := range tokens {
		b.WriteString(sql[last:t.Start])
		body := sql[t.Start:t.End]
		touches := i > 0 && tokens[i-1].End == t.Start
		if touches && (tokens[i-1].Class == taint.Number || tokens[i-1].Class == taint.Param) {
			b.WriteByte(' ')
		}
		if t.Class == taint.String || t.Class == taint.Open {
			escapes := lexer.Backslash && (body[0] == '\'' || t.Lead == 2 && body[0]|0x20 == 'n')
			if escapes {
				if touches {
					b.WriteByte(' ')
				}
				body = "E" + body[t.Lead-1:]
				t.Lead = 2
			}
			if strings.IndexByte("'EeNnBbXxUu", body[0]) >= 0 && body[min(len(body), int(t.Lead))-1] == '\'' {
				body = blankJoins(body, int(t.Lead), escapes || body[0]|0x20 == 'e')
			}
		}
		t.Start = int32(b.Len())
		b.WriteString(body)
		t.End = int32(b.Len())
		moved = append(moved, t)
		last = int(tokens[i].End)
	}
	b.WriteString(sql[last:])
	return b.String(), moved
}

// blankJoins puts spaces for the comments between the parts of a string.
func blankJoins(body string, lead int, escapes bool) string {
	blank := []byte(body)
	bits := body[0]|0x20 == 'b' || body[0]|0x20 == 'x'
	for i := lead; i < len(blank); i++ {
		switch {
		case escapes && blank[i] == '\\':
			i++
		case blank[i] == '\'' && !bits && i+1 < len(blank) && blank[i+1] == '\'':
			i++
		case blank[i] == '\'':
			for i++; i < len(blank) && blank[i] != '\''; i++ {
				if blank[i] != '-' {
					continue
				}
				for ; i < len(blank) && blank[i] != '\n' && blank[i] != '\r'; i++ {
					blank[i] = ' '
				}
			}
		}
	}
	return string(blank)
}

// unclosedDiffers compares the end of the text where the scanner refused it.
// What it refuses for other reasons, such as U&'x' without standard strings or
// an escape that is no character, has no tokens to compare.
func unclosedDiffers(text string, tokens []taint.Token, err error) string {
	var scanError *parser.Error
	if !errors.As(err, &scanError) {
		return "the scanner failed"
	}
	switch message := scanError.Message; {
	case strings.HasPrefix(message, "unterminated "):
		if len(tokens) == 0 || tokens[len(tokens)-1].Class != taint.Open {
			return "not open at the end"
		}
		start := int(tokens[len(tokens)-1].Start)
		if text[start]|0x20 == 'n' {
			start++ // to the scanner N is a token of its own
		}
		if at := utf8.RuneCountInString(text[:start]) + 1; utf8.ValidString(text) && at != scanError.Cursorpos {
			return fmt.Sprintf("opened at character %d, and %d there", at, scanError.Cursorpos)
		}
	case strings.Contains(message, "junk"), strings.HasPrefix(message, "invalid hexadecimal integer"),
		strings.HasPrefix(message, "invalid octal integer"), strings.HasPrefix(message, "invalid binary integer"):
		return "a number that is refused although a space is after it"
	case strings.HasPrefix(message, "zero-length delimited"), strings.HasPrefix(message, "operator too long"),
		strings.HasPrefix(message, "invalid Unicode"), strings.HasPrefix(message, "invalid byte sequence"),
		strings.HasPrefix(message, "invalid hexadecimal digit"), strings.HasPrefix(message, "parameter number"):
	default:
		return "refused for a reason that this test does not know"
	}
	return ""
}

func scannerTokens(sql string, scanned *pganalyze.ScanResult) (tokens []taint.Token) {
	national := false
	for _, s := range scanned.Tokens {
		t := taint.Token{Start: s.Start, End: s.End, Class: scannerClass(s.Token, sql[s.Start:s.End])}
		if national && t.Class == taint.String && sql[t.Start] == '\'' && tokens[len(tokens)-1].End == t.Start {
			tokens[len(tokens)-1] = taint.Token{Start: t.Start - 1, End: t.End, Class: taint.String, Lead: 2, Tail: 1}
			national = false
			continue
		}
		national = s.Token == pganalyze.Token_NCHAR && s.End-s.Start == 1
		if sql[s.Start] == '$' && t.Class == taint.String && strings.IndexByte(sql[s.Start+1:], '$') > 253 {
			t.Class = taint.Stray // Lead cannot say how long the tag is
		}
		t.Lead, t.Tail = delimiters(t.Class, sql[s.Start:s.End])
		tokens = append(tokens, t)
	}
	return tokens
}

func scannerClass(token pganalyze.Token, text string) taint.Class {
	switch token {
	case pganalyze.Token_SCONST, pganalyze.Token_USCONST, pganalyze.Token_BCONST, pganalyze.Token_XCONST:
		return taint.String
	case pganalyze.Token_UIDENT:
		return taint.Quoted
	case pganalyze.Token_IDENT:
		if text[0] == '"' {
			return taint.Quoted
		}
		return taint.Word
	case pganalyze.Token_FCONST, pganalyze.Token_ICONST:
		return taint.Number
	case pganalyze.Token_PARAM:
		return taint.Param
	case pganalyze.Token_SQL_COMMENT:
		return taint.Line
	case pganalyze.Token_C_COMMENT:
		return taint.Block
	case pganalyze.Token_Op, pganalyze.Token_TYPECAST, pganalyze.Token_DOT_DOT, pganalyze.Token_COLON_EQUALS, pganalyze.Token_EQUALS_GREATER,
		pganalyze.Token_LESS_EQUALS, pganalyze.Token_GREATER_EQUALS, pganalyze.Token_NOT_EQUALS:
		return taint.Operator
	}
	switch {
	case token > pganalyze.Token_C_COMMENT:
		return taint.Word
	case strings.IndexByte("()[],;.:", text[0]) >= 0:
		return taint.Punct
	case strings.IndexByte("+-*/%^<>=", text[0]) >= 0:
		return taint.Operator
	}
	return taint.Stray
}

// delimiters gives what Lead and Tail must be for a closed token.
func delimiters(class taint.Class, text string) (lead, tail uint8) {
	switch class {
	case taint.Line:
		return 2, 0
	case taint.Block:
		return 2, 2
	case taint.String, taint.Quoted:
		if text[0] == '$' {
			tag := uint8(strings.IndexByte(text[1:], '$') + 2)
			return tag, tag
		}
		return uint8(strings.IndexAny(text, `'"`)) + 1, 1
	}
	return 0, 0
}
