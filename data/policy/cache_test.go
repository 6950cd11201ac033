package policy_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/data/policy"
	"github.com/gatehousehq/gatehouse/taint"
)

// What one text made known must not let another pass: each of these differs
// from an ordinary one in what a cache might leave out.
func TestJudge_TextsThatAreAlike_AreNotTakenForEachOther(t *testing.T) {
	for _, test := range []struct{ first, then, rule string }{
		{`select set_config('app.user', 'admin', false)`, `select set_config('role', 'admin', false)`, policy.RuleFunction},
		{`delete from t where 1 = 2`, `delete from t where 1 = 1`, policy.RuleNoWhere},
		{`delete from t where 'a' = 'b'`, `delete from t where 'a' = 'a'`, policy.RuleNoWhere},
		{`select query_to_xml('select 1', true, true, '')`, `select query_to_xml('select pg_read_file(''x'')', true, true, '')`, policy.RuleServerFile},
		{`select U&"a!0070g_sleep" uescape '!' (1)`, `select U&"a!0070g_sleep" uescape '!' (1), pg_sleep(1)`, policy.RuleFunction},
		{`select U&"?0070g_sleep" uescape '!' (1)`, `select U&"?0070g_sleep" uescape '?' (1)`, policy.RuleFunction},
		{`set role 'none'`, `set role 'admin'`, policy.RuleFunction},
		{`select 1 /* pg_sleep(1) */ from t`, `select 1 , pg_sleep(1) from t`, policy.RuleFunction},
		{"select f('a') -- x\n from t", "select f('a') -- x\n , pg_sleep(1) from t", policy.RuleFunction},
		{`copy t from stdin`, `copy t from 'stdin'`, policy.RuleServerFile},
		{`create function f() returns int language 'sql' as 'x'`, `create function f() returns int language 'c' as 'x'`, policy.RuleFunction},
		{`delete from t where id = 5`, "delete from t where id = \x00n", policy.RuleFunction},
	} {
		p := newPolicy(t)
		for range 3 {
			rules(p, taint.Statement{Account: "migrate", Lexer: postgres, SQL: test.first})
			got := rules(p, taint.Statement{Account: "migrate", Lexer: postgres, SQL: test.then})
			if test.then[len(test.then)-2] == 0 {
				if first := p.Judge(taint.Statement{Account: "migrate", Lexer: postgres, SQL: test.first}); first == p.Judge(taint.Statement{Account: "migrate", Lexer: postgres, SQL: test.then}) {
					t.Errorf("%q is taken for %q", test.then, test.first)
				}
				continue
			}
			if got != test.rule {
				t.Errorf("after %s\n%s: %q, want %q", test.first, test.then, got, test.rule)
			}
		}
	}
}

func TestJudge_BackslashSetting_IsNotMixedUp(t *testing.T) {
	p := newPolicy(t)
	sql := `select '\' , pg_sleep(1) , '\'`
	plain, escaped := taint.Statement{Account: "app", Lexer: postgres, SQL: sql}, taint.Statement{Account: "app", SQL: sql}
	escaped.Lexer = taint.Lexer{Dialect: taint.PostgreSQL, Backslash: true}
	for range 3 {
		if got := rules(p, plain); got != policy.RuleFunction {
			t.Errorf("with the strings ended: %q", got)
		}
		if got := rules(p, escaped); strings.Contains(got, policy.RuleFunction) {
			t.Errorf("with the call inside a string: %q", got)
		}
	}
}

func TestJudge_KnownStatement_AllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector empties pools at random; without it the test runs")
	}
	p := newPolicy(t)
	for _, sql := range []string{boundStatement, literalStatement} {
		st := taint.Statement{Account: "app", Lexer: postgres, SQL: sql}
		p.Judge(st)
		if n := testing.AllocsPerRun(1000, func() { p.Judge(st) }); n > 0 {
			t.Errorf("%s: %v allocations", sql, n)
		}
	}
}

// The strings of a statement are the gate's buffer, and change after the call.
func TestJudge_BufferUsedAgain_ChangesNoJudgement(t *testing.T) {
	p := newPolicy(t)
	buffer := []byte(`select secret_a from public.secret_b where f_c(d) = nextval('seq_e')`)
	st := taint.Statement{Account: "app", Lexer: postgres, SQL: string(buffer)}
	j := p.Judge(st)
	before := fmt.Sprintf("%+v", j.Outline)
	if again := p.Judge(taint.Statement{Account: "app", Lexer: postgres, SQL: string(buffer)}); again != j {
		t.Error("the statement is not known the second time")
	}
	if after := fmt.Sprintf("%+v", j.Outline); after != before {
		t.Errorf("%s became %s", before, after)
	}
}

func TestJudge_Concurrently_GivesTheSame(t *testing.T) {
	p := newPolicy(t)
	var wait sync.WaitGroup
	first := make(chan bool, 64)
	for worker := range 8 {
		wait.Go(func() {
			for i := range 500 {
				sql := fmt.Sprintf("select a%d from t where b = %d", i%50, worker)
				j := p.Judge(taint.Statement{Account: "app", Lexer: postgres, SQL: sql})
				if j.Decision().Verdict != gatehouse.Pass {
					t.Errorf("%s is refused", sql)
				}
			}
			if p.Judge(taint.Statement{Account: "app", Lexer: postgres, SQL: "select pg_sleep(1)"}).Decision().Rule != policy.RuleFunction {
				t.Error("an attack passes")
			}
			if p.Judge(taint.Statement{Account: "app", Lexer: postgres, SQL: "select a1 from t where b = 1"}).First() {
				first <- true
			}
		})
	}
	wait.Wait()
	if len(first) == 0 {
		t.Error("nobody was the first to note the statement")
	}
}

const (
	boundStatement   = `update users set name = $1, email = $2, updated_at = now() where id = $3 and tenant = $4 returning id`
	literalStatement = `SELECT u.id, u.name, u.email, o.total, o.created_at FROM users u JOIN orders o ON o.user_id = u.id ` +
		`WHERE u.email = 'someone@example.com' AND o.total >= 100.50 AND u.status IN ('active', 'pending', 'trial') ORDER BY o.created_at DESC LIMIT 50`
)

func BenchmarkJudge(b *testing.B) {
	for _, bench := range []struct{ name, sql string }{{"bound", boundStatement}, {"literals", literalStatement}} {
		b.Run(bench.name, func(b *testing.B) {
			p := newPolicy(b)
			st := taint.Statement{Account: "app", Lexer: postgres, SQL: bench.sql}
			b.ReportAllocs()
			for b.Loop() {
				p.Judge(st)
			}
		})
		b.Run(bench.name+", unknown", func(b *testing.B) {
			p := newPolicy(b)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				p.Judge(taint.Statement{Account: "app", Lexer: postgres, SQL: fmt.Sprint(bench.sql, " c", i)})
			}
		})
	}
}
