package guard

import (
	"sync"
	"time"

	"github.com/gatehousehq/gatehouse/events"
	"github.com/gatehousehq/gatehouse/taint"
)

const (
	// toldEvery is how often the same finding is told.
	toldEvery = 24 * time.Hour
	// maxTold bounds each of the two generations that are remembered.
	maxTold = 4096
)

type toldKind uint8

const (
	toldShape toldKind = iota
	toldCapped
	toldConcatenation
	toldPassword
)

// toldKey is what makes two findings the same.
type toldKey struct {
	kind    toldKind
	account string
	shape   taint.Fingerprint
	what    string
}

type toldOf struct {
	last  time.Time // when it was told
	since uint64    // how many there were after that
}

// told remembers what was told, in bounded memory: of more findings than it
// holds, those not seen for longest are forgotten, and told again. The zero
// value is ready.
type told struct {
	mu         sync.Mutex
	young, old map[toldKey]toldOf
}

// note counts a finding, and reports whether to tell it now, with how many it
// stands for. Where there is none it does nothing.
func (t *told) note(k toldKey, clock func() time.Time, found bool) (n events.Times, tell bool) {
	if !found {
		return n, false
	}
	now := clock()
	t.mu.Lock()
	defer t.mu.Unlock()
	of, known := t.young[k]
	if !known {
		of, known = t.old[k]
	}
	of.since++
	// A shape in quarantine is news once; the others are as long as they last.
	again := k.kind != toldShape && now.Sub(of.last) >= toldEvery
	if tell = !known || again; tell {
		if n = (events.Times{Count: of.since, Until: now}); of.since == 1 {
			n = events.Times{}
		}
		of = toldOf{last: now}
	}
	if len(t.young) >= maxTold {
		t.old, t.young = t.young, nil
	}
	if t.young == nil {
		t.young = make(map[toldKey]toldOf)
	}
	t.young[k] = of
	return n, tell
}
