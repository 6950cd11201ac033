// Package privilege_test tries on a real server what package privilege
// proposes: an application works as before with the reduced role, and attacks
// that worked before do not, with every gate off.
package privilege_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gatehousehq/gatehouse/data/policy"
	"github.com/gatehousehq/gatehouse/data/privilege"
	"github.com/gatehousehq/gatehouse/internal/testkit/postgres"
	"github.com/gatehousehq/gatehouse/taint"
)

const schema = `
create table customers (id serial primary key, name text not null, email text unique);
create table orders (id bigserial primary key, customer_id int references customers, total numeric(10,2) not null, note text, state text default 'new');
create table "Order Items" (id int generated always as identity primary key, order_id bigint references orders, item text, "Count" int check ("Count" > 0));
create table stock (item text primary key, n int not null);
create table secrets (id int, token text);
create table ledger (id int, amount int);
create sequence invoice_number;
create schema reporting;
create table reporting.daily (day date primary key, total numeric);
create view open_orders as select o.*, c.name from orders o join customers c on c.id = o.customer_id where o.state = 'new';
create function discount(total numeric) returns numeric language sql immutable as 'select total * 0.9';
create function discount(total numeric, share numeric) returns numeric language sql immutable as 'select total * share';
create procedure restock(what text, by int) language sql as 'update stock set n = n + by where item = what';
insert into secrets values (1, 'hunter2');
insert into ledger values (1, 100);
insert into stock values ('pen', 10), ('ink', 5);
insert into reporting.daily values (current_date, 0);
revoke execute on all functions in schema public from public;
create extension dblink;
do $$ begin if not exists (select from pg_roles where rolname = 'admin') then create role admin superuser; end if; end $$;
`

// workload is what the application does: every statement must work as the owner
// and as the reduced role.
var workload = []string{
	`insert into customers (name, email) values ('Ada', 'ada@example.com') on conflict (email) do update set name = excluded.name returning id`,
	`insert into orders (customer_id, total, note) select id, 12.50, 'first' from customers where email = 'ada@example.com' returning id, total`,
	`insert into "Order Items" (order_id, item, "Count") values ((select max(id) from orders), 'pen', 2)`,
	`update stock set n = n - 2 where item = 'pen'`,
	`select nextval('invoice_number'), currval('invoice_number'::regclass)`,
	`select id, total, name from open_orders order by id limit 20`,
	`select discount(total), discount(total, 0.5) from orders`,
	`with done as (update orders set state = 'done' where state = 'new' returning total) select sum(total) from done`,
	`delete from "Order Items" where item = 'nothing'`,
	`select item, n from stock where n > 0 for update`,
	`select name from customers where id = 1 for share`,
	`update reporting.daily as d set total = (select coalesce(sum(total), 0) from orders) where d.day = current_date`,
	`create temporary table basket (item text, n int) on commit drop`,
	`call restock('ink', 1)`,
	`select table_name from information_schema.tables where table_schema = 'public' limit 1`,
	`explain analyze select count(*) from orders o, "Order Items" i where i.order_id = o.id`,
	`begin; insert into orders (customer_id, total) values (1, 3); savepoint a; select lastval(); rollback`,
	`prepare p (int) as select name from customers where id = $1; execute p(1); deallocate p`,
}

// An attack is a statement that an injection may bring; as the owner, who is
// the superuser here, it works.
type attack struct{ name, sql string }

// attacks are against the server whose folder, and whose address in libpq's
// words, these are.
func attacks(folder, server string) []attack {
	return []attack{
		{"password hashes", `select rolname, rolpassword from pg_authid`},
		{"password hashes by the view", `select usename, passwd from pg_shadow`},
		{"a program of the server", `copy (select 1) to program 'cat > /dev/null'`},
		{"a program's output", `create temp table out_ (line text); copy out_ from program 'echo hello'`},
		{"a file of the server", `select pg_read_file('postgresql.conf')`},
		{"a folder of the server", `select pg_ls_dir('.')`},
		{"a file written", `copy (select 'x') to '` + filepath.Join(folder, "written") + `'`},
		{"a large object from a file", `select lo_import('` + filepath.Join(folder, "readable") + `')`},
		{"a large object to a file", `select lo_from_bytea(424242, 'x'); select lo_export(424242, '` + filepath.Join(folder, "exported") + `')`},
		{"a table dropped", `drop table ledger`},
		{"a table emptied", `truncate orders cascade`},
		{"a table altered", `alter table customers add column admin bool`},
		{"another table changed", `update ledger set amount = 0`},
		{"rows deleted that are kept", `delete from stock`},
		{"a table never read", `select token from secrets`},
		{"a table never read, by XML", `select query_to_xml('select token from secrets', true, true, '')`},
		{"its own table, in another way", `insert into stock values ('gold', 1000)`},
		{"a view replaced", `create or replace view open_orders as select o.*, s.token as name from orders o, secrets s`},
		{"another server", `select * from dblink('` + server + `', 'select 1') as t (a int)`},
		{"a function made", `create function shell() returns int language sql as 'select 1'`},
		{"a function in C", `create function reach(text) returns text language c as '$libdir/dblink', 'dblink_connect'`},
		{"code that runs as nobody expects", `do $$ begin execute 'alter role admin password ''x'''; end $$`},
		{"its own rights", `alter role current_user superuser createrole`},
		{"another role's password", `alter role admin password 'x'`},
		{"a new role", `create role mallory superuser login`},
		{"another role taken", `set role admin`},
		{"another role taken by a function", `select set_config('role', 'admin', false)`},
		{"another session's role", `set session authorization admin`},
		{"the server's settings", `alter system set log_statement = 'none'`},
		{"triggers off", `set session_replication_role = replica`},
		{"a grant", `grant select on secrets to public`},
		{"a trigger", `create trigger t before insert on orders for each row execute function suppress_redundant_updates_trigger()`},
		{"an extension", `create extension file_fdw`},
		{"a table in public", `create table public.planted (a int)`},
		{"a schema", `create schema planted`},
	}
}

func connect(t *testing.T, s *postgres.Server, user, database string) *pgx.Conn {
	t.Helper()
	config, err := pgx.ParseConfig(s.DSN(database))
	if err != nil {
		t.Fatal(err)
	}
	config.User = user
	c, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatalf("connecting as %s: %v", user, err)
	}
	t.Cleanup(func() { c.Close(context.WithoutCancel(t.Context())) })
	return c
}

// run sends the text as psql would, and gives the first error.
func run(t *testing.T, c *pgx.Conn, sql string) error {
	t.Helper()
	_, err := c.PgConn().Exec(t.Context(), sql).ReadAll()
	return err
}

// work runs the workload in one transaction of each statement, and gathers
// facts of what passed.
func work(t *testing.T, c *pgx.Conn, facts *privilege.Facts) {
	t.Helper()
	p, err := policy.New(policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, sql := range workload {
		if err := run(t, c, sql); err != nil {
			t.Errorf("the application's %s\n%v", sql, err)
			continue
		}
		if facts == nil {
			continue
		}
		j := p.Judge(taint.Statement{Lexer: taint.Lexer{Dialect: taint.PostgreSQL}, SQL: sql})
		if d := j.Decision(); d.Evidence != "" {
			t.Errorf("refused: %s: %s", sql, d.Evidence)
		}
		facts.Seen(1, now)
		if j.First() {
			facts.Add(j.Outline, now)
		}
		now = now.Add(time.Hour)
	}
}

// attempt runs an attack so that it leaves nothing, and gives its error.
func attempt(t *testing.T, c *pgx.Conn, a attack) error {
	t.Helper()
	if strings.HasPrefix(a.sql, "alter system") { // which no transaction may hold
		return run(t, c, a.sql)
	}
	err := run(t, c, "begin; "+a.sql)
	if undone := run(t, c, "rollback"); undone != nil {
		t.Fatal(undone)
	}
	return err
}

// setUp makes the application's database, and gives the SQL proposed for it.
func setUp(t *testing.T, s *postgres.Server, o privilege.Options) (owner *pgx.Conn, grants string) {
	t.Helper()
	if err := run(t, connect(t, s, postgres.User, "postgres"), "create database "+o.Database); err != nil {
		t.Fatal(err)
	}
	owner = connect(t, s, postgres.User, o.Database)
	if err := run(t, owner, schema); err != nil {
		t.Fatal(err)
	}
	facts := &privilege.Facts{Account: "shop/app"}
	work(t, owner, facts)
	grants, err := privilege.Grants(facts, o)
	if err != nil {
		t.Fatal(err)
	}
	if longRun() {
		t.Log(grants)
	}
	return owner, grants
}

func TestGrants_OnAServer(t *testing.T) {
	s := postgres.Start(t)
	t.Run("ReducedRole_DoesTheWorkAndNoneOfTheAttacks", func(t *testing.T) { tryReduced(t, s) })
	t.Run("ExistingRole_LosesWhatItDoesNotNeed", func(t *testing.T) { tryExisting(t, s) })
}

func tryReduced(t *testing.T, s *postgres.Server) {
	folder := filepath.Dir(s.Socket()) // of the account that the server runs as
	owner, grants := setUp(t, s, privilege.Options{Role: "shop_app", Database: "shop"})
	if err := os.WriteFile(filepath.Join(folder, "readable"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	tried := attacks(folder, fmt.Sprintf("host=%s port=%s user=%s dbname=postgres", host, port, postgres.User))
	for _, a := range tried {
		if err := attempt(t, owner, a); err != nil {
			t.Errorf("control: %s does not work as the owner: %v", a.name, err)
		}
	}
	for range 2 { // it may be run again
		if err := run(t, owner, grants); err != nil {
			t.Fatalf("%v in\n%s", err, grants)
		}
	}

	reduced := connect(t, s, "shop_app", "shop")
	work(t, reduced, nil)
	for _, a := range tried {
		err := attempt(t, reduced, a)
		var refused *pgconn.PgError
		switch {
		case err == nil:
			t.Errorf("%s still works as the reduced role: %s", a.name, a.sql)
		case !errors.As(err, &refused):
			t.Errorf("%s: %v", a.name, err)
		case refused.Code != "42501" && refused.Code != "2F003":
			t.Errorf("%s is not refused for want of a privilege: %v", a.name, err)
		}
	}
}

func tryExisting(t *testing.T, s *postgres.Server) {
	owner, grants := setUp(t, s, privilege.Options{Role: `o"dd Röle`, Database: "store", RevokePublic: true, Columns: true})
	if err := run(t, owner, `create role "o""dd Röle" superuser createrole in role admin;
		grant all on all tables in schema public to "o""dd Röle"; grant select on secrets to public; grant create on schema public to public`); err != nil {
		t.Fatal(err)
	}
	if err := run(t, owner, grants); err != nil {
		t.Fatalf("%v in\n%s", err, grants)
	}
	reduced := connect(t, s, `o"dd Röle`, "store")
	work(t, reduced, nil)
	for _, sql := range []string{
		`select token from secrets`, `set role admin`, `create table public.planted (a int)`, `update ledger set amount = 0`,
		`update orders set total = 0 where id = 1`, `insert into orders (customer_id, total, state) values (1, 1, 'done')`,
	} {
		var refused *pgconn.PgError
		if err := run(t, reduced, sql); !errors.As(err, &refused) || refused.Code != "42501" {
			t.Errorf("%s: %v", sql, err)
		}
	}
	// An owner can't be reduced: that is said, and nothing is changed.
	if err := run(t, owner, `alter table ledger owner to "o""dd Röle"`); err != nil {
		t.Fatal(err)
	}
	if err := run(t, owner, grants); err == nil || !strings.Contains(err.Error(), "an owner may do all") {
		t.Errorf("reducing an owner: %v", err)
	}
	if err := run(t, owner, "rollback"); err != nil {
		t.Fatal(err)
	}
}

func TestPolicy_ProposedList_LetsTheWorkPassAndNotTheRest(t *testing.T) {
	facts := &privilege.Facts{Account: "shop/app"}
	open, err := policy.New(policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, sql := range workload {
		facts.Add(open.Judge(statement(sql)).Outline, time.Unix(int64(i), 0))
	}
	// The list as the proposal has it, line by line.
	var allow []policy.Grant
	for line := range strings.SplitSeq(privilege.Policy(facts), "\n") {
		line = strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(line), "- "), " ")
		key, list, _ := strings.Cut(line, ": ")
		values := strings.Split(strings.Trim(list, "[]"), ", ")
		for i := range values {
			values[i] = strings.Trim(values[i], `"`)
		}
		switch key {
		case "verbs":
			allow = append(allow, policy.Grant{Verbs: values})
		case "tables":
			allow[len(allow)-1].Tables = values
		}
	}
	held, err := policy.New(policy.Options{Accounts: map[string]policy.Account{"shop/app": {Allow: allow}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range workload {
		if d := held.Check(statement(sql)); d.Rule != "" {
			t.Errorf("refused by %s: %s: %s", d.Rule, d.Evidence, sql)
		}
	}
	for _, sql := range []string{`select * from secrets`, `update ledger set amount = 1 where id = 1`, `delete from customers where id = 1`, `select * from reporting.other`} {
		if d := held.Check(statement(sql)); d.Rule != policy.RuleNotGranted {
			t.Errorf("%s: %+v", sql, d)
		}
	}
}

func statement(sql string) taint.Statement {
	return taint.Statement{Account: "shop/app", Lexer: taint.Lexer{Dialect: taint.PostgreSQL}, SQL: sql}
}
