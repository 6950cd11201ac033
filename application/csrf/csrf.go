// Package csrf refuses requests that another site makes in the name of a
// visitor: unsafe methods, and WebSocket handshakes that carry cookies.
//
// It trusts the browser, as net/http's CrossOriginProtection does: the headers
// Sec-Fetch-Site (in all browsers since 2023) and Origin can't be set by a
// script. A request with neither is no current browser's and passes: whoever
// can leave them out holds the visitor's cookies already.
//
// It does not protect actions behind GET (an application must not have them),
// nor against a script that runs on the site itself (application/markup).
package csrf

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/input"
)

// Rung is the layer's name on the ladder.
const Rung = "application/csrf"

// The rules that a refusal names.
const (
	// RuleCrossSite: the browser says that another site made the request.
	RuleCrossSite = "cross-site"
	// RuleSameSite: a sibling, such as another subdomain, made it.
	RuleSameSite = "same-site"
	// RuleOrigin: without Sec-Fetch-Site, the Origin is not the site's.
	RuleOrigin = "origin"
	// RuleWebSocket: a page of another origin opens a WebSocket with the
	// visitor's cookies (cross-site WebSocket hijacking).
	RuleWebSocket = "websocket"
)

// A Kind is why requests from other sites are expected at a path.
type Kind string

// The kinds of request that arrive from elsewhere on purpose.
const (
	Webhook       Kind = "webhook"        // signed by its sender; no visitor's cookies count
	SAML          Kind = "saml"           // the HTTP-POST binding of an identity provider
	FormPost      Kind = "form_post"      // OpenID Connect's response_mode=form_post
	PaymentReturn Kind = "payment_return" // 3-D Secure and payment pages that post back
)

// Kinds are all kinds, as configuration writes them.
func Kinds() []Kind { return []Kind{Webhook, SAML, FormPost, PaymentReturn} }

// An Exemption lets requests from other sites pass at a path.
type Exemption struct {
	Path   string // a pattern of package input: "/webhooks/" or "/login/{id}/acs"
	Kind   Kind
	Reason gatehouse.Reason
}

// A TrustedOrigin may make requests as the site itself does.
type TrustedOrigin struct {
	Origin string // "scheme://host[:port]"
	Path   string // where; empty means everywhere
	Reason gatehouse.Reason
}

// Options configure a Protection.
type Options struct {
	// Site is the site's own origin, such as "https://shop.example.com".
	// Empty means that the request's Host alone names the site.
	Site    string
	Exempt  []Exemption
	Trusted []TrustedOrigin
}

// A Protection is the rung. Make it with [New].
type Protection struct {
	site    string
	exempt  []input.Pattern
	trusted []trusted
}

type trusted struct {
	origin string
	path   input.Pattern
	all    bool
}

// New checks the options. Every exemption and every trusted origin needs a
// reason.
func New(o Options) (*Protection, error) {
	p := &Protection{}
	if o.Site != "" {
		site, err := origin(o.Site)
		if err != nil {
			return nil, fmt.Errorf("csrf: Options.Site: %w", err)
		}
		p.site = site
	}
	for i, e := range o.Exempt {
		if !e.Reason.Given() {
			return nil, fmt.Errorf("csrf: Options.Exempt[%d] (%s) has no reason", i, e.Path)
		}
		if !slices.Contains(Kinds(), e.Kind) {
			return nil, fmt.Errorf("csrf: Options.Exempt[%d]: unknown kind %q: want one of %v", i, e.Kind, Kinds())
		}
		pattern, err := input.ParsePattern(e.Path)
		if err != nil {
			return nil, fmt.Errorf("csrf: Options.Exempt[%d]: %w", i, err)
		}
		p.exempt = append(p.exempt, pattern)
	}
	for i, o := range o.Trusted {
		t, err := newTrusted(o)
		if err != nil {
			return nil, fmt.Errorf("csrf: Options.Trusted[%d]: %w", i, err)
		}
		p.trusted = append(p.trusted, t)
	}
	return p, nil
}

func newTrusted(o TrustedOrigin) (trusted, error) {
	if !o.Reason.Given() {
		return trusted{}, fmt.Errorf("%s has no reason", o.Origin)
	}
	own, err := origin(o.Origin)
	if err != nil {
		return trusted{}, err
	}
	t := trusted{origin: own, all: o.Path == ""}
	if !t.all {
		t.path, err = input.ParsePattern(o.Path)
	}
	return t, err
}

// Check decides about one request. It reads its method, Host, headers and
// path, never its body, and changes nothing.
func (p *Protection) Check(r *http.Request) gatehouse.Decision {
	socket := isWebSocket(r)
	if isSafe(r.Method) && !socket {
		return gatehouse.Passed()
	}
	rule, evidence := p.foreign(r)
	if rule == "" || p.expected(r) {
		return gatehouse.Passed()
	}
	if socket {
		// A socket without cookies acts in nobody's name: public feeds and
		// widgets are opened from other sites on purpose.
		if r.Header.Get("Cookie") == "" {
			return gatehouse.Passed()
		}
		return gatehouse.Denied(RuleWebSocket, header("Origin"),
			"a page of another origin opened a WebSocket with the visitor's cookies: %s", evidence)
	}
	place := header("Sec-Fetch-Site")
	if rule == RuleOrigin {
		place = header("Origin")
	}
	return gatehouse.Denied(rule, place, "%s", evidence)
}

// foreign says by which rule the request comes from elsewhere, or "".
func (p *Protection) foreign(r *http.Request) (rule, evidence string) {
	switch site := r.Header.Get("Sec-Fetch-Site"); site {
	case "same-origin", "none":
		return "", ""
	case "":
	case "same-site":
		return RuleSameSite, "the browser says that a sibling of this site made the request (Sec-Fetch-Site: same-site)"
	case "cross-site":
		return RuleCrossSite, "the browser says that another site made the request (Sec-Fetch-Site: cross-site)"
	default:
		return RuleCrossSite, "Sec-Fetch-Site holds a value that no browser sends"
	}
	switch o := r.Header.Get("Origin"); {
	case o == "":
		return "", ""
	case o == "null":
		return RuleOrigin, "the request's Origin is null: a sandboxed frame, a file, or a redirect across origins made it"
	case p.own(o, r):
		return "", ""
	default:
		return RuleOrigin, "the request's Origin is another one than this site's, and its browser sends no Sec-Fetch-Site"
	}
}

// own reports whether an Origin is the site's: the configured one, or the one
// that the browser addressed. A page can't choose the Host of the requests it
// makes, so the Host names the site as well as configuration does.
func (p *Protection) own(o string, r *http.Request) bool {
	norm, err := origin(o)
	if err != nil {
		return false
	}
	if p.site != "" && norm == p.site {
		return true
	}
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	addressed, err := origin(scheme + r.Host)
	if err != nil {
		return false
	}
	if r.TLS == nil {
		// TLS may end before the gate: then the scheme is not to be seen.
		return strings.TrimPrefix(strings.TrimPrefix(norm, "https://"), "http://") == strings.TrimPrefix(addressed, "http://")
	}
	return norm == addressed
}

// expected reports whether a request from elsewhere is expected.
func (p *Protection) expected(r *http.Request) bool {
	path := r.URL.EscapedPath()
	for _, e := range p.exempt {
		if e.Match(path) {
			return true
		}
	}
	if len(p.trusted) == 0 {
		return false
	}
	o, err := origin(r.Header.Get("Origin"))
	if err != nil {
		return false
	}
	return slices.ContainsFunc(p.trusted, func(t trusted) bool {
		return t.origin == o && (t.all || t.path.Match(path))
	})
}

// Handler refuses what Check denies with a bare 403, for programs that use the
// package alone; the gate answers in its own words.
func (p *Protection) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d := p.Check(r); d.Verdict != gatehouse.Pass {
			http.Error(w, http.StatusText(d.HTTPStatus()), d.HTTPStatus())
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isSafe lists the methods that must not change anything (RFC 9110, section
// 9.2.1). TRACE is not among them: nothing needs it.
func isSafe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// isWebSocket recognises the handshake of RFC 6455, section 4.1, loosely: what
// a lenient backend would accept counts.
func isWebSocket(r *http.Request) bool {
	for _, upgrade := range r.Header["Upgrade"] {
		for token := range strings.SplitSeq(upgrade, ",") {
			if strings.EqualFold(strings.TrimSpace(token), "websocket") {
				return true
			}
		}
	}
	return r.Header.Get(":protocol") == "websocket" // RFC 8441, as net/http shows it
}

var errOrigin = errors.New(`want "scheme://host[:port]" and nothing more`)

// origin gives the one spelling of an origin: lower case, without the scheme's
// own port (RFC 6454, section 6).
func origin(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("%q: %w", s, errOrigin)
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

func header(name string) gatehouse.Place {
	return gatehouse.Place{Kind: gatehouse.Header, Name: name}
}
