package exchange

import (
	"errors"
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehousehq/gatehouse/taint"
)

const (
	// Remembered is how long an exchange's inputs count after its answer was
	// sent: a backend may go on working for it.
	Remembered = 2 * time.Second
	// maxEnded bounds the exchanges that are remembered.
	maxEnded = 256
	// maxUnattributed bounds the inputs that a statement of no known request is
	// held to. Beyond it some requests' inputs are left out, whichever come last.
	maxUnattributed = 8192
	// maxSpecifics bounds the specific values indexed of one exchange.
	maxSpecifics = 64
	// maxForeign bounds the values that were read by nobody knows whom.
	maxForeign = 1 << 14
)

// BackendOptions configure a Backend.
type BackendOptions struct {
	// Table finds exchanges by their trace identifier. Required.
	Table *Table
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// A Backend is the exchanges that one backend works on: whatever sends a
// statement without saying for which request may be at work for any of them.
// Its methods may be called concurrently.
type Backend struct {
	table *Table
	now   func() time.Time
	seed  maphash.Seed

	active atomic.Int64 // live and remembered
	mu     sync.RWMutex
	live   map[*Exchange]struct{}
	ended  []ended // oldest first
	values map[uint64]holders
	// foreign are values read by unknown exchanges, oldest first.
	foreign []foreignValue
}

type ended struct {
	x  *Exchange
	at time.Time
}

type foreignValue struct {
	hash uint64
	at   time.Time
}

// holders are the exchanges that hold a value.
type holders struct {
	all []*Exchange
	// foreign counts readers that are not known.
	foreign int
}

func (h holders) only() *Exchange {
	if len(h.all) == 1 && h.foreign == 0 {
		return h.all[0]
	}
	return nil
}

// NewBackend checks the options.
func NewBackend(o BackendOptions) (*Backend, error) {
	if o.Table == nil {
		return nil, errors.New("exchange: BackendOptions.Table is missing")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Backend{
		table: o.Table, now: o.Now, seed: maphash.MakeSeed(),
		live: make(map[*Exchange]struct{}), values: make(map[uint64]holders),
	}, nil
}

// Enter has the backend work on x, whose inputs are settled. The caller ends
// that with Leave.
func (b *Backend) Enter(x *Exchange) {
	hashes := b.specifics(x)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.forget()
	x.held = hashes
	for _, h := range hashes {
		b.hold(h, x)
	}
	b.live[x] = struct{}{}
	b.count()
}

// Leave is told when the answer was sent. The exchange is remembered for a
// while.
func (b *Backend) Leave(x *Exchange) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.live, x)
	b.ended = append(b.ended, ended{x, b.now()})
	b.forget()
	b.count()
}

// Active reports whether a statement may be any request's.
func (b *Backend) Active() bool { return b.active.Load() > 0 }

func (b *Backend) count() { b.active.Store(int64(len(b.live) + len(b.ended))) }

// forget drops what ended long ago. The caller holds mu.
func (b *Backend) forget() {
	limit := b.now().Add(-Remembered)
	n := max(len(b.ended)-maxEnded, 0)
	for n < len(b.ended) && b.ended[n].at.Before(limit) {
		n++
	}
	for _, e := range b.ended[:n] {
		for _, h := range e.x.held {
			b.release(h, e.x)
		}
	}
	b.ended = slices.Delete(b.ended, 0, n)
	n = max(len(b.foreign)-maxForeign, 0)
	for n < len(b.foreign) && b.foreign[n].at.Before(limit) {
		n++
	}
	for _, f := range b.foreign[:n] {
		h := b.values[f.hash]
		h.foreign--
		b.set(f.hash, h)
	}
	b.foreign = slices.Delete(b.foreign, 0, n)
}

// recent reports whether an exchange ended within the time remembered.
// The caller holds mu.
func (b *Backend) recent() bool {
	return len(b.ended) > 0 && b.now().Sub(b.ended[len(b.ended)-1].at) < Remembered
}

func (b *Backend) hash(v string) uint64 { return maphash.String(b.seed, v) }

// specifics are the hashes of the exchange's inputs that say whose a statement
// is.
func (b *Backend) specifics(x *Exchange) []uint64 {
	var hashes []uint64
	for _, c := range x.Candidates() {
		if len(hashes) == maxSpecifics {
			break
		}
		if specific(c.Value) {
			hashes = append(hashes, b.hash(c.Value))
		}
	}
	return hashes
}

func (b *Backend) hold(hash uint64, x *Exchange) {
	h := b.values[hash]
	if !slices.Contains(h.all, x) {
		h.all = append(h.all, x)
	}
	b.values[hash] = h
}

func (b *Backend) release(hash uint64, x *Exchange) {
	h := b.values[hash]
	h.all = slices.DeleteFunc(slices.Clone(h.all), func(o *Exchange) bool { return o == x })
	b.set(hash, h)
}

func (b *Backend) set(hash uint64, h holders) {
	if len(h.all) == 0 && h.foreign <= 0 {
		delete(b.values, hash)
		return
	}
	b.values[hash] = h
}

// NoteRow notes a value that was read from a column of the database by the
// exchange of a; where that is not known, the value is no longer one that says
// whose a statement is.
func (b *Backend) NoteRow(a Attribution, column, value string) {
	if a.Exchange != nil {
		a.Exchange.NoteRow(column, value)
	}
	if !specific(value) {
		return
	}
	hash := b.hash(value)
	b.mu.Lock()
	defer b.mu.Unlock()
	if a.How >= Value {
		if x := a.Exchange; len(x.held) < maxSpecifics && !slices.Contains(x.held, hash) {
			if _, live := b.live[x]; live {
				x.held = append(x.held, hash)
				b.hold(hash, x)
			}
		}
		return
	}
	h := b.values[hash]
	h.foreign++
	b.values[hash] = h
	b.foreign = append(b.foreign, foreignValue{hash, b.now()})
	if len(b.foreign) > maxForeign {
		b.forget()
	}
}

// Candidates are the inputs of all that are live or remembered.
func (b *Backend) Candidates() []taint.Candidate {
	if !b.Active() {
		return nil
	}
	b.mu.RLock()
	exchanges := make([]*Exchange, 0, len(b.live)+len(b.ended))
	for x := range b.live {
		exchanges = append(exchanges, x)
	}
	limit := b.now().Add(-Remembered)
	for _, e := range slices.Backward(b.ended) {
		if e.at.Before(limit) {
			break
		}
		exchanges = append(exchanges, e.x)
	}
	b.mu.RUnlock()
	var all []taint.Candidate
	for _, x := range exchanges {
		more := x.Candidates()
		all = append(all, more[:min(len(more), maxUnattributed-len(all))]...)
	}
	return all
}
