package cli

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/internal/gateway"
)

type bansCommand struct {
	List   bansList   `cmd:"" help:"Every ban in force."`
	Add    bansAdd    `cmd:"" help:"Ban an address or a network."`
	Remove bansRemove `cmd:"" help:"Lift a ban."`
}

type bansList struct{}

func (bansList) Run(ctx context.Context, g *globals) error {
	a, err := g.admin(ctx, true)
	if err != nil {
		return err
	}
	defer a.Close()
	bans, err := a.Bans(ctx)
	if err != nil {
		return err
	}
	if g.JSON {
		return g.printJSON(bans)
	}
	if len(bans) == 0 {
		_, err := fmt.Fprintln(g.process.Stdout, "Nobody is banned.")
		return err
	}
	var t table
	t.add("ADDRESS", "UNTIL", "BY", "REASON")
	t.paintLast(func(_ int, cell string) string { return g.paint(cell, faint) })
	for _, b := range bans {
		until := "lifted by hand"
		if !b.Until.IsZero() {
			until = b.Until.Local().Format("2006-01-02 15:04")
		}
		t.add(b.Prefix.String(), until, b.By, b.Reason)
	}
	return t.print(g.process.Stdout, "")
}

type bansAdd struct {
	Address string `arg:"" help:"An address, or a network such as 203.0.113.0/24."`
	For     string `default:"24h" help:"For how long; 0 until it is removed."`
	Reason  string `required:"" help:"Why."`
}

func (c bansAdd) Run(ctx context.Context, g *globals) error {
	prefix, err := prefixOf(c.Address)
	if err != nil {
		return err
	}
	length, err := config.ParseDuration(c.For)
	if c.For != "0" && err != nil {
		return usage("--for %q: want a duration such as 24h or 7d, or 0", c.For)
	}
	if !gatehouse.Reason(c.Reason).Given() {
		return usage("--reason is empty: say why")
	}
	b := gateway.BanRequest{Prefix: prefix, Reason: gatehouse.Reason(c.Reason)}
	if length > 0 {
		b.Until = time.Now().Add(length.Std())
	}
	a, err := g.admin(ctx, false)
	if err != nil {
		return err
	}
	defer a.Close()
	return a.Ban(ctx, b)
}

type bansRemove struct {
	Address string `arg:"" help:"As bans list shows it."`
}

func (c bansRemove) Run(ctx context.Context, g *globals) error {
	prefix, err := prefixOf(c.Address)
	if err != nil {
		return err
	}
	a, err := g.admin(ctx, false)
	if err != nil {
		return err
	}
	defer a.Close()
	return a.Unban(ctx, prefix)
}

func prefixOf(s string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, usage("%q is neither an address nor a network such as 203.0.113.0/24", s)
	}
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen()), nil
}
