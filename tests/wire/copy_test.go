package wire

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

func data(s string) *pgproto3.CopyData { return &pgproto3.CopyData{Data: []byte(s)} }

var copyDone = &pgproto3.CopyDone{}

// copies plays a simple COPY statement with what follows it, and one more query.
func copies(sql string, rest ...pgproto3.FrontendMessage) func(*dialog) {
	return func(d *dialog) {
		s := d.open()
		if s == nil {
			return
		}
		s.query("begin")
		s.send(&pgproto3.Query{String: sql})
		s.await("GHE", 1)
		s.send(rest...)
		s.ready(1)
		s.query("select id, text from copied order by id", "rollback", "select 'after'")
	}
}

// copyPipeline plays COPY by the extended protocol, everything sent at once.
func copyPipeline(ready int, parts ...any) func(*dialog) {
	return func(d *dialog) {
		s := d.open()
		if s == nil {
			return
		}
		s.send(several(parts...)...)
		s.ready(ready)
		s.query("select id, text from copied order by id", "delete from copied", "select 'after'")
	}
}

// copyNow is Parse, Bind and Execute of a COPY.
func copyNow(sql string) []pgproto3.FrontendMessage {
	return messages(parse("", sql), bind("", ""), execute("", 0))
}

var copying = []scenario{
	{"in", copies("copy copied (id, text) from stdin", data("1\tone\n"), data("2\t"), data("two\n3\tthree\n"), copyDone)},
	{"in, as CSV with a header", copies("copy copied (id, text) from stdin with (format csv, header)", data("id,text\n1,\"a \"\"quoted\"\" one\"\n2,\n"), copyDone)},
	{"in, nothing", copies("copy copied from stdin", copyDone)},
	{"in, given up", copies("copy copied from stdin", data("1\tone\t\\N\n"), &pgproto3.CopyFail{Message: "given up"})},
	{"in, bad data", copies("copy copied (id, text) from stdin", data("1\tone\nnot a number\ttwo\n"), data("3\tthree\n"), copyDone)},
	{"in, too many columns", copies("copy copied (id) from stdin", data("1\t2\n"), data("2\n"), copyDone)},
	{"in, to where there is no table", copies("copy nowhere from stdin")},
	{"in, with Sync and Flush in it", copies("copy copied (id, text) from stdin", data("1\tone\n"), flushNow, syncNow, data("2\ttwo\n"), copyDone)},
	{"in, with a query in it", func(d *dialog) {
		s := d.open()
		if s == nil {
			return
		}
		s.send(&pgproto3.Query{String: "copy copied from stdin"})
		s.await("G", 1)
		s.send(data("1\tone\t\\N\n"), &pgproto3.Query{String: "select 'in it'"})
		s.ready(1)
		s.send(copyDone, &pgproto3.Query{String: "select 'after'"})
		s.ready(1)
	}},
	{"in, two in one query", func(d *dialog) {
		s := d.open()
		if s == nil {
			return
		}
		s.send(&pgproto3.Query{String: "copy copied (id) from stdin; select 'between'; copy copied (id) from stdin; select count(*) from copied"})
		s.await("G", 1)
		s.send(data("1\n"), copyDone)
		s.await("G", 1)
		s.send(data("2\n"), copyDone)
		s.ready(1)
		s.query("delete from copied")
	}},
	{"in, sent ahead with queries after it", func(d *dialog) {
		if s := d.open(); s != nil {
			s.send(&pgproto3.Query{String: "copy copied (id) from stdin"}, data("1\n"), copyDone, &pgproto3.Query{String: "select count(*) from copied"}, &pgproto3.Query{String: "delete from copied"})
			s.ready(3)
		}
	}},
	{"in, the connection ends in it", func(d *dialog) {
		s := d.open()
		if s == nil {
			return
		}
		s.send(&pgproto3.Query{String: "copy copied from stdin"})
		s.await("G", 1)
		s.send(data("1\tone\t\\N\n"), flushNow)
		_ = s.conn.Close() // in the middle
		if after := d.open(); after != nil {
			after.query("select count(*) from copied")
		}
	}},
	{"in, binary", copies("copy copied (id, text) from stdin (format binary)", &pgproto3.CopyData{Data: binaryCopy()}, copyDone)},
	{"in, 2 MB", copies("copy copied (id, text) from stdin", &pgproto3.CopyData{Data: bytes.Repeat([]byte("1\tthe same line again\n"), 100_000)}, copyDone)},
	{"out", one("copy (select generate_series(1, 5), 'x') to stdout", "copy people to stdout", "copy (select 1 where false) to stdout", "copy (select 'a,b', null, 'c\"d') to stdout csv header", "copy moods to stdout (format binary)")},
	{"out, an error in the middle", one("copy (select 1 / (3 - i) from generate_series(1, 5) i) to stdout", "begin", "copy (select 1 / (3 - i) from generate_series(1, 5) i) to stdout", "rollback", "copy nowhere to stdout", "copy (select 1) to stdout; select 2; copy (select 3) to stdout")},
	{"out, with row security and notices", one("copy (select noisy('x')) to stdout")},
	{"to and from files and programs", one("copy people to program 'cat'", "copy people from program 'echo'", "copy people from '/etc/passwd'")},
	{"in, in a pipeline", copyPipeline(1, copyNow("copy copied (id, text) from stdin"), data("1\tone\n"), copyDone, syncNow)},
	{"in, in a pipeline with others", copyPipeline(2, once("insert into copied values (7)"), copyNow("copy copied (id) from stdin"), data("1\n"), copyDone, once("select count(*) from copied"), syncNow, once("select 1"), syncNow)},
	{"in, in a pipeline, given up", copyPipeline(2, copyNow("copy copied (id) from stdin"), data("1\n"), &pgproto3.CopyFail{Message: "no"}, once("select 'skipped'"), syncNow, once("select 1"), syncNow)},
	{"in, in a pipeline, bad data", copyPipeline(2, copyNow("copy copied (id) from stdin"), data("x\n"), data("2\n"), copyDone, once("select 'skipped'"), syncNow, once("select 1"), syncNow)},
	{"in, in a pipeline, skipped by an error before it", copyPipeline(2, once("select 1/0"), copyNow("copy copied (id) from stdin"), data("1\n"), copyDone, syncNow, once("select 1"), syncNow)},
	{"out, in a pipeline", copyPipeline(2, copyNow("copy (select generate_series(1, 3)) to stdout"), once("select 1"), syncNow, copyNow("copy moods to stdout"), syncNow)},
	{"out, in a pipeline, failing", copyPipeline(2, copyNow("copy (select 1 / (3 - i) from generate_series(1, 5) i) to stdout"), once("select 1"), syncNow, once("select 2"), syncNow)},
}

// binaryCopy is one row in COPY's binary form.
func binaryCopy() []byte {
	b := append([]byte("PGCOPY\n\xff\r\n\x00"), 0, 0, 0, 0, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, 2)
	b = binary.BigEndian.AppendUint32(b, 4)
	b = binary.BigEndian.AppendUint32(b, 77)
	b = binary.BigEndian.AppendUint32(b, 5)
	return append(append(b, "seven"...), 0xff, 0xff)
}

func TestDiffer_Copy_LooksTheSameThroughTheGate(t *testing.T) { compare(t, copying) }

// The functions for large objects, by their numbers in pg_proc.
const (
	loOpen, loClose, loRead, loWrite     = 952, 953, 954, 955
	loLseek, loCreat, loTell, loCreate   = 956, 957, 958, 715
	loTruncate, loUnlink, loLseek64      = 1004, 964, 3170
	loTell64, loTruncate64, versionOfAll = 3171, 3172, 89
)

// call is a FunctionCall with binary arguments.
func call(function uint32, arguments ...any) *pgproto3.FunctionCall {
	c := &pgproto3.FunctionCall{Function: function, ArgFormatCodes: []uint16{1}, ResultFormatCode: 1}
	for _, a := range arguments {
		switch a := a.(type) {
		case int:
			c.Arguments = append(c.Arguments, binary.BigEndian.AppendUint32(nil, uint32(a)))
		case int64:
			c.Arguments = append(c.Arguments, binary.BigEndian.AppendUint64(nil, uint64(a)))
		case string:
			c.Arguments = append(c.Arguments, []byte(a))
		}
	}
	return c
}

// calls plays FunctionCalls, one after the other, between two queries.
func calls(calls ...*pgproto3.FunctionCall) func(*dialog) {
	return func(d *dialog) {
		s := d.open()
		if s == nil {
			return
		}
		s.query("begin")
		for _, c := range calls {
			s.send(c)
			s.ready(1)
		}
		s.query("select convert_from(lo_get(555), 'UTF8')", "rollback", "select 1")
	}
}

var largeObjects = []scenario{
	{"written and read", calls(call(loCreate, 555), call(loOpen, 555, 0x60000), call(loWrite, 0, "a text that is written"), call(loLseek, 0, 2, 0), call(loTell, 0), call(loRead, 0, 9), call(loTruncate, 0, 6), call(loClose, 0))},
	{"beyond 2 GB", calls(call(loCreate, 555), call(loOpen, 555, 0x60000), call(loWrite, 0, "x"), call(loLseek64, 0, int64(0), 2), call(loTell64, 0), call(loTruncate64, 0, int64(3)), call(loClose, 0))},
	{"read and removed", calls(call(loOpen, 4242, 0x40000), call(loRead, 0, 100), call(loClose, 0), call(loUnlink, 4242))},
	{"one that is not there", calls(call(loOpen, 1, 0x40000))},
	{"outside of a transaction", func(d *dialog) {
		if s := d.open(); s != nil {
			s.send(call(loOpen, 4242, 0x40000))
			s.ready(1)
			s.send(call(loRead, 0, 10))
			s.ready(1)
			s.query("select 1")
		}
	}},
	{"by SQL", one("begin", "select lo_create(555)", "select lo_put(555, 0, 'abc')", "select lo_get(555)", "select lo_unlink(555)", "rollback", "select lo_get(555)")},
}

func TestDiffer_LargeObjects_LookTheSameThroughTheGate(t *testing.T) { compare(t, largeObjects) }
