package access_test

import (
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/access"
)

// Each of these is /admin/users/7 or below /admin/ to some server or framework.
var tricks = []string{
	"/admin/users/7", "/admin/users/7/", "/Admin/Users/7", "/ADMIN/users/7", "//admin/users/7", "/admin//users/7", "/./admin/users/7", "/x/../admin/users/7",
	"/products/..%2fadmin/users/7", "/products/%2e%2e/admin/users/7", "/products/%2e%2e%2fadmin%2fusers%2f7", "/products/..;/admin/users/7", "/products/..;x=1/admin/users/7",
	"/%61dmin/users/7", "/%2561dmin/users/7", "/%252561dmin/users/7", "/admin%2fusers%2f7", "/admin%252fusers/7", "/admin;x=1/users/7", "/;/admin/users/7", "/;x/admin/users/7",
	"/admin;/users/7", "/admin%3bx/users/7", "/admin%00/users/7", "/admin/users/7%00.png", "/admin%20/users/7", "/admin./users/7", "/admin%2e/users/7", "/%20admin/users/7",
	`/admin\users\7`, "/admin%5cusers%5c7", `/products/..\admin/users/7`, "/admin.json", "/admin.html", "/admin/users/7.json", "/admin/users/7.css", "/admin/users/7;.css", "/admin/users/7%3b.png",
	"/admin/users/7/x.js", "/admin/users/7%23.png", "/admin%3f/users/7", "/admin/users/7%3f.png", "/admin/health/../users/7", "/admin/health/..;/users/7", "/admin/health%2f..%2fusers/7", "/admin/health;x/../users/7",
	"/%u0061dmin/users/7", "/products/..%c0%afadmin/users/7", "/products/%c0%ae%c0%ae/admin/users/7", "/%c1%a1dmin/users/7", "/%ef%bd%81dmin/users/7", "/adm%c4%b1n/users/7", "/admin::$DATA/users/7",
	"/products/%2e%2e;/admin/users/7", "/products/x/../../admin/users/7", "/../admin/users/7", "/admin/users/./7", "/admin/%2e/users/7", "/admin%0d%0a/users/7", "/admin%09/users/7",
	"/avatars/..%2f..%2fadmin/users/7.png", "/admin%2f", "/admin/.", "/admin/..%2fadmin/users/7", "/admin/health.json/../users/7",
}

func TestCheck_PathTricks_DoNotMatter(t *testing.T) {
	a := newAccess(t, shop())
	for _, p := range tricks {
		for _, who := range []gatehouse.Principal{nobody, ann, seller} {
			for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS", "PUT", "TRACE", "PROPFIND", "get"} {
				d := a.Check(access.Request{Method: method, Path: p, Principal: who}, noon)
				want := 403
				if !who.Known() {
					want = 401
				}
				if d.Verdict == gatehouse.Pass || d.HTTPStatus() != want {
					t.Errorf("%s %s by %q: %s by %q with %d", method, p, who.ID, d.Verdict, d.Rule, d.HTTPStatus())
				}
			}
		}
	}
}

func TestCheck_OrdinaryPathsOfAnybody_Pass(t *testing.T) {
	a := newAccess(t, shop())
	for _, p := range []string{
		"/", "/index.html", "/products/3", "/Products/3", "/products//3", "/@scope%2fname", "/@admin/posts", "/blog/how-to-be-an-admin", "/administer", "/admins/list", "/admin-panel-review",
		"/x/admin", "/x/admin/users", "/search/a%26b", "/caf%C3%A9", "/files/report.pdf", "/files/v1.2.3.tar.gz", "/.well-known/security.txt", "/a;b=c/d", "/wiki/C%2B%2B", "/wiki/50%25",
		"/repo/info/refs", "/orders", "/a/b/c/d/e/f/g", "/static/admin.css", "/tags/%F0%9F%98%80", "/~ann/", "/office.html/x", "/favicon.ico", "/x/./y", "/robots.txt", "/admin/health",
		"/avatars/7.png", "/AVATARS/7.png", "/q?",
	} {
		if d := a.Check(access.Request{Method: "GET", Path: p}, noon); d.Verdict != gatehouse.Pass {
			t.Errorf("%s: %s by %q: %s", p, d.Verdict, d.Rule, d.Evidence)
		}
	}
}

func TestCheck_EverythingDeniesByDefault_SlashesCaseAndEndingsOfWhatIsPublicPass(t *testing.T) {
	a := newAccess(t, access.Options{DefaultDeny: []string{"/"}, Rules: []access.Rule{
		{Path: "/{$}", Public: true, Reason: "the front page"},
		{Path: "/orders", Public: true, Reason: "x"},
		{Path: "/docs/v1.{minor}", Public: true, Reason: "x"},
		{Path: "/caf%C3%89/", Public: true, Reason: "x"},
		{Path: "/API/", Public: true, Reason: "x"},
		{Path: "/app.js", Public: true, Reason: "x"},
		{Path: "/files/{rest...}", Public: true, Reason: "x"},
	}})
	for p, pass := range map[string]bool{
		"/": true, "": true, "//": true, "/orders": true, "/orders/": true, "/ORDERS": true, "/orders/7": false, "/docs/v1.2": true, "/caf%C3%89/x": true, "/caf%C3%A9/x": true,
		"/API/x": true, "/api/x": true, "/API": true, "/app.js": true, "/app": false, "/app.css": false, "/files/a/b.pdf": true, "/files": true, "/files/../x": false, "/else": false,
		"/orders.json": false, "/" + strings.Repeat("a/", 200): false,
	} {
		d := a.Check(access.Request{Method: "GET", Path: p}, noon)
		if (d.Verdict == gatehouse.Pass) != pass {
			t.Errorf("%s: %s by %q", p, d.Verdict, d.Rule)
		}
	}
}

func TestCheck_PathOfManySegments_IsRefusedWhereAnythingIsRuled(t *testing.T) {
	long := "/%2e/" + strings.Repeat("a/", 200) + "../admin/users/7"
	if d := newAccess(t, shop()).Check(access.Request{Method: "GET", Path: long}, noon); d.Verdict == gatehouse.Pass || d.HTTPStatus() != 400 {
		t.Errorf("%s with %d", d.Verdict, d.HTTPStatus())
	}
	if d := newAccess(t, access.Options{}).Check(access.Request{Method: "GET", Path: long}, noon); d.Verdict != gatehouse.Pass {
		t.Error("refused where nothing is ruled")
	}
}

// backends are how servers and frameworks make a path of what they are sent, each
// written apart from the package's own readings.
var backends = map[string]func(string) string{
	"as it is": func(s string) string { return s },
	"net/http": func(s string) string {
		u, err := url.PathUnescape(s)
		if err != nil {
			return s
		}
		return path.Clean("/" + u)
	},
	"Tomcat": func(s string) string {
		parts := strings.Split(s, "/")
		for i, p := range parts {
			parts[i], _, _ = strings.Cut(p, ";")
		}
		u, err := url.PathUnescape(strings.Join(parts, "/"))
		if err != nil {
			return s
		}
		return path.Clean("/" + u)
	},
	"IIS": func(s string) string {
		u, err := url.PathUnescape(s)
		if err != nil {
			return s
		}
		return strings.ToLower(path.Clean("/" + strings.ReplaceAll(u, `\`, "/")))
	},
	"a proxy and a backend that both decode": func(s string) string {
		for range 2 {
			u, err := url.PathUnescape(s)
			if err != nil {
				return s
			}
			s = u
		}
		return path.Clean("/" + s)
	},
	"Rails": func(s string) string {
		u, err := url.PathUnescape(strings.TrimRight(s, "/"))
		if err != nil {
			return s
		}
		u = path.Clean("/" + u)
		return strings.TrimSuffix(u, path.Ext(u))
	},
	"C": func(s string) string {
		u, err := url.PathUnescape(s)
		if err != nil {
			return s
		}
		u, _, _ = strings.Cut(u, "\x00")
		return path.Clean("/" + u)
	},
}

// FuzzCheck holds the package to backends: where one of them would serve what is
// below /admin/, nobody may be let in without the role.
func FuzzCheck(f *testing.F) {
	for _, p := range tricks {
		f.Add(p)
	}
	f.Add("/x/admin")
	f.Add("/admin/health")
	a := newAccess(f, access.Options{DefaultDeny: []string{"/admin/"}, Rules: []access.Rule{
		{Path: "/admin/users/{id}", Roles: []string{"admin"}},
		{Path: "/public/", Public: true},
	}})
	f.Fuzz(func(t *testing.T, p string) {
		if len(p) > 4096 || !strings.HasPrefix(p, "/") {
			return
		}
		d := a.Check(access.Request{Method: "GET", Path: p}, noon)
		for name, read := range backends {
			got := read(p)
			if (got == "/admin" || strings.HasPrefix(got, "/admin/")) && d.Verdict == gatehouse.Pass {
				t.Errorf("%q is %q to %s, and passed by %q", p, got, name, d.Rule)
			}
		}
		if again := a.Check(access.Request{Method: "GET", Path: p}, noon); again != d {
			t.Error("two answers to one question")
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	o := shop()
	for _, n := range strings.Fields("a b c d e f g h i j") {
		o.Rules = append(o.Rules, access.Rule{Path: "/" + n + "/{id}/items", SignedIn: true})
	}
	a := newAccess(b, o)
	for name, q := range map[string]access.Request{
		"NoRule":   {Method: "GET", Path: "/products/42", Principal: ann},
		"SignedIn": {Method: "GET", Path: "/orders/42", Principal: ann},
		"Role":     {Method: "GET", Path: "/admin/users/42", Principal: admin},
		"Refused":  {Method: "GET", Path: "/admin/users/42", Principal: ann},
		"Escaped":  {Method: "GET", Path: "/caf%C3%A9/42", Principal: ann},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				a.Check(q, noon)
			}
		})
	}
}
