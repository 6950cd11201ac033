package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehousehq/gatehouse/benchmarks/measure"
)

const (
	// connections are kept alive.
	connections = 8
	issuer      = "https://issuer.example"
)

// An ask is one kind of request, sent to one program, and what it cost by turn, in
// microseconds.
type ask struct {
	name, method, path string
	to                 *measure.Process
	// beside is the place of the one that it is compared with; itself: with none.
	beside int
	// least and most are what its answer may have in bytes.
	least, most int

	gate, backend []float64
}

const rules = `
application:
  ratelimit: {default: 10000/s, address: 10000/s}
  ownership:
    rules:
    - {path: "/field/{id}", owner: {field: user_id}}
    - {path: /list, methods: [GET], items: "orders[]", counts: [total], owner: {field: user_id}}
    - {path: "/ledger/{id}", owner: {ledger: true}, gives: [{path: /ledger, methods: [GET], field: ["[].id"]}]}
`

func programs(dir string, o options) (all []*ask, err error) {
	token, err := keys(dir)
	if err != nil {
		return nil, err
	}
	var running []*measure.Process
	defer func() {
		for _, p := range running {
			p.Stop()
		}
	}()
	launch := func(start func(addr string) (*measure.Process, error)) *measure.Process {
		if err != nil {
			return nil
		}
		var addr string
		if addr, err = measure.FreeAddress(); err != nil {
			return nil
		}
		var p *measure.Process
		if p, err = start(addr); err == nil {
			running = append(running, p)
		}
		return p
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	backend := launch(func(addr string) (*measure.Process, error) {
		return measure.Launch(context.Background(), addr, self, "-backend", addr)
	})
	proxy := launch(func(addr string) (*measure.Process, error) {
		return measure.Launch(context.Background(), addr, self, "-proxy", addr, "-upstream", "http://"+backend.Addr)
	})
	gate := launch(func(addr string) (*measure.Process, error) { return startGate(addr, dir, "http://"+backend.Addr) })
	if err != nil {
		return nil, err
	}
	all = asks(backend, proxy, gate)
	c := client{token: token, backend: backend}
	if err := c.warm(gate.Addr, all); err != nil {
		return nil, err
	}
	for range o.rounds {
		for _, a := range all {
			if err := c.turn(a, o.turn); err != nil {
				return nil, fmt.Errorf("%s: %w", a.name, err)
			}
		}
	}
	return all, nil
}

// asks are the kinds of requests, each after what it is compared with.
func asks(backend, proxy, gate *measure.Process) []*ask {
	const whole, most = 9 << 10, 16 << 10
	return []*ask{
		{"the backend alone", "GET", "/open/", backend, 0, whole, most, nil, nil},
		{"the backend alone, check by hand", "GET", "/hand/", backend, 0, whole, most, nil, nil},
		{"a plain Go proxy", "GET", "/open/", proxy, 2, whole, most, nil, nil},
		{"Gatehouse, no rule for the path", "GET", "/open/", gate, 3, whole, most, nil, nil},
		{"Gatehouse, no rule, check by hand in the backend", "GET", "/hand/", gate, 3, whole, most, nil, nil},
		{"Gatehouse, by a field of the answer", "GET", "/field/", gate, 3, whole, most, nil, nil},
		{"Gatehouse, by the ledger", "GET", "/ledger/", gate, 3, whole, most, nil, nil},
		{"Gatehouse, a list, no rule", "GET", "/openlist", gate, 7, whole, most, nil, nil},
		{"Gatehouse, a list of which a third is cut out", "GET", "/list", gate, 7, whole / 2, whole, nil, nil},
		{"Gatehouse, a change, no rule", "POST", "/open/", gate, 9, 1, 64, nil, nil},
		{"Gatehouse, a change, after a probe", "POST", "/field/", gate, 9, 1, 64, nil, nil},
	}
}

func startGate(addr, dir, upstream string) (*measure.Process, error) {
	binary, file := filepath.Join(dir, "gatehouse"), filepath.Join(dir, "gatehouse.yaml")
	if err := measure.Build(binary, "..", "./cmd/gatehouse"); err != nil {
		return nil, err
	}
	text := fmt.Sprintf(`upstream: %s
network: {listen: [%q], trusted_proxies: [127.0.0.1]}
transport: {ended_by: trusted_proxy}
modes: {application/ownership: enforce}
identity: {jwt: [{issuer: %q, file: %q, audience: [shop]}]}
%s`, upstream, addr, issuer, filepath.Join(dir, "jwks.json"), rules)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	return measure.Launch(context.Background(), addr, binary, "run", "--config", file, "--state", filepath.Join(dir, "state"))
}

// keys writes an issuer's keys, and gives a token of the user's.
func keys(dir string) (token string, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "1", Algorithm: "ES256", Use: "sig"}}})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "jwks.json"), set, 0o600); err != nil {
		return "", err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "1"}}, nil)
	if err != nil {
		return "", err
	}
	now := time.Now()
	signed, err := signer.Sign(marshal(map[string]any{"iss": issuer, "aud": "shop", "sub": strconv.Itoa(user), "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}))
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

type client struct {
	token   string
	backend *measure.Process
}

// warm has each kind of request made, and the ledger filled.
func (c *client) warm(gate string, all []*ask) error {
	h := &http.Client{Timeout: 10 * time.Second}
	defer h.CloseIdleConnections()
	if err := c.one(h, "GET", "http://"+gate+"/ledger", 1000, 1<<20); err != nil {
		return err
	}
	for _, a := range all {
		for n := range 2 * things {
			if err := c.one(h, a.method, a.address(n), a.least, a.most); err != nil {
				return fmt.Errorf("%s: %w", a.name, err)
			}
		}
	}
	return nil
}

func (a *ask) address(n int) string {
	address := "http://" + a.to.Addr + a.path
	if strings.HasSuffix(a.path, "/") {
		address += strconv.Itoa(n % things)
	}
	return address
}

// turn asks for a while, and notes the CPU time of a request in the program asked
// and in the backend.
func (c *client) turn(a *ask, takes time.Duration) error {
	h := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections, DisableCompression: true}, Timeout: 10 * time.Second}
	defer h.CloseIdleConnections()
	before, beforeBackend, err := c.used(a)
	if err != nil {
		return err
	}
	var answered atomic.Int64
	var failed atomic.Pointer[error]
	var workers sync.WaitGroup
	end := time.Now().Add(takes)
	for range connections {
		workers.Go(func() {
			for time.Now().Before(end) && failed.Load() == nil {
				if err := c.one(h, a.method, a.address(int(answered.Add(1))), a.least, a.most); err != nil {
					failed.Store(&err)
				}
			}
		})
	}
	workers.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	after, afterBackend, err := c.used(a)
	n := float64(answered.Load()) * 1e3
	a.gate, a.backend = append(a.gate, float64(after-before)/n), append(a.backend, float64(afterBackend-beforeBackend)/n)
	return err
}

// used is the CPU time of the program and of the backend; of the backend alone, as
// the backend.
func (c *client) used(a *ask) (program, backend time.Duration, err error) {
	if backend, err = measure.RunTime(c.backend.PID()); err != nil || a.to == c.backend {
		return 0, backend, err
	}
	program, err = measure.RunTime(a.to.PID())
	return program, backend, err
}

func (c *client) one(h *http.Client, method, address string, least, most int) error {
	var body io.Reader
	if method == http.MethodPost {
		body = bytes.NewReader([]byte(`{"status":"sent","street":"14 Heron Lane"}`))
	}
	r, err := http.NewRequest(method, address, body)
	if err != nil {
		return err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	r.Header.Set("X-Forwarded-For", "198.51.100.7")
	r.Header.Set("X-Forwarded-Proto", "https")
	res, err := h.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	n, err := io.Copy(io.Discard, res.Body)
	if err == nil && (res.StatusCode != http.StatusOK || int(n) < least || int(n) > most) {
		err = fmt.Errorf("%s is answered %s with %d bytes, want %d to %d", address, res.Status, n, least, most)
	}
	return err
}
