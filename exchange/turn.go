package exchange

import (
	"context"
	"time"
)

// Patience is how long a request waits for its turn to be alone at the backend,
// or for another's. Then it goes on all the same, and who caused a statement is
// told by how many there really are. Whoever has been at the backend for longer
// than that is not waited for: a stream, a WebSocket, an answer that takes its
// time.
const Patience = 2 * time.Second

// A turn is who is alone at the backend, or wants to be.
type turn struct {
	holder *Exchange
	since  time.Time
	// changed is closed when an exchange leaves; nil where nobody waits.
	changed chan struct{}
}

// wait waits until x may enter. The caller holds mu, which is released meanwhile.
func (b *Backend) wait(ctx context.Context, x *Exchange, alone bool) {
	if !alone && b.turn.holder == nil {
		return // almost always
	}
	// Time passes here by the real clock: a test's may stand still.
	timer := time.NewTimer(Patience)
	defer timer.Stop()
	for {
		if alone && b.turn.holder == nil {
			b.turn.holder, b.turn.since = x, b.now()
		}
		if b.mayEnter(x, alone) {
			return
		}
		if b.turn.changed == nil {
			b.turn.changed = make(chan struct{})
		}
		changed := b.turn.changed
		b.mu.Unlock()
		over := false
		select {
		case <-changed:
		case <-timer.C:
			over = true
		case <-ctx.Done():
			over = true
		}
		b.mu.Lock()
		if over {
			return
		}
	}
}

// mayEnter reports whether nothing is left to wait for. The caller holds mu.
func (b *Backend) mayEnter(x *Exchange, alone bool) bool {
	now := b.now()
	if h := b.turn.holder; h != nil && h != x {
		return now.Sub(b.turn.since) >= Patience
	}
	if !alone {
		return true
	}
	for other := range b.live {
		if now.Sub(other.entered) < Patience {
			return false
		}
	}
	return true
}

// left is told that an exchange has left. The caller holds mu.
func (t *turn) left(x *Exchange) {
	if t.holder == x {
		t.holder = nil
	}
	if t.changed != nil {
		close(t.changed)
		t.changed = nil
	}
}
