package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gatehousehq/gatehouse/store"
)

var (
	// ErrInvalid is returned for a note or a question that can't be one: an empty
	// name, a way of knowing that there is none of, a time that is over.
	ErrInvalid = errors.New("ledger: invalid")
	// ErrTaken is returned where somebody is noted to have created what another
	// is known to have. Forget the thing first, if it was deleted meanwhile.
	ErrTaken = errors.New("ledger: created by one, and known to be another's")
	// ErrCrowded is returned for one principal more of a thing than MaxPerThing:
	// such a thing is public, or needs a rule of its own.
	ErrCrowded = errors.New("ledger: the thing is known of too many principals")
	// ErrBehind is returned for a note that finds too many waiting for the store.
	ErrBehind = errors.New("ledger: the store is too far behind")
	// ErrRecord is returned where the store has a record that is none of ours.
	ErrRecord = errors.New("ledger: a record of another kind")
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("ledger: closed")
)

// How says by what a thing is known to be a principal's.
type How uint8

const (
	// Created: the principal made it, and the backend named it in its answer.
	Created How = iota + 1
	// Listed: it was in a list of the principal's own.
	Listed
	// Shared: its owner lent it.
	Shared
	// Answered: an answer's own field said so.
	Answered
)

// A Standing is how a principal stands to a thing. The zero value is a no.
type Standing uint8

const (
	// Unknown: the ledger has nobody for this thing.
	Unknown Standing = iota
	// Others: it is known, and not this principal's.
	Others
	// Own: it is this principal's.
	Own
	// Lent: it was shared with this principal, and the time is not over.
	Lent
)

// An Entry is one note.
type Entry struct {
	// Resource names the kind of thing, such as a rule's name; ID is which one.
	Resource, ID string
	// Principal is whose it is, unique over all issuers.
	Principal string
	How       How
	// Until is when it is over, to the second. Zero, or later than that, means
	// after Keep.
	Until time.Time
}

const (
	defaultEntries  = 1_000_000
	minEntries      = 1024
	defaultKeep     = 400 * 24 * time.Hour
	defaultPerThing = 64
	// maxPerThing keeps the reading of one thing below what store/sqlite reads
	// without holding a connection.
	maxPerThing  = 255
	defaultEvery = 250 * time.Millisecond
	defaultWait  = 500 * time.Millisecond
	// writeTimeout bounds one round of writing behind, and what New waits.
	writeTimeout = 10 * time.Second
	// trusted is how long memory is trusted after another gate's changes were
	// last asked for.
	trusted = 10 * time.Second
	// maxShards spread memory over as many locks.
	maxShards = 64
)

// Options configure a Ledger. The zero value of each but Store means its default.
type Options struct {
	// Store keeps the entries and the key of the hashes. Required. It stays open.
	Store store.Store
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
	// MaxEntries is how many pairs of a thing and a principal memory holds.
	// Default 1,000,000, at least 1,024.
	MaxEntries int
	// Keep is how long an entry is kept that is not noted again. Default 400 days.
	Keep time.Duration
	// MaxPerThing is how many principals one thing is known of. Default 64, at
	// most 255.
	MaxPerThing int
	// Every is how often notes are written, and other gates' changes asked for.
	// Default 250 ms, at most 5 s.
	Every time.Duration
	// Wait is how long a Look waits for the store. Default 500 ms.
	Wait time.Duration
	// Failed is told when writing behind begins to fail. Nil: nobody is; Flush
	// and Close give the error still.
	Failed func(error)
}

func (o *Options) complete() error {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxEntries == 0 {
		o.MaxEntries = defaultEntries
	}
	if o.Keep == 0 {
		o.Keep = defaultKeep
	}
	if o.MaxPerThing == 0 {
		o.MaxPerThing = defaultPerThing
	}
	if o.Every == 0 {
		o.Every = defaultEvery
	}
	if o.Wait == 0 {
		o.Wait = defaultWait
	}
	switch {
	case o.Store == nil:
		return errors.New("ledger: Options.Store is missing")
	case o.MaxEntries < minEntries || o.MaxEntries > 1<<30:
		return fmt.Errorf("ledger: Options.MaxEntries is %d: want %d to 2^30", o.MaxEntries, minEntries)
	case o.Keep < time.Minute:
		return fmt.Errorf("ledger: Options.Keep is %s: want a minute at least", o.Keep)
	case o.MaxPerThing < 1 || o.MaxPerThing > maxPerThing:
		return fmt.Errorf("ledger: Options.MaxPerThing is %d: want 1 to %d", o.MaxPerThing, maxPerThing)
	case o.Every < time.Millisecond || o.Every > trusted/2:
		return fmt.Errorf("ledger: Options.Every is %s: want 1ms to %s", o.Every, trusted/2)
	case o.Wait < 0:
		return fmt.Errorf("ledger: Options.Wait is %s: want a positive one", o.Wait)
	}
	return nil
}

// A Ledger says whose a thing is. Its methods may be called by many at once.
type Ledger struct {
	o      Options
	names  *names
	shards []shard

	// changing is held by who writes to the store: one at a time.
	changing chan struct{}
	// seen is the number of the last change of which memory knows; changing
	// guards it.
	seen uint64
	// asked is when changes were last asked for, in nanoseconds.
	asked atomic.Int64
	// drops counts what was taken out of memory because the store has it no
	// more: what was read before may not be put there.
	drops atomic.Uint64
	// refused counts notes that the store's knowledge spoke against.
	refused atomic.Uint64
	closed  atomic.Bool
	stop    context.CancelFunc
	ended   chan struct{}
}

// New reads the key, and starts writing behind until Close.
func New(o Options) (*Ledger, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	key, err := store.Key(ctx, o.Store, keyKind, "names")
	if err != nil {
		return nil, fmt.Errorf("ledger: the key: %w", err)
	}
	l := &Ledger{o: o, names: newNames(key), changing: make(chan struct{}, 1), ended: make(chan struct{})}
	l.shards = make([]shard, shardsFor(o.MaxEntries))
	for i := range l.shards {
		l.shards[i].init(o.MaxEntries / len(l.shards))
	}
	if l.seen, err = l.lastChange(ctx); err != nil {
		return nil, fmt.Errorf("ledger: asking for changes: %w", err)
	}
	l.asked.Store(o.Now().UnixNano())
	running, stop := context.WithCancel(context.Background())
	l.stop = stop
	go l.run(running)
	return l, nil
}

// shardsFor gives a power of two, so that a shard is worth its lock.
func shardsFor(entries int) int {
	n := 1
	for n < maxShards && entries/(2*n) >= minEntries {
		n *= 2
	}
	return n
}

func (l *Ledger) shard(t thing) *shard { return &l.shards[int(t[0])&(len(l.shards)-1)] }

// Note adds an entry. It does not ask the store: what the store knows and
// memory does not is asked for when the entry is looked for or written, and
// may take it back.
func (l *Ledger) Note(ctx context.Context, e Entry) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if l.closed.Load() {
		return ErrClosed
	}
	note, now, err := l.noted(e)
	if err != nil {
		return err
	}
	t, w := l.names.of(e.Resource, e.ID, e.Principal)
	note.who = w
	s := l.shard(t)
	s.mu.Lock()
	defer s.mu.Unlock()
	at, others := s.find(t, w, now)
	if at != none && s.entries[at].held().live(now) {
		return l.again(s, at, note, now)
	}
	if err := others.admit(note.how, l.o.MaxPerThing); err != nil {
		return err
	}
	if at != none && s.entries[at].state == settled {
		s.remove(at) // it is over
		at = none
	}
	if at == none {
		if !s.mayWait(w) {
			return ErrBehind
		}
		if at = s.add(t, note, now); at == none {
			return ErrBehind
		}
	}
	s.entries[at].set(note)
	s.entries[at].sure = false
	s.wait(at)
	return nil
}

// noted checks an entry and gives its time.
func (l *Ledger) noted(e Entry) (h held, now uint32, err error) {
	if err := checkNames(e.Resource, e.ID, e.Principal); err != nil {
		return h, 0, err
	}
	if e.How < Created || e.How > Answered {
		return h, 0, fmt.Errorf("%w: How is %d", ErrInvalid, e.How)
	}
	at := l.o.Now()
	until := at.Add(l.o.Keep)
	if !e.Until.IsZero() && e.Until.Before(until) {
		until = e.Until
	}
	h, now = held{how: e.How, until: seconds(until)}, seconds(at)
	if !h.live(now) {
		return h, 0, fmt.Errorf("%w: Until is over", ErrInvalid)
	}
	return h, now, nil
}

// again notes what memory has already.
func (l *Ledger) again(s *shard, at uint32, note held, now uint32) error {
	e := &s.entries[at]
	e.used = true
	has := e.held()
	joined := join(has, note, now)
	if joined == has {
		return nil
	}
	if e.state == settled && !s.mayWait(e.who) {
		return ErrBehind
	}
	e.set(joined)
	s.wait(at)
	return nil
}

// Look says how the principal stands to the thing: from memory where it is
// there, else from the store. Where it returns an error, the standing is
// Unknown.
func (l *Ledger) Look(ctx context.Context, resource, id, principal string) (Standing, error) {
	if l.closed.Load() {
		return Unknown, ErrClosed
	}
	if err := checkNames(resource, id, principal); err != nil {
		return Unknown, err
	}
	t, w := l.names.of(resource, id, principal)
	at := l.o.Now()
	now := seconds(at)
	s := l.shard(t)
	s.mu.Lock()
	i, others := s.find(t, w, now)
	var has held
	found, sure := false, false
	if i != none && s.entries[i].held().live(now) {
		e := &s.entries[i]
		e.used = true
		has, found, sure = e.held(), true, e.sure
	}
	s.mu.Unlock()
	switch {
	case found && sure && l.trusts(at):
		return has.standing(), nil
	case found && !sure:
		return l.lookUnsure(ctx, t, has, now)
	}
	return l.lookStore(ctx, t, w, now, others)
}

// trusts says whether memory has what other gates changed.
func (l *Ledger) trusts(now time.Time) bool {
	since := now.UnixNano() - l.asked.Load()
	// Another goroutine may have asked since now was read.
	return since > -int64(time.Second) && since <= int64(trusted)
}

// Len is how many entries memory holds, those included whose time is over.
func (l *Ledger) Len() int { return l.Counts().Held }

// Counts say how a ledger is doing.
type Counts struct {
	// Held are the entries in memory, Waiting those of them that the store does
	// not have yet.
	Held, Waiting int
	// Refused are notes taken back because the store knew the thing as another's
	// or of too many.
	Refused uint64
}

// Counts gives the counts of this moment.
func (l *Ledger) Counts() Counts {
	c := Counts{Refused: l.refused.Load()}
	for i := range l.shards {
		s := &l.shards[i]
		s.mu.Lock()
		c.Held += s.held
		c.Waiting += s.unsaved
		s.mu.Unlock()
	}
	return c
}
