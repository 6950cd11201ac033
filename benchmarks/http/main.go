// Command http measures what a request costs in nginx, a plain Go proxy, Caddy
// and Gatehouse, one after the other in the same run: CPU time of the proxy's
// processes, throughput, latency, and memory. It speaks to this machine's
// loopback alone, reads /proc, and so runs on Linux. It wants wrk and nginx
// (scripts/setup.sh); a peer that is missing is left out with a line.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/gatehousehq/gatehouse/benchmarks/http/mix"
	"github.com/gatehousehq/gatehouse/benchmarks/measure"
)

type options struct {
	rounds                 int
	duration, warmup       time.Duration
	connections            int
	mix, script            string
	only                   string
	results                string
	idle                   int
	transfer               int64
	doLoad, doMemory, hold bool
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "backend" {
		exitOn(serveBackend(os.Args[2]))
		return
	}
	var o options
	flag.IntVar(&o.rounds, "rounds", 3, "how often each proxy has its turn")
	flag.DurationVar(&o.duration, "duration", 10*time.Second, "how long a turn is")
	flag.DurationVar(&o.warmup, "warmup", 3*time.Second, "how long each proxy is warmed up before the first turn")
	flag.IntVar(&o.connections, "connections", 64, "TLS connections with keep-alive")
	flag.StringVar(&o.mix, "mix", "", "a file of requests, each after a line with its length; made where not given")
	flag.StringVar(&o.script, "script", "", "the script that makes wrk replay -mix; mix/mix.lua where not given")
	flag.StringVar(&o.only, "only", "", "names of proxies to measure, separated by commas; all where not given")
	flag.StringVar(&o.results, "results", "RESULTS.md", "the file to write the results into; none if empty")
	flag.IntVar(&o.idle, "idle", 1000, "idle connections for the measure of memory")
	flag.Int64Var(&o.transfer, "transfer", 1<<30, "bytes of an upload and a download for the measure of memory")
	flag.BoolVar(&o.doLoad, "load", true, "measure CPU and throughput")
	flag.BoolVar(&o.doMemory, "memory", true, "measure memory")
	flag.BoolVar(&o.hold, "hold", false, "start the proxies, say where they are, and measure nothing until Ctrl-C")
	flag.Parse()
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

func run(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "gatehouse-benchmark-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := o.fill(dir); err != nil {
		return err
	}
	busy := measure.LoadAverage() // before building and warming up add to it
	b, err := newBench(ctx, dir)
	if err != nil {
		return err
	}
	defer b.close()
	peers := b.available(o.only)
	if len(peers) == 0 {
		return errors.New("there is no proxy to measure")
	}
	if o.hold {
		return b.hold(ctx, peers, o)
	}
	r := report{options: o, machine: measure.Machine("load, proxy and backend"), busy: busy, versions: map[string]string{}}
	for _, p := range peers {
		r.peers = append(r.peers, p.name)
		r.versions[p.name] = p.version(p.program)
	}
	if o.doLoad {
		if r.turns, err = b.measureLoad(ctx, peers, o); err != nil {
			return err
		}
	}
	if o.doMemory {
		if r.memory, err = b.measureMemory(ctx, peers, o); err != nil {
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

// fill writes the mix and the script where the caller gave none.
func (o *options) fill(dir string) error {
	if o.rounds < 1 || o.duration <= 0 || o.connections < 1 || o.idle < 1 || o.transfer < 1 {
		return errors.New("-rounds, -duration, -connections, -idle and -transfer must be above zero")
	}
	if o.script == "" {
		o.script = filepath.Join(dir, "mix.lua")
		if err := os.WriteFile(o.script, []byte(mix.Script), 0o644); err != nil {
			return err
		}
	}
	if o.mix != "" {
		return nil
	}
	o.mix = filepath.Join(dir, "mix.raw")
	return os.WriteFile(o.mix, mix.Make(1, 1000), 0o644)
}

// available builds each peer and starts none; what fails is said and left out.
func (b *bench) available(only string) (found []peer) {
	names := strings.Split(only, ",")
	for _, p := range peers {
		if only != "" && !slices.Contains(names, p.name) {
			continue
		}
		fmt.Printf("preparing %s\n", p.name)
		program, err := p.prepare(b)
		if err != nil {
			fmt.Printf("%s is left out: %v\n", p.name, err)
			continue
		}
		p.program = program
		found = append(found, p)
	}
	return found
}

func (b *bench) hold(ctx context.Context, peers []peer, o options) error {
	for _, p := range peers {
		running, err := b.start(ctx, p)
		if err != nil {
			return err
		}
		defer running.Stop()
		fmt.Printf("%s: pid %d, https://%s\n", p.name, running.PID(), running.Addr)
		fmt.Printf("    wrk -t 2 -c %d -d 30s -s %s https://%s -- %s\n", o.connections, o.script, running.Addr, o.mix)
	}
	<-ctx.Done()
	return nil
}
