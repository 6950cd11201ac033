package sqlmap

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehousehq/gatehouse/examples/shop"
	"github.com/gatehousehq/gatehouse/internal/testkit"
	"github.com/gatehousehq/gatehouse/internal/testkit/postgres"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

// secret is in the table vault, which no page reads.
const secret = "Kq7vTz"

// A technique is one of sqlmap's, and the place in a shop that it works at.
type technique struct {
	letter, name, path string
	// more tells sqlmap where at the path the input is, if that is no query's.
	more []string
	// short is what the short run has too.
	short bool
}

// A shopUnderTest is a program to attack.
type shopUnderTest struct {
	name string
	// start has it listen at an address, with a database to ask by two accounts
	// that may be the same: tables are made by the second.
	start      func(t *testing.T, address, dsn, migrate string)
	techniques []technique
}

// shops are testdata's in PHP, whose statements go by the simple protocol, and
// the demo's in Go, most of whose are prepared. The demo's has no place that
// shows what an inline query gives, and takes no NULL in a row, of which sqlmap
// makes its UNIONs.
var shops = []shopUnderTest{
	{"php", servePHP, []technique{
		{"B", "boolean-based blind", "/product?id=3", nil, false},
		{"E", "error-based", "/orders?status=open", nil, false},
		{"U", "UNION query", "/search?q=lamp", nil, true},
		{"S", "stacked queries", "/visit?sku=sku-3", nil, false},
		{"T", "time-based blind", "/product?id=3", nil, false},
		{"Q", "inline queries", "/list?column=name", nil, false},
	}},
	{"demo", serveDemo, []technique{
		{"B", "boolean-based blind", "/products/3*", nil, false},
		{"E", "error-based", "/api/products?category=Kitchen", nil, false},
		{"S", "stacked queries", "/reviews/helpful", []string{"--data", "review=3&product=3", "-p", "review"}, false},
		{"T", "time-based blind", "/api/products/3*", nil, false},
	}},
}

func long() bool { return os.Getenv("GATEHOUSE_LONG") != "" }

// chosen are the shops and techniques of this run.
func chosen(t *testing.T) (of []shopUnderTest) {
	t.Helper()
	for _, shop := range shops {
		if !long() {
			shop.techniques = slices.DeleteFunc(slices.Clone(shop.techniques), func(q technique) bool { return !q.short })
		}
		if len(shop.techniques) > 0 {
			of = append(of, shop)
		}
	}
	if !long() {
		t.Logf("only technique %s; GATEHOUSE_LONG=1 has all of them", of[0].techniques[0].letter)
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
	}, append(q.more, more...)...)
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

// database makes a database with the vault.
func database(t *testing.T) *postgres.Server {
	t.Helper()
	server := postgres.Start(t)
	fill(t, server.DSN("postgres"), "testdata/vault.sql")
	return server
}

// fill runs a file's statements.
func fill(t *testing.T, dsn, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.WithoutCancel(t.Context())) }() // the server goes with the test
	if _, err := c.PgConn().Exec(t.Context(), string(text)).ReadAll(); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// servePHP starts testdata's shop at an address, with a database to ask.
func servePHP(t *testing.T, address, dsn, migrate string) {
	t.Helper()
	php := testkit.Need(t, "php")
	if out, err := exec.Command(php, "-r", "exit(extension_loaded('pdo_pgsql') ? 0 : 1);").CombinedOutput(); err != nil {
		t.Skipf("php-pgsql is not installed: scripts/setup.sh installs it %s", out)
	}
	fill(t, migrate, "testdata/shop.sql")
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

// serveDemo starts the demo's shop at an address.
func serveDemo(t *testing.T, address, dsn, migrate string) {
	t.Helper()
	open := func(dsn string) *sql.DB {
		c, err := shop.PostgresConnector(dsn)
		if err != nil {
			t.Fatal(err)
		}
		db := sql.OpenDB(c)
		t.Cleanup(func() { _ = db.Close() }) // the server goes with the test
		return db
	}
	s, err := shop.New(shop.Options{DB: open(dsn), Migrator: open(migrate), Engine: shop.PostgreSQL, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	l, err := shop.Listen(address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-done, s.Close()); err != nil {
			t.Errorf("the demo's shop: %v", err)
		}
	})
}

// TestSqlmap_BareShop_ExtractsTheSecret is the control.
func TestSqlmap_BareShop_ExtractsTheSecret(t *testing.T) {
	testkit.Need(t, "sqlmap")
	for _, shop := range chosen(t) {
		t.Run(shop.name, func(t *testing.T) {
			address, dsn := "127.0.0.1:"+testkit.FreePort(t), database(t).DSN("postgres")
			shop.start(t, address, dsn, dsn)
			for _, q := range shop.techniques {
				t.Run(q.letter, func(t *testing.T) {
					began := time.Now()
					h := extract(t, q, "http://"+address, 4*time.Minute)
					t.Logf("%s: %v", q.name, time.Since(began).Round(time.Second))
					if !h.has() || h.capped {
						t.Errorf("sqlmap did not get the secret from the bare shop by %s (ended early: %v): no control\n%s", q.name, h.capped, h.said)
					}
				})
			}
		})
	}
}
