package transport

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/idna"
)

// normalHosts checks and normalises Options.Hosts.
func normalHosts(hosts []string) ([]string, error) {
	var out []string
	for _, h := range hosts {
		n := normalHost(h)
		if n == "" || strings.ContainsAny(n, "/:@ ") && net.ParseIP(n) == nil {
			return nil, fmt.Errorf("transport: Hosts: %q is not a host name or address: give it without scheme, port or path", h)
		}
		if net.ParseIP(n) == nil {
			ascii, err := idna.Lookup.ToASCII(strings.TrimPrefix(n, "*."))
			if err != nil {
				return nil, fmt.Errorf("transport: Hosts: %q is not a host name: %w", h, err)
			}
			if strings.HasPrefix(n, "*.") {
				ascii = "*." + ascii
			}
			n = ascii
		}
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out, nil
}

// normalHost is a host as certificates name it: lower case, without a final
// dot, brackets or zone.
func normalHost(h string) string {
	h = strings.ToLower(strings.TrimSuffix(strings.TrimSpace(h), "."))
	if a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(h, "["), "]")); err == nil {
		return a.Unmap().WithZone("").String()
	}
	return h
}

// splitHostPort takes a Host header apart; the port may be missing.
func splitHostPort(h string) (host, port string, ok bool) {
	if h == "" {
		return "", "", false
	}
	host, port, err := net.SplitHostPort(h)
	if err != nil {
		host, port = h, ""
		if strings.Contains(h, ":") && !strings.HasPrefix(h, "[") {
			return "", "", false
		}
	}
	host = normalHost(host)
	return host, port, host != ""
}

// isAddress reports whether h is an IP address.
func isAddress(h string) bool {
	_, err := netip.ParseAddr(h)
	return err == nil
}

// isLocalName reports whether h is localhost or below it.
func isLocalName(h string) bool { return h == "localhost" || strings.HasSuffix(h, ".localhost") }

// wildcardOf is the name with its first label replaced, "" where it has one
// label alone.
func wildcardOf(name string) string {
	_, rest, ok := strings.Cut(name, ".")
	if !ok || isAddress(name) {
		return ""
	}
	return "*." + rest
}
