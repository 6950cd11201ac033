package taint_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse/taint"
)

// show writes tokens as class:"text", with the lengths of delimiters where
// there are any: string:"'x'"1+1.
func show(sql string, tokens []taint.Token) string {
	var b strings.Builder
	for i, t := range tokens {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%s:%q", t.Class, sql[t.Start:t.End])
		if t.Lead > 0 || t.Tail > 0 {
			fmt.Fprintf(&b, "%d+%d", t.Lead, t.Tail)
		}
	}
	return b.String()
}

// lexBroken gives which promises of Lex the tokens break.
func lexBroken(dialect taint.Dialect, sql string, tokens []taint.Token) (broken []string) {
	complain := func(format string, args ...any) {
		broken = append(broken, fmt.Sprintf("%s %q: %s: %s", dialect, sql, fmt.Sprintf(format, args...), show(sql, tokens)))
	}
	at := int32(0)
	for i, t := range tokens {
		if t.Start < at || t.End <= t.Start || int(t.End) > len(sql) {
			return append(broken, fmt.Sprintf("%s %q: token %d has span %d to %d after %d", dialect, sql, i, t.Start, t.End, at))
		}
		if gap := sql[at:t.Start]; !isGap(dialect, gap) {
			complain("%q before token %d is in no token", gap, i)
		}
		if int32(t.Lead)+int32(t.Tail) > t.End-t.Start {
			complain("token %d is shorter than its delimiters", i)
		}
		if t.Class == taint.Open && (t.Tail != 0 || i < len(tokens)-2 || i == len(tokens)-2 && sql[tokens[i+1].Start] != 0) {
			complain("token %d is open and something comes after it", i)
		}
		if t.Class.String() == "" || strings.HasPrefix(t.Class.String(), "Class(") {
			complain("token %d has no class", i)
		}
		at = t.End
	}
	if gap := sql[at:]; !isGap(dialect, gap) {
		complain("%q at the end is in no token", gap)
	}
	return broken
}

func isGap(dialect taint.Dialect, gap string) bool {
	if dialect == taint.SQLite {
		gap = strings.ReplaceAll(gap, "\xEF\xBB\xBF", "")
	}
	return strings.Trim(gap, " \t\n\f\r\v") == ""
}

type lexTest struct {
	name string
	sql  string
	want string
}

func testTokens(t *testing.T, lexer taint.Lexer, tests []lexTest) {
	t.Helper()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tokens, whole := lexer.Lex(test.sql, nil)
			if got := show(test.sql, tokens); got != test.want {
				t.Errorf("%q\ngot  %s\nwant %s", test.sql, got, test.want)
			}
			if !whole {
				t.Errorf("%q is not whole", test.sql)
			}
			for _, broken := range lexBroken(lexer.Dialect, test.sql, tokens) {
				t.Error(broken)
			}
		})
	}
}

func TestLex_AppendsToWhatIsThere(t *testing.T) {
	for _, dialect := range []taint.Dialect{taint.PostgreSQL, taint.SQLite} {
		before := []taint.Token{{Start: 1, End: 2, Class: taint.Word}}
		tokens, whole := taint.Lexer{Dialect: dialect}.Lex("select 1", before)
		if !whole || len(tokens) != 3 || tokens[0] != before[0] {
			t.Errorf("%s: %v, %t", dialect, tokens, whole)
		}
	}
}

func TestLex_ZeroDialect_IsPostgres(t *testing.T) {
	sql := "select $a$x$a$, [b] -> 1"
	want, _ := taint.Lexer{Dialect: taint.PostgreSQL}.Lex(sql, nil)
	if got, _ := (taint.Lexer{}).Lex(sql, nil); !slices.Equal(got, want) {
		t.Errorf("got %s, want %s", show(sql, got), show(sql, want))
	}
}

func TestLex_TooManyTokens_IsNotWhole(t *testing.T) {
	for _, dialect := range []taint.Dialect{taint.PostgreSQL, taint.SQLite} {
		for _, test := range []struct {
			name, sql string
			count     int
			whole     bool
		}{
			{"just as many", strings.Repeat("(", taint.MaxTokens), taint.MaxTokens, true},
			{"just as many and a space", strings.Repeat("(", taint.MaxTokens) + " ", taint.MaxTokens, true},
			{"one more", strings.Repeat("(", taint.MaxTokens+1), taint.MaxTokens, false},
			{"one more after a space", strings.Repeat("(", taint.MaxTokens) + " )", taint.MaxTokens, false},
			{"one more that is NUL", strings.Repeat("(", taint.MaxTokens) + "\x00", taint.MaxTokens, false},
			{"one more operator", strings.Repeat("+", taint.MaxTokens+1), taint.MaxTokens, false},
			{"just as many operators", strings.Repeat("+", taint.MaxTokens), taint.MaxTokens, true},
		} {
			before := make([]taint.Token, 3)
			tokens, whole := taint.Lexer{Dialect: dialect}.Lex(test.sql, before)
			if len(tokens)-3 != test.count || whole != test.whole {
				t.Errorf("%s, %s: %d tokens and whole %t, want %d and %t", dialect, test.name, len(tokens)-3, whole, test.count, test.whole)
			}
		}
	}
}

func TestLex_TooLong_IsCut(t *testing.T) {
	const limit = 16 << 20
	for _, dialect := range []taint.Dialect{taint.PostgreSQL, taint.SQLite} {
		sql := "'" + strings.Repeat("a", limit-2) + "'"
		tokens, whole := taint.Lexer{Dialect: dialect}.Lex(sql, nil)
		if !whole || len(tokens) != 1 || tokens[0].Class != taint.String {
			t.Errorf("%s: at the limit: %v, %t", dialect, tokens, whole)
		}
		tokens, whole = taint.Lexer{Dialect: dialect}.Lex(sql[:limit-1]+"a'", nil)
		if whole || len(tokens) != 1 || tokens[0] != (taint.Token{End: limit, Class: taint.Open, Lead: 1}) {
			t.Errorf("%s: over the limit: %v, %t", dialect, tokens, whole)
		}
	}
}

// A NUL ends what the server reads: nothing after it may look like code, nor
// be in no token.
func TestLex_NUL_EndsTheText(t *testing.T) {
	for _, test := range []lexTest{
		{"between tokens", "select 1\x00 drop", `word:"select" number:"1" stray:"\x00 drop"`},
		{"first", "\x00a", `stray:"\x00a"`},
		{"in a string", "'a\x00b'", `open:"'a"1+0 stray:"\x00b'"`},
		{"in a comment", "--a\x00\n1", `line:"--a"2+0 stray:"\x00\n1"`},
	} {
		for _, dialect := range []taint.Dialect{taint.PostgreSQL, taint.SQLite} {
			tokens, whole := taint.Lexer{Dialect: dialect}.Lex(test.sql, nil)
			if got := show(test.sql, tokens); got != test.want || !whole {
				t.Errorf("%s, %s: got %s, want %s (whole %t)", dialect, test.name, got, test.want, whole)
			}
		}
	}
}
