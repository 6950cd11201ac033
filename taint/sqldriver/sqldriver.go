package sqldriver

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	"github.com/gatehousehq/gatehouse/exchange"
	"github.com/gatehousehq/gatehouse/taint"
)

// A Judge decides whether a statement may reach the database.
type Judge interface {
	// Judge lets the statement pass with a nil error; any error, and a panic,
	// refuses it. x is nil for background work. st.Params is used again
	// after Judge returns: clone the slice to keep it. Calls may be
	// concurrent, and one execution may be judged more than once: where
	// database/sql tries again on another connection, or prepares it after all.
	Judge(ctx context.Context, x *exchange.Exchange, st taint.Statement) error
}

// Options say what is wrapped, and who judges.
type Options struct {
	// Connector makes the bare connections. For New alone.
	Connector driver.Connector
	// Account names the database account, for the judge's templates: each
	// account has its own.
	Account string
	// Lexer is the dialect of the database, with the connections' settings.
	Lexer taint.Lexer
	Judge Judge
	// Before says what is checked before a statement is executed. Nil: nothing.
	Before Before
}

// New wraps a connector, for [sql.OpenDB]. The error names the option that is
// missing.
func New(o Options) (driver.Connector, error) {
	if o.Connector == nil {
		return nil, errors.New("sqldriver: Options.Connector is missing: give the driver's, or use Open")
	}
	w, err := newWrapper(o)
	if err != nil {
		return nil, err
	}
	return &connector{w, o.Connector}, nil
}

// Open is sql.Open with Options: the one line that a program changes.
func Open(driverName, dsn string, o Options) (*sql.DB, error) {
	if o.Connector != nil {
		return nil, errors.New("sqldriver: Options.Connector is set: Open makes its own from the name, use New and sql.OpenDB")
	}
	w, err := newWrapper(o)
	if err != nil {
		return nil, err
	}
	db, err := sql.Open(driverName, dsn)
	if err != nil {
		return nil, err
	}
	bare := db.Driver()
	if err := db.Close(); err != nil { // no connection was made
		return nil, fmt.Errorf("sqldriver: closing what sql.Open opened to find the driver %s: %w", driverName, err)
	}
	c, err := connectorOf(bare, dsn)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(&connector{w, c}), nil
}

// A wrapper is what all connections of a connector share.
type wrapper struct {
	account string
	lexer   taint.Lexer
	judge   Judge
	before  Before
	params  paramsPool
}

func newWrapper(o Options) (*wrapper, error) {
	switch {
	case o.Account == "":
		return nil, errors.New("sqldriver: Options.Account is missing: name the database account, such as its user")
	case o.Lexer.Dialect == 0:
		return nil, errors.New("sqldriver: Options.Lexer has no Dialect: say whose SQL it is, such as taint.SQLite")
	case o.Judge == nil:
		return nil, errors.New("sqldriver: Options.Judge is missing: see Guarded")
	}
	return &wrapper{account: o.Account, lexer: o.Lexer, judge: o.Judge, before: o.Before}, nil
}

// A connector makes wrapped connections.
type connector struct {
	w    *wrapper
	bare driver.Connector
}

func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	bare, err := c.bare.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return wrapConn(c.w, bare), nil
}

func (c *connector) Driver() driver.Driver { return wrappedDriver{c.w, c.bare.Driver()} }

// Close is called by sql.DB.Close.
func (c *connector) Close() error {
	if bare, ok := c.bare.(io.Closer); ok {
		return bare.Close()
	}
	return nil
}

// A wrappedDriver is what sql.DB.Driver gives: its connections are judged too.
type wrappedDriver struct {
	w    *wrapper
	bare driver.Driver
}

func (d wrappedDriver) Open(dsn string) (driver.Conn, error) {
	bare, err := d.bare.Open(dsn)
	if err != nil {
		return nil, err
	}
	return wrapConn(d.w, bare), nil
}

func (d wrappedDriver) OpenConnector(dsn string) (driver.Connector, error) {
	c, err := connectorOf(d.bare, dsn)
	if err != nil {
		return nil, err
	}
	return &connector{d.w, c}, nil
}

// connectorOf does as sql.Open does.
func connectorOf(d driver.Driver, dsn string) (driver.Connector, error) {
	if d, ok := d.(driver.DriverContext); ok {
		return d.OpenConnector(dsn)
	}
	return dsnConnector{dsn, d}, nil
}

type dsnConnector struct {
	dsn    string
	driver driver.Driver
}

func (c dsnConnector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.dsn) }
func (c dsnConnector) Driver() driver.Driver                        { return c.driver }
