package ownership

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/ownership/answer"
	"github.com/gatehousehq/gatehouse/exchange"
)

// Waits reports whether the answer decides: nothing of it may leave before After.
func (c *Case) Waits() bool { return c != nil && len(c.open) > 0 }

// Shows reports whether it decides by what it shows: a part of it could not be judged.
func (c *Case) Shows() bool {
	return c != nil && slices.ContainsFunc(c.open, func(a asked) bool { return !a.again && !a.written })
}

// Reads reports whether After wants the body of an answer with this head: it may say
// whose it is, its end is that of the statements that it was made by, and what is
// refused is known to be over once it was read.
func (c *Case) Reads(h http.Header) bool {
	return c != nil && slices.ContainsFunc(c.open, func(a asked) bool {
		if a.rule.graph != nil && a.data == nil {
			return a.rule.graph.Accepts(h.Get("Content-Type"))
		}
		return !a.again
	})
}

// Written says whose rows the SQL gate must let the request change alone: the names
// of the principal by column, such as "orders.user_id". Nil where it need not ask.
func (c *Case) Written() map[string][]string {
	if c == nil {
		return nil
	}
	var all map[string][]string
	add := func(column string, names []string) {
		if all == nil {
			all = make(map[string][]string)
		}
		if all[column] == nil {
			all[column] = []string{} // nobody's, and asked
		}
		for _, name := range names {
			if !slices.Contains(all[column], name) {
				all[column] = append(all[column], name)
			}
		}
	}
	for i := range c.open {
		if one := &c.open[i]; one.written {
			add(one.rule.Owner.Column, append(namesOf(&c.q.Principal, one.rule.Owner.As), one.lenders...))
		}
	}
	for column, names := range c.also.Written() {
		add(column, names)
	}
	return all
}

// AtWrite gives the owner's column of a table that some rule leaves to the SQL gate,
// as the statement names the table.
func (o *Ownership) AtWrite(table string) (column string, ok bool) {
	for _, r := range o.rules {
		if r.Owner.AtWrite && sameTable(r.Owner.Column[:strings.LastIndexByte(r.Owner.Column, '.')], table) {
			return r.Owner.Column, true
		}
	}
	return "", false
}

// Tables are those whose rows the rules go by.
func (o *Ownership) Tables() []exchange.Owned { return o.tables }

// tablesOf are the tables of rules, each once.
func tablesOf(rules []*rule) (all []exchange.Owned) {
	for _, r := range rules {
		at := strings.LastIndexByte(r.Owner.Column, '.')
		if at < 0 {
			continue
		}
		one := exchange.Owned{Table: r.Owner.Column[:at], Column: r.Owner.Column[at+1:], Key: r.Owner.Key}
		if !slices.Contains(all, one) {
			all = append(all, one)
		}
	}
	return all
}

// sameTable compares a table with one that may name its schema.
func sameTable(a, b string) bool {
	return a == b || strings.TrimPrefix(a, "public.") == strings.TrimPrefix(b, "public.")
}

// After decides about an answer. Where it passes and body is not nil, body is what
// leaves in the place of the answer's: others' things were cut out of it, cut many.
func (c *Case) After(ctx context.Context, p Prober, a *Answer) (d gatehouse.Decision, body []byte, cut int) {
	if d := c.still(ctx, p, a); d.Verdict != gatehouse.Pass || !slices.ContainsFunc(c.open, func(a asked) bool { return !a.again }) {
		return d, nil, 0
	}
	switch {
	case a.Status == http.StatusNoContent, a.Status == http.StatusNotModified && len(a.Body) == 0, a.Status >= 300 && a.Status < 400:
		return gatehouse.Passed(), nil, 0 // it shows nothing of the thing
	case a.Status == http.StatusNotFound, a.Status == http.StatusGone, a.Status == http.StatusForbidden && !c.q.change():
		// The same document as for what is another's.
		return gatehouse.Denied(RuleGone, gatehouse.Place{}, "the backend has no such thing for the caller").WithStatus(http.StatusNotFound), nil, 0
	case a.Status >= 400:
		return c.failed(ctx, a), nil, 0
	}
	for i := range c.open {
		one := &c.open[i]
		switch {
		case one.written, one.again:
			continue
		case one.rule.Items != "", one.rule.graph != nil:
			var n int
			if d, body, n = c.things(ctx, one, a, body); d.Verdict != gatehouse.Pass {
				return d, nil, 0
			}
			if cut += n; n > 0 {
				c.passed(one.rule, "what was another's was cut out, and the rest is the principal's")
			} else {
				c.passed(one.rule, "all that it shows is the principal's")
			}
			continue
		}
		said := c.shared(ctx, p, one, c.told(ctx, one, a))
		c.corrects(ctx, one, said)
		if said.standing == standsUnknown && !one.odd {
			said = said.or(c.each(ctx, p, one, true))
		}
		if d := c.prove(one.rule, c.lent(said, one)); d.Verdict != gatehouse.Pass {
			return d, nil, 0
		}
	}
	return gatehouse.Passed(), body, cut
}

// failed decides about an error of the backend's, which mostly shows no thing, and
// passes unless it names another as the owner of what it shows. The rows that it was
// made from say less: a name that is taken is told by another's row.
func (c *Case) failed(ctx context.Context, a *Answer) gatehouse.Decision {
	for i := range c.open {
		one := &c.open[i]
		if one.rule.graph != nil { // which shows things beside its errors
			if d := c.graphFailed(ctx, one, a); d.Verdict != gatehouse.Pass {
				return d
			}
			continue
		}
		if one.written || one.again || one.rule.Items != "" || !one.rule.tells() {
			continue
		}
		if said := c.lent(c.read(one.rule, a), one); said.standing == standsOther || said.standing == standsOtherTenant {
			return said.decision()
		}
	}
	return gatehouse.Passed()
}

// RuleGone stands in a decision about an answer that shows no thing: it is told in
// the gate's own words, as one about another's would be, and is no refusal.
const RuleGone = "not-found"

// told asks what the answer tells: its body or head, and the rows it was made from.
func (c *Case) told(ctx context.Context, a *asked, of *Answer) finding {
	r := a.rule
	said := finding{}
	if r.tells() {
		said = c.read(r, of)
		if said.standing != standsUnknown {
			return said
		}
	}
	if r.Owner.Column == "" {
		return said
	}
	return said.or(c.byRows(ctx, r, of))
}

// byRows asks the rows that the answer was made from.
func (c *Case) byRows(ctx context.Context, r *rule, of *Answer) finding {
	switch {
	case of.Rows == nil:
		return unknown("nobody knows exactly which rows the answer was made from")
	case !of.Whole:
		return unknown("the answer is longer than what is held to be judged: more rows may come")
	}
	owners, known := of.Rows.Owners(ctx, r.Owner.Column, r.Owner.Key)
	switch {
	case !known || len(owners) == 0:
		return unknown("the rows that the answer was made from do not tell")
	case !named(&c.q.Principal, r.Owner.As):
		return unknown("the principal's name in the database is not known")
	}
	for _, o := range owners {
		if !called(&c.q.Principal, r.Owner.As, o) {
			f := others("a row that the answer was made from has another's " + r.Owner.Column)
			f.owners = owners
			return f
		}
	}
	return own("every row that the answer was made from is the principal's")
}

// read asks the answer's body or head.
func (c *Case) read(r *rule, of *Answer) finding {
	var owners answer.Owners
	var err error
	switch {
	case r.Owner.Header != "":
		owners, err = r.plan.ReadHeader(of.Header)
	case !r.plan.Accepts(of.Header.Get("Content-Type")):
		return unknown("the answer is of another type than the rule reads")
	case !of.Whole:
		return unknown("the answer is longer than what is held to be judged")
	default:
		owners, err = r.plan.Read(of.Body)
	}
	if err != nil {
		return unknown("the answer could not be read: " + err.Error())
	}
	return c.judge(r, &owners)
}

// judge compares the owners that an answer names with the principal's names.
func (c *Case) judge(r *rule, o *answer.Owners) finding {
	p := &c.q.Principal
	switch {
	case !o.Complete:
		return unknown("the answer does not tell whose it is")
	case len(r.Tenant) > 0 && p.Tenant == "":
		return unknown("the principal's tenant is not known")
	case slices.ContainsFunc(o.Tenant, func(t string) bool { return t != p.Tenant }):
		return finding{standing: standsOtherTenant, why: "the answer is another tenant's"}
	case len(o.Owner) == 0:
		return own("the answer is the principal's tenant's")
	case !named(p, r.Owner.As):
		return unknown("the principal has no known name to compare with the answer's owner")
	}
	for _, name := range o.Owner {
		if !called(p, r.Owner.As, name) {
			f := others("the answer says that it is another's")
			if slices.ContainsFunc(o.Shared, func(s string) bool { return called(p, r.Owner.As, s) }) {
				f = own("the answer says that it is shared with the principal")
			}
			f.owners, f.named = o.Owner, true
			return f
		}
	}
	f := own("the answer says that it is the principal's")
	f.named = true
	return f
}

// things judges a list, or what a field of GraphQL shows.
func (c *Case) things(ctx context.Context, a *asked, of *Answer, body []byte) (gatehouse.Decision, []byte, int) {
	if a.rule.graph != nil {
		return c.graph(ctx, a, of, body)
	}
	return c.collection(a, of, body)
}

// collection judges a list item by item. body is what an earlier rule made of it.
func (c *Case) collection(a *asked, of *Answer, body []byte) (gatehouse.Decision, []byte, int) {
	r := a.rule
	if !of.Whole || !r.plan.Accepts(of.Header.Get("Content-Type")) {
		return unknown("the list is too long to be judged, or no JSON").decision(), nil, 0
	}
	text := of.Body
	if body != nil {
		text = body
	}
	out, cut, _, err := r.plan.Cut(make([]byte, 0, len(text)), text, func(o answer.Owners) bool {
		return c.judge(r, &o).standing == standsOwn
	})
	switch {
	case err != nil:
		return unknown("the list could not be read: " + err.Error()).decision(), nil, 0
	case cut == 0:
		return gatehouse.Passed(), body, 0
	case r.Whole:
		return gatehouse.Denied(RuleMixed, gatehouse.Place{}, "%d of the list's items are not the principal's", cut).WithStatus(http.StatusNotFound), nil, 0
	}
	return gatehouse.Passed(), out, cut
}

func isHTML(h http.Header) bool {
	kind := strings.ToLower(h.Get("Content-Type"))
	return strings.HasPrefix(kind, "text/html") || strings.HasPrefix(kind, "application/xhtml+xml")
}
