package policy_test

import (
	"fmt"
	"strings"
	"testing"
	"unsafe"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/data/policy"
	"github.com/gatehousehq/gatehouse/data/sqlgate"
	"github.com/gatehousehq/gatehouse/taint"
)

var postgres = taint.Lexer{Dialect: taint.PostgreSQL}

// accounts are those of the tests: an application's, one with a list, one for
// migrations, one that is declared for what is otherwise refused.
var accounts = map[string]policy.Account{
	"app": {MaxReturned: 100, MaxAffected: 10},
	"listed": {Allow: []policy.Grant{
		{Verbs: []string{"select", "insert", "update"}, Tables: []string{"orders", "public.items", `Mixed Case`}},
		{Verbs: []string{"select"}, Tables: []string{"reports.*"}},
		{Verbs: []string{"Insert"}, Tables: []string{"log"}},
	}, Temporary: []string{"basket"}},
	"migrate":  {DDL: true},
	"declared": {Functions: []string{"pg_sleep", "pg_read_file"}, Roles: []string{"tenant"}, Allow: []policy.Grant{{Verbs: []string{"all"}, Tables: []string{"*", "pg_shadow"}}}},
}

func newPolicy(t testing.TB) *policy.Policy {
	t.Helper()
	p, err := policy.New(policy.Options{Accounts: accounts})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// rules are all rules that a statement breaks, in their order. The statement is
// a view of a buffer, as the wire's gate has it, that is overwritten afterwards:
// a judgement is kept, and may have nothing of it.
func rules(p *policy.Policy, st taint.Statement) string {
	buffer := []byte(st.SQL)
	st.SQL = unsafe.String(unsafe.SliceData(buffer), len(buffer))
	j := p.Judge(st)
	kept := func() string { return fmt.Sprintf("%+v %+v", j.Decisions, j.Outline) }
	before := kept()
	for i := range buffer {
		buffer[i] = '#'
	}
	if after := kept(); after != before {
		return "kept a view: " + after
	}
	var all []string
	for _, d := range j.Decisions {
		all = append(all, d.Rule)
	}
	if len(all) == 0 && j.Decision().Verdict != gatehouse.Pass {
		return "not judged"
	}
	return strings.Join(all, " ")
}

// ordinary is what applications and drivers send.
var ordinary = []string{
	`select a.x, (select count(*) from b where b.a = a.id) from a join c using (id) where a.d between $1 and $2`,
	`select 'pg_read_file(''/etc/passwd'')', "pg_sleep" from notes -- pg_sleep(1)`,
	`select pg_sleep from naps`, `insert into notes (text) values ('copy t from program ''id''; drop table x')`,
	`select program, server from copies where verb in ('copy', 'drop')`,
	`copy items (a, b) from stdin with (format csv)`, `copy (select * from items) to stdout`, `copy items to stdout`,
	`update orders set state = 'x' where id = 5 and true`, `delete from orders where id = 5`, `delete from orders where id in (select 1)`,
	`update orders set state = $1 where current of c`, `delete from cart where false`, `delete from orders where 1 = 0`,
	`set search_path to app, public`, `set statement_timeout = 5000`, `set local time zone 'UTC'`, `set names 'utf8'`, `set role none`, `reset role`,
	`set session characteristics as transaction isolation level serializable`, `reset all`, `discard all`, `set datestyle to iso`,
	`select set_config('app.user', 'x', true)`, `select current_setting('role'), current_user`, `select set_config('timezone', $1, false)`,
	`begin isolation level serializable`, `commit`, `rollback to savepoint a`, `savepoint a`, `release a`, `start transaction read only`,
	`listen events`, `notify events, 'x'`, `unlisten *`, `show server_version`, `vacuum analyze orders`, `analyze`, `refresh materialized view totals`,
	`create temp table basket (a int)`, `create temporary table if not exists x as select 1`, `drop table pg_temp.basket`, `select 1 into temp t`,
	`select n.nspname, c.relname from pg_catalog.pg_class c left join pg_namespace n on n.oid = c.relnamespace where c.oid = 'x'::regclass`,
	`select lo_create(0), lo_open(1, 2), loread(1, 2), pg_advisory_lock(1), pg_backend_pid(), nextval('a'), pg_notify('a', 'b'), pg_size_pretty(pg_database_size('a'))`,
	`fetch 100 from c`, `close c`, `declare c cursor with hold for select * from orders`, `deallocate all`, `move forward 10 in c`,
	`lock table orders in share mode`, `truncate cart`, `call restock('x', 1)`, `explain select 1`, `prepare p (int) as select $1`, `execute p (1)`,
	`select extract(year from d), trim(both from x), substring(a from 1 for 2), position('a' in b), overlay(a placing b from 1) from t`,
	`select query_to_xml('select a from t', true, true, '')`, `select ''`, `;`, ``, `-- nothing`, `/* nothing */ ;`,
	`values (1), (2)`, `table orders`, `(select 1) union all (select 2) order by 1`,
	`insert into a as x (b) values (1) on conflict on constraint c do nothing returning *`,
	`merge into a using b on a.id = b.id when matched and a.x > 1 then update set x = b.x, y = 2 when not matched then insert (id) values (b.id)`,
	"insert into t values ('a', 1)" + strings.Repeat(", ('it''s', 2)", 60_000), "select " + strings.Repeat("(", 400) + "a" + strings.Repeat(")", 400) + " from t",
	strings.Repeat("update t set a = 1 where b = 2;", 4000),
	`select * from json_to_recordset('[]') as x(a int, b text)`, `select a[1], (b).c, d -> 'e' from f tablesample system (10)`,
}

func TestCheck_DeclaredAccounts_MayWhatTheyAreDeclaredFor(t *testing.T) {
	p := newPolicy(t)
	for _, test := range []struct{ account, rules, sql string }{
		{"migrate", "", `create table x (a int references y, check (a > 0)); create index on x (lower(a)); alter table x owner to app; grant select on x to app`},
		{"migrate", "", `create function f() returns trigger language plpgsql as $$begin return new; end$$`},
		{"migrate", "", `do $$ begin if not exists (select from pg_type) then create type a as enum ('b'); end if; end $$`},
		{"migrate", "function", `do $$ begin perform pg_sleep(10); end $$`},
		{"migrate", "program", `do $$ begin copy t from program 'id'; end $$`},
		{"migrate", "function", `create function f() returns int language plpython3u as 'x'`},
		{"migrate", "function", `alter system set a = 1`},
		{"migrate", "program", `copy t from program 'id'`},
		{"declared", "", `select pg_sleep(1), pg_read_file('x')`},
		{"declared", "server-file", `select pg_ls_dir('x')`},
		{"declared", "", `set role tenant`},
		{"declared", "function", `set role tenant2`},
		{"declared", "", `select passwd from pg_shadow`},
		{"declared", "credentials", `select * from pg_authid`},
		{"listed", "", `drop table basket`},
		{"listed", "", `create index on basket (item)`},
		{"listed", "ddl", `create table basket (a int)`},
		{"listed", "ddl", `drop table basket, orders`},
		{"app", "ddl", `drop table basket`},
	} {
		if got := rules(p, taint.Statement{Account: test.account, Lexer: postgres, SQL: test.sql}); got != test.rules {
			t.Errorf("%s as %s\ngot %q, want %q", test.sql, test.account, got, test.rules)
		}
	}
}

func TestCheck_AccountWithAList_IsHeldToIt(t *testing.T) {
	p := newPolicy(t)
	for _, test := range []struct {
		refused bool
		sql     string
	}{
		{false, `select * from orders o, public.items as i where o.id = i.order_id`},
		{false, `insert into orders (a) select 1 from items returning id`},
		{false, `with secrets as (select 1 as a from orders) select a from secrets`},
		{false, `select secrets.a from orders secrets`},
		{false, `select * from "Mixed Case"`}, {false, `select * from reports.daily`}, {false, `select * from PUBLIC.ORDERS`},
		{false, `insert into log values (1)`}, {false, `select relname from pg_class, information_schema.tables`},
		{false, `create temp table basket (a int); insert into basket values (1); select * from basket`},
		{false, `set search_path to public, reports, pg_catalog`}, {false, `set search_path to ''`}, {false, `select set_config('search_path', '', false)`},
		{false, `select * from orders for update`}, {false, `begin`}, {false, `select query_to_xml('select 1 from orders', true, true, '')`},
		{false, `lock table orders`}, {false, `select extract(epoch from now())`}, {false, `update orders set a = 1 where b = 2`},
		{true, `select * from secrets`}, {true, `select * from orders, secrets`}, {true, `select * from orders join secrets on true`},
		{true, `select (select max(a) from secrets)`}, {true, `select * from orders where id in (table secrets)`},
		{true, `select 1 from orders union select token from secrets`}, {true, `delete from orders where id = 1`},
		{true, `insert into log values (1) returning *`}, {true, `select * from log`}, {true, `select * from mixed`}, {true, `select * from other.orders`},
		{true, `with x as (select * from secrets) select * from x`}, {true, `with secrets as (select 1), y as (select * from s.secrets) select * from y`},
		{true, `select * from U&"\0073ecrets"`}, {true, `select * from only secrets`}, {true, `select * from (orders cross join secrets)`},
		{true, `merge into orders using secrets on true when matched then delete`}, {true, `truncate orders`}, {true, `copy secrets to stdout`},
		{true, `copy (select * from secrets) to stdout`}, {true, `update orders set a = (select token from secrets) where id = 1`},
		{true, `insert into orders select * from secrets`}, {true, `delete from log using secrets where true`},
		{true, `explain analyze select * from secrets`}, {true, `prepare p as select * from secrets`}, {true, `declare c cursor for table secrets`},
		{true, `select query_to_xml('select * from secrets', true, true, '')`}, {true, `select query_to_xml($1, true, true, '')`},
		{true, `select query_to_xml('select * from ' || 'secrets', true, true, '')`}, {true, `select table_to_xml('secrets', true, true, '')`},
		{true, `select schema_to_xml('public', true, true, '')`}, {true, `set search_path to secret, public`}, {true, `select set_config('search_path', $1, true)`},
		{true, `lock table secrets`}, {true, `select * from orders, lateral (select * from secrets) s`}, {true, `select * from "pg_temp2"."x"`},
		{true, `select * from pg_temporary.secrets`},
	} {
		got := rules(p, taint.Statement{Account: "listed", Lexer: postgres, SQL: test.sql})
		if refused := strings.Contains(got, policy.RuleNotGranted); refused != test.refused {
			t.Errorf("%s: %q", test.sql, got)
		}
	}
	// What a SET of any schema does for a list that has all tables of all.
	if got := rules(p, taint.Statement{Account: "declared", Lexer: postgres, SQL: `set search_path to anything`}); got != "" {
		t.Errorf("search_path under a list with *: %q", got)
	}
}

func TestCheck_BoundValues_AreHeldToTheRulesToo(t *testing.T) {
	p := newPolicy(t)
	st := taint.Statement{Account: "app", Lexer: postgres, SQL: `select set_config($1, $2, true)`}
	j := p.Judge(st)
	if j.Decision().Verdict != gatehouse.Pass || !j.Again {
		t.Errorf("without its values: %+v, again %v", j.Decisions, j.Again)
	}
	for values, want := range map[string]string{"app.user ada": "", "role none": "", "role admin": "function", "ROLE admin": "function", "session_replication_role replica": "function"} {
		st.Params = strings.Fields(values)
		if got := rules(p, st); got != want {
			t.Errorf("with %s: %q, want %q", values, got, want)
		}
	}
	if other := p.Judge(taint.Statement{Account: "app", Lexer: postgres, SQL: `select $1`}); other.Again {
		t.Error("an ordinary bound value has to be judged again")
	}
}

func TestCheck_SQLite_HasTheSameRules(t *testing.T) {
	p := newPolicy(t)
	for sql, want := range map[string]string{
		"attach database '/tmp/x.php' as x": "server-file", "vacuum into '/tmp/x'": "server-file", "select load_extension('x')": "function",
		"create table t (a)": "ddl", "delete from t": "no-where", "create temp table t (a)": "", "pragma foreign_keys = on": "",
		"insert or replace into t (a) values (1)": "", "select [a] from `t` where \"b\" = 'c'": "", "update or ignore t set a = 1 where b = 2": "",
		"select replace(a, 'x', 'y') from t": "", "begin immediate": "", "end": "", "explain query plan select 1 from t": "",
	} {
		if got := rules(p, taint.Statement{Account: "app", Lexer: taint.Lexer{Dialect: taint.SQLite}, SQL: sql}); got != want {
			t.Errorf("%s: %q, want %q", sql, got, want)
		}
	}
}

func TestEnded_MoreRowsThanTheAccountMay_AreTold(t *testing.T) {
	p := newPolicy(t)
	for _, test := range []struct {
		sql, rule string
		outcome   sqlgate.Outcome
	}{
		{`select * from t`, "", sqlgate.Outcome{Verb: "SELECT", Rows: 100}},
		{`select * from t`, policy.RuleReturned, sqlgate.Outcome{Verb: "SELECT", Rows: 101}},
		{`select * from t`, policy.RuleReturned, sqlgate.Outcome{Failed: true, Cut: true, Rows: 100}},
		{`select * from t`, "", sqlgate.Outcome{Failed: true}},
		{`update t set a = 1 where b = 2`, "", sqlgate.Outcome{Verb: "UPDATE", Rows: 10}},
		{`update t set a = 1 where b = 2`, policy.RuleAffected, sqlgate.Outcome{Verb: "UPDATE", Rows: 11}},
		{`delete from t where b = 2`, policy.RuleAffected, sqlgate.Outcome{Verb: "DELETE", Rows: 1000}},
		{`copy t to stdout`, "", sqlgate.Outcome{Verb: "COPY", Rows: 50}},
		{`copy t to stdout`, policy.RuleReturned, sqlgate.Outcome{Verb: "COPY", Rows: 500}},
		{`copy t from stdin`, policy.RuleAffected, sqlgate.Outcome{Verb: "COPY", Rows: 50}},
		{`begin`, "", sqlgate.Outcome{Verb: "BEGIN"}},
	} {
		j := p.Judge(taint.Statement{Account: "app", Lexer: postgres, SQL: test.sql})
		if d := p.Ended(j, test.outcome); d.Rule != test.rule {
			t.Errorf("%s with %+v: %+v", test.sql, test.outcome, d)
		}
		if j.MaxReturned != 100 {
			t.Errorf("%s: MaxReturned is %d", test.sql, j.MaxReturned)
		}
	}
}

func TestNew_BadOptions_AreNamed(t *testing.T) {
	for want, account := range map[string]policy.Account{
		`the verb "drop"`: {Allow: []policy.Grant{{Verbs: []string{"drop"}, Tables: []string{"a"}}}},
		"no verbs":        {Allow: []policy.Grant{{Tables: []string{"a"}}}},
		"no tables":       {Allow: []policy.Grant{{Verbs: []string{"select"}}}},
		`the table "a."`:  {Allow: []policy.Grant{{Verbs: []string{"select"}, Tables: []string{"a."}}}},
		"negative":        {MaxReturned: -1},
	} {
		if _, err := policy.New(policy.Options{Accounts: map[string]policy.Account{"shop/app": account}}); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "shop/app") {
			t.Errorf("got %v, want an error with %s", err, want)
		}
	}
}

func TestJudgement_ZeroValue_Denies(t *testing.T) {
	for name, j := range map[string]*policy.Judgement{"zero": {}, "nil": nil} {
		if j.Decision().Verdict != gatehouse.Deny {
			t.Errorf("the %s judgement passes", name)
		}
	}
}

func TestEvidence_HasNoLiterals(t *testing.T) {
	p := newPolicy(t)
	for _, sql := range []string{`copy t from program 'hunter2'`, `set role 'hunter2'`, `create "hunter2" 'hunter2'`, `select set_config('role', 'hunter2', false)`, `drop hunter2hunter2hunter2 ''`} {
		for _, d := range p.Judge(taint.Statement{Account: "listed", Lexer: postgres, SQL: sql}).Decisions {
			if strings.Contains(fmt.Sprintf("%+v", d), "'hunter2'") {
				t.Errorf("%s: %s", sql, d.Evidence)
			}
		}
	}
}
