package exposed_test

import (
	"net/http"
	"testing"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/exposed"
)

func newExposed(t testing.TB, open ...exposed.Opening) *exposed.Exposed {
	t.Helper()
	e, err := exposed.New(exposed.Options{Open: open})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func request(t testing.TB, target string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, "http://shop.example.com"+target, nil)
	if err != nil {
		t.Skip("no request")
	}
	return r
}

func TestCheck_WhatNobodyOutsideShouldSee_IsClosed(t *testing.T) {
	e := newExposed(t)
	for path, rule := range map[string]string{
		"/.git/config": exposed.RuleVersionControl, "/.GIT/HEAD": exposed.RuleVersionControl, "/%2egit/config": exposed.RuleVersionControl,
		"/%252egit/config": exposed.RuleVersionControl, "/static/../.git/config": exposed.RuleVersionControl, "/.git;x=1/config": exposed.RuleVersionControl,
		"//.svn/entries": exposed.RuleVersionControl, "/.env": exposed.RuleSettings, "/.env.production": exposed.RuleSettings, "/app/.env": exposed.RuleSettings,
		"/.aws/credentials": exposed.RuleSettings, "/.htpasswd": exposed.RuleSettings, "/id_rsa": exposed.RuleSettings, "/web.config": exposed.RuleSettings,
		"/wp-config.php.bak": exposed.RuleBackup, "/index.php~": exposed.RuleBackup, "/.index.php.swp": exposed.RuleBackup, "/config.php.old": exposed.RuleBackup,
		"/actuator/env": exposed.RuleDebug, "/actuator/heapdump": exposed.RuleDebug, "/debug/pprof/heap": exposed.RuleDebug, "/server-status": exposed.RuleDebug,
		"/_profiler/phpinfo": exposed.RuleDebug, "/api/actuator/env": exposed.RuleDebug, "/__debug__/render_panel/": exposed.RuleDebug, "/elmah.axd": exposed.RuleDebug,
	} {
		d := e.Check(request(t, path))
		if d.Verdict == gatehouse.Pass || d.Rule != rule || d.HTTPStatus() != http.StatusNotFound {
			t.Errorf("%s: %v by %q with %d, want %q", path, d.Verdict, d.Rule, d.HTTPStatus(), rule)
		}
	}
}

func TestCheck_OrdinaryPaths_Pass(t *testing.T) {
	e := newExposed(t)
	for _, path := range []string{
		"/", "/1", "/2", "/old", "/bak", "/orders/17", "/.well-known/acme-challenge/x", "/.well-known/security.txt", "/actuator/health", "/actuator/info",
		"/environment", "/git", "/blog/how-to-remove-.git-folders", "/owner/repo/blob/main/.env.example", "/owner/repo/src/.gitignore", "/debug-your-code",
		"/server-statuses", "/console", "/admin", "/static/app.js", "/a.tar.gz", "/report.2", "/v1/backup", "/@scope%2fname", "/index.php", "/status",
		"/wiki/.htaccess_explained", "/favicon.ico", "/docs/~user/", "/image.png.1",
	} {
		if d := e.Check(request(t, path)); d.Verdict != gatehouse.Pass {
			t.Errorf("%s is closed by %s: %s", path, d.Rule, d.Evidence)
		}
	}
}

func TestCheck_OpenedWithAReason_Passes(t *testing.T) {
	if _, err := exposed.New(exposed.Options{Open: []exposed.Opening{{Path: "/debug/"}}}); err == nil {
		t.Error("opened without a reason")
	}
	e := newExposed(t, exposed.Opening{Path: "/debug/", Reason: "inside the office's network alone"})
	if d := e.Check(request(t, "/debug/pprof/heap")); d.Verdict != gatehouse.Pass {
		t.Error("still closed")
	}
	if d := e.Check(request(t, "/.git/config")); d.Verdict == gatehouse.Pass {
		t.Error("more than the path was opened")
	}
}

func TestCheckAnswer_IsToldByWhatItSays(t *testing.T) {
	e := newExposed(t)
	for _, c := range []struct {
		path, kind, body string
		closed           bool
	}{
		{"/info.php", "text/html", "<html><head><title>PHP 8.2.1 - phpinfo()</title>", true},
		{"/info.php", "text/html", "<html><head><title>About us</title>", false},
		{"/backup.sql", "application/sql", "-- MySQL dump 10.13  Distrib 8.0", true},
		{"/lesson.sql", "text/plain", "SELECT 1; -- the first lesson", false},
		{"/console", "text/html", "<title>Console // Werkzeug Debugger</title>", true},
		{"/console", "text/html", "<title>Your console</title>", false},
		{"/data.sqlite", "application/octet-stream", "SQLite format 3\x00\x10", true},
	} {
		h := http.Header{"Content-Type": {c.kind}}
		if d := e.CheckAnswer(request(t, c.path), http.StatusOK, h, []byte(c.body)); (d.Verdict != gatehouse.Pass) != c.closed {
			t.Errorf("%s with %q: %v by %q", c.path, c.body, d.Verdict, d.Rule)
		}
		if d := e.CheckAnswer(request(t, c.path), http.StatusNotFound, h, []byte(c.body)); d.Verdict != gatehouse.Pass {
			t.Errorf("%s with 404 is closed", c.path)
		}
	}
}

func TestInURL_FindsSecretsAndNoOthers(t *testing.T) {
	for target, rule := range map[string]string{
		"/?PHPSESSID=8f4a2b1c9d0e3f5a7b6c8d9e0f": exposed.RuleSessionInURL, "/api?access_token=abcdef0123456789": exposed.RuleTokenInURL, "/login?password=hunter2hunter2": exposed.RulePasswordInURL,
		"/shop;jsessionid=0A1B2C3D4E5F": exposed.RuleSessionInURL, "/search?q=password": "", "/?page=2": "", "/?token=": "",
	} {
		found := exposed.InURL(request(t, target))
		switch {
		case rule == "" && len(found) > 0:
			t.Errorf("%s: %+v", target, found)
		case rule != "" && (len(found) == 0 || found[0].Rule != rule):
			t.Errorf("%s: %+v, want %s", target, found, rule)
		}
	}
}

func FuzzCheck(f *testing.F) {
	for _, p := range []string{"/1", "/.git/config", "/a.bak", "/%2e%2e/.env", "/~", "/.", "/;/x", "/.swp"} {
		f.Add(p)
	}
	e := newExposed(f)
	f.Fuzz(func(t *testing.T, path string) {
		r, err := http.NewRequest(http.MethodGet, "http://a/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.URL.Path, r.URL.RawPath = path, ""
		e.Check(r)
		e.CheckAnswer(r, 200, http.Header{}, []byte(path))
		exposed.InURL(r)
	})
}
