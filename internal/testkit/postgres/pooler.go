package postgres

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/internal/testkit"
)

// Pooler is a PgBouncer before a server.
type Pooler struct {
	// Mode is its pool_mode: session or transaction.
	Mode string
	// Size is how many sessions of the server it has.
	Size int
	// Role is whom it is at the server, whoever asks: it asks nobody for a password.
	Role string
	// Keep has it leave a session as its client left it: no server_reset_query.
	Keep bool
}

// StartPooler runs a PgBouncer until the test ends, and gives where it listens. It
// skips the test where PgBouncer is missing.
func (s *Server) StartPooler(t testing.TB, p Pooler) (addr string) {
	t.Helper()
	host, port, err := net.SplitHostPort(s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	reset := "DISCARD ALL"
	if p.Keep {
		reset = ""
	}
	return RunPooler(t, fmt.Sprintf("* = host=%s port=%s user=%s", host, port, p.Role), "",
		"auth_type = any", "pool_mode = "+p.Mode, fmt.Sprint("default_pool_size = ", p.Size), "server_reset_query = "+reset)
}

// RunPooler runs a PgBouncer of one database until the test ends, and gives where it
// listens. database is its line of [databases], users its auth_file, and settings are
// lines of [pgbouncer]. It skips the test where PgBouncer is missing.
func RunPooler(t testing.TB, database, users string, settings ...string) (addr string) {
	t.Helper()
	program := testkit.Need(t, "pgbouncer", "/usr/sbin/pgbouncer")
	dir, err := os.MkdirTemp("", "gatehouse-pgbouncer-") // not t.TempDir: the account that it runs as could not enter it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // what is left is in the system's folder for that
	own, file, accounts := testkit.FreePort(t), filepath.Join(dir, "pgbouncer.ini"), filepath.Join(dir, "users")
	ini := append([]string{"[databases]", database, "[pgbouncer]", "listen_addr = 127.0.0.1", "listen_port = " + own, "unix_socket_dir =",
		"ignore_startup_parameters = extra_float_digits", "auth_file = " + accounts}, settings...)
	for path, text := range map[string]string{file: strings.Join(ini, "\n") + "\n", accounts: users} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(program, file)
	if os.Geteuid() == 0 { // which PgBouncer refuses to run as
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: unprivileged(t, dir, file, accounts)}
	}
	testkit.Start(t, cmd)
	addr = net.JoinHostPort("127.0.0.1", own)
	testkit.WaitAccepting(t, addr, 10*time.Second)
	return addr
}

// unprivileged is an account without rights, which is given the paths.
func unprivileged(t testing.TB, paths ...string) *syscall.Credential {
	t.Helper()
	u, err := user.Lookup("nobody")
	if err != nil {
		t.Skip(err)
	}
	uid, _ := strconv.Atoi(u.Uid) // numbers on this system
	gid, _ := strconv.Atoi(u.Gid)
	for _, path := range paths {
		if err := os.Chown(path, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}
