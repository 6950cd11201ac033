package transport_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/internal/testkit/certs"
	"github.com/gatehousehq/gatehouse/transport"
)

func local(t *testing.T, hosts ...string) *transport.TLS {
	t.Helper()
	return open(t, transport.Options{Local: &transport.Local{Dir: t.TempDir()}, Hosts: hosts})
}

func TestConfig_OldVersionsAndCiphers_AreRefused(t *testing.T) {
	tl := local(t)
	cbc := []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256}
	for _, c := range []struct {
		name   string
		client *tls.Config
		passes bool
	}{
		{"TLS 1.0", &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}, false},
		{"TLS 1.1", &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, false},
		{"TLS 1.2", &tls.Config{MaxVersion: tls.VersionTLS12}, true},
		{"TLS 1.3", &tls.Config{MinVersion: tls.VersionTLS13}, true},
		{"CBC", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: cbc}, false},
		{"RSA key exchange", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}}, false},
		{"AES-GCM", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}}, true},
		{"ChaCha20", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256}}, true},
		{"P-256", &tls.Config{CurvePreferences: []tls.CurveID{tls.CurveP256}}, true},
		{"X25519", &tls.Config{CurvePreferences: []tls.CurveID{tls.X25519}}, true},
		{"X25519MLKEM768", &tls.Config{CurvePreferences: []tls.CurveID{tls.X25519MLKEM768}}, true},
		{"P-521", &tls.Config{CurvePreferences: []tls.CurveID{tls.CurveP521}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.client.InsecureSkipVerify = true
			c.client.ServerName = "localhost"
			if _, err := handshake(t, tl.Config(), c.client); (err == nil) != c.passes {
				t.Errorf("handshake: %v, want passing: %v", err, c.passes)
			}
		})
	}
}

func TestConfig_HTTP2_IsNegotiatedAndSpoken(t *testing.T) {
	tl := local(t)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte(r.Proto)) }))
	server.TLS = tl.Config()
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	for _, c := range []struct {
		offers []string
		want   string
	}{{[]string{"h2", "http/1.1"}, "h2"}, {[]string{"http/1.1"}, "http/1.1"}, {nil, ""}} {
		state, err := handshake(t, tl.Config(), &tls.Config{ServerName: "localhost", InsecureSkipVerify: true, NextProtos: c.offers})
		if err != nil || state.NegotiatedProtocol != c.want {
			t.Errorf("offering %v: %q, %v", c.offers, state.NegotiatedProtocol, err)
		}
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	res, err := (&http.Client{Transport: transport}).Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.ProtoMajor != 2 {
		t.Errorf("spoke %s", res.Proto)
	}
}

func TestConfig_TwoListeners_DoNotShareState(t *testing.T) {
	tl := local(t)
	a, b := tl.Config(), tl.Config()
	a.CipherSuites[0] = 0
	if a == b || b.CipherSuites[0] == 0 {
		t.Error("one listener's configuration changed the other's")
	}
}

func TestLocal_Default_NeedsAStoreOrFolder(t *testing.T) {
	if _, err := transport.New(transport.Options{}); err == nil || !strings.Contains(err.Error(), "Dir or Store") {
		t.Errorf("New without a place for the root: %v", err)
	}
	tl := open(t, transport.Options{Store: memStore(t)})
	if leaf := leafFor(t, tl, "localhost"); leaf.VerifyHostname("localhost") != nil {
		t.Error("the default does not serve localhost")
	}
}

func TestNew_TrustedProxyWithCertificates_IsRefused(t *testing.T) {
	_, err := transport.New(transport.Options{EndedByTrustedProxy: true, Local: &transport.Local{Dir: t.TempDir()}})
	if err == nil || !strings.Contains(err.Error(), "EndedByTrustedProxy") {
		t.Errorf("New: %v", err)
	}
	tl := open(t, transport.Options{EndedByTrustedProxy: true, Hosts: []string{"shop.example.com"}})
	if tl.Config() != nil {
		t.Error("a configuration was given where a proxy ends TLS")
	}
	if d := tl.Describe(); len(d) != 1 || !strings.Contains(d[0], "trusted proxy") {
		t.Errorf("Describe: %q", d)
	}
}

func TestNew_BadHost_IsNamed(t *testing.T) {
	for _, h := range []string{"", "https://x.example", "x.example:443", "a b", "x/y", "-"} {
		if _, err := transport.New(transport.Options{Local: &transport.Local{Dir: t.TempDir()}, Hosts: []string{h}}); err == nil || !strings.Contains(err.Error(), "Hosts") {
			t.Errorf("host %q: %v", h, err)
		}
	}
}

func TestCertificate_BySNI_FilesThenLocalThenDefault(t *testing.T) {
	ca, dir := certs.New(t), t.TempDir()
	write := func(name string, w certs.Want) transport.Files {
		c, k := ca.Issue(t, w).Write(t, dir, name)
		return transport.Files{Certificate: c, Key: k}
	}
	tl := open(t, transport.Options{
		Local: &transport.Local{Dir: t.TempDir()},
		Files: []transport.Files{
			write("shop", certs.Want{Names: []string{"shop.example.com", "*.shop.example.com"}}),
			write("blog", certs.Want{Names: []string{"blog.example.com"}, RSA: true}),
			write("address", certs.Want{Names: []string{"127.0.0.1"}}),
		},
	})
	for _, c := range []struct{ ask, want string }{
		{"shop.example.com", "shop.example.com"},
		{"SHOP.example.COM", "shop.example.com"},
		{"de.shop.example.com", "shop.example.com"},
		{"a.b.shop.example.com", "shop.example.com"}, // no match: the default, the first file
		{"blog.example.com", "blog.example.com"},
		{"localhost", "localhost"},
		{"a.localhost", "a.localhost"},
		{"other.example.net", "shop.example.com"},
	} {
		if leaf := leafFor(t, tl, c.ask); !slices.Contains(leaf.DNSNames, c.want) {
			t.Errorf("asking for %s gave %v, want %s", c.ask, leaf.DNSNames, c.want)
		}
	}
	if leaf := leafFor(t, tl, ""); len(leaf.IPAddresses) != 1 {
		t.Errorf("asking for no name at 127.0.0.1 gave %v", leaf.DNSNames)
	}
}

func TestCertificate_TwoKeysForOneName_ClientGetsWhatItSpeaks(t *testing.T) {
	ca, dir := certs.New(t), t.TempDir()
	ec, ecKey := ca.Issue(t, certs.Want{Names: []string{"x.example"}}).Write(t, dir, "ec")
	rs, rsKey := ca.Issue(t, certs.Want{Names: []string{"x.example"}, RSA: true}).Write(t, dir, "rsa")
	tl := open(t, transport.Options{Files: []transport.Files{{Certificate: ec, Key: ecKey}, {Certificate: rs, Key: rsKey}}})
	for suite, want := range map[uint16]x509.PublicKeyAlgorithm{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: x509.ECDSA,
		tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256:   x509.RSA,
	} {
		state, err := handshake(t, tl.Config(), &tls.Config{ServerName: "x.example", RootCAs: ca.Pool(), MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite}})
		if err != nil || state.PeerCertificates[0].PublicKeyAlgorithm != want {
			t.Errorf("suite %s: %v", tls.CipherSuiteName(suite), err)
		}
	}
}

func TestLocal_LeafEnds_RenewedByItself(t *testing.T) {
	now := time.Now()
	tl := open(t, transport.Options{Local: &transport.Local{Dir: t.TempDir()}, Now: func() time.Time { return now }})
	first := leafFor(t, tl, "localhost")
	if life := first.NotAfter.Sub(first.NotBefore); life > 90*24*time.Hour {
		t.Errorf("lives %s", life)
	}
	now = now.Add(30 * 24 * time.Hour)
	if leafFor(t, tl, "localhost").SerialNumber.Cmp(first.SerialNumber) != 0 {
		t.Error("renewed after 30 days of 90")
	}
	now = now.Add(40 * 24 * time.Hour)
	if again := leafFor(t, tl, "localhost"); again.SerialNumber.Cmp(first.SerialNumber) == 0 || !again.NotAfter.After(first.NotAfter) {
		t.Error("not renewed after 70 days of 90")
	}
}

func TestDescribe_NamesModeIssuerAndEnd(t *testing.T) {
	ca, dir := certs.New(t), t.TempDir()
	c, k := ca.Issue(t, certs.Want{Names: []string{"shop.example.com"}}).Write(t, dir, "shop")
	tl := open(t, transport.Options{Files: []transport.Files{{Certificate: c, Key: k}}, Local: &transport.Local{Dir: t.TempDir()}})
	all := strings.Join(tl.Describe(), "\n")
	for _, want := range []string{"shop.example.com, issued by Test authority, until " + time.Now().UTC().Format("2006-"), "local authority: localhost", "trust install"} {
		if !strings.Contains(all, want) {
			t.Errorf("want %q in:\n%s", want, all)
		}
	}
}
