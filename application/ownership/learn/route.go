package learn

import (
	"net/http"
	"slices"
)

const (
	// maxThings bounds the things of one route, and share what one person may take
	// of that: who walks does not use up the room of others.
	maxThings = 4096
	maxShare  = maxThings / 8
	// maxAskers bounds who is told apart of a route.
	maxAskers = 2048
	maxFields = 16
)

// A route is what was seen of one, with one query parameter that names a thing or
// without.
type route struct {
	method, template, thing, query string
	// pattern is template with names for its wildcards.
	pattern string
	wild    []string

	answers   uint32 // of people
	strangers uint32 // of nobody
	json      uint32 // of answers
	askers    map[uint64]uint32
	asset     uint32 // of answers and strangers

	root    node
	nodes   int
	fields  map[string]*leaf // of what clients send
	wilds   []leaf           // of the path's wildcards
	columns map[string]*leaf // of rows

	things map[uint64]*thing
	ledger ledger
	me     *found
	// entries is how many of the learner's are this route's.
	entries int
	// dirty: it is not written down yet.
	dirty bool
}

// A thing is what one identifier names.
type thing struct {
	first   uint64 // who asked first; 0: nobody known
	asked   uint32
	more    [3]uint64 // who else did
	strange bool      // nobody known asked as well
	// sketch is of the first answer; same and differs count those of others.
	sketch        sketch
	same, differs uint16
}

// several is how many people are known to have asked for the thing, 4 being many.
func (t *thing) several() (n int) {
	if t.first != 0 {
		n++
	}
	for _, p := range t.more {
		if p != 0 {
			n++
		}
	}
	return n
}

func (r *route) key() string { return r.method + " " + r.template + queryMark(r.query) }

func queryMark(query string) string {
	if query == "" {
		return ""
	}
	return "?" + query
}

// named reports whether requests for the route name a thing.
func (r *route) named() bool { return r.thing != "" }

func (r *route) safe() bool { return r.method == http.MethodGet }

// route finds or makes the entry of a route; nil where it is not worth one.
func (l *Learner) route(x *exchange) *route {
	at := x.method + " " + x.template + queryMark(x.query)
	if r := l.routes[at]; r != nil {
		return r
	}
	if len(l.routes) >= l.o.MaxRoutes {
		l.makeRoom()
	}
	r := l.newRoute(x.method, x.template, x.thing, x.query)
	l.routes[at] = r
	return r
}

func (l *Learner) newRoute(method, template, of, query string) *route {
	r := &route{method: method, template: template, thing: of, query: query, ledger: newLedger()}
	r.askers, r.fields, r.columns, r.things = map[uint64]uint32{}, map[string]*leaf{}, map[string]*leaf{}, map[uint64]*thing{}
	r.pattern, r.wild = pattern(template)
	r.wilds = make([]leaf, len(r.wild))
	return r
}

// makeRoom drops an eighth of the routes, the least used.
func (l *Learner) makeRoom() {
	all := make([]*route, 0, len(l.routes))
	for _, r := range l.routes {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b *route) int { return int(a.answers) - int(b.answers) })
	for _, r := range all[:max(1, len(all)/8)] {
		l.entries -= r.entries
		delete(l.routes, r.key())
		if l.o.Store != nil && len(l.dropped) < l.o.MaxRoutes {
			l.dropped[l.record(r)] = true
		}
	}
}

// spend takes one of the entries that are left, for a route.
func (l *Learner) spend(r *route) bool {
	if l.entries >= l.o.MaxEntries {
		return false
	}
	l.entries++
	r.entries++
	return true
}

func (l *Learner) count(r *route, x *exchange) {
	r.dirty = true
	if lasting(x.Header.Get("Cache-Control")) {
		r.asset++
	}
	if x.who == nil {
		r.strangers++
		return
	}
	r.answers++
	if _, ok := r.askers[x.who.id]; ok || len(r.askers) < maxAskers && l.spend(r) {
		r.askers[x.who.id]++
	}
}

// asked notes who asks for which thing.
func (l *Learner) asked(r *route, x *exchange) {
	if !r.named() || x.id == 0 {
		return
	}
	who := uint64(0)
	if x.who != nil {
		who = x.who.id
	}
	t := r.things[x.id]
	if t == nil {
		if len(r.things) >= maxThings || who != 0 && r.askers[who] > maxShare && len(r.things) > maxThings/2 || !l.spend(r) {
			return
		}
		t = &thing{first: who, strange: who == 0, asked: 1, sketch: l.sketch(x)}
		r.things[x.id] = t
		return
	}
	t.asked++
	switch {
	case who == 0:
		t.strange = true
	case t.first == 0:
		t.first = who
	case t.first == who:
		return
	default:
		for i, p := range t.more {
			if p == who {
				break
			}
			if p == 0 {
				t.more[i] = who
				break
			}
		}
	}
	if t.sketch.like(l.sketch(x)) {
		t.same = min(t.same+1, 1<<15)
	} else {
		t.differs = min(t.differs+1, 1<<15)
	}
}
