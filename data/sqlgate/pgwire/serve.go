package pgwire

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime/debug"
	"time"
)

const (
	// maxSignIns bounds the sessions that are beginning, so that those who cannot
	// sign in take no place of those who have; perAddress those of one address
	// that is not this machine's.
	maxSignIns    = 256
	perAddress    = 64
	acceptBackoff = time.Second
)

var errKilled = errors.New("the gate was closed")

// Serve accepts sessions until the listener is closed, and returns when all of
// them have ended: see [Gate.Shutdown]. It may be called for several listeners.
func (g *Gate) Serve(ln net.Listener) error {
	g.mu.Lock()
	if g.draining.Load() {
		g.mu.Unlock()
		return errors.Join(errKilled, ln.Close())
	}
	g.listeners[ln] = true
	g.mu.Unlock()
	err := g.accept(ln)
	g.mu.Lock()
	delete(g.listeners, ln)
	g.mu.Unlock()
	g.wait(context.Background())
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (g *Gate) accept(ln net.Listener) error {
	var pause time.Duration
	for {
		conn, err := ln.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil:
			// Such as too many open files: it passes.
			var temporary interface{ Temporary() bool }
			if !errors.As(err, &temporary) || !temporary.Temporary() {
				return fmt.Errorf("accepting sessions of %s: %w", g.o.Name, err)
			}
			pause = min(max(2*pause, 5*time.Millisecond), acceptBackoff)
			time.Sleep(pause)
			continue
		}
		pause = 0
		g.greet(conn)
	}
}

// greet begins a session in a goroutine of its own, or turns it away at once.
func (g *Gate) greet(conn net.Conn) {
	client := addressOf(conn)
	if !g.admitSignIn(conn, client) {
		g.stats.rejected.Add(1)
		// A socket that was just made has room for it.
		_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = conn.Write(faultf(stateTooMany, "too many sessions are beginning: try again later").fatal())
		_ = conn.Close()
		return
	}
	go func() {
		defer g.leave()
		defer func() {
			if v := recover(); v != nil { // what a stranger sends breaks nobody else's session
				g.log.Error("signing a session in broke", "gate", g.o.Name, "panic", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
			}
		}()
		g.hold(conn, client)
	}()
}

func (g *Gate) admitSignIn(conn net.Conn, client netip.Addr) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.draining.Load() || len(g.signIns) >= maxSignIns {
		return false
	}
	if !local(client) {
		same := 0
		for other := range g.signIns {
			if addressOf(other) == client {
				same++
			}
		}
		if same >= perAddress {
			return false
		}
	}
	g.signIns[conn] = true
	g.work++
	return true
}

func addressOf(conn net.Conn) netip.Addr {
	if tcp, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// hold carries one connection from its first byte to its last.
func (g *Gate) hold(conn net.Conn, client netip.Addr) {
	defer conn.Close()
	defer g.signedIn(conn)
	ctx, cancel := context.WithTimeout(g.ctx, g.o.SignIn)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) }) // it is given up then
	d := &door{conn: conn, tls: g.o.TLS}
	s, told, err := g.begin(ctx, d, client)
	if !stop() && err == nil && s != nil {
		err = context.Cause(ctx)
		g.endSession(s)
	}
	g.signedIn(conn)
	switch {
	case err != nil:
		g.turnAway(d, err)
	case s != nil:
		g.stats.accepted.Add(1)
		defer g.endSession(s)
		s.carry(told)
	}
}

// signedIn ends what a connection counts for while it begins.
func (g *Gate) signedIn(conn net.Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.signIns, conn)
}

// turnAway tells a client why it was not let in.
func (g *Gate) turnAway(d *door, err error) {
	if errors.Is(err, errProbe) {
		return
	}
	g.stats.rejected.Add(1)
	var f *fault
	if !errors.As(err, &f) {
		return // it is gone, or speaks something else
	}
	_ = d.conn.SetDeadline(time.Now().Add(time.Second))
	_, _ = d.conn.Write(f.fatal()) // it may be gone
	if half, ok := d.conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

// begin signs a session in, and its session with the database. It gives no
// session where the client asked to cancel another's statement.
func (g *Gate) begin(ctx context.Context, d *door, client netip.Addr) (*session, map[string]string, error) {
	start, cancels, err := d.read()
	if err != nil {
		return nil, nil, err
	}
	if cancels != nil {
		g.cancel(ctx, cancels)
		return nil, nil, nil
	}
	if err := g.admit(ctx, d, start, client); err != nil {
		return nil, nil, err
	}
	if v := start.negotiate(); v != nil {
		if _, err := d.conn.Write(v); err != nil {
			return nil, nil, err
		}
	}
	a, err := g.authenticate(ctx, d, start, client)
	if err != nil {
		return nil, nil, err
	}
	if err := g.allow(ctx, a, start, client); err != nil {
		return nil, nil, err
	}
	s := &session{g: g, a: a, client: d.conn, addr: client, ctx: g.ctx, database: start.databaseOf(a)}
	if err := g.register(s, start.minor); err != nil {
		return nil, nil, err
	}
	told, err := g.join(ctx, s, start)
	if err != nil {
		g.endSession(s)
		return nil, nil, err
	}
	return s, told, nil
}

func (s *startup) databaseOf(a *account) string {
	switch {
	case s.database != "":
		return s.database
	case a.Upstream.Database != "":
		return a.Upstream.Database
	}
	return s.user
}

// join begins the session with the database, and tells the client that it may
// go on.
func (g *Gate) join(ctx context.Context, s *session, start *startup) (map[string]string, error) {
	b, err := g.connect(ctx, &s.a.Upstream, append([]param{{"database", s.database}}, start.params...))
	if err != nil {
		return nil, g.unreachable(s.a, err)
	}
	g.outage.over(g)
	g.mu.Lock()
	s.server, s.upstream = b.conn, cancel{pid: b.pid, key: b.key}
	if b.key != nil {
		// Clients know their own notifications by it, and pg_backend_pid().
		s.pid = b.pid
	}
	g.mu.Unlock()
	hello := append(welcome(), b.reported...)
	hello = appendMessage(hello, 'K', s.cancelKey())
	hello = append(hello, 'Z', 0, 0, 0, 5, 'I')
	if _, err := s.client.Write(hello); err != nil {
		return nil, err
	}
	return b.settings, nil
}

// welcome is AuthenticationOk.
func welcome() []byte { return []byte{'R', 0, 0, 0, 8, 0, 0, 0, authOK} }

// enter begins work that Shutdown waits for; false where it is too late for it.
func (g *Gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.draining.Load() {
		return false
	}
	g.work++
	return true
}

func (g *Gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.work--; g.work == 0 && g.idle != nil {
		close(g.idle)
		g.idle = nil
	}
}

// wait waits until nothing is under way, or ctx ends.
func (g *Gate) wait(ctx context.Context) {
	for {
		g.mu.Lock()
		if g.work == 0 {
			g.mu.Unlock()
			return
		}
		if g.idle == nil {
			g.idle = make(chan struct{})
		}
		idle := g.idle
		g.mu.Unlock()
		select {
		case <-idle:
		case <-ctx.Done():
			return
		}
	}
}

// Shutdown closes the listeners, lets each session finish the transaction that
// it is in, and ends those that have not when ctx ends. It returns when all
// sessions have ended; the error is the context's where it had to end some.
func (g *Gate) Shutdown(ctx context.Context) error {
	g.mu.Lock()
	g.draining.Store(true)
	var err error
	for ln := range g.listeners {
		err = errors.Join(err, ln.Close())
	}
	open := g.open()
	for conn := range g.signIns {
		_ = conn.SetDeadline(time.Unix(1, 0)) // they have not begun
	}
	g.mu.Unlock()
	for _, s := range open {
		s.drain()
	}
	g.wait(ctx)
	g.mu.Lock()
	late := g.work > 0
	open = g.open()
	g.mu.Unlock()
	g.kill(errKilled)
	g.lookups.close()
	if late {
		err = errors.Join(err, ctx.Err())
		for _, s := range open {
			s.shut(shuttingDown().fatal())
		}
		g.wait(context.Background()) // each has lastWords to go
	}
	return err
}

func shuttingDown() *fault {
	return faultf(stateShutdown, "terminating connection: the gate is shutting down")
}

// open are the sessions that have begun. The caller holds mu.
func (g *Gate) open() (open []*session) {
	for s := range g.sessions {
		if s.carrying {
			open = append(open, s)
		}
	}
	return open
}
