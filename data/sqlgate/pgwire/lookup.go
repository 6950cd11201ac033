package pgwire

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

const (
	// lookUps are how many are under way at once, lookWithin is how long one may
	// take, with the wait for its turn.
	lookUps    = 2
	lookWithin = 500 * time.Millisecond
	// lookIdle is how long a connection may wait for the next.
	lookIdle = time.Minute
	// maxOwners bounds the rows of one key.
	maxOwners = 64
	maxLooked = 4096
)

// ErrNoColumn is that a Lookup names what the database has not.
var ErrNoColumn = errors.New("pgwire: there is no such table, or column in it")

// A Lookup asks whose a row is.
type Lookup struct {
	// User is the client's account, by whose role is asked; Database is where, and
	// may be empty where the account has one.
	User, Database string
	// Table is a table with its schema ("public.orders") or without, as the database
	// takes it: not quoted.
	Table string
	// Column is where the owner stands; Key identifies the row that has this Value.
	Column, Key, Value string
}

// lookups are the connections for them.
type lookups struct {
	turns chan struct{}

	mu     sync.Mutex
	idle   []looker
	closed bool
	// known are the statements of what was found in the catalog.
	known map[Lookup]lookStatement
}

type lookStatement struct {
	sql   string
	until time.Time
}

// A looker is a connection that waits.
type looker struct {
	conn           net.Conn
	user, database string
	since          time.Time
}

// Owner gives the owners of the rows that have a key, as text: none where there
// is no such row, or it is nobody's. It asks on a connection of the gate's own,
// as the role of the account, two at a time, and takes at most half a second.
func (g *Gate) Owner(ctx context.Context, l Lookup) ([]string, error) {
	a := g.accounts[l.User]
	if a == nil {
		return nil, fmt.Errorf("pgwire: %s has no client %q to look up by", g.o.Name, oneLine(l.User))
	}
	if l.Database == "" {
		l.Database = (&startup{user: l.User}).databaseOf(a)
	}
	for _, text := range []string{l.Database, l.Table, l.Column, l.Key, l.Value} {
		if strings.IndexByte(text, 0) >= 0 || len(text) > maxValue {
			return nil, ErrNoColumn
		}
	}
	if !g.enter() {
		return nil, errKilled
	}
	defer g.leave()
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	select {
	case g.lookups.turns <- struct{}{}:
		defer func() { <-g.lookups.turns }()
	case <-ctx.Done():
		return nil, fmt.Errorf("pgwire: looking an owner up: %w", ctx.Err())
	case <-g.ctx.Done():
		return nil, errKilled
	}
	c, err := g.looker(ctx, a, l.Database)
	if err != nil {
		return nil, fmt.Errorf("pgwire: looking an owner up: %w", err)
	}
	owners, err := g.look(ctx, c.conn, l)
	var refused *refusal
	if err != nil && !errors.As(err, &refused) && !errors.Is(err, ErrNoColumn) {
		_ = c.conn.Close() // the error says more
		return nil, fmt.Errorf("pgwire: looking an owner up: %w", err)
	}
	g.lookups.put(c, g.now())
	return owners, err
}

// looker is a connection that waits, or a new one.
func (g *Gate) looker(ctx context.Context, a *account, database string) (looker, error) {
	if c, ok := g.lookups.take(a.Client.User, database, g.now()); ok {
		return c, nil
	}
	b, err := g.connect(ctx, &a.Upstream, []param{{"database", database}, {"client_encoding", "UTF8"}, {"application_name", "gatehouse owners"}})
	if err != nil {
		return looker{}, err
	}
	return looker{conn: b.conn, user: a.Client.User, database: database}, nil
}

func (p *lookups) take(user, database string, now time.Time) (found looker, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	kept := p.idle[:0]
	for _, c := range p.idle {
		switch {
		case now.Sub(c.since) > lookIdle:
			_ = c.conn.Close() // it may be closed already
		case !ok && c.user == user && c.database == database:
			found, ok = c, true
		default:
			kept = append(kept, c)
		}
	}
	p.idle = kept
	return found, ok
}

// put has a connection wait, in place of the one that has for longest.
func (p *lookups) put(c looker, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		_ = c.conn.Close() // it may be closed already
		return
	}
	if len(p.idle) >= lookUps {
		_ = p.idle[0].conn.Close()
		p.idle = p.idle[1:]
	}
	c.since = now
	p.idle = append(p.idle, c)
}

func (p *lookups) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, c := range p.idle {
		_ = c.conn.Close() // it may be closed already
	}
	p.idle = nil
}

// look asks, first the catalog for the names where they are not known.
func (g *Gate) look(ctx context.Context, conn net.Conn, l Lookup) ([]string, error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) }) // it is given up then
	defer func() {
		if stop() {
			_ = conn.SetDeadline(time.Time{}) // one that is closed is found so
		}
	}()
	p := &g.lookups
	name := l
	name.Value = ""
	p.mu.Lock()
	st, ok := p.known[name]
	p.mu.Unlock()
	if !ok || g.now().After(st.until) {
		sql, err := lookNames(conn, l)
		if err != nil {
			return nil, err
		}
		st = lookStatement{sql, g.now().Add(namesFor)}
		p.mu.Lock()
		if p.known == nil || len(p.known) >= maxLooked {
			p.known = make(map[Lookup]lookStatement)
		}
		p.known[name] = st
		p.mu.Unlock()
	}
	rows, err := ask(conn, st.sql, l.Value)
	if len(rows) > maxOwners {
		return nil, fmt.Errorf("more than %d rows have the key", maxOwners)
	}
	return rows, err
}

// lookNames makes the statement, of names as the catalog has them.
func lookNames(conn net.Conn, l Lookup) (sql string, err error) {
	schema, table, qualified := strings.Cut(l.Table, ".")
	name := quoteName(schema)
	if qualified {
		name += "." + quoteName(table)
	}
	const catalog = "SELECT pg_catalog.format('SELECT t.%I::pg_catalog.text FROM %I.%I AS t WHERE t.%I OPERATOR(pg_catalog.=) $1 LIMIT 65', o.attname, n.nspname, c.relname, k.attname)" +
		" FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace" +
		" JOIN pg_catalog.pg_attribute o ON o.attrelid OPERATOR(pg_catalog.=) c.oid AND o.attnum OPERATOR(pg_catalog.>) 0 AND NOT o.attisdropped" +
		" JOIN pg_catalog.pg_attribute k ON k.attrelid OPERATOR(pg_catalog.=) c.oid AND k.attnum OPERATOR(pg_catalog.>) 0 AND NOT k.attisdropped" +
		" WHERE c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1)::pg_catalog.oid AND c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,v,m,f}'::pg_catalog.\"char\"[])" +
		" AND o.attname OPERATOR(pg_catalog.=) $2::pg_catalog.name AND k.attname OPERATOR(pg_catalog.=) $3::pg_catalog.name"
	found, err := ask(conn, catalog, name, l.Column, l.Key)
	switch {
	case err != nil:
		return "", err
	case len(found) != 1:
		return "", ErrNoColumn
	}
	return found[0], nil
}

func quoteName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// ask runs a statement with texts, and gives the first column of its rows but for
// NULLs.
func ask(conn net.Conn, sql string, values ...string) (rows []string, err error) {
	b, at := begin(nil, 'P')
	b = finish(append(appendString(append(b, 0), sql), 0, 0), at)
	b, at = begin(b, 'B')
	b = binary.BigEndian.AppendUint16(append(b, 0, 0, 0, 0), uint16(len(values)))
	for _, v := range values {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(v))), v...)
	}
	b, at = begin(finish(append(b, 0, 0), at), 'E')
	b = append(finish(append(b, 0, 0, 0, 0, 0), at), 'S', 0, 0, 0, 4)
	if _, err := conn.Write(b); err != nil {
		return nil, err
	}
	for range 8 * maxOwners {
		kind, body, rerr := readMessage(conn, maxCatalogAnswer)
		switch {
		case rerr != nil:
			return nil, rerr
		case kind == 'E':
			err = &refusal{state: field(body, 'C'), words: "the database does not say"} // its words may have a value in them
		case kind == 'Z':
			return rows, err
		case kind == 'D':
			if len(body) < 2 {
				return nil, errMalformed
			}
			size, ok := valueSize(body[2:])
			if !ok {
				return nil, errMalformed
			}
			if size >= 0 {
				rows = append(rows, string(body[6:6+size]))
			}
		}
	}
	return nil, fmt.Errorf("%w: the answer does not end", errMalformed)
}
