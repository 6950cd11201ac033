package ownership

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // "pgx"
	_ "modernc.org/sqlite"             // "sqlite"
)

// A shelf is the backend's database: SQLite, or PostgreSQL.
type shelf struct{ db *sql.DB }

func openShelf(t testing.TB, driver, dsn string) shelf {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return shelf{db}
}

func sqliteShelf(t testing.TB) shelf {
	t.Helper()
	s := openShelf(t, "sqlite", "file:"+filepath.Join(t.TempDir(), "shop.db")+"?_pragma=journal_mode(wal)&_pragma=synchronous(off)&_pragma=busy_timeout(5000)")
	s.db.SetMaxOpenConns(1)
	return s
}

// define makes the tables.
func (s shelf) define(t testing.TB) {
	t.Helper()
	s.exec(t, "CREATE TABLE users (id BIGINT PRIMARY KEY, name TEXT, tenant TEXT, role TEXT, secret TEXT)")
	for _, k := range kinds {
		s.exec(t, "CREATE TABLE "+k+" (id TEXT PRIMARY KEY, user_id BIGINT, tenant TEXT, secret TEXT, status TEXT, shared TEXT)")
	}
}

func (s shelf) exec(t testing.TB, query string, args ...any) {
	t.Helper()
	if _, err := s.db.ExecContext(context.WithoutCancel(t.Context()), query, args...); err != nil {
		t.Fatalf("%v: %s", err, query)
	}
}

// fill puts a world into the tables, and nothing else.
func (s shelf) fill(t testing.TB, w *world) {
	t.Helper()
	tx, err := s.db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }() // after Commit it does nothing
	do := func(query string, args ...any) {
		if _, err := tx.ExecContext(t.Context(), query, args...); err != nil {
			t.Fatalf("%v: %s", err, query)
		}
	}
	do("DELETE FROM users")
	for _, k := range kinds {
		do("DELETE FROM " + k)
	}
	for _, u := range w.people {
		do("INSERT INTO users VALUES ($1, $2, $3, $4, $5)", u.ID, u.Name, u.Tenant, u.Role, u.Secret)
	}
	for _, x := range w.things {
		do("INSERT INTO "+x.Kind+" VALUES ($1, $2, $3, $4, $5, $6)", x.ID, x.Owner, x.Tenant, x.Secret, x.Status, sharedText(x.Shared))
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

func sharedText(ids []int64) string {
	if ids == nil {
		ids = []int64{}
	}
	text, _ := json.Marshal(ids) // of numbers it never fails
	return string(text)
}

const columns = "id, user_id, tenant, secret, status, shared"

func scan(kind string, row interface{ Scan(...any) error }) (*thing, error) {
	t := &thing{Kind: kind}
	var shared string
	if err := row.Scan(&t.ID, &t.Owner, &t.Tenant, &t.Secret, &t.Status, &shared); err != nil {
		return nil, err
	}
	return t, json.Unmarshal([]byte(shared), &t.Shared)
}

// find is a thing; nil where it does not exist.
func (s shelf) find(ctx context.Context, kind, id string) (*thing, error) {
	t, err := scan(kind, s.db.QueryRowContext(ctx, "SELECT "+columns+" FROM "+kind+" WHERE id = $1", id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return t, err
}

// all are the things of a kind; of one owner, where that is not zero.
func (s shelf) all(ctx context.Context, kind string, owner int64) (list []*thing, err error) {
	query, args := "SELECT "+columns+" FROM "+kind+" ORDER BY id", []any(nil)
	if owner != 0 {
		query, args = "SELECT "+columns+" FROM "+kind+" WHERE user_id = $1 ORDER BY id", []any{owner}
	}
	rows, err := s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		t, err := scan(kind, rows)
		if err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	return list, rows.Err()
}

// snapshot is every row as a text, by kind and identifier.
func (s shelf) snapshot(t testing.TB) map[string]string {
	t.Helper()
	var query strings.Builder
	for i, k := range kinds {
		if i > 0 {
			query.WriteString(" UNION ALL ")
		}
		fmt.Fprintf(&query, "SELECT '%s', %s FROM %s", k, columns, k)
	}
	rows, err := s.db.QueryContext(t.Context(), query.String())
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	found := map[string]string{}
	for rows.Next() {
		var kind, id, tenant, secret, status, shared string
		var owner int64
		if err := rows.Scan(&kind, &id, &owner, &tenant, &secret, &status, &shared); err != nil {
			t.Fatal(err)
		}
		found[kind+" "+id] = fmt.Sprintf("%d|%s|%s|%s|%s", owner, tenant, secret, status, shared)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}

// changed are the rows that differ, those that are there no longer among them, and
// new ones.
func changed(before, after map[string]string) (keys []string) {
	for _, key := range slices.Sorted(maps.Keys(before)) {
		if after[key] != before[key] {
			keys = append(keys, key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(after)) {
		if _, was := before[key]; !was {
			keys = append(keys, key)
		}
	}
	return keys
}
