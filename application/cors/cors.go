// Package cors decides which other origins may read a site's answers.
//
// Where the configuration has a rule for a path, the rule alone decides: the
// exact scheme, host and port; null never; every origin only with a reason and
// never with credentials. Preflights are answered before anything asks who the
// client is, as browsers send them without credentials (Fetch, section 4.8).
// Elsewhere the backend's own answer stands, unless it is one that only an
// attack needs: null or every origin with credentials, an origin made to look
// like the site's, or any origin, told from answers to several unrelated ones.
//
// It trusts browsers to keep to the answer. It stops no request (that is
// application/csrf), and nobody without a browser.
package cors

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/input"
)

// Rung is the layer's name on the ladder.
const Rung = "application/cors"

// The rules that a decision names.
const (
	// RuleNull: the answer lets the origin null read with credentials, which
	// any page becomes by a sandboxed frame.
	RuleNull = "null-origin"
	// RuleWildcard: every origin, with credentials. Browsers refuse it; a
	// backend that sends it reflects the origin next.
	RuleWildcard = "wildcard-with-credentials"
	// RuleLookalike: the origin that may read begins or ends like the site's and
	// is another's.
	RuleLookalike = "lookalike-origin"
	// RuleReflected: the route lets whoever asks read with credentials.
	RuleReflected = "any-origin"
	// RuleOrigin: a rule of the configuration does not name the origin.
	RuleOrigin = "origin"
)

// Any stands for every origin.
const Any = "*"

// A Rule says which origins may read answers at a path.
type Rule struct {
	Path        string // a pattern of package input
	Origins     []string
	Credentials bool
	Methods     []string // beside GET, HEAD and POST; empty: the common ones
	Headers     []string // that scripts may send; empty: what they ask for
	Expose      []string // that scripts may read
	MaxAge      time.Duration
	Reason      gatehouse.Reason // for Any
}

// Options configure CORS.
type Options struct {
	// Site is the site's own origin; empty means what the client addresses.
	Site  string
	Rules []Rule
}

// CORS is the rung. Make it with [New].
type CORS struct {
	site  string
	rules []rule
	seen  reflected
}

type rule struct {
	Rule
	path input.Pattern
}

// New checks the options.
func New(o Options) (*CORS, error) {
	c := &CORS{seen: reflected{routes: map[string][]string{}}}
	if o.Site != "" {
		site, err := Origin(o.Site)
		if err != nil {
			return nil, fmt.Errorf("cors: Options.Site: %w", err)
		}
		c.site = site
	}
	for i, r := range o.Rules {
		made, err := newRule(r)
		if err != nil {
			return nil, fmt.Errorf("cors: Options.Rules[%d] (%s): %w", i, r.Path, err)
		}
		c.rules = append(c.rules, made)
	}
	return c, nil
}

var (
	errNone     = errors.New("names no origin")
	errNull     = errors.New("null is no origin to trust: any page becomes it by a sandboxed frame")
	errWildcard = errors.New("every origin (*) with credentials hands every visitor's data to every site: name the origins")
	errReason   = errors.New("every origin (*) needs a reason")
)

func newRule(r Rule) (rule, error) {
	path, err := input.ParsePattern(r.Path)
	if err != nil {
		return rule{}, err
	}
	if len(r.Origins) == 0 {
		return rule{}, errNone
	}
	made := rule{Rule: r, path: path}
	made.Origins = nil
	for _, o := range r.Origins {
		switch {
		case strings.EqualFold(o, "null"):
			return rule{}, errNull
		case o == Any && r.Credentials:
			return rule{}, errWildcard
		case o == Any && !r.Reason.Given():
			return rule{}, errReason
		case o != Any:
			if o, err = Origin(o); err != nil {
				return rule{}, err
			}
		}
		made.Origins = append(made.Origins, o)
	}
	if len(made.Methods) == 0 {
		made.Methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}
	}
	return made, nil
}

// For reports whether a rule is for a path, and so decides alone.
func (c *CORS) For(escapedPath string) bool { return c.rule(escapedPath) != nil }

func (c *CORS) rule(escapedPath string) *rule {
	for i := range c.rules {
		if c.rules[i].path.Match(escapedPath) {
			return &c.rules[i]
		}
	}
	return nil
}

func (r *rule) allows(origin string) bool {
	return slices.Contains(r.Origins, Any) || slices.Contains(r.Origins, origin)
}

// IsPreflight reports whether a request asks whether another may be sent (Fetch,
// section 3.3.2).
func IsPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
}

// Preflight answers a preflight at a path that has a rule; ok is false for any
// other request. The answer has no body; where it denies, the header lets
// nobody.
func (c *CORS) Preflight(r *http.Request) (header http.Header, d gatehouse.Decision, ok bool) {
	rule := c.rule(r.URL.EscapedPath())
	if rule == nil || !IsPreflight(r) {
		return nil, gatehouse.Decision{}, false
	}
	header = http.Header{"Vary": {"Origin, Access-Control-Request-Method, Access-Control-Request-Headers"}}
	origin, method := r.Header.Get("Origin"), r.Header.Get("Access-Control-Request-Method")
	if norm, err := Origin(origin); err != nil || !rule.allows(norm) {
		return header, gatehouse.Denied(RuleOrigin, place("Origin"), "no rule lets this origin in"), true
	}
	if !slices.ContainsFunc(rule.Methods, func(m string) bool { return m == method }) {
		return header, gatehouse.Denied(RuleOrigin, place("Access-Control-Request-Method"), "the rule has no such method"), true
	}
	rule.answer(header, origin)
	header.Set("Access-Control-Allow-Methods", strings.Join(rule.Methods, ", "))
	if wanted := r.Header.Get("Access-Control-Request-Headers"); len(rule.Headers) > 0 {
		header.Set("Access-Control-Allow-Headers", strings.Join(rule.Headers, ", "))
	} else if wanted != "" && fieldNames(wanted) {
		header.Set("Access-Control-Allow-Headers", wanted)
	}
	age := rule.MaxAge
	if age == 0 {
		age = 10 * time.Minute
	}
	header.Set("Access-Control-Max-Age", strconv.Itoa(int(age/time.Second)))
	return header, gatehouse.Passed(), true
}

// answer says that an origin may read.
func (r *rule) answer(h http.Header, origin string) {
	if slices.Contains(r.Origins, Any) {
		origin = Any
	}
	h.Set("Access-Control-Allow-Origin", origin)
	if r.Credentials {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	if len(r.Expose) > 0 {
		h.Set("Access-Control-Expose-Headers", strings.Join(r.Expose, ", "))
	}
}

func fieldNames(s string) bool {
	for _, c := range []byte(s) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == ',' || c == ' ') {
			return false
		}
	}
	return len(s) <= 1024
}

// ours are the fields of an answer that say who may read it.
var ours = [...]string{
	"Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Allow-Methods", "Access-Control-Allow-Headers",
	"Access-Control-Expose-Headers", "Access-Control-Max-Age", "Access-Control-Allow-Private-Network",
}

// Answer looks at a backend's answer. At a path with a rule it says what the rule
// says, whatever the backend did. Elsewhere it denies what only an attack needs;
// [Repair] is what a gate does about it. host is what the client addressed,
// route is the answer's.
func (c *CORS) Answer(r *http.Request, host, route string, h http.Header) gatehouse.Decision {
	origin := r.Header.Get("Origin")
	if rule := c.rule(r.URL.EscapedPath()); rule != nil {
		Repair(h)
		addVary(h)
		if norm, err := Origin(origin); origin != "" && err == nil && rule.allows(norm) {
			rule.answer(h, origin)
		}
		return gatehouse.Passed()
	}
	return c.backend(origin, host, route, h)
}

// backend judges what a backend says by itself.
func (c *CORS) backend(origin, host, route string, h http.Header) gatehouse.Decision {
	allowed := h.Get("Access-Control-Allow-Origin")
	if allowed == "" {
		return gatehouse.Passed()
	}
	credentials := strings.EqualFold(strings.TrimSpace(h.Get("Access-Control-Allow-Credentials")), "true")
	switch {
	case !credentials:
		return gatehouse.Passed() // public data, or an API with tokens: nothing of the visitor's
	case strings.EqualFold(allowed, "null"):
		return gatehouse.Denied(RuleNull, place("Origin"), "the backend lets the origin null read with the visitor's cookies")
	case allowed == Any:
		return gatehouse.Denied(RuleWildcard, place("Origin"), "the backend answers every origin (*) with credentials")
	}
	norm, err := Origin(allowed)
	if err != nil {
		return gatehouse.Passed() // browsers take it for no match
	}
	site := c.site
	if site == "" {
		site = "https://" + strings.ToLower(host)
	}
	if sameSite(norm, site) {
		return gatehouse.Passed()
	}
	if lookalike(norm, site) {
		return gatehouse.Denied(RuleLookalike, place("Origin"), "the backend lets an origin read with the visitor's cookies that only looks like the site's")
	}
	if given, err := Origin(origin); err == nil && given == norm && c.seen.note(route, registrable(norm)) {
		return gatehouse.Denied(RuleReflected, place("Origin"), "the backend lets whatever origin asks read with the visitor's cookies: %d unrelated ones so far", unrelated)
	}
	return gatehouse.Passed()
}

// Repair takes away what lets other origins read, and marks the answer as one that
// depends on the origin.
func Repair(h http.Header) {
	for _, name := range ours {
		h.Del(name)
	}
	addVary(h)
}

func addVary(h http.Header) {
	for _, line := range h["Vary"] {
		for name := range strings.SplitSeq(line, ",") {
			if n := strings.TrimSpace(name); n == "*" || strings.EqualFold(n, "Origin") {
				return
			}
		}
	}
	h.Add("Vary", "Origin")
}

// unrelated is how many origins of different owners a route must have let in to
// be one that lets in everybody: an application with as many partners declares
// them.
const unrelated = 4

// reflected remembers which owners' origins each route let in.
type reflected struct {
	mu     sync.Mutex
	routes map[string][]string
}

const maxRoutes = 1024

func (s *reflected) note(route, owner string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := s.routes[route]
	if slices.Contains(seen, owner) {
		return len(seen) >= unrelated
	}
	if len(seen) >= unrelated {
		return true
	}
	if len(s.routes) >= maxRoutes && seen == nil {
		return false
	}
	s.routes[strings.Clone(route)] = append(seen, strings.Clone(owner))
	return len(seen)+1 >= unrelated
}

// Origin gives the one spelling of an origin: lower case, without the scheme's
// own port (RFC 6454, section 6).
func Origin(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("%q is no origin: want \"scheme://host[:port]\" and nothing more", s)
	}
	scheme, host := strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	switch scheme {
	case "https":
		host = strings.TrimSuffix(host, ":443")
	case "http":
		host = strings.TrimSuffix(host, ":80")
	default:
		return "", fmt.Errorf("%q: the scheme is neither http nor https", s)
	}
	return scheme + "://" + host, nil
}

func place(name string) gatehouse.Place {
	return gatehouse.Place{Kind: gatehouse.Header, Name: name}
}
