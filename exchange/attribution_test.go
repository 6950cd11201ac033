package exchange_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/exchange"
	"github.com/gatehousehq/gatehouse/input"
	"github.com/gatehousehq/gatehouse/taint"
)

// A bench is a backend with a clock that a test moves.
type bench struct {
	*exchange.Backend
	t     testing.TB
	table *exchange.Table
	mu    sync.Mutex
	at    time.Time
}

func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{t: t, at: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)}
	now := func() time.Time {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.at
	}
	var err error
	if b.table, err = exchange.NewTable(exchange.Options{Now: now}); err != nil {
		t.Fatal(err)
	}
	if b.Backend, err = exchange.NewBackend(exchange.BackendOptions{Table: b.table, Now: now}); err != nil {
		t.Fatal(err)
	}
	b.Index()
	return b
}

func (b *bench) pass(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.at = b.at.Add(d)
}

// get enters a request of a path with its query, and headers as "Name: value".
func (b *bench) get(target string, headers ...string) *exchange.Exchange {
	b.t.Helper()
	r := httptest.NewRequest(http.MethodGet, target, nil)
	return b.enter(r, headers...)
}

func (b *bench) post(contentType, body string) *exchange.Exchange {
	b.t.Helper()
	return b.enter(httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)), "Content-Type: "+contentType)
}

func (b *bench) enter(r *http.Request, headers ...string) *exchange.Exchange {
	b.t.Helper()
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	x := begin(b.t, b.table, r, input.Options{})
	b.Enter(context.Background(), x, false)
	return x
}

// leave ends an exchange in order.
func (b *bench) leave(x *exchange.Exchange) {
	b.Leave(x, true)
	b.table.End(x)
}

func (b *bench) attribute(sql string, values ...string) exchange.Attribution {
	return b.Attribute(exchange.Clue{Lexer: taint.Lexer{Dialect: taint.PostgreSQL}, SQL: sql, Values: values, Background: true})
}

// foreground attributes a statement of an account that only requests use.
func (b *bench) foreground(sql string) exchange.Attribution {
	return b.Attribute(exchange.Clue{Lexer: taint.Lexer{Dialect: taint.PostgreSQL}, SQL: sql})
}

func (b *bench) want(what string, got exchange.Attribution, x *exchange.Exchange, how exchange.How) {
	b.t.Helper()
	if got.Exchange != x || got.How != how {
		b.t.Errorf("%s: %v of exchange %p, want %v of %p", what, got.How, got.Exchange, how, x)
	}
}

// knows has three clients send secrets of their own by a header, which stand in a
// statement: from then on a secret there says whose it is.
func (b *bench) knows(header, sql string, background bool) {
	b.t.Helper()
	for i := range 3 {
		secret := fmt.Sprintf("%016x%08xa%07xb", rand.Uint64(), rand.Uint32(), rand.Uint32()>>4)
		x := b.from(fmt.Sprint("198.51.100.", i+1), strings.ReplaceAll(header, token, secret))
		b.Attribute(exchange.Clue{Lexer: taint.Lexer{Dialect: taint.PostgreSQL}, SQL: strings.ReplaceAll(sql, token, secret), Background: background})
		b.leave(x)
		b.pass(2 * exchange.Remembered)
		b.Forget()
	}
}

// from enters a request of a client, beside another.
func (b *bench) from(client string, headers ...string) *exchange.Exchange {
	b.t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	x := begin(b.t, b.table, r, input.Options{})
	x.Client = netip.MustParseAddr(client)
	other := begin(b.t, b.table, httptest.NewRequest(http.MethodGet, "/", nil), input.Options{})
	b.Enter(context.Background(), other, false)
	b.Enter(context.Background(), x, false)
	b.t.Cleanup(func() { b.Leave(other, true) })
	return x
}

const (
	uuid  = "0b6e7a52-91c3-4f5d-8a1e-77c2d90f4b36"
	mail  = "ingrid.berg@example.org"
	token = "k3v9x0q27bz5m1w8r4t6y2c7d5f0hg1j"
)

func TestAttribution_Traceparent_IsExactWhateverElseIsInFlight(t *testing.T) {
	b := newBench(t)
	x, other := b.get("/?q="+uuid), b.get("/?q="+mail)
	for form, sql := range map[string]string{
		"sqlcommenter":   "SELECT 1 /*route='%2Fx',traceparent='" + x.Traceparent() + "'*/",
		"escaped":        `SELECT 1 /*traceparent=\'` + x.Traceparent() + `\'*/`,
		"line comment":   "SELECT 1 -- " + x.Traceparent(),
		"another's mail": "SELECT '" + mail + "' /*traceparent='" + x.Traceparent() + "'*/",
	} {
		b.want(form, b.attribute(sql), x, exchange.Exact)
	}
	for form, sql := range map[string]string{
		"in a literal":       "SELECT '/*" + x.Traceparent() + "*/'",
		"the client's id":    "SELECT 1 /*traceparent='00-" + x.ID + "-" + x.Span + "-01'*/",
		"of nobody":          "SELECT 1 /*traceparent='00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'*/",
		"of two that differ": "SELECT 1 /*" + x.Traceparent() + "*/ /*" + other.Traceparent() + "*/",
	} {
		b.want(form, b.attribute(sql), nil, exchange.Ambiguous)
	}
}

func TestAttribution_TraceOfNobodyBesideALiveOne_IsTheLiveOnes(t *testing.T) {
	b := newBench(t)
	x := b.get("/")
	b.get("/other")
	sql := "SELECT 1 /*traceparent='00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'*/ /*" + x.Traceparent() + "*/"
	b.want("both", b.attribute(sql), x, exchange.Exact)
}

func TestAttribution_TraceOfAnotherWork_IsNotTheOnlyRequests(t *testing.T) {
	b := newBench(t)
	x := b.get("/")
	b.want("none", b.foreground("SELECT 1"), x, exchange.Exact)
	b.want("a job's own trace", b.foreground("SELECT 1 /*traceparent='00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'*/"), nil, exchange.Ambiguous)
	ended := b.get("/ended")
	b.leave(ended)
	b.want("an ended request's", b.foreground("SELECT 1 /*"+ended.Traceparent()+"*/"), nil, exchange.Ambiguous)
}

func TestAttribution_OneRequestInFlight_IsExactWhereNothingElseUsesTheAccount(t *testing.T) {
	b := newBench(t)
	b.want("none", b.foreground("SELECT 1"), nil, exchange.Ambiguous)
	x := b.get("/")
	b.want("nothing else", b.foreground("SELECT 1"), x, exchange.Exact)
	b.want("jobs", b.attribute("SELECT 1"), x, exchange.Alone)
	y := b.get("/")
	b.want("two", b.foreground("SELECT 1"), nil, exchange.Ambiguous)
	b.leave(y)
	b.want("one again", b.foreground("SELECT 1"), x, exchange.Exact)
	b.want("one again, with jobs", b.attribute("SELECT 1"), nil, exchange.Ambiguous)
	b.pass(2 * exchange.Remembered)
	b.want("later", b.attribute("SELECT 1"), x, exchange.Alone)
}

// A client that leaves does not end what its backend does.
func TestAttribution_ClientThatLeft_MayStillBeAtWork(t *testing.T) {
	b := newBench(t)
	gone, x := b.get("/slow?q=x'+or+1=1"), b.get("/")
	b.Leave(gone, false)
	b.table.End(gone)
	b.pass(10 * exchange.Remembered)
	b.want("nothing else", b.foreground("SELECT 1"), nil, exchange.Ambiguous)
	b.want("jobs", b.attribute("SELECT 1"), nil, exchange.Ambiguous)
	if got := places(b.Candidates())["x' or 1=1"]; got != "query:q" {
		t.Errorf("what it sent is no candidate any more: %q", got)
	}
	b.pass(exchange.Unfinished)
	b.want("later", b.foreground("SELECT 1"), x, exchange.Exact)
}

func TestAttribution_MoreClientsLeaveThanAreRemembered_NothingIsCertainForAWhile(t *testing.T) {
	b := newBench(t)
	x := b.get("/")
	for range 1100 {
		gone := b.get("/slow")
		b.Leave(gone, false)
		b.table.End(gone)
	}
	b.want("at once", b.foreground("SELECT 1"), nil, exchange.Ambiguous)
	b.pass(exchange.Unfinished + time.Second)
	b.Forget()
	b.want("later", b.foreground("SELECT 1"), x, exchange.Exact)
}

func TestAttribution_Secret_IsOfTheOneThatHasIt(t *testing.T) {
	for name, c := range map[string]struct{ header, sql, again string }{
		"session":       {"Cookie: sid=" + token, "SELECT * FROM sessions WHERE sid = '" + token + "'", ""},
		"other numbers": {"Cookie: sid=" + token, "SELECT * FROM sessions WHERE sid = '" + token + "' AND at > 12", "SELECT * FROM sessions WHERE sid = '" + token + "' AND at > 13"},
		"in upper case": {"Cookie: sid=" + token, "SELECT 1 WHERE sid = '" + token + "'", "SELECT 1 WHERE sid = '" + strings.ToUpper(token) + "'"},
		"with a prefix": {"Cookie: sid=" + token, "SELECT 1 WHERE key = 'session:" + token + "'", ""},
		"signed cookie": {"Cookie: sid=s%3A" + token + ".c2lnbmF0dXJl", "SELECT 1 WHERE sid = '" + token + ".c2lnbmF0dXJl'", ""},
		"bearer":        {"Authorization: Bearer " + token, "SELECT 1 WHERE token = '" + token + "'", ""},
		"key":           {"X-Api-Key: " + token, "SELECT 1 WHERE token = '" + token + "'", ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.knows(c.header, c.sql, true)
			x := b.get("/", c.header)
			if c.again == "" {
				c.again = c.sql
			}
			b.want(name, b.attribute(c.again), x, exchange.Value)
			b.want("in another statement", b.attribute("SELECT 1 FROM orders WHERE owner = '"+token+"'"), nil, exchange.Ambiguous)
			b.want("where only values are known", b.attribute("", token), nil, exchange.Ambiguous)
		})
	}
}

func TestAttribution_ValueThatAnybodyCanSend_SaysNothing(t *testing.T) {
	b := newBench(t)
	b.get("/orders/"+uuid+"?mail="+mail, "X-Request-Id: "+token)
	b.get("/")
	b.want("path", b.attribute("SELECT 1 WHERE id = '"+uuid+"'"), nil, exchange.Ambiguous)
	b.want("query", b.attribute("SELECT 1 WHERE mail = $1", mail), nil, exchange.Ambiguous)
	b.want("header", b.attribute("SELECT 1 WHERE id = $1", token), nil, exchange.Ambiguous)
}

func TestAttribution_OrdinaryValueInACookie_SaysNothing(t *testing.T) {
	for _, v := range []string{
		"42", "ingrid", "2027-01-01", "2027-01-01T00:00:00Z", "authentication2024", "invoice-2024-11-25", "application/x-www-form-urlencoded",
		"20270101000000000001", "deadbeefdeadbeef", "the quick brown fox", "@", "a@b", "user@", "@example.org", "facade", "department2024reports",
		"IMG_20240607_112233.jpg", "192.0.2.17", "v1.22.333", "4111111111111111",
	} {
		b := newBench(t)
		b.get("/", "Cookie: v="+strings.ReplaceAll(v, " ", "+"))
		b.get("/")
		b.want(v, b.attribute("SELECT '"+v+"'", v), nil, exchange.Ambiguous)
	}
}

func TestAttribution_SecretThatTwoHave_SaysNothing(t *testing.T) {
	b := newBench(t)
	sql := "SELECT * FROM sessions WHERE sid = '" + token + "'"
	b.knows("Cookie: sid="+token, sql, true)
	x := b.get("/", "Cookie: sid="+token)
	b.want("one", b.attribute(sql), x, exchange.Value)
	again := b.get("/", "Cookie: sid="+token)
	b.want("two of one browser's", b.attribute(sql), nil, exchange.Ambiguous)
	b.leave(again)
	b.want("one has just ended", b.attribute(sql), nil, exchange.Ambiguous)
	b.pass(exchange.Remembered + time.Second)
	b.Forget()
	b.want("later", b.attribute(sql), x, exchange.Value)
	b.get("/?copied=" + token)
	b.want("somebody has copied it", b.attribute(sql), nil, exchange.Ambiguous)
}

func TestAttribution_SecretsOfTwo_SayNothing(t *testing.T) {
	b := newBench(t)
	b.get("/", "Cookie: sid="+token)
	b.get("/", "Cookie: sid="+uuid)
	b.want("both", b.attribute("SELECT 1 WHERE sid IN ('"+uuid+"', '"+token+"')"), nil, exchange.Ambiguous)
	b.want("bound", b.attribute("SELECT 1 WHERE sid = $1 OR sid = $2", uuid, token), nil, exchange.Ambiguous)
}

// The adversary knows what the application has of somebody in memory, or in a
// queue, and sends it too: as whatever it likes.
func TestAttribution_AdversaryWhoCopiesWhatTheApplicationUses_GetsNothing(t *testing.T) {
	b := newBench(t)
	sql := "SELECT * FROM orders WHERE owner = '" + uuid + "'"
	b.get("/orders", "Cookie: sid="+token)
	adversary := b.get("/?copied="+uuid, "X-Forwarded-For: "+uuid)
	b.want("in the query", b.attribute(sql), nil, exchange.Ambiguous)
	b.leave(adversary)
	b.pass(time.Hour)
	b.Forget()
	b.get("/", "Cookie: sid="+uuid)
	b.want("as a cookie, of what was used before", b.attribute(sql), nil, exchange.Ambiguous)

	b = newBench(t) // of what never was
	for range 5 {
		adversary := b.from("192.0.2.66", "Cookie: sid="+uuid)
		b.want("as a cookie", b.attribute(sql), nil, exchange.Ambiguous)
		b.leave(adversary)
		b.pass(2 * exchange.Remembered)
		b.Forget()
	}
}

func TestAttribution_SecretThatAJobUses_SaysNothing(t *testing.T) {
	sql := "SELECT * FROM sessions WHERE sid = '" + token + "'"
	b := newBench(t)
	b.knows("Cookie: sid="+token, sql, true)
	b.NoteRow(b.attribute("SELECT sid FROM sessions"), "sessions.sid", []byte(token))
	b.get("/", "Cookie: sid="+token)
	b.get("/")
	b.want("read by a job", b.attribute(sql), nil, exchange.Ambiguous)

	b = newBench(t)
	b.knows("Cookie: sid="+token, sql, true)
	b.want("used while nobody had it", b.attribute(sql), nil, exchange.Ambiguous)
	b.get("/", "Cookie: sid="+token)
	b.want("and then", b.attribute(sql), nil, exchange.Ambiguous)
	b.pass(25 * time.Minute)
	b.Forget()
	b.pass(25 * time.Minute)
	b.Forget()
	x := b.get("/", "Cookie: sid="+uuid)
	b.want("another", b.attribute("SELECT * FROM sessions WHERE sid = '"+uuid+"'"), x, exchange.Value)
}

// Frameworks read a session with its key, and make it in a request: where nothing
// else uses the account that is no job.
func TestAttribution_SecretOfAnAccountOfRequestsAlone_StaysOne(t *testing.T) {
	b := newBench(t)
	sql := "SELECT * FROM sessions WHERE sid = '" + token + "'"
	b.knows("Cookie: sid="+token, sql, false)
	b.want("made", b.foreground("INSERT INTO sessions VALUES ('"+token+"')"), nil, exchange.Ambiguous)
	x := b.get("/", "Cookie: sid="+token)
	by := b.foreground(sql)
	b.want("its first", by, x, exchange.Value)
	again := b.get("/", "Cookie: sid="+token)
	b.NoteRow(b.foreground(sql), "sessions.sid", []byte(token))
	b.leave(again)
	b.pass(exchange.Remembered + time.Second)
	b.Forget()
	b.want("read when two had it", b.foreground(sql), x, exchange.Value)
	b.NoteRow(by, "sessions.other", []byte(uuid))
	b.get("/", "Cookie: sid="+uuid)
	b.want("read as a row, sent as a cookie", b.foreground("SELECT 1 WHERE sid = '"+uuid+"'"), nil, exchange.Ambiguous)
}

func TestAttribution_RequestOfTheSameClientThatIsNotReadWhole_HasNoSecretDecide(t *testing.T) {
	var many strings.Builder
	for i := range 1100 {
		fmt.Fprintf(&many, "&v%d=%08x%08xa%08xb", i, rand.Uint32(), rand.Uint32(), rand.Uint32())
	}
	for name, enter := range map[string]func(*bench) *exchange.Exchange{
		"a body that is not parsed": func(b *bench) *exchange.Exchange {
			x := begin(b.t, b.table, httptest.NewRequest(http.MethodPost, "/", nil), input.Options{})
			x.Unread = true
			b.Enter(context.Background(), x, false)
			return x
		},
		"an uploaded file": func(b *bench) *exchange.Exchange {
			return b.post("multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"mails.csv\"\r\n\r\n"+mail+"\r\n--b--\r\n")
		},
		"more values than are looked at": func(b *bench) *exchange.Exchange {
			return b.post("application/x-www-form-urlencoded", many.String()[1:])
		},
		"a value longer than is looked at": func(b *bench) *exchange.Exchange {
			return b.post("application/x-www-form-urlencoded", "v="+strings.Repeat("x+", 20<<10)+mail)
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			sql := "SELECT 1 WHERE sid = '" + token + "'"
			b.knows("Cookie: sid="+token, sql, true)
			y := b.get("/", "Cookie: sid="+token)
			b.want("before", b.attribute(sql), y, exchange.Value)
			x := enter(b)
			b.want("while it is there", b.attribute(sql), nil, exchange.Ambiguous)
			x.Client = netip.MustParseAddr("203.0.113.9")
			b.want("of another client", b.attribute(sql), y, exchange.Value)
			b.leave(x)
		})
	}
}

func TestAttribution_BodyThatStreams_CountsAsItArrives(t *testing.T) {
	b := newBench(t)
	body := "--b\r\nContent-Disposition: form-data; name=\"mail\"\r\n\r\n" + mail + "\r\n--b\r\nContent-Disposition: form-data; name=\"pad\"\r\n\r\n" + strings.Repeat("x", 2048) + "\r\n--b--\r\n"
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	x := begin(t, b.table, r, input.Options{Limit: 1024})
	b.Enter(context.Background(), x, false)
	b.get("/")
	if !x.Inputs.Streamed() {
		t.Fatal("the body does not stream")
	}
	if got := places(b.Candidates())[mail]; got != "" {
		t.Fatalf("it is there before it came: %q", got)
	}
	buf := make([]byte, len(body)+1)
	for n := 1; n > 0; {
		n, _ = r.Body.Read(buf)
	}
	b.get("/", "Cookie: sid="+mail)
	b.want("its value, which another has too", b.attribute("SELECT 1 WHERE mail = '"+mail+"'"), nil, exchange.Ambiguous)
	if got := places(b.Candidates())[mail]; got != "multipart:mail" {
		t.Errorf("it is a candidate of %q", got)
	}
}

func TestAttribution_StatementWithMoreValuesThanAreLookedAt_SaysNothing(t *testing.T) {
	b := newBench(t)
	b.get("/", "Cookie: id="+uuid)
	b.get("/")
	var list strings.Builder
	for range 300 {
		fmt.Fprintf(&list, ",'%08xa1b2%08x'", rand.Uint32(), rand.Uint32())
	}
	b.want("a long list", b.attribute("SELECT 1 WHERE id IN ('"+uuid+"'"+list.String()+")"), nil, exchange.Ambiguous)
	b.want("a long value", b.attribute("SELECT 1 WHERE id = $1 AND x = $2", uuid, strings.Repeat("x", 20<<10)), nil, exchange.Ambiguous)
}

func TestAttribution_EndedExchange_IsNotToldOf(t *testing.T) {
	b := newBench(t)
	x := b.get("/", "Cookie: id="+uuid)
	b.get("/")
	b.leave(x)
	b.want("work that goes on after the answer", b.attribute("SELECT 1 WHERE id = '"+uuid+"'"), nil, exchange.Ambiguous)
	b.want("its trace", b.attribute("SELECT 1 /*"+x.Traceparent()+"*/"), nil, exchange.Ambiguous)
}

func TestCandidates_OfTheBackend_AreThoseOfAllThatCountOnce(t *testing.T) {
	b := newBench(t)
	x := b.get("/?q=first+one", "User-Agent: Browser/1.0 (same)")
	y := b.get("/?q=second+one", "User-Agent: Browser/1.0 (same)")
	got := b.Candidates()
	if p := places(got); p["first one"] != "query:q" || p["second one"] != "query:q" {
		t.Fatalf("candidates %v", p)
	}
	agents := 0
	for _, c := range got {
		if c.Place.Name == "User-Agent" {
			agents++
		}
	}
	if agents != 1 {
		t.Errorf("the same value is there %d times", agents)
	}
	b.leave(x)
	if places(b.Candidates())["first one"] == "" {
		t.Error("what has just ended is forgotten")
	}
	b.pass(exchange.Remembered + time.Second)
	b.Forget()
	if p := places(b.Candidates()); p["first one"] != "" || p["second one"] == "" {
		t.Errorf("later: %v", p)
	}
	b.NoteRow(exchange.Attribution{Exchange: y, How: exchange.Exact}, "posts.body", []byte("stored, and read by y"))
	b.NoteRow(exchange.Attribution{}, "posts.body", []byte("stored, and read by nobody knows whom"))
	p := places(b.Candidates())
	if p["stored, and read by y"] != "row:posts.body" || p["stored, and read by nobody knows whom"] != "row:posts.body" {
		t.Errorf("rows: %v", p)
	}
	b.leave(y)
	b.pass(time.Minute)
	b.Forget()
	if got := b.Candidates(); len(got) != 0 || b.Active() {
		t.Errorf("at the end: %v", got)
	}
}

func TestEnter_WhereNobodyIndexes_OnlyTheCandidatesCount(t *testing.T) {
	table := newTable(t, 0)
	b, err := exchange.NewBackend(exchange.BackendOptions{Table: table})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		x := begin(t, table, httptest.NewRequest(http.MethodGet, "/?q=a+value", nil), input.Options{})
		b.Enter(t.Context(), x, false)
	}
	if places(b.Candidates())["a value"] != "query:q" {
		t.Error("inputs are no candidates")
	}
}

func TestCandidates_OfTheBackendUnchanged_CostNoAllocation(t *testing.T) {
	b := newBench(t)
	for i := range 50 {
		b.get(fmt.Sprintf("/?q=value+%d", i))
	}
	b.Candidates()
	if n := testing.AllocsPerRun(100, func() { b.Candidates() }); n > 0 {
		t.Errorf("%v allocations", n)
	}
	clue := exchange.Clue{Lexer: taint.Lexer{Dialect: taint.PostgreSQL}, SQL: "SELECT * FROM orders WHERE id = '" + uuid + "' AND name = 'ingrid'", Background: true}
	if n := testing.AllocsPerRun(100, func() { b.Attribute(clue) }); n > 0 {
		t.Errorf("%v allocations of an attribution", n)
	}
}

func TestCandidates_OneRequestOfVeryMany_LeavesRoomForOthers(t *testing.T) {
	b := newBench(t)
	var many strings.Builder
	for i := range 9000 {
		fmt.Fprintf(&many, "&v%d=filling+%d", i, i)
	}
	b.post("application/x-www-form-urlencoded", many.String()[1:])
	b.get("/?q=x'+or+1=1")
	if places(b.Candidates())["x' or 1=1"] == "" {
		t.Error("another's input is left out")
	}
	if !b.Cut() {
		t.Error("nothing says that some were left out")
	}
}

func TestBlame_IsOfTheOneThatSentIt(t *testing.T) {
	b := newBench(t)
	const attack = "x' UNION SELECT 1 --"
	x := b.get("/?q=x'+UNION+SELECT+1+--&word=name")
	evidence := taint.Evidence{Place: gatehouse.Place{Kind: gatehouse.Query, Name: "q"}, Exchange: x.ID}
	if b.Blame(evidence) != x {
		t.Error("its only sender does not answer for it")
	}
	for name, change := range map[string]func(*taint.Evidence){
		"of a row":          func(e *taint.Evidence) { e.Place.Kind = gatehouse.Row },
		"found backward":    func(e *taint.Evidence) { e.Backward = true },
		"of nobody":         func(e *taint.Evidence) { e.Exchange = "" },
		"of another":        func(e *taint.Evidence) { e.Exchange = "0123" },
		"of another place":  func(e *taint.Evidence) { e.Place.Name = "other" },
		"a word of anybody": func(e *taint.Evidence) { e.Place.Name = "word" },
	} {
		e := evidence
		change(&e)
		if b.Blame(e) != nil {
			t.Errorf("%s: somebody answers for it", name)
		}
	}
	quoting := b.post("application/json", `{"text":"look what I found: `+attack+` in our log"}`)
	if b.Blame(evidence) != nil {
		t.Error("one of two answers for it")
	}
	b.leave(quoting)
	if b.Blame(evidence) != nil {
		t.Error("one of two answers for it, though the other has only just ended")
	}
	b.pass(exchange.Remembered + time.Second)
	b.Forget()
	if b.Blame(evidence) != x {
		t.Error("later its only sender does not answer for it")
	}
}

func TestBlame_OfOneClientsRequests_IsTheOneInFlight(t *testing.T) {
	b := newBench(t)
	send := func(from string) *exchange.Exchange {
		x := b.get("/?q=x'+UNION+SELECT+1+--")
		x.Client = netip.MustParseAddr(from)
		return x
	}
	first := send("192.0.2.7")
	b.leave(first)
	second := send("192.0.2.7")
	evidence := taint.Evidence{Place: gatehouse.Place{Kind: gatehouse.Query, Name: "q"}, Exchange: first.ID}
	if b.Blame(evidence) != second {
		t.Error("the same client's request in flight does not answer for it")
	}
	b.leave(second)
	if b.Blame(evidence) != second {
		t.Error("the client does not answer for what it sent last")
	}
	second.Refuse(gatehouse.Decision{})
	if b.Blame(evidence) != first {
		t.Error("the client does not answer for what it sent before that")
	}
	send("192.0.2.8")
	if b.Blame(evidence) != nil {
		t.Error("one of two clients answers for it")
	}
}

func TestNewBackend_WithoutATable_IsRefused(t *testing.T) {
	if _, err := exchange.NewBackend(exchange.BackendOptions{}); err == nil || !strings.Contains(err.Error(), "BackendOptions.Table") {
		t.Errorf("got %v", err)
	}
}

// Many at once, of whom each statement says by a value whose it is: never
// another's. The race detector looks on.
func TestAttribution_ManyAtOnce_NoneIsWrong(t *testing.T) {
	table := newTable(t, 0)
	b, err := exchange.NewBackend(exchange.BackendOptions{Table: table})
	if err != nil {
		t.Fatal(err)
	}
	b.Index()
	parser, err := input.New(input.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	known := make([]int, 8)
	for w := range known {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(w), 1))
			for range 200 {
				id := fmt.Sprintf("%016x%016x", random.Uint64(), random.Uint64())
				r := httptest.NewRequest(http.MethodGet, "/", nil)
				r.Header.Set("Cookie", "id="+id)
				x, err := table.Begin()
				if err != nil {
					t.Error(err)
					return
				}
				if x.Inputs, err = parser.Parse(r); err != nil {
					t.Error(err)
				}
				x.Client = netip.AddrFrom4([4]byte{192, 0, 2, byte(w)})
				b.Enter(context.Background(), x, false)
				for range 5 {
					by := b.Attribute(exchange.Clue{Lexer: taint.Lexer{Dialect: taint.PostgreSQL}, SQL: "SELECT 1 WHERE id = '" + id + "'", Background: true})
					if by.How == exchange.Value {
						known[w]++
					}
					if by.How >= exchange.Value && by.Exchange != x {
						t.Error("a statement was taken for another's")
					}
					b.NoteRow(by, "t.c", []byte("a row, of "+id))
					b.Candidates()
					b.Blame(taint.Evidence{Place: gatehouse.Place{Kind: gatehouse.Cookie, Name: "id"}, Exchange: x.ID})
				}
				b.Leave(x, random.IntN(10) > 0)
				table.End(x)
			}
		})
	}
	wg.Wait()
	for w, n := range known {
		if n == 0 {
			t.Errorf("worker %d: no statement was attributed", w)
		}
	}
}
