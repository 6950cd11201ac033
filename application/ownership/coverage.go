package ownership

import (
	"cmp"
	"slices"
	"strings"
	"sync"
)

// maxCovered bounds the routes that are listed as seen without a rule.
const maxCovered = 2048

// An Uncovered is a route that names one thing of many, and that no rule is for.
type Uncovered struct {
	Route string
	// Requests counts them, SignedIn those of a known principal.
	Requests, SignedIn uint64
}

// coverage is ready as its zero value.
type coverage struct {
	mu     sync.Mutex
	routes map[string]*Uncovered
	beyond uint64
}

// note counts a request of a route with an identifier in its path, or a parameter
// of its query that is called one.
func (c *coverage) note(q *Request) {
	if !strings.Contains(q.Route, "{") && !asksByID(q) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	u := c.routes[q.Route]
	if u == nil {
		if len(c.routes) >= maxCovered {
			c.beyond++
			return
		}
		if c.routes == nil {
			c.routes = make(map[string]*Uncovered)
		}
		route := strings.Clone(q.Route)
		u = &Uncovered{Route: route}
		c.routes[route] = u
	}
	u.Requests++
	if q.Principal.Known() {
		u.SignedIn++
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

// Uncovered lists the routes with an identifier that were seen without a rule,
// those that signed-in principals asked for most first, and how many requests were
// for routes beyond the first 2,048.
func (o *Ownership) Uncovered() (list []Uncovered, beyond uint64) {
	o.coverage.mu.Lock()
	defer o.coverage.mu.Unlock()
	for _, u := range o.coverage.routes {
		list = append(list, *u)
	}
	slices.SortFunc(list, func(x, y Uncovered) int {
		return cmp.Or(cmp.Compare(y.SignedIn, x.SignedIn), cmp.Compare(y.Requests, x.Requests), cmp.Compare(x.Route, y.Route))
	})
	return list, o.coverage.beyond
}

// Unmatched are the paths of rules that no request matched since New.
func (o *Ownership) Unmatched() (paths []string) {
	for _, r := range o.rules {
		if !r.matched.Load() {
			paths = append(paths, r.Path)
		}
	}
	return paths
}
