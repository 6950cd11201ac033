package throttle

import (
	"math"
	"time"

	"github.com/gatehousehq/gatehouse/identity/signin"
)

// newcomers are guesses at accounts that come, each for the first time, from addresses
// at which nobody signed in, by devices that never did: people who are new, and lists of
// stolen passwords of which each address tries one. No single guess tells which. Many
// together do: people get in, or try again from where they are.
//
// So the accounts that failed may be some more than those that got in. Beyond that a
// guess is refused once; whoever comes again from the same address with the same
// account some seconds later has a budget that those who do not can't spend.
// Both numbers fade, so nothing has to be ended.
type newcomers struct {
	limit float64
	again Rate

	// failed and entered are accounts, fading.
	failed, entered float64
	at              int64
	// returned is what those who came again have spent.
	returned budget
	// told is when a finding last told of it.
	told int64
	// routes are those at which somebody signed in.
	routes map[string]bool
}

const (
	// newcomersTime is within what time numbers fade to a third (1/e).
	newcomersTime = time.Hour
	// comeAgain is after how long a newcomer may come again: tools that try again at
	// once, or by another address, do not.
	comeAgain = 3 * time.Second
	// newcomersEach is how many accounts count of one address: for more, it is judged
	// by itself.
	newcomersEach = 2
	// maxEntrances bounds the routes at which somebody signed in.
	maxEntrances = 64
)

// A newcomer is what one guess is among them. The zero value is none.
type newcomer struct {
	concerned bool
	// counts: its failure is one more account.
	counts bool
	// returns: it was asked to come again, and the wait is over.
	returns bool
	wait    time.Duration
	// charged: it counts as failed until told otherwise; spent: of the budget of those
	// who came again.
	charged, spent bool
	// failedBefore: an earlier try of it failed, and counts until it gets in.
	failedBefore bool
	// tells: the first refusal for long.
	tells bool
}

// newcomerOf says what a guess is, at an address that stands so.
func (t *Throttle) newcomerOf(try *Try, s standing, now time.Time) newcomer {
	a := &try.attempt
	switch {
	case a.Kind != signin.SignIn || a.Account == "" || s.trusted || len(try.charges) == 0 || try.charges[0].counted == 0:
		return newcomer{} // somebody signed in there, or the password was tried before
	case s.tried:
		return newcomer{failedBefore: true}
	case t.isGuest(try, now):
		return newcomer{}
	}
	return newcomer{
		concerned: true, returns: s.returns, wait: s.wait,
		// What others guess at one account is for that account's own limits.
		counts: s.names < newcomersEach && now.UnixNano()-try.charges[0].before > int64(newcomersTime),
	}
}

// guests is how many accounts that they never signed in to the devices of one account
// may try: another one in the household. Going by the account and not by the device,
// since who signs in again has a new cookie each time, and the old ones too.
var guests = Rate{4, 10 * time.Minute}

// isGuest reports whether the device signed in to another account before.
func (t *Throttle) isGuest(try *Try, now time.Time) (is bool) {
	if len(try.device.known) == 0 {
		return false
	}
	tag := try.device.known[0].tag
	t.devices.with(first64(t.hashes.Sum("guest", string(tag[:]))), now, func(a *account) {
		if is = a.asked.left(guests, 0, now) >= 1; is {
			a.asked.take(1)
		}
	})
	return is
}

// admit lets a newcomer pass, or asks it to come again.
func (n *newcomers) admit(who *newcomer, now time.Time) bool {
	n.fade(now)
	if n.failed+1 <= n.limit+n.entered {
		if who.charged = who.counts; who.charged {
			n.failed++
		}
		return true
	}
	if who.returns {
		left := n.returned.left(n.again, int(n.entered), now)
		if left >= 1 {
			n.returned.take(1)
			who.spent = true
			return true
		}
		who.wait = max(n.returned.wait(n.again, left), comeAgain)
	}
	if who.tells = n.told == 0 || now.UnixNano()-n.told > int64(newcomersTime); who.tells {
		n.told = now.UnixNano()
	}
	return false
}

func (n *newcomers) fade(now time.Time) {
	if passed := now.UnixNano() - n.at; passed > 0 {
		keep := math.Exp(-float64(passed) / float64(newcomersTime))
		n.failed, n.entered, n.at = n.failed*keep, n.entered*keep, now.UnixNano()
	}
}

// newcomerTold gives back what a guess was charged that was no failure. entered is set
// where it is the first success at its address.
func (o *overall) newcomerTold(who *newcomer, entered bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := &o.newcomers
	if who.charged || entered && who.failedBefore {
		n.failed = max(n.failed-1, 0)
	}
	if who.spent {
		n.returned.refund(1)
	}
	if entered {
		n.entered++
	}
	*who = newcomer{}
}

// entrance notes that somebody signed in at a route.
func (o *overall) entrance(route string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.newcomers.routes) < maxEntrances {
		o.newcomers.routes[route] = true
	}
}

// isEntrance reports whether somebody ever did: programs that look for a blog's
// sign-in at a site that has none guess at nobody's account.
func (o *overall) isEntrance(route string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.newcomers.routes[route]
}
