package localca

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"slices"
	"strings"
	"time"
)

// reservedNames are names that no public authority may sign for and nobody can
// register: RFC 6761 and 8375, and ICANN's reservation of "internal".
var reservedNames = []string{"localhost", "test", "internal", "local", "home.arpa"}

// privateRanges are addresses that are nobody's on the internet: loopback, RFC
// 1918, RFC 3927, RFC 4193, RFC 4291.
var privateRanges = []string{
	"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "::1/128", "fc00::/7", "fe80::/10",
}

type root struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// openRoot reads the root or makes one. The second result says why one was
// made, where it was.
func openRoot(ctx context.Context, p place, hosts []string, now time.Time) (root, string, error) {
	text, err := p.read(ctx)
	if errors.Is(err, errNoRoot) {
		return createRoot(ctx, p, hosts, now)
	}
	if err != nil {
		return root{}, "", err
	}
	old, err := parseRoot(text)
	if err != nil {
		return root{}, "", fmt.Errorf("local authority: %s: %w; remove it and a new root is made, then run: gatehouse trust install", p, err)
	}
	why := replaceReason(old.cert, hosts, now)
	if why == "" {
		return old, "", nil
	}
	dns := slices.Concat(hosts, old.cert.PermittedDNSDomains)
	for _, r := range old.cert.PermittedIPRanges {
		if ones, bits := r.Mask.Size(); ones == bits {
			dns = append(dns, r.IP.String())
		}
	}
	made, err := newRoot(dns, now)
	if err != nil {
		return root{}, "", err
	}
	if err := p.replace(ctx, made.encode(), encodeCertificate(made.cert.Raw)); err != nil {
		return root{}, "", err
	}
	return made, fmt.Sprintf("the local authority's root was made anew, because %s; if the old one was trusted, run: gatehouse trust install", why), nil
}

func createRoot(ctx context.Context, p place, hosts []string, now time.Time) (root, string, error) {
	made, err := newRoot(hosts, now)
	if err != nil {
		return root{}, "", err
	}
	err = p.create(ctx, made.encode(), encodeCertificate(made.cert.Raw))
	if errors.Is(err, errRootExists) {
		// Another process made one at the same moment; its root is the root.
		return openRoot(ctx, p, hosts, now)
	}
	if err != nil {
		return root{}, "", err
	}
	return made, "a local certificate authority was made in " + p.String() +
		"; browsers warn of its certificates until you run: gatehouse trust install", nil
}

// replaceReason says why the root can't go on, or nothing.
func replaceReason(c *x509.Certificate, hosts []string, now time.Time) string {
	if now.Add(rootMargin).After(c.NotAfter) {
		return "it ends on " + c.NotAfter.Format(time.DateOnly)
	}
	for _, h := range hosts {
		if !permits(c, h) {
			return "it may not sign for " + h
		}
	}
	return ""
}

// permits reports whether the root's name constraints let it sign for host.
func permits(c *x509.Certificate, host string) bool {
	if ip := net.ParseIP(host); ip != nil {
		return slices.ContainsFunc(c.PermittedIPRanges, func(r *net.IPNet) bool { return r.Contains(ip) })
	}
	return slices.ContainsFunc(c.PermittedDNSDomains, func(d string) bool {
		return host == d || strings.HasSuffix(host, "."+d)
	})
}

func newKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("local authority: making a key: %w", err)
	}
	return key, nil
}

func newSerial() (*big.Int, error) {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("local authority: drawing a serial number: %w", err)
	}
	return n, nil
}

func newRoot(hosts []string, now time.Time) (root, error) {
	key, err := newKey()
	if err != nil {
		return root{}, err
	}
	serial, err := newSerial()
	if err != nil {
		return root{}, err
	}
	dns, ranges, err := constraints(hosts)
	if err != nil {
		return root{}, err
	}
	template := &x509.Certificate{
		SerialNumber:                serial,
		Subject:                     pkix.Name{Organization: []string{"Gatehouse"}, CommonName: "Gatehouse local authority " + hex.EncodeToString(serial.Bytes()[:3])},
		NotBefore:                   now.Add(-backdate),
		NotAfter:                    now.Add(rootLife),
		KeyUsage:                    x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		ExtKeyUsage:                 []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid:       true,
		IsCA:                        true,
		MaxPathLenZero:              true,
		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         dns,
		PermittedIPRanges:           ranges,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return root{}, fmt.Errorf("local authority: signing its root: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return root{}, fmt.Errorf("local authority: reading the root just signed: %w", err)
	}
	return root{cert: cert, key: key}, nil
}

// constraints is what the root may sign for: what nobody owns, and hosts.
func constraints(hosts []string) (dns []string, ranges []*net.IPNet, err error) {
	names, ips := splitNames(hosts)
	for _, r := range privateRanges {
		_, n, err := net.ParseCIDR(r)
		if err != nil {
			return nil, nil, fmt.Errorf("local authority: private range %s: %w", r, err)
		}
		ranges = append(ranges, n)
	}
	for _, ip := range ips {
		if slices.ContainsFunc(ranges, func(r *net.IPNet) bool { return r.Contains(ip) }) {
			continue
		}
		if v4 := ip.To4(); v4 != nil {
			ip = v4
		}
		ranges = append(ranges, &net.IPNet{IP: ip, Mask: net.CIDRMask(len(ip)*8, len(ip)*8)})
	}
	dns = slices.Clone(reservedNames)
	for _, n := range names {
		n = strings.TrimPrefix(n, "*.")
		if !slices.ContainsFunc(dns, func(d string) bool { return n == d || strings.HasSuffix(n, "."+d) }) {
			dns = append(dns, n)
		}
	}
	return dns, ranges, nil
}

func leafTemplate(names []string, now, rootEnd time.Time) (*x509.Certificate, error) {
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	end := now.Add(LeafLife - backdate)
	if end.After(rootEnd) {
		end = rootEnd
	}
	dns, ips := splitNames(names)
	return &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{Organization: []string{"Gatehouse local certificate"}},
		NotBefore:             now.Add(-backdate),
		NotAfter:              end,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		DNSNames:              dns,
		IPAddresses:           ips,
	}, nil
}

func encodeCertificate(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// encode is the root's certificate and private key in one text, so that they
// can't come apart when a write is cut short.
func (r root) encode() []byte {
	der, err := x509.MarshalPKCS8PrivateKey(r.key)
	if err != nil {
		panic("localca: a P-256 key always has a PKCS 8 form: " + err.Error())
	}
	return append(encodeCertificate(r.cert.Raw), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...)
}

func parseRoot(text []byte) (root, error) {
	certBlock, rest := pem.Decode(text)
	if certBlock == nil || certBlock.Type != "CERTIFICATE" {
		return root{}, errors.New("does not begin with a certificate")
	}
	keyBlock, _ := pem.Decode(rest)
	if keyBlock == nil || keyBlock.Type != "PRIVATE KEY" {
		return root{}, errors.New("has no private key after the certificate")
	}
	cert, err := x509.ParseCertificate(certBlock.Bytes)
	if err != nil {
		return root{}, errors.New("the certificate can't be read")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(keyBlock.Bytes)
	if err != nil {
		return root{}, errors.New("the private key can't be read")
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || !key.PublicKey.Equal(cert.PublicKey) {
		return root{}, errors.New("the private key is not the certificate's")
	}
	if !cert.IsCA || cert.MaxPathLen != 0 || !cert.PermittedDNSDomainsCritical {
		return root{}, errors.New("the certificate is not one that this authority made")
	}
	return root{cert: cert, key: key}, nil
}
