package gateway

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/ownership"
	"github.com/gatehousehq/gatehouse/application/protocol"
	"github.com/gatehousehq/gatehouse/application/ratelimit"
	"github.com/gatehousehq/gatehouse/identity/signin"
	"github.com/gatehousehq/gatehouse/input"
	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/network"
	"github.com/gatehousehq/gatehouse/network/patterns"
	"github.com/gatehousehq/gatehouse/transport"
)

// An assembly is all that is made from one configuration. It never changes: a
// reload makes a new one.
type assembly struct {
	config     *config.Config
	observe    bool // --observe: refuse nothing
	connection []activeRung
	request    []requestStep
	response   []responseStep
	statement  statementSteps
	allow      allowList
	routes     []declaredRoute
	serialise  pathSet
	proxy      *proxy
	timeouts   network.Timeouts
	protocol   *protocol.Protocol // for connections
	headers    *siteHeaders       // for the gate's own pages
	who        whoIs
	finder     *signin.Finder
	limits     *ratelimit.Limits
	ownership  *ownership.Ownership
	patterns   *patterns.Patterns
}

type requestStep struct {
	activeRung
	check requestCheck
}

type responseStep struct {
	activeRung
	check responseCheck
	scan  responseScan // nil: it looks into no body
	hold  responseHold // nil: it needs no whole body
	// repair is what is done in place of a refusal, where the answer can be mended.
	repair func(*http.Response)
}

// assemble builds every rung that is not off, and reports all errors at once.
func (g *Gate) assemble(c *config.Config) (*assembly, error) {
	a := &assembly{config: c, observe: g.observe}
	var errs []error
	var err error
	a.who, err = g.buildWho(c)
	errs = append(errs, err)
	a.finder, err = finderOf(c)
	errs = append(errs, err)
	a.limits, err = g.limitsOf(c)
	errs = append(errs, err)
	a.ownership, err = g.ownershipOf(c)
	errs = append(errs, err)
	a.patterns, err = g.patternsOf(c)
	errs = append(errs, err)
	for _, r := range connectionRungs() {
		a.connection = append(a.connection, g.activate(r.rung, c))
	}
	for _, r := range requestRungs() {
		active := g.activate(r.rung, c)
		if active.mode == gatehouse.Off {
			continue
		}
		check, err := r.build(c, g)
		errs = append(errs, err)
		a.request = append(a.request, requestStep{active, check})
	}
	for _, r := range responseRungs() {
		active := g.activate(r.rung, c)
		if active.mode == gatehouse.Off {
			continue
		}
		step, err := r.build(c, g)
		errs = append(errs, err)
		step.activeRung = active
		a.response = append(a.response, step)
	}
	a.statement, err = g.statementSteps(c)
	errs = append(errs, err)
	a.allow, err = compileAllow(c.Allow, g.allowUses, g.now())
	errs = append(errs, err)
	a.routes, err = declaredRoutes(c.Routes)
	errs = append(errs, err)
	a.serialise, err = pathsOf(c.Routes, func(r config.Route) bool { return r.Serialise })
	errs = append(errs, err)
	a.timeouts, err = timeoutsOf(c)
	errs = append(errs, err)
	a.protocol, err = protocol.New(g.protocolOptions(c))
	errs = append(errs, err)
	a.headers, err = g.siteHeaders(c)
	errs = append(errs, err)
	a.proxy, err = g.buildProxy(c)
	errs = append(errs, err)
	return a, errors.Join(errs...)
}

// unchanged is the current assembly where a section of its configuration says what
// it says in c: what was made of it, and what that has counted, serves on. Else nil.
func (g *Gate) unchanged(c *config.Config, section func(*config.Config) any) *assembly {
	if old := g.current.Load(); old != nil && reflect.DeepEqual(section(old.config), section(c)) {
		return old
	}
	return nil
}

// activate gives a rung the mode that the configuration says.
func (g *Gate) activate(r rung, c *config.Config) activeRung {
	active := activeRung{rung: &r, mode: r.mode, ruleModes: make(map[string]gatehouse.Mode), hits: g.hits[r.name]}
	for rule, m := range r.rules {
		active.ruleModes[rule] = m
	}
	if r.fixed {
		return active
	}
	if m, ok := c.Modes[r.name]; ok {
		active.say(m.Mode)
	}
	for name, m := range c.Modes {
		if rule, ok := strings.CutPrefix(name, r.name+"/"); ok && !g.isRung(name) {
			active.ruleModes[rule] = m.Mode
		}
	}
	return active
}

// say puts the rung into the mode that the configuration says of it, which is
// said of its rules too.
func (a *activeRung) say(m gatehouse.Mode) {
	strict := m == config.Strict
	if strict {
		m = gatehouse.Enforce
	}
	a.mode = m
	maps.DeleteFunc(a.ruleModes, func(rule string, _ gatehouse.Mode) bool {
		return m != gatehouse.Enforce || !slices.Contains(a.apart, rule)
	})
	if strict && a.strict != "" {
		a.ruleModes[a.strict] = gatehouse.Enforce
	}
}

func (g *Gate) isRung(name string) bool { return g.hits[name] != nil }

func (g *Gate) buildProxy(c *config.Config) (*proxy, error) {
	upstream, err := parseUpstream(c.Upstream)
	if err != nil {
		return nil, err
	}
	if upstream.Scheme == "unix" {
		return newProxy(upstream, nil, c.Network.Timeouts.Backend.Std(), g), nil
	}
	u := c.Transport.Upstream
	tlsConfig, err := transport.Upstream(transport.UpstreamOptions{
		URL: c.Upstream, CAFile: u.CA, ServerName: u.ServerName,
		CertificateFile: u.ClientCertificate.Certificate, KeyFile: u.ClientCertificate.Key,
		Insecure: u.Insecure.Reason,
	})
	if err != nil {
		return nil, err
	}
	return newProxy(upstream, tlsConfig, c.Network.Timeouts.Backend.Std(), g), nil
}

// mayPassUnrecorded is what becomes of a request that a rung objected to, that
// may pass all the same, and whose event could not be written.
func (a *assembly) mayPassUnrecorded() bool { return a.config.Events.OnFailure != "refuse" }

// rungByName finds an active request rung.
func (a *assembly) rungByName(name string) *activeRung {
	for i := range a.connection {
		if a.connection[i].name == name {
			return &a.connection[i]
		}
	}
	for i := range a.request {
		if a.request[i].name == name {
			return &a.request[i].activeRung
		}
	}
	return nil
}

// A declaredRoute is a path of the configuration, which names its requests.
type declaredRoute struct {
	path    string
	pattern input.Pattern
}

func declaredRoutes(routes []config.Route) ([]declaredRoute, error) {
	var declared []declaredRoute
	for i, r := range routes {
		pattern, err := input.ParsePattern(r.Path)
		if err != nil {
			return nil, fmt.Errorf("routes[%d].path: %w", i, err)
		}
		if !strings.HasSuffix(r.Path, "/") { // a prefix says nothing of the single routes below
			declared = append(declared, declaredRoute{r.Path, pattern})
		}
	}
	return declared, nil
}

// route names what a request is for: a declared route, or its path with the
// identifiers replaced.
func (a *assembly) route(method, path string) string {
	for _, r := range a.routes {
		if r.pattern.Match(path) {
			return method + " " + r.path
		}
	}
	return input.Route(method, path)
}

// pathSet is a set of patterns.
type pathSet []input.Pattern

// pathsOf are the paths of the routes that are chosen.
func pathsOf(routes []config.Route, chosen func(config.Route) bool) (pathSet, error) {
	var set pathSet
	for i, r := range routes {
		if !chosen(r) {
			continue
		}
		pattern, err := input.ParsePattern(r.Path)
		if err != nil {
			return nil, fmt.Errorf("routes[%d].path: %w", i, err)
		}
		set = append(set, pattern)
	}
	return set, nil
}

func (s pathSet) match(path string) bool {
	for _, p := range s {
		if p.Match(path) {
			return true
		}
	}
	return false
}

// lists are the address lists of a configuration.
func lists(c *config.Config) network.Lists {
	return network.Lists{
		TrustedProxies: c.Network.TrustedProxies, Allow: c.Network.Allow, Deny: c.Network.Deny,
		UnixTrusted: c.Transport.EndedBy != "",
	}
}

func timeoutsOf(c *config.Config) (network.Timeouts, error) {
	t := c.Network.Timeouts
	rate := int(t.BodyMinRate)
	if rate == 0 {
		rate = -1 // in the configuration zero means any speed
	}
	return network.Timeouts{
		Header: t.Header.Std(), Idle: t.Idle.Std(), BodyIdle: t.BodyIdle.Std(), BodyMinRate: rate,
	}.WithDefaults()
}

// bypasses are all that the configuration lets pass, each with its reason.
func bypasses(c *config.Config) []Bypass {
	var all []Bypass
	add := func(what string, reason gatehouse.Reason) {
		all = append(all, Bypass{What: what, Reason: reason})
	}
	for _, name := range slices.Sorted(maps.Keys(c.Modes)) {
		if m := c.Modes[name]; m.Mode == gatehouse.Off {
			add("modes: "+name+" is off", m.Reason)
		}
	}
	for _, r := range c.Routes {
		if r.CSRF.Exempt != "" {
			add(fmt.Sprintf("application/csrf does not guard %s (%s)", r.Path, r.CSRF.Exempt), r.CSRF.Reason)
		}
		if r.Body == "pass" {
			reason := r.Reason
			if !reason.Given() {
				reason = r.CSRF.Reason
			}
			add("bodies of "+r.Path+" pass unparsed", reason)
		}
	}
	for _, o := range c.Application.CSRF.TrustedOrigins {
		add("application/csrf trusts "+o.Origin, o.Reason)
	}
	if c.Transport.Upstream.Insecure.Reason.Given() {
		add("the backend's certificate is not verified", c.Transport.Upstream.Insecure.Reason)
	}
	if c.Network.Plaintext.Reason.Given() {
		add("clients connect without TLS", c.Network.Plaintext.Reason)
	}
	for _, r := range c.Application.Ownership.Rules {
		if r.Public.Given() {
			add("application/ownership lets everybody have "+r.Path, r.Public)
		}
	}
	for _, s := range c.Application.Ownership.Shares {
		add(fmt.Sprintf("%s %s is shared with %s until %s", s.Thing, s.ID, s.Principal, s.Until), s.Reason)
	}
	for _, e := range c.Network.Patterns.Exempt {
		what := "walks through identifiers are not told"
		if e.Path != "" {
			what += " at " + e.Path
		}
		if e.Principal != "" {
			what += " of " + e.Principal
		}
		add(what, e.Reason)
	}
	if c.Network.Private.Reason.Given() {
		add("the private listener asks for no token", c.Network.Private.Reason)
	}
	signInBypasses(c, add)
	sqlBypasses(c, add)
	for _, e := range c.Allow {
		add(fmt.Sprintf("allow %s: %s %s %s", e.ID, e.Rung, e.Rule, e.Path), e.Reason)
	}
	return all
}

// A Bypass is one thing that passes though it ordinarily would not.
type Bypass struct {
	What   string           `json:"what"`
	Reason gatehouse.Reason `json:"reason"`
}

// siteHosts are the host names that the gate answers for.
func siteHosts(c *config.Config) []string {
	if u, err := url.Parse(c.Site); err == nil && u.Hostname() != "" {
		return []string{u.Hostname()}
	}
	return nil
}

// parseUpstream reads the backend's address: http, https or unix.
func parseUpstream(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, fmt.Errorf("upstream: %w", err)
	}
	switch {
	case u.Scheme == "unix" && u.Path != "":
	case (u.Scheme == "http" || u.Scheme == "https") && u.Host != "":
	default:
		return nil, fmt.Errorf("upstream %q: want http://host:port, https://host:port or unix:/path", u.Redacted())
	}
	return u, nil
}
