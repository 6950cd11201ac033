package gateway

import (
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"testing"

	"github.com/gatehousehq/gatehouse"
)

// A club is a backend at which people register, and are signed in at once. Where it
// is careful, it says the same to everybody and sends a message; visitors may have
// a session before they are anybody.
type club struct {
	mu       sync.Mutex
	accounts map[string]string
	sessions map[string]string
	drawn    int
	// careful: it does not tell names that are taken. visits: every visitor has a
	// session. token: the answer is JSON with a token.
	careful, visits, token bool
	user                   string // whom the gate named last
}

func (b *club) session(w http.ResponseWriter, name string) string {
	b.drawn++
	sid := fmt.Sprintf("k3v9x0q27bz5m1w8r4t6y2c7d5f0hg%08d", b.drawn)
	b.sessions[sid] = name
	if !b.token {
		http.SetCookie(w, &http.Cookie{Name: "sid", Value: sid, Path: "/", HttpOnly: true})
	}
	return sid
}

func (b *club) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.user = r.Header.Get("Gate-User")
	name, password := r.PostFormValue("email"), r.PostFormValue("password")
	_, taken := b.accounts[name]
	switch r.Method + " " + r.URL.Path {
	case "POST /register":
		switch {
		case b.careful:
			if !taken {
				b.accounts[name] = password
			}
			b.session(w, "")
			http.Redirect(w, r, "/welcome", http.StatusSeeOther)
		case taken:
			w.WriteHeader(http.StatusUnprocessableEntity)
			fmt.Fprint(w, "<p>This address is taken.")
		default:
			b.accounts[name] = password
			if sid := b.session(w, name); b.token {
				w.Header().Set("Content-Type", "application/json")
				fmt.Fprintf(w, `{"access_token":%q,"user":{"id":%d,"email":%q}}`, sid, b.drawn, name)
				return
			}
			http.Redirect(w, r, "/home", http.StatusSeeOther)
		}
	case "POST /login":
		if !taken || b.accounts[name] != password {
			w.WriteHeader(http.StatusUnprocessableEntity)
			return
		}
		b.session(w, name)
		http.Redirect(w, r, "/home", http.StatusSeeOther)
	default:
		if _, err := r.Cookie("sid"); err != nil && b.visits {
			b.session(w, "")
		}
		fmt.Fprint(w, "<p>hello")
	}
}

const clubAccess = `
application: {access: [{path: /home, signed_in: true}]}
identity: {backend_session: {accounts: [{name: boss@x, roles: [admin]}]}%s}
`

func clubGate(t *testing.T, b *club, more string) *testGate {
	b.accounts, b.sessions = map[string]string{"victim@x": "secret of the victim"}, map[string]string{}
	g := newGate(t, b, written(t, "network: {trusted_proxies: [127.0.0.1]}\n"+fmt.Sprintf(clubAccess, more)))
	g.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return g
}

func (v *visitor) post(path, email, password string) answered {
	return v.do("POST", path, url.Values{"email": {email}, "password": {password}}.Encode())
}

func TestIdentity_RegisteringSignsIn_SessionIsBound(t *testing.T) {
	b := &club{}
	g := clubGate(t, b, "")
	ann := &visitor{g: g, from: "198.51.100.1"}
	ann.do("GET", "/", "")
	if a := ann.post("/register", "Ann@x", "correct horse"); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("registering: %s %s", a.Status, a.text)
	}
	if a := ann.do("GET", "/home", ""); a.StatusCode != http.StatusOK || b.user != "ann@x" {
		t.Errorf("right after registering: %s as %q", a.Status, b.user)
	}
	if e := g.found(EventFilter{Name: "authn_login_success"}, "authn_login_success"); len(e) != 1 || e[0].Detail["account"] != "ann@x" {
		t.Errorf("told %v", e)
	}
	again := &visitor{g: g, from: "198.51.100.2"} // and by a sign-in, as anybody
	again.post("/login", "Ann@x", "correct horse")
	if a := again.do("GET", "/home", ""); a.StatusCode != http.StatusOK || b.user != "ann@x" {
		t.Errorf("after signing in elsewhere: %s as %q", a.Status, b.user)
	}
}

func TestIdentity_RegisteringGivesAToken_IsBound(t *testing.T) {
	b := &club{token: true}
	g := clubGate(t, b, "")
	a := g.do(g.request("POST", "/register", nil, "Content-Type: application/x-www-form-urlencoded"))
	if a.StatusCode >= 500 {
		t.Fatal(a.Status)
	}
	ann := &visitor{g: g, from: "198.51.100.1"}
	ann.post("/register", "ann@x", "correct horse")
	for sid, name := range b.sessions {
		if name != "ann@x" {
			continue
		}
		if a := g.do(g.request("GET", "/home", nil, "Authorization: Bearer "+sid)); a.StatusCode != http.StatusOK || b.user != "ann@x" {
			t.Errorf("by the token: %s as %q", a.Status, b.user)
		}
	}
}

// TestIdentity_RegisteringANameThatIsSomebodys_BindsNobody is the attack: a session
// that the gate takes for the victim's.
func TestIdentity_RegisteringANameThatIsSomebodys_BindsNobody(t *testing.T) {
	for _, c := range []struct {
		name   string
		club   *club
		victim string
		before func(g *testGate)
	}{
		{"told to be taken", &club{}, "victim@x", nil},
		{"configured, with a role", &club{}, "boss@x", nil},
		{"ignored, and visitors have sessions", &club{careful: true, visits: true}, "victim@x", func(g *testGate) {
			(&visitor{g: g, from: "198.51.100.8"}).do("GET", "/", "")
		}},
		{"ignored, and signed in to before", &club{careful: true}, "victim@x", func(g *testGate) {
			(&visitor{g: g, from: "198.51.100.8"}).post("/login", "victim@x", "secret of the victim")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := clubGate(t, c.club, "")
			if c.before != nil {
				c.before(g)
			}
			mallory := &visitor{g: g, from: "203.0.113.1"}
			mallory.post("/register", c.victim, "mallory's")
			if a := mallory.do("GET", "/home", ""); a.StatusCode != http.StatusUnauthorized || c.club.user == c.victim {
				t.Errorf("%s as %q", a.Status, c.club.user)
			}
		})
	}
}

// TestIdentity_VisitorsHaveSessions_RegisteringIsDeclared: the cookie of a visitor is
// no other than that of somebody, so a person has to say what the backend does.
func TestIdentity_VisitorsHaveSessions_RegisteringIsDeclared(t *testing.T) {
	const declared = `, sign_in: {routes: [{path: /register, kind: sign_up, account: email, signs_in: true, reason: it tells which addresses are taken}]}`
	for more, want := range map[string]int{"": http.StatusUnauthorized, declared: http.StatusOK} {
		b := &club{visits: true}
		g := clubGate(t, b, more)
		if l, err := g.Layers(t.Context()); err != nil || len(l.Bypasses) > 0 != (more != "") {
			t.Errorf("bypasses %v, %v", l.Bypasses, err)
		}
		ann := &visitor{g: g, from: "198.51.100.1"}
		ann.do("GET", "/", "")
		ann.post("/register", "ann@x", "correct horse")
		if a := ann.do("GET", "/home", ""); a.StatusCode != want {
			t.Errorf("declared %t: %s, want %d", more != "", a.Status, want)
		}
		mallory := &visitor{g: g, from: "203.0.113.1"}
		mallory.do("GET", "/", "")
		mallory.post("/register", "ann@x", "mallory's")
		if a := mallory.do("GET", "/home", ""); a.StatusCode != http.StatusUnauthorized {
			t.Errorf("declared %t: the second with the name: %s", more != "", a.Status)
		}
	}
}

// TestIdentity_SomebodyRegistersOthers_StaysWhoTheyAre, as an administrator does.
func TestIdentity_SomebodyRegistersOthers_StaysWhoTheyAre(t *testing.T) {
	b := &club{}
	g := clubGate(t, b, "")
	v := &visitor{g: g, from: "198.51.100.1"}
	v.post("/login", "victim@x", "secret of the victim")
	v.post("/register", "new@x", "correct horse")
	if a := v.do("GET", "/home", ""); a.StatusCode == http.StatusOK && b.user == "new@x" {
		t.Errorf("who registered another is taken for %q", b.user)
	}
	if e := g.found(EventFilter{Name: "authn_login_success"}, "authn_login_success"); len(e) != 1 || e[0].Outcome == gatehouse.Refused {
		t.Errorf("told %v", e)
	}
}
