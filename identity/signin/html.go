package signin

import (
	"strings"
)

// html looks at a page: whether it is the form again, with or without words that
// say why, or one for who is signed in.
func (e *reader) html(page string) {
	p := scan(page)
	switch {
	case p.codes > 0 && p.passwords == 0 && e.attempt.Kind == SignIn && (p.factor || p.digits):
		e.more = true
		e.say(2, "the page asks for a code")
		return
	case p.codes > 0 && e.attempt.Kind == SecondFactor:
		e.say(-5, "the page asks for the code again")
	case p.passwords > 0 && p.signOut && !e.attempt.SignedIn:
		e.say(-1, "the page has a password field, and a way to sign out")
	case p.passwords > 0:
		e.say(-6, "the page asks for the password again")
	}
	switch {
	case p.signOut && e.attempt.SignedIn && !e.renewed:
	case p.signOut:
		e.say(5, "the page has a way to sign out")
	}
	if p.alert {
		e.say(-2, "the page has a message of an error")
	}
	if p.refresh != "" && p.passwords == 0 {
		words := spoken(p.refresh)
		if !has(words, failWords) && !has(words, signInWords) {
			e.say(2, "the page sends the client on")
		}
	}
	e.phrases(p.text, 2)
}

// A page is what was seen of one.
type page struct {
	passwords, codes int
	// signOut is set where a link or a form signs out; factor where words name a
	// second factor; digits where a field takes digits alone; alert where an element is marked as an error.
	signOut, factor, digits, alert bool
	// refresh is where the page sends the client by itself.
	refresh string
	text    string
}

// scan reads a page's tags and text, loosely: it is the backend's own page, and
// what it cannot read counts for nothing.
func scan(html string) page {
	var p page
	var text strings.Builder
	for len(html) > 0 {
		open := strings.IndexByte(html, '<')
		if open < 0 {
			text.WriteString(html)
			break
		}
		text.WriteString(html[:open])
		text.WriteByte(' ')
		html = html[open:]
		if strings.HasPrefix(html, "<!--") {
			_, html, _ = strings.Cut(html[4:], "-->")
			continue
		}
		end := tagEnd(html)
		tag := html[:end]
		html = html[end:]
		name := tagName(tag)
		p.see(name, tag)
		if name == "script" || name == "style" || name == "svg" || name == "template" || name == "noscript" {
			if closing := indexFold(html, "</"+name); closing >= 0 {
				html = html[closing:]
			} else {
				html = ""
			}
		}
	}
	p.text = strings.Join(strings.Fields(unescaper.Replace(text.String())), " ")
	return p
}

var unescaper = strings.NewReplacer("&#39;", "'", "&#039;", "'", "&#x27;", "'", "&apos;", "'", "&rsquo;", "'", "\u2019", "'", "&nbsp;", " ", "\u00a0", " ",
	"&quot;", `"`, "&amp;", "&", "&uuml;", "ü", "&eacute;", "é")

// see notes what a tag says.
func (p *page) see(name, tag string) {
	switch name {
	case "input", "button":
		kind, field := strings.ToLower(attribute(tag, "type")), attribute(tag, "name")
		as, _ := roleOf(field)
		switch {
		case kind == "password" && as != strongCode:
			p.passwords++
		case kind == "hidden", kind == "submit" && name == "input":
		case as == strongCode, as == weakCode && kind != "checkbox", strings.EqualFold(attribute(tag, "autocomplete"), "one-time-code"):
			p.codes++
			p.digits = p.digits || attribute(tag, "inputmode") == "numeric" || attribute(tag, "maxlength") == "6" ||
				strings.EqualFold(attribute(tag, "autocomplete"), "one-time-code") || as == strongCode
		}
		p.wayOut(field + " " + attribute(tag, "formaction"))
	case "a", "form":
		p.wayOut(attribute(tag, "href") + " " + attribute(tag, "action"))
		p.factor = p.factor || has(joined(wordsOf(nil, firstBytes(attribute(tag, "action"), 256))), factorWords)
	case "meta":
		if strings.EqualFold(attribute(tag, "http-equiv"), "refresh") {
			_, p.refresh, _ = strings.Cut(firstBytes(attribute(tag, "content"), 512), "=")
		}
	case "div", "p", "span", "ul", "li", "section", "strong", "small", "label":
		class := strings.ToLower(attribute(tag, "class") + " " + attribute(tag, "id") + " " + attribute(tag, "role"))
		if strings.Contains(attribute(tag, "style"), "display:none") || strings.Contains(attribute(tag, "style"), "display: none") || strings.Contains(class, "hidden") || strings.Contains(class, "d-none") {
			return
		}
		for _, w := range wordsOf(nil, firstBytes(class, 256)) {
			p.alert = p.alert || w == "error" || w == "errors" || w == "errorlist" || w == "errornote" || w == "danger" || w == "errorbox" || w == "notification_error"
		}
	}
}

func (p *page) wayOut(s string) {
	p.signOut = p.signOut || has(joined(wordsOf(nil, firstBytes(s, 512))), signOutWords)
}

// tagEnd is where the tag that s begins with ends; quotes are minded.
func tagEnd(s string) int {
	quote := byte(0)
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case (c == '"' || c == '\'') && s[i-1] == '=':
			quote = c
		case c == '>':
			return i + 1
		}
	}
	return len(s)
}

func tagName(tag string) string {
	end := 1
	for end < len(tag) && end < 16 && (tag[end]|0x20 >= 'a' && tag[end]|0x20 <= 'z') {
		end++
	}
	return strings.ToLower(tag[1:end])
}

// attribute is the value of a tag's attribute, or empty.
func attribute(tag, name string) string {
	for rest := tag; ; {
		at := indexFold(rest, name)
		if at <= 0 {
			return ""
		}
		before := rest[at-1]
		rest = rest[at+len(name):]
		if before != ' ' && before != '\t' && before != '\n' && before != '\r' && before != '"' && before != '\'' {
			continue
		}
		value, ok := strings.CutPrefix(strings.TrimLeft(rest, " \t\r\n"), "=")
		if !ok {
			continue
		}
		value = strings.TrimLeft(value, " \t\r\n")
		if value == "" {
			return ""
		}
		if q := value[0]; q == '"' || q == '\'' {
			value, _, _ = strings.Cut(value[1:], string(q))
			return value
		}
		end := strings.IndexAny(value, " \t\r\n>")
		if end < 0 {
			end = len(value)
		}
		return value[:end]
	}
}

// indexFold is strings.Index without case; of is in lower-case ASCII.
func indexFold(s, of string) int {
	for i := 0; i+len(of) <= len(s); i++ {
		if s[i]|0x20 == of[0]|0x20 && strings.EqualFold(s[i:i+len(of)], of) {
			return i
		}
	}
	return -1
}
