package cli

import (
	"context"
	"fmt"

	"github.com/gatehousehq/gatehouse/internal/gateway"
)

type trustCommand struct {
	Install trustInstall `cmd:"" help:"Have this machine trust the local authority's certificates."`
	Remove  trustRemove  `cmd:"" help:"Take that back."`
}

type trustInstall struct{}

func (trustInstall) Run(ctx context.Context, g *globals) error { return g.trust(ctx, true) }

type trustRemove struct{}

func (trustRemove) Run(ctx context.Context, g *globals) error { return g.trust(ctx, false) }

func (g *globals) trust(ctx context.Context, install bool) error {
	dir, err := g.stateDir()
	if err != nil {
		return err
	}
	lines, err := gateway.Trust(ctx, dir, install)
	if g.JSON && err == nil {
		return g.printJSON(map[string]any{"done": lines})
	}
	for _, line := range lines {
		fmt.Fprintln(g.process.Stdout, line)
	}
	return err
}
