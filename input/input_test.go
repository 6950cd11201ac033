package input

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/gatehousehq/gatehouse"
	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"
)

func parser(t testing.TB, o Options) *Parser {
	t.Helper()
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// request makes one as a server sees it. A header is "Name: value".
func request(method, target, body string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	return r
}

// list writes inputs as "place=value".
func list(inputs []Input) []string {
	var out []string
	for _, i := range inputs {
		out = append(out, i.Place.String()+"="+i.Value)
	}
	return out
}

func rule(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Rule
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func wantReplay(t *testing.T, r *http.Request, want string) {
	t.Helper()
	got, err := io.ReadAll(r.Body)
	if err != nil || string(got) != want {
		t.Errorf("the backend would get %d bytes (%.60q, %v), want the %d sent", len(got), got, err, len(want))
	}
	if err := r.Body.Close(); err != nil {
		t.Error(err)
	}
}

const multipartType = "Content-Type: multipart/form-data; boundary=B"

func parts(parts ...string) string {
	return "--B\r\n" + strings.Join(parts, "\r\n--B\r\n") + "\r\n--B--\r\n"
}

func field(name, value string) string {
	return fmt.Sprintf("Content-Disposition: form-data; name=%q\r\n\r\n%s", name, value)
}

func TestParse_Body(t *testing.T) {
	utf16 := func(s string) string {
		var b strings.Builder
		for _, c := range []byte(s) {
			b.WriteByte(c)
			b.WriteByte(0)
		}
		return b.String()
	}
	jsonType, formType := "Content-Type: application/json", "Content-Type: application/x-www-form-urlencoded"
	for _, c := range []struct {
		name    string
		headers []string
		body    string
		rule    string
		want    []string
	}{
		{"JSON", []string{jsonType}, `{"a":"x","n":-1.5e3,"t":true,"z":null,"items":[{"name":"p"},{"name":"q"}],"l":[1,[2]]}`, "", []string{
			"key:json=a", "json:a=x", "key:json=n", "json:n=-1.5e3", "key:json=t", "json:t=true", "key:json=z", "key:json=items",
			"key:json=name", "json:items[].name=p", "json:items[].name=q", "key:json=l", "json:l[]=1", "json:l[][]=2"}},
		{"JSON, charset", []string{jsonType + "; charset=utf-8"}, `"x"`, "", []string{"json=x"}},
		{"JSON, escapes", []string{jsonType}, `["\u0027\n\ud83d\ude00\ud800x\/"]`, "", []string{"json:[]='\n😀\uFFFDx/"}},
		{"JSON, duplicate members", []string{jsonType}, `{"a":1,"a":2}`, "", []string{"key:json=a", "json:a=1", "json:a=2"}},
		{"JSON, hostile member", []string{jsonType}, `{"a' or":1,"a' or":2}`, "", []string{"key:json=a' or", "json:a' or=1", "key:json=a' or", "json:a' or=2"}},
		{"JSON, empty body", []string{jsonType}, "", "", nil},
		{"JSON, white space", []string{jsonType}, " \n", "", nil},
		{"JSON, BOM", []string{jsonType}, "\uFEFF{\"a\":1}", "", []string{"key:json=a", "json:a=1"}},
		{"JSON, UTF-16", []string{jsonType}, utf16(`{"a":"x"}`), "", []string{"key:json=a", "json:a=x"}},
		{"JSON, UTF-16 with BOM", []string{jsonType + "; charset=utf-16"}, "\xFF\xFE" + utf16(`["x"]`), "", []string{"json:[]=x"}},
		{"JSON, not UTF-8", []string{jsonType}, "[\"\xff'\"]", "", []string{"json:[]=\xff'", "json:[]=\uFFFD'"}},
		{"JSON, charset that hides", []string{jsonType + "; charset=ibm037"}, "x", RuleEncoding, nil},
		{"JSON, bulk", []string{jsonType}, "{\"index\":{}}\n{\"f\":\"v\"}\n", "", []string{"key:json=index", "key:json=f", "json:f=v"}},
		{"JSON, trailing comma", []string{jsonType}, `{"a":"x",}`, RuleMalformedJSON, []string{"key:json=a", "json:a=x"}},
		{"JSON, cut off", []string{jsonType}, `{"a":"x","b":`, RuleMalformedJSON, []string{"key:json=a", "json:a=x", "key:json=b"}},
		{"problem+json", []string{"Content-Type: application/merge-patch+json"}, `[1]`, "", []string{"json:[]=1"}},
		{"csp-report", []string{"Content-Type: application/csp-report"}, `{"csp-report":{"document-uri":"u"}}`, "",
			[]string{"key:json=csp-report", "key:json=document-uri", "json:csp-report.document-uri=u"}},
		{"ndjson", []string{"Content-Type: application/x-ndjson"}, "1\n2\n", "", []string{"json=1", "json=2"}},
		{"json-seq", []string{"Content-Type: application/json-seq"}, "\x1e1\n\x1e2\n", "", []string{"json=1", "json=2"}},
		{"beacon", []string{"Content-Type: text/plain;charset=UTF-8"}, ` {"e":"v"}`, "", []string{"key:json=e", "json:e=v"}},
		{"no type", nil, `["v"]`, "", []string{"json:[]=v"}},
		{"no type, text", nil, `hello`, "", nil},
		{"log lines", []string{"Content-Type: text/plain"}, `[INFO] started`, "", nil},
		{"form", []string{formType}, "a=1&b=x+y%27&a=2&c", "", []string{
			"key:form=a", "form:a=1", "key:form=b", "form:b=x y'", "form:b=x+y'", "form:a=2", "key:form=c", "form:c=", "form:a=1,2"}},
		{"form, semicolon", []string{formType}, "a=1;b=2", "", []string{
			"key:form=a", "form:a=1;b=2", "form:a=1", "key:form=b", "form:b=2", "form:a=1;b=2,1"}},
		{"form, brackets", []string{formType}, "u[n][0;drop]=v&p.q=w", "", []string{
			"key:form=u[n][0;drop]", "key:form=n", "key:form=0;drop", "form:u[n][0;drop]=v",
			"key:form=u[n][0", "key:form=n", "key:form=0", "form:u[n][0=", "key:form=drop]", "form:drop]=v",
			"key:form=p.q", "key:form=q", "form:p.q=w"}},
		{"form, broken escapes", []string{formType}, "q=100%&s=se%lect%u0027", "", []string{
			"key:form=q", "form:q=100%", "form:q=100", "key:form=s", "form:s=se%lect%u0027", "form:s=se%lect'", "form:s=selectu0027"}},
		{"form that is JSON", []string{formType}, `{"a":"b"}`, "", []string{`key:form={"a":"b"}`, `form:{"a":"b"}=`, "key:json=a", "json:a=b"}},
		{"form, UTF-16", []string{formType + "; charset=utf-16"}, "a=1", RuleEncoding, nil},
		{"multipart", []string{multipartType}, parts(field("a", "x\r\ny"), field("b", ""),
			"Content-Disposition: form-data; name=\"f\"; filename=\"c.txt\"\r\nContent-Type: text/plain\r\n\r\nsecret"), "", []string{
			"key:multipart=a", "multipart:a=x\r\ny", "key:multipart=b", "multipart:b=", "key:multipart=f", "filename:f=c.txt"}},
		{"octet-stream", []string{"Content-Type: application/octet-stream"}, `{"a":1}`, "", nil},
		{"gRPC", []string{"Content-Type: application/grpc+proto"}, `{"a":1}`, "", nil},
		{"XML", []string{"Content-Type: application/xml"}, `<a/>`, "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, method := range []string{"POST", "GET", "DELETE"} {
				r := request(method, "/", c.body, c.headers...)
				in, err := parser(t, Options{}).Parse(r)
				if rule(err) != c.rule {
					t.Errorf("%s: error %v, want rule %q", method, err, c.rule)
				}
				if got := list(in.Body()); !slices.Equal(got, c.want) {
					t.Errorf("%s:\n got %q\nwant %q", method, got, c.want)
				}
				wantReplay(t, r, c.body)
			}
		})
	}
}

func TestParse_Head(t *testing.T) {
	for _, c := range []struct {
		name, target string
		headers      []string
		want         []string
	}{
		{"plain", "/shop/42?q=a+b&page=2", nil, []string{"path:0=shop", "path:1=42", "key:query=q", "query:q=a b", "key:query=page", "query:page=2", "header:Host=example.com"}},
		{"npm", "/@scope%2fname/-/x.tgz", nil, []string{"path:0=@scope/name", "path:0+=@scope/name/-/x.tgz", "path:1=-", "path:1+=-/x.tgz", "path:2=x.tgz", "header:Host=example.com"}},
		{"over segments", "/f/x'/**/or/1", nil, []string{"path:0=f", "path:1=x'", "path:1+=x'/**/or/1", "path:2=**", "path:2+=**/or/1", "path:3=or", "path:3+=or/1", "path:4=1", "header:Host=example.com"}},
		{"matrix", "/a;v=1%27", nil, []string{"path:0=a;v=1'", "path:0=a", "path:0=1'", "header:Host=example.com"}},
		{"cookies", "/", []string{`Cookie: a=1; b="x y"; c=%27+or; d=a+b/c==`}, []string{
			"cookie:a=1", `cookie:b="x y"`, "cookie:b=x y", "cookie:c=%27+or", "cookie:c='+or", "cookie:c=' or", "cookie:d=a+b/c==", "header:Host=example.com"}},
		{"quoted cookie", "/", []string{`Cookie: a="x\047; b=y"; c=1`}, []string{
			`cookie:a="x\047`, `cookie:a=x'`, `cookie:a=x'; b=y`, `cookie:b=y"`, "cookie:c=1", "header:Host=example.com"}},
		{"headers", "/", []string{"X-B: 1", "X-A: 2", "X-A: 3", "Authorization: Basic YTonOmI="}, []string{
			"header:Host=example.com", "header:Authorization=Basic YTonOmI=", "header:Authorization=a", "header:Authorization=':b",
			"header:X-A=2", "header:X-A=3", "header:X-A=2, 3", "header:X-B=1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			in, err := parser(t, Options{}).Parse(request("GET", c.target, "", c.headers...))
			if err != nil {
				t.Fatal(err)
			}
			if got := list(in.Snapshot()); !slices.Equal(got, c.want) {
				t.Errorf("\n got %q\nwant %q", got, c.want)
			}
			var each []Input
			in.Each(func(i Input) bool { each = append(each, i); return true })
			if !slices.Equal(each, in.Snapshot()) {
				t.Error("Each and Snapshot differ")
			}
		})
	}
}

// encode applies content codings in order.
func encode(t testing.TB, s string, names ...string) string {
	t.Helper()
	for _, name := range names {
		var b bytes.Buffer
		var w io.WriteCloser
		switch name {
		case "gzip":
			w = gzip.NewWriter(&b)
		case "deflate":
			w = zlib.NewWriter(&b)
		case "raw":
			w, _ = flate.NewWriter(&b, 9)
		case "br":
			w = brotli.NewWriter(&b)
		case "zstd":
			w, _ = zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1))
		}
		if _, err := io.WriteString(w, s); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		s = b.String()
	}
	return s
}

func TestParse_ContentEncoding(t *testing.T) {
	zeros := `["` + strings.Repeat("0", 4<<20) + `"]`
	plain := `{"a":"x"}`
	found := []string{"key:json=a", "json:a=x"}
	two := encode(t, `{"a":`, "gzip") + encode(t, `"x"}`, "gzip")
	for _, c := range []struct {
		name, encoding, body, rule string
		want                       []string
	}{
		{"gzip", "gzip", encode(t, plain, "gzip"), "", found},
		{"x-gzip", "X-GZIP", encode(t, plain, "gzip"), "", found},
		{"members", "gzip", two, "", found},
		{"deflate", "deflate", encode(t, plain, "deflate"), "", found},
		{"raw deflate", "deflate", encode(t, plain, "raw"), "", found},
		{"br", "br", encode(t, plain, "br"), "", found},
		{"zstd", "zstd", encode(t, plain, "zstd"), "", found},
		{"stacked", "gzip, br, zstd", encode(t, plain, "gzip", "br", "zstd"), "", found},
		{"identity", "identity", plain, "", found},
		{"a charset by mistake", "UTF-8", plain, "", found},
		{"four", "gzip, gzip, gzip, gzip", encode(t, plain, "gzip", "gzip", "gzip", "gzip"), RuleEncoding, nil},
		{"unknown", "compress", plain, RuleEncoding, found},
		{"not encoded", "gzip", plain, RuleEncoding, found},
		{"cut off", "gzip", encode(t, plain, "gzip")[:20], RuleEncoding, nil},
		{"gzip bomb", "gzip", encode(t, zeros, "gzip"), RuleBomb, nil},
		{"deflate bomb", "deflate", encode(t, zeros, "deflate"), RuleBomb, nil},
		{"br bomb", "br", encode(t, zeros, "br"), RuleBomb, nil},
		{"zstd bomb", "zstd", encode(t, zeros, "zstd"), RuleBomb, nil},
		{"nested bomb", "gzip, gzip", encode(t, zeros, "gzip", "gzip"), RuleBomb, nil},
		{"bomb that ends in nothing", "gzip, gzip", encode(t, strings.Repeat(encode(t, "", "gzip"), 1<<17), "gzip"), RuleBomb, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := request("POST", "/", c.body, "Content-Type: application/json", "Content-Encoding: "+c.encoding)
			in, err := parser(t, Options{}).Parse(r)
			if rule(err) != c.rule {
				t.Errorf("error %v, want rule %q", err, c.rule)
			}
			if c.want != nil && !slices.Equal(list(in.Body()), c.want) {
				t.Errorf("got %q, want %q", list(in.Body()), c.want)
			}
			wantReplay(t, r, c.body)
		})
	}
}

func TestParse_UndecodedForm_IsInputToo(t *testing.T) {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.NoCompression)
	w.Name = "x&id=1' or 1=1&y="
	_, _ = io.WriteString(w, "a=harmless")
	_ = w.Close()
	r := request("POST", "/", b.String(), "Content-Type: application/x-www-form-urlencoded", "Content-Encoding: gzip")
	in, err := parser(t, Options{}).Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	got := list(in.Body())
	if !slices.Contains(got, "form:id=1' or 1=1") || !slices.Contains(got, "form:a=harmless") {
		t.Errorf("got %q", got)
	}
}

func TestParse_Limits(t *testing.T) {
	small := Options{Limit: 1000, MaxInputs: 100, MaxDepth: 10}
	for _, c := range []struct {
		name   string
		o      Options
		target string
		header string
		body   string
		rule   string
	}{
		{"as large as the limit", small, "/", "Content-Type: application/json", `"` + strings.Repeat("x", 998) + `"`, ""},
		{"a byte more", small, "/", "Content-Type: application/json", `"` + strings.Repeat("x", 999) + `"`, RuleTooLarge},
		{"a large upload of text", small, "/", "Content-Type: text/plain", "[x" + strings.Repeat("x", 9999), ""},
		{"a large beacon", small, "/", "Content-Type: text/plain", `["` + strings.Repeat("x", 9999) + `"]`, RuleTooLarge},
		{"depth", small, "/", "Content-Type: application/json", strings.Repeat("[", 10) + strings.Repeat("]", 10), ""},
		{"more depth", small, "/", "Content-Type: application/json", strings.Repeat("[", 11) + strings.Repeat("]", 11), RuleTooDeep},
		{"a million brackets", Options{}, "/", "Content-Type: application/json", strings.Repeat("[", 1e6), RuleTooDeep},
		{"a million members", Options{}, "/", "Content-Type: application/json", strings.Repeat(`{"a":`, 2e5), RuleTooDeep},
		{"many values", small, "/", "Content-Type: application/json", "[" + strings.Repeat("1,", 200) + "1]", RuleTooManyInputs},
		{"half a million parameters", Options{}, "/?" + strings.Repeat("&a", 5e5), "", "", RuleTooManyInputs},
		{"half a million fields", Options{}, "/", "Content-Type: application/x-www-form-urlencoded", strings.Repeat("a&", 5e5), RuleTooManyInputs},
		{"half a million cookies", Options{}, "/", "Cookie: " + strings.Repeat("a;", 5e5), "", RuleTooManyInputs},
		{"quotes in cookies", Options{}, "/", "Cookie: " + strings.Repeat("a=\";", 2e5), "", RuleTooManyInputs},
		{"semicolons", Options{}, "/?" + strings.Repeat(";", 5e5), "", "", ""},
		{"segments", Options{}, "/" + strings.Repeat("'/", 5e5), "", "", RuleTooManyInputs},
		{"distinct names", Options{}, "/", "Content-Type: application/json", distinct(50_000), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := request("POST", "/", c.body)
			r.URL.Path, r.URL.RawQuery, _ = strings.Cut(c.target, "?")
			if name, value, ok := strings.Cut(c.header, ": "); ok {
				r.Header.Set(name, value)
			}
			in, err := parser(t, c.o).Parse(r)
			if rule(err) != c.rule {
				t.Errorf("error %v, want rule %q", err, c.rule)
			}
			if c.o.MaxInputs > 0 && len(in.Body()) > c.o.MaxInputs {
				t.Errorf("%d inputs", len(in.Body()))
			}
			wantReplay(t, r, c.body)
		})
	}
}

func distinct(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"k%d":1}`, i)
	}
	return b.String()
}

func TestParse_BodyThatBreaks_GivesItsErrorToBoth(t *testing.T) {
	broken := errors.New("connection reset")
	r := request("POST", "/", "", "Content-Type: application/json")
	r.Body, r.ContentLength = io.NopCloser(io.MultiReader(strings.NewReader(`{"a":1`), failing{broken})), 100
	in, err := parser(t, Options{}).Parse(r)
	if !errors.Is(err, broken) || rule(err) == RuleMalformedJSON {
		t.Errorf("error %v, want the connection's", err)
	}
	if got := list(in.Body()); !slices.Equal(got, []string{"key:json=a", "json:a=1"}) {
		t.Errorf("got %q", got)
	}
	body, err := io.ReadAll(r.Body)
	if string(body) != `{"a":1` || !errors.Is(err, broken) {
		t.Errorf("the backend would get %q, %v", body, err)
	}
}

func TestParse_OtherTypes_AreNotRead(t *testing.T) {
	for _, typ := range []string{"application/grpc", "application/octet-stream", "image/png", "application/x-git-receive-pack-request", "multipart/mixed; boundary=x", "application/xml"} {
		r := request("POST", "/", "", "Content-Type: "+typ)
		r.Body, r.ContentLength = io.NopCloser(failing{errors.New("read before the backend asked")}), -1
		body := r.Body
		if _, err := parser(t, Options{}).Parse(r); err != nil || r.Body != body {
			t.Errorf("%s: %v", typ, err)
		}
	}
}

func TestNew_RefusesNegativeOptions(t *testing.T) {
	for _, o := range []Options{{Limit: -1}, {MaxInputs: -1}, {MaxDepth: -1}, {MaxRatio: -1}, {MaxField: -1}, {Limit: 1, MaxField: 2}} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
}

func TestDecoder(t *testing.T) {
	var random strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&random, "%x", i*i*7919)
	}
	for _, c := range []struct {
		name, encoding, body string
		limit                int64
		want, rule           string
	}{
		{"none", "", "abc", 3, "abc", ""},
		{"none, longer", "identity", "abcd", 3, "abc", RuleTooLarge},
		{"exactly", "gzip", encode(t, "abc", "gzip"), 3, "abc", ""},
		{"a byte more", "gzip", encode(t, "abcd", "gzip"), 3, "abc", RuleTooLarge},
		{"stacked", "deflate,br", encode(t, "abc", "deflate", "br"), 100, "abc", ""},
		{"large but no bomb", "zstd", encode(t, random.String(), "zstd"), 20_000, random.String()[:20_000], RuleTooLarge},
		{"cut off", "zstd", encode(t, "abc", "zstd")[:10], 100, "", RuleEncoding},
		{"unknown", "exi", "abc", 100, "", RuleEncoding},
		{"not gzip", "gzip", "abcdefghijklmnopqrstuvwxyz", 100, "", RuleEncoding},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := Decoder(c.encoding, strings.NewReader(c.body), c.limit)
			if err != nil {
				if rule(err) != c.rule || c.want != "" {
					t.Errorf("%v, want rule %q", err, c.rule)
				}
				return
			}
			got, err := io.ReadAll(d)
			if string(got) != c.want || rule(err) != c.rule {
				t.Errorf("got %d bytes, %v, want %d and rule %q", len(got), err, len(c.want), c.rule)
			}
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestError_Decision(t *testing.T) {
	_, err := parser(t, Options{}).Parse(request("POST", "/", "{", "Content-Type: application/json"))
	var e *Error
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	d := e.Decision()
	if d.Verdict != gatehouse.Deny || d.Rule != RuleMalformedJSON || d.HTTPStatus() != 400 || d.Evidence == "" {
		t.Errorf("%+v", d)
	}
}

func TestStructural(t *testing.T) {
	for name, want := range map[string]bool{"Host": true, "Content-Length": true, "Sec-Fetch-Site": true, "User-Agent": false, "Referer": false, "X-Api-Key": false} {
		if Structural(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
