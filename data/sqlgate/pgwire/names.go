package pgwire

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/gatehousehq/gatehouse/data/sqlgate"
)

const (
	// maxTables bounds the tables whose names are remembered of one database.
	maxTables = 4096
	// namesFor is how long names are believed: tables are renamed.
	namesFor = 5 * time.Minute
	// askAgain is when a look-up that failed is tried again.
	askAgain = 30 * time.Second
	// askWithin bounds one look-up.
	askWithin = 10 * time.Second
	// maxAsked bounds the tables that wait to be looked up.
	maxAsked = 256
	// maxCatalogAnswer bounds one message of the answer.
	maxCatalogAnswer = 64 << 10
)

// A table is what the catalog says; it has no name where it could not be asked.
type table struct {
	name    string
	columns map[int16]string
	until   time.Time
}

// names are the names of the tables and columns that one account reads. They
// are looked up on a connection of their own, never in a client's session, and
// nobody waits for them.
type names struct {
	g  *Gate
	up *Upstream

	mu     sync.Mutex
	tables map[tableKey]*table
	asked  map[tableKey]bool
	asking bool
}

// A tableKey is a table of a database.
type tableKey struct {
	database string
	oid      uint32
}

func newNames(g *Gate, up *Upstream) *names {
	return &names{g: g, up: up, tables: make(map[tableKey]*table), asked: make(map[tableKey]bool)}
}

// places are the columns with the names that are known, in the given array.
func (n *names) places(database string, cols *columns, to []sqlgate.Column) []sqlgate.Column {
	to = append(to[:0], cols.places...)
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.g.now()
	for i, c := range cols.all {
		if c.table == 0 {
			continue
		}
		key := tableKey{database, c.table}
		t := n.tables[key]
		if t == nil || now.After(t.until) {
			n.ask(key)
		}
		if t != nil {
			if name := t.columns[c.number]; name != "" {
				to[i].Table, to[i].Name, to[i].Hidden = t.name, name, false
			}
		}
	}
	return to
}

// ask has a table looked up. The caller holds mu.
func (n *names) ask(key tableKey) {
	if n.asked[key] || len(n.asked) >= maxAsked {
		return
	}
	n.asked[key] = true
	if !n.asking && n.g.enter() {
		n.asking = true
		go n.lookUp()
	}
}

// lookUp asks the catalog until nothing is asked for any more.
func (n *names) lookUp() {
	defer n.g.leave()
	for {
		n.mu.Lock()
		database, oids := n.next()
		if len(oids) == 0 {
			n.asking = false
			n.mu.Unlock()
			return
		}
		n.mu.Unlock()
		found, err := n.catalog(database, oids)
		if err != nil {
			n.g.log.Warn("the names of tables could not be looked up", "gate", n.g.o.Name, "error", err)
		}
		n.mu.Lock()
		n.learn(database, oids, found, err)
		n.mu.Unlock()
	}
}

// next are some of the tables that are asked for, of one database. The caller
// holds mu.
func (n *names) next() (database string, oids []uint32) {
	for key := range n.asked {
		if len(oids) == 0 {
			database = key.database
		}
		if key.database == database {
			oids = append(oids, key.oid)
		}
	}
	return database, oids
}

// learn keeps what was found. The caller holds mu.
func (n *names) learn(database string, oids []uint32, found map[uint32]*table, err error) {
	if len(n.tables)+len(oids) > maxTables {
		clear(n.tables)
	}
	now := n.g.now()
	for _, oid := range oids {
		key := tableKey{database, oid}
		delete(n.asked, key)
		switch t := found[oid]; {
		case t != nil && err == nil:
			t.until = now.Add(namesFor)
			n.tables[key] = t
		default:
			n.tables[key] = &table{until: now.Add(askAgain)}
		}
	}
}

// catalog asks the database on a connection of its own.
func (n *names) catalog(database string, oids []uint32) (map[uint32]*table, error) {
	ctx, cancel := context.WithTimeout(n.g.ctx, askWithin)
	defer cancel()
	b, err := n.g.connect(ctx, n.up, []param{{"database", database}, {"client_encoding", "UTF8"}, {"application_name", "gatehouse names"}})
	if err != nil {
		return nil, err
	}
	defer b.conn.Close()
	if err := b.conn.SetDeadline(time.Now().Add(askWithin)); err != nil {
		return nil, err
	}
	var list strings.Builder
	for i, oid := range oids {
		if i > 0 {
			list.WriteByte(',')
		}
		fmt.Fprint(&list, oid)
	}
	sql := "SELECT c.oid, n.nspname, c.relname, a.attnum, a.attname FROM pg_catalog.pg_class c" +
		" JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace" +
		" JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) c.oid" +
		" WHERE c.oid IN (" + list.String() + ") AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped"
	if _, err := b.conn.Write(append(appendQuery(nil, sql), 'X', 0, 0, 0, 4)); err != nil {
		return nil, err
	}
	return readTables(b.conn)
}

func readTables(conn net.Conn) (map[uint32]*table, error) {
	const maxRows = maxAsked * 1600 // MaxHeapAttributeNumber
	found := make(map[uint32]*table)
	for range maxRows {
		kind, body, err := readMessage(conn, maxCatalogAnswer)
		switch {
		case err != nil:
			return nil, err
		case kind == 'E':
			return nil, &refusal{state: field(body, 'C'), words: oneLine(field(body, 'M'))}
		case kind == 'Z':
			return found, nil
		case kind == 'D':
			if err := readTable(body, found); err != nil {
				return nil, err
			}
		}
	}
	return nil, fmt.Errorf("%w: the answer does not end", errMalformed)
}

// readTable reads a row of the look-up: text in five columns.
func readTable(body []byte, found map[uint32]*table) error {
	const width = 5
	if len(body) < 2 || binary.BigEndian.Uint16(body) != width {
		return fmt.Errorf("%w: a row of the catalog", errMalformed)
	}
	body = body[2:]
	var values [width]string
	for i := range values {
		size, ok := valueSize(body)
		if !ok || size < 0 {
			return fmt.Errorf("%w: a row of the catalog", errMalformed)
		}
		values[i], body = string(body[4:4+size]), body[4+size:]
	}
	var oid uint32
	var number int16
	if _, err := fmt.Sscan(values[0]+" "+values[3], &oid, &number); err != nil {
		return fmt.Errorf("%w: a row of the catalog: %w", errMalformed, err)
	}
	t := found[oid]
	if t == nil {
		t = &table{name: values[1] + "." + values[2], columns: make(map[int16]string)}
		found[oid] = t
	}
	t.columns[number] = values[4]
	return nil
}
