package sink

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/store"
)

// A ReportQuery selects what Report counts. The zero value selects all that
// the store has kept.
type ReportQuery struct {
	// Since leaves out earlier days (UTC); the day that it is in counts whole.
	Since time.Time
	Rung  string
	// Outcomes, where not empty, are those counted.
	Outcomes []gatehouse.Outcome
}

// A ReportLine is the decisions of one kind.
type ReportLine struct {
	Outcome gatehouse.Outcome `json:"outcome"`
	Rung    string            `json:"rung"`
	Rule    string            `json:"rule"`
	// Route and Field are "(other)" for those above 2,000 kinds in a day.
	Route string `json:"route"`
	Field string `json:"field"`
	// Requests is exact, floods included.
	Requests uint64 `json:"requests"`
	// Clients is how many different clients they came from: exact up to 4,096,
	// then an estimate (standard error 1.6 percent).
	Clients      uint64 `json:"clients"`
	ClientsExact bool   `json:"clients_exact"`
	// First and Last are when the first and last of them was.
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	// Example is the identifier of one of the requests, for `explain`.
	Example string `json:"example"`
}

// Report counts decisions from what the store keeps, the most frequent first.
// [Log.Flush] brings the store up to date; else it lags by up to five seconds.
// Damaged records are left out, and told by a *[Damaged] beside the lines.
func Report(ctx context.Context, s store.Store, q ReportQuery) ([]ReportLine, error) {
	from := ""
	if !q.Since.IsZero() {
		from = q.Since.UTC().Format(day)
	}
	sums := map[tallyOf]*count{}
	damaged := 0
	for r, err := range s.Scan(ctx, store.Query{Kind: tallyKind, After: from}) {
		if err != nil {
			return nil, fmt.Errorf("reading the report's counts: %w", err)
		}
		c, err := readCount(r)
		if err != nil {
			damaged++
			continue
		}
		if q.Rung != "" && c.Rung != q.Rung || len(q.Outcomes) > 0 && !slices.Contains(q.Outcomes, c.Outcome) {
			continue
		}
		of := c.tallyOf
		of.Day = ""
		if sum := sums[of]; sum != nil {
			sum.merge(c)
		} else {
			sums[of] = c
		}
	}
	lines := reportLines(sums)
	if damaged > 0 {
		return lines, &Damaged{Records: damaged}
	}
	return lines, nil
}

func reportLines(sums map[tallyOf]*count) []ReportLine {
	lines := make([]ReportLine, 0, len(sums))
	for of, c := range sums {
		clients, exact := c.clients.count()
		lines = append(lines, ReportLine{
			Outcome: of.Outcome, Rung: of.Rung, Rule: of.Rule, Route: of.Route, Field: of.Field,
			Requests: c.Requests, Clients: clients, ClientsExact: exact, First: c.First, Last: c.Last, Example: c.Example,
		})
	}
	slices.SortFunc(lines, func(a, b ReportLine) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), cmp.Compare(a.Rung, b.Rung), cmp.Compare(a.Rule, b.Rule),
			cmp.Compare(a.Route, b.Route), cmp.Compare(a.Field, b.Field), cmp.Compare(a.Outcome, b.Outcome))
	})
	return lines
}
