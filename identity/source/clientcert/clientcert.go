// Package clientcert says who a request is from by the certificate that the
// client proved to have when it connected (mutual TLS).
//
// It trusts the chains that crypto/tls verified on this connection, of these
// only those that end at one of the authorities given, and looks at their dates
// again with each request: a connection may outlive its certificate. It reads no
// header, so where a proxy ends TLS it knows nobody.
//
// It asks for no revocation (CRL, OCSP): issue for days, or take the authority
// away. The server must ask for certificates: tls.Config's ClientAuth from
// VerifyClientCertIfGiven up, and ClientCAs.
package clientcert

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/identity/source"
)

// The rules that a refusal names.
const (
	RuleUnverified = "unverified-certificate" // the server took it without looking
	RuleAuthority  = "authority"              // verified, and by an authority that is not given
	RuleDates      = "certificate-dates"      // not valid yet, or no longer
	RuleName       = "certificate-name"       // it has no name of the kind, or more than one
)

// A Name is what of a certificate names the principal. The zero value is none.
type Name uint8

const (
	_ Name = iota
	// CommonName is the subject's CN.
	CommonName
	// DNS, Email and URI (such as a SPIFFE ID) are subject alternative names.
	DNS
	Email
	URI
)

// An Attribute is one of the subject's. The zero value is none.
type Attribute uint8

const (
	NoAttribute Attribute = iota
	Organization
	OrganizationalUnit
)

// maxName bounds a principal's name, as for tokens.
const maxName = 255

// Options configure a Source.
type Options struct {
	// Authorities are the roots (or intermediates that the server trusts as
	// such) whose certificates count. At least one is needed.
	Authorities []*x509.Certificate
	// Name says what names the principal. It is needed.
	Name Name
	// Prefix and Suffix are what the name must begin and end with, such as
	// "spiffe://example.org/" and "@example.com". They also choose among several
	// names: exactly one may match.
	Prefix, Suffix string
	// Tenant and Roles are taken from these attributes.
	Tenant, Roles Attribute
	// Issuer is Principal.Issuer. Empty is "certificate".
	Issuer string
	// Key keys the hashes that name credentials. Zero is a random one, so that
	// names end with the process.
	Key [32]byte
	// Now is the clock. Nil is time.Now.
	Now func() time.Time
}

// A Source finds whose certificate a request's connection was made with. Make
// it with [New].
type Source struct{ o Options }

var _ source.Source = (*Source)(nil)

// New checks the options.
func New(o Options) (*Source, error) {
	switch {
	case len(o.Authorities) == 0 || slices.Contains(o.Authorities, nil):
		return nil, errors.New("clientcert: Options.Authorities: whose certificates count?")
	case slices.ContainsFunc(o.Authorities, func(c *x509.Certificate) bool { return !c.IsCA }):
		return nil, errors.New("clientcert: Options.Authorities holds a certificate that is no authority's")
	case o.Name < CommonName || o.Name > URI:
		return nil, errors.New("clientcert: Options.Name: want CommonName, DNS, Email or URI")
	case o.Tenant > OrganizationalUnit || o.Roles > OrganizationalUnit:
		return nil, errors.New("clientcert: Options.Tenant and Roles: want Organization, OrganizationalUnit or none")
	}
	if o.Issuer == "" {
		o.Issuer = "certificate"
	}
	if o.Key == [32]byte{} {
		rand.Read(o.Key[:])
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Authorities = slices.Clone(o.Authorities)
	return &Source{o}, nil
}

// Find looks at the connection alone.
func (s *Source) Find(_ context.Context, r *http.Request) source.Found {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return source.Found{}
	}
	leaf := r.TLS.PeerCertificates[0]
	found := source.Found{Outcome: source.Invalid, Credential: s.credential(leaf)}
	rule, why := s.vouched(leaf, r.TLS.VerifiedChains)
	if rule == "" {
		rule, why = s.principal(leaf, &found.Principal)
	}
	if rule != "" {
		found.Principal = gatehouse.Principal{}
		found.Decision = gatehouse.Denied(rule, gatehouse.Place{}, "the client's certificate is refused: %s", why).WithStatus(http.StatusUnauthorized)
		return found
	}
	found.Outcome = source.Known
	return found
}

func (s *Source) credential(leaf *x509.Certificate) [32]byte {
	mac := hmac.New(sha256.New, s.o.Key[:])
	mac.Write([]byte("clientcert:"))
	mac.Write(leaf.Raw)
	return [32]byte(mac.Sum(nil))
}

// vouched says why no chain of the connection's vouches for the certificate
// now; "" where one does.
func (s *Source) vouched(leaf *x509.Certificate, chains [][]*x509.Certificate) (rule, why string) {
	now := s.o.Now()
	rule, why = RuleUnverified, "the server has not verified it: its tls.Config must have ClientCAs, and ClientAuth from VerifyClientCertIfGiven up"
	for _, chain := range chains {
		if len(chain) < 2 || !chain[0].Equal(leaf) {
			continue
		}
		switch {
		case !slices.ContainsFunc(s.o.Authorities, func(a *x509.Certificate) bool { return bytes.Equal(a.Raw, chain[len(chain)-1].Raw) }):
			if rule == RuleUnverified {
				rule, why = RuleAuthority, "it is by another authority than those that are given"
			}
		case slices.ContainsFunc(chain, func(c *x509.Certificate) bool { return now.Before(c.NotBefore) || now.After(c.NotAfter) }):
			rule, why = RuleDates, "it, or its authority's, is not valid at this time"
		default:
			return "", ""
		}
	}
	return rule, why
}

func (s *Source) principal(leaf *x509.Certificate, p *gatehouse.Principal) (rule, why string) {
	for _, name := range s.names(leaf) {
		if !strings.HasPrefix(name, s.o.Prefix) || !strings.HasSuffix(name, s.o.Suffix) || len(name) < len(s.o.Prefix)+len(s.o.Suffix) {
			continue
		}
		if p.ID != "" && p.ID != name {
			return RuleName, "it has several names of the kind that is configured, and which is meant is not known"
		}
		p.ID = name
	}
	if !plain(p.ID) {
		return RuleName, "it has no name of the kind that is configured"
	}
	p.Issuer = s.o.Issuer
	p.Roles = attribute(leaf, s.o.Roles)
	if tenants := attribute(leaf, s.o.Tenant); len(tenants) == 1 {
		p.Tenant = tenants[0]
	} else if len(tenants) > 1 {
		return RuleName, "it has several tenants"
	}
	return "", ""
}

// names are those of the kind, in the spelling in which two are the same: DNS
// names and the domains of addresses don't tell case apart.
func (s *Source) names(leaf *x509.Certificate) (names []string) {
	switch s.o.Name {
	case CommonName:
		return []string{leaf.Subject.CommonName}
	case DNS:
		for _, name := range leaf.DNSNames {
			names = append(names, strings.ToLower(name))
		}
	case Email:
		for _, name := range leaf.EmailAddresses {
			at := strings.LastIndexByte(name, '@')
			names = append(names, name[:at+1]+strings.ToLower(name[at+1:]))
		}
	case URI:
		for _, name := range leaf.URIs {
			names = append(names, name.String())
		}
	}
	return names
}

func attribute(leaf *x509.Certificate, which Attribute) []string {
	switch which {
	case Organization:
		return leaf.Subject.Organization
	case OrganizationalUnit:
		return leaf.Subject.OrganizationalUnit
	}
	return nil
}

// plain reports whether a name can be somebody's: a NUL or a line break in it
// is read differently by what comes after.
func plain(name string) bool {
	return name != "" && len(name) <= maxName && utf8.ValidString(name) && !strings.ContainsFunc(name, unicode.IsControl)
}

// String is the name as configuration writes it.
func (n Name) String() string {
	switch n {
	case CommonName:
		return "common_name"
	case DNS:
		return "dns"
	case Email:
		return "email"
	case URI:
		return "uri"
	}
	return fmt.Sprintf("Name(%d)", uint8(n))
}
