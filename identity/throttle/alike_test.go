package throttle_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehousehq/gatehouse/identity/throttle"
)

func newAlike(t *testing.T, waiting int) *throttle.Alike {
	t.Helper()
	a, err := throttle.NewAlike(throttle.AlikeOptions{MaxWaiting: waiting})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// answered is how long a failure takes that the backend answers after took.
func answered(t *testing.T, a *throttle.Alike, took time.Duration) time.Duration {
	t.Helper()
	sent := time.Now()
	time.Sleep(took)
	if err := a.Wait(t.Context(), "POST /login", sent); err != nil {
		t.Error(err)
	}
	return time.Since(sent)
}

// TestAlike_FastAndSlowFailures_LeaveAtTheSameTime whatever the backend takes for
// a name that it does not know, and for a password that it has to compare.
func TestAlike_FastAndSlowFailures_LeaveAtTheSameTime(t *testing.T) {
	for _, c := range []struct{ unknown, known time.Duration }{
		{5 * time.Millisecond, 120 * time.Millisecond}, {5 * time.Millisecond, 600 * time.Millisecond}, {30 * time.Millisecond, 31 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			a := newAlike(t, 0)
			draw := rand.New(rand.NewPCG(1, 2))
			jitter := func(d time.Duration) time.Duration { return d + time.Duration(draw.Int64N(int64(d/20))) }
			for range 3 { // it is learned from the first three
				answered(t, a, jitter(c.known))
			}
			var known, unknown []time.Duration
			for range 200 {
				known = append(known, answered(t, a, jitter(c.known)))
				unknown = append(unknown, answered(t, a, jitter(c.unknown)))
			}
			for range 5000 { // nobody has it forgotten by failing often
				answered(t, a, jitter(c.unknown))
			}
			known = append(known, answered(t, a, c.known))
			unknown = append(unknown, answered(t, a, c.unknown))
			least, most := min(slices.Min(known), slices.Min(unknown)), max(slices.Max(known), slices.Max(unknown))
			if shift := abs(mean(known) - mean(unknown)); shift > time.Millisecond {
				t.Errorf("%v: known ones leave after %v, unknown ones after %v", c, mean(known), mean(unknown))
			}
			if least < 250*time.Millisecond || most > time.Second {
				t.Errorf("%v: they leave after %v to %v", c, least, most)
			}
			time.Sleep(25 * time.Hour)
			if got := answered(t, a, c.unknown); got != 250*time.Millisecond {
				t.Errorf("%v: a day after, one leaves after %v", c, got)
			}
		})
	}
}

func mean(all []time.Duration) (sum time.Duration) {
	for _, d := range all {
		sum += d
	}
	return sum / time.Duration(len(all))
}

func abs(d time.Duration) time.Duration { return max(d, -d) }

func TestAlike_ABackendThatStumbles_SlowsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAlike(t, 0)
		if got := answered(t, a, 30*time.Second); got != 30*time.Second {
			t.Errorf("what took longer than the longest leaves after %v", got)
		}
		if got := answered(t, a, time.Millisecond); got != 250*time.Millisecond {
			t.Errorf("after a stumble one leaves after %v", got)
		}
		// What is slower than most leaves at a multiple, which says little of how slow.
		if got := answered(t, a, 260*time.Millisecond); got != 500*time.Millisecond {
			t.Errorf("a slower one leaves after %v", got)
		}
	})
}

func TestAlike_MoreThanMayWait_AreRefusedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAlike(t, 10)
		var all sync.WaitGroup
		var mu sync.Mutex
		refused := 0
		for i := range 30 {
			all.Go(func() {
				sent := time.Now()
				if err := a.Wait(t.Context(), fmt.Sprint("POST /login", i), sent); errors.Is(err, throttle.ErrCrowded) {
					mu.Lock()
					defer mu.Unlock()
					if refused++; time.Since(sent) != 0 {
						t.Errorf("refused after %v", time.Since(sent))
					}
				}
			})
		}
		all.Wait()
		if refused != 20 {
			t.Errorf("%d were refused, want 20", refused)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if err := a.Wait(gone, "POST /login", time.Now()); !errors.Is(err, context.Canceled) {
			t.Errorf("who has gone: %v", err)
		}
	})
}

func TestAlike_Cookies_ThatTellAreNotSet(t *testing.T) {
	a := newAlike(t, 0)
	for i := range 50 {
		may := a.Cookies("POST /login", []string{"sid", "csrf"}, []string{"sid", "csrf", "attempts"})
		if !may["sid"] || !may["csrf"] || may["attempts"] {
			t.Fatalf("failure %d may set %v", i, may)
		}
	}
	// A mark that is set again where it was brought, and only at accounts that exist.
	a.Cookies("POST /login", []string{"mark"}, nil)
	for i := range 50 {
		a.Cookies("POST /login", []string{"mark"}, nil)
		if may := a.Cookies("POST /login", []string{"mark"}, []string{"mark"}); i > 0 && may["mark"] {
			t.Fatalf("failure %d may set %v", i, may)
		}
	}
	if may := a.Cookies("POST /login", nil, []string{"sid"}); len(may) > 0 {
		t.Errorf("a cookie that was not brought may be set: %v", may)
	}
}
