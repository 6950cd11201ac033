package throttle

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/identity/signin"
	"github.com/gatehousehq/gatehouse/store"
)

// A Result is what became of a Try that passed.
type Result struct {
	Outcome signin.Outcome
	// Binds is signin.Verdict's: a success that does not say whose it is makes no
	// device known. For a second factor the caller says whether it knows.
	Binds bool
	// Shape is signin.Verdict's.
	Shape uint64
	// Missing is set where the backend said that there is nothing at the route (404).
	Missing bool
	// Took is how long the backend took.
	Took time.Duration
}

// Settled is what follows from a Result.
type Settled struct {
	// Device is the cookie to be set at the client, or nil.
	Device *http.Cookie
	// Findings are to be recorded.
	Findings []Finding
}

// Told is told how a Try that passed has ended, once; a Try that was refused, and
// a second call, change nothing. Without the call it stays a failure.
func (t *Throttle) Told(ctx context.Context, try *Try, r Result) Settled {
	if try.told || try.Decision.Verdict != gatehouse.Pass || try.Lane == "" {
		return Settled{}
	}
	try.told = true
	now := t.o.Now()
	switch r.Outcome {
	case signin.Success:
		return t.succeeded(ctx, try, r, now)
	case signin.Halfway, signin.Unjudged:
		t.refund(try, try.cost)
		try.takeBack()
		t.overall.newcomerTold(&try.newcomer, false)
		return Settled{}
	case signin.Failure:
		return Settled{Findings: t.failed(try, r, now)}
	}
	t.overall.newcomerTold(&try.newcomer, false) // one can't tell stuffing by what can't be told
	return Settled{}
}

func (t *Throttle) refund(try *Try, n float32) {
	if try.Lane == LaneStrangers && n > 0 {
		t.refundAddress(try.address, n)
		t.overall.refund(n)
	}
}

// maxRefund is how many failures of one account at an address a success there
// takes back: of who mistyped and got in.
const maxRefund = 6

func (t *Throttle) succeeded(ctx context.Context, try *Try, r Result, now time.Time) (s Settled) {
	a := &try.attempt
	if !try.guesses || a.Ambiguous || try.Lane == LaneProven {
		t.refund(try, try.cost)
		try.takeBack()
		t.overall.newcomerTold(&try.newcomer, false)
		return s
	}
	failures := 0
	for _, c := range try.charges {
		n, kept := c.reset()
		failures += n
		if kept {
			s.Findings = append(s.Findings, t.unkeep(ctx, c)...)
		}
	}
	key := t.accountKey(passwordLane, nameOf(a))
	if a.Kind == signin.SecondFactor && a.Account != "" && try.Lane == LaneStrangers {
		t.accounts.peek(key, func(a *account) { a.failures, a.good = 0, true })
	}
	if try.Lane == LaneStrangers {
		back := float32(min(max(failures, 1), maxRefund))
		first := t.addressSucceeded(try.address, key, back, now)
		t.overall.refund(back)
		t.overall.newcomerTold(&try.newcomer, first)
		t.secretTold(try.secrets, key, true, now)
	} else {
		t.accounts.with(key, now, func(a *account) { a.good = true })
		t.addressSucceeded(t.addressKey(a.Client), key, 0, now)
	}
	t.overall.entrance(a.Route)
	if failures > guessedFrom && try.Lane == LaneStrangers {
		s.Findings = append(s.Findings, Finding{RuleGuessed, a.Route, fmt.Sprintf("a device that never signed in to an account did so after %d failures in a row: look whether it was its owner", failures-1)})
	}
	if r.Binds && (a.Kind == signin.SignIn || a.Kind == signin.SecondFactor) {
		s.Device = t.cookieFor(try.device, t.tagOf(skeleton(nameOf(a))), now)
	}
	return s
}

// guessedFrom is from how many failures on a success is worth a look.
const guessedFrom = 20

func (t *Throttle) unkeep(ctx context.Context, c charge) []Finding {
	err := t.write(ctx, store.Op{Record: store.Record{Kind: keptKind, Key: keyName(c.key)}, Delete: true})
	if err != nil {
		return []Finding{{Rule: RuleStore, Evidence: "a restart will count failures of an account that signed in since: " + err.Error()}}
	}
	return nil
}

// failed notes a failure where it counts together with others.
func (t *Throttle) failed(try *Try, r Result, now time.Time) (found []Finding) {
	a := &try.attempt
	key, exists := t.accountKey(passwordLane, nameOf(a)), false
	t.accounts.peek(key, func(a *account) { exists = a.good })
	if a.Kind == signin.SignIn && a.Account != "" && !a.Ambiguous {
		found = t.answers.told(a.Route, exists, r.Shape, r.Took)
	}
	if try.Lane != LaneStrangers || !try.guesses {
		return found
	}
	if r.Missing && !t.overall.isEntrance(a.Route) {
		t.overall.newcomerTold(&try.newcomer, false)
	}
	if f, risen := t.overall.failed(1, now); risen {
		found = append(found, f)
	}
	if a.Kind != signin.SignIn || a.Account == "" {
		return found
	}
	if n, stuffs := t.addressFailed(try.address, key, now); stuffs {
		found = append(found, Finding{RuleStuffing, a.Route, fmt.Sprintf("an address tried about %d accounts within 10 minutes, and hardly any let it in: it is refused for half an hour", n)})
	}
	if t.secretTold(try.secrets, key, false, now) {
		found = append(found, Finding{RuleSpraying, a.Route, fmt.Sprintf("one secret failed at %d accounts within a day: strangers who bring it are refused", t.o.Sprayed)})
	}
	return found
}
