package input

import (
	"fmt"
	"net/http"

	"github.com/gatehousehq/gatehouse"
)

// The rules that [Error] names.
const (
	RuleTooLarge           = "too-large"
	RuleBomb               = "bomb"
	RuleEncoding           = "encoding"
	RuleMalformedJSON      = "malformed-json"
	RuleMalformedGraphQL   = "malformed-graphql"
	RuleMalformedForm      = "malformed-form"
	RuleMalformedMultipart = "malformed-multipart"
	RuleMalformedPath      = "malformed-path"
	RuleTooManyInputs      = "too-many-inputs"
	RuleTooDeep            = "too-deep"
)

// An Error is why a request could not be parsed wholly. The inputs found up to
// there stay usable, and the body can still be passed on.
type Error struct {
	// Rule is one of the constants above.
	Rule string
	// Place is the part of the request that it is about.
	Place gatehouse.Place
	// Status is the HTTP status for the client: 400, 413 or 415.
	Status int
	// Words is one sentence for a person, without any input in it.
	Words string
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s: %s", e.Place, e.Rule, e.Words) }

// Decision is the error as a check's refusal.
func (e *Error) Decision() gatehouse.Decision {
	return gatehouse.Denied(e.Rule, e.Place, "%s", e.Words).WithStatus(e.Status)
}

var statuses = map[string]int{
	RuleTooLarge: http.StatusRequestEntityTooLarge,
	RuleBomb:     http.StatusRequestEntityTooLarge,
}

func fail(rule string, kind gatehouse.PlaceKind, format string, args ...any) *Error {
	status := statuses[rule]
	if status == 0 {
		status = http.StatusBadRequest
	}
	return &Error{Rule: rule, Place: gatehouse.Place{Kind: kind}, Status: status, Words: fmt.Sprintf(format, args...)}
}
