package gateway

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/protocol"
	"github.com/gatehousehq/gatehouse/internal/config"
)

// This file joins application/protocol to its two lines of the ladder: what a
// connection says, and what a request asks.

func (g *Gate) protocolOptions(c *config.Config) protocol.Options {
	s := c.Application.Protocol
	o := protocol.Options{
		Hosts: s.Hosts, Head: int(s.Head), URL: int(s.URL), Fields: s.Fields, Body: int64(s.Body),
		Handshake: c.Network.Timeouts.Header.Std(), Refuse: g.refuseConnection,
		Failed: func(c net.Conn, err error) {
			g.logger.Debug("a TLS handshake failed", "client", c.RemoteAddr().String(), "error", err)
		},
	}
	if len(o.Hosts) == 0 && c.Site != "" {
		o.Site = siteHosts(c)
	}
	return o
}

// protocolListenerRung reads what clients send before net/http does.
func protocolListenerRung(g *Gate) wrapListener {
	return func(l net.Listener) (net.Listener, error) {
		return protocol.Listener(l, func() *protocol.Protocol { return g.current.Load().protocol }), nil
	}
}

func protocolRung(c *config.Config, g *Gate) (requestCheck, error) {
	rung, err := protocol.New(g.protocolOptions(c))
	if err != nil {
		return nil, err
	}
	return func(t *transit) gatehouse.Decision {
		protocol.WithoutUpgrade(t.r.Header)
		if c.Application.Protocol.Body > 0 && t.r.ContentLength < 0 {
			t.r.Body = &limitedBody{ReadCloser: t.r.Body, left: int64(c.Application.Protocol.Body), t: t, rung: rung}
		}
		return rung.Check(t.r, t.host(), t.x.Path)
	}, nil
}

// A limitedBody is a body of unknown length that is refused where it is too long.
type limitedBody struct {
	io.ReadCloser
	left int64
	t    *transit
	rung *protocol.Protocol
	err  error
}

func (b *limitedBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left >= 0 {
		return n, err
	}
	d, ok := b.t.judge(b.t.asm.rungByName(protocol.Rung), b.rung.TooLarge())
	if ok {
		b.left = 1 << 62
		return n, err
	}
	b.t.late.Store(&d)
	b.err = &refusedError{d}
	return 0, b.err
}

// refuseConnection decides on what a connection's bytes break, and gives the answer.
func (g *Gate) refuseConnection(r protocol.Refusal) []byte {
	asm := g.current.Load()
	x, err := g.exchanges.Begin()
	if err != nil {
		return connectionAnswer(problem{Status: http.StatusServiceUnavailable, RetryAfter: 1})
	}
	defer g.exchanges.End(x)
	if a, err := netip.ParseAddrPort(r.Conn.RemoteAddr().String()); err == nil {
		x.Client = a.Addr().Unmap()
	}
	x.Method, x.Host = r.Method, r.Host
	x.Path, _, _ = strings.Cut(r.Target, "?")
	s := subject{gate: g, asm: asm, ctx: context.Background(), about: aboutOf(x), method: r.Method, path: x.Path}
	a := asm.rungByName(protocol.Rung)
	d, ok := s.settle(a, r.Decision, a.event)
	if ok {
		return nil
	}
	return connectionAnswer(problem{Status: d.HTTPStatus(), Request: x.ID})
}

// connectionAnswer is an answer as it stands on the wire.
func connectionAnswer(p problem) []byte {
	w := &memoryAnswer{header: http.Header{}}
	if p.Request != "" {
		w.header.Set(RequestIDHeader, p.Request)
	}
	writeProblem(w, &http.Request{Header: http.Header{}}, p)
	res := &http.Response{
		StatusCode: w.status, ProtoMajor: 1, ProtoMinor: 1, Header: w.header,
		Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()), Close: true,
	}
	var out bytes.Buffer
	_ = res.Write(&out) // a buffer takes everything
	return out.Bytes()
}

// A memoryAnswer is an answer that is not sent yet.
type memoryAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *memoryAnswer) Header() http.Header         { return w.header }
func (w *memoryAnswer) WriteHeader(status int)      { w.status = status }
func (w *memoryAnswer) Write(p []byte) (int, error) { return w.body.Write(p) }
