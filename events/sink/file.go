package sink

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
)

// file is the JSON lines file. One goroutine writes it.
type file struct {
	path    string
	maxSize int64
	keep    int
	logger  *slog.Logger

	f    *os.File
	size int64
	// rotateAt is the size that is not exceeded: maxSize, or more where
	// rotating failed.
	rotateAt int64
	// torn is set where the file may end in the middle of a line.
	torn bool

	dirty   bool
	syncing atomic.Bool
	syncs   sync.WaitGroup
}

func openFile(o Options) (*file, error) {
	f := &file{path: o.File, maxSize: o.MaxSize, keep: o.Files, logger: o.Logger}
	return f, f.open()
}

// open opens the file at its end, making it and its folder where missing.
func (f *file) open() error {
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return err
	}
	opened, err := os.OpenFile(f.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := opened.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", f.path)
	}
	if err == nil {
		err = opened.Chmod(0o600)
	}
	if err != nil {
		opened.Close()
		return err
	}
	f.f, f.size, f.torn, f.rotateAt = opened, info.Size(), endsTorn(opened, info.Size()), f.maxSize
	return nil
}

// endsTorn reports whether the last line has no end, as a loss of power
// leaves it.
func endsTorn(f *os.File, size int64) bool {
	if size == 0 {
		return false
	}
	var last [1]byte
	_, err := f.ReadAt(last[:], size-1)
	return err != nil || last[0] != '\n'
}

// write appends whole lines, or leaves the file as it was.
func (f *file) write(lines []byte) error {
	if err := f.ready(int64(len(lines))); err != nil {
		return err
	}
	if f.torn {
		lines = append([]byte{'\n'}, lines...)
	}
	n, err := f.f.Write(lines)
	f.dirty = f.dirty || n > 0
	if err == nil {
		f.size += int64(n)
		f.torn = false
		return nil
	}
	if n > 0 {
		// Half a line must not stand in the log: take back what was written,
		// or end it before the next.
		if f.f.Truncate(f.size) != nil {
			f.size += int64(n)
			f.torn = true
		}
	}
	return err
}

// ready has the file open, in its place, and not too large. A file that was
// deleted or renamed underneath is begun anew.
func (f *file) ready(more int64) error {
	if f.f != nil && !f.inPlace() {
		f.f.Close()
		f.f = nil
	}
	if f.f == nil {
		if err := f.open(); err != nil {
			return err
		}
	}
	if f.size == 0 || f.size+more <= f.rotateAt {
		return nil
	}
	err := f.rotate()
	if err != nil && f.f != nil {
		// A file that grows is better than events that are lost. It is tried
		// again an eighth later.
		f.rotateAt = f.size + more + f.maxSize/8
		f.logger.Error("the event log can't be rotated and grows on", "file", f.path, "error", err)
		return nil
	}
	return err
}

func (f *file) inPlace() bool {
	there, err := os.Lstat(f.path)
	if err != nil {
		return false
	}
	if there.Mode()&fs.ModeSymlink != 0 {
		if there, err = os.Stat(f.path); err != nil {
			return false
		}
	}
	mine, err := f.f.Stat()
	return err == nil && os.SameFile(there, mine)
}

// rotate renames the file to .1, what was .1 to .2 and so on, and begins anew.
// The oldest goes. Where it was interrupted, the next rotation fills the gap.
func (f *file) rotate() error {
	numbered := func(i int) string { return fmt.Sprintf("%s.%d", f.path, i) }
	if err := os.Remove(numbered(f.keep)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for i := f.keep - 1; i >= 1; i-- {
		if err := os.Rename(numbered(i), numbered(i+1)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := os.Rename(f.path, numbered(1)); err != nil {
		return err
	}
	syncErr := f.f.Sync()
	closeErr := f.f.Close()
	f.f, f.dirty = nil, false
	return errors.Join(syncErr, closeErr, f.open())
}

// syncSoon has the disk take what was written, beside the writer: on a slow
// disk that takes long.
func (f *file) syncSoon() {
	if !f.dirty || f.f == nil || !f.syncing.CompareAndSwap(false, true) {
		return
	}
	f.dirty = false
	opened := f.f
	f.syncs.Go(func() {
		defer f.syncing.Store(false)
		// A rotation in between has synced and closed it.
		_ = opened.Sync()
	})
}

func (f *file) close() error {
	f.syncs.Wait()
	if f.f == nil {
		return nil
	}
	syncErr := f.f.Sync()
	return errors.Join(syncErr, f.f.Close())
}
