package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gatehousehq/gatehouse/benchmarks/measure"
	"github.com/gatehousehq/gatehouse/identity/source"
	"github.com/gatehousehq/gatehouse/identity/source/jwt"
	"github.com/gatehousehq/gatehouse/limit"
	"github.com/gatehousehq/gatehouse/store/redis"
)

// A cost is one thing that is measured in process.
type cost struct {
	name string
	// goal and allocations are asked; zero where nothing is.
	goal        time.Duration
	allocations float64
	do          func() bool

	took   []float64 // nanoseconds, by round
	allocs float64
}

// request is a browser's, with the head that one has.
func request(headers ...string) *http.Request {
	r := httptest.NewRequest("GET", "/orders/1001", nil)
	r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	r.Header.Set("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

func cookies() *http.Request {
	return request("Cookie", "theme=dark; sid="+sessionCookie+"; _ga=GA1.2.1234567890.1234567890; lang=en")
}

func (w *world) bearer(algorithm string) *http.Request {
	return request("Authorization", "Bearer "+w.tokens[algorithm])
}

func (w *world) inProcess(rounds int) ([]*cost, error) {
	// A benchmark asks more often than any limit allows: its clock is faster.
	var ticks atomic.Int64
	local, err := limit.NewMemory(limit.MemoryOptions{Now: func() time.Time { return time.UnixMilli(1e12 + ticks.Add(1)) }})
	if err != nil {
		return nil, err
	}
	g, err := w.gate(local, nil)
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	known := func(s source.Source, r *http.Request) func() bool {
		return func() bool { return s.Find(ctx, r).Outcome == source.Known }
	}
	passes := func(r *http.Request) func() bool { return func() bool { return g.pass(ctx, r) } }
	const goal, allocations = 8 * time.Microsecond, 3
	all := []*cost{
		{name: "principal by the backend's cookie", do: known(w.sessions, cookies())},
		{name: "principal by a token that was seen before", do: known(w.foreign, w.bearer("ES256"))},
		{name: "cookie, access and limits together", goal: goal, allocations: allocations, do: passes(cookies())},
		{name: "token (ES256) seen before, access and limits together", goal: goal, allocations: allocations, do: passes(w.bearer("ES256"))},
		{name: "token (RS256) seen before, access and limits together", goal: goal, allocations: allocations, do: passes(w.bearer("RS256"))},
	}
	for _, algorithm := range []string{"ES256", "RS256"} {
		fresh, err := w.firstSeen(algorithm)
		if err != nil {
			return nil, err
		}
		all = append(all,
			&cost{name: "a token's first request (" + algorithm + "), the principal alone", do: fresh},
			&cost{name: "hand-written go-oidc middleware (" + algorithm + "), each request", do: w.middleware(algorithm)})
	}
	return all, measureAll(all, rounds)
}

// firstSeen verifies one of many tokens, each for the first time: of more than the
// source remembers, in turn.
func (w *world) firstSeen(algorithm string) (func() bool, error) {
	key := any(w.ec)
	if algorithm == "RS256" {
		key = w.rsa
	}
	requests := make([]*http.Request, 64)
	for i := range requests {
		token, err := w.sign(algorithm, key, fmt.Sprint("person", i))
		if err != nil {
			return nil, err
		}
		requests[i] = request("Authorization", "Bearer "+token)
	}
	small, err := jwt.New(jwt.Options{MaxCached: 1, Issuers: w.trusted})
	if err != nil {
		return nil, err
	}
	w.more = append(w.more, small)
	n := 0
	return func() bool {
		n++
		return small.Find(context.Background(), requests[n%len(requests)]).Outcome == source.Known
	}, nil
}

// middleware is what one writes with go-oidc: the token out of the header, its
// signature, issuer, audience and time, then a role out of the claims.
func (w *world) middleware(algorithm string) func() bool {
	r := w.bearer(algorithm)
	h := func(r *http.Request) error {
		raw, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok {
			return errors.New("no token")
		}
		token, err := w.verifier.Verify(r.Context(), raw)
		if err != nil {
			return err
		}
		var claims struct {
			Roles []string `json:"roles"`
		}
		if err := token.Claims(&claims); err != nil {
			return err
		}
		if len(claims.Roles) == 0 || token.Subject == "" {
			return errors.New("no role")
		}
		return nil
	}
	return func() bool { return h(r) == nil }
}

// measureAll takes each in turn, for some rounds.
func measureAll(all []*cost, rounds int) error {
	for _, c := range all {
		if !c.do() {
			return fmt.Errorf("%s: it is refused", c.name)
		}
	}
	for range rounds {
		for _, c := range all {
			took, allocs, err := measure.PerCall(c.do)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			c.took, c.allocs = append(c.took, took), allocs
		}
	}
	return nil
}

// withRedis measures the same with a Redis that several gates share, and how often
// a request asks it.
func (w *world) withRedis(dir string, rounds int) (*shared, error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, nil // said in the results
	}
	addr, err := measure.FreeAddress()
	if err != nil {
		return nil, err
	}
	_, port, _ := strings.Cut(addr, ":")
	server, err := measure.Launch(context.Background(), addr, program, "--port", port, "--bind", "127.0.0.1", "--dir", dir, "--save", "", "--appendonly", "no")
	if err != nil {
		return nil, fmt.Errorf("redis: %w", err)
	}
	defer server.Stop()
	limiter, err := redis.New(redis.Options{URL: "redis://" + addr, Secret: make([]byte, 32)})
	if err != nil {
		return nil, err
	}
	defer limiter.Close()
	local, err := limit.NewMemory(limit.MemoryOptions{})
	if err != nil {
		return nil, err
	}
	counted := &counting{Limiter: limiter}
	g, err := w.gate(counted, local)
	if err != nil {
		return nil, err
	}
	r, requests := cookies(), 0
	c := &cost{name: "cookie, access and limits together, with Redis", do: func() bool { requests++; return g.pass(context.Background(), r) }}
	s := &shared{cost: c, version: measure.FirstLine(program, "--version")}
	err = measureAll([]*cost{c}, rounds)
	s.trips = float64(counted.calls) / float64(requests)
	return s, err
}

type shared struct {
	*cost
	version string
	// trips are round trips a request.
	trips float64
}

// counting counts the calls of one goroutine.
type counting struct {
	limit.Limiter
	calls int
}

func (c *counting) Take(ctx context.Context, takes []limit.Take) error {
	c.calls++
	return c.Limiter.Take(ctx, takes)
}

// tracked is what so many addresses take, and what as many more do to it.
type tracked struct {
	keys, held    int
	bytes, double int64
}

func memoryOf(keys int) (m tracked, err error) {
	m.keys = keys
	l, err := limit.NewMemory(limit.MemoryOptions{MaxKeys: keys})
	if err != nil {
		return m, err
	}
	before := heap()
	rate := limit.Rate{Count: 600, Per: time.Minute}
	count := func(from, to int) error {
		for i := from; i < to; i++ {
			takes := []limit.Take{{Key: fmt.Sprintf("2001:db8:%x:%x::/64", i>>16, i&0xffff), Rate: rate, Cost: 30}}
			if err := l.Take(context.Background(), takes); err != nil {
				return err
			}
		}
		return nil
	}
	if err = count(0, keys); err != nil {
		return m, err
	}
	m.bytes = heap() - before
	err = count(keys, 2*keys)
	m.double, m.held = heap()-before, l.Keys()
	return m, err
}

func heap() int64 {
	runtime.GC()
	runtime.GC() // what finalizers let go
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}
