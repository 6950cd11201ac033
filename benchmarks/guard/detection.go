package main

import (
	"fmt"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/taint"
	"github.com/gatehousehq/gatehouse/tests/attacks/benign"
	"github.com/gatehousehq/gatehouse/tests/attacks/sqli"
)

var postgres = taint.Lexer{Dialect: taint.PostgreSQL}

// A row is what came of the cases that an application changed in one way.
type row struct {
	all, learned, cold, zen int
}

// transforms are the rows of the table, in its order.
var transforms = []struct{ name, words string }{
	{"none", "as sent"}, {"trim", "trimmed"}, {"upper", "in upper case"}, {"truncate", "cut to a length"},
	{"urldecode", "URL-decoded twice"}, {"base64", "base64-decoded"}, {"hex", "hex-decoded"},
	{"misquote", "quotes doubled wrongly, words removed"}, {"concat", "two inputs joined"},
	{"key", "a key as input"}, {"second-order", "stored before, read now"},
}

// detect judges the attacks of some splits.
func detect(splits []string) (map[string]*row, error) {
	sites, err := sqli.Sites()
	if err != nil {
		return nil, err
	}
	learned, err := newGuard()
	if err != nil {
		return nil, err
	}
	for _, s := range sites {
		for _, sql := range s.Ordinary {
			learned.Learn(taint.Statement{Account: "shop", Lexer: postgres, SQL: sql}, taint.Origin{}, time.Unix(0, 0))
		}
	}
	cold, err := newGuard()
	if err != nil {
		return nil, err
	}
	found := map[string]*row{}
	for _, split := range splits {
		cases, err := sqli.Load(split)
		if err != nil {
			return nil, err
		}
		for _, c := range cases {
			r := found[c.Transform]
			if r == nil {
				r = &row{}
				found[c.Transform] = r
			}
			r.add(c, learned, cold)
		}
	}
	return found, nil
}

func newGuard() (*taint.Guard, error) {
	return taint.New(taint.Options{Key: [32]byte{1}, MaxTemplates: 1 << 16})
}

func (r *row) add(c sqli.Case, learned, cold *taint.Guard) {
	st := taint.Statement{Account: "shop", Lexer: postgres, SQL: c.SQL, Exchange: "x"}
	var candidates []taint.Candidate
	refused := false
	for _, in := range c.Inputs {
		candidates = append(candidates, taint.Candidate{Value: in.Value, Exchange: "x"})
		refused = refused || zen(c.SQL, in.Value)
	}
	for _, value := range c.Rows { // Zen has no second order
		candidates = append(candidates, taint.Candidate{Value: value, Place: gatehouse.Place{Kind: gatehouse.Row}, Exchange: "x"})
	}
	r.all++
	r.learned += one(learned.Judge(st, candidates).Verdict == gatehouse.Deny)
	r.cold += one(cold.Judge(st, candidates).Verdict == gatehouse.Deny)
	r.zen += one(refused)
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// alarms are what was refused of ordinary statements, each judged with its own
// request's inputs and the latest 64 of others.
type alarms struct {
	statements, gatehouse, zen int
}

func falseAlarms(most int) (alarms, error) {
	var a alarms
	for _, app := range benign.Apps() {
		all, err := benign.Load(app)
		if err != nil {
			return a, err
		}
		total := 0
		for _, x := range all {
			total += len(x.Statements)
		}
		step := 1
		if most > 0 {
			step = max(1, total*len(benign.Apps())/most)
		}
		guard, err := newGuard()
		if err != nil {
			return a, err
		}
		var others []taint.Candidate
		for n, x := range all {
			id := fmt.Sprint(x.N)
			var own []taint.Candidate
			seen := map[string]bool{}
			for _, in := range x.Inputs { // each value once, as package exchange gives them
				if !seen[in.Value] {
					own = append(own, taint.Candidate{Value: in.Value, Exchange: id})
				}
				seen[in.Value] = true
			}
			if n%step == 0 {
				a.add(guard, x, own, others, id)
			}
			others = append(others, own...)
			others = others[max(0, len(others)-64):]
		}
	}
	return a, nil
}

func (a *alarms) add(guard *taint.Guard, x benign.Exchange, own, others []taint.Candidate, id string) {
	inFlight := append(append([]taint.Candidate(nil), own...), others...)
	for _, s := range x.Statements {
		a.statements++
		st := taint.Statement{Account: s.Account, Lexer: postgres, SQL: s.SQL, Params: s.Params, Exchange: id}
		a.gatehouse += one(guard.Judge(st, inFlight).Verdict == gatehouse.Deny)
		refused := false
		for _, in := range own {
			refused = refused || zen(s.SQL, in.Value)
		}
		a.zen += one(refused)
	}
}
