package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gatehousehq/gatehouse/benchmarks/measure"
)

// inputs are how many there are in flight, each of inputSize bytes.
const (
	inputs    = 64
	inputSize = 40
)

func input(i int) string {
	text := fmt.Sprintf("input %d of somebody, it's ordinary text; ", i)
	return strings.Repeat(text, 2)[:inputSize]
}

// site is what requests name; it is never looked up.
const site = "shop.example.com"

// gatehouseCommand leaves every rung as it is shipped. Requests come as from a
// proxy that has ended TLS: what that costs is not looked at here.
func gatehouseCommand(b *bench, dir string, p *proxy) (args []string, err error) {
	if p.web, err = measure.FreeAddress(); err != nil {
		return nil, err
	}
	secret := filepath.Join(dir, "password")
	if err := os.WriteFile(secret, []byte(password), 0o600); err != nil {
		return nil, err
	}
	config := fmt.Sprintf(`site: https://%s
upstream: http://%s
network:
  listen: ["%s"]
  trusted_proxies: [127.0.0.0/8]
transport:
  ended_by: trusted_proxy
data:
  sql:
    - name: bench
      engine: postgres
      listen: "%s"
      upstream: "postgres://%s/%s"
      upstream_user: %s
      clients: [{user: %s, password: "${file:%s}"}]
`, site, b.backend.addr, p.web, p.addr, b.server.Addr(), database, account, account, secret)
	file := filepath.Join(dir, "gatehouse.yaml")
	return []string{"run", "-c", file, "--state", filepath.Join(dir, "state")}, os.WriteFile(file, []byte(config), 0o600)
}

// A backend is one whose requests stay in flight until their client lets go.
type backend struct {
	addr    string
	server  *http.Server
	arrived chan struct{}
}

func newBackend() (*backend, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &backend{addr: ln.Addr().String(), arrived: make(chan struct{}, 1)}
	b.server = &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case b.arrived <- struct{}{}:
		default:
		}
		<-r.Context().Done()
	})}
	go b.server.Serve(ln)
	return b, nil
}

func (b *backend) close() { b.server.Close() }

// holdRequest sends a request whose query has the inputs, again where the gate
// has given up waiting for the answer, until end is called.
func holdRequest(p *proxy) (end func(), err error) {
	query := url.Values{}
	for i := range inputs {
		query.Set(fmt.Sprintf("field%d", i), input(i))
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			request, err := http.NewRequestWithContext(ctx, "GET", "http://"+p.web+"/report?"+query.Encode(), nil)
			if err != nil {
				return
			}
			request.Host = site
			request.Header.Set("X-Forwarded-For", "192.0.2.1")
			request.Header.Set("X-Forwarded-Proto", "https")
			if answer, err := http.DefaultClient.Do(request); err == nil {
				answer.Body.Close()
			}
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	end = func() {
		cancel()
		<-ended
	}
	select {
	case <-p.backend.arrived:
		return end, nil
	case <-time.After(10 * time.Second):
		end()
		return nil, fmt.Errorf("the request did not reach the backend")
	}
}
