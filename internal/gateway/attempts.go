package gateway

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/events"
	"github.com/gatehousehq/gatehouse/identity/signin"
	"github.com/gatehousehq/gatehouse/identity/source"
	"github.com/gatehousehq/gatehouse/identity/source/backend"
	"github.com/gatehousehq/gatehouse/identity/throttle"
	"github.com/gatehousehq/gatehouse/internal/config"
)

// This file follows attempts to sign in at the backend: which request is one,
// whether it may be tried, how it ended, and whose the session is from then on.

// signIns is what is learned of a backend's sign-in. It outlives reloads.
type signIns struct {
	model    *signin.Model
	throttle *throttle.Throttle
	alike    *throttle.Alike
}

func (g *Gate) openSignIns(c *config.Config) (err error) {
	if g.signIns.model, err = signin.NewModel(signin.ModelOptions{Now: g.now}); err != nil {
		return err
	}
	if g.signIns.alike, err = throttle.NewAlike(throttle.AlikeOptions{Now: g.now}); err != nil {
		return err
	}
	g.signIns.throttle, err = throttle.New(throttle.Options{Store: g.store, Now: g.now, MaxFailures: c.Identity.SignIn.MaxFailures})
	return err
}

func finderOf(c *config.Config) (*signin.Finder, error) {
	o := signin.FinderOptions{CaseSensitive: c.Identity.SignIn.CaseSensitive}
	for _, r := range c.Identity.SignIn.Routes {
		route := signin.Route{Path: r.Path, Method: r.Method, Reason: r.Reason, Account: r.Account, Secret: r.Secret, SignsIn: r.SignsIn}
		if err := route.Kind.UnmarshalText([]byte(r.Kind)); err != nil {
			return nil, err
		}
		o.Routes = append(o.Routes, route)
	}
	return signin.NewFinder(o)
}

// signInBypasses are the routes that are declared to be believed.
func signInBypasses(c *config.Config, add func(string, gatehouse.Reason)) {
	for _, r := range c.Identity.SignIn.Routes {
		switch {
		case r.SignsIn:
			add("who registers at "+r.Path+" is taken to be signed in", r.Reason)
		case r.Kind == signin.None.String():
			add("attempts at "+r.Path+" are not looked for", r.Reason)
		}
	}
}

// An attempt is what a request tries at the backend's accounts.
type attempt struct {
	signin.Attempt
	looked bool // whether it was looked for
	device string
	try    *throttle.Try
	sent   time.Time
	// outcome is that of the answer; a success binds a session.
	outcome signin.Outcome
	// body is the beginning of the answer, without its coding.
	body []byte
	// mu guards all of it, and how the client stands, while a body streams; over is
	// set once the backend has answered.
	mu   sync.Mutex
	over bool
}

// basic reports whether the attempt is HTTP Basic, which comes with each request.
func (a *attempt) basic() bool { return a.SecretAt.Kind == gatehouse.Header }

// opened reports whether the attempt had the right secret of one account.
func (a *attempt) opened(o signin.Outcome) bool {
	return (o == signin.Success || o == signin.Halfway) && a.Account != "" && len(a.Secrets) > 0 && !a.Ambiguous && !a.Batch && !a.basic()
}

// tries finds what the request tries, once its inputs are read.
func (t *transit) tries() *attempt {
	a := &t.attempt
	if !a.looked {
		a.looked = true
		a.Attempt = t.find()
	}
	return a
}

func (t *transit) find() signin.Attempt {
	a := t.asm.finder.Find(t.r, t.x.Inputs)
	a.SignedIn = t.found.Outcome == source.Known
	if (a.Kind == signin.SecondFactor || a.Kind == signin.Confirm) && a.Account == "" {
		a.Account = t.sessionsAccount()
	}
	return a
}

// sessionsAccount is whose session asks for a second factor, or for its password
// again.
func (t *transit) sessionsAccount() string {
	if account, ok := t.asm.who.sessions.Halfway(t.r); ok {
		return account
	}
	return t.found.Principal.ID
}

func throttleRung(*config.Config, *Gate) (requestCheck, error) {
	return func(t *transit) gatehouse.Decision {
		if t.x.Inputs != nil && t.x.Inputs.Streamed() {
			t.x.Inputs.OnComplete(t.lateAttempt)
		}
		return t.throttle(t.tries())
	}, nil
}

func (t *transit) throttle(a *attempt) gatehouse.Decision {
	if a.Kind == signin.None || a.Kind == signin.SignOut {
		return gatehouse.Passed()
	}
	proven := t.found.Outcome == source.Known && a.basic()
	a.try = t.gate.signIns.throttle.Check(t.r.Context(), throttle.Attempt{Attempt: a.Attempt, Client: t.client.Addr, Device: a.device, Proven: proven})
	t.recordFindings(a.try.Findings)
	t.retryAfter = a.try.RetryAfter
	if a.Kind == signin.SignIn && a.try.Decision.Verdict == gatehouse.Pass {
		t.x.Watch(t.asm.who.sessions.Wants)
	}
	a.sent = t.gate.now()
	return a.try.Decision
}

func throttled(a events.About, d gatehouse.Decision, o gatehouse.Outcome) gatehouse.Event {
	return events.LoginThrottled(a, d, o, "")
}

// throttled tells at which account, too.
func (t *transit) throttled(a events.About, d gatehouse.Decision, o gatehouse.Outcome) gatehouse.Event {
	return events.LoginThrottled(a, d, o, t.attempt.Account)
}

func (t *transit) recordFindings(found []throttle.Finding) {
	for _, f := range found {
		d := gatehouse.Denied(f.Rule, gatehouse.Place{}, "%s", f.Evidence)
		d.Rung, d.Route = throttle.Rung, f.Route
		t.gate.record(context.WithoutCancel(t.r.Context()), events.Guessing(t.about(), d))
	}
}

// sessionRung follows the backend's answer to an attempt, and its sessions.
func sessionRung(*config.Config, *Gate) (responseStep, error) {
	return responseStep{
		scan: func(t *transit, res *http.Response, _ refuser) bodyScan {
			if t.tries().Kind == signin.None && !t.asm.who.sessions.Reads(t.r, res.StatusCode) {
				return nil
			}
			return &beginning{t}
		},
		check: func(t *transit, res *http.Response, _ bool) gatehouse.Decision {
			t.followed(res)
			return gatehouse.Passed()
		},
	}, nil
}

// A beginning keeps the first bytes of an answer for whoever follows sessions.
type beginning struct{ t *transit }

func (b *beginning) Held(first []byte, _ bool) gatehouse.Decision {
	b.t.attempt.body = first[:min(len(first), signin.MaxBody)]
	return gatehouse.Passed()
}

func (*beginning) Next(dst, piece []byte, _ bool) []byte { return append(dst, piece...) }

// followed tells whoever must know how the request was answered.
func (t *transit) followed(res *http.Response) {
	a := t.tries()
	answer := signin.Answer{Status: res.StatusCode, Header: res.Header, Body: a.body}
	sessions := t.asm.who.sessions
	ctx := context.WithoutCancel(t.r.Context())
	var err error
	switch a.Kind {
	case signin.None:
		err = sessions.Follow(ctx, t.r, t.x.Inputs, answer)
	case signin.SignOut:
		// A page that only asks whether to sign out ends nothing.
		if t.gate.signIns.model.Judge(t.r, a.Attempt, answer).Outcome != signin.Success {
			err = sessions.Follow(ctx, t.r, t.x.Inputs, answer)
			break
		}
		if t.x.Principal.Known() {
			t.gate.record(ctx, events.SignedOut(t.about(), t.x.Route))
		}
		err = sessions.End(ctx, t.r)
	default:
		err = t.settleAttempt(ctx, a, answer)
	}
	if err != nil {
		t.gate.logger.Error("a session could not be written down: a restart may forget it", "error", err)
	}
	a.body = nil
}

// settleAttempt judges the answer to an attempt, and draws the conclusions.
func (t *transit) settleAttempt(ctx context.Context, a *attempt, answer signin.Answer) error {
	verdict := t.gate.signIns.model.Judge(t.r, a.Attempt, answer)
	factor := a.Kind == signin.SecondFactor
	device := false
	if a.try != nil {
		settled := t.gate.signIns.throttle.Told(ctx, a.try, throttle.Result{
			Outcome: verdict.Outcome, Binds: verdict.Binds || factor && a.Account != "", Shape: verdict.Shape,
			Missing: answer.Status == http.StatusNotFound || answer.Status == http.StatusMethodNotAllowed || answer.Status == http.StatusGone,
			Took:    t.gate.now().Sub(a.sent),
		})
		t.recordFindings(settled.Findings)
		if settled.Device != nil && t.client.Proto == "https" {
			t.setCookie, device = settled.Device, true
		}
	}
	if a.Kind == signin.SignIn && a.opened(verdict.Outcome) {
		t.asm.limits.SignedIn(ctx, t.asks(), t.standing, a.Account)
	}
	told := events.Attempt{Account: a.Account, Why: verdict.Why}
	if a.try != nil {
		told.Lane = a.try.Lane
	}
	signs := signsIn(a.Kind)
	switch {
	case verdict.Registers != "":
		return t.registered(ctx, a, answer, verdict, told)
	case a.Kind == signin.SignUp && t.found.Outcome != source.Known:
		return nil // whether it gives what visitors have, or a session, is not known
	case signs && verdict.Outcome == signin.Failure:
		a.outcome = verdict.Outcome
		t.gate.record(ctx, events.BackendLoginFail(t.about(), a.Route, told))
		fallthrough
	case !signs: // who is signed in stays so, and many backends renew the session meanwhile
		return t.asm.who.sessions.Follow(ctx, t.r, t.x.Inputs, answer)
	case verdict.Outcome != signin.Success && verdict.Outcome != signin.Halfway || !verdict.Binds && !factor:
		return nil
	}
	a.outcome = verdict.Outcome
	if verdict.Outcome == signin.Success && (a.try == nil || a.try.Lane != throttle.LaneProven) {
		t.gate.record(ctx, events.BackendLogin(t.about(), a.Route, told))
	}
	bound, err := t.asm.who.sessions.Bind(ctx, backend.SignIn{
		Request: t.r, Answer: answer, Account: a.Account, Halfway: verdict.Outcome == signin.Halfway, SecondFactor: factor, Records: t.x.Records(),
		Household: gatehouse.Household(t.client.Addr), Device: device,
	})
	if d := bound.Decision; d.Rule != "" && d.Verdict != gatehouse.Pass {
		d.Rung, d.Route = source.Rung, a.Route
		t.gate.record(ctx, events.SessionFixed(t.about(), d, ""))
	}
	return err
}

// registered binds a session that begins with a sign-up.
func (t *transit) registered(ctx context.Context, a *attempt, answer signin.Answer, verdict signin.Verdict, told events.Attempt) error {
	r, err := t.asm.who.sessions.Register(ctx, backend.SignIn{Request: t.r, Answer: answer, Account: verdict.Registers}, a.SignsIn)
	if r.Taken {
		t.gate.signIns.model.Taken(a.Attempt)
	}
	if r.Credentials > 0 {
		told.Account, told.Why = verdict.Registers, "the sign-up made the account and signed it in: "+told.Why
		t.gate.record(ctx, events.BackendLogin(t.about(), a.Route, told))
	}
	return err
}

// unjudged takes back an attempt that the backend never had.
func (t *transit) unjudged() {
	t.closeAttempt()
	if a := &t.attempt; a.try != nil {
		t.gate.signIns.throttle.Told(context.WithoutCancel(t.r.Context()), a.try, throttle.Result{Outcome: signin.Unjudged})
	}
}
