// Package sqldriver wraps any database/sql driver so that every statement is
// judged before it reaches the driver: as text, when it is prepared, and at
// each execution of what was prepared, with the inputs of the exchange that
// executes it and its bound values.
//
// It trusts the context of a call to name the exchange that caused it
// ([exchange.From]; package exchange has a handler that puts it there), and the
// [Judge]. A statement without an exchange is background work.
//
// It stops nothing that goes around it: connections of another sql.DB, methods
// that drivers have beside database/sql's interfaces, and hooks of the inner
// connector, which sees bare connections. It does not read what a stored
// procedure puts together.
//
// [Options.Before] has queries run before a statement, in its transaction; where
// there is none, both are in one. A transaction that a program begins by the
// text of a SAVEPOINT is not known as one.
//
// # What a program sees
//
// A wrapped driver behaves as the bare one does. The interfaces by whose mere
// presence database/sql acts otherwise are there exactly where the bare
// connection or statement has them (see shapes); all others are there always,
// and do for a driver that lacks them what database/sql would have done.
//
// [database/sql.Conn.Raw] hands out the wrapped connection, and
// [database/sql.DB.Driver] the wrapped driver, so that neither is a way around;
// a program that asserts a driver's own type there has to do without, or to set
// up connections in a connector of its own inside this one.
//
// A refused statement is an error of the call, which the database never saw: a
// transaction goes on, and it is for the program to roll it back, as with any
// other error.
package sqldriver
