package shop

import (
	"context"
	"database/sql"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse/internal/testkit/postgres"
)

// openPostgreSQL opens a database of the server for sql.OpenDB's sake.
func openPostgreSQL(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	c, err := PostgresConnector(dsn)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(8) // PostgreSQL forks for each connection
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// TestPostgreSQL: everything that the tests of pages, forms and crowds want of
// the shop, it does on PostgreSQL as well, with the account that filled the
// database or with one that owns nothing.
func TestPostgreSQL(t *testing.T) {
	server := postgres.Start(t)
	super := openPostgreSQL(t, server.DSN("postgres"))
	for _, statement := range []string{"CREATE DATABASE owned", "CREATE DATABASE divided", "CREATE ROLE clerk LOGIN"} {
		if _, err := super.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	owner := openPostgreSQL(t, server.DSN("divided"))
	if _, err := owner.ExecContext(t.Context(), "ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO clerk"); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]Options{
		"one account":  {Engine: PostgreSQL, DB: openPostgreSQL(t, server.DSN("owned"))},
		"two accounts": {Engine: PostgreSQL, DB: openPostgreSQL(t, server.DSNFor("clerk", "", "divided")), Migrator: owner},
	} {
		t.Run(name, func(t *testing.T) {
			s, server := openWith(t, o)
			showWhatTheyShould(t, s, server)
			tellInWords(t, server)
			serveManyAtOnce(t, server)
			keepWhatIsThere(t, o)
		})
	}
	if _, err := openPostgreSQL(t, server.DSNFor("clerk", "", "divided")).ExecContext(t.Context(), "DROP TABLE cart_lines"); err == nil || !strings.Contains(err.Error(), "must be owner") {
		t.Errorf("the clerk drops tables: %v", err)
	}
}

// keepWhatIsThere opens the shop a second time, on a database that is filled.
func keepWhatIsThere(t *testing.T, o Options) {
	t.Helper()
	s, server := openWith(t, o)
	marta := signIn(t, server, Accounts()[1])
	if status, body := ask(t, server, "GET", "/orders/42", marta, ""); status != 200 || !strings.Contains(body, "birthday present") {
		t.Errorf("%d %s", status, body)
	}
	var users int
	if err := s.one(context.Background(), "SELECT count(*) FROM users", nil, &users); err != nil || users != len(Accounts()) {
		t.Errorf("%d users, %v", users, err)
	}
}

func TestPostgresConnector_DatabaseElsewhere_IsRefused(t *testing.T) {
	for dsn, want := range map[string]bool{
		"postgres://shop:secret@127.0.0.1:5432/shop":                      true,
		"postgres://shop:secret@localhost/shop?sslmode=disable":           true,
		"postgres://shop:secret@[::1]/shop":                               true,
		"postgres:///shop?host=/var/run/postgresql":                       true,
		"postgres://shop:secret@192.0.2.1/shop":                           false,
		"postgres://shop:secret@db.example.com/shop":                      false,
		"postgres://shop:secret@127.0.0.1,db.example.com/shop":            false,
		"postgres://shop:secret@localhost.example.com/shop":               false,
		"host=127.0.0.1 hostaddr=192.0.2.1 user=shop password=secret":     true, // pgx knows no hostaddr: it dials the host
		"postgres://shop:secret@127.0.0.1:no/shop":                        false,
		"postgres://shop:secret@/shop?host=127.0.0.1&port=1&host=0.0.0.0": false,
	} {
		_, err := PostgresConnector(dsn)
		if (err == nil) != want {
			t.Errorf("%s: %v", dsn, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
}
