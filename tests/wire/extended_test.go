package wire

import (
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

const (
	text    = 25
	integer = 23
)

// rounds plays messages in a session of their own; each round ends with Sync,
// and is awaited before the next.
func rounds(parts ...[]pgproto3.FrontendMessage) func(*dialog) {
	return func(d *dialog) {
		s := d.open()
		if s == nil {
			return
		}
		for _, messages := range parts {
			s.send(several(messages, syncNow)...)
			s.ready(1)
		}
	}
}

// pipeline plays the same messages as rounds does, sent at once.
func pipeline(parts ...[]pgproto3.FrontendMessage) func(*dialog) {
	return func(d *dialog) {
		s := d.open()
		if s == nil {
			return
		}
		var all []pgproto3.FrontendMessage
		for _, messages := range parts {
			all = append(append(all, messages...), syncNow)
		}
		s.send(all...)
		s.ready(len(parts))
		s.query("select count(*) from people", "select 'and after'")
	}
}

// both adds a scenario of rounds and one of a pipeline. The sample has the
// pipeline alone, which is the harder one.
func both(name string, parts ...[]pgproto3.FrontendMessage) []scenario {
	if !long {
		return []scenario{{name + ", in a pipeline", pipeline(parts...)}}
	}
	return []scenario{{name, rounds(parts...)}, {name + ", in a pipeline", pipeline(parts...)}}
}

// messages makes a round of messages.
func messages(m ...pgproto3.FrontendMessage) []pgproto3.FrontendMessage { return m }

var extended = append([]scenario{}, concat(
	both("the unnamed statement", once("select 1 as one, $1::text", "x"), once("select * from people where id = $1", "7"), once("select $1::int + 1", any(nil)), once("insert into copied values (1)"), once("delete from copied")),
	both("a named statement, used again",
		messages(parse("s", "select id, name from people where id = $1 or name = $2", integer, text), describeStatement("s")),
		messages(bind("", "s", "1", "x"), execute("", 0), bind("", "s", "2", "person 3"), describePortal(""), execute("", 0)),
		messages(bind("p", "s", "5", any(nil)), describePortal("p"), execute("p", 0), closePortal("p"), closeStatement("s")),
		messages(bind("", "s", "1", "x"), execute("", 0))),
	both("names used twice, and names unknown",
		messages(parse("s", "select 1")), messages(parse("s", "select 2")), messages(bind("", "s"), execute("", 0)),
		messages(closeStatement("s"), closeStatement("nobody"), closePortal("nobody")), messages(describeStatement("nobody")), messages(describePortal("nobody")), messages(execute("nobody", 0)), messages(bind("", "nobody")),
		messages(bind("p", ""), execute("p", 0)), messages(parse("", "select 5")), messages(bind("", ""), execute("", 0))),
	both("the unnamed statement is replaced by a failure", messages(parse("", "select 1")), messages(parse("", "selec")), messages(bind("", ""), execute("", 0))),
	both("a simple query forgets the unnamed statement", messages(parse("", "select 1")), messages()),
	both("rows by portions", messages(parse("", "select generate_series(1, 10)"), bind("", ""), describePortal(""), execute("", 3), execute("", 3), execute("", 100), execute("", 3))),
	both("portals beside each other in a transaction", once("begin"),
		messages(parse("a", "select generate_series(1, 6) a"), parse("b", "select generate_series(11, 16) b"), bind("pa", "a"), bind("pb", "b")),
		messages(execute("pa", 2), execute("pb", 3), execute("pa", 2)), messages(execute("pb", 0), closePortal("pa"), execute("pa", 2)), once("rollback"), messages(execute("pb", 1))),
	both("a limited update", messages(parse("", "update people set note = 'x' where id <= 5 returning id"), bind("", ""), execute("", 2), execute("", 0)), once("update people set note = null where id <= 5")),
	both("binary in and out", messages(
		&pgproto3.Parse{Query: "select $1::int, $2::bytea, $3::float8, 7::int8, 'x'::text, true, '{1,2}'::int[]"},
		&pgproto3.Bind{ParameterFormatCodes: []int16{1, 1, 0}, Parameters: [][]byte{{0, 0, 1, 0}, {0, 255, 7}, []byte("1.5")}, ResultFormatCodes: []int16{1}}, describePortal(""), execute("", 0))),
	both("wrong binds", messages(parse("", "select $1::int"), bind("", "")), messages(parse("", "select $1::int"), bind("", "", "1", "2")), messages(parse("", "select $1::int"), bind("", "", "x"), execute("", 0)),
		messages(parse("", "select $1::int"), &pgproto3.Bind{ParameterFormatCodes: []int16{1}, Parameters: [][]byte{{1, 2}}}, execute("", 0)), messages(parse("", "select $1")), messages(parse("", "select 1; select 2"))),
	both("an empty statement", messages(parse("", ""), describeStatement(""), bind("", ""), describePortal(""), execute("", 0))),
	both("an error in the middle skips what follows and undoes what came before",
		several(once("insert into copied values (1)"), once("select 1/0"), once("insert into copied values (2)")), once("select count(*) from copied"),
		several(once("insert into copied values (3)"), messages(parse("x", "selec")), once("insert into copied values (4)")), once("select count(*) from copied"),
		several(once("insert into copied values (5)"), once("select 'fine'")), once("delete from copied")),
	both("explicit transactions", several(once("begin"), once("insert into copied values (1)")), several(once("select 1/0"), once("select 2")), once("select 3"), once("commit"), once("select count(*) from copied"),
		several(once("begin"), once("insert into copied values (1)"), once("commit"), once("select 1/0")), once("delete from copied"), once("begin"), once("rollback"), once("commit")),
	both("commit in the middle of an implicit transaction", several(once("insert into copied values (1)"), once("commit"), once("insert into copied values (2)"), once("select 1/0")), once("select count(*) from copied"), once("delete from copied")),
	both("notices and settings", once("select noisy($1)", "a"), once("set application_name = 'extended'"), once("set TimeZone = 'Asia/Tokyo'"), once("reset all")),
	both("utility statements", once("create temp table t (i int)"), once("truncate t"), once("drop table t"), once("show DateStyle"), once("explain (costs off) select 1"), once("vacuum moods"), several(once("select 1"), once("vacuum moods"))),
	both("text that the database executes", once("select query_to_xml($1, true, false, '')::text", "select 1 as one"), once("select query_to_xml($1, true, false, '')::text", "selec")),
	both("an enumeration and an array of it", messages(parse("", "select mood, array_agg(id) from moods where mood = $1 group by 1"), describeStatement(""), bind("", "", "happy"), describePortal(""), execute("", 0))),
)...)

func concat(lists ...[]scenario) []scenario {
	var all []scenario
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// odd are orders of messages that drivers use seldom.
var odd = []scenario{
	{"Flush without Sync", func(d *dialog) {
		s := d.open()
		if s == nil {
			return
		}
		s.send(parse("f", "select generate_series(1, 4)"), describeStatement("f"), flushNow)
		s.await("T", 1)
		s.send(bind("", "f"), execute("", 2), flushNow)
		s.await("s", 1)
		s.send(execute("", 2), flushNow)
		s.await("s", 1)
		s.send(execute("", 2), flushNow)
		s.await("C", 1)
		s.send(parse("", "selec"), flushNow)
		s.await("E", 1)
		s.send(parse("", "select 1"), flushNow) // skipped
		s.send(syncNow)
		s.ready(1)
	}},
	{"Sync alone, and many", func(d *dialog) {
		if s := d.open(); s != nil {
			s.send(syncNow)
			s.ready(1)
			s.send(syncNow, syncNow, flushNow, syncNow)
			s.ready(3)
		}
	}},
	{"a query in the middle of a pipeline", func(d *dialog) {
		if s := d.open(); s != nil {
			s.send(several(once("insert into copied values (1)"), &pgproto3.Query{String: "select 1"}, once("select 2"), syncNow)...)
			s.ready(2)
			s.send(several(messages(parse("", "selec")), &pgproto3.Query{String: "select 'skipped'"}, syncNow)...)
			s.ready(1)
			s.query("delete from copied")
		}
	}},
	{"queries sent ahead", func(d *dialog) {
		if s := d.open(); s != nil {
			s.send(&pgproto3.Query{String: "select 1"}, &pgproto3.Query{String: "selec"}, &pgproto3.Query{String: ""}, &pgproto3.Query{String: "select 2; select 3"})
			s.ready(4)
		}
	}},
	{"a long pipeline", func(d *dialog) {
		s := d.open()
		if s == nil {
			return
		}
		var all []pgproto3.FrontendMessage
		const rounds = 300
		for i := range rounds {
			sql := "select $1::text, generate_series(1, 20)"
			if i%10 == 9 {
				sql = "select 1/$1::int"
			}
			all = several(all, once(sql, "0"), syncNow)
		}
		s.send(all...)
		s.ready(rounds)
	}},
	{"messages byte by byte", func(d *dialog) {
		s := d.open()
		if s == nil {
			return
		}
		var out []byte
		for _, m := range several(once("select $1::text", "x"), syncNow, &pgproto3.Query{String: "select 2"}) {
			out, _ = m.Encode(out) // these can be encoded
		}
		for _, b := range out {
			s.raw([]byte{b})
		}
		s.ready(2)
	}},
}

// malformed are messages that no driver sends. Where the gate ends a session
// itself, it does not name a line of the server's source.
var malformed = []scenario{
	{"an unknown message", func(d *dialog) { endsWith(d, []byte{'?', 0, 0, 0, 4}) }},
	{"a length that is too short", func(d *dialog) { endsWith(d, []byte{'Q', 0, 0, 0, 3}) }},
	{"a query without its end", func(d *dialog) { endsWith(d, []byte{'Q', 0, 0, 0, 12, 's', 'e', 'l', 'e', 'c', 't', ' ', '1'}) }},
	{"a query with more after its end", func(d *dialog) { endsWith(d, []byte{'Q', 0, 0, 0, 8, ';', 0, ';', 0}) }},
	{"a Bind cut short", func(d *dialog) { endsWith(d, []byte{'B', 0, 0, 0, 6, 0, 0}, []byte{'S', 0, 0, 0, 4}) }},
	{"a Close of nothing", func(d *dialog) { endsWith(d, []byte{'C', 0, 0, 0, 6, '?', 0}, []byte{'S', 0, 0, 0, 4}) }},
	{"a password when none is asked", func(d *dialog) { endsWith(d, []byte{'p', 0, 0, 0, 6, 'x', 0}) }},
	{"COPY's messages outside of COPY", func(d *dialog) {
		endsWith(d, []byte{'d', 0, 0, 0, 6, 'x', '\n'}, []byte{'c', 0, 0, 0, 4}, []byte{'f', 0, 0, 0, 5, 0}, []byte{'Q', 0, 0, 0, 13, 's', 'e', 'l', 'e', 'c', 't', ' ', '1', 0})
	}},
}

// endsWith plays messages that may end the session, and a query after them.
func endsWith(d *dialog, out ...[]byte) {
	s := d.open()
	if s == nil {
		return
	}
	s.query("select 'before'")
	for _, m := range out {
		s.raw(m)
	}
	s.send(&pgproto3.Query{String: "select 'after'"}, &pgproto3.Terminate{})
	s.await("", 1)
}

func TestDiffer_ExtendedQueries_LookTheSameThroughTheGate(t *testing.T) { compare(t, extended) }

func TestDiffer_SeldomOrders_LookTheSameThroughTheGate(t *testing.T) { compare(t, odd) }

// A session that sends what is no message ends at both with the same state, or
// goes on at both.
func TestDiffer_MalformedMessages_EndAlike(t *testing.T) {
	compare(t, malformed, func(d *dialog) { d.sourceless = true })
}
