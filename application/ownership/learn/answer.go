package learn

import (
	"slices"
	"strconv"
	"strings"

	"github.com/gatehousehq/gatehouse"
)

// answer learns from an answer's JSON.
func (l *Learner) answer(r *route, x *exchange) {
	if !x.json || x.Truncated || len(x.Body) == 0 {
		return
	}
	before := r.nodes
	ok := l.walker.walk(x.Body, &r.root, &r.nodes)
	l.entries += r.nodes - before
	r.entries += r.nodes - before
	if !ok {
		return
	}
	r.json++
	for _, n := range l.walker.touched {
		if n.now.value == 0 && !n.now.mixed {
			continue // an object or an array
		}
		if around := n.list(); around != nil && n.now.count < around.now.count {
			n.leaf.missing++
		}
		l.see(r, &n.leaf, x.who, n.now.value, n.now.mixed)
		if x.id != 0 && !n.now.mixed && !n.leaf.dead && x.who.calls(n.now.value) || n.leaf.things != nil {
			l.owns(r, &n.leaf, x.who, x.id, n.now.value)
		}
	}
	l.counted()
	l.meets(r, x)
}

// list is the innermost list around a node: its element.
func (n *node) list() *node {
	for at := n; at != nil; at = at.parent {
		if at.parent != nil && at.parent.element == at {
			return at
		}
	}
	return nil
}

// path is how package answer writes where a node stands.
func (n *node) path() string {
	if n.parent == nil {
		return ""
	}
	before := n.parent.path()
	if n.parent.element == n {
		return before + "[]"
	}
	if before != "" {
		before += "."
	}
	return before + quoted(n.name)
}

// quoted writes a member's name in quotes where package answer wants them.
func quoted(name string) string {
	if name != "" && !strings.ContainsAny(name, `.[]"*$\`) && strings.TrimSpace(name) == name {
		return name
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`
}

// each calls yield with every node below n that holds values.
func (n *node) each(yield func(*node)) {
	for _, name := range sorted(n.members) {
		n.members[name].each(yield)
	}
	if n.element != nil {
		n.element.each(yield)
	}
	if n.leaf.seen > 0 {
		yield(n)
	}
}

// fields learns from what clients send: of query and body the fields that name
// things, and of the path its wildcards.
func (l *Learner) fields(r *route, x *exchange) {
	for i, id := range x.ids {
		if x.query == "" && i < len(r.wilds) {
			l.see(r, &r.wilds[i], x.who, id, false)
		}
	}
	if x.Inputs == nil {
		return
	}
	type sent struct {
		value uint64
		mixed bool
	}
	var names []string
	var values []sent
	note := func(name, text string) {
		if !idName(name) || text == "" || len(text) > maxText {
			return
		}
		v := sum(l.key, text)
		for i, n := range names {
			if n == name {
				values[i].mixed = values[i].mixed || values[i].value != v
				return
			}
		}
		if len(names) < maxFields {
			names, values = append(names, name), append(values, sent{value: v})
		}
	}
	for _, i := range x.Inputs.Query() {
		if i.Place.Kind == gatehouse.Query {
			note(i.Place.Name, i.Value)
		}
	}
	for _, i := range x.Inputs.Body() {
		switch i.Place.Kind {
		case gatehouse.Form, gatehouse.JSON, gatehouse.Multipart:
			note(i.Place.Name, i.Value)
		}
	}
	for i, n := range names {
		f := r.fields[n]
		if f == nil {
			if len(r.fields) >= maxFields {
				continue
			}
			f = &leaf{}
			r.fields[n] = f
		}
		l.see(r, f, x.who, values[i].value, values[i].mixed)
	}
}

// columns learns from the rows that an answer was made from.
func (l *Learner) columns(r *route, x *exchange) {
	for _, column := range sorted(x.Owners) {
		f := r.columns[column]
		if f == nil {
			if len(r.columns) >= maxFields || len(column) > 2*maxName || strings.Count(column, ".") == 0 {
				continue
			}
			f = &leaf{}
			r.columns[column] = f
		}
		values := x.Owners[column]
		if len(values) == 0 {
			continue
		}
		l.see(r, f, x.who, sum(l.key, values[0]), len(values) > 1)
	}
}

// A found is where a route tells who is signed in: the member that is a name of the
// principal, and the one that is another name of the same person.
type found struct {
	name, other *node
	kind        uint8 // of the other
}

// meets takes the other name of who is signed in from an answer that tells it.
func (l *Learner) meets(r *route, x *exchange) {
	if r.named() || !r.safe() {
		return
	}
	if r.me == nil && r.answers&7 == 0 {
		l.findMe(r)
	}
	if m := r.me; m != nil && m.name.now.touched == l.walker.answer && m.other.now.touched == l.walker.answer &&
		!m.name.now.mixed && !m.other.now.mixed && x.who.direct(m.name.now.value) {
		l.learned(x.who, m.kind, m.other.now.value)
	}
}

// learned gives a person a name that an answer told. One that two people claim is
// neither's: one of them says what is another's of himself.
func (l *Learner) learned(who *person, kind uint8, value uint64) {
	at := l.key.join(uint64(kind), value)
	first, ok := l.claims[at]
	switch {
	case !ok:
		l.claims[at] = who.id
		who.is(kind, value, true)
	case first != who.id && first != everybody:
		l.claims[at] = everybody
		if p := l.people[first]; p != nil {
			p.names = slices.DeleteFunc(p.names, func(n name) bool { return n.learned && n.kind == kind && n.value == value })
		}
	}
}

// direct reports whether value is a name that the principal itself says.
func (p *person) direct(value uint64) bool {
	for _, n := range p.names {
		if n.value == value && !n.learned && n.kind != kindTenant {
			return true
		}
	}
	return false
}

// findMe looks for where a route tells who is signed in, and takes the names of
// those who agree: in whose answers one member was always a name of theirs, and
// another always the same, and nobody else's.
func (l *Learner) findMe(r *route) {
	if r.me != nil || r.named() || !r.safe() || int(r.json) < l.o.MinPrincipals {
		return
	}
	var names, others []*node
	r.root.each(func(n *node) {
		if n.list() != nil || len(n.leaf.by) < l.o.MinPrincipals {
			return
		}
		if idName(n.name) {
			others = append(others, n)
		}
		names = append(names, n)
	})
	for _, other := range others {
		for _, name := range names {
			if name == other || name.parent != other.parent {
				continue
			}
			if people, ok := l.agree(name, other); ok {
				kind, fits := l.kind(aliasName(other))
				if !fits {
					return
				}
				r.me = &found{name, other, kind}
				for _, who := range people {
					l.learned(who, kind, other.leaf.by[who.id].value)
				}
				return
			}
		}
	}
}

// agree gives the people to whom name is their name and other one value, another
// for each of them. One whose answers say otherwise does not count; it takes twenty
// times as many who agree.
func (l *Learner) agree(name, other *node) (people []*person, ok bool) {
	values := map[uint64]int{}
	odd := 0
	for id, e := range name.leaf.by {
		who := l.people[id]
		if who == nil || !who.direct(e.value) {
			odd++
			continue
		}
		o, has := other.leaf.by[id]
		switch {
		case !has || o.other > 0 || e.other > 0 || o.value == 0:
			odd++
		case who.direct(o.value):
			// Nothing new.
		default:
			values[o.value]++
			people = append(people, who)
		}
	}
	n := 0
	for _, who := range people {
		if values[other.leaf.by[who.id].value] == 1 {
			people[n] = who
			n++
		} else {
			odd++
		}
	}
	people = people[:n]
	return people, n >= l.o.MinPrincipals && odd*20 <= n
}

// aliasName is what a member that tells who is signed in is called as an alias:
// "users.id" for "id" and "user.id", "customers.id" for "customer_id".
func aliasName(n *node) string {
	low := strings.ToLower(n.name)
	of, column := "user", low
	for _, suffix := range [...]string{"_uuid", "_id", "uuid", "id"} {
		if stem, ok := strings.CutSuffix(low, suffix); ok && stem != "" && stem != "u" && stem != "gu" {
			of, column = stem, strings.TrimPrefix(suffix, "_")
			break
		}
	}
	if of == "user" && n.parent != nil && n.parent.name != "" {
		of = strings.ToLower(n.parent.name)
	}
	switch of {
	case "account", "customer", "member", "person", "profile", "client", "employee", "student", "patient":
		return strings.Trim(of, "_-") + "s." + strings.Trim(column, "_")
	}
	return "users." + strings.Trim(column, "_")
}

// thousands writes a number as people read it.
func thousands[T ~int | ~uint32 | ~uint64](n T) string {
	s := strconv.FormatInt(int64(n), 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// count writes a number of things.
func count[T ~int | ~uint32 | ~uint64](n T, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return thousands(n) + " " + many
}
