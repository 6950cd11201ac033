package wire

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gatehousehq/gatehouse/data/owners"
	"github.com/gatehousehq/gatehouse/data/sqlgate"
	"github.com/gatehousehq/gatehouse/taint"
)

const owned = `drop table if exists orders, members;
create table members (id int primary key, grp int);
insert into members values (1, 1), (2, 1), (3, 2);
create table orders (id int primary key, user_id int, code text, n int);
insert into orders select i, 1 + i % 3, 'c' || i % 4, i % 5 from generate_series(1, 12) i;
insert into orders values (13, null, 'it''s', 0);
grant all on orders, members to owner`

// rowsNow is each row with its place: whatever writes a row moves it.
const rowsNow = "select id, coalesce(user_id::text, '-'), ctid::text, code, n from orders order by id"

// A writing makes random statements, with its values as literals or bound.
type writing struct {
	*rand.Rand
	bound  bool
	values [][]byte
	label  string
}

func (w *writing) value(v any) string {
	text := fmt.Sprint(v)
	if w.bound && w.IntN(2) == 0 {
		w.values = append(w.values, []byte(text))
		return fmt.Sprintf("$%d", len(w.values))
	}
	if _, number := v.(int); number && w.IntN(3) > 0 {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}

func (w *writing) pick(of ...string) string { return of[w.IntN(len(of))] }

func (w *writing) condition(depth int) string {
	col := func(name string) string { return w.pick(name, w.label+"."+name) }
	if depth > 0 && w.IntN(3) == 0 {
		return "(" + w.condition(depth-1) + w.pick(" and ", " or ") + w.condition(depth-1) + ")"
	}
	switch w.IntN(9) {
	case 0, 1:
		return col(w.label+".id") + " = " + w.value(1+w.IntN(13))
	case 2:
		return w.label + ".id in (" + w.value(1+w.IntN(12)) + ", " + w.value(1+w.IntN(12)) + ")"
	case 3:
		return col("user_id") + " = " + w.value(1+w.IntN(2))
	case 4:
		return "not (" + col("n") + " > " + w.value(w.IntN(5)) + ")"
	case 5:
		return col("code") + w.pick(" = ", " like ") + w.value(w.pick("c1", "c%", "it's", `c\1`))
	case 6:
		return "exists (select 1 from members m where m.id = " + w.label + ".user_id and m.grp = " + w.value(1+w.IntN(2)) + ")"
	case 7:
		return "case when n is distinct from 3 then " + w.label + ".user_id = 1 else false end"
	default:
		return w.label + ".id between " + w.value(1+w.IntN(12)) + " and " + w.value(4+w.IntN(9))
	}
}

func (w *writing) table() string {
	name := w.pick("orders", "public.orders", `"orders"`, `public."orders"`, "ORDERS", "only orders", "only (public.orders)", "orders *")
	w.label = "orders"
	if w.IntN(2) == 0 {
		w.label = w.pick("o", `"O o"`)
		return name + w.pick(" as ", " ") + w.label
	}
	return name
}

// statement is an UPDATE, a DELETE or an INSERT.
func (w *writing) statement() string {
	w.values = nil
	with := ""
	if w.IntN(5) == 0 {
		with = "with w (grp) as (select 1 union select 2) "
	}
	end := w.pick("", "", ";", " returning id", " -- said", " returning *;")
	switch w.IntN(5) {
	case 0:
		return w.insert() + end
	case 1:
		table := w.table()
		using := w.pick("", "", " using members m")
		where := " where " + w.condition(2)
		if using != "" {
			where += " and m.id = " + w.label + ".user_id"
		}
		return with + "delete from " + table + using + strings.ReplaceAll(where, w.label+"."+w.label+".", w.label+".") + end
	}
	table := w.table()
	set := w.pick("n = n + 1", "code = "+w.value("z"), "n = 0, code = code || 'x'", "user_id = "+w.value(1+w.IntN(2)), "user_id = user_id", "(n, code) = (1, 'y')")
	from := w.pick("", "", " from members m")
	where := w.pick("", " where "+w.condition(2), " where "+w.condition(1), " /* x */ where "+w.condition(0))
	if from != "" && where != "" {
		where += " and m.id = " + w.label + ".user_id"
	}
	return with + "update " + table + " set " + set + from + strings.ReplaceAll(where, w.label+"."+w.label+".", w.label+".") + end
}

func (w *writing) insert() string {
	columns := "id, user_id, n"
	var rows []string
	for range 1 + w.IntN(2) {
		rows = append(rows, "("+w.value(8+w.IntN(12))+", "+w.value(w.pick("1", "1", "01", "2"))+", "+w.value(w.IntN(5))+")")
	}
	return "insert into " + w.pick("orders", "public.orders as o") + " (" + columns + ") values " + strings.Join(rows, ", ") +
		w.pick("", " on conflict do nothing", " on conflict (id) do update set n = 9", " on conflict (id) do update set n = excluded.n, user_id = excluded.user_id")
}

// effect runs a statement in a transaction that is undone, and gives the rows
// after it.
func effect(t *testing.T, c *pgconn.PgConn, sql string, values [][]byte, bound bool) (after table, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	placesOf(t, ctx, c, "begin")
	if bound {
		err = c.ExecParams(ctx, sql, values, nil, nil, nil).Read().Err
	} else {
		_, err = c.Exec(ctx, sql).ReadAll()
	}
	if err == nil {
		after = placesOf(t, ctx, c, rowsNow)
	}
	placesOf(t, ctx, c, "rollback")
	return after, err
}

// A table is its rows' owners, by their id and place, and all that is in them.
type table struct {
	owners map[string]string
	rows   string
}

func placesOf(t *testing.T, ctx context.Context, c *pgconn.PgConn, sql string) table {
	t.Helper()
	results, err := c.Exec(ctx, sql).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	found := table{owners: make(map[string]string)}
	for _, r := range results[0].Rows {
		found.owners[string(r[0])+" at "+string(r[2])] = string(r[1])
		found.rows += fmt.Sprintf("%s|%s|%s|%s\n", r[0], r[1], r[3], r[4])
	}
	return found
}

// others reports whether a change is one of others' rows: one that was there is
// moved or gone, or one that is new is not of owner 1.
func others(before, after map[string]string) bool {
	for place, owner := range before {
		if _, stays := after[place]; !stays && owner != "1" {
			return true
		}
	}
	for place, owner := range after {
		if _, was := before[place]; !was && owner != "1" {
			return true
		}
	}
	return false
}

// Random statements, each first at the bare server for its effect: what changes
// a row of others' is refused by what package owners puts before it, and what
// changes only one's own does the same as at the bare server.
func TestOwners_RandomStatements_ChangeOnesOwnRowsAlone(t *testing.T) {
	d := server(t)
	d.fresh(t, "wire")
	d.superuser(t, "wire", owned)
	to := d.gated(t, "wire")
	var unknown error
	to.judge.before = func(st sqlgate.Statement) []sqlgate.Own {
		if st.Prepared {
			return []sqlgate.Own{{SQL: "SELECT 1"}} // a run of it is asked for
		}
		own, err := owners.Before(taint.Lexer{Dialect: taint.PostgreSQL, Backslash: st.Backslash}, st.SQL, func(table string) (string, []string, bool) {
			return "user_id", []string{"ann@example.com", "1"}, strings.TrimPrefix(table, "public.") == "orders"
		})
		unknown = err
		return own
	}
	ctx := t.Context()
	bare, gated := dial(t, d.bare("wire")), dial(t, to)
	before := placesOf(t, ctx, bare, rowsNow)
	seed := uint64(time.Now().UnixNano())
	w := &writing{Rand: rand.New(rand.NewPCG(seed, 0))}
	count, seen := 750, map[string]int{}
	if long {
		count = 100_000
	}
	for range count {
		w.bound = w.IntN(2) == 0
		sql := w.statement()
		if after, err := effect(t, bare, sql, w.values, w.bound); err == nil {
			unknown = nil
			got, err := effect(t, gated, sql, w.values, w.bound)
			how := judgeEffect(sql, before, after, got, unknown, err)
			if seen[how]++; strings.HasPrefix(how, "wrong") {
				t.Fatalf("%s (seed %d): %s %q: %v %v\nbare %v\ngated %v", how, seed, sql, w.values, err, unknown, after, got)
			}
		} else {
			if got, err := effect(t, gated, sql, w.values, w.bound); err == nil {
				t.Fatalf("%s fails at the bare server, and not at the gate: %v", sql, got)
			}
			seen["fails by itself"]++
		}
	}
	t.Logf("of %d: %v", count, seen)
	if seen["own"] < count/20 || seen["refused"] < count/10 || seen["unknown"] > 0 || seen["attempted"] > count/20 {
		t.Errorf("of %d: %v: that shows little", count, seen)
	}
}

func judgeEffect(sql string, before, after, got table, unknown, err error) string {
	var pg *pgconn.PgError
	refused := errors.As(err, &pg) && pg.Code == "42501" && strings.Contains(pg.Message, request)
	switch theirs := others(before.owners, after.owners); {
	case unknown != nil:
		return "unknown"
	case theirs && refused:
		return "refused"
	case refused && strings.HasPrefix(sql, "insert"): // in another's name, where a conflict keeps it from being
		return "attempted"
	case theirs:
		return "wrong: rows of others' are changed"
	case err != nil:
		return "wrong: one's own are not"
	case got.rows != after.rows:
		return "wrong: the effect is another"
	}
	return "own"
}

func dial(t *testing.T, to target) *pgconn.PgConn {
	t.Helper()
	c, err := pgconn.Connect(t.Context(), to.dsn())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = c.Close(ctx) // the test has said what it wanted
	})
	return c
}
