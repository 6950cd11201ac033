package sqldriver

import (
	"bytes"
	"database/sql/driver"
	"fmt"
	"reflect"
	"sync"
	"time"
)

// A paramsPool lends slices for the texts of bound values.
type paramsPool struct{ pool sync.Pool }

type params []string

// of gives the texts of args, in their order; nil where none has one.
func (p *paramsPool) of(args []driver.NamedValue) *params {
	var taken *params
	for i := range args {
		text := textOf(args[i].Value)
		if text == "" {
			continue
		}
		if taken == nil {
			taken = p.take(len(args))
		}
		(*taken)[i] = text
	}
	return taken
}

func (p *paramsPool) take(n int) *params {
	taken, ok := p.pool.Get().(*params)
	if !ok {
		taken = new(params)
	}
	if cap(*taken) < n {
		*taken = make(params, n)
	}
	*taken = (*taken)[:n]
	return taken
}

// put takes a slice back, without what it held. A slice for as many values as
// bulk inserts have is left to the garbage collector.
func (p *paramsPool) put(taken *params) {
	const most = 1024
	if taken == nil || cap(*taken) > most {
		return
	}
	clear(*taken)
	p.pool.Put(taken)
}

func (p *params) texts() []string {
	if p == nil {
		return nil
	}
	return *p
}

// textOf is the text of a bound value, after database/sql and the driver have
// converted it; "" for what is no text. Drivers that convert values themselves
// let any type come here.
func textOf(v driver.Value) string {
	switch v := v.(type) {
	case nil, int64, float64, bool, time.Time, int, int32:
		return ""
	case string:
		return v
	case []byte:
		return textOfBytes(v)
	default:
		return textOfAny(v)
	}
}

// textOfBytes is b where it can be a text that a database executes: none of
// them takes a NUL, which nearly every blob has at its beginning.
func textOfBytes(b []byte) string {
	if bytes.IndexByte(b, 0) >= 0 {
		return ""
	}
	return string(b)
}

// textOfAny asks the value itself, then its kind. A method that panics gives no
// text: the driver will call it too, and the program sees that.
func textOfAny(v any) (text string) {
	defer func() {
		if recover() != nil {
			text = ""
		}
	}()
	if valuer, ok := v.(driver.Valuer); ok {
		v, err := valuer.Value()
		if err != nil {
			return ""
		}
		switch v := v.(type) {
		case string:
			return v
		case []byte:
			return textOfBytes(v)
		}
		return ""
	}
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.String:
		return r.String()
	case reflect.Slice:
		if r.Type().Elem().Kind() == reflect.Uint8 { // sql.RawBytes, json.RawMessage
			return textOfBytes(r.Bytes())
		}
	case reflect.Pointer:
		if !r.IsNil() && r.Elem().Kind() == reflect.String {
			return r.Elem().String()
		}
	}
	if s, ok := v.(fmt.Stringer); ok {
		return s.String()
	}
	return ""
}
