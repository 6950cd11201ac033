package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/internal/gateway"
)

type reportCommand struct {
	Since string `default:"7d" placeholder:"7d" help:"How far back; the day in which that is counts whole (UTC). Default: 7d."`
	Rung  string `placeholder:"RUNG" help:"One rung alone."`
}

func (c reportCommand) Run(ctx context.Context, g *globals) error {
	since, err := config.ParseDuration(c.Since)
	if err != nil {
		return usage("--since %q: want a duration such as 7d or 12h", c.Since)
	}
	if err := knownRung(c.Rung); err != nil {
		return err
	}
	from := time.Now().Add(-since.Std())
	lines, err := g.reportLines(ctx, gateway.ReportQuery{Since: from, Rung: c.Rung})
	if err != nil {
		return err
	}
	if g.JSON {
		return g.printJSON(lines)
	}
	found, err := g.findings(ctx, from, c.Rung)
	if err != nil {
		return err
	}
	w := g.process.Stdout
	if len(lines) == 0 && len(found) == 0 {
		if _, err := fmt.Fprintf(w, "No rung objected to anything in the last %s.\n", c.Since); err != nil {
			return err
		}
		return g.printCoverage(ctx, c.Rung)
	}
	for _, part := range []struct {
		outcome gatehouse.Outcome
		title   string
	}{
		{gatehouse.Observed, "Would have been refused (the rung observes)"},
		{gatehouse.Refused, "Refused"},
		{gatehouse.Allowed, "Let pass by allow entries"},
	} {
		if err := g.reportPart(part.title, part.outcome, lines); err != nil {
			return err
		}
	}
	if err := g.printFindings(found); err != nil {
		return err
	}
	if err := g.printCoverage(ctx, c.Rung); err != nil {
		return err
	}
	_, err = fmt.Fprintln(w, "gatehouse explain ID tells one in words.")
	return err
}

func (g *globals) reportLines(ctx context.Context, q gateway.ReportQuery) ([]gateway.ReportLine, error) {
	a, err := g.admin(ctx, true)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	lines, err := a.Report(ctx, q)
	// Days count whole; what ended before is left out all the same.
	return slices.DeleteFunc(lines, func(l gateway.ReportLine) bool { return l.Last.Before(q.Since) }), err
}

func (g *globals) reportPart(title string, outcome gatehouse.Outcome, lines []gateway.ReportLine) error {
	var t table
	t.add("REQUESTS", "CLIENTS", "RUNG", "RULE", "ROUTE", "FIELD", "LAST", "FOR INSTANCE")
	t.paintLast(func(_ int, cell string) string { return g.paint(cell, faint) })
	lines = slices.Clone(lines)
	slices.SortStableFunc(lines, func(a, b gateway.ReportLine) int { return cmp.Compare(b.Requests, a.Requests) })
	for _, l := range lines {
		if l.Outcome != outcome {
			continue
		}
		clients := fmt.Sprint(l.Clients)
		if !l.ClientsExact {
			clients = "about " + clients
		}
		t.add(fmt.Sprint(l.Requests), clients, l.Rung, l.Rule, l.Route, l.Field, ago(l.Last, time.Now()), l.Example)
	}
	if len(t.rows) == 1 {
		return nil
	}
	fmt.Fprintf(g.process.Stdout, "%s\n", g.paint(title, bold))
	if err := t.print(g.process.Stdout, "  "); err != nil {
		return err
	}
	_, err := fmt.Fprintln(g.process.Stdout)
	return err
}

// The rungs whose coverage is told.
const (
	accessRung    = "application/access"
	ownershipRung = "application/ownership"
)

// mostUncovered is how many routes without a rule are printed.
const mostUncovered = 20

// printCoverage names routes that no rule of application.access is for, where
// there are rules at all, and those with an identifier that no rule of
// application.ownership is for.
func (g *globals) printCoverage(ctx context.Context, rung string) error {
	if rung != "" && rung != accessRung && rung != ownershipRung {
		return nil
	}
	a, err := g.admin(ctx, true)
	if err != nil {
		return err
	}
	defer a.Close()
	c, err := a.Coverage(ctx)
	if errors.Is(err, gateway.ErrNotRunning) {
		return nil
	}
	if err != nil {
		return err
	}
	if rung != ownershipRung && c.Rules > 0 {
		err = g.printRoutes("Routes that no rule of application.access is for", c.Routes)
	}
	if err == nil && rung != accessRung {
		err = g.printRoutes("Routes with an identifier that no rule of application.ownership is for (gatehouse suggest ownership)", c.Unowned)
		if err == nil && len(c.Unmatched) > 0 {
			_, err = fmt.Fprintf(g.process.Stdout, "Rules of application.ownership that no request has matched: %s\n\n", strings.Join(c.Unmatched, ", "))
		}
	}
	return err
}

func (g *globals) printRoutes(title string, routes []gateway.UncoveredRoute) error {
	if len(routes) == 0 {
		return nil
	}
	var t table
	t.add("REQUESTS", "SIGNED IN", "ROUTE")
	for _, r := range routes[:min(len(routes), mostUncovered)] {
		t.add(fmt.Sprint(r.Requests), fmt.Sprint(r.SignedIn), r.Route)
	}
	fmt.Fprintf(g.process.Stdout, "%s\n", g.paint(title, bold))
	if err := t.print(g.process.Stdout, "  "); err != nil {
		return err
	}
	if more := len(routes) - mostUncovered; more > 0 {
		fmt.Fprintf(g.process.Stdout, "  and %d more\n", more)
	}
	_, err := fmt.Fprintln(g.process.Stdout)
	return err
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
