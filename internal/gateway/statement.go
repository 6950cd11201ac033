package gateway

import (
	"context"
	"io"
	"net/http"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/data/guard"
	"github.com/gatehousehq/gatehouse/events"
	"github.com/gatehousehq/gatehouse/exchange"
	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/taint"
)

// A statementStep is data/guard as configured.
type statementStep struct {
	activeRung
	modes guard.Modes
}

func (g *Gate) statementStep(c *config.Config) statementStep {
	s := statementStep{activeRung: g.activate(statementRungs()[0], c)}
	s.modes = guard.Modes{Unknown: s.modeOf(taint.RuleUnknown), Password: s.modeOf(guard.RulePassword)}
	if g.observe {
		s.modes.Unknown = max(s.modes.Unknown, gatehouse.Observe)
		s.modes.Password = max(s.modes.Password, gatehouse.Observe)
	}
	return s
}

// Judge judges a statement before it reaches the database, as taint/sqldriver
// asks for it: an error refuses. x is the exchange that caused it, nil for the
// application's own work. Where a statement is refused the client of x is
// refused too, in place of the backend's answer.
func (g *Gate) Judge(ctx context.Context, x *exchange.Exchange, st taint.Statement) error {
	asm := g.current.Load()
	step := &asm.statement
	if step.mode == gatehouse.Off {
		return nil
	}
	j := g.checkStatement(ctx, asm, x, st)
	if j.Quiet() {
		return nil
	}
	s := g.statementSubject(ctx, asm, x)
	if j.Decision.Verdict != gatehouse.Pass {
		s.observed = j.Foreign
		d, ok := s.settle(&step.activeRung, j.Decision, j.Event)
		if !ok {
			g.refuseStatement(ctx, x, d, j.Attack())
			return &refusedError{d}
		}
	}
	if err := g.guard.Passed(context.WithoutCancel(ctx), x, s.about, s.route, j); err != nil {
		g.logger.Error("a finding could not be recorded", "error", err)
	}
	return nil
}

// checkStatement runs the check; one that panics denies.
func (g *Gate) checkStatement(ctx context.Context, asm *assembly, x *exchange.Exchange, st taint.Statement) (j guard.Judgement) {
	defer func() {
		if p := recover(); p != nil {
			j = guard.Judgement{Decision: g.statementSubject(ctx, asm, x).crashed(&asm.statement.activeRung, p)}
		}
	}()
	return g.guard.Check(x, st, asm.statement.modes)
}

// refuseStatement refuses the exchange, and counts an attack against its client,
// once, however often the backend tries.
func (g *Gate) refuseStatement(ctx context.Context, x *exchange.Exchange, d gatehouse.Decision, attack bool) {
	if x == nil {
		return
	}
	_, before := x.Refusal()
	x.Refuse(d)
	if attack && !before {
		g.network.Strike(context.WithoutCancel(ctx), x.Client, 1, "SQL injection")
	}
}

func (g *Gate) statementSubject(ctx context.Context, asm *assembly, x *exchange.Exchange) subject {
	s := subject{gate: g, asm: asm, ctx: ctx, route: config.Background}
	if x != nil {
		s.about = aboutOf(x)
		s.route, s.method, s.path = x.Route, x.Method, x.Path
	}
	return s
}

// aboutOf is what events say of an exchange.
func aboutOf(x *exchange.Exchange) events.About {
	a := events.About{Request: x.ID, Principal: x.Principal.ID, Method: x.Method, Host: x.Host, Path: x.Path}
	if x.Client.IsValid() {
		a.Client = x.Client.String()
	}
	return a
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
