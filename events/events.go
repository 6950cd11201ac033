// Package events is the catalogue of what the gate writes into its security
// log: one constructor for each event, and each redacts what it is given, so
// that no request can put a secret or a control character into a log.
//
// Names follow the OWASP Logging Vocabulary; what that does not name begins
// with "gate_". It trusts the rung's name and rule alone. It does not record
// anything: an event goes to a gatehouse.Recorder, which stamps ID and Time.
package events

import (
	"net/netip"
	"strings"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/secret"
)

// About is what an event says of the request it is about. Every field may be
// empty.
type About struct {
	// Request is the identifier that the client was told.
	Request string
	// Client is the client's address.
	Client string
	// Principal is who the client is, by its ID.
	Principal string
	Method    string
	Host      string
	// Path is the path as it was sent; a query is left out of the event.
	Path string
}

// MaliciousCSRF is a request that another site made a browser send.
func MaliciousCSRF(a About, d gatehouse.Decision, o gatehouse.Outcome) gatehouse.Event {
	return decided("malicious_csrf", a, d, o)
}

// AuthzFail is a request for what its client may not have or do.
func AuthzFail(a About, d gatehouse.Decision, o gatehouse.Outcome) gatehouse.Event {
	return decided("authz_fail", a, d, o)
}

// MaliciousCORS is an answer, or a preflight, by which another origin would read
// what is not its own.
func MaliciousCORS(a About, d gatehouse.Decision, o gatehouse.Outcome) gatehouse.Event {
	return decided("malicious_cors", a, d, o)
}

// XSS is an input that became executable markup, or the host of a redirect.
func XSS(a About, d gatehouse.Decision, o gatehouse.Outcome) gatehouse.Event {
	return decided("gate_xss", a, d, o)
}

// Leak is an answer that says what is for the backend's makers alone.
func Leak(a About, d gatehouse.Decision, o gatehouse.Outcome) gatehouse.Event {
	return decided("gate_leak", a, d, o)
}

// InputValidationFail is an input that breaks a rule of form: framing, size,
// encoding, a declared type.
func InputValidationFail(a About, d gatehouse.Decision, o gatehouse.Outcome) gatehouse.Event {
	return decided("input_validation_fail", a, d, o)
}

// decided is the event of a decision that denied.
func decided(name string, a About, d gatehouse.Decision, o gatehouse.Outcome) gatehouse.Event {
	e := about(name, a)
	e.Outcome = o
	e.Rung, e.Rule = text(d.Rung, 128), text(d.Rule, 128)
	e.Route = route(d.Route)
	e.Field = text(d.Place.String(), 256)
	e.Evidence = text(d.Evidence, 1024)
	e.Status = d.HTTPStatus()
	e.Words = decidedWords(e, o)
	return e
}

func decidedWords(e gatehouse.Event, o gatehouse.Outcome) string {
	meaning := strings.TrimSuffix(entryOf(e.Name).short, ".")
	switch o {
	case gatehouse.Refused:
		return "Refused: " + meaning + "."
	case gatehouse.Allowed:
		return "Passed by an allow entry: " + meaning + "."
	case gatehouse.Observed:
		return "Passed, as the rung observes: " + meaning + "."
	}
	return "Decided: " + meaning + "."
}

// plain is an event that is about no request. The name must be in the
// catalogue; the level comes from there.
func plain(name, words string) gatehouse.Event {
	return gatehouse.Event{Name: name, Level: entryOf(name).Level, Words: text(words, 512)}
}

// about is an event about a request.
func about(name string, a About) gatehouse.Event {
	e := plain(name, "")
	e.Request = text(a.Request, 64)
	e.Client = address(a.Client)
	e.Principal = text(a.Principal, 256)
	e.Method = text(a.Method, 32)
	e.Host = text(a.Host, 256)
	e.Path = secret.Path(a.Path)
	return e
}

// text is s for one field of an event, at most limit bytes long.
func text(s string, limit int) string { return secret.Cut(secret.Line(s), limit) }

// address is an address in its canonical form, or, where it is none (a Unix
// socket, say), a text.
func address(s string) string {
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Unmap().String()
	}
	return text(s, 64)
}

// route is a method and a path pattern.
func route(s string) string {
	method, path, ok := strings.Cut(s, " ")
	if !ok {
		return text(s, 256)
	}
	return text(method, 32) + " " + secret.Cut(secret.Path(path), 256)
}

// detail makes the Detail of pairs, without those whose value is empty.
func detail(pairs ...string) map[string]string {
	d := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			d[pairs[i]] = text(pairs[i+1], 1024)
		}
	}
	if len(d) == 0 {
		return nil
	}
	return d
}

// message is an error's text; nil is empty.
func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
