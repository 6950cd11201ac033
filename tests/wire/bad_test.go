package wire

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/gatehousehq/gatehouse/data/sqlgate/pgwire"
	"github.com/gatehousehq/gatehouse/internal/testkit/postgres"
)

// wrongStarts are sessions that the server refuses once it knows who asks. The
// gate has the client prove itself first, and says AuthenticationOk only when
// the server has let it in; what is said then is the server's.
var wrongStarts = []scenario{
	{"an unknown parameter", func(d *dialog) { d.open(parameter("nonsense", "1")) }},
	{"a bad value of a parameter", func(d *dialog) { d.open(parameter("DateStyle", "nonsense")) }},
	{"an unknown encoding", func(d *dialog) { d.open(parameter("client_encoding", "nonsense")) }},
	{"bad options", func(d *dialog) { d.open(parameter("options", "--nonsense")) }},
	{"a parameter that only a superuser may set", func(d *dialog) { d.open(parameter("log_statement", "all")) }},
	{"an unknown database", func(d *dialog) { d.open(func(c *pgconn.Config) { c.Database = "nowhere" }) }},
}

func TestSignIn_WhatTheServerRefuses_IsToldTheSame(t *testing.T) {
	d := server(t)
	d.kept(t, "scripts")
	to := d.gated(t, "scripts")
	for _, sc := range wrongStarts {
		t.Run(sc.name, func(t *testing.T) {
			bare, gated := &dialog{t: t, to: d.bare("scripts")}, &dialog{t: t, to: to}
			sc.play(bare)
			sc.play(gated)
			a, b := lastError(t, bare), lastError(t, gated)
			if a.Code != b.Code || a.Severity != b.Severity || a.Message != b.Message {
				t.Errorf("the bare server says %s %s %q, the gate %s %s %q", a.Severity, a.Code, a.Message, b.Severity, b.Code, b.Message)
			}
		})
	}
}

// lastError is how the only session of a dialog ended.
func lastError(t *testing.T, d *dialog) *pgproto3.ErrorResponse {
	t.Helper()
	e := new(pgproto3.ErrorResponse)
	s := d.sessions[0]
	if n := len(s.frames); n == 0 || s.frames[n-1].kind != 'E' || e.Decode(s.bodies[n-1]) != nil {
		t.Fatalf("%v: the session did not end with an error: %v", d.to, s.frames)
	}
	return e
}

// Whether there is no such user, or the password is wrong, is told by nothing:
// neither by words nor by how it is asked for.
func TestSignIn_WrongPasswordOrUnknownUser_IsRefusedAsByTheServer(t *testing.T) {
	d := server(t)
	d.kept(t, "scripts")
	to := d.gated(t, "scripts")
	for name, change := range map[string]func(*pgconn.Config){
		"wrong password":        func(c *pgconn.Config) { c.Password = "wrong" },
		"no password":           func(c *pgconn.Config) { c.Password = "" },
		"unknown user":          func(c *pgconn.Config) { c.User = "nobody" },
		"the server's password": func(c *pgconn.Config) { c.Password = "neither " + upstreamPassword(owner) },
	} {
		t.Run(name, func(t *testing.T) {
			bare, gated := &dialog{t: t, to: d.bare("scripts")}, &dialog{t: t, to: to}
			for _, side := range []*dialog{bare, gated} {
				side.sourceless = true
				if s := side.open(change); s != nil {
					t.Fatalf("%v let the client in", side.to)
				}
			}
			if why := differs(bare.sessions[0].frames, gated.sessions[0].frames); why != "" {
				t.Errorf("the client sees the gate:\n%s", why)
			}
			if e := lastError(t, gated); e.Code != "28P01" {
				t.Errorf("the gate says %s, want 28P01", e.Code)
			}
		})
	}
	swapped := &dialog{t: t, to: to}
	if s := swapped.open(func(c *pgconn.Config) { c.Password = upstreamPassword(owner) }); s != nil {
		t.Error("the database's password opens the gate")
	}
}

// Roles whose password the server asks for by MD5 or in the clear sign in
// through the gate by SCRAM.
func TestSignIn_ServerThatAsksForMD5OrClear_IsReached(t *testing.T) {
	d := server(t)
	d.kept(t, "scripts")
	to := d.gated(t, "scripts")
	for _, role := range []string{owner, plain, md5Role, clearRole} {
		dialog := &dialog{t: t, to: to.as(role)}
		s := dialog.open()
		if s == nil {
			t.Errorf("%s cannot sign in", role)
			continue
		}
		if offered := s.frames[0]; !strings.Contains(offered.text, "SCRAM-SHA-256") {
			t.Errorf("%s is asked for its password by %v", role, offered)
		}
		s.query("select current_user")
		if !strings.Contains(fmt.Sprint(s.frames), role) {
			t.Errorf("%s is another: %v", role, s.frames)
		}
		dialog.hangUp()
	}
}

// stateOf is the SQLSTATE of an attempt to connect; empty where it succeeds.
func stateOf(t *testing.T, to target) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), answerWithin)
	defer cancel()
	c, err := pgconn.Connect(ctx, to.dsn())
	if err == nil {
		_ = c.Close(ctx) // it was opened to see that it can be
		return ""
	}
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err.Error()
	}
	return pg.Code
}

// A server of this test's own, with few places, that dies in the middle of a
// result.
func TestServer_FullThenDead_IsToldAndTheGateGoesOn(t *testing.T) {
	s, err := postgres.New(postgres.Options{Settings: map[string]string{"max_connections": "8", "superuser_reserved_connections": "2", "max_wal_senders": "0"}})
	if err != nil {
		t.Skip(err)
	}
	closed := false
	defer func() {
		if !closed {
			_ = s.Close() // the test has failed
		}
	}()
	d, err := prepare(s)
	if err != nil {
		t.Fatal(err)
	}
	d.fresh(t, "wire")
	d.hangUp() // it would take a place
	to := d.gated(t, "wire")
	full := &dialog{t: t, to: to}
	for range 6 {
		if full.open() == nil {
			t.Fatal("a session cannot begin on a server that has places")
		}
	}
	if bare, gated := stateOf(t, d.bare("wire")), stateOf(t, to); bare != "53300" || gated != bare {
		t.Errorf("of a full server the client hears %q, through the gate %q", bare, gated)
	}
	full.sessions[0].send(&pgproto3.Terminate{})
	full.sessions[0].await("", 1)
	again := ""
	for end := time.Now().Add(answerWithin); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if again = stateOf(t, to); again == "" {
			break
		}
	}
	if again != "" {
		t.Errorf("with a place free again the client hears %q", again)
	}

	streams, idle := full.sessions[1], full.sessions[2]
	streams.send(&pgproto3.Query{String: "select generate_series(1, 100000000), repeat('x', 1000)"})
	streams.await("D", 100)
	closed = true
	if err := s.Close(); err != nil { // at once, as by a crash
		t.Error(err)
	}
	streams.await("", 1)
	idle.await("", 1)
	full.hangUp()
	if state := stateOf(t, to); !strings.HasPrefix(state, "08") && !strings.HasPrefix(state, "57") {
		t.Errorf("of a dead server the client hears %q, want a connection's failure", state)
	}
}

// The gate has an end of its own, which costs the server nothing.
func TestGate_OutOfPlaces_Says53300(t *testing.T) {
	d := server(t)
	d.kept(t, "scripts")
	to := d.gated(t, "scripts", func(o *pgwire.Options) { o.MaxSessions = 2 })
	full := &dialog{t: t, to: to}
	full.open()
	full.open()
	if state := stateOf(t, to); state != "53300" {
		t.Errorf("of a full gate the client hears %q, want 53300", state)
	}
	full.sessions[0].query("select 1")
	full.hangUp()
}

// bytesOf plays statements as bytes, whatever their encoding.
func bytesOf(statements ...string) func(*dialog) {
	return func(d *dialog) {
		s := d.open()
		if s == nil {
			return
		}
		for _, sql := range statements {
			s.send(&pgproto3.Query{String: sql})
			s.ready(1)
			s.send(several(once(sql), syncNow)...)
			s.ready(1)
		}
	}
}

var encodings = []scenario{
	{"LATIN1", bytesOf("set client_encoding = 'LATIN1'", "select 'caf\xe9', length('caf\xe9')", "select '\xff\xfe\x80'", "select 'it''s \xe9'", "select chr(8364)", "select 1 as \"\xe9\"")},
	{"EUC_JP", bytesOf("set client_encoding = 'EUC_JP'", "select '\xc6\xfc\xcb\xdc', length('\xc6\xfc\xcb\xdc')", "select '\xc6'", "select '\xc6''", "select 'x\\\xc6\xfc'", "select '\x8f\xa2\xb7'")},
	{"SQL_ASCII", bytesOf("set client_encoding = 'SQL_ASCII'", "select 'caf\xe9'", "select 'ok'", "select convert_to('x', 'UTF8')", "select '\xc3\xa9'")},
	{"invalid UTF-8", bytesOf("select '\xff'", "select '\xc3'", "select '\xc3''", "select 'fine'", "select '\xed\xa0\x80'", "select '\xf0\x9f\x98\x80'")},
	{"backslashes escape", bytesOf("set standard_conforming_strings = off", `select 'a\'b', 'a\\', e'\''`, `select 'a\' -- ' as x`, "set standard_conforming_strings = on", `select 'a\', e'b\''`, "set backslash_quote = off", `select e'a\'b'`, "set escape_string_warning = off; set standard_conforming_strings = off", `select 'x\\y'`)},
}

func TestEncodings_LookTheSameThroughTheGate(t *testing.T) {
	compare(t, encodings)
	for _, encoding := range []string{"SQL_ASCII", "LATIN1", "EUC_JP"} {
		t.Run("a database in "+encoding, func(t *testing.T) {
			d := server(t)
			d.create(t, "encoded", "template template0 owner owner lc_collate 'C' lc_ctype 'C' encoding '"+encoding+"'")
			to := d.gated(t, "encoded")
			for _, sc := range encodings[:3] {
				bare, gated := &dialog{t: t, to: d.bare("encoded")}, &dialog{t: t, to: to}
				for _, side := range []*dialog{bare, gated} {
					sc.play(side)
					side.hangUp()
				}
				diff(t, bare, gated)
			}
		})
	}
}

// In these encodings a quotation mark, or a backslash, may be half of a letter:
// the lexer would read another statement than the server does.
func TestEncodings_WhereAQuoteMayBeHalfALetter_AreRefused(t *testing.T) {
	d := server(t)
	d.kept(t, "scripts")
	to := d.gated(t, "scripts")
	for _, encoding := range []string{"SJIS", "BIG5", "GBK", "GB18030", "UHC", "JOHAB", "SHIFT_JIS_2004"} {
		one := &dialog{t: t, to: to}
		s := one.open()
		if s == nil {
			t.Fatal("no session")
		}
		s.query("set client_encoding = '" + encoding + "'")
		at := len(s.frames)
		s.send(&pgproto3.Query{String: "select '\x83' || $$'$$, $$insert$$"})
		s.await("Z", 1)
		if answer := kinds(s.frames[at:]); strings.Contains(answer, "D") {
			t.Errorf("in %s a statement passed: %v", encoding, s.frames[at:])
		}
		one.hangUp()
		if begun := (&dialog{t: t, to: to}).begins(parameter("client_encoding", encoding), "select '\x83'"); begun {
			t.Errorf("a session began in %s and had a statement pass that may read otherwise", encoding)
		}
		if begun := (&dialog{t: t, to: to}).begins(parameter("client_encoding", encoding), "select 'only ASCII'"); !begun {
			t.Errorf("a session in %s may not even send ASCII, which reads the same in it", encoding)
		}
	}
}

// begins reports whether a session begins, and has rows of a statement.
func (d *dialog) begins(change func(*pgconn.Config), sql string) bool {
	defer d.hangUp()
	s := d.open(change)
	if s == nil {
		return false
	}
	at := len(s.frames)
	s.send(&pgproto3.Query{String: sql})
	s.await("Z", 1)
	return strings.Contains(kinds(s.frames[at:]), "D")
}
