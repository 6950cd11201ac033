package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3/acme"
	"go.uber.org/zap"

	"github.com/gatehousehq/gatehouse/secret"
	"github.com/gatehousehq/gatehouse/store"
	"github.com/gatehousehq/gatehouse/transport/acmestore"
)

// ACME gets certificates for Options.Hosts by RFC 8555 with the HTTP-01
// challenge, which the authority asks for at port 80 of each name: serve
// [TLS.ChallengeHandler] or [TLS.Redirect] there. Nothing is issued for a name
// because a client asked for it. Giving ACME agrees to the authority's terms.
type ACME struct {
	// Email is where the authority writes to. It may be empty.
	Email string
	// Directory is the authority's URL. Empty is Let's Encrypt.
	Directory string
	// CAFile is a PEM file of the authorities that may vouch for Directory,
	// instead of the system's.
	CAFile string
	// EAB binds the account to one that exists at the authority (RFC 8555,
	// 7.3.4), where it demands that.
	EAB *EAB
}

// EAB is an external account's key, as the authority gave it.
type EAB struct {
	KeyID string
	// MACKey is in base64url.
	MACKey secret.Text
}

const (
	// lookAfter is how often names without a certificate are looked after.
	lookAfter = 10 * time.Minute
	// silence is how long after the last attempt a name is asked for anew.
	// certmagic tries at least every six hours, but gives up after 30 days,
	// and at once where the store fails.
	silence = 8 * time.Hour
	// manyHosts bounds what one authority is asked for by one configuration.
	manyHosts = 200
)

// An acmeManager gets and renews certificates while run runs.
type acmeManager struct {
	o     ACME
	hosts []string
	roots *x509.CertPool
	store store.Store
	now   func() time.Time
	notes notes
	live  atomic.Pointer[acmeLive]
	// early is what the store held at New: it is served until run is ready.
	early map[string]*tls.Certificate
	// pollEvery is how often renewals are looked for. Zero is certmagic's ten
	// minutes.
	pollEvery time.Duration

	mu sync.Mutex
	// failures is what was last said of each name; next is when it is asked
	// for anew, and wait what was waited last, without an attempt in between.
	failures map[string]string
	next     map[string]time.Time
	wait     map[string]time.Duration
}

// acmeLive is what exists while run runs.
type acmeLive struct {
	cache  *certmagic.Cache
	config *certmagic.Config
	issuer *certmagic.ACMEIssuer
}

func newACME(o ACME, hosts []string, s store.Store, now func() time.Time, n notes) (*acmeManager, error) {
	if s == nil {
		return nil, errors.New("transport: ACME: Store is needed to keep its keys and certificates")
	}
	if len(hosts) == 0 {
		return nil, errors.New("transport: ACME: Hosts is empty: name the site that certificates are for")
	}
	if len(hosts) > manyHosts {
		return nil, fmt.Errorf("transport: ACME: %d hosts are too many for one gate: at most %d", len(hosts), manyHosts)
	}
	for _, h := range hosts {
		if err := mayAsk(h, o.Directory == ""); err != nil {
			return nil, err
		}
	}
	if u, err := url.Parse(o.Directory); o.Directory != "" && (err != nil || u.Scheme != "https" || u.Host == "") {
		return nil, fmt.Errorf("transport: ACME: Directory %q: want an https URL", o.Directory)
	}
	if o.EAB != nil && (o.EAB.KeyID == "" || o.EAB.MACKey == "") {
		return nil, errors.New("transport: ACME: EAB: both KeyID and MACKey are needed")
	}
	m := &acmeManager{o: o, hosts: hosts, store: s, now: now, notes: n, failures: map[string]string{},
		next: map[string]time.Time{}, wait: map[string]time.Duration{}, early: map[string]*tls.Certificate{}}
	if o.CAFile != "" {
		roots, err := readAuthorities(o.CAFile, now())
		if err != nil {
			return nil, err
		}
		m.roots = roots
	}
	return m, m.loadEarly()
}

// directory is the authority's URL.
func (m *acmeManager) directory() string {
	if m.o.Directory == "" {
		return certmagic.LetsEncryptProductionCA
	}
	return m.o.Directory
}

// loadEarly reads the certificates of an earlier run, so that handshakes pass
// before run is ready, and while one configuration takes another's place.
func (m *acmeManager) loadEarly() error {
	storage, err := acmestore.New(acmestore.Options{Store: m.store, Now: m.now})
	if err != nil {
		return fmt.Errorf("transport: ACME: %w", err)
	}
	defer storage.Close()
	ctx := context.Background()
	issuer := (&certmagic.ACMEIssuer{CA: m.directory()}).IssuerKey()
	for _, h := range m.hosts {
		certPEM, certErr := storage.Load(ctx, certmagic.StorageKeys.SiteCert(issuer, h))
		keyPEM, keyErr := storage.Load(ctx, certmagic.StorageKeys.SitePrivateKey(issuer, h))
		err := errors.Join(certErr, keyErr)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("transport: ACME: reading the certificate for %s: %w", h, err)
		}
		c, err := tls.X509KeyPair(certPEM, keyPEM)
		if err != nil {
			// A new one is got by run.
			m.notes.log.Warn("the stored certificate for "+h+" is damaged", "error", err)
			continue
		}
		m.early[h] = &c
	}
	return nil
}

// mayAsk refuses names that the authority can't give a certificate for.
func mayAsk(host string, public bool) error {
	switch {
	case strings.HasPrefix(host, "*."):
		return fmt.Errorf("transport: ACME: %s: HTTP-01 gives no wildcards: list each host, or use certificate files", host)
	case isAddress(host):
		return fmt.Errorf("transport: ACME: %s is an address: use a name, or certificate files", host)
	case isLocalName(host) || (public && !certmagic.SubjectQualifiesForPublicCert(host)):
		return fmt.Errorf("transport: ACME: no public authority signs for %s: use the local authority, or certificate files", host)
	}
	return nil
}

// run manages the certificates until ctx ends.
func (m *acmeManager) run(ctx context.Context) {
	// certmagic opens port 80 itself where it finds it closed. That is ours to
	// do, in package network: it is told of a port that is always taken.
	port, closePort, err := occupiedPort()
	if err != nil {
		m.notes.critical(ctx, "ACME certificates are not renewed: no local port is free: "+err.Error(), nil)
		return
	}
	defer closePort()
	storage, err := acmestore.New(acmestore.Options{Store: m.store, Now: m.now, Logger: m.notes.log})
	if err != nil {
		m.notes.critical(ctx, "ACME certificates are not renewed: "+err.Error(), nil)
		return
	}
	live := m.start(storage, port)
	m.live.Store(live)
	defer func() {
		m.live.Store(nil)
		live.cache.Stop()
		if err := storage.Close(); err != nil {
			m.notes.log.Warn("giving up locks on certificates", "error", err)
		}
	}()
	tick := time.NewTicker(lookAfter)
	defer tick.Stop()
	for {
		m.manage(ctx, live)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (m *acmeManager) start(storage certmagic.Storage, port int) *acmeLive {
	live := &acmeLive{}
	logger := zap.New(slogCore{m.notes.log})
	live.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert:   func(certmagic.Certificate) (*certmagic.Config, error) { return live.config, nil },
		RenewCheckInterval: m.pollEvery,
		Logger:             logger,
	})
	config := certmagic.New(live.cache, certmagic.Config{
		Storage:        storage,
		Logger:         logger,
		OnEvent:        m.onEvent,
		ShouldEmitFunc: func(name string) bool { return strings.HasPrefix(name, "cert_") },
		KeySource:      certmagic.StandardKeyGenerator{KeyType: certmagic.P256},
	})
	template := certmagic.ACMEIssuer{
		CA:                      m.directory(),
		Email:                   m.o.Email,
		Agreed:                  true,
		DisableTLSALPNChallenge: true,
		ListenHost:              "127.0.0.1",
		AltHTTPPort:             port,
		TrustedRoots:            m.roots,
		Logger:                  logger,
	}
	if m.o.EAB != nil {
		template.ExternalAccount = &acme.EAB{KeyID: m.o.EAB.KeyID, MACKey: m.o.EAB.MACKey.Reveal()}
	}
	live.issuer = certmagic.NewACMEIssuer(config, template)
	config.Issuers = []certmagic.Issuer{live.issuer}
	live.config = config
	return live
}

// manage asks for the names that have no certificate and that nobody is
// trying to get one for.
func (m *acmeManager) manage(ctx context.Context, live *acmeLive) {
	var names []string
	m.mu.Lock()
	now := m.now()
	for _, h := range m.hosts {
		if len(live.cache.AllMatchingCertificates(h)) == 0 && !now.Before(m.next[h]) {
			m.wait[h] = min(max(2*m.wait[h], lookAfter), silence)
			m.next[h] = now.Add(m.wait[h])
			names = append(names, h)
		}
	}
	m.mu.Unlock()
	if err := live.config.ManageAsync(ctx, names); err != nil {
		m.notes.warn(ctx, "ACME: certificates are not managed: "+err.Error(), nil)
	}
}

// occupiedPort holds a loopback port that closes whatever connects.
func occupiedPort() (port int, closeIt func(), err error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, nil, err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	return ln.Addr().(*net.TCPAddr).Port, func() { ln.Close(); <-done }, nil
}

// choose is a certificate for the name, or nil.
func (m *acmeManager) choose(name string) *tls.Certificate {
	var best *tls.Certificate
	if live := m.live.Load(); live != nil && name != "" {
		for _, c := range live.cache.AllMatchingCertificates(name) {
			if best == nil || c.Leaf.NotAfter.After(best.Leaf.NotAfter) {
				best = &c.Certificate
			}
		}
	}
	if best == nil {
		best = m.early[name]
	}
	return best
}

// leaf is the certificate that is served for the name, or nil.
func (m *acmeManager) leaf(name string) *x509.Certificate {
	if c := m.choose(name); c != nil {
		return c.Leaf
	}
	return nil
}

// ChallengeHandler answers what the ACME authority asks for at port 80 while
// an order is pending for one of our hosts, and hands everything else to next.
func (t *TLS) ChallengeHandler(next http.Handler) http.Handler {
	if t.acme == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, ok := splitHostPort(r.Host)
		live := t.acme.live.Load()
		// A name that isn't ours would cost a look into the store.
		if ok && live != nil && t.ours(host) && live.issuer.HandleHTTPChallenge(w, r) {
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (m *acmeManager) describe(t *TLS) []string {
	lines := make([]string, 0, len(m.hosts))
	by := m.o.Directory
	if by == "" {
		by = "Let's Encrypt"
	}
	for _, h := range m.hosts {
		m.mu.Lock()
		trouble := m.failures[h]
		m.mu.Unlock()
		state := "not issued yet"
		if leaf := m.leaf(h); leaf != nil {
			state = t.describe(leaf) + "; renewed by itself"
		}
		if trouble != "" {
			state += "; the last attempt failed: " + trouble
		}
		lines = append(lines, "ACME ("+by+"), "+h+": "+state)
	}
	return lines
}
