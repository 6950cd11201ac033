package ownership

import (
	"slices"
	"testing"

	"github.com/gatehousehq/gatehouse/input"
)

// What the first segment leaves out must be what the patterns would have left out.
func TestNear_LeavesOutNoRuleThatMatchesSomeSpelling(t *testing.T) {
	var rules []Rule
	for _, path := range []string{
		"/orders/{id}", "/Orders/{id}/lines", "/{tenant}/orders/{id}", "/files/{rest...}", "/orders", "/caf%C3%A9/{id}", "/été/{id}",
		"/avatars-{id}.png", "/v1.2/orders/{id}", "/", "/a%20b/{id}", "/users/{id}", "/~ann/{id}", "/export.csv",
	} {
		rules = append(rules, Rule{Path: path, Owner: Owner{Field: []string{"user_id"}}})
	}
	o, err := New(Options{Rules: rules})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		"/orders/7", "/ORDERS/7", "/orders/7/", "//orders/7", "/./orders/7", "/x/../orders/7", "/%6frders/7", "/%256frders/7", "/orders%2f7", "/orders;v=1/7", `/orders\7`,
		"/orders.json", "/orders/7.json", "/Orders/7/lines", "/orders/7/lines", "/acme/orders/7", "/files/a/b", "/files/", "/files", "/caf%C3%A9/7", "/CAF%C3%89/7",
		"/%C3%A9t%C3%A9/7", "/avatars-7.png", "/v1.2/orders/7", "/V1.2/orders/7", "/", "", "*", "/a%20b/7", "/A%20B/7", "/a+b/7", "/users/7", "/u%73ers/7", "/%75%73%65%72%73/7",
		"/~ann/7", "/export.csv", "/export.csv.json", "/export", "/%EF%BD%8Frders/7", "/u%u0073ers/7", "/%00/7", "/orders%20/7", "/orders./7", "/or%64ers;x/7", "/%2e/orders/7", "/%",
	} {
		var s spelling
		s.of(path)
		var want, got []string
		for _, r := range o.rules {
			whole := input.Readings(path, func(input.Reading) bool { return true })
			odd := !whole
			input.Readings(path, func(read input.Reading) bool {
				odd = odd || r.loosely(read.Path)
				return true
			})
			if r.pattern.Match(path) || odd {
				want = append(want, r.Path)
			}
		}
		for _, r := range o.near.to(&s) {
			if s.exactly(&r.pattern, r.first) || s.oddly(r) {
				got = append(got, r.Path)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
}
