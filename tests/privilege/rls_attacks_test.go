package privilege_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/data/privilege"
	"github.com/gatehousehq/gatehouse/internal/testkit/postgres"
)

// rosebud is in what is ada's, and in nothing else.
const rosebud = "rosebud"

// noticing is a line that keeps what the server says beside its answers.
func (m *market) noticing(extended bool) (*line, *strings.Builder) {
	config, err := pgx.ParseConfig(m.server.DSN("market"))
	if err != nil {
		m.t.Fatal(err)
	}
	heard := new(strings.Builder)
	config.User = "market_app"
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		fmt.Fprintln(heard, n.Message, n.Detail, n.Hint)
	}
	c, err := pgx.ConnectConfig(m.t.Context(), config)
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { _ = c.Close(m.t.Context()) }) // the context is done by then: it ends the socket
	return &line{m, c.PgConn(), extended}, heard
}

// A step is a statement of an attack: of bob where nothing else is said, who may
// send whatever he likes behind what the gate sends for him.
type step struct {
	// by is "gate: nothing" for what the gate sends nothing before, "nobody" for
	// what it says that it is nobody's.
	by, sql string
}

const unsaid = "gate: nothing"

func bobs(all ...string) (steps []step) {
	for _, sql := range all {
		steps = append(steps, step{"", sql})
	}
	return steps
}

// rlsAttacks are statements by which bob tries to read, or change, what is ada's.
// VALUE and TOKEN are what the gate said, and the database made of it, for ada in
// an earlier transaction of the same connection: more than bob can well know.
// Texts of several statements are for the simple protocol.
var rlsAttacks = map[string][]step{
	"reads by number":               bobs(`select note from orders where id = 1`),
	"reads all":                     bobs(`select * from orders, order_lines, letters, cards, visits`, `select * from letters`, `select * from cards`, `select * from visits`, `select * from order_lines`),
	"reads the row itself":          bobs(`select orders, row_to_json(orders) from orders`, `select note from orders where ctid = '(0,1)'`, `select note from orders tablesample system (100)`),
	"reads by a view":               bobs(`select note from order_list`, `select note_of(1)`, `select note_of(id) from generate_series(1, 9) id`),
	"reads a partition":             bobs(`select page from visits_2030`, `select page from only visits_2030`),
	"reads by XML":                  bobs(`select query_to_xml('select note from orders', true, true, '')`, `select table_to_xml('orders', true, true, '')`, `select schema_to_xml('public', true, true, '')`),
	"copies":                        bobs(`copy orders to stdout`, `copy (select * from orders) to stdout`),
	"locks":                         bobs(`select note from orders for update`, `select note from orders where id = 1 for share`),
	"turns row security off":        bobs(`set row_security = off`, `select note from orders`, `reset row_security`),
	"turns it off by a call":        bobs(`select set_config('row_security', 'off', false)`, `table orders`, `set row_security = on`),
	"changes another's":             bobs(`update orders set note = 'mine' where id = 1`, `update orders set note = 'mine' where id = 1 returning *`, `update order_lines set item = 'mine'`, `delete from orders where id = 1`, `delete from order_lines where order_id = 1`),
	"gives away":                    bobs(`update orders set user_id = 7`, `insert into orders (user_id, total, note) values (7, 1, 'planted')`, `insert into order_lines values (1, 'planted')`),
	"takes over":                    bobs(`insert into orders (id, user_id, total) values (1, 8, 0) on conflict (id) do update set user_id = 8 returning note`, `merge into orders o using (values (1)) v (id) on o.id = v.id when matched then update set user_id = 8`),
	"empties":                       bobs(`truncate orders cascade`, `truncate orders, order_lines`, `truncate visits_2030`),
	"loads":                         bobs(`copy orders (id, user_id, total) from stdin`),
	"sets what was set":             bobs(`select set_config('gatehouse.principal', 'VALUE', true); select note from orders`, `set local gatehouse.principal = 'VALUE'; select note from orders`, `set gatehouse.principal = 'VALUE'; select note from orders`),
	"sets it for the session":       bobs(`select set_config('gatehouse.principal', 'VALUE', false)`, `select note from orders`, `reset gatehouse.principal`, `select note from orders`),
	"sets it, then nothing is said": {{"", `select set_config('gatehouse.principal', 'VALUE', false)`}, {unsaid, `select note from orders`}, {unsaid, `discard all`}, {unsaid, `select note from orders`}, {"nobody", `select note from orders`}},
	"sets it in the same statement": bobs(`with s as materialized (select set_config('gatehouse.principal', 'VALUE', true) as v) select o.note from s cross join lateral (select note from orders where s.v is not null) o`,
		`select set_config('gatehouse.principal', 'VALUE', true), (select string_agg(note, ' ') from orders)`),
	"sets it inside of XML":      bobs(`select query_to_xml('select set_config(''gatehouse.principal'', ''VALUE'', true)', true, true, ''), query_to_xml('select note from orders', true, true, '')`),
	"sets the principal's name":  bobs(`select set_config('gatehouse.principal', 'ada', true); select note from orders`, `select set_config('gatehouse.principal', '7', true), query_to_xml('select note from orders', true, true, '')`),
	"sets a claim of its own":    bobs(`select set_config('gatehouse.principal', encode(convert_to('{"names":{"users.id":"7"},"roles":["admin"]}', 'UTF8'), 'base64') || '.' || repeat('0', 64) || '.' || repeat('0', 64), true); select note from orders`),
	"splices claims":             bobs(`select set_config('gatehouse.principal', split_part('VALUE', '.', 1) || '.' || split_part(current_setting('gatehouse.principal'), '.', 2) || '.' || split_part(current_setting('gatehouse.principal'), '.', 3), true); select note from orders`),
	"splices the token":          bobs(`select set_config('gatehouse.principal', 'TOKEN.' || split_part(current_setting('gatehouse.principal'), '.', 3), true); select note from orders`),
	"has it in the role":         bobs(`alter role current_user set gatehouse.principal = 'VALUE'`, `alter role market_app set row_security = off`, `alter role market_app reset all`),
	"enters behind":              bobs(`select gatehouse.enter('TOKEN'); select note from orders`, `SELECT gatehouse.enter('TOKEN'); select note from orders`, `select gatehouse.enter('TOKEN'), (select string_agg(note, ' ') from orders)`),
	"enters inside of XML":       bobs(`select query_to_xml('SELECT gatehouse.enter(''TOKEN'')', true, true, ''), query_to_xml('select note from orders', true, true, '')`),
	"enters by its own code":     bobs(`do $$ begin execute 'SELECT gatehouse.enter(''TOKEN'')'; end $$; select note from orders`, `prepare e as SELECT gatehouse.enter('TOKEN')`, `execute e`, `select note from orders`, `deallocate e`),
	"enters where nothing is":    {{unsaid, ` SELECT gatehouse.enter('TOKEN'); select note from orders`}, {unsaid, `select gatehouse.enter('TOKEN'); select note from orders`}, {unsaid, `/**/SELECT gatehouse.enter('TOKEN'); select note from orders`}, {unsaid, `SELECT "gatehouse".enter('TOKEN'); select note from orders`}, {unsaid, `SELECT  gatehouse.enter('TOKEN'); select note from orders`}},
	"enters by a cursor":         {{unsaid, `begin`}, {"", `declare c cursor for SELECT gatehouse.enter('TOKEN')`}, {"", `fetch c`}, {"", `select note from orders`}, {unsaid, `rollback`}},
	"enters by a cursor, unsaid": {{unsaid, `begin`}, {unsaid, `declare c cursor for SELECT gatehouse.enter('TOKEN')`}, {unsaid, `fetch c`}, {unsaid, `rollback`}},
	"sets it in a savepoint":     {{unsaid, `begin`}, {unsaid, `savepoint a`}, {"", `select set_config('gatehouse.principal', 'VALUE', true)`}, {unsaid, `release a`}, {"", `select note from orders`}, {unsaid, `rollback`}},
	"takes another role":         bobs(`set role gatehouse_keeper`, `set role shop_owner`, `set role janitor`, `set role none`, `set session authorization janitor`, `select set_config('role', 'janitor', false)`, `select note from orders`, `grant janitor to market_app`),
	"reads the key":              bobs(`select * from gatehouse.key`, `copy gatehouse.key to stdout`, `select query_to_xml('select * from gatehouse.key', true, true, '')`, `select gatehouse.new_key()`, `select gatehouse.claims()`, `select * from pg_stats where schemaname = 'gatehouse'`, `delete from gatehouse.key`, `insert into gatehouse.key values (sha256(''), '', '')`),
	"changes who verifies":       bobs(`create or replace function gatehouse.principal(name text) returns text language sql as 'select ''7'''`, `drop function gatehouse.claims() cascade`, `alter table orders disable row level security`, `drop policy gatehouse_select on orders`, `alter table orders no force row level security`, `create policy mine on orders using (true)`, `alter function gatehouse.principal(text) security invoker`, `create function gatehouse.mine() returns int language sql as 'select 1'`),
	"shadows functions": bobs(`create function pg_temp.sha256(bytea) returns bytea language sql as 'select ''''::bytea'`, `create function pg_temp.current_query() returns text language sql as 'select ''SELECT gatehouse.enter(''''TOKEN'''')'''`,
		`create function pg_temp.pg_backend_pid() returns int language sql as 'select 1'`, `create function pg_temp.principal(text) returns text language sql as 'select ''7'''`, `set search_path = pg_temp, pg_catalog, public`,
		`select gatehouse.enter('TOKEN'); select note from orders`, `select set_config('gatehouse.principal', 'VALUE', true); select note from orders`, `select note from public.orders`, `reset search_path`),
	"shadows operators": bobs(`create function pg_temp.yes(bytea, bytea) returns bool language sql as 'select true'`, `create operator pg_temp.= (leftarg = bytea, rightarg = bytea, function = pg_temp.yes)`, `create function pg_temp.yes(bigint, bigint) returns bool language sql as 'select true'`,
		`create operator pg_temp.= (leftarg = bigint, rightarg = bigint, function = pg_temp.yes)`, `set search_path = pg_temp, pg_catalog, public`, `select set_config('gatehouse.principal', 'VALUE', true); select note from orders`, `select note from orders`, `reset search_path`),
	"shadows tables": bobs(`create temporary table key (secret bytea, inner_pad bytea, outer_pad bytea)`, `create temporary table orders (id bigint)`, `insert into order_lines values (1, 'planted')`, `select * from public.orders`, `drop table pg_temp.orders`, `drop table pg_temp.key`),
	"has rows told":  bobs(`create or replace function pg_temp.tell(text) returns bool language plpgsql cost 0.0000001 as 'begin raise notice ''%'', $1; return true; end'`, `select id from orders where pg_temp.tell(note)`, `update orders set total = total where pg_temp.tell(note)`, `delete from orders where pg_temp.tell(note) and false`, `select * from order_list where pg_temp.tell(note)`, `select * from order_lines where pg_temp.tell(item)`),
	"has rows told by an operator": bobs(`create or replace function pg_temp.told(text, text) returns bool language plpgsql cost 0.0000001 as 'begin raise notice ''%'', $1; return true; end'`, `create operator pg_temp.=== (leftarg = text, rightarg = text, function = pg_temp.told)`,
		`select id from orders where note operator(pg_temp.===) 'x'`, `select id from orders order by (note operator(pg_temp.===) 'x')`),
	"claims to be leakproof":         bobs(`create function pg_temp.quiet(text) returns bool language plpgsql leakproof cost 0.0000001 as 'begin raise notice ''%'', $1; return true; end'`),
	"has errors tell":                bobs(`select id from orders where note::int = 1`, `select id from orders where id = 1 and note::int = 1`, `select id from orders where 1 / (case when note like 'rosebud%' then 0 else 1 end) = 1`, `select id from letters where body::xml is document`, `select id from cards where number::json is not null`, `select * from order_lines where item::uuid is not null`),
	"has keys tell":                  bobs(`insert into orders (id, user_id, total, note) values (1, 8, 0, 'x')`, `insert into orders (id, user_id, total) values (1, 8, 0) on conflict do nothing returning note`, `update orders set id = 1`),
	"has estimates tell":             bobs(`explain (analyze, verbose, timing off) select * from orders where note like 'r%'`, `explain select * from orders where user_id = 7`, `select most_common_vals, histogram_bounds from pg_stats where tablename in ('orders', 'order_lines', 'letters', 'cards', 'visits_2030')`, `select * from pg_statistic`),
	"keeps statements":               {{"ada", `prepare kept as select note from orders`}, {"ada", `insert into jotted select 'x'`}, {"", `execute kept`}, {"", `set plan_cache_mode = force_generic_plan`}, {"", `execute kept`}, {unsaid, `execute kept`}, {"", `deallocate kept`}, {"", `reset plan_cache_mode`}},
	"works in parallel":              bobs(`set parallel_setup_cost = 0; set parallel_tuple_cost = 0; set min_parallel_table_scan_size = 0; set force_parallel_mode = on`, `select note from orders`, `select count(*) from orders having count(*) > 1`, `reset all`),
	"makes it another's transaction": {{unsaid, `begin`}, {"ada", `select 1`}, {unsaid, `savepoint s`}, {"", `select note from orders`}, {unsaid, `rollback to s`}, {"", `select note from orders`}, {unsaid, `commit`}},
	"goes back to another's":         {{unsaid, `begin`}, {"ada", `select 1`}, {unsaid, `savepoint s`}, {"", `rollback to s; select note from orders`}, {unsaid, `rollback`}},
	"prepares a transaction":         {{unsaid, `begin`}, {"ada", `select 1`}, {unsaid, `prepare transaction 'p'`}, {"", `select note from orders`}, {unsaid, `rollback prepared 'p'`}},
	"commits in between":             bobs(`commit; select note from orders`, `rollback; select set_config('gatehouse.principal', 'VALUE', true); select note from orders`),
	"calls itself the owner":         bobs(`create view pg_temp.v as select note from orders`, `select * from pg_temp.v`, `create temporary table heir () inherits (orders)`, `create temporary table referrer (id bigint references orders)`),
}

func tryAttacks(t *testing.T, s *postgres.Server) {
	m := openMarket(t, s, nil)
	m.do("analyze")
	before := m.adas()
	m.both(func(t *testing.T, l *line) {
		noticing, heard := m.noticing(l.extended)
		for name, steps := range rlsAttacks {
			t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
				l.m.t = t
				noticing.attack(heard, steps)
				if now := m.adas(); now != before {
					t.Fatalf("it changed\n%s\nto\n%s", before, now)
				}
			})
		}
		l.m.t = t
		l.want(ada, `select note from orders order by id`, "rosebud of ada\nrosebud again\n")
	})
}

// attack does the steps, and leaves the session as it was.
func (l *line) attack(heard *strings.Builder, steps []step) {
	t := l.m.t
	defer func() {
		_, _ = l.bare("rollback") // where none is open, it says so
		if _, err := l.bare("discard all"); err != nil {
			t.Fatal(err)
		}
		heard.Reset()
	}()
	token := l.m.signer.Principal(ada)
	value, err := l.after(token, `select current_setting('gatehouse.principal')`)
	if err != nil || strings.Count(value, ".") != 2 {
		t.Fatalf("the value is %q (%v)", value, err)
	}
	token = strings.TrimSuffix(strings.TrimPrefix(token, "SELECT gatehouse.enter('"), "')")
	known := strings.NewReplacer("VALUE", strings.TrimSpace(value), "TOKEN", token)
	for _, st := range steps {
		if l.extended && (strings.Contains(st.sql, ";") && !strings.Contains(st.sql, "begin ") || strings.HasPrefix(st.sql, "copy ")) {
			continue // one message is one statement
		}
		own := l.m.signer.Principal(bob)
		switch st.by {
		case unsaid:
			own = ""
		case "nobody":
			own = l.m.signer.Principal(nobody)
		case "ada":
			own = l.m.signer.Principal(ada)
		}
		got, err := l.after(own, known.Replace(st.sql))
		if st.by == "ada" {
			continue
		}
		if told := fmt.Sprint(got, heard, err, details(err)); strings.Contains(told, rosebud) || strings.Contains(told, "4111") {
			t.Errorf("%s\ngot %s", st.sql, told)
		}
	}
}

// details are what an error says beside its message.
func details(err error) string {
	var b strings.Builder
	for _, e := range unjoin(err) {
		if pg, ok := e.(*pgconn.PgError); ok {
			fmt.Fprintln(&b, pg.Detail, pg.Hint, pg.Where, pg.InternalQuery)
		}
	}
	return b.String()
}

func unjoin(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, e := range joined.Unwrap() {
			all = append(all, unjoin(e)...)
		}
		return all
	}
	return []error{err}
}

// tryTokens: what is not what the gate signed, for now, is refused.
func tryTokens(t *testing.T, s *postgres.Server) {
	m := openMarket(t, s, nil)
	m.both(func(t *testing.T, l *line) {
		good := m.signer.Principal(ada)
		claims, mac, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(good, "SELECT gatehouse.enter('"), "')"), ".")
		other := base64.StdEncoding.EncodeToString([]byte(`{"at":99999999999,"names":{"users.id":"7"},"roles":[]}`))
		at := func(ago time.Duration) func() time.Time { return func() time.Time { return time.Now().Add(-ago) } }
		for name, own := range map[string]string{
			"another key's":    m.newSigner(strings.Repeat("ab", 32), time.Now).Principal(ada),
			"of the past":      m.newSigner(m.key(), at(16*time.Minute)).Principal(ada),
			"of the future":    m.newSigner(m.key(), at(-16*time.Minute)).Principal(ada),
			"other claims":     "SELECT gatehouse.enter('" + other + "." + mac + "')",
			"no mac":           "SELECT gatehouse.enter('" + claims + "')",
			"half of it":       "SELECT gatehouse.enter('" + claims + "." + mac[:32] + "')",
			"in capitals":      "SELECT gatehouse.enter('" + claims + "." + strings.ToUpper(mac) + "')",
			"not at the front": "SELECT 1, gatehouse.enter('" + claims + "." + mac + "')",
			"in lower case":    "select gatehouse.enter('" + claims + "." + mac + "')",
			"in a call's call": "SELECT gatehouse.enter(lower(upper('" + claims + "." + mac + "')))",
			"endless":          "SELECT gatehouse.enter('" + strings.Repeat("A", 100_000) + "." + mac + "')",
			"empty":            "SELECT gatehouse.enter('')",
		} {
			if got, err := l.after(own, `select note from orders`); err == nil || sqlState(err) != "42501" || strings.Contains(got, rosebud) {
				t.Errorf("%s: %q %v", name, got, err)
			} else if strings.Contains(err.Error(), mac) || strings.Contains(details(err), claims) {
				t.Errorf("%s: the error tells the token: %v", name, err)
			}
		}
		// A null principal is none, not somebody.
		if got, err := l.after("SELECT gatehouse.enter(NULL)", `select note from orders`); err != nil || got != "" {
			t.Errorf("NULL: %q %v", got, err)
		}
		if got, err := l.after(m.newSigner(m.key(), at(14*time.Minute)).Principal(bob), `select note from orders`); err != nil || got != "bobs own\n" {
			t.Errorf("fourteen minutes late: %q %v", got, err)
		}
	})
}

func sqlState(err error) string {
	for _, e := range unjoin(err) {
		if pg, ok := e.(*pgconn.PgError); ok {
			return pg.Code
		}
	}
	return ""
}

// tryRotation: a new key works beside the old one until that is taken away.
func tryRotation(t *testing.T, s *postgres.Server) {
	m := openMarket(t, s, nil)
	l := m.line(false)
	old := m.signer
	m.do("select gatehouse.new_key()")
	m.signer = m.newSigner(m.key(), time.Now)
	l.want(bob, `select note from orders`, "bobs own\n")
	if got, err := l.after(old.Principal(bob), `select note from orders`); err != nil || got != "bobs own\n" {
		t.Errorf("the old key: %q %v", got, err)
	}
	m.do("delete from gatehouse.key where made < (select max(made) from gatehouse.key)")
	if got, err := l.after(old.Principal(bob), `select note from orders`); err == nil || got != "" {
		t.Errorf("the key that was taken away: %q %v", got, err)
	}
	l.want(bob, `select note from orders`, "bobs own\n")
}

// tryNames: who is called what somebody else's number is, is not that one.
func tryNames(t *testing.T, s *postgres.Server) {
	m := openMarket(t, s, func(r *privilege.RLS) {
		r.Owners = owners(t, "orders.user_id=users.id", "letters.reader=principal@backend", "cards.holder=cards.holder")
	})
	alias := func(value string) gatehouse.Principal {
		return gatehouse.Principal{ID: "mallory", Issuer: "backend", Aliases: []gatehouse.Alias{{Name: "users.id", Value: value}}}
	}
	card := func(value string) gatehouse.Principal {
		return gatehouse.Principal{ID: "mallory", Issuer: "backend", Aliases: []gatehouse.Alias{{Name: "cards.holder", Value: value}}}
	}
	const ofAda = "select (select count(*) from orders), (select count(*) from letters), (select count(*) from cards)"
	m.both(func(t *testing.T, l *line) {
		l.want(ada, ofAda, "2|1|1\n")
		for _, p := range []gatehouse.Principal{
			{ID: "7", Issuer: "backend"}, {ID: "ada", Issuer: "https://elsewhere.example"}, {ID: "ADA", Issuer: "backend"}, {ID: "ada ", Issuer: "backend"},
			{ID: "ada\x00", Issuer: "backend"}, {ID: "ada\xff", Issuer: "backend"}, {ID: "ada" + strings.Repeat("x", 9000), Issuer: "backend"},
			{ID: "mallory", Issuer: "backend", Aliases: []gatehouse.Alias{{Name: "principal", Value: "ada"}, {Name: "principal@backend", Value: "ada"}}},
			alias("007"), alias("7.0"), alias("7e0"), alias(" 7"), alias("+7"), alias("7 or true"), alias("99999999999999999999"), alias("18446744073709551623"), alias(""), alias("NULL"),
			card("0B6E7A52"), card("0b6e7a5291c34f5d8a1e77c2d90f4b36"), card("{0b6e7a52-91c3-4f5d-8a1e-77c2d90f4b36}"),
		} {
			l.want(p, ofAda, "0|0|0\n")
		}
		// A longer name is not cut to the column's eight letters, or to somebody.
		l.want(gatehouse.Principal{ID: "ada     x", Issuer: "backend"}, ofAda, "0|0|0\n")
	})
}

// tryUnsafe: what would pass by the policies is told before anything is changed.
func tryUnsafe(t *testing.T, s *postgres.Server) {
	m := openMarket(t, s, nil)
	for name, c := range map[string]struct{ sql, undo, want string }{
		"a view of the superuser's": {`create view peek as select * from orders; grant select on peek to public`, `drop view peek`, "the view public.peek"},
		"a view of such a view":     {`create view peek as select * from orders; create view second as select * from peek; grant select on second to public`, `drop view second, peek`, "the view public.second"},
		"a materialized view":       {`create materialized view peek as select * from orders; grant select on peek to public`, `drop materialized view peek`, "the view public.peek"},
		"a policy beside":           {`create policy all_of_it on orders using (true)`, `drop policy all_of_it on orders`, "the policy all_of_it"},
		"a schema of another's":     {`alter schema gatehouse owner to reports`, `alter schema gatehouse owner to gatehouse_keeper`, "belongs to reports"},
		"no such column":            {`alter table cards rename holder to owner`, `alter table cards rename owner to holder`, "no column holder"},
		"a keeper that signs in":    {`alter role gatehouse_keeper login`, `alter role gatehouse_keeper nologin`, "may do more than keep a key"},
		"a column of bytes":         {`alter table cards rename holder to was; alter table cards add holder bytea`, `alter table cards drop holder; alter table cards rename was to holder`, "of the type bytea"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			m.t = t
			m.do(c.sql)
			if err := run(t, m.super, m.sql); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
			m.do("rollback")
			m.do(c.undo)
			if err := run(t, m.super, m.sql); err != nil {
				t.Errorf("once that is gone: %v", err)
			}
		})
	}
}
