package network

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// maxHops bounds how many entries of a forwarding header are looked at, from
// the right. Real chains are of two or three proxies.
const maxHops = 32

// believed is what the headers of a trusted proxy tell. Empty is not told.
type believed struct {
	client      netip.Addr
	proto, host string
	// note says that the headers disagree.
	note string
}

// believe reads forwarding headers that a trusted proxy sent.
func believe(h http.Header, trusts func(netip.Addr) bool) believed {
	xff, fwd := h["X-Forwarded-For"], h["Forwarded"]
	elements := forwardedElements(fwd)
	if len(xff) == 0 && len(fwd) > 0 {
		client, hop := walk(elements, func(e element) string { return e.node }, trusts)
		out := believed{client: client}
		if hop > 0 {
			e := elements[len(elements)-hop]
			out.proto, out.host = cleanProto(e.proto), cleanHost(e.host)
		}
		return out
	}
	client, hop := walk(listEntries(xff, false), func(s string) string { return s }, trusts)
	out := believed{client: client}
	hop = max(hop, 1)
	out.proto = cleanProto(fromRight(listEntries(h["X-Forwarded-Proto"], false), hop))
	out.host = cleanHost(fromRight(listEntries(h["X-Forwarded-Host"], false), hop))
	if len(fwd) > 0 {
		other, _ := walk(elements, func(e element) string { return e.node }, trusts)
		if other.IsValid() && other != client {
			out.note = fmt.Sprintf("The trusted proxy's X-Forwarded-For names %s and its Forwarded %s; X-Forwarded-For was used.", nameOf(client), other)
		}
	}
	return out
}

func nameOf(a netip.Addr) string {
	if !a.IsValid() {
		return "nobody"
	}
	return a.String()
}

// walk goes over entries from the right, past trusted proxies, and gives the
// first address that is not one, and its place counted from the right, from 1.
// Each proxy appends the peer it saw, so an entry is true if all to its right
// are trusted proxies. It stops at the last good one before what is no address
// (an empty entry too: what stands to its left, somebody else wrote), and at the
// leftmost where all are trusted.
func walk[E any](entries []E, addr func(E) string, trusts func(netip.Addr) bool) (netip.Addr, int) {
	var last netip.Addr
	hop := 0
	for i := len(entries) - 1; i >= 0 && hop < maxHops; i-- {
		a, ok := parseNode(addr(entries[i]))
		if !ok {
			break
		}
		last = a
		hop++
		if !trusts(a) {
			break
		}
	}
	return last, hop
}

// listEntries gives the last maxHops entries of a header's lines, as if joined
// by commas. It splits from the right, so that what a client wrote (an open
// quote, say) can't swallow what a proxy appended to it; with quoted, a comma
// between quotes does not split.
func listEntries(lines []string, quoted bool) []string {
	var reversed []string
	for i := len(lines) - 1; i >= 0; i-- {
		rest, more := lines[i], true
		for more && len(reversed) < maxHops {
			cut := lastComma(rest, quoted)
			reversed = append(reversed, strings.Trim(rest[cut+1:], " \t"))
			if more = cut >= 0; more {
				rest = rest[:cut]
			}
		}
	}
	slices.Reverse(reversed)
	return reversed
}

func lastComma(s string, quoted bool) int {
	inside := false
	for i := len(s) - 1; i >= 0; i-- {
		switch {
		case s[i] == '"' && quoted:
			inside = !inside
		case s[i] == ',' && !inside:
			return i
		}
	}
	return -1
}

// fromRight gives the hop-th entry from the right, from 1: proxies that append
// keep the lists in step. A proxy that overwrites leaves one entry for all.
func fromRight(entries []string, hop int) string {
	if len(entries) == 0 {
		return ""
	}
	return entries[max(len(entries)-hop, 0)]
}

// parseNode reads an address as proxies write it: bare, with a port, in brackets.
func parseNode(s string) (netip.Addr, bool) {
	if strings.HasPrefix(s, "[") {
		inside, rest, closed := strings.Cut(s[1:], "]")
		if !closed || !strings.Contains(inside, ":") || rest != "" && !isPort(rest) {
			return netip.Addr{}, false
		}
		s = inside
	} else if i := strings.IndexByte(s, ':'); i >= 0 && i == strings.LastIndexByte(s, ':') {
		if !isPort(s[i:]) {
			return netip.Addr{}, false
		}
		s = s[:i]
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.IsUnspecified() || a.IsMulticast() {
		return netip.Addr{}, false
	}
	return normal(a), true
}

// isPort takes a colon and a port, or an obfuscated one (RFC 7239 section 6.2).
func isPort(s string) bool {
	if len(s) < 2 || s[0] != ':' || len(s) > 32 {
		return false
	}
	for _, c := range []byte(s[1:]) {
		if !isNodeChar(c) {
			return false
		}
	}
	return true
}

func isNodeChar(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '.' || c == '_' || c == '-'
}

func cleanProto(s string) string {
	switch strings.ToLower(s) {
	case "https", "wss":
		return "https"
	case "http", "ws":
		return "http"
	}
	return ""
}

// cleanHost takes a host with an optional port, or nothing.
func cleanHost(s string) string {
	if len(s) > 255+6 {
		return ""
	}
	for _, c := range []byte(s) {
		if !isNodeChar(c) && c != ':' && c != '[' && c != ']' {
			return ""
		}
	}
	return s
}

// An element is one hop of Forwarded (RFC 7239 section 4).
type element struct{ node, proto, host string }

// forwardedElements parses the elements of Forwarded. What is no element by the
// grammar becomes one without an address, at which walk stops.
func forwardedElements(lines []string) []element {
	var out []element
	for _, s := range listEntries(lines, true) {
		out = append(out, parseElement(s))
	}
	return out
}

func parseElement(s string) element {
	var e element
	for {
		name, value, rest, ok := nextPair(s)
		if !ok {
			return element{}
		}
		var to *string
		switch strings.ToLower(name) {
		case "for":
			to = &e.node
		case "proto":
			to = &e.proto
		case "host":
			to = &e.host
		}
		if to != nil {
			if *to != "" {
				return element{} // a parameter must not occur twice
			}
			*to = value
		}
		rest = strings.TrimLeft(rest, " \t")
		if rest == "" {
			return e
		}
		if rest[0] != ';' {
			return element{}
		}
		s = rest[1:]
	}
}

// nextPair reads name=token or name="quoted". An empty pair is none (";;").
func nextPair(s string) (name, value, rest string, ok bool) {
	s = strings.TrimLeft(s, " \t")
	if s == "" || s[0] == ';' {
		return "", "", s, true
	}
	eq := strings.IndexByte(s, '=')
	if eq <= 0 || strings.ContainsAny(s[:eq], " \t,;\"") {
		return "", "", "", false
	}
	name, s = s[:eq], s[eq+1:]
	if s == "" || s[0] != '"' {
		end := strings.IndexAny(s, ",; \t\"")
		if end < 0 {
			end = len(s)
		}
		return name, s[:end], s[end:], true
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return name, b.String(), s[i+1:], true
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return "", "", "", false
}
