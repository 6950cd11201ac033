package wire

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse/internal/testkit"
)

// debian is where Debian keeps PostgreSQL's programs that are not in PATH.
func debian(program string) []string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + program) // the pattern is well formed
	return found
}

// balances are what every transaction of pgbench keeps equal, and how many
// there were.
const balances = `select (select sum(abalance) from pgbench_accounts) || ' ' || (select sum(tbalance) from pgbench_tellers) || ' ' ||
	(select sum(bbalance) from pgbench_branches) || ' ' || coalesce((select sum(delta) from pgbench_history), 0) || ' ' || (select count(*) from pgbench_history)`

var counted = regexp.MustCompile(`(?m)^(transaction type|query mode|number of clients|number of transactions actually processed|number of failed transactions|SQL script \d+): .*`)

func TestPgbench_BuiltInScriptsInEveryMode_EndAsAtTheBareServer(t *testing.T) {
	pgbench := testkit.Need(t, "pgbench", debian("pgbench")...)
	transactions, clients := 40, 1
	if long {
		transactions = 20_000
	}
	twice(t, func(t *testing.T, to target) string {
		testkit.Run(t, to.client(t, pgbench, "--initialize", "--quiet", "--init-steps", "dtgvp"))
		var all strings.Builder
		runs := [][]string{}
		for _, mode := range []string{"simple", "extended", "prepared"} {
			runs = append(runs, []string{"--protocol", mode, "--builtin", "tpcb-like", "--builtin", "simple-update", "--builtin", "select-only"})
		}
		for _, mode := range []string{"extended", "prepared"} { // a pipeline wants one of these
			runs = append(runs, []string{"--protocol", mode, "--file", script(t, "pipeline.pgbench")})
		}
		for _, args := range runs {
			args = append(args, "--no-vacuum", "--random-seed", "6", "--client", strconv.Itoa(clients), "--transactions", strconv.Itoa(transactions))
			out := said(t, to.client(t, pgbench, args...))
			if !strings.Contains(out, "number of failed transactions: 0 ") {
				t.Errorf("pgbench %v:\n%s", args, out)
			}
			for _, line := range counted.FindAllString(out, -1) {
				all.WriteString(strings.ReplaceAll(line, filepath.Dir(script(t, "x")), "") + "\n")
			}
		}
		return all.String() + to.server.ask(t, to.database, balances)
	})
}

// Many clients at once, of which some are always waiting for locks.
func TestPgbench_ManyClients_KeepTheBalances(t *testing.T) {
	pgbench := testkit.Need(t, "pgbench", debian("pgbench")...)
	transactions, modes := "15", []string{"prepared"} // of each client
	if long {
		transactions, modes = "5000", []string{"simple", "extended", "prepared"}
	}
	d := server(t)
	d.fresh(t, "wire")
	testkit.Run(t, d.bare("wire").client(t, pgbench, "--initialize", "--quiet"))
	to := d.gated(t, "wire")
	for _, mode := range modes {
		out := said(t, to.client(t, pgbench, "--no-vacuum", "--client", "16", "--jobs", "2", "--transactions", transactions, "--protocol", mode))
		if !strings.Contains(out, "number of failed transactions: 0 ") {
			t.Errorf("pgbench:\n%s", out)
		}
	}
	wantUnobstructed(t, to)
	sums := strings.Fields(d.ask(t, "wire", balances))
	if sums[0] != sums[1] || sums[1] != sums[2] || sums[2] != sums[3] || sums[4] == "0" {
		t.Errorf("accounts, tellers, branches, history and its length are %v: transactions were torn", sums)
	}
}

// A connection for each transaction: every one of them signs in on both legs.
func TestPgbench_ConnectionForEachTransaction_Works(t *testing.T) {
	pgbench := testkit.Need(t, "pgbench", debian("pgbench")...)
	transactions := 4
	if long {
		transactions = 2000
	}
	d := server(t)
	d.fresh(t, "wire")
	to := d.gated(t, "wire")
	cmd := to.client(t, pgbench, "--no-vacuum", "--connect", "--client", "2", "--transactions", strconv.Itoa(transactions), "--file", "/dev/stdin")
	cmd.Stdin = strings.NewReader("select count(*) from people;\n")
	if out := said(t, cmd); !strings.Contains(out, "number of failed transactions: 0 ") {
		t.Errorf("pgbench:\n%s", out)
	}
	wantUnobstructed(t, to)
}
