package scenarios

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/gatehousehq/gatehouse/examples/shop"
	"github.com/gatehousehq/gatehouse/examples/shop/attacks"
)

// cells ENGINE holds the table that was printed to the golden file of internal/cli: each
// attack stands there once, with its cells, and of the ordinary uses, which all work, none.
// The command itself notices what is worse; this notices what is better too.
func cells(ts *testscript.TestScript, neg bool, args []string) {
	files := map[string]string{shop.SQLite.String(): "demo.golden", shop.PostgreSQL.String(): "demo_postgres.golden"}
	if neg || len(args) != 1 || files[args[0]] == "" {
		ts.Fatalf("usage: cells sqlite|postgres")
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "internal", "cli", files[args[0]]))
	ts.Check(err)
	pinned := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		id, rest, _ := strings.Cut(strings.TrimSpace(line), "\t")
		pinned[id] = strings.Split(rest, "\t")
	}
	engine := shop.SQLite
	if args[0] == shop.PostgreSQL.String() {
		engine = shop.PostgreSQL
	}
	printed := ts.ReadFile("stdout")
	for _, c := range attacks.All(engine) {
		want := pinned[c.ID]
		if len(want) != 2 {
			ts.Fatalf("%s is not in %s", c.ID, files[args[0]])
		}
		count := 1
		if c.Kind == attacks.Ordinary {
			count = 0
		}
		row := regexp.MustCompile(`(?m)^  ` + regexp.QuoteMeta(c.Title) + ` +` + regexp.QuoteMeta(want[0]) + ` +` + regexp.QuoteMeta(want[1]) + `$`)
		if n := len(row.FindAllString(printed, -1)); n != count {
			ts.Fatalf("%s: %q, bare %s, protected %s, stands there %d times, want %d. If the file is wrong: go test ./internal/cli -run TestDemoAttack -update",
				c.ID, c.Title, want[0], want[1], n, count)
		}
	}
}
