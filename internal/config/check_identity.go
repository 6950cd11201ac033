package config

import (
	"net/url"
	"slices"
	"strings"
	"time"
)

// checkIdentity looks at who requests are from, and who may what. What only a
// whole set of rules shows (one that never decides) is for application/access.
func (r *reader) checkIdentity(c *Config) {
	for i := range c.Application.Access {
		r.checkAccess(item("application.access", i), &c.Application.Access[i])
	}
	for i, prefix := range c.Application.Closed {
		key := item("application.closed", i)
		r.checkPattern(key, prefix)
		if !strings.HasSuffix(prefix, "/") {
			r.fail(key, "is no prefix", "end it with a slash, such as /admin/")
		}
	}
	r.checkOwnership(&c.Application.Ownership)
	for i := range c.Application.RateLimit.Routes {
		r.checkRouteLimit(item("application.ratelimit.routes", i), &c.Application.RateLimit.Routes[i])
	}
	for i, me := range c.Identity.BackendSession.Me {
		r.checkPattern(item("identity.backend_session.me", i)+".path", me.Path)
	}
	if idle := c.Identity.BackendSession.Idle; idle.Std() < time.Minute {
		r.fail("identity.backend_session.idle", "is below a minute", "30d suits most sites")
	}
	for i, route := range c.Identity.SignIn.Routes {
		key := item("identity.sign_in.routes", i)
		r.checkPattern(key+".path", route.Path)
		if route.Kind == "none" && !route.Reason.Given() {
			r.fail(key+".kind", "is none without a reason", "add reason: beside it and say in one sentence why it is no attempt")
		}
		switch {
		case route.SignsIn && route.Kind != "sign_up":
			r.fail(key+".signs_in", "is for kind: sign_up alone", "remove it, or change kind")
		case route.SignsIn && !route.Reason.Given():
			r.fail(key+".signs_in", "is set without a reason", "add reason: beside it and say in one sentence how you know that names which are taken are told")
		}
	}
	if n := c.Identity.SignIn.MaxFailures; n < 6 || n > 100 {
		r.fail("identity.sign_in.max_failures", "is not between 6 and 100", "a person mistypes five times; 100 suits most sites")
	}
	for i := range c.Identity.JWT {
		r.checkJWT(item("identity.jwt", i), &c.Identity.JWT[i])
	}
	r.checkFile("identity.client_certificate.authorities", c.Identity.ClientCertificate.Authorities)
}

func (r *reader) checkAccess(key string, rule *AccessRule) {
	if rule.Path != "" {
		r.checkPattern(key+".path", rule.Path)
	}
	asks := rule.SignedIn || len(rule.Roles) > 0 || len(rule.Scopes) > 0 || rule.SecondFactor || rule.MaxAge > 0
	switch {
	case rule.Public && asks:
		r.fail(key+".public", "contradicts what else the rule asks for", "remove one of the two")
	case !rule.Public && !asks && len(rule.Addresses) == 0 && !rule.Unknown:
		r.fail(key, "lets in nobody and asks for nothing", "add public: true, signed_in: true, roles, scopes or addresses")
	case rule.Unknown && !rule.Reason.Given():
		r.fail(key+".unknown", "is set without a reason", "add reason: beside it and say in one sentence why sessions of nobody knows whom may pass")
	}
}

func (r *reader) checkRouteLimit(key string, route *RouteRateLimit) {
	if route.Path != "" {
		r.checkPattern(key+".path", route.Path)
	}
	if route.Cost < 0 || route.Cost > 1000 {
		r.fail(key+".cost", "is not between 1 and 1000", "write how many requests one of these counts for")
	}
	if route.Cost == 0 && !r.given(key+".rate") {
		r.fail(key, "has neither rate nor cost", "add rate: 10/min or cost: 5")
	}
}

func (r *reader) checkJWT(key string, j *JWT) {
	switch {
	case j.JWKS == "" && j.File == "":
		r.fail(key+".jwks", "is missing", "add the address of the issuer's keys, or file: with them")
	case j.JWKS != "" && j.File != "":
		r.fail(key+".file", "contradicts jwks: both say where the keys are", "remove one of the two")
	case j.JWKS != "":
		if u, err := url.Parse(j.JWKS); err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !(listener{host: u.Hostname()}).loopback()) {
			r.fail(key+".jwks", r.quote(key+".jwks", j.JWKS)+" is no https address", "write one such as https://id.example.com/jwks.json")
		}
	}
	r.checkFile(key+".file", j.File)
	if i := slices.IndexFunc(j.Algorithms, func(a string) bool { return strings.EqualFold(a, "none") || strings.HasPrefix(a, "HS") }); i >= 0 {
		r.fail(item(key+".algorithms", i), "is not for public keys", "name those of RFC 7518 such as ES256, RS256, PS256 or EdDSA")
	}
}
