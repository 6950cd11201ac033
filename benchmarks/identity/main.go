// Command identity measures what it costs to know who a request is from, whether
// they may, and how often they asked: in process, beside a middleware that
// verifies the same token by go-oidc; with a Redis that several gates share; the
// memory of a million addresses; and, as whole programs, beside oauth2-proxy.
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
	keys   int
	turn   time.Duration
	peer   string
	// serve is for the process that is the hand-written proxy.
	serve, upstream, issuer string
	results                 string
}

func main() {
	var o options
	short := flag.Bool("short", false, "a first look: fewer rounds, shorter turns, nothing written")
	flag.IntVar(&o.rounds, "rounds", 7, "how often each is measured")
	flag.IntVar(&o.keys, "addresses", 1_000_000, "how many addresses are counted at once")
	flag.DurationVar(&o.turn, "turn", 3*time.Second, "how long one turn of the whole programs is")
	flag.StringVar(&o.peer, "oauth2-proxy", "", "the program; empty: "+peerModule+" is built where it can be had")
	flag.StringVar(&o.results, "results", "RESULTS.md", "where to write; empty for standard output alone")
	flag.StringVar(&o.serve, "serve", "", "be the proxy with the go-oidc middleware at this address, before -upstream, for -issuer")
	flag.StringVar(&o.upstream, "upstream", "", "see -serve")
	flag.StringVar(&o.issuer, "issuer", "", "see -serve")
	flag.Parse()
	if *short {
		o.rounds, o.turn, o.results = 3, time.Second, ""
	}
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "identity:", err)
		os.Exit(1)
	}
}

var section = measure.Section{Name: "identity", Title: "Who is asking, and how often"}

func run(o options) error {
	if o.serve != "" {
		return serve(o)
	}
	m := measured{load: measure.LoadAverage()}
	dir, err := os.MkdirTemp("", "gatehouse-identity-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	w, err := newWorld(dir)
	if err != nil {
		return err
	}
	defer w.close()
	if m.costs, err = w.inProcess(o.rounds); err != nil {
		return err
	}
	if m.redis, err = w.withRedis(dir, o.rounds); err != nil {
		return err
	}
	if m.memory, err = memoryOf(o.keys); err != nil {
		return err
	}
	if m.programs, err = w.programs(dir, o); err != nil {
		return err
	}
	text := m.markdown(o)
	fmt.Print(text)
	if o.results == "" {
		return nil
	}
	return section.Write(o.results, text)
}
