package gateway

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

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
