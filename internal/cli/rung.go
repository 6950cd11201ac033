package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/internal/gateway"
)

// knownRung is an error where name is no rung; the empty name is every rung.
func knownRung(name string) error {
	if _, _, _, ok := gateway.RungInfo(name); ok || name == "" {
		return nil
	}
	return noRung(name)
}

// noRung names the rung that was meant, in the configuration's own words.
func noRung(name string) error {
	c := config.Default()
	c.Upstream = "http://127.0.0.1:3000" // only modes are asked about
	c.Modes = map[string]config.ModeSetting{name: {Mode: gatehouse.Enforce}}
	hint := "gatehouse layers names them"
	var mistakes config.Errors
	if errors.As(c.Validate(config.Options{Rungs: gateway.RungNames(), Strict: gateway.StrictRungs(), Needed: gateway.NeededRungs()}), &mistakes) && mistakes[0].Hint != "" {
		hint = mistakes[0].Hint
	}
	return usage("there is no rung %q; %s", name, hint)
}

// toPaste says above what is printed for the configuration where to put it.
func (g *globals) toPaste(ctx context.Context, section string) {
	w := g.process.Stdout
	l, running, err := g.layers(ctx)
	switch {
	case err != nil: // such as a configuration with errors, which check tells
		fmt.Fprintln(w, "# For gatehouse.yaml.")
	case l.Config != "" && running:
		fmt.Fprintf(w, "# For %s, which the running gate reads again at once.\n", l.Config)
	case l.Config != "":
		fmt.Fprintf(w, "# For %s.\n", l.Config)
	default:
		fmt.Fprintf(w, "# For gatehouse.yaml in the state folder, or the file that -c names; a running gate reads it at once.\n")
	}
	fmt.Fprintf(w, "# If it has %s: already, leave that line out.\n%s:\n", section, section)
}
