package exchange

import (
	"hash/maphash"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

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
	// maxHeld bounds the specific values of one exchange. One that has more may
	// have any.
	maxHeld = 1024
)

// A heldValue is a specific value of an exchange.
type heldValue struct {
	hash uint64
	// secret is a hash of the cookie or the credential that it stood in; zero
	// where it stood elsewhere.
	secret uint64
}

// A holder is an exchange that has a value.
type holder struct {
	x      *Exchange
	secret uint64
}

// credentials are the header fields that hold what no other client can send.
var credentials = []string{"Authorization", "X-Api-Key", "Api-Key", "X-Auth-Token", "X-Access-Token"}

// secretOf is a hash of a place that holds secrets; zero for any other.
func (b *Backend) secretOf(p gatehouse.Place) uint64 {
	if p.Kind == gatehouse.Cookie || p.Kind == gatehouse.Header && slices.Contains(credentials, p.Name) {
		return maphash.String(b.seed, p.Name) | 1
	}
	return 0
}

// elsewhere are values that were seen where no live exchange is known to have
// brought them from, for 10 minutes at least. It never forgets one before, and
// takes some for such that are none: of very many, all.
type elsewhere struct {
	generations [2]bloom
	// young is the generation that is written to, and since when, in
	// nanoseconds.
	young atomic.Uint32
	since atomic.Int64
}

const (
	generation = 10 * time.Minute
	bloomBits  = 21
)

type bloom [1 << bloomBits / 64]atomic.Uint64

// bits are the three places of a hash.
func bits(hash uint64) [3]uint64 {
	const mask = 1<<bloomBits - 1
	return [3]uint64{hash & mask, hash >> bloomBits & mask, hash >> (2 * bloomBits) & mask}
}

func (e *elsewhere) mark(hash uint64) {
	b := &e.generations[e.young.Load()]
	for _, place := range bits(hash) {
		if word := &b[place/64]; word.Load()&(1<<(place%64)) == 0 {
			word.Or(1 << (place % 64))
		}
	}
}

func (e *elsewhere) marked(hash uint64) bool {
	return e.generations[0].has(hash) || e.generations[1].has(hash)
}

func (b *bloom) has(hash uint64) bool {
	for _, place := range bits(hash) {
		if b[place/64].Load()&(1<<(place%64)) == 0 {
			return false
		}
	}
	return true
}

// turn begins a generation where the last is old enough. The caller sees to it
// that nobody else does.
func (e *elsewhere) turn(now time.Time) {
	if since := e.since.Load(); since != 0 && now.UnixNano()-since < int64(generation) {
		return
	}
	e.since.Store(now.UnixNano())
	next := 1 - e.young.Load()
	b := &e.generations[next]
	for i := range b {
		b[i].Store(0)
	}
	e.young.Store(next)
}

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
		b.partial[x] = struct{}{}
	}
}

// hold notes that x holds a value. The caller holds mu.
func (b *Backend) hold(x *Exchange, h heldValue) {
	all := b.values[h.hash]
	if slices.ContainsFunc(all, func(o holder) bool { return o.x == x }) {
		return // the first place counts: cookies come before headers
	}
	if len(x.held) >= maxHeld {
		b.partial[x] = struct{}{}
		return
	}
	x.held = append(x.held, h.hash)
	b.values[h.hash] = append(all[:len(all):len(all)], holder{x, h.secret})
}

// release forgets what x holds. The caller holds mu.
func (b *Backend) release(x *Exchange) {
	for _, hash := range x.held {
		all := slices.DeleteFunc(slices.Clone(b.values[hash]), func(o holder) bool { return o.x == x })
		if len(all) == 0 {
			delete(b.values, hash)
		} else {
			b.values[hash] = all
		}
	}
	x.held = nil
	delete(b.partial, x)
}

// A pairing is a cookie whose value stands in a place of a statement: that of the
// session in the look-up of sessions, say. Until several clients were seen to
// have it so, it may be an adversary who sends somebody's identifier as a cookie.
type pairing struct {
	clients [pairedClients]netip.Addr
	n       int
}

const (
	pairedClients = 3
	maxPairings   = 4096
)

// pairings are those of all statements. The zero value is ready.
type pairings struct {
	mu  sync.Mutex
	all map[uint64]pairing
}

// established notes that a client has a pairing, and reports whether so many
// have.
func (p *pairings) established(key uint64, client netip.Addr) bool {
	client = gatehouse.Household(client).Addr()
	p.mu.Lock()
	defer p.mu.Unlock()
	one := p.all[key]
	if one.n == pairedClients {
		return true
	}
	if slices.Contains(one.clients[:one.n], client) {
		return false
	}
	if p.all == nil || len(p.all) >= maxPairings {
		p.all = make(map[uint64]pairing)
	}
	one.clients[one.n] = client
	one.n++
	p.all[key] = one
	return one.n == pairedClients
}

// contextOf is a hash of what stands before a literal: close enough to tell
// look-ups apart, and the same whatever was put in behind it.
func (b *Backend) contextOf(before string) uint64 {
	var h maphash.Hash
	h.SetSeed(b.seed)
	for i := max(len(before)-contextBytes, 0); i < len(before); i++ {
		if c := before[i]; c > ' ' && (c < '0' || c > '9') {
			_ = h.WriteByte(c) // never fails
		}
	}
	return h.Sum64()
}

const contextBytes = 48

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
	secret := b.secretOf(place)
	if whole = len(v) <= maxLooked; !whole {
		v = v[:maxLooked]
	}
	pieces(b, v, func(hash uint64) bool {
		*held = append(*held, heldValue{hash, secret})
		return len(*held) <= maxHeld
	})
	return whole && len(*held) <= maxHeld && place.Kind != gatehouse.FileName
}
