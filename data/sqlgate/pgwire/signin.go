package pgwire

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/data/sqlgate"
)

// An account is a client by which sessions are signed in.
type account struct {
	Client
	sqlgate.Account
	verifier *verifier
	names    *names
}

// admit checks what a client begins with before it is asked who it is.
func (g *Gate) admit(ctx context.Context, d *door, s *startup, client netip.Addr) error {
	who := sqlgate.Account{Gate: g.o.Name, User: clip(s.user)}
	if !d.secured && !local(client) && g.o.Plaintext == "" &&
		g.refused(ctx, who, client, sqlgate.RuleTLS, "a session from elsewhere came without TLS") {
		return faultf(stateSignIn, "the gate takes no unencrypted sessions: use sslmode=require or better")
	}
	if s.replicates() {
		// Also where the rung observes: the gate does not speak that protocol.
		g.refused(ctx, who, client, sqlgate.RuleReplication, "a session for replication was asked for")
		return faultf(stateNotSupported, "the gate does not pass replication")
	}
	return nil
}

// local clients are on this machine; a Unix socket has no address.
func local(client netip.Addr) bool { return !client.IsValid() || client.Unmap().IsLoopback() }

// clip bounds a name that a stranger gave, to what PostgreSQL's may have.
func clip(name string) string { return name[:min(len(name), 63)] }

// allow checks what an account that is known asks for.
func (g *Gate) allow(ctx context.Context, a *account, s *startup, client netip.Addr) error {
	if want := a.Upstream.Database; want != "" && s.database != "" && s.database != want {
		if g.refused(ctx, a.Account, client, sqlgate.RuleDatabase, "another database was asked for") {
			return faultf(stateNoDatabase, "the gate has no such database")
		}
	}
	if s.becomes() && g.refused(ctx, a.Account, client, sqlgate.RuleStartup, "a session asked to begin as another role") {
		return faultf(stateRefused, "the gate does not begin a session as another role")
	}
	return nil
}

// authenticate has the client prove that it knows the password of the account
// that it names. A user that there is not goes the same way to the same end.
func (g *Gate) authenticate(ctx context.Context, d *door, s *startup, client netip.Addr) (*account, error) {
	a, known := g.accounts[s.user]
	v := mockVerifier(g.secret, s.user)
	if known {
		v = a.verifier
	}
	turn, err := g.throttle.enter(ctx, client, s.user)
	if err != nil {
		return nil, err
	}
	err = g.exchange(d, v)
	turn.leave(err)
	if errors.Is(err, errProof) {
		who := sqlgate.Account{Gate: g.o.Name, User: clip(s.user)}
		g.refused(ctx, who, client, sqlgate.RulePassword, map[bool]string{true: "a wrong password", false: "an account that there is not"}[known])
		return nil, faultf(statePassword, "password authentication failed for user %q", s.user)
	}
	return a, err
}

// exchange is the client's leg of SCRAM, up to AuthenticationSASLFinal.
func (g *Gate) exchange(d *door, v *verifier) error {
	x := &scramServer{v: v, binding: d.binding, nonce: g.nonce()}
	var offer []byte
	if d.binding != nil {
		offer = appendString(offer, scramPlus)
	}
	offer = append(appendString(offer, scramPlain), 0)
	if err := sendAuth(d.conn, authSASL, offer); err != nil {
		return err
	}
	first, err := readPassword(d.conn)
	if err != nil {
		return err
	}
	mechanism, rest, ok := cutString(first)
	if !ok || len(rest) < 4 || int(int32(binary.BigEndian.Uint32(rest))) != len(rest)-4 {
		return faultf(stateProtocol, "malformed SASL response")
	}
	switch x.plus = string(mechanism) == scramPlus; {
	case !x.plus && string(mechanism) != scramPlain, x.plus && d.binding == nil:
		return faultf(stateProtocol, "client selected an invalid SASL authentication mechanism")
	}
	challenge, err := x.first(rest[4:])
	if err != nil {
		return asFault(err)
	}
	if err := sendAuth(d.conn, authContinue, []byte(challenge)); err != nil {
		return err
	}
	last, err := readPassword(d.conn)
	if err != nil {
		return err
	}
	answer, err := x.final(last)
	if err != nil {
		return asFault(err)
	}
	return sendAuth(d.conn, authFinal, []byte(answer))
}

func asFault(err error) error {
	if errors.Is(err, errSCRAM) {
		return faultf(stateProtocol, "%v", err)
	}
	return err
}

func sendAuth(conn net.Conn, code uint32, rest []byte) error {
	body := append(binary.BigEndian.AppendUint32(nil, code), rest...)
	_, err := conn.Write(appendMessage(nil, 'R', body))
	return err
}

func readPassword(conn net.Conn) ([]byte, error) {
	kind, body, err := readMessage(conn, maxSCRAM)
	switch {
	case errors.Is(err, errMalformed):
		return nil, faultf(stateProtocol, "%v", err)
	case err != nil:
		return nil, fmt.Errorf("reading the client's proof: %w", err)
	case kind != 'p':
		return nil, faultf(stateProtocol, "expected SASL response, got message type %d", kind)
	}
	return body, nil
}

// refused records what the gate itself refuses, and reports whether that
// stands. A judge that panics refuses.
func (g *Gate) refused(ctx context.Context, who sqlgate.Account, client netip.Addr, rule, evidence string) (stands bool) {
	defer g.recovered(&stands)
	d := gatehouse.Denied(rule, gatehouse.Place{}, "%s", evidence)
	d.Rung = sqlgate.Rung
	return g.o.Judge.Refused(ctx, who, client, d)
}

// recovered is deferred around what others supply.
func (g *Gate) recovered(refuse *bool) {
	if v := recover(); v != nil {
		*refuse = true
		g.log.Error("the judge of statements panicked: refused", "gate", g.o.Name, "panic", fmt.Sprintf("%T", v))
	}
}
