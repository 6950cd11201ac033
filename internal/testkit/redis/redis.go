// Package redis is a Redis server for tests: thrown away when the test ends, and
// killed, paused and started again in between where a test wants that. It speaks
// TLS where a test brings a certificate.
//
// It stops nothing and trusts every local connection (no password, nothing is
// written to disk): only tests may import it. It listens on 127.0.0.1 alone, and
// nothing in it outlives the test.
package redis

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/internal/testkit"
	"github.com/gatehousehq/gatehouse/internal/testkit/certs"
)

// A Server is a Redis that runs, or may be started again at the same address.
type Server struct {
	t       testing.TB
	program string
	port    string
	dir     string
	tls     []string // arguments; none: it speaks without
	process *exec.Cmd
	said    *testkit.Output
	ended   chan struct{}
}

// Start runs a server until the test ends. It skips the test where there is
// neither Redis nor Valkey.
func Start(t testing.TB) *Server {
	t.Helper()
	s := plan(t)
	s.Restart()
	return s
}

// TLS is how a server speaks it.
type TLS struct {
	// Pair is what it shows.
	Pair certs.Pair
	// Clients signs the certificates that it asks clients for; nil: it asks for
	// none.
	Clients *certs.Authority
}

// StartTLS is [Start] with TLS, and nothing but TLS.
func StartTLS(t testing.TB, o TLS) *Server {
	t.Helper()
	s := plan(t)
	cert, key := o.Pair.Write(t, s.dir, "redis")
	s.tls = []string{"--tls-port", s.port, "--tls-cert-file", cert, "--tls-key-file", key}
	authority, asks := o.Pair.CertPEM, "no"
	if o.Clients != nil {
		authority, asks = o.Clients.PEM(), "yes"
	}
	file := filepath.Join(s.dir, "clients.crt")
	if err := os.WriteFile(file, authority, 0o600); err != nil {
		t.Fatal(err)
	}
	s.tls = append(s.tls, "--tls-ca-cert-file", file, "--tls-auth-clients", asks)
	s.Restart()
	return s
}

// plan is a server that does not run yet.
func plan(t testing.TB) *Server {
	t.Helper()
	s := &Server{t: t, program: testkit.Need(t, "redis-server", "valkey-server"), port: testkit.FreePort(t), dir: t.TempDir(), said: new(testkit.Output)}
	t.Cleanup(func() {
		s.Kill()
		if t.Failed() {
			t.Logf("%s said:\n%s", s.program, s.said)
		}
	})
	return s
}

// readyWithin is long: the machine may be busy with tests.
const readyWithin = 20 * time.Second

// Restart kills the server if it runs, and starts it at the same address, empty.
func (s *Server) Restart() {
	s.t.Helper()
	s.Kill()
	plain := s.port
	if s.tls != nil {
		plain = "0" // none
	}
	s.process = exec.Command(s.program, append([]string{"--port", plain, "--bind", "127.0.0.1", "--dir", s.dir,
		"--save", "", "--appendonly", "no", "--daemonize", "no", "--maxmemory", "64mb"}, s.tls...)...)
	s.process.Stdout, s.process.Stderr = s.said, s.said
	if err := s.process.Start(); err != nil {
		s.process = nil
		s.t.Fatalf("starting %s: %v", s.program, err)
	}
	process, ended := s.process, make(chan struct{})
	s.ended = ended
	go func() {
		_ = process.Wait() // how it ended stands in what it said
		close(ended)
	}()
	testkit.WaitAccepting(s.t, s.Addr(), readyWithin)
}

// Kill ends the server at once, as a crash would, and waits until it is gone.
func (s *Server) Kill() {
	if s.process == nil {
		return
	}
	_ = s.process.Process.Kill() // it may just have ended
	<-s.ended
	s.process = nil
}

// Pause stops the server in mid-breath: connections to it are accepted by the
// system, and nothing answers. Resume ends that.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume lets a paused server go on.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(what syscall.Signal) {
	s.t.Helper()
	if err := s.process.Process.Signal(what); err != nil {
		s.t.Fatalf("sending %v to %s: %v", what, s.program, err)
	}
}

// Addr is where it listens, such as 127.0.0.1:6379.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", s.port) }

// URL is what a client takes: redis://127.0.0.1:6379, or rediss:// with TLS.
func (s *Server) URL() string {
	if s.tls != nil {
		return "rediss://" + s.Addr()
	}
	return "redis://" + s.Addr()
}
