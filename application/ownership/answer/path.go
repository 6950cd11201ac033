package answer

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	// maxSteps bounds how deep a path goes; the walk recurs as deep as that,
	// and never as deep as an answer says.
	maxSteps = 16
	maxName  = 128
	// maxPaths leaves the marks of a plan room in 64 bits.
	maxPaths = 32
)

// A step goes to a member, or to every element where it has no name.
type step struct {
	name    string
	element bool
}

// parsePath reads "data.lines[].user_id". A name with a dot, a bracket or a
// quote in it stands in quotes: "a.b".id, in which \ keeps the next character.
func parsePath(text string) ([]step, error) {
	if text == "" {
		return nil, errors.New("it is empty: name a member")
	}
	var steps []step
	rest := text
	for rest != "" {
		switch {
		case strings.HasPrefix(rest, "[]"):
			steps = append(steps, step{element: true})
			rest = rest[2:]
		case rest[0] == '[':
			return nil, errors.New(`"[" begins "[]", which stands for every element; one element can't be named`)
		default:
			if len(steps) > 0 {
				if rest[0] != '.' {
					return nil, errors.New(`a "." is missing behind "[]"`)
				}
				rest = rest[1:]
			}
			name, after, err := cutName(rest)
			if err != nil {
				return nil, err
			}
			steps, rest = append(steps, step{name: name}), after
		}
	}
	if len(steps) > maxSteps {
		return nil, fmt.Errorf("it has more than %d steps", maxSteps)
	}
	return steps, nil
}

// cutName takes the member's name that text begins with.
func cutName(text string) (name, rest string, err error) {
	if strings.HasPrefix(text, `"`) {
		name, rest, err = cutQuoted(text[1:])
		if err != nil {
			return "", "", err
		}
	} else {
		end := strings.IndexAny(text, `.[`)
		if end < 0 {
			end = len(text)
		}
		name, rest = text[:end], text[end:]
		if strings.ContainsAny(name, `"]*$`) || strings.TrimSpace(name) != name {
			return "", "", fmt.Errorf(`the name %s holds a character that means something in other languages of paths: put it into quotes if it is meant`, name)
		}
		if name == "" {
			return "", "", errors.New(`a name is missing at a "."`)
		}
	}
	if len(name) > maxName || !utf8.ValidString(name) {
		return "", "", fmt.Errorf("a name is longer than %d bytes, or not UTF-8", maxName)
	}
	if rest != "" && rest[0] != '.' && rest[0] != '[' {
		return "", "", errors.New(`a "." or "[]" is missing behind a quoted name`)
	}
	return name, rest, nil
}

func cutQuoted(text string) (name, rest string, err error) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			return b.String(), text[i+1:], nil
		case '\\':
			if i++; i == len(text) {
				break
			}
			b.WriteByte(text[i])
		default:
			b.WriteByte(text[i])
		}
	}
	return "", "", errors.New("a quoted name has no end")
}

// A node is where a path of the plan passes or ends. What an answer holds
// beside the nodes is skipped.
type node struct {
	// path is how it is written in Options.
	path    string
	members []member
	element *node
	// leaf has the marks of the paths that end here.
	leaf uint64
	// under has the marks of the paths that end here or below, as far as the
	// same thing goes: above the list it is only the list's mark.
	under uint64
	// count is a number that is lowered, item one element of the list.
	count, item bool
}

type member struct {
	name string
	node *node
}

// listMark is the mark of the list itself.
const listMark = 1 << 63

// reach gives the node at the end of the steps, made where it is not there, and
// puts the mark on the way.
func (n *node) reach(steps []step, mark uint64) *node {
	n.under |= mark
	for _, s := range steps {
		n = n.child(s)
		n.under |= mark
	}
	return n
}

func (n *node) child(s step) *node {
	if s.element {
		if n.element == nil {
			n.element = &node{path: n.path + "[]"}
		}
		return n.element
	}
	for _, m := range n.members {
		if m.name == s.name {
			return m.node
		}
	}
	path := s.name
	if n.path != "" {
		path = n.path + "." + s.name
	}
	n.members = append(n.members, member{s.name, &node{path: path}})
	return n.members[len(n.members)-1].node
}

// empty reports whether no path goes on from here.
func (n *node) empty() bool { return n.members == nil && n.element == nil }
