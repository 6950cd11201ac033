package answer

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
)

func (p *Plan) setSelector(text, attribute string) error {
	s, err := parseSelector(text)
	if err != nil {
		return fmt.Errorf("answer: Selector %q: %w", text, err)
	}
	if ident, rest := cutIdent(attribute); rest != "" || ident != attribute {
		return fmt.Errorf("answer: Attribute %q is no name of an attribute", attribute)
	}
	p.selector, p.selectorText, p.attribute = s, text, strings.ToLower(attribute)
	return nil
}

// marks are the compounds of the selector, from the left, that an element
// matches in its place; above, those that some element around it does.
type marks struct{ here, above uint16 }

// readHTML gives the owners that the elements name which the selector matches.
// One of them without an owner leaves the whole without.
func (p *Plan) readHTML(body []byte) (Owners, error) {
	doc, err := html.Parse(bytes.NewReader(body))
	if err != nil {
		return Owners{}, &Error{Fault: NotHTML}
	}
	var o Owners
	missing := false
	stack := []marks{{}}
	for n := doc; n != nil; {
		here := marks{}
		if n.Type == html.ElementNode {
			here = p.selector.match(n, stack[len(stack)-1])
		}
		if here.here>>(len(p.selector)-1)&1 == 1 {
			text, fault := p.valueOf(n)
			if fault != "" {
				return Owners{}, &Error{Fault: fault, Path: p.selectorText}
			}
			if text == "" {
				missing = true
			} else {
				o.note(text)
			}
		}
		if n.FirstChild != nil {
			stack = append(stack, here)
			n = n.FirstChild
			continue
		}
		for n != nil && n.NextSibling == nil {
			n = n.Parent
			stack = stack[:max(len(stack)-1, 0)]
		}
		if n != nil {
			n = n.NextSibling
		}
	}
	o.Complete = len(o.Owner) > 0 && !o.Overflow && !missing
	return o, nil
}

// match says which compounds an element matches inside its parent.
func (s selector) match(n *html.Node, parent marks) marks {
	m := marks{above: parent.above | parent.here}
	for i := range s {
		before := uint16(1)
		if i > 0 {
			if before = m.above >> (i - 1) & 1; s[i].child {
				before = parent.here >> (i - 1) & 1
			}
		}
		if before == 1 && s[i].matches(n) {
			m.here |= 1 << i
		}
	}
	return m
}

// valueOf gives the attribute of the plan, or the text in the element.
func (p *Plan) valueOf(n *html.Node) (string, Fault) {
	var text string
	if p.attribute != "" {
		text, _ = attribute(n, p.attribute)
	} else {
		var b strings.Builder
		for d := range n.Descendants() {
			if d.Type == html.TextNode {
				if b.Len()+len(d.Data) > 4*maxValue {
					return "", TooLong
				}
				b.WriteString(d.Data)
			}
		}
		text = b.String()
	}
	text = strings.Trim(text, " \t\n\r\f")
	switch {
	case len(text) > maxValue:
		return "", TooLong
	case !utf8.ValidString(text):
		return "", InvalidText
	}
	return text, ""
}
