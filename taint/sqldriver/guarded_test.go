package sqldriver_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/taint"
	"github.com/gatehousehq/gatehouse/taint/sqldriver"
)

// search is the program's own mistake: the input is concatenated.
func search(ctx context.Context, db *sql.DB, q string) error {
	rows, err := db.QueryContext(ctx, "select author from notes where body like '%"+q+"%'")
	if err != nil {
		return err
	}
	return rows.Close()
}

func TestGuarded_InputBecomesStructure_IsRefused(t *testing.T) {
	_, judge := newGuarded(t)
	db := openWrapped(t, judge)
	for i, ordinary := range []string{"note", "first", "second", "o''brien"} {
		_, ctx := requested(t, fmt.Sprint("192.0.2.", i+1), "/search?q="+url.QueryEscape(ordinary))
		if err := search(ctx, db, ordinary); err != nil {
			t.Fatalf("%q: %v", ordinary, err)
		}
	}
	attack := "x' union select sql from sqlite_master --"
	x, ctx := requested(t, "192.0.2.66", "/search?q="+url.QueryEscape(attack))
	err := search(ctx, db, attack)
	refused, ok := errors.AsType[*sqldriver.RefusedError](err)
	if !ok {
		t.Fatalf("the attack's error is %v", err)
	}
	if refused.Request != x.ID || !strings.Contains(err.Error(), x.ID) || strings.Contains(err.Error(), "union") {
		t.Errorf("the error of request %s is %q of request %q", x.ID, err, refused.Request)
	}
	d, ok := x.Refusal()
	if !ok || d.Verdict != gatehouse.Deny || d.Rung != "data/guard" || d.Rule != taint.RuleStructure || d.Route != "GET /search" || d.Place.String() != "query:q" {
		t.Errorf("Refusal() = %+v, %v", d, ok)
	}
	if strings.Contains(d.Evidence, "union") {
		t.Errorf("the evidence holds the input: %s", d.Evidence)
	}
}

func TestGuarded_RowBecomesStructure_IsRefused(t *testing.T) {
	_, judge := newGuarded(t)
	db := openWrapped(t, judge)
	stored := "x' union select sql from sqlite_master --"
	if _, err := db.Exec("insert into notes (id, author) values (?, ?)", 3, stored); err != nil {
		t.Fatal(err)
	}
	x, ctx := requested(t, "192.0.2.1", "/notes/3")
	var author string
	if err := db.QueryRowContext(ctx, "select author from notes where id = ?", 3).Scan(&author); err != nil {
		t.Fatal(err)
	}
	if err := search(ctx, db, author); err == nil {
		t.Error("what an earlier client stored became structure")
	}
	if d, _ := x.Refusal(); d.Place.String() != "row:author" {
		t.Errorf("Refusal() = %+v, want the row as its place", d)
	}
}

func TestGuarded_BoundValues_PassWhateverTheyHold(t *testing.T) {
	_, judge := newGuarded(t)
	db := openWrapped(t, judge)
	for _, v := range []string{"x' union select 1 --", "select author from notes where body like ?", "'; drop table notes; --"} {
		_, ctx := requested(t, "192.0.2.1", "/search?q="+url.QueryEscape(v))
		if _, err := db.ExecContext(ctx, "update notes set body = ? where id = 2", v); err != nil {
			t.Errorf("%q: %v", v, err)
		}
	}
}

func TestGuarded_SeveralClients_MakeATemplate(t *testing.T) {
	guard, judge := newGuarded(t)
	db := openWrapped(t, judge)
	held := func(shape string) bool {
		for _, k := range guard.Templates() {
			if strings.Contains(k.Shape, shape) {
				return true
			}
		}
		return false
	}
	for client := 1; client <= taint.DefaultOrigins; client++ {
		if held("notes where") {
			t.Fatalf("learned from %d clients", client-1)
		}
		for range 3 { // one client counts once
			_, ctx := requested(t, fmt.Sprint("192.0.2.", client), "/search?q=several+ordinary+words")
			if err := search(ctx, db, "several ordinary words"); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !held("where body") {
		t.Errorf("not learned from %d clients: %v", taint.DefaultOrigins, guard.Templates())
	}
}

func TestGuarded_BadConnectionTriedAgain_CountsOneOrigin(t *testing.T) {
	guard, judge := newGuarded(t)
	f := &fake{conn: bareConns["all"], stmt: bareStmts["none"], rows: bareRows["none"], fail: map[string]error{"conn.ExecContext": driver.ErrBadConn}}
	db := wrap(t, f, judge.Judge)
	_, ctx := requested(t, "192.0.2.1", "/search?q=several+ordinary+words")
	if _, err := db.ExecContext(ctx, "update notes set n = 1"); err != nil {
		t.Fatal(err)
	}
	if tried := strings.Count(strings.Join(f.log(), "\n"), "conn.ExecContext"); tried != 2 {
		t.Fatalf("the driver was asked %d times, want a second attempt", tried)
	}
	if s := guard.Suspects(); len(s) != 1 || s[0].Origins != 1 {
		t.Errorf("in quarantine: %+v; want one shape of one origin", s)
	}
	if len(guard.Templates()) != 0 {
		t.Errorf("learned %v from one client", guard.Templates())
	}
}

func TestGuarded_Principals_AreOriginsBeforeAddresses(t *testing.T) {
	guard, judge := newGuarded(t)
	db := openWrapped(t, judge)
	for _, principal := range []string{"ann", "bob", "ann", "bob"} {
		x, ctx := requested(t, "192.0.2.1", "/search?q=several+ordinary+words")
		x.Principal.ID = principal
		if _, err := db.ExecContext(ctx, "update notes set n = n + 1"); err != nil {
			t.Fatal(err)
		}
	}
	if s := guard.Suspects(); len(s) != 1 || s[0].Origins != 2 {
		t.Errorf("in quarantine: %+v; want one shape of two origins", s)
	}
}

func TestGuarded_ManyClientsAtOnce_NoneDisturbsAnother(t *testing.T) {
	_, judge := newGuarded(t)
	db := openWrapped(t, judge)
	for i := range 4 {
		_, ctx := requested(t, fmt.Sprint("192.0.2.", i+1), "/search?q=note")
		if err := search(ctx, db, "note"); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 25 {
				q := fmt.Sprint("note ", i)
				if w%2 == 1 {
					q = fmt.Sprint("x' or id = ", i, " union select sql from sqlite_master --")
				}
				_, ctx := requested(t, fmt.Sprint("192.0.2.", w+1), "/search?q="+url.QueryEscape(q))
				if err := search(ctx, db, q); (err != nil) != (w%2 == 1) {
					t.Errorf("%q: %v", q, err)
				}
			}
		})
	}
	wg.Wait()
}
