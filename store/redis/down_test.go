package redis_test

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/internal/testkit/redis"
	"github.com/gatehousehq/gatehouse/limit"
	store "github.com/gatehousehq/gatehouse/store/redis"
)

// A replica is what a gate has: the shared limiter, and its own memory for when
// that is down.
type replica struct {
	*limit.Fallback
	downs, ups atomic.Int64
}

func newReplica(t *testing.T, s *redis.Server) *replica {
	t.Helper()
	m, err := limit.NewMemory(limit.MemoryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r := &replica{}
	r.Fallback, err = limit.NewFallback(limit.FallbackOptions{
		Primary: open(t, store.Options{URL: s.URL()}), Secondary: m,
		Timeout: timeout, Retry: 200 * time.Millisecond, MaxRetry: 400 * time.Millisecond,
		Down: func(error) { r.downs.Add(1) }, Up: func(time.Duration) { r.ups.Add(1) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// timeout is long for a loopback, as the machine may be busy with other tests.
const timeout = 200 * time.Millisecond

// load asks for one key of its own and one that all share, until it is stopped.
type load struct {
	asked, passed, failed atomic.Int64
	longest               atomic.Int64
	stop                  chan struct{}
	callers               sync.WaitGroup
}

// shared is used up at once, and gives one unit in four minutes: what passes of it
// beyond a burst was forgotten.
func shared() limit.Rate { return limit.Rate{Count: 360, Per: 24 * time.Hour, Burst: 50} }

func startLoad(t *testing.T, replicas ...*replica) *load {
	l := &load{stop: make(chan struct{})}
	for n := range 8 {
		l.callers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-l.stop:
					return
				case <-time.After(time.Millisecond):
				}
				l.one(t, replicas[n%len(replicas)], fmt.Sprintf("%d/%d", n, i))
			}
		})
	}
	return l
}

func (l *load) one(t *testing.T, r *replica, own string) {
	takes := []limit.Take{{Key: "shared", Rate: shared()}, {Key: own, Rate: limit.Rate{Count: 10, Per: time.Minute}}}
	start := time.Now()
	err := r.Take(t.Context(), takes)
	waited := int64(time.Since(start))
	l.asked.Add(1)
	switch {
	case err != nil:
		l.failed.Add(1)
		t.Error(err)
	case limit.Allowed(takes):
		l.passed.Add(1)
	}
	for seen := l.longest.Load(); waited > seen && !l.longest.CompareAndSwap(seen, waited); seen = l.longest.Load() {
	}
}

func (l *load) end() {
	close(l.stop)
	l.callers.Wait()
}

// until waits for what the load causes.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 15 s: %s", what)
		}
	}
}

// The stated outcome of a Redis that is killed under load and comes back empty: no
// call fails or waits beyond the timeout; each replica says once that it is down
// and once that it is back; and of a key at its limit there pass the burst, once
// more for each replica while it counts alone, and once more for the server that
// forgot.
func TestFallback_ServerKilledAndRestartedUnderLoad_LimitsGoOn(t *testing.T) {
	s := redis.Start(t)
	one, other := newReplica(t, s), newReplica(t, s)
	goroutines := runtime.NumGoroutine()
	l := startLoad(t, one, other)
	until(t, "the shared burst is used", func() bool { return l.passed.Load() >= 50 && l.asked.Load() > 300 })
	if passed := l.passed.Load(); passed != 50 {
		t.Errorf("%d passed by two replicas before anything happened, want 50", passed)
	}
	s.Kill()
	until(t, "both replicas say that it is down", func() bool { return one.downs.Load() == 1 && other.downs.Load() == 1 })
	at := l.asked.Load()
	until(t, "both count alone", func() bool { return l.asked.Load() > at+500 })
	if passed := l.passed.Load(); passed != 150 {
		t.Errorf("%d passed once both count alone, want the shared burst and one for each: 150", passed)
	}
	s.Restart()
	until(t, "both replicas say that it is back", func() bool { return one.ups.Load() == 1 && other.ups.Load() == 1 })
	at = l.asked.Load()
	until(t, "they share again", func() bool { return l.asked.Load() > at+500 })
	l.end()
	if passed := l.passed.Load(); passed != 200 {
		t.Errorf("%d passed in the end, want a burst more for the server that forgot: 200", passed)
	}
	if one.downs.Load() != 1 || other.downs.Load() != 1 || l.failed.Load() != 0 {
		t.Errorf("down was said %d and %d times; %d calls failed", one.downs.Load(), other.downs.Load(), l.failed.Load())
	}
	if longest := time.Duration(l.longest.Load()); longest > timeout+500*time.Millisecond {
		t.Errorf("a call took %v, with a timeout of %v", longest, timeout)
	}
	// Connections to it have no goroutines that stay; goleak looks again at the end.
	until(t, "no more goroutines than before", func() bool { return runtime.NumGoroutine() <= goroutines })
	t.Logf("%d calls, the longest took %v", l.asked.Load(), time.Duration(l.longest.Load()))
}

// A server that hangs is worse than one that is gone: nothing is refused, every
// call waits. It costs the timeout to those in flight, then to one call a try.
func TestFallback_ServerHangsUnderLoad_CallsWaitNoLongerThanTheTimeout(t *testing.T) {
	s := redis.Start(t)
	r := newReplica(t, s)
	l := startLoad(t, r)
	until(t, "the shared burst is used", func() bool { return l.passed.Load() >= 50 })
	s.Pause()
	until(t, "it is said to be down", func() bool { return r.downs.Load() == 1 })
	at, start := l.asked.Load(), time.Now()
	until(t, "calls go on", func() bool { return l.asked.Load() > at+500 })
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("500 calls took %v while it hung", took)
	}
	s.Resume()
	until(t, "it is said to be back", func() bool { return r.ups.Load() == 1 })
	l.end()
	if l.failed.Load() != 0 || r.downs.Load() != 1 {
		t.Errorf("%d calls failed, down was said %d times", l.failed.Load(), r.downs.Load())
	}
	if longest := time.Duration(l.longest.Load()); longest > timeout+500*time.Millisecond {
		t.Errorf("a call took %v, with a timeout of %v", longest, timeout)
	}
	// It did not forget: a burst by the server, and one by the replica alone.
	if passed := l.passed.Load(); passed != 100 {
		t.Errorf("%d passed, want 100", passed)
	}
}
