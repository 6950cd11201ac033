package input

import (
	"bytes"
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
)

// streaming is a form that streams, read in pieces of the reader's own.
func streaming(t *testing.T, body string, from func(io.Reader) io.Reader) (*Inputs, io.Reader) {
	t.Helper()
	p, err := New(Options{Limit: 1 << 10, MaxField: 1 << 10})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("POST", "/login", from(strings.NewReader(body)))
	r.ContentLength = -1
	r.Header.Set("Content-Type", "multipart/form-data; boundary=xyz")
	in, err := p.Parse(r)
	if err != nil || !in.Streamed() {
		t.Fatalf("streamed %v, %v", in.Streamed(), err)
	}
	return in, r.Body
}

var errRefused = errors.New("refused")

const (
	closedForm = "--xyz\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\nann\r\n--xyz\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nguess\r\n--xyz--"
	openForm   = "--xyz\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\nann\r\n--xyz\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nguess"
)

// TestOnComplete_FormIsRefused_NobodyHasItWhole, however it is cut into pieces, and
// whether or not it is closed or something follows.
func TestOnComplete_FormIsRefused_NobodyHasItWhole(t *testing.T) {
	for name, from := range map[string]func(io.Reader) io.Reader{"whole": func(r io.Reader) io.Reader { return r }, "bytes": iotest.OneByteReader, "halves": iotest.HalfReader, "with its end": iotest.DataErrReader} {
		for _, body := range []string{closedForm, closedForm + "\r\n", closedForm + "\r\n" + strings.Repeat("x", 500), openForm, openForm + "\r\n--xyz", openForm + "\r\n--xyz-"} {
			for _, size := range []int{1, 2, 7, 4096} {
				in, r := streaming(t, body, from)
				told, values := 0, 0
				in.OnComplete(func() error {
					told++
					values = len(in.Body())
					return errRefused
				})
				got, err := readBy(r, size)
				if !errors.Is(err, errRefused) || told != 1 || len(got) >= len(body) || bytes.Contains(got, []byte("--xyz--")) {
					t.Errorf("%s by %d: %q of %q, %v, told %d times", name, size, got, body, err, told)
				}
				if strings.HasPrefix(body, closedForm) && values < 2 {
					t.Errorf("%s by %d: judged by %d values", name, size, values)
				}
			}
		}
	}
}

func TestStream_FormPasses_AsItIs(t *testing.T) {
	for name, from := range map[string]func(io.Reader) io.Reader{"whole": func(r io.Reader) io.Reader { return r }, "bytes": iotest.OneByteReader, "halves": iotest.HalfReader, "with its end": iotest.DataErrReader} {
		for _, body := range []string{closedForm, closedForm + "\r\n", openForm, "", "-", "--xyz\rno form" + strings.Repeat("y", 3000), closedForm + "\r\n--xyz\r\n"} {
			for _, size := range []int{1, 2, 7, 4096} {
				in, r := streaming(t, body, from)
				told := 0
				in.OnComplete(func() error {
					told++
					return nil
				})
				if got, err := readBy(r, size); err != nil || string(got) != body || told != 1 {
					t.Errorf("%s by %d: %q of %q, %v, told %d times", name, size, got, body, err, told)
				}
			}
		}
	}
}

func readBy(r io.Reader, size int) (all []byte, err error) {
	p := make([]byte, size)
	for {
		n, err := r.Read(p)
		all = append(all, p[:n]...)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
	}
}
