// Package trust puts the local authority's root into the lists of authorities
// that this machine's programs trust, and takes it out.
//
// It is run by a person (`gatehouse trust install`), never by the gate itself.
// It installs only a root that package transport/localca made: an authority,
// limited by name constraints. It trusts the commands of the system that it
// runs (update-ca-certificates, certutil, security), never asks for a password
// and never calls sudo: it says what to run instead. It does not know of Java's
// list, of other machines, or of phones.
package trust

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// Options is for tests; the zero value is this machine.
type Options struct {
	// Root is the folder that stands for "/". Empty is "/".
	Root string
	// Home is the person's home. Empty is the system's answer.
	Home string
	// OS is the system's name as in GOOS. Empty is this one.
	OS string
	// CertificateFile is where the root lies, for the words that tell what to
	// run.
	CertificateFile string
	// Run runs a command and gives its output. Nil runs it.
	Run func(ctx context.Context, name string, args ...string) ([]byte, error)
	// LookPath finds a command. Nil is exec.LookPath.
	LookPath func(name string) (string, error)
}

// Stores are the lists of trusted authorities of one machine and person.
type Stores struct{ o Options }

// New fills in what o leaves out.
func New(o Options) (*Stores, error) {
	if o.Root == "" {
		o.Root = "/"
	}
	if o.OS == "" {
		o.OS = runtime.GOOS
	}
	if o.Home == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, fmt.Errorf("trust: finding the home folder: %w", err)
		}
		o.Home = home
	}
	if o.LookPath == nil {
		o.LookPath = exec.LookPath
	}
	if o.Run == nil {
		o.Run = func(ctx context.Context, name string, args ...string) ([]byte, error) {
			return exec.CommandContext(ctx, name, args...).CombinedOutput()
		}
	}
	return &Stores{o}, nil
}

// A list is one list of trusted authorities on this machine.
type list interface {
	install(context.Context, authority) (words string, err error)
	remove(context.Context, authority) (words string, err error)
}

// authority is a root to trust.
type authority struct {
	cert *x509.Certificate
	pem  []byte
}

const commonName = "Gatehouse local authority"

// nickname is what the root is called in lists that have names.
func (a authority) nickname() string { return a.cert.Subject.CommonName }

// fileName is unique to the root, so that an old and a new one don't meet.
func (a authority) fileName(ext string) string {
	sum := sha256.Sum256(a.cert.Raw)
	return filePrefix + hex.EncodeToString(sum[:6]) + ext
}

const filePrefix = "gatehouse-local-authority-"

// Install adds the root to every list it finds. The lines say what was done
// and what to do next, also where the error tells that a list refused.
func (s *Stores) Install(ctx context.Context, rootPEM []byte) ([]string, error) {
	return s.each(ctx, rootPEM, list.install)
}

// Remove takes this and earlier roots of the local authority out of every list.
func (s *Stores) Remove(ctx context.Context, rootPEM []byte) ([]string, error) {
	return s.each(ctx, rootPEM, list.remove)
}

func (s *Stores) each(ctx context.Context, rootPEM []byte, do func(list, context.Context, authority) (string, error)) ([]string, error) {
	a, err := readAuthority(rootPEM)
	if err != nil {
		return nil, err
	}
	lists, lines := s.lists()
	var errs []error
	for _, l := range lists {
		words, err := do(l, ctx, a)
		if err != nil {
			errs = append(errs, err)
		}
		if words != "" {
			lines = append(lines, words)
		}
	}
	if len(lists) == 0 {
		errs = append(errs, fmt.Errorf("trust: no list of trusted authorities was found on this machine; add %s to your browser by hand", s.certificateFile()))
	}
	return lines, errors.Join(errs...)
}

// lists are those that this machine has, and words on those out of reach.
func (s *Stores) lists() ([]list, []string) {
	switch s.o.OS {
	case "linux":
		lists, words := s.linux()
		nss, more := s.nss()
		return append(lists, nss...), append(words, more...)
	case "darwin":
		return []list{keychain{s}}, nil
	case "windows":
		return []list{windowsRoot{s}}, nil
	}
	return nil, nil
}

// readAuthority takes a root that localca made, and nothing else: whatever is
// installed here may speak for other sites.
func readAuthority(rootPEM []byte) (authority, error) {
	block, _ := pem.Decode(rootPEM)
	if block == nil || block.Type != "CERTIFICATE" {
		return authority{}, errors.New("trust: the root is not a certificate in PEM form")
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return authority{}, errors.New("trust: the root's certificate is damaged")
	}
	ours := c.IsCA && c.MaxPathLen == 0 && c.MaxPathLenZero && c.PermittedDNSDomainsCritical && len(c.PermittedDNSDomains) > 0 &&
		strings.HasPrefix(c.Subject.CommonName, commonName) && c.CheckSignatureFrom(c) == nil
	if !ours {
		return authority{}, errors.New("trust: the certificate is not the gate's local authority: only that is installed")
	}
	return authority{cert: c, pem: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})}, nil
}

func (s *Stores) certificateFile() string {
	if s.o.CertificateFile != "" {
		return s.o.CertificateFile
	}
	return "the root's certificate"
}

func (s *Stores) path(parts ...string) string {
	return filepath.Join(append([]string{s.o.Root}, parts...)...)
}

func (s *Stores) run(ctx context.Context, name string, args ...string) error {
	out, err := s.o.Run(ctx, name, args...)
	if err == nil {
		return nil
	}
	if said := strings.Join(strings.Fields(string(out)), " "); said != "" {
		return fmt.Errorf("trust: %s %s: %w: %.300s", name, strings.Join(args, " "), err, said)
	}
	return fmt.Errorf("trust: %s %s: %w", name, strings.Join(args, " "), err)
}

// withFile gives the certificate to a command that wants it in a file.
func withFile(a authority, do func(file string) error) error {
	f, err := os.CreateTemp("", "gatehouse-root-*.crt")
	if err != nil {
		return fmt.Errorf("trust: writing the certificate for a command: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(a.pem)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("trust: writing the certificate for a command: %w", err)
	}
	return do(f.Name())
}
