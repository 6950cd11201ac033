package guard

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/events"
	"github.com/gatehousehq/gatehouse/exchange"
	"github.com/gatehousehq/gatehouse/taint"
)

// of gives names one after the other for those who may have been it.
func names(sets ...[]string) (all []string) {
	var o origins
	for _, s := range sets {
		all = append(all, o.of(originKey{account: "app"}, s))
	}
	return all
}

func TestOrigins_AreAsFewAsCouldHaveSentAll(t *testing.T) {
	for _, c := range []struct {
		name string
		sets [][]string
		want string
	}{
		{"nobody", [][]string{nil, nil}, "[ ]"},
		{"one, known", [][]string{{"a"}, {"a"}, {"a"}}, "[1 1 1]"},
		{"three, known", [][]string{{"a"}, {"b"}, {"c"}, {"b"}}, "[1 2 3 2]"},
		{"one beside changing others", [][]string{{"a", "b"}, {"a", "c"}, {"a", "d"}, {"a", "e"}}, "[1 1 1 1]"},
		{"one beside changing others, then another", [][]string{{"a", "b"}, {"a", "c"}, {"c", "b"}, {"a"}}, "[1 1 2 1]"},
		{"certainly two", [][]string{{"a", "b"}, {"c", "d"}}, "[1 2]"},
	} {
		if got := fmt.Sprint(names(c.sets...)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestOrigins_AreBounded(t *testing.T) {
	var o origins
	for i := range 3 * maxOriginShapes {
		o.of(originKey{account: fmt.Sprint(i)}, []string{"a"})
	}
	if len(o.shapes) > maxOriginShapes {
		t.Errorf("%d shapes", len(o.shapes))
	}
	for i := range 3 * maxGroups {
		o.of(originKey{account: "one"}, []string{fmt.Sprint(i)})
	}
	if n := len(o.shapes[originKey{account: "one"}]); n > maxGroups {
		t.Errorf("%d groups", n)
	}
	if got := o.of(originKey{account: "one"}, make([]string, maxPossible+1)); got != "" {
		t.Errorf("of very many it is %q", got)
	}
}

// An attack whose encoding the guard does not know must not be learned because
// others happen to be there whenever it is sent; what all clients' requests do
// must be, although it is never known whose a statement is.
func TestLearn_OfNobodyKnowsWhom(t *testing.T) {
	var inFlight []*exchange.Exchange
	p, _ := newProtection(t, func(o *Options) {
		o.InFlight = func() []*exchange.Exchange { return inFlight }
		o.Inputs = func() []taint.Candidate { return []taint.Candidate{{Value: "Browser/1.0 (any)"}} }
	})
	client := func(n int) *exchange.Exchange {
		return &exchange.Exchange{ID: fmt.Sprint(n), Client: netip.AddrFrom4([4]byte{192, 0, 2, byte(n)})}
	}
	send := func(sql string, who ...int) {
		inFlight = nil
		for _, n := range who {
			inFlight = append(inFlight, client(n))
		}
		st := taint.Statement{Account: "app", Lexer: sqlite, SQL: sql}
		if err := p.Passed(t.Context(), events.About{}, "background", p.Check(exchange.Attribution{}, st, observing)); err != nil {
			t.Fatal(err)
		}
	}
	known := func(sql string) bool {
		j := p.Check(exchange.Attribution{}, taint.Statement{Account: "app", Lexer: sqlite, SQL: sql}, observing)
		return j.Quiet() && j.Decision.Verdict == gatehouse.Pass
	}
	const attack, work = "SELECT name FROM items WHERE price < 1 OR name <> 'x'", "SELECT name FROM items WHERE price < 10"
	for n := range 20 {
		send(attack, 1, 100+n, 200+n)
	}
	if known(attack) {
		t.Error("what one client sent beside others was learned")
	}
	for n := range 3 {
		send(work, 10*n+2, 10*n+3, 10*n+4)
	}
	if !known(work) {
		t.Error("what three groups of clients sent was not learned")
	}
}

func TestCheck_AttributedByValue(t *testing.T) {
	others := []taint.Candidate{{Value: "x' OR name <> '", Exchange: "other", Place: gatehouse.Place{Kind: gatehouse.Query, Name: "q"}}}
	p, _ := newProtection(t, func(o *Options) { o.Inputs = func() []taint.Candidate { return others } })
	const injected = "SELECT name FROM items WHERE name = 'x' OR name <> ''"
	own := exchangeOf(t, "name", "x' OR name <> '")
	j := p.Check(exchange.Attribution{Exchange: own, How: exchange.Value}, taint.Statement{Account: "app", Lexer: sqlite, SQL: injected}, observing)
	if j.Decision.Rule != taint.RuleStructure || j.Evidence().Exchange != own.ID {
		t.Errorf("its own input: %+v", j.Decision)
	}
	innocent := exchangeOf(t, "name", "lamp")
	j = p.Check(exchange.Attribution{Exchange: innocent, How: exchange.Value}, taint.Statement{Account: "app", Lexer: sqlite, SQL: injected}, observing)
	if j.Decision.Verdict != gatehouse.Deny || j.Evidence().Exchange != "other" {
		t.Errorf("a value proves no more than likely: another's input %+v", j.Decision)
	}
	j = p.Check(exactly(innocent), taint.Statement{Account: "app", Lexer: sqlite, SQL: injected}, observing)
	if j.Decision.Verdict != gatehouse.Pass {
		t.Errorf("exactly: another's input %+v", j.Decision)
	}
	// What the application is known to send, another's input stops for nobody.
	const ordinary = "SELECT name FROM items WHERE name = 'x'"
	st := taint.Statement{Account: "app", Lexer: sqlite, SQL: ordinary}
	others = nil
	if err := p.Passed(t.Context(), events.About{}, "", p.Check(exchange.Attribution{}, st, observing)); err != nil {
		t.Fatal(err)
	}
	others = []taint.Candidate{{Value: ordinary, Exchange: "other"}, {Value: "SELECT name FROM items WHERE name = '", Exchange: "other"}, {Value: "FROM items WHERE", Exchange: "other"}}
	for _, by := range []exchange.Attribution{{}, {Exchange: innocent, How: exchange.Alone}, {Exchange: innocent, How: exchange.Value}} {
		if j := p.Check(by, st, observing); !j.Quiet() {
			t.Errorf("%v: %+v", by.How, j.Decision)
		}
	}
}
