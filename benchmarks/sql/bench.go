package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/gatehousehq/gatehouse/benchmarks/measure"
	"github.com/gatehousehq/gatehouse/internal/testkit/postgres"
)

// What applications sign in with, everywhere. The server trusts everybody on
// this machine; the gate does not.
const (
	database = "postgres"
	account  = postgres.User
	password = "benchmark"
)

// A bench is what all peers share: a folder, and a server with pgbench's tables.
type bench struct {
	dir     string
	self    string
	server  *postgres.Server
	backend *backend
	// profile is where the gate shows its profiles; nowhere if empty.
	profile string
}

func newBench(ctx context.Context, scale int) (_ *bench, err error) {
	b := &bench{}
	if b.self, err = os.Executable(); err != nil {
		return nil, err
	}
	if b.dir, err = os.MkdirTemp("", "gatehouse-benchmark-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	if b.backend, err = newBackend(); err != nil {
		return nil, err
	}
	// Each turn of 64 leaves sessions behind in PgBouncer's pools.
	b.server, err = postgres.New(postgres.Options{Settings: map[string]string{"max_connections": "400", "shared_buffers": "512MB", "max_wal_size": "8GB"}})
	if err != nil {
		return nil, err
	}
	fmt.Printf("filling pgbench's tables at scale %d\n", scale)
	host, port, err := net.SplitHostPort(b.server.Addr())
	if err != nil {
		return nil, err
	}
	fill := exec.CommandContext(ctx, "pgbench", append([]string{"-i", "-I", "dtGvp", "-q", "--unlogged-tables", "-s", strconv.Itoa(scale)}, connection(host, port)...)...)
	fill.Env = b.environment()
	if out, err := fill.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("filling pgbench's tables: %w: %s", err, measure.Tail(string(out), 5))
	}
	return b, nil
}

func (b *bench) close() error {
	var err error
	if b.backend != nil {
		b.backend.close()
	}
	if b.server != nil {
		err = b.server.Close()
	}
	return errors.Join(err, os.RemoveAll(b.dir))
}

// connection is how a program of PostgreSQL's is told where to connect.
func connection(host, port string) []string {
	return []string{"-h", host, "-p", port, "-U", account, database}
}

// environment keeps what the caller has set for other servers away.
func (b *bench) environment() []string {
	return []string{"PGPASSWORD=" + password, "PGSSLMODE=disable", "PGGSSENCMODE=disable", "LC_ALL=C", "PATH=" + os.Getenv("PATH")}
}

// execute runs statements past all proxies.
func (b *bench) execute(ctx context.Context, statements ...string) error {
	conn, err := pgx.Connect(ctx, b.server.DSN(database))
	if err != nil {
		return err
	}
	for _, s := range statements {
		if _, err = conn.Exec(ctx, s, pgx.QueryExecModeSimpleProtocol); err != nil {
			err = fmt.Errorf("%s: %w", s, err)
			break
		}
	}
	return errors.Join(err, conn.Close(ctx))
}

func (b *bench) version() string { return measure.FirstLine("pgbench", "--version") }

// A proxy is a peer that runs, or the server where there is nothing in between.
type proxy struct {
	addr    string
	web     string // where requests come, where they do
	backend *backend
	process *measure.Process
	end     func() // lets go of the request in flight
}

// start starts a peer with a configuration of its own.
func (b *bench) start(ctx context.Context, p peer) (_ *proxy, err error) {
	if p.command == nil {
		return &proxy{addr: b.server.Addr()}, nil
	}
	r := &proxy{backend: b.backend}
	if r.addr, err = measure.FreeAddress(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(b.dir, "peer-")
	if err != nil {
		return nil, err
	}
	args, err := p.command(b, dir, r)
	if err != nil {
		return nil, err
	}
	if r.process, err = measure.Launch(ctx, r.addr, p.program, args...); err != nil {
		return nil, fmt.Errorf("starting %s: %w", p.name, err)
	}
	return r, nil
}

// begin has a request in flight from now on.
func (p *proxy) begin(of peer) (err error) {
	if of.begin == nil {
		return nil
	}
	if p.end, err = of.begin(p); err != nil {
		return fmt.Errorf("having a request in flight at %s: %w", of.name, err)
	}
	return nil
}

func (p *proxy) hostPort() (host, port string) {
	host, port, _ = net.SplitHostPort(p.addr) // it is of this program's making
	return host, port
}

// pid is zero where there is no process in between.
func (p *proxy) pid() int {
	if p.process == nil {
		return 0
	}
	return p.process.PID()
}

func (p *proxy) stop() {
	if p.end != nil {
		p.end()
	}
	if p.process != nil {
		p.process.Stop()
	}
}

// unprivileged is whom PgBouncer is to become where root runs this.
func unprivileged() (string, error) {
	if os.Getuid() != 0 {
		return "", nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		if _, err := user.Lookup(name); err == nil {
			return name, nil
		}
	}
	return "", errors.New("root may not run it, and there is no account postgres or nobody")
}

func lookFor(names ...string) (string, error) {
	for _, at := range names {
		if program, err := exec.LookPath(at); err == nil {
			return program, nil
		}
	}
	return "", fmt.Errorf("there is no %s: scripts/setup.sh installs it", filepath.Base(names[0]))
}
