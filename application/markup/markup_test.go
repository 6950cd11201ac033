package markup_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/markup"
	"github.com/gatehousehq/gatehouse/taint"
)

func newMarkup(t testing.TB, o markup.Options) *markup.Markup {
	t.Helper()
	m, err := markup.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func inputs(values ...string) (all []taint.Candidate) {
	for i, v := range values {
		all = append(all, taint.Candidate{Value: v, Place: gatehouse.Place{Kind: gatehouse.Query, Name: fmt.Sprint("p", i)}})
	}
	return all
}

func answer(t testing.TB, contentType string) *http.Response {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, "http://backend/page", nil)
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	if contentType != "" {
		h.Set("Content-Type", contentType)
	}
	return &http.Response{StatusCode: 200, Header: h, Request: r}
}

func held(t testing.TB, contentType, body string, candidates []taint.Candidate) gatehouse.Decision {
	t.Helper()
	s := newMarkup(t, markup.Options{}).Begin(answer(t, contentType), candidates, nil)
	if s == nil {
		return gatehouse.Passed()
	}
	return s.Held([]byte(body), true)
}

const frame = "<!DOCTYPE html><html><head><title>Shop</title><script>var cart = {items: [1, 2]}; start('cart');</script></head><body>%s</body></html>"

func TestHeld_InputThatRuns_IsRefused(t *testing.T) {
	for _, c := range []struct{ name, page, input, rule string }{
		{"script element", "<p>%s</p>", "<script>alert(1)</script>", markup.RuleElement},
		{"script element in upper case", "<p>%s</p>", "<SCRIPT SRC=//evil.example/x></SCRIPT>", markup.RuleElement},
		{"handler", "<p>%s</p>", "<img src=x onerror=alert(1)>", markup.RuleHandler},
		{"handler after a slash", "<p>%s</p>", "<svg/onload=alert(1)>", markup.RuleHandler},
		{"in the middle of a text", "<p>You searched for: %s</p>", "nice <svg onload=alert(1)> lamp", markup.RuleHandler},
		{"address", "<p>%s</p>", "<a href=javascript:alert(1)>x</a>", markup.RuleURL},
		{"address with entities", "<p>%s</p>", "<a href='java&#115;cript:alert(1)'>x</a>", markup.RuleURL},
		{"address with a tab", "<p>%s</p>", "<a href='java\tscript:alert(1)'>x</a>", markup.RuleURL},
		{"srcdoc", "<p>%s</p>", "<iframe srcdoc='<script>alert(1)</script>'></iframe>", markup.RuleElement},
		{"base", "<p>%s</p>", "<base href=//evil.example/>", markup.RuleElement},
		{"meta", "<p>%s</p>", "<meta http-equiv=refresh content='0;url=//evil.example'>", markup.RuleElement},
		{"out of a quoted attribute", `<input value="%s">`, `" autofocus onfocus=alert(1) x="`, markup.RuleHandler},
		{"out of a tag", `<input value="%s">`, `"><script>alert(1)</script>`, markup.RuleElement},
		{"out of a single-quoted attribute", `<input value='%s'>`, `' onfocus='alert(1)`, markup.RuleHandler},
		{"unquoted attribute", `<input value=%s>`, `x onfocus=alert(1)`, markup.RuleHandler},
		{"an address of its own", `<a href="%s">next</a>`, "javascript:alert(1)//x", markup.RuleURL},
		{"where a script comes from", `<script src="%s"></script>`, "https://evil.example/x.js", markup.RuleURL},
		{"where a form goes", `<form action="%s"><input name=password></form>`, "https://evil.example/x", markup.RuleURL},
		{"a script's string", `<script>var q = '%s';</script>`, "'-alert(1)-'", markup.RuleScript},
		{"a script's string, ended by the element", `<script>var q = '%s';</script>`, "</script><svg onload=alert(1)>", markup.RuleHandler},
		{"a script's template", "<script>var q = `%s`;</script>", "${alert(1)}", markup.RuleScript},
		{"a script's code", `<script>var q = %s;</script>`, "1;alert(1)//", markup.RuleScript},
		{"a script's comment", "<script>/* q: %s */ go();</script>", "x*/alert(1)/*", markup.RuleScript},
		{"a handler's string", `<a onclick="go('%s')">x</a>`, "');alert(1)//", markup.RuleHandler},
		{"a comment", "<!-- %s -->", "--><svg onload=alert(1)>", markup.RuleHandler},
		{"a title", "<title>%s</title>", "</title><svg onload=alert(1)>", markup.RuleHandler},
		{"a style", "<style>p{color:%s}</style>", "red}</style><svg onload=alert(1)>", markup.RuleHandler},
		{"a noscript element", "<p>%s</p>", `<noscript><p title="</noscript><img src=x onerror=alert(1)>">`, markup.RuleHandler},
		{"a textarea", "<textarea>%s</textarea>", "</textarea><svg onload=alert(1)>", markup.RuleHandler},
		{"inside svg", "<svg><text>%s</text></svg>", "<script>alert(1)</script>", markup.RuleElement},
		{"an animation", "<svg><a>%s</a></svg>", "<animate attributeName=href values=javascript:alert(1) />", markup.RuleURL},
	} {
		t.Run(c.name, func(t *testing.T) {
			body := fmt.Sprintf(frame, fmt.Sprintf(c.page, c.input))
			if d := held(t, "text/html; charset=utf-8", body, inputs("something else", c.input)); d.Verdict == gatehouse.Pass || d.Rule != c.rule || d.Place.Name != "p1" {
				t.Errorf("%v by %q about %v, want %q", d.Verdict, d.Rule, d.Place, c.rule)
			}
			if d := held(t, "text/html", body, inputs("something else", "a long text of somebody's")); d.Verdict != gatehouse.Pass {
				t.Errorf("without the input it is the page's own, and is refused by %s", d.Rule)
			}
		})
	}
}

func TestHeld_HoweverTheApplicationDecodes_IsRefused(t *testing.T) {
	const payload = "<img src=x onerror=alert(1)>"
	for name, input := range map[string]string{
		"percent":       url.QueryEscape(payload),
		"percent twice": url.PathEscape(url.PathEscape(payload)),
		"entities":      html.EscapeString(payload),
		"base64":        "PGltZyBzcmM9eCBvbmVycm9yPWFsZXJ0KDEpPg==",
		"JSON":          `\u003cimg src=x onerror=alert(1)\u003e`,
		"a filter":      "<img src=x onerrscriptor=alert(1)>",
		"cut":           payload + strings.Repeat("x", 100),
		"prefixed":      "hello " + payload,
	} {
		t.Run(name, func(t *testing.T) {
			if d := held(t, "text/html", fmt.Sprintf(frame, "<p>"+payload), inputs(input)); d.Verdict == gatehouse.Pass {
				t.Error("passes")
			}
		})
	}
}

func TestHeld_InputAsText_Passes(t *testing.T) {
	for _, c := range []struct{ name, page, input string }{
		{"escaped", "<p>%s</p>", html.EscapeString("<script>alert(1)</script>")},
		{"escaped in an attribute", `<input value="%s">`, html.EscapeString(`" onfocus=alert(1) x="`)},
		{"inert markup of a wiki", "<div>%s</div>", "<b>bold</b> and <i>italic</i> with <a href='/wiki/Page'>a link</a>"},
		{"a picture", "<div>%s</div>", "<img src='/a.png' alt='a lamp'>"},
		{"mathematics", "<p>%s</p>", "if a < b && b > c then a = c"},
		{"a link to another site", `<a href="%s">site</a>`, "https://partner.example/page?x=1"},
		{"a picture of another site", `<img src="%s">`, "https://images.example/a.png"},
		{"a number in a script", "<script>var id = %s;</script>", "1234567890"},
		{"a string of a script, escaped", "<script>var q = '%s';</script>", `it\'s a lamp\x3c`},
		{"JSON in a script", "<script>var state = {\"q\": \"%s\"};</script>", "somebody's lamp, (red): 12"},
		{"the page's own script as an input", "<p>%s</p>", html.EscapeString("start('cart');")},
		{"data of a script", `<script type="application/json">{"q": "%s"}</script>`, "it's <b>; alert(1)"},
		{"a text in a textarea", "<textarea>%s</textarea>", "<script>alert(1)</script> is how it begins"},
		{"a comment", "<!-- %s -->", "<b>notes</b> of 2024: done"},
		{"a handler with a number", `<a onclick="go(%s)">x</a>`, "1234567890"},
		{"a handler with a name", `<a onclick="go('%s')">x</a>`, "red lamp: (12)"},
		{"its own path", `<form action="%s">`, "/orders/17?tab=all"},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw := html.UnescapeString(c.input)
			if d := held(t, "text/html", fmt.Sprintf(frame, fmt.Sprintf(c.page, c.input)), inputs(raw, c.input)); d.Verdict != gatehouse.Pass {
				t.Errorf("refused by %s: %s", d.Rule, d.Evidence)
			}
		})
	}
}

func TestHeld_OtherTypes(t *testing.T) {
	const payload = "<svg onload=alert(1)>"
	for _, c := range []struct {
		name, contentType, body, input string
		refused                        bool
	}{
		{"JSON as HTML", "text/html", `{"q": "<svg onload=alert(1)>"}`, payload, true},
		{"JSON", "application/json", `{"q": "<svg onload=alert(1)>"}`, payload, false},
		{"no type, like HTML", "", "<p><svg onload=alert(1)>", payload, true},
		{"no type, like text", "", "you sent <svg onload=alert(1)>", payload, false},
		{"a text", "text/plain", payload, payload, false},
		{"XHTML", "application/xhtml+xml", "<html xmlns='http://www.w3.org/1999/xhtml'><body><svg onload=alert(1)></body></html>", payload, true},
		{"SVG", "image/svg+xml", "<svg xmlns='http://www.w3.org/2000/svg'><text><script>alert(1)</script></text></svg>", "<script>alert(1)</script>", true},
		{"JSONP with a name", "text/javascript", `callback123({"a":1})`, "callback123", false},
		{"JSONP with code", "text/javascript", `alert(document.cookie)//({"a":1})`, "alert(document.cookie)//", true},
		{"a script's string", "application/javascript", `var q='';alert(1)//';`, "';alert(1)//", true},
		{"a picture", "image/png", payload, payload, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if d := held(t, c.contentType, c.body, inputs(c.input)); (d.Verdict != gatehouse.Pass) != c.refused {
				t.Errorf("%v by %q", d.Verdict, d.Rule)
			}
		})
	}
}

func TestHeld_AStoredValue_HasItsOwnRule(t *testing.T) {
	row := []taint.Candidate{{Value: "<img src=x onerror=alert(1)>", Place: gatehouse.Place{Kind: gatehouse.Row, Name: "body"}}}
	if d := held(t, "text/html", fmt.Sprintf(frame, "<img src=x onerror=alert(1)>"), row); d.Rule != markup.RuleStored {
		t.Errorf("by %q", d.Rule)
	}
}

// TestHeld_Charsets: the page's bytes are others than the input's, and mean the same.
func TestHeld_Charsets(t *testing.T) {
	wide := func(s string, big bool) string {
		var b strings.Builder
		for _, u := range utf16.Encode([]rune(s)) {
			if big {
				b.WriteByte(byte(u >> 8))
				b.WriteByte(byte(u))
			} else {
				b.WriteByte(byte(u))
				b.WriteByte(byte(u >> 8))
			}
		}
		return b.String()
	}
	const payload = "<img src=x onerror=alert(1)>"
	const shift = "\x1b$B"
	for _, c := range []struct {
		name, contentType, body, input string
		refused                        bool
	}{
		{"UTF-16, little end first", "text/html; charset=utf-16le", wide("<p>"+payload+"</p>", false), payload, true},
		{"UTF-16, big end first", "text/html; charset=UTF-16BE", wide("<p>"+payload+"</p>", true), payload, true},
		{"UTF-16 by its mark", "text/html", "\xff\xfe" + wide("<p>"+payload+"</p>", false), payload, true},
		{"UTF-16, escaped", "text/html; charset=utf-16le", wide("<p>&lt;img src=x onerror=alert(1)&gt;</p>", false), payload, false},
		{"another alphabet, undeclared", "text/html", "<img alt=\"" + shift + "\"><p>", shift, true},
		{"another alphabet, declared", "text/html; charset=iso-2022-jp", "<p>" + shift, shift, true},
		{"another alphabet in UTF-8", "text/html; charset=utf-8", "<p>" + shift, shift, false},
		{"a terminal's colour", "text/html", "<p>\x1b[31mred", "\x1b[31mred", false},
		{"the page's own Japanese", "text/html; charset=iso-2022-jp", "<p>\x1b$B$3$s\x1b(B", "lamps and more", false},
		{"broken UTF-8 before", "text/html; charset=utf-8", "<p>\xe3\x81" + payload, payload, true},
		{"broken UTF-8 inside", "text/html; charset=utf-8", "<p><img src=x onerror=alert(1)//\xff>", "<img src=x onerror=alert(1)//\xff>", true},
		{"a long attribute", "text/html; charset=utf-8", "<p title=\"" + strings.Repeat("a", 60_000) + "\">" + payload, payload, true},
	} {
		if d := held(t, c.contentType, c.body, inputs(c.input)); (d.Verdict != gatehouse.Pass) != c.refused {
			t.Errorf("%s: %v by %q", c.name, d.Verdict, d.Rule)
		}
	}
}

func TestNext_BehindWhatIsHeld_IsWrittenAsText(t *testing.T) {
	const payload = `<img src=x onerror=alert(1)>`
	for _, at := range []int{70 << 10, 96<<10 - 10, 131 << 10, 200 << 10} {
		body := "<!DOCTYPE html><body>" + strings.Repeat("<p>some text</p>\n", at/17) + payload + strings.Repeat("<p>more</p>", 5000)
		for _, size := range []int{64 << 10, 4 << 10, 1000, len(body)} {
			out, denied := whole(t, payload, body, size, true)
			if !denied || strings.Contains(out, "<img") || !strings.Contains(out, "&lt;img") {
				t.Errorf("at %d in pieces of %d: denied %v", at, size, denied)
			}
			if !strings.HasSuffix(out, "<p>more</p>") || len(out) < len(body) {
				t.Errorf("at %d: %d of %d bytes", at, len(out), len(body))
			}
			if out, denied := whole(t, payload, body, size, false); !denied || out != body {
				t.Errorf("without mending: denied %v, changed %v", denied, out != body)
			}
		}
	}
}

// whole passes a body through Next in pieces, and tells whether anything was found.
func whole(t testing.TB, value, body string, size int, mend bool) (string, bool) {
	denied := false
	s := newMarkup(t, markup.Options{}).Begin(answer(t, "text/html"), inputs(value), func(gatehouse.Decision) bool {
		denied = true
		return mend
	})
	if s == nil || body == "" {
		return body, false
	}
	if d := s.Held([]byte(body[:min(len(body), markup.Held)]), false); d.Verdict != gatehouse.Pass && len(body) > markup.Held {
		t.Fatal("refused before it was there")
	}
	var out []byte
	for rest := body; ; {
		n := max(1, min(size, len(rest)))
		out = s.Next(out, []byte(rest[:n]), n == len(rest))
		if rest = rest[n:]; rest == "" {
			return string(out), denied
		}
	}
}

func TestNext_WithoutACopy_ChangesNothing(t *testing.T) {
	body := strings.Repeat("<p onclick='go(1)'>ordinary text, 'quoted'</p>\n", 8000)
	if out, denied := whole(t, "<img src=x onerror=alert(1)>", body, 5000, true); out != body || denied {
		t.Error("changed")
	}
}

func TestCheckHead_AnInputChoosesNoHost(t *testing.T) {
	m := newMarkup(t, markup.Options{Hosts: []string{"app.example.com"}})
	for _, c := range []struct {
		location, input string
		refused         bool
	}{
		{"https://evil.example/x", "https://evil.example/x", true},
		{"//evil.example/x", "//evil.example/x", true},
		{`/\evil.example/x`, `/\evil.example/x`, true},
		{"https:evil.example", "https:evil.example", true},
		{"/\t/evil.example", "/\t/evil.example", true},
		{"https://shop.example.com@evil.example/", "https://shop.example.com@evil.example/", true},
		{"https://shop.example.com.evil.example/", ".evil.example/", true},
		{"https://evil.example/x", "https%3A%2F%2Fevil.example%2Fx", true},
		{"https://evil.example/login", "evil.example", true},
		{"javascript:alert(1)", "javascript:alert(1)", true},
		{"/orders/17", "/orders/17", false},
		{"https://shop.example.com/orders", "https://shop.example.com/orders", false},
		{"https://shop.example.com:8443/orders", "https://shop.example.com:8443/orders", false},
		{"https://app.example.com/", "https://app.example.com/", false},
		{"https://pay.example/session/1", "card", false},
		{"https://accounts.example/auth?redirect_uri=https://shop.example.com/cb", "https://shop.example.com/cb", false},
		{"myapp://done?code=1", "myapp://done?code=1", false},
		{"", "x", false},
	} {
		h := http.Header{"Location": {c.location}}
		if d := m.CheckHead("shop.example.com", 302, h, inputs("unrelated", c.input)); (d.Verdict != gatehouse.Pass) != c.refused {
			t.Errorf("%s by %s: %v by %q", c.location, c.input, d.Verdict, d.Rule)
		}
	}
}

func TestNew_SaysWhatIsWrong(t *testing.T) {
	for _, o := range []markup.Options{{Hosts: []string{"https://x"}}, {Except: []markup.Exception{{Path: "/wiki/"}}}, {Except: []markup.Exception{{Path: "x", Reason: "y"}}}} {
		if _, err := markup.New(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
	m := newMarkup(t, markup.Options{Except: []markup.Exception{{Path: "/page", Reason: "a preview of what is typed, in a sandboxed frame"}}})
	if m.Begin(answer(t, "text/html"), inputs("<script>alert(1)</script>"), nil) != nil {
		t.Error("an excepted path is inspected")
	}
}

func FuzzNext(f *testing.F) {
	f.Add("<p><img src=x onerror=alert(1)></p>", "<img src=x onerror=alert(1)>", 7)
	f.Add("<script>var a='';alert(1)//'</script>", "';alert(1)//", 3)
	f.Fuzz(func(t *testing.T, body, value string, size int) {
		body = body[:min(len(body), markup.Held)]
		one, refusedOne := whole(t, value, body, len(body), true)
		many, refusedMany := whole(t, value, body, max(1, min(size, len(body))), true)
		if one != many || refusedOne != refusedMany {
			t.Errorf("in pieces of %d: %q (%v), whole %q (%v)", size, many, refusedMany, one, refusedOne)
		}
	})
}

func BenchmarkPage(b *testing.B) {
	page := []byte(strings.Repeat("<div class='item'><a href='/product/17'>A red lamp & more</a> <span onclick='go(1)'>for \"sale\"</span></div>\n", 600))
	for _, n := range []int{0, 16} {
		b.Run(fmt.Sprint(n, " inputs"), func(b *testing.B) {
			var in []taint.Candidate
			for i := range n {
				in = append(in, inputs(fmt.Sprintf("it's an ordinary <text> of somebody (%d)", i))...)
			}
			m := newMarkup(b, markup.Options{})
			res := answer(b, "text/html")
			b.SetBytes(int64(len(page)))
			for b.Loop() {
				s := m.Begin(res, in, nil)
				if s != nil {
					s.Held(page[:markup.Held], false)
				}
			}
		})
	}
}
