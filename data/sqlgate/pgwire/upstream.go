package pgwire

import (
	"context"
	"crypto/md5"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"
)

const (
	// maxSignInMessage bounds one message of the database's while it signs the
	// gate in, and maxSignInMessages their number: a setting that is reported may
	// be long, but there are few.
	maxSignInMessage  = 64 << 10
	maxSignInMessages = 500
)

// Kinds of authentication (PostgreSQL, src/include/libpq/protocol.h).
const (
	authOK        = 0
	authCleartext = 3
	authMD5       = 5
	authSASL      = 10
	authContinue  = 11
	authFinal     = 12
)

// A backend is a session with the database that has begun.
type backend struct {
	conn net.Conn
	// reported are the messages that a client is told at the beginning:
	// ParameterStatus and notices.
	reported []byte
	settings map[string]string
	// pid and key are what a CancelRequest to the database names.
	pid uint32
	key []byte
}

// A refusal of the database to begin a session. Its words are for the log, and
// once the gate was let in for the client too: what it asked for is refused.
type refusal struct {
	state, words string
	// body is the ErrorResponse where the gate was let in.
	body []byte
}

func (r *refusal) Error() string { return r.state + ": " + r.words }

// connect begins a session with the database, within ctx.
func (g *Gate) connect(ctx context.Context, up *Upstream, params []param) (*backend, error) {
	conn, err := dial(ctx, up)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) }) // it is given up then
	b := &backend{conn: conn, settings: make(map[string]string)}
	err = b.signIn(up, params, g.nonce())
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = conn.Close() // the error before it says more
		return nil, err
	}
	return b, nil
}

// dial connects, with TLS where the database is to be verified: it never falls
// back to the clear.
func dial(ctx context.Context, up *Upstream) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, up.Network, up.Address)
	if err != nil {
		return nil, fmt.Errorf("connecting to the database: %w", err)
	}
	if up.TLS == nil {
		return conn, nil
	}
	secured, err := dialTLS(ctx, conn, up)
	if err != nil {
		_ = conn.Close() // the error before it says more
		return nil, fmt.Errorf("TLS to the database: %w", err)
	}
	return secured, nil
}

func dialTLS(ctx context.Context, conn net.Conn, up *Upstream) (net.Conn, error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) }) // it is given up then
	defer stop()
	ask := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, 8), sslCode)
	if _, err := conn.Write(ask); err != nil {
		return nil, err
	}
	answer := make([]byte, 1) // no byte more: what follows must be TLS
	if _, err := io.ReadFull(conn, answer); err != nil {
		return nil, err
	}
	if answer[0] != 'S' {
		return nil, errors.New("the database has none: it is asked for, so nothing is sent in the clear")
	}
	secured := tls.Client(conn, clientTLS(up.TLS, up.Network, up.Address))
	return secured, secured.HandshakeContext(ctx)
}

func (b *backend) signIn(up *Upstream, params []param, nonce string) error {
	if _, err := b.conn.Write(startupMessage(up.User, params)); err != nil {
		return fmt.Errorf("signing in to the database: %w", err)
	}
	var exchange *scramClient
	signedIn := false
	for range maxSignInMessages {
		kind, body, err := readMessage(b.conn, maxSignInMessage)
		if err != nil {
			return fmt.Errorf("signing in to the database: %w", err)
		}
		switch {
		case kind == 'E':
			r := &refusal{state: field(body, 'C'), words: oneLine(field(body, 'M'))}
			if signedIn {
				r.body = body
			}
			return r
		case kind == 'N':
			b.reported = appendMessage(b.reported, kind, body)
		case kind == 'R' && !signedIn && len(body) >= 4:
			if code := binary.BigEndian.Uint32(body); code == authOK {
				signedIn, err = true, exchange.done()
			} else {
				exchange, err = b.authenticate(up, code, body[4:], exchange, nonce)
			}
		case kind == 'S' && signedIn:
			err = b.status(body)
		case kind == 'K' && signedIn && len(body) >= 8 && len(body) <= 4+256:
			b.pid, b.key = binary.BigEndian.Uint32(body), slices.Clone(body[4:])
		case kind == 'Z' && signedIn:
			return nil
		default:
			err = fmt.Errorf("%w: %q while signing in", errMalformed, kind)
		}
		if err != nil {
			return fmt.Errorf("signing in to the database: %w", err)
		}
	}
	return fmt.Errorf("signing in to the database: %w: it does not come to an end", errMalformed)
}

func (b *backend) status(body []byte) error {
	name, rest, ok := cutString(body)
	value, _, ok2 := cutString(rest)
	if !ok || !ok2 {
		return fmt.Errorf("%w: ParameterStatus", errMalformed)
	}
	b.settings[string(name)] = string(value)
	b.reported = appendMessage(b.reported, 'S', body)
	return nil
}

// startupMessage speaks 3.0 whatever the client does: the newer versions differ
// in the length of the keys alone, which do not go through.
func startupMessage(user string, params []param) []byte {
	b := binary.BigEndian.AppendUint32(make([]byte, 4), major)
	b = appendString(appendString(b, "user"), user)
	for _, p := range params {
		b = appendString(appendString(b, p.name), p.value)
	}
	return finish(append(b, 0), 0)
}

// authenticate answers one request of the database's. A database that asks for
// no password at all is taken: that is its choice.
func (b *backend) authenticate(up *Upstream, code uint32, body []byte, exchange *scramClient, nonce string) (*scramClient, error) {
	switch {
	case code == authSASL && exchange == nil:
		exchange, mechanism, err := b.chooseSCRAM(up, body, nonce)
		if err != nil {
			return nil, err
		}
		return exchange, b.send(exchange.begin(mechanism))
	case code == authContinue && exchange != nil && exchange.step == scramBegun:
		final, err := exchange.final(body)
		if err != nil {
			return nil, err
		}
		exchange.step = scramProved
		return exchange, b.send([]byte(final))
	case code == authFinal && exchange != nil && exchange.step == scramProved:
		exchange.step = scramVerified
		return exchange, exchange.verify(body)
	case code == authCleartext || code == authMD5:
		return nil, b.weak(up, code, body)
	}
	return nil, fmt.Errorf("the database asks for authentication %d, which the gate does not do: use scram-sha-256", code)
}

func (b *backend) send(body []byte) error {
	_, err := b.conn.Write(appendMessage(nil, 'p', body))
	return err
}

// weak gives the password away, or an MD5 that is as good as it.
func (b *backend) weak(up *Upstream, code uint32, salt []byte) error {
	if up.Weak == "" {
		return errors.New("the database asks for the password in the clear or by MD5: set password_encryption=scram-sha-256 there, or say why it must be")
	}
	answer := up.Password.Reveal()
	if code == authMD5 {
		if len(salt) != 4 {
			return fmt.Errorf("%w: the salt", errMalformed)
		}
		inner := md5.Sum([]byte(answer + up.User))
		outer := md5.Sum(append([]byte(hex.EncodeToString(inner[:])), salt...))
		answer = "md5" + hex.EncodeToString(outer[:])
	}
	return b.send(appendString(nil, answer))
}

// chooseSCRAM binds to the TLS connection where the database can.
func (b *backend) chooseSCRAM(up *Upstream, offered []byte, nonce string) (*scramClient, string, error) {
	names := strings.Split(string(offered), "\x00")
	c := &scramClient{password: up.Password.Reveal(), header: "n,,", nonce: nonce}
	var bound []byte
	if secured, ok := b.conn.(*tls.Conn); ok {
		if certs := secured.ConnectionState().PeerCertificates; len(certs) > 0 {
			bound = endPoint(certs[0])
		}
	}
	switch {
	case bound != nil && slices.Contains(names, scramPlus):
		c.header, c.binding = "p="+bindingType+",,", bound
		return c, scramPlus, nil
	case !slices.Contains(names, scramPlain):
		return nil, "", errors.New("the database offers no SASL mechanism that the gate knows")
	case bound != nil:
		c.header = "y,,"
	}
	return c, scramPlain, nil
}

// nonce is fit for SCRAM.
func (g *Gate) nonce() string { return base64.StdEncoding.EncodeToString(g.random(nonceSize)) }
