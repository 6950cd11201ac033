// Package postgres runs a throwaway PostgreSQL server: a fresh cluster in a
// folder of its own, on a Unix socket and a loopback port, gone when it is
// closed.
//
// It stops nothing and trusts every local connection (trust authentication, no
// fsync): only tests, and programs that make test data, may import it. Nothing
// in it outlives Close.
package postgres

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
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

// User is the cluster's superuser. Any client that says so is it.
const User = "postgres"

// Options of a server. The zero value finds the programs by PATH and has no
// settings beyond this package's own.
type Options struct {
	// Postgres and InitDB are the programs; "" looks for them.
	Postgres, InitDB string
	// Settings go to postgres as -c NAME=VALUE, after this package's own, which
	// they may replace (ssl, max_connections, log_statement, …).
	Settings map[string]string
}

// A Server is a running PostgreSQL.
type Server struct {
	folder  string
	port    string
	process *exec.Cmd
	log     *os.File
	ended   chan struct{}
}

// programs are where Debian keeps what it does not put on PATH.
func programs(name string) []string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name) // the pattern is well formed
	return found
}

// Start runs a server until the test ends. It skips the test where PostgreSQL
// is missing.
func Start(t testing.TB) *Server {
	t.Helper()
	return StartWith(t, Options{})
}

// StartWith is [Start] with options.
func StartWith(t testing.TB, o Options) *Server {
	t.Helper()
	if o.Postgres == "" {
		o.Postgres = testkit.Need(t, "postgres", programs("postgres")...)
	}
	if o.InitDB == "" {
		o.InitDB = testkit.Need(t, "initdb", programs("initdb")...)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("PostgreSQL said:\n%s", s.tail())
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// New starts a server, which accepts connections when New returns. The caller
// closes it.
func New(o Options) (*Server, error) {
	for program, name := range map[*string]string{&o.Postgres: "postgres", &o.InitDB: "initdb"} {
		if *program != "" {
			continue
		}
		for _, candidate := range append([]string{name}, programs(name)...) {
			if path, err := exec.LookPath(candidate); err == nil {
				*program = path
				break
			}
		}
		if *program == "" {
			return nil, fmt.Errorf("starting PostgreSQL: %s is not installed: scripts/setup.sh installs it", name)
		}
	}
	as, err := account()
	if err != nil {
		return nil, fmt.Errorf("starting PostgreSQL: %w", err)
	}
	// Not t.TempDir: the account that the server runs as could not enter it.
	folder, err := os.MkdirTemp("", "gatehouse-postgres-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for PostgreSQL: %w", err)
	}
	s, err := start(o, folder, as)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	return s, nil
}

// account is what the server runs as: nil is the one this process runs as,
// which PostgreSQL refuses root for.
func account() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("the account %s has the id %q: %w", name, u.Uid, err)
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("the account %s has the group %q: %w", name, u.Gid, err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("root may not run it, and there is no account postgres or nobody: run the tests as an ordinary user")
}

// command runs in the folder, as the account, in a group of its own, so that
// an interrupt at the terminal reaches the tests and not the server.
func command(folder string, as *syscall.Credential, program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Dir = folder
	cmd.Env = []string{"LC_ALL=C", "TZ=UTC", "PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as, Setpgid: true}
	return cmd
}

func start(o Options, folder string, as *syscall.Credential) (*Server, error) {
	if as != nil {
		if err := os.Chown(folder, int(as.Uid), int(as.Gid)); err != nil {
			return nil, fmt.Errorf("giving PostgreSQL its folder: %w", err)
		}
	}
	init := command(folder, as, o.InitDB, "--pgdata", filepath.Join(folder, "data"), "--username", User,
		"--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions")
	if said, err := init.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("running initdb: %w: %s", err, said)
	}
	// A port that was free may be taken when the server wants it.
	const attempts = 3
	for attempt := 1; ; attempt++ {
		s, err := run(o, folder, as)
		if err == nil || attempt == attempts {
			return s, err
		}
	}
}

// readyWithin is long: the machine may be busy with the other tests.
const readyWithin = 60 * time.Second

func run(o Options, folder string, as *syscall.Credential) (*Server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(folder, "log"))
	if err != nil {
		return nil, fmt.Errorf("making PostgreSQL's log: %w", err)
	}
	args := []string{"-D", filepath.Join(folder, "data")}
	for _, setting := range []string{
		"listen_addresses=127.0.0.1", "port=" + port, "unix_socket_directories=" + folder,
		"fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off",
		"shared_buffers=32MB", "max_connections=100", "logging_collector=off",
	} {
		args = append(args, "-c", setting)
	}
	for name, value := range o.Settings {
		args = append(args, "-c", name+"="+value)
	}
	s := &Server{folder: folder, port: port, log: log, ended: make(chan struct{}), process: command(folder, as, o.Postgres, args...)}
	s.process.Stdout, s.process.Stderr = log, log
	if err := s.process.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("starting %s: %w", o.Postgres, err), log.Close())
	}
	go func() {
		_ = s.process.Wait() // how it ended stands in its log
		close(s.ended)
	}()
	if err := s.waitReady(); err != nil {
		return nil, errors.Join(fmt.Errorf("starting PostgreSQL: %w: %s", err, s.tail()), s.stop())
	}
	return s, nil
}

// waitReady reads what pg_ctl reads: the server writes "ready" into the last
// line of its pid file.
func (s *Server) waitReady() error {
	timeout := time.After(readyWithin)
	for {
		said, err := os.ReadFile(filepath.Join(s.folder, "data", "postmaster.pid"))
		if err == nil {
			lines := strings.Split(strings.TrimSpace(string(said)), "\n")
			if len(lines) == 8 && strings.TrimSpace(lines[7]) == "ready" && lines[0] == strconv.Itoa(s.process.Process.Pid) {
				return nil
			}
		}
		select {
		case <-s.ended:
			return errors.New("it ended at once")
		case <-timeout:
			return fmt.Errorf("it was not ready within %v", readyWithin)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("looking for a free port: %w", err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, errors.Join(err, l.Close())
}

// Addr is where it listens by TCP, such as 127.0.0.1:5432.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", s.port) }

// Socket is its Unix socket.
func (s *Server) Socket() string { return filepath.Join(s.folder, ".s.PGSQL."+s.port) }

// DSN is for the superuser, by TCP and without TLS. A new cluster has the
// databases postgres and template1.
func (s *Server) DSN(database string) string {
	u := url.URL{Scheme: "postgres", User: url.User(User), Host: s.Addr(), Path: "/" + database, RawQuery: "sslmode=disable"}
	return u.String()
}

// Log is what the server has said since it started.
func (s *Server) Log() (string, error) {
	said, err := os.ReadFile(s.log.Name())
	if err != nil {
		return "", fmt.Errorf("reading PostgreSQL's log: %w", err)
	}
	return string(said), nil
}

// tail is the end of the log, for a message.
func (s *Server) tail() string {
	const most = 4000
	f, err := os.Open(s.log.Name())
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	if size, err := f.Seek(0, io.SeekEnd); err == nil {
		_, _ = f.Seek(max(0, size-most), io.SeekStart) // at worst the message has the wrong part
	}
	said, _ := io.ReadAll(f) // as above
	return string(said)
}

// stopWithin is far longer than an immediate shutdown takes.
const stopWithin = 20 * time.Second

// stop ends the server at once: its data is of no further use.
func (s *Server) stop() error {
	_ = s.process.Process.Signal(syscall.SIGQUIT) // it may just have ended
	var late error
	select {
	case <-s.ended:
	case <-time.After(stopWithin):
		_ = s.process.Process.Kill() // as above
		<-s.ended
		late = fmt.Errorf("PostgreSQL did not end within %v; it was killed", stopWithin)
	}
	return errors.Join(late, s.log.Close())
}

// Close stops the server and removes all that it wrote.
func (s *Server) Close() error {
	return errors.Join(s.stop(), os.RemoveAll(s.folder))
}
