package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/internal/gateway"
)

type eventsCommand struct {
	Tail  eventsTail  `cmd:"" help:"Events as they happen."`
	Query eventsQuery `cmd:"" help:"Events of the past."`
}

type eventsTail struct{}

func (eventsTail) Run(ctx context.Context, g *globals) error {
	a, err := g.admin(ctx, true)
	if err != nil {
		return err
	}
	defer a.Close()
	if _, err := a.Status(ctx); err != nil {
		return err
	}
	fmt.Fprintln(g.process.Stderr, "gatehouse: following the events; Ctrl-C ends")
	err = a.Follow(ctx, g.printEvent)
	if err == nil && ctx.Err() == nil {
		fmt.Fprintln(g.process.Stderr, "gatehouse: the gate has stopped")
	}
	return err
}

type eventsQuery struct {
	Since   string `default:"24h" placeholder:"24h" help:"How far back. Default: 24h."`
	Name    string `placeholder:"EVENT" help:"One kind of event, such as malicious_csrf."`
	Rung    string `placeholder:"RUNG" help:"One rung."`
	Outcome string `placeholder:"WORD" help:"refused, observed or allowed."`
	Client  string `placeholder:"ADDRESS" help:"One client's address."`
	Limit   int    `default:"200" placeholder:"200" help:"The newest so many. Default: 200."`
}

func (c eventsQuery) Run(ctx context.Context, g *globals) error {
	since, err := config.ParseDuration(c.Since)
	if err != nil {
		return usage("--since %q: want a duration such as 24h or 7d", c.Since)
	}
	switch gatehouse.Outcome(c.Outcome) {
	case "", gatehouse.Refused, gatehouse.Observed, gatehouse.Allowed:
	default:
		return usage("--outcome %q: want refused, observed or allowed", c.Outcome)
	}
	if err := knownRung(c.Rung); err != nil {
		return err
	}
	a, err := g.admin(ctx, true)
	if err != nil {
		return err
	}
	defer a.Close()
	found, err := a.Search(ctx, gateway.EventFilter{
		Since: time.Now().Add(-since.Std()), Name: c.Name, Rung: c.Rung,
		Outcome: gatehouse.Outcome(c.Outcome), Client: c.Client, Limit: c.Limit, Reverse: true,
	})
	if err != nil {
		return err
	}
	if len(found) == 0 && !g.JSON {
		_, err := fmt.Fprintf(g.process.Stdout, "No such event in the last %s.\n", c.Since)
		return err
	}
	for i := len(found) - 1; i >= 0; i-- {
		if err := g.printEvent(found[i]); err != nil {
			return err
		}
	}
	return nil
}

var levelStyles = map[gatehouse.Level]style{gatehouse.Info: faint, gatehouse.Warning: yellow, gatehouse.Critical: red}

// printEvent prints one line, or one JSON line.
func (g *globals) printEvent(e gatehouse.Event) error {
	if g.JSON {
		return json.NewEncoder(g.process.Stdout).Encode(e)
	}
	parts := []string{
		g.paint(e.Time.Local().Format("01-02 15:04:05"), faint),
		g.paint(fmt.Sprintf("%-24s", e.Name), levelStyles[e.Level]), e.Words,
	}
	if what := about(e); what != "" {
		parts = append(parts, what)
	}
	if e.Occurrences() > 1 {
		parts = append(parts, fmt.Sprintf("(%d times)", e.Count))
	}
	parts = append(parts, g.paint(cmp.Or(e.Request, e.ID), faint)) // explain takes either
	_, err := fmt.Fprintln(g.process.Stdout, strings.Join(parts, "  "))
	return err
}

// about is what an event is about, in short: the request, and what else its kind
// has to say.
func about(e gatehouse.Event) string {
	var parts []string
	if e.Method != "" {
		parts = append(parts, e.Method+" "+e.Path)
	}
	if e.Client != "" {
		parts = append(parts, "from "+e.Client)
	}
	for _, name := range sortedKeys(e.Detail) {
		if value := e.Detail[name]; len(value) <= 80 && !strings.Contains(e.Words, value) {
			parts = append(parts, name+": "+value)
		}
	}
	return strings.Join(parts, ", ")
}
