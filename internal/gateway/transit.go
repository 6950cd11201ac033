package gateway

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/headers"
	"github.com/gatehousehq/gatehouse/application/protocol"
	"github.com/gatehousehq/gatehouse/application/ratelimit"
	"github.com/gatehousehq/gatehouse/exchange"
	"github.com/gatehousehq/gatehouse/identity/source"
	"github.com/gatehousehq/gatehouse/identity/source/backend"
	"github.com/gatehousehq/gatehouse/network"
)

// ownPrefix is where everything of the gate itself lives.
const ownPrefix = "/_gate/"

// RequestIDHeader tells the client the request's identifier, to quote.
const RequestIDHeader = "Gate-Request-Id"

// A transit is one request on its way up the ladder and its answer on the way
// back, under one assembly.
type transit struct {
	gate    *Gate
	asm     *assembly
	w       *answer
	r       *http.Request
	x       *exchange.Exchange
	client  network.Client
	turn    network.Turn  // among the client's requests in flight
	body    *watchedBody  // nil without a body
	out     *http.Request // what the backend gets; nil before the proxy
	found   source.Found
	attempt attempt
	owns    owned
	// standing is how the client stands with its limits, and retryAfter when it may
	// come again where something else says so.
	standing   ratelimit.Standing
	retryAfter time.Duration
	// setCookie is the gate's own, which goes with the backend's answer.
	setCookie *http.Cookie
	// drops is a cookie that a refusal deletes at the client, who would be refused
	// with it everywhere.
	drops string
	// byAddress is set where the request was refused for its address alone.
	byAddress bool
	// late is the refusal met while the body was already on its way.
	late atomic.Pointer[gatehouse.Decision]
	// whole is set once the backend has sent all of its answer, and left once that
	// was told.
	whole atomic.Bool
	left  bool
}

type (
	requestCheck func(*transit) gatehouse.Decision
	// A responseCheck decides about an answer's head. It may change it where it
	// mends.
	responseCheck func(t *transit, res *http.Response, mends bool) gatehouse.Decision
	// A responseScan begins to read an answer's body; nil does not.
	responseScan func(t *transit, res *http.Response, refuse refuser) bodyScan
	// A responseHold reads an answer before any scan does, and may put another body
	// in its place; with an error nothing of it leaves.
	responseHold func(t *transit, a *activeRung, res *http.Response) error
	// A refuser decides on what a scan found: true is that it must not leave.
	refuser func(gatehouse.Decision) bool
)

// ServeHTTP takes a request up the ladder and to the backend.
func (g *Gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	asm := g.current.Load()
	x, err := g.exchanges.Begin()
	if err != nil {
		g.metrics.shed.Inc()
		writeProblem(w, r, problem{Status: http.StatusServiceUnavailable, RetryAfter: 1})
		return
	}
	defer g.exchanges.End(x)
	x.Method, x.Host, x.Path = r.Method, r.Host, settlePath(r)
	x.Route = asm.route(r.Method, x.Path)
	t := &transit{gate: g, asm: asm, w: &answer{ResponseWriter: w, id: x.ID}, x: x}
	t.w.t = t
	t.r = r.WithContext(context.WithValue(exchange.With(r.Context(), x), transitKey{}, t))
	w.Header().Set(RequestIDHeader, x.ID)
	defer t.end()
	t.watchBody(asm.timeouts)
	if !t.climb() {
		return
	}
	if strings.HasPrefix(t.r.URL.Path, ownPrefix) {
		t.own()
		return
	}
	if !t.assert() {
		return
	}
	x.Unread, x.Writes = t.bringsMore(), t.owns.rules.Written()
	g.promises.add(x.Writes, 1)
	g.watchRows(x, asm.ownership)
	g.backend.Enter(t.r.Context(), x, asm.serialise.match(x.Path))
	defer t.leave()
	asm.proxy.serve(t)
}

// leave tells that the backend is done with the request, or is given up; once.
func (t *transit) leave() {
	if !t.left {
		t.left = true
		t.gate.backend.Leave(t.x, t.whole.Load())
		t.gate.promises.add(t.x.Writes, -1)
	}
}

// climb passes the request rungs in order and reports whether all let it pass.
func (t *transit) climb() bool {
	for i := range t.asm.request {
		step := &t.asm.request[i]
		d := t.guarded(&step.activeRung, func() gatehouse.Decision { return step.check(t) })
		if d, ok := t.judge(&step.activeRung, d); !ok {
			t.byAddress = step.byAddress
			t.refuse(d)
			return false
		}
		if t.bodyStatus() != 0 {
			t.refuseBody()
			return false
		}
		if t.w.status != 0 {
			return false // the rung has answered
		}
	}
	return true
}

// answer answers in the backend's place, without a body.
func (t *transit) answer(status int, header http.Header) {
	for name, values := range header {
		t.w.Header()[name] = values
	}
	t.w.WriteHeader(status)
}

// answered passes the response rungs in order. An answer that was made with a
// refused statement is not looked at: the refusal takes its place.
func (t *transit) answered(res *http.Response) error {
	t.closeAttempt()
	if d, ok := t.x.Refusal(); ok {
		return &refusedError{d}
	}
	for i := range t.asm.response {
		step := &t.asm.response[i]
		if step.hold == nil {
			continue
		}
		if err := step.hold(t, &step.activeRung, res); err != nil {
			return err
		}
	}
	if err := t.scanned(res); err != nil {
		return err
	}
	for i := range t.asm.response {
		step := &t.asm.response[i]
		if step.check == nil {
			continue
		}
		d := t.guarded(&step.activeRung, func() gatehouse.Decision { return step.check(t, res, t.mends(&step.activeRung)) })
		d, ok := t.judge(&step.activeRung, d)
		switch {
		case ok:
		case step.repair != nil && d.Rule != RulePanic:
			step.repair(res)
		default:
			_ = res.Body.Close() // refused: nothing of it is sent
			return &refusedError{d}
		}
	}
	t.watchAnswer(res)
	return nil
}

// refusedError carries a refusal through the proxy to where it is answered.
type refusedError struct{ decision gatehouse.Decision }

func (e *refusedError) Error() string { return "refused by " + e.decision.Rung }

func (t *transit) refuse(d gatehouse.Decision) {
	if d.Close {
		t.w.Header().Set("Connection", "close")
	}
	p := problem{Status: d.HTTPStatus(), Request: t.x.ID}
	if d.Rule == backend.RuleFixation && t.drops != "" {
		p.Cookies = deletions(t.drops, t.host())
	}
	if d.HTTPStatus() == http.StatusTooManyRequests {
		p.RetryAfter = max(t.standing.RetryAfter(), int((t.retryAfter+time.Second-1)/time.Second))
		t.standing.Fields(t.w.Header())
	}
	writeProblem(t.w, t.r, p)
}

// own answers what lives under /_gate/.
func (t *transit) own() {
	switch t.r.URL.Path {
	case headers.ReportPath:
		t.takeReports()
		return
	case keysPath:
		t.asm.who.assertions.ServeHTTP(t.w, t.r)
		return
	}
	writeProblem(t.w, t.r, problem{Status: http.StatusNotFound, Request: t.x.ID})
}

// end counts the request. A panic below is recorded and answered, but for the
// one with which net/http ends a connection.
func (t *transit) end() {
	p := recover()
	t.turn.Leave()
	defer t.seen()
	defer func() { t.gate.metrics.served(t.w.status, t.gate.now().Sub(t.x.Started)) }()
	if p == nil {
		cleanTrailers(t.w.Header())
		return
	}
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		t.asm.proxy.aborted(t)
		panic(http.ErrAbortHandler)
	}
	t.gate.recordCrash(t.r.Context(), t.about(), "", p)
	if t.w.status == 0 {
		writeProblem(t.w, t.r, problem{Status: http.StatusInternalServerError, Request: t.x.ID})
		return
	}
	panic(http.ErrAbortHandler)
}

// answer remembers the status that was sent, and whether sending failed. Unwrap
// gives http.ResponseController what it needs for streams.
type answer struct {
	http.ResponseWriter
	t      *transit
	id     string
	status int
	failed bool // the client has gone, or does not read
}

func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// WriteHeader sends the head. ReverseProxy sends a backend's informational
// answers by it, which no response rung has seen, and empties the header after.
// A backend's 100 Continue is not sent: it has the transport read the body, and
// the first read has net/http send one. Which of the two came first was a
// matter of luck, and where the read did, the client saw both.
func (a *answer) WriteHeader(status int) {
	switch {
	case status == http.StatusContinue:
		return
	case status < 200 && status != http.StatusSwitchingProtocols:
		cleanAnswer(a.Header())
	case a.status == 0:
		a.status = status
		a.Header().Set(RequestIDHeader, a.id)
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	n, err := a.ResponseWriter.Write(p)
	a.failed = a.failed || err != nil
	return n, err
}

// Hijack hands over the connection for another protocol.
func (a *answer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := http.NewResponseController(a.ResponseWriter).Hijack()
	if err == nil {
		protocol.Aside(c)
		a.status = http.StatusSwitchingProtocols
	}
	return c, rw, err
}
