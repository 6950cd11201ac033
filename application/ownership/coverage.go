package ownership

import (
	"strings"

	"github.com/gatehousehq/gatehouse/input"
)

// An Uncovered is a route that names one thing of many, and that no rule is for.
type Uncovered = input.RouteCount

// uncovered counts a request of a route with an identifier in its path, or a
// parameter of its query that is called one.
func (o *Ownership) uncovered(q *Request) {
	if strings.Contains(q.Route, "{") || asksByID(q) {
		o.coverage.Add(q.Route, q.Principal.Known())
	}
}

// asksByID reports whether the query has a parameter such as id or order_id.
func asksByID(q *Request) bool {
	if q.Inputs == nil {
		return false
	}
	for _, i := range q.Inputs.Query() {
		if name := strings.ToLower(i.Place.Name); name == "id" || strings.HasSuffix(name, "_id") || strings.HasSuffix(i.Place.Name, "Id") || name == "uuid" {
			return true
		}
	}
	return false
}

// Uncovered lists the routes with an identifier that were seen without a rule: see
// [input.RouteTally.List].
func (o *Ownership) Uncovered() (list []Uncovered, beyond uint64) { return o.coverage.List() }

// Unmatched are the paths of rules that no request matched since New.
func (o *Ownership) Unmatched() (paths []string) {
	for _, r := range o.rules {
		if !r.matched.Load() {
			paths = append(paths, r.Path)
		}
	}
	return paths
}
