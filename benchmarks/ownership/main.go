// Command ownership measures what it costs to ask whose a thing is: in process,
// the parts; then a backend whose answers are 10 KB of JSON, before it a gate with
// rules of each kind on paths of their own, and the same check as one writes it by
// hand in the backend.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/gatehousehq/gatehouse/benchmarks/measure"
)

type options struct {
	rounds int
	turn   time.Duration
	// backend and proxy are for the processes that are these.
	backend, proxy, upstream string
	results                  string
}

func main() {
	var o options
	short := flag.Bool("short", false, "a first look: fewer rounds, shorter turns, nothing written")
	flag.IntVar(&o.rounds, "rounds", 7, "how often each is measured")
	flag.DurationVar(&o.turn, "turn", time.Second, "how long one turn of the whole programs is")
	flag.StringVar(&o.results, "results", "RESULTS.md", "where to write; empty for standard output alone")
	flag.StringVar(&o.backend, "backend", "", "be the backend at this address")
	flag.StringVar(&o.proxy, "proxy", "", "be a plain Go proxy at this address, before -upstream")
	flag.StringVar(&o.upstream, "upstream", "", "see -proxy")
	flag.Parse()
	if *short {
		o.rounds, o.turn, o.results = 3, 500*time.Millisecond, ""
	}
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "ownership:", err)
		os.Exit(1)
	}
}

var section = measure.Section{Name: "ownership", Title: "Whose a thing is"}

func run(o options) error {
	switch {
	case o.backend != "":
		return serveBackend(o.backend)
	case o.proxy != "":
		return serveProxy(o.proxy, o.upstream)
	}
	m := measured{load: measure.LoadAverage()}
	dir, err := os.MkdirTemp("", "gatehouse-ownership-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if m.costs, err = inProcess(o.rounds); err != nil {
		return err
	}
	if m.asked, err = programs(dir, o); err != nil {
		return err
	}
	text := m.markdown(o)
	fmt.Print(text)
	if o.results == "" {
		return nil
	}
	return section.Write(o.results, text)
}
