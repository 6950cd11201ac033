package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehousehq/gatehouse/store"
)

const (
	// changeKept is how long a change can be asked for. Who missed more forgets
	// all that memory holds.
	changeKept = time.Hour
	// maxChanges is how many are asked for at once; beyond it, all is forgotten.
	maxChanges = 1000
)

// target is what a change is about: one principal of a thing, or all where who
// is zero (which no hash is, but once in 2^96).
type target struct {
	thing thing
	who   who
}

func (t target) bytes() []byte { return append(t.thing[:], t.who[:]...) }

func readTarget(raw []byte) (t target, err error) {
	if len(raw) != len(t.thing)+len(t.who) {
		return t, fmt.Errorf("%w: a change of %d bytes", ErrRecord, len(raw))
	}
	return target{thing(raw[:len(t.thing)]), who(raw[len(t.thing):])}, nil
}

// Forget removes all that is known of a thing: it was deleted.
func (l *Ledger) Forget(ctx context.Context, resource, id string) error {
	t, _, err := l.named(resource, id, "nobody")
	if err != nil {
		return err
	}
	return l.change(ctx, target{thing: t}, func(all []kept) (ops []store.Op) {
		for _, k := range all {
			ops = append(ops, store.Op{Record: t.record(k.held, 0), Delete: true})
		}
		return ops
	})
}

// Revoke removes what one principal has of a thing.
func (l *Ledger) Revoke(ctx context.Context, resource, id, principal string) error {
	t, w, err := l.named(resource, id, principal)
	if err != nil {
		return err
	}
	return l.change(ctx, target{t, w}, func([]kept) []store.Op {
		return []store.Op{{Record: t.record(held{who: w}, 0), Delete: true}}
	})
}

// Transfer makes a thing one principal's and nobody else's.
func (l *Ledger) Transfer(ctx context.Context, resource, id, to string) error {
	t, w, err := l.named(resource, id, to)
	if err != nil {
		return err
	}
	until := seconds(l.o.Now().Add(l.o.Keep))
	return l.change(ctx, target{thing: t}, func(all []kept) (ops []store.Op) {
		for _, k := range all {
			if k.who != w {
				ops = append(ops, store.Op{Record: t.record(k.held, 0), Delete: true})
			}
		}
		return append(ops, store.Op{Record: t.record(held{who: w, how: Created, until: until}, 0)})
	})
}

func (l *Ledger) named(resource, id, principal string) (t thing, w who, err error) {
	if l.closed.Load() {
		return t, w, ErrClosed
	}
	if err := checkNames(resource, id, principal); err != nil {
		return t, w, err
	}
	t, w = l.names.of(resource, id, principal)
	return t, w, nil
}

// change writes ops together with the number by which the other gates learn of
// it, and forgets the target in memory, also where it fails: the store may have
// done it.
func (l *Ledger) change(ctx context.Context, t target, ops func([]kept) []store.Op) error {
	if err := l.lock(ctx); err != nil {
		return err
	}
	defer l.unlock()
	defer l.drop(t)
	var err error
	for range tries {
		if err = l.changeOnce(ctx, t, ops); !errors.Is(err, store.ErrConflict) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("ledger: changing a thing: %w", err)
	}
	return nil
}

func (l *Ledger) changeOnce(ctx context.Context, t target, ops func([]kept) []store.Op) error {
	if err := l.poll(ctx); err != nil {
		return err
	}
	all, err := l.known(ctx, t.thing, seconds(l.o.Now()))
	if err != nil {
		return err
	}
	return l.announce(ctx, []target{t}, ops(all))
}

// announce applies ops, and with them tells the other gates what to forget. It
// fails with store.ErrConflict where another gate told something meanwhile. Who
// calls it holds changing.
func (l *Ledger) announce(ctx context.Context, targets []target, ops []store.Op) error {
	for i, t := range targets {
		number := l.seen + uint64(i)
		ops = append(ops,
			store.Op{Record: store.Record{Kind: countKind, Key: countKey, Version: number}, Conditional: true},
			store.Op{Record: store.Record{Kind: changeKind, Key: changeKey(number + 1), Value: t.bytes(), Expires: l.o.Now().Add(changeKept)}})
	}
	if err := l.o.Store.Batch(ctx, ops...); err != nil {
		return err
	}
	l.seen += uint64(len(targets))
	return nil
}

func changeKey(number uint64) string { return fmt.Sprintf("%016x", number) }

// lastChange gives the number of the last change.
func (l *Ledger) lastChange(ctx context.Context) (uint64, error) {
	r, err := l.o.Store.Get(ctx, countKind, countKey)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return 0, err
	}
	return r.Version, nil
}

// poll asks for what other gates changed, and forgets that in memory. Who
// calls it holds changing.
func (l *Ledger) poll(ctx context.Context) error {
	began := l.o.Now().UnixNano()
	last, err := l.lastChange(ctx)
	if err != nil {
		return fmt.Errorf("ledger: asking for changes: %w", err)
	}
	if last != l.seen {
		if err := l.follow(ctx, last); err != nil {
			return err
		}
	}
	l.seen = last
	l.asked.Store(began)
	return nil
}

// follow forgets what was changed since, or all where not every
// change can be told.
func (l *Ledger) follow(ctx context.Context, last uint64) error {
	if last < l.seen || last-l.seen > maxChanges {
		l.dropAll()
		return nil
	}
	told := uint64(0)
	for r, err := range l.o.Store.Scan(ctx, store.Query{Kind: changeKind, After: changeKey(l.seen), Limit: maxChanges}) {
		if err != nil {
			return fmt.Errorf("ledger: asking for changes: %w", err)
		}
		if r.Key > changeKey(last) {
			break // it comes with the next poll
		}
		t, err := readTarget(r.Value)
		if err != nil {
			return err
		}
		l.drop(t)
		told++
	}
	if told != last-l.seen {
		l.dropAll()
	}
	return nil
}

// drop forgets a target in memory, what waits of it too: it was noted before
// the change was known.
func (l *Ledger) drop(t target) {
	l.drops.Add(1)
	s := l.shard(t.thing)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(t)
}

func (l *Ledger) dropAll() {
	l.drops.Add(1)
	for i := range l.shards {
		s := &l.shards[i]
		s.mu.Lock()
		most := s.max
		s.entries, s.queue, s.held, s.hand, s.unsaved = nil, nil, 0, 0, 0
		s.cells = [cells]cell{}
		s.init(most)
		s.mu.Unlock()
	}
}
