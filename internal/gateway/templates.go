package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/gatehousehq/gatehouse/data/guard"
	"github.com/gatehousehq/gatehouse/store"
	"github.com/gatehousehq/gatehouse/taint"
)

const (
	// templateKind is the kind of the records of templates: their key is a hash
	// of what makes two of them the same.
	templateKind = "template"
	// guardKeyKind has one record: the key of the fingerprints.
	guardKeyKind = "guard-key"
	// keepOld is how long templates of another version are kept after they were
	// last learned: so long one can go back to the version before.
	keepOld = 30 * 24 * time.Hour
	// maxTemplates bounds how many are read at start, of all accounts.
	maxTemplates = 1 << 18
	templateOps  = 64
)

// templates saves what the guard has learned.
type templates struct {
	guard *taint.Guard
	now   func() time.Time

	mu sync.Mutex
	// saved has what is in the store, with Last as it stands there.
	saved map[string]time.Time
}

// openGuard makes the guard with what was learned before.
func (g *Gate) openGuard(ctx context.Context) error {
	o := taint.Options{}
	var err error
	if o.Key, err = guardKey(ctx, g.store); err != nil {
		return err
	}
	t := &templates{now: g.now, saved: make(map[string]time.Time)}
	if o.Templates, err = t.load(ctx, g.store); err != nil {
		return err
	}
	if t.guard, err = taint.New(o); err != nil {
		return err
	}
	g.templates = t
	g.guard, err = guard.New(guard.Options{
		Guard: t.guard, Recorder: g.events, Inputs: g.backend.Candidates, InFlight: g.backend.Exchanges, Now: g.now,
	})
	return err
}

// guardKey is the store's key for fingerprints, drawn where there is none.
func guardKey(ctx context.Context, s store.Store) ([32]byte, error) {
	key, err := store.Key(ctx, s, guardKeyKind, "fingerprint")
	if errors.Is(err, store.ErrKey) {
		err = errors.New("the key of the statements' fingerprints is damaged: remove the state folder's store, or restore it")
	}
	return key, err
}

func templateKey(t taint.Template) string {
	h := sha256.New()
	for _, part := range []string{t.Account, t.Dialect.String(), strconv.Itoa(t.Version), t.Shape} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// outdated reports whether a template is of another version and has been so for
// long.
func (t *templates) outdated(one taint.Template) bool {
	return one.Version != taint.Version && t.now().Sub(one.Last) > keepOld
}

// load reads the templates, and removes those that nothing needs any longer.
func (t *templates) load(ctx context.Context, s store.Store) ([]taint.Template, error) {
	var all []taint.Template
	var gone []store.Op
	for r, err := range s.Scan(ctx, store.Query{Kind: templateKind, Limit: maxTemplates}) {
		if err != nil {
			return nil, fmt.Errorf("reading the templates: %w", err)
		}
		var one taint.Template
		if json.Unmarshal(r.Value, &one) != nil || t.outdated(one) {
			// A damaged one is learned again.
			gone = append(gone, store.Op{Record: store.Record{Kind: templateKind, Key: r.Key}, Delete: true})
			continue
		}
		all = append(all, one)
		t.saved[r.Key] = one.Last
	}
	return all, batched(ctx, s, gone)
}

// save writes the templates that are new, or were renewed a day ago or more.
func (t *templates) save(ctx context.Context, s store.Store) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var ops []store.Op
	var keys []string
	fresh := make(map[string]time.Time)
	for _, one := range t.guard.Templates() {
		key := templateKey(one)
		last, there := t.saved[key]
		if there && one.Last.Sub(last) < 24*time.Hour || t.outdated(one) {
			continue
		}
		value, err := json.Marshal(one)
		if err != nil {
			return fmt.Errorf("saving a template: %w", err)
		}
		if fresh[key] = one.Last; len(value) > store.MaxValue {
			t.saved[key] = one.Last // it is learned again after a restart
			continue
		}
		ops = append(ops, store.Op{Record: store.Record{Kind: templateKind, Key: key, Value: value}})
		keys = append(keys, key)
	}
	if err := batched(ctx, s, ops); err != nil {
		return fmt.Errorf("saving templates: %w", err)
	}
	for _, key := range keys {
		t.saved[key] = fresh[key]
	}
	return nil
}

// batched applies ops some at a time.
func batched(ctx context.Context, s store.Store, ops []store.Op) error {
	for len(ops) > 0 {
		n := min(len(ops), templateOps)
		if err := s.Batch(ctx, ops[:n]...); err != nil {
			return err
		}
		ops = ops[n:]
	}
	return nil
}
