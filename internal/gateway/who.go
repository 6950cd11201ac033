package gateway

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/access"
	"github.com/gatehousehq/gatehouse/events"
	"github.com/gatehousehq/gatehouse/identity/assertion"
	"github.com/gatehousehq/gatehouse/identity/source"
	"github.com/gatehousehq/gatehouse/identity/source/backend"
	"github.com/gatehousehq/gatehouse/identity/source/clientcert"
	"github.com/gatehousehq/gatehouse/identity/source/jwt"
	"github.com/gatehousehq/gatehouse/internal/config"
)

// This file says who a request is from, and whether they may: identity/source and
// application/access joined to their lines of the ladder.

// A whoIs is what an assembly knows people by. What holds sessions and counts
// outlives a reload that does not change its section.
type whoIs struct {
	sessions *backend.Source
	tokens   *jwt.Source // nil: no issuer is configured
	source   source.Source
	// assertions tell the backend.
	assertions *assertion.Assertions
	access     *access.Access
}

// buildWho makes the sources, those that prove most first: a certificate, a
// foreign token, the backend's own session.
func (g *Gate) buildWho(c *config.Config) (w whoIs, err error) {
	if w.sessions, err = g.sessionsOf(c); err != nil {
		return w, err
	}
	var all []source.Source
	if c.Identity.ClientCertificate.Authorities != "" {
		certs, err := clientCertificates(c.Identity.ClientCertificate, g)
		if err != nil {
			return w, err
		}
		all = append(all, certs)
	}
	if len(c.Identity.JWT) > 0 {
		if w.tokens, err = g.tokensOf(c); err != nil {
			return w, err
		}
		all = append(all, w.tokens)
	}
	if w.assertions, err = g.assertionsOf(c); err != nil {
		return w, err
	}
	w.source = source.First(append(all, w.sessions)...)
	w.access, err = g.accessOf(c)
	return w, err
}

func (g *Gate) sessionsOf(c *config.Config) (*backend.Source, error) {
	s := c.Identity.BackendSession
	if old := g.unchanged(c, func(c *config.Config) any { return c.Identity.BackendSession }); old != nil {
		return old.who.sessions, nil
	}
	if old := g.current.Load(); old != nil {
		if err := old.who.sessions.Flush(context.Background()); err != nil { // the new one reads what is written
			return nil, fmt.Errorf("identity.backend_session: writing the sessions down: %w", err)
		}
	}
	o := backend.Options{Store: g.store, Now: g.now, Cookies: s.Cookies, Idle: s.Idle.Std(), Roles: s.Roles}
	for _, a := range s.Accounts {
		account := backend.Account{Name: a.Name, Tenant: a.Tenant, Roles: a.Roles}
		for _, name := range slices.Sorted(maps.Keys(a.Aliases)) {
			account.Aliases = append(account.Aliases, gatehouse.Alias{Name: name, Value: a.Aliases[name]})
		}
		o.Accounts = append(o.Accounts, account)
	}
	for _, m := range s.Me {
		o.Me = append(o.Me, backend.Me{Path: m.Path, Aliases: m.Aliases})
	}
	return backend.New(o)
}

// ownIssuer is who vouches for principals where the site has no address.
const ownIssuer = "gatehouse"

func (g *Gate) assertionsOf(c *config.Config) (*assertion.Assertions, error) {
	if old := g.unchanged(c, func(c *config.Config) any { return [...]string{c.Site, c.Upstream} }); old != nil {
		return old.who.assertions, nil
	}
	return assertion.New(assertion.Options{
		Store: g.store, Issuer: cmp.Or(c.Site, ownIssuer), Audience: c.Upstream, Logger: g.logger, Now: g.now,
	})
}

// keysPath is where backends get the keys of assertions.
const keysPath = ownPrefix + "jwks"

// assert names the principal to the backend, and reports whether it could: a
// backend that goes by it must not take somebody for nobody.
func (t *transit) assert() bool {
	err := t.asm.who.assertions.Set(t.r.Header, t.x.Principal, t.found.Credential)
	if err != nil {
		t.gate.logger.Error("the backend could not be told who a request is from", "request", t.x.ID, "error", err)
		writeProblem(t.w, t.r, problem{Status: http.StatusInternalServerError, Request: t.x.ID})
	}
	return err == nil
}

func (g *Gate) tokensOf(c *config.Config) (*jwt.Source, error) {
	if old := g.unchanged(c, func(c *config.Config) any { return c.Identity.JWT }); old != nil {
		return old.who.tokens, nil
	}
	return jwt.New(jwtOptions(c.Identity.JWT, g))
}

func jwtOptions(issuers []config.JWT, g *Gate) jwt.Options {
	// A bearer token that is none of the issuers' is the backend's own.
	o := jwt.Options{LeaveOthers: true, Logger: g.logger, Now: g.now}
	for _, i := range issuers {
		o.Issuers = append(o.Issuers, jwt.Issuer{
			Issuer: i.Issuer, JWKS: i.JWKS, File: i.File, Audiences: i.Audience, Algorithms: i.Algorithms, Types: i.Types,
			MaxAge: i.MaxAge.Std(), SecondFactor: i.SecondFactor,
			Claims: jwt.Claims{Subject: i.Claims.Subject, Tenant: i.Claims.Tenant, Roles: i.Claims.Roles, Scopes: i.Claims.Scopes},
		})
		for _, name := range i.Cookies {
			if !slices.Contains(o.Cookies, name) {
				o.Cookies = append(o.Cookies, name)
			}
		}
	}
	return o
}

var certificateNames = map[string]clientcert.Name{
	"common-name": clientcert.CommonName, "dns": clientcert.DNS, "email": clientcert.Email, "uri": clientcert.URI,
}

var certificateAttributes = map[string]clientcert.Attribute{
	"organization": clientcert.Organization, "unit": clientcert.OrganizationalUnit,
}

func clientCertificates(c config.PrincipalCertificate, g *Gate) (*clientcert.Source, error) {
	authorities, err := authoritiesOf(c.Authorities)
	if err != nil {
		return nil, err
	}
	return clientcert.New(clientcert.Options{
		Authorities: authorities, Name: certificateNames[c.Name], Prefix: c.Prefix, Suffix: c.Suffix,
		Tenant: certificateAttributes[c.Tenant], Roles: certificateAttributes[c.Roles], Now: g.now,
	})
}

// authoritiesOf reads a file of certificates.
func authoritiesOf(file string) (all []*x509.Certificate, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("identity.client_certificate.authorities: %w", err)
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		one, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("identity.client_certificate.authorities: %s: %w", file, err)
		}
		all = append(all, one)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("identity.client_certificate.authorities: %s holds no certificate in PEM", file)
	}
	return all, nil
}

func (g *Gate) accessOf(c *config.Config) (*access.Access, error) {
	a := c.Application
	if old := g.unchanged(c, func(c *config.Config) any { return [...]any{c.Application.Access, c.Application.Closed} }); old != nil {
		return old.who.access, nil
	}
	o := access.Options{DefaultDeny: a.Closed, Recorder: g.events, Now: g.now}
	for _, r := range a.Access {
		o.Rules = append(o.Rules, access.Rule{
			Path: r.Path, Methods: r.Methods, Public: r.Public, SignedIn: r.SignedIn, Roles: r.Roles, Scopes: r.Scopes,
			SecondFactor: r.SecondFactor, MaxAge: r.MaxAge.Std(), Unknown: r.Unknown, Addresses: r.Addresses, Reason: r.Reason,
		})
	}
	return access.New(o)
}

// heldRung keeps sessions that a sign-in did not renew to who signed in. It only
// watches where its mode says so: then nothing is taken off a request either.
func heldRung(_ *config.Config, g *Gate) (requestCheck, error) {
	return func(t *transit) gatehouse.Decision {
		d, apart := t.asm.who.sessions.Held(t.r, backend.Bringer{
			Household: gatehouse.Household(t.client.Addr),
			Knows:     func(account string) bool { return g.signIns.throttle.Knows(t.attempt.device, account) },
		})
		switch {
		case d.Verdict == gatehouse.Pass:
		case apart:
			if !t.asm.observe && t.asm.rungByName(source.Rung).modeOf(d.Rule) == gatehouse.Enforce {
				t.asm.who.sessions.TakeOff(t.r)
			}
			return gatehouse.Passed()
		default:
			t.drops = d.Place.Name
		}
		return d
	}, nil
}

// sourceRung settles who the request is from. A credential that proves false is
// refused; nobody, and somebody unknown, are for application/access.
func sourceRung(*config.Config, *Gate) (requestCheck, error) {
	return func(t *transit) gatehouse.Decision {
		t.found = t.asm.who.source.Find(t.r.Context(), t.r)
		switch t.found.Outcome {
		case source.Known:
			t.x.Principal = t.found.Principal
		case source.Invalid:
			if t.found.Decision.Verdict == gatehouse.Pass {
				return gatehouse.Denied("credential", gatehouse.Place{}, "the credential proves false")
			}
			return t.found.Decision
		}
		return gatehouse.Passed()
	}, nil
}

func accessRung(*config.Config, *Gate) (requestCheck, error) {
	return func(t *transit) gatehouse.Decision {
		q := t.wants(access.Overrides(t.r))
		return t.noted(q, t.asm.who.access.Check(q, t.gate.now()))
	}, nil
}

// wants is what the request asks for, by its own method and those it names.
func (t *transit) wants(overrides []string) access.Request {
	return access.Request{
		Method: t.r.Method, Path: t.r.URL.EscapedPath(), Overrides: overrides,
		Principal: t.x.Principal, Unknown: t.found.Outcome == source.Unknown, Addr: t.client.Addr,
	}
}

// noted tells access of its own decision, once for a request.
func (t *transit) noted(q access.Request, d gatehouse.Decision) gatehouse.Decision {
	var about events.About // that of most requests is never told
	if d.Verdict != gatehouse.Pass {
		about = t.about()
	}
	if err := t.asm.who.access.Note(t.r.Context(), about, q, t.x.Route, d); err != nil {
		t.gate.logger.Error("an event could not be recorded", "error", err)
	}
	return d
}

// Coverage is what the rules of application.access, and of application.ownership,
// leave open.
type Coverage struct {
	// Rules is how many there are, prefixes that are closed included.
	Rules int `json:"rules"`
	// Routes have none, those that signed-in principals asked for most first.
	Routes []UncoveredRoute `json:"routes"`
	// Beyond is how many requests were for further routes.
	Beyond uint64 `json:"beyond,omitempty"`
	// Unowned are routes with an identifier that no rule of application.ownership is
	// for, and UnownedBeyond counts requests for further ones.
	Unowned       []UncoveredRoute `json:"unowned,omitempty"`
	UnownedBeyond uint64           `json:"unowned_beyond,omitempty"`
	// Unmatched are rules of application.ownership that no request matched.
	Unmatched []string `json:"unmatched,omitempty"`
}

// An UncoveredRoute is one that no rule is for.
type UncoveredRoute struct {
	Route    string `json:"route"`
	Requests uint64 `json:"requests"`
	SignedIn uint64 `json:"signed_in"`
}

// Coverage asks the running gate.
func (l local) Coverage(context.Context) (Coverage, error) {
	asm := l.current.Load()
	c := Coverage{Rules: len(asm.config.Application.Access) + len(asm.config.Application.Closed)}
	routes, beyond := asm.who.access.Uncovered()
	for _, r := range routes {
		c.Routes = append(c.Routes, UncoveredRoute(r))
	}
	c.Beyond = beyond
	unowned, beyond := asm.ownership.Uncovered()
	for _, r := range unowned {
		c.Unowned = append(c.Unowned, UncoveredRoute(r))
	}
	c.UnownedBeyond, c.Unmatched = beyond, asm.ownership.Unmatched()
	return c, nil
}

// closeWho writes down what the sources hold.
func (g *Gate) closeWho() error {
	asm := g.current.Load()
	if asm == nil || asm.who.sessions == nil {
		return nil
	}
	var errs []error
	if asm.who.tokens != nil {
		errs = append(errs, asm.who.tokens.Close())
	}
	if asm.who.assertions != nil {
		errs = append(errs, asm.who.assertions.Close())
	}
	return errors.Join(append(errs, asm.who.sessions.Close())...)
}
