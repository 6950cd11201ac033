//go:build !race

package throttle_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/identity/signin"
	"github.com/gatehousehq/gatehouse/identity/throttle"
)

// TestCheck_ManyAddressesAgainstOneAccount is the measure of the design: 300,000
// guesses from 3,000 addresses within a day, and the owner at a known device each
// minute.
func TestCheck_ManyAddressesAgainstOneAccount_OwnerAlwaysGetsInAttackerHas100Guesses(t *testing.T) {
	w := newWorld(t, throttle.Options{})
	w.passwords["owner"] = "right"
	ok, _, device := w.enter(signIn("owner", "right", "192.0.2.1", ""))
	if !ok {
		t.Fatal("the owner's first sign-in was refused")
	}
	const guesses, minutes = 300_000, 24 * 60
	spellings := []string{"owner", "OWNER", " owner ", "ówner", "ｏｗｎｅｒ"}
	owners, attackers := 1, 0
	for minute := range minutes {
		for i := range guesses/minutes + 1 {
			n := minute*(guesses/minutes+1) + i
			client := fmt.Sprintf("10.%d.%d.7", n%3000/256, n%256)
			if n%2 == 1 {
				client = fmt.Sprintf("2001:db8:%x:%x::%x", n%3000, n%7, n%65536)
			}
			a := signIn(spellings[n%len(spellings)], fmt.Sprint("guess", n), client, "")
			before := w.judged[a.Account]
			if ok, _, _ := w.enter(a); ok {
				t.Fatal("the attacker got in")
			}
			attackers += w.judged[a.Account] - before
			w.now = w.now.Add(time.Minute / (guesses/minutes + 1))
		}
		ok, rule, next := w.enter(signIn("owner", "right", "198.51.100.9", device))
		if !ok {
			t.Fatalf("minute %d: the owner was refused by %q", minute, rule)
		}
		owners++
		device = next
	}
	if attackers > 100 || attackers < 50 {
		t.Errorf("the attacker had %d guesses judged, want at most 100", attackers)
	}
	t.Logf("the owner signed in %d times; %d of %d guesses were judged", owners, attackers, guesses)
	if !w.found(throttle.RuleClosed) {
		t.Errorf("nothing says that the lane was closed: %v", w.findings)
	}
	// A success in the known lane opens nothing for strangers, nor does a restart.
	w.restart(throttle.Options{})
	if _, rule, _ := w.enter(signIn("owner", "right", "203.0.113.5", "")); rule != throttle.RuleClosed {
		t.Errorf("a stranger after a restart: %q, want %q", rule, throttle.RuleClosed)
	}
	if ok, rule, _ := w.enter(signIn("owner", "right", "203.0.113.5", device)); !ok {
		t.Errorf("the owner's device after a restart: %q", rule)
	}
	if err := w.Reopen(t.Context(), "owner"); err != nil {
		t.Fatal(err)
	}
	if ok, rule, _ := w.enter(signIn("owner", "right", "203.0.113.5", "")); !ok {
		t.Errorf("after recovery: %q", rule)
	}
}

func TestCheck_Spraying50000Accounts_IsRefused(t *testing.T) {
	w := newWorld(t, throttle.Options{})
	judged := 0
	for i := range 50_000 {
		account := fmt.Sprint("person", i)
		if i%100 == 99 {
			w.passwords[account] = "Winter2030!" // one in a hundred has it
		}
		client := fmt.Sprintf("10.%d.%d.%d", i%7, i>>8&255, i&255)
		w.enter(signIn(account, "Winter2030!", client, ""))
		judged += w.judged[account]
		w.now = w.now.Add(time.Second)
	}
	if judged > 60 {
		t.Errorf("%d tries of one password were judged", judged)
	}
	if !w.found(throttle.RuleSpraying) {
		t.Errorf("nothing says so: %v", w.findings)
	}
	t.Logf("%d of 50,000 were judged", judged)
	// Who signed in before with that password still may.
	w.passwords["owner"] = "unusual"
	_, _, device := w.enter(signIn("owner", "unusual", "192.0.2.1", ""))
	w.passwords["owner"] = "Winter2030!"
	if ok, rule, _ := w.enter(signIn("owner", "Winter2030!", "192.0.2.1", device)); !ok {
		t.Errorf("a known device was refused by %q", rule)
	}
}

// TestCheck_StuffingFromManyAddresses: each stays below what one may; the rise
// overall is told, new addresses may do less, and known devices are not concerned.
func TestCheck_StuffingFromManyAddresses_IsToldAndBounded(t *testing.T) {
	w := newWorld(t, throttle.Options{})
	w.passwords["owner"] = "right"
	_, _, device := w.enter(signIn("owner", "right", "192.0.2.1", ""))
	judged, strangers := 0, 0
	for i := range 100_000 {
		a := signIn(fmt.Sprint("leaked", i), fmt.Sprint("password", i), fmt.Sprintf("10.%d.%d.1", i%3000/256, i%3000%256), "")
		w.enter(a)
		judged += w.judged[a.Account]
		w.now = w.now.Add(36 * time.Millisecond) // within an hour
		if i%1000 == 0 {
			ok, rule, next := w.enter(signIn("owner", "right", "192.0.2.1", device))
			if !ok {
				t.Fatalf("the owner was refused by %q", rule)
			}
			device = next
			// Somebody at an address where people sign in ordinarily.
			name := fmt.Sprint("new", i)
			w.passwords[name] = "fresh" + name
			if ok, _, _ := w.enter(signIn(name, "fresh"+name, "192.0.2.1", "")); ok {
				strangers++
			}
		}
	}
	if judged > 8_000 || !w.found(throttle.RuleStuffing) {
		t.Errorf("%d of 100,000 were judged, findings %v", judged, w.findings)
	}
	if strangers < 95 {
		t.Errorf("%d of 100 new people at a good address got in", strangers)
	}
	t.Logf("%d of 100,000 from 3,000 addresses were judged; %d of 100 new people at a good address got in", judged, strangers)
}

func TestCheck_TenMillionNames_MemoryIsFixedAndFailuresStay(t *testing.T) {
	names := 10_000_000
	if testing.Short() || !long() {
		names = 100_000
	}
	w := newWorld(t, throttle.Options{Accounts: 1 << 12, Addresses: 1 << 12, Secrets: 1 << 12, Global: throttle.Rate{Burst: 1 << 30, Every: time.Nanosecond}, Newcomers: 1 << 30, Stuffed: 100, Sprayed: 100})
	for i := range 40 {
		w.enter(signIn("victim", fmt.Sprint("guess", i), fmt.Sprintf("10.9.0.%d", i), ""))
		w.now = w.now.Add(10 * time.Minute)
	}
	seen := w.judged["victim"]
	if seen < 30 {
		t.Fatalf("%d guesses were judged", seen)
	}
	for i := range names {
		a := signIn(fmt.Sprint("name", i), fmt.Sprint(i), fmt.Sprintf("10.%d.%d.%d", i>>16&255, i>>8&255, i&255), "")
		if try := w.Check(t.Context(), a); try.Decision.Verdict == gatehouse.Pass {
			w.Told(t.Context(), try, throttle.Result{Outcome: signin.Failure})
		}
		if i%64 == 0 {
			w.now = w.now.Add(time.Millisecond)
		}
	}
	for i := range 200 {
		w.enter(signIn("victim", fmt.Sprint("later", i), fmt.Sprintf("10.10.%d.1", i), ""))
		w.now = w.now.Add(6 * time.Minute)
	}
	if got := w.judged["victim"]; got > 100 {
		t.Errorf("%d guesses were judged: others' names made the victim's failures forgotten", got)
	}
}
