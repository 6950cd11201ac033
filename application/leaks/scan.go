package leaks

import (
	"bytes"
	"fmt"
	"net/http"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/taint"
)

const (
	// window is how much of the body is held back while it passes, in bytes:
	// what a signature may need around its literal.
	window = 2 << 10
	// reachBack and reachOn are what a signature is compared with, before and
	// behind its literal.
	reachBack = 640
	reachOn   = 1400
	// maxTries bounds the comparisons for one entry of the table in one scan.
	maxTries = 16
)

// A Scan follows the body of one answer. It is not safe for concurrent use.
type Scan struct {
	l          *Leaks
	status     int
	kind       kind
	soap, file bool
	unsafe     bool
	off        map[string]bool
	candidates []taint.Candidate
	query      []string
	refuse     func(gatehouse.Decision) bool

	state uint32
	tries []uint8
	// decided is how many bytes Held has looked at, which Next gets again.
	decided int
	buf     []byte
	// open are hits in buf that wait for what follows.
	open    []hit
	inKey   bool
	passing bool
}

// A hit is where a literal stands: text[at:end].
type hit struct{ literal, at, end int }

// request keeps what the request tells of its answer.
func (s *Scan) request(r *http.Request) {
	s.unsafe = r.Method != http.MethodGet && r.Method != http.MethodOptions
	for _, values := range r.URL.Query() {
		for _, v := range values {
			if v != "" && len(s.query) < 64 {
				s.query = append(s.query, v)
			}
		}
	}
}

// Held decides on the beginning of the body, before any byte of it is sent:
// up to [Held] bytes, final where that is the whole. A decision that passes
// with a Rule tells what was observed: something in doubt.
func (s *Scan) Held(first []byte, final bool) gatehouse.Decision {
	if s.status >= 500 && !s.off[RuleServerError] {
		if s.soap && final && s.cleanFault(first) {
			return gatehouse.Passed()
		}
		return gatehouse.Denied(RuleServerError, gatehouse.Place{}, "the backend answered with status %d; what it says of it is for its makers", s.status).WithStatus(s.status)
	}
	if s.kind == unknownKind || s.kind == textKind {
		s.sniff(first)
	}
	if s.passing {
		return gatehouse.Passed()
	}
	s.decided = len(first)
	worst := gatehouse.Passed()
	s.state = s.l.automaton.find(s.state, first, func(l, end int) {
		if worst.Verdict == gatehouse.Deny {
			return
		}
		length := s.l.literals[l].length
		h := hit{l, end - length, end}
		if !final && len(first)-end < reachOn {
			// Judged in what follows too, where Next sees it whole.
			s.open = append(s.open, h)
		}
		if d := s.judge(first, h, final); d.Verdict == gatehouse.Deny || worst.Rule == "" {
			worst = d
		}
	})
	return worst
}

// judge compares a hit's signature, and decides what a match means here.
func (s *Scan) judge(text []byte, h hit, final bool) gatehouse.Decision {
	e := &s.l.entries[s.l.literals[h.literal].entry]
	if s.off[e.rule] {
		return gatehouse.Passed()
	}
	if e.form != nil {
		return s.judgeSecret(text, e, h)
	}
	if e.level == weak && s.status < 400 || e.rule == RuleListing && (s.status != http.StatusOK || s.kind != htmlKind) {
		return gatehouse.Passed()
	}
	matched, ok := s.matches(text, e.sig, h)
	if !ok {
		return gatehouse.Passed()
	}
	switch why, leak := s.leaks(text, e, h, matched, final); {
	case leak:
		d := gatehouse.Denied(e.rule, gatehouse.Place{}, "the answer (status %d) holds %s: %s", s.status, e.sig.name, why)
		return d.WithStatus(s.instead(e.rule))
	case why == "":
		return gatehouse.Passed()
	default:
		return observed(e.rule, "the answer (status %d) holds %s, and passes: %s", s.status, e.sig.name, why)
	}
}

// instead is the status of what is sent in place of the answer.
func (s *Scan) instead(rule string) int {
	switch {
	case s.status >= 400:
		return s.status
	case rule == RuleListing:
		return http.StatusNotFound
	}
	return http.StatusInternalServerError
}

func observed(rule, format string, args ...any) gatehouse.Decision {
	d := gatehouse.Passed()
	d.Rule, d.Evidence = rule, fmt.Sprintf(format, args...)
	return d
}

// matches compares the text around a hit, and gives what matched as a person
// would see it.
func (s *Scan) matches(text []byte, sig *signature, h hit) (string, bool) {
	if !s.try(h) {
		return "", false
	}
	around := text[max(0, h.at-reachBack):min(len(text), h.end+reachOn)]
	if sig.raw {
		m := sig.expr.Find(around)
		if m == nil && s.kind == jsonKind {
			return "", false
		}
		if m == nil || sig.also != "" && !bytes.Contains(text, []byte(sig.also)) {
			return "", false
		}
		return plainText(string(m), s.kind), true
	}
	m := sig.expr.FindString(plainText(string(around), s.kind))
	return m, m != ""
}

// try counts the comparisons of an entry.
func (s *Scan) try(h hit) bool {
	if s.tries == nil {
		s.tries = make([]uint8, len(s.l.entries))
	}
	n := &s.tries[s.l.literals[h.literal].entry]
	if *n == maxTries {
		return false
	}
	*n++
	return true
}

// judgeSecret decides about a secret of known form.
func (s *Scan) judgeSecret(text []byte, e *entry, h hit) gatehouse.Decision {
	if !s.try(h) {
		return gatehouse.Passed()
	}
	from, to, ok := e.form.Find(text, h.at, h.end)
	if !ok {
		return gatehouse.Passed()
	}
	switch {
	case s.known(string(text[from:to])):
		return observed(RuleSecret, "the answer holds %s that the client sent or a row held", e.form.Name)
	case s.unsafe && s.status < 300:
		return observed(RuleSecret, "the answer to an unsafe method holds %s, as the page does that issues one", e.form.Name)
	case e.form.Doubtful:
		return observed(RuleSecret, "the answer holds %s", e.form.Name)
	}
	return gatehouse.Denied(RuleSecret, gatehouse.Place{}, "the answer (status %d) holds %s", s.status, e.form.Name).WithStatus(s.instead(RuleSecret))
}

// sniff settles the kind of a body whose type does not say it.
func (s *Scan) sniff(first []byte) {
	trimmed := bytes.TrimLeft(first, " \t\r\n\xef\xbb\xbf")
	switch {
	case bytes.IndexByte(first[:min(len(first), 512)], 0) >= 0:
		s.passing = true
	case s.kind == unknownKind && len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '['):
		s.kind = jsonKind
	case s.kind == unknownKind && len(trimmed) > 0 && trimmed[0] == '<':
		s.kind = htmlKind
	case s.kind == unknownKind:
		s.kind = textKind
	}
}

// cleanFault reports whether a body is a fault of SOAP, without a signature of
// any level.
func (s *Scan) cleanFault(body []byte) bool {
	if !bytes.Contains(body, []byte("Envelope")) || !bytes.Contains(body, []byte("Fault>")) {
		return false
	}
	s.kind = textKind
	clean := true
	s.l.automaton.find(0, body, func(l, end int) {
		h := hit{l, end - s.l.literals[l].length, end}
		if e := &s.l.entries[s.l.literals[l].entry]; !clean || e.form != nil {
			clean = false
			return
		} else if _, ok := s.matches(body, e.sig, h); ok {
			clean = false
		}
	})
	s.passing = clean
	return clean
}
