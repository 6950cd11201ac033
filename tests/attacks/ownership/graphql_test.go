package ownership

import (
	"reflect"
	"testing"
)

// TestGraphQL_ListThatNamesItsOwners_IsWhatTheTwinShows is the ordinary use beside
// graphql-list: clients that ask for the owner, by whatever name, have their own, what
// is shared with them, and as administrators everything.
func TestGraphQL_ListThatNamesItsOwners_IsWhatTheTwinShows(t *testing.T) {
	w, db := newWorld(devSeeds[0]), sqliteShelf(t)
	db.define(t)
	s := newStand(t, w, db, func(upstream string) (*site, shelf) {
		return startSite(t, upstream, settings(w.everybody(), false)), db
	})
	for _, query := range []string{
		`{ orders { user_id shared secret } }`,
		`{ all: orders { ...F } me { user_id } } fragment F on Thing { who: user_id with: shared what: secret }`,
	} {
		for _, name := range cast {
			e := entry{Method: "POST", Target: "/graphql", Body: `{"query":"` + query + `"}`}
			want := read(t, s.straight, e.request(t, s.twin, s.people[name]))
			bare := read(t, s.straight, e.request(t, s.bare, s.people[name]))
			got := s.gate.do(s.people[name], e.Method, e.Target, e.Body)
			if w.people[name].admin() == (want.text != bare.text) {
				t.Fatalf("%s: the bare backend shows %s, its twin %s", name, bare.text, want.text)
			}
			if !reflect.DeepEqual(decoded(got.text), decoded(want.text)) {
				t.Errorf("%s asks %s: %d %s\nwant %s: %s", name, query, got.StatusCode, got.text, want.text, s.gate.why(got.request()))
			}
		}
	}
}
