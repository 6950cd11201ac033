package network

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync/atomic"

	"github.com/gatehousehq/gatehouse"
)

// named gives a connection the client's address; of a sender that speaks for
// itself it stays as it is.
func named(c net.Conn, client netip.AddrPort) net.Conn {
	if !client.IsValid() {
		return c
	}
	remote := net.TCPAddrFromAddrPort(client)
	if tcp, ok := c.(*net.TCPConn); ok {
		return &namedTCP{tcp, remote}
	}
	return &namedConn{c, remote}
}

// namedTCP is a TCP connection with another remote address. Nothing of what it
// reads is buffered, so that all of *net.TCPConn's methods hold.
type namedTCP struct {
	*net.TCPConn
	remote *net.TCPAddr
}

func (c *namedTCP) RemoteAddr() net.Addr { return c.remote }

// NetConn is the connection of the sender.
func (c *namedTCP) NetConn() net.Conn { return c.TCPConn }

type namedConn struct {
	net.Conn
	remote *net.TCPAddr
}

func (c *namedConn) RemoteAddr() net.Addr { return c.remote }

// NetConn is the connection of the sender.
func (c *namedConn) NetConn() net.Conn { return c.Conn }

var errUndeclaredHeader = errors.New("network: a PROXY header of a peer that is no declared sender")

// watched is a connection of a peer that may send no header: one that it sends
// all the same is refused at the first read, before TLS or HTTP stumble on it.
func (l *proxyListener) watched(c net.Conn, peer netip.Addr) net.Conn {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return c
	}
	return &watchedTCP{TCPConn: tcp, listener: l, peer: peer}
}

// watchedTCP looks at what is read first.
type watchedTCP struct {
	*net.TCPConn
	listener *proxyListener
	peer     netip.Addr
	looked   atomic.Bool
	refused  atomic.Bool
}

func (c *watchedTCP) Read(b []byte) (int, error) {
	if c.refused.Load() {
		return 0, errUndeclaredHeader
	}
	n, err := c.TCPConn.Read(b)
	if n == 0 || c.looked.Swap(true) {
		return n, err
	}
	if bytes.HasPrefix(b[:n], []byte("PROXY ")) || n > 4 && bytes.HasPrefix(b[:n], v2Signature[:min(n, len(v2Signature))]) {
		c.refused.Store(true)
		c.listener.refuse(c, c.peer, gatehouse.Denied(RuleUndeclaredHeader, gatehouse.Place{}, "the peer sent a PROXY header and is none of the declared senders: declare it, or have it send none"))
		return 0, errUndeclaredHeader
	}
	return n, err
}

// WriteTo is for io.Copy, which would otherwise read past Read.
func (c *watchedTCP) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{c})
}

// NetConn is the connection itself.
func (c *watchedTCP) NetConn() net.Conn { return c.TCPConn }
