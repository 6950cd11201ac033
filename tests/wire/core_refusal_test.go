package wire_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/data/sqlgate"
	"github.com/gatehousehq/gatehouse/internal/testkit/postgres"
)

// TestGate is what the gate does before a real server, which its parts share.
func TestGate(t *testing.T) {
	server := startScram(t, nil)
	for _, part := range []struct {
		name string
		test func(*testing.T, *postgres.Server)
	}{
		{"Psql_WorksAndIsRefused", psqlSession},
		{"Password_InAnyForm_IsTheSameAsForPostgreSQL", anyPassword},
		{"ExtendedQueries_WorkAndAreRefused", extendedQueries},
		{"Refused_InEveryState_NothingOfThePipelineStays", refusedPipelines},
		{"Refused_BoundToPreparedBySQL_IsJudged", refusedBySQLPrepare},
		{"Backslash_HoweverItIsSet_IsReadAsTheServerReadsIt", backslashFollows},
		{"Backslash_ChangedInThePipeline_IsJudgedBothWays", backslashPipelined},
		{"Encoding_ThatHidesQuotationMarks_TakesASCIIAlone", encodings},
		{"Functions_OfLargeObjects_HaveTheirNumbers", functionNumbers},
		{"Cancel_ByTheGatesKey_ReachesTheServer", cancels},
		{"Startup_ThatIsNotTaken_IsRefused", startups},
		{"Shutdown_LetsTransactionsFinish", shutdown},
		{"Sessions_BeyondTheLimit_Get53300", sessionLimit},
		{"Rows_AreNotedWithTheirTables", rowsNoted},
		{"TLS_OnBothLegs_BindsChannels", tlsLegs},
		{"UnixSockets_OnBothLegs_Work", unixSockets},
		{"Copy_OfMuch_TakesConstantMemory", copyMuch},
		{"BrokenSessions_LeakNothing", brokenSessions},
		{"Server_GoesDown_ClientsAreTold", serverDown}, // the last: it ends sessions
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, server) })
	}
}

// refusedPipelines has a refused statement at every place of what a client may
// send at once, and holds the database to having done none of it.
func refusedPipelines(t *testing.T, server *postgres.Server) {
	gate := startGate(t, server)
	execute(t, server.DSN("postgres"), "DROP TABLE IF EXISTS kept", "CREATE TABLE kept (n int)")
	looks := connect(t, server.DSN("postgres"))
	insert := func(n int) []pgproto3.FrontendMessage {
		return extended(fmt.Sprintf("INSERT INTO kept VALUES (%d)", n))
	}
	bad := extended("INSERT INTO kept VALUES (99) -- evil")
	var sync, flush pgproto3.FrontendMessage = &pgproto3.Sync{}, &pgproto3.Flush{}
	for _, c := range []struct {
		name     string
		messages [][]pgproto3.FrontendMessage
		// codes are the errors that come, rows what stays, state how it ends.
		codes string
		rows  int
		state byte
	}{
		{"in the middle", [][]pgproto3.FrontendMessage{insert(1), bad, insert(2), {sync}}, "42501", 0, 'I'},
		{"first", [][]pgproto3.FrontendMessage{bad, insert(1), {sync}}, "42501", 0, 'I'},
		{"last", [][]pgproto3.FrontendMessage{insert(1), insert(2), bad, {sync}}, "42501", 0, 'I'},
		{"between flushes", [][]pgproto3.FrontendMessage{insert(1), {flush}, bad, {flush}, insert(2), {sync}}, "42501", 0, 'I'},
		{"after Sync", [][]pgproto3.FrontendMessage{insert(1), {sync}, bad, insert(2), {sync}}, "42501", 1, 'I'},
		{"twice, one of them skipped", [][]pgproto3.FrontendMessage{insert(1), bad, bad, {sync}, insert(2), {sync}}, "42501", 1, 'I'},
		{"after another error", [][]pgproto3.FrontendMessage{extended("SELECT 1/0"), bad, {sync}}, "22012", 0, 'I'},
		{"simple, of several", [][]pgproto3.FrontendMessage{{&pgproto3.Query{String: "INSERT INTO kept VALUES (1); SELECT 'evil'; INSERT INTO kept VALUES (2)"}}}, "42501", 0, 'I'},
		{"simple, between others", [][]pgproto3.FrontendMessage{insert(1), {&pgproto3.Query{String: "SELECT 'evil'"}}, insert(2), {sync}}, "42501", 1, 'I'},
		{"in a transaction", [][]pgproto3.FrontendMessage{{&pgproto3.Query{String: "BEGIN"}}, insert(1), bad, {sync}, insert(2), {sync}}, "42501 25P02", 0, 'E'},
		{"in a failed transaction", [][]pgproto3.FrontendMessage{{&pgproto3.Query{String: "BEGIN"}}, extended("SELECT 1/0"), {sync}, bad, {sync}, {&pgproto3.Query{String: "SELECT 'evil'"}}}, "22012 42501 42501", 0, 'E'},
		{"in a transaction that is begun and ended in the pipeline", [][]pgproto3.FrontendMessage{extended("BEGIN"), insert(1), extended("COMMIT"), insert(2), bad, {sync}}, "42501", 1, 'I'},
		{"back to a savepoint", [][]pgproto3.FrontendMessage{{&pgproto3.Query{String: "BEGIN; INSERT INTO kept VALUES (1); SAVEPOINT a"}}, bad, {sync}, {&pgproto3.Query{String: "ROLLBACK TO a; COMMIT"}}}, "42501", 1, 'I'},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := looks.Exec(t.Context(), "TRUNCATE kept").ReadAll(); err != nil {
				t.Fatal(err)
			}
			front, conn := raw(t, gate.dsn())
			ends := 0
			for _, part := range c.messages {
				for _, m := range part {
					front.Send(m)
					switch m.(type) {
					case *pgproto3.Sync, *pgproto3.Query:
						ends++
					}
				}
			}
			if err := front.Flush(); err != nil {
				t.Fatal(err)
			}
			codes, state := untilReady(t, front, ends)
			conn.Close()
			if codes != c.codes || state != c.state {
				t.Errorf("got the errors %q and the state %c, want %q and %c", codes, state, c.codes, c.state)
			}
			stayed, err := looks.Exec(t.Context(), "SELECT count(*), count(*) FILTER (WHERE n = 99) FROM kept").ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			if rows := string(stayed[0].Rows[0][0]); rows != fmt.Sprint(c.rows) {
				t.Errorf("%s rows stayed, want %d", rows, c.rows)
			}
			if bad := string(stayed[0].Rows[0][1]); bad != "0" {
				t.Error("the refused statement ran")
			}
		})
	}
}

func extended(sql string) []pgproto3.FrontendMessage {
	return []pgproto3.FrontendMessage{&pgproto3.Parse{Query: sql}, &pgproto3.Bind{}, &pgproto3.Execute{}}
}

// untilReady reads up to the n-th ReadyForQuery.
func untilReady(t *testing.T, front *pgproto3.Frontend, n int) (codes string, state byte) {
	t.Helper()
	for n > 0 {
		m, err := front.Receive()
		if err != nil {
			t.Fatal(err)
		}
		switch m := m.(type) {
		case *pgproto3.ErrorResponse:
			codes = strings.TrimSpace(codes + " " + m.Code)
			if m.Code == "42501" && (m.Message != "statement refused by the gate (request r-1)" || m.Position != 0) {
				t.Errorf("the refusal says %+v", m)
			}
		case *pgproto3.ReadyForQuery:
			state = m.TxStatus
			n--
		}
	}
	return codes, state
}

func refusedBySQLPrepare(t *testing.T, server *postgres.Server) {
	gate := startGate(t, server)
	gate.judge.ruling = func(st sqlgate.Statement) sqlgate.Ruling {
		return sqlgate.Ruling{Verdict: gatehouse.Pass, Again: strings.Contains(st.SQL, "query_to_xml(")}
	}
	conn := connect(t, gate.dsn())
	ctx := t.Context()
	if _, err := conn.Exec(ctx, "PREPARE runs(text) AS SELECT query_to_xml($1, true, true, '')").ReadAll(); err != nil {
		t.Fatal(err)
	}
	run := func(sql string) error {
		return conn.ExecPrepared(ctx, "runs", [][]byte{[]byte(sql)}, nil, nil).Read().Err
	}
	if err := run("SELECT 1"); err != nil {
		t.Fatal(err)
	}
	wantRefused(t, run("SELECT 'evil'"))
	if err := run("SELECT 2"); err != nil {
		t.Fatal(err)
	}
}

// backslashFollows sets standard_conforming_strings in each way, and compares
// how the next statement is judged with what the server says.
func backslashFollows(t *testing.T, server *postgres.Server) {
	gate := startGate(t, server)
	execute(t, server.DSN("postgres"),
		"CREATE OR REPLACE FUNCTION sets_it() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config('standard_conforming_strings', 'off', false); END $$",
		"CREATE OR REPLACE FUNCTION for_itself() RETURNS void LANGUAGE plpgsql SET standard_conforming_strings = off AS $$ BEGIN END $$")
	for _, c := range []string{
		"SET standard_conforming_strings = off", "SET standard_conforming_strings = off; SET standard_conforming_strings = on",
		"BEGIN; SET LOCAL standard_conforming_strings = off", "BEGIN; SET LOCAL standard_conforming_strings = off; COMMIT",
		"BEGIN; SET standard_conforming_strings = off; ROLLBACK", "SELECT set_config('standard_conforming_strings', 'off', false)",
		"SELECT set_config('standard_conforming_strings', 'off', true)", "SELECT sets_it()", "SELECT for_itself()",
		"DO $$ BEGIN EXECUTE 'SET standard_' || 'conforming_strings = off'; END $$", "SET standard_conforming_strings = off; RESET ALL",
		"SET standard_conforming_strings = off; DISCARD ALL", "BEGIN; SAVEPOINT a; SET standard_conforming_strings = off; ROLLBACK TO a",
		"UPDATE pg_settings SET setting = 'off' WHERE name = 'standard_conforming_strings'",
	} {
		conn := connect(t, gate.dsn())
		for part := range strings.SplitSeq(c, "; ") {
			if strings.HasPrefix(c, "DO") {
				part = c
			}
			if _, err := conn.Exec(t.Context(), part).ReadAll(); err != nil {
				t.Fatalf("%s: %v", part, err)
			}
			if part == c {
				break
			}
		}
		said, err := conn.Exec(t.Context(), "SHOW standard_conforming_strings").ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		off := string(said[0].Rows[0][0]) == "off"
		asked := gate.judge.statements()
		if last := asked[len(asked)-1]; last.Backslash != off {
			t.Errorf("after %s: judged with backslash %v, the server has it off: %v", c, last.Backslash, off)
		}
	}
	conn := connect(t, gate.dsn()+"&options=-c%20standard_conforming_strings%3Doff")
	if _, err := conn.Exec(t.Context(), "SELECT 1").ReadAll(); err != nil {
		t.Fatal(err)
	}
	if asked := gate.judge.statements(); !asked[len(asked)-1].Backslash {
		t.Error("set at the start, it was not followed")
	}
}

// backslashPipelined sends a statement behind one that changes how it is read.
func backslashPipelined(t *testing.T, server *postgres.Server) {
	gate := startGate(t, server)
	front, _ := raw(t, gate.dsn())

	gate.judge.ruling = func(st sqlgate.Statement) sqlgate.Ruling {
		if st.Backslash && strings.HasPrefix(st.SQL, `SELECT 'a\' --`) {
			return sqlgate.Ruling{Request: "r-1"}
		}
		return sqlgate.Ruling{Verdict: gatehouse.Pass}
	}

	front.Send(&pgproto3.Query{String: "SET standard_conforming_strings = off"})
	front.Send(&pgproto3.Query{String: `SELECT 'a\' -- dangerous if off'`})
	front.Send(&pgproto3.Query{String: `SELECT 'a\\b' -- the same in both readings`})
	if err := front.Flush(); err != nil {
		t.Fatal(err)
	}
	codes, _ := untilReady(t, front, 3)
	if codes != "42501" {
		t.Errorf("got the errors %q, want the second refused alone", codes)
	}
	both := map[bool]int{}
	for _, st := range gate.judge.statements() {
		if strings.HasPrefix(st.SQL, `SELECT 'a\' --`) {
			both[st.Backslash]++
		}
	}
	// The server may have answered to SET by then: then the other reading is none.
	if both[true] != 1 || both[false] > 1 {
		t.Errorf("it was judged in the readings %v, want once each", both)
	}
}

func encodings(t *testing.T, server *postgres.Server) {
	gate := startGate(t, server)
	for _, c := range []struct {
		name    string
		letter  string
		refused bool
	}{
		{"SJIS", "\x83\x5c", true}, {"BIG5", "\xa5\x5c", true}, {"GBK", "\x81\x5c", true}, {"GB18030", "\x81\x5c", true}, {"UHC", "\xb0\xa1", true},
		{"UTF8", "é", false}, {"LATIN1", "\xe9", false}, {"EUC_JP", "\xa4\xa2", false},
	} {
		conn := connect(t, gate.dsn())
		if _, err := conn.Exec(t.Context(), "SET client_encoding = '"+c.name+"'; SELECT 1").ReadAll(); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), "SELECT 'ascii'").ReadAll(); err != nil {
			t.Errorf("%s: ASCII: %v", c.name, err)
		}
		_, err := conn.Exec(t.Context(), "SELECT '"+c.letter+"'").ReadAll()
		var pg *pgconn.PgError
		if refused := errors.As(err, &pg) && pg.Code == "42501"; refused != c.refused || err != nil && !refused {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
	front, _ := raw(t, gate.dsn())
	front.Send(&pgproto3.Query{String: "SET client_encoding = 'SJIS'"})
	front.Send(&pgproto3.Query{String: "SELECT '\x83\x5c'"})
	front.Send(&pgproto3.Query{String: "SELECT 'ascii'"})
	if err := front.Flush(); err != nil {
		t.Fatal(err)
	}
	var refusal string
	for ready := 0; ready < 3; {
		m, err := front.Receive()
		if err != nil {
			t.Fatal(err)
		}
		switch m := m.(type) {
		case *pgproto3.ErrorResponse:
			refusal += m.Code
		case *pgproto3.ReadyForQuery:
			ready++
		}
	}
	if refusal != "42501" {
		t.Errorf("sent ahead: got the errors %q", refusal)
	}
	for _, rule := range gate.judge.rules() {
		if rule != sqlgate.RuleEncoding {
			t.Errorf("recorded %s", rule)
		}
	}
}
