package config

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// watching runs watch over path and returns the channel of changes.
func watching(t *testing.T, path string, recheck time.Duration) <-chan struct{} {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	changes, done := make(chan struct{}, 100), make(chan error, 1)
	go func() {
		done <- watch(ctx, path, func() { changes <- struct{}{} }, patience{20 * time.Millisecond, 200 * time.Millisecond, recheck})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("watch: %v", err)
		}
	})
	time.Sleep(100 * time.Millisecond) // until it has read the file once
	return changes
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func move(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, target, name string) {
	t.Helper()
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
}

func one(t *testing.T, changes <-chan struct{}) {
	t.Helper()
	select {
	case <-changes:
	case <-time.After(5 * time.Second):
		t.Fatal("a change was not noticed")
	}
}

func none(t *testing.T, changes <-chan struct{}) {
	t.Helper()
	select {
	case <-changes:
		t.Fatal("told of a change where there was none")
	case <-time.After(150 * time.Millisecond):
	}
}

func TestWatch_FileWrittenOrReplaced_IsOneChangeEach(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "gatehouse.yaml")
	write(t, path, "a: 1")
	changes := watching(t, path, time.Hour)

	write(t, path, "a: 2")
	one(t, changes)
	none(t, changes)
	for range 3 { // as vim and sed -i do
		write(t, path+".new", "a: 3")
		move(t, path+".new", path)
		one(t, changes)
		write(t, path, "a: 2")
		one(t, changes)
	}
	write(t, path, "a: 2")
	write(t, filepath.Join(dir, "other"), "x")
	none(t, changes)
}

func TestWatch_FileRemovedAndWrittenAgain_IsNoticed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gatehouse.yaml")
	write(t, path, "a: 1")
	changes := watching(t, path, time.Hour)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	one(t, changes)
	write(t, path, "a: 1")
	one(t, changes)
}

func TestWatch_KubernetesSwapsTheLink_IsNoticed(t *testing.T) {
	dir := t.TempDir()
	for _, version := range []string{"..1", "..2", "..3"} {
		if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, version, "gatehouse.yaml"), "a: "+version)
	}
	link(t, "..1", filepath.Join(dir, "..data"))
	link(t, "..data/gatehouse.yaml", filepath.Join(dir, "gatehouse.yaml"))
	changes := watching(t, filepath.Join(dir, "gatehouse.yaml"), time.Hour)
	for _, version := range []string{"..2", "..3"} {
		link(t, version, filepath.Join(dir, "..data_tmp"))
		move(t, filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data"))
		one(t, changes)
	}
}

func TestWatch_SecretFile_IsWatchedEvenBeforeItExists(t *testing.T) {
	dir, secrets := t.TempDir(), t.TempDir()
	path, secret := filepath.Join(dir, "gatehouse.yaml"), filepath.Join(secrets, "token")
	write(t, path, "a: 1")
	changes := watching(t, path, time.Hour)
	write(t, path, "token: ${file:"+secret+"}")
	one(t, changes)
	write(t, secret, "one")
	one(t, changes)
	write(t, secret, "two")
	one(t, changes)
	write(t, path, "a: 1")
	one(t, changes)
	write(t, secret, "three")
	none(t, changes)
}

func TestWatch_ReferenceInAComment_IsNotWatched(t *testing.T) {
	dir, secrets := t.TempDir(), t.TempDir()
	path, secret := filepath.Join(dir, "gatehouse.yaml"), filepath.Join(secrets, "token")
	write(t, path, "a: 1\n  #token: ${file:"+secret+"}\n")
	changes := watching(t, path, 50*time.Millisecond)
	write(t, secret, "one")
	none(t, changes)
}

func TestWatch_LinkIntoAnotherFolder_IsFollowed(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	path, target := filepath.Join(dir, "gatehouse.yaml"), filepath.Join(other, "real.yaml")
	write(t, target, "a: 1")
	link(t, target, path)
	changes := watching(t, path, time.Hour)
	write(t, target, "a: 2")
	one(t, changes)
}

func TestWatch_FolderThatDidNotExist_IsFoundByTheRecheck(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "later")
	changes := watching(t, filepath.Join(dir, "gatehouse.yaml"), 50*time.Millisecond)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "gatehouse.yaml"), "a: 1")
	one(t, changes)
}

func TestWatch_FileThatNeverRests_IsStillReported(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gatehouse.yaml")
	write(t, path, "a")
	changes := watching(t, path, time.Hour)
	for i := range 60 {
		write(t, path, "a: "+string(rune('a'+i%26)))
		time.Sleep(10 * time.Millisecond)
	}
	one(t, changes)
}
