package sink

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/events"
	"github.com/gatehousehq/gatehouse/store"
)

// writer is what one goroutine (Log.run) alone uses, but for notes.
type writer struct {
	log  *Log
	file *file
	// fileHealth and storeHealth tell when a place fails and works again.
	fileHealth, storeHealth health
	lastTally               time.Time

	mu    sync.Mutex
	notes []gatehouse.Event
}

// health is whether a place works, and how many events it missed since not.
type health struct {
	down bool
	lost uint64
}

// record is one event ready to be written.
type record struct {
	event gatehouse.Event
	line  []byte
}

// run writes until the queue is closed.
func (l *Log) run() {
	defer close(l.finished)
	t := time.NewTicker(tick)
	defer t.Stop()
	w := &l.writer
	w.lastTally = l.o.Now()
	batch := make([]*waiting, 0, maxBatch)
	for open := true; open; {
		select {
		case first, ok := <-l.queue:
			if !ok {
				open = false
				break
			}
			batch = append(batch[:0], first)
			// Whoever came while the last batch was written goes together;
			// nobody waits for others to come.
			for len(batch) < maxBatch && len(l.queue) > 0 {
				if more, ok := <-l.queue; ok {
					batch = append(batch, more)
				}
			}
			w.commit(batch)
		case <-t.C:
			w.tick()
		}
	}
	l.closeErr = w.finish()
}

// commit writes a batch and releases those that wait for it.
func (w *writer) commit(batch []*waiting) {
	var list []gatehouse.Event
	flush := false
	for _, b := range batch {
		flush = flush || b.flush
		if !b.flush {
			list = append(list, b.event)
		}
	}
	_, err := w.write(list)
	w.writeNotes()
	var flushErr error
	if flush {
		flushErr = w.flushTally()
	}
	for _, b := range batch {
		if b.flush {
			b.done <- flushErr
		} else {
			b.done <- err
		}
	}
}

// write puts events into every place. The error is of the places that must
// keep them; kept is unset where none of those did.
func (w *writer) write(list []gatehouse.Event) (kept bool, err error) {
	if len(list) == 0 {
		return true, nil
	}
	records := make([]record, 0, len(list))
	var all []byte
	for _, e := range list {
		line, err := json.Marshal(e)
		if err != nil {
			return false, err
		}
		line = append(line, '\n')
		records = append(records, record{e, line})
		all = append(all, line...)
	}
	n := uint64(len(records))
	var fileErr, storeErr error
	if w.file != nil {
		fileErr = w.file.write(all)
		w.changed(&w.fileHealth, "the file "+w.file.path, n, fileErr)
	}
	if w.log.o.Store != nil {
		storeErr = w.store(records)
		w.changed(&w.storeHealth, "the store", n, storeErr)
	}
	if w.log.stdout != nil {
		w.log.stdout.send(all, n)
	}
	if w.log.syslog != nil {
		w.log.syslog.send(records)
	}
	w.log.followers.send(list)
	fileKept, storeKept := w.file != nil && fileErr == nil, w.log.o.Store != nil && storeErr == nil
	return fileKept || storeKept || w.file == nil && w.log.o.Store == nil, errors.Join(fileErr, storeErr)
}

// store commits events in one transaction.
func (w *writer) store(records []record) error {
	ops := make([]store.Op, 0, len(records))
	var refused error
	for _, r := range records {
		op := store.Op{Record: store.Record{
			Kind: eventKind, Key: r.event.ID, Value: r.line[:len(r.line)-1],
			Index1: r.event.Request, Index2: r.event.Name, Expires: r.event.Time.Add(w.log.o.Keep),
		}}
		if err := op.Check(); err != nil {
			// An event that no store takes must not take the others with it.
			refused = errors.Join(refused, err)
			continue
		}
		ops = append(ops, op)
	}
	err := w.log.o.Store.Batch(context.Background(), ops...)
	if w.log.o.DropOldest && errors.Is(err, store.ErrFull) {
		if err = w.dropOldest(); err == nil {
			err = w.log.o.Store.Batch(context.Background(), ops...)
		}
	}
	return errors.Join(refused, err)
}

// dropped is how many events make room at once: more than a batch needs.
const dropped = 4 * maxBatch

func (w *writer) dropOldest() error {
	var ops []store.Op
	for r, err := range w.log.o.Store.Scan(context.Background(), store.Query{Kind: eventKind, Limit: dropped}) {
		if err != nil {
			return err
		}
		ops = append(ops, store.Op{Record: store.Record{Kind: r.Kind, Key: r.Key}, Delete: true})
	}
	if len(ops) == 0 {
		return store.ErrFull
	}
	w.log.o.Logger.Warn("the store is full: the oldest events made room", "events", len(ops))
	return w.log.o.Store.Batch(context.Background(), ops...)
}

// changed notes when a place begins to fail, and when it works again.
func (w *writer) changed(h *health, name string, n uint64, err error) {
	switch {
	case err != nil:
		h.lost += n
		if !h.down {
			h.down = true
			w.log.o.Logger.Error("events can't be written", "place", name, "error", err)
			w.note(events.SysMonitorDisabled(name, err))
		}
	case h.down:
		w.log.o.Logger.Info("events are written again", "place", name, "lost", h.lost)
		w.note(enabled(name, h.lost))
		*h = health{}
	}
}

// enabled is the event of a place that works again, with what it missed.
func enabled(name string, lost uint64) gatehouse.Event {
	e := events.SysMonitorEnabled(name)
	e.Detail["lost"] = fmt.Sprint(lost)
	return e
}

// note has the writer record an event of the log's own. It never waits.
func (w *writer) note(e gatehouse.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.notes = append(w.notes, w.log.stamp(e))
}

// stamp gives an event its ID, and a time where it has none.
func (l *Log) stamp(e gatehouse.Event) gatehouse.Event {
	e.ID = l.ids.next()
	if e.Time.IsZero() {
		e.Time = l.o.Now().UTC().Truncate(time.Microsecond)
	}
	return e
}

// writeNotes writes the log's own events, and what writing those gave rise to:
// a place that works again is told in the place itself. What a place misses of
// them, its health counts.
func (w *writer) writeNotes() {
	for range 2 {
		w.mu.Lock()
		notes := w.notes
		w.notes = nil
		w.mu.Unlock()
		_, _ = w.write(notes)
	}
}

// tick does what is due: floods whose window ended, counts, syncing.
func (w *writer) tick() {
	now := w.log.o.Now()
	// What it could not write it counts on; the place's health has the error.
	_ = w.writeFloods(w.log.floods.due(now))
	w.writeNotes()
	if now.Sub(w.lastTally) >= tallyInterval || now.Before(w.lastTally) {
		w.lastTally = now
		if err := w.flushTally(); err != nil {
			w.log.o.Logger.Warn("the report's counts wait in memory", "error", err)
		}
	}
	if w.file != nil {
		w.file.syncSoon()
	}
}

// writeFloods writes sums. Where no place kept them they are counted on, and
// written later; where one did, that would count twice there.
func (w *writer) writeFloods(list []gatehouse.Event) error {
	for i := range list {
		list[i] = w.log.stamp(list[i])
	}
	for len(list) > 0 {
		part := list[:min(maxBatch, len(list))]
		list = list[len(part):]
		if kept, err := w.write(part); !kept {
			w.log.floods.restore(part)
			w.log.floods.restore(list)
			return fmt.Errorf("counted events that were not written: %w", err)
		}
	}
	return nil
}

func (w *writer) flushTally() error {
	if w.log.o.Store == nil {
		return nil
	}
	return w.log.tally.flush(context.Background(), w.log.o.Store, w.log.o.Keep)
}

// finish writes what is left, at Close.
func (w *writer) finish() error {
	floodErr := w.writeFloods(w.log.floods.all())
	w.writeNotes()
	err := errors.Join(floodErr, w.flushTally(), w.closeFile())
	w.log.followers.close()
	return err
}

func (w *writer) closeFile() error {
	if w.file == nil {
		return nil
	}
	return w.file.close()
}
