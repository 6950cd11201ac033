package input

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/gatehousehq/gatehouse"
)

// jsonInputs adds the strings, numbers, booleans and member names of the JSON
// values in s, which may follow each other. It accepts what encoding/json
// accepts (RFC 8259), and besides: nothing at all, several values, and a byte
// order mark or record separator (RFC 7464) before a value. prefix begins the
// names of the places.
func jsonInputs(s, prefix string, maxDepth int, b *builder) *Error {
	err := walkJSON(s, prefix, maxDepth, b)
	if b.asks || b.wants {
		b.asks = false
		b.askedJSON(s, maxDepth)
	}
	return err
}

func walkJSON(s, prefix string, maxDepth int, b *builder) *Error {
	w := walker{s: strings.TrimPrefix(s, "\uFEFF"), b: b, maxDepth: maxDepth}
	w.path = append(make([]byte, 0, maxPlaceName), prefix...)
	w.stack = make([]level, 0, 8)
	b.grow(len(s) / 12)
	for {
		w.space()
		for w.i < len(w.s) && w.s[w.i] == recordSeparator {
			w.i++
			w.space()
		}
		if w.i == len(w.s) {
			return nil
		}
		if err := w.value(); err != nil {
			return err
		}
	}
}

const recordSeparator = 0x1E

// A walker follows one text without recursion, so depth costs no stack.
type walker struct {
	s        string
	i        int
	b        *builder
	maxDepth int
	// path is the name of the place, as far as it is known.
	path  []byte
	stack []level
	// places holds the names made so far, so that each is made once.
	places map[string]string
}

type level struct {
	object bool
	// base is how much of path belongs to what encloses it.
	base int
	// place is the name of an array's scalars; made when first needed.
	place string
}

// maxPlaces bounds the distinct names of places in one body: the client makes
// them, and each may be many times longer than what it sent for it.
const maxPlaces = 2048

func (w *walker) value() *Error {
	for {
		opened, err := w.one()
		if err != nil {
			return err
		}
		if opened {
			continue
		}
		more, err := w.after()
		if err != nil || !more {
			return err
		}
	}
}

// one reads a scalar, an empty object or array, or the opening of one up to
// where its first value stands; then opened is true.
func (w *walker) one() (opened bool, err *Error) {
	w.space()
	if w.i == len(w.s) {
		return false, w.end()
	}
	switch c := w.s[w.i]; {
	case c == '"':
		text, err := w.text()
		if err != nil {
			return false, err
		}
		return false, w.b.add(gatehouse.JSON, w.place(), text)
	case c == '{':
		return w.open(true, '}')
	case c == '[':
		return w.open(false, ']')
	case c == '-' || c >= '0' && c <= '9':
		return false, w.number()
	}
	for _, word := range [...]string{"true", "false", "null"} {
		if strings.HasPrefix(w.s[w.i:], word) {
			w.i += len(word)
			if word == "null" {
				return false, nil
			}
			return false, w.b.add(gatehouse.JSON, w.place(), word)
		}
	}
	return false, w.bad("no value")
}

func (w *walker) open(object bool, closing byte) (bool, *Error) {
	w.i++
	if len(w.stack) >= w.maxDepth {
		return false, fail(RuleTooDeep, gatehouse.JSON, "nested more than %d deep", w.maxDepth)
	}
	w.space()
	if w.i < len(w.s) && w.s[w.i] == closing {
		w.i++
		return false, nil
	}
	w.stack = append(w.stack, level{object: object, base: len(w.path)})
	if object {
		return true, w.key()
	}
	if len(w.path)+2 <= maxPlaceName {
		w.path = append(w.path, "[]"...)
	} else {
		w.path = cut(w.path)
	}
	return true, nil
}

// after follows a value: more is true where another one of the same object or
// array comes, false at the end of the outermost.
func (w *walker) after() (more bool, err *Error) {
	for len(w.stack) > 0 {
		top := &w.stack[len(w.stack)-1]
		w.space()
		if w.i == len(w.s) {
			return false, w.end()
		}
		c := w.s[w.i]
		switch {
		case c == ',':
			w.i++
			if top.object {
				w.space()
				return true, w.key()
			}
			return true, nil
		case top.object && c == '}', !top.object && c == ']':
			w.i++
			w.path = w.path[:top.base]
			w.stack = w.stack[:len(w.stack)-1]
		default:
			return false, w.bad("neither a comma nor the end of the object or array")
		}
	}
	return false, nil
}

// key reads a member's name and its colon.
func (w *walker) key() *Error {
	if w.i == len(w.s) {
		return w.end()
	}
	if w.s[w.i] != '"' {
		return w.bad("no member name")
	}
	name, err := w.text()
	if err != nil {
		return err
	}
	w.space()
	if w.i == len(w.s) {
		return w.end()
	}
	if w.s[w.i] != ':' {
		return w.bad("no colon after a member name")
	}
	w.i++
	top := &w.stack[len(w.stack)-1]
	w.path = w.path[:top.base]
	if top.base > 0 {
		w.path = appendName(w.path, ".")
	}
	if len(w.stack) <= 2 && asks(name) && w.asked(name) {
		w.b.asks = true
	}
	before := len(w.path)
	w.path = appendName(w.path, name)
	top.place = ""
	// An ordinary name is given once for each place; any other each time,
	// because different ones can have the same place.
	if string(w.path[min(before, len(w.path)):]) == name && plainKey(name) {
		if _, ok := w.places[string(w.path)]; ok {
			return nil
		}
		w.intern()
	}
	return w.b.add(gatehouse.Key, gatehouse.JSON.String(), name)
}

// plainKey reports whether name is an identifier.
func plainKey(name string) bool {
	for i := range len(name) {
		if c := name[i]; !plainByte[c] || c == '.' || c == ' ' || c == ',' {
			return false
		}
	}
	return true
}

// place is the name of the place that path says.
func (w *walker) place() string {
	if len(w.path) == 0 {
		return ""
	}
	if len(w.stack) == 0 {
		return w.intern()
	}
	top := &w.stack[len(w.stack)-1]
	if top.place == "" {
		top.place = w.intern()
	}
	return top.place
}

func (w *walker) intern() string {
	if name, ok := w.places[string(w.path)]; ok {
		return name
	}
	if len(w.places) >= maxPlaces {
		return ellipsis
	}
	if w.places == nil {
		w.places = make(map[string]string, 16)
	}
	name := string(w.path)
	w.places[name] = name
	return name
}

// text reads a string, whose opening quote stands at i. Without an escape in
// it the result shares the body's memory.
func (w *walker) text() (string, *Error) {
	start := w.i + 1
	for i := start; i < len(w.s); i++ {
		switch c := w.s[i]; {
		case c == '"':
			w.i = i + 1
			return w.s[start:i], nil
		case c == '\\':
			return w.escaped(start, i)
		case c < ' ':
			w.i = i
			return "", w.bad("a control character in a string")
		}
	}
	w.i = len(w.s)
	return "", w.end()
}

// escaped reads a string that begins at start and has its first escape at i.
func (w *walker) escaped(start, i int) (string, *Error) {
	out := make([]byte, 0, 2*(i-start)+32)
	out = append(out, w.s[start:i]...)
	for i < len(w.s) {
		c := w.s[i]
		switch {
		case c == '"':
			w.i = i + 1
			return string(out), nil
		case c < ' ':
			w.i = i
			return "", w.bad("a control character in a string")
		case c != '\\':
			out = append(out, c)
			i++
			continue
		}
		w.i = i
		if i+1 >= len(w.s) {
			return "", w.end()
		}
		if w.s[i+1] != 'u' {
			e := strings.IndexByte(escapes, w.s[i+1])
			if e < 0 {
				return "", w.bad("an unknown escape in a string")
			}
			out = append(out, escaped[e])
			i += 2
			continue
		}
		r, n := w.unicode(i)
		if n == 0 {
			return "", w.bad("a broken \\u escape in a string")
		}
		out = utf8.AppendRune(out, r)
		i += n
	}
	w.i = len(w.s)
	return "", w.end()
}

const (
	escapes = `"\/bfnrt`
	escaped = "\"\\/\b\f\n\r\t"
)

// unicode reads \uXXXX at i, or a pair of surrogates, and says how many bytes
// it took; zero if broken. A lone surrogate is U+FFFD.
func (w *walker) unicode(i int) (rune, int) {
	if i+6 > len(w.s) {
		return 0, 0
	}
	r, ok := hexRune(w.s[i+2 : i+6])
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if i+12 <= len(w.s) && w.s[i+6] == '\\' && w.s[i+7] == 'u' {
		if low, ok := hexRune(w.s[i+8 : i+12]); ok {
			if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
				return r, 12
			}
		}
	}
	return utf8.RuneError, 6
}

// number reads a number as RFC 8259 section 6 has it.
func (w *walker) number() *Error {
	start := w.i
	if err := w.skipNumber(); err != nil {
		return err
	}
	return w.b.add(gatehouse.JSON, w.place(), w.s[start:w.i])
}

func (w *walker) skipNumber() *Error {
	if w.s[w.i] == '-' {
		w.i++
	}
	if w.i < len(w.s) && w.s[w.i] == '0' {
		w.i++
	} else if w.digits() == 0 {
		return w.bad("a broken number")
	}
	if w.i < len(w.s) && w.s[w.i] == '.' {
		w.i++
		if w.digits() == 0 {
			return w.bad("a broken number")
		}
	}
	if w.i < len(w.s) && w.s[w.i]|0x20 == 'e' {
		w.i++
		if w.i < len(w.s) && (w.s[w.i] == '+' || w.s[w.i] == '-') {
			w.i++
		}
		if w.digits() == 0 {
			return w.bad("a broken number")
		}
	}
	return nil
}

func (w *walker) digits() int {
	start := w.i
	for w.i < len(w.s) && w.s[w.i] >= '0' && w.s[w.i] <= '9' {
		w.i++
	}
	return w.i - start
}

func (w *walker) space() {
	for w.i < len(w.s) && (w.s[w.i] == ' ' || w.s[w.i] == '\n' || w.s[w.i] == '\r' || w.s[w.i] == '\t') {
		w.i++
	}
}

func (w *walker) bad(what string) *Error {
	return fail(RuleMalformedJSON, gatehouse.JSON, "%s at byte %d", what, w.i)
}

func (w *walker) end() *Error {
	return fail(RuleMalformedJSON, gatehouse.JSON, "%s", endWords)
}

const endWords = "the text ends inside a value"
