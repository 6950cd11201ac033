package gateway

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/gatehousehq/gatehouse/exchange"
	"github.com/gatehousehq/gatehouse/secret"
	"github.com/gatehousehq/gatehouse/taint"
)

// An AccountLine is what data/guard knows of one database account. The counts
// are since the gate started.
type AccountLine struct {
	Account   string `json:"account"`
	Templates int    `json:"templates"`
	// Old are templates of another version of the guard, kept in case one goes
	// back to it.
	Old         int    `json:"old,omitempty"`
	Quarantined int    `json:"quarantined"`
	Judged      uint64 `json:"judged"`
	Known       uint64 `json:"known"`
	Unknown     uint64 `json:"unknown"`
	Denied      uint64 `json:"denied"`
	Capped      uint64 `json:"capped"`
	// Attributed is how well it was known whose the statements of an SQL gate's
	// account are; nil for others.
	Attributed *Attributed `json:"attributed,omitempty"`
}

// Attributed counts statements by how well it was known which request caused
// them, since the gate started.
type Attributed struct {
	Exact     uint64 `json:"exact"`
	Value     uint64 `json:"value"`
	Alone     uint64 `json:"alone"`
	Ambiguous uint64 `json:"ambiguous"`
}

// Total is how many there were.
func (a Attributed) Total() uint64 { return a.Exact + a.Value + a.Alone + a.Ambiguous }

// An SQLGateLine is one gate before a database.
type SQLGateLine struct {
	Name     string `json:"name"`
	Listen   string `json:"listen"`
	Database string `json:"database"`
	Sessions int    `json:"sessions"`
	// What follows counts since the gate started.
	Accepted   uint64 `json:"accepted"`
	Rejected   uint64 `json:"rejected"`
	Statements uint64 `json:"statements"`
	Refused    uint64 `json:"refused"`
}

// HitRate is the share of statements whose shape was known, from 0 to 1.
func (a AccountLine) HitRate() float64 {
	if a.Judged == 0 {
		return 0
	}
	return float64(a.Known) / float64(a.Judged)
}

// A SuspectLine is one shape in quarantine.
type SuspectLine struct {
	Account string    `json:"account"`
	Shape   string    `json:"shape"`
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
	Origins int       `json:"origins"`
	Seen    uint64    `json:"seen"`
	// Held says why it is not learned without a person's word.
	Held string `json:"held,omitempty"`
}

const (
	// maxSuspectLines and maxShapeShown bound what a command is told.
	maxSuspectLines = 1000
	maxShapeShown   = 2 << 10
)

func (t *templates) accounts(sqlAccounts *sqlJudge) []AccountLine {
	var lines []AccountLine
	for _, s := range t.guard.Stats() {
		lines = append(lines, accountLine(s))
	}
	lines = sqlAccounts.merge(lines)
	slices.SortFunc(lines, func(a, b AccountLine) int { return strings.Compare(a.Account, b.Account) })
	return lines
}

// merge adds what is known of the accounts of SQL gates.
func (j *sqlJudge) merge(lines []AccountLine) []AccountLine {
	for _, a := range j.accounts {
		i := slices.IndexFunc(lines, func(l AccountLine) bool { return l.Account == a.name })
		if i < 0 {
			i, lines = len(lines), append(lines, AccountLine{Account: a.name})
		}
		lines[i].Attributed = a.attributed()
	}
	return lines
}

func (a *sqlAccount) attributed() *Attributed {
	return &Attributed{
		Exact: a.by[exchange.Exact].Load(), Value: a.by[exchange.Value].Load(), Alone: a.by[exchange.Alone].Load(), Ambiguous: a.by[exchange.Ambiguous].Load(),
	}
}

// lines tell of the SQL gates.
func (s *sqlGates) lines() []SQLGateLine {
	var lines []SQLGateLine
	for _, one := range s.all {
		stats := one.gate.Stats()
		listen := one.config.Listen
		if one.listener != nil {
			listen = one.listener.Addr().String()
		}
		lines = append(lines, SQLGateLine{
			Name: one.config.Name, Listen: listen, Database: one.database(), Sessions: stats.Sessions,
			Accepted: stats.Accepted, Rejected: stats.Rejected, Statements: stats.Statements, Refused: stats.Refused,
		})
	}
	return lines
}

func accountLine(s taint.Stats) AccountLine {
	return AccountLine{
		Account: secret.Cut(secret.Line(s.Account), 64), Templates: s.Templates, Old: s.Old, Quarantined: s.Quarantined,
		Judged: s.Judged, Known: s.Known, Unknown: s.Unknown, Denied: s.Denied, Capped: s.Capped,
	}
}

func (t *templates) quarantine() []SuspectLine {
	all := t.guard.Suspects()
	slices.SortFunc(all, func(a, b taint.Suspect) int {
		return cmp.Or(b.Last.Compare(a.Last), strings.Compare(a.Account, b.Account), strings.Compare(a.Shape, b.Shape))
	})
	var lines []SuspectLine
	for _, s := range all[:min(len(all), maxSuspectLines)] {
		s.Account, s.Shape = secret.Cut(secret.Line(s.Account), 64), secret.Cut(secret.Line(s.Shape), maxShapeShown)
		lines = append(lines, SuspectLine(s))
	}
	return lines
}
