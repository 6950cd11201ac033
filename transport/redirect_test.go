package transport_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse/internal/testkit/certs"
	"github.com/gatehousehq/gatehouse/transport"
)

const browserAccept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

func redirector(t *testing.T, tl *transport.TLS, o transport.RedirectOptions) http.Handler {
	t.Helper()
	h, err := tl.Redirect(o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func shop(t *testing.T) *transport.TLS {
	t.Helper()
	c, k := certs.New(t).Issue(t, certs.Want{Names: []string{"shop.example.com"}}).Write(t, t.TempDir(), "shop")
	return open(t, transport.Options{Files: []transport.Files{{Certificate: c, Key: k}}, Hosts: []string{"shop.example.com", "*.wild.example.com", "192.0.2.7", "2001:db8::7"}})
}

func TestRedirect_ToTheSameHostAndNoOther(t *testing.T) {
	h := redirector(t, shop(t), transport.RedirectOptions{Site: "https://shop.example.com"})
	for _, c := range []struct {
		host, target, want string
	}{
		{"shop.example.com", "/", "https://shop.example.com/"},
		{"shop.example.com", "/a%2Fb/c?x=1&y=%20", "https://shop.example.com/a%2Fb/c?x=1&y=%20"},
		{"shop.example.com:80", "/?", "https://shop.example.com/?"},
		{"SHOP.example.com.", "/", "https://shop.example.com/"},
		{"a.wild.example.com", "/", "https://a.wild.example.com/"},
		{"192.0.2.7", "/", "https://192.0.2.7/"},
		{"[2001:db8::7]:80", "/", "https://[2001:db8::7]/"},
		{"shop.example.com", "//evil.example/", "https://shop.example.com//evil.example/"},
		{"shop.example.com", `/\evil.example/`, `https://shop.example.com/%5Cevil.example/`},
		{"shop.example.com", "http://evil.example/x", ""},
		{"evil.example", "/", ""},
		{"shop.example.com.evil.example", "/", ""},
		{"evil.example@shop.example.com", "/", ""},
		{"shop.example.com@evil.example", "/", ""},
		{"shop.example.com/evil.example", "/", ""},
		{"shop.example.com:80:81", "/", ""},
		{"shop.example.com:", "/", "https://shop.example.com/"}, // RFC 3986, 3.2.3: the port may be empty
		{"a.b.wild.example.com", "/", ""},
		{"wild.example.com", "/", ""},
		{"localhost", "/", ""},
		{"127.0.0.1", "/", ""},
		{"", "/", ""},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		// What net/http does with an absolute URL and with what it parses.
		u, err := url.Parse(c.target)
		if strings.HasPrefix(c.target, "//") {
			u, err = url.ParseRequestURI(c.target)
		}
		if err != nil {
			t.Fatal(err)
		}
		r.URL, r.Host = u, c.host
		if u.IsAbs() {
			r.Host = u.Host
		}
		r.Header.Set("Accept", browserAccept)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got := w.Header().Get("Location"); got != c.want {
			t.Errorf("%s %s: Location %q, want %q", c.host, c.target, got, c.want)
		}
		if want := map[bool]int{true: http.StatusMisdirectedRequest, false: http.StatusPermanentRedirect}[c.want == ""]; w.Code != want {
			t.Errorf("%s %s: %d, want %d", c.host, c.target, w.Code, want)
		}
	}
}

func TestRedirect_DocumentsPass_CallsAreRefused(t *testing.T) {
	h := redirector(t, shop(t), transport.RedirectOptions{})
	for _, c := range []struct {
		name, method string
		header       map[string]string
		body         string
		passes       bool
	}{
		{"browser", "GET", map[string]string{"Accept": browserAccept}, "", true},
		{"browser at localhost", "GET", map[string]string{"Accept": browserAccept, "Sec-Fetch-Mode": "navigate"}, "", true},
		{"browser with a cookie", "GET", map[string]string{"Accept": browserAccept, "Cookie": "a=b"}, "", true},
		{"HEAD", "HEAD", map[string]string{"Accept": "text/html"}, "", true},
		{"HTML in capitals", "GET", map[string]string{"Accept": "TEXT/HTML;q=0.5"}, "", true},
		{"curl", "GET", map[string]string{"Accept": "*/*"}, "", false},
		{"no Accept", "GET", nil, "", false},
		{"JSON", "GET", map[string]string{"Accept": "application/json"}, "", false},
		{"HTML refused", "GET", map[string]string{"Accept": "text/html;q=0, application/json"}, "", false},
		{"HTML in another's name", "GET", map[string]string{"Accept": "text/htmlx"}, "", false},
		{"fetch", "GET", map[string]string{"Accept": browserAccept, "Sec-Fetch-Mode": "cors"}, "", false},
		{"image", "GET", map[string]string{"Accept": "image/avif,*/*"}, "", false},
		{"POST of a form", "POST", map[string]string{"Accept": browserAccept, "Content-Type": "application/x-www-form-urlencoded"}, "password=hunter2", false},
		{"PUT", "PUT", map[string]string{"Accept": browserAccept}, "x", false},
		{"OPTIONS", "OPTIONS", map[string]string{"Accept": browserAccept}, "", false},
		{"token", "GET", map[string]string{"Accept": browserAccept, "Authorization": "Bearer x"}, "", false},
		{"key", "GET", map[string]string{"Accept": browserAccept, "X-Api-Key": "x"}, "", false},
		{"script of old", "GET", map[string]string{"Accept": browserAccept, "X-Requested-With": "XMLHttpRequest"}, "", false},
		{"body", "GET", map[string]string{"Accept": browserAccept}, "x", false},
		{"WebSocket", "GET", map[string]string{"Accept": browserAccept, "Upgrade": "websocket", "Connection": "Upgrade"}, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(c.method, "http://shop.example.com/x?token=secret", strings.NewReader(c.body))
			for k, v := range c.header {
				r.Header.Set(k, v)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if passes := w.Code == http.StatusPermanentRedirect; passes != c.passes {
				t.Fatalf("status %d", w.Code)
			}
			if c.passes {
				return
			}
			var problem struct {
				Status        int
				Title, Detail string
			}
			if err := json.Unmarshal(w.Body.Bytes(), &problem); err != nil || problem.Status != http.StatusForbidden || w.Code != http.StatusForbidden {
				t.Errorf("%d %s (%v)", w.Code, w.Body, err)
			}
			if !strings.Contains(problem.Detail, "https://shop.example.com") || strings.Contains(w.Body.String(), "secret") {
				t.Errorf("body: %s", w.Body)
			}
			if w.Header().Get("Content-Type") != "application/problem+json" || w.Header().Get("Connection") != "close" || w.Header().Get("Location") != "" {
				t.Errorf("headers: %v", w.Header())
			}
		})
	}
}

func TestRedirect_Ports(t *testing.T) {
	machine := local(t)
	for _, c := range []struct {
		name       string
		tl         *transport.TLS
		o          transport.RedirectOptions
		host, want string
	}{
		{"another port", shop(t), transport.RedirectOptions{HTTPSPort: 8443}, "shop.example.com", "https://shop.example.com:8443/"},
		{"another port, IPv6", shop(t), transport.RedirectOptions{HTTPSPort: 8443}, "[2001:db8::7]", "https://[2001:db8::7]:8443/"},
		{"the site's own", shop(t), transport.RedirectOptions{HTTPSPort: 8443, Site: "https://shop.example.com:444"}, "shop.example.com", "https://shop.example.com:444/"},
		{"the site's own, for the site alone", shop(t), transport.RedirectOptions{HTTPSPort: 8443, Site: "https://shop.example.com:444"}, "192.0.2.7", "https://192.0.2.7:8443/"},
		{"this machine", machine, transport.RedirectOptions{HTTPSPort: 8443}, "localhost:8080", "https://localhost:8443/"},
		{"below localhost", machine, transport.RedirectOptions{HTTPSPort: 8443}, "a.localhost", "https://a.localhost:8443/"},
		{"loopback", machine, transport.RedirectOptions{}, "[::1]:8080", "https://[::1]/"},
		{"not this machine", machine, transport.RedirectOptions{}, "192.0.2.1", ""},
		{"beside a site", local(t, "shop.test"), transport.RedirectOptions{Site: "https://shop.test"}, "127.0.0.1", "https://127.0.0.1/"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = c.host
		r.Header.Set("Accept", browserAccept)
		w := httptest.NewRecorder()
		redirector(t, c.tl, c.o).ServeHTTP(w, r)
		if got := w.Header().Get("Location"); got != c.want {
			t.Errorf("%s: %d, Location %q, want %q", c.name, w.Code, got, c.want)
		}
	}
}

func TestRedirect_BadOptions_AreNamed(t *testing.T) {
	for _, o := range []transport.RedirectOptions{{Site: "shop.example.com"}, {Site: "http://shop.example.com"}, {Site: "https://"}, {HTTPSPort: 70000}, {HTTPSPort: -1}} {
		if _, err := local(t).Redirect(o); err == nil || !strings.Contains(err.Error(), "redirect") {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// FuzzRedirect_NeverLeavesOurHosts asks with hosts and targets of any form.
func FuzzRedirect_NeverLeavesOurHosts(f *testing.F) {
	for _, s := range [][2]string{{"shop.test", "/"}, {"shop.test@evil", "//evil"}, {"[::1]", "/%0d%0aX: y"}, {"a.localhost:80", "\\\\evil"}, {"shop.test\t", "/?\n"}} {
		f.Add(s[0], s[1])
	}
	tl, err := transport.New(transport.Options{Local: &transport.Local{Dir: f.TempDir()}, Hosts: []string{"shop.test"}})
	if err != nil {
		f.Fatal(err)
	}
	h, err := tl.Redirect(transport.RedirectOptions{HTTPSPort: 8443})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, host, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		r := &http.Request{Method: http.MethodGet, Host: host, URL: u, Header: http.Header{"Accept": {browserAccept}}}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		location := w.Header().Get("Location")
		if location == "" {
			if w.Code < 400 {
				t.Fatalf("status %d without a location", w.Code)
			}
			return
		}
		to, err := url.Parse(location)
		if err != nil || strings.ContainsAny(location, "\r\n") {
			t.Fatalf("Location %q: %v", location, err)
		}
		name := to.Hostname()
		ours := name == "shop.test" || name == "localhost" || strings.HasSuffix(name, ".localhost") || name == "::1" || strings.HasPrefix(name, "127.")
		if to.Scheme != "https" || to.Port() != "8443" || to.User != nil || !ours {
			t.Fatalf("host %q, target %q: sent to %q", host, target, location)
		}
	})
}
