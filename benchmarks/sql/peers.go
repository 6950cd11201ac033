package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/gatehousehq/gatehouse/benchmarks/measure"
)

// A peer is what may stand between application and server.
type peer struct {
	name string
	// about says in a line what was measured; prepare may add to it.
	about string
	// prepare finds or builds the program.
	prepare func(*bench, *peer) error
	// command writes what configuration it needs into dir and gives the
	// command's arguments, for one that listens at p.addr. Nil: there is no proxy.
	command func(b *bench, dir string, p *proxy) ([]string, error)
	// begin has a request come and stay, once the peer knows the application's
	// statements; end lets go of it.
	begin func(*proxy) (end func(), err error)
	// extra is measured only where -only names it.
	extra bool
	// simpleOnly is set where prepared statements do not work through it.
	simpleOnly bool
	program    string
}

// What others are compared with, and what is judged.
const (
	direct = "direct"
	relay  = "bare Go relay"
	ours   = "Gatehouse"
	alone  = "its SQL gate alone"
)

func peers() []peer {
	return []peer{
		{name: direct, about: "pgbench at the server itself", prepare: func(*bench, *peer) error { return nil }},
		{
			name: relay, about: "benchmarks/relay: two goroutines a session that copy bytes",
			prepare: func(b *bench, p *peer) error {
				p.program = filepath.Join(b.dir, "bin-relay")
				return measure.Build(p.program, ".", "./relay")
			},
			command: func(b *bench, _ string, p *proxy) ([]string, error) {
				return []string{"-listen", p.addr, "-upstream", b.server.Addr()}, nil
			},
		},
		bouncer("session"),
		bouncer("transaction"),
		{
			name: ours, about: "the whole program, every rung as it is shipped, while a request with 64 inputs of 40 bytes is in flight",
			prepare: func(b *bench, p *peer) error {
				p.program = filepath.Join(b.dir, "bin-gatehouse")
				return measure.Build(p.program, "..", "./cmd/gatehouse")
			},
			command: gatehouseCommand,
			begin:   holdRequest,
		},
		{
			name: alone, about: "data/sqlgate/pgwire with data/guard as its judge and nothing else, while 64 inputs of 40 bytes are in flight", extra: true,
			prepare: func(b *bench, p *peer) error {
				p.program = b.self
				return nil
			},
			command: func(b *bench, _ string, p *proxy) ([]string, error) {
				return []string{"gate", "-listen", p.addr, "-upstream", b.server.Addr(), "-inputs", strconv.Itoa(inputs), "-pprof", b.profile}, nil
			},
			begin: func(p *proxy) (func(), error) { return func() {}, syscall.Kill(p.pid(), syscall.SIGUSR1) },
		},
	}
}

// bouncer is PgBouncer with this pool_mode.
func bouncer(mode string) peer {
	return peer{
		name: "PgBouncer " + mode,
		prepare: func(_ *bench, p *peer) (err error) {
			if p.program, err = lookFor("pgbouncer", "/usr/sbin/pgbouncer"); err == nil {
				p.about = measure.FirstLine(p.program, "--version")
			}
			return err
		},
		command: func(b *bench, dir string, p *proxy) ([]string, error) {
			return bouncerCommand(b, dir, p.addr, mode)
		},
		// It tracks no prepared statements before 1.21.
		simpleOnly: mode == "transaction",
	}
}

func bouncerCommand(b *bench, dir, addr, mode string) ([]string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	serverHost, serverPort, err := net.SplitHostPort(b.server.Addr())
	if err != nil {
		return nil, err
	}
	pool := 100
	if mode == "transaction" {
		pool = 20 // as it is shipped
	}
	config := fmt.Sprintf(`[databases]
* = host=%s port=%s user=%s
[pgbouncer]
listen_addr = %s
listen_port = %s
unix_socket_dir =
auth_type = any
pool_mode = %s
default_pool_size = %d
max_client_conn = 1000
log_connections = 0
log_disconnections = 0
log_stats = 0
`, serverHost, serverPort, account, host, port, mode, pool)
	file := filepath.Join(dir, "pgbouncer.ini")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		return nil, err
	}
	args := []string{"-q", file}
	as, err := unprivileged()
	if as != "" {
		args = append([]string{"-u", as}, args...)
	}
	return args, err
}
