package limit_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehousehq/gatehouse/limit"
)

// A shared limiter that can be made to fail, or to hang until it is given up on.
type shared struct {
	limit.Limiter
	calls atomic.Int64
	state atomic.Int32
}

const (
	answers = iota
	fails
	hangs
)

var errDown = errors.New("connection refused")

func (s *shared) Take(ctx context.Context, takes []limit.Take) error {
	s.calls.Add(1)
	switch s.state.Load() {
	case fails:
		return errDown
	case hangs:
		<-ctx.Done()
		return ctx.Err()
	}
	return s.Limiter.Take(ctx, takes)
}

// said is what the callbacks were told.
type said struct {
	mu    sync.Mutex
	downs []error
	ups   []time.Duration
}

func (s *said) down(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.downs = append(s.downs, err)
}

func (s *said) up(after time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ups = append(s.ups, after)
}

func newFallback(t *testing.T) (*limit.Fallback, *shared, *said) {
	t.Helper()
	memory := func() limit.Limiter {
		m, err := limit.NewMemory(limit.MemoryOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	primary, told := &shared{Limiter: memory()}, &said{}
	f, err := limit.NewFallback(limit.FallbackOptions{Primary: primary, Secondary: memory(), Down: told.down, Up: told.up})
	if err != nil {
		t.Fatal(err)
	}
	return f, primary, told
}

func ask(t *testing.T, f *limit.Fallback, key string) bool {
	t.Helper()
	takes := []limit.Take{{Key: key, Rate: limit.Rate{Count: 2, Per: time.Hour}}}
	if err := f.Take(t.Context(), takes); err != nil {
		t.Error(err)
	}
	return limit.Allowed(takes)
}

func TestNewFallback_BadOptions_AreRefused(t *testing.T) {
	m, err := limit.NewMemory(limit.MemoryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []limit.FallbackOptions{
		{Primary: m}, {Secondary: m},
		{Primary: m, Secondary: m, Timeout: -1},
		{Primary: m, Secondary: m, Timeout: time.Minute, Retry: time.Hour, MaxRetry: time.Hour},
		{Primary: m, Secondary: m, Timeout: 2 * time.Second},
		{Primary: m, Secondary: m, Retry: time.Minute},
	} {
		if _, err := limit.NewFallback(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

func TestFallback_PrimaryDown_SecondaryCountsAndItIsSaidOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, primary, told := newFallback(t)
		if !ask(t, f, "k") {
			t.Error("the first was refused")
		}
		primary.state.Store(fails)
		passed := 0
		for range 100 {
			if ask(t, f, "k") {
				passed++
			}
		}
		if passed != 2 || primary.calls.Load() != 2 {
			t.Errorf("%d passed and primary was asked %d times, want one burst of 2, and 2", passed, primary.calls.Load())
		}
		if len(told.downs) != 1 || !errors.Is(told.downs[0], errDown) || len(told.ups) != 0 {
			t.Errorf("said %v, %v", told.downs, told.ups)
		}
		if since, down := f.Down(); !down || since.IsZero() {
			t.Errorf("down is %v since %v", down, since)
		}
	})
}

func TestFallback_PrimaryBack_IsAskedAgainAndSaidOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, primary, told := newFallback(t)
		primary.state.Store(fails)
		ask(t, f, "k")
		primary.state.Store(answers)
		time.Sleep(time.Second - time.Millisecond)
		ask(t, f, "k")
		if calls := primary.calls.Load(); calls != 1 {
			t.Errorf("primary was asked %d times before its time", calls)
		}
		time.Sleep(time.Millisecond)
		for range 10 {
			ask(t, f, "k")
		}
		if calls := primary.calls.Load(); calls != 11 || len(told.ups) != 1 || told.ups[0] != time.Second || len(told.downs) != 1 {
			t.Errorf("%d calls, said %v, %v", calls, told.downs, told.ups)
		}
		if _, down := f.Down(); down {
			t.Error("it is still down")
		}
		primary.state.Store(fails)
		ask(t, f, "k")
		if len(told.downs) != 2 {
			t.Errorf("the second time was not said: %v", told.downs)
		}
	})
}

func TestFallback_PrimaryStaysDown_IsTriedLessAndLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, primary, told := newFallback(t)
		primary.state.Store(fails)
		start, tried := time.Now(), []time.Duration{}
		for range 2000 { // 200 seconds
			before := primary.calls.Load()
			ask(t, f, "k")
			if primary.calls.Load() > before {
				tried = append(tried, time.Since(start))
			}
			time.Sleep(100 * time.Millisecond)
		}
		want := []time.Duration{0, 1, 3, 7, 15, 31, 61, 91, 121, 151, 181}
		if len(tried) != len(want) {
			t.Fatalf("tried at %v", tried)
		}
		for i := range want {
			if tried[i] != want[i]*time.Second {
				t.Errorf("try %d at %v, want %v", i, tried[i], want[i]*time.Second)
			}
		}
		if len(told.downs) != 1 {
			t.Errorf("said %d times", len(told.downs))
		}
	})
}

// A primary that hangs costs no call more than the timeout, and while it is down
// only the call that tries it.
func TestFallback_PrimaryHangs_NobodyWaitsLongerThanTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, primary, told := newFallback(t)
		primary.state.Store(hangs)
		call := func() time.Duration {
			start := time.Now()
			ask(t, f, "k")
			return time.Since(start)
		}
		var longest atomic.Int64
		var callers sync.WaitGroup
		for range 50 {
			callers.Go(func() {
				for waited := int64(call()); ; {
					if seen := longest.Load(); waited <= seen || longest.CompareAndSwap(seen, waited) {
						return
					}
				}
			})
		}
		callers.Wait()
		if d := time.Duration(longest.Load()); d != 100*time.Millisecond {
			t.Errorf("the longest wait was %v, want 100ms", d)
		}
		waits := 0
		for range 100 { // ten seconds
			if call() > 0 {
				waits++
			}
			time.Sleep(100 * time.Millisecond)
		}
		if waits > 4 { // at 1 s, 3 s, 7 s and 15 s, less what the waits take
			t.Errorf("%d of 100 calls waited", waits)
		}
		if len(told.downs) != 1 {
			t.Errorf("50 calls that failed together said it %d times", len(told.downs))
		}
	})
}

// A call that hung since before the primary came back must not put it down again.
func TestFallback_LateFailureOfAnOldCall_SaysNothingAboutNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		primary, told := &gated{answers: make(chan error)}, &said{}
		secondary, err := limit.NewMemory(limit.MemoryOptions{})
		if err != nil {
			t.Fatal(err)
		}
		f, err := limit.NewFallback(limit.FallbackOptions{Primary: primary, Secondary: secondary, Timeout: 5 * time.Second, Retry: 5 * time.Second, Down: told.down, Up: told.up})
		if err != nil {
			t.Fatal(err)
		}
		var calls sync.WaitGroup
		calls.Go(func() { ask(t, f, "old") })
		calls.Go(func() { ask(t, f, "failing") })
		synctest.Wait()
		primary.answers <- errDown // one of the two
		synctest.Wait()
		if len(told.downs) != 1 {
			t.Fatalf("said %v", told.downs)
		}
		primary.answers <- errDown // the other, which began before
		calls.Wait()
		if _, down := f.Down(); !down || len(told.downs) != 1 {
			t.Errorf("down is %v, said %v", down, told.downs)
		}
	})
}

// gated answers what the test says, when it says it.
type gated struct{ answers chan error }

func (g *gated) Take(context.Context, []limit.Take) error { return <-g.answers }

func TestFallback_ClientThatHangsUp_IsCountedAndBlamesNobody(t *testing.T) {
	f, primary, told := newFallback(t)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	rate := limit.Rate{Count: 2, Per: time.Hour}
	for range 2 {
		takes := []limit.Take{{Key: "k", Rate: rate}}
		if err := f.Take(gone, takes); err != nil || !limit.Allowed(takes) {
			t.Fatalf("%v, %+v", err, takes)
		}
	}
	if ask(t, f, "k") {
		t.Error("who hung up was not counted")
	}
	if primary.calls.Load() != 3 || len(told.downs) != 0 {
		t.Errorf("%d calls, said %v", primary.calls.Load(), told.downs)
	}
}

func TestFallback_InvalidTake_IsTheCallersMistake(t *testing.T) {
	f, _, told := newFallback(t)
	if err := f.Take(t.Context(), []limit.Take{{Key: "k"}}); !errors.Is(err, limit.ErrInvalid) {
		t.Errorf("%v", err)
	}
	if len(told.downs) != 0 {
		t.Errorf("said %v", told.downs)
	}
}
