package markup

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/input"
	"github.com/gatehousehq/gatehouse/taint"
)

// Rung is the layer's name on the ladder.
const Rung = "application/markup"

// The rules that a decision names. An input from a row of the database is told by
// RuleStored in their place.
const (
	// RuleElement: an input is an element that runs or loads what runs.
	RuleElement = "element"
	// RuleHandler: an input is an event handler, or code in one.
	RuleHandler = "handler"
	// RuleURL: an input is an address that runs, or that code comes from.
	RuleURL = "url"
	// RuleScript: an input is code of a script that the page has.
	RuleScript = "script"
	// RuleStored: any of these, of a value that a row of the database held. An
	// editor's page may hold scripts on purpose.
	RuleStored = "stored"
	// RuleRedirect: an input is the host that an answer sends its client to.
	RuleRedirect = "redirect"
	// RuleHeader: an input is a further line of an answer's header, or a whole
	// cookie.
	RuleHeader = "header"
)

// Held is how much of a body is held before its answer begins, in bytes.
const Held = 64 << 10

// An Exception lets inputs be markup at a path.
type Exception struct {
	Path   string // a pattern of package input
	Reason gatehouse.Reason
}

// Options configure Markup.
type Options struct {
	// Hosts are other hosts that inputs may redirect to.
	Hosts  []string
	Except []Exception
}

// Markup is the rung. Make it with [New]. It may be used concurrently.
type Markup struct {
	hosts  []string
	except []input.Pattern
}

// New checks the options. Every exception needs a reason.
func New(o Options) (*Markup, error) {
	m := &Markup{}
	for _, h := range o.Hosts {
		if h == "" || strings.ContainsAny(h, "/:@ ") && !strings.HasPrefix(h, "[") {
			return nil, fmt.Errorf("markup: Options.Hosts: %q is no host", h)
		}
		m.hosts = append(m.hosts, strings.ToLower(h))
	}
	for i, e := range o.Except {
		if !e.Reason.Given() {
			return nil, fmt.Errorf("markup: Options.Except[%d] (%s) has no reason", i, e.Path)
		}
		path, err := input.ParsePattern(e.Path)
		if err != nil {
			return nil, fmt.Errorf("markup: Options.Except[%d]: %w", i, err)
		}
		m.except = append(m.except, path)
	}
	return m, nil
}

// A kind is how a browser reads a body.
type kind uint8

const (
	notRead kind = iota
	asHTML
	asXML
	asScript
	sniffed // HTML where its first bytes say so
)

func kindOf(h http.Header) kind {
	full := h.Get("Content-Type")
	t, _, _ := strings.Cut(full, ";") // mime.ParseMediaType reads no more of it, and allocates
	t = strings.ToLower(strings.TrimSpace(t))
	switch {
	case t == "text/html":
		return asHTML
	case t == "application/xhtml+xml", t == "image/svg+xml", t == "text/xml", t == "application/xml", strings.HasSuffix(t, "+xml"):
		return asXML
	case strings.Contains(t, "javascript"), strings.Contains(t, "ecmascript"):
		return asScript
	case t == "", t == "application/unknown", t == "unknown/unknown", t == "*/*", !strings.Contains(t, "/"):
		if strings.EqualFold(h.Get("X-Content-Type-Options"), "nosniff") {
			return notRead
		}
		return sniffed
	}
	return notRead
}

// Begin says whether an answer is inspected: nil is no. It reads the head alone;
// res.Request is the backend's request, the candidates are the inputs of the
// exchange and the values that it read from rows. refuse is asked about what Next
// finds: true has it written as text; nil is always false.
func (m *Markup) Begin(res *http.Response, candidates []taint.Candidate, refuse func(gatehouse.Decision) bool) *Scan {
	k := kindOf(res.Header)
	if k == notRead || len(candidates) == 0 || res.Request == nil || res.Request.Method == http.MethodHead {
		return nil
	}
	disposition := strings.ToLower(res.Header.Get("Content-Disposition"))
	if strings.HasPrefix(strings.TrimSpace(disposition), "attachment") {
		return nil
	}
	path := res.Request.URL.EscapedPath()
	for _, p := range m.except {
		if p.Match(path) {
			return nil
		}
	}
	found := newMatcher(candidates)
	if found == nil && !hasEscapes(candidates) {
		return nil
	}
	return &Scan{kind: k, m: found, refuse: refuse, charset: charsetOf(res.Header), candidates: candidates}
}

// A Scan reads one answer.
type Scan struct {
	kind kind
	m    *matcher
	l    lexer
	js   script
	buf  []byte
	done bool // decided whole by Held
	all  []copied

	charset    string
	candidates []taint.Candidate
	refuse     func(gatehouse.Decision) bool
}

// Held decides on the beginning of a body, up to Held bytes, before any of it
// leaves; final says that it is the whole.
func (s *Scan) Held(first []byte, final bool) gatehouse.Decision {
	if s.kind == sniffed && !looksLikeHTML(first) {
		s.done = true
		return gatehouse.Passed()
	}
	s.done = final
	if d := shifts(first, s.charset, s.candidates); d.Verdict != gatehouse.Pass {
		return d
	}
	if s.m == nil {
		s.done = true
		return gatehouse.Passed()
	}
	if text, wide := readable(first, s.charset); wide {
		first, s.done = text, true // the rest is not looked into: nobody is known to send such pages
	}
	s.all = s.m.find(s.all[:0], first, len(first))
	if len(s.all) == 0 {
		return gatehouse.Passed()
	}
	l := s.l.clone()
	l.xml = s.kind == asXML
	js := s.js
	return s.read(&l, &js, first)
}

// read lexes a text with the copies that were found in it.
func (s *Scan) read(l *lexer, js *script, text []byte) gatehouse.Decision {
	at := 0
	var last copied
	for i, c := range text {
		for at < len(s.all) && s.all[at].to <= i {
			at++
		}
		in := at < len(s.all) && s.all[at].from <= i
		if in {
			last = s.all[at]
		}
		if s.kind == asScript {
			if js.feed(c, in); js.broken || in && i == 0 && s.callback(text) {
				return s.deny(RuleScript, last)
			}
			continue
		}
		if l.feed(c, in); l.rule != "" {
			return s.deny(l.rule, last)
		}
	}
	return gatehouse.Passed()
}

// callback reports whether a script begins with an input that is more than the
// name of a function (JSONP).
func (s *Scan) callback(text []byte) bool {
	for _, c := range text[:min(s.all[0].to, len(text))] {
		if !isWordOrDot(c) && c != '[' && c != ']' {
			return true
		}
	}
	return false
}

func (s *Scan) deny(rule string, of copied) gatehouse.Decision {
	c := s.m.order[of.input]
	words := map[string]string{
		RuleElement: "an input became an element that runs", RuleHandler: "an input became an event handler",
		RuleURL: "an input became an address that runs or loads code", RuleScript: "an input became code of a script",
	}[rule]
	if c.Place.Kind == gatehouse.Row {
		return gatehouse.Denied(RuleStored, c.Place, "a stored value: %s", strings.TrimPrefix(words, "an "))
	}
	return gatehouse.Denied(rule, c.Place, "%s of the page", words)
}

// looksLikeHTML reports whether a browser takes a text without a type for HTML
// (MIME Sniffing Standard, section 7.1).
func looksLikeHTML(text []byte) bool {
	t := strings.ToLower(strings.TrimLeft(string(text[:min(len(text), 512)]), " \t\r\n\f\ufeff"))
	for _, begin := range [...]string{"<!doctype html", "<html", "<head", "<script", "<iframe", "<h1", "<div", "<font", "<table", "<a", "<style", "<title", "<b", "<body", "<br", "<p", "<!--", "<?xml", "<svg"} {
		if strings.HasPrefix(t, begin) {
			return true
		}
	}
	return false
}
