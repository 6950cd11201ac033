package exchange

import (
	"hash/maphash"
	"slices"
	"sync/atomic"

	"github.com/gatehousehq/gatehouse"
)

// This file has the values that say whose a statement is, and who holds them.
// They are compared by keyed hash, without case, dashes and what stands around
// them, as applications change those.

const (
	// minSpecific is the shortest value that may be specific, in bytes, and
	// maxPiece the longest.
	minSpecific = 8
	maxPiece    = 256
	// maxLooked is how much of one value is looked at for specific parts.
	maxLooked = 16 << 10
	// maxHeld bounds the specific values of one exchange. One that has more
	// has every statement's values say nothing while it is remembered.
	maxHeld = 1024
)

// A heldValue is a specific value of an exchange.
type heldValue struct {
	hash uint64
	// secret: it stood in a cookie or a credential alone, which no other client
	// can send.
	secret bool
}

// elsewhere are values that were seen where no live exchange is known to have
// brought them from. It forgets some of very many: a later one takes the place
// of an earlier.
type elsewhere [1 << elsewhereBits]atomic.Uint64

const elsewhereBits = 16

func (e *elsewhere) mark(hash uint64)        { e[hash>>(64-elsewhereBits)].Store(hash) }
func (e *elsewhere) marked(hash uint64) bool { return e[hash>>(64-elsewhereBits)].Load() == hash }

// pieces calls yield with the hash of each specific part of a value, until it
// returns false.
func pieces[T string | []byte](b *Backend, v T, yield func(hash uint64) bool) {
	for i := 0; i < len(v); {
		for i < len(v) && !isPiece[v[i]] {
			i++
		}
		from := i
		for i < len(v) && isPiece[v[i]] {
			i++
		}
		if i-from < minSpecific || i-from > maxPiece {
			continue
		}
		var buf [maxPiece]byte
		if n := fold(&buf, v[from:i]); n > 0 && !yield(maphash.Bytes(b.seed, buf[:n])) {
			return
		}
	}
}

// isPiece has the bytes that a specific value may consist of.
var isPiece = func() (t [256]bool) {
	for c := range t {
		t[c] = alphanumeric(byte(c)) || c == '@' || c == '.' || c == '-' || c == '_' || c == '+' || c == '~'
	}
	return t
}()

// fold writes a part without dashes and case, and gives its length; zero where
// it is not specific: an e-mail address, a UUID, or letters and digits of about
// 64 bits and more that are no words and no date.
func fold[T string | []byte](buf *[maxPiece]byte, v T) (n int) {
	var digits, hex, letters, ats, changes int
	dotted := false
	was := byte(0)
	for i := range len(v) {
		c, kind := v[i], byte(0)
		switch {
		case '0' <= c && c <= '9':
			digits++
			kind = 'd'
		case 'a' <= c|0x20 && c|0x20 <= 'z':
			c |= 0x20
			if c <= 'f' {
				hex++
			}
			letters++
			kind = 'l'
		case c == '-' || (c == '.' || c == '_' || c == '~') && (n == 0 || i == len(v)-1):
			continue
		case c == '@':
			ats++
		case c == '.':
			dotted = dotted || ats > 0
		}
		if kind != 0 {
			if was != 0 && was != kind {
				changes++
			}
			was = kind
		}
		buf[n] = c
		n++
	}
	switch size := digits + letters; {
	case ats == 1 && dotted && buf[0] != '@':
	case ats > 0:
		return 0
	case letters == hex && size == n && size >= 16 && letters >= 2 && changes >= 3:
	case size >= 20 && digits*8 >= size && changes >= 3:
	default:
		return 0
	}
	return n
}

// enterValues indexes what x brings. The caller holds mu.
func (b *Backend) enterValues(x *Exchange, held []heldValue, whole bool) {
	for _, h := range held {
		b.hold(x, h)
	}
	if !whole || x.Unread {
		b.notWhole(x)
	}
}

// notWhole notes that x brings values that are not known: while it is
// remembered, that one exchange alone holds a value proves nothing.
func (b *Backend) notWhole(x *Exchange) {
	if !x.partial {
		x.partial = true
		b.unread++
	}
}

// hold notes that x holds a value. The caller holds mu.
func (b *Backend) hold(x *Exchange, h heldValue) {
	all := b.values[h.hash]
	if slices.Contains(all, x) {
		if i := slices.IndexFunc(x.held, func(o heldValue) bool { return o.hash == h.hash }); i >= 0 {
			x.held[i].secret = x.held[i].secret && h.secret
		}
		return
	}
	if len(x.held) >= maxHeld {
		b.notWhole(x)
		b.elsewhere.mark(h.hash)
		return
	}
	x.held = append(x.held, h)
	b.values[h.hash] = append(all[:len(all):len(all)], x) // readers may have all
}

// release forgets what x holds: whoever sends one of its values from now on
// need not be who brought it. The caller holds mu.
func (b *Backend) release(x *Exchange) {
	for _, h := range x.held {
		if !h.secret {
			b.elsewhere.mark(h.hash)
		}
		all := slices.DeleteFunc(slices.Clone(b.values[h.hash]), func(o *Exchange) bool { return o == x })
		if len(all) == 0 {
			delete(b.values, h.hash)
		} else {
			b.values[h.hash] = all
		}
	}
	x.held = nil
	if x.partial {
		x.partial = false
		b.unread--
	}
}

// specifics are the specific values of the exchange's inputs so far; whole is
// false where there are more.
func (b *Backend) specifics(x *Exchange) (held []heldValue, whole bool) {
	whole = true
	for _, c := range x.Candidates() {
		whole = b.piecesOf(c.Place, c.Value, &held) && whole
	}
	if x.Inputs != nil {
		for _, i := range x.Inputs.Body() {
			whole = whole && i.Place.Kind != gatehouse.FileName // a file's content is no input
		}
	}
	return held, whole
}

func (b *Backend) piecesOf(place gatehouse.Place, v string, held *[]heldValue) (whole bool) {
	secret := place.Kind == gatehouse.Cookie || place.Kind == gatehouse.Header && place.Name == "Authorization"
	if whole = len(v) <= maxLooked; !whole {
		v = v[:maxLooked]
	}
	pieces(b, v, func(hash uint64) bool {
		*held = append(*held, heldValue{hash, secret})
		return len(*held) <= maxHeld
	})
	return whole && len(*held) <= maxHeld && place.Kind != gatehouse.FileName
}
