package learn

// A leaf is what stood at one place of a route's answers, by who asked.
type leaf struct {
	// seen is how many answers had it; missing, of those, in how many some
	// elements of the list around it did not.
	seen, missing uint32
	by            map[uint64]entry
	// varied is how many people saw more than one value.
	varied int
	// dead: it is no name of anybody's.
	dead bool
	// things are whose each thing was, and changed how often another one's when
	// another asked: a member that says who asks.
	things  map[uint64]uint64
	changed uint32
}

// An entry is what one person saw: one value, so often, and others.
type entry struct {
	value       uint64
	same, other uint32
}

// maxBy bounds the people of one leaf.
const maxBy = 1024

// see notes what an answer has there: one value, or more than one.
func (l *Learner) see(r *route, f *leaf, who *person, value uint64, mixed bool) {
	if f.dead {
		return
	}
	f.seen++
	e, ok := f.by[who.id]
	if !ok && (len(f.by) >= maxBy || !l.spend(r)) {
		return
	}
	if f.by == nil {
		f.by = map[uint64]entry{}
	}
	varied := e.other > 0
	switch {
	case mixed || value == 0:
		e.other++
	case !ok || e.value == 0:
		e.value, e.same = value, 1
	case e.value == value:
		e.same++
	case who.calls(value) && !who.calls(e.value):
		e = entry{value: value, same: 1, other: e.same + e.other}
	default:
		e.other++
	}
	f.by[who.id] = e
	if !varied && e.other > 0 {
		f.varied++
	}
	// What differs for most people, each time, is nobody's name.
	if len(f.by) >= 8 && f.varied*2 > len(f.by) && len(f.by)&3 == 0 && !l.plausible(f) {
		l.entries -= len(f.by)
		r.entries -= len(f.by)
		f.by, f.things, f.dead = nil, nil, true
	}
}

// plausible reports whether a leaf was a name of two people and more.
func (l *Learner) plausible(f *leaf) bool {
	n := 0
	for id, e := range f.by {
		if who := l.people[id]; who != nil && who.calls(e.value) {
			if n++; n == 2 {
				return true
			}
		}
	}
	return false
}

// owns notes whose the thing is that the answer is about, as the leaf has it.
func (l *Learner) owns(r *route, f *leaf, who *person, thing, value uint64) {
	was, ok := f.things[thing]
	switch {
	case ok && was == value:
	case ok && who.calls(value):
		f.changed++
	case !ok && len(f.things) < maxBy && l.spend(r):
		if f.things == nil {
			f.things = map[uint64]uint64{}
		}
		f.things[thing] = value
	}
}

// A tally is how a leaf agrees with the names of one kind.
type tally struct {
	kind       uint8
	own        uint32
	people     int // who saw their own
	asked      int // who has such a name
	distinct   int // names among them
	against    uint32
	opponents  []*person
	unnamed    uint32 // answers of people without such a name
	admins     []string
	everything uint32 // answers that admins had of others
}

func (t tally) total() uint32 { return t.own + t.against }

// tally counts for one kind of names.
func (l *Learner) tally(f *leaf, kind uint8) tally {
	t := tally{kind: kind}
	values := map[uint64]bool{}
	var roles []*person
	counts := map[*person]uint32{}
	for id, e := range f.by {
		who := l.people[id]
		if who == nil {
			continue
		}
		own, named := who.has(kind, e.value)
		if named {
			t.asked++
		}
		switch {
		case !named:
			t.unnamed += e.same + e.other
		case own:
			t.own += e.same
			t.people++
			values[e.value] = true
			if e.other > 0 {
				counts[who] = e.other
			}
			roles = append(roles, who)
		default:
			counts[who] = e.same + e.other
		}
	}
	t.distinct = len(values)
	admin := l.adminRoles(counts, roles)
	for who, n := range counts {
		if who.roles&admin != 0 {
			t.everything += n
			t.asked--
			continue
		}
		t.against += n
		t.opponents = append(t.opponents, who)
	}
	t.admins = l.roleNames(admin)
	return t
}

// adminRoles are the roles of those who are shown what is others', where hardly
// anybody has such a role who is not. One person's role is believed only if its name
// says what it is: else whoever walks alone, with a role of his own, would make it one.
func (l *Learner) adminRoles(others map[*person]uint32, own []*person) (set uint32) {
	for i, role := range l.roles {
		bit := uint32(1) << i
		with, ordinary, without := 0, 0, 0
		for who := range others {
			if who.roles&bit != 0 {
				with++
			}
		}
		for _, who := range own {
			if _, sees := others[who]; who.roles&bit != 0 && !sees {
				ordinary++
			}
			if who.roles&bit == 0 {
				without++
			}
		}
		if with > 0 && without >= l.o.MinPrincipals && ordinary*10 <= len(own) && (privileged(role) || with >= l.o.MinPrincipals && ordinary == 0) {
			set |= bit
		}
	}
	return set
}

// best is the kind of names that a leaf agrees with most.
func (l *Learner) best(f *leaf) tally {
	best := tally{}
	for k := range l.kinds {
		if k == kindTenant {
			continue
		}
		// A name that several share is not a person's.
		t := l.tally(f, uint8(k))
		if t.own > best.own && t.distinct*10 >= t.people*9 {
			best = t
		}
	}
	return best
}
