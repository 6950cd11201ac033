package ownership

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/ownership/ledger"
)

// This file is about things that change hands, and things that are shared: what was
// so when it was asked may be so no more when the backend acts.

// still asks the proofs of a read once more, that are of the time before it: nothing
// of the answer has left yet, so that what was another's by then is not shown. A
// thing that is gone is nobody's.
func (c *Case) still(ctx context.Context, p Prober, a *Answer) gatehouse.Decision {
	if a.Status >= 400 || a.Status == http.StatusNotModified {
		return gatehouse.Passed() // it shows nothing of the thing
	}
	for i := range c.open {
		one := &c.open[i]
		if !one.again {
			continue
		}
		f := c.each(ctx, p, one, true)
		if d := c.prove(one.rule, f); d.Verdict != gatehouse.Pass && !f.gone {
			return d
		}
	}
	return gatehouse.Passed()
}

// atWrite leaves a change to the SQL gate. Where the thing may be shared, it is asked
// whose it is: the rows may be theirs then who share it, and nobody else's.
func (c *Case) atWrite(ctx context.Context, p Prober, a *asked) gatehouse.Decision {
	a.written = true
	lent := c.isLent(a)
	if !lent && !a.rule.sharing || a.odd {
		return later()
	}
	for _, id := range a.ids {
		switch f := c.proven(ctx, p, a, id, true); {
		case f.standing == standsUnknown && lent:
			a.written = false // nobody says who lends it
			return gatehouse.Passed()
		case f.standing == standsOwn, f.standing == standsOther && lent:
			a.lenders = append(a.lenders, f.owners...)
		case f.standing != standsUnknown:
			return f.decision()
		}
	}
	return later()
}

// shared is f, which says that rows of an answer are another's, unless the thing is
// shared with the principal by those whose rows they are.
func (c *Case) shared(ctx context.Context, p Prober, a *asked, f finding) finding {
	if f.standing != standsOther || f.named || !a.rule.sharing || a.odd || len(a.ids) == 0 || len(f.owners) == 0 {
		return f
	}
	var by []string
	for _, id := range a.ids {
		said := c.proven(ctx, p, a, id, true)
		if said.standing != standsOwn {
			return f
		}
		by = append(by, said.owners...)
	}
	for _, o := range f.owners {
		if !called(&c.q.Principal, a.rule.Owner.As, o) && !slices.Contains(by, o) {
			return f
		}
	}
	return own("the rows that the answer was made from are theirs who share it with the principal")
}

// saysShared reports whether the answers by which a rule is judged say with whom a thing
// is shared.
func (o *Ownership) saysShared(r *rule) bool {
	if r.Owner.Probe == "" {
		return len(r.Owner.Shared) > 0
	}
	path, _, _ := strings.Cut(sample(r.Owner.Probe), "?")
	return slices.ContainsFunc(o.rules, func(other *rule) bool {
		return len(other.Owner.Shared) > 0 && other.names(http.MethodGet) && (other.pattern.Match(path) || other.loosely(strings.ToLower(path)))
	})
}

// complete are those lists that have all of a person's things.
func (r *rule) complete() (all []*giving) {
	for i := range r.gives {
		if r.gives[i].all != "" {
			all = append(all, &r.gives[i])
		}
	}
	return all
}

// listed asks whether a thing that the ledger has as the principal's is in a list of
// all that they have. One that is not has changed hands, and the ledger forgets it.
func (c *Case) listed(ctx context.Context, p Prober, r *rule, id string) finding {
	if p == nil {
		return unknown("nothing can be probed")
	}
	for _, g := range r.complete() {
		a, err := p.Probe(ctx, g.all)
		if err != nil || a.Status != http.StatusOK || !a.Whole {
			return unknown("the list of all that the principal has was not answered")
		}
		q := Request{Method: http.MethodGet, Path: g.all, Host: c.q.Host, Principal: c.q.Principal}
		ids, _ := c.o.given(g, r, &q, a)
		switch {
		case slices.Contains(ids, id):
			return own("the list of all that the principal has, has it")
		case len(ids) >= maxGiven:
			return unknown("the list of all that the principal has is too long")
		}
	}
	if err := c.o.ledger.Revoke(ctx, r.Thing, id, keyOf(&c.q.Principal)); err != nil {
		return unknown("the ledger could not be written")
	}
	return others("it is in no list of all that the principal has")
}

// corrects has the ledger follow what an answer itself told of the one thing that the
// request names by its path and by nothing else: what is the principal's is nobody
// else's, and what is another's is not theirs.
func (c *Case) corrects(ctx context.Context, a *asked, told finding) {
	r := a.rule
	if c.o.ledger == nil || !c.o.kept[r.Thing] || a.odd || len(a.ids) != 1 || len(r.ids) != 1 || r.ids[0].kind != "path" || !told.named {
		return
	}
	if q := &c.q; q.Inputs == nil || len(q.Inputs.Body()) > 0 || !q.parameters(func(string) bool { return false }) {
		return // the answer may be about something else
	}
	has, err := c.o.ledger.Look(ctx, r.Thing, a.ids[0], keyOf(&c.q.Principal))
	switch {
	case err != nil: // what it can't say now it says of the next
	case told.standing == standsOwn && len(told.owners) == 0 && has == ledger.Others:
		_ = c.o.ledger.Transfer(ctx, r.Thing, a.ids[0], keyOf(&c.q.Principal)) // so do these
	case told.standing == standsOther && has == ledger.Own:
		_ = c.o.ledger.Revoke(ctx, r.Thing, a.ids[0], keyOf(&c.q.Principal))
	}
}
