package leaks

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/input"
	"github.com/gatehousehq/gatehouse/secret"
	"github.com/gatehousehq/gatehouse/taint"
)

// Rung is the layer's name on the ladder.
const Rung = "application/leaks"

// The rules that a decision names.
const (
	// RuleServerError: an answer of 500 and above, whatever its body says.
	RuleServerError = "server-error"
	// RuleTrace: a stack trace.
	RuleTrace = "stack-trace"
	// RuleDebugPage: the page that a framework shows to its developers.
	RuleDebugPage = "debug-page"
	// RuleDatabase: the text of a database's error.
	RuleDatabase = "database-error"
	// RuleSecret: a key or token of known form.
	RuleSecret = "secret"
	// RuleListing: a server's listing of a folder.
	RuleListing = "directory-listing"
	// RuleBanner: a text that names what runs here, in an error.
	RuleBanner = "banner"
)

// Held is how much of a body is held before its answer begins, in bytes.
const Held = 64 << 10

// An Exception lets answers at a path be what is refused elsewhere.
type Exception struct {
	Path string // a pattern of package input
	// Rules are those that don't apply; empty means all.
	Rules  []string
	Reason gatehouse.Reason
}

// Options configure Leaks. The zero value inspects every path by every rule.
type Options struct {
	Except []Exception
}

// Leaks is the rung. Make it with [New]. It may be used concurrently.
type Leaks struct {
	except    []exception
	entries   []entry
	literals  []literal
	automaton *automaton
}

type exception struct {
	path  input.Pattern
	rules map[string]bool // nil means all
}

// An entry is a signature or a form of secret.
type entry struct {
	rule  string
	sig   *signature
	form  *secret.Form
	level level
}

// A literal belongs to an entry.
type literal struct{ entry, length int }

// rules are all of them.
var rules = []string{RuleServerError, RuleTrace, RuleDebugPage, RuleDatabase, RuleSecret, RuleListing, RuleBanner}

// New checks the options and makes the tables. Every exception needs a reason.
func New(o Options) (*Leaks, error) {
	l := &Leaks{}
	for i, e := range o.Except {
		made, err := newException(e)
		if err != nil {
			return nil, fmt.Errorf("leaks: Options.Except[%d] (%s): %w", i, e.Path, err)
		}
		l.except = append(l.except, made)
	}
	var texts []string
	add := func(e entry, of []string) {
		l.entries = append(l.entries, e)
		for _, t := range of {
			texts = append(texts, t)
			l.literals = append(l.literals, literal{len(l.entries) - 1, len(t)})
		}
	}
	for _, table := range [...][]signature{signatures, databaseErrors, listings} {
		for i := range table {
			add(entry{rule: table[i].rule, sig: &table[i], level: table[i].level}, table[i].literals)
		}
	}
	forms := secret.Forms()
	for i := range forms {
		add(entry{rule: RuleSecret, form: &forms[i], level: certain}, forms[i].Hints)
	}
	l.automaton = newAutomaton(texts)
	return l, nil
}

var errNoReason = errors.New("has no reason")

func newException(e Exception) (exception, error) {
	if !e.Reason.Given() {
		return exception{}, errNoReason
	}
	path, err := input.ParsePattern(e.Path)
	if err != nil {
		return exception{}, err
	}
	made := exception{path: path}
	for _, rule := range e.Rules {
		known := false
		for _, r := range rules {
			known = known || r == rule
		}
		if !known {
			return exception{}, fmt.Errorf("unknown rule %q: want some of %v", rule, rules)
		}
		if made.rules == nil {
			made.rules = map[string]bool{}
		}
		made.rules[rule] = true
	}
	return made, nil
}

// excepted gives the rules that don't apply at a path; all is true where none
// does.
func (l *Leaks) excepted(path string) (off map[string]bool, all bool) {
	for _, e := range l.except {
		if !e.path.Match(path) {
			continue
		}
		if e.rules == nil {
			return nil, true
		}
		if off == nil {
			off = map[string]bool{}
		}
		for rule := range e.rules {
			off[rule] = true
		}
	}
	return off, false
}

// A kind is how a body is read.
type kind uint8

const (
	notInspected kind = iota
	htmlKind
	jsonKind
	textKind
	// unknownKind is told from the body's first bytes.
	unknownKind
)

// kinds are the media types that are inspected.
var kinds = map[string]kind{
	"text/html": htmlKind, "application/xhtml+xml": htmlKind,
	"application/json": jsonKind, "text/json": jsonKind,
	"text/plain": textKind, "text/xml": textKind, "application/xml": textKind, "text/markdown": textKind, "text/csv": textKind,
	"application/yaml": textKind, "text/yaml": textKind, "application/x-yaml": textKind, "text/x-yaml": textKind,
	"application/octet-stream": unknownKind, "": unknownKind,
}

func kindOf(contentType string) kind {
	name, _, _ := strings.Cut(contentType, ";") // mime.ParseMediaType reads no more of it, and allocates
	name = strings.ToLower(strings.TrimSpace(name))
	if k, ok := kinds[name]; ok {
		return k
	}
	switch {
	case strings.HasSuffix(name, "+json"):
		return jsonKind
	case strings.HasSuffix(name, "+xml") && name != "image/svg+xml":
		return textKind
	case strings.HasPrefix(name, "text/x-"):
		return textKind
	}
	return notInspected
}

// Begin says whether an answer is inspected; nil is no. It reads the head
// alone: res.Request is the backend's request. The candidates are the inputs
// of the exchange and the values it read: a text that stands in one is quoted.
// refuse is asked about what Next finds: true has it masked; nil is always false.
func (l *Leaks) Begin(res *http.Response, candidates []taint.Candidate, refuse func(gatehouse.Decision) bool) *Scan {
	r := res.Request
	if bodiless(res) {
		return nil
	}
	off, all := l.excepted(r.URL.EscapedPath())
	if all {
		return nil
	}
	s := &Scan{l: l, status: res.StatusCode, kind: kindOf(res.Header.Get("Content-Type")), off: off, candidates: candidates, refuse: refuse}
	s.request(r)
	if s.status >= 500 && !off[RuleServerError] {
		s.soap = soapFault(res.Header.Get("Content-Type"))
		return s
	}
	disposition := strings.ToLower(res.Header.Get("Content-Disposition"))
	if s.kind == notInspected || strings.HasPrefix(disposition, "attachment") {
		return nil
	}
	s.file = res.Header.Get("Accept-Ranges") == "bytes" || strings.Contains(disposition, "filename") || textFile(r.URL.Path)
	return s
}

// bodiless reports whether an answer has no body (RFC 9110, section 6.4.1), or
// one of another protocol.
func bodiless(res *http.Response) bool {
	switch res.StatusCode {
	case http.StatusNoContent, http.StatusNotModified, http.StatusSwitchingProtocols:
		return true
	}
	return res.StatusCode < 200 || res.Request == nil || res.Request.Method == http.MethodHead
}

// textFile reports whether a path names a text that is kept as one: logs and
// documents quote traces.
func textFile(path string) bool {
	for _, ending := range [...]string{".txt", ".log", ".md", ".rst", ".out", ".err", ".diff", ".patch", ".csv", ".yaml", ".yml"} {
		if strings.HasSuffix(path, ending) {
			return true
		}
	}
	return false
}

// soapFault reports whether an answer may be a fault of SOAP, which has the
// status 500 by its standard (SOAP 1.1, section 6.2).
func soapFault(contentType string) bool {
	name, _, _ := strings.Cut(contentType, ";")
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "text/xml", "application/soap+xml", "application/xml":
		return true
	}
	return false
}
