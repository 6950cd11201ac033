//go:build !race

package signin_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse/identity/signin"
)

// TestModel_TwelveFrameworksAndMore_ToldApartIn200Of200 tells each answer of each
// framework 200 times with people, tokens and sessions of its own: by a model
// that has learned nothing, and by one that learns on the way.
func TestModel_TwelveFrameworksAndMore_ToldApartIn200Of200(t *testing.T) {
	for _, folder := range []string{"answers", "heldout"} {
		for _, f := range corpus(t, folder) {
			t.Run(folder+"/"+f.name, func(t *testing.T) {
				finder, learning := newFinder(t), newModel(t, nil)
				random := rand.New(rand.NewPCG(7, uint64(len(f.name))))
				for try := range 200 {
					for _, section := range slices.Sorted(maps.Keys(expected)) {
						want := expected[section]
						if _, has := f.sections[section]; !has {
							continue
						}
						p := &person{rand: random, account: fmt.Sprintf("person%c%d@example.com", 'a'+try%26, try), password: "Wörd-" + strconv.Itoa(try)}
						r, in := f.request(t, p)
						a := finder.Find(r, in)
						if a.Kind != signin.SignIn || a.Account != p.account || a.Ambiguous || a.Batch || len(a.Secrets) != 1 || a.Secrets[0].Reveal() != p.password {
							t.Fatalf("%s: found %v of %q, ambiguous %v, %d secrets: %s", section, a.Kind, a.Account, a.Ambiguous, len(a.Secrets), a.Why)
						}
						answer := f.answer(t, p, section)
						for name, model := range map[string]*signin.Model{"untrained": newModel(t, nil), "learning": learning} {
							v := model.Judge(r, a, answer)
							if v.Outcome != want {
								t.Fatalf("try %d, %s, %s: %v with score %d: %s", try, name, section, v.Outcome, v.Score, v.Why)
							}
							// A route whose path does not say what it is must have been seen to
							// take some and refuse others first.
							binds := want == signin.Success && (a.Named || name == "learning" && try > 10)
							if v.Binds != binds && (a.Named || name == "untrained" || try == 0 || try > 10) {
								t.Fatalf("try %d, %s, %s: binds is %v", try, name, section, v.Binds)
							}
							if strings.Contains(v.Why, p.account) || strings.Contains(v.Why, p.password) {
								t.Errorf("the words hold what the client sent: %s", v.Why)
							}
						}
					}
				}
			})
		}
	}
}
