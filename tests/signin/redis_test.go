package signin

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/internal/testkit/redis"
)

// cacheTimeout is how long a gate waits for its Redis, limit.Fallback's default;
// slack is what a machine that is busy with other tests adds.
const (
	cacheTimeout = 100 * time.Millisecond
	slack        = time.Second
)

// A load asks a gate for pages, as fast as it answers or with a pause between.
type load struct {
	pause            time.Duration
	answered, failed atomic.Int64
	longest          atomic.Int64 // since it was last swapped
}

func (l *load) run(t *testing.T, s *site, c *http.Client, stop <-chan struct{}, from int) {
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		case <-time.After(l.pause):
		}
		r, err := http.NewRequest("GET", fmt.Sprintf("%s/page/%d", s.origin, n), nil)
		if err != nil {
			t.Error(err)
			return
		}
		r.Header.Set("X-Forwarded-For", fmt.Sprintf("198.51.100.%d", from))
		began := time.Now()
		res, err := c.Do(r)
		if err != nil {
			l.failed.Add(1)
			t.Errorf("a request failed after %s: %v", time.Since(began), err)
			continue
		}
		if res.StatusCode != http.StatusOK {
			l.failed.Add(1)
			t.Errorf("a request was answered %s after %s", res.Status, time.Since(began))
		}
		_ = res.Body.Close() // it is empty
		l.answered.Add(1)
		for took := int64(time.Since(began)); ; {
			if was := l.longest.Load(); took <= was || l.longest.CompareAndSwap(was, took) {
				break
			}
		}
	}
}

// TestRedis_DiesAndComesBackUnderLoad_NoRequestFails has the Redis that counts for
// several gates killed, started again empty, stopped in mid-breath and let go on:
// requests wait for no longer than its timeout, limits go on, and the gate says
// what happened.
func TestRedis_DiesAndComesBackUnderLoad_NoRequestFails(t *testing.T) {
	server := redis.Start(t)
	backend := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(backend.Close)
	s := startSite(t, backend.URL, "store: {cache: \""+server.URL()+"\"}\nnetwork: {trusted_proxies: [127.0.0.1]}\n"+
		"application: {ratelimit: {default: 100000/min, routes: [{path: /export, rate: 3/h}]}}\n")
	c := &http.Client{Transport: s.transport(), Timeout: patience}
	l := load{pause: 5 * time.Millisecond} // some hundred requests a second, and cores for other tests
	if longRun() {
		l.pause = 0
	}
	var workers sync.WaitGroup
	stop := make(chan struct{})
	for i := range 8 {
		workers.Go(func() { l.run(t, s, c, stop, i+1) })
	}
	phase, busy := 700*time.Millisecond, slack
	if longRun() {
		phase = 5 * time.Second
	}
	for i, what := range []struct {
		name string
		do   func()
	}{
		{"with it", func() {}}, {"killed", server.Kill}, {"started again", server.Restart},
		{"stopped in mid-breath", server.Pause}, {"let go on", server.Resume},
	} {
		what.do()
		l.longest.Store(0)
		before := l.answered.Load()
		time.Sleep(phase)
		limited(t, s, c, what.name, i)
		longest := time.Duration(l.longest.Load())
		t.Logf("%s: %d requests, the longest %s", what.name, l.answered.Load()-before, longest.Round(time.Millisecond))
		if i == 0 { // without a fault: what the machine adds by itself
			busy = max(slack, 3*longest)
		}
		if longest > cacheTimeout+busy {
			t.Errorf("%s: a request took %s, and the timeout is %s", what.name, longest, cacheTimeout)
		}
	}
	close(stop)
	workers.Wait()
	if l.failed.Load() > 0 {
		t.Errorf("%d of %d requests failed", l.failed.Load(), l.answered.Load())
	}
	said := s.logs.String()
	down, up := strings.Count(said, "store.cache does not answer"), strings.Count(said, "store.cache answers again")
	if down < 1 || down > 4 || up < 1 || up > down {
		t.Errorf("the gate said %d times that it is down, and %d times that it is back:\n%.2000s", down, up, said)
	}
}

// limited tries a route that may be asked three times.
func limited(t *testing.T, s *site, c *http.Client, when string, who int) {
	t.Helper()
	passed := 0
	for range 6 {
		r, err := http.NewRequest("GET", s.origin+"/export", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Forwarded-For", fmt.Sprintf("203.0.113.%d", who+1))
		if a := readAll(t, c, r); a.StatusCode == http.StatusOK {
			passed++
		} else if a.StatusCode != http.StatusTooManyRequests {
			t.Errorf("%s: %s", when, a.Status)
		}
	}
	// Where it went or came back in between, each counted some.
	if passed < 3 || passed > 5 {
		t.Errorf("%s: %d of 6 passed where 3 may", when, passed)
	}
}
