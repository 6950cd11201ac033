// Package storetest is the suite that every store is held to. An
// implementation's test calls [Run]; whatever passes may stand in for any
// other.
//
// It does not test what a store does with a full disk or a damaged file: that
// is each implementation's own.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/store"
)

// An Opener makes an empty store whose clock is now.
type Opener func(t *testing.T, now func() time.Time) store.Store

// Run holds the stores that open makes to the suite.
func Run(t *testing.T, open Opener) {
	for _, c := range []struct {
		name string
		test func(*testing.T, *bench)
	}{
		{"Get_Missing_IsNotFound", getMissing},
		{"Put_GivesBackWhatWasWritten", putRoundTrip},
		{"Put_CountsVersionsFromOne", putVersions},
		{"Value_IsACopy", valueIsACopy},
		{"Swap_OnlyFromTheVersionRead", swapVersions},
		{"Swap_SixteenRacers_OneWins", swapRace},
		{"Swap_ConcurrentIncrements_LoseNone", swapIncrements},
		{"Delete_RemovesAndRestartsVersions", deleteRecord},
		{"Batch_Conflict_ChangesNothing", batchAtomic},
		{"Batch_SameKeyTwice_InOrder", batchInOrder},
		{"Batch_Invalid_ChangesNothing", batchInvalid},
		{"Expiry_RecordCeasesToExist", expiry},
		{"Expiry_SwapTreatsExpiredAsMissing", expirySwap},
		{"Sweep_RemovesExpiredAlone", sweep},
		{"Scan_OrderPrefixAfterReverseLimit", scanOrder},
		{"Scan_ByIndex", scanIndex},
		{"Scan_IndexFollowsChanges", scanIndexChanges},
		{"Scan_Stopped_Ends", scanStopped},
		{"Scan_WhileWriting_IsOneMoment", scanWhileWriting},
		{"Scan_Nested_DoesNotWait", scanNested},
		{"Scan_ConcurrentWriters_SeesWholeBatches", scanWholeBatches},
		{"Cancelled_Returns", cancelled},
		{"Close_EndsEverything", closeStore},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := &bench{T: t, ctx: t.Context()}
			b.clock.Store(time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC).UnixMicro())
			b.Store = open(t, b.now)
			t.Cleanup(func() {
				if err := b.Store.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
			c.test(t, b)
		})
	}
}

// bench is one store under test, its clock, and calls that must not fail.
type bench struct {
	*testing.T
	store.Store
	ctx   context.Context
	clock atomic.Int64
}

func (b *bench) now() time.Time           { return time.UnixMicro(b.clock.Load()).UTC() }
func (b *bench) advance(by time.Duration) { b.clock.Add(by.Microseconds()) }

func (b *bench) put(rs ...store.Record) {
	b.Helper()
	for _, r := range rs {
		if err := store.Put(b.ctx, b.Store, r); err != nil {
			b.Fatalf("Put %s/%s: %v", r.Kind, r.Key, err)
		}
	}
}

func (b *bench) get(kind, key string) store.Record {
	b.Helper()
	r, err := b.Get(b.ctx, kind, key)
	if err != nil {
		b.Fatalf("Get %s/%s: %v", kind, key, err)
	}
	return r
}

func (b *bench) missing(kind, key string) {
	b.Helper()
	if r, err := b.Get(b.ctx, kind, key); !errors.Is(err, store.ErrNotFound) {
		b.Fatalf("Get %s/%s = %+v, %v; want ErrNotFound", kind, key, r, err)
	}
}

func (b *bench) keys(q store.Query) []string {
	b.Helper()
	keys := []string{}
	for r, err := range b.Scan(b.ctx, q) {
		if err != nil {
			b.Fatalf("Scan %+v: %v", q, err)
		}
		keys = append(keys, r.Key)
	}
	return keys
}

func (b *bench) wantErr(err, want error) {
	b.Helper()
	if !errors.Is(err, want) {
		b.Fatalf("error %v; want %v", err, want)
	}
}

func rec(key, value string) store.Record {
	return store.Record{Kind: "k", Key: key, Value: []byte(value)}
}

func getMissing(t *testing.T, b *bench) {
	b.missing("k", "a")
	b.put(rec("a", "1"))
	b.missing("other", "a")
	b.missing("k", "A")
	b.missing("k", "")
}

func putRoundTrip(t *testing.T, b *bench) {
	expires := b.now().Add(time.Hour + 123456*time.Microsecond + 789).In(time.FixedZone("x", 3600))
	long := strings.Repeat("k", store.MaxKey)
	for _, r := range []store.Record{
		{Kind: "k", Key: "all", Value: []byte("v\x00\xff"), Index1: "i1", Index2: "i2", Expires: expires},
		{Kind: "k", Key: "none"},
		{Kind: "ké", Key: "schlüssel/%_'\"; DROP TABLE records--", Value: []byte("v")},
		{Kind: long, Key: long, Index1: long, Index2: long, Value: make([]byte, store.MaxValue)},
	} {
		b.put(r)
		got := b.get(r.Kind, r.Key)
		if string(got.Value) != string(r.Value) || got.Kind != r.Kind || got.Key != r.Key ||
			got.Index1 != r.Index1 || got.Index2 != r.Index2 || !got.Expires.Equal(r.Expires.Truncate(time.Microsecond)) {
			t.Errorf("got %.200q\nwant %.200q", fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", r))
		}
		if !got.Expires.IsZero() && got.Expires.Location() != time.UTC {
			t.Errorf("Expires is in %v; want UTC", got.Expires.Location())
		}
	}
}

func putVersions(t *testing.T, b *bench) {
	for want := uint64(1); want <= 3; want++ {
		r := rec("a", fmt.Sprint(want))
		r.Version = 77 // says nothing without Conditional
		b.put(r)
		if got := b.get("k", "a"); got.Version != want || string(got.Value) != fmt.Sprint(want) {
			t.Fatalf("version %d value %q; want %d", got.Version, got.Value, want)
		}
	}
}

func valueIsACopy(t *testing.T, b *bench) {
	r := rec("a", "abc")
	b.put(r)
	r.Value[0] = 'X'
	b.get("k", "a").Value[1] = 'Y'
	for got := range b.Scan(b.ctx, store.Query{Kind: "k"}) {
		got.Value[2] = 'Z'
	}
	if got := b.get("k", "a"); string(got.Value) != "abc" {
		t.Fatalf("value %q after the caller changed its own; want abc", got.Value)
	}
}

func swapVersions(t *testing.T, b *bench) {
	r := rec("a", "1")
	r.Version = 1
	b.wantErr(store.Swap(b.ctx, b.Store, r), store.ErrConflict)
	b.missing("k", "a")
	for r.Version = 0; r.Version < 3; r.Version++ {
		if err := store.Swap(b.ctx, b.Store, r); err != nil {
			t.Fatalf("Swap from version %d: %v", r.Version, err)
		}
		b.wantErr(store.Swap(b.ctx, b.Store, r), store.ErrConflict)
	}
	if got := b.get("k", "a").Version; got != 3 {
		t.Fatalf("version %d; want 3", got)
	}
	stale := store.Op{Record: store.Record{Kind: "k", Key: "a", Version: 2}, Delete: true, Conditional: true}
	b.wantErr(b.Batch(b.ctx, stale), store.ErrConflict)
	stale.Version = 3
	if err := b.Batch(b.ctx, stale); err != nil {
		t.Fatalf("conditional delete: %v", err)
	}
	b.missing("k", "a")
}

func swapRace(t *testing.T, b *bench) {
	for round := range uint64(10) {
		var wins, conflicts atomic.Int32
		var wg sync.WaitGroup
		start := make(chan struct{})
		for i := range 16 {
			wg.Go(func() {
				<-start
				r := rec("a", fmt.Sprint(i))
				r.Version = round
				switch err := store.Swap(b.ctx, b.Store, r); {
				case err == nil:
					wins.Add(1)
				case errors.Is(err, store.ErrConflict):
					conflicts.Add(1)
				default:
					t.Errorf("Swap: %v", err)
				}
			})
		}
		close(start)
		wg.Wait()
		if wins.Load() != 1 || conflicts.Load() != 15 {
			t.Fatalf("round %d: %d won, %d conflicts; want 1 and 15", round, wins.Load(), conflicts.Load())
		}
	}
}

func swapIncrements(t *testing.T, b *bench) {
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 10 {
				for {
					r, err := b.Get(b.ctx, "k", "n")
					if err != nil && !errors.Is(err, store.ErrNotFound) {
						t.Errorf("Get: %v", err)
						return
					}
					r.Kind, r.Key, r.Value = "k", "n", append(r.Value, 'x')
					if err = store.Swap(b.ctx, b.Store, r); err == nil {
						break
					}
					if !errors.Is(err, store.ErrConflict) {
						t.Errorf("Swap: %v", err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	if got := b.get("k", "n"); len(got.Value) != 80 || got.Version != 80 {
		t.Fatalf("%d increments, version %d; want 80", len(got.Value), got.Version)
	}
}

func deleteRecord(t *testing.T, b *bench) {
	b.put(rec("a", "1"), rec("a", "2"))
	for range 2 {
		if err := store.Delete(b.ctx, b.Store, "k", "a"); err != nil {
			t.Fatalf("Delete: %v", err)
		}
		b.missing("k", "a")
	}
	b.put(rec("a", "3"))
	if got := b.get("k", "a").Version; got != 1 {
		t.Fatalf("version %d after deletion; want 1", got)
	}
}

func batchAtomic(t *testing.T, b *bench) {
	b.put(rec("old", "old"), rec("gone", "stays"))
	err := b.Batch(b.ctx,
		store.Op{Record: rec("new", "new")},
		store.Op{Record: rec("old", "changed")},
		store.Op{Record: rec("gone", ""), Delete: true},
		store.Op{Record: rec("old", "again")},
		store.Op{Record: store.Record{Kind: "k", Key: "absent", Version: 9}, Conditional: true})
	b.wantErr(err, store.ErrConflict)
	b.missing("k", "new")
	if got := b.get("k", "old"); string(got.Value) != "old" || got.Version != 1 {
		t.Errorf("old is %q version %d after a failed batch", got.Value, got.Version)
	}
	if got := b.get("k", "gone"); string(got.Value) != "stays" {
		t.Errorf("gone is %q after a failed batch", got.Value)
	}
	if got := b.keys(store.Query{Kind: "k"}); !slices.Equal(got, []string{"gone", "old"}) {
		t.Errorf("keys %q after a failed batch", got)
	}
	if err := b.Batch(b.ctx); err != nil {
		t.Errorf("an empty batch: %v", err)
	}
}

func batchInOrder(t *testing.T, b *bench) {
	second := rec("a", "2")
	second.Version = 1
	err := b.Batch(b.ctx, store.Op{Record: rec("a", "1"), Conditional: true}, store.Op{Record: second, Conditional: true},
		store.Op{Record: rec("b", "1")}, store.Op{Record: rec("b", ""), Delete: true})
	if err != nil {
		t.Fatalf("Batch: %v", err)
	}
	if got := b.get("k", "a"); string(got.Value) != "2" || got.Version != 2 {
		t.Fatalf("a is %q version %d; want 2, 2", got.Value, got.Version)
	}
	b.missing("k", "b")
}

func batchInvalid(t *testing.T, b *bench) {
	long := strings.Repeat("x", store.MaxKey+1)
	for name, r := range map[string]store.Record{
		"no kind": {Key: "a"}, "no key": {Kind: "k"}, "long kind": {Kind: long, Key: "a"}, "long key": {Kind: "k", Key: long},
		"long index": {Kind: "k", Key: "a", Index1: long}, "NUL": {Kind: "k", Key: "a\x00b"},
		"not UTF-8": {Kind: "k", Key: "a", Index2: "\xff"}, "large": {Kind: "k", Key: "a", Value: make([]byte, store.MaxValue+1)},
	} {
		err := b.Batch(b.ctx, store.Op{Record: rec("fine", "")}, store.Op{Record: r})
		if !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: error %v; want ErrInvalid", name, err)
		}
	}
	b.missing("k", "fine")
}
