package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatehousehq/gatehouse/benchmarks/measure"
)

// What the issue asks of Gatehouse.
const (
	askedRatio    = 1.5  // of the plain Go proxy's CPU
	askedIdleMore = 25.0 // MB beyond the plain Go proxy's
)

type report struct {
	options
	machine string
	busy    float64 // the load average before the start
	peers   []string
	// versions, turns and memory are by peer.
	versions map[string]string
	turns    map[string][]turn
	memory   map[string]memoryUse
}

func medianOf(turns []turn, of func(turn) float64) float64 {
	var values []float64
	for _, t := range turns {
		values = append(values, of(t))
	}
	return measure.Median(values)
}

// ratio is the median over the rounds of what name took against what to took.
func (r *report) ratio(name, to string, of func(turn) float64) (float64, bool) {
	values := r.ratios(name, to, of)
	if len(values) == 0 {
		return 0, false
	}
	return measure.Median(values), true
}

// ratios are one a round; none where one of the two was not measured.
func (r *report) ratios(name, to string, of func(turn) float64) (values []float64) {
	base := r.turns[to]
	if len(base) != len(r.turns[name]) {
		return nil
	}
	for i, t := range r.turns[name] {
		values = append(values, of(t)/of(base[i]))
	}
	return values
}

// spread says how far apart the rounds were.
func (r *report) spread(to string) string {
	values := r.ratios(ours, to, turn.cost)
	return fmt.Sprintf("%.2f to %.2f by round", slices.Min(values), slices.Max(values))
}

func (r *report) markdown() string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s\n\n", r.machine)
	out.WriteString(measure.Disturbed(r.busy))
	for _, name := range r.peers {
		fmt.Fprintf(&out, "- %s: %s\n", name, r.versions[name])
	}
	if len(r.turns) > 0 {
		r.loadTable(&out)
	}
	if len(r.memory) > 0 {
		r.memoryTable(&out)
	}
	return out.String()
}

func (r *report) loadTable(out *strings.Builder) {
	fmt.Fprintf(out, "\n%d TLS connections with keep-alive, %d rounds of %s each, medians. CPU is of the proxy's processes, user and system.\n\n", r.connections, r.rounds, r.duration)
	fmt.Fprintf(out, "| | CPU a request | of the plain Go proxy's | of the pooled one's | requests a second | of the plain Go proxy's | p50 | p99 |\n|---|---|---|---|---|---|---|---|\n")
	for _, name := range r.peers {
		turns := r.turns[name]
		fmt.Fprintf(out, "| %s | %.1f µs | %s | %s | %.0f | %s | %.1f ms | %.1f ms |\n", name,
			medianOf(turns, turn.cost), r.ratioText(name, plain, turn.cost), r.ratioText(name, pooled, turn.cost),
			medianOf(turns, turn.rate), r.ratioText(name, plain, turn.rate),
			medianOf(turns, func(t turn) float64 { return float64(t.P50) / 1000 }), medianOf(turns, func(t turn) float64 { return float64(t.P99) / 1000 }))
	}
	if ratio, ok := r.ratio(ours, plain, turn.cost); ok {
		fmt.Fprintf(out, "\nAsked: at most %.2f times the plain Go proxy's CPU. Measured: %.2f (%s), %s.\n", askedRatio, ratio, r.spread(plain), measure.Verdict(ratio <= askedRatio))
	}
	if ratio, ok := r.ratio(ours, pooled, turn.cost); ok {
		fmt.Fprintf(out, pooledNote, ratio, r.spread(pooled))
	}
}

// pooledNote keeps a reader from taking the ratio above for the rungs' cost.
const pooledNote = `
That is not what the rungs cost: the plain proxy makes a copy buffer of 32 KiB for each answer, and Gatehouse uses its buffers again. Against the same proxy with its buffers pooled, Gatehouse takes %.2f times the CPU (%s).
`

func (r *report) ratioText(name, to string, of func(turn) float64) string {
	ratio, ok := r.ratio(name, to, of)
	if !ok {
		return "–"
	}
	return fmt.Sprintf("%.2f", ratio)
}

func (r *report) memoryTable(out *strings.Builder) {
	gb := float64(r.transfer) / (1 << 30)
	fmt.Fprintf(out, "\nResident memory of the proxy's processes in MB, each figure of a fresh process; of transfers of %.3g GiB the highest.\n\n", gb)
	fmt.Fprintf(out, "| | at the start | %d idle TLS connections | upload | upload as a form | download |\n|---|---|---|---|---|---|\n", r.idle)
	for _, name := range r.peers {
		m := r.memory[name]
		fmt.Fprintf(out, "| %s | %.1f | %.1f | %.1f (%s) | %.1f (%s) | %.1f (%s) |\n", name, measure.MB(m.Start), measure.MB(m.Idle),
			measure.MB(m.Upload), measure.Speed(r.transfer, m.UploadIn), measure.MB(m.FormUpload), measure.Speed(r.transfer, m.FormUploadIn), measure.MB(m.Download), measure.Speed(r.transfer, m.DownIn))
	}
	us, both := r.memory[ours]
	base, ok := r.memory[plain]
	if both && ok {
		more := measure.MB(us.Idle - base.Idle)
		fmt.Fprintf(out, "\nAsked: at most %.0f MB more than the plain Go proxy at %d idle connections. Measured: %.1f MB, %s.\n", askedIdleMore, r.idle, more, measure.Verdict(more <= askedIdleMore))
	}
}

var section = measure.Section{Name: "http", Title: "HTTP: what a request costs"}
