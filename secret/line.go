package secret

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxLine    = 2048
	maxPath    = 512
	maxSegment = 128
)

// Line makes s fit for one line of a log: secrets are replaced ([Redact]),
// control and invisible characters escaped, and what goes beyond 2,048 bytes
// is cut.
func Line(s string) string {
	if len(s) > 4*maxLine {
		// Enough that a secret which the later cut would break is still whole.
		s = s[:4*maxLine]
	}
	return Cut(escape(Redact(s)), maxLine)
}

// Path makes a request's path fit for a log. The query and fragment are left
// out. In each segment, secrets, e-mail addresses and long random tokens are
// replaced, and so is what follows a segment such as "reset" or "token" where
// it isn't a word; UUIDs and short identifiers stay. Control characters are
// escaped. What goes beyond 512 bytes is cut.
func Path(s string) string {
	if at := strings.IndexAny(s, "?#"); at >= 0 {
		s = s[:at]
	}
	if len(s) > 8*maxPath {
		s = s[:8*maxPath]
	}
	segments := strings.Split(s, "/")
	before := ""
	for i, segment := range segments {
		segments[i] = pathSegment(segment, before)
		before = strings.ToLower(segment)
	}
	return Cut(escape(Redact(strings.Join(segments, "/"))), maxPath)
}

// tokenSteps are segments after which a path carries a secret of its own:
// whoever has the link may act.
var tokenSteps = []string{"reset", "token", "verify", "verification", "confirm", "activate", "activation", "invite", "invitation", "magic", "unsubscribe", "password"}

func pathSegment(raw, before string) string {
	segment, err := url.PathUnescape(raw)
	if err != nil {
		segment = raw
	}
	switch {
	case segment == "":
		return raw
	case isEmail(segment):
		return "[email]"
	case afterTokenStep(before) && (isUUID(segment) || len(segment) >= 6 && (tokenLike(segment) || kindsOf(segment).digits > 0)):
		return Mark
	case isUUID(segment):
		return raw
	case longToken(segment), Redact(segment) != segment:
		return Mark
	}
	return Cut(raw, maxSegment)
}

func afterTokenStep(before string) bool {
	for _, step := range tokenSteps {
		if strings.Contains(before, step) {
			return true
		}
	}
	return false
}

// isEmail reports whether s has an e-mail address's shape.
func isEmail(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	if !ok || local == "" || strings.ContainsAny(s, " \t:") {
		return false
	}
	dot := strings.LastIndexByte(domain, '.')
	return dot > 0 && dot < len(domain)-1 && !strings.Contains(domain, "@") &&
		strings.IndexFunc(domain[dot+1:], func(r rune) bool { return !unicode.IsLetter(r) }) < 0
}

// escape writes what would not be seen, or would change what is seen around
// it, as \n, \u202e or \xff.
func escape(s string) string {
	if strings.IndexFunc(s, hidden) < 0 && utf8.ValidString(s) {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&out, `\x%02x`, s[i])
		case r == '\n':
			out.WriteString(`\n`)
		case r == '\r':
			out.WriteString(`\r`)
		case r == '\t':
			out.WriteString(`\t`)
		case hidden(r) && r < 0x10000:
			fmt.Fprintf(&out, `\u%04x`, r)
		case hidden(r):
			fmt.Fprintf(&out, `\U%08x`, r)
		default:
			out.WriteRune(r)
		}
		i += size
	}
	return out.String()
}

func hidden(r rune) bool { return r != ' ' && !unicode.IsPrint(r) }

// Cut shortens s to at most limit bytes, at a character's end.
func Cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	limit -= len("…")
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit] + "…"
}
