package sqldriver

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/exchange"
	"github.com/gatehousehq/gatehouse/taint"
)

// A fakeGuard decides as it is told, and keeps what it was asked.
type fakeGuard struct {
	decision   taint.Decision
	candidates []taint.Candidate
	learned    []taint.Origin
	at         time.Time
}

func (g *fakeGuard) Judge(_ taint.Statement, candidates []taint.Candidate) taint.Decision {
	g.candidates = candidates
	return g.decision
}

func (g *fakeGuard) Learn(_ taint.Statement, o taint.Origin, now time.Time) bool {
	g.learned, g.at = append(g.learned, o), now
	return true
}

func begun(t *testing.T) *exchange.Exchange {
	t.Helper()
	table, err := exchange.NewTable(exchange.Options{})
	if err != nil {
		t.Fatal(err)
	}
	x, err := table.Begin()
	if err != nil {
		t.Fatal(err)
	}
	x.Route, x.Client = "GET /notes/{id}", netip.MustParseAddr("192.0.2.1")
	x.NoteRow("body", "a stored value")
	return x
}

func TestGuarded_Denial_TellsTheExchangeAndNotTheClient(t *testing.T) {
	g := &fakeGuard{decision: taint.Decision{
		Rule: taint.RuleStructure, Evidence: taint.Evidence{Place: gatehouse.Place{Kind: gatehouse.Row, Name: "body"}, Start: 10, End: 24},
	}}
	j := &guarded{guard: g, now: time.Now}
	x := begun(t)
	err := j.Judge(context.Background(), x, taint.Statement{SQL: "select a stored value"})
	refused, ok := errors.AsType[*RefusedError](err)
	if !ok || refused.Request != x.ID {
		t.Fatalf("the error is %#v", err)
	}
	d, ok := x.Refusal()
	if !ok || d != refused.Decision || d.Rung != "data/guard" || d.Rule != taint.RuleStructure || d.Route != x.Route || d.Place.String() != "row:body" {
		t.Errorf("Refusal() = %+v, %v", d, ok)
	}
	for _, text := range []string{err.Error(), d.Evidence} {
		if strings.Contains(text, "stored") || strings.Contains(text, "select") {
			t.Errorf("%q holds the statement or the value", text)
		}
	}
	if !slices.Equal(g.candidates, x.Candidates()) || len(g.learned) != 0 {
		t.Errorf("judged with %v, learned from %v", g.candidates, g.learned)
	}
	err = j.Judge(context.Background(), nil, taint.Statement{})
	if refused, ok := errors.AsType[*RefusedError](err); !ok || refused.Request != "" || g.candidates != nil {
		t.Errorf("background work: %#v, with %v", err, g.candidates)
	}
}

func TestGuarded_Pass_LearnsWhatIsNew(t *testing.T) {
	at := time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)
	passed := taint.Decision{Verdict: gatehouse.Pass}
	known, capped := passed, passed
	known.Known, capped.Capped = true, true
	address, principal := begun(t), begun(t)
	principal.Principal.ID = "ann"
	for name, c := range map[string]struct {
		decision taint.Decision
		x        *exchange.Exchange
		origins  []string
	}{
		"known":      {known, address, nil},
		"capped":     {capped, address, nil},
		"address":    {passed, address, []string{"192.0.2.1"}},
		"principal":  {passed, principal, []string{"ann"}},
		"background": {passed, nil, []string{""}},
	} {
		g := &fakeGuard{decision: c.decision}
		j := &guarded{guard: g, now: func() time.Time { return at }}
		if err := j.Judge(context.Background(), c.x, taint.Statement{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var origins []string
		for _, o := range g.learned {
			origins = append(origins, o.ID)
			if c.x != nil && !slices.Equal(o.Candidates, c.x.Candidates()) {
				t.Errorf("%s: learned beside %v", name, o.Candidates)
			}
			if g.at != at {
				t.Errorf("%s: learned at %v", name, g.at)
			}
		}
		if !slices.Equal(origins, c.origins) {
			t.Errorf("%s: learned from %q, want %q", name, origins, c.origins)
		}
		if c.x != nil {
			if d, ok := c.x.Refusal(); ok {
				t.Errorf("%s: Refusal() = %v", name, d)
			}
		}
	}
}

func TestOrigin_UnknownClients_AreOne(t *testing.T) {
	x := begun(t)
	x.Client = netip.Addr{}
	if got := origin(x); got == "" {
		t.Error("a client without an address counts as the program itself")
	}
}
