package sqlmap

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/internal/gateway"
	"github.com/gatehousehq/gatehouse/internal/testkit"
)

// settings leave what stands at the database as it ships, and turn every rung
// before it off: bans and the protocol's rules would end sqlmap sooner. Those that
// data/guard judges and learns by observe: input reads the inputs, and the rungs
// of the network tell whose they are.
func settings(t *testing.T, sql *testkit.SQLGate) string {
	t.Helper()
	var modes strings.Builder
	modes.WriteString("modes:\n")
	for _, name := range gateway.RungNames() {
		switch {
		case strings.HasPrefix(name, "data/"):
		case name == "input", strings.HasPrefix(name, "network/"):
			fmt.Fprintf(&modes, "  %s: observe\n", name)
		default:
			fmt.Fprintf(&modes, "  %s: {mode: off, reason: the test is of the SQL gate alone}\n", name)
		}
	}
	return testkit.Settings(t, modes.String(), sql.Section())
}

// visit asks for the places as three visitors do, so that their shapes are known.
func visit(t *testing.T, gate *testkit.Gate, at shopUnderTest) {
	t.Helper()
	for _, address := range []string{"127.0.0.2", "127.0.0.3", "127.0.0.4"} {
		dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
		transport := &http.Transport{TLSClientConfig: gate.TLS(), DialContext: dialer.DialContext}
		c := &http.Client{Transport: transport}
		for _, q := range at.techniques {
			var res *http.Response
			var err error
			if target := gate.Origin + strings.TrimSuffix(q.path, "*"); q.more != nil {
				res, err = c.Post(target, "application/x-www-form-urlencoded", strings.NewReader(q.more[1]))
			} else {
				res, err = c.Get(target)
			}
			if err != nil {
				t.Fatal(err)
			}
			if res.Body.Close(); res.StatusCode != http.StatusOK {
				t.Fatalf("%s answers %s to a visitor", q.path, res.Status)
			}
		}
		transport.CloseIdleConnections()
	}
}

// TestSqlmap_ThroughBothGates_ExtractsNothing is the attack of the control,
// and in the long run another with all that sqlmap has.
func TestSqlmap_ThroughBothGates_ExtractsNothing(t *testing.T) {
	testkit.Need(t, "sqlmap")
	for _, shop := range chosen(t) {
		t.Run(shop.name, func(t *testing.T) {
			address := "127.0.0.1:" + testkit.FreePort(t)
			sql := testkit.NewSQLGate(t, database(t).DSN("postgres"))
			gate := testkit.StartGate(t, "http://"+address, "--config", settings(t, sql))
			testkit.WaitAccepting(t, sql.Listen, 10*time.Second)
			shop.start(t, address, sql.DSN("app"), sql.DSN("migrate"))
			visit(t, gate, shop)
			for _, q := range shop.techniques {
				t.Run(q.letter, func(t *testing.T) {
					wantNothing(t, q, extract(t, q, gate.Origin, time.Minute))
					if long() {
						wantNothing(t, q, extract(t, q, gate.Origin, 2*time.Minute, "--level", "5", "--risk", "3", "--tamper", "space2comment,randomcase"))
					}
				})
			}
			visit(t, gate, shop) // it still serves its visitors
			wantRefusals(t, gate)
		})
	}
}

func wantNothing(t *testing.T, q technique, h haul) {
	t.Helper()
	if h.has() || h.injectable() || len(h.dumped) > 0 {
		t.Errorf("sqlmap got something by %s:\n%s\n%s", q.name, h.said, strings.Join(h.dumped, "\n"))
	}
	if !h.capped && !strings.Contains(h.said, "do not appear to be injectable") && !strings.Contains(h.said, "does not seem to be injectable") {
		t.Errorf("sqlmap did not end as it does where it finds nothing, by %s:\n%s", q.name, h.said)
	}
}

// wantRefusals fails the test where nothing was refused, which would say that
// the statements never came to the SQL gate.
func wantRefusals(t *testing.T, gate *testkit.Gate) {
	t.Helper()
	refused := map[string]int{}
	for _, e := range gate.Events(t) {
		if e.Outcome == gatehouse.Refused {
			refused[e.Rung+"/"+e.Rule] += int(e.Occurrences())
		}
	}
	t.Logf("refused: %v", refused)
	if refused["data/guard/structure"] == 0 {
		t.Errorf("data/guard refused nothing: %v", refused)
	}
}
