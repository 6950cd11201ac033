package gateway

import (
	"maps"
	"slices"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/access"
	"github.com/gatehousehq/gatehouse/application/cookies"
	"github.com/gatehousehq/gatehouse/application/cors"
	"github.com/gatehousehq/gatehouse/application/csrf"
	"github.com/gatehousehq/gatehouse/application/exposed"
	"github.com/gatehousehq/gatehouse/application/headers"
	"github.com/gatehousehq/gatehouse/application/leaks"
	"github.com/gatehousehq/gatehouse/application/markup"
	"github.com/gatehousehq/gatehouse/application/ownership"
	"github.com/gatehousehq/gatehouse/application/protocol"
	"github.com/gatehousehq/gatehouse/application/ratelimit"
	"github.com/gatehousehq/gatehouse/application/sanitize"
	"github.com/gatehousehq/gatehouse/data/guard"
	"github.com/gatehousehq/gatehouse/data/policy"
	"github.com/gatehousehq/gatehouse/data/sqlgate"
	"github.com/gatehousehq/gatehouse/events"
	"github.com/gatehousehq/gatehouse/identity/source"
	"github.com/gatehousehq/gatehouse/identity/throttle"
	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/network"
	"github.com/gatehousehq/gatehouse/taint"
)

// This file is the ladder: what a connection, a request, a response and a statement
// pass, in this order. A later rung relies on what an earlier one settled. Removing a
// layer is deleting its folder and its lines here. `gatehouse layers` prints
// these tables, and testdata/ladder.golden pins them.

// A rung is what every line of the ladder says of itself.
type rung struct {
	// name is what `modes`, `promote`, `explain` and `allow` call it.
	name string
	// stops is what it stops, for a person.
	stops string
	// why says why it stands where it stands.
	why string
	// holds says what of a body it may hold; empty means nothing.
	holds string
	// mode is what it is shipped in: enforce only if it can't break a working
	// site.
	mode gatehouse.Mode
	// rules are those whose shipped mode differs from the rung's.
	rules map[string]gatehouse.Mode
	// apart are those of rules whose mode goes by lines of their own: enforce
	// said of the rung leaves them as they are shipped.
	apart []string
	// strict is the one of apart that the mode strict enforces with the rung;
	// empty: the rung has no such mode.
	strict string
	// missed is what later rungs do without where this one is off; empty: nothing.
	missed string
	// byAddress marks a rung that refuses for the client's address alone, so that
	// a refusal says nothing of what the client does.
	byAddress bool
	// fixed marks what the gate can't do without: it has no mode to choose.
	fixed bool
	// event is the security event that a refusal is recorded as, where the rung
	// does not choose it by the decision.
	event func(events.About, gatehouse.Decision, gatehouse.Outcome) gatehouse.Event
}

type connectionRung struct {
	rung
	// build returns what wraps a listener.
	build func(*Gate) wrapListener
}

type requestRung struct {
	rung
	build func(*config.Config, *Gate) (requestCheck, error)
}

type responseRung struct {
	rung
	build func(*config.Config, *Gate) (responseStep, error)
}

// connectionRungs stand before HTTP: what they refuse costs no handshake.
func connectionRungs() []connectionRung {
	return append(beforeTLS(), []connectionRung{
		{rung{
			name:  "transport/tls",
			stops: "eavesdropping and tampering on the way; old protocol versions and ciphers",
			why:   "before any byte of a request is read",
			fixed: true,
		}, tlsRung},
		{rung{
			name:  protocol.Rung,
			stops: "requests whose end can be read in two ways (smuggling), and heads that are none",
			why:   "before anything reads a request: what is one request here is one to everybody",
			holds: "a head, until it is whole",
			event: events.InputValidationFail,
		}, protocolListenerRung},
	}...)
}

// addressName is the rung whose mode the network keeps for its listeners.
const addressName = "network/address"

// beforeTLS are those of the port that redirects too.
func beforeTLS() []connectionRung {
	return []connectionRung{
		{rung{
			name:  network.RungProxyProtocol,
			stops: "PROXY headers of anybody but network.proxy_protocol, and connections of those without one",
			why:   "first: it says whose the connection is",
			fixed: true,
		}, proxyProtocolRung},
		{rung{
			name:  addressName,
			stops: "connections from banned and denied addresses, and more of one than network.limits lets it have",
			why:   "once the address is known: no handshake is spent on a banned peer",
			event: events.AuthzFail,
		}, addressRung},
	}
}

// protocolRules are observed first: sites exist that have such paths, and that are
// reached by other names.
func protocolRules() map[string]gatehouse.Mode {
	return map[string]gatehouse.Mode{
		protocol.RuleDouble: gatehouse.Observe, protocol.RuleEncoding: gatehouse.Observe, protocol.RuleSiteHost: gatehouse.Observe,
	}
}

// inURLRules are findings for the application's makers: refusing would not take the
// secret out of anybody's history.
func inURLRules() map[string]gatehouse.Mode {
	return map[string]gatehouse.Mode{
		exposed.RuleSessionInURL: gatehouse.Observe, exposed.RuleTokenInURL: gatehouse.Observe, exposed.RulePasswordInURL: gatehouse.Observe,
	}
}

// requestRungs stand between a parsed head and the backend.
func requestRungs() []requestRung {
	return []requestRung{
		{rung{
			name:      "network/client",
			stops:     "clients that are banned or denied, seen behind the trusted proxies, and more requests of one at once than network.limits lets it have",
			why:       "settles the client's address once; every later rung, limit and event uses it",
			event:     turnedAway,
			byAddress: true,
			missed:    "the clients' addresses are not known, so that nobody is banned, and no statement's shape is learned from requests",
		}, clientRung},
		{rung{
			name:  "network/headers",
			stops: "spoofed addresses and identities: header names that only a proxy or the gate may set",
			why:   "after the address was read from them, before anything believes them",
			fixed: true,
		}, requestHeadersRung},
		{rung{
			name:      ratelimit.RungAddress,
			stops:     "clients that ask more often than application.ratelimit lets an address (IPv6 by /64); assets are not counted",
			why:       "as early as the address is known: what it refuses costs nothing more",
			event:     events.RateLimited,
			byAddress: true,
			missed:    "no path has the rate or the cost that application.ratelimit.routes gives it, and assets are counted",
		}, addressLimitRung},
		{rung{
			name:  protocol.Rung,
			stops: "methods that no site needs, hosts that are not the site's, and paths that a backend takes for others",
			why:   "before anything decides by host or path",
			rules: protocolRules(),
			event: events.InputValidationFail,
		}, protocolRung},
		{rung{
			name:  cors.Rung,
			stops: "preflights of origins that no rule lets in",
			why:   "before anything asks who the client is: browsers send preflights without credentials",
			event: events.MaliciousCORS,
		}, preflightRung},
		{rung{
			name:  exposed.Rung,
			stops: "version control, settings, backups and debug endpoints that nobody outside should see",
			why:   "by the path alone, before anything is read",
			rules: inURLRules(),
			apart: slices.Sorted(maps.Keys(inURLRules())),
			event: events.AuthzFail,
		}, exposedRung},
		{rung{
			name:  source.Rung,
			stops: "session fixation: a session that its sign-in did not renew, on another device than the one that signed in",
			why:   "before it is said who the request is from: that would be the owner",
			event: events.SessionFixed,
		}, heldRung},
		{rung{
			name:   source.Rung,
			stops:  "credentials that prove false: forged, expired and foreign tokens, certificates of other authorities",
			why:    "says who the request is from; every later rung, the backend and the events go by it",
			event:  events.TokenRefused,
			missed: "nobody is known: what application.access asks a sign-in for is refused, and so is what application.ownership has as somebody's; identity/throttle counts every sign-in as a failure, so that it refuses their owners",
		}, sourceRung},
		{rung{
			name:  access.Rung,
			stops: "who may not call a path: nobody, other roles and scopes, sign-ins too old or of one factor",
			why:   "once it is known who asks, and before a body is read",
			event: events.AuthzFail,
		}, accessRung},
		{rung{
			name:  sanitize.Rung,
			stops: "scripts in fields that are declared as rich text",
			why:   "before the inputs are read: every rung below judges what the backend will store",
			holds: "the bodies of the declared paths, up to input.limit",
			event: events.XSS,
		}, sanitizeRung},
		{rung{
			name:   "input",
			stops:  "bodies too large or too deep to inspect, malformed ones, and decompression bombs",
			why:    "parses the request once; every rung below reads its inputs",
			holds:  "bodies of form, JSON and small multipart, up to input.limit; larger multipart is parsed as it streams",
			mode:   gatehouse.Observe,
			rules:  map[string]gatehouse.Mode{"bomb": gatehouse.Enforce},
			event:  events.InputValidationFail,
			missed: "no rung below sees what requests bring: data/guard and application/markup find no attack in them",
		}, inputRung},
		{rung{
			name:  access.Rung,
			stops: "forms that name another method in _method, which their sender may not use",
			why:   "as soon as the inputs are read",
			event: events.AuthzFail,
		}, namedMethodRung},
		{rung{
			name:  csrf.Rung,
			stops: "requests that another site makes in a visitor's name, WebSockets included",
			why:   "before anything that acts for a principal",
			event: events.MaliciousCSRF,
		}, csrfRung},
		{rung{
			name:  ratelimit.RungPrincipal,
			stops: "principals that ask more often than they may, dear routes, and failed attempts to sign in by address",
			why:   "once it is known who asks, and whether it is to sign in",
			event: events.RateLimited,
		}, principalLimitRung},
		{rung{
			name:  ownership.Rung,
			stops: "requests for what is another's: changes, before the backend acts, and reads that no answer could tell of",
			why:   "once it is known who asks and for what; behind everything that needs no backend, as it may probe",
			mode:  gatehouse.Observe,
			event: events.AuthzFail,
		}, ownershipRung},
		{rung{
			name:  ownership.Rung,
			stops: "fields that clients of a route do not send, and that say who somebody is, what they may or what something costs (mass assignment)",
			why:   "once it is known that the thing may be changed at all",
			mode:  gatehouse.Observe,
			rules: map[string]gatehouse.Mode{ownership.RuleField: gatehouse.Observe, ownership.RuleExposure: gatehouse.Observe},
			apart: []string{ownership.RuleExposure, ownership.RuleField},
			event: events.AuthzFail,
		}, fieldsRung},
		{rung{
			name:   throttle.Rung,
			stops:  "guessing at the backend's accounts: brute force, stuffing, spraying; devices that signed in before have a lane of their own",
			why:    "last before the backend: what passes counts as a failure until the answer says otherwise",
			event:  throttled,
			missed: "no device is known to have signed in, and network/patterns sees no sign-ins: neither a rise of failures nor a new device",
		}, throttleRung},
	}
}

// responseRungs stand between the backend's answer and the client, inside out.
func responseRungs() []responseRung {
	return []responseRung{
		{rung{
			name:  source.Rung,
			stops: "sign-ins that nobody could tell the end of: it binds the session to the account, and follows it",
			why:   "first: it reads the answer as the backend gave it",
			holds: "the first 64 KiB of answers to attempts",
			event: events.AuthzFail,
		}, sessionRung},
		{rung{
			name:  ownership.Rung,
			stops: "answers that show what is another's: nothing of one leaves before its owner is known",
			why:   "as the backend made it, before anything is changed or sent",
			holds: "answers of the paths with a rule, up to application.ownership.limit",
			mode:  gatehouse.Observe,
			event: events.AuthzFail,
		}, ownedAnswerRung},
		{rung{
			name:  ratelimit.RungAddress,
			stops: "clients that can't know how they stand: the fields RateLimit and Retry-After",
			why:   "with the answer's head",
			event: events.RateLimited,
		}, limitFieldsRung},
		{rung{
			name:  markup.Rung,
			stops: "inputs that become executable markup, or the host of a redirect",
			why:   "nearest to the backend: it compares the answer with the inputs as the backend made it",
			holds: "the first 64 KiB of pages and scripts, then a window that slides",
			rules: map[string]gatehouse.Mode{markup.RuleStored: gatehouse.Observe},
			event: events.XSS,
		}, markupRung},
		{rung{
			name:  exposed.Rung,
			stops: "debug tools and dumps that only their answer tells from a site's own page",
			why:   "before leaks, which would say less of it",
			holds: "the first 64 KiB at paths that could be one",
			event: events.AuthzFail,
		}, exposedAnswerRung},
		{rung{
			name:  leaks.Rung,
			stops: "error pages, stack traces, database errors, secrets and listings of folders",
			why:   "after the rungs that compare the answer with inputs",
			holds: "the first 64 KiB of texts, then a window that slides",
			event: events.Leak,
		}, leaksRung},
		{rung{
			name:  cookies.Rung,
			stops: "session cookies that scripts, other sites or plain HTTP could have",
			why:   "after the bodies are decided: it changes fields alone",
			event: events.AuthzFail,
		}, cookiesRung},
		{rung{
			name:  cors.Rung,
			stops: "answers that let other sites' scripts read with a visitor's cookies",
			why:   "after cookies; it mends in place of refusing",
			event: events.MaliciousCORS,
		}, corsRung},
		{rung{
			name:  headers.Rung,
			stops: "what browsers do with a page that says nothing: framing, sniffing, plug-ins, other bases",
			why:   "after everything that may change the answer",
			event: events.AuthzFail,
		}, headersRung},
		{rung{
			name:  throttle.Rung,
			stops: "answers that tell which accounts there are, by words or by time, where identity.sign_in.alike is set",
			why:   "after everything that looks at the backend's answer: another takes its place",
			event: throttled,
		}, alikeRung},
		{rung{
			name:  "network/headers",
			stops: "headers and cookies in the gate's name that the gate did not set",
			why:   "last before the client: the gate's own are added after it",
			fixed: true,
		}, responseHeadersRung},
	}
}

// statementRungs stand between the backend and its database. What they judge by
// outlives an assembly: see statement.go.
func statementRungs() []rung {
	return []rung{
		{
			name:  sqlgate.Rung,
			stops: "who may not sign in to an SQL gate (in any mode), and what is no statement: calls of functions by number, text in which a quotation mark may be half of a letter",
			why:   "first of the statement's: the others go by the account",
			event: events.AuthzFail,
		},
		{
			name:  policy.Rung,
			stops: "what an account may not do, whoever caused it: definitions, programs and files of the database's server, other tables, more rows than it needs",
			why:   "before the guard, which it needs no inputs for; where an input speaks against the same statement, the guard's word is told, as it is an attack",
			rules: map[string]gatehouse.Mode{policy.RuleNoWhere: gatehouse.Observe, policy.RuleReturned: gatehouse.Observe, policy.RuleAffected: gatehouse.Observe},
			apart: []string{policy.RuleAffected, policy.RuleNoWhere, policy.RuleReturned},
			event: events.AuthzFail,
		},
		{
			name:  guard.Rung,
			stops: "SQL injection: an input may become a value of a statement, never structure",
			why:   "last before the database: it sees the statement as the backend made it, however the input was changed on its way",
			mode:  gatehouse.Enforce,
			rules: map[string]gatehouse.Mode{taint.RuleUnknown: gatehouse.Observe, guard.RulePassword: gatehouse.Observe},
			apart: []string{taint.RuleUnknown, guard.RulePassword}, strict: taint.RuleUnknown,
			event: events.AuthzFail,
		},
	}
}

// rungs are all lines of the ladder, with the table each stands in.
func rungs() []tableRung {
	var all []tableRung
	for _, r := range connectionRungs() {
		all = append(all, tableRung{"connection", r.rung})
	}
	for _, r := range requestRungs() {
		all = append(all, tableRung{"request", r.rung})
	}
	for _, r := range responseRungs() {
		all = append(all, tableRung{"response", r.rung})
	}
	for _, r := range statementRungs() {
		all = append(all, tableRung{"statement", r})
	}
	return all
}

type tableRung struct {
	table string
	rung
}

// StrictRungs are those that have the mode strict.
func StrictRungs() []string {
	var names []string
	for _, r := range rungs() {
		if r.strict != "" {
			names = append(names, r.name)
		}
	}
	return names
}

// NeededRungs are those that others rely on, with what is missed without them.
func NeededRungs() map[string]string {
	missed := make(map[string]string)
	for _, r := range rungs() {
		if r.missed != "" {
			missed[r.name] = r.missed
		}
	}
	return missed
}

// RungNames are the names that `modes` and `allow` may use.
func RungNames() []string {
	var names []string
	for _, r := range rungs() {
		if !r.fixed && !slices.Contains(names, r.name) { // some stand in two tables
			names = append(names, r.name)
		}
	}
	return names
}
