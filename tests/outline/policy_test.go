package outline_test

import (
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/data/policy"
	"github.com/gatehousehq/gatehouse/data/privilege"
	"github.com/gatehousehq/gatehouse/taint"
	"github.com/gatehousehq/gatehouse/tests/attacks/benign"
)

// TestPolicy_RecordedStatements_AreRefusedByNoRuleThatEnforces judges every
// recorded statement as an application's account, which is declared for
// nothing; and, with a list proposed from half of the exchanges, the other half.
func TestPolicy_RecordedStatements_AreRefusedByNoRuleThatEnforces(t *testing.T) {
	observed := map[string]bool{policy.RuleNoWhere: true}
	p, err := policy.New(policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	count, found := 0, map[string]int{}
	for _, app := range benign.Apps() {
		half := &privilege.Facts{Account: app}
		all := map[string]bool{}
		for _, x := range load(t, app) {
			for _, s := range x.Statements {
				count++
				j := p.Judge(taint.Statement{Account: app, Lexer: taint.Lexer{Dialect: taint.PostgreSQL}, SQL: s.SQL})
				for _, d := range j.Decisions {
					if found[d.Rule]++; !observed[d.Rule] {
						t.Errorf("%s %d: %s: %s in %s", x.App, x.N, d.Rule, d.Evidence, s.SQL)
					}
				}
				for _, st := range j.Outline.Statements {
					for _, table := range st.Tables {
						all[table.Name] = true
					}
					if st.Unsure != "" {
						t.Errorf("%s %d: unsure: %s in %s", x.App, x.N, st.Unsure, s.SQL)
					}
				}
				if !x.Held() {
					half.Seen(1, time.Unix(int64(x.N), 0))
					if j.First() {
						half.Add(j.Outline, time.Unix(int64(x.N), 0))
					}
				}
			}
		}
		if proposed := privilege.Policy(half); len(half.Tables) == 0 || len(proposed) < 100 || len(half.Beyond) > 0 && half.Beyond["definitions"] > 0 {
			t.Errorf("%s: a list proposed from half is %s", app, proposed)
		}
		t.Logf("%s: %d tables are named, %d in half of the exchanges; beyond grants: %v", app, len(all), len(half.Tables), half.Beyond)
	}
	t.Logf("%d statements; rules broken: %v", count, found)
	if count < 190_000 {
		t.Errorf("%d statements were judged: is the corpus whole?", count)
	}
}
