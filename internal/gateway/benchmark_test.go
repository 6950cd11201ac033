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

// BenchmarkSQLJudge is what a statement of known shape costs before it goes on
// to the database, with so many requests in flight.
func BenchmarkSQLJudge(b *testing.B) {
	for _, inFlight := range []int{0, 1, 50} {
		for _, background := range []bool{false, true} {
			b.Run(fmt.Sprintf("%d in flight, background %v", inFlight, background), func(b *testing.B) {
				c := config.Default()
				c.Upstream, c.Store.Durable = "http://127.0.0.1:1", "memory"
				g, err := New(Options{Config: c})
				if err != nil {
					b.Fatal(err)
				}
				defer g.Close()
				judge, a := g.sql.judge, sqlgate.Account{Gate: "shop", User: "app", Background: background}
				judge.accounts[a] = &sqlAccount{name: a.Name()}
				// 300 bytes.
				st := sqlgate.Statement{SQL: "SELECT o.id, o.created, o.total, c.name, c.city FROM orders AS o JOIN customers AS c ON c.id = o.customer WHERE o.customer = 4711 AND o.state = 'open' AND o.created > '2026-01-01' AND c.city <> 'Nowhere' AND o.total BETWEEN 10 AND 10000 ORDER BY o.created DESC, o.id LIMIT 50 OFFSET 100 -- of a page in a shop"}
				if r := judge.Judge(b.Context(), a, st); r.Verdict != gatehouse.Pass { // learned: nothing is in flight
					b.Fatalf("%+v", r)
				}
				parser, err := input.New(input.Options{})
				if err != nil {
					b.Fatal(err)
				}
				for i := range inFlight {
					x, err := g.exchanges.Begin()
					if err != nil {
						b.Fatal(err)
					}
					r := httptest.NewRequest(http.MethodGet, fmt.Sprintf("/orders/%d?q=an+ordinary+search+%d&page=%d&sort=price", i, i, i), nil)
					r.Header.Set("User-Agent", fmt.Sprintf("Mozilla/5.0 (X11; Linux x86_64; rv:%d.0)", i))
					r.Header.Set("Cookie", fmt.Sprintf("sid=k3v9x0q27bz5m1w8r4t6y2c7d5f0h%03d; theme=dark", i))
					if x.Inputs, err = parser.Parse(r); err != nil {
						b.Fatal(err)
					}
					g.backend.Enter(b.Context(), x, false)
				}
				b.ReportAllocs()
				for b.Loop() {
					if r := judge.Judge(b.Context(), a, st); r.Verdict != gatehouse.Pass {
						b.Fatalf("%+v", r)
					}
				}
			})
		}
	}
}
