package sink

import (
	"net/netip"
	"sync"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/events"
)

const (
	floodWindow = 10 * time.Second
	// maxFloodKeys bounds what is told apart; the rest is counted by name.
	maxFloodKeys = 16384
	// maxWritten times FloodLimit is how many events are written one by one in
	// a window, of all clients together (by default 5,000): an attack from many
	// addresses must not fill the disk.
	maxWritten = 250
)

// floodKey is what events of one flood have in common.
type floodKey struct {
	name, rung, rule, route string
	outcome                 gatehouse.Outcome
	client                  string
	// words tells events apart that are about no client, such as bypasses.
	words string
}

func floodKeyOf(e gatehouse.Event) floodKey {
	key := floodKey{name: e.Name, rung: e.Rung, rule: e.Rule, route: e.Route, outcome: e.Outcome, client: network(e.Client)}
	if e.Client == "" {
		key.words = e.Words
	}
	return key
}

// floods counts events that come too often to be written one by one.
type floods struct {
	limit int

	mu   sync.Mutex
	keys map[floodKey]*flood
	// rest has the keys that found no room, by event name.
	rest map[string]*flood
	// written counts events since start that were not absorbed.
	written int
	start   time.Time
}

// flood is one key's current window.
type flood struct {
	start time.Time
	// seen counts every event of the window; hot is set while they are counted
	// instead of written.
	seen int
	hot  bool
	// sum is the first event that was counted; its Count and Until grow.
	sum gatehouse.Event
}

func newFloods(limit int) *floods {
	return &floods{limit: limit, keys: map[floodKey]*flood{}, rest: map[string]*flood{}}
}

// over reports whether a window has ended, or its clock was set back. A time that is
// a little before its start was only read before it.
func over(start, now time.Time) bool { return now.Sub(start).Abs() >= floodWindow }

// absorb reports whether the event was counted, and need not be written.
func (fs *floods) absorb(e gatehouse.Event) bool {
	key := floodKeyOf(e)
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if over(fs.start, e.Time) {
		fs.start, fs.written = e.Time, 0
	}
	f := fs.keys[key]
	if f == nil {
		if len(fs.keys) >= maxFloodKeys || fs.written >= fs.limit*maxWritten {
			fs.addRest(e)
			return true
		}
		f = &flood{start: e.Time}
		fs.keys[key] = f
	}
	f.seen++
	f.hot = f.hot || f.seen > fs.limit || fs.written >= fs.limit*maxWritten
	if f.hot {
		f.add(e)
		return true
	}
	fs.written++
	return false
}

// network is an IPv6 client's /64, which is one customer's; else the client.
func network(client string) string {
	if a, err := netip.ParseAddr(client); err == nil && a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return client
}

// add counts e, which may itself stand for several.
func (f *flood) add(e gatehouse.Event) {
	until := e.Until
	if until.IsZero() {
		until = e.Time
	}
	n := e.Occurrences()
	if f.sum.Count == 0 {
		f.sum = e
		f.sum.Count, f.sum.Until = n, until
		return
	}
	f.sum.Count += n
	if e.Time.Before(f.sum.Time) {
		f.sum.Time = e.Time
	}
	if until.After(f.sum.Until) {
		f.sum.Until = until
	}
}

// addRest counts e among those of its name that found no room of their own.
func (fs *floods) addRest(e gatehouse.Event) {
	f := fs.rest[e.Name]
	if f == nil {
		f = &flood{start: e.Time, hot: true}
		fs.rest[e.Name] = f
	}
	if f.sum.Count == 0 {
		// The sum is of many clients and rules: no one of them stands in it.
		e = events.Crowd(e)
	}
	f.add(e)
}

// due takes the sums of windows that have ended, and forgets keys that were
// quiet in theirs. A key whose window was above the limit stays counted.
func (fs *floods) due(now time.Time) []gatehouse.Event {
	return fs.take(func(f *flood) bool { return over(f.start, now) }, now)
}

// all takes every sum.
func (fs *floods) all() []gatehouse.Event {
	return fs.take(func(*flood) bool { return true }, time.Time{})
}

func (fs *floods) take(ended func(*flood) bool, now time.Time) []gatehouse.Event {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	var sums []gatehouse.Event
	for key, f := range fs.keys {
		if !ended(f) {
			continue
		}
		sums = f.appendSum(sums)
		if f.seen <= fs.limit {
			delete(fs.keys, key)
			continue
		}
		f.start, f.seen = now, 0
	}
	for name, f := range fs.rest {
		if ended(f) {
			sums = f.appendSum(sums)
			delete(fs.rest, name)
		}
	}
	return sums
}

func (f *flood) appendSum(sums []gatehouse.Event) []gatehouse.Event {
	if f.sum.Count == 0 {
		return sums
	}
	sum := f.sum
	if sum.Count == 1 {
		sum.Count, sum.Until = 0, time.Time{}
	}
	f.sum = gatehouse.Event{}
	return append(sums, sum)
}

// restore counts sums again that could not be written.
func (fs *floods) restore(sums []gatehouse.Event) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for _, e := range sums {
		key := floodKeyOf(e)
		f := fs.keys[key]
		if f == nil && len(fs.keys) >= maxFloodKeys {
			fs.addRest(e)
			continue
		}
		if f == nil {
			f = &flood{start: e.Time}
			fs.keys[key] = f
		}
		f.hot = true
		f.add(e)
	}
}
