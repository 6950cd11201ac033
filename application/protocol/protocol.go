package protocol

import (
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/gatehousehq/gatehouse"
)

// Rung is the layer's name on the ladder.
const Rung = "application/protocol"

// The rules that a decision names.
const (
	// RuleFraming: where the request ends can be read in two ways.
	RuleFraming = "framing"
	// RuleSyntax: a line of a head that is none.
	RuleSyntax = "syntax"
	// RuleMethod: a method that no site needs.
	RuleMethod = "method"
	// RuleHost: a host that is not the site's, or two of them.
	RuleHost = "host"
	// RuleSiteHost: a host that is not that of the site, where nobody said which
	// others it has. Health checks come by address.
	RuleSiteHost = "site-host"
	// RulePath: a path that a backend may take for another one.
	RulePath = "path"
	// RuleDouble: a slash that is escaped twice, which hides a segment from whoever
	// decodes once. Some programs name branches so ("feature%252Fx").
	RuleDouble = "double-encoding"
	// RuleEncoding: a path whose escapes are no UTF-8. Sites older than UTF-8 have
	// such.
	RuleEncoding = "encoding"
	// RuleSize: more or longer fields than a site needs, or a longer URL or body.
	RuleSize = "size"
)

// Defaults of Options.
const (
	// DefaultHead bounds a head, in bytes: browsers send under 16 KiB, and
	// backends refuse 8 to 64.
	DefaultHead = 64 << 10
	// DefaultURL bounds a request's target, in bytes (RFC 9110, section 4.1, asks
	// for 8,000 at least).
	DefaultURL = 16 << 10
	// DefaultFields bounds the number of a head's fields. Browsers send about 20.
	DefaultFields = 128
	// DefaultHandshake bounds a TLS handshake.
	DefaultHandshake = 10 * time.Second
)

// Options configure a Protocol. The zero value has the defaults.
type Options struct {
	// Hosts are the site's: names or addresses, without port. Where none is given
	// any host passes.
	Hosts []string
	// Site are the hosts of the site's address, where Hosts are not given.
	Site []string
	// Head, URL and Fields are bounds; 0 is the default.
	Head, URL, Fields int
	// Body bounds a request's body in bytes; 0 is no bound, since bodies stream.
	Body int64
	// Handshake bounds a TLS handshake; 0 is the default.
	Handshake time.Duration
	// Refuse is told of what a connection's head or body breaks, and gives the
	// answer that is sent before the connection is closed; nil lets it pass, and
	// the rest of the connection unread. A nil Refuse closes without an answer.
	// It may be called concurrently.
	Refuse func(Refusal) []byte
	// Failed is told of TLS handshakes that fail; nil is nobody.
	Failed func(net.Conn, error)
}

// A Refusal is a request that was not read to its end. What is known of its head is
// bounded, and is what a stranger sent.
type Refusal struct {
	Conn     net.Conn
	Decision gatehouse.Decision
	Method   string
	Target   string
	Host     string
}

// Protocol is the rung. Make it with [New]. It may be used concurrently.
type Protocol struct {
	hosts, site map[string]bool
	o           Options
}

// New checks the options.
func New(o Options) (*Protocol, error) {
	p := &Protocol{hosts: map[string]bool{}, site: map[string]bool{}}
	for _, h := range o.Hosts {
		name := hostOf(h)
		if name == "" || name != strings.ToLower(strings.Trim(h, "[]")) {
			return nil, fmt.Errorf("protocol: Options.Hosts: %q is no host without a port", h)
		}
		p.hosts[name] = true
	}
	for _, h := range o.Site {
		p.site[hostOf(h)] = true
	}
	if o.Head < 0 || o.URL < 0 || o.Fields < 0 || o.Body < 0 || o.Handshake < 0 {
		return nil, fmt.Errorf("protocol: Options: a bound below zero")
	}
	for _, d := range []struct {
		value *int
		if0   int
	}{{&o.Head, DefaultHead}, {&o.URL, DefaultURL}, {&o.Fields, DefaultFields}} {
		if *d.value == 0 {
			*d.value = d.if0
		}
	}
	if o.Handshake == 0 {
		o.Handshake = DefaultHandshake
	}
	p.o = o
	return p, nil
}

// An Error is what reading a body returns whose framing was refused.
type Error struct{ Decision gatehouse.Decision }

func (e *Error) Error() string { return "protocol: " + e.Decision.Evidence }

// hostOf is the name or address of a Host field, in lower case.
func hostOf(field string) string {
	host := field
	if end := strings.IndexByte(field, ']'); strings.HasPrefix(field, "[") && end > 0 {
		host = field[1:end]
	} else if name, _, ok := strings.Cut(field, ":"); ok && strings.Count(field, ":") == 1 {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
