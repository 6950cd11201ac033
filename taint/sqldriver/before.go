package sqldriver

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/gatehousehq/gatehouse/exchange"
	"github.com/gatehousehq/gatehouse/taint"
)

// A Check is a query that is run before a statement, on its connection and in its
// transaction. If it gives a row, or fails, the statement does not run.
type Check struct {
	SQL string
	// Params are which of the statement's bound values it gets, by their place from
	// 0, in its own order.
	Params []int
}

// A Before says what is to be checked before a statement is executed. An error
// refuses it. Calls may be concurrent.
type Before interface {
	Before(ctx context.Context, x *exchange.Exchange, st taint.Statement) ([]Check, error)
}

// checks asks what is to be checked; a panic is an error.
func (w *wrapper) checks(ctx context.Context, query string, args []driver.NamedValue) (checks []Check, err error) {
	if w.before == nil {
		return nil, nil
	}
	x := exchange.From(ctx)
	params := w.params.of(args)
	defer w.params.put(params)
	st := taint.Statement{Account: w.account, Lexer: w.lexer, SQL: query, Params: params.texts()}
	if x != nil {
		st.Exchange = x.ID
	}
	defer func() {
		if p := recover(); p != nil {
			checks, err = nil, refused(st.Exchange, fmt.Errorf("sqldriver: Before panicked: %v", p))
		}
	}()
	if checks, err = w.before.Before(ctx, x, st); err != nil {
		return nil, refused(st.Exchange, err)
	}
	return checks, nil
}

// errChecked is why a statement is refused whose check gave a row.
var errChecked = errors.New("sqldriver: a check before the statement says no")

// checked runs the checks of a statement, and then do: in the transaction that
// there is, or in one of their own, which ends after do. keep is set where do
// gives something that is read later: then end is to be called after that.
func (c *conn) checked(ctx context.Context, query string, args []driver.NamedValue, keep bool, do func() error) (end func(failed error) error, err error) {
	checks, err := c.w.checks(ctx, query, args)
	if err != nil {
		return nil, err
	}
	if len(checks) == 0 {
		if err := do(); err != nil {
			return nil, err
		}
		c.follow(query)
		return nil, nil
	}
	end = func(failed error) error { return failed }
	if !c.inTx {
		tx, err := c.begin(ctx, driver.TxOptions{})
		if err != nil {
			return nil, err
		}
		end = func(failed error) error {
			if failed != nil {
				_ = tx.Rollback() // the error before it says more
				return failed
			}
			return tx.Commit()
		}
	}
	err = c.check(ctx, checks, args)
	if err == nil {
		err = do()
	}
	if err != nil || !keep {
		if err := end(err); err != nil {
			return nil, err
		}
		return nil, nil
	}
	return end, nil
}

// check runs checks one after the other.
func (c *conn) check(ctx context.Context, checks []Check, args []driver.NamedValue) error {
	id := ""
	if x := exchange.From(ctx); x != nil {
		id = x.ID
	}
	for _, check := range checks {
		picked := make([]driver.NamedValue, len(check.Params))
		for i, p := range check.Params {
			if p < 0 || p >= len(args) {
				return refused(id, errors.New("sqldriver: a check wants a value that the statement has not"))
			}
			picked[i] = driver.NamedValue{Ordinal: i + 1, Value: args[p].Value}
		}
		row, err := c.any(ctx, check.SQL, picked)
		switch {
		case errors.Is(err, driver.ErrBadConn) || ctx.Err() != nil && err != nil:
			return err // nothing was said, and nothing has happened
		case err != nil:
			return refused(id, err)
		case row:
			return refused(id, errChecked)
		}
	}
	return nil
}

// any reports whether a query gives a row.
func (c *conn) any(ctx context.Context, query string, args []driver.NamedValue) (row bool, err error) {
	bare, err := c.prepare(ctx, query)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, bare.Close()) }()
	rows, err := queryStmt(ctx, bare, args)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	switch err := rows.Next(make([]driver.Value, len(rows.Columns()))); {
	case err == nil:
		return true, nil
	case errors.Is(err, io.EOF):
		return false, nil
	default:
		return false, err
	}
}

// queryStmt does as database/sql does with a bare statement.
func queryStmt(ctx context.Context, bare driver.Stmt, args []driver.NamedValue) (driver.Rows, error) {
	if b, ok := bare.(driver.StmtQueryContext); ok {
		return b.QueryContext(ctx, args)
	}
	values, err := unnamed(ctx, args)
	if err != nil {
		return nil, err
	}
	//lint:ignore SA1019 it is the only way to query that this driver has
	return bare.Query(values)
}

// A knownTx is one that a program began: while it lasts, checks are in it.
type knownTx struct {
	driver.Tx
	c *conn
}

func (t knownTx) Commit() error {
	t.c.inTx = false
	return t.Tx.Commit()
}

func (t knownTx) Rollback() error {
	t.c.inTx = false
	return t.Tx.Rollback()
}

// follow notes a transaction that a program begins or ends by a statement.
func (c *conn) follow(query string) {
	if c.w.before == nil {
		return
	}
	var words [3]string
	n := 0
	tokens, _ := c.w.lexer.Lex(query[:min(len(query), 256)], nil)
	for _, t := range tokens {
		if t.Class == taint.Word && n < len(words) {
			words[n] = strings.ToLower(query[t.Start:t.End])
			n++
		} else if t.Class != taint.Line && t.Class != taint.Block {
			break
		}
	}
	switch words[0] {
	case "begin", "start":
		c.inTx = true
	case "commit", "end":
		c.inTx = false
	case "rollback":
		c.inTx = c.inTx && (words[1] == "to" || words[2] == "to")
	}
}
