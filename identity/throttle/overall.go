package throttle

import (
	"fmt"
	"sync"
	"time"

	"github.com/gatehousehq/gatehouse"
)

// overall is what all strangers did together.
type overall struct {
	mu sync.Mutex
	// spent is what all have spent; strange what addresses did at which nobody ever
	// signed in.
	spent, strange budget
	// failures are those of this window; ordinary what a window ordinarily has.
	window   int64
	failures float64
	ordinary float64
	raised   bool
	// newcomers are those of strange addresses.
	newcomers newcomers
}

const (
	overallWindow = 5 * time.Minute
	// least is how many failures in a window are never called a rise: a class that
	// signs in for the first time.
	least = 100
	// rise is how many times the ordinary number is a rise, and settle how much of
	// a new window goes into what is ordinary.
	rise   = 8
	settle = 0.1
)

// slower is how many times slower the budget of strange addresses comes back
// while failures are above the ordinary.
const slower = 4

// admit takes what a guess costs all strangers. Half of the budget is for trusted
// addresses alone.
func (o *overall) admit(r Rate, trusted bool, n *newcomer, now time.Time) (d gatehouse.Decision, wait time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.turn(now)
	strange := Rate{max(r.Burst/2, 1), 2 * r.Every}
	if o.raised {
		strange.Every *= slower
	}
	left, leftToStrange := o.spent.left(r, 0, now), o.strange.left(strange, 0, now)
	switch {
	case left < 1:
		wait = o.spent.wait(r, left)
	case !trusted && leftToStrange < 1:
		wait = o.strange.wait(strange, leftToStrange)
	case n.concerned && !o.newcomers.admit(n, now):
		return gatehouse.Denied(RuleStuffing, gatehouse.Place{}, "%.0f accounts failed within an hour or so, each tried anew from where nobody had signed in, and %.0f got in: who is new is asked to come again; devices and addresses that signed in before are not concerned",
			o.newcomers.failed, o.newcomers.entered), n.wait
	default:
		o.spent.take(1)
		if !trusted {
			o.strange.take(1)
		}
		return gatehouse.Passed(), 0
	}
	return gatehouse.Denied(RuleGlobal, gatehouse.Place{}, "too many sign-ins fail altogether; devices that signed in before are not concerned"), wait
}

func (o *overall) refund(n float32) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.spent.refund(n)
	o.strange.refund(n)
	o.failures = max(o.failures-float64(n), 0)
}

// failed counts a failure. It gives a finding where they have risen.
func (o *overall) failed(n float32, now time.Time) (Finding, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.turn(now)
	o.failures += float64(n)
	if o.raised || o.failures < least || o.failures < rise*o.ordinary {
		return Finding{}, false
	}
	o.raised = true
	return Finding{Rule: RuleStuffing, Evidence: fmt.Sprintf("%.0f sign-ins failed within 5 minutes, where %.0f ordinarily do", o.failures, o.ordinary)}, true
}

func (o *overall) isRaised(now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.turn(now)
	return o.raised
}

// turn ends windows that have passed. What is ordinary follows a rise slowly: an
// attack must not become ordinary within an hour.
func (o *overall) turn(now time.Time) {
	n := now.UnixNano()
	if o.window == 0 {
		o.window = n
	}
	passed := (n - o.window) / int64(overallWindow)
	if passed <= 0 {
		return
	}
	if passed > 100 {
		o.window, o.failures, o.raised, passed = n, 0, false, 0
	}
	for range passed {
		o.ordinary += settle * (min(o.failures, 2*o.ordinary+10) - o.ordinary)
		o.raised = o.raised && o.failures >= least/2 && o.failures >= o.ordinary
		o.failures = 0
		o.window += int64(overallWindow)
	}
}
