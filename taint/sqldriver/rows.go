package sqldriver

import (
	"context"
	"database/sql/driver"
	"io"
	"reflect"
	"unicode/utf8"

	"github.com/gatehousehq/gatehouse/exchange"
)

// rows notes the text that an exchange reads. It has every interface that rows
// may have, and does for rows that lack one what database/sql would have done.
type rows struct {
	driver.Rows
	x       *exchange.Exchange
	columns []string
	// last are the values of the row before: columns often repeat theirs.
	last []string
}

// noted wraps the rows that a query in the exchange of ctx gave.
func noted(ctx context.Context, bare driver.Rows, err error) (driver.Rows, error) {
	if err != nil || bare == nil {
		return bare, err
	}
	x := exchange.From(ctx)
	if x == nil || x.RowsCut() {
		return bare, nil
	}
	return &rows{Rows: bare, x: x}, nil
}

func (r *rows) Next(row []driver.Value) error {
	err := r.Rows.Next(row)
	if err != nil || r.x.RowsCut() {
		return err
	}
	for i, v := range row {
		switch v := v.(type) {
		case string:
			if len(v) >= exchange.MinRow {
				r.note(i, len(row), v)
			}
		case []byte:
			if len(v) >= exchange.MinRow && r.differs(i, v) && utf8.Valid(v) {
				r.note(i, len(row), string(v[:min(len(v), exchange.MaxRowBytes+1)]))
			}
		}
	}
	return nil
}

// differs reports whether a value is not the one of the row before.
func (r *rows) differs(i int, v []byte) bool { return i >= len(r.last) || r.last[i] != string(v) }

func (r *rows) note(i, n int, v string) {
	if r.columns == nil {
		r.columns, r.last = r.Columns(), make([]string, n)
	}
	if i >= len(r.columns) || i >= len(r.last) || r.last[i] == v {
		return
	}
	r.last[i] = v
	r.x.NoteRow(r.columns[i], v)
}

func (r *rows) HasNextResultSet() bool {
	bare, ok := r.Rows.(driver.RowsNextResultSet)
	return ok && bare.HasNextResultSet()
}

func (r *rows) NextResultSet() error {
	r.columns, r.last = nil, nil
	if bare, ok := r.Rows.(driver.RowsNextResultSet); ok {
		return bare.NextResultSet()
	}
	return io.EOF
}

func (r *rows) ColumnTypeScanType(i int) reflect.Type {
	if bare, ok := r.Rows.(driver.RowsColumnTypeScanType); ok {
		return bare.ColumnTypeScanType(i)
	}
	return reflect.TypeFor[any]()
}

func (r *rows) ColumnTypeDatabaseTypeName(i int) string {
	if bare, ok := r.Rows.(driver.RowsColumnTypeDatabaseTypeName); ok {
		return bare.ColumnTypeDatabaseTypeName(i)
	}
	return ""
}

func (r *rows) ColumnTypeLength(i int) (length int64, ok bool) {
	if bare, ok := r.Rows.(driver.RowsColumnTypeLength); ok {
		return bare.ColumnTypeLength(i)
	}
	return 0, false
}

func (r *rows) ColumnTypeNullable(i int) (nullable, ok bool) {
	if bare, ok := r.Rows.(driver.RowsColumnTypeNullable); ok {
		return bare.ColumnTypeNullable(i)
	}
	return false, false
}

func (r *rows) ColumnTypePrecisionScale(i int) (precision, scale int64, ok bool) {
	if bare, ok := r.Rows.(driver.RowsColumnTypePrecisionScale); ok {
		return bare.ColumnTypePrecisionScale(i)
	}
	return 0, 0, false
}
