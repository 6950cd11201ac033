package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gatehousehq/gatehouse/benchmarks/measure"
)

// A transfer is many bytes through one session.
type transfer struct {
	name string
	run  func(ctx context.Context, conn *pgconn.PgConn, rows int64) error
}

// rowBytes is what a row of a transfer holds.
const rowBytes = 1024

var transfers = []transfer{
	{"a result", readResult},
	{"COPY to the client", copyOut},
	{"COPY from the client", copyIn},
}

// A memoryUse is of a fresh process, in bytes: with one idle session, and at
// the highest while the transfer passed.
type memoryUse struct {
	idle, highest int64
	took          time.Duration
}

// measureMemory gives one memoryUse for each transfer, by peer.
func (b *bench) measureMemory(ctx context.Context, found []peer, size int64) (map[string][]memoryUse, error) {
	all := map[string][]memoryUse{}
	for _, p := range found {
		if p.command == nil || p.simpleOnly {
			continue // the server is not what is measured; nor the same program twice
		}
		for _, t := range transfers {
			use, err := b.transfer(ctx, p, t, size)
			if err != nil {
				return nil, fmt.Errorf("%s through %s: %w", t.name, p.name, err)
			}
			fmt.Printf("memory: %-22s %-21s %5.1f MB idle, %5.1f at most, %s\n",
				p.name, t.name, measure.MB(use.idle), measure.MB(use.highest), measure.Speed(size, use.took))
			all[p.name] = append(all[p.name], use)
		}
	}
	return all, nil
}

func (b *bench) transfer(ctx context.Context, p peer, t transfer, size int64) (use memoryUse, err error) {
	proxy, err := b.start(ctx, p)
	if err != nil {
		return use, err
	}
	defer proxy.stop()
	to := url.URL{Scheme: "postgres", User: url.UserPassword(account, password), Host: proxy.addr, Path: "/" + database, RawQuery: "sslmode=disable"}
	conn, err := pgconn.Connect(ctx, to.String())
	if err != nil {
		return use, err
	}
	defer conn.Close(ctx)
	if err := conn.Exec(ctx, "select 1").Close(); err != nil {
		return use, err
	}
	if err := proxy.begin(p); err != nil {
		return use, err
	}
	if use.idle, err = measure.Memory(proxy.pid(), "VmRSS"); err != nil {
		return use, err
	}
	start := time.Now()
	if err := t.run(ctx, conn, size/rowBytes); err != nil {
		return use, err
	}
	use.took = time.Since(start)
	use.highest, err = measure.Memory(proxy.pid(), "VmHWM")
	return use, err
}

// selectRows makes rows of 1,024 bytes.
func selectRows(rows int64) string {
	return fmt.Sprintf("select repeat('0123456789abcdef', 64) from generate_series(1, %d)", rows)
}

func readResult(ctx context.Context, conn *pgconn.PgConn, rows int64) error {
	results := conn.Exec(ctx, selectRows(rows))
	var n int64
	for results.NextResult() {
		for reader := results.ResultReader(); reader.NextRow(); {
			n += int64(len(reader.Values()[0]))
		}
	}
	if err := results.Close(); err != nil {
		return err
	}
	if n != rows*rowBytes {
		return fmt.Errorf("the result was %d bytes of %d", n, rows*rowBytes)
	}
	return nil
}

func copyOut(ctx context.Context, conn *pgconn.PgConn, rows int64) error {
	tag, err := conn.CopyTo(ctx, io.Discard, "copy ("+selectRows(rows)+") to stdout")
	return copied(tag, err, rows)
}

// copyIn sends rows that the server reads and does not keep.
func copyIn(ctx context.Context, conn *pgconn.PgConn, rows int64) error {
	if err := conn.Exec(ctx, "create temp table copied (line text)").Close(); err != nil {
		return err
	}
	lines := &repeated{line: strings.Repeat("0123456789abcdef", 64) + "\n", times: rows}
	_, err := conn.CopyFrom(ctx, lines, "copy copied from stdin where line = ''")
	if err == nil && lines.times > 0 {
		err = fmt.Errorf("%d rows were not sent", lines.times)
	}
	return err
}

func copied(tag pgconn.CommandTag, err error, rows int64) error {
	if err == nil && tag.RowsAffected() != rows {
		err = fmt.Errorf("%d rows were copied of %d", tag.RowsAffected(), rows)
	}
	return err
}

// repeated reads as a line some times over.
type repeated struct {
	line  string
	times int64
	at    int // in the line
}

func (r *repeated) Read(p []byte) (n int, err error) {
	for n < len(p) && r.times > 0 {
		m := copy(p[n:], r.line[r.at:])
		n, r.at = n+m, r.at+m
		if r.at == len(r.line) {
			r.at, r.times = 0, r.times-1
		}
	}
	if n == 0 && r.times == 0 {
		return 0, io.EOF
	}
	return n, nil
}
