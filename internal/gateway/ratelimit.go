package gateway

import (
	"net/http"
	"reflect"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/ratelimit"
	"github.com/gatehousehq/gatehouse/identity/signin"
	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/limit"
)

// This file joins application/ratelimit to its lines of the ladder.

// maxCounted is how many addresses and principals are counted at once, in some 100
// MB at the most.
const maxCounted = 1_000_000

func (g *Gate) openLimiter() (err error) {
	g.limiter, err = limit.NewMemory(limit.MemoryOptions{MaxKeys: maxCounted, Now: g.now})
	return err
}

func (g *Gate) limitsOf(c *config.Config) (*ratelimit.Limits, error) {
	r := c.Application.RateLimit
	if old := g.current.Load(); old != nil && reflect.DeepEqual(old.config.Application.RateLimit, r) && reflect.DeepEqual(old.config.Identity.SignIn, c.Identity.SignIn) {
		return old.limits, nil
	}
	o := ratelimit.Options{Limiter: g.limiter, Default: r.Default, Address: r.Address, Principal: r.Principal, SignIn: r.SignIn, Now: g.now}
	for _, route := range r.Routes {
		o.Routes = append(o.Routes, ratelimit.Route{Pattern: route.Path, Methods: route.Methods, Rate: route.Rate, Cost: route.Cost})
	}
	for _, route := range c.Identity.SignIn.Routes {
		if route.Kind == signin.SignIn.String() {
			o.Routes = append(o.Routes, ratelimit.Route{Pattern: route.Path, SignIn: true})
		}
	}
	return ratelimit.New(o)
}

func (t *transit) asks() ratelimit.Request {
	return ratelimit.Request{
		Method: t.r.Method, Path: t.r.URL.EscapedPath(), Dest: t.r.Header.Get("Sec-Fetch-Dest"),
		Addr: t.client.Addr, Crowd: t.client.Undeclared, Principal: t.x.Principal,
	}
}

func addressLimitRung(*config.Config, *Gate) (requestCheck, error) {
	return func(t *transit) (d gatehouse.Decision) {
		d, t.standing = t.asm.limits.CheckAddress(t.r.Context(), t.asks())
		return d
	}, nil
}

func principalLimitRung(*config.Config, *Gate) (requestCheck, error) {
	return func(t *transit) (d gatehouse.Decision) {
		q := t.asks()
		q.SignIn = t.tries().Kind == signin.SignIn && t.attempt.SecretAt.Kind != gatehouse.Header // HTTP Basic comes with each request
		d, t.standing = t.asm.limits.CheckPrincipal(t.r.Context(), q, t.standing)
		return d
	}, nil
}

// limitFieldsRung tells clients how they stand.
func limitFieldsRung(*config.Config, *Gate) (responseStep, error) {
	return responseStep{check: func(t *transit, res *http.Response, _ bool) gatehouse.Decision {
		t.asm.limits.Answered(t.r.Context(), t.asks(), t.standing, res.StatusCode, res.Header)
		t.standing.Fields(res.Header)
		return gatehouse.Passed()
	}}, nil
}
