package observatory

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/examples/shop"
	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/internal/gateway"
	"github.com/gatehousehq/gatehouse/internal/testkit"
	"github.com/gatehousehq/gatehouse/internal/testkit/certs"
)

const host = "shop.example.com"

// A capture is what the Observatory would retrieve of a site.
type capture struct {
	Host      string  `json:"host"`
	Page      answer  `json:"page"`
	Preflight answer  `json:"preflight"`
	Redirect  forward `json:"redirect"`
}

type answer struct {
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	Cookies []string          `json:"cookies"`
	Body    string            `json:"body"`
}

type forward struct {
	Status   int    `json:"status"`
	Location string `json:"location"`
}

// site runs a gate for a name in the DNS, forty days after it was first served: HSTS
// is then as long as it gets.
func site(t *testing.T, upstream, more string) (client *http.Client, plain string) {
	t.Helper()
	authority := certs.New(t)
	certFile, keyFile := authority.Issue(t, certs.Want{Names: []string{host}}).Write(t, t.TempDir(), "site")
	text := "site: https://" + host + "\nupstream: " + upstream + "\nnetwork: {listen: [\"127.0.0.1:0\"], redirect: \"127.0.0.1:" + testkit.FreePort(t) + "\"}\n" +
		"transport: {certificates: {files: [{certificate: " + certFile + ", key: " + keyFile + "}]}}\n" + more
	file := filepath.Join(t.TempDir(), "gatehouse.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(file, config.Options{Rungs: gateway.RungNames(), Strict: gateway.StrictRungs()})
	if err != nil {
		t.Fatal(err)
	}
	var later atomic.Int64
	g, err := gateway.New(gateway.Options{Config: c, Now: func() time.Time { return time.Now().Add(time.Duration(later.Load())) }})
	if err != nil {
		t.Fatal(err)
	}
	later.Store(int64(40 * 24 * time.Hour))
	ctx, stop := context.WithCancel(t.Context())
	addresses, ended := make(chan []string, 1), make(chan error, 1)
	go func() { ended <- g.Run(ctx, func(a []string) { addresses <- a }) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	var address string
	select {
	case a := <-addresses:
		address = "127.0.0.1" + a[0][strings.LastIndex(a[0], ":"):]
	case err := <-ended:
		t.Fatal(err)
	}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: authority.Pool(), MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return client, c.Network.Redirect
}

func ask(t *testing.T, client *http.Client, r *http.Request) answer {
	t.Helper()
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{Status: res.StatusCode, Headers: map[string]string{}, Cookies: res.Header.Values("Set-Cookie"), Body: string(body)}
	for name, values := range res.Header {
		a.Headers[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	return a
}

func request(t *testing.T, method, url string, headers ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	return r
}

// captured is what the Observatory retrieves, with a page of a path.
func captured(t *testing.T, client *http.Client, plain, path string) capture {
	t.Helper()
	const accept = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	c := capture{Host: host, Page: ask(t, client, request(t, "GET", "https://"+host+path, accept))}
	c.Preflight = ask(t, client, request(t, "OPTIONS", "https://"+host+"/", "Origin: https://http-observatory.security.mozilla.org", "Access-Control-Request-Method: GET"))
	r := request(t, "GET", "http://"+plain+"/", accept)
	r.Host = host
	res, err := (&http.Client{CheckRedirect: client.CheckRedirect, Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	c.Redirect = forward{res.StatusCode, res.Header.Get("Location")}
	return c
}

// analysers is where the Observatory's package is.
func analysers(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Skip("no cache folder: " + err.Error())
	}
	dir := filepath.Join(cache, "gatehouse", "observatory")
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "@mdn", "mdn-http-observatory")); err != nil {
		t.Skipf("the Observatory's analysers are not there: npm install --ignore-scripts --prefix %s @mdn/mdn-http-observatory@1.4.8", dir)
	}
	return dir
}

func score(t *testing.T, c capture) {
	t.Helper()
	dir := analysers(t)
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(testkit.Need(t, "node"), "testdata/score.mjs", dir)
	cmd.Stdin = bytes.NewReader(text)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	var got struct {
		Score   int
		Grade   string
		Results map[string][]any
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	t.Logf("%s, %d of 100: %s", got.Grade, got.Score, out)
	if got.Grade != "A+" {
		t.Errorf("%s: %v", got.Grade, got.Results)
	}
}

func TestObservatory_TheDemo_ScoresAPlus(t *testing.T) {
	s, err := shop.New(shop.Options{Path: filepath.Join(t.TempDir(), "shop.db"), Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	backend := httptest.NewServer(s)
	t.Cleanup(backend.Close)
	client, plain := site(t, backend.URL, "application: {headers: {csp: \"default-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'\"}}\n")
	score(t, captured(t, client, plain, "/"))
}

func TestObservatory_TheGatesOwnPage_ScoresAPlus(t *testing.T) {
	backend := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(backend.Close)
	client, plain := site(t, backend.URL, "")
	c := captured(t, client, plain, "/.git/config")
	if !strings.Contains(c.Page.Body, "<main>") {
		t.Fatalf("not a page of the gate's: %d %s", c.Page.Status, c.Page.Body)
	}
	score(t, c)
}

// TestHeaders_OfABackendsPage_AreTheStandards holds them to the table of
// docs/reference: what OWASP's list and the gate's own decisions make of it.
func TestHeaders_OfABackendsPage_AreTheStandards(t *testing.T) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Server", "Apache/2.4.57")
		w.Header().Set("X-Powered-By", "PHP/8.2")
		_, _ = io.WriteString(w, "<!DOCTYPE html><title>x</title>")
	}))
	t.Cleanup(backend.Close)
	client, _ := site(t, backend.URL, "")
	page := ask(t, client, request(t, "GET", "https://"+host+"/"))
	for name, want := range map[string]string{
		"strict-transport-security":         "max-age=63072000",
		"content-security-policy":           "object-src 'none'; base-uri 'self'; frame-ancestors 'self'",
		"x-frame-options":                   "SAMEORIGIN",
		"x-content-type-options":            "nosniff",
		"referrer-policy":                   "strict-origin-when-cross-origin",
		"cross-origin-opener-policy":        "same-origin-allow-popups",
		"cross-origin-resource-policy":      "same-site",
		"x-permitted-cross-domain-policies": "none",
		"reporting-endpoints":               `gate-csp="/_gate/csp-report"`,
		"permissions-policy":                "",
		"server":                            "",
		"x-powered-by":                      "",
		"x-xss-protection":                  "",
	} {
		if got := page.Headers[name]; got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if r := page.Headers["content-security-policy-report-only"]; !strings.Contains(r, "default-src 'self'") || !strings.Contains(r, "report-to gate-csp") {
		t.Errorf("report only: %q", r)
	}
}
