package exchange_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/exchange"
	"github.com/gatehousehq/gatehouse/input"
	"github.com/gatehousehq/gatehouse/taint"
)

func begin(t testing.TB, table *exchange.Table, r *http.Request, o input.Options) *exchange.Exchange {
	t.Helper()
	p, err := input.New(o)
	if err != nil {
		t.Fatal(err)
	}
	x, err := table.Begin()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { table.End(x) })
	if x.Inputs, err = p.Parse(r); err != nil {
		t.Fatal(err)
	}
	return x
}

func places(candidates []taint.Candidate) map[string]string {
	found := map[string]string{}
	for _, c := range candidates {
		found[c.Value] = c.Place.String()
	}
	return found
}

func TestCandidates_AreInputsThatCanMatter(t *testing.T) {
	r := httptest.NewRequest("POST", "/search/o'brien?q=o%27brien&page=2&sort=price+desc", strings.NewReader("q=twice&r=o%27brien&s=body+text"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	r.Header.Set("Accept-Language", "en-US,en;q=0.9, de--")
	r.Header.Set("User-Agent", "Mozilla/5.0 (X11)")
	r.Header.Set("X-Forwarded-For", "192.0.2.7")
	x := begin(t, newTable(t, 0), r, input.Options{})
	got := places(x.Candidates())
	for value, place := range map[string]string{
		"o'brien": "path:1", "search": "path:0", "price desc": "query:sort", "body text": "form:s", "twice": "form:q",
		"Mozilla/5.0 (X11)": "header:User-Agent", "192.0.2.7": "header:X-Forwarded-For", "en-US,en;q=0.9, de--": "header:Accept-Language",
	} {
		if got[value] != place {
			t.Errorf("%q stands at %q, want %q", value, got[value], place)
		}
	}
	for _, value := range []string{"2", "q", "text/html,application/xhtml+xml,*/*;q=0.8", "example.com", "application/x-www-form-urlencoded"} {
		if place, ok := got[value]; ok {
			t.Errorf("%q of %s is a candidate: it cannot matter", value, place)
		}
	}
	seen := map[string]bool{}
	for _, c := range x.Candidates() {
		if seen[c.Value] {
			t.Errorf("%q is there twice", c.Value)
		}
		if seen[c.Value] = true; c.Exchange != x.ID {
			t.Errorf("%q is of exchange %q, want %q", c.Value, c.Exchange, x.ID)
		}
	}
}

func TestCandidates_StructuralHeaderWithAttack_IsOne(t *testing.T) {
	for name, values := range map[string]struct{ ordinary, attacks []string }{
		"Host": {
			[]string{"shop.example.com", "[::1]:8443", "xn--bcher-kva.example"},
			[]string{"a' or 1=1", "x--", "a;b", "a/**/b", "1 or 1", "1--xn--"},
		},
		"Accept": {
			[]string{"*/*", "text/*;q=0.5, image/webp", "application/signed-exchange;v=b3;q=0.7", "application/vnd.api+json"},
			[]string{"text/html' or ''='", "text/html union", "1/**/or/**/1", "a/*b", "1;drop table x", "1 ; vacuum", "f(x)", `a"b`, "a\tb", "1--", "x;--=1"},
		},
		"Content-Type": {
			[]string{"application/json", "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxk"},
			[]string{"text/plain; charset='x'", "application/json;--", "text/plain; a=b c"},
		},
		"Range":             {[]string{"bytes=0-499, -500"}, []string{"bytes=0 or 1=1"}},
		"If-Modified-Since": {[]string{"Tue, 15 Nov 1994 08:12:31 GMT"}, []string{"Tue, 15 Nov 1994 08:12:31 GMT or 1"}},
		"Accept-Encoding":   {[]string{"gzip, deflate, br;q=1.0"}, []string{"gzip'--"}},
		"Connection":        {[]string{"keep-alive, Upgrade"}, []string{"keep-alive or 1"}},
	} {
		for _, v := range values.ordinary {
			if headerIsCandidate(t, name, v) {
				t.Errorf("%s: %s is a candidate", name, v)
			}
		}
		for _, v := range values.attacks {
			if !headerIsCandidate(t, name, v) {
				t.Errorf("%s: %s is no candidate", name, v)
			}
		}
	}
}

func headerIsCandidate(t *testing.T, name, value string) bool {
	t.Helper()
	r := httptest.NewRequest("GET", "/", nil)
	if name == "Host" {
		r.Host = value
	} else {
		r.Header.Set(name, value)
	}
	x := begin(t, newTable(t, 0), r, input.Options{})
	return slices.ContainsFunc(x.Candidates(), func(c taint.Candidate) bool { return c.Value == value })
}

func TestCandidates_BeforeTheRequestWasParsed_AreNone(t *testing.T) {
	x, _ := newTable(t, 0).Begin()
	if got := x.Candidates(); len(got) != 0 {
		t.Errorf("Candidates() = %v before the inputs were parsed", got)
	}
	x.NoteRow("body", "stored before parsing")
	r := httptest.NewRequest("GET", "/?q=afterwards", nil)
	x.Inputs = begin(t, newTable(t, 0), r, input.Options{}).Inputs
	if got := places(x.Candidates()); got["afterwards"] != "query:q" || got["stored before parsing"] != "row:body" {
		t.Errorf("Candidates() = %v, want the row and the input", got)
	}
}

func TestCandidates_StreamedBody_GrowWithIt(t *testing.T) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for i := range 40 {
		if err := form.WriteField(fmt.Sprint("f", i), fmt.Sprint("value ", i, strings.Repeat(".", 1000))); err != nil {
			t.Fatal(err)
		}
	}
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("POST", "/", &body)
	r.Header.Set("Content-Type", form.FormDataContentType())
	x := begin(t, newTable(t, 0), r, input.Options{Limit: 8 << 10})
	if !x.Inputs.Streamed() {
		t.Fatal("the body is held, and was to be streamed")
	}
	before := x.Candidates()
	copied := slices.Clone(before)
	piece := make([]byte, 4<<10)
	grown := 0
	for {
		n, err := r.Body.Read(piece)
		if len(x.Candidates()) > len(before) {
			grown++
		}
		if n == 0 && err != nil {
			break
		}
	}
	if grown < 3 {
		t.Errorf("the candidates grew while %d pieces passed, want more", grown)
	}
	if !slices.Equal(before, copied) {
		t.Error("a slice given before was changed")
	}
	if got := places(x.Candidates()); got["value 3"+strings.Repeat(".", 1000)] != "multipart:f3" {
		t.Error("a field of the streamed body is no candidate")
	}
}

func TestCandidates_NothingAdded_AllocatesNothing(t *testing.T) {
	r := httptest.NewRequest("GET", "/?q=something&r=other", nil)
	x := begin(t, newTable(t, 0), r, input.Options{})
	x.NoteRow("name", "a value of a row")
	if n := testing.AllocsPerRun(100, func() { x.Candidates(); x.NoteRow("name", "a value of a row") }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func TestNoteRow_KeepsTextOnceAndItsOwn(t *testing.T) {
	r := httptest.NewRequest("GET", "/?q=known+input", nil)
	x := begin(t, newTable(t, 0), r, input.Options{})
	memory := []byte("changed later")
	x.NoteRow("body", string(memory))
	for _, v := range []string{"changed later", "known input", "short", ""} {
		x.NoteRow("other", v)
	}
	copy(memory, "XXXXXXX")
	got := places(x.Candidates())
	if got["changed later"] != "row:body" || got["known input"] != "query:q" || got["short"] != "" || len(got) != 2 {
		t.Errorf("Candidates() = %v", got)
	}
	if x.RowsCut() {
		t.Error("RowsCut() with four values")
	}
}

func TestNoteRow_BeyondItsBounds_KeepsBeginningAndTells(t *testing.T) {
	many, _ := newTable(t, 0).Begin()
	for i := range exchange.MaxRows {
		many.NoteRow("n", fmt.Sprint("value ", i))
	}
	if many.RowsCut() {
		t.Error("RowsCut() though every value is there")
	}
	many.NoteRow("n", "one value more")
	many.NoteRow("n", "and another")
	if got := len(many.Candidates()); got != exchange.MaxRows || !many.RowsCut() {
		t.Errorf("%d candidates, RowsCut() = %v", got, many.RowsCut())
	}

	large, _ := newTable(t, 0).Begin()
	large.NoteRow("n", "xyz"+strings.Repeat("é", exchange.MaxRowBytes))
	got := large.Candidates()
	if len(got) != 1 || !large.RowsCut() {
		t.Fatalf("%d candidates, RowsCut() = %v", len(got), large.RowsCut())
	}
	if v := got[0].Value; len(v) != exchange.MaxRowBytes-1 || !utf8.ValidString(v) {
		t.Errorf("kept %d bytes, valid: %v; want whole characters within the bound", len(v), utf8.ValidString(v))
	}
}

func TestExchange_ConcurrentStatements_ShareCandidates(t *testing.T) {
	r := httptest.NewRequest("GET", "/?a=first+input&b=second+input", nil)
	x := begin(t, newTable(t, 0), r, input.Options{})
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 50 {
				x.NoteRow("c", fmt.Sprint("row of ", w%4, " number ", i))
				for _, c := range x.Candidates() {
					if c.Value == "" || c.Exchange != x.ID {
						t.Error("a candidate is incomplete")
					}
				}
				x.Refuse(gatehouse.Decision{Rule: fmt.Sprint(w)})
			}
		})
	}
	wg.Wait()
	if got := len(x.Candidates()); got != 202 {
		t.Errorf("%d candidates, want 2 inputs and 200 rows", got)
	}
}

func TestRefuse_FirstDecisionStays(t *testing.T) {
	x, _ := newTable(t, 0).Begin()
	if d, ok := x.Refusal(); ok {
		t.Fatalf("Refusal() = %v before any", d)
	}
	x.Refuse(gatehouse.Decision{Verdict: gatehouse.Pass, Rule: "structure"})
	x.Refuse(gatehouse.Denied("other", gatehouse.Place{}, "later"))
	if d, ok := x.Refusal(); !ok || d.Rule != "structure" || d.Verdict != gatehouse.Deny {
		t.Errorf("Refusal() = %v, %v; want the first, denying", d, ok)
	}
}

func BenchmarkCandidates_Cached(b *testing.B) {
	r := httptest.NewRequest("GET", "/?a=first+input&b=second+input", nil)
	table, err := exchange.NewTable(exchange.Options{})
	if err != nil {
		b.Fatal(err)
	}
	x := begin(b, table, r, input.Options{})
	b.ReportAllocs()
	for b.Loop() {
		x.Candidates()
	}
}
