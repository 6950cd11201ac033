package gateway

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A teller is a backend whose answers tell which accounts there are: by words, by a
// cookie, by where it redirects to, and by time.
type teller struct {
	compares time.Duration // what a password takes
	drawn    atomic.Int64
}

func (b *teller) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html")
	if r.Method == http.MethodGet {
		http.SetCookie(w, &http.Cookie{Name: "csrftoken", Value: "k3v9x0q27bz5m1w8r4a1", Path: "/"})
		fmt.Fprint(w, `<form method="post"><input name="user"><input type="password" name="password"></form>`)
		return
	}
	name := r.FormValue("user")
	want := officePasswords[name]
	http.SetCookie(w, &http.Cookie{Name: "csrftoken", Value: fmt.Sprintf("k3v9x0q27bz5m1w8r4%03d", b.drawn.Add(1)), Path: "/"})
	if r.URL.Path == "/forgot-password" {
		if want == "" {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, "<p>There is no account by that name.")
			return
		}
		http.Redirect(w, r, "/forgot-password/sent", http.StatusSeeOther)
		return
	}
	if want != "" {
		time.Sleep(b.compares)
	}
	switch {
	case want == "":
		w.Header().Set("X-Reason", "nobody")
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `<p class="error">There is no such user.</p>`)
	case want != r.FormValue("password"):
		http.SetCookie(w, &http.Cookie{Name: "last_user", Value: name, Path: "/"})
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `<p class="error">Wrong password.</p><form method="post"><input name="user"><input type="password" name="password"></form>`)
	default:
		http.SetCookie(w, &http.Cookie{Name: "sid", Value: fmt.Sprintf("s3ss10n-%08d-abcdef", b.drawn.Add(1)), Path: "/", HttpOnly: true})
		http.Redirect(w, r, "/home", http.StatusSeeOther)
	}
}

const alike = "network: {trusted_proxies: [127.0.0.1]}\napplication: {ratelimit: {sign_in: 1000/min}}\nidentity: {sign_in: {alike: true}}"

// said is all of an answer that its client can tell it from others by.
func said(a answered) string {
	h := a.Header.Clone()
	for _, name := range []string{"Date", RequestIDHeader, "Ratelimit"} { // which counts down
		h.Del(name)
	}
	for i, line := range h["Set-Cookie"] { // a token is drawn anew each time
		h["Set-Cookie"][i], _, _ = strings.Cut(line, "=")
	}
	return fmt.Sprint(a.Status, h, a.text)
}

func TestAlike_FailuresAndRecoveries_TellNoAccountFromNobody(t *testing.T) {
	t.Parallel() // each failure is held back
	g := newGate(t, &teller{}, written(t, alike))
	for _, accept := range []string{"text/html,*/*;q=0.8", "application/json"} {
		for _, path := range []string{"/login", "/forgot-password"} {
			told := map[string][]string{}
			for i := range 2 { // five recoveries of one account are let through
				for _, name := range []string{"ann", "bob", "nobody", "nemo"} {
					form := url.Values{"user": {name}}
					if path == "/login" {
						form.Set("password", fmt.Sprint("wrong", i, name))
					}
					a := g.do(g.request("POST", path, strings.NewReader(form.Encode()), "Content-Type: application/x-www-form-urlencoded", "Accept: "+accept,
						fmt.Sprintf("X-Forwarded-For: 203.0.113.%d", 10*len(told)+i), "X-Forwarded-Proto: https", "Cookie: csrftoken=k3v9x0q27bz5m1w8r4a1", "Referer: "+g.url+"/login?next=%2Fcart"))
					told[said(a)] = append(told[said(a)], name)
					if id := a.Header.Get(RequestIDHeader); id == "" || strings.Contains(a.text, id) {
						t.Errorf("request %q: %s", id, a.text)
					}
				}
			}
			if len(told) != 1 {
				t.Errorf("%s for %s: %d different answers: %v", path, accept, len(told), told)
			}
			for words := range told {
				html := strings.HasPrefix(accept, "text/html")
				if strings.Contains(words, `href="/login?next=%2Fcart"`) != html || strings.Contains(words, "last_user") || !strings.Contains(words, "csrftoken") || strings.Contains(words, "X-Reason") {
					t.Errorf("%s for %s is told %s", path, accept, words)
				}
			}
		}
	}
}

// TestAlike_APersonWhoMistypes is told so, and gets in with the next try, by a form
// whose token is renewed with every answer.
func TestAlike_APersonWhoMistypes_GetsIn(t *testing.T) {
	g := newGate(t, &teller{}, written(t, alike))
	ann := &visitor{g: g, from: "198.51.100.1"}
	ann.do("GET", "/login", "")
	for i := range 3 {
		before := ann.cookies["csrftoken"]
		if a := ann.signIn("ann", fmt.Sprint("mistyped", i)); a.StatusCode != http.StatusUnauthorized || ann.cookies["csrftoken"] == before {
			t.Errorf("%s, token %q and then %q", a.Status, before, ann.cookies["csrftoken"])
		}
	}
	if a := ann.signIn("ann", "correct horse"); a.StatusCode != http.StatusSeeOther || ann.cookies["sid"] == "" {
		t.Errorf("the right password: %s %v", a.Status, ann.cookies)
	}
	if told := g.found(EventFilter{}, "authn_login_fail"); len(told) != 3 {
		t.Errorf("%d failures are told, want 3", len(told))
	}
	if found := g.found(EventFilter{}, "authn_login_fail_max"); len(found) > 0 {
		t.Errorf("a person was refused: %v", found)
	}
}

func TestAlike_TimeOfFailures_IsTheSame(t *testing.T) {
	g := newGate(t, &teller{compares: 60 * time.Millisecond}, written(t, alike))
	// A busy machine makes some of them late, and none early: where it has, it is asked
	// again. What a name itself takes longer, it takes each time.
	took := map[string]time.Duration{"ann": time.Minute, "nobody": time.Minute}
	const most = 40 * time.Millisecond
	apart := func() time.Duration { return (took["ann"] - took["nobody"]).Abs() }
	for i := 0; i < 4 || i < 8 && apart() > most; i++ {
		for name, least := range took {
			v := &visitor{g: g, from: fmt.Sprintf("203.0.113.%d", i)}
			began := time.Now()
			v.signIn(name, fmt.Sprint("wrong", i))
			took[name] = min(least, time.Since(began))
		}
	}
	if apart() > most || took["nobody"] < 250*time.Millisecond {
		t.Errorf("failures take %v", took)
	}
}

func TestAlike_WhereItIsNotAskedFor_TheBackendAnswers(t *testing.T) {
	for name, config := range map[string]string{
		"not configured": "network: {trusted_proxies: [127.0.0.1]}",
		"watched":        alike + "\nmodes: {identity/throttle: observe}",
	} {
		g := newGate(t, &teller{}, written(t, config))
		nobody := &visitor{g: g, from: "203.0.113.1"}
		if a := nobody.signIn("nobody", "x"); a.StatusCode != http.StatusNotFound || !strings.Contains(a.text, "no such user") {
			t.Errorf("%s: %s %s", name, a.Status, a.text)
		}
	}
}

// TestThrottle_Refusals are the same for names that nobody has, whatever reason.
func TestThrottle_Refusals_TellNoAccountFromNobody(t *testing.T) {
	g := newGate(t, &teller{}, written(t, "network: {trusted_proxies: [127.0.0.1]}\napplication: {ratelimit: {sign_in: 1000/min}}"))
	owner := &visitor{g: g, from: "198.51.100.1"}
	owner.signIn("ann", "correct horse")
	told := map[string]map[string]bool{"ann": {}, "nobody": {}}
	for name, words := range told {
		for i := range 10 {
			a := (&visitor{g: g, from: "203.0.113.1"}).signIn(name, fmt.Sprint("guess", i))
			if a.StatusCode == http.StatusTooManyRequests {
				a.text = strings.ReplaceAll(a.text, a.Header.Get(RequestIDHeader), "")
				a.Header.Del("Content-Length")
				words[said(a)] = true
			}
		}
	}
	if len(told["ann"]) == 0 || fmt.Sprint(told["ann"]) != fmt.Sprint(told["nobody"]) {
		t.Errorf("told %v", told)
	}
}
