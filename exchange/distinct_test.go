package exchange

import (
	"fmt"
	"testing"
)

func watched() *Exchange { return watchedAt(new(Backend)) }

func watchedAt(b *Backend) *Exchange {
	x := &Exchange{}
	b.WatchOwners(x, Owned{Table: "orders", Column: "user_id", Key: "id"}, Owned{Table: "app.notes", Column: "author", Key: "no"})
	return x
}

// note notes rows: "public.orders.user_id=7", "=" alone for NULL, "=?" for what
// cannot be read.
func note(x *Exchange, values ...[3]string) {
	r := x.NoteOwned()
	for _, v := range values {
		value := []byte(v[2])
		switch v[2] {
		case "NULL":
			value = nil
		case "?":
			value = []byte{}
		}
		r.Value(v[0], v[1], value)
	}
	r.Done()
}

func TestDistinct_OwnersOfAllRows(t *testing.T) {
	const o = "public.orders"
	for _, c := range []struct {
		name string
		do   func(x *Exchange)
		want string // Distinct, then Unowned
	}{
		{"nothing read", func(*Exchange) {}, "[] 0 true, [] true"},
		{"own and another's", func(x *Exchange) {
			for i := range 200 {
				note(x, [3]string{o, "id", fmt.Sprint(i)}, [3]string{o, "user_id", fmt.Sprint(7 + i%2)})
			}
		}, "[7 8] 200 true, [] true"},
		{"of another table, and expressions", func(x *Exchange) { note(x, [3]string{"public.reorders", "id", "1"}, [3]string{"", "", "3"}) }, "[] 0 true, [] true"},
		{"without the owner", func(x *Exchange) {
			note(x, [3]string{o, "id", "5"})
			note(x, [3]string{o, "id", "5"}, [3]string{o, "note", "x"})
			note(x, [3]string{o, "user_id", "7"})
		}, "[7] 3 false, [5] true"},
		{"with neither", func(x *Exchange) { note(x, [3]string{o, "note", "x"}) }, "[] 1 false, [] false"},
		{"an outer join that found none", func(x *Exchange) { note(x, [3]string{o, "id", "NULL"}, [3]string{o, "user_id", "NULL"}) }, "[] 0 true, [] true"},
		{"nobody's", func(x *Exchange) { note(x, [3]string{o, "id", "5"}, [3]string{o, "user_id", "NULL"}) }, "[] 1 false, [5] true"},
		{"an owner that cannot be read", func(x *Exchange) { note(x, [3]string{o, "user_id", "?"}) }, "[] 1 false, [] false"},
		{"two rows in one, one without its owner", func(x *Exchange) {
			note(x, [3]string{o, "id", "1"}, [3]string{o, "user_id", "7"}, [3]string{o, "id", "2"})
		}, "[7] 1 false, [] false"},
		{"something unseen", func(x *Exchange) { note(x, [3]string{o, "user_id", "7"}); x.NoteUnseen() }, "[7] 1 false, [] false"},
		{"more than are kept", func(x *Exchange) {
			for i := range 100 {
				note(x, [3]string{o, "user_id", fmt.Sprint(i)})
			}
		}, "64 100 false, [] false"},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := watched()
			c.do(x)
			values, rows, whole := x.Distinct("orders.user_id")
			keys, all := x.Unowned("orders.user_id")
			got := fmt.Sprint(values, rows, whole)
			if len(values) == maxDistinct {
				got = fmt.Sprint(len(values), " ", rows, whole)
			}
			if got += fmt.Sprint(", ", keys, " ", all); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestDistinct_NamesOfTables(t *testing.T) {
	x := watched()
	note(x, [3]string{"other.notes", "author", "7"}, [3]string{"app.notes", "author", "8"})
	if values, rows, whole := x.Distinct("app.notes.author"); fmt.Sprint(values) != "[8]" || rows != 1 || !whole {
		t.Error(values, rows, whole)
	}
	for _, unwatched := range []string{"notes.author", "orders.id", "orders", "", "app.notes.author.x"} {
		if _, _, whole := x.Distinct(unwatched); whole {
			t.Errorf("%s is whole, and is not watched", unwatched)
		}
	}
	full := &Exchange{}
	new(Backend).WatchOwners(full, make([]Owned, maxOwned+1)...)
	if !full.owned.unseen {
		t.Error("more tables than are watched are whole")
	}
}

// What was read for nobody knows whom may be anybody's who is there.
func TestDistinct_RowsOfNobodyKnowsWhom_LeaveNothingWhole(t *testing.T) {
	b := new(Backend)
	b.NoteStray("public.orders", false)
	b.NoteStray("", true)
	x := watchedAt(b)
	whole := func(x *Exchange) bool {
		_, _, whole := x.Distinct("orders.user_id")
		return whole
	}
	b.NoteStray("public.people", false)
	b.NoteStray("", false)
	if !whole(x) {
		t.Error("rows of other tables, and numbers, count")
	}
	later := watchedAt(b)
	b.NoteStray("public.orders", false)
	if whole(x) || whole(later) {
		t.Error("a row that may be its own does not count")
	}
	if !whole(watchedAt(b)) {
		t.Error("a row that was read before counts")
	}
	x = watchedAt(b)
	b.NoteStray("", true)
	if whole(x) {
		t.Error("a row of which nothing is known does not count")
	}
}

// One row is to cost at most a microsecond.
func BenchmarkNoteOwned(b *testing.B) {
	x := watched()
	values := make([][]byte, 64)
	for i := range values {
		values[i] = fmt.Append(nil, 1000+i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r := x.NoteOwned()
		r.Value("public.orders", "id", values[i%64])
		r.Value("public.orders", "user_id", values[i%8])
		for range 8 {
			r.Value("public.orders", "some_column", values[0])
		}
		r.Done()
	}
}
