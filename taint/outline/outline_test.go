package outline_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/taint"
	"github.com/gatehousehq/gatehouse/taint/outline"
)

// show writes an outline on one line: what a person would check.
func show(o outline.Outline) string {
	var all []string
	for _, st := range o.Statements {
		all = append(all, showStatement(st))
	}
	return strings.Join(all, " ; ")
}

var useLetters = []struct {
	use    outline.Use
	letter string
}{
	{outline.Reads, "r"}, {outline.Returns, "R"}, {outline.Compares, "c"}, {outline.Locks, "l"}, {outline.Inserts, "i"},
	{outline.Updates, "u"}, {outline.Deletes, "d"}, {outline.Truncates, "t"}, {outline.Defines, "D"},
}

func showStatement(st outline.Statement) string {
	b := &strings.Builder{}
	b.WriteString(st.Verb.String())
	if st.Verb == outline.Define || st.Verb == outline.System {
		fmt.Fprintf(b, "(%s)", st.Object)
	}
	if st.Temporary {
		b.WriteString(" temporary")
	}
	for _, t := range st.Tables {
		b.WriteString(" ")
		if t.Schema != "" {
			b.WriteString(t.Schema + ".")
		}
		b.WriteString(t.Name + ":")
		for _, u := range useLetters {
			if t.Use&u.use != 0 {
				b.WriteString(u.letter)
			}
		}
		if t.AllInserted {
			b.WriteString("*")
		}
		if len(t.Inserted) > 0 {
			fmt.Fprintf(b, "+%s", strings.Join(t.Inserted, ","))
		}
		if len(t.Updated) > 0 {
			fmt.Fprintf(b, "=%s", strings.Join(t.Updated, ","))
		}
	}
	for _, f := range st.Functions {
		b.WriteString(" ")
		if f.Schema != "" {
			b.WriteString(f.Schema + ".")
		}
		b.WriteString(f.Name + "(")
		if f.First.Known {
			b.WriteString(f.First.Value)
		}
		b.WriteString(")")
	}
	for _, s := range st.Settings {
		fmt.Fprintf(b, " set %s=%s", s.Name.Value, s.Value.Value)
	}
	if st.Copy != outline.NoCopy {
		b.WriteString([]string{" ", " client", " file", " program"}[st.Copy])
	}
	if st.Language != "" {
		b.WriteString(" language " + st.Language)
	}
	for _, i := range st.Unfiltered {
		b.WriteString(" all of " + st.Tables[i].Name)
	}
	if st.Executes {
		b.WriteString(" executes")
	}
	if st.Unsure != "" {
		fmt.Fprintf(b, " unsure: %s", st.Unsure)
	}
	return b.String()
}

// What a person would read off each statement. That the reading of tables,
// functions and conditions is PostgreSQL's own, tests/outline shows.
func TestOf_Statements_AreReadAsAPersonWould(t *testing.T) {
	for _, test := range []struct{ sql, want string }{
		{`select a, b from t join u on t.id = u.id, only s.v as x where f(a) > 3 order by g(b) for update of t`, `select t:rl u:rl s.v:rl f() g()`},
		{`with recursive a as (select 1 from b union all select 2 from a), c as (delete from d returning *) select * from a, c`, `select b:r d:Rd all of d`},
		{`insert into o (a, b) values (1, 2) on conflict (a) do update set b = excluded.b, c = 3 where o.a > 1 returning id`, `insert o:Rciu+a,b=b,c`},
		{`insert into o values (1)`, `insert o:i*`},
		{`update o x set a = 1, (b, c) = (select 1, 2 from z) from w where x.id = w.id returning *`, `update o:Rcu=a,b,c z:r w:r`},
		{`delete from o using p, q where true`, `delete o:cd p:r q:r all of o`},
		{`delete from o where a = 1 or not false`, `delete o:cd all of o`}, {`delete from o where (a) = (a)`, `delete o:cd all of o`},
		{`delete from o where o.a = O.A`, `delete o:cd all of o`}, {`delete from o where a = b`, `delete o:cd`}, {`delete from o where 1 = 2`, `delete o:cd`},
		{`delete from o where null`, `delete o:cd`}, {`delete from o where $1`, `delete o:cd`}, {`delete from o where a or (b and (1 = 1))`, `delete o:cd`},
		{`delete from o where a or (b or (1 = 1))`, `delete o:cd all of o`}, {`delete from o where 'a' like 'a'`, `delete o:cd all of o`},
		{`merge into t as a using (select * from s) as b on a.id = b.id when matched then update set x = 1, y = 2 when not matched then insert (id, x) values (1, 2)`, `merge t:ciu+id,x=x,y s:r`},
		{`copy t (a, b) from stdin with (format csv)`, `copy-from t:i+a,b client`},
		{`copy t from '/x' where f(a)`, `copy-from t:i* f() file`},
		{`copy (select * from t) to program 'cat'`, `copy-to t:r program`},
		{`copy t to '/tmp/x'`, `copy-to t:r file`},
		{`explain (analyze, buffers) select pg_catalog . "pg_read_file" /* x */ ('x')`, `select pg_catalog.pg_read_file()`},
		{`prepare p (int) as select * from t where id = $1; execute p(f(1))`, `select t:r ; execute f()`},
		{`select U&"pg\005fread_file"('x'), "Mixed"."Table".x from "Mixed"."Table"`, `select Mixed.Table:r pg_read_file()`},
		{`select * from "` + strings.Repeat("ä", 40) + `"`, `select ` + strings.Repeat("ä", 31) + `:r`},
		{`set role admin`, `set set role=admin`}, {`set local search_path to a, "B"`, `set set search_path=a,B`}, {`reset role`, `set set role=default`},
		{`set session authorization 'x'`, `set set session_authorization=x`}, {`reset all`, `set`}, {`set schema 'x'`, `set set search_path=x`},
		{`set session my.setting = -1`, `set set my.setting=-1`}, {`set role U&'\0061'`, `set set role=a`}, {`set a = E'\x61\u0062\143\n' 'x'`, "set set a=abc\nx"},
		{`select set_config('role', 'x', false), nextval('s.q')`, `select set_config(role) nextval(s.q) set role=x`},
		{`select query_to_xml('select * from secret; delete from t', true, true, '')`, `select secret:r t:d query_to_xml() all of t`},
		{`select query_to_xml(a, true, true, ''), table_to_xml('S."T"', true, true, '') from t`, `select s.T:r t:r query_to_xml() table_to_xml(S."T") executes`},
		{`create temp table a as select * from b`, `define(create table) temporary a:D b:r`},
		{`create table a as with b as (select 1 from c) select f(1) from b`, `define(create table) a:D c:r f()`},
		{`create unique index concurrently i on only s.t (lower(a))`, `define(create index) s.t:D lower()`},
		{`drop table if exists pg_temp.a, pg_temp.b`, `define(drop table) temporary pg_temp.a:D pg_temp.b:D`}, {`drop table pg_temp.a, b`, `define(drop table) pg_temp.a:D b:D`},
		{`select * into temp x from y`, `define(select into) temporary x:D y:r`}, {`table x`, `select x:r`},
		{`grant select on t to x`, `define(grant)`}, {`alter system set a = 1`, `system(alter system)`}, {`load 'x'`, `system(load)`},
		{`do $$ begin perform pg_sleep(1); copy t from program 'x'; end $$ language plpgsql`, `do pg_sleep() program language plpgsql executes`},
		{`create or replace function f(a int) returns int as 'x' language "C"`, `define(create function) language C`},
		{`truncate a, b.c cascade`, `truncate a:t b.c:t`}, {`lock table t in share mode`, `lock t:l`}, {``, ``}, {` ; -- x`, ``},
		{`select '`, `select unsure: it has a quotation mark that is not closed, or a byte that the server refuses`},
		{`frobnicate t`, `unknown unsure: it begins with no word that is known`}, {`select 1)`, `select unsure: a bracket closes that was not opened`},
		{`select (1`, `select unsure: a bracket is not closed`}, {`select * from $1`, `select unsure: a table's name is due where none is`},
		{`attach 'x' as y`, `unknown unsure: it begins with no word that is known`},
	} {
		if got := show(outline.Of(taint.Lexer{Dialect: taint.PostgreSQL}, test.sql)); got != test.want {
			t.Errorf("%s\ngot  %s\nwant %s", test.sql, got, test.want)
		}
	}
}

func TestOf_SQLite_IsReadByItsOwnRules(t *testing.T) {
	for sql, want := range map[string]string{
		"insert or replace into [T] (a) values (1)":         "insert t:id+a",
		"replace into `t` values (1)":                       "insert t:id*",
		"select replace(a, 'b', 'c') from 'T' indexed by i": "select t:r replace()",
		"attach database 'x' as y":                          "attach",
		"vacuum main into 'x'":                              "attach",
		"pragma table_info(t)":                              "pragma table_info()",
		"explain query plan select 1 from t":                "select t:r",
		"update or ignore t set a = 1":                      "update t:u=a all of t",
	} {
		if got := show(outline.Of(taint.Lexer{Dialect: taint.SQLite}, sql)); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", sql, got, want)
		}
	}
}

func TestOf_LiteralsAndBoundValues_AreToldWhereTheyMatter(t *testing.T) {
	for sql, want := range map[string]string{
		"select 'a', 1 from t where b = 'c' and d in (1, 2)": "", "delete from t where a = 1": "", "insert into t values ('x', $1)": "",
		"delete from t where 1 = 1": "literal", "select set_config('a', $1, true)": "literal bound", "select nextval('a')": "literal",
		"set a = 'b'": "literal", "select f($1)": "", "select query_to_xml('select 1', true, true, '')": "literal", "do 'x'": "literal",
	} {
		o := outline.Of(taint.Lexer{Dialect: taint.PostgreSQL}, sql)
		got := ""
		if o.Literal {
			got = "literal"
		}
		if o.Bound {
			got += " bound"
		}
		if got != want {
			t.Errorf("%s: %q, want %q", sql, got, want)
		}
	}
}

func TestName_ReadsWhatNextvalTakes(t *testing.T) {
	for text, want := range map[string]string{`a`: ".a", `S.A`: "s.a", `"S"."a.b"`: "S.a.b", ``: "", `a b`: "", `a; drop`: "", `'x'`: "", `"x`: ""} {
		schema, name, ok := outline.Name(taint.Lexer{Dialect: taint.PostgreSQL}, text)
		if got := schema + "." + name; ok != (want != "") || ok && got != want {
			t.Errorf("%s: %q, %v", text, got, ok)
		}
	}
}

// heavy are texts on which a reader that looks back or ahead would be slow.
func heavy(n int) map[string]string {
	return map[string]string{
		"brackets": strings.Repeat("(", n), "queries": strings.Repeat("(select ", n), "explains": strings.Repeat("explain ", n),
		"tables": "select 1 from " + strings.Repeat("t, ", n), "many tables": "select 1 from " + numbered("t%d, ", n), "calls": "select " + numbered("f%d(), ", n),
		"statements": strings.Repeat("select 1;", n), "with": strings.Repeat("with a as (", n), "recursive": strings.Repeat("with recursive a as (", n),
		"conditions": "delete from t where " + strings.Repeat("(", n/2) + "a" + strings.Repeat(")", n/2), "ors": "delete from t where " + strings.Repeat("a or ", n),
		"nested ors": "delete from t where " + strings.Repeat("(a or ", n), "executed": "select " + strings.Repeat("query_to_xml('select 1', ", n),
		"columns": "insert into t (" + numbered("c%d, ", n), "search": "with a as (select 1) " + strings.Repeat("search ", n), "updates": strings.Repeat("update t set a = (", n),
		"quoted texts": "select query_to_xml('" + strings.Repeat("select query_to_xml(''", n),
	}
}

func numbered(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

func TestOf_HeavyTexts_TakeBoundedTime(t *testing.T) {
	for name, sql := range heavy(30_000) {
		start := time.Now()
		o := outline.Of(taint.Lexer{Dialect: taint.PostgreSQL}, sql)
		if took := time.Since(start); took > 5*time.Second { // 100 ms on a machine with nothing else to do
			t.Errorf("%s took %v", name, took)
		}
		for _, st := range o.Statements {
			if len(st.Tables) > 256 || len(st.Functions) > 256 {
				t.Errorf("%s: %d tables, %d functions are kept", name, len(st.Tables), len(st.Functions))
			}
		}
	}
}

func FuzzOf(f *testing.F) {
	for _, sql := range heavy(3) {
		f.Add(sql, true)
	}
	for _, sql := range []string{
		`select U&"a\005f"('x') uescape '!' from t`, `merge into t using u on true when matched then update set (a, b) = (1, 2)`, `copy (delete from t) to program 'x'`,
		`set session authorization x`, `do $a$ copy t from program 'x' $a$`, `create temp view a as with b as (select 1) table b`, `insert into t (a[1], b.c) values (1) on conflict (a) do update set b = 1`,
	} {
		f.Add(sql, false)
	}
	f.Fuzz(func(t *testing.T, sql string, sqlite bool) {
		l := taint.Lexer{Dialect: taint.PostgreSQL}
		if sqlite {
			l.Dialect = taint.SQLite
		}
		o := outline.Of(l, sql)
		for _, st := range o.Statements {
			if st.Verb == outline.Unknown && st.Unsure == "" {
				t.Errorf("%q: nothing is said of %s", sql, showStatement(st))
			}
			for _, i := range st.Unfiltered {
				if i < 0 || i >= len(st.Tables) {
					t.Errorf("%q: no table %d", sql, i)
				}
			}
		}
		// Comments and line breaks between tokens change nothing.
		tokens, whole := l.Lex(sql, nil)
		var apart strings.Builder
		for _, token := range tokens {
			switch token.Class {
			case taint.Open, taint.Stray:
				return
			case taint.Line, taint.Block:
				continue
			}
			apart.WriteString("/**/\t" + sql[token.Start:token.End])
		}
		if again := outline.Of(l, apart.String()); whole && len(o.Statements) < 100 && show(again) != show(o) {
			t.Errorf("%q\n%s\nis with comments\n%s", sql, show(o), show(again))
		}
	})
}
