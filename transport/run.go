package transport

import (
	"context"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// pollEvery is how often files are read again without being told, for
	// file systems that tell nothing.
	pollEvery = time.Minute
	// settle is how long after a change the files are read: writers take
	// several steps.
	settle = 300 * time.Millisecond
	// secondLook is how long after a bad reading they are read again, before
	// anybody is told.
	secondLook = 3 * time.Second
	// expiryEvery is how often dates are looked at.
	expiryEvery = time.Hour
)

// Run renews certificates and watches their files until ctx ends. It returns
// nil then; whatever fails before is told by events, and what was served goes
// on being served. It is to be called once.
func (t *TLS) Run(ctx context.Context) error {
	var all sync.WaitGroup
	if t.files != nil {
		all.Go(func() { t.files.watch(ctx) })
	}
	if t.acme != nil {
		all.Go(func() { t.acme.run(ctx) })
	}
	<-ctx.Done()
	all.Wait()
	return nil
}

// watch reads the files again when they change.
func (s *fileSet) watch(ctx context.Context) {
	changed, stop := s.subscribe()
	defer stop()
	poll, expiry := time.NewTicker(pollEvery), time.NewTicker(expiryEvery)
	defer poll.Stop()
	defer expiry.Stop()
	again := time.NewTimer(0)
	defer again.Stop()
	final := false
	s.checkExpiry(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case _, open := <-changed:
			if !open {
				changed = nil
				continue
			}
			final = false
			again.Reset(settle)
		case <-poll.C:
			again.Reset(0)
		case <-expiry.C:
			s.checkExpiry(ctx)
		case <-again.C:
			if ok := s.reload(ctx, final); !ok && !final {
				final = true
				again.Reset(secondLook)
				continue
			}
			final = false
			s.checkExpiry(ctx)
		}
	}
}

// subscribe tells of changes in the files' folders. Where the system can't,
// the channel is nil, and polling remains.
func (s *fileSet) subscribe() (<-chan fsnotify.Event, func()) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		s.notes.log.Warn("certificate files are not watched, only read every minute", "error", err)
		return nil, func() {}
	}
	for _, folder := range s.folders() {
		if err := w.Add(folder); err != nil {
			s.notes.log.Warn("this folder of certificates is not watched, only read every minute", "folder", folder, "error", err)
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		// A full error channel would hold up the watcher.
		for err := range w.Errors {
			s.notes.log.Warn("watching certificate files", "error", err)
		}
	}()
	return w.Events, func() {
		w.Close()
		<-done
	}
}
