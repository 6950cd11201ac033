package network

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/events"
)

// A Client is who a request comes from, as far as the network can tell.
type Client struct {
	// Addr is the client's address: what bans, limits and events go by.
	// Loopback for an untrusted Unix socket.
	Addr netip.Addr
	// Peer is the other end of the connection; the zero Addr on a Unix socket.
	Peer netip.Addr
	// Proto is "http" or "https" as the client used it, Host the host it asked
	// for; both from the connection unless a trusted proxy said otherwise.
	Proto string
	Host  string
	// TrustedProxy is set where Peer is a declared proxy.
	TrustedProxy bool
	// Undeclared is set where Peer seems to be a proxy that nobody declared:
	// everybody may stand behind Addr, so limits by address must not be applied.
	Undeclared bool
	// Unix is set where the request came by a Unix socket.
	Unix bool
}

// Settle tells the client's address, once for each request and before [Clean],
// and applies the lists and bans to it. The address is the peer's; where the
// peer is a trusted proxy, the rightmost address of X-Forwarded-For that is not
// a trusted proxy (or of Forwarded, RFC 7239, where there is no
// X-Forwarded-For). At an entry that is no address it stops at the last good one.
//
// Proto and Host are taken from the headers of a trusted proxy only.
func (n *Network) Settle(r *http.Request) (Client, gatehouse.Decision) {
	l := n.lists.Load()
	c, known := n.peer(l, r)
	if !known {
		return c, n.check(l, netip.Addr{}, false, false)
	}
	c.Proto, c.Host = "http", r.Host
	if r.TLS != nil {
		c.Proto = "https"
	}
	if !c.TrustedProxy {
		c.Undeclared = n.suspect(r, c)
		return c, n.decide(l, c, "")
	}
	got := believe(r.Header, l.trusts)
	if got.client.IsValid() {
		c.Addr = got.client
	}
	if got.proto != "" {
		c.Proto = got.proto
	}
	if got.host != "" {
		c.Host = got.host
	}
	return c, n.decide(l, c, got.note)
}

// peer fills in what the connection itself tells.
func (n *Network) peer(l *lists, r *http.Request) (Client, bool) {
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.UnixAddr); ok && local != nil {
		return Client{Addr: netip.AddrFrom4([4]byte{127, 0, 0, 1}), Unix: true, TrustedProxy: l.unixTrusted}, true
	}
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return Client{}, false
	}
	a := normal(at.Addr())
	return Client{Addr: a, Peer: a, TrustedProxy: l.trusts(a)}, true
}

func (n *Network) decide(l *lists, c Client, note string) gatehouse.Decision {
	// Who connects by a Unix socket passed its file's permissions: the lists of
	// addresses apply only to a client that its proxy named.
	if c.Unix && c.Addr.IsLoopback() {
		return gatehouse.Passed()
	}
	d := n.check(l, c.Addr, c.TrustedProxy && c.Addr == c.Peer, c.Undeclared)
	if d.Verdict != gatehouse.Pass {
		d.Close = c.Addr == c.Peer
		return d
	}
	if note != "" {
		d.Rule, d.Evidence = RuleDisagree, note
	}
	return d
}

// suspect reports whether an undeclared private peer is taken for a proxy: this
// request or an earlier one bore a forwarding header. It is said once.
func (n *Network) suspect(r *http.Request, c Client) bool {
	if !isPrivate(c.Addr) {
		return false
	}
	header := forwardingHeader(r.Header)
	if header == "" {
		return n.suspects.has(c.Addr)
	}
	if n.suspects.add(c.Addr, n.now()) {
		peer := c.Addr.String()
		if c.Unix {
			peer = "a Unix socket"
		}
		n.record(context.WithoutCancel(r.Context()), events.UndeclaredProxy(peer, header))
	}
	return true
}

// forwardingHeader names the first header that only a proxy has reason to send.
func forwardingHeader(h http.Header) string {
	for _, name := range [...]string{"X-Forwarded-For", "Forwarded", "X-Real-Ip", "True-Client-Ip", "Cf-Connecting-Ip"} {
		if len(h[name]) > 0 {
			return name
		}
	}
	return ""
}

const (
	// maxSuspects bounds the private peers remembered as undeclared proxies.
	maxSuspects = 1024
	// suspectMemory is when one that sent no such header since makes room.
	suspectMemory = time.Hour
)

// suspects are the private peers that have sent forwarding headers. A private
// network has few proxies; where it has more than maxSuspects such peers, those
// beyond are spared only in requests that bear the header.
type suspects struct {
	mu   sync.RWMutex
	seen map[netip.Addr]time.Time
}

func newSuspects() *suspects { return &suspects{seen: make(map[netip.Addr]time.Time)} }

func (s *suspects) has(a netip.Addr) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, found := s.seen[a]
	return found
}

// add reports whether a is new.
func (s *suspects) add(a netip.Addr, now time.Time) bool {
	s.mu.RLock()
	last, found := s.seen[a]
	s.mu.RUnlock()
	if found && now.Sub(last) < suspectMemory/2 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, found := s.seen[a]; found {
		s.seen[a] = now
		return false
	}
	if len(s.seen) >= maxSuspects {
		for old, last := range s.seen {
			if now.Sub(last) > suspectMemory {
				delete(s.seen, old)
			}
		}
	}
	if len(s.seen) >= maxSuspects {
		return false
	}
	s.seen[a] = now
	return true
}
