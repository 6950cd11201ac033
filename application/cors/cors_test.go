package cors_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/cors"
)

const site = "https://shop.example.com"

func newCORS(t *testing.T, rules ...cors.Rule) *cors.CORS {
	t.Helper()
	c, err := cors.New(cors.Options{Site: site, Rules: rules})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func request(t *testing.T, method, path string, pairs ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, site+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(pairs); i += 2 {
		r.Header.Set(pairs[i], pairs[i+1])
	}
	return r
}

func TestNew_RulesThatTrustEverybody_AreRefused(t *testing.T) {
	for _, r := range []cors.Rule{
		{Path: "/api/"},
		{Path: "/api/", Origins: []string{"null"}},
		{Path: "/api/", Origins: []string{"*"}},
		{Path: "/api/", Origins: []string{"*"}, Credentials: true, Reason: "really"},
		{Path: "/api/", Origins: []string{"app.example.com"}},
		{Path: "/api/", Origins: []string{"https://app.example.com/path"}},
		{Path: "api", Origins: []string{"https://app.example.com"}},
	} {
		if _, err := cors.New(cors.Options{Site: site, Rules: []cors.Rule{r}}); err == nil {
			t.Errorf("%+v was taken", r)
		}
	}
}

func TestPreflight_TheRuleAloneDecides(t *testing.T) {
	c := newCORS(t, cors.Rule{Path: "/api/", Origins: []string{"https://app.example.com", "http://localhost:5173"}, Credentials: true})
	for _, p := range []struct {
		origin, method string
		passes         bool
	}{
		{"https://app.example.com", "PUT", true},
		{"https://APP.example.com:443", "PUT", true},
		{"http://localhost:5173", "DELETE", true},
		{"http://app.example.com", "PUT", false},
		{"https://app.example.com:8443", "PUT", false},
		{"https://app.example.com.evil.example", "PUT", false},
		{"https://evilapp.example.com", "PUT", false},
		{"null", "PUT", false},
		{"https://app.example.com", "TRACE", false},
	} {
		h, d, ok := c.Preflight(request(t, "OPTIONS", "/api/items", "Origin", p.origin, "Access-Control-Request-Method", p.method, "Access-Control-Request-Headers", "x-token, content-type"))
		if !ok || (d.Verdict == gatehouse.Pass) != p.passes {
			t.Errorf("%s %s: %v, %v", p.origin, p.method, ok, d.Verdict)
		}
		if (h.Get("Access-Control-Allow-Origin") == p.origin) != p.passes || h.Get("Vary") == "" {
			t.Errorf("%s %s: %v", p.origin, p.method, h)
		}
		if p.passes && (h.Get("Access-Control-Allow-Credentials") != "true" || h.Get("Access-Control-Allow-Headers") != "x-token, content-type") {
			t.Errorf("%s: %v", p.origin, h)
		}
	}
	if _, _, ok := c.Preflight(request(t, "OPTIONS", "/other", "Origin", "https://app.example.com", "Access-Control-Request-Method", "PUT")); ok {
		t.Error("a path without a rule was answered")
	}
	if _, _, ok := c.Preflight(request(t, "OPTIONS", "/api/items")); ok {
		t.Error("an OPTIONS request that is no preflight was answered")
	}
}

func answer(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

func TestAnswer_WithARule_ReplacesWhatTheBackendSays(t *testing.T) {
	c := newCORS(t, cors.Rule{Path: "/api/", Origins: []string{"https://app.example.com"}, Credentials: true})
	h := answer("Access-Control-Allow-Origin", "*", "Vary", "Accept-Encoding")
	c.Answer(request(t, "GET", "/api/items", "Origin", "https://app.example.com"), "", "GET /api/items", h)
	if h.Get("Access-Control-Allow-Origin") != "https://app.example.com" || h.Get("Access-Control-Allow-Credentials") != "true" || len(h["Vary"]) != 2 {
		t.Errorf("%v", h)
	}
	h = answer("Access-Control-Allow-Origin", "https://evil.example", "Access-Control-Allow-Credentials", "true")
	c.Answer(request(t, "GET", "/api/items", "Origin", "https://evil.example"), "", "GET /api/items", h)
	if h.Get("Access-Control-Allow-Origin") != "" || h.Get("Vary") != "Origin" {
		t.Errorf("%v", h)
	}
}

func TestAnswer_WithoutARule_DeniesWhatOnlyAnAttackNeeds(t *testing.T) {
	for _, a := range []struct{ name, allowed, credentials, rule string }{
		{"nothing", "", "", ""},
		{"public", "*", "", ""},
		{"reflected without credentials", "https://evil.example", "", ""},
		{"null without credentials", "null", "", ""},
		{"the site itself", site, "true", ""},
		{"a sibling", "https://app.example.com", "true", ""},
		{"a partner", "https://partner.example", "true", ""},
		{"null", "null", "true", cors.RuleNull},
		{"everybody", "*", "true", cors.RuleWildcard},
		{"a prefix", "https://shop.example.com.evil.example", "true", cors.RuleLookalike},
		{"a suffix", "https://evilexample.com", "true", cors.RuleLookalike},
		{"a loose dot", "https://shopxexample.com", "true", cors.RuleLookalike},
	} {
		t.Run(a.name, func(t *testing.T) {
			h := answer("Access-Control-Allow-Origin", a.allowed, "Access-Control-Allow-Credentials", a.credentials)
			d := newCORS(t).Answer(request(t, "GET", "/me", "Origin", a.allowed), "shop.example.com", "GET /me", h)
			if d.Rule != a.rule || (d.Verdict == gatehouse.Pass) != (a.rule == "") {
				t.Errorf("%v by %q", d.Verdict, d.Rule)
			}
		})
	}
}

// TestAnswer_AnyOrigin_IsToldFromAnAllowList: a backend with two partners passes
// for ever, one that lets in everybody is told at the fourth stranger.
func TestAnswer_AnyOrigin_IsToldFromAnAllowList(t *testing.T) {
	ask := func(c *cors.CORS, origin string) gatehouse.Decision {
		h := answer("Access-Control-Allow-Origin", origin, "Access-Control-Allow-Credentials", "true")
		return c.Answer(request(t, "GET", "/me", "Origin", origin), "shop.example.com", "GET /me", h)
	}
	list := newCORS(t)
	for i := range 1000 {
		origin := []string{"https://partner.example", "https://other.example.org", "https://www.partner.example", "https://app.example.com"}[i%4]
		if d := ask(list, origin); d.Verdict != gatehouse.Pass {
			t.Fatalf("%s: %s", origin, d.Rule)
		}
	}
	reflecting := newCORS(t)
	for i := range 6 {
		d := ask(reflecting, fmt.Sprintf("https://evil%d.example.net%d.org", i, i))
		if want := i >= 3; (d.Verdict != gatehouse.Pass) != want {
			t.Errorf("stranger %d: %v by %q", i+1, d.Verdict, d.Rule)
		}
	}
}

func FuzzOrigin(f *testing.F) {
	f.Add("https://a.example:443")
	f.Fuzz(func(t *testing.T, s string) {
		one, err := cors.Origin(s)
		if err != nil {
			return
		}
		if again, err := cors.Origin(one); err != nil || again != one {
			t.Errorf("%q, then %q, %v", one, again, err)
		}
	})
}
