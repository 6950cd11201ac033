// Command guard measures the input guard: what share of the frozen corpus of
// injections it refuses, beside Zen's algorithm on the same statements and
// inputs; how many ordinary statements; and what a judgement costs.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
)

type options struct {
	splits  []string
	benign  int
	rounds  int
	results string
}

func main() {
	var o options
	splits := flag.String("splits", "held-seed,held-context", "which parts of the corpus, with commas between them")
	flag.IntVar(&o.benign, "benign", 40000, "how many recorded ordinary statements, spread evenly; 0 for all")
	flag.IntVar(&o.rounds, "rounds", 7, "how often each cost is measured")
	flag.StringVar(&o.results, "results", "RESULTS.md", "where to write; empty for standard output alone")
	flag.Parse()
	o.splits = strings.Split(*splits, ",")
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "guard:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	found, err := detect(o.splits)
	if err != nil {
		return err
	}
	alarms, err := falseAlarms(o.benign)
	if err != nil {
		return err
	}
	costs, err := measureCosts(o.rounds)
	if err != nil {
		return err
	}
	text := markdown(o, found, alarms, costs)
	fmt.Print(text)
	if o.results == "" {
		return nil
	}
	return section.Write(o.results, text)
}
