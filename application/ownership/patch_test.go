package ownership_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse/application/ownership"
)

// TestOwnership_JSONPatch_NamesThingsByItsPointers: ann's are 1 and 2, bob's is 7.
func TestOwnership_JSONPatch_NamesThingsByItsPointers(t *testing.T) {
	probe := ownership.Owner{Probe: "/orders/{id}"}
	d := open(t, byField, ownership.Rule{Path: "/patch", ID: []string{"patch:/{id}"}, Owner: probe},
		ownership.Rule{Path: "/all", ID: []string{"patch:/Shops/{shop}/orders/{id}"}, Owner: probe},
		ownership.Rule{Path: "/changes", ID: []string{"patch:todo.changes/orders/{id}"}, Owner: probe})
	orders(d)
	for _, c := range []struct {
		path, body string
		status     int
	}{
		{"/patch", `[{"op":"replace","path":"/1/status","value":"x"}]`, 204},
		{"/patch", `[{"op":"replace","path":"/7/status","value":"x"}]`, 404},
		{"/patch", `[{"op":"replace","path":"/1/status"},{"op":"replace","path":"/2"}]`, 204},
		{"/patch", `[{"op":"replace","path":"/1/status"},{"op":"replace","path":"/7"}]`, 404},
		{"/patch", `[{"op":"copy","from":"/7/street","path":"/1/street"}]`, 404},
		{"/patch", `[{"op":"move","from":"/2/street","path":"/1/street"}]`, 204},
		{"/patch", `[{"op":"test","path":"/7/status","value":"x"}]`, 404},
		{"/patch", `[{"op":"replace","path":"/1","path":"/7"}]`, 404},
		{"/patch", `[{"op":"replace","Path":"/7/status"}]`, 404},
		{"/patch", `{"op":"replace","path":"/7/status"}`, 404},
		{"/patch", `{"0":{"op":"replace","path":"/7/status"}}`, 404},
		// All of them at once, or nobody knows what.
		{"/patch", `[{"op":"replace","path":"","value":{"7":{}}}]`, 404},
		{"/patch", `[{"op":"replace","path":"/","value":{}}]`, 404},
		{"/patch", `[{"op":"add","path":"/1/x"},{"op":"replace","value":{}}]`, 404},
		// A new one is nobody's yet.
		{"/patch", `[{"op":"add","path":"/-","value":{}}]`, 204},
		// Other spellings, which some readers take.
		{"/patch", `[{"op":"replace","path":"7/status"}]`, 404},
		{"/patch", `[{"op":"replace","path":"//7/status"}]`, 404},
		{"/patch", `[{"op":"replace","path":"#/7/status"}]`, 404},
		{"/patch", `[{"op":"replace","path":"#/%37/status"}]`, 404},
		{"/patch", `[{"op":"replace","path":"/%37/status"}]`, 404},
		{"/patch", `[{"op":"replace","path":"~17/status"}]`, 404},
		{"/patch", `[{"op":"replace","path":["1","status"]}]`, 404},
		{"/patch", `[{"op":"add","path":"/1/labels/a~1b","value":"x"}]`, 204},
		{"/patch", `[{"op":"add","path":"/1/notes","value":{"path":"/7","from":"/7"}}]`, 204},
		{"/all", `[{"op":"replace","path":"/shops/3/orders/1/status"},{"op":"replace","path":"/settings"}]`, 204},
		{"/all", `[{"op":"replace","path":"/shops/3/orders/7/status"}]`, 404},
		{"/all", `[{"op":"replace","path":"/SHOPS/3/Orders/7/status"}]`, 404},
		{"/all", `[{"op":"replace","path":"/shops/3/orders~17/status"}]`, 404},
		{"/all", `[{"op":"replace","path":"/shops/3/orders"}]`, 404},
		{"/all", `[{"op":"remove","path":"/shops/3"}]`, 404},
		{"/all", `[{"op":"replace","path":"/shops/3/name"}]`, 204},
		{"/changes", `{"path":"/orders/7","todo":{"changes":[{"op":"replace","path":"/orders/1"}]}}`, 204},
		{"/changes", `{"todo":{"changes":[{"op":"replace","path":"/orders/7"}]}}`, 404},
	} {
		if status, why, _ := d.ask(ann, "PATCH", c.path, c.body); status != c.status {
			t.Errorf("%s %s: %d %s, want %d", c.path, c.body, status, why, c.status)
		}
	}
	var many strings.Builder
	for i := range 300 {
		fmt.Fprintf(&many, `,{"op":"replace","path":"/%d"}`, i)
	}
	if status, _, _ := d.ask(ann, "PATCH", "/patch", "["+many.String()[1:]+"]"); status != 404 {
		t.Errorf("more things than are asked about: %d", status)
	}
}

func TestNew_PointerThatNamesNothing_IsRefused(t *testing.T) {
	for _, id := range []string{"patch:id", "patch:/", "patch:/orders", "patch:/orders//{id}", "patch:/orders/x{id}", "patch:/orders/{}"} {
		_, err := ownership.New(ownership.Options{Rules: []ownership.Rule{byField, {Path: "/patch", ID: []string{id}, Owner: ownership.Owner{Probe: "/orders/{id}"}}}})
		if err == nil || !strings.Contains(err.Error(), "want a pointer") {
			t.Errorf("%s: %v", id, err)
		}
	}
}
