package exchange

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/taint"
)

const (
	// maxUnattributed bounds the inputs that a statement of no known request is
	// held to, and maxShare those of one exchange. Of more, those that came last
	// are left out: see [Backend.Cut].
	maxUnattributed = 1 << 15
	maxShare        = 1 << 12
	// maxLoose and maxLooseBytes bound the values read from the database by
	// nobody knows whom, of the last looseFor. The newest count.
	maxLoose      = 256
	maxLooseBytes = 64 << 10
	looseFor      = 10 * time.Second
)

// merged are the inputs of all exchanges that are live or remembered, as one
// list: it grows with them, and is made anew when some are forgotten. Slices that
// were handed out share what is never written again.
type merged struct {
	fresh   atomic.Bool // nothing has changed since the last call
	mu      sync.Mutex
	all     []taint.Candidate
	seen    map[string]struct{}
	taken   map[*Exchange]int
	growing []*Exchange // that have more than was taken
	rebuild bool
	size    int // of all before that
	cut     bool
	// loose are values that were read for nobody knows whom, oldest first.
	loose      []looseRow
	looseBytes int
}

type looseRow struct {
	taint.Candidate
	at time.Time
}

// grow notes that x has more inputs, or is new.
func (m *merged) grow(x *Exchange) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.rebuild {
		return
	}
	if len(m.growing) > 0 && m.growing[len(m.growing)-1] == x {
		return
	}
	if len(m.growing) >= maxUnfinished {
		m.rebuild, m.growing = true, nil
		m.size, m.all, m.seen, m.taken = len(m.all), nil, nil, nil
	} else {
		m.growing = append(m.growing, x)
	}
	m.fresh.Store(false)
}

// shrink notes that some were forgotten.
func (m *merged) shrink() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rebuild, m.growing = true, nil
	m.size, m.all, m.seen, m.taken = len(m.all), nil, nil, nil // what was forgotten is kept nowhere
	m.fresh.Store(false)
}

// note keeps a value read by nobody knows whom, where it could be code.
func (m *merged) note(column string, value []byte, now time.Time) {
	if len(value) < MinRow || !bytes.ContainsAny(value, " \t\r\n'\"`\\;()=<>|*#-/,") {
		return
	}
	value = value[:min(len(value), maxLooseBytes/16)]
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, twice := m.seen[string(value)]; twice {
		return
	}
	for len(m.loose) > 0 && (len(m.loose) >= maxLoose || m.looseBytes+len(value) > maxLooseBytes) {
		m.looseBytes -= len(m.loose[0].Value)
		m.loose = m.loose[1:]
	}
	row := looseRow{taint.Candidate{Value: string(value), Place: gatehouse.Place{Kind: gatehouse.Row, Name: strings.Clone(column)}}, now}
	m.loose, m.looseBytes = append(m.loose, row), m.looseBytes+len(value)
	if !m.rebuild { // otherwise it is added then
		m.add(row.Candidate)
	}
	m.fresh.Store(false)
}

// add appends a candidate that is not there yet.
func (m *merged) add(c taint.Candidate) {
	if len(m.all) >= maxUnattributed {
		m.cut = true
		return
	}
	if _, twice := m.seen[c.Value]; twice {
		return
	}
	if m.seen == nil {
		m.seen = make(map[string]struct{})
	}
	m.seen[c.Value] = struct{}{}
	m.all = append(m.all, c)
}

// take appends what x has that was not taken.
func (m *merged) take(x *Exchange) {
	all := x.Candidates()
	from := m.taken[x]
	if len(all) > maxShare {
		all, m.cut = all[:maxShare], true
	}
	for _, c := range all[min(from, len(all)):] {
		m.add(c)
	}
	if m.taken == nil {
		m.taken = make(map[*Exchange]int)
	}
	m.taken[x] = len(all)
}

// Candidates are the inputs of all that are live or remembered, and what was
// read from the database for nobody knows whom: each value once. The slice is
// never changed afterwards; no allocation where nothing was added.
func (b *Backend) Candidates() []taint.Candidate {
	m := &b.merged
	if m.fresh.Load() {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.all[:len(m.all):len(m.all)]
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fresh.Store(true) // first: who grows meanwhile waits for mu
	if m.rebuild {
		m.rebuild, m.cut = false, false
		m.all, m.seen, m.taken = make([]taint.Candidate, 0, m.size), make(map[string]struct{}, m.size), nil
		for _, x := range b.remembered(nil) {
			m.take(x)
		}
		m.keepLoose(b.now())
	}
	for _, x := range m.growing {
		m.take(x)
	}
	m.growing = m.growing[:0]
	return m.all[:len(m.all):len(m.all)]
}

func (m *merged) keepLoose(now time.Time) {
	for len(m.loose) > 0 && now.Sub(m.loose[0].at) > looseFor {
		m.looseBytes -= len(m.loose[0].Value)
		m.loose = m.loose[1:]
	}
	for _, row := range m.loose {
		m.add(row.Candidate)
	}
}

// Cut reports whether there are more inputs than Candidates gives.
func (b *Backend) Cut() bool {
	b.merged.mu.Lock()
	defer b.merged.mu.Unlock()
	return b.merged.cut
}

// remembered appends all exchanges that count, those that the backend works on
// first. The caller holds mu.
func (b *Backend) remembered(all []*Exchange) []*Exchange {
	for x := range b.live {
		all = append(all, x)
	}
	for _, list := range [...][]ended{b.left, b.ended} {
		for i := range list {
			all = append(all, list[len(list)-1-i].x)
		}
	}
	return all
}

// Exchanges are those that are live or remembered: whose a statement may be.
func (b *Backend) Exchanges() []*Exchange {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.remembered(nil)
}

// shortestBlame is how long an input must be, and hold more than a word, for
// its client alone to answer for it.
const shortestBlame = 4

// sole is the exchange of the evidence, where nobody else's has a value that holds
// the evidence's. What the same client sends again is not somebody else's; of its
// exchanges, one that is live, or the last that has not answered for anything yet.
func sole(live, over []*Exchange, e taint.Evidence) *Exchange {
	found, values := evidenced(slices.Concat(live, over), e)
	if len(values) == 0 {
		return nil
	}
	var again, last *Exchange
	for i, list := range [...][]*Exchange{live, over} {
		for _, x := range list {
			if x != found && !slices.ContainsFunc(values, func(v string) bool { return holds(x, v) }) {
				continue
			}
			_, refused := x.Refusal()
			switch {
			case x != found && !sameClient(x, found):
				return nil
			case i == 0 && (x == found || again == nil):
				again = x
			case i == 1 && !refused && last == nil:
				last = x
			}
		}
	}
	return cmp.Or(again, last, found)
}

// evidenced is the exchange of the evidence, and what stands at its place there;
// nothing where that is a word that anybody may send.
func evidenced(all []*Exchange, e taint.Evidence) (found *Exchange, values []string) {
	i := slices.IndexFunc(all, func(x *Exchange) bool { return x.ID == e.Exchange })
	if i < 0 {
		return nil, nil
	}
	for _, c := range all[i].Candidates() {
		if c.Place != e.Place {
			continue
		}
		v := strings.TrimSpace(c.Value)
		if !telling(v) {
			return nil, nil
		}
		values = append(values, v)
	}
	return all[i], values
}

func sameClient(x, y *Exchange) bool {
	return x.Client.IsValid() && x.Client == y.Client && x.Principal.ID == y.Principal.ID && x.Principal.Issuer == y.Principal.Issuer
}

func holds(x *Exchange, v string) bool {
	for _, c := range x.Candidates() {
		if len(c.Value) >= len(v) && strings.Contains(c.Value, v) {
			return true
		}
	}
	return false
}

func telling(v string) bool {
	if len(v) < shortestBlame {
		return false
	}
	for i := range len(v) {
		if c := v[i]; !alphanumeric(c) && c != '_' && c != '-' && c != '.' {
			return true
		}
	}
	return false
}
