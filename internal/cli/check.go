package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/internal/gateway"
)

type checkCommand struct {
	AllowMissingSecrets bool   `help:"Accept references to secrets that are not on this machine, as in CI."`
	Upstream            string `placeholder:"URL" help:"The backend's address, where the file has none."`
}

func (c checkCommand) Run(ctx context.Context, g *globals) error {
	file, err := g.configFile()
	if err != nil {
		return err
	}
	cfg, err := c.load(g, file)
	if err != nil {
		return err
	}
	facts := gateway.Facts(cfg)
	if g.JSON {
		err = g.printJSON(map[string]any{"file": file, "warnings": words(cfg.Warnings), "facts": facts})
	} else {
		err = g.printChecked(file, cfg.Warnings, facts)
	}
	if err == nil && slices.ContainsFunc(facts, func(f gateway.Fact) bool { return f.Finding }) {
		return findings()
	}
	return err
}

// load reads the file, or makes the configuration of a run without one.
func (c checkCommand) load(g *globals, file string) (*config.Config, error) {
	if file == "" && c.Upstream == "" {
		return nil, usage("which configuration? gatehouse check -c FILE")
	}
	o := g.configOptions()
	o.AllowMissingSecrets, o.Upstream = c.AllowMissingSecrets, c.Upstream
	if file != "" {
		return config.Load(file, o)
	}
	cfg := config.Default()
	cfg.Upstream = c.Upstream
	return cfg, cfg.Validate(o)
}

func (g *globals) printChecked(file string, warnings []*config.Error, facts []gateway.Fact) error {
	w := g.process.Stdout
	if file != "" {
		fmt.Fprintf(w, "%s has no errors.\n", file)
	}
	for _, warning := range warnings {
		fmt.Fprintf(w, "%s  %s\n", g.paint("warning", yellow), warning)
	}
	for _, f := range facts {
		mark := g.paint("fact   ", faint)
		if f.Finding {
			mark = g.paint("finding", red)
		}
		if _, err := fmt.Fprintf(w, "%s  %s\n", mark, f.Words); err != nil {
			return err
		}
	}
	return nil
}

func words(warnings []*config.Error) []string {
	all := make([]string, 0, len(warnings))
	for _, w := range warnings {
		all = append(all, w.Error())
	}
	return all
}
