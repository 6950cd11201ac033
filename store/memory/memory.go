// Package memory is a store that lives as long as the process: for tests, and
// for machines without a disk.
//
// It is bounded by a number of records and of bytes; a batch that would not
// fit, after expired records were swept, is an error. It trusts its caller and
// keeps nothing across a restart.
package memory

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gatehousehq/gatehouse/store"
)

const (
	defaultRecords = 100_000
	defaultBytes   = 256 << 20
	// recordCost is about what one record takes beside its own bytes: the
	// struct, its map entry and its place in the sorted keys.
	recordCost = 256
)

// Options are the store's bounds and its clock.
type Options struct {
	// MaxRecords is the most records held. Zero means 100,000.
	MaxRecords int
	// MaxBytes is the most memory held by records, in bytes. Zero means 256 MiB.
	MaxBytes int64
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// A Store is a store.Store in memory.
type Store struct {
	maxRecords int
	maxBytes   int64
	now        func() time.Time

	mu      sync.RWMutex
	kinds   map[string]*shelf
	records int
	bytes   int64
	closed  bool
}

// shelf holds the records of one kind. A record's Value is never changed in
// place, so a scan may hold on to it after the lock is gone.
type shelf struct {
	records map[string]store.Record
	keys    []string // sorted
}

var _ store.Store = (*Store)(nil)

// New makes an empty store. It returns an error for a negative bound.
func New(o Options) (*Store, error) {
	if o.MaxRecords < 0 || o.MaxBytes < 0 {
		return nil, fmt.Errorf("memory: MaxRecords %d, MaxBytes %d: a bound can't be negative", o.MaxRecords, o.MaxBytes)
	}
	s := &Store{maxRecords: o.MaxRecords, maxBytes: o.MaxBytes, now: o.Now, kinds: map[string]*shelf{}}
	if s.maxRecords == 0 {
		s.maxRecords = defaultRecords
	}
	if s.maxBytes == 0 {
		s.maxBytes = defaultBytes
	}
	if s.now == nil {
		s.now = time.Now
	}
	return s, nil
}

// Get returns the record, or store.ErrNotFound.
func (s *Store) Get(ctx context.Context, kind, key string) (store.Record, error) {
	if err := ctx.Err(); err != nil {
		return store.Record{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return store.Record{}, store.ErrClosed
	}
	r, ok := s.live(kind, key, s.now())
	if !ok {
		return store.Record{}, store.ErrNotFound
	}
	r.Value = bytes.Clone(r.Value)
	return r, nil
}

func (s *Store) live(kind, key string, now time.Time) (store.Record, bool) {
	sh := s.kinds[kind]
	if sh == nil {
		return store.Record{}, false
	}
	r, ok := sh.records[key]
	if !ok || r.Expired(now) {
		return store.Record{}, false
	}
	return r, true
}

// Batch applies all ops or none. It returns store.ErrFull where they would not
// fit.
func (s *Store) Batch(ctx context.Context, ops ...store.Op) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, o := range ops {
		if err := o.Check(); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return store.ErrClosed
	}
	now := s.now()
	err := s.apply(ops, now)
	if err == errNoRoom && s.sweep(now) > 0 {
		err = s.apply(ops, now)
	}
	if err == errNoRoom {
		return fmt.Errorf("%w: at most %d records or %d bytes in memory", store.ErrFull, s.maxRecords, s.maxBytes)
	}
	return err
}

var errNoRoom = fmt.Errorf("memory: %w", store.ErrFull)

// undo is what stood at a key before an op.
type undo struct {
	kind, key string
	before    store.Record
	existed   bool
}

func (s *Store) apply(ops []store.Op, now time.Time) error {
	done := make([]undo, 0, len(ops))
	var err error
	for _, o := range ops {
		old, ok := s.live(o.Kind, o.Key, now)
		if o.Conditional && (ok && old.Version != o.Version || !ok && o.Version != 0) {
			err = store.ErrConflict
			break
		}
		done = append(done, s.apply1(o, old.Version+1))
	}
	if err == nil && (s.records > s.maxRecords || s.bytes > s.maxBytes) && !onlyDeletes(ops) {
		err = errNoRoom
	}
	if err == nil {
		return nil
	}
	for _, u := range slices.Backward(done) {
		s.set(u.kind, u.key, u.before, u.existed)
	}
	return err
}

func onlyDeletes(ops []store.Op) bool {
	return !slices.ContainsFunc(ops, func(o store.Op) bool { return !o.Delete })
}

func (s *Store) apply1(o store.Op, version uint64) undo {
	u := undo{kind: o.Kind, key: o.Key}
	if sh := s.kinds[o.Kind]; sh != nil {
		u.before, u.existed = sh.records[o.Key]
	}
	r := o.Record
	r.Version = version
	r.Value = bytes.Clone(r.Value)
	if !r.Expires.IsZero() {
		r.Expires = r.Expires.UTC().Truncate(time.Microsecond)
	}
	s.set(o.Kind, o.Key, r, !o.Delete)
	return u
}

// set puts r at its key, or with exists unset makes the key empty.
func (s *Store) set(kind, key string, r store.Record, exists bool) {
	sh := s.kinds[kind]
	if sh == nil {
		if !exists {
			return
		}
		sh = &shelf{records: map[string]store.Record{}}
		s.kinds[kind] = sh
	}
	old, had := sh.records[key]
	if had {
		s.bytes -= cost(old)
		s.records--
	}
	at, _ := slices.BinarySearch(sh.keys, key)
	switch {
	case exists:
		s.bytes += cost(r)
		s.records++
		sh.records[key] = r
		if !had {
			sh.keys = slices.Insert(sh.keys, at, key)
		}
	case had:
		delete(sh.records, key)
		sh.keys = slices.Delete(sh.keys, at, at+1)
	}
	if len(sh.keys) == 0 {
		delete(s.kinds, kind)
	}
}

func cost(r store.Record) int64 {
	return int64(len(r.Kind) + len(r.Key) + len(r.Value) + len(r.Index1) + len(r.Index2) + recordCost)
}

// Scan gives the records that match, as of the call of the iterator.
func (s *Store) Scan(ctx context.Context, q store.Query) iter.Seq2[store.Record, error] {
	return func(yield func(store.Record, error) bool) {
		found, err := s.find(ctx, q)
		for _, r := range found {
			if err = ctx.Err(); err != nil {
				break
			}
			r.Value = bytes.Clone(r.Value)
			if !yield(r, nil) {
				return
			}
		}
		if err != nil {
			yield(store.Record{}, err)
		}
	}
}

func (s *Store) find(ctx context.Context, q store.Query) ([]store.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, store.ErrClosed
	}
	sh := s.kinds[q.Kind]
	if sh == nil {
		return nil, nil
	}
	keys, now := sh.window(q), s.now()
	var found []store.Record
	for i := range keys {
		if q.Reverse {
			i = len(keys) - 1 - i
		}
		r := sh.records[keys[i]]
		if r.Expired(now) || q.Index1 != "" && r.Index1 != q.Index1 || q.Index2 != "" && r.Index2 != q.Index2 {
			continue
		}
		found = append(found, r)
		if len(found) == q.Limit {
			break
		}
	}
	return found, nil
}

// window is the keys that Prefix and After leave.
func (sh *shelf) window(q store.Query) []string {
	from, _ := slices.BinarySearch(sh.keys, q.Prefix)
	keys := sh.keys[from:]
	end, _ := slices.BinarySearchFunc(keys, q.Prefix, func(key, prefix string) int {
		if strings.HasPrefix(key, prefix) {
			return -1
		}
		return strings.Compare(key, prefix)
	})
	keys = keys[:end]
	if q.After == "" {
		return keys
	}
	at, exact := slices.BinarySearch(keys, q.After)
	if q.Reverse {
		return keys[:at]
	}
	if exact {
		at++
	}
	return keys[at:]
}

// Sweep removes expired records and says how many.
func (s *Store) Sweep(ctx context.Context) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, store.ErrClosed
	}
	return s.sweep(s.now()), nil
}

func (s *Store) sweep(now time.Time) int {
	n := 0
	for kind, sh := range s.kinds {
		sh.keys = slices.DeleteFunc(sh.keys, func(key string) bool {
			r := sh.records[key]
			if !r.Expired(now) {
				return false
			}
			delete(sh.records, key)
			s.bytes -= cost(r)
			s.records--
			n++
			return true
		})
		if len(sh.keys) == 0 {
			delete(s.kinds, kind)
		}
	}
	return n
}

// Close forgets everything. A second Close does nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed, s.kinds, s.records, s.bytes = true, nil, 0, 0
	return nil
}
