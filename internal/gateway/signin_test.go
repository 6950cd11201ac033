package gateway

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/gatehousehq/gatehouse"
)

// An office is a backend with accounts of its own: a form, a cookie that is new
// with each sign-in, and pages that it shows to whoever has one.
type office struct {
	mu       sync.Mutex
	sessions map[string]string
	seen     []http.Header
	tried    int
	// shared, where it is not empty, is everybody's password.
	shared string
}

var officePasswords = map[string]string{"ann": "correct horse", "bob": "battery staple"}

func (o *office) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seen = append(o.seen, r.Header.Clone())
	w.Header().Set("Content-Type", "text/html")
	switch {
	case r.URL.Path == "/login" && r.Method == http.MethodPost:
		name := r.FormValue("user") // empty where the form did not come whole
		if name != "" {
			o.tried++
		}
		if want := cmp.Or(o.shared, officePasswords[name]); want != r.FormValue("password") || name == "" {
			fmt.Fprint(w, `<p class="error">Wrong name or password.</p><form method="post"><input name="user"><input type="password" name="password"></form>`)
			return
		}
		sid := fmt.Sprintf("s%dk3v9x0q27bz5m1w8r4t6y2c7d5f0hg1j", len(o.sessions))
		o.sessions[sid] = name
		http.SetCookie(w, &http.Cookie{Name: "sid", Value: sid, Path: "/", HttpOnly: true})
		http.Redirect(w, r, "/home", http.StatusSeeOther)
	case r.URL.Path == "/logout":
		if c, err := r.Cookie("sid"); err == nil {
			delete(o.sessions, c.Value)
		}
		http.SetCookie(w, &http.Cookie{Name: "sid", MaxAge: -1, Path: "/"})
		http.Redirect(w, r, "/", http.StatusSeeOther)
	default:
		r.FormValue("_method") // frameworks read a form before they choose what answers
		c, err := r.Cookie("sid")
		if err != nil || o.sessions[c.Value] == "" {
			fmt.Fprint(w, "<p>hello, stranger")
			return
		}
		fmt.Fprintf(w, "<p>hello, %s", o.sessions[c.Value])
	}
}

func (o *office) last() http.Header {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.seen[len(o.seen)-1]
}

// A visitor is one person's browser.
type visitor struct {
	g       *testGate
	from    string
	cookies map[string]string
}

func (v *visitor) do(method, path, body string) answered {
	headers := []string{"X-Forwarded-For: " + v.from, "X-Forwarded-Proto: https"}
	var all []string
	for name, value := range v.cookies {
		all = append(all, name+"="+value)
	}
	if len(all) > 0 {
		headers = append(headers, "Cookie: "+strings.Join(all, "; "))
	}
	if body != "" {
		headers = append(headers, "Content-Type: application/x-www-form-urlencoded")
	}
	a := v.g.do(v.g.request(method, path, strings.NewReader(body), headers...))
	for _, c := range (&http.Response{Header: a.Header}).Cookies() {
		if c.MaxAge < 0 {
			delete(v.cookies, c.Name)
			continue
		}
		if v.cookies == nil {
			v.cookies = map[string]string{}
		}
		v.cookies[c.Name] = c.Value
	}
	return a
}

func (v *visitor) signIn(name, password string) answered {
	return v.do("POST", "/login", url.Values{"user": {name}, "password": {password}}.Encode())
}

func officeGate(t *testing.T, more string, changes ...change) (*testGate, *office) {
	o := &office{sessions: map[string]string{}}
	all := append([]change{written(t, "network: {trusted_proxies: [127.0.0.1]}\n"+more)}, changes...)
	g := newGate(t, o, all...)
	g.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return g, o
}

const officeAccess = `
application:
  access: [{path: /admin/, roles: [admin]}, {path: /home, signed_in: true}]
  closed: [/internal/]
identity:
  backend_session: {accounts: [{name: ann, roles: [admin]}]}
`

func TestIdentity_BackendsOwnSession_SaysWhoMayWhat(t *testing.T) {
	g, o := officeGate(t, officeAccess)
	ann, bob, nobody := &visitor{g: g, from: "198.51.100.1"}, &visitor{g: g, from: "198.51.100.2"}, &visitor{g: g, from: "198.51.100.3"}
	if a := ann.signIn("ann", "correct horse"); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("signing in: %s %s", a.Status, a.text)
	}
	bob.signIn("bob", "battery staple")
	for _, c := range []struct {
		who  *visitor
		path string
		want int
	}{
		{ann, "/admin/users", 200}, {bob, "/admin/users", 403}, {nobody, "/admin/users", 401}, {bob, "/ADMIN//users", 403}, {nobody, "/admin/..%2fadmin/users", 400},
		{ann, "/home", 200}, {bob, "/home", 200}, {nobody, "/home", 401}, {ann, "/internal/x", 403}, {nobody, "/", 200},
	} {
		if a := c.who.do("GET", c.path, ""); a.StatusCode != c.want {
			t.Errorf("%s from %s: %s, want %d", c.path, c.who.from, a.Status, c.want)
		}
	}
	if e := g.found(EventFilter{Name: "authn_login_success"}, "authn_login_success"); len(e) != 2 {
		t.Errorf("%d sign-ins are told, want 2: %v", len(e), e)
	}
	if e := g.found(EventFilter{Name: "authz_fail"}, "authz_fail"); len(e) == 0 || e[len(e)-1].Principal == "" && e[0].Principal == "" {
		t.Errorf("no refusal says who was refused: %v", e)
	}
	if cookie := o.last().Get("Cookie"); strings.Contains(cookie, "__Host-gate") {
		t.Errorf("the backend sees the gate's own cookie: %s", cookie)
	}
	if ann.cookies["__Host-gate-device"] == "" {
		t.Errorf("no device cookie: %v", ann.cookies)
	}
	for who, want := range map[*visitor]string{ann: "ann", bob: "bob", nobody: ""} {
		who.do("GET", "/", "")
		if got := o.last(); got.Get("Gate-User") != want || (got.Get("Gate-Identity") != "") != (want != "") {
			t.Errorf("the backend is told %q (%q), want %q", got.Get("Gate-User"), got.Get("Gate-Identity"), want)
		}
	}
	if a := nobody.do("GET", "/_gate/jwks", ""); a.StatusCode != http.StatusOK || !strings.Contains(a.text, `"ES256"`) {
		t.Errorf("the keys: %s %s", a.Status, a.text)
	}
	c, err := g.Admin().Coverage(t.Context())
	if err != nil || c.Rules != 3 || len(c.Routes) == 0 || c.Routes[0] != (UncoveredRoute{"GET /", 4, 2}) {
		t.Errorf("covered %+v, %v", c, err)
	}
	ann.do("POST", "/logout", "x=1")
	if a := ann.do("GET", "/admin/users", ""); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("after signing out: %s", a.Status)
	}
}

func TestIdentity_SessionsSurviveARestart(t *testing.T) {
	dir := stateFolder(t)
	g, o := officeGate(t, officeAccess, onDisk(dir))
	ann := &visitor{g: g, from: "198.51.100.1"}
	ann.signIn("ann", "correct horse")
	upstream := g.options.Config.Upstream
	g.end()
	again := gateTo(t, upstream, written(t, "network: {trusted_proxies: [127.0.0.1]}\n"+officeAccess), onDisk(dir))
	ann.g = again
	if a := ann.do("GET", "/admin/users", ""); a.StatusCode != http.StatusOK {
		t.Errorf("after a restart: %s (%d sessions at the backend)", a.Status, len(o.sessions))
	}
}

func TestThrottle_GuessingAtOneAccount_IsSlowedAndItsOwnerIsNot(t *testing.T) {
	g, o := officeGate(t, "application: {ratelimit: {sign_in: 1000/min}}")
	owner := &visitor{g: g, from: "198.51.100.1"}
	for range 5 { // a person who mistypes
		owner.signIn("ann", "corect horse")
	}
	if a := owner.signIn("ann", "correct horse"); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("after five mistakes: %s %s", a.Status, a.text)
	}
	before := o.tried
	refused := 0
	for i := range 200 {
		stranger := &visitor{g: g, from: fmt.Sprintf("203.0.113.%d", i)}
		a := stranger.signIn("ann", fmt.Sprint("guess", i))
		if a.StatusCode == http.StatusTooManyRequests {
			if refused++; refused == 1 {
				if a.Header.Get("Retry-After") == "" {
					t.Error("a refusal does not say when to come again")
				}
				if told := g.told(a.Header.Get(RequestIDHeader)); len(told) != 1 || told[0].Name != "authn_login_fail_max" {
					t.Errorf("told %v", told)
				}
			}
		}
	}
	if passed := o.tried - before; passed > 10 || refused < 190 {
		t.Errorf("%d guesses within seconds reached the backend, %d were refused", passed, refused)
	}
	if a := owner.signIn("ann", "correct horse"); a.StatusCode != http.StatusSeeOther {
		t.Errorf("the owner's device while others guess: %s", a.Status)
	}
	if a := (&visitor{g: g, from: "203.0.113.250"}).signIn("bob", "battery staple"); a.StatusCode != http.StatusSeeOther {
		t.Errorf("another account: %s", a.Status)
	}
}

func TestRateLimit_OneAddressTooOften_IsTold429AndOthersAreNot(t *testing.T) {
	g, _ := officeGate(t, "application: {ratelimit: {address: 20/min, routes: [{path: /export, rate: 2/min}]}}")
	one, other := &visitor{g: g, from: "198.51.100.1"}, &visitor{g: g, from: "198.51.100.2"}
	for i := range 20 {
		a := one.do("GET", "/page", "")
		if a.StatusCode != http.StatusOK || a.Header.Get("RateLimit") == "" || a.Header.Get("RateLimit-Policy") == "" {
			t.Fatalf("request %d: %s %v", i, a.Status, a.Header)
		}
	}
	a := one.do("GET", "/page", "")
	if a.StatusCode != http.StatusTooManyRequests || a.Header.Get("Retry-After") == "" {
		t.Errorf("one more: %s %v", a.Status, a.Header)
	}
	if told := g.told(a.Header.Get(RequestIDHeader)); len(told) != 1 || told[0].Name != "excess_rate_limit_exceeded" || told[0].Outcome != gatehouse.Refused {
		t.Errorf("told %v", told)
	}
	for i, want := range []int{200, 200, 429} {
		if a := other.do("GET", "/export", ""); a.StatusCode != want {
			t.Errorf("export %d: %s, want %d", i, a.Status, want)
		}
	}
	if a := other.do("GET", "/page", ""); a.StatusCode != http.StatusOK {
		t.Errorf("another address: %s", a.Status)
	}
}
