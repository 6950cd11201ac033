package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatehousehq/gatehouse/benchmarks/measure"
)

// What design asks of the gate beside the bare relay.
const (
	askedRate    = 0.85 // of its throughput
	askedLatency = 1.3  // times the latency that it adds
	askedCost    = 15.0 // µs of CPU a statement beyond its own
	askedMemory  = 10.0 // MB beyond idle
	// telling is the least that the relay must add to the latency of the bare
	// server for a ratio of additions to say anything.
	telling = 0.1
)

type report struct {
	options
	machine, server string
	busy            float64 // the load average before the start
	peers           []peer
	loads           []load
	turns           turns
	memory          map[string][]memoryUse
}

// A comparison is one figure a round.
type comparison []float64

func (c comparison) median() float64 { return measure.Median(slices.Clone(c)) }

// text gives the median and how far the rounds are apart.
func (c comparison) text(format string) string {
	if len(c) == 0 {
		return "–"
	}
	one := fmt.Sprintf(format, c.median())
	if len(c) == 1 {
		return one + " (one round)"
	}
	return fmt.Sprintf("%s (%s to %s)", one, fmt.Sprintf(format, slices.Min(c)), fmt.Sprintf(format, slices.Max(c)))
}

// verdict says whether a goal was met by the median, and by how many rounds
// where not all agree.
func (c comparison) verdict(meets func(float64) bool) string {
	if len(c) == 0 {
		return "–"
	}
	met := 0
	for _, v := range c {
		if meets(v) {
			met++
		}
	}
	word := measure.Verdict(meets(c.median()))
	if met != 0 && met != len(c) {
		word += fmt.Sprintf(", in %d rounds of %d", met, len(c))
	}
	return word
}

// compare gives of each round what f makes of the turns of these peers; none
// where one of them had no turn.
func (r *report) compare(l load, f func(t []turn) float64, names ...string) comparison {
	var c comparison
	for round := range r.rounds {
		var t []turn
		for _, name := range names {
			if all := r.turns[l][name]; round < len(all) {
				t = append(t, all[round])
			}
		}
		if len(t) == len(names) {
			c = append(c, f(t))
		}
	}
	return c
}

func (r *report) rate(l load, name string) comparison {
	return r.compare(l, func(t []turn) float64 { return t[0].TPS / t[1].TPS }, name, relay)
}

func (r *report) more(l load, name string) comparison {
	return r.compare(l, func(t []turn) float64 { return t[0].cost() - t[1].cost() }, name, relay)
}

// added is how many times what the relay adds to the server's latency the peer
// does; none where the relay adds too little to tell.
func (r *report) added(l load, name string) comparison {
	enough := r.compare(l, func(t []turn) float64 { return t[0].Average.Seconds()/t[1].Average.Seconds() - 1 }, relay, direct)
	if len(enough) == 0 || enough.median() < telling {
		return nil
	}
	return r.compare(l, func(t []turn) float64 {
		return (t[0].Average - t[2].Average).Seconds() / (t[1].Average - t[2].Average).Seconds()
	}, name, relay, direct)
}

func (r *report) markdown() string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s\n\n%s", r.machine, measure.Disturbed(r.busy))
	for _, p := range r.peers {
		fmt.Fprintf(&out, "- %s: %s\n", p.name, p.about)
	}
	fmt.Fprintf(&out, "- server and load: %s, scale %d, unlogged tables, TCP by loopback, no TLS\n", r.server, r.scale)
	if len(r.turns) > 0 {
		r.goals(&out)
		r.table(&out)
	}
	if len(r.memory) > 0 {
		r.memoryTable(&out)
	}
	return out.String()
}

func (r *report) goals(out *strings.Builder) {
	fmt.Fprintf(out, "\nThe gate beside the bare relay: medians of %d rounds, each peer for %s in each, by turns; in brackets the lowest and the highest round. "+
		"Asked: throughput at least %.2f of the relay's, at most %.1f times the latency that the relay adds to the bare server, at most %.0f µs of CPU a statement beyond the relay's.\n\n",
		r.rounds, r.duration, askedRate, askedLatency, askedCost)
	out.WriteString("| | throughput, of the relay's | | latency added, of the relay's | | CPU a statement beyond the relay's | |\n|---|---|---|---|---|---|---|\n")
	for _, l := range r.loads {
		rate, added, more := r.rate(l, ours), r.added(l, ours), r.more(l, ours)
		fmt.Fprintf(out, "| %s | %s | %s | %s | %s | %s | %s |\n", l.words(),
			rate.text("%.2f"), rate.verdict(func(v float64) bool { return v >= askedRate }),
			added.text("%.2f"), added.verdict(func(v float64) bool { return v <= askedLatency }),
			more.text("%.1f µs"), more.verdict(func(v float64) bool { return v <= askedCost }))
	}
	fmt.Fprintf(out, "\n–: the relay adds less than %.0f %% to the bare server's latency, which tells nothing.\n", telling*100)
}

func (r *report) table(out *strings.Builder) {
	out.WriteString("\nAll of them. Latency is of a transaction (one statement in select-only, seven in TPC-B); CPU is of the process in between, user and system.\n\n" +
		"| | | transactions a second | of the relay's | average | p99 | latency added, of the relay's | CPU a statement |\n|---|---|---|---|---|---|---|---|\n")
	for _, l := range r.loads {
		words := l.words()
		for _, p := range r.peers {
			if len(r.turns[l][p.name]) == 0 {
				continue
			}
			cost := "–"
			if p.command != nil {
				cost = r.compare(l, func(t []turn) float64 { return t[0].cost() }, p.name).text("%.1f µs")
			}
			added := "–"
			if p.name != direct && p.name != relay {
				added = r.added(l, p.name).text("%.2f")
			}
			fmt.Fprintf(out, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", words, p.name,
				r.compare(l, func(t []turn) float64 { return t[0].TPS }, p.name).text("%.0f"),
				r.rate(l, p.name).text("%.2f"),
				r.compare(l, func(t []turn) float64 { return t[0].Average.Seconds() * 1e3 }, p.name).text("%.2f ms"),
				r.compare(l, func(t []turn) float64 { return t[0].P99.Seconds() * 1e3 }, p.name).text("%.1f ms"),
				added, cost)
			words = ""
		}
	}
}

func (r *report) memoryTable(out *strings.Builder) {
	fmt.Fprintf(out, "\nResident memory in MB while %.3g GiB of rows of %d bytes pass through one session, beyond the same fresh process with that session idle.\n\n",
		float64(r.transfer)/(1<<30), rowBytes)
	out.WriteString("| | idle |")
	for _, t := range transfers {
		fmt.Fprintf(out, " %s |", t.name)
	}
	out.WriteString("\n|---|---|" + strings.Repeat("---|", len(transfers)) + "\n")
	for _, p := range r.peers {
		uses := r.memory[p.name]
		if len(uses) == 0 {
			continue
		}
		fmt.Fprintf(out, "| %s | %.1f |", p.name, measure.MB(uses[0].idle))
		for _, u := range uses {
			fmt.Fprintf(out, " +%.1f (%s) |", measure.MB(u.highest-u.idle), measure.Speed(r.transfer, u.took))
		}
		out.WriteString("\n")
	}
	if uses := r.memory[ours]; len(uses) > 0 {
		most := 0.0
		for _, u := range uses {
			most = max(most, measure.MB(u.highest-u.idle))
		}
		fmt.Fprintf(out, "\nAsked: at most %.0f MB more than idle. Measured: %.1f MB, %s.\n", askedMemory, most, measure.Verdict(most <= askedMemory))
	}
}
