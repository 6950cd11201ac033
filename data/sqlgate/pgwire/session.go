package pgwire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehousehq/gatehouse/data/sqlgate"
)

const (
	// maxPending bounds the messages that wait for their answers. PostgreSQL
	// holds back at most 8 KiB of answers, which are 1,638 of the shortest; where
	// more are held back, the gate asks for them.
	maxPending = 4096
	// lastWords is how long a client has to take the last message.
	lastWords = 3 * time.Second
	// lastAnswer is how long the database has to end a session that the client
	// has ended.
	lastAnswer = 10 * time.Second
	// maxDiscarded bounds what is read of a client that broke the protocol.
	maxDiscarded = 1 << 20
)

// A session is a client that signed in, and its session with the database. One
// goroutine carries each direction.
type session struct {
	g      *Gate
	a      *account
	client net.Conn
	server net.Conn
	addr   netip.Addr
	ctx    context.Context
	// database is the one that the session is in.
	database string

	pid uint32 // by which a CancelRequest names it
	key []byte
	// upstream is what a CancelRequest to the database names; the gate's mu
	// guards it, and carrying.
	upstream cancel
	carrying bool

	mu   sync.Mutex
	room sync.Cond // where the queue is not full any more
	state
	// ended is set once no more may be sent to the database; last is what the
	// client is told then.
	ended bool
	last  []byte
	// parting is set where it is ended once all was answered.
	parting atomic.Bool
	// leaving is set where the client has said that it ends.
	leaving bool
}

// state is what both directions must agree on.
type state struct {
	queue queue
	// tokens counts the entries that have one.
	tokens int
	// skipping is set after an error, while the database skips what comes until
	// Sync.
	skipping bool
	// copying is set while the database reads what COPY carries, and passes over
	// Sync. passedOver counts those; it may have answered them nevertheless, where
	// COPY failed before it read any.
	copying    bool
	passedOver int
	// tx is the transaction's state, of ReadyForQuery.
	tx byte
	// asked counts messages that may change settings; those up to settled have
	// been answered, and changes with them.
	asked, settled uint64
	// segment counts Syncs: after an error, what was sent up to the next is skipped.
	segment uint64
	// owns counts what of the queue is the gate's own; ownHeld the bytes of it that
	// are kept for portals.
	owns       atomic.Int64
	ownHeld    int
	reading    reading
	statements statements
	portals    portals
	free       []*run
}

var errEnded = errors.New("the session has ended")

// carry passes messages until either side ends.
func (s *session) carry(reported map[string]string) {
	s.room.L = &s.mu
	s.tx = 'I'
	for name, value := range reported {
		s.reading.note(name, value)
	}
	s.g.mu.Lock()
	s.carrying = true
	s.g.mu.Unlock()
	if s.g.draining.Load() {
		s.drain() // Shutdown did not see it
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer s.survive()
		s.ascend()
	}()
	s.descend()
	s.mu.Lock()
	s.ended = true
	s.room.Broadcast()
	s.mu.Unlock()
	_ = s.client.Close() // whatever it says, it is over
	_ = s.server.Close()
	<-done
	s.forget()
}

// survive is deferred around either direction: what breaks one session breaks
// no other, and ends it.
func (s *session) survive() {
	if v := recover(); v != nil {
		s.g.log.Error("a session broke: it has ended", "gate", s.g.o.Name, "panic", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
		_ = s.client.Close() // so that the other direction ends
		_ = s.server.Close()
	}
}

// ascend carries the client's messages to the database.
func (s *session) ascend() {
	u := &upward{stream: newStream(s.client, s.server), session: s}
	err := u.run()
	var f *fault
	switch {
	case errors.As(err, &f):
		s.part(u.stream, f)
	case errors.Is(err, io.EOF) || errors.Is(err, errLeft):
		s.leave(err)
	default:
		s.shut(nil)
	}
}

// part ends the session over what the client sent: after the answers to what it
// sent before, as the database would.
func (s *session) part(u *stream, f *fault) {
	_, err := u.to.Write([]byte{'H', 0, 0, 0, 4}) // Flush
	s.mu.Lock()
	s.last = f.fatal()
	pending := s.queue.n > 0 && err == nil
	if pending {
		s.parting.Store(true)
		_ = s.server.SetReadDeadline(time.Now().Add(lastWords)) // a connection that is closed needs none
	}
	s.mu.Unlock()
	if !pending {
		s.shut(f.fatal())
	}
	// What is not read when the connection is closed would take the last words
	// with it.
	_, _ = io.CopyN(io.Discard, s.client, maxDiscarded)
}

// leave lets the database finish what the client sent before it ended.
func (s *session) leave(err error) {
	s.mu.Lock()
	s.leaving = true
	if s.queue.n == 0 {
		_ = s.server.SetReadDeadline(time.Now().Add(lastAnswer)) // else it ends by the client
	}
	s.mu.Unlock()
	half, ok := s.server.(interface{ CloseWrite() error })
	switch {
	case errors.Is(err, errLeft):
	case !ok || half.CloseWrite() != nil:
		s.shut(nil)
	}
}

// shut ends the session: the client is told last, if anything, where no message
// is half sent.
func (s *session) shut(last []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	s.ended, s.last = true, last
	s.wake()
}

// wake has the downward direction look whether it is over. The caller holds mu.
func (s *session) wake() {
	_ = s.server.SetReadDeadline(time.Unix(1, 0)) // a connection that is closed needs none
	if s.ended {
		_ = s.client.SetWriteDeadline(time.Now().Add(lastWords))
		s.room.Broadcast()
	}
}

// drain ends the session as soon as it is idle.
func (s *session) drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wake()
}

// idle reports whether nothing is under way. The caller holds mu.
func (s *session) idle() bool {
	return s.queue.n == 0 && s.tx == 'I' && !s.skipping && s.settled == s.asked
}

// over is asked where reading from the database was interrupted. It gives what
// the client is told, and whether the session ends.
func (s *session) over() (last []byte, ends bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended || s.parting.Load():
		s.ended = true
		s.room.Broadcast()
		return s.last, true
	case s.leaving: // it is late, or a gate that shuts down does not wait for who is gone
		return nil, true
	case s.g.draining.Load() && s.idle():
		s.ended = true
		s.room.Broadcast()
		return shuttingDown().fatal(), true
	}
	_ = s.server.SetReadDeadline(time.Time{}) // it was for the look only
	return nil, false
}

// forget tells of what was under way when the session ended.
func (s *session) forget() {
	s.mu.Lock()
	var told []*run
	for s.queue.n > 0 {
		if e := s.queue.pop(); e.run != nil {
			e.run.failed = true
			told = append(told, e.run)
		}
	}
	s.portals.each(func(r *run) { told = append(told, r) })
	s.mu.Unlock()
	for _, r := range told {
		s.tell(r, false)
	}
}

// tell tells the judge once how a run ended.
func (s *session) tell(r *run, cut bool) {
	if !r.judged {
		return
	}
	r.judged = false
	s.g.ended(s.ctx, s.a, r.ruling, sqlgate.Outcome{Verb: r.verb, Rows: r.rows, Failed: r.failed, Denied: r.denied, State: r.why, Cut: cut})
}
