package cli

import (
	"bytes"
	"encoding/json"
	"hash/fnv"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse/examples/shop"
	"github.com/gatehousehq/gatehouse/examples/shop/attacks"
)

// Each rung that is switched off leaves an attack to the next, and what no other layer
// stops gets through. tests/scenarios has the command do this with the whole table once.
// Here the short run tries the cases that this is about, and an eighth of the ordinary
// uses; GATEHOUSE_LONG=1 tries every case.
func TestDemo_Without_LeavesAttacksToTheNextRung(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		engine  shop.Engine
		without []string
		want    map[string]string // cells on the protected shop
	}{
		// Who somebody is: fewer guesses are let through than the shop lets. What nobody
		// refuses is said, and whether an event tells of it.
		{"guesses counted by the rate alone", shop.SQLite, []string{"identity/throttle"}, map[string]string{
			"csrf-form": "refused by application/csrf", "unlimited-sign-in": "refused by ratelimit/principal", "spraying": cellThrough, "stuffing-spread": cellThrough,
			"jwt-none": "refused by identity/source", "session-fixation": cellTold, "enumeration": cellThrough,
		}},
		// Without csrf and the cookies another site's form gets through. Without access the
		// layer behind it still refuses forged tokens.
		{"other sites' requests", shop.SQLite, []string{"application/access", "application/csrf", "application/cookies"}, map[string]string{
			"csrf-form": cellThrough, "access-case": cellThrough, "jwt-confusion": "refused by identity/source",
			"enumeration": "stopped by identity/throttle", "stuffing-spread": "refused by identity/throttle", "session-fixation": "refused by identity/source",
		}},
		// What a statement may do at all, then what the database grants.
		{"the guard", shop.PostgreSQL, []string{"data/guard"}, map[string]string{
			"sqli-program": "refused by data/policy", "sqli-file": "refused by data/policy", "sqli-login": "refused by application/access", "sqli-search": cellThrough,
		}},
		{"the guard and the policy", shop.PostgreSQL, []string{"data/guard", "data/policy"}, map[string]string{
			"sqli-program": cellFailed + "|refused by application/leaks", "sqli-file": cellFailed + "|refused by application/leaks",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.engine == shop.PostgreSQL {
				needPostgres(t)
			}
			cases := casesOf(t, c.engine, slices.Collect(maps.Keys(c.want))...)
			rows := demoRows(t, demoCommand{Database: c.engine.String(), Without: c.without}, cases)
			wantCells(t, rows, c.want)
			for _, r := range rows {
				if slices.ContainsFunc(c.without, func(rung string) bool { return strings.HasSuffix(r.protected, " by "+rung) }) {
					t.Errorf("%s: %s, which is off", r.ID, r.protected)
				}
			}
			for _, w := range compare(rows, goldenOf(c.engine, rows), true) {
				t.Error(w)
			}
		})
	}
}

// Where nobody is known, what is some people's alone is nobody's: theirs neither, and
// that is a finding, which the command exits by.
func TestDemo_WithoutSource_NamesTheOrdinaryUseThatFails(t *testing.T) {
	t.Parallel()
	cases := casesOf(t, shop.SQLite, "jwt-jku", "office")
	rows := demoRows(t, demoCommand{Database: shop.SQLite.String(), Without: []string{"identity/source"}}, cases)
	wantCells(t, rows, map[string]string{"jwt-jku": "refused by application/access", "office": "refused by application/access"})
	var out, said bytes.Buffer
	p := Process{Stdout: &out, Stderr: &said, LookupEnv: noEnv}
	err := (&globals{JSON: true, process: p}).tell(&demoDatabase{engine: shop.SQLite}, rows, goldenOf(shop.SQLite, rows), true)
	if code := report(p, err); code != exitFindings || !strings.Contains(said.String(), "gatehouse: ordinary use office is refused by application/access") {
		t.Errorf("exit %d: %s", code, said.String())
	}
	var told []jsonRow
	if err := json.Unmarshal(out.Bytes(), &told); err != nil || len(told) != len(rows) {
		t.Errorf("%d rows of %d are told: %v", len(told), len(rows), err)
	}
	refused := regexp.MustCompile(`"id": "jwt-jku",\n    "title": "[^"]+",\n    "class": "[^"]+",\n    "kind": "attack",\n    "bare": "succeeded",\n    "protected": "refused by application/access",\n    "request": "[0-9a-f]{32}"`)
	if !refused.MatchString(out.String()) {
		t.Errorf("told:\n%s", out.String())
	}
}

// casesOf are the cases that are named, and of the ordinary uses those that their names
// choose: an eighth. The long run has every case.
func casesOf(t *testing.T, engine shop.Engine, ids ...string) []attacks.Case {
	t.Helper()
	var some []attacks.Case
	for _, c := range attacks.All(engine) {
		named := slices.Contains(ids, c.ID)
		if named {
			ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return id == c.ID })
		}
		h := fnv.New32a()
		_, _ = h.Write([]byte(c.ID)) // a hash takes everything
		if named || long || c.Kind == attacks.Ordinary && h.Sum32()%8 == 0 {
			some = append(some, c)
		}
	}
	if len(ids) > 0 {
		t.Fatalf("no case is called %s", strings.Join(ids, " or "))
	}
	return some
}

// goldenOf is the golden file's lines about these rows.
func goldenOf(engine shop.Engine, rows []row) string {
	var some strings.Builder
	for line := range strings.Lines((&demoDatabase{engine: engine}).golden()) {
		id, _, _ := strings.Cut(line, "\t")
		if slices.ContainsFunc(rows, func(r row) bool { return r.ID == id }) {
			some.WriteString(line)
		}
	}
	return some.String()
}

// wantCells holds the protected shop's cells to want, which may name several.
func wantCells(t *testing.T, rows []row, want map[string]string) {
	t.Helper()
	for _, r := range rows {
		if cells, ok := want[r.ID]; ok && !slices.Contains(strings.Split(cells, "|"), r.protected) {
			t.Errorf("%s: %s, want %s", r.ID, r.protected, cells)
		}
	}
}
