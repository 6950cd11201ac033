package ratelimit_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/ratelimit"
)

func TestFields_SayWhatIsLeftAsStructuredFields(t *testing.T) {
	b := newLimits(t, ratelimit.Options{Default: rate("60/min"), Address: rate("120/min burst 30"), Routes: []ratelimit.Route{{Pattern: "/export", Rate: rate("2/h"), Cost: 10}}})
	for _, c := range []struct {
		path, who, now, policy string
	}{
		{"/", "", `"address";r=29;t=1`, `"address";q=120;w=60;gatehouse-burst=30`},
		{"/", "ann", `"address";r=28;t=1, "principal";r=59;t=1`, `"address";q=120;w=60;gatehouse-burst=30, "principal";q=60;w=60`},
		{"/export", "ann", `"address";r=18;t=6, "principal";r=49;t=11, "route";r=1;t=1800`, `"address";q=120;w=60;gatehouse-burst=30, "principal";q=60;w=60, "route";q=2;w=3600`},
		{"/app.css", "ann", "", ""},
	} {
		q := get(c.path, "203.0.113.7")
		if c.who != "" {
			q.Principal = person(c.who)
		}
		d, s := b.ask(q)
		now, policy := fields(s)
		if d.Verdict != gatehouse.Pass || now != c.now || policy != c.policy {
			t.Errorf("%s by %q: %v\nRateLimit: %s\nRateLimit-Policy: %s", c.path, c.who, d.Verdict, now, policy)
		}
	}
}

// RFC 9651: a list of strings with parameters that are integers.
func TestFields_Always_ParseAsALists(t *testing.T) {
	item := `"[a-z-]+"(;[a-z][a-z-]*=\d{1,15})+`
	list := regexp.MustCompile(`^` + item + `(, ` + item + `)*$`)
	b := newLimits(t, ratelimit.Options{Default: rate("5/min burst 7"), Routes: []ratelimit.Route{{Pattern: "/a", Rate: rate("1/366d")}}})
	for i := range 20 {
		q := get([]string{"/a", "/"}[i%2], "203.0.113.7")
		q.Principal = person("ann")
		_, s := b.ask(q)
		if now, policy := fields(s); !list.MatchString(now) || !list.MatchString(policy) {
			t.Errorf("RateLimit: %s\nRateLimit-Policy: %s", now, policy)
		}
	}
}

func TestFields_Refused_PointAtTheSameMomentAsRetryAfter(t *testing.T) {
	b := newLimits(t, ratelimit.Options{Default: rate("2/min")})
	b.passes(2, get("/", "203.0.113.7"))
	b.now = b.now.Add(4500 * time.Millisecond)
	d, s := b.ask(get("/", "203.0.113.7"))
	now, _ := fields(s)
	if d.Verdict != gatehouse.Deny || s.RetryAfter() != 26 || now != `"address";r=0;t=26` {
		t.Errorf("%v, Retry-After: %d, RateLimit: %s", d.Verdict, s.RetryAfter(), now)
	}
	b.now = b.now.Add(26 * time.Second)
	if n := b.passes(1, get("/", "203.0.113.7")); n != 1 {
		t.Error("who waited that long is refused")
	}
}

func TestFields_OfTheBackend_Stay(t *testing.T) {
	b := newLimits(t, ratelimit.Options{})
	_, s := b.ask(get("/", "203.0.113.7"))
	h := http.Header{}
	h.Set("RateLimit", `"daily";r=5;t=9`)
	s.Fields(h)
	if h.Get("RateLimit") != `"daily";r=5;t=9` || h.Get("RateLimit-Policy") != "" {
		t.Errorf("%v", h)
	}
}

func TestSignIn_CountsAttempts_AndTellsNobodyHowManyAreLeft(t *testing.T) {
	b := newLimits(t, ratelimit.Options{SignIn: rate("5/min"), Routes: []ratelimit.Route{{Pattern: "/login", SignIn: true}}})
	form, attempt := get("/login", "203.0.113.7"), get("/login", "203.0.113.7")
	attempt.Method = "POST"
	for _, q := range []ratelimit.Request{form, attempt} {
		d, s := b.ask(q)
		if now, policy := fields(s); d.Verdict != gatehouse.Pass || now != "" || policy != "" {
			t.Errorf("%s: %v, RateLimit: %s, RateLimit-Policy: %s", q.Method, d.Verdict, now, policy)
		}
	}
	if n := b.passes(50, form); n != 50 {
		t.Errorf("%d of 50 looks at the form passed", n)
	}
	if n := b.passes(50, attempt); n != 4 {
		t.Errorf("%d attempts more passed, want the 4 that were left", n)
	}
	d, s := b.ask(attempt)
	if now, _ := fields(s); d.Rule != ratelimit.RuleSignIn || d.HTTPStatus() != 429 || s.RetryAfter() != 12 || now != "" {
		t.Errorf("%+v, Retry-After: %d, RateLimit: %q", d, s.RetryAfter(), now)
	}
}

// A route found by what it is sent is known at the second rung: it is counted there,
// once, and quiet from there on.
func TestSignIn_FoundByItself_CountsOnceAndIsQuiet(t *testing.T) {
	for _, shared := range []bool{false, true} {
		o := ratelimit.Options{SignIn: rate("5/min"), Routes: []ratelimit.Route{{Pattern: "/login", SignIn: true}}}
		if shared {
			o.Local = (&bench{t: t}).memory()
		}
		for _, path := range []string{"/session", "/login"} {
			b := newLimits(t, o)
			q := ratelimit.Request{Method: "POST", Path: path, Addr: addr("203.0.113.7"), SignIn: true}
			_, s := b.ask(q)
			if now, _ := fields(s); now != "" {
				t.Errorf("%s: RateLimit: %s", path, now)
			}
			if n := b.passes(50, q); n != 4 {
				t.Errorf("%s (shared: %v): %d attempts more passed, want 4", path, shared, n)
			}
			o.Local = nil
			if shared {
				o.Local = (&bench{t: t}).memory()
			}
		}
	}
}

// Ordinary use by the default: an office signs in at nine, and one of them mistypes
// five times.
func TestSignIn_Default_LetsAnOfficeAndAMistypingPersonIn(t *testing.T) {
	b := newLimits(t, ratelimit.Options{Routes: []ratelimit.Route{{Pattern: "/login", SignIn: true}}})
	q := get("/login", "203.0.113.7")
	q.Method = "POST"
	for i := range 20 {
		if n := b.passes(1, q); n != 1 {
			t.Fatalf("attempt %d was refused", i+1)
		}
		b.now = b.now.Add(3 * time.Second)
	}
	if n := b.passes(100, q); n > 6 {
		t.Errorf("%d guesses at once passed after that", n)
	}
}

func TestHandler_AnswersAndSetsTheFields(t *testing.T) {
	b := newLimits(t, ratelimit.Options{Default: rate("3/min")})
	who := func(r *http.Request) gatehouse.Principal { return gatehouse.Principal{ID: r.Header.Get("X-Who")} }
	h := b.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/app.css" {
			w.Header().Set("Content-Type", "text/css")
			w.Header().Set("Etag", `"1"`)
		}
		_ = http.NewResponseController(w).Flush() // the recorder can
		fmt.Fprint(w, "hello")
	}), who)
	for i, c := range []struct {
		path   string
		status int
		now    string
	}{
		{"/", 200, `"address";r=2;t=20, "principal";r=2;t=20`},
		{"/", 200, `"address";r=1;t=40, "principal";r=1;t=40`},
		{"/app.css", 200, ""},
		{"/", 200, `"address";r=0;t=60, "principal";r=0;t=60`},
		{"/", 429, `"address";r=0;t=20`},
		{"/app.css", 200, ""},
	} {
		r := httptest.NewRequest("GET", c.path, nil)
		r.RemoteAddr = "203.0.113.7:4711"
		r.Header.Set("X-Who", "ann")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.status || w.Header().Get("RateLimit") != c.now || (w.Header().Get("Retry-After") == "20") != (c.status == 429) {
			t.Errorf("request %d: %d %v", i, w.Code, w.Header())
		}
	}
}
