package network

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
)

func (s *setup) good(a string, accounts int) {
	for i := range accounts {
		s.Good(addr(a), fmt.Sprint("backend ", i))
	}
}

func TestStrike_AddressThatManyGoodSessionsShare_IsNotBanned(t *testing.T) {
	s := newSetup(t, Lists{})
	s.good("203.0.113.9", 8)
	s.good("2001:db8::1", 4)
	for i := range 4 { // the other half of the office, by other addresses of its /64
		s.Good(addr(fmt.Sprintf("2001:db8::%d", i+2)), fmt.Sprint("backend other ", i))
	}
	for _, a := range []string{"203.0.113.9", "2001:db8::77"} {
		s.strike(t, a, 20)
		wantRule(t, s.CheckPeer(addr(a)), "")
	}
	got := s.notes.named("gate_ban_spared")
	if len(got) != 8 || got[0].Client != "203.0.113.9" || got[0].Detail["sessions"] != "8" || got[0].Detail["reason"] != "guessed passwords" {
		t.Errorf("%+v", got)
	}
	// A person's ban holds all the same.
	if err := s.Ban(t.Context(), netip.MustParsePrefix("203.0.113.9/32"), time.Time{}, "an infected office", "ada"); err != nil {
		t.Fatal(err)
	}
	wantRule(t, s.CheckPeer(addr("203.0.113.9")), RuleBanned)
}

func TestStrike_AddressOfAFamilyOrOfOneAttacker_IsBanned(t *testing.T) {
	s := newSetup(t, Lists{})
	s.good("203.0.113.9", 7)
	for range 100 { // one account, many requests
		s.Good(addr("203.0.113.10"), "backend mallory")
	}
	for _, a := range []string{"203.0.113.9", "203.0.113.10", "203.0.113.11"} {
		s.strike(t, a, 5)
		wantRule(t, s.CheckPeer(addr(a)), RuleBanned)
	}
	if got := s.notes.named("gate_ban_spared"); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestGood_CountsForThreeDays(t *testing.T) {
	s := newSetup(t, Lists{})
	s.good("203.0.113.9", 8)
	s.clock.pass(71 * time.Hour)
	s.strike(t, "203.0.113.9", 5)
	wantRule(t, s.CheckPeer(addr("203.0.113.9")), "")
	s.clock.pass(2 * time.Hour)
	s.strike(t, "203.0.113.9", 5)
	wantRule(t, s.CheckPeer(addr("203.0.113.9")), RuleBanned)
}

func TestGood_ManyAddresses_MemoryIsBoundedAndWhoIsSeenStays(t *testing.T) {
	s := newSetup(t, Lists{})
	s.good("203.0.113.9", 8)
	for i := range 5 * maxShared {
		s.Good(netip.AddrFrom4([4]byte{5, byte(i >> 16), byte(i >> 8), byte(i)}), "backend x")
		if i%maxShared == 0 {
			s.Good(addr("203.0.113.9"), "backend 1")
		}
	}
	if got := len(s.shared.young) + len(s.shared.old); got > 2*maxShared {
		t.Errorf("%d addresses held", got)
	}
	if got := s.shared.count(gatehouse.Household(addr("203.0.113.9")), s.clock.now()); got != 8 {
		t.Errorf("%d sessions of the office are left", got)
	}
	s.Good(netip.Addr{}, "x")
	s.Good(addr("127.0.0.1"), "x")
	s.Good(addr("203.0.113.50"), "")
	if s.shared.count(gatehouse.Household(addr("127.0.0.1")), s.clock.now())+s.shared.count(gatehouse.Household(addr("203.0.113.50")), s.clock.now()) != 0 {
		t.Error("loopback or nobody is counted")
	}
}

func TestStrike_OfSeveralRungs_TheBanSaysAllReasonsOnce(t *testing.T) {
	s := newSetup(t, Lists{})
	for _, reason := range []string{"SQL injection", "scanning", "SQL injection", strings.Repeat("x", 500), "scanning"} {
		s.Strike(t.Context(), addr("203.0.113.9"), 1, reason)
	}
	got := s.Bans(t.Context())
	if want := "SQL injection, scanning, " + strings.Repeat("x", maxReason); len(got) != 1 || got[0].Reason != want {
		t.Errorf("%+v", got)
	}
}
