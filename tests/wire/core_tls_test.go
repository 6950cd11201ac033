package wire_test

import (
	"crypto/tls"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gatehousehq/gatehouse/data/sqlgate/pgwire"
	"github.com/gatehousehq/gatehouse/internal/testkit"
	"github.com/gatehousehq/gatehouse/internal/testkit/certs"
	"github.com/gatehousehq/gatehouse/internal/testkit/postgres"
)

// secured runs a server that takes TLS alone from the role.
func secured(t *testing.T, authority *certs.Authority) *postgres.Server {
	t.Helper()
	dir, err := os.MkdirTemp("", "gatehouse-tls-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	pair := authority.Issue(t, certs.Want{Names: []string{"localhost", "127.0.0.1"}})
	certFile, keyFile := pair.Write(t, dir, "server")
	for path, mode := range map[string]os.FileMode{dir: 0o755, certFile: 0o644, keyFile: 0o640} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	giveKey(t, keyFile)
	hba := filepath.Join(dir, "pg_hba.conf")
	if err := os.WriteFile(hba, []byte("local all postgres trust\nhost all postgres 127.0.0.1/32 trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	server := postgres.StartWith(t, postgres.Options{Settings: map[string]string{"hba_file": hba, "ssl": "on", "ssl_cert_file": certFile, "ssl_key_file": keyFile}})
	execute(t, server.DSN("postgres"), "CREATE ROLE "+roleName+" LOGIN PASSWORD '"+rolePassword+"'")
	return server
}

func tlsLegs(t *testing.T, _ *postgres.Server) {
	psql := testkit.Need(t, "psql")
	authority := certs.New(t)
	server := secured(t, authority)
	pair := authority.Issue(t, certs.Want{Names: []string{"localhost", "127.0.0.1"}})
	gate := startGate(t, server, func(o *pgwire.Options) {
		o.TLS = &tls.Config{Certificates: []tls.Certificate{pair.TLS(t)}}
		o.Clients[0].Upstream.TLS = &tls.Config{RootCAs: authority.Pool()}
	})
	root := filepath.Join(t.TempDir(), "root.pem")
	if err := os.WriteFile(root, authority.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		options string
		want    string
	}{
		{"sslmode=verify-full channel_binding=require", "t"},
		{"sslmode=verify-full channel_binding=disable", "t"},
		{"sslmode=disable", "t"}, // from this machine
	} {
		cmd := exec.CommandContext(t.Context(), psql, "-XAt", "-c", "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
			"-d", "host=127.0.0.1 port="+gate.addr[strings.LastIndex(gate.addr, ":")+1:]+" user=app password="+gatePassword+" dbname=postgres sslrootcert="+root+" "+c.options)
		said, err := cmd.CombinedOutput()
		if err != nil || strings.TrimSpace(string(said)) != c.want {
			t.Errorf("%s: %q, %v", c.options, said, err)
		}
	}
	directTLS(t, gate, authority)
	cancelsOverTLS(t, server, gate)
	// A database whose certificate is not the right one is not spoken to.
	wrong := startGate(t, server, func(o *pgwire.Options) {
		o.Clients[0].Upstream.TLS = &tls.Config{RootCAs: certs.New(t).Pool()}
	})
	if _, err := pgconn.Connect(t.Context(), wrong.dsn()); err == nil {
		t.Error("a database with another authority's certificate was taken")
	}
}

// directTLS begins with TLS, as libpq of PostgreSQL 17 can.
func directTLS(t *testing.T, gate *running, authority *certs.Authority) {
	t.Helper()
	for alpn, want := range map[string]string{"postgresql": "R", "": "E"} {
		config := &tls.Config{RootCAs: authority.Pool(), ServerName: "localhost"}
		if alpn != "" {
			config.NextProtos = []string{alpn}
		}
		conn, err := tls.Dial("tcp", gate.addr, config)
		if err != nil {
			t.Fatalf("ALPN %q: %v", alpn, err)
		}
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = conn.Write([]byte("\x00\x00\x00\x12\x00\x03\x00\x00user\x00app\x00\x00"))
		head := make([]byte, 1)
		if _, err := conn.Read(head); err != nil || string(head) != want {
			t.Errorf("ALPN %q: got %q, %v, want %q", alpn, head, err, want)
		}
		_ = conn.Close()
	}
	// What comes in the clear behind SSLRequest is no startup message.
	conn, err := net.Dial("tcp", gate.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = conn.Write([]byte("\x00\x00\x00\x08\x04\xd2\x16\x2f\x00\x00\x00\x12\x00\x03\x00\x00user\x00app\x00\x00"))
	answer := make([]byte, 64)
	n, _ := conn.Read(answer)
	rest, _ := conn.Read(answer[n:])
	if answer[0] != 'S' || strings.Contains(string(answer[1:n+rest]), "SCRAM") {
		t.Errorf("got %q", answer[:n+rest])
	}
}

func cancelsOverTLS(t *testing.T, server *postgres.Server, gate *running) {
	t.Helper()
	conn := connect(t, gate.dsn())
	done := make(chan error, 1)
	go func() {
		_, err := conn.Exec(t.Context(), "SELECT pg_sleep(20)").ReadAll()
		done <- err
	}()
	waitFor(t, server, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'", 1)
	if err := conn.CancelRequest(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err == nil || !strings.Contains(err.Error(), "57014") {
		t.Errorf("got %v", err)
	}
}

// giveKey gives a key to the account that the server runs as: it takes none
// that others may read.
func giveKey(t *testing.T, path string) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		account, err = user.Lookup("nobody")
	}
	if err != nil {
		t.Skipf("there is no account that the server could run as: %v", err)
	}
	uid, err := strconv.Atoi(account.Uid)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, uid, -1); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
}
