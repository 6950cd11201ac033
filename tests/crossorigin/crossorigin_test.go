package crossorigin

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/gatehousehq/gatehouse/internal/testkit"
	"github.com/gatehousehq/gatehouse/internal/testkit/browser"
	"github.com/gatehousehq/gatehouse/internal/testkit/certs"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

// A backend whose own CORS is as careless as it gets, with a cookie that every site's
// requests carry: what is left to stop them is under test.
type careless struct {
	acted atomic.Int32
	guest atomic.Int32 // acted without the cookie
}

func (b *careless) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/signin":
		w.Header().Set("Set-Cookie", "session=secret; Path=/; SameSite=None; Secure")
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<!DOCTYPE html><title>in</title>")
		return
	case "/public/rates":
		fmt.Fprint(w, "rates")
		return
	}
	if r.URL.Path == "/api/loose" || r.URL.Path == "/api/null" { // no rule: the backend's own answer
		w.Header().Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
		w.Header().Set("Access-Control-Allow-Credentials", "true")
		w.Header().Set("Access-Control-Allow-Headers", "content-type")
		w.Header().Set("Access-Control-Allow-Methods", "GET, POST, PUT")
	}
	_, err := r.Cookie("session")
	if r.Method == http.MethodPost || r.Method == http.MethodPut {
		if err == nil {
			b.acted.Add(1)
		} else {
			b.guest.Add(1)
		}
	}
	if r.Method == http.MethodOptions {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err == nil {
		fmt.Fprint(w, `{"name":"visitor"}`)
	} else {
		fmt.Fprint(w, `{"name":"guest"}`)
	}
}

// page is what every origin serves: run(kind, address) tries one thing and says what
// came of it; from a sandboxed frame, whose origin is null, with sandboxed.
const page = `<!DOCTYPE html><title>origin</title><script>
const source = ` + "`" + `
async function attempt(kind, address) {
  const o = {credentials: 'include'};
  if (kind === 'post') { o.method = 'POST'; o.mode = 'no-cors'; o.body = new URLSearchParams({a: 'b'}); }
  if (kind === 'json') { o.method = 'PUT'; o.headers = {'Content-Type': 'application/json'}; o.body = '{}'; }
  if (kind === 'anonymous') { o.credentials = 'omit'; }
  try { const r = await fetch(address, o); return r.type === 'opaque' ? 'opaque' : r.status + ' ' + await r.text(); }
  catch (e) { return 'blocked'; }
}` + "`" + `;
eval(source + '; window.attempt = attempt;');
async function sandboxed(kind, address) {
  const f = document.createElement('iframe');
  f.sandbox = 'allow-scripts';
  const said = new Promise((done) => addEventListener('message', (e) => done(e.data), {once: true}));
  f.srcdoc = '<script>' + source + '; attempt(' + JSON.stringify(kind) + ',' + JSON.stringify(address) + ').then((x) => parent.postMessage(x, "*"));<' + '/script>';
  document.body.appendChild(f);
  const out = await said;
  f.remove();
  return out;
}
</script><body></body>`

func served() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, page)
	})
}

// secure serves the page over TLS on localhost: another origin of the same site.
func secure(t *testing.T, authority *certs.Authority) (origin, spki string) {
	t.Helper()
	pair := authority.Issue(t, certs.Want{Names: []string{"localhost"}})
	s := httptest.NewUnstartedServer(served())
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair.TLS(t)}, MinVersion: tls.VersionTLS12}
	s.StartTLS()
	t.Cleanup(s.Close)
	sum := sha256.Sum256(pair.Cert.RawSubjectPublicKeyInfo)
	return "https://localhost" + s.URL[strings.LastIndex(s.URL, ":"):], base64.StdEncoding.EncodeToString(sum[:])
}

func TestOrigins_ReadAndDoWhatTheTableSays(t *testing.T) {
	b := &careless{}
	backend := httptest.NewServer(b)
	t.Cleanup(backend.Close)
	foreign := httptest.NewServer(served())
	t.Cleanup(foreign.Close)
	authority := certs.New(t)
	allowed, allowedKey := secure(t, authority)
	sibling, siblingKey := secure(t, authority)
	file := filepath.Join(t.TempDir(), "gatehouse.yaml")
	config := "application:\n  cors:\n    - {path: /api/shared, origins: [\"" + allowed + "\"], credentials: true, methods: [GET, PUT]}\n    - {path: /public/, origins: [\"*\"], reason: public rates}\n"
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	g := testkit.StartGate(t, backend.URL, "--config", file)
	site := "https://localhost" + g.Address[strings.LastIndex(g.Address, ":"):]
	chromium := browser.Start(t, g.SPKI(t), allowedKey, siblingKey)
	chromium.Do(t, "signing in", chromedp.Navigate(site+"/signin"))

	const visitor, blocked, opaque, rates = `200 {"name":"visitor"}`, "blocked", "opaque", "200 rates"
	type attempt struct {
		origin, kind, path string
		null               bool
		said               string
		acts               bool
	}
	attempts := []attempt{
		// Reading where nobody said anything: the browser keeps every other origin out.
		{allowed, "get", "/api/plain", false, blocked, false},
		{foreign.URL, "get", "/api/plain", false, blocked, false},
		{foreign.URL, "get", "/api/plain", true, blocked, false},
		{sibling, "get", "/api/plain", false, blocked, false},
		// Reading where one origin may.
		{allowed, "get", "/api/shared", false, visitor, false},
		{foreign.URL, "get", "/api/shared", false, blocked, false},
		{foreign.URL, "get", "/api/shared", true, blocked, false},
		{sibling, "get", "/api/shared", false, blocked, false},
		// What everybody may read, without the visitor's cookies.
		{foreign.URL, "anonymous", "/public/rates", false, rates, false},
		{foreign.URL, "anonymous", "/public/rates", true, blocked, false}, // null never
		{foreign.URL, "get", "/public/rates", false, blocked, false},
		// A backend that answers the origin null with credentials is mended.
		{foreign.URL, "get", "/api/null", true, blocked, false},
		// Doing: a form's POST, which needs no preflight. The refusal itself is for
		// nobody else to load (Cross-Origin-Resource-Policy).
		{allowed, "post", "/api/plain", false, blocked, false},
		{foreign.URL, "post", "/api/plain", false, blocked, false},
		{foreign.URL, "post", "/api/plain", true, blocked, false},
		{sibling, "post", "/api/plain", false, blocked, false},
		{allowed, "post", "/api/shared", false, opaque, true},
		{foreign.URL, "post", "/api/shared", false, blocked, false},
		// Doing by JSON, which needs one.
		{allowed, "json", "/api/shared", false, visitor, true},
		{foreign.URL, "json", "/api/shared", false, blocked, false},
		{foreign.URL, "json", "/api/shared", true, blocked, false},
		{sibling, "json", "/api/shared", false, blocked, false},
		{foreign.URL, "json", "/api/loose", false, blocked, false},
		{sibling, "json", "/api/loose", false, blocked, false},
		{sibling, "json", "/api/plain", false, blocked, false},
	}
	// An origin's page is loaded once, and tries what it may one after another.
	slices.SortStableFunc(attempts, func(a, b attempt) int { return strings.Compare(a.origin, b.origin) })
	at := ""
	for _, c := range attempts {
		if c.origin != at {
			at = c.origin
			chromium.Do(t, "loading "+at, chromedp.Navigate(at+"/"), chromedp.WaitReady("body"))
		}
		before := b.acted.Load()
		call := "attempt"
		if c.null {
			call = "sandboxed"
		}
		var said string
		chromium.Do(t, c.kind+" "+c.path,
			chromedp.Evaluate(fmt.Sprintf("%s(%q, %q)", call, c.kind, site+c.path), &said, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
		who := map[string]string{allowed: "the allowed origin", foreign.URL: "a foreign origin", sibling: "a sibling origin"}[c.origin]
		if c.null {
			who = "a sandboxed frame (null)"
		}
		if acted := b.acted.Load() > before; !strings.HasPrefix(said, c.said) || acted != c.acts {
			t.Errorf("%s, %s %s: %q, acted %v; want %q, %v", who, c.kind, c.path, said, acted, c.said, c.acts)
		}
	}
}
