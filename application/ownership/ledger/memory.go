package ledger

import (
	"encoding/binary"
	"sync"
)

const (
	// crowdShare is the part of a full memory, and of what waits for the store,
	// that one principal may have: an eighth.
	crowdShare = 8
	// cells count what principals hold. Those that meet in one share its part,
	// which costs them reading the store and no more; nobody can choose his cell.
	cells = 1024
	none  = ^uint32(0)
)

type state uint8

const (
	empty   state = iota
	settled       // the store has it as it stands here
	waiting       // it is to be written
	writing       // it is being written
)

// entry is 40 bytes without a pointer, so that the garbage collector does not
// look at a million of them.
type entry struct {
	thing thing
	who   who
	until uint32
	next  uint32 // in its chain, or in the list of empty ones
	how   How
	state state
	used  bool // since the hand came by
	// sure is unset where the store was not asked what it has for this pair.
	sure bool
}

func (e *entry) held() held { return held{who: e.who, until: e.until, how: e.how} }

func (e *entry) set(h held) { e.until, e.how = h.until, h.how }

type cell struct {
	held, waiting uint32
}

// shard is a part of memory: chains of entries by their things, so that all
// that is known of one thing is met on one way.
type shard struct {
	mu      sync.Mutex
	max     int
	entries []entry
	heads   []uint32
	free    uint32 // the first empty entry
	held    int
	hand    int
	unsaved int      // waiting or writing
	queue   []uint32 // what waits; it may name one twice, or one that waits no more
	cells   [cells]cell
}

func (s *shard) init(most int) {
	s.max, s.free = most, none
	s.heads = emptyHeads(64)
}

func emptyHeads(n int) []uint32 {
	heads := make([]uint32, n)
	for i := range heads {
		heads[i] = none
	}
	return heads
}

func (s *shard) head(t thing) *uint32 {
	return &s.heads[int(binary.LittleEndian.Uint32(t[4:]))&(len(s.heads)-1)]
}

func (s *shard) cell(w who) *cell { return &s.cells[binary.LittleEndian.Uint16(w[:])%cells] }

// find gives the pair's entry, over or not, and the others of the thing that
// are not over.
func (s *shard) find(t thing, w who, now uint32) (at uint32, others crowd) {
	at = none
	for i := *s.head(t); i != none; i = s.entries[i].next {
		e := &s.entries[i]
		switch {
		case e.thing != t:
		case e.who == w:
			at = i
		case now < e.until:
			others.add(e.how)
		}
	}
	return at, others
}

// add makes an entry that is settled. It gives none where all that is held
// waits for the store.
func (s *shard) add(t thing, h held, now uint32) uint32 {
	at := s.room(h.who, now)
	if at == none {
		return none
	}
	if s.held >= len(s.heads) {
		s.grow()
	}
	head := s.head(t)
	s.entries[at] = entry{thing: t, who: h.who, until: h.until, how: h.how, state: settled, next: *head}
	*head = at
	s.held++
	s.cell(h.who).held++
	return at
}

// room gives an empty entry's number.
func (s *shard) room(w who, now uint32) uint32 {
	switch {
	case s.free != none:
		at := s.free
		s.free = s.entries[at].next
		return at
	case len(s.entries) < s.max:
		s.entries = append(s.entries, entry{})
		return uint32(len(s.entries) - 1)
	}
	return s.evict(w, now)
}

// evict goes round, as SIEVE does (Zhang et al., NSDI 2024), and spares once
// what was used since the hand last came by. Who has more than his share is
// not spared; and where it is he who wants the room, nobody else gives it.
func (s *shard) evict(w who, now uint32) uint32 {
	share := uint32(s.max / crowdShare)
	mine, greedy := s.cell(w), s.cell(w).held > share
	for range 2 * len(s.entries) {
		at := uint32(s.hand)
		s.hand = (s.hand + 1) % len(s.entries)
		e := &s.entries[at]
		if e.state != settled {
			continue
		}
		theirs := s.cell(e.who)
		switch {
		case now >= e.until || theirs == mine && greedy || !greedy && theirs.held > share:
		case greedy:
			continue
		case e.used:
			e.used = false
			continue
		}
		s.remove(at)
		s.free = s.entries[at].next
		return at
	}
	return none
}

// remove takes an entry out that is not being written.
func (s *shard) remove(at uint32) {
	e := &s.entries[at]
	link := s.head(e.thing)
	for *link != at {
		link = &s.entries[*link].next
	}
	*link = e.next
	c := s.cell(e.who)
	c.held--
	s.held--
	if e.state != settled {
		s.unsaved--
		c.waiting--
	}
	*e = entry{next: s.free}
	s.free = at
}

// grow doubles the chains.
func (s *shard) grow() {
	s.heads = emptyHeads(2 * len(s.heads))
	for i := range s.entries {
		if e := &s.entries[i]; e.state != empty {
			head := s.head(e.thing)
			e.next, *head = *head, uint32(i)
		}
	}
}

// mayWait says whether one more of this principal's may wait for the store.
func (s *shard) mayWait(w who) bool {
	most := s.max / 2
	return s.unsaved < most && int(s.cell(w).waiting) < most/crowdShare
}

// wait puts an entry on the queue.
func (s *shard) wait(at uint32) {
	e := &s.entries[at]
	switch e.state {
	case waiting:
		return
	case settled:
		s.unsaved++
		s.cell(e.who).waiting++
	}
	e.state = waiting
	s.queue = append(s.queue, at)
}

// settle ends the waiting of an entry, unless it was noted again meanwhile.
func (s *shard) settle(at uint32) {
	e := &s.entries[at]
	if e.state != writing {
		return
	}
	e.state = settled
	s.unsaved--
	s.cell(e.who).waiting--
}

// drop takes out what is known of a target.
func (s *shard) drop(t target) {
	for i := *s.head(t.thing); i != none; {
		e := &s.entries[i]
		next := e.next
		if e.thing == t.thing && (t.who == who{} || t.who == e.who) {
			s.remove(i)
		}
		i = next
	}
}
