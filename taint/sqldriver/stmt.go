package sqldriver

import (
	"context"
	"database/sql/driver"
)

// columnConverter is driver.ColumnConverter, deprecated but alive in drivers.
type columnConverter interface {
	ColumnConverter(idx int) driver.ValueConverter
}

// A stmt is a wrapped prepared statement.
type stmt struct {
	conn    *conn
	bare    driver.Stmt
	query   string
	checker driver.NamedValueChecker // the statement's, or else the connection's
}

// A convertingStmt is one whose bare statement converts values by column:
// database/sql then takes no more arguments than there are columns.
type convertingStmt struct {
	*stmt
	columnConverter
}

func wrapStmt(c *conn, bare driver.Stmt, query string) driver.Stmt {
	s := &stmt{conn: c, bare: bare, query: query, checker: c.checker}
	if own, ok := bare.(driver.NamedValueChecker); ok {
		s.checker = own
	}
	if converter, ok := bare.(columnConverter); ok {
		return convertingStmt{s, converter}
	}
	return s
}

func (s *stmt) Close() error  { return s.bare.Close() }
func (s *stmt) NumInput() int { return s.bare.NumInput() }

// CheckNamedValue does as database/sql would with the bare statement.
func (s *stmt) CheckNamedValue(v *driver.NamedValue) error {
	if s.checker != nil {
		return s.checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

// ExecContext judges the statement in the exchange that executes it, with the
// values: whoever prepared it may have been another.
func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if err := s.conn.w.judgeValues(ctx, s.query, args); err != nil {
		return nil, err
	}
	var result driver.Result
	_, err := s.conn.checked(ctx, s.query, args, false, func() (err error) {
		result, err = s.execute(ctx, args)
		return err
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

func (s *stmt) execute(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if bare, ok := s.bare.(driver.StmtExecContext); ok {
		return bare.ExecContext(ctx, args)
	}
	values, err := unnamed(ctx, args)
	if err != nil {
		return nil, err
	}
	//lint:ignore SA1019 it is the only way to execute that this driver has
	return s.bare.Exec(values)
}

// QueryContext judges as ExecContext does.
func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	if err := s.conn.w.judgeValues(ctx, s.query, args); err != nil {
		return nil, err
	}
	var bare driver.Rows
	end, err := s.conn.checked(ctx, s.query, args, true, func() (err error) {
		bare, err = queryStmt(ctx, s.bare, args)
		return err
	})
	if err != nil {
		return nil, err
	}
	return noted(ctx, bare, end)
}

// Exec is of no exchange, as it has no context.
func (s *stmt) Exec(args []driver.Value) (driver.Result, error) {
	return s.ExecContext(context.Background(), numbered(args))
}

// Query is of no exchange, as it has no context.
func (s *stmt) Query(args []driver.Value) (driver.Rows, error) {
	return s.QueryContext(context.Background(), numbered(args))
}
