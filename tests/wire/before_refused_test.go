package wire

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/gatehousehq/gatehouse/data/sqlgate"
	"github.com/gatehousehq/gatehouse/data/sqlgate/pgwire"
	"github.com/gatehousehq/gatehouse/secret"
)

// guarded asks before each statement on the table things whether the rows of its
// number, the literal or the first value, are all mine.
func guarded(st sqlgate.Statement) []sqlgate.Own {
	const check = "SELECT ('" + sqlgate.Denies + "' || pg_catalog.left(owner, 0))::int FROM things WHERE owner <> 'me' AND id = "
	switch {
	case !strings.Contains(st.SQL, "things"):
		return nil
	case st.Bound:
		return []sqlgate.Own{{SQL: check + "$1 FOR UPDATE", Params: []int{0}}}
	case st.Prepared:
		return []sqlgate.Own{{SQL: "SELECT"}} // a run of it is asked for
	case strings.Contains(st.SQL, "id = 2"):
		return []sqlgate.Own{{SQL: "SELECT 1"}, {SQL: check + "2 FOR UPDATE"}}
	}
	return []sqlgate.Own{{SQL: check + "1 FOR UPDATE"}}
}

func upd(id string) string { return "update things set text = 'changed' where id = " + id }

var updating = parse("u", upd("$1"))

// A beforeCase is what a client sends to two rows, 1 of its own and 2 of
// another, in rounds that are each awaited.
type beforeCase struct {
	name   string
	rounds roundsOf
	// hears are the kinds of messages that come, refused how many statements were,
	// and mine whether its own row is changed at the end.
	hears   string
	refused int
	mine    bool
}

func queries(statements ...string) (rounds roundsOf) {
	for _, sql := range statements {
		rounds = append(rounds, messages(&pgproto3.Query{String: sql}))
	}
	return rounds
}

var beforeCases = []beforeCase{
	{"simple", queries(upd("1"), upd("2"), "select 1"), "CZEZTDCZ", 1, true},
	{"simple, in a transaction", queries("begin", upd("1"), upd("2"), upd("1"), "commit"), "CZCZEZEZCZ", 1, false},
	{"simple, after a savepoint", queries("begin", upd("1"), "savepoint a", upd("2"), "rollback to a", upd("1"), "commit"), "CZCZCZEZCZCZCZ", 1, true},
	{"simple, of which the syntax is wrong", queries("update things sett", upd("1")+" returning nothing"), "EZEZ", 0, false},
	{"sent ahead", roundsOf{messages(&pgproto3.Query{String: upd("2")}, &pgproto3.Query{String: upd("1")}, &pgproto3.Query{String: upd("2")})}, "EZCZEZ", 2, true},
	{"unnamed", roundsOf{once(upd("$1"), "1"), once(upd("$1"), "2"), once("select 1")}, "12nCZ12nEZ12TDCZ", 1, true},
	{"named, run often", roundsOf{messages(updating), messages(bind("", "u", "1"), execute("", 0)), messages(bind("", "u", "2"), execute("", 0)), messages(bind("", "u", "2"), execute("", 0)), messages(bind("", "u", "1"), execute("", 0))}, "1Z2CZ2EZ2EZ2CZ", 2, true},
	{"a pipeline before one Sync: all or nothing", roundsOf{several(once(upd("$1"), "1"), once("select 1"), once(upd("$1"), "2"), once(upd("$1"), "1"))}, "12nC12TDC12nEZ", 1, false},
	{"a pipeline of several Syncs", roundsOf{several(once(upd("$1"), "1"), syncNow, once(upd("$1"), "2"), once("select 1"), syncNow, once("select 2"))}, "12nCZ12nEZ12TDCZ", 1, true},
	{"a batch of one named statement", roundsOf{several(updating, bind("", "u", "1"), execute("", 0), bind("", "u", "1"), execute("", 0), bind("", "u", "2"), execute("", 0))}, "12C2C2EZ", 1, false},
	{"skipped by an error before it", roundsOf{several(once("select 1/0"), once(upd("$1"), "2")), once(upd("$1"), "1")}, "1EZ12nCZ", 0, true},
	{"a name that is prepared anew", roundsOf{messages(parse("u", "select $1::int"), closeStatement("u"), updating, bind("", "u", "2"), execute("", 0)), messages(bind("", "u", "1"), execute("", 0))}, "1312EZ2CZ", 1, true},
	{"a name whose second Parse fails", roundsOf{several(updating, syncNow, parse("u", "select $1::int"), syncNow, bind("", "u", "2"), execute("", 0))}, "1ZEZ2EZ", 1, false},
	{"a portal that is run by portions", roundsOf{messages(parse("u", upd("$1")+" returning id"), bind("", "u", "1"), execute("", 1), execute("", 1)), messages(bind("", "u", "2"), execute("", 1), execute("", 1))}, "12DsCZ2EZ", 1, true},
	{"a portal that is run after another Sync", append(append(queries("begin"), messages(updating, bind("p", "u", "2")), messages(execute("p", 0)), messages(execute("p", 0))), queries("rollback")...), "CZ12ZEZEZCZ", 1, false},
	{"a portal whose first run was skipped", append(append(queries("begin"), messages(updating, bind("p", "u", "2")), once("savepoint a"), several(once("select 1/0"), execute("p", 0)), messages(parse("r", "rollback to a"), bind("r", "r"), execute("r", 0)), messages(execute("p", 0))), queries("rollback")...), "CZ12Z12nCZ1EZ12CZEZCZ", 1, false},
	{"a portal that another Bind, which fails, would replace", append(append(queries("begin"), messages(updating, parse("s", "select $1::int"), bind("p", "u", "2")), once("savepoint a"), messages(bind("p", "s", "1")), messages(parse("r", "rollback to a"), bind("r", "r"), execute("r", 0)), messages(execute("p", 0))), queries("rollback")...), "CZ112Z12nCZEZ12CZEZCZ", 1, false},
	{"the same, sent ahead", append(append(queries("begin"), several(updating, parse("s", "select $1::int"), bind("p", "u", "2"), syncNow, once("savepoint a"), syncNow, bind("p", "s", "1"), syncNow, parse("r", "rollback to a"), bind("r", "r"), execute("r", 0), syncNow, execute("p", 0))), queries("rollback")...), "CZ112Z12nCZEZ12CZEZCZ", 1, false},
	{"in a transaction that failed", append(append(queries("begin", "select 1/0"), once(upd("$1"), "1"), messages(&pgproto3.Query{String: upd("1")})), queries("rollback")...), "CZEZEZEZCZ", 0, false},
	{"the client's unnamed statement stays", roundsOf{messages(parse("", upd("$1")), bind("", "", "1"), execute("", 0), bind("", "", "1"), execute("", 0)), messages(bind("", "", "2"), execute("", 0)), messages(bind("", "", "1"), execute("", 0))}, "12C2CZ2EZ2CZ", 1, true},
	{"binary", roundsOf{messages(parse("u", upd("$1"), integer), &pgproto3.Bind{PreparedStatement: "u", ParameterFormatCodes: []int16{1}, Parameters: [][]byte{{0, 0, 0, 1}}}, execute("", 0)),
		messages(&pgproto3.Bind{PreparedStatement: "u", ParameterFormatCodes: []int16{1}, Parameters: [][]byte{{0, 0, 0, 2}}}, execute("", 0))}, "12CZ2EZ", 1, true},
	{"within COPY", append(queries("begin"), several(&pgproto3.Query{String: "copy copied (id) from stdin"}, data("1\n"), copyDone, once(upd("$1"), "2"))), "CZGCZ12nEZ", 1, false},
}

func refuseBefore(t *testing.T, to, behind target, cases []beforeCase) {
	t.Helper()
	d := to.server
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d.superuser(t, behind.database, "drop table if exists things", "create table things (id int primary key, owner text, text text); alter table things owner to owner; insert into things values (1, 'me'), (2, 'other')")
			told := len(to.judge.beforehand())
			dialog := &dialog{t: t, to: to}
			s := dialog.open()
			if s == nil {
				t.Fatal("no session")
			}
			at := len(s.frames)
			for _, round := range c.rounds {
				ends := 0
				for _, m := range round {
					switch m.(type) {
					case *pgproto3.Sync, *pgproto3.Query:
						ends++
					}
				}
				if _, simple := round[len(round)-1].(*pgproto3.Query); !simple {
					round = several(round, syncNow)
					ends++
				}
				s.send(round...)
				s.ready(ends)
			}
			if got := kinds(s.frames[at:]); got != c.hears {
				t.Errorf("the client hears %q, want %q: %v", got, c.hears, s.frames[at:])
			}
			s.query("rollback; deallocate all")
			dialog.hangUp()
			wantsRefusals(t, s, at, c.refused)
			if got := len(to.judge.beforehand()) - told; got != c.refused {
				t.Errorf("the judge was told of %d refusals, want %d", got, c.refused)
			}
			want := map[bool]string{true: "changed,-", false: "-,-"}[c.mine]
			if got := d.ask(t, behind.database, "select string_agg(coalesce(text, '-'), ',' order by id) from things"); got != want {
				t.Errorf("the rows are %q, want %q", got, want)
			}
		})
	}
	for _, o := range to.judge.beforehand() {
		if !o.Failed || o.State != "" {
			t.Errorf("the judge was told %+v", o)
		}
	}
}

// wantsRefusals counts refusals among what came, and wants that they, and all
// other errors, tell nothing of the gate's own statements.
func wantsRefusals(t *testing.T, s *session, at, want int) {
	t.Helper()
	got := 0
	for i, f := range s.frames[at:] {
		var e pgproto3.ErrorResponse
		if f.kind != 'E' || e.Decode(s.bodies[at+i]) != nil {
			continue
		}
		if e.Code == "42501" && strings.Contains(e.Message, request) {
			got++
		}
		for _, word := range []string{sqlgate.Denies, "gate_own", "owner"} {
			if strings.Contains(string(s.bodies[at+i]), word) {
				t.Errorf("an error has %q in it: %q", word, s.bodies[at+i])
			}
		}
	}
	if got != want {
		t.Errorf("%d statements were refused, want %d: %v", got, want, s.frames[at:])
	}
}

// What a statement of the gate's own says no to has no effect, however it is
// sent, and what it does not, has all of it.
func TestBefore_ThatSaysNo_RefusesTheStatement(t *testing.T) {
	d := server(t)
	d.fresh(t, "wire")
	to := d.gated(t, "wire")
	to.judge.before = guarded
	refuseBefore(t, to, to, beforeCases)
}

// A pool has other sessions run in the same one of the database's.
func TestBefore_BehindPgBouncer_RefusesTheStatement(t *testing.T) {
	d := server(t)
	d.fresh(t, "wire")
	behind := pooler(t, d.bare("wire"))
	to := d.gated(t, "wire", func(o *pgwire.Options) {
		o.Clients = []pgwire.Client{{User: owner, Password: secret.Text(gatePassword(owner)), Upstream: pgwire.Upstream{
			Network: "tcp", Address: behind.address(), Database: "wire", User: owner, Password: poolerPassword,
		}}}
	})
	to.judge.before = guarded
	cases := beforeCases
	if !long { // a third: each is refused without a pool above
		cases = nil
		for i := 0; i < len(beforeCases); i += 3 {
			cases = append(cases, beforeCases[i])
		}
	}
	refuseBefore(t, to, d.bare("wire"), cases)
}

// A request to cancel that meets the gate's own statement ends the client's with
// it, and is told as one.
func TestBefore_CancelledInIt_IsToldAsThat(t *testing.T) {
	d := server(t)
	d.fresh(t, "wire")
	d.superuser(t, "wire", "create table things (id int primary key); insert into things values (1); alter table things owner to owner")
	to := d.gated(t, "wire")
	to.judge.before = func(st sqlgate.Statement) []sqlgate.Own {
		if strings.Contains(st.SQL, "things") {
			return []sqlgate.Own{{SQL: "SELECT pg_catalog.pg_sleep(20), 'to be cancelled'"}}
		}
		return nil
	}
	dialog := &dialog{t: t, to: to}
	s := dialog.open()
	if s == nil {
		t.Fatal("no session")
	}
	for name, round := range map[string][]pgproto3.FrontendMessage{
		"simple":   messages(&pgproto3.Query{String: "delete from things"}),
		"extended": several(once("delete from things"), once("select 1"), syncNow),
	} {
		at := len(s.frames)
		s.send(round...)
		waitRunning(t, d, "'to be cancelled'")
		dialog.cancel(s.pid, s.key)
		s.ready(1)
		last := s.frames[len(s.frames)-2]
		if !strings.Contains(last.text, "C57014") || strings.Contains(last.text, "pg_sleep") {
			t.Errorf("%s: the client hears %v", name, s.frames[at:])
		}
	}
	at := len(s.frames)
	s.query("select 1")
	if got := kinds(s.frames[at:]); got != "TDCZ" {
		t.Errorf("after it, the client hears %q", got)
	}
	dialog.hangUp()
	if n := len(to.judge.beforehand()); n != 0 {
		t.Errorf("the judge was told of %d refusals", n)
	}
	if got := d.ask(t, "wire", "select count(*) from things"); got != "1" {
		t.Errorf("%s rows are left", got)
	}
}
