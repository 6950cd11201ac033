// Package store keeps records by (kind, key): bans, events, certificates,
// sessions. A record has a version for compare-and-swap, an expiry, and two
// indexed fields; its value's encoding belongs to the caller.
//
// The same suite (storetest) holds every implementation to the same behaviour:
// store/memory for tests and for machines without a disk, store/sqlite for one
// machine.
package store

import (
	"context"
	"errors"
	"iter"
	"time"
)

var (
	// ErrNotFound is returned for a record that does not exist or has expired.
	ErrNotFound = errors.New("store: no such record")
	// ErrConflict is returned where the record's version is not the one that
	// the caller had read.
	ErrConflict = errors.New("store: the record was changed in the meantime")
	// ErrInvalid is returned for a record without kind or key, or too large.
	ErrInvalid = errors.New("store: invalid record")
)

// MaxValue is the largest value that a store takes, in bytes.
const MaxValue = 1 << 20

// A Record is one value under (Kind, Key).
type Record struct {
	Kind, Key string
	// Version counts the record's changes from 1. Zero means: does not exist.
	Version uint64
	Value   []byte
	// Index1 and Index2 can be asked for in a Query. Empty is not indexed.
	Index1, Index2 string
	// Expires is when the record ceases to exist. Zero means never.
	Expires time.Time
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

// A Query selects records of one kind, in the order of their keys.
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
	// Batch applies all ops or none.
	Batch(ctx context.Context, ops ...Op) error
	// Scan gives the records that match, as of one moment. An error ends it.
	Scan(ctx context.Context, q Query) iter.Seq2[Record, error]
	// Sweep removes expired records for good and says how many.
	Sweep(ctx context.Context) (int, error)
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
