package cli

import (
	"context"
	"fmt"
	"io"
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
	e, err := objection(c.ID, found)
	if err != nil {
		return err
	}
	entry := config.AllowEntry{
		ID: entryID(e), Rung: e.Rung, Rule: e.Rule, Path: e.Route,
		Reason: gatehouse.Reason(c.Reason), Expires: expires,
	}
	if e.Field != "request" {
		entry.Field = e.Field
	}
	if g.JSON {
		return g.printJSON(jsonEntry{entry.ID, entry.Rung, entry.Rule, entry.Path, entry.Field, entry.Reason, expires.Time})
	}
	g.toPaste(ctx, "allow")
	_, err = io.WriteString(g.process.Stdout, config.AllowYAML(entry))
	return err
}

// A jsonEntry is an entry as --json prints it, with the keys of the file.
type jsonEntry struct {
	ID      string           `json:"id"`
	Rung    string           `json:"rung"`
	Rule    string           `json:"rule"`
	Path    string           `json:"path"`
	Field   string           `json:"field,omitempty"`
	Reason  gatehouse.Reason `json:"reason"`
	Expires time.Time        `json:"expires,omitzero"`
}

// objection is the event that an entry can be about: the refusal, or else the
// first that would have been one.
func objection(id string, found []gatehouse.Event) (gatehouse.Event, error) {
	for _, outcome := range []gatehouse.Outcome{gatehouse.Refused, gatehouse.Observed} {
		i := slices.IndexFunc(found, func(e gatehouse.Event) bool { return e.Rung != "" && e.Outcome == outcome })
		if i < 0 {
			continue
		}
		e := found[i]
		_, _, fixed, known := gateway.RungInfo(e.Rung)
		switch {
		case fixed || !known:
			return e, &exit{exitFindings, fmt.Errorf("%s can't be let pass by an entry", e.Rung)}
		case strings.HasPrefix(e.Rung, "network/"):
			return e, &exit{exitFindings, fmt.Errorf("%s goes by address: see gatehouse bans list, network.allow and network.deny", e.Rung)}
		case e.Rule == gateway.RulePanic:
			return e, &exit{exitFindings, fmt.Errorf("%s refused because its check failed: that is a fault to report, and no entry lets it pass", e.Rung)}
		}
		return e, nil
	}
	return gatehouse.Event{}, &exit{exitFindings, fmt.Errorf("no rung refused %s: there is nothing to allow", id)}
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
	if d, err := config.ParseDuration(s); err == nil && d > 0 {
		return config.Expiry{Time: now.Add(d.Std()).UTC().Truncate(time.Second)}, nil
	}
	e, err := config.ParseExpiry(s)
	if err != nil {
		return e, usage("--expires %q: want a duration such as 30d, or a date such as 2027-06-30", s)
	}
	if (config.AllowEntry{Expires: e}).Expired(now) {
		return e, usage("--expires %s has passed already", s)
	}
	return e, nil
}
