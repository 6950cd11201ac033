package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehousehq/gatehouse/application/ownership/ledger"
	"github.com/gatehousehq/gatehouse/store"
	"github.com/gatehousehq/gatehouse/store/memory"
	"github.com/gatehousehq/gatehouse/store/sqlite"
)

func contains(err error, words string) bool { return strings.Contains(err.Error(), words) }

func TestLook_StoreFails_IsAnErrorAndUnknown(t *testing.T) {
	w := newWorld(t)
	l := w.open(t)
	note(t, l, "order", "7", "ann", ledger.Created)
	flush(t, l)
	note(t, l, "order", "8", "ann", ledger.Created)
	w.broken.Store(true)
	want(t, l, "order", "7", "ann", ledger.Own) // memory has it
	for id, principal := range map[string]string{"7": "bob", "8": "ann", "9": "ann"} {
		if got, err := l.Look(t.Context(), "order", id, principal); !errors.Is(err, errDisk) || got != ledger.Unknown {
			t.Errorf("%s for %s: %v, %v; want Unknown and the store's error", id, principal, got, err)
		}
	}
	if err := l.Flush(t.Context()); !errors.Is(err, errDisk) {
		t.Errorf("Flush: %v", err)
	}
	if err := l.Revoke(t.Context(), "order", "7", "ann"); !errors.Is(err, errDisk) {
		t.Errorf("Revoke: %v", err)
	}
	// What may have been revoked is no longer answered from memory.
	if got, err := l.Look(t.Context(), "order", "7", "ann"); err == nil {
		t.Errorf("after a revocation that failed: %v", got)
	}
	w.broken.Store(false)
	want(t, l, "order", "8", "ann", ledger.Own)
	flush(t, l)
	want(t, w.open(t), "order", "8", "ann", ledger.Own)
}

func TestLook_StoreHangs_EndsWithAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // in its time a note takes exactly as long as it waits
		w := newWorld(t)
		l := w.open(t, func(o *ledger.Options) { o.Wait = 20 * time.Millisecond })
		w.hung.Store(true)
		defer w.hung.Store(false)
		if got, err := l.Look(t.Context(), "order", "7", "ann"); !errors.Is(err, context.DeadlineExceeded) || got != ledger.Unknown {
			t.Errorf("%v, %v; want Unknown and the deadline", got, err)
		}
		began := time.Now()
		note(t, l, "order", "7", "ann", ledger.Created)
		if d := time.Since(began); d > 0 {
			t.Errorf("a note took %s while the store hangs", d)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if err := l.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Flush: %v", err)
		}
	})
}

func TestMemory_ChangesOfOthersNotAsked_IsTrustedNoMore(t *testing.T) {
	w := newWorld(t)
	l := w.open(t)
	note(t, l, "order", "7", "ann", ledger.Created)
	flush(t, l)
	w.broken.Store(true)
	w.pass(10 * time.Second)
	want(t, l, "order", "7", "ann", ledger.Own)
	w.pass(time.Second)
	if got, err := l.Look(t.Context(), "order", "7", "ann"); err == nil {
		t.Errorf("11 s after other gates' changes were asked for: %v", got)
	}
	w.broken.Store(false)
	want(t, l, "order", "7", "ann", ledger.Own)
	w.pass(-time.Hour) // the clock was set back
	w.broken.Store(true)
	if got, err := l.Look(t.Context(), "order", "7", "ann"); err == nil {
		t.Errorf("after the clock was set back: %v", got)
	}
	w.broken.Store(false)
}

func TestLook_ForeignRecord_IsAnError(t *testing.T) {
	w := newWorld(t)
	l := w.open(t)
	note(t, l, "order", "7", "ann", ledger.Created)
	flush(t, l)
	for r, err := range w.Store.Scan(t.Context(), store.Query{Kind: "ledger"}) {
		if err != nil {
			t.Fatal(err)
		}
		r.Value = []byte{77}
		if err := store.Put(t.Context(), w.Store, r); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := w.open(t).Look(t.Context(), "order", "7", "ann"); !errors.Is(err, ledger.ErrRecord) || got != ledger.Unknown {
		t.Errorf("%v, %v; want ErrRecord", got, err)
	}
}

func TestClose_EndsEverything(t *testing.T) {
	w := newWorld(t)
	l := w.open(t)
	note(t, l, "order", "7", "ann", ledger.Created)
	for range 2 {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.Look(t.Context(), "order", "7", "ann"); !errors.Is(err, ledger.ErrClosed) {
		t.Errorf("Look: %v", err)
	}
	for what, err := range map[string]error{
		"Note":     l.Note(t.Context(), ledger.Entry{Resource: "order", ID: "7", Principal: "ann", How: ledger.Created}),
		"Flush":    l.Flush(t.Context()),
		"Forget":   l.Forget(t.Context(), "order", "7"),
		"Revoke":   l.Revoke(t.Context(), "order", "7", "ann"),
		"Transfer": l.Transfer(t.Context(), "order", "7", "ann"),
	} {
		if !errors.Is(err, ledger.ErrClosed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	want(t, w.open(t), "order", "7", "ann", ledger.Own)
}

func TestBehind_WritesByItself_AndTellsOnceThatItFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{}
		s, err := memory.New(memory.Options{})
		if err != nil {
			t.Fatal(err)
		}
		w.Store = s
		var told []error
		l, err := ledger.New(ledger.Options{Store: w, Failed: func(err error) { told = append(told, err) }})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		note(t, l, "order", "7", "ann", ledger.Created)
		time.Sleep(300 * time.Millisecond)
		synctest.Wait()
		if n := l.Counts().Waiting; n != 0 {
			t.Errorf("%d wait after 300 ms", n)
		}
		w.broken.Store(true)
		time.Sleep(5 * time.Second)
		w.broken.Store(false)
		time.Sleep(time.Second)
		w.broken.Store(true)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if len(told) != 2 || !errors.Is(told[0], errDisk) {
			t.Errorf("told %v, want twice of the disk", told)
		}
		w.broken.Store(false)
	})
}

func TestEntry_ExpiresByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := memory.New(memory.Options{})
		if err != nil {
			t.Fatal(err)
		}
		l, err := ledger.New(ledger.Options{Store: s, Keep: time.Hour, Every: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		note(t, l, "order", "7", "ann", ledger.Created)
		time.Sleep(time.Hour - time.Second)
		want(t, l, "order", "7", "ann", ledger.Own)
		time.Sleep(time.Second)
		want(t, l, "order", "7", "ann", ledger.Unknown)
		want(t, l, "order", "7", "bob", ledger.Unknown)
		// What is over is in nobody's way.
		note(t, l, "order", "7", "bob", ledger.Created)
		want(t, l, "order", "7", "bob", ledger.Own)
		want(t, l, "order", "7", "ann", ledger.Others)
	})
}

func TestStateFile_NamesNobody_AndSurvivesARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gate.db")
	run := func(do func(l *ledger.Ledger)) {
		s, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		l, err := ledger.New(ledger.Options{Store: s})
		if err != nil {
			t.Fatal(err)
		}
		do(l)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	run(func(l *ledger.Ledger) {
		for i := range 300 {
			note(t, l, "secret-invoice", fmt.Sprint("number-", i), "ann@example.com", ledger.Created)
		}
	})
	run(func(l *ledger.Ledger) {
		for i := range 300 {
			want(t, l, "secret-invoice", fmt.Sprint("number-", i), "ann@example.com", ledger.Own)
		}
	})
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"secret-invoice", "number-", "ann@", "example.com"} {
			if bytes.Contains(raw, []byte(name)) {
				t.Errorf("%s has %q", filepath.Base(file), name)
			}
		}
	}
}

func TestLedger_ManyAtOnce_GivesNobodyWhatIsNotHis(t *testing.T) {
	w := newWorld(t)
	ledgers := []*ledger.Ledger{
		w.open(t, func(o *ledger.Options) { o.Every = time.Millisecond }),
		w.open(t, func(o *ledger.Options) { o.Every = time.Millisecond }),
	}
	var all sync.WaitGroup
	for g := range 4 {
		l, me := ledgers[g%2], fmt.Sprint("user", g)
		all.Go(func() {
			for i := range 3000 {
				id := fmt.Sprint(g, "-", i%700)
				err := l.Note(t.Context(), ledger.Entry{Resource: "order", ID: id, Principal: me, How: ledger.Created})
				if err != nil && !errors.Is(err, ledger.ErrBehind) {
					t.Error(err)
				}
				other := fmt.Sprint((g+1)%4, "-", i%700)
				if got, err := l.Look(t.Context(), "order", other, me); err != nil || got == ledger.Own || got == ledger.Lent {
					t.Errorf("%s for %s: %v, %v", other, me, got, err)
				}
				if i%100 == 99 {
					if err := l.Forget(t.Context(), "order", id); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
}
