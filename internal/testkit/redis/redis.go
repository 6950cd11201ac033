// Package redis is a Redis server for tests: thrown away when the test ends, and
// killed, paused and started again in between where a test wants that.
//
// It stops nothing and trusts every local connection (no password, nothing is
// written to disk): only tests may import it. It listens on 127.0.0.1 alone, and
// nothing in it outlives the test.
package redis

import (
	"net"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/internal/testkit"
)

// A Server is a Redis that runs, or may be started again at the same address.
type Server struct {
	t       testing.TB
	program string
	port    string
	dir     string
	process *exec.Cmd
	said    *testkit.Output
	ended   chan struct{}
}

// Start runs a server until the test ends. It skips the test where there is
// neither Redis nor Valkey.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{t: t, program: testkit.Need(t, "redis-server", "valkey-server"), port: testkit.FreePort(t), dir: t.TempDir(), said: new(testkit.Output)}
	t.Cleanup(func() {
		s.Kill()
		if t.Failed() {
			t.Logf("%s said:\n%s", s.program, s.said)
		}
	})
	s.Restart()
	return s
}

// readyWithin is long: the machine may be busy with tests.
const readyWithin = 20 * time.Second

// Restart kills the server if it runs, and starts it at the same address, empty.
func (s *Server) Restart() {
	s.t.Helper()
	s.Kill()
	s.process = exec.Command(s.program, "--port", s.port, "--bind", "127.0.0.1", "--dir", s.dir,
		"--save", "", "--appendonly", "no", "--daemonize", "no", "--maxmemory", "64mb")
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

// URL is what a client takes: redis://127.0.0.1:6379.
func (s *Server) URL() string { return "redis://" + s.Addr() }
