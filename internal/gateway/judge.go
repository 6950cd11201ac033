package gateway

import (
	"context"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/events"
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

// judge turns a check's decision into what happens. It is the only place that
// does: mode, `allow` entries, the event, the counts. It reports whether the
// request may go on, and the decision with its rung and route filled in.
func (t *transit) judge(a *activeRung, d gatehouse.Decision) (gatehouse.Decision, bool) {
	if d.Verdict == gatehouse.Pass {
		return d, true
	}
	if !a.fixed && a.modeOf(d.Rule) == gatehouse.Off {
		return d, true // this rule alone; a rung that is off does not run
	}
	d.Rung = a.name
	if d.Route == "" {
		d.Route = t.x.Route
	}
	now := t.gate.now()
	outcome := gatehouse.Refused
	if !a.fixed {
		outcome = t.outcome(a, d, now)
	}
	a.hits.add(outcome, now)
	t.gate.metrics.decided(d.Rung, outcome)
	e := a.event(t.about(), d, outcome)
	e.Status = d.HTTPStatus()
	if err := t.gate.events.Record(t.r.Context(), e); err != nil && outcome != gatehouse.Refused {
		if !t.asm.mayPassUnrecorded() {
			d.Status = http.StatusServiceUnavailable
			return d, false
		}
	}
	return d, outcome != gatehouse.Refused
}

func (t *transit) outcome(a *activeRung, d gatehouse.Decision, now time.Time) gatehouse.Outcome {
	if a.modeOf(d.Rule) == gatehouse.Observe || t.asm.observe {
		return gatehouse.Observed
	}
	if t.asm.allow.matches(d, t.r.Method, t.x.Path, now) {
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
		t.gate.recordCrash(t.r.Context(), t.about(), a.name, p)
		d = gatehouse.Denied(RulePanic, gatehouse.Place{}, "The check failed; a check that fails refuses.").WithStatus(http.StatusInternalServerError)
	}()
	return check()
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
	a := events.About{
		Request: t.x.ID, Principal: t.x.Principal.ID,
		Method: t.r.Method, Host: t.r.Host, Path: t.x.Path,
	}
	if t.x.Client.IsValid() {
		a.Client = t.x.Client.String()
	}
	return a
}
