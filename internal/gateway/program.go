package gateway

import (
	"database/sql/driver"
	"net/http"

	"github.com/gatehousehq/gatehouse/data/sqlgate"
	"github.com/gatehousehq/gatehouse/exchange"
	"github.com/gatehousehq/gatehouse/taint"
	"github.com/gatehousehq/gatehouse/taint/sqldriver"
)

// What a program needs that runs in one process with its gate: its statements
// are then judged before they reach its database, each with the inputs of the
// request that caused it.

// Exchanges are the live exchanges.
func (g *Gate) Exchanges() *exchange.Table { return g.exchanges }

// Around wraps the program's handler, so that the statements of a request are
// known to be that request's.
func (g *Gate) Around(program http.Handler) (http.Handler, error) {
	return exchange.NewHandler(exchange.HandlerOptions{Next: program, Table: g.exchanges})
}

// BetweenSQLite wraps the connector of the program's SQLite database, for
// sql.OpenDB: the gate judges what is sent through it, as account's. Of another
// database, sqldriver.New does the same with the gate for its Judge.
func (g *Gate) BetweenSQLite(database driver.Connector, account string) (driver.Connector, error) {
	return sqldriver.New(sqldriver.Options{Connector: database, Account: account, Lexer: taint.Lexer{Dialect: taint.SQLite}, Judge: g})
}

// BetweenPostgreSQL is for a program that makes the SQL gate of its PostgreSQL
// itself (pgwire.New): it gives who judges its statements, and who wants what it
// reads.
func (g *Gate) BetweenPostgreSQL() (sqlgate.Judge, sqlgate.Rows) {
	g.backend.Index()
	return g.sql.judge, g.sql.judge
}
