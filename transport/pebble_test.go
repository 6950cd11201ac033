package transport_test

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"

	"github.com/gatehousehq/gatehouse/internal/testkit/certs"
	"github.com/gatehousehq/gatehouse/transport"
)

// pebble is Let's Encrypt's test authority in this process. Its resolver knows
// one address for every name, and its port 80 is port80's.
type pebble struct {
	directory, caFile string
	port80            *httptest.Server
	// handler is what listens on port 80.
	handler atomic.Pointer[http.Handler]
	// address is what every name resolves to; empty is none.
	address atomic.Pointer[string]
}

// life is how long its certificates are good for, in seconds. mac, where not
// empty, demands an external account "gate" with that key.
func startPebble(t *testing.T, life uint64, mac string) *pebble {
	t.Helper()
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	// Every order is validated, also where the last one was a moment ago.
	t.Setenv("PEBBLE_AUTHZREUSE", "0")
	p := &pebble{}
	p.port80 = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h := p.handler.Load(); h != nil {
			(*h).ServeHTTP(w, r)
			return
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(p.port80.Close)
	p.resolve("127.0.0.1")

	logger := log.New(io.Discard, "", 0)
	if testing.Verbose() {
		logger = log.New(os.Stderr, "pebble ", 0)
	}
	store := db.NewMemoryStore()
	if mac != "" {
		if err := store.AddExternalAccountKeyByID("gate", mac); err != nil {
			t.Fatal(err)
		}
	}
	authority := ca.New(logger, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {ValidityPeriod: life}})
	validation := va.New(logger, p.port80.Listener.Addr().(*net.TCPAddr).Port, 1, false, p.startDNS(t), store)
	front := wfe.New(logger, store, validation, authority, []string{"pebble.test"}, false, mac != "", 1, 1)

	own, dir := certs.New(t), t.TempDir()
	server := httptest.NewUnstartedServer(front.Handler())
	server.TLS = &tls.Config{Certificates: []tls.Certificate{own.Issue(t, certs.Want{Names: []string{"127.0.0.1"}}).TLS(t)}}
	server.Config.ErrorLog = logger
	server.StartTLS()
	t.Cleanup(server.Close)
	p.directory, p.caFile = server.URL+wfe.DirectoryPath, filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(p.caFile, own.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *pebble) resolve(address string) { p.address.Store(&address) }

// serve puts the gate's port 80 in place.
func (p *pebble) serve(t *testing.T, tl *transport.TLS) {
	t.Helper()
	h := redirector(t, tl, transport.RedirectOptions{})
	p.handler.Store(&h)
}

func (p *pebble) startDNS(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{Listener: ln, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		if a := *p.address.Load(); a != "" && q.Question[0].Qtype == dns.TypeA {
			m.Answer = append(m.Answer, &dns.A{
				Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 1},
				A:   net.ParseIP(a),
			})
		}
		w.WriteMsg(m)
	})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.ActivateAndServe()
	}()
	t.Cleanup(func() { server.Shutdown(); <-done })
	return ln.Addr().String()
}
