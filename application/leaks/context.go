package leaks

import (
	"regexp"
	"strings"
)

// leaks says whether a match is a leak, and why; or, where it is not, why it
// is observed, "" for not even that.
func (s *Scan) leaks(text []byte, e *entry, h hit, matched string, final bool) (why string, leak bool) {
	switch {
	case e.rule == RuleListing:
		return "a server writes such a page of a folder without an index", true
	case s.known(matched):
		return "it is quoted: an input of the request or a row holds it", false
	case e.level == certain:
		return "no other page has its markup", true
	case e.level == weak:
		if mark := supporting(text, h); mark != "" {
			return "in an error, beside " + mark, true
		}
		return "it names what runs here, and nothing else", false
	case s.status >= 400:
		return "in an error", true
	case e.rule == RuleDatabase && s.nearInput(matched, text, h):
		return "it names an input of this request", true
	}
	switch s.kind {
	case htmlKind:
		return inPage(string(text), h.at, matched, final)
	case jsonKind:
		return inJSON(text, h.at)
	}
	return s.inText(text, h.at, matched)
}

// known reports whether a text stands in an input of the exchange, or in a
// value that it read from the database.
func (s *Scan) known(text string) bool {
	text = squeeze(text)
	if len(text) < 8 {
		return false
	}
	for _, c := range s.candidates {
		if len(c.Value) >= len(text) && strings.Contains(squeeze(c.Value), text) {
			return true
		}
	}
	for _, v := range s.query {
		if len(v) >= len(text) && strings.Contains(squeeze(v), text) {
			return true
		}
	}
	return false
}

// squeeze makes one space of all white space.
func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

// nearInput reports whether the part of a statement that a database's error
// shows holds an input with a character of SQL: whose error else is it?
func (s *Scan) nearInput(matched string, text []byte, h hit) bool {
	shown := matched + plainText(string(text[h.end:min(len(text), h.end+400)]), s.kind)
	shown, _, _ = strings.Cut(shown, "\n")
	holds := func(v string) bool {
		return len(v) >= 2 && len(v) <= 200 && strings.ContainsAny(v, `'"\;()#-`) && !strings.Contains(v, " near ") && strings.Contains(shown, v)
	}
	for _, v := range s.query {
		if holds(v) {
			return true
		}
	}
	for _, c := range s.candidates {
		if holds(c.Value) {
			return true
		}
	}
	return false
}

// A server's marks: paths and addresses that only it knows.
var marks = []struct {
	name string
	expr *regexp.Regexp
}{
	{"a path of the server", regexp.MustCompile(`(?:/(?:var/www|home/\w+|usr/src/app|usr/local/lib|usr/lib|opt/[\w.-]+|srv/[\w.-]+|app/[\w.-]+)/|[A-Z]:\\(?:inetpub|Users|Program Files|websites?)\\)[\w./\\-]+\.\w+`)},
	{"an address of an inner network", regexp.MustCompile(`\b(?:10\.\d{1,3}|192\.168|172\.(?:1[6-9]|2\d|3[01]))\.\d{1,3}\.\d{1,3}(?::\d{2,5})?\b|\b[\w-]+\.(?:internal|svc\.cluster\.local)\b`)},
}

func supporting(text []byte, h hit) string {
	around := text[max(0, h.at-reachBack):min(len(text), h.end+reachOn)]
	for _, m := range marks {
		if m.expr.Match(around) {
			return m.name
		}
	}
	return ""
}

const (
	// fewWords is how much ordinary text may stand before the error of a page
	// that is an error, in bytes without white space.
	fewWords = 200
	// fewLinks is how many links a page without navigation has.
	fewLinks = 3
)

// inPage tells an error that an application printed from one that an article
// quotes: the page is bare, or breaks off behind it.
func inPage(page string, at int, matched string, final bool) (string, bool) {
	lead := matched
	if n := strings.IndexByte(lead, '\n'); n > 0 {
		lead = lead[:n]
	}
	shown := plainText(page, htmlKind)
	pos := strings.Index(shown, lead)
	if pos < 0 {
		return "in a part of the page that nobody sees", false
	}
	before := visible(shown[:pos])
	block := visible(traceFrom(shown[pos:]))
	total := visible(shown)
	bare := strings.Count(page, "<a ") < fewLinks && indexFold(page, "<nav") < 0
	whole := indexFold(page, "<html") < 0 || indexFold(page[at:], "</html") >= 0 || indexFold(page[at:], "</body") >= 0
	switch {
	case authored(page[:min(at, len(page))]):
		return "it stands in an element for quotes", false
	case bare && before <= fewWords && block*2 >= total-before:
		return "the page is little else", true
	case final && !whole && total-before-block <= fewWords:
		return "the page breaks off behind it", true
	}
	return "the page has much else, and may quote it", false
}

// authored reports whether a page goes on inside an element that people quote by: code
// (as Markdown makes of it, in pre) or blockquote. No framework's error page has one
// around its trace.
func authored(before string) bool {
	for _, name := range [...]string{"code", "blockquote"} {
		begin := strings.LastIndex(before, "<"+name)
		if begin >= 0 && strings.LastIndex(before, "</"+name) < begin {
			return true
		}
	}
	return false
}

// traceLine is a line that traces have.
var traceLine = regexp.MustCompile(`^\s*(?:at |from |File "|#\d+ |\.\.\. \d+ more|Caused by|goroutine |\S+\.(?:go|rb|py|php|js|java):\d+|\S+(?:Error|Exception)\b|---|\^|\S+\(.*\)$)|^[ \t]{2,}\S`)

// traceFrom is the trace that s begins with.
func traceFrom(s string) string {
	end, misses := 0, 0
	for pos := 0; pos < len(s) && misses < 2; {
		n := strings.IndexByte(s[pos:], '\n')
		if n < 0 {
			n = len(s) - pos - 1
		}
		line := s[pos : pos+n+1]
		switch {
		case pos == 0 || traceLine.MatchString(line):
			misses, end = 0, pos+n+1
		case strings.TrimSpace(line) != "":
			misses++
		}
		pos += n + 1
	}
	return s[:end]
}

// errorHead is how the JSON of an error begins.
var errorHead = regexp.MustCompile(`(?i)^\s*\{(?:\s*"(?:timestamp|status|statusCode|code|success|ok|message|data|path|name)"\s*:\s*(?:"[^"]{0,200}"|\d+|false|null),)*\s*"(?:errors?|exception|exceptionMessage|stack|stacktrace|traceback|trace|err)"\s*:|^\s*\{\s*"(?:success|ok)"\s*:\s*false|^\s*\{\s*"(?:status|type|result)"\s*:\s*"(?:error|fail(?:ed|ure)?|exception)"`)

// inJSON tells an error's document from one that carries an error as data.
func inJSON(text []byte, at int) (string, bool) {
	head := text[:min(len(text), 2048)]
	if errorHead.Match(head) && at < 16<<10 {
		return "the document is an error", true
	}
	if t := strings.TrimSpace(string(text[:min(len(text), at)])); t == `"` || t == "" || len(t) < 24 && strings.HasPrefix(t, `"`) {
		return "the document is little else", true
	}
	return "the document carries it as data", false
}

// inText tells an error that is printed from a file that holds one.
func (s *Scan) inText(text []byte, at int, matched string) (string, bool) {
	if s.file {
		return "a file holds it", false
	}
	if visible(string(text[:at])) <= fewWords+visible(matched) {
		return "the answer begins with it", true
	}
	return "the answer has much else, and may quote it", false
}
