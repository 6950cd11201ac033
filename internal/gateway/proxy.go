package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehousehq/gatehouse/events"
	"github.com/gatehousehq/gatehouse/exchange"
	"github.com/gatehousehq/gatehouse/network"
)

// How long the backend may take, where configuration says nothing. The answer's
// head may take as long as long polling does; its body has no limit.
const (
	dialTimeout     = 5 * time.Second
	idlePerUpstream = 512 // connections kept for the next request
	maxAnswerHead   = 1 << 20
)

// A proxy carries requests to one backend and its answers back.
type proxy struct {
	upstream *url.URL
	reverse  *httputil.ReverseProxy
	http1    *http.Transport
	http2    *http.Transport
	health   *upstreamHealth
	gate     *Gate
}

// upstreamHealth remembers since when the backend fails, over reloads.
type upstreamHealth struct {
	downSince atomic.Int64 // Unix nanoseconds; zero: not failing
}

func newProxy(upstream *url.URL, tlsConfig *tls.Config, headerTimeout time.Duration, g *Gate) *proxy {
	p := &proxy{upstream: upstream, health: &g.health, gate: g}
	p.http1 = newTransport(upstream, tlsConfig, headerTimeout)
	p.http2 = p.http1
	if upstream.Scheme != "https" {
		// gRPC speaks HTTP/2 alone: over a plain connection it does so with
		// prior knowledge.
		p.http2 = newTransport(upstream, tlsConfig, headerTimeout)
		p.http2.Protocols = new(http.Protocols)
		p.http2.Protocols.SetUnencryptedHTTP2(true)
	}
	p.reverse = &httputil.ReverseProxy{
		Rewrite:        p.rewrite,
		Transport:      p,
		ModifyResponse: p.modify,
		ErrorHandler:   p.failed,
		BufferPool:     &bufferPool{},
		ErrorLog:       log.New(io.Discard, "", 0), // what it would say is an event: see aborted
	}
	return p
}

func newTransport(upstream *url.URL, tlsConfig *tls.Config, headerTimeout time.Duration) *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}
	t := &http.Transport{
		DialContext:            dialer.DialContext,
		TLSClientConfig:        tlsConfig,
		TLSHandshakeTimeout:    dialTimeout,
		DisableCompression:     true, // bodies pass as they are
		MaxIdleConnsPerHost:    idlePerUpstream,
		IdleConnTimeout:        90 * time.Second,
		ResponseHeaderTimeout:  headerTimeout,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: maxAnswerHead,
		ForceAttemptHTTP2:      upstream.Scheme == "https",
	}
	if upstream.Scheme == "unix" {
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", upstream.Path)
		}
	}
	return t
}

func (p *proxy) close() {
	p.http1.CloseIdleConnections()
	p.http2.CloseIdleConnections()
}

// RoundTrip chooses the protocol for the backend.
func (p *proxy) RoundTrip(r *http.Request) (*http.Response, error) {
	if isGRPC(r) {
		return p.http2.RoundTrip(r)
	}
	return p.http1.RoundTrip(r)
}

type transitKey struct{}

// serve sends the request on and the answer back.
func (p *proxy) serve(t *transit) {
	if t.r.ProtoMajor == 1 && t.r.ContentLength != 0 {
		// A stream in both directions: without this the whole request body
		// would be read before the answer's first byte.
		_ = http.NewResponseController(t.w).EnableFullDuplex() // not supported by the writer: as before
	}
	p.reverse.ServeHTTP(network.SlowClient(t.w, t.asm.timeouts), t.r)
}

func transitOf(r *http.Request) *transit { return r.Context().Value(transitKey{}).(*transit) }

// rewrite makes the request for the backend. Names that a client must not set
// are gone already (network/headers).
func (p *proxy) rewrite(pr *httputil.ProxyRequest) {
	t := transitOf(pr.In)
	out := pr.Out
	t.out = out
	p.direct(out)
	out.URL.Opaque = opaque(pr.In)
	out.URL.RawQuery = pr.In.URL.RawQuery                                 // as sent: ReverseProxy drops what it can't parse
	network.Clean(out.Trailer, false, t.asm.config.Network.RemoveHeaders) // a body that was held has brought them
	out.Host = pr.In.Host
	t.names(out.Header, t.x)
}

// names says to the backend who asks it, and by which exchange.
func (t *transit) names(h http.Header, x *exchange.Exchange) {
	h.Set("X-Forwarded-For", t.forwardedFor())
	h.Set("X-Forwarded-Proto", t.client.Proto)
	h.Set("X-Forwarded-Host", t.host())
	h.Set(RequestIDHeader, x.ID)
	h.Set("Traceparent", x.Traceparent())
}

// modify passes the answer through the response rungs.
func (p *proxy) modify(res *http.Response) error {
	p.recovered()
	t := transitOf(res.Request)
	t.watchEnd(res)
	if t.body != nil {
		t.body.Answering()
	}
	t.secureLocation(res)
	return t.answered(res)
}

// recovered records the first answer after failures.
func (p *proxy) recovered() {
	if since := p.health.downSince.Load(); since != 0 && p.health.downSince.CompareAndSwap(since, 0) {
		after := p.gate.now().Sub(time.Unix(0, since))
		p.gate.record(context.Background(), events.UpstreamRecovered(p.name(), after))
	}
}

// failed answers where the backend did not, and where a rung refused while the
// request or the answer was under way.
func (p *proxy) failed(_ http.ResponseWriter, r *http.Request, err error) {
	t := transitOf(r)
	if d := t.late.Load(); d != nil {
		t.refuse(*d)
		return
	}
	var refused *refusedError
	if errors.As(err, &refused) {
		t.refuse(refused.decision)
		return
	}
	if r.Context().Err() != nil && !t.cutOff() && !t.misframed() {
		// The client has gone. Nobody reads what is answered.
		panic(http.ErrAbortHandler)
	}
	if t.bodyStatus() != 0 {
		t.refuseBody()
		return
	}
	if t.expired() {
		t.answerExpired()
		return
	}
	kind, status := classify(err)
	t.whole.Store(kind == "down") // it never had the request
	if kind == "down" {
		t.unjudged()
	}
	p.health.downSince.CompareAndSwap(0, p.gate.now().UnixNano())
	p.gate.metrics.upstreamFailures.WithLabelValues(kind).Inc()
	p.gate.record(r.Context(), events.UpstreamFailed(t.about(), p.name(), kind, err, status))
	writeProblem(t.w, r, problem{Status: status, Request: t.x.ID, RetryAfter: 1})
}

// aborted is called where the answer's body broke off after its head was sent.
func (p *proxy) aborted(t *transit) {
	if t.w.failed || t.r.Context().Err() != nil || t.late.Load() != nil || t.expired() || t.refusedLate() {
		return
	}
	p.gate.metrics.upstreamFailures.WithLabelValues("cut").Inc()
	p.gate.record(context.Background(), events.UpstreamFailed(t.about(), p.name(), "cut",
		errors.New("the answer broke off before its end"), t.w.status))
}

// name is the backend's address for events, without credentials.
func (p *proxy) name() string { return p.upstream.Redacted() }

// notHTTP are what net/http says of an answer that it does not take; it gives
// such errors no type.
var notHTTP = [...]string{"malformed", "transport connection broken", "server gave HTTP response", "switch protocol"}

// classify says what kind of failure an error of the transport is, and what
// the client is told.
func classify(err error) (kind string, status int) {
	var op *net.OpError
	var timeout net.Error
	switch {
	case errors.As(err, &op) && op.Op == "dial":
		return "down", http.StatusBadGateway
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return "timeout", http.StatusGatewayTimeout
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), op != nil:
		return "cut", http.StatusBadGateway
	}
	for _, words := range notHTTP {
		if strings.Contains(err.Error(), words) {
			return "garbage", http.StatusBadGateway
		}
	}
	var cert *tls.CertificateVerificationError
	if errors.As(err, &cert) {
		return "certificate", http.StatusBadGateway
	}
	return "cut", http.StatusBadGateway
}

// secureLocation mends redirects of a backend that believes it is served over
// plain HTTP, or at its own address: to this very host, they become relative
// to what the client sees.
func (t *transit) secureLocation(res *http.Response) {
	location := res.Header.Get("Location")
	if location == "" {
		return
	}
	u, err := url.Parse(location)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return
	}
	own := (strings.EqualFold(u.Host, t.r.Host) || strings.EqualFold(u.Host, t.host())) && u.Scheme != t.client.Proto
	if !own && !strings.EqualFold(u.Host, t.asm.proxy.upstream.Host) {
		return
	}
	// The rest stays as it was written: u.String would spell it anew.
	_, rest, _ := strings.Cut(location, "://")
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[end:]
	} else {
		rest = ""
	}
	res.Header.Set("Location", t.client.Proto+"://"+t.host()+rest)
}

// host is the host that the client addressed.
func (t *transit) host() string {
	if t.client.Host != "" {
		return t.client.Host
	}
	return t.r.Host
}

// forwardedFor is the client's settled address: one, since everything that the
// client claimed was taken out.
func (t *transit) forwardedFor() string {
	if !t.client.Addr.IsValid() {
		return "unknown"
	}
	return t.client.Addr.String()
}

// bufferPool keeps copying at constant memory (32 KiB, as io.Copy).
type bufferPool struct{ pool sync.Pool }

func (b *bufferPool) Get() []byte {
	if buf, ok := b.pool.Get().(*[]byte); ok {
		return *buf
	}
	return make([]byte, 32<<10)
}

func (b *bufferPool) Put(buf []byte) { b.pool.Put(&buf) }
