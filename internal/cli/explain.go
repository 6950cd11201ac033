package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/internal/gateway"
)

type explainCommand struct {
	ID string `arg:"" help:"The identifier that the client was told (Gate-Request-Id), or an event's."`
}

func (c explainCommand) Run(ctx context.Context, g *globals) error {
	found, err := g.find(ctx, c.ID)
	if err != nil {
		return err
	}
	if g.JSON {
		return g.printJSON(found)
	}
	for i, e := range found {
		if i > 0 {
			fmt.Fprintln(g.process.Stdout)
		}
		if err := g.explain(e); err != nil {
			return err
		}
	}
	return nil
}

// find gives the events of an identifier; none is an error that says why that
// may be.
func (g *globals) find(ctx context.Context, id string) ([]gatehouse.Event, error) {
	id = strings.TrimPrefix(strings.TrimSpace(id), "urn:gatehouse:request:")
	a, err := g.admin(ctx, true)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	found, err := a.Find(ctx, id)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, &exit{exitFindings, fmt.Errorf("nothing is recorded about %s: no rung objected to it, it is older than events.keep, "+
			"or it was one of a flood, whose events are counted together (gatehouse events query)", id)}
	}
	return found, nil
}

// outcomes are what became of a request, for a person.
var outcomes = map[gatehouse.Outcome]string{
	gatehouse.Refused:  "refused",
	gatehouse.Observed: "let pass, and would have been refused: the rung observes",
	gatehouse.Allowed:  "let pass by an allow entry",
	gatehouse.Proven:   "let pass: what it asks for was shown to be its own",
}

// explain prints one event in words.
func (g *globals) explain(e gatehouse.Event) error {
	w := g.process.Stdout
	head := e.Words
	if e.Outcome != "" && e.Request != "" {
		head = fmt.Sprintf("Request %s was %s.", e.Request, outcomes[e.Outcome])
	}
	fmt.Fprintf(w, "%s\n\n", g.paint(head, bold))
	var t table
	line := func(name, value string) {
		if value != "" {
			t.add(name, value)
			t.paintLast(g.paintName)
		}
	}
	line("when", e.Time.UTC().Format("2006-01-02 15:04:05.000 UTC"))
	if e.Method != "" {
		line("what", fmt.Sprintf("%s %s on %s", e.Method, e.Path, e.Host))
	}
	line("route", e.Route)
	line("who", who(e))
	if e.Rung != "" {
		stops, _, _, _ := gateway.RungInfo(e.Rung)
		line("rung", e.Rung+": stops "+stops)
		line("rule", e.Rule)
		if e.Field != "request" { // the whole of it: no place
			line("place", e.Field)
		}
		line("why", e.Evidence)
		if strings.HasPrefix(e.Field, "row:") {
			line("author", "whoever stored that value, who need not be this client")
		}
	}
	line("told", told(e))
	for _, name := range detailNames(e) {
		line(name, e.Detail[name])
	}
	if e.Occurrences() > 1 {
		line("count", fmt.Sprintf("%d times until %s", e.Count, e.Until.UTC().Format(time.RFC3339)))
	}
	line("event", e.Name+" ("+e.Level.String()+")")
	if err := t.print(w, "  "); err != nil {
		return err
	}
	return g.whatNext(e)
}

// sideNames are what stands on the other side of the backend, in the order in
// which a person follows an input there.
var sideNames = []string{"account", "from", "decoding", "statement", "template", "table", "column", "form"}

// detailNames are the names of an event's Detail in the order to print them.
func detailNames(e gatehouse.Event) []string {
	names := sortedKeys(e.Detail)
	slices.SortStableFunc(names, func(a, b string) int {
		return cmp.Compare(slices.Index(sideNames, a), slices.Index(sideNames, b))
	})
	return names
}

// paintName makes the first column faint.
func (g *globals) paintName(column int, cell string) string {
	if column > 0 {
		return cell
	}
	return g.paint(cell, faint)
}

// consoleRule is the rule that refuses what SQL consoles send.
const consoleRule = "whole-statement"

// told is what the client of a refusal learned.
func told(e gatehouse.Event) string {
	switch {
	case e.Outcome != gatehouse.Refused:
		return ""
	case e.Request == "" && ofStatement(e):
		return "an error, to the application whose own work it was"
	case e.Request == "":
		return "nothing: the connection was closed"
	case e.Status == 0:
		return "this identifier"
	}
	return fmt.Sprintf("status %d, and this identifier", e.Status)
}

// ofStatement reports whether the event is of a statement rather than a request.
func ofStatement(e gatehouse.Event) bool { return strings.HasPrefix(e.Rung, "data/") }

func who(e gatehouse.Event) string {
	if e.Client == "" {
		return ""
	}
	if e.Principal == "" {
		return e.Client + ", not known by name"
	}
	return e.Client + ", " + e.Principal
}

// whatNext says what a person may do about the event.
func (g *globals) whatNext(e gatehouse.Event) error {
	_, _, fixed, known := gateway.RungInfo(e.Rung)
	if e.Outcome != gatehouse.Refused || !known || fixed {
		return nil
	}
	if strings.HasPrefix(e.Rung, "network/") {
		_, err := fmt.Fprintf(g.process.Stdout, "\nWas it right to refuse? If not:\n"+
			"  gatehouse bans remove %s   lifts a ban; network.allow and network.deny stand in the configuration\n", e.Client)
		return err
	}
	id := e.Request
	if id == "" && ofStatement(e) { // the application's own work
		id = e.ID
	}
	if id == "" {
		return nil
	}
	if e.Rule == consoleRule {
		fmt.Fprintf(g.process.Stdout, "\nAn input that is a whole statement is what an SQL console sends. If this is one, and who may use it is\n"+
			"checked, an entry lets whole statements pass from this field of this route alone; every one is recorded.\n")
	}
	_, err := fmt.Fprintf(g.process.Stdout, "\nWas it right to refuse? If not:\n"+
		"  gatehouse allow %s --reason \"…\"   prints the entry that lets this, and nothing more, pass\n"+
		"  gatehouse promote %s --to observe   prints the line that records without refusing\n", id, e.Rung)
	return err
}
