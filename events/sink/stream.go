package sink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/events"
)

// streamBuffer is how many writes standard output may be behind.
const streamBuffer = 1024

var errSlow = errors.New("it takes events slower than they come")

// stream writes lines to an io.Writer that may block for as long as it likes.
type stream struct {
	out   io.Writer
	note  func(gatehouse.Event)
	queue chan chunk
	done  chan struct{}

	mu     sync.Mutex
	health health
}

// chunk is the lines of n events.
type chunk struct {
	lines []byte
	n     uint64
}

const streamName = "standard output"

// newStream starts the goroutine that writes; close ends it.
func newStream(out io.Writer, note func(gatehouse.Event)) *stream {
	s := &stream{out: out, note: note, queue: make(chan chunk, streamBuffer), done: make(chan struct{})}
	go s.run()
	return s
}

// send never waits.
func (s *stream) send(lines []byte, n uint64) {
	select {
	case s.queue <- chunk{lines, n}:
	default:
		s.result(n, errSlow)
	}
}

func (s *stream) run() {
	defer close(s.done)
	for c := range s.queue {
		_, err := s.out.Write(c.lines)
		s.result(c.n, err)
	}
}

// result notes when the stream begins to lose events, and when it keeps up
// again.
func (s *stream) result(n uint64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil:
		s.health.lost += n
		if !s.health.down {
			s.health.down = true
			s.note(events.SysMonitorDisabled(streamName, err))
		}
	case s.health.down && len(s.queue) <= streamBuffer/2:
		s.note(enabled(streamName, s.health.lost))
		s.health = health{}
	}
}

// close waits until everything is written, or ctx ends. A Write that never
// returns keeps its goroutine: nothing can end it.
func (s *stream) close(ctx context.Context) error {
	close(s.queue)
	select {
	case <-s.done:
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", streamName, ctx.Err())
	}
	if s.health.lost > 0 {
		return fmt.Errorf("%s: %d events were not written", streamName, s.health.lost)
	}
	return nil
}
