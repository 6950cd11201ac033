package sanitize

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

func newSanitizer(t testing.TB) *Sanitizer {
	t.Helper()
	s, err := New(Options{Fields: []Fields{{Path: "/posts/{id}", Names: []string{"body", "post.body", "items[].text"}}}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// runs are texts of which something must go.
var runs = []string{
	"<script>alert(1)</script>", "<p>a<script src=//evil.example/x></script></p>", "<img src=x onerror=alert(1)>", "<svg onload=alert(1)>", "<a href='javascript:alert(1)'>x</a>",
	"<a href=' java\tscript:alert(1)'>x</a>", "<iframe src=//evil.example></iframe>", "<iframe srcdoc='<script>alert(1)</script>'></iframe>", "<object data=x></object>", "<embed src=x>",
	"<base href=//evil.example>", "<meta http-equiv=refresh content=0>", "<form action=//evil.example><input name=password></form>", "<style>@import '//evil.example'</style>", "<math><mi xlink:href='javascript:alert(1)'>x</mi></math>",
	"<p style=\"background:url(javascript:alert(1))\">x</p>", "<p onclick=alert(1)>x</p>", "<a href=data:text/html,<script>alert(1)</script>>x</a>", "<details open ontoggle=alert(1)>", "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
	"<!--><img src=x onerror=alert(1)>-->", "<svg><style><img src=x onerror=alert(1)></style></svg>", "<template><script>alert(1)</script></template>", "<isindex action=javascript:alert(1) type=image>", "<x onfocus=alert(1) autofocus tabindex=1>",
}

// editors are what editors write; nothing of it may change.
var editors = []string{
	"", "plain text", "a < b && c > d", "AT&T", "&lt;script&gt; is how a script begins", "it's \"quoted\"", "<p>a paragraph</p>", "<p>A &amp; B, 1 &lt; 2</p>", "<h2 class=\"title\">x</h2>",
	"<p style=\"text-align: center;\">x</p>", "<p><strong>b</strong> <em>i</em> <u>u</u> <s>s</s><br />y</p>", "<ul><li>one</li><li>two</li></ul>", "<ol start=\"3\"><li>x</li></ol>",
	"<a href=\"https://example.com/?a=1&amp;b=2\">x</a>", "<a href=\"/orders/17\" title=\"y\">x</a>", "<a href=\"mailto:a@example.com\">x</a>", "<img src=\"/i.png\" alt=\"x\" width=\"10\" height=\"20\">",
	"<table border=\"1\"><thead><tr><th>a</th></tr></thead><tbody><tr><td colspan=\"2\">b</td></tr></tbody></table>", "<pre><code>if (a &lt; b) { return; }</code></pre>", "<blockquote>x</blockquote>",
	"<span style=\"color: #ff0000; font-size: 14px\">x</span>", "<p>größer &uuml;&nbsp;x</p>", "line\r\nline\r\n", "<hr>", "<sub>2</sub><sup>3</sup>",
}

func TestValue_WhatRuns_IsTakenOut(t *testing.T) {
	s := newSanitizer(t)
	for _, text := range runs {
		clean, changed := s.Value(text)
		if !changed || executable(clean) {
			t.Errorf("%q became %q", text, clean)
		}
		if again, changed := s.Value(clean); changed {
			t.Errorf("%q, cleaned again, became %q", clean, again)
		}
	}
}

// executable reports whether a text has what the policy never lets stand.
func executable(text string) bool {
	z := html.NewTokenizer(strings.NewReader(text))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return false
		case html.StartTagToken, html.SelfClosingTagToken:
			token := z.Token()
			switch token.Data {
			case "script", "iframe", "object", "embed", "base", "meta", "form", "style", "svg", "math", "template":
				return true
			}
			for _, a := range token.Attr {
				if strings.HasPrefix(a.Key, "on") || strings.Contains(strings.ToLower(a.Val), "javascript:") || a.Key == "srcdoc" {
					return true
				}
			}
		}
	}
}

func TestValue_WhatEditorsWrite_StaysByteForByte(t *testing.T) {
	s := newSanitizer(t)
	for _, text := range editors {
		if clean, changed := s.Value(text); changed || clean != text {
			t.Errorf("%q became %q", text, clean)
		}
	}
}

const attack = `<p>x</p><script>alert(1)</script>`

func TestRewrite_EachKind_ChangesTheFieldAlone(t *testing.T) {
	s := newSanitizer(t)
	names := s.Names("/posts/7")
	quoted, _ := json.Marshal(attack)
	for _, c := range []struct{ kind, body, want, place string }{
		{"application/x-www-form-urlencoded", "a=%3cb%3e&body=" + url.QueryEscape(attack) + "&z=1+2", "a=%3cb%3e&body=%3Cp%3Ex%3C%2Fp%3E&z=1+2", "form:body"},
		{"application/x-www-form-urlencoded", "body[]=" + url.QueryEscape(attack), "body[]=%3Cp%3Ex%3C%2Fp%3E", "form:body[]"},
		{"application/x-www-form-urlencoded; charset=UTF-8", "title=<script>&body=plain%20text", "", ""},
		{"application/json", `{"id": 1.50, "body" : ` + string(quoted) + `, "x":"<script>"}`, `{"id": 1.50, "body" : "\u003cp\u003ex\u003c/p\u003e", "x":"<script>"}`, "json:body"},
		{"application/vnd.api+json", `{"post":{"body":` + string(quoted) + `}}`, `{"post":{"body":"\u003cp\u003ex\u003c/p\u003e"}}`, "json:post.body"},
		{"application/json", `{"items":[{"text":` + string(quoted) + `}, 2]}`, `{"items":[{"text":"\u003cp\u003ex\u003c/p\u003e"}, 2]}`, "json:items[].text"},
		{"text/plain", ` {"body":` + string(quoted) + `}`, ` {"body":"\u003cp\u003ex\u003c/p\u003e"}`, "json:body"},
		{"application/json", `{"body":"\u003cb\u003e"}`, "", ""},
		{"multipart/form-data; boundary=B", "--B\r\nContent-Disposition: form-data; name=\"body\"\r\n\r\n" + attack + "\r\n--B\r\nContent-Disposition: form-data; name=\"body\"; filename=\"x.html\"\r\nContent-Type: text/html\r\n\r\n" + attack + "\r\n--B--\r\n",
			"--B\r\nContent-Disposition: form-data; name=\"body\"\r\n\r\n<p>x</p>\r\n--B\r\nContent-Disposition: form-data; name=\"body\"; filename=\"x.html\"\r\nContent-Type: text/html\r\n\r\n" + attack + "\r\n--B--\r\n", "multipart:body"},
	} {
		out, changed, err := s.Rewrite(c.kind, names, []byte(c.body))
		if c.want == "" {
			if err != nil || len(changed) > 0 || string(out) != c.body {
				t.Errorf("%s %q became %q, %v", c.kind, c.body, out, err)
			}
			continue
		}
		if err != nil || string(out) != c.want || len(changed) != 1 || changed[0].String() != c.place {
			t.Errorf("%s %q:\n got %q at %v, %v\nwant %q", c.kind, c.body, out, changed, err, c.want)
		}
	}
}

func TestRewrite_WhatCantBeRead_IsAnError(t *testing.T) {
	s := newSanitizer(t)
	for kind, body := range map[string]string{
		"application/json":                `{"body":"x",}`,
		"application/json; charset=utf-8": `{"body":"x"} {}`,
		"multipart/form-data":             "x",
		"multipart/form-data; boundary=B": "--B\r\nContent-Disposition: form-data; name=body\r\n\r\nx",
		"multipart/form-data; boundary=C": "--C\r\nContent-Disposition: form-data; name=body\r\nContent-Transfer-Encoding: base64\r\n\r\nPHA+\r\n--C--",
		"application/xml":                 "<body/>",
		"a/b/c":                           "body=x",
		"application/vnd.api+json":        strings.Repeat("[", 100),
	} {
		if _, _, err := s.Rewrite(kind, s.Names("/posts/7"), []byte(body)); err == nil {
			t.Errorf("%s %q was read", kind, body)
		}
	}
	if s.Names("/other") != nil || s.Names("/posts/7") == nil {
		t.Error("the paths")
	}
	for _, o := range []Options{{Fields: []Fields{{Path: "x", Names: []string{"a"}}}}, {Fields: []Fields{{Path: "/x"}}}} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

func FuzzRewrite(f *testing.F) {
	f.Add("application/json", `{"body":"<script>"}`)
	f.Add("application/x-www-form-urlencoded", "body=%3Cscript%3E&a=b")
	f.Add("multipart/form-data; boundary=B", "--B\r\nContent-Disposition: form-data; name=\"body\"\r\n\r\n<script>\r\n--B--\r\n")
	s := newSanitizer(f)
	names := s.Names("/posts/7")
	f.Fuzz(func(t *testing.T, kind, body string) {
		out, changed, err := s.Rewrite(kind, names, []byte(body))
		if err != nil {
			return
		}
		if len(changed) == 0 && string(out) != body {
			t.Errorf("%q became %q without a change", body, out)
		}
		if again, _, err := s.Rewrite(kind, names, out); err != nil {
			t.Errorf("%q became %q, which can't be read: %v", body, out, err)
		} else if len(again) > 4*len(out)+100 {
			t.Errorf("%q grows", out)
		}
	})
}
