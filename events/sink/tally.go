package sink

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/store"
)

const (
	// tallyKind is the kind of the counts' records: the key is the day, then a
	// hash of what is counted.
	tallyKind    = "tally"
	tallyKeyKind = "tally-key"
	day          = "2006-01-02"
	// maxTallies bounds what is told apart in one day; the rest is counted
	// with Route and Field "(other)".
	maxTallies = 2000
	// maxHashes bounds the clients remembered one by one while the store takes
	// no counts; above it, sets of more than fewHashes become estimates.
	maxHashes = 200_000
	fewHashes = 64
	other     = "(other)"
)

// tallyOf is what is counted apart.
type tallyOf struct {
	Day     string            `json:"day"`
	Outcome gatehouse.Outcome `json:"outcome"`
	Rung    string            `json:"rung"`
	Rule    string            `json:"rule"`
	Route   string            `json:"route"`
	Field   string            `json:"field"`
}

// count is what was counted of one tallyOf.
type count struct {
	tallyOf
	Requests uint64    `json:"requests"`
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
	Example  string    `json:"example"`
	Clients  []byte    `json:"clients"`
	clients  distinct
}

// tally counts in memory what the store does not have yet.
type tally struct {
	// key keeps whoever reads the store from trying addresses against it
	// without reading this too.
	key [32]byte

	mu      sync.Mutex
	pending map[tallyOf]*count
	// known are the counts of each day, for maxTallies.
	known map[string]map[tallyOf]struct{}
	// hashes is how many clients the pending sets hold.
	hashes int

	flushing sync.Mutex
}

func newTally(key [32]byte) *tally {
	return &tally{key: key, pending: map[tallyOf]*count{}, known: map[string]map[tallyOf]struct{}{}}
}

// tallyKey is the store's key for hashing clients, made where there is none.
func tallyKey(ctx context.Context, s store.Store) (key [32]byte, err error) {
	if s == nil {
		rand.Read(key[:])
		return key, nil
	}
	if key, err = store.Key(ctx, s, tallyKeyKind, "client"); errors.Is(err, store.ErrKey) {
		err = errors.New("the key that clients are counted by is damaged")
	}
	return key, err
}

// note counts a decision's event.
func (t *tally) note(e gatehouse.Event) {
	if e.Outcome == "" {
		return
	}
	hash := t.hash(e.Client)
	t.mu.Lock()
	defer t.mu.Unlock()
	of := t.place(tallyOf{e.Time.Format(day), e.Outcome, e.Rung, e.Rule, e.Route, e.Field})
	c := t.pending[of]
	if c == nil {
		c = &count{tallyOf: of, First: e.Time, Example: e.Request}
		t.pending[of] = c
	}
	c.Requests += e.Occurrences()
	if e.Time.Before(c.First) {
		c.First = e.Time
	}
	if e.Time.After(c.Last) {
		c.Last = e.Time
	}
	before := len(c.clients.exact)
	c.clients.add(hash)
	if t.hashes += len(c.clients.exact) - before; t.hashes > maxHashes && len(c.clients.exact) > fewHashes {
		t.hashes -= len(c.clients.exact)
		c.clients.toSketch()
	}
}

// place is where of is counted, so that a day has no more than maxTallies.
func (t *tally) place(of tallyOf) tallyOf {
	known := t.known[of.Day]
	if known == nil {
		known = map[tallyOf]struct{}{}
		t.known[of.Day] = known
	}
	if _, ok := known[of]; ok {
		return of
	}
	if len(known) >= maxTallies {
		of.Route, of.Field = other, other
		return of
	}
	known[of] = struct{}{}
	return of
}

func (t *tally) hash(client string) uint64 {
	b := make([]byte, 0, 96)
	sum := sha256.Sum256(append(append(b, t.key[:]...), client...))
	return binary.BigEndian.Uint64(sum[:])
}

// flush adds what was counted to the store. On an error it goes on counting,
// and nothing is lost.
func (t *tally) flush(ctx context.Context, s store.Store, keep time.Duration) error {
	t.flushing.Lock()
	defer t.flushing.Unlock()
	t.mu.Lock()
	pending := t.pending
	t.pending, t.hashes = map[tallyOf]*count{}, 0
	t.forgetDays(pending)
	t.mu.Unlock()
	counts := slices.Collect(maps.Values(pending))
	for len(counts) > 0 {
		part := counts[:min(64, len(counts))]
		if err := t.store(ctx, s, part, keep); err != nil {
			t.restore(counts)
			return fmt.Errorf("storing the report's counts: %w", err)
		}
		counts = counts[len(part):]
	}
	return nil
}

// forgetDays drops what is known of days that nothing was counted in.
func (t *tally) forgetDays(pending map[tallyOf]*count) {
	if len(t.known) < 3 {
		return
	}
	recent := map[string]bool{}
	for of := range pending {
		recent[of.Day] = true
	}
	maps.DeleteFunc(t.known, func(d string, _ map[tallyOf]struct{}) bool { return !recent[d] })
}

func (t *tally) store(ctx context.Context, s store.Store, counts []*count, keep time.Duration) error {
	ops := make([]store.Op, 0, len(counts))
	for _, c := range counts {
		sum := *c
		sum.clients = distinct{}
		sum.clients.merge(&c.clients)
		r, err := s.Get(ctx, tallyKind, c.key())
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err == nil {
			// A record that can't be read is begun anew.
			if before, err := readCount(r); err == nil {
				sum.merge(before)
			}
		}
		if r, err = sum.record(keep); err != nil {
			return err
		}
		ops = append(ops, store.Op{Record: r})
	}
	return s.Batch(ctx, ops...)
}

// restore puts back what could not be stored.
func (t *tally) restore(counts []*count) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range counts {
		if newer := t.pending[c.tallyOf]; newer != nil {
			t.hashes -= len(newer.clients.exact)
			c.merge(newer)
		}
		t.pending[c.tallyOf] = c
		t.hashes += len(c.clients.exact)
	}
}

func (c *count) merge(other *count) {
	c.Requests += other.Requests
	if other.First.Before(c.First) {
		c.First, c.Example = other.First, other.Example
	}
	if other.Last.After(c.Last) {
		c.Last = other.Last
	}
	c.clients.merge(&other.clients)
}

func (c *count) key() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{string(c.Outcome), c.Rung, c.Rule, c.Route, c.Field}, "\x00")))
	return c.Day + "/" + hex.EncodeToString(sum[:16])
}

func (c *count) record(keep time.Duration) (store.Record, error) {
	start, err := time.Parse(day, c.Day)
	if err != nil {
		return store.Record{}, err
	}
	c.Clients = c.clients.encode()
	value, err := json.Marshal(c)
	return store.Record{Kind: tallyKind, Key: c.key(), Value: value, Expires: start.Add(24*time.Hour + keep)}, err
}

func readCount(r store.Record) (*count, error) {
	c := &count{}
	if err := json.Unmarshal(r.Value, c); err != nil {
		return nil, err
	}
	err := c.clients.decode(c.Clients)
	c.Clients = nil
	return c, err
}
