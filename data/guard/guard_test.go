package guard

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/events"
	"github.com/gatehousehq/gatehouse/exchange"
	"github.com/gatehousehq/gatehouse/taint"
)

// A recorder keeps what it is given.
type recorder struct {
	events []gatehouse.Event
	err    error
}

func (r *recorder) Record(_ context.Context, e gatehouse.Event) error {
	r.events = append(r.events, e)
	return r.err
}

func (r *recorder) names() (names []string) {
	for _, e := range r.events {
		names = append(names, e.Name)
	}
	return names
}

// observing is how the rung is shipped.
var observing = Modes{Unknown: gatehouse.Observe, Password: gatehouse.Observe}

func newProtection(t testing.TB, change func(*Options)) (*Protection, *recorder) {
	t.Helper()
	g, err := taint.New(taint.Options{Key: [32]byte{1}})
	if err != nil {
		t.Fatal(err)
	}
	r := new(recorder)
	o := Options{Guard: g, Recorder: r}
	if change != nil {
		change(&o)
	}
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p, r
}

func TestNew_MissingOptions_AreNamed(t *testing.T) {
	g, err := taint.New(taint.Options{Key: [32]byte{1}})
	if err != nil {
		t.Fatal(err)
	}
	for want, o := range map[string]Options{
		"Options.Guard":    {Recorder: new(recorder)},
		"Options.Recorder": {Guard: g},
	} {
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestJudgement_ZeroValue_Denies(t *testing.T) {
	var j Judgement
	if j.Decision.Verdict != gatehouse.Deny || j.Quiet() || j.Attack() {
		t.Errorf("%+v", j)
	}
}

func TestPassed_OwnWork_IsLearnedAndThenQuiet(t *testing.T) {
	p, r := newProtection(t, nil)
	st := taint.Statement{Account: "app", Lexer: sqlite, SQL: "SELECT name FROM items WHERE price < 10"}
	for i, want := range []bool{false, true} {
		j := p.Check(exchange.Attribution{}, st, observing)
		if j.Decision.Verdict != gatehouse.Pass || j.Quiet() != want {
			t.Fatalf("statement %d: %+v", i, j)
		}
		if err := p.Passed(t.Context(), events.About{}, "background", j); err != nil {
			t.Fatal(err)
		}
	}
	if len(r.events) != 1 || r.events[0].Name != "gate_template_learned" || r.events[0].Detail["table"] != "items" {
		t.Errorf("recorded %+v", r.events)
	}
}

// The wire's gate judges statements where they lie in its buffer, which the
// next message overwrites: an event, and what is remembered, may not change then.
func TestJudgement_OfABuffer_KeepsNothingOfIt(t *testing.T) {
	x := exchangeOf(t, "password", "correct horse", "name", "1 OR 1=1")
	enforcing := Modes{Unknown: gatehouse.Enforce, Password: gatehouse.Enforce}
	for _, sql := range []string{
		"select name from items where price < 10",
		"insert into users (id, secret) values (7, 'correct horse')",
		"update users set secret = 'correct horse' where id = 7",
		"update only users set secret = md5('correct horse') where id = 7",
		"select name from items where id = 1 OR 1=1",
	} {
		for _, m := range []Modes{observing, enforcing} {
			p, r := newProtection(t, nil)
			buffer := []byte(sql)
			st := taint.Statement{Account: "app", Lexer: sqlite, SQL: unsafe.String(&buffer[0], len(buffer))}
			about := events.About{}
			j := p.Check(exactly(x), st, m)
			if err := p.Passed(t.Context(), about, "/route", j); err != nil {
				t.Fatal(err)
			}
			if err := r.Record(t.Context(), j.Event(about, j.Decision, gatehouse.Refused)); err != nil {
				t.Fatal(err)
			}
			kept := func() string { return fmt.Sprintf("%+v %+v %+v", r.events, j.Decision, p.told.young) }
			before := kept()
			for i := range buffer {
				buffer[i] = '#'
			}
			if after := kept(); after != before {
				t.Errorf("%s:\nbefore %s\nafter  %s", sql, before, after)
			}
			if !strings.Contains(before, "items") && !strings.Contains(before, "users") {
				t.Errorf("%s: no event names the table: %s", sql, before)
			}
		}
	}
}

func TestPassed_RecorderFails_IsTold(t *testing.T) {
	p, r := newProtection(t, nil)
	r.err = errors.New("the disk is full")
	st := taint.Statement{Account: "app", Lexer: sqlite, SQL: "SELECT 1"}
	if err := p.Passed(t.Context(), events.About{}, "", p.Check(exchange.Attribution{}, st, observing)); !errors.Is(err, r.err) {
		t.Errorf("got %v", err)
	}
}

func TestCheck_ZeroModes_RefuseWhatIsNotKnown(t *testing.T) {
	p, _ := newProtection(t, nil)
	j := p.Check(exactly(exchangeOf(t, "a", "b")), taint.Statement{Account: "app", Lexer: sqlite, SQL: "SELECT name FROM items"}, Modes{})
	if j.Decision.Verdict != gatehouse.Deny || j.Decision.Rule != taint.RuleUnknown || j.Attack() {
		t.Errorf("%+v", j.Decision)
	}
	e := j.Event(events.About{}, j.Decision, gatehouse.Refused)
	if e.Name != "gate_shape_quarantined" || e.Level != gatehouse.Warning {
		t.Errorf("event %+v", e)
	}
}

func TestCheck_NoExchange_IsHeldToTheInputsInFlight(t *testing.T) {
	x := exchangeOf(t, "name", "x' OR name <> '")
	p, _ := newProtection(t, func(o *Options) { o.Inputs = x.Candidates })
	j := p.Check(exchange.Attribution{}, taint.Statement{Account: "app", Lexer: sqlite, SQL: "SELECT name FROM items WHERE name = 'x' OR name <> ''"}, observing)
	if j.Decision.Verdict != gatehouse.Deny || j.Decision.Place.String() != "form:name" {
		t.Errorf("%+v", j.Decision)
	}
	if e := j.Event(events.About{}, j.Decision, gatehouse.Refused); e.Detail["from"] != x.ID {
		t.Errorf("event %+v", e)
	}
}

func TestCheck_Injection_LearnsNothingWhereItPasses(t *testing.T) {
	p, r := newProtection(t, nil)
	x := exchangeOf(t, "name", "x' UNION SELECT password FROM users --")
	st := taint.Statement{Account: "app", Lexer: sqlite, SQL: "SELECT name FROM items WHERE name = 'x' UNION SELECT password FROM users --'"}
	for range 5 {
		j := p.Check(exactly(x), st, observing)
		if j.Decision.Verdict != gatehouse.Deny || !j.Attack() {
			t.Fatalf("%+v", j.Decision)
		}
		// An entry let it pass.
		if err := p.Passed(t.Context(), events.About{}, x.Route, j); err != nil {
			t.Fatal(err)
		}
	}
	if len(r.events) > 0 {
		t.Errorf("recorded %v", r.names())
	}
}

func TestTold_Repeated_IsCountedAndToldDaily(t *testing.T) {
	var told told
	now := time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	key := toldKey{kind: toldConcatenation, account: "app", what: "query:q"}
	note := func(k toldKey) string {
		n, tell := told.note(k, clock, true)
		return fmt.Sprint(tell, n.Count)
	}
	for i, want := range []string{"true 0", "false 0", "false 0"} {
		if got := note(key); got != want {
			t.Errorf("%d: %s, want %s", i, got, want)
		}
	}
	now = now.Add(toldEvery)
	if got := note(key); got != "true 3" {
		t.Errorf("a day later: %s", got)
	}
	if _, tell := told.note(toldKey{what: "another"}, clock, false); tell {
		t.Error("what was not found is told")
	}
	key.kind = toldShape
	if got := note(key); got != "true 0" {
		t.Errorf("a shape: %s", got)
	}
	now = now.Add(10 * toldEvery)
	if got := note(key); got != "false 0" {
		t.Errorf("the shape again: %s", got)
	}
}

func TestTold_ManyFindings_TakeBoundedMemory(t *testing.T) {
	var told told
	clock := func() time.Time { return time.Unix(0, 0) }
	often := toldKey{what: "often"}
	for i := range 5 * maxTold {
		told.note(toldKey{what: fmt.Sprint(i)}, clock, true)
		if _, tell := told.note(often, clock, true); tell && i > 0 {
			t.Fatalf("what is seen all the time was forgotten after %d", i)
		}
	}
	if n := len(told.young) + len(told.old); n > 2*maxTold {
		t.Errorf("%d are remembered", n)
	}
}

func TestOrigin_IsThePrincipalOrTheNetwork(t *testing.T) {
	for _, c := range []struct {
		x    *exchange.Exchange
		want string
	}{
		{&exchange.Exchange{}, "unknown"},
		{&exchange.Exchange{Client: netip.MustParseAddr("192.0.2.7")}, "192.0.2.7"},
		{&exchange.Exchange{Client: netip.MustParseAddr("::ffff:192.0.2.7")}, "192.0.2.7"},
		{&exchange.Exchange{Client: netip.MustParseAddr("2001:db8::1:2:3:4")}, "2001:db8::"},
		{&exchange.Exchange{Client: netip.MustParseAddr("192.0.2.7"), Principal: gatehouse.Principal{ID: "ingrid", Issuer: "backend"}}, "principal backend ingrid"},
	} {
		if got := clientOf(c.x); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func BenchmarkCheck_KnownRead(b *testing.B) {
	p, _ := newProtection(b, nil)
	x := exchangeOf(b, "name", "an ordinary name", "page", "3", "sort", "price")
	st := taint.Statement{Account: "app", Lexer: sqlite, SQL: "SELECT name, price FROM items WHERE name = ? AND price < 10 ORDER BY price"}
	if err := p.Passed(b.Context(), events.About{}, "", p.Check(exchange.Attribution{}, st, observing)); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if j := p.Check(exactly(x), st, observing); !j.Quiet() {
			b.Fatal(j.Decision)
		}
	}
}

func BenchmarkCheck_WriteWithPassword(b *testing.B) {
	p, _ := newProtection(b, nil)
	x := exchangeOf(b, "name", "an ordinary name", "password", secretWord)
	st := taint.Statement{Account: "app", Lexer: sqlite, SQL: "INSERT INTO users (name, password) VALUES (?, ?)", Params: []string{"an ordinary name", "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW"}}
	b.ReportAllocs()
	for b.Loop() {
		p.Check(exactly(x), st, observing)
	}
}

// exactly is the attribution of a statement that is known to be of x.
func exactly(x *exchange.Exchange) exchange.Attribution {
	return exchange.Attribution{Exchange: x, How: exchange.Exact}
}
