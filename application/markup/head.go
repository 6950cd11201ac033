package markup

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/taint"
)

// CheckHead looks for inputs in an answer's header: one may be a path that the
// client is sent to, or a host of this site or of Options.Hosts; never another
// host, another scheme, or a further line.
func (m *Markup) CheckHead(host string, status int, h http.Header, candidates []taint.Candidate) gatehouse.Decision {
	for name, values := range h {
		for _, v := range values {
			if strings.ContainsAny(v, "\r\n\x00") {
				return gatehouse.Denied(RuleHeader, gatehouse.Place{}, "a line break in the field %s", name)
			}
		}
	}
	if status >= 300 && status < 400 || status == http.StatusCreated {
		if d := m.location(host, h.Get("Location"), candidates); d.Verdict != gatehouse.Pass {
			return d
		}
	}
	if refresh := h.Get("Refresh"); refresh != "" {
		if i := strings.Index(strings.ToLower(refresh), "url="); i >= 0 {
			return m.location(host, strings.Trim(refresh[i+4:], " '\""), candidates)
		}
	}
	return gatehouse.Passed()
}

// location judges an address that the client is sent to.
func (m *Markup) location(host, location string, candidates []taint.Candidate) gatehouse.Decision {
	target, scheme := where(location)
	switch {
	case scheme != "" && scheme != "http" && scheme != "https":
		if scheme != "javascript" && scheme != "data" && scheme != "vbscript" {
			return gatehouse.Passed() // an application's own scheme
		}
	case target == "" || strings.EqualFold(target, nameOf(host)) || slices.Contains(m.hosts, strings.ToLower(target)):
		return gatehouse.Passed()
	}
	for i := range candidates {
		c := &candidates[i]
		if c.Place.Kind == gatehouse.Header && !strings.EqualFold(c.Place.Name, "X-Forwarded-Host") && !strings.EqualFold(c.Place.Name, "Referer") {
			continue
		}
		if brings(c.Value, location, target, scheme) {
			return gatehouse.Denied(RuleRedirect, c.Place, "an input chooses the host that the answer sends its client to")
		}
	}
	return gatehouse.Passed()
}

// brings reports whether an input has the host that an address goes to, as an
// address: a search for a partner's name is none.
func brings(value, location, target, scheme string) bool {
	if len(value) < 4 {
		return false
	}
	for range 3 {
		if value == location || len(value) >= 6 && strings.HasPrefix(strings.TrimSpace(location), strings.TrimSpace(value)) {
			return true
		}
		if t, s := where(value); t != "" && strings.EqualFold(t, target) || s != "" && s == scheme && t == "" && target == "" && s != "http" && s != "https" {
			return true
		}
		if target != "" && strings.EqualFold(value, target) && strings.Contains(value, ".") {
			return true
		}
		if strings.HasPrefix(value, ".") || strings.HasPrefix(value, "@") {
			name, _, _ := strings.Cut(strings.TrimPrefix(value, "@"), "/")
			if len(name) > 3 && strings.HasSuffix(strings.ToLower(target), strings.ToLower(name)) {
				return true // put behind the site's own name
			}
		}
		plain, err := url.PathUnescape(value)
		if err != nil || plain == value {
			return false
		}
		value = plain
	}
	return false
}

// where is the host that browsers take an address to go to, and its scheme; no
// host is the site itself (URL Standard, section 4.4: backslashes are slashes,
// tabs and line breaks nothing, and http:name is one of http://name).
func where(location string) (host, scheme string) {
	v := strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' || r == '\r' {
			return -1
		}
		return r
	}, strings.TrimFunc(location, func(r rune) bool { return r <= ' ' }))
	end := strings.IndexAny(v, "/\\?#")
	if i := strings.IndexByte(v, ':'); i > 0 && (end < 0 || i < end) && isScheme(v[:i]) {
		scheme, v = strings.ToLower(v[:i]), v[i+1:]
		if scheme != "http" && scheme != "https" {
			return "", scheme
		}
		v = strings.TrimLeft(v, `/\`)
	} else {
		slashes := len(v) - len(strings.TrimLeft(v, `/\`))
		if slashes < 2 {
			return "", ""
		}
		v = v[slashes:]
	}
	if end := strings.IndexAny(v, "/\\?#"); end >= 0 {
		v = v[:end]
	}
	if at := strings.LastIndexByte(v, '@'); at >= 0 {
		v = v[at+1:]
	}
	return nameOf(v), scheme
}

func isScheme(s string) bool {
	for i, c := range []byte(s) {
		if !isLetter(c) && (i == 0 || !('0' <= c && c <= '9' || c == '+' || c == '-' || c == '.')) {
			return false
		}
	}
	return true
}

// nameOf is a host without its port.
func nameOf(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.Contains(host[i:], "]") {
		host = host[:i]
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
