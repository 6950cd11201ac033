// Package accept is a listener that prepares connections before it gives them: a
// TLS handshake, a header that names the client. What one takes holds up no other.
// It bounds neither how many are being prepared nor for how long: greet does.
package accept

import (
	"context"
	"net"
	"sync"
)

// A Listener gives the connections that were prepared. Make it with [New].
type Listener struct {
	net.Listener
	greet   func(*Listener, net.Conn)
	ctx     context.Context
	cancel  context.CancelFunc
	ready   chan accepted
	begin   sync.Once
	running sync.WaitGroup
}

type accepted struct {
	conn net.Conn
	err  error
}

// New wraps a listener. greet is called with each of its connections, one after the
// other: what takes time it does in [Listener.Go]. It owns the connection until it
// hands it to [Listener.Give], or closes it. Nothing runs before the first Accept.
func New(inner net.Listener, greet func(l *Listener, c net.Conn)) *Listener {
	ctx, cancel := context.WithCancel(context.Background())
	return &Listener{Listener: inner, greet: greet, ctx: ctx, cancel: cancel, ready: make(chan accepted)}
}

// Context ends when the listener is closed.
func (l *Listener) Context() context.Context { return l.ctx }

// Go runs f beside the others. Close waits for it.
func (l *Listener) Go(f func()) { l.running.Go(f) }

// Accept gives the next connection that is prepared, or the error of the listener
// below. Once closed it gives net.ErrClosed.
func (l *Listener) Accept() (net.Conn, error) {
	l.begin.Do(func() { l.running.Go(l.acceptAll) })
	select {
	case a := <-l.ready:
		return a.conn, a.err
	case <-l.ctx.Done():
		return nil, net.ErrClosed
	}
}

// Close stops accepting, and waits for what is being prepared, which
// [Listener.Context] has end.
func (l *Listener) Close() error {
	l.cancel()
	err := l.Listener.Close()
	l.begin.Do(func() {}) // an Accept that comes only now begins nothing to wait for
	l.running.Wait()
	return err
}

func (l *Listener) acceptAll() {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			if !l.give(accepted{err: err}) {
				return
			}
			continue // net/http waits before it asks again
		}
		l.greet(l, c)
	}
}

// Give hands over a connection, or closes it with the listener.
func (l *Listener) Give(c net.Conn) { l.give(accepted{conn: c}) }

func (l *Listener) give(a accepted) bool {
	select {
	case l.ready <- a:
		return true
	case <-l.ctx.Done():
		if a.conn != nil {
			_ = a.conn.Close() // nobody reads it
		}
		return false
	}
}
