package ownership_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/ownership"
)

// ruled has as many rules as a large application.
func ruled(tb testing.TB, rules int) *ownership.Ownership {
	tb.Helper()
	var all []ownership.Rule
	for i := range rules {
		all = append(all, ownership.Rule{Path: fmt.Sprintf("/things%d/{id}", i), Owner: ownership.Owner{Field: []string{"user_id"}}})
	}
	o, err := ownership.New(ownership.Options{Rules: all})
	if err != nil {
		tb.Fatal(err)
	}
	return o
}

// BenchmarkBegin is what every request pays.
func BenchmarkBegin(b *testing.B) {
	for _, rules := range []int{0, 1, 50, 500} {
		o := ruled(b, rules)
		for name, path := range map[string]string{"page": "/about/us", "thing": "/orders/1001", "escaped": "/caf%C3%A9/1001", "first": "/things0/1001"} {
			q := ownership.Request{Method: "GET", Path: path, Route: "GET /orders/{id}", Principal: gatehouse.Principal{Issuer: "shop", ID: "7"}}
			b.Run(fmt.Sprintf("%s/rules=%d", name, rules), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, d := o.Begin(q); d.Verdict != gatehouse.Pass {
						b.Fatal(d)
					}
				}
			})
		}
	}
}

// BenchmarkCase is one request from its beginning to its answer.
func BenchmarkCase(b *testing.B) {
	o := ruled(b, 50)
	q := ownership.Request{Method: "GET", Path: "/things0/1001", Route: "GET /things0/{id}", Principal: gatehouse.Principal{Issuer: "shop", ID: "7"}}
	a := ownership.Answer{Status: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(`{"id":1001,"user_id":7}`), Whole: true}
	b.ReportAllocs()
	for b.Loop() {
		c, d := o.Begin(q)
		if d = c.Before(context.Background(), nil); d.Verdict != gatehouse.Pass {
			b.Fatal(d)
		}
		if d, _, _ = c.After(context.Background(), nil, &a); d.Verdict != gatehouse.Pass {
			b.Fatal(d)
		}
	}
}
