// Package postgres is internal/throwaway for tests: a PostgreSQL server that is
// gone when the test ends, and that says what it logged where the test failed.
//
// It stops nothing and trusts every local connection (trust authentication, no
// fsync): only tests, and programs that make test data, may import it. Nothing
// in it outlives Close.
package postgres

import (
	"context"
	"os"
	"testing"

	"github.com/gatehousehq/gatehouse/internal/testkit"
	"github.com/gatehousehq/gatehouse/internal/throwaway"
)

// initdbVariable names a program that does for initdb: that of scripts/test.sh
// makes a cluster once, and copies of it after that.
const initdbVariable = "GATEHOUSE_TEST_INITDB"

// User is the cluster's superuser. Any client that says so is it.
const User = throwaway.User

// Options of a server. The zero value finds the programs by PATH and has no
// settings beyond this package's own.
type Options struct {
	// Postgres and InitDB are the programs; "" looks for them.
	Postgres, InitDB string
	// Settings go to postgres as -c NAME=VALUE, after this package's own, which
	// they may replace (ssl, max_connections, log_statement, …).
	Settings map[string]string
}

// A Server is a running PostgreSQL.
type Server struct{ *throwaway.Server }

// Start runs a server until the test ends. It skips the test where PostgreSQL
// is missing.
func Start(t testing.TB) *Server {
	t.Helper()
	return StartWith(t, Options{})
}

// StartWith is [Start] with options.
func StartWith(t testing.TB, o Options) *Server {
	t.Helper()
	if o.Postgres == "" {
		testkit.Need(t, "postgres", throwaway.Elsewhere("postgres")...)
	}
	if o.InitDB == "" {
		testkit.Need(t, "initdb", throwaway.Elsewhere("initdb")...)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("PostgreSQL said:\n%s", s.Tail())
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// New starts a server, which accepts connections when New returns. The caller
// closes it. It is not made in t.TempDir: the account that the server runs as
// could not enter that.
func New(o Options) (*Server, error) {
	if o.Postgres == "" && o.InitDB == "" {
		o.InitDB = os.Getenv(initdbVariable) // of the server that is found
	}
	s, err := throwaway.Start(context.Background(), throwaway.Options{Postgres: o.Postgres, InitDB: o.InitDB, Settings: o.Settings})
	if err != nil {
		return nil, err
	}
	return &Server{s}, nil
}
