// Package keyed makes keyed hashes of what must not be held: credentials,
// passwords, names of accounts. Whoever reads a store or a core dump without the
// key learns nothing from them, and a stranger can't choose values that meet.
//
// The key is drawn from crypto/rand and kept in the store, one for each purpose,
// so that hashes hold over a restart and between gates that share the store. It
// trusts the store: who can read the key there can try values against the hashes.
package keyed

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"sync"
	"time"

	"github.com/gatehousehq/gatehouse/store"
)

const (
	kind = "identity.key"
	// readTimeout bounds what New waits for the store.
	readTimeout = 10 * time.Second
)

// Options configure a Hasher.
type Options struct {
	// Store keeps the key. Required.
	Store store.Store
	// Purpose names the key, such as "throttle". Required.
	Purpose string
}

// A Hasher makes keyed hashes. It may be used by many at once.
type Hasher struct {
	macs sync.Pool
}

type mac struct {
	hash.Hash
	sum [sha256.Size]byte
	// text is room for what is hashed, so that a string is not copied to the heap.
	text []byte
}

// New reads the key, or draws it where there is none.
func New(o Options) (*Hasher, error) {
	switch {
	case o.Store == nil:
		return nil, errors.New("keyed: Options.Store is missing")
	case o.Purpose == "":
		return nil, errors.New("keyed: Options.Purpose is missing")
	}
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	key, err := store.Key(ctx, o.Store, kind, o.Purpose)
	if err != nil {
		return nil, fmt.Errorf("keyed: the key for %s: %w", o.Purpose, err)
	}
	h := &Hasher{}
	h.macs.New = func() any { return &mac{Hash: hmac.New(sha256.New, key[:])} }
	return h, nil
}

// Sum is the keyed hash of the parts in their order. No two lists of parts have
// the same text, so ("ab", "c") is another than ("a", "bc").
func (h *Hasher) Sum(parts ...string) [32]byte {
	m := h.macs.Get().(*mac)
	m.Reset()
	m.text = m.text[:0]
	for _, p := range parts {
		m.text = binary.AppendUvarint(m.text, uint64(len(p)))
		m.text = append(m.text, p...)
	}
	m.Write(m.text)
	sum := [32]byte(m.Hash.Sum(m.sum[:0]))
	clear(m.text) // it held a secret
	if cap(m.text) <= 4096 {
		h.macs.Put(m)
	}
	return sum
}
