package throwaway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// User is the cluster's superuser.
const User = "postgres"

// ErrMissing is that PostgreSQL's programs are not installed.
var ErrMissing = errors.New("PostgreSQL is not installed")

// Options of a server. The zero value finds the programs by PATH, and has no
// password and no settings beyond this package's own.
type Options struct {
	// Postgres and InitDB are the programs; "" looks for them.
	Postgres, InitDB string
	// Parent is the folder in which the server's own is made; "" is the system's
	// for temporary files. Where this process is root's, the account that the
	// server runs as is let through it.
	Parent string
	// Password is the superuser's. "": whoever reaches the server is whoever he
	// says he is.
	Password string
	// Settings go to postgres as -c NAME=VALUE, after this package's own, which
	// they may replace (ssl, max_connections, log_statement, …).
	Settings map[string]string
}

// A Server is a running PostgreSQL.
type Server struct {
	folder   string
	port     string
	socket   string
	password string
	process  *exec.Cmd
	log      *os.File
	ended    chan struct{}
}

// Elsewhere is where Debian keeps what it does not put on PATH.
func Elsewhere(program string) []string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + program) // the pattern is well formed
	return found
}

// find gives the path of a program.
func find(name string) (string, error) {
	for _, candidate := range append([]string{name}, Elsewhere(name)...) {
		if path, err := exec.LookPath(candidate); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%w: there is no %s", ErrMissing, name)
}

// Start starts a server, which accepts connections when Start returns. The
// caller closes it; ctx ends the start alone.
func Start(ctx context.Context, o Options) (*Server, error) {
	for program, name := range map[*string]string{&o.Postgres: "postgres", &o.InitDB: "initdb"} {
		if *program != "" {
			continue
		}
		path, err := find(name)
		if err != nil {
			return nil, err
		}
		*program = path
	}
	as, err := runAs()
	if err != nil {
		return nil, fmt.Errorf("starting PostgreSQL: %w", err)
	}
	folder, err := makeFolder(o.Parent, as)
	if err != nil {
		return nil, fmt.Errorf("making a folder for PostgreSQL: %w", err)
	}
	s, err := start(ctx, o, folder, as)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	return s, nil
}

// makeFolder makes the server's folder, which its account can reach.
func makeFolder(parent string, as *account) (string, error) {
	folder, err := os.MkdirTemp(parent, "gatehouse-postgres-")
	if err != nil || as == nil {
		return folder, err
	}
	err = os.Chown(folder, as.uid, as.gid)
	if err == nil && parent != "" {
		err = os.Chmod(parent, 0o711) // through, but not a look at what is in it
	}
	if err == nil {
		err = passable(filepath.Dir(folder))
	}
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(folder))
	}
	return folder, nil
}

// passable reports a folder on the way to this one that only its owner can
// enter.
func passable(folder string) error {
	for {
		info, err := os.Stat(folder)
		switch {
		case err != nil:
			return err
		case info.Mode()&0o001 == 0:
			return fmt.Errorf("root may not run it, and another account cannot enter %s: set TMPDIR to a folder that it can", folder)
		case folder == filepath.Dir(folder):
			return nil
		}
		folder = filepath.Dir(folder)
	}
}

func start(ctx context.Context, o Options, folder string, as *account) (*Server, error) {
	if err := initialise(ctx, o, folder, as); err != nil {
		return nil, err
	}
	// A port that was free may be taken when the server wants it.
	const attempts = 3
	for attempt := 1; ; attempt++ {
		s, err := run(ctx, o, folder, as)
		if err == nil || attempt == attempts || ctx.Err() != nil {
			return s, err
		}
	}
}

// initialise makes the cluster's files.
func initialise(ctx context.Context, o Options, folder string, as *account) error {
	args := []string{"--pgdata", filepath.Join(folder, "data"), "--username", User, "--auth", "trust",
		"--encoding", "UTF8", "--locale", "C", "--no-sync"}
	if o.Password != "" {
		file := filepath.Join(folder, "password")
		if err := writeFor(as, file, o.Password); err != nil {
			return fmt.Errorf("telling initdb the password: %w", err)
		}
		defer func() { _ = os.Remove(file) }() // the folder is removed in the end
		args = append(args, "--auth", "scram-sha-256", "--pwfile", file)
	}
	init := command(ctx, folder, as, o.InitDB, args...)
	if said, err := init.CombinedOutput(); err != nil {
		return fmt.Errorf("running initdb: %w: %s", err, bytes.TrimSpace(said))
	}
	return nil
}

// writeFor writes a file that the account alone may read.
func writeFor(as *account, file, content string) error {
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil || as == nil {
		return err
	}
	return os.Chown(file, as.uid, as.gid)
}

// readyWithin is long: the machine may be busy with tests.
const readyWithin = 60 * time.Second

func run(ctx context.Context, o Options, folder string, as *account) (*Server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(folder, "log"))
	if err != nil {
		return nil, fmt.Errorf("making PostgreSQL's log: %w", err)
	}
	s := &Server{folder: folder, port: port, password: o.Password, log: log, ended: make(chan struct{})}
	// A longer path is no socket's address, on macOS and the BSDs: there it is TCP alone.
	const longest = 103
	sockets := ""
	if path := filepath.Join(folder, ".s.PGSQL."+port); len(path) <= longest {
		s.socket, sockets = path, folder
	}
	args := []string{"-D", filepath.Join(folder, "data")}
	for _, setting := range []string{
		"listen_addresses=127.0.0.1", "port=" + port, "unix_socket_directories=" + sockets,
		"fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off",
		"shared_buffers=32MB", "max_connections=100", "logging_collector=off",
	} {
		args = append(args, "-c", setting)
	}
	for name, value := range o.Settings {
		args = append(args, "-c", name+"="+value)
	}
	s.process = command(context.WithoutCancel(ctx), folder, as, o.Postgres, args...) // Close ends it
	s.process.Stdout, s.process.Stderr = log, log
	if err := s.process.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("starting %s: %w", o.Postgres, err), log.Close())
	}
	go func() {
		_ = s.process.Wait() // how it ended stands in its log
		close(s.ended)
	}()
	if err := s.waitReady(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("starting PostgreSQL: %w: %s", err, s.Tail()), s.stop())
	}
	return s, nil
}

// waitReady reads what pg_ctl reads: the server writes "ready" into the last
// line of its pid file.
func (s *Server) waitReady(ctx context.Context) error {
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
		case <-ctx.Done():
			return context.Cause(ctx)
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

// Socket is its Unix socket, "" where the path would be too long for one.
func (s *Server) Socket() string { return s.socket }

// DSN is for the superuser, by TCP and without TLS. A new cluster has the
// databases postgres and template1.
func (s *Server) DSN(database string) string {
	return s.DSNFor(User, s.password, database)
}

// DSNFor is DSN for another account.
func (s *Server) DSNFor(account, password, database string) string {
	u := url.URL{Scheme: "postgres", User: url.User(account), Host: s.Addr(), Path: "/" + database, RawQuery: "sslmode=disable"}
	if password != "" {
		u.User = url.UserPassword(account, password)
	}
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

// Tail is the end of the log, for a message.
func (s *Server) Tail() string {
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
	_ = quit(s.process.Process) // it may just have ended
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
