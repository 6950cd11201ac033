package input

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/gatehousehq/gatehouse"
)

// Options configure a [Parser]. Zero values mean the defaults.
type Options struct {
	// Limit is the most bytes of a body that are held, before and after
	// decoding; of a multipart body, the most that is not file content.
	// Default 1 MiB.
	Limit int64
	// MaxInputs is the most inputs of one part of a request (path, query,
	// cookies, headers, body), readings included. Default 100,000: a JSON body
	// of 1 MiB that is a list of coordinates or an embedding has as many.
	MaxInputs int
	// MaxDepth is the deepest nesting of JSON. Default 128; editors' documents
	// reach 50.
	MaxDepth int
	// MaxRatio is the decoded to the encoded size above which a body that
	// exceeds Limit is called a bomb. Default 100.
	MaxRatio int
	// MaxField is the most bytes of one field of a multipart body. Default:
	// Limit, and not above it.
	MaxField int64
}

const (
	chunkSize = 16 << 10
	// maxDecoders is how many bodies are decoded at once: held ones, so this
	// waits for no client.
	maxDecoders = 8
)

// A Parser parses requests. It may be used concurrently.
type Parser struct {
	o Options
	// chunks are buffers through which bodies are read.
	chunks sync.Pool
	// decoders holds a token for each body being decoded.
	decoders chan struct{}
}

// New checks the options.
func New(o Options) (*Parser, error) {
	if o.Limit < 0 || o.MaxInputs < 0 || o.MaxDepth < 0 || o.MaxRatio < 0 || o.MaxField < 0 {
		return nil, errors.New("input: Limit, MaxInputs, MaxDepth, MaxRatio and MaxField must not be negative")
	}
	if o.Limit == 0 {
		o.Limit = 1 << 20
	}
	if o.MaxInputs == 0 {
		o.MaxInputs = 100_000
	}
	if o.MaxDepth == 0 {
		o.MaxDepth = 128
	}
	if o.MaxRatio == 0 {
		o.MaxRatio = defaultRatio
	}
	if o.MaxField == 0 {
		o.MaxField = o.Limit
	}
	if o.MaxField > o.Limit {
		return nil, fmt.Errorf("input: MaxField is %d: must not be above Limit, %d", o.MaxField, o.Limit)
	}
	p := &Parser{o: o, decoders: make(chan struct{}, maxDecoders)}
	p.chunks.New = func() any { return new([chunkSize]byte) }
	return p, nil
}

// Parse finds the inputs of r and replaces r.Body by one that gives the same
// bytes; where the body was read, the expectation "100-continue" is met and its
// header field removed. The error is an [*Error] where the request can't be parsed wholly,
// and the client's connection's own where reading the body failed; the inputs
// are usable with either.
//
// Bodies of types that it parses are read to their end, up to Options.Limit,
// so Parse blocks as long as the client takes to send them. A body of any
// other type is not touched. Multipart of unknown or larger size is parsed
// while the backend reads it.
func (p *Parser) Parse(r *http.Request) (*Inputs, error) {
	in := p.head(r)
	err := in.checkHead()
	bodyErr, readErr := p.body(r, in)
	if err == nil {
		err = bodyErr
	}
	if err != nil {
		return in, in.keep(err)
	}
	return in, readErr
}

// ParseHead is [Parser.Parse] without the body, which it does not touch.
func (p *Parser) ParseHead(r *http.Request) (*Inputs, error) {
	in := p.head(r)
	if err := in.checkHead(); err != nil {
		return in, in.keep(err)
	}
	return in, nil
}

func (p *Parser) head(r *http.Request) *Inputs {
	return &Inputs{
		path: r.URL.EscapedPath(), query: r.URL.RawQuery, host: r.Host, headers: headerLines(r.Header), max: p.o.MaxInputs, depth: p.o.MaxDepth,
	}
}

// keep remembers the first error found.
func (in *Inputs) keep(err *Error) *Error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.err == nil {
		in.err = err
	}
	return err
}

// worstPerByte is how many inputs one byte of a query can make, rounded up.
const worstPerByte = 6

// checkHead reports what is wrong with the head. Parts so large that they
// could exceed the bound are built at once, the others when asked for.
func (in *Inputs) checkHead() *Error {
	if err := checkPath(in.path); err != nil {
		return err
	}
	cookies := 0
	for _, h := range in.headers {
		if h.name == "Cookie" {
			for _, v := range h.values {
				cookies += len(v)
			}
		}
	}
	sizes := [...]int{pathGroup: len(in.path), queryGroup: len(in.query), cookieGroup: cookies}
	for group, size := range sizes {
		if size*worstPerByte > in.max || group == queryGroup && mayAsk(in.query) {
			if err := in.build(group); err != nil {
				return err
			}
		}
	}
	return nil
}

// body parses or prepares to parse r's body.
func (p *Parser) body(r *http.Request, in *Inputs) (*Error, error) {
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		return nil, nil
	}
	m := contentType(r.Header["Content-Type"])
	if m.format == unknown {
		f, err := sniff(r)
		if err != nil {
			return nil, err
		}
		m.format, m.sniffed = f, true
	}
	switch {
	case m.format == opaque:
		return nil, nil
	case m.format == multipartBody && (r.ContentLength < 0 || r.ContentLength > p.o.Limit):
		return p.stream(r, in, m), nil
	}
	return p.held(r, in, m)
}

// held reads the body and parses it.
func (p *Parser) held(r *http.Request, in *Inputs, m media) (*Error, error) {
	text, whole, readErr := p.hold(r)
	// The read made net/http send 100 Continue. Passed on, the expectation
	// would make the client see another one, and a backend that ignores it
	// would be waited for.
	r.Header.Del("Expect")
	b := builder{max: p.o.MaxInputs, wants: in.wanted()}
	err := p.parseHeld(text, m, r.Header["Content-Encoding"], &b)
	if e := in.bodyAsked(&b); err == nil {
		err = e
	}
	in.body = b.inputs
	switch {
	case readErr != nil:
		return nil, fmt.Errorf("read the request's body: %w", readErr)
	case m.sniffed && err != nil && !truncated(err) && (err.Rule == RuleMalformedJSON || err.Rule == RuleEncoding):
		return nil, nil // text that only began as JSON does
	case !whole:
		return p.tooLarge(), nil // that the held part is broken at its end says nothing
	case m.sniffed && truncated(err):
		return nil, nil
	}
	return err, nil
}

func truncated(err *Error) bool { return err != nil && err.Words == endWords }

func (p *Parser) tooLarge() *Error {
	return fail(RuleTooLarge, gatehouse.Body, "the body is larger than %d bytes, the most that is inspected (input.limit)", p.o.Limit)
}

// hold reads the body up to the limit, and puts back what it read. whole is
// false where more follows.
func (p *Parser) hold(r *http.Request) (text string, whole bool, err error) {
	var b strings.Builder
	if r.ContentLength > 0 {
		b.Grow(int(min(r.ContentLength, p.o.Limit)))
	}
	chunk := p.chunks.Get().(*[chunkSize]byte)
	n, err := io.CopyBuffer(&b, io.LimitReader(r.Body, p.o.Limit), chunk[:])
	p.chunks.Put(chunk)
	text = b.String()
	if err != nil {
		r.Body = replay{io.MultiReader(strings.NewReader(text), failing{err}), r.Body}
		return text, false, err
	}
	if n < p.o.Limit {
		r.Body = replay{strings.NewReader(text), r.Body}
		return text, true, nil
	}
	var next [1]byte
	k, err := io.ReadFull(r.Body, next[:])
	switch {
	case k == 1:
		r.Body = replay{io.MultiReader(strings.NewReader(text), strings.NewReader(string(next[:])), r.Body), r.Body}
		return text, false, nil
	case err == io.EOF:
		r.Body = replay{strings.NewReader(text), r.Body}
		return text, true, nil
	}
	r.Body = replay{io.MultiReader(strings.NewReader(text), failing{err}), r.Body}
	return text, false, err
}

// maxSniff is how much white space is read in search of a body's first byte.
const maxSniff = 64

// sniff says whether a body looks like JSON, and puts back what it read.
func sniff(r *http.Request) (format, error) {
	var head [maxSniff]byte
	n, first := 0, byte(0)
	var err error
	for n < len(head) && first == 0 && err == nil {
		var k int
		k, err = r.Body.Read(head[n:])
		n += k
		first = firstByte(head[:n])
	}
	var rest io.Reader = r.Body
	if err != nil {
		rest = failing{err} // the end of the body too
	}
	r.Body = replay{io.MultiReader(strings.NewReader(string(head[:n])), rest), r.Body}
	if err != nil && err != io.EOF {
		return opaque, fmt.Errorf("read the request's body: %w", err)
	}
	if first == '{' || first == '[' {
		return jsonBody, nil
	}
	return opaque, nil
}

// firstByte is the first byte that is neither white space nor part of a byte
// order mark nor zero (UTF-16); zero if there is none.
func firstByte(s []byte) byte {
	for _, c := range s {
		switch c {
		case ' ', '\t', '\r', '\n', 0, 0xEF, 0xBB, 0xBF, 0xFE, 0xFF:
		default:
			return c
		}
	}
	return 0
}

// A replay gives bytes that were read before, and closes the body.
type replay struct {
	io.Reader
	io.Closer
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
