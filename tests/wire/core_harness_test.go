package wire_test

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/data/sqlgate"
	"github.com/gatehousehq/gatehouse/data/sqlgate/pgwire"
	"github.com/gatehousehq/gatehouse/exchange"
	"github.com/gatehousehq/gatehouse/internal/testkit"
	"github.com/gatehousehq/gatehouse/internal/testkit/postgres"
	"github.com/gatehousehq/gatehouse/secret"
)

// evil is in every statement, or bound value, that the judge here refuses.
const evil = "evil"

// A coreJudge refuses what has evil in it, and keeps what it was asked and told.
type coreJudge struct {
	mu       sync.Mutex
	asked    []sqlgate.Statement
	refusals []gatehouse.Decision
	// ruling changes what becomes of a statement that passes.
	ruling func(sqlgate.Statement) sqlgate.Ruling
	// observes are rules whose refusals do not stand.
	observes map[string]bool
}

func (j *coreJudge) Judge(_ context.Context, _ sqlgate.Account, st sqlgate.Statement) sqlgate.Ruling {
	bad := strings.Contains(st.SQL, evil)
	kept := st
	kept.SQL, kept.Values = strings.Clone(st.SQL), nil
	for _, v := range st.Values {
		bad = bad || strings.Contains(v, evil)
		kept.Values = append(kept.Values, strings.Clone(v))
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.asked = append(j.asked, kept)
	switch {
	case bad:
		return sqlgate.Ruling{Request: "r-1"}
	case j.ruling != nil:
		return j.ruling(kept)
	}
	return sqlgate.Ruling{Verdict: gatehouse.Pass}
}

func (j *coreJudge) Attribute(sqlgate.Account, sqlgate.Statement) exchange.Attribution {
	return exchange.Attribution{}
}

func (j *coreJudge) Ended(context.Context, sqlgate.Account, sqlgate.Ruling, sqlgate.Outcome) {}

func (j *coreJudge) Refused(_ context.Context, _ sqlgate.Account, _ netip.Addr, d gatehouse.Decision) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.refusals = append(j.refusals, d)
	return !j.observes[d.Rule]
}

func (j *coreJudge) statements() []sqlgate.Statement {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]sqlgate.Statement(nil), j.asked...)
}

func (j *coreJudge) rules() (rules []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, d := range j.refusals {
		rules = append(rules, d.Rule)
	}
	return rules
}

const (
	gateUser     = "app"
	gatePassword = "of-the-gate"
	roleName     = "reduced"
	rolePassword = "of-the-role"
)

// startScram runs a server that asks the role for its password by SCRAM, and
// trusts the superuser.
func startScram(t testing.TB, settings map[string]string) *postgres.Server {
	t.Helper()
	dir, err := os.MkdirTemp("", "gatehouse-hba-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	hba := filepath.Join(dir, "pg_hba.conf")
	text := "local all postgres trust\nhost all postgres 127.0.0.1/32 trust\nlocal all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\n"
	if err := os.WriteFile(hba, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{"hba_file": hba}
	for k, v := range settings {
		all[k] = v
	}
	server := postgres.StartWith(t, postgres.Options{Settings: all})
	execute(t, server.DSN("postgres"), "CREATE ROLE "+roleName+" LOGIN SUPERUSER PASSWORD '"+rolePassword+"'")
	return server
}

func execute(t testing.TB, dsn string, statements ...string) {
	t.Helper()
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	for _, sql := range statements {
		if _, err := conn.Exec(ctx, sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

// A running is a gate before a server.
type running struct {
	gate  *pgwire.Gate
	judge *coreJudge
	addr  string
	log   *testkit.Output
}

// startGate runs a gate before the server until the test ends.
func startGate(t testing.TB, server *postgres.Server, change ...func(*pgwire.Options)) *running {
	t.Helper()
	r := &running{judge: new(coreJudge), log: new(testkit.Output)}
	o := pgwire.Options{
		Name: "shop", Judge: r.judge, Logger: slog.New(slog.NewTextHandler(r.log, nil)),
		Clients: []pgwire.Client{{User: gateUser, Password: gatePassword, Upstream: pgwire.Upstream{
			Network: "tcp", Address: server.Addr(), User: roleName, Password: secret.Text(rolePassword),
		}}},
	}
	for _, c := range change {
		c(&o)
	}
	var err error
	if r.gate, err = pgwire.New(o); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.addr = ln.Addr().String()
	served := make(chan error, 1)
	go func() { served <- r.gate.Serve(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = r.gate.Shutdown(ctx) // sessions that a test left open end late
		if err := <-served; err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the gate said:\n%s", r.log)
		}
	})
	return r
}

func (r *running) dsn() string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(gateUser, gatePassword), Host: r.addr, Path: "/postgres", RawQuery: "sslmode=disable"}
	return u.String()
}

// connect opens a session that ends with the test.
func connect(t testing.TB, dsn string) *pgconn.PgConn {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = conn.Close(ctx) // the test may have ended it
	})
	return conn
}

// raw takes a session's connection, to speak the protocol by hand.
func raw(t testing.TB, dsn string) (*pgproto3.Frontend, net.Conn) {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	h, err := conn.Hijack()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Conn.Close() })
	if err := h.Conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return h.Frontend, h.Conn
}
