package main

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gatehousehq/gatehouse/internal/testkit/postgres"
	"github.com/gatehousehq/gatehouse/tests/attacks/benign"
)

// The programs' own files; MediaWiki's are Debian's.
//
//go:embed apps
var files embed.FS

// A program is one whose statements are recorded.
type program struct {
	name     string
	requests int // about how many the committed recording has
	// prepare makes the program's tables and gives the command that serves it.
	prepare func(ctx context.Context, s site) (*exec.Cmd, error)
	// use sends about so many requests.
	use func(v *visitor, requests int)
}

var programs = []program{
	{"mediawiki", 2000, prepareMediawiki, useMediawiki},
	{"django", 12000, prepareDjango, useDjango},
	{"sqlalchemy", 12000, prepareSQLAlchemy, useSQLAlchemy},
}

// A site is where a program is set up and reached.
type site struct {
	folder  string // its own, with apps/NAME in it
	address string // where it is to listen, 127.0.0.1:PORT
	origin  string // what visitors call it
	db      string // the database and the role that owns it
	host    string // the database's relay
	port    string
}

// environ is what the programs find in their environment.
func (s site) environ() []string {
	return append(os.Environ(), "DB_NAME="+s.db, "DB_USER="+s.db, "DB_HOST="+s.host, "DB_PORT="+s.port, "PGPORT=", "PGHOST=",
		"PYTHONHASHSEED=0", "PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1", "TMPDIR="+s.folder, "SITE_ORIGIN="+s.origin)
}

// run runs a command to its end.
func (s site) run(cmd *exec.Cmd) error {
	cmd.Env = append(s.environ(), cmd.Env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", cmd, err, tail(out))
	}
	return nil
}

func tail(b []byte) []byte { return b[max(0, len(b)-4000):] }

// record sets a program up, uses it, and gives what was seen.
func record(ctx context.Context, p program, requests int, seed uint64) (_ []benign.Exchange, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	folder, err := os.MkdirTemp("", "gatehouse-record-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder) // a folder of the system's for such things
	server, err := postgres.New(postgres.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	if err := createDatabase(ctx, server, p.name); err != nil {
		return nil, err
	}
	away, err := unpackedAt()
	if err != nil {
		return nil, err
	}
	log := &journal{away: away}
	database, err := relaySQL(server.Addr(), log)
	if err != nil {
		return nil, err
	}
	defer database.close()
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	front, err := relayHTTP(address, log)
	if err != nil {
		return nil, err
	}
	defer front.close()
	s := site{folder: folder, address: address, origin: "http://" + p.name + ".example.com", db: p.name}
	if s.host, s.port, err = net.SplitHostPort(database.address()); err != nil {
		return nil, err
	}
	if err := unpack(folder); err != nil {
		return nil, err
	}
	end, err := serve(ctx, p, s)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, end()) }()
	v := newVisitor(ctx, s.origin, front.address, log, database, rand.New(rand.NewPCG(seed, 0x6a7e)))
	p.use(v, requests)
	if os.Getenv("RECORD_VERBOSE") != "" {
		fmt.Fprintf(os.Stderr, "late: %d, refused: %v\n", log.late, v.refused)
	}
	return log.exchanges, v.err
}

func createDatabase(ctx context.Context, server *postgres.Server, name string) error {
	c, err := pgconn.Connect(ctx, server.DSN("postgres"))
	if err != nil {
		return err
	}
	for _, sql := range []string{"CREATE ROLE " + name + " LOGIN", "CREATE DATABASE " + name + " OWNER " + name} {
		if _, err := c.Exec(ctx, sql).ReadAll(); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", sql, err), c.Close(ctx))
		}
	}
	return c.Close(ctx)
}

// serve prepares the program and starts it; end interrupts it and waits.
func serve(ctx context.Context, p program, s site) (end func() error, err error) {
	cmd, err := p.prepare(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("preparing: %w", err)
	}
	var said output
	cmd.Env = append(s.environ(), cmd.Env...)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	end = func() error {
		_ = cmd.Process.Signal(os.Interrupt) // it may have ended, which Wait says
		timer := time.AfterFunc(5*time.Second, func() { _ = cmd.Process.Kill() })
		defer timer.Stop()
		var exit *exec.ExitError
		if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
			return err
		}
		if os.Getenv("RECORD_VERBOSE") != "" {
			fmt.Fprintf(os.Stderr, "%s said:\n%s\n", cmd.Path, tail([]byte(said.String())))
		}
		return nil
	}
	for range 200 {
		if c, err := net.DialTimeout("tcp", s.address, time.Second); err == nil {
			return end, c.Close()
		}
		time.Sleep(100 * time.Millisecond)
	}
	return nil, errors.Join(fmt.Errorf("%s listens nowhere:\n%s", cmd, tail([]byte(said.String()))), end())
}

// output is what a program says.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write keeps what the program said, up to a bound.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.text.Len() > 1<<20 {
		o.text.Reset()
	}
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// unpack writes the programs' files to the folder.
func unpack(folder string) error {
	return fs.WalkDir(files, "apps", func(name string, d fs.DirEntry, err error) error {
		to := filepath.Join(folder, filepath.FromSlash(name))
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return os.MkdirAll(to, 0o755)
		}
		text, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(to, text, 0o644)
	})
}
