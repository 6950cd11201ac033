package sqldriver

import (
	"context"
	"database/sql/driver"
	"errors"
)

// The deprecated forms that drivers still have.
type (
	legacyExecer interface {
		Exec(query string, args []driver.Value) (driver.Result, error)
	}
	legacyQueryer interface {
		Query(query string, args []driver.Value) (driver.Rows, error)
	}
)

// A conn is a wrapped connection, less what only some connections have: see
// shapes. What the bare one lacks is nil.
type conn struct {
	w            *wrapper
	bare         driver.Conn
	execContext  driver.ExecerContext
	exec         legacyExecer
	queryContext driver.QueryerContext
	query        legacyQueryer
	checker      driver.NamedValueChecker
	resetter     driver.SessionResetter
	validator    driver.Validator
	// inTx is set in a transaction of the program's, as far as it is known: see
	// Before.
	inTx bool
}

func wrapConn(w *wrapper, bare driver.Conn) driver.Conn {
	c := &conn{w: w, bare: bare}
	c.execContext, _ = bare.(driver.ExecerContext)
	c.exec, _ = bare.(legacyExecer)
	c.queryContext, _ = bare.(driver.QueryerContext)
	c.query, _ = bare.(legacyQueryer)
	c.checker, _ = bare.(driver.NamedValueChecker)
	c.resetter, _ = bare.(driver.SessionResetter)
	c.validator, _ = bare.(driver.Validator)
	return shapes[c.shape()](c)
}

// shape says what of shapes the bare connection has.
func (c *conn) shape() (shape int) {
	if c.execContext != nil || c.exec != nil {
		shape |= executes
	}
	if c.queryContext != nil || c.query != nil {
		shape |= queries
	}
	if c.resetter != nil {
		shape |= resets
	}
	if c.validator != nil {
		shape |= validates
	}
	return shape
}

// PrepareContext judges the text; what is prepared is judged again each time
// that it is executed.
func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if err := c.w.judgeValues(ctx, query, nil); err != nil {
		return nil, err
	}
	bare, err := c.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	return wrapStmt(c, bare, query), nil
}

// prepare does as database/sql does with the bare connection.
func (c *conn) prepare(ctx context.Context, query string) (driver.Stmt, error) {
	if p, ok := c.bare.(driver.ConnPrepareContext); ok {
		return p.PrepareContext(ctx, query)
	}
	bare, err := c.bare.Prepare(query)
	if err == nil && ctx.Err() != nil {
		_ = bare.Close() // what matters is that ctx has ended
		return nil, ctx.Err()
	}
	return bare, err
}

// Prepare is of no exchange, as it has no context.
func (c *conn) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), query)
}

func (c *conn) Close() error { return c.bare.Close() }

// Begin is there for driver.Conn; database/sql calls BeginTx.
func (c *conn) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}

// BeginTx does as database/sql does with the bare connection.
func (c *conn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	tx, err := c.begin(ctx, o)
	if err != nil || c.w.before == nil {
		return tx, err
	}
	c.inTx = true
	return knownTx{tx, c}, nil
}

func (c *conn) begin(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	if b, ok := c.bare.(driver.ConnBeginTx); ok {
		return b.BeginTx(ctx, o)
	}
	switch {
	case o.Isolation != 0:
		return nil, errors.New("sql: driver does not support non-default isolation level")
	case o.ReadOnly:
		return nil, errors.New("sql: driver does not support read-only transactions")
	}
	//lint:ignore SA1019 it is the only way to begin that this driver has
	tx, err := c.bare.Begin()
	if err == nil && ctx.Err() != nil {
		_ = tx.Rollback() // what matters is that ctx has ended
		return nil, ctx.Err()
	}
	return tx, err
}

// Ping has nothing to do where the bare connection can't.
func (c *conn) Ping(ctx context.Context) error {
	if p, ok := c.bare.(driver.Pinger); ok {
		return p.Ping(ctx)
	}
	return nil
}

// CheckNamedValue tells database/sql to go on as without it where the bare
// connection has none.
func (c *conn) CheckNamedValue(v *driver.NamedValue) error {
	if c.checker != nil {
		return c.checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

// execer is a conn whose bare connection executes statements directly.
type execer conn

func (e *execer) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if err := e.w.judgeValues(ctx, query, args); err != nil {
		return nil, err
	}
	var result driver.Result
	_, err := (*conn)(e).checked(ctx, query, args, false, func() (err error) {
		result, err = e.execute(ctx, query, args)
		return err
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

func (e *execer) execute(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if e.execContext != nil {
		return e.execContext.ExecContext(ctx, query, args)
	}
	values, err := unnamed(ctx, args)
	if err != nil {
		return nil, err
	}
	return e.exec.Exec(query, values)
}

// Exec is of no exchange, as it has no context.
func (e *execer) Exec(query string, args []driver.Value) (driver.Result, error) {
	return e.ExecContext(context.Background(), query, numbered(args))
}

// queryer is a conn whose bare connection queries directly.
type queryer conn

func (q *queryer) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if err := q.w.judgeValues(ctx, query, args); err != nil {
		return nil, err
	}
	var bare driver.Rows
	end, err := (*conn)(q).checked(ctx, query, args, true, func() (err error) {
		bare, err = q.ask(ctx, query, args)
		return err
	})
	if err != nil {
		return nil, err
	}
	return noted(ctx, bare, end)
}

func (q *queryer) ask(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if q.queryContext != nil {
		return q.queryContext.QueryContext(ctx, query, args)
	}
	values, err := unnamed(ctx, args)
	if err != nil {
		return nil, err
	}
	return q.query.Query(query, values)
}

// Query is of no exchange, as it has no context.
func (q *queryer) Query(query string, args []driver.Value) (driver.Rows, error) {
	return q.QueryContext(context.Background(), query, numbered(args))
}

type resetter conn

func (r *resetter) ResetSession(ctx context.Context) error {
	return (*conn)(r).resetter.ResetSession(ctx)
}

type validator conn

func (v *validator) IsValid() bool { return (*conn)(v).validator.IsValid() }

// unnamed gives the values as a driver without contexts takes them, unless ctx
// has ended: as database/sql does.
func unnamed(ctx context.Context, args []driver.NamedValue) ([]driver.Value, error) {
	values := make([]driver.Value, len(args))
	for i, a := range args {
		if a.Name != "" {
			return nil, errors.New("sql: driver does not support the use of Named Parameters")
		}
		values[i] = a.Value
	}
	return values, ctx.Err()
}

func numbered(args []driver.Value) []driver.NamedValue {
	named := make([]driver.NamedValue, len(args))
	for i, v := range args {
		named[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
	}
	return named
}
