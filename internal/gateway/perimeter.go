package gateway

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/events"
	"github.com/gatehousehq/gatehouse/identity/signin"
	"github.com/gatehousehq/gatehouse/identity/throttle"
	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/network"
	"github.com/gatehousehq/gatehouse/network/patterns"
)

// This file joins what package network knows beyond single addresses: who names
// clients in PROXY headers, what an address holds at once, and what is unusual.

// proxyProtocolRung takes the client's address from declared senders.
func proxyProtocolRung(g *Gate) wrapListener {
	return func(l net.Listener) (net.Listener, error) {
		senders := g.current.Load().config.Network.ProxyProtocol
		if len(senders) == 0 {
			return l, nil
		}
		return g.network.ProxyProtocol(l, network.ProxyProtocolOptions{Senders: senders})
	}
}

func heldAtOnce(c *config.Config) network.LimitOptions {
	l := c.Network.Limits
	bound := func(n int) int { return cmp.Or(n, -1) } // in the configuration zero means any number
	return network.LimitOptions{
		Connections: bound(l.ConnectionsPerAddress), Total: bound(l.Connections), Requests: bound(l.RequestsPerAddress),
	}
}

// setNetwork hands what a reload may change to the network, or with an error
// nothing of it.
func (g *Gate) setNetwork(old, c *config.Config) error {
	if err := g.network.SetLists(lists(c)); err != nil {
		return err
	}
	err := g.network.SetLimits(heldAtOnce(c))
	if err != nil {
		_ = g.network.SetLists(lists(old)) // they were taken before
	}
	return err
}

// busyFor is when a client may ask again that has too many requests under way.
const busyFor = time.Second

func clientRung(_ *config.Config, g *Gate) (requestCheck, error) {
	return func(t *transit) (d gatehouse.Decision) {
		t.client, d = g.network.Settle(t.r)
		t.x.Client = t.client.Addr
		if t.client.Host != "" {
			t.x.Host = t.client.Host
		}
		var busy gatehouse.Decision
		if t.turn, busy = g.network.Enter(t.client); busy.Verdict != gatehouse.Pass && d.Verdict == gatehouse.Pass {
			t.retryAfter = busyFor
			return busy
		}
		return d
	}, nil
}

// turnedAway is the event of a client that may not connect, or asks for too much
// at once.
func turnedAway(a events.About, d gatehouse.Decision, o gatehouse.Outcome) gatehouse.Event {
	if d.Rule == network.RuleRequests {
		return events.RateLimited(a, d, o)
	}
	return events.AuthzFail(a, d, o)
}

// patternsOf makes what watches for patterns. What it has seen outlives a reload
// that does not change its section.
func (g *Gate) patternsOf(c *config.Config) (*patterns.Patterns, error) {
	if old := g.unchanged(c, func(c *config.Config) any { return c.Network.Patterns }); old != nil {
		return old.patterns, nil
	}
	o := patterns.Options{Now: g.now}
	for _, e := range c.Network.Patterns.Exempt {
		o.Exempt = append(o.Exempt, patterns.Exemption(e))
	}
	p, err := patterns.New(o)
	if err != nil {
		return nil, fmt.Errorf("network.patterns: %w", err)
	}
	return p, nil
}

// seen tells whoever learns from what is ordinary that the request was answered.
// What was refused for its address alone says nothing of its client, and behind
// some addresses stands everybody.
func (t *transit) seen() {
	t.closeAttempt()
	t.keepProofs()
	if t.w.status == 0 || t.byAddress || strings.HasPrefix(t.x.Path, ownPrefix) || everybody(t.client) {
		return
	}
	defer func() {
		if p := recover(); p != nil { // the request is answered: nothing more is denied
			t.gate.recordCrash(t.r.Context(), t.about(), "network/patterns", p)
		}
	}()
	known := t.x.Principal.Known()
	if known && t.w.status < http.StatusBadRequest {
		t.gate.network.Good(t.client.Addr, t.x.Principal.ID)
	}
	s := patterns.Seen{
		Addr: t.client.Addr, Method: t.r.Method, Path: t.x.Path, Query: t.r.URL.RawQuery, Route: t.x.Route, Status: t.w.status,
		Principal: t.x.Principal.ID,
	}
	if s.SignIn = t.signedIn(); s.SignIn != patterns.NoSignIn {
		s.Principal, s.Device = t.attempt.Account, t.device()
	}
	for _, alarm := range t.asm.patterns.Observe(s) {
		t.alarm(alarm)
	}
}

// everybody reports whether a client's address is that of many, for all that is
// known.
func everybody(c network.Client) bool {
	return !c.Addr.IsValid() || c.Addr.IsLoopback() || c.Undeclared || c.TrustedProxy && c.Addr == c.Peer
}

// signedIn says what became of an attempt to sign in.
func (t *transit) signedIn() patterns.SignIn {
	a := &t.attempt
	if !signsIn(a.Kind) || a.try == nil || a.basic() {
		return patterns.NoSignIn
	}
	switch {
	case a.outcome == signin.Success:
		return patterns.Succeeded
	case a.outcome == signin.Failure, t.w.status == http.StatusTooManyRequests && a.try.Decision.Verdict != gatehouse.Pass:
		return patterns.Failed
	}
	return patterns.NoSignIn
}

// signsIn reports whether an attempt of the kind ends with somebody signed in.
func signsIn(k signin.Kind) bool { return k == signin.SignIn || k == signin.SecondFactor }

// ownDevice stands for whichever device an account is known to have.
const ownDevice = "known"

// device names what an attempt that succeeded came from. A device's cookie is
// another after each sign-in, so that those which the throttle knows have one name
// together. What is no browser may keep no cookies: its address is all there is.
func (t *transit) device() string {
	switch {
	case t.setCookie == nil:
		return "" // no cookie can be had, and so nothing tells
	case t.attempt.try.Lane == throttle.LaneKnown:
		return ownDevice
	case t.r.Header.Get("Sec-Fetch-Site") != "":
		return t.setCookie.Value
	}
	return "at " + t.client.Addr.String()
}

// alarm records what is unusual.
func (t *transit) alarm(a patterns.Alarm) {
	if a.Kind == patterns.Device && t.attempt.try.Lane == throttle.LaneKnown {
		return
	}
	about := t.about()
	about.Principal = cmp.Or(about.Principal, a.Principal)
	t.gate.record(context.WithoutCancel(t.r.Context()), a.Event(about))
}
