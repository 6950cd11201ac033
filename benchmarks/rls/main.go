// Command rls measures what row-level security by the signed principal costs on
// PostgreSQL: a point read, a list of twenty rows and an update, by both
// protocols, at the bare server, through the gate, and through the gate with
// `suggest grants --rls` in the database, one after the other in every round. It
// runs a PostgreSQL server of its own, speaks to this machine's loopback alone,
// reads /proc, and so runs on Linux.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/gatehousehq/gatehouse/benchmarks/measure"
)

type options struct {
	rounds  int
	turn    time.Duration
	results string
}

func main() {
	var o options
	short := flag.Bool("short", false, "a first look: fewer rounds, shorter turns, nothing written")
	flag.IntVar(&o.rounds, "rounds", 7, "how often each has its turn")
	flag.DurationVar(&o.turn, "turn", 700*time.Millisecond, "how long a turn is")
	flag.StringVar(&o.results, "results", "RESULTS.md", "where to write; empty for standard output alone")
	flag.Parse()
	if *short {
		o.rounds, o.turn, o.results = 3, 300*time.Millisecond, ""
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "rls:", err)
		os.Exit(1)
	}
}

var section = measure.Section{Name: "rls", Title: "Row-level security by the signed principal"}

func run(ctx context.Context, o options) (err error) {
	load := measure.LoadAverage()
	w, err := newWorld(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	cells, err := w.measure(ctx, o)
	if err != nil {
		return err
	}
	text := markdown(o, load, w.version, cells)
	fmt.Print(text)
	if o.results == "" {
		return nil
	}
	return section.Write(o.results, text)
}
