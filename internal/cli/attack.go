package cli

import (
	"context"
	_ "embed"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/examples/shop"
	"github.com/gatehousehq/gatehouse/examples/shop/attacks"
	"github.com/gatehousehq/gatehouse/internal/gateway"
)

// demoGolden pins what `demo --attack` prints, a case a line: what came of it on
// the bare shop and on the protected one.
//
//go:embed demo.golden
var demoGolden string

// demoPostgresGolden is the same with PostgreSQL.
//
//go:embed demo_postgres.golden
var demoPostgresGolden string

// golden is what the demo's cells are held to.
func (db *demoDatabase) golden() string {
	if db.engine == shop.PostgreSQL {
		return demoPostgresGolden
	}
	return demoGolden
}

// What may come of a case, worst first for an attack on the protected shop.
const (
	cellSucceeded = "succeeded"
	cellThrough   = "got through"
	cellTold      = "got through, told" // an event says that it happens
	cellFailed    = "failed"
	cellWorks     = "works"
	cellBroken    = "broken"
	refusedBy     = "refused by "
	stoppedBy     = "stopped by "  // the answer did no harm, by a layer's doing
	nobodyKnown   = "nobody known" // the gate has no event of it
)

// A row is one case with what came of it.
type row struct {
	attacks.Case
	bare, protected string
	request         string
	words           string
}

func (r row) line() string { return strings.Join([]string{r.ID, r.bare, r.protected}, "\t") }

// attack runs the table, prints it, and holds it against the golden file.
func (d *demo) attack(ctx context.Context, g *globals, without []string) error {
	d.without = len(without) > 0
	if err := d.week(ctx); err != nil {
		return err
	}
	rows, err := d.tryAll(ctx, attacks.All(d.database.engine))
	if err != nil {
		return err
	}
	return g.tell(d.database, rows, d.database.golden(), d.without)
}

// tell prints the rows, and holds them against golden.
func (g *globals) tell(db *demoDatabase, rows []row, golden string, without bool) error {
	var err error
	if g.JSON {
		err = g.printJSON(jsonRows(rows))
	} else {
		fmt.Fprintf(g.process.Stdout, "%s\n\n", db.line())
		err = g.printRows(rows)
	}
	if err != nil {
		return err
	}
	worse := compare(rows, golden, without)
	for _, w := range worse {
		fmt.Fprintf(g.process.Stderr, "gatehouse: %s\n", w)
	}
	if len(worse) > 0 {
		return findings()
	}
	return nil
}

// customersOfAWeek are as many as the gate's proposals take.
const customersOfAWeek = 24

// week is an ordinary one: what clients of a route ordinarily send is learned. Where a
// rung is off it may not go well, as the table's ordinary uses will say.
func (d *demo) week(ctx context.Context) error {
	err := attacks.Customers(ctx, &attacks.Target{Base: d.protected, Client: d.client}, customersOfAWeek)
	if d.without {
		return nil
	}
	return err
}

// tryAll tries the cases on both shops.
func (d *demo) tryAll(ctx context.Context, cases []attacks.Case) ([]row, error) {
	var rows []row
	for _, c := range cases {
		bare, err := d.try(ctx, c, d.bare, d.bareClient)
		if err != nil {
			return nil, err
		}
		protected, err := d.try(ctx, c, d.protected, d.client)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row{
			Case: c, bare: bare.cell(c.Kind, cellSucceeded), protected: protected.cell(c.Kind, cellThrough),
			request: protected.RequestID, words: protected.Words,
		})
	}
	return rows, nil
}

// A tried is a case's result, with the rung that the gate names.
type tried struct {
	attacks.Result
	// told: the gate let it through, and has an event of it.
	told bool
}

func (d *demo) try(ctx context.Context, c attacks.Case, base *url.URL, client *http.Client) (tried, error) {
	began := time.Now()
	result, err := c.Run(ctx, &attacks.Target{Base: base, Client: client})
	if prevented, ok := attacks.Prevented(err); ok && d.without { // by what a rung that is off would have told
		result, err = prevented, nil
	}
	switch {
	case err != nil:
		return tried{Result: result}, fmt.Errorf("demo: %s against %s: %w", c.ID, base, err)
	case result.Succeeded && c.Kind == attacks.Attack && base == d.protected:
		told, err := d.told(ctx, began)
		return tried{result, told}, err
	case result.Succeeded || result.RequestID == "":
		return tried{Result: result}, nil
	}
	found, err := d.gate.Admin().Find(ctx, result.RequestID)
	if err != nil {
		return tried{Result: result}, err
	}
	i := slices.IndexFunc(found, func(e gatehouse.Event) bool { return e.Outcome == gatehouse.Refused })
	switch {
	case i >= 0 && result.Refused:
		result.Rung = found[i].Rung
	case i >= 0: // mended, in place of a refusal
		result.Layer = found[i].Rung
	}
	return tried{Result: result}, nil
}

// told reports whether the gate has a finding of since then: one that refuses
// nothing, about what attempts to sign in and their answers show together.
func (d *demo) told(ctx context.Context, since time.Time) (bool, error) {
	for _, name := range []string{"gate_guessing", "gate_session_fixation"} {
		found, err := d.gate.Admin().Search(ctx, gateway.EventFilter{Since: since, Name: name, Limit: 1})
		if err != nil || len(found) > 0 {
			return len(found) > 0, err
		}
	}
	return false, nil
}

// cell is the result in the table's words; succeeded is what an attack that did
// is called on this shop.
func (t tried) cell(kind attacks.Kind, succeeded string) string {
	switch {
	case kind == attacks.Ordinary && t.Succeeded:
		return cellWorks
	case t.Refused && t.Rung != "":
		return refusedBy + t.Rung
	case t.Refused:
		return refusedBy + nobodyKnown
	case kind == attacks.Ordinary:
		return cellBroken
	case t.told:
		return cellTold
	case t.Succeeded:
		return succeeded
	case t.Layer != "" && succeeded == cellThrough: // the bare shop has no layers
		return stoppedBy + t.Layer
	}
	return cellFailed
}

// A jsonRow is a row as --json prints it.
type jsonRow struct {
	ID        string `json:"id"`
	Title     string `json:"title"`
	Class     string `json:"class"`
	Kind      string `json:"kind"`
	Bare      string `json:"bare"`
	Protected string `json:"protected"`
	// Request is what explain tells more about, where the gate refused.
	Request string `json:"request,omitempty"`
}

func jsonRows(rows []row) []jsonRow {
	all := make([]jsonRow, 0, len(rows))
	for _, r := range rows {
		all = append(all, jsonRow{r.ID, r.Title, r.Class, r.Kind.String(), r.bare, r.protected, r.request})
	}
	return all
}

// printRows prints the attacks, the ordinary uses that do not work, and how
// many there are of each.
func (g *globals) printRows(rows []row) error {
	w := g.process.Stdout
	var t table
	t.add("", "BARE", "PROTECTED")
	t.paintLast(func(_ int, cell string) string { return g.paint(cell, faint) })
	stopped, through, works, ordinary := 0, 0, 0, 0
	class := ""
	for _, r := range rows {
		switch {
		case r.Kind == attacks.Ordinary:
			ordinary++
			if r.protected == cellWorks {
				works++
				continue
			}
		case passed(r.protected):
			through++
		default:
			stopped++
		}
		if r.Class != class {
			class = r.Class
			t.add(class)
			t.paintLast(func(_ int, cell string) string { return g.paint(cell, bold) })
		}
		t.add("  "+r.Title, r.bare, r.protected)
		t.paintLast(g.paintCell(r.Kind))
	}
	if err := t.print(w, ""); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%d attacks: %d stopped, %d got through. %d of %d ordinary uses work through the gate.\n",
		stopped+through, stopped, through, works, ordinary)
	return err
}

// paintCell makes what is well green and what is not red.
func (g *globals) paintCell(kind attacks.Kind) func(column int, cell string) string {
	return func(column int, cell string) string {
		stopped := strings.HasPrefix(cell, refusedBy) || strings.HasPrefix(cell, stoppedBy) || cell == cellFailed
		switch {
		case column == 0:
			return cell
		case cell == cellWorks, stopped && kind == attacks.Attack:
			return g.paint(cell, green)
		}
		return g.paint(cell, red)
	}
}

// compare names every cell that is worse than the golden file's, and every case
// that is in one of the two alone. With a rung switched off only ordinary uses,
// and attacks on the bare shop, are held to it.
func compare(rows []row, golden string, without bool) []string {
	pinned := make(map[string][]string)
	var order []string
	for line := range strings.Lines(golden) {
		if id, cells, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t"); ok {
			pinned[id], order = strings.Split(cells, "\t"), append(order, id)
		}
	}
	var worse []string
	for _, r := range rows {
		want, ok := pinned[r.ID]
		if delete(pinned, r.ID); !ok || len(want) != 2 {
			worse = append(worse, r.ID+" is not in the golden file")
		}
		if w := r.worse(want, without); w != "" {
			worse = append(worse, w)
		}
	}
	for _, id := range order {
		if _, left := pinned[id]; left {
			worse = append(worse, id+" stands in the golden file and was not tried")
		}
	}
	return worse
}

// worse says what is worse about the row than want, its cells in the golden
// file; empty where nothing is.
func (r row) worse(want []string, without bool) string {
	refused := strings.HasPrefix(r.protected, refusedBy)
	switch {
	case r.Kind == attacks.Ordinary && r.bare != cellWorks:
		return fmt.Sprintf("ordinary use %s is %s on the bare shop", r.ID, r.bare)
	case r.Kind == attacks.Ordinary && r.protected != cellWorks:
		return fmt.Sprintf("ordinary use %s is %s behind the gate: %s%s", r.ID, r.protected, r.words, r.explain())
	case r.Kind == attacks.Ordinary:
		return ""
	case r.bare != cellSucceeded:
		return fmt.Sprintf("attack %s no longer works on the bare shop: %s", r.ID, r.bare)
	case refused && r.protected == refusedBy+nobodyKnown:
		return fmt.Sprintf("attack %s was refused, and the gate has no event of request %q", r.ID, r.request)
	case !without && len(want) == 2 && passed(r.protected) && !passed(want[1]):
		return fmt.Sprintf("attack %s got through; it used to be %s", r.ID, want[1])
	case !without && len(want) == 2 && r.protected == cellThrough && want[1] == cellTold:
		return fmt.Sprintf("attack %s got through, and no event tells of it any more", r.ID)
	case !without && len(want) == 2 && !refused && strings.HasPrefix(want[1], refusedBy):
		return fmt.Sprintf("attack %s %s by itself; it used to be %s", r.ID, r.protected, want[1])
	}
	return ""
}

// passed reports whether the cell says that the attack got through.
func passed(cell string) bool { return cell == cellThrough || cell == cellTold }

func (r row) explain() string {
	if r.request == "" {
		return ""
	}
	return " (request " + r.request + ")"
}
