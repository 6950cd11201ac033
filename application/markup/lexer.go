package markup

import "strings"

// A state is where in a document the lexer is (HTML, section 13.2.5).
type state uint8

const (
	inText       state = iota
	inTagOpen          // after <
	inEndTagOpen       // after </
	inTagName
	inTag // between attributes
	inAttrName
	afterAttrName
	beforeValue
	inDouble
	inSingle
	inUnquoted
	inMarkupDeclaration // after <!
	inComment
	inBogusComment
	inCDATA
	inRaw    // of script, style, xmp, iframe, noembed, noframes, noscript, plaintext
	inRCDATA // of title and textarea
)

const (
	mostName  = 64
	mostValue = 2048 // bytes of an attribute's value that are looked at
)

// A lexer reads a document byte by byte, with whether each byte is an input's,
// and says where an input became executable. Its memory is bounded.
type lexer struct {
	state state
	xml   bool // CDATA sections are text, no element's content is raw

	tag       []byte
	endTag    bool
	tagInput  bool // the tag's < and name are an input's
	attr      []byte
	attrInput bool // the name is an input's
	value     []byte
	valueIn   []bool // which bytes of value are an input's
	anyValue  bool
	attrs     []attr // of the tag so far
	raw       string // whose content it is in
	brought   bool   // an input brought the tag of the script that it is in
	tail      []byte // of raw content and comments: what may end them
	js        script
	foreign   int // depth in svg and math

	// rule is why the document is refused; "" so far.
	rule string
	// inert is set where an input became markup that runs nothing.
	inert bool
}

// An attr is an attribute of the tag that is read.
type attr struct {
	name    string
	value   string
	in      []bool
	name2   bool // the name is an input's
	anyText bool // some of the value is
}

// feed reads one byte; input says that it is one of an input's copy.
func (l *lexer) feed(c byte, input bool) {
	switch l.state {
	case inText:
		if c == '<' {
			l.state, l.tagInput = inTagOpen, input
			l.tail = l.tail[:0]
		}
	case inTagOpen:
		l.tagOpen(c, input)
	case inEndTagOpen:
		switch {
		case isLetter(c):
			l.beginTag(c, true)
		case c == '>':
			l.state = inText
		default:
			l.state = inBogusComment
		}
	case inTagName:
		l.tagName(c, input)
	case inTag, inAttrName, afterAttrName, beforeValue, inDouble, inSingle, inUnquoted:
		l.inside(c, input)
	case inMarkupDeclaration:
		l.declaration(c)
	case inComment:
		l.keepTail(c, 3)
		if string(l.tail) == "-->" || strings.HasSuffix(string(l.tail), "--!>") {
			l.state = inText
		}
	case inBogusComment:
		if c == '>' {
			l.state = inText
		}
	case inCDATA:
		l.keepTail(c, 3)
		if string(l.tail) == "]]>" {
			l.state = inText
		}
	case inRaw, inRCDATA:
		l.rawByte(c, input)
	}
}

func (l *lexer) keepTail(c byte, n int) {
	if len(l.tail) == n {
		copy(l.tail, l.tail[1:])
		l.tail = l.tail[:n-1]
	}
	l.tail = append(l.tail, c)
}

func isLetter(c byte) bool { return 'a' <= fold[c] && fold[c] <= 'z' }

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r' }

func (l *lexer) tagOpen(c byte, input bool) {
	switch {
	case isLetter(c):
		l.beginTag(c, false)
	case c == '/':
		l.state = inEndTagOpen
	case c == '!':
		l.state = inMarkupDeclaration
		l.tail = l.tail[:0]
	case c == '?':
		l.state = inBogusComment
	case c == '<':
		l.tagInput = input
	default:
		l.state = inText
	}
}

func (l *lexer) beginTag(c byte, end bool) {
	l.state, l.endTag = inTagName, end
	l.tag = append(l.tag[:0], fold[c])
	l.attrs = l.attrs[:0]
}

func (l *lexer) tagName(c byte, input bool) {
	// The page's own tag may begin as an input does: all of the name, and what
	// ends it, must be the input's.
	l.tagInput = l.tagInput && input
	switch {
	case isSpace(c) || c == '/':
		l.state = inTag
	case c == '>':
		l.endOfTag()
	case len(l.tag) < mostName:
		l.tag = append(l.tag, fold[c])
	}
}

func (l *lexer) inside(c byte, input bool) {
	switch l.state {
	case inTag:
		switch {
		case isSpace(c) || c == '/':
		case c == '>':
			l.endOfTag()
		default:
			l.state, l.attrInput, l.anyValue = inAttrName, input, false
			l.attr, l.value, l.valueIn = append(l.attr[:0], fold[c]), l.value[:0], l.valueIn[:0]
		}
	case inAttrName:
		switch {
		case isSpace(c):
			l.state = afterAttrName
		case c == '=':
			l.state = beforeValue
		case c == '>', c == '/':
			l.endOfAttr()
			l.inside(c, input)
		case len(l.attr) < mostName:
			l.attr = append(l.attr, fold[c])
			l.attrInput = l.attrInput && input
		}
	case afterAttrName:
		switch {
		case isSpace(c):
		case c == '=':
			l.state = beforeValue
		default:
			l.endOfAttr()
			l.inside(c, input)
		}
	case beforeValue:
		switch {
		case isSpace(c):
		case c == '"':
			l.state = inDouble
		case c == '\'':
			l.state = inSingle
		case c == '>':
			l.endOfAttr()
			l.inside(c, input)
		default:
			l.state = inUnquoted
			l.valueByte(c, input)
		}
	case inDouble, inSingle:
		if c == '"' && l.state == inDouble || c == '\'' && l.state == inSingle {
			l.endOfAttr()
			return
		}
		l.valueByte(c, input)
	case inUnquoted:
		if isSpace(c) || c == '>' {
			l.endOfAttr()
			l.inside(c, input)
			return
		}
		l.valueByte(c, input)
	}
}

func (l *lexer) valueByte(c byte, input bool) {
	l.anyValue = l.anyValue || input
	if len(l.value) < mostValue {
		l.value, l.valueIn = append(l.value, c), append(l.valueIn, input)
	}
}

func (l *lexer) endOfAttr() {
	l.state = inTag
	if len(l.attrs) < 256 && (l.anyValue || l.attrInput || l.tagInput || l.wanted()) {
		l.attrs = append(l.attrs, attr{string(l.attr), string(l.value), append([]bool(nil), l.valueIn...), l.attrInput, l.anyValue})
	}
}

// wanted reports whether an attribute matters though no input is in it: it says
// what another one means.
func (l *lexer) wanted() bool {
	switch string(l.attr) {
	case "http-equiv", "type", "rel", "attributename":
		return true
	}
	return false
}

// declaration tells a comment and a CDATA section from what is neither.
func (l *lexer) declaration(c byte) {
	l.tail = append(l.tail, c)
	switch text := string(l.tail); {
	case text == "--":
		l.state, l.tail = inComment, l.tail[:0]
	case strings.EqualFold(text, "[CDATA["):
		l.tail = l.tail[:0]
		if l.xml || l.foreign > 0 {
			l.state = inCDATA
		} else {
			l.state = inBogusComment
		}
	case c == '>':
		l.state = inText
	case !strings.HasPrefix("--", text) && !strings.HasPrefix("[cdata[", strings.ToLower(text)):
		l.state = inBogusComment
	}
}

// rawByte reads content that has no tags but the one that ends it.
func (l *lexer) rawByte(c byte, input bool) {
	if l.raw == "script" {
		if l.brought && input && l.js.in == 0 && !isSpace(c) && c != '<' && c != '/' {
			l.refuse(RuleElement) // the tag and code in it
		}
		if l.js.feed(c, input); l.js.broken {
			l.refuse(RuleScript)
		}
	}
	l.keepTail(c, len(l.raw)+3)
	n := len(l.tail)
	if !(isSpace(c) || c == '/' || c == '>') || n < len(l.raw)+3 {
		return
	}
	if string(l.tail[:2]) == "</" && strings.EqualFold(string(l.tail[2:n-1]), l.raw) {
		l.endTag, l.tagInput = true, false
		l.tag = append(l.tag[:0], l.raw...)
		l.attrs = l.attrs[:0]
		l.raw = ""
		l.state = inTag
		l.inside(c, input)
	}
}

// endOfTag judges a tag that is read, and goes on with what it begins.
func (l *lexer) endOfTag() {
	l.state = inText
	name := string(l.tag)
	if l.endTag {
		if (name == "svg" || name == "math") && l.foreign > 0 {
			l.foreign--
		}
		return
	}
	l.brought = l.tagInput
	l.judge(name)
	switch name {
	case "svg", "math":
		l.foreign++
	case "script", "style", "xmp", "iframe", "noembed", "noframes", "noscript", "plaintext":
		if l.xml || l.foreign > 0 && name != "script" {
			break
		}
		l.state, l.raw, l.tail = inRaw, name, l.tail[:0]
		l.js = script{}
		if name == "script" && !l.runs() {
			l.js.data = true
		}
	case "title", "textarea":
		if !l.xml && l.foreign == 0 {
			l.state, l.raw, l.tail = inRCDATA, name, l.tail[:0]
		}
	}
	if l.xml && name == "script" {
		l.state, l.raw, l.tail, l.js = inRaw, name, l.tail[:0], script{}
	}
}

// runs reports whether the script element that was read has code.
func (l *lexer) runs() bool {
	for _, a := range l.attrs {
		if a.name == "type" {
			t := strings.ToLower(strings.TrimSpace(a.value))
			return t == "" || t == "module" || t == "importmap" || strings.Contains(t, "javascript") || strings.Contains(t, "ecmascript")
		}
	}
	return true
}
