// Package outline_test holds package outline to PostgreSQL's own parser, over
// the statements that real programs sent, and over ones made by hand that have
// every construct it reads.
package outline_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/gatehousehq/gatehouse/tests/attacks/benign"
)

var (
	literal = regexp.MustCompile(`(?is)\bE'(?:[^'\\]|''|\\.)*'|'(?:[^']|'')*'`)
	digits  = regexp.MustCompile(`\b\d+(\.\d+)?\b`)
	inList  = regexp.MustCompile(`(?i)\bIN \((?:[^()']|'(?:[^']|'')*')*\)`)
)

// rough replaces literals, so that a statement whose like has been seen is not
// given to pg_query, which is slow.
func rough(sql string) string {
	return inList.ReplaceAllString(digits.ReplaceAllString(literal.ReplaceAllString(sql, "?"), "?"), "IN (?)")
}

// loaded are the recordings by program, once they were asked for: no two tests
// of this package run at once.
var loaded = make(map[string][]benign.Exchange)

func load(t *testing.T, app string) []benign.Exchange {
	t.Helper()
	if loaded[app] == nil {
		exchanges, err := benign.Load(app)
		if err != nil {
			t.Fatal(err)
		}
		loaded[app] = exchanges
	}
	return loaded[app]
}

// differs compares a text with PostgreSQL's reading of it.
func differs(t *testing.T, sql string) bool {
	t.Helper()
	want, err := theirs(sql)
	if err != nil {
		return false // the server refuses it
	}
	got, unsure := ours(sql)
	if unsure != "" {
		t.Errorf("%s\nunsure: %s", sql, unsure)
		return true
	}
	if len(got) != len(want) {
		t.Errorf("%s\n%d statements, want %d", sql, len(got), len(want))
		return true
	}
	for i := range got {
		if got[i].String() != want[i].String() {
			t.Errorf("%s\ngot  %v\nwant %v", sql, got[i], want[i])
			return true
		}
	}
	return false
}

func TestOutline_RecordedStatements_AgreesWithPostgreSQLsParser(t *testing.T) {
	const some = 600
	seen, compared, differences := map[string]bool{}, 0, 0
	for _, app := range benign.Apps() {
		ofApp := 0
		for _, x := range load(t, app) {
			if os.Getenv("GATEHOUSE_LONG") != "1" && ofApp >= some/3 {
				break
			}
			for _, s := range x.Statements {
				shape := rough(s.SQL)
				if seen[shape] {
					continue
				}
				seen[shape] = true
				ofApp++
				compared++
				if differs(t, s.SQL) {
					if differences++; differences > 20 {
						t.Fatal("more differ")
					}
				}
			}
		}
	}
	t.Logf("compared %d shapes", compared)
	if compared < some {
		t.Errorf("compared %d shapes, want %d", compared, some)
	}
}
