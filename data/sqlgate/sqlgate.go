package sqlgate

import (
	"context"
	"net/netip"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/exchange"
)

// Rung is the line of the ladder that says who may speak to the database.
const Rung = "data/account"

// Rules of the rung.
const (
	// RulePassword: a client named an account without proving to be it.
	RulePassword = "password"
	// RuleReplication: a client asked for the database's log instead of SQL.
	RuleReplication = "replication"
	// RuleFunctionCall: a call by number of a function that is not one of the
	// large objects'.
	RuleFunctionCall = "function-call"
	// RuleEncoding: text in which a quotation mark may be half of a letter.
	RuleEncoding = "client-encoding"
	// RuleTooLong: a statement that is longer than what is held to be judged.
	RuleTooLong = "too-long"
	// RuleTLS: a client that came in the clear from elsewhere.
	RuleTLS = "tls"
	// RuleDatabase: a database other than the gate's.
	RuleDatabase = "database"
	// RuleStartup: a session that asked to begin as another role, which no
	// statement would tell of.
	RuleStartup = "startup"
)

// An Account is who an application is towards the gate.
type Account struct {
	// Gate is the gate's name in the configuration, such as "shop".
	Gate string
	// User is the name that the application signs in by.
	User string
	// Background is set where other work than requests' uses the account.
	Background bool
}

// Name is what statements are learned and told by: gate/user.
func (a Account) Name() string { return a.Gate + "/" + a.User }

// A Statement is what a session is about to ask of the database.
type Statement struct {
	SQL string
	// Prepared is set where it is sent to be run later, with values: each run is
	// asked for as Bound.
	Prepared bool
	// Bound is set where the statement was judged before, and values are now
	// bound to it.
	Bound bool
	// Said is what its text, judged before, still says of who caused it.
	Said exchange.Attribution
	// Values are the bound values that are text; others are empty.
	Values []string
	// Backslash is set where a backslash escapes in ordinary strings.
	Backslash bool
	// Client is whence the session comes; not valid for a Unix socket.
	Client netip.Addr
}

// A Ruling is what becomes of a statement. The zero value refuses it.
type Ruling struct {
	Verdict gatehouse.Verdict
	// Request is the identifier that the database's client is told in place of
	// a reason; empty where the statement is of no known request.
	Request string
	// By is the exchange that caused the statement, as far as known.
	By exchange.Attribution
	// Again is set where the values bound to the statement must be judged too:
	// it has a function in it that executes text.
	Again bool
	// MaxRows is how many rows the application may be given; zero means any
	// number. One more ends the session with an error, and the database undoes
	// what its transaction did: not what it has committed by then, as of an UPDATE
	// … RETURNING outside of one.
	MaxRows int64
	// Before, at most 64, are run first, in the same transaction: where one fails, the
	// statement does not run. For a statement that is prepared they count as
	// Again: those of each run are what the judge says when its values are bound.
	Before []Own
	// Tag is the judge's own, given back with the outcome.
	Tag any
}

// Denies is in the text of the error by which an [Own] says no. Any other error
// of one refuses the statement too, but for what the statement itself would have
// met: a value that is none of its type, a transaction that has failed or may
// only read, a lock that cannot be had, a request to cancel. That the client is
// told, without where.
const Denies = "gatehouse_denies"

// An Own is a statement of the gate's own that is run before a client's. Its
// answer reaches nobody: an error is all that it can say.
type Own struct {
	// SQL is one SELECT, without a semicolon, a comment, and a backslash in an
	// ordinary string. It is in the client's encoding.
	SQL string
	// Params are which of the client's bound values stand for $1, $2 and so on, by
	// their place from 0. They have the formats and types that the client gave
	// them. It is empty where the client's statement has none.
	Params []int
}

// An Outcome is how a statement ended that was let pass.
type Outcome struct {
	// Verb is the first word of the server's command tag, such as SELECT; empty
	// where the statement failed.
	Verb string
	// Rows are those that it returned, changed or copied.
	Rows int64
	// Failed is set where the server answered with an error.
	Failed bool
	// Denied is set where Failed is, because a statement of Ruling.Before failed:
	// the client was told that its statement was refused. State is the SQLSTATE
	// where it failed otherwise than by [Denies].
	Denied bool
	State  string
	// Cut is set where Ruling.MaxRows ended the session.
	Cut bool
}

// A Judge decides about statements. Its methods are called concurrently, and
// for each session in the order of its statements.
type Judge interface {
	// Judge decides about a statement before it is sent. The strings in it are
	// only valid during the call.
	Judge(ctx context.Context, a Account, st Statement) Ruling
	// Attribute says which exchange values are bound for. It is asked in place
	// of Judge where a known statement is run again with other values.
	Attribute(a Account, st Statement) exchange.Attribution
	// Ended tells how a statement ended that was let pass.
	Ended(ctx context.Context, a Account, r Ruling, o Outcome)
	// Refused records what the gate itself refuses: see the rules. It reports
	// whether the refusal stands; where the rung observes, it does not.
	Refused(ctx context.Context, a Account, client netip.Addr, d gatehouse.Decision) bool
}

// Owners says whose rows of a table a statement may change. It is for a Judge: what
// it says becomes a Ruling.Before by package owners. Its method is called
// concurrently.
type Owners interface {
	// Owners is asked before a statement changes rows of a table, "orders" or
	// "public.orders", as the statement names it. column is where a row says whose
	// it is, owners are the names of the exchange's principal that it may have.
	// asked is false where nobody wants to know. It is asked where attribution is
	// exact; owners that are empty let nothing pass.
	Owners(by exchange.Attribution, table string) (column string, owners []string, asked bool)
}

// A Column says where the values of a result's column are from.
type Column struct {
	// Label is its name in the result.
	Label string
	// Table and Name are the table's and the column's own, such as
	// "public.orders" and "user_id". Both are empty for an expression, and while
	// the gate has not learned the table's names yet.
	Table, Name string
	// Hidden is set where it cannot be said what of which rows a value is: the
	// table's name is not known yet, or it is an expression that may have others'
	// text in it (not a number, a time or a truth).
	Hidden bool
}

// Rows is who wants to know what is read. Its methods are called concurrently.
type Rows interface {
	// Watching reports whether rows are wanted just now.
	Watching() bool
	// Row notes one row that was read: the text of each value, by column. NULL is
	// nil, and what has no short text is empty. Without columns it stands for rows
	// of which nothing is known: those of COPY, and of what was never described.
	// Both slices are only valid during the call.
	Row(by exchange.Attribution, columns []Column, values [][]byte)
}
