package sink

import (
	"context"
	"sync"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/events"
)

// followBuffer is how many events a follower may be behind.
const followBuffer = 256

// followers are those who watch events as they come.
type followers struct {
	mu     sync.Mutex
	all    map[*follower]struct{}
	closed bool
}

type follower struct {
	ch chan gatehouse.Event
	// missed counts what it was too slow for.
	missed uint64
}

// Follow gives the events written from now on, until ctx ends or the log is
// closed; then the channel is closed. A follower that falls behind by more
// than 256 events misses some, and gets a gate_events_skipped that says how many.
func (l *Log) Follow(ctx context.Context) <-chan gatehouse.Event {
	fs := &l.followers
	f := &follower{ch: make(chan gatehouse.Event, followBuffer)}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.closed || ctx.Err() != nil {
		close(f.ch)
		return f.ch
	}
	if fs.all == nil {
		fs.all = map[*follower]struct{}{}
	}
	fs.all[f] = struct{}{}
	context.AfterFunc(ctx, func() { fs.remove(f) })
	return f.ch
}

func (fs *followers) remove(f *follower) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if _, ok := fs.all[f]; ok {
		delete(fs.all, f)
		close(f.ch)
	}
}

func (fs *followers) send(list []gatehouse.Event) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for f := range fs.all {
		for _, e := range list {
			f.send(e)
		}
	}
}

func (f *follower) send(e gatehouse.Event) {
	// The last place of the buffer is kept for saying what was missed.
	if f.missed > 0 && len(f.ch) < cap(f.ch)-1 {
		skipped := events.Skipped(f.missed)
		skipped.Time = e.Time
		f.ch <- skipped
		f.missed = 0
	}
	if f.missed > 0 || len(f.ch) == cap(f.ch) {
		f.missed++
		return
	}
	f.ch <- e
}

// close ends every follower, telling what it missed where there is room.
func (fs *followers) close() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.closed = true
	for f := range fs.all {
		if f.missed > 0 && len(f.ch) < cap(f.ch) {
			f.ch <- events.Skipped(f.missed)
		}
		close(f.ch)
	}
	fs.all = nil
}
