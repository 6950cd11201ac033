package pgwire

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
)

// serverTLS is base for one connection. It notes what SCRAM binds to: the
// certificate that is shown. Sessions are not resumed, as none is shown then;
// PostgreSQL does not resume them either.
func serverTLS(base *tls.Config, binding *[]byte) *tls.Config {
	c := base.Clone()
	c.SessionTicketsDisabled = true
	c.NextProtos = []string{alpn}
	if choose := c.GetConfigForClient; choose != nil {
		c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			other, err := choose(hello)
			if err != nil || other == nil {
				return nil, err
			}
			other = other.Clone()
			other.GetConfigForClient = nil
			return serverTLS(other, binding), nil
		}
	}
	given, get := c.Certificates, c.GetCertificate
	c.Certificates = nil // else GetCertificate is asked only where a name was sent
	c.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		cert, err := pickCertificate(hello, given, get)
		if err != nil {
			return nil, err
		}
		leaf := cert.Leaf
		if leaf == nil && len(cert.Certificate) > 0 {
			if leaf, err = x509.ParseCertificate(cert.Certificate[0]); err != nil {
				return nil, fmt.Errorf("reading the gate's certificate: %w", err)
			}
		}
		if leaf != nil {
			*binding = endPoint(leaf)
		}
		return cert, nil
	}
	return c
}

// pickCertificate chooses as crypto/tls would.
func pickCertificate(hello *tls.ClientHelloInfo, given []tls.Certificate, get func(*tls.ClientHelloInfo) (*tls.Certificate, error)) (*tls.Certificate, error) {
	if get != nil && (len(given) == 0 || hello.ServerName != "") {
		cert, err := get(hello)
		if cert != nil || err != nil {
			return cert, err
		}
	}
	for i := range given {
		if hello.SupportsCertificate(&given[i]) == nil {
			return &given[i], nil
		}
	}
	if len(given) > 0 {
		return &given[0], nil
	}
	return nil, errors.New("there is no certificate")
}

// clientTLS is the database's base with what the protocol adds.
func clientTLS(base *tls.Config, network, address string) *tls.Config {
	c := base.Clone()
	if c.ServerName == "" && network != "unix" {
		if host, _, err := net.SplitHostPort(address); err == nil {
			c.ServerName = host
		}
	}
	if len(c.NextProtos) == 0 {
		c.NextProtos = []string{alpn}
	}
	return c
}
