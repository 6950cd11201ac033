package ledger

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash"
	"sync"
)

// maxName is the longest resource, identifier or principal, in bytes: what is
// hashed is bounded, however long a path is.
const maxName = 4 << 10

// thing is the keyed hash of a resource and an identifier, who that of a
// principal. 96 bits are enough for a name that nobody can try values against.
type (
	thing [16]byte
	who   [12]byte
)

func (t thing) prefix() string { return base64.RawURLEncoding.EncodeToString(t[:]) }

func (t thing) key(w who) string { return t.prefix() + base64.RawURLEncoding.EncodeToString(w[:]) }

// readKey is the reverse of key, for a key that begins with the thing's prefix.
func readKey(key string, t thing) (w who, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(key[len(t.prefix()):])
	if err != nil || len(raw) != len(w) {
		return w, fmt.Errorf("%w: a key of %d bytes", ErrRecord, len(key))
	}
	return who(raw), nil
}

// names makes the hashes.
type names struct {
	macs sync.Pool
}

type mac struct {
	hash.Hash
	sum  [sha256.Size]byte
	text []byte
}

func newNames(key [32]byte) *names {
	n := &names{}
	n.macs.New = func() any { return &mac{Hash: hmac.New(sha256.New, key[:])} }
	return n
}

func (n *names) of(resource, id, principal string) (thing, who) {
	m := n.macs.Get().(*mac)
	defer n.macs.Put(m)
	t := thing(m.hash('t', resource, id)[:len(thing{})])
	return t, who(m.hash('p', principal, "")[:len(who{})])
}

// hash is over what is named and its parts with their lengths, so that no two
// lists of parts have the same text.
func (m *mac) hash(what byte, first, second string) []byte {
	m.Reset()
	m.text = append(m.text[:0], what)
	m.text = binary.AppendUvarint(m.text, uint64(len(first)))
	m.text = append(m.text, first...)
	m.text = append(m.text, second...)
	m.Write(m.text)
	return m.Sum(m.sum[:0])
}

// checkNames refuses what can name nothing: an empty principal is nobody, and
// must own nothing.
func checkNames(names ...string) error {
	for _, n := range names {
		if n == "" || len(n) > maxName {
			return fmt.Errorf("%w: a name of %d bytes; 1 to %d are taken", ErrInvalid, len(n), maxName)
		}
	}
	return nil
}
