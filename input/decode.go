package input

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/gatehousehq/gatehouse"
	"github.com/klauspost/compress/zstd"
)

const (
	// maxCodings is how many content codings may be stacked.
	maxCodings = 3
	// maxWindow is the largest zstd window, in bytes (RFC 9659 section 3).
	maxWindow = 8 << 20
	// defaultRatio is the decoded to the encoded size above which a body that
	// exceeds its limit is a bomb and not only large.
	defaultRatio = 100
)

type opener func(io.Reader) (io.ReadCloser, error)

// codings are the content codings that can be undone.
var codings = map[string]opener{
	"gzip":      openGzip,
	"x-gzip":    openGzip,
	"deflate":   openDeflate,
	"x-deflate": openDeflate,
	"br":        func(r io.Reader) (io.ReadCloser, error) { return io.NopCloser(brotli.NewReader(r)), nil },
	"zstd":      openZstd,
}

// noCodings are values of Content-Encoding that clients send and that mean
// nothing.
var noCodings = map[string]bool{"": true, "identity": true, "none": true, "utf-8": true, "utf8": true}

func openGzip(r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) }

// openDeflate reads the zlib format that RFC 9110 section 8.4.1.2 means, or
// the bare stream that some clients send instead.
func openDeflate(r io.Reader) (io.ReadCloser, error) {
	b := bufio.NewReaderSize(r, 512)
	head, err := b.Peek(2)
	if err == nil && head[0]&0x0F == 8 && head[0]>>4 <= 7 && (int(head[0])<<8|int(head[1]))%31 == 0 {
		return zlib.NewReader(b)
	}
	return flate.NewReader(b), nil
}

func openZstd(r io.Reader) (io.ReadCloser, error) {
	// One decoder and no goroutine of its own.
	d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, err
	}
	return d.IOReadCloser(), nil
}

// Decoder undoes a Content-Encoding, of up to three codings, giving at most
// limit bytes: beyond them, and beyond as many between two codings, Read
// returns an [*Error] with the rule "bomb" or "too-large". What is not encoded
// as it says is an error with the rule "encoding", here or from Read; a coding
// that is not known likewise, with status 415. Without any coding the result
// reads r, bounded. Close frees the decoders and does not close r.
//
// A decoder takes up to 16 MiB for its window, so bound how many are open.
func Decoder(encoding string, r io.Reader, limit int64) (io.ReadCloser, error) {
	names, err := codingNames([]string{encoding})
	if err != nil {
		return nil, err
	}
	return newDecoder(names, r, limit, defaultRatio)
}

// codingNames lists the codings to undo, in the order they were applied.
func codingNames(lines []string) ([]string, *Error) {
	var list []string
	for _, line := range lines {
		for name := range strings.SplitSeq(line, ",") {
			name = strings.ToLower(strings.Trim(name, " \t"))
			if noCodings[name] {
				continue
			}
			if codings[name] == nil {
				err := fail(RuleEncoding, gatehouse.Body, "a Content-Encoding that can't be inspected: send gzip, deflate, br, zstd or none")
				err.Status = http.StatusUnsupportedMediaType
				return nil, err
			}
			list = append(list, name)
		}
	}
	if len(list) > maxCodings {
		err := fail(RuleEncoding, gatehouse.Body, "%d stacked content codings: at most %d", len(list), maxCodings)
		err.Status = http.StatusUnsupportedMediaType
		return nil, err
	}
	return list, nil
}

func newDecoder(names []string, r io.Reader, limit int64, ratio int) (io.ReadCloser, error) {
	src := &counter{r: r}
	d := &decoder{Reader: src}
	for i := len(names) - 1; i >= 0; i-- {
		opened, err := codings[names[i]](d.Reader)
		if err != nil {
			_ = d.Close() // only memory is freed
			return nil, notEncoded(err)
		}
		d.closers = append(d.closers, opened)
		d.Reader = &bounded{r: opened, left: limit, limit: limit, ratio: ratio, src: src}
	}
	if len(names) == 0 {
		d.Reader = &bounded{r: src, left: limit, limit: limit, ratio: ratio, src: src}
	}
	return d, nil
}

// notEncoded is the error for what a decoder did not accept.
func notEncoded(err error) error {
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	return &Error{
		Rule: RuleEncoding, Place: gatehouse.Place{Kind: gatehouse.Body}, Status: http.StatusBadRequest,
		Words: "the body is not what its Content-Encoding says",
	}
}

type decoder struct {
	io.Reader
	closers []io.Closer
}

func (d *decoder) Close() error {
	var errs []error
	for i := len(d.closers) - 1; i >= 0; i-- {
		errs = append(errs, d.closers[i].Close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close the decoders: %w", err)
	}
	return nil
}

// A counter counts what was taken from the encoded stream, in small steps so
// that the count is near to what was used.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	const step = 2048
	n, err := c.r.Read(p[:min(len(p), step)])
	c.n += int64(n)
	return n, err
}

// A bounded reader gives up to limit bytes of one decoder.
type bounded struct {
	r     io.Reader
	left  int64
	limit int64
	ratio int
	src   *counter
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, b.over()
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.r.Read(p)
	b.left -= int64(n)
	switch {
	case b.left < 0:
		return n - 1, b.over()
	case err != nil && err != io.EOF:
		return n, notEncoded(err)
	}
	return n, err
}

func (b *bounded) over() *Error {
	if (b.limit+1)/max(b.src.n, 1) >= int64(b.ratio) {
		return fail(RuleBomb, gatehouse.Body, "the body decodes to more than %d bytes and %d times its size", b.limit, b.ratio)
	}
	return fail(RuleTooLarge, gatehouse.Body, "the decoded body is larger than %d bytes, the most that is inspected (input.limit)", b.limit)
}

// decode is what text says when its content codings are undone; with an error,
// as much of it as could be decoded.
func (p *Parser) decode(text string, lines []string) (string, *Error) {
	if len(lines) == 0 {
		return text, nil
	}
	names, err := codingNames(lines)
	if err != nil {
		return "", err
	}
	if len(names) == 0 {
		return text, nil
	}
	// A few bytes can ask for a window of 16 MiB: few at a time.
	p.decoders <- struct{}{}
	defer func() { <-p.decoders }()
	var out strings.Builder
	failed := p.copyDecoded(&out, names, text)
	if failed != nil {
		var own *Error
		if !errors.As(failed, &own) {
			own = fail(RuleEncoding, gatehouse.Body, "the body is not what its Content-Encoding says")
		}
		return out.String(), own
	}
	return out.String(), nil
}

func (p *Parser) copyDecoded(out *strings.Builder, names []string, text string) error {
	d, err := newDecoder(names, strings.NewReader(text), p.o.Limit, p.o.MaxRatio)
	if err != nil {
		return err
	}
	defer d.Close()
	chunk := p.chunks.Get().(*[chunkSize]byte)
	defer p.chunks.Put(chunk)
	_, err = io.CopyBuffer(out, d, chunk[:])
	return err
}
