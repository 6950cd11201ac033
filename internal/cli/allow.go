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

type allowCommand struct {
	ID      string `arg:"" help:"The identifier of the refused request."`
	Reason  string `required:"" placeholder:"WORDS" help:"Why it may pass. It stands in the entry, in layers and in the events."`
	Expires string `placeholder:"30d" help:"For how long, or until which date. Default: for ever."`
}

func (c allowCommand) Run(ctx context.Context, g *globals) error {
	if !gatehouse.Reason(c.Reason).Given() {
		return usage("--reason is empty: say why this may pass")
	}
	expires, err := expiry(c.Expires, time.Now())
	if err != nil {
		return err
	}
	found, err := g.find(ctx, c.ID)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(found, func(e gatehouse.Event) bool { return e.Rung != "" && e.Outcome != gatehouse.Allowed })
	if i < 0 {
		return &exit{exitFindings, fmt.Errorf("no rung refused %s: there is nothing to allow", c.ID)}
	}
	e := found[i]
	if _, _, fixed, known := gateway.RungInfo(e.Rung); fixed || !known {
		return &exit{exitFindings, fmt.Errorf("%s can't be let pass by an entry", e.Rung)}
	}
	if strings.HasPrefix(e.Rung, "network/") {
		return &exit{exitFindings, fmt.Errorf("%s goes by address: see gatehouse bans list, network.allow and network.deny", e.Rung)}
	}
	entry := config.AllowEntry{
		ID: entryID(e), Rung: e.Rung, Rule: e.Rule, Path: e.Route,
		Reason: gatehouse.Reason(c.Reason), Expires: expires,
	}
	if e.Field != "" && e.Field != "request" {
		entry.Field = e.Field
	}
	if g.JSON {
		return g.printJSON(entry)
	}
	_, err = fmt.Fprintf(g.process.Stdout, "# paste under allow: in gatehouse.yaml; a running gate reads it at once\nallow:\n%s", entry.YAML())
	return err
}

// entryID names an entry after what it is about, and the request it came from.
func entryID(e gatehouse.Event) string {
	name := e.Rung[strings.LastIndex(e.Rung, "/")+1:] + "-" + e.Rule
	if len(e.Request) >= 6 {
		name += "-" + e.Request[:6]
	}
	return name
}

// expiry reads "30d" or a date; empty is never.
func expiry(s string, now time.Time) (config.Expiry, error) {
	if s == "" {
		return config.Expiry{}, nil
	}
	if d, err := config.ParseDuration(s); err == nil {
		return config.Expiry{Time: now.Add(d.Std()).UTC().Truncate(time.Second)}, nil
	}
	e, err := config.ParseExpiry(s)
	if err != nil {
		return e, usage("--expires %q: want a duration such as 30d, or a date such as 2027-06-30", s)
	}
	return e, nil
}
