package signin

import (
	"net/url"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/identity/signin"
)

// named fails the test unless the gate names want to the application. want is as
// the application spells it; empty is nobody.
func (p *person) named(when, want string) {
	p.s.t.Helper()
	got, arrived := p.app.user(p.get(p.app.home).request())
	if !arrived || got != signin.Account(want) {
		p.s.t.Errorf("%s the application is told %q (arrived: %v), want %q", when, got, arrived, want)
	}
}

// owns has two people who are told apart, until one signs out.
func owns(t *testing.T, a *application) {
	by, p, other := a.ways[0], a.newPerson(), a.newPerson()
	p.named("before", "")
	by.signIn(p, a.names[0], a.passwords[a.names[0]])
	p.named("signed in,", a.names[0])
	by.signIn(other, a.names[1], a.passwords[a.names[1]])
	other.named("signed in as another,", a.names[1])
	p.named("beside another,", a.names[0])
	origin, err := url.Parse(p.s.origin)
	if err != nil {
		t.Fatal(err)
	}
	before := p.c.Jar.Cookies(origin)
	res := a.signOut(p)
	if told := a.site.told(res.request(), "session_logout"); len(told) != 1 {
		t.Errorf("the sign-out is told as %v", a.site.told(res.request(), ""))
	}
	p.named("signed out,", "")
	thief := a.newPerson()
	thief.c.Jar.SetCookies(origin, before)
	thief.named("with the cookies from before,", "")
	other.named("after another's sign-out,", a.names[1])
}

// mistypes has a person who gets in after five mistakes within a minute: as many
// as MediaWiki itself takes are four.
func mistypes(t *testing.T, a *application) {
	t.Helper()
	p, name, mistakes := a.newPerson(), a.names[0], 5
	if a.allows > 0 {
		mistakes = a.allows
	}
	for i := range mistakes {
		a.site.pass(10 * time.Second)
		wrong := a.passwords[name][:len(a.passwords[name])-1-i]
		if res := a.ways[0].signIn(p, name, wrong); len(a.site.told(res.request(), "authn_login_fail")) != 1 {
			t.Errorf("mistake %d was answered %s and is told as %v", i, res.Status, a.site.told(res.request(), ""))
		}
	}
	if res := a.ways[0].signIn(p, name, a.passwords[name]); a.who(p) != name {
		t.Errorf("after %d mistakes: %s, and %v", mistakes, res.Status, a.site.told(res.request(), ""))
	}
	p.named("after mistakes,", name)
	a.signOut(p)
}

// renews are how the applications renew a session by themselves.
var renews = map[string]func(*testing.T, *application){
	// A browser was closed, and comes back with what remembers its user.
	"wiki": func(t *testing.T, a *application) {
		t.Helper()
		p := a.newPerson()
		a.ways[0].signIn(p, a.names[0], a.passwords[a.names[0]])
		// Whoever only looks at how to sign out is still there.
		p.get("/index.php?title=Special:UserLogout")
		p.named("after a look at the page that signs out,", a.names[0])
		if p.drop("_session") != 1 {
			t.Fatal("the wiki gave no session")
		}
		p.get(a.home)
		p.named("remembered,", a.names[0])
		if p.drop("Token") != 1 {
			t.Fatal("the wiki gave nothing to remember by")
		}
		if who := a.who(p); who != a.names[0] {
			t.Fatalf("the session that followed is %q", who)
		}
		p.named("by the session that followed,", a.names[0])
	},
	// Who changes the password gets another session, twice.
	"django": func(t *testing.T, a *application) {
		t.Helper()
		p, name := a.newPerson(), a.names[1]
		a.ways[0].signIn(p, name, a.passwords[name])
		for range 2 {
			fields := hidden(p.get("/admin/password_change/").text, "")
			next := a.passwords[name] + "+"
			for field, value := range map[string]string{"old_password": a.passwords[name], "new_password1": next, "new_password2": next} {
				fields.Set(field, value)
			}
			if res := p.post("/admin/password_change/", fields); res.Header.Get("Set-Cookie") == "" || a.who(p) != name {
				t.Fatalf("changing the password: %s %v", res.Status, res.Header)
			}
			a.passwords[name] = next
			p.named("with another password,", name)
		}
	},
	// Who signs in as another has the other's session, with the cart of before.
	"shop": func(t *testing.T, a *application) {
		t.Helper()
		p := a.newPerson()
		p.post("/cart/add", url.Values{"product": {"1"}, "quantity": {"1"}})
		p.named("with a cart,", "")
		for _, name := range a.names[:2] {
			a.ways[1].signIn(p, name, a.passwords[name])
			p.named("signed in over another,", name)
		}
	},
}
