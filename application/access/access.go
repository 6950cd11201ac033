package access

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/input"
)

// Rung is the layer's name on the ladder.
const Rung = "application/access"

// The rules that a decision names.
const (
	// RuleSignIn: nobody is signed in; the client is told 401.
	RuleSignIn = "sign-in"
	// RuleUnknown: there is a session, and nobody knows yet whose; 401.
	RuleUnknown = "unknown-session"
	// RuleRole: the principal has none of the roles.
	RuleRole = "role"
	// RuleScope: the principal lacks a scope.
	RuleScope = "scope"
	// RuleSecondFactor: no source says that the sign-in took two factors.
	RuleSecondFactor = "second-factor"
	// RuleAge: the sign-in is too long ago, or nobody knows when it was; 401.
	RuleAge = "sign-in-age"
	// RuleAddress: the client's address is none of the rule's.
	RuleAddress = "address"
	// RuleMethod: rules are for the path, and none for the method.
	RuleMethod = "method"
	// RuleDefault: the path is below a prefix that denies, and no rule lets in.
	RuleDefault = "default-deny"
	// RuleLong: the path has more segments than are read.
	RuleLong = "long-path"
	// RuleNone stands in a passing decision: no rule is for the request.
	RuleNone = "no-rule"
)

// Options configure Access. The zero value has no rule and lets everybody in:
// what denies by default is said in DefaultDeny, "/" for everything.
type Options struct {
	Rules []Rule
	// DefaultDeny are prefixes, such as "/admin/": what no rule lets in below
	// them is refused.
	DefaultDeny []string
	// Probing says when refusals of one account are told as an event.
	Probing ProbingOptions
	// Recorder takes the events of [Access.Note]; nil keeps none.
	Recorder gatehouse.Recorder
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// A Request is what is asked for, and by whom.
type Request struct {
	Method string
	// Path is as it came, escaped ([net/url.URL.EscapedPath]).
	Path string
	// Overrides are further methods that the request names ([Overrides], and a
	// body's field _method). Each must be let in too.
	Overrides []string
	Principal gatehouse.Principal
	// Unknown is set where there is a credential whose owner is not known yet.
	Unknown bool
	// Addr is the client's.
	Addr netip.Addr
}

// Access is the rung. Make it with [New]. It may be used concurrently.
type Access struct {
	rules    []rule
	deny     []rule
	now      func() time.Time
	coverage input.RouteTally
	probing  *probing
	recorder gatehouse.Recorder
}

// New checks the options. Its errors name the option.
func New(o Options) (*Access, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	p, err := newProbing(o.Probing)
	if err != nil {
		return nil, err
	}
	a := &Access{now: o.Now, probing: p, recorder: o.Recorder}
	var errs []error
	for i, prefix := range o.DefaultDeny {
		made, err := patterns(prefix)
		if err == nil && !strings.HasSuffix(prefix, "/") {
			err = errors.New("a prefix ends in a slash")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("access: Options.DefaultDeny[%d] (%s): %w", i, prefix, err))
			continue
		}
		a.deny = append(a.deny, made)
	}
	for i, r := range o.Rules {
		made, err := newRule(r)
		if err == nil {
			err = a.fits(&made)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("access: Options.Rules[%d] (%s): %w", i, r.Path, err))
			continue
		}
		a.rules = append(a.rules, made)
	}
	return a, errors.Join(errs...)
}

// fits checks a rule beside those before it and the prefixes that deny.
func (a *Access) fits(r *rule) error {
	for i := range a.rules {
		if before := &a.rules[i]; before.covers(r) {
			return fmt.Errorf("never decides, as the rule of %s stands before it: put it first", before.Path)
		}
	}
	if !r.Public || r.Reason.Given() {
		return nil
	}
	for i := range a.deny {
		d := &a.deny[i]
		below, itself := input.FoldPath(d.sample), input.FoldPath(strings.TrimSuffix(d.exact.String(), "/"))
		if d.within(input.FoldPath(r.sample)) || r.within(below) || itself != "" && r.within(itself) {
			return fmt.Errorf("is public at or below %s, which denies by default: %w", d.exact, errNoReason)
		}
	}
	return nil
}

// Check decides about one request at a moment. A decision that passes with
// [RuleNone] is of a request that no rule is for.
func (a *Access) Check(q Request, now time.Time) gatehouse.Decision {
	d := a.method(&q, q.Method, now)
	for _, m := range q.Overrides {
		if d.Verdict != gatehouse.Pass {
			return d
		}
		if other := a.method(&q, m, now); other.Verdict != gatehouse.Pass || d.Rule == "" {
			d = other
		}
	}
	return d
}

// method decides about the request as if it were of the method, in every reading
// of its path.
func (a *Access) method(q *Request, method string, now time.Time) gatehouse.Decision {
	path := q.Path
	if !strings.HasPrefix(path, "/") {
		path = "/" // OPTIONS *
	}
	var exact found
	d := gatehouse.Decision{Verdict: gatehouse.Pass, Rule: RuleNone}
	if exact = a.exact(method, path); exact.rule != nil {
		if d = exact.rule.judge(q, now); d.Verdict != gatehouse.Pass {
			return d
		}
	}
	whole := input.Readings(path, func(r input.Reading) bool {
		lower := r.Path
		f := a.find(method, lower)
		if f != exact {
			if other := a.judge(f, q, now); other.Verdict != gatehouse.Pass || exact.rule == nil {
				d = other
			}
		}
		if d.Verdict == gatehouse.Pass {
			if other := a.withoutEnding(method, lower, f); other.rule != nil || other.kind != RuleNone {
				d = a.judge(other, q, now)
			}
		}
		return d.Verdict == gatehouse.Pass
	})
	if !whole && len(a.rules)+len(a.deny) > 0 {
		return gatehouse.Denied(RuleLong, gatehouse.Place{}, "the path has too many segments to be read as every backend would").WithStatus(http.StatusBadRequest)
	}
	return d
}

// withoutEnding finds what stands for the reading of a framework that answers
// /orders/42.json as /orders/42, where f is what the path itself finds. A rule
// that names the ending, and a single route beside a prefix that denies, are
// meant as they are written.
func (a *Access) withoutEnding(method, lower string, f found) found {
	short, ending := cutEnding(lower)
	if ending == "" || f.rule != nil && f.rule.ending == ending {
		return found{kind: RuleNone}
	}
	other := a.find(method, short)
	if other == f || other.rule == nil && f.rule != nil && !f.rule.prefix() {
		return found{kind: RuleNone}
	}
	return other
}

// A found is what stands for one reading of a request: a rule, or why none does.
type found struct {
	rule *rule
	kind string
}

// exact gives the first rule whose pattern, as it was written, matches.
func (a *Access) exact(method, path string) found {
	head, escaped := headOf(path), false
	if head == "" {
		head, _, _ = strings.Cut(path[1:], "/")
		head, escaped = input.FoldPath(input.DecodePath(head)), true
	}
	for i := range a.rules {
		r := &a.rules[i]
		// What an escaped segment is decoded to is the rule's own first, or it does not match.
		if r.first != "" && (escaped && r.first != head || !escaped && !strings.EqualFold(r.first[:min(len(r.first), len(head))], head)) {
			continue
		}
		if r.names(method) && r.exact.Match(path) {
			return found{rule: r}
		}
	}
	return found{kind: RuleNone}
}

// find gives the first rule that is for a path in lower case.
func (a *Access) find(method, lower string) found {
	result := found{kind: RuleNone}
	head, _, _ := strings.Cut(lower[1:], "/")
	if strings.Contains(head, "%") {
		head = ""
	}
	for i := range a.rules {
		r := &a.rules[i]
		if r.first != "" && !strings.HasPrefix(r.first, head) || !r.within(lower) {
			continue
		}
		if r.names(method) {
			return found{rule: r}
		}
		result.kind = RuleMethod
	}
	if result.kind == RuleMethod {
		return result
	}
	for i := range a.deny {
		if a.deny[i].within(lower) {
			return found{kind: RuleDefault}
		}
	}
	return result
}

// headOf is the beginning of a path's first segment, by which most rules are told
// to be for another path; empty tells nothing.
func headOf(path string) string {
	head, _, _ := strings.Cut(path[1:], "/")
	for i := range len(head) {
		if c := head[i]; c == '%' || c >= 0x80 {
			return ""
		}
	}
	return head
}

func (a *Access) judge(f found, q *Request, now time.Time) gatehouse.Decision {
	if f.rule != nil {
		return f.rule.judge(q, now)
	}
	d := gatehouse.Decision{Verdict: gatehouse.Pass, Rule: RuleNone}
	switch f.kind {
	case RuleMethod:
		d = gatehouse.Denied(RuleMethod, gatehouse.Place{}, "rules are for this path, and none of them names the method: name it in one, public if it is")
	case RuleDefault:
		d = gatehouse.Denied(RuleDefault, gatehouse.Place{}, "the path is below a prefix that denies by default, and no rule lets anybody in")
	}
	if d.Verdict != gatehouse.Pass && !q.Principal.Known() {
		d.Status = http.StatusUnauthorized // nobody learns what is there
	}
	return d
}

// judge asks for what the rule asks for.
func (r *rule) judge(q *Request, now time.Time) gatehouse.Decision {
	if len(r.Addresses) > 0 && !r.from(q.Addr) {
		return gatehouse.Denied(RuleAddress, gatehouse.Place{}, "the rule of %s is for other addresses than the client's", r.Path)
	}
	p := &q.Principal
	switch {
	case r.Public:
		return gatehouse.Passed()
	case !p.Known() && q.Unknown && r.Unknown:
		return gatehouse.Passed()
	case !p.Known() && q.Unknown:
		return gatehouse.Denied(RuleUnknown, gatehouse.Place{}, "the rule of %s asks for a sign-in, and nobody knows yet whose this session is: it becomes known by the next sign-in", r.Path).
			WithStatus(http.StatusUnauthorized)
	case !p.Known():
		return gatehouse.Denied(RuleSignIn, gatehouse.Place{}, "the rule of %s asks for a sign-in, and nobody is signed in", r.Path).
			WithStatus(http.StatusUnauthorized)
	case len(r.Roles) > 0 && !slices.ContainsFunc(p.Roles, func(have string) bool { return slices.Contains(r.Roles, have) }):
		return gatehouse.Denied(RuleRole, gatehouse.Place{}, "the rule of %s asks for %s, which the principal is not", r.Path, strings.Join(r.Roles, " or "))
	}
	for _, want := range r.Scopes {
		if !slices.Contains(p.Scopes, want) {
			return gatehouse.Denied(RuleScope, gatehouse.Place{}, "the rule of %s asks for the scope %s, which the credential has not", r.Path, want)
		}
	}
	return r.strength(p, now)
}

// leeway is how far a source's clock may be ahead of the gate's.
const leeway = time.Minute

func (r *rule) strength(p *gatehouse.Principal, now time.Time) gatehouse.Decision {
	switch age := now.Sub(p.SignedIn); {
	case r.SecondFactor && !p.SecondFactor:
		return gatehouse.Denied(RuleSecondFactor, gatehouse.Place{}, "the rule of %s asks for a second factor, and %s, who vouches for the principal, does not say that there was one", r.Path, issuer(p))
	case r.MaxAge <= 0:
	case p.SignedIn.IsZero():
		return gatehouse.Denied(RuleAge, gatehouse.Place{}, "the rule of %s asks for a sign-in within %s, and %s does not say when it was", r.Path, r.MaxAge, issuer(p)).
			WithStatus(http.StatusUnauthorized)
	case age < -leeway:
		return gatehouse.Denied(RuleAge, gatehouse.Place{}, "the rule of %s asks for a sign-in within %s, and this one is said to be in the future", r.Path, r.MaxAge).
			WithStatus(http.StatusUnauthorized)
	case age > r.MaxAge:
		return gatehouse.Denied(RuleAge, gatehouse.Place{}, "the rule of %s asks for a sign-in within %s, and it was %s ago", r.Path, r.MaxAge, age.Round(time.Second)).
			WithStatus(http.StatusUnauthorized)
	}
	return gatehouse.Passed()
}

func issuer(p *gatehouse.Principal) string {
	if p.Issuer == "" {
		return "the source"
	}
	return p.Issuer
}

func (r *rule) from(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return a.IsValid() && slices.ContainsFunc(r.Addresses, func(p netip.Prefix) bool { return p.Contains(a) })
}

// maxOverrides bounds the methods that are looked at beside a request's own.
const maxOverrides = 4

// overriding are the headers by which clients ask frameworks for another method.
var overriding = [...]string{"X-Http-Method-Override", "X-Http-Method", "X-Method-Override"}

// Overrides gives the methods that a request's head names beside its own: in
// headers, and in the query's _method. Nearly always there is none.
func Overrides(r *http.Request) []string {
	var list []string
	add := func(m string) {
		if m = strings.ToUpper(strings.TrimSpace(m)); m == "" || m == r.Method || slices.Contains(list, m) || len(list) > maxOverrides {
			return
		}
		if len(list) == maxOverrides {
			m = "" // more than anybody means: a method that no rule names
		}
		list = append(list, m)
	}
	for _, name := range overriding {
		for _, v := range r.Header[name] {
			add(v)
		}
	}
	for rest := r.URL.RawQuery; rest != ""; {
		pair := rest
		if i := strings.IndexAny(rest, "&;"); i >= 0 {
			pair, rest = rest[:i], rest[i+1:]
		} else {
			rest = ""
		}
		if name, value, _ := strings.Cut(pair, "="); isOverride(name) {
			add(input.DecodePath(value))
		}
	}
	return list
}

// isOverride reports whether a query's name is _method, escaped or not.
func isOverride(name string) bool {
	const want = "_method"
	return len(name) >= len(want) && len(name) <= 3*len(want) && strings.EqualFold(input.DecodePath(name), want)
}

// Handler refuses what Check denies with a bare status, for programs that use the
// package alone; who tells whom a request is from.
func (a *Access) Handler(next http.Handler, who func(*http.Request) (gatehouse.Principal, netip.Addr)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := Request{Method: r.Method, Path: r.URL.EscapedPath(), Overrides: Overrides(r)}
		q.Principal, q.Addr = who(r)
		if d := a.Check(q, a.now()); d.Verdict != gatehouse.Pass {
			http.Error(w, http.StatusText(d.HTTPStatus()), d.HTTPStatus())
			return
		}
		next.ServeHTTP(w, r)
	})
}
