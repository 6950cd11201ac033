package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
)

// ErrKey is returned by [Key] for a record that is none.
var ErrKey = errors.New("store: a record that should be a random key is none")

// Key reads a random key of 32 bytes, or draws it from crypto/rand where there is
// none: one for all that share the store, and the same after a restart. Whoever can
// read the store has it.
func Key(ctx context.Context, s Store, kind, key string) (random [32]byte, err error) {
	for {
		r, err := s.Get(ctx, kind, key)
		switch {
		case err == nil && len(r.Value) == len(random):
			return [32]byte(r.Value), nil
		case err == nil:
			return random, fmt.Errorf("%w: %s %s has %d bytes, want %d: remove it", ErrKey, kind, key, len(r.Value), len(random))
		case !errors.Is(err, ErrNotFound):
			return random, err
		}
		rand.Read(random[:]) // never fails: crypto/rand ends the process instead
		err = Swap(ctx, s, Record{Kind: kind, Key: key, Value: random[:]})
		if !errors.Is(err, ErrConflict) { // or another was first
			return random, err
		}
	}
}
