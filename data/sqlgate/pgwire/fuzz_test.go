package pgwire

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/data/sqlgate"
	"github.com/gatehousehq/gatehouse/exchange"
)

// A tape is a connection whose peer has said all that it will, once the other
// side is through with it.
type tape struct {
	script
	mu   sync.Mutex
	wait <-chan struct{} // before the end
	end  func()          // ends the wait
}

func (s *tape) Read(p []byte) (int, error) {
	n, err := s.in.Read(p)
	if err == io.EOF && s.wait != nil {
		<-s.wait
	}
	return n, err
}

// SetReadDeadline ends the tape: nothing more is waited for.
func (s *tape) SetReadDeadline(at time.Time) error {
	if s.end != nil && !at.IsZero() {
		s.end()
	}
	return nil
}

func (s *tape) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Write(p)
}

// replay plays what a client and a database say into a session, and gives what
// each was told.
func replay(t *testing.T, client, server []byte, rows sqlgate.Rows, before ...sqlgate.Own) (toServer, toClient []byte) {
	g, j := newGate(t, func(o *Options) {
		o.MaxStatement, o.Rows = 64<<10, rows
		o.Logger = slog.New(slog.DiscardHandler)
	})
	j.ruling.Before = before
	defer g.wait(t.Context())
	defer g.kill(errKilled)
	read := make(chan struct{})
	end := sync.OnceFunc(func() { close(read) })
	// A database ends a session that the client has ended.
	defer time.AfterFunc(50*time.Millisecond, end).Stop()
	c := &tape{script: script{in: bytes.NewReader(client)}}
	s := &tape{script: script{in: bytes.NewReader(server)}, wait: read, end: end}
	ses := &session{g: g, a: g.accounts["app"], client: &closing{tape: c, end: end}, server: s, ctx: t.Context(), database: "shop"}
	ses.carry(map[string]string{"standard_conforming_strings": "on", "client_encoding": "UTF8"})
	return s.out.Bytes(), c.out.Bytes()
}

// closing tells when the client's side is read to its end, or closed.
type closing struct {
	*tape
	end func()
}

func (c *closing) Read(p []byte) (int, error) {
	n, err := c.tape.Read(p)
	if err != nil {
		c.end()
	}
	return n, err
}

func (c *closing) Close() error {
	c.end()
	return nil
}

// allRows looks at every value.
type allRows struct{}

func (allRows) Watching() bool { return true }

func (allRows) Row(_ exchange.Attribution, columns []sqlgate.Column, values [][]byte) {
	if len(columns) != len(values) {
		panic("columns and values do not fit")
	}
}

// FuzzClient plays anything that a client may send. Whatever it is, no statement
// that is refused reaches the database, and the database gets whole messages.
func FuzzClient(f *testing.F) {
	for _, messages := range [][]string{
		{"Qselect 1\x00", "Qselect 'evil'\x00", "X"},
		{"Pa\x00evil\x00\x00\x00", "B\x00a\x00\x00\x00\x00\x00\x00\x00", "Sa", "D\x00", "C\x00", "E\x00\x00\x00\x00\x00", "S", "H"},
		{"F\x00\x00\x03\xb8\x00\x00\x00\x00\x00\x00", "F\x00\x00\x02\xfc", "d1\n", "c", "fx\x00", "p\x00"},
		{"B\x00a\x00\x00\x01\x00\x01\x00\x02\x00\x00\x00\x01x\xff\xff\xff\xff\x00\x01\x00\x01"},
	} {
		var b []byte
		for _, m := range messages {
			b = appendMessage(b, m[0], []byte(m[1:]))
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, client []byte) {
		sent, _ := replay(t, client, nil, allRows{})
		for len(sent) > 0 {
			kind, body, err := readMessage(bytes.NewReader(sent), len(sent))
			if err != nil {
				break // the client broke off in a message that passes as it comes
			}
			switch kind {
			case 'Q', 'P':
				if bytes.Contains(body, []byte("evil")) {
					// A prepared statement may be called so.
					if _, rest, _ := bytes.Cut(body, []byte{0}); kind == 'Q' || bytes.Contains(rest, []byte("evil")) {
						t.Fatalf("the database got %q", body)
					}
				}
			case 'B', 'D', 'C', 'E', 'F', 'S', 'H', 'X', 'd', 'c', 'f':
			default:
				t.Fatalf("the database got a message %q", kind)
			}
			sent = sent[headSize+len(body):]
		}
	})
}

// FuzzServer plays anything that a database may send to a client that has asked
// for something of each kind.
func FuzzServer(f *testing.F) {
	var asked []byte
	for _, m := range []string{"Qselect 1\x00", "Pa\x00select $1\x00\x00\x00", "DSa\x00", "B\x00a\x00\x00\x00\x00\x00\x00\x00", "DP\x00", "E\x00\x00\x00\x00\x00", "S", "F\x00\x00\x03\xb8\x00\x00\x00\x00\x00\x00", "Qevil\x00"} {
		asked = appendMessage(asked, m[0], []byte(m[1:]))
	}
	column := "T\x00\x01id\x00\x00\x00\x40\x00\x00\x01\x00\x00\x00\x17\x00\x04\xff\xff\xff\xff\x00\x01"
	for _, messages := range [][]string{
		{column, "D\x00\x01\x00\x00\x00\x04\x00\x00\x00\x2a", "CSELECT 1\x00", "ZI", "1", "t\x00\x01\x00\x00\x00\x17", column, "2", column, "D\x00\x01\xff\xff\xff\xff", "CSELECT 1\x00", "ZI", "V\x00\x00\x00\x00", "ZI", serverError("gate_refused_"), "ZI"},
		{"G\x00\x00\x00", serverError("x"), "ZE", "ZI", "S" + "client_encoding\x00SJIS\x00", "Nx\x00\x00", "A\x00\x00\x00\x00a\x00b\x00"},
		{"H\x00\x00\x00", "dx", "c", "CCOPY 1\x00", "ZT", "s", "I", "n", "3", "W\x00\x00\x00"},
	} {
		var b []byte
		for _, m := range messages {
			b = appendMessage(b, m[0], []byte(m[1:]))
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, server []byte) {
		_, told := replay(t, asked, server, allRows{})
		for len(told) > 0 {
			kind, body, err := readMessage(bytes.NewReader(told), len(told))
			if err != nil {
				break // the database broke off in a message that passes as it comes
			}
			if bytes.IndexByte([]byte("RKWv"), kind) >= 0 {
				t.Fatalf("the client got a message %q", kind)
			}
			told = told[headSize+len(body):]
		}
	})
}

// FuzzBefore plays anything that a database may send to a client before whose
// statements the gate has run its own. The messages may come before what they
// answer.
func FuzzBefore(f *testing.F) {
	var asked []byte
	for _, m := range []string{"Qselect 1\x00", "Pa\x00select $1\x00\x00\x00", "B\x00a\x00\x00\x00\x00\x00\x00\x00", "E\x00\x00\x00\x00\x00", "S"} {
		asked = appendMessage(asked, m[0], []byte(m[1:]))
	}
	for _, messages := range [][]string{
		{"T\x00\x00", "Dours", "Nours", "CSELECT 1\x00", "T\x00\x00", "D\x00\x00", "CSELECT 1\x00", "ZI", "1", "2", "3", "1", "2", "Dours", "CSELECT 1\x00", "3", "3", "D\x00\x00", "CSELECT 1\x00", "ZI"},
		{"E" + "SERROR\x00C42601\x00Mno\x00P12\x00\x00", "ZI", "1", "2", "3", "1", "2", "ESERROR\x00C22P02\x00M" + sqlgate.Denies + "\x00\x00", "ZI"},
		{"ESERROR\x00C40001\x00Mno\x00P2\x00Wours\x00\x00", "ZE", "1", "2", "3", "ESFATAL\x00VFATAL\x00C57P01\x00\x00"},
	} {
		var b []byte
		for _, m := range messages {
			b = appendMessage(b, m[0], []byte(m[1:]))
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, server []byte) {
		_, told := replay(t, asked, server, allRows{}, sqlgate.Own{SQL: "SELECT 1"})
		for len(told) > 0 {
			kind, body, err := readMessage(bytes.NewReader(told), len(told))
			if err != nil {
				break // the database broke off in a message that passes as it comes
			}
			if bytes.IndexByte([]byte("RKWv"), kind) >= 0 {
				t.Fatalf("the client got a message %q", kind)
			}
			told = told[headSize+len(body):]
		}
	})
}

// FuzzSignIn plays anything that a database may send while the gate signs in.
func FuzzSignIn(f *testing.F) {
	f.Add([]byte("R\x00\x00\x00\x08\x00\x00\x00\x00S\x00\x00\x00\x09a\x00b\x00\x00K\x00\x00\x00\x0c12345678Z\x00\x00\x00\x05I"))
	f.Add([]byte("R\x00\x00\x00\x17\x00\x00\x00\x0aSCRAM-SHA-256\x00\x00R\x00\x00\x00\x08\x00\x00\x00\x00"))
	f.Add([]byte("R\x00\x00\x00\x0c\x00\x00\x00\x05saltR\x00\x00\x00\x08\x00\x00\x00\x03"))
	f.Fuzz(func(t *testing.T, server []byte) {
		for _, weak := range []string{"", "the test wants it"} {
			conn := &script{in: bytes.NewReader(server)}
			b := &backend{conn: conn, settings: make(map[string]string)}
			up := &Upstream{User: "role", Password: "pass-word"}
			up.Weak = gatehouse.Reason(weak)
			err := b.signIn(up, nil, "nonce")
			if weak == "" && bytes.Contains(conn.out.Bytes(), []byte("pass-word")) {
				t.Fatal("the password was sent in the clear")
			}
			if err == nil && len(b.reported) > len(server) {
				t.Fatal("more is reported than was said")
			}
		}
	})
}

var _ net.Conn = (*tape)(nil)
