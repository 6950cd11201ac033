package clientcert_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/identity/source"
	"github.com/gatehousehq/gatehouse/identity/source/clientcert"
)

// An authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// certificate makes one by the authority, or, where it is nil, an authority.
func (a *authority) certificate(t *testing.T, of x509.Certificate) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	of.SerialNumber = serial
	if of.NotBefore.IsZero() {
		of.NotBefore = time.Now().Add(-time.Hour)
	}
	if of.NotAfter.IsZero() {
		of.NotAfter = time.Now().Add(time.Hour)
	}
	parent, signer := &of, key
	if a == nil {
		of.IsCA, of.BasicConstraintsValid, of.KeyUsage = true, true, x509.KeyUsageCertSign
	} else {
		of.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, &of, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key}
}

func newAuthority(t *testing.T, name string) *authority {
	return (*authority)(nil).certificate(t, x509.Certificate{Subject: pkix.Name{CommonName: name}})
}

func (a *authority) tls() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{a.cert.Raw}, PrivateKey: a.key}
}

// A server asks a source about each request, by TLS on loopback.
type server struct {
	*httptest.Server
	mu    sync.Mutex
	found source.Found
}

func serve(t *testing.T, s *clientcert.Source, auth tls.ClientAuthType, trusted ...*authority) *server {
	t.Helper()
	srv := &server{}
	srv.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		srv.mu.Lock()
		defer srv.mu.Unlock()
		srv.found = s.Find(r.Context(), r)
	}))
	pool := x509.NewCertPool()
	for _, a := range trusted {
		pool.AddCert(a.cert)
	}
	srv.TLS = &tls.Config{ClientAuth: auth, ClientCAs: pool, MinVersion: tls.VersionTLS12}
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes that fail are what is tried
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv
}

// client has a certificate, or none.
func (s *server) client(t *testing.T, cert *authority) *http.Client {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	config := &tls.Config{RootCAs: pool, ServerName: "example.com"}
	if cert != nil {
		// Whatever authorities the server names, as an attacker would.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			c := cert.tls()
			return &c, nil
		}
	}
	transport := &http.Transport{TLSClientConfig: config}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func (s *server) ask(t *testing.T, c *http.Client, header http.Header) source.Found {
	t.Helper()
	r, err := http.NewRequest("GET", s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = header
	answer, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.found
}

func open(t *testing.T, o clientcert.Options) *clientcert.Source {
	t.Helper()
	s, err := clientcert.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func address(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestNew_BadOptions_Refused(t *testing.T) {
	ca := newAuthority(t, "ours")
	leaf := ca.certificate(t, x509.Certificate{})
	for name, o := range map[string]clientcert.Options{
		"Authorities":      {Name: clientcert.DNS},
		"no authority's":   {Name: clientcert.DNS, Authorities: []*x509.Certificate{leaf.cert}},
		"Options.Name":     {Authorities: []*x509.Certificate{ca.cert}},
		"Name: want":       {Authorities: []*x509.Certificate{ca.cert}, Name: 9},
		"Tenant and Roles": {Authorities: []*x509.Certificate{ca.cert}, Name: clientcert.DNS, Roles: 9},
	} {
		if _, err := clientcert.New(o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("the error is %v, want one that says %q", err, name)
		}
	}
}

func TestFind_Names_BecomeThePrincipal(t *testing.T) {
	ca := newAuthority(t, "ours")
	cert := ca.certificate(t, x509.Certificate{
		Subject:        pkix.Name{CommonName: "Ann Example", Organization: []string{"acme"}, OrganizationalUnit: []string{"ops", "admin"}},
		DNSNames:       []string{"API.Internal.example.com", "api.example.net"},
		EmailAddresses: []string{"Ann@EXAMPLE.com"},
		URIs:           []*url.URL{address(t, "spiffe://example.org/ns/shop/sa/api")},
	})
	for _, c := range []struct {
		name           clientcert.Name
		prefix, suffix string
		want           string // "" is a name that does not count
	}{
		{clientcert.CommonName, "", "", "Ann Example"},
		{clientcert.Email, "", "@example.com", "Ann@example.com"},
		{clientcert.Email, "", "@example.org", ""},
		{clientcert.DNS, "", ".internal.example.com", "api.internal.example.com"},
		{clientcert.DNS, "", "", ""}, // two: which one?
		{clientcert.URI, "spiffe://example.org/", "", "spiffe://example.org/ns/shop/sa/api"},
		{clientcert.URI, "spiffe://example.com/", "", ""},
	} {
		t.Run(c.name.String()+" "+c.prefix+c.suffix, func(t *testing.T) {
			s := open(t, clientcert.Options{Authorities: []*x509.Certificate{ca.cert}, Name: c.name, Prefix: c.prefix, Suffix: c.suffix,
				Tenant: clientcert.Organization, Roles: clientcert.OrganizationalUnit})
			srv := serve(t, s, tls.RequireAndVerifyClientCert, ca)
			found := srv.ask(t, srv.client(t, cert), nil)
			if c.want == "" {
				if found.Outcome != source.Invalid || found.Decision.Rule != clientcert.RuleName || found.Principal.Known() {
					t.Errorf("found %v %q (%s), want invalid by its name", found.Outcome, found.Principal.ID, found.Decision.Rule)
				}
				return
			}
			p := found.Principal
			if found.Outcome != source.Known || p.ID != c.want || p.Issuer != "certificate" || p.Tenant != "acme" || !reflect.DeepEqual(p.Roles, []string{"ops", "admin"}) {
				t.Errorf("found %v %+v (%s)", found.Outcome, p, found.Decision.Evidence)
			}
			if found.Credential == [32]byte{} {
				t.Error("the credential has no name")
			}
		})
	}
}

func TestFind_ForgedOrUnproved_IsNobody(t *testing.T) {
	ours, other := newAuthority(t, "ours"), newAuthority(t, "other")
	lookalike := newAuthority(t, "ours")
	named := x509.Certificate{Subject: pkix.Name{CommonName: "ann"}}
	ann := ours.certificate(t, named)
	byOther, byLookalike := other.certificate(t, named), lookalike.certificate(t, named)
	self := (*authority)(nil).certificate(t, named)
	s := open(t, clientcert.Options{Authorities: []*x509.Certificate{ours.cert}, Name: clientcert.CommonName})
	verifying := serve(t, s, tls.VerifyClientCertIfGiven, ours, other)
	lax := serve(t, s, tls.RequestClientCert, ours)
	claimed := http.Header{"X-Ssl-Client-Cert": {base64.StdEncoding.EncodeToString(ann.cert.Raw)}, "X-Client-Cert": {"ann"}, "X-Ssl-Client-S-Dn": {"CN=ann"},
		"X-Forwarded-Client-Cert": {`Subject="CN=ann"`}, "Client-Cert": {":YW5u:"}, "X-Ssl-Client-Verify": {"SUCCESS"}}
	for _, c := range []struct {
		name    string
		server  *server
		cert    *authority
		header  http.Header
		outcome source.Outcome
		rule    string
	}{
		{"ann's own", verifying, ann, nil, source.Known, ""},
		{"none", verifying, nil, nil, source.None, ""},
		{"none, and headers that claim one", verifying, nil, claimed, source.None, ""},
		{"another authority's that the server trusts", verifying, byOther, nil, source.Invalid, clientcert.RuleAuthority},
		{"ann's, and a server that does not verify", lax, ann, nil, source.Invalid, clientcert.RuleUnverified},
		{"of an authority of the same name, not verified", lax, byLookalike, nil, source.Invalid, clientcert.RuleUnverified},
		{"self-signed, not verified", lax, self, nil, source.Invalid, clientcert.RuleUnverified},
	} {
		t.Run(c.name, func(t *testing.T) {
			found := c.server.ask(t, c.server.client(t, c.cert), c.header)
			if found.Outcome != c.outcome || found.Decision.Rule != c.rule || found.Principal.Known() != (c.outcome == source.Known) {
				t.Errorf("found %v %q by %q, want %v by %q", found.Outcome, found.Principal.ID, found.Decision.Rule, c.outcome, c.rule)
			}
			if c.outcome == source.Invalid && found.Decision.HTTPStatus() != http.StatusUnauthorized {
				t.Errorf("the status is %d, want 401", found.Decision.HTTPStatus())
			}
		})
	}
	for name, cert := range map[string]*authority{"a lookalike authority": byLookalike, "self-signed": self} {
		r, err := http.NewRequest("GET", verifying.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		if answer, err := verifying.client(t, cert).Do(r); err == nil {
			answer.Body.Close()
			t.Errorf("%s: the server took a certificate that it can't verify", name)
		}
	}
	plain := httptest.NewRequest("GET", "http://shop.example.com/", nil)
	plain.Header = claimed
	if found := s.Find(t.Context(), plain); found.Outcome != source.None {
		t.Errorf("without TLS, with headers: found %v", found.Outcome)
	}
}

// A connection outlives the certificate that it was made with.
func TestFind_CertificateExpiresDuringConnection_CountsNoMore(t *testing.T) {
	ca := newAuthority(t, "ours")
	start := time.Now()
	ann := ca.certificate(t, x509.Certificate{Subject: pkix.Name{CommonName: "ann"}, NotAfter: start.Add(30 * time.Minute)})
	now := start
	s := open(t, clientcert.Options{Authorities: []*x509.Certificate{ca.cert}, Name: clientcert.CommonName, Now: func() time.Time { return now }})
	srv := serve(t, s, tls.RequireAndVerifyClientCert, ca)
	c := srv.client(t, ann)
	for _, step := range []struct {
		at   time.Duration
		want source.Outcome
		rule string
	}{{0, source.Known, ""}, {29 * time.Minute, source.Known, ""}, {31 * time.Minute, source.Invalid, clientcert.RuleDates}, {-2 * time.Hour, source.Invalid, clientcert.RuleDates}} {
		now = start.Add(step.at)
		if found := srv.ask(t, c, nil); found.Outcome != step.want || found.Decision.Rule != step.rule {
			t.Errorf("after %v: found %v by %q, want %v by %q", step.at, found.Outcome, found.Decision.Rule, step.want, step.rule)
		}
	}
}

func TestFind_NamesThatReadTwoWays_Refused(t *testing.T) {
	ca := newAuthority(t, "ours")
	s := open(t, clientcert.Options{Authorities: []*x509.Certificate{ca.cert}, Name: clientcert.CommonName})
	for name, cn := range map[string]string{"NUL": "ann\x00.evil", "line break": "ann\r\nGate-User: root", "none": "", "long": strings.Repeat("a", 256)} {
		cert := ca.certificate(t, x509.Certificate{Subject: pkix.Name{CommonName: cn}})
		r := httptest.NewRequest("GET", "https://shop.example.com/", nil)
		r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{cert.cert}, VerifiedChains: [][]*x509.Certificate{{cert.cert, ca.cert}}}
		if found := s.Find(t.Context(), r); found.Outcome != source.Invalid || found.Decision.Rule != clientcert.RuleName || found.Principal.Known() {
			t.Errorf("%s: found %v %q (%s)", name, found.Outcome, found.Principal.ID, found.Decision.Rule)
		}
	}
}

// A chain that is not the certificate's own vouches for nothing.
func TestFind_ChainOfAnotherCertificate_Refused(t *testing.T) {
	ca := newAuthority(t, "ours")
	ann := ca.certificate(t, x509.Certificate{Subject: pkix.Name{CommonName: "ann"}})
	bob := ca.certificate(t, x509.Certificate{Subject: pkix.Name{CommonName: "bob"}})
	s := open(t, clientcert.Options{Authorities: []*x509.Certificate{ca.cert}, Name: clientcert.CommonName})
	for name, chains := range map[string][][]*x509.Certificate{
		"bob's": {{bob.cert, ca.cert}}, "empty": {{}}, "of itself alone": {{ann.cert}}, "none": nil,
	} {
		r := httptest.NewRequest("GET", "https://shop.example.com/", nil)
		r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{ann.cert}, VerifiedChains: chains}
		if found := s.Find(t.Context(), r); found.Outcome != source.Invalid || found.Decision.Rule != clientcert.RuleUnverified {
			t.Errorf("%s: found %v by %q", name, found.Outcome, found.Decision.Rule)
		}
	}
}
