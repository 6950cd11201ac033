package network

import (
	"net/netip"
	"strings"
	"testing"
)

func TestNew_BadOptions_NamesTheOption(t *testing.T) {
	c := newClock()
	good := Options{Store: memoryStore(t, c), Recorder: &notes{}}
	cases := []struct {
		change func(*Options)
		want   string
	}{
		{func(o *Options) { o.Store = nil }, "Store"},
		{func(o *Options) { o.Recorder = nil }, "Recorder"},
		{func(o *Options) { o.Deny = []netip.Prefix{{}} }, "Deny[0]"},
		{func(o *Options) { o.Allow = prefixes(t, "10.0.0.0/8", "::ffff:0:0/90") }, "Allow[1]"},
		{func(o *Options) { o.TrustedProxies = prefixes(t, "0.0.0.0/0") }, "TrustedProxies"},
		{func(o *Options) { o.TrustedProxies = prefixes(t, "::/0") }, "TrustedProxies"},
		{func(o *Options) {
			o.TrustedProxies, o.Deny = prefixes(t, "10.1.0.0/16"), prefixes(t, "10.0.0.0/8")
		}, "Deny: 10.0.0.0/8 covers the trusted proxy 10.1.0.0/16"},
		{func(o *Options) { o.Strikes.Threshold = -1 }, "Strikes.Threshold"},
		{func(o *Options) { o.Strikes.Threshold = 65 }, "Strikes.Threshold"},
		{func(o *Options) { o.Strikes.Window = 1 }, "Strikes.Window"},
	}
	for _, tc := range cases {
		o := good
		tc.change(&o)
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("error %v, want one that names %q", err, tc.want)
		}
	}
}

func TestCheckPeer(t *testing.T) {
	cases := []struct {
		name  string
		lists Lists
		peer  string
		rule  string
	}{
		{"no lists, anybody", Lists{}, "203.0.113.9", ""},
		{"denied address", Lists{Deny: prefixes(t, "203.0.113.9/32")}, "203.0.113.9", RuleDenied},
		{"denied network", Lists{Deny: prefixes(t, "203.0.113.0/24")}, "203.0.113.9", RuleDenied},
		{"denied network written with host bits", Lists{Deny: prefixes(t, "203.0.113.77/24")}, "203.0.113.9", RuleDenied},
		{"neighbour of the denied", Lists{Deny: prefixes(t, "203.0.113.0/25")}, "203.0.113.200", ""},
		{"denied, as IPv4-mapped IPv6", Lists{Deny: prefixes(t, "203.0.113.0/24")}, "::ffff:203.0.113.9", RuleDenied},
		{"list written as IPv4-mapped", Lists{Deny: prefixes(t, "::ffff:203.0.113.0/120")}, "203.0.113.9", RuleDenied},
		{"IPv6 denied", Lists{Deny: prefixes(t, "2001:db8::/32")}, "2001:db8::1", RuleDenied},
		{"IPv6 with a zone", Lists{Deny: prefixes(t, "fe80::/10")}, "fe80::1%eth0", RuleDenied},
		{"an IPv4 deny does not hit IPv6", Lists{Deny: prefixes(t, "0.0.0.0/0")}, "2001:db8::1", ""},
		{"all IPv6 denied", Lists{Deny: prefixes(t, "::/0")}, "2001:db8::1", RuleDenied},
		{"allowed", Lists{Allow: prefixes(t, "203.0.113.0/24")}, "203.0.113.9", ""},
		{"not allowed", Lists{Allow: prefixes(t, "203.0.113.0/24")}, "198.51.100.1", RuleNotAllowed},
		{"allowed but denied", Lists{Allow: prefixes(t, "203.0.113.0/24"), Deny: prefixes(t, "203.0.113.9/32")}, "203.0.113.9", RuleDenied},
		{"loopback is not on the allow list", Lists{Allow: prefixes(t, "203.0.113.0/24")}, "127.0.0.1", RuleNotAllowed},
		{"a trusted proxy need not be", Lists{Allow: prefixes(t, "203.0.113.0/24"), TrustedProxies: prefixes(t, "10.0.0.0/8")}, "10.0.0.1", ""},
		{"one host taken out of the trusted", Lists{Deny: prefixes(t, "10.0.3.7/32"), TrustedProxies: prefixes(t, "10.0.0.0/8")}, "10.0.3.7", RuleDenied},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			wantRule(t, newSetup(t, tc.lists).CheckPeer(addr(tc.peer)), tc.rule)
		})
	}
	wantRule(t, newSetup(t, Lists{}).CheckPeer(netip.Addr{}), RuleNoAddress)
}

func TestSetLists_Reload_KeepsBansAndIsAllOrNothing(t *testing.T) {
	s := newSetup(t, Lists{})
	for range 5 {
		s.Strike(t.Context(), addr("203.0.113.9"), 1, "guessed passwords")
	}
	if err := s.SetLists(Lists{Deny: prefixes(t, "198.51.100.0/24")}); err != nil {
		t.Fatal(err)
	}
	wantRule(t, s.CheckPeer(addr("203.0.113.9")), RuleBanned)
	wantRule(t, s.CheckPeer(addr("198.51.100.1")), RuleDenied)
	if err := s.SetLists(Lists{Deny: []netip.Prefix{{}}}); err == nil {
		t.Fatal("an invalid list was taken")
	}
	wantRule(t, s.CheckPeer(addr("198.51.100.1")), RuleDenied)
}

func BenchmarkCheckPeer_TenThousandBans(b *testing.B) {
	s := newSetup(b, Lists{Deny: prefixes(b, "198.51.100.0/24", "2001:db8::/32")})
	for i := range 10_000 {
		a := netip.AddrFrom4([4]byte{203, 0, byte(i >> 8), byte(i)})
		for range 5 {
			s.Strike(b.Context(), a, 1, "benchmark")
		}
	}
	if got := s.Stats().Bans; got != 10_000 {
		b.Fatalf("%d bans", got)
	}
	b.ReportAllocs()
	for b.Loop() {
		s.CheckPeer(addr4)
	}
}

var addr4 = netip.AddrFrom4([4]byte{192, 0, 2, 1})
