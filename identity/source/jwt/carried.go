package jwt

import (
	"net/http"
	"strings"

	"github.com/gatehousehq/gatehouse"
)

// collect takes the tokens out of where they may stand. It gives false where
// there are more than can be meant.
func (s *Source) collect(r *http.Request, to *carried) bool {
	lines := r.Header["Authorization"]
	for _, line := range lines {
		text, ok := bearer(line)
		if !ok {
			continue
		}
		if !to.add(text, gatehouse.Header, "Authorization") || len(lines) > 1 {
			return false
		}
	}
	for _, name := range s.headers {
		for _, line := range r.Header[name] {
			text, ok := bearer(line)
			if !ok {
				text = line
			}
			if !to.add(text, gatehouse.Header, name) {
				return false
			}
		}
	}
	for _, name := range s.cookies {
		if !collectCookies(r.Header["Cookie"], name, to) {
			return false
		}
	}
	return true
}

// bearer gives what follows the scheme Bearer (RFC 6750). A scheme that only
// some readers would take for it is taken for it: what follows is then no token.
func bearer(line string) (text string, ok bool) {
	const scheme = "bearer"
	if len(line) < len(scheme) || !strings.EqualFold(line[:len(scheme)], scheme) {
		return "", false
	}
	rest := line[len(scheme):]
	if rest == "" {
		return "", true
	}
	if c := rest[0]; 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.' {
		return "", false
	}
	return strings.TrimLeft(rest, " "), true
}

// collectCookies takes every cookie of the name: which of two a backend takes
// is not known.
func collectCookies(lines []string, name string, to *carried) bool {
	for _, line := range lines {
		for line != "" {
			var pair string
			pair, line, _ = strings.Cut(line, ";")
			key, value, ok := strings.Cut(pair, "=")
			if !ok || strings.Trim(key, " \t") != name {
				continue
			}
			value = strings.Trim(value, " \t")
			if len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' {
				value = value[1 : len(value)-1]
			}
			if !to.add(value, gatehouse.Cookie, name) {
				return false
			}
		}
	}
	return true
}
