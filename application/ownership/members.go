package ownership

import (
	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/ownership/answer"
)

// RuleExposure: an answer has a member that answers of the route did not have: a
// change of the application, or one that shows too much (CWE-213). It is told and no
// more.
const RuleExposure = "new-member"

// Answers knows which members answers of a route ordinarily have: package profile
// has it.
type Answers interface {
	Answer(route, principal string, members []string) (unusual []string, learned bool)
}

// Shown gives the members of an answer's JSON that answers of the route did not have
// before; body may end early. client tells people apart who are nobody in particular.
func Shown(q *Request, client string, body []byte, p Answers) (unusual []string) {
	members := answer.Members(body, maxMembers)
	if len(members) == 0 {
		return nil
	}
	who := client
	if q.Principal.Known() {
		who = keyOf(&q.Principal)
	}
	unusual, learned := p.Answer(q.Route, who, members)
	if !learned {
		return nil
	}
	return unusual
}

// NewMember is the decision about a member that answers did not have.
func NewMember(member string) gatehouse.Decision {
	return gatehouse.Denied(RuleExposure, gatehouse.Place{}, "answers of this route did not have the member %q before", member)
}

// maxMembers bounds the members of an answer that are looked at.
const maxMembers = 256
