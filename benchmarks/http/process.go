package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/gatehousehq/gatehouse/benchmarks/http/mix"
	"github.com/gatehousehq/gatehouse/benchmarks/measure"
)

const site = mix.Host

// A bench is what all proxies share: a folder, a certificate, a backend.
type bench struct {
	dir, certificate, key string
	roots                 *x509.CertPool
	backend               *measure.Process
}

func newBench(ctx context.Context, dir string) (*bench, error) {
	b := &bench{dir: dir, certificate: filepath.Join(dir, "site.pem"), key: filepath.Join(dir, "site.key")}
	if err := b.makeCertificate(); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	addr, err := measure.FreeAddress()
	if err != nil {
		return nil, err
	}
	b.backend, err = measure.Launch(ctx, addr, self, "backend", addr)
	if err != nil {
		return nil, fmt.Errorf("starting the backend: %w", err)
	}
	return b, nil
}

func (b *bench) close() { b.backend.Stop() }

// start starts a proxy with a configuration of its own and waits until it answers.
func (b *bench) start(ctx context.Context, p peer) (*measure.Process, error) {
	addr, err := measure.FreeAddress()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(b.dir, "peer-")
	if err != nil {
		return nil, err
	}
	args, err := p.command(b, dir, addr)
	if err != nil {
		return nil, err
	}
	r, err := measure.Launch(ctx, addr, p.program, args...)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", p.name, err)
	}
	return r, nil
}

// makeCertificate writes one that all proxies show.
func (b *bench) makeCertificate() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{site, "localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		return err
	}
	b.roots = x509.NewCertPool()
	b.roots.AddCert(made)
	if err := os.WriteFile(b.certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644); err != nil {
		return err
	}
	return os.WriteFile(b.key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600)
}

func (b *bench) dial(addr string) (*tls.Conn, error) {
	return tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", addr, b.clientTLS())
}

func (b *bench) clientTLS() *tls.Config {
	return &tls.Config{RootCAs: b.roots, ServerName: site, NextProtos: []string{"http/1.1"}}
}
