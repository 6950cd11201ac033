package input

import (
	"cmp"
	"slices"
	"strings"
	"sync"
)

// maxTally bounds the routes that a RouteTally tells apart.
const maxTally = 2048

// A RouteCount is how often a route was asked for.
type RouteCount struct {
	Route string
	// Requests counts them, SignedIn those of a known principal.
	Requests, SignedIn uint64
}

// A RouteTally counts requests by route. The zero value is ready; its methods may be
// called concurrently.
type RouteTally struct {
	mu     sync.Mutex
	routes map[string]*RouteCount
	beyond uint64
}

// Add counts a request.
func (t *RouteTally) Add(route string, signedIn bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.routes[route]
	if c == nil {
		if len(t.routes) >= maxTally {
			t.beyond++
			return
		}
		if t.routes == nil {
			t.routes = make(map[string]*RouteCount)
		}
		route = strings.Clone(route)
		c = &RouteCount{Route: route}
		t.routes[route] = c
	}
	c.Requests++
	if signedIn {
		c.SignedIn++
	}
}

// List gives the routes, those that signed-in principals asked for most first, and
// how many requests were for routes beyond the first 2,048.
func (t *RouteTally) List() (list []RouteCount, beyond uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range t.routes {
		list = append(list, *c)
	}
	slices.SortFunc(list, func(x, y RouteCount) int {
		return cmp.Or(cmp.Compare(y.SignedIn, x.SignedIn), cmp.Compare(y.Requests, x.Requests), cmp.Compare(x.Route, y.Route))
	})
	return list, t.beyond
}
