package cli

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse/examples/shop"
	"github.com/gatehousehq/gatehouse/examples/shop/attacks"
	"github.com/gatehousehq/gatehouse/internal/testkit"
	"github.com/gatehousehq/gatehouse/internal/throwaway"
)

var update = flag.Bool("update", false, "write the golden files")

// long says that the long runs are asked for.
var long = os.Getenv("GATEHOUSE_LONG") == "1"

// The golden file is what `demo --attack` holds itself to, so it must say what
// happens, better cells included. tests/scenarios holds the command to the same in each
// run; the long run has the race detector watch it too.
func TestDemoAttack(t *testing.T) {
	if !long && !*update {
		t.Skip("GATEHOUSE_LONG=1 has the race detector watch the whole table; tests/scenarios holds the command to it in each run")
	}
	t.Parallel() // as all that start a demo: it waits for most of its time
	for engine, file := range map[shop.Engine]string{shop.SQLite: "demo.golden", shop.PostgreSQL: "demo_postgres.golden"} {
		t.Run(engine.String(), func(t *testing.T) {
			t.Parallel()
			if engine == shop.PostgreSQL {
				needPostgres(t)
			}
			attackAndCompare(t, engine, file)
		})
	}
}

func needPostgres(t *testing.T) {
	t.Helper()
	testkit.Need(t, "postgres", throwaway.Elsewhere("postgres")...)
	testkit.Need(t, "initdb", throwaway.Elsewhere("initdb")...)
}

func attackAndCompare(t *testing.T, engine shop.Engine, file string) {
	golden := (&demoDatabase{engine: engine}).golden()
	rows := demoRows(t, demoCommand{Database: engine.String()}, attacks.All(engine))
	var got strings.Builder
	for _, r := range rows {
		got.WriteString(r.line() + "\n")
	}
	if *update {
		if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want := strings.Split(golden, "\n")
	for i, line := range strings.Split(got.String(), "\n") {
		if i >= len(want) || line != want[i] {
			t.Errorf("line %d:\n got %q\nwant %q\nIf that is right: go test ./internal/cli -run TestDemoAttack -update", i+1, line, append(want, make([]string, i+1)...)[i])
		}
	}
	for _, w := range compare(rows, golden, false) {
		t.Error(w)
	}
}

// demoRows is what comes of the cases in `demo --attack` with the rest of the command,
// and sees to it that nothing is left of it. A demo without a rung has no week before.
func demoRows(t *testing.T, c demoCommand, cases []attacks.Case) []row {
	t.Helper()
	var stderr bytes.Buffer
	g := &globals{LogLevel: "warn", process: Process{Stdout: &stderr, Stderr: &stderr, LookupEnv: noEnv}}
	c.Listen, c.Attack = "127.0.0.1:0", true
	d, err := c.start(t.Context(), g)
	if err != nil {
		t.Fatal(errors.Join(err, d.stop()))
	}
	t.Cleanup(func() {
		d.bareClient.CloseIdleConnections()
		d.client.CloseIdleConnections()
	})
	if d.without = len(c.Without) > 0; !d.without {
		err = d.week(t.Context())
	}
	var rows []row
	if err == nil {
		rows, err = d.tryAll(t.Context(), cases)
	}
	if err := errors.Join(err, d.stop()); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	if _, err := os.Stat(d.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is still there: %v", d.dir, err)
	}
	return rows
}

func noEnv(string) (string, bool) { return "", false }

// Each way in which a run can be worse than the golden file is found, and what
// is no worse is not.
func TestCompare(t *testing.T) {
	const golden = "hit\tsucceeded\tgot through\nstopped\tsucceeded\trefused by application/csrf\nuse\tworks\tworks\n"
	const csrf = "refused by application/csrf"
	for name, test := range map[string]struct {
		hit, stopped, use [2]string // bare, protected
		without           bool
		want              string // empty: nothing is worse
	}{
		"the same":                                          {},
		"an attack is stopped that got through":             {hit: [2]string{"succeeded", "refused by data/guard"}},
		"another rung refuses":                              {stopped: [2]string{"succeeded", "refused by input"}},
		"an attack gets through that was refused":           {stopped: [2]string{"succeeded", "got through"}, want: "attack stopped got through; it used to be " + csrf},
		"an attack that was refused only fails by itself":   {stopped: [2]string{"succeeded", "failed"}, want: "attack stopped failed by itself"},
		"a refusal that has no event":                       {stopped: [2]string{"succeeded", "refused by nobody known"}, want: "no event"},
		"an attack that does not work on the bare shop":     {hit: [2]string{"failed", "got through"}, want: "no longer works on the bare shop"},
		"an ordinary use is refused":                        {use: [2]string{"works", "refused by input"}, want: "ordinary use use is refused by input"},
		"an ordinary use is broken":                         {use: [2]string{"works", "broken"}, want: "ordinary use use is broken behind the gate"},
		"an ordinary use is broken on the bare shop":        {use: [2]string{"broken", "broken"}, want: "on the bare shop"},
		"without the rung that refused, it gets through":    {stopped: [2]string{"succeeded", "got through"}, without: true},
		"without a rung, an ordinary use is broken":         {use: [2]string{"works", "broken"}, without: true, want: "ordinary use use is broken"},
		"without a rung, an attack fails on the bare shop":  {hit: [2]string{"failed", "failed"}, without: true, want: "no longer works on the bare shop"},
		"without a rung, a refusal that has no event":       {hit: [2]string{"succeeded", "refused by nobody known"}, without: true, want: "no event"},
		"without a rung, another stops what it used to let": {hit: [2]string{"succeeded", "refused by input"}, without: true},
	} {
		t.Run(name, func(t *testing.T) {
			cells := func(given [2]string, usual ...string) (string, string) {
				if given == [2]string{} {
					return usual[0], usual[1]
				}
				return given[0], given[1]
			}
			rows := []row{{Case: attacks.Case{ID: "hit"}}, {Case: attacks.Case{ID: "stopped"}}, {Case: attacks.Case{ID: "use", Kind: attacks.Ordinary}}}
			rows[0].bare, rows[0].protected = cells(test.hit, "succeeded", "got through")
			rows[1].bare, rows[1].protected = cells(test.stopped, "succeeded", csrf)
			rows[2].bare, rows[2].protected = cells(test.use, "works", "works")
			expect(t, compare(rows, golden, test.without), test.want)
		})
	}
}

func TestCompare_CaseInOneOfTheTwo_IsNamed(t *testing.T) {
	rows := []row{{Case: attacks.Case{ID: "new"}, bare: cellSucceeded, protected: cellThrough}}
	got := compare(rows, "old\tsucceeded\tgot through\n", false)
	if len(got) != 2 || got[0] != "new is not in the golden file" || got[1] != "old stands in the golden file and was not tried" {
		t.Errorf("got %q", got)
	}
}

func expect(t *testing.T, got []string, want string) {
	t.Helper()
	switch {
	case want == "" && len(got) > 0:
		t.Errorf("worse: %q, want nothing", got)
	case want != "" && (len(got) != 1 || !strings.Contains(got[0], want)):
		t.Errorf("worse: %q, want one with %q", got, want)
	}
}

func TestDemo_WithoutARungThatDoesNotExist_IsUsage(t *testing.T) {
	var out bytes.Buffer
	p := Process{Stdout: &out, Stderr: &out, LookupEnv: noEnv}
	if code := Main(context.Background(), []string{"demo", "--without", "aplication/csrf"}, p); code != exitUsage {
		t.Errorf("exit %d, want %d: %s", code, exitUsage, out.String())
	}
	if !strings.Contains(out.String(), "application/csrf") {
		t.Errorf("the rung that was meant is not named: %s", out.String())
	}
}
