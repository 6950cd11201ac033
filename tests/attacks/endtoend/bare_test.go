package endtoend

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse/internal/testkit"
	"github.com/gatehousehq/gatehouse/tests/attacks/sqli"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

func long() bool { return os.Getenv("GATEHOUSE_LONG") != "" }

// load gives cases of the splits, the first few of each cell.
func load(t testing.TB, ofCell int, splits ...string) (cases []sqli.Case) {
	t.Helper()
	for _, split := range splits {
		all, err := sqli.Load(split)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]int{}
		for _, c := range all {
			cell := c.Context + " " + c.Transform
			if seen[cell]++; ofCell == 0 || seen[cell] <= ofCell {
				cases = append(cases, c)
			}
		}
	}
	return cases
}

// bare is a client of the bare backend.
func bare(t testing.TB) func(attempt) *http.Client {
	c := from("127.0.0.1", new(http.Transport))
	t.Cleanup(c.CloseIdleConnections)
	return func(attempt) *http.Client { return c }
}

// withEffect are the cases that package sqli found to have an effect that only
// the injected structure explains.
func withEffect(t testing.TB) []string {
	t.Helper()
	text, err := os.ReadFile("../sqli/testdata/effect-postgres.txt")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(text))
}

// TestBackend_Bare_IsInjected is the control: without the gates the corpus's
// statements reach the database, which takes them and does what no ordinary
// request has it do.
func TestBackend_Bare_IsInjected(t *testing.T) {
	needPython(t)
	ids := withEffect(t)
	step := 25
	if long() {
		step = 1
	}
	var cases []sqli.Case
	for i, c := range slices.DeleteFunc(load(t, 0, "dev", "held-seed", "held-context"), func(c sqli.Case) bool { return !slices.Contains(ids, c.ID) }) {
		if i%step == 0 {
			cases = append(cases, c)
		}
	}
	p := newPlan(t, cases, true)
	address := "127.0.0.1:" + testkit.FreePort(t)
	b := startBackend(t, p, address, database(t, p).DSN("shop"))
	results := b.send(t, "http://"+address, p.attempts, 1, bare(t))
	attacks, taken, effect, ordinary := 0, 0, 0, 0
	bySite := map[string][]done{}
	for _, a := range p.attempts {
		if r := results[a.number]; a.ordinary && r.done != nil {
			bySite[a.Site] = append(bySite[a.Site], *r.done)
		}
	}
	for _, a := range p.attempts {
		r := results[a.number]
		switch {
		case !r.carried(a):
			t.Errorf("%s did not become its statement %q: %+v", a.ID, a.SQL, r)
		case a.ordinary:
			if ordinary++; r.done.State != "00000" {
				t.Errorf("the ordinary request %s fails: %s %q", a.ID, r.done.Said, a.SQL)
			}
		default:
			attacks++
			if r.done.State != "42601" { // syntax_error
				taken++
			}
			if !explained(*r.done, bySite[a.Site]) {
				effect++
			} else {
				t.Logf("no effect: %s %+v %q", a.ID, *r.done, a.SQL)
			}
		}
	}
	t.Logf("bare: of %d attacks %d are taken for statements, %d do what no ordinary request does; %d ordinary requests work", attacks, taken, effect, ordinary)
	// The rows here are not those that the effects were found with.
	if taken < attacks || 100*effect < 85*attacks {
		t.Errorf("of %d attacks %d are taken, and %d have an effect: too few for a control", attacks, taken, effect)
	}
}

// explained reports whether ordinary requests do as much.
func explained(d done, ordinary []done) bool {
	if d.Planted || d.State == "57014" { // query_canceled: it slept
		return false
	}
	if d.State != "00000" {
		return !strings.Contains(d.Said, "GHM")
	}
	return slices.ContainsFunc(ordinary, func(o done) bool {
		return o.State == "00000" && o.Columns == d.Columns && len(o.Tags) == len(d.Tags) && noMore(d.Tags[0], o.Tags[0])
	})
}

// noMore compares two command tags: of the same verb, and of no more rows.
func noMore(tag, than string) bool {
	verb, rows, _ := cutLast(tag)
	other, most, _ := cutLast(than)
	return verb == other && (len(rows) < len(most) || len(rows) == len(most) && rows <= most)
}

func cutLast(tag string) (before, after string, found bool) {
	i := strings.LastIndexByte(tag, ' ')
	if i < 0 {
		return tag, "", false
	}
	return tag[:i], tag[i+1:], true
}
