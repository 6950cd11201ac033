package config

import (
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

func (r *reader) checkNetwork(n *Network) {
	if len(n.Listen) == 0 {
		r.fail("network.listen", "names no address", `write one such as [":8443"]`)
	}
	var all []listener
	for i, address := range n.Listen {
		all = r.checkListen(item("network.listen", i), address, all)
	}
	if n.Redirect != "" {
		all = r.checkListen("network.redirect", n.Redirect, all)
	}
	if n.Private.Listen != "" {
		r.checkListen("network.private.listen", n.Private.Listen, all)
	}
	r.checkPrivate(n.Private)
	r.checkPrefixes(n)
	r.checkHeaders(n.RemoveHeaders)
	r.checkTimeouts(n.Timeouts)
	r.checkLimits(n.Limits)
	r.checkExemptions(n.Patterns.Exempt)
}

// leastConnections is how few connections of everybody may be, as in package network.
const leastConnections = 16

func (r *reader) checkLimits(l NetworkLimits) {
	const key = "network.limits."
	for _, n := range []struct {
		name  string
		value int
	}{{"connections", l.Connections}, {"connections_per_address", l.ConnectionsPerAddress}, {"requests_per_address", l.RequestsPerAddress}} {
		if n.value < 0 {
			r.fail(key+n.name, "is below 0", "write how many, or 0 for any number")
		}
	}
	if 0 < l.Connections && l.Connections < leastConnections {
		r.fail(key+"connections", "is fewer than two browsers open", "write 16 or more, or 0 for any number")
	}
}

func (r *reader) checkExemptions(list []PatternExemption) {
	for i, e := range list {
		key := item("network.patterns.exempt", i)
		if e.Path != "" {
			r.checkPattern(key+".path", e.Path)
		}
		if e.Path == "" && e.Principal == "" {
			r.fail(key, "exempts everything", "give a path, a principal or both")
		}
	}
}

// A listener is an address to listen on, taken apart.
type listener struct {
	key        string
	host, port string
	// whole is the address itself where it is not host:port.
	whole string
}

// clash reports whether the system would refuse to open both.
func (l listener) clash(other listener) bool {
	if l.whole != "" || other.whole != "" {
		return l.whole == other.whole
	}
	if l.port != other.port || l.port == "0" {
		return false
	}
	return l.host == other.host || l.everywhere() || other.everywhere()
}

func (l listener) everywhere() bool {
	a, err := netip.ParseAddr(l.host)
	return l.host == "" || err == nil && a.IsUnspecified()
}

// loopback reports whether only this machine reaches the address. What systemd
// opened is not known here.
func (l listener) loopback() bool {
	if l.whole != "" {
		return strings.HasPrefix(l.whole, "unix:")
	}
	a, err := netip.ParseAddr(l.host)
	return l.host == "localhost" || err == nil && a.Unmap().IsLoopback()
}

// OnThisMachine reports whether only this machine reaches an address to listen
// on.
func OnThisMachine(address string) bool {
	l, hint := parseListen(address)
	return hint == "" && l.loopback()
}

// parseListen takes an address apart; the hint says what is wrong with it.
func parseListen(address string) (l listener, hint string) {
	const want = `write "host:port", ":443", "unix:/path" or "systemd:0"`
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		if !strings.HasPrefix(path, "/") {
			return l, "write unix: and a path that begins with /"
		}
		return listener{whole: address}, ""
	}
	if name, ok := strings.CutPrefix(address, "systemd:"); ok {
		if name == "" || strings.ContainsAny(name, "/: ") {
			return l, "write systemd:0 or systemd:NAME"
		}
		return listener{whole: address}, ""
	}
	if strings.Contains(address, "://") {
		return l, `leave the scheme out; write ":443" or "host:443"`
	}
	if atMost(address, 65535) {
		return l, `write ":` + address + `"`
	}
	host, port, err := net.SplitHostPort(address)
	switch {
	case err != nil:
		return l, want
	case !atMost(port, 65535):
		return l, "a port is a number up to 65535"
	case strings.ContainsAny(host, " /*@\\\"'"):
		return l, want
	}
	return listener{host: strings.ToLower(host), port: strings.TrimLeft(port[:len(port)-1], "0") + port[len(port)-1:]}, ""
}

func atMost(digits string, most int) bool {
	n, err := strconv.ParseUint(digits, 10, 32)
	return err == nil && n <= uint64(most)
}

func (r *reader) checkListen(key, address string, before []listener) []listener {
	l, hint := parseListen(address)
	if hint != "" {
		r.fail(key, r.quote(key, address)+" is not an address to listen on", hint)
		return before
	}
	l.key = key
	for _, other := range before {
		if l.clash(other) {
			r.fail(key, "is the same address as "+other.key, "give each listener its own port")
			break
		}
	}
	return append(before, l)
}

// minToken is how short a token of the private listener may be: 16 characters
// of a random one hold 64 bits even where they are hexadecimal.
const minToken = 16

func (r *reader) checkPrivate(p Private) {
	const key = "network.private"
	token := p.Token.Reveal()
	l, hint := parseListen(p.Listen)
	switch {
	case p.Listen == "" && (token != "" || p.Reason.Given()):
		r.fail(key+".listen", "is missing", "add listen: 127.0.0.1:9443, or remove the section")
	case token != "" && len(token) < minToken:
		r.fail(key+".token", "is too short to be a secret", "make one with openssl rand -hex 32")
	case token != "" && p.Reason.Given():
		r.fail(key+".reason", "is a reason for nothing: a token is asked for", "remove one of the two")
	case p.Listen == "", hint != "", token != "", p.Reason.Given(), l.loopback(), r.given(key + ".token"):
	default:
		r.fail(key+".listen", r.quote(key+".listen", p.Listen)+" is reachable from other machines without a token", "add token: ${file:/path}, listen on 127.0.0.1, or add a reason")
	}
}

func (r *reader) checkPrefixes(n *Network) {
	lists := []struct {
		key   string
		items []netip.Prefix
	}{{"network.trusted_proxies", n.TrustedProxies}, {"network.proxy_protocol", n.ProxyProtocol}, {"network.allow", n.Allow}, {"network.deny", n.Deny}}
	for _, l := range lists {
		seen := map[netip.Prefix]int{}
		for i, p := range l.items {
			if !p.IsValid() {
				continue // reported where it was read
			}
			if first, twice := seen[p]; twice {
				r.fail(item(l.key, i), "is given twice, first as "+item(l.key, first), "keep one")
			} else {
				seen[p] = i
			}
		}
	}
	for i, p := range n.TrustedProxies {
		if p.IsValid() && p.Bits() == 0 {
			r.fail(item("network.trusted_proxies", i), "trusts everybody, so any client could claim any address", "name the proxies' own addresses")
		}
	}
	for i, p := range n.ProxyProtocol {
		if p.IsValid() && p.Bits() == 0 {
			r.fail(item("network.proxy_protocol", i), "believes everybody, so any client could claim any address", "name the load balancers' own addresses")
		}
	}
	denied := map[netip.Prefix]int{}
	for i, p := range n.Deny {
		denied[p] = i
		if p.IsValid() && p.Bits() == 0 {
			r.fail(item("network.deny", i), "refuses everybody", "name the addresses to let in as network.allow")
		}
	}
	for i, p := range n.Allow {
		if at, both := denied[p]; both && p.IsValid() {
			r.fail(item("network.allow", i), "is refused by "+item("network.deny", at)+", which wins", "remove one of the two")
		}
	}
}

// indispensable headers can't be removed: the request would be another one.
var indispensable = map[string]bool{
	"Host": true, "Content-Length": true, "Transfer-Encoding": true, "Connection": true, "Upgrade": true, "Content-Type": true,
}

func (r *reader) checkHeaders(names []string) {
	const list = "network.remove_headers"
	seen := map[string]int{}
	for i, name := range names {
		key, canonical := item(list, i), http.CanonicalHeaderKey(name)
		first, twice := seen[canonical]
		switch {
		case !isToken(name):
			r.fail(key, r.quote(key, name)+" is not a header's name", "write one such as X-Internal-User")
		case indispensable[canonical]:
			r.fail(key, canonical+" can't be removed: the request would be another one", "leave it out")
		case twice:
			r.fail(key, "is given twice, first as "+item(list, first), "keep one")
		default:
			seen[canonical] = i
		}
	}
}

// isToken is RFC 9110, section 5.6.2.
func isToken(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return s != ""
}

func (r *reader) checkTimeouts(t Timeouts) {
	for _, d := range []struct {
		key   string
		value Duration
	}{{"header", t.Header}, {"body_idle", t.BodyIdle}, {"idle", t.Idle}} {
		if key := "network.timeouts." + d.key; d.value <= 0 {
			r.fail(key, "must be above 0: without it a slow client holds a connection for ever", "write one such as 30s")
		}
	}
	for _, d := range []struct {
		key   string
		value Duration
	}{{"backend", t.Backend}, {"drain", t.Drain}} {
		if d.value < 0 {
			r.fail("network.timeouts."+d.key, "is below 0", "write one such as 30s")
		}
	}
	if t.BodyMinRate < 0 {
		r.fail("network.timeouts.body_min_rate", "is below 0", "write one such as 240B/s, or 0 for any speed")
	}
}
