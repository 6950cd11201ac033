package pgwire

import (
	"bytes"

	"github.com/gatehousehq/gatehouse/data/sqlgate"
)

const (
	// nameLength is how much of a name PostgreSQL tells apart (NAMEDATALEN - 1).
	nameLength = 63
	// maxStatements and maxPortals bound what a session remembers by name. What
	// is forgotten can be used all the same.
	maxStatements = 8192
	maxPortals    = 1024
	// maxPrepared bounds statements that execute text and may have been prepared
	// by SQL, under a name that the gate does not know.
	maxPrepared = 64
)

// A definition is a statement that was prepared, or will be when the database
// comes to it.
type definition struct {
	name string
	// ruling is that of its text; By in it what the text still says.
	ruling    sqlgate.Ruling
	judged    bool
	backslash bool
	unclear   bool // it may be read in another way
	doubt     bool
	// confirmed is set once the database has answered ParseComplete.
	confirmed bool
	// segment is how many Syncs came before it.
	segment uint64
	// sql is kept where the bound values are judged too.
	sql string
	// types are the parameters', as far as known; columns the result's.
	types   []uint32
	columns *columns
}

// statements are a session's, by name. Under one name there may be several:
// which of them the database has is known when it answers.
type statements struct {
	named map[string][]*definition
	// prepared execute text, and were perhaps given a name by SQL.
	prepared []*definition
	// held counts the bytes of text that are kept.
	held int
	// lost is set where statements that execute text were forgotten.
	lost bool
	// leastRows is the least Ruling.MaxRows of any statement, for what is run
	// under a name that the gate does not know.
	leastRows int64
}

func key(name []byte) []byte { return name[:min(len(name), nameLength)] }

// define enters a statement under its name.
func (s *session) define(name []byte, def *definition) *definition {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := &s.statements
	def.name, def.segment = string(key(name)), s.segment
	if st.named == nil {
		st.named = make(map[string][]*definition)
	}
	if _, known := st.named[def.name]; !known && len(st.named) >= maxStatements {
		st.makeRoom()
	}
	st.held += len(def.sql)
	st.limit(def.ruling.MaxRows)
	st.named[def.name] = append(st.named[def.name], def)
	return def
}

// limitRows notes what a cursor may give that is declared by SQL.
func (s *session) limitRows(r sqlgate.Ruling) {
	if r.MaxRows > 0 {
		s.mu.Lock()
		s.statements.limit(r.MaxRows)
		s.mu.Unlock()
	}
}

func (st *statements) limit(rows int64) {
	if rows > 0 && (st.leastRows == 0 || rows < st.leastRows) {
		st.leastRows = rows
	}
}

// makeRoom forgets a statement, of a few one that does not execute text.
func (st *statements) makeRoom() {
	const few = 64
	var victim string
	looked := 0
	for name, defs := range st.named {
		victim = name
		if executing(defs) == 0 {
			break
		}
		if looked++; looked == few {
			break
		}
	}
	st.lost = st.lost || executing(st.named[victim]) > 0
	st.forget(victim)
}

func executing(defs []*definition) (n int) {
	for _, d := range defs {
		if d.ruling.Again {
			n++
		}
	}
	return n
}

func (st *statements) forget(name string) {
	for _, d := range st.named[name] {
		st.held -= len(d.sql)
	}
	delete(st.named, name)
}

// confirm is told that the database has the statement: those before it under
// its name are gone. Names that the database may tell apart, and the gate does
// not, keep them.
func (st *statements) confirm(def *definition) {
	def.confirmed = true
	if len(def.name) < nameLength {
		st.cut(def, false)
	}
}

// cut removes those before def under its name, and def itself where asked.
func (st *statements) cut(def *definition, itself bool) {
	defs := st.named[def.name]
	for i, d := range defs {
		if d != def {
			continue
		}
		if itself {
			i++
		}
		for _, old := range defs[:i] {
			st.held -= len(old.sql)
		}
		if defs = append(defs[:0], defs[i:]...); len(defs) == 0 {
			delete(st.named, def.name)
		} else {
			st.named[def.name] = defs
		}
		return
	}
}

// remove forgets a statement that the database does not have.
func (st *statements) remove(def *definition) {
	defs := st.named[def.name]
	for i, d := range defs {
		if d == def {
			st.held -= len(d.sql)
			if len(defs) == 1 {
				delete(st.named, def.name)
			} else {
				st.named[def.name] = append(defs[:i], defs[i+1:]...)
			}
			return
		}
	}
}

// clear is told that the database has dropped all that it had.
func (st *statements) clear() {
	for name, defs := range st.named {
		kept := defs[:0]
		for _, d := range defs {
			if d.confirmed {
				st.held -= len(d.sql)
			} else {
				kept = append(kept, d)
			}
		}
		if len(kept) == 0 {
			delete(st.named, name)
		} else {
			st.named[name] = kept
		}
	}
	for _, d := range st.prepared {
		st.held -= len(d.sql)
	}
	st.prepared = nil
}

// latest is the statement that a message sent now would find; nil where it is
// not known.
func (s *session) latest(name []byte) *definition {
	s.mu.Lock()
	defer s.mu.Unlock()
	if defs := s.statements.named[string(key(name))]; len(defs) > 0 {
		return defs[len(defs)-1]
	}
	return nil
}

// unnamedRuling is for what is bound under a name that the gate does not know,
// such as one of PREPARE: its text was judged.
func (s *session) unnamedRuling() *definition {
	s.mu.Lock()
	defer s.mu.Unlock()
	def := &definition{ruling: passed()}
	def.ruling.MaxRows = s.statements.leastRows
	return def
}

// executing are the statements that a Bind to this name may bind to, and whose
// values are judged. lost is set where there may be others; unsure, where which
// of them the database has is known when it has answered.
func (s *session) executing(name []byte) (defs []*definition, lost, unsure bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := &s.statements
	known, ok := st.named[string(key(name))]
	if !ok {
		if len(name) == 0 {
			return nil, false, false // SQL cannot prepare it
		}
		return st.prepared, st.lost, false
	}
	// What was prepared since the last Sync is what it binds to, or it is skipped.
	if last := len(known) - 1; known[last].segment == s.segment && len(known[last].name) < nameLength {
		known = known[last:]
	}
	for _, d := range known {
		if d.ruling.Again {
			defs = append(defs, d)
		}
	}
	return defs, false, len(defs) > 0 && len(known) > 1
}

// keeps reports whether the text of one more statement can be kept.
func (s *session) keeps(text []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.statements.held+2*len(text) <= 2*s.g.o.MaxStatement
}

// remember keeps a statement that executes text and may prepare one by SQL.
func (s *session) remember(text []byte, d decided) {
	if !bytes.Contains(bytes.ToLower(text), []byte("prepare")) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st := &s.statements
	if len(st.prepared) >= maxPrepared || st.held+len(text) > 2*s.g.o.MaxStatement {
		st.lost = true
		return
	}
	st.held += len(text)
	st.prepared = append(st.prepared, &definition{ruling: d.ruling, judged: d.judged, backslash: d.backslash, sql: string(text)})
}

// portals are a session's, by name.
type portals struct {
	unnamed *run
	named   map[string]*run
	// lost is set where one was forgotten before which the gate has something to
	// run.
	lost bool
}

func (p *portals) has(name []byte) bool {
	if len(name) == 0 {
		return p.unnamed != nil
	}
	return p.named[string(key(name))] != nil
}

// restore has the portal be again that a Bind, which failed, would have
// replaced. What the entry has of it then is to be released.
func (p *portals) restore(e *entry) {
	at := p.unnamed
	if e.run.portal != "" {
		at = p.named[e.run.portal]
	}
	switch {
	case at != e.run:
	case e.run.portal != "":
		p.named[e.run.portal], e.replaced = e.replaced, e.run
	default:
		p.unnamed, e.replaced = e.replaced, e.run
	}
}

func (p *portals) each(f func(*run)) {
	if p.unnamed != nil {
		f(p.unnamed)
	}
	for _, r := range p.named {
		f(r)
	}
}

// portal is the run that Execute continues; nil where it is not known, and
// nothing bounds it.
func (s *session) portal(name []byte) *run {
	s.mu.Lock()
	r := s.portals.unnamed
	if len(name) > 0 {
		r = s.portals.named[string(key(name))]
	}
	least := s.statements.leastRows
	s.mu.Unlock()
	if r == nil && least > 0 {
		ruling := passed()
		ruling.MaxRows = least
		return s.newRun(ruling, false)
	}
	return r
}

// open enters a portal, and gives the one that it replaces.
func (s *session) open(name []byte, opened *run) (replaced *run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	opened.refs++
	opened.bound, opened.segment = s.asked, s.segment
	if len(name) == 0 {
		replaced, s.portals.unnamed = s.portals.unnamed, opened
		return replaced
	}
	k := string(key(name))
	replaced = s.portals.named[k]
	if s.portals.named == nil {
		s.portals.named = make(map[string]*run)
	}
	if replaced == nil && len(s.portals.named) >= maxPortals {
		for other, r := range s.portals.named {
			delete(s.portals.named, other)
			s.portals.lost = s.portals.lost || len(r.own) > 0
			s.portals.named[k] = opened
			return r
		}
	}
	if replaced != nil {
		opened.portal = k
	}
	s.portals.named[k] = opened
	return replaced
}

// closePortal lets go of a portal that the client closes.
func (s *session) closePortal(name []byte) {
	s.mu.Lock()
	r := s.portals.unnamed
	if len(name) > 0 {
		r = s.portals.named[string(key(name))]
		delete(s.portals.named, string(key(name)))
	} else {
		s.portals.unnamed = nil
	}
	s.mu.Unlock()
	s.release(r)
}

// closed gives the portals that ended with the transaction. The caller holds
// mu, and releases them.
func (p *portals) closed(at uint64, runs []*run) []*run {
	if r := p.unnamed; r != nil && r.bound < at {
		runs = append(runs, r)
		p.unnamed = nil
	}
	for name, r := range p.named {
		if r.bound < at {
			runs = append(runs, r)
			delete(p.named, name)
		}
	}
	return runs
}
