// Package cookies gives the cookies that a backend sets the attributes that
// they lack: Secure over HTTPS, SameSite=Lax where none is said, HttpOnly for
// those that hold a session.
//
// It trusts the backend where it says more: an explicit SameSite=None stays, as
// sign-in by form_post and embedded sites need it. A cookie that scripts read
// and send back (double submit against CSRF) is never made HttpOnly: those of
// known names, and those whose value came back in a header or a field.
//
// It stops nobody who has the cookie already, and does not encrypt any.
package cookies

import (
	"net/http"
	"strings"
	"sync"

	"github.com/gatehousehq/gatehouse"
)

// Rung is the layer's name on the ladder.
const Rung = "application/cookies"

// The rules that a decision names. What they name was mended, or would have
// been.
const (
	RuleSecure   = "secure"
	RuleSameSite = "samesite"
	RuleHTTPOnly = "httponly"
)

// maxDoubled bounds the names known to be read by scripts.
const maxDoubled = 256

// Options configure Cookies. The zero value has no exceptions.
type Options struct {
	// Readable are names that scripts read, beside those that are told by
	// themselves; each needs a reason.
	Readable []Readable
}

// A Readable cookie is never made HttpOnly.
type Readable struct {
	Name   string
	Reason gatehouse.Reason
}

// Cookies is the rung. Make it with [New].
type Cookies struct {
	mu       sync.RWMutex
	readable map[string]bool
}

// New checks the options.
func New(o Options) (*Cookies, error) {
	c := &Cookies{readable: map[string]bool{}}
	for _, r := range o.Readable {
		if r.Name == "" || !r.Reason.Given() {
			return nil, errReadable(r.Name)
		}
		c.readable[r.Name] = true
	}
	return c, nil
}

type errReadable string

func (e errReadable) Error() string {
	return "cookies: Options.Readable " + string(e) + ": a name and a reason are wanted"
}

// Sent notes which cookies of a request came back in a header or a field: those
// are read by scripts. The values of its inputs are asked for by holds.
func (c *Cookies) Sent(r *http.Request, holds func(value string) bool) {
	for _, cookie := range r.Cookies() {
		if len(cookie.Value) < 8 || !c.isSession(cookie.Name) {
			continue
		}
		if inHeader(r.Header, cookie.Value) || holds != nil && holds(cookie.Value) {
			c.mu.Lock()
			if len(c.readable) < maxDoubled {
				c.readable[strings.Clone(cookie.Name)] = true
			}
			c.mu.Unlock()
		}
	}
}

func inHeader(h http.Header, value string) bool {
	for name, values := range h {
		if name == "Cookie" || name == "Referer" {
			continue
		}
		for _, v := range values {
			if v == value {
				return true
			}
		}
	}
	return false
}

// Check looks at the cookies that an answer sets, and says what they lack: a
// decision that passes and names the last rule. With mend it adds it; the rest
// of each line stays as it was, byte for byte.
func (c *Cookies) Check(header http.Header, secure, mend bool) gatehouse.Decision {
	d := gatehouse.Passed()
	lines := header["Set-Cookie"]
	for i, line := range lines {
		lacks, name := c.lacking(line, secure)
		for _, l := range lacks {
			line += "; " + l.attribute
			d.Rule = l.rule
			d.Place = gatehouse.Place{Kind: gatehouse.Cookie, Name: name}
			d.Evidence = "the backend set a cookie without " + l.attribute
		}
		if mend {
			lines[i] = line
		}
	}
	return d
}

type lack struct{ rule, attribute string }

// lacking says what a line of Set-Cookie lacks.
func (c *Cookies) lacking(line string, secure bool) (lacks []lack, name string) {
	pair, rest, _ := strings.Cut(line, ";")
	name, value, ok := strings.Cut(pair, "=")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	if !ok || name == "" {
		return nil, name // browsers take it for a value without a name; who knows
	}
	said := attributes(rest)
	_, isSecure := said["secure"]
	sameSite, hasSameSite := said["samesite"]
	if secure && !isSecure {
		lacks = append(lacks, lack{RuleSecure, "Secure"})
	}
	if !hasSameSite || !validSameSite(sameSite) {
		lacks = append(lacks, lack{RuleSameSite, "SameSite=Lax"})
	}
	if _, httpOnly := said["httponly"]; !httpOnly && value != "" && c.isSession(name) && !c.isReadable(name) {
		lacks = append(lacks, lack{RuleHTTPOnly, "HttpOnly"})
	}
	return lacks, name
}

func validSameSite(v string) bool {
	switch strings.ToLower(v) {
	case "strict", "lax", "none":
		return true
	}
	return false
}

func attributes(rest string) map[string]string {
	said := map[string]string{}
	for part := range strings.SplitSeq(rest, ";") {
		name, value, _ := strings.Cut(part, "=")
		said[strings.ToLower(strings.TrimSpace(name))] = strings.TrimSpace(value)
	}
	return said
}

func (c *Cookies) isReadable(name string) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.readable[name]
}

// sessions are words in the names of cookies that hold a session: the defaults
// of PHP, Java, ASP.NET, Django, Rails, Laravel, Express, Flask, ColdFusion,
// Perl's CGI::Session, WordPress, Drupal, MediaWiki and others.
var sessions = [...]string{
	"sess", "sid", "auth", "token", "jwt", "remember", "login", "connect.sid", "phpsessid", "jsessionid", "asp.net", "aspxauth", "cftoken", "cfid",
	"cgisess", "wordpress_logged_in", "wordpress_sec", "identity", "refresh", "access",
}

// tokens are words in the names of cookies that scripts send back.
var tokens = [...]string{"csrf", "xsrf", "anti-forgery", "antiforgery"}

// isSession reports whether a name says that the cookie holds a session, and
// not a token that scripts read.
func (c *Cookies) isSession(name string) bool {
	name = strings.ToLower(name)
	for _, word := range tokens {
		if strings.Contains(name, word) {
			return false
		}
	}
	for _, word := range sessions {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}
