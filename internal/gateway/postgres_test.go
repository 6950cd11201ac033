package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/internal/testkit"
	"github.com/gatehousehq/gatehouse/internal/testkit/postgres"
)

// appPassword is the application's at the gate.
const appPassword = "app-password-at-the-gate"

// shared is the one PostgreSQL of the package's tests; each has databases of its
// own in it.
var shared database

type database struct {
	once   sync.Once
	server *postgres.Server
	err    error
	n      atomic.Int32
}

func (d *database) close() error {
	if d.server == nil {
		return nil
	}
	return d.server.Close()
}

// A shop is one database with tables.
type shop struct {
	server *postgres.Server
	name   string
}

func (s shop) dsn() string { return s.server.DSN(s.name) }

// newShop makes one, and skips the test where PostgreSQL is missing.
func newShop(t testing.TB) shop {
	t.Helper()
	programs, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres") // the pattern is well formed
	testkit.Need(t, "postgres", programs...)
	shared.once.Do(func() { shared.server, shared.err = postgres.New(postgres.Options{}) })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	s := shop{shared.server, fmt.Sprint("shop", shared.n.Add(1))}
	execAll(t, s.server.DSN("postgres"), "CREATE DATABASE "+s.name)
	execAll(t, s.dsn(),
		"CREATE TABLE items (name text, price int)", "CREATE TABLE users (id uuid, name text, password text)", "CREATE TABLE notes (body text)",
		"INSERT INTO items VALUES ('lamp', 40), ('chair', 70), ('table', 90)",
		"INSERT INTO users VALUES ('0b6e7a52-91c3-4f5d-8a1e-77c2d90f4b36', 'ingrid', 'a-secret-of-hers')")
	return s
}

// A tiered is a backend with a PostgreSQL, and a gate on either side of it.
type tiered struct {
	*testGate
	shop
	pool *pgxpool.Pool
	mu   sync.Mutex
	last error // of the backend's last statement
	// hold, where set, holds /hold's answer back until it is closed.
	hold   chan struct{}
	inHold atomic.Int32
}

// sqlGate is the configuration's gate before a shop.
func sqlGate(s shop, change func(*config.SQLGate)) change {
	return with(func(c *config.Config) {
		g := config.SQLGate{
			Name: "shop", Engine: "postgres", Listen: "127.0.0.1:0", Upstream: "postgres://" + s.server.Addr() + "/" + s.name, UpstreamUser: postgres.User, MaxSessions: 50,
			Clients: []config.SQLClient{
				{User: "app", Password: appPassword, Background: "none"},
				{User: "migrate", Password: appPassword, Background: "any", DDL: true, Reason: "the test's tables"},
			},
		}
		if change != nil {
			change(&g)
		}
		c.Data.SQL = []config.SQLGate{g}
	})
}

func execAll(t testing.TB, dsn string, statements ...string) {
	t.Helper()
	c, err := pgx.Connect(context.Background(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	for _, s := range statements {
		if _, err := c.Exec(context.Background(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// newTiered runs a gate before a backend and before its database.
func newTiered(t testing.TB, s shop, account func(*config.SQLGate), changes ...change) *tiered {
	t.Helper()
	d := &tiered{shop: s, hold: make(chan struct{})}
	backend := newBackend(t, d.app())
	d.testGate = gateTo(t, backend.URL, append(changes, sqlGate(s, account))...)
	d.pool = d.connect("app", 4)
	return d
}

// sqlAddr is where the SQL gate listens.
func (d *tiered) sqlAddr() string { return d.sql.all[0].listener.Addr().String() }

func (d *tiered) dsn(user string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(user, appPassword), Host: d.sqlAddr(), Path: "/" + d.name, RawQuery: "sslmode=disable"}
	return u.String()
}

// connect makes a pool of an account, in the simple protocol, as drivers speak
// that put values into the text.
func (d *tiered) connect(user string, size int32) *pgxpool.Pool {
	d.t.Helper()
	o, err := pgxpool.ParseConfig(d.dsn(user))
	if err != nil {
		d.t.Fatal(err)
	}
	o.MaxConns, o.ConnConfig.DefaultQueryExecMode = size, pgx.QueryExecModeSimpleProtocol
	pool, err := pgxpool.NewWithConfig(context.Background(), o)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(pool.Close)
	return pool
}

func (d *tiered) failed(err error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last = err
	return err
}

func (d *tiered) lastError() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.last
}

// query answers with the first column.
func (d *tiered) query(ctx context.Context, w io.Writer, sql string, args ...any) error {
	rows, err := d.pool.Query(ctx, sql, args...)
	if err != nil {
		return d.failed(err)
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return d.failed(err)
		}
		fmt.Fprintln(w, s)
	}
	return d.failed(rows.Err())
}

// app is the backend: it concatenates, as applications do.
func (d *tiered) app() http.Handler {
	mux := http.NewServeMux()
	serve := func(pattern string, work func(w io.Writer, r *http.Request) error) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			var body bytes.Buffer
			if err := work(&body, r); err != nil {
				http.Error(w, "the page could not be made", http.StatusInternalServerError)
				return
			}
			_, _ = w.Write(body.Bytes())
		})
	}
	item := func(name string) string { return "SELECT name FROM items WHERE name = '" + name + "'" }
	serve("/items", func(w io.Writer, r *http.Request) error { return d.query(r.Context(), w, item(r.FormValue("name"))) })
	serve("/traced", func(w io.Writer, r *http.Request) error {
		return d.query(r.Context(), w, item(r.FormValue("name"))+" /*traceparent='"+r.Header.Get("Traceparent")+"'*/")
	})
	serve("/session", func(w io.Writer, r *http.Request) error {
		sid, err := r.Cookie("sid")
		if err != nil {
			return err
		}
		return d.query(r.Context(), w, "SELECT name FROM users WHERE password <> '"+sid.Value+"' AND name <> '"+r.FormValue("not")+"'")
	})
	serve("/note", func(w io.Writer, r *http.Request) error {
		var body bytes.Buffer
		if err := d.query(r.Context(), &body, "SELECT body FROM notes"); err != nil {
			return err
		}
		return d.query(r.Context(), w, item(strings.TrimSpace(body.String())))
	})
	serve("/all", func(w io.Writer, r *http.Request) error { return d.query(r.Context(), w, "SELECT name FROM items") })
	serve("/raw", func(w io.Writer, r *http.Request) error {
		return d.query(r.Context(), w, rawStatements[r.FormValue("n")])
	})
	mux.HandleFunc("/upgrade", func(w http.ResponseWriter, _ *http.Request) {
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		fmt.Fprint(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: custom\r\n\r\n")
		_ = rw.Flush()
		_, _ = io.Copy(io.Discard, c) // until the other side has gone
	})
	serve("/late", func(w io.Writer, r *http.Request) error { // its client may have gone, and it does not look
		d.inHold.Add(1)
		defer d.inHold.Add(-1)
		<-d.hold
		return d.query(context.WithoutCancel(r.Context()), w, item(r.FormValue("name")))
	})
	serve("/hold", func(w io.Writer, r *http.Request) error {
		d.inHold.Add(1)
		defer d.inHold.Add(-1)
		select {
		case <-d.hold:
		case <-r.Context().Done():
		}
		return nil
	})
	return mux
}

// rawStatements are what an application sends of its own accord.
var rawStatements = map[string]string{
	"ddl": "DROP TABLE notes", "program": "COPY items TO PROGRAM 'cat'", "delete": "DELETE FROM notes", "update": "UPDATE items SET price = price + 1",
	"users": "SELECT name FROM users", "wide": "SELECT generate_series(1, 1000)::text",
}

func (d *tiered) item(path, name string) answered {
	d.t.Helper()
	return d.get(path + "?name=" + url.QueryEscape(name))
}

// inFlight has another request be at the backend, until it is ended.
func (d *tiered) inFlight(target string) (end func()) {
	d.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	before := d.inHold.Load()
	go func() {
		defer close(done)
		res, err := d.client.Do(d.request(http.MethodGet, target, nil).WithContext(ctx))
		if err == nil {
			_, _ = io.ReadAll(res.Body)
			_ = res.Body.Close()
		}
	}()
	eventually(d.t, "the request in flight", func() bool { return d.inHold.Load() > before })
	return func() {
		cancel()
		<-done
		eventually(d.t, "its end at the backend", func() bool { return d.inHold.Load() == before })
	}
}

func (d *tiered) appAccount() AccountLine {
	d.t.Helper()
	l, err := d.Admin().Layers(context.Background())
	if err != nil {
		d.t.Fatal(err)
	}
	for _, a := range l.Accounts {
		if a.Account == "shop/app" {
			return a
		}
	}
	d.t.Fatalf("shop/app is not among %+v", l.Accounts)
	return AccountLine{}
}

func sqlState(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return fmt.Sprint(err)
}

// metricsOf is what the private listener would tell.
func metricsOf(t testing.TB, g *Gate) string {
	t.Helper()
	w := httptest.NewRecorder()
	g.metrics.handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return w.Body.String()
}
