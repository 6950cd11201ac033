package wire

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// one plays simple queries in a session of their own.
func one(statements ...string) func(*dialog) {
	return func(d *dialog) {
		if s := d.open(); s != nil {
			s.query(statements...)
			s.send(&pgproto3.Terminate{})
			s.await("", 1)
		}
	}
}

var simple = []scenario{
	{"rows, none, and no columns", one("select 1 as one, 'two' as two, null", "select * from people where false", "select", "select from people limit 3")},
	{"empty queries", one("", " ", ";", ";;", "-- a comment", "/* another */", "select 1; -- after")},
	{"several statements in one", one("select 1; select 2; select 'three'", "create temp table t (i int); insert into t select generate_series(1, 5); update t set i = i + 1; delete from t where i > 4; select * from t order by i; drop table t")},
	{"an error in the middle undoes all of it", one("create temp table t (i int)", "insert into t values (1); select 1/0; insert into t values (2)", "select count(*) from t", "insert into t values (3); commit; select 1/0", "select count(*) from t")},
	{"errors of every kind", one("select", "selec 1", "select * from nowhere", "select nothing", "select 1/0", "select 'x'::int", "select broken()", "insert into people (id, name) values (1, 'twice')", "select $1", "select 'unclosed", "drop table people", "select pg_sleep(-1) from", "set nonsense = 1", "select pg_read_file('/etc/passwd')", "copy people to '/tmp/x'")},
	{"transactions", one("begin", "select 1", "commit", "begin; select 1", "select 1/0", "select 1", "commit", "begin", "selec", "rollback", "rollback", "commit", "begin", "begin", "end",
		"begin isolation level serializable read only", "insert into people (id, name) values (1000, 'x')", "abort")},
	{"savepoints", one("begin", "create temp table t (i int)", "savepoint a", "insert into t values (1)", "selec", "rollback to a", "insert into t values (2)", "release a", "select * from t", "rollback")},
	{"notices and their fields", one("select noisy('a')", "do $$begin raise notice 'one'; raise info 'two'; raise log 'three'; raise debug 'four'; end$$", "set client_min_messages = debug1", "do $$begin raise debug 'four'; end$$", "drop table if exists nowhere", "set client_min_messages = error", "select noisy('b')")},
	{"settings that are reported", one("set application_name = 'it'", "set DateStyle = 'German, DMY'", "select date '2024-02-03'", "set TimeZone = 'Asia/Tokyo'", "set IntervalStyle = iso_8601", "select interval '1 day 2 hours'", "set standard_conforming_strings = off",
		`select 'a\'b', 'a\\b'`, "reset all", "begin; set local TimeZone = 'UTC'; select 1", "rollback", "set session characteristics as transaction read only", "show transaction_read_only", "set role plain", "select current_user", "reset role")},
	{"cursors", one("begin", "declare c scroll cursor for select id from people order by id", "fetch 3 from c", "fetch backward 1 from c", "move 10 in c", "fetch all in c", "fetch 1 from c", "close c", "fetch 1 from c", "rollback",
		"declare c cursor with hold for select 1", "declare c cursor with hold for select 1", "begin; declare c cursor with hold for select generate_series(1,4); commit", "fetch 2 from c", "close all")},
	{"prepared by SQL", one("prepare p (int, text) as select $1 + 1, $2 || '!'", "execute p(1, 'a')", "execute p(2)", "select name, statement, from_sql from pg_prepared_statements", "deallocate p", "execute p(1, 'a')", "prepare q as select 1", "deallocate all", "execute q", "discard all")},
	{"listen and notify oneself", one("listen c", "notify c, 'a payload'", "begin; notify c, 'one'; notify c, 'one'; notify c; commit", "select pg_notify('c', 'by function')", "unlisten *", "notify c")},
	{"comments, dollars and unicode", one("select /* a /* nested */ one */ 1", "select $$a 'b' $x$ c$$, $t$;$t$", `select U&'d\0061t\+000061', e'\x41\n'`, "select 'ünïcødé 漢字 😀' as \"größe\"", "select '; drop table people; --'")},
	{"a transaction that a procedure ends", one("call ends()", "begin; call ends()", "rollback")},
	{"a wide result", one("select " + strings.Repeat("1,", 1599) + "1")},
	{"a statement of 300 kB", one("select length('" + strings.Repeat("x", 300_000) + "')")},
	{"a row of 3 MB and many rows", one("select repeat('x', 3000000)", "select i, repeat('y', 100) from generate_series(1, 20000) i")},
	{"explain, vacuum, analyze, show", one("explain (costs off) select * from people where id = 1", "vacuum moods", "analyze moods", "show server_version", "begin; vacuum moods", "rollback", "show all nothing")},
}

func TestDiffer_SimpleQueries_LookTheSameThroughTheGate(t *testing.T) { compare(t, simple) }

var sessions = []scenario{
	{"parameters at the start", func(d *dialog) {
		s := d.open(func(c *pgconn.Config) {
			c.RuntimeParams = map[string]string{"application_name": "it", "client_encoding": "LATIN1", "DateStyle": "SQL, DMY", "options": "-c search_path=pg_catalog -c work_mem=5MB", "TimeZone": "Asia/Tokyo"}
		})
		if s != nil {
			s.query("show application_name", "show client_encoding", "show search_path", "show work_mem", "select date '2024-02-03'", "select current_user, session_user, current_database()")
		}
	}},
	{"notified by another session", func(d *dialog) {
		hears, tells := d.open(), d.open()
		if hears == nil || tells == nil {
			return
		}
		hears.query("listen wire")
		tells.query("notify wire, 'while idle'", "begin", "notify wire, 'in a transaction'", "rollback", "notify wire")
		hears.await("A", 2)
		hears.query("begin")
		tells.query("notify wire, 'later'")
		hears.query("select 1", "commit")
		hears.query("select 2")
	}},
	{"another session ends it", func(d *dialog) {
		victim, by := d.open(), d.open()
		if victim == nil || by == nil {
			return
		}
		victim.query("set application_name = 'the victim'")
		by.query("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'the victim'")
		victim.await("", 1)
	}},
	{"locked out, then timed out", func(d *dialog) {
		first, second := d.open(), d.open()
		if first == nil || second == nil {
			return
		}
		first.query("begin", "lock table moods")
		second.query("set lock_timeout = 50", "select * from moods", "begin", "select * from moods for update nowait", "rollback")
		first.query("rollback")
		second.query("set statement_timeout = 50", "select pg_sleep(5)", "set idle_in_transaction_session_timeout = 50", "begin")
		second.await("", 1)
	}},
	{"cancelled while it runs", func(d *dialog) {
		s := d.open()
		if s == nil {
			return
		}
		s.query("begin")
		s.send(&pgproto3.Query{String: "select pg_sleep(20) /* to be cancelled */"})
		d.waitRunning("to be cancelled")
		d.cancel(s.pid, s.key)
		s.ready(1)
		s.query("rollback", "select 1")
	}},
	{"cancelled by a wrong key", func(d *dialog) {
		s := d.open()
		if s == nil {
			return
		}
		s.send(&pgproto3.Query{String: "select pg_sleep(1) /* not to be cancelled */"})
		d.waitRunning("not to be cancelled")
		wrong := append([]byte(nil), s.key...)
		wrong[0] ^= 1
		d.cancel(s.pid, wrong)
		d.cancel(s.pid+1, s.key)
		s.ready(1)
		s.query("select 1")
	}},
	{"cancelled in a pipeline", func(d *dialog) {
		s := d.open()
		if s == nil {
			return
		}
		s.send(several(once("select 1"), once("select pg_sleep(20) /* piped, to be cancelled */"), once("select 2"), syncNow, once("select 3"), syncNow)...)
		d.waitRunning("piped, to be cancelled")
		d.cancel(s.pid, s.key)
		s.ready(2)
	}},
}

func parameter(name, value string) func(*pgconn.Config) {
	return func(c *pgconn.Config) { c.RuntimeParams = map[string]string{name: value} }
}

// waitRunning waits until the server sleeps in a statement that has this comment:
// while it only parses or plans one it is active too, and a cancellation then is
// another sequence of messages.
func (d *dialog) waitRunning(comment string) {
	d.t.Helper()
	waitRunning(d.t, d.to.server, "/* "+comment+" */")
}

func waitRunning(t *testing.T, d *database, part string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), answerWithin)
	defer cancel()
	c, err := pgconn.Connect(ctx, d.DSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	const sql = "select 1 from pg_stat_activity where wait_event = 'PgSleep' and strpos(query, $1) > 0 and pid <> pg_backend_pid()"
	for {
		switch r := c.ExecParams(ctx, sql, [][]byte{[]byte(part)}, nil, nil, nil).Read(); {
		case r.Err != nil:
			t.Fatalf("waiting until %q runs: %v", part, r.Err)
		case len(r.Rows) > 0:
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// cancel asks for a cancellation by a connection of its own, and waits until
// that is closed.
func (d *dialog) cancel(pid uint32, key []byte) {
	d.t.Helper()
	c, err := net.Dial("tcp", d.to.address())
	if err != nil {
		d.t.Fatal(err)
	}
	defer c.Close()
	out, err := (&pgproto3.CancelRequest{ProcessID: pid, SecretKey: key}).Encode(nil)
	if err != nil {
		d.t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(answerWithin)) // an open connection takes it
	if _, err := c.Write(out); err != nil {
		d.t.Fatal(err)
	}
	if n, err := c.Read(make([]byte, 1)); n != 0 {
		d.t.Errorf("%v: a CancelRequest was answered by a byte (%v)", d.to, err)
	}
}

func TestDiffer_SessionsAndCancel_LookTheSameThroughTheGate(t *testing.T) { compare(t, sessions) }
