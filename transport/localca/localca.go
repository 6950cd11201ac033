// Package localca is a certificate authority for this machine alone, so that
// the gate serves HTTPS from its first minute, before anybody has a
// certificate.
//
// It stops plain HTTP on developers' machines. It trusts the folder or the
// store that keeps its root's private key, and whoever can read it. It does
// not make anybody trust the root: that is `gatehouse trust install` (package
// transport/trust) alone. The root is limited by name constraints (RFC 5280,
// 4.2.1.10) to names that nobody owns, to private addresses and to the hosts it
// was made for, so that a stolen key forges no other site.
package localca

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gatehousehq/gatehouse/store"
)

const (
	// rootLife is how long the root is good for.
	rootLife = 10 * 365 * 24 * time.Hour
	// rootMargin is what must be left of the root's life when it is opened;
	// with less, a new one is made.
	rootMargin = 120 * 24 * time.Hour
	// LeafLife is how long a served certificate is good for. 90 days is what
	// public authorities gave for years; browsers refuse above 398.
	LeafLife = 90 * 24 * time.Hour
	// leafMargin is how long before its end a served certificate is replaced.
	leafMargin = 30 * 24 * time.Hour
	// backdate forgives clients whose clock is behind.
	backdate = time.Hour
	// maxNamed bounds the certificates held for names under .localhost, which
	// whoever connects may make up.
	maxNamed = 64
)

// Options says where the authority keeps its root and for which names it signs.
type Options struct {
	// Dir is the folder of the root's files. It is made (0700) if missing.
	// Empty keeps the root in Store instead.
	Dir string
	// Store keeps the root where Dir is empty.
	Store store.Store
	// Hosts are names and addresses to sign for beside localhost,
	// *.localhost, 127.0.0.1 and ::1.
	Hosts []string
	// Logger is told of what a person should know. Nil is silent.
	Logger *slog.Logger
	// Now is the clock. Nil is time.Now.
	Now func() time.Time
}

// An Authority signs the certificates that the gate serves on this machine.
// Its methods may be called concurrently.
type Authority struct {
	now   func() time.Time
	hosts []string
	root  *x509.Certificate
	key   *ecdsa.PrivateKey
	fresh string

	mu    sync.Mutex
	main  *tls.Certificate
	named map[string]*tls.Certificate
}

// Open reads the root from its place, or makes one there. A root that is about
// to end, or that may not sign for one of the hosts, is replaced by one that
// may also sign for all that the old one could; Fresh then says why.
func Open(ctx context.Context, o Options) (*Authority, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	place, err := placeFor(o)
	if err != nil {
		return nil, err
	}
	hosts := []string{"localhost", "127.0.0.1", "::1"}
	for _, h := range o.Hosts {
		if !slices.Contains(hosts, h) {
			hosts = append(hosts, h)
		}
	}
	r, fresh, err := openRoot(ctx, place, hosts, o.Now())
	if err != nil {
		return nil, err
	}
	a := &Authority{now: o.Now, hosts: hosts, root: r.cert, key: r.key, fresh: fresh, named: map[string]*tls.Certificate{}}
	if _, err := a.Certificate(""); err != nil {
		return nil, err
	}
	return a, nil
}

// Fresh is one sentence on why a new root was made just now, or empty where
// the root was found. A person who trusts the old root has to install the new.
func (a *Authority) Fresh() string { return a.fresh }

// Root is the authority's own certificate.
func (a *Authority) Root() *x509.Certificate { return a.root }

// RootPEM is the authority's own certificate as PEM, for trust stores.
func (a *Authority) RootPEM() []byte { return encodeCertificate(a.root.Raw) }

// Covers reports whether the certificates served here are good for host.
func (a *Authority) Covers(host string) bool {
	return underLocalhost(host) || slices.Contains(a.hosts, host)
}

// Certificate returns a certificate for the server's name that a client asked
// for. The empty and any unknown name get the one for all hosts. It signs anew
// when the held one comes near its end; nothing else is needed for renewal.
func (a *Authority) Certificate(serverName string) (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	if underLocalhost(serverName) && serverName != "localhost" && !slices.Contains(a.hosts, serverName) {
		return a.certificateNamed(serverName, now)
	}
	if !usable(a.main, now) {
		c, err := a.sign(append(slices.Clone(a.hosts), "*.localhost"), now)
		if err != nil {
			return nil, err
		}
		a.main = c
	}
	return a.main, nil
}

// certificateNamed serves names under .localhost one by one, because browsers
// do not take a wildcard straight below a top-level name.
func (a *Authority) certificateNamed(name string, now time.Time) (*tls.Certificate, error) {
	if c := a.named[name]; usable(c, now) {
		return c, nil
	}
	c, err := a.sign([]string{name}, now)
	if err != nil {
		return nil, err
	}
	if len(a.named) >= maxNamed {
		clear(a.named)
	}
	a.named[name] = c
	return c, nil
}

func usable(c *tls.Certificate, now time.Time) bool {
	return c != nil && now.Before(c.Leaf.NotAfter.Add(-leafMargin)) && !now.Before(c.Leaf.NotBefore)
}

func (a *Authority) sign(names []string, now time.Time) (*tls.Certificate, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	template, err := leafTemplate(names, now, a.root.NotAfter)
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.root, &key.PublicKey, a.key)
	if err != nil {
		return nil, fmt.Errorf("local authority: signing a certificate for %s: %w", strings.Join(names, ", "), err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("local authority: reading the certificate just signed: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}

// underLocalhost reports whether name is localhost or below it (RFC 6761, 6.3),
// and fit to stand in a certificate.
func underLocalhost(name string) bool {
	if name == "localhost" {
		return true
	}
	if !strings.HasSuffix(name, ".localhost") || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if !plainLabel(label) {
			return false
		}
	}
	return true
}

func plainLabel(label string) bool {
	if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	for _, c := range []byte(label) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

func splitNames(names []string) (dns []string, ips []net.IP) {
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			ips = append(ips, ip)
		} else {
			dns = append(dns, n)
		}
	}
	return dns, ips
}

var errNoPlace = errors.New("local authority: no place to keep the root: set Dir or Store")
