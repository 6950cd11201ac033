// Package bounded remembers what was costly to find out, such as a signature
// that proved true: at most so many entries, each until its time, by the hash
// of what it is about.
//
// It stops memory from growing with what strangers send. It trusts that keys
// are hashes that a stranger can't choose; a plain value as a key would let
// him pick whose shard is crowded. It forgets early where it is full, never
// late, so what it holds may only be what can be found out again.
package bounded

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// shards spread the keys over as many locks.
const shards = 16

// A Key is a hash of what an entry is about.
type Key = [32]byte

// Options say how much is remembered.
type Options struct {
	// Max is the number of entries; it is needed.
	Max int
}

// A Cache holds values that nobody changes. Its methods may be called by many
// at once. Make it with [New].
type Cache[V any] struct {
	shards [shards]shard[V]
}

// New fails where Max is not positive.
func New[V any](o Options) (*Cache[V], error) {
	if o.Max <= 0 {
		return nil, errors.New("bounded: Options.Max must be positive")
	}
	c := &Cache[V]{}
	for i := range c.shards {
		c.shards[i].max = (o.Max + shards - 1) / shards
		c.shards[i].at = map[Key]int{}
	}
	return c, nil
}

// A shard evicts by SIEVE (Zhang et al., NSDI 2024): one hand goes round and
// spares once what was asked for since it last came by. A hit writes one flag,
// so hits don't wait for each other, and a flood of entries that are never
// asked for again does not push out those that are.
type shard[V any] struct {
	mu      sync.RWMutex
	at      map[Key]int
	entries []entry[V]
	hand    int
	max     int
}

type entry[V any] struct {
	key     Key
	value   V
	expires time.Time
	asked   *atomic.Bool
}

func (c *Cache[V]) shard(key Key) *shard[V] { return &c.shards[key[0]%shards] }

// Get gives the value, unless its time is over at now.
func (c *Cache[V]) Get(key Key, now time.Time) (value V, ok bool) {
	s := c.shard(key)
	s.mu.RLock()
	defer s.mu.RUnlock()
	i, ok := s.at[key]
	if !ok || !now.Before(s.entries[i].expires) {
		return value, false
	}
	if e := &s.entries[i]; !e.asked.Load() {
		e.asked.Store(true)
	}
	return s.entries[i].value, true
}

// Put remembers the value until expires, in place of another for this key.
func (c *Cache[V]) Put(key Key, value V, expires, now time.Time) {
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := entry[V]{key: key, value: value, expires: expires, asked: new(atomic.Bool)}
	i, ok := s.at[key]
	switch {
	case ok:
	case len(s.entries) < s.max:
		i = len(s.entries)
		s.entries = append(s.entries, e)
	default:
		i = s.evict(now)
	}
	s.entries[i] = e
	s.at[key] = i
}

// evict frees a place and gives its number. It ends: what it spares once it
// does not spare again.
func (s *shard[V]) evict(now time.Time) int {
	for {
		i := s.hand
		s.hand = (s.hand + 1) % len(s.entries)
		if e := &s.entries[i]; !now.Before(e.expires) || !e.asked.Swap(false) {
			delete(s.at, e.key)
			return i
		}
	}
}

// Len is the number of entries held, those included whose time is over.
func (c *Cache[V]) Len() int {
	n := 0
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.RLock()
		n += len(s.at)
		s.mu.RUnlock()
	}
	return n
}
