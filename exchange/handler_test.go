package exchange_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/gatehousehq/gatehouse/exchange"
	"github.com/gatehousehq/gatehouse/input"
)

func newHandler(t *testing.T, table *exchange.Table, next http.HandlerFunc) http.Handler {
	t.Helper()
	h, err := exchange.NewHandler(exchange.HandlerOptions{Next: next, Table: table})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestHandler_TraceOfLiveExchange_IsThatExchange(t *testing.T) {
	table := newTable(t, 0)
	live, _ := table.Begin()
	served := false
	h := newHandler(t, table, func(_ http.ResponseWriter, r *http.Request) {
		served = true
		if x := exchange.From(r.Context()); x != live {
			t.Errorf("the request is of exchange %p, want %p", x, live)
		}
	})
	r := httptest.NewRequest("GET", "/?q=other+input", nil)
	r.Header.Set("Traceparent", live.Traceparent())
	h.ServeHTTP(httptest.NewRecorder(), r)
	if !served {
		t.Error("the request did not arrive")
	}
	if _, ok := table.ByTrace(live.Trace); !ok {
		t.Error("the handler ended an exchange that it had not begun")
	}
}

func TestHandler_TraceNotOfLiveExchange_BeginsOwn(t *testing.T) {
	table := newTable(t, 0)
	live, _ := table.Begin()
	ended, _ := table.Begin()
	table.End(ended)
	good := live.Traceparent()
	for name, fields := range map[string][]string{
		"none":             nil,
		"empty":            {""},
		"unknown":          {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
		"ended":            {ended.Traceparent()},
		"the identifier":   {"00-" + live.ID + "-" + live.Span + "-01"},
		"upper case":       {strings.ToUpper(good)},
		"version ff":       {"ff" + good[2:]},
		"later version":    {"01" + good[2:]},
		"with more":        {good + "-00"},
		"with a space":     {good + " "},
		"cut":              {good[:54]},
		"zero span":        {good[:36] + strings.Repeat("0", 16) + "-01"},
		"zero trace":       {"00-" + strings.Repeat("0", 32) + good[35:]},
		"broken flags":     {good[:53] + "zz"},
		"other separators": {strings.ReplaceAll(good, "-", "_")},
		"two":              {good, good},
	} {
		t.Run(name, func(t *testing.T) {
			var own *exchange.Exchange
			h := newHandler(t, table, func(_ http.ResponseWriter, r *http.Request) {
				own = exchange.From(r.Context())
				if got, ok := table.ByTrace(own.Trace); !ok || got != own {
					t.Error("the own exchange is not live while it is served")
				}
			})
			r := httptest.NewRequest("GET", "/", nil)
			r.Header["Traceparent"] = fields
			h.ServeHTTP(httptest.NewRecorder(), r)
			if own == nil || own == live || own == ended {
				t.Fatalf("the request is of exchange %p, want one of its own", own)
			}
			if _, ok := table.ByTrace(own.Trace); ok {
				t.Error("the own exchange did not end")
			}
		})
	}
}

func TestHandler_OwnExchange_KnowsTheRequest(t *testing.T) {
	h := newHandler(t, newTable(t, 0), func(_ http.ResponseWriter, r *http.Request) {
		x := exchange.From(r.Context())
		if x.Method != "POST" || x.Host != "example.com" || x.Path != "/orders/42" || x.Route != "POST /orders/{id}" {
			t.Errorf("Method, Host, Path, Route = %q, %q, %q, %q", x.Method, x.Host, x.Path, x.Route)
		}
		if x.Client != netip.MustParseAddr("192.0.2.1") {
			t.Errorf("Client = %v", x.Client)
		}
		if places(x.Candidates())["a note"] != "json:note" {
			t.Errorf("Candidates() = %v", x.Candidates())
		}
		if r.FormValue("q") != "term" {
			t.Error("the program can't read its own request any more")
		}
	})
	r := httptest.NewRequest("POST", "/orders/42?q=term", strings.NewReader(`{"note":"a note"}`))
	r.Header.Set("Content-Type", "application/json")
	r.RemoteAddr = "[::ffff:192.0.2.1]:4711"
	h.ServeHTTP(httptest.NewRecorder(), r)
}

func TestHandler_BrokenBody_PassesWithWhatWasFound(t *testing.T) {
	served := false
	h := newHandler(t, newTable(t, 0), func(_ http.ResponseWriter, r *http.Request) {
		served = true
		found := places(exchange.From(r.Context()).Candidates())
		if found["in the query"] != "query:q" || found["in the body"] != "json:a" {
			t.Errorf("Candidates() = %v", found)
		}
	})
	r := httptest.NewRequest("POST", "/?q=in+the+query", strings.NewReader(`{"a":"in the body","b":`))
	r.Header.Set("Content-Type", "application/json")
	h.ServeHTTP(httptest.NewRecorder(), r)
	if !served {
		t.Error("the request did not arrive")
	}
}

func TestHandler_Panic_EndsOwnExchange(t *testing.T) {
	table := newTable(t, 0)
	h := newHandler(t, table, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	func() {
		defer func() {
			if p := recover(); p != http.ErrAbortHandler {
				t.Errorf("recovered %v, want the handler's own panic", p)
			}
		}()
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	}()
	if table.Len() != 0 {
		t.Errorf("%d exchanges are live after the panic", table.Len())
	}
}

func TestHandler_InsideAnother_KeepsItsExchange(t *testing.T) {
	table := newTable(t, 0)
	var outer, inner *exchange.Exchange
	in := newHandler(t, table, func(_ http.ResponseWriter, r *http.Request) { inner = exchange.From(r.Context()) })
	h := newHandler(t, table, func(w http.ResponseWriter, r *http.Request) {
		outer = exchange.From(r.Context())
		in.ServeHTTP(w, r)
	})
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	if outer == nil || inner != outer {
		t.Errorf("the inner handler has exchange %p, want the outer's, %p", inner, outer)
	}
}

func TestHandler_FullTable_Answers503(t *testing.T) {
	table := newTable(t, 1)
	for range 64 * 64 {
		if _, err := table.Begin(); err != nil && !errors.Is(err, exchange.ErrFull) {
			t.Fatal(err)
		}
	}
	h := newHandler(t, table, func(http.ResponseWriter, *http.Request) { t.Error("a request without an exchange was served") })
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("answered %d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
	}
}

func TestHandler_ConcurrentRequests_HaveTheirOwn(t *testing.T) {
	table := newTable(t, 0)
	h := newHandler(t, table, func(_ http.ResponseWriter, r *http.Request) {
		x := exchange.From(r.Context())
		if want := r.URL.Query().Get("q"); places(x.Candidates())[want] != "query:q" {
			t.Errorf("the exchange does not have its own input %q", want)
		}
	})
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 50 {
				r := httptest.NewRequest("GET", "/", nil)
				r.URL.RawQuery = "q=input-" + string(rune('a'+w)) + "-" + string(rune('A'+i))
				if i%2 == 0 {
					r.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
				}
				h.ServeHTTP(httptest.NewRecorder(), r)
			}
		})
	}
	wg.Wait()
	if table.Len() != 0 {
		t.Errorf("%d exchanges are live at the end", table.Len())
	}
}

func TestNewHandler_MissingOption_IsNamed(t *testing.T) {
	next := http.NotFoundHandler()
	for option, o := range map[string]exchange.HandlerOptions{
		"Next": {Table: newTable(t, 0)}, "Table": {Next: next},
	} {
		if _, err := exchange.NewHandler(o); err == nil || !strings.Contains(err.Error(), "HandlerOptions."+option) {
			t.Errorf("without %s: %v", option, err)
		}
	}
	parser, err := input.New(input.Options{Limit: 64})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exchange.NewHandler(exchange.HandlerOptions{Next: next, Table: newTable(t, 0), Parser: parser}); err != nil {
		t.Error(err)
	}
}

func FuzzHandler_Traceparent(f *testing.F) {
	f.Add("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	f.Add("00-00000000000000000000000000000000-b7ad6b7169203331-01")
	f.Add("")
	f.Add(strings.Repeat("-", 55))
	table, err := exchange.NewTable(exchange.Options{})
	if err != nil {
		f.Fatal(err)
	}
	live, err := table.Begin()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, field string) {
		h := newHandler(t, table, func(_ http.ResponseWriter, r *http.Request) {
			if exchange.From(r.Context()) == live {
				t.Errorf("%q was taken for a live exchange's", field)
			}
		})
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["Traceparent"] = []string{field}
		h.ServeHTTP(httptest.NewRecorder(), r)
	})
}
