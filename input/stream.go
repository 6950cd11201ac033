package input

import (
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/gatehousehq/gatehouse"
)

// stream has a multipart body parsed while the backend reads it.
func (p *Parser) stream(r *http.Request, in *Inputs, m media) *Error {
	names, err := codingNames(r.Header["Content-Encoding"])
	if err != nil {
		return err
	}
	if len(names) > 0 {
		err := fail(RuleEncoding, gatehouse.Body, "an encoded multipart body that is too large to be held")
		err.Status = http.StatusUnsupportedMediaType
		return err
	}
	t := &tee{body: r.Body, in: in}
	mp, err := p.newMultipart(m, &builder{max: p.o.MaxInputs, emit: in.arrived, asking: &asking{in: in}, wants: in.wanted()})
	if err != nil {
		return err
	}
	t.mp, in.streamed = mp, true
	r.Body = t
	return nil
}

// arrived records one input of a streamed body and tells the hooks.
func (in *Inputs) arrived(i Input) error {
	// The value lives longer than the chunk it came in, and alone.
	i.Value = strings.Clone(i.Value)
	in.mu.Lock()
	in.body = append(in.body, i)
	hooks := in.hooks[:len(in.hooks):len(in.hooks)]
	in.mu.Unlock()
	for _, hook := range hooks {
		if err := hook(i); err != nil {
			return err
		}
	}
	return nil
}

// complete tells, once, that the last input was read.
func (in *Inputs) complete() error {
	in.mu.Lock()
	hooks := in.completes
	in.completes = nil
	in.mu.Unlock()
	for _, hook := range hooks {
		if err := hook(); err != nil {
			return err
		}
	}
	return nil
}

// ended records that no more inputs will come.
func (in *Inputs) ended(err *Error) error {
	if aborted := in.complete(); aborted != nil {
		return aborted
	}
	in.mu.Lock()
	if in.err == nil {
		in.err = err
	}
	hooks := in.ends[:len(in.ends):len(in.ends)]
	in.mu.Unlock()
	for _, hook := range hooks {
		if err := hook(err); err != nil {
			return err
		}
	}
	return nil
}

// A tee gives the body's own bytes and has them parsed on the way. After an
// error of the parser it gives them unparsed; after one of a hook it ends.
//
// It keeps the last byte back until it is known whether another follows, so that
// nobody has the body whole before the hooks have judged it.
type tee struct {
	body io.ReadCloser
	in   *Inputs
	// mp is nil once there is nothing more to parse.
	mp      *multipart
	aborted error
	// held is the byte that is kept back, where there is one, and after what follows
	// it, where that is an end.
	held  []byte
	after error
	one   [1]byte
}

// Read gives no byte of a chunk that completed an input which a hook refused.
func (t *tee) Read(p []byte) (int, error) {
	switch {
	case t.aborted != nil:
		return 0, t.aborted
	case len(p) == 0:
		return 0, nil
	case t.mp == nil && len(t.held) > 0:
		p[0], t.held = t.held[0], nil
		return 1, t.after
	case t.mp == nil && t.after != nil:
		return 0, t.after
	case t.mp == nil:
		return t.body.Read(p)
	}
	for {
		// One byte less than there is room for: the one that is held goes first.
		room := t.one[:]
		if len(p) > 1 {
			room = p[1:]
		}
		n, err := t.body.Read(room)
		t.parse(room[:n], err)
		if t.aborted != nil {
			return 0, t.aborted
		}
		if given, done := t.give(p, room[:n], err); given > 0 || done {
			if done {
				return given, err
			}
			return given, nil
		}
	}
}

// parse follows what was read, and its end.
func (t *tee) parse(p []byte, err error) {
	var failed *Error
	if len(p) > 0 {
		failed = t.mp.feed(p)
	}
	over := failed != nil || err != nil
	if failed == nil && errors.Is(err, io.EOF) {
		failed = t.mp.finish()
	}
	if t.aborted = t.mp.b.aborted; t.aborted == nil && t.mp.over {
		t.aborted = t.in.complete()
	}
	if over {
		t.mp = nil
		// A connection that broke is not the parser's error, nor an end.
		if t.aborted == nil && (failed != nil || err == io.EOF) {
			t.aborted = t.in.ended(failed)
		}
	}
}

// give copies what is held and what was read to p, and holds the last byte while
// there may be more. done reports that err goes with it.
func (t *tee) give(p, read []byte, err error) (n int, done bool) {
	if len(t.held) > 0 {
		p[0] = t.held[0]
		n = 1
		t.held = nil
	}
	if len(p) == 1 && n+len(read) > 1 { // no room for both
		t.held = []byte{read[0]}
		t.after = err
		return n, false
	}
	n += copy(p[n:], read)
	if t.mp != nil && n > 0 {
		n--
		t.held = []byte{p[n]}
	}
	return n, err != nil
}

func (t *tee) Close() error { return t.body.Close() }
