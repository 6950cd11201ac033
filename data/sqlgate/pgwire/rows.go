package pgwire

import (
	"encoding/binary"
	"strconv"

	"github.com/gatehousehq/gatehouse/data/sqlgate"
)

const (
	// maxNoted is how much of a row is looked at, and maxValue how long one of
	// its values may be. A longer one is not noted.
	maxNoted = 16 << 10
	maxValue = 8 << 10
	// maxColumns and maxDescription bound what is kept of a result's form.
	maxColumns     = 256
	maxDescription = 30 << 10
)

// columns are what a RowDescription says.
type columns struct {
	all []column
	// places have the labels alone: what tables are called may change.
	places []sqlgate.Column
	// cut is set where there are more.
	cut bool
}

// telling types hold no text of a row (pg_type.dat): numbers, times, truths.
var telling = map[uint32]bool{
	typeBool: true, typeInt2: true, typeInt4: true, typeInt8: true, typeOID: true, 700: true, 701: true, 1700: true,
	1082: true, 1083: true, 1114: true, 1184: true, 1186: true, 1266: true, 2278: true,
}

type column struct {
	table  uint32
	number int16
	typ    uint32
	format int16
}

// formats are those that a Bind asks for: they count in place of those in the
// description of a statement, which says text for all.
type formats struct {
	given bool
	one   int16 // for all columns, where each is nil
	each  []int16
}

func formatsOf(b []byte) formats {
	f := formats{given: true}
	switch n := len(b) / 2; n {
	case 0:
	case 1:
		f.one = int16(binary.BigEndian.Uint16(b))
	default:
		f.each = make([]int16, min(n, maxColumns))
		for i := range f.each {
			f.each[i] = int16(binary.BigEndian.Uint16(b[2*i:]))
		}
	}
	return f
}

func (f *formats) of(i int, described int16) int16 {
	switch {
	case !f.given:
		return described
	case f.each == nil:
		return f.one
	case i < len(f.each):
		return f.each[i]
	}
	return 0
}

// parseColumns reads the body of a RowDescription; nil where it is malformed.
func parseColumns(body []byte) *columns {
	if len(body) < 2 {
		return nil
	}
	n := int(binary.BigEndian.Uint16(body))
	body = body[2:]
	c := &columns{cut: n > maxColumns}
	for range min(n, maxColumns) {
		label, rest, ok := cutString(body)
		if !ok || len(rest) < 18 {
			return nil
		}
		c.all = append(c.all, column{
			table: binary.BigEndian.Uint32(rest), number: int16(binary.BigEndian.Uint16(rest[4:])),
			typ: binary.BigEndian.Uint32(rest[6:]), format: int16(binary.BigEndian.Uint16(rest[16:])),
		})
		last := c.all[len(c.all)-1]
		c.places = append(c.places, sqlgate.Column{Label: string(label), Hidden: last.table != 0 || !telling[last.typ]})
		body = rest[18:]
	}
	return c
}

// watching reports whether rows are wanted just now.
func (g *Gate) watching() (yes bool) {
	if g.o.Rows == nil {
		return false
	}
	var panicked bool
	defer func() { yes = yes && !panicked }()
	defer g.recovered(&panicked)
	return g.o.Rows.Watching()
}

// described deals with ParameterDescription and RowDescription; false where
// more must be read first. Where nobody wants rows it looks at nothing.
func (d *downward) described(kind byte, length int, def *definition, r *run) bool {
	switch {
	case kind == 't' && def != nil && len(def.types) == 0:
		body, ok := d.body(min(length, maxDescription))
		if !ok {
			return false
		}
		if len(body) == length && length >= 2 {
			types := oids(body[2 : 2+(length-2)/4*4])
			d.mu.Lock()
			def.types = types
			d.mu.Unlock()
		}
	case kind == 'T' && d.g.o.Rows != nil && length <= maxDescription && (def != nil || d.g.watching()):
		body, ok := d.body(length)
		if !ok {
			return false
		}
		c := parseColumns(body)
		d.mu.Lock()
		defer d.mu.Unlock()
		if def != nil {
			def.columns = c
		}
		if r != nil {
			r.columns, r.formats = c, formats{}
			d.current = nil // its rows are looked at anew
		}
	case kind == 'T' && r != nil:
		d.mu.Lock()
		defer d.mu.Unlock()
		r.columns = nil // those of the statement before in the same Query
	}
	return true
}

// unreadable stands for a value that is not NULL, and whose text is not known.
var unreadable = []byte{}

// A noter hands rows on. It keeps its arrays.
type noter struct {
	values  [][]byte
	scratch []byte
	places  []sqlgate.Column
}

// note hands on one row, or the beginning of one.
func (n *noter) note(s *session, r *run, body []byte) {
	if len(body) < 2 {
		return
	}
	cols := r.columns
	count := min(int(binary.BigEndian.Uint16(body)), len(cols.all))
	body = body[2:]
	n.values, n.scratch = n.values[:0], n.scratch[:0]
	for i := range count {
		text := unreadable
		if size, ok := valueSize(body); ok {
			if body = body[4:]; size < 0 {
				text = nil
			} else {
				text = n.text(body[:size], cols.all[i].typ, r.formats.of(i, cols.all[i].format))
				body = body[size:]
			}
		} else {
			body = nil // the rest was not looked at
		}
		n.values = append(n.values, text)
	}
	places := s.a.names.places(s.database, cols, n.places)
	n.places = places[:0]
	n.hand(s.g, r, places[:count])
	if cols.cut {
		n.values = n.values[:0]
		n.hand(s.g, r, nil)
	}
	clear(n.values)
}

// unseen tells of rows of which nothing is known.
func (n *noter) unseen(s *session, r *run) {
	n.values = n.values[:0]
	n.hand(s.g, r, nil)
}

func (n *noter) hand(g *Gate, r *run, places []sqlgate.Column) {
	var panicked bool // then nobody noted it
	defer g.recovered(&panicked)
	g.o.Rows.Row(r.ruling.By, places, n.values)
}

// valueSize is the next value's length, -1 for NULL; false where the value is
// not all there.
func valueSize(body []byte) (int, bool) {
	if len(body) < 4 {
		return 0, false
	}
	size := int(int32(binary.BigEndian.Uint32(body)))
	return size, size <= len(body)-4
}

// text is a value's text; it is empty where it has none that is short.
func (n *noter) text(value []byte, typ uint32, format int16) []byte {
	if len(value) > maxValue {
		return unreadable
	}
	if format == 0 || textual(typ) {
		return value[:len(value):len(value)]
	}
	from := len(n.scratch)
	switch {
	case typ == typeInt2 && len(value) == 2:
		n.scratch = strconv.AppendInt(n.scratch, int64(int16(binary.BigEndian.Uint16(value))), 10)
	case typ == typeInt4 && len(value) == 4:
		n.scratch = strconv.AppendInt(n.scratch, int64(int32(binary.BigEndian.Uint32(value))), 10)
	case typ == typeInt8 && len(value) == 8:
		n.scratch = strconv.AppendInt(n.scratch, int64(binary.BigEndian.Uint64(value)), 10)
	case typ == typeOID && len(value) == 4:
		n.scratch = strconv.AppendUint(n.scratch, uint64(binary.BigEndian.Uint32(value)), 10)
	case typ == typeBool && len(value) == 1:
		n.scratch = append(n.scratch, map[bool]byte{true: 't', false: 'f'}[value[0] != 0])
	case typ == typeUUID && len(value) == 16:
		n.scratch = appendUUID(n.scratch, value)
	case typ == typeJSONB && len(value) > 0:
		return value[1:len(value):len(value)]
	default:
		return unreadable
	}
	return n.scratch[from:len(n.scratch):len(n.scratch)]
}
