package pgwire

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/data/sqlgate"
	"github.com/gatehousehq/gatehouse/exchange"
)

// passAll passes every statement, as a judge does with what it knows.
type passAll struct{}

func (passAll) Judge(context.Context, sqlgate.Account, sqlgate.Statement) sqlgate.Ruling {
	return sqlgate.Ruling{Verdict: gatehouse.Pass}
}
func (passAll) Attribute(sqlgate.Account, sqlgate.Statement) exchange.Attribution {
	return exchange.Attribution{}
}
func (passAll) Ended(context.Context, sqlgate.Account, sqlgate.Ruling, sqlgate.Outcome) {}
func (passAll) Refused(context.Context, sqlgate.Account, netip.Addr, gatehouse.Decision) bool {
	return true
}

// A parrot is a connection whose other side says the same again and again. It
// counts what is written to it.
type parrot struct {
	net.Conn // has no other methods that are called here
	says     []byte
	writes   int
	got      bytes.Buffer
}

func (s *parrot) Read(p []byte) (int, error) { return copy(p, s.says), nil }
func (s *parrot) Write(p []byte) (int, error) {
	s.writes++
	s.got.Reset()
	return s.got.Write(p)
}
func (s *parrot) SetReadDeadline(time.Time) error  { return nil }
func (s *parrot) SetWriteDeadline(time.Time) error { return nil }

// A pair is both directions of a session, carried by hand.
type pair struct {
	client, server *parrot
	up             *upward
	down           *downward
}

func newPair(t testing.TB) *pair {
	t.Helper()
	g, err := New(Options{Name: "shop", Judge: passAll{}, Clients: []Client{{
		User: "app", Password: "a", Upstream: Upstream{Network: "tcp", Address: "127.0.0.1:5432", User: "app"},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	p := &pair{client: &parrot{}, server: &parrot{}}
	s := &session{g: g, a: g.accounts["app"], client: p.client, server: p.server, ctx: g.ctx}
	s.room.L = &s.mu
	s.tx = 'I'
	s.reading.note("standard_conforming_strings", "on")
	p.up = &upward{stream: newStream(p.client, p.server), session: s}
	p.down = &downward{stream: newStream(p.server, p.client), session: s}
	return p
}

// exchange carries one question and its answer.
func (p *pair) exchange(t testing.TB, question, answer []byte) {
	p.client.says, p.server.says = question, answer
	carry(t, p.up.stream, p.up.message)
	carry(t, p.down.stream, p.down.message)
}

// carry reads once, looks at the messages in it, and sends them on.
func carry(t testing.TB, s *stream, look func(kind byte, length int) (bool, error)) {
	err := s.fill()
	for err == nil && s.passRest() {
		var ok bool
		var kind byte
		var length int
		if kind, length, ok, err = s.head(); ok {
			ok, err = look(kind, length)
		}
		if !ok {
			break
		}
	}
	if err == nil {
		err = s.flush()
	}
	if err != nil && err != io.EOF {
		t.Fatal(err)
	}
}

// message is one with this body.
func message(kind byte, body string) []byte { return appendMessage(nil, kind, []byte(body)) }

func join(messages ...[]byte) []byte { return bytes.Join(messages, nil) }

// turns are what pgbench and most drivers do all day.
var turns = []struct {
	name             string
	prepare          []byte
	prepared         []byte
	question, answer []byte
}{
	{
		name:     "Query",
		question: message('Q', "UPDATE pgbench_accounts SET abalance = abalance + 100 WHERE aid = 1234;\x00"),
		answer:   join(message('C', "UPDATE 1\x00"), message('Z', "I")),
	},
	{
		name:     "Query with rows",
		question: message('Q', "SELECT abalance FROM pgbench_accounts WHERE aid = 12345;\x00"),
		answer: join(message('T', "\x00\x01abalance\x00\x00\x00\x40\x01\x00\x03\x00\x00\x00\x17\x00\x04\xff\xff\xff\xff\x00\x00"),
			bytes.Repeat(message('D', "\x00\x01\x00\x00\x00\x02-7"), 10), message('C', "SELECT 10\x00"), message('Z', "I")),
	},
	{
		name:     "prepared",
		prepare:  join(message('P', "P_0\x00SELECT abalance FROM pgbench_accounts WHERE aid = $1;\x00\x00\x00"), message('S', "")),
		prepared: join(message('1', ""), message('Z', "I")),
		question: join(message('B', "\x00P_0\x00\x00\x00\x00\x01\x00\x00\x00\x0512345\x00\x01\x00\x00"), message('D', "P\x00"), message('E', "\x00\x00\x00\x00\x00"), message('S', "")),
		answer: join(message('2', ""), message('T', "\x00\x01abalance\x00\x00\x00\x40\x01\x00\x03\x00\x00\x00\x17\x00\x04\xff\xff\xff\xff\x00\x00"),
			message('D', "\x00\x01\x00\x00\x00\x02-7"), message('C', "SELECT 1\x00"), message('Z', "I")),
	},
}

func TestSession_StatementThatPasses_AllocatesNothingAndIsSentWhole(t *testing.T) {
	for _, turn := range turns {
		t.Run(turn.name, func(t *testing.T) {
			p := newPair(t)
			if turn.prepare != nil {
				p.exchange(t, turn.prepare, turn.prepared)
			}
			p.server.writes, p.client.writes = 0, 0
			p.exchange(t, turn.question, turn.answer)
			if p.server.writes != 1 || p.client.writes != 1 || !bytes.Equal(p.server.got.Bytes(), turn.question) || !bytes.Equal(p.client.got.Bytes(), turn.answer) {
				t.Errorf("the database got %q in %d writes, the client %q in %d", p.server.got.Bytes(), p.server.writes, p.client.got.Bytes(), p.client.writes)
			}
			if n := testing.AllocsPerRun(100, func() { p.exchange(t, turn.question, turn.answer) }); n > 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

// BenchmarkSession is what the gate does for a statement beside reading and
// writing sockets, and beside the judge.
func BenchmarkSession(b *testing.B) {
	for _, turn := range turns {
		b.Run(turn.name, func(b *testing.B) {
			p := newPair(b)
			if turn.prepare != nil {
				p.exchange(b, turn.prepare, turn.prepared)
			}
			b.ReportAllocs()
			for b.Loop() {
				p.exchange(b, turn.question, turn.answer)
			}
		})
	}
}
