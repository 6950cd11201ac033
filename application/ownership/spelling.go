package ownership

import (
	"net/url"
	"path"
	"strings"

	"github.com/gatehousehq/gatehouse/input"
)

// maxDecodings is how often a path is decoded: once by the standard, twice by a
// proxy and a backend, a third time by carelessness.
const maxDecodings = 3

// oddly reports whether some server may take a path for the rule's that the
// pattern does not match as it stands: in other letters, with other slashes,
// escapes, parameters, steps or an ending.
func (r *rule) oddly(escaped string) bool {
	s := escaped
	for range maxDecodings {
		if r.loosely(s) {
			return true
		}
		if strings.IndexByte(s, '%') < 0 {
			return false
		}
		decoded, err := url.PathUnescape(s)
		if err != nil {
			return true // nobody knows
		}
		s = decoded
	}
	return r.loosely(s)
}

// loosely compares one reading.
func (r *rule) loosely(s string) bool {
	s = strings.ToLower(strings.ReplaceAll(s, `\`, "/"))
	if strings.IndexByte(s, ';') >= 0 {
		parts := strings.Split(s, "/")
		for i := range parts {
			parts[i], _, _ = strings.Cut(parts[i], ";")
		}
		s = strings.Join(parts, "/")
	}
	if s, _, _ = strings.Cut(s, "\x00"); s == "" || s[0] != '/' {
		s = "/" + s
	}
	parts := strings.Split(path.Clean(s), "/")
	for i, part := range parts {
		parts[i] = url.PathEscape(strings.TrimSpace(part))
	}
	clean := strings.Join(parts, "/")
	if r.loose.Match(clean) {
		return true
	}
	// A format at the end: /orders/42.json.
	last := parts[len(parts)-1]
	dot := strings.LastIndexByte(last, '.')
	return dot > 0 && r.loose.Match(clean[:len(clean)-len(last)+dot])
}

// loosePattern is the pattern in lower case, without a slash at its end.
func loosePattern(text string) (input.Pattern, error) {
	text = strings.TrimSuffix(text, "/{$}")
	var b strings.Builder
	for rest := text; rest != ""; {
		literal, after, wild := strings.Cut(rest, "{")
		b.WriteString(strings.ToLower(literal))
		if !wild {
			break
		}
		name, more, _ := strings.Cut(after, "}")
		b.WriteString("{" + name + "}")
		rest = more
	}
	return input.ParsePattern(b.String())
}
