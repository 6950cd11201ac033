package learn

import (
	"cmp"
	"slices"
	"strings"
)

// few is what one person alone may have done against a rule: one in fifty.
const few = 50

// A candidate is a member that may say whose a thing is.
type candidate struct {
	node  *node
	path  string
	tally tally
	rank  int
}

// candidates are the members that were a name of who asked, for two people at
// least, the likeliest first.
func (l *Learner) candidates(r *route, lists bool) (all []candidate) {
	r.root.each(func(n *node) {
		if (n.list() != nil) != lists || n.leaf.by == nil || says(n) {
			return
		}
		t := l.best(&n.leaf)
		if t.people < 2 || t.own*2 < t.total() {
			return
		}
		all = append(all, candidate{n, n.path(), t, personal(n.name)})
	})
	for i, c := range all {
		if c.rank == 0 && c.node.parent != nil { // "owner.id", "user.email"
			all[i].rank = personal(c.node.parent.name)
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.fit(r), a.fit(r)), cmp.Compare(b.rank, a.rank), cmp.Compare(depth(a.path), depth(b.path)), cmp.Compare(a.path, b.path))
	})
	return all
}

// fit is 2 for a member that nothing speaks against, 1 for one that one person does.
func (c candidate) fit(r *route) int {
	switch {
	case c.node.leaf.changed > 1 || c.missing(r)*few > r.json:
		return 0
	case c.tally.against == 0:
		return 2
	case tolerable(c.tally):
		return 1
	}
	return 0
}

// missing is in how many answers the member was not, or not of each element.
func (c candidate) missing(r *route) uint32 {
	if c.node.list() != nil {
		return c.node.leaf.missing
	}
	return r.json - min(r.json, c.node.leaf.seen)
}

// tolerable reports whether what speaks against a rule is one person's doing, and
// little.
func tolerable(t tally) bool {
	return len(t.opponents) <= 1 && t.against*few <= t.total()
}

func depth(path string) int { return strings.Count(path, ".") + strings.Count(path, "[") }

// says reports whether a member, by its name, says who asks.
func says(n *node) bool {
	for at := n; at != nil; at = at.parent {
		if asking[strings.ToLower(at.name)] {
			return true
		}
	}
	return false
}

// field proposes a member of the answer that is the principal's name.
func (l *Learner) field(d *draft) bool {
	r := d.r
	all := l.candidates(r, false)
	if len(all) == 0 {
		return false
	}
	c := all[0]
	d.rule.Owner.Field, d.rule.Owner.As = []string{c.path}, l.kinds[c.tally.kind]
	d.leaf, d.kind = &c.node.leaf, c.tally.kind
	l.evidence(d, c, "answers")
	l.others(d, all)
	if c.fit(r) == 0 {
		l.against(d, c)
		return true
	}
	if r.json < r.answers-r.answers/few {
		d.say(count(r.answers-r.json, "answer was", "answers were"), " no JSON, or too large, and said nothing of it")
		return true
	}
	if !l.strangers(d, c.tally) || r.enough(l.o, d, c.tally) {
		return true
	}
	l.column(d)
	l.tenant(d)
	d.ok = true
	return true
}

// evidence says how often a member was the principal's name.
func (l *Learner) evidence(d *draft, c candidate, what string) {
	t := c.tally
	d.say(thousands(t.own), " of ", thousands(t.total()), " ", what, " of ", d.path(), " had `", c.path, "` equal to the principal",
		l.kindWords(t.kind), ", ", count(t.people, "principal", "principals"), ", ", thousands(d.r.shared()), " shared")
	if len(t.admins) > 0 {
		d.rule.Admins.Roles = t.admins
		d.say(thousands(t.everything), " of others' were shown to principals of the role ", strings.Join(t.admins, ", "))
	}
	if c.tally.against > 0 && tolerable(t) {
		d.say("it would have refused ", thousands(t.against), ", all of 1 principal of ", thousands(t.asked), ": a walk?")
	}
}

// kindWords names the kind of name, where it is not the principal's own.
func (l *Learner) kindWords(kind uint8) string {
	if kind == kindID {
		return ""
	}
	return "'s `" + l.kinds[kind] + "`"
}

// others names further members that say the same.
func (l *Learner) others(d *draft, all []candidate) {
	var more []string
	for _, c := range all[1:] {
		if len(more) < 3 && c.fit(d.r) == all[0].fit(d.r) {
			more = append(more, "`"+c.path+"`")
		}
	}
	if len(more) > 0 {
		d.say("so had ", strings.Join(more, ", "))
	}
}

// against says what speaks against a member.
func (l *Learner) against(d *draft, c candidate) {
	if n := c.node.leaf.changed; n > 1 {
		d.say("it said something else of ", count(n, "thing", "things"), " when another asked: it says who asks, not whose the thing is")
	}
	if n := c.missing(d.r); n*few > d.r.json {
		d.say(thousands(n), " had no such member")
	}
	if c.tally.against > 0 && !tolerable(c.tally) {
		d.say(thousands(c.tally.against), " had another's, of ", count(len(c.tally.opponents), "principal", "principals"),
			": shared, public, or whose it is stands elsewhere")
	}
}

// strangers reports whether answers to people who are not signed in leave room for
// an owner, and says of them.
func (l *Learner) strangers(d *draft, t tally) bool {
	n := d.r.strangers
	if n == 0 {
		return true
	}
	d.say(thousands(n), " answers went to somebody who was not signed in")
	return n*few <= t.total() && len(t.opponents) == 0
}

// enough reports whether a draft must wait for more, and says so.
func (r *route) enough(o Options, d *draft, t tally) (wait bool) {
	d.wanted = max(o.MinAnswers-int(t.own), o.MinPrincipals-t.people, 0)
	if d.wanted > 0 {
		d.say(count(d.wanted, "more observation is", "more observations are"), " wanted")
	}
	return d.wanted > 0
}

// column adds a column of the rows that is the principal's name, beside a member of
// the answer or by itself.
func (l *Learner) column(d *draft) bool {
	alone := len(d.rule.Owner.Field) == 0
	best, at, near := tally{}, "", -1
	for _, name := range sorted(d.r.columns) {
		f := d.r.columns[name]
		t := l.best(f)
		if t.people < l.o.MinPrincipals || !tolerable(t) || (f.seen+settling)*few < d.r.answers*(few-1) || !alone && t.kind != d.kind {
			continue
		}
		if n := d.r.isOf(tableOf(name)); n > near && (n > 0 || !l.ambient(name)) {
			best, at, near = t, name, n
		}
	}
	if near < 0 {
		return false
	}
	d.rule.Owner.Column, d.rule.Owner.As = at, l.kinds[best.kind]
	d.say("the rows of ", thousands(best.own), " of ", thousands(best.total()), " answers had `", at, "` equal to the principal", l.kindWords(best.kind))
	if alone {
		d.kind = best.kind
		if len(best.admins) > 0 {
			d.rule.Admins.Roles = best.admins
		}
		d.ok = l.strangers(d, best) && !d.r.enough(l.o, d, best)
	}
	return true
}

// ambient reports whether a column is read whatever is asked for, as those of
// sessions and settings are: of who asks, and not of the thing.
func (l *Learner) ambient(column string) bool {
	if table := strings.ToLower(tableOf(column)); strings.Contains(table, "session") || strings.Contains(table, "token") {
		return true
	}
	all, having := 0, 0
	for _, r := range l.routes {
		if r.named() || r.answers == 0 {
			continue
		}
		all++
		if r.columns[column] != nil {
			having++
		}
	}
	return having*4 > all
}

// settling is how many answers may pass before a column is looked at.
const settling = 4

// tableOf is the table of "public.orders.user_id".
func tableOf(column string) string {
	table := column[:max(strings.LastIndexByte(column, '.'), 0)]
	return table[strings.LastIndexByte(table, '.')+1:]
}

// tenant adds a member that is the principal's tenant, where there are several.
func (l *Learner) tenant(d *draft) {
	d.r.root.each(func(n *node) {
		if n.list() != nil || n.leaf.by == nil || len(d.rule.Tenant) > 0 || d.r.json != n.leaf.seen {
			return
		}
		t := l.tally(&n.leaf, kindTenant)
		if t.distinct < 2 || t.people < l.o.MinPrincipals || t.against > 0 || t.unnamed > 0 {
			return
		}
		d.rule.Tenant = []string{n.path()}
		d.say("`", n.path(), "` was the principal's tenant in all of them, ", count(t.distinct, "tenant", "tenants"))
	})
}

// items proposes that a list be judged one by one.
func (l *Learner) items(d *draft) bool {
	r := d.r
	all := l.candidates(r, true)
	if len(all) == 0 {
		return false
	}
	slices.SortStableFunc(all, func(a, b candidate) int { // the outermost list
		return cmp.Or(cmp.Compare(b.fit(r), a.fit(r)), cmp.Compare(strings.Count(a.path, "[]"), strings.Count(b.path, "[]")))
	})
	c := all[0]
	items, field, _ := cutItems(c.path)
	if field == "" {
		return false // a list of names
	}
	d.rule.Items, d.rule.Owner.Field, d.rule.Owner.As = items, []string{field}, l.kinds[c.tally.kind]
	d.leaf, d.kind = &c.node.leaf, c.tally.kind
	l.evidence(d, c, "lists")
	if c.fit(r) == 0 {
		l.against(d, c)
		return true
	}
	if l.strangers(d, c.tally) && !r.enough(l.o, d, c.tally) {
		l.counts(d, items)
		d.ok = true
	}
	return true
}

// cutItems cuts the path of a member of a list's elements into the list and the rest.
func cutItems(path string) (items, field string, ok bool) {
	i := strings.Index(path, "[]")
	if i < 0 {
		return "", "", false
	}
	return path[:i+2], strings.TrimPrefix(path[i+2:], "."), true
}
