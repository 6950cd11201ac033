package input

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime/quotedprintable"
	"strings"

	"github.com/gatehousehq/gatehouse"
)

// Bounds of the parts' heads (bytes, lines) and of the boundary (RFC 2046
// allows 70 characters).
const (
	maxPartHead  = 16 << 10
	maxPartLines = 32
	maxBoundary  = 200
)

// A multipart follows a multipart/form-data body as it passes (RFC 7578). It
// keeps a field's value until it is complete and of a file nothing but the end
// of what came, in which a delimiter may begin.
//
// What parsers read differently is an error: a delimiter after another kind of
// line end than the first, a line that only begins as a delimiter, one after
// the closing delimiter, the same parameter twice.
type multipart struct {
	p *Parser
	b *builder
	// delim is "\n--boundary".
	delim []byte
	crlf  bool
	state func(*multipart) (more bool, err *Error)
	buf   []byte
	// counted is what came besides the contents of files, in bytes.
	counted int64
	head    int
	lines   []string
	part    part
	// fresh is set before the first byte of a part's content.
	fresh bool
	value []byte
	keys  names
	// asked is what fields ask of GraphQL.
	asked *asked
	// over is set behind the closing delimiter.
	over bool
}

func (p *Parser) newMultipart(m media, b *builder) (*multipart, *Error) {
	switch {
	case m.boundary == "" || m.twice:
		return nil, malformedMultipart("the Content-Type has no boundary, or two")
	case len(m.boundary) > maxBoundary:
		return nil, malformedMultipart("the boundary is longer than %d bytes", maxBoundary)
	case strings.ContainsAny(m.boundary, ",;\"\r\n\t\x00") || strings.HasSuffix(m.boundary, " "):
		return nil, malformedMultipart("the boundary has a character that parsers read differently")
	}
	return &multipart{p: p, b: b, delim: []byte("\n--" + m.boundary), state: (*multipart).preamble, buf: []byte{'\n'}}, nil
}

func malformedMultipart(format string, args ...any) *Error {
	return fail(RuleMalformedMultipart, gatehouse.Multipart, format, args...)
}

// parseMultipart parses a held body.
func (p *Parser) parseMultipart(text string, m media, b *builder) *Error {
	mp, err := p.newMultipart(m, b)
	if err != nil {
		return err
	}
	chunk := p.chunks.Get().(*[chunkSize]byte)
	defer p.chunks.Put(chunk)
	for text != "" {
		n := copy(chunk[:], text)
		if err := mp.feed(chunk[:n]); err != nil {
			return err
		}
		text = text[n:]
	}
	return mp.finish()
}

// feed follows further bytes of the body.
func (m *multipart) feed(p []byte) *Error {
	for len(p) > 0 {
		n := min(len(p), chunkSize)
		m.buf = append(m.buf, p[:n]...)
		p = p[n:]
		for more := true; more; {
			var err *Error
			if more, err = m.state(m); err != nil {
				return err
			}
			if m.counted > m.p.o.Limit {
				return m.p.tooLarge()
			}
		}
	}
	return nil
}

// finish is called at the body's end.
func (m *multipart) finish() *Error {
	if m.over {
		return m.askedFields()
	}
	return malformedMultipart("the body ends before its closing boundary")
}

// take drops n bytes from the front of what is buffered.
func (m *multipart) take(n int) {
	m.buf = m.buf[:copy(m.buf, m.buf[n:])]
}

// preamble looks for the first delimiter; buf begins with a line feed that is
// not in the body.
func (m *multipart) preamble() (bool, *Error) {
	i := bytes.Index(m.buf, m.delim)
	if i < 0 {
		n := max(len(m.buf)-len(m.delim), 0)
		m.counted += int64(n)
		m.take(n)
		return false, nil
	}
	return m.delimiter(i, true)
}

// delimiter reads what follows a delimiter found at i.
func (m *multipart) delimiter(i int, first bool) (bool, *Error) {
	rest := m.buf[i+len(m.delim):]
	if bytes.HasPrefix(rest, []byte("--")) {
		m.take(i + len(m.delim) + 2)
		m.state, m.over = (*multipart).epilogue, true
		return true, nil
	}
	if len(rest) == 1 && rest[0] == '-' {
		return false, nil
	}
	end := bytes.IndexByte(rest, '\n')
	if end < 0 {
		if len(bytes.Trim(rest, " \t\r")) > 0 || len(rest) > maxBoundary {
			return false, malformedMultipart("a line only begins as the boundary does")
		}
		return false, nil
	}
	line := rest[:end]
	crlf := bytes.HasSuffix(line, []byte("\r"))
	if len(bytes.Trim(bytes.TrimSuffix(line, []byte("\r")), " \t")) > 0 {
		return false, malformedMultipart("a line only begins as the boundary does")
	}
	if first {
		m.crlf = crlf
	} else if crlf != m.crlf {
		return false, malformedMultipart("the boundaries' lines end in different ways")
	}
	n := i + len(m.delim) + end + 1
	m.counted += int64(len(m.delim) + end + 1)
	m.take(n)
	m.state, m.head, m.lines = (*multipart).header, 0, m.lines[:0]
	return true, nil
}

// header reads one line of a part's head.
func (m *multipart) header() (bool, *Error) {
	end := bytes.IndexByte(m.buf, '\n')
	if end < 0 {
		if len(m.buf) > maxPartHead {
			return false, malformedMultipart("a part's head is longer than %d bytes", maxPartHead)
		}
		return false, nil
	}
	m.head += end + 1
	m.counted += int64(end + 1)
	line, crlf := strings.CutSuffix(string(m.buf[:end]), "\r")
	m.take(end + 1)
	switch {
	case m.head > maxPartHead || len(m.lines) > maxPartLines:
		return false, malformedMultipart("a part's head is longer than %d bytes or %d lines", maxPartHead, maxPartLines)
	case crlf != m.crlf:
		return false, malformedMultipart("the lines of a part's head end in different ways")
	case line == "":
		return true, m.begin()
	case strings.ContainsAny(line, "\r\x00") || strings.HasPrefix(line, string(m.delim[1:])):
		return false, malformedMultipart("a boundary, a carriage return or a zero byte in a part's head")
	case line[0] == ' ' || line[0] == '\t':
		if len(m.lines) == 0 {
			return false, malformedMultipart("a part's head begins with white space")
		}
		m.lines[len(m.lines)-1] += " " + strings.TrimLeft(line, " \t")
	default:
		m.lines = append(m.lines, line)
	}
	return true, nil
}

// begin starts a part's content.
func (m *multipart) begin() *Error {
	p, ok := readPart(m.lines)
	if !ok {
		return malformedMultipart("a part's head names its field in a way that parsers read differently")
	}
	m.part, m.value, m.fresh = p, m.value[:0], true
	m.state = (*multipart).content
	for _, name := range p.names {
		if _, known := m.keys.add(name); !known {
			if err := keyInputs(name, gatehouse.Multipart, m.b); err != nil {
				return err
			}
		}
	}
	for _, name := range p.fileNames {
		if err := m.b.add(gatehouse.FileName, placeName(p.names[0]), name); err != nil {
			return err
		}
	}
	return nil
}

// content reads up to the next delimiter. One that follows the head at once
// shares its empty line, as in RFC 2046's grammar and Go's parser.
func (m *multipart) content() (bool, *Error) {
	if m.fresh {
		if n := min(len(m.buf), len(m.delim)-1); !bytes.Equal(m.buf[:n], m.delim[1:n+1]) {
			m.fresh = false
		} else if n < len(m.delim)-1 {
			return false, nil
		} else {
			m.buf = append(m.buf, 0)
			copy(m.buf[1:], m.buf)
			m.buf[0] = '\n'
			return m.end(0, m.crlf)
		}
	}
	i := bytes.Index(m.buf, m.delim)
	if i >= 0 {
		return m.end(i, i > 0 && m.buf[i-1] == '\r')
	}
	// One more than the delimiter: the carriage return before it.
	n := len(m.buf) - len(m.delim)
	if n <= 0 {
		return false, nil
	}
	err := m.keep(m.buf[:n])
	m.take(n)
	return false, err
}

// end ends a part whose delimiter stands at i.
func (m *multipart) end(i int, crlf bool) (bool, *Error) {
	if crlf != m.crlf {
		return false, malformedMultipart("a boundary after another line end than the first one's")
	}
	fresh := m.fresh
	tail := m.buf[:i]
	if !fresh && crlf {
		tail = m.buf[:i-1]
	}
	kept := len(tail)
	value := append([]byte(nil), tail...)
	more, err := m.delimiter(i, false)
	if err != nil || !more {
		if fresh && !more { // take back the line feed that is not in the body
			m.take(1)
		}
		return more, err
	}
	if kept > 0 {
		if err := m.keep(value); err != nil {
			return false, err
		}
	}
	return true, m.complete()
}

// keep appends to a field's value.
func (m *multipart) keep(p []byte) *Error {
	if m.part.file && !m.part.json {
		return nil
	}
	if room := int(m.p.o.MaxField) - len(m.value); len(p) > room {
		m.value = append(m.value, p[:room]...)
		if m.part.file || m.part.doubt {
			return nil
		}
		if err := m.complete(); err != nil {
			return err
		}
		err := fail(RuleTooLarge, gatehouse.Multipart, "a field is larger than %d bytes", m.p.o.MaxField)
		err.Place.Name = placeName(m.part.names[0])
		return err
	}
	m.value = append(m.value, p...)
	if !m.part.file && !m.part.doubt {
		m.counted += int64(len(p))
	}
	return nil
}

// complete adds the value of the part that has ended.
func (m *multipart) complete() *Error {
	p := m.part
	value := string(m.value)
	m.value = m.value[:0]
	if cap(m.value) > 1<<16 {
		m.value = nil
	}
	for _, name := range p.names {
		place := placeName(name)
		if err := m.ask(name, value); err != nil {
			return err
		}
		if !p.file {
			if err := m.b.add(gatehouse.Multipart, place, value); err != nil {
				return err
			}
			if decoded, ok := transferred(value, p.transfer); ok {
				if err := m.b.add(gatehouse.Multipart, place, decoded); err != nil {
					return err
				}
			}
		}
		if upload := strings.EqualFold(name, uploadField); p.json || upload && startsJSON(value) {
			read := jsonInputs
			if upload {
				read = walkJSON // ask has read it
			}
			// Not each field that says so is: what is not is a value above.
			if err := read(value, place, m.p.o.MaxDepth, m.b); err != nil && err.Rule != RuleMalformedJSON {
				return err
			}
		}
	}
	m.b.asks = false
	return nil
}

// transferred undoes a Content-Transfer-Encoding, which RFC 7578 deprecates
// and some parsers still follow.
func transferred(value, encoding string) (string, bool) {
	switch encoding {
	case "base64":
		decoded, err := base64.StdEncoding.DecodeString(strings.NewReplacer("\r", "", "\n", "", " ", "").Replace(value))
		return string(decoded), err == nil
	case "quoted-printable":
		decoded, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(value)))
		return string(decoded), err == nil
	}
	return "", false
}

// epilogue passes over what follows the closing delimiter.
func (m *multipart) epilogue() (bool, *Error) {
	if bytes.Contains(m.buf, m.delim) {
		return false, malformedMultipart("a boundary after the closing one")
	}
	m.take(max(len(m.buf)-len(m.delim), 0))
	return false, nil
}
