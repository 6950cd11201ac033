package backend_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/exchange"
	"github.com/gatehousehq/gatehouse/identity/signin"
	"github.com/gatehousehq/gatehouse/identity/source"
	"github.com/gatehousehq/gatehouse/identity/source/backend"
	"github.com/gatehousehq/gatehouse/input"
	"github.com/gatehousehq/gatehouse/store"
	"github.com/gatehousehq/gatehouse/store/memory"
)

// A world is a source, its clock and its store.
type world struct {
	*testing.T
	*backend.Source
	now   time.Time
	store store.Store
	drawn int
}

func newWorld(t *testing.T, o backend.Options) *world {
	t.Helper()
	w := &world{T: t, now: time.Date(2030, 1, 7, 8, 0, 0, 0, time.UTC)}
	s, err := memory.New(memory.Options{Now: func() time.Time { return w.now }})
	if err != nil {
		t.Fatal(err)
	}
	w.store = s
	w.restart(o)
	return w
}

func (w *world) restart(o backend.Options) {
	w.Helper()
	o.Store, o.Now = w.store, func() time.Time { return w.now }
	var err error
	if w.Source, err = backend.New(o); err != nil {
		w.Fatal(err)
	}
}

// value draws a session's value.
func (w *world) value() string {
	w.drawn++
	return fmt.Sprintf("s3ss10n-%08x-abcdef", w.drawn)
}

func request(method, target string, cookies ...string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	if len(cookies) > 0 {
		r.Header.Set("Cookie", strings.Join(cookies, "; "))
	}
	return r
}

func bearer(token string) *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

func sets(lines ...string) signin.Answer {
	return signin.Answer{Status: 302, Header: http.Header{"Set-Cookie": lines}}
}

func says(status int, json string) signin.Answer {
	return signin.Answer{Status: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(json)}
}

func (w *world) bind(account string, r *http.Request, a signin.Answer) backend.Bound {
	w.Helper()
	b, err := w.Bind(w.Context(), backend.SignIn{Request: r, Answer: a, Account: account})
	if err != nil {
		w.Fatal(err)
	}
	return b
}

func (w *world) follow(r *http.Request, a signin.Answer) {
	w.Helper()
	if err := w.Follow(w.Context(), r, nil, a); err != nil {
		w.Fatal(err)
	}
}

// is checks who a request is from: a name, "unknown" or "none".
func (w *world) is(want string, r *http.Request) {
	w.Helper()
	found := w.Find(w.Context(), r)
	got := found.Outcome.String()
	if found.Outcome == source.Known {
		got = found.Principal.ID
	}
	if got != want {
		w.Errorf("%v %s is %s, want %s", r.Header["Cookie"], r.Header.Get("Authorization"), got, want)
	}
	if (found.Outcome == source.None) != (found.Credential == [32]byte{}) {
		w.Errorf("outcome %v with credential %x", found.Outcome, found.Credential)
	}
}

func TestFind_CookieOfASignIn_IsItsAccount(t *testing.T) {
	w := newWorld(t, backend.Options{})
	sid := "sid=" + w.value()
	w.is("unknown", request("GET", "/", sid))
	if b := w.bind("ann", request("POST", "/login"), sets(sid+"; HttpOnly")); b.Credentials != 1 || b.Decision.Verdict != gatehouse.Pass {
		t.Fatalf("bound %+v", b)
	}
	w.is("ann", request("GET", "/", "theme=dark", sid))
	w.is("unknown", request("GET", "/", "sid="+w.value()))
	w.is("none", request("GET", "/", "theme=dark"))
	w.is("none", request("GET", "/"))
	found := w.Find(t.Context(), request("GET", "/", sid))
	if found.Principal.Issuer != "backend" || !found.Principal.SignedIn.Equal(w.now) || found.Principal.SecondFactor {
		t.Errorf("the principal is %+v", found.Principal)
	}
}

// TestBind_WhatFrameworksSet has the cookies of their sign-ins: which are the
// session's is learned.
func TestBind_WhatFrameworksSet(t *testing.T) {
	v := func(n int) string { return fmt.Sprintf("0a1b2c3d4e5f6a7b8c9d%012x", n) }
	for _, c := range []struct {
		name  string
		sent  []string
		set   []string
		is    []string // requests that are ann's
		isNot []string
	}{
		{"Django", []string{"csrftoken=" + v(1)}, []string{"csrftoken=" + v(2), "sessionid=" + v(3) + "; HttpOnly"}, []string{"sessionid=" + v(3)}, []string{"csrftoken=" + v(2)}},
		{"Laravel", []string{"XSRF-TOKEN=" + v(1), "laravel_session=" + v(2)}, []string{"XSRF-TOKEN=" + v(3), "laravel_session=" + v(4)}, []string{"laravel_session=" + v(4)}, []string{"XSRF-TOKEN=" + v(3), "laravel_session=" + v(2)}},
		{"WordPress", nil, []string{"wordpress_logged_in_abc=ann%7C1796000000%7C" + v(1), "wordpress_sec_abc=ann%7C1796000000%7C" + v(2)}, []string{"wordpress_logged_in_abc=ann%7C1796000000%7C" + v(1), "wordpress_sec_abc=ann%7C1796000000%7C" + v(2)}, nil},
		{"MediaWiki", []string{"wiki_session=" + v(1)}, []string{"wiki_session=" + v(2), "wikiUserID=17", "wikiUserName=Ann"}, []string{"wiki_session=" + v(2)}, []string{"wikiUserName=Ann", "wikiUserID=17"}},
		{"remember me", []string{"_shop_session=" + v(1)}, []string{"_shop_session=" + v(2), "remember_user_token=" + v(3) + "; Max-Age=1209600"}, []string{"remember_user_token=" + v(3), "_shop_session=" + v(2)}, nil},
		{"counters and choices", []string{"_ga=GA1.2." + v(1)}, []string{"_ga=GA1.2." + v(1), "_gid=GA1.2." + v(2), "theme_choice=" + v(3), "AWSALB=" + v(4), "zx=" + v(5) + "; HttpOnly"}, []string{"zx=" + v(5)}, []string{"_ga=GA1.2." + v(1), "_gid=GA1.2." + v(2), "AWSALB=" + v(4)}},
		{"a name of no meaning that was sent before", []string{"qq=" + v(1)}, []string{"qq=" + v(1), "zz=" + v(2)}, []string{"zz=" + v(2)}, []string{"qq=" + v(1)}},
		{"quotes", nil, []string{`sid="` + v(1) + `"`}, []string{`sid="` + v(1) + `"`}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, backend.Options{})
			if b := w.bind("ann", request("POST", "/login", c.sent...), sets(c.set...)); b.Decision.Verdict != gatehouse.Pass {
				t.Errorf("told as %+v", b.Decision)
			}
			for _, cookie := range c.is {
				w.is("ann", request("GET", "/", cookie))
			}
			for _, cookie := range c.isNot {
				if found := w.Find(t.Context(), request("GET", "/", cookie)); found.Outcome == source.Known {
					t.Errorf("%s is %s", cookie, found.Principal.ID)
				}
			}
		})
	}
}

func TestBind_WhatNobodyHasToSteal_IsNotBound(t *testing.T) {
	w := newWorld(t, backend.Options{})
	for _, set := range []string{"user_session=ann", "login=ann.of.a.long.name@example.com", "token=aaaaaaaaaaaaaaaaaaaaaaaa", "auth=1", "sid=; Max-Age=0"} {
		b := w.bind("ann.of.a.long.name@example.com", request("POST", "/login"), sets(set))
		if b.Credentials != 0 {
			t.Errorf("%s was bound", set)
		}
	}
	if w.Sessions() != 0 {
		t.Errorf("%d sessions", w.Sessions())
	}
}

func TestBind_SessionThatIsNotRenewed_IsFixationAndBound(t *testing.T) {
	w := newWorld(t, backend.Options{})
	planted := "PHPSESSID=" + w.value()
	b := w.bind("victim", request("POST", "/login", planted, "theme=dark"), sets("flash=hello"))
	if b.Decision.Verdict != gatehouse.Deny || b.Decision.Rule != backend.RuleFixation || b.Decision.Place.Name != "PHPSESSID" || strings.Contains(b.Decision.Evidence, planted[10:]) {
		t.Errorf("told as %+v", b.Decision)
	}
	w.is("victim", request("GET", "/", planted))
	// The next to sign in with it has it.
	if b := w.bind("mallory", request("POST", "/login", planted), sets()); b.Decision.Rule != backend.RuleFixation {
		t.Errorf("told as %+v", b.Decision)
	}
	w.is("mallory", request("GET", "/", planted))
	// Where a token is given, an old cookie beside it is not the session.
	if b := w.bind("ann", request("POST", "/login", planted), says(200, `{"token":"0123456789abcdef0123"}`)); b.Decision.Verdict != gatehouse.Pass {
		t.Errorf("told as %+v", b.Decision)
	}
	w.is("ann", bearer("0123456789abcdef0123"))
	w.is("unknown", request("GET", "/", planted))
}

func TestBind_Token_IsKnownWhereverItIsSent(t *testing.T) {
	w := newWorld(t, backend.Options{})
	claims := fmt.Sprintf(`{"sub":"1","exp":%d}`, w.now.Add(15*time.Minute).Unix())
	token := "eyJhbGciOiJIUzI1NiJ9." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2lnbmF0dXJl"
	w.bind("ann", request("POST", "/api/login"), says(200, `{"data":{"access_token":"`+token+`","refresh_token":"r3fr3sh-0123456789abcdef","user":{"id":1}}}`))
	w.is("ann", bearer(token))
	header := request("GET", "/")
	header.Header.Set("X-Auth-Token", token)
	w.is("ann", header)
	w.is("ann", request("GET", "/", "token="+token))
	w.is("none", bearer("another-token-0123456789"))
	// A refresh, by the token in the body.
	r := httptest.NewRequest("POST", "/api/token/refresh", strings.NewReader(`{"refresh_token":"r3fr3sh-0123456789abcdef"}`))
	r.Header.Set("Content-Type", "application/json")
	parser, err := input.New(input.Options{})
	if err != nil {
		t.Fatal(err)
	}
	in, err := parser.Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Follow(t.Context(), r, in, says(200, `{"access_token":"n3xt-0123456789abcdef"}`)); err != nil {
		t.Fatal(err)
	}
	w.is("ann", bearer("n3xt-0123456789abcdef"))
	// The token that refreshes is still the same, which not every answer repeats.
	w.now = w.now.Add(10 * time.Minute)
	r.Body = nil
	if err := w.Follow(t.Context(), r, in, says(200, `{"access_token":"l4st-0123456789abcdef"}`)); err != nil {
		t.Fatal(err)
	}
	w.is("ann", bearer("l4st-0123456789abcdef"))
	w.now = w.now.Add(6 * time.Minute)
	w.is("none", bearer(token)) // it says itself that it is over, and is forgotten
	w.is("unknown", bearer("n3xt-0123456789abcdef"))
	w.is("ann", bearer("l4st-0123456789abcdef"))
	w.follow(bearer("l4st-0123456789abcdef"), says(401, `{}`))
	w.is("none", bearer("l4st-0123456789abcdef"))
}

// TestFollow_TokenForSomebodyElse: an administrator makes a token for another.
func TestFollow_TokenForSomebodyElse_IsNotBound(t *testing.T) {
	w := newWorld(t, backend.Options{})
	sid := "sid=" + w.value()
	w.bind("admin", request("POST", "/login"), sets(sid))
	w.follow(request("POST", "/users/7/invitations", sid), says(201, `{"token":"1nv1te-0123456789abcdef"}`))
	w.is("none", bearer("1nv1te-0123456789abcdef"))
}

// TestFollow_CookieThatChangesWithEachAnswer has what Rails and Laravel do, with
// requests that overtake each other.
func TestFollow_CookieThatChangesWithEachAnswer(t *testing.T) {
	w := newWorld(t, backend.Options{})
	first := "laravel_session=" + w.value()
	w.bind("ann", request("POST", "/login"), sets(first))
	now, before := first, ""
	for range 1000 {
		before, now = now, "laravel_session="+w.value()
		w.follow(request("GET", "/", before), sets(now+"; HttpOnly", "XSRF-TOKEN="+w.value()))
		w.is("ann", request("GET", "/", now))
		w.is("ann", request("GET", "/", before)) // was on its way
		w.now = w.now.Add(time.Second)
	}
	w.is("unknown", request("GET", "/", first))
	w.now = w.now.Add(3 * time.Minute)
	w.is("ann", request("GET", "/", now))
	w.is("unknown", request("GET", "/", before))
	if w.Sessions() != 1 {
		t.Errorf("%d sessions of one", w.Sessions())
	}
}

func TestFollow_RememberMe_GivesTheNextSession(t *testing.T) {
	w := newWorld(t, backend.Options{})
	remember := "remember_user_token=" + w.value()
	w.bind("ann", request("POST", "/login"), sets("_session="+w.value(), remember+"; Max-Age=1209600"))
	w.now = w.now.Add(48 * time.Hour) // the browser was closed
	next := "_session=" + w.value()
	w.follow(request("GET", "/", remember), sets(next))
	w.is("ann", request("GET", "/", next))
	w.now = w.now.Add(13 * 24 * time.Hour)
	w.is("unknown", request("GET", "/", remember))
	w.is("ann", request("GET", "/", next))
}

func TestFollow_StrangersAnswer_BindsNothing(t *testing.T) {
	w := newWorld(t, backend.Options{})
	sid := "sid=" + w.value()
	w.bind("ann", request("POST", "/login"), sets(sid))
	stranger := "sid=" + w.value()
	w.follow(request("GET", "/"), sets(stranger))
	w.is("unknown", request("GET", "/", stranger))
	// One who sends the victim's new value as his own takes nothing away.
	mallory := "sid=" + w.value()
	w.bind("mallory", request("POST", "/login"), sets(mallory))
	w.follow(request("GET", "/", mallory), sets(sid))
	w.is("ann", request("GET", "/", sid))
}

func TestEnd_SignOutAndDeletion(t *testing.T) {
	for name, end := range map[string]func(*world, string){
		"the sign-out": func(w *world, sid string) {
			if err := w.End(w.Context(), request("POST", "/logout", sid)); err != nil {
				w.Fatal(err)
			}
		},
		"an empty cookie": func(w *world, sid string) { w.follow(request("GET", "/bye", sid), sets("sid=; Path=/")) },
		"a cookie long over": func(w *world, sid string) {
			w.follow(request("GET", "/bye", sid), sets("sid=deleted; Expires=Thu, 01 Jan 1970 00:00:00 GMT"))
		},
		"everywhere": func(w *world, _ string) {
			if n, err := w.EndAll(w.Context(), "Ann"); n != 1 || err != nil {
				w.Errorf("ended %d: %v", n, err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, backend.Options{})
			sid := "sid=" + w.value()
			w.bind("ann", request("POST", "/login"), sets(sid))
			end(w, sid)
			w.is("unknown", request("GET", "/", sid))
			w.restart(backend.Options{})
			w.is("unknown", request("GET", "/", sid))
			if w.Sessions() != 0 {
				t.Errorf("%d sessions", w.Sessions())
			}
		})
	}
}

func TestFollow_AnotherCookieDeleted_EndsNothing(t *testing.T) {
	w := newWorld(t, backend.Options{})
	sid := "sid=" + w.value()
	w.bind("ann", request("POST", "/login"), sets(sid))
	w.follow(request("GET", "/", sid, "flash=1"), sets("flash=; Max-Age=0"))
	w.follow(request("GET", "/", "sid="+w.value()), sets("sid=; Max-Age=0")) // somebody else's
	w.is("ann", request("GET", "/", sid))
}

func TestFind_TwoPeoplesCredentials_AreUnknown(t *testing.T) {
	w := newWorld(t, backend.Options{})
	ann, bob := w.value(), w.value()
	w.bind("ann", request("POST", "/login"), sets("sid="+ann))
	w.bind("bob", request("POST", "/login"), sets("sid="+bob))
	w.is("unknown", request("GET", "/", "sid="+ann, "sid="+bob))
	w.is("unknown", request("GET", "/", "sid="+bob, "session_token="+ann))
	both := bearer(bob)
	both.Header.Set("Cookie", "sid="+ann)
	w.is("unknown", both)
	w.is("ann", request("GET", "/", "sid="+ann, "sid="+ann))
}

func TestFind_ManyCookiesBefore_DoNotHideTheSession(t *testing.T) {
	w := newWorld(t, backend.Options{})
	sid := "sid=" + w.value()
	w.bind("ann", request("POST", "/login"), sets(sid))
	var cookies []string
	for i := range 200 {
		cookies = append(cookies, fmt.Sprintf("auth%d=%s", i, w.value()))
	}
	w.is("ann", request("GET", "/", append(cookies, sid)...))
}

func TestExpiry_IdleAbsoluteAndTheCookiesOwn(t *testing.T) {
	o := backend.Options{Idle: time.Hour, Absolute: 10 * time.Hour}
	w := newWorld(t, o)
	idle, used, short := "sid="+w.value(), "sid="+w.value(), "sid="+w.value()
	w.bind("idle", request("POST", "/login"), sets(idle))
	w.bind("used", request("POST", "/login"), sets(used))
	w.bind("short", request("POST", "/login"), sets(short+"; Max-Age=600"))
	for range 11 {
		w.now = w.now.Add(50 * time.Minute)
		w.is("used", request("GET", "/", used))
		w.follow(request("GET", "/", used), says(200, "{}")) // it is written down that it is used
		w.is("unknown", request("GET", "/", short))
	}
	w.is("unknown", request("GET", "/", idle))
	w.restart(o)
	w.is("used", request("GET", "/", used))
	w.now = w.now.Add(50 * time.Minute)
	w.is("unknown", request("GET", "/", used)) // more than ten hours
	if err := w.Flush(t.Context()); err != nil || w.Sessions() != 0 {
		t.Errorf("%d sessions after they are over: %v", w.Sessions(), err)
	}
}

func TestRestart_KeepsSessionsAndNoCredential(t *testing.T) {
	w := newWorld(t, backend.Options{})
	sid, token := w.value(), "t0ken-0123456789abcdef"
	w.bind("ann", request("POST", "/login"), sets("weird="+sid))
	w.bind("bob", request("POST", "/login"), says(200, `{"token":"`+token+`"}`))
	next := w.value()
	w.follow(request("GET", "/", "weird="+sid), sets("weird="+next)) // within the five seconds
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w.restart(backend.Options{})
	w.is("ann", request("GET", "/", "weird="+next))
	w.is("bob", bearer(token))
	for r, err := range w.store.Scan(t.Context(), store.Query{Kind: "identity.backend.session"}) {
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{sid, token, next} {
			if bytes.Contains(r.Value, []byte(secret)) || strings.Contains(r.Key, secret) {
				t.Errorf("the store holds a credential: %s", r.Value)
			}
		}
	}
}

func TestSecondFactor_Halfway_IsUnknownUntilItIsGiven(t *testing.T) {
	w := newWorld(t, backend.Options{})
	half := "sid=" + w.value()
	if _, err := w.Bind(t.Context(), backend.SignIn{Request: request("POST", "/login"), Answer: sets(half), Account: "ann", Halfway: true}); err != nil {
		t.Fatal(err)
	}
	w.is("unknown", request("GET", "/", half))
	r := request("POST", "/otp", half)
	if account, ok := w.Halfway(r); account != "ann" || !ok {
		t.Errorf("halfway is %q", account)
	}
	full := "sid=" + w.value()
	b, err := w.Bind(t.Context(), backend.SignIn{Request: r, Answer: sets(full), SecondFactor: true})
	if err != nil || !b.Principal.SecondFactor {
		t.Fatalf("bound %+v: %v", b, err)
	}
	w.is("ann", request("GET", "/", full))
	w.is("unknown", request("GET", "/", half))
	if _, err := w.Bind(t.Context(), backend.SignIn{Request: request("POST", "/otp"), Answer: sets("sid=" + w.value()), SecondFactor: true}); err == nil {
		t.Error("a second factor without a first was bound")
	}
}

func TestBind_SignsInAsAnother_EndsTheFirst(t *testing.T) {
	w := newWorld(t, backend.Options{})
	ann, bob := "sid="+w.value(), "sid="+w.value()
	w.bind("ann", request("POST", "/login"), sets(ann))
	w.bind("bob", request("POST", "/login", ann), sets(bob))
	w.is("bob", request("GET", "/", bob))
	w.is("unknown", request("GET", "/", ann))
}

// TestBind_BalancersCookie has a value that everybody gets.
func TestBind_ValueThatTwoPeopleGet_IsNoSession(t *testing.T) {
	w := newWorld(t, backend.Options{})
	balancer := "auth_node=n0de-0123456789abcdef"
	ann, bob := "sid="+w.value(), "sid="+w.value()
	w.bind("ann", request("POST", "/login"), sets(balancer, ann))
	w.bind("bob", request("POST", "/login"), sets(balancer, bob))
	w.is("none", request("GET", "/", balancer))
	w.is("ann", request("GET", "/", balancer, ann))
	w.is("bob", request("GET", "/", balancer, bob))
}

func TestBasic_IsKnownAfterItWasTaken(t *testing.T) {
	w := newWorld(t, backend.Options{})
	r := request("GET", "/dav")
	r.SetBasicAuth("ann", "correct horse battery")
	w.is("none", r)
	for range 100 {
		w.bind("ann", r, says(207, ""))
		w.is("ann", r)
	}
	if w.Sessions() != 1 {
		t.Errorf("%d sessions of one", w.Sessions())
	}
	w.follow(r, says(401, "")) // the password was changed
	w.is("none", r)
}

func TestDeclaredCookies_AreTheOnlyOnes(t *testing.T) {
	w := newWorld(t, backend.Options{Cookies: []string{"s"}})
	w.bind("ann", request("POST", "/login"), sets("s=short1", "other_session="+w.value()))
	w.is("ann", request("GET", "/", "s=short1"))
	w.is("none", request("GET", "/", "other_session="+w.value()))
}

func TestAliases_FromThePersonsOwnRow(t *testing.T) {
	w := newWorld(t, backend.Options{Roles: []string{"users.role"}})
	bind := func(records ...exchange.Record) gatehouse.Principal {
		b, err := w.Bind(t.Context(), backend.SignIn{Request: request("POST", "/login"), Answer: sets("sid=" + w.value()), Account: "ann@x", Records: records})
		if err != nil {
			t.Fatal(err)
		}
		return b.Principal
	}
	columns := []string{"public.users.id", "public.users.email", "public.users.role"}
	for _, c := range columns {
		if !w.Wants(c) {
			t.Errorf("%s is not wanted", c)
		}
	}
	if w.Wants("public.users.password_hash") || w.Wants("public.posts.body") {
		t.Error("more is wanted than says who somebody is")
	}
	own := exchange.Record{Columns: columns, Values: []string{"42", "Ann@X", "editor"}}
	p := bind(exchange.Record{Columns: columns, Values: []string{"1", "bob@x", "admin"}}, own, exchange.Record{Columns: []string{"public.carts.id", "public.carts.name"}, Values: []string{"7", "cart"}})
	if len(p.Aliases) != 1 || p.Aliases[0] != (gatehouse.Alias{Name: "users.id", Value: "42", Provenance: "sign-in row"}) || len(p.Roles) != 1 || p.Roles[0] != "editor" {
		t.Errorf("aliases %v, roles %v", p.Aliases, p.Roles)
	}
	if p := bind(own, exchange.Record{Columns: columns, Values: []string{"43", "ann@x", "editor"}}); len(p.Aliases) != 0 {
		t.Errorf("two rows have the name, and the alias is %v", p.Aliases)
	}
	if p := bind(); len(p.Aliases) != 0 {
		t.Errorf("aliases of nothing: %v", p.Aliases)
	}
}

func TestAliases_MeAndConfiguration(t *testing.T) {
	o := backend.Options{
		Me:       []backend.Me{{Path: "/api/me", Aliases: map[string]string{"user.id": "users.id", "user.uuid": "users.uuid"}}},
		Accounts: []backend.Account{{Name: "Ann", Roles: []string{"admin"}, Tenant: "acme", Aliases: []gatehouse.Alias{{Name: "users.uuid", Value: "declared", Provenance: "claimed"}}}},
	}
	w := newWorld(t, o)
	sid := "sid=" + w.value()
	w.bind("ann", request("POST", "/login"), sets(sid))
	w.follow(request("GET", "/api/other", sid), says(200, `{"user":{"id":1}}`))
	w.follow(request("GET", "/api/me", sid), says(200, `{"user":{"id":42,"uuid":"claimed"},"friends":[{"user":{"id":43}}]}`))
	w.follow(request("GET", "/api/me", "sid="+w.value()), says(200, `{"user":{"id":99}}`))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w.restart(o)
	p := w.Find(t.Context(), request("GET", "/", sid)).Principal
	want := "[{users.uuid declared configuration} {users.id 42 /me}]"
	if fmt.Sprint(p.Aliases) != want || p.Tenant != "acme" || len(p.Roles) != 1 {
		t.Errorf("the principal is %+v, want aliases %s", p, want)
	}
}

// TestBound_ManySessions_MemoryIsBounded: neither one account nor very many fill
// the memory or the store, and who is there keeps being known.
func TestBound_ManySessions_MemoryIsBounded(t *testing.T) {
	w := newWorld(t, backend.Options{MaxSessions: 1000, MaxPerAccount: 4})
	regular := "sid=" + w.value()
	w.bind("regular", request("POST", "/login"), sets(regular))
	for i := range 20_000 {
		account := fmt.Sprint("account", i)
		if i%2 == 0 {
			account = "mallory"
		}
		w.bind(account, request("POST", "/login"), sets("sid="+w.value()))
		w.now = w.now.Add(time.Second)
		if i%50 == 0 {
			w.is("regular", request("GET", "/", regular))
		}
	}
	if w.Sessions() > 1000 {
		t.Errorf("%d sessions", w.Sessions())
	}
	n := 0
	for _, err := range w.store.Scan(t.Context(), store.Query{Kind: "identity.backend.session"}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n > 1000 {
		t.Errorf("%d sessions in the store", n)
	}
}

func TestStoreGone_IsSaidAndTheSessionHolds(t *testing.T) {
	w := newWorld(t, backend.Options{})
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	sid := "sid=" + w.value()
	if _, err := w.Bind(t.Context(), backend.SignIn{Request: request("POST", "/login"), Answer: sets(sid), Account: "ann"}); err == nil {
		t.Error("nothing is said")
	}
	w.is("ann", request("GET", "/", sid))
	if err := w.End(t.Context(), request("POST", "/logout", sid)); err == nil {
		t.Error("nothing is said")
	}
	w.is("unknown", request("GET", "/", sid))
}

func TestConcurrent_UseOfOneSession(t *testing.T) {
	w := newWorld(t, backend.Options{})
	sid := "sid=" + w.value()
	w.bind("ann", request("POST", "/login"), sets(sid))
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 200 {
				own := fmt.Sprintf("sid=c0ncurrent-%d-%d-abcdef", g, i)
				if err := w.Follow(t.Context(), request("GET", "/", sid), nil, sets(own)); err != nil {
					t.Error(err)
				}
				w.Find(t.Context(), request("GET", "/", own))
				if _, err := w.Bind(t.Context(), backend.SignIn{Request: request("POST", "/login"), Answer: sets(own + "x"), Account: fmt.Sprint("p", g)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if w.Sessions() > 1+8*32 {
		t.Errorf("%d sessions", w.Sessions())
	}
}

func TestNew_BadOptions_AreRefusedByName(t *testing.T) {
	s, err := memory.New(memory.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for want, o := range map[string]backend.Options{
		"Store": {}, "Idle": {Store: s, Idle: 1}, "MaxSessions": {Store: s, MaxSessions: -1}, "Cookies[0]": {Store: s, Cookies: []string{""}},
		"Me[0]": {Store: s, Me: []backend.Me{{Path: "me"}}}, "names no member": {Store: s, Me: []backend.Me{{Path: "/me"}}}, "Accounts[0]": {Store: s, Accounts: []backend.Account{{}}},
	} {
		if _, err := backend.New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v", want, err)
		}
	}
}

func FuzzFollow(f *testing.F) {
	f.Add("sid=0123456789abcdef; a=b", "sid=fedcba9876543210; Max-Age=5", `{"token":"0123456789abcdef"}`)
	s, err := memory.New(memory.Options{})
	if err != nil {
		f.Fatal(err)
	}
	source, err := backend.New(backend.Options{Store: s, MaxSessions: 100})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, cookie, set, body string) {
		r := request("POST", "/token", cookie)
		r.Header.Set("Authorization", cookie)
		a := signin.Answer{Status: 200, Header: http.Header{"Set-Cookie": {set}}, Body: []byte(body)}
		if _, err := source.Bind(t.Context(), backend.SignIn{Request: r, Answer: a, Account: "ann"}); err != nil {
			t.Fatal(err)
		}
		if err := source.Follow(t.Context(), r, nil, a); err != nil {
			t.Fatal(err)
		}
		source.Find(t.Context(), r)
		if n := source.Sessions(); n > 100 {
			t.Fatalf("%d sessions", n)
		}
	})
}

func BenchmarkFind_Cookie(b *testing.B) {
	s, err := memory.New(memory.Options{})
	if err != nil {
		b.Fatal(err)
	}
	o, err := backend.New(backend.Options{Store: s})
	if err != nil {
		b.Fatal(err)
	}
	sid := "sid=0123456789abcdef0123456789abcdef"
	if _, err := o.Bind(b.Context(), backend.SignIn{Request: request("POST", "/login"), Answer: sets(sid), Account: "ann"}); err != nil {
		b.Fatal(err)
	}
	r := request("GET", "/", "_ga=GA1.2.123456789.123456789", "theme=dark", sid)
	b.ReportAllocs()
	for b.Loop() {
		if o.Find(b.Context(), r).Outcome != source.Known {
			b.Fatal("not known")
		}
	}
	runtime.KeepAlive(o)
}
