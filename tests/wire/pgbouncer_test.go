package wire

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

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/gatehousehq/gatehouse/data/sqlgate/pgwire"
	"github.com/gatehousehq/gatehouse/internal/testkit"
	"github.com/gatehousehq/gatehouse/secret"
)

const (
	poolerPassword = "pooler's own"
	poolSize       = 3
)

// pooler starts PgBouncer in transaction mode before a target, and gives where
// its clients connect to.
func pooler(t *testing.T, before target) target {
	t.Helper()
	program := testkit.Need(t, "pgbouncer", "/usr/sbin/pgbouncer")
	dir, err := os.MkdirTemp("", "gatehouse-pgbouncer-") // not t.TempDir: the account that it runs as could not enter it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // what is left is in the system's folder for that
	port := testkit.FreePort(t)
	ini := fmt.Sprintf(`[databases]
wire = host=%s port=%s dbname=%s user=%s password='%s'
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %s
unix_socket_dir =
auth_type = scram-sha-256
auth_file = %s/users
pool_mode = transaction
default_pool_size = %d
server_tls_sslmode = disable
client_tls_sslmode = disable
ignore_startup_parameters = extra_float_digits
logfile = %s/log
`, before.host, before.port, before.database, before.user, strings.ReplaceAll(before.password, "'", "''"), port, dir, poolSize, dir)
	users := fmt.Sprintf("%q %q\n", before.user, poolerPassword)
	for name, text := range map[string]string{"ini": ini, "users": users} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(program, filepath.Join(dir, "ini"))
	if os.Geteuid() == 0 { // which PgBouncer refuses to run as
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: nobody(t, dir)}
	}
	testkit.Start(t, cmd)
	testkit.WaitAccepting(t, net.JoinHostPort("127.0.0.1", port), 10*time.Second)
	behind := before
	behind.gated, behind.host, behind.port, behind.database, behind.password = true, "127.0.0.1", port, "wire", poolerPassword
	return behind
}

// nobody is an account without rights, which is given the folder.
func nobody(t *testing.T, dir string) *syscall.Credential {
	t.Helper()
	u, err := user.Lookup("nobody")
	if err != nil {
		t.Skip(err)
	}
	uid, _ := strconv.Atoi(u.Uid) // numbers on this system
	gid, _ := strconv.Atoi(u.Gid)
	for _, path := range []string{dir, filepath.Join(dir, "ini"), filepath.Join(dir, "users")} {
		if err := os.Chown(path, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// usePool has more clients than the pool has sessions, with transactions that
// must not mix.
func usePool(t *testing.T, d *database, to target) {
	t.Helper()
	pgbench := testkit.Need(t, "pgbench", debian("pgbench")...)
	testkit.Run(t, d.bare("wire").client(t, pgbench, "--initialize", "--quiet"))
	transactions := "20"
	if long {
		transactions = "3000"
	}
	for _, mode := range []string{"simple", "extended"} { // PgBouncer 1.18 tracks no prepared statements
		out := said(t, to.client(t, pgbench, "--no-vacuum", "--protocol", mode, "--client", "8", "--transactions", transactions))
		if !strings.Contains(out, "number of failed transactions: 0 ") {
			t.Errorf("pgbench:\n%s", out)
		}
	}
	sums := strings.Fields(d.ask(t, "wire", balances))
	if sums[0] != sums[1] || sums[1] != sums[2] || sums[2] != sums[3] || sums[4] == "0" {
		t.Errorf("accounts, tellers, branches, history and its length are %v: transactions were mixed", sums)
	}
}

// A refused statement leaves the pool's session as it must be for the next
// client, whoever pools.
func refuseInPool(t *testing.T, to target) {
	t.Helper()
	dialog := &dialog{t: t, to: to}
	var all []*session
	for range 2 * poolSize {
		s := dialog.open()
		if s == nil {
			t.Fatal("no session")
		}
		all = append(all, s)
	}
	for i, s := range all {
		at := len(s.frames)
		s.query("begin", "insert into copied (id) values ("+strconv.Itoa(i)+")", "select 1 /* "+marker+" */", "rollback", "select 'goes on'")
		if got := kinds(s.frames[at:]); got != "CZCZEZCZTDCZ" {
			t.Errorf("client %d of the pool hears %q: %v", i, got, s.frames[at:])
		}
	}
	for _, s := range all {
		at := len(s.frames)
		s.send(several(once("insert into copied (id) values (100)"), once("select 1 /* "+marker+" */"), once("select 2"), syncNow)...)
		s.ready(1)
		s.send(&pgproto3.Query{String: "select count(*) from copied"})
		s.ready(1)
		if got := kinds(s.frames[at:]); got != "12nCEZTDCZ" {
			t.Errorf("a client of the pool hears %q: %v", got, s.frames[at:])
		}
		if last := s.frames[len(s.frames)-3].text; !strings.Contains(last, `\x01`+"0") {
			t.Errorf("the refused pipeline left rows: %s", last)
		}
	}
	dialog.hangUp()
}

func TestPgBouncer_BehindTheGate_InTransactionMode(t *testing.T) {
	d := server(t)
	d.fresh(t, "wire")
	behind := pooler(t, d.bare("wire"))
	to := d.gated(t, "wire", func(o *pgwire.Options) {
		o.Clients = []pgwire.Client{{User: owner, Password: secret.Text(gatePassword(owner)), Upstream: pgwire.Upstream{
			Network: "tcp", Address: behind.address(), Database: "wire", User: owner, Password: poolerPassword,
		}}}
	})
	usePool(t, d, to)
	wantUnobstructed(t, to)
	refuseInPool(t, to)
}

func TestPgBouncer_BeforeTheGate_InTransactionMode(t *testing.T) {
	d := server(t)
	d.fresh(t, "wire")
	gate := d.gated(t, "wire")
	to := pooler(t, gate)
	usePool(t, d, to)
	wantUnobstructed(t, gate)
	refuseInPool(t, to)
}
