package markup

import (
	"encoding/base64"
	"html"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehousehq/gatehouse/taint"
)

const (
	// shortest is the shortest input that can be executable: fewer bytes than
	// "onload=a" call nothing.
	shortest = 8
	// mostInputs and mostStarts bound what is looked for in one answer; mostBytes
	// how much of one input.
	mostInputs = 512
	mostStarts = 4096
	mostBytes  = 16 << 10
	// gram is how many bytes are hashed to find a start.
	gram = 4
)

// A start is a place in an input, in one of its readings, where a copy of the
// rest may begin in an answer.
type start struct {
	text  string // from the start on
	whole bool   // the text is all of the reading
	input int    // the candidate
}

// A matcher finds copies of inputs.
type matcher struct {
	starts []start
	bits   [1 << 10]uint64
	table  map[uint32][]int32
	order  []taint.Candidate
}

var fold = func() (t [256]byte) {
	for i := range t {
		t[i] = byte(i)
		if 'A' <= i && i <= 'Z' {
			t[i] = byte(i) + 'a' - 'A'
		}
	}
	return t
}()

func hash4(a, b, c, d byte) uint32 {
	return (uint32(fold[a]) | uint32(fold[b])<<8 | uint32(fold[c])<<16 | uint32(fold[d])<<24) * 0x9E3779B1 >> 16
}

// newMatcher makes one of the inputs that could be executable somewhere; nil
// where there are none.
func newMatcher(candidates []taint.Candidate) *matcher {
	var m *matcher
	for i := range candidates {
		v := candidates[i].Value
		if len(v) < shortest || i >= mostInputs {
			continue
		}
		readings(v[:min(len(v), mostBytes)], func(reading string) {
			if len(reading) < shortest || !suspicious(reading) {
				return
			}
			if m == nil {
				m = &matcher{table: map[uint32][]int32{}, order: candidates}
			}
			m.add(reading, i)
		})
	}
	return m
}

// suspicious reports whether a text has what code needs where it could run.
func suspicious(v string) bool {
	for i := range len(v) {
		if signs[v[i]] {
			return true
		}
	}
	return false
}

var signs = func() (t [256]bool) {
	for _, c := range []byte("<>\"'`=(:{;&\\") {
		t[c] = true
	}
	return t
}()

// readings calls yield with an input as it came and as applications decode it, where
// any of that could be code.
func readings(v string, yield func(string)) {
	plain, encoded := suspicious(v), looksBase64(v)
	if !plain && !encoded && strings.IndexByte(v, '%') < 0 {
		return
	}
	yield(v)
	seen := make([]string, 1, 8)
	seen[0] = v
	one := func(s string, ok bool) {
		if ok && !slices.Contains(seen, s) {
			seen = append(seen, s)
			yield(s)
		}
	}
	if encoded {
		one(decoded(v))
	}
	if strings.IndexByte(v, '%') >= 0 {
		once, err := url.PathUnescape(v)
		one(once, err == nil)
		if twice, err2 := url.PathUnescape(once); err == nil && err2 == nil {
			one(twice, true)
		}
	}
	if !plain {
		return
	}
	if strings.ContainsAny(v, "'\"") { // a handler's code is escaped, and read unescaped
		one(html.EscapeString(v), true)
	}
	if strings.IndexByte(v, '+') >= 0 {
		one(strings.ReplaceAll(v, "+", " "), true)
	}
	if strings.IndexByte(v, '&') >= 0 {
		one(html.UnescapeString(v), true)
	}
	if strings.IndexByte(v, '\\') >= 0 {
		one(unescape(v), true)
	}
	low := strings.ToLower(v)
	for _, filter := range filters {
		if strings.Contains(low, filter) {
			one(remove(v, filter), true)
		}
	}
}

// decoded reads base64. Most that looks like it is the identifier of a session, and
// decodes to no text.
func decoded(v string) (string, bool) {
	v = strings.TrimRight(v, "=")
	raw, err := base64.RawStdEncoding.DecodeString(v)
	if err != nil {
		raw, err = base64.RawURLEncoding.DecodeString(v)
	}
	if err != nil {
		return "", false
	}
	run, telling := 0, false
	for _, c := range raw {
		if c < ' ' && !isSpace(c) || c >= 0x7f {
			run, telling = 0, false
			continue
		}
		run++
		telling = telling || signs[c]
		if run >= shortest && telling {
			return string(raw), true
		}
	}
	return "", false
}

// filters are what applications take out of inputs, once, to be safe.
var filters = [...]string{"<script>", "</script>", "script", "javascript:", "javascript", "alert", "onerror", "onload", "<", "--", "..", "\x00"}

// remove takes every copy of word out, as a filter that goes through a text once.
func remove(v, word string) string {
	low := strings.ToLower(v)
	if len(low) != len(v) {
		return strings.ReplaceAll(v, word, "")
	}
	var b strings.Builder
	for {
		i := strings.Index(low, word)
		if i < 0 {
			b.WriteString(v)
			return b.String()
		}
		b.WriteString(v[:i])
		v, low = v[i+len(word):], low[i+len(word):]
	}
}

func looksBase64(v string) bool {
	for _, c := range []byte(v[:min(len(v), 64)]) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '+' || c == '/' || c == '-' || c == '_' || c == '=') {
			return false
		}
	}
	return true
}

// unescape undoes backslash escapes as JSON and JavaScript write them.
func unescape(v string) string {
	var b strings.Builder
	for i := 0; i < len(v); i++ {
		if v[i] != '\\' || i+1 == len(v) {
			b.WriteByte(v[i])
			continue
		}
		i++
		digits := 0
		switch v[i] {
		case 'u':
			digits = 4
		case 'x':
			digits = 2
		}
		code := rune(0)
		ok := digits > 0 && i+digits < len(v)
		for j := 1; ok && j <= digits; j++ {
			d := strings.IndexByte("0123456789abcdef", fold[v[i+j]])
			ok = d >= 0
			code = code<<4 | rune(d)
		}
		if ok {
			b.WriteRune(code)
			i += digits
			continue
		}
		b.WriteByte(v[i])
	}
	return b.String()
}

// add notes where copies of a reading may begin: at its beginning, and at each
// place where code may.
func (m *matcher) add(reading string, input int) {
	m.start(reading, true, input)
	left := 24
	for i := 1; i+gram <= len(reading) && left > 0; i++ {
		switch fold[reading[i]] {
		case '<', '"', '\'', '`':
		case 'j', 'd', 'v', 'o': // javascript:, data:, vbscript:, onload=
			if !beginsCode(reading[i:]) || isWord(reading[i-1]) {
				continue
			}
		default:
			continue
		}
		m.start(reading[i:], false, input)
		left--
	}
}

func isWord(c byte) bool {
	return 'a' <= fold[c] && fold[c] <= 'z' || '0' <= c && c <= '9' || c == '_' || c == '-'
}

func beginsCode(v string) bool {
	v = strings.ToLower(v[:min(len(v), 16)])
	return strings.HasPrefix(v, "javascript") || strings.HasPrefix(v, "data:") || strings.HasPrefix(v, "vbscript") || strings.HasPrefix(v, "on") && strings.Contains(v, "=")
}

func (m *matcher) start(text string, whole bool, input int) {
	if len(text) < gram || len(m.starts) >= mostStarts {
		return
	}
	h := hash4(text[0], text[1], text[2], text[3])
	m.bits[h>>6] |= 1 << (h & 63)
	m.table[h] = append(m.table[h], int32(len(m.starts)))
	m.starts = append(m.starts, start{text, whole, input})
}

// A copy is where an answer has an input, or a good part of one.
type copied struct {
	from, to int
	input    int
	complete bool // the input's text from there on, whole
}

// shortestCopy is how much of an input that was cut or changed counts.
const shortestCopy = 10

// find appends the copies in a text that begin before limit.
func (m *matcher) find(all []copied, text []byte, limit int) []copied {
	last := len(text) - gram
	for i := 0; i <= last && i < limit; i++ {
		h := hash4(text[i], text[i+1], text[i+2], text[i+3])
		if m.bits[h>>6]&(1<<(h&63)) == 0 {
			continue
		}
		best := copied{from: i, to: i}
		for _, n := range m.table[h] {
			s := &m.starts[n]
			length := alike(s.text, text[i:])
			complete := length == len(s.text)
			if length < shortestCopy && !(complete && s.whole) || i+length <= best.to {
				continue
			}
			best.to, best.input, best.complete = i+length, s.input, complete
		}
		if best.to > best.from && (len(all) == 0 || best.to > all[len(all)-1].to) {
			all = append(all, best)
		}
	}
	return all
}

func alike(a string, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if fold[a[i]] != fold[b[i]] {
			return i
		}
	}
	return n
}
