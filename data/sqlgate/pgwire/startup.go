package pgwire

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
)

// Codes in the place of a protocol version (PostgreSQL, src/include/libpq/pqcomm.h).
const (
	cancelCode = 1234<<16 | 5678
	sslCode    = 1234<<16 | 5679
	gssCode    = 1234<<16 | 5680
	major      = 3 << 16
	// maxMinor is the newest minor version that the gate speaks: 3.2 has longer
	// keys for CancelRequest.
	maxMinor = 2
)

const (
	// maxStartup is MAX_STARTUP_PACKET_LENGTH.
	maxStartup = 10000
	// maxParams bounds what a startup message names.
	maxParams = 100
	// tlsHandshake is the type of TLS's first record.
	tlsHandshake = 0x16
	alpn         = "postgresql"
)

// A param is a setting that a session begins with.
type param struct{ name, value string }

// A startup is what a client begins with.
type startup struct {
	minor int
	user  string
	// database is empty where the client names none.
	database    string
	replication string
	// params are the others, to be handed on.
	params []param
	// unknown are protocol options that the gate does not know.
	unknown []string
}

// A cancel asks to cancel what another session does.
type cancel struct {
	pid uint32
	key []byte
}

// errProbe is a client that looked whether somebody listens.
var errProbe = errors.New("it went without a word")

// A door is a connection until its startup message was read.
type door struct {
	conn net.Conn
	tls  *tls.Config
	// binding is what SCRAM binds to, once TLS stands.
	binding []byte
	secured bool
}

// read reads up to the startup message or the request to cancel, and ends TLS
// on the way. It reads no byte beyond, so that nothing which came in the clear
// is taken for what TLS protects.
func (d *door) read() (*startup, *cancel, error) {
	first := make([]byte, 1)
	if _, err := io.ReadFull(d.conn, first); err != nil {
		return nil, nil, errProbe
	}
	if first[0] == tlsHandshake {
		if err := d.direct(first); err != nil {
			return nil, nil, err
		}
		first = nil
	}
	asked := map[uint32]bool{}
	for {
		body, err := readStartup(io.MultiReader(strings.NewReader(string(first)), d.conn))
		if err != nil {
			return nil, nil, err
		}
		first = nil
		code := binary.BigEndian.Uint32(body)
		switch {
		case code == cancelCode:
			c, err := parseCancel(body[4:])
			return nil, c, err
		case code == sslCode || code == gssCode:
			if len(body) != 4 || asked[code] || d.secured {
				return nil, nil, faultf(stateProtocol, "encryption was asked for twice, or wrongly")
			}
			asked[code] = true
			if err := d.answer(code); err != nil {
				return nil, nil, err
			}
		case code&^0xffff == major:
			s, err := parseStartup(int(code&0xffff), body[4:])
			return s, nil, err
		default:
			return nil, nil, faultf(stateNotSupported, "protocol version %d.%d is not spoken here: 3.0 to 3.%d are", code>>16, code&0xffff, maxMinor)
		}
	}
}

// readStartup reads one message that has no type.
func readStartup(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, fmt.Errorf("reading the startup message: %w", err)
	}
	n := binary.BigEndian.Uint32(head[:])
	if n < 8 || n > maxStartup {
		return nil, faultf(stateProtocol, "invalid length of startup packet")
	}
	body := make([]byte, n-4)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, fmt.Errorf("reading the startup message: %w", err)
	}
	return body, nil
}

// answer answers SSLRequest and GSSENCRequest, and begins TLS.
func (d *door) answer(code uint32) error {
	if code == gssCode || d.tls == nil {
		_, err := d.conn.Write([]byte{'N'})
		return err
	}
	if _, err := d.conn.Write([]byte{'S'}); err != nil {
		return err
	}
	return d.secure(d.conn, false)
}

// direct is TLS from the first byte on, as PostgreSQL 17 takes it: with ALPN, so
// that no other protocol's connection is taken for one.
func (d *door) direct(first []byte) error {
	if d.tls == nil {
		return faultf(stateProtocol, "there is no TLS here")
	}
	return d.secure(&begun{Conn: d.conn, first: first}, true)
}

func (d *door) secure(conn net.Conn, needALPN bool) error {
	var leaf []byte
	secured := tls.Server(conn, serverTLS(d.tls, &leaf))
	if err := secured.Handshake(); err != nil {
		return fmt.Errorf("TLS: %w", err)
	}
	d.conn, d.secured, d.binding = secured, true, leaf
	if needALPN && secured.ConnectionState().NegotiatedProtocol != alpn {
		return faultf(stateProtocol, "direct TLS needs ALPN")
	}
	return nil
}

// begun is a connection of which the first bytes were read already.
type begun struct {
	net.Conn
	first []byte
}

func (b *begun) Read(p []byte) (int, error) {
	if len(b.first) > 0 {
		n := copy(p, b.first)
		b.first = b.first[n:]
		return n, nil
	}
	return b.Conn.Read(p)
}

func parseCancel(body []byte) (*cancel, error) {
	const maxKey = 256 // protocol 3.2
	if len(body) < 4+4 || len(body) > 4+maxKey {
		return nil, faultf(stateProtocol, "invalid length of cancel request")
	}
	return &cancel{pid: binary.BigEndian.Uint32(body), key: body[4:]}, nil
}

func parseStartup(minor int, body []byte) (*startup, error) {
	malformed := faultf(stateProtocol, "invalid startup packet layout")
	s := &startup{minor: minor}
	for n := 0; ; n++ {
		name, rest, ok := cutString(body)
		if !ok || n > maxParams {
			return nil, malformed
		}
		if len(name) == 0 {
			if len(rest) != 0 {
				return nil, malformed
			}
			break
		}
		value, rest, ok := cutString(rest)
		if !ok {
			return nil, malformed
		}
		s.set(string(name), string(value))
		body = rest
	}
	if s.user == "" {
		return nil, faultf(stateSignIn, "no user name is given in the startup packet")
	}
	return s, nil
}

func (s *startup) set(name, value string) {
	switch {
	case name == "user":
		s.user = value
	case name == "database":
		s.database = value
	case name == "replication":
		s.replication = value
	case strings.HasPrefix(name, "_pq_."):
		s.unknown = append(s.unknown, name)
	default:
		s.params = append(s.params, param{name, value})
	}
}

// replicates reports whether the client wants the database's log: PostgreSQL
// takes "database" and every true boolean for that; what it would not take is
// refused with it.
func (s *startup) replicates() bool {
	switch strings.ToLower(strings.TrimSpace(s.replication)) {
	case "", "false", "fals", "fal", "fa", "f", "off", "of", "no", "n", "0":
		return false
	}
	return true
}

// negotiate is the answer to a newer minor version, or to options that are not
// known; nil where there is nothing to say.
func (s *startup) negotiate() []byte {
	if s.minor <= maxMinor && len(s.unknown) == 0 {
		return nil
	}
	s.minor = min(s.minor, maxMinor)
	b, at := begin(nil, 'v')
	b = binary.BigEndian.AppendUint32(b, uint32(major|s.minor))
	b = binary.BigEndian.AppendUint32(b, uint32(len(s.unknown)))
	for _, name := range s.unknown {
		b = appendString(b, name)
	}
	return finish(b, at)
}
