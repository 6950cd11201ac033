package config

import (
	"net/netip"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/limit"
)

// RateLimit is how often clients may ask. Assets do not count.
type RateLimit struct {
	Default   limit.Rate       `yaml:"default" default:"600/min" doc:"How much one principal may ask, as \"600/min\" or \"5/min burst 10\"; assets are not counted."`
	Address   limit.Rate       `yaml:"address" default:"6000/min" doc:"The same by address (IPv6 by /64), signed in or not: an office, or a carrier's customers, stand behind one."`
	Principal limit.Rate       `yaml:"principal" doc:"In place of default, where it is another." example:"300/min"`
	SignIn    limit.Rate       `yaml:"sign_in" default:"5/min burst 20" doc:"Attempts to sign in that don't succeed, by address."`
	Routes    []RouteRateLimit `yaml:"routes" doc:"Paths that cost more, or have a rate of their own; the first that matches decides." example:"[{path: /search, cost: 5}, {path: /export, rate: 10/h}]"`
}

// RouteRateLimit is the limit of one path.
type RouteRateLimit struct {
	Path    string     `yaml:"path" need:"true" doc:"A path as in routes." example:"/search"`
	Methods []string   `yaml:"methods" doc:"The methods that it is for; all where not given." example:"[POST]"`
	Rate    limit.Rate `yaml:"rate" doc:"A rate of its own, beside that of everything." example:"10/min"`
	Cost    int        `yaml:"cost" doc:"How many requests one of these counts for." example:"5"`
}

// AccessRule says who may call a path. The first for a path and method decides.
type AccessRule struct {
	Path         string           `yaml:"path" need:"true" doc:"A path as in routes; the case of letters and a slash at the end make no difference." example:"/admin/"`
	Methods      []string         `yaml:"methods" doc:"The methods that it is for; all where not given. GET stands for HEAD too." example:"[GET]"`
	Public       bool             `yaml:"public" default:"false" doc:"Lets everybody in. Below a prefix of closed it needs a reason."`
	SignedIn     bool             `yaml:"signed_in" default:"false" doc:"Lets in whoever is signed in; each of the following implies it."`
	Roles        []string         `yaml:"roles" doc:"One of these roles is enough." example:"[admin]"`
	Scopes       []string         `yaml:"scopes" doc:"All of these scopes are asked for." example:"[\"orders:write\"]"`
	SecondFactor bool             `yaml:"second_factor" default:"false" doc:"Asks for a sign-in that took two factors, as far as its source can tell."`
	MaxAge       Duration         `yaml:"max_age" doc:"How long ago the sign-in may be." example:"15m"`
	Unknown      bool             `yaml:"unknown" default:"false" doc:"Lets in sessions that are older than the gate, whose owner is not known yet. Needs a reason."`
	Addresses    []netip.Prefix   `yaml:"addresses" doc:"Where given, the only addresses that may." example:"[10.0.0.0/8]"`
	Reason       gatehouse.Reason `yaml:"reason" doc:"Why it lets in whom the others would not." example:"the status page is for everybody"`
}

// Identity is who requests are from.
type Identity struct {
	BackendSession    BackendSession       `yaml:"backend_session" doc:"The backend's own sessions: what its sign-in gives, a cookie or a token, is bound to the account that signed in."`
	SignIn            SignIn               `yaml:"sign_in" doc:"The backend's own sign-in, sign-up and recovery, which are found by themselves, and how guessing is limited."`
	JWT               []JWT                `yaml:"jwt" doc:"Whose tokens count, beside the backend's own." example:"[{issuer: \"https://id.example.com\", jwks: \"https://id.example.com/jwks.json\", audience: [shop], max_age: 15m}]"`
	ClientCertificate PrincipalCertificate `yaml:"client_certificate" doc:"Clients that prove who they are by a certificate when they connect."`
}

// BackendSession is about the backend's own sessions.
type BackendSession struct {
	Cookies  []string         `yaml:"cookies" doc:"The session's cookies; learned where not given." example:"[sid]"`
	Idle     Duration         `yaml:"idle" default:"30d" doc:"How long a session is remembered that is not used."`
	Me       []Me             `yaml:"me" doc:"Routes whose JSON tells who is signed in." example:"[{path: /api/me, aliases: {id: users.id}}]"`
	Accounts []SessionAccount `yaml:"accounts" doc:"What is known of people besides." example:"[{name: ann@example.com, roles: [admin]}]"`
	Roles    []string         `yaml:"roles" doc:"Columns of a person's row that hold roles, where the sign-in reads it through an SQL gate." example:"[users.role]"`
}

// Me is a route that tells who is signed in.
type Me struct {
	Path    string            `yaml:"path" need:"true" doc:"A path as in routes." example:"/api/me"`
	Aliases map[string]string `yaml:"aliases" need:"true" doc:"Members of its JSON, by name or path with dots, with the column that each is." example:"{id: users.id}"`
}

// SessionAccount is what the configuration says of one person.
type SessionAccount struct {
	Name    string            `yaml:"name" need:"true" doc:"The account's name, as it signs in." example:"ann@example.com"`
	Tenant  string            `yaml:"tenant" doc:"Whose customer it is." example:"acme"`
	Roles   []string          `yaml:"roles" doc:"Its roles." example:"[admin]"`
	Aliases map[string]string `yaml:"aliases" doc:"Other names of it, by column." example:"{users.id: \"7\"}"`
}

// SignIn is how the backend's sign-in is found and guarded.
type SignIn struct {
	Routes        []SignInRoute `yaml:"routes" doc:"Routes that are not found by themselves, or are no attempt although they look like one." example:"[{path: /session, kind: sign_in, account: user, secret: pin}]"`
	CaseSensitive bool          `yaml:"case_sensitive" default:"false" doc:"Whether the backend tells Ann from ann."`
	Alike         bool          `yaml:"alike" default:"false" doc:"Answers every failed sign-in, and every request for a recovery, by one page of the gate's (JSON for programs), so that neither words nor time tell which accounts there are."`
	MaxFailures   int           `yaml:"max_failures" restart:"true" default:"100" doc:"Failures in a row after which strangers are not let try an account any more; devices that signed in to it before have a count of their own."`
}

// SignInRoute declares what requests to a path are.
type SignInRoute struct {
	Path    string           `yaml:"path" need:"true" doc:"A path as in routes." example:"/session"`
	Method  string           `yaml:"method" doc:"The method; every unsafe one where not given." example:"POST"`
	Kind    string           `yaml:"kind" need:"true" enum:"none,sign_in,sign_up,recovery,second_factor,confirm,sign_out,coupon" doc:"What they are; none needs a reason." example:"sign_in"`
	Account string           `yaml:"account" doc:"The field that names the account; found where not given." example:"user"`
	Secret  string           `yaml:"secret" doc:"The field that proves it; found where not given." example:"pin"`
	SignsIn bool             `yaml:"signs_in" default:"false" doc:"Says of sign_up that it signs in whom it registers, in a session that its answer begins, and tells names that are taken. Needed where visitors have a session too; needs a reason."`
	Reason  gatehouse.Reason `yaml:"reason" doc:"Why it is no attempt, or signs_in." example:"a search that has a field password"`
}

// JWT is an issuer whose tokens count.
type JWT struct {
	Issuer       string    `yaml:"issuer" need:"true" doc:"Its iss, exactly." example:"https://id.example.com"`
	JWKS         string    `yaml:"jwks" doc:"Where its keys are had, by https; or file." example:"https://id.example.com/jwks.json"`
	File         string    `yaml:"file" path:"true" doc:"A file of its keys, in place of jwks." example:"/etc/gatehouse/jwks.json"`
	Audience     []string  `yaml:"audience" need:"true" doc:"The aud that means this site; one of them is enough." example:"[shop]"`
	Algorithms   []string  `yaml:"algorithms" doc:"The algorithms that its keys may be used with; where not given, those that the keys name." example:"[ES256]"`
	Types        []string  `yaml:"types" doc:"The typ of its tokens; any where not given." example:"[at+jwt]"`
	MaxAge       Duration  `yaml:"max_age" doc:"How long a token counts from its iat, which it then must have." example:"15m"`
	Cookies      []string  `yaml:"cookies" doc:"Cookies that hold tokens, beside Authorization." example:"[access_token]"`
	Claims       JWTClaims `yaml:"claims" doc:"Where in a token what stands."`
	SecondFactor []string  `yaml:"second_factor" doc:"Values of acr that mean two factors; amr is understood by itself." example:"[\"urn:mace:incommon:iap:silver\"]"`
}

// JWTClaims name members of a token, or JSON pointers into it.
type JWTClaims struct {
	Subject string `yaml:"subject" doc:"What names the principal; sub where not given." example:"email"`
	Tenant  string `yaml:"tenant" doc:"Whose customer it is." example:"org"`
	Roles   string `yaml:"roles" doc:"Its roles; roles where not given." example:"/realm_access/roles"`
	Scopes  string `yaml:"scopes" doc:"Its scopes; scope where not given." example:"scp"`
}

// PrincipalCertificate is about clients' certificates. There is none where
// Authorities is empty.
type PrincipalCertificate struct {
	Authorities string `yaml:"authorities" restart:"true" path:"true" doc:"A PEM file: the authorities whose certificates count; clients are asked for one, and need none." example:"/etc/gatehouse/clients.pem"`
	Name        string `yaml:"name" restart:"true" default:"common-name" enum:"common-name,dns,email,uri" doc:"What of a certificate names the principal."`
	Prefix      string `yaml:"prefix" restart:"true" doc:"What the name begins with." example:"spiffe://example.org/"`
	Suffix      string `yaml:"suffix" restart:"true" doc:"What it ends with." example:"\"@example.com\""`
	Tenant      string `yaml:"tenant" restart:"true" default:"none" enum:"none,organization,unit" doc:"What of the subject is the tenant."`
	Roles       string `yaml:"roles" restart:"true" default:"none" enum:"none,organization,unit" doc:"What of the subject are roles."`
}
