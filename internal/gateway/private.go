package gateway

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gatehousehq/gatehouse/secret"
)

// privateHandler answers health and metrics, for those who run the gate.
//
//	/healthz  200 while the process serves
//	/readyz   200 while the backend accepts connections and the gate is not draining
//	/metrics  Prometheus
func (g *Gate) privateHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if why := g.notReady(r.Context()); why != "" {
			http.Error(w, why, http.StatusServiceUnavailable)
			return
		}
		io.WriteString(w, "ok\n")
	})
	mux.Handle("GET /metrics", g.metrics.handler())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if token := g.current.Load().config.Network.Private.Token; token.Reveal() != "" && !bearer(r, token) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="gatehouse"`)
			http.Error(w, "this listener asks for the token of network.private.token", http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func bearer(r *http.Request, token secret.Text) bool {
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return ok && token.Equal(secret.Text(given))
}

// NotReady says why the gate should get no requests now: it drains, or the
// backend does not answer. Empty: it should.
func (g *Gate) NotReady(ctx context.Context) string { return g.notReady(ctx) }

// notReady says why the gate should get no requests now, or "".
func (g *Gate) notReady(ctx context.Context) string {
	if g.draining.Load() {
		return "draining"
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	network, address := g.current.Load().proxy.address()
	c, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return "the backend does not accept connections"
	}
	_ = c.Close() // it was opened to see that it can be
	return ""
}

// address is where the backend listens.
func (p *proxy) address() (network, address string) {
	u := p.upstream
	switch {
	case u.Scheme == "unix":
		return "unix", u.Path
	case u.Port() != "":
		return "tcp", u.Host
	case u.Scheme == "https":
		return "tcp", net.JoinHostPort(u.Hostname(), "443")
	}
	return "tcp", net.JoinHostPort(u.Hostname(), "80")
}
