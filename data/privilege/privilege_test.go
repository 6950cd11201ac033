package privilege_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/gatehousehq/gatehouse/data/privilege"
	"github.com/gatehousehq/gatehouse/taint"
	"github.com/gatehousehq/gatehouse/taint/outline"
)

var start = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

func factsOf(statements ...string) *privilege.Facts {
	f := &privilege.Facts{Account: "shop/app"}
	for i, sql := range statements {
		f.Seen(10, start.Add(time.Duration(i)*time.Hour))
		f.Add(outline.Of(taint.Lexer{Dialect: taint.PostgreSQL}, sql), start.Add(time.Duration(i)*time.Hour))
	}
	return f
}

var observed = []string{
	`select * from orders o join "Order Items" i on i.order_id = o.id`, `insert into orders (id, note) values (nextval('s.orders_id'), $1) returning id`,
	`update orders set note = $1, state = 'x' where id = $2`, `select total from orders for update`, `select discount(total), app.round_up(total), now() from totals`,
	`select * from stock for share`, `create temp table basket (a int)`, `select * from basket`, `delete from "yes"`, `drop table old`, `set role tenant`, `set search_path to app`,
	`select relname from pg_class`, `truncate log`, `copy import from stdin`,
}

func TestPolicy_Facts_BecomeALineForEachSetOfVerbs(t *testing.T) {
	text := privilege.Policy(factsOf(observed...))
	var read struct {
		Allow []struct{ Verbs, Tables []string }
	}
	if err := yaml.Unmarshal([]byte(text), &read); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	got := map[string]string{}
	for _, line := range read.Allow {
		got[strings.Join(line.Verbs, " ")] = strings.Join(line.Tables, " ")
	}
	want := map[string]string{
		"select": "Order Items stock totals", "select insert update": "orders", "delete": "yes", "truncate": "log", "insert": "import",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v in\n%s", got, want, text)
	}
	for _, words := range []string{"150 statements of 15 shapes", "14 hours", "definitions (1 shapes)", "taking another role (1 shapes)", "less than a week"} {
		if !strings.Contains(text, words) {
			t.Errorf("%q is not said in\n%s", words, text)
		}
	}
}

func TestPolicy_NothingSeen_ProposesNothing(t *testing.T) {
	if text := privilege.Policy(&privilege.Facts{Account: "shop/app"}); strings.Contains(text, "\nallow:") {
		t.Errorf("an empty list would allow everything:\n%s", text)
	}
}

func TestGrants_Facts_BecomeGrantsWithTheirEvidence(t *testing.T) {
	sql, err := privilege.Grants(factsOf(observed...), privilege.Options{Role: "shop_app", Database: "Shop", Schema: "app"})
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		`GRANT SELECT, INSERT, UPDATE ON TABLE app.orders TO shop_app;`, `GRANT SELECT ON TABLE app."Order Items" TO shop_app;`, `GRANT SELECT ON TABLE app.stock TO shop_app;`,
		`GRANT DELETE ON TABLE app.yes TO shop_app;`, `GRANT USAGE ON SEQUENCE s.orders_id TO shop_app;`, `GRANT CONNECT ON DATABASE "Shop" TO shop_app;`,
		`GRANT TEMPORARY ON DATABASE "Shop" TO shop_app;`, `GRANT USAGE ON SCHEMA s TO shop_app;`, `REVOKE ALL ON ALL TABLES IN SCHEMA app FROM shop_app;`,
		`ALTER ROLE shop_app LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;`, `ALTER ROLE shop_app IN DATABASE "Shop" SET search_path = app, public;`,
		`-- REVOKE CONNECT, TEMPORARY ON DATABASE "Shop" FROM PUBLIC;`, `-- Not covered: definitions (1 shapes).`,
		`-- app.orders: read by 2, its rows looked at while written by 2, inserted into by 1, updated by 1, rows locked by 1 shapes of statements. Columns updated: note, state. Columns inserted: id, note.`,
	} {
		if !strings.Contains("\n"+sql, "\n"+line+"\n") {
			t.Errorf("no line %s in\n%s", line, sql)
		}
	}
	for _, absent := range []string{"basket TO", "pg_class TO", "old TO"} {
		if strings.Contains(sql, absent) {
			t.Errorf("%q is in\n%s", absent, sql)
		}
	}
	narrow, err := privilege.Grants(factsOf(observed...), privilege.Options{Role: "shop_app", Database: "Shop", Columns: true})
	if err != nil || !strings.Contains(narrow, `GRANT SELECT, INSERT (id, note), UPDATE (note, state) ON TABLE public.orders TO shop_app;`) ||
		!strings.Contains(narrow, `GRANT INSERT ON TABLE public.import TO shop_app;`) {
		t.Errorf("by columns: %v\n%s", err, narrow)
	}
}

func TestGrants_EveryProposal_IsOneStatementAfterAnother(t *testing.T) {
	// Names that try to end a string, an identifier, a comment, a block of code.
	hostile := []string{`x"; drop table y; --`, `it's`, `a$gate$b`, "line\nbreak", `back\slash`, `select`, `Ünï`, `%s%d`, "\u2028end"}
	f := &privilege.Facts{Account: "shop/app\n; drop table x"}
	for _, name := range hostile {
		quoted := `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
		for _, sql := range []string{`insert into ` + quoted + `.` + quoted + ` (` + quoted + `) values (` + quoted + `.` + quoted + `())`, `update ` + quoted + ` set ` + quoted + ` = 1`, `select 1 from ` + quoted + ` for update`} {
			f.Add(outline.Of(taint.Lexer{Dialect: taint.PostgreSQL}, sql), start)
		}
		for _, o := range []privilege.Options{{Role: name, Database: name, Schema: name, Columns: true, RevokePublic: true}, {Role: name, Database: name}} {
			sql, err := privilege.Grants(f, o)
			if err != nil {
				t.Fatal(err)
			}
			for _, st := range outline.Of(taint.Lexer{Dialect: taint.PostgreSQL}, sql).Statements {
				first, _, _ := strings.Cut(st.Object, " ")
				if pinned(st) {
					continue
				}
				if st.Unsure != "" || st.Verb != outline.Define && st.Verb != outline.Do && st.Verb != outline.Transaction || first == "drop" {
					t.Errorf("with %q there is a statement %+v in\n%s", name, st, sql)
				}
			}
		}
	}
}

// pinned reports whether a statement is the one that has names mean the server's own.
func pinned(st outline.Statement) bool {
	return st.Verb == outline.Set && len(st.Settings) == 1 && st.Settings[0].Name.Value == "search_path" && st.Settings[0].Value.Value == "pg_catalog,pg_temp"
}

func TestGrants_BadOptions_AreNamed(t *testing.T) {
	some := factsOf(observed...)
	for want, test := range map[string]struct {
		f *privilege.Facts
		o privilege.Options
	}{
		"Options.Role": {some, privilege.Options{Database: "a"}}, "Options.Database": {some, privilege.Options{Role: "a"}},
		"63 bytes": {some, privilege.Options{Role: strings.Repeat("a", 64), Database: "a"}}, "no tables": {factsOf(), privilege.Options{Role: "a", Database: "a"}},
		"no roles": {&privilege.Facts{Dialect: taint.SQLite, Tables: some.Tables}, privilege.Options{Role: "a", Database: "a"}},
	} {
		if _, err := privilege.Grants(test.f, test.o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}

func TestFacts_JSONAndMerge_GiveTheSame(t *testing.T) {
	whole := factsOf(observed...)
	text, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	back := &privilege.Facts{}
	if err := json.Unmarshal(text, back); err != nil {
		t.Fatal(err)
	}
	if privilege.Policy(back) != privilege.Policy(whole) {
		t.Errorf("from JSON it is\n%s\nand was\n%s", privilege.Policy(back), privilege.Policy(whole))
	}
	one, two := factsOf(observed[:7]...), &privilege.Facts{}
	for i, sql := range observed[7:] {
		at := start.Add(time.Duration(i+7) * time.Hour)
		two.Seen(10, at)
		two.Add(outline.Of(taint.Lexer{Dialect: taint.PostgreSQL}, sql), at)
	}
	joined := &privilege.Facts{Account: "shop/app"}
	joined.Merge(one)
	joined.Merge(two)
	o := privilege.Options{Role: "a", Database: "b"}
	got, err1 := privilege.Grants(joined, o)
	want, err2 := privilege.Grants(whole, o)
	if got != want || err1 != nil || err2 != nil {
		t.Errorf("joined: %v %v\n%s\nwant\n%s", err1, err2, got, want)
	}
	joined.Merge(one)
	if again, _ := privilege.Grants(whole, o); again != want {
		t.Error("merging changed what was merged")
	}
}

func TestFacts_NoEndOfNames_IsBounded(t *testing.T) {
	f := &privilege.Facts{Account: "shop/app"}
	for i := range 20_000 {
		f.Add(outline.Of(taint.Lexer{Dialect: taint.PostgreSQL}, fmt.Sprintf(`insert into t%d (c%d) values (f%d(nextval('s%d')))`, i%10000, i, i, i)), start)
		f.Add(outline.Of(taint.Lexer{Dialect: taint.PostgreSQL}, fmt.Sprintf(`update wide set c%d = 1`, i)), start)
		f.Add(outline.Of(taint.Lexer{Dialect: taint.PostgreSQL}, fmt.Sprintf(`set search_path to s%d`, i)), start)
	}
	if len(f.Tables) > 4096 || len(f.Functions) > 2048 || len(f.Sequences) > 2048 || len(f.SearchPaths) > 256 || f.Dropped == 0 {
		t.Errorf("kept %d tables, %d functions, %d sequences, %d paths; dropped %d", len(f.Tables), len(f.Functions), len(f.Sequences), len(f.SearchPaths), f.Dropped)
	}
	if !strings.Contains(privilege.Policy(f), "for which there was no room") {
		t.Error("it is not said that names were dropped")
	}
}
