// Package sqlite is a store in one SQLite file: for one machine.
//
// A batch is one transaction, in the file when Batch returns: it survives the
// process's end however that comes. After a loss of power the file is sound,
// and the last moments' batches may be missing (WAL, synchronous=NORMAL).
// Another process may open the same file with ReadOnly meanwhile.
//
// The file is readable by its owner alone (0600). It trusts whoever can write
// to its folder, and does not encrypt.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/gatehousehq/gatehouse/store"
)

// Options say which file, and how it is opened.
type Options struct {
	// Path is the database's file. It is made, with its folder, where missing.
	Path string
	// ReadOnly opens an existing file for Get and Scan.
	ReadOnly bool
	// Now is the clock. Nil means time.Now.
	Now func() time.Time

	// maxPages stands in for a disk of that many pages, in tests.
	maxPages int
}

// A Store is a store.Store in one SQLite file.
type Store struct {
	path     string
	readOnly bool
	now      func() time.Time
	closed   atomic.Bool

	// writer is one connection; nil where ReadOnly. readers serve what ends
	// before the caller's code runs again, so that a few of them are enough
	// and nested scans can't wait for each other; an unbounded scan holds a
	// connection of scanners while the caller's code runs.
	writer, readers, scanners *sql.DB
	stmt                      statements
}

var _ store.Store = (*Store)(nil)

const (
	// applicationID marks our files ("Gate"), so that somebody else's database
	// is not written to.
	applicationID = 0x47617465
	schemaVersion = 1
	// busyTimeout is how long a statement waits for another process's lock.
	busyTimeout = 5 * time.Second
)

const schema = `
CREATE TABLE records (
  kind TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, value BLOB NOT NULL,
  index1 TEXT, index2 TEXT, expires INTEGER,
  PRIMARY KEY (kind, key)) WITHOUT ROWID;
CREATE INDEX records_index1 ON records (kind, index1, key) WHERE index1 IS NOT NULL;
CREATE INDEX records_index2 ON records (kind, index2, key) WHERE index2 IS NOT NULL;
CREATE INDEX records_expires ON records (expires) WHERE expires IS NOT NULL;`

// Open opens the file and brings it to the current schema. Its errors are one
// line that names the file: not a database, another program's database, made
// by a newer Gatehouse, no permission, disk full.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Path == "" {
		return nil, errors.New("sqlite: Path is missing")
	}
	s := &Store{path: o.Path, readOnly: o.ReadOnly, now: o.Now}
	if s.now == nil {
		s.now = time.Now
	}
	if err := s.prepareFile(); err != nil {
		return nil, fmt.Errorf("opening the store: %w", err)
	}
	if err := s.open(ctx, o.maxPages); err != nil {
		s.Close()
		return nil, fmt.Errorf("opening the store: %w", s.explain(err))
	}
	return s, nil
}

// prepareFile makes the file and its folder for the owner alone. SQLite gives
// the WAL and SHM files the mode of the database file.
func (s *Store) prepareFile() error {
	if s.readOnly {
		f, err := os.Open(s.path)
		if err != nil {
			return err
		}
		return f.Close()
	}
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(s.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Chmod(0o600); err != nil {
		return err
	}
	return writableFolder(filepath.Dir(s.path))
}

// writableFolder reports the folder that SQLite could not put its WAL into;
// SQLite itself would say "unable to open database file".
func writableFolder(dir string) error {
	f, err := os.CreateTemp(dir, ".writable-*")
	if err != nil {
		return fmt.Errorf("the folder must be writable, for the database's log beside it: %w", err)
	}
	f.Close()
	return os.Remove(f.Name())
}

func (s *Store) open(ctx context.Context, maxPages int) error {
	if !s.readOnly {
		s.writer = s.connect("rw", "txlock", "immediate", "_pragma", "journal_mode(wal)", "_pragma", "synchronous(normal)",
			"_pragma", "wal_autocheckpoint(1000)", "_pragma", "journal_size_limit(67108864)")
		s.writer.SetMaxOpenConns(1)
		if err := s.migrate(ctx, maxPages); err != nil {
			return err
		}
	}
	s.readers, s.scanners = s.connect("ro"), s.connect("ro")
	s.readers.SetMaxOpenConns(4)
	s.readers.SetMaxIdleConns(4)
	s.scanners.SetMaxIdleConns(1)
	if s.readOnly {
		if err := s.checkSchema(ctx, s.readers); err != nil {
			return err
		}
	}
	return s.stmt.prepare(ctx, s.writer, s.readers)
}

// connect makes a pool. It opens nothing yet.
func (s *Store) connect(mode string, pairs ...string) *sql.DB {
	q := url.Values{"mode": {mode}, "_pragma": {fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()), "trusted_schema(0)"}}
	for i := 0; i < len(pairs); i += 2 {
		name := pairs[i]
		if name == "txlock" {
			name = "_txlock"
		}
		q.Add(name, pairs[i+1])
	}
	u := url.URL{Scheme: "file", OmitHost: true, Path: absolute(s.path), RawQuery: q.Encode()}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		// The driver is imported above; Open does nothing else.
		panic(err)
	}
	db.SetConnMaxIdleTime(0)
	return db
}

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// migrate makes the schema in an empty file.
func (s *Store) migrate(ctx context.Context, maxPages int) error {
	if maxPages > 0 {
		if _, err := s.writer.ExecContext(ctx, fmt.Sprintf("PRAGMA max_page_count=%d", maxPages)); err != nil {
			return err
		}
	}
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	err = s.checkSchema(ctx, tx)
	if !errors.Is(err, errEmpty) {
		return err
	}
	ddl := fmt.Sprintf("%s PRAGMA application_id=%d; PRAGMA user_version=%d;", schema, applicationID, schemaVersion)
	if _, err := tx.ExecContext(ctx, ddl); err != nil {
		return err
	}
	return tx.Commit()
}

var errEmpty = errors.New("it is empty: the gate has not run with it yet")

type queryer interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// checkSchema returns nil for a file of ours, errEmpty for a new one.
func (s *Store) checkSchema(ctx context.Context, db queryer) error {
	var id, version, tables int
	err := db.QueryRowContext(ctx, `SELECT (SELECT application_id FROM pragma_application_id),
		(SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)`).Scan(&id, &version, &tables)
	switch {
	case err != nil:
		return err
	case tables == 0 && version == 0:
		return errEmpty
	case id != applicationID:
		return errors.New("it is the database of another program; name another file")
	case version > schemaVersion:
		return fmt.Errorf("it was made by a newer Gatehouse (schema %d, this one knows %d); run that version, or name another file", version, schemaVersion)
	case version < 1:
		return fmt.Errorf("its schema version is %d, which no Gatehouse made; restore it from a backup or name another file", version)
	}
	return nil
}

// Close ends what runs and closes the file. A second Close does nothing.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	errs := []error{s.stmt.close()}
	for _, db := range [...]*sql.DB{s.readers, s.scanners, s.writer} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("closing the store %s: %w", s.path, err)
	}
	return nil
}
