package learn

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/ownership"
)

const (
	// maxGivers bounds the places that give identifiers, of all routes; and maxBits
	// those that one route's identifiers come from.
	maxGivers = 4096
	maxBits   = 16
	// maxLinks bounds the links of one answer, and maxSent what is compared of a
	// request.
	maxLinks = 256
	maxSent  = 64
	maxNone  = 64
)

// A giver is a place of a route's answers that gives identifiers to who asks.
type giver struct {
	method, pattern string
	field           string // empty: its links and its Location
	// given is how many identifiers; shared how many of those to more than one
	// person.
	given, shared uint32
}

// public reports whether a giver gives the same to everybody.
func (g *giver) public() bool { return g.shared > 3 && g.shared*few > g.given }

// gave is what was given to whom.
type gave struct {
	givers []giver
	index  map[string]int
	// to are the givers, counted from 1, by hash of person and identifier.
	to map[uint64][3]uint16
	// first is who was given an identifier first, by hash of giver and identifier.
	first map[uint64]uint64
}

func newGave() gave {
	return gave{index: map[string]int{}, to: map[uint64][3]uint16{}, first: map[uint64]uint64{}}
}

// A ledger is where the identifiers that a route was asked for came from.
type ledger struct {
	givers []int // of Learner.gave
	// asked counts by which of givers had given the identifier to who asked.
	asked map[origin]uint32
	// none are who asked for what they had not been given, as far as told apart.
	none map[uint64]uint32
}

type origin struct {
	givers uint16
	roles  uint32
}

func newLedger() ledger {
	return ledger{asked: map[origin]uint32{}, none: map[uint64]uint32{}}
}

// anything stands for a thing of whichever route, where JSON gives an identifier.
const anything = 1

// lookUp notes by whom an identifier had been given to who asks for it.
func (l *Learner) lookUp(r *route, x *exchange) {
	if x.id == 0 {
		return
	}
	o := origin{roles: x.who.roles}
	for _, at := range [...]uint64{l.key.join(x.who.id, sum(l.key, x.thing), x.id), l.key.join(x.who.id, anything, x.last)} {
		for _, g := range l.gave.to[at] {
			if g == 0 {
				break
			}
			if i := r.ledger.bit(int(g) - 1); i >= 0 {
				o.givers |= 1 << i
			}
		}
	}
	if _, ok := r.ledger.asked[o]; ok || len(r.ledger.asked) < maxLinks {
		r.ledger.asked[o]++
	}
	if o.givers == 0 {
		if _, ok := r.ledger.none[x.who.id]; ok || len(r.ledger.none) < maxNone {
			r.ledger.none[x.who.id]++
		}
	}
}

func (l *ledger) bit(g int) int {
	if i := slices.Index(l.givers, g); i >= 0 {
		return i
	}
	if len(l.givers) == maxBits {
		return -1
	}
	l.givers = append(l.givers, g)
	return len(l.givers) - 1
}

// giving notes which identifiers an answer gives to who asked: those that the
// request did not bring.
func (l *Learner) giving(r *route, x *exchange) {
	var sent map[uint64]bool
	brought := func(id uint64) bool {
		if sent == nil {
			sent = l.sent(x)
		}
		return sent[id]
	}
	link := func(to string) {
		n := l.linked(x, to)
		if len(n.ids) == 0 {
			return
		}
		if last := n.ids[len(n.ids)-1]; !brought(last) {
			id := l.key.join(n.ids...)
			g := l.giver(r, n.thing, "")
			l.give(g, x.who, sum(l.key, n.thing), id)
			l.give(g, x.who, anything, last)
		}
	}
	if to := x.Header.Get("Location"); to != "" {
		link(to)
	}
	switch {
	case x.html:
		links(x.Body, link)
	case x.json && !x.Truncated:
		for _, i := range l.walker.ids {
			if !brought(i.value) {
				if i.node.giver == 0 {
					i.node.giver = l.giver(r, "", i.node.path()) + 1
				}
				l.give(i.node.giver-1, x.who, anything, i.value)
			}
		}
	}
}

// giver finds or makes a place that gives: a member of JSON, or the links to things
// of one kind. -1: there is no room.
func (l *Learner) giver(r *route, thing, field string) int {
	name := r.key() + " " + thing + " " + field
	g, ok := l.gave.index[name]
	if !ok {
		if len(l.gave.givers) >= maxGivers {
			return -1
		}
		g = len(l.gave.givers)
		l.gave.givers = append(l.gave.givers, giver{method: r.method, pattern: r.pattern, field: field})
		l.gave.index[name] = g
	}
	return g
}

// give notes that somebody was given an identifier of a thing.
func (l *Learner) give(g int, who *person, thing, id uint64) {
	if g < 0 {
		return
	}
	from := &l.gave.givers[g]
	if from.public() && from.given > maxNone {
		return // what everybody is given says nothing, and takes room
	}
	at := l.key.join(uint64(g)+2, thing, id)
	switch first, ok := l.gave.first[at]; {
	case !ok && l.room():
		l.gave.first[at] = who.id
		from.given++
	case ok && first != who.id && first != everybody:
		l.gave.first[at] = everybody
		from.shared++
	}
	to := l.key.join(who.id, thing, id)
	by, ok := l.gave.to[to]
	if !ok && !l.room() {
		return
	}
	for i := range by {
		if by[i] == uint16(g)+1 {
			return
		}
		if by[i] == 0 {
			by[i] = uint16(g) + 1
			l.gave.to[to] = by
			return
		}
	}
}

const everybody = 1

// room takes an entry that is no route's; at most half are.
func (l *Learner) room() bool {
	if len(l.gave.first)+len(l.gave.to) >= l.o.MaxEntries/2 || l.entries >= l.o.MaxEntries {
		return false
	}
	l.entries++
	return true
}

// sent are hashes of what the client sent.
func (l *Learner) sent(x *exchange) map[uint64]bool {
	sent := map[uint64]bool{}
	for _, id := range x.ids {
		sent[id] = true
	}
	if x.Inputs == nil {
		return sent
	}
	for _, i := range x.Inputs.Query() {
		if i.Place.Kind == gatehouse.Query && len(sent) < maxSent {
			sent[sum(l.key, i.Value)] = true
		}
	}
	for _, i := range x.Inputs.Body() {
		if i.Place.Kind != gatehouse.Key && len(sent) < maxSent && len(i.Value) <= maxText {
			sent[sum(l.key, i.Value)] = true
		}
	}
	return sent
}

// linked is what a link of an answer names.
func (l *Learner) linked(x *exchange, to string) named {
	to, _, _ = strings.Cut(to, "#")
	if i := strings.Index(to, "://"); i >= 0 && !strings.ContainsAny(to[:i], "/?") {
		_, after, ok := strings.Cut(to[i+3:], "/")
		if !ok {
			return named{}
		}
		to = "/" + after
	}
	to, query, _ := strings.Cut(to, "?")
	switch {
	case strings.HasPrefix(to, "//"), strings.Contains(to, ":"), to == "" && query == "", len(to) > 1024:
		return named{}
	case to == "":
		to = x.Path
	case to[0] != '/':
		to = path.Join(path.Dir(x.Path), to)
	}
	n := l.named(to)
	if len(n.ids) > 0 || query == "" || len(query) > 1024 {
		return n
	}
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if idName(name) && value != "" {
			if text, err := url.QueryUnescape(value); err == nil {
				value = text
			}
			return named{template: n.template, thing: n.template + queryMark(name), ids: []uint64{sum(l.key, value)}}
		}
	}
	return n
}

// links calls yield with the addresses in a page's href and action attributes.
func links(page []byte, yield func(string)) {
	text := string(page)
	for n := 0; n < maxLinks; {
		i := strings.IndexByte(text, '=')
		if i < 0 {
			return
		}
		name, rest := strings.TrimRight(text[max(0, i-16):i], " \n\t"), text[i+1:]
		text = rest
		if !strings.HasSuffix(name, "href") && !strings.HasSuffix(name, "action") {
			continue
		}
		rest = strings.TrimLeft(rest, " \n\t")
		if rest == "" {
			return
		}
		end := strings.IndexAny(rest, " >\n\t")
		if quote := rest[0]; quote == '"' || quote == '\'' {
			rest = rest[1:]
			end = strings.IndexByte(rest, quote)
		}
		if end < 0 {
			return
		}
		n++
		if to := rest[:end]; len(to) <= 1024 {
			yield(strings.TrimSpace(strings.ReplaceAll(strings.ReplaceAll(to, "&amp;", "&"), "&#x2F;", "/")))
		}
		text = rest[end:]
	}
}

// given proposes the ledger: whoever asked had been given the identifier.
func (l *Learner) given(d *draft) bool {
	r := d.r
	if r.asset*10 > (r.answers+r.strangers)*9 && r.answers > 0 {
		d.say(d.path(), " gives files that its Cache-Control lets everybody keep")
		return true
	}
	shared, walker, admins := l.sharing(r)
	admin := uint32(0)
	for i, role := range l.roles {
		if slices.Contains(admins, role) {
			admin |= 1 << i
		}
	}
	gives, covered, asked := l.cover(r, admin)
	if covered == 0 || asked == 0 {
		return false
	}
	says, wanted, ok := d.says, d.wanted, true
	d.says, d.wanted = nil, 0
	if int(covered)*2 < int(asked) {
		d.says, d.wanted = says, wanted
		return false
	}
	d.rule.Owner, d.rule.Items, d.rule.Counts = ownership.Owner{Ledger: true}, "", nil
	d.rule.Gives, d.rule.Admins.Roles = gives, admins
	d.say(thousands(covered), " of ", thousands(asked), " identifiers that ", d.path(), " was asked for had been given to the same principal by ", givesWords(gives),
		", ", count(len(r.askers), "principal", "principals"), ", ", thousands(shared), " shared")
	if len(admins) > 0 {
		d.say("principals of the role ", strings.Join(admins, ", "), " asked for others'")
	}
	if walker > 0 {
		d.say(count(walker, "thing of others was", "things of others were"), " asked for by 1 principal of ", thousands(len(r.askers)), ": a walk?")
	}
	opponents, strange := 0, uint32(0)
	for id, n := range r.ledger.none {
		if who := l.people[id]; who == nil || who.roles&admin == 0 {
			opponents++
			strange += n
		}
	}
	switch missing := asked - covered; {
	case missing > strange:
		d.say(count(missing, "was", "were"), " given by what gives the same to everybody, or by nothing that is known")
		ok = false
	case missing > 0:
		d.say(count(missing, "was", "were"), " asked for by ", count(opponents, "principal", "principals"), " who had not been given them")
		ok = opponents <= 1 && missing*few <= asked
	}
	if r.strangers > 0 {
		d.say(thousands(r.strangers), " answers went to somebody who was not signed in")
		ok = ok && r.strangers*few <= asked && opponents == 0 && walker == 0
	}
	if wait := max(l.o.MinAnswers-int(covered), l.o.MinPrincipals-len(r.askers), 0); wait > 0 {
		d.wanted, ok = wait, false
		d.say(count(wait, "more observation is", "more observations are"), " wanted")
	}
	d.ok = ok && shared == 0
	return true
}

// sharing is how many things were asked for by several people who are neither of a
// role of admins nor the one who walks; how many that one asked for; and the roles.
func (l *Learner) sharing(r *route) (shared, walker int, admins []string) {
	seen := map[*person]uint32{}
	var own []*person
	for id := range r.askers {
		if who := l.people[id]; who != nil {
			own = append(own, who)
		}
	}
	askers := func(t *thing) (all []*person) {
		for _, id := range append([]uint64{t.first}, t.more[:]...) {
			if who := l.people[id]; who != nil {
				all = append(all, who)
			}
		}
		return all
	}
	for _, t := range r.things {
		if t.several() > 1 {
			for _, who := range askers(t) {
				seen[who]++
			}
		}
	}
	var top *person
	admin := l.adminRoles(seen, own)
	for who, n := range seen {
		if who.roles&admin == 0 && (top == nil || n > seen[top]) {
			top = who
		}
	}
	if top != nil && (seen[top]*few > r.answers || seen[top] < 2 && len(seen) > 2) {
		top = nil
	}
	for _, t := range r.things {
		rest, walked := 0, false
		for _, who := range askers(t) {
			switch {
			case who == top:
				walked = true
			case who.roles&admin == 0:
				rest++
			}
		}
		if rest > 1 {
			shared++
		} else if walked && rest == 1 {
			walker++
		}
	}
	return shared, walker, l.roleNames(admin)
}

// cover chooses the fewest givers of the identifiers that a route was asked for, and
// beside them the lists that had most of them: things that are older than the gate
// are in no Location that it saw.
func (l *Learner) cover(r *route, admin uint32) (gives []ownership.Giving, covered, asked uint32) {
	left := map[uint16]uint32{}
	for o, n := range r.ledger.asked {
		if o.roles&admin == 0 {
			asked += n
			left[o.givers] += n
		}
	}
	all := maps.Clone(left)
	for {
		best, most := -1, uint32(0)
		for i, g := range r.ledger.givers {
			from := &l.gave.givers[g]
			if from.public() || from.pattern == r.pattern || !from.names(r) {
				continue
			}
			n := uint32(0)
			for set, c := range left {
				if set>>i&1 == 1 {
					n += c
				}
			}
			if n > most || n == most && n > 0 && best >= 0 && from.before(&l.gave.givers[r.ledger.givers[best]]) {
				best, most = i, n
			}
		}
		if best < 0 {
			break
		}
		maps.DeleteFunc(left, func(set uint16, _ uint32) bool { return set>>best&1 == 1 })
		covered += most
		gives = append(gives, l.gave.givers[r.ledger.givers[best]].giving())
	}
	for i, g := range r.ledger.givers {
		from, n := &l.gave.givers[g], uint32(0)
		for set, c := range all {
			if set>>i&1 == 1 {
				n += c
			}
		}
		if from.method == http.MethodGet && !from.public() && from.pattern != r.pattern && 2*n > asked {
			gives = append(gives, from.giving())
		}
	}
	slices.SortFunc(gives, byGiving)
	gives = slices.CompactFunc(gives, func(a, b ownership.Giving) bool { return byGiving(a, b) == 0 })
	return gives, covered, asked
}

func byGiving(a, b ownership.Giving) int {
	return cmp.Or(cmp.Compare(a.Path, b.Path), slices.Compare(a.Methods, b.Methods), slices.Compare(a.Field, b.Field))
}

func (g *giver) before(other *giver) bool {
	return cmp.Or(cmp.Compare(len(g.field), len(other.field)), cmp.Compare(g.pattern, other.pattern), cmp.Compare(g.method, other.method)) < 0
}

func (g *giver) giving() ownership.Giving {
	made := ownership.Giving{Path: g.pattern, Methods: []string{g.method}}
	if g.field != "" {
		made.Field = []string{g.field}
	}
	return made
}

func givesWords(gives []ownership.Giving) string {
	var all []string
	for _, g := range gives {
		words := "`" + g.Methods[0] + " " + g.Path + "`"
		if len(g.Field) > 0 {
			words += " (`" + g.Field[0] + "`)"
		}
		all = append(all, words)
	}
	return strings.Join(all, " and ")
}
