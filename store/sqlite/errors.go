package sqlite

import (
	"context"
	"errors"
	"fmt"

	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/gatehousehq/gatehouse/store"
)

// failed wraps an error of the database with what was being done.
func (s *Store) failed(doing string, err error) error {
	switch {
	case errors.Is(err, store.ErrConflict), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case s.closed.Load():
		return store.ErrClosed
	}
	return fmt.Errorf("%s the store: %w", doing, s.explain(err))
}

// explain puts SQLite's result codes (sqlite.org/rescode.html) into words that
// say what to do.
func (s *Store) explain(err error) error {
	var e *driver.Error
	if !errors.As(err, &e) {
		return fmt.Errorf("%s: %w", s.path, err)
	}
	switch e.Code() & 0xff {
	case lib.SQLITE_NOTADB:
		return fmt.Errorf("%s: not a database; name another file, or move this one away", s.path)
	case lib.SQLITE_CORRUPT:
		return fmt.Errorf("%s: the database is damaged; restore it from a backup, or move it away to begin anew", s.path)
	case lib.SQLITE_FULL:
		return fmt.Errorf("%w: %s: no room on the disk; free some", store.ErrFull, s.path)
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		return fmt.Errorf("%s: another process kept it locked for %s; is a second gate running with this file?", s.path, busyTimeout)
	case lib.SQLITE_READONLY, lib.SQLITE_PERM, lib.SQLITE_CANTOPEN:
		return fmt.Errorf("%s: no permission to write the file, or files beside it; give its folder to the user that the gate runs as (%w)", s.path, err)
	case lib.SQLITE_INTERRUPT:
		return context.Canceled
	}
	return fmt.Errorf("%s: %w", s.path, err)
}
