package acmestore_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/goleak"

	"github.com/gatehousehq/gatehouse/store"
	"github.com/gatehousehq/gatehouse/store/memory"
	"github.com/gatehousehq/gatehouse/store/sqlite"
	"github.com/gatehousehq/gatehouse/transport/acmestore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func memStore(t *testing.T) store.Store {
	t.Helper()
	s, err := memory.New(memory.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func on(t *testing.T, under store.Store) *acmestore.Storage {
	t.Helper()
	s, err := acmestore.New(acmestore.Options{Store: under})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// onEach runs a test over each store that a gate may have.
func onEach(t *testing.T, test func(t *testing.T, s *acmestore.Storage)) {
	stores := map[string]func() store.Store{
		"memory": func() store.Store { return memStore(t) },
		"sqlite": func() store.Store { return sqliteStore(t) },
	}
	for name, make := range stores {
		t.Run(name, func(t *testing.T) {
			under := make()
			s := on(t, under)
			t.Cleanup(func() {
				if err := errors.Join(s.Close(), under.Close()); err != nil {
					t.Error(err)
				}
			})
			test(t, s)
		})
	}
}

func put(t *testing.T, s certmagic.Storage, keys ...string) {
	t.Helper()
	for _, k := range keys {
		if err := s.Store(t.Context(), k, []byte("value of "+k)); err != nil {
			t.Fatal(err)
		}
	}
}

// What certmagic.Storage's documentation asks for, and what its FileStorage
// does where that is silent.
func TestStorage_DoesWhatCertmagicExpects(t *testing.T) {
	onEach(t, func(t *testing.T, s *acmestore.Storage) {
		ctx := t.Context()
		before := time.Now().Add(-time.Second)
		put(t, s, "a/b/c", "a/b/d", "a/e", "ab/c", "z")
		for _, k := range []string{"a/b/c", "/a/b/c/", "z"} {
			if v, err := s.Load(ctx, k); err != nil || string(v) != "value of "+string(bytes.Trim([]byte(k), "/")) {
				t.Errorf("Load(%s): %q, %v", k, v, err)
			}
		}
		for _, k := range []string{"a", "a/b", "none", "a/b/c/d"} {
			if _, err := s.Load(ctx, k); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("Load(%s): %v", k, err)
			}
		}
		for k, want := range map[string]bool{"a": true, "a/b": true, "a/b/c": true, "ab": true, "a/b/": true, "none": false, "a/bb": false} {
			if s.Exists(ctx, k) != want {
				t.Errorf("Exists(%s) is not %v", k, want)
			}
		}
		for _, c := range []struct {
			prefix    string
			recursive bool
			want      []string
		}{
			{"a", false, []string{"a/b", "a/e"}},
			{"a", true, []string{"a/b", "a/b/c", "a/b/d", "a/e"}},
			{"a/b", false, []string{"a/b/c", "a/b/d"}},
			{"", false, []string{"a", "ab", "z"}},
		} {
			got, err := s.List(ctx, c.prefix, c.recursive)
			slices.Sort(got)
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("List(%q, %v): %v, %v", c.prefix, c.recursive, got, err)
			}
		}
		if _, err := s.List(ctx, "none", true); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("List(none): %v", err)
		}
		info, err := s.Stat(ctx, "a/b/c")
		if err != nil || !info.IsTerminal || info.Size != int64(len("value of a/b/c")) || info.Modified.Before(before) || info.Key != "a/b/c" {
			t.Errorf("Stat: %+v, %v", info, err)
		}
		if info, err := s.Stat(ctx, "a/b"); err != nil || info.IsTerminal {
			t.Errorf("Stat of a level: %+v, %v", info, err)
		}
		if _, err := s.Stat(ctx, "none"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Stat(none): %v", err)
		}
		if err := s.Delete(ctx, "a/b"); err != nil {
			t.Fatal(err)
		}
		if s.Exists(ctx, "a/b") || !s.Exists(ctx, "a/e") || !s.Exists(ctx, "ab/c") {
			t.Error("Delete of a level took too little or too much")
		}
		if err := s.Delete(ctx, "a/b"); err != nil {
			t.Errorf("Delete of nothing: %v", err)
		}
	})
}

func TestStorage_ContextEnded_IsHonoured(t *testing.T) {
	onEach(t, func(t *testing.T, s *acmestore.Storage) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Load(ctx, "x"); !errors.Is(err, context.Canceled) {
			t.Errorf("Load: %v", err)
		}
		if err := s.Lock(ctx, "x"); !errors.Is(err, context.Canceled) {
			t.Errorf("Lock: %v", err)
		}
	})
}

func TestLock_OneHolderAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		under := memStore(t)
		defer under.Close()
		var inside, most, done atomic.Int32
		var all sync.WaitGroup
		for range 8 {
			s := on(t, under)
			all.Go(func() {
				defer s.Close()
				if err := s.Lock(t.Context(), "order"); err != nil {
					t.Error(err)
					return
				}
				most.Store(max(most.Load(), inside.Add(1)))
				// Longer than the lease: it has to be renewed.
				time.Sleep(3 * acmestore.Lease)
				inside.Add(-1)
				done.Add(1)
				if err := s.Unlock(t.Context(), "order"); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if most.Load() != 1 || done.Load() != 8 {
			t.Errorf("%d at once, %d done", most.Load(), done.Load())
		}
	})
}

// crashed is a store that a gate can no longer reach, as if it had died.
type crashed struct {
	store.Store
	dead *atomic.Bool
}

func (c crashed) Batch(ctx context.Context, ops ...store.Op) error {
	if c.dead.Load() {
		return errors.New("unreachable")
	}
	return c.Store.Batch(ctx, ops...)
}

func TestLock_HolderDies_IsFreeAfterTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		under := memStore(t)
		defer under.Close()
		var dead atomic.Bool
		first := on(t, crashed{under, &dead})
		defer first.Close()
		if err := first.Lock(t.Context(), "order"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		dead.Store(true)
		second := on(t, under)
		defer second.Close()
		start := time.Now()
		if ok, err := second.TryLock(t.Context(), "order"); ok || err != nil {
			t.Errorf("TryLock of a held lock: %v, %v", ok, err)
		}
		if err := second.Lock(t.Context(), "order"); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(start); waited > acmestore.Lease+time.Second || waited < acmestore.Lease-2*time.Second {
			t.Errorf("waited %s", waited)
		}
		// The first comes back to life and gives up what is no longer its own.
		dead.Store(false)
		if err := first.Unlock(t.Context(), "order"); err != nil {
			t.Error(err)
		}
		if ok, err := acmestoreTry(t, under); ok || err != nil {
			t.Errorf("the second's lock was taken from it: %v, %v", ok, err)
		}
	})
}

func acmestoreTry(t *testing.T, under store.Store) (bool, error) {
	t.Helper()
	third := on(t, under)
	defer third.Close()
	return third.TryLock(t.Context(), "order")
}

func TestClose_GivesLocksUp(t *testing.T) {
	onEach(t, func(t *testing.T, s *acmestore.Storage) {
		if err := s.Lock(t.Context(), "order"); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := s.TryLock(t.Context(), "order"); err == nil {
			t.Error("a closed storage gave a lock")
		}
		if err := s.Unlock(t.Context(), "order"); err == nil {
			t.Error("unlocking what is not locked is no error")
		}
	})
}

func sqliteStore(t *testing.T) store.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "s.db")})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
