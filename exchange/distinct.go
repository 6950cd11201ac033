package exchange

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// maxDistinct bounds the values that are kept of one column: one person's answer
// has few owners. maxOwned bounds the tables that are watched.
const (
	maxDistinct = 64
	maxOwned    = 32
)

// An Owned is a table whose rows have an owner.
type Owned struct {
	// Table is its name, with its schema or without: then it is of any.
	Table string
	// Column is where the owner stands, and Key what identifies a row.
	Column, Key string
}

// owned is what was read of one table.
type owned struct {
	Owned
	rows         int
	owners, keys distinct
	unkeyed      bool // a row had neither
	nOwner, nKey int  // in the row that is noted
	there        bool // the row has something of the table
	ownerMissing bool
	keyOf        []byte
}

// distinct is a set that keeps its order.
type distinct struct {
	values   []string
	overflow bool
}

func (d *distinct) add(v []byte) {
	for _, known := range d.values {
		if known == string(v) {
			return
		}
	}
	if len(d.values) >= maxDistinct {
		d.overflow = true
		return
	}
	d.values = append(d.values, string(v))
}

// ownedRows are kept beside the records: of these all rows count.
type ownedRows struct {
	mu     sync.Mutex
	tables []owned
	unseen bool
	// stray counts rows that were read for nobody knows whom; since is what it
	// counted when the exchange began.
	stray *stray
	since uint64
}

// A stray counts the rows of watched tables that were read for nobody knows
// whom: each exchange that is live then may have read them.
type stray struct {
	rows   atomic.Uint64
	mu     sync.Mutex
	tables atomic.Pointer[[]string] // never changed once it is there
}

// maxStray bounds the tables of all exchanges; beyond it, any row counts.
const maxStray = 256

func (s *stray) watch(tables []Owned) {
	for _, t := range tables {
		if s.watches(t.Table) {
			continue
		}
		s.mu.Lock()
		var all []string
		if old := s.tables.Load(); old != nil {
			all = slices.Clone(*old)
		}
		if len(all) <= maxStray {
			all = append(all, t.Table)
		}
		s.tables.Store(&all)
		s.mu.Unlock()
	}
}

// watches reports whether rows of a table count.
func (s *stray) watches(table string) bool {
	tables := s.tables.Load()
	if tables == nil {
		return false
	}
	return len(*tables) > maxStray || slices.ContainsFunc(*tables, func(t string) bool { return isTable(table, t) })
}

// NoteStray notes a row that was read for nobody knows whom, or for an exchange
// by a guess: by each of its columns' tables. hidden is set where it cannot be
// said what a column holds.
func (b *Backend) NoteStray(table string, hidden bool) {
	if b.stray.tables.Load() != nil && (hidden || table != "" && b.stray.watches(table)) {
		b.stray.rows.Add(1)
	}
}

// WatchOwners has the rows of these tables that x reads told apart by their
// owners: before, nothing is kept. It is called before the backend has the
// request. Of more than 32 tables nothing is whole.
func (b *Backend) WatchOwners(x *Exchange, tables ...Owned) {
	b.stray.watch(tables)
	o := &x.owned
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stray, o.since = &b.stray, b.stray.rows.Load()
	for _, t := range tables {
		if len(o.tables) >= maxOwned {
			o.unseen = true
			return
		}
		o.tables = append(o.tables, owned{Owned: t})
	}
}

// WatchesOwners reports whether rows are told apart by their owners.
func (x *Exchange) WatchesOwners() bool {
	x.owned.mu.Lock()
	defer x.owned.mu.Unlock()
	return len(x.owned.tables) > 0
}

// NoteUnseen notes that the exchange read, or may have read, rows of which it is
// not known what they are: from then on nothing is whole.
func (x *Exchange) NoteUnseen() {
	x.owned.mu.Lock()
	defer x.owned.mu.Unlock()
	x.owned.unseen = true
}

// An OwnedRow notes one row: its values one after the other, then Done.
type OwnedRow struct{ o *ownedRows }

// NoteOwned begins a row that the exchange is known to have read, exactly. The
// exchange is locked until Done.
func (x *Exchange) NoteOwned() OwnedRow {
	x.owned.mu.Lock()
	return OwnedRow{&x.owned}
}

// Value notes a value of the row: nil is NULL, and one that is empty cannot be
// read. A table with its schema is "public.orders".
func (r OwnedRow) Value(table, column string, v []byte) {
	if table == "" {
		return
	}
	for i := range r.o.tables {
		t := &r.o.tables[i]
		if !isTable(table, t.Table) {
			continue
		}
		t.there = t.there || v != nil
		switch column {
		case t.Column:
			t.nOwner++
			if len(v) == 0 || len(v) > maxKey {
				t.ownerMissing = true
			} else {
				t.owners.add(v)
			}
		case t.Key:
			t.nKey++
			if len(v) > 0 && len(v) <= maxKey {
				t.keyOf = v
			}
		}
	}
}

// isTable compares a name with its schema with one that may have none.
func isTable(full, wanted string) bool {
	if len(full) == len(wanted) {
		return full == wanted
	}
	rest, ok := strings.CutSuffix(full, wanted)
	return ok && strings.HasSuffix(rest, ".") && strings.IndexByte(rest, '.') == len(rest)-1
}

// Done ends the row.
func (r OwnedRow) Done() {
	defer r.o.mu.Unlock()
	for i := range r.o.tables {
		t := &r.o.tables[i]
		if t.there {
			t.rows++
			switch {
			case t.nOwner > 0 && !t.ownerMissing && t.nKey <= t.nOwner:
			case t.keyOf != nil && t.nKey == 1:
				t.keys.add(t.keyOf)
			default:
				t.unkeyed = true
			}
		}
		t.there, t.ownerMissing, t.nOwner, t.nKey, t.keyOf = false, false, 0, 0, nil
	}
}

// Distinct gives the owners of the rows that the exchange read of a table, by
// "table.column" as it is watched, and how many rows. whole is set where these
// are the owners of all of them: none was read without its owner, none unseen
// or for nobody knows whom, and at most 64 differ. The
// slice is never changed afterwards.
func (x *Exchange) Distinct(column string) (values []string, rows int, whole bool) {
	o := &x.owned
	o.mu.Lock()
	defer o.mu.Unlock()
	t := o.table(column)
	if t == nil {
		return nil, 0, false
	}
	whole = o.known() && !t.unkeyed && !t.owners.overflow && !t.keys.overflow && len(t.keys.values) == 0
	return t.owners.values[:len(t.owners.values):len(t.owners.values)], t.rows, whole
}

// Unowned gives the keys of the rows that were read without their owner. whole is
// set where, with their owners, those of all rows are known.
func (x *Exchange) Unowned(column string) (keys []string, whole bool) {
	o := &x.owned
	o.mu.Lock()
	defer o.mu.Unlock()
	t := o.table(column)
	if t == nil {
		return nil, false
	}
	return t.keys.values[:len(t.keys.values):len(t.keys.values)], o.known() && !t.unkeyed && !t.owners.overflow && !t.keys.overflow
}

// known reports whether all rows were seen. The caller holds mu.
func (o *ownedRows) known() bool {
	return !o.unseen && o.stray != nil && o.stray.rows.Load() == o.since
}

// table finds a table by "table.column". The caller holds mu.
func (o *ownedRows) table(column string) *owned {
	for i := range o.tables {
		t := &o.tables[i]
		if rest, ok := strings.CutPrefix(column, t.Table); ok && len(rest) == len(t.Column)+1 && rest[0] == '.' && rest[1:] == t.Column {
			return t
		}
	}
	return nil
}
