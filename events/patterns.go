package events

import (
	"strconv"
	"time"

	"github.com/gatehousehq/gatehouse"
)

// Probing is an account that was refused so many routes of other roles within the
// window; d is the last refusal.
func Probing(a About, d gatehouse.Decision, routes int, window time.Duration) gatehouse.Event {
	e := decided("gate_probing", a, d, "")
	e.Words = "An account tries several routes that only other roles may use."
	e.Detail = counted(routes, window)
	return e
}

// ExcessNotFound is a client that asked for so many different routes which do not
// exist within the window.
func ExcessNotFound(a About, routes int, window time.Duration) gatehouse.Event {
	e := about("malicious_excess_404", a)
	e.Words = "A client asks for many routes that do not exist."
	e.Detail = counted(routes, window)
	return e
}

// AttackTool is a client that asked for so many different things within the window
// that scanners look for and this site has not.
func AttackTool(a About, found int, window time.Duration) gatehouse.Event {
	e := about("malicious_attack_tool", a)
	e.Words = "A client asks for what scanners look for."
	e.Detail = counted(found, window)
	return e
}

// DirectReference is a client that asked for so many different identifiers of one
// route within the window; how says in which order, and with what success.
func DirectReference(a About, routeTemplate, how string, identifiers int, window time.Duration) gatehouse.Event {
	e := about("malicious_direct_reference", a)
	e.Words = "A client walks through the identifiers of a route."
	e.Route = route(routeTemplate)
	e.Detail = counted(identifiers, window)
	e.Detail["how"] = text(how, 256)
	return e
}

// FailureRise is a client, or with an empty About the site, whose requests fail
// more than is ordinary; what says which failures, and by how much.
func FailureRise(a About, what string, failures int, window time.Duration) gatehouse.Event {
	e := about("gate_failures_rise", a)
	e.Words = "Failures are above the ordinary level."
	e.Detail = counted(failures, window)
	e.Detail["what"] = text(what, 256)
	return e
}

// NewDevice is an account that signed in from a device which was not seen of it
// before, beside so many that were.
func NewDevice(a About, known int) gatehouse.Event {
	e := about("gate_new_device", a)
	e.Words = "An account signed in from a device that is new for it."
	e.Detail = detail("known", strconv.Itoa(known))
	return e
}

// BanSpared is an address that strikes would have banned, had not so many good
// sessions shared it.
func BanSpared(addr, reason string, sessions int) gatehouse.Event {
	e := plain("gate_ban_spared", "An address was not banned, as many people share it.")
	e.Client = prefix(addr)
	e.Detail = detail("reason", reason, "sessions", strconv.Itoa(sessions))
	return e
}

func counted(n int, window time.Duration) map[string]string {
	return detail("count", strconv.Itoa(n), "window", window.String())
}
