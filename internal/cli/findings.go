package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/internal/gateway"
)

// findingEvents are the events about what the application does itself, with
// what a report calls them.
var findingEvents = []struct{ name, what string }{
	{"gate_concatenation", "statement built by concatenation"},
	{"gate_password_stored", "password stored as "}, // and its form
}

// guardRung is whose findings they are.
const guardRung = "data/guard"

// A finding is one thing that the application does itself, over all events.
type finding struct {
	What    string    `json:"finding"`
	Route   string    `json:"route"`
	Field   string    `json:"field"`
	Account string    `json:"account"`
	Table   string    `json:"table,omitempty"`
	Column  string    `json:"column,omitempty"`
	Count   uint64    `json:"count"`
	Last    time.Time `json:"last"`
	// Example is an event's identifier, for explain.
	Example string `json:"example"`
}

// findings sums the findings since from.
func (g *globals) findings(ctx context.Context, from time.Time, rung string) ([]finding, error) {
	if rung != "" && rung != guardRung {
		return nil, nil
	}
	a, err := g.admin(ctx, true)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	var all []finding
	for _, of := range findingEvents {
		events, err := a.Search(ctx, gateway.EventFilter{Name: of.name, Since: from})
		if err != nil {
			return nil, err
		}
		for _, e := range events {
			all = addFinding(all, of.what, e)
		}
	}
	slices.SortStableFunc(all, func(a, b finding) int { return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(a.What, b.What)) })
	return all, nil
}

func addFinding(all []finding, what string, e gatehouse.Event) []finding {
	f := finding{
		What: what + e.Detail["form"], Route: e.Route, Field: e.Field,
		Account: e.Detail["account"], Table: e.Detail["table"], Column: e.Detail["column"],
	}
	last := e.Time
	if e.Until.After(last) {
		last = e.Until
	}
	i := slices.IndexFunc(all, func(have finding) bool {
		have.Count, have.Last, have.Example = 0, time.Time{}, ""
		return have == f
	})
	if i < 0 {
		f.Count, f.Last, f.Example = e.Occurrences(), last, e.ID
		return append(all, f)
	}
	all[i].Count += e.Occurrences()
	if last.After(all[i].Last) {
		all[i].Last, all[i].Example = last, e.ID
	}
	return all
}

func (g *globals) printFindings(all []finding) error {
	if len(all) == 0 {
		return nil
	}
	w := g.process.Stdout
	fmt.Fprintf(w, "%s\n", g.paint("Findings: what the application does itself", bold))
	var t table
	t.add("TIMES", "FINDING", "ROUTE", "FIELD", "TABLE", "LAST", "FOR INSTANCE")
	t.paintLast(func(_ int, cell string) string { return g.paint(cell, faint) })
	for _, f := range all {
		where := f.Table
		if f.Column != "" {
			where += "." + f.Column
		}
		t.add(fmt.Sprint(f.Count), f.What, f.Route, f.Field, where, ago(f.Last, time.Now()), f.Example)
	}
	if err := t.print(w, "  "); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w)
	return err
}
