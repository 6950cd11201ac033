package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"time"

	"github.com/gatehousehq/gatehouse/internal/gateway"
)

// stopWithin is how long a backend has to end after SIGTERM before it is killed.
const stopWithin = 10 * time.Second

// A backend is the command that `run -- COMMAND` started. The zero value is none.
type backend struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// backendEnded is why the gate stops when its backend has.
type backendEnded struct {
	command string
	err     error
}

func (e *backendEnded) Error() string {
	how := "with exit status 0"
	if e.err != nil {
		how = "with " + e.err.Error()
	}
	return fmt.Sprintf("the backend %s has ended %s, and so has the gate", e.command, how)
}

func (e *backendEnded) Unwrap() error { return e.err }

// startBackend starts the command, with more in its environment; ended is called if it ends by itself.
func startBackend(ctx context.Context, args, environ []string, p Process, ended func(error)) (*backend, error) {
	switch {
	case args == nil:
		return new(backend), nil
	case len(args) == 0:
		return nil, usage("which command starts the backend? gatehouse run … -- COMMAND ARGS")
	}
	// It outlives ctx: requests under way are drained first, see stop.
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	cmd := exec.CommandContext(own, args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = p.Stdout, p.Stderr
	cmd.Cancel = func() error { return terminate(cmd.Process) }
	cmd.WaitDelay = stopWithin
	if len(environ) > 0 {
		cmd.Env = append(cmd.Environ(), environ...)
	}
	detach(cmd)
	if err := cmd.Start(); err != nil {
		cancel()
		return nil, startError(args[0], err)
	}
	b := &backend{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(b.done)
		err := cmd.Wait()
		if own.Err() == nil {
			ended(&backendEnded{args[0], err})
		}
	}()
	return b, nil
}

// stop ends the backend and waits for it.
func (b *backend) stop() {
	if b.done != nil {
		b.cancel()
		<-b.done
	}
}

// backendEnviron is what the backend of a gate with a database is told.
func backendEnviron(gate *gateway.Gate) []string {
	if a, ok := gate.Database(); ok {
		return a.Environ()
	}
	return nil
}

// backendNotStarted is why the gate stops whose backend could not be started.
type backendNotStarted struct{ err error }

func (e *backendNotStarted) Error() string { return e.err.Error() }

// startError says why a command could not be started.
func startError(command string, err error) error {
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return fmt.Errorf("starting the backend: there is no command %s in PATH", command)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("starting the backend: there is no file %s", command)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("starting the backend: %s may not be executed: chmod +x makes it so", command)
	}
	return fmt.Errorf("starting the backend: %w", err)
}
