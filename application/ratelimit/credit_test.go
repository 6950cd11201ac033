package ratelimit_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/ratelimit"
)

func signingIn(from string) ratelimit.Request {
	q := get("/login", from)
	q.Method, q.SignIn = "POST", true
	return q
}

// signs tries once, and tells of the success where account is not empty.
func (b *bench) signs(from, account string) bool {
	d, s := b.ask(signingIn(from))
	if d.Verdict != gatehouse.Pass {
		return false
	}
	b.SignedIn(b.t.Context(), signingIn(from), s, account)
	return true
}

func TestSignIn_OfficeOf200WithinAMinute_AllSucceed(t *testing.T) {
	for name, o := range map[string]ratelimit.Options{"alone": {}, "shared": {Limiter: nil}} {
		b := newLimits(t, o)
		if name == "shared" {
			o.Limiter, o.Local = b.memory(), b.memory()
			b = newLimits(t, o)
		}
		for i := range 200 {
			if i%12 == 0 && !b.signs("198.51.100.1", "") { // who mistypes
				t.Fatalf("%s: person %d mistyped and is refused", name, i)
			}
			if !b.signs("198.51.100.1", fmt.Sprint("person", i)) {
				t.Fatalf("%s: person %d is refused", name, i)
			}
			b.now = b.now.Add(time.Minute / 200)
		}
	}
}

// TestSignIn_AttackerWithAccounts_GainsNothing lets somebody sign in to accounts of
// their own between guesses, in the ways that could pay.
func TestSignIn_AttackerWithAccounts_GainsNothing(t *testing.T) {
	const hours = 3
	// judged is how many guesses at others pass within the time, where each second
	// is used as far as it goes.
	judged := func(accounts, each int) (guesses int) {
		b := newLimits(t, ratelimit.Options{})
		for second := range hours * 3600 {
			if accounts > 0 && second%each == 0 {
				b.signs("203.0.113.1", fmt.Sprint("own", second/each%accounts))
			}
			for b.signs("203.0.113.1", "") {
				guesses++
			}
			b.now = b.now.Add(time.Second)
		}
		return guesses
	}
	without := judged(0, 1)
	if want := 20 + hours*60*5; without < want-1 || without > want+1 {
		t.Fatalf("%d guesses without an account, want %d", without, want)
	}
	for _, accounts := range []int{1, 5} {
		for _, each := range []int{1, 13, 120, 600} {
			if with := judged(accounts, each); with > without {
				t.Errorf("%d accounts, each %d s: %d guesses, and %d without", accounts, each, with, without)
			}
		}
	}
}

// TestSignIn_Credits_RunOutAsWhatWasTakenComesBack: hundreds who signed in leave no
// more than a burst behind them.
func TestSignIn_Credits_RunOutAsWhatWasTakenComesBack(t *testing.T) {
	for _, c := range []struct {
		after time.Duration
		most  int
	}{{0, 21}, {2 * time.Minute, 21}, {4 * time.Minute, 21}, {24 * time.Hour, 20}} {
		b := newLimits(t, ratelimit.Options{})
		for i := range 300 {
			b.signs("198.51.100.1", fmt.Sprint("person", i))
		}
		b.now = b.now.Add(c.after)
		if got := b.passes(500, signingIn("198.51.100.1")); got > c.most || got < 19 {
			t.Errorf("%v after 300 people: %d attempts pass, want 19 to %d", c.after, got, c.most)
		}
	}
}

// TestSignIn_OneAccountAgainAndAgain_GivesBackOnce in ten minutes, from all addresses.
func TestSignIn_OneAccountAgainAndAgain_GivesBackOnce(t *testing.T) {
	b := newLimits(t, ratelimit.Options{})
	n := 0
	for b.signs("198.51.100.1", "ann") {
		n++
	}
	if n != 21 {
		t.Errorf("one account signed in %d times at once, want 21", n)
	}
	if !b.signs("198.51.100.2", "ann") || b.passes(100, signingIn("198.51.100.2")) != 19 {
		t.Error("another address has another rate, or was given something back")
	}
}

func TestSignIn_RefusedForSomethingElse_KeepsItsCredit(t *testing.T) {
	b := newLimits(t, ratelimit.Options{Address: rate("22/min")})
	for i := range 20 {
		b.signs("198.51.100.1", fmt.Sprint("person", i))
	}
	b.passes(2, get("/", "198.51.100.1"))
	for range 5 {
		if b.signs("198.51.100.1", "late") {
			t.Error("the address' own rate is not asked")
		}
	}
	b.now = b.now.Add(3 * time.Second)
	if !b.signs("198.51.100.1", "late") {
		t.Error("the credit is gone")
	}
}
