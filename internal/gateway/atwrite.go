package gateway

import (
	"strings"
	"sync"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/ownership"
	"github.com/gatehousehq/gatehouse/data/owners"
	"github.com/gatehousehq/gatehouse/data/sqlgate"
	"github.com/gatehousehq/gatehouse/events"
	"github.com/gatehousehq/gatehouse/exchange"
)

// This file has the SQL gate ask whom the rows belong to that a statement is about
// to change, for requests whose rule of application/ownership leaves it to that.

// promises count the requests at work whose changes are left to the SQL gate, by
// the owner's column: while there are any, a statement that is nobody's for certain
// may not change such a table.
type promises struct {
	mu sync.Mutex
	by map[string]int
}

func (p *promises) add(columns map[string][]string, n int) {
	if len(columns) == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.by == nil {
		p.by = make(map[string]int)
	}
	for c := range columns {
		if p.by[c] += n; p.by[c] <= 0 {
			delete(p.by, c)
		}
	}
}

func (p *promises) any(column string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.by[column] > 0
}

var _ sqlgate.Owners = (*sqlJudge)(nil)

// Owners says whose rows of a table a statement may change.
func (j *sqlJudge) Owners(by exchange.Attribution, table string) (column string, names []string, asked bool) {
	column, ok := j.gate.current.Load().ownership.AtWrite(table)
	if !ok {
		return "", nil, false
	}
	name := column[strings.LastIndexByte(column, '.')+1:]
	if by.How != exchange.Exact {
		return name, nil, j.gate.promises.any(column)
	}
	names, asked = by.Exchange.Writes[column]
	return name, names, asked
}

// asksOwners adds to a ruling what is asked of the database before a statement. It
// reports false where that can't be said, and the statement is refused.
func (c *statementCase) asksOwners(j *sqlJudge, st *sqlgate.Statement, r *sqlgate.Ruling) bool {
	step := c.asm.rungByName(ownership.Rung)
	if step == nil || c.asm.observe || step.modeOf(ownership.RuleOther) != gatehouse.Enforce {
		return true
	}
	if st.Prepared {
		own, err := owners.Before(c.st.Lexer, st.SQL, func(table string) (string, []string, bool) {
			column, ok := c.asm.ownership.AtWrite(table)
			return column[strings.LastIndexByte(column, '.')+1:], nil, ok
		})
		r.Again = r.Again || err != nil || len(own) > 0 // each run is another exchange's
		return true
	}
	own, err := owners.Before(c.st.Lexer, st.SQL, func(table string) (string, []string, bool) { return j.Owners(c.by, table) })
	if err == nil {
		r.Before = append(r.Before, own...)
		return true
	}
	return c.notOwned(ownership.RuleUnknown, "nobody can say whose rows a statement would change: "+err.Error())
}

// notOwned refuses a statement, and the request that caused it, for its owner.
func (c *statementCase) notOwned(rule, why string) bool {
	x := c.by.Proven()
	d := gatehouse.Denied(rule, gatehouse.Place{}, "%s", why).WithStatus(404)
	d, ok := c.subject(x).settle(c.asm.rungByName(ownership.Rung), d, events.AuthzFail)
	if !ok {
		c.refuse(x, d, false)
	}
	return ok
}
