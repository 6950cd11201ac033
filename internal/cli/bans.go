package cli

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
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
		t.add(address(b.Prefix), until, b.By, b.Reason)
	}
	return t.print(g.process.Stdout, "")
}

type bansAdd struct {
	Address string `arg:"" help:"An address, or a network such as 203.0.113.0/24."`
	For     string `default:"24h" placeholder:"24h" help:"For how long; 0 until it is removed. Default: 24h."`
	Reason  string `required:"" placeholder:"WORDS" help:"Why."`
}

func (c bansAdd) Run(ctx context.Context, g *globals) error {
	prefix, err := prefixOf(c.Address)
	if err != nil {
		return err
	}
	length, err := config.ParseDuration(c.For)
	if err != nil || length == 0 && c.For != "0" {
		return usage("--for %q: want a duration such as 24h or 7d, or 0", c.For)
	}
	if !gatehouse.Reason(c.Reason).Given() {
		return usage("--reason is empty: say why")
	}
	if prefix.Addr().IsLoopback() {
		return usage("%s is this machine, which is never banned", c.Address)
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
	if err := a.Ban(ctx, b); err != nil {
		return err
	}
	if g.JSON {
		return g.printJSON(b)
	}
	until := "until it is removed"
	if !b.Until.IsZero() {
		until = "until " + b.Until.Local().Format("2006-01-02 15:04")
	}
	_, err = fmt.Fprintf(g.process.Stdout, "%s is banned %s.\n", address(prefix), until)
	return err
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
	bans, err := a.Bans(ctx)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(bans, func(b gateway.Ban) bool { return b.Prefix == prefix }) {
		return &exit{exitFindings, fmt.Errorf("%s is not banned: gatehouse bans list shows who is", address(prefix))}
	}
	if err := a.Unban(ctx, prefix); err != nil {
		return err
	}
	if g.JSON {
		return g.printJSON(map[string]netip.Prefix{"removed": prefix})
	}
	_, err = fmt.Fprintf(g.process.Stdout, "%s is banned no longer.\n", address(prefix))
	return err
}

// address is a prefix as people write it: an address alone without its length.
func address(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
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
