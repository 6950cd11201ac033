package exposed

import (
	"bytes"
	"net/http"
	"regexp"
	"strings"

	"github.com/gatehousehq/gatehouse"
)

// Held is how much of an answer's body CheckAnswer wants, in bytes.
const Held = 16 << 10

// A tool is known by its answer where its path is one that a site may own.
type tool struct {
	closed
	// path says of the segments, in lower case, whether this may be it.
	path func(segs []string) bool
	// head says of the answer's head whether it is; nil says nothing.
	head func(h http.Header) bool
	// body is compared with the beginning of the body, where head does not say
	// so; nil never matches.
	body *regexp.Regexp
	// plain is set where an HTML page is none of it.
	plain bool
}

func first(names ...string) func([]string) bool {
	return func(segs []string) bool {
		for _, n := range names {
			if under(segs, n) || bases[segs[0]] && under(segs[1:], n) {
				return true
			}
		}
		return false
	}
}

func last(names ...string) func([]string) bool {
	return func(segs []string) bool {
		for _, n := range names {
			if segs[len(segs)-1] == n {
				return true
			}
		}
		return false
	}
}

func ends(endings ...string) func([]string) bool {
	return func(segs []string) bool {
		for _, e := range endings {
			if strings.HasSuffix(segs[len(segs)-1], e) {
				return true
			}
		}
		return false
	}
}

func within(name string) func([]string) bool {
	return func(segs []string) bool {
		for _, s := range segs {
			if s == name {
				return true
			}
		}
		return false
	}
}

// tools are looked for where Check passed.
var tools = []tool{
	{
		closed: closed{rule: RuleDebug, what: "an endpoint of Spring Boot's actuator"}, path: within("actuator"),
		head: func(h http.Header) bool {
			return strings.HasPrefix(h.Get("Content-Type"), "application/vnd.spring-boot.actuator")
		},
		body: regexp.MustCompile(`^\s*\{"_links":\{"self":\{"href":"[^"]*/actuator"`), plain: true,
	},
	{
		closed: closed{rule: RuleDebug, what: "phpinfo"}, path: ends(".php"),
		body: regexp.MustCompile(`<title>(?:PHP [\d.]+[\w.+~-]* - )?phpinfo\(\)</title>`),
	},
	{
		closed: closed{rule: RuleDebug, what: "Werkzeug's console"}, path: last("console"),
		body: regexp.MustCompile(`EVALEX = (?:true|false),\s*EVALEX_TRUSTED|<title>Console // Werkzeug Debugger</title>`),
	},
	{
		closed: closed{rule: RuleDebug, what: "Laravel Telescope"}, path: first("telescope"),
		body: regexp.MustCompile(`<title>Telescope - |window\.Telescope = `),
	},
	{
		closed: closed{rule: RuleDebug, what: "Laravel Horizon"}, path: first("horizon"),
		body: regexp.MustCompile(`<title>Horizon - |window\.Horizon = `),
	},
	{
		closed: closed{rule: RuleDebug, what: "Solr's administration"}, path: first("solr"),
		body: regexp.MustCompile(`<title>Solr Admin</title>|<html ng-app="solrAdminApp"`),
	},
	{
		closed: closed{rule: RuleDebug, what: "Clockwork's data"}, path: first("__clockwork", "clockwork"),
		body: regexp.MustCompile(`^\s*\{"id":"[\d-]+-\w+","version":\d`), plain: true,
	},
	{
		closed: closed{rule: RuleDebug, what: "Go's profiler"}, path: within("pprof"),
		body: regexp.MustCompile(`<title>[^<]{0,200}/debug/pprof/</title>|^goroutine profile: total \d`),
	},
	{
		closed: closed{rule: RuleDebug, what: "a page for developers that names keys and passwords"}, path: last("debug", "_debug", "debug.php", "debuginfo"),
		body: regexp.MustCompile(`\b[A-Z][A-Z0-9_]{0,40}_(?:API_?KEY|SECRET|SECRET_KEY|PASSWORD|PRIVATE_KEY|ACCESS_KEY|TOKEN)\b`),
	},
	{
		closed: closed{rule: RuleBackup, what: "a dump of a database"}, path: ends(".sql", ".dump", ".sql.txt", ".bak"),
		body: regexp.MustCompile(`^(?:/\*M!\S+ [^\n]*\n)?(?:-- (?:MySQL|MariaDB) dump \d|--\s*\n-- PostgreSQL database (?:cluster )?dump|PGDMP|-- phpMyAdmin SQL Dump|-- Adminer \d|PRAGMA foreign_keys=OFF;\s*BEGIN TRANSACTION;)`), plain: true,
	},
	{
		closed: closed{rule: RuleBackup, what: "a database's file"}, path: ends(".db", ".sqlite", ".sqlite3", ".db3"),
		body: regexp.MustCompile(`^SQLite format 3\x00`), plain: true,
	},
	{
		closed: closed{rule: RuleBackup, what: "a program's source"}, path: ends(".bak", ".old", ".orig", ".save", "~", ".inc", ".php5", ".phps", ".php"),
		body: regexp.MustCompile(`^\s*<\?php\s`), plain: true,
	},
	{
		closed: closed{rule: RuleSettings, what: "a private key"}, path: ends(".pem", ".key", "_rsa", "_ed25519", ".ppk", ".asc"),
		body: regexp.MustCompile(`^-----BEGIN (?:[A-Z0-9]+ ){0,2}PRIVATE KEY|^PuTTY-User-Key-File-`), plain: true,
	},
	{
		closed: closed{rule: RuleSettings, what: "settings with credentials"}, path: last("docker-compose.yml", "docker-compose.yaml", "compose.yml", "database.yml", "secrets.yml", "config.yml", "settings.yml", "application.yml", "application.properties", "appsettings.json", "wp-config.php", "config.php", "settings.py", "local_settings.py", "config.json"),
		body: regexp.MustCompile(`(?im)^\s*["']?[\w.:-]*(?:password|passwd|secret|secret_key|secret_key_base|api_?key|access_?key)["']?\s*[:=]\s*["']?[^\s"'${<]{6,}`), plain: true,
	},
}

// WantsAnswer reports whether CheckAnswer may have something to say about the
// answer to r, so that the answer's beginning need be held for no other.
func (e *Exposed) WantsAnswer(r *http.Request) bool {
	if r.Method == http.MethodHead {
		return false
	}
	path := r.URL.EscapedPath()
	return len(candidates(path)) > 0 && !e.opened(path)
}

// candidates are the tools that a path may be.
func candidates(path string) (list []*tool) {
	if len(path) <= 1 {
		return nil
	}
	all, _ := readings(path) // what can't be read was refused
	for _, segs := range all {
		if len(segs) == 0 || throughBrowser(segs) {
			continue
		}
		for i := range tools {
			if tools[i].path(segs) {
				list = append(list, &tools[i])
			}
		}
	}
	return list
}

// throughBrowser reports whether a forge shows a repository's file.
func throughBrowser(segs []string) bool {
	for i, s := range segs {
		if i > 0 && browsers[s] {
			return true
		}
	}
	return false
}

// CheckAnswer decides about an answer to r by its status, its head and the
// beginning of its body, decoded, up to [Held] bytes. Only what was answered
// with success is closed: the rest shows nothing.
func (e *Exposed) CheckAnswer(r *http.Request, status int, h http.Header, beginning []byte) gatehouse.Decision {
	if status < 200 || status > 299 || !e.WantsAnswer(r) {
		return gatehouse.Passed()
	}
	beginning = beginning[:min(len(beginning), Held)]
	page := strings.HasPrefix(h.Get("Content-Type"), "text/html") && !bytes.HasPrefix(bytes.TrimSpace(beginning), []byte("<?php"))
	health := bytes.HasPrefix(bytes.TrimSpace(beginning), []byte(`{"status":`))
	for _, t := range candidates(r.URL.EscapedPath()) {
		if t.plain && page {
			continue
		}
		byHead := t.head != nil && t.head(h) && !health && !openActuator(r.URL.Path)
		if !byHead && (t.body == nil || !t.body.Match(beginning)) {
			continue
		}
		return gatehouse.Denied(t.rule, gatehouse.Place{Kind: gatehouse.PathSegment}, "the backend answered with %s; open it with `routes: open` and a reason", t.what).
			WithStatus(http.StatusNotFound)
	}
	return gatehouse.Passed()
}

// openActuator reports whether an endpoint of Spring Boot's is one that is
// meant to be asked.
func openActuator(path string) bool {
	_, name, _ := strings.Cut(strings.ToLower(path), "/actuator/")
	name, _, _ = strings.Cut(name, "/")
	switch stem(name) {
	case "health", "info", "metrics", "prometheus":
		return true
	}
	return false
}

// A holder holds the beginning of an answer for CheckAnswer.
type holder struct {
	w       http.ResponseWriter
	r       *http.Request
	e       *Exposed
	status  int
	held    []byte
	decided bool
	refused bool
}

func (h *holder) Header() http.Header { return h.w.Header() }

// WriteHeader keeps the status until the answer is decided.
func (h *holder) WriteHeader(status int) {
	if status < 200 {
		h.w.WriteHeader(status)
	} else if h.status == 0 {
		h.status = status
	}
}

func (h *holder) Write(p []byte) (int, error) {
	if h.status == 0 {
		h.status = http.StatusOK
	}
	if h.decided {
		if h.refused {
			return len(p), nil
		}
		return h.w.Write(p)
	}
	h.held = append(h.held, p...)
	if len(h.held) < Held {
		return len(p), nil
	}
	return len(p), h.decide()
}

func (h *holder) finish() {
	if h.status == 0 {
		h.status = http.StatusOK
	}
	if !h.decided {
		_ = h.decide() // an error means that the client has gone
	}
}

func (h *holder) decide() error {
	h.decided = true
	if d := h.e.CheckAnswer(h.r, h.status, h.w.Header(), h.held); d.Verdict != gatehouse.Pass {
		h.refused = true
		for _, name := range []string{"Content-Encoding", "Content-Length", "ETag", "Last-Modified", "Accept-Ranges", "Set-Cookie"} {
			h.w.Header().Del(name)
		}
		http.Error(h.w, http.StatusText(d.HTTPStatus()), d.HTTPStatus())
		return nil
	}
	h.w.WriteHeader(h.status)
	_, err := h.w.Write(h.held)
	return err
}
