package sink

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gatehousehq/gatehouse/store/sqlite"
)

func TestFile_DiskFull_FailsAndRecoversWithoutHalfLines(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=128k"); err != nil {
		t.Skip("needs to mount a small disk:", err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	path, ballast := filepath.Join(dir, "events.jsonl"), filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 64<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	s := memoryStore(t)
	l := open(t, Options{File: path, Store: s, FloodLimit: 1 << 30})
	kept := 0
	var err error
	for err == nil && kept < 1000 {
		if err = l.Record(t.Context(), refusal("192.0.2.1", fmt.Sprint(kept), "x")); err == nil {
			kept++
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("after %d events: %v; want ENOSPC", kept, err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	put(t, l, refusal("192.0.2.1", "after", "x"))
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	list := fileLines(t, path) // fails on half a line
	if len(list) < kept+2 || list[kept-1].Request != fmt.Sprint(kept-1) {
		t.Errorf("%d lines; want the %d that were kept, and what came after", len(list), kept)
	}
	rest := list[kept:]
	if got := names(rest); !strings.HasSuffix(got, "malicious_csrf sys_monitor_enabled") {
		t.Errorf("after the full disk came %s", got)
	}
	if lost := rest[len(rest)-1].Detail["lost"]; lost == "" || lost == "0" {
		t.Errorf("lost %q", lost)
	}
	if waitFor(t, s, "sys_monitor_disabled").Detail["error"] == "" {
		t.Error("the store does not say why the file is disabled")
	}
}

// readOnlyFolder makes dir one that this thread can't write to, root or not.
// The log's own goroutine is not this thread: as root it still can.
func readOnlyFolder(t *testing.T, dir string) {
	t.Helper()
	for d, mode := range map[string]os.FileMode{filepath.Dir(dir): 0o755, dir: 0o555} {
		if err := os.Chmod(d, mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { os.Chmod(dir, 0o755) })
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

func TestNew_ReadOnlyFolder_IsSaid(t *testing.T) {
	dir := t.TempDir()
	readOnlyFolder(t, dir)
	path := filepath.Join(dir, "events.jsonl")
	_, err := New(Options{File: path})
	if !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "File") {
		t.Errorf("New: %v", err)
	}
}

func TestFile_ThatCannotRotate_GrowsOn(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "events.jsonl")
	// A folder that isn't empty stands where the renamed file should go.
	if err := os.MkdirAll(filepath.Join(path+".1", "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	l := open(t, Options{File: path, MaxSize: 1000, Files: 1})
	for i := range 20 {
		put(t, l, refusal(fmt.Sprintf("192.0.2.%d", i), fmt.Sprint(i), "x"))
	}
	if n := len(fileLines(t, path)); n != 20 {
		t.Errorf("%d lines; want 20", n)
	}
	if err := os.RemoveAll(path + ".1"); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		put(t, l, refusal(fmt.Sprintf("198.51.100.%d", i), fmt.Sprint(i), "x"))
	}
	if _, err := os.Stat(path + ".1"); err != nil {
		t.Errorf("it did not rotate once it could: %v", err)
	}
}

// TestRecord_ProcessKilled_HasEveryEventThatWasAcknowledged has another process
// record events, tell of each, and kill itself.
func TestRecord_ProcessKilled_HasEveryEventThatWasAcknowledged(t *testing.T) {
	dir := os.Getenv("GATEHOUSE_TEST_KILLED")
	if dir == "" {
		killed(t)
		return
	}
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(dir, "gate.db")})
	if err != nil {
		t.Fatal(err)
	}
	l := open(t, Options{File: filepath.Join(dir, "events.jsonl"), Store: s, FloodLimit: 1 << 30})
	for i := range 100 {
		put(t, l, refusal("192.0.2.1", fmt.Sprintf("r%d", i), "x"))
		fmt.Printf("kept r%d\n", i)
	}
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

func killed(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "GATEHOUSE_TEST_KILLED="+dir)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != -1 {
		t.Fatalf("the process ended with %v, and was to be killed: %s", err, out)
	}
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(dir, "gate.db"), ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	inFile := map[string]bool{}
	for _, e := range fileLines(t, filepath.Join(dir, "events.jsonl")) {
		inFile[e.Request] = true
	}
	n := 0
	for sc := bufio.NewScanner(strings.NewReader(string(out))); sc.Scan(); {
		id, ok := strings.CutPrefix(sc.Text(), "kept ")
		if !ok {
			continue
		}
		n++
		if found, err := Find(t.Context(), s, id); err != nil || len(found) != 1 || !inFile[id] {
			t.Errorf("%s was acknowledged; the store has %d of it (%v), the file %v", id, len(found), err, inFile[id])
		}
	}
	if n != 100 {
		t.Errorf("%d were acknowledged; want 100", n)
	}
}
