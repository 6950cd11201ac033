package exposed

import "strings"

// ordinary reports quickly that a path can be in none of the tables' forms:
// most are.
func ordinary(path string) bool {
	return len(path) <= 1
}

// maxReadings bounds how often a path is decoded.
const maxReadings = 3

// readings are what backends may make of a path: decoded once, twice, three
// times, each with its dot segments as they stand and resolved. Segments are
// in lower case, without matrix parameters, empty ones and what Windows drops
// from a name's end.
func readings(path string) [][]string {
	var all [][]string
	s := path
	for range maxReadings {
		decoded := decode(s)
		plain, resolved := segments(decoded)
		all = append(all, plain)
		if resolved != nil {
			all = append(all, resolved)
		}
		if decoded == s || !strings.Contains(decoded, "%") {
			break
		}
		s = decoded
	}
	return all
}

// decode undoes %xx and %uXXXX (of ASCII) once; what is broken stays.
func decode(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' {
			if i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
				out.WriteByte(unhex(s[i+1])<<4 | unhex(s[i+2]))
				i += 2
				continue
			}
			if i+5 < len(s) && s[i+1]|0x20 == 'u' && s[i+2] == '0' && s[i+3] == '0' && isHex(s[i+4]) && isHex(s[i+5]) {
				out.WriteByte(unhex(s[i+4])<<4 | unhex(s[i+5]))
				i += 5
				continue
			}
		}
		out.WriteByte(s[i])
	}
	return out.String()
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

// segments splits a decoded path. resolved is nil where it has no dot segment.
func segments(s string) (plain, resolved []string) {
	dots := false
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return r == '/' || r == '\\' }) {
		part, _, _ = strings.Cut(part, ";")
		part, _, _ = strings.Cut(part, "\x00")
		part = strings.TrimSpace(strings.ToLower(part))
		if part == ".." || part == "." {
			dots = true
			plain = append(plain, part)
			continue
		}
		if part = strings.TrimRight(part, ". "); part == "" {
			continue
		}
		// Windows' names of a file's stream: web.config::$DATA.
		part, _, _ = strings.Cut(part, "::$")
		plain = append(plain, part)
	}
	if !dots {
		return plain, nil
	}
	resolved = []string{}
	for _, part := range plain {
		switch {
		case part == ".":
		case part != "..":
			resolved = append(resolved, part)
		case len(resolved) > 0:
			resolved = resolved[:len(resolved)-1]
		}
	}
	return plain, resolved
}
