package events

import "github.com/gatehousehq/gatehouse"

// RateLimited is a client that asks more often than it may.
func RateLimited(a About, d gatehouse.Decision, o gatehouse.Outcome) gatehouse.Event {
	return decided("excess_rate_limit_exceeded", a, d, o)
}

// TokenRefused is a credential that proves false: a forged or expired token, a
// certificate of another authority.
func TokenRefused(a About, d gatehouse.Decision, o gatehouse.Outcome) gatehouse.Event {
	return decided("gate_credential_refused", a, d, o)
}

// LoginThrottled is an attempt at an account, of the backend's own, that is not
// let through: one too many.
func LoginThrottled(a About, d gatehouse.Decision, o gatehouse.Outcome, account string) gatehouse.Event {
	e := decided("authn_login_fail_max", a, d, o)
	e.Detail = detail("account", account)
	return e
}

// An Attempt is how an attempt to sign in at the backend ended, for events.
type Attempt struct {
	Account string
	// Why says by what that was told, for a person.
	Why string
	// Lane is "known" where the device had signed in to the account before.
	Lane string
}

// BackendLogin is a person who signed in at the backend.
func BackendLogin(a About, route string, t Attempt) gatehouse.Event {
	return attempted("authn_login_success", "Somebody signed in at the backend.", a, route, t)
}

// BackendLoginFail is an attempt that the backend refused.
func BackendLoginFail(a About, route string, t Attempt) gatehouse.Event {
	return attempted("authn_login_fail", "The backend refused an attempt to sign in.", a, route, t)
}

func attempted(name, words string, a About, routeTemplate string, t Attempt) gatehouse.Event {
	e := about(name, a)
	e.Words, e.Route, e.Evidence = words, route(routeTemplate), text(t.Why, 1024)
	e.Detail = detail("account", t.Account, "lane", t.Lane)
	return e
}

// SignedOut is a session that its owner ended.
func SignedOut(a About, routeTemplate string) gatehouse.Event {
	e := about("session_logout", a)
	e.Words, e.Route = "A session was ended by its owner.", route(routeTemplate)
	return e
}

// Guessing is what attempts at accounts say together, and no single one.
func Guessing(a About, d gatehouse.Decision) gatehouse.Event {
	e := decided("gate_guessing", a, d, "")
	e.Words = "Attempts to sign in look like guessing, or the backend's answers help it."
	return e
}

// SessionFixed is a sign-in that did not renew its session (no outcome), or a
// request that brings such a session and is not who signed in.
func SessionFixed(a About, d gatehouse.Decision, o gatehouse.Outcome) gatehouse.Event {
	e := decided("gate_session_fixation", a, d, o)
	if o == "" {
		e.Words = "A sign-in did not renew its session: whoever knew its cookie before is signed in too."
	}
	return e
}

// OwnerProven is a request that passed because each rule of application/ownership was
// satisfied; evidence says by what. It is told on demand, and not recorded.
func OwnerProven(a About, routeTemplate, evidence string) gatehouse.Event {
	e := about("gate_owner_proven", a)
	e.Words, e.Outcome, e.Rung = "It was shown whose the thing is, and let pass.", gatehouse.Proven, "application/ownership"
	e.Route, e.Evidence = route(routeTemplate), text(evidence, 1024)
	return e
}

// AdminAct is an administrator who asked for what may be another's.
func AdminAct(a About, routeTemplate string) gatehouse.Event {
	e := about("authz_admin", a)
	e.Words = "An administrator asked for what may be another's."
	e.Route = route(routeTemplate)
	return e
}
