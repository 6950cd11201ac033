package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

func markdown(o options, found map[string]*row, a alarms, m measured) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d cores; %s; %s\n\n", cpu(), runtime.NumCPU(), runtime.Version(), time.Now().UTC().Format(time.DateOnly))
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

func cpu() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown CPU"
	}
	for line := range strings.Lines(string(text)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown CPU"
}

const (
	begins = "<!-- guard: written by go run ./guard -->\n"
	ends   = "<!-- guard: end -->\n"
)

// writeSection puts text between the marks, and the marks at the end of a file
// that has none.
func writeSection(name, text string) error {
	content, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(content), begins)
	if !ok {
		before, rest = strings.TrimRight(before, "\n")+"\n\n## The input guard\n\n", ends
	}
	_, after, ok := strings.Cut(rest, ends)
	if !ok {
		return fmt.Errorf("%s: no %q after %q", name, ends, begins)
	}
	return os.WriteFile(name, []byte(before+begins+text+ends+after), 0o644)
}
