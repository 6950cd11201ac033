package throttle_test

import (
	"testing"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/identity/signin"
	"github.com/gatehousehq/gatehouse/identity/throttle"
	"github.com/gatehousehq/gatehouse/secret"
)

// spaced is a sign-in whose password has a space in it, which some would read as
// a plus.
func spaced(password, other string) throttle.Attempt {
	a := signIn("ann", password, "192.0.2.1", "")
	a.Secrets, a.Readings = append(a.Secrets, secret.Text(other)), true
	return a
}

func TestCheck_ReadingsOfOnePassword_AreOneGuess(t *testing.T) {
	w := newWorld(t, throttle.Options{})
	w.passwords["ann"] = "correct horse"
	for i, typo := range []string{"corect", "corrct", "correc", "orrect", "cotrect"} {
		if _, rule, _ := w.enter(spaced(typo+" horse", typo+"+horse")); rule != "" {
			t.Fatalf("mistake %d is refused by %q", i, rule)
		}
	}
	if ok, rule, _ := w.enter(spaced("correct horse", "correct+horse")); !ok {
		t.Errorf("after five mistakes: refused by %q", rule)
	}
}

func TestCheck_ReadingsTriedBefore_AreNoNewGuess(t *testing.T) {
	w := newWorld(t, throttle.Options{})
	for range 20 { // a program that goes on with an old password
		if _, rule, _ := w.enter(spaced("old horse", "old+horse")); rule != "" {
			t.Fatalf("refused by %q", rule)
		}
	}
	// What the backend did not judge leaves nothing behind.
	for range 50 {
		try := w.Check(t.Context(), spaced("new horse", "new+horse"))
		if try.Decision.Verdict != gatehouse.Pass {
			t.Fatalf("refused by %q", try.Decision.Rule)
		}
		w.Told(t.Context(), try, throttle.Result{Outcome: signin.Unjudged})
	}
	passed := 0
	for _, typo := range []string{"a b", "c d", "e f", "g h", "i j", "k l", "m n"} {
		if _, rule, _ := w.enter(spaced(typo, typo[:1]+"+"+typo[2:])); rule == "" {
			passed++
		}
	}
	if passed != 5 { // of six without a delay, one is the old password
		t.Errorf("%d new guesses passed at once, want 5", passed)
	}
}
