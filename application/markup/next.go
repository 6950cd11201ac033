package markup

import (
	"slices"

	"github.com/gatehousehq/gatehouse"
)

const (
	// window is how much is held back, so that a copy is found whole and changed
	// before it leaves.
	window = 16 << 10
	// chunk is how much is read at once.
	chunk = 32 << 10
)

// Next takes the body piece by piece, the held beginning first, and appends to dst
// what may leave. It holds back up to 48 KiB; final gives them too. Where an input
// became executable, and whoever began the Scan refuses it, its copies are written
// as text, so that lengths change.
func (s *Scan) Next(dst, piece []byte, final bool) (out []byte) {
	if s.done {
		return append(dst, piece...)
	}
	s.buf = append(s.buf, piece...)
	for len(s.buf) >= chunk+window || final && len(s.buf) > 0 {
		n := len(s.buf)
		if n >= chunk+window {
			n = chunk
		}
		s.all = s.m.find(s.all[:0], s.buf, n)
		if len(s.all) > 0 && n < len(s.buf) {
			n = max(n, min(s.all[len(s.all)-1].to, len(s.buf))) // no copy is cut
		}
		dst = s.pass(dst, s.buf[:n])
		s.buf = append(s.buf[:0], s.buf[n:]...)
	}
	return dst
}

// pass reads a text with its copies, and gives it on.
func (s *Scan) pass(dst, text []byte) []byte {
	l, js := s.l.clone(), s.js
	l.xml = s.kind == asXML
	if d := s.read(&l, &js, text); d.Verdict != gatehouse.Pass {
		if s.refuse != nil && s.refuse(d) {
			text = s.asText(text)
		}
		// It is read on as the browser does.
		s.all = s.all[:0]
		l, js = s.l.clone(), s.js
		l.rule = ""
		s.read(&l, &js, text)
	}
	s.l, s.js = l, js
	return append(dst, text...)
}

// asText writes every copy as text.
func (s *Scan) asText(text []byte) []byte {
	var out []byte
	at := 0
	for _, c := range s.all {
		if c.from < at {
			c.from = at
		}
		to := min(c.to, len(text))
		if c.from >= to {
			continue
		}
		out = append(out, text[at:c.from]...)
		for _, b := range text[c.from:to] {
			switch b {
			case '<':
				out = append(out, "&lt;"...)
			case '>':
				out = append(out, "&gt;"...)
			case '"':
				out = append(out, "&#34;"...)
			case '\'':
				out = append(out, "&#39;"...)
			case '`':
				out = append(out, "&#96;"...)
			case '(', ':', '=':
				out = append(out, ' ')
			default:
				out = append(out, b)
			}
		}
		at = to
	}
	return append(out, text[at:]...)
}

// clone copies a lexer with what it holds.
func (l *lexer) clone() lexer {
	c := *l
	c.tag, c.attr, c.value, c.tail = slices.Clone(l.tag), slices.Clone(l.attr), slices.Clone(l.value), slices.Clone(l.tail)
	c.valueIn = slices.Clone(l.valueIn)
	c.attrs = slices.Clone(l.attrs)
	return c
}
