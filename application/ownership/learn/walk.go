package learn

import (
	"bytes"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	// maxDepth bounds how deep an answer is looked into, and thereby the walk's
	// recursion; what is below is gone over.
	maxDepth = 12
	// maxMembers bounds the members of one object that are told apart: an object
	// with more has keys that are data.
	maxMembers = 64
	// maxNodes bounds the nodes of one route.
	maxNodes = 512
	// maxText bounds a value that may be a name.
	maxText = 256
)

// A node is a place in the JSON of a route's answers.
type node struct {
	name    string
	parent  *node
	members map[string]*node
	element *node // of an array
	// head is the member that stood first in the last object here, and next the one
	// that stood behind this one: most answers of a route have theirs in one order.
	head, next *node
	leaf       leaf
	now        now
	// counted is in how many answers it was the number of elements of a list beside it.
	counted uint32
	// id: by its name it holds an identifier.
	id bool
	// counts: by its name it says how many there are.
	counts bool
	// giver is the place in Learner.gave, counted from 1.
	giver int
}

// now is what the answer at hand has at a node.
type now struct {
	// touched is the answer's number, so that nothing need be cleared.
	touched uint64
	value   uint64
	count   int // of values; of elements where the node is one
	mixed   bool
}

// A walker goes through one answer, and notes at the nodes of a route what stands
// there. It reads what encoding/json reads, in one pass.
type walker struct {
	key     key
	b       []byte
	i       int
	answer  uint64
	nodes   *int
	touched []*node
	text    []byte
	// ids are the identifiers in the answer, with their nodes.
	ids []identifier
}

type identifier struct {
	node  *node
	value uint64
}

// maxGiven bounds the identifiers of one answer.
const maxGiven = 256

// walk reports whether body is JSON throughout.
func (w *walker) walk(body []byte, root *node, nodes *int) bool {
	w.b, w.i, w.nodes, w.touched, w.ids = body, 0, nodes, w.touched[:0], w.ids[:0]
	w.answer++
	ok := w.value(root, 0)
	w.space()
	ok = ok && w.i == len(w.b)
	w.b = nil
	return ok
}

func (w *walker) space() {
	for w.i < len(w.b) && (w.b[w.i] == ' ' || w.b[w.i] == '\n' || w.b[w.i] == '\r' || w.b[w.i] == '\t') {
		w.i++
	}
}

// next is the next byte that is no white space, or 0 at the end.
func (w *walker) next() byte {
	if w.i < len(w.b) && w.b[w.i] > ' ' {
		return w.b[w.i]
	}
	w.space()
	if w.i < len(w.b) {
		return w.b[w.i]
	}
	return 0
}

func (w *walker) value(n *node, depth int) bool {
	switch c := w.next(); {
	case c == '{' && depth < maxDepth:
		return w.object(n, depth)
	case c == '[' && depth < maxDepth:
		return w.array(n, depth)
	case c == '{' || c == '[':
		return w.skip()
	case c == '"':
		text, ok := w.string()
		if ok && n != nil {
			w.note(n, text)
		}
		return ok
	case c == '-' || c >= '0' && c <= '9':
		start := w.i
		for w.i < len(w.b) && numeral[w.b[w.i]] {
			w.i++
		}
		if n != nil {
			w.note(n, w.b[start:w.i])
		}
		return true
	}
	for _, word := range [...]string{"true", "false", "null"} {
		if len(w.b)-w.i >= len(word) && string(w.b[w.i:w.i+len(word)]) == word {
			w.i += len(word)
			return true
		}
	}
	return false
}

var numeral = func() (t [256]bool) {
	for _, c := range "0123456789+-.eE" {
		t[c] = true
	}
	return t
}()

func (w *walker) object(n *node, depth int) bool {
	w.i++
	if w.next() == '}' {
		w.i++
		return true
	}
	var before *node
	for {
		if w.next() != '"' {
			return false
		}
		name, ok := w.string()
		if !ok {
			return false
		}
		at := w.after(before, n, name)
		if at != nil {
			before = at
		}
		if w.next() != ':' {
			return false
		}
		w.i++
		if !w.value(at, depth+1) {
			return false
		}
		switch w.next() {
		case ',':
			w.i++
		case '}':
			w.i++
			return true
		default:
			return false
		}
	}
}

func (w *walker) array(n *node, depth int) bool {
	w.i++
	if w.next() == ']' {
		w.i++
		return true
	}
	var at *node
	if n != nil {
		if n.element == nil && *w.nodes < maxNodes {
			*w.nodes++
			n.element = &node{parent: n}
		}
		at = n.element
	}
	for {
		if at != nil {
			w.touch(at)
			at.now.count++
		}
		if !w.value(at, depth+1) {
			return false
		}
		switch w.next() {
		case ',':
			w.i++
		case ']':
			w.i++
			return true
		default:
			return false
		}
	}
}

// after gives the node of a member that stands behind another one, or first.
func (w *walker) after(before, n *node, name []byte) *node {
	if n == nil {
		return nil
	}
	expected := &n.head
	if before != nil {
		expected = &before.next
	}
	if *expected == nil || (*expected).name != string(name) {
		at := w.member(n, name)
		if at == nil {
			return nil
		}
		*expected = at
	}
	return *expected
}

// member gives the node of a member, or nil where it is not looked into.
func (w *walker) member(n *node, name []byte) *node {
	if len(name) > maxName {
		return nil
	}
	if at := n.members[string(name)]; at != nil {
		return at
	}
	if len(n.members) >= maxMembers || *w.nodes >= maxNodes || !plainName(name) {
		return nil
	}
	if n.members == nil {
		n.members = map[string]*node{}
	}
	*w.nodes++
	at := &node{name: string(name), parent: n, id: idName(string(name)), counts: countName(string(name))}
	n.members[at.name] = at
	return at
}

const maxName = 64

// plainName reports whether a member's name may be a word that a programmer wrote,
// and not an identifier that is data.
func plainName(name []byte) bool {
	letters, digits := 0, 0
	for _, c := range name {
		switch {
		case c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80:
			letters++
		case c >= '0' && c <= '9':
			digits++
		}
	}
	return letters > 0 && digits <= 2 && len(name) > 0
}

func (w *walker) touch(n *node) {
	if n.now.touched != w.answer {
		n.now = now{touched: w.answer}
		w.touched = append(w.touched, n)
	}
}

// note notes a scalar at a node.
func (w *walker) note(n *node, text []byte) {
	w.touch(n)
	// Of the elements of an array, count is how many there are already.
	if n.parent == nil || n.parent.element != n {
		n.now.count++
	}
	if n.leaf.dead && !n.id && !n.counts || len(text) == 0 || len(text) > maxText {
		n.now.mixed = n.now.mixed || len(text) > maxText
		return
	}
	if n.now.mixed && n.now.value != 0 && !n.id && !n.counts && n.leaf.things == nil {
		return // what else stands there changes nothing
	}
	v := sum(w.key, text)
	if n.id && len(w.ids) < maxGiven {
		w.ids = append(w.ids, identifier{n, v})
	}
	if n.now.value != 0 && n.now.value != v {
		n.now.mixed = true
	}
	n.now.value = v
}

// string gives what a string says; the slice is good until the next.
func (w *walker) string() ([]byte, bool) {
	start := w.i + 1
	end := bytes.IndexByte(w.b[start:], '"')
	if end < 0 {
		return nil, false
	}
	if text := w.b[start : start+end]; bytes.IndexByte(text, '\\') < 0 {
		w.i = start + end + 1
		return text, true
	}
	for i := start; i < len(w.b); i++ {
		switch w.b[i] {
		case '"':
			w.i = i + 1
			return w.unescape(w.b[start-1 : i+1])
		case '\\':
			i++
		}
	}
	return nil, false
}

// unescape gives what a quoted string with escapes in it says.
func (w *walker) unescape(quoted []byte) ([]byte, bool) {
	if len(quoted) > 8*maxText {
		return quoted, true // longer than any name: what it says does not matter
	}
	out, inside := w.text[:0], quoted[1:len(quoted)-1]
	for i := 0; i < len(inside); i++ {
		c := inside[i]
		if c != '\\' {
			out = append(out, c)
			continue
		}
		i++
		if c = inside[i]; c != 'u' {
			at := strings.IndexByte(escapes, c)
			if at < 0 {
				return nil, false
			}
			out = append(out, meanings[at])
			continue
		}
		r, ok := unit(inside[i+1:])
		if !ok {
			return nil, false
		}
		i += 4
		if utf16.IsSurrogate(r) {
			low, ok := rune(0), false
			if len(inside) > i+2 && inside[i+1] == '\\' && inside[i+2] == 'u' {
				low, ok = unit(inside[i+3:])
			}
			if r = utf16.DecodeRune(r, low); ok && r != utf8.RuneError {
				i += 6
			}
		}
		out = utf8.AppendRune(out, r)
	}
	w.text = out
	return out, true
}

const (
	escapes  = `"\/bfnrt`
	meanings = "\"\\/\b\f\n\r\t"
)

// unit reads four hexadecimal digits.
func unit(b []byte) (r rune, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	for _, c := range b[:4] {
		switch low := c | 0x20; {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case low >= 'a' && low <= 'f':
			r = r<<4 | rune(low-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// skip goes behind an object or array without looking into it.
func (w *walker) skip() bool {
	for open := 0; w.i < len(w.b); {
		switch w.b[w.i] {
		case '"':
			if _, ok := w.string(); !ok {
				return false
			}
			continue
		case '{', '[':
			open++
		case '}', ']':
			open--
		}
		w.i++
		if open == 0 {
			return true
		}
	}
	return false
}
