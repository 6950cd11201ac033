package wire_test

import (
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gatehousehq/gatehouse/internal/testkit"
	"github.com/gatehousehq/gatehouse/internal/testkit/postgres"
)

func wantRefused(t *testing.T, err error) {
	t.Helper()
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Code != "42501" || pg.Message != "statement refused by the gate (request r-1)" {
		t.Fatalf("got %v, want the gate's refusal", err)
	}
	if pg.Position != 0 || pg.Detail != "" || pg.Hint != "" || pg.Where != "" {
		t.Fatalf("the refusal tells more: %+v", pg)
	}
}

func psqlSession(t *testing.T, server *postgres.Server) {
	psql := testkit.Need(t, "psql")
	gate := startGate(t, server)
	run := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), psql, append([]string{"-X", "-A", "-t", "-d", gate.dsn()}, args...)...)
		said, err := cmd.CombinedOutput()
		return strings.TrimSpace(string(said)), err
	}
	if said, err := run("-c", "SELECT current_user || 6*7"); err != nil || said != roleName+"42" {
		t.Fatalf("got %q, %v", said, err)
	}
	said, err := run("-c", "SELECT 'evil'")
	if err == nil || said != "ERROR:  statement refused by the gate (request r-1)" {
		t.Fatalf("got %q, %v", said, err)
	}
}

func extendedQueries(t *testing.T, server *postgres.Server) {
	gate := startGate(t, server)
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, gate.dsn())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	for range 3 {
		var n int
		if err := conn.QueryRow(ctx, "SELECT $1::int + 1", 41).Scan(&n); err != nil || n != 42 {
			t.Fatalf("got %d, %v", n, err)
		}
		_, err := conn.Exec(ctx, "SELECT $1::int, 'evil'", 41)
		wantRefused(t, err)
	}
	tx, err := conn.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_, err = tx.Exec(ctx, "SELECT 'evil'")
	wantRefused(t, err)
	if _, err := tx.Exec(ctx, "SELECT 1"); err == nil {
		t.Fatal("the transaction went on after a refusal")
	}
	if err := tx.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(ctx, "SELECT 1"); err != nil {
		t.Fatal(err)
	}
}
