package wire

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// answerWithin is how long a server may take to answer a step of a script.
const answerWithin = 10 * time.Second

// A dialog plays one script at a target and keeps what came back.
type dialog struct {
	t        *testing.T
	to       target
	sessions []*session
	// sourceless leaves out of an error where in the server's source it was made,
	// and errors that end a session by a violation of the protocol altogether.
	sourceless bool
}

// A session is one connection of a dialog. frames are what the server sent, in
// the form in which they are compared.
type session struct {
	d    *dialog
	conn net.Conn
	pid  uint32
	key  []byte
	buf  []byte // what came and is no whole message yet
	// cutting guards frames, bodies, buf and seen: pgx may read in a goroutine of
	// its own while a session begins, where a write is slow.
	cutting sync.Mutex
	frames  []frame
	bodies  [][]byte // of frames, as they came; nil for what is no message
	seen    int      // frames that await has looked at
	oids    map[uint32]int
}

// A frame is one message of the server, as compared.
type frame struct {
	kind byte
	text string
}

func (f frame) String() string { return fmt.Sprintf("%c %s", f.kind, f.text) }

// noted is the kind of a frame that is no message: how a connection ended.
const noted = '!'

func (s *session) note(what string) {
	s.cutting.Lock()
	defer s.cutting.Unlock()
	s.frames = append(s.frames, frame{noted, what})
	s.bodies = append(s.bodies, nil)
}

// recorded has every byte that is read through it recorded.
type recorded struct {
	net.Conn
	s *session
}

func (r recorded) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	r.s.cutting.Lock()
	defer r.s.cutting.Unlock()
	r.s.take(p[:n])
	return n, err
}

// open begins a session, and records from the first byte. change may change the
// configuration. The session is nil where the server refused it: what it said
// is recorded then.
func (d *dialog) open(change ...func(*pgconn.Config)) *session {
	d.t.Helper()
	s := &session{d: d, oids: map[uint32]int{}}
	d.sessions = append(d.sessions, s)
	config, err := pgconn.ParseConfig(d.to.dsn())
	if err != nil {
		d.t.Fatal(err)
	}
	for _, f := range change {
		f(config)
	}
	config.AfterNetConnect = func(_ context.Context, _ *pgconn.Config, c net.Conn) (net.Conn, error) {
		return recorded{c, s}, nil
	}
	ctx, cancel := context.WithTimeout(d.t.Context(), answerWithin)
	defer cancel()
	c, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		var refused *pgconn.PgError
		if !errors.As(err, &refused) {
			s.note("could not connect")
			d.t.Logf("%v: connecting: %v", d.to, err)
		}
		return nil
	}
	hijacked, err := c.Hijack()
	if err != nil {
		d.t.Fatal(err)
	}
	s.conn, s.pid, s.key = hijacked.Conn, hijacked.PID, hijacked.SecretKey
	d.t.Cleanup(func() { _ = s.conn.Close() }) // the script may have closed it
	s.cutting.Lock()
	defer s.cutting.Unlock()
	s.seen = len(s.frames)
	return s
}

// hangUp closes all sessions of the dialog.
func (d *dialog) hangUp() {
	for _, s := range d.sessions {
		if s.conn != nil {
			_ = s.conn.Close() // the script may have closed it
		}
	}
}

// send writes messages, all at once.
func (s *session) send(messages ...pgproto3.FrontendMessage) {
	s.d.t.Helper()
	var out []byte
	var err error
	for _, m := range messages {
		if out, err = m.Encode(out); err != nil {
			s.d.t.Fatal(err)
		}
	}
	s.raw(out)
}

func (s *session) raw(out []byte) {
	s.d.t.Helper()
	_ = s.conn.SetWriteDeadline(time.Now().Add(answerWithin)) // an open connection takes it
	if _, err := s.conn.Write(out); err != nil {
		s.note("could not write")
	}
}

// await reads until n messages have come of one of these kinds, or the server
// has closed the connection. What comes besides is recorded too.
func (s *session) await(kinds string, n int) {
	s.d.t.Helper()
	deadline := time.Now().Add(answerWithin)
	buf := make([]byte, 8<<10)
	for {
		if s.look(kinds, &n) {
			return
		}
		// Not for long: pgx's goroutine may have what is waited for.
		_ = s.conn.SetReadDeadline(time.Now().Add(answerWithin / 50)) // an open connection takes it
		_, err := s.conn.Read(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) && time.Now().Before(deadline) {
			continue
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || isReset(err):
			s.note("the connection is closed")
		default:
			s.d.t.Errorf("%v: waiting for %d of %q: %v after %v", s.d.to, n, kinds, err, s.frames)
			s.note("the connection is closed")
		}
	}
}

// look goes through the frames that came, and reports whether the last of those
// that are awaited is among them, or the connection's end.
func (s *session) look(kinds string, n *int) bool {
	s.cutting.Lock()
	defer s.cutting.Unlock()
	for ; s.seen < len(s.frames); s.seen++ {
		k := s.frames[s.seen].kind
		if k == noted {
			return true
		}
		if strings.IndexByte(kinds, k) >= 0 {
			*n--
		}
		if *n == 0 {
			s.seen++
			return true
		}
	}
	return false
}

func isReset(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && !op.Timeout()
}

// ready awaits the end of n rounds.
func (s *session) ready(n int) { s.d.t.Helper(); s.await("Z", n) }

// query plays simple queries, one after the other.
func (s *session) query(statements ...string) {
	s.d.t.Helper()
	for _, sql := range statements {
		s.send(&pgproto3.Query{String: sql})
		s.ready(1)
	}
}

// take cuts what came into frames.
func (s *session) take(more []byte) {
	s.buf = append(s.buf, more...)
	for len(s.buf) >= 5 {
		n := int(binary.BigEndian.Uint32(s.buf[1:]))
		if n < 4 || len(s.buf) < n+1 {
			return
		}
		s.frames = append(s.frames, s.normal(s.buf[0], s.buf[5:n+1]))
		s.bodies = append(s.bodies, s.buf[5:n+1])
		s.buf = s.buf[n+1:]
	}
}

// normal is a message as it is compared. What is left out, and nothing else:
// the numbers and keys of processes, the random parts of SCRAM, and the numbers
// of objects that were made after the cluster, which stand in the order seen.
func (s *session) normal(kind byte, body []byte) frame {
	b := append([]byte(nil), body...)
	text := ""
	switch kind {
	case 'K':
		text = fmt.Sprintf("key of process, %v", s.keySize(b))
		s.pid = binary.BigEndian.Uint32(b)
	case 'R':
		switch code := binary.BigEndian.Uint32(b); code {
		case 5, 11, 12: // MD5's salt; SCRAM's challenge and proof
			text = fmt.Sprintf("authentication %d", code)
		default:
			text = fmt.Sprintf("%q", b)
		}
	case 'A':
		from := "another's"
		if binary.BigEndian.Uint32(b) == s.pid {
			from = "its own"
		}
		text = fmt.Sprintf("%s %q", from, b[4:])
	case 'E':
		text = fmt.Sprintf("%q", s.d.errorText(b))
	case 'T', 't':
		s.number(kind, b)
		text = fmt.Sprintf("%q", b)
	default:
		text = fmt.Sprintf("%q", b)
	}
	return frame{kind, text}
}

// source are the fields of an error that name file, line and routine.
var source = regexp.MustCompile("\x00F[^\x00]*\x00L[^\x00]*\x00R[^\x00]*\x00")

func (d *dialog) errorText(b []byte) []byte {
	if !d.sourceless {
		return b
	}
	return source.ReplaceAll(b, []byte{0})
}

// keySize tells a key of protocol 3.0, which has four bytes, from longer ones.
func (s *session) keySize(b []byte) string {
	if len(b) == 8 {
		return "short"
	}
	return "long"
}

// number replaces the numbers of objects that people made by their order.
func (s *session) number(kind byte, b []byte) {
	const firstOfUsers = 16384 // FirstNormalObjectId
	replace := func(at int) {
		oid := binary.BigEndian.Uint32(b[at:])
		if oid < firstOfUsers {
			return
		}
		if s.oids[oid] == 0 {
			s.oids[oid] = firstOfUsers + len(s.oids)
		}
		binary.BigEndian.PutUint32(b[at:], uint32(s.oids[oid]))
	}
	at := 2
	for range int(binary.BigEndian.Uint16(b)) {
		if kind == 't' {
			replace(at)
			at += 4
			continue
		}
		at += strings.IndexByte(string(b[at:]), 0) + 1
		replace(at)     // the table
		replace(at + 6) // the type
		at += 18
	}
}

// A scenario is a script that is played to the bare server and to the gate.
type scenario struct {
	name string
	play func(d *dialog)
}

// compare plays scenarios to both, and wants the same messages of both. It does so
// beside other tests, in a database of its own.
func compare(t *testing.T, scenarios []scenario, options ...func(*dialog)) {
	t.Helper()
	d, name := server(t), ownName(t)
	t.Parallel()
	d.fresh(t, name)
	compareThrough(t, d.gated(t, name), scenarios, options...)
}

func compareAt(t *testing.T, d *database, scenarios []scenario, options ...func(*dialog)) {
	t.Helper()
	d.kept(t, "scripts")
	compareThrough(t, d.gated(t, "scripts"), scenarios, options...)
}

// compareThrough plays scenarios to the bare server and to this gate before it.
func compareThrough(t *testing.T, to target, scenarios []scenario, options ...func(*dialog)) {
	t.Helper()
	d := to.server
	for _, sc := range scenarios {
		t.Run(sc.name, func(t *testing.T) {
			bare := &dialog{t: t, to: d.bare(to.database)}
			gated := &dialog{t: t, to: to}
			for _, side := range []*dialog{bare, gated} {
				for _, set := range options {
					set(side)
				}
				sc.play(side)
				side.hangUp()
			}
			diff(t, bare, gated)
		})
	}
}

// diff compares what two dialogs recorded.
func diff(t *testing.T, bare, gated *dialog) {
	t.Helper()
	if len(bare.sessions) != len(gated.sessions) {
		t.Fatalf("%d sessions at the bare server, %d through the gate", len(bare.sessions), len(gated.sessions))
	}
	for i := range bare.sessions {
		a, b := bare.sessions[i].frames, gated.sessions[i].frames
		if len(a) < 2 {
			t.Errorf("session %d: the bare server sent %d messages: the script compares nothing", i, len(a))
		}
		if bare.sourceless {
			a, b = withoutViolations(a), withoutViolations(b)
		}
		if why := differs(a, b); why != "" {
			t.Errorf("session %d: the client sees the gate:\n%s", i, why)
		}
	}
}

// withoutViolations leaves out the last word on what is no message: for some the
// server closes without one.
func withoutViolations(frames []frame) []frame {
	var kept []frame
	for _, f := range frames {
		if f.kind != 'E' || !strings.Contains(f.text, `SFATAL\x00VFATAL\x00C08P01`) {
			kept = append(kept, f)
		}
	}
	return kept
}

// differs says where two recordings differ first; empty where they do not.
func differs(bare, gated []frame) string {
	for i := range max(len(bare), len(gated)) {
		if i < len(bare) && i < len(gated) && bare[i] == gated[i] {
			continue
		}
		show := func(frames []frame) string {
			var b strings.Builder
			for j := max(0, i-2); j < min(len(frames), i+4); j++ {
				fmt.Fprintf(&b, "  %d %.400s\n", j, frames[j])
			}
			return b.String()
		}
		return fmt.Sprintf("message %d\nbare:\n%sgated:\n%s", i, show(bare), show(gated))
	}
	return ""
}
