// Package limittest is the one suite for every limit.Limiter: what it answers is
// what a model of buckets says that is kept as simple as possible, in another form
// than the limiters keep theirs.
//
// It stops nothing, and trusts the clock that a limiter is handed: only tests
// import it.
package limittest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gatehousehq/gatehouse/limit"
)

// Open makes an empty limiter that reads the time from now.
type Open func(t *testing.T, now func() time.Time) limit.Limiter

// Run holds a limiter to the suite.
func Run(t *testing.T, open Open) {
	t.Run("answers as the model", func(t *testing.T) { followsModel(t, open) })
	t.Run("burst, then the rate's own pace", func(t *testing.T) { keepsPace(t, open) })
	t.Run("all keys or none", func(t *testing.T) { takesAllOrNone(t, open) })
	t.Run("a look takes nothing", func(t *testing.T) { looksOnly(t, open) })
	t.Run("a changed rate keeps nobody longer than its own burst", func(t *testing.T) { survivesNewRate(t, open) })
	t.Run("a clock set back keeps nobody longer than a burst", func(t *testing.T) { survivesClock(t, open) })
	t.Run("many at once get what one would", func(t *testing.T) { countsRaces(t, open) })
	t.Run("invalid takes are errors and take nothing", func(t *testing.T) { refusesInvalid(t, open) })
}

// A clock that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// model keeps a bucket of time for each key: full at first, filled by the clock,
// emptied by what is taken.
type model struct {
	left map[string]time.Duration
	seen map[string]time.Time
}

func (m *model) has(k limit.Take, now time.Time) time.Duration {
	left, known := m.left[k.Key]
	if !known {
		return k.Rate.Capacity()
	}
	return min(left+now.Sub(m.seen[k.Key]), k.Rate.Capacity())
}

func (m *model) take(takes []limit.Take, now time.Time) []limit.Result {
	results := make([]limit.Result, len(takes))
	all := true
	price := func(k limit.Take) time.Duration { return k.Rate.Interval() * time.Duration(max(k.Cost, 1)) }
	for i, k := range takes {
		results[i].Allowed = m.has(k, now) >= price(k)
		all = all && results[i].Allowed
	}
	for i, k := range takes {
		left := m.has(k, now)
		if !results[i].Allowed {
			results[i].RetryAfter = price(k) - left
		}
		if all && !k.Look {
			left -= price(k)
			m.left[k.Key], m.seen[k.Key] = left, now
		}
		results[i].Remaining = int(left / k.Rate.Interval())
		results[i].ResetAfter = k.Rate.Capacity() - left
	}
	return results
}

func rates() *rapid.Generator[limit.Rate] {
	return rapid.Custom(func(t *rapid.T) limit.Rate {
		return limit.Rate{
			Count: rapid.IntRange(1, 50).Draw(t, "count"),
			Per:   time.Duration(rapid.IntRange(1, 120).Draw(t, "seconds")) * time.Second,
			Burst: rapid.IntRange(0, 12).Draw(t, "burst"),
		}
	})
}

func followsModel(t *testing.T, open Open) {
	c := newClock()
	l := open(t, c.Now)
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		runs++
		m := model{map[string]time.Duration{}, map[string]time.Time{}}
		named := map[string]limit.Rate{}
		for i := range 4 {
			named[fmt.Sprintf("%d/%d", runs, i)] = rates().Draw(rt, "rate")
		}
		rt.Repeat(map[string]func(*rapid.T){
			"wait": func(rt *rapid.T) {
				c.advance(time.Duration(rapid.Int64Range(0, 5_000_000).Draw(rt, "microseconds")) * time.Microsecond)
			},
			"long wait": func(*rapid.T) { c.advance(time.Hour) },
			"take": func(rt *rapid.T) {
				var takes []limit.Take
				for i := range rapid.IntRange(1, 4).Draw(rt, "takes") {
					key := fmt.Sprintf("%d/%d", runs, i)
					takes = append(takes, limit.Take{
						Key: key, Rate: named[key], Look: rapid.IntRange(0, 5).Draw(rt, "look") == 0,
						Cost: rapid.IntRange(0, min(3, named[key].Size())).Draw(rt, "cost"),
					})
				}
				want := m.take(takes, c.Now())
				if err := l.Take(t.Context(), takes); err != nil {
					rt.Fatal(err)
				}
				for i := range takes {
					if takes[i].Result != want[i] {
						rt.Fatalf("%s at %s, cost %d of %d takes:\ngot  %+v\nwant %+v", takes[i].Key, takes[i].Rate, takes[i].Cost, len(takes), takes[i].Result, want[i])
					}
				}
			},
		})
	})
}

// take takes one unit of one key.
func take(t *testing.T, l limit.Limiter, key string, r limit.Rate) limit.Result {
	t.Helper()
	takes := []limit.Take{{Key: key, Rate: r}}
	if err := l.Take(t.Context(), takes); err != nil {
		t.Fatal(err)
	}
	return takes[0].Result
}

func keepsPace(t *testing.T, open Open) {
	c := newClock()
	l := open(t, c.Now)
	rate := limit.Rate{Count: 5, Per: time.Minute, Burst: 10}
	for i := range 10 {
		if r := take(t, l, "pace", rate); !r.Allowed || r.Remaining != 9-i || r.ResetAfter != time.Duration(i+1)*12*time.Second {
			t.Fatalf("unit %d of the burst: %+v", i+1, r)
		}
	}
	if r := take(t, l, "pace", rate); r.Allowed || r.RetryAfter != 12*time.Second || r.Remaining != 0 {
		t.Fatalf("beyond the burst: %+v", r)
	}
	passed := 0
	for range 600 { // ten minutes, asking each second
		c.advance(time.Second)
		if take(t, l, "pace", rate).Allowed {
			passed++
		}
	}
	if passed != 50 {
		t.Errorf("%d in ten minutes at 5/min, want 50", passed)
	}
	c.advance(time.Hour)
	if r := take(t, l, "pace", rate); r.Remaining != 9 {
		t.Errorf("after an hour of rest: %+v", r)
	}
}

func takesAllOrNone(t *testing.T, open Open) {
	c := newClock()
	l := open(t, c.Now)
	one, many := limit.Rate{Count: 1, Per: time.Minute}, limit.Rate{Count: 100, Per: time.Minute}
	takes := []limit.Take{{Key: "address", Rate: many}, {Key: "person", Rate: one}, {Key: "route", Rate: many, Cost: 10}}
	for i, want := range []bool{true, false, false} {
		if err := l.Take(t.Context(), takes); err != nil {
			t.Fatal(err)
		}
		if limit.Allowed(takes) != want || !takes[0].Result.Allowed || takes[1].Result.Allowed != want || takes[0].Result.Remaining != 99 || takes[2].Result.Remaining != 90 {
			t.Fatalf("call %d: %+v", i, takes)
		}
	}
}

func looksOnly(t *testing.T, open Open) {
	c := newClock()
	l := open(t, c.Now)
	rate := limit.Rate{Count: 2, Per: time.Minute}
	look := []limit.Take{{Key: "k", Rate: rate, Look: true}}
	for range 5 {
		if err := l.Take(t.Context(), look); err != nil || !limit.Allowed(look) || look[0].Result.Remaining != 2 {
			t.Fatalf("%v, %+v", err, look)
		}
	}
	take(t, l, "k", rate)
	take(t, l, "k", rate)
	if err := l.Take(t.Context(), look); err != nil || limit.Allowed(look) {
		t.Errorf("a used key looks free: %v, %+v", err, look)
	}
	both := []limit.Take{{Key: "k", Rate: rate, Look: true}, {Key: "other", Rate: rate}}
	if err := l.Take(t.Context(), both); err != nil || limit.Allowed(both) || both[1].Result.Remaining != 2 {
		t.Errorf("units were taken though the look refused: %v, %+v", err, both)
	}
}

func survivesNewRate(t *testing.T, open Open) {
	c := newClock()
	l := open(t, c.Now)
	for take(t, l, "k", limit.Rate{Count: 3, Per: 24 * time.Hour}).Allowed {
	}
	r := take(t, l, "k", limit.Rate{Count: 60, Per: time.Minute})
	if r.Allowed || r.RetryAfter != time.Second {
		t.Errorf("from 3/d to 60/min: %+v", r)
	}
	c.advance(time.Second)
	if r := take(t, l, "k", limit.Rate{Count: 60, Per: time.Minute}); !r.Allowed {
		t.Errorf("a second later: %+v", r)
	}
}

func survivesClock(t *testing.T, open Open) {
	c := newClock()
	l := open(t, c.Now)
	rate := limit.Rate{Count: 60, Per: time.Minute}
	for take(t, l, "k", rate).Allowed {
	}
	c.advance(-24 * time.Hour)
	if r := take(t, l, "k", rate); r.Allowed || r.RetryAfter != time.Second {
		t.Errorf("a day back: %+v", r)
	}
	c.advance(time.Second)
	if r := take(t, l, "k", rate); !r.Allowed {
		t.Errorf("and a second on: %+v", r)
	}
}

// countsRaces: twenty callers at once with two keys each, in both orders.
func countsRaces(t *testing.T, open Open) {
	c := newClock()
	l := open(t, c.Now)
	rate := limit.Rate{Count: 100, Per: time.Hour}
	var mu sync.Mutex
	passed := 0
	var callers sync.WaitGroup
	for n := range 20 {
		callers.Go(func() {
			for range 25 {
				takes := []limit.Take{{Key: "a", Rate: rate}, {Key: "b", Rate: rate}}
				if n%2 == 0 {
					takes[0], takes[1] = takes[1], takes[0]
				}
				if err := l.Take(t.Context(), takes); err != nil {
					t.Error(err)
					return
				}
				if limit.Allowed(takes) {
					mu.Lock()
					passed++
					mu.Unlock()
				}
			}
		})
	}
	callers.Wait()
	if passed != 100 {
		t.Errorf("%d of 500 passed, want 100", passed)
	}
}

func refusesInvalid(t *testing.T, open Open) {
	c := newClock()
	l := open(t, c.Now)
	rate := limit.Rate{Count: 2, Per: time.Minute}
	good := limit.Take{Key: "good", Rate: rate}
	for name, takes := range map[string][]limit.Take{
		"none":          {},
		"too many":      make([]limit.Take, limit.MaxTakes+1),
		"no key":        {good, {Rate: rate}},
		"long key":      {good, {Key: strings.Repeat("k", limit.MaxKey+1), Rate: rate}},
		"no rate":       {good, {Key: "k"}},
		"negative cost": {good, {Key: "k", Rate: rate, Cost: -1}},
		"cost over all": {good, {Key: "k", Rate: rate, Cost: 3}},
		"a key twice":   {good, good},
	} {
		if err := l.Take(t.Context(), takes); !errors.Is(err, limit.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
		if limit.Allowed(takes) {
			t.Errorf("%s: allowed", name)
		}
	}
	if r := take(t, l, "good", rate); r.Remaining != 1 {
		t.Errorf("a refused call took: %+v", r)
	}
	if r := take(t, l, strings.Repeat("k", limit.MaxKey), rate); !r.Allowed {
		t.Errorf("the longest key: %+v", r)
	}
}
