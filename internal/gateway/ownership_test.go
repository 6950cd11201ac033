package gateway

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gatehousehq/gatehouse/application/ownership"
)

// A market is an office whose people have orders, which it shows and changes for
// whoever is signed in.
type market struct {
	office
	orders  map[string]map[string]any
	changed atomic.Int32
	probed  atomic.Int32
}

func newMarket() *market {
	return &market{office: office{sessions: map[string]string{}}, orders: map[string]map[string]any{
		"1": {"id": 1, "owner": "ann", "street": "Ann's street"}, "2": {"id": 2, "owner": "bob", "street": "Bob's street"}, "3": {"id": 3, "owner": "ann", "street": "Ann's second street"},
	}}
}

func (m *market) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Gate-Probe") != "" {
		m.probed.Add(1)
	}
	id, one := strings.CutPrefix(r.URL.Path, "/api/orders/")
	switch {
	case r.URL.Path == "/api/orders":
		var all []any
		for _, id := range []string{"1", "2", "3"} {
			all = append(all, m.orders[id])
		}
		m.write(w, r, map[string]any{"total": len(all), "orders": all})
	case one && m.orders[id] == nil:
		http.Error(w, "no order "+id, http.StatusNotFound)
	case one && r.Method != http.MethodGet:
		m.changed.Add(1)
		w.WriteHeader(http.StatusNoContent)
	case one:
		m.write(w, r, m.orders[id])
	default:
		m.office.ServeHTTP(w, r)
	}
}

func (m *market) write(w http.ResponseWriter, r *http.Request, v any) {
	w.Header().Set("Content-Type", "application/json")
	body, _ := json.Marshal(v)
	if r.Header.Get("Accept-Encoding") != "gzip" {
		_, _ = w.Write(body)
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	_, _ = z.Write(body)
	_ = z.Close()
}

const marketRules = `
application:
  ownership:
    rules:
    - {path: "/api/orders/{id}", owner: {field: owner}}
    - {path: /api/orders, methods: [GET], items: "orders[]", counts: [total], owner: {field: owner}}
`

func marketGate(t *testing.T, more string) (*testGate, *market, *visitor, *visitor) {
	m := newMarket()
	g := newGate(t, m, written(t, "network: {trusted_proxies: [127.0.0.1]}\n"+more+marketRules))
	g.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	ann, bob := &visitor{g: g, from: "192.0.2.1"}, &visitor{g: g, from: "192.0.2.2"}
	ann.signIn("ann", officePasswords["ann"])
	bob.signIn("bob", officePasswords["bob"])
	return g, m, ann, bob
}

func TestOwnership_Enforced_ShowsAndChangesOwnThingsAlone(t *testing.T) {
	g, m, ann, bob := marketGate(t, "modes: {application/ownership: enforce}\n")
	if a := ann.do("GET", "/api/orders/1", ""); a.StatusCode != http.StatusOK || !strings.Contains(a.text, "Ann's street") {
		t.Fatalf("the owner: %d %s", a.StatusCode, a.text)
	}
	a := bob.do("GET", "/api/orders/1", "")
	gone := bob.do("GET", "/api/orders/99", "")
	if a.StatusCode != http.StatusNotFound || gone.StatusCode != http.StatusNotFound {
		t.Fatalf("another: %d %s; of none: %d", a.StatusCode, a.text, gone.StatusCode)
	}
	if plain(a.text) != plain(gone.text) || len(a.Header) != len(gone.Header) {
		t.Errorf("what is another's is told from what does not exist:\n%s\n%s", a.text, gone.text)
	}
	for _, e := range g.told(a.Header.Get(RequestIDHeader)) {
		if e.Name == "authz_fail" && (e.Rung != ownership.Rung || e.Rule != ownership.RuleOther) {
			t.Errorf("told as %s %s: %s", e.Rung, e.Rule, e.Evidence)
		}
	}
	if a := bob.do("PUT", "/api/orders/1", "street=x"); a.StatusCode != http.StatusNotFound || m.changed.Load() != 0 {
		t.Errorf("another's change: %d, the backend changed %d", a.StatusCode, m.changed.Load())
	}
	if a := ann.do("PUT", "/api/orders/1", "street=x"); a.StatusCode != http.StatusNoContent || m.changed.Load() != 1 {
		t.Errorf("the owner's change: %d, the backend changed %d", a.StatusCode, m.changed.Load())
	}
	if m.probed.Load() != 2 {
		t.Errorf("%d probes for two changes", m.probed.Load())
	}
	if a := (&visitor{g: g, from: "192.0.2.9"}).do("GET", "/api/orders/1", ""); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("nobody: %d", a.StatusCode)
	}
}

// plain is a problem's text without the request's identifier.
func plain(body string) string {
	var doc map[string]any
	if json.Unmarshal([]byte(body), &doc) == nil {
		delete(doc, "instance")
		delete(doc, "request_id")
	}
	return fmt.Sprint(doc)
}

func TestOwnership_List_IsCutAndCounted(t *testing.T) {
	_, _, ann, bob := marketGate(t, "modes: {application/ownership: enforce}\n")
	for who, want := range map[*visitor][2]string{ann: {`"total":2`, "Ann's second"}, bob: {`"total":1`, "Bob's"}} {
		a := who.do("GET", "/api/orders", "")
		if a.StatusCode != http.StatusOK || !strings.Contains(a.text, want[0]) || !strings.Contains(a.text, want[1]) || who == bob && strings.Contains(a.text, "Ann") {
			t.Errorf("%s: %d %s", who.from, a.StatusCode, a.text)
		}
		if a.Header.Get("Cache-Control") != "private" {
			t.Errorf("a shared cache may keep it: %q", a.Header.Get("Cache-Control"))
		}
	}
}

func TestOwnership_CompressedAnswer_IsReadAndCut(t *testing.T) {
	g, _, _, bob := marketGate(t, "modes: {application/ownership: enforce}\n")
	cookie := "Cookie: sid=" + bob.cookies["sid"]
	if a := g.get("/api/orders/1", cookie, "Accept-Encoding: gzip"); a.StatusCode != http.StatusNotFound {
		t.Errorf("another's: %d", a.StatusCode)
	}
	if a := g.get("/api/orders/2", cookie, "Accept-Encoding: gzip"); a.StatusCode != http.StatusOK || a.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("own: %d %v", a.StatusCode, a.Header)
	}
	if a := g.get("/api/orders", cookie, "Accept-Encoding: gzip"); a.Header.Get("Content-Encoding") != "" || !strings.Contains(a.text, `"total":1`) {
		t.Errorf("the list: %v %s", a.Header, a.text)
	}
}

func TestOwnership_Observing_TellsAndChangesNothing(t *testing.T) {
	g, m, _, bob := marketGate(t, "")
	a := bob.do("GET", "/api/orders/1", "")
	if a.StatusCode != http.StatusOK || !strings.Contains(a.text, "Ann's") {
		t.Fatalf("observed and not let pass: %d %s", a.StatusCode, a.text)
	}
	if told := g.told(a.Header.Get(RequestIDHeader)); len(told) != 1 || told[0].Rule != ownership.RuleOther {
		t.Errorf("told %+v", told)
	}
	if a := bob.do("GET", "/api/orders/99", ""); a.StatusCode != http.StatusNotFound || !strings.Contains(a.text, "no order 99") {
		t.Errorf("the backend's own word was changed: %d %s", a.StatusCode, a.text)
	}
	if a := bob.do("PUT", "/api/orders/1", "street=x"); a.StatusCode != http.StatusNoContent || m.changed.Load() != 1 {
		t.Errorf("a change: %d", a.StatusCode)
	}
	if a := bob.do("GET", "/api/orders", ""); !strings.Contains(a.text, `"total":3`) {
		t.Errorf("a list was cut: %s", a.text)
	}
}
