package gateway

import (
	"slices"

	"github.com/gatehousehq/gatehouse/data/policy"
	"github.com/gatehousehq/gatehouse/data/privilege"
	"github.com/gatehousehq/gatehouse/data/sqlgate"
	"github.com/gatehousehq/gatehouse/exchange"
	"github.com/gatehousehq/gatehouse/taint/outline"
)

// This file tells the database whose a statement is, for row-level security.

// sign has the database told, before the statement and in its transaction. Only
// what is known exactly is told to be somebody's: a guess would be a leak that
// the gate made.
func (c *statementCase) sign(s *privilege.Signer, r *sqlgate.Ruling, rules *policy.Judgement) {
	if rules == nil { // data/policy is off: what the statement does is asked for all the same
		rules = c.asm.statement.rules.Judge(c.st)
	}
	if !slices.ContainsFunc(rules.Outline.Statements, seesRows) {
		return
	}
	own := sqlgate.Own{SQL: s.Unattributed()}
	if c.by.How == exchange.Exact {
		own.SQL = s.Principal(c.by.Exchange.Principal)
	}
	// First: what else is asked before the statement is asked as whoever it is of.
	r.Before = append([]sqlgate.Own{own}, r.Before...)
}

// seesRows reports whether a statement may touch rows. What does not must have
// nothing before it: much of it may not be run in a transaction (VACUUM, DISCARD
// ALL), or only at its beginning (SET TRANSACTION).
func seesRows(st outline.Statement) bool {
	switch st.Verb {
	case outline.Transaction, outline.Set, outline.System, outline.Maintain, outline.Attach, outline.Pragma:
		return false
	case outline.Session:
		return st.Object == "fetch" || st.Object == "move"
	case outline.Define: // CREATE TABLE … AS, and not CREATE INDEX CONCURRENTLY
		return slices.ContainsFunc(st.Tables, func(t outline.Table) bool { return t.Use&outline.Reads != 0 })
	}
	return true
}
