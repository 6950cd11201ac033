package throttle

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gatehousehq/gatehouse/store"
)

const (
	keptKind = "identity.throttle"
	// keepEach is each how many failures a lane is written down: what a restart
	// forgets of an account is fewer than that.
	keepEach = 25
	// maxKept bounds the lanes that are read at start.
	maxKept = 100_000
	// writeTimeout bounds one write.
	writeTimeout = 5 * time.Second
)

// kept is a lane as the store has it.
type kept struct {
	Failures int       `json:"failures"`
	Last     time.Time `json:"last"`
}

func keyName(key uint64) string {
	var raw [8]byte
	for i := range raw {
		raw[i] = byte(key >> (8 * (7 - i)))
	}
	return hex.EncodeToString(raw[:])
}

// load puts the lanes that the store has into the table.
func (t *Throttle) load(ctx context.Context) error {
	for r, err := range t.o.Store.Scan(ctx, store.Query{Kind: keptKind, Limit: maxKept}) {
		if err != nil {
			return fmt.Errorf("throttle: reading closed lanes: %w", err)
		}
		var k kept
		raw, keyErr := hex.DecodeString(r.Key)
		if keyErr != nil || len(raw) != 8 || json.Unmarshal(r.Value, &k) != nil {
			continue // of another version: it expires
		}
		key := uint64(0)
		for _, b := range raw {
			key = key<<8 | uint64(b)
		}
		t.accounts.with(key, t.o.Now(), func(a *account) {
			a.failures, a.last, a.kept = uint16(min(max(k.Failures, 0), t.o.MaxFailures)), k.Last.UnixNano(), true
		})
	}
	return nil
}

// keep writes a lane down. It outlives the request: a client that hangs up must
// not undo that.
func (t *Throttle) keep(ctx context.Context, c charge, now time.Time) error {
	value, err := json.Marshal(kept{c.failures, now})
	if err != nil {
		return fmt.Errorf("throttle: encoding a lane: %w", err)
	}
	return t.write(ctx, store.Op{Record: store.Record{Kind: keptKind, Key: keyName(c.key), Value: value, Expires: now.Add(t.o.Closed)}})
}

func (t *Throttle) write(ctx context.Context, op store.Op) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	if err := t.o.Store.Batch(ctx, op); err != nil {
		return fmt.Errorf("throttle: writing a lane: %w", err)
	}
	return nil
}

// ErrNoAccount is returned where no account is named.
var ErrNoAccount = errors.New("throttle: no account is named")

// Reopen opens the strangers' lane of an account, in memory and in the store: who
// recovered it, or an operator, says so. It must not be called for who merely
// asks for a recovery.
func (t *Throttle) Reopen(ctx context.Context, name string) error {
	if name == "" {
		return ErrNoAccount
	}
	for _, lane := range [...]string{passwordLane, codeLane} {
		key := t.accountKey(lane, name)
		t.accounts.peek(key, func(a *account) { *a = a.emptied(a.good) })
		if err := t.write(ctx, store.Op{Record: store.Record{Kind: keptKind, Key: keyName(key)}, Delete: true}); err != nil {
			return err
		}
	}
	return nil
}
