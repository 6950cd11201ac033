package gateway

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/ratelimit"
	"github.com/gatehousehq/gatehouse/identity/signin"
	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/limit"
	"github.com/gatehousehq/gatehouse/store/redis"
)

// This file joins application/ratelimit to its lines of the ladder.

// maxCounted is how many addresses and principals are counted at once, in some 100
// MB at the most.
const maxCounted = 1_000_000

// limiters count, in memory or in a Redis that several gates share.
type limiters struct {
	limit.Limiter
	local  *limit.Memory
	shared *redis.Limiter // nil: none is configured
}

func (g *Gate) openLimiters(c *config.Config) (err error) {
	l := &g.limiters
	if l.local, err = limit.NewMemory(limit.MemoryOptions{MaxKeys: maxCounted, Now: g.now}); err != nil {
		return err
	}
	l.Limiter = l.local
	if c.Store.Cache == "" {
		return nil
	}
	// What the gates that share it have in common is its address, with the
	// password in it.
	secret := sha256.Sum256([]byte("gatehouse ratelimit\n" + c.Store.Cache))
	if l.shared, err = redis.New(redis.Options{URL: c.Store.Cache, Secret: secret[:]}); err != nil {
		return fmt.Errorf("store.cache: %w", err)
	}
	l.Limiter, err = limit.NewFallback(limit.FallbackOptions{
		Primary: l.shared, Secondary: l.local, Now: g.now,
		Down: func(err error) {
			g.logger.Error("store.cache does not answer: each gate counts by itself", "error", err)
		},
		Up: func(after time.Duration) { g.logger.Info("store.cache answers again", "after", after) },
	})
	return err
}

func (l *limiters) close() error {
	if l.shared == nil {
		return nil
	}
	return l.shared.Close()
}

// ofReplica is what counts in this gate alone, where another counts for all; nil
// where one does both.
func (l *limiters) ofReplica() limit.Limiter {
	if l.shared == nil {
		return nil
	}
	return l.local
}

func (g *Gate) limitsOf(c *config.Config) (*ratelimit.Limits, error) {
	r := c.Application.RateLimit
	if old := g.unchanged(c, func(c *config.Config) any { return [...]any{c.Application.RateLimit, c.Identity.SignIn} }); old != nil {
		return old.limits, nil
	}
	o := ratelimit.Options{Limiter: g.limiters.Limiter, Local: g.limiters.ofReplica(), Default: r.Default, Address: r.Address, Principal: r.Principal, SignIn: r.SignIn, Now: g.now}
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
		Addr: t.client.Addr, Crowd: everybody(t.client), Principal: t.x.Principal,
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
		a := t.tries()
		q.SignIn = a.Kind == signin.SignIn && !a.basic()
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
