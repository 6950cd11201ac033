package gateway

import (
	"context"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/events"
	"github.com/gatehousehq/gatehouse/identity/throttle"
)

// RulePanic names the refusal of a check that panicked.
const RulePanic = "panic"

// An activeRung is a line of the ladder as configured.
type activeRung struct {
	*rung
	// mode and ruleModes are what the configuration made of the shipped ones.
	mode      gatehouse.Mode
	ruleModes map[string]gatehouse.Mode
	hits      *hits
}

// modeOf is the mode in which a rule of the rung is.
func (a *activeRung) modeOf(rule string) gatehouse.Mode {
	if m, ok := a.ruleModes[rule]; ok {
		return m
	}
	return a.mode
}

// hits counts what became of a rung's refusals since the gate started.
type hits struct {
	refused, observed, allowed atomic.Uint64
	last                       atomic.Int64 // Unix seconds
}

func (h *hits) add(o gatehouse.Outcome, now time.Time) {
	h.last.Store(now.Unix())
	switch o {
	case gatehouse.Refused:
		h.refused.Add(1)
	case gatehouse.Observed:
		h.observed.Add(1)
	case gatehouse.Allowed:
		h.allowed.Add(1)
	}
}

// A subject is what a decision is about, as modes, `allow` entries and events
// know it: a request with its answer.
type subject struct {
	gate  *Gate
	asm   *assembly
	ctx   context.Context
	about events.About
	// route, method and path are what an entry's path is held to; all empty for
	// what no request caused.
	route, method, path string
	// observed is set where the decision may be recorded and no more.
	observed bool
}

// judge turns a check's decision about a request or its answer into what
// happens: see settle.
func (t *transit) judge(a *activeRung, d gatehouse.Decision) (gatehouse.Decision, bool) {
	if d.Verdict == gatehouse.Pass {
		return d, true
	}
	event := a.event
	if a.name == throttle.Rung {
		event = t.throttled
	}
	return t.subject().settle(a, d, event)
}

func (t *transit) subject() subject {
	return subject{
		gate: t.gate, asm: t.asm, ctx: t.r.Context(), about: t.about(),
		route: t.x.Route, method: t.r.Method, path: t.x.Path,
	}
}

// An eventOf makes the event of a decision that denied.
type eventOf func(events.About, gatehouse.Decision, gatehouse.Outcome) gatehouse.Event

// settle turns a decision that denied into what happens. It is the only place
// that does: mode, `allow` entries, the event, the counts. It reports whether
// the subject may go on, and the decision with its rung and route filled in.
func (s subject) settle(a *activeRung, d gatehouse.Decision, event eventOf) (gatehouse.Decision, bool) {
	if !a.fixed && a.modeOf(d.Rule) == gatehouse.Off {
		return d, true // this rule alone; a rung that is off does not run
	}
	d.Rung = a.name
	if d.Route == "" {
		d.Route = s.route
	}
	now := s.gate.now()
	outcome := gatehouse.Refused
	if !a.fixed {
		outcome = s.outcome(a, d, now)
	}
	a.hits.add(outcome, now)
	s.gate.metrics.decided(d.Rung, outcome)
	e := event(s.about, d, outcome)
	e.Status = d.HTTPStatus()
	// A client that hangs up does not keep its event from being written.
	if err := s.gate.events.Record(context.WithoutCancel(s.ctx), e); err != nil && outcome != gatehouse.Refused {
		if !s.asm.mayPassUnrecorded() {
			d.Status = http.StatusServiceUnavailable
			return d, false
		}
	}
	return d, outcome != gatehouse.Refused
}

func (s subject) outcome(a *activeRung, d gatehouse.Decision, now time.Time) gatehouse.Outcome {
	if a.modeOf(d.Rule) == gatehouse.Observe || s.asm.observe || s.observed {
		return gatehouse.Observed
	}
	if s.asm.allow.matches(d, s.method, s.path, now) {
		return gatehouse.Allowed
	}
	return gatehouse.Refused
}

// guarded runs a check; one that panics denies.
func (t *transit) guarded(a *activeRung, check func() gatehouse.Decision) (d gatehouse.Decision) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if p == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so too
			panic(p)
		}
		d = t.subject().crashed(a, p)
	}()
	return check()
}

// crashed is the decision of a check that panicked.
func (s subject) crashed(a *activeRung, recovered any) gatehouse.Decision {
	s.gate.recordCrash(s.ctx, s.about, a.name, recovered)
	return gatehouse.Denied(RulePanic, gatehouse.Place{}, "The check failed; a check that fails refuses.").WithStatus(http.StatusInternalServerError)
}

// recordCrash records a panic; the client learns nothing of it.
func (g *Gate) recordCrash(ctx context.Context, about events.About, rung string, recovered any) {
	g.record(ctx, events.SysCrash(about, rung, recovered, debug.Stack()))
}

// record records an event that decides nothing. A failure is counted and
// logged by the sink itself.
func (g *Gate) record(ctx context.Context, e gatehouse.Event) {
	if err := g.events.Record(ctx, e); err != nil {
		g.logger.Error("an event could not be recorded", "event", e.Name, "error", err)
	}
}

// about is what events say of the request.
func (t *transit) about() events.About {
	a := aboutOf(t.x)
	a.Method, a.Host = t.r.Method, t.r.Host
	return a
}
