package protocol

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse"
)

func TestPath_WhatABackendTakesForAnother_IsRefused(t *testing.T) {
	for escaped, rule := range map[string]string{
		"/a/../b":                            RulePath,
		"/a/./b":                             RulePath,
		"/..":                                RulePath,
		"/a/..%2fb":                          RulePath,
		"/a/%2e%2e/b":                        RulePath,
		"/a/.%2E/b":                          RulePath,
		"/a%2f..%2fb":                        RulePath,
		"/a/..;/b":                           RulePath,
		"/a/..;x=1/b":                        RulePath,
		"/a/..%3b/b":                         RulePath,
		"/a/..%5cb":                          RulePath,
		`/a\..\b`:                            RulePath,
		`/a\.`:                               RulePath,
		"/a/%252e%252e/b":                    RulePath,
		"/a/%25252e%25252e/b":                "",
		"/a/..%252fb":                        RulePath,
		"/a/..%255cb":                        RulePath,
		"/a/%2e%2e%252fb":                    RulePath,
		"/a%00.png":                          RulePath,
		"/a%2500.png":                        RulePath,
		"/a%0d%0aX:%20y":                     RulePath,
		"/%c0%ae%c0%ae/b":                    RulePath,
		"/a/..%c0%afb":                       RulePath,
		"/%e0%80%ae/b":                       RulePath,
		"/a%252Fb":                           RuleDouble,
		"/caf%E9":                            RuleEncoding,
		"/%ff":                               RuleEncoding,
		"/":                                  "",
		"":                                   "",
		"*":                                  "",
		"/.well-known/x":                     "",
		"/...":                               "",
		"/..a/a..":                           "",
		"/.git/HEAD":                         "",
		"/a.b/c..d":                          "",
		"/@scope%2fname":                     "",
		"/@scope%2Fname/-/n.tgz":             "",
		"/a//b":                              "",
		"/100%25":                            "",
		"/100%2525":                          "",
		"/caf%C3%A9":                         "",
		"/café":                              "",
		"/a;v=1/b":                           "",
		"/a%5Cb":                             "",
		"/Special:Search/C%2B%2B_%26_%3C%3E": "",
		"/objects/s3%3A%2F%2Fbucket%2Fkey":   "",
	} {
		d := path(escaped)
		if d.Rule != rule || (rule == "") != (d.Verdict == gatehouse.Pass) {
			t.Errorf("%s: %v by %q, want %q", escaped, d.Verdict, d.Rule, rule)
		}
	}
}

func TestCheck_MethodsHostsAndSizes(t *testing.T) {
	p := newProtocol(t, Options{Hosts: []string{"shop.example.com", "127.0.0.1", "::1"}, Body: 100, Fields: 5, URL: 50})
	for _, c := range []struct {
		name   string
		change func(*http.Request)
		rule   string
	}{
		{"ordinary", func(*http.Request) {}, ""},
		{"with port", func(r *http.Request) { r.Host = "Shop.Example.com:8443" }, ""},
		{"address", func(r *http.Request) { r.Host = "[::1]:80" }, ""},
		{"end of a name", func(r *http.Request) { r.Host = "shop.example.com." }, ""},
		{"TRACE", func(r *http.Request) { r.Method = "TRACE" }, RuleMethod},
		{"TRACK", func(r *http.Request) { r.Method = "TRACK" }, RuleMethod},
		{"CONNECT", func(r *http.Request) { r.Method = "CONNECT" }, RuleMethod},
		{"PROPFIND", func(r *http.Request) { r.Method = "PROPFIND" }, ""},
		{"foreign host", func(r *http.Request) { r.Host = "evil.example" }, RuleHost},
		{"no host", func(r *http.Request) { r.Host = "" }, RuleHost},
		{"host with a path", func(r *http.Request) { r.Host = "shop.example.com/x" }, RuleHost},
		{"authority and another Host", func(r *http.Request) { r.Header["Host"] = []string{"evil.example"} }, RuleHost},
		{"authority and the same Host", func(r *http.Request) { r.Header["Host"] = []string{"shop.example.com"} }, ""},
		{"body", func(r *http.Request) { r.ContentLength = 101 }, RuleSize},
		{"fields over HTTP/2", func(r *http.Request) {
			r.ProtoMajor = 2
			r.Header["A"] = []string{"1", "2", "3", "4", "5", "6"}
		}, RuleSize},
		{"target over HTTP/2", func(r *http.Request) {
			r.ProtoMajor = 2
			r.RequestURI = "/?012345678901234567890123456789012345678901234567890123456789"
		}, RuleSize},
	} {
		r := httptest.NewRequest("GET", "/orders", nil)
		r.Host = "shop.example.com"
		c.change(r)
		if d := p.Check(r, r.Host, r.URL.EscapedPath()); d.Rule != c.rule {
			t.Errorf("%s: %q, want %q", c.name, d.Rule, c.rule)
		}
	}
	if d := newProtocol(t, Options{Site: []string{"shop.example.com"}}).Check(httptest.NewRequest("GET", "/", nil), "10.0.0.7", "/"); d.Rule != RuleSiteHost {
		t.Errorf("another host than the site's: %+v", d)
	}
	if d := newProtocol(t, Options{}).Check(httptest.NewRequest("GET", "/", nil), "example.com", "/"); d.Verdict != gatehouse.Pass {
		t.Errorf("without hosts: %+v", d)
	}
}

func TestWithoutUpgrade_TakesPlainHTTP2Alone(t *testing.T) {
	for value, want := range map[string]string{"h2c": "", "H2C, websocket": "", "HTTP/2.0": "", "websocket": "websocket", "SPDY/3.1": "SPDY/3.1"} {
		h := http.Header{"Upgrade": {value}, "Http2-Settings": {"x"}}
		WithoutUpgrade(h)
		if h.Get("Upgrade") != want || want == "" && h.Get("HTTP2-Settings") != "" {
			t.Errorf("%s: %v", value, h)
		}
	}
}

func TestNew_SaysWhatIsWrong(t *testing.T) {
	for _, o := range []Options{{Hosts: []string{"shop.example.com:443"}}, {Hosts: []string{""}}, {Head: -1}, {Body: -1}} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

func FuzzPath(f *testing.F) {
	for _, s := range []string{"/a/..%2fb", "/%252e%252e/", "/@a%2fb", "/%c0%ae"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if s = "/" + s; strings.ContainsAny(s, "\x00\r\n") {
			return // no head has them
		}
		d := path(s)
		if d.Verdict != gatehouse.Pass {
			return
		}
		// What passed has no segment of dots, decoded once or twice.
		once, _ := unescape(s)
		twice, _ := unescape(once)
		for _, text := range []string{s, once, twice} {
			for _, bad := range []string{"/../", "/./", "\x00", `/..\`} {
				if strings.Contains("/"+text+"/", bad) {
					t.Errorf("%q passed, and is %q", s, text)
				}
			}
		}
	})
}
