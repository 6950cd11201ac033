package source_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/identity/source"
)

// fixed is a source that finds the same in every request, and counts them.
type fixed struct {
	found source.Found
	asked int
}

func (f *fixed) Find(context.Context, *http.Request) source.Found {
	f.asked++
	return f.found
}

func known(id string) source.Found {
	return source.Found{Outcome: source.Known, Principal: gatehouse.Principal{ID: id, Issuer: "test"}}
}

func TestFirst_SeveralCredentials_TakesFirstInOrder(t *testing.T) {
	nothing, unknown := source.Found{}, source.Found{Outcome: source.Unknown, Credential: [32]byte{1}}
	invalid := source.Found{Outcome: source.Invalid, Decision: gatehouse.Denied("signature", gatehouse.Place{}, "forged")}
	for _, c := range []struct {
		name  string
		finds []source.Found
		want  source.Outcome
		id    string
		asked int // how many sources were asked
	}{
		{"no source", nil, source.None, "", 0},
		{"none of them", []source.Found{nothing, nothing}, source.None, "", 2},
		{"the second alone", []source.Found{nothing, known("ann")}, source.Known, "ann", 2},
		{"the first of two", []source.Found{known("ann"), known("bob")}, source.Known, "ann", 1},
		{"a false one is not mended by the next", []source.Found{invalid, known("bob")}, source.Invalid, "", 1},
		{"an unknown one is not replaced by the next", []source.Found{unknown, known("bob")}, source.Unknown, "", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var all []source.Source
			var counted []*fixed
			for _, f := range c.finds {
				one := &fixed{found: f}
				all, counted = append(all, one), append(counted, one)
			}
			got := source.First(all...).Find(t.Context(), httptest.NewRequest("GET", "/", nil))
			if got.Outcome != c.want || got.Principal.ID != c.id {
				t.Errorf("found %v %q, want %v %q", got.Outcome, got.Principal.ID, c.want, c.id)
			}
			asked := 0
			for _, one := range counted {
				asked += one.asked
			}
			if asked != c.asked {
				t.Errorf("%d sources were asked, want %d", asked, c.asked)
			}
		})
	}
}

func TestFound_ZeroValue_IsNobody(t *testing.T) {
	var found source.Found
	if found.Outcome != source.None || found.Principal.Known() || found.Decision.Verdict != gatehouse.Deny {
		t.Errorf("the zero value is %+v, want no credential, nobody, and a decision that denies", found)
	}
}

func TestOutcome_String_NamesEach(t *testing.T) {
	for o, want := range map[source.Outcome]string{
		source.None: "none", source.Known: "known", source.Unknown: "unknown", source.Invalid: "invalid", 9: "Outcome(9)",
	} {
		if got := o.String(); got != want {
			t.Errorf("Outcome(%d) is called %q, want %q", uint8(o), got, want)
		}
	}
}
