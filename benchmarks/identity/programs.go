package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/gatehousehq/gatehouse/benchmarks/measure"
)

const (
	peerModule  = "github.com/oauth2-proxy/oauth2-proxy/v7"
	peerVersion = "v7.8.1"
	// openPath needs no token, everything else does.
	openPath = "/open"
	// connections are kept alive.
	connections = 16
)

// A program is a proxy that verifies tokens, as a process.
type program struct {
	name    string
	process *measure.Process
	// open and known are CPU a request, in microseconds by turn: without a token at
	// a path that needs none, and with one.
	open, known []float64
	missing     string
}

func (w *world) programs(dir string, o options) ([]*program, error) {
	backend := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		fmt.Fprint(rw, `{"orders":[]}`)
	}))
	defer backend.Close()
	all := []*program{{name: "hand-written: ReverseProxy with go-oidc"}, {name: "oauth2-proxy " + peerVersion}, {name: "Gatehouse, every rung"}}
	for i, start := range []func(addr, dir, upstream string, o options) (*measure.Process, error){w.startOwn, w.startPeer, w.startGate} {
		addr, err := measure.FreeAddress()
		if err != nil {
			return nil, err
		}
		if all[i].process, err = start(addr, dir, backend.URL, o); err != nil {
			if i == 1 { // the results say so
				all[i].missing = err.Error()
				continue
			}
			return nil, fmt.Errorf("%s: %w", all[i].name, err)
		}
		defer all[i].process.Stop()
	}
	for round := range o.rounds + 1 {
		for _, p := range all {
			if p.process == nil {
				continue
			}
			open, err := turn(p.process, openPath, "", o.turn)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.name, err)
			}
			known, err := turn(p.process, "/orders/1001", w.tokens["RS256"], o.turn)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.name, err)
			}
			if round > 0 { // the first warms up
				p.open, p.known = append(p.open, open), append(p.known, known)
			}
		}
	}
	return all, nil
}

// turn asks as often as it is answered, and gives the CPU time of a request.
func turn(p *measure.Process, path, token string, takes time.Duration) (float64, error) {
	tr := &http.Transport{MaxIdleConnsPerHost: connections}
	defer tr.CloseIdleConnections()
	c := &http.Client{Transport: tr, Timeout: 10 * time.Second}
	before, err := measure.CPUTime(p.PID())
	if err != nil {
		return 0, err
	}
	var answered atomic.Int64
	var failed atomic.Pointer[error]
	var workers sync.WaitGroup
	end := time.Now().Add(takes)
	for range connections {
		workers.Go(func() {
			for time.Now().Before(end) && failed.Load() == nil {
				if err := ask(c, "http://"+p.Addr+path, token); err != nil {
					failed.Store(&err)
					return
				}
				answered.Add(1)
			}
		})
	}
	workers.Wait()
	if err := failed.Load(); err != nil {
		return 0, *err
	}
	after, err := measure.CPUTime(p.PID())
	return float64(after-before) / 1e3 / float64(answered.Load()), err
}

func ask(c *http.Client, address, token string) error {
	r, err := http.NewRequest("GET", address, nil)
	if err != nil {
		return err
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	r.Header.Set("X-Forwarded-For", client.String())
	r.Header.Set("X-Forwarded-Proto", "https")
	res, err := c.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && (res.StatusCode != http.StatusOK || !strings.HasPrefix(string(text), `{"orders"`)) {
		err = fmt.Errorf("%s is answered %s: %.200s", address, res.Status, text)
	}
	return err
}

func (w *world) startOwn(addr, _, upstream string, _ options) (*measure.Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return measure.Launch(context.Background(), addr, self, "-serve", addr, "-upstream", upstream, "-issuer", w.issuer.URL)
}

// serve is the proxy that one writes by hand: the token is verified with each
// request, and the backend is told who it is.
func serve(o options) error {
	to, err := url.Parse(o.upstream)
	if err != nil {
		return err
	}
	provider, err := oidc.NewProvider(context.Background(), o.issuer)
	if err != nil {
		return err
	}
	verifier := provider.Verifier(&oidc.Config{ClientID: audience})
	buffers := &pool{}
	proxy := &httputil.ReverseProxy{Transport: &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}, BufferPool: buffers,
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	return http.ListenAndServe(o.serve, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		r.Header.Del("Gate-User")
		if r.URL.Path != openPath {
			raw, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			token, err := verifier.Verify(r.Context(), raw)
			if err != nil {
				http.Error(rw, "unauthorized", http.StatusUnauthorized)
				return
			}
			r.Header.Set("Gate-User", token.Subject)
		}
		proxy.ServeHTTP(rw, r)
	}))
}

// pool is a httputil.BufferPool.
type pool struct{ sync.Pool }

func (b *pool) Get() []byte {
	if have, ok := b.Pool.Get().(*[]byte); ok {
		return *have
	}
	return make([]byte, 32<<10)
}

func (b *pool) Put(used []byte) { b.Pool.Put(&used) }

// startPeer starts oauth2-proxy, which it builds where it can be had.
func (w *world) startPeer(addr, dir, upstream string, o options) (*measure.Process, error) {
	binary := o.peer
	if binary == "" {
		binary = filepath.Join(dir, "oauth2-proxy")
		cmd := exec.Command("go", "install", peerModule+"@"+peerVersion)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOBIN="+dir, "GOFLAGS=", "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("it can't be built: %w: %s", err, measure.Tail(string(out), 3))
		}
	}
	return measure.Launch(context.Background(), addr, binary, "--provider=oidc", "--oidc-issuer-url="+w.issuer.URL, "--client-id="+audience,
		"--client-secret=only-for-this-benchmark", "--cookie-secret="+strings.Repeat("0123456789abcdef", 2), "--email-domain=*", "--upstream="+upstream,
		"--http-address="+addr, "--skip-jwt-bearer-tokens=true", "--skip-auth-route=^"+openPath+"$", "--request-logging=false", "--auth-logging=false",
		"--standard-logging=false", "--redirect-url=http://"+addr+"/oauth2/callback", "--cookie-secure=false")
}

func (w *world) startGate(addr, dir, upstream string, _ options) (*measure.Process, error) {
	binary, file := filepath.Join(dir, "gatehouse"), filepath.Join(dir, "gatehouse.yaml")
	if err := measure.Build(binary, "..", "./cmd/gatehouse"); err != nil {
		return nil, err
	}
	text := fmt.Sprintf(`upstream: %s
network: {listen: [%q], trusted_proxies: [127.0.0.1]}
transport: {ended_by: trusted_proxy}
identity: {jwt: [{issuer: %q, file: %q, audience: [%s]}]}
application: {access: [{path: /orders/, signed_in: true}], ratelimit: {default: 10000/s}}
`, upstream, addr, w.issuer.URL, filepath.Join(dir, "jwks.json"), audience)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	return measure.Launch(context.Background(), addr, binary, "run", "--config", file, "--state", filepath.Join(dir, "state"))
}
