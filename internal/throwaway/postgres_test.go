package throwaway_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/gatehousehq/gatehouse/internal/testkit"
	"github.com/gatehousehq/gatehouse/internal/throwaway"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func need(t *testing.T) {
	t.Helper()
	testkit.Need(t, "postgres", throwaway.Elsewhere("postgres")...)
	testkit.Need(t, "initdb", throwaway.Elsewhere("initdb")...)
}

// parent is a folder to make the server's in, which the server's account can
// reach: t.TempDir lies in one that it can't.
func parent(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "throwaway-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(dir); err != nil { // empty again, or it fails
			t.Error(err, os.RemoveAll(dir))
		}
	})
	return dir
}

func TestStart_WithPassword_LetsInWhoKnowsIt(t *testing.T) {
	need(t)
	s, err := throwaway.Start(t.Context(), throwaway.Options{Parent: parent(t), Password: "seven of nine"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	bySocket := strings.Replace(s.DSN("postgres"), s.Addr(), "", 1) + "&host=" + filepath.Dir(s.Socket()) + "&port=" + port(t, s)
	for name, c := range map[string]struct {
		dsn string
		in  bool
	}{
		"right password":          {s.DSN("postgres"), true},
		"right one by the socket": {bySocket, true},
		"wrong password":          {s.DSNFor(throwaway.User, "six of nine", "postgres"), false},
		"no password":             {s.DSNFor(throwaway.User, "", "postgres"), false},
		"none by the socket":      {strings.Replace(bySocket, "seven%20of%20nine", "", 1), false},
	} {
		conn, err := pgx.Connect(t.Context(), c.dsn)
		if (err == nil) != c.in {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			if err := conn.Close(t.Context()); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if log, err := s.Log(); err != nil || strings.Contains(log, "seven of nine") {
		t.Errorf("the log has the password, or %v", err)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(s.Socket()), "password")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file with the password is still there: %v", err)
	}
}

func port(t *testing.T, s *throwaway.Server) string {
	t.Helper()
	_, port, err := net.SplitHostPort(s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// An interrupt may come at any moment of the start, which takes a second or two.
func TestStart_Interrupted_LeavesNothing(t *testing.T) {
	need(t)
	dir := parent(t)
	for _, after := range []time.Duration{0, 30 * time.Millisecond, 300 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		s, err := throwaway.Start(ctx, throwaway.Options{Parent: dir})
		cancel()
		if err == nil {
			t.Errorf("started within %v", after)
			err = s.Close()
		}
		if left, dirErr := os.ReadDir(dir); dirErr != nil || len(left) > 0 {
			t.Errorf("after %v there is %v left, %v, %v", after, left, dirErr, err)
		}
	}
}

// The server's account has to get to its folder where root starts it.
func TestStart_FolderThatOnlyRootEnters_IsNamed(t *testing.T) {
	need(t)
	if os.Geteuid() != 0 {
		t.Skip("only root starts a server as another account")
	}
	dir := parent(t)
	inner := filepath.Join(dir, "inner")
	if err := os.Mkdir(inner, 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := throwaway.Start(t.Context(), throwaway.Options{Parent: inner})
	if err == nil {
		err = s.Close()
		t.Error("it started")
	}
	if !strings.Contains(err.Error(), dir+": set TMPDIR") {
		t.Errorf("got %v", err)
	}
	if err := os.Remove(inner); err != nil {
		t.Error(err) // something was left in it
	}
}

func TestStart_ProgramThatIsNone_LeavesNothing(t *testing.T) {
	need(t)
	dir := parent(t)
	for _, o := range []throwaway.Options{{InitDB: "/bin/false"}, {Postgres: "/bin/false"}, {Postgres: "/no/such/program"}} {
		o.Parent = dir
		if s, err := throwaway.Start(t.Context(), o); err == nil {
			t.Errorf("%+v started", o)
			_ = s.Close() // the test has failed already
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("%+v left %v, %v", o, left, err)
		}
	}
}
