package pgwire

import (
	"encoding/binary"
	"strings"
	"unicode/utf8"

	"github.com/gatehousehq/gatehouse/data/sqlgate"
	"github.com/gatehousehq/gatehouse/taint"
)

// This file sends statements of the gate's own before a client's: see
// sqlgate.Ruling.Before. docs/decisions/sql-gate-before.md says why so.

// maxOwn bounds what is run before one statement, with the values in it.
// maxOwns, how many statements it is.
const (
	maxOwn  = 1 << 20
	maxOwns = 64
)

// A proof is what has come of the statements that are run before a portal.
type proof uint8

const (
	unproven proof = iota
	asked          // sent, and neither answered nor skipped
	proven
)

// single reports whether an own statement is what it must be, so that its answer
// can be told from the client's: one SELECT, that reads alike however backslashes
// are read.
func single(sql string) bool {
	tokens, whole := taint.Lexer{Dialect: taint.PostgreSQL}.Lex(sql, nil)
	if !whole || len(tokens) == 0 || !strings.EqualFold(sql[tokens[0].Start:tokens[0].End], "select") {
		return false
	}
	for _, t := range tokens {
		switch t.Class {
		case taint.Line, taint.Block, taint.Open, taint.Stray:
			return false
		case taint.Punct:
			if sql[t.Start] == ';' {
				return false
			}
		case taint.String:
			if t.Lead == 1 && sql[t.Start] == '\'' && strings.IndexByte(sql[t.Start:t.End], '\\') >= 0 {
				return false
			}
		}
	}
	return true
}

// queryAfter sends a Query with the gate's own statements before the client's,
// in one text: so they are one transaction.
func (u *upward) queryAfter(r *run, length int, text []byte) error {
	u.text = append(u.text[:0], 'Q', 0, 0, 0, 0)
	for _, own := range r.ruling.Before {
		if len(r.ruling.Before) > maxOwns || len(own.Params) > 0 || !single(own.SQL) || len(u.text)+len(own.SQL) > maxOwn {
			u.deny(r.ruling)
			r.judged = false
			e := u.refusedEntry('Q', refusedWords(r.ruling))
			u.text = appendQuery(u.text[:0], e.token)
			return u.substitute(e, length, u.text)
		}
		u.text = append(append(u.text, own.SQL...), ';')
	}
	prefix := u.letters(u.text[headSize:])
	u.text = finish(append(append(u.text, text...), 0), 1)
	return u.substitute(entry{kind: 'Q', run: r, owns: len(r.ruling.Before), prefix: prefix}, length, u.text)
}

// letters counts as the database does where it tells a place in a text. Of
// encodings with letters of several bytes it knows UTF8 alone: in others a place
// may be told wrong.
func (s *session) letters(text []byte) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reading.utf8 {
		return utf8.RuneCount(text)
	}
	return len(text)
}

// deny tells the judge that what it asked for cannot be run.
func (u *upward) deny(r sqlgate.Ruling) {
	u.g.stats.refused.Add(1)
	u.g.log.Error("a statement of the gate's own cannot be run before a client's: that one is refused", "gate", u.g.o.Name)
	u.g.ended(u.ctx, u.a, r, sqlgate.Outcome{Failed: true, Denied: true, State: stateProtocol})
}

// prepareOwn keeps with a portal what is to be sent before it is executed. b is a
// Bind after its names. It reports whether that can be done.
func (u *upward) prepareOwn(r *run, b []byte, types []uint32) bool {
	formats, values, ok := u.rawValues(b)
	if !ok || len(r.ruling.Before) > maxOwns {
		return false
	}
	for _, own := range r.ruling.Before {
		if !single(own.SQL) {
			return false
		}
		size := len(own.SQL)
		for _, p := range own.Params {
			if p < 0 || p >= len(values) {
				return false
			}
			size += len(values[p])
		}
		if len(r.own)+size > maxOwn {
			return false
		}
		r.own = u.g.appendOwn(r.own, own, formats, values, types)
		r.owns++
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ownHeld+len(r.own) > 2*u.g.o.MaxStatement {
		return false
	}
	u.ownHeld += len(r.own) // release takes it off
	return true
}

// rawValues gives the values of a Bind as they stand; nil for NULL.
func (u *upward) rawValues(b []byte) (formats []byte, values [][]byte, ok bool) {
	formats, b, ok = cutInts(b)
	if !ok || len(b) < 2 {
		return nil, nil, false
	}
	count := int(binary.BigEndian.Uint16(b))
	b = b[2:]
	for range count {
		size, ok := valueSize(b)
		switch {
		case !ok:
			return nil, nil, false
		case size < 0:
			values, b = append(values, nil), b[4:]
		default:
			values, b = append(values, b[4:4+size:4+size]), b[4+size:]
		}
	}
	return formats, values, true
}

// ownMessages are those of one statement of the gate's own, in their order. What
// an error left of the one before is closed first: its name is the same, so that
// behind a pool too no more than one is left in a session.
const ownMessages = "CPBECC"

// appendOwn adds them. The unnamed statement and portal are the client's.
func (g *Gate) appendOwn(b []byte, own sqlgate.Own, formats []byte, values [][]byte, types []uint32) []byte {
	b = appendClose(b, 'S', g.own)
	b, at := begin(b, 'P')
	b = appendString(appendString(b, g.own), own.SQL)
	b = binary.BigEndian.AppendUint16(b, uint16(len(own.Params)))
	for _, p := range own.Params {
		b = binary.BigEndian.AppendUint32(b, typeAt(types, p))
	}
	b, at = begin(finish(b, at), 'B')
	b = appendString(appendString(b, g.own), g.own)
	b = binary.BigEndian.AppendUint16(b, uint16(len(own.Params)))
	for _, p := range own.Params {
		b = binary.BigEndian.AppendUint16(b, uint16(formatAt(formats, p)))
	}
	b = binary.BigEndian.AppendUint16(b, uint16(len(own.Params)))
	for _, p := range own.Params {
		if values[p] == nil {
			b = binary.BigEndian.AppendUint32(b, 1<<32-1) // NULL
			continue
		}
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(values[p]))), values[p]...)
	}
	b, at = begin(finish(append(b, 0, 0), at), 'E')
	b = finish(append(appendString(b, g.own), 0, 0, 0, 0), at)
	return appendClose(appendClose(b, 'P', g.own), 'S', g.own)
}

func appendClose(b []byte, what byte, name string) []byte {
	b, at := begin(b, 'C')
	return finish(appendString(append(b, what), name), at)
}

// prove sends what is to be run before a portal, unless it has been.
func (u *upward) prove(r *run) error {
	u.mu.Lock()
	own, owns := r.own, r.owns
	needed := owns > 0 && r.proof == unproven
	u.mu.Unlock()
	if !needed {
		return nil
	}
	for n := range owns {
		for i := range len(ownMessages) {
			kind := ownMessages[i]
			if err := u.expect(entry{kind: kind, run: r, owns: 1, last: kind == 'E' && n == owns-1}); err != nil {
				return err
			}
		}
	}
	u.text = append(append(u.text[:0], u.buf[u.sent:u.pos]...), own...)
	u.sent = u.pos
	_, err := u.to.Write(u.text)
	return err
}

func (s *session) unproven(r *run) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return r.owns > 0 && r.proof != proven
}

// meantPortal is the run that an Execute continues. Where which it is depends on
// an answer that has not come, that is waited for. lost is set where it is not
// known, and there may be something to be run before it.
func (u *upward) meantPortal(name []byte) (r *run, lost bool, err error) {
	r = u.portal(name)
	u.mu.Lock()
	unsure := r != nil && !r.answered && r.segment != u.segment && u.perhapsOwn(r)
	u.mu.Unlock()
	if unsure {
		if err := u.settle(); err != nil {
			return nil, false, err
		}
		r = u.portal(name)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return r, u.portals.lost && !u.portals.has(name), nil
}

// perhapsOwn reports whether a Bind that is not answered bound, or replaced, what
// the gate has something to run before. The caller holds mu.
func (s *session) perhapsOwn(r *run) bool {
	for i := range s.queue.n {
		if e := s.queue.at(i); e.kind == 'B' && e.run == r {
			return r.owns > 0 || e.replaced != nil
		}
	}
	return r.owns > 0
}

// settle has the database answer what was sent, and waits until it has.
func (u *upward) settle() error {
	if err := u.ask(); err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for u.queue.n > 0 && !u.copying && !u.ended {
		u.room.Wait()
	}
	if u.ended {
		return errEnded
	}
	return nil
}
