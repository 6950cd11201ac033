package cli

import (
	"context"
	"fmt"
	"os/exec"
	"time"
)

// stopWithin is how long a backend has to end after SIGTERM before it is killed.
const stopWithin = 10 * time.Second

// A backend is the command that `run -- COMMAND` started, or none.
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
	if e.err == nil {
		return fmt.Sprintf("%s has ended", e.command)
	}
	return fmt.Sprintf("%s has ended: %v", e.command, e.err)
}

func (e *backendEnded) Unwrap() error { return e.err }

// startBackend starts the command; ended is called if it ends by itself.
func startBackend(ctx context.Context, args []string, p Process, ended func(error)) (*backend, error) {
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		return &backend{cancel: func() {}}, nil
	}
	// It outlives ctx: requests under way are drained first, see stop.
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	cmd := exec.CommandContext(own, args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = p.Stdout, p.Stderr
	cmd.Cancel = func() error { return terminate(cmd.Process) }
	cmd.WaitDelay = stopWithin
	detach(cmd)
	if err := cmd.Start(); err != nil {
		cancel()
		return nil, fmt.Errorf("starting the backend: %w", err)
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
	b.cancel()
	if b.done != nil {
		<-b.done
	}
}
