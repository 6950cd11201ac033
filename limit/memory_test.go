package limit

import (
	"encoding/binary"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newMemory makes one whose clock the test moves.
func newMemory(t testing.TB, keys int) (*Memory, *time.Time) {
	t.Helper()
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	m, err := NewMemory(MemoryOptions{MaxKeys: keys, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	return m, &now
}

func takeOne(t testing.TB, m *Memory, key string, r Rate) Result {
	t.Helper()
	takes := []Take{{Key: key, Rate: r}}
	if err := m.Take(t.Context(), takes); err != nil {
		t.Fatal(err)
	}
	return takes[0].Result
}

func TestNewMemory_BadBound_IsRefused(t *testing.T) {
	for _, keys := range []int{-1, 1<<30 + 1} {
		if _, err := NewMemory(MemoryOptions{MaxKeys: keys}); err == nil {
			t.Errorf("%d was taken", keys)
		}
	}
}

func TestMemory_Full_DropsWhatHasRunOutFirst(t *testing.T) {
	m, now := newMemory(t, 3)
	slow, fast := Rate{Count: 1, Per: time.Hour}, Rate{Count: 60, Per: time.Minute}
	takeOne(t, m, "slow", slow) // the oldest, and far from running out
	takeOne(t, m, "fast", fast)
	takeOne(t, m, "other", fast)
	*now = now.Add(2 * time.Second) // fast and other have run out
	takeOne(t, m, "new", slow)
	if m.Evicted() != 0 || m.Keys() != 2 {
		t.Errorf("%d keys, %d evicted, want 2 and none", m.Keys(), m.Evicted())
	}
	if takeOne(t, m, "slow", slow).Allowed {
		t.Error("a key that has not run out was dropped while others had")
	}
}

func TestMemory_Full_DropsOldestOfThoseAlike(t *testing.T) {
	m, now := newMemory(t, 3)
	rate := Rate{Count: 1, Per: time.Hour}
	for i := range 5 {
		takeOne(t, m, strconv.Itoa(i), rate)
		*now = now.Add(time.Second)
	}
	if m.Keys() != 3 || m.Evicted() != 2 {
		t.Errorf("%d keys, %d evicted", m.Keys(), m.Evicted())
	}
	for i, free := range []bool{true, true, false, false, false} {
		takes := []Take{{Key: strconv.Itoa(i), Rate: rate, Look: true}}
		if err := m.Take(t.Context(), takes); err != nil || takes[0].Result.Allowed != free {
			t.Errorf("key %d: %v, %+v", i, err, takes[0].Result)
		}
	}
}

// A flood of strangers, each asking once, must not push out a key at its limit:
// that would give an attacker his guesses back.
func TestMemory_FloodOfStrangers_KeepsKeyAtItsLimit(t *testing.T) {
	m, now := newMemory(t, 4096)
	guesses, ordinary := Rate{Count: 5, Per: time.Hour}, Rate{Count: 600, Per: time.Minute}
	for range 5 {
		takeOne(t, m, "account", guesses)
	}
	for i := range 100_000 {
		if !takeOne(t, m, "stranger"+strconv.Itoa(i), ordinary).Allowed {
			t.Fatalf("stranger %d was refused", i)
		}
		*now = now.Add(time.Microsecond)
	}
	if takeOne(t, m, "account", guesses).Allowed {
		t.Error("the flood gave the account's guesses back")
	}
	if m.Keys() > 4096 {
		t.Errorf("%d keys are held, want at most 4096", m.Keys())
	}
}

// What a key that was dropped gets back is what it had used, and no more.
func TestMemory_Dropped_BeginsAnewWithOneBurst(t *testing.T) {
	m, now := newMemory(t, 1)
	rate := Rate{Count: 2, Per: time.Hour}
	passed := 0
	for range 10 {
		if takeOne(t, m, "a", rate).Allowed {
			passed++
		}
	}
	takeOne(t, m, "b", rate)
	*now = now.Add(time.Second)
	for range 10 {
		if takeOne(t, m, "a", rate).Allowed {
			passed++
		}
	}
	if passed != 4 || m.Evicted() != 2 {
		t.Errorf("%d passed and %d were dropped, want two bursts of 2 and 2", passed, m.Evicted())
	}
}

func TestMemory_RunOut_GoesByItself(t *testing.T) {
	m, now := newMemory(t, 0)
	rate := Rate{Count: 600, Per: time.Minute}
	for i := range 20_000 {
		takeOne(t, m, strconv.Itoa(i), rate)
		*now = now.Add(time.Millisecond) // each runs out after a hundred more
	}
	if most := 100 + 2*len(m.shards); m.Keys() > most {
		t.Errorf("%d keys are held, want at most %d", m.Keys(), most)
	}
	if m.Evicted() != 0 {
		t.Errorf("%d were dropped before they had run out", m.Evicted())
	}
}

// The table, the heap and the entries against a map, with a bound so small that
// keys are dropped all the time.
func TestShard_AgreesWithAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s shard
		model := map[id]int64{}
		key := func(t *rapid.T) id {
			var k id // few homes, so that they meet
			binary.LittleEndian.PutUint64(k[:], uint64(rapid.IntRange(0, 9).Draw(t, "home")))
			k[8] = byte(rapid.IntRange(0, 9).Draw(t, "key"))
			return k
		}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				k, until := key(t), rapid.Int64Range(0, 1000).Draw(t, "until")
				_, known := model[k]
				if s.update(k, until) != known {
					t.Fatalf("%v: known is %v", k, known)
				}
				if !known {
					s.insert(k, until)
				}
				model[k] = until
			},
			"remove": func(t *rapid.T) {
				if len(model) == 0 {
					return
				}
				first, least := s.first(), slices.Min(slices.Collect(maps.Values(model)))
				gone := s.entries[s.heap[0].n].id
				if first != least || model[gone] != least {
					t.Fatalf("the first is %d, and %d of the model's, want %d", first, model[gone], least)
				}
				s.removeFirst()
				delete(model, gone)
			},
			"": func(t *rapid.T) {
				if len(s.entries) != len(model) || len(s.heap) != len(model) {
					t.Fatalf("%d entries, %d in the heap, want %d", len(s.entries), len(s.heap), len(model))
				}
				for k, until := range model {
					if got := s.until(k); got != until {
						t.Fatalf("%v: %d, want %d", k, got, until)
					}
				}
				for at, n := range s.heap {
					if s.entries[n.n].at != uint32(at) || n.until > s.entries[n.n].until || at > 0 && s.heap[(at-1)/4].until > n.until {
						t.Fatalf("the heap is out of order at %d", at)
					}
				}
			},
		})
	})
}

// Two processes hash the same key to different places: nobody learns from one
// which keys meet in another.
func TestMemory_KeysAreHashedWithASecretOfItsOwn(t *testing.T) {
	a, _ := newMemory(t, 0)
	b, _ := newMemory(t, 0)
	same := 0
	for i := range 4096 {
		key := fmt.Sprint(i)
		if a.id(key) == b.id(key) {
			t.Fatalf("%q has one hash in both", key)
		}
		if a.home(a.id(key)) == b.home(b.id(key)) {
			same++
		}
	}
	if want := 4096 / len(a.shards); same > 4*want {
		t.Errorf("%d of 4096 keys share a shard in both, want about %d", same, want)
	}
}

func TestMemory_Take_AllocatesNothing(t *testing.T) {
	m, _ := newMemory(t, 0)
	rate := Rate{Count: 10_000, Per: time.Second}
	one := []Take{{Key: "203.0.113.7", Rate: rate}}
	three := []Take{{Key: "203.0.113.8", Rate: rate}, {Key: "ann", Rate: rate}, {Key: "GET /orders", Rate: rate}}
	for name, takes := range map[string][]Take{"one key": one, "three keys": three} {
		if n := testing.AllocsPerRun(1000, func() {
			if err := m.Take(t.Context(), takes); err != nil {
				t.Error(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// heapOf is what make's result takes on the heap.
func heapOf(make func() *Memory) (*Memory, uint64) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	m := make()
	runtime.GC()
	runtime.ReadMemStats(&after)
	return m, after.HeapAlloc - min(before.HeapAlloc, after.HeapAlloc)
}

// TestMemory_AMillionKeys_TakeUnder200MB: at its bound, and after as many again
// have come and gone.
func TestMemory_AMillionKeys_TakeUnder200MB(t *testing.T) {
	m, size := heapOf(func() *Memory { return filled(t, DefaultMaxKeys, DefaultMaxKeys*11/10) })
	if m.Keys() != DefaultMaxKeys {
		t.Errorf("%d keys are held, want %d", m.Keys(), DefaultMaxKeys)
	}
	if size > 200_000_000 {
		t.Errorf("a million keys take %d MB, want at most 200", size/1_000_000)
	}
	t.Logf("%d keys take %.1f bytes each", m.Keys(), float64(size)/float64(m.Keys()))
	runtime.KeepAlive(m)
}

func filled(t testing.TB, keys, come int) *Memory {
	m, now := newMemory(t, keys)
	rate := Rate{Count: 10, Per: time.Hour}
	takes := []Take{{Rate: rate}}
	for i := range come {
		takes[0].Key = strconv.Itoa(i)
		if err := m.Take(t.Context(), takes); err != nil {
			t.Fatal(err)
		}
		*now = now.Add(time.Microsecond)
	}
	return m
}

func BenchmarkMemory_Keys(b *testing.B) {
	for b.Loop() {
		m, size := heapOf(func() *Memory { return filled(b, DefaultMaxKeys, 3*DefaultMaxKeys) })
		b.ReportMetric(float64(size)/float64(m.Keys()), "bytes/key")
		b.ReportMetric(float64(size)/1e6, "MB")
		runtime.KeepAlive(m)
	}
}

func BenchmarkMemory_Take(b *testing.B) {
	rate := Rate{Count: 10_000, Per: time.Second}
	m, err := NewMemory(MemoryOptions{})
	if err != nil {
		b.Fatal(err)
	}
	keys := make([]string, 1<<17)
	for i := range keys {
		keys[i] = "address" + strconv.Itoa(i)
	}
	b.Run("one key of 131072", func(b *testing.B) {
		b.ReportAllocs()
		takes := []Take{{Rate: rate}}
		for i := 0; b.Loop(); i++ {
			takes[0].Key = keys[i&(len(keys)-1)]
			if err := m.Take(b.Context(), takes); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("two keys, all processors", func(b *testing.B) {
		b.ReportAllocs()
		var start sync.Mutex
		n := 0
		b.RunParallel(func(pb *testing.PB) {
			start.Lock()
			n += 1 << 10
			i := n
			start.Unlock()
			takes := []Take{{Rate: rate}, {Rate: rate}}
			for ; pb.Next(); i++ {
				takes[0].Key, takes[1].Key = keys[i&(len(keys)-1)], keys[(i*7+1)&(len(keys)-1)]
				if takes[0].Key == takes[1].Key {
					continue
				}
				if err := m.Take(b.Context(), takes); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}
