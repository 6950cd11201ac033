package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/input"
	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/store"
)

// allowKind is the kind of the store's records of how often entries were used.
const allowKind = "allow"

// allowList are the configuration's `allow` entries, compiled.
type allowList []*allowEntry

type allowEntry struct {
	config.AllowEntry
	method string
	path   input.Pattern
	// background is set where the entry is about what no request caused.
	background bool
	use        *allowUse
}

// allowUse is what is known of an entry's use; it survives reload and restart.
type allowUse struct {
	first time.Time
	hits  atomic.Uint64
	last  atomic.Int64 // Unix seconds; zero: never
	saved uint64       // hits when last written
}

// allowUses are those of all entries ever configured under this gate.
type allowUses struct {
	mu   sync.Mutex
	byID map[string]*allowUse
}

// compileAllow compiles entries; the path may be preceded by a method, as in
// the patterns of net/http.
func compileAllow(entries []config.AllowEntry, uses *allowUses, now time.Time) (allowList, error) {
	var list allowList
	for _, e := range entries {
		entry := &allowEntry{AllowEntry: e}
		path := e.Path
		if method, rest, ok := strings.Cut(path, " "); ok {
			entry.method, path = method, strings.TrimSpace(rest)
		}
		entry.background = path == config.Background
		if path != "" && !entry.background {
			pattern, err := input.ParsePattern(path)
			if err != nil {
				return nil, fmt.Errorf("allow %s: path: %w", e.ID, err)
			}
			entry.path = pattern
		}
		entry.use = uses.of(e.ID, now)
		list = append(list, entry)
	}
	return list, nil
}

// matches reports whether an entry lets the decision pass, and counts its use.
func (l allowList) matches(d gatehouse.Decision, method, path string, now time.Time) bool {
	for _, e := range l {
		if e.matches(d, method, path, now) {
			e.use.hits.Add(1)
			e.use.last.Store(now.Unix())
			return true
		}
	}
	return false
}

func (e *allowEntry) matches(d gatehouse.Decision, method, path string, now time.Time) bool {
	switch {
	case e.Rung != d.Rung,
		e.Rule != "" && e.Rule != d.Rule,
		e.Field != "" && e.Field != d.Place.String(),
		e.method != "" && e.method != method,
		e.background != (path == ""),
		e.Expired(now):
		return false
	}
	return e.background || e.Path == "" || e.path.Match(path)
}

func (u *allowUses) of(id string, now time.Time) *allowUse {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.byID[id] == nil {
		u.byID[id] = &allowUse{first: now}
	}
	return u.byID[id]
}

// allowRecord is how a use is stored.
type allowRecord struct {
	First time.Time `json:"first"`
	Hits  uint64    `json:"hits"`
	Last  int64     `json:"last,omitempty"`
}

// loadAllowUses reads what was saved.
func loadAllowUses(ctx context.Context, s store.Store) (*allowUses, error) {
	u := &allowUses{byID: make(map[string]*allowUse)}
	for r, err := range s.Scan(ctx, store.Query{Kind: allowKind}) {
		if err != nil {
			return nil, fmt.Errorf("reading the use of allow entries: %w", err)
		}
		var saved allowRecord
		if json.Unmarshal(r.Value, &saved) != nil {
			continue // the count begins again; nothing is decided by it
		}
		use := &allowUse{first: saved.First, saved: saved.Hits}
		use.hits.Store(saved.Hits)
		use.last.Store(saved.Last)
		u.byID[r.Key] = use
	}
	return u, nil
}

// save writes the uses that changed.
func (u *allowUses) save(ctx context.Context, s store.Store) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	var errs []error
	for id, use := range u.byID {
		hits := use.hits.Load()
		if hits == use.saved && hits > 0 {
			continue
		}
		value, err := json.Marshal(allowRecord{First: use.first, Hits: hits, Last: use.last.Load()})
		if err == nil {
			err = store.Put(ctx, s, store.Record{Kind: allowKind, Key: id, Value: value})
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("saving the use of allow entry %s: %w", id, err))
			continue
		}
		use.saved = hits
	}
	return errors.Join(errs...)
}
