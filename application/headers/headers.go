package headers

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gatehousehq/gatehouse"
)

// Rung is the layer's name on the ladder.
const Rung = "application/headers"

// RuleBanner names the decision that took a banner away; it passes.
const RuleBanner = "banner"

// ReportPath is where browsers send reports to.
const ReportPath = "/_gate/csp-report"

// reportGroup is the endpoint's name in Reporting-Endpoints.
const reportGroup = "gate-csp"

// The policies. The floor is what no page of a working site needs to break;
// reported is what a page should be able to live with.
const (
	floorObjects   = "object-src 'none'"
	floorBase      = "base-uri 'self'"
	floorAncestors = "frame-ancestors 'self'"
	apiPolicy      = "default-src 'none'; frame-ancestors 'none'"
	reported       = "default-src 'self'; script-src 'self' 'report-sample'; style-src 'self' 'report-sample'; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'; report-uri " + ReportPath + "; report-to " + reportGroup
)

// Options configure Headers.
type Options struct {
	// Policy is the content security policy for documents that is enforced;
	// empty enforces the floor and reports against the strict one.
	Policy string
	// HSTS is how long browsers must come by HTTPS alone. Zero sends none;
	// it is never sent for addresses, localhost and local names.
	HSTS time.Duration
	// IncludeSubDomains says so of HSTS. It is a choice: a subdomain without
	// HTTPS is gone for those who saw it.
	IncludeSubDomains bool
	// KeepBanners leaves the fields that name software and versions.
	KeepBanners gatehouse.Reason
}

// Headers is the rung. Make it with [New].
type Headers struct {
	o      Options
	policy policySet // what o.Policy says
	hsts   string
}

// New checks the options.
func New(o Options) (*Headers, error) {
	if strings.ContainsAny(o.Policy, "\r\n,") {
		return nil, errors.New("headers: Options.Policy has a line break or a comma: it is one policy")
	}
	if o.HSTS < 0 {
		return nil, errors.New("headers: Options.HSTS is negative")
	}
	h := &Headers{o: o, policy: policies(http.Header{"Content-Security-Policy": {o.Policy}})}
	if o.HSTS > 0 {
		h.hsts = fmt.Sprintf("max-age=%d", int64(o.HSTS/time.Second))
		if o.IncludeSubDomains {
			h.hsts += "; includeSubDomains"
		}
	}
	return h, nil
}

// A Request is what matters of the request for its answer's headers.
type Request struct {
	Host   string // as the client addressed it
	Secure bool   // by HTTPS, as the client sees it
	Dest   string // Sec-Fetch-Dest
}

// Check adds to an answer's header what it lacks and takes away what it should
// not say. It passes always; where banners were there, the decision says so.
func (h *Headers) Check(r Request, status int, header http.Header) gatehouse.Decision {
	d := gatehouse.Passed()
	if !h.o.KeepBanners.Given() {
		if name := removeBanners(header); name != "" {
			d.Rule, d.Evidence = RuleBanner, "the answer named its software in "+name
		}
	}
	if h.hsts != "" && r.Secure && hasName(r.Host) {
		setDefault(header, "Strict-Transport-Security", h.hsts)
	}
	if status < 200 || status == http.StatusSwitchingProtocols {
		return d
	}
	switch kindOf(header.Get("Content-Type"), r.Dest) {
	case document:
		h.document(header)
	case data:
		if !hasPolicy(header) {
			header.Set("Content-Security-Policy", apiPolicy)
		}
		noSniff(header)
	default:
		if wellTyped(header.Get("Content-Type"), r.Dest) {
			noSniff(header)
		}
	}
	return d
}

// document gives a page the floor.
func (h *Headers) document(header http.Header) {
	frames := header.Get("X-Frame-Options") != ""
	var floor []string
	own := policies(header)
	for _, directive := range []string{floorObjects, floorBase, floorAncestors} {
		name, _, _ := strings.Cut(directive, " ")
		switch {
		case own.has(name), name == "object-src" && own.says("default-src", "'none'"):
		case name == "frame-ancestors" && frames: // a policy would outrank the field
		default:
			floor = append(floor, directive)
		}
	}
	if !frames && !own.has("frame-ancestors") {
		header.Set("X-Frame-Options", "SAMEORIGIN")
	}
	switch {
	case h.o.Policy != "":
		policy := h.o.Policy
		if frames {
			policy = without(policy, "frame-ancestors")
		}
		for _, directive := range floor { // what the policy says counts
			if name, _, _ := strings.Cut(directive, " "); !h.policy.has(name) {
				policy += "; " + directive
			}
		}
		floor = nil
		header.Add("Content-Security-Policy", policy)
	default:
		header.Add("Content-Security-Policy-Report-Only", reported)
		header.Add("Reporting-Endpoints", reportGroup+`="`+ReportPath+`"`)
	}
	if len(floor) > 0 {
		header.Add("Content-Security-Policy", strings.Join(floor, "; "))
	}
	noSniff(header)
	setDefault(header, "Referrer-Policy", "strict-origin-when-cross-origin")
	setDefault(header, "Cross-Origin-Opener-Policy", "same-origin-allow-popups")
	setDefault(header, "Cross-Origin-Resource-Policy", "same-site")
	setDefault(header, "X-Permitted-Cross-Domain-Policies", "none")
}

// OwnPage gives a page that the gate wrote itself the strictest headers.
func (h *Headers) OwnPage(r Request, header http.Header) {
	for name, value := range map[string]string{
		"Content-Security-Policy":           "default-src 'none'; style-src 'self' 'unsafe-hashes'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		"X-Frame-Options":                   "DENY",
		"Referrer-Policy":                   "strict-origin-when-cross-origin",
		"Cross-Origin-Opener-Policy":        "same-origin",
		"Cross-Origin-Resource-Policy":      "same-origin",
		"X-Permitted-Cross-Domain-Policies": "none",
	} {
		setDefault(header, name, value)
	}
	noSniff(header)
	if h.hsts != "" && r.Secure && hasName(r.Host) {
		header.Set("Strict-Transport-Security", h.hsts)
	}
}

func setDefault(h http.Header, name, value string) {
	if h.Get(name) == "" {
		h.Set(name, value)
	}
}

func noSniff(h http.Header) { h.Set("X-Content-Type-Options", "nosniff") }

// hasName reports whether HSTS may be said of a host: a name in the DNS, with a
// dot, that is not reserved for this machine or network (RFC 6761, RFC 6762).
func hasName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if net.ParseIP(strings.Trim(host, "[]")) != nil || !strings.Contains(host, ".") {
		return false
	}
	for _, local := range [...]string{".localhost", ".local", ".internal", ".test", ".home.arpa", ".lan"} {
		if strings.HasSuffix(host, local) {
			return false
		}
	}
	return true
}

// A kind is what an answer is to a browser.
type kind uint8

const (
	other kind = iota
	document
	data
)

func kindOf(contentType, dest string) kind {
	switch t := mediaType(contentType); {
	case t == "text/html", t == "application/xhtml+xml":
		return document
	case (t == "image/svg+xml" || t == "text/xml" || t == "application/xml") && opened(dest):
		return document // its scripts run
	case t == "application/json", strings.HasSuffix(t, "+json"), t == "application/grpc-web", t == "application/graphql-response":
		return data
	}
	return other
}

// opened reports whether a browser shows an answer as a page of its own, and not as a
// picture or data of one. An old browser does not say.
func opened(dest string) bool {
	switch dest {
	case "document", "iframe", "frame", "embed", "object", "":
		return true
	}
	return false
}

func mediaType(contentType string) string {
	t, _, _ := strings.Cut(contentType, ";") // mime.ParseMediaType reads no more of it, and allocates
	return strings.ToLower(strings.TrimSpace(t))
}

// wellTyped reports whether nosniff can't break what a browser loads: a script
// or a style sheet of the wrong type works only where the browser may guess.
func wellTyped(contentType, dest string) bool {
	t := mediaType(contentType)
	switch dest {
	case "script", "worker", "sharedworker", "serviceworker", "audioworklet", "paintworklet":
		return strings.Contains(t, "javascript") || strings.Contains(t, "ecmascript") || t == "application/wasm"
	case "style":
		return t == "text/css"
	case "": // an old browser or no browser: unless it is plainly typed, nobody knows
		return t != "" && t != "text/plain" && t != "application/octet-stream"
	}
	return true
}
