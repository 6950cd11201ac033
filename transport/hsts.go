package transport

import (
	"crypto/x509"
	"strings"
)

// MayHSTS reports whether a browser may be told to use HTTPS alone for the
// host (RFC 6797). Never for localhost, a name without a dot, an address, or a
// host whose certificate is the local authority's, signed by itself, or
// expired: a browser that remembers HSTS lets nobody click such a warning
// away. Where a proxy ends TLS, every host of the options may.
func (t *TLS) MayHSTS(host string) bool {
	name, _, ok := splitHostPort(host)
	if !ok || isAddress(name) || isLocalName(name) || !strings.Contains(name, ".") {
		return false
	}
	if t.o.EndedByTrustedProxy {
		return t.ours(name)
	}
	if t.files != nil {
		if p := t.files.find(name); p != nil {
			return t.lasting(p.cert.Leaf)
		}
	}
	if t.acme != nil {
		if leaf := t.acme.leaf(name); leaf != nil {
			return t.lasting(leaf)
		}
	}
	return false
}

func (t *TLS) lasting(c *x509.Certificate) bool {
	return !selfSigned(c) && t.o.Now().Before(c.NotAfter)
}

// ours reports whether the site is served under the name.
func (t *TLS) ours(name string) bool {
	wild := wildcardOf(name)
	for _, h := range t.hosts {
		if h == name || (wild != "" && h == wild) {
			return true
		}
	}
	return false
}
