package signin_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse/identity/signin"
)

const (
	formType = "application/x-www-form-urlencoded"
	jsonType = "application/json"
)

func find(t *testing.T, f *signin.Finder, method, target, kind, body string) signin.Attempt {
	t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", kind)
	}
	return f.Find(r, parsed(t, r))
}

// TestFind_WhatApplicationsSend has requests as real applications send them,
// with those that are no attempt at all.
func TestFind_WhatApplicationsSend(t *testing.T) {
	f := newFinder(t)
	for _, c := range []struct {
		name, method, target, kind, body string
		want                             signin.Kind
		account, secret                  string
	}{
		{"a form", "POST", "/login", formType, "email=Ann%40Example.com&password=x", signin.SignIn, "ann@example.com", "x"},
		{"Symfony", "POST", "/login", formType, "_username=ann&_password=x&_csrf_token=abc", signin.SignIn, "ann", "x"},
		{"Java", "POST", "/j_security_check", formType, "j_username=ann&j_password=x", signin.SignIn, "ann", "x"},
		{"Jira", "POST", "/login.jsp", formType, "os_username=ann&os_password=x&os_cookie=true", signin.SignIn, "ann", "x"},
		{"CakePHP", "POST", "/users/login", formType, "data%5BUser%5D%5Busername%5D=ann&data%5BUser%5D%5Bpassword%5D=x", signin.SignIn, "ann", "x"},
		{"Roundcube", "POST", "/?_task=login", formType, "_token=abcdef&_task=login&_action=login&_timezone=&_url=&_user=ann&_pass=x", signin.SignIn, "ann", "x"},
		{"phpMyAdmin", "POST", "/index.php?route=/", formType, "pma_username=ann&pma_password=x&server=1&token=616263", signin.SignIn, "ann", "x"},
		{"password grant", "POST", "/oauth/token", formType, "grant_type=password&username=ann&password=x&client_id=web", signin.SignIn, "ann", "x"},
		{"refresh grant", "POST", "/oauth/token", formType, "grant_type=refresh_token&refresh_token=abcdefghijklmnop", signin.None, "", ""},
		{"JSON in variables", "POST", "/graphql", jsonType, `{"query":"mutation L($e:String!){login}","variables":{"email":"ann@x","password":"x"}}`, signin.SignIn, "ann@x", "x"},
		{"GraphQL with its values", "POST", "/graphql", jsonType, `{"query":"mutation { login(email: \"ann@x\", password: \"x\\\"y\") { token } }"}`, signin.SignIn, "ann@x", `x"y`},
		{"GraphQL in the query", "GET", "/graphql?query=mutation%7Blogin(email:%22ann@x%22,password:%22x%22)%7Btoken%7D%7D", "", "", signin.SignIn, "ann@x", "x"},
		{"GraphQL with an object", "POST", "/graphql", jsonType, `{"query":"mutation { login(in: {email: \"ann@x\", password: \"x\"}) { token } }"}`, signin.SignIn, "ann@x", "x"},
		{"GraphQL that reads", "POST", "/graphql", jsonType, `{"query":"query { user(email: \"ann@x\") { id } }"}`, signin.None, "", ""},
		{"an action of one script", "POST", "/ajax.php?action=login", formType, "username=ann&password=x", signin.SignIn, "ann", "x"},
		{"a password alone", "POST", "/admin/login", formType, "password=x", signin.SignIn, "", "x"},
		{"in the query", "GET", "/login?user=ann&password=x", "", "", signin.SignIn, "ann", "x"},
		{"identifier first", "POST", "/signin/identifier", formType, "identifier=ann%40x.com", signin.SignIn, "ann@x.com", ""},
		{"German", "POST", "/anmelden", formType, "benutzername=ann&passwort=x", signin.SignIn, "ann", "x"},
		{"fullwidth", "POST", "/login", formType, "user=%EF%BC%A1%EF%BD%8E%EF%BD%8E&password=x", signin.SignIn, "ann", "x"},
		{"a space", "POST", "/login", formType, "user=Ann+Lee&password=a+b", signin.SignIn, "ann lee", "a b"},
		{"a plus", "POST", "/login", formType, "email=ann%2Bshop%40x.com&password=x", signin.SignIn, "ann+shop@x.com", "x"},

		{"sign-up by words", "POST", "/register", formType, "email=ann%40x&password=x", signin.SignUp, "ann@x", "x"},
		{"sign-up by two passwords", "POST", "/account", formType, "username=ann&password1=x&password2=x", signin.SignUp, "ann", "x"},
		{"Rails sign-up", "POST", "/users", formType, "user%5Bemail%5D=ann%40x&user%5Bpassword%5D=x&user%5Bpassword_confirmation%5D=x", signin.SignUp, "ann@x", "x"},
		{"REST sign-up", "POST", "/api/users", jsonType, `{"name":"Ann","email":"ann@x","password":"x"}`, signin.SignUp, "ann@x", "x"},
		{"recovery", "POST", "/password_reset/", formType, "csrfmiddlewaretoken=abc&email=ann%40x", signin.Recovery, "ann@x", ""},
		{"Devise recovery", "POST", "/users/password", formType, "user%5Bemail%5D=ann%40x&commit=Send", signin.Recovery, "ann@x", ""},
		{"WordPress recovery", "POST", "/wp-login.php?action=lostpassword", formType, "user_login=ann&redirect_to=", signin.Recovery, "ann", ""},
		{"recovery's end", "POST", "/reset-password", formType, "token=0123456789abcdef&password=x&password_confirmation=x", signin.Recovery, "", "0123456789abcdef"},
		{"one-time code", "POST", "/login/otp", formType, "otp=123456", signin.SecondFactor, "", "123456"},
		{"code in groups", "POST", "/two-factor-challenge", formType, "_token=abc&code=123+456", signin.SecondFactor, "", "123 456"},
		{"Gitea's code", "POST", "/user/two_factor", formType, "_csrf=x&passcode=123456", signin.SecondFactor, "", "123456"},
		{"JSON code", "POST", "/api/auth/mfa/verify", jsonType, `{"mfa_code":"123456"}`, signin.SecondFactor, "", "123456"},
		{"password again", "POST", "/sudo", formType, "password=x", signin.Confirm, "", "x"},
		{"password changed", "POST", "/settings/password", formType, "current_password=x&new_password=y&confirm_password=y", signin.Confirm, "", "x"},
		{"sign-out", "POST", "/logout", formType, "_csrf=abc", signin.SignOut, "", ""},
		{"sign-out by a link", "GET", "/users/sign_out", "", "", signin.SignOut, "", ""},
		{"Rails sign-out", "DELETE", "/session", "", "", signin.SignOut, "", ""},
		{"MediaWiki sign-out", "GET", "/index.php?title=Special:UserLogout", "", "", signin.SignOut, "", ""},
		{"MediaWiki's API", "POST", "/api.php", formType, "action=clientlogin&format=json&loginreturnurl=https%3A%2F%2Fx%2F&logintoken=abc&username=ann&password=x", signin.SignIn, "ann", "x"},
		{"a coupon", "POST", "/cart/coupon", formType, "coupon_code=SUMMER", signin.Coupon, "", "SUMMER"},
		{"a gift card", "POST", "/api/redeem", jsonType, `{"giftCardCode":"AB12-CD34"}`, signin.Coupon, "", "AB12-CD34"},

		{"a picture of a door", "GET", "/static/logout.svg", "", "", signin.None, "", ""},
		{"the form itself", "GET", "/login", "", "", signin.None, "", ""},
		{"a search for it", "GET", "/search?q=password", "", "", signin.None, "", ""},
		{"a comment", "POST", "/comments", formType, "name=Ann&email=ann%40x&comment=hello", signin.None, "", ""},
		{"a newsletter", "POST", "/newsletter", formType, "email=ann%40x", signin.None, "", ""},
		{"a contact form", "POST", "/contact", formType, "email=ann%40x&message=I+forgot+my+password", signin.None, "", ""},
		{"an address", "POST", "/checkout/address", formType, "name=Ann&zip_code=123456&city=Bern&country_code=CH", signin.None, "", ""},
		{"a payment", "POST", "/pay", formType, "card_number=4111111111111111&security_code=123", signin.None, "", ""},
		{"a checkout with an empty coupon", "POST", "/checkout", formType, "coupon_code=&city=Bern", signin.None, "", ""},
		{"an order", "POST", "/orders", jsonType, `{"items":[{"sku":"a1","code":"123456"}],"customer":{"email":"ann@x"}}`, signin.None, "", ""},
		{"a comment on recovery", "POST", "/blog/reset-your-life/comments", formType, "name=Ann&email=ann%40x&comment=this+is+what+I+think", signin.None, "", ""},
		{"a profile", "POST", "/auth/profile", formType, "email=ann%40x", signin.None, "", ""},
		{"a program", "POST", "/code/run", jsonType, `{"code":"abc123"}`, signin.None, "", ""},
		{"a preference", "POST", "/settings", formType, "show_password=1&password_hint=x", signin.None, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := find(t, f, c.method, c.target, c.kind, c.body)
			secret := ""
			if len(a.Secrets) > 0 {
				secret = a.Secrets[0].Reveal()
			}
			if a.Kind != c.want || a.Account != c.account || secret != c.secret || a.Batch {
				t.Errorf("found %v %q %q (%s), want %v %q %q", a.Kind, a.Account, secret, a.Why, c.want, c.account, c.secret)
			}
			if a.Ambiguous && c.want != signin.SignUp {
				t.Errorf("ambiguous: %+v", a)
			}
		})
	}
}

// TestFind_ReadingsOfOneSecret_AreToldFromSeveral: a space in a form is a plus to
// some backends.
func TestFind_ReadingsOfOneSecret_AreToldFromSeveral(t *testing.T) {
	f := newFinder(t)
	for _, c := range []struct {
		name, kind, body string
		secrets          int
		readings         bool
	}{
		{"a space", formType, "user=ann&password=It%27s+a+horse", 2, true},
		{"none", formType, "user=ann&password=correct", 1, false},
		{"a space as %20", formType, "user=ann&password=It%27s%20a%20horse", 1, false},
		{"two fields", formType, "user=ann&password=It%27s+a+horse&password=battery-staple", 4, false},
		{"two fields that look like readings", formType, "user=ann&password=a&pass=b", 2, false},
		{"JSON", jsonType, `{"user":"ann","password":["correct horse","correct+horse"]}`, 2, false},
	} {
		if a := find(t, f, "POST", "/login", c.kind, c.body); len(a.Secrets) != c.secrets || a.Readings != c.readings {
			t.Errorf("%s: %d secrets, readings is %v, want %d and %v", c.name, len(a.Secrets), a.Readings, c.secrets, c.readings)
		}
	}
}

// TestFind_TwoAccounts_AreAmbiguous has the ways to name a victim beside oneself.
func TestFind_TwoAccounts_AreAmbiguous(t *testing.T) {
	f := newFinder(t)
	for name, c := range map[string][3]string{
		"the field twice":         {"/login", formType, "email=victim%40x&email=mallory%40x&password=x"},
		"in the query too":        {"/login?email=victim%40x", formType, "email=mallory%40x&password=x"},
		"another field":           {"/login", formType, "username=victim&email=mallory%40x&password=x"},
		"a weaker one":            {"/login", formType, "user=victim&email=mallory%40x&password=x"},
		"a member twice":          {"/login", jsonType, `{"email":"victim@x","email":"mallory@x","password":"x"}`},
		"inside another object":   {"/login", jsonType, `{"email":"mallory@x","user":{"email":"victim@x"},"password":"x"}`},
		"under aliases":           {"/graphql", jsonType, `{"query":"mutation { a: login(email: \"victim@x\", password: \"1\") { token } b: login(email: \"mallory@x\", password: \"2\") { token } }"}`},
		"many guesses for one":    {"/graphql", jsonType, `{"query":"mutation { a: login(email: \"victim@x\", password: \"1\") { token } b: login(email: \"victim@x\", password: \"2\") { token } }"}`},
		"a batch":                 {"/login", jsonType, `[{"email":"victim@x","password":"1"},{"email":"victim@x","password":"2"}]`},
		"a password member twice": {"/login", jsonType, `{"email":"victim@x","password":"1","password":"2"}`},
	} {
		t.Run(name, func(t *testing.T) {
			a := find(t, f, "POST", c[0], c[1], c[2])
			if a.Kind != signin.SignIn || !a.Ambiguous {
				t.Errorf("found %+v, want an ambiguous sign-in", a)
			}
			if !slices.Contains(append(a.Others, a.Account), "victim") && !slices.Contains(append(a.Others, a.Account), "victim@x") {
				t.Errorf("the victim is not among %q, %q", a.Account, a.Others)
			}
		})
	}
}

func TestFind_MoreThanAPersonSends_IsABatch(t *testing.T) {
	var guesses []string
	for _, s := range strings.Split("abcdefghijklmnopqrstuvwxyz", "") {
		guesses = append(guesses, `{"email":"victim@x","password":"`+s+`"}`)
	}
	if a := find(t, newFinder(t), "POST", "/login", jsonType, "["+strings.Join(guesses, ",")+"]"); !a.Batch || len(a.Secrets) > signin.MaxSecrets {
		t.Errorf("found %d secrets, batch %v", len(a.Secrets), a.Batch)
	}
}

func TestFind_Declared_WinsOverWhatIsFound(t *testing.T) {
	f, err := signin.NewFinder(signin.FinderOptions{CaseSensitive: true, Routes: []signin.Route{
		{Path: "/enter", Kind: signin.SignIn, Account: "u", Secret: "p"},
		{Path: "/tenant/login", Kind: signin.SignIn, Account: "person", Secret: "password"},
		{Path: "/login", Kind: signin.None, Reason: "it is an example of a form"},
		{Path: "/bye", Kind: signin.SignOut},
		{Path: "/pin", Method: "PUT", Kind: signin.SecondFactor, Secret: "digits"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		method, target, body string
		want                 signin.Kind
		account              string
	}{
		{"POST", "/enter", "u=Ann&p=x", signin.SignIn, "Ann"},
		{"POST", "/enter", "u=Ann&p=x&email=victim%40x", signin.SignIn, "Ann"},
		{"GET", "/enter", "", signin.None, ""},
		{"POST", "/tenant/login", "account=acme&person=ann&password=x", signin.SignIn, "ann"},
		{"POST", "/login", "email=ann%40x&password=x", signin.None, ""},
		{"GET", "/bye", "", signin.SignOut, ""},
		{"PUT", "/pin", "digits=1234", signin.SecondFactor, ""},
		{"POST", "/pin", "digits=1234", signin.None, ""},
	} {
		a := find(t, f, c.method, c.target, formType, c.body)
		if a.Kind != c.want || a.Account != c.account || a.Ambiguous {
			t.Errorf("%s %s: found %v %q, ambiguous %v; want %v %q", c.method, c.target, a.Kind, a.Account, a.Ambiguous, c.want, c.account)
		}
	}
}

func TestNewFinder_BadRoutes_AreRefusedByName(t *testing.T) {
	for want, route := range map[string]signin.Route{
		"pattern":          {Path: "login", Kind: signin.SignIn},
		"without a reason": {Path: "/login"},
		"unknown kind":     {Path: "/login", Kind: 99},
	} {
		if _, err := signin.NewFinder(signin.FinderOptions{Routes: []signin.Route{route}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want one about %q", route, err, want)
		}
	}
}

func TestFind_Basic_IsASignInWithEachRequest(t *testing.T) {
	r := httptest.NewRequest("PROPFIND", "/dav/", nil)
	r.SetBasicAuth("Ann", "x")
	a := newFinder(t).Find(r, nil)
	if a.Kind != signin.SignIn || a.Account != "ann" || a.Secrets[0].Reveal() != "x" {
		t.Fatalf("found %+v", a)
	}
	m := newModel(t, nil)
	for status, want := range map[int]signin.Outcome{207: signin.Success, 401: signin.Failure, 404: signin.Unsure, 500: signin.Unjudged} {
		if v := m.Judge(r, a, signin.Answer{Status: status, Header: http.Header{}}); v.Outcome != want {
			t.Errorf("%d is told as %v: %s", status, v.Outcome, v.Why)
		}
	}
}

func TestAccount_OneSpelling(t *testing.T) {
	for _, c := range [][2]string{
		{"Ann@Example.COM", "ann@example.com"}, {"  ann ", "ann"}, {"ａｎｎ", "ann"}, {"a\u200bnn", "ann"}, {"STRASSE", "strasse"}, {"straße", "strasse"},
		{"ann\x00", "ann"}, {"\u00e9", "e\u0301"}, {"ﬁn", "fin"},
	} {
		if signin.Account(c[0]) != signin.Account(c[1]) {
			t.Errorf("%q is %q, and %q is %q", c[0], signin.Account(c[0]), c[1], signin.Account(c[1]))
		}
	}
	if signin.Account("josé") == signin.Account("jose") {
		t.Error("two names are one")
	}
	long := strings.Repeat("x", 5000)
	if got := signin.Account(long); len(got) > 256 || got == signin.Account(long+"y") {
		t.Errorf("a long name is %d bytes, and another's the same: %v", len(got), got == signin.Account(long+"y"))
	}
}

func FuzzFind(f *testing.F) {
	f.Add("POST", "/login", formType, "email=a&password=b")
	f.Add("POST", "/graphql", jsonType, `{"query":"mutation { login(email: \"a\", password: \"\"\"b\"\"\") }"}`)
	finder := newFinder(f)
	model := newModel(f, nil)
	f.Fuzz(func(t *testing.T, method, target, kind, body string) {
		r, err := http.NewRequest(method, "http://shop.example.com/"+strings.TrimPrefix(target, "/"), strings.NewReader(body))
		if err != nil {
			return
		}
		r.Header.Set("Content-Type", kind)
		a := finder.Find(r, parsedLoosely(t, r))
		if len(a.Secrets) > signin.MaxSecrets || len(a.Others) > signin.MaxSecrets || len(a.Account) > 256 {
			t.Fatalf("unbounded: %d secrets, %d others, %d bytes", len(a.Secrets), len(a.Others), len(a.Account))
		}
		// The same text may be a backend's answer.
		v := model.Judge(r, signin.Attempt{Kind: signin.SignIn, Route: "POST /login", Account: "ann", Named: true}, signin.Answer{
			Status: 200, Header: http.Header{"Content-Type": {kind}, "Set-Cookie": {target}}, Body: []byte(body),
		})
		if v.Binds && v.Outcome != signin.Success {
			t.Fatalf("binds without a success: %+v", v)
		}
	})
}

func TestFind_DeepPath_ItsEndCounts(t *testing.T) {
	f, err := signin.NewFinder(signin.FinderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", strings.Repeat("/a-word-b", 12)+"/logout", nil)
	if a := f.Find(r, nil); a.Kind != signin.SignOut {
		t.Errorf("found %v", a.Kind)
	}
}
