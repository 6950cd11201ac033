package pgwire

import (
	"context"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

const (
	// shortKey is the length of a key up to protocol 3.1, longKey what 3.2 has
	// (PostgreSQL 18).
	shortKey, longKey = 4, 32
	// retold is how often an outage that lasts is told again.
	retold = time.Minute
)

// register gives a session its place, and the key by which its statements can
// be cancelled: the gate's own, not the database's.
func (g *Gate) register(s *session, minor int) error {
	s.key = g.random(shortKey)
	if minor >= 2 {
		s.key = g.random(longKey)
	}
	s.pid = binary.BigEndian.Uint32(g.random(4)) & 0x7fffffff // clients take it for a signed number
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.draining.Load():
		return shuttingDown()
	case len(g.sessions) >= g.o.MaxSessions:
		return faultf(stateTooMany, "too many sessions: the gate takes %d at once", g.o.MaxSessions)
	}
	g.sessions[s] = true
	return nil
}

func (g *Gate) endSession(s *session) {
	g.mu.Lock()
	delete(g.sessions, s)
	g.mu.Unlock()
	if s.server != nil {
		_ = s.server.Close() // it may be closed already
	}
}

// cancelKey is the body of BackendKeyData.
func (s *session) cancelKey() []byte {
	return append(binary.BigEndian.AppendUint32(nil, s.pid), s.key...)
}

// cancel hands a request to cancel on to the database of the session that it
// names. Whether there is one, the client is not told.
func (g *Gate) cancel(ctx context.Context, c *cancel) {
	g.mu.Lock()
	var s *session
	for open := range g.sessions {
		if open.pid == c.pid && subtle.ConstantTimeCompare(open.key, c.key) == 1 && open.upstream.key != nil {
			s = open
		}
	}
	if s == nil {
		g.mu.Unlock()
		return
	}
	up, target := &s.a.Upstream, s.upstream
	g.mu.Unlock()
	if err := cancelAt(ctx, up, target); err != nil {
		g.log.Warn("a request to cancel could not be handed on", "gate", g.o.Name, "error", err)
	}
}

// cancelAt asks the database to cancel, and waits until it has: it closes the
// connection then, and so does the gate.
func cancelAt(ctx context.Context, up *Upstream, target cancel) error {
	conn, err := dial(ctx, up)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) }) // it is given up then
	defer stop()
	b := binary.BigEndian.AppendUint32(make([]byte, 4), cancelCode)
	b = append(binary.BigEndian.AppendUint32(b, target.pid), target.key...)
	if _, err := conn.Write(finish(b, 0)); err != nil {
		return err
	}
	_, err = io.ReadFull(conn, make([]byte, 1))
	if errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// An outage is told once, not for each session that fails.
type outage struct {
	mu    sync.Mutex
	since time.Time
	told  time.Time
	count int
}

// began counts a session that failed, and reports whether it is to be told.
func (o *outage) began(now time.Time) (count int, tell bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.since.IsZero() {
		o.since = now
	}
	o.count++
	if !o.told.IsZero() && now.Sub(o.told) < retold {
		return 0, false
	}
	count, o.count, o.told = o.count, 0, now
	return count, true
}

func (o *outage) over(g *Gate) {
	o.mu.Lock()
	since := o.since
	o.since, o.told, o.count = time.Time{}, time.Time{}, 0
	o.mu.Unlock()
	if !since.IsZero() {
		g.log.Info("the database lets sessions in again", "gate", g.o.Name, "after", g.now().Sub(since).Round(time.Second))
	}
}

// unreachable is what a client is told where the database does not begin a
// session. What it says before it lets the gate in is about the gate's role, and
// for the log.
func (g *Gate) unreachable(a *account, err error) error {
	if g.ctx.Err() != nil {
		return shuttingDown()
	}
	var r *refusal
	refused := errors.As(err, &r)
	class := ""
	if refused {
		class = r.state[:min(len(r.state), 2)]
	}
	if refused && r.body != nil && class != "53" && class != "57" {
		return &fault{state: r.state, words: r.words, body: r.body} // what the client asked for cannot be had
	}
	if count, tell := g.outage.began(g.now()); tell {
		g.log.Error("the database does not let sessions in", "gate", g.o.Name, "upstream", a.Upstream.Address, "sessions", count, "error", err)
	}
	switch {
	case !refused:
		return faultf(stateUnreachable, "the database cannot be reached: try again later")
	case r.body != nil:
		return &fault{state: r.state, words: r.words, body: r.body}
	case r.state == stateTooMany:
		return faultf(stateTooMany, "the database has too many sessions: try again later")
	case class == "57" && len(r.state) == 5:
		return faultf(r.state, "the database takes no sessions now: try again later")
	}
	return faultf(stateLost, "the database does not let the gate in")
}
