package cli

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/gatehousehq/gatehouse/internal/gateway"
)

// greet says what runs, what it does about attacks, and what to do next.
func (g *globals) greet(gate *gateway.Gate, addresses []string) {
	w := g.process.Stderr
	l, err := gate.Layers(context.Background())
	if err != nil {
		return
	}
	fmt.Fprintf(w, "gatehouse: %s → %s\n", g.paint(strings.Join(addresses, ", "), bold), l.Upstream)
	byMode := make(map[string][]string)
	for _, r := range l.Rungs {
		if r.Mode != "fixed" {
			byMode[r.Mode] = append(byMode[r.Mode], r.Name)
		}
	}
	if l.Observe {
		fmt.Fprintln(w, "  --observe     everything is decided and recorded, nothing is refused")
	} else {
		fmt.Fprintf(w, "  enforced      %s\n", strings.Join(byMode["enforce"], ", "))
	}
	if names := byMode["observe"]; len(names) > 0 {
		fmt.Fprintf(w, "  observed      %s (gatehouse report, then gatehouse promote RUNG)\n", strings.Join(names, ", "))
	}
	for _, c := range l.Certificates {
		fmt.Fprintf(w, "  certificate   %s\n", c)
	}
	for _, b := range l.Bypasses {
		fmt.Fprintf(w, "  %s  %s: %s\n", g.paint("bypass      ", yellow), b.What, b.Reason)
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
