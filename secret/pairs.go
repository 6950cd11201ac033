package secret

import "strings"

const (
	maxName = 64
	// maxList is how far a list of secrets in brackets is looked for.
	maxList = 4096
)

// redactPairs replaces the values of names that tell of a secret:
// `password=x`, `"password": "x"`, `\"password\":\"x\"`, `:password => 'x'`,
// `user[password]=x`. Quotes stay. It looks at each separator, for a name
// before and a value after it.
func redactPairs(s string) string {
	var out strings.Builder
	done := 0
	for i := 0; i < len(s); i++ {
		if s[i] != '=' && s[i] != ':' {
			continue
		}
		p, ok := pairAt(s, i)
		if !ok {
			continue
		}
		i = p.separatorEnd - 1
		if p.class == ordinary || p.keep() {
			continue
		}
		out.WriteString(s[done:p.from])
		out.WriteString(Mark)
		done = p.to
		i = p.to - 1
	}
	if done == 0 {
		return s
	}
	out.WriteString(s[done:])
	return out.String()
}

// pair is a name and the text s[from:to] of its value, without quotes.
type pair struct {
	s                           string
	class                       class
	nameQuoted, quoted, spaced  bool
	separatorEnd, from, to, end int
}

// pairAt reads the pair whose separator begins at i.
func pairAt(s string, i int) (pair, bool) {
	p := pair{s: s, separatorEnd: i + 1}
	switch two := s[i:min(i+2, len(s))]; {
	case two == "==", two == "::":
		return pair{}, false // a comparison in code, or a scope
	case two == "=>", two == ":=":
		p.separatorEnd++
	case i > 0 && s[i] == '=' && strings.IndexByte("=!<>~", s[i-1]) >= 0:
		return pair{}, false
	}
	nameEnd := skipBack(s, i, 8, " \t")
	p.spaced = nameEnd < i
	quoteEnd := nameEnd
	nameEnd = skipBack(s, nameEnd, 8, "\\\"'`")
	p.nameQuoted = nameEnd < quoteEnd
	p.class = nameClass(s[nameStart(s, nameEnd):nameEnd])
	if p.class == ordinary {
		return p, true
	}
	p.findValue()
	return p, p.to > p.from
}

// skipBack moves back from at over the characters of set, at most limit of
// them.
func skipBack(s string, at, limit int, set string) int {
	for n := 0; at > 0 && n < limit && strings.IndexByte(set, s[at-1]) >= 0; n++ {
		at--
	}
	return at
}

// nameStart is where the name that ends at end begins.
func nameStart(s string, end int) int {
	start := end
	for start > 0 && end-start < maxName && (charKind(s[start-1]) != 0 || s[start-1] >= 0x80 || strings.IndexByte("_.%[]-", s[start-1]) >= 0) {
		start--
	}
	return start
}

// findValue sets from and to: between quotes, between brackets, or up to what
// ends a bare value.
func (p *pair) findValue() {
	s, at := p.s, p.separatorEnd
	spaces := " \t"
	if p.nameQuoted {
		spaces = " \t\r\n"
	}
	for at < len(s) && strings.IndexByte(spaces, s[at]) >= 0 {
		at++
		p.spaced = true
	}
	opening := at
	for opening < len(s) && s[opening] == '\\' {
		opening++
	}
	switch {
	case opening < len(s) && strings.IndexByte("\"'`", s[opening]) >= 0:
		p.quoted = true
		p.from = opening + 1
		p.to = closingQuote(s, p.from, s[opening], opening-at)
	case at < len(s) && s[at] == '[' && !strings.HasPrefix(s[at:], Mark):
		p.from, p.to = at+1, at+1
		if n := strings.IndexByte(s[at:min(len(s), at+maxList)], ']'); n > 0 {
			p.quoted, p.to = true, at+n
			break
		}
		fallthrough
	default:
		p.from, p.to = at, bareEnd(s, at, p.nameQuoted)
	}
	p.end = p.to
}

// closingQuote is where the quote is that closes a text begun at from, behind
// as many backslashes as the opening one; the text's end where there is none.
func closingQuote(s string, from int, quote byte, depth int) int {
	slashes := 0
	for i := from; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			slashes++
			continue
		case s[i] == quote && depth == 0 && i > from && i+1 < len(s) && s[i+1] == quote:
			i++ // a doubled quote, as SQL writes it
		case s[i] == quote && slashes == depth, s[i] == quote && depth == 0 && slashes%2 == 0:
			return i - depth
		}
		slashes = 0
	}
	return len(s)
}

func bareEnd(s string, at int, inObject bool) int {
	ends := " \t\r\n\f\v&;\"'<>`\\"
	if inObject {
		ends += ",}]"
	}
	end := len(s)
	if n := strings.IndexAny(s[at:], ends); n >= 0 {
		end = at + n
	}
	for end > at && strings.IndexByte(",)}].:!", s[end-1]) >= 0 && !strings.HasPrefix(s[at:], Mark) {
		end--
	}
	return end
}

// keep reports whether the value is none, stands for another, or belongs to a
// sentence.
func (p *pair) keep() bool {
	value := p.s[p.from:p.to]
	switch {
	case value == "" || placeholder(value) || strings.HasPrefix(p.s[p.from:], Mark):
		return true
	case p.class == weak:
		return !tokenLike(value)
	case p.quoted:
		return false
	case p.nameQuoted || !p.spaced:
		return plainWord(value)
	}
	// "password: must be longer" is a sentence; "password: hunter" is a
	// setting where nothing follows on its line.
	return plainWord(value) || !passwordLike(value) && !p.endsLine()
}

// endsLine reports whether the value is the last thing on its line, or in its
// list.
func (p *pair) endsLine() bool {
	rest := strings.TrimLeft(p.s[p.end:], " \t")
	return rest == "" || strings.IndexByte("\r\n,;}&", rest[0]) >= 0
}

// passwordLike reports whether a word after "password:" is more than a word of
// a sentence.
func passwordLike(s string) bool {
	k := kindsOf(s)
	return len(s) >= 7 && (k.letters > 0 && k.digits > 0 || k.turns > len(s)/4)
}
