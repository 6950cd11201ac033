package input

import (
	"net/url"
	"strings"
)

// Bounds of a route: it is a name for reports and templates, made from what a
// stranger asks for.
const (
	maxRouteSegments = 32
	maxRouteSegment  = 64
	maxMethod        = 20
)

const wildcard = "{id}"

// Route is the method and the path with its identifiers replaced by "{id}":
// numbers, UUIDs, ULIDs, hexadecimal and random-looking tokens, dates, e-mail
// addresses, such as "GET /orders/{id}/items". Slugs, versions and file names
// stay. The path is as it came, escaped ([net/url.URL.EscapedPath]). What
// follows the space is a pattern for [ParsePattern] that matches this path
// (with a slash at its end, all paths below it too).
func Route(method, escapedPath string) string {
	var out strings.Builder
	out.Grow(len(method) + 1 + min(len(escapedPath), 256))
	out.WriteString(routeMethod(method))
	out.WriteByte(' ')
	rest, rooted := strings.CutPrefix(escapedPath, "/")
	if !rooted && escapedPath != "" {
		out.WriteByte('*') // OPTIONS *, or CONNECT's authority
		return out.String()
	}
	for n := 0; ; n++ {
		out.WriteByte('/')
		if n == maxRouteSegments && rest != "" {
			out.WriteString("{rest...}")
			return out.String()
		}
		segment, after, more := strings.Cut(rest, "/")
		writeSegment(&out, segment)
		if !more {
			return out.String()
		}
		rest = after
	}
}

func routeMethod(method string) string {
	if method == "" {
		return "GET" // as net/http has it
	}
	if len(method) > maxMethod {
		return "OTHER"
	}
	for i := range len(method) {
		if c := method[i]; (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '-' && c != '_' {
			return "OTHER"
		}
	}
	return method
}

// writeSegment writes a segment as a route shows it.
func writeSegment(out *strings.Builder, raw string) {
	segment := raw
	if strings.Contains(raw, "%") {
		segment = unescape(raw, false)
	}
	if segment == "" {
		return
	}
	if identifier(segment) {
		out.WriteString(wildcard)
		return
	}
	// The number or hash in "42.json", "app.3f2a9c1b.js".
	start, end := 0, len(segment)
	if dot := strings.LastIndexByte(segment, '.'); dot > 0 && extension(segment[dot+1:]) {
		start, end = strings.LastIndexAny(segment[:dot], ".-")+1, dot
		if !identifier(segment[:end]) && !(start > 0 && hashed(segment[start:end])) {
			start = end
		} else if identifier(segment[:end]) {
			start = 0
		}
	} else {
		start = end
	}
	if start < end {
		writeLiteral(out, segment[:start])
		out.WriteString(wildcard)
		writeLiteral(out, segment[end:])
		return
	}
	writeLiteral(out, segment)
}

// writeLiteral writes s in ASCII that no pattern takes for a wildcard.
func writeLiteral(out *strings.Builder, s string) {
	if printable(s) && !strings.ContainsAny(s, "{}/% \"<>?#\\^`|") {
		out.WriteString(s)
		return
	}
	out.WriteString(url.PathEscape(s))
}

// identifier reports whether a decoded segment names one thing of many.
func identifier(s string) bool {
	if s == "" {
		return false
	}
	if len(s) > maxRouteSegment {
		return true
	}
	c := classOf(s)
	switch {
	case c.other > 0:
		return email(s)
	case c.digits == 0 && c.dashes+c.dots > 0, c.digits == 0 && c.letters() < 16:
		return false
	case c.letters() == 0:
		return true // numbers, dates, versions, addresses
	}
	return uuid(s) || timestamp(s) || hashed(s) || numbered(s, c) || token(s, c)
}

// A class counts what a segment is made of.
type class struct {
	upper, lower, digits, dashes, dots, other int
	// turns is how often the kind of the character changes.
	turns int
}

func (c class) letters() int { return c.upper + c.lower }

func classOf(s string) class {
	var c class
	last := byte(0)
	for i := range len(s) {
		kind := byte('o')
		switch b := s[i]; {
		case b >= '0' && b <= '9':
			c.digits++
			kind = 'd'
		case b >= 'a' && b <= 'z':
			c.lower++
			kind = 'l'
		case b >= 'A' && b <= 'Z':
			c.upper++
			kind = 'u'
		case b == '-' || b == '_':
			c.dashes++
			kind = '-'
		case b == '.' || b == ',' || b == ':' || b == '=' || b == '+':
			c.dots++
		default:
			c.other++
		}
		if i > 0 && kind != last {
			c.turns++
		}
		last = kind
	}
	return c
}

// hashed reports whether s is hexadecimal as digests and object identifiers
// are: eight digits and more, of both sorts.
func hashed(s string) bool {
	if len(s) < 8 {
		return false
	}
	digits := 0
	for i := range len(s) {
		if hex[s[i]] > 15 {
			return false
		}
		if s[i] <= '9' {
			digits++
		}
	}
	return digits > 0 && digits < len(s) || len(s) >= 32
}

// uuid reports whether s is 8-4-4-4-12 hexadecimal digits, in braces or not.
func uuid(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if s[i] != '-' {
				return false
			}
		} else if hex[s[i]] > 15 {
			return false
		}
	}
	return true
}

// timestamp reports whether s begins as a date with a time does: 2026-05-01T…
func timestamp(s string) bool {
	const shape = "0000-00-00T00"
	if len(s) < len(shape) {
		return false
	}
	for i := range len(shape) {
		if shape[i] == '0' && (s[i] < '0' || s[i] > '9') || shape[i] != '0' && s[i] != shape[i] {
			return false
		}
	}
	return true
}

// numbered reports whether s is a number with a prefix: ORD-2024-0001,
// SKU-3ed914, order-10042, cus_NffrFeUfNV2Hib. A word with a short number
// (iphone-15, v2, utf-8, summer-2026) is a slug.
func numbered(s string, c class) bool {
	at := strings.IndexAny(s, "-_")
	if at < 1 || at > 8 || at+1 == len(s) {
		return false
	}
	prefix, rest := classOf(s[:at]), s[at+1:]
	tail := classOf(rest)
	switch {
	case prefix.digits > 0 || tail.digits == 0:
		return false
	case prefix.lower == 0: // capitals
		last := rest[strings.LastIndexAny(rest, "-_")+1:]
		return tail.digits >= 3 && len(last) >= 3 && tail.letters() <= 6
	case tail.letters() == 0 && tail.dashes == 0:
		return tail.digits >= 5
	}
	return s[at] == '_' && tail.dashes == 0 && len(rest) >= 10 && tail.turns*4 >= len(rest)
}

// token reports whether s looks drawn at random: long, and its characters
// change kind more often than in words. ULIDs, nanoids, base64.
func token(s string, c class) bool {
	switch {
	case len(s) < 12 || c.digits < 2:
		// Base64 without digits: 16 letters that change case at every third.
		return len(s) >= 20 && c.upper >= 4 && c.lower >= 4 && c.turns*5 >= len(s)*2
	case c.dots > 0 && !strings.HasSuffix(s, "="):
		return false
	case c.lower > 0 && c.upper > 0:
		return c.turns*3 >= len(s)
	case c.dashes > 0:
		return false // a slug
	}
	// One case and digits: ULID (26), cuid (25); PocketBase's (15) by more changes
	// than a name with a version has, or by letters that nobody can say.
	return len(s) >= 20 && c.turns*4 >= len(s) || c.turns*2 >= len(s) || len(s) >= 15 && (c.turns >= 5 && vowels(s)*3 <= c.letters() || c.turns >= 2 && vowels(s)*5 <= c.letters())
}

func vowels(s string) (n int) {
	for i := range len(s) {
		if strings.IndexByte("aeiouyAEIOUY", s[i]) >= 0 {
			n++
		}
	}
	return n
}

// email reports whether s has the form of an address; "@alice" and
// "@scope/name" have not.
func email(s string) bool {
	at := strings.IndexByte(s, '@')
	return at > 0 && strings.IndexByte(s[at+1:], '@') < 0 && strings.Contains(s[at+1:], ".") && !strings.ContainsAny(s, "/ ")
}

// extension reports whether s is what ends a file's name.
func extension(s string) bool {
	if s == "" || len(s) > 5 {
		return false
	}
	letters := 0
	for i := range len(s) {
		switch b := s[i] | 0x20; {
		case b >= 'a' && b <= 'z':
			letters++
		case s[i] < '0' || s[i] > '9':
			return false
		}
	}
	return letters > 0
}
