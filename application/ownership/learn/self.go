package learn

import (
	"strconv"
	"strings"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/ownership"
)

// self proposes that the identifier is itself a name of the principal.
func (l *Learner) self(d *draft) bool {
	r := d.r
	f := r.fields[r.query]
	if r.query == "" {
		f = &r.wilds[len(r.wilds)-1]
	}
	return f != nil && l.selfBy(d, f)
}

// selfAbove is a draft for an identifier above the thing's own, such as the person's
// in /users/{user_id}/orders/{id}.
func (l *Learner) selfAbove(r *route) *draft {
	for i := range len(r.wilds) - 1 {
		d := newDraft(r)
		d.rule.ID = []string{"path:" + r.wild[i]}
		if r.query == "" && l.selfBy(d, &r.wilds[i]) && d.ok {
			return d
		}
	}
	return nil
}

func (l *Learner) selfBy(d *draft, f *leaf) bool {
	t := l.best(f)
	if t.people < 2 || !tolerable(t) || t.kind != kindID && !d.namesPeople() {
		return false
	}
	d.rule.Owner.Self, d.rule.Owner.As = true, l.kinds[t.kind]
	d.leaf, d.kind = f, t.kind
	d.say(thousands(t.own), " of ", thousands(t.total()), " requests for ", d.path(), " named the principal's own", l.kindWords(t.kind), ", ", count(t.people, "principal", "principals"))
	if len(t.admins) > 0 {
		d.rule.Admins.Roles = t.admins
		d.say(thousands(t.everything), " of others were shown to principals of the role ", strings.Join(t.admins, ", "))
	}
	if t.against > 0 {
		d.say("it would have refused ", thousands(t.against), ", all of 1 principal of ", thousands(t.asked), ": a walk?")
	}
	d.ok = l.strangers(d, t) && !d.r.enough(l.o, d, t)
	return true
}

// alike lets a rule for a form that names the principal cover the page of the same
// path, which shows it: many such pages take the identifier too, though nothing of
// the site's own sends it. A request without one passes.
func (l *Learner) alike(d *draft) {
	r := d.r
	if !d.ok || !d.rule.Owner.Self || r.query == "" || r.safe() {
		return
	}
	at := "GET " + r.template
	shown := l.routes[at]
	if shown == nil || shown.named() || int(shown.answers) < l.o.MinAnswers || l.routes[at+queryMark(r.query)] != nil {
		return
	}
	d.rule.Methods = append([]string{"GET"}, d.rule.Methods...)
	d.say(d.path(), " is shown by GET as well, and was never asked there for anybody by name")
}

// proposeMe proposes a route that tells who is signed in.
func (l *Learner) proposeMe(r *route) (Proposal, bool) {
	m := r.me
	if m == nil {
		return Proposal{}, false
	}
	people, ok := l.agree(m.name, m.other)
	if len(people) == 0 { // the principals have the name by themselves meanwhile
		return Proposal{}, false
	}
	d := &draft{r: r}
	d.say("answers of ", d.path(), " had `", m.name.path(), "` equal to the principal, and beside it a `", m.other.path(),
		"` that was always the same for each and nobody else's: ", count(len(people), "principal", "principals"))
	p := Proposal{Route: r.key(), Me: &Me{Path: r.pattern, Aliases: map[string]string{m.other.path(): l.kinds[m.kind]}}, Proposed: ok, Evidence: strings.Join(d.says, "; ")}
	return p, true
}

// single proposes that a route which tells who is signed in tells nothing of others,
// should it be asked to: many take an identifier that their own pages never send.
func (l *Learner) single(d *draft) bool {
	m := d.r.me
	if m == nil || m.other.parent == nil || m.other.parent.parent != nil {
		return false
	}
	t := l.tally(&m.other.leaf, m.kind)
	if _, ok := l.agree(m.name, m.other); !ok || !tolerable(t) || t.people < l.o.MinPrincipals || int(t.own) < l.o.MinAnswers || d.r.strangers > 0 {
		return false
	}
	d.rule.ID = []string{"query:" + m.other.name}
	d.rule.Owner = ownership.Owner{Field: []string{m.other.path()}, As: l.kinds[m.kind]}
	d.say(thousands(t.own), " of ", thousands(t.total()), " answers of ", d.path(), " had `", m.other.path(), "` equal to the principal",
		l.kindWords(m.kind), ", ", count(t.people, "principal", "principals"), ", and none was asked for anybody by name")
	d.ok = true
	return true
}

const (
	// many is how many people ask for a thing that is everybody's; all that a thing
	// counts.
	many = 4
	// often is how often a thing is asked for that says something of it.
	often = 6
	// minMany is how many such things there must be.
	minMany = 3
)

// public proposes that everybody may have the things: four people and more asked for
// each that was asked for often, and were shown the same. People who are not signed
// in do not count, as they may all be one.
func (l *Learner) public(d *draft) bool {
	r := d.r
	if !r.safe() || len(r.askers) < many {
		return false
	}
	busy, everybody, same, differs := 0, 0, 0, 0
	for _, t := range r.things {
		if t.asked >= often {
			busy++
		}
		if t.asked >= often && t.several() >= many {
			everybody++
			same, differs = same+int(t.same), differs+int(t.differs)
		}
	}
	if everybody < minMany || everybody*10 < busy*9 {
		return false
	}
	words := count(everybody, "thing", "things") + " of " + thousands(len(r.things)) + " of " + d.path() + " were asked for by " + thousands(many) + " principals and more each, " +
		count(len(r.askers), "principal", "principals") + " in all"
	if r.strangers > 0 {
		words += ", and by people who are not signed in (" + count(r.strangers, "answer", "answers") + ")"
	}
	d.say(words)
	if same < 9*differs {
		d.say("but each was shown something else: the identifier selects, and names no thing")
		return true
	}
	if c := l.candidates(r, false); len(c) > 0 && c[0].fit(r) > 0 {
		d.says = nil
		return false
	}
	d.say("all were shown the same")
	d.rule.Public = gatehouse.Reason("everybody is shown the same")
	d.ok = int(r.answers) >= l.o.MinAnswers
	return true
}

// counts adds numbers beside a list that were always how many it has.
func (l *Learner) counts(d *draft, items string) {
	if !strings.HasSuffix(items, "[]") || items == "[]" {
		return
	}
	d.r.root.each(func(n *node) {
		if n.counts && n.list() == nil && n.counted == d.r.json {
			d.rule.Counts = append(d.rule.Counts, n.path())
		}
	})
}

// countName reports whether a member of that name says how many there are.
func countName(name string) bool {
	switch strings.ToLower(name) {
	case "total", "count", "totalcount", "total_count", "size", "totalelements", "total_results", "totalresults", "length":
		return true
	}
	return false
}

// counted notes which numbers of an answer were how many a list beside them has.
func (l *Learner) counted() {
	for _, n := range l.walker.touched {
		if !n.counts || n.list() != nil || n.now.mixed {
			continue
		}
		for _, list := range l.walker.touched {
			if list.parent != nil && list.parent.element == list && sum(l.key, strconv.Itoa(list.now.count)) == n.now.value {
				n.counted++
				break
			}
		}
	}
}
