package protocol

import (
	"bytes"
	"strings"
)

// A framing is how a body's end is found.
type framing struct {
	length  uint64
	chunked bool
	post    bool // its method is POST
}

// What a byte may be part of.
const (
	inToken  = 1 << iota // RFC 9110, section 5.6.2
	inValue              // field content; bytes above ASCII pass
	inTarget             // no white space, no control byte
	inHost
)

var classes = func() (t [256]byte) {
	for c := range t {
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
			t[c] = inToken | inValue | inTarget | inHost
		case c > ' ' && c < 0x7f:
			t[c] = inValue | inTarget
			if strings.IndexByte("!#$%&'*+-.^_`|~", byte(c)) >= 0 {
				t[c] |= inToken
			}
			if strings.IndexByte("-._~!$&'()*+;=:[]%", byte(c)) >= 0 {
				t[c] |= inHost
			}
		case c >= 0x80:
			t[c] = inValue | inTarget
		case c == ' ', c == '\t':
			t[c] = inValue
		}
	}
	return t
}()

// all reports whether every byte of b is of a class.
func all(b []byte, class byte) bool {
	for _, c := range b {
		if classes[c]&class == 0 {
			return false
		}
	}
	return true
}

// A head is what one head says, while it is read.
type head struct {
	method, target []byte
	host           []byte
	hosts, fields  int
	old            bool // HTTP/1.0
	lengths        int
	length         uint64
	codings        int
	chunked        bool
}

// readHead reads a whole head, through its empty line. Every line ends in CR LF.
func (p *Protocol) readHead(b []byte, h *head) (framing, fault) {
	end := bytes.IndexByte(b, '\n')
	if f := p.requestLine(b[:end-1], h); f != none {
		return framing{}, f
	}
	for b = b[end+1:]; len(b) > 2; b = b[end+1:] {
		end = bytes.IndexByte(b, '\n')
		if f := h.field(b[:end-1]); f != none {
			return framing{}, f
		}
	}
	if f := h.settle(p); f != none {
		return framing{}, f
	}
	return framing{h.length, h.chunked, string(h.method) == "POST"}, none
}

func (p *Protocol) requestLine(line []byte, h *head) fault {
	first, last := bytes.IndexByte(line, ' '), bytes.LastIndexByte(line, ' ')
	if first <= 0 || last == first {
		return faultLine
	}
	h.method, h.target = line[:first], line[first+1:last]
	switch string(line[last+1:]) {
	case "HTTP/1.1":
	case "HTTP/1.0":
		h.old = true
	default:
		if !bytes.HasPrefix(line[last+1:], []byte("HTTP/")) {
			return faultLine
		}
		return faultVersion
	}
	switch {
	case !all(h.method, inToken), len(h.target) == 0:
		return faultLine
	case len(h.target) > p.o.URL:
		return faultURL
	case !all(h.target, inTarget):
		if bytes.IndexByte(h.target, ' ') >= 0 {
			return faultLine
		}
		return faultTarget
	}
	return none
}

// field reads one line of a head's fields.
func (h *head) field(line []byte) fault {
	h.fields++
	i := 0
	for i < len(line) && classes[line[i]]&inToken != 0 {
		i++
	}
	switch {
	case i == len(line):
		return faultName
	case line[i] != ':':
		return badName(line, i)
	case i == 0:
		return faultName
	}
	name, value := line[:i], trim(line[i+1:])
	if !all(value, inValue) {
		return faultValue
	}
	switch len(name) {
	case len("host"):
		if same(name, "host") {
			h.host = value
			h.hosts++
		}
	case len("connection"):
		if same(name, "connection") {
			return connection(value)
		}
	case len("content-length"):
		if same(name, "content-length") {
			return h.contentLength(name, value)
		}
	case len("transfer-encoding"):
		if same(name, "transfer-encoding") {
			return h.transferCoding(name, value)
		}
	}
	return none
}

func badName(line []byte, i int) fault {
	if line[i] != ' ' && line[i] != '\t' {
		return faultName
	}
	if i == 0 {
		return faultFold
	}
	return faultSpace
}

// same reports whether a name is a field's, which is given in lower case. An
// underscore counts as a hyphen: gateways such as CGI's can't tell them apart.
func same(name []byte, lower string) bool {
	for i, c := range name {
		if c == '_' {
			c = '-'
		} else if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

func (h *head) contentLength(name, value []byte) fault {
	if h.lengths++; h.lengths > 1 {
		return faultLengths
	}
	if bytes.IndexByte(name, '_') >= 0 {
		return faultMasked
	}
	if len(value) == 0 || len(value) > 18 {
		return faultLength
	}
	for _, c := range value {
		if c < '0' || c > '9' {
			return faultLength
		}
		h.length = h.length*10 + uint64(c-'0')
	}
	return none
}

func (h *head) transferCoding(name, value []byte) fault {
	h.codings++
	switch {
	case bytes.IndexByte(name, '_') >= 0:
		return faultMasked
	case h.codings > 1, len(value) != len("chunked"), !same(value, "chunked"):
		return faultCoding
	}
	h.chunked = true
	return none
}

// connection checks that no field is named that every reader of a request needs: a
// proxy would take it out (RFC 9110, section 7.6.1).
func connection(value []byte) fault {
	for len(value) > 0 {
		one, rest, _ := bytes.Cut(value, []byte{','})
		one, value = trim(one), rest
		for _, name := range [...]string{"host", "cookie", "authorization", "content-length", "content-type", "transfer-encoding", "forwarded", "origin"} {
			if len(one) == len(name) && same(one, name) {
				return faultHop
			}
		}
	}
	return none
}

// settle decides on what only the whole head tells.
func (h *head) settle(p *Protocol) fault {
	switch {
	case h.fields > p.o.Fields:
		return faultFields
	case h.codings > 0 && h.lengths > 0:
		return faultBoth
	case h.codings > 0 && h.old:
		return faultOldCoding
	case h.hosts > 1:
		return faultHosts
	case h.hosts == 0 && !h.old:
		return faultNoHost
	case h.hosts == 1 && len(h.host) == 0 && !h.old:
		return faultNoHost
	case !all(h.host, inHost):
		return faultHost
	}
	return h.form()
}

// form checks which of the four forms the target has (RFC 9112, section 3.2).
func (h *head) form() fault {
	switch {
	case h.target[0] == '/':
		return none
	case len(h.target) == 1 && h.target[0] == '*':
		if string(h.method) == "OPTIONS" {
			return none
		}
		return faultTarget
	case string(h.method) == "CONNECT":
		return none // refused as a method
	}
	scheme, rest, ok := bytes.Cut(h.target, []byte("://"))
	if !ok || !fold(scheme, "http") && !fold(scheme, "https") {
		return faultTarget
	}
	if end := bytes.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	switch {
	case len(rest) == 0, !all(rest, inHost):
		return faultTarget
	case h.hosts == 1 && !bytes.EqualFold(rest, h.host):
		return faultForeign
	}
	return none
}

func fold(b []byte, lower string) bool { return len(b) == len(lower) && same(b, lower) }

// trim takes off white space as fields have it around their values.
func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}
