package protocol

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"

	"github.com/gatehousehq/gatehouse/accept"
)

// Listener wraps a listener of plain or TLS connections. Of the latter it makes the
// handshake, each in a goroutine of its own, and Accept gives those that succeeded:
// HTTP/2 as it is, since net/http speaks it on nothing else. current is asked for the
// rung of each connection, so that a configuration may be changed.
func Listener(inner net.Listener, current func() *Protocol) net.Listener {
	return accept.New(inner, func(l *accept.Listener, c net.Conn) {
		l.Go(func() { current().greet(l, c) })
	})
}

// greet makes a connection's handshake.
func (p *Protocol) greet(l *accept.Listener, c net.Conn) {
	secure, ok := c.(*tls.Conn)
	if !ok {
		l.Give(p.Conn(c, nil))
		return
	}
	ctx, cancel := context.WithTimeout(l.Context(), p.o.Handshake)
	defer cancel()
	if err := secure.HandshakeContext(ctx); err != nil {
		var plain tls.RecordHeaderError
		if errors.As(err, &plain) && plain.Conn != nil && looksLikeHTTP(plain.RecordHeader) {
			_, _ = io.WriteString(plain.Conn, "HTTP/1.0 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\nThis port speaks HTTPS; the request came as plain HTTP.\n")
		}
		_ = c.Close() // it may be closed already
		if p.o.Failed != nil && l.Context().Err() == nil {
			p.o.Failed(c, err)
		}
		return
	}
	state := secure.ConnectionState()
	if state.NegotiatedProtocol == "h2" {
		l.Give(secure)
		return
	}
	l.Give(p.Conn(secure, &state))
}

// looksLikeHTTP reports whether a record's header is the beginning of a request.
func looksLikeHTTP(h [5]byte) bool {
	switch string(h[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "OPTIO", "PATCH", "DELET":
		return true
	}
	return false
}
