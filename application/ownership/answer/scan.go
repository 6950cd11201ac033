package answer

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds how deep an answer is nested; real ones stay below 20.
const maxDepth = 64

// A scanner goes through one JSON value as RFC 8259 has it, without recursion
// and without memory of its own.
type scanner struct {
	b []byte
	i int
	// depth is how many objects and arrays are open.
	depth int
}

func (s *scanner) fault(f Fault) *Error { return &Error{Fault: f, At: s.i} }

// bad is a byte that can't stand there, or the end.
func (s *scanner) bad() *Error {
	if s.i >= len(s.b) {
		return s.fault(Truncated)
	}
	return s.fault(NotJSON)
}

func (s *scanner) space() {
	for s.i < len(s.b) && s.b[s.i] <= ' ' {
		switch s.b[s.i] {
		case ' ', '\n', '\r', '\t':
			s.i++
		default:
			return
		}
	}
}

// peek is the next byte that is no white space; zero at the end, where no
// value can begin nor end either.
func (s *scanner) peek() byte {
	s.space()
	if s.i < len(s.b) {
		return s.b[s.i]
	}
	return 0
}

// skip goes behind one value of any kind.
func (s *scanner) skip() *Error {
	var objects uint64 // one bit for each that is open, the innermost lowest
	open := 0
	for {
		c := s.peek()
		switch c {
		case '{', '[':
			if s.depth+open >= maxDepth {
				return s.fault(TooDeep)
			}
			s.i++
			open++
			objects = objects<<1 | uint64(c>>5&1) // "{" is 0x7B, "[" is 0x5B
			if s.peek() == c+2 {
				break
			}
			if c == '{' {
				if err := s.name(); err != nil {
					return err
				}
			}
			continue
		default:
			if err := s.scalar(c); err != nil {
				return err
			}
		}
		// Behind a value: close what ends here, up to where the next one begins.
		for {
			if open == 0 {
				return nil
			}
			object := objects&1 == 1
			switch c := s.peek(); {
			case c == ',':
				s.i++
				if object {
					if err := s.name(); err != nil {
						return err
					}
				}
			case object && c == '}', !object && c == ']':
				s.i++
				open--
				objects >>= 1
				continue
			default:
				return s.bad()
			}
			break
		}
	}
}

// name goes behind a member's name and its colon.
func (s *scanner) name() *Error {
	if s.peek() != '"' {
		return s.bad()
	}
	if _, err := s.text(); err != nil {
		return err
	}
	return s.colon()
}

func (s *scanner) colon() *Error {
	if s.peek() != ':' {
		return s.bad()
	}
	s.i++
	return nil
}

// scalar goes behind a string, a number, true, false or null that begins with c.
func (s *scanner) scalar(c byte) *Error {
	switch c {
	case '"':
		_, err := s.text()
		return err
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	}
	return s.number()
}

func (s *scanner) word(word string) *Error {
	for i := range len(word) {
		if s.i >= len(s.b) || s.b[s.i] != word[i] {
			return s.bad()
		}
		s.i++
	}
	return nil
}

func (s *scanner) number() *Error {
	if s.i < len(s.b) && s.b[s.i] == '-' {
		s.i++
	}
	if s.i < len(s.b) && s.b[s.i] == '0' {
		s.i++
	} else if !s.digits() {
		return s.bad()
	}
	if s.i < len(s.b) && s.b[s.i] == '.' {
		s.i++
		if !s.digits() {
			return s.bad()
		}
	}
	if s.i < len(s.b) && s.b[s.i]|0x20 == 'e' {
		s.i++
		if s.i < len(s.b) && (s.b[s.i] == '+' || s.b[s.i] == '-') {
			s.i++
		}
		if !s.digits() {
			return s.bad()
		}
	}
	return nil
}

func (s *scanner) digits() bool {
	start := s.i
	for s.i < len(s.b) && s.b[s.i]-'0' <= 9 {
		s.i++
	}
	return s.i > start
}

// A shape is what a string's text needs before it can be compared.
type shape uint8

const (
	escaped shape = 1 << iota // it has escapes
	high                      // it has bytes beyond ASCII
)

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// stops marks the high bit of the first byte in w at which a string's plain
// text ends: a quote, a backslash or a control character. Marks above the
// first may be wrong (a borrow goes upwards).
func stops(w uint64) uint64 {
	quote, slash := w^(ones*'"'), w^(ones*'\\')
	return ((quote-ones)&^quote | (slash-ones)&^slash | (w-ones*' ')&^w) & highs
}

// text goes behind a string whose opening quote is next.
func (s *scanner) text() (shape, *Error) {
	var found shape
	var seen uint64
	i := s.i + 1
	for {
		for i+8 <= len(s.b) {
			w := binary.LittleEndian.Uint64(s.b[i:])
			if m := stops(w); m != 0 {
				n := bits.TrailingZeros64(m) / 8
				seen |= w & (1<<(n*8) - 1)
				i += n
				break
			}
			seen |= w
			i += 8
		}
		for i < len(s.b) && s.b[i] >= ' ' && s.b[i] != '"' && s.b[i] != '\\' {
			seen |= uint64(s.b[i])
			i++
		}
		s.i = i
		if i >= len(s.b) || s.b[i] < ' ' {
			return 0, s.bad()
		}
		s.i++
		if s.b[i] == '"' {
			if seen&highs != 0 {
				found |= high
			}
			return found, nil
		}
		found |= escaped
		if err := s.escape(); err != nil {
			return 0, err
		}
		i = s.i
	}
}

// escape goes behind an escape whose backslash was read.
func (s *scanner) escape() *Error {
	if s.i >= len(s.b) {
		return s.bad()
	}
	switch s.b[s.i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.i++
		return nil
	case 'u':
		s.i++
		for range 4 {
			if s.i >= len(s.b) || hexDigit(s.b[s.i]) < 0 {
				return s.bad()
			}
			s.i++
		}
		return nil
	}
	return s.bad()
}

func hexDigit(c byte) rune {
	switch {
	case c >= '0' && c <= '9':
		return rune(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return rune(c | 0x20 - 'a' + 10)
	}
	return -1
}

// unescape appends what the inside of a string says, which text has read. It
// is not ok where that is no Unicode: a half of a surrogate pair, on which
// readers differ.
func unescape(out, inside []byte) (_ []byte, ok bool) {
	for i := 0; i < len(inside); i++ {
		c := inside[i]
		if c != '\\' {
			out = append(out, c)
			continue
		}
		i++
		switch c = inside[i]; c {
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'u':
			r := unit(inside[i+1:])
			i += 4
			if utf16.IsSurrogate(r) {
				if i+7 > len(inside) || inside[i+1] != '\\' || inside[i+2] != 'u' {
					return out, false
				}
				if r = utf16.DecodeRune(r, unit(inside[i+3:])); r == utf8.RuneError {
					return out, false
				}
				i += 6
			}
			out = utf8.AppendRune(out, r)
			continue
		}
		out = append(out, c)
	}
	return out, true
}

// unit reads four hexadecimal digits, which escape has seen.
func unit(b []byte) rune {
	return hexDigit(b[0])<<12 | hexDigit(b[1])<<8 | hexDigit(b[2])<<4 | hexDigit(b[3])
}
