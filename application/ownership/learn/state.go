package learn

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/gob"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/gatehousehq/gatehouse/store"
)

// What is kept over a restart: the people, what was given to whom, and the routes,
// each in as many records as it takes. Nothing in it says a name or a value, but
// for paths, members and fields. Of several gates that share a store, what the one
// knew that wrote last is kept.

const (
	stateKind = "application.ownership.learn"
	// maxPart bounds a record's value, below store.MaxValue.
	maxPart = 512 << 10
)

type savedPeople struct {
	Kinds, Roles []string
	People       []savedPerson
}

type savedPerson struct {
	ID    uint64
	Roles uint32
	Names []savedName
}

type savedName struct {
	Kind    uint8
	Learned bool
	Value   uint64
}

type savedGave struct {
	Givers []savedGiver
	To     map[uint64][3]uint16
	First  map[uint64]uint64
}

type savedGiver struct {
	Name, Method, Pattern, Field string
	Given, Shared                uint32
}

type savedRoute struct {
	Method, Template, Thing, Query string
	Answers, Strangers, JSON       uint32
	Asset                          uint32
	Askers                         map[uint64]uint32
	Nodes                          []savedNode // the root first, each behind what it is in
	Fields, Columns                map[string]savedLeaf
	Wilds                          []savedLeaf
	Things                         map[uint64]savedThing
	Givers                         []int
	Asked                          []savedAsked
	None                           map[uint64]uint32
}

type savedAsked struct {
	Givers       uint16
	Roles, Count uint32
}

type savedNode struct {
	Parent  int // its place in Nodes
	Name    string
	Element bool
	Counted uint32
	Leaf    savedLeaf
}

type savedLeaf struct {
	Seen, Missing, Changed uint32
	Varied                 int
	Dead                   bool
	By                     map[uint64]savedEntry
	Things                 map[uint64]uint64
}

type savedEntry struct {
	Value       uint64
	Same, Other uint32
}

type savedThing struct {
	First         uint64
	Asked         uint32
	More          [3]uint64
	Strange       bool
	Sketch        [8]uint32
	Same, Differs uint16
}

// load reads the key, or draws it, and what was kept.
func (l *Learner) load(ctx context.Context) error {
	if l.o.Store == nil {
		var random [32]byte
		rand.Read(random[:]) // never fails: crypto/rand ends the process instead
		l.key = newKey(random)
		return nil
	}
	random, err := store.Key(ctx, l.o.Store, keyKind, "values")
	if err != nil {
		return fmt.Errorf("the key: %w", err)
	}
	l.key = newKey(random)
	parts := map[string][]byte{}
	for r, err := range l.o.Store.Scan(ctx, store.Query{Kind: stateKind}) {
		if err != nil {
			return fmt.Errorf("reading what was learned: %w", err)
		}
		name, _, _ := strings.Cut(r.Key, "/")
		parts[name] = append(parts[name], r.Value...)
		l.parts[name]++
	}
	for _, name := range sorted(parts) {
		if err := l.take(name, parts[name]); err != nil {
			return fmt.Errorf("what was learned (%s of kind %s) can't be read: remove it: %w", name, stateKind, err)
		}
	}
	return nil
}

// take takes one thing that was kept.
func (l *Learner) take(name string, text []byte) error {
	d := gob.NewDecoder(bytes.NewReader(text))
	switch name {
	case "people":
		var s savedPeople
		if err := d.Decode(&s); err != nil {
			return err
		}
		return l.takePeople(s)
	case "given":
		var s savedGave
		if err := d.Decode(&s); err != nil {
			return err
		}
		for i, g := range s.Givers {
			l.gave.givers = append(l.gave.givers, giver{g.Method, g.Pattern, g.Field, g.Given, g.Shared})
			l.gave.index[g.Name] = i
		}
		if s.To != nil && s.First != nil {
			l.gave.to, l.gave.first = s.To, s.First
			l.entries += len(s.To) + len(s.First)
		}
		return nil
	}
	var s savedRoute
	if err := d.Decode(&s); err != nil {
		return err
	}
	return l.takeRoute(s)
}

var errState = errors.New("it is not what this version writes")

func (l *Learner) takePeople(s savedPeople) error {
	if len(s.Kinds) < 2 || len(s.Kinds) > maxKinds || len(s.Roles) > maxRoles || s.Kinds[kindID] != "id" || s.Kinds[kindTenant] != "tenant" {
		return errState
	}
	l.kinds, l.roles = s.Kinds, s.Roles
	for _, p := range s.People {
		who := &person{id: p.ID, roles: p.Roles}
		for _, n := range p.Names {
			if int(n.Kind) >= len(l.kinds) {
				return errState
			}
			who.names = append(who.names, name{n.Kind, n.Learned, n.Value})
			if n.Learned {
				l.claims[l.key.join(uint64(n.Kind), n.Value)] = p.ID
			}
		}
		l.people[p.ID] = who
	}
	return nil
}

func (l *Learner) takeRoute(s savedRoute) error {
	r := l.newRoute(s.Method, s.Template, s.Thing, s.Query)
	if len(s.Wilds) != len(r.wilds) || len(s.Nodes) == 0 {
		return errState
	}
	r.answers, r.strangers, r.json, r.asset = s.Answers, s.Strangers, s.JSON, s.Asset
	if s.Askers != nil {
		r.askers = s.Askers
	}
	nodes := make([]*node, len(s.Nodes))
	for i, n := range s.Nodes {
		nodes[i] = &r.root
		if i > 0 {
			if n.Parent < 0 || n.Parent >= i {
				return errState
			}
			nodes[i] = nodes[n.Parent].adopt(n.Name, n.Element)
		}
		nodes[i].counted, nodes[i].leaf = n.Counted, n.Leaf.leaf()
		r.entries += len(n.Leaf.By) + len(n.Leaf.Things)
	}
	r.nodes = len(nodes) - 1
	for name, f := range s.Fields {
		made := f.leaf()
		r.fields[name] = &made
	}
	for name, f := range s.Columns {
		made := f.leaf()
		r.columns[name] = &made
	}
	for i, f := range s.Wilds {
		r.wilds[i] = f.leaf()
	}
	for id, t := range s.Things {
		r.things[id] = &thing{t.First, t.Asked, t.More, t.Strange, t.Sketch, t.Same, t.Differs}
	}
	for _, g := range s.Givers {
		if g < 0 || g >= maxGivers {
			return errState
		}
	}
	r.ledger.givers = s.Givers
	for _, a := range s.Asked {
		r.ledger.asked[origin{a.Givers, a.Roles}] = a.Count
	}
	if s.None != nil {
		r.ledger.none = s.None
	}
	r.entries += len(r.askers) + len(r.things) + r.nodes
	l.entries += r.entries
	l.routes[r.key()] = r
	return nil
}

// adopt makes a node below n.
func (n *node) adopt(name string, element bool) *node {
	at := &node{name: name, parent: n, id: idName(name), counts: countName(name)}
	if element {
		n.element = at
		return at
	}
	if n.members == nil {
		n.members = map[string]*node{}
	}
	n.members[name] = at
	return at
}

func (s savedLeaf) leaf() leaf {
	f := leaf{seen: s.Seen, missing: s.Missing, changed: s.Changed, varied: s.Varied, dead: s.Dead, things: s.Things}
	if len(s.By) > 0 {
		f.by = make(map[uint64]entry, len(s.By))
	}
	for id, e := range s.By {
		f.by[id] = entry{e.Value, e.Same, e.Other}
	}
	return f
}

func (f *leaf) saved() savedLeaf {
	s := savedLeaf{Seen: f.seen, Missing: f.missing, Changed: f.changed, Varied: f.varied, Dead: f.dead, Things: f.things}
	if len(f.by) > 0 {
		s.By = make(map[uint64]savedEntry, len(f.by))
	}
	for id, e := range f.by {
		s.By[id] = savedEntry{e.value, e.same, e.other}
	}
	return s
}

func (r *route) saved() savedRoute {
	s := savedRoute{
		Method: r.method, Template: r.template, Thing: r.thing, Query: r.query,
		Answers: r.answers, Strangers: r.strangers, JSON: r.json, Asset: r.asset, Askers: r.askers,
		Fields: map[string]savedLeaf{}, Columns: map[string]savedLeaf{}, Things: map[uint64]savedThing{},
		Givers: r.ledger.givers, None: r.ledger.none,
	}
	var add func(n *node, parent int, element bool)
	add = func(n *node, parent int, element bool) {
		at := len(s.Nodes)
		s.Nodes = append(s.Nodes, savedNode{parent, n.name, element, n.counted, n.leaf.saved()})
		for _, name := range sorted(n.members) {
			add(n.members[name], at, false)
		}
		if n.element != nil {
			add(n.element, at, true)
		}
	}
	add(&r.root, 0, false)
	for name, f := range r.fields {
		s.Fields[name] = f.saved()
	}
	for name, f := range r.columns {
		s.Columns[name] = f.saved()
	}
	for i := range r.wilds {
		s.Wilds = append(s.Wilds, r.wilds[i].saved())
	}
	for id, t := range r.things {
		s.Things[id] = savedThing{t.first, t.asked, t.more, t.strange, t.sketch, t.same, t.differs}
	}
	for o, n := range r.ledger.asked {
		s.Asked = append(s.Asked, savedAsked{o.givers, o.roles, n})
	}
	return s
}

// Flush writes down what was learned since it was last written.
func (l *Learner) Flush(ctx context.Context) error {
	if l.o.Store == nil {
		return nil
	}
	texts, err := l.changes()
	if err != nil {
		return fmt.Errorf("learn: %w", err)
	}
	for _, name := range sorted(texts) {
		if err := l.write(ctx, name, texts[name]); err != nil {
			return fmt.Errorf("learn: writing down what was learned: %w", err)
		}
	}
	return nil
}

// Close writes down what was learned.
func (l *Learner) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	return l.Flush(ctx)
}

// changes are what is to be written, by name; empty is to be removed.
func (l *Learner) changes() (map[string][]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	texts := map[string][]byte{}
	add := func(name string, v any) error {
		var b bytes.Buffer
		if err := gob.NewEncoder(&b).Encode(v); err != nil {
			return err
		}
		texts[name] = b.Bytes()
		return nil
	}
	for name := range l.dropped {
		texts[name] = nil
	}
	changed := false
	for _, r := range l.routes {
		if !r.dirty && !l.stale {
			continue
		}
		if err := add(l.record(r), r.saved()); err != nil {
			return nil, err
		}
		r.dirty, changed = false, true
	}
	if changed {
		if err := errors.Join(add("people", l.savedPeople()), add("given", l.savedGave())); err != nil {
			return nil, err
		}
	}
	l.dropped, l.stale = map[string]bool{}, false
	return texts, nil
}

// record is the name of a route's records.
func (l *Learner) record(r *route) string {
	return "route-" + strconv.FormatUint(sum(l.key, r.key()), 16)
}

func (l *Learner) savedPeople() savedPeople {
	s := savedPeople{Kinds: l.kinds, Roles: l.roles}
	for _, who := range l.people {
		p := savedPerson{ID: who.id, Roles: who.roles}
		for _, n := range who.names {
			p.Names = append(p.Names, savedName{n.kind, n.learned, n.value})
		}
		s.People = append(s.People, p)
	}
	return s
}

func (l *Learner) savedGave() savedGave {
	s := savedGave{To: l.gave.to, First: l.gave.first, Givers: make([]savedGiver, len(l.gave.givers))}
	for name, i := range l.gave.index {
		g := l.gave.givers[i]
		s.Givers[i] = savedGiver{name, g.method, g.pattern, g.field, g.given, g.shared}
	}
	return s
}

// write writes a text in as many records as it takes, and removes those that a
// longer one left.
func (l *Learner) write(ctx context.Context, name string, text []byte) error {
	var ops []store.Op
	for ; len(text) > 0; text = text[min(len(text), maxPart):] {
		ops = append(ops, store.Op{Record: store.Record{Kind: stateKind, Key: part(name, len(ops)), Value: text[:min(len(text), maxPart)]}})
	}
	l.mu.Lock()
	before := l.parts[name]
	l.mu.Unlock()
	now := len(ops)
	for i := now; i < before; i++ {
		ops = append(ops, store.Op{Record: store.Record{Kind: stateKind, Key: part(name, i)}, Delete: true})
	}
	err := l.o.Store.Batch(ctx, ops...)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.stale = true // all of it, next time
		return err
	}
	if l.parts[name] = now; now == 0 {
		delete(l.parts, name)
	}
	return nil
}

func part(name string, i int) string { return fmt.Sprintf("%s/%05d", name, i) }
