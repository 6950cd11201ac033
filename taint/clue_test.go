package taint

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

const trace = "0af7651916cd43dd8448eb211c80319c"

func TestTraceparents_AreThoseOfComments(t *testing.T) {
	parent := "00-" + trace + "-b7ad6b7169203331-01"
	for sql, want := range map[string]int{
		"SELECT 1 /*traceparent='" + parent + "'*/":                  1,
		"SELECT 1 /*db='x',traceparent='" + parent + "',route='y'*/": 1,
		`SELECT 1 /*traceparent=\'` + parent + `\'*/`:                1,
		"/* " + parent + " */ SELECT 1":                              1,
		"SELECT 1 -- " + parent:                                      1,
		"SELECT 1 /*" + parent + "*/ /*" + parent + "*/":             2,
		"SELECT 1 /*" + parent + parent + "*/":                       2,
		"SELECT '/*" + parent + "*/'":                                0,
		"SELECT '" + parent + "' /* 00-nothing */":                   0,
		`SELECT "/*` + parent + `*/"`:                                0,
		"SELECT $$/*" + parent + "*/$$":                              0,
		"SELECT 1 /*" + strings.ToUpper(parent) + "*/":               0,
		"SELECT 1 /*" + parent[:54] + "*/":                           1, // the flags say nothing
		"SELECT 1 /*" + parent[:50] + "*/":                           0,
		"SELECT 1 /*01" + parent[2:] + "*/":                          0,
		"SELECT 1":                                                   0, "": 0, "/*": 0, "00-/*": 0,
	} {
		var got []string
		Traceparents(Lexer{Dialect: PostgreSQL}, sql, func(s string) { got = append(got, s) })
		if len(got) != want || slices.ContainsFunc(got, func(s string) bool { return s != trace }) {
			t.Errorf("%s: %q, want %d", sql, got, want)
		}
	}
}

func TestLiterals_AreWithWhatStandsBeforeThem(t *testing.T) {
	for sql, want := range map[string]string{
		"SELECT 'abcd' WHERE x = 'efgh'": "[SELECT |abcd] [SELECT 'abcd' WHERE x = |efgh]",
		"SELECT 'ab' WHERE x = 'efgh'":   "[SELECT 'ab' WHERE x = |efgh]",
		"'abcd":                          "",
		"''''":                           "",
		"":                               "",
		"E'abcd'":                        "[E|abcd]",
	} {
		var got []string
		Literals(sql, 3, func(before, v string) { got = append(got, fmt.Sprintf("[%s|%s]", before, v)) })
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s: %s, want %s", sql, s, want)
		}
	}
}

func FuzzTraceparents(f *testing.F) {
	f.Add("SELECT 1 /*traceparent='00-" + trace + "-b7ad6b7169203331-01'*/")
	f.Add("'/*00-" + trace)
	f.Fuzz(func(t *testing.T, sql string) {
		for _, l := range []Lexer{{Dialect: PostgreSQL}, {Dialect: PostgreSQL, Backslash: true}, {Dialect: SQLite}} {
			Traceparents(l, sql, func(s string) {
				if len(s) != 32 || !strings.Contains(sql, s) {
					t.Errorf("%q of %q", s, sql)
				}
			})
			Literals(sql, 0, func(before, v string) {
				if !strings.HasPrefix(sql, before+"'"+v+"'") {
					t.Errorf("%q after %q of %q", v, before, sql)
				}
			})
		}
	})
}
