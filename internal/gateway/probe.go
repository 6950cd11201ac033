package gateway

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gatehousehq/gatehouse/application/ownership"
	"github.com/gatehousehq/gatehouse/identity/signin"
	"github.com/gatehousehq/gatehouse/identity/source"
	"github.com/gatehousehq/gatehouse/identity/source/backend"
	"github.com/gatehousehq/gatehouse/input"
)

// This file asks the backend for a thing with the caller's own credentials: see
// ownership.Prober.

const (
	// probeFor is how long a probe may take.
	probeFor = 5 * time.Second
	// maxProbes is how many are under way at once: the backend has other work.
	maxProbes = 64
	// untoldFor is how long a session is not asked again whose answers told no name,
	// and maxUntold of how many that is remembered.
	untoldFor = 10 * time.Second
	maxUntold = 1 << 14
	// probeHeader marks a probe to the backend, which may leave it out of what it
	// counts. Clients can't set it: Gate-* is taken from them.
	probeHeader = "Gate-Probe"
)

var errProbes = errors.New("too many probes are under way")

// prober asks for a transit.
type prober struct{ t *transit }

// leftBehind are fields of the caller's request that are about that request alone.
var leftBehind = []string{
	"Connection", "Upgrade", "Te", "Trailer", "Transfer-Encoding", "Expect", "Keep-Alive", "Proxy-Connection", "Content-Length", "Content-Type",
	"Content-Encoding", "Content-Language", "Content-Md5", "Digest", "Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since",
	"X-Http-Method-Override", "X-Http-Method", "X-Method-Override",
}

// Probe sends a GET of an escaped path, as an exchange of its own.
func (p prober) Probe(ctx context.Context, path string) (*ownership.Answer, error) {
	t, g := p.t, p.t.gate
	select {
	case g.probes <- struct{}{}:
		defer func() { <-g.probes }()
	default:
		return nil, errProbes
	}
	ctx, cancel := context.WithTimeout(ctx, probeFor)
	defer cancel()
	x, err := g.exchanges.Begin()
	if err != nil {
		return nil, err
	}
	defer g.exchanges.End(x)
	u, err := url.ParseRequestURI(path)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	r.Header = t.r.Header.Clone()
	for _, name := range leftBehind {
		r.Header.Del(name)
	}
	x.Method, x.Host, x.Path = r.Method, t.r.Host, u.EscapedPath()
	x.Route = t.asm.route(r.Method, x.Path)
	x.Client, x.Principal = t.x.Client, t.x.Principal
	if parser, err := input.New(input.Options{}); err == nil {
		x.Inputs, _ = parser.ParseHead(r) // what it could not read, the guard says of itself
	}
	t.asm.proxy.direct(r)
	r.Host = t.r.Host
	t.names(r.Header, x)
	r.Header.Set(probeHeader, "ownership")
	if err := t.asm.who.assertions.Set(r.Header, x.Principal, t.found.Credential); err != nil {
		return nil, err
	}
	g.watchRows(x, t.asm.ownership)
	whole := false
	g.backend.Enter(ctx, x, false)
	defer func() { g.backend.Leave(x, whole) }()
	res, err := t.asm.proxy.http1.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	res.Request = r
	held, err := holdAnswer(res, t.asm.ownership.Limit())
	if err != nil {
		return nil, err
	}
	whole = held.answer.Whole
	if _, refused := x.Refusal(); refused {
		return nil, errors.New("a statement of the probe was refused")
	}
	held.answer.Rows = g.rows(x)
	return &held.answer, nil
}

// direct turns a request to the backend: its scheme, host and path.
func (p *proxy) direct(out *http.Request) {
	out.URL.Scheme, out.URL.Host = p.upstream.Scheme, p.upstream.Host
	if p.upstream.Scheme == "unix" {
		out.URL.Scheme, out.URL.Host = "http", "unix"
	}
	if base := strings.TrimSuffix(p.upstream.Path, "/"); base != "" && p.upstream.Scheme != "unix" {
		out.URL.Path = base + out.URL.Path
		if out.URL.RawPath != "" {
			out.URL.RawPath = p.upstream.EscapedPath() + out.URL.RawPath
		}
	}
}

// asksMe asks the routes that tell who is signed in, where a session is known and the
// person's name in the backend's data is not. It reports whether that told anything.
func (t *transit) asksMe() bool {
	if t.found.Outcome != source.Known || t.found.Principal.Issuer != backend.Issuer {
		return false
	}
	g, now := t.gate, t.gate.now()
	if _, told := g.untold.Get(t.found.Credential, now); told {
		return false
	}
	before := len(t.x.Principal.Aliases)
	for _, me := range t.asm.config.Identity.BackendSession.Me {
		if strings.Contains(me.Path, "{") {
			continue
		}
		ctx := context.WithoutCancel(t.r.Context())
		answer, err := prober{t}.Probe(t.r.Context(), me.Path)
		if err != nil || answer.Status != http.StatusOK || !answer.Whole {
			continue
		}
		asked, err := http.NewRequestWithContext(ctx, http.MethodGet, me.Path, http.NoBody)
		if err != nil {
			continue
		}
		asked.Header = t.r.Header
		if err := t.asm.who.sessions.Follow(ctx, asked, nil, signin.Answer{Status: answer.Status, Body: answer.Body}); err != nil {
			t.gate.logger.Error("a session could not be written down: a restart may forget it", "error", err)
		}
	}
	t.found = t.asm.who.source.Find(t.r.Context(), t.r)
	if t.found.Outcome == source.Known {
		t.x.Principal = t.found.Principal
	}
	if len(t.x.Principal.Aliases) > before {
		return true
	}
	g.untold.Put(t.found.Credential, struct{}{}, now.Add(untoldFor), now)
	return false
}
