package sqldriver_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/exchange"
	"github.com/gatehousehq/gatehouse/taint"
	"github.com/gatehousehq/gatehouse/taint/sqldriver"
)

const attack = "delete any --secret"

// ways are all ways by which text reaches a driver.
var ways = map[string]func(context.Context, *sql.DB) error{
	"Exec":     func(ctx context.Context, db *sql.DB) error { _, err := db.ExecContext(ctx, attack, "p"); return err },
	"Query":    func(ctx context.Context, db *sql.DB) error { _, err := db.QueryContext(ctx, attack, "p"); return err },
	"QueryRow": func(ctx context.Context, db *sql.DB) error { return db.QueryRowContext(ctx, attack, "p").Err() },
	"Prepare":  func(ctx context.Context, db *sql.DB) error { _, err := db.PrepareContext(ctx, attack); return err },
	"Tx": func(ctx context.Context, db *sql.DB) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return nil
		}
		defer tx.Rollback()
		_, err = tx.ExecContext(ctx, attack)
		return err
	},
	"Conn": func(ctx context.Context, db *sql.DB) error {
		conn, err := db.Conn(ctx)
		if err != nil {
			return nil
		}
		defer conn.Close()
		_, err = conn.QueryContext(ctx, attack)
		return err
	},
	"Raw": func(ctx context.Context, db *sql.DB) error {
		conn, err := db.Conn(ctx)
		if err != nil {
			return nil
		}
		defer conn.Close()
		return conn.Raw(func(c any) error { return raw(ctx, c.(driver.Conn)) })
	},
	"Driver.Open": func(ctx context.Context, db *sql.DB) error {
		conn, err := db.Driver().Open("")
		if err != nil {
			return nil
		}
		return raw(ctx, conn)
	},
	"Driver.OpenConnector": func(ctx context.Context, db *sql.DB) error {
		c, err := db.Driver().(driver.DriverContext).OpenConnector("")
		if err != nil {
			return nil
		}
		other := sql.OpenDB(c)
		defer other.Close()
		_, err = other.ExecContext(ctx, attack)
		return err
	},
}

// raw tries each method of a connection that takes text; it gives the error
// where all gave one.
func raw(ctx context.Context, c driver.Conn) (err error) {
	try := func(_ any, e error) {
		if e == nil {
			err = errors.New("one way was open")
		} else if err == nil {
			err = e
		}
	}
	try(c.Prepare(attack))
	try(c.(driver.ConnPrepareContext).PrepareContext(ctx, attack))
	if e, ok := c.(driver.ExecerContext); ok {
		try(e.ExecContext(ctx, attack, nil))
	}
	if e, ok := c.(interface {
		Exec(string, []driver.Value) (driver.Result, error)
	}); ok {
		try(e.Exec(attack, []driver.Value{"x"}))
	}
	if q, ok := c.(driver.QueryerContext); ok {
		try(q.QueryContext(ctx, attack, nil))
	}
	if q, ok := c.(interface {
		Query(string, []driver.Value) (driver.Rows, error)
	}); ok {
		try(q.Query(attack, []driver.Value{"x"}))
	}
	return err
}

func refuseAttack(_ context.Context, _ *exchange.Exchange, st taint.Statement) error {
	if st.SQL == attack {
		return errors.New("judge's own words")
	}
	return nil
}

func TestRefused_ByEveryWay_NeverReachesTheDriver(t *testing.T) {
	for name, conn := range bareConns {
		for way, do := range ways {
			f := &fake{conn: conn, stmt: bareStmts["none"], rows: bareRows["none"]}
			x := newExchange(t)
			err := do(exchange.With(context.Background(), x), wrap(t, f, refuseAttack))
			refused, ok := errors.AsType[*sqldriver.RefusedError](err)
			if !ok {
				t.Errorf("%s, connection %s: the error is %v, want a RefusedError", way, name, err)
				continue
			}
			if refused.Cause == nil || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "own words") {
				t.Errorf("%s: error %q of cause %v", way, err, refused.Cause)
			}
			for _, call := range f.log() {
				if strings.Contains(call, attack) {
					t.Errorf("%s, connection %s: the driver was asked %q", way, name, call)
				}
			}
		}
	}
}

func TestRefused_AtExecution_StatementPreparedByAnother(t *testing.T) {
	for name, stmt := range bareStmts {
		f := &fake{conn: bareConns["none"], stmt: stmt, rows: bareRows["none"]}
		good, bad := newExchange(t), newExchange(t)
		db := wrap(t, f, func(_ context.Context, x *exchange.Exchange, st taint.Statement) error {
			if x == bad && slices.Contains(st.Params, "drop table") {
				return errors.New("refused")
			}
			return nil
		})
		prepared, err := db.PrepareContext(exchange.With(context.Background(), good), "select any")
		if err != nil {
			t.Fatal(err)
		}
		for x, wantRefused := range map[*exchange.Exchange]bool{good: false, bad: true} {
			ctx := exchange.With(context.Background(), x)
			_, execErr := prepared.ExecContext(ctx, "drop table")
			rows, queryErr := prepared.QueryContext(ctx, "drop table")
			if queryErr == nil {
				rows.Close()
			}
			if (execErr != nil) != wantRefused || (queryErr != nil) != wantRefused {
				t.Errorf("statement %s: Exec %v, Query %v; want refused: %v", name, execErr, queryErr, wantRefused)
			}
		}
		prepared.Close()
	}
}

func TestJudge_IsTold(t *testing.T) {
	x := newExchange(t)
	var told taint.Statement
	var by *exchange.Exchange
	f := &fake{conn: bareConns["all"], stmt: bareStmts["none"], rows: bareRows["none"]}
	db := wrap(t, f, func(_ context.Context, x *exchange.Exchange, st taint.Statement) error {
		st.Params = slices.Clone(st.Params)
		told, by = st, x
		return nil
	})
	if _, err := db.ExecContext(exchange.With(context.Background(), x), "insert any", 1, "two"); err != nil {
		t.Fatal(err)
	}
	if by != x || told.Account != "app" || told.Lexer.Dialect != taint.SQLite || told.SQL != "insert any" ||
		told.Exchange != x.ID || !slices.Equal(told.Params, []string{"", "two"}) {
		t.Errorf("the judge was told %+v of %p", told, by)
	}
	if _, err := db.Exec("delete"); err != nil {
		t.Fatal(err)
	}
	if by != nil || told.Exchange != "" || told.Params != nil {
		t.Errorf("of background work the judge was told %+v of %p", told, by)
	}
}

type (
	named    string
	stringer struct{ s string }
	broken   struct{ m map[string]int }
	inText   struct{ s string }
)

func (s stringer) String() string             { return s.s }
func (b *broken) String() string              { b.m["x"] = 1; return "never" }
func (v inText) Value() (driver.Value, error) { return v.s, nil }

// anything is a connection that takes every type, as pgx's does.
type anything struct {
	*fakeConn
	execContext
}

func (anything) CheckNamedValue(*driver.NamedValue) error { return nil }

func TestJudge_GetsTheTextOfEveryType(t *testing.T) {
	word := "select 1"
	f := &fake{stmt: bareStmts["none"], conn: func(c *fakeConn) driver.Conn { return anything{c, execContext{c}} }}
	var got []string
	db := wrap(t, f, func(_ context.Context, _ *exchange.Exchange, st taint.Statement) error {
		got = slices.Clone(st.Params)
		return nil
	})
	for _, c := range []struct {
		value any
		want  string
	}{
		{"text", "text"}, {[]byte("bytes"), "bytes"}, {[]byte("\x89PNG\x00blob"), ""}, {[]byte("latin \xe9"), "latin \xe9"},
		{sql.RawBytes("raw"), "raw"}, {json.RawMessage(`{"a":1}`), `{"a":1}`}, {named("named"), "named"}, {&word, word},
		{stringer{"stringer"}, "stringer"}, {net.IPv4(192, 0, 2, 1), ""}, {inText{"valued"}, "valued"},
		{sql.NullString{String: "null string", Valid: true}, "null string"}, {sql.NullString{}, ""}, {sql.Null[[]byte]{V: []byte("b"), Valid: true}, "b"},
		{int64(5), ""}, {7, ""}, {uint8(3), ""}, {2.5, ""}, {true, ""}, {nil, ""}, {time.Now(), ""}, {(*string)(nil), ""},
		{&broken{}, ""}, {(*broken)(nil), ""}, {valuer{}, ""}, {sql.Out{Dest: &word}, ""}, {[]string{"a"}, ""}, {struct{}{}, ""},
	} {
		if _, err := db.Exec("insert any", "first", c.value); err != nil {
			t.Errorf("%T: %v", c.value, err)
		}
		if !slices.Equal(got, []string{"first", c.want}) {
			t.Errorf("%T: the judge got %q, want %q", c.value, got[1:], c.want)
		}
	}
}

func TestJudge_FailsOrPanics_Refuses(t *testing.T) {
	for name, judge := range map[string]judgeFunc{
		"bad connection": func(context.Context, *exchange.Exchange, taint.Statement) error { return driver.ErrBadConn },
		"skip":           func(context.Context, *exchange.Exchange, taint.Statement) error { return driver.ErrSkip },
		"panic":          func(context.Context, *exchange.Exchange, taint.Statement) error { panic("judge") },
		"nil map":        func(context.Context, *exchange.Exchange, taint.Statement) error { return (&broken{}).fail() },
	} {
		f := &fake{conn: bareConns["all"], stmt: bareStmts["none"], rows: bareRows["none"]}
		asked := 0
		db := wrap(t, f, func(ctx context.Context, x *exchange.Exchange, st taint.Statement) error {
			asked++
			return judge(ctx, x, st)
		})
		if _, err := db.Exec("delete"); err == nil || asked != 1 {
			t.Errorf("%s: %v, asked %d times; want one refusal", name, err, asked)
		}
		if got := f.log(); !slices.Equal(got, []string{"open ", "conn.IsValid"}) || db.Stats().OpenConnections != 1 {
			t.Errorf("%s: the driver saw %v, %d connections are open; want one, still good", name, got, db.Stats().OpenConnections)
		}
	}
}

func (b *broken) fail() error { b.m["x"] = 1; return nil }

func TestJudge_RefusedErrorOfItsOwn_IsReturned(t *testing.T) {
	own := &sqldriver.RefusedError{Request: "r1", Decision: gatehouse.Denied("structure", gatehouse.Place{}, "why")}
	f := &fake{conn: bareConns["all"], stmt: bareStmts["none"]}
	db := wrap(t, f, func(context.Context, *exchange.Exchange, taint.Statement) error { return fmt.Errorf("judge: %w", own) })
	if _, err := db.Exec("delete"); err != own {
		t.Errorf("the error is %#v, want the judge's own", err)
	}
	if !strings.Contains(own.Error(), "(request r1)") || strings.Contains(own.Error(), "why:") {
		t.Errorf("its text is %q", own)
	}
}

func TestNew_MissingOption_IsNamed(t *testing.T) {
	whole := options(&fake{}, pass)
	for option, omit := range map[string]func(*sqldriver.Options){
		"Connector": func(o *sqldriver.Options) { o.Connector = nil },
		"Account":   func(o *sqldriver.Options) { o.Account = "" },
		"Lexer":     func(o *sqldriver.Options) { o.Lexer = taint.Lexer{} },
		"Judge":     func(o *sqldriver.Options) { o.Judge = nil },
	} {
		o := whole
		omit(&o)
		if _, err := sqldriver.New(o); err == nil || !strings.Contains(err.Error(), "Options."+option) {
			t.Errorf("without %s: %v", option, err)
		}
	}
	if _, err := sqldriver.Open("sqlite", ":memory:", whole); err == nil || !strings.Contains(err.Error(), "Options.Connector") {
		t.Errorf("Open with a connector: %v", err)
	}
	whole.Connector = nil
	if _, err := sqldriver.Open("no such driver", "", whole); err == nil || !strings.Contains(err.Error(), "no such driver") {
		t.Errorf("Open of an unknown driver: %v", err)
	}
	if _, err := sqldriver.Guarded(sqldriver.GuardedOptions{}); err == nil || !strings.Contains(err.Error(), "GuardedOptions.Guard") {
		t.Errorf("Guarded without a guard: %v", err)
	}
}
