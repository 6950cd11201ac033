package keyed_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/gatehousehq/gatehouse/identity/keyed"
	"github.com/gatehousehq/gatehouse/store"
	"github.com/gatehousehq/gatehouse/store/memory"
)

func newStore(t *testing.T) store.Store {
	t.Helper()
	s, err := memory.New(memory.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func hasher(t *testing.T, s store.Store, purpose string) *keyed.Hasher {
	t.Helper()
	h, err := keyed.New(keyed.Options{Store: s, Purpose: purpose})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestSum_SameStore_SameHash(t *testing.T) {
	s := newStore(t)
	a, b := hasher(t, s, "a"), hasher(t, s, "a")
	if a.Sum("x", "y") != b.Sum("x", "y") {
		t.Error("a restart gives other hashes")
	}
	if a.Sum("x", "y") == hasher(t, s, "b").Sum("x", "y") || a.Sum("x", "y") == hasher(t, newStore(t), "a").Sum("x", "y") {
		t.Error("another key gives the same hash")
	}
	if a.Sum("ab", "c") == a.Sum("a", "bc") || a.Sum("ab") == a.Sum("ab", "") {
		t.Error("parts run into each other")
	}
}

func TestNew_ManyAtOnce_AgreeOnOneKey(t *testing.T) {
	s := newStore(t)
	var wg sync.WaitGroup
	sums := make([][32]byte, 16)
	for i := range sums {
		wg.Go(func() {
			h, err := keyed.New(keyed.Options{Store: s, Purpose: "x"})
			if err != nil {
				t.Error(err)
				return
			}
			sums[i] = h.Sum("x")
		})
	}
	wg.Wait()
	for _, sum := range sums {
		if sum != sums[0] {
			t.Fatal("two keys")
		}
	}
}

func TestNew_BadOptionsAndKeys_AreRefused(t *testing.T) {
	for _, o := range []keyed.Options{{}, {Store: newStore(t)}, {Purpose: "x"}} {
		if _, err := keyed.New(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
	s := newStore(t)
	if err := store.Put(t.Context(), s, store.Record{Kind: "identity.key", Key: "x", Value: []byte("short")}); err != nil {
		t.Fatal(err)
	}
	if _, err := keyed.New(keyed.Options{Store: s, Purpose: "x"}); err == nil {
		t.Error("a key of five bytes was taken")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := keyed.New(keyed.Options{Store: s, Purpose: "y"}); !errors.Is(err, store.ErrClosed) {
		t.Errorf("error %v, want the store's", err)
	}
}

func BenchmarkSum(b *testing.B) {
	s, err := memory.New(memory.Options{})
	if err != nil {
		b.Fatal(err)
	}
	h, err := keyed.New(keyed.Options{Store: s, Purpose: "x"})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		h.Sum("0123456789abcdef0123456789abcdef")
	}
}
