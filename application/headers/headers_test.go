package headers_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/headers"
)

func newHeaders(t *testing.T, o headers.Options) *headers.Headers {
	t.Helper()
	h, err := headers.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

var visit = headers.Request{Host: "shop.example.com", Secure: true, Dest: "document"}

func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

func TestCheck_ABarePage_GetsTheFloor(t *testing.T) {
	h := header("Content-Type", "text/html; charset=utf-8", "X-Powered-By", "PHP/8.2", "Server", "Apache/2.4", "SourceMap", "/a.map")
	d := newHeaders(t, headers.Options{HSTS: 300 * time.Second}).Check(visit, 200, h)
	for name, want := range map[string]string{
		"Content-Security-Policy": "object-src 'none'; base-uri 'self'; frame-ancestors 'self'", "X-Frame-Options": "SAMEORIGIN",
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "strict-origin-when-cross-origin", "Cross-Origin-Opener-Policy": "same-origin-allow-popups",
		"Cross-Origin-Resource-Policy": "same-site", "X-Permitted-Cross-Domain-Policies": "none", "Strict-Transport-Security": "max-age=300",
		"X-Powered-By": "", "Server": "", "SourceMap": "/a.map", "Permissions-Policy": "",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if r := h.Get("Content-Security-Policy-Report-Only"); !strings.Contains(r, "report-uri /_gate/csp-report") || !strings.Contains(h.Get("Reporting-Endpoints"), headers.ReportPath) {
		t.Errorf("reported by %q", r)
	}
	if d.Verdict != gatehouse.Pass || d.Rule != headers.RuleBanner {
		t.Errorf("%v by %q", d.Verdict, d.Rule)
	}
}

// TestCheck_APicture_IsAPageWhereItIsOpened: the scripts of an SVG run then.
func TestCheck_APicture_IsAPageWhereItIsOpened(t *testing.T) {
	for dest, page := range map[string]bool{"document": true, "iframe": true, "": true, "image": false, "empty": false} {
		h := header("Content-Type", "image/svg+xml")
		r := visit
		r.Dest = dest
		newHeaders(t, headers.Options{Policy: "default-src 'self'"}).Check(r, 200, h)
		if got := strings.HasPrefix(h.Get("Content-Security-Policy"), "default-src 'self'"); got != page {
			t.Errorf("for %q: %q", dest, h.Get("Content-Security-Policy"))
		}
	}
}

func TestCheck_ABackendsOwnHeaders_Count(t *testing.T) {
	for _, c := range []struct {
		name       string
		own        []string
		policy     string // of all lines together
		frame      string
		wantReport bool
	}{
		{"embedded on purpose by policy", []string{"Content-Security-Policy", "frame-ancestors https://partner.example"}, "frame-ancestors https://partner.example | object-src 'none'; base-uri 'self'", "", true},
		{"embedded nowhere by field", []string{"X-Frame-Options", "DENY"}, "object-src 'none'; base-uri 'self'", "DENY", true},
		{"a strict policy of its own", []string{"Content-Security-Policy", "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"}, "default-src 'none'; base-uri 'none'; frame-ancestors 'none'", "", true},
		{"a base elsewhere on purpose", []string{"Content-Security-Policy", "base-uri https://cdn.example"}, "base-uri https://cdn.example | object-src 'none'; frame-ancestors 'self'", "SAMEORIGIN", true},
		{"a referrer policy", []string{"Referrer-Policy", "no-referrer"}, "object-src 'none'; base-uri 'self'; frame-ancestors 'self'", "SAMEORIGIN", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := header(append(c.own, "Content-Type", "text/html")...)
			newHeaders(t, headers.Options{}).Check(visit, 200, h)
			if got := strings.Join(h["Content-Security-Policy"], " | "); got != c.policy {
				t.Errorf("policy %q, want %q", got, c.policy)
			}
			if got := h.Get("X-Frame-Options"); got != c.frame {
				t.Errorf("X-Frame-Options %q, want %q", got, c.frame)
			}
			for i := 0; i < len(c.own); i += 2 {
				if h.Get(c.own[i]) != c.own[i+1] {
					t.Errorf("%s became %q", c.own[i], h.Get(c.own[i]))
				}
			}
		})
	}
}

func TestCheck_OtherAnswers_GetWhatCannotBreakThem(t *testing.T) {
	for _, c := range []struct{ kind, dest, policy, sniff string }{
		{"application/json", "empty", "default-src 'none'; frame-ancestors 'none'", "nosniff"},
		{"application/problem+json", "", "default-src 'none'; frame-ancestors 'none'", "nosniff"},
		{"text/javascript", "script", "", "nosniff"},
		{"text/plain", "script", "", ""}, // works today because the browser guesses
		{"text/html", "script", "object-src 'none'; base-uri 'self'; frame-ancestors 'self'", "nosniff"},
		{"text/css", "style", "", "nosniff"},
		{"application/octet-stream", "style", "", ""},
		{"image/png", "image", "", "nosniff"},
		{"", "", "", ""},
	} {
		h := header("Content-Type", c.kind)
		newHeaders(t, headers.Options{}).Check(headers.Request{Host: "shop.example.com", Dest: c.dest}, 200, h)
		if h.Get("Content-Security-Policy") != c.policy || h.Get("X-Content-Type-Options") != c.sniff {
			t.Errorf("%s for %s: %q, %q", c.kind, c.dest, h.Get("Content-Security-Policy"), h.Get("X-Content-Type-Options"))
		}
	}
}

func TestCheck_HSTS_NeverForThisMachineNorOverPlainHTTP(t *testing.T) {
	h := newHeaders(t, headers.Options{HSTS: time.Hour, IncludeSubDomains: true})
	for host, want := range map[string]bool{
		"shop.example.com": true, "shop.example.com:8443": true, "localhost": false, "localhost:8443": false, "127.0.0.1": false, "[::1]:8443": false,
		"shop.localhost": false, "nas.local": false, "intranet": false, "shop.test": false,
	} {
		for _, secure := range []bool{true, false} {
			got := header("Content-Type", "text/html")
			h.Check(headers.Request{Host: host, Secure: secure}, 200, got)
			if (got.Get("Strict-Transport-Security") == "max-age=3600; includeSubDomains") != (want && secure) {
				t.Errorf("%s, secure %v: %q", host, secure, got.Get("Strict-Transport-Security"))
			}
		}
	}
}

func TestCheck_AcceptedPolicy_IsEnforcedInPlaceOfTheReport(t *testing.T) {
	h := header("Content-Type", "text/html")
	newHeaders(t, headers.Options{Policy: "default-src 'self'"}).Check(visit, 200, h)
	if got := strings.Join(h["Content-Security-Policy"], " | "); got != "default-src 'self'; object-src 'none'; base-uri 'self'; frame-ancestors 'self'" {
		t.Errorf("policy %q", got)
	}
	if h.Get("Content-Security-Policy-Report-Only") != "" {
		t.Error("it still reports")
	}
}

func TestNew_APolicyThatIsNone_SaysSo(t *testing.T) {
	for _, o := range []headers.Options{{Policy: "default-src 'self'\r\nX: y"}, {HSTS: -1}} {
		if _, err := headers.New(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

func newReports(t *testing.T, saved ...headers.Sighting) *headers.Reports {
	t.Helper()
	r, err := headers.NewReports(saved, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSuggest_AllowsWhatDistinctClientsMet(t *testing.T) {
	r := newReports(t)
	page := []byte(`<script>start(1)</script><script src="/a.js"></script><script type="application/ld+json">{}</script><p style="color: red" onclick="go()">`)
	for i := range 4 {
		client := fmt.Sprint("198.51.100.", i)
		for _, body := range []string{
			`{"csp-report":{"document-uri":"https://shop.example.com/","blocked-uri":"https://cdn.example/lib.js","violated-directive":"script-src 'self'"}}`,
			`[{"type":"csp-violation","body":{"documentURL":"https://shop.example.com/","blockedURL":"data","effectiveDirective":"img-src"}},
			  {"type":"csp-violation","body":{"documentURL":"https://shop.example.com/","blockedURL":"inline","effectiveDirective":"script-src-elem"}}]`,
		} {
			if _, err := r.Take(client, []byte(body)); err != nil {
				t.Fatal(err)
			}
		}
		r.NotePage(client, page)
	}
	for range 100 { // one client, however often
		if _, err := r.Take("203.0.113.9", []byte(`{"csp-report":{"blocked-uri":"https://evil.example/","effective-directive":"script-src"}}`)); err != nil {
			t.Fatal(err)
		}
	}
	s := r.Suggest()
	for _, part := range []string{"img-src 'self' data:", "https://cdn.example", "'sha256-", "'unsafe-hashes'", "style-src 'self' 'unsafe-inline'", "object-src 'none'"} {
		if !strings.Contains(s.Policy, part) {
			t.Errorf("no %s in %s", part, s.Policy)
		}
	}
	if strings.Contains(s.Policy, "evil.example") || len(s.Wanting) != 1 || !strings.Contains(s.Wanting[0], "evil.example") {
		t.Errorf("one client's report widened the policy: %s; wanting %q", s.Policy, s.Wanting)
	}
	if strings.Count(s.Policy, "'sha256-") != 2 {
		t.Errorf("want the hashes of one script and one handler: %s", s.Policy)
	}
	if len(s.Unsafe) != 2 {
		t.Errorf("unsafe: %q", s.Unsafe)
	}
	if again := newReports(t, r.Sightings()...).Suggest(); again.Policy != s.Policy {
		t.Errorf("after a restart: %s", again.Policy)
	}
}

func TestTake_WhatIsNoReport_IsRefused(t *testing.T) {
	r := newReports(t)
	for _, body := range []string{"", "{}", "[]", "null", `{"csp-report":null}`, "x", strings.Repeat(" ", headers.MaxReport+1), `[{"type":"deprecation"}]x`} {
		if _, err := r.Take("c", []byte(body)); err == nil {
			t.Errorf("%.40q was taken", body)
		}
	}
	for _, blocked := range []string{"javascript:alert(1)", "https://user:secret@a.example", "https://a.example;script-src *", "https://a b", "chrome-extension://x", "https://*.example"} {
		if n, _ := r.Take("c", []byte(`{"csp-report":{"blocked-uri":"`+blocked+`","effective-directive":"script-src"}}`)); n != 0 {
			t.Errorf("%s was taken for a source", blocked)
		}
	}
}

func TestReports_AFlood_IsBounded(t *testing.T) {
	r := newReports(t)
	for i := range 3 {
		_, _ = r.Take(fmt.Sprint("client ", i), []byte(`{"csp-report":{"blocked-uri":"https://cdn.example/","effective-directive":"script-src"}}`))
	}
	for i := range 5000 {
		_, _ = r.Take("flood", []byte(fmt.Sprintf(`{"csp-report":{"blocked-uri":"https://h%d.example/","effective-directive":"script-src"}}`, i)))
	}
	all := r.Sightings()
	if len(all) > 512 {
		t.Errorf("%d sightings", len(all))
	}
	if !strings.Contains(r.Suggest().Policy, "https://cdn.example") {
		t.Error("the flood pushed out what three clients had met")
	}
}

func FuzzTake(f *testing.F) {
	f.Add([]byte(`{"csp-report":{"blocked-uri":"https://cdn.example/","effective-directive":"script-src"}}`))
	f.Add([]byte(`[{"type":"csp-violation","body":{"blockedURL":"inline","effectiveDirective":"style-src"}}]`))
	r, err := headers.NewReports(nil, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		_, _ = r.Take("c", body)
		r.NotePage("c", body)
		if p := r.Suggest().Policy; strings.ContainsAny(p, "\r\n,") {
			t.Errorf("policy %q", p)
		}
	})
}
