package input

import (
	"errors"
	"fmt"
	"strings"
)

// A Pattern matches paths as the patterns of [net/http.ServeMux] do: "/orders"
// is that path alone, "/orders/{id}" has one segment in place of the wildcard,
// "/webhooks/" is every path below it, "/files/{rest...}" too, "/files/{$}"
// is "/files/" alone. Besides, a wildcard may have text around it in its
// segment, such as "/avatars/{id}.png". The zero value matches nothing.
//
// Segments are decoded once on either side, as the inputs of the path are. A
// path that a backend may resolve to another one never matches: with ".", ".."
// or such parts inside a segment, or empty segments. So use a match to permit,
// and do not use the lack of one to permit.
type Pattern struct {
	text     string
	segments []piece
	// prefix: more segments, or none, may follow.
	prefix bool
}

// A piece is one segment: a literal, or a wildcard between two.
type piece struct {
	wild          bool
	name          string // the wildcard's
	before, after string
}

// maxPattern bounds a pattern, in bytes.
const maxPattern = 1024

// ParsePattern reads a pattern. The error says what is wrong with it.
func ParsePattern(s string) (Pattern, error) {
	if !strings.HasPrefix(s, "/") {
		return Pattern{}, fmt.Errorf("pattern %q: a path begins with a slash", s)
	}
	if len(s) > maxPattern {
		return Pattern{}, fmt.Errorf("pattern of %d bytes: at most %d", len(s), maxPattern)
	}
	p := Pattern{text: s}
	parts := strings.Split(s[1:], "/")
	for i, part := range parts {
		last := i == len(parts)-1
		switch {
		case last && part == "":
			p.prefix = true
			continue
		case last && part == "{$}":
			p.segments = append(p.segments, piece{})
			continue
		case last && strings.HasPrefix(part, "{") && strings.HasSuffix(part, "...}"):
			p.prefix = true
			continue
		}
		segment, err := parsePiece(part)
		if err != nil {
			return Pattern{}, fmt.Errorf("pattern %q: %w", s, err)
		}
		p.segments = append(p.segments, segment)
	}
	return p, nil
}

func parsePiece(part string) (piece, error) {
	if part == "" {
		return piece{}, errors.New("two slashes in a row match no path")
	}
	if err := checkPath(part); err != nil {
		return piece{}, errors.New("a percent sign that begins no escape")
	}
	before, rest, wild := strings.Cut(part, "{")
	if !wild {
		if strings.Contains(part, "}") {
			return piece{}, fmt.Errorf("%q: a brace that was not opened", part)
		}
		text := unescape(part, false)
		if doubtful(text) {
			return piece{}, fmt.Errorf("%q: such a segment never matches", part)
		}
		return piece{before: text}, nil
	}
	name, after, closed := strings.Cut(rest, "}")
	if !closed || strings.ContainsAny(after, "{}") {
		return piece{}, fmt.Errorf("%q: one {name} in a segment", part)
	}
	if !identifierName(name) {
		return piece{}, fmt.Errorf("%q: a wildcard's name is letters, digits and _ (and ... or $ only at the end of the path)", part)
	}
	return piece{wild: true, name: name, before: unescape(before, false), after: unescape(after, false)}, nil
}

func identifierName(s string) bool {
	for i := range len(s) {
		if c := s[i]; !plainByte[c] || c == '.' || c == ' ' || c == ',' || i == 0 && c >= '0' && c <= '9' {
			return false
		}
	}
	return s != ""
}

// String is the pattern as it was written.
func (p Pattern) String() string { return p.text }

// MarshalText writes the pattern.
func (p Pattern) MarshalText() ([]byte, error) { return []byte(p.text), nil }

// UnmarshalText reads a pattern.
func (p *Pattern) UnmarshalText(text []byte) error {
	parsed, err := ParsePattern(string(text))
	if err == nil {
		*p = parsed
	}
	return err
}

// Match reports whether the pattern matches a path as it came, escaped
// ([net/url.URL.EscapedPath]).
func (p Pattern) Match(escapedPath string) bool {
	rest, rooted := strings.CutPrefix(escapedPath, "/")
	if !rooted || p.text == "" {
		return false
	}
	for i := 0; ; i++ {
		raw, after, more := strings.Cut(rest, "/")
		if i == len(p.segments) && !p.prefix {
			return false
		}
		segment := unescape(raw, false)
		if doubtful(segment) || segment == "" && more {
			return false
		}
		if i < len(p.segments) && !p.segments[i].match(segment) {
			return false
		}
		if !more {
			// A prefix "/a/" wants the slash after "a".
			if p.prefix {
				return i >= len(p.segments)
			}
			return i == len(p.segments)-1
		}
		rest = after
	}
}

// Wildcards are the names of the pattern's wildcards of one segment, in their
// order.
func (p Pattern) Wildcards() (names []string) {
	for _, s := range p.segments {
		if s.wild {
			names = append(names, s.name)
		}
	}
	return names
}

// Value is what stands in the path for a wildcard of one segment, decoded, without
// the text around it. ok is false where the path does not match, or the pattern has
// no such wildcard.
func (p Pattern) Value(name, escapedPath string) (value string, ok bool) {
	if !p.Match(escapedPath) {
		return "", false
	}
	rest := escapedPath[1:]
	for _, s := range p.segments {
		raw, after, _ := strings.Cut(rest, "/")
		if s.wild && s.name == name {
			segment := unescape(raw, false)
			return segment[len(s.before) : len(segment)-len(s.after)], true
		}
		rest = after
	}
	return "", false
}

func (s piece) match(segment string) bool {
	if !s.wild {
		return segment == s.before
	}
	return len(segment) > len(s.before)+len(s.after) && strings.HasPrefix(segment, s.before) && strings.HasSuffix(segment, s.after)
}

// doubtful reports whether a backend may take a decoded segment for a step
// upwards or for none: ".." between slashes, backslashes or semicolons, or a
// zero byte.
func doubtful(segment string) bool {
	if !strings.ContainsAny(segment, ".\x00") {
		return false
	}
	if strings.IndexByte(segment, 0) >= 0 {
		return true
	}
	start := 0
	for i := 0; i <= len(segment); i++ {
		if i < len(segment) && segment[i] != '/' && segment[i] != '\\' && segment[i] != ';' {
			continue
		}
		if part := segment[start:i]; part == "." || part == ".." {
			return true
		}
		start = i + 1
	}
	return false
}
