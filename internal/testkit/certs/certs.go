// Package certs makes certificates for tests: an authority that lives as long
// as the test, and certificates of any names, dates and kinds by it.
//
// It stops nothing and trusts nothing; nothing outside tests may import it.
package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// An Authority signs certificates.
type Authority struct {
	Cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// Want says which certificate to make. The zero value is for no name, good
// for an hour on both sides of now.
type Want struct {
	// Names are DNS names and IP addresses.
	Names []string
	// NotBefore and NotAfter are its dates; zero is an hour from now.
	NotBefore, NotAfter time.Time
	// Client makes it one for clients instead of servers.
	Client bool
	// RSA gives it a 2048-bit RSA key instead of ECDSA P-256.
	RSA bool
	// SelfSigned signs it with its own key.
	SelfSigned bool
}

// A Pair is a certificate and its key.
type Pair struct {
	Cert         *x509.Certificate
	CertPEM, Key []byte
}

// New makes an authority.
func New(t testing.TB) *Authority {
	t.Helper()
	key := ecKey(t)
	template := &x509.Certificate{
		SerialNumber: serial(t), Subject: pkix.Name{CommonName: "Test authority"},
		NotBefore: time.Now().Add(-100 * 365 * 24 * time.Hour), NotAfter: time.Now().Add(100 * 365 * 24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	return &Authority{Cert: sign(t, template, template, &key.PublicKey, key), key: key}
}

// PEM is the authority's certificate.
func (a *Authority) PEM() []byte { return encode("CERTIFICATE", a.Cert.Raw) }

// Pool trusts the authority alone.
func (a *Authority) Pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.Cert)
	return p
}

// Issue makes a certificate.
func (a *Authority) Issue(t testing.TB, w Want) Pair {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: serial(t), Subject: pkix.Name{CommonName: "Test certificate"}, NotBefore: w.NotBefore, NotAfter: w.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if w.Client {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
	if template.NotBefore.IsZero() {
		template.NotBefore = time.Now().Add(-time.Hour)
	}
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(time.Hour)
	}
	for _, n := range w.Names {
		if ip := net.ParseIP(n); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, n)
		}
	}
	var key crypto.Signer = ecKey(t)
	if w.RSA {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		check(t, err)
		key = k
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	check(t, err)
	var c *x509.Certificate
	if w.SelfSigned {
		c = sign(t, template, template, key.Public(), key)
	} else {
		c = sign(t, template, a.Cert, key.Public(), a.key)
	}
	return Pair{Cert: c, CertPEM: encode("CERTIFICATE", c.Raw), Key: encode("PRIVATE KEY", der)}
}

// TLS is the pair as crypto/tls takes it.
func (p Pair) TLS(t testing.TB) tls.Certificate {
	t.Helper()
	c, err := tls.X509KeyPair(p.CertPEM, p.Key)
	check(t, err)
	return c
}

// Write puts the pair into dir as NAME.crt and NAME.key.
func (p Pair) Write(t testing.TB, dir, name string) (certFile, keyFile string) {
	t.Helper()
	certFile, keyFile = filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
	check(t, os.WriteFile(certFile, p.CertPEM, 0o644))
	check(t, os.WriteFile(keyFile, p.Key, 0o600))
	return certFile, keyFile
}

func sign(t testing.TB, template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	check(t, err)
	c, err := x509.ParseCertificate(der)
	check(t, err)
	return c
}

func ecKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	return k
}

func serial(t testing.TB) *big.Int {
	t.Helper()
	n, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	check(t, err)
	return n
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
