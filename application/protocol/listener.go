package protocol

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
)

// Listener wraps a listener of plain or TLS connections. Of the latter it makes the
// handshake, each in a goroutine of its own, and Accept gives those that succeeded:
// HTTP/2 as it is, since net/http speaks it on nothing else. current is asked for the
// rung of each connection, so that a configuration may be changed.
func Listener(inner net.Listener, current func() *Protocol) net.Listener {
	ctx, cancel := context.WithCancel(context.Background())
	return &listener{Listener: inner, current: current, ctx: ctx, cancel: cancel, ready: make(chan accepted)}
}

type listener struct {
	net.Listener
	current func() *Protocol
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

// Accept gives the next connection that may be read. After the listener failed for
// good every call gives that error.
func (l *listener) Accept() (net.Conn, error) {
	l.begin.Do(func() { l.running.Go(l.acceptAll) })
	select {
	case a := <-l.ready:
		return a.conn, a.err
	case <-l.ctx.Done():
		return nil, net.ErrClosed
	}
}

// Close stops accepting. Handshakes under way are ended.
func (l *listener) Close() error {
	l.cancel()
	err := l.Listener.Close()
	l.running.Wait()
	return err
}

func (l *listener) acceptAll() {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			if !l.give(accepted{err: err}) {
				return
			}
			continue // net/http waits before it asks again
		}
		l.running.Go(func() { l.greet(c) })
	}
}

// give hands over a connection, or closes it with the listener.
func (l *listener) give(a accepted) bool {
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

// greet makes a connection's handshake.
func (l *listener) greet(c net.Conn) {
	p := l.current()
	secure, ok := c.(*tls.Conn)
	if !ok {
		l.give(accepted{conn: p.Conn(c, nil)})
		return
	}
	ctx, cancel := context.WithTimeout(l.ctx, p.o.Handshake)
	defer cancel()
	if err := secure.HandshakeContext(ctx); err != nil {
		var plain tls.RecordHeaderError
		if errors.As(err, &plain) && plain.Conn != nil && looksLikeHTTP(plain.RecordHeader) {
			_, _ = io.WriteString(plain.Conn, "HTTP/1.0 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\nThis port speaks HTTPS; the request came as plain HTTP.\n")
		}
		_ = c.Close() // it may be closed already
		if p.o.Failed != nil && l.ctx.Err() == nil {
			p.o.Failed(c, err)
		}
		return
	}
	state := secure.ConnectionState()
	if state.NegotiatedProtocol == "h2" {
		l.give(accepted{conn: secure})
		return
	}
	l.give(accepted{conn: p.Conn(secure, &state)})
}

// looksLikeHTTP reports whether a record's header is the beginning of a request.
func looksLikeHTTP(h [5]byte) bool {
	switch string(h[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "OPTIO", "PATCH", "DELET":
		return true
	}
	return false
}
