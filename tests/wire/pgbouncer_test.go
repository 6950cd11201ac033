package wire

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/gatehousehq/gatehouse/data/sqlgate/pgwire"
	"github.com/gatehousehq/gatehouse/internal/testkit"
	"github.com/gatehousehq/gatehouse/internal/testkit/postgres"
	"github.com/gatehousehq/gatehouse/secret"
)

const (
	poolerPassword = "pooler's own"
	poolSize       = 3
)

// pooler starts PgBouncer in transaction mode before a target, and gives where
// its clients connect to.
func pooler(t *testing.T, before target) target {
	t.Helper()
	addr := postgres.RunPooler(t,
		fmt.Sprintf("wire = host=%s port=%s dbname=%s user=%s password='%s'", before.host, before.port, before.database, before.user, strings.ReplaceAll(before.password, "'", "''")),
		fmt.Sprintf("%q %q\n", before.user, poolerPassword),
		"auth_type = scram-sha-256", "pool_mode = transaction", fmt.Sprint("default_pool_size = ", poolSize), "server_tls_sslmode = disable", "client_tls_sslmode = disable")
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	behind := before
	behind.gated, behind.host, behind.port, behind.database, behind.password = true, "127.0.0.1", port, "wire", poolerPassword
	return behind
}

// usePool has more clients than the pool has sessions, with transactions that
// must not mix.
func usePool(t *testing.T, d *database, to target) {
	t.Helper()
	pgbench := testkit.Need(t, "pgbench", debian("pgbench")...)
	testkit.Run(t, d.bare("wire").client(t, pgbench, "--initialize", "--quiet"))
	transactions := "20"
	if long {
		transactions = "3000"
	}
	for _, mode := range []string{"simple", "extended"} { // PgBouncer 1.18 tracks no prepared statements
		out := said(t, to.client(t, pgbench, "--no-vacuum", "--protocol", mode, "--client", "8", "--transactions", transactions))
		if !strings.Contains(out, "number of failed transactions: 0 ") {
			t.Errorf("pgbench:\n%s", out)
		}
	}
	sums := strings.Fields(d.ask(t, "wire", balances))
	if sums[0] != sums[1] || sums[1] != sums[2] || sums[2] != sums[3] || sums[4] == "0" {
		t.Errorf("accounts, tellers, branches, history and its length are %v: transactions were mixed", sums)
	}
}

// A refused statement leaves the pool's session as it must be for the next
// client, whoever pools.
func refuseInPool(t *testing.T, to target) {
	t.Helper()
	dialog := &dialog{t: t, to: to}
	var all []*session
	for range 2 * poolSize {
		s := dialog.open()
		if s == nil {
			t.Fatal("no session")
		}
		all = append(all, s)
	}
	for i, s := range all {
		at := len(s.frames)
		s.query("begin", "insert into copied (id) values ("+strconv.Itoa(i)+")", "select 1 /* "+marker+" */", "rollback", "select 'goes on'")
		if got := kinds(s.frames[at:]); got != "CZCZEZCZTDCZ" {
			t.Errorf("client %d of the pool hears %q: %v", i, got, s.frames[at:])
		}
	}
	for _, s := range all {
		at := len(s.frames)
		s.send(several(once("insert into copied (id) values (100)"), once("select 1 /* "+marker+" */"), once("select 2"), syncNow)...)
		s.ready(1)
		s.send(&pgproto3.Query{String: "select count(*) from copied"})
		s.ready(1)
		if got := kinds(s.frames[at:]); got != "12nCEZTDCZ" {
			t.Errorf("a client of the pool hears %q: %v", got, s.frames[at:])
		}
		if last := s.frames[len(s.frames)-3].text; !strings.Contains(last, `\x01`+"0") {
			t.Errorf("the refused pipeline left rows: %s", last)
		}
	}
	dialog.hangUp()
}

func TestPgBouncer_BehindTheGate_InTransactionMode(t *testing.T) {
	d := server(t)
	d.fresh(t, "wire")
	behind := pooler(t, d.bare("wire"))
	to := d.gated(t, "wire", func(o *pgwire.Options) {
		o.Clients = []pgwire.Client{{User: owner, Password: secret.Text(gatePassword(owner)), Upstream: pgwire.Upstream{
			Network: "tcp", Address: behind.address(), Database: "wire", User: owner, Password: poolerPassword,
		}}}
	})
	usePool(t, d, to)
	wantUnobstructed(t, to)
	refuseInPool(t, to)
}

func TestPgBouncer_BeforeTheGate_InTransactionMode(t *testing.T) {
	d := server(t)
	d.fresh(t, "wire")
	gate := d.gated(t, "wire")
	to := pooler(t, gate)
	usePool(t, d, to)
	wantUnobstructed(t, gate)
	refuseInPool(t, to)
}
