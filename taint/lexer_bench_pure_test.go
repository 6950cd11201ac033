//go:build !race

package taint_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/taint"
)

// ordinaryStatement is what an ORM sends, of 300 bytes.
const ordinaryStatement = `SELECT u.id, u.name, u.email, o.total, o.created_at FROM users u JOIN orders o ON o.user_id = u.id ` +
	`WHERE u.email = 'someone@example.com' AND o.created_at > '2024-01-01T00:00:00Z' AND o.total >= 100.50 ` +
	`AND u.status IN ('active', 'pending', 'trial') ORDER BY o.created_at DESC, u.id LIMIT 50 OFFSET 10`

func BenchmarkLex(b *testing.B) {
	for _, bench := range []struct{ name, sql string }{
		{"ordinary", ordinaryStatement},
		{"long string", "insert into t values ('" + strings.Repeat("some text, ", 400) + "')"},
		{"parameters", "update users set name = $1, email = $2, updated_at = now() where id = $3 and tenant = $4 returning id"},
	} {
		for _, dialect := range []taint.Dialect{taint.PostgreSQL, taint.SQLite} {
			b.Run(bench.name+"/"+dialect.String(), func(b *testing.B) {
				var tokens []taint.Token
				b.SetBytes(int64(len(bench.sql)))
				b.ReportAllocs()
				for b.Loop() {
					tokens, _ = taint.Lexer{Dialect: dialect}.Lex(bench.sql, tokens[:0])
				}
				b.ReportMetric(float64(len(tokens)), "tokens")
			})
		}
	}
}

// heavyTexts are what a lexer is slow on if it reads any byte again and again.
var heavyTexts = []struct{ name, before, repeated string }{
	{"quotes", "", "'"},
	{"quotes after a letter", "a", "'"},
	{"double quotes", "", `"`},
	{"back quotes", "", "`"},
	{"escapes", "E'", `\'`},
	{"escapes and quotes", "E'", `\'''`},
	{"unclosed escaped string", "E'", "E'"},
	{"dollar words", "", "$a"},
	{"dollar quotes", "", "$a$"},
	{"dollar quotes that differ", "$a$", "$b$"},
	{"dollars", "", "$"},
	{"dollars inside", "$$", "$ "},
	{"long tag", "$" + strings.Repeat("a", 1<<20) + "$", "$a"},
	{"short tag almost found", "$" + strings.Repeat("a", 60) + "$", "$" + strings.Repeat("a", 59) + "b"},
	{"comments opened", "", "/*"},
	{"comments closed", "/*", "*/"},
	{"stars", "/*", "*"},
	{"slashes", "/*", "/"},
	{"line comments", "", "--\n"},
	{"line comments to a carriage return", "", "--\r"},
	{"string parts", "", "'a'\n"},
	{"string parts with comments", "", "'a'--\n"},
	{"strings and comments", "'a'\n", "--\n"},
	{"unicode", "", "U&'"},
	{"blobs", "", "x'"},
	{"bits", "", "B'1'\n"},
	{"parentheses", "", "("},
	{"plus signs", "", "+"},
	{"signs", "", "+-"},
	{"operator", "", "@-"},
	{"equals and minus", "", "=-"},
	{"operator that ends at a comment", "", "+=*"},
	{"number", "", "1"},
	{"groups", "", "1_"},
	{"bases", "0x", "0_"},
	{"dots", "", "."},
	{"numbers and dots", "", "1."},
	{"TCL parameter", "$a(", "$a("},
	{"TCL namespaces", "$a", "::"},
	{"brackets", "", "["},
	{"word", "", "a"},
	{"spaces", "", " "},
	{"spaces after a string", "'a'", "\n"},
	{"byte order marks", "", "\ufeff"},
	{"refused bytes", "", "\x01"},
}

func BenchmarkLexHeavy(b *testing.B) {
	for _, heavy := range heavyTexts {
		sql := heavyText(heavy.before, heavy.repeated, 16<<20)
		for _, lexer := range heavyLexers {
			b.Run(heavy.name+"/"+lexer.Dialect.String(), func(b *testing.B) {
				tokens := make([]taint.Token, 0, taint.MaxTokens)
				b.SetBytes(int64(len(sql)))
				for b.Loop() {
					tokens, _ = lexer.Lex(sql, tokens[:0])
				}
			})
		}
	}
}

var heavyLexers = []taint.Lexer{{Dialect: taint.PostgreSQL}, {Dialect: taint.SQLite}}

func heavyText(before, repeated string, size int) string {
	return before + strings.Repeat(repeated, max(0, size-len(before))/len(repeated))
}

// A text of 16 MiB takes some 20 ms. What is quadratic takes minutes, so the
// bound here is far from both, and a slow machine does not fail.
func TestLex_HeavyText_TakesLinearTime(t *testing.T) {
	tokens := make([]taint.Token, 0, taint.MaxTokens)
	for _, heavy := range heavyTexts {
		sql := heavyText(heavy.before, heavy.repeated, 16<<20)
		for _, lexer := range append(heavyLexers[:2:2], taint.Lexer{Dialect: taint.PostgreSQL, Backslash: true}) {
			start := time.Now()
			tokens, _ = lexer.Lex(sql, tokens[:0])
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("%s, %+v: %v", heavy.name, lexer, took)
			}
		}
	}
}

func TestLex_AllocatesNothing(t *testing.T) {
	tokens := make([]taint.Token, 0, 1024)
	for _, sql := range []string{ordinaryStatement, `E'\'' U&'a' $a$b$a$ "c" /* d */ @- 1_0 0x1g`} {
		for _, dialect := range []taint.Dialect{taint.PostgreSQL, taint.SQLite} {
			if allocs := testing.AllocsPerRun(100, func() { taint.Lexer{Dialect: dialect}.Lex(sql, tokens) }); allocs != 0 {
				t.Errorf("%s: %v allocations in %q", dialect, allocs, sql)
			}
		}
	}
}
