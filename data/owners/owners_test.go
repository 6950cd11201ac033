package owners

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse/taint"
)

func ask(table string) (string, []string, bool) {
	switch table {
	case "orders", "public.orders", "Orders":
		return "user_id", []string{"42", "ann@example.com"}, true
	}
	return "", nil, false
}

var postgres = taint.Lexer{Dialect: taint.PostgreSQL}

const (
	mine  = `::pg_catalog.text OPERATOR(pg_catalog.=) ANY (ARRAY['42','ann@example.com']::pg_catalog.text[])`
	check = `SELECT pg_catalog.count(c) FROM (SELECT CASE WHEN (orders."user_id")` + mine + ` THEN 1 ELSE pg_catalog.concat('gatehouse_denies', pg_catalog.left(orders."user_id"::pg_catalog.text, 0))::pg_catalog.int4 END AS c FROM `
)

func TestBefore_ReadsTheSameRows(t *testing.T) {
	as := func(label string) string { return strings.ReplaceAll(check, `orders."`, label+`."`) }
	for _, c := range []struct {
		sql    string
		own    string
		params []int
	}{
		{"update orders set a = $1 where id = $2", check + "orders where id = $1 FOR UPDATE OF orders) AS gatehouse", []int{1}},
		{"DELETE FROM orders WHERE id=$3 OR ref=$1 OR id=$3", check + "orders WHERE id=$1 OR ref=$2 OR id=$1 FOR UPDATE OF orders) AS gatehouse", []int{2, 0}},
		{"delete from orders", check + "orders FOR UPDATE OF orders) AS gatehouse", nil},
		{"update public.orders set a=1 where id=1 returning *;", check + "public.orders where id=1 FOR UPDATE OF orders) AS gatehouse", nil},
		{`UPDATE ONLY "orders" * AS o SET a = o.b || 'where' FROM people p JOIN x USING (id) WHERE p.id = o.person`, as("o") + `ONLY "orders" * AS o, people p JOIN x USING (id) WHERE p.id = o.person FOR UPDATE OF o) AS gatehouse`, nil},
		{"delete from only (orders) o using people as p where o.p = p.id", as("o") + "ONLY orders AS o, people as p where o.p = p.id FOR UPDATE OF o) AS gatehouse", nil},
		{"/* x */ update orders set a = a is distinct from b -- y\n where id /* z */ = 'it''s'", check + "orders where id = 'it''s' FOR UPDATE OF orders) AS gatehouse", nil},
		{`update orders set a = 1 where name = 'a\b'`, check + `orders where name = E'a\\b' FOR UPDATE OF orders) AS gatehouse`, nil},
		{"with w (a, b) as (select $2::int, 2) update orders set a = $1 where id in (select a from w)",
			strings.Replace(check, "(SELECT CASE", "(with w (a, b) as (select $1::int, 2) SELECT CASE", 1) + "orders where id in (select a from w) FOR UPDATE OF orders) AS gatehouse", []int{1}},
	} {
		got, err := Before(postgres, c.sql, ask)
		if err != nil || len(got) != 1 {
			t.Errorf("%s: got %v, %v", c.sql, got, err)
			continue
		}
		if got[0].SQL != c.own || !slices.Equal(got[0].Params, c.params) {
			t.Errorf("%s: got\n%s %v, want\n%s %v", c.sql, got[0].SQL, got[0].Params, c.own, c.params)
		}
	}
}

func TestBefore_OfWhatChangesNothingThatIsAskedFor_IsNothing(t *testing.T) {
	for _, sql := range []string{
		"", ";", "select * from orders where id = 1 for update", "update others set user_id = 7", "insert into others select * from orders", "begin; commit",
		"with orders_of as (select 1) select * from orders", "values (1)", "with d as (delete from others returning *) select * from orders, d", "set a = 'orders'",
		"copy orders to stdout", "lock table orders", "truncate others", "create table other (id int)", "select 'update orders set a = 1'", `update "ORDERS" set a = 1`,
		"delete from other.orders", "notify orders", "select 'unclosed", "explain select 1",
	} {
		if got, err := Before(postgres, sql, ask); err != nil || len(got) > 0 {
			t.Errorf("%s: got %v, %v", sql, got, err)
		}
	}
}

func TestBefore_OfWhatCannotBeSaid_IsUnknown(t *testing.T) {
	for _, sql := range []string{
		"update orders set a = 1 where current of c", "update orders set a = 1 where random() < 0.5", "delete from orders where id in (select id from orders limit 1)",
		"delete from orders where id = (select id from orders order by id for update skip locked)", "update orders set a = 1 where f(id)", "update orders set a = 1 where pg_sleep(1) is null",
		`update orders set a = 1 where "random"() < 0.5`, "update orders set a = 1 where public.lower(b) = 'x'",
		"with d as (delete from orders returning *) select * from d", "with d as (update only public.orders set a = 1 returning *) select * from d", "with d as (select 1), e as materialized (insert into orders (user_id) values (7) returning 1) select 1",
		"with x as (delete from orders returning *) update orders set a = 1 where user_id = 42", "update others set a = 1; update orders set a = 1", "begin; delete from orders; commit",
		"insert into orders values (1, 2)", "insert into orders (id) values (1)", "insert into orders default values", "insert into orders (user_id) select 7", "insert into orders (user_id) values (default)",
		"insert into orders (user_id, id) values (42, 1) on conflict on constraint x do update set a = 1", "insert into orders (user_id, id) values (42, 1) on conflict (lower(id)) do update set a = 1",
		"insert into orders (user_id, id) values (42, 1) on conflict (other) do update set a = 1", "insert into orders (user_id, id) values (42, 1) on conflict (id) do update set user_id = 7",
		"update orders set (a, user_id) = (1, 7)", "update orders set user_id = default", "update orders set user_id = 42, user_id = 7",
		"truncate orders", "truncate only others, public.orders", "copy orders from stdin", "merge into orders using x on true when matched then delete", "drop table orders", "alter table orders disable row level security",
		"execute p", "call p()", "do $$begin delete from orders; end$$", "prepare p as delete from orders", "explain analyze delete from orders", `update U&"orders" set a = 1`,
		"insert into orders (user_id) values (42), (7, 8)", "delete orders", "update orders", "create rule r as on update to orders do nothing",
		"delete from orders where id in (select id from (select id, random() as r from orders) q where r < 0.5)",
		"delete from orders where id in (select id from orders tablesample bernoulli (50))", "update orders set a = 1 from (select 1 as x offset 0) y",
	} {
		if got, err := Before(postgres, sql, ask); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: got %v, %v", sql, got, err)
		}
	}
}

func TestBefore_OfAnInsert_LooksAtTheOwner(t *testing.T) {
	for _, c := range []struct {
		sql    string
		owns   int
		has    string
		params []int
	}{
		{"insert into orders (id, user_id) values ($1, $2)", 1, `(COALESCE((SELECT gatehouse_t."user_id" FROM orders AS gatehouse_t WHERE false), ($1)))`, []int{1}},
		{`INSERT INTO public.orders AS o ("user_id") OVERRIDING SYSTEM VALUE VALUES ('42'), (7)  RETURNING id`, 1, "(7)" + mine, nil},
		{"insert into orders (id, user_id) values (1, 42) on conflict do nothing", 1, "(42)" + mine, nil},
		{"insert into orders (id, user_id) values ($1, $2) on conflict (id) do update set a = excluded.a, user_id = excluded.user_id where true returning 1", 2, "", []int{1}},
	} {
		got, err := Before(postgres, c.sql, ask)
		if err != nil || len(got) != c.owns || !slices.Equal(got[0].Params, c.params) {
			t.Errorf("%s: got %v, %v", c.sql, got, err)
			continue
		}
		if !strings.Contains(got[0].SQL, c.has) {
			t.Errorf("%s: got %s", c.sql, got[0].SQL)
		}
		if c.owns == 2 && (!strings.Contains(got[1].SQL, `gatehouse_t."id" = ($1)`) || !slices.Equal(got[1].Params, []int{0})) {
			t.Errorf("%s: got %v", c.sql, got[1])
		}
	}
}

// Names of principals are written so that they read alike in every encoding, and
// end no string.
func TestBefore_Owners_AreQuoted(t *testing.T) {
	for owner, want := range map[string]string{
		"it's": `'it''s'`, `a\'b`: `E'a\U0000005C''b'`, "é": `E'\U000000E9'`, "a\nb": `E'a\U0000000Ab'`, "\xff": ``, "a\x00b": ``,
	} {
		got, err := Before(postgres, "delete from t", func(string) (string, []string, bool) { return `o"c`, []string{owner}, true })
		if err != nil || !strings.Contains(got[0].SQL, "ARRAY["+want+"]") || !strings.Contains(got[0].SQL, `t."o""c"`) {
			t.Errorf("%q: got %v, %v", owner, got, err)
		}
	}
}

func FuzzBefore(f *testing.F) {
	for _, sql := range []string{
		"update orders set a = $1 where id = $2", "with a as (select 1) delete from only orders using x where true", "insert into orders (id, user_id) values (1, 2), (3, 4) on conflict (id) do update set a = 1",
		`delete from "orders" where id = E'\'' and b = $x$a$x$`, "update orders set a = case when b then (1) end returning *; ;",
	} {
		f.Add(sql)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		got, err := Before(postgres, sql, ask)
		if err != nil && !errors.Is(err, ErrUnknown) {
			t.Fatal(err)
		}
		for _, own := range got {
			tokens, _ := postgres.Lex(own.SQL, nil)
			for _, token := range tokens {
				switch token.Class {
				case taint.Open, taint.Stray, taint.Line, taint.Block:
					t.Fatalf("%q became %q", sql, own.SQL)
				}
				if own.SQL[token.Start:token.End] == ";" {
					t.Fatalf("%q became %q", sql, own.SQL)
				}
			}
		}
	})
}
