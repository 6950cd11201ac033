package throttle

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/gatehousehq/gatehouse/store"
)

// Rung is the layer's name on the ladder.
const Rung = "identity/throttle"

// The rules that a refusal or a finding names.
const (
	// RuleClosed: the account's strangers' lane is closed.
	RuleClosed = "closed"
	// RuleDelay: the next try of a stranger is not due yet.
	RuleDelay = "delay"
	// RuleAddress: too many failures from an address.
	RuleAddress = "address"
	// RuleGlobal: too many failures of strangers altogether.
	RuleGlobal = "global"
	// RuleStuffing: an address tries many accounts, and hardly any succeeds; or many
	// strange addresses do, together; or, as a finding without a refusal, failures have
	// risen overall.
	RuleStuffing = "stuffing"
	// RuleSpraying: one password was tried at many accounts.
	RuleSpraying = "spraying"
	// RuleBatch: one request brings more guesses than a person makes.
	RuleBatch = "batch"
	// RuleNaming: an address asks about many accounts, at recovery or sign-up.
	RuleNaming = "naming"
	// RuleRecovery: an account is asked to be recovered too often.
	RuleRecovery = "recovery"
	// RuleEnumerationContent and RuleEnumerationTime are findings: the answers
	// differ for accounts that exist, in words or in time.
	RuleEnumerationContent = "enumeration-content"
	RuleEnumerationTime    = "enumeration-time"
	// RuleGuessed is a finding: a stranger succeeded after many failures.
	RuleGuessed = "success-after-failures"
	// RuleStore is a finding: a closed lane could not be written down.
	RuleStore = "store"
)

// A Rate is a budget: Burst at once, and one more each Every.
type Rate struct {
	Burst int
	Every time.Duration
}

func (r Rate) or(d Rate) Rate {
	if r == (Rate{}) {
		return d
	}
	return r
}

func (r Rate) check(name string) error {
	if r.Burst < 1 || r.Every <= 0 {
		return fmt.Errorf("throttle: Options.%s is %d and one each %s: want positive ones", name, r.Burst, r.Every)
	}
	return nil
}

// Options configure a Throttle. The zero value of each but Store means its
// default.
type Options struct {
	// Store keeps the key of the hashes and the closed lanes. Required.
	Store store.Store
	// Now is the clock. Nil means time.Now.
	Now func() time.Time

	// MaxFailures is how many failures in a row close the strangers' lane of an
	// account. Default and most 100.
	MaxFailures int
	// Free is how many of them have no delay: default 6, since a person mistypes
	// five times. The next waits 2 seconds, and each further one twice as long, up
	// to MaxDelay, default 5 minutes.
	Free     int
	MaxDelay time.Duration
	// Closed is how long a lane stays closed where nobody recovers the account.
	// Default 30 days.
	Closed time.Duration
	// DeviceFailures is how many failures in a row a known device has for an
	// account before it is a stranger. Default 10.
	DeviceFailures int
	// DeviceLife is how long a device is known after its last sign-in. Default
	// 180 days.
	DeviceLife time.Duration

	// Address is what one address may fail beyond those who then got in. Default
	// 50, and one more each 30 seconds; twice as many more as different accounts
	// signed in there lately.
	Address Rate
	// Global is what all strangers together may fail. Default 3000, and five a
	// second. Half of it is for addresses at which somebody signed in; while
	// failures are above the ordinary, three quarters of what comes back to the
	// other half do not.
	Global Rate
	// Newcomers is how many accounts may fail, each tried anew from an address at which
	// nobody signed in, beyond as many as got in so; an hour later about a third of them
	// counts. Whoever is new then is asked to come again. Default 60.
	Newcomers int
	// Again is what those who came again may fail. Default 30, and one each 3 seconds, and
	// one more for each newcomer who got in within the hour.
	Again Rate
	// Naming is how many accounts one address may ask about at recovery, sign-up,
	// and sign-ins that ask for the name first. Default 60, and one each 10 seconds.
	Naming Rate
	// Recovery is how often strangers may ask to recover one account. Default 5,
	// and one each 10 minutes.
	Recovery Rate
	// Stuffed is how many accounts may fail at an address within 10 minutes, where
	// not half as many succeed. Default 20.
	Stuffed int
	// Sprayed is at how many accounts one secret may fail within a day. Default 30.
	Sprayed int

	// Accounts, Addresses and Secrets are the sizes of the tables. Default
	// 262,144, 131,072 and 65,536, which take some 45 MB together.
	Accounts, Addresses, Secrets int
}

func (o Options) withDefaults() (Options, error) {
	if o.Store == nil {
		return o, errors.New("throttle: Options.Store is missing")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.MaxFailures, o.Free = cmp.Or(o.MaxFailures, 100), cmp.Or(o.Free, 6)
	o.MaxDelay, o.Closed = cmp.Or(o.MaxDelay, 5*time.Minute), cmp.Or(o.Closed, 30*24*time.Hour)
	o.DeviceFailures, o.DeviceLife = cmp.Or(o.DeviceFailures, 10), cmp.Or(o.DeviceLife, 180*24*time.Hour)
	o.Address = o.Address.or(Rate{50, 30 * time.Second})
	o.Global = o.Global.or(Rate{3000, 200 * time.Millisecond})
	o.Newcomers, o.Again = cmp.Or(o.Newcomers, 60), o.Again.or(Rate{30, 3 * time.Second})
	o.Naming = o.Naming.or(Rate{60, 10 * time.Second})
	o.Recovery = o.Recovery.or(Rate{5, 10 * time.Minute})
	o.Stuffed, o.Sprayed = cmp.Or(o.Stuffed, 20), cmp.Or(o.Sprayed, 30)
	o.Accounts, o.Addresses, o.Secrets = cmp.Or(o.Accounts, 1<<18), cmp.Or(o.Addresses, 1<<17), cmp.Or(o.Secrets, 1<<16)
	return o, o.check()
}

func (o Options) check() error {
	for name, r := range map[string]Rate{"Address": o.Address, "Global": o.Global, "Again": o.Again, "Naming": o.Naming, "Recovery": o.Recovery} {
		if err := r.check(name); err != nil {
			return err
		}
	}
	switch {
	case o.MaxFailures < 1 || o.MaxFailures > 100:
		return fmt.Errorf("throttle: Options.MaxFailures is %d: want 1 to 100", o.MaxFailures)
	case o.Free < 1 || o.Free > o.MaxFailures:
		return fmt.Errorf("throttle: Options.Free is %d: want 1 to MaxFailures, %d", o.Free, o.MaxFailures)
	case o.MaxDelay < time.Second || o.Closed < time.Hour:
		return fmt.Errorf("throttle: Options.MaxDelay is %s and Closed %s: want a second and an hour at least", o.MaxDelay, o.Closed)
	case o.DeviceFailures < 1 || o.DeviceLife < time.Hour:
		return fmt.Errorf("throttle: Options.DeviceFailures is %d and DeviceLife %s: want one and an hour at least", o.DeviceFailures, o.DeviceLife)
	case o.Stuffed < 2 || o.Sprayed < 2 || o.Stuffed > 100 || o.Sprayed > 100:
		return fmt.Errorf("throttle: Options.Stuffed is %d and Sprayed %d: want 2 to 100", o.Stuffed, o.Sprayed)
	case o.Newcomers < 1:
		return fmt.Errorf("throttle: Options.Newcomers is %d: want one at least", o.Newcomers)
	case o.Accounts < ways || o.Addresses < ways || o.Secrets < ways:
		return fmt.Errorf("throttle: Options.Accounts, Addresses and Secrets are %d, %d, %d: want %d at least", o.Accounts, o.Addresses, o.Secrets, ways)
	}
	return nil
}
