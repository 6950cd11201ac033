package ratelimit

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/limit"
)

// An attempt to sign in that succeeds is given back to its address, so that hundreds
// behind one (an office at nine) may sign in, and who fails there is limited as
// before. It is given back as a credit, which the address' next attempt uses in
// place of its rate: that needs nothing of the limiter, be it shared or not.
//
// A success gives back the one attempt that it took, never more, so somebody's own
// account gains no guess at others'. Besides, an account gives back once in
// rewardEvery, whatever the address, in case an answer is wrongly told to be a
// success; and credits run out as what was taken comes back, at the rate's own pace.

const (
	rewardEvery = 10 * time.Minute
	// maxCredited bounds the addresses that have credits, and maxRewarded the
	// accounts that gave some: about 15 MB.
	maxCredited = 50_000
	maxRewarded = 100_000
)

// credits are what addresses may try without asking their rate.
type credits struct {
	rate limit.Rate
	now  func() time.Time
	// rewarded are accounts that gave one back.
	rewarded *limit.Memory

	mu  sync.Mutex
	all map[netip.Prefix]credit
}

type credit struct {
	n  int
	at time.Time
}

func newCredits(rate limit.Rate, now func() time.Time) (*credits, error) {
	if now == nil {
		now = time.Now
	}
	rewarded, err := limit.NewMemory(limit.MemoryOptions{MaxKeys: maxRewarded, Now: now})
	return &credits{rate: rate, now: now, rewarded: rewarded, all: map[netip.Prefix]credit{}}, err
}

// left is what has not run out. The caller holds mu.
func (c *credits) left(key netip.Prefix, now time.Time) credit {
	has := c.all[key]
	if gone := int(now.Sub(has.at) / c.rate.Interval()); gone > 0 {
		has.n = max(has.n-gone, 0)
		has.at = has.at.Add(time.Duration(gone) * c.rate.Interval())
	}
	if has.n == 0 {
		has.at = now
	}
	return has
}

// use takes one credit of an address, and reports whether there was one.
func (c *credits) use(addr netip.Addr) bool {
	key := gatehouse.Household(addr)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all[key].n == 0 {
		return false
	}
	has := c.left(key, c.now())
	if has.n <= 1 {
		delete(c.all, key)
		return has.n == 1
	}
	has.n--
	c.all[key] = has
	return true
}

// add gives an address one, up to a burst.
func (c *credits) add(addr netip.Addr) {
	key, now := gatehouse.Household(addr), c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, has := c.all[key]; !has && len(c.all) >= maxCredited {
		c.sweep(now)
		if len(c.all) >= maxCredited {
			return
		}
	}
	has := c.left(key, now)
	has.n = min(has.n+1, c.rate.Size())
	c.all[key] = has
}

// sweep drops what has run out. The caller holds mu.
func (c *credits) sweep(now time.Time) {
	for key := range c.all {
		if c.left(key, now).n == 0 {
			delete(c.all, key)
		}
	}
}

// SignedIn is told that an attempt to sign in succeeded, and at which account. s is
// what the checks gave.
func (l *Limits) SignedIn(ctx context.Context, q Request, s Standing, account string) {
	if !s.signIn || account == "" || l.exempt(q) {
		return
	}
	once := [...]limit.Take{{Key: account[:min(len(account), limit.MaxKey)], Rate: limit.Rate{Count: 1, Per: rewardEvery}}}
	if l.credits.rewarded.Take(ctx, once[:]) == nil && limit.Allowed(once[:]) {
		l.credits.add(q.Addr)
	}
}
