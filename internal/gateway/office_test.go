package gateway

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse/exchange"
	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/network"
)

// TestRateLimit_OfficeBehindOneAddress_AllSignIn, by the default rate; and who guesses
// there with an account of their own is limited as anybody.
func TestRateLimit_OfficeBehindOneAddress_AllSignIn(t *testing.T) {
	g, o := officeGate(t, "")
	o.shared = "first password"
	for i := range 200 {
		v := &visitor{g: g, from: "198.51.100.1"}
		if a := v.signIn(fmt.Sprintf("person%d", i), o.shared); a.StatusCode != http.StatusSeeOther {
			t.Fatalf("person %d: %s %s", i, a.Status, a.text)
		}
	}
	mallory, before := &visitor{g: g, from: "203.0.113.9"}, o.tried
	own := 0
	for i := range 100 {
		if a := mallory.signIn("mallory", o.shared); a.StatusCode == http.StatusSeeOther {
			own++
		}
		mallory.signIn(fmt.Sprint("victim", i), fmt.Sprint("guess", i))
	}
	if guesses := o.tried - before - own; guesses > 20 {
		t.Errorf("%d guesses were judged within seconds, want 20 at most", guesses)
	}
}

// TestAsks_ManyBehindTheAddress_AreACrowd by the same rule that keeps them from being
// taken for one client elsewhere.
func TestAsks_ManyBehindTheAddress_AreACrowd(t *testing.T) {
	proxy, person := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("198.51.100.1")
	for _, c := range []struct {
		name   string
		client network.Client
		want   bool
	}{
		{"a person", network.Client{Addr: person, Peer: person}, false},
		{"a person behind a trusted proxy", network.Client{Addr: person, Peer: proxy, TrustedProxy: true}, false},
		{"a trusted proxy that is itself the client", network.Client{Addr: proxy, Peer: proxy, TrustedProxy: true}, true},
		{"a peer that passes others on undeclared", network.Client{Addr: person, Peer: person, Undeclared: true}, true},
		{"loopback", network.Client{Addr: netip.MustParseAddr("127.0.0.1")}, true},
		{"nobody knows", network.Client{}, true},
	} {
		tr := &transit{r: httptest.NewRequest("GET", "/", nil), x: &exchange.Exchange{}, client: c.client}
		if got := tr.asks().Crowd; got != c.want || everybody(c.client) != c.want {
			t.Errorf("%s: a crowd is %v, want %v", c.name, got, c.want)
		}
	}
}

// TestThrottle_Refusal_TellsTheAccount that was tried, as the events of failures do.
func TestThrottle_Refusal_TellsTheAccount(t *testing.T) {
	g, _ := officeGate(t, "")
	for i := range 12 {
		v := &visitor{g: g, from: fmt.Sprintf("203.0.113.%d", i)}
		v.signIn("Ann", fmt.Sprint("guess", i))
	}
	told := g.found(EventFilter{Name: "authn_login_fail_max"}, "authn_login_fail_max")
	if len(told) == 0 {
		t.Fatal("nothing was refused")
	}
	failed := g.found(EventFilter{Name: "authn_login_fail"}, "authn_login_fail")
	for _, e := range told {
		if e.Detail["account"] != "ann" || len(failed) == 0 || e.Detail["account"] != failed[0].Detail["account"] {
			t.Errorf("told %v", e.Detail)
		}
	}
}

// TestNeededRungs_WhatOthersRelyOn_WarnsWhenOff.
func TestNeededRungs_WhatOthersRelyOn_WarnsWhenOff(t *testing.T) {
	for rung, word := range map[string]string{
		"identity/source": "identity/throttle", "identity/throttle": "device", "ratelimit/address": "routes", "input": "inputs", "network/client": "addresses",
	} {
		text := fmt.Sprintf("upstream: http://127.0.0.1:1\nmodes: {%s: {mode: off, reason: a test}}\n", rung)
		if word == "inputs" {
			word = "requests bring"
		}
		c, err := config.Parse("", []byte(text), config.Options{Rungs: RungNames(), Strict: StrictRungs(), Needed: NeededRungs()})
		if err != nil || len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0].Error(), word) || !strings.Contains(c.Warnings[0].Error(), "modes."+rung+": is off: ") {
			t.Errorf("%s off: %v, %v", rung, c, err)
		}
	}
}

// multipart sends a sign-in as multipart/form-data, with a file of size bytes before
// its fields or after them.
func (v *visitor) multipart(name, password string, size int, before bool) answered {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	file := func() {
		part, _ := w.CreateFormFile("avatar", "me.png") // a buffer takes everything
		part.Write(bytes.Repeat([]byte("x"), size))
	}
	if before {
		file()
	}
	w.WriteField("user", name)
	w.WriteField("password", password)
	if !before {
		file()
	}
	w.Close()
	return v.g.do(v.g.request("POST", "/login", &body, "X-Forwarded-For: "+v.from, "X-Forwarded-Proto: https", "Content-Type: "+w.FormDataContentType()))
}

// TestThrottle_MultipartSignIns_AreFoundAndThrottled: those that are held whole, and
// those that are parsed as they stream to the backend.
func TestThrottle_MultipartSignIns_AreFoundAndThrottled(t *testing.T) {
	for _, c := range []struct {
		name   string
		size   int
		before bool
	}{{"small", 10, false}, {"larger than the limit, fields first", 100 << 10, false}, {"larger than the limit, fields last", 100 << 10, true}} {
		t.Run(c.name, func(t *testing.T) {
			g, o := officeGate(t, "input: {limit: 64KiB}\napplication: {access: [{path: /home, signed_in: true}]}")
			owner := &visitor{g: g, from: "198.51.100.1"}
			if a := owner.multipart("bob", "battery staple", c.size, c.before); a.StatusCode != http.StatusSeeOther {
				t.Fatalf("its owner: %s %s", a.Status, a.text)
			} else {
				for _, cookie := range (&http.Response{Header: a.Header}).Cookies() {
					if owner.cookies == nil {
						owner.cookies = map[string]string{}
					}
					owner.cookies[cookie.Name] = cookie.Value
				}
			}
			if a := owner.do("GET", "/home", ""); a.StatusCode != http.StatusOK {
				t.Errorf("the session is not bound: %s", a.Status)
			}
			before, refused := o.tried, 0
			for i := range 60 {
				a := (&visitor{g: g, from: fmt.Sprintf("203.0.113.%d", i)}).multipart("ann", fmt.Sprint("guess", i), c.size, c.before)
				if a.StatusCode == http.StatusTooManyRequests {
					refused++
				}
			}
			if judged := o.tried - before; judged > 10 || refused < 50 {
				t.Errorf("%d guesses were judged, %d refused", judged, refused)
			}
		})
	}
}
