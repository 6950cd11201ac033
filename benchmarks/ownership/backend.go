package main

import (
	"encoding/json"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
)

// user is who asks throughout; other has things too.
const user, other = 7, 8

// An order is what the backend's database gives, and what its answers show.
type order struct {
	ID     int    `json:"id"`
	UserID int    `json:"user_id"`
	Status string `json:"status"`
	Street string `json:"street"`
	Lines  []line `json:"lines,omitempty"`
}

type line struct {
	Product  string `json:"product"`
	Maker    string `json:"maker"`
	Price    int    `json:"price"`
	Quantity int    `json:"quantity"`
}

type list struct {
	Total  int     `json:"total"`
	Orders []order `json:"orders"`
}

// owned is what a check by hand reads of an order.
type owned struct {
	UserID int `json:"user_id"`
}

// tenKB is an order of that size.
func tenKB(id int) []byte {
	o := order{ID: id, UserID: user, Status: "packed", Street: "12 Heron Lane"}
	for i := range 120 {
		o.Lines = append(o.Lines, line{"Heron teapot number " + strconv.Itoa(i), "Wren & Alder", 1000 + i, 1 + i%5})
	}
	return marshal(o)
}

// listed is a list of that size, of which a third is another's.
func listed() []byte {
	l := list{}
	for i := range 120 {
		o := order{ID: i, UserID: user, Status: "packed", Street: "12 Heron Lane, at the back of the yard"}
		if i%3 == 0 {
			o.UserID = other
		}
		l.Orders = append(l.Orders, o)
	}
	l.Total = len(l.Orders)
	return marshal(l)
}

func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // of strings and numbers it never fails
	}
	return b
}

// things is how many orders there are: as many as one list may give.
const things = 50

// serveBackend answers with 10 KB of JSON at every path. Below /hand/ it checks
// first whose the answer is, as one writes that where the answer is at hand as text
// (of an upstream, a cache, a JSON column): decoded into a struct, and compared.
func serveBackend(addr string) error {
	var orders [things][]byte
	for i := range orders {
		orders[i] = tenKB(i)
	}
	all := listed()
	given := marshal(func() (l []order) {
		for i := range things {
			l = append(l, order{ID: i, UserID: user})
		}
		return l
	}())
	return http.ListenAndServe(addr, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body := all
		if r.URL.Path == "/ledger" {
			body = given
		} else if id, err := strconv.Atoi(r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]); err == nil {
			body = orders[id%things]
		}
		if strings.HasPrefix(r.URL.Path, "/hand/") {
			var o owned
			if err := json.Unmarshal(body, &o); err != nil || o.UserID != user {
				http.NotFound(rw, r)
				return
			}
		}
		if r.Method != http.MethodGet {
			body = []byte(`{"ok":true}`)
		}
		rw.Header().Set("Content-Type", "application/json")
		_, _ = rw.Write(body) // who went away needs none
	}))
}

// serveProxy is the standard library's proxy with its buffers pooled.
func serveProxy(addr, upstream string) error {
	to, err := url.Parse(upstream)
	if err != nil {
		return err
	}
	return http.ListenAndServe(addr, &httputil.ReverseProxy{
		Transport: &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}, BufferPool: &pool{},
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) },
	})
}

// pool is a httputil.BufferPool.
type pool struct{ sync.Pool }

func (b *pool) Get() []byte {
	if have, ok := b.Pool.Get().(*[]byte); ok {
		return *have
	}
	return make([]byte, 32<<10)
}

func (b *pool) Put(used []byte) { b.Pool.Put(&used) }
