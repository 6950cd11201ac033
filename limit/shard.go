package limit

import (
	"encoding/binary"
	"math"
	"sync"
)

// id is a key's hash.
type id [16]byte

// A shard holds keys by their hash, and finds the one that runs out first. It has
// no pointers but its three slices, so the garbage collector has nothing to look
// at, and a key costs 48 bytes and 8 to 16 of table.
type shard struct {
	mu sync.Mutex
	// entries are dense: a removed one is replaced by the last.
	entries []entry
	// heap is ordered by when keys run out, 4 children a node. A key that is used
	// again runs out later, and its node learns that when it comes to the top: what
	// is asked all the time costs no ordering.
	heap []node
	// table is open addressing by the id: an entry's index and one, or zero. Its
	// length is a power of two, at least twice that of entries.
	table []uint32
	_     [64]byte // shards are locked apart, so they lie on lines apart
}

type entry struct {
	id    id
	until int64  // microseconds since the Memory's epoch
	at    uint32 // where it stands in heap
}

type node struct {
	until int64 // no later than the entry's
	n     uint32
}

// find gives where a key stands in the table, or where it would.
func (s *shard) find(key id) (int, bool) {
	mask := len(s.table) - 1
	i := home(key, mask)
	for ; s.table[i] != 0; i = (i + 1) & mask {
		if s.entries[s.table[i]-1].id == key {
			return i, true
		}
	}
	return i, false
}

func home(key id, mask int) int { return int(binary.LittleEndian.Uint64(key[:]) & uint64(mask)) }

// until is when a key will have run out; the past where it is not held.
func (s *shard) until(key id) int64 {
	if len(s.entries) == 0 {
		return math.MinInt64 / 2
	}
	i, found := s.find(key)
	if !found {
		return math.MinInt64 / 2
	}
	return s.entries[s.table[i]-1].until
}

// update changes a key that is held.
func (s *shard) update(key id, until int64) bool {
	if len(s.entries) == 0 {
		return false
	}
	i, found := s.find(key)
	if !found {
		return false
	}
	e := &s.entries[s.table[i]-1]
	e.until = until
	if n := &s.heap[e.at]; until < n.until { // the clock was set back, or the rate changed
		n.until = until
		s.up(int(e.at))
	}
	return true
}

// insert adds a key that is not held.
func (s *shard) insert(key id, until int64) {
	if 2*(len(s.entries)+1) > len(s.table) {
		s.grow()
	}
	i, _ := s.find(key)
	s.entries = append(s.entries, entry{id: key, until: until, at: uint32(len(s.heap))})
	s.table[i] = uint32(len(s.entries))
	s.heap = append(s.heap, node{until, uint32(len(s.entries) - 1)})
	s.up(len(s.heap) - 1)
}

func (s *shard) grow() {
	s.table = make([]uint32, max(16, 2*len(s.table)))
	for n := range s.entries {
		i, _ := s.find(s.entries[n].id)
		s.table[i] = uint32(n + 1)
	}
}

// first is when the first key runs out; never, where there is none.
func (s *shard) first() int64 {
	for len(s.heap) > 0 {
		top := &s.heap[0]
		until := s.entries[top.n].until
		if top.until == until {
			return until
		}
		top.until = until
		s.down(0)
	}
	return math.MaxInt64
}

// removeFirst drops the key that runs out first, which first has found.
func (s *shard) removeFirst() {
	gone := s.heap[0].n
	last := len(s.heap) - 1
	s.place(0, s.heap[last])
	s.heap = s.heap[:last]
	if last > 0 {
		s.down(0)
	}
	s.unlist(s.entries[gone].id)
	if last := uint32(len(s.entries) - 1); gone != last {
		i, _ := s.find(s.entries[last].id)
		s.entries[gone] = s.entries[last]
		s.table[i] = gone + 1
		s.heap[s.entries[gone].at].n = gone
	}
	s.entries = s.entries[:len(s.entries)-1]
}

// unlist takes a key out of the table, and moves up those behind it that would
// not be found across the gap.
func (s *shard) unlist(key id) {
	mask := len(s.table) - 1
	gap, _ := s.find(key)
	for i := (gap + 1) & mask; s.table[i] != 0; i = (i + 1) & mask {
		from := home(s.entries[s.table[i]-1].id, mask)
		if (i-from)&mask >= (i-gap)&mask {
			s.table[gap], gap = s.table[i], i
		}
	}
	s.table[gap] = 0
}

// place puts a node into the heap.
func (s *shard) place(at int, n node) {
	s.heap[at] = n
	s.entries[n.n].at = uint32(at)
}

func (s *shard) up(at int) {
	n := s.heap[at]
	for at > 0 {
		parent := (at - 1) / 4
		if s.heap[parent].until <= n.until {
			break
		}
		s.place(at, s.heap[parent])
		at = parent
	}
	s.place(at, n)
}

func (s *shard) down(at int) {
	n := s.heap[at]
	for {
		best, least := -1, n.until
		for child := 4*at + 1; child <= 4*at+4 && child < len(s.heap); child++ {
			if u := s.heap[child].until; u < least {
				best, least = child, u
			}
		}
		if best < 0 {
			break
		}
		s.place(at, s.heap[best])
		at = best
	}
	s.place(at, n)
}
