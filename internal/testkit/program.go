package testkit

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Need gives the path of a program, and skips the test where it is missing.
func Need(t testing.TB, name string, elsewhere ...string) string {
	t.Helper()
	for _, candidate := range append([]string{name}, elsewhere...) {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	t.Skipf("%s is not installed: scripts/setup.sh installs it", name)
	return ""
}

// FreePort gives a TCP port of 127.0.0.1 that was free just now, for a program
// that can't be handed a listener.
func FreePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("looking for a free port: %v", err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// Output collects what a program says. It may be read while it is written.
type Output struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{} // closed when text grows
}

func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.more != nil {
		close(o.more)
		o.more = nil
	}
	return o.text.Write(p)
}

func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// grown is closed when there is more than String gave.
func (o *Output) grown(than int) <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.text.Len() > than {
		now := make(chan struct{})
		close(now)
		return now
	}
	if o.more == nil {
		o.more = make(chan struct{})
	}
	return o.more
}

// A Program is a process that a test has started.
type Program struct {
	Output *Output // standard output and error
	cmd    *exec.Cmd
	ended  chan struct{}
	err    error // valid once ended
}

// Start starts a program that runs until the test ends. It is interrupted then,
// and what it said is logged if the test failed.
func Start(t testing.TB, cmd *exec.Cmd) *Program {
	t.Helper()
	p := &Program{Output: new(Output), cmd: cmd, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.Output, p.Output
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", cmd.Path, err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.Stop(t)
		if t.Failed() {
			t.Logf("%s said:\n%s", cmd.Path, tail(p.Output.String(), 4000))
		}
	})
	return p
}

func tail(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return "…" + s[len(s)-n:]
}

// stopTimeout is longer than the gate drains in a test.
const stopTimeout = 30 * time.Second

// Stop interrupts the program and waits until it has ended, which it gives the
// exit code of. One that does not end is killed, and fails the test.
func (p *Program) Stop(t testing.TB) int {
	t.Helper()
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode()
	default:
	}
	_ = p.cmd.Process.Signal(os.Interrupt) // it may just have ended
	select {
	case <-p.ended:
	case <-time.After(stopTimeout):
		_ = p.cmd.Process.Kill() // as above
		<-p.ended
		t.Errorf("%s did not end within %v after an interrupt; it was killed", p.cmd.Path, stopTimeout)
	}
	return p.cmd.ProcessState.ExitCode()
}

// WaitFor waits until found gives something of what the program said.
func (p *Program) WaitFor(t testing.TB, what string, within time.Duration, found func(output string) string) string {
	t.Helper()
	timeout := time.After(within)
	for {
		said := p.Output.String()
		if s := found(said); s != "" {
			return s
		}
		select {
		case <-p.Output.grown(len(said)):
		case <-p.ended:
			t.Fatalf("%s ended (%v) before %s:\n%s", p.cmd.Path, p.err, what, tail(p.Output.String(), 4000))
		case <-timeout:
			t.Fatalf("%s: no %s within %v:\n%s", p.cmd.Path, what, within, tail(said, 4000))
		}
	}
}

// WaitAccepting waits until something accepts connections at a TCP address.
func WaitAccepting(t testing.TB, address string, within time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	for {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			_ = c.Close() // it was opened to see that it can be
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("nothing accepts connections at %s within %v: %v", address, within, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Run runs a command to its end, and fails the test if that is not a success.
// It gives what the command wrote to its standard output.
func Run(t testing.TB, cmd *exec.Cmd) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(cmd.Args, " "), err, tail(stdout.String(), 4000), tail(stderr.String(), 4000))
	}
	return stdout.String()
}

// Built gives the path of a program that scripts/setup.sh builds from its source,
// and skips the test where it has not.
func Built(t testing.TB, name string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return Need(t, filepath.Join(cache, "gatehouse", "programs", name))
}
