package throttle

import (
	"net/netip"
	"time"

	"github.com/gatehousehq/gatehouse"
)

// An address is what one address, or a /64 of IPv6, did.
type address struct {
	failures, naming budget
	// succeeded are accounts that signed in there within the last week or two, in
	// two generations; failed those that did not within this window.
	succeeded, before, failed crowd
	week, window              int64
	// held are accounts that newcomers were asked to come again with, since heldAt.
	held   crowd
	heldAt int64
	// stuffed is until when the address is refused as one that stuffs.
	stuffed int64
}

const (
	failWindow = 10 * time.Minute
	goodWindow = 7 * 24 * time.Hour
	// stuffedFor is how long an address that stuffs is refused.
	stuffedFor = 30 * time.Minute
)

func (t *Throttle) weighAddress(a *address, now time.Time) int {
	w := int(a.failures.spent)
	if now.UnixNano() < a.stuffed {
		w += 1000
	}
	return w + a.good()
}

// good is how many accounts signed in there lately.
func (a *address) good() int {
	return crowd{a.succeeded[0] | a.before[0], a.succeeded[1] | a.before[1]}.count()
}

// turn begins new windows where the old ones have passed.
func (a *address) turn(now time.Time) {
	if n := now.UnixNano(); n-a.window > int64(failWindow) {
		a.window, a.failed = n, crowd{}
	}
	if n := now.UnixNano(); n-a.heldAt > int64(failWindow) {
		a.heldAt, a.held = n, crowd{}
	}
	if n := now.UnixNano(); n-a.week > int64(goodWindow) {
		if n-a.week > 2*int64(goodWindow) {
			a.succeeded = crowd{}
		}
		a.week, a.before, a.succeeded = n, a.succeeded, crowd{}
	}
}

// addressKey is an address' key; without an address all share one.
func (t *Throttle) addressKey(addr netip.Addr) uint64 {
	raw := gatehouse.Household(addr).Addr().As16()
	return first64(t.hashes.Sum("address", string(raw[:])))
}

// A standing is what an address is to a guess at an account.
type standing struct {
	// trusted: somebody signed in there lately. tried: the account did not let it in
	// within this window.
	trusted, tried bool
	// names is how many accounts did not.
	names int
	// returns: it was asked to come again with the account, and the wait is over.
	returns bool
	wait    time.Duration
}

func (a *address) standing(account uint64, now time.Time) standing {
	s := standing{trusted: a.good() > 0, tried: a.failed.has(account), names: a.failed.count(), wait: comeAgain}
	if a.held.has(account) {
		s.wait = max(comeAgain-time.Duration(now.UnixNano()-a.heldAt), 0)
		s.returns = s.wait == 0
	}
	return s
}

// admitAddress decides about a guess at an account from an address, and takes what it
// costs.
func (t *Throttle) admitAddress(key, account uint64, cost float32, raised bool, now time.Time) (d gatehouse.Decision, wait time.Duration, s standing) {
	d = gatehouse.Passed()
	t.addresses.with(key, now, func(a *address) {
		a.turn(now)
		good := a.good()
		rate, more := t.o.Address, 2*good
		if raised && good == 0 {
			rate.Burst = min(rate.Burst, raisedBurst)
		}
		left := a.failures.left(rate, more, now)
		switch {
		case now.UnixNano() < a.stuffed:
			wait = time.Duration(a.stuffed - now.UnixNano())
			d = gatehouse.Denied(RuleStuffing, gatehouse.Place{}, "the address tried many accounts, and hardly any let it in")
		case left < cost:
			wait = a.failures.wait(rate, left)
			d = gatehouse.Denied(RuleAddress, gatehouse.Place{}, "the address failed too often: another try may come in %s", wait.Round(time.Second))
		default:
			a.failures.take(cost)
			s = a.standing(account, now)
		}
	})
	return d, wait, s
}

// raisedBurst is what an address at which nobody ever signed in may fail while
// failures are above the ordinary everywhere.
const raisedBurst = 10

func (t *Throttle) refundAddress(key uint64, n float32) {
	t.addresses.peek(key, func(a *address) { a.failures.refund(n) })
}

// addressFailed notes an account that did not let the address in. It reports
// whether that makes an address that stuffs.
func (t *Throttle) addressFailed(key, account uint64, now time.Time) (accounts int, stuffs bool) {
	t.addresses.with(key, now, func(a *address) {
		a.turn(now)
		a.failed.add(account)
		accounts = a.failed.less(a.succeeded).less(a.before).count()
		if accounts >= t.o.Stuffed && a.good()*2 < accounts && now.UnixNano() >= a.stuffed {
			a.stuffed = now.Add(stuffedFor).UnixNano()
			stuffs = true
		}
	})
	return accounts, stuffs
}

// addressSucceeded notes that an account was signed in to. It reports whether that was
// the first time there, by an account that vouches for it.
func (t *Throttle) addressSucceeded(key, name uint64, refund float32, now time.Time) (first bool) {
	had := false
	t.addresses.with(key, now, func(a *address) {
		a.turn(now)
		a.failures.refund(refund)
		first = a.good() == 0
		if had = a.succeeded.has(name) || a.before.has(name); had {
			a.succeeded.add(name)
		}
	})
	if had {
		return false
	}
	vouches := false
	t.accounts.with(name, now, func(a *account) { vouches = a.vouch(now) })
	if vouches {
		t.addresses.with(key, now, func(a *address) { a.succeeded.add(name) })
	}
	return first && vouches
}

// hold notes that an address was asked to come again with an account.
func (t *Throttle) hold(key, account uint64, now time.Time) {
	t.addresses.with(key, now, func(a *address) {
		a.turn(now)
		if a.held == (crowd{}) {
			a.heldAt = now.UnixNano()
		}
		a.held.add(account)
	})
}

// admitNaming decides about a request that asks about an account without a guess.
func (t *Throttle) admitNaming(key uint64, now time.Time) (d gatehouse.Decision, wait time.Duration) {
	d = gatehouse.Passed()
	t.addresses.with(key, now, func(a *address) {
		a.turn(now)
		left := a.naming.left(t.o.Naming, a.good(), now)
		if left < 1 {
			wait = a.naming.wait(t.o.Naming, left)
			d = gatehouse.Denied(RuleNaming, gatehouse.Place{}, "the address asked about many accounts: another question may come in %s", wait.Round(time.Second))
			return
		}
		a.naming.take(1)
	})
	return d, wait
}
