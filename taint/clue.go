package taint

import "strings"

// Traceparents calls yield with each W3C trace identifier (32 lower-case
// hexadecimal digits) that a comment of the statement gives as a traceparent:
// sqlcommenter's traceparent='00-…', with the quotes escaped by backslashes or
// not, or a bare 00-…. Only comments count: in a literal it is an input.
func Traceparents(l Lexer, sql string, yield func(trace string)) {
	if !strings.Contains(sql, "00-") || !strings.Contains(sql, "/*") && !strings.Contains(sql, "--") {
		return // almost all
	}
	tokens, _ := l.Lex(sql, nil)
	for _, t := range tokens {
		if t.Class == Block || t.Class == Line {
			traceparentsIn(sql[t.Start:t.End], yield)
		}
	}
}

// traceparentLength is that of version-trace-parent-flags.
const traceparentLength = len("00-0123456789abcdef0123456789abcdef-0123456789abcdef-01")

func traceparentsIn(comment string, yield func(string)) {
	for {
		i := strings.Index(comment, "00-")
		if i < 0 || len(comment)-i < traceparentLength {
			return
		}
		trace := comment[i+3 : i+35]
		if comment[i+35] == '-' && comment[i+52] == '-' && isHex(trace) && isHex(comment[i+36:i+52]) {
			yield(trace)
			comment = comment[i+traceparentLength:]
			continue
		}
		comment = comment[i+3:]
	}
}

func isHex(s string) bool {
	for _, c := range []byte(s) {
		if !('0' <= c && c <= '9' || 'a' <= c && c <= 'f') {
			return false
		}
	}
	return true
}

// Literals calls yield with what stands between two single quotation marks, from
// least bytes, and with what stands before it: an approximation of the
// statement's string literals that costs one pass over its quotation marks. It is
// for looking values up, not for judging.
func Literals(sql string, least int, yield func(before, value string)) {
	for from := 0; ; {
		i := strings.IndexByte(sql[from:], '\'')
		if i < 0 {
			return
		}
		from += i + 1
		end := strings.IndexByte(sql[from:], '\'')
		if end < 0 {
			return
		}
		if end >= least {
			yield(sql[:from-1], sql[from:from+end])
		}
		from += end + 1
	}
}
