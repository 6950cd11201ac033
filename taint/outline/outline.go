package outline

import "github.com/gatehousehq/gatehouse/taint"

// Caps on what an outline holds and takes. A statement beyond one is Capped.
const (
	maxTokens     = 1 << 20
	maxText       = 16 << 20 // what the lexer reads
	maxStatements = 1 << 14
	maxNames      = 256     // tables, functions, settings, each
	maxColumns    = 1600    // PostgreSQL's own of a table
	maxDepth      = 2000    // of brackets and of statements in statements
	maxAlways     = 64      // of brackets around a condition
	maxSteps      = 1 << 23 // tokens looked at ahead, all together
	maxTexts      = 16      // executed texts that are looked into
)

// A Verb is what a statement does. The zero value is one that is not known.
type Verb uint8

const (
	Unknown Verb = iota
	Select       // VALUES and TABLE too
	Insert
	Update
	Delete
	Merge
	CopyTo
	CopyFrom
	Truncate
	Lock
	// Define changes what there is in the database, or who may do what with it:
	// CREATE, ALTER, DROP, GRANT, REVOKE, COMMENT, SELECT INTO, REINDEX, …
	Define
	// System is ALTER SYSTEM and LOAD.
	System
	// Maintain is VACUUM, ANALYZE, REFRESH MATERIALIZED VIEW, CHECKPOINT.
	Maintain
	Call
	Do
	// Set is SET and RESET of a setting.
	Set
	// Transaction is BEGIN, COMMIT, ROLLBACK, SAVEPOINT, SET TRANSACTION, …
	Transaction
	// Session is what touches the session alone: SHOW, LISTEN, NOTIFY, DISCARD,
	// FETCH, CLOSE, DEALLOCATE.
	Session
	// Execute runs what a PREPARE named, which was a statement of its own.
	Execute
	// Attach is SQLite's ATTACH, and VACUUM INTO: they open a file.
	Attach
	// Pragma is SQLite's.
	Pragma
)

var verbNames = [...]string{
	Unknown: "unknown", Select: "select", Insert: "insert", Update: "update", Delete: "delete", Merge: "merge",
	CopyTo: "copy-to", CopyFrom: "copy-from", Truncate: "truncate", Lock: "lock", Define: "define", System: "system",
	Maintain: "maintain", Call: "call", Do: "do", Set: "set", Transaction: "transaction", Session: "session",
	Execute: "execute", Attach: "attach", Pragma: "pragma",
}

func (v Verb) String() string {
	if int(v) < len(verbNames) {
		return verbNames[v]
	}
	return verbNames[Unknown]
}

// A Use is what a statement does with a table.
type Use uint16

const (
	// Reads: its rows are a source of the statement.
	Reads Use = 1 << iota
	// Returns: the rows that it writes are given back (RETURNING).
	Returns
	// Compares: columns of the rows that it writes are looked at, in WHERE, in
	// SET, in ON CONFLICT. PostgreSQL asks for SELECT on them.
	Compares
	// Locks: FOR UPDATE or FOR SHARE, for which PostgreSQL asks for UPDATE; or
	// LOCK TABLE.
	Locks
	Inserts
	Updates
	Deletes
	Truncates
	// Defines: created, altered or dropped.
	Defines

	// Writes is what changes rows.
	Writes = Inserts | Updates | Deletes | Truncates
)

// A Table is one that a statement names, with what becomes of it. Names are as
// the server has them: unquoted ones in lower case, quoted ones without quotes.
type Table struct {
	// Schema is empty where the statement names none.
	Schema, Name string
	Use          Use
	// Inserted and Updated are the columns named. AllInserted is set where an
	// INSERT or COPY names none and means all.
	Inserted, Updated []string
	AllInserted       bool
}

// A Function is one that a statement calls.
type Function struct {
	Schema, Name string
	// First is its first argument where that is one literal: the sequence of
	// nextval, the setting of set_config.
	First Text
	// Second is its second one.
	Second Text
}

// A Text is the content of a literal, where there is one.
type Text struct {
	Value string
	Known bool
	// Param is the number from 1 of the bound value that stands there instead.
	Param int
}

// A Setting is one that a statement sets, by SET or set_config.
type Setting struct {
	Name  Text // in lower case
	Value Text // a list has commas; what DEFAULT or RESET gives is "default"
}

// A Target is what COPY reads from or writes to.
type Target uint8

const (
	NoCopy Target = iota
	// Client is STDIN or STDOUT.
	Client
	File
	Program
)

// A Statement is what one statement does.
type Statement struct {
	Verb Verb
	// Object is for Define what is defined, such as "create table"; for others
	// their first word.
	Object string
	// Temporary is set for Define where what is defined is the session's own.
	Temporary bool
	Tables    []Table
	Functions []Function
	Settings  []Setting
	Copy      Target
	// Language is of CREATE FUNCTION and DO: empty where none is named.
	Language string
	// Unfiltered are the tables (their indexes) of which an UPDATE or DELETE
	// takes all rows: without WHERE, or with one that is true of any row.
	Unfiltered []int
	// Executes is set where the statement has a text executed that it does not
	// tell: query_to_xml of a bound value, or DO.
	Executes bool
	// Capped is set where some of the statement was not looked at, since it is
	// longer, deeper, or names more than is read. Unsure says which.
	Capped bool
	// Unsure is why not all of the statement was understood; empty where it was.
	Unsure string
}

// An Outline is what a text with one statement, or several, does. It holds
// nothing of the text itself.
type Outline struct {
	Statements []Statement
	// Literal is set where another literal in the text could have made another
	// outline. Without it, the outline is that of every text that differs from
	// this one in its literals and comments alone.
	Literal bool
	// Bound is set where a bound value could have.
	Bound bool
}

// Of reads a text.
func Of(l taint.Lexer, sql string) Outline {
	tokens, whole := Lex(l, sql, nil)
	return OfTokens(l, sql, tokens, whole)
}

// Lex is the lexer's Lex for statements of more tokens than it takes at once,
// such as an INSERT of ten thousand rows: up to a million.
func Lex(l taint.Lexer, sql string, dst []taint.Token) (tokens []taint.Token, whole bool) {
	tokens, whole = l.Lex(sql, dst)
	for !whole && len(sql) <= maxText && len(tokens) > len(dst) && len(tokens) < maxTokens {
		from, end := len(tokens), tokens[len(tokens)-1].End
		tokens, whole = l.Lex(sql[end:], tokens)
		for i := from; i < len(tokens); i++ {
			tokens[i].Start += end
			tokens[i].End += end
		}
		if len(tokens) == from {
			break
		}
	}
	return tokens, whole
}

// Name reads a text that is one table's or sequence's name, as nextval takes
// it: qualified or not, quoted or not.
func Name(l taint.Lexer, text string) (schema, name string, ok bool) {
	tokens, whole := l.Lex(text, nil)
	out := Outline{Statements: make([]Statement, 1)}
	r := reader{lexer: l, sql: text, out: &out, st: &out.Statements[0]}
	if r.take(tokens) != "" || !whole || !r.isName(0) {
		return "", "", false
	}
	schema, name = r.chain()
	return schema, name, r.i == len(r.tokens)
}
