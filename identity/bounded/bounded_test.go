package bounded_test

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/identity/bounded"
)

func key(n int) bounded.Key {
	return sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n)))
}

func open(t testing.TB, most int) *bounded.Cache[int] {
	t.Helper()
	c, err := bounded.New[int](bounded.Options{Max: most})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestNew_NoBound_Refused(t *testing.T) {
	for _, most := range []int{0, -1} {
		if _, err := bounded.New[int](bounded.Options{Max: most}); err == nil {
			t.Errorf("a cache of at most %d entries was made", most)
		}
	}
}

func TestCache_Entry_EndsWithItsTime(t *testing.T) {
	c, start := open(t, 100), time.Unix(1e9, 0)
	c.Put(key(1), 11, start.Add(time.Minute), start)
	if got, ok := c.Get(key(1), start.Add(time.Minute-1)); !ok || got != 11 {
		t.Errorf("before its time is over: %d, %v, want 11", got, ok)
	}
	if _, ok := c.Get(key(1), start.Add(time.Minute)); ok {
		t.Error("it is given when its time is over")
	}
	c.Put(key(1), 12, start.Add(2*time.Minute), start.Add(time.Minute))
	if got, _ := c.Get(key(1), start.Add(time.Minute)); got != 12 {
		t.Errorf("put again it is %d, want 12", got)
	}
	if _, ok := c.Get(key(2), start); ok {
		t.Error("an entry is given that nobody put")
	}
}

func TestCache_FloodOfNewEntries_StaysBoundedAndKeepsWhatIsAskedFor(t *testing.T) {
	c, now := open(t, 1600), time.Unix(1e9, 0)
	until := now.Add(time.Hour)
	for n := range 200 {
		c.Put(key(n), n, until, now)
	}
	for n := 200; n < 100_000; n++ {
		c.Put(key(n), n, until, now)
		c.Get(key(n%200), now) // 200 sessions that go on
	}
	if got := c.Len(); got > 1600 {
		t.Errorf("%d entries are held, want 1600 at most", got)
	}
	kept := 0
	for n := range 200 {
		if got, ok := c.Get(key(n), now); ok && got == n {
			kept++
		}
	}
	if kept != 200 {
		t.Errorf("%d of the 200 entries in use are left after a flood", kept)
	}
}

func TestCache_Full_TakesPlaceOfWhatIsOver(t *testing.T) {
	c, now := open(t, 16), time.Unix(1e9, 0)
	for n := range 1000 {
		c.Put(key(n), n, now.Add(time.Second), now)
		c.Get(key(n), now)
	}
	now = now.Add(time.Second)
	for n := 1000; n < 1016; n++ {
		c.Put(key(n), n, now.Add(time.Second), now)
		if got, ok := c.Get(key(n), now); !ok || got != n {
			t.Errorf("entry %d is not given after it was put", n)
		}
	}
}

func TestCache_ManyAtOnce_GivesOnlyWhatWasPut(t *testing.T) {
	c, now := open(t, 64), time.Unix(1e9, 0)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for n := range 5000 {
				c.Put(key(n%200), n%200, now.Add(time.Hour), now)
				if got, ok := c.Get(key(n%200), now); ok && got != n%200 {
					t.Errorf("key %d has %d", n%200, got)
				}
			}
		})
	}
	all.Wait()
}

func BenchmarkCache_Get(b *testing.B) {
	c, now := open(b, 10_000), time.Unix(1e9, 0)
	c.Put(key(1), 1, now.Add(time.Hour), now)
	at := key(1)
	b.ReportAllocs()
	for b.Loop() {
		c.Get(at, now)
	}
}
