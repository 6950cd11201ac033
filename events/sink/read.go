package sink

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/store"
)

// eventKind is the kind of events' records: the key is the event's ID, which
// sorts by time; Index1 is the request's identifier, Index2 the event's name.
const eventKind = "event"

// Damaged is the error that ends a search in which records could not be read.
// The events before it are sound.
type Damaged struct {
	// Records is how many were left out.
	Records int
}

func (d *Damaged) Error() string {
	return fmt.Sprintf("%d records of the event store are damaged and were left out", d.Records)
}

// Find gives the events with that ID, or of the request with that identifier,
// in the order of their writing. None is no error.
func Find(ctx context.Context, s store.Store, id string) ([]gatehouse.Event, error) {
	if id == "" {
		return nil, nil
	}
	r, err := s.Get(ctx, eventKind, id)
	if err == nil {
		e, err := decode(r)
		if err != nil {
			return nil, &Damaged{Records: 1}
		}
		return []gatehouse.Event{e}, nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("looking for an event: %w", err)
	}
	var found []gatehouse.Event
	for e, err := range decodeAll(s.Scan(ctx, store.Query{Kind: eventKind, Index1: id})) {
		if err != nil {
			return found, fmt.Errorf("looking for an event: %w", err)
		}
		found = append(found, e)
	}
	return found, nil
}

func decode(r store.Record) (gatehouse.Event, error) {
	var e gatehouse.Event
	err := json.Unmarshal(r.Value, &e)
	if err == nil && (e.ID == "" || e.Name == "") {
		err = errors.New("not an event")
	}
	return e, err
}

// decodeAll leaves out what can't be read, and ends with a *Damaged that counts
// it.
func decodeAll(records iter.Seq2[store.Record, error]) iter.Seq2[gatehouse.Event, error] {
	return func(yield func(gatehouse.Event, error) bool) {
		damaged := 0
		for r, err := range records {
			if err != nil {
				yield(gatehouse.Event{}, err)
				return
			}
			e, err := decode(r)
			if err != nil {
				damaged++
				continue
			}
			if !yield(e, nil) {
				return
			}
		}
		if damaged > 0 {
			yield(gatehouse.Event{}, &Damaged{Records: damaged})
		}
	}
}

// A Filter selects events. The zero value selects all.
type Filter struct {
	// Since and Until bound the event's time, both inclusive. An event that
	// stands for several is in where any of them is.
	Since, Until time.Time
	Name, Rung   string
	Outcome      gatehouse.Outcome
	Client       string
	// Limit is the most events given. Zero means no limit.
	Limit int
	// Reverse gives the newest first.
	Reverse bool
}

// writtenWithin is how much later than its time an event may be written: an
// aggregate waits for its window's end, and for room on a full disk.
const writtenWithin = time.Minute

// Search gives the events that match, in the order of their writing. An error
// ends it; a *[Damaged] does so after the last event.
func Search(ctx context.Context, s store.Store, f Filter) iter.Seq2[gatehouse.Event, error] {
	q := store.Query{Kind: eventKind, Index2: f.Name, Reverse: f.Reverse}
	oldest, newest := "", ""
	if !f.Since.IsZero() {
		oldest = timeKey(f.Since.UnixMicro())
	}
	if !f.Until.IsZero() {
		newest = timeKey(f.Until.Add(writtenWithin).UnixMicro())
	}
	if q.After = oldest; f.Reverse {
		q.After = newest
	}
	return func(yield func(gatehouse.Event, error) bool) {
		given := 0
		for e, err := range decodeAll(within(s.Scan(ctx, q), oldest, newest, f.Reverse)) {
			if err != nil {
				yield(gatehouse.Event{}, fmt.Errorf("searching the events: %w", err))
				return
			}
			if !f.matches(e) {
				continue
			}
			if !yield(e, nil) {
				return
			}
			if given++; given == f.Limit {
				return
			}
		}
	}
}

// within ends a scan where the keys leave the range that the query itself can't
// bound.
func within(records iter.Seq2[store.Record, error], oldest, newest string, reverse bool) iter.Seq2[store.Record, error] {
	return func(yield func(store.Record, error) bool) {
		for r, err := range records {
			if err == nil && (reverse && oldest != "" && r.Key < oldest || !reverse && newest != "" && r.Key > newest) {
				return
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

func (f Filter) matches(e gatehouse.Event) bool {
	last := e.Time
	if e.Until.After(last) {
		last = e.Until
	}
	return (f.Since.IsZero() || !last.Before(f.Since)) && (f.Until.IsZero() || !e.Time.After(f.Until)) &&
		(f.Name == "" || e.Name == f.Name) && (f.Rung == "" || e.Rung == f.Rung) &&
		(f.Outcome == "" || e.Outcome == f.Outcome) && (f.Client == "" || e.Client == f.Client)
}
