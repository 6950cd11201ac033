// Package acmestore keeps what ACME needs (account, keys, certificates,
// pending challenges) in the gate's store, and lets one of several gates at a
// time ask for a certificate.
//
// It stops two gates over one store from ordering the same certificate, and a
// crashed one from holding the others up for longer than half a minute. It
// trusts the store to keep the private keys secret: they are not encrypted
// here. Clocks of the gates may differ by less than [Lease].
package acmestore

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"

	"github.com/gatehousehq/gatehouse/store"
)

const (
	kind     = "transport.acme"
	lockKind = "transport.acme.lock"

	// Lease is how long a lock outlives the process that held it.
	Lease = 30 * time.Second
	// renewLease is how often a held lock is renewed.
	renewLease = Lease / 3
	// retryLock is how often a lock that another holds is tried again.
	retryLock = time.Second
)

// A Storage is certmagic's storage over a store. Close it when certmagic is
// done with it.
type Storage struct {
	store store.Store
	now   func() time.Time
	log   *slog.Logger
	stop  context.CancelFunc
	ctx   context.Context
	all   sync.WaitGroup

	mu     sync.Mutex
	held   map[string]*lock
	closed bool
}

type lock struct {
	owner string
	stop  context.CancelFunc
	done  chan struct{}
}

var (
	_ certmagic.Storage   = (*Storage)(nil)
	_ certmagic.TryLocker = (*Storage)(nil)
)

// Options says where to keep what.
type Options struct {
	// Store is needed.
	Store store.Store
	// Now is the clock. Nil is time.Now.
	Now func() time.Time
	// Logger is told of locks that are lost. Nil is silent.
	Logger *slog.Logger
}

// New fails without a store. It starts nothing until a lock is taken.
func New(o Options) (*Storage, error) {
	if o.Store == nil {
		return nil, errors.New("acmestore: Store is missing")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	ctx, stop := context.WithCancel(context.Background())
	return &Storage{store: o.Store, now: o.Now, log: o.Logger, ctx: ctx, stop: stop, held: map[string]*lock{}}, nil
}

// Close gives up every lock that is still held.
func (s *Storage) Close() error {
	s.mu.Lock()
	s.closed = true
	var names []string
	for name := range s.held {
		names = append(names, name)
	}
	s.mu.Unlock()
	var errs []error
	for _, name := range names {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		errs = append(errs, s.Unlock(ctx, name))
		cancel()
	}
	s.stop()
	s.all.Wait()
	return errors.Join(errs...)
}

// Store writes value, whatever stood there.
func (s *Storage) Store(ctx context.Context, key string, value []byte) error {
	// The time of the change stands before the value: store has none.
	text := binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(value)), uint64(s.now().UnixNano()))
	return store.Put(ctx, s.store, store.Record{Kind: kind, Key: clean(key), Value: append(text, value...)})
}

// Load returns fs.ErrNotExist where there is no such value.
func (s *Storage) Load(ctx context.Context, key string) ([]byte, error) {
	_, value, err := s.get(ctx, clean(key))
	return value, err
}

func (s *Storage) get(ctx context.Context, key string) (time.Time, []byte, error) {
	if err := ctx.Err(); err != nil {
		return time.Time{}, nil, err
	}
	r, err := s.store.Get(ctx, kind, key)
	if errors.Is(err, store.ErrNotFound) {
		return time.Time{}, nil, fs.ErrNotExist
	}
	if err != nil {
		return time.Time{}, nil, err
	}
	if len(r.Value) < 8 {
		return time.Time{}, nil, fmt.Errorf("acmestore: record %s is cut short", key)
	}
	return time.Unix(0, int64(binary.BigEndian.Uint64(r.Value))), r.Value[8:], nil
}

// Delete removes the value, and all below it.
func (s *Storage) Delete(ctx context.Context, key string) error {
	key = clean(key)
	ops := []store.Op{{Record: store.Record{Kind: kind, Key: key}, Delete: true}}
	for r, err := range s.store.Scan(ctx, store.Query{Kind: kind, Prefix: key + "/"}) {
		if err != nil {
			return err
		}
		ops = append(ops, store.Op{Record: store.Record{Kind: kind, Key: r.Key}, Delete: true})
	}
	return s.store.Batch(ctx, ops...)
}

// Exists reports whether there is a value at key or below it.
func (s *Storage) Exists(ctx context.Context, key string) bool {
	_, err := s.Stat(ctx, key)
	return err == nil
}

// List gives the keys below prefix: the next level alone, or all values and
// the levels between.
func (s *Storage) List(ctx context.Context, prefix string, recursive bool) ([]string, error) {
	prefix = clean(prefix)
	base := prefix
	if base != "" {
		base += "/"
	}
	var keys []string
	seen := map[string]bool{}
	for r, err := range s.store.Scan(ctx, store.Query{Kind: kind, Prefix: base}) {
		if err != nil {
			return nil, err
		}
		parts := strings.Split(strings.TrimPrefix(r.Key, base), "/")
		if !recursive {
			parts = parts[:1]
		}
		for i := range parts {
			if k := base + strings.Join(parts[:i+1], "/"); !seen[k] {
				seen[k] = true
				keys = append(keys, k)
			}
		}
	}
	if len(keys) == 0 && prefix != "" {
		if _, _, err := s.get(ctx, prefix); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// Stat tells of a value, or of a level that has values below it.
func (s *Storage) Stat(ctx context.Context, key string) (certmagic.KeyInfo, error) {
	key = clean(key)
	modified, value, err := s.get(ctx, key)
	if err == nil {
		return certmagic.KeyInfo{Key: key, Modified: modified, Size: int64(len(value)), IsTerminal: true}, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return certmagic.KeyInfo{}, err
	}
	for _, err := range s.store.Scan(ctx, store.Query{Kind: kind, Prefix: key + "/", Limit: 1}) {
		if err != nil {
			return certmagic.KeyInfo{}, err
		}
		return certmagic.KeyInfo{Key: key}, nil
	}
	return certmagic.KeyInfo{}, fs.ErrNotExist
}

// Lock waits until it has the lock or ctx ends.
func (s *Storage) Lock(ctx context.Context, name string) error {
	for {
		ok, err := s.TryLock(ctx, name)
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(retryLock):
		}
	}
}

// TryLock takes the lock where nobody has it. It is renewed until Unlock.
func (s *Storage) TryLock(ctx context.Context, name string) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	l := &lock{owner: rand.Text(), done: make(chan struct{})}
	err := store.Swap(ctx, s.store, s.record(name, l, 0))
	if errors.Is(err, store.ErrConflict) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("acmestore: locking %s: %w", name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false, errors.Join(errors.New("acmestore: closed"), s.release(ctx, name, l))
	}
	var renewals context.Context
	renewals, l.stop = context.WithCancel(s.ctx)
	s.held[name] = l
	s.all.Go(func() { s.keep(renewals, name, l) })
	return true, nil
}

func (s *Storage) record(name string, l *lock, version uint64) store.Record {
	return store.Record{Kind: lockKind, Key: clean(name), Version: version, Value: []byte(l.owner), Expires: s.now().Add(Lease)}
}

// keep renews the lease until the lock is given up or lost.
func (s *Storage) keep(ctx context.Context, name string, l *lock) {
	defer close(l.done)
	tick := time.NewTicker(renewLease)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		r, err := s.store.Get(ctx, lockKind, clean(name))
		if err == nil && string(r.Value) != l.owner || errors.Is(err, store.ErrNotFound) {
			s.log.Warn("a lock on a certificate was lost to another gate", "lock", name)
			return
		}
		if err == nil {
			err = store.Swap(ctx, s.store, s.record(name, l, r.Version))
		}
		if err != nil && ctx.Err() == nil {
			s.log.Warn("a lock on a certificate could not be renewed", "lock", name, "error", err)
		}
	}
}

// Unlock gives the lock up. A lock that was lost meanwhile is left to its new
// holder.
func (s *Storage) Unlock(ctx context.Context, name string) error {
	s.mu.Lock()
	l := s.held[name]
	delete(s.held, name)
	s.mu.Unlock()
	if l == nil {
		return fmt.Errorf("acmestore: unlocking %s: it is not locked", name)
	}
	l.stop()
	<-l.done
	return s.release(ctx, name, l)
}

// release removes the lock's record where it is still l's.
func (s *Storage) release(ctx context.Context, name string, l *lock) error {
	r, err := s.store.Get(ctx, lockKind, clean(name))
	if errors.Is(err, store.ErrNotFound) || err == nil && string(r.Value) != l.owner {
		return nil
	}
	if err == nil {
		err = s.store.Batch(ctx, store.Op{Record: r, Delete: true, Conditional: true})
	}
	if err != nil && !errors.Is(err, store.ErrConflict) {
		return fmt.Errorf("acmestore: unlocking %s: %w", name, err)
	}
	return nil
}

func clean(key string) string { return strings.Trim(key, "/") }
