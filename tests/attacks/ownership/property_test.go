package ownership

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// newCrowd is people of every tenant and role, whose things a property draws.
func newCrowd() *world {
	r := rand.New(rand.NewPCG(3, 8))
	w := &world{people: map[string]*user{}}
	for i := range 8 {
		name := fmt.Sprintf("p%d", i)
		w.people[name] = &user{
			ID: int64(11 + i*7), Name: name + "@example.com", Tenant: []string{"acme", "globex"}[i%2], Role: "user", Secret: canary(r), password: "pass " + letters(r, 8),
		}
	}
	w.people["p6"].Role, w.people["p7"].Role = "admin", "admin"
	return w
}

var drawnKinds = []string{"orders", "documents", "invoices", "reports", "receipts"}

// draw puts other things into the world.
func (w *world) draw(t *rapid.T) {
	w.things = nil
	people := rapid.SampledFrom([]string{"p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7"})
	n := rapid.IntRange(1, 12).Draw(t, "things")
	for i := range n {
		u := w.people[people.Draw(t, "owner")]
		x := &thing{
			Kind: rapid.SampledFrom(drawnKinds).Draw(t, "kind"), Owner: u.ID, Tenant: u.Tenant, Secret: fmt.Sprintf("canary-%d-%d", i, rapid.Uint32().Draw(t, "secret")),
			Status: "new", Shared: []int64{},
		}
		x.ID = fmt.Sprint(100 + 10*i + rapid.IntRange(0, 9).Draw(t, "id"))
		switch x.Kind {
		case "documents":
			x.ID = fmt.Sprintf("%08x-1111-4222-a333-%012x", rapid.Uint32().Draw(t, "uuid"), i)
		case "invoices":
			x.ID = "inv-" + x.ID
		}
		if x.Kind == "orders" || x.Kind == "documents" {
			for _, other := range rapid.SliceOfNDistinct(people, 0, 3, rapid.ID).Draw(t, "shared") {
				x.Shared = append(x.Shared, w.people[other].ID)
			}
		}
		w.things = append(w.things, x)
	}
}

// drawn is a request for anything: what there is, or not, by several ways.
func (w *world) drawn(t *rapid.T) entry {
	x := rapid.SampledFrom(w.things).Draw(t, "thing")
	other := rapid.SampledFrom(w.things).Draw(t, "other thing")
	id := x.ID
	if rapid.IntRange(0, 9).Draw(t, "missing") == 0 {
		id = "999999"
	}
	one := "/api/" + x.Kind + "/" + id
	list := "/api/" + x.Kind
	switch rapid.IntRange(0, 9).Draw(t, "way") {
	case 0:
		return entry{Method: "GET", Target: list}
	case 1:
		return entry{Method: "GET", Target: list + fmt.Sprintf("?user_id=%d", other.Owner)}
	case 2:
		return entry{Method: "PUT", Target: one, Body: `{"status":"x"}`, Change: true}
	case 3:
		return entry{Method: "DELETE", Target: one, Change: true}
	case 4:
		return entry{Method: "POST", Target: "/api/search", Body: fmt.Sprintf(`{"user_id":%d}`, other.Owner)}
	case 5:
		if x.Kind == "orders" {
			return entry{Method: "POST", Target: "/api/bulk", Body: fmt.Sprintf(`{"ids":[%q,%q]}`, id, number(other.ID)), Change: true}
		}
		return entry{Method: "POST", Target: list, Body: `{"status":"x"}`, Change: true} // a new one
	case 6:
		if x.Kind == "orders" {
			return entry{Method: "GET", Target: "/api/order?id=" + id}
		}
		if x.Kind != "receipts" {
			return entry{Method: "GET", Target: one + "/raw"}
		}
	case 7:
		if x.Kind == "orders" {
			return entry{Method: "DELETE", Target: "/api/order?id=" + id, Change: true}
		}
	}
	return entry{Method: "GET", Target: one}
}

// items are what of an answer a person sees: the things of a list with its counts,
// or one thing.
func items(text string) (all []string) {
	var v any
	if json.Unmarshal([]byte(text), &v) != nil {
		return []string{text}
	}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, one := range v {
				walk(one)
			}
		case map[string]any:
			if _, is := v["secret"]; is {
				line, _ := json.Marshal(v) // it was read from JSON
				all = append(all, string(line))
				return
			}
			for name, one := range v {
				if n, ok := one.(float64); ok {
					all = append(all, fmt.Sprint(name, "=", n))
				}
				walk(one)
			}
		}
	}
	walk(v)
	slices.Sort(all)
	return all
}

// TestGate_BeforeCarelessBackend_ShowsWhatTheTwinShows draws people, things and
// requests: what comes through the gate is what a correct application shows and
// does. Where the gate refuses what the twin allows, its rules must not know; and
// that is counted.
func TestGate_BeforeCarelessBackend_ShowsWhatTheTwinShows(t *testing.T) {
	if long() {
		if err := flag.Set("rapid.checks", "5000"); err != nil {
			t.Fatal(err)
		}
	}
	w, db := newCrowd(), sqliteShelf(t)
	db.define(t)
	db.fill(t, w)
	tenancy := newTenancy(db)
	for _, u := range w.people {
		tenancy.users[u.Name] = u
	}
	bare, twin := serve(t, &backend{tenancy, false}), serve(t, &backend{tenancy, true})
	gate := startSite(t, bare, settings(w.everybody(), false))
	straight := newClient(t, &http.Transport{DisableCompression: true})
	people := map[string]*person{}
	for i := range 8 {
		name := fmt.Sprintf("p%d", i)
		people[name] = gate.enter(w.people[name], i, i%3 == 0)
	}
	sent, refused, shown := 0, 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		w.draw(rt)
		for range rapid.IntRange(1, 5).Draw(rt, "requests") {
			e := w.drawn(rt)
			p := people[rapid.SampledFrom([]string{"p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7"}).Draw(rt, "who")]
			try := func(c *http.Client, origin string) (*answered, map[string]string) {
				db.fill(t, w)
				tenancy.mu.Lock()
				tenancy.made = 0 // new things have the same identifiers
				tenancy.mu.Unlock()
				a := read(t, c, e.request(t, origin, p))
				return a, db.snapshot(t)
			}
			want, after := try(straight, twin)
			got, really := try(gate.client, gate.origin)
			sent++
			switch {
			case want.StatusCode < 300 && got.StatusCode == http.StatusNotFound && strings.Contains(gate.why(got.request()), "owner-unknown"):
				refused++ // the rules can't tell
				t.Logf("unknown: %s %s %s: %s", e.Method, e.Target, e.Body, gate.why(got.request()))
			case got.StatusCode/100 != want.StatusCode/100:
				rt.Fatalf("%s %s %s of %s: %d, the twin %d: %s\n%s", e.Method, e.Target, e.Body, p.Name, got.StatusCode, want.StatusCode, gate.why(got.request()), got.text)
			case want.StatusCode < 300 && !slices.Equal(items(got.text), items(want.text)):
				rt.Fatalf("%s %s of %s shows\n%v\nthe twin\n%v", e.Method, e.Target, p.Name, items(got.text), items(want.text))
			case len(changed(after, really)) > 0:
				rt.Fatalf("%s %s %s of %s did otherwise than the twin: %v", e.Method, e.Target, e.Body, p.Name, changed(after, really))
			case want.StatusCode < 300:
				shown++
			}
		}
	})
	t.Logf("%d requests, %d allowed by both, %d that no rule could tell of", sent, shown, refused)
	if shown < sent/10 || refused > sent/50 {
		t.Errorf("of %d requests %d were allowed and %d refused for not knowing", sent, shown, refused)
	}
}
