package cli

import (
	"context"
	_ "embed"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/examples/shop/attacks"
)

// demoGolden pins what `demo --attack` prints, a case a line: what came of it on
// the bare shop and on the protected one.
//
//go:embed demo.golden
var demoGolden string

// What may come of a case, worst first for an attack on the protected shop.
const (
	cellSucceeded = "succeeded"
	cellThrough   = "got through"
	cellFailed    = "failed"
	cellWorks     = "works"
	cellBroken    = "broken"
	refusedBy     = "refused by "
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
	var rows []row
	for _, c := range attacks.All() {
		r := row{Case: c}
		bare, err := d.try(ctx, c, d.bare, http.DefaultClient)
		if err != nil {
			return err
		}
		protected, err := d.try(ctx, c, d.protected, d.client)
		if err != nil {
			return err
		}
		r.bare, r.protected = bare.cell(c.Kind, cellSucceeded), protected.cell(c.Kind, cellThrough)
		r.request, r.words = protected.RequestID, protected.Words
		rows = append(rows, r)
	}
	if err := g.printRows(rows); err != nil {
		return err
	}
	worse := compare(rows, demoGolden, len(without) > 0)
	for _, w := range worse {
		fmt.Fprintf(g.process.Stderr, "gatehouse: %s\n", w)
	}
	if len(worse) > 0 {
		return findings()
	}
	return nil
}

// A tried is a case's result, with the rung that the gate names.
type tried struct{ attacks.Result }

func (d *demo) try(ctx context.Context, c attacks.Case, base *url.URL, client *http.Client) (tried, error) {
	result, err := c.Run(ctx, &attacks.Target{Base: base, Client: client})
	if err != nil {
		return tried{result}, fmt.Errorf("demo: %s against %s: %w", c.ID, base, err)
	}
	if !result.Refused || result.RequestID == "" {
		return tried{result}, nil
	}
	found, err := d.gate.Admin().Find(ctx, result.RequestID)
	if err != nil {
		return tried{result}, err
	}
	i := slices.IndexFunc(found, func(e gatehouse.Event) bool { return e.Outcome == gatehouse.Refused })
	if i >= 0 {
		result.Rung = found[i].Rung
	}
	return tried{result}, nil
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
		return refusedBy + "nobody known"
	case kind == attacks.Ordinary:
		return cellBroken
	case t.Succeeded:
		return succeeded
	}
	return cellFailed
}

func (g *globals) printRows(rows []row) error {
	w := g.process.Stdout
	if g.JSON {
		type line struct {
			ID, Title, Class, Kind, Bare, Protected, Request string
		}
		var all []line
		for _, r := range rows {
			all = append(all, line{r.ID, r.Title, r.Class, r.Kind.String(), r.bare, r.protected, r.request})
		}
		return g.printJSON(all)
	}
	var t table
	t.add("ATTACK", "BARE", "PROTECTED")
	t.paintLast(func(_ int, cell string) string { return g.paint(cell, faint) })
	stopped, through, works, ordinary := 0, 0, 0, 0
	class := ""
	for _, r := range rows {
		if r.Kind == attacks.Ordinary {
			ordinary++
			if r.protected == cellWorks {
				works++
				continue
			}
		} else if r.protected == cellThrough {
			through++
		} else {
			stopped++
		}
		if r.Class != class {
			class = r.Class
			t.add(class)
			t.paintLast(func(_ int, cell string) string { return g.paint(cell, bold) })
		}
		t.add("  "+r.Title, r.bare, r.protected)
		t.paintLast(func(column int, cell string) string {
			if column == 0 || cell == "" {
				return cell
			}
			if strings.HasPrefix(cell, refusedBy) || cell == cellFailed {
				return g.paint(cell, green)
			}
			return g.paint(cell, red)
		})
	}
	if err := t.print(w, ""); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%d attacks: %d stopped, %d got through. %d ordinary uses: %d work through the gate.\n",
		stopped+through, stopped, through, ordinary, works)
	return err
}

// compare names every cell that is worse than the golden file's. With a rung
// switched off only ordinary uses are held to it.
func compare(rows []row, golden string, without bool) []string {
	pinned := make(map[string][]string)
	for line := range strings.Lines(golden) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(fields) == 3 {
			pinned[fields[0]] = fields[1:]
		}
	}
	var worse []string
	for _, r := range rows {
		want, ok := pinned[r.ID]
		switch {
		case r.Kind == attacks.Ordinary && r.protected != cellWorks:
			worse = append(worse, fmt.Sprintf("ordinary use %s is %s behind the gate: %s", r.ID, r.protected, r.words))
		case r.Kind == attacks.Ordinary && r.bare != cellWorks:
			worse = append(worse, fmt.Sprintf("ordinary use %s is %s on the bare shop", r.ID, r.bare))
		case !ok:
			worse = append(worse, fmt.Sprintf("%s is not in demo.golden", r.ID))
		case r.Kind == attacks.Attack && r.bare != cellSucceeded:
			worse = append(worse, fmt.Sprintf("attack %s no longer works on the bare shop: %s", r.ID, r.bare))
		case !without && r.protected == cellThrough && want[1] != cellThrough:
			worse = append(worse, fmt.Sprintf("attack %s got through; it used to be %s", r.ID, want[1]))
		}
	}
	return worse
}
