package memory

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/store"
	"github.com/gatehousehq/gatehouse/store/storetest"
)

func TestStore_Conforms(t *testing.T) {
	storetest.Run(t, func(t *testing.T, now func() time.Time) store.Store {
		s, err := New(Options{Now: now})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

func TestNew_NegativeBound_IsRefused(t *testing.T) {
	for _, o := range []Options{{MaxRecords: -1}, {MaxBytes: -1}} {
		if _, err := New(o); err == nil {
			t.Errorf("New(%+v) gave no error", o)
		}
	}
}

func TestBatch_Full_FailsUntilRecordsExpireOrGo(t *testing.T) {
	now := time.Unix(1000, 0)
	s, err := New(Options{MaxRecords: 3, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	put := func(key string) error {
		return store.Put(ctx, s, store.Record{Kind: "k", Key: key, Expires: now.Add(time.Minute)})
	}
	for i := range 3 {
		if err := put(fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := put("more"); !errors.Is(err, store.ErrFull) {
		t.Fatalf("a fourth record: %v; want ErrFull", err)
	}
	if _, err := s.Get(ctx, "k", "more"); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("the refused record is there: %v", err)
	}
	if err := put("1"); err != nil {
		t.Fatalf("changing a record in a full store: %v", err)
	}
	if err := s.Batch(ctx, store.Op{Record: store.Record{Kind: "k", Key: "0"}, Delete: true},
		store.Op{Record: store.Record{Kind: "k", Key: "more"}}); err != nil {
		t.Fatalf("a batch that fits in the end: %v", err)
	}
	now = now.Add(time.Hour)
	if err := put("later"); err != nil {
		t.Fatalf("after the others expired: %v", err)
	}
}

func TestBatch_MoreBytesThanBound_IsFull(t *testing.T) {
	s, err := New(Options{MaxBytes: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	r := store.Record{Kind: "k", Key: "a", Value: make([]byte, 9_000)}
	for range 3 { // the same record takes its room once
		if err := store.Put(t.Context(), s, r); err != nil {
			t.Fatal(err)
		}
	}
	r.Key = "b"
	if err := store.Put(t.Context(), s, r); !errors.Is(err, store.ErrFull) {
		t.Fatalf("a second record: %v; want ErrFull", err)
	}
	if err := store.Delete(t.Context(), s, "k", "a"); err != nil {
		t.Fatal(err)
	}
	if err := store.Put(t.Context(), s, r); err != nil {
		t.Fatalf("after the first was deleted: %v", err)
	}
}
