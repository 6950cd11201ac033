// Package scenarios holds the gatehouse command to what a person types and
// reads: each script of testdata/script runs the real command, as processes of
// their own, with a state folder, a home and a backend that are the script's
// alone. README.md says which words the scripts have besides testscript's.
//
// It trusts the machine for nothing but loopback ports. What happens inside a
// gate is tested in the packages that do it.
package scenarios

import (
	"context"
	"flag"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/gatehousehq/gatehouse/internal/cli"
	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/internal/gateway"
	"github.com/gatehousehq/gatehouse/internal/throwaway"
)

var update = flag.Bool("update", false, "write the golden files and what scripts compare with")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"gatehouse": gatehouse, "shopkeeper": shopkeeper, "bureau": office, "clerk": clerk})
}

// gatehouse is cmd/gatehouse.
func gatehouse() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(cli.Main(ctx, os.Args[1:], cli.System()))
}

func TestScenarios(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		UpdateScripts:       *update,
		Setup:               setup,
		Condition:           condition,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits":    exits,
			"start":    start,
			"waitfor":  waitfor,
			"signal":   sendSignal,
			"ended":    ended,
			"gate":     gate,
			"backend":  backend,
			"office":   startOffice,
			"database": database,
			"request":  request,
			"begin":    begin,
			"release":  release,
			"finished": finished,
			"hold":     hold,
			"freeport": freeport,
			"paste":    paste,
			"until":    until,
			"closed":   closed,
			"eventid":  eventID,
			"cells":    cells,
		},
	})
}

// setup gives a script folders of its own, so that no command finds a person's.
func setup(env *testscript.Env) error {
	w := newWorld(env.WorkDir)
	env.Values[worldKey{}] = w
	env.Defer(w.close)
	home := filepath.Join(env.WorkDir, "home")
	for key, value := range map[string]string{
		"HOME": home, "XDG_STATE_HOME": "", "GATEHOUSE_STATE": filepath.Join(env.WorkDir, "state"),
		"PORT": "", "TZ": "UTC", "NO_PROXY": "*",
		"GORACE": "atexit_sleep_ms=0", // a program built with -race sleeps for a second before it exits
	} {
		env.Setenv(key, value)
	}
	return os.Mkdir(home, 0o700)
}

// condition knows [root], and [exposed]: a database of this machine listens
// beyond loopback, which check is right to find.
func condition(name string) (bool, error) {
	switch name {
	case "root":
		return os.Geteuid() == 0, nil
	case "postgres":
		_, missing := exec.LookPath("postgres")
		return missing == nil || len(throwaway.Elsewhere("postgres")) > 0, nil
	case "exposed":
		c := config.Default()
		c.Upstream = "unix:/backend"
		for _, f := range gateway.Facts(c) {
			if f.Finding {
				return true, nil
			}
		}
		return false, nil
	}
	return false, os.ErrInvalid
}

// oneLine is text for a failure.
func oneLine(s string) string { return strings.ReplaceAll(strings.TrimSpace(s), "\n", " | ") }
