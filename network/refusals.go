package network

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/events"
)

const (
	// refusalFlush is for how long refused connections are counted before they
	// are recorded, one event for each address and rule.
	refusalFlush = 10 * time.Second
	// maxRefusals bounds these events in one such time; the addresses beyond
	// share one event, with their exact count.
	maxRefusals = 256
)

// refusals counts refused connections and records them from a timer, so that
// neither a flood nor a slow disk holds up Accept.
type refusals struct {
	record func(context.Context, gatehouse.Event)
	now    func() time.Time
	total  atomic.Uint64

	mu      sync.Mutex
	pending map[refusalKey]*refusal
	others  *refusal
	timer   *time.Timer
	closed  bool
}

type refusalKey struct {
	from    netip.Prefix
	rule    string
	outcome gatehouse.Outcome
}

type refusal struct {
	decision    gatehouse.Decision
	outcome     gatehouse.Outcome
	from        string
	first, last time.Time
	count       uint64
}

func newRefusals(record func(context.Context, gatehouse.Event), now func() time.Time) *refusals {
	return &refusals{record: record, now: now, pending: make(map[refusalKey]*refusal)}
}

func (r *refusals) add(peer netip.Addr, d gatehouse.Decision, o gatehouse.Outcome) {
	if o == gatehouse.Refused {
		r.total.Add(1)
	}
	now := r.now()
	key := refusalKey{rule: d.Rule, outcome: o}
	if peer.IsValid() {
		key.from = gatehouse.Household(peer)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	entry, found := r.pending[key]
	switch {
	case found:
	case len(r.pending) < maxRefusals:
		entry = &refusal{decision: d, outcome: o, first: now}
		if peer.IsValid() {
			entry.from = peer.String()
		}
		r.pending[key] = entry
	case r.others == nil:
		r.others = &refusal{decision: d, outcome: o, first: now}
		entry = r.others
	default:
		entry = r.others
	}
	entry.count++
	entry.last = now
	if r.timer == nil && !r.closed {
		r.timer = time.AfterFunc(refusalFlush, r.flush)
	}
}

// flush records what is pending.
func (r *refusals) flush() {
	r.mu.Lock()
	pending, others := r.pending, r.others
	r.pending, r.others, r.timer = make(map[refusalKey]*refusal), nil, nil
	r.mu.Unlock()
	for _, entry := range pending {
		r.record(context.Background(), entry.event())
	}
	if others != nil {
		others.decision.Rule = RuleDenied
		others.decision.Evidence = fmt.Sprintf("More than %d addresses were refused within %s; these are the connections of the rest.", maxRefusals, refusalFlush)
		r.record(context.Background(), others.event())
	}
}

func (r *refusal) event() gatehouse.Event {
	if r.decision.Rung == "" {
		r.decision.Rung = "network/address"
	}
	e := events.AuthzFail(events.About{Client: r.from}, r.decision, r.outcome)
	if e.Time = r.first; r.count > 1 {
		e.Count, e.Until = r.count, r.last
	}
	return e
}

func (r *refusals) close() {
	r.mu.Lock()
	r.closed = true
	if r.timer != nil {
		r.timer.Stop()
	}
	r.mu.Unlock()
	r.flush()
}
