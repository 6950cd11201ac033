package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/store"
	"github.com/gatehousehq/gatehouse/store/memory"
)

// TestMain is also the process that a test starts with inherited sockets.
func TestMain(m *testing.M) {
	if which := os.Getenv("NETWORK_TEST_INHERIT"); which != "" {
		os.Exit(serveInherited(which))
	}
	goleak.VerifyTestMain(m)
}

// serveInherited stands for a service that systemd started: it accepts one
// connection on each of two listeners of the same socket.
func serveInherited(which string) int {
	os.Setenv("LISTEN_PID", fmt.Sprint(os.Getpid()))
	for range 2 { // as after a reload: the socket can be asked for again
		ln, err := Listen(context.Background(), "systemd:"+which)
		if err != nil {
			fmt.Println("error:", err)
			return 1
		}
		c, err := ln.Accept()
		if err != nil {
			fmt.Println("error:", err)
			return 1
		}
		fmt.Fprint(c, "inherited")
		c.Close()
		ln.Close()
	}
	return 0
}

// notes is a Recorder that keeps what it is given.
type notes struct {
	mu     sync.Mutex
	events []gatehouse.Event
	fail   error
}

func (n *notes) Record(_ context.Context, e gatehouse.Event) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.events = append(n.events, e)
	return n.fail
}

func (n *notes) named(name string) []gatehouse.Event {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []gatehouse.Event
	for _, e := range n.events {
		if e.Name == name {
			out = append(out, e)
		}
	}
	return out
}

// clock is a time that a test moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func memoryStore(t testing.TB, c *clock) *memory.Store {
	t.Helper()
	s, err := memory.New(memory.Options{Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

type setup struct {
	*Network
	clock *clock
	notes *notes
	store store.Store
}

func newSetup(t testing.TB, l Lists) *setup {
	t.Helper()
	s := &setup{clock: newClock(), notes: &notes{}}
	s.store = memoryStore(t, s.clock)
	s.restart(t, l)
	return s
}

// restart makes a new Network over the same store.
func (s *setup) restart(t testing.TB, l Lists) {
	t.Helper()
	n, err := New(Options{Lists: l, Store: s.store, Recorder: s.notes, Now: s.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	s.Network = n
}

func prefixes(t testing.TB, list ...string) []netip.Prefix {
	t.Helper()
	var out []netip.Prefix
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func wantRule(t testing.TB, d gatehouse.Decision, rule string) {
	t.Helper()
	if got := d.Verdict == gatehouse.Pass; got != (rule == "") {
		t.Errorf("got %s by %q (%s), want %q", d.Verdict, d.Rule, d.Evidence, rule)
	} else if rule != "" && (d.Rule != rule || d.Evidence == "") {
		t.Errorf("rule %q, evidence %q; want rule %q and some evidence", d.Rule, d.Evidence, rule)
	}
}

var errDisk = errors.New("disk full")

// brokenStore fails to write while broken.
type brokenStore struct {
	store.Store
	broken bool
}

func (b *brokenStore) Batch(ctx context.Context, ops ...store.Op) error {
	if b.broken {
		return errDisk
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return b.Store.Batch(ctx, ops...)
}

func localListener(t testing.TB) net.Listener {
	t.Helper()
	ln, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}
