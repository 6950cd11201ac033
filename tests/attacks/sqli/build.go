package sqli

import (
	"fmt"
	"slices"
	"strings"
)

// version is part of every seed. Another one is another corpus.
const version = "gatehouse-sqli-1"

// ordinaryStatements is how many a site has.
const ordinaryStatements = 24

// heldContexts are wholly held out.
var heldContexts = [...]string{"json", "update"}

// A place is a site ready to be attacked.
type place struct {
	Site
	site  site
	hole  hole
	shape string
}

// allSites are PostgreSQL's.
func allSites() []site { return slices.Concat(whereSites[:], clauseSites[:], writeSites[:]) }

// places prepares the sites of a split.
func places(split string) ([]place, error) {
	var found []place
	number := map[string]int{}
	for _, s := range allSites() {
		n := number[s.context]
		number[s.context]++
		if splitOf(s.context, n) != split {
			continue
		}
		p, err := prepare(s, fmt.Sprintf("%s-%d", s.context, n))
		if err != nil {
			return nil, err
		}
		found = append(found, p)
	}
	return found, nil
}

func splitOf(context string, n int) string {
	switch {
	case slices.Contains(heldContexts[:], context):
		return "held-context"
	case n%2 == 1:
		return "held-seed"
	}
	return "dev"
}

func prepare(s site, id string) (place, error) {
	p := place{Site: Site{ID: id, Context: s.context, Template: s.sql}, site: s, hole: s.attacked()}
	d := newDice(true, version, "ordinary", id)
	for range ordinaryStatements {
		sql, _ := d.fill(s.sql, d.ordinary(p.hole.kind))
		p.Ordinary = append(p.Ordinary, sql)
	}
	var err error
	p.shape, err = shape(p.Ordinary[0], p.choosesNames())
	if err != nil {
		return place{}, fmt.Errorf("parsing the ordinary statement %s of %s: %w", p.Ordinary[0], id, err)
	}
	return p, nil
}

// choosesNames says that the application lets a client choose a column, so that
// another one is no attack.
func (p place) choosesNames() bool { return p.Context == "order-by" || p.Context == "identifier" }

// A Count is how a cell of the table came about.
type Count struct {
	Context, Transform string
	Counted            int
	// Broken did not parse, Same parsed as the benign statement does, Impossible
	// could not be sent through the transformation; none of them is in the
	// corpus.
	Broken, Same, Impossible int
}

// wanted is how many cases a cell of a split has.
func wanted(split, transform string) int {
	n := map[string]int{"dev": 100, "held-seed": 80, "held-context": 150}[split]
	switch transform {
	case "none":
		return 3 * n
	case "truncate", "base64":
		return n * 3 / 2
	}
	return n
}

// Generate makes the cases of a split and says how. It is the same each time.
func Generate(split string) ([]Case, []Count, error) {
	at, err := places(split)
	if err != nil {
		return nil, nil, err
	}
	stored, counts := build(split, at)
	bySite := map[string]Site{}
	for _, p := range at {
		bySite[p.ID] = p.Site
	}
	cases := make([]Case, len(stored))
	for i, s := range stored {
		cases[i] = s.unpack(split, bySite[s.Site])
	}
	return cases, counts, nil
}

// build fills each cell of a split's table, in the table's order.
func build(split string, at []place) ([]storedCase, []Count) {
	type cell struct {
		Count
		places []place
		cases  []storedCase
	}
	var cells []*cell
	for _, context := range contexts {
		here := slices.DeleteFunc(slices.Clone(at), func(p place) bool { return p.Context != context })
		if len(here) == 0 {
			continue
		}
		for _, transform := range transforms {
			cells = append(cells, &cell{Count: Count{Context: context, Transform: transform}, places: here})
		}
	}
	for _, c := range cells {
		c.cases = c.fill(split, c.places)
	}
	var cases []storedCase
	var counts []Count
	for _, c := range cells {
		cases = append(cases, c.cases...)
		counts = append(counts, c.Count)
	}
	return cases, counts
}

// attempts bounds what a cell tries for each case.
const attempts = 150

func (n *Count) fill(split string, at []place) (cases []storedCase) {
	want := wanted(split, n.Transform)
	d := newDice(split != "dev", version, split, n.Context, n.Transform)
	seen := map[string]bool{}
	for try := 0; try < want*attempts && len(cases) < want; try++ {
		c, ok := n.attempt(d, at[try%len(at)])
		if !ok || seen[c.SQL] {
			continue
		}
		seen[c.SQL] = true
		c.ID = fmt.Sprintf("%s-%s-%s-%03d", split, n.Context, n.Transform, len(cases)+1)
		cases = append(cases, c)
	}
	n.Counted = len(cases)
	return cases
}

func (n *Count) attempt(d *dice, p place) (storedCase, bool) {
	c := &craft{dice: d, site: p.site, hole: p.hole, bodies: bodies, forms: forms}
	s, ok := transformations[n.Transform](c)
	if !ok || strings.ContainsRune(s.effective, 0) {
		n.Impossible++
		return storedCase{}, false
	}
	sql, drawn := c.statement(s)
	got, err := shape(sql, p.choosesNames())
	switch {
	case err != nil:
		n.Broken++
		return storedCase{}, false
	case got == p.shape:
		n.Same++
		return storedCase{}, false
	}
	return c.record(n.Transform, p, s, sql, drawn), true
}

// statement is what the application makes of what it was sent.
func (c *craft) statement(s sent) (sql string, drawn []string) {
	at := c.site.holeAt()
	head, before := c.fill(c.site.sql[:at[0]], "")
	tail, after := c.fill(c.site.sql[at[1]+s.consumed:], "")
	return head + s.effective + tail, append(before, after...)
}

func (c *craft) record(transform string, p place, s sent, sql string, drawn []string) storedCase {
	inputs, rows := c.request(transform, s.values, drawn)
	stored := storedCase{Context: p.Context, Change: transform, Source: "generated", Site: p.ID, SQL: sql, Rows: rows}
	for _, in := range inputs {
		stored.Inputs = append(stored.Inputs, [3]string{in.Kind, in.Name, in.Value})
	}
	copy(stored.Benign[:], c.Perm(ordinaryStatements))
	return stored
}
