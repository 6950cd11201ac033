package localca_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/store/memory"
	"github.com/gatehousehq/gatehouse/transport/localca"
)

func open(t *testing.T, o localca.Options) *localca.Authority {
	t.Helper()
	a, err := localca.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func verify(t *testing.T, a *localca.Authority, name string, now time.Time) error {
	t.Helper()
	c, err := a.Certificate(name)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.Root())
	_, err = c.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: pool, CurrentTime: now})
	return err
}

func TestOpen_Again_IsTheSameRoot(t *testing.T) {
	s, err := memory.New(memory.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for name, o := range map[string]localca.Options{"folder": {Dir: filepath.Join(t.TempDir(), "a", "b")}, "store": {Store: s}} {
		first := open(t, o)
		second := open(t, o)
		if !first.Root().Equal(second.Root()) {
			t.Errorf("%s: another root after a restart", name)
		}
		if first.Fresh() == "" || second.Fresh() != "" {
			t.Errorf("%s: Fresh: %q, then %q", name, first.Fresh(), second.Fresh())
		}
	}
}

func TestOpen_Root_IsLimited(t *testing.T) {
	dir := t.TempDir()
	a := open(t, localca.Options{Dir: dir, Hosts: []string{"shop.example.com", "192.0.2.7"}})
	root := a.Root()
	if !root.IsCA || root.MaxPathLen != 0 || !root.MaxPathLenZero || root.KeyUsage&x509.KeyUsageCertSign == 0 {
		t.Errorf("root: CA %v, path length %d", root.IsCA, root.MaxPathLen)
	}
	if years := root.NotAfter.Sub(root.NotBefore).Hours() / 24 / 365; years < 9.9 || years > 10.1 {
		t.Errorf("lives %.1f years", years)
	}
	text, err := os.ReadFile(filepath.Join(dir, "local-authority-key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	key := keyOf(t, text)
	for name, want := range map[string]bool{
		"localhost": true, "a.b.localhost": true, "box.local": true, "10.1.2.3": true, "fd00::1": true,
		"shop.example.com": true, "a.shop.example.com": true, "192.0.2.7": true,
		"bank.example": false, "example.com": false, "192.0.2.8": false, "2001:db8::1": false, "xlocalhost": false,
	} {
		if err := forge(t, root, key, name); (err == nil) != want {
			t.Errorf("a certificate by the root's key for %s: %v, want good %v", name, err, want)
		}
	}
}

func keyOf(t *testing.T, text []byte) *ecdsa.PrivateKey {
	t.Helper()
	_, after, _ := strings.Cut(string(text), "-----BEGIN PRIVATE KEY-----\n")
	body, _, _ := strings.Cut(after, "-----END")
	der := decode64(t, body)
	k, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		t.Fatal(err)
	}
	return k.(*ecdsa.PrivateKey)
}

// forge signs for a name with a stolen key, and verifies as a client does.
func forge(t *testing.T, root *x509.Certificate, key *ecdsa.PrivateKey, name string) error {
	t.Helper()
	mine, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: root.NotBefore, NotAfter: root.NotAfter, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	addName(template, name)
	der, err := x509.CreateCertificate(rand.Reader, template, root, &mine.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(root)
	_, err = leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: pool})
	return err
}

func TestOpen_KeyFile_IsForItsOwnerAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such permissions")
	}
	dir := filepath.Join(t.TempDir(), "ca")
	open(t, localca.Options{Dir: dir})
	for name, want := range map[string]os.FileMode{"": 0o700, "local-authority-key.pem": 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%q: %v, %v", name, info.Mode(), err)
		}
	}
	public, err := os.ReadFile(filepath.Join(dir, localca.CertificateFile))
	if err != nil || strings.Contains(string(public), "PRIVATE") || !strings.Contains(string(public), "BEGIN CERTIFICATE") {
		t.Errorf("public file: %v\n%s", err, public)
	}
	left, err := filepath.Glob(filepath.Join(dir, ".new-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestOpen_ManyAtOnce_AgreeOnOneRoot(t *testing.T) {
	dir := t.TempDir()
	roots := make([]*x509.Certificate, 16)
	var all sync.WaitGroup
	for i := range roots {
		all.Go(func() {
			a, err := localca.Open(context.Background(), localca.Options{Dir: dir})
			if err != nil {
				t.Error(err)
				return
			}
			roots[i] = a.Root()
		})
	}
	all.Wait()
	for _, r := range roots {
		if r != nil && !r.Equal(roots[0]) {
			t.Fatal("two processes made two roots")
		}
	}
}

func TestOpen_NewHostOrNearEnd_ReplacesTheRoot(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	clock := func() time.Time { return now }
	first := open(t, localca.Options{Dir: dir, Hosts: []string{"a.example"}, Now: clock})
	second := open(t, localca.Options{Dir: dir, Hosts: []string{"b.example", "192.0.2.7"}, Now: clock})
	if second.Root().Equal(first.Root()) || !strings.Contains(second.Fresh(), "b.example") || !strings.Contains(second.Fresh(), "trust install") {
		t.Errorf("Fresh: %q", second.Fresh())
	}
	// The new root does what the old one could, so going back changes nothing.
	third := open(t, localca.Options{Dir: dir, Hosts: []string{"a.example"}, Now: clock})
	if !third.Root().Equal(second.Root()) {
		t.Errorf("replaced again: %s", third.Fresh())
	}
	if err := verify(t, third, "a.example", now); err != nil {
		t.Error(err)
	}
	now = now.AddDate(9, 10, 0)
	fourth := open(t, localca.Options{Dir: dir, Hosts: []string{"a.example", "192.0.2.7"}, Now: clock})
	if fourth.Root().Equal(third.Root()) || !strings.Contains(fourth.Fresh(), "it ends on") {
		t.Errorf("Fresh near the end: %q", fourth.Fresh())
	}
}

func TestOpen_DamagedRoot_IsNamedAndLeftAlone(t *testing.T) {
	dir := t.TempDir()
	open(t, localca.Options{Dir: dir})
	file := filepath.Join(dir, "local-authority-key.pem")
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	other := t.TempDir()
	open(t, localca.Options{Dir: other})
	strange, err := os.ReadFile(filepath.Join(other, "local-authority-key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	half, _, _ := strings.Cut(string(good), "-----BEGIN PRIVATE")
	_, key, _ := strings.Cut(string(strange), "-----BEGIN PRIVATE")
	for name, text := range map[string]string{"empty": "", "half": half, "garbage": "\x00\x01", "another's key": half + "-----BEGIN PRIVATE" + key, "huge": strings.Repeat("x", 1<<20)} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := localca.Open(t.Context(), localca.Options{Dir: dir})
		if err == nil || !strings.Contains(err.Error(), file) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
		if now, err := os.ReadFile(file); err != nil || string(now) != text {
			t.Errorf("%s: the file was changed", name)
		}
	}
}

func TestOpen_FolderReadOnly_IsOneLine(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may write everywhere")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	_, err := localca.Open(t.Context(), localca.Options{Dir: dir})
	if err == nil || !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), dir) {
		t.Errorf("%v", err)
	}
}

func TestCertificate_NamesUnderLocalhost_AreSignedAndBounded(t *testing.T) {
	a := open(t, localca.Options{Dir: t.TempDir(), Hosts: []string{"shop.example.com"}})
	for _, name := range []string{"localhost", "127.0.0.1", "::1", "shop.example.com", "a.localhost", "a.b.localhost"} {
		if err := verify(t, a, name, time.Now()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"", "bank.example", "..localhost", "a b.localhost", "*.localhost", strings.Repeat("a", 64) + ".localhost", strings.Repeat("a.", 130) + "localhost"} {
		c, err := a.Certificate(name)
		if err != nil || c.Leaf.DNSNames[0] != "localhost" {
			t.Errorf("%q: %v, %v", name, c.Leaf.DNSNames, err)
		}
	}
	for i := range 1000 {
		if err := verify(t, a, fmt.Sprintf("n%d.localhost", i), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
}
