package ledger_test

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gatehousehq/gatehouse/application/ownership/ledger"
)

// model is the ledger as one would write it down: a map, no memory, no store.
type model struct {
	keep     time.Duration
	perThing int
	have     map[string]map[string]loan // by thing, by principal
}

type loan struct {
	how   ledger.How
	until time.Time
}

func (m *model) live(id string, now time.Time) map[string]loan {
	for p, e := range m.have[id] {
		if !now.Before(e.until) {
			delete(m.have[id], p)
		}
	}
	if m.have[id] == nil {
		m.have[id] = map[string]loan{}
	}
	return m.have[id]
}

func (m *model) note(id, principal string, how ledger.How, until, now time.Time) error {
	all := m.live(id, now)
	has, known := all[principal]
	if !known {
		owners := 0
		for _, e := range all {
			if e.how != ledger.Shared {
				owners++
			}
		}
		switch {
		case how == ledger.Created && owners > 0:
			return ledger.ErrTaken
		case len(all) >= m.perThing:
			return ledger.ErrCrowded
		}
		all[principal] = loan{how, until}
		return nil
	}
	switch {
	case has.how == ledger.Shared && how == ledger.Shared:
		has.until = until
	case has.how == ledger.Shared && how == ledger.Listed, how == ledger.Shared:
	default:
		if has.how == ledger.Shared {
			has.how = how
		}
		if later := until.Sub(has.until); later > 0 && later >= (until.Sub(now)/16).Truncate(time.Second) {
			has.until = until
		}
	}
	all[principal] = has
	return nil
}

func (m *model) look(id, principal string, now time.Time) ledger.Standing {
	all := m.live(id, now)
	e, known := all[principal]
	switch {
	case !known && len(all) == 0:
		return ledger.Unknown
	case !known:
		return ledger.Others
	case e.how == ledger.Shared:
		return ledger.Lent
	}
	return ledger.Own
}

// gates are two ledgers over one store, beside the model.
type gates struct {
	*rapid.T
	t     *testing.T
	w     *world
	l     [2]*ledger.Ledger
	model model
}

func (g *gates) open(i int) {
	l, err := ledger.New(ledger.Options{Store: g.w, Now: g.w.now, MaxEntries: 1024, Every: 5 * time.Second, Keep: g.model.keep, MaxPerThing: g.model.perThing})
	if err != nil {
		g.Fatal(err)
	}
	g.l[i] = l
}

func (g *gates) must(err error) {
	if err != nil {
		g.Fatal(err)
	}
}

// flush has both write, and each learn what the other wrote.
func (g *gates) flush() {
	for _, l := range []*ledger.Ledger{g.l[0], g.l[1], g.l[0]} {
		g.must(l.Flush(g.t.Context()))
	}
}

func (g *gates) id() string { return rapid.SampledFrom([]string{"1", "2", "3"}).Draw(g.T, "id") }
func (g *gates) who() string {
	return rapid.SampledFrom([]string{"ann", "bob", "cat", "dan", "eve"}).Draw(g.T, "who")
}
func (g *gates) gate() *ledger.Ledger { return g.l[rapid.IntRange(0, 1).Draw(g.T, "gate")] }

func (g *gates) note(*rapid.T) {
	l, id, principal := g.gate(), g.id(), g.who()
	how := ledger.How(rapid.IntRange(int(ledger.Created), int(ledger.Answered)).Draw(g.T, "how"))
	until := g.w.now().Add(time.Duration(rapid.IntRange(1, 40).Draw(g.T, "hours")) * time.Hour)
	err := l.Note(g.t.Context(), ledger.Entry{Resource: "order", ID: id, Principal: principal, How: how, Until: until})
	want := g.model.note(id, principal, how, until, g.w.now())
	// What memory does not know is found out when it is written or looked for.
	if err != nil && !errors.Is(err, want) {
		g.Fatalf("note: %v, want %v", err, want)
	}
	if rapid.Bool().Draw(g.T, "look first") {
		got, err := l.Look(g.t.Context(), "order", id, principal)
		g.must(err)
		if want := g.model.look(id, principal, g.w.now()); got != want {
			g.Fatalf("before it is written: %v, want %v", got, want)
		}
	}
	g.flush()
}

func (g *gates) change(*rapid.T) {
	l, id, principal := g.gate(), g.id(), g.who()
	all := g.model.live(id, g.w.now())
	switch rapid.IntRange(0, 2).Draw(g.T, "change") {
	case 0:
		g.must(l.Forget(g.t.Context(), "order", id))
		clear(all)
	case 1:
		g.must(l.Revoke(g.t.Context(), "order", id, principal))
		delete(all, principal)
	case 2:
		g.must(l.Transfer(g.t.Context(), "order", id, principal))
		clear(all)
		all[principal] = loan{ledger.Created, g.w.now().Add(g.model.keep)}
	}
	g.flush()
}

func (g *gates) restart(*rapid.T) {
	i := rapid.IntRange(0, 1).Draw(g.T, "gate")
	g.must(g.l[i].Close())
	g.open(i)
}

func (g *gates) pass(*rapid.T) {
	g.w.pass(time.Duration(rapid.IntRange(1, 20*60).Draw(g.T, "minutes")) * time.Minute)
	g.flush()
}

func (g *gates) check(*rapid.T) {
	for i, l := range g.l {
		for _, id := range []string{"1", "2", "3"} {
			for _, principal := range []string{"ann", "bob", "cat", "dan", "eve"} {
				got, err := l.Look(g.t.Context(), "order", id, principal)
				g.must(err)
				if want := g.model.look(id, principal, g.w.now()); got != want {
					g.Fatalf("gate %d: %s for %s: %v, want %v", i, id, principal, got, want)
				}
			}
		}
		if c := l.Counts(); c.Waiting != 0 {
			g.Fatalf("gate %d: %d wait after a flush", i, c.Waiting)
		}
	}
}

func TestLedger_TwoGates_SayWhatTheModelSays(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		g := &gates{T: r, t: t, w: newWorld(t), model: model{keep: 48 * time.Hour, perThing: 3, have: map[string]map[string]loan{}}}
		g.open(0)
		g.open(1)
		defer func() {
			for _, l := range g.l {
				l.Close()
			}
		}()
		r.Repeat(map[string]func(*rapid.T){"note": g.note, "note more": g.note, "change": g.change, "restart": g.restart, "pass": g.pass, "": g.check})
	})
}
