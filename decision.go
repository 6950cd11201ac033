package gatehouse

import (
	"fmt"
	"net/http"
)

// A Verdict says whether a request, a response or a statement may go on.
// The zero value denies, so a check that forgets to decide refuses.
type Verdict uint8

const (
	Deny Verdict = iota
	Pass
)

func (v Verdict) String() string {
	if v == Pass {
		return "pass"
	}
	return "deny"
}

// A Decision is what one check of one rung concluded. Checks fill in what they
// know: Verdict, Rule, Place, Evidence, and Status where it is not 403. The
// gateway adds Rung and Route. The client is told the status and the request's
// identifier alone; the rest is for `gatehouse explain`.
type Decision struct {
	Verdict Verdict
	// Rung is the name that `modes`, `promote` and `explain` use, such as
	// "application/csrf".
	Rung string
	// Rule names the one check inside the rung, such as "cross-site".
	Rule string
	// Route is the method and the path with its identifiers replaced, such as
	// "POST /orders/{id}".
	Route string
	// Place is where the input stood that the decision is about. The zero
	// value means the request as a whole.
	Place Place
	// Evidence is one sentence for a person. It must hold no secret and no
	// raw input; use the redacting helpers of package secret.
	Evidence string
	// Status is the HTTP status of the refusal. Zero means 403.
	Status int
	// Close is set where the connection can't be used for another request.
	Close bool
}

// Passed is the decision of a check that found nothing to object to.
func Passed() Decision { return Decision{Verdict: Pass} }

// Denied is the decision of a check that refuses by rule, with one sentence
// of evidence.
func Denied(rule string, place Place, format string, args ...any) Decision {
	return Decision{Rule: rule, Place: place, Evidence: fmt.Sprintf(format, args...)}
}

// WithStatus returns d with the HTTP status that a refused client is told.
func (d Decision) WithStatus(status int) Decision {
	d.Status = status
	return d
}

// HTTPStatus is the status that a refused client is told: Status, or 403.
func (d Decision) HTTPStatus() int {
	if d.Status == 0 {
		return http.StatusForbidden
	}
	return d.Status
}

// A Mode says what becomes of a rung's refusals. The zero value enforces.
type Mode uint8

const (
	// Enforce refuses.
	Enforce Mode = iota
	// Observe records what would have been refused, and lets it pass.
	Observe
	// Off does not run the rung. It demands a reason in the configuration.
	Off
)

var modeNames = [...]string{Enforce: "enforce", Observe: "observe", Off: "off"}

func (m Mode) String() string {
	if int(m) < len(modeNames) {
		return modeNames[m]
	}
	return fmt.Sprintf("Mode(%d)", uint8(m))
}

// MarshalText writes the mode's name.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads "enforce", "observe" or "off".
func (m *Mode) UnmarshalText(text []byte) error {
	for i, name := range modeNames {
		if name == string(text) {
			*m = Mode(i)
			return nil
		}
	}
	return fmt.Errorf("unknown mode %q: want enforce, observe or off", text)
}
