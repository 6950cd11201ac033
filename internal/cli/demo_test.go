package cli

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse/examples/shop"
	"github.com/gatehousehq/gatehouse/examples/shop/attacks"
	"github.com/gatehousehq/gatehouse/internal/throwaway"
)

// started is a demo that is stopped when the test ends.
func started(t *testing.T, c demoCommand) *demo {
	t.Helper()
	var stderr bytes.Buffer
	g := &globals{LogLevel: "warn", process: Process{Stdout: &stderr, Stderr: &stderr, LookupEnv: noEnv}}
	c.Listen = "127.0.0.1:0"
	d, err := c.start(t.Context(), g)
	if err != nil {
		t.Fatal(errors.Join(err, d.stop()))
	}
	t.Cleanup(func() {
		d.bareClient.CloseIdleConnections()
		d.client.CloseIdleConnections()
		if err := d.stop(); err != nil {
			t.Errorf("%v\n%s", err, stderr.String())
		}
		if _, err := os.Stat(d.dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is still there: %v", d.dir, err)
		}
	})
	return d
}

// The protected shop knows two connection strings, and no more of a gate.
func TestDemo_ProtectedShop_HasItsDatabaseThroughTheGate(t *testing.T) {
	t.Parallel()
	needPostgres(t)
	d := started(t, demoCommand{Database: shop.PostgreSQL.String()})
	for account, statements := range map[string]map[string]string{ // to what the error says, "" for none
		appAccount: {
			"SELECT count(*) FROM users": "", "CREATE TABLE mine (x int)": "refused by the gate", "DROP TABLE cart_lines": "refused by the gate",
			"SELECT pg_read_file('PG_VERSION')": "refused by the gate", "COPY users TO PROGRAM 'cat'": "refused by the gate",
		},
		migrateAccount: {"CREATE TABLE mine (x int)": "", "DROP TABLE mine": "", "COPY users TO PROGRAM 'cat'": "refused by the gate"},
	} {
		db, err := d.database.throughGate(account)
		if err != nil {
			t.Fatal(err)
		}
		for _, statement := range slices.Sorted(maps.Keys(statements)) {
			_, err := db.ExecContext(t.Context(), statement)
			if want := statements[statement]; (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s by %s: %v, want %q", statement, account, err, want)
			}
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
	super, err := d.database.open(throwaway.User, "postgres")
	if err != nil {
		t.Fatal(err)
	}
	var supers string
	err = super.QueryRowContext(t.Context(), "SELECT string_agg(rolname, ' ') FROM pg_roles WHERE rolsuper").Scan(&supers)
	if err := errors.Join(err, super.Close()); err != nil || supers != throwaway.User {
		t.Errorf("superusers are %s, %v", supers, err)
	}
}

// A person's browser visits other sites as well, and what they can make it send
// to the bare shop must not reach the machine.
func TestDemo_ForAPerson_NoAttackReachesTheMachine(t *testing.T) {
	t.Parallel()
	needPostgres(t)
	d := started(t, demoCommand{Database: shop.PostgreSQL.String()})
	tried := 0
	for _, c := range attacks.All(shop.PostgreSQL) {
		if c.ID != "sqli-xml" && !c.Superuser {
			continue
		}
		tried++
		result, err := c.Run(t.Context(), &attacks.Target{Base: d.bare, Client: d.bareClient})
		if err != nil || result.Succeeded == c.Superuser {
			t.Errorf("%s: %+v, %v", c.ID, result, err)
		}
	}
	if tried < 3 {
		t.Errorf("%d attacks were tried", tried)
	}
	db, err := d.database.open(bareRole, bareDatabase)
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		"COPY users TO '/tmp/users'", "COPY users FROM PROGRAM 'id'", "SELECT pg_read_file('PG_VERSION')", "SELECT pg_ls_dir('.')", "SELECT lo_import('/etc/passwd')",
		"SELECT lo_export(1, '/tmp/x')", "CREATE EXTENSION file_fdw", "CREATE EXTENSION dblink", "CREATE EXTENSION adminpack", "SET ROLE postgres",
		"ALTER ROLE bare SUPERUSER", "GRANT pg_execute_server_program TO bare", "ALTER SYSTEM SET archive_command = 'id'",
		"CREATE FUNCTION f() RETURNS int LANGUAGE c AS 'libc', 'getpid'", "LOAD '/tmp/x.so'",
	} {
		if _, err := db.ExecContext(t.Context(), statement); err == nil {
			t.Errorf("%s was run", statement)
		}
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

// While it attacks, the shops' accounts may do anything to the machine, so
// nobody else may say what.
func TestDemo_WhileItAttacks_AnswersNobodyElse(t *testing.T) {
	t.Parallel()
	d := started(t, demoCommand{Database: shop.SQLite.String(), Attack: true})
	stranger := &http.Client{Transport: &http.Transport{}}
	defer stranger.CloseIdleConnections()
	for name, c := range map[string]struct {
		client *http.Client
		base   *url.URL
		word   string
		status int
	}{
		"the attacker":                   {d.bareClient, d.bare, "", http.StatusOK},
		"the attacker, through the gate": {d.client, d.protected, "", http.StatusOK},
		"a page in a browser":            {stranger, d.bare, "", http.StatusForbidden},
		"one that guesses":               {stranger, d.bare, d.ours.word[1:], http.StatusForbidden},
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.base.String(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.word != "" {
			request.Header.Set(oursHeader, c.word)
		}
		response, err := c.client.Do(request)
		if err != nil {
			t.Fatal(name, err)
		}
		if err := response.Body.Close(); err != nil || response.StatusCode != c.status {
			t.Errorf("%s: %d, want %d, %v", name, response.StatusCode, c.status, err)
		}
	}
}

func TestDemo_Database_IsSaid(t *testing.T) {
	for want, db := range map[string]*demoDatabase{
		"SQLite, since PostgreSQL is not installed.":          {instead: "PostgreSQL is not installed"},
		"SQLite, the gate in its driver; --database postgres": {asked: true},
	} {
		if got := db.line(); !strings.Contains(got, want) || strings.Contains(got, "\n") {
			t.Errorf("%q is not in %q", want, got)
		}
	}
}

func TestDemo_InterruptedWhileItStarts_LeavesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, database := range []string{"", "sqlite", "postgres"} {
		if database == "postgres" {
			needPostgres(t)
		}
		var out bytes.Buffer
		t.Setenv("TMPDIR", t.TempDir())
		p := Process{Stdout: &out, Stderr: &out, LookupEnv: noEnv}
		if code := Main(ctx, []string{"demo", "--database", database, "--listen", "127.0.0.1:0"}, p); code != exitDone {
			t.Errorf("--database %q: exit %d: %s", database, code, out.String())
		}
		if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
			t.Errorf("--database %q left %v, %v", database, left, err)
		}
	}
}
