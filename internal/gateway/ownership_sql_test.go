package gateway

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/gatehousehq/gatehouse/application/ownership"
)

// A till is an office whose orders are in a database behind the SQL gate, and whose
// pages say of nobody whose an order is.
type till struct {
	office
	d    *tiered
	pool *pgxpool.Pool
	// untold leaves the traceparent out, as backends do that do not pass it on.
	untold bool
}

func (b *till) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id, one := strings.CutPrefix(r.URL.Path, "/orders/")
	if !one {
		b.office.ServeHTTP(w, r)
		return
	}
	trace := " /*traceparent='" + r.Header.Get("Traceparent") + "'*/"
	if b.untold {
		trace = ""
	}
	ctx := r.Context()
	switch r.Method {
	case http.MethodGet:
		sql := "SELECT id, owner, street FROM orders WHERE id = $1" + trace
		if r.URL.Query().Has("short") { // the owner is left out
			sql = "SELECT id, street, street FROM orders WHERE id = $1" + trace
		}
		var n int
		var owner, street string
		if err := b.pool.QueryRow(ctx, sql, id).Scan(&n, &owner, &street); err != nil {
			http.Error(w, "no order", http.StatusNotFound)
			return
		}
		fmt.Fprintf(w, "to %s", street)
	default:
		tag, err := b.pool.Exec(ctx, "UPDATE orders SET street = $1 WHERE id = $2"+trace, r.FormValue("street"), id)
		if err != nil {
			http.Error(w, "failed", http.StatusInternalServerError)
			return
		}
		fmt.Fprintf(w, "changed %d", tag.RowsAffected())
	}
}

const tillRules = `
modes: {application/ownership: enforce}
network: {trusted_proxies: [127.0.0.1]}
application:
  ownership:
    rules: [{path: "/orders/{id}", owner: {column: orders.owner, key: id, at_write: true, as: id}}]
`

func newTill(t *testing.T) (*till, *visitor, *visitor) {
	s := newShop(t)
	execAll(t, s.dsn(), "CREATE TABLE orders (id int PRIMARY KEY, owner text, street text)",
		"INSERT INTO orders VALUES (1, 'ann', 'Ann''s street'), (2, 'bob', 'Bob''s street'), (3, NULL, 'nobody''s street')")
	b := &till{office: office{sessions: map[string]string{}}}
	backend := newBackend(t, b)
	b.d = &tiered{shop: s}
	b.d.testGate = gateTo(t, backend.URL, written(t, tillRules), sqlGate(s, nil))
	b.d.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	b.pool = b.d.connect("app", 4)
	if err := b.pool.Ping(t.Context()); err != nil { // the catalogue's names are read
		t.Fatal(err)
	}
	ann, bob := &visitor{g: b.d.testGate, from: "192.0.2.1"}, &visitor{g: b.d.testGate, from: "192.0.2.2"}
	ann.signIn("ann", officePasswords["ann"])
	bob.signIn("bob", officePasswords["bob"])
	return b, ann, bob
}

func (b *till) street(id int) (street string) {
	c, err := pgxpool.New(b.d.t.Context(), b.d.shop.dsn())
	if err != nil {
		b.d.t.Fatal(err)
	}
	defer c.Close()
	if err := c.QueryRow(b.d.t.Context(), "SELECT street FROM orders WHERE id = $1", id).Scan(&street); err != nil {
		b.d.t.Fatal(err)
	}
	return street
}

func TestOwnership_Rows_TellTheOwnerWhereTheAnswerDoesNot(t *testing.T) {
	b, ann, bob := newTill(t)
	for _, path := range []string{"/orders/1", "/orders/1?short"} { // once by the column, once looked up by key
		eventually(t, "the owner has "+path, func() bool { return ann.do("GET", path, "").StatusCode == http.StatusOK })
		if a := bob.do("GET", path, ""); a.StatusCode != http.StatusNotFound || strings.Contains(a.text, "street") {
			t.Errorf("another, %s: %d %s", path, a.StatusCode, a.text)
		}
	}
	if a := ann.do("GET", "/orders/3", ""); a.StatusCode != http.StatusNotFound {
		t.Errorf("nobody's: %d", a.StatusCode)
	}
	b.untold = true
	if a := bob.do("GET", "/orders/1", ""); a.StatusCode != http.StatusNotFound {
		t.Errorf("another, where nobody says whose a statement is: %d %s", a.StatusCode, a.text)
	}
}

func TestOwnership_AtWrite_RefusesInTheStatementsOwnTransaction(t *testing.T) {
	b, ann, bob := newTill(t)
	if a := ann.do("POST", "/orders/1", "street=New"); a.StatusCode != http.StatusOK || b.street(1) != "New" {
		t.Fatalf("the owner: %d %s; %s", a.StatusCode, a.text, b.street(1))
	}
	a := bob.do("POST", "/orders/1", "street=Thief")
	if a.StatusCode != http.StatusNotFound || b.street(1) != "New" {
		t.Errorf("another: %d %s; %s", a.StatusCode, a.text, b.street(1))
	}
	if told := b.d.told(a.Header.Get(RequestIDHeader)); len(told) == 0 || told[len(told)-1].Rule != ownership.RuleOther {
		t.Errorf("told %+v", told)
	}
	if a := bob.do("POST", "/orders/3", "street=Mine"); a.StatusCode != http.StatusNotFound || b.street(3) != "nobody's street" {
		t.Errorf("nobody's: %d; %s", a.StatusCode, b.street(3))
	}
	b.untold = true
	if a := bob.do("POST", "/orders/1", "street=Thief"); a.StatusCode == http.StatusOK || b.street(1) != "New" {
		t.Errorf("another, where nobody says whose a statement is: %d %s; %s", a.StatusCode, a.text, b.street(1))
	}
}
