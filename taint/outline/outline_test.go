package outline_test

import (
	"fmt"
	"strings"
	"testing"

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

func TestTry(t *testing.T) {
	for _, sql := range []string{
		`select a, b from t join u on t.id = u.id, only s.v as x where f(a) > 3 order by g(b) for update of t`,
		`with recursive a as (select 1 from b union all select 2 from a), c as (delete from d returning *) select * from a, c`,
		`insert into o (a, b) values (1, 2) on conflict (a) do update set b = excluded.b, c = 3 where o.a > 1 returning id`,
		`update o x set a = 1, (b, c) = (select 1, 2 from z) from w where x.id = w.id returning *`,
		`delete from o using p, q where true`,
		`merge into t as a using (select * from s) as b on a.id = b.id when matched then update set x = 1, y = 2 when not matched then insert (id, x) values (1, 2)`,
		`copy t (a, b) from stdin with (format csv)`, `copy (select * from t) to program 'cat'`, `copy t to '/tmp/x'`,
		`explain (analyze, buffers) select pg_catalog . "pg_read_file" /* x */ ('x')`,
		`prepare p (int) as select * from t where id = $1; execute p(1)`,
		`select extract(year from d), substring(a from 2), trim(both 'x' from b), a is distinct from b from t`,
		`select U&"pg\005fread_file"('x'), "Mixed"."Table".x from "Mixed"."Table"`,
		`set role admin`, `set local search_path to a, "B"`, `set session authorization 'x'`, `reset all`,
		`select set_config('role', 'x', false)`, `select query_to_xml('select * from secret', true, true, '')`,
		`create temp table a as select * from b`, `select * into temp x from y`, `table x`, `values (1), (2)`,
		`grant select on t to x`, `alter system set a = 1`, `do $$ begin perform pg_sleep(1); copy t from program 'x'; end $$ language plpgsql`,
		`truncate a, b.c cascade`, `select * from (a join b using (id)) x, lateral f(a) with ordinality as y(p, q), rows from (g(1), h(2)) z`,
		`create index on t (lower(a))`, `declare c cursor for select * from t`, `lock table t in share mode`,
	} {
		t.Logf("%s\n\t%s", sql, show(outline.Of(taint.Lexer{Dialect: taint.PostgreSQL}, sql)))
	}
}
