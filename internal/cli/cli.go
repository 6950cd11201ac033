// Package cli is the gatehouse command: one file a command. A command reads its
// flags, asks the gate, and prints; it decides nothing about a request.
//
// Exit codes: 0 done; 1 findings, or the refusal that the command exists to
// report; 2 wrong usage or configuration; 3 the environment failed. An error is
// one line on standard error: what, where, what to do.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/internal/gateway"
)

// A Process is what the command has of the process it runs in.
type Process struct {
	Stdout, Stderr io.Writer
	LookupEnv      func(string) (string, bool)
	// Terminal is set where Stdout is one: colour then, unless NO_COLOR.
	Terminal bool
}

// System is the process that this is.
func System() Process {
	info, err := os.Stdout.Stat()
	return Process{
		Stdout: os.Stdout, Stderr: os.Stderr, LookupEnv: os.LookupEnv,
		Terminal: err == nil && info.Mode()&os.ModeCharDevice != 0,
	}
}

// The exit codes.
const (
	exitDone     = 0
	exitFindings = 1
	exitUsage    = 2
	exitFailed   = 3
)

// An exit is an error with the code to exit with.
type exit struct {
	code int
	err  error // nil: everything was said already
}

func (e *exit) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

func usage(format string, args ...any) error {
	return &exit{exitUsage, fmt.Errorf(format, args...)}
}

// findings is returned by a command whose output is what was found.
func findings() error { return &exit{code: exitFindings} }

// Main runs the command and returns its exit code.
func Main(ctx context.Context, args []string, p Process) int {
	var c commands
	done := false
	parser, err := grammar(&c, kong.Writers(p.Stdout, p.Stderr), kong.Exit(func(int) { done = true }), kong.BindTo(ctx, (*context.Context)(nil)))
	if err != nil {
		fmt.Fprintln(p.Stderr, "gatehouse:", err)
		return exitFailed
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	args, c.Run.backend = cutBackend(args)
	parsed, err := parser.Parse(args)
	if done { // --help has been printed
		return exitDone
	}
	if err == nil && c.Run.backend != nil && parsed.Command() != "run" {
		err = errors.New("only run takes a command after --")
	}
	if err != nil {
		fmt.Fprintf(p.Stderr, "gatehouse: %s\n", usageLine(err, parser))
		return exitUsage
	}
	c.process = p
	return report(p, parsed.Run(&c.globals))
}

// report prints an error and gives its exit code.
func report(p Process, err error) int {
	if err == nil {
		return exitDone
	}
	var mistakes config.Errors
	if errors.As(err, &mistakes) {
		for _, m := range mistakes {
			if m.File == "" { // a flag's value
				fmt.Fprint(p.Stderr, "gatehouse: ")
			}
			fmt.Fprintln(p.Stderr, m)
		}
		return exitUsage
	}
	code := exitFailed
	var e *exit
	if errors.As(err, &e) {
		code = e.code
		if e.err == nil {
			return code
		}
	}
	fmt.Fprintf(p.Stderr, "gatehouse: %s\n", oneLine(err))
	return code
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// stateDir is the state folder: --state, or the XDG state folder's.
func (g *globals) stateDir() (string, error) {
	if g.State != "" {
		return filepath.Abs(g.State)
	}
	if dir, ok := g.process.LookupEnv("XDG_STATE_HOME"); ok && filepath.IsAbs(dir) {
		return filepath.Join(dir, "gatehouse"), nil
	}
	home, ok := g.process.LookupEnv("HOME")
	if !ok || home == "" {
		return "", usage("there is no home folder to keep state in: name one with --state DIR")
	}
	return filepath.Join(home, ".local", "state", "gatehouse"), nil
}

// configFile is the configuration to read, or "" where there is none.
func (g *globals) configFile() (string, error) {
	if g.Config != "" {
		return g.Config, nil
	}
	dir, err := g.stateDir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, configName)
	if _, err := os.Stat(path); err != nil {
		return "", nil
	}
	return path, nil
}

const configName = "gatehouse.yaml"

func (g *globals) configOptions() config.Options {
	return config.Options{LookupEnv: g.process.LookupEnv, Rungs: gateway.RungNames(), Strict: gateway.StrictRungs(), Needed: gateway.NeededRungs()}
}

// admin reaches the running gate, or opens what one has left.
func (g *globals) admin(ctx context.Context, readOnly bool) (gateway.Admin, error) {
	dir, err := g.stateDir()
	if err != nil {
		return nil, err
	}
	a, err := gateway.Dial(ctx, dir)
	if errors.Is(err, gateway.ErrNotRunning) {
		return gateway.OpenState(ctx, dir, readOnly)
	}
	return a, err
}

// version is the module's version, as the build knows it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "devel"
	}
	return strings.Trim(info.Main.Version, "()")
}
