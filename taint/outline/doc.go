// Package outline reads off a statement's tokens what it does: its verb, the
// tables that it reads and writes, the columns that it names, the functions
// that it calls, whether an UPDATE or DELETE has a condition. It looks through
// EXPLAIN, PREPARE, DECLARE CURSOR, WITH, and the literal texts that functions
// such as query_to_xml execute.
//
// It stops nothing: packages policy and privilege decide by it. It trusts that
// the statement is one that the server accepts: of what the server refuses an
// outline says anything. Where it can't tell it says so ([Statement.Unsure]).
// It resolves no names: search_path, views, and what functions and triggers do
// inside are the database's to know.
//
// Its work is linear in the statement's length but for the caps on names, each
// of a few hundred, and it never fails.
package outline
