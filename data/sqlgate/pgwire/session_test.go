package pgwire

import (
	"strings"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/data/sqlgate"
)

const refusedText = "statement refused by the gate (request r-1)"

func TestQuery_Passes_AsItCame(t *testing.T) {
	p := play(t)
	sends(t, p.client, "Qselect 1\x00")
	wants(t, p.server, "Qselect 1\x00")
	sends(t, p.server, "T\x00\x00", "D\x00\x00", "CSELECT 1\x00", "ZI")
	wants(t, p.client, "T\x00\x00", "D\x00\x00", "CSELECT 1\x00", "ZI")
	wantOutcomes(t, p, sqlgate.Outcome{Verb: "SELECT", Rows: 1})
}

func wantOutcomes(t *testing.T, p *played, want ...sqlgate.Outcome) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for len(p.judge.outcomes()) < len(want) && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	got := p.judge.outcomes()
	if len(got) != len(want) {
		t.Fatalf("got %+v, want %+v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	}
}

func TestQuery_SeveralStatements_SumsRowsAndTellsTheVerbThatCounts(t *testing.T) {
	p := play(t)
	sends(t, p.client, "Qbegin; update a; update b; commit\x00")
	gets(t, p.server)
	sends(t, p.server, "CBEGIN\x00", "CUPDATE 2\x00", "CUPDATE 3\x00", "CCOMMIT\x00", "ZI")
	wants(t, p.client, "CBEGIN\x00", "CUPDATE 2\x00", "CUPDATE 3\x00", "CCOMMIT\x00", "ZI")
	wantOutcomes(t, p, sqlgate.Outcome{Verb: "UPDATE", Rows: 5})
}

func TestQuery_Refused_IsReplacedAndItsErrorRewritten(t *testing.T) {
	p := play(t)
	sends(t, p.client, "Qselect 'evil'\x00", "Qselect 2\x00")
	sent := gets(t, p.server)
	if strings.Contains(sent, "evil") || sent[0] != 'Q' {
		t.Fatalf("sent %q", sent)
	}
	wants(t, p.server, "Qselect 2\x00")
	sends(t, p.server, serverError(`syntax error at or near "`+token(t, sent)+`"`), "ZI", "CSELECT 1\x00", "ZI")
	wantsError(t, p.client, "ERROR", "42501", refusedText)
	wants(t, p.client, "ZI", "CSELECT 1\x00", "ZI")
	wantOutcomes(t, p, sqlgate.Outcome{Verb: "SELECT", Rows: 1})
	if s := p.g.Stats(); s.Statements != 2 || s.Refused != 1 || s.Sessions != 1 {
		t.Errorf("counted %+v", s)
	}
}

func TestQuery_AnotherErrorForARefusedOne_IsNotRewritten(t *testing.T) {
	p := play(t)
	sends(t, p.client, "Qselect 'evil'\x00")
	gets(t, p.server)
	other := serverError("canceling statement due to statement timeout")
	sends(t, p.server, other, "ZI")
	wants(t, p.client, other, "ZI")
}

func TestPipeline_RefusedParse_SkipsUntilSync(t *testing.T) {
	p := play(t)
	sends(t, p.client, "Pa\x00insert 1\x00\x00\x00", "B\x00a\x00\x00\x00\x00\x00\x00\x00", "E\x00\x00\x00\x00\x00",
		"Pb\x00insert 'evil'\x00\x00\x00", "B\x00b\x00\x00\x00\x00\x00\x00\x00", "E\x00\x00\x00\x00\x00", "S", "Qselect 2\x00")
	gets(t, p.server)
	gets(t, p.server)
	gets(t, p.server)
	sent := gets(t, p.server)
	if !strings.HasPrefix(sent, "Pb\x00"+tokenPrefix) {
		t.Fatalf("sent %q in place of the refused Parse", sent)
	}
	for range 4 {
		gets(t, p.server)
	}
	sends(t, p.server, "1", "2", "CINSERT 0 1\x00", serverError(token(t, sent)), "ZI", "CSELECT 1\x00", "ZI")
	wants(t, p.client, "1", "2", "CINSERT 0 1\x00")
	wantsError(t, p.client, "ERROR", "42501", refusedText)
	wants(t, p.client, "ZI", "CSELECT 1\x00", "ZI")
	wantOutcomes(t, p, sqlgate.Outcome{Verb: "INSERT", Rows: 1}, sqlgate.Outcome{Verb: "SELECT", Rows: 1})
}

func TestPipeline_SentAfterTheError_IsSkippedToo(t *testing.T) {
	p := play(t)
	sends(t, p.client, "P\x00select 1/0\x00\x00\x00", "H")
	gets(t, p.server)
	gets(t, p.server)
	sends(t, p.server, serverError("division by zero"))
	wants(t, p.client, serverError("division by zero"))
	// The database skips these, a refused one and a simple query among them.
	sends(t, p.client, "Pb\x00select 'evil'\x00\x00\x00", "Qselect 3\x00", "B\x00b\x00\x00\x00\x00\x00\x00\x00", "S", "Qselect 4\x00")
	for range 5 {
		if got := gets(t, p.server); strings.Contains(got, "evil") {
			t.Fatalf("sent %q", got)
		}
	}
	sends(t, p.server, "ZI", "CSELECT 1\x00", "ZI")
	wants(t, p.client, "ZI", "CSELECT 1\x00", "ZI")
	wantOutcomes(t, p, sqlgate.Outcome{Failed: true}, sqlgate.Outcome{Verb: "SELECT", Rows: 1})
}

func TestJudge_Panics_Refuses(t *testing.T) {
	p := play(t)
	p.judge.panics = true
	sends(t, p.client, "Qselect 1\x00")
	sent := gets(t, p.server)
	sends(t, p.server, serverError(token(t, sent)), "ZI")
	wantsError(t, p.client, "ERROR", "42501", "statement refused by the gate")
}

func TestQuery_TooLong_IsDrainedAndReplaced(t *testing.T) {
	p := play(t, func(o *Options) { o.MaxStatement = 100_000 })
	go sends(t, p.client, "Qselect '"+strings.Repeat("x", 300_000)+"'\x00", "Qselect 2\x00")
	sent := gets(t, p.server)
	wants(t, p.server, "Qselect 2\x00")
	sends(t, p.server, serverError(token(t, sent)), "ZI")
	wantsError(t, p.client, "ERROR", "42501", tooLongWords)
	if d := p.judge.refusals; len(d) != 1 || d[0].Rule != sqlgate.RuleTooLong {
		t.Errorf("recorded %+v", d)
	}
}

func TestQuery_LongButHeld_IsJudgedAndTheBufferShrinks(t *testing.T) {
	p := play(t)
	long := "Qselect '" + strings.Repeat("x", 1<<20) + "'\x00"
	go sends(t, p.client, long)
	kind, body, err := readMessage(p.server, 2<<20)
	if err != nil || string(kind)+string(body) != long {
		t.Fatalf("the statement did not pass: %v", err)
	}
	sends(t, p.server, "CSELECT 1\x00", "ZI")
	wants(t, p.client, "CSELECT 1\x00", "ZI")
}

func TestMaxRows_Exceeded_EndsTheSession(t *testing.T) {
	p := play(t)
	p.judge.ruling.MaxRows = 2
	sends(t, p.client, "Qselect\x00")
	gets(t, p.server)
	sends(t, p.server, "T\x00\x00", "D\x00\x00", "D\x00\x00", "D\x00\x00", "CSELECT 3\x00", "ZI")
	wants(t, p.client, "T\x00\x00", "D\x00\x00", "D\x00\x00")
	wantsError(t, p.client, "FATAL", "42501", "more rows than the gate gives: the session has ended")
	wantsEnd(t, p.client)
	wantsEnd(t, p.server)
	wantOutcomes(t, p, sqlgate.Outcome{Rows: 2, Cut: true})
}

func TestMaxRows_PortalInPortions_CountsAll(t *testing.T) {
	p := play(t)
	p.judge.ruling.MaxRows = 3
	sends(t, p.client, "P\x00select\x00\x00\x00", "B\x00\x00\x00\x00\x00\x00\x00\x00", "E\x00\x00\x00\x00\x02", "E\x00\x00\x00\x00\x02", "S")
	for range 5 {
		gets(t, p.server)
	}
	sends(t, p.server, "1", "2", "D\x00\x00", "D\x00\x00", "s", "D\x00\x00", "D\x00\x00", "s", "ZI")
	wants(t, p.client, "1", "2", "D\x00\x00", "D\x00\x00", "s", "D\x00\x00")
	wantsError(t, p.client, "FATAL", "42501", "more rows than the gate gives: the session has ended")
}

func TestBind_OfWhatExecutesText_IsJudgedAgain(t *testing.T) {
	p := play(t)
	p.judge.ruling.Again = true
	sends(t, p.client, "Pq\x00select query_to_xml($1)\x00\x00\x00", "B\x00q\x00\x00\x00\x00\x01\x00\x00\x00\x04good\x00\x00",
		"B\x00q\x00\x00\x01\x00\x01\x00\x01\x00\x00\x00\x04evil\x00\x00", "S")
	gets(t, p.server)
	if got := gets(t, p.server); !strings.Contains(got, "good") {
		t.Fatalf("sent %q", got)
	}
	sent := gets(t, p.server)
	if strings.Contains(sent, "evil") || sent[0] != 'B' {
		t.Fatalf("sent %q", sent)
	}
	gets(t, p.server)
	sends(t, p.server, "1", "2", serverError(`prepared statement "`+token(t, sent)+`" does not exist`), "ZI")
	wants(t, p.client, "1", "2")
	wantsError(t, p.client, "ERROR", "42501", refusedText)
	wants(t, p.client, "ZI")
}

func TestBind_AfterAParseThatFailed_IsJudgedByTheStatementThatIsThere(t *testing.T) {
	p := play(t)
	p.judge.ruling.Again = true
	sends(t, p.client, "Pq\x00select query_to_xml($1)\x00\x00\x00", "S")
	gets(t, p.server)
	gets(t, p.server)
	sends(t, p.server, "1", "ZI")
	wants(t, p.client, "1", "ZI")
	p.judge.mu.Lock()
	p.judge.ruling.Again = false
	p.judge.mu.Unlock()
	// The name is taken: the database keeps the first one. The gate does not know
	// that yet when the Bind comes.
	sends(t, p.client, "Pq\x00select harmless\x00\x00\x00", "S", "B\x00q\x00\x00\x00\x00\x01\x00\x00\x00\x04evil\x00\x00", "S")
	gets(t, p.server)
	gets(t, p.server)
	if sent := gets(t, p.server); strings.Contains(sent, "evil") {
		t.Fatalf("sent %q", sent)
	}
}

func TestClient_UnknownMessage_EndsBothSidesAfterTheAnswers(t *testing.T) {
	p := play(t)
	sends(t, p.client, "Qselect 1\x00", "?")
	wants(t, p.server, "Qselect 1\x00", "H")
	sends(t, p.server, "CSELECT 1\x00", "ZI")
	wants(t, p.client, "CSELECT 1\x00", "ZI")
	wantsError(t, p.client, "FATAL", "08P01", "invalid frontend message type 63")
	wantsEnd(t, p.client)
	wantsEnd(t, p.server)
}

func TestClient_AbsurdLength_EndsBothSides(t *testing.T) {
	for _, head := range []string{"Q\x00\x00\x00\x03", "Q\xff\xff\xff\xff", "d\x7f\xff\xff\xff"} {
		p := play(t)
		if _, err := p.client.Write([]byte(head)); err != nil {
			t.Fatal(err)
		}
		wantsError(t, p.client, "FATAL", "08P01", "invalid message length")
		wantsEnd(t, p.client)
		wants(t, p.server, "H")
		wantsEnd(t, p.server)
	}
}

func TestServer_BreaksTheProtocol_EndsBothSides(t *testing.T) {
	for name, message := range map[string]string{
		"another authentication": "R\x00\x00\x00\x00", "another key": "K12345678", "replication": "W\x00\x00\x00", "unknown": "?",
		"ready for nothing": "ZI", "an answer to nothing": "1", "a row of nothing": "D\x00\x00", "complete nothing": "CSELECT 1\x00",
	} {
		t.Run(name, func(t *testing.T) {
			p := play(t)
			sends(t, p.server, message)
			wantsError(t, p.client, "FATAL", "08P01", "the database broke the protocol")
			wantsEnd(t, p.client)
			wantsEnd(t, p.server)
		})
	}
}

func TestServer_DiesBetweenMessages_ClientIsTold(t *testing.T) {
	p := play(t)
	sends(t, p.client, "Qselect 1\x00")
	gets(t, p.server)
	sends(t, p.server, "T\x00\x00")
	p.server.Close()
	wants(t, p.client, "T\x00\x00")
	wantsError(t, p.client, "FATAL", "08006", "the database has ended the session")
	wantsEnd(t, p.client)
}

func TestServer_DiesInAMessage_NothingIsMixedIntoIt(t *testing.T) {
	p := play(t)
	sends(t, p.client, "Qselect 1\x00")
	gets(t, p.server)
	if _, err := p.server.Write([]byte("D\x00\x00\x10\x00half")); err != nil {
		t.Fatal(err)
	}
	p.server.Close()
	head := make([]byte, 9)
	if _, err := p.client.Read(head); err != nil || string(head) != "D\x00\x00\x10\x00half" {
		t.Fatalf("got %q, %v", head, err)
	}
	wantsEnd(t, p.client)
}

func TestServer_SaysFatal_NothingIsAdded(t *testing.T) {
	p := play(t)
	fatal := "E" + string(appendError(nil, "FATAL", "57P01", "terminating connection")[headSize:])
	sends(t, p.server, fatal)
	p.server.Close()
	wants(t, p.client, fatal)
	wantsEnd(t, p.client)
}

func TestClient_Terminates_DatabaseIsTold(t *testing.T) {
	p := play(t)
	sends(t, p.client, "X")
	wants(t, p.server, "X")
	p.server.Close()
	wantsEnd(t, p.client)
}

func TestClient_HalfCloses_GetsItsAnswers(t *testing.T) {
	p := play(t)
	sends(t, p.client, "Qselect 1\x00")
	if err := p.client.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	wants(t, p.server, "Qselect 1\x00")
	sends(t, p.server, "CSELECT 1\x00", "ZI")
	wantsEnd(t, p.server)
	p.server.Close()
	wants(t, p.client, "CSELECT 1\x00", "ZI")
	wantsEnd(t, p.client)
}

func TestCopyIn_SyncBeforeCopyDone_IsPassedOver(t *testing.T) {
	p := play(t)
	sends(t, p.client, "P\x00copy\x00\x00\x00", "B\x00\x00\x00\x00\x00\x00\x00\x00", "E\x00\x00\x00\x00\x00", "S")
	for range 4 {
		gets(t, p.server)
	}
	sends(t, p.server, "1", "2", "G\x00\x00\x00")
	wants(t, p.client, "1", "2", "G\x00\x00\x00")
	sends(t, p.client, "d1\n", "S", "c", "S", "Qselect 'evil'\x00")
	for range 4 {
		gets(t, p.server)
	}
	sent := gets(t, p.server)
	sends(t, p.server, "CCOPY 1\x00", "ZI", serverError(token(t, sent)), "ZI")
	wants(t, p.client, "CCOPY 1\x00", "ZI")
	wantsError(t, p.client, "ERROR", "42501", refusedText)
	wants(t, p.client, "ZI")
	wantOutcomes(t, p, sqlgate.Outcome{Verb: "COPY", Rows: 1})
}

func TestFunctionCall_OfAnotherFunction_IsReplaced(t *testing.T) {
	p := play(t)
	sends(t, p.client, "F\x00\x00\x03\xb8\x00\x00\x00\x00\x00\x00", "F\x00\x00\x02\xfc\x00\x00\x00\x00\x00\x00") // lo_open, lo_import
	wants(t, p.server, "F\x00\x00\x03\xb8\x00\x00\x00\x00\x00\x00")
	sent := gets(t, p.server)
	sends(t, p.server, "V\x00\x00\x00\x00", "ZI", serverError(token(t, sent)), "ZI")
	wants(t, p.client, "V\x00\x00\x00\x00", "ZI")
	wantsError(t, p.client, "ERROR", "42501", "function call refused by the gate: only those of large objects pass")
	wants(t, p.client, "ZI")
}
