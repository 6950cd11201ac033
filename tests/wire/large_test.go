package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// moreMemory is what a gigabyte may take beyond an idle gate. The race detector
// has several bytes of its own for each that the gate touches.
func moreMemory() int64 {
	const most = 10 << 20
	if raceDetector {
		return 4 * most
	}
	return most
}

// lines is COPY data of so many bytes, made as it is read.
type lines struct{ left int64 }

var line = []byte("1\t" + strings.Repeat("x", 1021) + "\n")

func (l *lines) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, io.EOF
	}
	n := 0
	for n+len(line) <= len(p) && l.left > 0 {
		n += copy(p[n:], line)
		l.left -= int64(len(line))
	}
	return n, nil
}

// A counter counts what is written to it.
type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) { c.n += int64(len(p)); return len(p), nil }

// What is large passes as it comes, and is held nowhere.
func TestLarge_EachWay_TakesNoMemory(t *testing.T) {
	size, row := int64(32<<20), 16<<20
	if long {
		size, row = 1<<30, 64<<20
	}
	d := server(t)
	d.fresh(t, "wire")
	gate := d.child(t, "wire")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	c, err := pgconn.Connect(ctx, gate.dsn())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	rows := size / 1024
	for name, job := range map[string]func() (int64, error){
		"COPY in": func() (int64, error) { // the server reads all of it, and keeps none
			tag, err := c.CopyFrom(ctx, &lines{size}, "copy copied (id, text) from stdin where id = 2")
			if err == nil && tag.String() != "COPY 0" {
				err = errors.New("the server said " + tag.String())
			}
			return size, err
		},
		"COPY out": func() (int64, error) {
			var out counter
			_, err := c.CopyTo(ctx, &out, fmt.Sprintf("copy (select 1, repeat('x', 1021) from generate_series(1, %d)) to stdout", rows))
			return out.n, err
		},
		"a result of many rows": func() (int64, error) {
			return rowsOf(c.ExecParams(ctx, fmt.Sprintf("select repeat('x', 1024) from generate_series(1, %d)", rows), nil, nil, nil, nil))
		},
		"long rows": func() (int64, error) {
			return rowsOf(c.ExecParams(ctx, fmt.Sprintf("select repeat('x', %d) from generate_series(1, %d)", row, size/int64(row)), nil, nil, nil, nil))
		},
		"long bound values": func() (n int64, err error) {
			value := []byte(strings.Repeat("x", row))
			for ; n < size && err == nil; n += int64(len(value)) {
				_, err = rowsOf(c.ExecParams(ctx, "select length($1)", [][]byte{value}, nil, nil, nil))
			}
			return n, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			gate.usage(t) // gives memory back to the system
			idle, _ := resident(t, gate.cmd.Process.Pid)
			forgetMost(t, gate.cmd.Process.Pid)
			n, err := job()
			if err != nil || n < size {
				t.Fatalf("%d bytes of %d: %v", n, size, err)
			}
			_, most := resident(t, gate.cmd.Process.Pid)
			t.Logf("%d MB: idle %.1f MB, at most %.1f MB", n>>20, float64(idle)/(1<<20), float64(most)/(1<<20))
			if most-idle > moreMemory() {
				t.Errorf("the gate took %.1f MB more, which may be %d", float64(most-idle)/(1<<20), moreMemory()>>20)
			}
		})
	}
}

// rowsOf counts the bytes of a result, and keeps none.
func rowsOf(r *pgconn.ResultReader) (n int64, err error) {
	for r.NextRow() {
		n += int64(len(r.Values()[0]))
	}
	_, err = r.Close()
	return n, err
}

// A client that asks for much and reads nothing has the server wait, and the
// gate hold no more than its buffers.
func TestClient_ThatNeverReads_HasTheServerWait(t *testing.T) {
	clients := 4
	if long {
		clients = 50
	}
	d := server(t)
	d.fresh(t, "wire")
	gate := d.child(t, "wire")
	before := gate.usage(t)
	idle, _ := resident(t, gate.cmd.Process.Pid)
	forgetMost(t, gate.cmd.Process.Pid)
	dialog := &dialog{t: t, to: gate.target}
	for range clients {
		s := dialog.open()
		if s == nil {
			t.Fatal("no session")
		}
		s.send(&pgproto3.Query{String: "select generate_series(1, 3000000), repeat('never read ', 100)"})
	}
	waiting := fmt.Sprintf("select (count(*) = %d)::text from pg_stat_activity where wait_event = 'ClientWrite' and query like '%%never read%%'", clients)
	for end := time.Now().Add(answerWithin); d.ask(t, "postgres", waiting) != "true"; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the server does not wait for clients that do not read")
		}
	}
	_, most := resident(t, gate.cmd.Process.Pid)
	if more := most - idle; more > moreMemory()+int64(clients)*(256<<10) {
		t.Errorf("%d clients that never read took %.1f MB", clients, float64(more)/(1<<20))
	}
	dialog.hangUp()
	gate.settled(t, before)
}
