package network

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/events"
)

// StrikeOptions say when strikes become a ban, and for how long. The zero value
// of each means its default.
//
// Five in ten minutes, then ten minutes, are what fail2ban ships (jail.conf:
// maxretry, findtime, bantime): its operators have lived with the false
// positives of these numbers for twenty years. The first ban is short because
// the address may be a school's or a carrier's; each further one within a week
// of the last is longer, up to the week itself.
type StrikeOptions struct {
	// Threshold is the weight of strikes within Window that leads to a ban.
	// Default 5, at most 64.
	Threshold int
	// Window is how long a strike counts. Default 10 minutes.
	Window time.Duration
	// Bans are the lengths of the first, second … ban; the last repeats.
	// Default 10 minutes, 1 hour, 24 hours, 7 days.
	Bans []time.Duration
}

func (o StrikeOptions) withDefaults() (StrikeOptions, error) {
	if o.Threshold == 0 {
		o.Threshold = 5
	}
	if o.Window == 0 {
		o.Window = 10 * time.Minute
	}
	if len(o.Bans) == 0 {
		o.Bans = []time.Duration{10 * time.Minute, time.Hour, 24 * time.Hour, 7 * 24 * time.Hour}
	}
	if o.Threshold < 1 || o.Threshold > 64 {
		return o, fmt.Errorf("network: Strikes.Threshold is %d: want 1 to 64", o.Threshold)
	}
	if o.Window < time.Second {
		return o, fmt.Errorf("network: Strikes.Window is %s: want a second or more", o.Window)
	}
	for i, d := range o.Bans {
		if d <= 0 {
			return o, fmt.Errorf("network: Strikes.Bans[%d] is %s: want a positive duration", i, d)
		}
	}
	return o, nil
}

// maxStruck is how many addresses one generation of strikes holds; there are
// two. With the default threshold 2 x 8192 take under 4 MB.
const maxStruck = 8192

// strikes counts by address, in two generations: when the young one is full or
// a window old it becomes the old one, and the old one is dropped. So memory is
// bounded, nothing is scanned, and a strike is kept for its whole window unless
// more than maxStruck addresses are struck within it.
type strikes struct {
	StrikeOptions
	mu         sync.Mutex
	young, old map[netip.Prefix][]strike
	born       time.Time
}

type strike struct {
	at     time.Time
	weight int
	reason string
}

// maxReason bounds the reason of a strike, in bytes.
const maxReason = 96

func newStrikes(o StrikeOptions) *strikes {
	return &strikes{StrikeOptions: o, young: make(map[netip.Prefix][]strike)}
}

// add counts a strike. It gives the weight of those in the window and their
// reasons where it reaches the threshold, and the address then starts anew; else
// zero.
func (s *strikes) add(p netip.Prefix, weight int, reason string, now time.Time) (int, string) {
	weight = min(max(weight, 1), s.Threshold)
	reason = reason[:min(len(reason), maxReason)]
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.born) > s.Window || len(s.young) >= maxStruck {
		s.young, s.old, s.born = make(map[netip.Prefix][]strike), s.young, now
	}
	had, found := s.young[p]
	if !found {
		had = s.old[p]
		delete(s.old, p)
	}
	total, kept := weight, had[:0]
	for _, k := range had {
		if now.Sub(k.at) < s.Window {
			total += k.weight
			kept = append(kept, k)
		}
	}
	kept = append(kept, strike{now, weight, reason})
	if total >= s.Threshold {
		delete(s.young, p)
		return total, reasonsOf(kept)
	}
	s.young[p] = kept
	return 0, ""
}

// reasonsOf lists the reasons of strikes, each once, in the order of the first.
func reasonsOf(list []strike) string {
	var reasons []string
	for _, k := range list {
		if !slices.Contains(reasons, k.reason) {
			reasons = append(reasons, k.reason)
		}
	}
	return strings.Join(reasons, ", ")
}

// forget drops the strikes of an address.
func (s *strikes) forget(p netip.Prefix) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.young, p)
	delete(s.old, p)
}

// Strike counts one offence of a client against its address, as [Network.Settle]
// told it; IPv6 by /64. Enough of them within the window ban it. A weight below
// 1 counts as 1. It does nothing to loopback, trusted proxies, and private peers
// that seem to be undeclared proxies; an address that many good sessions share
// ([Network.Good]) is not banned, and an event says so. reason is for people; it
// must hold no raw input.
func (n *Network) Strike(ctx context.Context, addr netip.Addr, weight int, reason string) {
	addr = normal(addr)
	if !addr.IsValid() || addr.IsLoopback() || n.lists.Load().trusts(addr) || n.suspects.has(addr) {
		return
	}
	now := n.now()
	unit := gatehouse.Household(addr)
	reached, reasons := n.strikes.add(unit, weight, reason, now)
	if reached == 0 {
		return
	}
	if sessions := n.shared.count(unit, now); sessions >= n.shared.by {
		n.record(ctx, events.BanSpared(who(unit), reasons, sessions))
		return
	}
	ban, fresh, err := n.bans.escalate(ctx, Ban{Prefix: unit, Since: now, Reason: reasons, By: ByStrikes}, n.strikes.Bans)
	if fresh {
		n.banned(ctx, ban, reached, err)
	}
}

// escalate puts a ban by strikes into force, longer than the last one that is
// remembered. It reports false where a ban of that prefix is in force already.
func (b *bans) escalate(ctx context.Context, ban Ban, lengths []time.Duration) (Ban, bool, error) {
	b.writing.Lock()
	defer b.writing.Unlock()
	last, found := b.get(ban.Prefix)
	if found && last.inForce(ban.Since) {
		return last, false, nil
	}
	if found && ban.Since.Before(last.Until.Add(banMemory)) {
		ban.Times = last.Times
	}
	ban.Until = ban.Since.Add(lengths[min(ban.Times, len(lengths)-1)])
	ban.Times++
	return ban, true, b.put(ctx, ban)
}

// banned records a ban. One that could not be written down is in force until
// the gate restarts, and the event says so.
func (n *Network) banned(ctx context.Context, ban Ban, strikes int, err error) {
	reason := ban.Reason
	if ban.By != ByStrikes {
		reason = fmt.Sprintf("%s, by %s", reason, ban.By)
	} else if ban.Times > 1 {
		reason = fmt.Sprintf("%s; ban number %d, each within a week of the last", reason, ban.Times)
	}
	if err != nil {
		reason = fmt.Sprintf("%s (a restart will forget it: %v)", reason, err)
	}
	n.record(ctx, events.Banned(who(ban.Prefix), reason, ban.Until, strikes))
}

// who writes a single address without its length.
func who(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// Widest prefixes that a person may ban: a /8, or a /19 of IPv6 (the largest
// that registries give out). Beyond it a typing error is likelier than a wish.
const (
	widest4 = 8
	widest6 = 19
)

// Ban keeps a prefix out until a moment; a zero until means until it is lifted.
// by is who decided. Trusted proxies and loopback inside the prefix still pass.
// With an error from the store the ban is in force, but a restart forgets it.
func (n *Network) Ban(ctx context.Context, prefix netip.Prefix, until time.Time, reason, by string) error {
	p, err := normalPrefix(prefix)
	now := n.now()
	switch {
	case err != nil:
		return fmt.Errorf("network: ban: %w", err)
	case reason == "":
		return errors.New("network: ban: a reason is missing")
	case by == "" || by == ByStrikes:
		return errors.New("network: ban: who bans is missing")
	case !until.IsZero() && !now.Before(until):
		return fmt.Errorf("network: ban: %s has passed already", until.UTC().Format(time.RFC3339))
	case p.Bits() < widest4 || p.Addr().Is6() && p.Bits() < widest6:
		return fmt.Errorf("network: ban: %s is too wide (at most /%d, or /%d of IPv6): say who may connect in network.allow", p, widest4, widest6)
	case p.Addr().IsLoopback():
		return fmt.Errorf("network: ban: %s is this machine, which is never banned", p)
	}
	for t := range n.lists.Load().trusted.values {
		if t.Bits() <= p.Bits() && t.Contains(p.Addr()) {
			return fmt.Errorf("network: ban: %s is a trusted proxy (%s), which is never banned: ban the client behind it, or use network.deny", who(p), t)
		}
	}
	ban := Ban{Prefix: p, Since: now, Until: until, Reason: reason, By: by}
	n.bans.writing.Lock()
	if last, found := n.bans.get(p); found {
		ban.Times = last.Times
	}
	err = n.bans.put(ctx, ban)
	n.bans.writing.Unlock()
	n.banned(ctx, ban, 0, err)
	if err != nil {
		return fmt.Errorf("network: %s is banned until the gate restarts: %w", who(p), err)
	}
	return nil
}

// Unban lifts the ban of exactly this prefix, and forgets its strikes and
// earlier bans. For one IPv6 address it lifts the ban of its /64. ErrNoBan where
// there is none.
func (n *Network) Unban(ctx context.Context, prefix netip.Prefix, by string) error {
	p, err := normalPrefix(prefix)
	if err != nil {
		return fmt.Errorf("network: unban: %w", err)
	}
	if _, found := n.bans.get(p); !found && p.IsSingleIP() {
		p = gatehouse.Household(p.Addr())
	}
	if err := n.bans.lift(ctx, p); err != nil {
		return err
	}
	n.strikes.forget(p)
	n.record(ctx, events.Unbanned(who(p), by))
	return nil
}

// Bans lists those in force, by prefix.
func (n *Network) Bans(context.Context) []Ban { return n.bans.list() }

// Sweep frees the memory of bans long past. Call it now and then, as the
// store's own Sweep.
func (n *Network) Sweep() { n.bans.sweep() }
