package pgwire

import (
	"encoding/binary"
	"fmt"
	"io"
)

const (
	// bufferSize is what one direction of a session reads at once.
	bufferSize = 32 << 10
	// headSize is a message's type and length.
	headSize = 5
	// maxMessage is the longest message that PostgreSQL takes (PQ_LARGE_MESSAGE_LIMIT,
	// MaxAllocSize - 1).
	maxMessage = 0x3fffffff
)

// A stream is one direction of a session. It hands out whole messages where
// they are looked at, and passes the bytes of others as they come.
type stream struct {
	from io.Reader
	to   io.Writer
	buf  []byte
	// buf[sent:pos] was looked at and waits to be sent on; buf[pos:end] was not
	// looked at.
	sent, pos, end int
	// skip is what is still to come of a message that passes unread; drop says
	// that it goes nowhere.
	skip int
	drop bool
}

func newStream(from io.Reader, to io.Writer) *stream {
	return &stream{from: from, to: to, buf: make([]byte, bufferSize)}
}

// fill sends on what was looked at, and reads more.
func (s *stream) fill() error {
	if err := s.flush(); err != nil {
		return err
	}
	if s.pos > 0 {
		copy(s.buf, s.buf[s.pos:s.end])
		s.end -= s.pos
		s.pos, s.sent = 0, 0
		if s.end == 0 && len(s.buf) > bufferSize {
			s.buf = make([]byte, bufferSize) // a long statement is over
		}
	}
	if s.end == len(s.buf) {
		s.buf = append(s.buf, make([]byte, len(s.buf))...)
	}
	n, err := s.from.Read(s.buf[s.end:])
	s.end += n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// flush sends on what was looked at.
func (s *stream) flush() error {
	if s.sent == s.pos {
		return nil
	}
	_, err := s.to.Write(s.buf[s.sent:s.pos])
	s.sent = s.pos
	return err
}

// passRest has the rest of a message that passes unread go by. It reports
// whether all of it has.
func (s *stream) passRest() bool {
	if s.skip == 0 {
		return true
	}
	n := min(s.skip, s.end-s.pos)
	s.pos += n
	if s.drop {
		s.sent = s.pos
	}
	s.skip -= n
	return s.skip == 0
}

// head gives the next message's type and the length of its body; false where
// more must be read first.
func (s *stream) head() (kind byte, length int, ok bool, err error) {
	if s.end-s.pos < headSize {
		return 0, 0, false, nil
	}
	kind = s.buf[s.pos]
	n := binary.BigEndian.Uint32(s.buf[s.pos+1:])
	if n < 4 || n > maxMessage {
		return kind, 0, false, fmt.Errorf("%w: %d bytes long", errMalformed, n)
	}
	return kind, int(n) - 4, true, nil
}

// body gives the first n bytes of the next message's body; false where more
// must be read first. It stays valid until fill.
func (s *stream) body(n int) ([]byte, bool) {
	if s.end-s.pos < headSize+n {
		return nil, false
	}
	return s.buf[s.pos+headSize : s.pos+headSize+n], true
}

// pass lets the next message go on, whose body has length bytes, however much
// of it was read.
func (s *stream) pass(length int) {
	s.skip, s.drop = headSize+length, false
	s.passRest()
}

// replace sends text in place of the next message.
func (s *stream) replace(length int, text []byte) error {
	err := s.flush()
	if err == nil && len(text) > 0 {
		_, err = s.to.Write(text)
	}
	s.skip, s.drop = headSize+length, true
	s.passRest()
	return err
}
