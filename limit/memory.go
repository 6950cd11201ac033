package limit

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"sync/atomic"
	"time"
)

const (
	// DefaultMaxKeys is how many keys a Memory holds where MaxKeys is zero. They
	// take under 80 MB (BenchmarkMemory_Keys), whatever comes and goes.
	DefaultMaxKeys = 1_000_000
	maxShards      = 256
	// perShard is how many keys are worth a lock of their own.
	perShard = 1024
)

// MemoryOptions are a Memory's bound and clock.
type MemoryOptions struct {
	// MaxKeys is how many keys are held at most. Zero means DefaultMaxKeys.
	MaxKeys int
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// Memory is a [Limiter] in this process. Make it with [NewMemory].
//
// It holds a key until that has run out. Where MaxKeys have not, a new key takes
// the place of the one that would have run out first: of keys alike the oldest;
// never one at its limit while another is further from its own. The key that is
// dropped begins anew, so this errs towards letting pass, by what that key had
// used and not a burst more. Who wants a key at its limit forgotten must fill the
// memory with keys that have as much to forget, each at its own cost.
//
// Keys are held as 128 bits of a hash with a secret drawn at the start: nobody
// can choose keys that meet, in the table or in its shards, and a key's length
// costs no memory.
type Memory struct {
	now     func() time.Time
	epoch   time.Time
	secret  [sha256.Size]byte
	max     int64
	keys    atomic.Int64
	evicted atomic.Uint64
	shards  []shard
}

var _ Limiter = (*Memory)(nil)

// NewMemory makes an empty Memory.
func NewMemory(o MemoryOptions) (*Memory, error) {
	if o.MaxKeys == 0 {
		o.MaxKeys = DefaultMaxKeys
	}
	if o.MaxKeys < 1 || o.MaxKeys > 1<<30 {
		return nil, fmt.Errorf("limit: MemoryOptions.MaxKeys is %d: want 1 to 2^30", o.MaxKeys)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	shards := 1
	if o.MaxKeys > perShard {
		shards = min(1<<bits.Len(uint(o.MaxKeys/perShard)), maxShards)
	}
	m := &Memory{now: o.Now, epoch: o.Now(), max: int64(o.MaxKeys), shards: make([]shard, shards)}
	if _, err := rand.Read(m.secret[:]); err != nil {
		return nil, fmt.Errorf("limit: drawing the secret of keys: %w", err)
	}
	return m, nil
}

// Take implements [Limiter]. It does not wait, so ctx is not asked: who hangs up
// at once is counted too. Its only errors are of Check.
func (m *Memory) Take(_ context.Context, takes []Take) error {
	if err := Check(takes); err != nil {
		return err
	}
	var all [MaxTakes]id
	ids := all[:len(takes)]
	for i := range takes {
		ids[i] = m.id(takes[i].Key)
	}
	var order [MaxTakes]int
	held := m.lock(ids, order[:0])
	defer m.unlock(held)

	now := m.now().Sub(m.epoch).Microseconds() // in the locks: of one key, time does not go back
	var buckets [MaxTakes]bucket
	fits := true
	for i := range takes {
		s := m.shard(ids[i])
		until := s.until(ids[i])
		b := takes[i].open(until, now)
		if until > now+b.room { // a moment further off than it counts for
			s.update(ids[i], now+b.room)
		}
		buckets[i], fits = b, fits && b.fits()
	}
	for i := range takes {
		b, taken := buckets[i], fits && !takes[i].Look
		takes[i].Result = b.result(taken)
		if taken {
			m.put(ids[i], now+b.used+b.want, now)
		}
	}
	return nil
}

// put notes when a key will have run out, and makes room where it is new.
func (m *Memory) put(key id, until, now int64) {
	s := m.shard(key)
	if s.update(key, until) {
		return
	}
	// Two for one, so that what has run out goes without anybody looking for it.
	for range 2 {
		if s.first() > now {
			break
		}
		s.removeFirst()
		m.keys.Add(-1)
	}
	// The shards share MaxKeys, so that one may hold more than its part of it.
	if m.keys.Add(1) > m.max && s.first() < math.MaxInt64 {
		s.removeFirst()
		m.keys.Add(-1)
		m.evicted.Add(1)
	}
	s.insert(key, until)
}

// Keys is how many keys are held, those that ran out of late among them.
func (m *Memory) Keys() int { return int(m.keys.Load()) }

// Evicted is how many keys were dropped before they had run out.
func (m *Memory) Evicted() uint64 { return m.evicted.Load() }

// id hashes a key. The secret stands before it and half of the sum is kept, so
// neither collisions nor extensions of SHA-256 help who does not know it.
func (m *Memory) id(key string) id {
	var text [sha256.Size + MaxKey]byte
	copy(text[:], m.secret[:])
	n := copy(text[sha256.Size:], key)
	sum := sha256.Sum256(text[:sha256.Size+n])
	return id(sum[:len(id{})])
}

func (m *Memory) shard(key id) *shard { return &m.shards[m.home(key)] }

// home takes bytes that a shard's own table does not use.
func (m *Memory) home(key id) int {
	return int(binary.LittleEndian.Uint32(key[12:])) & (len(m.shards) - 1)
}

// lock locks the shards of all keys, each once and in one order for everybody.
func (m *Memory) lock(ids []id, held []int) []int {
	for _, key := range ids {
		if home := m.home(key); !slices.Contains(held, home) {
			held = append(held, home)
		}
	}
	slices.Sort(held)
	for _, home := range held {
		m.shards[home].mu.Lock()
	}
	return held
}

func (m *Memory) unlock(held []int) {
	for _, home := range held {
		m.shards[home].mu.Unlock()
	}
}
