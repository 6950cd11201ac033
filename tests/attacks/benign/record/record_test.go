package main

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/gatehousehq/gatehouse/internal/testkit"
	"github.com/gatehousehq/gatehouse/tests/attacks/benign"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// needs are checks for what Debian's packages bring and a program can't do without.
var needs = map[string][]string{
	"mediawiki":  {"php", "-r", "exit(extension_loaded('pgsql') && extension_loaded('intl') && extension_loaded('mbstring') && extension_loaded('xml') ? 0 : 1);"},
	"django":     {python, "-c", "import django, psycopg2"},
	"sqlalchemy": {python, "-c", "import sqlalchemy, psycopg2, psycopg"},
}

func TestRecord_AShortWhile_GivesWholeExchanges(t *testing.T) {
	if os.Getenv("GATEHOUSE_LONG") != "1" {
		t.Skip("recording again takes half a minute: GATEHOUSE_LONG=1 does it")
	}
	testkit.Need(t, "postgres", "/usr/lib/postgresql/15/bin/postgres")
	for _, p := range programs {
		t.Run(p.name, func(t *testing.T) {
			testkit.Need(t, needs[p.name][0])
			if err := exec.Command(needs[p.name][0], needs[p.name][1:]...).Run(); err != nil {
				t.Skipf("php or Debian's python has not what %s needs: scripts/setup.sh installs it (%v)", p.name, err)
			}
			if root, err := unpackedAt(); p.name == "mediawiki" {
				if err != nil {
					t.Fatal(err)
				}
				if _, err := os.Stat(root); err != nil {
					t.Skip("mediawiki is not unpacked: scripts/setup.sh does it")
				}
			}
			exchanges, err := record(t.Context(), p, 120, 2)
			if err != nil {
				t.Fatal(err)
			}
			statements := 0
			for _, x := range exchanges {
				statements += len(x.Statements)
				if !slices.ContainsFunc(x.Inputs, func(in benign.Input) bool { return in.Kind == "header" && in.Name == "User-Agent" }) {
					t.Errorf("exchange %d has no header among its inputs", x.N)
				}
			}
			if len(exchanges) < 120 || statements < 300 {
				t.Errorf("recorded %d exchanges with %d statements", len(exchanges), statements)
			}
			for _, s := range exchanges[len(exchanges)-1].Statements {
				if s.Account != p.name || strings.ContainsRune(s.SQL, 0) {
					t.Errorf("a statement of %q: %q", s.Account, s.SQL)
				}
			}
		})
	}
}
