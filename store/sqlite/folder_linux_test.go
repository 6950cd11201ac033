package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gatehousehq/gatehouse/store"
)

// folder is a folder that others can reach, too.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{filepath.Dir(dir), dir} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// asNobody has this thread touch files as a user without rights, which root
// needs to see a read-only folder at all.
func asNobody(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		return
	}
	runtime.LockOSThread()
	if err := unix.Setfsuid(65534); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Setfsuid(0); err != nil {
			t.Fatal(err)
		}
		runtime.UnlockOSThread()
	})
}

func TestOpen_ReadOnlyFolder_IsSaid(t *testing.T) {
	dir := folder(t)
	path := filepath.Join(dir, "gate.db")
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(dir, 0o755) })
	asNobody(t)
	_, err := Open(t.Context(), Options{Path: path})
	oneLine(t, err, path, "permission denied")
}

func TestOpen_FileInReadOnlyFolder_IsSaid(t *testing.T) {
	dir := folder(t)
	path := filepath.Join(dir, "gate.db")
	open(t, Options{Path: path}).Close()
	if os.Getuid() == 0 {
		if err := os.Chown(path, 65534, -1); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(dir, 0o755) })
	asNobody(t)
	_, err := Open(t.Context(), Options{Path: path})
	oneLine(t, err, dir, "the folder must be writable")
}

func TestBatch_RealDiskFull_FailsAndRecovers(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skip("needs to mount a small disk:", err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	path := filepath.Join(dir, "gate.db")
	s := open(t, Options{Path: path})
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 512<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	n := 0
	for ; err == nil && n < 1000; n++ {
		err = store.Put(t.Context(), s, record(fmt.Sprintf("%04d", n), 4000))
	}
	if !errors.Is(err, store.ErrFull) {
		t.Fatalf("after %d records: %v; want ErrFull", n, err)
	}
	oneLine(t, err, path, "no room on the disk")
	if _, err := s.Get(t.Context(), "k", "0000"); err != nil {
		t.Errorf("reading on a full disk: %v", err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if err := store.Put(t.Context(), s, record("after", 4000)); err != nil {
		t.Errorf("after room was made: %v", err)
	}
	for i := range n - 1 {
		if _, err := s.Get(t.Context(), "k", fmt.Sprintf("%04d", i)); err != nil {
			t.Fatalf("record %d of %d is gone: %v", i, n, err)
		}
	}
}
