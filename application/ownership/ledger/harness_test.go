package ledger_test

import (
	"context"
	"errors"
	"iter"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gatehousehq/gatehouse/application/ownership/ledger"
	"github.com/gatehousehq/gatehouse/store"
	"github.com/gatehousehq/gatehouse/store/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a clock that a test moves, and a store that fails or hangs when it
// is told to.
type world struct {
	store.Store
	clock         atomic.Int64 // nanoseconds
	broken, hung  atomic.Bool
	reads         atomic.Int64
	before, after atomic.Pointer[func()]
}

// beforeBatch and afterGet have do run once, at the next such call.
func (w *world) beforeBatch(do func()) { w.before.Store(&do) }
func (w *world) afterGet(do func())    { w.after.Store(&do) }

func once(at *atomic.Pointer[func()]) {
	if do := at.Swap(nil); do != nil {
		(*do)()
	}
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{}
	w.clock.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixNano())
	s, err := memory.New(memory.Options{Now: w.now})
	if err != nil {
		t.Fatal(err)
	}
	w.Store = s
	return w
}

func (w *world) now() time.Time       { return time.Unix(0, w.clock.Load()).UTC() }
func (w *world) pass(d time.Duration) { w.clock.Add(int64(d)) }

var errDisk = errors.New("disk failed")

func (w *world) trouble(ctx context.Context) error {
	if w.hung.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	if w.broken.Load() {
		return errDisk
	}
	return nil
}

func (w *world) Get(ctx context.Context, kind, key string) (store.Record, error) {
	w.reads.Add(1)
	if err := w.trouble(ctx); err != nil {
		return store.Record{}, err
	}
	r, err := w.Store.Get(ctx, kind, key)
	if kind == "ledger" {
		once(&w.after)
	}
	return r, err
}

func (w *world) Batch(ctx context.Context, ops ...store.Op) error {
	if err := w.trouble(ctx); err != nil {
		return err
	}
	once(&w.before)
	return w.Store.Batch(ctx, ops...)
}

func (w *world) Scan(ctx context.Context, q store.Query) iter.Seq2[store.Record, error] {
	w.reads.Add(1)
	if err := w.trouble(ctx); err != nil {
		return func(yield func(store.Record, error) bool) { yield(store.Record{}, err) }
	}
	return w.Store.Scan(ctx, q)
}

// open makes a ledger that writes when it is told to, not by itself.
func (w *world) open(t testing.TB, set ...func(*ledger.Options)) *ledger.Ledger {
	t.Helper()
	o := ledger.Options{Store: w, Now: w.now, MaxEntries: 1024, Every: 5 * time.Second}
	for _, f := range set {
		f(&o)
	}
	l, err := ledger.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func note(t testing.TB, l *ledger.Ledger, resource, id, principal string, how ledger.How) {
	t.Helper()
	if err := l.Note(t.Context(), ledger.Entry{Resource: resource, ID: id, Principal: principal, How: how}); err != nil {
		t.Fatalf("noting %s %s for %s: %v", resource, id, principal, err)
	}
}

func flush(t testing.TB, l *ledger.Ledger) {
	t.Helper()
	if err := l.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func want(t testing.TB, l *ledger.Ledger, resource, id, principal string, standing ledger.Standing) {
	t.Helper()
	got, err := l.Look(t.Context(), resource, id, principal)
	if err != nil || got != standing {
		t.Errorf("%s %s for %s: %v, %v; want %v", resource, id, principal, got, err, standing)
	}
}
