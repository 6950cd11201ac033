package wire_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/gatehousehq/gatehouse/data/sqlgate"
	"github.com/gatehousehq/gatehouse/data/sqlgate/pgwire"
	"github.com/gatehousehq/gatehouse/exchange"
	"github.com/gatehousehq/gatehouse/internal/testkit/postgres"
)

var longRun = os.Getenv("GATEHOUSE_LONG") == "1"

// grows runs f, and gives by how much live memory was above what it was before.
func grows(t *testing.T, f func()) (most uint64) {
	t.Helper()
	live := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := live()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	for {
		select {
		case <-done:
			return most
		case <-time.After(50 * time.Millisecond):
			if now := live(); now > before {
				most = max(most, now-before)
			}
		}
	}
}

// A source is n bytes of rows for COPY.
type source struct{ left int64 }

var copyLine = append(bytes.Repeat([]byte("x"), 999), '\n')

func (s *source) Read(p []byte) (int, error) {
	if s.left <= 0 {
		return 0, io.EOF
	}
	n := 0
	for n+len(copyLine) <= len(p) && s.left > 0 {
		n += copy(p[n:], copyLine)
		s.left -= int64(len(copyLine))
	}
	return n, nil
}

func copyMuch(t *testing.T, server *postgres.Server) {
	size := int64(20 << 20)
	if longRun {
		size = 1 << 30
	}
	const most = 10 << 20
	gate := startGate(t, server)
	conn := connect(t, gate.dsn())
	ctx := t.Context()
	if _, err := conn.Exec(ctx, "CREATE UNLOGGED TABLE much (line text)").ReadAll(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if _, err := conn.Exec(context.Background(), "DROP TABLE much").ReadAll(); err != nil {
			t.Error(err)
		}
	}()
	for _, c := range []struct {
		name string
		run  func() error
	}{
		{"in", func() error {
			_, err := conn.CopyFrom(ctx, &source{left: size}, "COPY much FROM STDIN")
			return err
		}},
		{"out", func() error {
			_, err := conn.CopyTo(ctx, io.Discard, "COPY much TO STDOUT")
			return err
		}},
		{"rows", func() error {
			r := conn.ExecParams(ctx, "SELECT * FROM much", nil, nil, nil, nil)
			for r.NextRow() {
			}
			_, err := r.Close()
			return err
		}},
		{"one value", func() error {
			_, err := conn.Exec(ctx, "SELECT 1; SELECT 2").ReadAll()
			return err
		}},
	} {
		var err error
		if grew := grows(t, func() { err = c.run() }); grew > most {
			t.Errorf("%s: %d bytes more memory", c.name, grew)
		}
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
	}
}

// brokenSessions breaks sessions off in every way, and looks for what is left.
func brokenSessions(t *testing.T, server *postgres.Server) {
	rounds := 40
	if longRun {
		rounds = 10_000
	}
	gate := startGate(t, server)
	connect(t, gate.dsn()) // what a first session makes is made
	files, routines := openFiles(t), runtime.NumGoroutine()
	random := rand.New(rand.NewPCG(1, 2))
	var wg sync.WaitGroup
	slots := make(chan struct{}, 8)
	for range rounds {
		how, cut := random.IntN(4), random.IntN(200)
		wg.Add(1)
		slots <- struct{}{}
		go func() {
			defer func() { <-slots; wg.Done() }()
			breakOff(t, gate, how, cut)
		}()
	}
	wg.Wait()
	deadline := time.Now().Add(20 * time.Second)
	for (openFiles(t) > files || runtime.NumGoroutine() > routines) && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	if f, r := openFiles(t), runtime.NumGoroutine(); f > files || r > routines {
		t.Errorf("%d files and %d goroutines before, %d and %d after", files, routines, f, r)
	}
	if s := gate.gate.Stats(); s.Sessions != 1 {
		t.Errorf("%d sessions are left", s.Sessions)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skipf("this system does not say which files are open: %v", err)
	}
	return len(entries)
}

func breakOff(t *testing.T, gate *running, how, cut int) {
	if how == 0 { // while it begins
		conn, err := net.Dial("tcp", gate.addr)
		if err != nil {
			t.Error(err)
			return
		}
		hello := []byte("\x00\x00\x00\x26\x00\x03\x00\x00user\x00app\x00database\x00postgres\x00\x00")
		_, _ = conn.Write(hello[:min(cut%len(hello), len(hello))]) // it breaks off anyway
		_ = conn.Close()
		return
	}
	conn, err := pgx.Connect(context.Background(), gate.dsn())
	if err != nil {
		t.Error(err)
		return
	}
	h, err := conn.PgConn().Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	defer h.Conn.Close()
	_ = h.Conn.SetDeadline(time.Now().Add(10 * time.Second))
	switch how {
	case 1: // in a message
		_, _ = h.Conn.Write([]byte("Q\x00\x00\x10\x00select " + strings.Repeat("x", cut)))
	case 2: // in a result
		h.Frontend.Send(&pgproto3.Query{String: "select repeat('x', 1000) from generate_series(1,9999)"})
		_ = h.Frontend.Flush()
		_, _ = io.CopyN(io.Discard, h.Conn, int64(cut))
	case 3: // by what is no message
		_, _ = h.Conn.Write([]byte("\x00\x00\x00\x00\x00\x00"))
	}
	if tcp, ok := h.Conn.(*net.TCPConn); ok && cut%2 == 0 {
		_ = tcp.SetLinger(0)
	}
}

// A rowSink keeps the rows that were noted.
type rowSink struct {
	mu   sync.Mutex
	rows []string
}

func (r *rowSink) Watching() bool { return true }

func (r *rowSink) Row(_ exchange.Attribution, columns []sqlgate.Column, values [][]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b strings.Builder
	for i, c := range columns {
		b.WriteString(c.Label + "<" + c.Table + "." + c.Name + "=")
		if values[i] == nil {
			b.WriteString("nil ")
		} else {
			b.WriteString(string(values[i]) + " ")
		}
	}
	r.rows = append(r.rows, b.String())
}

func (r *rowSink) last() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.rows) == 0 {
		return ""
	}
	return r.rows[len(r.rows)-1]
}

func rowsNoted(t *testing.T, server *postgres.Server) {
	sink := new(rowSink)
	gate := startGate(t, server, func(o *pgwire.Options) { o.Rows = sink })
	execute(t, server.DSN("postgres"), "DROP TABLE IF EXISTS orders", "CREATE TABLE orders (id bigint, owner uuid, note text, paid bool, big text)",
		"INSERT INTO orders VALUES (7, '6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'hello', true, repeat('x', 20000))")
	const sql = "SELECT id, owner, note AS words, paid, big, NULL AS nothing, 1+1 AS sum FROM orders"
	const want = "id<public.orders.id=7 owner<public.orders.owner=6ba7b810-9dad-11d1-80b4-00c04fd430c8 words<public.orders.note=hello paid<public.orders.paid=t big<public.orders.big= nothing<.= sum<.= "
	ctx := t.Context()
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeSimpleProtocol, pgx.QueryExecModeCacheStatement, pgx.QueryExecModeExec, pgx.QueryExecModeDescribeExec} {
		config, err := pgx.ParseConfig(gate.dsn())
		if err != nil {
			t.Fatal(err)
		}
		config.DefaultQueryExecMode = mode
		conn, err := pgx.ConnectConfig(ctx, config)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(ctx)
		for deadline := time.Now().Add(10 * time.Second); ; {
			rows, err := conn.Query(ctx, sql)
			if err != nil {
				t.Fatal(err)
			}
			rows.Close()
			if err := rows.Err(); err != nil {
				t.Fatal(err)
			}
			// Names come a little later: nobody waits for them.
			// What comes after a value that is too long is not looked at, and empty.
			if got := sink.last(); got == want {
				break
			} else if time.Now().After(deadline) {
				t.Fatalf("%s: noted\n%s, want\n%s", mode, got, want)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	if err := gate.gate.Shutdown(contextWithTimeout(t)); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func contextWithTimeout(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	t.Cleanup(cancel)
	return ctx
}
