package outline

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gatehousehq/gatehouse/taint"
)

// literal is what the String at i says. Whoever asks makes the outline depend
// on it.
func (r *reader) literal(i int) string {
	r.out.Literal = true
	t := r.tokens[i]
	from := int(t.Start) + int(t.Lead)
	content := r.sql[from:max(int(t.End)-int(t.Tail), from)]
	switch lead := r.sql[t.Start:from]; {
	case lead[0] == '$':
		return content
	case len(lead) == 3:
		return unescaped(strings.ReplaceAll(joined(content), "''", "'"), '\\')
	case lower(lead[0]) == 'e' || r.lexer.Backslash && lower(lead[0]) != 'x' && lower(lead[0]) != 'b':
		return backslashed(joined(content))
	}
	return strings.ReplaceAll(joined(content), "''", "'")
}

// joined is the content of a string with its parts joined that the server joins
// over a line break. A quotation mark that is not doubled ends a part.
func joined(content string) string {
	if !strings.Contains(content, "\n") && !strings.Contains(content, "\r") {
		return content
	}
	var b strings.Builder
	for i := 0; i < len(content); i++ {
		switch {
		case content[i] == '\\' && i+1 < len(content):
			b.WriteString(content[i : i+2])
			i++
		case content[i] != '\'':
			b.WriteByte(content[i])
		case i+1 < len(content) && content[i+1] == '\'':
			b.WriteString("''")
			i++
		default:
			next := strings.IndexByte(content[i+1:], '\'')
			if next < 0 {
				return b.String()
			}
			i += next + 1
		}
	}
	return b.String()
}

// unescaped undoes \0061 and \+000061 of U&”.
func unescaped(s string, escape byte) string {
	if strings.IndexByte(s, escape) < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != escape {
			b.WriteByte(s[i])
			continue
		}
		if i+1 < len(s) && s[i+1] == escape {
			b.WriteByte(escape)
			i++
			continue
		}
		from, digits := i+1, 4
		if from < len(s) && s[from] == '+' {
			from, digits = from+1, 6
		}
		if from+digits > len(s) {
			b.WriteString(s[i:])
			break
		}
		code, err := strconv.ParseUint(s[from:from+digits], 16, 32)
		if err != nil {
			b.WriteByte(s[i])
			continue
		}
		b.WriteRune(rune(code))
		i = from + digits - 1
	}
	return b.String()
}

// escapes are those of E” that are one letter.
var escapes = map[byte]byte{'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// backslashed undoes the escapes of E”.
func backslashed(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\'' && i+1 < len(s) && s[i+1] == '\'':
			i++
		case c == '\\' && i+1 < len(s):
			i++
			r, width := escaped(s[i:])
			if width > 0 {
				b.WriteString(r)
				i += width - 1
				continue
			}
			c = s[i]
			if e, ok := escapes[c]; ok {
				c = e
			}
		}
		b.WriteByte(c)
	}
	return b.String()
}

// escaped reads what stands after a backslash where it is a number: 101, x41,
// u0041, U00000041. Width is zero where it is none.
func escaped(s string) (text string, width int) {
	base, from, most := 8, 0, 3
	switch s[0] {
	case 'x':
		base, from, most = 16, 1, 2
	case 'u':
		base, from, most = 16, 1, 4
	case 'U':
		base, from, most = 16, 1, 8
	}
	end := from
	for end < len(s) && end-from < most && digit(s[end]) < base {
		end++
	}
	code, err := strconv.ParseUint(s[from:end], base, 32)
	switch {
	case err != nil:
		return "", 0
	case most < 4:
		return string([]byte{byte(code)}), end
	}
	return string(utf8.AppendRune(nil, rune(code))), end
}

func digit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= lower(c) && lower(c) <= 'f':
		return int(lower(c)-'a') + 10
	}
	return 99
}

// argument is the content of an argument from token i on, where it is one
// literal or bound value with perhaps a cast, and the index after it.
func (r *reader) argument(i int) (text Text, next int) {
	switch r.class(i) {
	case taint.String:
		text = Text{Value: strings.Clone(r.literal(i)), Known: true}
	case taint.Param:
		text = Text{Param: r.param(i)}
	default:
		return Text{}, i
	}
	next = i + 1
	for r.class(next) == taint.Operator && r.text(next) == "::" && r.isName(next+1) {
		next += 2
		for r.isPunct(next, '.') && r.isName(next+1) {
			next += 2
		}
	}
	if !r.isPunct(next, ',') && !r.isPunct(next, ')') {
		return Text{}, i
	}
	return text, next
}

// param is the number, from 1, of the value bound at i.
func (r *reader) param(i int) int {
	if n, err := strconv.Atoi(r.text(i)[1:]); err == nil && n > 0 {
		return n
	}
	n := 0
	r.ahead(i)
	for j := 0; j <= i; j++ {
		if r.class(j) == taint.Param {
			n++
		}
	}
	return n
}
