package main

import (
	"fmt"
	"strings"

	"github.com/gatehousehq/gatehouse/benchmarks/measure"
)

type measured struct {
	load     float64
	costs    []*cost
	redis    *shared
	memory   tracked
	programs []*program
}

// asked of the memory of a million addresses.
const askedMB = 200

func (m *measured) markdown(o options) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n%s", measure.Machine(""), measure.Disturbed(m.load))
	fmt.Fprintf(&b, "In process, one request after the other; medians of %d rounds, interleaved. The middleware verifies the same tokens, reads one claim, and counts nothing.\n\n", o.rounds)
	b.WriteString("| | takes | allocations | asked |\n|---|---:|---:|---|\n")
	for _, c := range m.costs {
		c.line(&b)
	}
	if m.redis == nil {
		b.WriteString("\nRedis is not installed: limits that several gates share are not measured.\n")
	} else {
		m.redis.line(&b)
		fmt.Fprintf(&b, "\nWith Redis (%s, on the same machine) a request takes %.2f round trips. Asked: at most 1: %s.\n",
			strings.Join(strings.Fields(m.redis.version)[:3], " "), m.redis.trips, measure.Verdict(m.redis.trips <= 1))
	}
	fmt.Fprintf(&b, "\n%d addresses that are counted take %.1f MB; after as many more, of which the older ones make room, %d are held in %.1f MB. Asked: at most %d MB for 1,000,000: %s.\n\n",
		m.memory.keys, measure.MB(m.memory.bytes), m.memory.held, measure.MB(m.memory.double), askedMB, measure.Verdict(measure.MB(max(m.memory.bytes, m.memory.double)) <= askedMB))
	m.programsTable(&b, o)
	return b.String()
}

func (c *cost) line(b *strings.Builder) {
	took, asked := measure.Median(c.took), ""
	if c.goal > 0 {
		asked = fmt.Sprintf("≤ %.0f µs, ≤ %.0f: %s", float64(c.goal)/1e3, c.allocations, measure.Verdict(took <= float64(c.goal) && c.allocs < c.allocations+0.5))
	}
	fmt.Fprintf(b, "| %s | %.2f µs | %.1f | %s |\n", c.name, took/1e3, c.allocs, asked)
}

func (m *measured) programsTable(b *strings.Builder, o options) {
	fmt.Fprintf(b, "Whole programs before one backend, plain HTTP, %d connections with keep-alive, one RS256 token; CPU of the process a request, user and system, medians of %d turns of %s. The difference is what it costs to know who asks. Gatehouse runs with every rung as it is shipped, counts how often the client asks, and signs who it is for the backend.\n\n", connections, o.rounds, o.turn)
	b.WriteString("| | at a path that needs no token | with the token | difference |\n|---|---:|---:|---:|\n")
	var missing []string
	for _, p := range m.programs {
		if p.missing != "" {
			missing = append(missing, fmt.Sprintf("%s is not measured: %s\n", p.name, p.missing))
			continue
		}
		var apart []float64
		for i := range p.open {
			apart = append(apart, p.known[i]-p.open[i])
		}
		difference := measure.Median(apart)
		fmt.Fprintf(b, "| %s | %.1f µs | %.1f µs | %.1f µs (%.1f to %.1f) |\n", p.name, measure.Median(p.open), measure.Median(p.known), difference, apart[0], apart[len(apart)-1])
	}
	for _, line := range missing {
		fmt.Fprintf(b, "\n%s", line)
	}
}
