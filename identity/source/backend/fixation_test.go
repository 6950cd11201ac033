package backend_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/identity/source/backend"
)

var (
	home      = netip.MustParsePrefix("198.51.100.1/32")
	elsewhere = netip.MustParsePrefix("203.0.113.9/32")
)

// fix signs in with a cookie that is not renewed, on a device that is given a
// cookie by which it is known again.
func (w *world) fix(account, cookie string) backend.Bound {
	w.Helper()
	b, err := w.Bind(w.Context(), backend.SignIn{Request: request("POST", "/login", cookie), Answer: sets(), Account: account, Household: home, Device: true})
	if err != nil {
		w.Fatal(err)
	}
	return b
}

// others sign in as people do whose session is renewed or not: then the cookie is
// known to be each one's own.
func (w *world) others(name string) {
	w.Helper()
	for i := range 4 {
		w.fix(fmt.Sprint("other", i), name+"="+w.value())
	}
}

// may tells whether a request passes: from where, and on the device of which accounts.
func (w *world) may(want bool, r *http.Request, from netip.Prefix, knows ...string) {
	w.Helper()
	d, apart := w.Held(r, backend.Bringer{Household: from, Knows: func(account string) bool { return strings.Contains(strings.Join(knows, " "), account) }})
	if got := d.Verdict == gatehouse.Pass; got != want || apart {
		w.Errorf("%s %v from %s on the device of %v: %+v, apart %v, want passed %v", r.URL, r.Header["Cookie"], from, knows, d, apart, want)
	}
	if !want && (d.Rule != backend.RuleFixation || d.HTTPStatus() != http.StatusUnauthorized) {
		w.Errorf("denied as %+v", d)
	}
}

func TestHeld_SessionThatWasNotRenewed_IsItsDevicesAlone(t *testing.T) {
	w := newWorld(t, backend.Options{})
	w.others("sid")
	planted := "sid=" + w.value()
	w.fix("ann", planted)
	use := request("GET", "/account", "theme=dark", planted)
	w.may(false, use, elsewhere)
	w.may(false, use, netip.Prefix{})
	w.may(true, use, home) // the device's cookie was not seen yet
	w.may(false, use, elsewhere, "mallory")
	w.may(true, use, elsewhere, "ann") // who changes networks takes the device along
	w.may(true, use, home)             // was under way
	w.now = w.now.Add(11 * time.Second)
	w.may(false, use, home) // somebody else in the café
	w.may(true, use, home, "ann")
	w.may(true, request("GET", "/account", "sid="+w.value()), elsewhere)
	w.may(true, request("GET", "/account"), elsewhere)
	// Who it is from is said all the same: whoever only watches goes on.
	w.is("ann", use)
}

// TestHeld_HowABackendReadsACookie is in no way a way around it.
func TestHeld_HowABackendReadsACookie(t *testing.T) {
	w := newWorld(t, backend.Options{})
	w.others("sid")
	value := w.value()
	w.fix("ann", "sid="+value)
	for _, cookie := range []string{
		`sid="` + value + `"`, "SID=" + value, "sid=%73" + value[1:], `sid=%22` + value + `%22`, "a=1,sid=" + value, "  sid = " + value + " ",
		strings.Repeat("sid="+strings.Repeat("junk", 8)+"; ", 40) + "sid=" + value,
		strings.Repeat("sid="+strings.Repeat("junk", 8)+"; ", 600) + "sid=" + value,
	} {
		w.may(false, request("GET", "/account", cookie), elsewhere)
	}
	w.may(false, request("GET", "/account;sid="+value), elsewhere)
	w.may(false, request("GET", "/account?sid="+value), elsewhere)
	both := bearer("0123456789abcdef0123")
	both.Header.Set("Cookie", "sid="+value)
	w.may(false, both, elsewhere)
}

func TestHeld_WhereTheSignInWas_OneCanSignInAnew(t *testing.T) {
	w := newWorld(t, backend.Options{})
	w.others("sid")
	planted := "sid=" + w.value()
	w.fix("ann", planted)
	r := request("GET", "/login", "theme=dark", planted, "lang=en")
	d, apart := w.Held(r, backend.Bringer{Household: elsewhere})
	if d.Verdict == gatehouse.Pass || !apart {
		t.Fatalf("%+v, apart %v", d, apart)
	}
	w.TakeOff(r)
	if got := r.Header.Get("Cookie"); got != "theme=dark; lang=en" {
		t.Errorf("left %q", got)
	}
	w.may(true, r, elsewhere)
	w.is("none", r)
}

func TestHeld_WhoeverCantBeRefusedRightly_Passes(t *testing.T) {
	for name, c := range map[string]func(w *world) string{
		"a session that is renewed": func(w *world) string {
			sid := "sid=" + w.value()
			w.bind("ann", request("POST", "/login", "sid="+w.value()), sets(sid))
			return sid
		},
		"who signs in again by a session that was renewed": func(w *world) string {
			sid := "sid=" + w.value()
			w.bind("ann", request("POST", "/login"), sets(sid))
			if b := w.fix("ann", sid); b.Decision.Verdict != gatehouse.Pass {
				w.Errorf("told as %+v", b.Decision)
			}
			return sid
		},
		"a session that the backend renews later": func(w *world) string {
			old, next := "sid="+w.value(), "sid="+w.value()
			w.fix("ann", old)
			w.follow(request("GET", "/", old), sets(next))
			w.may(false, request("GET", "/", old), elsewhere)
			return next
		},
		"no device is known (plain HTTP)": func(w *world) string {
			sid := "sid=" + w.value()
			if b := w.bind("ann", request("POST", "/login", sid), sets()); b.Decision.Verdict == gatehouse.Pass {
				w.Error("not told")
			}
			return sid
		},
		"a cookie that is the same for everybody": func(w *world) string {
			const same = "auth_provider=keycloak-production"
			for i := range 20 {
				w.fix(fmt.Sprint("person", i), same)
			}
			return same
		},
		"a session that ended": func(w *world) string {
			sid := "sid=" + w.value()
			w.fix("ann", sid)
			if err := w.End(w.Context(), request("POST", "/logout", sid)); err != nil {
				w.Fatal(err)
			}
			return sid
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, backend.Options{})
			w.others("sid")
			w.may(true, request("GET", "/account", c(w)), elsewhere)
		})
	}
}

func TestHeld_ARestart_KeepsIt(t *testing.T) {
	w := newWorld(t, backend.Options{})
	w.others("sid")
	before, after := "sid="+w.value(), "sid="+w.value()
	w.fix("ann", before)
	w.fix("bob", after)
	w.may(true, request("GET", "/", after), home, "bob")
	w.now = w.now.Add(time.Minute)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w.restart(backend.Options{})
	for _, c := range []struct {
		want   bool
		cookie string
		from   netip.Prefix
		knows  string
	}{{true, before, home, ""}, {false, before, elsewhere, ""}, {true, before, elsewhere, "ann"}, {false, after, home, ""}, {true, after, elsewhere, "bob"}} {
		w.may(c.want, request("GET", "/", c.cookie), c.from, c.knows)
	}
}

func TestHeld_Declared_NeedsNoOthers(t *testing.T) {
	w := newWorld(t, backend.Options{Cookies: []string{"id"}})
	w.fix("ann", "id=short")
	w.is("ann", request("GET", "/", "id=short"))
	w.may(true, request("GET", "/", "id=short"), home)
	w.may(false, request("GET", "/", "id=short"), elsewhere)
	long := "id=" + w.value()
	w.fix("bob", long)
	w.may(false, request("GET", "/", long), elsewhere)
}

func TestHeld_SessionsThatAreRenewed_CostNothing(t *testing.T) {
	w := newWorld(t, backend.Options{})
	sid := "sid=" + w.value()
	w.bind("ann", request("POST", "/login"), sets(sid))
	r, by := request("GET", "/", sid), backend.Bringer{Household: home}
	if n := testing.AllocsPerRun(100, func() { w.Held(r, by) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
