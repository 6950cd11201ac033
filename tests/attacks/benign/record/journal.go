package main

import (
	"slices"
	"strings"
	"sync"

	"github.com/gatehousehq/gatehouse/input"
	"github.com/gatehousehq/gatehouse/tests/attacks/benign"
)

// A journal is what was seen. Requests come one after the other, so whatever
// statement comes belongs to the one that is open.
type journal struct {
	// away is a folder of this machine, taken out of statements where a program
	// writes its own place into them.
	away string

	mu        sync.Mutex
	open      bool
	parsed    bool // the open one's inputs are there
	exchanges []benign.Exchange
	late      int // statements outside any exchange
}

// begin opens an exchange. Statements before the first are the program's setting up.
func (j *journal) begin(method, path string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.open, j.parsed = true, false
	j.exchanges = append(j.exchanges, benign.Exchange{N: len(j.exchanges) + 1, Method: method, Path: path})
}

// end closes it.
func (j *journal) end() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.open = false
}

func (j *journal) statement(s benign.Statement) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.open {
		if len(j.exchanges) > 0 {
			j.late++
		}
		return
	}
	if j.away != "" {
		s.SQL = strings.ReplaceAll(s.SQL, j.away, "")
	}
	last := &j.exchanges[len(j.exchanges)-1]
	last.Statements = append(last.Statements, s)
}

// whole says whether the open exchange's inputs are there.
func (j *journal) whole() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.parsed
}

func (j *journal) inputs(all []input.Input) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.open {
		return
	}
	j.parsed = true
	last := &j.exchanges[len(j.exchanges)-1]
	for _, in := range all {
		last.Inputs = append(last.Inputs, benign.Input{
			Kind: in.Place.Kind.String(), Name: strings.Clone(in.Place.Name), Value: strings.Clone(in.Value),
		})
	}
}

// recent gives the statements of the last exchanges that began with a verb,
// longest first: what a person would paste into a form.
func (j *journal) recent(exchanges int) []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var found []string
	for _, x := range j.exchanges[max(0, len(j.exchanges)-exchanges):] {
		for _, s := range x.Statements {
			if len(s.SQL) > 40 && len(s.SQL) < 4000 {
				found = append(found, s.SQL)
			}
		}
	}
	slices.SortStableFunc(found, func(a, b string) int { return len(b) - len(a) })
	return found
}
