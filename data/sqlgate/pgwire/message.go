package pgwire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// SQLSTATEs that the gate answers with.
const (
	stateRefused      = "42501" // insufficient_privilege
	statePassword     = "28P01" // invalid_password
	stateSignIn       = "28000" // invalid_authorization_specification
	stateProtocol     = "08P01" // protocol_violation
	stateLost         = "08006" // connection_failure
	stateUnreachable  = "57P03" // cannot_connect_now
	stateShutdown     = "57P01" // admin_shutdown
	stateTooMany      = "53300" // too_many_connections
	stateNoDatabase   = "3D000" // invalid_catalog_name
	stateNotSupported = "0A000" // feature_not_supported
)

const (
	severityError = "ERROR"
	severityFatal = "FATAL"
)

// A fault is an error whose words are made for the client: they hold nothing
// that it may not know.
type fault struct {
	state, words string
	// body is the database's own ErrorResponse, to be handed on after the client
	// was let in.
	body []byte
}

func (f *fault) Error() string { return f.words }

func faultf(state, format string, args ...any) *fault {
	return &fault{state: state, words: fmt.Sprintf(format, args...)}
}

// fatal is the ErrorResponse that ends a session.
func (f *fault) fatal() []byte {
	if f.body != nil {
		return appendMessage(welcome(), 'E', f.body)
	}
	return appendError(nil, severityFatal, f.state, f.words)
}

// appendError adds an ErrorResponse.
func appendError(b []byte, severity, state, words string) []byte {
	b, at := begin(b, 'E')
	for _, field := range [...]struct {
		code byte
		text string
	}{{'S', severity}, {'V', severity}, {'C', state}, {'M', words}} {
		b = append(b, field.code)
		b = appendString(b, field.text)
	}
	return finish(append(b, 0), at)
}

// begin adds a message's type, and room for its length; finish fills that in.
func begin(b []byte, kind byte) ([]byte, int) {
	return append(b, kind, 0, 0, 0, 0), len(b) + 1
}

func finish(b []byte, at int) []byte {
	binary.BigEndian.PutUint32(b[at:], uint32(len(b)-at))
	return b
}

func appendString(b []byte, s string) []byte { return append(append(b, s...), 0) }

// appendMessage adds a message with this body.
func appendMessage(b []byte, kind byte, body []byte) []byte {
	b, at := begin(b, kind)
	return finish(append(b, body...), at)
}

// cutString takes the text up to the first NUL off b; false where there is none.
func cutString(b []byte) (text, rest []byte, ok bool) {
	for i, c := range b {
		if c == 0 {
			return b[:i], b[i+1:], true
		}
	}
	return nil, nil, false
}

var errMalformed = errors.New("malformed message")

// readMessage reads one message of at most limit bytes. It is for signing in,
// where messages are few and short: it reads no byte beyond the message.
func readMessage(r io.Reader, limit int) (kind byte, body []byte, err error) {
	var head [headSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n < 4 || n-4 > uint32(limit) {
		return head[0], nil, fmt.Errorf("%w: %q is %d bytes long, at most %d are taken here", errMalformed, head[0], n, limit)
	}
	body = make([]byte, n-4)
	if _, err := io.ReadFull(r, body); err != nil {
		return head[0], nil, err
	}
	return head[0], body, nil
}

// field gives one field of an ErrorResponse; "" where it has none.
func field(body []byte, code byte) string {
	for len(body) > 0 && body[0] != 0 {
		text, rest, ok := cutString(body[1:])
		if !ok {
			return ""
		}
		if body[0] == code {
			return string(text)
		}
		body = rest
	}
	return ""
}

// oneLine makes what a peer said fit for a log.
func oneLine(s string) string {
	const most = 200
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	return s[:min(len(s), most)]
}
