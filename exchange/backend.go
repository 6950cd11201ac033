package exchange

import (
	"context"
	"errors"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/input"
	"github.com/gatehousehq/gatehouse/taint"
)

const (
	// Remembered is how long an exchange's inputs count after its answer was
	// sent: a backend may go on working for it.
	Remembered = 2 * time.Second
	// Unfinished is how long they count where the backend had not answered when
	// the client left: it ordinarily goes on working all the same, for as long
	// as servers let a request take (30 s with gunicorn and PHP), twice.
	Unfinished = time.Minute
	// maxEnded and maxUnfinished bound the exchanges that are remembered.
	maxEnded      = 256
	maxUnfinished = 1024
	// forgetEvery is how often those are looked through.
	forgetEvery = 500 * time.Millisecond
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

	active    atomic.Int64 // live and remembered
	indexes   atomic.Bool
	elsewhere elsewhere
	pairings  pairings

	mu   sync.RWMutex
	live map[*Exchange]struct{}
	// ended were answered, left were not when their clients left; oldest first.
	ended, left []ended
	// blindUntil is until when one of left may be at work that is no longer known.
	blindUntil time.Time
	lastForget time.Time
	values     map[uint64][]holder
	// partial are the exchanges that bring values which are not known.
	partial map[*Exchange]struct{}
	turn    turn

	merged merged
	stray  stray
}

type ended struct {
	x  *Exchange
	at time.Time
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
		live: make(map[*Exchange]struct{}), values: make(map[uint64][]holder), partial: make(map[*Exchange]struct{}),
	}, nil
}

// Index has the secrets of requests that enter from now on say whose statements
// are. Without it they say nothing, and cost nothing.
func (b *Backend) Index() { b.indexes.Store(true) }

// Enter has the backend work on x, whose inputs are settled but for what of its
// body is still to come. The caller ends that with Leave. Where alone is set, x
// waits for its turn to be the only one, and others wait for it: see [Patience].
func (b *Backend) Enter(ctx context.Context, x *Exchange, alone bool) {
	var held []heldValue
	whole := true
	if b.indexes.Load() {
		held, whole = b.specifics(x)
	}
	if x.Inputs != nil && x.Inputs.Streamed() {
		x.Inputs.OnInput(func(i input.Input) error {
			b.arrived(x, i)
			return nil
		})
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.forget(false)
	b.wait(ctx, x, alone)
	x.entered = b.now()
	b.enterValues(x, held, whole)
	b.live[x] = struct{}{}
	b.merged.grow(x)
	b.count()
}

// arrived notes one more input of a body that is parsed as it passes.
func (b *Backend) arrived(x *Exchange, i input.Input) {
	var held []heldValue
	whole := !b.indexes.Load() || b.piecesOf(i.Place, i.Value, &held)
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, live := b.live[x]; live {
		b.enterValues(x, held, whole)
		b.merged.grow(x)
	}
}

// Leave is told when an exchange is over; answered says whether the backend had
// sent all of its answer, and so is done with it. It is remembered for a while.
func (b *Backend) Leave(x *Exchange, answered bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.live, x)
	if now := b.now(); answered {
		b.ended = append(b.ended, ended{x, now})
	} else {
		b.left = append(b.left, ended{x, now})
	}
	b.forget(false)
	b.turn.left(x)
	b.count()
}

// Active reports whether a statement may be any request's.
func (b *Backend) Active() bool { return b.active.Load() > 0 }

func (b *Backend) count() { b.active.Store(int64(len(b.live) + len(b.ended) + len(b.left))) }

// Forget drops what ended long ago; otherwise that happens with the next
// request.
func (b *Backend) Forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.forget(true)
	b.count()
}

// forget drops what ended long ago, from time to time. The caller holds mu.
func (b *Backend) forget(now bool) {
	at := b.now()
	if !now && at.Sub(b.lastForget) < forgetEvery && len(b.ended) <= maxEnded && len(b.left) <= maxUnfinished {
		return
	}
	b.lastForget = at
	b.elsewhere.turn(at)
	if n := len(b.left) - maxUnfinished; n > 0 {
		b.blindUntil = b.left[n-1].at.Add(Unfinished)
	}
	var gone [2]int
	b.ended, gone[0] = b.drop(b.ended, at.Add(-Remembered), maxEnded)
	b.left, gone[1] = b.drop(b.left, at.Add(-Unfinished), maxUnfinished)
	if gone != [2]int{} {
		b.merged.shrink()
	}
}

// drop forgets those of a list that ended before a time, and those of more than
// most that did so first.
func (b *Backend) drop(list []ended, before time.Time, most int) ([]ended, int) {
	n := max(len(list)-most, 0)
	for n < len(list) && list[n].at.Before(before) {
		n++
	}
	for _, e := range list[:n] {
		b.release(e.x)
	}
	clear(list[:n]) // so that the array does not keep what is forgotten
	return list[n:], n
}

// recent reports whether an exchange ended within the time remembered.
// The caller holds mu.
func (b *Backend) recent() bool {
	return len(b.ended) > 0 && b.now().Sub(b.ended[len(b.ended)-1].at) < Remembered
}

// unfinished reports whether the backend may be at work for a client that left.
// The caller holds mu.
func (b *Backend) unfinished() bool {
	now := b.now()
	return len(b.left) > 0 && now.Sub(b.left[len(b.left)-1].at) < Unfinished || now.Before(b.blindUntil)
}

// NoteRow notes a value that was read from a column of the database by the
// exchange of a. What was read for nobody knows whom no longer says whose a
// statement is. The value is cloned where it is kept.
func (b *Backend) NoteRow(a Attribution, column string, value []byte) {
	if a.Exchange != nil {
		noteRow(a.Exchange, column, value)
		b.merged.grow(a.Exchange)
	} else {
		b.merged.note(column, value, b.now())
	}
	if len(value) < minSpecific {
		return
	}
	pieces(b, value[:min(len(value), maxLooked)], func(hash uint64) bool {
		b.noteValue(a, hash)
		return true
	})
}

// noteValue notes a specific value that was read. One that an exchange in flight
// has is most likely its own session's: where nothing but requests reads, it is.
func (b *Backend) noteValue(a Attribution, hash uint64) {
	if x := a.Proven(); x != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		if _, live := b.live[x]; live {
			b.hold(x, heldValue{hash: hash})
		} else {
			b.elsewhere.mark(hash)
		}
		return
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	if a.background || len(b.values[hash]) == 0 {
		b.elsewhere.mark(hash)
	}
}

// Blame finds the exchange whose client sent the input that a statement is
// denied for, where no other client has sent a value that holds it: then it is
// nobody else's doing. It is nil for what was read from the database, for what was
// found only in parts, and for words that anybody may have sent.
func (b *Backend) Blame(e taint.Evidence) *Exchange {
	if e.Place.Kind == gatehouse.Row || e.Exchange == "" || e.Backward {
		return nil
	}
	b.mu.RLock()
	live := len(b.live)
	all := b.remembered(nil)
	b.mu.RUnlock()
	return sole(all[:live], all[live:], e)
}
