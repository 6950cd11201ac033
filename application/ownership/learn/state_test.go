package learn_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse/application/ownership/learn"
	"github.com/gatehousehq/gatehouse/store"
	"github.com/gatehousehq/gatehouse/store/memory"
	"github.com/gatehousehq/gatehouse/store/sqlite"
)

func TestRestart_WhatWasLearned_IsThere(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.db")
	open := func() (*world, func()) {
		s, err := sqlite.Open(t.Context(), sqlite.Options{Path: file})
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld(t, learn.Options{Store: s})
		return w, func() {
			if err := errors.Join(w.Close(), s.Close()); err != nil {
				t.Fatal(err)
			}
		}
	}
	traffic := func(w *world, from, to int) {
		for n := from; n < to; n++ {
			w.see(asked{who: ann(n % 6), path: "/api/me", body: fmt.Sprintf(`{"id":%d,"email":"ann%d@example.com"}`, 100+n%6, n%6)})
			w.see(asked{who: ann(n % 6), path: fmt.Sprintf("/api/orders/%d", n), body: order(n, n%6)})
			w.see(asked{who: ann(n % 6), path: "/api/orders", body: `{"orders":[` + order(n, n%6) + `]}`})
			buy(w, ann(n%6), 4000+n)
		}
	}
	w, done := open()
	traffic(w, 0, 30)
	before := w.all()
	done()
	w, done = open()
	if after := w.all(); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	traffic(w, 30, 60)
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	traffic(w, 60, 66)
	before = w.all()
	done()
	whole := newWorld(t, learn.Options{})
	traffic(whole, 0, 66)
	if want := whole.all(); before != want {
		t.Errorf("with restarts:\n%s\nwithout:\n%s", before, want)
	}
	for _, suffix := range []string{"", "-wal"} {
		text, err := os.ReadFile(file + suffix)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "ann3") {
			t.Errorf("state.db%s names people", suffix)
		}
	}
}

func TestNew_BadOptionsOrState_AreNamed(t *testing.T) {
	s, err := memory.New(memory.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Put(t.Context(), s, store.Record{Kind: "application.ownership.learn", Key: "people/00000", Value: []byte("?")}); err != nil {
		t.Fatal(err)
	}
	for want, o := range map[string]learn.Options{
		"MaxRoutes": {MaxRoutes: -1}, "MinPrincipals": {MinPrincipals: 1}, "people": {Store: s}, "the key": {Store: broken{s}},
	} {
		if _, err := learn.New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
}

// broken is a store that fails.
type broken struct{ store.Store }

var errBroken = errors.New("the disk is gone")

func (broken) Get(context.Context, string, string) (store.Record, error) {
	return store.Record{}, errBroken
}

// failing fails to write while it is told to.
type failing struct {
	store.Store
	on *bool
}

func (f failing) Batch(ctx context.Context, ops ...store.Op) error {
	if *f.on {
		return errBroken
	}
	return f.Store.Batch(ctx, ops...)
}

func (f failing) Scan(ctx context.Context, q store.Query) iter.Seq2[store.Record, error] {
	return f.Store.Scan(ctx, q)
}

func TestFlush_StoreFails_IsWrittenTheNextTime(t *testing.T) {
	s, err := memory.New(memory.Options{})
	if err != nil {
		t.Fatal(err)
	}
	on := false
	w := newWorld(t, learn.Options{Store: failing{s, &on}})
	w.visit(5, 10, numbered)
	on = true
	if err := w.Flush(t.Context()); !errors.Is(err, errBroken) {
		t.Fatal(err)
	}
	on = false
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	again := newWorld(t, learn.Options{Store: s})
	if got := again.rules(); !slices.Equal(got, []string{"GET,POST,PUT,PATCH,DELETE /orders/{id} field=[user_id] as=users.id"}) {
		t.Error(got)
	}
}

// tenKilobytes is an order with many lines.
func tenKilobytes(n, owner int) []byte {
	type line struct {
		ID       int    `json:"id"`
		Name     string `json:"name"`
		Maker    string `json:"maker"`
		Price    int    `json:"price_cents"`
		Quantity int    `json:"quantity"`
	}
	v := struct {
		ID     int    `json:"id"`
		UserID int    `json:"user_id"`
		Status string `json:"status"`
		Lines  []line `json:"lines"`
	}{ID: n, UserID: 100 + owner, Status: "packed"}
	for i := range 105 {
		v.Lines = append(v.Lines, line{i, fmt.Sprintf("Heron teapot number %d", i), "Wren & Alder", 100 * i, n % 5})
	}
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // of strings and numbers it never fails
	}
	return b
}

func BenchmarkObserve_10KB(b *testing.B) {
	l, err := learn.New(learn.Options{})
	if err != nil {
		b.Fatal(err)
	}
	var all []learn.Observation
	for n := range 200 {
		all = append(all, learn.Observation{Method: "GET", Route: "GET /orders/{id}", Path: fmt.Sprintf("/orders/%d", n), Principal: numbered(n % 40),
			Status: 200, Header: map[string][]string{"Content-Type": {"application/json"}}, Body: tenKilobytes(n, n%40)})
	}
	b.SetBytes(int64(len(all[0].Body)))
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		l.Observe(all[n%len(all)])
	}
}

func FuzzObserve(f *testing.F) {
	f.Add("GET /orders/{id}", "/orders/7", "application/json", []byte(order(7, 1)))
	f.Add("POST /orders/{id}/cancel", "/orders/7/cancel", "text/html", []byte(`<a href="/orders/8">x</a>`))
	f.Add("GET /a", "/a", "application/json", []byte(`[{"id":1,"user_id":101},{"a\u0062":"\ud83d\ude00"}]`))
	f.Fuzz(func(t *testing.T, route, path, kind string, body []byte) {
		l, err := learn.New(learn.Options{MinAnswers: 1, MinPrincipals: 2})
		if err != nil {
			t.Fatal(err)
		}
		for n := range 6 {
			l.Observe(learn.Observation{Route: route, Path: path, Principal: numbered(n % 3), Status: 200, Body: body,
				Header: map[string][]string{"Content-Type": {kind}, "Location": {path}}})
		}
		for _, p := range l.Suggest() {
			if p.Evidence == "" {
				t.Errorf("no evidence: %+v", p)
			}
		}
	})
}
