package pgwire

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse/data/sqlgate"
)

func TestSingle_OneSelectThatReadsOneWay(t *testing.T) {
	for sql, want := range map[string]bool{
		"SELECT 1": true, "select ';', \"a;b\", E'\\u00e9' FROM t WHERE $1 = 2 FOR UPDATE": true,
		"": false, "SELECT 1;": false, "SELECT 1; SELECT 2": false, "DELETE FROM t": false, "SELECT 'a\\b'": false, "SELECT 1 -- x": false,
		"SELECT 1 /* x */": false, "SELECT 'open": false, "SELECT 'é'": true, "SELECT 1\x00": false, "selected": false,
	} {
		if got := single(sql); got != want {
			t.Errorf("single(%q) = %v", sql, got)
		}
	}
}

func before(owns ...sqlgate.Own) func(*played) {
	return func(p *played) {
		p.judge.mu.Lock()
		defer p.judge.mu.Unlock()
		p.judge.ruling = sqlgate.Ruling{Request: "r-1", Before: owns}
	}
}

func TestBefore_AQuery_IsSentWithIt(t *testing.T) {
	p := play(t)
	before(sqlgate.Own{SQL: "SELECT a"}, sqlgate.Own{SQL: "SELECT b"})(p)
	sends(t, p.client, "Qupdate c\x00")
	wants(t, p.server, "QSELECT a;SELECT b;update c\x00")
	sends(t, p.server, "T\x00\x00", "D\x00\x00", "CSELECT 1\x00", "Nx\x00", "T\x00\x00", "CSELECT 0\x00", "CUPDATE 3\x00", "ZI")
	wants(t, p.client, "CUPDATE 3\x00", "ZI")
	wantOutcomes(t, p, sqlgate.Outcome{Verb: "UPDATE", Rows: 3})
}

func TestBefore_AQueryThatDoesNotParse_IsToldWhere(t *testing.T) {
	p := play(t)
	before(sqlgate.Own{SQL: "SELECT a"})(p)
	sends(t, p.client, "Qupdate c sett\x00")
	gets(t, p.server)
	sends(t, p.server, "NSWARNING\x00P12\x00\x00", "ESERROR\x00C42601\x00P19\x00F\x00\x00", "ZI")
	wants(t, p.client, "NSWARNING\x00P3\x00\x00", "ESERROR\x00C42601\x00P10\x00F\x00\x00", "ZI")
	wantOutcomes(t, p, sqlgate.Outcome{Failed: true})
}

func TestBefore_Fails_TheStatementIsRefused(t *testing.T) {
	for _, c := range []struct {
		name, state, message string
		told                 sqlgate.Outcome
		code, words          string
	}{
		{"because it says no", "22P02", `invalid: "` + sqlgate.Denies + `"`, sqlgate.Outcome{Failed: true, Denied: true}, "42501", refusedText},
		{"because it is wrong", "42703", "column owner does not exist", sqlgate.Outcome{Failed: true, Denied: true, State: "42703"}, "42501", refusedText},
		{"by a deadlock, of which the client is told", "40P01", "deadlock detected", sqlgate.Outcome{Failed: true}, "40P01", "deadlock detected"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := play(t)
			before(sqlgate.Own{SQL: "SELECT a"})(p)
			sends(t, p.client, "Qupdate c\x00")
			gets(t, p.server)
			sends(t, p.server, "T\x00\x00", "ESERROR\x00VERROR\x00C"+c.state+"\x00M"+c.message+"\x00Dsecret\x00P3\x00Wsecret\x00\x00", "ZI")
			wantsError(t, p.client, "ERROR", c.code, c.words)
			wants(t, p.client, "ZI")
			wantOutcomes(t, p, c.told)
		})
	}
}

// The judge may ask for what cannot be: then the statement does not run.
func TestBefore_ThatCannotBeRun_RefusesTheStatement(t *testing.T) {
	for name, own := range map[string]sqlgate.Own{
		"two statements":            {SQL: "SELECT 1; DELETE FROM a"},
		"no SELECT":                 {SQL: "DELETE FROM a"},
		"a value that is not there": {SQL: "SELECT $1", Params: []int{1}},
		"a value before the first":  {SQL: "SELECT $1", Params: []int{-1}},
		"too long":                  {SQL: "SELECT '" + strings.Repeat("x", maxOwn) + "'"},
	} {
		t.Run(name, func(t *testing.T) {
			p := play(t)
			before(own)(p)
			sends(t, p.client, "Qupdate c\x00", "P\x00update c\x00\x00\x00", "B\x00\x00\x00\x00\x00\x01\x00\x00\x00\x01x\x00\x00", "S")
			sent := gets(t, p.server)
			gets(t, p.server)
			bound := gets(t, p.server)
			sends(t, p.server, serverError(token(t, sent)), "ZI", "1", serverError(token(t, bound)), "ZI")
			wantsError(t, p.client, "ERROR", "42501", refusedText)
			wants(t, p.client, "ZI", "1")
			wantsError(t, p.client, "ERROR", "42501", refusedText)
		})
	}
}

// What runs before a portal is sent with its values in one write, and under names
// that are no client's.
func TestBefore_AnExecute_GoesFirst(t *testing.T) {
	p := play(t)
	before(sqlgate.Own{SQL: "SELECT $1, $2", Params: []int{1, 0}})(p)
	sends(t, p.client, "P\x00update c set a = $1 where b = $2\x00\x00\x02\x00\x00\x00\x17\x00\x00\x00\x00",
		"B\x00\x00\x00\x02\x00\x01\x00\x00\x00\x02\x00\x00\x00\x04\x00\x00\x00\x07\xff\xff\xff\xff\x00\x00", "E\x00\x00\x00\x00\x00", "S")
	gets(t, p.server)
	gets(t, p.server)
	name := p.g.own
	if raw, err := hex.DecodeString(strings.TrimPrefix(name, "gate_own_")); err != nil || len(raw) < 16 {
		t.Fatalf("the name %q can be guessed", name)
	}
	wants(t, p.server, "CS"+name+"\x00", "P"+name+"\x00SELECT $1, $2\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x17",
		"B"+name+"\x00"+name+"\x00\x00\x02\x00\x00\x00\x01\x00\x02\xff\xff\xff\xff\x00\x00\x00\x04\x00\x00\x00\x07\x00\x00",
		"E"+name+"\x00\x00\x00\x00\x00", "CP"+name+"\x00", "CS"+name+"\x00", "E\x00\x00\x00\x00\x00", "S")
	sends(t, p.server, "1", "2", "3", "1", "2", "D\x00\x00", "Nx\x00", "CSELECT 1\x00", "3", "3", "CUPDATE 1\x00", "ZI")
	wants(t, p.client, "1", "2", "CUPDATE 1\x00", "ZI")
	wantOutcomes(t, p, sqlgate.Outcome{Verb: "UPDATE", Rows: 1})
}

// A session that forgets a portal before which something is to be run refuses
// what it does not know.
func TestBefore_PortalsBeyondWhatIsRemembered_AreRefused(t *testing.T) {
	p := play(t)
	before(sqlgate.Own{SQL: "SELECT 1"})(p)
	sends(t, p.client, "Pa\x00update c\x00\x00\x00")
	gets(t, p.server)
	for i := range maxPortals + 1 {
		sends(t, p.client, fmt.Sprintf("Bp%d\x00a\x00\x00\x00\x00\x00\x00\x00", i))
		gets(t, p.server)
	}
	go func() { _, _ = io.Copy(io.Discard, p.client) }() // it ends with the session
	sends(t, p.server, "1")
	for range maxPortals + 1 {
		sends(t, p.server, "2")
	}
	for i := range maxPortals + 1 {
		sends(t, p.client, fmt.Sprintf("Ep%d\x00\x00\x00\x00\x00", i))
		switch got := gets(t, p.server); got[0] {
		case 'C':
			for range len(ownMessages) {
				gets(t, p.server)
			}
			sends(t, p.server, "3", "1", "2", "CSELECT 0\x00", "3", "3", "CUPDATE 0\x00")
		case 'B':
			token(t, got)
			return
		default:
			t.Fatalf("portal %d is run with nothing before it: %q", i, got)
		}
	}
	t.Error("the portal that was forgotten was run")
}

// What is kept for portals is bounded, and given back.
func TestBefore_WhatIsKeptForPortals_IsBounded(t *testing.T) {
	p := play(t, func(o *Options) { o.MaxStatement = 64 << 10 })
	before(sqlgate.Own{SQL: "SELECT $1", Params: []int{0}})(p)
	value := strings.Repeat("x", 50<<10)
	bind := func(portal string) string {
		return "B" + portal + "\x00a\x00\x00\x00\x00\x01\x00\x00\xc8\x00" + value + "\x00\x00"
	}
	sends(t, p.client, "Pa\x00update c\x00\x00\x00", bind("1"), bind("2"), bind("3"), "S")
	gets(t, p.server)
	gets(t, p.server)
	gets(t, p.server)
	sent := token(t, gets(t, p.server)) // the third is beyond twice MaxStatement
	gets(t, p.server)
	sends(t, p.server, "1", "2", "2", serverError(sent), "ZI")
	wants(t, p.client, "1", "2", "2")
	wantsError(t, p.client, "ERROR", "42501", refusedText)
	wants(t, p.client, "ZI")
	sends(t, p.client, bind("1"))
	wants(t, p.server, bind("1"))
	p.session.mu.Lock()
	defer p.session.mu.Unlock()
	if held := p.session.ownHeld; held < len(value) || held > 2*len(value) {
		t.Errorf("%d bytes are held for one portal", held)
	}
}
