package privilege_test

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/data/privilege"
	"github.com/gatehousehq/gatehouse/examples/shop"
	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/internal/gateway"
	"github.com/gatehousehq/gatehouse/internal/testkit"
	"github.com/gatehousehq/gatehouse/internal/testkit/postgres"
	"github.com/gatehousehq/gatehouse/taint"
	"github.com/gatehousehq/gatehouse/taint/outline"
)

// A protectedShop is the demo's shop on PostgreSQL, between both gates, with
// every rung off but those that say who a request is from.
type protectedShop struct {
	t     *testing.T
	super *pgx.Conn
	gate  *gateway.Gate
	url   string
	dsn   string // of the shop's account at the SQL gate
}

const accountPassword = "the shop's password"

// openShop fills the shop's database, gives it row-level security, and serves it.
func openShop(t *testing.T) *protectedShop {
	s := postgres.Start(t)
	p := &protectedShop{t: t}
	for _, text := range []string{"create role shop_owner login", "create database shop owner shop_owner"} {
		if err := run(t, connect(t, s, postgres.User, "postgres"), text); err != nil {
			t.Fatal(err)
		}
	}
	p.super = connect(t, s, postgres.User, "shop")
	owner := openDB(t, s.DSNFor("shop_owner", "", "shop"))
	filled, err := shop.New(shop.Options{Engine: shop.PostgreSQL, DB: owner, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if err := filled.Close(); err != nil {
		t.Fatal(err)
	}
	facts := &privilege.Facts{Account: "shop/app"}
	for _, table := range []string{"users", "products", "reviews", "orders", "order_lines", "sessions", "cart_lines"} {
		for _, text := range []string{"select * from %s", "insert into %s values (1)", "update %s set a = 1 where b = 2", "delete from %s where b = 2"} {
			facts.Add(outline.Of(taint.Lexer{Dialect: taint.PostgreSQL}, fmt.Sprintf(text, table)), time.Unix(0, 0))
		}
	}
	grants, err := privilege.Grants(facts, privilege.Options{Role: "shop_app", Database: "shop", RLS: &privilege.RLS{
		Owners: owners(t, "orders.user_id=users.id", "order_lines.order_id>orders.id"), Admins: []string{"admin"}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := run(t, p.super, grants); err != nil {
		t.Fatal(err)
	}
	var key string
	if err := p.super.QueryRow(t.Context(), "select encode(secret, 'hex') from gatehouse.key").Scan(&key); err != nil {
		t.Fatal(err)
	}
	p.start(s, key)
	return p
}

// start starts the gate, then the shop that it stands before and behind.
func (p *protectedShop) start(s *postgres.Server, key string) {
	ln, err := shop.Listen("127.0.0.1:0")
	if err != nil {
		p.t.Fatal(err)
	}
	sqlAddress := "127.0.0.1:" + testkit.FreePort(p.t)
	p.runGate(p.configure("http://"+ln.Addr().String(), sqlAddress, s.Addr(), key))
	u := url.URL{Scheme: "postgres", User: url.UserPassword("app", accountPassword), Host: sqlAddress, Path: "/shop", RawQuery: "sslmode=disable"}
	p.dsn = u.String()
	serve(p.t, ln, shop.Options{Engine: shop.PostgreSQL, DB: openDB(p.t, p.dsn), Migrator: openDB(p.t, s.DSNFor("shop_owner", "", "shop")), Dir: p.t.TempDir()})
}

func (p *protectedShop) configure(upstream, sqlAddress, database, key string) *config.Config {
	p.t.Helper()
	folder := p.t.TempDir()
	for name, content := range map[string]string{"key": key + "\n", "password": accountPassword} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			p.t.Fatal(err)
		}
	}
	var accounts []string
	for _, a := range shop.Accounts() {
		roles := ""
		if a.Admin {
			roles = ", roles: [admin]"
		}
		accounts = append(accounts, fmt.Sprintf("      - {name: %s, aliases: {users.id: \"%d\"}%s}\n", a.Email, a.ID, roles))
	}
	text := fmt.Sprintf(`upstream: %s
network: {listen: ["127.0.0.1:0"], plaintext: {reason: a test}, trusted_proxies: [127.0.0.1]}
store: {durable: memory}
modes:
%sidentity:
  backend_session:
    accounts:
%sdata:
  sql:
    - name: shop
      engine: postgres
      listen: "%s"
      upstream: "postgres://%s/shop"
      upstream_user: shop_app
      clients:
        - {user: app, password: "${file:%s}", background: none, rls: {key: "${file:%s}"}}
`, upstream, rungsOff(p.t), strings.Join(accounts, ""), sqlAddress, database, filepath.Join(folder, "password"), filepath.Join(folder, "key"))
	c, err := config.Parse("", []byte(text), config.Options{Rungs: gateway.RungNames(), Strict: gateway.StrictRungs()})
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

// rungsOff is the section that has every rung off but those that are needed, and
// those that say who a request is from.
func rungsOff(t *testing.T) string {
	t.Helper()
	var modes []string
	needed := gateway.NeededRungs()
	for _, name := range gateway.RungNames() {
		if _, is := needed[name]; !is && !strings.HasPrefix(name, "identity/") {
			modes = append(modes, fmt.Sprintf("  %s: {mode: off, reason: the database alone is tried}\n", name))
		}
	}
	if !slices.ContainsFunc(modes, func(s string) bool { return strings.HasPrefix(s, "  data/guard: ") }) {
		t.Fatalf("data/guard is not among %v", modes)
	}
	return strings.Join(modes, "")
}

func (p *protectedShop) runGate(c *config.Config) {
	var err error
	if p.gate, err = gateway.New(gateway.Options{Config: c}); err != nil {
		p.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(p.t.Context()))
	ready, done := make(chan string, 1), make(chan error, 1)
	go func() { done <- p.gate.Run(ctx, func(a []string) { ready <- a[0] }) }()
	p.t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			p.t.Error(err)
		}
		if err := p.gate.Close(); err != nil {
			p.t.Error(err)
		}
	})
	select {
	case p.url = <-ready:
	case err := <-done:
		p.t.Fatalf("the gate did not start: %v", err)
	}
}

func serve(t *testing.T, ln net.Listener, o shop.Options) {
	t.Helper()
	sh, err := shop.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- sh.Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the shop: %v", err)
		}
		if err := sh.Close(); err != nil {
			t.Error(err)
		}
	})
}

func openDB(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	c, err := shop.PostgresConnector(dsn)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(4)
	db.SetMaxIdleConns(4)                // PostgreSQL forks for each connection
	t.Cleanup(func() { _ = db.Close() }) // the server may have gone
	return db
}

// A customer is somebody's browser.
type customer struct {
	p    *protectedShop
	http *http.Client
}

func (p *protectedShop) customer(id int64) *customer {
	p.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		p.t.Fatal(err)
	}
	c := &customer{p, &http.Client{Jar: jar, Timeout: 10 * time.Second, Transport: &http.Transport{}}}
	p.t.Cleanup(c.http.CloseIdleConnections)
	for _, a := range shop.Accounts() {
		if a.ID == id {
			if status, body := c.ask("POST", "/login", url.Values{"email": {a.Email}, "password": {a.Password}}); status != http.StatusOK {
				p.t.Fatalf("signing in as %s: %d %s", a.Email, status, body)
			}
		}
	}
	return c
}

func (c *customer) ask(method, path string, form url.Values) (int, string) {
	c.p.t.Helper()
	r, err := http.NewRequestWithContext(c.p.t.Context(), method, c.p.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		c.p.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := c.http.Do(r)
	if err != nil {
		c.p.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		c.p.t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func (p *protectedShop) read(text string) string {
	p.t.Helper()
	var out string
	if err := p.super.QueryRow(p.t.Context(), text).Scan(&out); err != nil {
		p.t.Fatal(err)
	}
	return out
}

// present is in the note of order 42, which is marta's.
const present = "birthday present"

func TestRLS_OfTheShop_DatabaseAloneStopsIDOR(t *testing.T) {
	p := openShop(t)
	marta, jonas, ingrid := p.customer(2), p.customer(3), p.customer(1)
	before := p.read("select json_agg(o order by id)::text from orders o where user_id <> 3")

	if status, body := marta.ask("GET", "/orders/42", nil); status != http.StatusOK || !strings.Contains(body, present) {
		t.Errorf("her own order: %d %.300s", status, body)
	}
	if status, body := ingrid.ask("GET", "/orders/42", nil); status != http.StatusOK || !strings.Contains(body, present) {
		t.Errorf("as the owner of the shop: %d %.300s", status, body)
	}
	status, body := jonas.ask("GET", "/orders/42", nil)
	none, noneBody := jonas.ask("GET", "/orders/424242", nil)
	if status != http.StatusNotFound || status != none || strings.Contains(body, present) || len(body) != len(noneBody) {
		t.Errorf("another's order: %d, one that is not there: %d\n%.300s", status, none, body)
	}
	if status, body := jonas.ask("GET", "/account", nil); status != http.StatusOK || strings.Contains(body, "/orders/42\"") {
		t.Errorf("his account: %d %.300s", status, body)
	}
	for _, do := range []string{"/orders/42/cancel", "/orders/42/address"} {
		jonas.ask("POST", do, url.Values{"street": {"Elsewhere 1"}, "city": {"Nowhere"}})
	}
	p.inject(marta, jonas)
	if now := p.read("select json_agg(o order by id)::text from orders o where user_id <> 3"); now != before {
		t.Errorf("others' orders were\n%s\nand are\n%s", before, now)
	}
	p.buys(jonas)
	p.speaks()

	// Control: it is the database that stops it.
	if err := run(t, p.super, "alter table orders disable row level security"); err != nil {
		t.Fatal(err)
	}
	if status, body := jonas.ask("GET", "/orders/42", nil); status != http.StatusOK || !strings.Contains(body, present) {
		t.Errorf("without row-level security: %d %.300s", status, body)
	}
}

// inject reads and changes orders by the shop's injections.
func (p *protectedShop) inject(marta, jonas *customer) {
	p.t.Helper()
	forged := strings.ReplaceAll(p.forged(), "'", "''")
	union := func(note string) string {
		return "/api/products/" + url.PathEscape("0 UNION SELECT 1, 'a', 'b', 'c', 'd', 1, 1, "+note+", 'e'")
	}
	all := union("(SELECT string_agg(note, ' ') FROM orders)")
	if status, body := marta.ask("GET", all, nil); !strings.Contains(body, present) {
		p.t.Errorf("control: the injection does not show marta her own: %d %.300s", status, body)
	}
	for _, path := range []string{
		all, union("(SELECT note FROM orders WHERE id = 42)"), union("query_to_xml('select note from orders', true, true, '')::text"),
		union("set_config('gatehouse.principal', '" + forged + "', true) || (SELECT string_agg(note, ' ') FROM orders)"),
		union("query_to_xml('select set_config(''gatehouse.principal'', ''" + forged + "'', true)', true, true, '')::text || query_to_xml('select note from orders', true, true, '')::text"),
		union("query_to_xml('select set_config(''gatehouse.principal'', ''{\"names\":{\"users.id\":\"2\"}}'', false)', true, true, '')::text || query_to_xml('select note from orders', true, true, '')::text"),
		union("(SELECT encode(secret, 'hex') FROM gatehouse.key)"),
	} {
		if status, body := jonas.ask("GET", path, nil); strings.Contains(body, present) {
			p.t.Errorf("%s shows it: %d %.300s", path, status, body)
		}
	}
	for _, stacked := range []string{
		"3; UPDATE orders SET note = 'taken' WHERE id = 42", "3; SELECT set_config('gatehouse.principal', '" + forged + "', false); UPDATE orders SET note = 'taken'",
		"3; RESET ROLE; SET row_security = off; UPDATE orders SET note = 'taken' WHERE id = 42", "3; COMMIT; UPDATE orders SET note = 'taken' WHERE id = 42",
		"3; DELETE FROM orders WHERE id = 42", "3; DISCARD TEMP; TRUNCATE orders CASCADE",
	} {
		jonas.ask("POST", "/reviews/helpful", url.Values{"review": {stacked}, "product": {"3"}})
	}
	for range 8 { // whichever of the pool's connections it left something in
		if status, body := jonas.ask("GET", "/orders/42", nil); strings.Contains(body, present) {
			p.t.Errorf("afterwards: %d %.300s", status, body)
		}
	}
}

// forged is what the gate and the database made for marta, once.
func (p *protectedShop) forged() string {
	key := p.read("select encode(secret, 'hex') from gatehouse.key")
	m := &market{t: p.t}
	own := m.newSigner(key, time.Now).Principal(customerNamed("2"))
	return strings.TrimSuffix(strings.TrimPrefix(own, "SELECT gatehouse.enter('"), "')") + "." + strings.Repeat("0", 64)
}

func customerNamed(id string) gatehouse.Principal {
	return gatehouse.Principal{ID: "marta@example.com", Issuer: "backend", Aliases: []gatehouse.Alias{{Name: "users.id", Value: id}}}
}

// buys has a customer order something: inserts into both tables.
func (p *protectedShop) buys(c *customer) {
	p.t.Helper()
	c.ask("POST", "/cart/add", url.Values{"product": {"3"}, "quantity": {"2"}})
	status, body := c.ask("POST", "/checkout", url.Values{"name": {"Jonas"}, "street": {"Lane 1"}, "city": {"Bern"}, "note": {"by the gate"}})
	if got := p.read("select count(*) || ' ' || coalesce(sum(l.quantity), 0) from orders o join order_lines l on l.order_id = o.id where o.note = 'by the gate' and o.user_id = 3"); got != "1 2" {
		p.t.Errorf("ordering: %d, and %q is in the tables: %.400s", status, got, body)
	}
}

// speaks has a program speak to the SQL gate of which no request is known.
func (p *protectedShop) speaks() {
	p.t.Helper()
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeSimpleProtocol, pgx.QueryExecModeCacheStatement, pgx.QueryExecModeExec} {
		o, err := pgx.ParseConfig(p.dsn)
		if err != nil {
			p.t.Fatal(err)
		}
		o.DefaultQueryExecMode = mode
		c, err := pgx.ConnectConfig(p.t.Context(), o)
		if err != nil {
			p.t.Fatal(err)
		}
		var n int
		for range 2 {
			if err := c.QueryRow(p.t.Context(), "select count(*) from orders where id > $1", 0).Scan(&n); err != nil || n != 0 {
				p.t.Errorf("%v: a statement of nobody knows whom sees %d orders (%v)", mode, n, err)
			}
		}
		m := &market{t: p.t}
		stolen := m.newSigner(p.read("select encode(secret, 'hex') from gatehouse.key"), time.Now).Principal(customerNamed("2"))
		if _, err := c.Exec(p.t.Context(), stolen); sqlState(err) != "42501" {
			p.t.Errorf("%v: what the gate sends is taken from a client: %v", mode, err)
		}
		// What touches no row goes on as it is, also where no transaction may be.
		for _, text := range []string{"show server_version", "begin isolation level serializable", "select count(*) from orders", "commit", "discard all"} {
			if _, err := c.Exec(p.t.Context(), text); err != nil {
				p.t.Errorf("%v: %s: %v", mode, text, err)
			}
		}
		if err := c.Close(p.t.Context()); err != nil {
			p.t.Error(err)
		}
	}
}
