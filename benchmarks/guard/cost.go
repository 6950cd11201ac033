package main

import (
	"crypto/sha256"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/gatehousehq/gatehouse/taint"
)

// statement is what an ORM sends, of 300 bytes.
const statement = `SELECT u.id, u.name, u.email, o.total, o.created_at FROM users u JOIN orders o ON o.user_id = u.id ` +
	`WHERE u.email = 'someone@example.com' AND o.created_at > '2024-01-01T00:00:00Z' AND o.total >= 100.50 ` +
	`AND u.status IN ('active', 'pending', 'trial') ORDER BY o.created_at DESC, u.id LIMIT 50 OFFSET 10`

// A cost is one kind of judgement.
type cost struct {
	name  string
	goal  time.Duration
	known bool
	sql   string
	in    []taint.Candidate

	took   time.Duration // the median of the rounds
	allocs float64
}

// costs are what is measured. The worst are those that were found to be slow:
// inputs made of the statement's own text, of one three bytes again and again,
// and of quotes.
func costs() []*cost {
	unknown := strings.Replace(statement, "o.total >= 100.50", "o.total >= 100.50 OR u.vip", 1)
	all := []*cost{
		{name: "known shape, 64 inputs of 40 bytes", goal: 2 * time.Microsecond, known: true, sql: statement, in: inputs(64, 40, prose)},
		{name: "unknown shape, 64 inputs of 40 bytes", goal: 0, sql: unknown, in: inputs(64, 40, prose)},
		{name: "unknown shape, 64 inputs of 4 KB", goal: 300 * time.Microsecond, sql: unknown, in: inputs(64, 4<<10, prose)},
	}
	long := strings.Repeat("a = 'b' or ", 6000)
	for name, in := range map[string][]taint.Candidate{
		"the statement's own text, 64 × 16 KB": inputs(64, 16<<10, func(i int) string { return unknown[i%len(unknown)/2:] }),
		"a megabyte of quotes":                 inputs(1, 1<<20, func(int) string { return "'" }),
		"a megabyte of the same three bytes":   inputs(1, 1<<20, func(int) string { return "or " }),
		"base64 of base64, 64 × 16 KB":         inputs(64, 16<<10, func(int) string { return "YWFhYWFh" }),
	} {
		all = append(all,
			&cost{name: "worst: " + name, goal: 5 * time.Millisecond, sql: unknown, in: in},
			&cost{name: "worst: 64 KB statement, " + name, goal: 5 * time.Millisecond, sql: "select * from t where " + long + "1 = 1", in: in})
	}
	slices.SortFunc(all[3:], func(a, b *cost) int { return strings.Compare(a.name, b.name) })
	return all
}

func prose(i int) string { return fmt.Sprintf("input %d of somebody, it's ordinary text; ", i) }

func inputs(n, size int, text func(int) string) []taint.Candidate {
	all := make([]taint.Candidate, n)
	for i := range all {
		t := text(i)
		all[i] = taint.Candidate{Value: strings.Repeat(t, size/len(t)+1)[:size], Exchange: "x"}
	}
	return all
}

// measureCosts takes each cost in turn, with a reference beside it, for some rounds.
func measureCosts(rounds int) (measured, error) {
	all := costs()
	m := measured{costs: all}
	guards := make([]*taint.Guard, len(all))
	for i, c := range all {
		guard, err := newGuard()
		if err != nil {
			return m, err
		}
		guard.Learn(taint.Statement{Account: "a", Lexer: postgres, SQL: statement}, taint.Origin{}, time.Unix(0, 0))
		if c.known != guard.Judge(c.statement(), c.in).Known {
			return m, fmt.Errorf("%s: known is not %v", c.name, c.known)
		}
		guards[i] = guard
	}
	took := make([][]time.Duration, len(all))
	var reference []time.Duration
	for range rounds {
		for i, c := range all {
			d, allocs := perCall(func() { guards[i].Judge(c.statement(), c.in) })
			took[i], c.allocs = append(took[i], d), allocs
		}
		d, _ := perCall(func() { m.sum = sha256.Sum256(block[:]) })
		reference = append(reference, d)
	}
	for i, c := range all {
		c.took = median(took[i])
	}
	m.reference = median(reference)
	return m, nil
}

type measured struct {
	costs     []*cost
	reference time.Duration // of SHA-256 over 64 KiB
	sum       [32]byte
}

var block [64 << 10]byte

func (c *cost) statement() taint.Statement {
	return taint.Statement{Account: "a", Lexer: postgres, SQL: c.sql, Exchange: "x"}
}

// perCall is how long a call takes, and how much it allocates, over 30 ms.
func perCall(f func()) (time.Duration, float64) {
	const least = 30 * time.Millisecond
	f()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start, n := time.Now(), 0
	for batch := 1; time.Since(start) < least; batch *= 2 {
		for range batch {
			f()
		}
		n += batch
	}
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	return took / time.Duration(n), float64(after.Mallocs-before.Mallocs) / float64(n)
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}
