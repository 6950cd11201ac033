package exposed

import (
	"fmt"
	"net/http"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/input"
)

// Rung is the layer's name on the ladder.
const Rung = "application/exposed"

// The rules that a decision names.
const (
	// RuleVersionControl: a folder of version control.
	RuleVersionControl = "version-control"
	// RuleSettings: a file of settings, keys or credentials.
	RuleSettings = "settings-file"
	// RuleBackup: a copy of a program's file, or a dump of a database.
	RuleBackup = "backup-file"
	// RuleDebug: an endpoint for developers or operators.
	RuleDebug = "debug-endpoint"
	// RuleLong: the path has more segments than are read.
	RuleLong = "long-path"
	// RuleMetrics: numbers and descriptions that are often open on purpose:
	// observed, never refused.
	RuleMetrics = "metrics"
)

// An Opening lets everybody at a path that is closed elsewhere.
type Opening struct {
	Path   string // a pattern of package input: "/debug/" or "/actuator/{name}"
	Reason gatehouse.Reason
}

// Options configure Exposed. The zero value closes everything in the tables.
type Options struct {
	Open []Opening
}

// Exposed is the rung. Make it with [New]. It may be used concurrently.
type Exposed struct {
	open []input.Pattern
}

// New checks the options. Every opening needs a reason.
func New(o Options) (*Exposed, error) {
	e := &Exposed{}
	for i, opening := range o.Open {
		if !opening.Reason.Given() {
			return nil, fmt.Errorf("exposed: Options.Open[%d] (%s) has no reason", i, opening.Path)
		}
		pattern, err := input.ParsePattern(opening.Path)
		if err != nil {
			return nil, fmt.Errorf("exposed: Options.Open[%d]: %w", i, err)
		}
		e.open = append(e.open, pattern)
	}
	return e, nil
}

// Check decides about one request by its path alone. A decision that passes
// with a Rule is to be observed.
func (e *Exposed) Check(r *http.Request) gatehouse.Decision {
	path := r.URL.EscapedPath()
	if ordinary(path) {
		return gatehouse.Passed()
	}
	found, ok := findClosed(path)
	if !ok || e.opened(path) {
		return gatehouse.Passed()
	}
	if found.observe {
		d := gatehouse.Passed()
		d.Rule, d.Evidence = found.rule, "the path is "+found.what+", which is often open on purpose"
		return d
	}
	return gatehouse.Denied(found.rule, gatehouse.Place{Kind: gatehouse.PathSegment}, "the path is %s; open it with `routes: open` and a reason", found.what).
		WithStatus(http.StatusNotFound)
}

func (e *Exposed) opened(path string) bool {
	for _, p := range e.open {
		if p.Match(path) {
			return true
		}
	}
	return false
}

// Handler answers 404 to what Check or CheckAnswer denies, for programs that
// use the package alone; the gate answers in its own words.
func (e *Exposed) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d := e.Check(r); d.Verdict != gatehouse.Pass {
			http.NotFound(w, r)
			return
		}
		if !e.WantsAnswer(r) {
			next.ServeHTTP(w, r)
			return
		}
		h := &holder{w: w, r: r, e: e}
		next.ServeHTTP(h, r)
		h.finish()
	})
}
