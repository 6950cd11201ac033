package wire

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse/internal/testkit"
)

// restrictions are the lines by which psql is kept from commands that stand in
// a dump's data; each dump draws a key of its own.
var restrictions = regexp.MustCompile(`(?m)^\\(un)?restrict .*\n`)

func dumped(t *testing.T, to target, args ...string) string {
	t.Helper()
	return restrictions.ReplaceAllString(testkit.Run(t, to.client(t, testkit.Need(t, "pg_dump"), args...)), "")
}

// A dump through the gate is the dump, in every format, and what is restored
// through the gate from each dumps the same again.
func TestPgDump_EveryTypeAndFormat_DumpsAndRestoresTheSame(t *testing.T) {
	restore, psql := testkit.Need(t, "pg_restore"), testkit.Need(t, "psql")
	types, err := os.ReadFile(script(t, "types.sql"))
	if err != nil {
		t.Fatal(err)
	}
	d := server(t)
	d.fresh(t, "wire")
	d.superuser(t, "wire", "set role owner", string(types))
	bare, gated := d.bare("wire"), d.gated(t, "wire")
	whole := dumped(t, bare)
	if n := strings.Count(whole, "\n"); n < 1000 || !strings.Contains(whole, "lo_put") && !strings.Contains(whole, "lowrite") {
		t.Fatalf("the dump of the bare server has %d lines, or no large objects", n)
	}
	same := func(what, got string) {
		t.Helper()
		if got != whole {
			t.Errorf("%s: %s", what, firstDifference(whole, got))
		}
	}
	same("a plain dump", dumped(t, gated))
	dir := t.TempDir()
	formats := map[string][]string{"custom": {"--format=custom"}, "directory": {"--format=directory", "--jobs=2"}}
	for name, args := range formats {
		args = append(args, "--file", filepath.Join(dir, name))
		testkit.Run(t, gated.client(t, testkit.Need(t, "pg_dump"), args...))
	}
	plain := filepath.Join(dir, "plain.sql")
	if err := os.WriteFile(plain, []byte(whole), 0o600); err != nil {
		t.Fatal(err)
	}
	restores := map[string][]string{
		"custom, in one transaction": {restore, "--single-transaction", "--exit-on-error", "--dbname=restored", filepath.Join(dir, "custom")},
		"directory, by two jobs":     {restore, "--jobs=2", "--exit-on-error", "--dbname=restored", filepath.Join(dir, "directory")},
	}
	if long {
		restores["plain, by psql"] = []string{psql, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname=restored", "--file", plain}
	}
	for name, how := range restores {
		t.Run(name, func(t *testing.T) {
			d.create(t, "restored", "owner owner template empty")
			to := gated.on("restored")
			testkit.Run(t, to.client(t, how[0], how[1:]...))
			if got := dumped(t, d.bare("restored")); got != whole {
				t.Errorf("restored, it dumps otherwise: %s", firstDifference(whole, got))
			}
		})
	}
	wantUnobstructed(t, gated)
}

// A dump as INSERT statements is many statements; one of data alone, by a role
// that may only read, fails as it does at the bare server.
func TestPgDump_OtherWays_SayTheSame(t *testing.T) {
	dump := testkit.Need(t, "pg_dump")
	twice(t, func(t *testing.T, to target) string {
		said := dumped(t, to, "--column-inserts", "--rows-per-insert=50", "--no-owner", "--table=people", "--table=orders") + dumped(t, to, "--schema-only", "--clean", "--if-exists", "--create")
		out, err := to.as(plain).client(t, dump, "--data-only").CombinedOutput()
		if err == nil {
			t.Error("a role that may not read everything dumped everything")
		}
		return said + restrictions.ReplaceAllString(string(out), "")
	})
}
