package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/internal/gateway"
)

type promoteCommand struct {
	Rung   string `arg:"" help:"The rung, such as input."`
	To     string `enum:"enforce,observe,off" default:"enforce" help:"The mode: enforce, observe or off."`
	Reason string `help:"Why; off needs one."`
}

// promoteSince is how far back promote looks for what a rung would refuse.
const promoteSince = 30 * 24 * time.Hour

func (c promoteCommand) Run(ctx context.Context, g *globals) error {
	rung, rule := c.Rung, ""
	_, _, fixed, ok := gateway.RungInfo(rung)
	if !ok {
		if i := strings.LastIndex(c.Rung, "/"); i > 0 {
			rung, rule = c.Rung[:i], c.Rung[i+1:]
			_, _, fixed, ok = gateway.RungInfo(rung)
		}
	}
	if !ok {
		return usage("there is no rung %q: gatehouse layers lists them", c.Rung)
	}
	if fixed {
		return usage("%s has no mode: the gate can't do without it", rung)
	}
	line := fmt.Sprintf("  %s: %s\n", c.Rung, c.To)
	if c.To == "off" {
		if !gatehouse.Reason(c.Reason).Given() {
			return usage("--to off needs --reason \"…\": it stands in layers and in the events")
		}
		line = fmt.Sprintf("  %s: {mode: off, reason: %q}\n", c.Rung, c.Reason)
	}
	w := g.process.Stdout
	fmt.Fprintf(w, "# paste under modes: in gatehouse.yaml; a running gate reads it at once\nmodes:\n%s", line)
	if c.To != "enforce" {
		return nil
	}
	lines, err := g.reportLines(ctx, gateway.ReportQuery{Since: time.Now().Add(-promoteSince), Rung: rung})
	if err != nil {
		_, err = fmt.Fprintf(w, "\n# Nothing is known of what it would refuse: %s\n", oneLine(err))
		return err
	}
	return g.wouldRefuse(c.Rung, rule, lines)
}

// wouldRefuse says what enforcing would have refused.
func (g *globals) wouldRefuse(name, rule string, lines []gateway.ReportLine) error {
	var requests uint64
	var observed []gateway.ReportLine
	for _, l := range lines {
		if l.Outcome == gatehouse.Observed && (rule == "" || l.Rule == rule) {
			requests += l.Requests
			observed = append(observed, l)
		}
	}
	w := g.process.Stdout
	if requests == 0 {
		_, err := fmt.Fprintf(w, "\n# In the last 30 days %s would have refused nothing that passed.\n", name)
		return err
	}
	fmt.Fprintf(w, "\n# In the last 30 days this would have refused %s:\n", plural(requests, "request"))
	for _, l := range observed {
		fmt.Fprintf(w, "#   %d from %s  %s  %s %s  (gatehouse explain %s)\n",
			l.Requests, plural(l.Clients, "client"), l.Rule, l.Route, l.Field, l.Example)
	}
	return nil
}
