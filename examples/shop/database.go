package shop

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"runtime/debug"

	"modernc.org/sqlite"
)

// Connector opens the SQLite file at path for sql.OpenDB. Its connections
// refuse ATTACH (and so VACUUM INTO): an injected statement may do what it
// likes to the shop's own file, and must not write to any other.
func Connector(path string) (driver.Connector, error) {
	dsn := url.URL{Scheme: "file", Opaque: url.PathEscape(path),
		RawQuery: "_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)&_txlock=immediate"}
	c, err := sqlite.NewConnector(dsn.String())
	if err != nil {
		return nil, fmt.Errorf("shop: database %s: %w", path, err)
	}
	return confined{c}, nil
}

type confined struct{ driver.Connector }

// Connect opens one connection and confines it to its own file.
func (c confined) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	r, ok := conn.(sqlite.AuthorizerRegisterer)
	if !ok {
		return nil, errors.Join(errors.New("shop: this SQLite driver has no authorizer"), conn.Close())
	}
	if err := r.RegisterAuthorizer(ownFileOnly); err != nil {
		return nil, errors.Join(fmt.Errorf("shop: confining the database: %w", err), conn.Close())
	}
	return conn, nil
}

func ownFileOnly(action sqlite.AuthorizerActionCode, arg1, _, _, _ string) sqlite.AuthorizerReturnCode {
	pragma := action == sqlite.AuthPragma && (arg1 == "temp_store_directory" || arg1 == "data_store_directory")
	if action == sqlite.AuthAttach || action == sqlite.AuthCreateVTable || pragma {
		return sqlite.AuthorizerDeny
	}
	return sqlite.AuthorizerOK
}

// A statementError is a failed statement, with all that a page should not show.
type statementError struct {
	statement string
	stack     []byte
	err       error
}

func (e *statementError) Error() string { return fmt.Sprintf("%v\nstatement: %s", e.err, e.statement) }
func (e *statementError) Unwrap() error { return e.err }

func failed(statement string, err error) error {
	if err == nil || errors.Is(err, sql.ErrNoRows) {
		return err
	}
	return &statementError{statement: statement, stack: debug.Stack(), err: err}
}

// each runs a query and calls scan for each of its rows.
func (s *Shop) each(ctx context.Context, statement string, args []any, scan func(*sql.Rows) error) (err error) {
	rows, err := s.db.QueryContext(ctx, statement, args...)
	if err != nil {
		return failed(statement, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return failed(statement, err)
		}
	}
	return failed(statement, rows.Err())
}

// one runs a query for one row; sql.ErrNoRows where there is none.
func (s *Shop) one(ctx context.Context, statement string, args []any, into ...any) error {
	return failed(statement, s.db.QueryRowContext(ctx, statement, args...).Scan(into...))
}

// run runs a statement that gives no rows.
func (s *Shop) run(ctx context.Context, statement string, args ...any) error {
	_, err := s.db.ExecContext(ctx, statement, args...)
	return failed(statement, err)
}

// insert inserts one row, and gives its number.
func (s *Shop) insert(ctx context.Context, statement string, args ...any) (id int64, err error) {
	err = s.one(ctx, statement+" RETURNING id", args, &id)
	return id, err
}
