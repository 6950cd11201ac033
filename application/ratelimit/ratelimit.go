package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/limit"
)

// The rungs' names on the ladder.
const (
	RungAddress   = "ratelimit/address"
	RungPrincipal = "ratelimit/principal"
)

// The rules that a decision names.
const (
	RuleAddress   = "address"
	RulePrincipal = "principal"
	// RuleRoute: the route's own rate, of the principal, or the address of nobody
	// in particular.
	RuleRoute = "route"
	// RuleSignIn: attempts to sign in, by address.
	RuleSignIn = "sign-in"
	// RuleUnavailable: the limiter failed. A limit.Fallback does not.
	RuleUnavailable = "unavailable"
)

// Options configure the limits. Limiter is required; the zero value of each rate
// means its default.
type Options struct {
	// Limiter counts: a limit.Memory, or a limit.Fallback in front of a shared one.
	Limiter limit.Limiter
	// Local is this replica's memory where Limiter is shared, nil where it is not.
	// It may be the one that Limiter falls back to.
	Local limit.Limiter
	// Default is the rate of everybody. Default 600/min.
	Default limit.Rate
	// Address and Principal replace Default for one of the two: an office of
	// hundreds behind one address asks for more than one person.
	Address, Principal limit.Rate
	// SignIn is the rate of attempts to sign in that don't succeed, by address
	// ([Limits.SignedIn]). Default 5/min burst 20: the people of an office arrive at
	// nine, and one mistypes five times.
	SignIn limit.Rate
	// Routes are those that differ. The first that matches is a request's.
	Routes []Route
	// Loopback limits loopback addresses too. Ordinarily they are not: a stranger
	// has none, and a proxy on this machine that nobody declared has everybody.
	Loopback bool
	// Now is the clock of what is remembered here. Nil means time.Now.
	Now func() time.Time
}

// Limits are the two rungs. Make them with [New]. They may be used concurrently.
type Limits struct {
	limiter, local             limit.Limiter
	address, principal, signIn policy
	routes                     []route
	loopback                   bool
	// claims counts false claims to be an asset, by who claimed.
	claims  *limit.Memory
	credits *credits
	calls   sync.Pool // of *call
}

// A policy is a rate with its name.
type policy struct {
	rule string // and the policy's name in the fields
	whom string // for evidence
	rate limit.Rate
	// text is the policy's item of RateLimit-Policy.
	text string
}

// New checks the options.
func New(o Options) (*Limits, error) {
	if o.Limiter == nil {
		return nil, errors.New("ratelimit: Options.Limiter is missing")
	}
	standard := func(r *limit.Rate, rate limit.Rate) {
		if *r == (limit.Rate{}) {
			*r = rate
		}
	}
	standard(&o.Default, limit.Rate{Count: 600, Per: time.Minute})
	standard(&o.Address, o.Default)
	standard(&o.Principal, o.Default)
	standard(&o.SignIn, limit.Rate{Count: 5, Per: time.Minute, Burst: 20})
	l := &Limits{limiter: o.Limiter, local: o.Local, loopback: o.Loopback}
	l.calls.New = func() any { return new(call) }
	for _, p := range []struct {
		into                  *policy
		option, name, whoever string
		rate                  limit.Rate
	}{
		{new(policy), "Default", "", "", o.Default},
		{&l.address, "Address", RuleAddress, "the address", o.Address},
		{&l.principal, "Principal", RulePrincipal, "the principal", o.Principal},
		{&l.signIn, "SignIn", RuleSignIn, "attempts to sign in from the address that don't succeed", o.SignIn},
	} {
		if err := p.rate.Check(); err != nil {
			return nil, fmt.Errorf("ratelimit: Options.%s: %w", p.option, err)
		}
		*p.into = newPolicy(p.name, p.whoever, p.rate)
	}
	for i, r := range o.Routes {
		made, err := newRoute(r, min(o.Address.Size(), o.Principal.Size()))
		if err != nil {
			return nil, fmt.Errorf("ratelimit: Options.Routes[%d] (%s): %w", i, r.Pattern, err)
		}
		l.routes = append(l.routes, made)
	}
	var err error
	if l.credits, err = newCredits(o.SignIn, o.Now); err != nil {
		return nil, err
	}
	l.claims, err = limit.NewMemory(limit.MemoryOptions{MaxKeys: maxClaimants, Now: o.Now})
	return l, err
}

func newPolicy(rule, whom string, r limit.Rate) policy {
	return policy{rule: rule, whom: whom, rate: r, text: policyItem(rule, r)}
}

// A Request is what the rungs go by. The gate fills it in from what it settled.
type Request struct {
	Method string
	// Path is the path as it came, escaped ([net/url.URL.EscapedPath]).
	Path string
	// Dest is the field Sec-Fetch-Dest: what the client says it wants this for.
	Dest string
	// Addr is the client's address.
	Addr netip.Addr
	// Crowd is set where everybody may stand behind Addr: limits by address are
	// suspended.
	Crowd bool
	// Principal is who asks; the zero value is nobody, or not known yet.
	Principal gatehouse.Principal
	// SignIn is set where the request is found to be an attempt to sign in at a
	// route that is not declared as one.
	SignIn bool
}

// CheckAddress decides by the client's address alone. The Standing goes to
// CheckPrincipal and Answered.
func (l *Limits) CheckAddress(ctx context.Context, q Request) (gatehouse.Decision, Standing) {
	s := Standing{route: l.route(q.Method, q.Path)}
	s.signIn = q.SignIn || s.route != nil && s.route.SignIn && !safe(q.Method)
	s.quiet = s.signIn || s.route != nil && s.route.SignIn
	if l.exempt(q) {
		return gatehouse.Passed(), s
	}
	if s.route == nil && claimsAsset(q) && l.believed(ctx, l.claimant(q)) {
		s.asset = true
		return gatehouse.Passed(), s
	}
	c := l.calls.Get().(*call)
	defer l.release(c)
	limiter, shared := l.limiter, true
	if l.local != nil {
		limiter, shared = l.local, false
	}
	l.addAddress(c, q, &s, shared)
	return l.decided(q, l.ask(ctx, c, limiter, &s), &s), s
}

// decided gives an attempt's credit back that was refused for something else.
func (l *Limits) decided(q Request, d gatehouse.Decision, s *Standing) gatehouse.Decision {
	if s.credited && d.Verdict != gatehouse.Pass {
		l.credits.add(q.Addr)
	}
	return d
}

// CheckPrincipal decides by who asks, once that is known (or that it is nobody),
// by the route's own rate, and by the address where Limiter is shared. s is what
// CheckAddress gave.
func (l *Limits) CheckPrincipal(ctx context.Context, q Request, s Standing) (gatehouse.Decision, Standing) {
	exempt := l.exempt(q)
	if exempt && s.route == nil && claimsAsset(q) && l.believed(ctx, l.claimant(q)) {
		s.asset = true
	}
	if s.asset {
		return gatehouse.Passed(), s
	}
	found := q.SignIn && !s.signIn
	s.signIn, s.quiet = s.signIn || found, s.quiet || found
	c := l.calls.Get().(*call)
	defer l.release(c)
	switch {
	case exempt:
	case l.local != nil:
		l.addAddress(c, q, &s, true)
	case found:
		l.addSignIn(c, q, &s, true)
	}
	if q.Principal.Known() {
		c.begin(keyPrincipal)
		c.principal(&q.Principal)
		c.end(&l.principal, s.cost())
	}
	if s.route != nil && s.route.rated && (q.Principal.Known() || !exempt) {
		c.begin(keyRoute)
		c.text(s.route.id)
		c.whoever(&q)
		c.end(&s.route.policy, 1)
	}
	return l.decided(q, l.ask(ctx, c, l.limiter, &s), &s), s
}

// CheckSignIn decides about a request that is found to be an attempt to sign in after
// CheckPrincipal, whose Standing s is: when a body is known that streamed.
func (l *Limits) CheckSignIn(ctx context.Context, q Request, s Standing) (gatehouse.Decision, Standing) {
	if s.signIn {
		return gatehouse.Passed(), s
	}
	s.signIn, s.quiet = true, true
	if l.exempt(q) {
		return gatehouse.Passed(), s
	}
	c := l.calls.Get().(*call)
	defer l.release(c)
	l.addSignIn(c, q, &s, true)
	return l.decided(q, l.ask(ctx, c, l.limiter, &s), &s), s
}

// exempt reports whether the address says nothing of who asks.
func (l *Limits) exempt(q Request) bool {
	return q.Crowd || !l.loopback && q.Addr.Unmap().IsLoopback()
}

func (l *Limits) addAddress(c *call, q Request, s *Standing, shared bool) {
	c.begin(keyAddress)
	c.where(q.Addr, shared)
	c.end(&l.address, s.cost())
	if s.signIn {
		l.addSignIn(c, q, s, shared)
	}
}

func (l *Limits) addSignIn(c *call, q Request, s *Standing, shared bool) {
	if s.credited = s.credited || l.credits.use(q.Addr); s.credited {
		return
	}
	c.begin(keySignIn)
	c.where(q.Addr, shared)
	c.end(&l.signIn, 1)
}

// ask asks for all that a call holds, and writes down how the client stands.
func (l *Limits) ask(ctx context.Context, c *call, limiter limit.Limiter, s *Standing) gatehouse.Decision {
	takes := c.takes()
	if len(takes) == 0 {
		return gatehouse.Passed()
	}
	if err := limiter.Take(ctx, takes); err != nil {
		return gatehouse.Denied(RuleUnavailable, gatehouse.Place{}, "how often this was asked could not be told: %v", err).
			WithStatus(http.StatusServiceUnavailable)
	}
	var refused *policy
	for i := range takes {
		p, r := c.policies[i], takes[i].Result
		s.note(p, r)
		if !r.Allowed && (refused == nil || r.RetryAfter > s.retry) {
			refused, s.retry = p, r.RetryAfter
		}
	}
	if refused == nil {
		return gatehouse.Passed()
	}
	return gatehouse.Denied(refused.rule, gatehouse.Place{}, "%s: more than %s", refused.whom, refused.rate).
		WithStatus(http.StatusTooManyRequests)
}

func safe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}
