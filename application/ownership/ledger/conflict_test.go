package ledger_test

import (
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/application/ownership/ledger"
)

// A list that gate a saw, and a loan that gate b wrote between a's reading and
// a's writing: the loan must keep its end.
func TestWrite_AnotherGateInBetween_JoinsWhatItWrote(t *testing.T) {
	w := newWorld(t)
	a, b := w.open(t), w.open(t)
	note(t, a, "order", "1", "ann", ledger.Listed)
	note(t, a, "order", "7", "bob", ledger.Listed)
	w.beforeBatch(func() {
		e := ledger.Entry{Resource: "order", ID: "7", Principal: "bob", How: ledger.Shared, Until: w.now().Add(time.Hour)}
		if err := b.Note(t.Context(), e); err != nil {
			t.Error(err)
		}
		flush(t, b)
	})
	flush(t, a)
	want(t, a, "order", "7", "bob", ledger.Lent)
	want(t, a, "order", "1", "ann", ledger.Own)
	fresh := w.open(t)
	want(t, fresh, "order", "7", "bob", ledger.Lent)
	want(t, fresh, "order", "1", "ann", ledger.Own)
	w.pass(time.Hour)
	flush(t, a)
	want(t, a, "order", "7", "bob", ledger.Unknown)
}

// What b revokes while a is about to write it again is not written again.
func TestWrite_RevokedInBetween_StaysRevoked(t *testing.T) {
	w := newWorld(t)
	a, b := w.open(t), w.open(t)
	lend := ledger.Entry{Resource: "order", ID: "7", Principal: "bob", How: ledger.Shared, Until: w.now().Add(time.Hour)}
	if err := a.Note(t.Context(), lend); err != nil {
		t.Fatal(err)
	}
	flush(t, a)
	lend.Until = w.now().Add(2 * time.Hour)
	if err := a.Note(t.Context(), lend); err != nil {
		t.Fatal(err)
	}
	w.beforeBatch(func() {
		if err := b.Revoke(t.Context(), "order", "7", "bob"); err != nil {
			t.Error(err)
		}
	})
	flush(t, a)
	for _, l := range []*ledger.Ledger{a, b, w.open(t)} {
		want(t, l, "order", "7", "bob", ledger.Unknown)
	}
	if n := a.Counts().Waiting; n != 0 {
		t.Errorf("%d wait", n)
	}
}

func TestChange_AnotherGateInBetween_BothAreTold(t *testing.T) {
	w := newWorld(t)
	a, b, c := w.open(t), w.open(t), w.open(t)
	for _, id := range []string{"1", "2", "3"} {
		note(t, c, "order", id, "ann", ledger.Created)
	}
	flush(t, c)
	w.beforeBatch(func() {
		if err := b.Forget(t.Context(), "order", "2"); err != nil {
			t.Error(err)
		}
	})
	if err := a.Revoke(t.Context(), "order", "1", "ann"); err != nil {
		t.Fatal(err)
	}
	flush(t, c)
	if n := c.Len(); n != 1 {
		t.Errorf("%d entries in memory after two of three were taken, want 1", n)
	}
	want(t, c, "order", "1", "ann", ledger.Unknown)
	want(t, c, "order", "2", "ann", ledger.Unknown)
	want(t, c, "order", "3", "ann", ledger.Own)
}

// What was read before a change must not come into memory after it.
func TestLook_WhileItIsRevoked_IsNotRemembered(t *testing.T) {
	w := newWorld(t)
	l := w.open(t)
	note(t, l, "order", "7", "ann", ledger.Created)
	flush(t, l)
	l = w.open(t) // nothing in memory
	w.afterGet(func() {
		if err := l.Revoke(t.Context(), "order", "7", "ann"); err != nil {
			t.Error(err)
		}
	})
	if _, err := l.Look(t.Context(), "order", "7", "ann"); err != nil { // the read was first
		t.Fatal(err)
	}
	want(t, l, "order", "7", "ann", ledger.Unknown)
}
