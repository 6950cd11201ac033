// Command sql measures what a statement costs that passes the SQL gate, beside
// a bare relay, PgBouncer, and no proxy at all, one after the other in the same
// run: throughput, latency, CPU time of the process in between, and memory
// while a large result passes. It runs a PostgreSQL server of its own, speaks to
// this machine's loopback alone, reads /proc, and so runs on Linux. It wants
// pgbench and pgbouncer (scripts/setup.sh).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/gatehousehq/gatehouse/benchmarks/measure"
)

type options struct {
	rounds           int
	duration         time.Duration
	scale            int
	cells, only      string
	transfer         int64
	results          string
	short            bool
	doLoad, doMemory bool
	hold             bool
	profile          string
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "gate" {
		exitOn(serveGate(os.Args[2:]))
		return
	}
	var o options
	flag.IntVar(&o.rounds, "rounds", 3, "how often each has its turn at each load")
	flag.DurationVar(&o.duration, "duration", 2*time.Second, "how long a turn is, in whole seconds; CPU is counted after the first of them")
	flag.IntVar(&o.scale, "scale", 20, "pgbench's scale: 100,000 accounts each")
	flag.StringVar(&o.cells, "loads", "", "which loads, separated by commas, such as select/simple/8; all where not given")
	flag.StringVar(&o.only, "only", "", "names of what is measured, separated by commas; \"its SQL gate alone\" is measured only where it is named")
	flag.Int64Var(&o.transfer, "transfer", 1<<30, "bytes of a result and of a COPY for the measure of memory")
	flag.StringVar(&o.results, "results", "RESULTS.md", "the file to write the results into; none if empty")
	flag.BoolVar(&o.short, "short", false, "a first look: one round, fewer loads, no memory, no file")
	flag.BoolVar(&o.doLoad, "load", true, "measure throughput, latency and CPU")
	flag.BoolVar(&o.doMemory, "memory", true, "measure memory")
	flag.BoolVar(&o.hold, "hold", false, "start everything, say where it is, and measure nothing until Ctrl-C")
	flag.StringVar(&o.profile, "pprof", "", "with -hold: where the gate listens for go tool pprof")
	flag.Parse()
	if o.short {
		o.rounds, o.doMemory, o.results, o.scale = 1, false, "", 5
		if o.cells == "" {
			o.cells = "select/simple/8,select/prepared/64,tpcb/simple/8"
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	exitOn(run(ctx, o))
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "benchmark:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	loads, err := o.loads()
	if err != nil {
		return err
	}
	busy := measure.LoadAverage() // before building and filling add to it
	b, err := newBench(ctx, o.scale)
	if err != nil {
		return err
	}
	b.profile = o.profile
	defer func() { err = errors.Join(err, b.close()) }()
	found := b.available(o.only)
	if len(found) == 0 {
		return errors.New("there is nothing to measure")
	}
	if o.hold {
		return b.hold(ctx, found)
	}
	r := report{options: o, machine: measure.Machine("pgbench, PostgreSQL and what is in between"), busy: busy, loads: loads, server: b.version(), peers: found}
	if o.doLoad {
		if r.turns, err = b.measureLoad(ctx, found, loads, o); err != nil {
			return err
		}
	}
	if o.doMemory {
		if r.memory, err = b.measureMemory(ctx, found, o.transfer); err != nil {
			return err
		}
	}
	text := r.markdown()
	fmt.Print("\n", text)
	if o.results == "" {
		return nil
	}
	return section.Write(o.results, text)
}

var section = measure.Section{Name: "sql", Title: "SQL: what a statement costs"}

// loads are those that the options ask for.
func (o *options) loads() ([]load, error) {
	if o.rounds < 1 || o.duration < 2*time.Second || o.scale < 1 || o.transfer < 1<<20 {
		return nil, errors.New("-rounds and -scale must be above zero, -duration at least two seconds, -transfer at least a megabyte")
	}
	if o.cells == "" {
		return allLoads, nil
	}
	var chosen []load
	for _, name := range strings.Split(o.cells, ",") {
		i := slices.IndexFunc(allLoads, func(l load) bool { return l.name() == name })
		if i < 0 {
			return nil, fmt.Errorf("-loads: there is no %q", name)
		}
		chosen = append(chosen, allLoads[i])
	}
	return chosen, nil
}

// available builds each peer and starts none; what fails is said and left out.
func (b *bench) available(only string) (found []peer) {
	names := strings.Split(only, ",")
	for _, p := range peers() {
		if only == "" && p.extra || only != "" && !slices.Contains(names, p.name) {
			continue
		}
		if err := p.prepare(b, &p); err != nil {
			fmt.Printf("%s is left out: %v\n", p.name, err)
			continue
		}
		found = append(found, p)
	}
	return found
}

func (b *bench) hold(ctx context.Context, found []peer) error {
	started, stop, err := b.startAll(ctx, found, allLoads)
	if err != nil {
		return err
	}
	defer stop()
	for _, p := range found {
		host, port := started[p.name].hostPort()
		fmt.Printf("%s: pid %d\n    %s %s\n", p.name, started[p.name].pid(), strings.Join(b.environment()[:3], " "),
			strings.Join(append([]string{"pgbench", "-n", "-S", "-c", "8", "-j", "2", "-T", "30", "-P", "5"}, connection(host, port)...), " "))
	}
	<-ctx.Done()
	return nil
}
