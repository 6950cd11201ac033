package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/ownership"
	"github.com/gatehousehq/gatehouse/application/ownership/learn"
	"github.com/gatehousehq/gatehouse/application/ownership/ledger"
	"github.com/gatehousehq/gatehouse/application/ownership/profile"
	"github.com/gatehousehq/gatehouse/benchmarks/measure"
	"github.com/gatehousehq/gatehouse/exchange"
	"github.com/gatehousehq/gatehouse/store/memory"
)

// A cost is one thing that is measured in process.
type cost struct {
	name string
	// goal is asked; zero where nothing is.
	goal time.Duration
	do   func() bool

	took   []float64 // nanoseconds, by round
	allocs float64
}

var principal = gatehouse.Principal{Issuer: issuer, ID: strconv.Itoa(user)}

func inProcess(rounds int) ([]*cost, error) {
	ctx := context.Background()
	s, err := memory.New(memory.Options{})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	known, err := ledger.New(ledger.Options{Store: s})
	if err != nil {
		return nil, err
	}
	defer known.Close()
	for i := range 10_000 {
		if err := known.Note(ctx, ledger.Entry{Resource: "/orders", ID: strconv.Itoa(i), Principal: strconv.Itoa(i / 100), How: ledger.Created}); err != nil {
			return nil, err
		}
		if i%1000 == 999 {
			if err := known.Flush(ctx); err != nil {
				return nil, err
			}
		}
	}
	all, err := ruleCosts()
	if err != nil {
		return nil, err
	}
	all = append(all,
		&cost{name: "look-up in the ledger, from memory", goal: 2 * time.Microsecond, do: func() bool {
			standing, err := known.Look(ctx, "/orders", "4711", "47")
			return err == nil && standing == ledger.Own
		}},
		&cost{name: "a row of ten columns noted, with its owner", goal: time.Microsecond, do: rowNoted()})
	learned, err := learnCosts()
	if err != nil {
		return nil, err
	}
	all = append(all, learned...)
	for range rounds {
		for _, c := range all {
			took, allocs, err := measure.PerCall(c.do)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			c.took, c.allocs = append(c.took, took), allocs
		}
	}
	return all, nil
}

// ruleCosts are of the rung alone: a request from its beginning to its answer, as
// one of fifty rules has it.
func ruleCosts() ([]*cost, error) {
	more := make([]ownership.Rule, 47)
	for i := range more {
		more[i] = ownership.Rule{Path: fmt.Sprintf("/things%d/{id}", i), Owner: ownership.Owner{Field: []string{"user_id"}}}
	}
	o, err := ownership.New(ownership.Options{Rules: append(more,
		ownership.Rule{Path: "/orders/{id}", Owner: ownership.Owner{Field: []string{"user_id"}}},
		ownership.Rule{Path: "/orders", Methods: []string{"GET"}, Items: "orders[]", Counts: []string{"total"}, Owner: ownership.Owner{Field: []string{"user_id"}}},
		ownership.Rule{Path: "/invoices/{id}", Owner: ownership.Owner{Column: "invoices.user_id"}})})
	if err != nil {
		return nil, err
	}
	one, all := tenKB(1), listed()
	judged := func(path string, body []byte, rows ownership.Rows, wantCut bool) func() bool {
		q := ownership.Request{Method: "GET", Path: path, Route: "GET " + path, Principal: principal}
		a := ownership.Answer{Status: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: body, Whole: true, Rows: rows}
		return func() bool {
			c, d := o.Begin(q)
			if c == nil || d.Verdict != gatehouse.Pass || c.Before(context.Background(), nil).Verdict != gatehouse.Pass {
				return false
			}
			d, _, cut := c.After(context.Background(), nil, &a)
			return d.Verdict == gatehouse.Pass && wantCut == (cut > 0)
		}
	}
	elsewhere := ownership.Request{Method: "GET", Path: "/about/us", Route: "GET /about/us", Principal: principal}
	return []*cost{
		{name: "a request that none of 50 rules is for", goal: time.Microsecond, do: func() bool {
			c, d := o.Begin(elsewhere)
			return c == nil && d.Verdict == gatehouse.Pass
		}},
		{name: fmt.Sprintf("by a field of a JSON answer of %.1f KB", kb(one)), goal: 30 * time.Microsecond, do: judged("/orders/1", one, nil, false)},
		{name: fmt.Sprintf("a third cut out of a list of %.1f KB", kb(all)), do: judged("/orders", all, nil, true)},
		{name: "by the rows that the answer was made from (40 of them, noted before)", do: judged("/invoices/1", one, readRows(), false)},
		{name: "by hand: decoded into a struct of one member, and compared", do: byHand(one, func(o *owned) bool { return o.UserID == user })},
		{name: "by hand: decoded into maps, and compared", do: byHand(one, func(o *map[string]any) bool { return (*o)["user_id"] == float64(user) })},
	}, nil
}

func kb(b []byte) float64 { return float64(len(b)) / 1e3 }

func byHand[T any](body []byte, own func(*T) bool) func() bool {
	return func() bool {
		var o T
		return json.Unmarshal(body, &o) == nil && own(&o)
	}
}

// rows are an exchange's, as internal/gateway asks for them.
type rows struct{ x *exchange.Exchange }

func (r rows) Owners(_ context.Context, column, _ string) ([]string, bool) {
	owners, n, whole := r.x.Distinct(column)
	return owners, whole && n > 0
}

func watched() *exchange.Exchange {
	x, b := &exchange.Exchange{}, &exchange.Backend{}
	b.WatchOwners(x, exchange.Owned{Table: "invoices", Column: "user_id", Key: "id"}, exchange.Owned{Table: "notes", Column: "author", Key: "id"})
	return x
}

func noteRow(x *exchange.Exchange, id []byte) {
	r := x.NoteOwned()
	r.Value("public.invoices", "id", id)
	r.Value("public.invoices", "user_id", []byte{'0' + user})
	for range 8 {
		r.Value("public.invoices", "some_column", id)
	}
	r.Done()
}

func readRows() rows {
	x := watched()
	for i := range 40 {
		noteRow(x, strconv.AppendInt(nil, int64(i), 10))
	}
	return rows{x}
}

func rowNoted() func() bool {
	x, id := watched(), []byte("4711")
	return func() bool {
		noteRow(x, id)
		return true
	}
}

// learnCosts are what every answer and every change pays besides, for what
// `suggest ownership` proposes, and for fields that clients do not send.
func learnCosts() ([]*cost, error) {
	l, err := learn.New(learn.Options{})
	if err != nil {
		return nil, err
	}
	p, err := profile.New(profile.Options{})
	if err != nil {
		return nil, err
	}
	const people = 40
	header := http.Header{"Content-Type": {"application/json"}}
	shown := make([]learn.Observation, 200)
	for i := range shown {
		shown[i] = learn.Observation{Method: "GET", Route: "GET /orders/{id}", Path: "/orders/" + strconv.Itoa(i), Status: http.StatusOK, Header: header, Body: tenKB(i),
			Principal: gatehouse.Principal{Issuer: issuer, ID: strconv.Itoa(i % people)}}
	}
	fields := []string{"status", "street", "city", "note", "items[0].id", "items[0].quantity", "items[1].id", "items[1].quantity"}
	n := 0
	return []*cost{
		{name: "learning from such an answer of a known route", do: func() bool { n++; l.Observe(shown[n%len(shown)]); return true }},
		{name: "a change's eight fields, beside those that clients send", do: func() bool {
			n++
			unusual, _ := p.Request("PATCH /orders/{id}", shown[n%len(shown)].Principal.ID, fields)
			return len(unusual) == 0
		}},
	}, nil
}
