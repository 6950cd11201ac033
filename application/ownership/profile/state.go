package profile

import (
	"bytes"
	"context"
	"encoding/gob"
	"fmt"

	"github.com/gatehousehq/gatehouse/store"
)

const stateKind = "application.ownership.profile"

type saved struct{ Requests, Answers savedNames }

type savedNames struct {
	Count  uint32
	People []uint64
	Known  map[string]savedName
}

type savedName struct {
	Count  uint32
	People []uint64
}

func (p *Profile) load(ctx context.Context) error {
	for r, err := range p.o.Store.Scan(ctx, store.Query{Kind: stateKind, Limit: p.o.MaxRoutes}) {
		if err != nil {
			return fmt.Errorf("reading what was known: %w", err)
		}
		var s saved
		if err := gob.NewDecoder(bytes.NewReader(r.Value)).Decode(&s); err != nil {
			return fmt.Errorf("what was known of %s (kind %s) can't be read: remove it: %w", r.Key, stateKind, err)
		}
		p.routes[r.Key] = &route{requests: s.Requests.names(), answers: s.Answers.names()}
	}
	return nil
}

func (s savedNames) names() names {
	n := names{count: s.Count, people: s.People, known: make(map[string]*known, len(s.Known))}
	for name, k := range s.Known {
		n.known[name] = &known{k.Count, k.People}
	}
	return n
}

func (n *names) saved() savedNames {
	s := savedNames{Count: n.count, People: n.people, Known: make(map[string]savedName, len(n.known))}
	for name, k := range n.known {
		s.Known[name] = savedName{k.count, k.people}
	}
	return s
}

// Flush writes down what is known, as far as it changed.
func (p *Profile) Flush(ctx context.Context) error {
	if p.o.Store == nil {
		return nil
	}
	ops, written, err := p.changes()
	for i := 0; i < len(ops) && err == nil; i += maxBatch {
		err = p.o.Store.Batch(ctx, ops[i:min(len(ops), i+maxBatch)]...)
	}
	if err == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range written {
		r.dirty = true // next time
	}
	return fmt.Errorf("profile: writing down what is known: %w", err)
}

const maxBatch = 32

func (p *Profile) changes() (ops []store.Op, written []*route, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name := range p.dropped {
		if p.routes[name] == nil {
			ops = append(ops, store.Op{Record: store.Record{Kind: stateKind, Key: name}, Delete: true})
		}
	}
	clear(p.dropped)
	for name, r := range p.routes {
		if !r.dirty {
			continue
		}
		var b bytes.Buffer
		if err := gob.NewEncoder(&b).Encode(saved{r.requests.saved(), r.answers.saved()}); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
		ops = append(ops, store.Op{Record: store.Record{Kind: stateKind, Key: name, Value: b.Bytes()}})
		r.dirty = false
		written = append(written, r)
	}
	return ops, written, nil
}

// Close writes down what is known.
func (p *Profile) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	return p.Flush(ctx)
}
