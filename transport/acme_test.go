package transport_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/store"
	"github.com/gatehousehq/gatehouse/transport"
)

const day = 24 * 60 * 60

func (p *pebble) options(t *testing.T, rec gatehouse.Recorder, hosts ...string) transport.Options {
	return transport.Options{
		ACME:     &transport.ACME{Email: "ops@shop.test", Directory: p.directory, CAFile: p.caFile},
		Hosts:    hosts,
		Store:    memStore(t),
		Recorder: rec,
	}
}

// issued waits for a certificate of the name and gives its serial number.
func issued(t *testing.T, tl *transport.TLS, name string) string {
	t.Helper()
	var serial string
	eventually(t, "a certificate for "+name, func() bool {
		state, err := handshake(t, tl.Config(), &tls.Config{ServerName: name, InsecureSkipVerify: true})
		if err != nil || state.PeerCertificates[0].VerifyHostname(name) != nil {
			return false
		}
		serial = state.PeerCertificates[0].SerialNumber.String()
		return true
	})
	return serial
}

func TestACME_Issues_AndKeepsAcrossARestart(t *testing.T) {
	p := startPebble(t, 90*day, "")
	var rec recorder
	o := p.options(t, &rec, "shop.test", "www.shop.test")
	tl := open(t, o)
	p.serve(t, tl)
	if _, err := handshake(t, tl.Config(), &tls.Config{ServerName: "shop.test", InsecureSkipVerify: true}); err == nil {
		t.Error("a handshake passed before there was a certificate")
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- tl.Run(ctx) }()
	first := issued(t, tl, "shop.test")
	issued(t, tl, "www.shop.test")
	if got := leafFor(t, tl, "unknown.test"); got.VerifyHostname("shop.test") != nil {
		t.Errorf("an unknown name got %v, want the first host's", got.DNSNames)
	}
	if !tl.MayHSTS("shop.test") || tl.MayHSTS("other.test") {
		t.Error("HSTS is not for exactly the names that have certificates")
	}
	if d := strings.Join(tl.Describe(), "\n"); !strings.Contains(d, "shop.test: shop.test, issued by Pebble") || !strings.Contains(d, "renewed by itself") {
		t.Errorf("Describe:\n%s", d)
	}
	eventually(t, "events", func() bool { return len(rec.with("was issued")) == 2 })
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}

	// A port 80 that is closed proves that nothing is asked for again.
	p.handler.Store(nil)
	again := open(t, o)
	if _, err := handshake(t, again.Config(), &tls.Config{ServerName: "shop.test", InsecureSkipVerify: true}); err != nil {
		t.Errorf("before Run, with a certificate in the store: %v", err)
	}
	run(t, again)
	if got := issued(t, again, "shop.test"); got != first {
		t.Error("another certificate after a restart")
	}
}

func TestACME_Unreachable_IsToldOnceAndInWords(t *testing.T) {
	for _, c := range []struct {
		name    string
		prepare func(p *pebble)
		want    string
	}{
		{"another program on port 80", func(p *pebble) {}, "is not this gate"},
		{"no address", func(p *pebble) { p.resolve("") }, "port 80 of that name must lead to this gate"},
		{"nothing listens", func(p *pebble) { p.port80.Close() }, "port 80 of that name must lead to this gate"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := startPebble(t, 90*day, "")
			c.prepare(p)
			var rec recorder
			tl := open(t, p.options(t, &rec, "shop.test"))
			run(t, tl)
			eventually(t, "an event", func() bool { return len(rec.with("no certificate for shop.test")) > 0 })
			e := rec.with("no certificate for shop.test")[0]
			if !strings.Contains(e.Words, c.want) || e.Level != gatehouse.Critical {
				t.Errorf("%s: %s", e.Level, e.Words)
			}
			if d := strings.Join(tl.Describe(), "\n"); !strings.Contains(d, "not issued yet") || !strings.Contains(d, c.want) {
				t.Errorf("Describe:\n%s", d)
			}
		})
	}
}

// ownName is a host that no other run of a test has: certmagic waits a minute
// after a failed renewal, by name and for the whole process.
func ownName() string { return strings.ToLower(rand.Text()) + ".test" }

func TestACME_RenewalFails_OldCertificateIsServedAndOneEventSaysWhy(t *testing.T) {
	p, name := startPebble(t, 9, ""), ownName()
	var rec recorder
	tl := open(t, p.options(t, &rec, name))
	tl.PollACME(200 * time.Millisecond)
	p.serve(t, tl)
	run(t, tl)
	issued(t, tl, name)
	// From here on another program answers on port 80.
	p.handler.Store(nil)
	eventually(t, "a failed renewal", func() bool { return len(rec.with("could not be renewed")) > 0 })
	e := rec.with("could not be renewed")[0]
	if e.Level != gatehouse.Warning || !strings.Contains(e.Words, "is not this gate") || !strings.Contains(e.Words, "old one is served until") {
		t.Errorf("%s: %s", e.Level, e.Words)
	}
	if got := leafFor(t, tl, name).NotAfter.UTC().Format(time.RFC3339); got != e.Detail["expires"] {
		t.Errorf("served until %s, the event says %s", got, e.Detail["expires"])
	}
	if d := strings.Join(tl.Describe(), "\n"); !strings.Contains(d, "the last attempt failed: whatever answers") {
		t.Errorf("Describe:\n%s", d)
	}
	time.Sleep(time.Second)
	if n := len(rec.with("could not be renewed")); n != 1 {
		t.Errorf("told %d times:\n%s", n, rec.all())
	}
}

func TestACME_NearItsEnd_IsRenewed(t *testing.T) {
	p, name := startPebble(t, 9, ""), ownName()
	var rec recorder
	tl := open(t, p.options(t, &rec, name))
	tl.PollACME(200 * time.Millisecond)
	p.serve(t, tl)
	run(t, tl)
	first := issued(t, tl, name)
	eventually(t, "another certificate", func() bool { return issued(t, tl, name) != first })
	eventually(t, "an event", func() bool { return len(rec.with("was renewed")) > 0 })
}

func TestACME_ExternalAccount(t *testing.T) {
	const key = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
	p := startPebble(t, 90*day, key)
	var rec recorder
	without := open(t, p.options(t, &rec, "shop.test"))
	run(t, without)
	eventually(t, "an event", func() bool { return len(rec.with("external account")) > 0 })

	var second recorder
	o := p.options(t, &second, "shop.test")
	o.ACME.EAB = &transport.EAB{KeyID: "gate", MACKey: key}
	with := open(t, o)
	p.serve(t, with)
	run(t, with)
	issued(t, with, "shop.test")
	if strings.Contains(second.all(), key) {
		t.Error("an event holds the account's key")
	}
}

func TestACME_BadOptions_AreNamed(t *testing.T) {
	s := memStore(t)
	for _, c := range []struct {
		name  string
		acme  transport.ACME
		hosts []string
		store store.Store
		want  string
	}{
		{"no store", transport.ACME{}, []string{"shop.example.com"}, nil, "Store"},
		{"no hosts", transport.ACME{}, nil, s, "Hosts"},
		{"wildcard", transport.ACME{}, []string{"*.example.com"}, s, "no wildcards"},
		{"address", transport.ACME{}, []string{"192.0.2.1"}, s, "is an address"},
		{"localhost", transport.ACME{}, []string{"localhost"}, s, "localhost"},
		{"private name", transport.ACME{}, []string{"box.internal"}, s, "box.internal"},
		{"plain HTTP", transport.ACME{Directory: "http://ca.example/dir"}, []string{"shop.example.com"}, s, "Directory"},
		{"no CA file", transport.ACME{CAFile: "/nonexistent"}, []string{"shop.example.com"}, s, "/nonexistent"},
		{"half an EAB", transport.ACME{EAB: &transport.EAB{KeyID: "x"}}, []string{"shop.example.com"}, s, "EAB"},
	} {
		_, err := transport.New(transport.Options{ACME: &c.acme, Hosts: c.hosts, Store: c.store})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// counting counts what is asked of the store.
type counting struct {
	store.Store
	gets chan string
}

func (c counting) Get(ctx context.Context, kind, key string) (store.Record, error) {
	c.gets <- key
	return c.Store.Get(ctx, kind, key)
}

func TestChallengeHandler_WhatIsNotAChallenge_GoesOnUntouched(t *testing.T) {
	gets := make(chan string, 1000)
	tl := open(t, transport.Options{ACME: &transport.ACME{}, Hosts: []string{"shop.example.com"}, Store: counting{memStore(t), gets}})
	for len(gets) > 0 {
		<-gets
	}
	h := tl.ChallengeHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "next") }))
	for _, c := range []struct{ host, path string }{
		{"shop.example.com", "/"},
		{"shop.example.com", "/.well-known/acme-challenge/token"}, // nothing runs yet
		{"other.example.com", "/.well-known/acme-challenge/token"},
		{"", "/.well-known/acme-challenge/../../etc/passwd"},
	} {
		r := httptest.NewRequest(http.MethodGet, "http://x/", nil)
		r.Host, r.URL.Path = c.host, c.path
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Body.String() != "next" {
			t.Errorf("%s%s: %d %s", c.host, c.path, w.Code, w.Body)
		}
	}
	if len(gets) > 0 {
		t.Errorf("the store was asked for %s", <-gets)
	}
}
