package outline_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	pgquery "github.com/wasilibs/go-pgquery"
)

// constructs are statements by hand: every construct that the outline reads,
// and what looks like one and is none.
var constructs = []string{
	`select a, b from t join u on t.id = u.id, only s.v as x where f(a) > 3 order by g(b) for update of t`,
	`select distinct on (a) b from t`, `select a is not distinct from b from t`, `select all a from t*`,
	`select * from a natural join b cross join c left join d using (x, y) right outer join e on true full join f on (f.a = 1), g`,
	`select * from (a join b on true) as x, ((c cross join d)), (select 1 from e) f (g, h)`,
	`select * from f(1, 2) with ordinality as x (a, b), lateral g(x.a) y, rows from (h(1), i(2) as (a int, b text)) as z`,
	`select * from f(1) as x (a int, b text), only (t), t2 tablesample bernoulli (10) repeatable (1)`,
	`select * from xmltable('/a' passing b columns c int path 'd') x, t`, `select * from json_to_recordset('[]') as x(a int)`,
	`select "a"."B"."c" from "a"."B"`, `select from t`, `select t.* from t`, `select (t).a, (f(t)).b.c, ((t)).select from t`,
	`select a as from_, b as "select", c as table from t`, `select 1 as insert, 2 as update, 3 as delete from t`,
	`select extract(year from a), trim(both 'x' from b), substring(c from 1 for 2), overlay(d placing e from 1 for 2), position('a' in f) from t`,
	`select substring(a, 1), left(a, 2), right(b, 1), replace(c, 'a', 'b'), coalesce(d, f(e)), nullif(a, g(b)), greatest(1, h(2)) from t`,
	`select cast(a as numeric(10, 2)), b::varchar(5), interval '1' day, timestamp with time zone '2020-01-01', date '2020-01-01' from t`,
	`select case when a then f(b) when c then (select d from e) else g(h) end from t`, `select a[1:2], array[1, 2, f(3)], array(select b from u) from t`,
	`select count(*) filter (where a > 1) over (partition by b order by c rows between unbounded preceding and current row) from t window w as (order by d)`,
	`select percentile_cont(0.5) within group (order by a) from t group by grouping sets ((a), (b, c), rollup (d), cube (e)) having sum(f) > 1`,
	`select a from t union all select b from u except (select c from v intersect table w) order by 1 offset 2 fetch first 3 rows only`,
	`select a from t order by b using > nulls last limit all for no key update nowait`, `select a from t for share of t skip locked`,
	`select exists (select 1 from u), a in (select b from v), a = any (select c from w), a > all (array[1]), row(1, 2) = (3, 4) from t`,
	`select a between symmetric 1 and 2, b like 'x' escape '!', c similar to 'y', d ~ 'z', e at time zone 'utc', f collate "C" from t`,
	`select current_user, current_date, localtime(3), current_schema, session_user, user from t`, `select a isnull, b notnull, not c from t`,
	`select grouping(a), xmlelement(name b, xmlattributes(c as d), e), xmlforest(f as g) from t`,
	`with a as (select 1 from b), c (d, e) as materialized (select * from a, f) select * from c, a, x.a`,
	`with recursive a (n) as (values (1) union all select n + 1 from a, t where n < 5) cycle n set is_cycle using path select * from a`,
	`with recursive a as (select 1 from c), c as (select 2 from d) search depth first by x, y set z select * from a, c`,
	`with a as (insert into t (b) values (1) returning *), c as (update u set d = 1 returning d), e as (delete from v using w where v.a = w.a returning 1) select * from a, c, e`,
	`with a as (with b as (select 1 from t) select * from b) select * from a, b`, `with x as (select 1) insert into x select * from x`,
	`with x as (select 1 from y) update x set a = 1 from x as z where x.a = z.a`, `with x as (select 1 from y) delete from x using x as z where true`,
	`insert into t values (1, default), (f(2), (select a from u))`, `insert into t default values returning *`, `insert into s.t as x (a, b[1], c.d) select e, f, g from u`,
	`insert into t (select a from u)`, `insert into t ((select a from u) union select 1)`, `insert into t (values (1))`, `insert into t table u`, `insert into t (a) overriding system value values (1)`,
	`insert into t (a) with x as (select 1 from u) select * from x`, `insert into t (a) (with x as (select 1 from u) select * from x)`,
	`insert into t (a, b) values (1, 2) on conflict (lower(a), b) where c > 1 do update set (a, b) = (excluded.a, f(2)), d = default where t.e > (select max(g) from u) returning a, f(b)`,
	`insert into t select a from u, v on conflict on constraint x do nothing`, `insert into t select a from u join v on u.x = v.x on conflict do nothing`,
	`update only t as x set a = 1, b = b + 1, (c, d) = (select e, f from u), g[1] = 2, h.i = default from v, w where x.a = v.a returning x.*`,
	`update t x set a = (select 1 from t) where current of c`, `update t set a = 1`, `update s."T" * set "A" = f(1) where true`, `update t set a = 1 where b is distinct from c`,
	`delete from only t as x using u join v on true, lateral f(u.a) w where x.a = u.a`, `delete from t`, `delete from t where 1 = 1`, `delete from t where a = 1 returning *`,
	`delete from t where ('a' = 'a')`, `delete from t where not false`, `delete from t where a in (1, 2) and true`, `delete from t where exists (select 1 from u where u.a = t.a)`,
	`copy t from stdin`, `copy s.t (a, b) to stdout with (format csv, header)`, `copy (select a from t, u) to stdout`, `copy (delete from t where a = 1 returning *) to '/x'`,
	`copy t from program 'x' where f(a)`, `copy binary t to '/x'`, `copy t from stdin delimiter ',' null 'x'`, `copy (with a as (select 1 from b) select * from a) to stdout`,
	`truncate t`, `truncate table only a, b.c * restart identity cascade`, `lock table a, only b in share mode`, `lock a`,
	`explain select * from t`, `explain analyze verbose update t set a = 1 where b = 1`, `explain (analyze, format json) delete from t where a = 1`, `explain (select 1 from t)`, `explain (verbose) (select 1 from t)`,
	`prepare p as select a from t`, `prepare p (int, text[], numeric(1, 2)) as insert into t values ($1, f($2))`, `execute p (1, (select f(2)))`, `deallocate p`,
	`declare c cursor for select a from t`, `declare "for" binary insensitive no scroll cursor with hold for with x as (select 1 from y) table x`, `fetch 5 from c`, `close c`, `move c`,
	`set a = 1`, `set local a.b to 'c', d`, `set role x`, `reset a`, `show all`, `begin`, `start transaction isolation level serializable`, `commit and chain`, `rollback to a`, `savepoint a`, `release a`,
	`prepare transaction 'x'`, `commit prepared 'x'`, `set transaction read only`, `set session characteristics as transaction read write`, `set constraints all deferred`,
	`listen a`, `notify a, 'b'`, `unlisten *`, `discard all`, `vacuum full t`, `analyze t (a)`, `checkpoint`, `do $$x$$`, `call p(f(1), (select 1 from t))`, `load 'x'`, `alter system set a = 1`,
	`select * into x from t`, `select 1 into temp table x from t, u`, `select f(1) into unlogged x`,
	`merge into only t as x using (select a from u) y on x.a = y.a when matched and y.b > f(1) then update set c = case when 1 = 1 then 2 end, d = 3 when matched then delete when not matched then insert (e, f) values (g(1), default)`,
	`merge into t using u on t.a = u.a when matched then do nothing when not matched by source then delete`, `with x as (select 1 from y) merge into t using x on true when matched then delete`,
	`table t`, `table only s.t`, `(table t)`, `values (1), (f(2))`, `((select 1 from t))`, `(select a from t) union (values (1)) order by 1`, `select 1; ; select 2 from t;`,
	`select "Select"(1), "x".from_(2), pg_catalog.count(*), s.f(variadic array[1]), f(all a), f(distinct b order by c), f(a => 1, b := g(2)) from t`,
	`select E'a\'b' || U&'d\0061t' || $x$ from u $x$ || 'it''s' 
	 'more' from t`, `select /* from u /* nested */ */ 1 from -- from v
	 t`, `select a from "t""q", U&"d\0061t\+000061", U&"x!0061" uescape '!' where b`, `select a -> 'b' ->> 'c', a #> '{d}', b ? 'e', c @> d from t`, `select a.b.c.d from a.b.c`,
}

func TestOutline_EveryConstruct_AgreesWithPostgreSQLsParser(t *testing.T) {
	for _, sql := range constructs {
		if _, err := pgquery.ParseToJSON(sql); err != nil {
			t.Errorf("%s\nis no statement: %v", sql, err)
			continue
		}
		differs(t, sql)
	}
}

// TestOutline_StatementsInStatements_AgreesWithPostgreSQLsParser puts constructs
// into each other at random.
func TestOutline_StatementsInStatements_AgreesWithPostgreSQLsParser(t *testing.T) {
	frames := []string{
		`with w1 as (%s) select * from w1, (%s) q`, `select (%s), (%s) from t9`, `insert into t8 (%s) on conflict do nothing; %s`, `explain analyze %s; %s`,
		`select * from a1 where b1 in (%s) union all (%s)`, `prepare p as %s; delete from a2 where exists (%s)`, `copy (%s) to stdout; declare c cursor for %s`,
		`create temp table t7 as %s; update t6 set a = (%s) where b = 1`, `with recursive w2 as (%s), w3 as (select * from w2, w3) select array(%s) from w3`,
	}
	random := rand.New(rand.NewPCG(1, 2))
	var queries []string
	for _, sql := range constructs {
		if strings.HasPrefix(sql, "select") || strings.HasPrefix(sql, "(") || strings.HasPrefix(sql, "with") || strings.HasPrefix(sql, "values") {
			if !strings.Contains(sql, " into ") && !strings.Contains(sql, ";") {
				queries = append(queries, sql)
			}
		}
	}
	compared := 0
	for range 250 {
		pick := func() string { return queries[random.IntN(len(queries))] }
		sql := fmt.Sprintf(frames[random.IntN(len(frames))], pick(), pick())
		if random.IntN(2) == 0 {
			sql = fmt.Sprintf(`with w4 as (%s) select * from w4`, strings.Split(sql, ";")[0])
		}
		if _, err := pgquery.ParseToJSON(sql); err != nil {
			continue
		}
		compared++
		if differs(t, sql) {
			return
		}
	}
	if compared < 100 {
		t.Errorf("only %d statements are such as the server accepts", compared)
	}
}
