package cli

import (
	"context"
	"fmt"
)

type suggestCommand struct {
	What string `arg:"" enum:"csp" help:"What to propose: csp, a content security policy from what browsers reported."`
}

func (c suggestCommand) Run(ctx context.Context, g *globals) error {
	a, err := g.admin(ctx, true)
	if err != nil {
		return err
	}
	defer a.Close()
	s, err := a.SuggestPolicy(ctx)
	if err != nil {
		return err
	}
	if g.JSON {
		return g.printJSON(s)
	}
	w := g.process.Stdout
	g.toPaste(ctx, "application")
	fmt.Fprintf(w, "  headers:\n    csp: %q\n", s.Policy)
	for _, part := range []struct {
		title string
		lines []string
	}{
		{"It allows, beyond the site itself, what several clients met:", s.Allows},
		{"What keeps it from being strict:", s.Unsafe},
		{"It refuses what too few clients have met so far:", s.Wanting},
	} {
		if len(part.lines) == 0 {
			continue
		}
		fmt.Fprintf(w, "\n# %s\n", part.title)
		for _, l := range part.lines {
			fmt.Fprintf(w, "#   %s\n", l)
		}
	}
	return nil
}
