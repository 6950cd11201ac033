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
}

func own(why string) finding     { return finding{standsOwn, why} }
func others(why string) finding  { return finding{standsOther, why} }
func unknown(why string) finding { return finding{standsUnknown, why} }

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
