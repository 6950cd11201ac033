package protocol

import (
	"strings"
	"unicode/utf8"

	"github.com/gatehousehq/gatehouse"
)

// path refuses what two programs resolve differently: ".." and "." as segments, also
// where they or the slashes beside them are escaped once or twice, end in a parameter
// ("..;x"), or stand at a backslash; NUL and line ends; UTF-8 that is longer than
// need be. An escaped slash alone passes: "/@scope%2fname" is how package managers
// ask.
func path(escaped string) gatehouse.Decision {
	if !strings.Contains(escaped, "%") && !strings.Contains(escaped, "/.") && strings.IndexByte(escaped, '\\') < 0 {
		return validText(escaped)
	}
	once, ok := unescape(escaped)
	if !ok {
		return denyPath("the path has a percent sign that begins no escape")
	}
	if d := resolved(once, "the path"); d.Verdict != gatehouse.Pass {
		return d
	}
	if strings.Contains(once, "%") {
		// A program that decodes again must not find other segments.
		twice, _ := unescape(once)
		if d := resolved(twice, "the path, decoded twice,"); d.Verdict != gatehouse.Pass {
			return d
		}
		if strings.Count(twice, "/") != strings.Count(once, "/") {
			return gatehouse.Denied(RuleDouble, gatehouse.Place{}, "the path, decoded twice, has other segments").WithStatus(400)
		}
	}
	return validText(once)
}

func denyPath(words string) gatehouse.Decision {
	return gatehouse.Denied(RulePath, gatehouse.Place{}, "%s", words).WithStatus(400)
}

// resolved checks a decoded path.
func resolved(decoded, subject string) gatehouse.Decision {
	if i := strings.IndexAny(decoded, "\x00\r\n"); i >= 0 {
		return denyPath(subject + " has a NUL or the end of a line")
	}
	if overlong(decoded) {
		return denyPath(subject + " has UTF-8 that is longer than need be")
	}
	for rest := decoded; rest != ""; {
		i := strings.IndexAny(rest, `/\`)
		segment := rest
		if rest = ""; i >= 0 {
			segment, rest = segment[:i], segment[i+1:]
		}
		name, _, _ := strings.Cut(segment, ";")
		if name == "." || name == ".." {
			return denyPath(subject + " has a segment of dots, which some resolve and some do not")
		}
	}
	return gatehouse.Passed()
}

// overlong reports whether a text has a sequence that a lax decoder takes for an
// ASCII character, such as C0 AE for ".".
func overlong(s string) bool {
	for i := 0; i+1 < len(s); i++ {
		next := s[i+1]
		switch c := s[i]; {
		case next&0xc0 != 0x80:
		case c == 0xc0 || c == 0xc1, c == 0xe0 && next < 0xa0, c == 0xf0 && next < 0x90:
			return true
		}
	}
	return false
}

func validText(s string) gatehouse.Decision {
	if utf8.ValidString(s) {
		return gatehouse.Passed()
	}
	return gatehouse.Denied(RuleEncoding, gatehouse.Place{}, "the path's escapes are no UTF-8").WithStatus(400)
}

// unescape decodes each escape once; ok is false where a percent sign begins none.
func unescape(s string) (string, bool) {
	if strings.IndexByte(s, '%') < 0 {
		return s, true
	}
	ok := true
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		if i+2 >= len(s) {
			ok = false
			b.WriteByte(s[i])
			continue
		}
		hi, lo := digit(s[i+1]), digit(s[i+2])
		if hi < 0 || lo < 0 {
			ok = false
			b.WriteByte(s[i])
			continue
		}
		b.WriteByte(byte(hi<<4 | lo))
		i += 2
	}
	return b.String(), ok
}

func digit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}
