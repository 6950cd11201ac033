package transport

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"
)

// Files is a certificate with its chain and its private key, as PEM.
type Files struct {
	// Certificate is the file of the certificate, then the intermediates
	// (what certbot calls fullchain.pem).
	Certificate string
	// Key is the file of the private key, not encrypted.
	Key string
}

// maxFile bounds a certificate's file; a long chain has some ten kilobytes.
const maxFile = 1 << 20

// A pair is one loaded Files.
type pair struct {
	files Files
	cert  tls.Certificate
	sum   [sha256.Size]byte
}

func readSmall(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("%s is larger than 1 MiB: it is not a certificate or key", name)
	}
	return text, nil
}

// errNotNow is a pair that is well formed but outside its dates.
var errNotNow = errors.New("outside its dates")

// readPair reads both files. Its errors begin with "certificate" or "key", name
// the file and never hold its contents.
func readPair(f Files, now time.Time) (*pair, error) {
	certText, err := readSmall(f.Certificate)
	if err != nil {
		return nil, fmt.Errorf("certificate can't be read: %w", err)
	}
	keyText, err := readSmall(f.Key)
	if err != nil {
		return nil, fmt.Errorf("key can't be read: %w", err)
	}
	if _, err := parseCertificates(certText); err != nil {
		return nil, fmt.Errorf("certificate %s: %w", f.Certificate, err)
	}
	if err := checkKeyText(keyText); err != nil {
		return nil, fmt.Errorf("key %s: %w", f.Key, err)
	}
	cert, err := tls.X509KeyPair(certText, keyText)
	if err != nil {
		return nil, fmt.Errorf("key %s does not belong to certificate %s, or is damaged: %w", f.Key, f.Certificate, err)
	}
	p := &pair{files: f, cert: cert, sum: sumOf(certText, keyText)}
	return p, checkDates(f.Certificate, cert.Leaf, now)
}

// checkDates wraps errNotNow.
func checkDates(name string, c *x509.Certificate, now time.Time) error {
	if now.After(c.NotAfter) {
		return fmt.Errorf("certificate %s expired on %s: replace it: %w", name, c.NotAfter.UTC().Format(time.DateTime), errNotNow)
	}
	if now.Before(c.NotBefore) {
		return fmt.Errorf("certificate %s is only good from %s on: mind this machine's clock: %w", name, c.NotBefore.UTC().Format(time.DateTime), errNotNow)
	}
	return nil
}

func parseCertificates(text []byte) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d of the file is damaged: %w", len(certs)+1, err)
		}
		certs = append(certs, c)
	}
	if len(certs) == 0 {
		return nil, errors.New("holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)")
	}
	return certs, nil
}

func checkKeyText(text []byte) error {
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return errors.New("holds no private key in PEM form (-----BEGIN PRIVATE KEY-----)")
		}
		switch {
		case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
			return errors.New("is encrypted: decrypt it with: openssl pkey -in FILE -out FILE.new")
		case block.Type == "PRIVATE KEY" || block.Type == "RSA PRIVATE KEY" || block.Type == "EC PRIVATE KEY":
			return nil
		}
	}
}

func sumOf(texts ...[]byte) (sum [sha256.Size]byte) {
	h := sha256.New()
	for _, t := range texts {
		fmt.Fprintf(h, "%d:", len(t))
		h.Write(t)
	}
	h.Sum(sum[:0])
	return sum
}

// keyExposure is one sentence on who else may read the key, or nothing; wide
// is set where everybody on the machine may.
func keyExposure(name string) (words string, wide bool) {
	info, err := os.Stat(name)
	if err != nil || runtime.GOOS == "windows" {
		return "", false
	}
	switch perm := info.Mode().Perm(); {
	case perm&0o007 != 0:
		return fmt.Sprintf("private key %s can be read or written by everybody on this machine (%04o); run: chmod 600 %s", name, perm, name), true
	case perm&0o070 != 0:
		return fmt.Sprintf("private key %s can be read or written by its group (%04o); chmod 600 %s if that is not meant", name, perm, name), false
	}
	return "", false
}
