package attacks_test

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gatehousehq/gatehouse/examples/shop"
	"github.com/gatehousehq/gatehouse/examples/shop/attacks"
	"github.com/gatehousehq/gatehouse/internal/testkit/postgres"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open starts a shop on SQLite for a test, and gives it as a target.
func open(t *testing.T) *attacks.Target {
	t.Helper()
	return openWith(t, shop.Options{Path: filepath.Join(t.TempDir(), "shop.db")})
}

func openWith(t *testing.T, o shop.Options) *attacks.Target {
	t.Helper()
	s, err := shop.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := shop.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, ln) }()
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	base := &url.URL{Scheme: "http", Host: ln.Addr().String(), Path: "/"}
	return &attacks.Target{Base: base, Client: &http.Client{Transport: transport, Timeout: 20 * time.Second}}
}

func run(t *testing.T, c attacks.Case, target *attacks.Target) {
	t.Helper()
	result, err := c.Run(t.Context(), target)
	if err != nil {
		t.Errorf("%s: %v", c.ID, err)
		return
	}
	if !result.Succeeded || result.Refused || result.RequestID != "" || result.Words == "" {
		t.Errorf("%s on the bare shop: %+v", c.ID, result)
	}
}

func TestAll_BareShop_EveryCaseSucceeds_AndInAnyOrderAtOnce(t *testing.T) {
	target := open(t)
	everyCaseSucceeds(t, target, shop.SQLite)
	anyOrderAtOnce(t, target, shop.SQLite)
}

func everyCaseSucceeds(t *testing.T, target *attacks.Target, engine shop.Engine) {
	for _, c := range attacks.All(engine) {
		t.Run(c.ID, func(t *testing.T) { run(t, c, target) })
	}
}

// TestAll_BareShopOnPostgreSQL_EveryCaseSucceeds: with the rights of the
// superuser, that is; the programs that are run leave a file in the cluster.
func TestAll_BareShopOnPostgreSQL_EveryCaseSucceeds(t *testing.T) {
	server := postgres.Start(t)
	c, err := shop.PostgresConnector(server.DSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(c)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(8) // PostgreSQL forks for each connection
	target := openWith(t, shop.Options{Engine: shop.PostgreSQL, DB: db})
	everyCaseSucceeds(t, target, shop.PostgreSQL)
	anyOrderAtOnce(t, target, shop.PostgreSQL)
	left, err := filepath.Glob(filepath.Join(filepath.Dir(server.Socket()), "data", "w*.txt"))
	if err != nil || len(left) != 2 {
		t.Errorf("the two programs left %v, %v", left, err)
	}
}

// anyOrderAtOnce tries all again, where all have been tried.
func anyOrderAtOnce(t *testing.T, target *attacks.Target, engine shop.Engine) {
	cases := attacks.All(engine)
	slices.Reverse(cases)
	began := time.Now()
	var all sync.WaitGroup
	for part := range slices.Chunk(cases, (len(cases)+2)/3) {
		all.Go(func() {
			for _, c := range part {
				run(t, c, target)
			}
		})
	}
	all.Wait()
	if took := time.Since(began); took > time.Minute {
		t.Errorf("the table took %v; a person waits for it", took)
	}
}

func TestAll_Table_IsWhole(t *testing.T) {
	seen, count := map[string]bool{}, map[attacks.Kind]int{}
	for _, c := range attacks.All(shop.PostgreSQL) {
		if seen[c.ID] || !regexp.MustCompile(`^[a-z0-9-]+$`).MatchString(c.ID) {
			t.Errorf("%q is no identifier, or occurs twice", c.ID)
		}
		seen[c.ID] = true
		count[c.Kind]++
		if c.Title == "" || c.Class == "" || c.Run == nil || !strings.Contains(c.Try, "{base}") {
			t.Errorf("%s lacks something: %+v", c.ID, c)
		}
		if (c.Kind == attacks.Attack) != (len(c.Stops) > 0) {
			t.Errorf("%s: stops %v", c.ID, c.Stops)
		}
		for _, rung := range c.Stops {
			if !regexp.MustCompile(`^(network|transport|application|identity|data|ratelimit)/[a-z]+$`).MatchString(rung) {
				t.Errorf("%s: %q is no rung", c.ID, rung)
			}
		}
	}
	if count[attacks.Attack] < 22 || count[attacks.Ordinary] < 25 {
		t.Errorf("%v", count)
	}
	first, second := attacks.All(shop.SQLite), attacks.All(shop.SQLite)
	for i := range first {
		if first[i].ID != second[i].ID {
			t.Errorf("the order changes at %d", i)
		}
	}
}

// gated puts a small gate in front of the shop, over TLS: refuse says which
// requests it refuses, and change may change the answers.
func gated(t *testing.T, refuse func(*http.Request) bool, change func(*http.Response) error) *attacks.Target {
	t.Helper()
	bare := open(t)
	proxy := &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(bare.Base) },
		Transport:      bare.Client.Transport,
		ModifyResponse: change,
	}
	var n atomic.Int64
	gate := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Gate-Request-Id", fmt.Sprintf("id-%d", n.Add(1)))
		if !refuse(r) {
			proxy.ServeHTTP(w, r)
			return
		}
		id := w.Header().Get("Gate-Request-Id")
		if strings.Contains(r.Header.Get("Accept"), "text/html") {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, "<h1>Refused</h1><p>Quote %s.", id)
			return
		}
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, `{"status":403,"request":%q}`, id)
	}))
	t.Cleanup(gate.Close)
	base, err := url.Parse(gate.URL)
	if err != nil {
		t.Fatal(err)
	}
	return &attacks.Target{Base: base, Client: gate.Client()}
}

func TestAll_BehindAGateAgainstCSRF_ForgeriesAreRefusedAndAllElseGoesOn(t *testing.T) {
	protection := http.NewCrossOriginProtection()
	target := gated(t, func(r *http.Request) bool { return protection.Check(r) != nil }, nil)
	for _, c := range attacks.All(shop.SQLite) {
		t.Run(c.ID, func(t *testing.T) {
			forged := c.Class == "CSRF" || c.ID == "cors-write"
			result, err := c.Run(t.Context(), target)
			if err != nil {
				t.Fatal(err)
			}
			if result.Succeeded == forged || result.Refused != forged || (result.RequestID != "") != forged || forged && result.Status != http.StatusForbidden {
				t.Errorf("%+v", result)
			}
		})
	}
}

func find(t *testing.T, id string) attacks.Case {
	t.Helper()
	for _, c := range attacks.All(shop.SQLite) {
		if c.ID == id {
			return c
		}
	}
	t.Fatalf("there is no case %s", id)
	return attacks.Case{}
}

func TestRun_GateRefusesEverything_OrdinaryUseIsRefusedAndAttackCannotBePrepared(t *testing.T) {
	target := gated(t, func(*http.Request) bool { return true }, nil)
	for _, c := range attacks.All(shop.SQLite) {
		result, err := c.Run(t.Context(), target)
		if c.Kind == attacks.Ordinary && (err != nil || !result.Refused || result.Succeeded || result.RequestID == "") {
			t.Errorf("%s: %+v, %v", c.ID, result, err)
		}
		if c.Kind == attacks.Attack && (result.Succeeded || err == nil && !result.Refused) {
			t.Errorf("%s: %+v, %v", c.ID, result, err)
		}
	}
	if _, err := find(t, "idor-order").Run(t.Context(), target); err == nil || !strings.Contains(err.Error(), "preparing") {
		t.Errorf("signing up was refused, and the attack says: %v", err)
	}
}

func TestRun_NotFoundOfTheShop_IsNoRefusal(t *testing.T) {
	target := gated(t, func(*http.Request) bool { return false }, nil)
	result, err := find(t, "not-found").Run(t.Context(), target)
	if err != nil || !result.Succeeded || result.Refused {
		t.Errorf("%+v, %v", result, err)
	}
}

// TestRun_HarmlessAnswer_IsNoSuccess: what a gate may do to an answer without
// refusing it, and the attacks that have to fail for it.
func TestRun_HarmlessAnswer_IsNoSuccess(t *testing.T) {
	set := func(name, value string) func(*http.Response) error {
		return func(r *http.Response) error { r.Header.Set(name, value); return nil }
	}
	for name, c := range map[string]struct {
		change func(*http.Response) error
		ids    []string
	}{
		"no inline scripts": {set("Content-Security-Policy", "default-src 'self'"), []string{"xss-stored", "xss-stored-handler", "xss-reflected", "xss-reflected-attribute", "upload-html", "upload-svg"}},
		"sandboxed":         {set("Content-Security-Policy", "frame-ancestors 'self', sandbox"), []string{"xss-stored", "framing"}},
		"for saving":        {set("Content-Disposition", "attachment"), []string{"upload-html", "upload-svg"}},
		"no frames":         {set("X-Frame-Options", "SAMEORIGIN"), []string{"framing"}},
		"not shared":        {set("Access-Control-Allow-Origin", ""), []string{"cors-read", "cors-null", "cors-write"}},
		"strict cookies": {func(r *http.Response) error {
			for i, c := range r.Header["Set-Cookie"] {
				r.Header["Set-Cookie"][i] = c + "; Secure; HttpOnly; SameSite=Lax"
			}
			return nil
		}, []string{"cookie-readable", "csrf-form", "csrf-null-origin", "csrf-json", "csrf-upload", "cors-read"}},
		"escaped": {func(r *http.Response) error {
			body, err := io.ReadAll(r.Body)
			r.Body = io.NopCloser(strings.NewReader(regexp.MustCompile(`<(script>|img src=x|svg onload)`).ReplaceAllString(string(body), "&lt;$1")))
			r.ContentLength = -1
			r.Header.Del("Content-Length")
			return err
		}, []string{"xss-stored", "xss-stored-handler", "xss-reflected", "xss-reflected-attribute"}},
		"staying here": {func(r *http.Response) error {
			if strings.Contains(r.Header.Get("Location"), "evil") {
				r.Header.Set("Location", "/")
			}
			return nil
		}, []string{"open-redirect", "open-redirect-slashes"}},
	} {
		t.Run(name, func(t *testing.T) {
			target := gated(t, func(*http.Request) bool { return false }, c.change)
			for _, id := range c.ids {
				result, err := find(t, id).Run(t.Context(), target)
				if err != nil || result.Succeeded || result.Refused || result.Words == "" {
					t.Errorf("%s: %+v, %v", id, result, err)
				}
			}
		})
	}
}

func TestRun_PolicyThatOnlyReports_DoesNotStopAScript(t *testing.T) {
	target := gated(t, func(*http.Request) bool { return false }, func(r *http.Response) error {
		r.Header.Set("Content-Security-Policy-Report-Only", "default-src 'self'")
		r.Header.Set("Content-Security-Policy", "object-src 'none'; base-uri 'self'")
		return nil
	})
	run(t, find(t, "xss-reflected"), target)
}

func TestRun_NoTarget_IsAnError(t *testing.T) {
	c := find(t, "home")
	for _, target := range []*attacks.Target{nil, {}, {Base: &url.URL{}}} {
		if _, err := c.Run(t.Context(), target); err == nil || !strings.Contains(err.Error(), "Target.Base") {
			t.Errorf("%+v: %v", target, err)
		}
	}
}

func TestRun_ShopThatIsDown_IsAnError(t *testing.T) {
	ln, err := shop.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	base := &url.URL{Scheme: "http", Host: ln.Addr().String()}
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range attacks.All(shop.SQLite) {
		if result, err := c.Run(t.Context(), &attacks.Target{Base: base}); err == nil || result.Succeeded {
			t.Errorf("%s: %+v, %v", c.ID, result, err)
		}
	}
}
