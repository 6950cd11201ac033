package throttle

import (
	"math"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
)

// ways is how many places a key may take: the table is full for a key where
// those are.
const ways = 8

// perPage is how many sets are allocated together, once one of them is needed.
const perPage = 64

type page[T any] [perPage][ways]slot[T]

// A table has at most a fixed number of entries by key. A key is a keyed hash, so
// that nobody can choose where it falls. Its memory comes as it is used: most
// sites have a few hundred accounts.
type table[T any] struct {
	pages []atomic.Pointer[page[T]]
	locks [64]sync.Mutex
	// weight says how much would be lost with an entry; zero and less is nothing.
	// Of the same weight the oldest goes first.
	weight func(*T, time.Time) int
}

type slot[T any] struct {
	key  uint64
	used int64
	v    T
}

func newTable[T any](size int, weight func(*T, time.Time) int) *table[T] {
	n := 1 << bits.Len(uint((size-1)/ways))
	return &table[T]{pages: make([]atomic.Pointer[page[T]], (n+perPage-1)/perPage), weight: weight}
}

// with calls f with the entry of key, which is a new one where there was none.
// f holds the entry's lock and must not call the table.
func (t *table[T]) with(key uint64, now time.Time, f func(*T)) {
	set, unlock := t.lock(key, true)
	defer unlock()
	least, at := math.MaxInt, 0
	for i := range set {
		s := &set[i]
		if s.key == key && s.used != 0 {
			s.used = now.UnixNano()
			f(&s.v)
			return
		}
		w := math.MinInt
		if s.used != 0 {
			w = t.weight(&s.v, now)
		}
		if w < least || w == least && s.used < set[at].used {
			least, at = w, i
		}
	}
	set[at] = slot[T]{key: key, used: now.UnixNano()}
	f(&set[at].v)
}

// peek calls f with the entry of key, if there is one, and reports whether.
func (t *table[T]) peek(key uint64, f func(*T)) bool {
	set, unlock := t.lock(key, false)
	defer unlock()
	if set == nil {
		return false
	}
	for i := range set {
		if set[i].key == key && set[i].used != 0 {
			f(&set[i].v)
			return true
		}
	}
	return false
}

// lock holds the set of a key; nil where there is none yet and none is to be made.
func (t *table[T]) lock(key uint64, create bool) (*[ways]slot[T], func()) {
	at := key % uint64(len(t.pages)*perPage)
	mu := &t.locks[at%uint64(len(t.locks))]
	mu.Lock()
	of := &t.pages[at/perPage]
	p := of.Load()
	if p == nil {
		if !create {
			return nil, mu.Unlock
		}
		if p = new(page[T]); !of.CompareAndSwap(nil, p) { // another set of the page, under another lock
			p = of.Load()
		}
	}
	return &p[at%perPage], mu.Unlock
}

// A crowd counts different things without holding them, up to some hundreds
// (linear counting, Whang and others 1990): each sets one of 128 bits.
type crowd [2]uint64

func (c *crowd) add(hash uint64) { c[hash>>6&1] |= 1 << (hash & 63) }

func (c crowd) has(hash uint64) bool { return c[hash>>6&1]&(1<<(hash&63)) != 0 }

func (c crowd) less(other crowd) crowd { return crowd{c[0] &^ other[0], c[1] &^ other[1]} }

// most is what a crowd counts to: then all bits are set.
const most = 700

func (c crowd) count() int {
	free := 128 - bits.OnesCount64(c[0]) - bits.OnesCount64(c[1])
	if free == 0 {
		return most
	}
	return int(math.Round(-128 * math.Log(float64(free)/128)))
}

// A budget is what is left of a Rate. The zero value is full.
type budget struct {
	spent float32
	at    int64
}

// left is what may be spent, after what came back since.
func (b *budget) left(r Rate, more int, now time.Time) float32 {
	if b.at != 0 {
		back := float32(now.UnixNano()-b.at) / float32(r.Every)
		b.spent = max(b.spent-max(back, 0), 0)
	}
	b.at = now.UnixNano()
	return float32(r.Burst+more) - b.spent
}

func (b *budget) take(n float32) { b.spent += n }

func (b *budget) refund(n float32) { b.spent = max(b.spent-n, 0) }

// wait is when one more may be spent.
func (b *budget) wait(r Rate, left float32) time.Duration {
	return time.Duration((1 - left) * float32(r.Every))
}
