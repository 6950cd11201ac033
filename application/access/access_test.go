package access_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/access"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func newAccess(t testing.TB, o access.Options) *access.Access {
	t.Helper()
	if o.Now == nil {
		o.Now = func() time.Time { return noon }
	}
	a, err := access.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func nets(list ...string) (out []netip.Prefix) {
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// shop is a site with rules of every sort.
func shop() access.Options {
	return access.Options{
		DefaultDeny: []string{"/admin/", "/internal/"},
		Rules: []access.Rule{
			{Path: "/admin/health", Public: true, Reason: "the load balancer asks"},
			{Path: "/admin/reports/", Roles: []string{"auditor", "admin"}},
			{Path: "/admin/keys", Roles: []string{"admin"}, SecondFactor: true, MaxAge: 10 * time.Minute},
			{Path: "/admin/users/{id}", Roles: []string{"admin"}, Methods: []string{"GET", "POST"}},
			{Path: "/orders/{id}", SignedIn: true, Methods: []string{"GET"}},
			{Path: "/orders/{id}", Roles: []string{"seller"}, Methods: []string{"DELETE"}},
			{Path: "/api/orders", Scopes: []string{"orders:read", "orders:list"}},
			{Path: "/old/", SignedIn: true, Unknown: true, Reason: "sessions from before the gate live for a week"},
			{Path: "/office/", Public: true, Addresses: nets("203.0.113.0/24", "2001:db8:1::/48")},
			{Path: "/avatars/{id}.png", Public: true},
			{Path: "/avatars/{id}", SignedIn: true},
		},
	}
}

var (
	nobody  = gatehouse.Principal{}
	ann     = gatehouse.Principal{ID: "ann", Issuer: "backend"}
	admin   = gatehouse.Principal{ID: "ada", Issuer: "backend", Roles: []string{"admin"}, SignedIn: noon.Add(-time.Minute)}
	strong  = gatehouse.Principal{ID: "ada", Issuer: "https://id.example.com", Roles: []string{"admin"}, SignedIn: noon.Add(-time.Minute), SecondFactor: true}
	stale   = gatehouse.Principal{ID: "ada", Issuer: "https://id.example.com", Roles: []string{"admin"}, SignedIn: noon.Add(-time.Hour), SecondFactor: true}
	early   = gatehouse.Principal{ID: "ada", Issuer: "https://id.example.com", Roles: []string{"admin"}, SignedIn: noon.Add(time.Hour), SecondFactor: true}
	undated = gatehouse.Principal{ID: "ada", Issuer: "https://id.example.com", Roles: []string{"admin"}, SecondFactor: true}
	auditor = gatehouse.Principal{ID: "gus", Roles: []string{"reader", "auditor"}}
	seller  = gatehouse.Principal{ID: "sam", Roles: []string{"seller"}}
	scoped  = gatehouse.Principal{ID: "bot", Scopes: []string{"orders:list", "x", "orders:read"}}
	half    = gatehouse.Principal{ID: "bot", Scopes: []string{"orders:read"}, Roles: []string{"admin"}}
)

func TestCheck_WhoMayCallWhat(t *testing.T) {
	a := newAccess(t, shop())
	for _, tc := range []struct {
		method, path string
		who          gatehouse.Principal
		rule         string // of the decision
		status       int    // zero: passes
	}{
		{"GET", "/", nobody, access.RuleNone, 0},
		{"GET", "/products/3", nobody, access.RuleNone, 0},
		{"POST", "/login", nobody, access.RuleNone, 0},
		{"GET", "/administrators", nobody, access.RuleNone, 0},
		{"GET", "/admin/health", nobody, "", 0},
		{"GET", "/admin/health/", nobody, "", 0},
		{"GET", "/admin", nobody, access.RuleDefault, 401},
		{"GET", "/admin/", nobody, access.RuleDefault, 401},
		{"GET", "/admin/", admin, access.RuleDefault, 403},
		{"GET", "/admin/unheard/of", ann, access.RuleDefault, 403},
		{"GET", "/internal/metrics", admin, access.RuleDefault, 403},
		{"GET", "/admin/reports/2026/may", nobody, access.RuleSignIn, 401},
		{"GET", "/admin/reports/2026/may", ann, access.RuleRole, 403},
		{"GET", "/admin/reports/2026/may", auditor, "", 0},
		{"GET", "/admin/reports", auditor, "", 0},
		{"GET", "/admin/users/7", admin, "", 0},
		{"HEAD", "/admin/users/7", admin, "", 0},
		{"POST", "/admin/users/7", admin, "", 0},
		{"PUT", "/admin/users/7", admin, access.RuleMethod, 403},
		{"get", "/admin/users/7", admin, access.RuleMethod, 403},
		{"TRACE", "/admin/users/7", admin, access.RuleMethod, 403},
		{"OPTIONS", "/admin/users/7", nobody, access.RuleMethod, 401},
		{"JEFF", "/orders/7", nobody, access.RuleMethod, 401},
		{"GET", "/admin/users/7/edit", admin, access.RuleDefault, 403},
		{"POST", "/admin/keys", nobody, access.RuleSignIn, 401},
		{"POST", "/admin/keys", ann, access.RuleRole, 403},
		{"POST", "/admin/keys", admin, access.RuleSecondFactor, 403},
		{"POST", "/admin/keys", strong, "", 0},
		{"POST", "/admin/keys", stale, access.RuleAge, 401},
		{"POST", "/admin/keys", early, access.RuleAge, 401},
		{"POST", "/admin/keys", undated, access.RuleAge, 401},
		{"GET", "/orders/7", nobody, access.RuleSignIn, 401},
		{"HEAD", "/orders/7", nobody, access.RuleSignIn, 401},
		{"GET", "/orders/7", ann, "", 0},
		{"GET", "/orders/7.json", nobody, access.RuleSignIn, 401},
		{"GET", "/orders/7.json", ann, "", 0},
		{"DELETE", "/orders/7", ann, access.RuleRole, 403},
		{"DELETE", "/orders/7", seller, "", 0},
		{"PATCH", "/orders/7", seller, access.RuleMethod, 403},
		{"GET", "/orders", nobody, access.RuleNone, 0},
		{"GET", "/api/orders", ann, access.RuleScope, 403},
		{"GET", "/api/orders", half, access.RuleScope, 403},
		{"GET", "/api/orders", scoped, "", 0},
		{"GET", "/old/page", nobody, access.RuleSignIn, 401},
		{"GET", "/old/page", ann, "", 0},
		{"GET", "/avatars/7.png", nobody, "", 0},
		{"GET", "/avatars/7", nobody, access.RuleSignIn, 401},
		{"GET", "/old.html", nobody, access.RuleSignIn, 401}, // a rule of its own would open it
		{"GET", "/avatars/7.gif", nobody, access.RuleSignIn, 401},
		{"OPTIONS", "*", nobody, access.RuleNone, 0},
	} {
		d := a.Check(access.Request{Method: tc.method, Path: tc.path, Principal: tc.who}, noon)
		passed := d.Verdict == gatehouse.Pass
		if passed != (tc.status == 0) || d.Rule != tc.rule || !passed && d.HTTPStatus() != tc.status {
			t.Errorf("%s %s by %q: %s by %q with %d, want %q with %d", tc.method, tc.path, tc.who.ID, d.Verdict, d.Rule, d.HTTPStatus(), tc.rule, tc.status)
		}
		if !passed && d.Evidence == "" {
			t.Errorf("%s %s: no evidence", tc.method, tc.path)
		}
	}
}

func TestCheck_SecondFactorThatNobodyProves_SaysWhoDoesNot(t *testing.T) {
	d := newAccess(t, shop()).Check(access.Request{Method: "GET", Path: "/admin/keys", Principal: admin}, noon)
	if !strings.Contains(d.Evidence, "second factor") || !strings.Contains(d.Evidence, "backend") {
		t.Errorf("evidence %q", d.Evidence)
	}
}

func TestCheck_UnknownSession_IsWhatTheRuleSays(t *testing.T) {
	a := newAccess(t, shop())
	for path, want := range map[string]string{"/old/page": "", "/orders/7": access.RuleUnknown, "/admin/keys": access.RuleUnknown, "/admin/health": "", "/": access.RuleNone} {
		d := a.Check(access.Request{Method: "GET", Path: path, Unknown: true}, noon)
		if d.Rule != want || (d.Verdict != gatehouse.Pass) != (want == access.RuleUnknown) || want == access.RuleUnknown && d.HTTPStatus() != 401 {
			t.Errorf("%s: %s by %q with %d", path, d.Verdict, d.Rule, d.HTTPStatus())
		}
	}
}

func TestCheck_Addresses(t *testing.T) {
	a := newAccess(t, shop())
	for addr, pass := range map[string]bool{"203.0.113.7": true, "::ffff:203.0.113.7": true, "2001:db8:1::7": true, "2001:db8:2::7": false, "198.51.100.1": false} {
		d := a.Check(access.Request{Method: "GET", Path: "/office/door", Addr: netip.MustParseAddr(addr), Principal: admin}, noon)
		if (d.Verdict == gatehouse.Pass) != pass {
			t.Errorf("%s: %s", addr, d.Verdict)
		}
	}
	if d := a.Check(access.Request{Method: "GET", Path: "/office/door"}, noon); d.Verdict == gatehouse.Pass || d.Rule != access.RuleAddress {
		t.Error("an address that can't be told was let in")
	}
}

func TestCheck_MethodsThatARequestNamesBeside_AreHeldToTheirRules(t *testing.T) {
	a := newAccess(t, shop())
	for _, header := range []string{"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"} {
		r := httptest.NewRequest("GET", "/orders/7", nil)
		r.Header.Set(header, "delete")
		d := a.Check(access.Request{Method: r.Method, Path: "/orders/7", Overrides: access.Overrides(r), Principal: ann}, noon)
		if d.Verdict == gatehouse.Pass || d.Rule != access.RuleRole {
			t.Errorf("%s: %s by %q", header, d.Verdict, d.Rule)
		}
	}
	for query, want := range map[string]int{
		"_method=DELETE": 1, "a=1&_METHOD=delete": 1, "%5Fmethod=DELETE": 1, "_meth%6fd=DE%4cETE": 1, "a=b;_method=DELETE": 1, "_method=GET": 0,
		"": 0, "payment_method=card": 0, "q=_method": 0, "method=DELETE": 0, "%": 0,
	} {
		r := httptest.NewRequest("GET", "/orders/7", nil)
		r.URL.RawQuery = query
		got := access.Overrides(r)
		if len(got) != want || want == 1 && got[0] != "DELETE" {
			t.Errorf("%q: %v", query, got)
		}
	}
	r := httptest.NewRequest("GET", "/orders/7", nil)
	r.URL.RawQuery = "_method=A&_method=B&_method=C&_method=D&_method=E&_method=DELETE"
	if d := a.Check(access.Request{Method: "GET", Path: "/orders/7", Overrides: access.Overrides(r), Principal: ann}, noon); d.Verdict == gatehouse.Pass {
		t.Error("a request that names many methods was let in")
	}
}

func TestNew_OptionsThatMeanLessThanTheySay_AreRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		o    access.Options
		want string
	}{
		"nobody":               {access.Options{Rules: []access.Rule{{Path: "/a"}}}, "says nobody"},
		"both":                 {access.Options{Rules: []access.Rule{{Path: "/a", Public: true, Roles: []string{"x"}}}}, "is public and"},
		"unknown":              {access.Options{Rules: []access.Rule{{Path: "/a", SignedIn: true, Unknown: true}}}, "reason"},
		"unknown with a role":  {access.Options{Rules: []access.Rule{{Path: "/a", Roles: []string{"x"}, Unknown: true, Reason: "y"}}}, "unknown sessions"},
		"public below":         {access.Options{DefaultDeny: []string{"/admin/"}, Rules: []access.Rule{{Path: "/admin/x", Public: true}}}, "reason"},
		"public at the prefix": {access.Options{DefaultDeny: []string{"/admin/"}, Rules: []access.Rule{{Path: "/Admin", Public: true}}}, "reason"},
		"public everywhere":    {access.Options{DefaultDeny: []string{"/admin/"}, Rules: []access.Rule{{Path: "/", Public: true}}}, "reason"},
		"public by a wildcard": {access.Options{DefaultDeny: []string{"/admin/"}, Rules: []access.Rule{{Path: "/{page}", Public: true}}}, "reason"},
		"no slash":             {access.Options{DefaultDeny: []string{"/admin"}}, "ends in a slash"},
		"bad prefix":           {access.Options{DefaultDeny: []string{"admin/"}}, "DefaultDeny[0]"},
		"bad path":             {access.Options{Rules: []access.Rule{{Path: "a", Public: true}}}, "Rules[0]"},
		"method":               {access.Options{Rules: []access.Rule{{Path: "/a", Public: true, Methods: []string{"get"}}}}, "capital"},
		"age":                  {access.Options{Rules: []access.Rule{{Path: "/a", MaxAge: -1}}}, "max_age"},
		"empty role":           {access.Options{Rules: []access.Rule{{Path: "/a", Roles: []string{""}}}}, "empty role"},
		"address":              {access.Options{Rules: []access.Rule{{Path: "/a", Public: true, Addresses: make([]netip.Prefix, 1)}}}, "address"},
		"hidden by a prefix":   {access.Options{Rules: []access.Rule{{Path: "/a/", SignedIn: true}, {Path: "/a/b", Roles: []string{"x"}}}}, "put it first"},
		"hidden by itself":     {access.Options{Rules: []access.Rule{{Path: "/a", SignedIn: true}, {Path: "/a", Roles: []string{"x"}, Methods: []string{"GET"}}}}, "put it first"},
		"probing":              {access.Options{Probing: access.ProbingOptions{Routes: 99}}, "Probing.Routes"},
		"probing window":       {access.Options{Probing: access.ProbingOptions{Window: 1}}, "Probing.Window"},
		"probing everybody":    {access.Options{Probing: access.ProbingOptions{Everybody: 1}}, "Probing.Everybody"},
	} {
		_, err := access.New(tc.o)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}

func TestHandler_AnswersInBareWords(t *testing.T) {
	a := newAccess(t, shop())
	who := gatehouse.Principal{}
	h := a.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }),
		func(*http.Request) (gatehouse.Principal, netip.Addr) { return who, netip.Addr{} })
	for _, tc := range []struct {
		who  gatehouse.Principal
		path string
		want int
	}{{nobody, "/orders/7", 401}, {ann, "/orders/7", 204}, {ann, "/admin/users/7", 403}, {nobody, "/", 204}} {
		who = tc.who
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", tc.path, nil))
		if w.Code != tc.want || strings.Contains(w.Body.String(), "rule") {
			t.Errorf("%s: %d %q, want %d", tc.path, w.Code, w.Body, tc.want)
		}
	}
}
