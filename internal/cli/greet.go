package cli

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/gatehousehq/gatehouse/internal/gateway"
)

// greet says what runs, what it does about attacks, and what to do next.
func (g *globals) greet(ctx context.Context, gate *gateway.Gate, addresses []string, startsBackend bool) {
	w := g.process.Stderr
	l, err := gate.Layers(ctx)
	if err != nil {
		return
	}
	fmt.Fprintf(w, "gatehouse: %s → %s\n", g.paint(strings.Join(addresses, ", "), bold), l.Upstream)
	line := func(name, words string, st style) {
		fmt.Fprintf(w, "  %s  %s\n", g.paint(fmt.Sprintf("%-11s", name), st), words)
	}
	if why := gate.NotReady(ctx); why != "" && !startsBackend {
		line("backend", why+" yet: clients get 502 until it does", yellow)
	}
	byMode := make(map[string][]string)
	for _, r := range l.Rungs {
		idle := r.Table == "statement" && (len(l.Accounts) == 0 || len(l.SQL) == 0 && r.Name != "data/guard") // no database speaks through the gate
		twice := slices.Contains(byMode[r.Mode], r.Name)                                                      // before the backend and behind it
		if r.Mode != "fixed" && !idle && !twice {
			byMode[r.Mode] = append(byMode[r.Mode], r.Name)
		}
	}
	if l.Observe {
		line("observed", "everything: --observe decides and records, and refuses nothing", yellow)
	} else {
		line("enforced", strings.Join(byMode["enforce"], ", "), green)
		if names := byMode["observe"]; len(names) > 0 {
			line("observed", strings.Join(names, ", ")+" (gatehouse report, then gatehouse promote RUNG)", yellow)
		}
	}
	if a, ok := gate.Database(); ok {
		line("database", "DATABASE_URL="+g.paint(a.URL(), bold), "")
		line("", "to use instead of the database's own: it stays the same as long as the state folder does", "")
	}
	for i, c := range l.Certificates {
		line([]string{"tls", ""}[min(i, 1)], c, "")
	}
	for _, b := range l.Bypasses {
		line("bypass", fmt.Sprintf("%s: %s", b.What, b.Reason), yellow)
	}
	fmt.Fprintln(w, "  gatehouse layers shows each rung; Ctrl-C drains and stops")
}

// platformProxies are where a platform's own proxies connect from: the private
// networks (RFC 1918, RFC 6598, RFC 4193).
func platformProxies() []netip.Prefix {
	var all []netip.Prefix
	for _, s := range []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7", "127.0.0.0/8", "::1/128"} {
		all = append(all, netip.MustParsePrefix(s))
	}
	return all
}
