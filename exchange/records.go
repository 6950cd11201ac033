package exchange

import (
	"strings"
	"sync"
)

const (
	// maxRecords, maxColumns and maxKey bound what is kept of the rows that an
	// exchange read: one person's are few.
	maxRecords = 32
	maxColumns = 16
	maxKey     = 256
)

// A Record is some columns of one row that an exchange read, in their order.
type Record struct {
	Columns, Values []string
}

// records are kept beside the candidates: a key such as "42" is too short to be
// code, and says who somebody is.
type records struct {
	mu    sync.Mutex
	wants func(column string) bool
	all   []Record
}

// Watch has [Exchange.NoteRecord] keep the columns that wants names; before,
// nothing is kept. It is for exchanges whose rows say who the client is.
func (x *Exchange) Watch(wants func(column string) bool) {
	x.records.mu.Lock()
	defer x.records.mu.Unlock()
	x.records.wants = wants
}

// Watched reports whether rows are kept: whoever notes them can spare the trouble.
func (x *Exchange) Watched() bool {
	x.records.mu.Lock()
	defer x.records.mu.Unlock()
	return x.records.wants != nil
}

// NoteRecord notes a row that the exchange is known to have read. At most 32 rows
// with 16 columns of up to 256 bytes are kept. Safe for concurrent use.
func (x *Exchange) NoteRecord(columns []string, values [][]byte) {
	r := &x.records
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.wants == nil || len(r.all) >= maxRecords {
		return
	}
	var kept Record
	for i, column := range columns[:min(len(columns), len(values))] {
		if v := values[i]; len(v) > 0 && len(v) <= maxKey && len(kept.Columns) < maxColumns && r.wants(column) {
			kept.Columns = append(kept.Columns, strings.Clone(column))
			kept.Values = append(kept.Values, string(v))
		}
	}
	if len(kept.Columns) > 0 {
		r.all = append(r.all, kept)
	}
}

// Records are what was noted so far. The slice is never changed afterwards.
func (x *Exchange) Records() []Record {
	x.records.mu.Lock()
	defer x.records.mu.Unlock()
	return x.records.all[:len(x.records.all):len(x.records.all)]
}
