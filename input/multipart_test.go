package input

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	stdmultipart "mime/multipart"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func streamed(t *testing.T, o Options, body io.Reader) (*http.Request, *Inputs) {
	t.Helper()
	r := request("POST", "/", "", multipartType)
	r.Body, r.ContentLength = io.NopCloser(body), -1
	in, err := parser(t, o).Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	if !in.Streamed() {
		t.Fatal("not streamed")
	}
	return r, in
}

func TestMultipart(t *testing.T) {
	head := "Content-Disposition: form-data; name=\"a\"\r\n"
	for _, c := range []struct {
		name, body, rule string
		want             []string
	}{
		{"no parts", "--B--\r\n", "", nil},
		{"preamble and epilogue", "hello\r\n" + parts(field("a", "1")) + "bye", "", []string{"key:multipart=a", "multipart:a=1"}},
		{"no content", "--B\r\n" + head + "\r\n--B--", "", []string{"key:multipart=a", "multipart:a="}},
		{"line feeds", "--B\nContent-Disposition: form-data; name=a\n\nx\n--B--\n", "", []string{"key:multipart=a", "multipart:a=x"}},
		{"folded head", parts("Content-Disposition: form-data;\r\n name=\"a\"\r\n\r\nx"), "", []string{"key:multipart=a", "multipart:a=x"}},
		{"quotes", parts(`Content-Disposition: form-data; name="a\"b"` + "\r\n\r\nx"), "", []string{`key:multipart=a"b`, `key:multipart=a\`, `multipart:a"b=x`, `multipart:a\=x`}},
		{"browser's quote", parts(`Content-Disposition: form-data; name="a%22b"` + "\r\n\r\nx"), "", []string{`key:multipart=a%22b`, `key:multipart=a"b`, `multipart:a%22b=x`, `multipart:a"b=x`}},
		{"curl's file name", parts(`Content-Disposition: form-data; name="f"; filename="a\"b.txt"` + "\r\n\r\nx"), "", []string{"key:multipart=f", `filename:f=a"b.txt`, `filename:f=a\`}},
		{"a file by one reading", parts(`Content-Disposition: form-data; name="a\"; filename="x"` + "\r\n\r\nx"), "", []string{
			`key:multipart=a"; filename=`, `key:multipart=a\`, "filename:a\"; filename==x", `multipart:a"; filename==x`, `multipart:a\=x`}},
		{"filename*", parts(`Content-Disposition: form-data; name="f"; filename="a"; filename*=UTF-8''%27b` + "\r\n\r\nx"), "", []string{
			"key:multipart=f", "filename:f=a", "filename:f='b", "filename:f=UTF-8''%27b"}},
		{"filename* alone", parts(`Content-Disposition: form-data; name="f"; filename*=UTF-8''b` + "\r\n\r\nx"), "", []string{
			"key:multipart=f", "filename:f=b", "filename:f=UTF-8''b", "multipart:f=x"}},
		{"empty file name", parts(`Content-Disposition: form-data; name="f"; filename=""` + "\r\n\r\nx"), "", []string{"key:multipart=f", "filename:f=", "multipart:f=x"}},
		{"JSON part", parts(`Content-Disposition: form-data; name="m"; filename="blob"` + "\r\nContent-Type: application/json\r\n\r\n" + `{"a":"x"}`), "", []string{
			"key:multipart=m", "filename:m=blob", "key:json=a", "json:m.a=x"}},
		{"base64 part", parts(`Content-Disposition: form-data; name="a"` + "\r\nContent-Transfer-Encoding: base64\r\n\r\nJyBvcg=="), "", []string{
			"key:multipart=a", "multipart:a=JyBvcg==", "multipart:a=' or"}},
		{"no end", "--B\r\n" + head + "\r\nx", RuleMalformedMultipart, []string{"key:multipart=a"}},
		{"mixed line ends", "--B\r\n" + head + "\r\nx\n--B\r\nX: y\r\n\r\nhidden\r\n--B--", RuleMalformedMultipart, []string{"key:multipart=a"}},
		{"mixed in the head", "--B\r\nContent-Disposition: form-data; name=a\n\nX: y\r\n\r\nhidden\r\n--B--", RuleMalformedMultipart, nil},
		{"longer boundary", "--B\r\n" + head + "\r\nx\r\n--Bx\r\n--B--", RuleMalformedMultipart, []string{"key:multipart=a"}},
		{"behind the end", "--B--\r\n--B\r\n" + head + "\r\nx\r\n--B--", RuleMalformedMultipart, nil},
		{"two names", parts("Content-Disposition: form-data; name=a; name=b\r\n\r\nx"), RuleMalformedMultipart, nil},
		{"two dispositions", parts("Content-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b\r\n\r\nx"), RuleMalformedMultipart, nil},
		{"endless head", "--B\r\nX: " + strings.Repeat("x", 1<<17), RuleMalformedMultipart, nil},
		{"many parts", "--B" + strings.Repeat("\r\n"+head+"\r\nx\r\n--B", 1e5) + "--", RuleTooLarge, nil},
		{"garbage", strings.Repeat("garbage", 1e6), RuleTooLarge, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			check := func(how string, in *Inputs, err error) {
				if rule(err) != c.rule {
					t.Errorf("%s: error %v, want rule %q", how, err, c.rule)
				}
				if got := list(in.Body()); (c.want != nil || c.rule == "") && !slices.Equal(got, c.want) {
					t.Errorf("%s:\n got %q\nwant %q", how, got, c.want)
				}
			}
			if len(c.body) < 1<<20 {
				r := request("POST", "/", c.body, multipartType)
				in, err := parser(t, Options{}).Parse(r)
				check("held", in, err)
				wantReplay(t, r, c.body)
			}
			for _, slow := range []bool{false, true} {
				var src io.Reader = strings.NewReader(c.body)
				if slow {
					src = iotest.OneByteReader(src)
				}
				r, in := streamed(t, Options{}, src)
				wantReplay(t, r, c.body)
				check(fmt.Sprintf("streamed, slow %v", slow), in, in.Err())
			}
		})
	}
}

func TestMultipart_Boundary(t *testing.T) {
	for typ, want := range map[string]string{
		"multipart/form-data; boundary=B":                           "",
		"multipart/form-data; boundary=\"B\"; charset=utf-8":        "",
		"multipart/form-data":                                       RuleMalformedMultipart,
		"multipart/form-data; boundary=B; boundary=C":               RuleMalformedMultipart,
		"multipart/form-data; boundary=\"B,C\"":                     RuleMalformedMultipart,
		"multipart/form-data; boundary=" + strings.Repeat("B", 1e4): RuleMalformedMultipart,
	} {
		for _, size := range []int64{-1, 0} {
			body := parts(field("a", "1"))
			r := request("POST", "/", body, "Content-Type: "+typ)
			r.ContentLength += size * (r.ContentLength + 1)
			if _, err := parser(t, Options{}).Parse(r); rule(err) != want {
				t.Errorf("%.60s: %v, want rule %q", typ, err, want)
			}
			wantReplay(t, r, body)
		}
	}
	// JavaMail's, which the mime package does not read.
	r := request("POST", "/", strings.ReplaceAll(parts(field("a", "1")), "--B", "------=_Part_1"), "Content-Type: multipart/form-data; boundary=----=_Part_1")
	if in, err := parser(t, Options{}).Parse(r); err != nil || len(in.Body()) != 2 {
		t.Errorf("%v, %q", err, in.Body())
	}
}

func TestStream_HookThatRefuses_EndsTheBody(t *testing.T) {
	refused := errors.New("refused")
	body := parts(field("a", "fine"), field("b", "attack"), field("c", "never"))
	r, in := streamed(t, Options{}, strings.NewReader(body))
	in.OnInput(func(i Input) error {
		if i.Value == "attack" {
			return refused
		}
		return nil
	})
	got, err := io.ReadAll(r.Body)
	if !errors.Is(err, refused) || strings.Contains(string(got), "attack") {
		t.Errorf("the backend got %q, %v", got, err)
	}
	if _, err := r.Body.Read(make([]byte, 1)); !errors.Is(err, refused) {
		t.Errorf("read on: %v", err)
	}
}

func TestStream_End(t *testing.T) {
	stop := errors.New("stop")
	for _, c := range []struct {
		body, rule string
		answer     error
	}{
		{parts(field("a", "1")), "", nil},
		{"--B\r\n", RuleMalformedMultipart, nil},
		{"--B\r\n", RuleMalformedMultipart, stop},
	} {
		r, in := streamed(t, Options{}, strings.NewReader(c.body))
		calls := 0
		in.OnEnd(func(err *Error) error {
			calls++
			if err == nil != (c.rule == "") || err != nil && err.Rule != c.rule {
				t.Errorf("%q: ended with %v", c.body, err)
			}
			return c.answer
		})
		if _, err := io.ReadAll(r.Body); !errors.Is(err, c.answer) || calls != 1 {
			t.Errorf("%q: %v, %d calls", c.body, err, calls)
		}
	}
}

// zeros gives n zero bytes.
type zeros struct{ n int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.n == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), z.n)
	clear(p[:n])
	z.n -= n
	return int(n), nil
}

func TestStream_GigabyteUpload_TakesConstantMemory(t *testing.T) {
	size := int64(1 << 30)
	if testing.Short() || raceEnabled {
		size = 64 << 20
	}
	body := io.MultiReader(
		strings.NewReader("--B\r\n"+field("a", "1")+"\r\n--B\r\nContent-Disposition: form-data; name=f; filename=big\r\n\r\n"),
		&zeros{size}, strings.NewReader("\r\n--B\r\n"+field("b", "2")+"\r\n--B--\r\n"))
	r, in := streamed(t, Options{}, body)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{r.Body}, make([]byte, 32<<10)); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
		t.Errorf("allocated %d bytes in all", grown)
	}
	want := []string{"key:multipart=a", "multipart:a=1", "key:multipart=f", "filename:f=big", "key:multipart=b", "multipart:b=2"}
	if got := list(in.Body()); !slices.Equal(got, want) || in.Err() != nil {
		t.Errorf("got %q, %v", got, in.Err())
	}
}

func TestStream_FieldsBeyondTheLimit(t *testing.T) {
	for _, c := range []struct {
		name, body, rule string
	}{
		{"one field", parts(field("a", strings.Repeat("x", 2000))), RuleTooLarge},
		{"many fields", parts(slices.Repeat([]string{field("a", "x")}, 100)...), RuleTooLarge},
		{"a file", parts("Content-Disposition: form-data; name=f; filename=x\r\n\r\n" + strings.Repeat("x", 20000)), ""},
		{"a file to some", parts("Content-Disposition: form-data; name=f; filename*=x\r\n\r\n" + strings.Repeat("x", 20000)), ""},
	} {
		r, in := streamed(t, Options{Limit: 1000}, strings.NewReader(c.body))
		wantReplay(t, r, c.body)
		if rule(in.Err()) != c.rule {
			t.Errorf("%s: %v, want rule %q", c.name, in.Err(), c.rule)
		}
	}
}

func TestStream_ReadersOnOtherGoroutines(t *testing.T) {
	r, in := streamed(t, Options{}, iotest.HalfReader(strings.NewReader(parts(slices.Repeat([]string{field("a", "x")}, 500)...))))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 200 {
			in.Each(func(Input) bool { return true })
			_, _ = in.Snapshot(), in.Err()
		}
	}()
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		t.Error(err)
	}
	<-done
	if n := len(in.Body()); n != 501 {
		t.Errorf("%d inputs, want 501", n)
	}
}

// FuzzMultipart holds the parser to mime/multipart: where both accept a body
// they find the same fields, and pieces make no difference.
func FuzzMultipart(f *testing.F) {
	f.Add(parts(field("a", "1"), field("b", "x\r\ny")), uint8(3))
	f.Add("--B\n"+"Content-Disposition: form-data; name=a\n\nx\n--B--", uint8(1))
	f.Add("pre\r\n--B \t\r\nContent-Disposition: form-data; name=\"a\\\"b\"; filename=\"\"\r\n\r\n--B--\r\n", uint8(7))
	f.Fuzz(func(t *testing.T, body string, step uint8) {
		p := parser(t, Options{Limit: 1 << 16})
		b := builder{max: 1000}
		err := p.parseMultipart(body, media{format: multipartBody, boundary: "B"}, &b)
		in := &Inputs{max: 1000}
		mp, _ := p.newMultipart(media{boundary: "B"}, &builder{max: 1000, emit: in.arrived})
		var pieces *Error
		for rest := []byte(body); len(rest) > 0 && pieces == nil; {
			n := min(len(rest), int(step)+1)
			pieces, rest = mp.feed(rest[:n]), rest[n:]
		}
		if pieces == nil {
			pieces = mp.finish()
		}
		if (err == nil) != (pieces == nil) || err == nil && !slices.Equal(in.Body(), b.inputs) {
			t.Fatalf("whole: %v %q\npieces: %v %q", err, list(b.inputs), pieces, list(in.Body()))
		}
		if err != nil {
			return
		}
		oracle := stdmultipart.NewReader(strings.NewReader(body), "B")
		for {
			part, partErr := oracle.NextRawPart()
			if partErr != nil {
				return // it is stricter about heads
			}
			content, readErr := io.ReadAll(part)
			if readErr != nil {
				return
			}
			if part.FileName() != "" || part.FormName() == "" {
				continue
			}
			if !slices.ContainsFunc(b.inputs, func(i Input) bool { return i.Value == string(content) }) {
				t.Fatalf("mime/multipart reads %q as %q; got %q", part.FormName(), content, list(b.inputs))
			}
			if !slices.ContainsFunc(b.inputs, func(i Input) bool { return i.Value == part.FormName() }) {
				t.Fatalf("mime/multipart reads the name %q; got %q", part.FormName(), list(b.inputs))
			}
		}
	})
}

func FuzzStream_GivesTheSameBytes(f *testing.F) {
	f.Add([]byte(parts(field("a", "1"))))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, _ := streamed(t, Options{Limit: 4096, MaxInputs: 50}, iotest.HalfReader(bytes.NewReader(body)))
		got, err := io.ReadAll(r.Body)
		if err != nil || !bytes.Equal(got, body) {
			t.Fatalf("%q became %q, %v", body, got, err)
		}
	})
}
