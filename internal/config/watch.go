package config

import (
	"context"
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// patience says how changes are waited for.
type patience struct {
	// settle is for how long the files must be quiet: an editor writes more
	// than once. Further changes put it off, but not beyond most.
	settle, most time.Duration
	// recheck finds what the system did not tell of, as on network folders and
	// where a container mounts a single file.
	recheck time.Duration
}

// maxWatched bounds how many secret files are watched.
const maxWatched = 100

// Watch calls changed after each change of the file that c was read from, or
// of a file that the file takes a secret from; changed reads it again. It
// compares contents, so touching a file is no change, and follows editors that
// replace the file and Kubernetes, which swaps a symbolic link.
//
// Watch returns nil when ctx ends, and an error where the system can't notify.
func Watch(ctx context.Context, c *Config, changed func()) error {
	return watch(ctx, c.File, changed, patience{200 * time.Millisecond, 2 * time.Second, 10 * time.Second})
}

func watch(ctx context.Context, path string, changed func(), p patience) error {
	notifier, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watching %s: %w", path, err)
	}
	defer notifier.Close()
	w := &watcher{path: filepath.Clean(path), notifier: notifier, folders: map[string]bool{}}
	last := w.sum()
	tick := time.NewTicker(p.recheck)
	defer tick.Stop()
	var quiet <-chan time.Time
	var since time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-notifier.Errors: // such as events lost: the tick finds what they told
			continue
		case e := <-notifier.Events:
			if !w.concerns(e.Name) {
				continue
			}
			if quiet == nil {
				since = time.Now()
			}
			quiet = time.After(max(0, min(p.settle, p.most-time.Since(since))))
			continue
		case <-quiet:
		case <-tick.C:
			if quiet != nil {
				continue // a change is under way: it comes to quiet
			}
		}
		quiet = nil
		if sum := w.sum(); sum != last {
			last = sum
			changed()
		}
	}
}

// A watcher knows the files that a configuration is made of.
type watcher struct {
	path     string
	notifier *fsnotify.Watcher
	files    []string
	folders  map[string]bool
}

// concerns reports whether a change of name may be one of our files: one
// itself, or the link beside it that Kubernetes swaps ("..data").
func (w *watcher) concerns(name string) bool {
	return slices.Contains(w.files, filepath.Clean(name)) || strings.HasPrefix(filepath.Base(name), "..")
}

// fileReference finds a reference; what stands behind # at a line's begin is
// none, such as the examples in a file of `gatehouse init`.
var fileReference = regexp.MustCompile(`(?m)^ *#.*$|\$\{file:([^}\n]+)\}`)

// sum is a fingerprint of the files as they are now. It finds references in
// the text itself, so that a secret that is missing is waited for too.
func (w *watcher) sum() [sha256.Size]byte {
	text, err := readRegular(w.path)
	files := []string{w.path}
	beside := (&reader{name: w.path}).beside
	for _, m := range fileReference.FindAllSubmatch(text, -1) {
		if len(m[1]) > 0 && len(files) <= maxWatched {
			files = append(files, filepath.Clean(beside(string(m[1]))))
		}
	}
	w.follow(files)
	h := sha256.New()
	fmt.Fprintf(h, "%d %t\n%s", len(text), err == nil, text)
	for _, file := range files[1:] {
		secret, err := readRegular(file)
		fmt.Fprintf(h, "%d %t\n%s", len(secret), err == nil, secret)
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// follow watches the folders of files, and of what they are links to. A folder
// that can't be watched is left to the recheck.
func (w *watcher) follow(files []string) {
	folders := map[string]bool{}
	w.files = nil
	for _, file := range files {
		w.files = append(w.files, file)
		folders[filepath.Dir(file)] = true
		if target, err := filepath.EvalSymlinks(file); err == nil && target != file {
			w.files = append(w.files, target)
			folders[filepath.Dir(target)] = true
		}
	}
	for folder := range folders {
		if !w.folders[folder] {
			folders[folder] = w.notifier.Add(folder) == nil
		}
	}
	for folder, watched := range w.folders {
		if watched && !folders[folder] {
			_ = w.notifier.Remove(folder) // a folder that is gone is no longer watched anyway
		}
	}
	w.folders = folders
}
