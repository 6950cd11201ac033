package network

import (
	"fmt"
	"net/netip"
	"slices"
)

// prefixMap finds the values of all prefixes that hold an address: one map
// lookup per prefix length in use, so that a hundred thousand single addresses
// cost as much as one. Not safe for concurrent changes.
type prefixMap[V any] struct {
	values map[netip.Prefix]V
	// count is how many prefixes there are by family and length.
	count [2][129]int
	// lengths are those in use by family, longest first.
	lengths [2][]int
}

func family(a netip.Addr) int {
	if a.Is4() {
		return 0
	}
	return 1
}

func (m *prefixMap[V]) set(p netip.Prefix, v V) {
	if m.values == nil {
		m.values = make(map[netip.Prefix]V)
	}
	if _, found := m.values[p]; !found {
		f := family(p.Addr())
		if m.count[f][p.Bits()]++; m.count[f][p.Bits()] == 1 {
			m.lengths[f] = append(m.lengths[f], p.Bits())
			slices.SortFunc(m.lengths[f], func(a, b int) int { return b - a })
		}
	}
	m.values[p] = v
}

func (m *prefixMap[V]) remove(p netip.Prefix) {
	if _, found := m.values[p]; !found {
		return
	}
	delete(m.values, p)
	f := family(p.Addr())
	if m.count[f][p.Bits()]--; m.count[f][p.Bits()] == 0 {
		m.lengths[f] = slices.DeleteFunc(m.lengths[f], func(n int) bool { return n == p.Bits() })
	}
}

// find gives the longest prefix around a whose value accept takes; a nil accept
// takes any. a must be normal.
func (m *prefixMap[V]) find(a netip.Addr, accept func(V) bool) (netip.Prefix, V, bool) {
	for _, bits := range m.lengths[family(a)] {
		p, err := a.Prefix(bits)
		if err != nil {
			continue
		}
		if v, found := m.values[p]; found && (accept == nil || accept(v)) {
			return p, v, true
		}
	}
	var none V
	return netip.Prefix{}, none, false
}

// normal is the one form of an address in which addresses are compared: no
// IPv4-mapped IPv6, no zone.
func normal(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// normalPrefix does the same for a prefix, and clears the bits beyond its length.
func normalPrefix(p netip.Prefix) (netip.Prefix, error) {
	if !p.IsValid() {
		return p, fmt.Errorf("not an address prefix: want one such as 203.0.113.0/24 or 2001:db8::/32")
	}
	a, bits := p.Addr(), p.Bits()
	if a.Is4In6() {
		if bits < 96 {
			return p, fmt.Errorf("%s mixes IPv4 and IPv6: write the IPv4 prefix", p)
		}
		a, bits = a.Unmap(), bits-96
	}
	return netip.PrefixFrom(a, bits).Masked(), nil
}

// isPrivate reports whether a is an address that is never a stranger's on the
// internet: RFC 1918, RFC 4193, RFC 6598 (shared by carriers), link-local, loopback.
func isPrivate(a netip.Addr) bool {
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || carrierNAT().Contains(a)
}

func carrierNAT() netip.Prefix { return netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64, 0, 0}), 10) }
