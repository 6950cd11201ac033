package taint

import (
	"encoding/base64"
	"encoding/hex"
	"html"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// A decoding is something that applications do to an input before they use it.
type decoding struct {
	name string
	// applies reports, at little cost, whether v may be encoded so.
	applies func(v string) bool
	// decode gives what v says, and whether it was encoded so.
	decode func(v string) (string, bool)
	// unit is how many bytes decode on their own, so that the beginning of v
	// can be decoded alone.
	unit int
}

// decodings are tried in this order, up to maxDecodings after each other.
func decodings() []decoding {
	return []decoding{
		{"percent", func(v string) bool { return strings.IndexByte(v, '%') >= 0 || strings.IndexByte(v, '+') >= 0 }, unpercent, 1},
		{"base64", looksBase64, unbase64, 4},
		{"hex", looksHex, unhex, 2},
		{"html", func(v string) bool { return strings.IndexByte(v, '&') >= 0 }, unentity, 1},
		{"escapes", func(v string) bool { return strings.IndexByte(v, '\\') >= 0 }, unescape, 1},
		{"utf16", looksUTF16, unutf16, 2},
		{"fullwidth", func(v string) bool { return strings.IndexByte(v, 0xef) >= 0 }, unwide, 3},
	}
}

// maxDecodings is how many decodings after each other are tried.
const maxDecodings = 3

func unhexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// unpercent undoes percent-encoding with + as a space; a broken escape stands
// for itself.
func unpercent(v string) (string, bool) {
	out := make([]byte, 0, len(v))
	changed := false
	for i := 0; i < len(v); i++ {
		switch {
		case v[i] == '+':
			out, changed = append(out, ' '), true
		case v[i] == '%' && i+2 < len(v) && unhexDigit(v[i+1]) >= 0 && unhexDigit(v[i+2]) >= 0:
			out, changed = append(out, byte(unhexDigit(v[i+1])<<4|unhexDigit(v[i+2]))), true
			i += 2
		default:
			out = append(out, v[i])
		}
	}
	return string(out), changed
}

const probed = 64 // bytes of a value that tell whether it may be encoded

func looksBase64(v string) bool {
	if len(v) < gramSize { // two bytes' worth
		return false
	}
	for _, c := range []byte(v[:min(len(v), probed)]) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '+' || c == '/' || c == '-' || c == '_' || c == '=') {
			return false
		}
	}
	return true
}

func unbase64(v string) (string, bool) {
	v = strings.TrimRight(v, "=")
	e := base64.RawStdEncoding
	if strings.ContainsAny(v, "-_") {
		e = base64.RawURLEncoding
	}
	out, err := e.DecodeString(v)
	return string(out), err == nil && len(out) >= shortestName
}

func looksHex(v string) bool {
	v = withoutHexPrefix(v)
	if len(v) < 2*shortestName {
		return false
	}
	for _, c := range []byte(v[:min(len(v), probed)]) {
		if unhexDigit(c) < 0 {
			return false
		}
	}
	return true
}

func withoutHexPrefix(v string) string {
	if len(v) > 2 && (v[0] == '0' || v[0] == '\\') && (v[1] == 'x' || v[1] == 'X') {
		return v[2:]
	}
	return v
}

func unhex(v string) (string, bool) {
	out, err := hex.DecodeString(withoutHexPrefix(v))
	return string(out), err == nil
}

func unentity(v string) (string, bool) {
	out := html.UnescapeString(v)
	return out, out != v
}

// unescape undoes backslash escapes as JSON, JavaScript and C write them.
func unescape(v string) (string, bool) {
	out := make([]byte, 0, len(v))
	for i := 0; i < len(v); i++ {
		if v[i] != '\\' || i+1 >= len(v) {
			out = append(out, v[i])
			continue
		}
		i++
		digits := map[byte]int{'u': 4, 'x': 2}[v[i]]
		if code, ok := hexRun(v[i+1:], digits); digits > 0 && ok {
			out = utf8.AppendRune(out, rune(code))
			i += digits
			continue
		}
		switch v[i] {
		case 'n', 'r', 't', 'f', 'v', 'b', '0':
			out = append(out, ' ')
		default:
			out = append(out, v[i])
		}
	}
	return string(out), true
}

func hexRun(v string, n int) (code int, ok bool) {
	if len(v) < n {
		return 0, false
	}
	for _, c := range []byte(v[:n]) {
		d := unhexDigit(c)
		if d < 0 {
			return 0, false
		}
		code = code<<4 | d
	}
	return code, true
}

func looksUTF16(v string) bool { return len(v) >= 6 && (v[0] == 0 || v[1] == 0 || v[0] >= 0xfe) }

// unutf16 reads UTF-16 of either order, with or without a byte order mark.
func unutf16(v string) (string, bool) {
	big := v[0] == 0 || v[0] == 0xfe
	units := make([]uint16, 0, len(v)/2)
	for i := 0; i+1 < len(v); i += 2 {
		a, b := uint16(v[i]), uint16(v[i+1])
		if !big {
			a, b = b, a
		}
		units = append(units, a<<8|b)
	}
	return strings.TrimPrefix(string(utf16.Decode(units)), "\ufeff"), true
}

// unwide maps the full-width forms of ASCII to ASCII, as Unicode's compatibility
// normalisation does.
func unwide(v string) (string, bool) {
	changed := false
	out := strings.Map(func(r rune) rune {
		if '！' <= r && r <= '～' {
			changed = true
			return r - '！' + '!'
		}
		return r
	}, v)
	return out, changed
}

// separators are what applications split values at.
const separators = ",:;|/&=\n"

// maxParts is how many parts of a value are looked at.
const maxParts = 48

// parts calls yield for each part that an application may use of a value on its
// own: the strings of a JSON document, whose separator is a quote, and what
// stands after a separator. It looks at no more than maxParts of values up to
// 16 KiB.
func parts(v string, yield func(part string, separator byte) bool) {
	if len(v) > 16<<10 {
		return
	}
	left := maxParts
	if v != "" && (v[0] == '{' || v[0] == '[' || v[0] == '"') {
		for rest := v; left > 0; left-- {
			start := strings.IndexByte(rest, '"')
			if start < 0 {
				break
			}
			rest = rest[start+1:]
			end := 0
			for end < len(rest) && rest[end] != '"' {
				if rest[end] == '\\' {
					end++
				}
				end++
			}
			end = min(end, len(rest))
			text := rest[:end]
			if strings.IndexByte(text, '\\') >= 0 {
				text, _ = unescape(text)
			}
			if !yield(text, '"') {
				return
			}
			rest = rest[min(end+1, len(rest)):]
		}
	}
	for i := 0; i < len(v) && left > 0; i++ {
		if strings.IndexByte(separators, v[i]) >= 0 {
			left--
			if !yield(v[i+1:], v[i]) {
				return
			}
		}
	}
}
