package gateway

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/data/guard"
	"github.com/gatehousehq/gatehouse/data/policy"
	"github.com/gatehousehq/gatehouse/data/sqlgate"
	"github.com/gatehousehq/gatehouse/events"
	"github.com/gatehousehq/gatehouse/exchange"
	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/taint"
)

// This file has what becomes of a statement, whichever way it comes: through
// taint/sqldriver, from a program in the gate's own process, or through an SQL
// gate (sqlgate.go).

// statementSteps are the statement rungs as configured.
type statementSteps struct {
	account, policy, guard activeRung
	modes                  guard.Modes
	rules                  *policy.Policy
}

func (g *Gate) statementSteps(c *config.Config) (s statementSteps, err error) {
	for _, r := range statementRungs() {
		switch active := g.activate(r, c); r.name {
		case sqlgate.Rung:
			s.account = active
		case policy.Rung:
			s.policy = active
		case guard.Rung:
			s.guard = active
		}
	}
	s.modes = guard.Modes{Unknown: s.guard.modeOf(taint.RuleUnknown), Password: s.guard.modeOf(guard.RulePassword)}
	if g.observe {
		s.modes.Unknown = max(s.modes.Unknown, gatehouse.Observe)
		s.modes.Password = max(s.modes.Password, gatehouse.Observe)
	}
	s.rules, err = policyOf(c)
	return s, err
}

// Judge judges a statement before it reaches the database, as taint/sqldriver
// asks for it: an error refuses. x is the exchange that caused it, nil for what
// no request is known to have caused.
func (g *Gate) Judge(ctx context.Context, x *exchange.Exchange, st taint.Statement) error {
	c := statementCase{gate: g, ctx: ctx, asm: g.current.Load(), st: st}
	if x != nil {
		c.by = exchange.Attribution{Exchange: x, How: exchange.Exact}
	}
	if d, ok := c.guarded(); !ok {
		return &refusedError{d}
	}
	return nil
}

// A statementCase is one statement before its rungs.
type statementCase struct {
	gate *Gate
	ctx  context.Context
	asm  *assembly
	by   exchange.Attribution
	st   taint.Statement
	// judgement is data/guard's, where the rung is not off.
	judgement guard.Judgement
	// answers is whose request is refused with the statement, once it is.
	answers *exchange.Exchange
}

// guarded passes data/guard alone.
func (c *statementCase) guarded() (gatehouse.Decision, bool) {
	if c.asm.statement.guard.mode == gatehouse.Off {
		return gatehouse.Passed(), true
	}
	c.checkGuard()
	d, ok := c.settleGuard()
	if ok {
		c.passed()
	}
	return d, ok
}

// settleGuard makes of data/guard's judgement what happens.
func (c *statementCase) settleGuard() (gatehouse.Decision, bool) {
	j := &c.judgement
	if j.Decision.Verdict == gatehouse.Pass {
		return j.Decision, true
	}
	x := c.answering()
	s := c.subject(x)
	s.observed = j.Foreign
	d, ok := s.settle(&c.asm.statement.guard, j.Decision, j.Event)
	if !ok {
		likely := c.by.Proven() == nil && j.Evidence().Backward
		c.refuse(x, d, j.Attack() && !likely)
	}
	return d, ok
}

// passed tells data/guard that the statement goes on.
func (c *statementCase) passed() {
	if c.judgement.Quiet() {
		return
	}
	s := c.subject(c.answering())
	if err := c.gate.guard.Passed(context.WithoutCancel(c.ctx), s.about, s.route, c.judgement); err != nil {
		c.gate.logger.Error("a finding could not be recorded", "error", err)
	}
}

// checkGuard runs the check; one that panics denies.
func (c *statementCase) checkGuard() {
	defer func() {
		if p := recover(); p != nil {
			c.judgement = guard.Judgement{Decision: c.subject(c.by.Proven()).crashed(&c.asm.statement.guard, p)}
		}
	}()
	c.judgement = c.gate.guard.Check(c.by, c.st, c.asm.statement.modes)
}

// answering is the exchange whose request a statement is told to be of, and
// which is refused with it; nil where that would be a guess. Where a value said
// whose it is, the input that speaks against it must be the same one's. Where
// nothing did, it is who alone has sent that input: it is nobody else's doing.
func (c *statementCase) answering() *exchange.Exchange {
	x, e := c.by.Proven(), c.judgement.Evidence()
	switch {
	case c.by.How == exchange.Exact, e == taint.Evidence{}:
		return x
	case x != nil && e.Exchange == x.ID:
		return x
	case x != nil:
		return nil // the two contradict
	case c.by.How == exchange.Alone && e.Exchange == c.by.Exchange.ID && e.Place.Kind != gatehouse.Row:
		return c.by.Exchange
	}
	return c.gate.backend.Blame(e)
}

// subject is what events say of the statement, and what entries match.
func (c *statementCase) subject(x *exchange.Exchange) subject {
	s := subject{gate: c.gate, asm: c.asm, ctx: c.ctx, route: config.Background}
	if x != nil {
		s.about = aboutOf(x)
		s.route, s.method, s.path = x.Route, x.Method, x.Path
	}
	return s
}

// refuse refuses the exchange's request, and counts an attack against its client,
// once, however often the backend tries.
func (c *statementCase) refuse(x *exchange.Exchange, d gatehouse.Decision, attack bool) {
	c.answers = x
	if x == nil {
		return
	}
	_, before := x.Refusal()
	x.Refuse(d)
	if attack && !before {
		c.gate.network.Strike(context.WithoutCancel(c.ctx), x.Client, 1, "SQL injection")
	}
}

// aboutOf is what events say of an exchange.
func aboutOf(x *exchange.Exchange) events.About {
	a := events.About{Request: x.ID, Principal: x.Principal.ID, Method: x.Method, Host: x.Host, Path: x.Path}
	if x.Client.IsValid() {
		a.Client = x.Client.String()
	}
	return a
}

// watchEnd notes when the backend has sent all of its answer. A connection that
// was upgraded ends without that being known.
func (t *transit) watchEnd(res *http.Response) {
	switch {
	case res.StatusCode == http.StatusSwitchingProtocols:
	case res.Body == nil || res.Body == http.NoBody:
		t.whole.Store(true)
	default:
		res.Body = &endedAnswer{ReadCloser: res.Body, transit: t}
	}
}

// What is left of an answer that the gate refused is read up to so much, for so
// long: where the gate refused a statement it is the backend's words about that, and
// short; where it refused the answer, it may be a list.
const (
	restMost = 4 << 20
	restFor  = 250 * time.Millisecond
)

type endedAnswer struct {
	io.ReadCloser
	transit *transit
	// reading is held by one reader at a time: where an answer is looked at as
	// it comes, another goroutine may still read when it is closed.
	reading sync.Mutex
}

// Close reads what nobody read, within bounds: a backend that has said all is
// known to be done with the request. Otherwise one refused statement would
// leave it open for exchange.Unfinished whose every other statement is.
func (a *endedAnswer) Close() error {
	if !a.transit.whole.Load() && a.transit.r.Context().Err() == nil {
		late := time.AfterFunc(restFor, func() { _ = a.ReadCloser.Close() }) // ends the read below
		_, _ = io.CopyN(io.Discard, a, restMost)                             // Read notes its end
		late.Stop()
	}
	return a.ReadCloser.Close()
}

func (a *endedAnswer) Read(p []byte) (int, error) {
	a.reading.Lock()
	defer a.reading.Unlock()
	n, err := a.ReadCloser.Read(p)
	if err == io.EOF {
		a.transit.whole.Store(true)
	}
	return n, err
}

// watchAnswer has the answer's body cut where a statement is refused after its
// head was sent: the rest was made without that statement, or is the backend's
// own words about it.
func (t *transit) watchAnswer(res *http.Response) {
	if res.StatusCode != http.StatusSwitchingProtocols && res.Body != nil && res.Body != http.NoBody {
		res.Body = &watchedAnswer{res.Body, t}
	}
}

type watchedAnswer struct {
	io.ReadCloser
	transit *transit
}

func (a *watchedAnswer) Read(p []byte) (int, error) {
	n, err := a.ReadCloser.Read(p)
	if d, refused := a.transit.x.Refusal(); refused {
		return 0, &refusedError{d}
	}
	return n, err
}

// refusedLate reports whether a statement was refused.
func (t *transit) refusedLate() bool {
	_, refused := t.x.Refusal()
	return refused
}
