package gateway

import (
	"errors"
	"net"
	"net/http"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/cors"
	"github.com/gatehousehq/gatehouse/application/csrf"
	"github.com/gatehousehq/gatehouse/identity/throttle"
	"github.com/gatehousehq/gatehouse/input"
	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/network"
)

// This file joins each layer to its line of the ladder: what it is built from,
// and how its answer becomes a decision about a transit. Nothing is decided here.

type wrapListener func(net.Listener) (net.Listener, error)

func addressRung(g *Gate) wrapListener {
	return func(l net.Listener) (net.Listener, error) { return g.network.Listener(l), nil }
}

// tlsRung ends TLS, unless the listener is declared to be behind a proxy that
// did. The certificates are the current assembly's.
func tlsRung(g *Gate) wrapListener {
	return func(l net.Listener) (net.Listener, error) { return g.tlsListener(l), nil }
}

func requestHeadersRung(c *config.Config, _ *Gate) (requestCheck, error) {
	extra := c.Network.RemoveHeaders
	return func(t *transit) gatehouse.Decision {
		network.Clean(t.r.Header, t.client.TrustedProxy, extra)
		if t.r.Trailer != nil {
			network.Clean(t.r.Trailer, false, extra)
		}
		t.attempt.device = throttle.DeviceOf(t.r)
		withoutOwnCookies(t.r.Header)
		return gatehouse.Passed()
	}, nil
}

func responseHeadersRung(*config.Config, *Gate) (responseStep, error) {
	return responseStep{check: func(t *transit, res *http.Response, _ bool) gatehouse.Decision {
		cleanAnswer(res.Header)
		if t.setCookie != nil {
			res.Header.Add("Set-Cookie", t.setCookie.String())
		}
		return gatehouse.Passed()
	}}, nil
}

func inputRung(c *config.Config, g *Gate) (requestCheck, error) {
	parser, err := input.New(input.Options{Limit: int64(c.Input.Limit)})
	if err != nil {
		return nil, err
	}
	pass, err := pathsOf(c.Routes, func(r config.Route) bool { return r.Body == "pass" })
	if err != nil {
		return nil, err
	}
	return func(t *transit) gatehouse.Decision {
		parse := parser.Parse
		if pass.match(t.x.Path) {
			parse = parser.ParseHead
		}
		inputs, err := parse(t.r)
		t.x.Inputs = inputs
		var found *input.Error
		switch {
		case errors.As(err, &found):
			return found.Decision()
		case err == nil && inputs.Streamed():
			t.judgeStream(g, inputs)
		}
		return gatehouse.Passed() // or the body could not be read: see climb
	}, nil
}

// judgeStream judges what is found wrong in a body that is parsed as it passes:
// a refusal ends the reading, and the proxy answers with it.
func (t *transit) judgeStream(g *Gate, inputs *input.Inputs) {
	rung := t.asm.rungByName("input")
	inputs.OnEnd(func(found *input.Error) error {
		if found == nil {
			return nil
		}
		d, ok := t.judge(rung, found.Decision())
		if ok {
			return nil
		}
		t.late.Store(&d)
		return &refusedError{d}
	})
}

func csrfRung(c *config.Config, _ *Gate) (requestCheck, error) {
	o := csrf.Options{Site: c.Site}
	for _, route := range c.Routes {
		if route.CSRF.Exempt != "" {
			o.Exempt = append(o.Exempt, csrf.Exemption{Path: route.Path, Kind: csrf.Kind(route.CSRF.Exempt), Reason: route.CSRF.Reason})
		}
	}
	for _, rule := range c.Application.CORS {
		for _, origin := range rule.Origins {
			if origin != cors.Any { // who may read with credentials may write so
				o.Trusted = append(o.Trusted, csrf.TrustedOrigin{Origin: origin, Path: rule.Path, Reason: "application.cors"})
			}
		}
	}
	for _, trusted := range c.Application.CSRF.TrustedOrigins {
		o.Trusted = append(o.Trusted, csrf.TrustedOrigin{Origin: trusted.Origin, Path: trusted.Path, Reason: trusted.Reason})
	}
	protection, err := csrf.New(o)
	if err != nil {
		return nil, err
	}
	return func(t *transit) gatehouse.Decision { return protection.Check(t.r) }, nil
}
