package learn

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/gatehousehq/gatehouse/application/ownership"
)

// A Proposal is a rule for the configuration, or why there is none yet.
type Proposal struct {
	// Route is the first route that it is about, such as "GET /orders/{id}".
	Route string
	// Rule is the rule. Where it is not Proposed, it is what the rule would be, as
	// far as that can be said.
	Rule ownership.Rule
	// Me is set instead of Rule for a route that tells who is signed in.
	Me *Me
	// Proposed: to be written into the configuration as it stands.
	Proposed bool
	// Evidence is what was seen, in words.
	Evidence string
	// Wanted is how many more observations would tell, at least; 0 where more of
	// the same would not.
	Wanted int
}

// Me is a route that tells who is signed in: a section of identity.backend_session.me.
type Me struct {
	Path string
	// Aliases are members of its JSON by the alias that each is.
	Aliases map[string]string
}

// A draft is a Proposal in the making, of one route.
type draft struct {
	r    *route
	rule ownership.Rule
	ok   bool
	// says are the sentences of the evidence.
	says   []string
	wanted int
	// leaf is what tells the owner, in the names of kind.
	leaf *leaf
	kind uint8
}

func (d *draft) say(words ...string) { d.says = append(d.says, strings.Join(words, "")) }

func (d *draft) path() string { return "`" + d.r.pattern + queryMark(d.r.query) + "`" }

// Suggest gives what can be said so far, by path: rules to write down, and those
// that something still speaks against.
func (l *Learner) Suggest() []Proposal {
	l.mu.Lock()
	defer l.mu.Unlock()
	routes := make([]*route, 0, len(l.routes))
	for _, at := range sorted(l.routes) {
		routes = append(routes, l.routes[at])
	}
	slices.SortStableFunc(routes, func(a, b *route) int { return cmp.Compare(a.template, b.template) })
	for _, r := range routes {
		l.findMe(r)
	}
	var out []Proposal
	var drafts []*draft
	for _, r := range routes {
		if p, ok := l.proposeMe(r); ok {
			out = append(out, p)
		}
		drafts = append(drafts, l.drafts(r)...)
	}
	drafts = l.below(routes, drafts)
	for _, d := range drafts {
		l.alike(d)
	}
	drafts = merge(drafts)
	l.widen(drafts)
	drafts = append(l.words(routes, drafts), drafts...)
	for _, d := range drafts {
		out = append(out, Proposal{
			Route: d.r.key(), Rule: d.rule, Proposed: d.ok, Evidence: strings.Join(d.says, "; "), Wanted: d.wanted,
		})
	}
	return out
}

// drafts tries, in turn, how it can be told whose a route's things are.
func (l *Learner) drafts(r *route) (all []*draft) {
	if d := l.selfAbove(r); d != nil {
		all = append(all, d)
	}
	if d := l.draft(r); d != nil {
		all = append(all, d)
	}
	return all
}

func newDraft(r *route) *draft {
	d := &draft{r: r, rule: ownership.Rule{Path: r.pattern, Methods: []string{r.method}}}
	if r.query != "" {
		d.rule.ID = []string{place(r) + ":" + r.query}
	}
	return d
}

// place is where a field stands that names the route's thing.
func place(r *route) string {
	if r.safe() {
		return "query"
	}
	return "body"
}

// draft is that of the thing which a route is about. Nil: there is none.
func (l *Learner) draft(r *route) *draft {
	d := newDraft(r)
	if !r.named() {
		if r.safe() && (l.single(d) || l.items(d)) {
			return d
		}
		return nil
	}
	for _, try := range [...]func(*draft) bool{l.self, l.public, l.field, l.items, l.rows, l.given} {
		kept := *d
		if try(d) && (d.ok || d.wanted > 0 && len(d.says) > 0) {
			return d
		}
		if !d.ok && d.says == nil {
			*d = kept // nothing came of it
		}
	}
	if len(d.says) == 0 {
		l.unknown(d)
	}
	return d
}

// unknown says that nothing tells.
func (l *Learner) unknown(d *draft) {
	r := d.r
	if r.wanting(l.o, d) {
		return
	}
	shared := r.shared()
	d.say(count(r.answers, "answer", "answers"), " of ", d.path(), " to ", count(len(r.askers), "principal", "principals"),
		" said nothing of whose the thing is")
	if shared > 0 {
		d.say(count(shared, "thing was", "things were"), " asked for by more than one principal: shared, public, or no thing at all")
	}
}

// wanting says how many observations are wanted yet, if any are.
func (r *route) wanting(o Options, d *draft) bool {
	answers, people := o.MinAnswers-int(r.answers), o.MinPrincipals-len(r.askers)
	d.wanted = max(answers, people, 0)
	if d.wanted == 0 {
		return false
	}
	words := count(r.answers, "answer", "answers") + " of " + d.path() + " to " + count(len(r.askers), "principal", "principals") + " so far"
	if people > 0 {
		words += ", of " + thousands(o.MinPrincipals) + " principals at least"
	}
	d.say(words, "; ", count(d.wanted, "more observation is", "more observations are"), " wanted")
	return true
}

// shared is how many things were asked for by more than one person.
func (r *route) shared() (n int) {
	for _, t := range r.things {
		if t.several() > 1 || t.several() == 1 && t.strange {
			n++
		}
	}
	return n
}

// merge makes one rule of those that differ in methods alone.
func merge(drafts []*draft) (out []*draft) {
	for _, d := range drafts {
		i := slices.IndexFunc(out, func(have *draft) bool {
			return have.ok == d.ok && d.ok && have.rule.Path == d.rule.Path && slices.Equal(have.rule.ID, d.rule.ID) && same(have.rule, d.rule)
		})
		if i < 0 {
			out = append(out, d)
			continue
		}
		for _, m := range d.rule.Methods {
			if !slices.Contains(out[i].rule.Methods, m) {
				out[i].rule.Methods = append(out[i].rule.Methods, m)
			}
		}
		if len(out[i].rule.Admins.Roles) == 0 {
			out[i].rule.Admins = d.rule.Admins
		}
		slices.SortFunc(out[i].rule.Methods, byMethod)
		out[i].says = append(out[i].says, d.says...)
	}
	return out
}

// byMethod has GET first.
func byMethod(a, b string) int {
	return cmp.Or(cmp.Compare(methodRank[a], methodRank[b]), cmp.Compare(a, b))
}

var methodRank = map[string]int{"GET": -5, "POST": -4, "PUT": -3, "PATCH": -2, "DELETE": -1}

// same reports whether two rules tell the owner in the same way.
func same(a, b ownership.Rule) bool {
	x, y := a.Owner, b.Owner
	return x.Self == y.Self && slices.Equal(x.Field, y.Field) && x.Header == y.Header && x.Selector == y.Selector && x.Attribute == y.Attribute &&
		x.Column == y.Column && x.Key == y.Key && x.Ledger == y.Ledger && x.Probe == y.Probe && x.AtWrite == y.AtWrite && x.As == y.As &&
		a.Items == b.Items && slices.Equal(a.Tenant, b.Tenant) && a.Public == b.Public &&
		slices.EqualFunc(a.Gives, b.Gives, func(g, h ownership.Giving) bool {
			return g.Path == h.Path && slices.Equal(g.Methods, h.Methods) && slices.Equal(g.Field, h.Field)
		})
}

func sorted[V any](m map[string]V) []string {
	if len(m) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(m))
}
