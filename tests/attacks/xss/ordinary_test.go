package xss

import (
	"encoding/json"
	"fmt"
	stdhtml "html"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/markup"
	"github.com/gatehousehq/gatehouse/taint"
)

// inputs are what people type, paste and send.
var inputs = []string{
	"red lamp", "it's", `a "quoted" word`, "a<b", "a < b && c > d", "if x<y then z>w", "1 <= n <= 10", "<b>bold</b>", "<i>", "</p>", "<br>", "<p class=\"x\">text</p>", "<ul><li>one<li>two</ul>", "<a href=\"https://example.com/?a=1&b=2\">link</a>", "<a href='/orders/17'>order</a>", "<img src=\"/i.png\" alt=\"x\">", "<table><tr><td>1</td></tr></table>",
	"x = y * (z + 1); // comment", "function go() { return 1; }", "alert(1)", "onclick", "onerror=", "javascript", "javascript: the good parts", "script", "<script>", "how do I write <script> tags", "data:", "data: what is it", "var", "return", "click", "submit", "value", "class", "style", "href", "true", "null", "0", "1", "-1", "go", "main", "q", "n", "content", "search",
	"https://example.com/a?b=c#d", "http://localhost:3000/", "mailto:a@example.com", "/search?q=lamp", "../up", "C:\\Users\\a", "a@example.com", "+44 20 7946 0000", "2026-11-24", "550e8400-e29b-41d4-a716-446655440000", "eyJhbGciOiJIUzI1NiJ9.e30.x", "sess_4f0c3e5a", "€ 12,50", "größer", "日本語", "🙂", "O'Brien", "rock 'n' roll", "5' 11\"", "`code`", "${HOME}", "$(document).ready(function () {})", "{{user.name}}", "{% if x %}", "<%= x %>", "<?php echo 1; ?>",
	"SELECT * FROM a WHERE b = 'c'", "a && b || !c", "(a|b)*", "[0-9]+", "f(x) = x^2", "∀x ∈ ℝ", "\\frac{a}{b}", "$x_1$ and $x_2$", "List<String>", "Map<String, List<Integer>>", "std::vector<int>", "#include <stdio.h>", "vec![1, 2]", "a->b", "x => x + 1", "if (a<b) { c(); }", "<T extends U>", "i<n;i++", "'", "\"", "<", ">", "&", "&amp;", "&lt;b&gt;", "\n", "a\nb", "a\tb", "  ", "--", "<!-- a comment -->", "<!DOCTYPE html>", "]]>", "://",
}

// pages are how applications write an input: E escapes it as text and attributes
// need, R writes it as it came, J as a JavaScript string, U as part of an address.
var pages = []struct {
	name  string
	write func(string) string
	raw   bool
}{
	{"search, escaped", func(s string) string {
		e := stdhtml.EscapeString(s)
		return top + "<p>Results for <b>" + e + `</b></p><input name="q" value="` + e + `"><a href="/search?q=` + url.QueryEscape(s) + `&page=2">2</a>` + below
	}, false},
	{"wiki preview", func(s string) string {
		e := stdhtml.EscapeString(s)
		return top + `<form action="/edit" onsubmit="return check(this)"><textarea name="text">` + e + `</textarea></form><div class="preview"><pre><code>` + e + `</code></pre><p onclick="go(1)">` + e + "</p></div><script>function go(n) { return n; } var main = true;</script>" + below
	}, false},
	{"a page's own script has the same words", func(s string) string {
		return top + "<script>var q = 1; function go() { if (q < 2) { alert(1); return true; } var value = null; } $(document).ready(function () { go(); }); search('x');</script><button onclick=\"go(); return false\" class=\"x\" style=\"color:red\">go</button><a href=\"javascript:void(0)\">x</a><p>" + stdhtml.EscapeString(s) + "</p>" + below
	}, false},
	{"state in a script, as JSON", func(s string) string {
		j, _ := json.Marshal(map[string]string{"q": s})
		return top + "<script>window.STATE = " + string(j) + "; start();</script>" + below
	}, false},
	{"state in a block of JSON", func(s string) string {
		j, _ := json.Marshal(map[string]string{"q": s})
		return top + `<script type="application/json" id="state">` + string(j) + "</script>" + below
	}, false},
	{"a form with an error", func(s string) string {
		e := stdhtml.EscapeString(s)
		return top + `<form><input type="email" value='` + e + `' placeholder="mail"><span class="error">` + e + " is no address</span></form>" + below
	}, false},
	{"a title", func(s string) string {
		return "<!DOCTYPE html><title>" + stdhtml.EscapeString(s) + " - Shop</title><body>" + below
	}, false},
	{"a comment, without markup", func(s string) string {
		return top + "<p>" + strings.NewReplacer("<", "", ">", "", "\"", "", "'", "").Replace(s) + "</p>" + below
	}, false},
	{"a link of the visitor", func(s string) string {
		if u, err := url.Parse(s); err != nil || u.Scheme != "https" && u.Scheme != "http" {
			s = "/"
		}
		return top + `<a href="` + stdhtml.EscapeString(s) + `" rel="nofollow">home page</a>` + below
	}, false},
	{"an option", func(s string) string {
		e := stdhtml.EscapeString(s)
		return top + `<select><option value="` + e + `" selected>` + e + `</option></select><div data-q="` + e + `"></div>` + below
	}, false},
	{"echoed as it came, where it is harmless", func(s string) string { return top + "<p>You searched for " + s + "</p>" + below }, true},
}

// harmful tells the inputs that do run, or change the page, where they are echoed raw.
func harmful(s string) bool { return strings.Contains(strings.ToLower(s), "<script") }

// TestOrdinary_Pages_AreNotRefused holds 5,000 pages to the rung, each with several
// inputs of its request.
func TestOrdinary_Pages_AreNotRefused(t *testing.T) {
	m, err := markup.New(markup.Options{})
	if err != nil {
		t.Fatal(err)
	}
	judged, refused := 0, 0
	for _, kind := range pages {
		for i, s := range inputs {
			if kind.raw && harmful(s) {
				continue
			}
			for k := range 5 {
				var candidates []taint.Candidate
				for n, value := range []string{s, inputs[(i*7+k*13+1)%len(inputs)], inputs[(i*3+k*29+2)%len(inputs)], fmt.Sprint(i + k)} {
					candidates = append(candidates, taint.Candidate{Value: value, Place: gatehouse.Place{Kind: gatehouse.Query, Name: fmt.Sprint("q", n)}})
				}
				r, err := http.NewRequest(http.MethodGet, "https://shop.example.com/search", nil)
				if err != nil {
					t.Fatal(err)
				}
				body := []byte(kind.write(s))
				judged++
				scan := m.Begin(&http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {html}}, Request: r}, candidates, nil)
				if scan == nil {
					continue
				}
				if d := scan.Held(body, true); d.Verdict != gatehouse.Pass {
					refused++
					t.Errorf("%s: %q refused by %s (%s: %s)", kind.name, s, d.Rule, d.Place, d.Evidence)
				}
			}
		}
	}
	if judged < 5000 {
		t.Errorf("%d pages", judged)
	}
	t.Logf("%d ordinary pages, %d refused", judged, refused)
}
