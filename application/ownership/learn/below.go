package learn

import (
	"slices"
	"strings"

	"github.com/gatehousehq/gatehouse/application/ownership"
)

// below gives rules to routes that say nothing themselves, from that of the GET which
// shows the thing they are about: `POST /orders/{id}/cancel` from `GET /orders/{id}`.
func (l *Learner) below(routes []*route, drafts []*draft) []*draft {
	for _, r := range routes {
		if !r.named() {
			continue
		}
		i := slices.IndexFunc(drafts, func(d *draft) bool { return d.r == r && !above(d) })
		if i >= 0 && drafts[i].ok && (r.safe() || drafts[i].rule.Owner.Self || drafts[i].rule.Owner.Ledger) {
			continue
		}
		d := l.child(r, drafts)
		switch {
		case d == nil && i >= 0 && drafts[i].ok:
			drafts[i].late()
		case d == nil:
		case i < 0:
			drafts = append(drafts, d)
		default:
			drafts[i] = d
		}
	}
	return drafts
}

// late is for a change whose own answer alone tells the owner, which comes when it is
// done. The SQL gate can ask before, where the rows tell.
func (d *draft) late() {
	if d.rule.Owner.Column != "" {
		d.rule.Owner.AtWrite = true
		return
	}
	d.ok = false
	d.say("but that is told when the change is done, and no GET was seen that tells it before")
}

// above reports whether a draft is about an identifier above the thing's own.
func above(d *draft) bool {
	return d.r.query == "" && len(d.rule.ID) == 1 && len(d.r.wild) > 1 && d.rule.ID[0] != "path:"+d.r.wild[len(d.r.wild)-1]
}

// child is the draft for a route by the rule of the thing that it is about, or is
// below.
func (l *Learner) child(r *route, drafts []*draft) *draft {
	var parent *draft
	for _, d := range drafts {
		g := d.r
		if !d.ok || g == r || !g.safe() || g.query != "" || above(d) || d.rule.Items != "" || g.template != g.thing {
			continue
		}
		if !within(r, g) && !l.aboutSame(r, g) {
			continue
		}
		if parent == nil || len(g.template) > len(parent.r.template) {
			parent = d
		}
	}
	if parent == nil {
		return nil
	}
	g, d := parent.r, newDraft(r)
	if parent.rule.Public.Given() {
		if r.safe() {
			return nil
		}
		d.say(d.path(), " changes what is below `", g.pattern, "`, which is everybody's to read: who may change it does not follow")
		return d
	}
	var probe string
	if r.query == "" {
		if probe = upTo(r.pattern, g.pattern); probe != g.pattern || len(g.wild) < len(r.wild) {
			d.rule.ID, d.rule.Thing = []string{"path:" + r.wild[len(g.wild)-1]}, thingOf(g.pattern)
		}
	} else {
		probe = strings.Replace(g.pattern, "{id}", "{"+r.query+"}", 1)
		d.rule.Thing = thingOf(g.pattern)
		if strings.ContainsAny(r.query, "[].") {
			return nil // no name for a wildcard
		}
	}
	owner := parent.rule.Owner
	switch {
	case owner.Ledger:
		d.rule.Owner, d.rule.Gives = ownership.Owner{Ledger: true}, parent.rule.Gives
	case owner.Self:
		d.rule.Owner = ownership.Owner{Self: true, As: owner.As}
	case r.template == g.template:
		d.rule.Owner, d.rule.Tenant = owner, parent.rule.Tenant
	default:
		d.rule.Owner = ownership.Owner{Probe: probe}
	}
	d.rule.Admins = parent.rule.Admins
	d.ok = l.fits(d, parent)
	return d
}

func thingOf(pattern string) string {
	return strings.TrimRight(pattern[:strings.LastIndexByte(pattern, '{')], "/")
}

// within reports whether r's path goes on from g's.
func within(r, g *route) bool {
	return r.query == "" && (r.template == g.template || strings.HasPrefix(r.template, g.template+"/"))
}

// aboutSame reports whether a field of r's requests names what g shows.
func (l *Learner) aboutSame(r, g *route) bool {
	if r.query == "" || len(g.wild) != 1 || len(r.things) < l.o.MinPrincipals || !r.calls(g) {
		return false
	}
	known := 0
	for id := range r.things {
		if g.things[id] != nil {
			known++
		}
	}
	return known*10 >= len(r.things)*9
}

// upTo is as much of a pattern as has the segments of another.
func upTo(pattern, other string) string {
	segments := strings.Split(pattern, "/")
	return strings.Join(segments[:min(len(segments), strings.Count(other, "/")+1)], "/")
}

// fits reports whether what was done on a route was done by owners, as far as the
// rule of the thing knows them, and says so.
func (l *Learner) fits(d *draft, parent *draft) bool {
	r := d.r
	d.say("`", r.method, " ", r.pattern, "` is about the thing that `GET ", parent.r.pattern, "` shows: ",
		count(r.answers, "answer", "answers"), ", ", count(len(r.askers), "principal", "principals"))
	if r.strangers > 0 {
		d.say(thousands(r.strangers), " answers went to somebody who was not signed in")
		return false
	}
	if parent.leaf == nil || len(parent.r.wild) != len(d.r.wild) {
		return true
	}
	own, others := 0, map[uint64]bool{}
	against := 0
	for id, t := range r.things {
		value, ok := parent.leaf.things[id]
		if !ok {
			continue
		}
		for _, p := range append([]uint64{t.first}, t.more[:]...) {
			who := l.people[p]
			if who == nil {
				continue
			}
			if mine, _ := who.has(parent.kind, value); mine || slices.ContainsFunc(l.roleNames(who.roles), func(n string) bool { return slices.Contains(parent.rule.Admins.Roles, n) }) {
				own++
			} else {
				against++
				others[p] = true
			}
		}
	}
	if own+against > 0 {
		d.say(thousands(own), " of ", count(own+against, "thing was", "things were"), " the principal's own")
	}
	if against > 0 && len(others) == 1 {
		d.say("it would have refused ", thousands(against), ", all of 1 principal: a walk?")
	}
	return len(others) <= 1
}
