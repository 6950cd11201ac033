package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/application/ownership/ledger"
)

func TestGates_OverOneStore_SeeEachOther(t *testing.T) {
	w := newWorld(t)
	a, b := w.open(t), w.open(t)
	note(t, a, "order", "7", "ann", ledger.Created)
	want(t, b, "order", "7", "ann", ledger.Unknown) // not written yet
	flush(t, a)
	want(t, b, "order", "7", "ann", ledger.Own)
	want(t, b, "order", "7", "bob", ledger.Others)
	note(t, a, "order", "7", "bob", ledger.Shared)
	flush(t, a)
	want(t, b, "order", "7", "bob", ledger.Lent) // it held ann's alone
}

func TestGates_AChangeOfOne_ReachesTheOther(t *testing.T) {
	for name, change := range map[string]func(*ledger.Ledger) error{
		"Forget":   func(l *ledger.Ledger) error { return l.Forget(t.Context(), "order", "7") },
		"Revoke":   func(l *ledger.Ledger) error { return l.Revoke(t.Context(), "order", "7", "ann") },
		"Transfer": func(l *ledger.Ledger) error { return l.Transfer(t.Context(), "order", "7", "cat") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			a, b := w.open(t), w.open(t)
			for _, l := range []*ledger.Ledger{a, b} {
				note(t, l, "order", "7", "ann", ledger.Created)
				note(t, l, "order", "8", "ann", ledger.Created)
				flush(t, l)
				want(t, l, "order", "7", "ann", ledger.Own)
			}
			note(t, b, "order", "7", "bob", ledger.Shared)
			if err := change(a); err != nil {
				t.Fatal(err)
			}
			flush(t, b)
			for _, l := range []*ledger.Ledger{a, b} {
				if got, err := l.Look(t.Context(), "order", "7", "ann"); err != nil || got == ledger.Own {
					t.Errorf("the change did not reach: %v, %v", got, err)
				}
				if name == "Revoke" { // of ann's alone, also where bob's was not written yet
					want(t, l, "order", "7", "bob", ledger.Lent)
				} else if got, err := l.Look(t.Context(), "order", "7", "bob"); err != nil || got == ledger.Lent {
					t.Errorf("bob: %v, %v", got, err)
				}
				want(t, l, "order", "8", "ann", ledger.Own)
				if name == "Transfer" {
					want(t, l, "order", "7", "cat", ledger.Own)
				}
			}
		})
	}
}

func TestGates_MissedTooManyChanges_ForgetAllInMemory(t *testing.T) {
	for name, miss := range map[string]func(*world, *ledger.Ledger){
		"too many": func(w *world, a *ledger.Ledger) {
			for i := range 1001 {
				if err := a.Forget(t.Context(), "order", fmt.Sprint("x", i)); err != nil {
					t.Fatal(err)
				}
			}
		},
		"too old": func(w *world, a *ledger.Ledger) {
			if err := a.Forget(t.Context(), "order", "x"); err != nil {
				t.Fatal(err)
			}
			w.pass(2 * time.Hour)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			a, b := w.open(t), w.open(t)
			note(t, b, "order", "7", "ann", ledger.Created)
			flush(t, b)
			if err := a.Revoke(t.Context(), "order", "7", "ann"); err != nil {
				t.Fatal(err)
			}
			miss(w, a)
			flush(t, b)
			if n := b.Len(); n != 0 {
				t.Errorf("%d entries in memory, want none", n)
			}
			want(t, b, "order", "7", "ann", ledger.Unknown)
			note(t, b, "order", "7", "bob", ledger.Created)
			flush(t, b)
			want(t, a, "order", "7", "bob", ledger.Own)
		})
	}
}

func TestRevoke_OfOne_LeavesTheOthers(t *testing.T) {
	settledOrNot(t, func(t *testing.T, w *world, next func(*ledger.Ledger) *ledger.Ledger) {
		l := w.open(t)
		note(t, l, "order", "7", "ann", ledger.Created)
		note(t, l, "order", "7", "bob", ledger.Shared)
		l = next(l)
		if err := l.Revoke(t.Context(), "order", "7", "bob"); err != nil {
			t.Fatal(err)
		}
		flush(t, l)
		want(t, l, "order", "7", "bob", ledger.Others)
		want(t, l, "order", "7", "ann", ledger.Own)
	})
}

func TestGates_ALoanMadeShorterByOne_EndsAtTheOther(t *testing.T) {
	w := newWorld(t)
	a, b := w.open(t), w.open(t)
	lend := func(l *ledger.Ledger, during time.Duration) {
		e := ledger.Entry{Resource: "order", ID: "7", Principal: "bob", How: ledger.Shared, Until: w.now().Add(during)}
		if err := l.Note(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		flush(t, l)
	}
	lend(a, 48*time.Hour)
	want(t, b, "order", "7", "bob", ledger.Lent)
	lend(a, time.Hour)
	flush(t, b)
	w.pass(time.Hour)
	flush(t, b)
	want(t, b, "order", "7", "bob", ledger.Unknown)
}
