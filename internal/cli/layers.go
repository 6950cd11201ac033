package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/internal/gateway"
)

type layersCommand struct {
	Why bool `help:"Say also why each rung stands where it stands, and what it holds."`
}

func (c layersCommand) Run(ctx context.Context, g *globals) error {
	l, running, err := g.layers(ctx)
	if err != nil {
		return err
	}
	if g.JSON {
		return g.printJSON(l)
	}
	return g.printLayers(l, running, c.Why)
}

// layers asks the running gate; without one, or with -c, it is told from the
// configuration.
func (g *globals) layers(ctx context.Context) (l gateway.Layers, running bool, err error) {
	dir, err := g.stateDir()
	if err != nil {
		return l, false, err
	}
	if g.Config == "" {
		a, err := gateway.Dial(ctx, dir)
		if err == nil {
			defer a.Close()
			l, err = a.Layers(ctx)
			return l, true, err
		}
		if !errors.Is(err, gateway.ErrNotRunning) {
			return l, false, err
		}
	}
	file, err := g.configFile()
	if err != nil {
		return l, false, err
	}
	c := config.Default()
	if file != "" {
		o := g.configOptions()
		o.AllowMissingSecrets = true
		if c, err = config.Load(file, o); err != nil {
			return l, false, err
		}
	}
	l, err = gateway.Describe(ctx, c)
	return l, false, err
}

func (g *globals) printLayers(l gateway.Layers, running, why bool) error {
	w := g.process.Stdout
	switch {
	case running && l.Observe:
		fmt.Fprintln(w, g.paint("The gate runs with --observe: it refuses nothing.", yellow))
	case !running:
		fmt.Fprintln(w, g.paint("No gate is running with this state folder; this is the ladder as configured.", faint))
	}
	for _, a := range l.Listening {
		fmt.Fprintf(w, "%s → %s\n", a, l.Upstream)
	}
	if l.Config != "" {
		fmt.Fprintf(w, "config  %s\n", l.Config)
	}
	for i, c := range l.Certificates {
		fmt.Fprintf(w, "%-6s  %s\n", []string{"tls", ""}[min(i, 1)], c)
	}
	current := ""
	for _, r := range l.Rungs {
		if r.Table != current {
			current = r.Table
			fmt.Fprintf(w, "\n%s\n", g.paint(current, bold))
		}
		g.printRung(r, why)
		if r.Name == "data/guard" && running {
			g.printAccounts(l)
		}
	}
	g.printBypasses(l)
	return g.printAllow(l.Allow)
}

var modeStyles = map[string]style{"enforce": green, "observe": yellow, "off": red, "fixed": faint}

func (g *globals) printRung(r gateway.RungLine, why bool) {
	w := g.process.Stdout
	mode := r.Mode
	var rules []string
	for _, rule := range sortedKeys(r.Rules) {
		rules = append(rules, rule+": "+r.Rules[rule])
	}
	if len(rules) > 0 {
		mode += " (" + strings.Join(rules, ", ") + ")"
	}
	fmt.Fprintf(w, "  %s  %s\n", g.paint(fmt.Sprintf("%-21s", r.Name), bold), g.paint(mode, modeStyles[r.Mode]))
	fmt.Fprintf(w, "      stops   %s\n", r.Stops)
	if why {
		fmt.Fprintf(w, "      here    %s\n", r.Why)
		if r.Holds != "" {
			fmt.Fprintf(w, "      holds   %s\n", r.Holds)
		}
	}
	if n := r.Refused + r.Observed + r.Allowed; n > 0 {
		fmt.Fprintf(w, "      hits    %d refused, %d would have been, %d allowed since the start; last %s\n", r.Refused, r.Observed, r.Allowed, ago(r.Last, time.Now()))
	}
	if r.Change != "" {
		fmt.Fprintf(w, "      change  %s\n", g.paint(r.Change, faint))
	}
}

// printAccounts prints what data/guard knows of each database account.
func (g *globals) printAccounts(l gateway.Layers) {
	w := g.process.Stdout
	if len(l.Accounts) == 0 {
		fmt.Fprintf(w, "      sees    %s\n", g.paint("nothing: no database account sends its statements through this gate", yellow))
		return
	}
	for _, s := range l.SQL {
		fmt.Fprintf(w, "      gate %s: %s → %s, %s open of %d let in and %d not; %s, %d refused\n", s.Name, s.Listen, s.Database,
			plural(uint64(s.Sessions), "session"), s.Accepted, s.Rejected, plural(s.Statements, "statement"), s.Refused)
	}
	for _, a := range l.Accounts {
		old := ""
		if a.Old > 0 {
			old = fmt.Sprintf(" (and %d of another version)", a.Old)
		}
		fmt.Fprintf(w, "      account %s: %s%s, %d in quarantine", a.Account, plural(uint64(a.Templates), "template"), old, a.Quarantined)
		if a.Judged > 0 {
			fmt.Fprintf(w, "; %s since the start, %.1f%% of known shape", plural(a.Judged, "statement"), 100*a.HitRate())
		}
		if a.Capped > 0 {
			fmt.Fprintf(w, ", %d judged in part", a.Capped)
		}
		fmt.Fprintln(w)
		if by := a.Attributed; by != nil && by.Total() > 0 {
			share := func(n uint64) float64 { return 100 * float64(n) / float64(by.Total()) }
			fmt.Fprintf(w, "        whose  %.1f%% exact, %.1f%% by value, %.1f%% alone, %.1f%% ambiguous\n", share(by.Exact), share(by.Value), share(by.Alone), share(by.Ambiguous))
		}
	}
	if len(l.Quarantine) > 0 {
		fmt.Fprintf(w, "      shapes  %s\n", g.paint("gatehouse layers --json lists those in quarantine", faint))
	}
}

func (g *globals) printBypasses(l gateway.Layers) {
	w := g.process.Stdout
	fmt.Fprintf(w, "\n%s\n", g.paint("bypasses", bold))
	if len(l.Bypasses) == 0 {
		fmt.Fprintln(w, "  none")
	}
	for _, b := range l.Bypasses {
		fmt.Fprintf(w, "  %s\n      reason  %s\n", b.What, b.Reason)
	}
}

func (g *globals) printAllow(lines []gateway.AllowLine) error {
	if len(lines) == 0 {
		return nil
	}
	fmt.Fprintf(g.process.Stdout, "\n%s\n", g.paint("allow entries", bold))
	var t table
	t.add("ID", "STATE", "HITS", "LAST", "SINCE", "EXPIRES")
	now := time.Now()
	for _, e := range lines {
		expires := "never"
		if !e.Expires.IsZero() {
			expires = e.Expires.Add(-time.Second).UTC().Format(time.DateOnly) // the last day, where a date was given
		}
		since := "-"
		if !e.Since.IsZero() {
			since = ago(e.Since, now)
		}
		t.add(e.ID, e.State, fmt.Sprint(e.Hits), ago(e.Last, now), since, expires)
		t.paintLast(func(column int, cell string) string {
			if column == 1 && cell != "used" {
				return g.paint(cell, yellow)
			}
			return cell
		})
	}
	return t.print(g.process.Stdout, "  ")
}
