package cli

import (
	"context"
	"fmt"

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
	if file == "" && c.Upstream == "" {
		return usage("which configuration? gatehouse check -c FILE")
	}
	o := g.configOptions()
	o.AllowMissingSecrets, o.Upstream = c.AllowMissingSecrets, c.Upstream
	cfg := config.Default()
	if file != "" {
		cfg, err = config.Load(file, o)
	} else {
		cfg.Upstream = c.Upstream
		err = cfg.Validate(o)
	}
	if err != nil {
		return err
	}
	facts := gateway.Facts(cfg)
	if g.JSON {
		return g.printJSON(map[string]any{"file": file, "warnings": words(cfg.Warnings), "facts": facts})
	}
	w := g.process.Stdout
	if file != "" {
		fmt.Fprintf(w, "%s has no errors.\n", file)
	}
	for _, warning := range cfg.Warnings {
		fmt.Fprintln(w, g.paint("warning", yellow)+"  "+warning.Error())
	}
	for _, f := range facts {
		mark := g.paint("fact   ", faint)
		if f.Finding {
			mark = g.paint("finding", red)
		}
		fmt.Fprintf(w, "%s  %s\n", mark, f.Words)
	}
	for _, f := range facts {
		if f.Finding {
			return findings()
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
