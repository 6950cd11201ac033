package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatehousehq/gatehouse/benchmarks/measure"
)

func markdown(o options, load float64, version string, cells []*cell) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s; PostgreSQL %s\n\n%s", measure.Machine("load, gate and PostgreSQL"), version, measure.Disturbed(load))
	fmt.Fprintf(&b, "The whole program with every rung as it is shipped, while a request of the user's is in flight: one connection, one statement after the other, %d orders of %d people. Medians of %d turns of %s, by turns; in brackets the lowest and the highest. CPU is of the gate and of the database's process. What it costs is beside the gate without, of the same round: the principal is told by a statement of the gate's own before the client's, in one message, and the policy reads what that left.\n", orders*people, people, o.rounds, o.turn)
	for _, protocol := range protocols {
		fmt.Fprintf(&b, "\n| %s protocol | | p50 | mean | CPU, gate | CPU, PostgreSQL | costs, p50 | costs, CPU together |\n|---|---|---:|---:|---:|---:|---:|---:|\n", protocol)
		for i, c := range cells {
			if c.protocol != protocol {
				continue
			}
			name := ""
			if i == 0 || cells[i-1].statement != c.statement || cells[i-1].protocol != protocol {
				name = c.statement
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", name, c.peer, median(c.p50), median(c.mean), median(c.gate), median(c.server), beside(cells, c))
		}
	}
	return b.String()
}

func median(values []float64) string {
	if m := measure.Median(slices.Clone(values)); m > 0 {
		return fmt.Sprintf("%.0f µs", m)
	}
	return "–"
}

// beside compares what tells the principal with the gate that does not.
func beside(cells []*cell, c *cell) string {
	at := slices.IndexFunc(cells, func(o *cell) bool {
		return o.statement == c.statement && o.protocol == c.protocol && o.peer == "Gatehouse"
	})
	without := cells[at]
	if c == without || slices.Max(c.gate) == 0 {
		return "– | –"
	}
	var latency, cpu []float64
	for i := range c.p50 {
		latency = append(latency, c.p50[i]-without.p50[i])
		cpu = append(cpu, c.gate[i]+c.server[i]-without.gate[i]-without.server[i])
	}
	return span(latency) + " | " + span(cpu)
}

func span(values []float64) string {
	middle := measure.Median(values) // sorts them
	return fmt.Sprintf("%.0f µs (%.0f to %.0f)", middle, values[0], values[len(values)-1])
}
