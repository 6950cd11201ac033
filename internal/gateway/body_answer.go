package gateway

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/input"
)

// This file has answers' bodies read by the rungs that look into them: the first
// 64 KiB are held until all have decided, the rest passes through a window that
// slides.

const (
	// heldAnswer is how much of a body is held before its answer begins.
	heldAnswer = 64 << 10
	// pause is how long an answer of unknown length may stop before what is there
	// of it is decided on: a stream must not wait for its end.
	pause = 150 * time.Millisecond
	// maxAnswer bounds what a compressed answer may become while it is inspected.
	maxAnswer = 1 << 40
)

// A bodyScan reads the body of one answer: see the packages that have one.
type bodyScan interface {
	// Held decides on the beginning of the body; final says that it is the whole.
	Held(first []byte, final bool) gatehouse.Decision
	// Next takes the body piece by piece, the beginning first, and appends to dst
	// what may leave. found is what it came upon.
	Next(dst, piece []byte, final bool) (out []byte, found *gatehouse.Decision)
}

type activeScan struct {
	step *activeRung
	scan bodyScan
}

// scanned passes the answer's body through the rungs that look into it.
func (t *transit) scanned(res *http.Response) error {
	var scans []activeScan
	if !inspectable(res) {
		return nil
	}
	for i := range t.asm.response {
		step := &t.asm.response[i]
		if step.scan == nil {
			continue
		}
		if s := step.scan(t, res, t.mends(&step.activeRung)); s != nil {
			scans = append(scans, activeScan{&step.activeRung, s})
		}
	}
	if len(scans) == 0 {
		return nil
	}
	body, err := newAnswerBody(res)
	if err != nil { // no coding that can be read: it passes, as browsers can't either
		return nil
	}
	first, final, err := body.hold()
	if err != nil {
		_ = body.Close() // the error is told
		return err
	}
	for _, s := range scans {
		d := t.guarded(s.step, func() gatehouse.Decision { return s.scan.Held(first, final) })
		if d, ok := t.judge(s.step, d); !ok {
			_ = body.Close() // refused: nothing of it is sent
			return &refusedError{d}
		}
	}
	switch {
	case final:
		body.replay(res)
	case body.paused && !strings.Contains(res.Header.Get("Content-Type"), "html"):
		// A stream, such as a watch in lines of JSON: what a window holds back
		// would be missed.
		res.Body = readCloser{io.MultiReader(bytes.NewReader(body.held), patient{body.reader}), body}
	default:
		body.slide(res, t, scans)
	}
	return nil
}

// mends reports whether a rung may change answers.
func (t *transit) mends(a *activeRung) bool {
	return !t.asm.observe && a.mode == gatehouse.Enforce
}

// inspectable reports whether an answer has a body that can be looked into: not a
// part of one, no stream of events, nothing of another protocol.
func inspectable(res *http.Response) bool {
	switch {
	case res.StatusCode < 200, res.StatusCode == http.StatusNoContent, res.StatusCode == http.StatusNotModified, res.StatusCode == http.StatusPartialContent:
		return false
	case res.Request.Method == http.MethodHead, res.Body == nil, res.Body == http.NoBody, res.ContentLength == 0:
		return false
	}
	kind := res.Header.Get("Content-Type")
	return !strings.HasPrefix(kind, "text/event-stream") && !strings.HasPrefix(kind, "application/grpc")
}

// An answerBody is a backend's body, decoded, with what was sent of it.
type answerBody struct {
	original io.ReadCloser
	encoded  bool
	raw      bytes.Buffer // what was read of the original, where it is encoded
	source   io.Reader    // decoded
	decoder  io.Closer    // nil where it is not encoded
	known    bool         // its length
	held     []byte
	reader   *pausingReader
	paused   bool // before its end, and before its beginning was whole
}

func newAnswerBody(res *http.Response) (*answerBody, error) {
	b := &answerBody{original: res.Body, source: res.Body, known: res.ContentLength > 0}
	coding := strings.Join(res.Header.Values("Content-Encoding"), ",")
	if coding == "" || strings.EqualFold(coding, "identity") {
		return b, nil
	}
	b.encoded = true
	decoded, err := input.Decoder(coding, io.TeeReader(res.Body, &b.raw), maxAnswer)
	if err != nil {
		// What the decoder took is put back.
		res.Body = readCloser{io.MultiReader(bytes.NewReader(b.raw.Bytes()), res.Body), res.Body}
		return nil, err
	}
	b.source, b.decoder = decoded, decoded
	return b, nil
}

type readCloser struct {
	io.Reader
	io.Closer
}

// hold reads the beginning: up to heldAnswer bytes, or what came before a pause.
func (b *answerBody) hold() (first []byte, final bool, err error) {
	b.held = make([]byte, 0, 4<<10)
	source := b.source
	if !b.known && !b.encoded {
		b.reader = newPausingReader(b.source)
		source = b.reader
	}
	for len(b.held) < heldAnswer {
		if len(b.held) == cap(b.held) {
			b.held = append(b.held, 0)[:len(b.held)]
		}
		n, err := source.Read(b.held[len(b.held):min(cap(b.held), heldAnswer)])
		b.held = b.held[:len(b.held)+n]
		switch {
		case err == io.EOF:
			return b.held, true, nil
		case err == errPaused && len(b.held) > 0:
			b.paused = true
			return b.held, false, nil
		case err == errPaused:
		case err != nil:
			return nil, false, err
		}
	}
	return b.held, false, nil
}

// replay has the answer sent as the backend sent it: it was read whole.
func (b *answerBody) replay(res *http.Response) {
	text := b.held
	if b.encoded {
		text = b.raw.Bytes()
	}
	res.Body = readCloser{bytes.NewReader(text), b}
}

// Close ends the backend's body.
func (b *answerBody) Close() error {
	if b.decoder != nil {
		_ = b.decoder.Close() // it frees memory
	}
	err := b.original.Close()
	if b.reader != nil {
		b.reader.wait()
	}
	return err
}

// slide has the rest of the answer pass through the scans. Its length may change.
func (b *answerBody) slide(res *http.Response, t *transit, scans []activeScan) {
	source := b.source
	if b.reader != nil {
		source = b.reader
	}
	s := &slidingBody{body: b, source: io.MultiReader(bytes.NewReader(b.held), source), t: t, scans: scans}
	if b.encoded {
		b.raw = bytes.Buffer{}
		b.raw.Grow(0)
		s.discard = &b.raw
		if acceptsGzip(t.r) {
			s.gzip = gzip.NewWriter(&s.zipped)
			res.Header.Set("Content-Encoding", "gzip")
		} else {
			res.Header.Del("Content-Encoding")
		}
	}
	res.Header.Del("Content-Length")
	res.Header.Del("Accept-Ranges")
	if tag := res.Header.Get("ETag"); tag != "" && !strings.HasPrefix(tag, "W/") {
		res.Header.Set("ETag", "W/"+tag) // the bytes may differ (RFC 9110, section 8.8.1)
	}
	res.ContentLength = -1
	res.Body = s
}

func acceptsGzip(r *http.Request) bool {
	return strings.Contains(strings.Join(r.Header.Values("Accept-Encoding"), ","), "gzip")
}

// A slidingBody is a body on its way through the scans.
type slidingBody struct {
	body    *answerBody
	source  io.Reader
	t       *transit
	scans   []activeScan
	piece   [16 << 10]byte
	a, b    []byte // the output of the scans in turn
	out     []byte // what may leave
	ended   bool
	err     error
	gzip    *gzip.Writer
	zipped  bytes.Buffer
	discard *bytes.Buffer
	told    bool
}

func (s *slidingBody) Read(p []byte) (int, error) {
	for len(s.out) == 0 {
		if s.ended {
			return 0, s.err
		}
		s.fill()
	}
	n := copy(p, s.out)
	s.out = s.out[n:]
	return n, nil
}

// fill reads on until something may leave, or the body ends.
func (s *slidingBody) fill() {
	n, err := s.source.Read(s.piece[:])
	if s.discard != nil {
		s.discard.Reset()
	}
	if err == errPaused {
		err = nil
	}
	final := err == io.EOF
	s.ended, s.err = err != nil, err
	out := s.piece[:n]
	for _, scan := range s.scans {
		var found *gatehouse.Decision
		s.a, found = scan.scan.Next(s.a[:0], out, final)
		s.a, s.b = s.b, s.a
		out = s.b
		if found != nil {
			s.tell(scan.step, *found)
		}
	}
	if s.gzip == nil {
		s.out = append(s.out[:0], out...)
		return
	}
	s.zipped.Reset()
	_, _ = s.gzip.Write(out) // into memory
	if final {
		_ = s.gzip.Close() // into memory
	}
	s.out = append(s.out[:0], s.zipped.Bytes()...)
}

// tell records what was found behind the beginning; it was mended there, or the
// rung observes.
func (s *slidingBody) tell(step *activeRung, d gatehouse.Decision) {
	if s.told {
		return // once an answer
	}
	s.told = true
	s.t.judge(step, d)
}

func (s *slidingBody) Close() error { return s.body.Close() }

// A pausingReader reads ahead, so that a pause is an error that passes.
type pausingReader struct {
	pieces chan piece
	rest   []byte
	err    error
	done   chan struct{}
	end    sync.Once
	stop   chan struct{}
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
func newPausingReader(r io.Reader) *pausingReader {
	p := &pausingReader{pieces: make(chan piece), done: make(chan struct{}), stop: make(chan struct{})}
	go func() {
		defer close(p.done)
		for {
			buf := make([]byte, 16<<10)
			n, err := r.Read(buf)
			select {
			case p.pieces <- piece{buf[:n], err}:
			case <-p.stop:
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return p
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
