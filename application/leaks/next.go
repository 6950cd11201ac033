package leaks

import (
	"bytes"

	"github.com/gatehousehq/gatehouse"
)

// Next takes the body piece by piece, beginning with what Held was given, and
// appends to dst what may leave now. It holds back up to 2 KiB; final gives
// them too. What leaks, and is refused by whoever began the Scan, is replaced by
// asterisks, so that lengths stay as they are.
func (s *Scan) Next(dst, piece []byte, final bool) (out []byte) {
	if s.passing {
		return append(dst, piece...)
	}
	base := len(s.buf)
	s.buf = append(s.buf, piece...)
	// What Held has scanned is not scanned again.
	skip := min(s.decided, len(piece))
	s.decided -= skip
	base += skip
	s.state = s.l.automaton.find(s.state, s.buf[base:], func(l, end int) {
		s.open = append(s.open, hit{l, base + end - s.l.literals[l].length, base + end})
	})
	if s.inKey {
		s.maskKey(0)
	}
	s.settle(final)
	keep := len(s.buf) - window
	if final {
		keep = len(s.buf)
	}
	for _, h := range s.open {
		keep = min(keep, h.at-reachBack)
	}
	if keep <= 0 {
		return dst
	}
	dst = append(dst, s.buf[:keep]...)
	s.buf = s.buf[:copy(s.buf, s.buf[keep:])]
	for i := range s.open {
		s.open[i].at -= keep
		s.open[i].end -= keep
	}
	return dst
}

// settle judges the open hits whose surroundings have come.
func (s *Scan) settle(final bool) {
	waiting := s.open[:0]
	for _, h := range s.open {
		if !final && len(s.buf)-h.end < reachOn {
			waiting = append(waiting, h)
			continue
		}
		if h.at >= 0 {
			s.later(h)
		}
	}
	s.open = waiting
}

// later decides about a hit behind what was held, and masks what is refused.
func (s *Scan) later(h hit) {
	e := &s.l.entries[s.l.literals[h.literal].entry]
	if s.off[e.rule] || e.rule == RuleListing || e.level == weak {
		return
	}
	d := s.judgeLater(e, h)
	if d.Verdict == gatehouse.Pass || s.refuse == nil || !s.refuse(d) {
		return
	}
	switch {
	case e.form != nil:
		from, to, _ := e.form.Find(s.buf, h.at, h.end)
		mask(s.buf[from:to])
		s.inKey = to == len(s.buf) && bytes.Contains(s.buf[from:to], []byte("PRIVATE KEY"))
	case e.sig.raw:
		low := max(0, h.at-reachBack)
		if at := e.sig.expr.FindIndex(s.buf[low:min(len(s.buf), h.end+reachOn)]); at != nil {
			mask(s.buf[low+at[0] : low+at[1]])
		}
	default:
		mask(s.line(h))
	}
}

func (s *Scan) judgeLater(e *entry, h hit) gatehouse.Decision {
	if e.form != nil {
		return s.judgeSecret(s.buf, e, h)
	}
	matched, ok := s.matches(s.buf, e.sig, h)
	switch {
	case !ok, s.known(matched):
		return gatehouse.Passed()
	case e.level == certain || s.status >= 400:
		return gatehouse.Denied(e.rule, gatehouse.Place{}, "the answer (status %d) holds %s behind its first 64 KiB", s.status, e.sig.name)
	}
	return gatehouse.Passed() // so long a page quotes it
}

// line is the run of text that a hit stands in.
func (s *Scan) line(h hit) []byte {
	from := max(0, h.at-reachBack)
	if n := bytes.LastIndexAny(s.buf[from:h.at], "\n>\""); n >= 0 {
		from += n + 1
	}
	to := min(len(s.buf), h.end+reachOn)
	if n := bytes.IndexAny(s.buf[h.end:to], "\n<\""); n >= 0 {
		to = h.end + n
	}
	return s.buf[from:to]
}

// maskKey masks the rest of a private key from a position on.
func (s *Scan) maskKey(from int) {
	for i := from; i < len(s.buf); i++ {
		switch c := s.buf[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '+', c == '/', c == '=':
			s.buf[i] = '*'
		case c == '\n', c == '\r', c == '\\', c == ' ', c == '*':
		default:
			s.inKey = false
			return
		}
	}
}

// mask overwrites what is not white space.
func mask(b []byte) {
	for i, c := range b {
		if c > ' ' {
			b[i] = '*'
		}
	}
}
