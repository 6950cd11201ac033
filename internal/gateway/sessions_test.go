package gateway

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
)

// A renewer is a backend that changes the session's cookie with each answer, as
// Rails and Laravel do, and asks before it signs out.
type renewer struct {
	mu       sync.Mutex
	sessions map[string]string
	given    int
	user     string // whom the gate named last
}

func (b *renewer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.user = r.Header.Get("Gate-User")
	who, old := "", ""
	if c, err := r.Cookie("app_session"); err == nil {
		who, old = b.sessions[c.Value], c.Value
	}
	status, text := http.StatusOK, "<p>hello"
	switch right := officePasswords[r.FormValue("user")] == r.FormValue("password"); {
	case r.Method != http.MethodPost && r.URL.Path == "/logout":
		text = `<p>Do you want to log out?<form method="post"><button>Log out</button></form>`
	case r.URL.Path == "/logout":
		delete(b.sessions, old)
		http.SetCookie(w, &http.Cookie{Name: "app_session", Path: "/", MaxAge: -1})
		w.WriteHeader(http.StatusNoContent)
		return
	case r.URL.Path == "/login" && r.Method == http.MethodPost && !right:
		status, text = http.StatusUnprocessableEntity, "<p>Invalid email or password."
	case r.URL.Path == "/login" && r.Method == http.MethodPost:
		who, status = r.FormValue("user"), http.StatusSeeOther
		w.Header().Set("Location", "/")
	}
	delete(b.sessions, old)
	b.given++
	sid := fmt.Sprintf("k3v9x0q27bz5m1w8r4t6y2c7d5f0hg%08d", b.given)
	b.sessions[sid] = who
	http.SetCookie(w, &http.Cookie{Name: "app_session", Value: sid, Path: "/", HttpOnly: true})
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	fmt.Fprint(w, text)
}

// TestIdentity_SessionRenewedWithEachAnswer_IsFollowed by the answers to attempts
// too, where who is signed in stays so.
func TestIdentity_SessionRenewedWithEachAnswer_IsFollowed(t *testing.T) {
	b := &renewer{sessions: map[string]string{}}
	g := newGate(t, b, written(t, "network: {trusted_proxies: [127.0.0.1]}\n"))
	ann := &visitor{g: g, from: "198.51.100.1"}
	ann.do("GET", "/", "")
	ann.signIn("ann", "correct horse")
	for _, step := range []struct{ method, path, body string }{
		{"GET", "/", ""},
		{"POST", "/settings/password", "current_password=x&new_password=y&confirm_password=y"},
		{"POST", "/sudo", "password=x"},
		{"POST", "/cart/coupon", "coupon_code=SUMMER"},
		{"POST", "/users", "user%5Bname%5D=Eve&user%5Bemail%5D=eve%40x&user%5Bpassword%5D=x"},
		{"POST", "/login", "user=bob&password=wrong"},
		{"GET", "/logout", ""},
	} {
		ann.do(step.method, step.path, step.body)
		if ann.do("GET", "/", ""); b.user != "ann" {
			t.Errorf("after %s %s the backend is told %q", step.method, step.path, b.user)
		}
	}
	ann.signIn("bob", "battery staple")
	if ann.do("GET", "/", ""); b.user != "bob" {
		t.Errorf("after signing in as another the backend is told %q", b.user)
	}
	before := &visitor{g: g, from: ann.from, cookies: map[string]string{"app_session": ann.cookies["app_session"]}}
	ann.do("POST", "/logout", "x=1")
	for _, v := range []*visitor{ann, before} {
		if v.do("GET", "/", ""); b.user != "" {
			t.Errorf("after signing out the backend is told %q", b.user)
		}
	}
}
