package gateway

import (
	"context"
	"net/netip"
	"slices"
	"sync/atomic"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/ownership"
	"github.com/gatehousehq/gatehouse/data/policy"
	"github.com/gatehousehq/gatehouse/data/privilege"
	"github.com/gatehousehq/gatehouse/data/sqlgate"
	"github.com/gatehousehq/gatehouse/events"
	"github.com/gatehousehq/gatehouse/exchange"
	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/taint"
)

// This file judges what comes through the SQL gates: whose a statement is, then
// the statement rungs, then what becomes of the request.

// An sqlAccount is one account of an SQL gate.
type sqlAccount struct {
	name string // gate/user
	// by counts its statements by how well it was known whose they are.
	by   [exchange.Exact + 1]atomic.Uint64
	seen seen
	// signer tells the database whose its statements are; nil: nobody does.
	signer *privilege.Signer
}

// sqlJudge implements sqlgate.Judge and sqlgate.Rows.
type sqlJudge struct {
	gate     *Gate
	accounts map[sqlgate.Account]*sqlAccount
}

func (j *sqlJudge) account(a sqlgate.Account) *sqlAccount {
	if known := j.accounts[a]; known != nil {
		return known
	}
	return &sqlAccount{name: a.Name()} // the SQL gate names no other
}

func lexerOf(st sqlgate.Statement) taint.Lexer {
	return taint.Lexer{Dialect: taint.PostgreSQL, Backslash: st.Backslash}
}

// Attribute says whose values are that a known statement is run with.
func (j *sqlJudge) Attribute(a sqlgate.Account, st sqlgate.Statement) exchange.Attribution {
	return j.attribute(j.account(a), a, st)
}

func (j *sqlJudge) attribute(known *sqlAccount, a sqlgate.Account, st sqlgate.Statement) exchange.Attribution {
	by := j.gate.backend.Attribute(exchange.Clue{Lexer: lexerOf(st), SQL: st.SQL, Values: st.Values, Said: st.Said, Background: a.Background})
	if !st.Prepared { // a run of it is counted
		known.by[by.How].Add(1)
	}
	return by
}

// Judge decides about a statement. The zero Ruling refuses.
func (j *sqlJudge) Judge(ctx context.Context, a sqlgate.Account, st sqlgate.Statement) sqlgate.Ruling {
	known := j.account(a)
	c := statementCase{
		gate: j.gate, ctx: ctx, asm: j.gate.current.Load(), by: j.attribute(known, a, st),
		st: taint.Statement{Account: known.name, Lexer: lexerOf(st), SQL: st.SQL, Params: st.Values},
	}
	r := sqlgate.Ruling{By: c.by}
	if known.signer != nil && privilege.Reserved(st.SQL) {
		j.Refused(ctx, a, st.Client, gatehouse.Denied(privilege.RuleReserved, gatehouse.Place{}, "it begins as what the gate tells the database of whose a statement is"))
		return r
	}
	switch rules, ok := c.settled(&r); {
	case ok && c.asksOwners(j, &st, &r):
		r.Verdict, r.Tag = gatehouse.Pass, rules
		if known.signer != nil {
			c.sign(known.signer, &r, rules)
		}
		if rules != nil {
			known.seen.note(rules, c.judgement.Known() || c.asm.statement.guard.mode == gatehouse.Off, j.gate.now)
		}
	case c.answers != nil:
		r.Request = c.answers.ID
	}
	return r
}

// settled passes data/policy and data/guard. Where an input speaks against a
// statement that its account may not send anyway, that is told: it is an attack.
func (c *statementCase) settled(r *sqlgate.Ruling) (rules *policy.Judgement, ok bool) {
	step := &c.asm.statement
	var crash *gatehouse.Decision
	if step.policy.mode != gatehouse.Off {
		if rules, crash = c.checkPolicy(); crash != nil {
			d, _ := c.subject(c.by.Proven()).settle(&step.policy, *crash, events.AuthzFail)
			c.refuse(c.by.Proven(), d, false)
			return nil, false
		}
		r.Again = rules.Again
		if step.policy.modeOf(policy.RuleReturned) == gatehouse.Enforce && !c.asm.observe {
			r.MaxRows = rules.MaxReturned
		}
	}
	if step.guard.mode == gatehouse.Off {
		return rules, c.settlePolicy(rules)
	}
	c.checkGuard()
	r.Again = r.Again || c.judgement.Again()
	attack := c.judgement.Evidence() != taint.Evidence{} && !c.judgement.Foreign
	if attack {
		_, ok = c.settleGuard()
		ok = ok && c.settlePolicy(rules)
	} else if ok = c.settlePolicy(rules); ok {
		_, ok = c.settleGuard()
	}
	if ok {
		c.passed()
	}
	return rules, ok
}

// settlePolicy makes of what data/policy found what happens: each rule that the
// statement breaks has a mode of its own.
func (c *statementCase) settlePolicy(rules *policy.Judgement) bool {
	if rules == nil {
		return true
	}
	for i := range rules.Decisions {
		x := c.by.Proven()
		if d, ok := c.subject(x).settle(&c.asm.statement.policy, rules.Decisions[i], c.denied); !ok {
			c.refuse(x, d, false)
			return false
		}
	}
	return true
}

// checkPolicy runs the check; one that panics denies, with what it gives second.
func (c *statementCase) checkPolicy() (rules *policy.Judgement, crash *gatehouse.Decision) {
	defer func() {
		if p := recover(); p != nil {
			d := c.subject(c.by.Proven()).crashed(&c.asm.statement.policy, p)
			crash = &d
		}
	}()
	return c.asm.statement.rules.Judge(c.st), nil
}

// denied is the event of a statement that its account may not send.
func (c *statementCase) denied(a events.About, d gatehouse.Decision, o gatehouse.Outcome) gatehouse.Event {
	return events.StatementDenied(a, d, o, events.Statement{Account: c.st.Account, SQL: taint.Mark(c.st, taint.Evidence{})})
}

// Ended is told how a statement ended that was let pass: its rows are counted.
func (j *sqlJudge) Ended(ctx context.Context, a sqlgate.Account, r sqlgate.Ruling, o sqlgate.Outcome) {
	c := statementCase{gate: j.gate, ctx: ctx, asm: j.gate.current.Load(), by: r.By}
	if o.Denied {
		c.notOwned(ownership.RuleOther, "a statement would have changed rows that are another's")
		return
	}
	rules, _ := r.Tag.(*policy.Judgement)
	if rules == nil {
		return
	}
	step := &c.asm.statement
	d := step.rules.Ended(rules, o)
	if d.Verdict == gatehouse.Pass || step.policy.mode == gatehouse.Off {
		return
	}
	x := r.By.Proven()
	s := c.subject(x)
	s.observed = !o.Cut // it has happened
	d, ok := s.settle(&step.policy, d, func(about events.About, d gatehouse.Decision, out gatehouse.Outcome) gatehouse.Event {
		return events.MassRows(about, d, out, o.Rows, events.Statement{Account: j.account(a).name})
	})
	if !ok {
		c.refuse(x, d, false)
	}
}

// standing are the refusals of an SQL gate that no mode and no entry lifts: they
// say who somebody is, and where.
var standing = []string{sqlgate.RulePassword, sqlgate.RuleTLS, sqlgate.RuleDatabase, sqlgate.RuleReplication, privilege.RuleReserved}

// Refused records what an SQL gate itself refuses, and reports whether that
// stands.
func (j *sqlJudge) Refused(ctx context.Context, a sqlgate.Account, client netip.Addr, d gatehouse.Decision) bool {
	asm := j.gate.current.Load()
	step := asm.statement.account
	// What passes unread may begin as what the gate tells the database.
	unread := d.Rule == sqlgate.RuleTooLong && j.account(a).signer != nil
	if unread || slices.Contains(standing, d.Rule) {
		step.fixed = true
	} else if step.mode == gatehouse.Off {
		return false
	}
	s := subject{gate: j.gate, asm: asm, ctx: ctx, route: config.Background}
	if client.IsValid() {
		s.about.Client = client.String()
	}
	_, ok := s.settle(&step, d, func(about events.About, d gatehouse.Decision, o gatehouse.Outcome) gatehouse.Event {
		if d.Rule == sqlgate.RulePassword {
			return events.LoginFail(about, d, o, a.Name())
		}
		return events.StatementDenied(about, d, o, events.Statement{Account: a.Name()})
	})
	return !ok
}

// Watching reports whether rows are wanted: while a request is at work, or was
// just now.
func (j *sqlJudge) Watching() bool { return j.gate.backend.Active() }

// Row notes what was read. A column is told by its table's name where that is
// known.
func (j *sqlJudge) Row(by exchange.Attribution, columns []sqlgate.Column, values [][]byte) {
	if x := by.Proven(); x != nil && x.Watched() {
		x.NoteRecord(columnNames(columns), values)
	}
	j.noteOwned(by, columns, values)
	for i, v := range values {
		if len(v) < exchange.MinRow || i >= len(columns) {
			continue
		}
		j.gate.backend.NoteRow(by, columnName(&columns[i]), v)
	}
}

// noteOwned notes whose a row is. What is not exactly an exchange's may be
// anybody's who is there.
func (j *sqlJudge) noteOwned(by exchange.Attribution, columns []sqlgate.Column, values [][]byte) {
	x := by.Exchange
	if by.How != exchange.Exact || x == nil {
		for i := range columns {
			j.gate.backend.NoteStray(columns[i].Table, columns[i].Hidden)
		}
		if len(columns) == 0 {
			j.gate.backend.NoteStray("", true)
		}
		return
	}
	if !x.WatchesOwners() {
		return
	}
	if len(columns) == 0 || slices.ContainsFunc(columns, func(c sqlgate.Column) bool { return c.Hidden }) {
		x.NoteUnseen()
		return
	}
	row := x.NoteOwned()
	defer row.Done()
	for i, v := range values[:min(len(values), len(columns))] {
		row.Value(columns[i].Table, columns[i].Name, v)
	}
}

func columnName(c *sqlgate.Column) string {
	if c.Table == "" {
		return c.Label
	}
	return c.Table + "." + c.Name
}

func columnNames(columns []sqlgate.Column) []string {
	names := make([]string, len(columns))
	for i := range columns {
		names[i] = columnName(&columns[i])
	}
	return names
}

// policyOf is the policy of all accounts of the SQL gates.
func policyOf(c *config.Config) (*policy.Policy, error) {
	accounts := make(map[string]policy.Account)
	for _, g := range c.Data.SQL {
		for _, client := range g.Clients {
			a := policy.Account{
				DDL: client.DDL, Schema: client.Schema, Functions: client.Functions, Roles: client.Roles, Temporary: client.Temporary,
				MaxReturned: int64(client.Rows.Returned), MaxAffected: int64(client.Rows.Affected),
			}
			for _, grant := range client.Allow {
				a.Allow = append(a.Allow, policy.Grant{Verbs: grant.Verbs, Tables: grant.Tables})
			}
			accounts[sqlgate.Account{Gate: g.Name, User: client.User}.Name()] = a
		}
	}
	return policy.New(policy.Options{Accounts: accounts})
}
