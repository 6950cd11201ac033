// Package store keeps records by (kind, key): bans, events, certificates,
// sessions. A record has a version for compare-and-swap, an expiry, and two
// indexed fields; its value's encoding belongs to the caller.
//
// The same suite (storetest) holds every implementation to the same behaviour:
// store/memory for tests and for machines without a disk, store/sqlite for one
// machine. No store encrypts what it keeps.
package store

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"
	"unicode/utf8"
)

var (
	// ErrNotFound is returned for a record that does not exist or has expired.
	ErrNotFound = errors.New("store: no such record")
	// ErrConflict is returned where the record's version is not the one that
	// the caller had read.
	ErrConflict = errors.New("store: the record was changed in the meantime")
	// ErrInvalid is returned for a record that [Op.Check] does not take.
	ErrInvalid = errors.New("store: invalid record")
	// ErrFull is returned where there is no room: the store's bound, or the
	// disk. Nothing of the batch was written; it may succeed later.
	ErrFull = errors.New("store: full")
	// ErrReadOnly is returned for a change to a store opened for reading.
	ErrReadOnly = errors.New("store: opened for reading only")
	// ErrClosed is returned by every method after Close.
	ErrClosed = errors.New("store: closed")
)

const (
	// MaxValue is the largest value that a store takes, in bytes.
	MaxValue = 1 << 20
	// MaxKey is the longest kind, key or indexed field, in bytes.
	MaxKey = 1 << 10
)

// A Record is one value under (Kind, Key).
type Record struct {
	Kind, Key string
	// Version counts the record's changes from 1. Zero means: does not exist.
	// A record written again after it was deleted or had expired begins at 1.
	Version uint64
	Value   []byte
	// Index1 and Index2 can be asked for in a Query. Empty is not indexed.
	Index1, Index2 string
	// Expires is when the record ceases to exist, to the microsecond. Zero
	// means never.
	Expires time.Time
}

// Expired reports whether the record has ceased to exist at now.
func (r Record) Expired(now time.Time) bool {
	return !r.Expires.IsZero() && !now.Before(r.Expires)
}

// An Op is one change of a batch.
type Op struct {
	Record
	// Delete removes the record instead of writing it.
	Delete bool
	// Conditional applies the op only if the stored version is exactly
	// Record.Version (zero: the record must not exist); else the whole batch
	// fails with ErrConflict and changes nothing. Without it the op always applies.
	Conditional bool
}

// Check returns an error that wraps [ErrInvalid] where no store would take
// the op: kind or key is empty; one of the names is not UTF-8, has a NUL or is
// longer than [MaxKey]; the value is longer than [MaxValue].
func (o Op) Check() error {
	if o.Kind == "" || o.Key == "" {
		return fmt.Errorf("%w: it has no kind or no key", ErrInvalid)
	}
	for _, name := range [...]string{o.Kind, o.Key, o.Index1, o.Index2} {
		if err := checkName(name); err != nil {
			return err
		}
	}
	if len(o.Value) > MaxValue {
		return fmt.Errorf("%w: a value of %d bytes; the limit is %d", ErrInvalid, len(o.Value), MaxValue)
	}
	return nil
}

func checkName(name string) error {
	if len(name) > MaxKey {
		return fmt.Errorf("%w: a name of %d bytes; the limit is %d", ErrInvalid, len(name), MaxKey)
	}
	if !utf8.ValidString(name) {
		return fmt.Errorf("%w: a name is not UTF-8", ErrInvalid)
	}
	for i := range len(name) {
		if name[i] == 0 {
			return fmt.Errorf("%w: a name has a NUL character", ErrInvalid)
		}
	}
	return nil
}

// A Query selects records of one kind, in the order of their keys' bytes.
type Query struct {
	Kind string
	// Prefix keeps keys that begin with it.
	Prefix string
	// After keeps keys above it (or below, with Reverse), to page on.
	After string
	// Index1 and Index2, where not empty, keep records with that exact value.
	Index1, Index2 string
	// Reverse gives the highest keys first.
	Reverse bool
	// Limit is the most records to give. Zero means no limit.
	Limit int
}

// A Store keeps records. Its methods may be called concurrently.
type Store interface {
	// Get returns the record, or ErrNotFound.
	Get(ctx context.Context, kind, key string) (Record, error)
	// Batch applies all ops, in their order, or none.
	Batch(ctx context.Context, ops ...Op) error
	// Scan gives the records that match, as of one moment; the caller may
	// write meanwhile. An error ends it.
	Scan(ctx context.Context, q Query) iter.Seq2[Record, error]
	// Sweep removes expired records for good and says how many. Until then
	// they take room, and are never given.
	Sweep(ctx context.Context) (int, error)
	// Close releases what the store holds. A second Close does nothing.
	Close() error
}

// Put writes r whatever stood there before.
func Put(ctx context.Context, s Store, r Record) error { return s.Batch(ctx, Op{Record: r}) }

// Swap writes r only if the stored version is still r.Version (zero: only if
// there is no such record); else ErrConflict.
func Swap(ctx context.Context, s Store, r Record) error {
	return s.Batch(ctx, Op{Record: r, Conditional: true})
}

// Delete removes a record. Removing what does not exist is no error.
func Delete(ctx context.Context, s Store, kind, key string) error {
	return s.Batch(ctx, Op{Record: Record{Kind: kind, Key: key}, Delete: true})
}
