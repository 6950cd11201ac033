package gatehouse

import "net/netip"

// Household is what is taken for one client: an IPv4 address, or the /64 of an
// IPv6 address, since that is the least that one household is given (RFC 6177) and
// whoever has it may use any address in it. An IPv4 address inside an IPv6 one is
// the former, and zones don't count. Of no address it is the zero Prefix.
func Household(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 32
	if a.Is6() {
		bits = 64
	}
	return netip.PrefixFrom(a, bits).Masked()
}
