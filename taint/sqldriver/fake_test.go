package sqldriver_test

import (
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"sync"
	"time"
)

// A fake is a driver that writes down what reaches it. Its connections are made
// by conn from a fakeConn, which has no optional interface. Under an ended
// context it gives no rows and begins nothing: database/sql would undo that on a
// goroutine of its own, in no order.
type fake struct {
	conn func(*fakeConn) driver.Conn
	stmt func(*fakeStmt) driver.Stmt
	rows func(*fakeRows) driver.Rows

	mu    sync.Mutex
	calls []string
	fail  map[string]error // by the first words of a call, once
}

func (f *fake) call(format string, args ...any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	line := fmt.Sprintf(format, args...)
	f.calls = append(f.calls, line)
	for prefix, err := range f.fail {
		if strings.HasPrefix(line, prefix) {
			delete(f.fail, prefix)
			return err
		}
	}
	return nil
}

func (f *fake) log() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.calls...)
}

func (f *fake) Open(dsn string) (driver.Conn, error) {
	err := f.call("open %s", dsn)
	return f.conn(&fakeConn{f}), err
}
func (f *fake) Connect(context.Context) (driver.Conn, error) { return f.Open("") }
func (f *fake) Driver() driver.Driver                        { return f }
func (f *fake) Close() error                                 { return f.call("connector.Close") }

type fakeConn struct{ f *fake }

func (c *fakeConn) Prepare(query string) (driver.Stmt, error) {
	err := c.f.call("conn.Prepare %s", query)
	return c.f.stmt(&fakeStmt{c.f, query}), err
}
func (c *fakeConn) Close() error              { return c.f.call("conn.Close") }
func (c *fakeConn) Begin() (driver.Tx, error) { return fakeTx{c.f}, c.f.call("conn.Begin") }

type fakeTx struct{ f *fake }

func (t fakeTx) Commit() error   { return t.f.call("tx.Commit") }
func (t fakeTx) Rollback() error { return t.f.call("tx.Rollback") }

// A text is a type that only the checkers and converters of the fakes take.
type text struct{ s string }

// The optional interfaces of connections, each by itself.
type (
	execContext  struct{ *fakeConn }
	execLegacy   struct{ *fakeConn }
	queryContext struct{ *fakeConn }
	queryLegacy  struct{ *fakeConn }
	preparing    struct{ *fakeConn }
	beginning    struct{ *fakeConn }
	pinging      struct{ *fakeConn }
	checking     struct{ *fakeConn }
	resetting    struct{ *fakeConn }
	validating   struct{ *fakeConn }
)

func (c execContext) ExecContext(_ context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return driver.RowsAffected(1), c.f.call("conn.ExecContext %s %v", query, args)
}
func (c execLegacy) Exec(query string, args []driver.Value) (driver.Result, error) {
	return driver.RowsAffected(1), c.f.call("conn.Exec %s %v", query, args)
}
func (c queryContext) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return c.f.result(cmp.Or(c.f.call("conn.QueryContext %s %v", query, args), ctx.Err()))
}
func (c queryLegacy) Query(query string, args []driver.Value) (driver.Rows, error) {
	return c.f.result(c.f.call("conn.Query %s %v", query, args))
}
func (c preparing) PrepareContext(_ context.Context, query string) (driver.Stmt, error) {
	err := c.f.call("conn.PrepareContext %s", query)
	return c.f.stmt(&fakeStmt{c.f, query}), err
}
func (c beginning) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	return fakeTx{c.f}, cmp.Or(c.f.call("conn.BeginTx %v", o), ctx.Err())
}
func (c pinging) Ping(context.Context) error { return c.f.call("conn.Ping") }
func (c checking) CheckNamedValue(v *driver.NamedValue) error {
	return c.f.check("conn", v)
}
func (c resetting) ResetSession(context.Context) error { return c.f.call("conn.ResetSession") }
func (c validating) IsValid() bool                     { return c.f.call("conn.IsValid") == nil }

// check takes texts, drops empty structs, refuses channels, and leaves the rest.
func (f *fake) check(who string, v *driver.NamedValue) error {
	err := f.call("%s.CheckNamedValue %v", who, *v)
	switch t := v.Value.(type) {
	case text:
		v.Value = "checked by " + who + ": " + t.s
		return err
	case struct{}:
		return driver.ErrRemoveArgument
	case chan int:
		return errors.New("no channels")
	}
	return driver.ErrSkip
}

type fakeStmt struct {
	f     *fake
	query string
}

func (s *fakeStmt) Close() error { return s.f.call("stmt.Close %s", s.query) }
func (s *fakeStmt) NumInput() int {
	if strings.Contains(s.query, "any") {
		return -1
	}
	return strings.Count(s.query, "?")
}
func (s *fakeStmt) Exec(args []driver.Value) (driver.Result, error) {
	return driver.RowsAffected(2), s.f.call("stmt.Exec %s %v", s.query, args)
}
func (s *fakeStmt) Query(args []driver.Value) (driver.Rows, error) {
	return s.f.result(s.f.call("stmt.Query %s %v", s.query, args))
}

type (
	stmtContext    struct{ *fakeStmt }
	stmtChecking   struct{ *fakeStmt }
	stmtConverting struct{ *fakeStmt }
)

func (s stmtContext) ExecContext(_ context.Context, args []driver.NamedValue) (driver.Result, error) {
	return driver.RowsAffected(2), s.f.call("stmt.ExecContext %s %v", s.query, args)
}
func (s stmtContext) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.f.result(cmp.Or(s.f.call("stmt.QueryContext %s %v", s.query, args), ctx.Err()))
}
func (s stmtChecking) CheckNamedValue(v *driver.NamedValue) error { return s.f.check("stmt", v) }
func (s stmtConverting) ColumnConverter(i int) driver.ValueConverter {
	return converter{s.f, i}
}

type converter struct {
	f *fake
	i int
}

func (c converter) ConvertValue(v any) (driver.Value, error) {
	err := c.f.call("ConvertValue %d %v", c.i, v)
	if t, ok := v.(text); ok {
		return "converted: " + t.s, err
	}
	return driver.DefaultParameterConverter.ConvertValue(v)
}

// A fakeRows is two result sets of two rows each.
type fakeRows struct {
	f        *fake
	set, row int
}

func (f *fake) result(err error) (driver.Rows, error) {
	if err != nil {
		return nil, err
	}
	return f.rows(&fakeRows{f: f}), nil
}

func (r *fakeRows) Columns() []string { return []string{"n", fmt.Sprintf("body%d", r.set)} }
func (r *fakeRows) Close() error      { return r.f.call("rows.Close") }
func (r *fakeRows) Next(dest []driver.Value) error {
	if err := r.f.call("rows.Next"); err != nil {
		return err
	}
	if r.row == 2 {
		return io.EOF
	}
	r.row++
	dest[0], dest[1] = int64(r.row), fmt.Sprintf("text %d of set %d", r.row, r.set)
	if r.row == 2 {
		dest[1] = []byte(dest[1].(string))
	}
	return nil
}

type rowsFull struct{ *fakeRows }

func (r rowsFull) HasNextResultSet() bool { return r.set == 0 }
func (r rowsFull) NextResultSet() error {
	if err := r.f.call("rows.NextResultSet"); err != nil {
		return err
	}
	if r.set > 0 {
		return io.EOF
	}
	r.set, r.row = r.set+1, 0
	return nil
}
func (r rowsFull) ColumnTypeScanType(int) reflect.Type       { return reflect.TypeFor[time.Time]() }
func (r rowsFull) ColumnTypeDatabaseTypeName(int) string     { return "TIMESTAMP" }
func (r rowsFull) ColumnTypeLength(int) (int64, bool)        { return 7, true }
func (r rowsFull) ColumnTypeNullable(int) (nullable, k bool) { return true, true }
func (r rowsFull) ColumnTypePrecisionScale(int) (p, s int64, ok bool) {
	return 5, 2, true
}

// bareConns are connections with different optional interfaces.
var bareConns = map[string]func(*fakeConn) driver.Conn{
	"none": func(c *fakeConn) driver.Conn { return c },
	"all": func(c *fakeConn) driver.Conn {
		return struct {
			*fakeConn
			execContext
			queryContext
			preparing
			beginning
			pinging
			checking
			resetting
			validating
		}{c, execContext{c}, queryContext{c}, preparing{c}, beginning{c}, pinging{c}, checking{c}, resetting{c}, validating{c}}
	},
	"legacy": func(c *fakeConn) driver.Conn {
		return struct {
			*fakeConn
			execLegacy
			queryLegacy
		}{c, execLegacy{c}, queryLegacy{c}}
	},
	"execute alone": func(c *fakeConn) driver.Conn {
		return struct {
			*fakeConn
			execContext
			resetting
		}{c, execContext{c}, resetting{c}}
	},
	"query alone": func(c *fakeConn) driver.Conn {
		return struct {
			*fakeConn
			queryContext
			validating
		}{c, queryContext{c}, validating{c}}
	},
	"checks alone": func(c *fakeConn) driver.Conn {
		return struct {
			*fakeConn
			checking
		}{c, checking{c}}
	},
}

var bareStmts = map[string]func(*fakeStmt) driver.Stmt{
	"none": func(s *fakeStmt) driver.Stmt { return s },
	"context": func(s *fakeStmt) driver.Stmt {
		return stmtContext{s}
	},
	"checks": func(s *fakeStmt) driver.Stmt {
		return struct {
			*fakeStmt
			stmtChecking
		}{s, stmtChecking{s}}
	},
	"converts": func(s *fakeStmt) driver.Stmt {
		return struct {
			*fakeStmt
			stmtConverting
		}{s, stmtConverting{s}}
	},
	"all": func(s *fakeStmt) driver.Stmt {
		return struct {
			*fakeStmt
			stmtContext
			stmtChecking
			stmtConverting
		}{s, stmtContext{s}, stmtChecking{s}, stmtConverting{s}}
	},
}

var bareRows = map[string]func(*fakeRows) driver.Rows{
	"none": func(r *fakeRows) driver.Rows { return r },
	"all":  func(r *fakeRows) driver.Rows { return rowsFull{r} },
}
