package owners

import (
	"slices"

	"github.com/gatehousehq/gatehouse/data/sqlgate"
)

// maxInserted bounds the rows of one INSERT that are looked at.
const maxInserted = 1000

// An insertion is an INSERT … VALUES, as places in the statement.
type insertion struct {
	t       target
	columns []string
	rows    [][][2]int // values, in the order of columns
	after   int        // the first token behind them
}

// insert reads INSERT at i.
func (s *statement) insert(i int) ([]sqlgate.Own, error) {
	if !s.is(i+1, "into") {
		return nil, unknown("there is no INTO where it should be")
	}
	t, next, asked, err := s.target(i+2, "(", "values", "default", "select", "overriding", "table", "with")
	if err != nil || !asked {
		return nil, err
	}
	if i > 0 {
		return nil, unknown("an INSERT stands behind WITH")
	}
	in := insertion{t: t}
	if err := s.inserted(&in, next); err != nil {
		return nil, err
	}
	owner := slices.Index(in.columns, t.column)
	if owner < 0 {
		return nil, unknown("%s is not among the columns that are inserted", t.column)
	}
	w := &writer{s: s}
	w.write("SELECT CASE WHEN ")
	for n, row := range in.rows {
		if n > 0 {
			w.write(" AND ")
		}
		w.canonical(row[owner], t, func(expr string) { w.write(own(expr, t.owners)) })
	}
	w.write(" THEN 1 ELSE ", denies("''"), " END")
	before, err := w.done()
	if err != nil {
		return nil, err
	}
	conflicting, err := s.conflict(&in)
	return append(before, conflicting...), err
}

// inserted reads columns and values.
func (s *statement) inserted(in *insertion, i int) error {
	end := s.closing(i)
	if !s.is(i, "(") || end < 0 {
		return unknown("the columns that are inserted are not named")
	}
	for _, part := range s.split(i+1, end) {
		if part[1] != part[0]+1 || !s.identifier(part[0]) {
			return unknown("a column has parts")
		}
		name, err := s.unquoted(part[0])
		if err != nil {
			return err
		}
		in.columns = append(in.columns, name)
	}
	i = end + 1
	if s.is(i, "overriding") {
		i += 3 // OVERRIDING SYSTEM VALUE
	}
	if !s.is(i, "values") {
		return unknown("what is inserted is no VALUES")
	}
	for i++; s.is(i, "("); i++ {
		end := s.closing(i)
		if end < 0 {
			return unknown("a parenthesis is open")
		}
		row := s.split(i+1, end)
		if len(row) != len(in.columns) || len(in.rows) >= maxInserted {
			return unknown("a row has another number of values, or there are too many rows")
		}
		for _, v := range row {
			if v[1] <= v[0] {
				return unknown("a value is missing")
			}
		}
		in.rows = append(in.rows, row)
		if i = end + 1; !s.is(i, ",") {
			break
		}
	}
	in.after = i
	if len(in.rows) == 0 || s.isDefault(in) {
		return unknown("the owner of a row is not said")
	}
	return nil
}

// isDefault reports whether a row leaves its owner to the database.
func (s *statement) isDefault(in *insertion) bool {
	owner := slices.Index(in.columns, in.t.column)
	return owner >= 0 && slices.ContainsFunc(in.rows, func(row [][2]int) bool { return s.is(row[owner][0], "default") })
}

// conflict reads ON CONFLICT: where it updates, the rows that are there already
// must be the principal's.
func (s *statement) conflict(in *insertion) ([]sqlgate.Own, error) {
	i := in.after
	switch {
	case i >= len(s.tokens) || s.is(i, "returning"):
		return nil, nil
	case !s.is(i, "on") || !s.is(i+1, "conflict"):
		return nil, unknown("%s stands where no clause should", s.text(i))
	}
	do := s.find(i, len(s.tokens), "do")
	if do < 0 {
		return nil, unknown("ON CONFLICT does nothing that is known")
	}
	if s.is(do+1, "nothing") {
		return nil, nil
	}
	end := s.closing(i + 2)
	if !s.is(i+2, "(") || end != do-1 || !s.is(do+1, "update") || !s.is(do+2, "set") {
		return nil, unknown("ON CONFLICT does not say by which columns")
	}
	keys, err := s.keys(in, i+3, end)
	if err != nil {
		return nil, err
	}
	stop := s.first(s.find(do+3, len(s.tokens), "where"), s.find(do+3, len(s.tokens), "returning"))
	if expr, gives, err := s.given(do+3, stop, in.t.column); err != nil {
		return nil, err
	} else if gives && !(expr[1] == expr[0]+3 && s.is(expr[0], "excluded") && s.is(expr[0]+1, ".") && s.named(expr[0]+2, in.t.column)) {
		return nil, unknown("the owner is set to something else than what is inserted")
	}
	return s.conflicting(in, keys)
}

// keys are the columns by which rows conflict, as their places among the columns.
func (s *statement) keys(in *insertion, from, to int) (keys []int, err error) {
	for _, part := range s.split(from, to) {
		if part[1] != part[0]+1 || !s.identifier(part[0]) {
			return nil, unknown("ON CONFLICT says more than a column")
		}
		name, err := s.unquoted(part[0])
		if err != nil {
			return nil, err
		}
		at := slices.Index(in.columns, name)
		if at < 0 {
			return nil, unknown("a key is not among the columns that are inserted")
		}
		keys = append(keys, at)
	}
	return keys, nil
}

// conflicting makes the statement that reads rows that are there already.
func (s *statement) conflicting(in *insertion, keys []int) ([]sqlgate.Own, error) {
	w := &writer{s: s}
	owner := "gatehouse_t." + quoteName(in.t.column)
	w.write("SELECT pg_catalog.count(c) FROM (SELECT CASE WHEN ", own("("+owner+")", in.t.owners), " THEN 1 ELSE ", denies(owner), " END AS c FROM ")
	w.name(in.t.tableName)
	w.write(" AS gatehouse_t WHERE ")
	for n, row := range in.rows {
		if n > 0 {
			w.write(" OR ")
		}
		for k, at := range keys {
			if s.is(row[at][0], "default") {
				return nil, unknown("a key is left to the database")
			}
			w.write(map[bool]string{true: "(", false: " AND "}[k == 0], "gatehouse_t.", quoteName(in.columns[at]), " = (")
			w.copy(row[at][0], row[at][1])
			w.write(")")
		}
		w.write(")")
	}
	w.write(" FOR UPDATE) AS gatehouse")
	return w.done()
}
