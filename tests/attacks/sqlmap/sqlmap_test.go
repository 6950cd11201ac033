package sqlmap

import (
	"context"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehousehq/gatehouse/internal/testkit"
	"github.com/gatehousehq/gatehouse/internal/testkit/postgres"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

// secret is in the table vault, which no page reads.
const secret = "Kq7vTz"

// A technique is one of sqlmap's, and the place in the shop that it works at.
type technique struct {
	letter, name, path string
	// short is what the short run has too.
	short bool
}

var techniques = []technique{
	{"B", "boolean-based blind", "/product?id=3", false},
	{"E", "error-based", "/orders?status=open", false},
	{"U", "UNION query", "/search?q=lamp", true},
	{"S", "stacked queries", "/visit?sku=sku-3", false},
	{"T", "time-based blind", "/product?id=3", false},
	{"Q", "inline queries", "/list?column=name", false},
}

func long() bool { return os.Getenv("GATEHOUSE_LONG") != "" }

// chosen are the techniques of this run.
func chosen(t *testing.T) (of []technique) {
	t.Helper()
	for _, q := range techniques {
		if q.short || long() {
			of = append(of, q)
		}
	}
	if !long() {
		t.Logf("only technique %s; GATEHOUSE_LONG=1 has all of them", of[0].letter)
	}
	return of
}

// A haul is what came of a run of sqlmap.
type haul struct {
	said string
	// dumped are the files of tables that it wrote.
	dumped []string
	// capped is set where it was ended before it was done.
	capped bool
}

// has reports whether the secret is in it.
func (h haul) has() bool {
	return strings.Contains(h.said, secret) || strings.Contains(strings.Join(h.dumped, "\n"), secret)
}

// injectable reports whether sqlmap found a way in.
func (h haul) injectable() bool {
	return strings.Contains(h.said, "identified the following injection point")
}

// extract lets sqlmap try to read the vault by one technique, within a time.
func extract(t *testing.T, q technique, origin string, within time.Duration, more ...string) haul {
	t.Helper()
	program := testkit.Need(t, "sqlmap")
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	args := append([]string{
		"-u", origin + q.path, "--batch", "--disable-coloring", "--flush-session", "--output-dir", dir,
		"--dbms", "PostgreSQL", "--technique", q.letter, "--skip-waf", "--threads", "2", "--time-sec", "1", "--timeout", "10", "--retries", "1",
		"--dump", "-D", "public", "-T", "vault", "-C", "code",
	}, more...)
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "HOME="+dir, "PYTHONDONTWRITEBYTECODE=1", "PYTHONWARNINGS=ignore")
	cmd.WaitDelay = 5 * time.Second
	said, err := cmd.CombinedOutput()
	h := haul{said: string(said), capped: ctx.Err() != nil}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && !h.capped {
		t.Fatalf("running sqlmap: %v\n%s", err, said)
	}
	err = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.Contains(name, string(filepath.Separator)+"dump"+string(filepath.Separator)) {
			return err
		}
		text, err := os.ReadFile(name)
		h.dumped = append(h.dumped, string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// phpShop makes testdata's shop's database.
func phpShop(t *testing.T) *postgres.Server {
	t.Helper()
	server := postgres.Start(t)
	text, err := os.ReadFile("testdata/shop.sql")
	if err != nil {
		t.Fatal(err)
	}
	c, err := pgx.Connect(t.Context(), server.DSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.WithoutCancel(t.Context())) }() // the server goes with the test
	if _, err := c.PgConn().Exec(t.Context(), string(text)).ReadAll(); err != nil {
		t.Fatal(err)
	}
	return server
}

// servePHP starts testdata's shop at an address, with a database to ask.
func servePHP(t *testing.T, address, dsn string) {
	t.Helper()
	php := testkit.Need(t, "php")
	if out, err := exec.Command(php, "-r", "exit(extension_loaded('pdo_pgsql') ? 0 : 1);").CombinedOutput(); err != nil {
		t.Skipf("php-pgsql is not installed: scripts/setup.sh installs it %s", out)
	}
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	cmd := exec.Command(php, "-S", address, "testdata/shop.php")
	cmd.Env = append(os.Environ(),
		"WIRE=pgsql:host="+u.Hostname()+";port="+u.Port()+";dbname="+strings.Trim(u.Path, "/"), "DB_USER="+u.User.Username(), "DB_PASSWORD="+password)
	testkit.Start(t, cmd)
	testkit.WaitAccepting(t, address, 20*time.Second)
}

// TestSqlmap_BareShop_ExtractsTheSecret is the control.
func TestSqlmap_BareShop_ExtractsTheSecret(t *testing.T) {
	testkit.Need(t, "sqlmap")
	address := "127.0.0.1:" + testkit.FreePort(t)
	servePHP(t, address, phpShop(t).DSN("postgres"))
	for _, q := range chosen(t) {
		t.Run(q.letter, func(t *testing.T) {
			began := time.Now()
			h := extract(t, q, "http://"+address, 4*time.Minute)
			t.Logf("%s: %v", q.name, time.Since(began).Round(time.Second))
			if !h.has() || h.capped {
				t.Errorf("sqlmap did not get the secret from the bare shop by %s (ended early: %v): no control\n%s", q.name, h.capped, h.said)
			}
		})
	}
}
