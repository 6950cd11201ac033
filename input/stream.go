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

// ended records that no more inputs will come.
func (in *Inputs) ended(err *Error) error {
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
type tee struct {
	body io.ReadCloser
	in   *Inputs
	// mp is nil once there is nothing more to parse.
	mp      *multipart
	aborted error
}

// Read gives no byte of a chunk that completed an input which a hook refused.
func (t *tee) Read(p []byte) (int, error) {
	if t.aborted != nil {
		return 0, t.aborted
	}
	n, err := t.body.Read(p)
	if t.mp == nil {
		return n, err
	}
	var failed *Error
	if n > 0 {
		failed = t.mp.feed(p[:n])
	}
	over := failed != nil || err != nil
	if failed == nil && errors.Is(err, io.EOF) {
		failed = t.mp.finish()
	}
	t.aborted = t.mp.b.aborted
	if over {
		t.mp = nil
		// A connection that broke is not the parser's error, nor an end.
		if t.aborted == nil && (failed != nil || err == io.EOF) {
			t.aborted = t.in.ended(failed)
		}
	}
	if t.aborted != nil {
		return 0, t.aborted
	}
	return n, err
}

func (t *tee) Close() error { return t.body.Close() }
