package gateway

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse"
)

const crossSite = "<svg onload=alert(1)>"

// page echoes what it is asked, behind as much text as it is asked for.
func page(coding string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var before int
		fmt.Sscan(r.FormValue("before"), &before)
		text := "<!DOCTYPE html><title>t</title>" + strings.Repeat("<p>text</p>", before/11) + r.FormValue("q") + strings.Repeat("<p>more</p>", 9000)
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("ETag", `"one"`)
		if coding != "" {
			w.Header().Set("Content-Encoding", coding)
			text = encoded(coding, text)
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(text)))
		io.WriteString(w, text)
	})
}

// encoded applies codings in the order in which they are named.
func encoded(codings, text string) string {
	for _, coding := range strings.Split(codings, ", ") {
		var b strings.Builder
		e := encoders[coding](&b)
		io.WriteString(e, text)
		e.Close()
		text = b.String()
	}
	return text
}

func TestMarkup_InTheBeginning_IsRefusedAndExplained(t *testing.T) {
	for _, coding := range []string{"", "gzip", "br", "gzip, gzip", "br, zstd, gzip"} {
		g := newGate(t, page(coding))
		a := g.get("/search?q=" + url.QueryEscape(crossSite))
		if a.StatusCode != http.StatusForbidden || strings.Contains(a.text, "<p>text") || a.Header.Get("ETag") != "" {
			t.Errorf("%q: %s, %.80q", coding, a.Status, a.text)
		}
		events := g.told(a.Header.Get(RequestIDHeader))
		if len(events) != 1 || events[0].Name != "gate_xss" || events[0].Field != "query:q" || events[0].Rule != "handler" {
			t.Errorf("%q: %+v", coding, events)
		}
	}
}

func TestMarkup_BehindTheBeginning_DoesNotReachTheBrowser(t *testing.T) {
	g := newGate(t, page(""))
	a := g.get("/search?before=200000&q=" + url.QueryEscape(crossSite))
	if a.StatusCode != http.StatusOK || strings.Contains(a.text, "<svg") || !strings.Contains(a.text, "&lt;svg") || !strings.HasSuffix(a.text, "<p>more</p>") {
		t.Errorf("%s, %d bytes, %v", a.Status, len(a.text), strings.Contains(a.text, "<svg"))
	}
	if a.Header.Get("ETag") != `W/"one"` {
		t.Errorf("ETag %s", a.Header.Get("ETag"))
	}
	g = newGate(t, page("gzip"))
	res, err := g.client.Do(g.request(http.MethodGet, "/search?before=200000&q="+url.QueryEscape(crossSite), nil, "Accept-Encoding: gzip"))
	if err == nil {
		_, err = io.ReadAll(res.Body)
		_ = res.Body.Close()
	}
	if err == nil {
		t.Error("an encoded answer that can't be mended came whole")
	}
}

func TestMarkup_Observing_ChangesNothing(t *testing.T) {
	for _, coding := range []string{"", "gzip"} {
		g := newGate(t, page(coding), observing)
		for _, before := range []string{"0", "200000"} {
			a := g.get("/search?before=" + before + "&q=" + url.QueryEscape(crossSite))
			if a.StatusCode != http.StatusOK || coding == "" && !strings.Contains(a.text, crossSite) {
				t.Errorf("%q %s: %s", coding, before, a.Status)
			}
			if events := g.told(a.Header.Get(RequestIDHeader)); len(events) != 1 || events[0].Outcome != gatehouse.Observed {
				t.Errorf("%q %s: %+v", coding, before, events)
			}
		}
	}
}

func TestMarkup_OrdinaryPages_PassByteForByte(t *testing.T) {
	for _, coding := range []string{"", "gzip", "zstd"} {
		g := newGate(t, page(coding))
		for _, before := range []string{"0", "70000", "300000"} {
			a := g.get("/search?before="+before+"&q="+url.QueryEscape("a 'quoted' <b>lamp</b> & (more): 12"), "Accept-Encoding: "+coding)
			if a.StatusCode != http.StatusOK || coding == "" && strings.Count(a.text, "<p>more</p>") != 9000 {
				t.Errorf("%q before %s: %s, %d bytes", coding, before, a.Status, len(a.text))
			}
		}
	}
}

func TestRedirect_ToAnInputsHost_IsRefused(t *testing.T) {
	g := newGate(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.FormValue("next"), http.StatusFound)
	}))
	if a := g.get("/login?next=https://evil.example/"); a.StatusCode != http.StatusForbidden || a.Header.Get("Location") != "" {
		t.Errorf("%s to %s", a.Status, a.Header.Get("Location"))
	}
	if a := g.get("/login?next=/orders/17"); a.StatusCode != http.StatusFound || a.Header.Get("Location") != "/orders/17" {
		t.Errorf("%s to %s", a.Status, a.Header.Get("Location"))
	}
}

func TestLeaks_AnErrorsBody_IsReplacedAndKeptForExplain(t *testing.T) {
	g := newGate(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusInternalServerError)
		io.WriteString(w, "Traceback (most recent call last):\n  File \"/srv/app/views.py\", line 12, in show\nKeyError: 'x'")
	}))
	a := g.get("/")
	if a.StatusCode != http.StatusInternalServerError || strings.Contains(a.text, "views.py") {
		t.Errorf("%s %q", a.Status, a.text)
	}
	events := g.told(a.Header.Get(RequestIDHeader))
	if len(events) != 1 || events[0].Name != "gate_leak" || !strings.Contains(events[0].Evidence, "Traceback") {
		t.Errorf("%+v", events)
	}
}

func TestExposed_IsNotThere(t *testing.T) {
	reached := false
	g := newGate(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	if a := g.get("/.git/config"); a.StatusCode != http.StatusNotFound || reached {
		t.Errorf("%s, reached %v", a.Status, reached)
	}
	g = newGate(t, hello, written(t, "routes: [{path: /.git/, open: {reason: a public mirror}}]\n"))
	if a := g.get("/.git/config"); a.StatusCode != http.StatusOK {
		t.Errorf("opened: %s", a.Status)
	}
}

func TestCORS_RuleDecides_PreflightAndAnswer(t *testing.T) {
	asked := 0
	g := newGate(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.Header().Set("Access-Control-Allow-Origin", "*")
		io.WriteString(w, "{}")
	}), written(t, "application: {cors: [{path: /api/, origins: [\"https://app.example.com\"], credentials: true}]}\n"))
	preflight := func(origin string) answered {
		return g.do(g.request(http.MethodOptions, "/api/items", nil, "Origin: "+origin, "Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: x-a"))
	}
	if a := preflight("https://app.example.com"); a.StatusCode != http.StatusNoContent || a.Header.Get("Access-Control-Allow-Origin") != "https://app.example.com" || asked != 0 {
		t.Errorf("%s %v, backend asked %d times", a.Status, a.Header, asked)
	}
	if a := preflight("https://evil.example"); a.StatusCode != http.StatusForbidden || a.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%s %v", a.Status, a.Header)
	}
	if a := g.get("/api/items", "Origin: https://evil.example"); a.Header.Get("Access-Control-Allow-Origin") != "" || a.StatusCode != http.StatusOK {
		t.Errorf("%s %v", a.Status, a.Header)
	}
	if a := g.do(g.request(http.MethodPut, "/api/items", strings.NewReader("{}"), "Origin: https://app.example.com", "Sec-Fetch-Site: cross-site", "Content-Type: application/json")); a.StatusCode != http.StatusOK {
		t.Errorf("what the rule lets in, csrf refuses: %s", a.Status)
	}
}

func TestCORS_ReflectedByTheBackend_IsMended(t *testing.T) {
	g := newGate(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
		w.Header().Set("Access-Control-Allow-Credentials", "true")
		io.WriteString(w, "{}")
	}))
	a := g.get("/me", "Origin: null")
	if a.StatusCode != http.StatusOK || a.Header.Get("Access-Control-Allow-Origin") != "" || !strings.Contains(strings.Join(a.Header["Vary"], ","), "Origin") {
		t.Errorf("%s %v", a.Status, a.Header)
	}
	if events := g.told(a.Header.Get(RequestIDHeader)); len(events) != 1 || events[0].Name != "malicious_cors" {
		t.Errorf("%+v", events)
	}
}

func TestPolicy_ReportsBecomeASuggestion(t *testing.T) {
	g := newGate(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, "<script>start()</script>")
	}))
	a := g.get("/")
	if !strings.Contains(a.Header.Get("Content-Security-Policy-Report-Only"), "/_gate/csp-report") || a.Header.Get("X-Frame-Options") != "SAMEORIGIN" {
		t.Errorf("%v", a.Header)
	}
	if a := g.post("/_gate/csp-report", "application/csp-report", `{"csp-report":{"document-uri":"https://localhost/","blocked-uri":"https://cdn.example/a.js","effective-directive":"script-src"}}`); a.StatusCode != http.StatusNoContent {
		t.Errorf("a report: %s", a.Status)
	}
	if a := g.post("/_gate/csp-report", "application/csp-report", "x"); a.StatusCode != http.StatusBadRequest {
		t.Errorf("no report: %s", a.Status)
	}
	s, err := g.Admin().SuggestPolicy(t.Context())
	if err != nil || len(s.Wanting) != 1 || strings.Contains(s.Policy, "cdn.example") {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestStream_OfJSONLines_IsNotHeld(t *testing.T) {
	next := make(chan struct{})
	g := newGate(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for i := range 3 {
			fmt.Fprintf(w, "{\"n\":%d}\n", i)
			_ = http.NewResponseController(w).Flush()
			<-next
		}
	}))
	res, err := g.client.Do(g.request(http.MethodGet, "/watch", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	for i := range 3 {
		line := make([]byte, 8)
		if _, err := io.ReadFull(res.Body, line); err != nil || string(line) != fmt.Sprintf("{\"n\":%d}\n", i) {
			t.Fatalf("line %d: %q, %v", i, line, err)
		}
		next <- struct{}{}
	}
}

func TestExposed_TokensInURLs_AreTold(t *testing.T) {
	g := newGate(t, hello)
	a := g.get("/orders?access_token=8f3a9c1d7e5b2046af90c3d18e7b6a25&page=2")
	events := g.told(a.Header.Get(RequestIDHeader))
	if a.StatusCode != 200 || len(events) != 1 || events[0].Rule != "token-in-url" || events[0].Outcome != gatehouse.Observed || strings.Contains(fmt.Sprint(events[0]), "8f3a9c1d") {
		t.Errorf("%s %+v", a.Status, events)
	}
	if a := g.get("/orders?page=2&q=token"); len(g.told(a.Header.Get(RequestIDHeader))) != 0 {
		t.Error("an ordinary query is told")
	}
}

// TestMarkup_AttributeOfTenMegabytes is bounded work and memory, and hides nothing.
func TestMarkup_AttributeOfTenMegabytes_HidesNothing(t *testing.T) {
	g := newGate(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!DOCTYPE html><p title="%s">%s`, strings.Repeat("a b", 10<<20/3), r.FormValue("q"))
	}))
	a := g.get("/search?q=" + url.QueryEscape(crossSite))
	if a.StatusCode != 200 || strings.Contains(a.text, "<svg") || len(a.text) < 10<<20-100 {
		t.Errorf("%s, %d bytes", a.Status, len(a.text))
	}
}
