package gateway

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/gatehousehq/gatehouse/application/ownership"
	"github.com/gatehousehq/gatehouse/data/sqlgate/pgwire"
	"github.com/gatehousehq/gatehouse/exchange"
)

// This file says whose the rows are that an answer was made from, as far as it is
// known exactly.

// maxLookedUp bounds the owners that are looked up by key for one answer.
const maxLookedUp = 16

// rowsOf are those of one exchange.
type rowsOf struct {
	gate *Gate
	x    *exchange.Exchange
}

var _ ownership.Rows = rowsOf{}

// rows are those that the answer was made from; nil where no SQL gate could tell.
func (g *Gate) rows(x *exchange.Exchange) ownership.Rows {
	if len(g.sql.all) == 0 {
		return nil
	}
	return rowsOf{g, x}
}

// watchRows has the SQL gates note whose rows an exchange reads.
func (g *Gate) watchRows(x *exchange.Exchange, o *ownership.Ownership) {
	if len(g.sql.all) == 0 {
		return
	}
	tables := o.Tables()
	if x.Principal.Known() {
		tables = g.owners.beside(tables)
	}
	if len(tables) > 0 {
		g.backend.WatchOwners(x, tables...)
	}
	if x.Principal.Known() && !x.Watched() {
		x.Watch(ownerColumn) // to learn from
	}
}

// Owners gives the owners of all rows of a column's table.
func (r rowsOf) Owners(ctx context.Context, column, key string) (owners []string, known bool) {
	values, rows, whole := r.x.Distinct(column)
	if whole {
		return values, rows > 0
	}
	keys, whole := r.x.Unowned(column)
	if !whole || key == "" || len(keys) == 0 || len(keys) > maxLookedUp {
		return nil, false
	}
	owners = slices.Clone(values)
	for _, k := range keys {
		found, err := r.gate.lookUp(ctx, column, key, k)
		if err != nil || len(found) == 0 {
			return nil, false
		}
		for _, o := range found {
			if !slices.Contains(owners, o) {
				owners = append(owners, o)
			}
		}
	}
	return owners, true
}

// lookUp asks the database whose a row is, by the first SQL gate that has the table.
func (g *Gate) lookUp(ctx context.Context, column, key, value string) ([]string, error) {
	at := strings.LastIndexByte(column, '.')
	ask := pgwire.Lookup{Table: column[:at], Column: column[at+1:], Key: key, Value: value}
	for _, s := range g.sql.all {
		if len(s.config.Clients) == 0 {
			continue
		}
		ask.User = s.config.Clients[0].User
		owners, err := s.gate.Owner(ctx, ask)
		if errors.Is(err, pgwire.ErrNoColumn) {
			continue
		}
		return owners, err
	}
	return nil, pgwire.ErrNoColumn
}

// ownerColumn reports whether a column is called as one that says whose a row is.
func ownerColumn(column string) bool {
	name := strings.ToLower(column[strings.LastIndexByte(column, '.')+1:])
	switch name {
	case "user_id", "owner_id", "account_id", "customer_id", "author_id", "member_id", "person_id", "userid", "ownerid", "created_by", "owner", "username", "user_name":
		return strings.IndexByte(column, '.') >= 0
	}
	return false
}

const (
	// maxOwners bounds the columns that are learned from.
	maxOwners = 16
	// maxWatched bounds them with those of rules: an exchange keeps the owners of no
	// more tables, and with more of none.
	maxWatched = 32
)

// seenOwners are columns that looked as if they said whose a row is. Of those the
// owners of all rows are kept, as a rule would have them: a statement that reads rows
// of the table without the column leaves a rule without an answer. It is ready as its
// zero value.
type seenOwners struct {
	mu  sync.Mutex
	all []exchange.Owned
}

// beside are tables with those that were seen.
func (s *seenOwners) beside(tables []exchange.Owned) []exchange.Owned {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.Clip(tables)
	for _, one := range s.all {
		if len(all) < maxWatched && !slices.ContainsFunc(tables, func(t exchange.Owned) bool { return t.Table == one.Table && t.Column == one.Column }) {
			all = append(all, one)
		}
	}
	return all
}

// note notes a column, and reports whether it is new.
func (s *seenOwners) note(column string) bool {
	at := strings.LastIndexByte(column, '.')
	one := exchange.Owned{Table: strings.Clone(column[:at]), Column: strings.Clone(column[at+1:])}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.all) >= maxOwners || slices.Contains(s.all, one) {
		return false
	}
	s.all = append(s.all, one)
	return true
}

// ownersOf are what the rows of an exchange say of whose they are, to learn from: the
// owners of all rows of a table, or nothing of it.
func (g *Gate) ownersOf(x *exchange.Exchange) map[string][]string {
	var all map[string][]string
	for _, r := range x.Records() {
		for _, column := range r.Columns {
			if !ownerColumn(column) || all[column] != nil || g.owners.note(column) {
				continue
			}
			values, rows, whole := x.Distinct(column)
			if !whole || rows == 0 {
				continue
			}
			if all == nil {
				all = make(map[string][]string)
			}
			all[column] = values
		}
	}
	return all
}
