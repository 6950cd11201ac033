package ledger_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/application/ownership/ledger"
)

// noteAll notes things first to last-1 for the principal, writing as needed.
func noteAll(t testing.TB, l *ledger.Ledger, principal string, first, last int) {
	t.Helper()
	for i := first; i < last; i++ {
		e := ledger.Entry{Resource: "order", ID: fmt.Sprint(i), Principal: principal, How: ledger.Created}
		err := l.Note(t.Context(), e)
		if errors.Is(err, ledger.ErrBehind) {
			flush(t, l)
			err = l.Note(t.Context(), e)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestMemory_Full_StaysBoundedAndTheStoreHasTheRest(t *testing.T) {
	w := newWorld(t)
	l := w.open(t)
	for p := range 20 {
		noteAll(t, l, fmt.Sprint("user", p), p*300, p*300+300)
		if n := l.Len(); n > 1024 {
			t.Fatalf("%d entries in memory, want 1,024 at most", n)
		}
	}
	flush(t, l)
	for i := range 6000 {
		want(t, l, "order", fmt.Sprint(i), fmt.Sprint("user", i/300), ledger.Own)
		want(t, l, "order", fmt.Sprint(i), fmt.Sprint("user", (i/300+1)%20), ledger.Others)
	}
	if n := l.Len(); n > 1024 {
		t.Errorf("%d entries in memory, want 1,024 at most", n)
	}
}

func TestFlood_OfOnePrincipal_DoesNotPushOutOthers(t *testing.T) {
	w := newWorld(t)
	l := w.open(t)
	for p := range 8 {
		noteAll(t, l, fmt.Sprint("user", p), p*100, p*100+100)
	}
	flush(t, l)
	noteAll(t, l, "eve", 1000, 21000)
	flush(t, l)
	before := w.reads.Load()
	for i := range 800 {
		want(t, l, "order", fmt.Sprint(i), fmt.Sprint("user", i/100), ledger.Own)
	}
	// An eighth of 1,024 is eve's right; the other 800 were there first.
	// Once in 128 runs she shares her cell with one of them, who has a hundred.
	if read := w.reads.Load() - before; read > 200 {
		t.Errorf("a flood pushed %d of 800 entries of others out of memory", read)
	}
}

func TestFlood_OfOnePrincipal_MakesRoomForOthers(t *testing.T) {
	w := newWorld(t)
	l := w.open(t)
	noteAll(t, l, "eve", 1000, 6000) // alone: all of memory is hers
	flush(t, l)
	for p := range 4 {
		noteAll(t, l, fmt.Sprint("user", p), p*100, p*100+100)
		flush(t, l)
	}
	before := w.reads.Load()
	for i := range 400 {
		want(t, l, "order", fmt.Sprint(i), fmt.Sprint("user", i/100), ledger.Own)
	}
	if read := w.reads.Load() - before; read > 200 { // as above
		t.Errorf("%d of 400 entries of others had no room", read)
	}
}

func TestFlood_WhileTheStoreIsAway_LeavesRoomToWait(t *testing.T) {
	w := newWorld(t)
	l := w.open(t)
	w.broken.Store(true)
	var err error
	for i := 0; err == nil && i < 2000; i++ {
		err = l.Note(t.Context(), ledger.Entry{Resource: "order", ID: fmt.Sprint(i), Principal: "eve", How: ledger.Created})
	}
	if !errors.Is(err, ledger.ErrBehind) {
		t.Fatalf("a flood that nobody writes: %v, want ErrBehind", err)
	}
	waiting := l.Counts().Waiting
	if waiting > 1024/2/8 {
		t.Errorf("%d of one principal wait, want a share", waiting)
	}
	note(t, l, "order", "a", "ann", ledger.Created)
	w.broken.Store(false)
	flush(t, l)
	if left := l.Counts().Waiting; left != 0 {
		t.Errorf("%d wait still", left)
	}
	want(t, w.open(t), "order", "a", "ann", ledger.Own)
	want(t, w.open(t), "order", fmt.Sprint(waiting-1), "eve", ledger.Own)
}

func TestUse_KeepsAnEntryInMemory(t *testing.T) {
	w := newWorld(t)
	l := w.open(t)
	noteAll(t, l, "ann", 0, 50)
	flush(t, l)
	for p := range 200 {
		noteAll(t, l, fmt.Sprint("user", p), 1000+p*20, 1000+p*20+20)
		before := w.reads.Load()
		for i := range 50 {
			want(t, l, "order", fmt.Sprint(i), "ann", ledger.Own)
		}
		if w.reads.Load() != before {
			t.Fatalf("what is used was pushed out by user %d", p)
		}
		flush(t, l)
	}
}

func TestNote_Again_IsWrittenOnlyWhenItsTimeIsMuchLater(t *testing.T) {
	w := newWorld(t)
	l := w.open(t, func(o *ledger.Options) { o.Keep = 160 * time.Hour })
	note(t, l, "order", "7", "ann", ledger.Listed)
	flush(t, l)
	w.pass(5 * time.Hour)
	note(t, l, "order", "7", "ann", ledger.Listed)
	if n := l.Counts().Waiting; n != 0 {
		t.Errorf("%d wait after a note that says nothing new", n)
	}
	w.pass(10 * time.Hour)
	note(t, l, "order", "7", "ann", ledger.Listed)
	if n := l.Counts().Waiting; n != 1 {
		t.Errorf("%d wait after a note a tenth of Keep later, want 1", n)
	}
	flush(t, l)
	w.pass(159 * time.Hour)
	want(t, w.open(t), "order", "7", "ann", ledger.Own)
	w.pass(time.Hour)
	want(t, l, "order", "7", "ann", ledger.Unknown)
	want(t, w.open(t), "order", "7", "ann", ledger.Unknown)
}

func TestNew_BadOptions_AreNamed(t *testing.T) {
	s := newWorld(t)
	for name, o := range map[string]ledger.Options{
		"Store":       {},
		"MaxEntries":  {Store: s, MaxEntries: 10},
		"Keep":        {Store: s, Keep: time.Second},
		"MaxPerThing": {Store: s, MaxPerThing: 256},
		"Every":       {Store: s, Every: time.Minute},
		"Wait":        {Store: s, Wait: -1},
	} {
		if _, err := ledger.New(o); err == nil || !contains(err, "Options."+name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
