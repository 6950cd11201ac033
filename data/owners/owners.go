package owners

import (
	"errors"
	"fmt"

	"github.com/gatehousehq/gatehouse/data/sqlgate"
	"github.com/gatehousehq/gatehouse/taint"
)

// ErrUnknown is that a statement changes, or may change, rows of a table that is
// asked for, in a form of which it cannot be said whose they are.
var ErrUnknown = errors.New("it cannot be said whose rows the statement changes")

func unknown(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrUnknown, fmt.Sprintf(format, args...))
}

// Ask says of a table, as a statement names it ("orders" or "public.orders", in
// the case that the database takes it for), by which column rows have an owner,
// and which owners are the principal's; asked is false where nobody wants to
// know.
type Ask func(table string) (column string, owners []string, asked bool)

// Before gives what is to be run before a PostgreSQL statement. It is nothing
// where the statement changes no rows of a table that is asked for. Any error is
// an ErrUnknown.
//
// As much is allowed as its principal may do to rows that are theirs already,
// but for giving them to somebody else: who sets the owner column must set it to
// one of the owners.
func Before(l taint.Lexer, sql string, ask Ask) ([]sqlgate.Own, error) {
	tokens, whole := l.Lex(sql, nil)
	s := &statement{lexer: l, sql: sql, ask: ask}
	for _, t := range tokens {
		switch t.Class {
		case taint.Line, taint.Block:
		case taint.Open, taint.Stray:
			return nil, nil // it is a syntax error
		default:
			s.tokens = append(s.tokens, t)
		}
	}
	if !whole {
		return nil, unknown("it is too long")
	}
	return s.judge()
}

// judge splits at semicolons: of several statements the later may change what the
// earlier make.
func (s *statement) judge() ([]sqlgate.Own, error) {
	var parts []*statement
	from := 0
	for i := 0; i <= len(s.tokens); i++ {
		if i < len(s.tokens) && !s.is(i, ";") {
			continue
		}
		if i > from {
			part := *s
			part.tokens = s.tokens[from:i]
			parts = append(parts, &part)
		}
		from = i + 1
	}
	for _, part := range parts {
		own, err := part.one()
		if err != nil {
			return nil, err
		}
		if len(own) > 0 && len(parts) > 1 {
			return nil, unknown("it is one of several in a text")
		}
		if len(own) > 0 {
			return own, nil
		}
	}
	return nil, nil
}

// quiet verbs change no rows; opaque ones may change any.
var (
	quiet = map[string]bool{
		"select": true, "values": true, "table": true, "show": true, "set": true, "reset": true, "begin": true, "start": true,
		"commit": true, "end": true, "rollback": true, "abort": true, "savepoint": true, "release": true, "fetch": true,
		"move": true, "close": true, "declare": true, "listen": true, "unlisten": true, "notify": true, "discard": true,
		"deallocate": true, "lock": true, "vacuum": true, "analyze": true, "checkpoint": true, "with": true, "(": true,
	}
	opaque = map[string]bool{"execute": true, "call": true, "do": true}
)

// one is judge of a single statement.
func (s *statement) one() ([]sqlgate.Own, error) {
	main, err := s.nested()
	if err != nil {
		return nil, err
	}
	switch verb := s.word(main); {
	case verb == "update":
		return s.update(main)
	case verb == "delete":
		return s.delete(main)
	case verb == "insert":
		return s.insert(main)
	case opaque[verb]:
		return nil, unknown("%s runs what does not stand in it", verb)
	case quiet[verb]:
		return nil, nil
	case verb == "copy" && s.find(main, len(s.tokens), "to") >= 0:
		return nil, nil
	}
	return nil, s.mentioned()
}

// mentioned is for verbs whose forms are not read: they are unknown where they
// name a table that is asked for.
func (s *statement) mentioned() error {
	for i := 0; i < len(s.tokens); i++ {
		if !s.identifier(i) || s.is(i-1, ".") {
			continue
		}
		name, _, err := s.name(i)
		if err != nil {
			return err
		}
		if _, _, asked := s.ask(name.full()); asked {
			return unknown("%s names %s", s.word(0), name.full())
		}
	}
	return nil
}

// nested gives where the statement's own verb stands, behind its WITH. A
// statement in it that changes rows of a table that is asked for is unknown.
func (s *statement) nested() (main int, err error) {
	if s.is(0, "with") {
		main = s.afterWith()
	}
	for i := 1; i < len(s.tokens); i++ {
		if i == main || !s.is(i-1, "(") && !s.is(i-1, ")") {
			continue
		}
		at := i + 1
		switch s.word(i) {
		case "insert", "merge", "delete":
			at++ // INTO, FROM
		case "update":
		default:
			continue
		}
		if s.is(at, "only") {
			at++
		}
		if !s.identifier(at) {
			continue
		}
		name, _, err := s.name(at)
		if err != nil {
			return 0, err
		}
		if _, _, asked := s.ask(name.full()); asked {
			return 0, unknown("it changes %s inside of another statement", name.full())
		}
	}
	return main, nil
}

// afterWith finds the verb behind WITH: the first word at depth 0 that is one.
func (s *statement) afterWith() int {
	depth := 0
	for i := range s.tokens {
		switch {
		case s.is(i, "("):
			depth++
		case s.is(i, ")"):
			depth--
		case depth == 0 && i > 0 && s.is(i-1, ")"):
			switch s.word(i) {
			case "select", "values", "table", "insert", "update", "delete", "merge":
				return i
			}
		case depth == 0 && s.is(i, "("):
			return i
		}
	}
	return 0
}
