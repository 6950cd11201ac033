// Package sink writes the security log: JSON lines in a file that rotates,
// standard output, syslog, and the store that `explain`, `report` and `events`
// read.
//
// [Log.Record] returns when the event is with the operating system: written to
// the file, and committed in the store. That survives the process's end however
// that comes. The file is synced to the disk within a second, on rotation and
// on Close, the store by its own policy; so a loss of power can take the last
// second, and nothing else. Where the file or the store can't keep an event,
// Record returns an error, and what then becomes of the request is the caller's
// to decide. A syslog server or a follower that is slow or dead holds nothing
// up: what it misses is counted and told.
//
// Floods of the same event are counted, not written one by one: see
// [Options.FloodLimit]. Events are trusted to be redacted by package events.
package sink

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/store"
)

// ErrClosed is returned for an event that comes after Close.
var ErrClosed = errors.New("sink: the log is closed")

// Options say where events go. Each place may be left out.
type Options struct {
	// File is the path of the JSON lines file, 0600. Empty means none.
	File string
	// MaxSize is how large the file may grow, in bytes, before it is renamed
	// to File.1 and begun anew. Where it can't be renamed it grows on, and
	// Logger is told. Zero means 64 MiB.
	MaxSize int64
	// Files is how many renamed files are kept. Zero means 5.
	Files int
	// Stdout gets the same lines. Nil means none. It is not waited for, so
	// that a pipe that nobody reads holds nothing up.
	Stdout io.Writer
	// Syslog is a server that takes RFC 5424: udp://host:514, tcp://host:514
	// (octet counting, RFC 6587), tls://host:6514, unix:///dev/log. Empty
	// means none.
	Syslog string
	// SyslogTLS is for tls:// servers. Nil means the system's roots, TLS 1.2
	// and up.
	SyslogTLS *tls.Config
	// Store keeps events and counts. Nil means none: then there is nothing for
	// Find, Search and Report.
	Store store.Store
	// Keep is how long the store keeps them. Zero means 30 days.
	Keep time.Duration
	// FloodLimit is how many events of the same name, rung, rule, route,
	// outcome and client (IPv6 by /64) are written one by one within 10
	// seconds. Those above it are counted, and written as one event with their
	// exact Count each 10 seconds. Their request identifiers are not kept. Of
	// all clients together, 250 times as many are written one by one; those
	// above are counted by name. Zero means 20.
	FloodLimit int
	// DropOldest has the oldest events make room where the store is full, and
	// Logger told. It is for a store in memory: on a full disk there may be
	// others to ask first. Without it a full store is an error of Record.
	DropOldest bool
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
	// Logger is told what goes wrong with a place. Nil means slog.Default.
	Logger *slog.Logger
}

const (
	maxBatch      = 256
	tick          = time.Second
	tallyInterval = 5 * time.Second
	sweepInterval = time.Hour
)

func (o *Options) complete() error {
	if o.MaxSize < 0 || o.Files < 0 || o.Keep < 0 || o.FloodLimit < 0 {
		return fmt.Errorf("sink: MaxSize %d, Files %d, Keep %s, FloodLimit %d: none can be negative", o.MaxSize, o.Files, o.Keep, o.FloodLimit)
	}
	if o.MaxSize == 0 {
		o.MaxSize = 64 << 20
	}
	if o.Files == 0 {
		o.Files = 5
	}
	if o.Keep == 0 {
		o.Keep = 30 * 24 * time.Hour
	}
	if o.FloodLimit == 0 {
		o.FloodLimit = 20
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return nil
}

// A Log is a gatehouse.Recorder that writes to every place of its Options.
type Log struct {
	o      Options
	ids    *idSource
	floods *floods
	tally  *tally

	// gate keeps Record from sending to the queue once Close has closed it.
	gate   sync.RWMutex
	closed bool
	queue  chan *waiting

	writer    writer
	followers followers
	syslog    *syslog
	stdout    *stream

	stop context.CancelFunc
	done sync.WaitGroup
	// finished is closed when the writer has ended; closeErr is then set.
	finished chan struct{}
	closeErr error
}

var _ gatehouse.Recorder = (*Log)(nil)

// waiting is one caller that waits for the writer.
type waiting struct {
	event gatehouse.Event
	// flush asks for the counts to be stored instead of an event.
	flush bool
	done  chan error
}

// New opens the places and starts the writer. Errors name the option: a file
// that can't be opened, a syslog address that isn't one. A syslog server that
// does not answer is no error here; it is told by an event.
func New(o Options) (*Log, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	l := &Log{
		o: o, ids: &idSource{now: o.Now}, floods: newFloods(o.FloodLimit),
		queue: make(chan *waiting, maxBatch), finished: make(chan struct{}),
	}
	ctx, stop := context.WithCancel(context.Background())
	l.stop = stop
	if err := l.openPlaces(ctx); err != nil {
		stop()
		return nil, err
	}
	l.done.Go(l.run)
	if o.Store != nil {
		l.done.Go(func() { l.sweep(ctx) })
	}
	return l, nil
}

func (l *Log) openPlaces(ctx context.Context) error {
	key, err := tallyKey(ctx, l.o.Store)
	if err != nil {
		return fmt.Errorf("sink: Store: %w", err)
	}
	l.tally = newTally(key)
	l.writer.log = l
	if l.o.File != "" {
		f, err := openFile(l.o)
		if err != nil {
			return fmt.Errorf("sink: File: %w", err)
		}
		l.writer.file = f
	}
	if l.o.Syslog != "" {
		s, err := newSyslog(l.o, l.writer.note)
		if err != nil {
			l.writer.closeFile()
			return fmt.Errorf("sink: Syslog: %w", err)
		}
		l.syslog = s
		l.done.Go(func() { s.run(ctx) })
	}
	if l.o.Stdout != nil {
		l.stdout = newStream(l.o.Stdout, l.writer.note)
	}
	return nil
}

// Record stamps the event with an ID and the time, counts it, and returns when
// it is kept (see the package's comment) or is part of a flood that is
// counted. It returns an error where the file or the store could not keep it,
// where ctx ended first, and after Close.
func (l *Log) Record(ctx context.Context, e gatehouse.Event) error {
	if e.Time.IsZero() {
		e.Time = l.o.Now()
	}
	e.Time = e.Time.UTC().Truncate(time.Microsecond)
	l.gate.RLock()
	if l.closed {
		l.gate.RUnlock()
		return ErrClosed
	}
	if l.o.Store != nil {
		l.tally.note(e)
	}
	if l.floods.absorb(e) {
		l.gate.RUnlock()
		return nil
	}
	e.ID = l.ids.next()
	w := &waiting{event: e, done: make(chan error, 1)}
	err := l.enqueue(ctx, w)
	l.gate.RUnlock()
	if err != nil {
		return fmt.Errorf("recording an event: %w", err)
	}
	if err := w.wait(ctx); err != nil {
		return fmt.Errorf("recording an event: %w", err)
	}
	return nil
}

// Flush waits until every event recorded before it is written, and the counts
// that [Report] reads are in the store.
func (l *Log) Flush(ctx context.Context) error {
	w := &waiting{flush: true, done: make(chan error, 1)}
	l.gate.RLock()
	if l.closed {
		l.gate.RUnlock()
		return ErrClosed
	}
	err := l.enqueue(ctx, w)
	l.gate.RUnlock()
	if err != nil {
		return err
	}
	return w.wait(ctx)
}

func (l *Log) enqueue(ctx context.Context, w *waiting) error {
	select {
	case l.queue <- w:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *waiting) wait(ctx context.Context) error {
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close writes what is waiting, the floods that are being counted and the
// counts, gives syslog until ctx ends to send what it has, and closes the
// file. The store stays open. It returns an error where something could not be
// kept. A second Close does nothing.
func (l *Log) Close(ctx context.Context) error {
	l.gate.Lock()
	if l.closed {
		l.gate.Unlock()
		return nil
	}
	l.closed = true
	close(l.queue)
	l.gate.Unlock()
	select {
	case <-l.finished:
	case <-ctx.Done():
		l.stop()
		return fmt.Errorf("closing the event log: %w", ctx.Err())
	}
	var syslogErr, stdoutErr error
	if l.stdout != nil {
		stdoutErr = l.stdout.close(ctx)
	}
	if l.syslog != nil {
		l.syslog.drain(ctx)
	}
	l.stop()
	l.done.Wait()
	if l.syslog != nil {
		syslogErr = l.syslog.unsent()
	}
	if err := errors.Join(l.closeErr, syslogErr, stdoutErr); err != nil {
		return fmt.Errorf("closing the event log: %w", err)
	}
	return nil
}

// sweep removes what the store need not keep any longer.
func (l *Log) sweep(ctx context.Context) {
	t := time.NewTicker(sweepInterval)
	defer t.Stop()
	for {
		if _, err := l.o.Store.Sweep(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrClosed) {
			l.o.Logger.Warn("expired events stay in the store for now", "error", err)
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
	}
}

// idSource gives identifiers that sort by time.
type idSource struct {
	now  func() time.Time
	mu   sync.Mutex
	last int64
}

const (
	idDigits = "0123456789abcdefghjkmnpqrstvwxyz" // Crockford's base 32: no i, l, o, u
	// timeDigits hold 55 bits: microseconds until the year 3111.
	timeDigits   = 11
	randomDigits = 8
)

// next is a new identifier: the time to the microsecond, never the same and
// never lower than before in this process, then 40 random bits, so that two
// processes don't meet.
func (s *idSource) next() string {
	s.mu.Lock()
	s.last = max(s.now().UnixMicro(), s.last+1)
	at := s.last
	s.mu.Unlock()
	id := append(make([]byte, 0, timeDigits+randomDigits), timeKey(at)...)
	var random [randomDigits]byte
	rand.Read(random[:])
	for _, b := range random {
		id = append(id, idDigits[b&31])
	}
	return string(id)
}

// timeKey is the beginning of the identifiers made at that microsecond.
func timeKey(micro int64) string {
	var key [timeDigits]byte
	for i := timeDigits - 1; i >= 0; i-- {
		key[i] = idDigits[micro&31]
		micro >>= 5
	}
	return string(key[:])
}
