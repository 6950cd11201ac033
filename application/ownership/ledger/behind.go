package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehousehq/gatehouse/store"
)

const (
	// batch is how many entries are written at once.
	batch = 256
	// tries is how often what another gate changed meanwhile is tried again.
	tries = 8
)

// item is an entry that is being written.
type item struct {
	shard   *shard
	at      uint32
	thing   thing
	note    held
	result  kept
	refused bool
}

// run writes behind until ctx ends.
func (l *Ledger) run(ctx context.Context) {
	defer close(l.ended)
	tick := time.NewTicker(l.o.Every)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		round, cancel := context.WithTimeout(ctx, writeTimeout)
		err := l.flush(round)
		cancel()
		if err != nil && !failing && ctx.Err() == nil && l.o.Failed != nil {
			l.o.Failed(err)
		}
		failing = err != nil
	}
}

// Flush writes what waits, and asks for what other gates changed.
func (l *Ledger) Flush(ctx context.Context) error {
	if l.closed.Load() {
		return ErrClosed
	}
	return l.flush(ctx)
}

// Close writes what waits and ends writing behind. A second Close does nothing.
func (l *Ledger) Close() error {
	if l.closed.Swap(true) {
		return nil
	}
	l.stop()
	<-l.ended
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	return l.flush(ctx)
}

// flush writes batch after batch, and lets others change something between
// them. Notes that come meanwhile don't keep it from ending.
func (l *Ledger) flush(ctx context.Context) error {
	rounds := l.Counts().Waiting/batch + tries
	for range rounds {
		n, err := l.writeOnce(ctx)
		if err != nil || n == 0 {
			return err
		}
	}
	return nil
}

// lock waits to be the only one who changes the store, or for ctx to end.
func (l *Ledger) lock(ctx context.Context) error {
	select {
	case l.changing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("ledger: waiting to write: %w", ctx.Err())
	}
}

func (l *Ledger) unlock() { <-l.changing }

// writeOnce asks for changes and writes one batch. It says how many it took.
func (l *Ledger) writeOnce(ctx context.Context) (int, error) {
	if err := l.lock(ctx); err != nil {
		return 0, err
	}
	defer l.unlock()
	if err := l.poll(ctx); err != nil {
		return 0, err
	}
	items := l.take()
	if len(items) == 0 {
		return 0, nil
	}
	if err := l.write(ctx, items); err != nil {
		l.giveBack(items)
		return 0, err
	}
	return len(items), nil
}

// take gives a batch of what waits.
func (l *Ledger) take() (items []item) {
	for i := range l.shards {
		s := &l.shards[i]
		s.mu.Lock()
		n := 0
		for ; n < len(s.queue) && len(items) < batch; n++ {
			at := s.queue[n]
			if e := &s.entries[at]; e.state == waiting {
				e.state = writing
				items = append(items, item{shard: s, at: at, thing: e.thing, note: e.held()})
			}
		}
		s.queue = append(s.queue[:0], s.queue[n:]...)
		s.mu.Unlock()
	}
	return items
}

// write asks the store for each, and writes all in one batch, or each alone
// where another gate came in between.
func (l *Ledger) write(ctx context.Context, items []item) error {
	now := seconds(l.o.Now())
	var ops []store.Op
	var lent []target
	for i := range items {
		op, err := l.prepare(ctx, &items[i], now)
		if err != nil {
			return err
		}
		ops, lent = op.onto(ops, lent)
	}
	if len(ops) > 0 {
		err := l.announce(ctx, lent, ops)
		if errors.Is(err, store.ErrConflict) {
			return l.writeEach(ctx, items, now)
		}
		if err != nil {
			return fmt.Errorf("ledger: writing %d entries: %w", len(ops), err)
		}
	}
	for i := range items {
		l.done(&items[i])
	}
	return nil
}

// prepared is what writes an item, if anything does.
type prepared struct {
	op      store.Op
	changes bool
	target  target
	// lent: what it replaces was lent. The other gates must learn that the time
	// is another.
	lent bool
}

func (p prepared) onto(ops []store.Op, lent []target) ([]store.Op, []target) {
	if p.changes {
		ops = append(ops, p.op)
	}
	if p.lent {
		lent = append(lent, p.target)
	}
	return ops, lent
}

// prepare asks the store about one item.
func (l *Ledger) prepare(ctx context.Context, it *item, now uint32) (p prepared, err error) {
	it.result, it.refused = kept{held: it.note}, false
	if !it.note.live(now) {
		return p, nil // over before it was written
	}
	all, err := l.known(ctx, it.thing, now)
	if err != nil {
		return p, err
	}
	var refusal error
	it.result, refusal = l.resolve(all, it.note, now)
	if it.refused = refusal != nil; it.refused {
		return p, nil
	}
	for _, k := range all {
		if k.held == it.result.held {
			return p, nil
		}
		p.lent = p.lent || k.who == it.note.who && k.how == Shared
	}
	p.op = store.Op{Record: it.thing.record(it.result.held, it.result.version), Conditional: true}
	p.changes, p.target = true, target{it.thing, it.note.who}
	return p, nil
}

func (l *Ledger) writeEach(ctx context.Context, items []item, now uint32) error {
	for i := range items {
		if err := l.writeAlone(ctx, &items[i], now); err != nil {
			return err
		}
		l.done(&items[i])
	}
	return nil
}

// writeAlone writes what another gate did not revoke meanwhile.
func (l *Ledger) writeAlone(ctx context.Context, it *item, now uint32) error {
	var err error
	for range tries {
		if err := l.poll(ctx); err != nil {
			return err
		}
		if !it.held() {
			return nil
		}
		p, failed := l.prepare(ctx, it, now)
		if failed != nil || !p.changes {
			return failed
		}
		ops, lent := p.onto(nil, nil)
		if err = l.announce(ctx, lent, ops); !errors.Is(err, store.ErrConflict) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("ledger: writing an entry: %w", err)
	}
	return nil
}

// held says whether memory has the item still.
func (it *item) held() bool {
	it.shard.mu.Lock()
	defer it.shard.mu.Unlock()
	if int(it.at) >= len(it.shard.entries) { // all was dropped
		return false
	}
	e := &it.shard.entries[it.at]
	return e.thing == it.thing && e.who == it.note.who
}

// done brings memory to what the store has.
func (l *Ledger) done(it *item) {
	s := it.shard
	s.mu.Lock()
	defer s.mu.Unlock()
	if int(it.at) >= len(s.entries) || s.entries[it.at].state != writing {
		return // dropped meanwhile, or noted again: then it has its place on the queue
	}
	if it.refused {
		s.remove(it.at)
		l.refused.Add(1)
		return
	}
	e := &s.entries[it.at]
	e.set(it.result.held)
	e.sure = true
	s.settle(it.at)
}

// giveBack puts on the queue again what could not be written.
func (l *Ledger) giveBack(items []item) {
	for _, it := range items {
		s := it.shard
		s.mu.Lock()
		if int(it.at) < len(s.entries) && s.entries[it.at].state == writing {
			s.wait(it.at)
		}
		s.mu.Unlock()
	}
}
