package input

import (
	"net/url"
	"strings"
	"testing"
)

func TestRoute(t *testing.T) {
	for path, want := range map[string]string{
		"/":                             "/",
		"":                              "/",
		"/orders/42":                    "/orders/{id}",
		"/orders/42/items/7":            "/orders/{id}/items/{id}",
		"/orders/":                      "/orders/",
		"/a//b":                         "/a//b",
		"/users/alice":                  "/users/alice",
		"/users/alice@example.com":      "/users/{id}",
		"/users/alice%40example.com":    "/users/{id}",
		"/@alice":                       "/@alice",
		"/@scope%2fname":                "/@scope%2Fname",
		"/@scope/name/-/name-1.2.3.tgz": "/@scope/name/-/name-1.2.3.tgz",
		"/api/v1/things":                "/api/v1/things",
		"/api/v2.1/things":              "/api/v2.1/things",
		"/docs/1.2.3/intro":             "/docs/{id}/intro",
		"/blog/2026/05/a-post":          "/blog/{id}/{id}/a-post",
		"/blog/2026-05-01":              "/blog/{id}",
		"/t/2026-05-01T10:11:12Z":       "/t/{id}",
		"/x/550e8400-e29b-41d4-a716-446655440000": "/x/{id}",
		"/x/01ARZ3NDEKTSV4RRFFQ69G5FAV":           "/x/{id}",
		"/x/507f1f77bcf86cd799439011":             "/x/{id}",
		"/x/3f2a9c1b":                             "/x/{id}",
		"/x/V1StGXR8_Z5jdHi6B-myT":                "/x/{id}",
		"/x/cjld2cjxh0000qzrmn831i7rn":            "/x/{id}",
		"/x/dGhpcyBpcyBhIHRva2Vu":                 "/x/{id}",
		"/x/8u3rtwq2zk1m5bd":                      "/x/{id}",
		"/x/hq7ztkr0v2xwpls":                      "/x/{id}",
		"/s/windows11update24h2":                  "/s/windows11update24h2",
		"/s/iphone15promax256gb":                  "/s/iphone15promax256gb",
		"/x/ORD-2024-0001":                        "/x/{id}",
		"/x/SKU-3ed914":                           "/x/{id}",
		"/x/order-10042":                          "/x/{id}",
		"/x/cus_NffrFeUfNV2Hib":                   "/x/{id}",
		"/x/-1":                                   "/x/{id}",
		"/x/48.8566,2.3522":                       "/x/{id}",
		"/x/" + strings.Repeat("long", 20):        "/x/{id}",
		"/shop/winter-shoes":                      "/shop/winter-shoes",
		"/shop/iphone-15":                         "/shop/iphone-15",
		"/shop/how-to-bake-bread-in-2024":         "/shop/how-to-bake-bread-in-2024",
		"/wiki/GettingStartedGuide2024":           "/wiki/GettingStartedGuide2024",
		"/wiki/Internationalization":              "/wiki/Internationalization",
		"/wiki/ISO_8859-1":                        "/wiki/ISO_8859-1",
		"/s/windows10pro64bit":                    "/s/windows10pro64bit",
		"/s/oauth2":                               "/s/oauth2",
		"/s/utf-8":                                "/s/utf-8",
		"/s/deadbeat":                             "/s/deadbeat",
		"/s/effaced":                              "/s/effaced",
		"/.well-known/openid-configuration":       "/.well-known/openid-configuration",
		"/index.html":                             "/index.html",
		"/assets/app.3f2a9c1b.js":                 "/assets/app.{id}.js",
		"/assets/jquery-3.7.1.min.js":             "/assets/jquery-3.7.1.min.js",
		"/avatars/42.png":                         "/avatars/{id}.png",
		"/orders/42.json":                         "/orders/{id}.json",
		"/a%7Bid%7D":                              "/a%7Bid%7D",
		"/caf%C3%A9":                              "/caf%C3%A9",
		"/a/" + strings.Repeat("b/", 40):          "/a" + strings.Repeat("/b", 31) + "/{rest...}",
	} {
		if got := Route("GET", path); got != "GET "+want {
			t.Errorf("%s: got %s, want GET %s", path, got, want)
		}
	}
	for method, want := range map[string]string{"": "GET", "PROPFIND": "PROPFIND", "M-SEARCH": "M-SEARCH", "A B": "OTHER", strings.Repeat("X", 50): "OTHER"} {
		if got := Route(method, "/"); got != want+" /" {
			t.Errorf("%q: %s", method, got)
		}
	}
	if got := Route("OPTIONS", "*"); got != "OPTIONS *" {
		t.Error(got)
	}
}

func TestPattern(t *testing.T) {
	for pattern, paths := range map[string]map[string]bool{
		"/":              {"/": true, "/a": true, "/a/b": true, "": false, "a": false},
		"/orders":        {"/orders": true, "/orders/": false, "/orders/1": false, "/Orders": false},
		"/orders/{id}":   {"/orders/1": true, "/orders/": false, "/orders/1/": false, "/orders/1/2": false, "/orders/a%2fb": true, "/orders/..": false, "/orders/%2e%2e": false},
		"/webhooks/":     {"/webhooks/": true, "/webhooks/a": true, "/webhooks/a/b": true, "/webhooks": false, "/webhooksx": false, "/webhooks/../admin": false, "/webhooks/..%2fadmin": false, "/webhooks/..;/admin": false, "/webhooks/%2e%2e%5cadmin": false, "/webhooks//admin": false, "/webhooks/a%00": false, "/webhooks/.hidden": true, "/webhooks/a..b": true},
		"/a/{rest...}":   {"/a/": true, "/a/b/c": true, "/a": false},
		"/a/{$}":         {"/a/": true, "/a": false, "/a/b": false},
		"/{$}":           {"/": true, "/a": false},
		"/u/{n}.png":     {"/u/1.png": true, "/u/.png": false, "/u/1.jpg": false},
		"/@scope%2Fname": {"/@scope%2fname": true, "/@scope/name": false},
		"/a/{x}/c/{y}/":  {"/a/1/c/2/": true, "/a/1/c/2": false, "/a/1/c/2/d": true, "/a/1/d/2/": false},
		"/caf%C3%A9":     {"/caf%c3%a9": true, "/café": true},
	} {
		p, err := ParsePattern(pattern)
		if err != nil {
			t.Error(err)
			continue
		}
		for path, want := range paths {
			if p.Match(path) != want {
				t.Errorf("%s matches %s: %v", pattern, path, !want)
			}
		}
		text, _ := p.MarshalText()
		var again Pattern
		if err := again.UnmarshalText(text); err != nil || again.String() != pattern {
			t.Errorf("%s: %v, %s", pattern, err, again)
		}
	}
	for _, bad := range []string{"", "a", "/a//b", "/{", "/}", "/{a", "/{a}{b}", "/{}", "/{a b}", "/{$}/a", "/{a...}/b", "/%zz", "/a/../b", "/" + strings.Repeat("a", 2000)} {
		if p, err := ParsePattern(bad); err == nil {
			t.Errorf("%q was taken for %v", bad, p)
		}
	}
	if (Pattern{}).Match("/") {
		t.Error("the zero value matches")
	}
}

func TestPattern_Match_AllocatesNothing(t *testing.T) {
	p, err := ParsePattern("/api/orders/{id}/items/")
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { p.Match("/api/orders/42/items/7") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzRoute(f *testing.F) {
	f.Add("GET", "/orders/42/a%20b/app.3f2a9c1b.js")
	f.Add("M-SEARCH", "/x/01ARZ3NDEKTSV4RRFFQ69G5FAV/{id}/")
	f.Fuzz(func(t *testing.T, method, path string) {
		route := Route(method, path)
		gotMethod, gotPath, ok := strings.Cut(route, " ")
		if !ok || gotMethod == "" || !printable(route) || strings.Contains(gotPath, " ") {
			t.Fatalf("%q", route)
		}
		if !strings.HasPrefix(path, "/") || checkPath(path) != nil {
			return
		}
		p, err := ParsePattern(gotPath)
		if err != nil || p.Match(path) {
			return
		}
		for segment := range strings.SplitSeq(path[1:], "/") {
			if text, _ := url.PathUnescape(segment); text == "" || doubtful(text) {
				return // never matches
			}
		}
		t.Fatalf("the route %q of %q does not match it", route, path)
	})
}

func FuzzPattern(f *testing.F) {
	f.Add("/a/{id}/", "/a/1/b")
	f.Fuzz(func(t *testing.T, pattern, path string) {
		p, err := ParsePattern(pattern)
		if err != nil {
			return
		}
		if p.Match(path) && strings.Contains(path+"/", "/../") {
			t.Fatalf("%q matches %q", pattern, path)
		}
	})
}
