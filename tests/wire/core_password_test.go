package wire_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

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

// TestPassword_AnyForm_IsTheSameAsForPostgreSQL has psql sign in with each form:
// to the server, to a gate whose client has the password that was set, and to
// one that signs in to the server with what was typed.
func TestPassword_AnyForm_IsTheSameAsForPostgreSQL(t *testing.T) {
	psql := testkit.Need(t, "psql")
	server := startScram(t, nil)
	same, other := 0, 0
	for _, p := range passwords {
		execute(t, server.DSN("postgres"), "ALTER ROLE "+roleName+" PASSWORD '"+p.set+"'")
		want := signsIn(t, psql, server.Addr(), roleName, p.typed)
		if want {
			same++
		} else {
			other++
		}
		if got := throughGate(t, psql, server, p.set, p.set, p.typed); got != want {
			t.Errorf("%+q for %+q: to the gate %v, to the server %v", p.typed, p.set, got, want)
		}
		if got := throughGate(t, psql, server, p.typed, "x", "x"); got != want {
			t.Errorf("%+q for %+q: from the gate %v, to the server %v", p.typed, p.set, got, want)
		}
	}
	if same < 10 || other < 4 {
		t.Errorf("%d forms are the same, %d others: the control is blind", same, other)
	}
}

func throughGate(t *testing.T, psql string, server *postgres.Server, upstream, client, typed string) bool {
	t.Helper()
	gate := startGate(t, server, func(o *pgwire.Options) {
		o.Clients[0].Password, o.Clients[0].Upstream.Password = secret.Text(client), secret.Text(upstream)
	})
	return signsIn(t, psql, gate.addr, gateUser, typed)
}

// signsIn reports whether psql can; any other failure fails the test.
func signsIn(t *testing.T, psql, addr, user, password string) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	host, port, _ := strings.Cut(addr, ":")
	cmd := exec.CommandContext(ctx, psql, "-XAt", "-c", "SELECT 1", "-h", host, "-p", port, "-U", user, "-d", "postgres")
	cmd.Env = append(os.Environ(), "PGPASSWORD="+password, "PGSSLMODE=disable", "PGPASSFILE=/dev/null")
	said, err := cmd.CombinedOutput()
	switch {
	case err == nil:
		return true
	case strings.Contains(string(said), "authentication failed"), strings.Contains(string(said), "does not let the gate in"):
		return false
	}
	t.Fatalf("%+q: %v: %s", password, err, said)
	return false
}
