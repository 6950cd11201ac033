package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehousehq/gatehouse/benchmarks/measure"
)

// A statement is what the application sends, with how many rows it gives or
// changes.
type statement struct {
	name, text string
	rows       int64
	// argument is bound to it, or stands in its text.
	argument func(n int) int
}

// of is one of the user's orders.
func of(n int) int { return n%orders*people + user - 1 }

var statements = []statement{
	{"a row by its key", "select id, total, note from orders where id = ", 1, func(n int) int { return of(n + 1) }},
	{"a list of 20", "select id, total, note from orders where user_id = %d order by id desc limit ", 20, func(int) int { return 20 }},
	{"an update by the key", "update orders set total = total + 1 where id = ", 1, func(n int) int { return of(n + 1) }},
}

var protocols = []string{"simple", "prepared"}

// A cell is what one peer took for one statement by one protocol, by round.
type cell struct {
	peer, statement, protocol string
	// p50 and mean are of the latency; gate and server the CPU of a statement. In
	// microseconds.
	p50, mean, gate, server []float64
}

// A line is a connection by a peer, and the process that serves it.
type line struct {
	*pgx.Conn
	peer *peer
	pid  int
}

func (w *world) connect(ctx context.Context, p *peer, protocol string) (*line, error) {
	o, err := pgx.ParseConfig(p.dsn)
	if err != nil {
		return nil, err
	}
	o.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement
	if protocol == "simple" {
		o.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	}
	l := &line{peer: p}
	if l.Conn, err = pgx.ConnectConfig(ctx, o); err != nil {
		return nil, fmt.Errorf("%s: %w", p.name, err)
	}
	return l, l.QueryRow(ctx, "select pg_backend_pid()").Scan(&l.pid)
}

// measure gives each peer its turn in each round; who begins changes by round.
func (w *world) measure(ctx context.Context, o options) (cells []*cell, err error) {
	lines := make(map[*cell]*line)
	defer func() {
		for _, l := range lines {
			err = errors.Join(err, l.Close(context.WithoutCancel(ctx)))
		}
	}()
	work := make(map[*cell]statement)
	for _, protocol := range protocols {
		for _, st := range statements {
			for _, p := range w.peers {
				c := &cell{peer: p.name, statement: st.name, protocol: protocol}
				l, err := w.connect(ctx, p, protocol)
				if err != nil {
					return nil, err
				}
				lines[c], work[c] = l, st
				cells = append(cells, c)
				if err := l.turn(ctx, st, &cell{}, 100*time.Millisecond); err != nil {
					return nil, fmt.Errorf("%s, %s: %w", p.name, st.name, err)
				}
			}
		}
	}
	for round := range o.rounds {
		for at := 0; at < len(cells); at += len(w.peers) {
			for i := range w.peers {
				c := cells[at+(i+round)%len(w.peers)]
				if err := lines[c].turn(ctx, work[c], c, o.turn); err != nil {
					return nil, fmt.Errorf("%s, %s: %w", c.peer, c.statement, err)
				}
			}
		}
		if err := w.tidy(ctx); err != nil {
			return nil, err
		}
	}
	return cells, nil
}

// tidy takes away the rows that updates left.
func (w *world) tidy(ctx context.Context) error {
	for _, database := range []string{plain, told, guarded} {
		if err := w.on(ctx, database, exec(ctx, "vacuum orders")); err != nil {
			return err
		}
	}
	return nil
}

// turn sends the statement for a while, one after the other.
func (l *line) turn(ctx context.Context, st statement, c *cell, takes time.Duration) error {
	text := st.text
	if st.rows > 1 {
		text = fmt.Sprintf(text, user)
	}
	gate, server, err := l.used()
	if err != nil {
		return err
	}
	var took []float64
	for end, n := time.Now().Add(takes), 0; time.Now().Before(end); n++ {
		began := time.Now()
		rows, err := l.once(ctx, text, st.argument(n))
		took = append(took, float64(time.Since(began))/1e3)
		if err == nil && rows != st.rows {
			err = fmt.Errorf("%d rows, want %d", rows, st.rows)
		}
		if err != nil {
			return err
		}
	}
	gateThen, serverThen, err := l.used()
	if err != nil {
		return err
	}
	sum, n := 0.0, float64(len(took))
	for _, t := range took {
		sum += t
	}
	slices.Sort(took)
	c.p50, c.mean = append(c.p50, took[len(took)/2]), append(c.mean, sum/n)
	c.gate, c.server = append(c.gate, float64(gateThen-gate)/1e3/n), append(c.server, float64(serverThen-server)/1e3/n)
	return nil
}

func (l *line) once(ctx context.Context, text string, argument int) (int64, error) {
	if l.Config().DefaultQueryExecMode == pgx.QueryExecModeSimpleProtocol {
		results, err := l.PgConn().Exec(ctx, text+strconv.Itoa(argument)).ReadAll()
		if err != nil {
			return 0, err
		}
		if len(results) != 1 {
			return 0, fmt.Errorf("%d results of one statement", len(results))
		}
		return results[0].CommandTag.RowsAffected(), nil
	}
	rows, err := l.Query(ctx, text+"$1", argument)
	if err != nil {
		return 0, err
	}
	for rows.Next() {
	}
	return rows.CommandTag().RowsAffected(), rows.Err()
}

// used is the CPU time of the gate and of the database's process.
func (l *line) used() (gate, server time.Duration, err error) {
	if server, err = measure.RunTime(l.pid); err != nil || l.peer.process == nil {
		return 0, server, err
	}
	gate, err = measure.RunTime(l.peer.process.PID())
	return gate, server, err
}
