package network

import (
	"net"
	"net/netip"
	"sync"

	"github.com/gatehousehq/gatehouse"
)

// Listener refuses, at Accept and before any handshake, the peers that
// [Network.CheckPeer] denies, and those that have too many connections open
// ([LimitOptions]): they are reset, unless [Network.SetMode] says otherwise. It
// counts the connections that are open. Peers of a Unix socket pass.
func (n *Network) Listener(inner net.Listener) net.Listener {
	return &listener{Listener: inner, network: n}
}

type listener struct {
	net.Listener
	network *Network
}

func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		peer, d := l.network.checkConn(c)
		held := l.network.held(peer)
		if d.Verdict == gatehouse.Pass {
			d = l.network.conns.take(&held)
		} else {
			held = holding{}
		}
		if d.Verdict != gatehouse.Pass && l.network.object(peer, d) {
			refuse(c)
			continue
		}
		l.network.accepted.Add(1)
		return l.network.counted(c, held), nil
	}
}

// object does what the mode says about a peer that was denied, and reports
// whether to refuse it.
func (n *Network) object(peer netip.Addr, d gatehouse.Decision) bool {
	switch gatehouse.Mode(n.mode.Load()) {
	case gatehouse.Off:
		return false
	case gatehouse.Observe:
		n.refusals.add(peer, d, gatehouse.Observed)
		return false
	}
	n.refusals.add(peer, d, gatehouse.Refused)
	return true
}

func (n *Network) checkConn(c net.Conn) (netip.Addr, gatehouse.Decision) {
	switch a := c.RemoteAddr().(type) {
	case *net.UnixAddr:
		return netip.Addr{}, gatehouse.Passed()
	case *net.TCPAddr:
		peer := normal(a.AddrPort().Addr())
		return peer, n.CheckPeer(peer)
	}
	return netip.Addr{}, n.CheckPeer(netip.Addr{})
}

// refuse closes with a reset, which leaves no TIME_WAIT on this side.
func refuse(c net.Conn) {
	if tcp, ok := c.(interface{ SetLinger(sec int) error }); ok {
		_ = tcp.SetLinger(0) // best effort: the close below is what counts
	}
	_ = c.Close() // the peer is refused whatever becomes of its socket
}

// counted wraps c so that its Close is counted once. TCP and Unix connections
// keep their methods, so that net/http and io.Copy still see CloseWrite and ReadFrom.
func (n *Network) counted(c net.Conn, h holding) net.Conn {
	n.open.Add(1)
	leave := &leave{network: n, holding: h}
	switch c := c.(type) {
	case *net.TCPConn:
		return &tcpConn{TCPConn: c, leave: leave}
	case *namedTCP:
		return &tcpNamed{namedTCP: c, leave: leave}
	case *watchedTCP:
		return &tcpWatched{watchedTCP: c, leave: leave}
	case *net.UnixConn:
		return &unixConn{UnixConn: c, leave: leave}
	}
	return &otherConn{Conn: c, leave: leave}
}

type leave struct {
	once    sync.Once
	network *Network
	holding holding
}

func (l *leave) now() {
	l.once.Do(func() {
		l.network.open.Add(-1)
		l.network.conns.release(l.holding)
	})
}

type tcpConn struct {
	*net.TCPConn
	leave *leave
}

func (c *tcpConn) Close() error {
	c.leave.now()
	return c.TCPConn.Close()
}

type tcpNamed struct {
	*namedTCP
	leave *leave
}

func (c *tcpNamed) Close() error {
	c.leave.now()
	return c.namedTCP.Close()
}

type tcpWatched struct {
	*watchedTCP
	leave *leave
}

func (c *tcpWatched) Close() error {
	c.leave.now()
	return c.watchedTCP.Close()
}

type unixConn struct {
	*net.UnixConn
	leave *leave
}

func (c *unixConn) Close() error {
	c.leave.now()
	return c.UnixConn.Close()
}

type otherConn struct {
	net.Conn
	leave *leave
}

func (c *otherConn) Close() error {
	c.leave.now()
	return c.Conn.Close()
}
