package endtoend

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/internal/gateway"
	"github.com/gatehousehq/gatehouse/internal/testkit"
	"github.com/gatehousehq/gatehouse/taint"
	"github.com/gatehousehq/gatehouse/tests/attacks/sqli"
)

// settings have data/guard as it ships, and every other rung observe: what is
// measured is the guard, and bans would end that after a few cases. None is off:
// network/client tells whose address it is, without which nothing is learned.
func settings(t *testing.T, sql *testkit.SQLGate) string {
	t.Helper()
	var modes strings.Builder
	modes.WriteString("modes:\n")
	for _, name := range gateway.RungNames() {
		if name != "data/guard" {
			fmt.Fprintf(&modes, "  %s: observe\n", name)
		}
	}
	return testkit.Settings(t, modes.String(), sql.Section())
}

// A stand is the backend behind both gates.
type stand struct {
	*backend
	gate *testkit.Gate
	sql  *testkit.SQLGate
}

func newStand(t *testing.T, p *plan) *stand {
	t.Helper()
	address := "127.0.0.1:" + testkit.FreePort(t)
	sql := testkit.NewSQLGate(t, database(t, p).DSN("shop"))
	s := &stand{sql: sql, gate: testkit.StartGate(t, "http://"+address, "--config", settings(t, sql))}
	testkit.WaitAccepting(t, sql.Listen, 10*time.Second)
	s.backend = startBackend(t, p, address, sql.DSN("app"))
	return s
}

// learn has the gate see each site's ordinary statements while no request is in
// flight, as an application sends them when it starts.
func (s *stand) learn(t *testing.T) {
	t.Helper()
	c := connect(t, s.sql.DSN("app"))
	used := map[string]bool{}
	for _, a := range s.plan.attempts {
		used[a.Site] = true
	}
	sites, err := sqli.Sites()
	if err != nil {
		t.Fatal(err)
	}
	for _, site := range sites {
		if !used[site.ID] {
			continue
		}
		for _, sql := range site.Ordinary {
			for _, comment := range []string{"", "/*traceparent='00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'*/ "} {
				mustExec(t, c, "BEGIN")
				mustExec(t, c, comment+sql)
				mustExec(t, c, "ROLLBACK")
			}
		}
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// clients are at addresses of their own: who attacks is not who visits.
func (s *stand) clients(t *testing.T) func(attempt) *http.Client {
	base := &http.Transport{TLSClientConfig: s.gate.TLS()}
	var all []*http.Client
	for i := range 6 {
		c := from(fmt.Sprintf("127.0.0.%d", 2+i), base)
		t.Cleanup(c.CloseIdleConnections)
		all = append(all, c)
	}
	return func(a attempt) *http.Client {
		if a.ordinary {
			return all[a.number%3]
		}
		return all[3+a.number%3]
	}
}

// A tally counts what came of attacks, by context × transformation.
type tally struct {
	sent, refused, problems map[string]int
	missed                  []string
}

func (c *tally) add(a attempt, refused, problem bool) {
	if c.sent == nil {
		c.sent, c.refused, c.problems = map[string]int{}, map[string]int{}, map[string]int{}
	}
	for _, key := range []string{a.Context + " × " + a.Transform, a.Context, a.Transform, "all"} {
		c.sent[key]++
		if refused {
			c.refused[key]++
		}
		if problem {
			c.problems[key]++
		}
	}
	if !refused {
		c.missed = append(c.missed, a.ID)
	}
}

func (c *tally) String() string {
	return fmt.Sprintf("%d of %d refused (%.2f %%), of which %d told their client so", c.refused["all"], c.sent["all"], 100*float64(c.refused["all"])/float64(c.sent["all"]), c.problems["all"])
}

// judge counts results: attacks into the tally, and every ordinary request that
// did not work as an error.
func (s *stand) judge(t *testing.T, sent []attempt, results map[int]result) *tally {
	t.Helper()
	c := &tally{}
	wrong := 0
	for _, a := range sent {
		r := results[a.number]
		switch {
		case !r.carried(a):
			t.Errorf("%s did not become its statement: status %d, %+v", a.ID, r.status, r.done)
		case a.ordinary:
			if r.refused() || r.problem { // the database's own errors are the corpus's
				if wrong++; wrong <= 5 {
					t.Errorf("the ordinary request %s got %d: %+v %q\n%s", a.ID, r.status, r.done, a.SQL, s.gate.Explain(t, r.request))
				}
			}
		default:
			c.add(a, r.refused(), r.problem && r.status == http.StatusForbidden)
		}
	}
	if wrong > 0 {
		t.Errorf("%d ordinary requests were refused", wrong)
	}
	return c
}

// inProcess judges the same cases within this process, as package sqli does.
func inProcess(t *testing.T, p *plan) *tally {
	t.Helper()
	guard, err := taint.New(taint.Options{Key: [32]byte{1}})
	if err != nil {
		t.Fatal(err)
	}
	sites, err := sqli.Sites()
	if err != nil {
		t.Fatal(err)
	}
	st := taint.Statement{Account: "shop", Lexer: taint.Lexer{Dialect: taint.PostgreSQL}}
	for _, site := range sites {
		for _, st.SQL = range site.Ordinary {
			guard.Learn(st, taint.Origin{}, time.Unix(0, 0))
		}
	}
	c := &tally{}
	st.Exchange = "x"
	for _, a := range p.attempts {
		if a.ordinary {
			continue
		}
		var candidates []taint.Candidate
		for _, in := range a.Inputs {
			place, err := gatehouse.ParsePlace(in.Kind + ":" + in.Name)
			if err != nil {
				t.Fatal(err)
			}
			candidates = append(candidates, taint.Candidate{Value: in.Value, Place: place, Exchange: st.Exchange})
		}
		for _, row := range a.Rows {
			candidates = append(candidates, taint.Candidate{Value: row, Place: gatehouse.Place{Kind: gatehouse.Row}, Exchange: st.Exchange})
		}
		st.SQL = a.SQL
		c.add(a, guard.Judge(st, candidates).Verdict == gatehouse.Deny, false)
	}
	return c
}

// split gives a plan's attempts: attacks, and ordinary ones.
func (p *plan) split() (attacks, ordinary []attempt) {
	for _, a := range p.attempts {
		if a.ordinary {
			ordinary = append(ordinary, a)
		} else {
			attacks = append(attacks, a)
		}
	}
	return attacks, ordinary
}

// TestCorpus_ThroughBothGates_IsRefused sends one case of each cell, or all of
// dev and held-seed in the long run: one after the other, then eight at a time
// with ordinary requests among them.
func TestCorpus_ThroughBothGates_IsRefused(t *testing.T) {
	needPython(t)
	ofCell := 1
	if long() {
		ofCell = 0
	}
	p := newPlan(t, load(t, ofCell, "dev", "held-seed"), true)
	attacks, ordinary := p.split()
	s := newStand(t, p)
	client := s.clients(t)
	if long() { // as an application learns: from what visitors do
		s.judge(t, ordinary, s.send(t, s.gate.Origin, ordinary, 1, client))
	} else {
		s.learn(t)
	}
	t.Run("ordinary", func(t *testing.T) {
		s.judge(t, ordinary, s.send(t, s.gate.Origin, ordinary, 8, client))
		t.Logf("%d ordinary requests", len(ordinary))
	})
	here := inProcess(t, p)
	t.Logf("within the process: %v", here)
	for _, m := range modes {
		t.Run(m.name, func(t *testing.T) {
			s.trace(t, m.traced)
			sent := attacks
			if m.workers > 1 {
				sent = mixed(attacks, ordinary)
			}
			got := s.judge(t, sent, s.send(t, s.gate.Origin, sent, m.workers, client))
			t.Logf("through both gates, %s: %v", m.name, got)
			m.check(t, got, here)
		})
	}
}

// A mode is a way in which the attacks come.
type mode struct {
	name    string
	workers int
	// traced has the backend say in each statement which request it is of.
	traced bool
	// refused and told are the shares that must be refused, and of whom the
	// client must be told so, in per mille.
	refused, told int
	// listed is set where each case that gets through must be known.
	listed bool
}

// modes go from what is known exactly to what is not: with eight at once and
// nothing said, a statement may be any of them, and an input is evidence only
// near a statement that is known. See docs/decisions/statement-guard.md.
var modes = [...]mode{
	{"sequential", 1, false, 980, 980, true},
	{"eight at once and traced", 8, true, 980, 970, true},
	{"eight at once", 8, false, 930, 0, false},
}

// trace has the backend say whose a statement is, or not.
func (s *stand) trace(t *testing.T, on bool) {
	t.Helper()
	flag := filepath.Join(filepath.Dir(s.journal), "traced")
	err := os.RemoveAll(flag)
	if on {
		err = os.WriteFile(flag, nil, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// mixed puts ordinary requests among attacks.
func mixed(attacks, ordinary []attempt) (all []attempt) {
	for i, a := range attacks {
		all = append(all, a)
		if i < len(ordinary) {
			all = append(all, ordinary[i])
		}
	}
	return all
}

// check holds what got through to what gets through within the process, and to
// the list of what is known to get through here alone.
func (m mode) check(t *testing.T, got, here *tally) {
	t.Helper()
	known := knownMisses(t, m.name)
	var more []string
	for _, id := range got.missed {
		if slices.Contains(here.missed, id) {
			continue
		}
		more = append(more, id)
		if m.listed && !slices.Contains(known, id) && !*update {
			t.Errorf("%s got through, which it does not within the process", id)
		}
	}
	if n := got.sent["all"]; 1000*got.refused["all"] < m.refused*n || 1000*got.problems["all"] < m.told*n {
		t.Errorf("%v, want %d and %d in 1,000", got, m.refused, m.told)
	}
	report(t, m.name, got, here, more)
}
