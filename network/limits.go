package network

import (
	"fmt"
	"hash/maphash"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/gatehousehq/gatehouse"
)

// The rules of the limits.
const (
	// RuleConnections refuses an address that has too many connections open.
	RuleConnections = "connections-per-address"
	// RuleTotal refuses connections beyond what the gate holds at once, and, when
	// they become scarce, those of an address that has its share already.
	RuleTotal = "connections-total"
	// RuleRequests refuses an address that has too many requests in flight.
	RuleRequests = "requests-per-address"
)

// LimitOptions bound what one address, or the /64 of an IPv6 address, holds at
// once. The zero value of each means its default; a negative one no bound.
//
// Loopback, trusted proxies, and private peers that seem to be undeclared proxies
// are not bounded for themselves: behind them stands everybody. Where a PROXY
// header names the client, it is the client that is bounded.
type LimitOptions struct {
	// Connections of one address. Default 1024: an office of four hundred with
	// browsers of HTTP/1 stays below; one machine needs six.
	Connections int
	// Total connections, over all addresses. Default 32,768. From three quarters
	// of it on, an address may open no more than a fair share: half of Total by
	// the number of addresses that have any, and never less than 8.
	Total int
	// Requests in flight of one address. Default 512.
	Requests int
}

func (o LimitOptions) withDefaults() (LimitOptions, error) {
	for _, f := range []struct {
		name     string
		value    *int
		standard int
	}{{"Connections", &o.Connections, 1024}, {"Total", &o.Total, 32_768}, {"Requests", &o.Requests, 512}} {
		if *f.value == 0 {
			*f.value = f.standard
		}
	}
	if o.Total > 0 && o.Total < 16 {
		return o, fmt.Errorf("network: Limits.Total is %d: want 16 or more", o.Total)
	}
	return o, nil
}

// leastShare is what every address may open, however scarce connections are: a
// browser's six and a little.
const leastShare = 8

// A holding is what one connection or request is counted under; the zero value
// under nothing but the total.
type holding struct {
	unit  netip.Prefix
	taken bool
}

// gaugeShards is how many locks a gauge has.
const gaugeShards = 16

// A gauge counts what is held by address. It keeps an entry for no address that
// holds nothing, so that its memory is bounded by what it counts.
type gauge struct {
	each, total atomic.Int64 // the bounds; below zero none
	all         atomic.Int64
	units       atomic.Int64
	seed        maphash.Seed
	shards      [gaugeShards]struct {
		mu   sync.Mutex
		held map[netip.Prefix]int32
	}
	rule string
}

func newGauge(rule string, each, total int) *gauge {
	g := &gauge{rule: rule, seed: maphash.MakeSeed()}
	g.each.Store(int64(each))
	g.total.Store(int64(total))
	for i := range g.shards {
		g.shards[i].held = make(map[netip.Prefix]int32)
	}
	return g
}

// take counts one more of h, where the bounds let it; it is then to be released.
func (g *gauge) take(h *holding) gatehouse.Decision {
	all, total := g.all.Add(1), g.total.Load()
	if total > 0 && all > total {
		g.all.Add(-1)
		return gatehouse.Denied(RuleTotal, gatehouse.Place{}, "%d connections are open, which is all that the gate holds at once", total)
	}
	if !h.unit.IsValid() {
		h.taken = true
		return gatehouse.Passed()
	}
	limit, rule := g.each.Load(), g.rule
	if total > 0 && all > total/4*3 {
		if share := max(total/2/max(g.units.Load(), 1), leastShare); limit < 0 || share < limit {
			limit, rule = share, RuleTotal
		}
	}
	s := &g.shards[maphash.Comparable(g.seed, h.unit)%gaugeShards]
	s.mu.Lock()
	had := s.held[h.unit]
	if limit < 0 || int64(had) < limit {
		if s.held[h.unit] = had + 1; had == 0 {
			g.units.Add(1)
		}
		h.taken = true
	}
	s.mu.Unlock()
	if !h.taken {
		g.all.Add(-1)
		return gatehouse.Denied(rule, gatehouse.Place{}, "%s holds %d at once already, and may hold no more now", who(h.unit), had)
	}
	return gatehouse.Passed()
}

func (g *gauge) release(h holding) {
	if !h.taken {
		return
	}
	g.all.Add(-1)
	if !h.unit.IsValid() {
		return
	}
	s := &g.shards[maphash.Comparable(g.seed, h.unit)%gaugeShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[h.unit]--; s.held[h.unit] <= 0 {
		delete(s.held, h.unit)
		g.units.Add(-1)
	}
}

// held is what a peer's connection is counted under.
func (n *Network) held(peer netip.Addr) holding {
	if !peer.IsValid() || peer.IsLoopback() || n.lists.Load().trusts(peer) || n.suspects.has(peer) {
		return holding{}
	}
	return holding{unit: gatehouse.Household(peer)}
}

// A Turn is a request's place among those in flight. The zero value is none.
type Turn struct {
	network *Network
	holding holding
}

// Enter counts a request in flight for its client, as [Network.Settle] told it:
// HTTP/2 and trusted proxies carry many in one connection. One that is let in
// must [Turn.Leave].
func (n *Network) Enter(c Client) (Turn, gatehouse.Decision) {
	h := holding{}
	if !c.Undeclared && !c.Unix || c.TrustedProxy && c.Addr != c.Peer {
		h = n.held(c.Addr)
	}
	d := n.requests.take(&h)
	if d.Verdict != gatehouse.Pass {
		return Turn{}, d.WithStatus(http.StatusTooManyRequests)
	}
	return Turn{n, h}, d
}

// Leave gives the place back. Call it once.
func (t Turn) Leave() {
	if t.network != nil {
		t.network.requests.release(t.holding)
	}
}

// SetLimits replaces the limits for all that follows; what is open stays. With an
// error nothing has changed.
func (n *Network) SetLimits(o LimitOptions) error {
	o, err := o.withDefaults()
	if err != nil {
		return err
	}
	n.conns.each.Store(int64(o.Connections))
	n.conns.total.Store(int64(o.Total))
	n.requests.each.Store(int64(o.Requests))
	return nil
}
