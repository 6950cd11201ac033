package wire

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// breaks are where a session may break. Each is given a connection that has
// signed in, and leaves it as it is when the network fails.
var breaks = map[string]func(c net.Conn){
	"at once":          func(net.Conn) {},
	"in a message":     func(c net.Conn) { _, _ = c.Write([]byte{'Q', 0, 0, 1, 0, 's', 'e'}) },
	"in a transaction": func(c net.Conn) { play(c, &pgproto3.Query{String: "begin; insert into copied (id) values (1)"}) },
	"in a result": func(c net.Conn) {
		play(c, &pgproto3.Query{String: "select generate_series(1, 1000000), repeat('x', 100)"})
	},
	"in COPY": func(c net.Conn) { play(c, &pgproto3.Query{String: "copy copied (id) from stdin"}, data("1\n")) },
	"in a pipeline": func(c net.Conn) {
		play(c, several(once("insert into copied values (1)"), once("select pg_sleep(0.01)"))...)
	},
	"while it waits":    func(c net.Conn) { play(c, &pgproto3.Query{String: "select pg_sleep(0.3)"}) },
	"by Terminate":      func(c net.Conn) { play(c, &pgproto3.Terminate{}) },
	"after a refusal":   func(c net.Conn) { play(c, &pgproto3.Query{String: "select 1 /* " + marker + " */"}) },
	"with half closed":  func(c net.Conn) { play(c, syncNow); _ = c.(*net.TCPConn).CloseWrite() },
	"with a bad length": func(c net.Conn) { _, _ = c.Write([]byte{'P', 0xff, 0xff, 0xff, 0xff, 0}) },
}

// play sends messages and reads a little of what comes. Its connection is to
// break, so that errors say nothing.
func play(c net.Conn, messages ...pgproto3.FrontendMessage) {
	var out []byte
	for _, m := range messages {
		out, _ = m.Encode(out) // these can be encoded
	}
	_, _ = c.Write(out)
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	_, _ = io.ReadAtLeast(c, make([]byte, 64), 1)
}

func TestBrokenSessions_LeaveNoGoroutineAndNoDescriptor(t *testing.T) {
	total := int64(4 * len(breaks)) // each twice by a reset and twice without
	if long {
		total = 10_000
	}
	d := server(t)
	d.fresh(t, "wire")
	gate := d.child(t, "wire")
	before := gate.usage(t)
	var begun atomic.Int64
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for n := worker; ; n++ {
				for _, breakIt := range breaks { // in an order of its own each time
					if begun.Add(1) > total {
						return
					}
					if err := breakOne(t.Context(), gate.target, n%2 == 0, breakIt); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	all.Wait()
	after := gate.settled(t, before)
	t.Logf("before %+v, after %d broken sessions %+v", before, total, after)
	if grown := int64(after.HeapBytes) - int64(before.HeapBytes); grown > 4<<20 {
		t.Errorf("%d broken sessions left %d bytes of live memory", total, grown)
	}
	const left = "select count(*)::text from pg_stat_activity where datname = 'wire' and pid <> pg_backend_pid()"
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		n := d.ask(t, "wire", left)
		if n == "0" {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%s sessions are left at the server", n)
		}
	}
	if rows := d.ask(t, "wire", "select count(*)::text from copied"); rows != "0" {
		t.Errorf("broken sessions committed %s rows", rows)
	}
}

// breakOne begins a session and breaks it, by a reset or as it is closed
// ordinarily.
func breakOne(ctx context.Context, to target, reset bool, breakIt func(net.Conn)) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	c, err := signedIn(ctx, to)
	if err != nil {
		return fmt.Errorf("beginning a session: %w", err)
	}
	breakIt(c)
	if tcp, ok := c.(*net.TCPConn); ok && reset {
		_ = tcp.SetLinger(0) // an open connection takes it
	}
	return c.Close()
}
