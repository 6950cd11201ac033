package taint

import "strings"

// The rules are those of src/backend/parser/scan.l. Where versions 13 to 18
// differ, a statement that is an error in the newer ones is read as the older
// ones do: 1a is a number and a word (an alias before version 15). What is an
// error in the older ones, or an alias there, and a number in the newer ones is
// a number: 0x1F, 1_000.

var postgresKinds = kindsOf(
	kindRow{" \t\n\r\f\v", space | inSpace},
	kindRow{letters, word | inWord},
	kindRow{"bBeEnNuUxX", prefix | inWord},
	kindRow{digits, digit | inWord},
	kindRow{"'", quote},
	kindRow{`"`, quoted},
	kindRow{"$", dollar | inWord},
	kindRow{".", dot},
	kindRow{":", colon},
	kindRow{"()[],;", punct},
	kindRow{"~!@#^&|`?+-*/%<>=", operator | inOperator},
)

func lexPostgres(sql string, dst []Token, limit int, backslash bool) (tokens []Token, read int) {
	table := postgresKinds
	for i := 0; i < len(sql); {
		kind := table[sql[i]] & kinds
		if kind == space {
			i++
			continue
		}
		if len(dst) >= limit {
			return dst, i
		}
		var t Token
		switch kind {
		case word:
			t = span(Word, i, wordEnd(table, sql, i+1))
		case prefix:
			t = postgresPrefixed(sql, i, backslash)
		case punct:
			t = span(Punct, i, i+1)
		case quote:
			t = postgresString(sql, i, 1, backslash)
		case digit:
			t = span(Number, i, postgresNumber(sql, i))
		case dot:
			t = postgresDot(sql, i)
		case dollar:
			t = postgresDollar(sql, i)
		case quoted:
			t = postgresQuoted(sql, i, 1)
		case colon:
			t = postgresColon(sql, i)
		case operator:
			if t = postgresComment(sql, i); t.Class == 0 {
				dst, i = postgresOperator(sql, i, dst, limit)
				continue
			}
		default:
			t = span(Stray, i, i+1)
		}
		dst = append(dst, t)
		i = int(t.End)
	}
	return dst, len(sql)
}

// postgresPrefixed reads a word, or the string or quoted identifier that its
// first letter begins.
func postgresPrefixed(sql string, i int, backslash bool) Token {
	if isByte(sql, i+1, '\'') {
		switch sql[i] {
		case 'e', 'E':
			return postgresString(sql, i, 2, true)
		case 'n', 'N':
			return postgresString(sql, i, 2, backslash)
		case 'b', 'B', 'x', 'X':
			return postgresBits(sql, i)
		}
	}
	if (sql[i] == 'u' || sql[i] == 'U') && isByte(sql, i+1, '&') {
		switch {
		case isByte(sql, i+2, '\''):
			return postgresString(sql, i, 3, false)
		case isByte(sql, i+2, '"'):
			return postgresQuoted(sql, i, 3)
		}
	}
	return span(Word, i, wordEnd(postgresKinds, sql, i+1))
}

func postgresQuoted(sql string, i, lead int) Token {
	end := closing(sql, i+lead, '"')
	if end < 0 {
		return unclosed(sql, i, lead)
	}
	return delimited(Quoted, i, end, lead, 1)
}

// postgresString reads a string with all the parts that it is continued by:
// each is read by the first one's rule of escaping.
func postgresString(sql string, i, lead int, backslash bool) Token {
	for body := i + lead; ; {
		var end int
		if backslash {
			end = closingEscaped(sql, body)
		} else {
			end = closing(sql, body, '\'')
		}
		if end < 0 {
			return unclosed(sql, i, lead)
		}
		if body = postgresContinued(sql, end); body < 0 {
			return delimited(String, i, end, lead, 1)
		}
	}
}

// postgresBits reads B'1' and X'1f', in which a doubled quote is two ends.
func postgresBits(sql string, i int) Token {
	for body := i + 2; ; {
		end := strings.IndexByte(sql[body:], '\'')
		if end < 0 {
			return unclosed(sql, i, 2)
		}
		end += body + 1
		if body = postgresContinued(sql, end); body < 0 {
			return delimited(String, i, end, 2, 1)
		}
	}
}

// closingEscaped is closing for a string in which a backslash escapes.
func closingEscaped(sql string, i int) int {
	for end := i; i < len(sql); {
		switch sql[i] {
		case '\\':
			i += 2
			continue
		case '\'':
			if !isByte(sql, i+1, '\'') {
				return i + 1
			}
			i += 2
			continue
		}
		// The end is looked for again only when an escape has passed it, so
		// that each byte is looked at twice and no more.
		if end <= i {
			if end = strings.IndexByte(sql[i:], '\''); end < 0 {
				return -1
			}
			end += i
		}
		if escape := strings.IndexByte(sql[i:end], '\\'); escape >= 0 {
			i += escape
		} else {
			i = end
		}
	}
	return -1
}

// postgresContinued gives the place after the quote that continues the string
// that ends at i, or -1: between the two is white space with a line break in
// it, and line comments.
func postgresContinued(sql string, i int) int {
	broken := false
	for i < len(sql) {
		switch c := sql[i]; {
		case c == '\n' || c == '\r':
			broken = true
			i++
		case postgresKinds[c]&inSpace != 0:
			i++
		case c == '-' && isByte(sql, i+1, '-'):
			i = postgresLineEnd(sql, i+2)
		case c == '\'' && broken:
			return i + 1
		default:
			return -1
		}
	}
	return -1
}

func postgresLineEnd(sql string, i int) int {
	for i < len(sql) && sql[i] != '\n' && sql[i] != '\r' {
		i++
	}
	return i
}

// postgresComment reads a comment; the zero Token if none is at i.
func postgresComment(sql string, i int) Token {
	switch {
	case sql[i] == '-' && isByte(sql, i+1, '-'):
		return delimited(Line, i, postgresLineEnd(sql, i+2), 2, 0)
	case sql[i] == '/' && isByte(sql, i+1, '*'):
		return postgresBlock(sql, i)
	}
	return Token{}
}

func postgresBlock(sql string, i int) Token {
	depth := 1
	for at := i + 2; at < len(sql); {
		if sql[at] != '/' {
			next := strings.IndexByte(sql[at:], '/')
			if next < 0 {
				break
			}
			at += next
			if sql[at-1] == '*' {
				at++
				if depth--; depth == 0 {
					return delimited(Block, i, at, 2, 2)
				}
				continue
			}
		}
		if isByte(sql, at+1, '*') {
			depth++
			at++
		}
		at++
	}
	return unclosed(sql, i, 2)
}

// postgresDollar reads $1, or $tag$x$tag$, or a dollar sign that is neither.
func postgresDollar(sql string, i int) Token {
	if isDigit(sql, i+1) {
		return span(Param, i, digitsEnd(sql, i+2))
	}
	tag := i + 1
	for tag < len(sql) && sql[tag] != '$' && postgresKinds[sql[tag]]&inWord != 0 {
		tag++
	}
	if !isByte(sql, tag, '$') {
		return span(Stray, i, i+1)
	}
	tag++
	lead := tag - i
	end := strings.Index(sql[tag:], sql[i:tag])
	if end < 0 {
		return unclosed(sql, i, lead)
	}
	return delimited(String, i, tag+end+lead, lead, lead)
}

func postgresDot(sql string, i int) Token {
	switch {
	case isDigit(sql, i+1):
		return span(Number, i, postgresNumber(sql, i))
	case isByte(sql, i+1, '.'):
		return span(Operator, i, i+2)
	}
	return span(Punct, i, i+1)
}

func postgresColon(sql string, i int) Token {
	if isByte(sql, i+1, ':') || isByte(sql, i+1, '=') {
		return span(Operator, i, i+2)
	}
	return span(Punct, i, i+1)
}

// postgresNumber gives where the number ends that is at i.
func postgresNumber(sql string, i int) int {
	end := postgresNewNumber(sql, i)
	if end >= len(sql) || postgresKinds[sql[end]]&inWord == 0 {
		return end
	}
	// The newer versions refuse a number with a word at its end. A dollar sign
	// is at the end of a word only if the number's last part could be one.
	if sql[end] == '$' {
		last := end - 1
		for sql[last]-'0' < 10 && last > i {
			last--
		}
		if postgresKinds[sql[last]]&inWord == 0 || last == i {
			return end
		}
	}
	return postgresOldNumber(sql, i)
}

// postgresNewNumber is for version 16 and later: digits may be grouped by _,
// and may be hexadecimal, octal or binary.
func postgresNewNumber(sql string, i int) int {
	if sql[i] == '0' && i+1 < len(sql) {
		if end := radixEnd(sql, i+2, sql[i+1]|0x20); end > 0 {
			return end
		}
	}
	end := groupsEnd(sql, i)
	if isByte(sql, end, '.') && !(end > i && isByte(sql, end+1, '.')) {
		end = groupsEnd(sql, end+1)
	}
	if exponent := exponentEnd(sql, end); exponent > end {
		end = groupsEnd(sql, exponent)
	}
	return end
}

func postgresOldNumber(sql string, i int) int {
	end := digitsEnd(sql, i)
	if isByte(sql, end, '.') && !(end > i && isByte(sql, end+1, '.')) {
		end = digitsEnd(sql, end+1)
	}
	if exponent := exponentEnd(sql, end); exponent > end {
		end = digitsEnd(sql, exponent)
	}
	return end
}

// groupsEnd is digitsEnd for digits that may have a single _ between them.
func groupsEnd(sql string, i int) int {
	if !isDigit(sql, i) {
		return i
	}
	i = digitsEnd(sql, i)
	for isByte(sql, i, '_') && isDigit(sql, i+1) {
		i = digitsEnd(sql, i+1)
	}
	return i
}

// radixEnd gives where the digits after 0x, 0o or 0b end, or 0 if none are.
func radixEnd(sql string, i int, radix byte) int {
	end := 0
	for {
		if isByte(sql, i, '_') {
			i++
		}
		if i >= len(sql) {
			return end
		}
		c := sql[i]
		switch {
		case radix == 'x' && postgresKinds[c]&inHex != 0, radix == 'o' && c-'0' < 8, radix == 'b' && c-'0' < 2:
		default:
			return end
		}
		i++
		end = i
	}
}

// postgresOperator reads a run of operator bytes: up to a comment, and without
// the + and - at its end unless one of ~!@#^&|`?% is before them. Those are
// operators of one byte each: appending them here and now keeps the run from
// being read again for each.
func postgresOperator(sql string, i int, dst []Token, limit int) (tokens []Token, read int) {
	end, own := i, -1
	for ; end < len(sql) && postgresKinds[sql[end]]&inOperator != 0; end++ {
		switch sql[end] {
		case '+', '*', '<', '>', '=':
		case '-':
			if isByte(sql, end+1, '-') {
				return postgresRun(sql, i, end, own, dst, limit)
			}
		case '/':
			if isByte(sql, end+1, '*') {
				return postgresRun(sql, i, end, own, dst, limit)
			}
		default:
			own = end
		}
	}
	return postgresRun(sql, i, end, own, dst, limit)
}

// postgresRun appends the operators of the run from i to end, in which own is
// the last place that lets it end in + or -, or less than i.
func postgresRun(sql string, i, end, own int, dst []Token, limit int) (tokens []Token, read int) {
	last := end
	if own < i {
		for last > i+1 && (sql[last-1] == '+' || sql[last-1] == '-') {
			last--
		}
	}
	dst = append(dst, span(Operator, i, last))
	for ; last < end && len(dst) < limit; last++ {
		dst = append(dst, span(Operator, last, last+1))
	}
	return dst, last
}
