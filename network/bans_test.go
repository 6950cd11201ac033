package network

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/store"
)

func (s *setup) strike(t testing.TB, a string, times int) {
	t.Helper()
	for range times {
		s.Strike(t.Context(), addr(a), 1, "guessed passwords")
	}
}

func TestStrike_FifthWithinTenMinutes_Bans(t *testing.T) {
	s := newSetup(t, Lists{})
	s.strike(t, "203.0.113.9", 4)
	wantRule(t, s.CheckPeer(addr("203.0.113.9")), "")
	s.strike(t, "203.0.113.9", 1)
	d := s.CheckPeer(addr("203.0.113.9"))
	wantRule(t, d, RuleBanned)
	if want := "203.0.113.9 is banned until 2026-03-01T12:10:00Z, by strikes: guessed passwords"; d.Evidence != want {
		t.Errorf("evidence %q, want %q", d.Evidence, want)
	}
	wantRule(t, s.CheckPeer(addr("203.0.113.10")), "")
	if got := s.notes.named("gate_banned"); len(got) != 1 || got[0].Detail["strikes"] != "5" || got[0].Client != "203.0.113.9" {
		t.Errorf("events %+v, want one with five strikes", got)
	}
}

func TestStrike_SpreadOverMoreThanTheWindow_DoesNotBan(t *testing.T) {
	s := newSetup(t, Lists{})
	for range 40 {
		s.strike(t, "203.0.113.9", 1)
		s.clock.pass(150*time.Second + time.Millisecond) // four in any ten minutes
	}
	if got := s.Bans(t.Context()); len(got) != 0 {
		t.Errorf("banned: %v", got)
	}
}

func TestStrike_FiveSpreadOverTheWindow_Bans(t *testing.T) {
	// Wherever the window begins: the generations' turn must not lose strikes.
	for offset := time.Duration(0); offset < 11*time.Minute; offset += 30 * time.Second {
		s := newSetup(t, Lists{})
		s.strike(t, "198.51.100.1", 1)
		s.clock.pass(offset)
		for range 5 {
			s.clock.pass(149 * time.Second)
			s.strike(t, "203.0.113.9", 1)
			s.strike(t, "198.51.100.7", 1)
		}
		if got := len(s.Bans(t.Context())); got != 2 {
			t.Errorf("offset %s: %d bans, want 2", offset, got)
		}
	}
}

func TestStrike_Weight(t *testing.T) {
	for weight, times := range map[int]int{5: 1, 1000: 1, 3: 2, 2: 3, 1: 5, 0: 5, -7: 5} {
		s := newSetup(t, Lists{})
		for i := 1; i <= times; i++ {
			if got := len(s.Bans(t.Context())); got != 0 {
				t.Errorf("weight %d: banned after %d", weight, i-1)
			}
			s.Strike(t.Context(), addr("203.0.113.9"), weight, "x")
		}
		if got := len(s.Bans(t.Context())); got != 1 {
			t.Errorf("weight %d: not banned after %d", weight, times)
		}
	}
}

func TestStrike_IPv6_BansTheWholeSlash64(t *testing.T) {
	s := newSetup(t, Lists{})
	for i := range 5 {
		s.Strike(t.Context(), netip.AddrFrom16([16]byte{0x20, 0x01, 0xd, 0xb8, 0, 0, 0, 1, 15: byte(i)}), 1, "x")
	}
	wantRule(t, s.CheckPeer(addr("2001:db8:0:1:ffff::1")), RuleBanned)
	wantRule(t, s.CheckPeer(addr("2001:db8:0:2::1")), "")
}

func TestStrike_MappedAddress_IsTheIPv4One(t *testing.T) {
	s := newSetup(t, Lists{})
	s.strike(t, "::ffff:203.0.113.9", 5)
	wantRule(t, s.CheckPeer(addr("203.0.113.9")), RuleBanned)
	wantRule(t, s.CheckPeer(addr("::ffff:203.0.113.10")), "")
}

func TestStrike_NeverBansLoopbackAndTrustedProxies(t *testing.T) {
	s := newSetup(t, Lists{TrustedProxies: prefixes(t, "10.0.0.0/8", "2001:db8::/64")})
	for _, a := range []string{"127.0.0.1", "127.9.9.9", "::1", "10.2.3.4", "2001:db8::7", "::ffff:127.0.0.1"} {
		s.strike(t, a, 100)
		wantRule(t, s.CheckPeer(addr(a)), "")
	}
	s.Strike(t.Context(), netip.Addr{}, 100, "x")
	if got := s.Bans(t.Context()); len(got) != 0 {
		t.Errorf("bans %v, want none", got)
	}
}

func TestBan_Expired_LetsClientPass(t *testing.T) {
	s := newSetup(t, Lists{})
	s.strike(t, "203.0.113.9", 5)
	s.clock.pass(10*time.Minute - time.Second)
	wantRule(t, s.CheckPeer(addr("203.0.113.9")), RuleBanned)
	s.clock.pass(time.Second)
	wantRule(t, s.CheckPeer(addr("203.0.113.9")), "")
}

func TestBan_Repeated_GetsLongerAndForgetsAfterAQuietWeek(t *testing.T) {
	s := newSetup(t, Lists{})
	for i, want := range []time.Duration{10 * time.Minute, time.Hour, 24 * time.Hour, 7 * 24 * time.Hour, 7 * 24 * time.Hour} {
		s.strike(t, "203.0.113.9", 5)
		bans := s.Bans(t.Context())
		if len(bans) != 1 || bans[0].Until.Sub(s.clock.now()) != want || bans[0].Times != i+1 {
			t.Fatalf("ban %d: %+v, want one of %s", i+1, bans, want)
		}
		s.clock.pass(want)
		if i == 1 {
			s.restart(t, Lists{}) // the count survives
		}
	}
	s.clock.pass(banMemory + time.Second)
	s.Sweep()
	if got := len(s.bans.all.values); got != 0 {
		t.Errorf("%d entries left after the sweep", got)
	}
	s.strike(t, "203.0.113.9", 5)
	if got := s.Bans(t.Context())[0]; got.Times != 1 || got.Until.Sub(s.clock.now()) != 10*time.Minute {
		t.Errorf("after a quiet week: %+v, want the first ban again", got)
	}
}

func TestBan_Restart_StaysInForce(t *testing.T) {
	s := newSetup(t, Lists{})
	s.strike(t, "203.0.113.9", 5)
	if err := s.Ban(t.Context(), netip.MustParsePrefix("198.51.0.0/16"), time.Time{}, "scrapers", "ada"); err != nil {
		t.Fatal(err)
	}
	before := s.Bans(t.Context())
	s.restart(t, Lists{})
	wantRule(t, s.CheckPeer(addr("203.0.113.9")), RuleBanned)
	wantRule(t, s.CheckPeer(addr("198.51.100.1")), RuleBanned)
	after := s.Bans(t.Context())
	if len(after) != 2 || after[0] != before[0] || after[1] != before[1] {
		t.Errorf("after the restart %v, before %v", after, before)
	}
}

func TestBan_OfPerson_HoldsUntilLifted(t *testing.T) {
	s := newSetup(t, Lists{TrustedProxies: prefixes(t, "198.51.100.3/32")})
	p := netip.MustParsePrefix("198.51.100.77/24")
	if err := s.Ban(t.Context(), p, time.Time{}, "scrapers", "ada"); err != nil {
		t.Fatal(err)
	}
	s.clock.pass(10_000 * time.Hour)
	d := s.CheckPeer(addr("198.51.100.9"))
	wantRule(t, d, RuleBanned)
	if want := "198.51.100.9 is banned as part of 198.51.100.0/24 until someone lifts it, by ada: scrapers"; d.Evidence != want {
		t.Errorf("evidence %q, want %q", d.Evidence, want)
	}
	wantRule(t, s.CheckPeer(addr("198.51.100.3")), "")
	s.strike(t, "198.51.100.9", 5) // a shorter ban inside must not end the long one
	s.clock.pass(time.Hour)
	wantRule(t, s.CheckPeer(addr("198.51.100.9")), RuleBanned)
	if err := s.Unban(t.Context(), p, "ada"); err != nil {
		t.Fatal(err)
	}
	wantRule(t, s.CheckPeer(addr("198.51.100.9")), "")
	s.restart(t, Lists{})
	wantRule(t, s.CheckPeer(addr("198.51.100.9")), "")
	if got := s.notes.named("gate_unbanned"); len(got) != 1 {
		t.Errorf("%d events of lifting, want 1", len(got))
	}
}

func TestBan_NonsenseOfPerson_IsOneClearLine(t *testing.T) {
	s := newSetup(t, Lists{TrustedProxies: prefixes(t, "10.0.0.0/8")})
	soon := s.clock.now().Add(time.Hour)
	for _, tc := range []struct {
		prefix, reason, by, want string
		until                    time.Time
	}{
		{"0.0.0.0/0", "x", "ada", "too wide", soon},
		{"128.0.0.0/7", "x", "ada", "too wide", soon},
		{"2001::/16", "x", "ada", "too wide", soon},
		{"127.0.0.1/32", "x", "ada", "never banned", soon},
		{"::1/128", "x", "ada", "never banned", soon},
		{"10.1.2.3/32", "x", "ada", "trusted proxy", soon},
		{"203.0.113.9/32", "", "ada", "reason", soon},
		{"203.0.113.9/32", "x", "", "who bans", soon},
		{"203.0.113.9/32", "x", ByStrikes, "who bans", soon},
		{"203.0.113.9/32", "x", "ada", "has passed", s.clock.now()},
	} {
		err := s.Ban(t.Context(), netip.MustParsePrefix(tc.prefix), tc.until, tc.reason, tc.by)
		if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v, want one line with %q", tc.prefix, err, tc.want)
		}
	}
	if err := s.Ban(t.Context(), netip.Prefix{}, soon, "x", "ada"); err == nil {
		t.Error("the zero prefix was banned")
	}
	if err := s.Unban(t.Context(), netip.MustParsePrefix("203.0.113.9/32"), "ada"); !errors.Is(err, ErrNoBan) {
		t.Errorf("lifting what is not banned: %v", err)
	}
	if got := len(s.Bans(t.Context())); got != 0 {
		t.Errorf("%d bans", got)
	}
}

func TestUnban_OneIPv6Address_LiftsItsSlash64AndForgetsTheStrikes(t *testing.T) {
	s := newSetup(t, Lists{})
	s.strike(t, "2001:db8::1", 5)
	if err := s.Unban(t.Context(), netip.MustParsePrefix("2001:db8::1/128"), "ada"); err != nil {
		t.Fatal(err)
	}
	s.strike(t, "2001:db8::1", 4)
	wantRule(t, s.CheckPeer(addr("2001:db8::1")), "")
	s.strike(t, "2001:db8::1", 1)
	if got := s.Bans(t.Context()); len(got) != 1 || got[0].Times != 1 {
		t.Errorf("after lifting: %+v, want a first ban", got)
	}
}

func TestBan_StoreFails_HoldsAndSaysSo(t *testing.T) {
	s := newSetup(t, Lists{})
	broken := &brokenStore{Store: s.store, broken: true}
	s.store = broken
	s.restart(t, Lists{})
	s.strike(t, "203.0.113.9", 5)
	wantRule(t, s.CheckPeer(addr("203.0.113.9")), RuleBanned)
	got := s.notes.named("gate_banned")
	if len(got) != 1 || !strings.Contains(got[0].Words+got[0].Evidence+got[0].Detail["reason"], "a restart will forget it") {
		t.Errorf("events %+v, want one that says the ban is not kept", got)
	}
	err := s.Ban(t.Context(), netip.MustParsePrefix("198.51.100.1/32"), time.Time{}, "x", "ada")
	if !errors.Is(err, errDisk) {
		t.Errorf("error %v, want the store's", err)
	}
	wantRule(t, s.CheckPeer(addr("198.51.100.1")), RuleBanned)
	if err := s.Unban(t.Context(), netip.MustParsePrefix("198.51.100.1/32"), "ada"); !errors.Is(err, errDisk) {
		t.Errorf("error %v, want the store's", err)
	}
	wantRule(t, s.CheckPeer(addr("198.51.100.1")), RuleBanned)
}

func TestStrike_ClientHungUp_BanIsKeptAllTheSame(t *testing.T) {
	s := newSetup(t, Lists{})
	s.store = &brokenStore{Store: s.store}
	s.restart(t, Lists{})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range 5 {
		s.Strike(gone, addr("203.0.113.9"), 1, "x")
	}
	s.restart(t, Lists{})
	wantRule(t, s.CheckPeer(addr("203.0.113.9")), RuleBanned)
}

func TestNew_DamagedRecord_StillKeepsOut(t *testing.T) {
	s := newSetup(t, Lists{})
	r := store.Record{Kind: banKind, Key: "203.0.113.9/32", Value: []byte("{half"), Expires: s.clock.now().Add(time.Hour)}
	if err := store.Put(t.Context(), s.store, r); err != nil {
		t.Fatal(err)
	}
	// A record that claims to be about another prefix than its key is damaged too.
	r.Key, r.Value = "203.0.113.10/32", []byte(`{"prefix":"192.0.2.1/32"}`)
	if err := store.Put(t.Context(), s.store, r); err != nil {
		t.Fatal(err)
	}
	s.restart(t, Lists{})
	wantRule(t, s.CheckPeer(addr("203.0.113.9")), RuleBanned)
	wantRule(t, s.CheckPeer(addr("203.0.113.10")), RuleBanned)
	wantRule(t, s.CheckPeer(addr("192.0.2.1")), "")

	if err := store.Put(t.Context(), s.store, store.Record{Kind: banKind, Key: "nonsense", Value: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Options{Store: s.store, Recorder: s.notes, Now: s.clock.now}); err == nil || !strings.Contains(err.Error(), `"nonsense"`) {
		t.Errorf("error %v, want one that names the record", err)
	}
}

func TestStrike_ManyAddresses_MemoryIsBounded(t *testing.T) {
	s := newSetup(t, Lists{})
	for i := range 5 * maxStruck {
		s.Strike(t.Context(), netip.AddrFrom4([4]byte{100, byte(i >> 16), byte(i >> 8), byte(i)}), 1, "x")
	}
	if got := len(s.strikes.young) + len(s.strikes.old); got > 2*maxStruck {
		t.Errorf("%d addresses held, want at most %d", got, 2*maxStruck)
	}
}

func TestBans_TooMany_TheFirstToEndMakesRoomAndPersonsStay(t *testing.T) {
	s := newSetup(t, Lists{})
	if err := s.Ban(t.Context(), netip.MustParsePrefix("198.51.100.0/24"), s.clock.now().Add(time.Second), "x", "ada"); err != nil {
		t.Fatal(err)
	}
	old := Ban{Prefix: netip.MustParsePrefix("203.0.113.9/32"), Until: s.clock.now().Add(time.Minute), By: ByStrikes}
	s.bans.all.set(old.Prefix, old)
	for i := range maxBans - 2 {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{5, byte(i >> 16), byte(i >> 8), byte(i)}), 32)
		s.bans.all.set(p, Ban{Prefix: p, Until: s.clock.now().Add(time.Hour), By: ByStrikes})
	}
	s.bans.any.Store(maxBans)
	s.strike(t, "192.0.2.1", 5)
	if got := len(s.bans.all.values); got > maxBans || got < maxBans/2 {
		t.Errorf("%d bans, want under %d", got, maxBans)
	}
	wantRule(t, s.CheckPeer(addr("192.0.2.1")), RuleBanned)
	wantRule(t, s.CheckPeer(addr("198.51.100.1")), RuleBanned)
	wantRule(t, s.CheckPeer(addr("203.0.113.9")), "")
}

func TestBans_ConcurrentUse_OneBanEach(t *testing.T) {
	s := newSetup(t, Lists{})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 200 {
				a := netip.AddrFrom4([4]byte{203, 0, 113, byte(i % 20)})
				s.Strike(t.Context(), a, 1, "x")
				s.CheckPeer(a)
				s.Bans(t.Context())
				if i%50 == 0 {
					_ = s.SetLists(Lists{Deny: prefixes(t, "192.0.2.0/24")})
					s.Sweep()
				}
			}
		})
	}
	all.Wait()
	if got := len(s.Bans(t.Context())); got != 20 {
		t.Errorf("%d bans, want 20", got)
	}
	if got := len(s.notes.named("gate_banned")); got != 20 {
		t.Errorf("%d events, want one for each ban", got)
	}
}
