// Package exchange knows the live exchanges: the requests that the gate has let
// in and not yet answered, each with the inputs that its client sent, the values
// it read from the database, and the trace identifier that the gate drew for
// it. It is how a judge of SQL statements is told what clients are sending at
// this moment, and how an event, a refusal and a line of the backend's log are
// told to be about the same request.
//
// It trusts nobody: both identifiers are drawn here from crypto/rand, and the
// trace identifier goes to the backend alone, never to a client. It decides
// nothing, and forgets an exchange when it ends. [Handler] finds the exchange of
// a request in a program behind the gate, in the same process.
package exchange

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/input"
)

// ErrFull is returned by [Table.Begin] where as many exchanges are live as the
// table may hold.
var ErrFull = errors.New("exchange: too many requests in flight")

// DefaultMax is how many exchanges a Table holds where Options.Max is zero:
// each costs under 1 KiB beside its inputs, which are bounded by themselves.
const DefaultMax = 65536

// An Exchange is one live request with its answer. What the gateway settles
// while the request climbs the ladder (Client, Route, Principal, Inputs) is
// written before the backend is called and only read after.
type Exchange struct {
	// ID is the request's identifier, told to the client and the backend:
	// 32 hexadecimal digits.
	ID string
	// Trace is the W3C trace identifier told to the backend alone: 32
	// hexadecimal digits.
	Trace string
	// Span is the W3C parent identifier told to the backend: 16 digits.
	Span    string
	Started time.Time
	Method  string
	Host    string
	// Path is the escaped path as the client sent it.
	Path string
	// Route is the method and the path with identifiers replaced.
	Route     string
	Client    netip.Addr
	Principal gatehouse.Principal
	// Writes says whose rows the exchange's statements may change, where that is
	// asked before they do: the names of the principal by column, such as
	// "orders.user_id".
	Writes map[string][]string
	// Inputs are the request's inputs; nil until the request was parsed.
	Inputs *input.Inputs
	// Unread is set where the request brings more than Inputs: a body that is
	// not parsed, or what comes after an upgrade.
	Unread bool

	suspected candidates
	records   records
	owned     ownedRows
	refusal   atomic.Pointer[gatehouse.Decision]
	// What follows is the Backend's, and guarded by its lock: the hashes of the
	// exchange's specific values, and since when it is there.
	held    []uint64
	entered time.Time
}

// Traceparent is the header that the backend gets (W3C Trace Context, version
// 00, sampled).
func (x *Exchange) Traceparent() string { return "00-" + x.Trace + "-" + x.Span + "-01" }

// Refuse notes that a statement of the exchange was refused: the gateway answers
// with its own refusal in place of the backend's. The first decision stays; its
// verdict is taken to be Deny. Safe for concurrent use.
func (x *Exchange) Refuse(d gatehouse.Decision) {
	d.Verdict = gatehouse.Deny
	x.refusal.CompareAndSwap(nil, &d)
}

// Refusal is the first decision that Refuse was given, and whether there is one.
func (x *Exchange) Refusal() (gatehouse.Decision, bool) {
	d := x.refusal.Load()
	if d == nil {
		return gatehouse.Decision{}, false
	}
	return *d, true
}

// Options configure a Table.
type Options struct {
	// Max is the most exchanges that may be live. Zero means DefaultMax.
	Max int
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// A Table holds the live exchanges. Its methods may be called concurrently.
type Table struct {
	max    int
	now    func() time.Time
	shards [shards]shard
}

// shards bounds contention: 64 requests that begin at once rarely meet.
const shards = 64

type shard struct {
	mu   sync.RWMutex
	live map[string]*Exchange
}

// NewTable returns an empty table.
func NewTable(o Options) (*Table, error) {
	if o.Max < 0 {
		return nil, errors.New("exchange: Options.Max is negative")
	}
	if o.Max == 0 {
		o.Max = DefaultMax
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	t := &Table{max: max(o.Max/shards, 1), now: o.Now}
	for i := range t.shards {
		t.shards[i].live = make(map[string]*Exchange)
	}
	return t, nil
}

// Begin enters a new exchange with fresh identifiers. The caller ends it with
// End. It fails only with ErrFull.
func (t *Table) Begin() (*Exchange, error) {
	var random [40]byte
	rand.Read(random[:]) // never fails: crypto/rand ends the process instead
	var text [80]byte
	hex.Encode(text[:], random[:])
	s := string(text[:])
	x := &Exchange{ID: s[:32], Trace: s[32:64], Span: s[64:], Started: t.now()}
	sh := &t.shards[random[16]%shards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if len(sh.live) >= t.max {
		return nil, ErrFull
	}
	sh.live[x.Trace] = x
	return x, nil
}

// End forgets an exchange.
func (t *Table) End(x *Exchange) {
	sh := t.shardOf(x.Trace)
	if sh == nil {
		return
	}
	sh.mu.Lock()
	delete(sh.live, x.Trace)
	sh.mu.Unlock()
}

// ByTrace finds the live exchange that the gate drew this trace identifier
// for. The identifier is compared exactly, as lower-case hexadecimal.
func (t *Table) ByTrace(trace string) (*Exchange, bool) {
	sh := t.shardOf(trace)
	if sh == nil {
		return nil, false
	}
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	x, ok := sh.live[trace]
	return x, ok
}

// isLive reports whether the exchange is one of the table's that has not ended.
func (t *Table) isLive(x *Exchange) bool {
	known, ok := t.ByTrace(x.Trace)
	return ok && known == x
}

// Len is how many exchanges are live.
func (t *Table) Len() int {
	n := 0
	for i := range t.shards {
		t.shards[i].mu.RLock()
		n += len(t.shards[i].live)
		t.shards[i].mu.RUnlock()
	}
	return n
}

func (t *Table) shardOf(trace string) *shard {
	if len(trace) != 32 {
		return nil
	}
	first, err := hex.DecodeString(trace[:2])
	if err != nil {
		return nil
	}
	return &t.shards[first[0]%shards]
}

type contextKey struct{}

// With returns a context that carries x.
func With(ctx context.Context, x *Exchange) context.Context {
	return context.WithValue(ctx, contextKey{}, x)
}

// From returns the exchange that ctx carries, or nil.
func From(ctx context.Context) *Exchange {
	x, _ := ctx.Value(contextKey{}).(*Exchange)
	return x
}
