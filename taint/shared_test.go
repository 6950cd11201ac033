package taint_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/taint"
)

// A guard is one for all sessions and requests: it judges, learns, takes a
// person's word and is saved at the same time. What is known stays known, and an
// attack is refused whatever is learned meanwhile.
func TestGuard_SharedByManyAtOnce_DecidesAsOne(t *testing.T) {
	const workers, rounds = 8, 40
	g := newGuard(t, taint.Options{MaxTemplates: 64, MaxQuarantine: 64}, ordinary...)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range rounds {
				g.Learn(statement(fmt.Sprintf("SELECT c%d FROM t%d WHERE id = %d", i, w, i)), taint.Origin{ID: fmt.Sprint(w)}, time.Unix(int64(i), 0))
				if d := g.Judge(statement(ordinary[i%len(ordinary)]), of("x", "lamp", "anna")); !d.Known || d.Verdict != gatehouse.Pass {
					t.Errorf("an ordinary statement: %+v", d)
				}
				attack := statement("SELECT id, name FROM products WHERE id = 3 OR 1=1")
				attack.Exchange = "x"
				if d := g.Judge(attack, of("x", "3 OR 1=1")); d.Verdict != gatehouse.Deny {
					t.Errorf("an attack: %+v", d)
				}
				switch i % 4 {
				case 0:
					for _, s := range g.Suspects()[:min(1, len(g.Suspects()))] {
						g.Accept(s.Account, s.Shape, time.Unix(int64(i), 0))
					}
				case 1:
					_ = g.Templates()
				case 2:
					_ = g.Stats()
				}
			}
		})
	}
	wg.Wait()
	if n := len(g.Templates()); n > 64 {
		t.Errorf("%d templates, beyond the bound", n)
	}
}
