package ownership

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/ownership/ledger"
	"github.com/gatehousehq/gatehouse/input"
)

// A Case is one request under the rules that match it.
type Case struct {
	o *Ownership
	q Request
	// open are the rules that are not satisfied yet.
	open []asked
	// also is what the request writes beside what its path names; nil: nothing that
	// a rule is for.
	also *Case
	// proofs are those that let it pass so far.
	proofs []Proof
	// Admin is set where an administrator may have the thing although it may be
	// another's: it is told as an event.
	Admin bool
}

// A Proof is what satisfied the rule of a path.
type Proof struct{ Path, Why string }

// Proofs are what let the request pass, rule by rule; empty where nothing did yet.
func (c *Case) Proofs() []Proof {
	if c == nil {
		return nil
	}
	return append(c.also.Proofs(), c.proofs...)
}

// prove decides about a rule, and notes what satisfied it.
func (c *Case) prove(r *rule, f finding) gatehouse.Decision {
	if f.standing == standsOwn {
		c.passed(r, f.why)
	}
	return f.decision()
}

func (c *Case) passed(r *rule, why string) { c.proofs = append(c.proofs, Proof{r.Path, why}) }

// asked is one rule with what the request names by it.
type asked struct {
	rule *rule
	ids  []string
	// odd: only some servers take the path for the rule's.
	odd bool
	// written leaves the rule to the SQL gate.
	written bool
	// lenders are those who share the things with the principal: their rows may be
	// changed too.
	lenders []string
	// again has the proofs of a read asked once more when its answer is there.
	again bool
	// data is what a request of GraphQL asks for; nil where nobody knows.
	data *input.Selection
}

// Begin finds the rules for a request. It is nil where none is, and the decision
// denies where the request can't be judged at all.
func (o *Ownership) Begin(q Request) (*Case, gatehouse.Decision) {
	c, d := o.begin(q)
	if d.Verdict != gatehouse.Pass || !q.relocates() {
		return c, d
	}
	to, ok := q.destination()
	if !ok {
		return nil, gatehouse.Denied(RuleUnknown, gatehouse.Place{}, "where the request puts the thing could not be read").WithStatus(http.StatusNotFound)
	}
	also, d := o.begin(to)
	if d.Verdict != gatehouse.Pass || also == nil {
		return c, d
	}
	if c == nil {
		c = &Case{o: o, q: q}
	}
	c.also = also
	return c, gatehouse.Passed()
}

func (o *Ownership) begin(q Request) (*Case, gatehouse.Decision) {
	var c *Case
	var spelt spelling
	if len(o.rules) > 0 {
		spelt.of(q.Path)
	}
	for _, r := range o.near.to(&spelt) {
		exact := spelt.exactly(&r.pattern, r.first)
		if !exact && !spelt.oddly(r) {
			continue
		}
		if !r.names(q.Method) && !slices.ContainsFunc(q.Overrides, r.names) {
			continue
		}
		if !r.matched.Load() {
			r.matched.Store(true)
		}
		if r.Public.Given() {
			if exact {
				break // it stands before what follows
			}
			continue
		}
		one, none, whole := r.asked(&q, exact)
		switch {
		case !whole:
			return nil, gatehouse.Denied(RuleUnknown, gatehouse.Place{}, "not all that the request names could be read").WithStatus(http.StatusNotFound)
		case none:
			continue
		}
		if c == nil {
			c = &Case{o: o, q: q}
		}
		c.open = append(c.open, one)
	}
	if c == nil {
		o.uncovered(&q)
	}
	return c, gatehouse.Passed()
}

// asked finds what a request names by the rule. With none it names no thing of this
// kind; whole is false where more may be named than could be read.
func (r *rule) asked(q *Request, exact bool) (a asked, none, whole bool) {
	a = asked{rule: r, odd: !exact}
	if r.graph != nil {
		var asks bool
		a.data, asks, whole = r.selected(q)
		return a, !asks, whole
	}
	if a.ids, whole = r.identifiers(q); q.probe {
		return a, false, true // only its answer is asked
	}
	return a, len(a.ids) == 0 && len(r.ids) > 0 && exact && r.ids[0].kind != "path", whole
}

// Wants reports whether a rule compares a name that the principal has, and that is
// not known yet.
func (c *Case) Wants() bool {
	return c.q.Principal.Known() && slices.ContainsFunc(c.open, func(a asked) bool { return !named(&c.q.Principal, a.rule.Owner.As) })
}

// Before decides before the backend is asked: about changes finally, about reads
// where no answer could tell.
func (c *Case) Before(ctx context.Context, p Prober) gatehouse.Decision {
	if !c.q.Principal.Known() {
		return gatehouse.Denied(RuleSignIn, gatehouse.Place{}, "nobody is signed in, so that the thing is not theirs").WithStatus(http.StatusUnauthorized)
	}
	if c.also != nil {
		d := c.also.Before(ctx, p)
		c.Admin = c.also.Admin
		if d.Verdict != gatehouse.Pass {
			return d
		}
	}
	change := c.q.change()
	still := c.open[:0]
	for _, a := range c.open {
		d := c.before(ctx, p, &a, change)
		switch {
		case d.Verdict != gatehouse.Pass:
			return d
		case d.Rule == ruleLater:
			still = append(still, a)
		}
	}
	c.open = still
	return gatehouse.Passed()
}

// ruleLater stands in a decision that passes for now: the answer decides.
const ruleLater = "later"

func later() gatehouse.Decision { return gatehouse.Decision{Verdict: gatehouse.Pass, Rule: ruleLater} }

func (c *Case) before(ctx context.Context, p Prober, a *asked, change bool) gatehouse.Decision {
	if ok, d := c.administers(a.rule); ok {
		if c.Admin = true; d.Verdict == gatehouse.Pass {
			c.passed(a.rule, "the principal is an administrator of such things")
		}
		return d
	}
	r := a.rule
	if r.graph != nil {
		return later() // what is changed, rules with identifiers say
	}
	change = change && !c.q.queries(r)
	if r.Owner.Self && !a.odd { // what it says, no answer need confirm
		for _, id := range a.ids {
			if d := c.prove(r, c.lent(c.itself(r, id), a)); d.Verdict != gatehouse.Pass {
				return d
			}
		}
	}
	fromAnswer := (!change || r.lists(c.q.Method)) && c.q.Method != http.MethodHead && r.judges()
	switch {
	case fromAnswer:
		return later()
	case a.odd:
		return gatehouse.Denied(RuleSpelling, gatehouse.Place{}, "the path is another spelling of %s, whose identifier servers read in different ways", r.Path).WithStatus(http.StatusNotFound)
	case r.Owner.AtWrite && change:
		d := c.atWrite(ctx, p, a)
		if d.Rule == ruleLater {
			c.passed(r, "the SQL gate lets it change the principal's rows alone")
		}
		return d
	case len(a.ids) == 0 && r.Items != "": // a collection's change, such as a new thing
		return gatehouse.Passed()
	case !change && c.q.Method == http.MethodHead && r.judges():
		return c.prove(r, c.shown(ctx, p, a))
	}
	f := c.each(ctx, p, a, change)
	if f.standing != standsOwn || !f.past || change {
		return c.prove(r, f)
	}
	a.again = true
	return later()
}

// each asks the proofs that need no answer for all that the request names: one
// that is not proven is enough. With last, what they say is final.
func (c *Case) each(ctx context.Context, p Prober, a *asked, last bool) (f finding) {
	f = unknown("the rule has no identifier, so that nothing tells what is meant")
	past := false
	for _, id := range a.ids {
		if f = c.lent(c.proven(ctx, p, a, id, last), a); f.standing != standsOwn {
			return f
		}
		past = past || f.past
	}
	f.past = past
	return f
}

// shown judges a HEAD by what a GET would show.
func (c *Case) shown(ctx context.Context, p Prober, a *asked) finding {
	path := c.q.Path
	if c.q.Query != "" {
		path += "?" + c.q.Query
	}
	f := c.lent(c.probed(ctx, p, path, a.rule.Owner.As), a)
	if f.standing == standsUnknown {
		f = f.or(c.each(ctx, p, a, true))
	}
	return f
}

// queries reports whether the request is of GraphQL and only reads.
func (q *Request) queries(r *rule) bool {
	if len(r.ids) == 0 || r.ids[0].kind != "graphql" || q.Inputs == nil {
		return false
	}
	all, whole := q.Inputs.Operations()
	return whole && len(all) > 0 && !slices.ContainsFunc(all, input.Operation.Mutation)
}

// administers reports whether the principal may have everybody's things by a rule,
// and the decision on it.
func (c *Case) administers(r *rule) (bool, gatehouse.Decision) {
	p, a := &c.q.Principal, &r.Admins
	if !slices.ContainsFunc(p.Roles, func(role string) bool { return slices.Contains(a.Roles, role) }) {
		return false, gatehouse.Decision{}
	}
	switch {
	case a.SecondFactor && !p.SecondFactor:
		return true, gatehouse.Denied(RuleStepUp, gatehouse.Place{}, "others' things take a sign-in of two factors").WithStatus(http.StatusUnauthorized)
	case a.MaxAge > 0 && (p.SignedIn.IsZero() || c.o.now().Sub(p.SignedIn) > a.MaxAge):
		return true, gatehouse.Denied(RuleStepUp, gatehouse.Place{}, "others' things take a sign-in within the last %s", a.MaxAge).WithStatus(http.StatusUnauthorized)
	}
	return true, gatehouse.Passed()
}

// proven asks the proofs that need no answer, in order: the identifier itself, a
// probe, the ledger. Without last, a list is not asked for what the ledger has, as
// it is when the answer is there.
func (c *Case) proven(ctx context.Context, p Prober, a *asked, id string, last bool) finding {
	r := a.rule
	if r.Owner.Self {
		return c.itself(r, id)
	}
	var said finding
	if path, ok := a.probePath(&c.q, id); ok {
		if said = c.probed(ctx, p, path, r.Owner.As); said.standing != standsUnknown {
			return said
		}
	}
	switch {
	case r.Owner.Ledger:
	case said.why == "":
		return unknown("the rule has no proof for this method")
	default:
		return said
	}
	has := c.looked(ctx, r, id)
	if has.standing == standsOwn && len(r.complete()) > 0 {
		if has.past = true; last {
			has = c.listed(ctx, p, r, id)
		}
	}
	return said.or(has)
}

// itself asks whether an identifier is the principal's own name.
func (c *Case) itself(r *rule, id string) finding {
	switch {
	case !named(&c.q.Principal, r.Owner.As):
		return unknown("the principal has no known name to compare with the identifier")
	case called(&c.q.Principal, r.Owner.As, id):
		return own("the identifier is the principal's own")
	}
	return others("the identifier is not the principal's own")
}

// looked asks the ledger.
func (c *Case) looked(ctx context.Context, r *rule, id string) finding {
	s, err := c.o.ledger.Look(ctx, r.Thing, id, keyOf(&c.q.Principal))
	switch {
	case err != nil:
		return unknown("the ledger could not be read")
	case s == ledger.Own:
		return own("the ledger has it as the principal's")
	case s == ledger.Lent:
		return own("it was shared with the principal")
	case s == ledger.Others:
		return others("the ledger has it as another's")
	}
	return unknown("the ledger has nobody for it")
}

// probePath is where a thing is shown; ok is false where nothing shows it.
func (a *asked) probePath(q *Request, id string) (path string, ok bool) {
	r := a.rule
	if len(r.probe) == 0 {
		if !r.tells() || r.Items != "" || len(r.ids) != 1 || len(a.ids) != 1 || r.ids[0].kind != "path" || !r.names(http.MethodGet) {
			return "", false
		}
		return q.Path, true
	}
	var b strings.Builder
	for i, part := range r.probe {
		if i%2 == 0 {
			b.WriteString(part)
			continue
		}
		v, fromPath := r.pattern.Value(part, q.Path)
		if !fromPath || slices.Contains(r.ids, place{"path", part}) {
			v = id
		}
		if v == "" || v == "." || v == ".." {
			return "", false
		}
		b.WriteString(url.PathEscape(v))
	}
	return b.String(), true
}

// probed asks the backend for the thing, and judges the answer by the rules for
// its path. Owners are told by those of their names that as says, or not.
func (c *Case) probed(ctx context.Context, p Prober, path, as string) finding {
	if p == nil {
		return unknown("nothing can be probed")
	}
	plain, _, _ := strings.Cut(path, "?")
	probe, d := c.o.Begin(Request{Method: http.MethodGet, Path: plain, Header: c.q.Header, Principal: c.q.Principal, probe: true})
	if probe == nil || d.Verdict != gatehouse.Pass {
		return unknown("no rule says whose the probe's answer is")
	}
	told := probe.open[:0]
	for _, a := range probe.open {
		if a.rule.judges() {
			told = append(told, a)
		}
	}
	if probe.open = told; len(told) == 0 {
		return unknown("the probe's answer does not tell the owner")
	}
	answer, err := p.Probe(ctx, path)
	if err != nil {
		return unknown("the probe was not answered")
	}
	if answer.Status != http.StatusOK {
		f := unknown("the probe found nothing to judge")
		f.gone = answer.Status == http.StatusNotFound || answer.Status == http.StatusGone
		return f
	}
	found := own("the probe's answer is the principal's")
	found.past = true
	for i := range probe.open {
		f := probe.told(ctx, &probe.open[i], answer)
		if probe.open[i].rule.Owner.As != as {
			f.owners = nil
		}
		if f.standing != standsOwn {
			return f
		}
		found.owners = append(found.owners, f.owners...)
	}
	return found
}
