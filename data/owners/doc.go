// Package owners makes, of a statement that changes rows, the one that fails if
// a row that it would change is not one of its principal's: it goes before the
// statement, in the same transaction (sqlgate.Ruling.Before), reads the same
// rows by the same words, locks them, and casts sqlgate.Denies to a number for
// the first whose owner column has another value.
//
// It trusts that the table's name in the statement is the table's: what is
// written through a view, a rule, a partition's own name, a trigger, a function
// or a foreign key that cascades, it does not see, unless that name is asked for
// too. Owners are compared as text, byte by byte.
//
// What it cannot say, it does not guess: the error is [ErrUnknown]. So it is
// with statements in statements, with anything that may give another answer when
// it is asked twice (random(), LIMIT, functions that it does not know), and with
// rows whose owner is not among the columns of an INSERT.
//
// It does not stop a row that comes to match between the two statements, because
// somebody commits it just then: at READ COMMITTED each has a snapshot of its
// own. Row-level security does.
package owners
