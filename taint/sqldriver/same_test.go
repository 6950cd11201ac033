package sqldriver_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/exchange"
	"github.com/gatehousehq/gatehouse/taint"
	"github.com/gatehousehq/gatehouse/taint/sqldriver"
)

// judgeFunc is a Judge.
type judgeFunc func(context.Context, *exchange.Exchange, taint.Statement) error

func (f judgeFunc) Judge(ctx context.Context, x *exchange.Exchange, st taint.Statement) error {
	return f(ctx, x, st)
}

func pass(context.Context, *exchange.Exchange, taint.Statement) error { return nil }

func options(c driver.Connector, judge judgeFunc) sqldriver.Options {
	return sqldriver.Options{Connector: c, Account: "app", Lexer: taint.Lexer{Dialect: taint.SQLite}, Judge: judge}
}

func wrap(t testing.TB, c driver.Connector, judge judgeFunc) *sql.DB {
	t.Helper()
	wrapped, err := sqldriver.New(options(c, judge))
	if err != nil {
		t.Fatal(err)
	}
	return closing(t, sql.OpenDB(wrapped))
}

func closing(t testing.TB, db *sql.DB) *sql.DB {
	t.Helper()
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func newExchange(t testing.TB) *exchange.Exchange {
	t.Helper()
	table, err := exchange.NewTable(exchange.Options{})
	if err != nil {
		t.Fatal(err)
	}
	x, err := table.Begin()
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// A use is something that a program does with a database; it gives what the
// program sees of it.
type use struct {
	name string
	do   func(context.Context, *sql.DB) string
}

func execute(query string, args ...any) func(context.Context, *sql.DB) string {
	return func(ctx context.Context, db *sql.DB) string { return executed(db.ExecContext(ctx, query, args...)) }
}

func executed(r sql.Result, err error) string {
	if err != nil {
		return err.Error()
	}
	n, err := r.RowsAffected()
	return fmt.Sprint(n, err)
}

func query(query string, args ...any) func(context.Context, *sql.DB) string {
	return func(ctx context.Context, db *sql.DB) string { return read(db.QueryContext(ctx, query, args...)) }
}

// read reads rows to their end, with all that can be asked of them.
func read(rows *sql.Rows, err error) string {
	if err != nil {
		return err.Error()
	}
	defer rows.Close()
	var seen strings.Builder
	for more := true; more; more = rows.NextResultSet() {
		columns, err := rows.Columns()
		fmt.Fprint(&seen, columns, err)
		types, err := rows.ColumnTypes()
		for _, c := range types {
			length, hasLength := c.Length()
			nullable, known := c.Nullable()
			precision, scale, decimal := c.DecimalSize()
			fmt.Fprint(&seen, c.Name(), c.DatabaseTypeName(), c.ScanType(), length, hasLength, nullable, known, precision, scale, decimal, err)
		}
		for rows.Next() {
			var n, body any
			err := rows.Scan(&n, &body)
			fmt.Fprintf(&seen, "%v %s %v\n", n, body, err)
		}
	}
	fmt.Fprint(&seen, rows.Err(), rows.Close(), rows.Next())
	return seen.String()
}

var uses = []use{
	{"execute", execute("insert any", 1, "two", []byte("three"), 4.5, true, nil, time.Unix(0, 0).UTC())},
	{"execute without arguments", execute("delete")},
	{"execute with names", execute("update any", sql.Named("a", 1), sql.Named("b", "x"))},
	{"execute with a bad name", execute("update any", sql.Named("", 1), sql.Named("1b", "x"))},
	{"execute with a text", execute("update ?", text{"x"})},
	{"execute with a surplus", execute("update ?", 1, text{"y"}, make(chan bool))},
	{"execute with too few", execute("update ? ?", 1)},
	{"execute with a channel", execute("update ?", make(chan int))},
	{"execute with one removed", execute("update ?", struct{}{}, 2)},
	{"execute with sql.Out", execute("call any", sql.Out{Dest: new(string)})},
	{"execute with Null and Valuer", execute("insert any", sql.NullString{}, sql.NullInt64{Int64: 5, Valid: true}, sql.NullString{String: "s", Valid: true})},
	{"execute with a broken Valuer", execute("insert any", valuer{})},
	{"query", query("select any", "x")},
	{"query with a text", query("select ?", text{"x"})},
	{"query with names", query("select any", sql.Named("a", "x"))},
	{"one row", func(ctx context.Context, db *sql.DB) string {
		var n int
		var raw sql.RawBytes
		err := db.QueryRowContext(ctx, "select any").Scan(&n, &raw)
		return fmt.Sprint(n, string(raw), err)
	}},
	{"next result set first", func(ctx context.Context, db *sql.DB) string {
		rows, err := db.QueryContext(ctx, "select any")
		if err != nil {
			return err.Error()
		}
		return fmt.Sprint(rows.NextResultSet(), rows.Next(), rows.Err(), rows.NextResultSet(), rows.Err(), rows.Close())
	}},
	{"prepare", func(ctx context.Context, db *sql.DB) string {
		stmt, err := db.PrepareContext(ctx, "select ?")
		if err != nil {
			return err.Error()
		}
		defer stmt.Close()
		first, again := executed(stmt.ExecContext(ctx, text{"x"})), executed(stmt.ExecContext(ctx, "y"))
		return first + again + read(stmt.QueryContext(ctx, "x")) + read(stmt.QueryContext(ctx, 1, 2)) + fmt.Sprint(stmt.Close())
	}},
	{"transaction", func(ctx context.Context, db *sql.DB) string {
		return transact(ctx, db, nil) + transact(ctx, db, &sql.TxOptions{ReadOnly: true}) +
			transact(ctx, db, &sql.TxOptions{Isolation: sql.LevelSerializable})
	}},
	{"ping", func(ctx context.Context, db *sql.DB) string { return fmt.Sprint(db.PingContext(ctx)) }},
	{"ended context", func(ctx context.Context, db *sql.DB) string {
		conn, err := db.Conn(ctx)
		if err != nil {
			return err.Error()
		}
		defer conn.Close()
		ended, cancel := context.WithCancel(ctx)
		cancel()
		_, prepareErr := conn.PrepareContext(ended, "select ?")
		_, beginErr := conn.BeginTx(ended, nil)
		_, queryErr := conn.QueryContext(ended, "select any")
		_, execErr := conn.ExecContext(ended, "delete")
		return fmt.Sprint(prepareErr == context.Canceled, beginErr == context.Canceled, queryErr, execErr)
	}},
}

func transact(ctx context.Context, db *sql.DB, o *sql.TxOptions) string {
	tx, err := db.BeginTx(ctx, o)
	if err != nil {
		return err.Error()
	}
	did := executed(tx.ExecContext(ctx, "insert any", "x"))
	if o != nil && o.ReadOnly {
		return did + fmt.Sprint(tx.Rollback())
	}
	return did + fmt.Sprint(tx.Commit(), tx.Rollback())
}

type valuer struct{}

func (valuer) Value() (driver.Value, error) { return nil, fmt.Errorf("a valuer's own error") }

// failures are errors of the driver that database/sql acts upon.
var failures = map[string]map[string]error{
	"no failure":             nil,
	"bad connection":         {"conn.ExecContext": driver.ErrBadConn, "stmt.Query": driver.ErrBadConn, "conn.Prepare": driver.ErrBadConn},
	"wrapped bad connection": {"conn.QueryContext": fmt.Errorf("gone: %w", driver.ErrBadConn), "conn.Begin": driver.ErrBadConn},
	"skipped":                {"conn.ExecContext": driver.ErrSkip, "conn.QueryContext": driver.ErrSkip, "conn.Exec ": driver.ErrSkip, "conn.Query ": driver.ErrSkip},
	"own errors":             {"conn.ResetSession": driver.ErrBadConn, "rows.Next": fmt.Errorf("own"), "tx.Commit": fmt.Errorf("own"), "conn.Ping": driver.ErrBadConn},
	"invalid":                {"conn.IsValid": fmt.Errorf("invalid"), "rows.Close": fmt.Errorf("own"), "stmt.Close": fmt.Errorf("own")},
}

func TestWrapped_AnyDriver_SeesWhatTheBareOneSees(t *testing.T) {
	for connName, conn := range bareConns {
		for stmtName, stmt := range bareStmts {
			for rowsName, rows := range bareRows {
				for failure := range failures {
					compare(t, fmt.Sprintf("conn %s, stmt %s, rows %s, %s", connName, stmtName, rowsName, failure), func() *fake {
						f := &fake{conn: conn, stmt: stmt, rows: rows, fail: map[string]error{}}
						for call, err := range failures[failure] {
							f.fail[call] = err
						}
						return f
					})
				}
			}
		}
	}
}

func compare(t *testing.T, name string, makeFake func() *fake) {
	t.Helper()
	for _, u := range uses {
		for _, x := range []*exchange.Exchange{nil, newExchange(t)} {
			ctx := exchange.With(context.Background(), x)
			bare, wrapped := makeFake(), makeFake()
			plain := sql.OpenDB(bare)
			want := u.do(ctx, plain)
			judged := wrap(t, wrapped, pass)
			got := u.do(ctx, judged)
			plain.Close()
			judged.Close()
			if got != want {
				t.Errorf("%s: %s: the program sees\n%s\nwhere the bare driver gives\n%s", name, u.name, got, want)
			}
			if !slices.Equal(wrapped.log(), bare.log()) {
				t.Errorf("%s: %s: the driver sees\n%s\nbare it saw\n%s", name, u.name,
					strings.Join(wrapped.log(), "\n"), strings.Join(bare.log(), "\n"))
			}
			if x != nil {
				checkNoted(t, name+": "+u.name, want, x)
			}
		}
	}
}

// checkNoted looks for the texts that the program saw among the candidates.
func checkNoted(t *testing.T, name, seen string, x *exchange.Exchange) {
	t.Helper()
	noted := map[string]string{}
	for _, c := range x.Candidates() {
		noted[c.Value] = c.Place.String()
	}
	for _, set := range []string{"0", "1"} {
		value := "text 1 of set " + set
		if got, want := noted[value], "row:body"+set; strings.Contains(seen, value) && got != want {
			t.Errorf("%s: %q was noted as %q, want %q", name, value, got, want)
		}
	}
}

// A connection whose transaction the context ended is kept only where it can be
// reset and validated.
func TestWrapped_ContextEndsTransaction_ConnectionKeptAsBare(t *testing.T) {
	for name, conn := range bareConns {
		opened := func(open func(*fake) *sql.DB) int {
			f := &fake{conn: conn, stmt: bareStmts["none"], rows: bareRows["none"]}
			db := open(f)
			defer db.Close()
			ctx, cancel := context.WithCancel(context.Background())
			tx, err := db.BeginTx(ctx, nil)
			if err != nil {
				t.Fatal(err)
			}
			cancel()
			for deadline := time.Now().Add(20 * time.Second); db.Stats().InUse > 0; time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("the transaction did not end with its context")
				}
			}
			_ = tx.Rollback() // it has ended
			if _, err := db.Exec("delete"); err != nil {
				t.Error(err)
			}
			n := 0
			for _, call := range f.log() {
				if strings.HasPrefix(call, "open") {
					n++
				}
			}
			return n
		}
		bare := opened(func(f *fake) *sql.DB { return sql.OpenDB(f) })
		wrapped := opened(func(f *fake) *sql.DB { return wrap(t, f, pass) })
		if bare != wrapped {
			t.Errorf("%s: %d connections opened, bare %d", name, wrapped, bare)
		}
	}
}
