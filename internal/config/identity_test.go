package config

import (
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/limit"
)

func TestParse_Identity(t *testing.T) {
	c, errs := parse(t, `application:
  ratelimit: {default: 300/min, routes: [{path: /search, cost: 5}]}
  access: [{path: /admin/, roles: [admin], max_age: 15m}, {path: /status, public: true, reason: for everybody}]
  closed: [/admin/]
identity:
  backend_session: {cookies: [sid], me: [{path: /api/me, aliases: {id: users.id}}], accounts: [{name: ann, roles: [admin]}]}
  sign_in: {routes: [{path: /session, kind: sign_in, account: user, secret: pin}]}
  jwt: [{issuer: "https://id.example.com", jwks: "https://id.example.com/jwks.json", audience: [shop], max_age: 15m}]
`)
	if errs != nil {
		t.Fatal(errs)
	}
	limits := c.Application.RateLimit
	if limits.Default != (limit.Rate{Count: 300, Per: time.Minute}) || limits.SignIn != (limit.Rate{Count: 5, Per: time.Minute, Burst: 20}) || limits.Routes[0].Cost != 5 {
		t.Errorf("limits %+v", limits)
	}
	if a := c.Application.Access; len(a) != 2 || a[0].MaxAge.Std() != 15*time.Minute || !a[1].Public {
		t.Errorf("access %+v", a)
	}
	s := c.Identity.BackendSession
	if s.Idle.Std() != 30*24*time.Hour || s.Me[0].Aliases["id"] != "users.id" || s.Accounts[0].Roles[0] != "admin" || c.Identity.JWT[0].MaxAge.Std() != 15*time.Minute {
		t.Errorf("identity %+v", c.Identity)
	}
}

func TestParse_IdentityMistakes_AreNamed(t *testing.T) {
	for text, want := range map[string]string{
		"application: {access: [{path: /a, public: true, roles: [x]}]}":                         "2:35: application.access[0].public: contradicts what else the rule asks for; remove one of the two",
		"application: {access: [{path: /a}]}":                                                   "2:24: application.access[0]: lets in nobody and asks for nothing; add public: true, signed_in: true, roles, scopes or addresses",
		"application: {access: [{path: /a, unknown: true}]}":                                    "2:35: application.access[0].unknown: is set without a reason; add reason: beside it and say in one sentence why sessions of nobody knows whom may pass",
		"application: {closed: [/admin]}":                                                       "2:24: application.closed[0]: is no prefix; end it with a slash, such as /admin/",
		"application: {ratelimit: {default: lots}}":                                             `2:27: application.ratelimit.default: "lots" is not a rate; write one such as 600/min, 5/15min or 5/min burst 10`,
		"application: {ratelimit: {routes: [{path: /a}]}}":                                      "2:36: application.ratelimit.routes[0]: has neither rate nor cost; add rate: 10/min or cost: 5",
		"identity: {backend_session: {idle: 1s}}":                                               "2:30: identity.backend_session.idle: is below a minute; 30d suits most sites",
		"identity: {sign_in: {max_failures: 2}}":                                                "2:22: identity.sign_in.max_failures: is not between 6 and 100; a person mistypes five times; 100 suits most sites",
		"identity: {sign_in: {routes: [{path: /a, kind: none}]}}":                               "2:42: identity.sign_in.routes[0].kind: is none without a reason; add reason: beside it and say in one sentence why it is no attempt",
		"identity: {sign_in: {routes: [{path: /a, kind: sign_up, signs_in: true}]}}":            "2:57: identity.sign_in.routes[0].signs_in: is set without a reason; add reason: beside it and say in one sentence how you know that names which are taken are told",
		"identity: {sign_in: {routes: [{path: /a, kind: sign_in, signs_in: true, reason: x}]}}": "2:57: identity.sign_in.routes[0].signs_in: is for kind: sign_up alone; remove it, or change kind",
		"identity: {jwt: [{issuer: a, audience: [b]}]}":                                         "2:18: identity.jwt[0].jwks: is missing; add the address of the issuer's keys, or file: with them",
		"identity: {jwt: [{issuer: a, audience: [b], jwks: 'http://x'}]}":                       `2:45: identity.jwt[0].jwks: "http://x" is no https address; write one such as https://id.example.com/jwks.json`,
		"identity: {jwt: [{issuer: a, audience: [b], jwks: 'https://x', algorithms: [HS256]}]}": "2:77: identity.jwt[0].algorithms[0]: is not for public keys; name those of RFC 7518 such as ES256, RS256, PS256 or EdDSA",
		"identity: {client_certificate: {authorities: /etc/none}}":                              `2:33: identity.client_certificate.authorities: "/etc/none" cannot be read: file does not exist`,
	} {
		if _, errs := parse(t, text); len(errs) != 1 || errs[0] != "gatehouse.yaml:"+want {
			t.Errorf("%s:\ngot  %q\nwant %q", text, errs, "gatehouse.yaml:"+want)
		}
	}
}
