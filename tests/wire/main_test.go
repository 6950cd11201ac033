package wire

import (
	"context"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/goleak"

	"github.com/gatehousehq/gatehouse/internal/testkit"
	"github.com/gatehousehq/gatehouse/internal/testkit/postgres"
)

// long says that the long runs are asked for; without it they are a sample.
var long = os.Getenv("GATEHOUSE_LONG") == "1"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		os.Exit(serveChild())
	}
	code := m.Run()
	if err := shared.close(); err != nil {
		fmt.Fprintln(os.Stderr, "closing the shared server:", err)
		code = 1
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, "goroutines are left:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// Roles of a database under test. Those of the bare server and of the gate's
// clients have the same names, so that what a client sees of itself is equal,
// and different passwords, so that none signs in by the other's.
const (
	owner     = "owner" // owns the database; SCRAM
	plain     = "plain" // may only read and write; SCRAM
	md5Role   = "md5"   // the server asks for its password's MD5
	clearRole = "clear" // the server asks for its password in the clear
)

var roles = []string{owner, plain, md5Role, clearRole}

// upstreamPassword is the role's at the server, gatePassword at the gate.
func upstreamPassword(role string) string { return "upstream of " + role }
func gatePassword(role string) string     { return "gate's own of " + role }

// A database is a server that wants passwords, and the databases in it.
type database struct {
	*postgres.Server
	version int // such as 15
	made    map[string]bool

	mu    sync.Mutex
	admin map[string]*pgconn.PgConn // kept open by database: each is a process of the server
}

// superuser runs statements as who may do anything, past every gate, and gives
// the rows of the last one.
func (d *database) superuser(t testing.TB, name string, statements ...string) (rows [][][]byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.admin[name]
	if c == nil || c.IsClosed() {
		var err error
		if c, err = pgconn.Connect(ctx, d.DSN(name)); err != nil {
			t.Fatal(err)
		}
		d.admin[name] = c
	}
	for _, sql := range append([]string{"discard all"}, statements...) { // of who asked before
		results, err := c.Exec(ctx, sql).ReadAll()
		if err != nil {
			t.Fatalf("%.200s: %v", sql, err)
		}
		rows = nil
		if len(results) == 1 {
			rows = results[0].Rows
		}
	}
	return rows
}

// hangUp closes what is kept open: of one database, or of all.
func (d *database) hangUp(names ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, c := range d.admin {
		if len(names) == 0 || slices.Contains(names, name) {
			_ = c.Close(context.Background()) // the server may have gone
			delete(d.admin, name)
		}
	}
}

// ask gives the text of the first column of the first row, as the superuser.
func (d *database) ask(t testing.TB, name, sql string) string {
	t.Helper()
	rows := d.superuser(t, name, sql)
	if len(rows) == 0 {
		t.Fatalf("%s: no row", sql)
	}
	return string(rows[0][0])
}

func run(ctx context.Context, dsn string, statements ...string) error {
	c, err := pgconn.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	for _, sql := range statements {
		if _, err := c.Exec(ctx, sql).ReadAll(); err != nil {
			return fmt.Errorf("%.200s: %w", sql, err)
		}
	}
	return nil
}

// ownName is of a database that a test has for itself.
func ownName(t testing.TB) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(t.Name())) // a hash takes everything
	return fmt.Sprintf("wire_%016x", h.Sum64())
}

// fresh makes a database of this name anew, with the fixtures, owned by owner.
func (d *database) fresh(t testing.TB, name string) {
	t.Helper()
	d.create(t, name, "owner owner template fixtures")
}

// create makes a database anew.
func (d *database) create(t testing.TB, name, how string) {
	t.Helper()
	d.hangUp(name)
	d.superuser(t, "postgres", `drop database if exists "`+name+`" with (force)`, `create database "`+name+`" `+how)
}

// kept makes a database of this name once: scripts that leave it as they found
// it share it.
func (d *database) kept(t testing.TB, name string) {
	t.Helper()
	if !d.made[name] {
		d.fresh(t, name)
		d.made[name] = true
	}
}

// hba makes the server ask for passwords as in earnest. Only the superuser, who
// makes fixtures, is trusted.
const hba = `local all postgres trust
host all postgres 127.0.0.1/32 trust
host all md5 127.0.0.1/32 md5
host all clear 127.0.0.1/32 password
host all all 127.0.0.1/32 scram-sha-256
local all all scram-sha-256
`

// prepare makes roles and fixtures, and has the server ask for passwords.
func prepare(s *postgres.Server) (*database, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	statements := []string{}
	for _, role := range roles {
		encryption := "scram-sha-256"
		if role == md5Role {
			encryption = "md5"
		}
		statements = append(statements, "set password_encryption = '"+encryption+"'",
			`create role "`+role+`" login password '`+upstreamPassword(role)+"'")
	}
	statements = append(statements, "create database fixtures owner owner", "create database empty owner owner")
	if err := run(ctx, s.DSN("postgres"), statements...); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join("testdata", "fixtures.sql"))
	if err != nil {
		return nil, err
	}
	if err := run(ctx, s.DSN("fixtures"), "set role owner", string(text), "reset role", "checkpoint"); err != nil {
		return nil, err
	}
	// Truncated and written in place: it stays its owner's.
	file := filepath.Join(filepath.Dir(s.Socket()), "data", "pg_hba.conf")
	if err := os.WriteFile(file, []byte(hba), 0o600); err != nil {
		return nil, err
	}
	c, err := pgconn.Connect(ctx, s.DSN("postgres"))
	if err != nil {
		return nil, err
	}
	defer c.Close(ctx)
	results, err := c.Exec(ctx, "select pg_reload_conf(), current_setting('server_version_num')::int / 10000").ReadAll()
	if err != nil {
		return nil, err
	}
	d := &database{Server: s, made: map[string]bool{}, admin: map[string]*pgconn.PgConn{}}
	if _, err := fmt.Sscan(string(results[0].Rows[0][1]), &d.version); err != nil {
		return nil, err
	}
	return d, waitSCRAM(ctx, s)
}

// waitSCRAM waits until the server has read its rules anew: the reload is a
// signal, which it handles when it gets to it.
func waitSCRAM(ctx context.Context, s *postgres.Server) error {
	config, err := pgconn.ParseConfig(s.DSN("fixtures"))
	if err != nil {
		return err
	}
	config.User, config.Password = owner, "not it"
	for {
		c, err := pgconn.ConnectConfig(ctx, config)
		if err != nil {
			return ctx.Err() // refused, as it should be
		}
		_ = c.Close(ctx) // it was opened to see whether it can be
		time.Sleep(10 * time.Millisecond)
	}
}

// shared is one server for all tests that need no other.
var shared sharedServer

type sharedServer struct {
	once     sync.Once
	database *database
	err      error
}

func (s *sharedServer) close() error {
	if s.database == nil {
		return nil
	}
	s.database.hangUp()
	return s.database.Close()
}

// server gives the shared server, with a fresh database named wire.
func server(t testing.TB) *database {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres") // the pattern is well formed
	testkit.Need(t, "postgres", found...)
	shared.once.Do(func() {
		var s *postgres.Server
		if s, shared.err = postgres.New(postgres.Options{Settings: map[string]string{"log_statement": "none"}}); shared.err != nil {
			return
		}
		if shared.database, shared.err = prepare(s); shared.err != nil {
			_ = s.Close() // the first error is told
		}
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.database
}
