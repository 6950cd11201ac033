package answer

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// maxCompounds bounds a selector; the parts of it that match are bits.
const maxCompounds = 8

// A selector is the compounds of a chain, the outermost first.
type selector []compound

// A compound is what one element must be.
type compound struct {
	// child: its parent is what the compound before says; else some ancestor.
	child   bool
	tag, id string
	classes []string
	attrs   []attr
}

type attr struct {
	name, value string
	valued      bool
}

func parseSelector(text string) (selector, error) {
	var s selector
	rest := strings.Trim(text, " ")
	for rest != "" {
		c := compound{}
		if len(s) > 0 && rest[0] == '>' {
			c.child = true
			rest = strings.TrimLeft(rest[1:], " ")
		}
		var err error
		before := len(rest)
		if rest, err = c.parse(rest); err != nil {
			return nil, err
		}
		if len(rest) == before {
			return nil, fmt.Errorf("it can't be read at %q: it takes a tag, #id, .class, [attr], [attr=value], a space and >", rest)
		}
		s = append(s, c)
		rest = strings.TrimLeft(rest, " ")
	}
	if len(s) == 0 || len(s) > maxCompounds {
		return nil, fmt.Errorf("it has no element, or more than %d", maxCompounds)
	}
	return s, nil
}

// parse reads one compound and gives what is behind it.
func (c *compound) parse(text string) (rest string, err error) {
	c.tag, rest = cutIdent(text)
	c.tag = strings.ToLower(c.tag)
	for rest != "" {
		var name string
		switch rest[0] {
		case '#':
			if name, rest = cutIdent(rest[1:]); c.id != "" {
				return "", errors.New("an element has one id")
			}
			c.id = name
		case '.':
			name, rest = cutIdent(rest[1:])
			c.classes = append(c.classes, name)
		case '[':
			var a attr
			if a, rest, err = cutAttr(rest[1:]); err != nil {
				return "", err
			}
			name = a.name
			c.attrs = append(c.attrs, a)
		default:
			return rest, nil
		}
		if name == "" {
			return "", errors.New("a name is missing behind #, . or [")
		}
	}
	return rest, nil
}

// cutIdent takes the letters, digits, hyphens, underscores and characters
// beyond ASCII at the beginning.
func cutIdent(text string) (ident, rest string) {
	end := strings.IndexFunc(text, func(r rune) bool {
		return !(r == '-' || r == '_' || r >= 0x80 || r >= '0' && r <= '9' || r|0x20 >= 'a' && r|0x20 <= 'z')
	})
	if end < 0 {
		end = len(text)
	}
	return text[:end], text[end:]
}

func cutAttr(text string) (a attr, rest string, err error) {
	a.name, rest = cutIdent(text)
	a.name = strings.ToLower(a.name)
	if strings.HasPrefix(rest, "=") {
		a.valued = true
		rest = rest[1:]
		if rest != "" && (rest[0] == '"' || rest[0] == '\'') {
			value, after, ok := strings.Cut(rest[1:], rest[:1])
			if !ok {
				return a, "", errors.New("a quoted value has no end")
			}
			a.value, rest = value, after
		} else {
			a.value, rest = cutIdent(rest)
		}
	}
	if !strings.HasPrefix(rest, "]") {
		return a, "", errors.New(`"[attr]" or "[attr=value]" is not closed, or has another operator`)
	}
	return a, rest[1:], nil
}

// matches reports whether an element is what the compound says, wherever it
// stands.
func (c *compound) matches(n *html.Node) bool {
	if c.tag != "" && n.Data != c.tag {
		return false
	}
	if c.id != "" {
		if id, ok := attribute(n, "id"); !ok || id != c.id {
			return false
		}
	}
	if len(c.classes) > 0 {
		class, _ := attribute(n, "class")
		have := strings.Fields(class)
		for _, want := range c.classes {
			if !slices.Contains(have, want) {
				return false
			}
		}
	}
	for _, a := range c.attrs {
		if value, ok := attribute(n, a.name); !ok || a.valued && value != a.value {
			return false
		}
	}
	return true
}

func attribute(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == name && a.Namespace == "" {
			return a.Val, true
		}
	}
	return "", false
}
