package wire

import (
	"bytes"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// What a statement that fails by itself says at the bare server. It is one that
// does not parse, which fails in every state of a session.
const failing = "refused_here"

// bad is a statement that the judge refuses, and at the bare server one that
// fails by itself.
func (d *dialog) bad() string {
	if d.to.gated {
		return "select 'drop table people' /* " + marker + " */"
	}
	return failing
}

// isRefusal reports whether an error is how a refused statement is told, at the
// gate, or how the failing one fails, at the bare server.
func isRefusal(gated bool, e *pgproto3.ErrorResponse) bool {
	if gated {
		return e.Code == "42501" && strings.Contains(e.Message+e.Detail+e.Hint, request)
	}
	return e.Code == "42601" && strings.Contains(e.Message, failing)
}

// refusals compares recordings in which errors of refused statements stand for
// those of failing ones, and looks at what refused ones say.
func refusals(t *testing.T, bare, gated *dialog) {
	t.Helper()
	found := 0
	for _, d := range []*dialog{bare, gated} {
		for _, s := range d.sessions {
			for i, f := range s.frames {
				var e pgproto3.ErrorResponse
				if f.kind != 'E' || e.Decode(s.bodies[i]) != nil || !isRefusal(d.to.gated, &e) {
					continue
				}
				s.frames[i].text = "of a statement that is refused, or fails: " + e.Severity
				found++
				if d.to.gated {
					wantNoTrace(t, s.bodies[i], &e)
				}
			}
		}
	}
	if found == 0 {
		t.Error("nothing was refused")
	}
	diff(t, bare, gated)
}

// wantNoTrace fails the test if an error tells more than that a statement was
// refused: its text, or where in the server's source the substitute failed.
func wantNoTrace(t *testing.T, body []byte, e *pgproto3.ErrorResponse) {
	t.Helper()
	for _, word := range []string{marker, "people", "drop", failing} {
		if bytes.Contains(body, []byte(word)) {
			t.Errorf("the error of a refused statement has %q of it: %q", word, body)
		}
	}
	if e.Position != 0 || e.InternalPosition != 0 || e.InternalQuery != "" || e.Where != "" {
		t.Errorf("the error of a refused statement says where it is wrong: %q", body)
	}
}

// A refused script is a scenario that is given the statement to be refused.
type refusedScript struct {
	name string
	play func(d *dialog, bad string)
}

// refusedOne plays simple queries; BAD in them is what is refused.
func refusedOne(statements ...string) func(*dialog, string) {
	return func(d *dialog, bad string) {
		s := d.open()
		if s == nil {
			return
		}
		for _, sql := range statements {
			s.query(strings.ReplaceAll(sql, "BAD", bad))
		}
	}
}

// refusedPipeline plays rounds sent at once.
func refusedPipeline(parts func(bad string) [][]pgproto3.FrontendMessage) func(*dialog, string) {
	return func(d *dialog, bad string) { pipeline(parts(bad)...)(d) }
}

// refusedRounds plays rounds, each awaited.
func refusedRounds(parts func(bad string) [][]pgproto3.FrontendMessage) func(*dialog, string) {
	return func(d *dialog, bad string) { rounds(parts(bad)...)(d) }
}

type roundsOf = [][]pgproto3.FrontendMessage

var refused = []refusedScript{
	{"alone", refusedOne("BAD", "select 1", "BAD", "BAD", "select 2")},
	{"among others in one query", refusedOne("insert into copied values (1); BAD", "BAD; select 1", "select 1; BAD; select 2", "select count(*) from copied")},
	{"in a transaction", refusedOne("begin", "insert into copied values (1)", "BAD", "select 1", "commit", "select count(*) from copied")},
	{"in a transaction that failed", refusedOne("begin", "select 1/0", "BAD", "select 1", "BAD", "rollback", "select 1")},
	{"after a savepoint", refusedOne("begin", "savepoint a", "BAD", "rollback to a", "select 1", "BAD", "rollback to a", "commit")},
	{"with a cursor open", refusedOne("begin", "declare c cursor for select generate_series(1, 5)", "fetch 2 from c", "BAD", "fetch 2 from c", "rollback")},
	{"with COPY around it", refusedOne("copy moods to stdout", "BAD", "copy (select 1) to stdout", "copy (select 1) to stdout; BAD")},
	{"as a prepared statement by SQL", refusedOne("prepare p as BAD", "execute p", "select 1")},
	{"a subscriber that goes on to hear", func(d *dialog, bad string) {
		s, by := d.open(), d.open()
		if s == nil || by == nil {
			return
		}
		s.query("listen c", bad)
		by.query("notify c, 'x'")
		s.await("A", 1)
		s.query("notify c, 'own'", bad)
	}},
	{"unnamed, by Parse", refusedRounds(func(bad string) roundsOf {
		return roundsOf{once(bad), once("select 1"), messages(parse("", bad)), messages(bind("", ""), execute("", 0)), once("select 2")}
	})},
	{"named, by Parse", refusedRounds(func(bad string) roundsOf {
		return roundsOf{messages(parse("s", bad), describeStatement("s")), messages(bind("", "s"), execute("", 0)), messages(parse("s", "select 1")), messages(bind("", "s"), execute("", 0)),
			messages(parse("s", bad)), messages(bind("", "s"), execute("", 0)), messages(closeStatement("s"))}
	})},
	{"in a pipeline, undoing what came before it", refusedPipeline(func(bad string) roundsOf {
		return roundsOf{several(once("insert into copied values (1)"), once(bad), once("insert into copied values (2)")), once("select count(*) from copied"),
			several(once("insert into copied values (3)"), once("select 1"), once(bad)), once("select count(*) from copied")}
	})},
	{"in a pipeline, skipped by an error before it", refusedPipeline(func(bad string) roundsOf {
		return roundsOf{once(bad), several(once("select 1/0"), once(bad), once("select 1")), several(messages(parse("", "selec")), once(bad)), once("select 2"), once(bad)}
	})},
	{"in a pipeline, twice before Sync", refusedPipeline(func(bad string) roundsOf {
		return roundsOf{several(once(bad), once("select 1"), once(bad), once("select 1/0")), several(once("select 3"), once(bad), once(bad)), once("select 4")}
	})},
	{"in a pipeline within a transaction", refusedPipeline(func(bad string) roundsOf {
		return roundsOf{several(once("begin"), once("insert into copied values (1)")), several(once("select 1"), once(bad), once("select 2")), once("select 3"), once("commit"), once("select count(*) from copied")}
	})},
	{"while portals are open", refusedRounds(func(bad string) roundsOf {
		return roundsOf{once("begin"), messages(parse("a", "select generate_series(1, 6)"), bind("pa", "a"), execute("pa", 2)), messages(execute("pa", 2)), once(bad), messages(execute("pa", 2)), once("rollback")}
	})},
	{"with Flush in place of Sync", func(d *dialog, bad string) {
		s := d.open()
		if s == nil {
			return
		}
		s.send(several(once("select 1"), flushNow)...)
		s.await("C", 1)
		s.send(parse("", bad), flushNow)
		s.await("E", 1)
		s.send(several(once("select 'skipped'"), flushNow, syncNow)...)
		s.ready(1)
		s.send(syncNow)
		s.ready(1)
	}},
	{"between Flushes, by a query", func(d *dialog, bad string) {
		if s := d.open(); s != nil {
			s.send(several(once("insert into copied values (1)"), &pgproto3.Query{String: bad}, once("select 2"), syncNow)...)
			s.ready(2)
			s.send(several(messages(parse("", bad)), &pgproto3.Query{String: bad}, syncNow)...)
			s.ready(1)
			s.query("select count(*) from copied", "delete from copied")
		}
	}},
	{"sent ahead", func(d *dialog, bad string) {
		if s := d.open(); s != nil {
			s.send(&pgproto3.Query{String: "select 1"}, &pgproto3.Query{String: bad}, &pgproto3.Query{String: "select 2"}, &pgproto3.Query{String: bad}, &pgproto3.Query{String: bad})
			s.ready(5)
		}
	}},
	{"after COPY in a pipeline", func(d *dialog, bad string) {
		s := d.open()
		if s == nil {
			return
		}
		s.send(several(copyNow("copy copied (id) from stdin"), data("1\n"), copyDone, once(bad), once("select 1"), syncNow, once("select count(*) from copied"), syncNow)...)
		s.ready(2)
	}},
	{"before COPY in a pipeline", func(d *dialog, bad string) {
		s := d.open()
		if s == nil {
			return
		}
		s.send(several(once(bad), copyNow("copy copied (id) from stdin"), data("1\n"), copyDone, syncNow, once("select count(*) from copied"), syncNow)...)
		s.ready(2)
	}},
	{"within COPY", func(d *dialog, bad string) {
		s := d.open()
		if s == nil {
			return
		}
		s.query(bad)
		s.send(&pgproto3.Query{String: "copy copied (id) from stdin"})
		s.await("G", 1)
		s.send(data("1\n"), &pgproto3.Query{String: "select 1"})
		s.ready(1)
		s.query("select count(*) from copied", bad)
	}},
	{"COPY data that has the marker is no statement", func(d *dialog, bad string) {
		s := d.open()
		if s == nil {
			return
		}
		s.query(bad)
		s.send(&pgproto3.Query{String: "copy copied (id, text) from stdin"})
		s.await("G", 1)
		s.send(data("1\t"+marker+"\n"), copyDone)
		s.ready(1)
		s.query("select text from copied", "delete from copied")
	}},
	{"a big one among small ones", func(d *dialog, bad string) {
		s := d.open()
		if s == nil {
			return
		}
		s.query("select 1", bad+strings.Repeat(" ", 200_000), "select 2", strings.Repeat(" ", 200_000)+bad, "select 3")
	}},
	{"many in a long pipeline", func(d *dialog, bad string) {
		s := d.open()
		if s == nil {
			return
		}
		var all []pgproto3.FrontendMessage
		const rounds = 200
		for i := range rounds {
			sql := "select generate_series(1, 50), $1::text"
			if i%7 == 3 {
				sql = bad
			}
			all = several(all, once("select 1"), once(sql, "x"), once("select 2"), syncNow)
		}
		s.send(all...)
		s.ready(rounds)
	}},
}

func TestRefused_InEveryState_LooksLikeAStatementThatFailsByItself(t *testing.T) {
	refuseAt(t, server(t))
}

func refuseAt(t *testing.T, d *database) {
	t.Helper()
	d.kept(t, "scripts")
	refuseThrough(t, d.gated(t, "scripts"))
}

func refuseThrough(t *testing.T, to target) {
	t.Helper()
	d := to.server
	for _, sc := range refused {
		t.Run(sc.name, func(t *testing.T) {
			bare, gated := &dialog{t: t, to: d.bare("scripts")}, &dialog{t: t, to: to}
			for _, side := range []*dialog{bare, gated} {
				side.playRefused(sc)
			}
			refusals(t, bare, gated)
		})
	}
}

func (d *dialog) playRefused(sc refusedScript) {
	sc.play(d, d.bad())
	d.hangUp()
}

// A value that a function executes is judged when it is bound, with the
// statement known long since.
func TestRefused_BoundToAFunctionThatExecutesText_LooksLikeAFailure(t *testing.T) {
	d := server(t)
	d.kept(t, "scripts")
	to := d.gated(t, "scripts")
	play := func(d *dialog) {
		s := d.open()
		if s == nil {
			return
		}
		const sql = "select query_to_xml($1, true, false, '')::text"
		// At the bare server a value too many makes the Bind fail.
		values := []any{failing, "too many"}
		if d.to.gated {
			values = []any{"select 'drop table people' /* " + marker + " */"}
		}
		s.send(parse("s", sql, text), bind("", "s", "select 1 as one"), execute("", 0), syncNow)
		s.ready(1)
		s.send(bind("", "s", values...), describePortal(""), execute("", 0), syncNow)
		s.ready(1)
		s.send(several(once("insert into copied values (1)"), bind("p", "s", values...), execute("p", 0), once("select 2"), syncNow, once("select count(*) from copied"), syncNow)...)
		s.ready(2)
		s.send(bind("", "s", "select 2 as two"), execute("", 0), syncNow)
		s.ready(1)
		d.hangUp()
	}
	bare, gated := &dialog{t: t, to: d.bare("scripts")}, &dialog{t: t, to: to}
	play(bare)
	play(gated)
	for _, s := range bare.sessions { // the error of a Bind with a value too many
		for i, f := range s.frames {
			if f.kind == 'E' && strings.Contains(f.text, "08P01") {
				s.frames[i].text = "of a statement that is refused, or fails: ERROR"
			}
		}
	}
	refusals(t, bare, gated)
	if to.judge.bound.Load() == 0 {
		t.Error("no bound value was judged")
	}
}

// FunctionCall is for large objects alone: any other function could be reached
// by its number past every judge.
func TestFunctionCall_OfAnotherFunction_IsRefusedAndTheSessionGoesOn(t *testing.T) {
	d := server(t)
	d.kept(t, "scripts")
	dialog := &dialog{t: t, to: d.gated(t, "scripts")}
	s := dialog.open()
	if s == nil {
		t.Fatal("no session")
	}
	for _, state := range []string{"select 1", "begin", "select 1/0", "rollback"} {
		s.query(state)
		at := len(s.frames)
		s.send(call(versionOfAll))
		s.ready(1)
		if got := kinds(s.frames[at:]); got != "EZ" {
			t.Errorf("after %q a FunctionCall of version() is answered by %q: %v", state, got, s.frames[at:])
		}
	}
	s.query("select 'goes on'")
	if last := kinds(s.frames[len(s.frames)-4:]); last != "TDCZ" {
		t.Errorf("the session ended in %q after a refused FunctionCall", last)
	}
	dialog.hangUp()
	if rules := dialog.to.judge.rules(); len(rules) == 0 || rules[0] != "function-call" {
		t.Errorf("the judge was told of %v, want function-call", rules)
	}
}

func kinds(frames []frame) string {
	var b strings.Builder
	for _, f := range frames {
		b.WriteByte(f.kind)
	}
	return b.String()
}
