package ownership

import (
	"net/http"

	"github.com/gatehousehq/gatehouse"
)

// A standing is how the principal stands to a thing. The zero value is unknown.
type standing uint8

const (
	standsUnknown standing = iota
	standsOwn
	standsOther
	standsOtherTenant
)

// A finding is what one proof says, with a sentence on how it knows.
type finding struct {
	standing standing
	why      string
	// owners are whose the thing is, where that was told and is not the principal
	// alone.
	owners []string
	// named: the answer itself named the owner.
	named bool
	// past: what it knows may be so no more when the backend acts.
	past bool
	// gone: the backend has no such thing.
	gone bool
}

func own(why string) finding     { return finding{standing: standsOwn, why: why} }
func others(why string) finding  { return finding{standing: standsOther, why: why} }
func unknown(why string) finding { return finding{standing: standsUnknown, why: why} }

// or is f, or where f knows nothing, next with both reasons.
func (f finding) or(next finding) finding {
	if f.standing != standsUnknown {
		return f
	}
	if f.why != "" {
		next.why = f.why + "; " + next.why
	}
	return next
}

// decision is what follows: whoever asks for another's thing is told what there is
// to tell of one that does not exist.
func (f finding) decision() gatehouse.Decision {
	rule := RuleUnknown
	switch f.standing {
	case standsOwn:
		return gatehouse.Passed()
	case standsOther:
		rule = RuleOther
	case standsOtherTenant:
		rule = RuleTenant
	}
	return gatehouse.Denied(rule, gatehouse.Place{}, "%s", f.why).WithStatus(http.StatusNotFound)
}
