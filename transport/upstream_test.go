package transport_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/internal/testkit/certs"
	"github.com/gatehousehq/gatehouse/transport"
)

func TestUpstream_VerifiesTheBackend(t *testing.T) {
	ca, dir := certs.New(t), t.TempDir()
	caFile := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(caFile, ca.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	clientCert, clientKey := ca.Issue(t, certs.Want{Client: true}).Write(t, dir, "gate")
	stranger, strangerKey := certs.New(t).Issue(t, certs.Want{Client: true}).Write(t, dir, "stranger")
	yesterday := time.Now().Add(-24 * time.Hour)
	good := certs.Want{Names: []string{"backend.internal", "127.0.0.1"}}
	for _, c := range []struct {
		name   string
		server certs.Want
		auth   tls.ClientAuthType
		old    bool
		o      transport.UpstreamOptions
		fails  string
	}{
		{"CA given", good, 0, false, transport.UpstreamOptions{CAFile: caFile}, ""},
		{"CA not given", good, 0, false, transport.UpstreamOptions{}, "unknown authority"},
		{"server name given", good, 0, false, transport.UpstreamOptions{CAFile: caFile, ServerName: "backend.internal"}, ""},
		{"wrong name", certs.Want{Names: []string{"other.internal"}}, 0, false, transport.UpstreamOptions{CAFile: caFile}, "127.0.0.1"},
		{"expired", certs.Want{Names: good.Names, NotBefore: yesterday.Add(-time.Hour), NotAfter: yesterday}, 0, false, transport.UpstreamOptions{CAFile: caFile}, "expired"},
		{"self-signed", certs.Want{Names: good.Names, SelfSigned: true}, 0, false, transport.UpstreamOptions{CAFile: caFile}, "unknown authority"},
		{"for clients alone", certs.Want{Names: good.Names, Client: true}, 0, false, transport.UpstreamOptions{CAFile: caFile}, "incompatible key usage"},
		{"TLS 1.1", good, 0, true, transport.UpstreamOptions{CAFile: caFile}, "protocol version"},
		{"insecure with a reason", certs.Want{SelfSigned: true}, 0, false, transport.UpstreamOptions{Insecure: "appliance without a certificate of its own"}, ""},
		{"client certificate given", good, tls.RequireAndVerifyClientCert, false, transport.UpstreamOptions{CAFile: caFile, CertificateFile: clientCert, KeyFile: clientKey}, ""},
		{"client certificate missing", good, tls.RequireAndVerifyClientCert, false, transport.UpstreamOptions{CAFile: caFile}, "certificate required"},
		{"client certificate of a stranger", good, tls.RequireAndVerifyClientCert, false, transport.UpstreamOptions{CAFile: caFile, CertificateFile: stranger, KeyFile: strangerKey}, "unknown certificate authority"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := &tls.Config{Certificates: []tls.Certificate{ca.Issue(t, c.server).TLS(t)}, ClientAuth: c.auth, ClientCAs: ca.Pool()}
			if c.old {
				server.MinVersion, server.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
			}
			c.o.URL = "https://127.0.0.1:9"
			client, err := transport.Upstream(c.o)
			if err != nil {
				t.Fatal(err)
			}
			_, err = handshake(t, server, client)
			if (err == nil) != (c.fails == "") || err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Errorf("handshake: %v, want %q", err, c.fails)
			}
		})
	}
}

func TestUpstream_BadOptions_AreNamed(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		o    transport.UpstreamOptions
		want string
	}{
		{"no URL", transport.UpstreamOptions{}, "upstream URL"},
		{"half a client certificate", transport.UpstreamOptions{URL: "https://b", CertificateFile: "x"}, "both"},
		{"insecure without a reason", transport.UpstreamOptions{URL: "https://b", Insecure: " "}, "reason"},
		{"insecure with CA", transport.UpstreamOptions{URL: "https://b", Insecure: "x", CAFile: "x"}, "pointless"},
		{"CA for plain HTTP", transport.UpstreamOptions{URL: "http://b", CAFile: "x"}, "not https"},
		{"CA missing", transport.UpstreamOptions{URL: "https://b", CAFile: filepath.Join(dir, "none")}, "none"},
		{"CA empty", transport.UpstreamOptions{URL: "https://b", CAFile: empty}, "holds no certificate"},
		{"client certificate missing", transport.UpstreamOptions{URL: "https://b", CertificateFile: filepath.Join(dir, "none"), KeyFile: "x"}, "upstream client certificate"},
	} {
		if _, err := transport.Upstream(c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestUpstream_PlainHTTP_IsNoConfiguration(t *testing.T) {
	if c, err := transport.Upstream(transport.UpstreamOptions{URL: "http://127.0.0.1:3000"}); c != nil || err != nil {
		t.Errorf("%v, %v", c, err)
	}
}

func TestUpstream_UsedByATransport_SpeaksHTTP2(t *testing.T) {
	ca, dir := certs.New(t), t.TempDir()
	caFile := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(caFile, ca.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{ca.Issue(t, certs.Want{Names: []string{"127.0.0.1"}}).TLS(t)}}
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	config, err := transport.Upstream(transport.UpstreamOptions{URL: server.URL, CAFile: caFile})
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
	defer tr.CloseIdleConnections()
	res, err := (&http.Client{Transport: tr}).Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.ProtoMajor != 2 {
		t.Errorf("spoke %s", res.Proto)
	}
}
