package network

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
)

// request is what net/http would make of a connection and some header lines.
func request(peer string, lines ...string) *http.Request {
	h := http.Header{}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		h.Add(name, value)
	}
	return &http.Request{Method: "GET", Host: "shop.example", RemoteAddr: peer, Header: h}
}

func unixRequest(lines ...string) *http.Request {
	r := request("@", lines...)
	return r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, &net.UnixAddr{Name: "/run/gate.sock", Net: "unix"}))
}

// Proxies at 10.0.0.1 and 10.0.0.2 are declared; a client is 203.0.113.9, an
// attacker claims to be 6.6.6.6.
var settleCases = []struct {
	name  string
	peer  string
	lines []string
	want  string
}{
	// Ordinary use.
	{"direct client", "203.0.113.9:4000", nil, "203.0.113.9"},
	{"direct IPv6 client", "[2001:db8::9]:4000", nil, "2001:db8::9"},
	{"IPv4 on a dual-stack socket", "[::ffff:203.0.113.9]:4000", nil, "203.0.113.9"},
	{"link-local client with a zone", "[fe80::1%eth0]:4000", nil, "fe80::1"},
	{"one proxy", "10.0.0.1:4000", []string{"X-Forwarded-For: 203.0.113.9"}, "203.0.113.9"},
	{"two proxies", "10.0.0.1:4000", []string{"X-Forwarded-For: 203.0.113.9, 10.0.0.2"}, "203.0.113.9"},
	{"two proxies, a line each", "10.0.0.1:4000", []string{"X-Forwarded-For: 203.0.113.9", "X-Forwarded-For: 10.0.0.2"}, "203.0.113.9"},
	{"no spaces", "10.0.0.1:4000", []string{"X-Forwarded-For: 203.0.113.9,10.0.0.2"}, "203.0.113.9"},
	{"with a port, as Azure writes it", "10.0.0.1:4000", []string{"X-Forwarded-For: 203.0.113.9:55112"}, "203.0.113.9"},
	{"IPv6", "10.0.0.1:4000", []string{"X-Forwarded-For: 2001:db8::9"}, "2001:db8::9"},
	{"IPv6 in brackets", "10.0.0.1:4000", []string{"X-Forwarded-For: [2001:db8::9]"}, "2001:db8::9"},
	{"IPv6 with a port", "10.0.0.1:4000", []string{"X-Forwarded-For: [2001:db8::9]:55112"}, "2001:db8::9"},
	{"mapped", "10.0.0.1:4000", []string{"X-Forwarded-For: ::ffff:203.0.113.9"}, "203.0.113.9"},
	{"a mapped trusted proxy in the chain", "10.0.0.1:4000", []string{"X-Forwarded-For: 203.0.113.9, ::ffff:10.0.0.2"}, "203.0.113.9"},
	{"Forwarded", "10.0.0.1:4000", []string{`Forwarded: for=203.0.113.9;proto=https;by=10.0.0.1`}, "203.0.113.9"},
	{"Forwarded, IPv6 with a port", "10.0.0.1:4000", []string{`Forwarded: For="[2001:db8::9]:4711"`}, "2001:db8::9"},
	{"Forwarded, two hops", "10.0.0.1:4000", []string{`Forwarded: for=203.0.113.9, for=10.0.0.2;host="a,b"`}, "203.0.113.9"},
	{"both agree", "10.0.0.1:4000", []string{"X-Forwarded-For: 203.0.113.9", "Forwarded: for=203.0.113.9"}, "203.0.113.9"},
	{"a proxy's own health check", "10.0.0.1:4000", nil, "10.0.0.1"},
	{"a host of the trusted network", "10.0.0.1:4000", []string{"X-Forwarded-For: 10.0.0.2"}, "10.0.0.2"},
	{"an empty header", "10.0.0.1:4000", []string{"X-Forwarded-For: "}, "10.0.0.1"},

	// Attacks: the client writes the header itself.
	{"claim from the internet", "203.0.113.9:4000", []string{"X-Forwarded-For: 6.6.6.6"}, "203.0.113.9"},
	{"claim of loopback", "203.0.113.9:4000", []string{"X-Forwarded-For: 127.0.0.1", "X-Real-IP: 127.0.0.1"}, "203.0.113.9"},
	{"claim of a trusted proxy", "203.0.113.9:4000", []string{"X-Forwarded-For: 10.0.0.1"}, "203.0.113.9"},
	{"claim in Forwarded", "203.0.113.9:4000", []string{"Forwarded: for=6.6.6.6"}, "203.0.113.9"},
	{"claim from an undeclared private peer", "192.168.1.5:4000", []string{"X-Forwarded-For: 6.6.6.6"}, "192.168.1.5"},
	{"claim from loopback", "127.0.0.1:4000", []string{"X-Forwarded-For: 6.6.6.6"}, "127.0.0.1"},
	{"claim before what the proxy appended", "10.0.0.1:4000", []string{"X-Forwarded-For: 6.6.6.6, 203.0.113.9"}, "203.0.113.9"},
	{"claim on a line of its own", "10.0.0.1:4000", []string{"X-Forwarded-For: 6.6.6.6", "X-Forwarded-For: 203.0.113.9"}, "203.0.113.9"},
	{"claim of a proxy before it", "10.0.0.1:4000", []string{"X-Forwarded-For: 6.6.6.6, 10.0.0.2, 203.0.113.9"}, "203.0.113.9"},
	{"many claims", "10.0.0.1:4000", []string{"X-Forwarded-For: " + strings.Repeat("6.6.6.6, ", 5000) + "203.0.113.9"}, "203.0.113.9"},
	{"many claims of trusted proxies", "10.0.0.1:4000", []string{"X-Forwarded-For: 6.6.6.6" + strings.Repeat(", 10.0.0.2", 5000)}, "10.0.0.2"},
	{"an open quote in Forwarded", "10.0.0.1:4000", []string{`Forwarded: for="6.6.6.6, for=203.0.113.9`}, "203.0.113.9"},
	{"an open quote and a semicolon", "10.0.0.1:4000", []string{`Forwarded: for=6.6.6.6;x=", for=203.0.113.9`}, "203.0.113.9"},
	{"an escaped quote", "10.0.0.1:4000", []string{`Forwarded: for="6.6.6.6\", for=203.0.113.9`}, "203.0.113.9"},
	{"Forwarded that an X-Forwarded-For proxy lets through", "10.0.0.1:4000", []string{"Forwarded: for=6.6.6.6", "X-Forwarded-For: 203.0.113.9"}, "203.0.113.9"},
	{"X-Real-IP is not believed", "10.0.0.1:4000", []string{"X-Real-IP: 6.6.6.6", "True-Client-IP: 6.6.6.6", "CF-Connecting-IP: 6.6.6.6"}, "10.0.0.1"},

	// Garbage: stop at the last good one, never take what stands left of it.
	{"garbage appended", "10.0.0.1:4000", []string{"X-Forwarded-For: 6.6.6.6, unknown"}, "10.0.0.1"},
	{"an empty entry appended", "10.0.0.1:4000", []string{"X-Forwarded-For: 6.6.6.6, "}, "10.0.0.1"},
	{"an empty line after", "10.0.0.1:4000", []string{"X-Forwarded-For: 6.6.6.6", "X-Forwarded-For: "}, "10.0.0.1"},
	{"garbage behind a proxy", "10.0.0.1:4000", []string{"X-Forwarded-For: 6.6.6.6, x, 10.0.0.2"}, "10.0.0.2"},
	{"garbage left of the client", "10.0.0.1:4000", []string{"X-Forwarded-For: <script>, 203.0.113.9"}, "203.0.113.9"},
	{"leading zeros", "10.0.0.1:4000", []string{"X-Forwarded-For: 010.0.0.02"}, "10.0.0.1"},
	{"a decimal address", "10.0.0.1:4000", []string{"X-Forwarded-For: 3405803785"}, "10.0.0.1"},
	{"an unspecified address", "10.0.0.1:4000", []string{"X-Forwarded-For: 0.0.0.0"}, "10.0.0.1"},
	{"multicast", "10.0.0.1:4000", []string{"X-Forwarded-For: 224.0.0.1"}, "10.0.0.1"},
	{"a name", "10.0.0.1:4000", []string{"X-Forwarded-For: localhost"}, "10.0.0.1"},
	{"two in one", "10.0.0.1:4000", []string{"X-Forwarded-For: 6.6.6.6 203.0.113.9"}, "10.0.0.1"},
	{"an address and a path", "10.0.0.1:4000", []string{"X-Forwarded-For: 6.6.6.6/24"}, "10.0.0.1"},
	{"IPv4 in brackets", "10.0.0.1:4000", []string{"X-Forwarded-For: [6.6.6.6]"}, "10.0.0.1"},
	{"an open bracket", "10.0.0.1:4000", []string{"X-Forwarded-For: [2001:db8::9"}, "10.0.0.1"},
	{"a bracket and more", "10.0.0.1:4000", []string{"X-Forwarded-For: [2001:db8::9]x"}, "10.0.0.1"},
	{"no-break space", "10.0.0.1:4000", []string{"X-Forwarded-For: 6.6.6.6\u00a0"}, "10.0.0.1"},
	{"Forwarded of an unknown", "10.0.0.1:4000", []string{"Forwarded: for=6.6.6.6, for=unknown"}, "10.0.0.1"},
	{"Forwarded of an obfuscated", "10.0.0.1:4000", []string{"Forwarded: for=6.6.6.6, for=_hidden"}, "10.0.0.1"},
	{"Forwarded twice in one", "10.0.0.1:4000", []string{"Forwarded: for=6.6.6.6;for=203.0.113.9"}, "10.0.0.1"},
	{"Forwarded without for", "10.0.0.1:4000", []string{"Forwarded: for=6.6.6.6, proto=https"}, "10.0.0.1"},
	{"Forwarded with spaces about =", "10.0.0.1:4000", []string{"Forwarded: for = 6.6.6.6"}, "10.0.0.1"},
	{"Forwarded, a value and more", "10.0.0.1:4000", []string{`Forwarded: for="6.6.6.6"x`}, "10.0.0.1"},
	{"Forwarded, empty pairs", "10.0.0.1:4000", []string{"Forwarded: ;;for=203.0.113.9;"}, "203.0.113.9"},
}

func TestSettle_Address(t *testing.T) {
	for _, tc := range settleCases {
		t.Run(tc.name, func(t *testing.T) {
			s := newSetup(t, Lists{TrustedProxies: prefixes(t, "10.0.0.0/30")})
			c, d := s.Settle(request(tc.peer, tc.lines...))
			wantRule(t, d, "")
			if c.Addr != addr(tc.want) {
				t.Errorf("client %s, want %s", c.Addr, tc.want)
			}
			if c.TrustedProxy != strings.HasPrefix(tc.peer, "10.0.0.") {
				t.Errorf("TrustedProxy is %t", c.TrustedProxy)
			}
		})
	}
}

func TestSettle_HeadersDisagree_UsesXForwardedForAndSaysSo(t *testing.T) {
	s := newSetup(t, Lists{TrustedProxies: prefixes(t, "10.0.0.0/30")})
	_, d := s.Settle(request("10.0.0.1:1", "X-Forwarded-For: 203.0.113.9", "Forwarded: for=6.6.6.6"))
	want := gatehouse.Decision{Verdict: gatehouse.Pass, Rule: RuleDisagree,
		Evidence: "The trusted proxy's X-Forwarded-For names 203.0.113.9 and its Forwarded 6.6.6.6; X-Forwarded-For was used."}
	if d != want {
		t.Errorf("got %+v, want %+v", d, want)
	}
	_, d = s.Settle(request("10.0.0.1:1", "X-Forwarded-For: 203.0.113.9", "Forwarded: for=203.0.113.9"))
	if d != gatehouse.Passed() {
		t.Errorf("headers that agree: %+v", d)
	}
}

func TestSettle_ProtoAndHost_OnlyOfATrustedProxy(t *testing.T) {
	cases := []struct {
		name  string
		r     *http.Request
		tls   bool
		proto string
		host  string
	}{
		{"direct", request("203.0.113.9:1"), false, "http", "shop.example"},
		{"direct over TLS", request("203.0.113.9:1"), true, "https", "shop.example"},
		{"a stranger's claim", request("203.0.113.9:1", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil.example"), false, "http", "shop.example"},
		{"an undeclared proxy's", request("192.168.1.5:1", "X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil.example"), false, "http", "shop.example"},
		{"a proxy's", request("10.0.0.1:1", "X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https", "X-Forwarded-Host: www.example:8443"), false, "https", "www.example:8443"},
		{"a proxy's, without an address", request("10.0.0.1:1", "X-Forwarded-Proto: HTTPS"), false, "https", "shop.example"},
		{"a proxy that was spoken to in the clear", request("10.0.0.1:1", "X-Forwarded-Proto: http"), true, "http", "shop.example"},
		{"WebSocket's scheme", request("10.0.0.1:1", "X-Forwarded-Proto: wss"), false, "https", "shop.example"},
		{"a claim that the proxy appended to", request("10.0.0.1:1", "X-Forwarded-For: 6.6.6.6, 203.0.113.9", "X-Forwarded-Proto: https, http", "X-Forwarded-Host: evil.example, www.example"), false, "http", "www.example"},
		{"two proxies that append", request("10.0.0.1:1", "X-Forwarded-For: 203.0.113.9, 10.0.0.2", "X-Forwarded-Proto: https, http"), false, "https", "shop.example"},
		{"a claim before two proxies that append", request("10.0.0.1:1", "X-Forwarded-For: 6.6.6.6, 203.0.113.9, 10.0.0.2", "X-Forwarded-Proto: http, https, http"), false, "https", "shop.example"},
		{"two proxies, the first writes, the second keeps", request("10.0.0.1:1", "X-Forwarded-For: 203.0.113.9, 10.0.0.2", "X-Forwarded-Proto: https"), false, "https", "shop.example"},
		{"garbage", request("10.0.0.1:1", "X-Forwarded-Proto: javascript", "X-Forwarded-Host: a/b@c"), false, "http", "shop.example"},
		{"a host with a line break", request("10.0.0.1:1", "X-Forwarded-Host: a\r\nSet-Cookie: x"), false, "http", "shop.example"},
		{"an endless host", request("10.0.0.1:1", "X-Forwarded-Host: "+strings.Repeat("a", 300)), false, "http", "shop.example"},
		{"Forwarded's", request("10.0.0.1:1", `Forwarded: for=203.0.113.9;proto=https;host="www.example:8443"`), false, "https", "www.example:8443"},
		{"Forwarded's of the client's hop", request("10.0.0.1:1", `Forwarded: for=6.6.6.6;proto=http, for=203.0.113.9;proto=https, for=10.0.0.2;proto=http`), false, "https", "shop.example"},
		{"X-Forwarded-Proto beside Forwarded alone", request("10.0.0.1:1", "Forwarded: for=203.0.113.9", "X-Forwarded-Proto: https"), false, "http", "shop.example"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			s := newSetup(t, Lists{TrustedProxies: prefixes(t, "10.0.0.0/30")})
			if tc.tls {
				tc.r.TLS = &tls.ConnectionState{}
			}
			c, _ := s.Settle(tc.r)
			if c.Proto != tc.proto || c.Host != tc.host {
				t.Errorf("%s://%s, want %s://%s", c.Proto, c.Host, tc.proto, tc.host)
			}
		})
	}
}

func TestSettle_ListsAndBans_ApplyToTheClientBehindTheProxy(t *testing.T) {
	l := Lists{TrustedProxies: prefixes(t, "10.0.0.0/24"), Deny: prefixes(t, "198.51.100.0/24", "10.0.0.99/32")}
	s := newSetup(t, l)
	s.strike(t, "203.0.113.9", 5)
	for _, tc := range []struct {
		peer, xff, rule string
		close           bool
	}{
		{"10.0.0.1:1", "203.0.113.9", RuleBanned, false},
		{"203.0.113.9:1", "", RuleBanned, true},
		{"10.0.0.1:1", "203.0.113.10", "", false},
		{"10.0.0.1:1", "198.51.100.1", RuleDenied, false},
		{"10.0.0.1:1", "10.0.0.99", RuleDenied, false},
		{"10.0.0.1:1", "203.0.113.9, 10.0.0.99", RuleBanned, false},
	} {
		r := request(tc.peer)
		if tc.xff != "" {
			r = request(tc.peer, "X-Forwarded-For: "+tc.xff)
		}
		_, d := s.Settle(r)
		wantRule(t, d, tc.rule)
		if d.Close != tc.close {
			t.Errorf("%s, %s: Close is %t, since other clients share the proxy's connection", tc.peer, tc.xff, d.Close)
		}
	}
	l.Allow = prefixes(t, "203.0.113.0/24")
	if err := s.SetLists(l); err != nil {
		t.Fatal(err)
	}
	_, d := s.Settle(request("10.0.0.1:1", "X-Forwarded-For: 192.0.2.1"))
	wantRule(t, d, RuleNotAllowed)
	_, d = s.Settle(request("10.0.0.1:1", "X-Forwarded-For: 203.0.113.77"))
	wantRule(t, d, "")
	_, d = s.Settle(request("10.0.0.1:1"))
	wantRule(t, d, "")
}

func TestSettle_NoAddress_IsRefused(t *testing.T) {
	for _, peer := range []string{"", "@", "203.0.113.9", "nonsense:80", "[::1]"} {
		_, d := newSetup(t, Lists{}).Settle(request(peer))
		wantRule(t, d, RuleNoAddress)
	}
}

func TestSettle_UnixSocket(t *testing.T) {
	lists := Lists{TrustedProxies: prefixes(t, "10.0.0.0/24"), Allow: prefixes(t, "203.0.113.0/24")}
	s := newSetup(t, lists)
	c, d := s.Settle(unixRequest("X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https"))
	wantRule(t, d, "")
	want := Client{Addr: addr("127.0.0.1"), Proto: "http", Host: "shop.example", Unix: true, Undeclared: true}
	if c != want {
		t.Errorf("undeclared: %+v, want %+v", c, want)
	}
	lists.UnixTrusted = true
	if err := s.SetLists(lists); err != nil {
		t.Fatal(err)
	}
	c, d = s.Settle(unixRequest("X-Forwarded-For: 203.0.113.9, 10.0.0.2", "X-Forwarded-Proto: https"))
	wantRule(t, d, "")
	want = Client{Addr: addr("203.0.113.9"), Proto: "https", Host: "shop.example", Unix: true, TrustedProxy: true}
	if c != want {
		t.Errorf("declared: %+v, want %+v", c, want)
	}
	_, d = s.Settle(unixRequest("X-Forwarded-For: 192.0.2.1"))
	wantRule(t, d, RuleNotAllowed)
	_, d = s.Settle(unixRequest())
	wantRule(t, d, "")
}

func TestSettle_UndeclaredProxy_SaidOnceAndNeverBannedByStrikes(t *testing.T) {
	s := newSetup(t, Lists{})
	c, _ := s.Settle(request("192.168.1.5:1"))
	if c.Undeclared {
		t.Error("a private peer without forwarding headers is suspected")
	}
	s.strike(t, "192.168.1.5", 5) // before the first header
	_, d := s.Settle(request("192.168.1.5:1"))
	wantRule(t, d, RuleBanned)
	for range 3 {
		c, d = s.Settle(request("192.168.1.5:1", "X-Forwarded-For: 203.0.113.9"))
		wantRule(t, d, "")
		if !c.Undeclared || c.Addr != addr("192.168.1.5") {
			t.Errorf("%+v, want an undeclared 192.168.1.5", c)
		}
	}
	wantRule(t, s.CheckPeer(addr("192.168.1.5")), "")
	c, d = s.Settle(request("192.168.1.5:2"))
	wantRule(t, d, "")
	if !c.Undeclared {
		t.Error("the peer is forgotten at the next request")
	}
	s.strike(t, "192.168.1.5", 50)
	wantRule(t, s.CheckPeer(addr("192.168.1.5")), "")
	if got := s.notes.named("gate_undeclared_proxy"); len(got) != 1 {
		t.Errorf("%d events, want 1", len(got))
	}
	// A person's decision, and the deny list, hold all the same.
	if err := s.Ban(t.Context(), netip.MustParsePrefix("192.168.1.5/32"), time.Time{}, "x", "ada"); err != nil {
		t.Fatal(err)
	}
	wantRule(t, s.CheckPeer(addr("192.168.1.5")), RuleBanned)
}

func TestSettle_WhoIsSuspected(t *testing.T) {
	for _, tc := range []struct {
		peer, line string
		want       bool
	}{
		{"192.168.1.5:1", "X-Forwarded-For: 1.2.3.4", true},
		{"172.17.0.1:1", "X-Forwarded-For: 1.2.3.4", true},
		{"100.64.0.9:1", "Forwarded: for=1.2.3.4", true},
		{"[fd00::1]:1", "X-Real-IP: 1.2.3.4", true},
		{"169.254.8.1:1", "CF-Connecting-IP: 1.2.3.4", true},
		{"127.0.0.1:1", "X-Forwarded-For: 1.2.3.4", true},
		{"192.168.1.5:1", "Accept: text/html", false},
		{"203.0.113.9:1", "X-Forwarded-For: 1.2.3.4", false},
		{"[2001:db8::1]:1", "X-Forwarded-For: 1.2.3.4", false},
		{"100.128.0.1:1", "X-Forwarded-For: 1.2.3.4", false},
		{"172.32.0.1:1", "X-Forwarded-For: 1.2.3.4", false},
	} {
		s := newSetup(t, Lists{})
		c, _ := s.Settle(request(tc.peer, tc.line))
		if c.Undeclared != tc.want || len(s.notes.named("gate_undeclared_proxy")) > 0 != tc.want {
			t.Errorf("%s with %q: suspected is %t", tc.peer, tc.line, c.Undeclared)
		}
	}
}

func TestSettle_StrangerWithForwardingHeaders_IsBannedAllTheSame(t *testing.T) {
	s := newSetup(t, Lists{})
	s.strike(t, "203.0.113.9", 5)
	_, d := s.Settle(request("203.0.113.9:1", "X-Forwarded-For: 192.168.1.5"))
	wantRule(t, d, RuleBanned)
}

func TestSuspects_Many_AreBoundedAndTheIdleMakeRoom(t *testing.T) {
	s := newSetup(t, Lists{})
	settle := func(i int) Client {
		c, _ := s.Settle(request(fmt.Sprintf("10.0.%d.%d:1", i>>8, i&255), "X-Forwarded-For: 1.2.3.4"))
		return c
	}
	for i := range 3 * maxSuspects {
		if c := settle(i); !c.Undeclared {
			t.Fatalf("peer %d is not spared", i)
		}
	}
	if got := len(s.suspects.seen); got != maxSuspects {
		t.Errorf("%d peers remembered, want %d", got, maxSuspects)
	}
	if got := len(s.notes.named("gate_undeclared_proxy")); got != maxSuspects {
		t.Errorf("%d events, want %d", got, maxSuspects)
	}
	s.clock.pass(suspectMemory/2 + time.Second)
	settle(0) // still in use
	s.clock.pass(suspectMemory/2 + time.Second)
	settle(3 * maxSuspects)
	if len(s.suspects.seen) != 2 || !s.suspects.has(addr("10.0.0.0")) {
		t.Errorf("%d peers remembered, want the one in use and the new one", len(s.suspects.seen))
	}
}

// slowWalk is the rule of Settle again, written for clarity: join the lines,
// split, walk from the right.
func slowWalk(peer netip.Addr, lines []string, trusts func(netip.Addr) bool) netip.Addr {
	client := peer
	if len(lines) == 0 {
		return client
	}
	entries := strings.Split(strings.Join(lines, ","), ",")
	for hops := 0; hops < maxHops && len(entries) > 0 && trusts(client); hops++ {
		last := strings.Trim(entries[len(entries)-1], " \t")
		entries = entries[:len(entries)-1]
		a, ok := parseNode(last)
		if !ok {
			break
		}
		client = a
	}
	return client
}

func FuzzSettle(f *testing.F) {
	for _, tc := range settleCases {
		var lines [2]string
		forwarded := ""
		at := 0
		for _, line := range tc.lines {
			name, value, _ := strings.Cut(line, ": ")
			switch {
			case name == "Forwarded":
				forwarded = value
			case name == "X-Forwarded-For" && at < 2:
				lines[at] = value
				at++
			}
		}
		f.Add(lines[0], lines[1], at, forwarded, "https", "www.example")
	}
	l := Lists{TrustedProxies: prefixes(f, "10.0.0.0/30")}
	s := newSetup(f, l)
	trusts := s.lists.Load().trusts
	peer := addr("10.0.0.1")
	f.Fuzz(func(t *testing.T, a, b string, count int, forwarded, proto, host string) {
		r := request("10.0.0.1:1")
		xff := []string{a, b}[:min(max(count, 0), 2)]
		if len(xff) > 0 {
			r.Header["X-Forwarded-For"] = xff
		}
		if forwarded != "" {
			r.Header["Forwarded"] = []string{forwarded}
		}
		r.Header["X-Forwarded-Proto"], r.Header["X-Forwarded-Host"] = []string{proto}, []string{host}
		c, d := s.Settle(r)
		if d.Verdict != gatehouse.Pass || !c.Addr.IsValid() || c.Addr != normal(c.Addr) {
			t.Fatalf("client %v, decision %+v", c.Addr, d)
		}
		if len(xff) > 0 {
			if want := slowWalk(peer, xff, trusts); c.Addr != want {
				t.Errorf("client %s of %q, want %s", c.Addr, xff, want)
			}
		}
		if c.Proto != "http" && c.Proto != "https" || strings.ContainsAny(c.Host, " \r\n/\\@?#") {
			t.Errorf("%q://%q", c.Proto, c.Host)
		}
		// What a proxy appends is found whatever a client wrote before it.
		r.Header = http.Header{"X-Forwarded-For": {a + ", 203.0.113.9"}}
		if c, _ := s.Settle(r); c.Addr != addr("203.0.113.9") {
			t.Errorf("%q before it hides the client: %s", a, c.Addr)
		}
		r.Header = http.Header{"Forwarded": {forwarded + ", for=203.0.113.9"}}
		if c, _ := s.Settle(r); c.Addr != addr("203.0.113.9") {
			t.Errorf("%q before it hides the client: %s", forwarded, c.Addr)
		}
	})
}
