package postgres

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
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
	program := testkit.Need(t, "pgbouncer", "/usr/sbin/pgbouncer")
	host, port, err := net.SplitHostPort(s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	own, reset := testkit.FreePort(t), "DISCARD ALL"
	if p.Keep {
		reset = ""
	}
	dir, err := os.MkdirTemp("", "gatehouse-pgbouncer-") // not t.TempDir: the account that it runs as could not enter it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // what is left is in the system's folder for that
	ini := fmt.Sprintf(`[databases]
* = host=%s port=%s user=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %s
unix_socket_dir =
auth_type = any
pool_mode = %s
default_pool_size = %d
server_reset_query = %s
ignore_startup_parameters = extra_float_digits
`, host, port, p.Role, own, p.Mode, p.Size, reset)
	file := filepath.Join(dir, "pgbouncer.ini")
	if err := os.WriteFile(file, []byte(ini), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, file)
	if os.Geteuid() == 0 { // which PgBouncer refuses to run as
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: unprivileged(t, dir, file)}
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
