package patterns

import (
	"hash/maphash"
	"math/bits"
	"strings"
	"time"
)

// The thresholds of walks through identifiers.
const (
	walkHour     = 300 // different identifiers of a route in an hour
	sequenceHour = 240 // of them one after the other
	sequenceDay  = 400
	refusedHour  = 30 // different identifiers that were refused or do not exist
	refusedDay   = 90
	refusedShare = 0.5 // of the client's requests to the route
	refusedTimes = 3   // as often as others' there
	// aboveOthers is how many times the third busiest of the others a client must
	// ask for: two who walk do not make a walk ordinary.
	aboveOthers = 4
	// settled is how many clients, or how much time, must have been seen at a route
	// before anything but refusals is unusual there.
	settled     = 20
	settledTime = 24 * time.Hour
	// publicBy is how many different strangers must have been answered well for
	// a route to be a public catalogue, whose identifiers are everybody's.
	publicBy = 12
	perRoute = 4 // routes that are watched of one client at a time
)

// A walker is a principal, or an address without one, at its busiest routes.
type walker struct{ routes [perRoute]trail }

// A trail is what one walker asks of one route.
type trail struct {
	route             uint64
	used              time.Time
	hour, day         steps
	last              uint64
	numbered          bool
	toldHour, toldDay bool
}

type steps struct {
	began    time.Time
	requests int
	// seen marks the identifiers by hash, so that distinct are counted with a
	// few per cent of error.
	seen     *[32]uint64
	distinct int
	refused  int // of the distinct
	failed   int // of the requests
	sequence int
}

func (s *steps) at(now time.Time, length time.Duration) bool {
	if now.Sub(s.began) < length && !now.Before(s.began) {
		return false
	}
	seen := s.seen
	if seen != nil {
		clear(seen[:])
	}
	*s = steps{began: now, seen: seen}
	return true
}

// add notes an identifier; it reports whether it is new in the window.
func (s *steps) add(id uint64) bool {
	if s.seen == nil {
		s.seen = new([32]uint64)
	}
	word, bit := id>>6%32, uint64(1)<<(id&63)
	if s.seen[word]&bit != 0 {
		return false
	}
	s.seen[word] |= bit
	s.distinct++
	return true
}

// estimate corrects distinct for identifiers that fell on the same mark.
func (s *steps) estimate() int {
	if s.seen == nil {
		return 0
	}
	set := 0
	for _, w := range s.seen {
		set += bits.OnesCount64(w)
	}
	const marks = 2048
	n := 0.0
	for k := range set { // the sum of marks/(marks-k): how many draws set so many
		n += marks / float64(marks-k)
	}
	return int(n)
}

// A route is what all clients ask of it.
type route struct {
	since     time.Time
	clients   few
	strangers few // answered well without a principal
	// busiest are the largest hourly counts of distinct identifiers by walker, and
	// sequences those of steps one after the other; a quarter is forgotten each day.
	busiest, sequences records
	day                time.Time
	requests, refused  int
}

// records are the largest counts, of as many walkers.
type records [8]record

type record struct {
	who   uint64
	count int
	at    time.Time
}

// put keeps the largest count of a walker; zero forgets it.
func put(list *records, who uint64, count int, now time.Time) {
	smallest := 0
	for i := range list {
		r := &list[i]
		if r.who == who {
			if count == 0 || count > r.count {
				*r = record{who, count, now}
			}
			return
		}
		if r.count < list[smallest].count {
			smallest = i
		}
	}
	if count > list[smallest].count {
		list[smallest] = record{who, count, now}
	}
}

// third is the third largest of the walkers beside who, of those that came to
// rest: who walk at the same time don't excuse each other.
func (list *records) third(who uint64, now time.Time) int {
	var top [3]int
	for _, r := range list {
		if r.who == who || now.Sub(r.at) < time.Hour {
			continue
		}
		for i := range top {
			if r.count > top[i] {
				copy(top[i+1:], top[i:])
				top[i] = r.count
				break
			}
		}
	}
	return top[2]
}

func (p *Patterns) walk(v *view, alarms *[]Alarm) {
	id, number, numbered := identifierOf(v.Path, v.Route)
	if id == "" || v.SignIn != NoSignIn || p.exempted(v) {
		return
	}
	r := p.routes.of(v.route)
	if r.since.IsZero() {
		r.since = v.now
	}
	r.clients.add(uint32(v.client), settled)
	success := v.Status < 400 && v.Status != 301 && v.Status != 302 && v.Status != 303
	if v.Principal == "" && success {
		r.strangers.add(uint32(v.client), publicBy)
	}
	if v.now.Sub(r.day) > 24*time.Hour {
		r.day, r.requests, r.refused = v.now, r.requests/4, r.refused/4
		for i := range r.busiest {
			r.busiest[i].count, r.sequences[i].count = r.busiest[i].count*3/4, r.sequences[i].count*3/4
		}
	}
	r.requests++
	if v.failed() {
		r.refused++
	}
	who := v.client
	if v.Principal != "" {
		who = maphash.String(p.seed, v.Principal)
	}
	t := p.walkers.of(who).trail(v.route, v.now)
	t.step(maphash.String(p.seed, id), number, numbered, v)
	put(&r.busiest, who, t.hour.distinct, v.now)
	put(&r.sequences, who, t.hour.sequence, v.now)
	if t.judge(r, who, v, alarms) {
		put(&r.busiest, who, 0, v.now) // a walk is nobody's ordinary level
		put(&r.sequences, who, 0, v.now)
	}
}

func (p *Patterns) exempted(v *view) bool {
	for i := range p.exempt {
		e := &p.exempt[i]
		if (e.principal == "" || e.principal == v.Principal) && (e.any || e.path.Match(v.Path)) {
			return true
		}
	}
	return false
}

// trail gives the walker's trail at a route: the one longest unused makes room.
func (w *walker) trail(route uint64, now time.Time) *trail {
	oldest := &w.routes[0]
	for i := range w.routes {
		t := &w.routes[i]
		if t.route == route && !t.used.IsZero() {
			t.used = now
			return t
		}
		// One with a single request makes room before a long one.
		if t.day.requests < oldest.day.requests && now.Sub(oldest.used) < 24*time.Hour || now.Sub(t.used) >= 24*time.Hour && t.used.Before(oldest.used) {
			oldest = t
		}
	}
	*oldest = trail{route: route, used: now}
	return oldest
}

func (t *trail) step(id, number uint64, numbered bool, v *view) {
	if t.hour.at(v.now, time.Hour) {
		t.toldHour = false
	}
	if t.day.at(v.now, 24*time.Hour) {
		t.toldDay = false
	}
	next := numbered && t.numbered && (number-t.last == 1 || t.last-number == 1)
	t.last, t.numbered = number, numbered
	for _, s := range [...]*steps{&t.hour, &t.day} {
		s.requests++
		if v.failed() {
			s.failed++
		}
		if !s.add(id) {
			continue
		}
		if v.failed() {
			s.refused++
		}
		if next {
			s.sequence++
		}
	}
}

// judge reports whether the trail is a walk.
func (t *trail) judge(r *route, who uint64, v *view, alarms *[]Alarm) bool {
	n, how := 0, ""
	public := len(r.strangers) >= publicBy
	ready := len(r.clients) >= settled || v.now.Sub(r.since) >= settledTime
	others := float64(max(r.refused-t.day.failed, 0)) / float64(max(r.requests-t.day.requests, 1))
	refuses := func(s *steps, most int) bool {
		share := float64(s.failed) / float64(max(s.requests, 1))
		return s.refused >= most && share >= refusedShare && share >= refusedTimes*min(others, refusedShare)
	}
	switch h, d := &t.hour, &t.day; {
	case !t.toldHour && refuses(h, refusedHour):
		n, how, t.toldHour = h.refused, "most of them refused, or not there", true
	case !t.toldDay && refuses(d, refusedDay):
		n, how, t.toldDay = d.refused, "most of them refused, or not there, over a day", true
	case public || !ready:
	case !t.toldHour && h.sequence >= max(sequenceHour, aboveOthers*r.sequences.third(who, v.now)):
		n, how, t.toldHour = h.sequence, "one after the other", true
	case !t.toldDay && d.sequence >= max(sequenceDay, aboveOthers*r.sequences.third(who, v.now)):
		n, how, t.toldDay = d.sequence, "one after the other, over a day", true
	case !t.toldHour && h.distinct >= walkHour*3/4 && h.estimate() >= max(walkHour, aboveOthers*r.busiest.third(who, v.now)):
		n, how, t.toldHour = h.estimate(), "far more than others", true
	}
	if n == 0 {
		return t.toldHour || t.toldDay
	}
	a := v.alarm(Walk, n, time.Hour, "%s", how)
	if strings.HasSuffix(how, "a day") {
		a.Window = 24 * time.Hour
	}
	a.Principal = v.Principal
	*alarms = append(*alarms, a)
	return true
}

// identifierOf gives the identifiers of a path, and the last where it is a number.
func identifierOf(path, route string) (id string, number uint64, numbered bool) {
	if !strings.Contains(route, "{") {
		return "", 0, false
	}
	_, template, _ := strings.Cut(route, " ")
	rest := path
	for len(template) > 0 && len(rest) > 0 {
		var want, have string
		want, template, _ = strings.Cut(strings.TrimPrefix(template, "/"), "/")
		have, rest, _ = strings.Cut(strings.TrimPrefix(rest, "/"), "/")
		before, after, wild := strings.Cut(want, "{")
		if !wild {
			continue
		}
		_, after, _ = strings.Cut(after, "}")
		have = strings.TrimSuffix(strings.TrimPrefix(have, before), after)
		number, numbered = digits(have)
		id += "/" + have
	}
	return id, number, numbered
}

func digits(s string) (n uint64, ok bool) {
	if s == "" || len(s) > 18 {
		return 0, false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + uint64(s[i]-'0')
	}
	return n, true
}
