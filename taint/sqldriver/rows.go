package sqldriver

import (
	"context"
	"database/sql/driver"
	"errors"
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
	// end ends the transaction that they are read in, failed is why not well.
	end    func(failed error) error
	failed error
}

// noted wraps the rows that a query in the exchange of ctx gave. end is called
// once they are closed.
func noted(ctx context.Context, bare driver.Rows, end func(failed error) error) (driver.Rows, error) {
	x := exchange.From(ctx)
	if x != nil && x.RowsCut() {
		x.NoteUnseen()
		x = nil
	}
	if bare == nil || x == nil && end == nil {
		return bare, nil
	}
	return &rows{Rows: bare, x: x, end: end}, nil
}

// Close ends the transaction of a check that was before the query.
func (r *rows) Close() error {
	err := r.Rows.Close()
	if r.end == nil {
		return err
	}
	end := r.end
	r.end = nil
	return end(errors.Join(r.failed, err))
}

func (r *rows) Next(row []driver.Value) error {
	err := r.Rows.Next(row)
	if err != nil && !errors.Is(err, io.EOF) {
		r.failed = err
	}
	if r.x != nil && err == nil && r.x.WatchesOwners() {
		r.x.NoteUnseen() // a driver does not say of which tables they are
	}
	if err != nil || r.x == nil || r.x.RowsCut() {
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
