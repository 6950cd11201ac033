package cookies_test

import (
	"net/http"
	"testing"

	"github.com/gatehousehq/gatehouse/application/cookies"
)

func check(t *testing.T, c *cookies.Cookies, line string, secure, mend bool) (string, string) {
	t.Helper()
	h := http.Header{"Set-Cookie": {line}}
	d := c.Check(h, secure, mend)
	return h.Get("Set-Cookie"), d.Rule
}

func newCookies(t *testing.T, o cookies.Options) *cookies.Cookies {
	t.Helper()
	c, err := cookies.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestCheck_WhatFrameworksSet_GetsWhatItLacks has lines as the frameworks send
// them by default.
func TestCheck_WhatFrameworksSet_GetsWhatItLacks(t *testing.T) {
	for _, c := range []struct{ name, line, want string }{
		{"PHP", "PHPSESSID=i1p2; path=/", "PHPSESSID=i1p2; path=/; Secure; SameSite=Lax; HttpOnly"},
		{"Express", "connect.sid=s%3Aab.cd; Path=/; HttpOnly", "connect.sid=s%3Aab.cd; Path=/; HttpOnly; Secure; SameSite=Lax"},
		{"Django's session", "sessionid=abc; expires=Tue, 01 Dec 2026 10:00:00 GMT; HttpOnly; Max-Age=1209600; Path=/; SameSite=Lax", "sessionid=abc; expires=Tue, 01 Dec 2026 10:00:00 GMT; HttpOnly; Max-Age=1209600; Path=/; SameSite=Lax; Secure"},
		{"Django's CSRF", "csrftoken=abc; Max-Age=31449600; Path=/; SameSite=Lax", "csrftoken=abc; Max-Age=31449600; Path=/; SameSite=Lax; Secure"},
		{"Laravel", "XSRF-TOKEN=eyJpdiI6; path=/; samesite=lax", "XSRF-TOKEN=eyJpdiI6; path=/; samesite=lax; Secure"},
		{"Java", "JSESSIONID=0A1B; Path=/shop; HttpOnly", "JSESSIONID=0A1B; Path=/shop; HttpOnly; Secure; SameSite=Lax"},
		{"ASP.NET", ".AspNetCore.Antiforgery.x=CfD; path=/; samesite=strict; httponly", ".AspNetCore.Antiforgery.x=CfD; path=/; samesite=strict; httponly; Secure"},
		{"ASP.NET sign-in", ".ASPXAUTH=AB; path=/", ".ASPXAUTH=AB; path=/; Secure; SameSite=Lax; HttpOnly"},
		{"sign-in of another site", "oidc_session=x; SameSite=None; Secure; HttpOnly", "oidc_session=x; SameSite=None; Secure; HttpOnly"},
		{"None without Secure", "embed_sid=x; SameSite=None; HttpOnly", "embed_sid=x; SameSite=None; HttpOnly; Secure"},
		{"host prefix", "__Host-session=x; Path=/; Secure; HttpOnly; SameSite=Strict", "__Host-session=x; Path=/; Secure; HttpOnly; SameSite=Strict"},
		{"a preference", "theme=dark; Path=/", "theme=dark; Path=/; Secure; SameSite=Lax"},
		{"deletion", "sid=; Max-Age=0; Path=/", "sid=; Max-Age=0; Path=/; Secure; SameSite=Lax"},
		{"an unknown SameSite", "theme=x; SameSite=Loose; Secure", "theme=x; SameSite=Loose; Secure; SameSite=Lax"},
		{"a quoted value", `prefs="a b"; Path=/; Secure; SameSite=Lax`, `prefs="a b"; Path=/; Secure; SameSite=Lax`},
		{"no name", "justavalue; Path=/", "justavalue; Path=/"},
		{"nothing", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, _ := check(t, newCookies(t, cookies.Options{}), c.line, true, true); got != c.want {
				t.Errorf("%s\nwant %s", got, c.want)
			}
		})
	}
}

func TestCheck_WithoutMending_ChangesNothingAndTells(t *testing.T) {
	if got, rule := check(t, newCookies(t, cookies.Options{}), "PHPSESSID=i1p2", true, false); got != "PHPSESSID=i1p2" || rule != cookies.RuleHTTPOnly {
		t.Errorf("%s, %q", got, rule)
	}
}

func TestCheck_OverPlainHTTP_IsNotMadeSecure(t *testing.T) {
	if got, _ := check(t, newCookies(t, cookies.Options{}), "theme=dark", false, true); got != "theme=dark; SameSite=Lax" {
		t.Error(got)
	}
}

func TestSent_DoubleSubmit_IsNeverHttpOnly(t *testing.T) {
	for name, send := range map[string]func(*http.Request) func(string) bool{
		"in a header": func(r *http.Request) func(string) bool { r.Header.Set("X-Auth", "0123456789"); return nil },
		"in a field":  func(*http.Request) func(string) bool { return func(v string) bool { return v == "0123456789" } },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCookies(t, cookies.Options{})
			r, err := http.NewRequest("POST", "https://shop.example.com/", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Cookie", "authtok=0123456789; sid=abcdefghij")
			c.Sent(r, send(r))
			if got, _ := check(t, c, "authtok=new", true, true); got != "authtok=new; Secure; SameSite=Lax" {
				t.Error(got)
			}
			if got, _ := check(t, c, "sid=new", true, true); got != "sid=new; Secure; SameSite=Lax; HttpOnly" {
				t.Error(got)
			}
		})
	}
}

func TestNew_AReadableCookieWithoutReason_IsRefused(t *testing.T) {
	if _, err := cookies.New(cookies.Options{Readable: []cookies.Readable{{Name: "sid"}}}); err == nil {
		t.Error("taken")
	}
	c := newCookies(t, cookies.Options{Readable: []cookies.Readable{{Name: "sid", Reason: "our player reads it"}}})
	if got, _ := check(t, c, "sid=x; Secure; SameSite=Lax", true, true); got != "sid=x; Secure; SameSite=Lax" {
		t.Error(got)
	}
}
