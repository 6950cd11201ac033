package network

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

// ErrSlowBody is what reading a body returns that was cut; a client is told 408.
var ErrSlowBody = errors.New("network: the request's body came too slowly")

// A watch ends one Read or Write at a time that takes too long, by fire, which
// sets a deadline in the past. A deadline set ahead each time would need less
// code, but HTTP/2 lets it end the stream also while nobody reads, and each
// change of it costs a message to the connection's loop.
type watch struct {
	fire func()

	mu    sync.Mutex
	timer *time.Timer
	until time.Time // zero where nothing waits
	fired bool
	ended bool
}

// arm begins the watch over one call; it reports false once it has fired.
func (w *watch) arm(limit time.Duration) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fired || w.ended {
		return !w.fired
	}
	w.until = time.Now().Add(limit)
	if w.timer == nil {
		w.timer = time.AfterFunc(limit, w.expire)
	} else {
		w.timer.Reset(limit)
	}
	return true
}

// disarm ends the watch over one call, and reports whether it fired.
func (w *watch) disarm() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.until = (time.Time{}); w.timer != nil {
		w.timer.Stop()
	}
	return w.fired
}

// end ends the watch for good.
func (w *watch) end() {
	w.disarm()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
}

func (w *watch) hasFired() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.fired
}

// expire may run late, when the call it was set for is over: until tells.
func (w *watch) expire() {
	w.mu.Lock()
	due := !w.until.IsZero() && !time.Now().Before(w.until) && !w.fired
	w.fired = w.fired || due
	w.mu.Unlock()
	if due {
		w.fire()
	}
}

// past is a deadline that has gone by.
func past() time.Time { return time.Unix(1, 0) }

// A Body is a request's body that is cut where the client is too slow. Only
// time spent waiting for the client counts: a slow backend costs it nothing.
//
// The client has a credit of time, at first BodyIdle. Waiting uses it up; each
// BodyMinRate bytes give back a second, up to BodyIdle. At zero it is cut. So a
// body of any length lives at an honest speed, and no burst buys a long silence.
type Body struct {
	body   io.ReadCloser
	watch  watch
	full   time.Duration
	rate   int
	credit time.Duration
}

// SlowBody wraps a request's body; rc is of the same request's ResponseWriter,
// and t has its defaults filled in. As with any body, one goroutine reads.
// Where the ResponseWriter can't set deadlines (it is not net/http's), a Read
// that waits goes on, and fails when it returns.
func SlowBody(body io.ReadCloser, rc *http.ResponseController, t Timeouts) *Body {
	return &Body{
		body: body, full: t.BodyIdle, rate: t.BodyMinRate, credit: t.BodyIdle,
		watch: watch{fire: func() { _ = rc.SetReadDeadline(past()) }}, // see above
	}
}

// Answering ends the watch: call it when the answer begins while the body still
// comes. A backend that answers before it has read everything talks in both
// directions (gRPC, for one), and an idle stream is then as cheap to hold as an
// idle download.
func (b *Body) Answering() { b.watch.end() }

// Cut reports whether the body was cut.
func (b *Body) Cut() bool { return b.watch.hasFired() }

func (b *Body) Read(p []byte) (int, error) {
	if !b.watch.arm(b.credit) {
		return 0, ErrSlowBody
	}
	started := time.Now()
	n, err := b.body.Read(p)
	if b.watch.disarm() || errors.Is(err, os.ErrDeadlineExceeded) {
		return n, ErrSlowBody
	}
	b.credit = b.settle(n, time.Since(started))
	return n, err
}

// settle gives the credit after n bytes for which the client was waited for.
func (b *Body) settle(n int, waited time.Duration) time.Duration {
	switch {
	case b.rate > 0:
		earned := time.Duration(float64(n) / float64(b.rate) * float64(time.Second))
		return min(b.full, max(b.credit-waited, 0)+earned)
	case n > 0:
		return b.full
	}
	return b.credit - waited
}

// Close closes the body.
func (b *Body) Close() error {
	b.watch.disarm()
	return b.body.Close()
}

// SlowClient wraps a ResponseWriter so that a client which does not read its
// answer is cut: a write or flush that waits longer than t.Write fails, and so do
// all after it. An answer of any length and any silence of the backend's live.
// [http.ResponseController] reaches everything else of w.
func SlowClient(w http.ResponseWriter, t Timeouts) http.ResponseWriter {
	rc := http.NewResponseController(w)
	return &slowWriter{ResponseWriter: w, rc: rc, limit: t.Write,
		watch: watch{fire: func() { _ = rc.SetWriteDeadline(past()) }}} // as in SlowBody
}

type slowWriter struct {
	http.ResponseWriter
	rc    *http.ResponseController
	limit time.Duration
	watch watch
}

// Unwrap is for http.ResponseController.
func (s *slowWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }

func (s *slowWriter) Write(p []byte) (int, error) {
	if !s.watch.arm(s.limit) {
		return 0, os.ErrDeadlineExceeded
	}
	n, err := s.ResponseWriter.Write(p)
	if s.watch.disarm() && err == nil {
		err = os.ErrDeadlineExceeded
	}
	return n, err
}

// FlushError is what http.ResponseController's Flush calls.
func (s *slowWriter) FlushError() error {
	if !s.watch.arm(s.limit) {
		return os.ErrDeadlineExceeded
	}
	err := s.rc.Flush()
	if s.watch.disarm() && err == nil {
		err = os.ErrDeadlineExceeded
	}
	return err
}

// Flush makes it an http.Flusher, for handlers that ask for one.
func (s *slowWriter) Flush() { _ = s.FlushError() } // Flush has no error to return
