package access

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxDecodings is how often a path is decoded: once by the standard, twice by
	// a proxy and a backend, a third time by carelessness.
	maxDecodings = 3
	// maxSegments bounds a reading; a longer path is refused where anything is
	// ruled at all.
	maxSegments = 128
)

// plain reports whether a path has one reading, but for the slash at its end,
// and for letters in capitals.
func plain(path string) bool {
	if path == "" || path[0] != '/' {
		return false
	}
	slash := false
	for i := range len(path) {
		switch c := path[i]; {
		case c == '/':
			if slash {
				return false
			}
			slash = true
			continue
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_', c == '~', c == '@', c == ',', c == ':' && !slash:
		case 'A' <= c && c <= 'Z':
		case c == '.' && !slash && i+1 < len(path) && path[i+1] != '/' && path[i+1] != '.':
		default:
			return false
		}
		slash = false
	}
	return true
}

// readings calls visit with each path, in lower case, that a backend may make of
// one: decoded once to three times, with dot segments as they stand and resolved,
// with parameters and what Windows and C drop from names, and without empty
// segments. It reports false where the path is too long to be read so. visit
// ends the walk by false.
func readings(path string, visit func(lower string) bool) (whole bool) {
	if plain(path) {
		visit(fold(path))
		return true
	}
	s := strings.ReplaceAll(path, `\`, "/")
	for range maxDecodings {
		decoded := decode(s)
		// A server that cuts parameters before it decodes splits at other places.
		for _, cutFirst := range [...]bool{false, true} {
			if cutFirst && strings.IndexByte(decoded, ';') < 0 {
				continue
			}
			segments, dots, ok := split(s, cutFirst)
			if !ok {
				return false
			}
			if !visit(join(segments)) || dots && !visit(join(resolve(segments))) {
				return true
			}
		}
		if strings.IndexByte(decoded, '%') < 0 {
			break
		}
		s = decoded
	}
	return true
}

// split gives the segments of a path that is decoded as far as it will be.
func split(s string, cutFirst bool) (segments []string, dots, ok bool) {
	decoded := s
	if !cutFirst {
		decoded = decode(s)
	}
	decoded = fold(decoded)
	for part := range strings.FieldsFuncSeq(decoded, func(r rune) bool { return r == '/' || r == '\\' }) {
		if cutFirst {
			part, _, _ = strings.Cut(part, ";")
			part = fold(decode(part))
		}
		if i := strings.IndexAny(part, ";\x00?#\r\n"); i >= 0 {
			part = part[:i]
		}
		part, _, _ = strings.Cut(part, "::$") // a stream of a file on Windows
		part = strings.TrimSpace(part)
		if part == "." || part == ".." {
			dots = true
		} else if part = strings.TrimRight(part, ". "); part == "" {
			continue
		}
		if len(segments) == maxSegments {
			return nil, false, false
		}
		// What an escaped slash left in a segment is a boundary to some.
		for more := range strings.FieldsFuncSeq(part, func(r rune) bool { return r == '/' || r == '\\' }) {
			segments = append(segments, more)
			dots = dots || more == "." || more == ".."
		}
	}
	return segments, dots, len(segments) <= maxSegments
}

func resolve(segments []string) []string {
	var out []string
	for _, s := range segments {
		switch {
		case s == ".":
		case s != "..":
			out = append(out, s)
		case len(out) > 0:
			out = out[:len(out)-1]
		}
	}
	return out
}

// join writes segments as a path that package input reads back.
func join(segments []string) string {
	if len(segments) == 0 {
		return "/"
	}
	var b strings.Builder
	for _, s := range segments {
		b.WriteByte('/')
		if s == "." || s == ".." {
			s = "~dots" // to a server that leaves them, a name like others; no pattern matches the dots themselves
		}
		for i := range len(s) {
			if c := s[i]; c == '%' || c == '/' {
				b.WriteString("%" + string("0123456789ABCDEF"[c>>4]) + string("0123456789ABCDEF"[c&15]))
			} else {
				b.WriteByte(c)
			}
		}
	}
	return b.String()
}

// decode undoes %xx and %uXXXX once; what is broken stays. Two bytes that a lax
// decoder takes for one ASCII character become it.
func decode(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			out = append(out, s[i])
			continue
		}
		if i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
			out = append(out, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
		} else if i+5 < len(s) && s[i+1]|0x20 == 'u' && isHex(s[i+2]) && isHex(s[i+3]) && isHex(s[i+4]) && isHex(s[i+5]) {
			r := rune(unhex(s[i+2]))<<12 | rune(unhex(s[i+3]))<<8 | rune(unhex(s[i+4]))<<4 | rune(unhex(s[i+5]))
			out = utf8.AppendRune(out, r)
			i += 5
		} else {
			out = append(out, s[i])
		}
		if n := len(out); n >= 2 && (out[n-2] == 0xc0 || out[n-2] == 0xc1) && out[n-1]&0xc0 == 0x80 {
			out[n-2] = out[n-2]<<6 | out[n-1]&0x3f
			out = out[:n-1]
		}
	}
	return string(out)
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' }

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

// fold gives lower case, and the ASCII character for those that become one in
// comparisons without case or by compatibility (full width, long s, dotless i).
func fold(s string) string {
	for i := range len(s) {
		if c := s[i]; c >= 0x80 || 'A' <= c && c <= 'Z' {
			return strings.Map(foldRune, s)
		}
	}
	return s
}

func foldRune(r rune) rune {
	switch {
	case r == utf8.RuneError:
		return r
	case r >= 0xff01 && r <= 0xff5e:
		r -= 0xfee0
	case r == 'ſ':
		return 's'
	case r == 'ı' || r == 'İ':
		return 'i'
	case r == '∕' || r == '⁄': // division and fraction slash
		return '/'
	}
	return unicode.ToLower(r)
}

// cutEnding gives a path without the file ending of its last segment, and the
// ending; empty where there is none.
func cutEnding(path string) (short, ending string) {
	slash := strings.LastIndexByte(path, '/')
	dot := strings.LastIndexByte(path, '.')
	if slash < 0 || dot <= slash+1 {
		return path, ""
	}
	return path[:dot], path[dot:]
}
