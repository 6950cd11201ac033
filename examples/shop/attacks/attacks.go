package attacks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/gatehousehq/gatehouse/examples/shop"
)

// Kind says what a case is.
type Kind uint8

const (
	// Attack is a case that should fail behind a gate.
	Attack Kind = iota
	// Ordinary is a case that must work, bare and behind a gate.
	Ordinary
)

func (k Kind) String() string {
	if k == Ordinary {
		return "ordinary"
	}
	return "attack"
}

// A Case is one attack or one ordinary use.
type Case struct {
	// ID names the case, such as "sqli-login".
	ID    string
	Title string
	Kind  Kind
	// Class is the kind of hole, such as "SQL injection".
	Class string
	// Try says how a person tries it by hand; {base} is the shop's address.
	Try string
	// Stops are the rungs that are meant to stop the attack, some of which
	// may not be built yet.
	Stops []string
	// Superuser: the attack has its effect only where the shop's account of the
	// database is a superuser's.
	Superuser bool
	// Run does it. An error means that it could not be tried at all.
	Run func(context.Context, *Target) (Result, error)
}

// A Target is the shop to try cases on.
type Target struct {
	// Base is the shop's address, such as http://127.0.0.1:8080/. Its host is
	// what the browser shows: the site.
	Base *url.URL
	// Client sends the requests: its Transport and Timeout are used. Cookies
	// and redirects are the cases' own matter. Nil: http.DefaultClient.
	Client *http.Client
}

// A Result is what came of a case.
type Result struct {
	// Succeeded: the attack had its effect, or the ordinary use worked.
	Succeeded bool
	// Refused: a gate refused a request of it. A case that neither succeeded
	// nor was refused got an answer that did no harm (or, for an ordinary
	// use, that was not what it should be).
	Refused bool
	// Status is the HTTP status of the last answer that mattered.
	Status int
	// RequestID is the identifier that the refusal gave.
	RequestID string
	// Rung is which rung refused. Cases leave it empty; whoever runs them can
	// ask the gate about RequestID.
	Rung string
	// Layer is whose doing it is that an attack failed without a refusal, where
	// the case can tell: an answer's policy, a cookie's attribute.
	Layer string
	// Words is one sentence on what happened.
	Words string
}

// All gives every case for a shop on the engine, attacks first, each time in
// the same order. What works on SQLite works on PostgreSQL as well, word by word.
func All(engine shop.Engine) []Case {
	var only []Case
	if engine == shop.PostgreSQL {
		only = injectionsPostgreSQL()
	}
	var all []Case
	for _, group := range [][]Case{
		injections(), only, scripts(), ownership(), tokens(), guessing(), signIns(), disclosures(), crossSite(),
		browsing(), buying(), accounts(), programs(),
	} {
		for _, c := range group {
			c.Run = c.guarded()
			all = append(all, c)
		}
	}
	return all
}

// guarded turns a refusal by a gate into a result: it is an error only where it
// hit the preparations of an attack.
func (c Case) guarded() func(context.Context, *Target) (Result, error) {
	run := c.Run
	return func(ctx context.Context, t *Target) (Result, error) {
		if t == nil || t.Base == nil || t.Base.Host == "" {
			return Result{}, errors.New("attacks: Target.Base: the shop's address is missing")
		}
		result, err := run(ctx, t)
		var r *refusedError
		if errors.As(err, &r) && (c.Kind == Ordinary || !r.preparing) {
			return r.result(), nil
		}
		if err != nil {
			return result, fmt.Errorf("attacks: %s: %w", c.ID, err)
		}
		return result, nil
	}
}

// A refusedError ends a case at the request that a gate refused.
type refusedError struct {
	request, id string
	status      int
	// preparing: it was not yet the attack itself.
	preparing bool
}

func (e *refusedError) Error() string {
	return fmt.Sprintf("%s was refused with %d, request %s", e.request, e.status, e.id)
}

// Prevented gives the result of a case that ended in err because a gate refused what
// prepares it; ok is false for any other error.
func Prevented(err error) (result Result, ok bool) {
	var r *refusedError
	if !errors.As(err, &r) {
		return Result{}, false
	}
	return r.result(), true
}

func (e *refusedError) result() Result {
	return Result{Refused: true, Status: e.status, RequestID: e.id, Words: e.Error()}
}

func succeeded(r *reply, format string, args ...any) (Result, error) {
	return Result{Succeeded: true, Status: r.status, Words: fmt.Sprintf(format, args...)}, nil
}

func failed(r *reply, format string, args ...any) (Result, error) {
	return Result{Status: r.status, RequestID: r.header.Get("Gate-Request-Id"), Words: fmt.Sprintf(format, args...)}, nil
}

// failedBy is failed by what a layer put into an answer.
func failedBy(layer string, r *reply, format string, args ...any) (Result, error) {
	result, err := failed(r, format, args...)
	result.Layer = layer
	return result, err
}

// judgedBy is judged, where a failure is a layer's doing.
func judgedBy(layer string, r *reply, ok bool, yes, no string) (Result, error) {
	result, err := judged(r, ok, yes, no)
	if !ok {
		result.Layer = layer
	}
	return result, err
}

// judged is succeeded with yes where ok, else failed with no.
func judged(r *reply, ok bool, yes, no string) (Result, error) {
	if ok {
		return succeeded(r, "%s", yes)
	}
	return failed(r, "%s", no)
}
