package signin

import (
	"net/http"
	"strings"
	"time"
)

// A SetCookie is one line of Set-Cookie, as far as it matters here.
type SetCookie struct {
	Name, Value string
	// Deleted is set where the line ends the cookie.
	Deleted  bool
	HTTPOnly bool
	// Expires is when it ends; zero where the browser's session does that.
	Expires time.Time
}

// maxSetCookies bounds the lines that are read of one answer.
const maxSetCookies = 64

// SetCookies reads the cookies that an answer sets. Of those that are set twice
// the last counts, as in browsers.
func SetCookies(h http.Header, now time.Time) []SetCookie {
	lines := h["Set-Cookie"]
	var all []SetCookie
	for _, line := range lines[:min(len(lines), maxSetCookies)] {
		c, err := http.ParseSetCookie(line)
		if err != nil || c.Name == "" {
			continue
		}
		// The value as it is sent back, quotes and all.
		pair, _, _ := strings.Cut(line, ";")
		_, value, _ := strings.Cut(pair, "=")
		s := SetCookie{Name: c.Name, Value: strings.Trim(value, " \t"), HTTPOnly: c.HttpOnly}
		switch {
		case c.MaxAge > 0:
			s.Expires = now.Add(time.Duration(min(c.MaxAge, maxAge)) * time.Second)
		case c.MaxAge < 0:
			s.Deleted = true
		case !c.Expires.IsZero():
			s.Expires = c.Expires
			s.Deleted = !now.Before(c.Expires)
		}
		s.Deleted = s.Deleted || s.Value == "" || strings.EqualFold(s.Value, "deleted")
		found := false
		for i := range all {
			if all[i].Name == s.Name {
				all[i], found = s, true
			}
		}
		if !found {
			all = append(all, s)
		}
	}
	return all
}

// maxAge is 400 days in seconds, the longest that browsers keep a cookie
// (RFC 6265bis, section 5.5).
const maxAge = 400 * 24 * 3600

// sessionParts are parts of the names of cookies that hold a session; signedIn of
// those that are set for who is signed in alone.
var (
	sessionParts = []string{"sess", "sid", "auth", "token", "jwt", "remember", "login", "logged", "identity", "refresh", "access", "cftoken", "cfid", ".aspnet", ".aspx"}
	signedIn     = []string{"aspxauth", "aspnetcore.identity.application", "aspnetcore.cookies", "wordpress_logged_in", "wordpress_sec", "remember", "userid", "user_id", "username", "sessauth",
		"access_token", "accesstoken", "refresh_token", "jwt", "autologin", "keycloak_identity", "auth_token", "authtoken", "session_token", "session-token"}
	// notSessions are parts of the names of those that are none: counters, choices,
	// balancers, tokens of forms.
	notSessions = []string{"csrf", "xsrf", "antiforgery", "_ga", "_gid", "_gcl", "_fbp", "_hj", "utm", "amplitude", "mixpanel", "matomo", "_pk_", "theme", "lang", "locale", "consent", "currency",
		"timezone", "awsalb", "arraffinity", "bigip", "__cf", "cf_clearance", "gclb", "incap_", "visid_", "serverid", "flash", "messages", "notice", "tempdata", "captcha", "gate-", "optanon", "intercom"}
)

func contains(name string, parts []string) bool {
	name = strings.ToLower(name)
	for _, p := range parts {
		if strings.Contains(name, p) {
			return true
		}
	}
	return false
}

// SessionName reports whether a cookie's name is one that sessions have.
func SessionName(name string) bool {
	return !contains(name, notSessions) && contains(name, sessionParts)
}

// NotSession reports whether a cookie's name is one that sessions never have.
func NotSession(name string) bool { return contains(name, notSessions) }

// cookies looks at what the answer sets.
func (e *reader) cookies() {
	sent := map[string]string{}
	for _, c := range e.request.Cookies() {
		sent[c.Name] = c.Value
	}
	best, why := 0, ""
	for _, c := range SetCookies(e.answer.Header, time.Time{}) {
		if c.Deleted || contains(c.Name, notSessions) || len(c.Value) < minSecret && !contains(c.Name, signedIn) {
			continue
		}
		before, had := sent[c.Name]
		switch {
		case had && before == strings.Trim(c.Value, `"`):
		case contains(c.Name, signedIn) && best < 6:
			best, why = 6, "it sets a cookie of who is signed in"
		case had && (c.HTTPOnly || SessionName(c.Name)) && best < 2:
			best, why = 2, "it renews the session's cookie"
		case !had && (c.HTTPOnly || SessionName(c.Name)) && best < 2:
			best, why = 2, "it sets a cookie as a session's"
		}
	}
	if e.renewed = best > 0; e.renewed {
		e.say(best, why)
	}
}

// minSecret is the shortest value that can be a session's, in bytes: 64 bits in
// base64 have 11, and no framework goes below 16.
const minSecret = 16
