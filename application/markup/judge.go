package markup

import (
	"html"
	"strings"
)

// running are the elements that run or load what runs, as such.
var running = map[string]bool{"script": true, "object": true, "embed": true, "applet": true, "base": true, "frame": true, "portal": true, "fencedframe": true}

// urls are the attributes whose value is an address that is followed or loaded.
var urls = map[string]bool{
	"href": true, "src": true, "action": true, "formaction": true, "xlink:href": true, "data": true, "poster": true, "background": true,
	"manifest": true, "code": true, "codebase": true, "to": true, "from": true, "values": true, "by": true, "lowsrc": true, "dynsrc": true,
}

// judge decides about a start tag.
func (l *lexer) judge(name string) {
	name = strings.TrimPrefix(name, "svg:")
	if l.tagInput {
		l.fromInput(name)
	}
	for i := range l.attrs {
		if l.rule != "" {
			return
		}
		l.judgeAttr(name, &l.attrs[i])
	}
}

// fromInput judges a tag that an input brought.
func (l *lexer) fromInput(name string) {
	l.inert = true
	switch {
	case name == "script" && !l.has("src") && !l.has("href") && !l.has("xlink:href"):
		// Its text decides. A search for "<script>" is the same as the page's own tag.
	case running[name]:
		l.refuse(RuleElement)
	case name == "meta" && l.has("http-equiv"), name == "link" && l.has("href"), name == "form" && (l.has("action") || l.has("formaction")), name == "iframe":
		l.refuse(RuleElement)
	}
}

func (l *lexer) has(attr string) bool {
	for i := range l.attrs {
		if l.attrs[i].name == attr {
			return true
		}
	}
	return false
}

func (l *lexer) refuse(rule string) {
	if l.rule == "" {
		l.rule = rule
	}
}

func (l *lexer) judgeAttr(tag string, a *attr) {
	brought := a.name2 || l.tagInput
	switch {
	case len(a.name) > 3 && strings.HasPrefix(a.name, "on") && isLetter(a.name[2]):
		switch {
		case brought:
			l.refuse(RuleHandler)
		case a.anyText && codeFromInput(html.UnescapeString(a.value), a):
			l.refuse(RuleHandler)
		}
	case a.name == "srcdoc":
		if brought || a.anyText && strings.ContainsAny(html.UnescapeString(a.value), "<") {
			l.refuse(RuleElement)
		}
	case urls[a.name]:
		l.judgeURL(tag, a, brought)
	case a.name == "content" && tag == "meta" && a.anyText && l.refreshes():
		if _, url, ok := strings.Cut(strings.ToLower(a.value), "url"); ok && len(a.in) > 0 && foreign(strings.TrimLeft(url, " \t='\"")) {
			l.refuse(RuleElement)
		}
	case a.name2:
		l.inert = true
	}
}

func (l *lexer) refreshes() bool {
	for i := range l.attrs {
		if l.attrs[i].name == "http-equiv" && strings.EqualFold(strings.TrimSpace(l.attrs[i].value), "refresh") {
			return true
		}
	}
	return false
}

// judgeURL judges an address whose beginning is an input's.
func (l *lexer) judgeURL(tag string, a *attr, brought bool) {
	if !brought && (!a.anyText || !leads(a)) {
		return
	}
	value := cleanURL(html.UnescapeString(a.value))
	scheme, rest, _ := strings.Cut(value, ":")
	switch scheme {
	case "javascript", "vbscript", "livescript":
		if !idle[strings.TrimSpace(rest)] && (brought || beyondScheme(a)) {
			l.refuse(RuleURL)
		}
	case "data":
		kind, _, _ := strings.Cut(rest, ",")
		if tag != "img" && tag != "audio" && tag != "video" && tag != "source" && tag != "a" && tag != "area" &&
			(strings.Contains(kind, "html") || strings.Contains(kind, "svg") || strings.Contains(kind, "xml") || strings.Contains(kind, "javascript")) {
			l.refuse(RuleURL)
		}
	}
	if !foreign(value) {
		return
	}
	switch {
	case tag == "script", tag == "base", tag == "object", tag == "embed", a.name == "formaction", tag == "form" && a.name == "action", tag == "link" && l.loads():
		l.refuse(RuleURL)
	}
}

// idle are the texts of addresses that do nothing, as pages have them.
var idle = map[string]bool{"": true, ";": true, "//": true, "void(0)": true, "void(0);": true, "void 0": true, "void 0;": true}

// beyondScheme reports whether an input is more of an address than its scheme: a search
// for "javascript: the good parts" is no link of the page's.
func beyondScheme(a *attr) bool {
	colon := strings.IndexByte(a.value, ':')
	for i := colon + 1; i < len(a.in); i++ {
		if a.in[i] {
			return true
		}
	}
	return false
}

// loads reports whether a link element loads what changes the page.
func (l *lexer) loads() bool {
	for i := range l.attrs {
		if l.attrs[i].name == "rel" {
			rel := strings.ToLower(l.attrs[i].value)
			return strings.Contains(rel, "stylesheet") || strings.Contains(rel, "import") || strings.Contains(rel, "preload") || strings.Contains(rel, "manifest")
		}
	}
	return false
}

// leads reports whether the value's first byte that counts is an input's.
func leads(a *attr) bool {
	for i, in := range a.in {
		if c := a.value[i]; c > ' ' {
			return in
		}
	}
	return false
}

// cleanURL is an address as browsers read it: without control bytes and white
// space in the scheme (URL Standard, section 4.4), in lower case.
func cleanURL(v string) string {
	v = strings.TrimLeftFunc(v, func(r rune) bool { return r <= ' ' })
	return strings.ToLower(strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' || r == '\r' {
			return -1
		}
		return r
	}, v))
}

// foreign reports whether an address names a host: it is not the site's own path.
func foreign(v string) bool {
	v = strings.ReplaceAll(v, `\`, "/")
	return strings.HasPrefix(v, "//") || strings.HasPrefix(v, "http:") || strings.HasPrefix(v, "https:")
}

// codeFromInput reports whether an input is code of a handler that the page has:
// the value with its entities read has other positions than the one that was
// read, so where they differ only that an input is there is known.
func codeFromInput(decoded string, a *attr) bool {
	var js script
	for i := 0; i < len(decoded); i++ {
		input := i < len(a.in) && a.in[i]
		if decoded != a.value {
			input = true // entities moved the places: every byte after the first is held to be an input's
			for j := range a.in {
				if a.in[j] {
					input = i >= j
					break
				}
			}
		}
		js.feed(decoded[i], input)
	}
	return js.broken
}
