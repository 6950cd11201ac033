package network

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/store"
)

// The rules of this layer's decisions.
const (
	RuleBanned     = "banned"
	RuleDenied     = "denied"
	RuleNotAllowed = "not-allowed"
	// RuleNoAddress refuses a peer whose address can't be told.
	RuleNoAddress = "no-address"
	// RuleDisagree stands in a passing decision: X-Forwarded-For and Forwarded
	// of a trusted proxy named different clients, and X-Forwarded-For was used.
	RuleDisagree = "forwarding-disagrees"
)

// Options configure a Network. Store and Recorder are required.
type Options struct {
	Lists
	// Store keeps the bans, kind "ban".
	Store    store.Store
	Recorder gatehouse.Recorder
	// Strikes say when strikes become a ban. The zero value means the defaults.
	Strikes StrikeOptions
	// SharedBy is how many accounts with good sessions ([Network.Good]) make an
	// address one that many share, which strikes never ban. Default 8, at most 32:
	// a family has fewer.
	SharedBy int
	// Limits bound what one address holds at once. The zero value means the defaults.
	Limits LimitOptions
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Network decides which addresses may connect. Its methods may be called
// concurrently.
type Network struct {
	lists    atomic.Pointer[lists]
	bans     *bans
	strikes  *strikes
	suspects *suspects
	shared   *shared
	conns    *gauge
	requests *gauge
	refusals *refusals
	record   func(context.Context, gatehouse.Event)
	lost     atomic.Uint64
	mode     atomic.Uint32 // a gatehouse.Mode; zero enforces
	open     atomic.Int64
	accepted atomic.Uint64
	now      func() time.Time
}

// openTimeout bounds the reading of the bans at start.
const openTimeout = 10 * time.Second

// New reads the bans in force from the store. Its errors name the option.
func New(o Options) (*Network, error) {
	if o.Store == nil {
		return nil, errors.New("network: Store is missing: bans must survive a restart")
	}
	if o.Recorder == nil {
		return nil, errors.New("network: Recorder is missing: a refusal must be written down")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	rules, err := o.Strikes.withDefaults()
	if err != nil {
		return nil, err
	}
	if o.SharedBy == 0 {
		o.SharedBy = 8
	}
	if o.SharedBy < 2 || o.SharedBy > maxSharedBy {
		return nil, fmt.Errorf("network: SharedBy is %d: want 2 to %d", o.SharedBy, maxSharedBy)
	}
	n := &Network{now: o.Now, shared: newShared(o.SharedBy), conns: newGauge(RuleConnections, 0, 0), requests: newGauge(RuleRequests, 0, -1), suspects: newSuspects(), strikes: newStrikes(rules)}
	n.record = func(ctx context.Context, e gatehouse.Event) {
		if err := o.Recorder.Record(ctx, e); err != nil {
			n.lost.Add(1)
		}
	}
	n.refusals = newRefusals(n.record, o.Now)
	if err := errors.Join(n.SetLists(o.Lists), n.SetLimits(o.Limits)); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), openTimeout)
	defer cancel()
	if n.bans, err = openBans(ctx, o.Store, o.Now); err != nil {
		return nil, fmt.Errorf("network: reading the bans: %w", err)
	}
	return n, nil
}

// SetLists replaces the lists at once for all that follows; bans and strikes
// stay. With an error nothing has changed.
func (n *Network) SetLists(l Lists) error {
	compiled, err := compile(l)
	if err != nil {
		return err
	}
	n.lists.Store(compiled)
	return nil
}

// SetMode says what becomes of a connection that [Network.CheckPeer] denies:
// refused (the zero value), recorded and accepted, or accepted. It changes
// nothing for [Network.Settle], whose caller has the decision.
func (n *Network) SetMode(m gatehouse.Mode) { n.mode.Store(uint32(m)) }

// CheckPeer decides about a TCP peer at connection time, before any handshake.
// A trusted proxy passes; the same lists are applied to the client behind it by
// [Network.Settle].
func (n *Network) CheckPeer(peer netip.Addr) gatehouse.Decision {
	l := n.lists.Load()
	peer = normal(peer)
	return n.check(l, peer, peer.IsValid() && l.trusts(peer), n.suspects.has(peer))
}

// check applies the lists and bans to an address. self is set where a is a
// trusted proxy speaking for itself: it need not be on the allow list.
func (n *Network) check(l *lists, a netip.Addr, self, undeclared bool) gatehouse.Decision {
	if !a.IsValid() {
		return gatehouse.Denied(RuleNoAddress, gatehouse.Place{}, "The peer's address can't be told.")
	}
	if p, _, found := l.deny.find(a, nil); found {
		return gatehouse.Denied(RuleDenied, gatehouse.Place{}, "%s is in network.deny (%s).", a, p)
	}
	if self {
		return gatehouse.Passed()
	}
	if len(l.allow.values) > 0 {
		if _, _, found := l.allow.find(a, nil); !found {
			return gatehouse.Denied(RuleNotAllowed, gatehouse.Place{}, "%s is not in network.allow.", a)
		}
	}
	if a.IsLoopback() || l.trusts(a) {
		return gatehouse.Passed()
	}
	if b, found := n.bans.find(a, undeclared); found {
		return gatehouse.Denied(RuleBanned, gatehouse.Place{}, "%s", b.sentence(a))
	}
	return gatehouse.Passed()
}

// Stats are counts since New, for metrics.
type Stats struct {
	// Open connections are those accepted and not yet closed.
	Open int64
	// Accepted and Refused count connections.
	Accepted uint64
	Refused  uint64
	// Bans in force.
	Bans int
	// LostEvents could not be recorded.
	LostEvents uint64
}

// Stats gives the counts as of now.
func (n *Network) Stats() Stats {
	return Stats{Open: n.open.Load(), Accepted: n.accepted.Load(), Refused: n.refusals.total.Load(),
		Bans: n.bans.active(), LostEvents: n.lost.Load()}
}

// Close records the refusals that were counted and not yet recorded.
func (n *Network) Close() error {
	n.refusals.close()
	return nil
}
