package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/internal/gateway"
)

type promoteCommand struct {
	Rung   string `arg:"" help:"The rung, such as input; or a rule of it, such as input/bomb."`
	To     string `enum:"enforce,observe,strict,off" default:"enforce" placeholder:"MODE" help:"The mode: enforce, observe, strict or off. Default: enforce."`
	Reason string `placeholder:"WORDS" help:"Why; off needs one."`
}

// promoteSince is how far back promote looks for what a rung would refuse.
const promoteSince = 30 * 24 * time.Hour

// A promotion is what promote prints.
type promotion struct {
	Name   string           `json:"name"`
	Mode   string           `json:"mode"`
	Reason gatehouse.Reason `json:"reason,omitempty"`
	// Now is the mode that it is in.
	Now string `json:"now,omitempty"`
	// WouldRefuse is what passed in the last 30 days and would not have.
	WouldRefuse []gateway.ReportLine `json:"would_refuse,omitempty"`
	// Unknown says why that is not known.
	Unknown string `json:"unknown,omitempty"`
}

// refuses reports whether the mode is one that refuses.
func (p promotion) refuses() bool { return p.Mode == "enforce" || p.Mode == "strict" }

// mode is the one of those two that it is.
func (p promotion) mode() gatehouse.Mode {
	if p.Mode == "strict" {
		return config.Strict
	}
	return gatehouse.Enforce
}

func (c promoteCommand) Run(ctx context.Context, g *globals) error {
	rung, rule, err := splitRung(c.Rung)
	if err != nil {
		return err
	}
	p := promotion{Name: c.Rung, Mode: c.To, Reason: gatehouse.Reason(c.Reason)}
	if c.To == "off" && !p.Reason.Given() {
		return usage("--to off needs --reason \"…\": it stands in layers and in the events")
	}
	if l, _, err := g.layers(ctx); err == nil {
		p.Now = modeIn(l, rung, rule)
	}
	if c.To == "strict" && (rule != "" || !slices.Contains(gateway.StrictRungs(), rung)) {
		return usage("%s has no mode strict: it is for %s", c.Rung, strings.Join(gateway.StrictRungs(), ", "))
	}
	if p.refuses() {
		lines, err := g.reportLines(ctx, gateway.ReportQuery{Since: time.Now().Add(-promoteSince), Rung: rung})
		if err != nil {
			p.Unknown = oneLine(err)
		}
		for _, l := range lines {
			of := l.Rule == rule || rule == "" && gateway.Enforces(rung, p.mode(), l.Rule)
			if l.Outcome == gatehouse.Observed && of {
				p.WouldRefuse = append(p.WouldRefuse, l)
			}
		}
	}
	if g.JSON {
		return g.printJSON(p)
	}
	return g.printPromotion(ctx, p)
}

// splitRung takes rung/rule apart; the rule is empty where a rung is named.
func splitRung(name string) (rung, rule string, err error) {
	rung = name
	_, _, fixed, ok := gateway.RungInfo(rung)
	if i := strings.LastIndex(name, "/"); !ok && i > 0 && i < len(name)-1 {
		rung, rule = name[:i], name[i+1:]
		_, _, fixed, ok = gateway.RungInfo(rung)
	}
	switch {
	case !ok:
		return "", "", noRung(name)
	case fixed:
		return "", "", usage("%s has no mode: the gate can't do without it", rung)
	}
	return rung, rule, nil
}

// modeIn is the mode of a rung, or of a rule of it.
func modeIn(l gateway.Layers, rung, rule string) string {
	for _, line := range l.Rungs {
		if line.Name != rung {
			continue
		}
		if mode, ok := line.Rules[rule]; ok {
			return mode
		}
		return line.Mode
	}
	return ""
}

func (g *globals) printPromotion(ctx context.Context, p promotion) error {
	w := g.process.Stdout
	if p.Now == p.Mode {
		fmt.Fprintf(w, "# %s is in %s already; this line would keep it there.\n", p.Name, p.Mode)
	}
	g.toPaste(ctx, "modes")
	if p.Mode == "off" {
		_, err := fmt.Fprintf(w, "  %s: {mode: off, reason: %q}\n", p.Name, p.Reason)
		return err
	}
	_, err := fmt.Fprintf(w, "  %s: %s\n", p.Name, p.Mode)
	if !p.refuses() {
		return err
	}
	if p.Unknown != "" {
		_, err := fmt.Fprintf(w, "\n# What it would have refused is not known: %s\n", p.Unknown)
		return err
	}
	var requests uint64
	for _, l := range p.WouldRefuse {
		requests += l.Requests
	}
	if requests == 0 {
		_, err := fmt.Fprintf(w, "\n# In the last 30 days it let nothing pass that it would refuse.\n")
		return err
	}
	fmt.Fprintf(w, "\n# In the last 30 days this would have refused %s:\n", plural(requests, "request"))
	for _, l := range p.WouldRefuse {
		fmt.Fprintf(w, "#   %d from %s  %s  %s %s  (gatehouse explain %s)\n",
			l.Requests, plural(l.Clients, "client"), l.Rule, l.Route, l.Field, l.Example)
	}
	return nil
}
