package gateway

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/data/policy"
	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/taint"
)

func TestSQLGate_Injection_IsRefusedWithOneEventThatShowsBothSides(t *testing.T) {
	t.Parallel()
	d := newTiered(t, newShop(t), nil)
	if a := d.item("/items", "lamp"); a.StatusCode != http.StatusOK || a.text != "lamp\n" {
		t.Fatalf("an ordinary request: %s %q (%v)", a.Status, a.text, d.lastError())
	}
	a := d.item("/items", injection)
	id := a.Header.Get(RequestIDHeader)
	if a.StatusCode != http.StatusForbidden || a.Header.Get("Content-Type") != "application/problem+json" || !strings.Contains(a.text, id) {
		t.Fatalf("got %s %q (%v)", a.Status, a.text, d.lastError())
	}
	if err := d.lastError(); sqlState(err) != "42501" || !strings.Contains(err.Error(), id) || strings.Contains(err.Error(), "UNION") {
		t.Errorf("the backend got %v", err)
	}
	told := d.told(id)
	if len(told) != 1 {
		t.Fatalf("events %v", outcomes(told))
	}
	e := told[0]
	if e.Name != "malicious_sqli" || e.Outcome != gatehouse.Refused || e.Rung != "data/guard" || e.Rule != taint.RuleStructure ||
		e.Field != "query:name" || e.Route != "GET /items" || e.Detail["account"] != "shop/app" || e.Detail["table"] != "items" || !strings.Contains(e.Detail["statement"], "«") {
		t.Errorf("event %+v", e)
	}
	if a := d.item("/items", "lamp"); a.StatusCode != http.StatusOK || a.text != "lamp\n" {
		t.Errorf("afterwards: %s %q", a.Status, a.text)
	}
}

// wantStatement fails unless one event of the kind was told, and gives it.
func (d *tiered) wantEvent(f EventFilter, name string) gatehouse.Event {
	d.t.Helper()
	found := d.found(f, name)
	if len(found) != 1 {
		d.t.Fatalf("%d events %s: %v", len(found), name, outcomes(found))
	}
	return found[0]
}

func TestSQLGate_TwoThatSentTheSame_TheBackendAnswersAndNobodyIsBlamed(t *testing.T) {
	t.Parallel()
	d := newTiered(t, newShop(t), nil, written(t, "network: {trusted_proxies: [127.0.0.1]}"))
	end := d.inFlight("/hold?copied=" + url.QueryEscape(injection))
	defer end()
	for range 6 {
		a := d.get("/items?name="+url.QueryEscape(injection), "X-Forwarded-For: 203.0.113.7")
		if a.StatusCode != http.StatusInternalServerError || strings.Contains(a.text, "secret") {
			t.Fatalf("got %s %q", a.Status, a.text)
		}
	}
	for _, e := range d.found(EventFilter{Outcome: gatehouse.Refused}, "malicious_sqli") {
		if e.Request != "" || e.Client != "" || e.Detail["from"] == "" {
			t.Errorf("event %+v", e)
		}
	}
	if n := d.network.Stats().Bans; n != 0 {
		t.Errorf("%d bans", n)
	}
}

func TestSQLGate_Attacks_StrikeOnceForEachRequest(t *testing.T) {
	t.Parallel()
	d := newTiered(t, newShop(t), nil, written(t, "network: {trusted_proxies: [127.0.0.1]}"))
	for i := range 5 {
		if n := d.network.Stats().Bans; n != 0 {
			t.Fatalf("banned after %d attacks", i)
		}
		d.get("/items?name="+url.QueryEscape(injection), "X-Forwarded-For: 203.0.113.8")
	}
	if d.network.Stats().Bans != 1 {
		t.Error("five attacks, and no ban")
	}
}

func TestSQLGate_SecondOrder_IsRefusedWithoutAStrike(t *testing.T) {
	t.Parallel()
	d := newTiered(t, newShop(t), nil, written(t, "network: {trusted_proxies: [127.0.0.1]}"))
	execAll(t, d.shop.dsn(), "INSERT INTO notes VALUES ('"+strings.ReplaceAll(injection, "'", "''")+"')")
	var a answered
	for range 7 {
		if a = d.get("/note", "X-Forwarded-For: 203.0.113.9"); a.StatusCode != http.StatusForbidden {
			t.Fatalf("got %s %q (%v)", a.Status, a.text, d.lastError())
		}
	}
	told := d.told(a.Header.Get(RequestIDHeader))
	if e := told[len(told)-1]; e.Field != "row:public.notes.body" && e.Field != "row:body" || !strings.Contains(e.Words, "need not be this client") {
		t.Errorf("event %+v", e)
	}
	if n := d.network.Stats().Bans; n != 0 {
		t.Error("who reads a stored attack was banned for it")
	}

	// Beside another request it is not known whose it is; it is refused all the same.
	end := d.inFlight("/hold")
	defer end()
	if a := d.get("/note"); a.StatusCode != http.StatusInternalServerError || strings.Contains(a.text, "secret") {
		t.Errorf("beside another: %s %q", a.Status, a.text)
	}
}

func TestSQLGate_StatementOfOneAmongMany_IsFound(t *testing.T) {
	t.Parallel()
	d := newTiered(t, newShop(t), nil, written(t, "network: {trusted_proxies: [127.0.0.1]}"))
	end := d.inFlight("/hold?q=something+else")
	defer end()
	session := func(i int, not string) answered {
		cookie := fmt.Sprintf("Cookie: sid=k3v9x0q27bz5m1w8r4t6y2c7d5f0hg1%d", i)
		return d.get("/session?not="+url.QueryEscape(not), cookie, fmt.Sprintf("X-Forwarded-For: 198.51.100.%d", i))
	}
	for i := range 3 { // then it is known that the cookie is the session
		if a := session(i, "nobody"); a.StatusCode != http.StatusOK {
			t.Fatalf("an ordinary request: %s (%v)", a.Status, d.lastError())
		}
	}
	for name, c := range map[string]struct {
		send func() answered
		how  func(Attributed) uint64
	}{
		"by its trace":   {func() answered { return d.item("/traced", injection) }, func(a Attributed) uint64 { return a.Exact }},
		"by its session": {func() answered { return session(4, injection) }, func(a Attributed) uint64 { return a.Value }},
		"by who sent it": {func() answered { return d.item("/items", injection) }, func(a Attributed) uint64 { return a.Ambiguous }},
	} {
		before := c.how(*d.appAccount().Attributed)
		a := c.send()
		if a.StatusCode != http.StatusForbidden {
			t.Errorf("%s: got %s %q (%v)", name, a.Status, a.text, d.lastError())
		}
		if told := d.told(a.Header.Get(RequestIDHeader)); len(told) != 1 || told[0].Name != "malicious_sqli" {
			t.Errorf("%s: told %v", name, outcomes(told))
		}
		if after := c.how(*d.appAccount().Attributed); after == before {
			t.Errorf("%s: counts %+v", name, *d.appAccount().Attributed)
		}
		d.settle()
	}
}

// settle waits until what ended is no longer remembered.
func (d *tiered) settle() {
	d.t.Helper()
	eventually(d.t, "what ended is forgotten", func() bool {
		d.backend.Forget()
		return len(d.backend.Exchanges()) <= 1
	})
}

func TestSQLGate_ClientThatLeavesAtOnce_IsHeldToItsInputsAllTheSame(t *testing.T) {
	t.Parallel()
	d := newTiered(t, newShop(t), nil, written(t, "network: {trusted_proxies: [127.0.0.1]}"))
	for range 5 {
		ctx, cancel := context.WithCancel(t.Context())
		before := d.inHold.Load()
		done := make(chan struct{})
		go func() {
			defer close(done)
			res, err := d.client.Do(d.request(http.MethodGet, "/late?name="+url.QueryEscape(injection), nil, "X-Forwarded-For: 203.0.113.10").WithContext(ctx))
			if err == nil {
				_ = res.Body.Close()
			}
		}()
		eventually(t, "the request", func() bool { return d.inHold.Load() > before })
		cancel()
		<-done
		eventually(t, "its end", func() bool { return d.exchanges.Len() == 0 })
		d.hold <- struct{}{}
		eventually(t, "its statement", func() bool { return d.inHold.Load() == before })
		if sqlState(d.lastError()) != "42501" {
			t.Fatalf("the backend got %v", d.lastError())
		}
	}
	if d.network.Stats().Bans != 1 {
		t.Error("five attacks of a client that always leaves, and no ban")
	}
}

// A client sends what the application itself writes. Whatever it is attributed
// to, nobody else is refused, and nobody is banned.
func TestSQLGate_AdversaryWhoSendsTheApplicationsOwnSQL_StopsNobody(t *testing.T) {
	t.Parallel()
	d := newTiered(t, newShop(t), nil, written(t, "network: {trusted_proxies: [127.0.0.1]}"))
	d.learn("/items?name=lamp", "/all")
	for _, text := range []string{
		"SELECT name FROM items WHERE name = 'lamp'", "SELECT name FROM items", "FROM items WHERE name =", "name", "SELECT name FROM items WHERE name = '",
	} {
		end := d.inFlight("/hold?q=" + url.QueryEscape(text))
		for range 3 {
			for _, target := range []string{"/items?name=lamp", "/all"} {
				if a := d.get(target, "X-Forwarded-For: 203.0.113.11"); a.StatusCode != http.StatusOK {
					t.Errorf("%q in flight: %s got %s (%v)", text, target, a.Status, d.lastError())
				}
			}
		}
		end()
	}
	if n := d.network.Stats().Bans; n != 0 {
		t.Errorf("%d bans", n)
	}
	if refused := d.found(EventFilter{Outcome: gatehouse.Refused}, ""); len(refused) > 0 {
		t.Errorf("refused: %v", outcomes(refused))
	}
}

// learn has the statements of these requests learned, by three clients.
func (d *tiered) learn(targets ...string) {
	d.t.Helper()
	for i := range 4 {
		for _, target := range targets {
			if a := d.get(target, fmt.Sprintf("X-Forwarded-For: 198.51.100.%d", i+1)); a.StatusCode != http.StatusOK {
				d.t.Fatalf("%s: %s (%v)", target, a.Status, d.lastError())
			}
		}
	}
	if n := d.appAccount().Templates; n < len(targets) {
		d.t.Fatalf("%d templates of %d shapes", n, len(targets))
	}
}

func TestSQLGate_Shapes_AreLearnedAndSurviveARestart(t *testing.T) {
	t.Parallel()
	dir, s := stateFolder(t), newShop(t)
	proxies := written(t, "network: {trusted_proxies: [127.0.0.1]}")
	first := newTiered(t, s, nil, proxies, onDisk(dir))
	first.learn("/items?name=lamp", "/all")
	first.pool.Close()
	first.end()
	strict := written(t, "network: {trusted_proxies: [127.0.0.1]}\nmodes: {data/guard: strict}")
	second := newTiered(t, s, nil, strict, onDisk(dir))
	if a := second.get("/items?name=chair"); a.StatusCode != http.StatusOK || a.text != "chair\n" {
		t.Errorf("a shape that was learned before: %s %q (%v)", a.Status, a.text, second.lastError())
	}
	if a := second.get("/raw?n=users"); a.StatusCode != http.StatusForbidden {
		t.Errorf("a shape that was not: %s", a.Status)
	}
	if n := second.appAccount().Known; n == 0 {
		t.Error("no hits")
	}
}

// Where jobs use the account too it is never known whose a statement is: shapes
// are learned all the same, of clients that are certainly different.
func TestSQLGate_ShapesOfNobodyKnowsWhom_AreLearned(t *testing.T) {
	t.Parallel()
	d := newTiered(t, newShop(t), func(g *config.SQLGate) { g.Clients[0].Background = "any" }, written(t, "network: {trusted_proxies: [127.0.0.1]}"))
	for i := range 4 {
		if a := d.get("/all", fmt.Sprintf("X-Forwarded-For: 198.51.100.%d", i+1)); a.StatusCode != http.StatusOK {
			t.Fatal(a.Status)
		}
		d.forget()
	}
	if a := d.get("/all"); a.StatusCode != http.StatusOK {
		t.Fatal(a.Status)
	}
	if a := d.appAccount(); a.Known == 0 || a.Attributed.Exact+a.Attributed.Value > 0 {
		t.Errorf("account %+v, %+v", a, *a.Attributed)
	}
}

// forget has the backend forget what has ended: time passes.
func (d *tiered) forget() {
	d.t.Helper()
	eventually(d.t, "what ended is forgotten", func() bool {
		d.backend.Forget()
		return !d.backend.Active()
	})
}

func TestSQLGate_Policy(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	limited := func(g *config.SQLGate) {
		g.Clients[0].Allow = []config.SQLGrant{{Verbs: []string{"select"}, Tables: []string{"items"}}, {Verbs: []string{"all"}, Tables: []string{"notes"}}}
		g.Clients[0].Rows = config.SQLRows{Returned: 100, Affected: 2}
	}
	const enforced = "modes: {data/policy/rows-returned: enforce, data/policy/no-where: enforce}"
	for _, c := range []struct {
		name, n, modes string
		account        func(*config.SQLGate)
		status         int
		event, rule    string
		outcome        gatehouse.Outcome
	}{
		{"definitions", "ddl", "", nil, 403, "authz_fail", policy.RuleDDL, gatehouse.Refused},
		{"definitions, observed", "ddl", "modes: {data/policy: observe}", func(g *config.SQLGate) { g.UpstreamUser = "postgres" }, 200, "authz_fail", policy.RuleDDL, gatehouse.Observed},
		{"a program", "program", "", nil, 403, "authz_fail", policy.RuleProgram, gatehouse.Refused},
		{"a table that is not granted", "users", "", limited, 403, "authz_fail", policy.RuleNotGranted, gatehouse.Refused},
		{"a table that is, of an account without a list", "users", "", nil, 200, "", "", ""},
		{"a delete of all rows", "delete", "", nil, 200, "authz_fail", policy.RuleNoWhere, gatehouse.Observed},
		{"a delete of all rows, refused", "delete", enforced, nil, 403, "authz_fail", policy.RuleNoWhere, gatehouse.Refused},
		{"many rows", "wide", "", func(g *config.SQLGate) { g.Clients[0].Rows.Returned = 100 }, 200, "gate_mass_rows", policy.RuleReturned, gatehouse.Observed},
		{"many rows, refused", "wide", enforced, func(g *config.SQLGate) { g.Clients[0].Rows.Returned = 100 }, 403, "gate_mass_rows", policy.RuleReturned, gatehouse.Refused},
		{"many rows, allowed", "wide", "", nil, 200, "", "", ""},
		{"off", "program", "modes: {data/policy: {mode: off, reason: x}}", nil, 200, "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newTiered(t, s, c.account, written(t, c.modes))
			a := d.get("/raw?n=" + c.n)
			if a.StatusCode != c.status {
				t.Errorf("got %s %q (%v)", a.Status, a.text, d.lastError())
			}
			if c.event == "" {
				found := append(d.found(EventFilter{}, "authz_fail"), d.found(EventFilter{}, "gate_mass_rows")...)
				if len(found) > 0 {
					t.Errorf("told %v", outcomes(found))
				}
				return
			}
			e := d.wantEvent(EventFilter{}, c.event)
			if e.Rule != c.rule || e.Outcome != c.outcome || e.Rung != policy.Rung || e.Request != a.Header.Get(RequestIDHeader) || e.Detail["account"] != "shop/app" {
				t.Errorf("event %+v", e)
			}
		})
		execAll(t, s.dsn(), "CREATE TABLE IF NOT EXISTS notes (body text)")
	}
}

func TestSQLGate_MigrateAccount_Defines(t *testing.T) {
	t.Parallel()
	d := newTiered(t, newShop(t), nil)
	c, err := pgx.Connect(t.Context(), d.dsn("migrate"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	if _, err := c.Exec(t.Context(), "CREATE TABLE added (n int)"); err != nil {
		t.Error(err)
	}
	l, err := d.Admin().Layers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Bypasses) != 1 || l.Bypasses[0].What != "account shop/migrate may do what others may not" {
		t.Errorf("bypasses %+v", l.Bypasses)
	}
}

func TestSQLGate_Reload_AppliesWhatAccountsMay(t *testing.T) {
	t.Parallel()
	d := newTiered(t, newShop(t), nil)
	if a := d.get("/raw?n=users"); a.StatusCode != http.StatusOK {
		t.Fatalf("before: %s (%v)", a.Status, d.lastError())
	}
	c := *d.current.Load().config
	g := c.Data.SQL[0]
	g.Clients = append([]config.SQLClient(nil), g.Clients...)
	g.Clients[0].Allow = []config.SQLGrant{{Verbs: []string{"select"}, Tables: []string{"items"}}}
	c.Data.SQL = []config.SQLGate{g}
	if err := d.Reload(&c); err != nil {
		t.Fatal(err)
	}
	if a := d.get("/raw?n=users"); a.StatusCode != http.StatusForbidden {
		t.Errorf("after: %s", a.Status)
	}
	if a := d.get("/all"); a.StatusCode != http.StatusOK {
		t.Errorf("what it may: %s", a.Status)
	}
	g.Listen = "127.0.0.1:1"
	moved := c
	moved.Data.SQL = []config.SQLGate{g}
	if err := d.Reload(&moved); err == nil || !strings.Contains(err.Error(), "data.sql[0].listen can't be changed") {
		t.Errorf("got %v", err)
	}
}

func TestSQLGate_WrongPassword_IsToldAndStandsWhereEverythingIsObserved(t *testing.T) {
	t.Parallel()
	d := newTiered(t, newShop(t), nil, observing)
	_, err := pgx.Connect(t.Context(), strings.Replace(d.dsn("app"), appPassword, "not-the-password", 1))
	if err == nil || !strings.Contains(err.Error(), "28P01") {
		t.Fatalf("got %v", err)
	}
	e := d.wantEvent(EventFilter{}, "authn_login_fail")
	if e.Rung != "data/account" || e.Outcome != gatehouse.Refused || e.Detail["account"] != "shop/app" || e.Client != "127.0.0.1" {
		t.Errorf("event %+v", e)
	}
}

func TestSQLGate_DatabaseThatIsDown_IsNoErrorOfTheStart(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	d := newTiered(t, newShop(t), func(g *config.SQLGate) { g.Upstream = "postgres://" + address + "/shop" })
	e := d.wantEvent(EventFilter{}, "gate_database_failed")
	if e.Detail["gate"] != "shop" || e.Detail["database"] != address || !strings.Contains(d.logs.String(), "the database accepts no connections") {
		t.Errorf("event %+v, logs\n%s", e, d.logs)
	}
	if a := d.get("/all"); a.StatusCode != http.StatusInternalServerError {
		t.Errorf("got %s", a.Status)
	}
	if l, err = net.Listen("tcp", address); err != nil {
		t.Skip("the port is taken: ", err)
	}
	defer l.Close()
	d.lookAtDatabases(t.Context())
	d.lookAtDatabases(t.Context())
	d.wantEvent(EventFilter{}, "gate_database_recovered")
}

func TestSQLGate_PortThatIsTaken_IsOneClearLine(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := config.Default()
	c.Upstream, c.Network.Listen, c.Store.Durable = "http://127.0.0.1:1", []string{"127.0.0.1:0"}, "memory"
	c.Data.SQL = []config.SQLGate{{Name: "shop", Engine: "postgres", Listen: l.Addr().String(), Upstream: "postgres://127.0.0.1/x", UpstreamUser: "u", Clients: []config.SQLClient{{User: "app", Password: appPassword}}}}
	g, err := New(Options{Config: c})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	err = g.Run(t.Context(), nil)
	if err == nil || !strings.HasPrefix(err.Error(), "SQL gate shop: listening on "+l.Addr().String()) || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
}

func TestSQLGate_RouteThatIsSerialised_IsKnownExactly(t *testing.T) {
	t.Parallel()
	d := newTiered(t, newShop(t), nil, written(t, "routes: [{path: /all, serialise: true}]"))
	end := make(chan struct{})
	defer func() { <-end }()
	go func() { // it ends soon, and is waited for
		defer close(end)
		res, err := d.client.Do(d.request(http.MethodGet, "/hold", nil))
		if err == nil {
			_, _ = io.ReadAll(res.Body)
			_ = res.Body.Close()
		}
	}()
	eventually(t, "the other request", func() bool { return d.inHold.Load() == 1 })
	time.AfterFunc(100*time.Millisecond, func() { d.hold <- struct{}{} })
	if a := d.get("/all"); a.StatusCode != http.StatusOK {
		t.Fatalf("got %s (%v)", a.Status, d.lastError())
	}
	if by := d.appAccount().Attributed; by.Exact == 0 || by.Ambiguous+by.Alone+by.Value > 0 {
		t.Errorf("attributed %+v", *by)
	}
}

func TestSQLGate_RouteThatIsSerialisedBesideAStream_GoesOn(t *testing.T) {
	t.Parallel()
	d := newTiered(t, newShop(t), nil, written(t, "routes: [{path: /all, serialise: true}]"))
	end := d.inFlight("/hold")
	defer end()
	if a := d.get("/all"); a.StatusCode != http.StatusOK {
		t.Fatalf("got %s (%v)", a.Status, d.lastError())
	}
	if by := d.appAccount().Attributed; by.Exact > 0 {
		t.Errorf("attributed %+v", *by)
	}
}

func TestSQLGate_LayersAndMetrics_TellWhatIsKnown(t *testing.T) {
	t.Parallel()
	d := newTiered(t, newShop(t), nil)
	d.item("/items", "lamp")
	d.item("/items", injection)
	l, err := d.Admin().Layers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(l.SQL) != 1 {
		t.Fatalf("gates %+v", l.SQL)
	}
	g := l.SQL[0]
	if g.Name != "shop" || g.Listen != d.sqlAddr() || g.Database != d.server.Addr() || g.Sessions == 0 || g.Accepted == 0 || g.Statements < 2 || g.Refused != 1 {
		t.Errorf("gate %+v", g)
	}
	a := d.appAccount()
	if a.Judged < 2 || a.Denied != 1 || a.Attributed.Exact < 2 || a.Attributed.Total() != a.Attributed.Exact {
		t.Errorf("account %+v, %+v", a, *a.Attributed)
	}
	metrics := metricsOf(t, d.Gate)
	for _, line := range []string{
		`gatehouse_sql_sessions{gate="shop"} `, `gatehouse_sql_sessions_total{gate="shop",result="accepted"} `, `gatehouse_sql_statements_total{gate="shop",result="refused"} 1`,
		`gatehouse_sql_attributed_total{account="shop/app",how="exact"} `,
	} {
		if !strings.Contains(metrics, line) {
			t.Errorf("%s is not among the metrics", line)
		}
	}
}

func TestSQLGate_Suggestions_AreOfWhatIsLearned(t *testing.T) {
	t.Parallel()
	dir := stateFolder(t)
	d := newTiered(t, newShop(t), nil, written(t, "network: {trusted_proxies: [127.0.0.1]}"), onDisk(dir))
	d.learn("/items?name=lamp")
	d.get("/items?name=chair")
	d.get("/raw?n=users")
	ask := func(a Admin, q SQLQuery) string {
		t.Helper()
		all, err := a.SuggestSQL(t.Context(), q)
		if err != nil || len(all) != 1 {
			t.Fatalf("%+v, %v", all, err)
		}
		return all[0].Text
	}
	app := SQLQuery{Account: "shop/app"}
	if text := ask(d.Admin(), app); !strings.Contains(text, "items") || strings.Contains(text, "users") {
		t.Errorf("policy:\n%s", text)
	}
	if text := ask(d.Admin(), SQLQuery{Account: "shop/app", Unlearned: true}); !strings.Contains(text, "users") {
		t.Errorf("policy, with what is not learned:\n%s", text)
	}
	grants := ask(d.Admin(), SQLQuery{Account: "shop/app", Grants: true, Role: "shop_app"})
	if !strings.Contains(grants, "GRANT SELECT ON") || !strings.Contains(grants, "shop_app") || strings.Contains(grants, "users") {
		t.Errorf("grants:\n%s", grants)
	}
	if _, err := d.Admin().SuggestSQL(t.Context(), SQLQuery{Account: "shop/nobody"}); err == nil {
		t.Error("an account that there is not has a suggestion")
	}
	d.pool.Close()
	d.end()
	left, err := OpenState(t.Context(), dir, true)
	if err != nil {
		t.Fatal(err)
	}
	defer left.Close()
	if text := ask(left, app); !strings.Contains(text, "items") {
		t.Errorf("after the end:\n%s", text)
	}
}

// A client whose statement was refused must not blur whose those of others are.
func TestSQLGate_AfterARefusal_OneRequestInFlightIsStillKnownToBeTheCause(t *testing.T) {
	t.Parallel()
	d := newTiered(t, newShop(t), nil)
	if a := d.item("/items", injection); a.StatusCode != http.StatusForbidden {
		t.Fatalf("got %s %q (%v)", a.Status, a.text, d.lastError())
	}
	before := d.appAccount().Attributed
	if a := d.item("/items", "lamp"); a.StatusCode != http.StatusOK || a.text != "lamp\n" {
		t.Fatalf("afterwards: %s %q", a.Status, a.text)
	}
	if after := d.appAccount().Attributed; after.Exact != before.Exact+1 {
		t.Errorf("the statement afterwards is not known to be its request's: before %+v, after %+v", before, after)
	}
}

// A configuration is described where its secrets are not, as in CI.
func TestDescribe_SQLGateWithoutItsSecrets_TellsItsAccounts(t *testing.T) {
	c, err := config.Parse("f", []byte("upstream: http://127.0.0.1:1\ndata: {sql: [{name: shop, engine: postgres, listen: '127.0.0.1:6432', upstream: '${env:NONE}', clients: [{user: app, password: '${env:NONE}'}]}]}"),
		config.Options{AllowMissingSecrets: true})
	if err != nil {
		t.Fatal(err)
	}
	l, err := Describe(t.Context(), c)
	if err != nil || len(l.SQL) != 1 || len(l.Accounts) != 1 || l.Accounts[0].Account != "shop/app" {
		t.Errorf("%v: %+v, %+v", err, l.SQL, l.Accounts)
	}
}

func TestSQLGate_OfDB_TakesAPortNearItsOwnAndKeepsItsAccount(t *testing.T) {
	t.Parallel()
	s, dir := newShop(t), stateFolder(t)
	database := func(o *Options) { o.Database, o.State = s.dsn(), dir }
	backend := newBackend(t, hello)
	first := gateTo(t, backend.URL, database)
	a, ok := first.Database()
	if !ok || a.User != "postgres" || a.Database != s.name || len(a.Password.Reveal()) != 32 || a.Host != "127.0.0.1" {
		t.Fatalf("account %+v", a)
	}
	c, err := pgx.Connect(t.Context(), a.URL())
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close(t.Context())
	// Another gate, on another state, has another port and another password.
	other := gateTo(t, backend.URL, func(o *Options) { o.Database = s.dsn() })
	if b, ok := other.Database(); !ok || b.Port == a.Port || b.Password == a.Password {
		t.Errorf("account %+v beside %+v", b, a)
	}
	same := *other.options.Config
	same.Data.SQL = nil // as it is read again
	if err := other.Reload(&same); err != nil {
		t.Errorf("a reload: %v", err)
	}
	first.end()
	again := gateTo(t, backend.URL, database)
	if b, ok := again.Database(); !ok || b.URL() != a.URL() {
		t.Error("the account is another one after a restart")
	}
	if err := again.Reload(&config.Config{Upstream: backend.URL, Data: config.Data{SQL: []config.SQLGate{{Name: "x"}}}}); err == nil || !strings.HasPrefix(err.Error(), "--db and the configuration's data.sql both") {
		t.Errorf("got %v", err)
	}
}

func TestSQLGate_ConnectionThatWasUpgraded_CountsAsARequestInFlight(t *testing.T) {
	t.Parallel()
	d := newTiered(t, newShop(t), nil)
	c := d.dial()
	fmt.Fprintf(c, "GET /upgrade HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: custom\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v, %v", res, err)
	}
	if a := d.get("/all"); a.StatusCode != http.StatusOK {
		t.Fatalf("got %s (%v)", a.Status, d.lastError())
	}
	if by := d.appAccount().Attributed; by.Exact > 0 || by.Ambiguous == 0 {
		t.Errorf("beside it: %+v", *by)
	}
	_ = c.Close()
	eventually(t, "its end", func() bool { return d.exchanges.Len() == 0 })
	before := *d.appAccount().Attributed
	if a := d.get("/all"); a.StatusCode != http.StatusOK {
		t.Fatalf("got %s (%v)", a.Status, d.lastError())
	}
	// It is not known what the backend still does for it.
	if by := d.appAccount().Attributed; by.Exact > before.Exact {
		t.Errorf("just after it: %+v", *by)
	}
}
