package protocol

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// Bounds of what is done for a connection that was refused.
const (
	answerTime = 5 * time.Second
	// lingerTime and lingerBytes: a connection that is closed while its client
	// still sends is reset, and the client may never see the answer.
	lingerTime  = 500 * time.Millisecond
	lingerBytes = 16 << 20
)

// Conn gives a connection that speaks HTTP/1 in either version. What net/http reads
// of it was read before, and found to mean one thing. state is that of TLS, nil
// without.
func (p *Protocol) Conn(c net.Conn, state *tls.ConnectionState) net.Conn {
	w := &conn{Conn: c, framer: framer{p: p}}
	if state == nil {
		return w
	}
	return &secureConn{w, *state}
}

// A conn is a connection as net/http sees it. One goroutine reads it at a time.
type conn struct {
	net.Conn
	framer framer
	// pending is what was met, and rest what was read of it.
	pending fault
	rest    []byte
	ended   error
	// unread is set while the end of a request's body has not been read.
	unread atomic.Bool
}

// A secureConn tells net/http of TLS (Request.TLS).
type secureConn struct {
	*conn
	state tls.ConnectionState
}

func (c *secureConn) ConnectionState() tls.ConnectionState { return c.state }

// Aside has the rest of a hijacked connection pass unread: it speaks another
// protocol. Of other connections nothing changes.
func Aside(c net.Conn) {
	switch c := c.(type) {
	case *conn:
		c.aside()
	case *secureConn:
		c.aside()
	}
}

func (c *conn) aside() {
	c.framer.phase, c.pending = aside, none
	c.unread.Store(false)
}

func (c *conn) Read(b []byte) (int, error) {
	switch {
	case c.ended != nil:
		return 0, c.ended
	case len(b) == 0:
		return 0, nil
	case c.pending != none && !c.peeked(b):
		if err := c.refuse(); err != nil {
			return 0, err
		}
	}
	if len(c.rest) > 0 { // peeked at, or let pass
		n := copy(b, c.rest)
		c.rest = c.rest[n:]
		return n, nil
	}
	n, err := c.Conn.Read(b)
	if n == 0 || c.framer.phase == aside {
		return n, err
	}
	good, met := c.framer.feed(b[:n])
	c.unread.Store(c.framer.phase != atHead)
	if met == none {
		return n, err
	}
	c.pending, c.rest = met, bytes.Clone(b[good:n])
	if good > 0 {
		return good, nil
	}
	return c.Read(b)
}

// peeked reports whether net/http looks for a next request while it answers one, for
// which it reads one byte. No refusal may be written before that answer; the byte
// can't be taken for a whole head.
func (c *conn) peeked(b []byte) bool {
	return len(b) == 1 && len(c.rest) > 0 && c.framer.phase == atHead
}

// refuse tells of the fault that is pending. Of a head it answers; who reads a body
// is told by the error, since an answer may be on its way.
func (c *conn) refuse() error {
	met := c.pending
	c.pending = none
	ofHead := c.framer.phase == atHead
	d := met.decision()
	var answer []byte
	if refuse := c.framer.p.o.Refuse; refuse != nil {
		m := &c.framer.met
		answer = refuse(Refusal{c.Conn, d, bounded(m.method), bounded(m.target), bounded(m.host)})
		if answer == nil {
			c.framer.phase = aside
			return nil
		}
	}
	if !ofHead {
		c.ended = &Error{d}
		return c.ended
	}
	c.ended = io.EOF
	c.answer(answer)
	return c.ended
}

func bounded(b []byte) string { return string(b[:min(len(b), 512)]) }

// answer writes a refusal, and waits a little for the client to read it. Errors are
// the client's loss.
func (c *conn) answer(text []byte) {
	if len(text) > 0 {
		_ = c.Conn.SetWriteDeadline(time.Now().Add(answerTime))
		_, _ = c.Conn.Write(text)
	}
	_ = c.CloseWrite()
}

// Write fails after a refusal: net/http's own answer would follow it.
func (c *conn) Write(b []byte) (int, error) {
	if c.ended == io.EOF { //nolint:errorlint // set by refuse alone
		return 0, net.ErrClosed
	}
	return c.Conn.Write(b)
}

// CloseWrite ends the sending side, where the connection has two. net/http does so after
// an answer to a request that it has not read to its end, and waits before it closes;
// what the client still sends is read meanwhile, for a while.
func (c *conn) CloseWrite() error {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok {
		return nil
	}
	err := half.CloseWrite()
	if c.framer.phase != aside && err == nil {
		c.unread.Store(false)
		c.linger()
	}
	return err
}

// linger reads what the client still sends.
func (c *conn) linger() {
	_ = c.Conn.SetReadDeadline(time.Now().Add(lingerTime))
	_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes)
}

// Close lingers too where a body was not read to its end: net/http does not see it
// where the backend's answer came while the body was being read.
func (c *conn) Close() error {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !c.unread.Swap(false) || !ok {
		return c.Conn.Close()
	}
	go func() { // who closes many connections does not wait for each
		if half.CloseWrite() == nil {
			c.linger()
		}
		_ = c.Conn.Close() // nobody is left to be told
	}()
	return nil
}
