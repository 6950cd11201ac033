package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/gatehousehq/gatehouse/tests/attacks/benign"
)

// The codes in place of a protocol version (PostgreSQL, "Message Formats").
const (
	sslRequest    = 80877103
	gssEncRequest = 80877104
	cancelRequest = 80877102
	maxMessage    = 64 << 20
)

// A sqlRelay passes a program's connections on to the server, byte for byte,
// and tells the journal what statements it sees.
type sqlRelay struct {
	listener net.Listener
	server   string
	log      *journal
	wg       sync.WaitGroup
	open     atomic.Int64 // connections
	pending  atomic.Int64 // answers that the server owes
	mu       sync.Mutex
	conns    map[net.Conn]bool
}

func relaySQL(server string, log *journal) (*sqlRelay, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &sqlRelay{listener: l, server: server, log: log, conns: map[net.Conn]bool{}}
	r.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // closed
			}
			r.open.Add(1)
			r.wg.Go(func() {
				defer r.open.Add(-1)
				r.connection(c)
			})
		}
	})
	return r, nil
}

func (r *sqlRelay) address() string { return r.listener.Addr().String() }

// close ends every connection and waits for their goroutines.
func (r *sqlRelay) close() {
	r.listener.Close()
	r.mu.Lock()
	for c := range r.conns {
		c.Close()
	}
	r.mu.Unlock()
	r.wg.Wait()
}

func (r *sqlRelay) keep(c net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conns[c] = true
}

func (r *sqlRelay) drop(c net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, c)
	c.Close()
}

func (r *sqlRelay) connection(client net.Conn) {
	r.keep(client)
	defer r.drop(client)
	in := bufio.NewReader(client)
	startup, err := readStartup(in, client)
	if err != nil {
		return // the client went away, or only looked whether somebody listens
	}
	server, err := net.Dial("tcp", r.server)
	if err != nil {
		return
	}
	r.keep(server)
	defer r.drop(server)
	if _, err := server.Write(startup); err != nil || binary.BigEndian.Uint32(startup[4:]) == cancelRequest {
		return
	}
	s := &session{relay: r, account: accountOf(startup), prepared: map[string]string{}}
	s.owe(1)
	defer s.settle()
	r.wg.Go(func() {
		defer client.Close() // ends the loop below
		_ = copyMessages(client, bufio.NewReader(server), s.answer)
	})
	_ = copyMessages(server, in, s.ask) // ends with the connection
}

// readStartup reads the message that begins a connection, and declines encryption.
func readStartup(in *bufio.Reader, client io.Writer) ([]byte, error) {
	for {
		head, err := in.Peek(8)
		if err != nil {
			return nil, err
		}
		length, code := binary.BigEndian.Uint32(head), binary.BigEndian.Uint32(head[4:])
		if length < 8 || length > 10_000 {
			return nil, fmt.Errorf("a startup message of %d bytes", length)
		}
		message := make([]byte, length)
		if _, err := io.ReadFull(in, message); err != nil {
			return nil, err
		}
		if code != sslRequest && code != gssEncRequest {
			return message, nil
		}
		if _, err := client.Write([]byte{'N'}); err != nil {
			return nil, err
		}
	}
}

func accountOf(startup []byte) string {
	var m pgproto3.StartupMessage
	if err := m.Decode(startup[4:]); err != nil {
		return ""
	}
	return m.Parameters["user"]
}

// copyMessages passes messages on, after showing each.
func copyMessages(to io.Writer, from *bufio.Reader, show func(kind byte, body []byte) error) error {
	out := bufio.NewWriter(to)
	for {
		head, err := from.Peek(5)
		if err != nil {
			return errors.Join(err, out.Flush())
		}
		length := binary.BigEndian.Uint32(head[1:])
		if length < 4 || length > maxMessage {
			return fmt.Errorf("a message of %d bytes", length)
		}
		message := make([]byte, 1+length)
		if _, err := io.ReadFull(from, message); err != nil {
			return err
		}
		if err := show(message[0], message[5:]); err != nil {
			return err
		}
		if _, err := out.Write(message); err != nil {
			return err
		}
		if from.Buffered() == 0 {
			if err := out.Flush(); err != nil {
				return err
			}
		}
	}
}

// A session is one connection: ask runs on one goroutine, answer on another.
type session struct {
	relay    *sqlRelay
	account  string
	prepared map[string]string
	owed     atomic.Int64
}

func (s *session) owe(n int64) {
	s.owed.Add(n)
	s.relay.pending.Add(n)
}

// settle forgets what a connection that has ended was owed.
func (s *session) settle() { s.relay.pending.Add(-s.owed.Swap(0)) }

func (s *session) answer(kind byte, _ []byte) error {
	if kind == 'Z' { // ReadyForQuery
		s.owe(-1)
	}
	return nil
}

// ask notes what the client sends: a statement is one at Query, and at each Bind.
func (s *session) ask(kind byte, body []byte) error {
	switch kind {
	case 'Q':
		s.owe(1)
		s.note(strings.TrimSuffix(string(body), "\x00"), nil)
	case 'S': // Sync
		s.owe(1)
	case 'P':
		var m pgproto3.Parse
		if err := m.Decode(body); err != nil {
			return err
		}
		s.prepared[m.Name] = m.Query
	case 'B':
		var m pgproto3.Bind
		if err := m.Decode(body); err != nil {
			return err
		}
		params := []string{}
		for i, p := range m.Parameters {
			if format(m.ParameterFormatCodes, i) == pgproto3.TextFormat {
				params = append(params, string(p))
			}
		}
		s.note(s.prepared[m.PreparedStatement], params)
	}
	return nil
}

func (s *session) note(sql string, params []string) {
	s.relay.log.statement(benign.Statement{Account: s.account, SQL: sql, Params: params})
}

// format is of the parameter at i: no code means text, one code is for all.
func format(codes []int16, i int) int16 {
	switch {
	case len(codes) == 0:
		return pgproto3.TextFormat
	case len(codes) == 1:
		return codes[0]
	case i < len(codes):
		return codes[i]
	}
	return pgproto3.TextFormat
}
