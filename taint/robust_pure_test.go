//go:build !race

package taint_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/taint"
)

// TestJudge_WhatIsNoSQL_IsJudged: statements that no server takes, with every
// construct left open, in any encoding.
func TestJudge_WhatIsNoSQL_IsJudged(t *testing.T) {
	g := newGuard(t, taint.Options{}, ordinary...)
	open := []string{"'", `"`, "E'", "U&'", "$$", "$tag$", "/*", "/* /*", "--", "(", "[", "`", "B'", "X'", "N'", "q'", ":'", "$1$", "\\", "'\\"}
	others := []string{"", " ", "\x00", "\xff\xfe", "\xe4\xf6\xfc", "S\x00E\x00L\x00E\x00C\x00T\x00", "\u0085", "GET / HTTP/1.1", strings.Repeat("(", 500), strings.Repeat("\xc3", 999), "{}", "<html>"}
	for _, dialect := range []taint.Dialect{taint.PostgreSQL, taint.SQLite} {
		for _, a := range append(others, open...) {
			for _, b := range append(others, open...) {
				for _, sql := range []string{a, a + "x" + b, "SELECT " + a + " FROM t WHERE " + b} {
					st := taint.Statement{Account: "shop", Lexer: taint.Lexer{Dialect: dialect}, SQL: sql, Exchange: "x"}
					if d := g.Judge(st, of("x", a, b, sql)); d.Evidence.End > len(sql) || d.Evidence.Start > d.Evidence.End {
						t.Fatalf("evidence %+v of %q", d.Evidence, sql)
					}
					taint.Mark(st, g.Judge(st, of("x", a, b)).Evidence)
				}
			}
		}
	}
}

// TestJudge_SixteenMegabytes_IsRefusedWhereAnInputMadeIt: a statement beyond what
// is lexed passes, noted, where no input can be the cause.
func TestJudge_SixteenMegabytes_IsRefusedWhereAnInputMadeIt(t *testing.T) {
	g := newGuard(t, taint.Options{}, ordinary...)
	for name, unit := range map[string]string{"words": "abc ", "quotes": "'", "doubled quotes": "''''", "brackets": "(", "rows": "('a',1),", "comments": "/**/"} {
		large := strings.Repeat(unit, 16<<20/len(unit))
		st := taint.Statement{Account: "shop", SQL: "SELECT id FROM posts WHERE " + large, Exchange: "x"}
		if d := g.Judge(st, of("x", "a small input")); d.Verdict != gatehouse.Pass {
			t.Errorf("%s: with a small input: %s", name, d.Rule)
		}
		if d := g.Judge(st, of("x", large)); d.Verdict == gatehouse.Pass && d.Rule == "" && !d.Capped {
			t.Errorf("%s: 16 MB of input pass without a word", name)
		}
	}
}

// TestJudge_MegabytesOfOneThing_AreWithinTheCap: inputs made to be slow. What
// the cap does is said: a refusal of the own exchange alone.
func TestJudge_MegabytesOfOneThing_AreWithinTheCap(t *testing.T) {
	g := newGuard(t, taint.Options{}, ordinary...)
	for _, unit := range []string{"'", ",", "or ", "' or '", "%27", "JycnJycn", "\\'", "a'b,", "{\"a\":\"'", "&#39;", "$$"} {
		v := strings.Repeat(unit, 1<<20/len(unit))
		for _, sql := range []string{
			"SELECT id, title FROM posts WHERE name = 'x' AND id = 7",
			"SELECT id, title FROM posts WHERE " + strings.Repeat("a = 'b' or ", 2000) + "1 = 1",
			"INSERT INTO posts VALUES ('" + strings.ReplaceAll(v[:min(len(v), 60000)], "'", "''") + "')",
		} {
			mine := taint.Statement{Account: "shop", SQL: sql, Exchange: "mine"}
			if d := g.Judge(mine, of("another", v)); d.Verdict != gatehouse.Pass {
				t.Errorf("%q: another's input refuses my statement by %s", unit, d.Rule)
			}
			g.Judge(mine, of("mine", v))
		}
	}
}

// piece is a random text of what statements are made of.
func piece(r *rand.Rand) string {
	parts := [...]string{"select", " ", "'", "''", "--", "/*", "*/", "or", "1", "=", "name", ",", "(", ")", ";", "$$", "\\", "\n", "union", "x", "\"", "%27", "$1", "é", "\x00", "%", "in", "from t", "JyBPUg=="}
	var b strings.Builder
	for range r.IntN(12) {
		b.WriteString(parts[r.IntN(len(parts))])
	}
	return b.String()
}

// TestJudge_MoreInputs_NeverTurnARefusalIntoAPass is what monotone means: of the
// statement's own exchange, whatever is added, a refusal stays one.
func TestJudge_MoreInputs_NeverTurnARefusalIntoAPass(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	g := newGuard(t, taint.Options{}, ordinary...)
	refused := 0
	for range 20000 {
		v := piece(r)
		sql := ordinary[r.IntN(len(ordinary))]
		if at := strings.IndexAny(sql, "'13"); at >= 0 {
			sql = sql[:at+1] + v + sql[at+1:]
		}
		st := taint.Statement{Account: "shop", Lexer: taint.Lexer{Dialect: taint.Dialect(r.IntN(2))}, SQL: sql, Exchange: "x"}
		in := of("x", v)
		d := g.Judge(st, in)
		if again := g.Judge(st, in); again.Verdict != d.Verdict || again.Rule != d.Rule || again.Evidence != d.Evidence {
			t.Fatalf("twice, and not the same: %+v and %+v of %q", d, again, sql)
		}
		if d.Verdict != gatehouse.Deny {
			continue
		}
		refused++
		more := append(of("x", piece(r), piece(r), sql, ordinary[0]), append(in, of("another", piece(r), v)...)...)
		if d := g.Judge(st, more); d.Verdict != gatehouse.Deny {
			t.Fatalf("refused with %q alone, and passes with more: %q", v, sql)
		}
	}
	if refused < 1000 {
		t.Errorf("only %d were refused: the test says little", refused)
	}
}

func TestJudge_Parameters_AreValues(t *testing.T) {
	g := newGuard(t, taint.Options{}, ordinary...)
	for _, params := range [][]string{nil, {""}, {"", "' OR 1=1 --"}, {strings.Repeat("'", 1<<20)}, {"\xff\x00"}} {
		st := taint.Statement{Account: "shop", SQL: "SELECT id FROM posts WHERE a = $1 AND b = $2", Params: params, Exchange: "x"}
		if d := g.Judge(st, of("x", append(params, "17")...)); d.Verdict != gatehouse.Pass {
			t.Errorf("with %.40q: %s", params, d.Rule)
		}
	}
}

func FuzzJudge(f *testing.F) {
	for i, sql := range ordinary {
		f.Add(sql, "' OR 1=1 --", fmt.Sprint(i), i%2 == 0)
	}
	f.Add("SELECT query_to_xml('select 1', true, false, '')", "select 1", "x", true)
	f.Add("SELECT E'a\\'' || U&'\\0041' || $$b$$ -- c", "a'", "$$b", false)
	g := newGuard(f, taint.Options{}, ordinary...)
	f.Fuzz(func(t *testing.T, sql, a, b string, postgres bool) {
		st := taint.Statement{Account: "shop", SQL: sql, Params: []string{a}, Exchange: "x"}
		if !postgres {
			st.Lexer.Dialect = taint.SQLite
		}
		one := g.Judge(st, of("x", a))
		two := g.Judge(st, append(of("x", b), of("x", a)...))
		if one.Verdict == gatehouse.Deny && two.Verdict != gatehouse.Deny {
			t.Errorf("another input turns a refusal into a pass")
		}
		if e := two.Evidence; e.Start < 0 || e.End > len(sql) || e.Start > e.End {
			t.Errorf("evidence %+v of %d bytes", e, len(sql))
		}
		taint.Mark(st, two.Evidence)
	})
}
