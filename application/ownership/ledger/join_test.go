package ledger_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/application/ownership/ledger"
)

// settledOrNot runs a test once with all in memory, once written and forgotten
// in memory, and once noted in memory over what only the store has.
func settledOrNot(t *testing.T, test func(t *testing.T, w *world, next func(*ledger.Ledger) *ledger.Ledger)) {
	t.Run("in memory", func(t *testing.T) {
		test(t, newWorld(t), func(l *ledger.Ledger) *ledger.Ledger { return l })
	})
	t.Run("written", func(t *testing.T) {
		test(t, newWorld(t), func(l *ledger.Ledger) *ledger.Ledger { flush(t, l); return l })
	})
	t.Run("after a restart", func(t *testing.T) {
		w := newWorld(t)
		test(t, w, func(l *ledger.Ledger) *ledger.Ledger {
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			return w.open(t)
		})
	})
}

func TestNote_OfWhatIsKnown_OwningAndLendingJoin(t *testing.T) {
	const created, listed, shared, answered = ledger.Created, ledger.Listed, ledger.Shared, ledger.Answered
	for _, c := range []struct {
		first, then ledger.How
		want        ledger.Standing
	}{
		{created, listed, ledger.Own},
		{created, shared, ledger.Own},
		{listed, shared, ledger.Own},
		{answered, shared, ledger.Own},
		{shared, shared, ledger.Lent},
		// A list that shows a thing lent must not make it its own, for good.
		{shared, listed, ledger.Lent},
		{shared, answered, ledger.Own},
		{shared, created, ledger.Own},
	} {
		settledOrNot(t, func(t *testing.T, w *world, next func(*ledger.Ledger) *ledger.Ledger) {
			l := w.open(t)
			note(t, l, "order", "7", "ann", c.first)
			l = next(l)
			note(t, l, "order", "7", "ann", c.then)
			want(t, l, "order", "7", "ann", c.want)
			flush(t, l)
			want(t, l, "order", "7", "ann", c.want)
			want(t, w.open(t), "order", "7", "ann", c.want)
		})
	}
}

func TestShare_EndsWithItsTime_WhateverListsItMeanwhile(t *testing.T) {
	settledOrNot(t, func(t *testing.T, w *world, next func(*ledger.Ledger) *ledger.Ledger) {
		l := w.open(t)
		note(t, l, "order", "7", "ann", ledger.Created)
		share := ledger.Entry{Resource: "order", ID: "7", Principal: "bob", How: ledger.Shared, Until: w.now().Add(time.Hour)}
		if err := l.Note(t.Context(), share); err != nil {
			t.Fatal(err)
		}
		l = next(l)
		note(t, l, "order", "7", "bob", ledger.Listed)
		want(t, l, "order", "7", "bob", ledger.Lent)
		flush(t, l)
		w.pass(time.Hour - time.Second)
		want(t, l, "order", "7", "bob", ledger.Lent)
		w.pass(time.Second)
		want(t, l, "order", "7", "bob", ledger.Others)
		want(t, w.open(t), "order", "7", "bob", ledger.Others)
		want(t, l, "order", "7", "ann", ledger.Own)
	})
}

func TestShare_Again_TheLastTimeCounts(t *testing.T) {
	settledOrNot(t, func(t *testing.T, w *world, next func(*ledger.Ledger) *ledger.Ledger) {
		l := w.open(t)
		for _, hours := range []time.Duration{5, 1} {
			share := ledger.Entry{Resource: "order", ID: "7", Principal: "bob", How: ledger.Shared, Until: w.now().Add(hours * time.Hour)}
			if err := l.Note(t.Context(), share); err != nil {
				t.Fatal(err)
			}
			l = next(l)
		}
		want(t, l, "order", "7", "bob", ledger.Lent)
		w.pass(time.Hour)
		want(t, l, "order", "7", "bob", ledger.Unknown)
	})
}

// An insert that overwrites, with an identifier that the client chose, is how
// somebody would make another's thing his own.
func TestCreated_OfWhatIsAnothers_IsRefused(t *testing.T) {
	settledOrNot(t, func(t *testing.T, w *world, next func(*ledger.Ledger) *ledger.Ledger) {
		l := w.open(t)
		note(t, l, "order", "7", "ann", ledger.Listed)
		l = next(l)
		err := l.Note(t.Context(), ledger.Entry{Resource: "order", ID: "7", Principal: "eve", How: ledger.Created})
		if err != nil && !errors.Is(err, ledger.ErrTaken) {
			t.Fatal(err)
		}
		want(t, l, "order", "7", "eve", ledger.Others)
		flush(t, l)
		want(t, l, "order", "7", "eve", ledger.Others)
		want(t, l, "order", "7", "ann", ledger.Own)
		if known := err != nil; !known && l.Counts().Refused != 1 {
			t.Errorf("%d notes taken back, want 1", l.Counts().Refused)
		}
		if err := l.Forget(t.Context(), "order", "7"); err != nil {
			t.Fatal(err)
		}
		// Deleted, and the identifier given again.
		note(t, l, "order", "7", "eve", ledger.Created)
		want(t, l, "order", "7", "eve", ledger.Own)
		want(t, l, "order", "7", "ann", ledger.Others)
	})
}

func TestCreated_OfWhatIsOnlyLent_IsTaken(t *testing.T) {
	l := newWorld(t).open(t)
	note(t, l, "order", "7", "bob", ledger.Shared)
	note(t, l, "order", "7", "ann", ledger.Created)
	want(t, l, "order", "7", "ann", ledger.Own)
}

func TestNote_ForTooManyPrincipals_KeepsTheFirst(t *testing.T) {
	settledOrNot(t, func(t *testing.T, w *world, next func(*ledger.Ledger) *ledger.Ledger) {
		l := w.open(t)
		for i := range 64 {
			note(t, l, "post", "1", fmt.Sprint("user", i), ledger.Listed)
		}
		l = next(l)
		err := l.Note(t.Context(), ledger.Entry{Resource: "post", ID: "1", Principal: "eve", How: ledger.Listed})
		if err != nil && !errors.Is(err, ledger.ErrCrowded) {
			t.Fatal(err)
		}
		want(t, l, "post", "1", "eve", ledger.Others)
		flush(t, l)
		want(t, l, "post", "1", "eve", ledger.Others)
		for i := range 64 {
			want(t, l, "post", "1", fmt.Sprint("user", i), ledger.Own)
		}
		note(t, l, "post", "1", "user3", ledger.Answered) // who is there already may be noted again
	})
}

func TestNoteAndLook_OfNothing_AreRefused(t *testing.T) {
	w := newWorld(t)
	l := w.open(t)
	long := string(make([]byte, 5000))
	for _, e := range []ledger.Entry{
		{}, {ID: "7", Principal: "ann", How: ledger.Created}, {Resource: "order", Principal: "ann", How: ledger.Created},
		{Resource: "order", ID: "7", How: ledger.Created}, {Resource: "order", ID: "7", Principal: "ann"},
		{Resource: "order", ID: "7", Principal: "ann", How: 9}, {Resource: "order", ID: long, Principal: "ann", How: ledger.Created},
		{Resource: "order", ID: "7", Principal: "ann", How: ledger.Shared, Until: w.now()},
	} {
		if err := l.Note(t.Context(), e); !errors.Is(err, ledger.ErrInvalid) {
			t.Errorf("%+v: %v, want ErrInvalid", e, err)
		}
	}
	for _, names := range [][3]string{{"order", "7", ""}, {"order", "", "ann"}, {"", "7", "ann"}, {"order", long, "ann"}} {
		got, err := l.Look(t.Context(), names[0], names[1], names[2])
		if !errors.Is(err, ledger.ErrInvalid) || got != ledger.Unknown {
			t.Errorf("%.10q: %v, %v", names, got, err)
		}
	}
}
