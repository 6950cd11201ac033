package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/store"
	"github.com/gatehousehq/gatehouse/transport/localca"
)

// Options says where certificates come from. Several sources may be given: a
// certificate file for the name comes first, then ACME's, then the local
// authority's. With none, the local authority keeps its root in Store.
type Options struct {
	// Local is our own authority, for development.
	Local *Local
	// Files are pairs of certificate and key, reloaded when they change.
	Files []Files
	// ACME gets certificates for Hosts from an authority such as Let's Encrypt.
	ACME *ACME
	// EndedByTrustedProxy says that a proxy before the gate speaks TLS, and
	// the gate plain HTTP. It excludes the three above.
	EndedByTrustedProxy bool
	// Hosts are the site's names and addresses, without port.
	Hosts []string
	// Store keeps ACME's keys and certificates, and the local root where
	// Local.Dir is empty.
	Store store.Store
	// Recorder is told of certificates that fail, end or are renewed. Nil: the
	// Logger alone is.
	Recorder gatehouse.Recorder
	// Logger is for what operators debug with. Nil is silent.
	Logger *slog.Logger
	// Now is the clock. Nil is time.Now.
	Now func() time.Time
}

// Local is our own authority on this machine.
type Local struct {
	// Dir is the folder of its root, such as STATE/local-authority. Empty
	// keeps the root in the store.
	Dir string
}

// TLS answers the handshakes of the gate's listeners. Its methods may be
// called concurrently.
type TLS struct {
	o     Options
	hosts []string
	notes notes
	local *localca.Authority
	files *fileSet
	acme  *acmeManager
}

// New reads every certificate that there is, and fails with the option's name
// where one can't be served. It starts nothing: see [TLS.Run].
func New(o Options) (*TLS, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.EndedByTrustedProxy && (o.Local != nil || len(o.Files) > 0 || o.ACME != nil) {
		return nil, errors.New("transport: EndedByTrustedProxy excludes Local, Files and ACME: the proxy has the certificate")
	}
	hosts, err := normalHosts(o.Hosts)
	if err != nil {
		return nil, err
	}
	t := &TLS{o: o, hosts: hosts, notes: notes{recorder: o.Recorder, log: o.Logger}}
	if o.EndedByTrustedProxy {
		return t, nil
	}
	if o.Local == nil && len(o.Files) == 0 && o.ACME == nil {
		t.o.Local = &Local{}
	}
	return t, t.openSources()
}

func (t *TLS) openSources() error {
	if len(t.o.Files) > 0 {
		files, err := openFiles(t.o.Files, t.o.Now, t.notes)
		if err != nil {
			return err
		}
		t.files = files
	}
	if t.o.ACME != nil {
		acme, err := newACME(*t.o.ACME, t.hosts, t.o.Store, t.o.Now, t.notes)
		if err != nil {
			return err
		}
		t.acme = acme
	}
	if t.o.Local != nil {
		ctx := context.Background()
		local, err := localca.Open(ctx, localca.Options{Dir: t.o.Local.Dir, Store: t.o.Store, Hosts: t.hosts, Logger: t.o.Logger, Now: t.o.Now})
		if err != nil {
			return fmt.Errorf("transport: %w", err)
		}
		t.local = local
		if words := local.Fresh(); words != "" {
			t.notes.info(ctx, words, nil)
		}
	}
	t.warnUncovered()
	return nil
}

// warnUncovered tells of hosts that no certificate is for, which browsers then
// refuse.
func (t *TLS) warnUncovered() {
	if t.files == nil || t.acme != nil || t.local != nil {
		return
	}
	for _, h := range t.hosts {
		if t.files.find(h) == nil {
			t.notes.warn(context.Background(), "no certificate file is for "+h+": browsers will refuse it",
				map[string]string{"host": h, "names": t.files.names()})
		}
	}
}

// cipherSuites are those of TLS 1.2 with forward secrecy and authenticated
// encryption (RFC 9325, 4.2). TLS 1.3's are all of that kind.
var cipherSuites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// Config is what a listener hands to tls.NewListener or http.Server, new at
// each call. It is nil where a trusted proxy ends TLS.
func (t *TLS) Config() *tls.Config {
	if t.o.EndedByTrustedProxy {
		return nil
	}
	return &tls.Config{
		MinVersion:       tls.VersionTLS12,
		CipherSuites:     append([]uint16(nil), cipherSuites...),
		CurvePreferences: []tls.CurveID{tls.X25519MLKEM768, tls.X25519, tls.CurveP256},
		// http/1.0 is for old tools that name it (curl --http1.0): without it
		// their handshakes fail, where without ALPN they would not.
		NextProtos:     []string{"h2", "http/1.1", "http/1.0"},
		GetCertificate: t.certificate,
		Time:           t.o.Now,
	}
}

// certificate chooses by the name that the client asks for. A client that asks
// for none (an address in the URL) or for an unknown one gets the certificate
// of the address it connected to, or the first there is: its own check refuses
// it with words that a person understands, where an alert would not.
func (t *TLS) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name := normalHost(hello.ServerName)
	if name == "" && hello.Conn != nil {
		name = addressOf(hello.Conn.LocalAddr())
	}
	if t.files != nil {
		if c := t.files.choose(name, hello); c != nil {
			return c, nil
		}
	}
	if t.acme != nil {
		if c := t.acme.choose(name); c != nil {
			return c, nil
		}
	}
	if t.local != nil && (t.local.Covers(name) || (t.files == nil && t.acme == nil)) {
		return t.local.Certificate(name)
	}
	return t.fallback(name, hello)
}

func (t *TLS) fallback(name string, hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if t.files != nil {
		if c := t.files.first(hello); c != nil {
			return c, nil
		}
	}
	if t.acme != nil {
		for _, h := range t.acme.hosts {
			if c := t.acme.choose(h); c != nil {
				return c, nil
			}
		}
	}
	if t.local != nil {
		return t.local.Certificate(name)
	}
	return nil, errors.New("transport: no certificate has been issued yet")
}

func addressOf(a net.Addr) string {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return ""
	}
	return tcp.IP.String()
}
