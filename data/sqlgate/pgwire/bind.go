package pgwire

import (
	"encoding/binary"
	"encoding/hex"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/data/sqlgate"
)

// boundLooked is how much of a Bind is looked at to tell whose the values are:
// the values that say so are short.
const boundLooked = 16 << 10

// Types whose binary form is known (pg_type.dat).
const (
	typeBool    = 16
	typeChar    = 18
	typeName    = 19
	typeInt8    = 20
	typeInt2    = 21
	typeInt4    = 23
	typeText    = 25
	typeOID     = 26
	typeJSON    = 114
	typeXML     = 142
	typeUnknown = 705
	typeBpchar  = 1042
	typeVarchar = 1043
	typeUUID    = 2950
	typeJSONB   = 3802
)

func (u *upward) bind(length int) (bool, error) {
	head, ok := u.body(min(length, boundLooked))
	if !ok {
		return false, nil
	}
	portal, rest, ok := cutString(head)
	statement, rest, ok2 := cutString(rest)
	if !ok || !ok2 || len(portal) > maxName || len(statement) > maxName {
		return true, u.malformed('B', length, ok && ok2)
	}
	again, lost, unsure := u.executing(statement)
	if unsure {
		if err := u.settle(); err != nil {
			return false, err
		}
		again, lost, unsure = u.executing(statement)
	}
	if len(again) > 0 || lost {
		return u.bindAgain(length, statement, again, lost, unsure)
	}
	def := u.latest(statement)
	if def == nil {
		def = u.unnamedRuling()
	}
	b := u.bound(rest, def.types, false)
	r := u.newRun(def.ruling, def.judged)
	r.ruling.By = u.g.attribute(u.a, sqlgate.Statement{Bound: true, Said: def.ruling.By, Values: b.values, Backslash: def.backslash, Client: u.addr})
	def.ruling.By = def.ruling.By.Lasting()
	clear(b.values)
	return true, u.sendBind(portal, def, r, b, length)
}

func (u *upward) sendBind(portal []byte, def *definition, r *run, b bound, length int) error {
	r.columns, r.doubt = def.columns, def.doubt
	if u.g.watching() {
		r.formats = formatsOf(b.results)
	}
	e := entry{kind: 'B', run: r}
	replaced := u.open(portal, r)
	if replaced != nil && (len(portal) == 0 || r.portal != "") && u.unproven(replaced) {
		e.replaced = replaced // it is there again where this one fails
	} else {
		u.release(replaced)
	}
	return u.send(e, length)
}

// bindAgain has the values judged that are bound to what executes text, or
// before whose run the gate has something to say.
func (u *upward) bindAgain(length int, statement []byte, again []*definition, lost, unsure bool) (bool, error) {
	if length > u.g.o.MaxStatement || lost {
		return u.tooLong(entry{kind: 'B', run: nil}, length, nil)
	}
	body, ok := u.body(length)
	if !ok {
		return false, nil
	}
	portal, rest, _ := cutString(body)
	_, rest, _ = cutString(rest)
	var ruling sqlgate.Ruling
	var values bound
	for _, def := range again {
		values = u.bound(rest, def.types, true)
		if !values.whole {
			return true, u.malformed('B', length, true)
		}
		ruling = u.g.judge(u.ctx, u.a, sqlgate.Statement{SQL: def.sql, Bound: true, Said: def.ruling.By, Values: values.values, Backslash: def.backslash, Client: u.addr})
		clear(values.values)
		if ruling.Verdict != gatehouse.Pass {
			u.g.stats.refused.Add(1)
			return true, u.refuseBind(ruling, length)
		}
	}
	def := again[len(again)-1]
	r := u.newRun(ruling, true)
	if len(ruling.Before) > 0 && (unsure || def.unclear || !u.prepareOwn(r, rest, def.types)) {
		u.deny(ruling)
		return true, u.refuseBind(ruling, length)
	}
	if latest := u.latest(statement); latest != nil {
		def = latest
	}
	def.ruling.By = def.ruling.By.Lasting()
	return true, u.sendBind(portal, def, r, values, length)
}

func (u *upward) refuseBind(r sqlgate.Ruling, length int) error {
	e := u.refusedEntry('B', refusedWords(r))
	u.text = appendBind(u.text[:0], e.token)
	return u.substitute(e, length, u.text)
}

// bound is what a Bind has after its names.
type bound struct {
	values []string
	// results are the formats of the result's columns, as they stand.
	results []byte
	// whole is set where all of it was there, and nothing else.
	whole bool
}

// bound reads a Bind up to where it ends, or as much as there is. The values
// are valid until the next call.
func (u *upward) bound(b []byte, types []uint32, executed bool) (out bound) {
	u.values = u.values[:0]
	formats, b, ok := cutInts(b)
	if !ok || len(b) < 2 {
		return out
	}
	count := int(binary.BigEndian.Uint16(b))
	b = b[2:]
	for i := range count {
		if len(b) < 4 {
			break
		}
		n := int(int32(binary.BigEndian.Uint32(b)))
		b = b[4:]
		if n > len(b) {
			break
		}
		text := ""
		if n >= 0 {
			text = u.valueText(b[:n], formatAt(formats, i), typeAt(types, i), executed)
			b = b[n:]
		}
		u.values = append(u.values, text)
	}
	out.values = u.values
	if len(u.values) == count {
		var rest []byte
		out.results, rest, ok = cutInts(b)
		out.whole = ok && len(rest) == 0
	}
	return out
}

// cutInts takes an array of 16-bit numbers off, as bytes.
func cutInts(b []byte) (ints, rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, false
	}
	n := 2 * int(binary.BigEndian.Uint16(b))
	if len(b) < 2+n {
		return nil, nil, false
	}
	return b[2 : 2+n], b[2+n:], true
}

// formatAt is the format of the i-th value: one stands for all, none for text.
func formatAt(formats []byte, i int) int16 {
	switch {
	case len(formats) == 2:
		i = 0
	case len(formats) < 2*i+2:
		return 0
	}
	return int16(binary.BigEndian.Uint16(formats[2*i:]))
}

func typeAt(types []uint32, i int) uint32 {
	if i < len(types) {
		return types[i]
	}
	return 0
}

// valueText is a bound value's text; "" where it has none. A value in binary
// whose type the client left open may be text: it is taken for that where it
// would be executed.
func (u *upward) valueText(value []byte, format int16, typ uint32, executed bool) string {
	switch {
	case format == 0 || textual(typ):
		return view(value)
	case typ == typeJSONB && len(value) > 0:
		return view(value[1:])
	case typ == typeUUID && len(value) == 16:
		return uuidText(value)
	case executed:
		return view(value)
	}
	return ""
}

// textual types have the same form in binary as in text.
func textual(typ uint32) bool {
	switch typ {
	case typeText, typeVarchar, typeBpchar, typeName, typeJSON, typeXML, typeUnknown, typeChar:
		return true
	}
	return false
}

func uuidText(v []byte) string {
	var b [36]byte
	return string(appendUUID(b[:0], v))
}

func appendUUID(b, v []byte) []byte {
	for i, part := range [...][]byte{v[:4], v[4:6], v[6:8], v[8:10], v[10:]} {
		if i > 0 {
			b = append(b, '-')
		}
		b = hex.AppendEncode(b, part)
	}
	return b
}
