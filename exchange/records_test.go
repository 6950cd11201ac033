package exchange

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func row(values ...string) (out [][]byte) {
	for _, v := range values {
		out = append(out, []byte(v))
	}
	return out
}

func TestRecords_OnlyWhatIsWatched_AndRowsStayTogether(t *testing.T) {
	x := &Exchange{}
	columns := []string{"users.id", "users.email", "users.password"}
	x.NoteRecord(columns, row("1", "before@x", "hash"))
	x.Watch(func(c string) bool { return !strings.HasSuffix(c, "password") })
	x.NoteRecord(columns, row("2", "ann@x", "hash"))
	x.NoteRecord(columns, row("", strings.Repeat("x", 300), "hash"))
	x.NoteRecord(columns[:1], row("3", "more values than columns"))
	if got := fmt.Sprint(x.Records()); got != "[{[users.id users.email] [2 ann@x]} {[users.id] [3]}]" {
		t.Errorf("records %s", got)
	}
}

func TestRecords_AreBoundedAndCopied(t *testing.T) {
	x := &Exchange{}
	x.Watch(func(string) bool { return true })
	buffer := [][]byte{[]byte("ann")}
	x.NoteRecord([]string{"users.name"}, buffer)
	copy(buffer[0], "bob")
	before := x.Records()
	for range 1000 {
		var columns []string
		for i := range 100 {
			columns = append(columns, fmt.Sprint("c", i))
		}
		x.NoteRecord(columns, bytes.Split(bytes.Repeat([]byte("v,"), 100), []byte(",")))
	}
	all := x.Records()
	if len(before) != 1 || before[0].Values[0] != "ann" || len(all) != maxRecords || len(all[1].Columns) != maxColumns {
		t.Errorf("%v, then %d records of %d columns", before, len(all), len(all[1].Columns))
	}
}
