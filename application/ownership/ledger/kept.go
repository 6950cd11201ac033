package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehousehq/gatehouse/store"
)

const (
	entryKind  = "ledger"
	keyKind    = "ledger.key"
	changeKind = "ledger.change"
	// countKind has one record, whose version is the number of the last change.
	countKind, countKey = "ledger.count", "changes"
)

// kept is what the store has of one thing and one principal.
type kept struct {
	held
	version uint64
}

func (t thing) record(h held, version uint64) store.Record {
	return store.Record{
		Kind: entryKind, Key: t.key(h.who), Version: version,
		Value: []byte{byte(h.how)}, Expires: time.Unix(int64(h.until), 0),
	}
}

// readRecord is the reverse of record.
func readRecord(r store.Record, t thing) (kept, error) {
	w, err := readKey(r.Key, t)
	if err != nil {
		return kept{}, err
	}
	if len(r.Value) != 1 || How(r.Value[0]) < Created || How(r.Value[0]) > Answered || r.Expires.IsZero() {
		return kept{}, fmt.Errorf("%w: a value of %d bytes", ErrRecord, len(r.Value))
	}
	return kept{held{who: w, how: How(r.Value[0]), until: seconds(r.Expires)}, r.Version}, nil
}

// known reads all that the store has of a thing, one more than may be there at
// most.
func (l *Ledger) known(ctx context.Context, t thing, now uint32) (all []kept, err error) {
	for r, err := range l.o.Store.Scan(ctx, store.Query{Kind: entryKind, Prefix: t.prefix(), Limit: l.o.MaxPerThing + 1}) {
		if err != nil {
			return nil, fmt.Errorf("ledger: reading a thing: %w", err)
		}
		k, err := readRecord(r, t)
		if err != nil {
			return nil, err
		}
		if k.live(now) {
			all = append(all, k)
		}
	}
	return all, nil
}

// resolve gives what holds of a note, and of which version, once the store was
// asked.
func (l *Ledger) resolve(all []kept, note held, now uint32) (kept, error) {
	var others crowd
	for _, k := range all {
		if k.who == note.who {
			return kept{join(k.held, note, now), k.version}, nil
		}
		others.add(k.how)
	}
	return kept{held: note}, others.admit(note.how, l.o.MaxPerThing)
}

// lookUnsure answers for a note that the store was not asked about yet. A
// refused one is a no, and is not held any longer.
func (l *Ledger) lookUnsure(ctx context.Context, t thing, note held, now uint32) (Standing, error) {
	ctx, cancel := context.WithTimeout(ctx, l.o.Wait)
	defer cancel()
	drops := l.drops.Load()
	all, err := l.known(ctx, t, now)
	if err != nil {
		return Unknown, err
	}
	k, refusal := l.resolve(all, note, now)
	s := l.shard(t)
	s.mu.Lock()
	defer s.mu.Unlock()
	at, _ := s.find(t, note.who, now)
	// Only what is still as it was noted is settled by what was read for it.
	if at != none && s.entries[at].held() == note && drops == l.drops.Load() {
		switch e := &s.entries[at]; {
		case refusal == nil:
			e.set(k.held)
			e.sure = true
		case e.state == waiting:
			s.remove(at)
			l.refused.Add(1)
		}
	}
	if refusal != nil {
		return Others, nil
	}
	return k.standing(), nil
}

// lookStore answers where memory does not have the pair, or is not trusted.
func (l *Ledger) lookStore(ctx context.Context, t thing, w who, now uint32, others crowd) (Standing, error) {
	ctx, cancel := context.WithTimeout(ctx, l.o.Wait)
	defer cancel()
	drops := l.drops.Load()
	r, err := l.o.Store.Get(ctx, entryKind, t.key(w))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return l.lookOthers(ctx, t, others)
	case err != nil:
		return Unknown, fmt.Errorf("ledger: reading an entry: %w", err)
	}
	k, err := readRecord(r, t)
	if err != nil {
		return Unknown, err
	}
	if !k.live(now) { // the store's clock is behind
		return l.lookOthers(ctx, t, others)
	}
	l.remember(t, k.held, now, drops)
	return k.standing(), nil
}

func (l *Ledger) lookOthers(ctx context.Context, t thing, others crowd) (Standing, error) {
	if others.all > 0 {
		return Others, nil
	}
	standing := Unknown
	for _, err := range l.o.Store.Scan(ctx, store.Query{Kind: entryKind, Prefix: t.prefix(), Limit: 1}) {
		if err != nil {
			return Unknown, fmt.Errorf("ledger: reading a thing: %w", err)
		}
		standing = Others
	}
	return standing, nil
}

// remember puts into memory what was read, unless it may be gone since.
func (l *Ledger) remember(t thing, h held, now uint32, drops uint64) {
	s := l.shard(t)
	s.mu.Lock()
	defer s.mu.Unlock()
	if drops != l.drops.Load() {
		return
	}
	at, _ := s.find(t, h.who, now)
	switch {
	case at == none:
		if at = s.add(t, h, now); at == none {
			return
		}
	case s.entries[at].state != settled:
		return // what was noted since is newer
	}
	s.entries[at].set(h)
	s.entries[at].sure = true
}
