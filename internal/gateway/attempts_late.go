package gateway

import (
	"slices"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/ratelimit"
	"github.com/gatehousehq/gatehouse/identity/signin"
	"github.com/gatehousehq/gatehouse/identity/throttle"
)

// This file is about attempts whose fields are known only when the body has streamed
// to the backend: large multipart forms. They are judged at its end, before the last
// piece is passed on: a backend that reads a form whole never has it. One that acts
// on a field before the form has ended is not protected so.

// lateAttempt looks for an attempt again, and judges what it finds. An error ends the
// body.
func (t *transit) lateAttempt() error {
	a := &t.attempt
	a.mu.Lock()
	defer a.mu.Unlock()
	found := t.find()
	if a.over || found.Kind == signin.None || a.looked && sameAttempt(&found, &a.Attempt) {
		return nil
	}
	if a.try != nil { // what the head said alone is judged with the rest
		t.gate.signIns.throttle.Told(t.r.Context(), a.try, throttle.Result{Outcome: signin.Unjudged})
		a.try = nil
	}
	a.Attempt, a.looked = found, true
	for _, check := range [...]struct {
		rung string
		do   func() gatehouse.Decision
	}{{ratelimit.RungPrincipal, t.limitLate}, {throttle.Rung, func() gatehouse.Decision { return t.throttle(a) }}} {
		rung := t.asm.rungByName(check.rung)
		if rung == nil {
			continue // off
		}
		if d, ok := t.judge(rung, t.guarded(rung, check.do)); !ok {
			t.late.Store(&d)
			return &refusedError{d}
		}
	}
	return nil
}

func sameAttempt(a, b *signin.Attempt) bool {
	return a.Kind == b.Kind && a.Account == b.Account && a.Batch == b.Batch && a.Ambiguous == b.Ambiguous &&
		slices.Equal(a.Others, b.Others) && slices.Equal(a.Secrets, b.Secrets)
}

// limitLate counts an attempt by address.
func (t *transit) limitLate() (d gatehouse.Decision) {
	if t.attempt.Kind != signin.SignIn {
		return gatehouse.Passed()
	}
	d, t.standing = t.asm.limits.CheckSignIn(t.r.Context(), t.asks(), t.standing)
	return d
}

// closeAttempt waits for what judges an attempt, after which nothing does.
func (t *transit) closeAttempt() {
	t.attempt.mu.Lock()
	defer t.attempt.mu.Unlock()
	t.attempt.over = true
}
