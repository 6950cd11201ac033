package protocol

import (
	"net/http"
	"strings"

	"github.com/gatehousehq/gatehouse"
)

// Check decides on a request of any version. host is the one that the client asked
// for, as a trusted proxy may say it, and escapedPath its path as it was written.
func (p *Protocol) Check(r *http.Request, host, escapedPath string) gatehouse.Decision {
	switch r.Method {
	case http.MethodTrace, "TRACK":
		return gatehouse.Denied(RuleMethod, gatehouse.Place{}, "the method shows a request's header to scripts").WithStatus(http.StatusMethodNotAllowed)
	case http.MethodConnect:
		return gatehouse.Denied(RuleMethod, gatehouse.Place{}, "the method asks for a tunnel").WithStatus(http.StatusMethodNotAllowed)
	}
	if d := p.host(r, host); d.Verdict != gatehouse.Pass {
		return d
	}
	if r.ProtoMajor >= 2 { // HTTP/1 was bounded as its head was read
		if d := p.sizes(r); d.Verdict != gatehouse.Pass {
			return d
		}
	}
	if p.o.Body > 0 && r.ContentLength > p.o.Body {
		return p.TooLarge()
	}
	return path(escapedPath)
}

// TooLarge is the decision about a body that is longer than the site takes.
func (p *Protocol) TooLarge() gatehouse.Decision {
	d := gatehouse.Denied(RuleSize, gatehouse.Place{Kind: gatehouse.Body}, "the body is longer than application.protocol.body").WithStatus(http.StatusRequestEntityTooLarge)
	d.Close = true
	return d
}

// host checks that the request is for this site. What :authority says stands in
// r.Host, a Host field beside it among the others.
func (p *Protocol) host(r *http.Request, host string) gatehouse.Decision {
	place := gatehouse.Place{Kind: gatehouse.Header, Name: "Host"}
	if other := r.Header["Host"]; len(other) > 0 && (len(other) > 1 || !strings.EqualFold(other[0], r.Host)) {
		return gatehouse.Denied(RuleHost, place, "the request names two hosts").WithStatus(http.StatusBadRequest)
	}
	if !all([]byte(r.Host), inHost) {
		return gatehouse.Denied(RuleHost, place, "%s", faults[faultHost].words).WithStatus(http.StatusBadRequest)
	}
	if len(p.hosts) > 0 && !p.hosts[hostOf(host)] {
		return gatehouse.Denied(RuleHost, place, "the host is none of application.protocol.hosts").WithStatus(http.StatusMisdirectedRequest)
	}
	if len(p.site) > 0 && !p.site[hostOf(host)] {
		return gatehouse.Denied(RuleSiteHost, place, "the host is not the site's, and application.protocol.hosts does not name others").WithStatus(http.StatusMisdirectedRequest)
	}
	return gatehouse.Passed()
}

func (p *Protocol) sizes(r *http.Request) gatehouse.Decision {
	n := 0
	for _, values := range r.Header {
		n += len(values)
	}
	switch {
	case n > p.o.Fields:
		return gatehouse.Denied(RuleSize, gatehouse.Place{}, "%s", faults[faultFields].words).WithStatus(faults[faultFields].status)
	case len(r.RequestURI) > p.o.URL:
		return gatehouse.Denied(RuleSize, gatehouse.Place{}, "%s", faults[faultURL].words).WithStatus(faults[faultURL].status)
	}
	return gatehouse.Passed()
}

// WithoutUpgrade takes an offer of HTTP/2 in plain text out of a request: a backend
// that took it would speak it to the client past the gate. A server may ignore any
// Upgrade (RFC 9110, section 7.8).
func WithoutUpgrade(h http.Header) {
	for _, v := range h.Values("Upgrade") {
		for one := range strings.SplitSeq(v, ",") {
			name, _, _ := strings.Cut(strings.TrimSpace(one), "/")
			if strings.EqualFold(name, "h2c") || strings.EqualFold(name, "HTTP") || strings.EqualFold(name, "h2") {
				h.Del("Upgrade")
				h.Del("HTTP2-Settings")
				return
			}
		}
	}
}
