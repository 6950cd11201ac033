package throttle

import (
	"encoding/binary"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/gatehousehq/gatehouse"
)

// An account is the strangers' lane of one account, or one device's lane to it.
type account struct {
	failures uint16
	// good is set once somebody signed in: then the account exists.
	good bool
	// kept is set where the store has it.
	kept bool
	next uint8
	// vouched is for how many new addresses it spoke on its day.
	vouched uint8
	day     uint16
	// last is when the last guess was let through, in nanoseconds.
	last int64
	// tried are hashes of the last secrets: they are no new guesses.
	tried [tries]uint32
	// asked is what of the recovery's budget is spent.
	asked budget
}

// tries is how many secrets of an account are known again: those of a person's
// devices with an old password.
const tries = 6

// vouchesADay is for how many addresses a day an account speaks that signs in there: a
// person's. One that signs in from a thousand makes them nobody's.
const vouchesADay = 8

func (a *account) vouch(now time.Time) bool {
	if day := dayOf(now); a.day != day {
		a.day, a.vouched = day, 0
	}
	if a.vouched >= vouchesADay {
		return false
	}
	a.vouched++
	return true
}

// emptied is the account without its failures.
func (a *account) emptied(good bool) account {
	return account{good: good, asked: a.asked, vouched: a.vouched, day: a.day}
}

// forgotten is when failures count no more: as long as a lane stays closed.
func (o *Options) forgotten(a *account, now time.Time) bool {
	return a.failures > 0 && now.UnixNano()-a.last > int64(o.Closed)
}

func (o *Options) weigh(a *account, now time.Time) int {
	w := int(a.failures) * 2
	if o.forgotten(a, now) {
		w = 0
	}
	if a.good {
		w++
	}
	return w
}

// repeats reports whether a secret was tried before.
func (a *account) repeats(secret uint32) bool {
	return slices.Contains(a.tried[:], secret) // none is zero
}

// A charge is what one attempt was charged with at one account, to be taken back.
type charge struct {
	key      uint64
	lane     *table[account]
	counted  uint16
	noted    uint8 // of the secrets that are known again
	at       int64
	before   int64 // when the guess before it was
	crossing bool  // it is to be written down
	failures int   // with it
}

// admit decides about a guess in a lane, and counts it as a failure until it is
// told otherwise: many that come at once don't pass before the first is told.
//
// secrets are all that the attempt may try; one says that it tries but one of them.
func (t *Throttle) admit(lane *table[account], key uint64, secrets []uint32, one bool, limit int, delays bool, now time.Time) (c charge, d gatehouse.Decision, wait time.Duration) {
	c = charge{key: key, lane: lane}
	d = gatehouse.Passed()
	lane.with(key, now, func(a *account) {
		if t.o.forgotten(a, now) {
			*a = a.emptied(a.good)
		}
		fresh := secrets[:0:0]
		for _, s := range secrets {
			if !a.repeats(s) {
				fresh = append(fresh, s)
			}
		}
		guesses := len(fresh)
		if one {
			guesses = min(guesses, 1)
		}
		delay := t.delay(int(a.failures))
		due := a.last + int64(delay)
		switch {
		case int(a.failures) >= limit || int(a.failures)+guesses > limit:
			d = gatehouse.Denied(RuleClosed, gatehouse.Place{}, "%d failures in a row from devices that never signed in to this account: they are refused until it is recovered", a.failures)
			return
		// Without one, a guess is not refused for having read the clock before
		// another that took the lane first.
		case len(fresh) > 0 && delays && delay > 0 && now.UnixNano() < due:
			wait = time.Duration(due - now.UnixNano())
			d = gatehouse.Denied(RuleDelay, gatehouse.Place{}, "%d failures in a row from devices that never signed in to this account: the next try may come in %s", a.failures, wait.Round(time.Second))
			return
		}
		c.before = a.last
		if len(fresh) == 0 {
			return
		}
		for _, s := range fresh {
			a.tried[a.next%tries] = s
			a.next = (a.next + 1) % tries
		}
		c.counted, c.noted = uint16(guesses), uint8(len(fresh))
		c.crossing = a.failures/keepEach != (a.failures+c.counted)/keepEach || int(a.failures+c.counted) >= limit
		a.failures += c.counted
		a.last, c.at = now.UnixNano(), now.UnixNano()
		c.failures = int(a.failures)
		a.kept = a.kept || c.crossing
	})
	return c, d, wait
}

// delay is how long after a guess the next is due.
func (t *Throttle) delay(failures int) time.Duration {
	n := failures - t.o.Free
	if n < 0 {
		return 0
	}
	if n > 20 {
		return t.o.MaxDelay
	}
	return min(2*time.Second<<n, t.o.MaxDelay)
}

// takeBack undoes a charge.
func (c charge) takeBack() {
	if c.counted == 0 {
		return
	}
	c.lane.peek(c.key, func(a *account) {
		a.failures -= min(a.failures, c.counted)
		for range c.noted {
			a.next = (a.next + tries - 1) % tries
			a.tried[a.next] = 0
		}
		if a.last == c.at {
			a.last = c.before
		}
	})
}

// reset forgets the failures after a success, and gives how many there were. kept
// reports whether the store has to forget them too.
func (c charge) reset() (failures int, kept bool) {
	c.lane.peek(c.key, func(a *account) {
		failures, kept = int(a.failures), a.kept
		*a = a.emptied(true)
	})
	return failures, kept
}

// skeleton is a name without what some backends do not tell apart: MySQL compares
// "José" and "jose " as equal. Names that share one share a strangers' lane.
func skeleton(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) || unicode.IsSpace(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFKD.String(name))
}

func first64(sum [32]byte) uint64 { return binary.LittleEndian.Uint64(sum[:]) }
