package sqldriver_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse/exchange"
	"github.com/gatehousehq/gatehouse/taint"
	"github.com/gatehousehq/gatehouse/taint/sqldriver"
)

type passAll struct{}

func (passAll) Judge(context.Context, *exchange.Exchange, taint.Statement) error { return nil }

// ownNotes lets only ann's notes be changed, by their number.
type ownNotes struct{ t *testing.T }

func (b ownNotes) Before(_ context.Context, _ *exchange.Exchange, st taint.Statement) ([]sqldriver.Check, error) {
	switch {
	case strings.Contains(st.SQL, "panic"):
		panic("broken")
	case strings.Contains(st.SQL, "unknown"):
		return nil, errors.New("it cannot be said whose they are")
	case strings.Contains(st.SQL, "wrong"):
		return []sqldriver.Check{{SQL: "select nothing from nowhere"}}, nil
	case strings.HasPrefix(st.SQL, "update notes") && strings.Contains(st.SQL, "?"):
		return []sqldriver.Check{{SQL: "select 1 from notes where author <> 'ann' and id = ?", Params: []int{1}}}, nil
	case strings.HasPrefix(st.SQL, "update notes"):
		return []sqldriver.Check{{SQL: "select 1 from notes where author <> 'ann' and id = " + st.SQL[len(st.SQL)-1:]}}, nil
	}
	return nil, nil
}

func openChecked(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sqldriver.Open("sqlite", dsn(t), sqldriver.Options{
		Account: "app", Lexer: taint.Lexer{Dialect: taint.SQLite}, Judge: passAll{}, Before: ownNotes{t},
	})
	if err != nil {
		t.Fatal(err)
	}
	return filled(t, closing(t, db))
}

func bodies(t *testing.T, db *sql.DB) string {
	t.Helper()
	var all string
	if err := db.QueryRow("select group_concat(body, ',') from (select body from notes order by id)").Scan(&all); err != nil {
		t.Fatal(err)
	}
	return all
}

func wantRefusal(t *testing.T, err error) {
	t.Helper()
	var r *sqldriver.RefusedError
	if !errors.As(err, &r) {
		t.Fatalf("got %v, want a refusal", err)
	}
}

func TestBefore_ThatSaysNo_RefusesTheStatement(t *testing.T) {
	db := openChecked(t)
	must := func(_ sql.Result, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(db.Exec("update notes set body = ? where id = ?", "own", 1))
	for _, sql := range []string{"update notes set body = 'x' where id = 2", "update notes set body = 'panic' where id = 1", "update notes set body = 'unknown' where id = 1", "update notes set body = 'wrong' where id = 1"} {
		_, err := db.Exec(sql)
		wantRefusal(t, err)
	}
	_, err := db.Exec("update notes set body = ? where id = ?", "x", 2)
	wantRefusal(t, err)
	prepared, err := db.Prepare("update notes set body = ? where id = ?")
	if err != nil {
		t.Fatal(err)
	}
	defer prepared.Close()
	must(prepared.Exec("prepared", 1))
	_, err = prepared.Exec("x", 2)
	wantRefusal(t, err)
	if got := bodies(t, db); got != "prepared,a second note" {
		t.Errorf("the rows are %q", got)
	}
}

// In a transaction of the program's, the check is in it, and the transaction goes
// on for the program to end.
func TestBefore_InATransaction_IsInIt(t *testing.T) {
	db := openChecked(t)
	ctx := t.Context()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec("insert into notes (id, author, body) values (3, 'ann', 'new')"); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec("update notes set body = ? where id = ?", "changed", 3); err != nil {
		t.Fatal(err)
	}
	_, err = tx.Exec("update notes set body = ? where id = ?", "x", 2)
	wantRefusal(t, err)
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{"begin immediate", "insert into notes (id, author, body) values (3, 'ann', 'new')", "update notes set body = 'by hand' where id = 3", "savepoint a", "rollback to a", "update notes set body = 'by hand' where id = 1", "commit"} {
		if _, err := conn.ExecContext(ctx, sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	if _, err := conn.ExecContext(ctx, "update notes set body = 'after' where id = 1"); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	if got := bodies(t, db); got != "after,a second note,by hand" {
		t.Errorf("the rows are %q", got)
	}
}

// Rows that a statement returns are read in the transaction of its check, which
// ends with them.
func TestBefore_AStatementThatReturnsRows_EndsWithThem(t *testing.T) {
	db := openChecked(t)
	db.SetMaxOpenConns(1)
	rows, err := db.Query("update notes set body = ? where id = ? returning id", "own", 1)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for rows.Next() {
		n++
	}
	if err := rows.Err(); err != nil || n != 1 {
		t.Fatalf("%d rows, %v", n, err)
	}
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = db.Query("update notes set body = ? where id = ? returning id", "x", 2)
	wantRefusal(t, err)
	if got := bodies(t, db); got != "own,a second note" {
		t.Errorf("the rows are %q", got)
	}
}
