package ownership_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/ownership"
	"github.com/gatehousehq/gatehouse/application/ownership/ledger"
	"github.com/gatehousehq/gatehouse/input"
	"github.com/gatehousehq/gatehouse/store/memory"
)

func TestOwnership_ReadByProbe_IsAskedAgainBehindTheAnswer(t *testing.T) {
	d := open(t, byField, ownership.Rule{Path: "/orders/{id}/{what}", ID: []string{"path:id"}, Owner: ownership.Owner{Probe: "/orders/{id}"}})
	orders(d)
	d.answers["/orders/1/raw"] = ownership.Answer{Status: 200, Header: http.Header{}}
	d.answers["/orders/1/file"] = ownership.Answer{Status: 302, Header: http.Header{"Location": {"https://files.example/signed"}}}
	d.answers["/orders/1/gone"] = ownership.Answer{Status: 404, Header: http.Header{}}
	for name, c := range map[string]struct {
		path   string
		acts   func()
		status int
		probes int
	}{
		"it stays":                    {"/orders/1/raw", nil, 200, 2},
		"it changes hands":            {"/orders/1/raw", func() { d.answers["/orders/1"] = jsonAnswer(`{"user_id":2}`) }, 404, 2},
		"its address does":            {"/orders/1/file", func() { d.answers["/orders/1"] = jsonAnswer(`{"user_id":2}`) }, 404, 2},
		"it goes by being read":       {"/orders/1/raw", func() { delete(d.answers, "/orders/1") }, 200, 2},
		"nobody can say it any more":  {"/orders/1/raw", func() { d.answers["/orders/1"] = ownership.Answer{Status: 500, Header: http.Header{}} }, 404, 2},
		"the backend's own not-found": {"/orders/1/gone", nil, 404, 1},
	} {
		orders(d)
		d.probes, d.acts = nil, c.acts
		if status, why, acted := d.ask(ann, "GET", c.path, ""); status != c.status || !acted || len(d.probes) != c.probes {
			t.Errorf("%s: %d %s, acted %t, %d probes, want %d by %d", name, status, why, acted, len(d.probes), c.status, c.probes)
		}
	}
	d.acts, d.probes = nil, nil
	orders(d)
	if status, _, acted := d.ask(bob, "GET", "/orders/1/raw", ""); status != 404 || acted {
		t.Errorf("a read that is refused reaches the backend: %d", status)
	}
}

func TestOwnership_AnswerThatSaysNothing_IsNotHeld(t *testing.T) {
	d := open(t, byField, ownership.Rule{Path: "/orders/{id}/{what}", ID: []string{"path:id"}, Owner: ownership.Owner{Probe: "/orders/{id}"}}, shopOrders("orders"))
	orders(d)
	parser, err := input.New(input.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for target, want := range map[string]struct{ shows, document, stream bool }{
		"/orders/1": {true, true, true}, "/orders/1/raw": {false, false, false},
		"/graphql?query={orders{no}}": {true, true, true}, "/graphql?token=x": {true, true, false},
	} {
		r := httptest.NewRequest("GET", target, http.NoBody)
		inputs, _ := parser.Parse(r)
		c, _ := d.o.Begin(ownership.Request{Method: "GET", Path: r.URL.Path, Header: http.Header{}, Inputs: inputs, Principal: ann})
		if said := c.Before(t.Context(), d); said.Verdict != gatehouse.Pass || !c.Waits() {
			t.Fatal(target, said)
		}
		stream, document := c.Reads(http.Header{"Content-Type": {"text/event-stream"}}), c.Reads(http.Header{"Content-Type": {"application/json"}})
		if c.Shows() != want.shows || document != want.document || stream != want.stream {
			t.Errorf("%s: shows %t, reads a document %t and a stream %t, want %+v", target, c.Shows(), document, stream, want)
		}
	}
}

// receipts are told by the ledger alone, and /account lists all of them.
func receipts(t *testing.T) *desk {
	d := open(t, ownership.Rule{
		Path: "/receipts/{id}", Owner: ownership.Owner{Ledger: true},
		Gives: []ownership.Giving{{Path: "/checkout", Methods: []string{"POST"}}, {Path: "/account", Methods: []string{"GET"}, All: true}},
	})
	page := http.Header{"Content-Type": {"text/html"}}
	d.answers["/account"] = ownership.Answer{Status: 200, Header: page, Body: []byte(`<a href="/receipts/5">5</a>`), Whole: true}
	d.answers["/receipts/5"] = ownership.Answer{Status: 200, Header: page, Body: []byte("<p>a receipt"), Whole: true}
	return d
}

func TestOwnership_LedgerWithAListOfAll_ForgetsWhatChangedHands(t *testing.T) {
	d := receipts(t)
	list := d.answers["/account"]
	empty := list
	empty.Body = []byte("<p>nothing")
	want := func(who gatehouse.Principal, method, path string, status int, acts func()) {
		t.Helper()
		d.acts = acts
		if got, why, _ := d.ask(who, method, path, ""); got != status {
			t.Errorf("%s %s by %s: %d %s, want %d", method, path, who.ID, got, why, status)
		}
	}
	want(ann, "GET", "/account", 200, nil)
	want(ann, "GET", "/receipts/5", 200, nil)
	want(ann, "DELETE", "/receipts/5", 200, func() { d.answers["/account"] = list })
	want(ann, "GET", "/account", 200, nil)
	want(ann, "GET", "/receipts/5", 404, func() { d.answers["/account"] = empty }) // as it was read
	d.answers["/account"] = list
	want(ann, "GET", "/receipts/5", 404, nil) // it was forgotten
	want(bob, "GET", "/account", 200, nil)    // whose it is now
	want(bob, "GET", "/receipts/5", 200, nil)
	d.answers["/account"] = empty
	want(bob, "DELETE", "/receipts/5", 404, nil) // before the backend acts
	d.answers["/account"] = list
	want(bob, "GET", "/account", 200, nil)
	d.answers["/account"] = ownership.Answer{Status: 500, Header: http.Header{}, Whole: true}
	want(bob, "GET", "/receipts/5", 404, nil)
	d.answers["/account"] = list
	want(bob, "GET", "/receipts/5", 200, nil) // a failure forgets nothing
}

func TestNew_ListOfAllThatCannotBeAskedFor_IsRefused(t *testing.T) {
	s, _ := memory.New(memory.Options{})
	l, err := ledger.New(ledger.Options{Store: s})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	for _, g := range []ownership.Giving{{Path: "/of/{who}", All: true}, {Path: "/account", Methods: []string{"POST"}, All: true}} {
		if _, err := ownership.New(ownership.Options{Ledger: l, Rules: []ownership.Rule{{Path: "/r/{id}", Owner: ownership.Owner{Ledger: true}, Gives: []ownership.Giving{g}}}}); err == nil {
			t.Errorf("%+v is taken", g)
		}
	}
}

// TestOwnership_AnswerThatNamesTheOwner_CorrectsTheLedger has receipts that pages
// show without their owner, and an API with.
func TestOwnership_AnswerThatNamesTheOwner_CorrectsTheLedger(t *testing.T) {
	gives := []ownership.Giving{{Path: "/account", Methods: []string{"GET"}}}
	d := open(t, ownership.Rule{Path: "/receipts/{id}", Thing: "receipts", Owner: ownership.Owner{Ledger: true}, Gives: gives},
		ownership.Rule{Path: "/api/receipts/{id}", Thing: "receipts", Owner: ownership.Owner{Field: []string{"user_id"}, Shared: []string{"shared[]"}, As: "users.id"}})
	d.answers["/account"] = ownership.Answer{Status: 200, Header: http.Header{"Content-Type": {"text/html"}}, Body: []byte(`<a href="/receipts/5">5</a><a href="/receipts/6">6</a>`), Whole: true}
	for _, id := range []string{"5", "6"} {
		d.answers["/receipts/"+id] = ownership.Answer{Status: 200, Whole: true}
		d.answers["/api/receipts/"+id] = jsonAnswer(`{"user_id":2,"shared":[]}`)
		d.answers["/api/receipts/"+id+"?id=7"] = d.answers["/api/receipts/"+id]
	}
	want := func(who gatehouse.Principal, path string, status int) {
		t.Helper()
		if got, why, _ := d.ask(who, "GET", path, ""); got != status {
			t.Errorf("%s by %s: %d %s, want %d", path, who.ID, got, why, status)
		}
	}
	want(ann, "/account", 200)
	want(ann, "/receipts/5", 200)
	want(bob, "/api/receipts/5?id=7", 200) // who knows what this is about
	want(ann, "/receipts/5", 200)
	want(bob, "/api/receipts/5", 200) // it is bob's now
	want(ann, "/receipts/5", 404)
	want(bob, "/receipts/5", 200)
	want(ann, "/receipts/6", 200)
	want(ann, "/api/receipts/6", 404) // it is hers no more
	want(ann, "/receipts/6", 404)
	d.answers["/api/receipts/6"] = jsonAnswer(`{"user_id":2,"shared":[1]}`)
	want(ann, "/api/receipts/6", 200) // which makes it nobody's
	want(ann, "/receipts/6", 404)
}

func TestOwnership_AtWrite_LetsThoseChangeWithWhomTheOwnerShares(t *testing.T) {
	own := ownership.Owner{Field: []string{"user_id"}, Shared: []string{"shared[]"}, As: "users.id", Column: "orders.user_id", AtWrite: true}
	below := ownership.Owner{Probe: "/orders/{id}", As: "users.id", Column: "orders.user_id", AtWrite: true}
	o, err := ownership.New(ownership.Options{
		Rules: []ownership.Rule{{Path: "/orders/{id}", Thing: "orders", Owner: own}, {Path: "/orders/{id}/cancel", Thing: "orders", Owner: below}},
		Shares: []ownership.Share{
			{Thing: "orders", ID: "8", Principal: "ann@example.com", Until: time.Now().Add(time.Hour), Change: true, Reason: "test"},
			{Thing: "orders", ID: "9", Principal: "ann@example.com", Until: time.Now().Add(time.Hour), Reason: "test"},
			{Thing: "orders", ID: "11", Principal: "ann@example.com", Until: time.Now().Add(time.Hour), Change: true, Reason: "test"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{t: t, o: o, answers: map[string]ownership.Answer{}}
	for id, text := range map[string]string{"1": `{"user_id":1}`, "5": `{"user_id":2,"shared":[3,1]}`, "7": `{"user_id":2,"shared":[]}`, "8": `{"user_id":2}`, "9": `{"user_id":2}`} {
		d.answers["/orders/"+id] = jsonAnswer(text)
	}
	for _, c := range []struct {
		path   string
		status int
		writes []string
	}{
		{"/orders/1", 200, []string{"1"}},
		{"/orders/1/cancel", 204, []string{"1"}},
		{"/orders/5", 200, []string{"1", "2"}}, // by the answer's own word
		{"/orders/5/cancel", 204, []string{"1", "2"}},
		{"/orders/7", 404, nil},
		{"/orders/7/cancel", 404, nil},
		{"/orders/8", 200, []string{"1", "2"}}, // by a share
		{"/orders/8/cancel", 204, []string{"1", "2"}},
		{"/orders/9", 404, nil},            // by one for reading
		{"/orders/10", 204, []string{"1"}}, // which is not there: the statement tells
		{"/orders/11/cancel", 204, nil},    // by one whose owner nobody knows
		{"/orders/12/cancel", 204, []string{"1"}},
	} {
		d.writes = nil
		status, why, _ := d.ask(ann, "POST", c.path, "")
		if got := d.writes["orders.user_id"]; status != c.status || !slices.Equal(got, c.writes) {
			t.Errorf("%s: %d %s, rows of %v; want %d, %v", c.path, status, why, got, c.status, c.writes)
		}
	}
}

func TestOwnership_RowsOfWhoSharesTheThing_MayBeShown(t *testing.T) {
	d := open(t, ownership.Rule{Path: "/orders/{id}", Methods: []string{"GET"}, Owner: ownership.Owner{Field: []string{"user_id"}, Shared: []string{"shared[]"}, As: "users.id"}},
		ownership.Rule{Path: "/orders/{id}/raw", Owner: ownership.Owner{Probe: "/orders/{id}", As: "users.id", Column: "orders.user_id"}})
	d.answers["/orders/5"] = jsonAnswer(`{"user_id":2,"shared":[1]}`)
	d.answers["/orders/7"] = jsonAnswer(`{"user_id":2}`)
	for _, c := range []struct {
		path   string
		rows   tableRows
		status int
	}{
		{"/orders/5/raw", tableRows{"2"}, 200},
		{"/orders/5/raw", tableRows{"1", "2"}, 200},
		{"/orders/5/raw", tableRows{"3"}, 404}, // it changed hands meanwhile
		{"/orders/5/raw", tableRows{"2", "3"}, 404},
		{"/orders/7/raw", tableRows{"2"}, 404},
	} {
		d.answers[c.path] = ownership.Answer{Status: 200, Header: http.Header{}, Whole: true, Rows: c.rows}
		if status, why, _ := d.ask(ann, "GET", c.path, ""); status != c.status {
			t.Errorf("%s from rows of %s: %d %s, want %d", c.path, fmt.Sprint(c.rows), status, why, c.status)
		}
	}
}

func TestOwnership_RowsOfALongAnswer_ProveNothing(t *testing.T) {
	d := open(t, ownership.Rule{Path: "/orders/{id}/export", Owner: ownership.Owner{Column: "orders.user_id", As: "users.id"}})
	for whole, status := range map[bool]int{true: 200, false: 404} { // more rows may come
		d.answers["/orders/5/export"] = ownership.Answer{Status: 200, Header: http.Header{}, Whole: whole, Rows: tableRows{"1"}}
		if got, why, _ := d.ask(ann, "GET", "/orders/5/export", ""); got != status {
			t.Errorf("whole %t: %d %s, want %d", whole, got, why, status)
		}
	}
}
