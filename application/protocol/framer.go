package protocol

import "bytes"

// A framer follows the bytes of one connection: heads, and the bodies behind them.
type framer struct {
	p     *Protocol
	phase phase
	left  uint64 // of a body, or a chunk
	// head holds a head, or trailers, of which the end has not come.
	head []byte
	line int  // where in it the line begins that is read
	last byte // the byte before
	// count is how many digits a chunk's size has, or bytes its extension, or
	// bytes stand before a head.
	count int
	post  bool // the request before was a POST

	// met is what the newest head says, for whoever is told of a fault.
	met head
	// ended is called after each request's last byte, with how far that is into
	// what was given to feed; for tests.
	ended func(at int)
}

type phase uint8

const (
	atHead phase = iota
	inBody
	atSize
	inExtension
	afterSize
	inChunk
	afterChunk
	afterChunkCR
	inTrailer
	aside // another protocol, or what was let pass
)

// maxExtension bounds a chunk's extension, in bytes; nobody is known to need one.
const maxExtension = 256

// maxTrailer bounds trailers, in bytes.
const maxTrailer = 16 << 10

// feed follows p, and reports how many bytes of it may be read by whoever comes
// after: all of them, or those before the request in which a fault was met. The last
// byte of a head is not given before the head was read.
func (f *framer) feed(p []byte) (n int, met fault) {
	for i := 0; i < len(p); {
		start := i
		switch f.phase {
		case atHead:
			i, met = f.feedHead(p, i)
		case inTrailer:
			i, met = f.feedTrailer(p, i)
		case inBody, inChunk:
			step := min(f.left, uint64(len(p)-i))
			f.left -= step
			if i += int(step); f.left == 0 {
				f.endData(i)
			}
		case aside:
			return len(p), none
		default:
			met = f.chunkByte(p[i])
			i++
		}
		if met != none {
			return start, met
		}
	}
	return len(p), none
}

func (f *framer) endData(at int) {
	if f.phase == inChunk {
		f.phase = afterChunk
		return
	}
	f.end(at)
}

// end is after a request's last byte.
func (f *framer) end(at int) {
	f.phase, f.count, f.line = atHead, 0, 0
	f.head = f.head[:0]
	if f.ended != nil {
		f.ended(at)
	}
}

// emptyLine finds the line that ends a head: it gives where in p the byte after it
// is, 0 where it has not come.
func (f *framer) emptyLine(p []byte, from int) (int, fault) {
	base := len(f.head) - from
	for i := from; ; {
		k := bytes.IndexByte(p[i:], '\n')
		if k < 0 {
			f.last = p[len(p)-1]
			return 0, none
		}
		k += i
		before := f.last
		if k > from {
			before = p[k-1]
		} else if len(f.head) == 0 {
			before = 0
		}
		if before != '\r' {
			return 0, faultLF
		}
		if base+k-1 == f.line {
			return k + 1, none
		}
		i, f.line = k+1, base+k+1
		if i == len(p) {
			f.last = '\n'
			return 0, none
		}
	}
}

func (f *framer) feedHead(p []byte, from int) (int, fault) {
	if c := p[from]; len(f.head) == 0 && (c == '\r' || c == '\n') {
		// Some clients send an empty line after a form; net/http skips as much.
		if !f.post || f.count == 4 || c != "\r\n"[f.count%2] {
			return from, faultEmpty
		}
		f.count++
		return from + 1, none
	}
	if len(f.head) == 0 && f.count%2 == 1 {
		return from, faultEmpty
	}
	end, met := f.emptyLine(p, from)
	if met != none {
		return from, met
	}
	upTo := end
	if end == 0 {
		upTo = len(p)
	}
	if len(f.head)+upTo-from > f.p.o.Head {
		return from, faultLong
	}
	text := p[from:upTo]
	if end == 0 || len(f.head) > 0 {
		f.head = append(f.head, text...)
		text = f.head
	}
	if end == 0 {
		return upTo, none
	}
	f.met = head{}
	body, met := f.p.readHead(text, &f.met)
	if met != none {
		return from, met
	}
	f.begin(body, end)
	return end, none
}

// begin turns to a request's body.
func (f *framer) begin(body framing, at int) {
	f.post, f.left, f.count, f.line = body.post, body.length, 0, 0
	f.head = f.head[:0]
	switch {
	case body.chunked:
		f.phase = atSize
	case body.length > 0:
		f.phase = inBody
	default:
		f.end(at)
	}
}

func (f *framer) feedTrailer(p []byte, from int) (int, fault) {
	end, met := f.emptyLine(p, from)
	if met != none {
		return from, met
	}
	upTo := end
	if end == 0 {
		upTo = len(p)
	}
	if len(f.head)+upTo-from > maxTrailer {
		return from, faultTrailers
	}
	text := p[from:upTo]
	if end == 0 || len(f.head) > 0 {
		f.head = append(f.head, text...)
		text = f.head
	}
	if end == 0 {
		return upTo, none
	}
	var h head
	for len(text) > 2 {
		k := bytes.IndexByte(text, '\n')
		if met := h.field(text[:k-1]); met != none {
			return from, met
		}
		text = text[k+1:]
	}
	if h.codings+h.lengths+h.hosts > 0 {
		return from, faultTrailer
	}
	f.end(end)
	return end, none
}

// chunkByte reads one byte of what stands around chunks (RFC 9112, section 7.1).
func (f *framer) chunkByte(c byte) fault {
	switch f.phase {
	case atSize:
		return f.sizeByte(c)
	case inExtension:
		f.count++
		switch {
		case c == '\r':
			f.phase = afterSize
		case f.count > maxExtension, classes[c]&inValue == 0:
			return faultExtension
		}
	case afterSize:
		switch {
		case c != '\n':
			return faultChunkLine
		case f.left == 0:
			f.phase, f.line = inTrailer, 0
		default:
			f.phase = inChunk
		}
	case afterChunk:
		if c != '\r' {
			return faultChunkEnd
		}
		f.phase = afterChunkCR
	case afterChunkCR:
		if c != '\n' {
			return faultChunkEnd
		}
		f.phase, f.count, f.left = atSize, 0, 0
	}
	return none
}

func (f *framer) sizeByte(c byte) fault {
	var digit byte
	switch {
	case '0' <= c && c <= '9':
		digit = c - '0'
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		digit = c | 0x20 - 'a' + 10
	case c == ';' && f.count > 0:
		f.phase, f.count = inExtension, 0
		return none
	case c == '\r' && f.count > 0:
		f.phase = afterSize
		return none
	default:
		return faultChunk
	}
	if f.count++; f.count > 15 {
		return faultChunk
	}
	f.left = f.left<<4 | uint64(digit)
	return none
}
