package ratelimit

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gatehousehq/gatehouse/input"
	"github.com/gatehousehq/gatehouse/limit"
)

// A Route differs from others. Its requests are never taken for assets.
type Route struct {
	// Pattern is one of package input: "/export" or "/orders/{id}/pdf". It is also
	// held to other spellings of the path that a backend may take for the same: in
	// capitals, with empty or dotted segments, encoded, with or without the slash
	// at the end.
	Pattern string
	// Methods are those it is for; empty means all. GET is HEAD too.
	Methods []string
	// Rate is the route's own, for each principal, or each address of nobody in
	// particular. Zero: it has none.
	Rate limit.Rate
	// Cost is what one request takes of the address's and the principal's rate.
	// Zero means 1. Of the route's own rate each takes 1.
	Cost int
	// SignIn: accounts are signed in to here. Unsafe methods count as attempts, and
	// nobody is told how many are left.
	SignIn bool
}

// A route is a Route that was checked.
type route struct {
	Route
	exact, folded spelling
	rated         bool
	policy        policy
	// id tells its keys from those of other routes, in all replicas alike.
	id string
}

// A spelling is a pattern, with what every path begins with that it matches, and
// whether that wants a slash at its end.
type spelling struct {
	input.Pattern
	begin string
	slash bool
}

func newRoute(r Route, burst int) (route, error) {
	exact, err := newSpelling(r.Pattern)
	if err != nil {
		return route{}, err
	}
	folded, err := newSpelling(foldedPattern(r.Pattern))
	switch {
	case err != nil:
		return route{}, err
	case r.Cost < 0 || r.Cost > burst:
		return route{}, fmt.Errorf("a cost of %d would never be allowed: want 1 to %d, the smallest burst", r.Cost, burst)
	case r.Rate == (limit.Rate{}) && r.Cost == 0 && !r.SignIn:
		return route{}, errors.New("differs in nothing: give it a rate, a cost or sign_in")
	}
	for _, m := range r.Methods {
		if m == "" || m != strings.ToUpper(m) {
			return route{}, fmt.Errorf("%q is no method: they are in capitals", m)
		}
	}
	made := route{Route: r, exact: exact, folded: folded, id: strings.Join(append([]string{r.Pattern}, r.Methods...), " ")}
	if r.Rate != (limit.Rate{}) {
		if err := r.Rate.Check(); err != nil {
			return route{}, err
		}
		made.rated, made.policy = true, newPolicy(RuleRoute, "the route "+r.Pattern, r.Rate)
	}
	return made, nil
}

func newSpelling(pattern string) (spelling, error) {
	p, err := input.ParsePattern(pattern)
	begin := pattern
	if at := strings.IndexFunc(pattern, spelledInWays); at >= 0 {
		begin = pattern[:at]
	}
	return spelling{p, strings.TrimSuffix(begin, "/"), strings.HasSuffix(pattern, "/")}, err
}

// foldedPattern is a pattern as the readings of paths are spelled: in small letters,
// and without the slash of one path alone.
func foldedPattern(pattern string) string {
	if folded := strings.TrimSuffix(input.FoldPath(pattern), "/{$}"); folded != "" {
		return folded
	}
	return pattern
}

// spelledInWays is what a path may have encoded or not.
func spelledInWays(c rune) bool {
	return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '/' || c == '-' || c == '_' || c == '.')
}

// match reports whether the pattern matches the path, or would with a slash at its end.
func (s *spelling) match(path string) bool {
	return strings.HasPrefix(path, s.begin) && (s.Match(path) || s.slash && s.Match(path+"/"))
}

// route finds a request's, nil where it is like any other. A path that can't be read
// as every backend would takes the first rate that there is.
func (l *Limits) route(method, path string) *route {
	if len(l.routes) == 0 {
		return nil
	}
	if method == http.MethodHead {
		method = http.MethodGet
	}
	first := len(l.routes)
	for i := range first {
		if l.routes[i].named(method) && l.routes[i].exact.match(path) {
			first = i
			break
		}
	}
	if !plain(path) {
		whole := input.Readings(path, func(r input.Reading) bool {
			if r.Dots {
				return true // a server that leaves them has no such route
			}
			lower := "/" + strings.Trim(r.Path, "/")
			for i := range first {
				if l.routes[i].named(method) && l.routes[i].folded.match(lower) {
					first = i
					break
				}
			}
			return first > 0
		})
		if rated := slices.IndexFunc(l.routes, func(r route) bool { return r.rated }); !whole && rated >= 0 {
			first = min(first, rated)
		}
	}
	if first == len(l.routes) {
		return nil
	}
	return &l.routes[first]
}

func (r *route) named(method string) bool {
	return len(r.Methods) == 0 || slices.Contains(r.Methods, method)
}

// plain reports whether a path has one spelling alone, but for a slash at its end.
func plain(path string) bool {
	for i := range len(path) {
		switch c := path[i]; {
		case c >= 'A' && c <= 'Z', c == '%', c == ';', c == '\\', c >= 0x80:
			return false
		case c == '/' && (i+1 == len(path) || path[i+1] == '/' || path[i+1] == '.'):
			return i == 0 && len(path) == 1
		case c == '.' && (i+1 == len(path) || path[i+1] == '/' || path[i+1] == '.'):
			return false // Windows drops dots at the end of a name
		}
	}
	return true
}
