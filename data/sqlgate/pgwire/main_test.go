package pgwire

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/data/sqlgate"
	"github.com/gatehousehq/gatehouse/exchange"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A fakeJudge refuses what has "evil" in it.
type fakeJudge struct {
	mu       sync.Mutex
	asked    []sqlgate.Statement
	ended    []sqlgate.Outcome
	refusals []gatehouse.Decision
	panics   bool
	ruling   sqlgate.Ruling // of what passes
}

func (j *fakeJudge) Judge(_ context.Context, _ sqlgate.Account, st sqlgate.Statement) sqlgate.Ruling {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.panics {
		panic("the judge is broken")
	}
	bad := strings.Contains(st.SQL, "evil")
	st.SQL = strings.Clone(st.SQL)
	values := st.Values
	st.Values = nil
	for _, v := range values {
		bad = bad || strings.Contains(v, "evil")
		st.Values = append(st.Values, strings.Clone(v))
	}
	j.asked = append(j.asked, st)
	if bad {
		return sqlgate.Ruling{Request: "r-1"}
	}
	r := j.ruling
	r.Verdict = gatehouse.Pass
	return r
}

func (j *fakeJudge) Attribute(sqlgate.Account, sqlgate.Statement) exchange.Attribution {
	return exchange.Attribution{}
}

func (j *fakeJudge) Ended(_ context.Context, _ sqlgate.Account, _ sqlgate.Ruling, o sqlgate.Outcome) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ended = append(j.ended, o)
}

func (j *fakeJudge) Refused(_ context.Context, _ sqlgate.Account, _ netip.Addr, d gatehouse.Decision) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.refusals = append(j.refusals, d)
	return true
}

func (j *fakeJudge) outcomes() []sqlgate.Outcome {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]sqlgate.Outcome(nil), j.ended...)
}

func options(j *fakeJudge) Options {
	return Options{Name: "shop", Judge: j, Clients: []Client{{
		User: "app", Password: "of-the-gate", Upstream: Upstream{Network: "unix", Address: "/nonexistent/gatehouse", User: "role"},
	}}}
}

func newGate(t testing.TB, change ...func(*Options)) (*Gate, *fakeJudge) {
	t.Helper()
	j := new(fakeJudge)
	o := options(j)
	for _, c := range change {
		c(&o)
	}
	g, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return g, j
}

// A played session has both ends in the test's hands.
type played struct {
	g              *Gate
	judge          *fakeJudge
	session        *session
	client, server net.Conn
	ended          chan struct{}
}

// play carries a session over real sockets, so that writes do not wait for
// reads.
func play(t testing.TB, change ...func(*Options)) *played {
	t.Helper()
	g, j := newGate(t, change...)
	p := &played{g: g, judge: j, ended: make(chan struct{})}
	var toClient, toServer net.Conn
	p.client, toClient = sockets(t)
	p.server, toServer = sockets(t)
	p.session = &session{g: g, a: g.accounts["app"], client: toClient, server: toServer, ctx: t.Context(), database: "shop"}
	if err := g.register(p.session, 0); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		p.session.carry(map[string]string{"standard_conforming_strings": "on", "client_encoding": "UTF8"})
	}()
	t.Cleanup(func() {
		p.client.Close()
		p.server.Close()
		select {
		case <-p.ended:
		case <-time.After(20 * time.Second):
			t.Error("the session did not end with its connections")
		}
	})
	for _, c := range []net.Conn{p.client, p.server} {
		if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func sockets(t testing.TB) (net.Conn, net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	dialled, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return dialled, accepted
}

// sends writes messages, each a type and a body.
func sends(t testing.TB, conn net.Conn, messages ...string) {
	t.Helper()
	var b []byte
	for _, m := range messages {
		b = appendMessage(b, m[0], []byte(m[1:]))
	}
	if _, err := conn.Write(b); err != nil {
		t.Error(err) // not Fatal: long messages are sent beside the test
	}
}

// gets reads one message, as a type and a body.
func gets(t testing.TB, conn net.Conn) string {
	t.Helper()
	kind, body, err := readMessage(conn, 1<<20)
	if err != nil {
		t.Fatalf("reading a message: %v", err)
	}
	return string(kind) + string(body)
}

func wants(t testing.TB, conn net.Conn, messages ...string) {
	t.Helper()
	for _, want := range messages {
		if got := gets(t, conn); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}

// wantsError reads an error, and checks its code and words.
func wantsError(t testing.TB, conn net.Conn, severity, state, words string) {
	t.Helper()
	got := gets(t, conn)
	want := string(appendError(nil, severity, state, words)[headSize:])
	if got != "E"+want {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func wantsEnd(t testing.TB, conn net.Conn) {
	t.Helper()
	if rest, err := io.ReadAll(conn); len(rest) > 0 || err != nil && !errors.Is(err, io.EOF) && !strings.Contains(err.Error(), "reset") {
		t.Fatalf("got %q, %v, want the end", rest, err)
	}
}

// token takes what a refused statement was replaced by out of a message.
func token(t testing.TB, message string) string {
	t.Helper()
	i := strings.Index(message, tokenPrefix)
	if i < 0 {
		t.Fatalf("%q has no token", message)
	}
	name, _, _ := strings.Cut(message[i:], "\x00")
	return name
}

func serverError(words string) string {
	return "E" + string(bytes.TrimSuffix(appendError(nil, "ERROR", "42601", words)[headSize:], nil))
}
