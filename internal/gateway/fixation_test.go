package gateway

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
)

// A keeper is a backend that signs people in by the session that they have, as PHP
// does where nobody says otherwise.
type keeper struct {
	mu       sync.Mutex
	sessions map[string]string
}

func (b *keeper) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c, err := r.Cookie("PHPSESSID")
	sid := ""
	if err == nil {
		sid = c.Value // any that a client brings is taken
	} else {
		sid = fmt.Sprintf("k3v9x0q27bz5m1w8r4%08d", len(b.sessions))
		http.SetCookie(w, &http.Cookie{Name: "PHPSESSID", Value: sid, Path: "/"})
	}
	if _, ok := b.sessions[sid]; !ok {
		b.sessions[sid] = ""
	}
	w.Header().Set("Content-Type", "text/html")
	switch {
	case r.URL.Path == "/logout":
		b.sessions[sid] = ""
		http.SetCookie(w, &http.Cookie{Name: "PHPSESSID", MaxAge: -1, Path: "/"})
		http.Redirect(w, r, "/", http.StatusSeeOther)
	case r.Method == http.MethodPost && r.URL.Path == "/login":
		name := r.FormValue("user")
		if officePasswords[name] == "" || officePasswords[name] != r.FormValue("password") {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `<p class="error">Wrong name or password.</p><form method="post"><input name="user"><input type="password" name="password"></form>`)
			return
		}
		b.sessions[sid] = name
		http.Redirect(w, r, "/home", http.StatusSeeOther)
	case r.URL.Path == "/login":
		fmt.Fprint(w, `<form method="post"><input name="user"><input type="password" name="password"></form>`)
	default:
		fmt.Fprintf(w, "<p>hello, %s", b.sessions[sid])
	}
}

// keeperGate is one before a keeper, whose session's cookie it has come to know.
func keeperGate(t *testing.T, more string, changes ...change) *testGate {
	t.Helper()
	b := &keeper{sessions: map[string]string{}}
	g := newGate(t, b, append([]change{written(t, "network: {trusted_proxies: [127.0.0.1]}\n"+more)}, changes...)...)
	known(t, g)
	return g
}

func known(t *testing.T, g *testGate) {
	t.Helper()
	for i := range 4 {
		v := &visitor{g: g, from: fmt.Sprintf("198.51.100.%d", 100+i)}
		v.do("GET", "/", "")
		if a := v.signIn("bob", "battery staple"); a.StatusCode != http.StatusSeeOther {
			t.Fatalf("signing in: %s %s", a.Status, a.text)
		}
	}
}

// planted is ann, signed in by a cookie that mallory had before.
func planted(t *testing.T, g *testGate) (ann, mallory *visitor) {
	t.Helper()
	mallory = &visitor{g: g, from: "203.0.113.9"}
	mallory.do("GET", "/", "")
	ann = &visitor{g: g, from: "198.51.100.1", cookies: map[string]string{"PHPSESSID": mallory.cookies["PHPSESSID"]}}
	if a := ann.signIn("ann", "correct horse"); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("signing in: %s %s", a.Status, a.text)
	}
	return ann, mallory
}

func (v *visitor) expect(t *testing.T, status int, text string) answered {
	t.Helper()
	a := v.do("GET", "/account", "")
	if a.StatusCode != status || !strings.Contains(a.text, text) {
		t.Errorf("from %s: %s %s, want %d and %q", v.from, a.Status, a.text, status, text)
	}
	return a
}

func TestFixation_PlantedSession_OpensNothingAndItsOwnerGoesOn(t *testing.T) {
	var later atomic.Int64
	g := keeperGate(t, "", func(o *Options) { o.Now = func() time.Time { return time.Now().Add(time.Duration(later.Load())) } })
	ann, mallory := planted(t, g)
	value := mallory.cookies["PHPSESSID"]
	a := mallory.expect(t, http.StatusUnauthorized, "")
	if told := g.told(a.Header.Get(RequestIDHeader)); len(told) != 1 || told[0].Name != "gate_session_fixation" || told[0].Outcome != gatehouse.Refused || told[0].Rung != "identity/source" || told[0].Principal != "" {
		t.Errorf("told %+v", told)
	}
	if mallory.cookies["PHPSESSID"] != "" {
		t.Error("who is refused keeps the cookie that is refused")
	}
	mallory.expect(t, http.StatusOK, "hello, ")
	mallory.cookies["PHPSESSID"] = `"` + value + `"`
	mallory.expect(t, http.StatusUnauthorized, "")

	ann.expect(t, http.StatusOK, "hello, ann")
	ann.from = "192.0.2.77" // from the train
	ann.expect(t, http.StatusOK, "hello, ann")
	tab := &visitor{g: g, from: ann.from, cookies: ann.cookies}
	tab.expect(t, http.StatusOK, "hello, ann")
	neighbour := &visitor{g: g, from: "198.51.100.1", cookies: map[string]string{"PHPSESSID": value}}
	later.Store(int64(time.Minute)) // nothing is under way any more
	neighbour.expect(t, http.StatusUnauthorized, "")

	// Another device of hers, and one that lost the gate's cookie, sign in anew.
	phone := &visitor{g: g, from: "192.0.2.78"}
	phone.do("GET", "/login", "")
	phone.signIn("ann", "correct horse")
	phone.expect(t, http.StatusOK, "hello, ann")
	lost := &visitor{g: g, from: "192.0.2.79", cookies: map[string]string{"PHPSESSID": value}}
	if a := lost.do("GET", "/login", ""); a.StatusCode != http.StatusOK || lost.cookies["PHPSESSID"] == value {
		t.Errorf("the sign-in's page: %s, with cookie %q", a.Status, lost.cookies["PHPSESSID"])
	}
	if a := lost.signIn("ann", "correct horse"); a.StatusCode != http.StatusSeeOther {
		t.Errorf("signing in anew: %s", a.Status)
	}
	lost.expect(t, http.StatusOK, "hello, ann")
	ann.expect(t, http.StatusOK, "hello, ann")
}

func TestFixation_ARestart_KeepsWhoseItIs(t *testing.T) {
	dir := stateFolder(t)
	g := keeperGate(t, "", onDisk(dir))
	ann, mallory := planted(t, g)
	ann.expect(t, http.StatusOK, "hello, ann")
	upstream := g.options.Config.Upstream
	g.end()
	again := gateTo(t, upstream, written(t, "network: {trusted_proxies: [127.0.0.1]}\n"), onDisk(dir))
	ann.g, mallory.g = again, again
	mallory.expect(t, http.StatusUnauthorized, "")
	ann.from = "192.0.2.77"
	ann.expect(t, http.StatusOK, "hello, ann")
}

func TestFixation_WhereItOnlyWatches_ItIsToldAndPasses(t *testing.T) {
	g := keeperGate(t, "modes: {identity/source/session-fixation: observe}")
	ann, mallory := planted(t, g)
	ann.expect(t, http.StatusOK, "hello, ann")
	a := mallory.expect(t, http.StatusOK, "hello, ann")
	if told := g.told(a.Header.Get(RequestIDHeader)); len(told) != 1 || told[0].Outcome != gatehouse.Observed {
		t.Errorf("told %+v", told)
	}
	if a := mallory.do("GET", "/login", ""); a.StatusCode != http.StatusOK || mallory.cookies["PHPSESSID"] != ann.cookies["PHPSESSID"] {
		t.Errorf("what is watched was changed: %s %v", a.Status, mallory.cookies)
	}
}

func TestFixation_OverPlainHTTP_IsToldAlone(t *testing.T) {
	b := &keeper{sessions: map[string]string{}}
	g := newGate(t, b, written(t, "network: {trusted_proxies: [127.0.0.1]}"))
	overHTTP := func(cookie, method, path, body string) answered {
		headers := []string{"X-Forwarded-For: 198.51.100.1", "X-Forwarded-Proto: http", "Content-Type: application/x-www-form-urlencoded", "Cookie: PHPSESSID=" + cookie}
		return g.do(g.request(method, path, strings.NewReader(body), headers...))
	}
	for i := range 6 {
		sid := fmt.Sprintf("k3v9x0q27bz5m1w8r4%08d", i)
		if a := overHTTP(sid, "POST", "/login", "user=ann&password=correct+horse"); a.StatusCode != http.StatusSeeOther {
			t.Fatalf("signing in: %s", a.Status)
		}
		r := g.request("GET", "/account", nil, "X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: http", "Cookie: PHPSESSID="+sid)
		if a := g.do(r); a.StatusCode != http.StatusOK || a.text != "<p>hello, ann" {
			t.Errorf("%s %s", a.Status, a.text)
		}
	}
	if found := g.found(EventFilter{}, "gate_session_fixation"); len(found) == 0 || found[0].Outcome != "" {
		t.Errorf("told %v", found)
	}
}

// TestFixation_AnOrdinaryDay before a backend that never renews a session: people
// with two tabs, two people at one machine, and a program that keeps one cookie.
func TestFixation_AnOrdinaryDay_RefusesNobody(t *testing.T) {
	g := keeperGate(t, "")
	for i := range 5 {
		v := &visitor{g: g, from: fmt.Sprintf("192.0.2.%d", i+1)}
		v.do("GET", "/", "")
		for n, who := range []string{"ann", "bob", "ann"} {
			v.do("GET", "/login", "")
			v.signIn(who, "mistyped")
			if a := v.signIn(who, officePasswords[who]); a.StatusCode != http.StatusSeeOther {
				t.Fatalf("%s signs in: %s %s", who, a.Status, a.text)
			}
			v.expect(t, http.StatusOK, "hello, "+who)
			v.from = fmt.Sprintf("192.0.2.%d", 100+10*i+n)
			v.expect(t, http.StatusOK, "hello, "+who)
			if n == 1 {
				v.do("POST", "/logout", "x=1")
				v.expect(t, http.StatusOK, "hello, ")
			}
		}
	}
	program := &visitor{g: g, from: "192.0.2.200"}
	program.do("GET", "/", "")
	program.signIn("ann", "correct horse")
	delete(program.cookies, "__Host-gate-device")
	for range 3 {
		program.expect(t, http.StatusOK, "hello, ann")
	}
	for _, e := range g.found(EventFilter{}, "gate_session_fixation") {
		if e.Outcome != "" {
			t.Errorf("refused: %+v", e)
		}
	}
}
