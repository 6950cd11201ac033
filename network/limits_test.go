package network

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/gatehousehq/gatehouse"
)

// hold accepts connections from an address until one is refused, at most so many.
func (s *setup) hold(t testing.TB, from string, most int) (list []net.Conn) {
	t.Helper()
	for i := range most {
		a := netip.MustParseAddr(from)
		if a.Is6() && !a.Is4In6() && !a.IsLoopback() { // any of the /64
			b := a.As16()
			b[14], b[15] = byte(i>>8), byte(i)
			a = netip.AddrFrom16(b)
		}
		c, err := s.Listener(&pretend{from: []net.Addr{net.TCPAddrFromAddrPort(netip.AddrPortFrom(a, 4000))}}).Accept()
		if err != nil {
			return list
		}
		list = append(list, c)
		t.Cleanup(func() { c.Close() })
	}
	return list
}

func (s *setup) limit(t testing.TB, o LimitOptions) {
	t.Helper()
	if err := s.SetLimits(o); err != nil {
		t.Fatal(err)
	}
}

func TestConnections_OfOneAddress_AreBounded(t *testing.T) {
	s := newSetup(t, Lists{})
	s.limit(t, LimitOptions{Connections: 10})
	for _, from := range []string{"203.0.113.9", "::ffff:203.0.113.10", "2001:db8:0:1::"} {
		held := s.hold(t, from, 20)
		if len(held) != 10 {
			t.Fatalf("%s holds %d, want 10", from, len(held))
		}
		held[0].Close()
		held[0].Close()
		if got := len(s.hold(t, from, 5)); got != 1 {
			t.Errorf("%s: %d more after one was closed, want 1", from, got)
		}
	}
	if got := len(s.hold(t, "2001:db8:0:2::", 1)); got != 1 {
		t.Error("another /64 was refused")
	}
	s.Close()
	for _, e := range s.notes.named("authz_fail") {
		if e.Rule != RuleConnections || e.Rung != "network/address" {
			t.Errorf("%+v", e)
		}
	}
}

func TestConnections_WhoIsExempt(t *testing.T) {
	s := newSetup(t, Lists{TrustedProxies: prefixes(t, "10.0.0.0/8")})
	s.limit(t, LimitOptions{Connections: 3})
	s.suspects.add(addr("192.168.0.7"), s.clock.now())
	for _, from := range []string{"127.0.0.1", "::1", "10.1.2.3", "192.168.0.7"} {
		if got := len(s.hold(t, from, 50)); got != 50 {
			t.Errorf("%s holds %d, want 50", from, got)
		}
	}
}

func TestConnections_Scarce_EachAddressHasAFairShare(t *testing.T) {
	s := newSetup(t, Lists{})
	s.limit(t, LimitOptions{Connections: -1, Total: 1000})
	greedy := len(s.hold(t, "203.0.113.9", 2000))
	if greedy < 500 || greedy > 760 {
		t.Errorf("one address alone holds %d of 1000: want about three quarters", greedy)
	}
	for i := range 30 { // and others still get in, each with what a browser needs
		if got := len(s.hold(t, fmt.Sprintf("198.51.100.%d", i), 6)); got != 6 {
			t.Fatalf("address %d got %d connections, want 6", i, got)
		}
	}
	if got := len(s.hold(t, "203.0.113.9", 1)); got != 0 {
		t.Error("the greedy one got more")
	}
}

func TestConnections_Total_BindsEverybody(t *testing.T) {
	s := newSetup(t, Lists{})
	s.limit(t, LimitOptions{Total: 100})
	if got := len(s.hold(t, "127.0.0.1", 200)); got != 100 {
		t.Errorf("%d open, want 100", got)
	}
	if got := s.conns.all.Load(); got != 100 {
		t.Errorf("%d counted", got)
	}
}

func TestConnections_Observe_LetsPassAndCountsNothingTwice(t *testing.T) {
	s := newSetup(t, Lists{})
	s.limit(t, LimitOptions{Connections: 2})
	s.SetMode(gatehouse.Observe)
	for _, c := range s.hold(t, "203.0.113.9", 5) {
		c.Close()
	}
	if s.conns.all.Load() != 0 || s.conns.units.Load() != 0 || s.Stats().Open != 0 {
		t.Errorf("%d counted after all were closed", s.conns.all.Load())
	}
	s.Close()
	if got := s.notes.named("authz_fail"); len(got) != 1 || got[0].Occurrences() != 3 || got[0].Outcome != gatehouse.Observed {
		t.Errorf("%+v", got)
	}
}

func TestEnter_RequestsInFlight_AreBoundedByClient(t *testing.T) {
	s := newSetup(t, Lists{TrustedProxies: prefixes(t, "10.0.0.0/8")})
	s.limit(t, LimitOptions{Requests: 4})
	behind := func(a string) Client {
		return Client{Addr: addr(a), Peer: addr("10.1.1.1"), TrustedProxy: true}
	}
	var turns []Turn
	for i := range 6 {
		turn, d := s.Enter(behind("203.0.113.9"))
		if (d.Verdict == gatehouse.Pass) != (i < 4) || i >= 4 && (d.HTTPStatus() != 429 || d.Rule != RuleRequests) {
			t.Errorf("request %d: %s with %d by %q", i, d.Verdict, d.HTTPStatus(), d.Rule)
		}
		turns = append(turns, turn)
	}
	if _, d := s.Enter(behind("203.0.113.10")); d.Verdict != gatehouse.Pass {
		t.Error("another client was refused")
	}
	for _, turn := range turns {
		turn.Leave()
	}
	if _, d := s.Enter(behind("203.0.113.9")); d.Verdict != gatehouse.Pass {
		t.Error("refused after all have left")
	}
	for range 50 { // the proxy itself, an undeclared one, a Unix socket
		for _, c := range []Client{
			{Addr: addr("10.1.1.1"), Peer: addr("10.1.1.1"), TrustedProxy: true},
			{Addr: addr("192.168.0.7"), Peer: addr("192.168.0.7"), Undeclared: true},
			{Addr: addr("127.0.0.1"), Unix: true},
		} {
			if _, d := s.Enter(c); d.Verdict != gatehouse.Pass {
				t.Fatalf("%+v: %s", c, d.Evidence)
			}
		}
	}
}

func TestGauge_ManyAtOnce_KeepsNothing(t *testing.T) {
	g := newGauge("x", 3, -1)
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			for i := range 5000 {
				h := holding{unit: gatehouse.Household(netip.AddrFrom4([4]byte{203, 0, byte(i), byte(n % 3)}))}
				if g.take(&h).Verdict == gatehouse.Pass {
					g.release(h)
				}
			}
		})
	}
	all.Wait()
	left := 0
	for i := range g.shards {
		left += len(g.shards[i].held)
	}
	if left != 0 || g.all.Load() != 0 || g.units.Load() != 0 {
		t.Errorf("%d entries, %d held, %d addresses", left, g.all.Load(), g.units.Load())
	}
}

func BenchmarkEnter(b *testing.B) {
	s := newSetup(b, Lists{})
	c := Client{Addr: addr("203.0.113.9"), Peer: addr("203.0.113.9")}
	b.ReportAllocs()
	for b.Loop() {
		turn, _ := s.Enter(c)
		turn.Leave()
	}
}
