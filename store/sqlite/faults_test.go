package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/store"
)

func open(t *testing.T, o Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func record(key string, size int) store.Record {
	return store.Record{Kind: "k", Key: key, Value: make([]byte, size)}
}

// oneLine holds an error to what a person needs: one line, which file, and
// these words.
func oneLine(t *testing.T, err error, path string, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, w := range append(words, path) {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not say %q", err, w)
		}
	}
	if strings.Contains(err.Error(), "\n") || len(err.Error()) > 300 {
		t.Errorf("error is not one line: %q", err)
	}
}

func TestOpen_FilesAreTheOwnersAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	path := filepath.Join(dir, "gate.db")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	s := open(t, Options{Path: path})
	if err := store.Put(t.Context(), s, record("a", 10)); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v; want 0600", filepath.Base(path+suffix), info.Mode().Perm())
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, ".writable-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

func TestOpen_AwkwardPaths(t *testing.T) {
	for _, name := range []string{"with space.db", "per%20cent?.db", "hash#1&mode=memory.db", "ünï.db"} {
		path := filepath.Join(t.TempDir(), name)
		s := open(t, Options{Path: path})
		if err := store.Put(t.Context(), s, record("a", 1)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			t.Errorf("%s: the records are not in that file: %v", name, err)
		}
	}
}

func TestOpen_RelativePath(t *testing.T) {
	t.Chdir(t.TempDir())
	open(t, Options{Path: "gate.db"})
	if _, err := os.Stat("gate.db"); err != nil {
		t.Error(err)
	}
}

func TestOpen_Again_HasTheRecords(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gate.db")
	s := open(t, Options{Path: path})
	if err := store.Put(t.Context(), s, record("a", 10)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if r, err := open(t, Options{Path: path}).Get(t.Context(), "k", "a"); err != nil || r.Version != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestReadOnly_BesideARunningGate_SeesWhatIsCommitted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gate.db")
	writer := open(t, Options{Path: path})
	reader := open(t, Options{Path: path, ReadOnly: true})
	for i := range 3 {
		if err := store.Put(t.Context(), writer, record(fmt.Sprint(i), 1)); err != nil {
			t.Fatal(err)
		}
		if _, err := reader.Get(t.Context(), "k", fmt.Sprint(i)); err != nil {
			t.Errorf("record %d: %v", i, err)
		}
	}
	if err := store.Put(t.Context(), reader, record("x", 1)); !errors.Is(err, store.ErrReadOnly) {
		t.Errorf("writing: %v", err)
	}
	if _, err := reader.Sweep(t.Context()); !errors.Is(err, store.ErrReadOnly) {
		t.Errorf("sweeping: %v", err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	after := open(t, Options{Path: path, ReadOnly: true})
	if _, err := after.Get(t.Context(), "k", "2"); err != nil {
		t.Errorf("after the gate ended: %v", err)
	}
}

func TestOpen_TwoWriters_TakeTurns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gate.db")
	var wg sync.WaitGroup
	for w := range 2 {
		s := open(t, Options{Path: path})
		wg.Go(func() {
			for i := range 50 {
				if err := store.Put(t.Context(), s, record(fmt.Sprintf("%d-%d", w, i), 10)); err != nil {
					t.Errorf("writer %d: %v", w, err)
					return
				}
			}
		})
	}
	wg.Wait()
	n := 0
	for _, err := range open(t, Options{Path: path, ReadOnly: true}).Scan(t.Context(), store.Query{Kind: "k"}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 100 {
		t.Errorf("%d records; want 100", n)
	}
}

func TestOpen_BadFile_SaysWhatAndWhatToDo(t *testing.T) {
	dir := t.TempDir()
	foreign := func(name, ddl string) string {
		path := filepath.Join(dir, name)
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Exec(ddl); err != nil {
			t.Fatal(err)
		}
		return path
	}
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("this is not a database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	newer := foreign("newer", fmt.Sprintf("CREATE TABLE records (x); PRAGMA application_id=%d; PRAGMA user_version=99", applicationID))
	other := foreign("other", "CREATE TABLE customers (x); PRAGMA user_version=3")
	for _, c := range []struct {
		o     Options
		words []string
	}{
		{Options{Path: text}, []string{"not a database", "name another file"}},
		{Options{Path: text, ReadOnly: true}, []string{"not a database"}},
		{Options{Path: newer}, []string{"newer Gatehouse", "99"}},
		{Options{Path: newer, ReadOnly: true}, []string{"newer Gatehouse"}},
		{Options{Path: other}, []string{"another program"}},
		{Options{Path: other, ReadOnly: true}, []string{"another program"}},
		{Options{Path: empty, ReadOnly: true}, []string{"the gate has not run"}},
		{Options{Path: filepath.Join(dir, "missing"), ReadOnly: true}, []string{"no such file"}},
		{Options{Path: dir}, []string{"is a directory"}},
		{Options{Path: filepath.Join(text, "below")}, []string{"not a directory"}},
	} {
		s, err := Open(t.Context(), c.o)
		if err == nil {
			s.Close()
		}
		// A path below a file is named by the part that is wrong.
		oneLine(t, err, strings.TrimSuffix(c.o.Path, "/below"), c.words...)
	}
	if _, err := Open(t.Context(), Options{}); err == nil || !strings.Contains(err.Error(), "Path") {
		t.Errorf("without a path: %v", err)
	}
	if data, err := os.ReadFile(text); err != nil || !strings.HasPrefix(string(data), "this is not") {
		t.Errorf("the file that is no database was changed: %v", err)
	}
}

func TestOpen_Damaged_IsSaid(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gate.db")
	s := open(t, Options{Path: path})
	for i := range 200 {
		if err := store.Put(t.Context(), s, record(fmt.Sprintf("%03d", i), 1000)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 4096; i < len(data); i++ {
		data[i] = 0xa5
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	damaged, err := Open(t.Context(), Options{Path: path})
	if err == nil {
		defer damaged.Close()
		_, err = damaged.Get(t.Context(), "k", "100")
	}
	oneLine(t, err, path, "damaged", "backup")
}

func TestBatch_DiskFull_ChangesNothingAndRecovers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gate.db")
	s := open(t, Options{Path: path, maxPages: 40})
	ctx := t.Context()
	var err error
	n := 0
	for ; err == nil && n < 100; n++ {
		err = s.Batch(ctx, store.Op{Record: record(fmt.Sprintf("a%03d", n), 4000)}, store.Op{Record: record(fmt.Sprintf("b%03d", n), 4000)})
	}
	if !errors.Is(err, store.ErrFull) {
		t.Fatalf("after %d batches: %v; want ErrFull", n, err)
	}
	oneLine(t, err, path, "no room on the disk", "free some")
	last := fmt.Sprintf("%03d", n-1)
	for _, key := range []string{"a" + last, "b" + last} {
		if _, err := s.Get(ctx, "k", key); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s of the failed batch: %v", key, err)
		}
	}
	if _, err := s.Get(ctx, "k", "a000"); err != nil {
		t.Errorf("reading while full: %v", err)
	}
	for i := range 5 {
		if err := store.Delete(ctx, s, "k", fmt.Sprintf("a%03d", i)); err != nil {
			t.Fatalf("deleting while full: %v", err)
		}
	}
	if err := store.Put(ctx, s, record("after", 4000)); err != nil {
		t.Errorf("after room was made: %v", err)
	}
}

func TestOpen_DiskFull_IsSaid(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gate.db")
	_, err := Open(t.Context(), Options{Path: path, maxPages: 2})
	oneLine(t, err, path, "no room on the disk")
}

func TestBatch_LockedByAnother_GivesUpWithTheCaller(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gate.db")
	s := open(t, Options{Path: path})
	other, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	other.SetMaxOpenConns(1)
	if _, err := other.Exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context(), "k", "a"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("reading while another writes: %v", err)
	}
	err = store.Put(t.Context(), s, record("a", 1))
	oneLine(t, err, path, "locked", "second gate")
	if _, err := other.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := store.Put(t.Context(), s, record("a", 1)); err != nil {
		t.Errorf("after the lock is gone: %v", err)
	}
}

func TestScan_ByIndexAndTime_UseAnIndex(t *testing.T) {
	s := open(t, Options{Path: filepath.Join(t.TempDir(), "gate.db")})
	for _, q := range []store.Query{
		{Kind: "k"}, {Kind: "k", Prefix: "a", After: "ab", Reverse: true, Limit: 3}, {Kind: "k", Index1: "x"}, {Kind: "k", Index2: "y", Reverse: true},
	} {
		text, args := s.selection(q)
		rows, err := s.readers.QueryContext(context.Background(), "EXPLAIN QUERY PLAN "+text, args...)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var id, parent, unused int
			var detail string
			if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(detail, "SEARCH") {
				t.Errorf("%+v: %s", q, detail)
			}
		}
		if err := rows.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func BenchmarkBatch_OneRecord(b *testing.B) {
	s, err := Open(b.Context(), Options{Path: filepath.Join(b.TempDir(), "gate.db"), Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for i := 0; b.Loop(); i++ {
		if err := store.Put(b.Context(), s, record(fmt.Sprintf("%08d", i), 600)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGet(b *testing.B) {
	s, err := Open(b.Context(), Options{Path: filepath.Join(b.TempDir(), "gate.db")})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	if err := store.Put(b.Context(), s, record("a", 600)); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.Get(b.Context(), "k", "a"); err != nil {
			b.Fatal(err)
		}
	}
}
