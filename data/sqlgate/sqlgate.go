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
	// Bound is set where the statement was judged before, and values are now
	// bound to it.
	Bound bool
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
	// Tag is the judge's own, given back with the outcome.
	Tag any
}

// An Outcome is how a statement ended that was let pass.
type Outcome struct {
	// Verb is the first word of the server's command tag, such as SELECT.
	Verb string
	// Rows are those that it returned or changed.
	Rows int64
	// Failed is set where the server answered with an error.
	Failed bool
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
	// Watching reports whether anybody wants to know which rows are read.
	Watching() bool
	// Row notes the values of one row that was read, by the names of its
	// columns. Both are only valid during the call.
	Row(by exchange.Attribution, column, value string)
	// Ended tells how a statement ended.
	Ended(ctx context.Context, a Account, r Ruling, o Outcome)
	// Refused records what the gate itself refuses: see the rules.
	Refused(ctx context.Context, a Account, client netip.Addr, d gatehouse.Decision)
}
