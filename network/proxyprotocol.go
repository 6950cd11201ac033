package network

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/pires/go-proxyproto"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/accept"
)

// The rules of RungProxyProtocol.
const (
	// RuleUndeclaredHeader refuses a peer that sends a PROXY header and is no
	// declared sender of it.
	RuleUndeclaredHeader = "undeclared-header"
	// RuleNoHeader refuses a declared sender that sends none.
	RuleNoHeader = "no-header"
	// RuleBadHeader refuses a header that is none by the specification, names no
	// client of TCP, is too long, or does not come in time.
	RuleBadHeader = "bad-header"
	// RuleNotSender refuses a peer that is no declared sender, where only those
	// may connect.
	RuleNotSender = "not-a-sender"
)

// RungProxyProtocol is its name on the ladder.
const RungProxyProtocol = "network/proxyprotocol"

// ProxyProtocolOptions say who sends PROXY headers (HAProxy's protocol, versions
// 1 and 2). Senders is required.
type ProxyProtocolOptions struct {
	// Senders are the peers that name the client in a header. They must send one
	// on each connection: whether there is one is never guessed. From others none
	// is taken.
	Senders []netip.Prefix
	// Unix declares what connects to Unix sockets to be a sender.
	Unix bool
	// Only refuses every other peer.
	Only bool
	// Timeout is how long a header may take. Default 5 s: it is the first thing
	// that a sender writes, in one piece.
	Timeout time.Duration
	// MaxHeader bounds version 2, TLVs included, in bytes. Default 2048; the
	// specification's own bound is 65,551. Version 1 is 107 at most.
	MaxHeader int
}

const (
	maxV1 = 107 // the specification, section 2.1
	v2Fix = 16  // section 2.2: signature, command, family, length
	// maxReading is how many headers are waited for at once; the senders beyond
	// are refused.
	maxReading = 4096
)

// ProxyProtocol wraps a listener so that the connections of declared senders have
// the address of the client that their header names: below [Network.Listener],
// which then decides by it, and below TLS. A sender that speaks for itself (LOCAL,
// UNKNOWN, a client of its own machine) keeps its own address. TLVs are ignored.
// What is refused is reset and recorded, in every mode: without its header nobody
// knows whose connection it is.
func (n *Network) ProxyProtocol(inner net.Listener, o ProxyProtocolOptions) (net.Listener, error) {
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	if o.MaxHeader == 0 {
		o.MaxHeader = 2048
	}
	switch {
	case len(o.Senders) == 0 && !o.Unix:
		return nil, errors.New("network: ProxyProtocol: Senders are missing: name the peers that send the header")
	case o.Timeout < 0:
		return nil, fmt.Errorf("network: ProxyProtocol: Timeout is %s: want a positive duration", o.Timeout)
	case o.MaxHeader < 64 || o.MaxHeader > 4096:
		return nil, fmt.Errorf("network: ProxyProtocol: MaxHeader is %d: want 64 to 4096", o.MaxHeader)
	}
	l := &proxyListener{network: n, o: o, reading: make(chan struct{}, maxReading)}
	for i, p := range o.Senders {
		p, err := normalPrefix(p)
		if err == nil && p.Bits() == 0 {
			err = fmt.Errorf("%s lets any client claim any address: name the peers", p)
		}
		if err != nil {
			return nil, fmt.Errorf("network: ProxyProtocol: Senders[%d]: %w", i, err)
		}
		l.senders.set(p, struct{}{})
	}
	return accept.New(inner, l.greet), nil
}

type proxyListener struct {
	network *Network
	o       ProxyProtocolOptions
	senders prefixMap[struct{}]
	reading chan struct{}
}

// greet hands a connection over: at once, or when its header is read.
func (l *proxyListener) greet(to *accept.Listener, c net.Conn) {
	peer, sender := l.sends(c)
	switch {
	case !sender && l.o.Only:
		l.refuse(c, peer, gatehouse.Denied(RuleNotSender, gatehouse.Place{}, "only declared senders of PROXY headers may connect, and the peer is none"))
		return
	case !sender:
		to.Give(l.watched(c, peer))
		return
	}
	select {
	case l.reading <- struct{}{}:
	default:
		l.refuse(c, peer, gatehouse.Denied(RuleBadHeader, gatehouse.Place{}, "%d connections wait for their PROXY header already", maxReading))
		return
	}
	to.Go(func() {
		defer func() { <-l.reading }()
		stop := context.AfterFunc(to.Context(), func() { _ = c.Close() }) // the listener is closed
		defer stop()
		client, d := readProxyHeader(c, l.o)
		if d.Verdict != gatehouse.Pass {
			if to.Context().Err() == nil {
				l.refuse(c, peer, d)
			}
			return
		}
		to.Give(named(c, client))
	})
}

func (l *proxyListener) sends(c net.Conn) (netip.Addr, bool) {
	switch a := c.RemoteAddr().(type) {
	case *net.UnixAddr:
		return netip.Addr{}, l.o.Unix
	case *net.TCPAddr:
		peer := normal(a.AddrPort().Addr())
		_, _, found := l.senders.find(peer, nil)
		return peer, found
	}
	return netip.Addr{}, false
}

func (l *proxyListener) refuse(c net.Conn, peer netip.Addr, d gatehouse.Decision) {
	d.Rung = RungProxyProtocol
	l.network.refusals.add(peer, d, gatehouse.Refused)
	refuse(c)
}

var v2Signature = []byte("\r\n\r\n\x00\r\nQUIT\n")

// readProxyHeader reads exactly the header, so that nothing of what follows stays
// in a buffer of the gate's, and gives the client's address; the zero value where
// the sender speaks for itself.
func readProxyHeader(c net.Conn, o ProxyProtocolOptions) (netip.AddrPort, gatehouse.Decision) {
	if err := c.SetReadDeadline(time.Now().Add(o.Timeout)); err != nil {
		return netip.AddrPort{}, badHeader("the connection takes no deadline")
	}
	header := make([]byte, len(v2Signature), maxV1)
	if n, err := io.ReadFull(c, header); err != nil {
		if v := header[:n]; n > 0 && !bytes.HasPrefix(v2Signature, v) && !bytes.HasPrefix([]byte("PROXY "), v[:min(n, 6)]) {
			return netip.AddrPort{}, noHeader()
		}
		return netip.AddrPort{}, badHeader("the header did not come, or not whole, within the time")
	}
	var err error
	switch {
	case bytes.Equal(header, v2Signature):
		header, err = readV2(c, header, o.MaxHeader)
	case bytes.HasPrefix(header, []byte("PROXY ")):
		header, err = readV1(c, header)
	default:
		return netip.AddrPort{}, noHeader()
	}
	if err != nil {
		return netip.AddrPort{}, badHeader(err.Error())
	}
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		return netip.AddrPort{}, badHeader("the connection takes no deadline")
	}
	client, err := parseProxyHeader(header)
	if err != nil {
		return netip.AddrPort{}, badHeader(err.Error())
	}
	return client, gatehouse.Passed()
}

func noHeader() gatehouse.Decision {
	return gatehouse.Denied(RuleNoHeader, gatehouse.Place{}, "the peer is declared to send a PROXY header on each connection, and sent none: have it send one, or take it out of the senders")
}

func badHeader(words string) gatehouse.Decision {
	return gatehouse.Denied(RuleBadHeader, gatehouse.Place{}, "the PROXY header can't be used: %s", words)
}

var (
	errShort    = errors.New("it ended in the middle, or took too long")
	errLong     = errors.New("it is longer than is read")
	errNoClient = errors.New("it names no client of TCP")
)

func readV1(c net.Conn, header []byte) ([]byte, error) {
	for {
		header = append(header, 0)
		if _, err := io.ReadFull(c, header[len(header)-1:]); err != nil {
			return nil, errShort
		}
		if header[len(header)-1] == '\n' {
			return header, nil
		}
		if len(header) == maxV1 {
			return nil, errLong
		}
	}
}

func readV2(c net.Conn, header []byte, most int) ([]byte, error) {
	header = append(header, make([]byte, v2Fix-len(header))...)
	if _, err := io.ReadFull(c, header[len(v2Signature):]); err != nil {
		return nil, errShort
	}
	rest := int(binary.BigEndian.Uint16(header[v2Fix-2:]))
	if v2Fix+rest > most {
		return nil, errLong
	}
	whole := append(header, make([]byte, rest)...)
	if _, err := io.ReadFull(c, whole[v2Fix:]); err != nil {
		return nil, errShort
	}
	return whole, nil
}

// parseProxyHeader gives the client that a whole header names; the zero value
// where it says that the sender speaks for itself.
func parseProxyHeader(header []byte) (netip.AddrPort, error) {
	h, err := proxyproto.Read(bufio.NewReaderSize(bytes.NewReader(header), max(len(header), 16)))
	if err != nil {
		return netip.AddrPort{}, errors.New("it is none by the specification") // the library's words may hold what was sent
	}
	if h.Command.IsLocal() {
		return netip.AddrPort{}, nil
	}
	switch source := h.SourceAddr.(type) {
	case *net.UnixAddr: // a client on the sender's machine
		return netip.AddrPort{}, nil
	case *net.TCPAddr:
		a := normal(source.AddrPort().Addr())
		switch {
		case a.IsLoopback():
			return netip.AddrPort{}, nil // of the sender's machine, not of this one
		case !a.IsValid() || a.IsUnspecified() || a.IsMulticast():
			return netip.AddrPort{}, errNoClient
		}
		return netip.AddrPortFrom(a, source.AddrPort().Port()), nil
	}
	return netip.AddrPort{}, errNoClient
}
