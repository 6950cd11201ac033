package sqldriver

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/exchange"
	"github.com/gatehousehq/gatehouse/taint"
)

// A RefusedError is what a call returns whose statement was refused. Its text
// says neither what the statement was nor why: programs show errors to clients.
type RefusedError struct {
	// Request is the exchange's identifier; empty for background work.
	Request string
	// Decision is why, where the judge said so by a RefusedError of its own.
	Decision gatehouse.Decision
	// Cause is any other error of the judge. It is not unwrapped: a judge's
	// driver.ErrBadConn must not make database/sql try again.
	Cause error
}

func (e *RefusedError) Error() string {
	if e.Request == "" {
		return "sqldriver: statement refused (background work): this error's Decision says why"
	}
	return "sqldriver: statement refused (request " + e.Request + "): gatehouse explain, or this error's Decision, says why"
}

// judgeValues judges a statement with its bound values, in the exchange of ctx.
// The error is a *RefusedError.
func (w *wrapper) judgeValues(ctx context.Context, query string, args []driver.NamedValue) error {
	params := w.params.of(args)
	err := w.ask(ctx, query, params.texts())
	w.params.put(params)
	return err
}

// ask asks the judge, and takes a panic for an error.
func (w *wrapper) ask(ctx context.Context, query string, params []string) (err error) {
	x := exchange.From(ctx)
	st := taint.Statement{Account: w.account, Lexer: w.lexer, SQL: query, Params: params}
	if x != nil {
		st.Exchange = x.ID
	}
	defer func() {
		if p := recover(); p != nil {
			err = refused(st.Exchange, fmt.Errorf("sqldriver: the judge panicked: %v", p))
		}
	}()
	if err := w.judge.Judge(ctx, x, st); err != nil {
		return refused(st.Exchange, err)
	}
	return nil
}

func refused(request string, err error) error {
	if r, ok := errors.AsType[*RefusedError](err); ok {
		return r
	}
	return &RefusedError{Request: request, Cause: err}
}

// GuardedOptions configure Guarded.
type GuardedOptions struct {
	Guard *taint.Guard
	// Now is the clock, for what is learned. Nil means time.Now.
	Now func() time.Time
}

// Guarded is the judge of a program without a gate: the guard's verdict on the
// exchange's candidates. What the guard denies is refused, and the exchange is
// told (Refuse); a shape that is new and passes is learned, from the principal
// or else the client's address, and from background work at once. The program
// saves the guard's templates.
func Guarded(o GuardedOptions) (Judge, error) {
	if o.Guard == nil {
		return nil, errors.New("sqldriver: GuardedOptions.Guard is missing: make one with taint.New")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &guarded{o.Guard, o.Now}, nil
}

type guarded struct {
	guard guard
	now   func() time.Time
}

// guard is what is asked of a *taint.Guard.
type guard interface {
	Judge(taint.Statement, []taint.Candidate) taint.Decision
	Learn(taint.Statement, taint.Origin, time.Time) bool
}

func (g *guarded) Judge(_ context.Context, x *exchange.Exchange, st taint.Statement) error {
	var candidates []taint.Candidate
	if x != nil {
		candidates = x.Candidates()
	}
	d := g.guard.Judge(st, candidates)
	if d.Verdict != gatehouse.Pass {
		return refuse(x, d)
	}
	if !d.Known && !d.Capped {
		g.guard.Learn(st, taint.Origin{ID: origin(x), Candidates: candidates}, g.now())
	}
	return nil
}

func refuse(x *exchange.Exchange, d taint.Decision) error {
	refusal := gatehouse.Denied(d.Rule, d.Evidence.Place, "%s", evidence(d))
	refusal.Rung = "data/guard"
	if x == nil {
		return &RefusedError{Decision: refusal}
	}
	refusal.Route = x.Route
	x.Refuse(refusal)
	return &RefusedError{Request: x.ID, Decision: refusal}
}

// evidence is one sentence without any input in it.
func evidence(d taint.Decision) string {
	if d.Evidence == (taint.Evidence{}) {
		return "the statement has a shape that this account never sent before"
	}
	return fmt.Sprintf("bytes %d to %d of the statement came from this input and are more than a value", d.Evidence.Start, d.Evidence.End)
}

// origin names who made the program send a statement; "" is the program itself.
// A client whose address is unknown is one client.
func origin(x *exchange.Exchange) string {
	switch {
	case x == nil:
		return ""
	case x.Principal.ID != "":
		return x.Principal.ID
	default:
		return x.Client.String()
	}
}
