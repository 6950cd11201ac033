package sqldriver_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"modernc.org/sqlite"

	"github.com/gatehousehq/gatehouse/exchange"
	"github.com/gatehousehq/gatehouse/taint"
	"github.com/gatehousehq/gatehouse/taint/sqldriver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const schema = `create table notes (id integer primary key, author text, body text, n int, f real, b blob, at timestamp, ok boolean);
insert into notes (author, body) values ('ann', 'a first note'), ('bob', 'a second note')`

func dsn(t testing.TB) string {
	return "file:" + filepath.Join(t.TempDir(), "test.db") + "?_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)&_txlock=immediate"
}

func openBare(t testing.TB) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", dsn(t))
	if err != nil {
		t.Fatal(err)
	}
	return filled(t, closing(t, db))
}

func openWrapped(t testing.TB, judge sqldriver.Judge) *sql.DB {
	t.Helper()
	db, err := sqldriver.Open("sqlite", dsn(t), sqldriver.Options{
		Account: "app", Lexer: taint.Lexer{Dialect: taint.SQLite}, Judge: judge,
	})
	if err != nil {
		t.Fatal(err)
	}
	return filled(t, closing(t, db))
}

func filled(t testing.TB, db *sql.DB) *sql.DB {
	t.Helper()
	if _, err := db.Exec(schema); err != nil {
		t.Fatal(err)
	}
	return db
}

// sqliteUses are run on a fresh database each, bare and wrapped.
var sqliteUses = []use{
	{"every type", func(ctx context.Context, db *sql.DB) string {
		at := time.Date(2024, 2, 29, 12, 0, 0, 5000, time.UTC)
		did := executed(db.ExecContext(ctx, "insert into notes (id, author, body, n, f, b, at, ok) values (?, ?, ?, ?, ?, ?, ?, ?)",
			9, sql.NullString{String: "x", Valid: true}, inText{"valued"}, int64(7), 2.5, []byte{0, 1, 255}, at, true))
		did += executed(db.ExecContext(ctx, "insert into notes (author, body, n) values (?, ?, ?)", sql.NullString{}, nil, sql.NullInt64{}))
		return did + readAny(db.QueryContext(ctx, "select * from notes order by id"))
	}},
	{"names", func(ctx context.Context, db *sql.DB) string {
		return readAny(db.QueryContext(ctx, "select body from notes where author = :who and id = @id", sql.Named("id", 1), sql.Named("who", "ann")))
	}},
	{"sql.Out", execute("insert into notes (body) values (?)", sql.Out{Dest: new(string)})},
	{"a type it does not take", execute("insert into notes (body) values (?)", make(chan int))},
	{"several statements", execute("insert into notes (body) values ('x'); update notes set n = 3")},
	{"a query of several", func(ctx context.Context, db *sql.DB) string {
		return readAny(db.QueryContext(ctx, "select 1; select 'second'"))
	}},
	{"an error", execute("selec nonsense")},
	{"a constraint", execute("insert into notes (id) values (1)")},
	{"a transaction rolled back", func(ctx context.Context, db *sql.DB) string {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err.Error()
		}
		did := executed(tx.ExecContext(ctx, "delete from notes"))
		return did + fmt.Sprint(tx.Rollback()) + readAny(db.QueryContext(ctx, "select id from notes"))
	}},
	{"read-only", func(ctx context.Context, db *sql.DB) string { return transact(ctx, db, &sql.TxOptions{ReadOnly: true}) }},
	{"an ended context", func(ctx context.Context, db *sql.DB) string {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		_, err := db.QueryContext(ctx, "select 1")
		return fmt.Sprint(errors.Is(err, context.Canceled))
	}},
	{"a context that ends", func(ctx context.Context, db *sql.DB) string {
		ctx, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		defer cancel()
		_, err := db.ExecContext(ctx, "with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c")
		return fmt.Sprint(errors.Is(err, context.DeadlineExceeded), db.PingContext(context.WithoutCancel(ctx)))
	}},
	{"a prepared statement", func(ctx context.Context, db *sql.DB) string {
		stmt, err := db.PrepareContext(ctx, "select body from notes where id = ?")
		if err != nil {
			return err.Error()
		}
		defer stmt.Close()
		return readAny(stmt.QueryContext(ctx, 1)) + readAny(stmt.QueryContext(ctx, 2)) + readAny(stmt.QueryContext(ctx))
	}},
}

func readAny(rows *sql.Rows, err error) string {
	if err != nil {
		return err.Error()
	}
	defer rows.Close()
	var seen strings.Builder
	for more := true; more; more = rows.NextResultSet() {
		types, err := rows.ColumnTypes()
		for _, c := range types {
			nullable, known := c.Nullable()
			fmt.Fprint(&seen, c.Name(), c.DatabaseTypeName(), c.ScanType(), nullable, known, err)
		}
		for rows.Next() {
			row := make([]any, len(types))
			into := make([]any, len(types))
			for i := range row {
				into[i] = &row[i]
			}
			fmt.Fprintf(&seen, "%v %#v\n", rows.Scan(into...), row)
		}
	}
	fmt.Fprint(&seen, rows.Err())
	return seen.String()
}

func TestSQLite_Wrapped_GivesWhatBareGives(t *testing.T) {
	for _, u := range sqliteUses {
		t.Run(u.name, func(t *testing.T) {
			want := u.do(context.Background(), openBare(t))
			for name, x := range map[string]*exchange.Exchange{"in the background": nil, "in an exchange": newExchange(t)} {
				got := u.do(exchange.With(context.Background(), x), openWrapped(t, judgeFunc(pass)))
				if got != want {
					t.Errorf("%s:\n%s\nbare:\n%s", name, got, want)
				}
			}
		})
	}
}

func TestSQLite_RowsRead_AreNotedByColumn(t *testing.T) {
	db := openWrapped(t, judgeFunc(pass))
	x := newExchange(t)
	ctx := exchange.With(context.Background(), x)
	if got := readAny(db.QueryContext(ctx, "select id, author, body as text, cast('bytes of it' as blob) as raw, x'ff00ff00ff00' from notes")); got == "" {
		t.Fatal("no rows")
	}
	got := map[string]string{}
	for _, c := range x.Candidates() {
		got[c.Value] = c.Place.String()
	}
	want := map[string]string{"a first note": "row:text", "a second note": "row:text", "bytes of it": "row:raw"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("noted %v, want %v", got, want)
	}
}

func TestSQLite_RowsBeyondTheBound_StopBeingNoted(t *testing.T) {
	db := openWrapped(t, judgeFunc(pass))
	x := newExchange(t)
	ctx := exchange.With(context.Background(), x)
	for range 2 {
		read := 0
		rows, err := db.QueryContext(ctx, "with recursive c(x) as (select 1 union all select x + 1 from c limit 1000) select 'number ' || x from c")
		if err != nil {
			t.Fatal(err)
		}
		for ; rows.Next(); read++ {
			var s string
			if err := rows.Scan(&s); err != nil || s != fmt.Sprint("number ", read+1) {
				t.Fatal(s, err)
			}
		}
		if err := rows.Close(); err != nil || read != 1000 {
			t.Errorf("%d rows, %v", read, err)
		}
	}
	if !x.RowsCut() || len(x.Candidates()) != exchange.MaxRows {
		t.Errorf("RowsCut() = %v, %d candidates", x.RowsCut(), len(x.Candidates()))
	}
}

func TestSQLite_StatementsOfManyExchanges_AreJudgedInTheirOwn(t *testing.T) {
	db := openWrapped(t, judgeFunc(func(ctx context.Context, x *exchange.Exchange, st taint.Statement) error {
		if x != exchange.From(ctx) || x != nil && st.Exchange != x.ID {
			t.Error("the exchange is not the context's")
		}
		if x != nil && len(st.Params) > 0 && st.Params[0] != "of "+x.ID {
			t.Errorf("exchange %s was judged with %q", x.ID, st.Params)
		}
		return nil
	}))
	prepared, err := db.Prepare("select body, ? from notes where id = 1")
	if err != nil {
		t.Fatal(err)
	}
	defer prepared.Close()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 25 {
				x := newExchange(t)
				ctx := exchange.With(context.Background(), x)
				var body, who string
				if err := prepared.QueryRowContext(ctx, "of "+x.ID).Scan(&body, &who); err != nil || who != "of "+x.ID {
					t.Error(who, err)
				}
				if _, err := db.ExecContext(ctx, "insert into notes (body) values (?)", "of "+x.ID); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestSQLite_Raw_HandsOutTheWrappedConnection(t *testing.T) {
	db := openWrapped(t, judgeFunc(pass))
	conn, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = conn.Raw(func(c any) error {
		if _, bare := c.(sqlite.AuthorizerRegisterer); bare {
			return errors.New("the bare connection was handed out")
		}
		_, err := c.(driver.ExecerContext).ExecContext(context.Background(), "delete from notes", nil)
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestSQLite_Refused_TransactionGoesOn(t *testing.T) {
	db := openWrapped(t, judgeFunc(func(_ context.Context, _ *exchange.Exchange, st taint.Statement) error {
		if strings.HasPrefix(st.SQL, "delete") {
			return errors.New("refused")
		}
		return nil
	}))
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if _, err := tx.Exec("update notes set n = 1"); err != nil {
		t.Error(err)
	}
	if _, err := tx.Exec("delete from notes"); err == nil {
		t.Error("the statement was not refused")
	}
	var n int
	if err := tx.QueryRow("select count(*) from notes where n = 1").Scan(&n); err != nil || n != 2 {
		t.Errorf("%d rows after the refusal, %v", n, err)
	}
}

// requested gives the exchange of a request of one client's, with its context.
func requested(t testing.TB, client, target string) (x *exchange.Exchange, ctx context.Context) {
	t.Helper()
	table, err := exchange.NewTable(exchange.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h, err := exchange.NewHandler(exchange.HandlerOptions{Table: table, Next: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		x = exchange.From(r.Context())
	})})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", target, nil)
	r.RemoteAddr = client + ":4711"
	h.ServeHTTP(httptest.NewRecorder(), r)
	return x, exchange.With(context.Background(), x)
}
