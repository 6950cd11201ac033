package pgwire

import (
	"bytes"
	"strings"
)

// A reading is how the database reads the text of statements, as far as it has
// said. A change is told with ReadyForQuery since PostgreSQL 14: what is sent
// before is judged under every reading that it may have.
type reading struct {
	// backslash is set where standard_conforming_strings is off; known, once the
	// database has said.
	backslash, known bool
	// odd is set where client_encoding has letters that hold a byte of ASCII;
	// onceOdd, where it ever had: it may be had again by RESET or ROLLBACK.
	odd, onceOdd bool
	// utf8 is set where client_encoding is UTF8.
	utf8 bool
	// doubt is set where a statement that is under way may change the encoding.
	doubt bool
}

// oddEncodings have letters whose second byte is one of ASCII's: in them a
// backslash may be half of a letter (PostgreSQL takes them from clients alone).
var oddEncodings = map[string]bool{
	"SJIS": true, "SHIFT_JIS_2004": true, "BIG5": true, "GBK": true, "UHC": true, "GB18030": true, "JOHAB": true,
}

// note is told what the database reports.
func (r *reading) note(name, value string) {
	switch name {
	case "standard_conforming_strings":
		r.backslash, r.known = value == "off", true
	case "client_encoding":
		r.odd, r.utf8 = oddEncodings[strings.ToUpper(value)], strings.EqualFold(value, "UTF8")
		r.onceOdd = r.onceOdd || r.odd
	}
}

// risky reports whether letters may be read as something else.
func (r *reading) risky(text []byte, unsettled bool) bool {
	return (r.odd || unsettled && (r.doubt || r.onceOdd)) && !ascii(text)
}

func ascii(text []byte) bool {
	for _, c := range text {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

// readingsDiffer reports whether it matters if a backslash escapes: only where
// it would escape a quotation mark does a string end elsewhere.
func readingsDiffer(text []byte) bool {
	for {
		i := bytes.IndexByte(text, '\\')
		if i < 0 {
			return false
		}
		n := 1
		for i+n < len(text) && text[i+n] == '\\' {
			n++
		}
		text = text[i+n:]
		if n%2 == 1 && len(text) > 0 && text[0] == '\'' {
			return true
		}
	}
}

// oddNames are what PostgreSQL calls those encodings, and their aliases, in
// lower case without punctuation, as it compares them (encnames.c).
var oddNames = []string{"sjis", "mskanji", "big5", "gbk", "uhc", "gb18030", "johab", "win9", "windows9", "shiftjis"}

// mayChangeEncoding reports whether a statement may set client_encoding to an
// encoding that is read otherwise: by its name, or by one that cannot be told
// from the text. A function of the database's own that sets it is not seen.
func mayChangeEncoding(text []byte) bool {
	encoding, config := mentions(text)
	switch {
	case config && computed(text):
		return true
	case !encoding:
		return false
	}
	if config && bytes.IndexByte(text, '$') >= 0 || bytes.IndexByte(text, '\\') >= 0 || bytes.IndexByte(text, '&') >= 0 {
		return true // a value that is bound, or written in escapes
	}
	plain := squash(text)
	for _, name := range oddNames {
		if strings.Contains(plain, name) {
			return true
		}
	}
	return false
}

// mentions looks for "encoding" and "names", and for "set_config".
func mentions(text []byte) (encoding, config bool) {
	for i, c := range text {
		switch c | 0x20 {
		case 'g':
			encoding = encoding || endsIn(text[:i], "encodin")
			config = config || endsIn(text[:i], "set_confi")
		case 's':
			encoding = encoding || endsIn(text[:i], "name")
		case '&' | 0x20:
			// U&"…" may spell any name.
			encoding = encoding || i > 0 && text[i-1]|0x20 == 'u' && i+1 < len(text) && text[i+1] == '"'
		}
	}
	return encoding, config
}

func endsIn(text []byte, word string) bool {
	return len(text) >= len(word) && strings.EqualFold(string(text[len(text)-len(word):]), word)
}

// computed reports whether a call of set_config names its setting by something
// else than an ordinary string.
func computed(text []byte) bool {
	lower := bytes.ToLower(text)
	for {
		i := bytes.Index(lower, []byte("set_config"))
		if i < 0 {
			return false
		}
		lower = lower[i+len("set_config"):]
		rest := bytes.TrimLeft(lower, " \t\r\n\f\v(\"")
		if len(rest) == 0 || rest[0] != '\'' {
			return true
		}
	}
}

// squash leaves letters and digits, in lower case.
func squash(text []byte) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		}
		return -1
	}, string(text))
}
