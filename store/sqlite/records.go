package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"iter"
	"math"
	"time"

	"github.com/gatehousehq/gatehouse/store"
)

// statements are prepared once. The writing ones are nil where ReadOnly.
type statements struct {
	get, begins, current, put, remove, sweep *sql.Stmt
}

const columns = "key, version, value, index1, index2, expires"

func (st *statements) prepare(ctx context.Context, writer, readers *sql.DB) error {
	for _, p := range [...]struct {
		stmt **sql.Stmt
		db   *sql.DB
		text string
	}{
		{&st.get, readers, `SELECT ` + columns + ` FROM records WHERE kind=?1 AND key=?2 AND (expires IS NULL OR expires>?3)`},
		{&st.begins, readers, `SELECT ` + columns + ` FROM records WHERE kind=?1 AND (expires IS NULL OR expires>?2) AND key>=?3 AND key<?4 ORDER BY key LIMIT ?5`},
		{&st.current, writer, `SELECT version FROM records WHERE kind=?1 AND key=?2 AND (expires IS NULL OR expires>?3)`},
		// An expired record that is written again begins at version 1.
		{&st.put, writer, `INSERT INTO records (kind, key, version, value, index1, index2, expires)
			VALUES (?1, ?2, 1, ?3, ?4, ?5, ?6) ON CONFLICT (kind, key) DO UPDATE SET
			version=iif(expires IS NULL OR expires>?7, version+1, 1),
			value=excluded.value, index1=excluded.index1, index2=excluded.index2, expires=excluded.expires`},
		{&st.remove, writer, `DELETE FROM records WHERE kind=?1 AND key=?2`},
		{&st.sweep, writer, `DELETE FROM records WHERE (kind, key) IN
			(SELECT kind, key FROM records WHERE expires<=?1 LIMIT ?2)`},
	} {
		if p.db == nil {
			continue
		}
		var err error
		if *p.stmt, err = p.db.PrepareContext(ctx, p.text); err != nil {
			return err
		}
	}
	return nil
}

func (st *statements) close() error {
	var errs []error
	for _, stmt := range [...]*sql.Stmt{st.get, st.begins, st.current, st.put, st.remove, st.sweep} {
		if stmt != nil {
			errs = append(errs, stmt.Close())
		}
	}
	return errors.Join(errs...)
}

// Get returns the record, or store.ErrNotFound.
func (s *Store) Get(ctx context.Context, kind, key string) (store.Record, error) {
	if s.closed.Load() {
		return store.Record{}, store.ErrClosed
	}
	r, err := scanRecord(kind, s.stmt.get.QueryRowContext(ctx, kind, key, micro(s.now())))
	if errors.Is(err, sql.ErrNoRows) {
		return store.Record{}, store.ErrNotFound
	}
	if err != nil {
		return store.Record{}, s.failed("reading", err)
	}
	return r, nil
}

func scanRecord(kind string, row interface{ Scan(...any) error }) (store.Record, error) {
	r := store.Record{Kind: kind}
	var index1, index2 sql.NullString
	var expires sql.NullInt64
	if err := row.Scan(&r.Key, &r.Version, &r.Value, &index1, &index2, &expires); err != nil {
		return store.Record{}, err
	}
	r.Index1, r.Index2 = index1.String, index2.String
	if expires.Valid {
		r.Expires = time.UnixMicro(expires.Int64).UTC()
	}
	return r, nil
}

func micro(t time.Time) int64 { return t.UnixMicro() }

// Batch applies all ops or none, in one transaction.
func (s *Store) Batch(ctx context.Context, ops ...store.Op) error {
	for _, o := range ops {
		if err := o.Check(); err != nil {
			return err
		}
	}
	if s.closed.Load() {
		return store.ErrClosed
	}
	if s.readOnly {
		return store.ErrReadOnly
	}
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return s.failed("writing", err)
	}
	defer tx.Rollback()
	now := s.now()
	for _, o := range ops {
		if err := s.apply(ctx, tx, o, now); err != nil {
			return s.failed("writing", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return s.failed("writing", err)
	}
	return nil
}

func (s *Store) apply(ctx context.Context, tx *sql.Tx, o store.Op, now time.Time) error {
	if o.Conditional {
		var version uint64
		err := tx.StmtContext(ctx, s.stmt.current).QueryRowContext(ctx, o.Kind, o.Key, micro(now)).Scan(&version)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if version != o.Version {
			return store.ErrConflict
		}
	}
	if o.Delete {
		_, err := tx.StmtContext(ctx, s.stmt.remove).ExecContext(ctx, o.Kind, o.Key)
		return err
	}
	value := o.Value
	if value == nil {
		value = []byte{}
	}
	var expires any
	if !o.Expires.IsZero() {
		expires = micro(o.Expires)
	}
	_, err := tx.StmtContext(ctx, s.stmt.put).ExecContext(ctx, o.Kind, o.Key, value, null(o.Index1), null(o.Index2), expires, micro(now))
	return err
}

func null(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// heldScan is the most records that a scan reads at once and gives from
// memory, without holding a connection.
const heldScan = 256

// Scan gives the records that match, as of one moment. A scan whose Limit is
// zero or above 256 holds a connection and its snapshot while it is iterated.
func (s *Store) Scan(ctx context.Context, q store.Query) iter.Seq2[store.Record, error] {
	return func(yield func(store.Record, error) bool) {
		if s.closed.Load() {
			yield(store.Record{}, store.ErrClosed)
			return
		}
		if q.Limit > 0 && q.Limit <= heldScan {
			var held []store.Record
			rows, err := s.few(ctx, q)
			err = s.each(rows, err, q.Kind, func(r store.Record) bool {
				held = append(held, r)
				return true
			})
			for _, r := range held {
				if !yield(r, nil) {
					return
				}
			}
			if err != nil {
				yield(store.Record{}, err)
			}
			return
		}
		stopped := false
		text, args := s.selection(q)
		rows, err := s.scanners.QueryContext(ctx, text, args...)
		err = s.each(rows, err, q.Kind, func(r store.Record) bool {
			stopped = !yield(r, nil)
			return !stopped
		})
		if err != nil && !stopped {
			yield(store.Record{}, err)
		}
	}
}

// few asks for at most heldScan records. What begins with a prefix, and nothing
// else is said of it, is asked for so often (ownership's ledger: for each thing)
// that reading the SQL each time was most of what it took.
func (s *Store) few(ctx context.Context, q store.Query) (*sql.Rows, error) {
	if end := above(q.Prefix); end != "" && q == (store.Query{Kind: q.Kind, Prefix: q.Prefix, Limit: q.Limit}) {
		return s.stmt.begins.QueryContext(ctx, q.Kind, micro(s.now()), q.Prefix, end, q.Limit)
	}
	text, args := s.selection(q)
	return s.readers.QueryContext(ctx, text, args...)
}

func (s *Store) each(rows *sql.Rows, err error, kind string, give func(store.Record) bool) error {
	if err != nil {
		return s.failed("reading", err)
	}
	defer rows.Close()
	for rows.Next() {
		r, err := scanRecord(kind, rows)
		if err != nil {
			return s.failed("reading", err)
		}
		if !give(r) {
			return nil
		}
	}
	if err := rows.Err(); err != nil {
		return s.failed("reading", err)
	}
	return nil
}

// selection is the SQL of q: constant text alone, with every value bound.
func (s *Store) selection(q store.Query) (string, []any) {
	text := "SELECT " + columns + " FROM records WHERE kind=? AND (expires IS NULL OR expires>?)"
	args := []any{q.Kind, micro(s.now())}
	where := func(condition, value string) {
		if value != "" {
			text += " AND " + condition
			args = append(args, value)
		}
	}
	where("index1=?", q.Index1)
	where("index2=?", q.Index2)
	where("key>=?", q.Prefix)
	where("key<?", above(q.Prefix))
	if q.Reverse {
		where("key<?", q.After)
		text += " ORDER BY key DESC"
	} else {
		where("key>?", q.After)
		text += " ORDER BY key"
	}
	limit := q.Limit
	if limit <= 0 {
		limit = math.MaxInt32
	}
	return text + " LIMIT ?", append(args, limit)
}

// above is the lowest string over all that begin with prefix. SQLite compares
// text byte by byte, valid UTF-8 or not.
func above(prefix string) string {
	b := []byte(prefix)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] < 0xff {
			b[i]++
			return string(b[:i+1])
		}
	}
	return ""
}

// sweepStep is how many records one transaction of a sweep removes, so that
// it never keeps the one writer for long.
const sweepStep = 1000

// Sweep removes expired records and says how many.
func (s *Store) Sweep(ctx context.Context) (int, error) {
	if s.closed.Load() {
		return 0, store.ErrClosed
	}
	if s.readOnly {
		return 0, store.ErrReadOnly
	}
	total, now := 0, micro(s.now())
	for {
		res, err := s.stmt.sweep.ExecContext(ctx, now, sweepStep)
		if err != nil {
			return total, s.failed("removing expired records from", err)
		}
		n, err := res.RowsAffected()
		if err != nil {
			return total, s.failed("removing expired records from", err)
		}
		total += int(n)
		if n < sweepStep {
			return total, nil
		}
	}
}
