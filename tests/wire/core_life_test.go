package wire_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/gatehousehq/gatehouse/data/sqlgate"
	"github.com/gatehousehq/gatehouse/data/sqlgate/pgwire"
	"github.com/gatehousehq/gatehouse/internal/testkit/postgres"
	"github.com/gatehousehq/gatehouse/secret"
)

func query(t testing.TB, dsn, sql string, to ...any) {
	t.Helper()
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if err := conn.QueryRow(ctx, sql).Scan(to...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// functionNumbers holds the numbers that pass to the server's own.
func functionNumbers(t *testing.T, server *postgres.Server) {
	gate := startGate(t, server)
	conn, err := pgx.Connect(t.Context(), server.DSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), "SELECT proname, oid FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND (proname LIKE 'lo\\_%' OR proname IN ('loread', 'lowrite')) ORDER BY 1")
	if err != nil {
		t.Fatal(err)
	}
	type function struct {
		Name string
		OID  uint32
	}
	functions, err := pgx.CollectRows(rows, pgx.RowToStructByPos[function])
	if err != nil {
		t.Fatal(err)
	}
	// Those of libpq's lo_ calls. The rest read or write files, or are for SQL.
	passes := map[string]bool{"lo_open": true, "lo_close": true, "loread": true, "lowrite": true, "lo_lseek": true, "lo_lseek64": true,
		"lo_creat": true, "lo_create": true, "lo_tell": true, "lo_tell64": true, "lo_truncate": true, "lo_truncate64": true, "lo_unlink": true}
	seen := 0
	front, _ := raw(t, gate.dsn())
	for _, f := range functions {
		if f.Name == "lo_from_bytea" || f.Name == "lo_get" || f.Name == "lo_put" {
			continue
		}
		front.Send(&pgproto3.FunctionCall{Function: f.OID})
		if err := front.Flush(); err != nil {
			t.Fatal(err)
		}
		m, err := front.Receive()
		e, ok := m.(*pgproto3.ErrorResponse)
		if err != nil || !ok {
			t.Fatalf("%s without arguments: got %+v, %v", f.Name, m, err)
		}
		if passed := e.Code != "42501"; passed != passes[f.Name] {
			t.Errorf("%s (%d): passed %v, want %v", f.Name, f.OID, passed, passes[f.Name])
		}
		untilReady(t, front, 1)
		seen++
	}
	if seen != len(passes)+3 { // lo_import twice, lo_export
		t.Errorf("%d functions were tried: %+v", seen, functions)
	}
}

func cancels(t *testing.T, server *postgres.Server) {
	gate := startGate(t, server)
	conn := connect(t, gate.dsn())
	done := make(chan error, 1)
	go func() {
		_, err := conn.Exec(context.Background(), "SELECT pg_sleep(20)").ReadAll()
		done <- err
	}()
	waitFor(t, server, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'", 1)
	// A wrong key does nothing, and is not told apart.
	wrong := append([]byte{0, 0, 0, 16, 4, 210, 22, 46}, binary.BigEndian.AppendUint32(nil, conn.PID())...)
	wrong = append(wrong, 1, 2, 3, 4)
	c, err := net.Dial("tcp", gate.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write(wrong); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(c); len(rest) > 0 || err != nil {
		t.Fatalf("a wrong key was answered: %q, %v", rest, err)
	}
	select {
	case err := <-done:
		t.Fatalf("a wrong key cancelled: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	if err := conn.CancelRequest(t.Context()); err != nil {
		t.Fatal(err)
	}
	var pg *pgconn.PgError
	if err := <-done; !errors.As(err, &pg) || pg.Code != "57014" {
		t.Fatalf("got %v", err)
	}
	if _, err := conn.Exec(t.Context(), "SELECT 1").ReadAll(); err != nil {
		t.Fatal(err)
	}
}

func waitFor(t testing.TB, server *postgres.Server, sql string, want int) {
	t.Helper()
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, server.DSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	got := 0
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if err := conn.QueryRow(ctx, sql).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got == want {
			return
		}
	}
	t.Fatalf("%s: %d, want %d", sql, got, want)
}

func startups(t *testing.T, server *postgres.Server) {
	gate := startGate(t, server, func(o *pgwire.Options) {
		o.Clients[0].Upstream.Database = "postgres"
		o.Clients = append(o.Clients, pgwire.Client{User: "other", Password: "x", Upstream: pgwire.Upstream{
			Network: "tcp", Address: server.Addr(), User: roleName, Password: "wrong-at-the-database",
		}})
	})
	for _, c := range []struct{ name, dsn, code, rule, words string }{
		{"a wrong password", "postgres://app:wrong@" + gate.addr + "/postgres?sslmode=disable", "28P01", sqlgate.RulePassword, `password authentication failed for user "app"`},
		{"an unknown user", "postgres://nobody:wrong@" + gate.addr + "/postgres?sslmode=disable", "28P01", sqlgate.RulePassword, `password authentication failed for user "nobody"`},
		{"another database", strings.Replace(gate.dsn(), "/postgres", "/template1", 1), "3D000", sqlgate.RuleDatabase, ""},
		{"replication", gate.dsn() + "&replication=database", "0A000", sqlgate.RuleReplication, ""},
		{"a role", gate.dsn() + "&role=postgres", "42501", sqlgate.RuleStartup, ""},
		{"a role by options", gate.dsn() + "&options=-crole%3Dpostgres", "42501", sqlgate.RuleStartup, ""},
		{"the gate is not let in", strings.Replace(gate.dsn(), "app:"+gatePassword, "other:x", 1), "08006", "", "the database does not let the gate in"},
		{"TLS that there is not", strings.Replace(gate.dsn(), "disable", "require", 1), "", "", ""},
	} {
		_, err := pgconn.Connect(t.Context(), c.dsn)
		var pg *pgconn.PgError
		switch {
		case err == nil:
			t.Errorf("%s: it was let in", c.name)
		case c.code != "" && (!errors.As(err, &pg) || pg.Code != c.code || c.words != "" && pg.Message != c.words):
			t.Errorf("%s: got %v", c.name, err)
		}
		if rules := gate.judge.rules(); c.rule != "" && (len(rules) == 0 || rules[len(rules)-1] != c.rule) {
			t.Errorf("%s: recorded %v", c.name, rules)
		}
	}
	if log := gate.log.String(); strings.Contains(log, "wrong-at-the-database") || strings.Contains(log, gatePassword) {
		t.Error("the log has a password")
	}
	// What is let through arrives.
	var name, path string
	query(t, gate.dsn()+"&application_name=x%20y&options=-c%20search_path%3Dpg_temp", "SELECT current_setting('application_name'), current_setting('search_path')", &name, &path)
	if name != "x y" || path != "pg_temp" {
		t.Errorf("the session began with %q, %q", name, path)
	}
}

func shutdown(t *testing.T, server *postgres.Server) {
	gate := startGate(t, server)
	idle, busy, stuck := connect(t, gate.dsn()), connect(t, gate.dsn()), connect(t, gate.dsn())
	ctx := t.Context()
	for _, c := range []*pgconn.PgConn{busy, stuck} {
		if _, err := c.Exec(ctx, "BEGIN").ReadAll(); err != nil {
			t.Fatal(err)
		}
	}
	limit, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- gate.gate.Shutdown(limit) }()
	wantEnded := func(c *pgconn.PgConn) {
		t.Helper()
		m, err := c.ReceiveMessage(ctx)
		var pg *pgconn.PgError
		if !errors.As(err, &pg) || pg.Code != "57P01" {
			t.Errorf("got %+v, %v", m, err)
		}
	}
	wantEnded(idle)
	if _, err := pgconn.Connect(ctx, gate.dsn()); err == nil {
		t.Error("a session was begun")
	}
	if _, err := busy.Exec(ctx, "SELECT 1; COMMIT").ReadAll(); err != nil {
		t.Errorf("a transaction was not finished: %v", err)
	}
	wantEnded(busy)
	wantEnded(stuck)
	if err := <-ended; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown gave %v", err)
	}
}

func sessionLimit(t *testing.T, server *postgres.Server) {
	gate := startGate(t, server, func(o *pgwire.Options) { o.MaxSessions = 2 })
	first := connect(t, gate.dsn())
	connect(t, gate.dsn())
	_, err := pgconn.Connect(t.Context(), gate.dsn())
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Code != "53300" || pg.Message != "too many sessions: the gate takes 2 at once" {
		t.Fatalf("got %v", err)
	}
	if err := first.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		conn, err := pgconn.Connect(t.Context(), gate.dsn())
		if err == nil {
			_ = conn.Close(t.Context()) // it was only to see
			break
		}
		time.Sleep(5 * time.Millisecond)
		if time.Now().After(deadline) {
			t.Fatalf("a place that was left is not given: %v", err)
		}
	}
}

func unixSockets(t *testing.T, server *postgres.Server) {
	gate := startGate(t, server, func(o *pgwire.Options) {
		o.Clients[0].Upstream.Network, o.Clients[0].Upstream.Address = "unix", server.Socket()
	})
	dir := t.TempDir()
	ln, err := net.Listen("unix", filepath.Join(dir, ".s.PGSQL.5432"))
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- gate.gate.Serve(ln) }()
	var peer string
	query(t, "host="+dir+" port=5432 user=app password="+gatePassword+" dbname=postgres", "SELECT coalesce(inet_client_addr()::text, 'socket') FROM pg_stat_activity WHERE pid = pg_backend_pid()", &peer)
	if peer != "socket" {
		t.Errorf("the database was reached by %s", peer)
	}
	if err := gate.gate.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// serverDown ends the server's sessions, and then has none.
func serverDown(t *testing.T, server *postgres.Server) {
	gate := startGate(t, server)
	conn := connect(t, gate.dsn())
	done := make(chan error, 1)
	go func() {
		_, err := conn.Exec(context.Background(), "SELECT pg_sleep(20)").ReadAll()
		done <- err
	}()
	waitFor(t, server, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'", 1)
	execute(t, server.DSN("postgres"), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'")
	var pg *pgconn.PgError
	if err := <-done; !errors.As(err, &pg) || pg.Code != "57P01" {
		t.Errorf("got %v", err)
	}
	away := startGate(t, server, func(o *pgwire.Options) {
		o.Clients[0].Upstream.Network, o.Clients[0].Upstream.Address = "unix", filepath.Join(t.TempDir(), "nothing")
		o.Clients[0].Upstream.Password = secret.Text("x")
	})
	for range 20 {
		_, err := pgconn.Connect(t.Context(), away.dsn())
		if !errors.As(err, &pg) || pg.Code != "57P03" || pg.Message != "the database cannot be reached: try again later" {
			t.Fatalf("got %v", err)
		}
	}
	if log := away.log.String(); strings.Count(log, "\n") != 1 {
		t.Errorf("the log is a flood:\n%s", log)
	}
}
