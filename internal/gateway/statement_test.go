package gateway

import (
	"bytes"
	"context"
	"crypto/md5"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"modernc.org/sqlite"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/store"
	"github.com/gatehousehq/gatehouse/taint"
	"github.com/gatehousehq/gatehouse/taint/sqldriver"
)

// A judged is a gate before a backend whose statements it judges.
type judged struct {
	*testGate
	db *sql.DB
	// begun lets /stream go on behind its head.
	begun chan struct{}
	// last is the error of the backend's last statement.
	last atomic.Value
}

// injection ends the literal that /items puts it into, and reads another table.
const injection = `x' UNION SELECT password FROM users WHERE name <> '`

// newJudged runs a gate before a backend with a database of two tables.
func newJudged(t testing.TB, changes ...change) *judged {
	t.Helper()
	var app atomic.Pointer[http.Handler]
	backend := newBackend(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*app.Load()).ServeHTTP(w, r) }))
	j := &judged{testGate: gateTo(t, backend.URL, changes...), begun: make(chan struct{})}
	bare, err := sqlite.NewConnector("file:" + filepath.Join(t.TempDir(), "app.db") + "?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	c, err := j.BetweenSQLite(bare, "app")
	if err != nil {
		t.Fatal(err)
	}
	j.db = sql.OpenDB(c)
	t.Cleanup(func() { _ = j.db.Close() })
	h, err := j.Around(j.app())
	if err != nil {
		t.Fatal(err)
	}
	app.Store(&h)
	for _, statement := range []string{
		"CREATE TABLE items (name TEXT, price INTEGER)", "CREATE TABLE users (name TEXT, password TEXT)",
		"INSERT INTO items VALUES ('lamp', 40)", "INSERT INTO users VALUES ('ingrid', 'a-secret-of-hers')",
	} {
		if _, err := j.db.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	return j
}

// names runs a query and answers with what it gives.
func (j *judged) names(ctx context.Context, w io.Writer, query string, args ...any) bool {
	rows, err := j.db.QueryContext(ctx, query, args...)
	if err != nil {
		j.last.Store(err)
		return false
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return false
		}
		fmt.Fprintln(w, name)
	}
	return rows.Err() == nil
}

// app is the backend: it concatenates.
func (j *judged) app() http.Handler {
	mux := http.NewServeMux()
	items := func(name string) string { return "SELECT name FROM items WHERE name = '" + name + "'" }
	answer := func(w http.ResponseWriter, ok bool, body *bytes.Buffer) {
		if !ok {
			w.WriteHeader(http.StatusInternalServerError)
		}
		_, _ = w.Write(body.Bytes())
	}
	mux.HandleFunc("/items", func(w http.ResponseWriter, r *http.Request) {
		var body bytes.Buffer
		ok := j.names(r.Context(), &body, items(r.FormValue("name")))
		answer(w, ok, &body)
	})
	mux.HandleFunc("/patient", func(w http.ResponseWriter, r *http.Request) { // tries again and again, and then goes on
		var body bytes.Buffer
		for range 3 {
			j.names(r.Context(), &body, items(r.FormValue("name")))
		}
		answer(w, true, &body)
	})
	mux.HandleFunc("/careless", func(w http.ResponseWriter, r *http.Request) { // hands no context over
		var body bytes.Buffer
		ok := j.names(context.Background(), &body, items(r.FormValue("name")))
		answer(w, ok, &body)
	})
	mux.HandleFunc("/second", func(w http.ResponseWriter, r *http.Request) {
		var first, body bytes.Buffer
		j.names(r.Context(), &first, "SELECT name FROM users WHERE password = ?", r.FormValue("key"))
		ok := j.names(r.Context(), &body, items(strings.TrimSpace(first.String())))
		answer(w, ok, &body)
	})
	mux.HandleFunc("POST /signup", func(w http.ResponseWriter, r *http.Request) {
		digest := md5.Sum([]byte(r.FormValue("password")))
		_, err := j.db.ExecContext(r.Context(), "INSERT INTO users (name, password) VALUES (?, ?)", r.FormValue("name"), hex.EncodeToString(digest[:]))
		answer(w, err == nil, &bytes.Buffer{})
	})
	mux.HandleFunc("POST /console", func(w http.ResponseWriter, r *http.Request) {
		var body bytes.Buffer
		ok := j.names(r.Context(), &body, r.FormValue("sql"))
		answer(w, ok, &body)
	})
	mux.HandleFunc("/stream", func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		_, _ = io.WriteString(w, "the beginning\n")
		_ = rc.Flush()
		select {
		case <-j.begun:
		case <-r.Context().Done():
		}
		j.names(r.Context(), w, items(r.FormValue("name")))
		_, _ = io.WriteString(w, "the end\n")
	})
	return mux
}

func (j *judged) items(path, name string) answered {
	j.t.Helper()
	return j.get(path + "?name=" + url.QueryEscape(name))
}

func (j *judged) account() AccountLine {
	j.t.Helper()
	l, err := j.Admin().Layers(context.Background())
	if err != nil || len(l.Accounts) != 1 {
		j.t.Fatalf("accounts %v, error %v", l.Accounts, err)
	}
	return l.Accounts[0]
}

func outcomes(events []gatehouse.Event) (all []string) {
	for _, e := range events {
		all = append(all, e.Name+" "+string(e.Outcome))
	}
	return all
}

func TestStatement_Injection_IsRefusedWithOneEventThatShowsBothSides(t *testing.T) {
	j := newJudged(t)
	if a := j.items("/items", "lamp"); a.StatusCode != http.StatusOK || a.text != "lamp\n" {
		t.Fatalf("an ordinary request: %s %q", a.Status, a.text)
	}
	a := j.items("/items", injection)
	id := a.Header.Get(RequestIDHeader)
	if a.StatusCode != http.StatusForbidden || a.Header.Get("Content-Type") != "application/problem+json" || !strings.Contains(a.text, id) {
		t.Fatalf("got %s %q", a.Status, a.text)
	}
	events := j.told(id)
	if len(events) != 1 {
		t.Fatalf("events: %v", outcomes(events))
	}
	e := events[0]
	if e.Name != "malicious_sqli" || e.Outcome != gatehouse.Refused || e.Level != gatehouse.Critical || e.Rung != "data/guard" ||
		e.Rule != taint.RuleStructure || e.Field != "query:name" || e.Route != "GET /items" || e.Status != http.StatusForbidden {
		t.Errorf("event %+v", e)
	}
	if s := e.Detail["statement"]; !strings.Contains(s, "«") || !strings.Contains(s, "»") || strings.Contains(s, "x'") {
		t.Errorf("the statement is shown as %q", s)
	}
	if e.Detail["account"] != "app" || e.Detail["table"] != "items" {
		t.Errorf("detail %v", e.Detail)
	}
	refused := new(sqldriver.RefusedError)
	if err, _ := j.last.Load().(error); !errors.As(err, &refused) || refused.Request != id {
		t.Errorf("the backend got %v", err)
	}
}

func TestStatement_BackendThatTriesAgain_IsRefusedAllTheSame(t *testing.T) {
	j := newJudged(t)
	if a := j.items("/patient", injection); a.StatusCode != http.StatusForbidden {
		t.Fatalf("got %s %q", a.Status, a.text)
	}
}

func TestStatement_Modes(t *testing.T) {
	for _, c := range []struct {
		name, modes string
		observe     bool
		status      int
		outcome     gatehouse.Outcome
	}{
		{"as shipped", "", false, 403, gatehouse.Refused},
		{"enforce", "modes: {data/guard: enforce}", false, 403, gatehouse.Refused},
		{"strict", "modes: {data/guard: strict}\nallow: [{id: jobs, rung: data/guard, rule: unknown-shape, path: background, reason: the schema}]", false, 403, gatehouse.Refused},
		{"observe", "modes: {data/guard: observe}", false, 200, gatehouse.Observed},
		{"--observe", "modes: {data/guard: strict}", true, 200, gatehouse.Observed},
		{"rule observed", "modes: {data/guard/structure: observe}", false, 200, gatehouse.Observed},
		{"rule off", "modes: {data/guard/structure: {mode: off, reason: x}}", false, 200, ""},
		{"off", "modes: {data/guard: {mode: off, reason: x}}", false, 200, ""},
		{"allowed", "allow: [{id: a, rung: data/guard, rule: structure, path: GET /items, field: query:name, reason: x}]", false, 200, gatehouse.Allowed},
		{"allowed elsewhere", "allow: [{id: a, rung: data/guard, rule: structure, path: GET /other, reason: x}]", false, 403, gatehouse.Refused},
		{"allowed in the background", "allow: [{id: a, rung: data/guard, rule: structure, path: background, reason: x}]", false, 403, gatehouse.Refused},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := newJudged(t, written(t, c.modes), func(o *Options) { o.Observe = c.observe })
			a := j.items("/items", injection)
			if a.StatusCode != c.status {
				t.Fatalf("got %s %q", a.Status, a.text)
			}
			found := j.found(EventFilter{}, "malicious_sqli")
			if c.outcome == "" && len(found) > 0 || c.outcome != "" && (len(found) != 1 || found[0].Outcome != c.outcome) {
				t.Errorf("events %v", outcomes(found))
			}
			if c.outcome == gatehouse.Allowed && found[0].Level != gatehouse.Warning {
				t.Errorf("level %v", found[0].Level)
			}
		})
	}
}

func TestStatement_UnknownShape_IsToldOnceAndRefusedWhereStrict(t *testing.T) {
	j := newJudged(t)
	before := j.account()
	for range 3 {
		if a := j.items("/items", "lamp"); a.StatusCode != http.StatusOK {
			t.Fatalf("got %s", a.Status)
		}
	}
	found := j.found(EventFilter{}, "gate_shape_quarantined")
	if len(found) != 1 || found[0].Outcome != gatehouse.Observed || found[0].Level != gatehouse.Info || found[0].Route != "GET /items" || found[0].Rule != taint.RuleUnknown {
		t.Errorf("told %+v", found)
	}
	if after := j.account(); after.Quarantined != 1 || after.Templates != before.Templates || after.Denied != 0 {
		t.Errorf("from %+v to %+v", before, after)
	}
	if l, _ := j.Admin().Layers(t.Context()); len(l.Quarantine) != 1 || l.Quarantine[0].Account != "app" || !strings.Contains(l.Quarantine[0].Shape, "?") {
		t.Errorf("in quarantine %+v", l.Quarantine)
	}

	strict := newJudged(t, written(t, "modes: {data/guard: strict}\nallow: [{id: jobs, rung: data/guard, rule: unknown-shape, path: background, reason: the schema}]"))
	for range 2 {
		if a := strict.items("/items", "lamp"); a.StatusCode != http.StatusForbidden {
			t.Fatalf("got %s", a.Status)
		}
	}
	found = strict.found(EventFilter{Outcome: gatehouse.Refused}, "gate_shape_quarantined")
	if len(found) != 2 || found[0].Level != gatehouse.Warning {
		t.Errorf("told %v", outcomes(found))
	}
}

func TestStatement_StrictWithoutAnEntry_RefusesTheUnknownWorkOfTheApplicationToo(t *testing.T) {
	j := newJudged(t, written(t, "modes: {data/guard: strict}\nallow: [{id: jobs, rung: data/guard, rule: unknown-shape, path: background, reason: the schema, expires: 2999-01-01}]"))
	c := *j.current.Load().config
	c.Allow = nil
	if err := j.Reload(&c); err != nil {
		t.Fatal(err)
	}
	refused := new(sqldriver.RefusedError)
	if _, err := j.db.Exec("DROP TABLE items"); !errors.As(err, &refused) || refused.Request != "" {
		t.Fatalf("got %v", err)
	}
	found := j.found(EventFilter{Outcome: gatehouse.Refused}, "")
	if len(found) != 1 || found[0].Request != "" || found[0].Route != config.Background {
		t.Errorf("told %+v", found)
	}
}

func TestStatement_AnswerThatHasBegun_IsCut(t *testing.T) {
	j := newJudged(t)
	stream := func(name string) (string, error) {
		res, err := j.client.Do(j.request(http.MethodGet, "/stream?name="+url.QueryEscape(name), nil))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		j.begun <- struct{}{}
		text, err := io.ReadAll(res.Body)
		return string(text), err
	}
	if text, err := stream("lamp"); text != "the beginning\nlamp\nthe end\n" || err != nil {
		t.Fatalf("an ordinary request: %q, error %v", text, err)
	}
	if text, err := stream(injection); err == nil || strings.Contains(text, "the end") {
		t.Errorf("got %q, error %v", text, err)
	}
	eventually(t, "the refusal's event", func() bool { return len(j.found(EventFilter{Outcome: gatehouse.Refused}, "")) == 1 })
	if failed := j.found(EventFilter{}, "gate_upstream_failed"); len(failed) > 0 {
		t.Errorf("the backend is blamed: %+v", failed)
	}
}

func TestStatement_WithoutAContext_IsHeldToTheInputsOfAllRequests(t *testing.T) {
	j := newJudged(t, written(t, "network: {trusted_proxies: [127.0.0.1]}"))
	if a := j.items("/careless", "lamp"); a.StatusCode != http.StatusOK {
		t.Fatalf("an ordinary request: %s", a.Status)
	}
	a := j.items("/careless", injection)
	id := a.Header.Get(RequestIDHeader)
	// Nobody else has sent that input: it is nobody else's statement.
	if told := j.told(id); a.StatusCode != http.StatusForbidden || len(told) != 1 || told[0].Name != "malicious_sqli" || told[0].Detail["from"] != "" {
		t.Fatalf("got %s %q, told %+v", a.Status, a.text, told)
	}

	// Two clients have: which of them it was is a guess, and the backend answers.
	other := make(chan struct{})
	go func() {
		defer close(other)
		if res, err := j.client.Do(j.request(http.MethodGet, "/stream?name="+url.QueryEscape(injection), nil, "X-Forwarded-For: 203.0.113.5")); err == nil {
			_, _ = io.ReadAll(res.Body)
			_ = res.Body.Close()
		}
	}()
	eventually(t, "the other request", func() bool { return j.exchanges.Len() == 1 })
	a = j.items("/careless", injection)
	if a.StatusCode != http.StatusInternalServerError || strings.Contains(a.text, "secret") {
		t.Fatalf("got %s %q", a.Status, a.text)
	}
	close(j.begun)
	<-other
	found := slices.DeleteFunc(j.found(EventFilter{Outcome: gatehouse.Refused}, "malicious_sqli"), func(e gatehouse.Event) bool { return e.Request != "" })
	if len(found) != 1 || found[0].Detail["from"] == "" {
		t.Errorf("told %+v", found)
	}
}

func TestStatement_SecondOrder_IsRefusedAndSaysWhoseItMayBe(t *testing.T) {
	j := newJudged(t)
	if _, err := j.db.Exec("INSERT INTO users (name, password) VALUES (?, ?)", injection, "key-to-a-row"); err != nil {
		t.Fatal(err)
	}
	a := j.get("/second?key=key-to-a-row")
	if a.StatusCode != http.StatusForbidden {
		t.Fatalf("got %s %q", a.Status, a.text)
	}
	told := j.told(a.Header.Get(RequestIDHeader))
	e := told[len(told)-1]
	if !strings.HasPrefix(e.Field, "row:") || !strings.Contains(e.Words, "need not be this client") {
		t.Errorf("event %+v", e)
	}
}

func TestStatement_Attacks_StrikeAndStoredOnesDoNot(t *testing.T) {
	j := newJudged(t, written(t, "network: {trusted_proxies: [127.0.0.1]}"))
	if _, err := j.db.Exec("INSERT INTO users (name, password) VALUES (?, ?)", injection, "key-to-a-row"); err != nil {
		t.Fatal(err)
	}
	bans := func() int { return j.network.Stats().Bans }
	for range 12 {
		if a := j.get("/second?key=key-to-a-row", "X-Forwarded-For: 203.0.113.7"); a.StatusCode != http.StatusForbidden {
			t.Fatalf("got %s", a.Status)
		}
	}
	if bans() != 0 {
		t.Fatal("who reads a stored attack was banned for it")
	}
	for i := range 5 {
		if bans() != 0 {
			t.Fatalf("banned after %d attacks", i)
		}
		j.get("/patient?name="+url.QueryEscape(injection), "X-Forwarded-For: 203.0.113.8")
	}
	if bans() != 1 {
		t.Error("five attacks, and no ban")
	}
}

func TestStatement_Findings_AreToldOnce(t *testing.T) {
	j := newJudged(t)
	for i := range 4 {
		j.items("/items", fmt.Sprintf("lamp of kind %d", i))
		if a := j.post("/signup", "application/x-www-form-urlencoded", fmt.Sprintf("name=person+%d&password=correct+horse+%d", i, i)); a.StatusCode != http.StatusOK {
			t.Fatalf("got %s", a.Status)
		}
	}
	found := j.found(EventFilter{}, "gate_concatenation")
	if len(found) != 1 || found[0].Field != "query:name" || found[0].Route != "GET /items" || found[0].Detail["table"] != "items" || found[0].Detail["account"] != "app" {
		t.Errorf("concatenation: %+v", found)
	}
	found = j.found(EventFilter{}, "gate_password_stored")
	if len(found) != 1 || found[0].Detail["form"] != "md5" || found[0].Detail["table"] != "users" || found[0].Detail["column"] != "password" || found[0].Outcome != gatehouse.Observed {
		t.Errorf("password: %+v", found)
	}
	for _, e := range j.found(EventFilter{}, "") {
		if line, _ := json.Marshal(e); bytes.Contains(line, []byte("horse")) || bytes.Contains(line, []byte("of kind")) {
			t.Errorf("a value is told: %s", line)
		}
	}
}

func TestStatement_PasswordRuleEnforced_RefusesToStoreIt(t *testing.T) {
	j := newJudged(t, written(t, "modes: {data/guard/password-stored: enforce}"))
	for range 2 {
		a := j.post("/signup", "application/x-www-form-urlencoded", "name=someone&password=correct+horse")
		if a.StatusCode != http.StatusForbidden {
			t.Fatalf("got %s", a.Status)
		}
		if e := j.told(a.Header.Get(RequestIDHeader)); e[0].Name != "gate_password_stored" || e[0].Outcome != gatehouse.Refused || e[0].Field != "form:password" {
			t.Errorf("told %+v", e)
		}
	}
	var n int
	if err := j.db.QueryRow("SELECT count(*) FROM users WHERE name = 'someone'").Scan(&n); err != nil || n != 0 {
		t.Errorf("%d were stored, error %v", n, err)
	}
}

func TestStatement_Console_IsAnEntryAway(t *testing.T) {
	const console = "SELECT name FROM users ORDER BY name"
	j := newJudged(t)
	a := j.post("/console", "application/x-www-form-urlencoded", "sql="+url.QueryEscape(console))
	if a.StatusCode != http.StatusForbidden {
		t.Fatalf("got %s %q", a.Status, a.text)
	}
	e := j.told(a.Header.Get(RequestIDHeader))[0]
	if e.Rule != taint.RuleStatement || e.Field != "form:sql" {
		t.Fatalf("event %+v", e)
	}
	c := *j.current.Load().config
	c.Allow = []config.AllowEntry{{ID: "console", Rung: e.Rung, Rule: e.Rule, Path: e.Route, Field: e.Field, Reason: "the office's console"}}
	if err := j.Reload(&c); err != nil {
		t.Fatal(err)
	}
	a = j.post("/console", "application/x-www-form-urlencoded", "sql="+url.QueryEscape(console))
	if a.StatusCode != http.StatusOK || a.text != "ingrid\n" {
		t.Fatalf("got %s %q", a.Status, a.text)
	}
	if e := j.told(a.Header.Get(RequestIDHeader)); len(e) != 1 || e[0].Outcome != gatehouse.Allowed {
		t.Errorf("told %v", outcomes(e))
	}
	if a := j.items("/items", injection); a.StatusCode != http.StatusForbidden {
		t.Errorf("the entry lets an injection pass: %s", a.Status)
	}
	if learned := j.found(EventFilter{}, "gate_template_learned"); slices.ContainsFunc(learned, func(e gatehouse.Event) bool { return e.Request != "" }) {
		t.Errorf("what an input wrote was learned: %+v", learned)
	}
}

func TestStatement_CheckThatPanics_Refuses(t *testing.T) {
	j := newJudged(t)
	j.guard = nil
	a := j.items("/items", "lamp")
	if a.StatusCode != http.StatusInternalServerError || a.Header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("got %s %q", a.Status, a.text)
	}
	var names []string
	for _, e := range j.told(a.Header.Get(RequestIDHeader)) {
		names = append(names, e.Name)
	}
	if !slices.Contains(names, "sys_crash") || !slices.Contains(names, "authz_fail") {
		t.Errorf("told %v", names)
	}
}

func TestTemplates_OverARestart_AreKnown(t *testing.T) {
	dir := stateFolder(t)
	j := newJudged(t, onDisk(dir))
	before := j.account().Templates
	j.end()
	if before == 0 {
		t.Fatal("nothing was learned of the application's own work")
	}
	g := gateTo(t, "http://127.0.0.1:1", onDisk(dir))
	err := g.Judge(t.Context(), nil, taint.Statement{Account: "app", Lexer: taint.Lexer{Dialect: taint.SQLite}, SQL: "INSERT INTO items VALUES ('clock', 70)"})
	if err != nil {
		t.Fatal(err)
	}
	l, err := g.Layers(t.Context())
	if err != nil || len(l.Accounts) != 1 || l.Accounts[0].Templates != before || l.Accounts[0].Known != 1 {
		t.Errorf("%d templates before, after the restart %+v, error %v", before, l.Accounts, err)
	}
}

func TestTemplates_OfAnotherVersion_StayBesideForAMonth(t *testing.T) {
	dir := stateFolder(t)
	now := time.Now()
	clock := func(o *Options) { o.Now = func() time.Time { return now } }
	j := newJudged(t, onDisk(dir), clock)
	learned := j.account().Templates
	old := taint.Template{Account: "app", Dialect: taint.SQLite, Version: taint.Version + 1, Shape: "SELECT ? FROM elsewhere", First: now, Last: now, Origins: 3}
	value, err := json.Marshal(old)
	if err == nil {
		err = store.Put(t.Context(), j.store, store.Record{Kind: templateKind, Key: templateKey(old), Value: value})
	}
	if err == nil {
		err = store.Put(t.Context(), j.store, store.Record{Kind: templateKind, Key: "damaged", Value: []byte("{")})
	}
	if err != nil {
		t.Fatal(err)
	}
	j.end()
	again := func() AccountLine {
		g := gateTo(t, "http://127.0.0.1:1", onDisk(dir), clock)
		defer g.end()
		l, err := g.Layers(t.Context())
		if err != nil || len(l.Accounts) != 1 {
			t.Fatalf("%+v, error %v", l.Accounts, err)
		}
		return l.Accounts[0]
	}
	for range 2 {
		if a := again(); a.Templates != learned || a.Old != 1 {
			t.Errorf("beside %d learned ones: %+v", learned, a)
		}
	}
	now = now.Add(31 * 24 * time.Hour)
	if a := again(); a.Templates != learned || a.Old != 0 {
		t.Errorf("after a month: %+v", a)
	}
}

func TestTemplates_DamagedKey_IsAnErrorThatSaysWhatToDo(t *testing.T) {
	dir := stateFolder(t)
	g := gateTo(t, "http://127.0.0.1:1", onDisk(dir))
	if err := store.Put(t.Context(), g.store, store.Record{Kind: guardKeyKind, Key: "fingerprint", Value: []byte("short")}); err != nil {
		t.Fatal(err)
	}
	g.end()
	c := config.Default()
	c.Upstream = "http://127.0.0.1:1"
	if _, err := New(Options{Config: c, State: dir}); err == nil || !strings.Contains(err.Error(), "remove the state folder's store") {
		t.Errorf("got %v", err)
	}
}

func TestActivate_Enforce_LeavesTheGuardsSharpRulesAsShipped(t *testing.T) {
	for modes, want := range map[string][2]gatehouse.Mode{ // unknown-shape, password-stored
		"":                             {gatehouse.Observe, gatehouse.Observe},
		"modes: {data/guard: enforce}": {gatehouse.Observe, gatehouse.Observe},
		"modes: {data/guard: strict}":  {gatehouse.Enforce, gatehouse.Observe},
		"modes: {data/guard: observe}": {gatehouse.Observe, gatehouse.Observe},
		"modes: {data/guard/unknown-shape: enforce}":                                      {gatehouse.Enforce, gatehouse.Observe},
		"modes: {data/guard: strict, data/guard/password-stored: enforce}":                {gatehouse.Enforce, gatehouse.Enforce},
		"modes: {data/guard: strict, data/guard/unknown-shape: observe}":                  {gatehouse.Observe, gatehouse.Observe},
		"modes: {data/guard/password-stored: {mode: off, reason: they are no passwords}}": {gatehouse.Observe, gatehouse.Off},
	} {
		g := gateTo(t, "http://127.0.0.1:1", written(t, modes))
		s := g.current.Load().statement
		if got := [2]gatehouse.Mode{s.modes.Unknown, s.modes.Password}; got != want {
			t.Errorf("%q: %v, want %v", modes, got, want)
		}
		g.end()
	}
}

func TestMetrics_Guard_CountsStatements(t *testing.T) {
	j := newJudged(t)
	j.items("/items", injection)
	j.items("/items", "lamp")
	all, err := j.metrics.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range all {
		for _, m := range family.GetMetric() {
			name := family.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			values[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	if values["gatehouse_guard_statements_total denied"] != 1 || values["gatehouse_guard_templates"] < 1 || values["gatehouse_guard_quarantined"] != 1 {
		t.Errorf("denied %v, templates %v, quarantined %v", values["gatehouse_guard_statements_total denied"], values["gatehouse_guard_templates"], values["gatehouse_guard_quarantined"])
	}
}
