package network

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehousehq/gatehouse/store"
)

// ByStrikes is the By of a ban that strikes led to.
const ByStrikes = "strikes"

const (
	banKind = "ban"
	// banMemory is for how long after its end a ban still makes the next one
	// longer: a week, the longest ban itself. Addresses change hands.
	banMemory = 7 * 24 * time.Hour
	// maxBans bounds the bans by strikes that are held, past ones included:
	// 65,536 take some 20 MB. Above it the one that ends first makes room.
	maxBans = 1 << 16
	// writeTimeout bounds the writing of one ban.
	writeTimeout = 5 * time.Second
)

// A Ban keeps a prefix out.
type Ban struct {
	Prefix netip.Prefix `json:"prefix"`
	Since  time.Time    `json:"since"`
	// Until is when it ends; zero means never.
	Until  time.Time `json:"until,omitzero"`
	Reason string    `json:"reason"`
	// By is who banned: ByStrikes, or a person's name.
	By string `json:"by"`
	// Times is the how-manyeth ban by strikes this is; zero for a person's.
	Times int `json:"times,omitempty"`
}

func (b Ban) inForce(now time.Time) bool { return b.Until.IsZero() || now.Before(b.Until) }

func (b Ban) sentence(a netip.Addr) string {
	until := "until someone lifts it"
	if !b.Until.IsZero() {
		until = "until " + b.Until.UTC().Format(time.RFC3339)
	}
	whole := ""
	if !b.Prefix.IsSingleIP() {
		whole = fmt.Sprintf(" as part of %s", b.Prefix)
	}
	return fmt.Sprintf("%s is banned%s %s, by %s: %s", a, whole, until, b.By, b.Reason)
}

// bans hold what the store holds, for the hot path.
type bans struct {
	store store.Store
	now   func() time.Time
	// any is the number of entries, so that a gate without bans takes no lock.
	any atomic.Int64
	mu  sync.RWMutex
	all prefixMap[Ban]
	// writing orders the store's writes as the memory's changes.
	writing sync.Mutex
}

func openBans(ctx context.Context, s store.Store, now func() time.Time) (*bans, error) {
	b := &bans{store: s, now: now}
	for r, err := range s.Scan(ctx, store.Query{Kind: banKind}) {
		if err != nil {
			return nil, err
		}
		ban, err := decodeBan(r)
		if err != nil {
			return nil, err
		}
		b.all.set(ban.Prefix, ban)
	}
	b.any.Store(int64(len(b.all.values)))
	return b, nil
}

// decodeBan reads a record. The key alone says whom it keeps out, so a ban
// whose value can't be read still holds, until the record expires.
func decodeBan(r store.Record) (Ban, error) {
	key, err := netip.ParsePrefix(r.Key)
	if err != nil {
		return Ban{}, fmt.Errorf("the store's record %q of kind %q is no address prefix: remove it", r.Key, banKind)
	}
	var b Ban
	if err := json.Unmarshal(r.Value, &b); err != nil || b.Prefix != key {
		b = Ban{Until: r.Expires, Reason: "its record can't be read", By: "the store"}
	}
	b.Prefix, err = normalPrefix(key)
	return b, err
}

// find gives the ban in force against a. Bans by strikes do not count where
// spare is set.
func (b *bans) find(a netip.Addr, spare bool) (Ban, bool) {
	if b.any.Load() == 0 {
		return Ban{}, false
	}
	now := b.now()
	b.mu.RLock()
	defer b.mu.RUnlock()
	_, ban, found := b.all.find(a, func(ban Ban) bool {
		return ban.inForce(now) && !(spare && ban.By == ByStrikes)
	})
	return ban, found
}

func (b *bans) active() int {
	now := b.now()
	b.mu.RLock()
	defer b.mu.RUnlock()
	count := 0
	for _, ban := range b.all.values {
		if ban.inForce(now) {
			count++
		}
	}
	return count
}

// get gives the entry of exactly p, in force or remembered.
func (b *bans) get(p netip.Prefix) (Ban, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	ban, found := b.all.values[p]
	return ban, found
}

func (b *bans) list() []Ban {
	now := b.now()
	b.mu.RLock()
	defer b.mu.RUnlock()
	var out []Ban
	for _, ban := range b.all.values {
		if ban.inForce(now) {
			out = append(out, ban)
		}
	}
	slices.SortFunc(out, func(x, y Ban) int { return x.Prefix.Compare(y.Prefix) })
	return out
}

// put takes the ban into force, then writes it down. With an error it is in
// force all the same, but not after a restart. The caller holds writing.
func (b *bans) put(ctx context.Context, ban Ban) error {
	ops := b.makeRoom()
	b.mu.Lock()
	b.all.set(ban.Prefix, ban)
	b.any.Store(int64(len(b.all.values)))
	b.mu.Unlock()
	value, err := json.Marshal(ban)
	if err != nil {
		return fmt.Errorf("encoding the ban: %w", err)
	}
	r := store.Record{Kind: banKind, Key: ban.Prefix.String(), Value: value, Index1: ban.By}
	if !ban.Until.IsZero() {
		r.Expires = ban.Until.Add(banMemory)
	}
	return b.write(ctx, append(ops, store.Op{Record: r})...)
}

// write outlives the request that caused it: a client that hangs up must not
// undo its own ban.
func (b *bans) write(ctx context.Context, ops ...store.Op) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	if err := b.store.Batch(ctx, ops...); err != nil {
		return fmt.Errorf("writing the ban to the store: %w", err)
	}
	return nil
}

// makeRoom forgets, where maxBans is reached, first what is remembered only,
// then the sixteenth of the bans by strikes that ends first.
func (b *bans) makeRoom() []store.Op {
	if b.any.Load() < maxBans {
		return nil
	}
	var gone []netip.Prefix
	b.mu.RLock()
	byStrikes := slices.Collect(maps.Values(b.all.values))
	b.mu.RUnlock()
	byStrikes = slices.DeleteFunc(byStrikes, func(ban Ban) bool { return ban.By != ByStrikes })
	slices.SortFunc(byStrikes, func(x, y Ban) int { return x.Until.Compare(y.Until) })
	for _, ban := range byStrikes[:(len(byStrikes)+15)/16] {
		gone = append(gone, ban.Prefix)
	}
	return b.forget(gone)
}

// forget removes entries from memory and gives the ops that remove them from
// the store.
func (b *bans) forget(gone []netip.Prefix) []store.Op {
	b.mu.Lock()
	defer b.mu.Unlock()
	ops := make([]store.Op, 0, len(gone)+1)
	for _, p := range gone {
		b.all.remove(p)
		ops = append(ops, store.Op{Record: store.Record{Kind: banKind, Key: p.String()}, Delete: true})
	}
	b.any.Store(int64(len(b.all.values)))
	return ops
}

// ErrNoBan is returned where there is no ban to lift.
var ErrNoBan = errors.New("network: no such ban")

// lift removes the entry of exactly p from memory and store, and with it the
// memory of earlier ones.
func (b *bans) lift(ctx context.Context, p netip.Prefix) error {
	b.writing.Lock()
	defer b.writing.Unlock()
	ban, found := b.get(p)
	if !found || !ban.inForce(b.now()) {
		return fmt.Errorf("%w: %s; `gatehouse bans list` shows those in force", ErrNoBan, p)
	}
	// The store first: a ban that is lifted in memory alone would come back.
	err := b.write(ctx, store.Op{Record: store.Record{Kind: banKind, Key: p.String()}, Delete: true})
	if err != nil {
		return err
	}
	b.forget([]netip.Prefix{p})
	return nil
}

// sweep drops from memory what is past remembering; the store's own expiry
// does the same there.
func (b *bans) sweep() {
	b.writing.Lock()
	defer b.writing.Unlock()
	now := b.now()
	var gone []netip.Prefix
	b.mu.RLock()
	for p, ban := range b.all.values {
		if !ban.Until.IsZero() && now.After(ban.Until.Add(banMemory)) {
			gone = append(gone, p)
		}
	}
	b.mu.RUnlock()
	b.forget(gone)
}
