package backend_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/exchange"
	"github.com/gatehousehq/gatehouse/identity/signin"
	"github.com/gatehousehq/gatehouse/identity/source/backend"
	"github.com/gatehousehq/gatehouse/store"
)

func (w *world) register(account string, r *http.Request, a signin.Answer, declared bool) backend.Registered {
	w.Helper()
	found, err := w.Register(w.Context(), backend.SignIn{Request: r, Answer: a, Account: account, Records: []exchange.Record{
		{Columns: []string{"users.id", "users.email", "users.role"}, Values: []string{"1", account, "admin"}},
	}}, declared)
	if err != nil {
		w.Fatal(err)
	}
	return found
}

// TestRegister_NewAccount_IsBoundWithoutWhatARowSays: the row may be the one that
// says that the name is taken.
func TestRegister_NewAccount_IsBoundWithoutWhatARowSays(t *testing.T) {
	o := backend.Options{Roles: []string{"users.role"}}
	w := newWorld(t, o)
	sid := "sid=" + w.value()
	got := w.register("ann", request("POST", "/register"), sets(sid+"; HttpOnly"), false)
	if got.Credentials != 1 || got.Taken || len(got.Principal.Aliases)+len(got.Principal.Roles) > 0 {
		t.Errorf("registered %+v", got)
	}
	w.is("ann", request("GET", "/", sid))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w.restart(o)
	w.is("ann", request("GET", "/", sid))
}

func TestRegister_Tokens_OnlyThoseOfWhoIsSignedIn(t *testing.T) {
	w := newWorld(t, backend.Options{})
	for member, want := range map[string]int{"access_token": 1, "jwt": 1, "authToken": 1, "session": 0, "token": 0, "verification_token": 0, "ticket": 0} {
		token := w.value()
		got := w.register("ann-"+member, request("POST", "/register"), says(201, `{"`+member+`":"`+token+`"}`), false)
		if got.Credentials != want {
			t.Errorf("%s: %d bound, want %d", member, got.Credentials, want)
		}
	}
}

func TestRegister_AccountThatWasThere_BindsNobody(t *testing.T) {
	o := backend.Options{Accounts: []backend.Account{{Name: "Boss", Roles: []string{"admin"}}}}
	w := newWorld(t, o)
	old := "sid=" + w.value()
	w.bind("victim", request("POST", "/login"), sets(old))
	sid := "sid=" + w.value()
	if got := w.register("victim", request("POST", "/register"), sets(sid), false); !got.Taken || got.Credentials != 0 {
		t.Errorf("registered %+v", got)
	}
	if got := w.register("boss", request("POST", "/register"), sets(sid), false); got.Taken || got.Credentials != 0 {
		t.Errorf("configured: %+v", got)
	}
	// Also once nobody is signed in to it any more, and after a restart.
	if err := w.End(w.Context(), request("POST", "/logout", old)); err != nil {
		t.Fatal(err)
	}
	w.restart(o)
	if got := w.register("victim", request("POST", "/register"), sets(sid), true); !got.Taken || got.Credentials != 0 {
		t.Errorf("after its session ended: %+v", got)
	}
	w.is("unknown", request("GET", "/", sid))
}

// TestRegister_CookieThatVisitorsHave_BindsNobody, before and after a restart.
func TestRegister_CookieThatVisitorsHave_BindsNobody(t *testing.T) {
	w := newWorld(t, backend.Options{})
	w.follow(request("GET", "/"), sets("sid="+w.value()+"; HttpOnly"))
	for range 2 {
		sid := "sid=" + w.value()
		if got := w.register("victim", request("POST", "/register"), sets(sid), false); got.Credentials != 0 {
			t.Errorf("registered %+v", got)
		}
		w.is("unknown", request("GET", "/", sid))
		w.restart(backend.Options{})
	}
	// Declared to sign in, it is; but not by the cookie that was brought.
	mine := "sid=" + w.value()
	if got := w.register("ann", request("POST", "/register", mine), sets(mine), true); got.Credentials != 0 {
		t.Errorf("an old cookie: %+v", got)
	}
	fresh := "sid=" + w.value()
	if got := w.register("ann", request("POST", "/register", mine), sets(fresh), true); got.Credentials != 1 {
		t.Errorf("declared: %+v", got)
	}
}

func TestRegister_OtherCookies_BindNobody(t *testing.T) {
	w := newWorld(t, backend.Options{})
	for _, name := range []string{"signup_session", "registration_token", "verify_sid", "csrf_token", "theme"} {
		if got := w.register("ann", request("POST", "/register"), sets(name+"="+w.value()), false); got.Credentials != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := w.register("ann", request("POST", "/register", "sid="+w.value()), sets("sid="+w.value()), false); got.Credentials != 0 {
		t.Errorf("a cookie that was brought is renewed: %+v", got)
	}
	w.bind("bob", request("POST", "/login"), sets("sid="+w.value()))
	if got := w.register("carl", request("POST", "/register"), sets("other_session="+w.value()), false); got.Credentials != 0 {
		t.Errorf("another cookie than that of sign-ins: %+v", got)
	}
	if got := w.register("carl", request("POST", "/register"), sets("sid="+w.value()), false); got.Credentials != 1 {
		t.Errorf("that of sign-ins: %+v", got)
	}
}

// A sick store can't tell whether an account was there.
type sick struct{ store.Store }

var errSick = errors.New("sick")

func (sick) Get(context.Context, string, string) (store.Record, error) {
	return store.Record{}, errSick
}

func TestRegister_StoreCantTell_BindsNobody(t *testing.T) {
	w := newWorld(t, backend.Options{})
	healthy := w.store
	s := &switching{Store: healthy}
	w.store = s
	w.restart(backend.Options{})
	s.Store = sick{healthy}
	sid := "sid=" + w.value()
	got, err := w.Register(w.Context(), backend.SignIn{Request: request("POST", "/register"), Answer: sets(sid), Account: "ann"}, true)
	if !errors.Is(err, errSick) || got.Credentials != 0 || got.Decision.Verdict != gatehouse.Pass {
		t.Errorf("registered %+v, %v", got, err)
	}
	w.is("unknown", request("GET", "/", sid))
}

type switching struct{ store.Store }
