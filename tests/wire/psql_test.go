package wire

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/internal/testkit"
)

// clientWithin is far more than a client's job takes, even of a gigabyte.
const clientWithin = 2 * time.Minute

// client is a program that speaks to the target. It runs in a folder of its own,
// and is killed if it does not end.
func (t target) client(tb testing.TB, program string, args ...string) *exec.Cmd {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), clientWithin)
	tb.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.WaitDelay = time.Second
	cmd.Dir = tb.TempDir()
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + cmd.Dir, "TZ=UTC", "PSQLRC=/dev/null", "PSQL_HISTORY=/dev/null"}, t.env()...)
	return cmd
}

// said is everything that a program wrote, which must end well.
func said(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return string(out)
}

func script(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// pids are the numbers of the server's processes, which psql prints.
var pids = regexp.MustCompile(`PID \d+`)

func TestPsql_WholeJob_LooksTheSameThroughTheGate(t *testing.T) {
	psql := testkit.Need(t, "psql")
	twice(t, func(t *testing.T, to target) string {
		out := said(t, to.client(t, psql, "--no-psqlrc", "--echo-all", "--file", script(t, "psql.sql")))
		for _, want := range []string{"\nthe same\n", " goes on after its savepoint\n", " connected again\n", "a large object of the fixtures\n"} {
			if !strings.Contains(out, want) {
				t.Errorf("psql did not get as far as %q:\n%s", want, out)
			}
		}
		return pids.ReplaceAllString(out, "PID <a process>")
	})
}

func TestPsql_SingleTransactionThatFails_UndoesAll(t *testing.T) {
	psql := testkit.Need(t, "psql")
	twice(t, func(t *testing.T, to target) string {
		cmd := to.client(t, psql, "--no-psqlrc", "--single-transaction", "--set", "ON_ERROR_STOP=1", "-c", "insert into copied values (1)", "-c", "select 1/0", "-c", "select 2")
		out, err := cmd.CombinedOutput()
		if err == nil {
			t.Error("psql says that all went well")
		}
		return string(out) + to.server.ask(t, to.database, "select count(*)::text from copied")
	})
}

// An interrupt has psql cancel what runs, and go on.
func TestPsql_Interrupted_CancelsAndGoesOn(t *testing.T) {
	psql := testkit.Need(t, "psql")
	statements := map[string]string{"watch": "select 'watched' || pg_sleep(30) /* interrupt watch */ \\watch 1\n"}
	if long {
		statements["a statement"] = "select pg_sleep(30) /* interrupt a statement */;\n"
		statements["COPY"] = "copy (select pg_sleep(30) /* interrupt COPY */) to stdout;\n"
	}
	for name, statement := range statements {
		t.Run(name, func(t *testing.T) {
			twice(t, func(t *testing.T, to target) string {
				cmd := to.client(t, psql, "--no-psqlrc", "--quiet", "--no-align", "--tuples-only")
				cmd.Stdin = strings.NewReader("begin;\ninsert into copied values (1);\ncommit;\nbegin;\n" + statement + "select 'after';\nrollback;\nselect count(*) from copied;\n")
				var out testkit.Output
				cmd.Stdout, cmd.Stderr = &out, &out
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				waitRunning(t, to.server, "/* interrupt "+name+" */")
				if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
					t.Error(err)
				}
				err := cmd.Wait()
				if text := out.String(); !strings.Contains(text, "canceling statement due to user request") {
					t.Errorf("the statement was not cancelled: %s", text)
				}
				return out.String() + "\n" + exitOf(err)
			})
		})
	}
}

func exitOf(err error) string {
	if err == nil {
		return "ended well"
	}
	return err.Error()
}
