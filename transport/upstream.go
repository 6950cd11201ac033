package transport

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/gatehousehq/gatehouse"
)

// UpstreamOptions says how the gate talks TLS to the backend. The zero value
// beside URL verifies the backend by the system's authorities.
type UpstreamOptions struct {
	// URL is the backend's. TLS is spoken where its scheme is https.
	URL string
	// CAFile is a PEM file of the authorities that may vouch for the backend,
	// instead of the system's. It is read once.
	CAFile string
	// CertificateFile and KeyFile are the gate's own certificate for a backend
	// that demands one. They are read again after they change.
	CertificateFile, KeyFile string
	// ServerName is the name that the backend's certificate must be for.
	// Empty is the URL's host.
	ServerName string
	// Insecure, where given, does not verify the backend at all: whoever sits
	// between can read and change everything.
	Insecure gatehouse.Reason
	// Now is the clock. Nil is time.Now.
	Now func() time.Time
}

// Upstream is the TLS configuration towards the backend; nil where the URL's
// scheme is not https.
func Upstream(o UpstreamOptions) (*tls.Config, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("transport: upstream URL %q: want one such as https://127.0.0.1:3000", o.URL)
	}
	if err := o.check(u); err != nil {
		return nil, err
	}
	if u.Scheme != "https" {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, CipherSuites: append([]uint16(nil), cipherSuites...), Time: o.Now, ServerName: o.ServerName}
	if c.ServerName == "" {
		c.ServerName = u.Hostname()
	}
	if o.Insecure.Given() {
		c.InsecureSkipVerify = true
	}
	if o.CAFile != "" {
		if c.RootCAs, err = readAuthorities(o.CAFile, o.Now()); err != nil {
			return nil, err
		}
	}
	if o.CertificateFile != "" {
		own := &ownCertificate{files: Files{Certificate: o.CertificateFile, Key: o.KeyFile}, now: o.Now}
		if err := own.load(); err != nil {
			return nil, fmt.Errorf("transport: upstream client %w", err)
		}
		c.GetClientCertificate = own.get
	}
	return c, nil
}

func (o UpstreamOptions) check(u *url.URL) error {
	switch {
	case (o.CertificateFile == "") != (o.KeyFile == ""):
		return errors.New("transport: upstream client certificate: both the certificate's file and the key's are needed")
	case o.Insecure != "" && !o.Insecure.Given():
		return errors.New("transport: upstream Insecure: not verifying the backend demands a reason")
	case o.Insecure.Given() && o.CAFile != "":
		return errors.New("transport: upstream Insecure: it makes the CA file pointless: give one or the other")
	case u.Scheme != "https" && (o.CAFile != "" || o.CertificateFile != "" || o.ServerName != "" || o.Insecure.Given()):
		return fmt.Errorf("transport: upstream URL %s is not https: its CA, certificate and server name would not be used", u.Redacted())
	}
	return nil
}

// readAuthorities reads a PEM file of certificate authorities.
func readAuthorities(file string, now time.Time) (*x509.CertPool, error) {
	text, err := readSmall(file)
	if err != nil {
		return nil, fmt.Errorf("transport: CA file: %w", err)
	}
	certs, err := parseCertificates(text)
	if err != nil {
		return nil, fmt.Errorf("transport: CA file %s: %w", file, err)
	}
	pool, usable := x509.NewCertPool(), false
	for _, c := range certs {
		pool.AddCert(c)
		usable = usable || now.Before(c.NotAfter)
	}
	if !usable {
		return nil, fmt.Errorf("transport: CA file %s: the authority's certificate expired on %s", file, certs[0].NotAfter.Format(time.DateOnly))
	}
	return pool, nil
}

// recheck is how long a client certificate is served before its files are
// looked at again.
const recheck = 10 * time.Second

// ownCertificate is the gate's certificate for the backend. It looks at its
// files when the backend asks for it, so nothing runs in the background.
type ownCertificate struct {
	files Files
	now   func() time.Time

	mu      sync.Mutex
	pair    *pair
	checked time.Time
	stamp   [2]fileStamp
}

type fileStamp struct {
	size int64
	mod  time.Time
}

func (c *ownCertificate) get(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now().Sub(c.checked) >= recheck && c.stampNow() != c.stamp {
		// A bad new pair keeps the old one; the backend refuses it when it ends.
		_ = c.load()
	}
	return &c.pair.cert, nil
}

func (c *ownCertificate) stampNow() (s [2]fileStamp) {
	for i, name := range []string{c.files.Certificate, c.files.Key} {
		if info, err := os.Stat(name); err == nil {
			s[i] = fileStamp{info.Size(), info.ModTime()}
		}
	}
	return s
}

func (c *ownCertificate) load() error {
	c.checked = c.now()
	stamp := c.stampNow()
	p, err := readPair(c.files, c.now())
	if err != nil {
		return err
	}
	c.pair, c.stamp = p, stamp
	return nil
}
