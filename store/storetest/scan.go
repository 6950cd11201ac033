package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/store"
)

func expiry(t *testing.T, b *bench) {
	r := rec("a", "1")
	r.Index1, r.Expires = "i", b.now().Add(time.Minute)
	b.put(r, rec("forever", "1"))
	b.advance(time.Minute - time.Microsecond)
	b.get("k", "a")
	b.advance(time.Microsecond)
	b.missing("k", "a")
	if got := b.keys(store.Query{Kind: "k"}); !slices.Equal(got, []string{"forever"}) {
		t.Errorf("keys %q", got)
	}
	if got := b.keys(store.Query{Kind: "k", Index1: "i"}); len(got) != 0 {
		t.Errorf("keys by index %q", got)
	}
	b.put(rec("a", "2"))
	if got := b.get("k", "a"); got.Version != 1 || !got.Expires.IsZero() || got.Index1 != "" {
		t.Errorf("written again after expiry: %+v; want version 1 and nothing of before", got)
	}
	r.Expires = b.now().Add(-time.Hour)
	b.put(r)
	b.missing("k", "a")
}

func expirySwap(t *testing.T, b *bench) {
	r := rec("a", "1")
	r.Expires = b.now().Add(time.Minute)
	b.put(r, r)
	b.advance(time.Hour)
	r.Version, r.Expires = 2, time.Time{}
	b.wantErr(store.Swap(b.ctx, b.Store, r), store.ErrConflict)
	r.Version = 0
	if err := store.Swap(b.ctx, b.Store, r); err != nil {
		t.Fatalf("Swap from nothing over an expired record: %v", err)
	}
	if got := b.get("k", "a"); got.Version != 1 {
		t.Fatalf("version %d; want 1", got.Version)
	}
}

func sweep(t *testing.T, b *bench) {
	const many = 2500
	ops := make([]store.Op, many)
	for i := range ops {
		ops[i].Record = rec(fmt.Sprintf("x%04d", i), "")
		ops[i].Expires = b.now().Add(time.Duration(i%2+1) * time.Minute)
	}
	if err := b.Batch(b.ctx, ops...); err != nil {
		t.Fatal(err)
	}
	b.put(rec("forever", ""), store.Record{Kind: "other", Key: "a", Expires: b.now().Add(time.Minute)})
	for _, want := range []int{0, many/2 + 1, 0, many / 2} {
		got, err := b.Sweep(b.ctx)
		if err != nil || got != want {
			t.Fatalf("Sweep = %d, %v; want %d", got, err, want)
		}
		if want == 0 {
			b.advance(time.Minute)
		}
	}
	if got := b.keys(store.Query{Kind: "k"}); !slices.Equal(got, []string{"forever"}) {
		t.Fatalf("keys %q", got)
	}
}

func scanOrder(t *testing.T, b *bench) {
	// "Z" < "a" < "a/1" … "a\U0010ffff" < "b" < "é": the order of bytes.
	b.put(rec("b", ""), rec("a/2", ""), rec("é", ""), rec("a", ""), rec("Z", ""), rec("a/1", ""), rec("a\U0010ffff", ""), rec("a/10", ""))
	b.put(store.Record{Kind: "j", Key: "a"}, store.Record{Kind: "kk", Key: "a"})
	for _, c := range []struct {
		q    store.Query
		want []string
	}{
		{store.Query{}, []string{"Z", "a", "a/1", "a/10", "a/2", "a\U0010ffff", "b", "é"}},
		{store.Query{Reverse: true}, []string{"é", "b", "a\U0010ffff", "a/2", "a/10", "a/1", "a", "Z"}},
		{store.Query{Prefix: "a"}, []string{"a", "a/1", "a/10", "a/2", "a\U0010ffff"}},
		{store.Query{Prefix: "a/"}, []string{"a/1", "a/10", "a/2"}},
		{store.Query{Prefix: "a\U0010ffff"}, []string{"a\U0010ffff"}},
		{store.Query{Prefix: "none"}, []string{}},
		{store.Query{Prefix: "a/", After: "a/1"}, []string{"a/10", "a/2"}},
		{store.Query{Prefix: "a/", After: "a/15"}, []string{"a/2"}},
		{store.Query{Prefix: "a/", After: "Z"}, []string{"a/1", "a/10", "a/2"}},
		{store.Query{Prefix: "a/", After: "z"}, []string{}},
		{store.Query{Prefix: "a/", After: "a/2", Reverse: true}, []string{"a/10", "a/1"}},
		{store.Query{Prefix: "a/", After: "a/15", Reverse: true}, []string{"a/10", "a/1"}},
		{store.Query{Prefix: "a/", After: "z", Reverse: true}, []string{"a/2", "a/10", "a/1"}},
		{store.Query{Limit: 2}, []string{"Z", "a"}},
		{store.Query{Limit: 2, Reverse: true}, []string{"é", "b"}},
		{store.Query{Limit: 1000}, []string{"Z", "a", "a/1", "a/10", "a/2", "a\U0010ffff", "b", "é"}},
		{store.Query{Limit: 1, After: "a", Prefix: "a"}, []string{"a/1"}},
	} {
		c.q.Kind = "k"
		if got := b.keys(c.q); !slices.Equal(got, c.want) {
			t.Errorf("%+v gives %q; want %q", c.q, got, c.want)
		}
	}
	if got := b.keys(store.Query{Kind: "missing"}); len(got) != 0 {
		t.Errorf("a kind without records gives %q", got)
	}
}

func scanIndex(t *testing.T, b *bench) {
	for i := range 12 {
		r := rec(fmt.Sprintf("%02d", i), "")
		r.Index1, r.Index2 = fmt.Sprint(i%2), fmt.Sprint(i%3)
		b.put(r)
	}
	b.put(rec("none", ""), store.Record{Kind: "other", Key: "x", Index1: "1", Index2: "1"})
	for _, c := range []struct {
		q    store.Query
		want []string
	}{
		{store.Query{Index1: "1"}, []string{"01", "03", "05", "07", "09", "11"}},
		{store.Query{Index2: "1"}, []string{"01", "04", "07", "10"}},
		{store.Query{Index1: "1", Index2: "1"}, []string{"01", "07"}},
		{store.Query{Index1: "1", Reverse: true, Limit: 2}, []string{"11", "09"}},
		{store.Query{Index1: "1", Prefix: "0", After: "03"}, []string{"05", "07", "09"}},
		{store.Query{Index1: "2"}, []string{}},
	} {
		c.q.Kind = "k"
		if got := b.keys(c.q); !slices.Equal(got, c.want) {
			t.Errorf("%+v gives %q; want %q", c.q, got, c.want)
		}
	}
}

func scanIndexChanges(t *testing.T, b *bench) {
	r := rec("a", "")
	r.Index1, r.Index2 = "old", "same"
	b.put(r)
	r.Index1 = "new"
	b.put(r)
	if got := b.keys(store.Query{Kind: "k", Index1: "old"}); len(got) != 0 {
		t.Errorf("by the old value: %q", got)
	}
	if got := b.keys(store.Query{Kind: "k", Index1: "new", Index2: "same"}); !slices.Equal(got, []string{"a"}) {
		t.Errorf("by the new value: %q", got)
	}
	if err := store.Delete(b.ctx, b.Store, "k", "a"); err != nil {
		t.Fatal(err)
	}
	if got := b.keys(store.Query{Kind: "k", Index1: "new"}); len(got) != 0 {
		t.Errorf("after deletion: %q", got)
	}
}

func (b *bench) fill(n int) {
	b.Helper()
	ops := make([]store.Op, n)
	for i := range ops {
		ops[i].Record = rec(fmt.Sprintf("%05d", i), "0")
	}
	if err := b.Batch(b.ctx, ops...); err != nil {
		b.Fatal(err)
	}
}

func scanStopped(t *testing.T, b *bench) {
	b.fill(1000)
	for range 20 {
		n := 0
		for _, err := range b.Scan(b.ctx, store.Query{Kind: "k"}) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == 3 {
				break
			}
		}
	}
	seq := b.Scan(b.ctx, store.Query{Kind: "k"})
	for range 2 { // a sequence may be gone through again
		n := 0
		for range seq {
			n++
		}
		if n != 1000 {
			t.Fatalf("%d records; want 1000", n)
		}
	}
}

func scanWhileWriting(t *testing.T, b *bench) {
	const n = 1000
	b.fill(n)
	for _, limit := range []int{0, 100} {
		seen := 0
		for r, err := range b.Scan(b.ctx, store.Query{Kind: "k", Limit: limit}) {
			if err != nil {
				t.Fatal(err)
			}
			if string(r.Value) != "0" || r.Key >= "1" {
				t.Fatalf("%s=%q was written after the scan began", r.Key, r.Value)
			}
			if seen++; seen%50 == 0 {
				ahead := fmt.Sprintf("%05d", seen+10)
				b.put(rec(ahead, "1"), rec("1"+ahead, "1"))
				if got := b.get("k", ahead); string(got.Value) != "1" {
					t.Fatalf("a write during a scan is not there: %q", got.Value)
				}
			}
		}
		want := limit
		if want == 0 {
			want = n
		}
		if seen != want {
			t.Fatalf("%d records; want %d", seen, want)
		}
		for _, key := range b.keys(store.Query{Kind: "k"}) {
			if err := store.Delete(b.ctx, b.Store, "k", key); err != nil {
				t.Fatal(err)
			}
		}
		b.fill(n)
	}
}

func scanNested(t *testing.T, b *bench) {
	b.fill(3)
	ctx, cancel := context.WithTimeout(b.ctx, 20*time.Second)
	defer cancel()
	var visit func(depth int) int
	visit = func(depth int) int {
		if depth == 0 {
			return 1
		}
		n := 0
		for _, err := range b.Scan(ctx, store.Query{Kind: "k", Limit: 300 * (depth % 2)}) {
			if err != nil {
				t.Fatalf("at depth %d: %v", depth, err)
			}
			n += visit(depth - 1)
		}
		return n
	}
	if got := visit(6); got != 729 {
		t.Fatalf("%d visits; want 729", got)
	}
}

// scanWholeBatches has writers that set two records to the same value in one
// batch; no scan may see two different ones.
func scanWholeBatches(t *testing.T, b *bench) {
	var wg sync.WaitGroup
	for w := range 2 {
		wg.Go(func() {
			for i := range 100 {
				v := fmt.Sprintf("%d-%d", w, i)
				if err := b.Batch(b.ctx, store.Op{Record: rec("a", v)}, store.Op{Record: rec("b", v)}); err != nil {
					t.Errorf("Batch: %v", err)
					return
				}
			}
		})
	}
	for range 2 {
		wg.Go(func() {
			for range 100 {
				var values []string
				for r, err := range b.Scan(b.ctx, store.Query{Kind: "k"}) {
					if err != nil {
						t.Errorf("Scan: %v", err)
						return
					}
					values = append(values, string(r.Value))
				}
				if len(values) == 1 || len(values) == 2 && values[0] != values[1] {
					t.Errorf("a scan saw half a batch: %q", values)
					return
				}
			}
		})
	}
	wg.Wait()
}

func cancelled(t *testing.T, b *bench) {
	b.put(rec("a", "1"))
	ctx, cancel := context.WithCancel(b.ctx)
	cancel()
	if _, err := b.Get(ctx, "k", "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("Get: %v", err)
	}
	if err := store.Put(ctx, b.Store, rec("b", "1")); !errors.Is(err, context.Canceled) {
		t.Errorf("Put: %v", err)
	}
	var last error
	for _, err := range b.Scan(ctx, store.Query{Kind: "k"}) {
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("Scan: %v", last)
	}
	b.missing("k", "b")
}

func closeStore(t *testing.T, b *bench) {
	b.put(rec("a", "1"))
	for range 2 {
		if err := b.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
	}
	_, err := b.Get(b.ctx, "k", "a")
	b.wantErr(err, store.ErrClosed)
	b.wantErr(store.Put(b.ctx, b.Store, rec("a", "1")), store.ErrClosed)
	_, err = b.Sweep(b.ctx)
	b.wantErr(err, store.ErrClosed)
	var last error
	for _, err := range b.Scan(b.ctx, store.Query{Kind: "k"}) {
		last = err
	}
	b.wantErr(last, store.ErrClosed)
}
