package events

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gatehousehq/gatehouse"
)

var update = flag.Bool("update", false, "write testdata/events.golden")

// args gives the words of an event: each is asked for by a name, so that a
// test can put what it likes everywhere.
type args func(name, ordinary string) string

func (a args) about() About {
	return About{
		Request: a("request", "7h3k9m2p"), Client: a("client", "192.0.2.7"), Principal: a("principal", "alice"),
		Method: a("method", "POST"), Host: a("host", "shop.example.com"), Path: a("path", "/orders/42"),
	}
}

func (a args) decision() gatehouse.Decision {
	d := gatehouse.Denied(a("rule", "cross-site"), gatehouse.Place{Kind: gatehouse.Query, Name: a("field", "q")},
		"%s", a("evidence", "the browser says Sec-Fetch-Site: cross-site"))
	d.Rung, d.Route = a("rung", "application/csrf"), "POST "+a("route", "/orders/{id}")
	return d
}

func (a args) statement() Statement {
	return Statement{
		Account: a("account", "shop"), SQL: a("statement", "SELECT name FROM users WHERE email = ?« OR ? = ?» --"),
		Template: a("template", "SELECT name FROM users WHERE email = ?"), Decoding: a("decoding", "base64"), Table: a("table", "users"), From: a("from", "5x1n8c4d"),
	}
}

func (a args) err() error { return errors.New(a("error", "connection refused")) }

// constructors makes one event by each exported constructor.
var constructors = []struct {
	name string
	make func(args) gatehouse.Event
}{
	{"AuthzFail", func(a args) gatehouse.Event { return AuthzFail(a.about(), a.decision(), gatehouse.Observed) }},
	{"InputValidationFail", func(a args) gatehouse.Event {
		return InputValidationFail(a.about(), a.decision().WithStatus(400), gatehouse.Allowed)
	}},
	{"MaliciousCSRF", func(a args) gatehouse.Event { return MaliciousCSRF(a.about(), a.decision(), gatehouse.Refused) }},
	{"MaliciousCORS", func(a args) gatehouse.Event { return MaliciousCORS(a.about(), a.decision(), gatehouse.Refused) }},
	{"XSS", func(a args) gatehouse.Event { return XSS(a.about(), a.decision(), gatehouse.Refused) }},
	{"Leak", func(a args) gatehouse.Event { return Leak(a.about(), a.decision(), gatehouse.Refused) }},
	{"MaliciousSQLi", func(a args) gatehouse.Event {
		return MaliciousSQLi(a.about(), a.decision(), gatehouse.Refused, a.statement())
	}},
	{"ShapeQuarantined", func(a args) gatehouse.Event {
		return ShapeQuarantined(a.about(), a.decision(), gatehouse.Observed, a.statement())
	}},
	{"TemplateLearned", func(a args) gatehouse.Event {
		return TemplateLearned(a.about(), "POST "+a("route", "/orders/{id}"), a.statement())
	}},
	{"GuardCapped", func(a args) gatehouse.Event {
		return GuardCapped(a.about(), a.decision(), "", a.statement())
	}},
	{"Concatenation", func(a args) gatehouse.Event {
		return Concatenation(a.about(), "POST "+a("route", "/orders/{id}"), a.decision().Place, Times{7, time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)}, a.statement())
	}},
	{"PasswordStored", func(a args) gatehouse.Event {
		return PasswordStored(a.about(), a.decision(), gatehouse.Observed, Times{}, Stored{Form: a("form", "md5"), Column: a("column", "password")}, a.statement())
	}},
	{"StatementDenied", func(a args) gatehouse.Event {
		return StatementDenied(a.about(), a.decision(), gatehouse.Refused, a.statement())
	}},
	{"RateLimited", func(a args) gatehouse.Event { return RateLimited(a.about(), a.decision(), gatehouse.Refused) }},
	{"TokenRefused", func(a args) gatehouse.Event { return TokenRefused(a.about(), a.decision(), gatehouse.Refused) }},
	{"LoginThrottled", func(a args) gatehouse.Event {
		return LoginThrottled(a.about(), a.decision(), gatehouse.Refused, a("account", "ann"))
	}},
	{"BackendLogin", func(a args) gatehouse.Event {
		return BackendLogin(a.about(), "POST "+a("route", "/login"), Attempt{a("account", "ann"), a("why", "a new session"), a("lane", "known")})
	}},
	{"BackendLoginFail", func(a args) gatehouse.Event {
		return BackendLoginFail(a.about(), "POST "+a("route", "/login"), Attempt{a("account", "ann"), a("why", "the form again"), a("lane", "strangers")})
	}},
	{"SignedOut", func(a args) gatehouse.Event { return SignedOut(a.about(), "POST "+a("route", "/logout")) }},
	{"Guessing", func(a args) gatehouse.Event { return Guessing(a.about(), a.decision()) }},
	{"SessionFixed", func(a args) gatehouse.Event { return SessionFixed(a.about(), a.decision(), "") }},
	{"LoginFail", func(a args) gatehouse.Event {
		return LoginFail(a.about(), a.decision(), gatehouse.Refused, a("account", "shop/app"))
	}},
	{"MassRows", func(a args) gatehouse.Event {
		return MassRows(a.about(), a.decision(), gatehouse.Observed, 4711, a.statement())
	}},
	{"DatabaseFailed", func(a args) gatehouse.Event {
		return DatabaseFailed(a("gate", "shop"), a("database", "db:5432"), a.err())
	}},
	{"DatabaseRecovered", func(a args) gatehouse.Event {
		return DatabaseRecovered(a("gate", "shop"), a("database", "db:5432"), 90*time.Second)
	}},
	{"SysStartup", func(a args) gatehouse.Event {
		return SysStartup(a("version", "v0.1.0"), []string{a("listen", "[::]:8443"), a("listen", "[::]:8080")})
	}},
	{"SysShutdown", func(a args) gatehouse.Event { return SysShutdown(a("reason", "terminated")) }},
	{"SysRestart", func(a args) gatehouse.Event { return SysRestart(a("what", "the configuration")) }},
	{"SysCrash", func(a args) gatehouse.Event {
		stack := "goroutine 7 [running]:\nexample.com/gate/rung.Check({0xc000012345, 0x3}, " + a("stack", "0x1") + ")\n\t/src/gate/rung/check.go:42 +0x1d\n"
		return SysCrash(a.about(), a("rung", "application/csrf"), a("panic", "index out of range"), []byte(stack))
	}},
	{"SysMonitorEnabled", func(a args) gatehouse.Event { return SysMonitorEnabled(a("sink", "the syslog server udp://log:514")) }},
	{"SysMonitorDisabled", func(a args) gatehouse.Event {
		return SysMonitorDisabled(a("sink", "the syslog server udp://log:514"), a.err())
	}},
	{"Bypass", func(a args) gatehouse.Event {
		return Bypass(a("what", "application/csrf is off"), gatehouse.Reason(a("reason", "measured by the partner until May")))
	}},
	{"ConfigRefused", func(a args) gatehouse.Event {
		return ConfigRefused(a("file", "/etc/gatehouse.yaml"), 3, a("first", "line 4, column 3: unknown key upstram; did you mean upstream?"))
	}},
	{"UpstreamFailed", func(a args) gatehouse.Event {
		return UpstreamFailed(a.about(), a("upstream", "http://127.0.0.1:3000"), a("kind", "down"), a.err(), 502)
	}},
	{"UpstreamRecovered", func(a args) gatehouse.Event {
		return UpstreamRecovered(a("upstream", "http://127.0.0.1:3000"), 90*time.Second)
	}},
	{"OwnerProven", func(a args) gatehouse.Event {
		return OwnerProven(a.about(), "GET /orders/{id}", "/orders/{id}: "+a("evidence", "the ledger has it as the principal's"))
	}},
	{"AdminAct", func(a args) gatehouse.Event { return AdminAct(a.about(), "GET /orders/{id}") }},
	{"Probing", func(a args) gatehouse.Event { return Probing(a.about(), a.decision(), 3, 10*time.Minute) }},
	{"ExcessNotFound", func(a args) gatehouse.Event { return ExcessNotFound(a.about(), 40, time.Hour) }},
	{"AttackTool", func(a args) gatehouse.Event { return AttackTool(a.about(), 6, time.Hour) }},
	{"DirectReference", func(a args) gatehouse.Event {
		return DirectReference(a.about(), "GET "+a("route", "/orders/{id}"), a("how", "one after the other"), 240, time.Hour)
	}},
	{"FailureRise", func(a args) gatehouse.Event {
		return FailureRise(a.about(), a("what", "4 of 5 requests"), 60, 10*time.Minute)
	}},
	{"NewDevice", func(a args) gatehouse.Event { return NewDevice(a.about(), 2) }},
	{"BanSpared", func(a args) gatehouse.Event {
		return BanSpared(a("client", "203.0.113.9"), a("reason", "SQL injection"), 12)
	}},
	{"Banned", func(a args) gatehouse.Event {
		return Banned(a("client", "2001:db8::/64"), a("reason", "10 refusals in a minute"), time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), 3)
	}},
	{"Unbanned", func(a args) gatehouse.Event {
		return Unbanned(a("client", "192.0.2.7"), a("by", "gatehouse bans remove"))
	}},
	{"UndeclaredProxy", func(a args) gatehouse.Event {
		return UndeclaredProxy(a("client", "10.0.0.5"), a("header", "X-Forwarded-For"))
	}},
	{"Certificate", func(a args) gatehouse.Event {
		return Certificate(a("words", "The certificate of shop.example.com was renewed."), gatehouse.Info, map[string]string{a("detail", "names"): a("value", "shop.example.com")})
	}},
	{"Skipped", func(args) gatehouse.Event { return Skipped(7) }},
	{"Crowd", func(a args) gatehouse.Event {
		e := MaliciousCSRF(a.about(), a.decision(), gatehouse.Refused)
		e.Count = 12
		return Crowd(e)
	}},
}

func ordinary(_, s string) string { return s }

func TestConstructors_AreAllTestedHere(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || !fn.Name.IsExported() || fn.Type.Results == nil {
				continue
			}
			if sel, ok := fn.Type.Results.List[0].Type.(*ast.SelectorExpr); ok && sel.Sel.Name == "Event" {
				want = append(want, fn.Name.Name)
			}
		}
	}
	var got []string
	for _, c := range constructors {
		got = append(got, c.name)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("constructors tested: %q\nconstructors there: %q", got, want)
	}
}

// TestConstructors_NoSecretSurvives puts secrets and control characters into
// every argument of every constructor.
func TestConstructors_NoSecretSurvives(t *testing.T) {
	plants := []struct{ text, secret string }{
		{"sk_" + "live_4eC39HqLyjWDarjtT1zdp7dc", "4eC39Hq"},
		{"a password=hunter2canary b", "hunter2canary"},
		{`{"client_secret":"hunter2canary"}`, "hunter2canary"},
		{"postgres://user:hunter2canary@db/x", "hunter2canary"},
		{"Authorization: Bearer hunter2canary", "hunter2canary"},
		{"Cookie: sid=hunter2canary", "hunter2canary"},
		{"eyJhbGciOiJIUzI1NiJ9.eyJjYW5hcnkiOjF9.c2lnbmF0dXJl", "c2lnbmF0"},
		{"4111 1111 1111 1111", "1111 1111"},
		{"/x?token=hunter2canary", "hunter2canary"},
	}
	for _, c := range constructors {
		for _, p := range plants {
			e := c.make(func(_, _ string) string { return p.text })
			if line := lineOf(t, e); strings.Contains(line, p.secret) {
				t.Errorf("%s lets %q through: %s", c.name, p.text, line)
			}
		}
	}
}

func TestConstructors_HostileText_IsBoundedAndEscaped(t *testing.T) {
	for _, hostile := range []string{
		strings.Repeat("x\x1b[2J\r\n\u202e\x00\xff<script>", 10_000), strings.Repeat("é", 100_000), strings.Repeat("/a", 100_000), strings.Repeat("\x00", 50_000),
	} {
		for _, c := range constructors {
			e := c.make(func(_, _ string) string { return hostile })
			line := lineOf(t, e)
			if len(line) > 32<<10 {
				t.Errorf("%s makes a line of %d bytes", c.name, len(line))
			}
			for _, r := range line {
				if r < 0x20 || r == 0x7f || r == '\u202e' || r == utf8.RuneError {
					t.Fatalf("%s writes %U raw", c.name, r)
				}
			}
		}
	}
}

func TestConstructors_EmptyArguments_MakeAValidEvent(t *testing.T) {
	for _, c := range constructors {
		e := c.make(func(_, _ string) string { return "" })
		if e.Name == "" || e.ID != "" || !e.Time.IsZero() {
			t.Errorf("%s makes %+v", c.name, e)
		}
	}
	if e := UpstreamFailed(About{}, "", "", nil, 0); e.Words == "" {
		t.Error("no words for a failure without a kind")
	}
	if e := SysCrash(About{}, "", nil, nil); e.Words == "" {
		t.Error("no words for a crash without a value")
	}
}

func TestCatalogue_HasEveryEventOnceAndItsLevel(t *testing.T) {
	entries := map[string]Entry{}
	for _, e := range Catalogue() {
		if _, twice := entries[e.Name]; twice || e.Meaning == "" {
			t.Errorf("%s: twice, or without a meaning", e.Name)
		}
		entries[e.Name] = e
	}
	made := map[string]bool{}
	for _, c := range constructors {
		e := c.make(ordinary)
		entry, ok := entries[e.Name]
		if !ok {
			t.Errorf("%s makes %s, which is not in the catalogue", c.name, e.Name)
		}
		if e.Level != entry.Level {
			t.Errorf("%s has level %v; the catalogue says %v", c.name, e.Level, entry.Level)
		}
		made[e.Name] = true
	}
	for name := range entries {
		if !made[name] {
			t.Errorf("%s is in the catalogue, and nothing makes it", name)
		}
	}
	Catalogue()[0].Name = "changed"
	if Catalogue()[0].Name == "changed" {
		t.Error("the catalogue can be changed by who asks for it")
	}
}

func TestSysCrash_RealPanic_ShowsWhereButNoInput(t *testing.T) {
	const canary = "canary-of-a-request"
	crash := func(f func()) (e gatehouse.Event) {
		defer func() { e = SysCrash(About{Request: "r"}, "input", recover(), debug.Stack()) }()
		f()
		return e
	}
	for name, f := range map[string]func(){
		"text":    func() { panic("bad input " + canary) },
		"error":   func() { panic(fmt.Errorf("parsing %s", canary)) },
		"value":   func() { panic(struct{ s string }{canary}) },
		"runtime": func() { _ = []int{}[len(canary)] },
		"map":     func() { map[any]int{}[[]string{canary}] = 1 },
	} {
		e := crash(f)
		if line := lineOf(t, e); strings.Contains(line, canary) || !strings.Contains(e.Detail["stack"], "events_test.go:") {
			t.Errorf("%s: %s", name, line)
		}
	}
	if e := crash(func() { _ = []int{}[len(canary)] }); e.Detail["panic"] != "runtime error: index out of range [19] with length 0" {
		t.Errorf("a runtime error is told as %q", e.Detail["panic"])
	}
}

// TestConstructors_Golden pins one line of each event as a person reads it.
// Run with -update to write it anew, and read the difference.
func TestConstructors_Golden(t *testing.T) {
	var out strings.Builder
	for _, c := range constructors {
		out.WriteString(lineOf(t, c.make(ordinary)) + "\n")
	}
	const path = "testdata/events.golden"
	if *update {
		if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if out.String() != string(want) {
		t.Errorf("the events differ from %s; run with -update and look\n%s", path, out.String())
	}
}

func lineOf(t *testing.T, e gatehouse.Event) string {
	t.Helper()
	line, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return string(line)
}
