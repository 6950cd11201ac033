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
// and without memory of its own. Its methods move it; the functions below them
// take and give positions, which the compiler keeps in registers: that halves
// the time.
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

// peek is the next byte that is no white space; zero at the end, where no
// value can begin nor end either.
func (s *scanner) peek() byte {
	if s.i = skipSpace(s.b, s.i); s.i < len(s.b) {
		return s.b[s.i]
	}
	return 0
}

// skip goes behind one value of any kind.
func (s *scanner) skip() *Error {
	i, how := skipValue(s.b, s.i, maxDepth-s.depth)
	s.i = i
	switch how {
	case bad:
		return s.bad()
	case deep:
		return s.fault(TooDeep)
	}
	return nil
}

// text goes behind a string whose opening quote is next.
func (s *scanner) text() (shape, *Error) {
	i, found, how := skipText(s.b, s.i+1)
	s.i = i
	if how == bad {
		return 0, s.bad()
	}
	return found, nil
}

// scalar goes behind a number, true, false or null that begins with c.
func (s *scanner) scalar(c byte) *Error {
	i, how := skipScalar(s.b, s.i, c)
	s.i = i
	if how == bad {
		return s.bad()
	}
	return nil
}

func (s *scanner) colon() *Error {
	if s.peek() != ':' {
		return s.bad()
	}
	s.i++
	return nil
}

// An outcome is how a function below ended: where it is not well, the position
// beside it is that of the first byte that can't stand there.
type outcome uint8

const (
	well outcome = iota
	bad
	deep
)

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// skipValue goes behind a value in which at most room objects and arrays are
// open at a time; room is 64 at most.
func skipValue(b []byte, i, room int) (int, outcome) {
	var objects uint64 // one bit for each that is open, the innermost lowest
	open := 0
	for {
		if i = skipSpace(b, i); i >= len(b) {
			return i, bad
		}
		how := well
		switch c := b[i]; c {
		case '"':
			i, _, how = skipText(b, i+1)
		case '{', '[':
			if open == room {
				return i, deep
			}
			i++
			open++
			objects = objects<<1 | uint64(c>>5&1) // "{" is 0x7B, "[" is 0x5B
			if i = skipSpace(b, i); i < len(b) && b[i] == c+2 {
				break
			}
			if c == '{' {
				i, how = skipName(b, i)
			}
			if how != well {
				return i, how
			}
			continue
		default:
			i, how = skipScalar(b, i, c)
		}
		if how != well {
			return i, how
		}
		if i, open, objects, how = skipEnds(b, i, open, objects); how != well || open == 0 {
			return i, how
		}
	}
}

// skipEnds goes behind a value to where the next one in the same object or
// array begins, and closes what ends before.
func skipEnds(b []byte, i, open int, objects uint64) (int, int, uint64, outcome) {
	for open > 0 {
		if i = skipSpace(b, i); i >= len(b) {
			return i, open, objects, bad
		}
		c, object := b[i], objects&1
		switch {
		case c == ',':
			i++
			if object == 0 {
				return i, open, objects, well
			}
			i, how := skipName(b, i)
			return i, open, objects, how
		case c|0x20 != '}' || uint64(c>>5&1) != object: // "}" is 0x7D, "]" is 0x5D
			return i, open, objects, bad
		}
		i++
		open--
		objects >>= 1
	}
	return i, open, objects, well
}

// skipName goes behind a member's name and its colon.
func skipName(b []byte, i int) (int, outcome) {
	if i = skipSpace(b, i); i >= len(b) || b[i] != '"' {
		return i, bad
	}
	i, _, how := skipText(b, i+1)
	if how != well {
		return i, how
	}
	if i = skipSpace(b, i); i >= len(b) || b[i] != ':' {
		return i, bad
	}
	return i + 1, well
}

// skipScalar goes behind a number, true, false or null that begins with c.
func skipScalar(b []byte, i int, c byte) (int, outcome) {
	word := ""
	switch c {
	case 't':
		word = "true"
	case 'f':
		word = "false"
	case 'n':
		word = "null"
	default:
		return skipNumber(b, i)
	}
	for j := range len(word) {
		if i >= len(b) || b[i] != word[j] {
			return i, bad
		}
		i++
	}
	return i, well
}

func skipNumber(b []byte, i int) (int, outcome) {
	if i < len(b) && b[i] == '-' {
		i++
	}
	from := i
	if i = skipDigits(b, i); i == from {
		return i, bad
	}
	if b[from] == '0' {
		i = from + 1 // what follows it is found to be no end of a value
	}
	if i < len(b) && b[i] == '.' {
		from = i + 1
		if i = skipDigits(b, from); i == from {
			return i, bad
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		from = i
		if i = skipDigits(b, i); i == from {
			return i, bad
		}
	}
	return i, well
}

func skipDigits(b []byte, i int) int {
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
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

// skipText goes behind the end of a string, whose opening quote was read.
func skipText(b []byte, i int) (int, shape, outcome) {
	var found shape
	var seen uint64
	for {
		for i+8 <= len(b) {
			w := binary.LittleEndian.Uint64(b[i:])
			if m := stops(w); m != 0 {
				n := bits.TrailingZeros64(m) &^ 7
				seen |= w & (1<<n - 1)
				i += n / 8
				break
			}
			seen |= w
			i += 8
		}
		for i < len(b) && b[i] >= ' ' && b[i] != '"' && b[i] != '\\' {
			seen |= uint64(b[i])
			i++
		}
		switch {
		case i >= len(b) || b[i] < ' ':
			return i, 0, bad
		case b[i] == '"':
			if seen&highs != 0 {
				found |= high
			}
			return i + 1, found, well
		}
		found |= escaped
		var how outcome
		if i, how = skipEscape(b, i+1); how != well {
			return i, 0, how
		}
	}
}

// skipEscape goes behind an escape whose backslash was read.
func skipEscape(b []byte, i int) (int, outcome) {
	if i >= len(b) {
		return i, bad
	}
	switch b[i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 1, well
	case 'u':
		for range 4 {
			if i++; i >= len(b) || hexDigit(b[i]) < 0 {
				return i, bad
			}
		}
		return i + 1, well
	}
	return i, bad
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
