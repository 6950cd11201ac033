package transport

import (
	"crypto/x509"
	"fmt"
	"strings"
	"time"
)

// Describe says in one line each which certificates are served: for what
// names, by whom, until when, and how they are renewed.
func (t *TLS) Describe() []string {
	if t.o.EndedByTrustedProxy {
		return []string{"TLS is ended by a trusted proxy; the gate speaks plain HTTP to it"}
	}
	lines := []string{"TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1"}
	if t.files != nil {
		for _, p := range *t.files.pairs.Load() {
			lines = append(lines, fmt.Sprintf("file %s: %s; reloaded when it changes", p.files.Certificate, t.describe(p.cert.Leaf)))
		}
	}
	if t.acme != nil {
		lines = append(lines, t.acme.describe(t)...)
	}
	if t.local != nil {
		if c, err := t.local.Certificate(""); err == nil {
			lines = append(lines, "local authority: "+t.describe(c.Leaf)+"; for development: trusted only where `gatehouse trust install` was run")
		}
	}
	return lines
}

func (t *TLS) describe(c *x509.Certificate) string {
	state := "until"
	if t.o.Now().After(c.NotAfter) {
		state = "EXPIRED on"
	}
	return fmt.Sprintf("%s, issued by %s, %s %s", strings.Join(namesOf(c), ", "), issuerOf(c), state, date(c.NotAfter))
}

func issuerOf(c *x509.Certificate) string {
	switch {
	case selfSigned(c):
		return "itself"
	case c.Issuer.CommonName != "":
		return c.Issuer.CommonName
	}
	return c.Issuer.String()
}

func selfSigned(c *x509.Certificate) bool { return string(c.RawIssuer) == string(c.RawSubject) }

// namesOf is what a certificate is for; a long list is cut.
func namesOf(c *x509.Certificate) []string {
	const most = 8
	names := append([]string(nil), c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return []string{"no name (clients refuse it)"}
	}
	if len(names) > most {
		names = append(names[:most], fmt.Sprintf("and %d more", len(names)-most))
	}
	return names
}

func date(t time.Time) string { return t.UTC().Format(time.DateOnly) }

func detailOf(p *pair) map[string]string {
	return map[string]string{
		"file":    p.files.Certificate,
		"names":   strings.Join(namesOf(p.cert.Leaf), ", "),
		"issuer":  issuerOf(p.cert.Leaf),
		"expires": p.cert.Leaf.NotAfter.UTC().Format(time.RFC3339),
	}
}
