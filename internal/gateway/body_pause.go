package gateway

import (
	"io"
	"sync"
	"time"
)

// This file reads bodies of unknown length, which may be streams: what is there of
// one when it pauses must not wait for the rest.

// A pausingReader reads ahead, so that a pause is an error that passes. First comes
// beginning, then Read.
type pausingReader struct {
	pieces chan piece
	rest   []byte
	err    error
	done   chan struct{}
	end    sync.Once
	stop   chan struct{}

	// The beginning is gathered until whole is closed or it is taken: most answers
	// are handed over once, and not piece by piece.
	pool  *piecePool
	whole chan struct{}
	first gathered
}

// gathered is what was read of the beginning.
type gathered struct {
	mu    sync.Mutex
	parts []part
	size  int
	at    time.Time // of the last part
	full  bool      // or ended
	taken bool
}

// A part is a buffer with how much of it is filled.
type part struct {
	buffer *[pieceSize]byte
	n      int
}

// pieceSize goes into heldAnswer without a rest, so that no more is gathered.
const pieceSize = heldAnswer / 4

// A piecePool keeps buffers for beginnings. It is ready as its zero value.
type piecePool struct{ pool sync.Pool }

func (p *piecePool) get() *[pieceSize]byte {
	if b, ok := p.pool.Get().(*[pieceSize]byte); ok {
		return b
	}
	return new([pieceSize]byte)
}

type piece struct {
	text []byte
	err  error
}

type pauseError struct{}

func (pauseError) Error() string { return "the answer pauses" }

var errPaused error = pauseError{}

// newPausingReader reads from r until it ends, fails, or wait is called after r was
// closed.
func newPausingReader(r io.Reader, pool *piecePool) *pausingReader {
	p := &pausingReader{pieces: make(chan piece), done: make(chan struct{}), stop: make(chan struct{}), whole: make(chan struct{}), pool: pool}
	p.first.at = time.Now()
	go func() {
		defer close(p.done)
		if p.gather(r) {
			p.readOn(r)
		}
	}()
	return p
}

// gather reads the beginning, and reports whether to read on.
func (p *pausingReader) gather(r io.Reader) bool {
	buffer, used := p.pool.get(), 0
	for {
		n, err := r.Read(buffer[used:])
		taken, full := p.first.add(buffer, n, err)
		switch {
		case taken:
			return p.send(piece{buffer[used : used+n], err})
		case full:
			p.err = err // read after whole
			close(p.whole)
			return err == nil
		}
		if used += n; used == pieceSize {
			buffer, used = p.pool.get(), 0
		}
	}
}

// add notes n more bytes of a buffer, unless the beginning was taken before they came.
func (g *gathered) add(buffer *[pieceSize]byte, n int, err error) (taken, full bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.taken {
		return true, false
	}
	if last := len(g.parts) - 1; last < 0 || g.parts[last].buffer != buffer {
		g.parts = append(g.parts, part{buffer: buffer})
	}
	g.parts[len(g.parts)-1].n += n
	if g.size += n; n > 0 {
		g.at = time.Now()
	}
	g.full = err != nil || g.size >= heldAnswer
	return false, g.full
}

// readOn reads what follows the beginning. A piece is used up when the next is asked
// for, so that two buffers are enough.
func (p *pausingReader) readOn(r io.Reader) {
	var buffers [2][]byte
	for i := 0; ; i = 1 - i {
		if buffers[i] == nil {
			buffers[i] = make([]byte, pieceSize)
		}
		n, err := r.Read(buffers[i])
		if !p.send(piece{buffers[i][:n], err}) {
			return
		}
	}
}

// send reports whether to read on.
func (p *pausingReader) send(next piece) bool {
	select {
	case p.pieces <- next:
		return next.err == nil
	case <-p.stop:
		return false
	}
}

// beginning gives the first heldAnswer bytes, or what there is of them where it
// fails, ends (io.EOF) or pauses (errPaused).
func (p *pausingReader) beginning() ([]byte, error) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		select {
		case <-p.whole:
			held, _ := p.take()
			return held, p.err
		case <-timer.C:
		}
		if left := p.first.untilPause(); left > 0 {
			timer.Reset(left)
			continue
		}
		held, full := p.take()
		if !full {
			return held, errPaused
		}
		<-p.whole // just now
		return held, p.err
	}
}

func (g *gathered) untilPause() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return pause - time.Since(g.at)
}

// take gives what was gathered, in memory of its own, and the buffers back.
func (p *pausingReader) take() (held []byte, full bool) {
	g := &p.first
	g.mu.Lock()
	defer g.mu.Unlock()
	g.taken = true
	held = make([]byte, 0, g.size)
	for i, one := range g.parts {
		held = append(held, one.buffer[:one.n]...)
		if g.full || i < len(g.parts)-1 { // otherwise it is read into
			p.pool.pool.Put(one.buffer)
		}
	}
	g.parts = nil
	return held, g.full
}

// Read gives errPaused where nothing came for a while, after something did.
func (p *pausingReader) Read(b []byte) (int, error) {
	if len(p.rest) == 0 && p.err == nil {
		timer := time.NewTimer(pause)
		defer timer.Stop()
		select {
		case next := <-p.pieces:
			p.rest, p.err = next.text, next.err
		case <-timer.C:
			return 0, errPaused
		}
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	if len(p.rest) == 0 && p.err != nil {
		return n, p.err
	}
	return n, nil
}

// patient reads on over pauses.
type patient struct{ r io.Reader }

func (p patient) Read(b []byte) (int, error) {
	for {
		if n, err := p.r.Read(b); err != errPaused {
			return n, err
		}
	}
}

// wait ends the reading; the source is closed already.
func (p *pausingReader) wait() {
	p.end.Do(func() { close(p.stop) })
	<-p.done
}
