package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehousehq/gatehouse/benchmarks/measure"
)

// A load is what pgbench does in a turn.
type load struct {
	script, mode string
	clients      int
}

// scripts are pgbench's own, with how many statements a transaction has.
var scripts = map[string]struct {
	builtin, words string
	statements     int
}{
	"select": {"select-only", "select-only", 1},
	"tpcb":   {"tpcb-like", "TPC-B", 7},
}

// allLoads begins with one client alone, whose latency waits for nobody else.
var allLoads = []load{
	{"select", "simple", 1},
	{"select", "simple", 8}, {"select", "simple", 64},
	{"select", "prepared", 8}, {"select", "prepared", 64},
	{"tpcb", "simple", 8}, {"tpcb", "simple", 64},
	{"tpcb", "prepared", 8}, {"tpcb", "prepared", 64},
}

func (l load) name() string { return fmt.Sprintf("%s/%s/%d", l.script, l.mode, l.clients) }

func (l load) words() string {
	clients := fmt.Sprintf("%d clients", l.clients)
	if l.clients == 1 {
		clients = "1 client"
	}
	return fmt.Sprintf("%s, %s, %s", scripts[l.script].words, l.mode, clients)
}

// fits reports whether the peer can be put under the load.
func (l load) fits(p peer) bool { return !p.simpleOnly || l.mode == "simple" }

// A turn is one peer's under one load.
type turn struct {
	TPS          float64       // transactions a second, without the time to connect
	Average, P99 time.Duration // of a transaction
	Connecting   time.Duration // of all clients
	Statements   float64       // that CPU was counted for
	CPU          time.Duration // of the process in between
}

// cost is the CPU time of one statement, in microseconds.
func (t turn) cost() float64 { return float64(t.CPU.Nanoseconds()) / 1e3 / t.Statements }

// turns are by load and peer, one a round.
type turns map[load]map[string][]turn

// startAll starts the peers, and sends every statement of the loads once: the
// guard learns them. Then it has a request in flight.
func (b *bench) startAll(ctx context.Context, found []peer, loads []load) (_ map[string]*proxy, _ func(), err error) {
	started := map[string]*proxy{}
	stop := func() {
		for _, p := range started {
			p.stop()
		}
	}
	defer func() {
		if err != nil {
			stop()
		}
	}()
	for _, p := range found {
		proxy, err := b.start(ctx, p)
		if err != nil {
			return nil, nil, err
		}
		started[p.name] = proxy
		for _, l := range loads {
			if !l.fits(p) {
				continue
			}
			if _, err := b.pgbench(ctx, proxy, l, "-t", "20"); err != nil {
				return nil, nil, fmt.Errorf("warming up %s: %w", p.name, err)
			}
		}
		if err := proxy.begin(p); err != nil {
			return nil, nil, err
		}
	}
	return started, stop, nil
}

// measureLoad gives each peer its turn at each load in each round; who begins
// changes by round. All run all the time, and those whose turn it is not are
// idle.
func (b *bench) measureLoad(ctx context.Context, found []peer, loads []load, o options) (turns, error) {
	if _, err := lookFor("pgbench"); err != nil {
		return nil, err
	}
	started, stop, err := b.startAll(ctx, found, loads)
	if err != nil {
		return nil, err
	}
	defer stop()
	all := turns{}
	for _, l := range loads {
		all[l] = map[string][]turn{}
	}
	for round := range o.rounds {
		if err := b.execute(ctx, "vacuum pgbench_branches", "vacuum pgbench_tellers", "truncate pgbench_history", "checkpoint"); err != nil {
			return nil, err
		}
		for _, l := range loads {
			for i := range found {
				p := found[(i+round)%len(found)]
				if !l.fits(p) {
					continue
				}
				t, err := b.turn(ctx, started[p.name], l, o.duration)
				if err != nil {
					return nil, fmt.Errorf("%s under %s: %w", p.name, l.name(), err)
				}
				fmt.Printf("round %d: %-19s %-22s %7.0f transactions a second, %7.3f ms on average, %5.1f µs of CPU a statement\n",
					round+1, l.name(), p.name, t.TPS, t.Average.Seconds()*1e3, t.cost())
				all[l][p.name] = append(all[l][p.name], t)
			}
		}
	}
	return all, nil
}

// sampled is the share of transactions whose latency pgbench writes down.
const sampled = 0.2

// errConnecting: pgbench's time, which runs while its clients connect, was over
// before it did enough.
var errConnecting = errors.New("connecting took most of the time: the machine is too busy")

// turn measures for some time after the clients have connected: again, and
// longer, where that took long.
func (b *bench) turn(ctx context.Context, p *proxy, l load, length time.Duration) (t turn, err error) {
	connecting := time.Duration(0)
	for range 3 {
		if t, err = b.measure(ctx, p, l, length+2*connecting); err != nil && !errors.Is(err, errConnecting) {
			return t, err
		}
		if err == nil && t.Connecting <= max(connecting, length/4) {
			return t, nil
		}
		connecting = max(2*connecting, t.Connecting, length)
	}
	return t, cmp.Or(err, errConnecting)
}

func (b *bench) measure(ctx context.Context, p *proxy, l load, length time.Duration) (turn, error) {
	dir, err := os.MkdirTemp(b.dir, "turn-")
	if err != nil {
		return turn{}, err
	}
	defer os.RemoveAll(dir)
	r, err := b.pgbench(ctx, p, l, "-T", strconv.Itoa(int(math.Ceil(length.Seconds()))), "-P", "1",
		"-l", "--log-prefix", filepath.Join(dir, "log"), "--sampling-rate", fmt.Sprint(sampled))
	if err != nil {
		return turn{}, err
	}
	if r.since <= 0 {
		return turn{}, errConnecting
	}
	t := turn{TPS: r.tps, Connecting: r.connecting, Average: r.average, CPU: r.cpu, Statements: r.since * float64(scripts[l.script].statements)}
	t.P99, err = percentile(dir, 99)
	return t, err
}

// A result is what pgbench said, and what the process in between used after
// pgbench's first second: connecting is not what a statement costs.
type result struct {
	tps     float64
	average time.Duration
	// connecting is how long all clients together took to.
	connecting time.Duration
	since      float64 // transactions after the first second
	cpu        time.Duration
}

func (b *bench) pgbench(ctx context.Context, p *proxy, l load, more ...string) (result, error) {
	host, port := p.hostPort()
	args := append([]string{"-n", "-b", scripts[l.script].builtin, "-M", l.mode, "-c", strconv.Itoa(l.clients), "-j", strconv.Itoa(min(2, l.clients))}, more...)
	cmd := exec.CommandContext(ctx, "pgbench", append(args, connection(host, port)...)...)
	cmd.Env = b.environment()
	var out strings.Builder
	cmd.Stdout = &out
	progress, err := cmd.StderrPipe()
	if err != nil {
		return result{}, err
	}
	if err := cmd.Start(); err != nil {
		return result{}, err
	}
	first, said, err := watch(progress, p.pid())
	err = errors.Join(err, cmd.Wait())
	if err != nil {
		return result{}, fmt.Errorf("pgbench: %w: %s", err, measure.Tail(said, 5))
	}
	r, count, err := parse(out.String())
	if err != nil {
		return r, err
	}
	if first.transactions > 0 {
		r.since = count - first.transactions
	}
	if p.pid() > 0 {
		now, err := measure.RunTime(p.pid())
		if err != nil {
			return r, fmt.Errorf("it did not survive its turn: %w", err)
		}
		r.cpu = now - first.cpu
	}
	return r, nil
}

// A moment is the end of pgbench's first second.
type moment struct {
	transactions float64
	cpu          time.Duration
}

var progressLine = regexp.MustCompile(`^progress: ([0-9.]+) s, ([0-9.]+) tps`)

// watch reads what pgbench says while it runs.
func watch(progress io.Reader, pid int) (first moment, said string, err error) {
	var all strings.Builder
	lines := bufio.NewScanner(progress)
	for lines.Scan() {
		fmt.Fprintln(&all, lines.Text())
		found := progressLine.FindStringSubmatch(lines.Text())
		if found == nil || first.transactions > 0 {
			continue
		}
		if pid > 0 {
			if first.cpu, err = measure.RunTime(pid); err != nil {
				return first, all.String(), err
			}
		}
		seconds, err1 := strconv.ParseFloat(found[1], 64)
		tps, err2 := strconv.ParseFloat(found[2], 64)
		if err := errors.Join(err1, err2); err != nil {
			return first, all.String(), err
		}
		first.transactions = seconds * tps
	}
	return first, all.String(), lines.Err()
}

var (
	countLine   = regexp.MustCompile(`(?m)^number of transactions actually processed: ([0-9]+)`)
	failedLine  = regexp.MustCompile(`(?m)^number of failed transactions: ([0-9]+)`)
	averageLine = regexp.MustCompile(`(?m)^latency average = ([0-9.]+) ms`)
	connectLine = regexp.MustCompile(`(?m)^initial connection time = ([0-9.]+) ms`)
	tpsLine     = regexp.MustCompile(`(?m)^tps = ([0-9.]+) \(without initial connection time\)`)
)

// parse reads pgbench's last words. A transaction that failed is an error: all
// peers must do the same work.
func parse(said string) (r result, count float64, err error) {
	var values [5]float64
	for i, line := range []*regexp.Regexp{countLine, failedLine, averageLine, tpsLine, connectLine} {
		found := line.FindStringSubmatch(said)
		if i > 0 && values[0] == 0 {
			return r, 0, errConnecting
		}
		if found == nil {
			return r, 0, fmt.Errorf("pgbench said nothing like %v: %s", line, measure.Tail(said, 15))
		}
		if values[i], err = strconv.ParseFloat(found[1], 64); err != nil {
			return r, 0, err
		}
	}
	if values[1] > 0 {
		return r, 0, fmt.Errorf("of %.0f transactions %.0f failed", values[0], values[1])
	}
	return result{average: millis(values[2]), tps: values[3], connecting: millis(values[4])}, values[0], nil
}

func millis(n float64) time.Duration { return time.Duration(n * float64(time.Millisecond)) }

// percentile reads the latencies that pgbench has written into the folder.
func percentile(dir string, percent int) (time.Duration, error) {
	files, err := filepath.Glob(filepath.Join(dir, "log*"))
	if err != nil {
		return 0, err
	}
	var micros []int
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return 0, err
		}
		for line := range strings.Lines(string(text)) {
			fields := strings.Fields(line)
			if len(fields) < 3 {
				return 0, fmt.Errorf("pgbench logged %q", line)
			}
			n, err := strconv.Atoi(fields[2])
			if err != nil {
				return 0, fmt.Errorf("pgbench logged %q: %w", line, err)
			}
			micros = append(micros, n)
		}
	}
	if len(micros) == 0 {
		return 0, errors.New("pgbench logged no latency")
	}
	slices.Sort(micros)
	return time.Duration(micros[min(len(micros)*percent/100, len(micros)-1)]) * time.Microsecond, nil
}
