package sqli

import (
	"crypto/sha256"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse/taint"

	"github.com/gatehousehq/gatehouse"
)

// sqlmapCases gives sqlmap's payloads in all sites, or skips where the package is
// not installed.
func sqlmapCases(t *testing.T) []Case {
	t.Helper()
	if _, err := os.Stat(SqlmapFolder); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("setup installs sqlmap, and it is not there: %v", err)
		}
		t.Skip("sqlmap is not installed")
	}
	cases, err := Sqlmap(SqlmapFolder)
	if err != nil {
		t.Fatal(err)
	}
	return cases
}

// TestGuard_SqlmapsPayloads_AreRefused judges what others wrote. What it is, and
// what gets through, is in testdata/sqlmap.txt: the texts themselves are not.
func TestGuard_SqlmapsPayloads_AreRefused(t *testing.T) {
	if !long() {
		t.Skip("parses 30,000 statements: set GATEHOUSE_LONG=1")
	}
	cases := sqlmapCases(t)
	sites, err := Sites()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.New()
	for _, c := range cases {
		fmt.Fprintln(sum, c.SQL)
	}
	var said strings.Builder
	fmt.Fprintf(&said, "%d cases, SHA-256 of their statements %x\n", len(cases), sum.Sum(nil))
	for _, cold := range []bool{false, true} {
		guard, missed := newGuard(t, sites, cold), 0
		for _, c := range cases {
			st := taint.Statement{Account: "shop", Lexer: taint.Lexer{Dialect: taint.PostgreSQL}, Exchange: "x", SQL: c.SQL}
			if guard.Judge(st, candidatesOf(t, c, st.Exchange)).Verdict != gatehouse.Deny {
				missed++
				fmt.Fprintf(&said, "%s gets through (nothing learned: %v)\n", c.ID, cold)
			}
		}
		fmt.Fprintf(&said, "nothing learned: %v: %d of %d refused\n", cold, len(cases)-missed, len(cases))
		if 1000*missed > 5*len(cases) {
			t.Errorf("nothing learned %v: %d of %d get through", cold, missed, len(cases))
		}
	}
	const name = "testdata/sqlmap.txt"
	if *update {
		if err := os.WriteFile(name, []byte(said.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil || string(want) != said.String() {
		t.Errorf("%s does not say what was found (%v): run with -update, and mind that another version of sqlmap has other payloads:\n%.600s", name, err, said.String())
	}
}
