package sqldriver_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/taint"
	"github.com/gatehousehq/gatehouse/taint/sqldriver"
)

func newGuarded(t testing.TB) (*taint.Guard, sqldriver.Judge) {
	t.Helper()
	guard, err := taint.New(taint.Options{Key: [32]byte{1}})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)
	judge, err := sqldriver.Guarded(sqldriver.GuardedOptions{Guard: guard, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	return guard, judge
}

// silent is a connection that does nothing, so that what is measured is the
// wrapper.
type silent struct{ driver.Conn }

func (silent) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	return driver.RowsAffected(1), nil
}

type silentConnector struct{ driver.Connector }

func (silentConnector) Connect(context.Context) (driver.Conn, error) { return silent{}, nil }

// The wrapper alone: a connection's ExecContext without and with it.
func BenchmarkWrapperAlone(b *testing.B) {
	ctx := context.Background()
	wrapped, err := sqldriver.New(options(silentConnector{}, pass))
	if err != nil {
		b.Fatal(err)
	}
	inner, err := wrapped.Connect(ctx)
	if err != nil {
		b.Fatal(err)
	}
	_, ctx = requested(b, "192.0.2.1", "/search?q=ordinary")
	args := []driver.NamedValue{{Ordinal: 1, Value: int64(7)}, {Ordinal: 2, Value: "a text"}}
	for _, c := range []struct {
		name string
		conn driver.Conn
	}{{"bare", silent{}}, {"wrapped", inner}} {
		b.Run(c.name, func(b *testing.B) {
			execer := c.conn.(driver.ExecerContext)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := execer.ExecContext(ctx, "insert into notes (n, body) values (?, ?)", args); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

const (
	benchExec  = "update notes set n = ? where id = ? and author = ?"
	benchQuery = "select body from notes where id = ?"
)

// learnt is guarded by a guard that knows the statements: several clients had
// the program send them.
func learnt(b *testing.B) *sql.DB {
	guard, judge := newGuarded(b)
	db := openWrapped(b, judge)
	for client := range taint.DefaultOrigins {
		_, ctx := requested(b, fmt.Sprint("192.0.2.", client+2), "/search?q=several+ordinary+words")
		if _, err := db.ExecContext(ctx, benchExec, 1, 1000, "ann"); err != nil {
			b.Fatal(err)
		}
		var body string
		if err := db.QueryRowContext(ctx, benchQuery, 1).Scan(&body); err != nil {
			b.Fatal(err)
		}
	}
	if n := len(guard.Suspects()); n != 0 {
		b.Fatalf("%d shapes are not learned", n)
	}
	return db
}

// SQLite through database/sql: bare, wrapped with a judge that lets everything
// pass, guarded, and guarded where the statements were never learned.
func BenchmarkSQLite(b *testing.B) {
	_, unlearnt := newGuarded(b)
	for _, c := range []struct {
		name string
		db   *sql.DB
	}{
		{"bare", openBare(b)}, {"wrapped", openWrapped(b, judgeFunc(pass))},
		{"guarded", learnt(b)}, {"unlearned", openWrapped(b, unlearnt)},
	} {
		_, ctx := requested(b, "192.0.2.1", "/search?q=several+ordinary+words&page=2&sort=price")
		b.Run("exec/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.db.ExecContext(ctx, benchExec, 1, 1000, "ann"); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("query/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var body string
				if err := c.db.QueryRowContext(ctx, benchQuery, 1).Scan(&body); err != nil {
					b.Fatal(err)
				}
			}
		})
		stmt, err := c.db.PrepareContext(ctx, benchQuery)
		if err != nil {
			b.Fatal(err)
		}
		b.Run("prepared/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var body string
				if err := stmt.QueryRowContext(ctx, 1).Scan(&body); err != nil {
					b.Fatal(err)
				}
			}
		})
		if err := stmt.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
