package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/gatehousehq/gatehouse/benchmarks/measure"
)

func markdown(o options, found map[string]*row, a alarms, m measured) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", measure.Machine(""))
	fmt.Fprintf(&b, "Injections refused, of the splits %s of [the corpus](../docs/reference/sqli-corpus.md). Zen is its published algorithm, written anew for this comparison.\n\n", strings.Join(o.splits, " and "))
	b.WriteString("| the application uses its input | statements | Gatehouse, templates learned | nothing learned | Zen's algorithm |\n|---|---:|---:|---:|---:|\n")
	var sum row
	for _, t := range transforms {
		if r := found[t.name]; r != nil {
			r.line(&b, t.words)
			sum.all, sum.learned, sum.cold, sum.zen = sum.all+r.all, sum.learned+r.learned, sum.cold+r.cold, sum.zen+r.zen
		}
	}
	sum.line(&b, "all")
	fmt.Fprintf(&b, "| *ordinary statements refused* | %d | *none learned:* %d | | %d (%s) |\n\n", a.statements, a.gatehouse, a.zen, share(a.zen, a.statements))
	fmt.Fprintf(&b, "What a judgement takes, of a 300-byte statement where nothing else is said; medians, interleaved. SHA-256 of 64 KiB took %s in the same run.\n\n", short(m.reference))
	b.WriteString("| | takes | asked | allocations |\n|---|---:|---:|---:|\n")
	for _, c := range m.costs {
		asked := ""
		if c.goal > 0 {
			asked = "≤ " + short(c.goal)
			if c.took > c.goal {
				asked += ", **missed**"
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %.0f |\n", c.name, short(c.took), asked, c.allocs)
	}
	return b.String()
}

func (r *row) line(b *strings.Builder, words string) {
	fmt.Fprintf(b, "| %s | %d | %s | %s | %s |\n", words, r.all, share(r.learned, r.all), share(r.cold, r.all), share(r.zen, r.all))
}

func share(n, all int) string {
	if all == 0 {
		return "–"
	}
	// Rounded down: 100.0 % is said of all alone.
	return fmt.Sprintf("%.1f %%", float64(n*1000/all)/10)
}

func short(d time.Duration) string {
	switch {
	case d < 10*time.Microsecond:
		return fmt.Sprintf("%.1f µs", float64(d)/1e3)
	case d < time.Millisecond:
		return fmt.Sprintf("%.0f µs", float64(d)/1e3)
	}
	return fmt.Sprintf("%.1f ms", float64(d)/1e6)
}

var section = measure.Section{Name: "guard", Title: "The input guard"}
