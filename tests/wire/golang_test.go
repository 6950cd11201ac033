package wire

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/lib/pq"
)

// A transcript is what a client written here prints of its job.
type transcript struct{ strings.Builder }

func (o *transcript) say(what string, values ...any) {
	fmt.Fprintf(o, "%s: ", what)
	for _, v := range values {
		if err, ok := v.(error); ok {
			v = errorText(err)
		}
		fmt.Fprintf(o, "%v ", v)
	}
	o.WriteString("\n")
}

// errorText is what the server says of an error, every field of it.
func errorText(err error) string {
	var x *pgconn.PgError
	var q *pq.Error
	switch {
	case errors.As(err, &x):
		return fmt.Sprintf("%+v", *x)
	case errors.As(err, &q):
		return fmt.Sprintf("%s %s %s %s %s %s", q.Severity, q.Code, q.Message, q.Detail, q.Hint, q.Position)
	}
	return err.Error()
}

func TestPgx_WholeJob_LooksTheSameThroughTheGate(t *testing.T) {
	modes := []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeSimpleProtocol}
	if long {
		modes = append(modes, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeExec)
	}
	for _, mode := range modes {
		t.Run(mode.String(), func(t *testing.T) {
			twice(t, func(t *testing.T, to target) string {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				config, err := pgxpool.ParseConfig(to.dsn())
				if err != nil {
					t.Fatal(err)
				}
				config.MaxConns = 4
				config.ConnConfig.DefaultQueryExecMode = mode
				pool, err := pgxpool.NewWithConfig(ctx, config)
				if err != nil {
					t.Fatal(err)
				}
				defer pool.Close()
				o := new(transcript)
				pgxStatements(ctx, o, pool)
				pgxBatch(ctx, o, pool)
				pgxCopy(ctx, t, o, pool)
				pgxCancel(o, pool)
				pgxMany(ctx, o, pool)
				return o.String()
			})
		})
	}
}

func pgxStatements(ctx context.Context, o *transcript, pool *pgxpool.Pool) {
	var n int
	var name string
	for i := range 3 { // the first prepares, the others use it
		err := pool.QueryRow(ctx, "select id, name from people where id = $1 and name <> $2", i+1, "nobody").Scan(&n, &name)
		o.say("a row", n, name, err)
	}
	o.say("no row", pool.QueryRow(ctx, "select 1 from people where id = $1", -1).Scan(&n))
	_, err := pool.Exec(ctx, "insert into people (id, name) values ($1, $2)", 1, "twice")
	o.say("a key twice", err)
	_, err = pool.Exec(ctx, "select broken()")
	o.say("broken", err)
	tag, err := pool.Exec(ctx, "update people set note = $1 where id <= $2", "by 'pgx' -- ;", 10)
	o.say("updated", tag, err)
	for _, end := range []error{nil, errors.New("undo")} {
		err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "insert into copied (id) values ($1)", 1); err != nil {
				return err
			}
			_ = pgx.BeginFunc(ctx, tx, func(inner pgx.Tx) error { // a savepoint that fails
				_, err := inner.Exec(ctx, "selec")
				o.say("in a savepoint", err)
				return err
			})
			return end
		})
		o.say("transaction", err)
	}
	rows, _ := pool.Query(ctx, "select id from copied union all select i from generate_series(1, $1::int) i", 5)
	all, err := pgx.CollectRows(rows, pgx.RowTo[int])
	o.say("rows", all, err)
	var tags []string
	var at time.Time
	o.say("types", pool.QueryRow(ctx, "select tags, '2024-02-03 04:05:06+00'::timestamptz from moods where id = $1", 1).Scan(&tags, &at), tags, at.UTC())
}

func pgxBatch(ctx context.Context, o *transcript, pool *pgxpool.Pool) {
	for _, third := range []int{1, 0} {
		b := new(pgx.Batch)
		b.Queue("insert into copied (id) values ($1)", 100)
		b.Queue("select count(*) from copied where id >= $1", 100)
		b.Queue("select 1/$1::int", third)
		b.Queue("insert into copied (id) values ($1)", 101)
		results := pool.SendBatch(ctx, b)
		for range b.Len() {
			rows, err := results.Query()
			n, collectErr := pgx.CollectRows(rows, pgx.RowTo[int])
			o.say("in a batch", n, err, collectErr)
		}
		o.say("batch", results.Close())
	}
	var n int
	o.say("after it", pool.QueryRow(ctx, "select count(*) from copied where id >= 100").Scan(&n), n)
}

func pgxCopy(ctx context.Context, t *testing.T, o *transcript, pool *pgxpool.Pool) {
	n, err := pool.CopyFrom(ctx, pgx.Identifier{"copied"}, []string{"id", "text", "bytes"}, pgx.CopyFromSlice(1000, func(i int) ([]any, error) {
		return []any{1000 + i, "line\n'" + fmt.Sprint(i), []byte{0, byte(i), '\\'}}, nil
	}))
	o.say("copied in", n, err)
	_, err = pool.CopyFrom(ctx, pgx.Identifier{"people"}, []string{"id", "name"}, pgx.CopyFromRows([][]any{{5000, "new"}, {1, "twice"}}))
	o.say("copied in, failing", err)
	c, err := pool.Acquire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	var out strings.Builder
	tag, err := c.Conn().PgConn().CopyTo(ctx, &out, "copy (select * from copied order by id, text) to stdout")
	o.say("copied out", tag, err, out.Len())
	tx, err := c.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	objects := tx.LargeObjects()
	id, err := objects.Create(ctx, 999)
	o.say("large object", id, err)
	object, err := objects.Open(ctx, id, pgx.LargeObjectModeRead|pgx.LargeObjectModeWrite)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.WriteString(object, strings.Repeat("large ", 10_000))
	_, seekErr := object.Seek(6, io.SeekStart)
	text, readErr := io.ReadAll(object)
	o.say("large object", err, seekErr, readErr, len(text), tx.Rollback(ctx))
}

// pgxCancel has a context end while a statement runs.
func pgxCancel(o *transcript, pool *pgxpool.Pool) {
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_, err := pool.Exec(ctx, "select pg_sleep(20)")
	o.say("timed out", errors.Is(err, context.DeadlineExceeded))
	var n int
	o.say("and on", pool.QueryRow(context.Background(), "select 42").Scan(&n), n)
}

func pgxMany(ctx context.Context, o *transcript, pool *pgxpool.Pool) {
	var all sync.WaitGroup
	failed := make(chan error, 16)
	for worker := range cap(failed) {
		all.Go(func() {
			for i := range 20 {
				var a, b int
				if err := pool.QueryRow(ctx, "select $1::int, count(*) from people where id > $2", worker*100+i, i).Scan(&a, &b); err != nil || a != worker*100+i || b != 100-i {
					failed <- fmt.Errorf("worker %d asked for %d and got %d and %d: %v", worker, i, a, b, err)
					return
				}
			}
		})
	}
	all.Wait()
	close(failed)
	for err := range failed {
		o.say("a worker failed", err)
	}
}

func TestPgx_ListensForNotifications_HearsThem(t *testing.T) {
	twice(t, func(t *testing.T, to target) string {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		hears, err := pgx.Connect(ctx, to.dsn())
		if err != nil {
			t.Fatal(err)
		}
		defer hears.Close(ctx)
		o := new(transcript)
		_, err = hears.Exec(ctx, "listen news")
		o.say("listen", err)
		ended := make(chan error, 1)
		go func() {
			tells, err := pgx.Connect(ctx, to.dsn())
			for i := 0; i < 5 && err == nil; i++ {
				_, err = tells.Exec(ctx, "select pg_notify('news', $1)", fmt.Sprint("number ", i))
			}
			if err == nil {
				err = tells.Close(ctx)
			}
			ended <- err
		}()
		for range 5 {
			n, err := hears.WaitForNotification(ctx)
			if err != nil {
				t.Error(err)
				break
			}
			o.say("heard", n.Channel, n.Payload, n.PID != hears.PgConn().PID())
		}
		o.say("told", <-ended)
		return o.String()
	})
}

func TestLibPQOfGo_WholeJob_LooksTheSameThroughTheGate(t *testing.T) {
	for _, options := range []string{"binary_parameters=no", "binary_parameters=yes"} {
		t.Run(options, func(t *testing.T) {
			twice(t, func(t *testing.T, to target) string {
				db, err := sql.Open("postgres", to.dsn(options))
				if err != nil {
					t.Fatal(err)
				}
				defer db.Close()
				o := new(transcript)
				libPQStatements(o, db)
				libPQCopy(t, o, db)
				ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
				defer cancel()
				_, err = db.ExecContext(ctx, "select pg_sleep(20)")
				o.say("timed out", err != nil && ctx.Err() != nil)
				libPQListen(t, o, to, db)
				return o.String()
			})
		})
	}
}

func libPQStatements(o *transcript, db *sql.DB) {
	var n int
	var name string
	for i := range 3 {
		o.say("a row", db.QueryRow("select id, name from people where id = $1", i+1).Scan(&n, &name), n, name)
	}
	_, err := db.Exec("select 1; select 2; selec")
	o.say("several", err)
	_, err = db.Exec("insert into people (id, name) values ($1, $2)", 1, "twice")
	o.say("a key twice", err)
	tx, err := db.Begin()
	o.say("begin", err)
	statement, err := tx.Prepare("insert into copied (id, text) values ($1, $2) returning id")
	o.say("prepare", err)
	for i := range 3 {
		o.say("prepared", statement.QueryRow(i, "it's").Scan(&n), n)
	}
	_, err = tx.Exec("selec")
	o.say("failing", err)
	_, err = tx.Exec("select 1")
	o.say("after it", err, tx.Rollback())
	var tags []string
	o.say("array", db.QueryRow("select tags from moods where tags @> $1", pq.Array([]string{"a"})).Scan(pq.Array(&tags)), tags)
}

func libPQCopy(t *testing.T, o *transcript, db *sql.DB) {
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	statement, err := tx.Prepare(`COPY copied (id, text) FROM STDIN`)
	o.say("COPY", err)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 500 {
		if _, err := statement.Exec(i, "tab\t and \\ and 'quotes'"); err != nil {
			t.Fatal(err)
		}
	}
	_, err = statement.Exec()
	var n int
	o.say("copied", err, statement.Close(), tx.QueryRow("select count(*) from copied").Scan(&n), n, tx.Commit())
}

func libPQListen(t *testing.T, o *transcript, to target, db *sql.DB) {
	l := pq.NewListener(to.dsn(), 100*time.Millisecond, time.Second, nil)
	defer l.Close()
	if err := l.Listen("news"); err != nil {
		t.Fatal(err)
	}
	_, err := db.Exec("select pg_notify('news', $1)", "hello")
	o.say("notify", err)
	select {
	case n := <-l.Notify:
		o.say("heard", n.Channel, n.Extra)
	case <-time.After(answerWithin):
		t.Error("no notification came")
	}
	o.say("ping", l.Ping())
}
