package leaks

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/taint"
)

func rung(t testing.TB, o Options) *Leaks {
	t.Helper()
	l, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// answer is an answer of a backend to GET target.
func answer(status int, contentType, target string) *http.Response {
	u, err := url.Parse(target)
	if err != nil {
		panic(err)
	}
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {contentType}},
		Request: &http.Request{Method: http.MethodGet, URL: u},
	}
}

func decide(t testing.TB, l *Leaks, res *http.Response, body string, candidates ...taint.Candidate) gatehouse.Decision {
	t.Helper()
	s := l.Begin(res, candidates, every)
	if s == nil {
		return gatehouse.Passed()
	}
	return s.Held([]byte(body[:min(len(body), Held)]), len(body) <= Held)
}

// pass sends a body through Next in pieces of n bytes, and gives what was found.
func pass(l *Leaks, res *http.Response, body string, n int) (string, *gatehouse.Decision) {
	var found *gatehouse.Decision
	s := l.Begin(res, nil, func(d gatehouse.Decision) bool {
		if found == nil {
			found = &d
		}
		return true
	})
	first := body[:min(len(body), Held)]
	s.Held([]byte(first), len(first) == len(body))
	out := s.Next(nil, []byte(first), len(first) == len(body))
	for rest := body[len(first):]; rest != ""; {
		k := min(n, len(rest))
		out = s.Next(out, []byte(rest[:k]), k == len(rest))
		rest = rest[k:]
	}
	return string(out), found
}

func TestServerError_AnyBody_IsReplaced(t *testing.T) {
	l := rung(t, Options{})
	for _, c := range []struct{ contentType, body string }{
		{"text/html", "<h1>Sorry</h1>"},
		{"application/problem+json", `{"title":"Internal Server Error","status":500}`},
		{"application/octet-stream", "\x00\x01"},
		{"image/png", "\x89PNG"},
		{"", ""},
	} {
		for _, status := range []int{500, 502, 503, 599} {
			if d := decide(t, l, answer(status, c.contentType, "/x"), c.body); d.Verdict != gatehouse.Deny || d.Rule != RuleServerError || d.HTTPStatus() != status {
				t.Errorf("%d %s: %+v", status, c.contentType, d)
			}
		}
	}
}

func TestServerError_SOAPFault_PassesUnlessItLeaks(t *testing.T) {
	l := rung(t, Options{})
	fault := `<?xml version="1.0"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><soap:Fault><faultcode>soap:Client</faultcode><faultstring>The account is closed</faultstring>%</soap:Fault></soap:Body></soap:Envelope>`
	if d := decide(t, l, answer(500, "text/xml; charset=utf-8", "/service"), strings.Replace(fault, "%", "", 1)); d.Verdict != gatehouse.Pass {
		t.Errorf("a clean fault: %+v", d)
	}
	trace := "<detail>java.lang.IllegalStateException: no\n\tat com.shop.Accounts.close(Accounts.java:12)\n\tat com.shop.Api.call(Api.java:99)\n</detail>"
	if d := decide(t, l, answer(500, "text/xml", "/service"), strings.Replace(fault, "%", trace, 1)); d.Rule != RuleServerError {
		t.Errorf("a fault with a trace: %+v", d)
	}
	if d := decide(t, l, answer(500, "text/xml", "/service"), "<html>no</html>"); d.Rule != RuleServerError {
		t.Errorf("not a fault: %+v", d)
	}
}

func TestNew_Exceptions_NeedReasonAndKnownRule(t *testing.T) {
	for _, e := range []Exception{
		{Path: "/x"}, {Path: "x", Reason: "r"}, {Path: "/x", Reason: "r", Rules: []string{"nonsense"}},
	} {
		if _, err := New(Options{Except: []Exception{e}}); err == nil || !strings.Contains(err.Error(), "Except[0]") {
			t.Errorf("%+v: %v", e, err)
		}
	}
	l := rung(t, Options{Except: []Exception{{Path: "/mirror/", Rules: []string{RuleListing}, Reason: "a mirror of packages"}}})
	listing := "<html><head><title>Index of /mirror/</title></head><body><h1>Index of /mirror/</h1><hr><pre><a href=\"../\">../</a>\n</pre></body></html>"
	if d := decide(t, l, answer(200, "text/html", "/mirror/"), listing); d.Verdict != gatehouse.Pass {
		t.Errorf("excepted: %+v", d)
	}
	if d := decide(t, l, answer(200, "text/html", "/files/"), listing); d.Rule != RuleListing || d.Verdict != gatehouse.Deny {
		t.Errorf("not excepted: %+v", d)
	}
}

func TestNext_CleanBody_IsUnchangedInAnyPieces(t *testing.T) {
	l := rung(t, Options{})
	body := "<html><body>" + strings.Repeat("<p>Ordinary text, a .js: file and Caused by: rain.</p>\n", 4000) + "</body></html>"
	for _, n := range []int{1, 7, 1000, 4096, 1 << 20} {
		if out, found := pass(l, answer(200, "text/html", "/"), body, n); out != body || found != nil {
			t.Errorf("pieces of %d: %d bytes of %d, found %v", n, len(out), len(body), found)
		}
	}
}
