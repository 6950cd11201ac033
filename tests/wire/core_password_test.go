package wire_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gatehousehq/gatehouse/data/sqlgate/pgwire"
	"github.com/gatehousehq/gatehouse/internal/testkit"
	"github.com/gatehousehq/gatehouse/internal/testkit/postgres"
	"github.com/gatehousehq/gatehouse/secret"
)

// passwords are what somebody set, and what somebody else types for it: the same
// where SASLprep (RFC 4013) makes it so, or not, as the server says itself.
var passwords = []struct{ set, typed string }{
	{"pencil", "pencil"}, {"pencil", "Pencil"}, {"caf\u00e9", "cafe\u0301"}, {"cafe\u0301", "caf\u00e9"}, {"IX", "\u2168"}, {"I\u00adX", "IX"},
	{"a\u00a0b", "a b"}, {"a\u2003b", "a b"}, {"\u00adx", "x"}, {"\uff30\uff41\uff53\uff53", "Pass"}, {"стопка", "стопка"}, {"\u1e9b\u0323", "\u1e69"},
	{"pass😀é", "pass😀e\u0301"}, {"pass😀é", "pass😀é"}, {"\u05d0bc", "\u05d0bc"}, {"\u05d0bc\u00e9", "\u05d0bce\u0301"}, {"tab\tulator", "tab\tulator"},
	{"é\u0007", "e\u0301\u0007"}, {"\ue000é", "\ue000e\u0301"}, {"\u200dx", "x"}, {" spaced ", "spaced"},
}

// anyPassword has psql sign in with each form: to the server, and to a gate whose
// client has the password that was set. And it has a gate sign in to the server
// with what was typed, for whichever client.
func anyPassword(t *testing.T, server *postgres.Server) {
	psql := testkit.Need(t, "psql")
	var roles []string
	for i, p := range passwords {
		roles = append(roles, fmt.Sprintf("CREATE ROLE r%d LOGIN PASSWORD '%s'", i, p.set))
	}
	execute(t, server.DSN("postgres"), roles...)
	gate := startGate(t, server, func(o *pgwire.Options) {
		o.Clients = nil
		for i, p := range passwords {
			role := fmt.Sprintf("r%d", i)
			for name, c := range map[string]struct{ upstream, own string }{"to": {p.set, p.set}, "from": {p.typed, "x"}} {
				o.Clients = append(o.Clients, pgwire.Client{User: name + role, Password: secret.Text(c.own), Upstream: pgwire.Upstream{
					Network: "tcp", Address: server.Addr(), User: role, Password: secret.Text(c.upstream),
				}})
			}
		}
	})
	var same atomic.Int64
	var all sync.WaitGroup
	const workers = 4
	for first := range workers {
		all.Go(func() {
			for i := first; i < len(passwords); i += workers {
				if anyForm(t, psql, server, gate, i) {
					same.Add(1)
				}
			}
		})
	}
	all.Wait()
	if same, other := int(same.Load()), len(passwords)-int(same.Load()); same < 10 || other < 4 {
		t.Errorf("%d forms are the same, %d others: the control is blind", same, other)
	}
}

// anyForm tries one form, and reports whether the server takes it for the other.
func anyForm(t *testing.T, psql string, server *postgres.Server, gate *running, i int) bool {
	t.Helper()
	p, role := passwords[i], fmt.Sprintf("r%d", i)
	want, err := signsIn(t, psql, server.Addr(), role, p.typed)
	if err != nil {
		t.Error(err)
	}
	if got, err := signsIn(t, psql, gate.addr, "to"+role, p.typed); err != nil || got != want {
		t.Errorf("%+q for %+q: to the gate %v, to the server %v, %v", p.typed, p.set, got, want, err)
	}
	if got, err := letIn(t, gate.addr, "from"+role); err != nil || got != want {
		t.Errorf("%+q for %+q: from the gate %v, to the server %v, %v", p.typed, p.set, got, want, err)
	}
	return want
}

// letIn reports whether a client of the gate, whose password is x, gets through to
// the server.
func letIn(t *testing.T, addr, user string) (bool, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c, err := pgconn.Connect(ctx, "postgres://"+user+":x@"+addr+"/postgres?sslmode=disable")
	if err == nil {
		return true, c.Close(ctx)
	}
	if strings.Contains(err.Error(), "does not let the gate in") {
		return false, nil
	}
	return false, err
}

// signsIn reports whether psql can, or why that cannot be told.
func signsIn(t *testing.T, psql, addr, user, password string) (bool, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	host, port, _ := strings.Cut(addr, ":")
	cmd := exec.CommandContext(ctx, psql, "-XAt", "-c", "SELECT 1", "-h", host, "-p", port, "-U", user, "-d", "postgres")
	cmd.Env = append(os.Environ(), "PGPASSWORD="+password, "PGSSLMODE=disable", "PGPASSFILE=/dev/null")
	said, err := cmd.CombinedOutput()
	switch {
	case err == nil:
		return true, nil
	case strings.Contains(string(said), "authentication failed"):
		return false, nil
	}
	return false, fmt.Errorf("%+q: %w: %s", password, err, said)
}
