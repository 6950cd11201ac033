package gateway

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/data/sqlgate"
	"github.com/gatehousehq/gatehouse/input"
	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/taint"
)

// The two benchmarks below send the same request through the gate's handler and
// through a plain reverse proxy whose buffers are pooled, to see in a profile
// what the rungs cost. benchmarks/http measures the whole of it, over TLS.

func benchmarkHandler(b *testing.B, handler http.Handler) {
	front := httptest.NewServer(handler)
	defer front.Close()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		client := &http.Client{Transport: &http.Transport{}}
		defer client.CloseIdleConnections()
		for pb.Next() {
			r, err := http.NewRequest(http.MethodGet, front.URL+"/orders/17?q=teapot&sort=price", nil)
			if err != nil {
				b.Error(err)
				return
			}
			r.Header.Set("Cookie", "sid=0123456789abcdef; theme=dark")
			r.Header.Set("Accept-Language", "en-GB,en;q=0.9")
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			res, err := client.Do(r)
			if err != nil {
				b.Error(err)
				return
			}
			_, err = io.Copy(io.Discard, res.Body)
			if err != nil || res.StatusCode != http.StatusOK {
				b.Errorf("%s, %v", res.Status, err)
			}
			res.Body.Close()
		}
	})
}

func benchmarkBackend(b *testing.B) *url.URL {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") }))
	b.Cleanup(backend.Close)
	u, err := url.Parse(backend.URL)
	if err != nil {
		b.Fatal(err)
	}
	return u
}

func BenchmarkGate(b *testing.B) {
	c := config.Default()
	c.Upstream = benchmarkBackend(b).String()
	c.Store.Durable = "memory"
	g, err := New(Options{Config: c})
	if err != nil {
		b.Fatal(err)
	}
	defer g.Close()
	benchmarkHandler(b, g)
}

func BenchmarkReverseProxy(b *testing.B) {
	proxy := httputil.NewSingleHostReverseProxy(benchmarkBackend(b))
	proxy.BufferPool = &bufferPool{}
	proxy.Transport = &http.Transport{MaxIdleConnsPerHost: idlePerUpstream}
	benchmarkHandler(b, proxy)
}

// BenchmarkJudge_Known is what the gate adds to a statement of known shape,
// package taint's part included.
func BenchmarkJudge_Known(b *testing.B) {
	c := config.Default()
	c.Upstream, c.Store.Durable = "http://127.0.0.1:1", "memory"
	g, err := New(Options{Config: c})
	if err != nil {
		b.Fatal(err)
	}
	defer g.Close()
	st := taint.Statement{
		Account: "app", Lexer: taint.Lexer{Dialect: taint.SQLite},
		SQL: "SELECT id, name, price, stock FROM products WHERE category = ? AND price < 100 ORDER BY price LIMIT 40",
	}
	x, err := g.exchanges.Begin()
	if err == nil {
		err = g.Judge(b.Context(), nil, st) // the application's own work: learned at once
	}
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := g.Judge(b.Context(), x, st); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSQLJudge is what an SQL gate's judge takes for a statement that its
// account is known to send, while requests with 64 inputs are in flight: whose
// it is, the policy, the guard, and noting a row of its answer.
func BenchmarkSQLJudge(b *testing.B) {
	for _, requests := range []int{0, 1, 32} {
		b.Run(fmt.Sprintf("%d requests", requests), func(b *testing.B) {
			c := config.Default()
			c.Upstream, c.Store.Durable = "http://127.0.0.1:1", "memory"
			g, err := New(Options{Config: c})
			if err != nil {
				b.Fatal(err)
			}
			defer g.Close()
			judge := &sqlJudge{gate: g, accounts: map[sqlgate.Account]*sqlAccount{}}
			a := sqlgate.Account{Gate: "shop", User: "app", Background: true}
			judge.accounts[a] = &sqlAccount{name: a.Name()}
			g.backend.Index()
			st := sqlgate.Statement{SQL: "SELECT abalance FROM pgbench_accounts WHERE aid = 12345;"}
			if r := judge.Judge(b.Context(), a, st); r.Verdict != gatehouse.Pass { // the application's own work: learned at once
				b.Fatal("the first statement was refused")
			}
			parser, err := input.New(input.Options{})
			if err != nil {
				b.Fatal(err)
			}
			query := url.Values{}
			for i := range 64 {
				query.Set(fmt.Sprintf("field%d", i), fmt.Sprintf("input %02d of somebody, it's ordinary text;", i))
			}
			for range requests {
				x, err := g.exchanges.Begin()
				if err != nil {
					b.Fatal(err)
				}
				r := httptest.NewRequest("GET", "/report?"+query.Encode(), nil)
				if x.Inputs, err = parser.ParseHead(r); err != nil {
					b.Fatal(err)
				}
				g.backend.Enter(b.Context(), x, false)
				defer g.backend.Leave(x, true)
			}
			columns, row := []sqlgate.Column{{Label: "abalance", Table: "public.pgbench_accounts", Name: "abalance"}}, [][]byte{[]byte("-1234567")}
			b.ReportAllocs()
			for b.Loop() {
				r := judge.Judge(b.Context(), a, st)
				if r.Verdict != gatehouse.Pass {
					b.Fatal("refused")
				}
				if judge.Watching() {
					judge.Row(r.By, columns, row)
				}
				judge.Ended(b.Context(), a, r, sqlgate.Outcome{Verb: "SELECT", Rows: 1})
			}
		})
	}
}
