package ratelimit_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/ratelimit"
	"github.com/gatehousehq/gatehouse/limit"
)

// A bench is limits with a clock that the test moves.
type bench struct {
	*ratelimit.Limits
	t   testing.TB
	now time.Time
}

func (b *bench) memory() *limit.Memory {
	b.t.Helper()
	m, err := limit.NewMemory(limit.MemoryOptions{Now: func() time.Time { return b.now }})
	if err != nil {
		b.t.Fatal(err)
	}
	return m
}

func newLimits(t testing.TB, o ratelimit.Options) *bench {
	t.Helper()
	b := &bench{t: t, now: time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)}
	if o.Limiter == nil {
		o.Limiter = b.memory()
	}
	o.Now = func() time.Time { return b.now }
	l, err := ratelimit.New(o)
	if err != nil {
		t.Fatal(err)
	}
	b.Limits = l
	return b
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func get(path, from string) ratelimit.Request {
	return ratelimit.Request{Method: "GET", Path: path, Addr: addr(from)}
}

func person(id string) gatehouse.Principal { return gatehouse.Principal{ID: id, Issuer: "backend"} }

// ask climbs both rungs, and gives the first decision that denies.
func (b *bench) ask(q ratelimit.Request) (gatehouse.Decision, ratelimit.Standing) {
	who := q.Principal
	q.Principal = gatehouse.Principal{}
	found := q.SignIn
	q.SignIn = false
	d, s := b.CheckAddress(b.t.Context(), q)
	if d.Verdict != gatehouse.Pass {
		return d, s
	}
	q.Principal, q.SignIn = who, found
	return b.CheckPrincipal(b.t.Context(), q, s)
}

// passes counts how many of n requests pass.
func (b *bench) passes(n int, q ratelimit.Request) int {
	passed := 0
	for range n {
		if d, _ := b.ask(q); d.Verdict == gatehouse.Pass {
			passed++
		}
	}
	return passed
}

func fields(s ratelimit.Standing) (now, policy string) {
	h := http.Header{}
	s.Fields(h)
	return h.Get("RateLimit"), h.Get("RateLimit-Policy")
}

func rate(s string) limit.Rate {
	r, err := limit.ParseRate(s)
	if err != nil {
		panic(err)
	}
	return r
}

func TestNew_BadOptions_AreRefusedByName(t *testing.T) {
	b := &bench{t: t}
	m := b.memory()
	route := func(r ratelimit.Route) ratelimit.Options {
		return ratelimit.Options{Limiter: m, Routes: []ratelimit.Route{r}}
	}
	for want, o := range map[string]ratelimit.Options{
		"Options.Limiter":                {},
		"Options.Default":                {Limiter: m, Default: limit.Rate{Count: 5}},
		"Options.Address":                {Limiter: m, Address: limit.Rate{Count: -1, Per: time.Second}},
		"Options.SignIn":                 {Limiter: m, SignIn: limit.Rate{Per: time.Minute}},
		"begins with a slash":            route(ratelimit.Route{Pattern: "export", Cost: 2}),
		"differs in nothing":             route(ratelimit.Route{Pattern: "/export"}),
		"a cost of 601":                  route(ratelimit.Route{Pattern: "/export", Cost: 601}),
		"a cost of -1":                   route(ratelimit.Route{Pattern: "/export", Cost: -1}),
		`"get" is no method`:             route(ratelimit.Route{Pattern: "/export", Cost: 2, Methods: []string{"get"}}),
		"Options.Routes[0] (/export): a": route(ratelimit.Route{Pattern: "/export", Rate: limit.Rate{Count: 1}}),
	} {
		if _, err := ratelimit.New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want one with %q", err, want)
		}
	}
}

func TestAddress_AsksTooOften_IsRefusedUntilItRunsOut(t *testing.T) {
	b := newLimits(t, ratelimit.Options{})
	q := get("/search", "203.0.113.7")
	if n := b.passes(700, q); n != 600 {
		t.Errorf("%d of 700 at once passed, want 600", n)
	}
	d, s := b.ask(q)
	if d.Rule != ratelimit.RuleAddress || d.HTTPStatus() != http.StatusTooManyRequests || s.RetryAfter() != 1 || strings.Contains(d.Evidence, "203") {
		t.Errorf("%+v, retry after %d", d, s.RetryAfter())
	}
	if n := b.passes(10, get("/search", "203.0.113.8")); n != 10 {
		t.Error("another address pays for it")
	}
	b.now = b.now.Add(time.Second)
	if n := b.passes(20, q); n != 10 {
		t.Errorf("%d passed a second later, want 10", n)
	}
}

func TestAddress_IPv6_CountsBy64(t *testing.T) {
	b := newLimits(t, ratelimit.Options{Default: rate("10/min")})
	passed := 0
	for i := range 100 {
		passed += b.passes(1, get("/", fmt.Sprintf("2001:db8:1:2:%x::%x", i, i*7)))
	}
	if passed != 10 {
		t.Errorf("%d of 100 addresses of one /64 passed, want 10", passed)
	}
	if n := b.passes(1, get("/", "2001:db8:1:2::1%eth0")); n != 0 {
		t.Error("a zone is another client")
	}
	if n := b.passes(1, get("/", "2001:db8:1:3::1")); n != 1 {
		t.Error("the next /64 pays for it")
	}
	if n := b.passes(6, get("/", "198.51.100.1")) + b.passes(6, get("/", "::ffff:198.51.100.1")); n != 10 {
		t.Errorf("an IPv4 address in two forms passed %d times, want 10", n)
	}
	if n := b.passes(20, ratelimit.Request{Method: "GET", Path: "/"}); n != 10 {
		t.Errorf("no address at all passed %d times, want 10", n)
	}
}

// Behind an undeclared proxy and on loopback stands everybody: no limit by address,
// but each person's own.
func TestAddress_OfEverybody_IsNotLimited(t *testing.T) {
	b := newLimits(t, ratelimit.Options{Default: rate("10/min"), SignIn: rate("1/min"), Routes: []ratelimit.Route{{Pattern: "/login", SignIn: true}}})
	for _, q := range []ratelimit.Request{
		{Method: "GET", Path: "/", Addr: addr("10.0.0.1"), Crowd: true},
		{Method: "POST", Path: "/login", Addr: addr("10.0.0.1"), Crowd: true},
		get("/", "127.0.0.1"), get("/", "::1"), get("/", "::ffff:127.0.0.1"),
	} {
		if n := b.passes(100, q); n != 100 {
			t.Errorf("%+v: %d of 100 passed", q, n)
		}
		q.Principal = person("ann" + q.Addr.String() + q.Path)
		if n := b.passes(100, q); n != 10 {
			t.Errorf("%+v: %d of 100 passed, want the person's 10", q, n)
		}
	}
	strict := newLimits(t, ratelimit.Options{Default: rate("10/min"), Loopback: true})
	if n := strict.passes(100, get("/", "127.0.0.1")); n != 10 {
		t.Errorf("with Loopback, %d of 100 passed, want 10", n)
	}
}

func TestPrincipal_ManyAddresses_CountAsOnePerson(t *testing.T) {
	b := newLimits(t, ratelimit.Options{Default: rate("100/min")})
	passed := 0
	for i := range 50 {
		q := get("/orders", fmt.Sprintf("203.0.113.%d", i))
		q.Principal = person("ann")
		passed += b.passes(10, q)
	}
	if passed != 100 {
		t.Errorf("one person from 50 addresses passed %d times, want 100", passed)
	}
	q := get("/orders", "203.0.113.99")
	q.Principal = person("ann")
	if d, _ := b.ask(q); d.Rule != ratelimit.RulePrincipal || strings.Contains(d.Evidence, "ann") {
		t.Errorf("%+v", d)
	}
	q.Principal = person("bob")
	if n := b.passes(1, q); n != 1 {
		t.Error("another person pays for it")
	}
}

// Names are chosen by those who sign up: no two people may share a key.
func TestPrincipal_NamesThatLookAlike_AreDifferentPeople(t *testing.T) {
	b := newLimits(t, ratelimit.Options{Principal: rate("1/h")})
	long := strings.Repeat("x", 1<<20)
	for i, p := range []gatehouse.Principal{
		{ID: "ab", Issuer: "c"}, {ID: "b", Issuer: "ca"}, {ID: "b", Issuer: "c", Tenant: "a"}, {ID: "b", Issuer: "c\x00a"}, {ID: "\x01ab", Issuer: "c"},
		{ID: "b", Tenant: "ca"}, {ID: long}, {ID: long + "y"}, {ID: "y", Issuer: long},
	} {
		q := get("/", "203.0.113.1")
		q.Principal = p
		if n := b.passes(2, q); n != 1 {
			t.Errorf("principal %d passed %d times, want 1", i, n)
		}
	}
}

// An office of 300 behind one address works, if its rate is set for one.
func TestAddress_OfficeBehindOneAddress_WorksByRateOfItsOwn(t *testing.T) {
	b := newLimits(t, ratelimit.Options{Address: rate("20000/min")})
	for minute := range 5 {
		for i := range 300 {
			q := get("/orders", "203.0.113.7")
			q.Principal = person(fmt.Sprint(i))
			if n := b.passes(30, q); n != 30 {
				t.Fatalf("minute %d: person %d passed %d of 30", minute, i, n)
			}
		}
		b.now = b.now.Add(time.Minute)
	}
}

func TestRoute_RateOfItsOwn_IsEachPersonsAlone(t *testing.T) {
	b := newLimits(t, ratelimit.Options{Routes: []ratelimit.Route{
		{Pattern: "/reports/{id}/pdf", Rate: rate("3/h")},
		{Pattern: "/search", Methods: []string{"GET"}, Rate: rate("5/min")},
	}})
	q := get("/reports/1/pdf", "203.0.113.7")
	q.Principal = person("ann")
	if n := b.passes(5, q); n != 3 {
		t.Errorf("ann's: %d, want 3", n)
	}
	q.Path = "/reports/2/pdf"
	if d, s := b.ask(q); d.Rule != ratelimit.RuleRoute || s.RetryAfter() != 1200 {
		t.Errorf("another report of the route: %+v, retry after %d", d, s.RetryAfter())
	}
	q.Principal = person("bob")
	if n := b.passes(5, q); n != 3 {
		t.Errorf("bob's, from the same address: %d, want 3", n)
	}
	q.Principal = gatehouse.Principal{}
	if n := b.passes(5, q); n != 3 {
		t.Errorf("nobody's, by address: %d, want 3", n)
	}
	if n := b.passes(9, get("/search", "203.0.113.7")); n != 5 {
		t.Errorf("GET /search: %d, want 5", n)
	}
	head := get("/search", "203.0.113.7")
	head.Method = "HEAD"
	if n := b.passes(9, head); n != 0 {
		t.Errorf("HEAD /search after that: %d, want 0", n)
	}
	if n := b.passes(9, ratelimit.Request{Method: "POST", Path: "/search", Addr: addr("203.0.113.7")}); n != 9 {
		t.Errorf("POST /search: %d, want 9", n)
	}
}

func TestRoute_Cost_TakesMoreOfThePersonsRate(t *testing.T) {
	b := newLimits(t, ratelimit.Options{Default: rate("100/min"), Routes: []ratelimit.Route{{Pattern: "/export", Cost: 25}}})
	q := get("/export", "203.0.113.7")
	if n := b.passes(10, q); n != 4 {
		t.Errorf("%d exports at 25 of 100 passed, want 4", n)
	}
	b.now = b.now.Add(6 * time.Second)
	if n := b.passes(20, get("/orders", "203.0.113.7")); n != 10 {
		t.Errorf("%d ordinary requests passed six seconds later, want 10", n)
	}
}

// A route whose rate is used up must not use up what the person has elsewhere, nor
// the other way round: all is taken or nothing.
func TestRefusal_TakesNothingOfTheOtherRates(t *testing.T) {
	b := newLimits(t, ratelimit.Options{Default: rate("100/min"), Address: rate("10000/min"), Routes: []ratelimit.Route{{Pattern: "/export", Rate: rate("2/h")}}})
	q := get("/export", "203.0.113.7")
	q.Principal = person("ann")
	if n := b.passes(500, q); n != 2 {
		t.Errorf("%d exports passed, want 2", n)
	}
	q.Path = "/orders"
	if n := b.passes(200, q); n != 98 {
		t.Errorf("%d orders passed, want the 98 that are left", n)
	}
}

// Other spellings of a path that backends take for the same must not get around its
// rate, and other paths must not be taken for it.
func TestRoute_OtherSpellings_AreTheSameRoute(t *testing.T) {
	routes := []ratelimit.Route{{Pattern: "/api/export", Rate: rate("1/h")}, {Pattern: "/files/", Rate: rate("1/h")}, {Pattern: "/Users/{ID}/caf%C3%A9", Rate: rate("1/h")}}
	for path, same := range map[string]bool{
		"/api/export": true, "/api/export/": true, "//api//export": true, "/api/./export": true, "/api/x/../export": true, "/API/Export": true,
		"/%61pi/export": true, "/api%2Fexport": true, "/api/export;v=1": true, "/api;a=b/export": true, `/api\export`: true, "/api/%2e/export": true,
		"/api/exports": false, "/api": false, "/api/export/all": false, "/x/api/export": false, "/": false, "": false, "/api/%zz": false, "/api/export%00": true, "/api/export.": true, "/api/export%252f": true, "/%2561pi/export": true,
		"/files/": true, "/files": true, "/files/a": true, "/files/a/b": true, "/FILES/a": true, "/files//a": true, "/files/%2e%2e/files/a": true,
		"/file": false, "/filesystem": false, "/files/../other": false,
		"/Users/7/caf%C3%A9": true, "/users/7/caf%c3%a9": true, "/Users/7/café": true, "/users/7/caf%C3%A9/": true, "/users//caf%C3%A9": false,
	} {
		b := newLimits(t, ratelimit.Options{Routes: routes})
		if n := b.passes(3, get(path, "203.0.113.7")); n == 1 != same {
			t.Errorf("%q passed %d of 3 times", path, n)
		}
	}
}

// failing is a limiter that can't answer.
type failing struct{}

func (failing) Take(context.Context, []limit.Take) error { return errors.New("connection refused") }

func TestLimiter_Fails_RefusesWith503(t *testing.T) {
	b := newLimits(t, ratelimit.Options{Limiter: failing{}})
	d, s := b.ask(get("/", "203.0.113.7"))
	if d.Verdict != gatehouse.Deny || d.Rule != ratelimit.RuleUnavailable || d.HTTPStatus() != http.StatusServiceUnavailable || s.RetryAfter() != 0 {
		t.Errorf("%+v", d)
	}
}

// counting is a shared limiter that counts what it is asked.
type counting struct {
	limit.Limiter
	mu           sync.Mutex
	calls, takes int
}

func (c *counting) Take(ctx context.Context, takes []limit.Take) error {
	c.mu.Lock()
	c.calls++
	c.takes += len(takes)
	c.mu.Unlock()
	return c.Limiter.Take(ctx, takes)
}

// With a shared limiter a request costs one call of it at most, and a flood from one
// address is stopped before it.
func TestShared_OneCallARequest_AndNoneForAFlood(t *testing.T) {
	b := &bench{t: t}
	shared := &counting{Limiter: b.memory()}
	b = newLimits(t, ratelimit.Options{Limiter: shared, Local: b.memory(), Default: rate("100/min"), Routes: []ratelimit.Route{{Pattern: "/export", Rate: rate("50/min")}}})
	q := get("/export", "203.0.113.7")
	q.Principal = person("ann")
	if n := b.passes(10, q); n != 10 || shared.calls != 10 || shared.takes != 30 {
		t.Errorf("%d passed with %d calls of %d takes, want 10 with 10 of 30", n, shared.calls, shared.takes)
	}
	if n := b.passes(1000, get("/", "198.51.100.7")); n != 100 || shared.calls != 110 {
		t.Errorf("of a flood of 1000 %d passed, with %d calls, want 100 and 110", n, shared.calls)
	}
}

func TestShared_TwoReplicas_ShareAddressAndPerson(t *testing.T) {
	outer := &bench{t: t}
	shared := outer.memory()
	var replicas []*bench
	for range 2 {
		b := newLimits(t, ratelimit.Options{Limiter: shared, Local: outer.memory(), Default: rate("100/min")})
		replicas = append(replicas, b)
	}
	passed := 0
	for i := range 400 {
		passed += replicas[i%2].passes(1, get("/", "203.0.113.7"))
	}
	if passed != 100 {
		t.Errorf("%d passed by two replicas, want 100", passed)
	}
	d, s := replicas[0].ask(get("/", "203.0.113.7"))
	if d.Rule != ratelimit.RuleAddress || s.RetryAfter() != 1 {
		t.Errorf("%+v", d)
	}
}

// The local memory may be the one that a Fallback falls back to: the two must not
// count the same twice.
func TestShared_LocalMemoryIsTheFallbacksToo_CountsOnce(t *testing.T) {
	b := &bench{t: t}
	memory := b.memory()
	b = newLimits(t, ratelimit.Options{Limiter: memory, Local: memory, Default: rate("100/min")})
	if n := b.passes(300, get("/", "203.0.113.7")); n != 100 {
		t.Errorf("%d passed, want 100", n)
	}
}

func TestCheck_ManyAtOnce_CountsEach(t *testing.T) {
	b := newLimits(t, ratelimit.Options{Default: rate("500/h")})
	var callers sync.WaitGroup
	var mu sync.Mutex
	passed := 0
	for range 8 {
		callers.Go(func() {
			q := get("/", "203.0.113.7")
			q.Principal = person("ann")
			n := b.passes(100, q)
			mu.Lock()
			defer mu.Unlock()
			passed += n
		})
	}
	callers.Wait()
	if passed != 500 {
		t.Errorf("%d of 800 passed, want 500", passed)
	}
}

func TestCheck_AddressAndPrincipal_AllocatesAtMostTwice(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector drops what a pool holds")
	}
	b := newLimits(t, ratelimit.Options{Default: rate("10000/s"), Routes: []ratelimit.Route{{Pattern: "/export", Rate: rate("10000/s")}}})
	for _, path := range []string{"/orders/17", "/export", "/app.css"} {
		q := get(path, "203.0.113.7")
		q.Principal = person("ann@example.com")
		if n := testing.AllocsPerRun(1000, func() { b.ask(q) }); n > 2 {
			t.Errorf("%s: %v allocations, want at most 2", path, n)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	memory, err := limit.NewMemory(limit.MemoryOptions{})
	if err != nil {
		b.Fatal(err)
	}
	routes := make([]ratelimit.Route, 20)
	for i := range routes {
		routes[i] = ratelimit.Route{Pattern: fmt.Sprintf("/api/v1/thing%d/{id}", i), Rate: rate("10000/s")}
	}
	l, err := ratelimit.New(ratelimit.Options{Limiter: memory, Default: rate("10000/s"), Routes: routes})
	if err != nil {
		b.Fatal(err)
	}
	people := make([]gatehouse.Principal, 1<<16)
	for i := range people {
		people[i] = person(fmt.Sprintf("person%d@example.com", i))
	}
	for _, c := range []struct {
		name, path string
		people     int
		want       gatehouse.Verdict
	}{
		{"address and principal", "/orders/17", len(people), gatehouse.Pass},
		{"and a route of its own", "/api/v1/thing19/7", len(people), gatehouse.Pass},
		{"another spelling", "/Orders//17", len(people), gatehouse.Pass},
		{"an asset", "/assets/app.css", len(people), gatehouse.Pass},
		{"refused", "/orders/17", 1, gatehouse.Deny},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			q := ratelimit.Request{Method: "GET", Path: c.path}
			other := 0
			for i := 0; b.Loop(); i++ {
				q.Addr, q.Principal = netip.AddrFrom4([4]byte{203, 0, byte(i >> 8), byte(i)}), gatehouse.Principal{}
				_, s := l.CheckAddress(b.Context(), q)
				q.Principal = people[i%c.people]
				if d, _ := l.CheckPrincipal(b.Context(), q, s); d.Verdict != c.want {
					other++
				}
			}
			if c.want == gatehouse.Pass && other > 0 {
				b.Errorf("%d of %d were refused", other, b.N)
			}
		})
	}
	b.Run("the fields", func(b *testing.B) {
		b.ReportAllocs()
		q := ratelimit.Request{Method: "GET", Path: "/", Addr: addr("203.0.113.7")}
		_, s := l.CheckAddress(b.Context(), q)
		q.Principal = people[0]
		_, s = l.CheckPrincipal(b.Context(), q, s)
		h := http.Header{}
		for b.Loop() {
			clear(h)
			s.Fields(h)
		}
	})
}
