package network

import (
	"errors"
	"fmt"
	"net/netip"
)

// Lists are the parts of the configuration that a reload may change. The zero
// value trusts no proxy, allows every address and denies none.
type Lists struct {
	// TrustedProxies are the peers whose forwarding headers are believed. They
	// are never banned.
	TrustedProxies []netip.Prefix
	// Allow, where not empty, denies every client outside it, loopback too:
	// behind an undeclared proxy on this machine every client is loopback.
	Allow []netip.Prefix
	// Deny beats everything else, trust included.
	Deny []netip.Prefix
	// UnixTrusted declares what connects to Unix sockets to be a proxy of ours.
	// Without it such a peer is treated as loopback.
	UnixTrusted bool
}

type lists struct {
	trusted, allow, deny prefixMap[struct{}]
	unixTrusted          bool
}

func compile(l Lists) (*lists, error) {
	out := &lists{unixTrusted: l.UnixTrusted}
	var errs []error
	for _, part := range []struct {
		name string
		from []netip.Prefix
		to   *prefixMap[struct{}]
	}{{"TrustedProxies", l.TrustedProxies, &out.trusted}, {"Allow", l.Allow, &out.allow}, {"Deny", l.Deny, &out.deny}} {
		for i, p := range part.from {
			p, err := normalPrefix(p)
			if err != nil {
				errs = append(errs, fmt.Errorf("network: %s[%d]: %w", part.name, i, err))
				continue
			}
			part.to.set(p, struct{}{})
		}
	}
	for p := range out.trusted.values {
		if p.Bits() == 0 {
			errs = append(errs, fmt.Errorf("network: TrustedProxies: %s trusts everybody, and any client could then claim any address: name the proxies", p))
		}
		for d := range out.deny.values {
			if d.Bits() <= p.Bits() && d.Contains(p.Addr()) {
				errs = append(errs, fmt.Errorf("network: Deny: %s covers the trusted proxy %s, so nothing could get through it: remove one of them", d, p))
			}
		}
	}
	return out, errors.Join(errs...)
}

func (l *lists) trusts(a netip.Addr) bool {
	_, _, found := l.trusted.find(a, nil)
	return found
}
