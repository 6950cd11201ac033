// Package profile knows which fields clients of a route ordinarily send, and which
// members its answers ordinarily have, and tells those that are neither.
//
// It shows mass assignment (a client sets role, which the route's own pages never
// send; CWE-915) and exposure (an answer has a member that it never had). It stops
// nothing: whoever asks decides. A name becomes ordinary when three people had it,
// and nobody can make it so alone, whatever they send and how often. It trusts that
// the three are not one person with three accounts.
//
// Names that are data, such as the identifiers that a map has as keys, are taken
// together as "*". It keeps no value, and no name of a person but as a keyed hash.
package profile

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gatehousehq/gatehouse/input"
	"github.com/gatehousehq/gatehouse/store"
)

// Options say when a route is known, and how much is kept. Zero values mean the
// defaults.
type Options struct {
	// Store keeps what is known over a restart. Nil: it is forgotten.
	Store store.Store
	// MinRequests and MinPrincipals are how much of a route must have been seen
	// before anything of it is unusual. Default 20 and 3.
	MinRequests, MinPrincipals int
	// MaxRoutes bounds the routes, of which the least used make room (default
	// 1,024), and MaxNames the names of one (default 256).
	MaxRoutes, MaxNames int
}

const (
	// maxPeople is how many are told apart of a route, and of a name.
	maxPeople = 16
	// maxName bounds a name; maxAsked how many of one request are looked at.
	maxName  = 128
	maxAsked = 512

	keyKind     = "application.ownership.profile.key"
	readTimeout = 10 * time.Second
)

// A Profile knows routes. Its methods may be called by many at once. Make it with
// New.
type Profile struct {
	o   Options
	key [32]byte

	mu     sync.Mutex
	routes map[string]*route
	// dropped are routes whose records are to be removed.
	dropped map[string]bool
}

// A route is what is known of one.
type route struct {
	requests, answers names
	dirty             bool
}

// names are those of requests, or of answers.
type names struct {
	count  uint32
	people people
	known  map[string]*known
}

type known struct {
	count  uint32
	people people
}

// people are hashes of the first that were told apart.
type people []uint64

func (p people) with(who uint64) people {
	if len(p) >= maxPeople || slices.Contains(p, who) {
		return p
	}
	return append(p, who)
}

// New reads what was known before.
func New(o Options) (*Profile, error) {
	for _, d := range []struct {
		name  string
		value *int
		usual int
	}{{"MinRequests", &o.MinRequests, 20}, {"MinPrincipals", &o.MinPrincipals, 3}, {"MaxRoutes", &o.MaxRoutes, 1024}, {"MaxNames", &o.MaxNames, 256}} {
		if *d.value < 0 {
			return nil, fmt.Errorf("profile: Options.%s is negative", d.name)
		}
		if *d.value == 0 {
			*d.value = d.usual
		}
	}
	if o.MinPrincipals < 2 || o.MinPrincipals > maxPeople {
		return nil, fmt.Errorf("profile: Options.MinPrincipals is %d: want 2 to %d, as nobody alone may make a name ordinary", o.MinPrincipals, maxPeople)
	}
	if o.MaxNames < 8 {
		return nil, errors.New("profile: Options.MaxNames: want 8 and more")
	}
	p := &Profile{o: o, routes: map[string]*route{}, dropped: map[string]bool{}}
	if o.Store == nil {
		rand.Read(p.key[:]) // never fails: crypto/rand ends the process instead
		return p, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	var err error
	if p.key, err = store.Key(ctx, o.Store, keyKind, "people"); err != nil {
		return nil, fmt.Errorf("profile: the key: %w", err)
	}
	if err := p.load(ctx); err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	return p, nil
}

// Request records the names of a request's fields, and gives those that are unusual
// for the route; learned is false where too little was seen of it to say. principal
// is who asks: for nobody, something else that tells people apart, such as the
// client's address.
func (p *Profile) Request(route, principal string, fields []string) (unusual []string, learned bool) {
	return p.see(route, principal, fields, func(r *routeOf) *names { return &r.requests })
}

// Answer is Request for the members of an answer, as paths: "orders[].id".
func (p *Profile) Answer(route, principal string, members []string) (unusual []string, learned bool) {
	return p.see(route, principal, members, func(r *routeOf) *names { return &r.answers })
}

type routeOf = route

func (p *Profile) see(of, principal string, list []string, which func(*routeOf) *names) (unusual []string, learned bool) {
	who := p.hash(principal)
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.route(of)
	n := which(r)
	learned = int(n.count) >= p.o.MinRequests && len(n.people) >= p.o.MinPrincipals
	var seen []string
	for i, name := range list {
		if name = Shape(name); slices.Contains(seen, name) {
			continue
		}
		seen = append(seen, name)
		k := n.known[name]
		if learned && (k == nil || len(k.people) < p.o.MinPrincipals) {
			unusual = append(unusual, list[i])
		}
		if len(seen) == maxAsked {
			break
		}
	}
	p.record(n, who, seen)
	r.dirty = true
	return unusual, learned
}

// record notes the names that somebody had.
func (p *Profile) record(n *names, who uint64, seen []string) {
	n.count++
	n.people = n.people.with(who)
	for _, name := range seen {
		k := n.known[name]
		if k == nil {
			if len(n.known) >= p.o.MaxNames && !n.makeRoom(who) {
				continue
			}
			k = &known{}
			n.known[name] = k
		}
		k.count++
		k.people = k.people.with(who)
	}
}

// makeRoom forgets a name that one person alone had: of who asks, where there is
// one, so that what somebody makes up pushes out only that.
func (n *names) makeRoom(who uint64) bool {
	victim, least := "", ^uint32(0)
	for name, k := range n.known {
		if len(k.people) != 1 {
			continue
		}
		count := k.count
		if k.people[0] == who {
			count = 0
		}
		if count < least || count == least && name < victim {
			victim, least = name, count
		}
	}
	delete(n.known, victim)
	return victim != ""
}

// route finds or makes the entry of a route. The caller holds mu.
func (p *Profile) route(of string) *route {
	if len(of) > maxRoute {
		of = of[:maxRoute]
	}
	r := p.routes[of]
	if r != nil {
		return r
	}
	if len(p.routes) >= p.o.MaxRoutes {
		p.makeRoom()
	}
	r = &route{requests: names{known: map[string]*known{}}, answers: names{known: map[string]*known{}}}
	p.routes[of] = r
	return r
}

// maxRoute bounds a route's name: input.Route's are shorter.
const maxRoute = 900

// makeRoom drops an eighth of the routes, the least used.
func (p *Profile) makeRoom() {
	all := make([]string, 0, len(p.routes))
	for name := range p.routes {
		all = append(all, name)
	}
	used := func(name string) uint32 { return p.routes[name].requests.count + p.routes[name].answers.count }
	slices.SortFunc(all, func(a, b string) int { return int(used(a)) - int(used(b)) })
	for _, name := range all[:max(1, len(all)/8)] {
		delete(p.routes, name)
		if len(p.dropped) < p.o.MaxRoutes {
			p.dropped[name] = true
		}
	}
}

func (p *Profile) hash(principal string) uint64 {
	h := hmac.New(sha256.New, p.key[:])
	h.Write([]byte(principal))
	return binary.BigEndian.Uint64(h.Sum(nil))
}

// Shape is a name with "*" for the parts of it that are data: "items.42.quantity"
// and "items[42][quantity]" have "items.*.quantity".
func Shape(name string) string {
	if len(name) > maxName {
		return "*"
	}
	if !strings.ContainsAny(name, "0123456789@") && !strings.ContainsAny(name, "[") {
		return name
	}
	var out strings.Builder
	for i, part := range strings.FieldsFunc(name, func(r rune) bool { return r == '.' || r == '[' }) {
		list := part == "]" // "[]"
		if part = strings.TrimSuffix(part, "]"); list {
			out.WriteString("[]")
			continue
		}
		if i > 0 {
			out.WriteByte('.')
		}
		if _, path, _ := strings.Cut(input.Route("", "/"+part), " "); strings.Contains(path, "{") {
			part = "*"
		}
		out.WriteString(part)
	}
	return out.String()
}
