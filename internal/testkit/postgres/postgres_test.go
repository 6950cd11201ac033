package postgres_test

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/gatehousehq/gatehouse/internal/testkit"
	"github.com/gatehousehq/gatehouse/internal/testkit/postgres"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStart_AcceptsStatementsByTCPAndSocket(t *testing.T) {
	s := postgres.Start(t)
	byTCP, err := pgx.ParseConfig(s.DSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	bySocket := byTCP.Copy()
	bySocket.Host = filepath.Dir(s.Socket())
	for name, config := range map[string]*pgx.ConnConfig{"TCP": byTCP, "socket": bySocket} {
		c, err := pgx.ConnectConfig(t.Context(), config)
		if err != nil {
			t.Fatalf("connecting by %s: %v", name, err)
		}
		var user, fsync string
		if err := c.QueryRow(t.Context(), "select current_user, current_setting('fsync')").Scan(&user, &fsync); err != nil || user != postgres.User || fsync != "off" {
			t.Errorf("by %s the server said user %q, fsync %q, error %v", name, user, fsync, err)
		}
		if err := c.Close(t.Context()); err != nil {
			t.Errorf("closing the connection by %s: %v", name, err)
		}
	}
}

func TestClose_LeavesNothing(t *testing.T) {
	testkit.Need(t, "postgres", "/usr/lib/postgresql/15/bin/postgres")
	s, err := postgres.New(postgres.Options{Settings: map[string]string{"application_name": "mine"}})
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Dir(s.Socket())
	if said, err := s.Log(); err != nil || !strings.Contains(said, "ready to accept connections") {
		t.Errorf("its log is %q, error %v", said, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(folder); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is still there: %v", folder, err)
	}
	if c, err := net.Dial("tcp", s.Addr()); err == nil {
		c.Close()
		t.Errorf("something still listens at %s", s.Addr())
	}
}

func TestNew_SaysWhyItDoesNotStart(t *testing.T) {
	testkit.Need(t, "postgres", "/usr/lib/postgresql/15/bin/postgres")
	_, err := postgres.New(postgres.Options{Settings: map[string]string{"no_such_setting": "1"}})
	if err == nil || !strings.Contains(err.Error(), "no_such_setting") {
		t.Errorf("got the error %v, want one that names the setting", err)
	}
}
