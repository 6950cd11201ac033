package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
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

// describeMachine says where the figures are from.
func describeMachine() string {
	model := "unknown CPU"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		kernel = []byte("unknown")
	}
	collector := ""
	if set := os.Getenv("GOGC"); set != "" {
		collector = "; GOGC=" + set + " for every Go process"
	}
	return fmt.Sprintf("%s, %d cores shared by load, proxy and backend; %s%s; Linux %s; %s",
		model, runtime.NumCPU(), runtime.Version(), collector, bytes.TrimSpace(kernel), time.Now().UTC().Format(time.DateOnly))
}

// loadAverage is of the last minute; zero where it cannot be read.
func loadAverage() float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(text), " ")
	load, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return 0
	}
	return load
}

func median(values []float64) float64 {
	slices.Sort(values)
	middle := len(values) / 2
	if len(values)%2 == 1 {
		return values[middle]
	}
	return (values[middle-1] + values[middle]) / 2
}

func medianOf(turns []turn, of func(turn) float64) float64 {
	var values []float64
	for _, t := range turns {
		values = append(values, of(t))
	}
	return median(values)
}

// ratio is the median over the rounds of what name took against what to took.
func (r *report) ratio(name, to string, of func(turn) float64) (float64, bool) {
	values := r.ratios(name, to, of)
	if len(values) == 0 {
		return 0, false
	}
	return median(values), true
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
	if r.busy > 0.5 {
		fmt.Fprintf(&out, "Other work ran on the machine (load average %.2f before the start): rounds differ, and these figures give an order of magnitude.\n\n", r.busy)
	}
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
		fmt.Fprintf(out, "\nAsked: at most %.2f times the plain Go proxy's CPU. Measured: %.2f (%s), %s.\n", askedRatio, ratio, r.spread(plain), verdict(ratio <= askedRatio))
	}
	if ratio, ok := r.ratio(ours, pooled, turn.cost); ok {
		fmt.Fprintf(out, pooledNote, ratio, r.spread(pooled))
	}
}

// pooledNote keeps a reader from taking the ratio above for the rungs' cost.
const pooledNote = `
That is not what the rungs cost: the plain proxy makes a copy buffer of 32 KiB for each answer, and Gatehouse uses its buffers again. Against the same proxy with its buffers pooled, Gatehouse takes %.2f times the CPU (%s).
`

func verdict(met bool) string {
	if met {
		return "met"
	}
	return "**missed**"
}

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
		fmt.Fprintf(out, "| %s | %.1f | %.1f | %.1f (%s) | %.1f (%s) | %.1f (%s) |\n", name, mb(m.Start), mb(m.Idle),
			mb(m.Upload), speed(r.transfer, m.UploadIn), mb(m.FormUpload), speed(r.transfer, m.FormUploadIn), mb(m.Download), speed(r.transfer, m.DownIn))
	}
	us, both := r.memory[ours]
	base, ok := r.memory[plain]
	if both && ok {
		more := mb(us.Idle - base.Idle)
		fmt.Fprintf(out, "\nAsked: at most %.0f MB more than the plain Go proxy at %d idle connections. Measured: %.1f MB, %s.\n", askedIdleMore, r.idle, more, verdict(more <= askedIdleMore))
	}
}

func speed(n int64, in time.Duration) string {
	return fmt.Sprintf("%.0f MB/s", float64(n)/1e6/in.Seconds())
}

const (
	sectionBegin = "<!-- http: written by go run ./http -->\n"
	sectionEnd   = "<!-- http: end -->\n"
)

// writeSection puts text into the file in place of what a former run wrote.
func writeSection(file, text string) error {
	old, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		old, err = []byte("# Results\n\n## HTTP: what a request costs\n\n"+sectionBegin+sectionEnd), nil
	}
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(old), sectionBegin)
	_, after, ended := strings.Cut(rest, sectionEnd)
	if !ok || !ended {
		return fmt.Errorf("%s has no section between %q and %q", file, sectionBegin, sectionEnd)
	}
	return os.WriteFile(file, []byte(before+sectionBegin+text+sectionEnd+after), 0o644)
}
