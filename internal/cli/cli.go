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

// commands is the grammar: kong makes flags and help of it.
type commands struct {
	globals

	Run     runCommand     `cmd:"" help:"Protect a backend."`
	Demo    demoCommand    `cmd:"" help:"A vulnerable shop behind the gate, and bare; --attack tries everything on both."`
	Init    initCommand    `cmd:"" help:"Write a commented gatehouse.yaml."`
	Check   checkCommand   `cmd:"" help:"Check a configuration: every error at once, and facts about this machine."`
	Layers  layersCommand  `cmd:"" help:"The ladder as configured: what each rung stops, its mode, its hits, and every bypass."`
	Report  reportCommand  `cmd:"" help:"What was, and what would have been refused, by rule."`
	Explain explainCommand `cmd:"" help:"One decision in words."`
	Allow   allowCommand   `cmd:"" help:"Print the smallest entry that lets one refused request pass."`
	Promote promoteCommand `cmd:"" help:"Print the line that changes a rung's mode, with what it would have refused."`
	Events  eventsCommand  `cmd:"" help:"The security log."`
	Bans    bansCommand    `cmd:"" help:"Banned addresses."`
	Trust   trustCommand   `cmd:"" help:"Make this machine's browsers trust the gate's local authority."`
	Version versionCommand `cmd:"" help:"The version."`
}

// globals are the flags that every command has.
type globals struct {
	Config   string `short:"c" placeholder:"FILE" help:"The configuration. Without it, gatehouse.yaml in the state folder, if there."`
	State    string `placeholder:"DIR" env:"GATEHOUSE_STATE" help:"The state folder. Default: gatehouse in the XDG state folder."`
	JSON     bool   `name:"json" help:"Print JSON."`
	LogLevel string `enum:"debug,info,warn,error" default:"info" help:"What the gate says on standard error: debug, info, warn or error."`

	process Process `kong:"-"`
}

// Main runs the command and returns its exit code.
func Main(ctx context.Context, args []string, p Process) int {
	var c commands
	done := false
	parser, err := kong.New(&c,
		kong.Name("gatehouse"),
		kong.Description("A security gate on each side of any backend."),
		kong.Writers(p.Stdout, p.Stderr),
		kong.Exit(func(int) { done = true }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
	if err != nil {
		fmt.Fprintln(p.Stderr, "gatehouse:", err)
		return exitFailed
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if done { // --help has been printed
		return exitDone
	}
	if err != nil {
		fmt.Fprintf(p.Stderr, "gatehouse: %s (gatehouse --help lists the commands)\n", oneLine(err))
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
	return config.Options{LookupEnv: g.process.LookupEnv, Rungs: gateway.RungNames()}
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
