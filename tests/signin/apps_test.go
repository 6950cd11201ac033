package signin

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse/examples/shop"
	"github.com/gatehousehq/gatehouse/internal/testkit"
	"github.com/gatehousehq/gatehouse/internal/testkit/wiki"
)

// An application keeps accounts of its own, and stands behind a gate.
type application struct {
	*recorder
	site      *site
	people    int
	backend   string // past the recorder
	transport *http.Transport
	straight  *http.Transport
	// passwords are its accounts'; names have the spelling that the application
	// tells them in.
	passwords map[string]string
	names     []string
	// ways are how one can sign in to it.
	ways []way
	// who asks the application whose session the person has; empty is nobody's.
	who func(p *person) string
	// allows is how many mistakes it takes itself before it lets somebody wait;
	// zero where it does not.
	allows int
	// home is a page of it, and signOut ends a session.
	home    string
	signOut func(p *person) answered
}

// A way is a form or an interface to sign in by.
type way struct {
	name   string
	signIn func(p *person, name, password string) answered
}

// applications are the real ones.
var applications = map[string]func(*testing.T) *application{"wiki": startWiki, "django": startDjango, "shop": startShop}

// before puts a gate, and a recorder, before what will listen at backend.
func before(t *testing.T, backend string) *application {
	a := &application{backend: backend, passwords: map[string]string{}, straight: &http.Transport{}}
	a.recorder = startRecorder(t, backend)
	// The test stands for a proxy that says who its clients are.
	a.site = startSite(t, a.URL, "network: {trusted_proxies: [127.0.0.1]}\n")
	a.transport = a.site.transport()
	t.Cleanup(a.straight.CloseIdleConnections)
	return a
}

func (a *application) account(name, password string) {
	a.passwords[name] = password
	a.names = append(a.names, name)
}

func startShop(t *testing.T) *application {
	dir := t.TempDir()
	s, err := shop.New(shop.Options{Path: filepath.Join(dir, "shop.db"), Dir: filepath.Join(dir, "files")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing the shop: %v", err)
		}
	})
	a := before(t, serveShop(t, s))
	for _, one := range shop.Accounts() {
		a.account(one.Email, one.Password)
	}
	a.ways = []way{
		{"form", func(p *person, name, password string) answered {
			return p.post("/login", url.Values{"email": {name}, "password": {password}, "next": {""}})
		}},
		{"API", func(p *person, name, password string) answered {
			return p.postJSON("/api/session", map[string]string{"email": name, "password": password})
		}},
	}
	told := regexp.MustCompile(`id="who">([^<]*)<`)
	a.who = func(p *person) string {
		if m := told.FindStringSubmatch(p.past("/account").text); m != nil {
			return m[1]
		}
		return ""
	}
	a.home = "/"
	a.signOut = func(p *person) answered { return p.post("/logout", url.Values{}) }
	return a
}

func startDjango(t *testing.T) *application {
	python := testkit.Need(t, "/usr/bin/python3") // Debian's own, which has Debian's modules
	if exec.Command(python, "-c", "import django").Run() != nil {
		t.Skip("python3-django is not installed: scripts/setup.sh installs it")
	}
	port := testkit.FreePort(t)
	a := before(t, "http://127.0.0.1:"+port)
	for _, name := range []string{"ann", "Bob", "joe.bloggs"} {
		a.account(name, "Correct horse of "+name)
	}
	args := []string{filepath.Join("testdata", "djangoadmin.py"), t.TempDir(), port}
	for _, name := range a.names {
		args = append(args, name, a.passwords[name])
	}
	testkit.Start(t, exec.Command(python, args...))
	testkit.WaitAccepting(t, "127.0.0.1:"+port, patience)
	a.ways = []way{{"form", func(p *person, name, password string) answered {
		fields := hidden(p.get("/admin/login/?next=/admin/").text, "")
		fields.Set("username", name)
		fields.Set("password", password)
		return p.post("/admin/login/?next=/admin/", fields)
	}}, {"form, which has expired", func(p *person, name, password string) answered {
		return p.post("/admin/login/", url.Values{"username": {name}, "password": {password}, "csrfmiddlewaretoken": {strings.Repeat("x", 64)}})
	}}}
	told := regexp.MustCompile(`(?s)id="user-tools">.*?<strong>([^<]*)</strong>`)
	a.who = func(p *person) string {
		if m := told.FindStringSubmatch(p.past("/admin/").text); m != nil {
			return m[1]
		}
		return ""
	}
	a.home = "/admin/"
	a.signOut = func(p *person) answered { return p.get("/admin/logout/") }
	return a
}

func startWiki(t *testing.T) *application {
	wiki.Need(t)
	address := "127.0.0.1:" + testkit.FreePort(t)
	a := before(t, "http://"+address)
	w := wiki.Start(t, address, a.site.origin, nil)
	a.allows = 4
	a.account(wiki.Editor, wiki.Password)
	a.account("Ann Smith", "Correct-horse 78")
	w.AddAccount(t, "Ann Smith", a.passwords["Ann Smith"])
	a.ways = []way{{"form", wikiForm}, {"API", wikiAPI}}
	a.who = func(p *person) string {
		var told struct {
			Query struct {
				Userinfo struct {
					Name string
					Anon *string
				}
			}
		}
		if err := json.Unmarshal([]byte(p.past("/api.php?action=query&meta=userinfo&format=json").text), &told); err != nil {
			p.s.t.Fatal(err)
		}
		if told.Query.Userinfo.Anon != nil {
			return ""
		}
		return told.Query.Userinfo.Name
	}
	a.home = "/index.php?title=Main_Page"
	a.signOut = func(p *person) answered {
		fields := hidden(p.get("/index.php?title=Special:UserLogout").text, "wp")
		return p.post("/index.php?title=Special:UserLogout", fields)
	}
	return a
}

func wikiForm(p *person, name, password string) answered {
	fields := hidden(p.get("/index.php?title=Special:UserLogin").text, "wp")
	fields.Set("authAction", "login")
	fields.Set("wpName", name)
	fields.Set("wpPassword", password)
	fields.Set("wploginattempt", "Log in")
	fields.Set("wpRemember", "1")
	return p.post("/index.php?title=Special:UserLogin", fields)
}

// wikiAPI signs in as scripts and mobile applications do.
func wikiAPI(p *person, name, password string) answered {
	var told struct {
		Query struct{ Tokens struct{ Logintoken string } }
	}
	if err := json.Unmarshal([]byte(p.get("/api.php?action=query&meta=tokens&type=login&format=json").text), &told); err != nil {
		p.s.t.Fatal(err)
	}
	return p.post("/api.php", url.Values{"action": {"clientlogin"}, "format": {"json"}, "loginreturnurl": {p.s.origin + "/"},
		"logintoken": {told.Query.Tokens.Logintoken}, "username": {name}, "password": {password}})
}
