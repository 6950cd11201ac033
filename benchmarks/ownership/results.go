package main

import (
	"fmt"
	"strings"

	"github.com/gatehousehq/gatehouse/benchmarks/measure"
)

type measured struct {
	load  float64
	costs []*cost
	asked []*ask
}

// askedMicroseconds is what a rule by a field may cost, at the whole program.
const askedMicroseconds = 30

func (m *measured) markdown(o options) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n%s", measure.Machine("load, gate and backend"), measure.Disturbed(m.load))
	fmt.Fprintf(&b, "In process, one after the other; medians of %d rounds, interleaved, with the lowest and the highest.\n\n", o.rounds)
	b.WriteString("| | takes | allocations | asked |\n|---|---:|---:|---|\n")
	for _, c := range m.costs {
		took, goal := measure.Median(c.took), ""
		if c.goal > 0 {
			goal = fmt.Sprintf("≤ %.0f µs: %s", float64(c.goal)/1e3, measure.Verdict(took <= float64(c.goal)))
		}
		fmt.Fprintf(&b, "| %s | %.2f µs (%.2f to %.2f) | %.1f | %s |\n", c.name, took/1e3, c.took[0]/1e3, c.took[len(c.took)-1]/1e3, c.allocs, goal)
	}
	m.programsTable(&b, o)
	return b.String()
}

func (m *measured) programsTable(b *strings.Builder, o options) {
	fmt.Fprintf(b, "\nWhole programs, plain HTTP, %d connections with keep-alive, answers of 10 KB of JSON, a token that was seen before; CPU of a request, user and system, medians of %d turns of %s. The check by hand decodes the answer into a struct and compares, in the backend. What it costs is beside the same request without it, of the same rounds, gate and backend together, with the lowest and the highest.\n\n", connections, o.rounds, o.turn)
	b.WriteString("| | proxy or gate | backend | the check costs | together, to without |\n|---|---:|---:|---:|---:|\n")
	field := 0.0
	for i, a := range m.asked {
		apart, ratio := "–", "1.00"
		if a.beside != i {
			costs, ratios := compared(a, m.asked[a.beside])
			middle := measure.Median(costs)
			apart = fmt.Sprintf("%.1f µs (%.1f to %.1f)", middle, costs[0], costs[len(costs)-1])
			ratio = fmt.Sprintf("%.2f", measure.Median(ratios))
			if a.path == "/field/" && a.method == "GET" {
				field = middle
			}
		}
		fmt.Fprintf(b, "| %s | %s | %.1f µs | %s | %s |\n", a.name, own(a), median(a.backend), apart, ratio)
	}
	fmt.Fprintf(b, "\nAsked of a rule by a field: at most %d µs on top of the proxy. Measured, at the whole program: %.1f µs, %s.\n",
		askedMicroseconds, field, measure.Verdict(field <= askedMicroseconds))
}

// own is the CPU of what stands before the backend.
func own(a *ask) string {
	if median(a.gate) == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f µs", median(a.gate))
}

// median leaves the rounds in their order.
func median(values []float64) float64 { return measure.Median(append([]float64(nil), values...)) }

func compared(a, beside *ask) (costs, ratios []float64) {
	for i := range a.gate {
		mine, theirs := a.gate[i]+a.backend[i], beside.gate[i]+beside.backend[i]
		costs, ratios = append(costs, mine-theirs), append(ratios, mine/theirs)
	}
	return costs, ratios
}
