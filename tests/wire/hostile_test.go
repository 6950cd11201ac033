package wire

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// A refusedInsert would leave a row that no other statement writes.
const refusedInsert = "insert into copied (id) values (666) /* " + marker + " */"

// hostile are messages that a client may send after it has signed in, good ones
// and bad ones, among them the refused statement in each form it can take.
func hostile(r *rand.Rand) []byte {
	names := []string{"", "a", "b", "a\xff"}
	name := func() string { return names[r.IntN(len(names))] }
	statements := []string{"select 1", "selec", "begin", "commit", "rollback", "select $1::text", "select generate_series(1, 2000)", "copy copied (id) from stdin", "copy moods to stdout",
		"select query_to_xml($1, true, false, '')::text", "prepare a as select 1", "listen c; notify c", "", refusedInsert, "select 1; " + refusedInsert, "select 'x' /* unclosed", "deallocate all",
		"set standard_conforming_strings = off", "set client_encoding = 'SJIS'", "prepare b (text) as select query_to_xml($1, true, false, '')"}
	sql := statements[r.IntN(len(statements))]
	all := []pgproto3.FrontendMessage{
		&pgproto3.Query{String: sql}, parse(name(), sql), parse(name(), sql, text), bind(name(), name()), bind(name(), name(), "x"), bind(name(), name(), refusedInsert),
		describeStatement(name()), describePortal(name()), execute(name(), uint32(r.IntN(3))), closeStatement(name()), closePortal(name()), syncNow, flushNow, syncNow,
		data("1\n"), data(refusedInsert + "\n"), copyDone, &pgproto3.CopyFail{Message: "no"}, call(loOpen, 4242, 0x40000), call(versionOfAll), call(loRead, 0, 10),
		&pgproto3.PasswordMessage{Password: "x"}, &pgproto3.SSLRequest{}, &pgproto3.CancelRequest{ProcessID: 1, SecretKey: []byte("abcd")},
	}
	out, _ := all[r.IntN(len(all))].Encode(nil) // these can be encoded
	return out
}

// spoil changes bytes as a fuzzer does: in the length, in the text, or cut.
func spoil(r *rand.Rand, out []byte) []byte {
	switch r.IntN(12) {
	case 0:
		out[r.IntN(len(out))] = byte(r.Uint32())
	case 1:
		if len(out) >= 5 {
			binary.BigEndian.PutUint32(out[1:], r.Uint32()>>r.IntN(32))
		}
	case 2:
		out = out[:r.IntN(len(out))]
	case 3:
		out = append(out, byte(r.Uint32()))
	}
	return out
}

// signedIn is a connection that has signed in at the target.
func signedIn(ctx context.Context, to target) (net.Conn, error) {
	config, err := pgconn.ParseConfig(to.dsn())
	if err != nil {
		return nil, err
	}
	c, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	hijacked, err := c.Hijack()
	if err != nil {
		return nil, err
	}
	return hijacked.Conn, nil
}

// rage sends a session what a hostile client would, and reads what comes.
func rage(c net.Conn, out []byte) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(2 * time.Second)) // an open connection takes it
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(io.Discard, c) // until either side has enough
	}()
	_, _ = c.Write(out) // the gate may have closed it
	_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	<-done
}

// workers run a job until the time is over, and give how often they did.
func workers(t *testing.T, n int, during time.Duration, job func(r *rand.Rand) error) int64 {
	t.Helper()
	var all sync.WaitGroup
	var times atomic.Int64
	end := time.Now().Add(during)
	seed := uint64(time.Now().UnixNano())
	t.Logf("the seed is %d", seed)
	for i := range n {
		all.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(i)))
			for time.Now().Before(end) {
				if err := job(r); err != nil {
					t.Error(err)
					return
				}
				times.Add(1)
			}
		})
	}
	all.Wait()
	return times.Load()
}

func rageTime() time.Duration {
	if long {
		return 5 * time.Minute
	}
	return 250 * time.Millisecond
}

// Whatever a client that knows its password sends, no refused statement reaches
// the database, and the gate stays whole.
func TestHostileClient_AfterSignIn_GetsNothingRefusedThrough(t *testing.T) {
	d := server(t)
	d.fresh(t, "wire")
	gate := d.child(t, "wire")
	before := gate.usage(t)
	n := workers(t, 4, rageTime(), func(r *rand.Rand) error {
		c, err := signedIn(t.Context(), gate.target)
		if err != nil {
			return fmt.Errorf("a session of ordinary use cannot begin: %w", err)
		}
		var out []byte
		for range 1 + r.IntN(40) {
			m := hostile(r)
			if r.IntN(3) == 0 {
				m = spoil(r, m)
			}
			out = append(out, m...)
		}
		rage(c, out)
		return nil
	})
	gate.settled(t, before)
	if found := d.ask(t, "wire", "select (count(*) filter (where id = 666))::text from copied"); found != "0" {
		t.Errorf("a refused statement was executed %s times", found)
	}
	if n == 0 {
		t.Error("no session was tried")
	}
}

// Before a client has signed in, it may send anything.
func TestHostileClient_BeforeSignIn_LeavesNothingBehind(t *testing.T) {
	d := server(t)
	d.fresh(t, "wire")
	gate := d.child(t, "wire")
	before := gate.usage(t)
	starts := [][]byte{}
	for _, m := range []pgproto3.FrontendMessage{
		&pgproto3.SSLRequest{}, &pgproto3.GSSEncRequest{}, &pgproto3.CancelRequest{ProcessID: 7, SecretKey: []byte("abcd")},
		&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: map[string]string{"user": owner, "database": "wire"}},
		&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion32, Parameters: map[string]string{"user": "nobody", "replication": "true", "_pq_.x": "y"}},
		&pgproto3.SASLInitialResponse{AuthMechanism: "SCRAM-SHA-256", Data: []byte("n,,n=,r=abc")}, &pgproto3.SASLResponse{Data: []byte("c=biws,r=abc,p=AAAA")},
		&pgproto3.Query{String: refusedInsert}, &pgproto3.Terminate{},
	} {
		out, _ := m.Encode(nil) // these can be encoded
		starts = append(starts, out)
	}
	starts = append(starts, []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), []byte{0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0}, make([]byte, 20_000))
	workers(t, 4, rageTime(), func(r *rand.Rand) error {
		c, err := net.Dial("tcp", gate.address())
		if err != nil {
			return fmt.Errorf("the gate takes no connections: %w", err)
		}
		var out []byte
		for range 1 + r.IntN(5) {
			out = append(out, spoil(r, slices.Clone(starts[r.IntN(len(starts))]))...)
		}
		rage(c, out)
		return nil
	})
	gate.settled(t, before)
	if state := stateOf(t, gate.target); state != "" {
		t.Errorf("after hostile clients one of ordinary use hears %q", state)
	}
}

// A hostile server stands behind the gate: it lets it in without a password, and
// answers with anything.
type hostileServer struct {
	ln   net.Listener
	all  sync.WaitGroup
	seed atomic.Uint64
}

func startHostileServer(t *testing.T) *hostileServer {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &hostileServer{ln: ln}
	s.all.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			s.all.Go(func() { s.answer(c, rand.New(rand.NewPCG(s.seed.Add(1), 6))) })
		}
	})
	t.Cleanup(func() { _ = ln.Close(); s.all.Wait() }) // a listener's Close does not fail
	return s
}

// answers are what a server may send at any time, in and out of place.
func answers(r *rand.Rand) []byte {
	all := []pgproto3.BackendMessage{
		&pgproto3.AuthenticationOk{}, &pgproto3.ReadyForQuery{TxStatus: 'I'}, &pgproto3.ReadyForQuery{TxStatus: 'T'}, &pgproto3.ParseComplete{}, &pgproto3.BindComplete{}, &pgproto3.CloseComplete{},
		&pgproto3.RowDescription{Fields: []pgproto3.FieldDescription{{Name: []byte("a"), TableOID: 1 << 20, TableAttributeNumber: 3, DataTypeOID: 25}}}, &pgproto3.DataRow{Values: [][]byte{[]byte("value"), nil}},
		&pgproto3.CommandComplete{CommandTag: []byte("SELECT 99999999999999999999")}, &pgproto3.ErrorResponse{Severity: "ERROR", Code: "42601", Message: "x"}, &pgproto3.NoticeResponse{Message: "x"},
		&pgproto3.NotificationResponse{Channel: "c"}, &pgproto3.ParameterStatus{Name: "client_encoding", Value: "SJIS"}, &pgproto3.ParameterStatus{Name: "standard_conforming_strings", Value: "off"}, &pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte("abcd")},
		&pgproto3.CopyInResponse{}, &pgproto3.CopyOutResponse{}, &pgproto3.CopyBothResponse{}, &pgproto3.CopyData{Data: []byte("x")}, &pgproto3.CopyDone{}, &pgproto3.EmptyQueryResponse{}, &pgproto3.NoData{},
		&pgproto3.PortalSuspended{}, &pgproto3.ParameterDescription{ParameterOIDs: []uint32{1}}, &pgproto3.FunctionCallResponse{Result: []byte("x")}, &pgproto3.AuthenticationCleartextPassword{}, &pgproto3.AuthenticationMD5Password{},
	}
	out, _ := all[r.IntN(len(all))].Encode(nil) // these can be encoded
	return out
}

func (s *hostileServer) answer(c net.Conn, r *rand.Rand) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(2 * time.Second)) // an open connection takes it
	head := make([]byte, 4)
	if _, err := io.ReadFull(c, head); err != nil {
		return
	}
	if _, err := io.CopyN(io.Discard, c, int64(binary.BigEndian.Uint32(head))-4); err != nil {
		return
	}
	var out []byte
	if r.IntN(4) > 0 { // else it is hostile from the beginning
		for _, m := range []pgproto3.BackendMessage{&pgproto3.AuthenticationOk{}, &pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte("abcd")}, &pgproto3.ReadyForQuery{TxStatus: 'I'}} {
			out, _ = m.Encode(out) // as above
		}
		if _, err := c.Write(out); err != nil {
			return
		}
		if _, err := c.Read(make([]byte, 4096)); err != nil {
			return
		}
	}
	out = nil
	for range 1 + r.IntN(30) {
		m := answers(r)
		if r.IntN(4) == 0 {
			m = spoil(r, m)
		}
		out = append(out, m...)
	}
	_, _ = c.Write(out) // the gate may have closed it
	if r.IntN(2) == 0 {
		_, _ = io.Copy(io.Discard, c) // until the gate has enough
	}
}

// A client of a server gone mad is let go in bounded time, and the gate stays
// whole.
func TestHostileServer_AnswersAnything_TheGateStaysWhole(t *testing.T) {
	s := startHostileServer(t)
	gate := startChild(t, childOptions{Clients: []childClient{{User: owner, Password: gatePassword(owner), Address: s.ln.Addr().String(), UpstreamUser: owner}}},
		target{gated: true, database: "wire"}.as(owner))
	before := gate.usage(t)
	var served atomic.Int64
	workers(t, 4, rageTime(), func(r *rand.Rand) error {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		c, err := signedIn(ctx, gate.target)
		if err != nil {
			return nil // the server was hostile from the beginning
		}
		served.Add(1)
		var out []byte
		for range 1 + r.IntN(10) {
			out = append(out, hostile(r)...)
		}
		rage(c, out)
		return nil
	})
	gate.settled(t, before)
	if served.Load() == 0 {
		t.Error("no session began")
	}
}
