package gateway

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

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
	// what may leave.
	Next(dst, piece []byte, final bool) (out []byte)
}

// An activeScan is a rung's reading of one answer, with what it found.
type activeScan struct {
	t    *transit
	step *activeRung
	scan bodyScan
	// told has what was decided about each finding: one event for each.
	told map[finding]bool
	// refused is set once a finding was.
	refused bool
}

type finding struct {
	rule  string
	place gatehouse.Place
}

// maxTold bounds the events of one answer from one rung.
const maxTold = 32

// refuse decides on what a scan found behind the beginning: it reports whether
// that must not leave as it is.
func (a *activeScan) refuse(d gatehouse.Decision) bool {
	f := finding{d.Rule, d.Place}
	refused, ok := a.told[f]
	switch {
	case ok:
	case len(a.told) >= maxTold:
		refused = a.t.mends(a.step)
	default:
		_, passes := a.t.judge(a.step, d)
		refused = !passes
		a.tell(f, refused)
	}
	a.refused = a.refused || refused
	return refused
}

func (a *activeScan) tell(f finding, refused bool) {
	if a.told == nil {
		a.told = map[finding]bool{}
	}
	a.told[f] = refused
}

// scanned passes the answer's body through the rungs that look into it.
func (t *transit) scanned(res *http.Response) error {
	var scans []*activeScan
	if !inspectable(res) {
		return nil
	}
	for i := range t.asm.response {
		step := &t.asm.response[i]
		if step.scan == nil {
			continue
		}
		a := &activeScan{t: t, step: &step.activeRung}
		if a.scan = step.scan(t, res, a.refuse); a.scan != nil {
			scans = append(scans, a)
		}
	}
	if len(scans) == 0 {
		return nil
	}
	body, err := newAnswerBody(res)
	if err != nil { // no coding that can be read: it passes, as browsers can't either
		return nil
	}
	first, final := body.hold(&t.gate.pieces)
	for _, s := range scans {
		d := t.guarded(s.step, func() gatehouse.Decision { return s.scan.Held(first, final) })
		if d, ok := t.judge(s.step, d); !ok {
			_ = body.Close() // refused: nothing of it is sent
			return &refusedError{d}
		}
		if d.Verdict != gatehouse.Pass {
			s.tell(finding{d.Rule, d.Place}, false)
		}
	}
	switch {
	case final:
		body.replay(res, nil)
	case body.broken != nil:
		body.replay(res, body.broken)
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
	length   int64        // of the original; not positive where it is not known
	held     []byte
	whole    []byte // its text where all of that was held before; nil: it was not
	reader   *pausingReader
	paused   bool // before its end, and before its beginning was whole
	broken   error
}

func newAnswerBody(res *http.Response) (*answerBody, error) {
	b := &answerBody{original: res.Body, source: res.Body, known: res.ContentLength > 0, length: res.ContentLength}
	coding := strings.Join(res.Header.Values("Content-Encoding"), ",")
	b.encoded = coding != "" && !strings.EqualFold(coding, "identity")
	if h, ok := res.Body.(*wholeBody); ok && len(h.text) <= heldAnswer {
		b.whole = h.text // and what is sent of an encoded one was not read yet
	}
	if !b.encoded || b.whole != nil {
		return b, nil
	}
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

// A wholeBody is one that was read as a whole, and not sent yet.
type wholeBody struct {
	readCloser
	text []byte // decoded; not nil
}

// hold reads the beginning: up to heldAnswer bytes, or what came before a pause.
func (b *answerBody) hold(pieces *piecePool) (first []byte, final bool) {
	if b.whole != nil {
		b.held = b.whole
		return b.held, true
	}
	if !b.known && !b.encoded {
		b.reader = newPausingReader(b.source, pieces)
		var err error
		b.held, err = b.reader.beginning()
		return b.held, b.stopped(err)
	}
	size := int64(4 << 10)
	if b.known && !b.encoded {
		size = min(b.length, heldAnswer) + 1 // its end is read into the last byte
	}
	b.held = make([]byte, 0, size)
	for len(b.held) < heldAnswer {
		if len(b.held) == cap(b.held) {
			b.held = append(b.held, 0)[:len(b.held)]
		}
		n, err := b.source.Read(b.held[len(b.held):min(cap(b.held), heldAnswer)])
		b.held = b.held[:len(b.held)+n]
		if err != nil {
			return b.held, b.stopped(err)
		}
	}
	return b.held, false
}

// stopped notes why the beginning ends where it does, and reports whether that is
// the body's end.
func (b *answerBody) stopped(err error) (final bool) {
	switch err {
	case nil:
	case io.EOF:
		return true
	case errPaused:
		b.paused = true
	default:
		b.broken = err
	}
	return false
}

// replay has the answer sent as the backend sent it: it was read whole, or up to
// where it broke off.
func (b *answerBody) replay(res *http.Response, broken error) {
	var sent io.Reader = bytes.NewReader(b.held)
	if b.encoded {
		sent = io.MultiReader(bytes.NewReader(b.raw.Bytes()), b.original)
	}
	if broken != nil {
		sent = io.MultiReader(sent, failing{broken})
	}
	res.Body = readCloser{sent, b}
}

// failing gives an error.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

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

// slide has the rest of the answer pass through the scans. What is encoded is sent
// as the backend encoded it, once its text was looked at.
func (b *answerBody) slide(res *http.Response, t *transit, scans []*activeScan) {
	source := b.source
	if b.reader != nil {
		source = b.reader
	}
	s := &slidingBody{body: b, source: io.MultiReader(bytes.NewReader(b.held), source), t: t, scans: scans}
	res.Body = s
	if b.encoded {
		return
	}
	for _, scan := range scans {
		if r, ok := scan.scan.(interface{ resizes() bool }); !ok || !r.resizes() {
			continue
		}
		res.Header.Del("Content-Length")
		res.Header.Del("Accept-Ranges")
		if tag := res.Header.Get("ETag"); tag != "" && !strings.HasPrefix(tag, "W/") {
			res.Header.Set("ETag", "W/"+tag) // the bytes may differ (RFC 9110, section 8.8.1)
		}
		res.ContentLength = -1
	}
}

// errCut ends an answer that can't be mended any more.
var errCut = errors.New("the answer was cut off at what a rung refused")

// A slidingBody is a body on its way through the scans.
type slidingBody struct {
	body   *answerBody
	source io.Reader
	t      *transit
	scans  []*activeScan
	piece  [16 << 10]byte
	a, b   []byte // the output of the scans in turn
	out    []byte // what may leave
	ended  bool
	err    error

	// Of an encoded body: how much of its text was read and came out, and what was
	// read of the body for it.
	read, released int
	queue          []encodedPiece
}

// An encodedPiece may leave once its text came out.
type encodedPiece struct {
	until int
	raw   []byte
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
	if err == errPaused {
		err = nil
	}
	final := err == io.EOF
	s.ended, s.err = err != nil, err
	out := s.piece[:n]
	refused := false
	for _, a := range s.scans {
		d := s.t.guarded(a.step, func() gatehouse.Decision {
			s.a = a.scan.Next(s.a[:0], out, final)
			return gatehouse.Passed()
		})
		if d.Verdict != gatehouse.Pass { // it panicked
			s.ended, s.err = true, errCut
			return
		}
		s.a, s.b = s.b, s.a
		out = s.b
		refused = refused || a.refused
	}
	if !s.body.encoded {
		s.out = append(s.out[:0], out...)
		return
	}
	if refused {
		s.ended, s.err = true, errCut
		return
	}
	s.encoded(n, len(out), final)
}

// encoded lets leave what was read of an encoded body for the text that came out.
func (s *slidingBody) encoded(read, released int, final bool) {
	s.read, s.released = s.read+read, s.released+released
	if raw := s.body.raw.Bytes(); len(raw) > 0 {
		s.queue = append(s.queue, encodedPiece{s.read, bytes.Clone(raw)})
		s.body.raw.Reset()
	}
	s.out = s.out[:0]
	for len(s.queue) > 0 && (final || s.queue[0].until <= s.released) {
		s.out = append(s.out, s.queue[0].raw...)
		s.queue = s.queue[1:]
	}
	if final { // what follows the coding's end, if anything does
		rest, err := io.ReadAll(s.body.original)
		s.out, s.err = append(s.out, rest...), cmp.Or(err, io.EOF)
	}
}

func (s *slidingBody) Close() error { return s.body.Close() }
