package leaks

import (
	"fmt"
	"html"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse"
)

// texts are what pages of people who write about programs hold, and what looks like
// an error and is none.
var texts = []string{
	"Exception in thread \"main\" java.lang.NullPointerException\n\tat com.example.Shop.main(Shop.java:17)\n\tat java.base/java.lang.Thread.run(Thread.java:840)",
	"Traceback (most recent call last):\n  File \"shop.py\", line 17, in <module>\n    main()\nValueError: invalid literal for int() with base 10: 'x'",
	"panic: runtime error: index out of range [5] with length 3\n\ngoroutine 1 [running]:\nmain.main()\n\t/tmp/x.go:7 +0x1d\nexit status 2",
	"PHP Fatal error:  Uncaught Error: Call to a member function query() on null in /var/www/html/index.php:3",
	"You have an error in your SQL syntax; check the manual that corresponds to your MySQL server version",
	"ERROR:  syntax error at or near \"FORM\"\nLINE 1: SELECT * FORM users", "ORA-00942: table or view does not exist", "SQLSTATE[42S02]: Base table or view not found",
	"NoMethodError (undefined method `name' for nil:NilClass):\n\napp/controllers/shop_controller.rb:7:in `show'", "TypeError: Cannot read properties of undefined (reading 'x')\n    at Object.<anonymous> (/app/index.js:3:9)",
	"System.NullReferenceException: Object reference not set to an instance of an object.\n   at Shop.Web.Home.Index() in C:\\src\\Home.cs:line 12",
	"how to read a stack trace", "What does \"segmentation fault\" mean?", "Index of all articles", "Index of /", "Error 500 explained", "the server runs Apache 2.4 on Debian",
	"AKIAIOSFODNN7EXAMPLE", "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\n-----END PUBLIC KEY-----", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----", "xoxb-your-token-here", "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "sk_test_...", "password: ********", "DATABASE_URL=postgres://user:password@localhost/db",
	"The lamp is red.", "Order 17 of 3 items, 45.00 EUR", "goroutine and channel", "at least 3 at most 5", "Caused by: heavy rain", "line 17, column 4", "File not found? Look again.", "debug = false", "Warning: hot surface", "Notice: the shop is closed on Monday",
}

// ways are how pages write them.
var ways = []struct {
	name, contentType, path string
	status                  int
	write                   func(string) string
}{
	{"an article", "text/html; charset=utf-8", "/articles/stack-traces", 200, func(s string) string {
		return "<!DOCTYPE html><html><head><title>How to read errors</title></head><body><h1>How to read errors</h1><p>A program that fails says where.</p><pre><code>" + html.EscapeString(s) + "</code></pre><p>The first line says what happened.</p></body></html>"
	}},
	{"a question with its answers", "text/html; charset=utf-8", "/questions/17", 200, func(s string) string {
		return "<!DOCTYPE html><html><body><div class=\"post\"><p>I get this, why?</p><blockquote><pre>" + html.EscapeString(s) + "</pre></blockquote></div><div class=\"answer\"><p>Look at <code>" + html.EscapeString(strings.SplitN(s, "\n", 2)[0]) + "</code></p></div></body></html>"
	}},
	{"an issue by its API", "application/json", "/api/issues/17", 200, func(s string) string {
		return fmt.Sprintf(`{"id":17,"title":"It fails","body":%q,"comments":[{"body":"same here"}]}`, "```\n"+s+"\n```")
	}},
	{"a wiki's source", "text/plain; charset=utf-8", "/raw/errors.txt", 200, func(s string) string { return "= Errors =\n\n    " + strings.ReplaceAll(s, "\n", "\n    ") + "\n" }},
	{"a page that is not there", "text/html; charset=utf-8", "/nothing", 404, func(string) string {
		return "<!DOCTYPE html><title>404</title><h1>Nothing here</h1><p>Try the search, or go back to the shop.</p>"
	}},
	{"a form with an error", "text/html; charset=utf-8", "/signup", 422, func(string) string {
		return "<!DOCTYPE html><form><p class=error>The e-mail address is not valid. Error in line 2.</p><input name=email></form>"
	}},
	{"an API's error", "application/problem+json", "/api/orders", 400, func(string) string {
		return `{"type":"about:blank","title":"Bad request","status":400,"detail":"quantity: must be a number","errors":[{"field":"quantity","line":1}]}`
	}},
	{"a list of products", "text/html; charset=utf-8", "/catalogue", 200, func(s string) string {
		return "<!DOCTYPE html><ul>" + strings.Repeat("<li><a href=/p/1>A lamp</a> 45.00</li>", 50) + "</ul><p title=\"" + html.EscapeString(s) + "\">Index</p>"
	}},
}

// TestOrdinary_Answers_Pass holds answers to the rung that quote errors, and that are
// a site's own words about what went wrong.
func TestOrdinary_Answers_Pass(t *testing.T) {
	l := rung(t, Options{})
	judged := 0
	for _, way := range ways {
		for i, text := range texts {
			for k := range 8 {
				// Around it, ordinary paragraphs: more and more of them.
				body := way.write(text + strings.Repeat("\nand so on", k) + fmt.Sprint("\n", i))
				judged++
				if d := decide(t, l, answer(way.status, way.contentType, way.path), body); d.Verdict != gatehouse.Pass {
					t.Errorf("%s with %.60q: %s (%s)", way.name, text, d.Rule, d.Evidence)
				}
			}
		}
	}
	if judged < 2000 {
		t.Errorf("%d answers", judged)
	}
	t.Logf("%d ordinary answers", judged)
}
