package network

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehousehq/gatehouse"
)

// pretend gives connections the remote addresses that a test wants.
type pretend struct {
	net.Listener
	from []net.Addr
}

type pretendConn struct {
	net.Conn
	from net.Addr
}

func (c pretendConn) RemoteAddr() net.Addr { return c.from }

func (p *pretend) Accept() (net.Conn, error) {
	if len(p.from) == 0 {
		return nil, net.ErrClosed
	}
	from := p.from[0]
	p.from = p.from[1:]
	near, far := net.Pipe()
	far.Close()
	return pretendConn{near, from}, nil
}

func tcp(s string) net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(s)) }

func TestListener_RefusedPeersAreClosedAndCountedExactly(t *testing.T) {
	s := newSetup(t, Lists{Deny: prefixes(t, "198.51.100.0/24")})
	inner := &pretend{}
	for range 700 {
		inner.from = append(inner.from, tcp("198.51.100.1:4000"))
	}
	for i := range 400 {
		inner.from = append(inner.from, net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}), 1)))
	}
	inner.from = append(inner.from, &net.IPAddr{}, tcp("203.0.113.9:1"), &net.UnixAddr{Name: "@"})
	ln := s.Listener(inner)
	for range 2 {
		c, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("error %v, want the inner listener's", err)
	}
	if got := s.Stats(); got.Refused != 1101 || got.Accepted != 2 || got.Open != 2 {
		t.Errorf("%+v", got)
	}
	if got := s.notes.named("authz_fail"); len(got) != 0 {
		t.Errorf("%d events before the flush: Accept must not wait for the recorder", len(got))
	}
	s.Close()
	var total uint64
	events := s.notes.named("authz_fail")
	for _, e := range events {
		total += e.Occurrences()
		if e.Rung != "network/address" || e.Outcome != "refused" || e.Evidence == "" {
			t.Errorf("event %+v", e)
		}
	}
	if total != 1101 || len(events) > maxRefusals+1 {
		t.Errorf("%d events for %d connections, want at most %d for 1101", len(events), total, maxRefusals+1)
	}
}

func TestListener_RefusalsAreRecordedWithinTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(t, Lists{Deny: prefixes(t, "198.51.100.0/24")})
		ln := s.Listener(&pretend{from: []net.Addr{tcp("198.51.100.1:1"), tcp("198.51.100.1:2"), tcp("198.51.100.1:3")}})
		if _, err := ln.Accept(); err == nil {
			t.Fatal("a denied peer was accepted")
		}
		time.Sleep(refusalFlush + time.Second)
		got := s.notes.named("authz_fail")
		if len(got) != 1 || got[0].Count != 3 || got[0].Client != "198.51.100.1" || got[0].Rule != RuleDenied {
			t.Errorf("events %+v, want one for three", got)
		}
	})
}

func TestListener_Modes(t *testing.T) {
	for _, tc := range []struct {
		mode     gatehouse.Mode
		accepted bool
		events   int
		outcome  gatehouse.Outcome
	}{
		{gatehouse.Enforce, false, 1, gatehouse.Refused},
		{gatehouse.Observe, true, 1, gatehouse.Observed},
		{gatehouse.Off, true, 0, ""},
		{gatehouse.Mode(77), false, 1, gatehouse.Refused},
	} {
		s := newSetup(t, Lists{Deny: prefixes(t, "198.51.100.0/24")})
		s.SetMode(tc.mode)
		c, err := s.Listener(&pretend{from: []net.Addr{tcp("198.51.100.1:1")}}).Accept()
		if (err == nil) != tc.accepted {
			t.Errorf("%s: accepted is %t", tc.mode, err == nil)
		}
		if err == nil {
			c.Close()
		}
		s.Close()
		got := s.notes.named("authz_fail")
		if len(got) != tc.events || tc.events == 1 && got[0].Outcome != tc.outcome {
			t.Errorf("%s: events %+v, want %d, %s", tc.mode, got, tc.events, tc.outcome)
		}
	}
}

func TestListener_RecorderFails_IsCounted(t *testing.T) {
	s := newSetup(t, Lists{Deny: prefixes(t, "198.51.100.0/24")})
	s.notes.fail = errDisk
	_, _ = s.Listener(&pretend{from: []net.Addr{tcp("198.51.100.1:1")}}).Accept()
	s.Close()
	if got := s.Stats().LostEvents; got != 1 {
		t.Errorf("%d lost events, want 1", got)
	}
}

func TestListener_RealConnections(t *testing.T) {
	s := newSetup(t, Lists{})
	ln := s.Listener(localListener(t))
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, d := s.Settle(r); d.Verdict == 0 {
			t.Error(d.Evidence)
		}
		io.WriteString(w, "hello")
	})}
	go server.Serve(ln)
	defer server.Close()
	transport := &http.Transport{}
	client := http.Client{Transport: transport, Timeout: 5 * time.Second}
	resp, err := client.Get("http://" + ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	if got := s.Stats(); got.Open != 1 || got.Accepted != 1 {
		t.Errorf("%+v, want one open connection", got)
	}
	transport.CloseIdleConnections()
	for range 1000 {
		if s.Stats().Open == 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if got := s.Stats().Open; got != 0 {
		t.Errorf("%d open after the close", got)
	}
	// Deny loopback: the peer is reset without an answer.
	if err := s.SetLists(Lists{Deny: prefixes(t, "127.0.0.0/8")}); err != nil {
		t.Fatal(err)
	}
	if resp, err := client.Get("http://" + ln.Addr().String()); err == nil {
		resp.Body.Close()
		t.Error("a denied peer got an answer")
	}
}

func TestListener_Connections_KeepWhatTheSystemOffers(t *testing.T) {
	s := newSetup(t, Lists{})
	path := filepath.Join(t.TempDir(), "gate.sock")
	unix, err := Listen(t.Context(), "unix:"+path)
	if err != nil {
		t.Fatal(err)
	}
	for _, inner := range []net.Listener{localListener(t), unix} {
		ln := s.Listener(inner)
		far, err := net.Dial(ln.Addr().Network(), ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		near, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := near.(interface{ CloseWrite() error }); !ok {
			t.Errorf("%T has no CloseWrite", near)
		}
		if _, ok := near.(io.ReaderFrom); !ok && ln.Addr().Network() == "tcp" {
			t.Errorf("%T has no ReadFrom", near)
		}
		far.Close()
		near.Close()
		near.Close() // counted once
		ln.Close()
	}
	if got := s.Stats(); got.Open != 0 || got.Accepted != 2 {
		t.Errorf("%+v", got)
	}
}
