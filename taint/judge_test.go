package taint_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/taint"
)

// An ask is a statement with the inputs of its exchange.
type ask struct {
	name    string
	sql     string
	inputs  []string
	params  []string
	dialect taint.Dialect
	strict  bool
	rule    string // "" passes
}

var ordinary = []string{
	"SELECT id, name FROM products WHERE name = 'lamp' ORDER BY price",
	"SELECT id, name FROM products WHERE id = 3",
	"SELECT id, name FROM products WHERE id IN (1, 2, 3)",
	"INSERT INTO users (name, role) VALUES ('anna', 'user')",
	"UPDATE users SET name = 'anna' WHERE id = 5",
	"SELECT count(*) FROM orders WHERE id > 10",
}

func newGuard(t testing.TB, o taint.Options, learned ...string) *taint.Guard {
	t.Helper()
	o.Key = [32]byte{1}
	g, err := taint.New(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range learned {
		g.Learn(taint.Statement{Account: "shop", SQL: sql}, taint.Origin{}, time.Unix(0, 0))
	}
	return g
}

func of(exchange string, values ...string) (all []taint.Candidate) {
	for i, v := range values {
		all = append(all, taint.Candidate{Value: v, Place: gatehouse.Place{Kind: gatehouse.Query, Name: fmt.Sprint("p", i)}, Exchange: exchange})
	}
	return all
}

func (a ask) judge(g *taint.Guard) taint.Decision {
	return g.Judge(taint.Statement{Account: "shop", Lexer: taint.Lexer{Dialect: a.dialect}, SQL: a.sql, Params: a.params, Exchange: "x", Strict: a.strict}, of("x", a.inputs...))
}

func check(t *testing.T, g *taint.Guard, asks []ask) {
	t.Helper()
	for _, a := range asks {
		t.Run(a.name, func(t *testing.T) {
			d := a.judge(g)
			if denied := d.Verdict == gatehouse.Deny; denied != (a.rule != "") || d.Rule != a.rule {
				t.Errorf("verdict %v by %q, want %q: %s", d.Verdict, d.Rule, a.rule, a.sql)
			}
		})
	}
}

func TestJudge_InputAsStructure_IsRefused(t *testing.T) {
	check(t, newGuard(t, taint.Options{}, ordinary...), []ask{
		{name: "tautology", sql: "SELECT id, name FROM products WHERE name = '' OR 1=1 --' ORDER BY price", inputs: []string{"' OR 1=1 --"}, rule: taint.RuleStructure},
		{name: "union", sql: "SELECT id, name FROM products WHERE id = 3 UNION SELECT id, password FROM users", inputs: []string{"3 UNION SELECT id, password FROM users"}, rule: taint.RuleStructure},
		{name: "stacked", sql: "SELECT id, name FROM products WHERE id = 3; DROP TABLE users", inputs: []string{"3; DROP TABLE users"}, rule: taint.RuleStructure},
		{name: "a second row", sql: "INSERT INTO users (name, role) VALUES ('x','admin'),('y', 'user')", inputs: []string{"x','admin'),('y"}, rule: taint.RuleStructure},
		{name: "a column in the place of a number", sql: "SELECT id, name FROM products WHERE id = id", inputs: []string{"id"}, rule: taint.RuleStructure},
		{name: "a second table", sql: "SELECT count(*) FROM orders,users WHERE id > 10", inputs: []string{"orders,users"}, rule: taint.RuleStructure},
		{name: "a condition after the column to sort by", sql: "SELECT id, name FROM products WHERE name = 'lamp' ORDER BY (CASE WHEN (SELECT 1)=1 THEN id ELSE name END)", inputs: []string{"(CASE WHEN (SELECT 1)=1 THEN id ELSE name END)"}, rule: taint.RuleStructure},
		{name: "percent-encoded twice", sql: "SELECT id, name FROM products WHERE name = '' OR 1=1 --' ORDER BY price", inputs: []string{"%27%20OR%201%3D1%20--"}, rule: taint.RuleStructure},
		{name: "base64", sql: "SELECT id, name FROM products WHERE name = '' OR 1=1 --' ORDER BY price", inputs: []string{"JyBPUiAxPTEgLS0="}, rule: taint.RuleStructure},
		{name: "hex", sql: "SELECT id, name FROM products WHERE name = '' OR 1=1 --' ORDER BY price", inputs: []string{"27204f5220313d31202d2d"}, rule: taint.RuleStructure},
		{name: "inside JSON", sql: "SELECT id, name FROM products WHERE name = '' OR 1=1 --' ORDER BY price", inputs: []string{`{"q":"' OR 1=1 --"}`}, rule: taint.RuleStructure},
		{name: "cut at its end", sql: "SELECT id, name FROM products WHERE name = '' UNION SELECT id, password FROM us' ORDER BY price", inputs: []string{"' UNION SELECT id, password FROM users WHERE admin --"}, rule: taint.RuleStructure},
		{name: "cut at its beginning", sql: "SELECT id, name FROM products WHERE id = 3 union all select id, password from users where role", inputs: []string{"zzzz 3 union all select id, password from users where role"}, rule: taint.RuleStructure},
		{name: "a filter took words out", sql: "SELECT id, name FROM products WHERE id = 3 or 7=7", inputs: []string{"3 oorr 7=7"}, rule: taint.RuleStructure},
		{name: "the first quote doubled alone", sql: "SELECT id, name FROM products WHERE name = 'x''y'; select pg_sleep(1) -- ' ORDER BY price", inputs: []string{"x'y'; select pg_sleep(1) -- "}, rule: taint.RuleStructure},
		{name: "a backslash that does not escape", sql: `SELECT id, name FROM products WHERE name = 'a\' OR 1=1 --' ORDER BY price`, inputs: []string{`a' OR 1=1 --`}, rule: taint.RuleStructure},
		{name: "SQLite", dialect: taint.SQLite, sql: "SELECT id, name FROM products WHERE name = '' OR 1=1 --' ORDER BY price", inputs: []string{"' OR 1=1 --"}, rule: taint.RuleStructure},
		{name: "an executed text", sql: "SELECT query_to_xml('select id from users', true, false, '')", inputs: []string{"select id from users"}, rule: taint.RuleSink},
		{name: "a bound text that is executed", sql: "SELECT query_to_xml($1, true, false, '')", params: []string{"select * from users where id = 1 or 1=1"}, inputs: []string{"1 or 1=1"}, rule: taint.RuleSink},
		{name: "a whole statement", sql: "SELECT role FROM users WHERE name = 'root'", inputs: []string{"SELECT role FROM users WHERE name = 'root'"}, rule: taint.RuleStatement},
	})
}

func TestJudge_InputAsValue_Passes(t *testing.T) {
	check(t, newGuard(t, taint.Options{}, ordinary...), []ask{
		{name: "an apostrophe that was doubled", sql: "UPDATE products SET name = 'O''Brien' WHERE id = 5", inputs: []string{"O'Brien"}},
		{name: "a text about SQL", sql: "INSERT INTO posts (body) VALUES ('How do I stop '' OR 1=1 -- please?')", inputs: []string{"How do I stop ' OR 1=1 -- please?"}},
		{name: "bound", sql: "SELECT id FROM posts WHERE body = $1", params: []string{"' OR 1=1 --"}, inputs: []string{"' OR 1=1 --"}},
		{name: "a number", sql: "SELECT id FROM posts WHERE author = -17", inputs: []string{"-17"}},
		{name: "numbers in a list", sql: "DELETE FROM posts WHERE id IN (1,2,3,4)", inputs: []string{"1,2,3,4"}},
		{name: "a known column to sort by", sql: "SELECT id FROM posts WHERE author = 7 ORDER BY price", inputs: []string{"price"}},
		{name: "a known column and a direction", sql: "SELECT id FROM posts WHERE author = 7 ORDER BY price DESC", inputs: []string{"price DESC"}},
		{name: "a word that the statement has too", sql: "SELECT name FROM posts WHERE author = 7", inputs: []string{"name", "posts", "select", "from"}},
		{name: "a list of another length", sql: "SELECT id, name FROM products WHERE id IN (1, 2, 3, 4, 5, 6)", inputs: []string{"6"}},
		{name: "nothing in flight", sql: "SELECT now()"},
	})
}

func TestJudge_Strict_RefusesWhatWasNeverSeen(t *testing.T) {
	check(t, newGuard(t, taint.Options{}, ordinary...), []ask{
		{name: "known", sql: "SELECT id, name FROM products WHERE id = 4", strict: true},
		{name: "new", sql: "SELECT now()", strict: true, rule: taint.RuleUnknown},
		{name: "new, not strict", sql: "SELECT now()"},
	})
}

func TestJudge_EvidenceOfOthersInputs_TellsAndPasses(t *testing.T) {
	g := newGuard(t, taint.Options{}, ordinary...)
	st := taint.Statement{Account: "shop", SQL: "SELECT id, name FROM products WHERE name = '' OR 1=1 --' ORDER BY price", Exchange: "mine"}
	d := g.Judge(st, of("another", "' OR 1=1 --"))
	if d.Verdict != gatehouse.Pass || !d.Foreign || d.Rule != taint.RuleStructure {
		t.Errorf("with another exchange's input: %v, foreign %v, rule %q", d.Verdict, d.Foreign, d.Rule)
	}
	if d = g.Judge(st, append(of("another", "' OR 1=1 --"), of("mine", "' OR 1=1 --")...)); d.Verdict != gatehouse.Deny || d.Evidence.Exchange != "mine" {
		t.Errorf("with its own input beside: %v, evidence of %q", d.Verdict, d.Evidence.Exchange)
	}
	st.Exchange = ""
	if d = g.Judge(st, of("another", "' OR 1=1 --")); d.Verdict != gatehouse.Deny {
		t.Error("of an unknown exchange, and near a template: passes")
	}
}

func TestJudge_Evidence_NamesTheInputAndItsSpan(t *testing.T) {
	g := newGuard(t, taint.Options{}, ordinary...)
	sql := "SELECT id, name FROM products WHERE name = '' OR 1=1 --' ORDER BY price"
	st := taint.Statement{Account: "shop", SQL: sql, Exchange: "x"}
	d := g.Judge(st, of("x", "lamp", "' OR 1=1 --"))
	if d.Evidence.Place.Name != "p1" || sql[d.Evidence.Start:d.Evidence.End] != "' OR 1=1 --" {
		t.Errorf("evidence %+v", d.Evidence)
	}
	if want := "select id , name from products where name = ? order by price"; d.Nearest != want {
		t.Errorf("nearest %q, want %q", d.Nearest, want)
	}
	if got := taint.Mark(st, d.Evidence); strings.Contains(got, "1=1") || !strings.Contains(got, "«") {
		t.Errorf("marked: %s", got)
	}
}

func TestJudge_AccountsAreApart(t *testing.T) {
	g := newGuard(t, taint.Options{}, ordinary...)
	d := g.Judge(taint.Statement{Account: "reports", SQL: ordinary[0], Strict: true}, nil)
	if d.Verdict != gatehouse.Deny || d.Known {
		t.Error("another account's template counted")
	}
}

func TestJudge_BulkImport_IsWithinTheCap(t *testing.T) {
	var sql strings.Builder
	var inputs []string
	sql.WriteString("INSERT INTO products (sku, name, description, price) VALUES ")
	for i := range 1000 {
		sku, name, words := fmt.Sprintf("SKU-%05d", i), fmt.Sprintf("The lamp no. %d", i), fmt.Sprintf("It's the best lamp of %d\n; really", i)
		inputs = append(inputs, sku, name, words)
		fmt.Fprintf(&sql, "('%s', '%s', '%s', %d.50), ", sku, name, strings.ReplaceAll(words, "'", "''"), i)
	}
	sql.WriteString("('x', 'y', 'z', 1)")
	a := ask{sql: sql.String(), inputs: inputs}
	if d := a.judge(newGuard(t, taint.Options{}, ordinary...)); d.Verdict != gatehouse.Pass || d.Capped {
		t.Errorf("%v by %q, capped %v", d.Verdict, d.Rule, d.Capped)
	}
}

// TestJudge_ImportInJSON_IsWithinTheCap: the names of the columns are inputs too,
// as keys, and imports of other lengths are known.
func TestJudge_ImportInJSON_IsWithinTheCap(t *testing.T) {
	columns := []string{"sku", "name", "description", "price", "stock", "category", "colour", "weight", "released", "supplier"}
	rows := func(n int) (string, []string) {
		var sql strings.Builder
		inputs := append([]string{"sku, name", "name, description"}, columns...)
		sql.WriteString("INSERT INTO products (" + strings.Join(columns, ", ") + ") VALUES ")
		for i := range n {
			if i > 0 {
				sql.WriteString(", ")
			}
			text := fmt.Sprintf("It's lamp no. %d, in name and description the best of its category: select it or another (%d)", i, i*7)
			inputs = append(inputs, text)
			fmt.Fprintf(&sql, "('SKU-%d', '%s', 'by %d', %d.50, %d, 'lamps', NULL, %d::numeric, now(), coalesce(%d, 1))", i, strings.ReplaceAll(text, "'", "''"), i, i, i, i, i)
		}
		return sql.String(), inputs
	}
	g := newGuard(t, taint.Options{}, ordinary...)
	for _, n := range []int{1, 2, 5, 20, 50, 90} {
		sql, _ := rows(n)
		g.Learn(statement(sql), taint.Origin{}, noon)
	}
	sql, inputs := rows(300)
	if d := (ask{sql: sql, inputs: inputs}).judge(g); d.Verdict != gatehouse.Pass || d.Capped || d.Known {
		t.Errorf("%v by %q, capped %v, known %v", d.Verdict, d.Rule, d.Capped, d.Known)
	}
}

// Another client's "open' --" is no reason to refuse the application's own
// 'open': its quote is the statement's, and nothing of its own follows.
func TestJudge_ValueThatAnothersInputBeginsWith_Passes(t *testing.T) {
	g := newGuard(t, taint.Options{})
	for _, in := range []string{"open' --", "open' -- ", "open'--", "open' ", "open' OR 1=1 --", "open' AND 1=1 --", "open' OR '1'='1", "x' --"} {
		for _, sql := range []string{
			"SELECT a FROM t WHERE state = 'open'", "SELECT a FROM t WHERE state = 'open' AND b = 3", "SELECT a FROM t WHERE state = 'open'\n\tORDER BY b",
			"SELECT a FROM t WHERE state = 'open' OR state = 'new'", "UPDATE t SET a = 'x' , b = 'open' WHERE c = 1",
		} {
			for _, exchange := range []string{"", "o"} {
				st := taint.Statement{Account: "app", Lexer: taint.Lexer{Dialect: taint.PostgreSQL}, SQL: sql, Exchange: exchange}
				if d := g.Judge(st, []taint.Candidate{{Value: in, Exchange: "o"}}); d.Rule != "" {
					t.Errorf("%q, exchange %q: %s: %s", in, exchange, sql, d.Rule)
				}
			}
		}
	}
}
