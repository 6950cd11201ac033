package sqli

import (
	"fmt"
	"regexp"
	"strings"
)

var literal = regexp.MustCompile(`'([^'\\]*)'`)

// relit writes literals in the other ways that PostgreSQL has.
func (c *craft) relit(text string) string {
	if c.bodies["dialect"] != nil {
		return text
	}
	way := c.IntN(5)
	return literal.ReplaceAllStringFunc(text, func(found string) string {
		value := found[1 : len(found)-1]
		switch {
		case way == 0 || strings.Contains(value, "$") || c.noQuotes && way == 1:
			tag := c.letters(1)
			return "$" + tag + "$" + value + "$" + tag + "$"
		case (way == 1 || c.noQuotes && way == 2) && len(value) > 0 && len(value) < 8:
			parts := make([]string, len(value))
			for i := range value {
				parts[i] = fmt.Sprintf("chr(%d)", value[i])
			}
			return "(" + strings.Join(parts, "||") + ")"
		case way == 2 && len(value) > 0:
			return fmt.Sprintf("E'\\x%02x%s'", value[0], value[1:])
		case way == 3 && len(value) > 0:
			return fmt.Sprintf("U&'\\%04x%s'", value[0], value[1:])
		}
		return "$$" + value + "$$"
	})
}

// spaces are what may stand between tokens, a style each. A few are not
// PostgreSQL's; the oracle drops what does not parse.
var spaces = [...][]string{
	{"\t"}, {"\n"}, {"\r\n"}, {"\f"}, {"/**/"}, {"/*x*/"}, {"  "}, {"/*/**/*/"}, {"\v"}, {" ", "\t", "\n", "/**/"}, {"--\n"}, {"/*'*/"}, {"--x\n"}, {" /* */ "}, {"\t\t"}, {"/*!*/"}, {"\r"}, {""},
}

// disguise changes the spaces and the case of what is outside literals.
func (c *craft) disguise(p string) string {
	var space []string
	if c.chance(35) && !c.short || c.chance(12) {
		space = spaces[c.IntN(len(spaces))]
	}
	recase := oneOf(c.dice, nil, nil, nil, strings.ToUpper, strings.ToUpper, c.mixed)
	if space == nil && recase == nil {
		return p
	}
	var b strings.Builder
	state := c.hole.open
	for i := 0; i < len(p); i++ {
		rest := p[i:]
		before := state
		state = next(state, rest)
		switch {
		case before != "" || state != "":
			b.WriteByte(p[i])
		case p[i] == ' ' && space != nil:
			b.WriteString(space[c.IntN(len(space))])
		case recase != nil:
			b.WriteString(recase(p[i : i+1]))
		default:
			b.WriteByte(p[i])
		}
	}
	return b.String()
}

// next is what a byte is inside of: a literal, a name, a comment, or "".
func next(state, rest string) string {
	switch state {
	case "":
		switch {
		case rest[0] == '\'' || rest[0] == '"' || rest[0] == '$':
			return rest[:1]
		case strings.HasPrefix(rest, "--"), strings.HasPrefix(rest, "/*"):
			return rest[:2]
		}
	case "--":
		if rest[0] == '\n' {
			return ""
		}
	case "/*":
		if strings.HasPrefix(rest, "*/") {
			return "*"
		}
	case "*":
		return ""
	case "$": // up to the closing tag's first sign, which opens the rest again
		if rest[0] == '$' {
			return ""
		}
	default:
		if rest[:1] == state {
			return ""
		}
	}
	return state
}

func (c *craft) mixed(s string) string {
	if c.chance(50) {
		return strings.ToUpper(s)
	}
	return s
}
