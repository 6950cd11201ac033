package input

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxDecodings is how often a path is decoded: once by the standard, twice by
	// a proxy and a backend, a third time by carelessness.
	maxDecodings = 3
	// maxReadSegments bounds a reading.
	maxReadSegments = 128
)

// A Reading is what a backend may make of a path.
type Reading struct {
	// Path is in lower case ([FoldPath]), and escaped where [Pattern.Match] needs it;
	// [Reading.Segments] takes it apart.
	Path string
	// Dots is set where segments of dots stand unresolved, in the name "~dots".
	Dots bool
}

// Readings calls visit with each path that a backend may
// make of one as it came, escaped: decoded once to three times, with dot segments as they
// stand and resolved, with parameters and what Windows and C drop from names, and
// without empty segments. Most paths have one. Of a path in which backends read the
// same, a slash at its end stays.
//
// It reports false where the path has too many segments to be read so: then it may be
// any path, and who decides by it is to be strict. visit ends the walk by false.
func Readings(path string, visit func(Reading) bool) (whole bool) {
	if onePath(path) {
		visit(Reading{Path: FoldPath(path)})
		return true
	}
	if lower, ok := decodedPath(path); ok {
		visit(Reading{Path: lower})
		return true
	}
	return readAll(path, visit)
}

// Segments are the reading's, without empty ones.
func (r Reading) Segments() []string {
	all, rest := make([]string, 0, 8), r.Path
	for rest != "" {
		var s string
		if s, rest, _ = strings.Cut(rest, "/"); s != "" {
			all = append(all, unescape(s, false))
		}
	}
	return all
}

// onePath reports whether a path has one reading, but for the slash at its end,
// and for letters in capitals.
func onePath(path string) bool {
	if path == "" || path[0] != '/' {
		return false
	}
	slash := false
	for i := range len(path) {
		c := path[i]
		if c == '/' {
			if slash {
				return false
			}
			slash = true
			continue
		}
		if !nameByte(c) && c != ',' && !between(path, i, slash) {
			return false
		}
		slash = false
	}
	return true
}

func nameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '~' || c == '@'
}

// between reports whether a dot or a colon stands in a name where nothing drops it.
func between(path string, i int, first bool) bool {
	switch path[i] {
	case ':':
		return !first
	case '.':
		return !first && i+1 < len(path) && path[i+1] != '/' && path[i+1] != '.' && path[i+1] != '%'
	}
	return false
}

// decodedPath gives the one reading of a path with escapes that no backend is known
// to read otherwise: of letters, and of what stands in names and bounds nothing.
func decodedPath(path string) (lower string, ok bool) {
	if path == "" || path[0] != '/' {
		return "", false
	}
	var room [256]byte
	out, slash, high := room[:0], false, false
	for i := 0; i < len(path); i++ {
		c := path[i]
		escaped := c == '%'
		if escaped {
			if !escapeAt(path, i) {
				return "", false
			}
			c = hex[path[i+1]]<<4 | hex[path[i+2]]
			i += 2
		}
		switch {
		case c == '/' && !escaped && !slash:
			out, slash = append(out, '/'), true
			continue
		case nameByte(c), !escaped && between(path, i, slash), strings.IndexByte("!\"&'()*+,<=>[]^`{|}", c) >= 0:
		case c == ' ' && !slash && i+1 < len(path) && nameByte(path[i+1]):
		case c >= 0x80:
			high = true
		default:
			return "", false
		}
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		out, slash = append(out, c), false
	}
	if slash && len(out) > 1 {
		out = out[:len(out)-1]
	}
	if high {
		return foldedLetters(out)
	}
	return string(out), true
}

// foldedLetters folds what is not ASCII, unless it may be read as something else.
func foldedLetters(s []byte) (string, bool) {
	var room [256]byte
	out := room[:0]
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRune(s[i:])
		if r == utf8.RuneError || r >= 0xff01 && r <= 0xff5e || r == '∕' || r == '⁄' || r >= utf8.RuneSelf && unicode.IsSpace(r) {
			return "", false
		}
		if r >= utf8.RuneSelf {
			r = foldRune(r)
		}
		out = utf8.AppendRune(out, r)
		i += n
	}
	return string(out), true
}

// readAll is Readings of any path.
func readAll(path string, visit func(Reading) bool) (whole bool) {
	s := strings.ReplaceAll(path, `\`, "/")
	for range maxDecodings {
		decoded := DecodePath(s)
		// A server that cuts parameters before it decodes splits at other places.
		for _, cutFirst := range [...]bool{false, true} {
			if cutFirst && strings.IndexByte(decoded, ';') < 0 {
				continue
			}
			segments, dots, ok := splitPath(s, cutFirst)
			if !ok {
				return false
			}
			if !visit(Reading{joinPath(segments), dots}) || dots && !visit(Reading{Path: joinPath(resolveDots(segments))}) {
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

// splitPath gives the segments of a path that is decoded as far as it will be.
func splitPath(s string, cutFirst bool) (segments []string, dots, ok bool) {
	decoded := s
	if !cutFirst {
		decoded = DecodePath(s)
	}
	decoded = FoldPath(decoded)
	for part := range strings.FieldsFuncSeq(decoded, func(r rune) bool { return r == '/' || r == '\\' }) {
		if cutFirst {
			part, _, _ = strings.Cut(part, ";")
			part = FoldPath(DecodePath(part))
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
		if len(segments) == maxReadSegments {
			return nil, false, false
		}
		// What an escaped slash left in a segment is a boundary to some.
		for more := range strings.FieldsFuncSeq(part, func(r rune) bool { return r == '/' || r == '\\' }) {
			segments = append(segments, more)
			dots = dots || more == "." || more == ".."
		}
	}
	return segments, dots, len(segments) <= maxReadSegments
}

func resolveDots(segments []string) []string {
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

// joinPath writes segments as a path that [Pattern] reads back.
func joinPath(segments []string) string {
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

// DecodePath undoes %xx and %uXXXX once; what is broken stays. Two bytes that a lax
// decoder takes for one ASCII character become it.
func DecodePath(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			out = append(out, s[i])
			continue
		}
		if i+2 < len(s) && hex[s[i+1]] <= 15 && hex[s[i+2]] <= 15 {
			out = append(out, hex[s[i+1]]<<4|hex[s[i+2]])
			i += 2
		} else if i+5 < len(s) && s[i+1]|0x20 == 'u' && hex[s[i+2]] <= 15 && hex[s[i+3]] <= 15 && hex[s[i+4]] <= 15 && hex[s[i+5]] <= 15 {
			r := rune(hex[s[i+2]])<<12 | rune(hex[s[i+3]])<<8 | rune(hex[s[i+4]])<<4 | rune(hex[s[i+5]])
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

// FoldPath gives lower case, and the ASCII character for those that become one in
// comparisons without case or by compatibility (full width, long s, dotless i).
func FoldPath(s string) string {
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
