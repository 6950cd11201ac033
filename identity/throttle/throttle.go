package throttle

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/identity/keyed"
	"github.com/gatehousehq/gatehouse/identity/signin"
)

// A Throttle is the rung. Make it with [New]. It may be used by many at once, and
// is to outlive a reload of the configuration.
type Throttle struct {
	o         Options
	hashes    *keyed.Hasher
	accounts  *table[account]
	devices   *table[account]
	addresses *table[address]
	secrets   *table[sprayed]
	overall   overall
	answers   enumeration
}

// New checks the options and reads what the store has.
func New(o Options) (*Throttle, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	hashes, err := keyed.New(keyed.Options{Store: o.Store, Purpose: "throttle"})
	if err != nil {
		return nil, err
	}
	t := &Throttle{o: o, hashes: hashes, secrets: newTable(o.Secrets, weighSprayed)}
	t.accounts = newTable(o.Accounts, t.o.weigh)
	t.devices = newTable(max(o.Accounts/4, ways), t.o.weigh)
	t.addresses = newTable(o.Addresses, t.weighAddress)
	t.answers.routes = map[string]*compared{}
	t.overall.newcomers = newcomers{limit: float64(o.Newcomers), again: o.Again, routes: map[string]bool{}}
	ctx, cancel := context.WithTimeout(context.Background(), loadTimeout)
	defer cancel()
	return t, t.load(ctx)
}

// loadTimeout bounds what New waits for the store.
const loadTimeout = 30 * time.Second

// An Attempt is what is to be decided about.
type Attempt struct {
	// Attempt is signin's. Of a second factor, and of a password that is asked
	// again, the caller fills in Account: the session's.
	signin.Attempt
	// Client is the client's address, as the network layer settled it.
	Client netip.Addr
	// Device is the value of the cookie DeviceCookie; see [DeviceOf].
	Device string
	// Proven is set where the request's credential is known to be its owner's
	// already, such as HTTP Basic that was let in before: it is no guess.
	Proven bool
}

// A Finding is something to be recorded that refuses nothing by itself.
type Finding struct {
	Rule, Route, Evidence string
}

// A Try is an attempt that was decided about. Where it passes it is charged as a
// failure, until Told says otherwise.
type Try struct {
	// Decision refuses with status 429, or 400 for what no person sends.
	Decision gatehouse.Decision
	// RetryAfter is when another try may come; zero where that is not known.
	RetryAfter time.Duration
	// Findings are to be recorded beside the decision.
	Findings []Finding
	// Lane is "known", "strangers" or "proven"; empty for what is no guess.
	Lane string

	// attempt is without its secrets; guesses is whether it had any.
	attempt Attempt
	guesses bool
	device  device
	charges []charge
	address uint64
	cost    float32
	secrets []uint64
	told    bool
	// newcomer is what it was taken for beside others who are new.
	newcomer newcomer
}

// The lanes of a Try.
const (
	LaneKnown     = "known"
	LaneStrangers = "strangers"
	LaneProven    = "proven"
)

// Failures of a password and of a second factor are counted apart: who guesses at
// the second knows the first.
const (
	passwordLane = "password"
	codeLane     = "code"
)

func (t *Throttle) accountKey(lane, name string) uint64 {
	return first64(t.hashes.Sum("account", lane, skeleton(name)))
}

// nameOf is what the attempt is counted under: the account, or, where a route
// asks for a secret alone, the route.
func nameOf(a *Attempt) string {
	if a.Account == "" {
		return "route " + a.Route
	}
	return a.Account
}

// counted reports whether the attempt is about an account whose lane can close.
// Where none is named, everybody's would: then the other limits stand alone,
// unless the route is declared, as one with a password for all is.
func counted(a *Attempt) bool {
	switch a.Kind {
	case signin.SignIn:
		return a.Account != "" || a.Declared
	case signin.SecondFactor, signin.Confirm:
		return a.Account != ""
	}
	return false
}

func laneOf(k signin.Kind) string {
	if k == signin.SecondFactor {
		return codeLane
	}
	return passwordLane
}

// Check decides about an attempt before the backend sees it, and charges what
// passes: the caller owes a call of [Throttle.Told] for each Try that passes.
func (t *Throttle) Check(ctx context.Context, a Attempt) *Try {
	try := t.check(ctx, a)
	try.attempt.Secrets = nil // a Try may be printed
	return try
}

func (t *Throttle) check(ctx context.Context, a Attempt) *Try {
	now := t.o.Now()
	try := &Try{Decision: gatehouse.Passed(), attempt: a, guesses: a.Guesses()}
	switch {
	case a.Kind == signin.None || a.Kind == signin.SignOut:
		return try
	case a.Batch || len(a.Secrets) > 1 && a.Ambiguous:
		return try.deny(gatehouse.Denied(RuleBatch, a.SecretAt, "one request brings %d secrets for %d accounts and more: no person's does", len(a.Secrets), 1+len(a.Others)).WithStatus(http.StatusBadRequest), 0)
	case a.Proven:
		try.Lane = LaneProven
		return try
	case !try.guesses:
		return t.checkNaming(try, now)
	}
	try.device, _ = t.readDevice(a.Device, now)
	if t.knownLane(try, now) {
		return try
	}
	return t.strangersLane(ctx, try, now)
}

// deny refuses. No count of what remains is told at a sign-in.
func (y *Try) deny(d gatehouse.Decision, wait time.Duration) *Try {
	if d.Status == 0 {
		d = d.WithStatus(http.StatusTooManyRequests)
	}
	if d.Place == (gatehouse.Place{}) {
		d.Place = y.attempt.AccountAt
	}
	y.Decision, y.RetryAfter = d, max(wait, 0)
	return y
}

// checkNaming decides about what asks about an account without a guess.
func (t *Throttle) checkNaming(try *Try, now time.Time) *Try {
	try.address = t.addressKey(try.attempt.Client)
	device, _ := t.readDevice(try.attempt.Device, now)
	if try.attempt.Account != "" && device.knows(t.tagOf(skeleton(try.attempt.Account))) {
		try.Lane = LaneKnown
		return try
	}
	try.Lane = LaneStrangers
	if d, wait := t.admitNaming(try.address, now); d.Verdict != gatehouse.Pass {
		return try.deny(d, wait)
	}
	if try.attempt.Kind != signin.Recovery || try.attempt.Account == "" {
		return try
	}
	t.accounts.with(t.accountKey(passwordLane, try.attempt.Account), now, func(a *account) {
		left := a.asked.left(t.o.Recovery, 0, now)
		if left < 1 {
			try.deny(gatehouse.Denied(RuleRecovery, gatehouse.Place{}, "the account was asked to be recovered too often"), a.asked.wait(t.o.Recovery, left))
			return
		}
		a.asked.take(1)
	})
	return try
}

// knownLane admits a device that signed in to the account before. It reports
// false where the device is a stranger's.
func (t *Throttle) knownLane(try *Try, now time.Time) bool {
	a := &try.attempt
	name := skeleton(nameOf(a))
	if !counted(a) || len(a.Others) > 0 || !try.device.knows(t.tagOf(name)) {
		return false
	}
	key := first64(t.hashes.Sum("lane", laneOf(a.Kind), string(try.device.id[:]), name))
	c, d, _ := t.admit(t.devices, key, t.brief(a, name), a.Readings, t.o.DeviceFailures, false, now)
	if d.Verdict != gatehouse.Pass {
		return false
	}
	try.Lane = LaneKnown
	try.charges = append(try.charges, c)
	return true
}

// brief are short hashes of the attempt's secrets for one account.
func (t *Throttle) brief(a *Attempt, name string) []uint32 {
	all := make([]uint32, 0, 1)
	for _, s := range a.Secrets {
		all = append(all, uint32(first64(t.hashes.Sum("tried", name, s.Reveal())))|1)
	}
	return all
}

// strangersLane admits what is within every limit, and charges each.
func (t *Throttle) strangersLane(ctx context.Context, try *Try, now time.Time) *Try {
	a := &try.attempt
	try.Lane = LaneStrangers
	if a.Kind == signin.SignIn {
		for _, s := range a.Secrets {
			try.secrets = append(try.secrets, first64(t.hashes.Sum("secret", s.Reveal())))
		}
		if d := t.admitSecret(try.secrets, now); d.Verdict != gatehouse.Pass {
			return try.deny(d, 0)
		}
	}
	if counted(a) {
		if try = t.chargeAccounts(try, now); try.Decision.Verdict != gatehouse.Pass {
			return try
		}
	}
	if d, wait := t.chargeShared(try, now); d.Verdict != gatehouse.Pass {
		try.cost = 0
		try.takeBack()
		return try.deny(d, wait)
	}
	for _, c := range try.charges {
		if !c.crossing {
			continue
		}
		if err := t.keep(ctx, c, now); err != nil {
			try.Findings = append(try.Findings, Finding{RuleStore, a.Route, "a restart will forget an account's failures: " + err.Error()})
		}
		if c.failures >= t.o.MaxFailures {
			try.Findings = append(try.Findings, Finding{RuleClosed, a.Route, "devices that never signed in to an account are refused there, until it is recovered"})
		}
	}
	return try
}

// chargeShared charges what the attempt shares with others: its address, and what all
// strangers may.
func (t *Throttle) chargeShared(try *Try, now time.Time) (gatehouse.Decision, time.Duration) {
	a := &try.attempt
	name := t.accountKey(passwordLane, nameOf(a))
	try.address, try.cost = t.addressKey(a.Client), 1
	d, wait, s := t.admitAddress(try.address, name, try.cost, t.overall.isRaised(now), now)
	if d.Verdict != gatehouse.Pass {
		return d, wait
	}
	try.newcomer = t.newcomerOf(try, s, now)
	d, wait = t.overall.admit(t.o.Global, s.trusted, &try.newcomer, now)
	if d.Verdict == gatehouse.Pass {
		return d, wait
	}
	t.refundAddress(try.address, try.cost)
	if d.Rule == RuleStuffing {
		t.hold(try.address, name, now)
		if try.newcomer.tells {
			try.Findings = append(try.Findings, Finding{RuleStuffing, a.Route, d.Evidence})
		}
	}
	return d, wait
}

// chargeAccounts charges every account that the attempt may be about.
func (t *Throttle) chargeAccounts(try *Try, now time.Time) *Try {
	a := &try.attempt
	for _, name := range append([]string{nameOf(a)}, a.Others...) {
		c, d, wait := t.admit(t.accounts, t.accountKey(laneOf(a.Kind), name), t.brief(a, skeleton(name)), a.Readings, t.o.MaxFailures, true, now)
		if d.Verdict != gatehouse.Pass {
			try.takeBack()
			return try.deny(d, wait)
		}
		try.charges = append(try.charges, c)
	}
	return try
}

func (y *Try) takeBack() {
	for _, c := range y.charges {
		c.takeBack()
	}
	y.charges = nil
}
