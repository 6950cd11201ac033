package input

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"sort"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gatehousehq/gatehouse"
)

// scalars collects what encoding/json reads, as sorted texts.
func scalars(v any, out []string) []string {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			out = scalars(member, append(out, name))
		}
	case []any:
		for _, element := range v {
			out = scalars(element, out)
		}
	case nil:
	default:
		out = append(out, fmt.Sprint(v))
	}
	return out
}

// FuzzJSON holds the walker to encoding/json: the same texts accepted, except
// for those jsonInputs names, and every value found.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{`{"a":[1,-2.5e+3,"x\u00e9\ud83d\ude00",true,null,{}],"b":{"c":""}}`, `[]`, `"\ud800\ud800"`, "01", "-", "[1,]", `{"a":1,}`, "\x1e1", "1 2", "\xff", "\"\xff\"", `{"a" :1 , "a": [ ] }`, "nul", "tru e", `["\/"]`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b := builder{max: 1 << 20}
		err := jsonInputs(s, "", 1000, &b)
		valid := json.Valid([]byte(s))
		for _, i := range b.inputs {
			if len(i.Place.Name) > maxPlaceName || !utf8.ValidString(i.Place.Name) {
				t.Fatalf("the place %q", i.Place.Name)
			}
		}
		if valid && err != nil && err.Rule != RuleTooDeep {
			t.Fatalf("%q: %v", s, err)
		}
		if !valid {
			d := json.NewDecoder(strings.NewReader(strings.ReplaceAll(strings.TrimPrefix(s, "\uFEFF"), "\x1e", " ")))
			var decodeErr error
			for decodeErr == nil {
				var v json.RawMessage
				decodeErr = d.Decode(&v)
			}
			if (decodeErr == io.EOF) != (err == nil) && !strings.Contains(s, "\x1e") {
				t.Fatalf("%q: %v, encoding/json: %v", s, err, decodeErr)
			}
			return
		}
		d := json.NewDecoder(strings.NewReader(s))
		d.UseNumber()
		var v any
		if d.Decode(&v) != nil || err != nil {
			return
		}
		have := map[string]bool{}
		for _, i := range b.inputs {
			have[i.Value] = true
		}
		for _, want := range scalars(v, nil) {
			if !have[want] && !have[strings.ReplaceAll(want, "\uFFFD", "")] && !hasLoose(b.inputs, want) {
				t.Fatalf("%q: %q is missing in %q", s, want, list(b.inputs))
			}
		}
	})
}

// hasLoose compares with runs of U+FFFD as one: strings.ToValidUTF8 replaces a
// run of bad bytes by one, encoding/json each.
func hasLoose(inputs []Input, want string) bool {
	squeeze := func(s string) string {
		for strings.Contains(s, "\uFFFD\uFFFD") {
			s = strings.ReplaceAll(s, "\uFFFD\uFFFD", "\uFFFD")
		}
		return s
	}
	return slices.ContainsFunc(inputs, func(i Input) bool { return squeeze(i.Value) == squeeze(want) })
}

// FuzzForm holds the pairs to net/url's: every pair that it reads is found.
func FuzzForm(f *testing.F) {
	for _, seed := range []string{"a=1&b=2", "a=%27+x&a=2", "a;b=c", "u[n][0]=v", "%zz=%u0027&100%", "a=%ff", "=&=", strings.Repeat("n=1&", 40)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b := builder{max: 1 << 20}
		if err := pairInputs(s, gatehouse.Query, &b); err != nil {
			t.Fatal(err)
		}
		have := map[string]bool{}
		for _, i := range b.inputs {
			have[i.Place.String()+"="+i.Value] = true
		}
		values, _ := url.ParseQuery(s)
		names := make([]string, 0, len(values))
		for name := range values {
			names = append(names, name)
		}
		sort.Strings(names)
		for _, name := range names {
			if !have["key:query="+name] {
				t.Fatalf("%q: the name %q is missing in %q", s, name, list(b.inputs))
			}
			for _, value := range values[name] {
				if !have[gatehouse.Place{Kind: gatehouse.Query, Name: placeName(name)}.String()+"="+value] {
					t.Fatalf("%q: %q of %q is missing in %q", s, value, name, list(b.inputs))
				}
			}
		}
	})
}

var fuzzTypes = []string{"application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=B", "text/plain", "", "image/png", "application/json; charset=utf-16"}

// FuzzParse: whatever the body, it is passed on as it came, nothing panics,
// and the bounds hold.
func FuzzParse(f *testing.F) {
	codings := []string{"", "gzip", "deflate", "br", "zstd", "gzip, br"}
	f.Add([]byte(`{"a":1}`), uint8(0), uint8(0), uint8(0), "q=1", "/a/b;c=d/%27", `a="b;c\047"`)
	f.Add([]byte(encode(f, "a=1", "gzip")), uint8(1), uint8(1), uint8(1), "", "/", "")
	f.Add([]byte(encode(f, "[1]", "zstd")), uint8(0), uint8(4), uint8(1), "", "/", "")
	f.Add([]byte(parts(field("a", "1"))), uint8(2), uint8(0), uint8(1), "", "/", "")
	f.Fuzz(func(t *testing.T, body []byte, typ, coding, chunked uint8, query, path, cookie string) {
		r := request("POST", "/", "")
		r.URL.RawQuery, r.URL.Path = query, path
		r.Header.Set("Cookie", cookie)
		r.Header.Set("Content-Type", fuzzTypes[int(typ)%len(fuzzTypes)])
		r.Header.Set("Content-Encoding", codings[int(coding)%len(codings)])
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		if chunked%2 == 1 {
			r.ContentLength = -1
		}
		length := r.ContentLength
		in, _ := parser(t, Options{Limit: 4096, MaxInputs: 200}).Parse(r)
		got, err := io.ReadAll(r.Body)
		if err != nil || r.ContentLength != length || length != 0 && !bytes.Equal(got, body) {
			t.Fatalf("%q became %q, %v", body, got, err)
		}
		n := 0
		in.Each(func(i Input) bool {
			n++
			if len(i.Place.Name) > maxPlaceName || !utf8.ValidString(i.Place.Name) {
				t.Fatalf("the place %q", i.Place.Name)
			}
			return true
		})
		if n > 5*2*200 {
			t.Fatalf("%d inputs", n)
		}
	})
}
