package backend

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/store"
)

const (
	sessionKind = "identity.backend.session"
	// writeTimeout bounds one write.
	writeTimeout = 5 * time.Second
	// writeEvery is how often a session whose cookie changes with each answer is
	// written down at most; in between, Flush does it.
	writeEvery = 5 * time.Second
)

// kept is a session as the store has it: hashes of credentials, never one.
type kept struct {
	Principal gatehouse.Principal `json:"principal"`
	Halfway   bool                `json:"halfway,omitempty"`
	Began     time.Time           `json:"began"`
	Absolute  time.Time           `json:"absolute"`
	Seen      time.Time           `json:"seen"`
	Held      []keptHeld          `json:"held"`
	// Holder is missing in records of before there was one: their sessions are
	// told of, as they were.
	Holder *keptHolder `json:"holder,omitempty"`
}

type keptHolder struct {
	Household netip.Prefix `json:"household,omitzero"`
	Path      string       `json:"path,omitempty"`
	Met       bool         `json:"met,omitempty"`
}

type keptHeld struct {
	Hash     []byte    `json:"hash"`
	Name     string    `json:"name,omitempty"`
	Expires  time.Time `json:"expires,omitzero"`
	Replaced time.Time `json:"replaced,omitzero"`
	Fixed    bool      `json:"fixed,omitempty"`
}

// load reads the sessions. What can't be read is no session.
func (s *Source) load(ctx context.Context) error {
	now := s.o.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.loadVisited(ctx); err != nil {
		return err
	}
	for r, err := range s.o.Store.Scan(ctx, store.Query{Kind: sessionKind, Limit: s.o.MaxSessions}) {
		if err != nil {
			return fmt.Errorf("backend: reading the sessions: %w", err)
		}
		var k kept
		if json.Unmarshal(r.Value, &k) != nil || k.Principal.ID == "" || !now.Before(k.Absolute) {
			continue // of another version, or over: it expires
		}
		x := &session{id: r.Key, account: k.Principal.ID, halfway: k.Halfway, began: k.Began, absolute: k.Absolute}
		x.seen.Store(k.Seen.UnixNano())
		x.written.Store(k.Seen.UnixNano())
		x.principal.Store(&k.Principal)
		if o := k.Holder; o != nil {
			x.holder = &holder{household: o.Household, path: o.Path}
			x.holder.met.Store(o.Met)
		}
		s.enter(x)
		for _, h := range k.Held {
			if len(h.Hash) == len(credential{}) {
				s.hold(x, held{credential(h.Hash), h.Name, h.Expires, h.Replaced, h.Fixed})
			}
		}
	}
	return nil
}

// op is what is written for a session. The caller holds mu.
func (s *Source) op(x *session) (store.Op, error) {
	if x.ended {
		return store.Op{Record: store.Record{Kind: sessionKind, Key: x.id}, Delete: true}, nil
	}
	k := kept{Principal: *x.principal.Load(), Halfway: x.halfway, Began: x.began, Absolute: x.absolute, Seen: time.Unix(0, x.seen.Load()).UTC()}
	fixed := false
	for _, c := range x.held {
		k.Held = append(k.Held, keptHeld{c.hash[:], c.name, c.expires, c.replaced, c.fixed})
		fixed = fixed || c.fixed
	}
	if o := x.holder; o != nil && fixed {
		k.Holder = &keptHolder{o.household, o.path, o.met.Load()}
	}
	value, err := json.Marshal(k)
	if err != nil {
		return store.Op{}, fmt.Errorf("backend: encoding a session: %w", err)
	}
	expires := k.Seen.Add(s.o.Idle)
	if x.absolute.Before(expires) {
		expires = x.absolute
	}
	owner := s.hashes.Sum("account", x.account)
	return store.Op{Record: store.Record{Kind: sessionKind, Key: x.id, Value: value, Index1: hex.EncodeToString(owner[:16]), Expires: expires}}, nil
}

// write writes sessions down. It outlives the request that caused it: a client
// that hangs up must not leave a session that is over.
func (s *Source) write(ctx context.Context, all ...*session) error {
	if len(all) == 0 {
		return nil
	}
	ops := make([]store.Op, 0, len(all))
	s.mu.Lock()
	for _, x := range all {
		op, err := s.op(x)
		if err != nil {
			s.mu.Unlock()
			return err
		}
		ops = append(ops, op)
		if !x.ended && !x.halfway && !x.known {
			x.known = true
			ops = append(ops, s.known(x))
		}
		delete(s.dirty, x)
		x.written.Store(s.o.Now().UnixNano())
	}
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	if err := s.o.Store.Batch(ctx, ops...); err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, x := range all {
			if x.known = false; !x.ended {
				s.dirty[x] = struct{}{}
			}
		}
		return fmt.Errorf("backend: writing a session: %w", err)
	}
	return nil
}

// sweepEvery is how often sessions that are over are looked for.
const sweepEvery = 10 * time.Minute

// flushAtOnce is how many sessions one batch writes.
const flushAtOnce = 256

// Flush writes down what changed since, and removes sessions that are over. Call
// it each few seconds: what was not written is Unknown after a crash.
func (s *Source) Flush(ctx context.Context) error {
	now := s.o.Now()
	s.mu.Lock()
	var gone []*session
	if now.Sub(s.swept) >= sweepEvery {
		s.swept, gone = now, s.sweep(now)
	}
	all := make([]*session, 0, len(s.dirty)+len(gone))
	for x := range s.dirty {
		all = append(all, x)
	}
	s.mu.Unlock()
	all = append(all, gone...)
	for len(all) > 0 {
		n := min(len(all), flushAtOnce)
		if err := s.write(ctx, all[:n]...); err != nil {
			return err
		}
		all = all[n:]
	}
	return nil
}

// Close writes down what changed since. The store stays open: it is the caller's.
func (s *Source) Close() error { return s.Flush(context.Background()) }
