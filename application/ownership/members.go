package ownership

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/gatehousehq/gatehouse"
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
	members := membersOf(body)
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

const (
	// maxMembers, maxMemberDepth and maxMemberName bound what is read of an answer.
	maxMembers     = 256
	maxMemberDepth = 16
	maxMemberName  = 256
)

// membersOf are the paths of the members of JSON, each once, arrays as "[]"; up to
// where it ends or is none.
func membersOf(body []byte) (all []string) {
	d := json.NewDecoder(bytes.NewReader(body))
	var path []string // of what is open; an array's is "[]"
	name, inObject := "", []bool{}
	for len(all) < maxMembers {
		t, err := d.Token()
		if err != nil {
			return all
		}
		object := len(inObject) > 0 && inObject[len(inObject)-1]
		switch t := t.(type) {
		case json.Delim:
			switch t {
			case '{', '[':
				if len(path) == maxMemberDepth {
					return all
				}
				path = append(path, name)
				inObject = append(inObject, t == '{')
				if name = ""; t == '[' {
					name = "[]"
				}
			default:
				path, inObject = path[:len(path)-1], inObject[:len(inObject)-1]
				name = after(inObject)
			}
		case string:
			if object && name == "" {
				name = t
				m := strings.TrimLeft(strings.Join(append(slices.Clone(path), name), "."), ".")
				if len(m) <= maxMemberName && !slices.Contains(all, m) {
					all = append(all, m)
				}
				continue
			}
			name = after(inObject)
		default:
			name = after(inObject)
		}
	}
	return all
}

// after is the name of what follows a value: none yet in an object.
func after(inObject []bool) string {
	if len(inObject) > 0 && !inObject[len(inObject)-1] {
		return "[]"
	}
	return ""
}
