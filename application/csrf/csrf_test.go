package csrf_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/csrf"
)

func protection(t *testing.T, o csrf.Options) *csrf.Protection {
	t.Helper()
	p, err := csrf.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// request makes one to https://shop.example with "Name: value" headers.
func request(method, path string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, "https://shop.example"+path, nil)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	return r
}

func TestCheck_RequestsFromElsewhere(t *testing.T) {
	p := protection(t, csrf.Options{
		Site:    "https://www.shop.example",
		Exempt:  []csrf.Exemption{{Path: "/webhooks/", Kind: csrf.Webhook, Reason: "signed by the sender"}},
		Trusted: []csrf.TrustedOrigin{{Origin: "https://app.example", Path: "/api/", Reason: "our single-page application"}},
	})
	upgrade := "Upgrade: websocket"
	for _, c := range []struct {
		name string
		r    *http.Request
		rule string // empty: passes
	}{
		{"cross-site post", request("POST", "/buy", "Sec-Fetch-Site: cross-site"), csrf.RuleCrossSite},
		{"cross-site put", request("PUT", "/buy", "Sec-Fetch-Site: cross-site"), csrf.RuleCrossSite},
		{"cross-site delete", request("DELETE", "/buy", "Sec-Fetch-Site: cross-site"), csrf.RuleCrossSite},
		{"method of its own", request("PURGE", "/buy", "Sec-Fetch-Site: cross-site"), csrf.RuleCrossSite},
		{"method in lower case", request("get", "/buy", "Sec-Fetch-Site: cross-site"), csrf.RuleCrossSite},
		{"sibling subdomain", request("POST", "/buy", "Sec-Fetch-Site: same-site", "Origin: https://blog.shop.example"), csrf.RuleSameSite},
		{"unknown fetch site", request("POST", "/buy", "Sec-Fetch-Site: SAME-ORIGIN"), csrf.RuleCrossSite},
		{"fetch site wins over origin", request("POST", "/buy", "Sec-Fetch-Site: cross-site", "Origin: https://shop.example"), csrf.RuleCrossSite},
		{"old browser", request("POST", "/buy", "Origin: https://evil.example"), csrf.RuleOrigin},
		{"old browser, null", request("POST", "/buy", "Origin: null"), csrf.RuleOrigin},
		{"old browser, other port", request("POST", "/buy", "Origin: https://shop.example:8443"), csrf.RuleOrigin},
		{"old browser, other scheme", request("POST", "/buy", "Origin: http://shop.example"), csrf.RuleOrigin},
		{"old browser, host as prefix", request("POST", "/buy", "Origin: https://shop.example.evil.example"), csrf.RuleOrigin},
		{"old browser, host as user", request("POST", "/buy", "Origin: https://shop.example@evil.example"), csrf.RuleOrigin},
		{"old browser, garbage", request("POST", "/buy", "Origin: %%%"), csrf.RuleOrigin},
		{"trusted origin elsewhere", request("POST", "/buy", "Sec-Fetch-Site: cross-site", "Origin: https://app.example"), csrf.RuleCrossSite},
		{"exempt path's neighbour", request("POST", "/webhooksx", "Sec-Fetch-Site: cross-site"), csrf.RuleCrossSite},
		{"out of the exempt path", request("POST", "/webhooks/../buy", "Sec-Fetch-Site: cross-site"), csrf.RuleCrossSite},
		{"socket with cookies", request("GET", "/ws", upgrade, "Cookie: sid=1", "Origin: https://evil.example"), csrf.RuleWebSocket},
		{"socket among upgrades", request("GET", "/ws", "Upgrade: h2c, WebSocket", "Cookie: sid=1", "Origin: https://evil.example"), csrf.RuleWebSocket},

		{"own page", request("POST", "/buy", "Sec-Fetch-Site: same-origin", "Origin: https://shop.example"), ""},
		{"typed address", request("POST", "/buy", "Sec-Fetch-Site: none"), ""},
		{"old browser, own page", request("POST", "/buy", "Origin: https://shop.example"), ""},
		{"old browser, port named", request("POST", "/buy", "Origin: https://shop.example:443"), ""},
		{"old browser, configured site", request("POST", "/buy", "Origin: https://www.shop.example"), ""},
		{"curl", request("POST", "/buy"), ""},
		{"link from elsewhere", request("GET", "/buy", "Sec-Fetch-Site: cross-site"), ""},
		{"image from elsewhere", request("HEAD", "/logo.png", "Sec-Fetch-Site: cross-site"), ""},
		{"preflight", request("OPTIONS", "/buy", "Sec-Fetch-Site: cross-site", "Origin: https://evil.example"), ""},
		{"webhook", request("POST", "/webhooks/stripe", "Origin: https://pay.example"), ""},
		{"trusted origin", request("POST", "/api/cart", "Sec-Fetch-Site: cross-site", "Origin: https://app.example"), ""},
		{"own socket", request("GET", "/ws", upgrade, "Cookie: sid=1", "Origin: https://shop.example"), ""},
		{"public socket", request("GET", "/ws", upgrade, "Origin: https://evil.example"), ""},
	} {
		d := p.Check(c.r)
		if passed := d.Verdict == gatehouse.Pass; passed != (c.rule == "") || d.Rule != c.rule {
			t.Errorf("%s: %v by rule %q, want rule %q", c.name, d.Verdict, d.Rule, c.rule)
		}
		if d.Verdict == gatehouse.Deny && (d.Evidence == "" || d.Place.Kind != gatehouse.Header) {
			t.Errorf("%s: refused without evidence or place: %+v", c.name, d)
		}
	}
}

func TestCheck_AgreesWithNetHTTP(t *testing.T) {
	ours, theirs := protection(t, csrf.Options{}), http.NewCrossOriginProtection()
	sites := []string{"", "same-origin", "none", "same-site", "cross-site", "x"}
	origins := []string{"", "null", "https://shop.example", "https://evil.example", "://", "https://shop.example:9"}
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE"} {
		for _, site := range sites {
			for _, o := range origins {
				r := request(method, "/x")
				r.TLS = &tls.ConnectionState{}
				for name, v := range map[string]string{"Sec-Fetch-Site": site, "Origin": o} {
					if v != "" {
						r.Header.Set(name, v)
					}
				}
				if a, b := ours.Check(r).Verdict == gatehouse.Pass, theirs.Check(r) == nil; a != b {
					t.Errorf("%s Sec-Fetch-Site=%q Origin=%q: passes %v, in net/http %v", method, site, o, a, b)
				}
			}
		}
	}
}

func TestCheck_TLSEndedBefore_SchemeOfOriginIsNotCompared(t *testing.T) {
	p := protection(t, csrf.Options{})
	r := request("POST", "/buy", "Origin: https://shop.example")
	r.TLS = nil
	if d := p.Check(r); d.Verdict != gatehouse.Pass {
		t.Errorf("own page behind a proxy that ends TLS was refused: %+v", d)
	}
}

func TestNew_BypassWithoutReason_IsRefused(t *testing.T) {
	for name, o := range map[string]csrf.Options{
		"exemption without reason": {Exempt: []csrf.Exemption{{Path: "/x", Kind: csrf.Webhook}}},
		"exemption of no kind":     {Exempt: []csrf.Exemption{{Path: "/x", Reason: "why not"}}},
		"exemption of no path":     {Exempt: []csrf.Exemption{{Kind: csrf.SAML, Reason: "sign-in"}}},
		"origin without reason":    {Trusted: []csrf.TrustedOrigin{{Origin: "https://a.example"}}},
		"origin with path":         {Trusted: []csrf.TrustedOrigin{{Origin: "https://a.example/x", Reason: "r"}}},
		"wildcard origin":          {Trusted: []csrf.TrustedOrigin{{Origin: "*", Reason: "r"}}},
		"site without scheme":      {Site: "shop.example"},
	} {
		if _, err := csrf.New(o); err == nil {
			t.Errorf("%s: New returned no error", name)
		}
	}
}

func TestHandler_Denied_NeverReachesNext(t *testing.T) {
	called := false
	h := protection(t, csrf.Options{}).Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, request("POST", "/buy", "Sec-Fetch-Site: cross-site"))
	if w.Code != http.StatusForbidden || called {
		t.Errorf("status %d, called %v; want 403 and not called", w.Code, called)
	}
	h.ServeHTTP(httptest.NewRecorder(), request("POST", "/buy"))
	if !called {
		t.Error("an ordinary request did not reach next")
	}
}
