package policy

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/data/sqlgate"
	"github.com/gatehousehq/gatehouse/taint"
	"github.com/gatehousehq/gatehouse/taint/outline"
)

// Rung is the layer's name on the ladder.
const Rung = "data/policy"

// Rules of the rung, gravest first: the order in which they are looked at. The
// last three are for observe as shipped, since working sites break them.
const (
	// RuleProgram: COPY runs a program on the database's server.
	RuleProgram = "program"
	// RuleServerFile: a file of the database's server is read or written.
	RuleServerFile = "server-file"
	// RuleFunction: a function or command that reaches beyond the data: other
	// servers, other sessions, other roles, the server's settings, sleep.
	RuleFunction = "function"
	// RuleCredentials: a catalog that holds passwords' hashes is read.
	RuleCredentials = "credentials"
	// RuleDDL: definitions, by an account that is not declared for them.
	RuleDDL = "ddl"
	// RuleNotGranted: a table or verb outside the account's list.
	RuleNotGranted = "not-granted"
	// RuleNoWhere: UPDATE or DELETE of all rows.
	RuleNoWhere = "no-where"
	// RuleReturned: more rows than the account may be given.
	RuleReturned = "rows-returned"
	// RuleAffected: more rows than the account may change with one statement.
	RuleAffected = "rows-affected"
)

// A Grant lets an account do something with tables.
type Grant struct {
	// Verbs are of select, insert, update, delete, truncate; "all" is all.
	Verbs []string
	// Tables are names as the server has them, with a schema or without one:
	// "orders", "public.orders", "app.*", "*".
	Tables []string
}

// An Account is what one database account may do. The zero value may do
// ordinary work with every table: what the database itself lets it.
type Account struct {
	// DDL lets it define: for migrations.
	DDL bool
	// Allow is what it may do with tables; empty: whatever the database allows.
	Allow []Grant
	// Schema is the one that names without a schema are in. Empty means public
	// (main for SQLite).
	Schema string
	// Functions are those that it may call although a rule refuses them, such
	// as pg_sleep.
	Functions []string
	// Roles are those that it may become by SET ROLE.
	Roles []string
	// Temporary are temporary tables that it may drop, alter and index. (One
	// may be created by any name; that DROP TABLE names one is not told by its
	// text, unless it says pg_temp.)
	Temporary []string
	// MaxReturned and MaxAffected bound the rows of one statement; zero: any.
	MaxReturned, MaxAffected int64
}

// Options configure a Policy.
type Options struct {
	// Accounts are by name, as taint.Statement has it ("shop/app"). One that is
	// not among them is held to the zero Account.
	Accounts map[string]Account
}

// A Policy is the rung. Make it with [New]. Its methods may be called
// concurrently.
type Policy struct {
	accounts map[accountKey]*account
	scratch  sync.Pool
}

type accountKey struct {
	name    string
	dialect taint.Dialect
}

// New checks the options.
func New(o Options) (*Policy, error) {
	p := &Policy{accounts: make(map[accountKey]*account), scratch: sync.Pool{New: func() any { return new(scratch) }}}
	all := maps.Clone(o.Accounts)
	if all == nil {
		all = make(map[string]Account)
	}
	if _, ok := all[""]; ok {
		return nil, errors.New("policy: Options.Accounts has one without a name")
	}
	all[""] = Account{} // whoever is not named
	for name, of := range all {
		for _, d := range []taint.Dialect{taint.PostgreSQL, taint.SQLite} {
			a, err := newAccount(of, d)
			if err != nil {
				return nil, fmt.Errorf("policy: Options.Accounts[%q]: %w", name, err)
			}
			p.accounts[accountKey{name, d}] = a
		}
	}
	return p, nil
}

func newAccount(of Account, d taint.Dialect) (*account, error) {
	if of.MaxReturned < 0 || of.MaxAffected < 0 {
		return nil, errors.New("a limit (MaxReturned, MaxAffected) may not be negative; zero is any number")
	}
	of.Schema = schemaOf(of, d)
	a := &account{Account: of, dialect: d, functions: set(of.Functions...), schemas: make(map[string]bool)}
	if len(of.Allow) == 0 {
		return a, nil
	}
	var err error
	if a.grants, err = newGranted(of.Allow, of.Schema); err != nil {
		return nil, fmt.Errorf("in Allow: %w", err)
	}
	for table := range a.grants.tables {
		schema, _, _ := strings.Cut(table, ".")
		a.schemas[schema] = true
	}
	for schema := range a.grants.schemas {
		a.schemas[schema] = true
	}
	return a, nil
}

// account is the one of that name, or whoever is not named. A dialect other
// than SQLite is read as PostgreSQL's, as by the lexer.
func (p *Policy) account(name string, d taint.Dialect) *account {
	if d != taint.SQLite {
		d = taint.PostgreSQL
	}
	if a, ok := p.accounts[accountKey{name, d}]; ok {
		return a
	}
	return p.accounts[accountKey{"", d}]
}

// A Judgement is what the rung makes of a statement. It is shared between all
// that have the same statement: nobody may change it. The zero value denies.
type Judgement struct {
	// Decisions has one denial for each rule broken, gravest first: each rule
	// has a mode of its own, so one that observes must not hide the next. It is
	// empty where the statement passes.
	Decisions []gatehouse.Decision
	// Again is set where the values bound to the statement are to be judged as
	// well (Statement.Params): it sets a setting that they name.
	Again bool
	// MaxReturned is how many rows the application may be given; zero: any.
	MaxReturned int64
	// Outline is what the statement does, for package privilege's facts.
	Outline outline.Outline

	noted       atomic.Bool
	passed      bool
	maxAffected int64
	copies      int8 // +1 to the client, -1 from it
}

// Decision is the gravest one.
func (j *Judgement) Decision() gatehouse.Decision {
	switch {
	case j == nil || !j.passed && len(j.Decisions) == 0:
		return gatehouse.Denied("", gatehouse.Place{}, "the statement was not judged")
	case len(j.Decisions) > 0:
		return j.Decisions[0]
	}
	return gatehouse.Passed()
}

// First reports true once for each judgement: whoever notes what statements do
// asks it of those that were let pass by all rungs.
func (j *Judgement) First() bool { return !j.noted.Load() && j.noted.CompareAndSwap(false, true) }

// Check decides about a statement by the gravest of the rules that it breaks.
// Where rules have different modes, ask [Policy.Judge].
func (p *Policy) Check(st taint.Statement) gatehouse.Decision { return p.Judge(st).Decision() }

// Ended decides, after the fact, about the rows of a statement that was let
// pass.
func (p *Policy) Ended(j *Judgement, o sqlgate.Outcome) gatehouse.Decision {
	return j.ended(o)
}
